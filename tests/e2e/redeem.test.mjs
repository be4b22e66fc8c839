// Redeem, server to server: a desk that keeps sessions of its own.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Gateway, freePort, tenant, top, until } from './harness.mjs';

const SECRET = 'c2VjcmV0LW9mLWFscGhhCg';
const user = { email: 'user@example.com', name: 'Zoë "Z" Doe', redirect_url: 'https://ticket.alpha.test/tickets/7' };
let gw;

before(async () => {
	gw = new Gateway({
		gateway: { rate_limit: '{ requests = 60; per = 3600; }', trusted_proxies: '[ "127.0.0.1" ]' },
		tenants: {
			alpha: tenant('alpha', { redeem_secret_file: '"secret"', rate_limit: '{ requests = 100000; per = 60; }' }),
			beta: tenant('beta', { redeem_secret_file: '"secret"' }),
			gamma: tenant('gamma', { url: null }),
		},
	});
	fs.writeFileSync(path.join(gw.conf, 'secret'), `${SECRET}\n`, { mode: 0o600 });
	await gw.start();
});
after(() => gw.stop());

/** Each test's client has an address of its own, and so credit of its own. */
const from = (address) => ({ 'X-Forwarded-For': address });

function redeem(slug, body, { secret = SECRET, json = false, host, headers = {} } = {}) {
	return gw.request({
		host, method: 'POST', path: `/api/auth/redeem/${slug}`,
		body: json ? JSON.stringify(body) : new URLSearchParams(body).toString(),
		headers: {
			'Content-Type': json ? 'application/json' : 'application/x-www-form-urlencoded',
			...(secret === null ? {} : { Authorization: `Bearer ${secret}` }), ...headers,
		},
	});
}
async function mint(slug = 'alpha', headers = {}) {
	const r = await gw.handoff(slug, { ...user, ...(slug === 'alpha' ? {} : { redirect_url: '' }) }, { headers });
	assert.equal(r.status, 302, r.text);
	return { location: r.headers.location, token: new URL(r.headers.location).searchParams.get('token') };
}
function refused(r, status, code) {
	assert.equal(r.status, status, r.text);
	assert.equal(r.json().code, code);
}

for (const json of [false, true])
	test(`a token is traded for the user, as ${json ? 'JSON' : 'a form'}`, async () => {
		const { token } = await mint();
		const r = await redeem('alpha', { token }, { json });
		assert.equal(r.status, 200, r.text);
		assert.match(r.headers['content-type'], /^application\/json/);
		assert.equal(r.headers['cache-control'], 'no-store');
		const { tenant: slug, user: who, redirect_url } = r.json();
		assert.equal(slug, 'alpha');
		assert.equal(who.email, user.email);
		assert.equal(who.name, user.name);
		assert.equal(who.verified, false);
		assert.equal(redirect_url, user.redirect_url);
		assert.deepEqual(r.cookies, [], 'no session is opened');
		assert.equal(r.headers['access-control-allow-origin'], undefined);
	});

test('no session is opened, and the callback finds the token spent', async () => {
	const { token, location } = await mint();
	assert.equal((await redeem('alpha', { token })).status, 200);
	refused(await redeem('alpha', { token }), 410, 'token_used');
	const r = await gw.callback(location, { headers: { Accept: 'application/json' } });
	refused(r, 410, 'token_used');
	assert.deepEqual(r.cookies, []);
});

test('a token that the browser has redeemed is spent for the server too', async () => {
	const { token, location } = await mint();
	assert.equal((await gw.callback(location)).status, 302);
	refused(await redeem('alpha', { token }), 410, 'token_used');
});

test('of racing servers and browsers one wins', async () => {
	const { token, location } = await mint();
	const all = await Promise.all(Array.from({ length: 16 }, (_, i) => (i % 2 ? redeem('alpha', { token }) : gw.callback(location))));
	assert.equal(all.filter((r) => r.status === 200 || r.status === 302).length, 1, all.map((r) => r.status).join());
});

test('without the secret nothing is told and nothing is spent', async () => {
	const { token } = await mint();
	for (const secret of [null, '', 'wrong', `${SECRET}x`, SECRET.slice(0, -1), SECRET.toUpperCase(), `${SECRET} ${SECRET}`]) {
		const r = await redeem('alpha', { token }, { secret });
		refused(r, 401, 'secret_invalid');
		assert.match(r.headers['www-authenticate'], /^Bearer/);
	}
	refused(await redeem('alpha', { token, secret: SECRET }, { secret: null }), 401, 'secret_invalid');
	assert.equal((await redeem('alpha', { token })).status, 200);
});

test('off, unknown, elsewhere, not a token, another tenant\'s', async () => {
	refused(await redeem('gamma', { token: 'x' }), 404, 'redeem_off');
	refused(await redeem('nobody', { token: 'x' }), 404, 'tenant_not_found');
	refused(await redeem('alpha', { token: 'x' }, { host: 'ticket.alpha.test' }), 404, 'not_found');
	for (const body of [{}, { token: '' }, { token: 'x' }, { token: 'a.b.c.d.e' }])
		refused(await redeem('alpha', body), 401, 'token_invalid');
	const { token } = await mint();
	refused(await redeem('beta', { token }), 401, 'token_invalid');
	refused(await redeem('alpha', [token], { json: true }), 400, 'malformed_body');
	assert.equal((await gw.request({ path: '/api/auth/redeem/alpha' })).status, 405);
	assert.equal((await redeem('alpha', { token })).status, 200);
});

test('wrong secrets are limited, and shut out no desk with a right one, be it at the same address', async () => {
	const thief = from('192.0.2.20');
	for (let i = 0; i < 60; i++)
		refused(await redeem('beta', { token: 'x' }, { secret: `guess-${i}`, headers: thief }), 401, 'secret_invalid');
	const over = await redeem('beta', { token: 'x' }, { secret: 'guess', headers: thief });
	refused(over, 429, 'too_many_requests');
	assert.equal(over.headers['retry-after'], String(over.json().retry_after));
	assert.equal(over.headers['x-ratelimit-remaining'], '0');
	for (let i = 0; i < 130; i++)
		refused(await redeem('beta', { token: 'x' }, { headers: thief }), 401, 'token_invalid');
	const { token } = await mint('beta', thief);
	const r = await redeem('beta', { token }, { headers: thief });
	assert.equal(r.status, 200, r.text);
	assert.equal(r.headers['x-ratelimit-limit'], '36000', 'the tenant\'s');
});

test('a secret takes the place of another while both are in use', async () => {
	const file = path.join(gw.conf, 'secret'), next = 'another-secret-of-ours';
	const both = async (old, young) => {
		for (const [secret, status] of [[SECRET, old], [next, young]]) {
			const { token } = await mint();
			assert.equal((await redeem('alpha', { token }, { secret })).status, status, `${old} ${young}`);
		}
	};
	await both(200, 401);
	fs.writeFileSync(file, `${next}\n${SECRET}\n`);
	await both(200, 401);
	assert.equal((await gw.reload()).code, 0);
	await both(200, 200);
	fs.writeFileSync(file, `${next}\n`);
	assert.equal((await gw.reload()).code, 0);
	await both(401, 200);
	fs.writeFileSync(file, `${SECRET}\nshort\n`);
	const bad = await gw.ctl('check');
	assert.match(bad.out + bad.err, /alpha\.conf:\d+.*redeem_secret_file.*line 2 is a secret of 5 octets/);
	fs.writeFileSync(file, `${SECRET}\n`);
	assert.equal((await gw.reload()).code, 0);
	assert.ok(!gw.log.some((l) => l.includes(SECRET) || l.includes(next) || /eyJ/.test(l)));
});

/** The example of README in that language. */
function example(language) {
	const readme = fs.readFileSync(path.join(top, 'README.md'), 'utf8');
	const chapter = readme.slice(readme.indexOf('### A desk with sessions of its own'));
	return chapter.match(new RegExp('^```' + language + '\\n([^]*?)^```$', 'm'))[1];
}

/* Node's has to be told what a session is; PHP has its own. */
const server = `
require('node:http').createServer((request, response) => callback(request, response, (to, account, user) => {
	to.setHeader('Set-Cookie', 'desk=' + encodeURIComponent(JSON.stringify({ account, user })));
})).listen(Number(process.argv[1]), '127.0.0.1');`;
const desks = {
	php: ['php', (file, port, dir) => ['-n', '-d', `session.save_path=${dir}`, '-d', 'log_errors=1', '-S', `127.0.0.1:${port}`, file],
		(cookie, dir) => fs.readFileSync(path.join(dir, `sess_${/^PHPSESSID=(\w+)/.exec(cookie)[1]}`), 'utf8')],
	js: [process.execPath, (file, port) => ['-e', fs.readFileSync(file, 'utf8') + server, String(port)],
		(cookie) => decodeURIComponent(cookie)],
};
for (const [language, [program, args, session]] of Object.entries(desks)) {
	const is = spawnSync(program, ['--version']).status === 0;
	test(`README's desk in ${language} signs its users in`, { skip: !is && `no ${program} here` }, async (t) => {
		const port = await freePort(), host = `localhost:${port}`, secret = '"secret"';
		const own = new Gateway({
			gateway: { public_url: `"http://${host}"`, listen: `( { url = "http://127.0.0.1:${port}"; } )`, development: 'true' },
			tenants: { yourcompany: tenant('yourcompany', { redeem_secret_file: secret, origins: '[ "https://yourcompany.com" ]' }) },
		});
		fs.writeFileSync(path.join(own.conf, 'secret'), `${SECRET}\n`, { mode: 0o600 });
		await own.start();
		const file = path.join(own.dir, `desk.${language}`);
		fs.writeFileSync(file, example(language).replace('https://tickets.example.com', `http://${host}`).replace('/etc/desk/usher-redeem', path.join(own.conf, 'secret')));
		const at = await freePort();
		const child = spawn(program, args(file, at, own.dir), { stdio: ['ignore', 'ignore', 'pipe'] });
		let said = '';
		child.stderr.on('data', (d) => { said += d; });
		const end = new Promise((resolve) => { child.on('close', resolve); });
		t.after(async () => {
			child.kill();
			await end;
			await own.stop();
		});
		const visit = (token, headers = {}, method = 'GET') => fetch(`http://127.0.0.1:${at}/auth/callback?token=${token}`, {
			method, headers: { 'Sec-Fetch-Dest': 'document', ...headers }, redirect: 'manual',
		});
		await until(() => child.exitCode !== null || visit('x', {}, 'HEAD').then(() => true, () => false), 'the desk to listen');
		assert.equal(child.exitCode, null, said);

		const fields = { email: 'zoe@example.com', name: 'Zo\u00eb', redirect_url: 'https://ticket.yourcompany.test/tickets/7' };
		const posted = await own.handoff('yourcompany', fields, { host, plain: true });
		assert.equal(posted.status, 302, posted.text);
		const token = new URL(posted.headers.location).searchParams.get('token');
		/* Who is no visitor uses up nothing. */
		for (const [headers, status, method] of [[{ 'Sec-Fetch-Dest': 'empty', Origin: 'null' }, 200], [{ 'Sec-Fetch-Dest': 'empty', Origin: 'https://evil.example' }, 200], [{ 'Sec-Fetch-Dest': 'iframe' }, 200], [{ 'Sec-Purpose': 'prefetch' }, 503], [{}, 200, 'HEAD'], [{ Origin: 'null' }, 200, 'OPTIONS']]) {
			const r = await visit(token, headers, method);
			assert.equal(r.status, status, JSON.stringify(headers));
			assert.equal(r.headers.get('set-cookie'), null);
			assert.equal(r.headers.get('access-control-allow-origin'), headers.Origin === 'null' ? 'null' : null);
			if (!method)
				assert.equal(await r.text(), '{}');
		}
		const r = await visit(token);
		assert.equal(r.status, 302, await r.text() + said);
		assert.equal(r.headers.get('location'), fields.redirect_url);
		assert.equal(r.headers.get('referrer-policy'), 'no-referrer');
		const kept = session(r.headers.get('set-cookie'), own.dir);
		assert.match(kept, /usher-(\d+)[^]*"id"[^]*"\1"/);
		assert.match(kept, /zoe@example\.com/);
		for (const [again, code] of [[token, 'token_used'], ['x', 'token_invalid']]) {
			const no = await visit(again);
			assert.equal(no.status, 401);
			assert.equal(no.headers.get('set-cookie'), null);
			await until(() => said.includes(`usher: ${code}`), code);
		}
		fs.writeFileSync(path.join(own.conf, 'secret'), 'not-the-one-that-usher-has\n');
		assert.equal((await visit('x')).status, 401);
		await until(() => said.includes('usher: secret_invalid'), 'the reason');
		assert.ok(!said.split('\n').some((l) => l.includes('usher: ') && l.includes('eyJ')), 'no token is logged by the example');
	});
}
