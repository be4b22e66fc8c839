// The rate limit over the wire: the guide's figures, who is one client, proxies,
// restarts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Gateway, start, tenant } from './harness.mjs';

const user = { email: 'user@example.com', name: 'John Doe' };
const limited = (settings = {}) => ({ gateway: { rate_limit: '{ requests = 60; per = 3600; }', ...settings }, tenants: { alpha: tenant('alpha') } });

async function spend(gw, count, options) {
	const statuses = [];
	for (let i = 0; i < count; i++)
		statuses.push((await gw.handoff('alpha', user, options)).status);
	return statuses;
}

test('60 an hour, the 61st as the guide says, and a restart is no way around it', async () => {
	const gw = await start(limited());
	const first = await gw.handoff('alpha', user, { headers: { Origin: 'https://alpha.test' } });
	assert.equal(first.headers['x-ratelimit-limit'], '60');
	assert.equal(first.headers['x-ratelimit-remaining'], '59');
	assert.equal(first.headers['x-ratelimit-reset'], undefined);
	assert.deepEqual([...new Set(await spend(gw, 59))], [302]);
	const over = await gw.handoff('alpha', user, { headers: { Origin: 'https://alpha.test' } });
	assert.equal(over.status, 429);
	const { message, retry_after, code } = over.json();
	assert.equal(message, 'Too many requests.');
	assert.ok(retry_after > 0 && retry_after <= 60, String(retry_after));
	assert.equal(over.headers['retry-after'], String(retry_after));
	assert.equal(over.headers['x-ratelimit-remaining'], '0');
	const reset = Number(over.headers['x-ratelimit-reset']) - Date.now() / 1000;
	assert.ok(reset > -60 && reset <= 61, `seconds since 1970: ${reset} from now`);
	assert.equal(over.headers['access-control-allow-origin'], 'https://alpha.test', 'readable by the partner\'s page');
	assert.equal(code, 'too_many_requests');
	assert.equal((await gw.request({ method: 'OPTIONS', path: '/api/auth/redirect/alpha' })).status, 204, 'preflights are free');
	assert.equal((await gw.handoff('nobody', user)).status, 429, 'slugs cannot be tried out for free');
	await gw.stop();
	await gw.start();
	assert.equal((await gw.handoff('alpha', user)).status, 429);
	await gw.stop();
});

test('X-Forwarded-For counts from a trusted proxy only, right-most untrusted hop first', async () => {
	const gw = await start(limited({ rate_limit: '{ requests = 2; per = 3600; }', trusted_proxies: '[ "127.0.0.1/32", "10.0.0.0/8" ]' }));
	const from = (xff) => ({ headers: { 'X-Forwarded-For': xff } });
	assert.deepEqual(await spend(gw, 3, from('192.0.2.1')), [302, 302, 429]);
	assert.deepEqual(await spend(gw, 1, from('192.0.2.2')), [302], 'another client');
	assert.deepEqual(await spend(gw, 1, from('192.0.2.99, 192.0.2.1')), [429], 'what the client wrote before does not count');
	assert.deepEqual(await spend(gw, 1, from('192.0.2.1, 10.1.2.3')), [429], 'trusted hops are passed over');
	assert.deepEqual(await spend(gw, 1, from('::ffff:192.0.2.1')), [429], 'a mapped address is the same client');
	assert.deepEqual(await spend(gw, 3, from('2001:db8:1:2::1')), [302, 302, 429]);
	assert.deepEqual(await spend(gw, 1, from('2001:db8:1:2:ffff::9')), [429], 'a /64 is one client');
	assert.deepEqual(await spend(gw, 1, from('2001:db8:1:3::1')), [302]);
	assert.equal((await gw.handoff('alpha', user, { headers: { 'X_Forwarded_For': '192.0.2.50' } })).status, 400, 'underscore spellings are refused');
	await gw.stop();
});

test('X-Forwarded-For from anybody else is ignored, and said so', async () => {
	const gw = await start(limited({ rate_limit: '{ requests = 2; per = 3600; }' }));
	const statuses = [];
	for (let i = 0; i < 3; i++)
		statuses.push((await gw.handoff('alpha', user, { headers: { 'X-Forwarded-For': `192.0.2.${i}` } })).status);
	assert.deepEqual(statuses, [302, 302, 429]);
	await gw.logs((l) => /trusted_proxies/.test(l), 'a loud warning');
	await gw.stop();
});

test('a broken limits file is a warning, not a crash', async () => {
	const gw = new Gateway(limited());
	const fs = await import('node:fs');
	fs.mkdirSync(gw.state, { recursive: true, mode: 0o700 });
	fs.writeFileSync(`${gw.state}/limits`, 'garbage\0garbage', { mode: 0o600 });
	await gw.start();
	await gw.logs((l) => /limits_not_loaded/.test(l));
	assert.equal((await gw.handoff('alpha', user)).status, 302);
	await gw.stop();
});

test('a trusted proxy that says who asks in another header is told once, and heard where it is configured', async () => {
	const settings = { rate_limit: '{ requests = 2; per = 3600; }', trusted_proxies: '[ "127.0.0.1" ]' };
	const gw = await start(limited(settings));
	const real = (address, more) => ({ headers: { 'X-Real-IP': address, ...more } });
	assert.deepEqual([...await spend(gw, 1, real('192.0.2.1')), ...await spend(gw, 1, real('192.0.2.2')), ...await spend(gw, 1, real('192.0.2.3'))], [302, 302, 429], 'all are one');
	const line = JSON.parse(await gw.logs((l) => l.includes('"proxy_tells_no_client"')));
	assert.equal(line.peer, '127.0.0.1');
	assert.match(line.remedy, /client_header = "X-Real-IP"/);
	assert.match((await gw.ctl('status')).out, /PROXY 127\.0\.0\.1 TELLS NO CLIENT.*3 requests.*client_header = "X-Real-IP"/);
	const status = JSON.parse((await gw.ctl('--json', 'status')).out);
	assert.equal(status.proxies_untold, 3);
	assert.deepEqual([status.proxies.length, status.proxies[0].proxy, status.proxies[0].untold], [1, '127.0.0.1', 3]);
	// Forwarded is understood at once, and no forgery beside X-Forwarded-For counts.
	const forwarded = (value, more) => ({ headers: { Forwarded: value, ...more } });
	assert.deepEqual(await spend(gw, 3, forwarded('for="[2001:db8::1]:80";proto=https')), [302, 302, 429]);
	assert.deepEqual(await spend(gw, 1, forwarded('for=192.0.2.99', { 'X-Forwarded-For': '2001:db8::1' })), [429]);
	assert.deepEqual(await spend(gw, 1, forwarded('for=192.0.2.99, for="[2001:db8::1]"')), [429]);
	assert.equal((await gw.handoff('alpha', user, forwarded('for="'))).json().code, 'bad_forwarded_for');
	assert.equal(gw.log.filter((l) => l.includes('"proxy_tells_no_client"')).length, 1);
	// As told: no restart is needed.
	const conf = (await import('node:fs')).readFileSync(`${gw.conf}/gateway.conf`, 'utf8');
	gw.writeConf('gateway', conf.replace('gateway = {', 'gateway = {\n\tclient_header = "X-Real-IP";'));
	assert.equal((await gw.reload()).code, 0);
	assert.deepEqual(await spend(gw, 3, real('198.51.100.1', { 'X-Forwarded-For': '198.51.100.77', Forwarded: 'for=198.51.100.78' })), [302, 302, 429]);
	assert.deepEqual(await spend(gw, 1, real('198.51.100.2')), [302]);
	assert.equal((await gw.handoff('alpha', user, { headers: { X_Real_IP: '198.51.100.3' } })).status, 400);
	await gw.stop();
});

test('sign-ins that start at the desk are charged apart, and may come ten times as often', async () => {
	const gw = await start({ gateway: { rate_limit: '{ requests = 2; per = 3600; }' },
		tenants: { alpha: tenant('alpha', { login_url: '"https://alpha.test/support"' }) } });
	const go = async () => (await gw.request({ host: 'ticket.alpha.test', path: '/auth/login',
		headers: { Accept: 'text/html', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' } })).status;
	const statuses = [];
	for (let i = 0; i < 21; i++)
		statuses.push(await go());
	assert.deepEqual(statuses, [...Array(20).fill(302), 429]);
	assert.deepEqual(await spend(gw, 3), [302, 302, 429]);
	await gw.stop();
});
