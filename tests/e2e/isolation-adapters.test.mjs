// Adapters in processes of their own: what a bad one does to its tenant, and that
// it does nothing to any other.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { build, Gateway, start, temporary, tenant, until } from './harness.mjs';

const sanitized = !['', 'no', undefined].includes(process.env.USHER_SANITIZERS);
const adapter = (module, more = '') => ({ adapter: `{ module = "${module}"; ${more} }` });
const person = { email: 'user@example.com', name: 'John Doe' };
let gw;

before(async () => {
	gw = await start({
		tenants: {
			alpha: tenant('alpha', adapter('misbehave.so')),
			/* Time enough for what ends by itself, however busy the machine; and little. */
			beta: tenant('beta', adapter('hostile.so', 'deadline_ms = 30000;')),
			hasty: tenant('hasty', { url: null, ...adapter('hostile.so', 'deadline_ms = 100;') }),
		},
	});
});
after(() => gw?.stop());

/** The processes that a gateway has started. */
function children(pid) {
	const of = (p) => {
		try {
			return Number(/^PPid:\s*(\d+)/m.exec(fs.readFileSync(`/proc/${p}/status`, 'utf8'))[1]);
		} catch {
			return 0;
		}
	};
	return fs.readdirSync('/proc').filter((p) => /^\d+$/.test(p) && of(p) === pid).map(Number);
}
const alive = (pid) => {
	try {
		return !/^State:\s*Z/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
	} catch {
		return false;
	}
};
const recovered = (slug = 'beta') => until(async () => (await gw.handoff(slug, person)).status === 302, 'the bad tenant to be back');

/** Handoffs of the good tenant, one after the other, until told to stop. */
function neighbour() {
	const state = { stopped: false, done: 0, bad: [] };
	state.finished = (async () => {
		while (!state.stopped) {
			const r = await gw.handoff('alpha', person, { plain: true });
			state.done++;
			if (r.status !== 302)
				state.bad.push(`${r.status} ${r.text}`);
		}
	})();
	return state;
}

test('usherctl tells how each adapter does', async () => {
	assert.equal((await gw.handoff('alpha', person)).status, 302);
	const alpha = JSON.parse((await gw.ctl('--json', 'tenants')).out).find((t) => t.slug === 'alpha').adapter;
	assert.equal(alpha.isolation, 'process');
	assert.ok(children(gw.child.pid).includes(alpha.pid));
	assert.ok(alpha.calls >= 1);
	assert.deepEqual([alpha.given_up, alpha.failures, alpha.timeouts], [false, 0, 0]);
	assert.match((await gw.ctl('tenants')).out, new RegExp(`process ${alpha.pid}; \\d+ calls, 0 too late`));
	const status = JSON.parse((await gw.ctl('--json', 'status')).out);
	assert.deepEqual([status.adapters, status.adapters_inside, status.adapters_up, status.adapters_restarting, status.adapters_given_up], [3, 0, 3, 0, 0]);
	assert.match((await gw.ctl('status')).out, /^adapters: 0 in this process, 3 in processes of their own: 3 up, 0 restarting, 0 given up for now$/m);
});

test('one process for each adapter, with nothing of the gateway in it', () => {
	const pids = children(gw.child.pid);
	assert.equal(pids.length, 3);
	for (const pid of pids) {
		const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
		assert.match(status, /^Seccomp:\s*2$/m);
		assert.match(status, /^NoNewPrivs:\s*1$/m);
		assert.match(status, /^CapEff:\s*0+$/m);
		if (process.getuid() === 0) {
			assert.doesNotMatch(status, /^Uid:\s*0\s/m);
			assert.deepEqual(fs.readdirSync(`/proc/${pid}/fd`).sort(), ['0', '1', '2', '3']);
			assert.equal(fs.readFileSync(`/proc/${pid}/environ`, 'utf8'), '');
		}
	}
});

test('an adapter of the gateway\'s own user does nothing to it, nor to its like', async () => {
	const plain = { url: null, home: null, origins: null };
	const options = {
		tenants: {
			alpha: tenant('alpha', { ...plain, ...adapter('misbehave.so') }),
			assault: tenant('assault', { ...plain, ...adapter('assault.so') }),
		},
		gateway: { listen: '( { url = "http://127.0.0.1:0"; } )' },
	};
	let other;
	if (process.getuid() === 0) {
		/* An ordinary user, who has no others to give. */
		const nobody = Number(execFileSync('id', ['-u', 'nobody']));
		/* Who runs what lies where they may look: a checkout may be in root's home. */
		const programs = temporary('programs');
		fs.mkdirSync(path.join(programs, 'gateway'));
		fs.chmodSync(programs, 0o755);
		for (const name of ['usherd', 'usher-adapter-host'])
			fs.copyFileSync(path.join(build, 'gateway', name), path.join(programs, 'gateway', name));
		other = new Gateway({ ...options, build: programs, through: ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups'] });
		fs.chownSync(other.dir, nobody, nobody);
		fs.chmodSync(other.conf, 0o755);
	} else {
		other = new Gateway(options);
	}
	await other.start();
	try {
		const pids = children(other.child.pid);
		assert.equal(pids.length, 2);
		const uids = [other.child.pid, ...pids].map((p) => /^Uid:\s*(\d+)/m.exec(fs.readFileSync(`/proc/${p}/status`, 'utf8'))[1]);
		assert.equal(new Set(uids).size, 1, uids.join(', '));
		/* It says what it was let do, and does not start then. */
		assert.deepEqual(other.log.filter((l) => l.includes('"assault"') && /"level":"(error|warn)"/.test(l) && !l.includes('"setting":"identity"')), []);
		for (const pid of [other.child.pid, ...pids]) {
			const limits = fs.readFileSync(`/proc/${pid}/limits`, 'utf8');
			assert.match(limits, /^Max cpu time\s+unlimited\s+unlimited/m);
			assert.ok(alive(pid));
		}
		for (const slug of ['alpha', 'assault'])
			assert.equal((await other.handoff(slug, person, { plain: true })).status, 302, slug);
	} finally {
		await other.stop();
	}
});

test('what the sandbox refuses is the adapter\'s own affair', async () => {
	for (const sin of ['socket', 'open', 'thread', 'rwx', 'log', 'stderr', ...(sanitized ? [] : ['allocate'])])
		assert.equal((await gw.handoff('beta', { ...person, sin })).status, 302, sin);
});

test('a bad adapter costs its tenant an answer, and nobody else', async () => {
	const good = neighbour();
	const sins = { fork: 502, exec: 502, junk: 502, hang: 504 };
	if (!sanitized)
		Object.assign(sins, { crash: 502, abort: 502, exit: 502 });
	for (const [sin, status] of Object.entries(sins)) {
		await recovered();
		const slug = status === 504 ? 'hasty' : 'beta';
		const r = await gw.handoff(slug, { ...person, sin });
		assert.equal(r.status, status, `${sin}: ${r.status} ${r.text}`);
		assert.ok(good.bad.length === 0, `after ${sin}: ${good.bad[0]}`);
	}
	await recovered();
	good.stopped = true;
	await good.finished;
	assert.deepEqual(good.bad, []);
	assert.ok(good.done > 10, `${good.done} sign-ins of the neighbour`);
});

test('its failures are told in the log and the metrics', async () => {
	await gw.logs((l) => l.includes('"adapter_process_failed"') && l.includes('"beta"'));
	const metrics = await gw.metrics();
	assert.match(metrics, /usher_adapter_up\{tenant="alpha"\} 1/);
	assert.match(metrics, /usher_adapter_failures_total\{tenant="beta"\} [1-9]/);
	assert.match(metrics, /usher_adapter_timeouts_total\{tenant="hasty"\} [1-9]/);
	assert.match(metrics, /usher_adapter_failures_total\{tenant="alpha"\} 0/);
	assert.match(metrics, /usher_adapter_restarts_total\{tenant="beta"\} [1-9]/);
	assert.match(metrics, /usher_adapter_restarts_total\{tenant="alpha"\} 0/);
	assert.match(metrics, /usher_adapter_breaker_open\{tenant="alpha"\} 0/);
	assert.match(metrics, /usher_adapter_unavailable_total\{tenant="alpha"\} 0/);
	assert.match(metrics, /usher_adapter_call_seconds_count\{tenant="alpha"\} [1-9]/);
});

test('one that fails on and on is given up for now, and is seen to be', async () => {
	/* For seconds, and then it is on trial: what both say is seen while it lasts. */
	await until(async () => {
		await gw.handoff('beta', { ...person, sin: 'junk' });
		const status = JSON.parse((await gw.ctl('--json', 'status')).out);
		return status.adapters_given_up === 1 && status.adapters_restarting === 0 &&
			/usher_adapter_breaker_open\{tenant="beta"\} 1/.test(await gw.metrics());
	}, 'the breaker to open');
	assert.equal((await gw.handoff('alpha', person)).status, 302);
	await recovered();
	assert.equal(JSON.parse((await gw.ctl('--json', 'status')).out).adapters_given_up, 0);
	assert.match(await gw.metrics(), /usher_adapter_breaker_open\{tenant="beta"\} 0/);
});

test('a new configuration starts the new process before the old one ends', async () => {
	const pid = async () => JSON.parse((await gw.ctl('--json', 'tenants')).out).find((t) => t.slug === 'alpha').adapter.pid;
	const before = await pid();
	const good = neighbour();
	gw.writeConf('alpha', tenant('alpha', adapter('misbehave.so', 'deadline_ms = 29999;')));
	assert.equal((await gw.reload()).code, 0);
	const now = await pid();
	assert.notEqual(now, before);
	await until(() => !alive(before), 'the old process to end');
	good.stopped = true;
	await good.finished;
	assert.deepEqual(good.bad, []);
	assert.ok(alive(now));
});

test('one that cannot start keeps the old one', async () => {
	gw.writeConf('alpha', tenant('alpha', adapter('hostile.so', 'config = { sin = "fork"; };')));
	await gw.reload();
	assert.equal((await gw.handoff('alpha', person)).status, 302);
	await gw.logs((l) => l.includes('hostile.so cannot be used') && l.includes('signal 31'));
	gw.writeConf('alpha', tenant('alpha', adapter('misbehave.so')));
	assert.equal((await gw.reload()).code, 0);
});

test('kill -9 of the gateway leaves no process behind', async () => {
	const other = await start({ tenants: { alpha: tenant('alpha', adapter('hostile.so', 'deadline_ms = 60000;')) } });
	const pids = children(other.child.pid);
	assert.equal(pids.length, 1);
	/* One that hangs does not see that its channel was closed. */
	other.handoff('alpha', { ...person, sin: 'hang' }).catch(() => {});
	await until(() => /\bR\b/.test(fs.readFileSync(`/proc/${pids[0]}/stat`, 'utf8')), 'the adapter to hang');
	await other.kill();
	await until(() => !pids.some(alive), 'the processes to end');
});
