// Sessions: who is there, logout, expiry, a desk behind a real nginx.
// needs: nginx
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { start, temporary, tenant, until } from './harness.mjs';

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
		assert.equal(r.headers['remote-user'], String(json.user.id));
		assert.equal(r.headers['remote-email'], user.email);
		assert.equal(utf8(r.headers['remote-name']), user.name);
		assert.equal(r.headers['remote-tenant'], 'alpha');
	}
	assert.equal((await get('/auth/check', cookie)).text, '');
});

test('the signed-in page names the user and escapes what he is called', async () => {
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
	assert.equal((await gw.request({ host: C, path: '/auth/logout' })).status, 405);
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
	assert.equal((await gw.handoff('alpha', { email: 'Renamed@EXAMPLE.com', name: 'After' })).status, 302);
	assert.equal((await get('/auth/session', cookie)).json().user.name, 'After');
});

test('a desk behind nginx: auth_request against /auth/check', async () => {
	const dir = temporary('nginx');
	const desk = http.createServer((q, r) => r.end(JSON.stringify(q.headers)));
	await new Promise((r) => desk.listen(0, '127.0.0.1', r));
	const free = await new Promise((resolve) => {
		const s = net.createServer().listen(0, '127.0.0.1', () => {
			const { port } = s.address();
			s.close(() => resolve(port));
		});
	});
	fs.writeFileSync(path.join(dir, 'nginx.conf'), `
daemon off; pid ${dir}/pid; error_log ${dir}/error.log; worker_processes 1;
events { worker_connections 64; }
http {
	access_log off;
	client_body_temp_path ${dir}/b; proxy_temp_path ${dir}/p; fastcgi_temp_path ${dir}/f; uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s;
	upstream usher { server 127.0.0.1:${gw.plainPort}; keepalive 4; }
	server {
		listen 127.0.0.1:${free};
		location = /_usher {
			internal;
			proxy_pass http://usher/auth/check;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_set_header Host ${C};
			proxy_pass_request_body off;
			proxy_set_header Content-Length "";
		}
		location / {
			auth_request /_usher;
			auth_request_set $user $upstream_http_remote_user;
			auth_request_set $email $upstream_http_remote_email;
			proxy_set_header Remote-User $user;
			proxy_set_header Remote-Email $email;
			proxy_pass http://127.0.0.1:${desk.address().port};
		}
	}
}`);
	const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
	const nginx = spawn('nginx', ['-e', `${dir}/error.log`, '-c', `${dir}/nginx.conf`, '-p', dir], { stdio: 'ignore', env });
	const ended = new Promise((r) => nginx.on('exit', r));
	const visit = (headers) => new Promise((resolve, reject) => {
		http.get({ host: '127.0.0.1', port: free, path: '/', headers, agent: false }, (r) => {
			let text = '';
			r.on('data', (d) => { text += d; });
			r.on('end', () => resolve({ status: r.statusCode, text }));
		}).on('error', reject);
	});
	try {
		await until(() => visit({}).then(() => true, () => false), 'nginx to listen');
		assert.equal((await visit({})).status, 401);
		assert.equal((await visit({ 'Remote-User': '1' })).status, 401, 'nobody can say so himself');
		const cookie = await gw.signIn('alpha', user);
		for (let i = 0; i < 3; i++) {
			const r = await visit({ Cookie: cookie, 'Remote-User': 'forged' });
			assert.equal(r.status, 200);
			assert.equal(JSON.parse(r.text)['remote-email'], user.email);
			assert.match(JSON.parse(r.text)['remote-user'], /^\d+$/);
		}
	} finally {
		nginx.kill('SIGTERM');
		await ended;
		desk.close();
	}
});
