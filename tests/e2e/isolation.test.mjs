// Two tenants that must not see each other, on hosts of their own and on one that
// they share.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { start, tenant } from './harness.mjs';

let gw;
const user = { email: 'same@example.com', name: 'Same Address' };

before(async () => {
	gw = await start({
		tenants: {
			alpha: tenant('alpha'),
			beta: tenant('beta'),
			red: tenant('red', { url: null }),
			blue: tenant('blue', { url: null }),
		},
	});
});
after(() => gw.stop());

const session = (host, cookie, query = '') => gw.request({ host, path: `/auth/session${query}`, headers: { Cookie: cookie } });
const checkAs = (host, cookie, query = '') => gw.request({ host, path: `/auth/check${query}`, headers: { Cookie: cookie } });

test('one address at two tenants is two users', async () => {
	const a = await gw.signIn('alpha', user), b = await gw.signIn('beta', { ...user, name: 'Other' });
	const ua = (await session('ticket.alpha.test', a)).json().user, ub = (await session('ticket.beta.test', b)).json().user;
	assert.notEqual(ua.id, ub.id);
	assert.deepEqual([ua.name, ub.name], ['Same Address', 'Other']);
});

test('a session of one host is nobody on another', async () => {
	const a = await gw.signIn('alpha', user);
	for (const host of ['ticket.beta.test', 'tickets.test'])
		assert.equal((await session(host, a)).status, 401, host);
	const red = await gw.signIn('red', user);
	for (const host of ['ticket.alpha.test', 'ticket.beta.test'])
		assert.equal((await session(host, red)).status, 401, host);
});

test('a token redeems at its own tenant\'s host only', async () => {
	const location = (await gw.handoff('alpha', user)).headers.location;
	const moved = (host) => location.replace('ticket.alpha.test', host);
	for (const host of ['ticket.beta.test', 'tickets.test']) {
		const r = await gw.callback(moved(host), { headers: { Accept: 'application/json' } });
		assert.equal(r.status, 401);
		assert.equal(r.json().code, 'token_invalid');
	}
	assert.equal((await gw.callback(location)).status, 302);
});

test('on a shared host: one session, its tenant always named, a check must ask for one', async () => {
	const red = await gw.signIn('red', user);
	const r = await session('tickets.test', red);
	assert.equal(r.json().tenant, 'red');
	assert.equal(r.headers['remote-tenant'], 'red');
	assert.equal((await checkAs('tickets.test', red, '?tenant=red')).status, 200);
	assert.equal((await checkAs('tickets.test', red, '?tenant=blue')).status, 401, 'red\'s user does not pass for blue');
	assert.ok([400, 401].includes((await checkAs('tickets.test', red)).status), 'an unnamed check never passes');
	assert.notEqual((await checkAs('tickets.test', red, '?tenant=blue&tenant=red')).status, 200);
});

test('on a shared host: signing in elsewhere asks first and then replaces', async () => {
	const red = await gw.signIn('red', user);
	const location = (await gw.handoff('blue', { email: 'other@example.com', name: 'O' })).headers.location;
	const asked = await gw.callback(location, { cookie: red });
	assert.equal(asked.status, 200);
	const token = new URL(location).searchParams.get('token');
	const confirmed = await gw.request({
		host: 'tickets.test', method: 'POST', path: '/auth/callback', body: `token=${token}`,
		headers: { 'Content-Type': 'application/x-www-form-urlencoded', Cookie: red, Origin: 'https://tickets.test', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' },
	});
	assert.ok([302, 303].includes(confirmed.status), confirmed.text);
	const blue = confirmed.cookies[0].split(';')[0];
	assert.equal((await session('tickets.test', blue)).json().tenant, 'blue');
	assert.equal((await session('tickets.test', red)).status, 401);
});

test('the constant answer on a shared host echoes what any of its tenants lists', async () => {
	const answer = async (Origin) => (await gw.request({
		host: 'tickets.test', path: '/auth/callback?token=x', headers: { Origin, 'Sec-Fetch-Mode': 'cors', 'Sec-Fetch-Dest': 'empty' },
	})).headers['access-control-allow-origin'];
	assert.equal(await answer('https://red.test'), 'https://red.test');
	assert.equal(await answer('https://blue.test'), 'https://blue.test');
	assert.equal(await answer('https://alpha.test'), undefined);
});

test('one tenant\'s limit is its own', async () => {
	gw.writeConf('alpha', tenant('alpha', { rate_limit: '{ requests = 2; per = 3600; }' }));
	assert.equal((await gw.reload()).code, 0);
	const statuses = [];
	for (let i = 0; i < 3; i++)
		statuses.push((await gw.handoff('alpha', user)).status);
	assert.deepEqual(statuses, [302, 302, 429]);
	assert.equal((await gw.handoff('beta', user)).status, 302);
});
