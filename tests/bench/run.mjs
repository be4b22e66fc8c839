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
import { build, start, temporary, tenant } from '../e2e/harness.mjs';
import { Results, rounds, seconds, THREADS, wrk } from './measure.mjs';

const connections = (process.env.CONNECTIONS ?? '64').split(',').map(Number);
const jobs = process.argv.length > 2 ? process.argv.slice(2) : ['changed', 'same', 'json', 'callback', 'session', 'check', 'tickets', 'dashboard'];
const USERS = 4096;

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

/**
 * The session of somebody with 50 tickets: more than he could open within the
 * hour, so that the first one is copied in the database.
 */
async function visitor(gw) {
	const cookie = await gw.signIn('alpha', { email: 'user1@example.com', name: 'same' });
	const get = (path) => gw.request({ host: 'ticket.alpha.test', path, headers: { Cookie: cookie, Accept: 'text/html' } });
	if ((await get('/api/tickets')).json().tickets.length)
		return cookie;
	const [, csrf] = (await get('/dashboard')).text.match(/"csrf":"([\w-]+)"/);
	const opened = await gw.request({ host: 'ticket.alpha.test', method: 'POST', path: '/api/tickets',
		body: JSON.stringify({ subject: 'A subject of an ordinary length, such as people write', message: 'Hello' }),
		headers: { Cookie: cookie, Origin: 'https://ticket.alpha.test', 'Content-Type': 'application/json', 'X-CSRF-Token': csrf, 'Idempotency-Key': 'one' } });
	if (opened.status !== 201)
		throw new Error(`no ticket: ${opened.status} ${opened.text}`);
	execFileSync('sqlite3', [path.join(gw.state, 'usher.db'), `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 49)
		INSERT INTO tickets(tenant, number, user_id, closed, messages, by_agent, created_ms, updated_ms, key, subject, category)
		SELECT tenant, number + i, user_id, closed, messages, by_agent, created_ms, updated_ms - i, key || i, subject, category FROM tickets, n;`]);
	return cookie;
}

async function argsOf(job, gw, dir, rate) {
	if (job === 'callback')
		return [job, mintTokens(gw, dir, Math.ceil(rate * (seconds + 1)))];
	if (job === 'session' || job === 'check')
		return [job, await gw.signIn('alpha', { email: 'user1@example.com', name: 'same' })];
	if (job === 'tickets' || job === 'dashboard') {
		const cookie = await visitor(gw);
		const list = await gw.request({ host: 'ticket.alpha.test', path: '/api/tickets?limit=49', headers: { Cookie: cookie } });
		if (list.json().tickets.length !== 49 || !list.json().next)
			throw new Error('there are not 50 tickets');
		return [job, cookie];
	}
	return [job];
}

const results = new Results();
const dir = temporary('bench');
const bare = await startBare();
const gateways = jobs.includes('wait') ? { suspend: await startGateway({ USHER_HTTP_WAIT: 'suspend' }), poll: await startGateway({ USHER_HTTP_WAIT: 'poll' }) } : { '': await startGateway({}) };
const work = jobs.includes('wait') ? ['changed'] : jobs;
console.log(`${os.cpus().length} cores, ${rounds} rounds of ${seconds} s, ${THREADS} workers, load generator on the same cores`);
try {
	for (let round = 0; round < rounds; round++)
		for (const conns of connections) {
			const base = await wrk([bare.pid], bare.port, conns, ['bare']);
			results.keep(`bare ${conns}`, base, base);
			for (const job of work)
				for (const [name, gw] of Object.entries(gateways)) {
					const args = await argsOf(job, gw, dir, base.rps);
					results.keep(`${job}${name && ` (${name})`} ${conns}`, await wrk([gw.child.pid], gw.plainPort, conns, args), base);
				}
			process.stderr.write(`round ${round + 1} of ${rounds}, ${conns} connections\r`);
		}
} finally {
	bare.stop();
	for (const gw of Object.values(gateways))
		await gw.stop();
}
results.print('job, connections');
