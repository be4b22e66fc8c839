// run: the gateway against a bare libmicrohttpd server under the same load, in
// interleaved rounds. Ratios are per round, their median and spread are told:
// the requests per second of a shared machine mean little by themselves.
//
//	ROUNDS=5 SECONDS=3 CONNECTIONS=64,256 tests/bench/run.sh [JOB...]
//
// USHER_HTTP_WAIT=suspend|poll chooses how a worker waits (see http/server.h);
// "wait" as a job measures the two against each other.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { build, start, temporary, tenant, top } from '../e2e/harness.mjs';

const rounds = Number(process.env.ROUNDS ?? 5), seconds = Number(process.env.SECONDS ?? 3);
const connections = (process.env.CONNECTIONS ?? '64').split(',').map(Number);
const jobs = process.argv.length > 2 ? process.argv.slice(2) : ['changed', 'same', 'json', 'callback', 'session', 'check'];
const THREADS = 2, USERS = 4096;
const lua = path.join(top, 'tests/bench/load.lua');
const HZ = 100;

function cpuSeconds(pid) {
	const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
	const f = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
	return (Number(f[11]) + Number(f[12])) / HZ;
}
const pssMb = (pid) => Number(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8').match(/^Pss:\s+(\d+)/m)[1]) / 1024;
const median = (xs) => [...xs].sort((a, b) => a - b)[Math.floor(xs.length / 2)];
// wrk writes 850.00us, 1.20ms, 2.00s, 1.00m or, when its clock skipped, -nanus
const ms = (text) => { const m = text.match(/^([\d.]+)(us|ms|s|m)$/); return m ? Number(m[1]) * { us: 0.001, ms: 1, s: 1000, m: 60000 }[m[2]] : NaN; };

function wrk(pid, port, conns, args) {
	return new Promise((resolve, reject) => {
		const before = cpuSeconds(pid);
		const child = spawn('wrk', ['--latency', `-t${THREADS}`, `-c${conns}`, `-d${seconds}`, '-s', lua, `http://127.0.0.1:${port}`, '--', ...args]);
		let out = '';
		child.stdout.on('data', (d) => { out += d; });
		child.stderr.on('data', (d) => { out += d; });
		child.on('close', () => {
			const count = Number(out.match(/(\d+) requests in/)?.[1]);
			if (!count)
				return reject(new Error(out));
			resolve({
				rps: Number(out.match(/Requests\/sec:\s+([\d.]+)/)[1]),
				p50: ms(out.match(/50%\s+(\S+)/)[1]), p99: ms(out.match(/99%\s+(\S+)/)[1]),
				us: (cpuSeconds(pid) - before) / count * 1e6, pss: pssMb(pid),
				bad: Number(out.match(/Non-2xx or 3xx responses: (\d+)/)?.[1] ?? 0),
			});
		});
	});
}

async function startBare() {
	const child = spawn(path.join(build, 'tests/bench/bare'), [String(THREADS)], { stdio: ['ignore', 'pipe', 'inherit'] });
	const port = await new Promise((r) => child.stdout.once('data', (d) => r(Number(String(d).match(/\d+/)[0]))));
	process.on('exit', () => child.kill('SIGTERM'));
	return { pid: child.pid, port, stop: () => child.kill('SIGTERM') };
}

const options = (env = {}) => ({
	gateway: { rate_limit: '{ requests = 1000000; per = 1; }', log: '{ level = "warn"; format = "json"; }', workers: String(THREADS) },
	tenants: { alpha: tenant('alpha') }, env,
});

async function startGateway(env) {
	const gw = await start(options(env));
	// The users that the callback's tokens name.
	for (let i = 0; i < USERS; i += 64)
		await Promise.all(Array.from({ length: 64 }, (_, n) => gw.handoff('alpha', { email: `user${i + n + 1}@example.com`, name: 'same' }, { plain: true })));
	return gw;
}

/** Tokens for one run, split between wrk's threads. */
function mintTokens(gw, dir, count) {
	const text = execFileSync(path.join(build, 'tests/bench/mint'), [gw.conf, path.join(gw.dir, 'plugins'), 'alpha', String(USERS), String(count)], { maxBuffer: 1 << 30 });
	const half = text.indexOf(10, text.length / 2) + 1;
	fs.writeFileSync(path.join(dir, 'tokens.1'), text.subarray(0, half));
	fs.writeFileSync(path.join(dir, 'tokens.2'), text.subarray(half));
	return path.join(dir, 'tokens');
}

async function argsOf(job, gw, dir, rate) {
	if (job === 'callback')
		return [job, mintTokens(gw, dir, Math.ceil(rate * (seconds + 1)))];
	if (job === 'session' || job === 'check')
		return [job, await gw.signIn('alpha', { email: 'user1@example.com', name: 'same' })];
	return [job];
}

const results = new Map();
const keep = (name, result, base) => {
	if (!results.has(name))
		results.set(name, []);
	results.get(name).push({ ...result, ratio: result.rps / base });
};

const dir = temporary('bench');
const bare = await startBare();
const gateways = jobs.includes('wait') ? { suspend: await startGateway({ USHER_HTTP_WAIT: 'suspend' }), poll: await startGateway({ USHER_HTTP_WAIT: 'poll' }) } : { '': await startGateway({}) };
const work = jobs.includes('wait') ? ['changed'] : jobs;
console.log(`${os.cpus().length} cores, ${rounds} rounds of ${seconds} s, ${THREADS} workers, load generator on the same cores`);
try {
	for (let round = 0; round < rounds; round++)
		for (const conns of connections) {
			const base = await wrk(bare.pid, bare.port, conns, ['bare']);
			keep(`bare ${conns}`, base, base.rps);
			for (const job of work)
				for (const [name, gw] of Object.entries(gateways)) {
					const args = await argsOf(job, gw, dir, base.rps);
					keep(`${job}${name && ` (${name})`} ${conns}`, await wrk(gw.child.pid, gw.plainPort, conns, args), base.rps);
				}
			process.stderr.write(`round ${round + 1} of ${rounds}, ${conns} connections\r`);
		}
} finally {
	bare.stop();
	for (const gw of Object.values(gateways))
		await gw.stop();
}
console.log(`${'job, connections'.padEnd(26)}${'req/s'.padStart(9)}${'ratio'.padStart(8)}${'spread'.padStart(14)}${'p50 ms'.padStart(8)}${'p99 ms'.padStart(8)}${'cpu us'.padStart(8)}${'PSS MB'.padStart(8)}${'bad'.padStart(6)}`);
for (const [name, list] of results) {
	const of = (k) => median(list.map((r) => r[k]));
	const spread = `${Math.min(...list.map((r) => r.ratio)).toFixed(2)}-${Math.max(...list.map((r) => r.ratio)).toFixed(2)}`;
	console.log(`${name.padEnd(26)}${of('rps').toFixed(0).padStart(9)}${of('ratio').toFixed(3).padStart(8)}${spread.padStart(14)}${of('p50').toFixed(2).padStart(8)}${of('p99').toFixed(2).padStart(8)}${of('us').toFixed(1).padStart(8)}${of('pss').toFixed(1).padStart(8)}${String(list.reduce((s, r) => s + r.bad, 0)).padStart(6)}`);
}
