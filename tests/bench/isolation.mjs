// isolation: what an adapter costs a handoff in this process and in one of its
// own, and what a tenant whose adapter misbehaves costs its neighbour.
//
//	ROUNDS=5 SECONDS=3 CONNECTIONS=64 FAULTS=hang,... \
//		node tests/bench/isolation.mjs [cost] [neighbours] [idle]
//
// Interleaved rounds; ratios are to the run just before: "in this process" and
// "in its own" to no adapter, a fault to the same neighbour while it behaves.
import http from 'node:http';
import fs from 'node:fs';
import os from 'node:os';
import { start, tenant, until } from '../e2e/harness.mjs';
import { median, pssKb, Results, rounds, seconds, THREADS, wrk } from './measure.mjs';

const connections = Number(process.env.CONNECTIONS ?? 64);
const parts = process.argv.length > 2 ? process.argv.slice(2) : ['cost', 'neighbours', 'idle'];
const IDLE = 100, FAULTS_A_SECOND = 200;
const faults = (process.env.FAULTS ?? 'write_null,hang,send_junk,flood_log,flood_events,write_flood,map_10g,take_all').split(',');

const gateway = { rate_limit: '{ requests = 1000000; per = 1; }', log: '{ level = "error"; format = "json"; }', workers: String(THREADS) };
// All its hooks run and the one route does not match, so nothing else differs.
// Its deadline is far off: this is about the gateway, not about a busy machine.
const router = (isolation) => ({ adapter: `{ module = "plan-router.so"; isolation = "${isolation}"; deadline_ms = 2000; config = { routes = ( { when = { plan = "none"; }; url = "https://desk.alpha.test/"; } ); }; }` });
const hostile = { adapter: '{ module = "faults.so"; deadline_ms = 50; }' };

/** The processes of adapters, by tenant. */
const processes = async (gw) => Object.fromEntries(JSON.parse((await gw.ctl('--json', 'tenants')).out)
	.filter((t) => t.adapter?.pid).map((t) => [t.slug, t.adapter.pid]));

async function cost() {
	const gw = await start({ gateway, tenants: { none: tenant('none'), inside: tenant('inside', router('none')), own: tenant('own', router('process')) } });
	const results = new Results(), pids = [gw.child.pid, (await processes(gw)).own];
	const run = (slug, fields = '&plan=free') => wrk(pids, gw.plainPort, connections, ['adapter', slug, fields]);
	try {
		await run('none');
		for (let round = 0; round < rounds; round++) {
			const base = await run('none');
			results.keep('no adapter', base, base);
			results.keep('in this process', await run('inside'), base);
			results.keep('in its own', await run('own'), base);
			// Without the field it asks what is stored about the user.
			results.keep('in this process, looks', await run('inside', ''), base);
			results.keep('in its own, looks', await run('own', ''), base);
			process.stderr.write(`cost: round ${round + 1} of ${rounds}\r`);
		}
	} finally {
		await gw.stop();
	}
	results.print('handoff, one adapter');
}

/** The neighbour's handoffs at a fixed rate, whatever comes of them: { answers by status, stop }. */
function bad(gw, fault) {
	const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
	const body = new URLSearchParams({ email: 'user@example.com', name: 'John Doe', ...(fault ? { fault } : {}) }).toString();
	const answers = {};
	const one = () => {
		const request = http.request({
			host: '127.0.0.1', port: gw.plainPort, agent, method: 'POST', path: '/api/auth/redirect/bad',
			headers: { 'Host': 'tickets.test', 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': body.length },
		}, (r) => {
			answers[r.statusCode] = (answers[r.statusCode] ?? 0) + 1;
			r.resume();
		});
		request.on('error', () => { answers.broken = (answers.broken ?? 0) + 1; });
		request.end(body);
	};
	const timer = setInterval(one, 1000 / FAULTS_A_SECOND);
	return { answers, stop: () => { clearInterval(timer); agent.destroy(); } };
}

async function beside(gw, fault, pids) {
	const other = bad(gw, fault);
	try {
		return { result: await wrk(pids, gw.plainPort, connections, ['adapter', 'good']), answers: other.answers };
	} finally {
		other.stop();
	}
}

async function neighbours() {
	const gw = await start({ gateway, tenants: { good: tenant('good', router('process')), bad: tenant('bad', hostile) } });
	const results = new Results(), told = {};
	try {
		const pids = [gw.child.pid, (await processes(gw)).good];
		await wrk(pids, gw.plainPort, connections, ['adapter', 'good']);
		for (let round = 0; round < rounds; round++)
			for (const fault of faults) {
				await until(async () => (await gw.handoff('bad', { email: 'a@b.example', name: 'A' }, { plain: true })).status === 302, 'the bad tenant to be back', 30000);
				const before = await beside(gw, '', pids), during = await beside(gw, fault, pids);
				results.keep('(it behaves)', before.result, before.result);
				results.keep(fault, during.result, before.result);
				for (const [status, n] of Object.entries(during.answers))
					(told[fault] ??= {})[status] = (told[fault][status] ?? 0) + n;
				process.stderr.write(`neighbours: round ${round + 1} of ${rounds}, ${fault}        \r`);
			}
	} finally {
		await gw.stop();
	}
	results.print('good tenant, its neighbour');
	console.log('answers to the neighbour itself:', told);
}

/** Start to ready and memory with so many processes, none of them called. */
async function idle() {
	const tenants = {};
	for (let i = 0; i < IDLE; i++)
		tenants[`t${i}`] = tenant(`t${i}`, router('process'));
	const ready = [];
	let pss;
	for (let round = 0; round < rounds; round++) {
		const from = performance.now();
		const gw = await start({ gateway, tenants });
		ready.push(performance.now() - from);
		try {
			pss = Object.values(await processes(gw)).map(pssKb);
		} finally {
			await gw.stop();
		}
	}
	const mean = pss.reduce((s, n) => s + n, 0) / pss.length;
	console.log(`${pss.length} idle processes: PSS ${mean.toFixed(0)} KiB each (${Math.min(...pss)}-${Math.max(...pss)}), ` +
		`gateway with all of them ready in ${median(ready).toFixed(0)} ms`);
}

console.log(`${os.cpus().length} cores, ${rounds} rounds of ${seconds} s, ${THREADS} workers, ${connections} connections, load generator on the same cores`);
for (const part of parts)
	await { cost, neighbours, idle }[part]();
