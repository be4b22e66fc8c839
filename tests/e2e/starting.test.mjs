// Adapters that take their time to start, or for ever: nobody waits for them but
// their own tenants.  What comes first is seen from the order of events, never
// from a clock: the adapter "gate" starts when it is told to.
// needs: prlimit
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { build, collectAdapters, Gateway, runUsherctl, runUsherd, start, temporary, tenant, until } from './harness.mjs';

const user = { email: 'user@example.com', name: 'John Doe' };
const on = (slug, module, more = '') => tenant(slug, { url: null, adapter: `{ module = "${module}.so"; ${more} }` });
const HERE = 'isolation = "none";';
const events = (gw) => gw.log.map((l) => { try { return JSON.parse(l); } catch { return {}; } });
const happened = (gw, event, slug) => events(gw).findIndex((l) => l.event === event && (!slug || l.tenant === slug));
const status = async (gw) => JSON.parse((await gw.ctl('--json', 'status')).out);
const tenants = async (gw) => Object.fromEntries(JSON.parse((await gw.ctl('--json', 'tenants')).out).map((t) => [t.slug, t]));
const gate = async (gw, email) => JSON.parse((await gw.ctl('--json', 'users', 'show', 'slow', email)).out).users[0].attributes.gate;

/**
 * A host program that starts the gate's modules once a file is there: { env, open }.
 * It ends with the gateway, and all that it needs may be read by any user.
 */
function gatehouse() {
	const dir = temporary('gate');
	fs.chmodSync(dir, 0o755);
	const modules = collectAdapters(path.join(dir, 'plugins'));
	const host = path.join(dir, 'host'), opened = path.join(dir, 'opened');
	fs.writeFileSync(host, `#!/bin/sh
for m in gate gate-two; do
	cmp -s /proc/self/fd/4 ${modules}/$m.so || continue
	while [ ! -e ${opened} ] && [ -d /proc/$PPID ]; do sleep 0.01; done
done
exec ${path.join(build, 'gateway/usher-adapter-host')} "$@"
`, { mode: 0o755 });
	return { env: { USHER_ADAPTER_HOST: host }, open: () => fs.writeFileSync(opened, ''), close: () => fs.rmSync(opened, { force: true }) };
}

/** One open file less than it may have: what the gate waits for in the gateway. */
function lower(pid) {
	const [soft] = execFileSync('prlimit', ['--pid', pid, '--nofile', '--raw', '--noheadings', '--output', 'SOFT'], { encoding: 'utf8' }).trim().split(/\s+/);
	execFileSync('prlimit', ['--pid', pid, `--nofile=${Number(soft) - 1}:`]);
}

/** Does one of its threads stand there? */
function isAtGate(pid) {
	try {
		return fs.readdirSync(`/proc/${pid}/task`).some((t) => fs.readFileSync(`/proc/${pid}/task/${t}/comm`, 'utf8') === 'at the gate\n');
	} catch {
		return false;
	}
}

/**
 * Let a process of its own start, and wait for it.  On a machine so busy that its
 * time was over before, it is asked for anew: true.
 */
function release(gw, house, slug) {
	house.open();
	return ready(gw, slug);
}

/** The same for one that no gate holds: a second is not enough for it on a busy machine. */
async function serves(gw, slug) {
	await ready(gw, slug);
	assert.equal((await gw.handoff(slug, user)).status, 302);
}

async function ready(gw, slug) {
	let isAnew = false;
	await until(async () => {
		const { adapter } = (await tenants(gw))[slug];
		if (adapter.state === 'refused') {
			isAnew = true;
			await gw.reload();
		}
		return adapter.state === 'ready';
	}, `${slug}'s adapter to be ready`);
	return isAnew;
}

test('six constructors that hang hold up neither readiness nor their neighbours', async () => {
	const hung = ['h1', 'h2', 'h3', 'h4', 'h5', 'h6'];
	const gw = await start({
		gateway: { adapter_start: '1' },
		tenants: { good: on('good', 'fieldmap'), plain: tenant('plain', { url: null }), ...Object.fromEntries(hung.map((slug) => [slug, on(slug, 'constructor-hang')])) },
	});
	assert.equal((await gw.handoff('plain', user)).status, 302);
	await serves(gw, 'good');
	const refused = await gw.handoff('h3', user, { headers: { Origin: 'https://h3.test' } });
	assert.equal(refused.status, 503, refused.text);
	assert.ok(Number(refused.headers['retry-after']) > 0);
	assert.equal(refused.headers['access-control-allow-origin'], 'https://h3.test');
	// What becomes of each is told later, and each has had its own time.
	await until(() => hung.every((slug) => happened(gw, 'adapter_not_started', slug) >= 0), 'all of them to be refused');
	const ready = happened(gw, 'ready');
	for (const slug of hung) {
		assert.ok(ready < happened(gw, 'adapter_not_started', slug), `ready before ${slug} was given up`);
		assert.match(events(gw)[happened(gw, 'adapter_not_started', slug)].text, /not ready within 5 seconds/);
		assert.equal((await gw.handoff(slug, user)).status, 503);
	}
	const now = await until(async () => {
		const all = await status(gw);
		return all.adapters_refused === 6 && all;
	}, 'the verdicts, also of a reload');
	assert.equal(now.tenants_broken, 6);
	assert.equal(now.tenants_serving, 2);
	assert.equal(now.findings.errors, 6, 'the report was brought up to date');
	assert.ok(now.findings.findings.filter((f) => f.level === 'error').every((f) => /not ready within 5 seconds/.test(f.problem)));
	assert.match((await gw.ctl('tenants')).out, /h1 +broken[^]*adapter constructor-hang.so, refused: it was not ready within 5 seconds/);
	assert.match(await gw.metrics(), /^usher_tenants_broken 6$/m);
	await gw.stop();
});

test('one that is late serves by itself once it is ready', async () => {
	const house = gatehouse();
	const gw = await start({ env: house.env, gateway: { adapter_start: '1' }, tenants: { slow: on('slow', 'gate'), good: on('good', 'fieldmap') } });
	await until(async () => {
		// As long as it starts it is refused, and shown. One that starts at the end did so
		// all the while; where its time was over, anew.
		const answer = await gw.handoff('slow', user), metrics = await gw.metrics(), state = await status(gw);
		const { state: now, adapter } = (await tenants(gw)).slow;
		assert.equal(answer.status, 503);
		if (now !== 'starting') {
			await gw.reload();
			return false;
		}
		assert.equal(adapter.state, 'starting');
		assert.equal(state.tenants_starting, 1);
		assert.equal(state.adapters_starting, 1);
		assert.match(state.findings.findings.find((f) => f.tenant === 'slow' && f.level === 'error').problem, /gate\.so is not ready after 1 s: sign-ins are answered 503/);
		assert.match(metrics, /^usher_tenants_starting 1$/m);
		return true;
	}, 'a look at it while it starts');
	// Of one that a reload waited for long enough there is nothing to tell.
	if (!await release(gw, house, 'slow'))
		await until(() => happened(gw, 'adapter_started', 'slow') >= 0, 'the log to say so');
	await gw.arrive('slow', user);
	assert.equal(await gate(gw, user.email), '1');
	const now = await status(gw);
	assert.equal(now.tenants_serving, 2);
	assert.equal(now.findings.errors, 0, 'what was said of it holds no more');
	assert.equal((await gw.reload()).code, 0, 'nothing is amiss, and nothing is started anew');
	await gw.stop();
});

test('at a reload the last good one serves until the next is ready', async () => {
	const house = gatehouse();
	const gw = await start({ env: house.env, gateway: { adapter_start: '1' }, tenants: { slow: on('slow', 'fieldmap') } });
	await serves(gw, 'slow');
	const before = (await tenants(gw)).slow.adapter;
	gw.writeConf('slow', on('slow', 'gate-two'));
	const reload = await gw.reload();
	assert.equal(reload.code, 1, 'a script that reloads notices');
	assert.match(reload.out, /slow\.conf:\d+: error: tenant slow: adapter\.module gate-two\.so is not ready after 1 s: the one before it goes on/);
	assert.equal((await gw.handoff('slow', user)).status, 302);
	assert.equal((await tenants(gw)).slow.state, 'serving');
	process.kill(before.pid, 0);
	await release(gw, house, 'slow');
	await gw.arrive('slow', { ...user, email: 'next@example.com' });
	assert.equal(await gate(gw, 'next@example.com'), '2');
	await until(() => !fs.existsSync(`/proc/${before.pid}`), 'the old one to be let go');
	// One that never becomes ready changes nothing for its users.
	gw.writeConf('slow', on('slow', 'constructor-hang'));
	await gw.reload();
	await until(async () => (await tenants(gw)).slow.adapter.state === 'refused', 'it to be refused');
	await gw.arrive('slow', { ...user, email: 'last@example.com' });
	assert.equal(await gate(gw, 'last@example.com'), '2');
	assert.match((await gw.ctl('tenants')).out, /slow +serving[^]*refused; the one before it serves: it was not ready/);
	await gw.stop();
});

test('who waits for a reload holds up nobody who ends a person\'s access', async () => {
	const gw = await start({ gateway: { adapter_start: '60' }, tenants: { slow: tenant('slow', { url: null }), good: on('good', 'fieldmap') } });
	await gw.signIn('slow', user);
	const cookie = await gw.signIn('slow', { ...user, email: 'other@example.com' });
	const ids = JSON.parse((await gw.ctl('--json', 'sessions', 'slow')).out).sessions;
	// In this process the gate holds the reload for as long as it may wait.
	gw.writeConf('good', on('good', 'gate', HERE));
	const ctl = (...args) => runUsherctl('--socket', path.join(gw.state, 'admin.sock'), ...args);
	const order = [];
	const reloads = [1, 2, 3].map(async () => {
		const r = await ctl('reload');
		order.push('reloaded');
		return r;
	});
	await until(() => isAtGate(gw.child.pid), 'the reload to hang');
	assert.ok(JSON.parse((await ctl('--json', 'status')).out).reloading);
	const other = ids.find((s) => s.user.email === 'other@example.com');
	for (const args of [['session', 'end', other.id], ['users', 'block', 'slow', user.email], ['users', 'erase', 'slow', user.email], ['tenants'], ['status']]) {
		const r = await ctl(...args);
		assert.equal(r.code, 0, `${args}: ${r.err}`);
		order.push(args.slice(0, 2).join(' '));
	}
	assert.equal((await gw.request({ host: 'tickets.test', path: '/auth/session', headers: { Cookie: cookie } })).status, 401);
	assert.equal((await gw.handoff('slow', user)).status, 302);
	assert.equal((await gw.handoff('good', user)).status, 302);
	// HUPs meanwhile are one more reload, and so is all that usherctl asks.
	gw.child.kill('SIGHUP');
	gw.child.kill('SIGHUP');
	assert.deepEqual(order, ['session end', 'users block', 'users erase', 'tenants', 'status'], 'no reload was answered before');
	let there = 0;
	const all = Promise.all(reloads).then((r) => { there = 1; return r; });
	await until(async () => {
		lower(gw.child.pid);
		return there;
	}, 'the reloads');
	for (const r of await all)
		assert.equal(r.code, 0, r.out + r.err);
	await until(async () => !JSON.parse((await ctl('--json', 'status')).out).reloading, 'all to be done');
	const times = events(gw).filter((l) => l.event === 'reloaded').length;
	assert.ok(times >= 1 && times <= 4, `${times} reloads for five that asked`);
	await gw.stop();
});

test('a stop waits for no module, and a HUP before the start is not lost', async () => {
	// A thread that hangs in a module is left, and so is a reload that waits for it.
	const early = new Gateway({ gateway: { adapter_start: '60' }, tenants: { slow: on('slow', 'gate', HERE), good: on('good', 'fieldmap') } });
	const starting = early.start().then(() => 'ready', () => 'ended');
	await until(() => early.child && isAtGate(early.child.pid), 'it to hang');
	early.child.kill('SIGTERM');
	assert.equal(await starting, 'ended');
	assert.deepEqual(early.exited, { code: 0, signal: null });
	assert.ok(happened(early, 'stopped') >= 0);

	const gw = new Gateway({ gateway: { adapter_start: '60' }, tenants: { slow: on('slow', 'gate', HERE) } });
	const ready = gw.start();
	await until(() => gw.child && isAtGate(gw.child.pid), 'it to hang');
	gw.child.kill('SIGHUP');
	let up = false;
	ready.then(() => { up = true; });
	await until(() => {
		if (!up)
			lower(gw.child.pid);
		return up;
	}, 'readiness');
	await until(() => happened(gw, 'reloaded') >= 0, 'the reload that was asked for');
	gw.writeConf('slow', on('slow', 'gate-two', HERE));
	gw.child.kill('SIGHUP');
	await until(() => isAtGate(gw.child.pid), 'it to hang');
	await gw.stop();
	assert.ok(happened(gw, 'stopped') >= 0);
});

test('--check and --strict wait for each verdict', async () => {
	const gw = new Gateway({ gateway: { adapter_start: '1' }, tenants: {
		one: on('one', 'constructor-hang'), two: on('two', 'constructor-hang'), here: on('here', 'constructor-hang', HERE), good: on('good', 'fieldmap'),
	} });
	for (const r of [await runUsherd('--config', gw.conf, '--check'), await gw.ctl('check')]) {
		assert.equal(r.code, 1);
		for (const slug of ['one', 'two'])
			assert.match(r.out, new RegExp(`tenant ${slug}: adapter.module constructor-hang.so cannot be used: it was not ready within 5 seconds`));
		assert.match(r.out, /tenant here: adapter.module constructor-hang.so cannot be used: it was not loaded within 5 seconds/);
		assert.doesNotMatch(r.out, /error: tenant good/);
	}
	const strict = await runUsherd('--config', gw.conf, '--foreground', '--strict');
	assert.equal(strict.code, 1);
	assert.match(strict.err, /not ready within 5 seconds/);
	assert.doesNotMatch(strict.err, /"event":"ready"/);
});

test('on_failure passes nothing over that is not known to be advisory', async () => {
	const house = gatehouse();
	const gw = await start({ env: house.env, gateway: { adapter_start: '1' }, tenants: { slow: on('slow', 'gate', 'on_failure = "default";') } });
	// It never says so, whatever it does first: neither while it starts nor after.
	assert.equal((await gw.handoff('slow', user)).status, 503);
	assert.ok(happened(gw, 'adapter_passed_over') < 0);
	house.open();
	await until(async () => {
		const { adapter } = (await tenants(gw)).slow;
		if (!adapter)
			return true;	/* a reload found it out */
		assert.notEqual(adapter.state, 'ready');
		if (adapter.state === 'refused' && !/refuses nobody/.test(adapter.problem))
			await gw.reload();
		return adapter.state === 'refused' && /refuses nobody/.test(adapter.problem);
	}, 'it to be refused for what it is');
	assert.equal((await gw.handoff('slow', user)).status, 503);
	await gw.stop();
});
