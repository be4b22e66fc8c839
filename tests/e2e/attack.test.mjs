// What a hostile visitor, neighbour or partner would try, against the real daemon.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { certificate, Gateway, start, tenant, until } from './harness.mjs';

let gw;
const C = 'ticket.alpha.test';
const user = { email: 'user@example.com', name: 'John Doe' };
const mallory = { email: 'mallory@example.com', name: 'Mallory' };
const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
const BROWSER = 'text/html,application/xhtml+xml,*/*;q=0.8';

before(async () => {
	gw = await start({
		tenants: {
			alpha: tenant('alpha', { name: '"<b>\\"Alpha\\"</b>"' }),
			beta: tenant('beta', { rate_limit: '{ requests = 3; per = 3600; }', url: null }),
		},
	});
});
after(() => gw.stop());

const mint = async (fields = user) => (await gw.handoff('alpha', fields)).headers.location;
const session = (cookie, headers = {}) => gw.request({ host: C, path: '/auth/session', headers: { Cookie: cookie, ...headers } });

// Neighbours on the partner's domain, and the partner himself, can make a browser
// send many cookies.
test('a head that leaves no room for the answer is told so, and costs no token', async () => {
	for (const cookies of [`x=${'c'.repeat(5000)}`, 'a=b; '.repeat(130)]) {
		const location = await mint({ ...user, redirect_url: `https://${C}/x?${'a'.repeat(1900)}` });
		const r = await gw.callback(location, { cookie: cookies });
		assert.equal(r.status, 431);
		assert.deepEqual(r.cookies, []);
		assert.equal((await gw.callback(location)).status, 302, 'the token is still good');
	}
});

// Past all room the library answers by itself, or not at all.
test('however long the head: an answer, or nothing is spent', async () => {
	const seen = new Set();
	for (let size = 500; size < 8000; size += 500) {
		const location = await mint();
		const first = await gw.callback(location, { cookie: `x=${'c'.repeat(size)}` }).then((r) => r.status, () => 'none');
		seen.add(first);
		assert.equal((await gw.callback(location)).status, first === 302 ? 410 : 302, `${size}: ${first}`);
	}
	assert.ok(seen.has(302) && seen.has(431), String([...seen]));
});

// Root may raise its limits, so it must be less than root.
const weak = process.getuid() === 0 ? ['setpriv', '--bounding-set=-sys_resource'] : [];

test('few descriptors: idle clients give way, accepting never fails', async () => {
	const few = await start({
		through: [...weak, 'prlimit', '--nofile=256:256'], gateway: { request_deadline: '60' }, tenants: { alpha: tenant('alpha') },
	});
	assert.ok(few.log.some((l) => l.includes('few_descriptors')));
	const idle = Array.from({ length: 400 }, () => net.connect(few.plainPort, '127.0.0.1').on('error', () => {}));
	await Promise.all(idle.map((s) => new Promise((resolve) => s.once('connect', resolve))));
	// While the flood is still being taken in, anybody may be pushed out.
	await until(() => few.handoff('alpha', user).then((r) => r.status === 302, () => false), 'an honest client to be served', 20000);
	assert.ok(!few.log.some((l) => l.includes('Too many open files')));
	idle.forEach((s) => s.destroy());
	await few.stop();
});

test('a file at its limit is a full disk: 503, nothing spent, and it goes on after', async () => {
	const full = await start({ tenants: { alpha: tenant('alpha') } });
	const limit = (soft) => execFileSync('prlimit', ['--pid', String(full.child.pid), `--fsize=${soft}:unlimited`]);
	const location = (await full.handoff('alpha', user)).headers.location;
	limit('4096');
	for (const r of [await full.handoff('alpha', mallory), await full.callback(location)]) {
		assert.equal(r.status, 503);
		assert.match(r.headers['retry-after'], /^\d+$/);
		assert.deepEqual(r.cookies, []);
	}
	// The main thread writes too, and no signal may end it.
	assert.equal((await full.ctl('status')).code, 0);
	assert.ok(BigInt('0x' + fs.readFileSync(`/proc/${full.child.pid}/status`, 'utf8').match(/SigIgn:\s*(\w+)/)[1]) & (1n << 24n), 'SIGXFSZ');
	limit('unlimited');
	assert.equal((await full.callback(location)).status, 302);
	assert.equal((await full.handoff('alpha', mallory)).status, 302);
	await full.stop();
});

test('an ordinary user: serves, loads adapters, keeps its files to itself', { skip: process.getuid() !== 0 && 'needs root to become nobody' }, async () => {
	const adapted = tenant('beta', { url: null, adapter: '{ module = "misbehave.so"; isolation = "none"; }' });
	const own = (g) => {
		execFileSync('chown', ['-R', '65534:65534', g.dir, certificate().dir]);
		execFileSync('chown', ['-R', '0:0', path.join(g.dir, 'plugins')]);
	};
	const settings = { tenants: { alpha: tenant('alpha'), beta: adapted } };
	const through = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
	// Started as nobody, and started as root with `user`.
	for (const options of [{ ...settings, through }, { ...settings, gateway: { user: '"nobody"' } }]) {
		const g = new Gateway(options);
		own(g);
		await g.start();
		const status = fs.readFileSync(`/proc/${g.child.pid}/status`, 'utf8');
		assert.match(status, /Uid:\t65534\t65534\t65534\t65534/);
		assert.match(status, /CapEff:\t0+\n/);
		assert.equal(fs.statSync(`/proc/${g.child.pid}/mem`).uid, 0, 'not dumpable');
		assert.equal((await g.handoff('alpha', user)).status, 302);
		const r = await g.handoff('beta', { ...user, map: 'deny_words' });
		assert.equal(r.status, 403, r.text + g.log.join('\n'));
		assert.equal(r.json().code, 'not_member');
		for (const name of ['', ...fs.readdirSync(g.state)]) {
			const st = fs.lstatSync(path.join(g.state, name));
			assert.equal(st.mode & 0o077, 0, name);
			assert.equal(st.uid, 65534, name);
		}
		assert.equal((await g.ctl('key', 'rotate')).code, 0, 'by root, for nobody');
		assert.equal(fs.statSync(path.join(g.state, 'keyring')).uid, 65534);
		assert.equal((await g.reload()).code, 0);
		await g.stop();
	}
});

test('files of the state directory that are links or devices are refused, not followed', async () => {
	for (const name of ['usher.lock', 'usher.db']) {
		const g = new Gateway({ tenants: { alpha: tenant('alpha') } });
		const victim = path.join(g.dir, 'victim');
		fs.writeFileSync(victim, 'precious');
		fs.mkdirSync(g.state, { mode: 0o700 });
		fs.symlinkSync(victim, path.join(g.state, name));
		await assert.rejects(g.start(), /ended with/);
		assert.equal(fs.readFileSync(victim, 'utf8'), 'precious', name);
	}
});

test('what stands at the admin socket\'s path and is no socket stays', async () => {
	const g = new Gateway({ tenants: { alpha: tenant('alpha') } });
	const victim = path.join(g.dir, 'victim');
	fs.writeFileSync(victim, 'precious');
	g.writeConf('gateway', fs.readFileSync(path.join(g.conf, 'gateway.conf'), 'utf8').replace('gateway = {', `gateway = {\n\tadmin = "unix:${victim}";`));
	await assert.rejects(g.start(), /ended with/);
	assert.equal(fs.readFileSync(victim, 'utf8'), 'precious');
});
