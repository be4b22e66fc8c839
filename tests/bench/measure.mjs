// measure: what the benchmarks share: one run of wrk against one process, and
// tables of medians with their spread.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { build, temporary, top } from '../e2e/harness.mjs';

export const rounds = Number(process.env.ROUNDS ?? 5), seconds = Number(process.env.SECONDS ?? 3);
export const THREADS = 2;
const lua = path.join(top, 'tests/bench/load.lua');
const HZ = 100;
let runs = 0;

/** CPU time of these processes so far, all their threads; one that ended counts no more. */
function cpuSeconds(pids) {
	let sum = 0;
	for (const pid of pids)
		try {
			const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
			const f = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
			sum += (Number(f[11]) + Number(f[12])) / HZ;
		} catch {
			// it ended meanwhile
		}
	return sum;
}
export const pssKb = (pid) => Number(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8').match(/^Pss:\s+(\d+)/m)[1]);
export function median(xs) {
	const sorted = xs.filter((x) => !Number.isNaN(x)).sort((a, b) => a - b);
	return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}
/** "0.52-0.61" */
export const spread = (xs, digits = 2) => `${Math.min(...xs).toFixed(digits)}-${Math.max(...xs).toFixed(digits)}`;
// wrk writes 850.00us, 1.20ms, 2.00s, 1.00m or, when its clock skipped, -nanus
const ms = (text) => { const m = text.match(/^([\d.]+)(us|ms|s|m)$/); return m ? Number(m[1]) * { us: 0.001, ms: 1, s: 1000, m: 60000 }[m[2]] : NaN; };

/**
 * One run of a job of load.lua: { rps, p50, p99 (ms), us (CPU a request, of
 * `pids`), pss (MB, of the first of them), bad (answers that are no 2xx or 3xx,
 * and broken connections) }; of whole sign-ins also { signIns (a second: those
 * that got a session), signInUs (CPU of each) }.
 */
export function wrk(pids, port, conns, [job, ...args]) {
	return new Promise((resolve, reject) => {
		const before = cpuSeconds(pids);
		const salt = `${process.pid.toString(36)}${(++runs).toString(36)}`;
		const child = spawn('wrk', ['--latency', `-t${THREADS}`, `-c${conns}`, `-d${seconds}`, '-s', lua, `http://127.0.0.1:${port}`, '--', job, salt, ...args]);
		let out = '';
		child.stdout.on('data', (d) => { out += d; });
		child.stderr.on('data', (d) => { out += d; });
		child.on('close', () => {
			const count = Number(out.match(/(\d+) requests in/)?.[1]);
			if (!count)
				return reject(new Error(out));
			const broken = out.match(/Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/)?.slice(1) ?? [];
			const rps = Number(out.match(/Requests\/sec:\s+([\d.]+)/)[1]), us = (cpuSeconds(pids) - before) * 1e6;
			const signedIn = Number(out.match(/^sign-ins: (\d+)/m)?.[1]);
			resolve({
				rps, signIns: signedIn / count * rps, signInUs: us / signedIn,
				p50: ms(out.match(/^ +50% +(\S+)/m)[1]), p99: ms(out.match(/^ +99% +(\S+)/m)[1]),
				us: us / count, pss: pssKb(pids[0]) / 1024,
				bad: Number(out.match(/Non-2xx or 3xx responses: (\d+)/)?.[1] ?? 0) + broken.reduce((s, n) => s + Number(n), 0),
			});
		});
	});
}

/** The same requests at a fixed rate: { sent, bad, p50, p99, max (ms) }; see rate.c. */
export function atRate(port, conns, rate, requests) {
	const file = path.join(temporary('rate'), 'requests');
	fs.writeFileSync(file, requests.map((r) => `${r}\0`).join(''));
	return new Promise((resolve, reject) => {
		const child = spawn(path.join(build, 'tests/bench/rate'), [port, conns, Math.round(rate), seconds, file].map(String), { stdio: ['ignore', 'pipe', 'inherit'] });
		let out = '';
		child.stdout.on('data', (d) => { out += d; });
		child.on('close', (code) => (code === 0 ? resolve(JSON.parse(out)) : reject(new Error(`rate: ${code}`))));
	});
}

/**
 * What a process holds, in MB, and what of it it wrote itself; the rest are pages of
 * files, which others share.
 */
export function memory(pid) {
	const text = fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
	const mb = (name) => Number(text.match(new RegExp(`^${name}:\\s+(\\d+)`, 'm'))[1]) / 1024;
	return { rss: mb('Rss'), own: mb('Private_Dirty') };
}

/** What the figures were taken on. */
export function machine() {
	const cpu = os.cpus();
	const commit = (() => {
		try {
			return execFileSync('git', ['-C', top, 'rev-parse', '--short', 'HEAD'], { stdio: ['ignore', 'pipe', 'ignore'] }).toString().trim();
		} catch {
			return 'no history';
		}
	})();
	return { date: new Date().toISOString().slice(0, 16) + 'Z', commit, cpu: cpu[0].model, cores: cpu.length, kernel: os.release(), load: os.loadavg()[0] };
}

const stealTicks = () => Number(fs.readFileSync('/proc/stat', 'utf8').match(/^cpu +(.*)/)[1].split(' ')[7]);
const stealStart = stealTicks(), clockStart = performance.now();
/** Share of the machine that its host gave to others, since this program started. */
export const stolen = () => (stealTicks() - stealStart) / HZ / ((performance.now() - clockStart) / 1000 * os.cpus().length);

/** A line of progress, on a terminal only. */
export function progress(text) {
	if (process.stderr.isTTY)
		process.stderr.write(`\r\x1b[K${text}`);
}

/** Results by name, each with its ratio to what ran just before it. */
export class Results {
	#lists = new Map();

	/** `base`: what it is compared with, of the same round. */
	keep(name, result, base) {
		if (!this.#lists.has(name))
			this.#lists.set(name, []);
		this.#lists.get(name).push({ ...result, ratio: result.rps / base.rps, cpu: result.us / base.us, p99ratio: result.p99 / base.p99 });
	}

	/** [{ name, and each figure as { median, min, max } }] */
	rows() {
		return [...this.#lists].map(([name, list]) => {
			const row = { name, bad: list.reduce((s, r) => s + r.bad, 0) };
			for (const key of ['rps', 'ratio', 'cpu', 'us', 'p50', 'p99', 'p99ratio', 'pss']) {
				const xs = list.map((r) => r[key]);
				row[key] = { median: median(xs), min: Math.min(...xs), max: Math.max(...xs) };
			}
			return row;
		});
	}

	print(title) {
		const columns = ['req/s', 'ratio', 'spread', 'p50 ms', 'p99 ms', 'cpu us', 'cpu ratio', 'spread', 'PSS MB', 'bad'];
		console.log(title.padEnd(28) + columns.map((c) => c.padStart(c === 'spread' ? 12 : 10)).join(''));
		for (const row of this.rows()) {
			const of = (k, digits) => row[k].median.toFixed(digits).padStart(10);
			const range = (k) => `${row[k].min.toFixed(2)}-${row[k].max.toFixed(2)}`.padStart(12);
			console.log(row.name.padEnd(28) + of('rps', 0) + of('ratio', 3) + range('ratio') + of('p50', 2) + of('p99', 2) +
				of('us', 1) + of('cpu', 2) + range('cpu') + of('pss', 1) + String(row.bad).padStart(10));
		}
	}
}
