// Redeem, server to server: a desk that keeps sessions of its own.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Gateway, tenant } from './harness.mjs';

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

test('a desk with the right secret is not limited, wrong secrets are', async () => {
	const desk = from('192.0.2.10'), thief = from('192.0.2.20');
	for (let i = 0; i < 130; i++)
		refused(await redeem('beta', { token: 'x' }, { headers: desk }), 401, 'token_invalid');
	for (let i = 0; i < 60; i++)
		refused(await redeem('beta', { token: 'x' }, { secret: `guess-${i}`, headers: thief }), 401, 'secret_invalid');
	const over = await redeem('beta', { token: 'x' }, { secret: 'guess', headers: thief });
	refused(over, 429, 'too_many_requests');
	assert.equal(over.headers['retry-after'], String(over.json().retry_after));
	assert.equal(over.headers['x-ratelimit-remaining'], '0');
	const { token } = await mint('beta', thief);
	refused(await redeem('beta', { token }, { headers: thief }), 429, 'too_many_requests');
	assert.equal((await redeem('beta', { token }, { headers: desk })).status, 200, 'others are not concerned');
});

test('the secret is taken up anew by a reload', async () => {
	const { token } = await mint();
	fs.writeFileSync(path.join(gw.conf, 'secret'), 'another-secret-of-ours\n');
	assert.equal((await gw.reload()).code, 0);
	refused(await redeem('alpha', { token }), 401, 'secret_invalid');
	assert.equal((await redeem('alpha', { token }, { secret: 'another-secret-of-ours' })).status, 200);
	assert.ok(!gw.log.some((l) => l.includes(SECRET) || l.includes('another-secret') || l.includes(token)));
});
