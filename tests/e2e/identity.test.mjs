// Signed sign-ins against the real daemon: what holds, and a table of attacks, each
// refused with its code and nothing stored.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Gateway, tenant, top } from './harness.mjs';

const SECRET = 'a secret of thirty-two octets or more';
const OTHER = 'another secret of thirty-two octets...';
const pair = (type, options) => crypto.generateKeyPairSync(type, options);
const rsa = pair('rsa', { modulusLength: 2048 }), ec = pair('ec', { namedCurve: 'P-256' }), ed = pair('ed25519');
const strangers = { rsa: pair('rsa', { modulusLength: 2048 }), ec: pair('ec', { namedCurve: 'P-256' }), ed: pair('ed25519'), p384: pair('ec', { namedCurve: 'P-384' }) };
const pem = (key) => key.publicKey.export({ type: 'spki', format: 'pem' });

const b64 = (x) => Buffer.from(typeof x === 'string' || Buffer.isBuffer(x) ? x : JSON.stringify(x)).toString('base64url');
const hmac = (secret, hash = 'sha256') => (input) => crypto.createHmac(hash, secret).update(input).digest();
const rs = (key, hash = 'sha256', options = {}) => (input) => crypto.sign(hash, Buffer.from(input), { key, ...options });
const es = (key, dsaEncoding = 'ieee-p1363', hash = 'sha256') => (input) => crypto.sign(hash, Buffer.from(input), { key, dsaEncoding });
const eddsa = (key) => (input) => crypto.sign(null, Buffer.from(input), key);
const signers = {
	hs: { header: { alg: 'HS256', kid: 'hs' }, with: hmac(SECRET) },
	rs: { header: { alg: 'RS256', kid: 'rs' }, with: rs(rsa.privateKey) },
	es: { header: { alg: 'ES256', kid: 'es' }, with: es(ec.privateKey) },
	ed: { header: { alg: 'EdDSA', kid: 'ed' }, with: eddsa(ed.privateKey) },
};
const now = () => Math.floor(Date.now() / 1000);
const claims = (more = {}) => ({ aud: 'alpha', iss: 'https://alpha.test', iat: now(), exp: now() + 60, jti: crypto.randomUUID(), email: 'ann@example.com', name: 'Ann', ...more });

/** An assertion: header and payload may be text as they stand. */
function sign({ by = 'hs', header = {}, payload = claims(), with: how } = {}) {
	const head = typeof header === 'string' ? header : { ...signers[by].header, ...header };
	const input = `${b64(head)}.${b64(payload)}`;
	return `${input}.${b64((how ?? signers[by].with)(input))}`;
}

let gw;
const key = (kid, algorithm, file) => `{ kid = "${kid}"; algorithm = "${algorithm}"; ${algorithm === 'HS256' ? 'secret_file' : 'public_key'} = "${file}"; }`;
const ALL = `( ${[key('hs', 'HS256', 'hs'), key('rs', 'RS256', 'rs.pem'), key('es', 'ES256', 'es.pem'), key('ed', 'EdDSA', 'ed.pem')].join(', ')} )`;
const ONE = `( ${key('hs', 'HS256', 'hs')} )`;

before(async () => {
	gw = new Gateway({
		tenants: {
			alpha: tenant('alpha', { identity: '"signed"', keys: ALL, issuer: '"https://alpha.test"', require_origin: 'true' }),
			beta: tenant('beta', { identity: '"signed"', keys: ONE, assertion_max_age: '900', redeem_secret_file: '"redeem"' }),
			yourcompany: tenant('yourcompany', { identity: '"signed"', url: null, keys: `( ${key('2026-11', 'HS256', 'hs')} )`, issuer: '"https://yourcompany.com"' }),
			delta: tenant('delta', { url: null, identity: '"unsigned"' }),
			gamma: tenant('gamma', { identity: '"observe"', keys: ONE, url: null, require_origin: 'true' }),
		},
	});
	const file = (name, text) => fs.writeFileSync(path.join(gw.conf, name), text, { mode: 0o600 });
	file('hs', `${SECRET}\n`);
	file('redeem', 'a-secret-for-the-server\n');
	file('rs.pem', pem(rsa));
	file('es.pem', pem(ec));
	file('ed.pem', pem(ed));
	await gw.start();
});
after(() => gw.stop());

const stored = async () => (await gw.ctl('--json', 'users', 'show', 'alpha', 'ann@example.com')).code;

const base = () => sign().split('.');
/** Change a part of a good one. */
const parts = (change) => change(base()).join('.');
const head = (header) => sign({ header });
const says = (more) => sign({ payload: claims(more) });
const without = (...names) => sign({ payload: Object.fromEntries(Object.entries(claims()).filter(([name]) => !names.includes(name))) });
const flip = (text, at = 0) => text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
const n = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');
const number = (x) => Buffer.from(x.toString(16).padStart(64, '0'), 'hex');

const attacks = [
	// form
	['nothing at all', () => '', 'assertion_missing'],
	['only white space', () => ' ', 'assertion_missing'],
	['no dots', () => 'x', 'assertion_malformed'],
	['two parts', () => parts(([h, p]) => [h, p]), 'assertion_malformed'],
	['four parts', () => parts((p) => [...p, 'AA']), 'assertion_malformed'],
	['five parts, as a JWE', () => parts(([h, p, s]) => [h, '', p, s, s]), 'assertion_malformed'],
	['an empty header', () => parts(([, p, s]) => ['', p, s]), 'assertion_malformed'],
	['padding', () => parts(([h, p, s]) => [h, p, `${s}=`]), 'assertion_malformed'],
	['the other alphabet', () => parts(([h, p]) => [h, p, '+/+/']), 'assertion_malformed'],
	['bits behind the last octet', () => parts(([h, p, s]) => [h, p, s.slice(0, -1) + String.fromCharCode(s.charCodeAt(s.length - 1) + 1)]), ['assertion_malformed', 'assertion_signature']],
	['a space inside', () => parts(([h, p, s]) => [h, `${p.slice(0, 4)} ${p.slice(4)}`, s]), 'assertion_malformed'],
	['a header of more than 1 KiB', () => head({ x: 'y'.repeat(1100) }), 'assertion_malformed'],
	['a header that is no JSON', () => sign({ header: 'x' }), 'assertion_malformed'],
	['a header that is a list', () => sign({ header: '["HS256"]' }), 'assertion_malformed'],
	['a header that nests', () => head({ x: { y: 1 } }), 'assertion_malformed'],
	['alg twice', () => sign({ header: '{"alg":"HS256","kid":"hs","alg":"none"}' }), 'assertion_malformed'],
	['kid twice', () => sign({ header: '{"alg":"HS256","kid":"es","kid":"hs"}' }), 'assertion_malformed'],
	['no alg', () => sign({ header: '{"kid":"hs"}' }), 'assertion_malformed'],
	['alg a number', () => sign({ header: '{"alg":256,"kid":"hs"}' }), 'assertion_malformed'],
	['a payload that is no JSON', () => sign({ payload: 'x' }), 'assertion_malformed'],
	['a payload that is a list', () => sign({ payload: '[]' }), 'assertion_malformed'],
	['an empty payload', () => sign({ payload: '' }), 'assertion_malformed'],
	['exp twice', () => sign({ payload: `{"exp":${now() + 60},${JSON.stringify(claims()).slice(1)}` }), 'assertion_malformed'],
	['email twice', () => sign({ payload: `{"email":"boss@example.com",${JSON.stringify(claims()).slice(1)}` }), 'assertion_malformed'],
	['a NUL in the address', () => says({ email: 'ann@example.com\0' }), 'assertion_malformed'],
	['a line end in the address', () => says({ email: 'ann@example.com\nx' }), 'assertion_malformed'],
	// alg
	['alg none, no signature', () => parts(([, p]) => [b64({ alg: 'none', kid: 'hs' }), p, '']), 'assertion_algorithm'],
	['alg None', () => parts(([, p]) => [b64({ alg: 'None', kid: 'hs' }), p, '']), 'assertion_algorithm'],
	['alg none, signed', () => head({ alg: 'none' }), 'assertion_algorithm'],
	['alg empty', () => head({ alg: '' }), ['assertion_algorithm', 'assertion_malformed']],
	['alg hs256', () => head({ alg: 'hs256' }), 'assertion_algorithm'],
	['HS512', () => sign({ header: { alg: 'HS512' }, with: hmac(SECRET, 'sha512') }), 'assertion_algorithm'],
	['PS256', () => sign({ by: 'rs', header: { alg: 'PS256' }, with: rs(rsa.privateKey, 'sha256', { padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }) }), 'assertion_algorithm'],
	['HS256 with the RSA key as its secret', () => sign({ by: 'rs', header: { alg: 'HS256' }, with: hmac(pem(rsa)) }), 'assertion_algorithm'],
	['HS256 with the EC key as its secret', () => sign({ by: 'es', header: { alg: 'HS256' }, with: hmac(pem(ec)) }), 'assertion_algorithm'],
	['HS256 with the Ed25519 key as its secret', () => sign({ by: 'ed', header: { alg: 'HS256' }, with: hmac(pem(ed)) }), 'assertion_algorithm'],
	['RS256 under the secret\'s kid', () => sign({ by: 'rs', header: { kid: 'hs' } }), 'assertion_algorithm'],
	['ES256 under the RSA kid', () => sign({ by: 'es', header: { kid: 'rs' } }), 'assertion_algorithm'],
	// kid, and what a header must not bring along
	['no kid, where there are several', () => sign({ header: '{"alg":"HS256"}' }), 'assertion_key_unknown'],
	['an unknown kid', () => head({ kid: 'x' }), 'assertion_key_unknown'],
	['a kid in capitals', () => head({ kid: 'HS' }), 'assertion_key_unknown'],
	['a kid with a path', () => head({ kid: '../hs' }), 'assertion_key_unknown'],
	['an empty kid', () => head({ kid: '' }), 'assertion_key_unknown'],
	['a kid of SQL', () => head({ kid: "hs' OR '1'='1" }), 'assertion_key_unknown'],
	['a key of its own (jwk)', () => sign({ by: 'es', header: { jwk: strangers.ec.publicKey.export({ format: 'jwk' }) }, with: es(strangers.ec.privateKey) }), ['assertion_key_unknown', 'assertion_malformed']],
	['a key elsewhere (jku)', () => head({ jku: 'https://evil.test/keys' }), 'assertion_key_unknown'],
	['a certificate elsewhere (x5u)', () => head({ x5u: 'https://evil.test/cert' }), 'assertion_key_unknown'],
	['its own certificate (x5c)', () => head({ x5c: ['AA=='] }), ['assertion_key_unknown', 'assertion_malformed']],
	['crit', () => head({ crit: ['exp'] }), ['assertion_key_unknown', 'assertion_malformed']],
	['b64 false', () => head({ b64: false }), ['assertion_key_unknown', 'assertion_malformed']],
	['zip', () => head({ zip: 'DEF' }), 'assertion_key_unknown'],
	// typ
	['an access token', () => head({ typ: 'at+jwt' }), 'assertion_type'],
	['a logout token', () => head({ typ: 'logout+jwt' }), 'assertion_type'],
	['typ empty', () => head({ typ: '' }), 'assertion_type'],
	// signature
	['no signature', () => parts(([h, p]) => [h, p, '']), 'assertion_signature'],
	['the first octet flipped', () => parts(([h, p, s]) => [h, p, flip(s)]), 'assertion_signature'],
	['half of it', () => parts(([h, p, s]) => [h, p, b64(Buffer.from(s, 'base64url').subarray(0, 16))]), 'assertion_signature'],
	['more than it', () => parts(([h, p, s]) => [h, p, b64(Buffer.concat([Buffer.from(s, 'base64url'), Buffer.alloc(1)]))]), 'assertion_signature'],
	['another\'s payload', () => parts(([h, , s]) => [h, b64(claims({ email: 'boss@example.com' })), s]), 'assertion_signature'],
	['another secret', () => sign({ with: hmac(OTHER) }), 'assertion_signature'],
	['the secret with its line end', () => sign({ with: hmac(`${SECRET}\n`) }), 'assertion_signature'],
	['an empty secret', () => sign({ with: hmac('') }), 'assertion_signature'],
	['another RSA key', () => sign({ by: 'rs', with: rs(strangers.rsa.privateKey) }), 'assertion_signature'],
	['RSA with SHA-1', () => sign({ by: 'rs', with: rs(rsa.privateKey, 'sha1') }), 'assertion_signature'],
	['RSA-PSS as RS256', () => sign({ by: 'rs', with: rs(rsa.privateKey, 'sha256', { padding: crypto.constants.RSA_PKCS1_PSS_PADDING }) }), 'assertion_signature'],
	['another EC key', () => sign({ by: 'es', with: es(strangers.ec.privateKey) }), 'assertion_signature'],
	['ES256 in DER', () => sign({ by: 'es', with: es(ec.privateKey, 'der') }), 'assertion_signature'],
	['ES384 as ES256', () => sign({ by: 'es', with: es(strangers.p384.privateKey, 'ieee-p1363', 'sha384') }), 'assertion_signature'],
	['r and s zero', () => sign({ by: 'es', with: () => Buffer.alloc(64) }), 'assertion_signature'],
	['r and s the order', () => sign({ by: 'es', with: () => Buffer.concat([number(n), number(n)]) }), 'assertion_signature'],
	['another Ed25519 key', () => sign({ by: 'ed', with: eddsa(strangers.ed.privateKey) }), 'assertion_signature'],
	['Ed25519 of zeros', () => sign({ by: 'ed', with: () => Buffer.alloc(64) }), 'assertion_signature'],
	// who it is from, and for
	['no iss', () => without('iss'), 'assertion_issuer'],
	['another iss', () => says({ iss: 'https://evil.test' }), 'assertion_issuer'],
	['iss a list', () => says({ iss: ['https://alpha.test'] }), 'assertion_issuer'],
	['no aud', () => without('aud'), 'assertion_audience'],
	['another tenant\'s', () => says({ aud: 'beta' }), 'assertion_audience'],
	['another gateway\'s', () => says({ aud: 'https://staging.test/api/auth/redirect/alpha' }), 'assertion_audience'],
	['aud in capitals', () => says({ aud: 'ALPHA' }), 'assertion_audience'],
	['aud an object', () => says({ aud: { alpha: 1 } }), 'assertion_audience'],
	// when
	['expired', () => says({ iat: now() - 200, exp: now() - 61 }), 'assertion_expired'],
	['of 1970', () => says({ iat: 0, exp: 1 }), 'assertion_expired'],
	['issued in the future', () => says({ iat: now() + 90, exp: now() + 120 }), 'assertion_not_yet'],
	['not before later', () => says({ nbf: now() + 90 }), 'assertion_not_yet'],
	['in milliseconds', () => says({ iat: Date.now(), exp: Date.now() + 60000 }), 'assertion_not_yet'],
	['good for too long', () => says({ exp: now() + 301 + 1 }), 'assertion_lifetime'],
	['good for years', () => says({ exp: now() + 1e9 }), 'assertion_lifetime'],
	['exp before iat', () => says({ iat: now() + 20, exp: now() + 10 }), 'assertion_lifetime'],
	// what has to be there
	['no iat', () => without('iat'), 'assertion_claim'],
	['no exp', () => without('exp'), 'assertion_claim'],
	['no jti', () => without('jti'), 'assertion_claim'],
	['no email', () => without('email'), 'assertion_claim'],
	['exp a text', () => says({ exp: String(now() + 60) }), 'assertion_claim'],
	['exp null', () => says({ exp: null }), 'assertion_claim'],
	['iat with a fraction', () => says({ iat: now() + 0.5 }), 'assertion_claim'],
	['exp without end', () => sign({ payload: JSON.stringify(claims()).replace(/"exp":\d+/, '"exp":1e400') }), ['assertion_claim', 'assertion_malformed']],
	['a jti of 7 octets', () => says({ jti: '1234567' }), 'assertion_claim'],
	['a jti of 129 octets', () => says({ jti: 'x'.repeat(129) }), 'assertion_claim'],
	['a jti that is a number', () => says({ jti: 1234567890 }), 'assertion_claim'],
	['email a list', () => says({ email: ['ann@example.com'] }), 'assertion_claim'],
	['email an object', () => says({ email: { toString: 'x' } }), 'assertion_claim'],
	['name an object', () => says({ name: {} }), 'assertion_claim'],
	['sub a number', () => says({ sub: 42 }), 'assertion_subject'],
	['sub empty', () => says({ sub: '' }), 'assertion_subject'],
	['sub of 256 octets', () => says({ sub: 'x'.repeat(256) }), 'assertion_subject'],
];

/** The same fields in each way that a page may post them. */
const ways = {
	form: (slug, fields) => gw.handoff(slug, fields),
	JSON: (slug, fields) => gw.request({
		method: 'POST', path: `/api/auth/redirect/${slug}`, body: JSON.stringify(fields), headers: { 'Content-Type': 'application/json' },
	}),
	multipart: async (slug, fields) => {
		const form = new FormData();
		for (const [name, value] of Object.entries(fields))
			form.set(name, value);
		const encoded = new Response(form);
		return gw.request({
			method: 'POST', path: `/api/auth/redirect/${slug}`, body: Buffer.from(await encoded.arrayBuffer()),
			headers: { 'Content-Type': encoded.headers.get('content-type') },
		});
	},
	frame: (slug, fields) => gw.request({
		method: 'POST', path: `/embed/${slug}/handoff`, body: JSON.stringify(fields),
		headers: { 'Content-Type': 'application/json', Origin: 'https://tickets.test', 'Sec-Fetch-Site': 'same-origin', 'X-Embedded-By': `https://${slug}.test` },
	}),
};

test('there are at least sixty attacks', () => {
	assert.ok(attacks.length >= 60, `${attacks.length}`);
});

test('each attack is refused with its code, and nothing is stored', async () => {
	const plain = { email: 'ann@example.com', name: 'Ann' };
	for (const [what, make, codes] of attacks) {
		const r = await ways.form('alpha', { ...plain, assertion: make() });
		const { code, hint } = r.json();
		assert.equal(r.status, 401, `${what}: ${r.text}`);
		assert.ok([codes].flat().includes(code), `${what}: ${r.text}`);
		assert.ok(hint, `${what}: it says why`);
		assert.ok(!r.headers.location && !r.cookies.length, what);
	}
	assert.equal((await ways.form('alpha', plain)).json().code, 'assertion_missing');
	const long = await ways.form('alpha', { assertion: says({ x: 'y'.repeat(7000) }) });
	assert.equal(long.status, 400, 'a field of more than 8 KiB');
	assert.notEqual(await stored(), 0, 'nobody was stored');
	const metrics = await gw.metrics();
	assert.match(metrics, /^usher_assertions_total\{tenant="alpha",result="assertion_signature"\} \d+$/m);
	assert.doesNotMatch(metrics, /usher_assertions_total\{tenant="alpha",result="good"\}/);
	assert.ok(!gw.log.some((line) => line.includes(SECRET) || line.includes(base()[0])), 'no secret, no assertion in the log');
});

test('in every way of posting, the same', async () => {
	for (const [name, post] of Object.entries(ways)) {
		for (const [assertion, code] of [['x', 'assertion_malformed'], [sign({ with: hmac(OTHER) }), 'assertion_signature'], [says({ aud: 'beta' }), 'assertion_audience']]) {
			const r = await post('alpha', { email: 'ann@example.com', name: 'Ann', assertion });
			assert.equal(r.status, 401, `${name}: ${r.text}`);
			assert.equal(r.json().code, code, name);
		}
		assert.equal((await post('alpha', { email: 'ann@example.com', name: 'Ann' })).json().code, 'assertion_missing', name);
	}
	const twice = await gw.request({
		method: 'POST', path: '/api/auth/redirect/alpha', body: `assertion=${sign()}&assertion=${sign()}`,
		headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
	});
	assert.equal(twice.status, 400, 'which of two counts nobody can tell');
	assert.notEqual(await stored(), 0, 'nobody was stored');
});

test('a time hint shows both clocks', async () => {
	const r = await ways.form('alpha', { assertion: says({ iat: now() - 300, exp: now() - 141 }) });
	assert.match(r.json().hint, /^exp \d\d:\d\d:\d\d, here \d\d:\d\d:\d\d: \d+ s late: .*signer's clock is behind, or the gateway's ahead$/);
});

test('people are told that it could not be verified, and explain says why', async () => {
	const r = await gw.handoff('alpha', { assertion: says({ aud: 'beta' }) }, { headers: { Accept: 'text/html' } });
	assert.equal(r.status, 401);
	assert.match(r.headers['content-type'], /text\/html/);
	assert.match(r.text, /could not be verified/);
	assert.ok(r.text.includes(r.headers['x-request-id']));
	assert.doesNotMatch(r.text, /aud is/);
	const explained = await gw.explain(r.headers['x-request-id']);
	assert.match(explained.out, /assertion_audience/);
	assert.match(explained.out, /aud is "beta": it has to be "alpha"/);
});

test('each algorithm signs in, in every way of posting', async () => {
	let n = 0;
	for (const by of Object.keys(signers)) {
		for (const [name, post] of Object.entries(ways)) {
			const email = `u${n++}@example.com`;
			const r = await post('alpha', { name: 'Posted', assertion: sign({ by, payload: claims({ email }) }) });
			const location = name === 'frame' ? r.json().redirect_url : r.headers.location;
			assert.ok(location, `${by} ${name}: ${r.text}`);
			const arrival = await gw.callback(location);
			assert.equal(arrival.status, 302, arrival.text);
			const who = await gw.request({ host: 'ticket.alpha.test', path: '/auth/session', headers: { Cookie: arrival.cookies[0].split(';')[0] } });
			assert.equal(who.json().user.email, email);
			assert.equal(who.json().user.name, 'Ann');
			assert.equal(who.json().user.verified, true);
			assert.equal(who.headers['remote-verified'], 'true');
		}
	}
});

test('where there is one key, no kid is needed, but a wrong one is wrong', async () => {
	const payload = () => claims({ aud: 'https://tickets.test/api/auth/redirect/beta', exp: now() + 900 });
	assert.equal((await gw.handoff('beta', { assertion: sign({ header: '{"alg":"HS256"}', payload: payload() }) })).status, 302);
	assert.equal((await gw.handoff('beta', { assertion: sign({ header: { kid: 'x' }, payload: payload() }) })).json().code, 'assertion_key_unknown');
});

test('the same assertion, raced, opens one session', async () => {
	const assertion = sign({ payload: claims({ email: 'race@example.com' }) });
	const posts = await Promise.all(Array.from({ length: 32 }, () => gw.handoff('alpha', { assertion })));
	const locations = posts.map((r) => r.headers.location);
	assert.equal(new Set(locations).size, 32, 'each has a token of its own');
	const arrivals = await Promise.all(locations.map((location) => gw.callback(location, { headers: { Accept: 'application/json' } })));
	assert.equal(arrivals.filter((r) => r.status === 302).length, 1);
	for (const r of arrivals.filter((a) => a.status !== 302)) {
		assert.equal(r.status, 410);
		assert.equal(r.json().code, 'assertion_replayed');
	}
	const late = await gw.callback((await gw.handoff('alpha', { assertion })).headers.location, { headers: { Accept: 'application/json' } });
	assert.equal(late.json().code, 'assertion_replayed', 'nor does it later');
});

/** Arrive with an assertion of these claims: where to, and as whom. */
const arrive = async (more) => {
	const location = (await gw.handoff('delta', { assertion: sign({ payload: claims({ aud: 'delta', iss: undefined, ...more }) }) })).headers.location;
	return gw.callback(location);
};
const rungs = async (settings) => {
	gw.writeConf('delta', tenant('delta', { url: null, keys: ONE, ...settings }));
	assert.equal((await gw.reload()).code, 0);
};

test('from unsigned to signed, and whose an address is', async () => {
	await rungs({ identity: '"unsigned"' });
	for (const email of ['ann@example.com', 'bob@example.com'])
		await gw.signIn('delta', { email, name: 'Posted' });
	await gw.ctl('users', 'block', 'delta', 'bob@example.com');
	const id = JSON.parse((await gw.ctl('--json', 'users', 'show', 'delta', 'ann@example.com')).out).users[0].id;
	const before = await gw.ctl('users', 'conflicts', 'delta');
	assert.match(before.out, /of 2 users 1 would be taken over/);
	assert.match(before.out, /blocked +bob@example.com/);

	await rungs({ identity: '"signed"', adopt_unsigned: 'true', on_conflict: '"update"' });
	assert.equal((await arrive({ sub: '1' })).status, 302);
	assert.equal((await arrive({ sub: '2', email: 'bob@example.com' })).status, 403);
	const { users } = JSON.parse((await gw.ctl('--json', 'users', 'show', 'delta', 'ann@example.com')).out);
	assert.deepEqual(users.map((u) => [u.id, u.verified, u.external_id]), [[id, true, '1']]);

	// Another one gets the address, and nothing else of them.
	const taken = await arrive({ sub: '3' });
	assert.equal(taken.status, 302);
	const said = (await gw.explain(taken.headers['x-request-id'])).out;
	assert.match(said, new RegExp(`address_moved.*from user ${id}`));
	assert.deepEqual(JSON.parse((await gw.ctl('--json', 'users', 'conflicts', 'delta')).out).ladder.without_address, [id]);

	// All that is kept, and then nothing.
	const all = await gw.ctl('users', 'export', 'delta', 'ann@example.com');
	const shown = JSON.parse(all.out);
	assert.deepEqual([shown.users[0].external_id, shown.sessions.length, shown.tickets], ['3', 1, []]);
	assert.doesNotMatch(all.out, /hash/);
	assert.equal((await gw.ctl('users', 'erase', 'delta', 'ann@example.com')).code, 0);
	assert.deepEqual(JSON.parse((await gw.ctl('users', 'export', 'delta', 'ann@example.com')).out).users, []);
});

test('redeeming and the frame use the same one use', async () => {
	const assertion = sign({ payload: claims({ aud: 'beta', email: 'desk@example.com', sub: '7' }) });
	const token = async () => new URL((await gw.handoff('beta', { assertion })).headers.location).searchParams.get('token');
	const redeem = (text) => gw.request({
		method: 'POST', path: '/api/auth/redeem/beta', body: `token=${text}`,
		headers: { 'Content-Type': 'application/x-www-form-urlencoded', Authorization: 'Bearer a-secret-for-the-server' },
	});
	const [first, second, third] = [await token(), await token(), await token()];
	const won = await redeem(first);
	assert.equal(won.status, 200, won.text);
	assert.equal(won.json().user.verified, true);
	const lost = await redeem(second);
	assert.equal(lost.status, 410);
	assert.equal(lost.json().code, 'assertion_replayed');
	const framed = await gw.request({
		method: 'POST', path: '/embed/beta/session', body: JSON.stringify({ token: third }),
		headers: { 'Content-Type': 'application/json', Origin: 'https://tickets.test', 'Sec-Fetch-Site': 'same-origin' },
	});
	assert.equal(framed.status, 410, framed.text);
	assert.equal(framed.json().code, 'assertion_replayed');
});

test('it stays used over a restart', async () => {
	const assertion = sign({ payload: claims({ email: 'restart@example.com' }) });
	await gw.arrive('alpha', { assertion });
	const again = (await gw.handoff('alpha', { assertion })).headers.location;
	await gw.kill();
	await gw.start();
	for (const location of [again, (await gw.handoff('alpha', { assertion })).headers.location]) {
		const r = await gw.callback(location, { headers: { Accept: 'application/json' } });
		assert.equal(r.json().code, 'assertion_replayed');
	}
});

test('observe refuses nobody for it, and counts', async () => {
	const origin = { headers: { Origin: 'https://gamma.test' } };
	const plain = { email: 'gam@example.com', name: 'Gam' };
	assert.equal((await gw.handoff('gamma', plain, origin)).status, 302);
	const r = await gw.handoff('gamma', { ...plain, assertion: sign({ with: hmac(OTHER), payload: claims({ aud: 'gamma' }) }) }, origin);
	assert.equal(r.status, 302);
	assert.match((await gw.explain(r.headers['x-request-id'])).out, /remedy: +it passed, by identity of gamma \(gamma\.conf:\d+\); identity = "signed" would have refused it: [^\n]* The setting: keys of gamma \(gamma\.conf:\d+\)\n[^]*assertion_signature/);
	assert.equal((await gw.handoff('gamma', { assertion: sign({ payload: claims({ aud: 'gamma' }) }) })).status, 302, 'a signature stands for the origin');
	assert.equal((await gw.handoff('gamma', plain)).status, 403);
	const metrics = await gw.metrics();
	for (const result of ['assertion_missing', 'assertion_signature', 'good'])
		assert.match(metrics, new RegExp(`^usher_assertions_total\\{tenant="gamma",result="${result}"\\} \\d+$`, 'm'));
	const { out } = await gw.ctl('identity', 'gamma');
	assert.match(out, /^https:\/\/gamma\.test +2 .* none, or one that does not hold$/m);
	assert.match(out, /^[\d.]+% of \d+ signed; not yet safe to enforce$/m);
});

test('what was posted before the tenant became signed does not arrive', async () => {
	const file = path.join(gw.conf, 'gamma.conf'), text = fs.readFileSync(file, 'utf8');
	const { location } = (await gw.handoff('gamma', { email: 'gam@example.com', name: 'Gam' }, { headers: { Origin: 'https://gamma.test' } })).headers;
	gw.writeConf('gamma', text.replace('"observe"', '"signed"'));
	assert.equal((await gw.reload()).code, 0);
	const r = await gw.callback(location, { headers: { Accept: 'application/json' } });
	assert.equal(r.status, 401, r.text);
	assert.equal(r.json().code, 'identity_required');
	gw.writeConf('gamma', text);
	assert.equal((await gw.reload()).code, 0);
});

/** The example of README in that language. */
function example(language) {
	const readme = fs.readFileSync(path.join(top, 'README.md'), 'utf8');
	const chapter = readme.slice(readme.indexOf('### Signed sign-ins'));
	return chapter.match(new RegExp('^```' + language + '\\n([^]*?)^```$', 'm'))[1];
}

const programs = {
	php: ['php', ['-r', `${example('php')} echo sign_in_assertion(['id' => 7, 'email' => 'z@example.com', 'name' => 'Zo\u00eb'], $argv[1]);`]],
	js: [process.execPath, ['-e', `${example('js')} process.stdout.write(signInAssertion({ id: 7, email: 'z@example.com', name: 'Zo\u00eb' }, process.argv[1]));`]],
};
for (const [language, [program, args]] of Object.entries(programs)) {
	const is = spawnSync(program, ['--version']).status === 0;
	test(`README's example in ${language} signs in`, { skip: !is && `no ${program} here` }, async () => {
		const made = spawnSync(program, [...args, SECRET], { encoding: 'utf8' });
		assert.equal(made.status, 0, made.stderr);
		const r = await gw.handoff('yourcompany', { assertion: made.stdout });
		assert.equal(r.status, 302, r.text);
		const arrival = await gw.callback(r.headers.location);
		const who = await gw.request({ path: '/auth/session', headers: { Cookie: arrival.cookies[0].split(';')[0] } });
		assert.equal(who.json().user.name, 'Zo\u00eb');
		assert.equal(who.json().user.verified, true);
	});
}
