// /auth/callback: which request may redeem, and what all others get.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { start, tenant } from './harness.mjs';

let gw;
const C = 'ticket.alpha.test';
const user = { email: 'user@example.com', name: 'John Doe' };

before(async () => {
	gw = await start({
		tenants: {
			alpha: tenant('alpha'),
			beta: tenant('beta', { switch_user: '"replace"' }),
		},
	});
});
after(() => gw.stop());

const mint = async (slug = 'alpha', fields = user) => (await gw.handoff(slug, fields)).headers.location;
const pathOf = (location) => new URL(location).pathname + new URL(location).search;

test('a navigation redeems: cookie, redirect, headers', async () => {
	const r = await gw.callback(await mint());
	assert.equal(r.status, 302);
	assert.equal(r.headers.location, 'https://ticket.alpha.test/dashboard');
	assert.equal(r.cookies.length, 1);
	const [pair, ...attributes] = r.cookies[0].split(/; */);
	assert.match(pair, /^__Host-usher=[A-Za-z0-9_-]{43}$/);
	assert.ok(['Path=/', 'Secure', 'HttpOnly', 'SameSite=None'].every((a) => attributes.includes(a)), r.cookies[0]);
	assert.equal(r.headers['cross-origin-opener-policy'], 'same-origin');
	assert.equal(r.headers['cache-control'], 'no-store');
	assert.equal(r.headers['referrer-policy'], 'no-referrer');
	assert.equal(r.headers['x-content-type-options'], undefined, 'there is nothing to sniff');
	assert.match(r.headers['strict-transport-security'], /max-age=31536000/);
	assert.deepEqual(r.headers.vary.split(/, */).sort(), ['Origin', 'Sec-Fetch-Dest', 'Sec-Fetch-Mode', 'Sec-Purpose']);
	assert.equal(r.headers['access-control-allow-origin'], undefined);
});

// Everything that must not spend the token; afterwards a navigation still can.
const spectators = [
	['fetch across origins', {}, { Origin: 'null', 'Sec-Fetch-Mode': 'cors', 'Sec-Fetch-Dest': 'empty' }, 200, { acao: 'null', text: '{}' }],
	['fetch from a listed origin', {}, { Origin: 'https://alpha.test', 'Sec-Fetch-Mode': 'cors', 'Sec-Fetch-Dest': 'empty' }, 200, { acao: 'https://alpha.test', text: '{}' }],
	['fetch from a foreign origin', {}, { Origin: 'https://evil.test', 'Sec-Fetch-Mode': 'cors', 'Sec-Fetch-Dest': 'empty' }, 200, { text: '{}' }],
	['fetch without Sec-Fetch', {}, { Origin: 'null', 'Sec-Fetch-Mode': null, 'Sec-Fetch-Dest': null, 'Sec-Fetch-Site': null }, 200, { acao: 'null', text: '{}' }],
	['no-cors', {}, { 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'image' }, 200, { text: '{}' }],
	['prefetch', {}, { 'Sec-Purpose': 'prefetch' }, 503, {}],
	['prerender', {}, { 'Sec-Purpose': 'prefetch;prerender' }, 503, {}],
	['old prefetch', {}, { 'X-Moz': 'prefetch' }, 503, {}],
	['old preview', {}, { 'X-Purpose': 'preview' }, 503, {}],
	['Purpose', {}, { Purpose: 'prefetch' }, 503, {}],
	['iframe', {}, { 'Sec-Fetch-Dest': 'iframe' }, 403, {}],
	['HEAD', { method: 'HEAD' }, {}, 200, { text: '' }],
	['OPTIONS', { method: 'OPTIONS' }, { Origin: 'null', 'Sec-Fetch-Mode': 'cors', 'Sec-Fetch-Dest': 'empty' }, 204, { acao: 'null' }],
];
for (const [name, options, headers, status, expected] of spectators)
	test(`not redeemed: ${name}`, async () => {
		const location = await mint();
		const all = { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document', ...headers };
		const r = await gw.request({
			host: C, path: pathOf(location), ...options,
			headers: Object.fromEntries(Object.entries(all).filter(([, v]) => v !== null)),
		});
		assert.equal(r.status, status, r.text);
		assert.deepEqual(r.cookies, []);
		assert.equal(r.headers['access-control-allow-origin'], expected.acao);
		assert.equal(r.headers['cache-control'], 'no-store');
		if (expected.text !== undefined)
			assert.equal(r.text, expected.text);
		assert.equal((await gw.callback(location)).status, 302, 'the token is still good');
	});

test('the constant answer is the same for a good, a spent and a false token', async () => {
	const location = await mint();
	const headers = { Origin: 'null', 'Sec-Fetch-Mode': 'cors', 'Sec-Fetch-Dest': 'empty' };
	const shape = (r) => [r.status, r.text, Object.entries(r.headers).filter(([k]) => !['date', 'x-request-id'].includes(k))];
	const good = shape(await gw.request({ host: C, path: pathOf(location), headers }));
	await gw.callback(location);
	assert.deepEqual(shape(await gw.request({ host: C, path: pathOf(location), headers })), good);
	assert.deepEqual(shape(await gw.request({ host: C, path: '/auth/callback?token=x', headers })), good);
	assert.deepEqual(shape(await gw.request({ host: C, path: '/auth/callback', headers })), good);
});

test('a spent token: back to the desk for its own session, 410 for others', async () => {
	const location = await mint();
	const cookie = (await gw.callback(location)).cookies[0].split(';')[0];
	const again = await gw.callback(location, { cookie });
	assert.equal(again.status, 302);
	assert.equal(again.headers.location, 'https://ticket.alpha.test/dashboard');
	const other = await gw.callback(location, { headers: { Accept: 'application/json' } });
	assert.equal(other.status, 410);
	assert.equal(other.json().code, 'token_used');
});

test('tokens that are not ours', async () => {
	const good = new URL(await mint()).searchParams.get('token');
	const flip = (i) => good.slice(0, i) + (good[i] === 'A' ? 'B' : 'A') + good.slice(i + 1);
	const bad = ['', 'x', 'a.b.c.d.e', '....', flip(10), flip(good.length - 30), good.slice(0, -1), `${good}A`, `${good}.`, 'A'.repeat(5000)];
	for (const token of bad) {
		const r = await gw.request({ host: C, path: `/auth/callback?token=${token}`, headers: { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' } });
		assert.equal(r.status, 401, token.slice(0, 40));
		assert.equal(r.json().code, 'token_invalid');
	}
	for (const query of ['', '?', `?token=${good}&token=${good}`, '?other=1'])
		assert.ok([400, 401].includes((await gw.request({ host: C, path: `/auth/callback${query}`, headers: { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' } })).status), query);
	const elsewhere = await gw.request({ host: 'ticket.beta.test', path: `/auth/callback?token=${good}`, headers: { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' } });
	assert.equal(elsewhere.status, 401, 'another tenant\'s host');
	assert.equal((await gw.request({ host: C, path: `/auth/callback?token=${good}`, headers: { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' } })).status, 302, 'and it was not spent by any of this');
});

test('another user is asked before the desk changes hands', async () => {
	const mine = await gw.signIn('alpha', user);
	const theirs = await mint('alpha', { email: 'mallory@example.com', name: 'Mallory' });
	const asked = await gw.callback(theirs, { cookie: mine });
	assert.equal(asked.status, 200);
	assert.deepEqual(asked.cookies, []);
	assert.match(asked.text, /<form[^>]*method="?post/i);
	assert.match(asked.headers['content-security-policy'], /frame-ancestors 'none'/);
	const token = new URL(theirs).searchParams.get('token');
	const post = (headers) => gw.request({
		host: C, method: 'POST', path: '/auth/callback', body: `token=${token}`,
		headers: { 'Content-Type': 'application/x-www-form-urlencoded', Cookie: mine, 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document', ...headers },
	});
	for (const headers of [{}, { Origin: 'https://evil.test' }, { Origin: 'null' }])
		assert.equal((await post(headers)).status, 403, 'only the page itself may confirm');
	const confirmed = await post({ Origin: `https://${C}` });
	assert.ok([302, 303].includes(confirmed.status), confirmed.text);
	const cookie = confirmed.cookies[0].split(';')[0];
	assert.notEqual(cookie, mine);
	const session = (c) => gw.request({ host: C, path: '/auth/session', headers: { Cookie: c } });
	assert.equal((await session(cookie)).json().user.email, 'mallory@example.com');
	assert.equal((await session(mine)).status, 401, 'the old session is gone');
});

test('switch_user = replace does not ask; the same user is never asked', async () => {
	const first = await gw.signIn('beta', user);
	const other = await gw.callback(await mint('beta', { email: 'x@example.com', name: 'X' }), { cookie: first });
	assert.equal(other.status, 302);
	const mine = await gw.signIn('alpha', user);
	const again = await gw.callback(await mint(), { cookie: mine });
	assert.equal(again.status, 302);
	assert.notEqual(again.cookies[0].split(';')[0], mine, 'a new id at every sign-in');
});

test('other methods are 405', async () => {
	for (const method of ['POST']) {
		const r = await gw.request({ host: C, method, path: pathOf(await mint()), body: '' });
		assert.ok([400, 403, 405].includes(r.status), String(r.status));
	}
});
