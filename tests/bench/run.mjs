// run: the gateway against a bare libmicrohttpd server, and against an earlier
// build of its own, under the same load and in interleaved rounds.  Ratios are
// per round, their median and spread are told: the requests per second of a
// shared machine mean little by themselves.
//
//	make bench [BASE=COMMIT] [JOBS="handoff new"] [PEERS="laravel lua"]
//	ROUNDS=5 SECONDS=3 CONNECTIONS=64,256 USERS=4096 RESULTS=DIRECTORY ...
//
// Jobs: handoff, json (the post alone); new, changed, same (whole sign-ins, of
// users that the store does not know, knows by another name, knows as they are);
// callback; session, check, tickets, dashboard.
//
// Other ways to do the same job run beside it (peers/): PEERS=none for none.
//
// The figures are kept in RESULTS as bench.json, bench.md, bench.svg and peers.svg.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { build, start, temporary, tenant } from '../e2e/harness.mjs';
import { atRate, machine, memory, progress, Results, rounds, seconds, spread, stolen, THREADS, wrk } from './measure.mjs';
import { Peers } from './peers/run.mjs';
import { plot } from './plot.mjs';
import { tables } from './table.mjs';

const connections = (process.env.CONNECTIONS ?? '64').split(',').map(Number);
const ALL = ['handoff', 'json', 'new', 'changed', 'same', 'callback', 'session', 'check', 'tickets', 'dashboard'];
const jobs = process.argv.length > 2 ? process.argv.slice(2) : ALL;
const kept = process.env.RESULTS ?? path.join(build, 'tests/bench');
const USERS = Number(process.env.USERS ?? 4096), NAME = 'John Q. Doe';

async function startBare() {
	const child = spawn(path.join(build, 'tests/bench/bare'), [String(THREADS)], { stdio: ['ignore', 'pipe', 'inherit'] });
	const port = await new Promise((r) => child.stdout.once('data', (d) => r(Number(String(d).match(/\d+/)[0]))));
	process.on('exit', () => child.kill('SIGTERM'));
	return { pid: child.pid, port, idle: memory(child.pid), stop: () => child.kill('SIGTERM') };
}

/** `from`: whose usherd it is; as if installed, it finds its adapters' host beside itself. */
async function startGateway({ from, env = {} } = {}) {
	const gw = await start({
		gateway: { rate_limit: '{ requests = 1000000; per = 1; }', log: '{ level = "warn"; format = "json"; }', workers: String(THREADS) },
		tenants: { alpha: tenant('alpha') }, env, build: from,
	});
	gw.from = from ?? build;
	gw.idle = memory(gw.child.pid);
	// The users of all jobs but "new", as "same" finds them.  One after the other:
	// mint.c takes their numbers to be in the order of their addresses.
	const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
	for (let i = 1; i <= USERS; i++) {
		const { headers: { location } } = await gw.handoff('alpha', { email: `user${i}@example.com`, name: NAME, company_name: 'Example Ltd' }, { plain: true, agent });
		await gw.callback(location, { plain: true, agent });
		if (i % 256 === 0)
			progress(`user ${i} of ${USERS}`);
	}
	agent.destroy();
	return gw;
}

/** Tokens for one run, split between wrk's threads. */
function mintTokens(gw, dir, count) {
	const text = execFileSync(path.join(gw.from, 'tests/bench/mint'), [gw.conf, path.join(gw.dir, 'plugins'), 'alpha', String(USERS), String(count)], { maxBuffer: 1 << 30 });
	const half = text.indexOf(10, text.length / 2) + 1;
	fs.writeFileSync(path.join(dir, 'tokens.1'), text.subarray(0, half));
	fs.writeFileSync(path.join(dir, 'tokens.2'), text.subarray(half));
	return path.join(dir, 'tokens');
}

/**
 * The session of somebody with 50 tickets: more than they could open within the
 * hour, so that the first one is copied in the database.
 */
async function visitor(gw) {
	const cookie = await gw.signIn('alpha', { email: 'user1@example.com', name: 'John Q. Doe' });
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

/** What load.lua needs for a job, behind its salt. */
async function argsOf(job, gw, dir, rate) {
	if (job === 'callback')
		return [mintTokens(gw, dir, Math.ceil(rate * (seconds + 1)))];
	if (job === 'session' || job === 'check')
		return [await gw.signIn('alpha', { email: 'user1@example.com', name: NAME })];
	if (job === 'tickets' || job === 'dashboard') {
		const cookie = await visitor(gw);
		const list = await gw.request({ host: 'ticket.alpha.test', path: '/api/tickets?limit=49', headers: { Cookie: cookie } });
		if (list.json().tickets.length !== 49 || !list.json().next)
			throw new Error('there are not 50 tickets');
		return [cookie];
	}
	return [];
}

/** An earlier build, where the clone has its commit. */
function buildBase() {
	if (!process.env.BASE)
		return undefined;
	const dir = execFileSync(path.join(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), 'base.sh'),
		[process.env.BASE, path.join(build, 'tests/bench/base')], { stdio: ['ignore', 'pipe', 'inherit'] }).toString().trim();
	if (!dir)
		console.log(`no row for ${process.env.BASE}: it is not in this clone's history`);
	return dir || undefined;
}

/** Times at half of what the job reached, over its own connections. */
async function halfRate(job, gw, rps, conns) {
	const args = await argsOf(job, gw, '', 0);
	const requests = job === 'handoff'
		? Array.from({ length: USERS }, (_, i) => {
			const body = `email=user${i + 1}%40example.com&name=John+Q.+Doe+${i}&company_name=Example+Ltd`;
			return `POST /api/auth/redirect/alpha HTTP/1.1\r\nHost: tickets.test\r\nOrigin: https://alpha.test\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
		})
		: [`GET /auth/${job} HTTP/1.1\r\nHost: ticket.alpha.test\r\nCookie: ${args[0]}\r\n\r\n`];
	return atRate(gw.plainPort, conns, rps / 2, requests);
}

const dir = temporary('bench'), results = new Results(), overBase = new Map();
const on = machine();
const base = buildBase();
const bare = await startBare();
const gateways = { '': await startGateway(), ...(base ? { base: await startGateway({ from: base }) } : {}) };
console.log(`${on.date}, commit ${on.commit}, ${on.cores} x ${on.cpu}, Linux ${on.kernel}; ${rounds} rounds of ${seconds} s, ${THREADS} workers, load generator on the same cores`);
const steps = rounds * connections.length * jobs.length * Object.keys(gateways).length;
let step = 0;
const rates = [], peers = new Peers();
try {
	await peers.start(process.env.PEERS, gateways['']);
	for (let round = 0; round < rounds; round++)
		for (const conns of connections) {
			progress(`bare, ${conns} connections`);
			const floor = await wrk([bare.pid], bare.port, conns, ['bare']);
			results.keep(`bare ${conns}`, floor, floor);
			for (const job of jobs) {
				let mine;
				for (const [name, gw] of Object.entries(gateways)) {
					progress(`${++step} of ${steps}: round ${round + 1}, ${job}, ${conns} connections${name && `, ${name}`}`);
					const result = await wrk([gw.child.pid], gw.plainPort, conns, [job, ...await argsOf(job, gw, dir, floor.rps)]);
					results.keep(`${job}${name && ` (${name})`} ${conns}`, result, floor);
					if (name === 'base') {
						const key = `${job} ${conns}`;
						overBase.set(key, [...overBase.get(key) ?? [], mine.us / result.us]);
					}
					mine ??= result;
				}
			}
			await peers.round(conns, `round ${round + 1}, `);
		}
	for (const job of ['handoff', 'session'].filter((j) => jobs.includes(j))) {
		progress(`${job} at half its rate`);
		const row = results.rows().find((r) => r.name === `${job} ${connections[0]}`);
		rates.push({ job, rate: Math.round(row.rps.median / 2), ...await halfRate(job, gateways[''], row.rps.median, connections[0]) });
	}
} finally {
	bare.stop();
	await peers.stop();
	for (const gw of Object.values(gateways))
		await gw.stop();
	progress('');
}

results.print('job, connections');
for (const [name, xs] of overBase)
	console.log(`${name}: CPU a request ${spread(xs)} of ${process.env.BASE}'s`);
for (const r of rates)
	console.log(`${r.job} at a fixed ${r.rate} a second: p50 ${r.p50} ms, p99 ${r.p99} ms, longest ${r.max} ms, ${r.bad} bad of ${r.sent}`);
peers.print();
const idle = { bare: bare.idle, ...Object.fromEntries(Object.entries(gateways).map(([name, gw]) => [`usher${name && ` (${name})`}`, gw.idle])) };
for (const [name, m] of Object.entries(idle))
	console.log(`${name} idle: ${m.rss.toFixed(1)} MB resident, ${m.own.toFixed(1)} of them its own, the rest pages of programs and libraries`);
console.log(`the host took ${(stolen() * 100).toFixed(1)}% of this machine meanwhile`);

const rows = results.rows();
const group = (job, conns) => ({ name: `${job}, ${conns}`, bars: ['', ' (base)'].map((s) => rows.find((r) => r.name === `${job}${s} ${conns}`)?.cpu) });
fs.mkdirSync(kept, { recursive: true });
const all = { machine: on, rounds, seconds, stolen: stolen(), rows, rates, idle, base: process.env.BASE, overBase: Object.fromEntries(overBase), peers: { rows: peers.rows(), better: peers.better(), absent: peers.absent } };
fs.writeFileSync(path.join(kept, 'bench.json'), JSON.stringify(all, null, '\t'));
fs.writeFileSync(path.join(kept, 'bench.md'), tables(all));
const note = `${on.date.slice(0, 10)}, ${on.cores} x ${on.cpu}, ${rounds} rounds of ${seconds} s; lines: spread of the rounds`;
const drawn = peers.plot(note);
if (drawn)
	fs.writeFileSync(path.join(kept, 'peers.svg'), drawn);
fs.writeFileSync(path.join(kept, 'bench.svg'), plot({
	title: 'Processor time a request, over a bare libmicrohttpd',
	note,
	series: ['usher', ...(base ? [process.env.BASE] : [])],
	groups: connections.flatMap((c) => jobs.map((job) => group(job, c))),
}));
console.log(`kept: ${path.join(kept, 'bench.json')}, bench.md, bench.svg${drawn ? ', peers.svg' : ''}`);
