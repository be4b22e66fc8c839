// The self-test: a partner's developer posts what their page posts, behind a link of
// `usherctl selftest`, and each mistake is named at the first try. What it says is what
// the handoff says, and nothing comes of it.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Gateway, tenant } from './harness.mjs';

const SECRET = crypto.randomBytes(32).toString('base64');
const ORIGIN = 'https://alpha.test';
const now = () => Math.floor(Date.now() / 1000);
const b64 = (x) => Buffer.from(JSON.stringify(x)).toString('base64url');
const claims = (more = {}) => ({ iss: ORIGIN, aud: 'alpha', iat: now(), exp: now() + 60, jti: crypto.randomUUID(), email: 'ann@example.com', name: 'Ann', ...more });

function sign(payload = claims(), { secret = SECRET, header = {}, hash = 'sha256' } = {}) {
	const text = `${b64({ alg: 'HS256', kid: 'k1', ...header })}.${b64(payload)}`;
	return `${text}.${crypto.createHmac(hash, secret).update(text).digest('base64url')}`;
}

let gw, link;

before(async () => {
	const keys = '( { kid = "k1"; algorithm = "HS256"; secret_file = "secret"; } )';
	gw = new Gateway({
		tenants: {
			alpha: tenant('alpha', { identity: '"signed"', keys, issuer: `"${ORIGIN}"` }),
			beta: tenant('beta', { url: null, home: null, origins: '[ "https://beta.test" ]', identity: '"observe"', keys, require_origin: 'true' }),
			gamma: tenant('gamma', { url: null, home: null, origins: null, identity: '"unsigned"' }),
			strict: tenant('strict', { identity: '"unsigned"', require_origin: 'true' }),
			own: tenant('own', { url: null, home: null, origins: null, adapter: '{ module = "advisor.so"; isolation = "none"; }' }),
			apart: tenant('apart', { url: null, home: null, origins: null, adapter: '{ module = "advisor.so"; }' }),
		},
	});
	fs.writeFileSync(path.join(gw.conf, 'secret'), `${SECRET}\n`, { mode: 0o600 });
	await gw.start();
	link = await linkOf('alpha');
});
after(() => gw?.stop());

async function linkOf(slug) {
	const { url, expires_in } = JSON.parse((await gw.ctl('--json', 'selftest', slug)).out);
	assert.equal(expires_in, 900);
	assert.match(url, new RegExp(`/selftest/${slug}\\?link=[\\w.-]+$`));
	return url.slice(url.indexOf('/selftest/'));
}

const request = (target, { headers = {}, ...rest } = {}) => gw.request({ path: target, headers, ...rest });
const post = (fields, { to = link, headers = {}, type = 'application/x-www-form-urlencoded', body } = {}) =>
	request(to, { method: 'POST', headers: { 'Content-Type': type, Origin: ORIGIN, ...headers }, body: body ?? new URLSearchParams(fields).toString() });

async function rehearse(fields, options) {
	const r = await post(fields, options);
	assert.equal(r.status, 200, r.text);
	const answer = r.json();
	return { ...answer, refused: answer.checks.filter((c) => c.verdict === 'refused'), row: (name) => answer.checks.find((c) => c.name === name) };
}

describe('ten mistakes, each named at the first try', () => {
	for (const [what, fields, code, name, words] of [
		['another secret', () => ({ assertion: sign(claims(), { secret: 'x'.repeat(44) }) }), 'assertion_signature', 'assertion: signature', /does not hold under the key "k1" \(HS256\)/],
		['a clock five minutes late', () => ({ assertion: sign(claims({ iat: now() - 360, exp: now() - 300 })) }), 'assertion_expired', 'assertion: exp', /exp \d\d:\d\d:\d\d, here \d\d:\d\d:\d\d: 30\d s late/],
		['a line end behind the secret', () => ({ assertion: sign(claims(), { secret: `${SECRET}\n` }) }), 'assertion_signature', 'assertion: signature', /Trim it before signing/],
		['for staging', () => ({ assertion: sign(claims({ aud: 'alpha-staging' })) }), 'assertion_audience', 'assertion: aud', /aud is "alpha-staging": it has to be "alpha" or/],
		['used before', async () => {
			const assertion = sign();
			const sent = await gw.handoff('alpha', { assertion });
			assert.equal(sent.status, 302);
			assert.equal((await gw.callback(sent.headers.location)).status, 302);
			return { assertion };
		}, 'assertion_replayed', 'assertion: used once', /opened a session before/],
		['a secret that was base64-decoded', () => ({ assertion: sign(claims(), { secret: Buffer.from(SECRET, 'base64') }) }), 'assertion_signature', 'assertion: signature', /base64-decoded before signing/],
		['another kid', () => ({ assertion: sign(claims(), { header: { kid: '2025-01' } }) }), 'assertion_key_unknown', 'assertion: kid', /holds under the key "k1": send that as kid/],
		['another algorithm', () => ({ assertion: sign(claims(), { header: { alg: 'HS512' }, hash: 'sha512' }) }), 'assertion_algorithm', 'assertion: alg', /alg is "HS512": it has to be the one of the tenant's key/],
		['no name', () => ({ assertion: sign(claims({ name: undefined })) }), 'validation_failed', 'fields', /The name field is required/],
		['a place that is not allowed', () => ({ assertion: sign(), redirect_url: 'https://evil.test/' }), 'validation_failed', 'fields', /redirect/],
	])
		test(what, async () => {
			const body = await fields();
			const answer = await rehearse(body);
			const row = answer.row(name);
			assert.ok(row, JSON.stringify(answer));
			assert.deepEqual([row.verdict, row.code], ['refused', code]);
			assert.match(`${row.what} ${row.remedy}`, words);
			assert.ok(row.remedy.length > 10, 'what helps');
			// nothing else is complained about, but the step that says the same in short
			for (const c of answer.refused)
				assert.equal(c.code, code);
			// and so says the handoff, but that the callback is asked later
			const real = await gw.handoff('alpha', body, { headers: { Accept: 'application/json', Origin: ORIGIN } });
			if (code === 'assertion_replayed')
				assert.equal((await gw.callback(real.headers.location)).status, 410);
			else
				assert.deepEqual([answer.good, answer.status, answer.code, real.status, real.json().code], [false, real.status, code, real.status, code]);
			const shown = JSON.stringify(answer);
			assert.ok(!shown.includes(SECRET), 'no secret');
			const [head, payload] = body.assertion.split('.');
			assert.ok(!shown.includes(crypto.createHmac('sha256', SECRET).update(`${head}.${payload}`).digest('base64url')), 'nor what would have been right');
		});
});

test('what passes is told with what was compared, and nothing comes of it', async () => {
	const users = await gw.ctl('sessions', 'alpha'), before_ = await gw.metrics(), assertion = sign(claims({ sub: '7', email: 'nobody@example.com' }));
	const counted = (text) => text.split('\n').filter((l) => /^usher_(assertions|handoffs|tokens|origin)/.test(l)).join('\n');
	for (let i = 0; i < 3; i++) {
		const answer = await rehearse({ assertion });
		assert.deepEqual([answer.good, answer.status, answer.refused], [true, 302, []], JSON.stringify(answer));
		assert.match(answer.redirect_url, /^https:\/\/ticket\.alpha\.test/);
		assert.match(answer.row('assertion: aud').what, /it says "alpha", the tenant is "alpha"/);
		assert.match(answer.row('assertion: signature').what, /verified with the key "k1"/);
		assert.equal(answer.row('origin').what, `Origin ${ORIGIN}`);
		assert.equal(answer.row('body').what, 'fields: assertion');
	}
	assert.equal((await gw.ctl('sessions', 'alpha')).out, users.out);
	assert.match((await gw.ctl('users', 'show', 'alpha', 'nobody@example.com')).err, /no /);
	assert.equal(counted(await gw.metrics()), counted(before_));
	// the assertion is as good as before
	const sent = await gw.handoff('alpha', { assertion });
	assert.equal((await gw.callback(sent.headers.location)).status, 302);
});

test('several mistakes are told at once', async () => {
	const answer = await rehearse({ assertion: sign(claims({ aud: 'x', iss: 'y', name: undefined }), { secret: 'z'.repeat(40) }) });
	assert.equal(answer.code, 'assertion_signature');
	for (const [name, code] of [['assertion: signature', 'assertion_signature'], ['assertion: iss', 'assertion_issuer'], ['assertion: aud', 'assertion_audience'], ['fields', 'validation_failed']])
		assert.equal(answer.row(name).code, code);
	const none = await rehearse({ email: 'ann@example.com', name: 'Ann' });
	assert.deepEqual([none.status, none.code], [401, 'assertion_missing']);
	// what is missing with it is no second fault
	const empty = await rehearse({ plan: 'gold' });
	assert.deepEqual([empty.code, empty.row('fields').verdict, empty.row('fields').code], ['assertion_missing', 'not_looked_at', undefined]);
	const broken = await rehearse(null, { type: 'application/json', body: '{"assertion":' });
	assert.deepEqual([broken.status, broken.code], [400, 'malformed_body']);
	assert.equal(broken.row('fields').verdict, 'not_looked_at');
});

test('observe and unsigned say what they do with an assertion', async () => {
	const beta = { to: await linkOf('beta'), headers: { Origin: 'https://beta.test' } };
	const bad = await rehearse({ assertion: sign(claims({ aud: 'beta' }), { secret: 'x'.repeat(44) }), email: 'ann@example.com', name: 'Ann' }, beta);
	assert.deepEqual([bad.good, bad.row('identity').verdict, bad.row('assertion: signature').verdict], [true, 'would_be_refused', 'would_be_refused']);
	assert.match(bad.row('identity').what, /"observe", which lets this pass/);
	const good = await rehearse({ assertion: sign(claims({ aud: 'beta' })) }, beta);
	assert.deepEqual([good.good, good.row('identity').verdict], [true, 'good']);
	const stranger = await rehearse({ email: 'ann@example.com', name: 'Ann' }, { ...beta, headers: { Origin: 'https://evil.test' } });
	assert.deepEqual([stranger.status, stranger.code], [403, 'origin_refused']);
	const gamma = await rehearse({ assertion: sign(), email: 'ann@example.com', name: 'Ann' }, { to: await linkOf('gamma') });
	assert.equal(gamma.good, true);
	const real = await gw.handoff('gamma', { assertion: sign(), email: 'ann@example.com', name: 'Ann' });
	assert.equal(real.status, 302);
	const told = (await gw.explain(real.headers['x-request-id'])).out;
	assert.match(told, /an assertion came; this tenant takes none: identity = unsigned at .*gamma\.conf:\d+/);
	assert.match(gamma.row('identity').what, /an assertion came; this tenant takes none: identity = "unsigned" at .*gamma\.conf:\d+/);
});

test('without a link of this tenant there is no page', async () => {
	const token = new URLSearchParams(link.split('?')[1]).get('link');
	for (const to of ['/selftest/alpha', '/selftest/alpha?link=', `/selftest/beta?link=${token}`, `/selftest/alpha?link=${token.slice(0, -2)}`, '/selftest/alpha?link=%00']) {
		for (const method of ['GET', 'POST']) {
			const r = await request(to, { method, headers: { Accept: 'text/html', 'Content-Type': 'application/x-www-form-urlencoded' }, body: method === 'POST' ? 'email=x' : undefined });
			assert.equal(r.status, 403, to);
			assert.match(r.text, /usherctl selftest/);
		}
	}
	// a link is no sign-in's token, nor the other way
	assert.equal((await request(`/auth/callback?token=${token}`, { host: 'ticket.alpha.test' })).status, 401);
	const sent = await gw.handoff('alpha', { assertion: sign() });
	const { searchParams } = new URL(sent.headers.location);
	assert.equal((await request(`/selftest/alpha?link=${searchParams.get('token')}`)).json().code, 'selftest_link');
	assert.equal((await request('/selftest/nobody')).status, 404);
	assert.equal((await request(link, { host: 'ticket.alpha.test' })).status, 404);
	assert.match((await gw.ctl('selftest', 'nobody')).err, /there is no tenant nobody/);
});

test('an adapter in a process of its own is asked, one in the gateway\'s is not', async () => {
	const fields = { email: 'ann@example.com', name: 'Ann' };
	const apart = await rehearse(fields, { to: await linkOf('apart') });
	assert.notEqual(apart.row('adapter').verdict, 'not_looked_at', JSON.stringify(apart));
	const own = await rehearse(fields, { to: await linkOf('own') });
	assert.equal(own.row('adapter').verdict, 'not_looked_at');
	assert.match(own.row('adapter').what, /in the gateway's own process/);
});

test('for people it is a page, whatever was posted', async () => {
	const page = await request(link, { headers: { Accept: 'text/html' } });
	assert.equal(page.status, 200);
	assert.match(page.text, /<h1>Self-test<\/h1>[^]*api\/auth\/redirect\/alpha[^]*works for 15 more minutes/);
	assert.match(page.headers['content-security-policy'], /default-src 'none'.*form-action 'self'.*frame-ancestors 'none'/);
	const evil = '"><script>alert(1)</script>';
	for (const fields of [{ assertion: sign(claims({ aud: evil, iss: evil, jti: evil, sub: evil, name: evil, email: evil })) }, { assertion: evil }, { [evil]: evil, email: evil, redirect_url: evil }, { assertion: sign(claims(), { header: { kid: evil } }) }]) {
		const r = await post(fields, { headers: { Accept: 'text/html', Origin: evil } });
		assert.equal(r.status, 200);
		assert.match(r.text, /This sign-in would be refused/);
		assert.ok(!r.text.includes('<script'), r.text);
	}
	const good = await post({ assertion: sign() }, { headers: { Accept: 'text/html' } });
	assert.match(good.text, /This sign-in would pass/);
});

test('a listed page\'s script may read it, preflight and all', async () => {
	const r = await post({ assertion: sign() });
	assert.equal(r.headers['access-control-allow-origin'], ORIGIN);
	const pre = await request(link, { method: 'OPTIONS', headers: { Origin: ORIGIN, 'Access-Control-Request-Method': 'POST' } });
	assert.deepEqual([pre.status, pre.headers['access-control-allow-origin']], [204, ORIGIN]);
});

test('a link is good for so many tries', async () => {
	const to = await linkOf('gamma');
	let last;
	for (let i = 0; i <= 120 && last?.status !== 429; i++)
		last = await request(to);
	assert.equal(last.status, 429);
	assert.ok(last.headers['retry-after'] > 0);
	assert.equal((await gw.handoff('gamma', { email: 'ann@example.com', name: 'Ann' })).status, 302, 'sign-ins have a budget of their own');
});

test("the page's own form is tried as a stranger's, and no origin is asked to be added", async () => {
	const { url } = JSON.parse((await gw.ctl('--json', 'selftest', 'strict')).out);
	const answer = await rehearse({ email: 'ann@example.com', name: 'Ann' }, { to: url.slice(url.indexOf('/selftest/')), headers: { Origin: new URL(url).origin } });
	assert.deepEqual([answer.good, answer.status], [true, 302], JSON.stringify(answer));
	assert.match(answer.row('origin').what, /came from this page itself/);
});

test('what a browser is shown says as much as a program is told', async () => {
	for (const [fields, words] of [[{ assertion: sign(claims({ iat: now() - 360, exp: now() - 300 })) }, /exp \d\d:\d\d:\d\d, here/], [{ jwt: 'x' }, /there is a field jwt/]]) {
		const r = await post(fields, { to: await linkOf('alpha'), headers: { Accept: 'text/html', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' } });
		assert.equal(r.status, 200);
		assert.match(r.text, words);
		assert.doesNotMatch(r.text, /sign_in_again/);
	}
});

test('an adapter that is not asked leaves the verdict open', async () => {
	const to = await linkOf('own');
	const may = await rehearse({ user_email: 'ann@example.com' }, { to });
	assert.deepEqual([may.good, may.status, may.row('fields').verdict], [false, 0, 'not_looked_at'], JSON.stringify(may));
	const whole = await rehearse({ email: 'ann@example.com', name: 'Ann' }, { to });
	assert.deepEqual([whole.good, whole.status], [false, 0], 'it might refuse');
	const page = await post({ email: 'ann@example.com', name: 'Ann' }, { to, headers: { Accept: 'text/html' } });
	assert.match(page.text, /Nothing here refuses this sign-in/);
});

test('a preflight is nothing to note', async () => {
	const counted = async () => (await gw.metrics()).split('\n').filter((l) => l.startsWith('usher_origin_refused_total')).join();
	const before_ = await counted();
	const r = await request('/selftest/alpha', { method: 'OPTIONS', headers: { Origin: 'https://evil.test', 'Access-Control-Request-Method': 'POST' } });
	assert.equal(r.status, 204);
	assert.equal(await counted(), before_);
});
