// `usherctl explain` leads to the setting: file and line, or where it would stand.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Gateway, tenant, until } from './harness.mjs';

const SECRET = 'a secret of thirty-two octets, or more';
const now = () => Math.floor(Date.now() / 1000);
const b64 = (x) => Buffer.from(typeof x === 'string' ? x : JSON.stringify(x)).toString('base64url');
function sign(claims = {}, header = {}, secret = SECRET) {
	const input = `${b64({ alg: 'HS256', kid: 'k1', ...header })}.${b64({ iss: 'https://alpha.test', aud: 'alpha', iat: now(), exp: now() + 60, jti: crypto.randomUUID(),
		email: 'ann@example.com', name: 'Ann', ...claims })}`;
	return `${input}.${crypto.createHmac('sha256', secret).update(input).digest('base64url')}`;
}

let gw, lines;
before(async () => {
	gw = new Gateway({ tenants: {
		alpha: tenant('alpha', { identity: '"signed"', issuer: '"https://alpha.test"', assertion_max_age: '120',
			keys: '( { kid = "k1"; algorithm = "HS256"; secret_file = "secret"; } )' }),
		beta: tenant('beta', { url: null, home: null, origins: null }),
	} });
	fs.writeFileSync(path.join(gw.conf, 'secret'), `${SECRET}\n`, { mode: 0o600 });
	lines = fs.readFileSync(path.join(gw.conf, 'alpha.conf'), 'utf8').split('\n');
	await gw.start();
});
after(() => gw?.stop());

const place = (setting) => `alpha.conf:${lines.findIndex((l) => l.trim().startsWith(`${setting} =`)) + 1}`;
const explain = async (r) => (await gw.explain(r.headers['x-request-id'])).out;

for (const [setting, code, assertion] of [
	['issuer', 'assertion_issuer', () => sign({ iss: 'https://other.test' })],
	['keys', 'assertion_key_unknown', () => sign({}, { kid: 'k2' })],
	['keys', 'assertion_algorithm', () => sign({}, { alg: 'ES256' })],
	['keys', 'assertion_signature', () => sign({}, {}, 'another secret of thirty-two octets')],
	['assertion_max_age', 'assertion_lifetime', () => sign({ exp: now() + 300 })],
])
	test(`${code} leads to ${setting}`, async () => {
		const r = await gw.handoff('alpha', { assertion: assertion() });
		assert.equal(r.status, 401, r.text);
		const told = await explain(r);
		assert.ok(told.includes(code), told);
		assert.ok(told.includes(`The setting: ${setting} of alpha (${place(setting)})`), told);
	});

test('a setting that is not there is told with its file', async () => {
	const r = await gw.request({ path: '/api/auth/redeem/beta', method: 'POST', headers: { 'Content-Type': 'application/json', Authorization: 'Bearer x' }, body: '{"token":"x"}' });
	assert.equal(r.status, 404, r.text);
	assert.match(await explain(r), /The setting: redeem_secret_file of beta \(beta\.conf\), where it is not set/);
});

test('a tenant that is none: the one that may be meant', async () => {
	assert.match(await explain(await gw.handoff('alhpa', { email: 'a@b.test' })), /find_tenant +tenant_not_found .*the name is near alpha/);
	assert.doesNotMatch(await explain(await gw.handoff('zzzzzzzz', { email: 'a@b.test' })), /is near/);
});

test('what a page asks to quote the number of is on record', async () => {
	const wrong = await gw.request({ path: '/api/auth/redirect/alpha', method: 'GET' });
	assert.equal(wrong.status, 405);
	assert.match(await explain(wrong), /method_not_allowed/);
	const near = await gw.request({ path: '/api/auth/redirects/alpha', method: 'POST' });
	assert.equal(near.status, 404);
	assert.match(await explain(near), /not_found/);
});

test('of somebody it has the newest, each once', async () => {
	const ids = [];
	for (let i = 0; i < 56; i++) {
		const bad = i % 9 === 4;
		const sent = await gw.handoff('alpha', { assertion: sign({ sub: 'often', email: 'often@example.com', ...(bad ? { name: undefined } : {}) }) });
		assert.equal(sent.status, bad ? 422 : 302, sent.text);
		ids.push(sent.headers['x-request-id']);
	}
	const told = await until(async () => {
		const all = JSON.parse((await gw.ctl('--json', 'explain', 'alpha', 'often@example.com')).out);
		const list = all.records.map((x) => x.request_id);
		return list.includes(ids.at(-1)) && list;
	}, 'the last one');
	assert.deepEqual([...told].sort(), ids.slice(-told.length).sort());
	assert.equal(told.length, 50);
});
