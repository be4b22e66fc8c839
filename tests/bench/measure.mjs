// measure: what the benchmarks share: one run of wrk against one process, and a
// table of medians with their spread.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { top } from '../e2e/harness.mjs';

export const rounds = Number(process.env.ROUNDS ?? 5), seconds = Number(process.env.SECONDS ?? 3);
export const THREADS = 2;
const lua = path.join(top, 'tests/bench/load.lua');
const HZ = 100;

/** CPU time of these processes so far; one that ended counts no more. */
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
// wrk writes 850.00us, 1.20ms, 2.00s, 1.00m or, when its clock skipped, -nanus
const ms = (text) => { const m = text.match(/^([\d.]+)(us|ms|s|m)$/); return m ? Number(m[1]) * { us: 0.001, ms: 1, s: 1000, m: 60000 }[m[2]] : NaN; };

/**
 * One run: { rps, p50, p99 (ms), us (CPU a request, of `pids`), pss (MB, of the
 * first of them), bad (answers that are no 2xx or 3xx, and broken connections) }.
 */
export function wrk(pids, port, conns, args) {
	return new Promise((resolve, reject) => {
		const before = cpuSeconds(pids);
		const child = spawn('wrk', ['--latency', `-t${THREADS}`, `-c${conns}`, `-d${seconds}`, '-s', lua, `http://127.0.0.1:${port}`, '--', ...args]);
		let out = '';
		child.stdout.on('data', (d) => { out += d; });
		child.stderr.on('data', (d) => { out += d; });
		child.on('close', () => {
			const count = Number(out.match(/(\d+) requests in/)?.[1]);
			if (!count)
				return reject(new Error(out));
			const broken = out.match(/Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/)?.slice(1) ?? [];
			resolve({
				rps: Number(out.match(/Requests\/sec:\s+([\d.]+)/)[1]),
				p50: ms(out.match(/^ +50% +(\S+)/m)[1]), p99: ms(out.match(/^ +99% +(\S+)/m)[1]),
				us: (cpuSeconds(pids) - before) / count * 1e6, pss: pssKb(pids[0]) / 1024,
				bad: Number(out.match(/Non-2xx or 3xx responses: (\d+)/)?.[1] ?? 0) + broken.reduce((s, n) => s + Number(n), 0),
			});
		});
	});
}

/** Results by name, each with its ratio to what ran just before it. */
export class Results {
	#lists = new Map();

	keep(name, result, base) {
		if (!this.#lists.has(name))
			this.#lists.set(name, []);
		this.#lists.get(name).push({ ...result, ratio: result.rps / base.rps, p99ratio: result.p99 / base.p99 });
	}

	print(title) {
		const columns = ['req/s', 'ratio', 'spread', 'p50 ms', 'p99 ms', 'p99 ratio', 'cpu us', 'PSS MB', 'bad'];
		console.log(title.padEnd(28) + columns.map((c) => c.padStart(c === 'spread' ? 12 : 10)).join(''));
		for (const [name, list] of this.#lists) {
			const of = (k, digits) => median(list.map((r) => r[k])).toFixed(digits).padStart(10);
			const ratios = list.map((r) => r.ratio);
			const spread = `${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)}`;
			const bad = list.reduce((s, r) => s + r.bad, 0);
			console.log(name.padEnd(28) + of('rps', 0) + of('ratio', 3) + spread.padStart(12) + of('p50', 2) + of('p99', 2) +
				of('p99ratio', 2) + of('us', 1) + of('pss', 1) + String(bad).padStart(10));
		}
	}
}
