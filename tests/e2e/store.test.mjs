// The disk under a real gateway: full, gone, replaced, hanging; and a database that was restored.
// What may never be: somebody is signed in and the disk does not know, or as somebody else.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { execFileSync, spawnSync } from 'node:child_process';
import { after, test } from 'node:test';
import { build, start, temporary, tenant, until } from './harness.mjs';

const user = { email: 'user@example.com', name: 'John Doe' };
const sanitized = !['', 'no', undefined].includes(process.env.USHER_SANITIZERS);

const all = [];
after(async () => {
	for (const gw of all)
		if (!gw.exited)
			await gw.kill();
});
/** A gateway whose admin socket is not in the state directory: that may vanish. */
async function gateway(options = {}) {
	const dir = options.dir ?? temporary();
	const gw = await start({ dir, tenants: { alpha: tenant('alpha') }, ...options,
		gateway: { admin: JSON.stringify(`unix:${dir}/admin.sock`), ...options.gateway } });
	all.push(gw);
	return gw;
}

function page(gw, target) {
	return new Promise((resolve, reject) => {
		http.get({ host: '127.0.0.1', port: gw.metricsPort, path: target, agent: false }, (r) => {
			let text = '';
			r.on('data', (d) => { text += d; });
			r.on('end', () => resolve({ status: r.statusCode, text }));
		}).on('error', reject);
	});
}
const isReady = async (gw) => (await page(gw, '/readyz')).status === 200;
const isIn = async (gw, cookie) => (await gw.request({ host: 'ticket.alpha.test', path: '/auth/session', headers: { Cookie: cookie } })).status === 200;
const events = (gw, event) => gw.log.filter((l) => l.includes(`"event":"${event}"`)).map((l) => JSON.parse(l));
const metric = async (gw, name) => Number((await gw.metrics()).match(new RegExp(`^${name} (\\S+)$`, 'm'))?.[1]);

/** 503 as the contract has it: nothing half done, and when to come back. */
function refused(r) {
	assert.equal(r.status, 503, r.text);
	assert.ok(Number(r.headers['retry-after']) >= 1);
	assert.equal(r.headers.location, undefined);
	assert.deepEqual(r.cookies, []);
}

/** The store is in trouble: everything that tells says so, and sessions go on. */
async function checkTrouble(gw, trouble, problem, cookie) {
	const ready = await until(async () => {
		const r = await page(gw, '/readyz');
		return r.status === 503 && r;
	}, 'not to be ready');
	assert.match(ready.text, new RegExp(`\\(${trouble}\\): .*${problem}.*; .+`));
	const line = await until(() => events(gw, 'store_failed').find((l) => l.trouble === trouble), 'the log');
	assert.match(line.problem, new RegExp(problem));
	assert.ok(line.remedy.length > 10);
	assert.equal(line.level, 'error');
	const status = JSON.parse((await gw.ctl('--json', 'status')).out);
	assert.equal(status.store, trouble);
	assert.match(status.store_problem, new RegExp(problem));
	assert.ok(status.store_remedy.length > 10);
	assert.match((await gw.ctl('status')).out, new RegExp(`NOBODY CAN SIGN IN: .*${trouble}`));
	assert.equal(await metric(gw, 'usher_store_ok'), 0);
	assert.equal((await page(gw, '/healthz')).status, 200);
	assert.ok(await isIn(gw, cookie), 'who is signed in stays so');
}

async function checkRecovery(gw, cookie) {
	await until(() => isReady(gw), 'to be ready again, by itself');
	await until(() => events(gw, 'store_recovered').length === 1, 'the log to say so');
	assert.equal(JSON.parse((await gw.ctl('--json', 'status')).out).store, 'ok');
	assert.equal(await metric(gw, 'usher_store_ok'), 1);
	assert.ok(await isIn(gw, cookie));
	assert.ok(await isIn(gw, await gw.signIn('alpha', { email: 'after@example.com', name: 'After' })));
}

/* ---- a full disk -------------------------------------------------------------- */

const maysMount = process.getuid() === 0 && spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;

test('a full disk is said everywhere, once a minute in the log, and over by itself', { skip: !maysMount && 'no right to mount' }, async () => {
	const dir = temporary(), state = path.join(dir, 'state');
	fs.mkdirSync(state);
	const gw = await gateway({ dir, through: ['unshare', '-m', 'sh', '-c', `mount -t tmpfs -o size=2m none ${state} && exec "$@"`, 'sh'] });
	const inside = `/proc/${gw.child.pid}/root${state}`;
	const cookie = await gw.signIn('alpha', user), began = Date.now();
	assert.ok(await isReady(gw));
	assert.equal(await metric(gw, 'usher_store_ok'), 1);
	assert.equal(await metric(gw, 'usher_store_failures_total'), 0);
	const filler = path.join(inside, 'filler');
	const fd = fs.openSync(filler, 'w');
	assert.throws(() => { for (;;) fs.writeSync(fd, Buffer.alloc(512)); }, /ENOSPC/);
	fs.closeSync(fd);
	/* What the WAL has left is used up first. */
	let n = 0;
	const post = () => gw.handoff('alpha', { email: `u${n++}@example.com`, name: 'N'.repeat(200) });
	const r = await until(async () => {
		const one = await post();
		return one.status !== 302 && one;
	}, 'the disk to be full');
	refused(r);
	await checkTrouble(gw, 'disk_full', 'full', cookie);
	const before = await metric(gw, 'usher_store_failures_total');
	for (let i = 0; i < 20; i++)
		refused(await post());
	assert.ok(await metric(gw, 'usher_store_failures_total') >= before + 20);
	await gw.logs((l) => l.includes('"store_failed"'));
	assert.ok(events(gw, 'store_failed').length <= 1 + (Date.now() - began) / 60000, 'one line a minute');
	fs.rmSync(filler);
	await checkRecovery(gw, cookie);
	await gw.stop();
});

/* ---- a state directory, or a database, that goes away ------------------------------ */

const moves = {
	'the state directory vanishes': (state) => [state, `${state}.away`],
	'usher.db is replaced': (state) => [path.join(state, 'usher.db'), path.join(state, 'aside'), true],
	'usher.db is unlinked': (state) => [path.join(state, 'usher.db'), path.join(state, 'aside')],
	'the WAL is unlinked': (state) => [path.join(state, 'usher.db-wal'), path.join(state, 'aside')],
};
for (const [what, names] of Object.entries(moves))
	test(`${what}: nothing is confirmed until it is back`, async () => {
		const gw = await gateway();
		const cookie = await gw.signIn('alpha', user);
		const minted = (await gw.handoff('alpha', user)).headers.location;
		const other = (await gw.handoff('alpha', { email: 'lost@example.com', name: 'Lost' })).headers.location;
		const [there, away, copied] = names(gw.state);
		fs.renameSync(there, away);
		if (copied)
			fs.copyFileSync(away, there);
		/* With nobody who writes, too. */
		await checkTrouble(gw, 'moved', copied ? 'another file' : 'No such file', cookie);
		refused(await gw.handoff('alpha', { email: 'lost@example.com', name: 'Lost' }));
		refused(await gw.callback(minted, { headers: { Accept: 'application/json' } }));
		refused(await gw.callback(other, { headers: { Accept: 'application/json' } }));
		await gw.logs((l) => l.includes('"store_failed"'));
		assert.equal(events(gw, 'store_failed').length, 1);
		fs.renameSync(away, there);
		await checkRecovery(gw, cookie);
		assert.equal((await gw.callback(minted)).status, 302, 'and the token is unspent');
		await gw.stop();
		const rows = execFileSync('sqlite3', ['-cmd', '.timeout 60000', '-readonly', path.join(gw.state, 'usher.db'), 'SELECT email FROM users ORDER BY id'], { encoding: 'utf8' });
		assert.equal(rows, 'user@example.com\nafter@example.com\n');
	});

/* ---- a disk that hangs ---------------------------------------------------------- */

const shim = path.join(build, 'tests/e2e/.libs/slow_disk.so');
const noHang = sanitized && 'a sanitizer must be loaded first';

async function hanging() {
	const dir = temporary(), hang = path.join(dir, 'hang');
	const gw = await gateway({ dir, env: { LD_PRELOAD: shim, SLOW_DISK: hang } });
	const cookie = await gw.signIn('alpha', user);
	const minted = [];
	for (let n = 0; n < 2; n++)
		minted.push((await gw.handoff('alpha', stranger(n))).headers.location);
	/* their trails are written unawaited, and must not be what hangs */
	const id = (await gw.handoff('alpha', stranger(9))).headers['x-request-id'];
	await gw.explain(id);
	fs.writeFileSync(hang, '');
	return { gw, cookie, minted, release: () => fs.rmSync(hang) };
}
const stranger = (n) => ({ email: `stranger${n}@example.com`, name: 'S' });

test('a disk that hangs: who waits is answered, and what was confirmed is there', { skip: noHang }, async () => {
	const { gw, cookie, minted, release } = await hanging();
	/* Three ways to wait. */
	const waiting = [gw.callback(minted[0], { headers: { Accept: 'application/json' } }),
		gw.callback(minted[1], { headers: { Accept: 'text/html' } }),
		gw.request({ host: 'ticket.alpha.test', method: 'POST', path: '/auth/logout',
			headers: { Cookie: cookie, Origin: 'https://ticket.alpha.test', Accept: 'application/json' } })];
	const [json, html, logout] = await Promise.all(waiting);
	[json, html, logout].forEach(refused);
	assert.match(json.headers['x-request-id'], /^[0-9A-Z]{26}$/);
	assert.equal(json.headers['cache-control'], 'no-store');
	assert.equal(json.json().code, 'busy');
	assert.match(html.headers['content-type'], /html/);
	await checkTrouble(gw, 'stuck', 'has not answered', cookie);
	/* Nobody queues behind it, and the operator is not held up. */
	const cors = await gw.handoff('alpha', stranger(2), { headers: { Origin: 'https://alpha.test' } });
	refused(cors);
	assert.equal(cors.headers['access-control-allow-origin'], 'https://alpha.test', 'a page can read it');
	assert.ok(cors.headers['x-ratelimit-limit']);
	assert.ok(await metric(gw, 'usher_store_late_total') >= 3);
	assert.ok(await metric(gw, 'usher_store_busy_seconds') >= 5);
	assert.equal((await gw.reload()).code, 0);
	const blocked = await gw.ctl('users', 'block', 'alpha', user.email);
	assert.notEqual(blocked.code, 0);
	release();
	await until(() => isReady(gw), 'to be ready again, by itself');
	await until(() => events(gw, 'store_recovered').length === 1, 'the log to say so');
	/* Told 503, and done all the same: the logout, and the first two strangers. */
	await until(async () => !await isIn(gw, cookie), 'the logout');
	assert.ok(await isIn(gw, await gw.signIn('alpha', stranger(1))));
	await gw.stop();
	const rows = execFileSync('sqlite3', ['-cmd', '.timeout 60000', '-readonly', path.join(gw.state, 'usher.db'), 'SELECT email FROM users ORDER BY email'], { encoding: 'utf8' });
	assert.equal(rows, 'stranger0@example.com\nstranger1@example.com\nuser@example.com\n');
});

test('a disk that hangs for ever does not keep the gateway from stopping', { skip: noHang }, async () => {
	const { gw, cookie, minted, release } = await hanging();
	const waiting = gw.callback(minted[0], { headers: { Accept: 'application/json' } });
	await until(async () => await metric(gw, 'usher_http_waiting') === 1, 'the request to wait');
	const silent = net.connect(path.join(gw.dir, 'admin.sock'));
	await new Promise((resolve, reject) => silent.on('connect', resolve).on('error', reject));
	silent.removeAllListeners('error').on('error', () => {});
	const stopped = assert.rejects(gw.stop(), /"code":1,"signal":null/);
	refused(await waiting);
	/* Nobody lets go of the disk before it has ended. */
	await stopped;
	assert.equal(events(gw, 'store_not_flushed').length, 1);
	assert.equal(events(gw, 'stopped').length, 0);
	silent.destroy();
	release();
	await gw.start();
	assert.ok(await isIn(gw, cookie), 'what was confirmed is there');
	await gw.stop();
});

/* ---- a database that was restored -------------------------------------------------- */

test('after a restore tokens of before open their own person\'s desk, and nobody else\'s', async () => {
	const dir = temporary();
	const gw = await gateway({ dir });
	await gw.stop();
	const file = path.join(gw.state, 'usher.db'), backup = path.join(dir, 'backup');
	fs.copyFileSync(file, backup);
	await gw.start();
	const alice = { email: 'alice@example.com', name: 'Alice' }, bob = { email: 'bob@example.com', name: 'Bob' };
	await gw.signIn('alpha', alice);
	const old = (await gw.handoff('alpha', alice)).headers.location;
	await gw.kill();
	for (const suffix of ['', '-wal', '-shm'])
		fs.rmSync(file + suffix, { force: true });
	fs.copyFileSync(backup, file);
	await gw.start();
	/* The first whom the restored database knows is another one. */
	await gw.signIn('alpha', bob);
	const r = await gw.callback(old);
	assert.equal(r.status, 302, r.text);
	const session = await gw.request({ host: 'ticket.alpha.test', path: '/auth/session', headers: { Cookie: r.cookies[0].split(';')[0] } });
	assert.equal(session.json().user.email, alice.email);
	await gw.stop();
	const ids = execFileSync('sqlite3', ['-cmd', '.timeout 60000', '-readonly', file, 'SELECT count(DISTINCT id) FROM users'], { encoding: 'utf8' });
	assert.equal(ids, '2\n');
});

/* ---- the trail ---------------------------------------------------------------------- */

test('a deliver hook that fails says why, in the log and to who asks', async () => {
	const gw = await gateway({ tenants: { alpha: tenant('alpha', { adapter: '{ module = "deliver.so"; }' }) } });
	const { location } = (await gw.handoff('alpha', { ...user, go: 'fail' })).headers;
	const r = await gw.callback(location, { headers: { Accept: 'application/json' } });
	assert.equal(r.status, 502, r.text);
	const line = await until(() => events(gw, 'adapter_failed')[0], 'the log');
	assert.equal(line.step, 'deliver');
	assert.match(line.problem, /deliver returned USHER_FAIL/);
	await until(async () => /deliver +adapter_failed .*deliver returned USHER_FAIL/.test((await gw.ctl('explain', r.headers['x-request-id'])).out), 'the trail');
	await gw.stop();
});
