// Keys by URL against the real daemon: a server that rotates, is slow, wrong, gone,
// huge or redirects; what was had last serves, and no good assertion is refused.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { Gateway, tenant, until } from './harness.mjs';

const pair = () => crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
const one = pair(), two = pair();
const jwk = (key, kid) => ({ ...key.publicKey.export({ format: 'jwk' }), kid, use: 'sig' });
const set = (...keys) => JSON.stringify({ keys });
const b64 = (x) => Buffer.from(typeof x === 'string' || Buffer.isBuffer(x) ? x : JSON.stringify(x)).toString('base64url');
const now = () => Math.floor(Date.now() / 1000);

function sign(slug, key, kid) {
	const input = `${b64({ alg: 'ES256', kid })}.${b64({ aud: slug, iat: now(), exp: now() + 60, jti: crypto.randomUUID(), email: 'ann@example.com', name: 'Ann' })}`;
	return `${input}.${b64(crypto.sign('sha256', Buffer.from(input), { key: key.privateKey, dsaEncoding: 'ieee-p1363' }))}`;
}

/** What is served, by path; a function answers by itself. */
const pages = {
	'/good': [200, set(jwk(one, 'one')), { 'cache-control': 'max-age=600', etag: '"1"' }],
	'/rotates': [200, set(jwk(one, 'one'))],
	'/404': [404, 'not here'],
	'/500': [500, 'oh'],
	'/html': [200, '<!doctype html><title>Sign in</title>'],
	'/huge': [200, 'x'.repeat(70000)],
	'/moved': [302, '', { location: '/good' }],
	'/private': [200, JSON.stringify({ keys: [jwk(one, 'one'), { ...two.privateKey.export({ format: 'jwk' }), kid: 'two' }] })],
	'/drips': (req, res) => {
		res.writeHead(200);
		const timer = setInterval(() => res.write(' '), 50);
		res.on('close', () => clearInterval(timer));
	},
};
const asked = {};
let server, port, gw;

function serve() {
	server = http.createServer((req, res) => {
		(asked[req.url] ??= []).push(req.headers['if-none-match'] ?? '');
		const page = pages[req.url];
		if (typeof page === 'function')
			return page(req, res);
		if (page[2]?.etag && req.headers['if-none-match'] === page[2].etag)
			return res.writeHead(304).end();
		res.writeHead(page[0], page[2]).end(page[1]);
	});
	return new Promise((done, fail) => server.on('error', fail).listen(port ?? 0, '127.0.0.1', () => { port = server.address().port; done(); }));
}
function gone() {
	server.closeAllConnections();
	return new Promise((done) => server.close(done));
}

const slugs = ['good', 'rotates', '404', '500', 'html', 'huge', 'moved', 'private', 'drips'];
const named = (slug) => `t-${slug}`;
const config = (slug) => tenant(named(slug), { url: null, identity: '"signed"', jwks_url: `"http://127.0.0.1:${port}/${slug}"` });

before(async () => {
	await serve();
	gw = new Gateway({ gateway: { development: 'true' }, tenants: Object.fromEntries(slugs.map((slug) => [named(slug), config(slug)])) });
	await gw.start();
});
after(async () => {
	/* a server that is left keeps the suite from ending */
	try {
		await gw?.stop();
	} finally {
		await gone().catch(() => {});
	}
});

const report = async (slug) => JSON.parse((await gw.ctl('--json', 'identity', named(slug))).out).jwks;
const arrive = (slug, key, kid) => gw.handoff(named(slug), { assertion: sign(named(slug), key, kid), response: 'json', email: 'x@example.com' }, { headers: { accept: 'application/json' } });

/* Without this all others would wait for what cannot come. */
let isFetched = true;
beforeEach(() => assert.ok(isFetched, 'no keys were fetched'));

test('keys are fetched, and what they sign holds', async () => {
	isFetched = false;
	await until(async () => (await report('good')).keys === 1, 'keys', 120000).catch(async (error) => {
		error.message += `\n${JSON.stringify(await report('good'))}, asked for: ${JSON.stringify(asked)}\n${gw.log.slice(-30).join('\n')}`;
		throw error;
	});
	isFetched = true;
	const answer = await arrive('good', one, 'one');
	assert.equal(answer.status, 200, answer.text);
	const refused = await arrive('good', two, 'one');
	assert.equal(refused.json().code, 'assertion_signature');
	const text = (await gw.ctl('identity', named('good'))).out;
	assert.match(text, /keys of http:\/\/127\.0\.0\.1:\d+\/good: 1, fetched .* ago\)/);
});

test('usherctl verify and the self-test page know them', async () => {
	const verify = (slug, key) => {
		const file = path.join(gw.dir, 'assertion');
		fs.writeFileSync(file, sign(named(slug), key, 'one'));
		return gw.ctl('verify', named(slug), file);
	};
	const good = await verify('good', one);
	assert.equal(good.code, 0, good.out + good.err);
	const bad = await verify('good', two);
	assert.equal(bad.code, 1, bad.out + bad.err);
	assert.match((await verify('404', one)).err, /keys by URL of tenant "t-404" cannot be read from .*jwks\/t-404: .*once it has fetched them/);
	const { url } = JSON.parse((await gw.ctl('--json', 'selftest', named('good'))).out);
	const seen = await gw.request({ path: url.slice(url.indexOf('/selftest/')), method: 'POST', headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
		body: new URLSearchParams({ assertion: sign(named('good'), one, 'one') }).toString() });
	assert.match(seen.text, /verified with the key \\"one\\" \(ES256\)/);
});

for (const [slug, why] of [
	['404', /answers 404/], ['500', /answers 500/], ['html', /no key set: it is not the JSON/], ['huge', /more than 65536 octets/],
	['moved', /302, and redirects are not followed/], ['private', /key 2 is a secret or private/], ['drips', /in time/],
])
	test(`a server that is wrong is named: ${slug}`, async () => {
		const seen = await until(async () => { const keys = await report(slug); return keys.failures && keys; }, 'a failure');
		assert.match(seen.problem, why);
		assert.equal(seen.keys, 0);
		const answer = await arrive(slug, one, 'one');
		assert.equal(answer.status, 401);
		assert.equal(answer.json().code, 'assertion_key_unknown');
		assert.match(JSON.parse(answer.text).hint, /jwks_url/);
		assert.match((await gw.ctl('status')).out, new RegExp(`KEYS OF ${named(slug)} COULD NOT BE FETCHED`));
	});

test('a rotation under load refuses no good assertion', async (t) => {
	await until(async () => (await report('rotates')).keys === 1, 'keys');
	let done = 0, is_over = false;
	/* whatever fails below, the load ends */
	t.after(() => { is_over = true; });
	const load = [1, 2, 3, 4].map(async () => {
		while (!is_over) {
			const answer = await arrive('rotates', one, 'one');
			assert.equal(answer.status, 200, answer.text);
			done++;
		}
	});
	await until(() => done > 20, 'load');
	pages['/rotates'] = [200, set(jwk(one, 'one'), jwk(two, 'two'))];
	const first = await arrive('rotates', two, 'two');
	assert.equal(first.json().code, 'assertion_key_unknown');
	assert.match(JSON.parse(first.text).hint, /are being fetched; try again/);
	await until(async () => (await report('rotates')).keys === 2, 'both keys');
	// once for such a kid, and not again in a moment
	const count = asked['/rotates'].length;
	const third = await arrive('rotates', two, 'three');
	assert.match(JSON.parse(third.text).hint, /fetched a moment ago/);
	assert.equal(asked['/rotates'].length, count);
	const second = await arrive('rotates', two, 'two');
	assert.equal(second.status, 200, second.text);
	const before = done;
	await until(() => done > before + 20, 'load after it');
	is_over = true;
	await Promise.all(load);
});

test('killed, and its servers gone: the last good keys serve', async () => {
	await gone();
	await gw.kill();
	await gw.start();
	assert.equal((await arrive('good', one, 'one')).status, 200);
	assert.equal((await arrive('rotates', two, 'two')).status, 200);
	const seen = await until(async () => { const keys = await report('good'); return keys.failures && keys; }, 'a failure');
	assert.match(seen.problem, /cannot be connected to/);
	assert.equal(seen.keys, 1);
	assert.equal((await arrive('good', one, 'one')).status, 200);
});

test('the next start asks with the ETag that was kept', async () => {
	await serve();
	asked['/good'] = [];
	await gw.stop();
	await gw.start();
	await until(() => asked['/good'].length, 'a request');
	assert.equal(asked['/good'][0], '"1"');
	await until(async () => !(await report('good')).failures, 'the answer');
	assert.equal((await arrive('good', one, 'one')).status, 200);
});

test('a reload keeps the keys', async () => {
	const count = asked['/good'].length;
	assert.equal((await gw.reload()).code, 0);
	assert.equal((await report('good')).keys, 1);
	assert.equal((await arrive('good', one, 'one')).status, 200);
	assert.equal(asked['/good'].length, count);
});
