// Sessions: who is there, logout, expiry.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { start, tenant } from './harness.mjs';

let gw;
const C = 'ticket.alpha.test';
const user = { email: 'user@example.com', name: 'Zoë Doe' };

before(async () => {
	gw = await start({
		tenants: {
			alpha: tenant('alpha'),
			brief: tenant('brief', { url: '"https://ticket.beta.test"', session: '{ idle = 60; absolute = 120; }' }),
		},
	});
});
after(() => gw.stop());

const get = (target, cookie, headers = {}, host = C) =>
	gw.request({ host, path: target, headers: { ...(cookie ? { Cookie: cookie } : {}), ...headers } });

test('nobody is nobody', async () => {
	for (const path of ['/auth/session', '/auth/check']) {
		const r = await get(path);
		assert.equal(r.status, 401);
		assert.equal(r.headers['cache-control'], 'no-store');
		assert.equal(r.headers['remote-user'], undefined);
	}
	assert.equal((await get('/auth/check')).text, '');
	const dashboard = await get('/dashboard', null, { Accept: 'text/html' });
	assert.equal(dashboard.status, 401);
});

test('a session says who is there, in JSON and in headers', async () => {
	const cookie = await gw.signIn('alpha', user);
	const session = await get('/auth/session', cookie);
	assert.equal(session.status, 200);
	const json = session.json();
	assert.equal(json.tenant, 'alpha');
	assert.deepEqual({ ...json.user, id: 0 }, { id: json.user.id && 0, email: user.email, name: user.name, verified: false, attributes: {} });
	assert.ok(json.expires_at);
	const utf8 = (v) => Buffer.from(v, 'latin1').toString();
	for (const path of ['/auth/session', '/auth/check']) {
		const r = await get(path, cookie);
		assert.equal(r.status, 200);
		assert.equal(r.headers['remote-user'], `alpha:${user.email}`);
		assert.equal(r.headers['remote-id'], String(json.user.id));
		assert.equal(r.headers['remote-verified'], 'false');
		assert.equal(r.headers['remote-email'], user.email);
		assert.equal(utf8(r.headers['remote-name']), user.name);
		assert.equal(r.headers['remote-tenant'], 'alpha');
	}
	assert.equal((await get('/auth/check', cookie)).text, '');
});

test('the signed-in page names the user and escapes what they are called', async () => {
	const cookie = await gw.signIn('alpha', { email: 'x@example.com', name: '<script>alert(1)</script>' });
	const page = await get('/dashboard', cookie, { Accept: 'text/html' });
	assert.equal(page.status, 200);
	assert.ok(page.text.includes('&lt;script&gt;alert(1)'));
	assert.ok(!page.text.includes('<script>alert(1)'));
	assert.ok(page.text.includes('x@example.com'));
	const csp = page.headers['content-security-policy'];
	assert.match(csp, /'nonce-[A-Za-z0-9_+/=-]{16,}'/);
	assert.match(csp, /frame-ancestors 'none'/);
	assert.ok(!/unsafe-inline/.test(csp));
	assert.equal(page.headers['cross-origin-opener-policy'], 'same-origin');
	assert.equal(page.headers['cross-origin-resource-policy'], 'same-origin');
	assert.equal(page.headers['access-control-allow-origin'], undefined);
	assert.equal(page.headers['cache-control'], 'no-store');
	assert.match(page.text, /pageshow/);
});

test('cookies: only the exact name counts, two of them are nobody', async () => {
	const cookie = await gw.signIn('alpha', user);
	const value = cookie.split('=')[1];
	const other = await gw.signIn('alpha', { email: 'other@example.com', name: 'O' });
	assert.equal((await get('/auth/session', `a=1; ${cookie}; b="x y"; =odd; bare`)).status, 200);
	for (const bad of [`__host-usher=${value}`, `__Host-Usher=${value}`, `x${cookie}`, `usher=${value}`, `__Host-usher="${value}"`,
		`${cookie}x`, `__Host-usher=${value.slice(1)}`, `${cookie}; ${other}`, `${cookie}; ${cookie}`, '__Host-usher='])
		assert.equal((await get('/auth/session', bad)).status, 401, bad);
});

test('logout needs the same origin, ends the session at once and for good', async () => {
	const cookie = await gw.signIn('alpha', user);
	const logout = (headers) => gw.request({ host: C, method: 'POST', path: '/auth/logout', headers: { Cookie: cookie, ...headers }, body: '' });
	for (const headers of [{}, { Origin: 'https://alpha.test' }, { Origin: 'null' }, { Origin: 'https://ticket.beta.test' }])
		assert.equal((await logout(headers)).status, 403, JSON.stringify(headers));
	assert.equal((await get('/auth/session', cookie)).status, 200);
	const done = await logout({ Origin: `https://${C}` });
	assert.ok(done.status < 400, done.text);
	assert.match(done.cookies[0], /^__Host-usher=;.*Max-Age=0/i);
	assert.equal((await get('/auth/session', cookie)).status, 401);
	await gw.stop();
	await gw.start();
	assert.equal((await get('/auth/session', cookie)).status, 401, 'after a restart too');
	assert.match((await get('/auth/logout', cookie)).text, /You are signed out/);
});

test('sessions and tokens outlive a restart', async () => {
	const cookie = await gw.signIn('alpha', user);
	const location = (await gw.handoff('alpha', user)).headers.location;
	await gw.stop();
	await gw.start();
	assert.equal((await get('/auth/session', cookie)).json().user.email, user.email);
	assert.equal((await gw.callback(location)).status, 302);
	assert.equal((await gw.callback(location)).status, 410);
});

test('a name that changes is seen by the session that is open', async () => {
	const cookie = await gw.signIn('alpha', { email: 'renamed@example.com', name: 'Before' });
	assert.equal((await gw.handoff('alpha', { email: 'Renamed@EXAMPLE.com', name: 'Anybody' })).status, 302);
	assert.equal((await get('/auth/session', cookie)).json().user.name, 'Before', 'a post alone changes nobody');
	await gw.signIn('alpha', { email: 'Renamed@EXAMPLE.com', name: 'After' });
	assert.equal((await get('/auth/session', cookie)).json().user.name, 'After');
});
