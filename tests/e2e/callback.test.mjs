// /auth/callback: which request may redeem, and what all others get.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import net from 'node:net';
import { start, tenant, until } from './harness.mjs';

let gw;
const C = 'ticket.alpha.test';
const user = { email: 'user@example.com', name: 'John Doe' };

before(async () => {
	gw = await start({
		tenants: {
			alpha: tenant('alpha'),
			beta: tenant('beta', { switch_user: '"replace"' }),
			careful: tenant('careful', { url: null, callback: '"confirm"' }),
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

test('callback = confirm: who sends no Sec-Fetch headers uses a token up by a button only', async () => {
	const location = await mint('careful');
	const token = new URL(location).searchParams.get('token');
	const own = 'https://tickets.test';
	const look = (method, headers = {}) => gw.request({ method, path: pathOf(location), headers });
	for (const headers of [{}, { 'User-Agent': 'Slackbot-LinkExpanding 1.0', Range: 'bytes=0-32768' }, { Accept: 'application/json' }, { Accept: 'text/html' }]) {
		assert.equal((await look('HEAD', headers)).status, 200);
		const page = await look('GET', headers);
		assert.equal(page.status, 200);
		assert.deepEqual(page.cookies, []);
		assert.equal(page.headers['cache-control'], 'no-store');
		assert.equal(page.headers['referrer-policy'], 'no-referrer');
		assert.match(page.headers['content-security-policy'], /default-src 'none'.*form-action 'self' https:\/\/tickets\.test; frame-ancestors 'none'/);
		assert.match(page.text, /<meta name="referrer" content="strict-origin">/);
		assert.match(page.text, new RegExp(`<form method="post" action="/auth/callback">\\s*<input type="hidden" name="token" value="${token}">`));
		assert.doesNotMatch(page.text, /user@example\.com|John Doe/);
	}
	assert.equal((await look('HEAD', { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' })).status, 200);
	const press = (origin) => gw.request({ method: 'POST', path: '/auth/callback', body: `token=${token}`, headers: { 'Content-Type': 'application/x-www-form-urlencoded', Origin: origin } });
	assert.equal((await press('https://evil.test')).status, 403);
	assert.equal((await press('null')).status, 403);
	const signedIn = await press(own);
	assert.equal(signedIn.status, 302, signedIn.text);
	assert.match(signedIn.cookies[0], /^__Host-usher=/);
	assert.equal((await press(own)).status, 410);
	/* a browser sees no page */
	assert.equal((await gw.callback(await mint('careful'))).status, 302);
	await gw.stop();
	assert.ok(!gw.log.some((line) => line.includes(token)), 'no token in the log');
	await gw.start();
});

const workers = '1';	/* so that one that slept would hold up all */
const used = async (g) => {
	const { location } = (await g.handoff('alpha', user)).headers;
	return { location, cookie: (await g.callback(location)).cookies[0].split(';')[0] };
};

test('two tabs of one link: the second finds the first one\'s session', async () => {
	const { location, cookie } = await used(gw);
	const second = await gw.callback(location, { once: true });
	assert.equal(second.status, 302);
	assert.equal(second.headers['cache-control'], 'no-store');
	assert.equal(second.headers['referrer-policy'], 'no-referrer');
	assert.deepEqual(second.cookies, []);
	const to = new URL(second.headers.location, location).href;
	assert.equal(to, `${location}&again=1`);
	const desk = await gw.callback(to, { cookie });
	assert.equal(desk.headers.location, 'https://ticket.alpha.test/dashboard');
	assert.equal((await gw.callback(to)).status, 410, 'once more, not for ever');
	assert.equal((await gw.callback(location)).status, 410);
});

test('who pauses holds nobody up, and who goes meanwhile leaves no trace', async () => {
	const g = await start({ gateway: { workers }, tenants: { alpha: tenant('alpha') } });
	const { location } = await used(g);
	const { pathname, search } = new URL(location);
	const TABS = 60, MAX = 256;
	const waiting = async () => Number(/^usher_http_waiting (\d+)$/m.exec(await g.metrics())?.[1] ?? 0);
	/* a worker that slept would have one of them at a time */
	let most = 0;
	await until(async () => {
		let isOver = false;
		const tabs = Promise.all(Array.from({ length: TABS }, () => g.callback(location, { once: true }))).finally(() => { isOver = true; });
		while (!isOver)
			most = Math.max(most, await waiting());
		const all = await tabs;
		assert.ok(all.every((r) => r.status === 302 && r.headers.location.endsWith('&again=1')), all.map((r) => r.status).join());
		return most > 1;
	}, 'several to pause at once');
	/* their places come free, however they left */
	const head = `GET ${pathname}${search} HTTP/1.1\r\nHost: ticket.alpha.test\r\nAccept: text/html\r\n\r\n`;
	for (let seen = 0; seen < 2 * MAX;) {
		const sockets = await Promise.all(Array.from({ length: 100 }, () => new Promise((resolve, reject) => {
			const socket = net.connect({ host: '127.0.0.1', port: g.plainPort });
			socket.on('error', reject);
			socket.on('connect', () => socket.write(head, () => resolve(socket)));
		})));
		seen += await waiting();
		for (const socket of sockets)
			socket.removeAllListeners('error').on('error', () => {}).destroy();
		await until(async () => await waiting() === 0, 'all of them to be over');
	}
	assert.equal((await g.callback(location, { once: true })).status, 302);
	/* the end comes in the middle of it */
	let last, isOver, paused = 0;
	while (!paused) {
		isOver = false;
		last = Promise.all(Array.from({ length: 20 }, () => g.callback(location, { once: true }).catch((error) => error)));
		last.then(() => { isOver = true; });
		while (!isOver && !paused)
			paused = await waiting();
	}
	await g.stop();
	/* who was heard is answered; others had not got in, or not finished their handshake */
	const ends = await last;
	for (const r of ends)
		assert.ok([302, 410].includes(r.status) || ['ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(r.code), `${r.status} ${r}`);
	assert.ok(ends.filter((r) => r.status).length >= paused, ends.map((r) => r.status ?? r.code).join());
});
