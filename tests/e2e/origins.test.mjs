// Pages that a tenant does not list: what the operator finds, where they look first,
// and that no page's visitors can push out what others were refused.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { start, tenant } from './harness.mjs';

const user = { email: 'user@example.com', name: 'John Doe' };
const WWW = 'https://www.acme.test';
const preflight = (gw, slug, Origin, more = {}) => gw.request({
	method: 'OPTIONS', path: `/api/auth/redirect/${slug}`, headers: { Origin, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type', ...more },
});
const json = async (gw, ...words) => JSON.parse((await gw.ctl('--json', ...words)).out);
const explain = async (gw, answer) => (await gw.explain(answer.headers['x-request-id'])).out;
const line = (gw, name, setting) => fs.readFileSync(path.join(gw.conf, `${name}.conf`), 'utf8').split('\n').findIndex((l) => l.includes(setting)) + 1;
const refused = async (gw, slug) => (await gw.metrics()).match(new RegExp(`^usher_origin_refused_total\\{tenant="${slug}"\\} (\\d+)$`, 'm'))?.[1];

test('a preflight that is not passed on is found by explain, origins and the metric, with file and line', async () => {
	const gw = await start({ tenants: { acme: tenant('acme'), quiet: tenant('quiet') } });
	const at = `(acme.conf:${line(gw, 'acme', 'origins =')})`;
	const remedy = `${WWW} is not in origins of acme ${at}; add it`;
	assert.equal(await refused(gw, 'acme'), '0', 'there from the start');
	const answer = await preflight(gw, 'acme', WWW);
	assert.equal(answer.status, 204);
	assert.equal(answer.headers['access-control-allow-origin'], undefined);
	const told = await explain(gw, answer);
	assert.ok(told.includes(remedy), told);
	assert.match(told, /client: {2}of 127\.0\.0\.0\/24/);
	const fetched = await gw.handoff('acme', user, { headers: { Origin: WWW, 'Sec-Fetch-Mode': 'cors' } });
	assert.equal(fetched.status, 302);
	assert.ok((await explain(gw, fetched)).includes(remedy), 'the answer that its script could not read');
	const list = await json(gw, 'origins', 'acme');
	assert.equal(list.refused, 2);
	const { last_ms, ...first } = list.origins[0];
	assert.deepEqual(first, { origin: WWW, count: 2, at: ['preflight', 'read'], remedy });
	assert.ok(Math.abs(last_ms - Date.now()) < 3600e3);
	const text = await gw.ctl('origins', 'acme');
	assert.ok(text.out.includes(WWW) && text.out.includes(remedy), text.out);
	assert.equal(await refused(gw, 'acme'), '2');
	assert.deepEqual(await json(gw, 'origins', 'quiet'), { tenant: 'quiet', refused: 0, origins: [] });
	assert.equal((await gw.ctl('origins', 'nobody')).code, 1);

	// Done as told, the same page is served, and the list says so.
	gw.writeConf('acme', tenant('acme', { origins: `[ "https://acme.test", "${WWW}" ]` }));
	assert.equal((await gw.reload()).code, 0);
	assert.equal((await preflight(gw, 'acme', WWW)).headers['access-control-allow-origin'], WWW);
	assert.match((await json(gw, 'origins', 'acme')).origins[0].remedy, /is in origins of acme .* by now/);
	assert.equal(await refused(gw, 'acme'), '2');
	await gw.stop();
});

test('the hint of a refusal has room for an Origin as long as one may be', async () => {
	const gw = await start({ tenants: { acme: tenant('acme', { require_origin: 'true' }) } });
	const longest = `https://${[63, 63, 63, 53].map((n) => 'a'.repeat(n)).join('.')}.example:8443`;
	const r = await gw.handoff('acme', { email: 'user@example.com', name: 'N' }, { headers: { Origin: longest, Accept: 'application/json' } });
	assert.equal(r.status, 403, r.text);
	assert.equal(r.json().code, 'origin_refused');
	assert.ok(r.json().hint.includes(longest));
	await gw.stop();
});

test('require_origin beside no-referrer: the Origin that came, and what the two sides can do', async () => {
	const gw = await start({ tenants: { acme: tenant('acme', { require_origin: 'true' }) } });
	const withNull = await gw.handoff('acme', user, { headers: { Origin: 'null', 'Sec-Fetch-Mode': 'navigate' } });
	const without = await gw.handoff('acme', user);
	assert.deepEqual([withNull.status, without.status], [403, 403]);
	const told = await explain(gw, withNull);
	assert.match(told, /Origin null\n/);
	assert.match(told, /Referrer-Policy: strict-origin-when-cross-origin, or set allow_null_origin = true for acme \(acme\.conf:\d+\)/);
	assert.match(await explain(gw, without), /no Origin came.*require_origin \(acme\.conf:\d+\)/);
	const { origins } = await json(gw, 'origins', 'acme');
	assert.deepEqual(origins.map((o) => [o.origin, o.count, o.at]).sort(), [['(none)', 1, ['post']], ['null', 1, ['post']]]);
	assert.match(origins.find((o) => o.origin === 'null').remedy, /Referrer-Policy.*allow_null_origin/);
	await gw.stop();
});

test('a frame on a page that is not listed is found, too', async () => {
	const gw = await start({ tenants: { acme: tenant('acme') } });
	const open = (Referer) => gw.request({ path: '/embed/acme', headers: { Referer, 'Sec-Fetch-Dest': 'iframe', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Site': 'cross-site' } });
	assert.equal((await open('https://acme.test/')).status, 200);
	assert.deepEqual((await json(gw, 'origins', 'acme')).origins, []);
	assert.equal((await open(`${WWW}/support?secret=1`)).status, 200);
	const { origins } = await json(gw, 'origins', 'acme');
	assert.deepEqual(origins.map((o) => [o.origin, o.at]), [[WWW, ['frame']]]);
	await gw.stop();
});

test('hostile origins push out no honest ones, and what is none is not kept', async () => {
	const gw = await start({ gateway: { trusted_proxies: '[ "127.0.0.1" ]' }, tenants: { acme: tenant('acme') } });
	const from = (address) => ({ 'X-Forwarded-For': address });
	await preflight(gw, 'acme', WWW, from('192.0.2.1'));
	for (let i = 0; i < 300; i++)
		await preflight(gw, 'acme', `https://evil-${i}.test`, from('198.51.100.1'));
	const secret = await preflight(gw, 'acme', 'https://u:canary-77@evil.test/<b>', from('198.51.100.2'));
	const list = await json(gw, 'origins', 'acme');
	assert.equal(list.refused, 302);
	assert.equal(list.origins.find((o) => o.origin === WWW).count, 1);
	assert.equal(list.origins.filter((o) => o.origin.includes('evil-')).length, 4);
	assert.match((await gw.ctl('origins', 'acme')).out, /296 more, of pages that are not kept/);
	assert.match(await explain(gw, secret), /Origin \(malformed\)/);
	assert.match((await gw.metrics()), /^usher_audit_sampled_out_total 239$/m, '60 a day of a client, and a sample');
	await gw.stop();
	for (const name of fs.readdirSync(gw.state).filter((n) => n.startsWith('usher.db')))
		assert.equal(fs.readFileSync(path.join(gw.state, name)).indexOf('canary-77'), -1, name);
	// The list goes with the process; the records stay.
	await gw.start();
	assert.deepEqual((await json(gw, 'origins', 'acme')).origins, []);
	assert.match(await explain(gw, secret), /Origin \(malformed\)/);
	await gw.stop();
});
