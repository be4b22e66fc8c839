// What a hostile visitor, neighbour or partner would try, against the real daemon.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { certificate, Gateway, runUsherctl, start, tenant, until } from './harness.mjs';

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

// Neighbours on the partner's domain, and the partner too, can make a browser
// send many cookies. The library keeps a head, and twice its cookies, in the memory
// where it builds the answer: when that is used up it answers by itself or not at all.
const jars = {
	'one long cookie': [(size) => `x=${'c'.repeat(size)}`, 500],
	'many short cookies': [(size) => 'a=b; '.repeat(size / 5) + 'z=z', 50],
};
for (const [name, [jar, step]] of Object.entries(jars))
	test(`however long the head: an answer, or no token is spent: ${name}`, async () => {
		const seen = [];
		for (let size = step; size <= 40 * step; size += step) {
			const location = await mint({ ...user, redirect_url: `https://${C}/x?${'a'.repeat(1900)}` });
			const r = await gw.callback(location, { cookie: jar(size) }).catch(() => ({ status: 'none', cookies: [] }));
			seen.push(r.status);
			assert.equal(r.cookies.length, r.status === 302 ? 1 : 0);
			assert.equal((await gw.callback(location)).status, r.status === 302 ? 410 : 302, `${size}: ${r.status}`);
		}
		assert.equal(seen[0], 302);
		assert.ok(seen.includes(431), String(seen));
		assert.equal(seen.at(-1) === 302, false, String(seen));
	});

test('the cookies of an ordinary partner domain are no reason to refuse', async () => {
	const r = await gw.callback(await mint(), { cookie: jars['one long cookie'][0](7500) });
	assert.equal(r.status, 302);
});

// Root may raise its limits, so it must be less than root.
const weak = process.getuid() === 0 ? ['setpriv', '--bounding-set=-sys_resource'] : [];

test('few descriptors: idle clients give way, accepting never fails', async () => {
	const few = await start({
		through: [...weak, 'prlimit', '--nofile=256:256'], gateway: { request_deadline: '60' }, tenants: { alpha: tenant('alpha') },
	});
	await few.logs((l) => l.includes('few_descriptors'));
	const idle = Array.from({ length: 400 }, () => net.connect(few.plainPort, '127.0.0.1').on('error', () => {}));
	await Promise.all(idle.map((s) => new Promise((resolve) => s.once('connect', resolve))));
	// While the flood is still being taken in, anybody may be pushed out.
	await until(() => few.handoff('alpha', user).then((r) => r.status === 302, () => false), 'an honest client to be served');
	assert.ok(!few.log.some((l) => l.includes('Too many open files')));
	idle.forEach((s) => s.destroy());
	await few.stop();
});

test('a file at its limit is a full disk: 503, nothing spent, and it goes on after', async () => {
	const full = await start({ tenants: { alpha: tenant('alpha') } });
	const limit = (soft) => execFileSync('prlimit', ['--pid', String(full.child.pid), `--fsize=${soft}:unlimited`]);
	const location = (await full.handoff('alpha', user)).headers.location;
	limit('4096');
	// What is on its way fails, and from then on nobody is sent on theirs.
	for (const r of [await full.callback(location), await full.handoff('alpha', mallory)]) {
		assert.equal(r.status, 503);
		assert.match(r.headers['retry-after'], /^\d+$/);
		assert.deepEqual(r.cookies, []);
	}
	// The main thread writes too, and no signal may end it.
	assert.equal((await full.ctl('status')).code, 0);
	assert.ok(BigInt('0x' + fs.readFileSync(`/proc/${full.child.pid}/status`, 'utf8').match(/SigIgn:\s*(\w+)/)[1]) & (1n << 24n), 'SIGXFSZ');
	limit('unlimited');
	await until(async () => (await full.callback(location)).status === 302, 'it to go on');
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

test('a host is itself in any letter case and with any port, and nothing else is', async () => {
	const cookie = await gw.signIn('alpha', user);
	const ask = async (host, headers = {}) => (await gw.request({ host, path: '/auth/session', plain: true, headers: { Cookie: cookie, ...headers } })).status;
	for (const host of [C, C.toUpperCase(), `${C}:443`, `${C}:1`])
		assert.equal(await ask(host), 200, host);
	for (const host of [`${C}.`, `${C}:`, `${C}:0`, `${C}:99999`, `x@${C}`, `${C},evil.test`, `${C}%00`, '[::ffff:7f00:1]', 'ticket%2ealpha.test'])
		assert.equal(await ask(host), 400, host);
	for (const host of ['evil.test', `x.${C}`, `x${C}`, '127.0.0.1', '[::1]', 'localhost'])
		assert.equal(await ask(host), 421, host);
	for (const name of ['X-Forwarded-Host', 'X-Host', 'X-Original-Host', 'X-HTTP-Host-Override'])
		assert.equal(await ask('tickets.test', { [name]: C }), 401, name);
	assert.equal(await ask('tickets.test', { Forwarded: `host=${C}` }), 401);
});

// SameSite=None sends the cookie along from everywhere: only Origin tells.
const strangers = [{}, { Origin: 'null' }, { Origin: 'https://evil.test' }, { Origin: 'https://alpha.test' }, { Origin: 'https://x.alpha.test', 'Sec-Fetch-Site': 'same-site' },
	{ Origin: `http://${C}` }, { Origin: `https://${C}:444` }, { Origin: `https://${C}/` }, { Origin: `https://${C.toUpperCase()}` }, { Origin: `https://${C}.evil.test` },
	{ Referer: `https://${C}/dashboard`, 'Sec-Fetch-Site': 'same-origin' }, { Origin: [`https://${C}`, 'https://evil.test'] }];
test('no stranger signs anybody out, nor confirms for them', async () => {
	const cookie = await gw.signIn('alpha', user);
	const token = new URL(await mint(mallory)).searchParams.get('token');
	for (const headers of strangers) {
		const all = { ...form, Cookie: cookie, 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document', ...headers };
		for (const [path, body] of [['/auth/logout', ''], ['/auth/callback', `token=${token}`]]) {
			const r = await gw.request({ host: C, method: 'POST', path, body, headers: all });
			assert.equal(r.status, 403, `${path} ${JSON.stringify(headers)}`);
			assert.deepEqual(r.cookies, []);
		}
	}
	// Our own page, but in somebody's frame or by their script.
	for (const fetch of [{ 'Sec-Fetch-Dest': 'iframe' }, { 'Sec-Fetch-Mode': 'cors', 'Sec-Fetch-Dest': 'empty' }]) {
		const r = await gw.request({ host: C, method: 'POST', path: '/auth/callback', body: `token=${token}`,
			headers: { ...form, Cookie: cookie, Origin: `https://${C}`, 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document', ...fetch } });
		assert.deepEqual(r.cookies, []);
	}
	assert.equal((await session(cookie)).json().user.email, user.email);
	assert.equal((await gw.request({ host: C, path: '/auth/logout', headers: { Cookie: cookie } })).status, 200, 'a page with a button');
});

test('origins that only look listed get no echo, wherever they ask', async () => {
	for (const Origin of ['null', 'https://alpha.test/', 'HTTPS://alpha.test', 'https://alpha.test.', 'https://user@alpha.test', 'https://alpha.test:443', 'https://alpha.test%00',
		'https://xalpha.test', 'https://alpha.test evil', 'https://alpha.tes', '*', 'file://'])
		for (const r of [await gw.handoff('alpha', user, { headers: { Origin } }),
			await gw.request({ method: 'OPTIONS', path: '/api/auth/redirect/alpha', headers: { Origin } })]) {
			assert.equal(r.headers['access-control-allow-origin'], undefined, Origin);
			assert.equal(r.headers['access-control-allow-credentials'], undefined, Origin);
		}
	const cookie = await gw.signIn('alpha', user);
	for (const Origin of ['https://alpha.test', `https://${C}`, 'null'])
		assert.equal((await session(cookie, { Origin })).headers['access-control-allow-origin'], undefined, 'who is signed in is nobody else\'s business');
});

test('no page says anything that runs', async () => {
	const evil = '"\'><img src=x onerror=alert(1)>{{7*7}}</script><script>alert(1)</script>';
	const cookie = await gw.signIn('alpha', { email: 'evil@example.com', name: evil });
	const html = { Accept: BROWSER };
	const pages = [
		await gw.request({ host: C, path: '/dashboard', headers: { ...html, Cookie: cookie } }),
		await gw.callback(await mint({ email: 'other@example.com', name: evil }), { cookie, headers: html }),
		await gw.handoff('alpha', { email: evil, name: evil, redirect_url: evil }, { headers: html }),
		await gw.request({ method: 'POST', path: '/api/auth/redirect/alpha', body: JSON.stringify({ [evil]: { a: 1 } }), headers: { 'Content-Type': 'application/json', ...html } }),
		await gw.handoff('nobody', user, { headers: html }),
		await gw.request({ host: C, path: '/auth/callback?token=%3Cscript%3Ealert(1)', headers: { ...html, 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' } }),
		await gw.request({ host: C, path: '/%3Cscript%3Ealert(1)', headers: html }),
	];
	for (const page of pages) {
		assert.match(page.headers['content-type'], /^text\/html/, page.text);
		const nonce = page.headers['content-security-policy'].match(/'nonce-([^']+)'/)[1];
		assert.ok(!/<img|alert\(1\)<|<script>/.test(page.text), page.text);
		for (const tag of page.text.match(/<(script|style)[^>]*>/g) ?? [])
			assert.ok(tag.includes(`nonce="${nonce}"`), tag);
		const markup = page.text.replace(/(<script[^>]*>).*?<\/script>/gs, '$1').replace(/&[^;]+;[^<]*/g, '');
		assert.ok(!/\son\w+\s*=\s*["']?\w/.test(markup), 'no handler');
		assert.match(page.headers['content-security-policy'], /default-src 'none'.*base-uri 'none'.*form-action .*frame-ancestors 'none'/);
	}
});

test('no session that somebody chose beforehand is ever opened', async () => {
	const chosen = `__Host-usher=${'A'.repeat(43)}`;
	const r = await gw.callback(await mint(), { cookie: chosen });
	assert.equal(r.status, 302);
	assert.notEqual(r.cookies[0].split(';')[0], chosen);
	assert.equal((await session(chosen)).status, 401);
	const mine = r.cookies[0].split(';')[0];
	const theirs = await gw.signIn('alpha', mallory);
	for (const both of [`${theirs}; ${mine}`, `${mine}; ${theirs}`, `${mine}; ${mine}`])
		assert.equal((await session(both)).status, 401, 'two are none');
});

test('one budget, whatever one tries around it', async () => {
	const limited = await start({ gateway: { rate_limit: '{ requests = 8; per = 3600; }' }, tenants: { alpha: tenant('alpha') } });
	const post = (slug, headers, body = 'x') => limited.request({ method: 'POST', path: `/api/auth/redirect/${slug}`, body, headers });
	const tries = [() => post('ALPHA', form), () => post('alpha%20', form), () => post('nobody', form), () => post('alpha', { 'Content-Type': 'text/plain' }),
		() => post('alpha', form, 'x'.repeat(17000)), () => post('alpha', form, '%zz'), () => post('alpha', { ...form, 'X-Forwarded-For': '192.0.2.1' }), () => post('alpha', { ...form, Forwarded: 'for=192.0.2.2' })];
	for (const [i, attempt] of tries.entries())
		assert.equal((await attempt()).headers['x-ratelimit-remaining'], String(7 - i), `try ${i}`);
	for (const attempt of tries) {
		const r = await attempt();
		assert.equal(r.status, 429);
		assert.equal(r.headers['x-ratelimit-remaining'], '0');
	}
	await limited.stop();
});

test('a preflight, which is free, does not tell which slugs there are', async () => {
	const shape = async (slug) => {
		const r = await gw.request({ method: 'OPTIONS', path: `/api/auth/redirect/${slug}`, headers: { Origin: 'https://evil.test' } });
		return [r.status, r.text, Object.entries(r.headers).filter(([k]) => !['date', 'x-request-id'].includes(k))];
	};
	assert.deepEqual(await shape('nobody'), await shape('alpha'));
});

test('secrets that came or were made are neither in the log nor in the database', async () => {
	const g = await start({ tenants: { alpha: tenant('alpha') } });
	const canary = 'canary-9b1e';
	const location = (await g.handoff('alpha', { ...user, redirect_url: `https://${C}/x?${canary}` })).headers.location;
	const token = new URL(location).searchParams.get('token');
	const cookie = (await g.callback(location)).cookies[0].split(';')[0];
	const value = cookie.split('=')[1];
	const headers = { 'X-Forwarded-For': canary, Referer: `https://x.test/${canary}`, 'User-Agent': canary, Authorization: `Bearer ${canary}`, Origin: `https://user:${canary}@x.test`, Cookie: cookie };
	for (const [method, target] of [['GET', `/auth/session?tenant=${canary}`], ['GET', `/auth/check?${canary}=%zz`], ['POST', '/auth/logout'], ['GET', `/auth/callback?token=${token}`], ['GET', `/${canary}`]])
		await g.request({ host: C, method, path: target, headers });
	await g.handoff(canary, { [canary]: canary }, { headers });
	await g.request({ method: 'POST', path: '/api/auth/redeem/alpha', body: `token=${token}`, headers: { ...form, ...headers } });
	await g.request({ host: `${canary}.test`, path: '/', plain: true, headers });
	await g.raw(`GET / HTTP/1.1\r\nHost: ${canary}/\r\nX_Forwarded_For: ${canary}\r\n\r\n`);
	const key = fs.readFileSync(path.join(g.state, 'keyring'), 'utf8').trim().split(' ').pop();
	const trail = (await g.ctl('status')).out + (await g.metrics());
	await g.stop();
	const raw = Buffer.from(value, 'base64url').subarray(-16);
	for (const name of fs.readdirSync(g.state).filter((n) => n !== 'keyring' && !n.endsWith('.sock'))) {
		const bytes = fs.readFileSync(path.join(g.state, name));
		for (const secret of [canary, value, raw, token.slice(-24), key, Buffer.from(key, 'base64url')])
			assert.equal(bytes.indexOf(secret), -1, `${name} holds ${secret}`);
	}
	const log = g.log.join('\n') + trail;
	for (const secret of [canary, value, token.slice(-24), key])
		assert.ok(!log.includes(secret), log.split('\n').find((l) => l.includes(secret)));
});

test('unknown slugs and paths leave nothing behind in the metrics', async () => {
	const lines = async () => (await gw.metrics()).split('\n').map((l) => l.replace(/ \S+$/, '')).sort();
	await gw.handoff('nobody', user);
	await gw.request({ path: '/nothing' });
	const before = await lines();
	for (let i = 0; i < 50; i++) {
		await gw.handoff(`slug-${i}`, user, { headers: { Origin: `https://o${i}.test` } });
		await gw.request({ path: `/path-${i}?q=${i}` });
	}
	assert.deepEqual(await lines(), before);
});

test('a tenant that is removed, disabled or moved under way takes its tokens and sessions along', async () => {
	const g = await start({ tenants: { alpha: tenant('alpha') } });
	const cookie = await g.signIn('alpha', user);
	const changes = [() => g.removeConf('alpha'), () => g.writeConf('alpha', tenant('alpha', { enabled: 'false' })), () => g.writeConf('alpha', tenant('alpha', { url: '"https://desk.alpha.test"' }))];
	for (const change of changes) {
		g.writeConf('alpha', tenant('alpha'));
		await g.reload();
		const location = (await g.handoff('alpha', user)).headers.location;
		change();
		await g.reload();
		assert.ok([401, 421].includes((await g.callback(location)).status));
		assert.ok([401, 421].includes((await g.request({ host: C, path: '/auth/session', headers: { Cookie: cookie } })).status));
	}
	// And so does a key.
	g.writeConf('alpha', tenant('alpha'));
	await g.reload();
	const location = (await g.handoff('alpha', user)).headers.location;
	await g.stop();
	fs.rmSync(path.join(g.state, 'keyring'));
	assert.equal((await runUsherctl('--config', g.conf, 'key', 'new', '--replace')).code, 0);
	await g.start();
	assert.equal((await g.callback(location)).status, 401);
	await g.stop();
});

test('callback, button and server at once: one of them has the token', async () => {
	const secret = path.join(gw.dir, 'secret');
	fs.writeFileSync(secret, 's'.repeat(40), { mode: 0o600 });
	const g = await start({ tenants: { alpha: tenant('alpha', { redeem_secret_file: JSON.stringify(secret) }) } });
	const cookie = await g.signIn('alpha', mallory);
	for (let round = 0; round < 10; round++) {
		const location = (await g.handoff('alpha', user)).headers.location;
		const body = `token=${new URL(location).searchParams.get('token')}`;
		const button = () => g.request({ host: C, method: 'POST', path: '/auth/callback', body,
			headers: { ...form, Cookie: cookie, Origin: `https://${C}`, 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' } });
		const server = () => g.request({ method: 'POST', path: '/api/auth/redeem/alpha', body, headers: { ...form, Authorization: `Bearer ${'s'.repeat(40)}` } });
		const all = await Promise.all([0, 1, 2, 3].flatMap(() => [g.callback(location), button(), server()]));
		const won = all.filter((r) => [200, 302].includes(r.status));
		assert.equal(won.length, 1, all.map((r) => r.status).join());
		assert.ok(all.every((r) => won.includes(r) || r.status === 410), all.map((r) => r.status).join());
	}
	await g.stop();
});
