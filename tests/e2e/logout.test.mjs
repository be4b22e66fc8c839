// The partner's logout against the real daemon: whom it ends, and a table of attacks, each
// refused with its cause and nobody signed out.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Gateway, freePort, tenant, top } from './harness.mjs';

const SECRET = 'a secret of thirty-two octets or more';
const OTHER = 'another secret of thirty-two octets...';
const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
const b64 = (x) => Buffer.from(typeof x === 'string' ? x : JSON.stringify(x)).toString('base64url');
const now = () => Math.floor(Date.now() / 1000);
const hmac = (secret) => (input) => crypto.createHmac('sha256', secret).update(input).digest('base64url');

function make(header, payload, sign = hmac(SECRET)) {
	const input = `${b64({ alg: 'HS256', kid: 'hs', ...header })}.${b64(payload)}`;
	return `${input}.${sign(input)}`;
}
const person = { sub: '1', email: 'ann@example.com', name: 'Ann' };
const assertion = (more = {}) => make({ typ: 'JWT' }, { aud: 'alpha', iss: 'https://alpha.test', iat: now(), exp: now() + 60, jti: crypto.randomUUID(), ...person, ...more });
const claims = (more = {}) => ({ aud: 'alpha', iss: 'https://alpha.test', iat: now(), jti: crypto.randomUUID(), sub: '1', events: { [EVENT]: {} }, ...more });
const token = (more = {}, header = {}, sign = undefined) => make({ typ: 'logout+jwt', ...header }, claims(more), sign);

let gw;
before(async () => {
	const keys = '( { kid = "hs"; algorithm = "HS256"; secret_file = "hs"; } )';
	gw = new Gateway({
		tenants: {
			alpha: tenant('alpha', { identity: '"signed"', keys, issuer: '"https://alpha.test"' }),
			beta: tenant('beta', { identity: '"signed"', keys }),
		},
	});
	fs.writeFileSync(path.join(gw.conf, 'hs'), `${SECRET}\n`, { mode: 0o600 });
	await gw.start();
});
after(() => gw.stop());

const logout = (body, slug = 'alpha') => gw.request({
	method: 'POST', path: `/api/auth/logout/${slug}`, body: typeof body === 'string' ? body : new URLSearchParams(body).toString(),
	headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
});
const signIn = (slug = 'alpha', more = {}) => gw.signIn(slug, { assertion: assertion({ aud: slug, ...more }) });
const session = async (cookie, slug = 'alpha') => (await gw.request({ host: `ticket.${slug}.test`, path: '/auth/session', headers: { Cookie: cookie } })).status;

test('whom it names is signed out at the very next request', async () => {
	const ann = await signIn('alpha', { sub: 'first', email: 'first@example.com' });
	assert.equal(await session(ann), 200);
	const r = await logout({ logout_token: token({ sub: 'first' }) });
	assert.equal(r.status, 200, r.text);
	assert.equal(r.text, '');
	assert.equal(r.headers['cache-control'], 'no-store');
	assert.equal(await session(ann), 401);
});

test('a JSON body will do, and usherctl makes a token to try it with', async () => {
	const ann = await signIn('alpha', { sub: 'second', email: 'second@example.com' });
	const made = await gw.ctl('sign', 'alpha', '--logout', '--email', 'second@example.com');
	assert.equal(made.code, 0, made.err);
	assert.deepEqual(JSON.parse(Buffer.from(made.out.split('.')[0], 'base64url')), { alg: 'HS256', typ: 'logout+jwt', kid: 'hs' });
	const r = await gw.request({ method: 'POST', path: '/api/auth/logout/alpha', body: JSON.stringify({ logout_token: made.out.trim() }), headers: { 'Content-Type': 'application/json' } });
	assert.equal(r.status, 200, r.text);
	assert.equal(await session(ann), 401);
});

const attacks = [
	['nothing', () => '', /missing/],
	['two of them', () => `logout_token=${token()}&logout_token=${token()}`, /missing|twice/],
	['no token at all', () => ({ logout_token: 'x' }), /three parts|It is not whole/],
	['alg none', () => { const [, p] = token().split('.'); return { logout_token: `${b64({ alg: 'none', typ: 'logout+jwt', kid: 'hs' })}.${p}.` }; }, /alg is/],
	['another secret', () => ({ logout_token: token({}, {}, hmac(OTHER)) }), /does not hold/],
	['no signature', () => ({ logout_token: token({}, {}, () => '') }), /does not hold/],
	['an unknown kid', () => ({ logout_token: token({}, { kid: 'x' }) }), /kid/],
	['a key of its own', () => ({ logout_token: token({}, { jku: 'https://evil.test' }) }), /jku/],
	['an assertion', () => ({ logout_token: assertion() }), /typ/],
	['an assertion with events', () => ({ logout_token: assertion({ events: { [EVENT]: {} } }) }), /typ/],
	['no typ', () => ({ logout_token: token({}, { typ: undefined }) }), /typ/],
	['another typ', () => ({ logout_token: token({}, { typ: 'at+jwt' }) }), /typ/],
	['the wrong aud', () => ({ logout_token: token({ aud: 'beta' }) }), /aud/],
	['no aud', () => ({ logout_token: token({ aud: undefined }) }), /aud/],
	['another issuer', () => ({ logout_token: token({ iss: 'https://evil.test' }) }), /iss/],
	['an old iat', () => ({ logout_token: token({ iat: now() - 200 }) }), /iat .* late/],
	['an iat ahead', () => ({ logout_token: token({ iat: now() + 200 }) }), /iat .* early/],
	['no iat', () => ({ logout_token: token({ iat: undefined }) }), /iat/],
	['an exp that has passed', () => ({ logout_token: token({ exp: now() - 100 }) }), /exp/],
	['a nonce', () => ({ logout_token: token({ nonce: 'n' }) }), /nonce/],
	['no jti', () => ({ logout_token: token({ jti: undefined }) }), /jti/],
	['no events', () => ({ logout_token: token({ events: undefined }) }), /events/],
	['another event', () => ({ logout_token: token({ events: { 'http://example.com/x': {} } }) }), /events/],
	['an event that is none', () => ({ logout_token: token({ events: { [EVENT]: true } }) }), /events/],
	['nobody', () => ({ logout_token: token({ sub: undefined }) }), /neither/],
	['sid alone', () => ({ logout_token: token({ sub: undefined, sid: '1' }) }), /neither/],
	['sub a number', () => ({ logout_token: token({ sub: 1 }) }), /sub/],
	['no address', () => ({ logout_token: token({ sub: undefined, email: 'ann' }) }), /address/],
];

for (const [what, how, cause] of attacks)
	test(`refused: ${what}`, async () => {
		const ann = await signIn();
		const r = await logout(how());
		assert.equal(r.status, 400, r.text);
		assert.equal(r.json().code, 'logout_token_invalid');
		assert.match(r.json().hint, cause);
		assert.equal(await session(ann), 200, 'nobody was signed out');
	});

test('a person of another tenant stays, who has the same id and address', async () => {
	const at = { alpha: await signIn('alpha', { sub: '7', email: 'seven@example.com' }), beta: await signIn('beta', { sub: '7', email: 'seven@example.com' }) };
	assert.equal((await logout({ logout_token: token({ sub: '7', email: 'seven@example.com' }) }, 'beta')).status, 400);
	assert.equal((await logout({ logout_token: token({ aud: 'beta', sub: '7', email: 'seven@example.com' }) }, 'beta')).status, 200);
	assert.equal(await session(at.alpha), 200);
	assert.equal(await session(at.beta, 'beta'), 401);
});

test('a logout token signs nobody in', async () => {
	const r = await gw.handoff('alpha', { assertion: make({ typ: 'logout+jwt' }, { ...claims(), exp: now() + 60, email: 'ann@example.com' }) }, { headers: { Accept: 'application/json' } });
	assert.equal(r.status, 401);
	assert.equal(r.json().code, 'assertion_type');
});

test('other methods and hosts have no such thing', async () => {
	assert.equal((await gw.request({ path: '/api/auth/logout/alpha' })).status, 405);
	assert.equal((await gw.request({ host: 'ticket.alpha.test', method: 'POST', path: '/api/auth/logout/alpha', body: '' })).status, 404);
	assert.equal((await logout({ logout_token: token() }, 'nobody')).status, 404);
});

test('it is taken once, and the gateway may be started anew in between', async () => {
	const logout_token = token({ sub: '9' });
	assert.equal((await logout({ logout_token })).status, 200);
	assert.equal((await logout({ logout_token })).json().code, 'logout_token_replayed');
	await gw.stop();
	await gw.start();
	const r = await logout({ logout_token });
	assert.equal(r.status, 400);
	assert.equal(r.json().code, 'logout_token_replayed');
});

test('what came of it is on record', async () => {
	const r = await logout({ logout_token: token({ nonce: 'n' }) });
	const told = await gw.explain(r.headers['x-request-id']);
	assert.match(told.out, /nonce is for sign-ins/);
});

/** README's examples of that language: the signing one, and what is built upon it. */
function examples(language) {
	const readme = fs.readFileSync(path.join(top, 'README.md'), 'utf8');
	return ['### Signed sign-ins', '### Starting at the desk, and signing out'].map((chapter) =>
		readme.slice(readme.indexOf(`\n${chapter}\n`)).match(new RegExp('^```' + language + '\\n([^]*?)^```$', 'm'))[1].replace('<?php', '')).join('\n');
}
const ANN = { id: 7, email: 'z@example.com', name: 'Zo\u00eb <&">' };
const programs = {
	php: ['php', (text) => ['-n', '-r', `${text} $user = json_decode($argv[1], true); echo $argv[3] === '' ? var_export(support_logout($user, $argv[2]), true) : support_login($user, $argv[2], $argv[3]);`]],
	js: [process.execPath, (text) => ['-e', `${text} const [, user, secret, state] = process.argv; (async () => process.stdout.write(state ? supportLogin(JSON.parse(user), secret, state) : String(await supportLogout(JSON.parse(user), secret))))();`]],
};
for (const [language, [program, args]] of Object.entries(programs)) {
	const is = spawnSync(program, ['--version']).status === 0;
	test(`README's login_url and logout in ${language}`, { skip: !is && `no ${program} here` }, async (t) => {
		const port = await freePort(), host = `localhost:${port}`;
		const own = new Gateway({
			gateway: { public_url: `"http://${host}"`, listen: `( { url = "http://127.0.0.1:${port}"; } )`, development: 'true' },
			tenants: { yourcompany: tenant('yourcompany', { url: null, identity: '"signed"', issuer: '"https://yourcompany.com"', login_url: '"https://yourcompany.com/support/login"',
				keys: '( { kid = "2026-11"; algorithm = "HS256"; secret_file = "hs"; } )' }) },
		});
		fs.writeFileSync(path.join(own.conf, 'hs'), `${SECRET}\n`, { mode: 0o600 });
		await own.start();
		t.after(() => own.stop());
		const text = examples(language).replaceAll('https://tickets.example.com', `http://${host}`);
		const say = async (state) => {
			const child = spawn(program, [...args(text), JSON.stringify(ANN), SECRET, state], { stdio: ['ignore', 'pipe', 'inherit'] });
			let out = '';
			child.stdout.on('data', (d) => { out += d; });
			assert.equal(await new Promise((resolve) => { child.on('close', resolve); }), 0);
			return out;
		};
		const ask = (target, headers = {}) => own.request({ host, plain: true, path: target, headers: { Accept: 'text/html', 'Sec-Fetch-Site': 'none', ...headers } });
		const begun = await ask('/auth/login?return_to=/tickets/17');
		const page = await say(new URL(begun.headers.location).searchParams.get('state'));
		assert.match(page, new RegExp(`action="http://${host}/api/auth/redirect/yourcompany"`));
		const posted = await own.handoff('yourcompany', { assertion: /name="assertion" value="([^"]*)"/.exec(page)[1] }, { host, plain: true });
		assert.equal(posted.status, 302, posted.text);
		const at = new URL(posted.headers.location);
		assert.equal((await ask(at.pathname + at.search)).status, 401, 'in another browser');
		const arrived = await ask(at.pathname + at.search, { Cookie: begun.cookies[0].split(';')[0] });
		assert.equal(arrived.headers.location, `http://${host}/tickets/17`);
		const cookie = { Cookie: arrived.cookies[0].split(';')[0] };
		assert.equal((await ask('/auth/session', cookie)).json().user.name, ANN.name);
		assert.equal(await say(''), 'true');
		assert.equal((await ask('/auth/session', cookie)).status, 401);
	});
}

test('it is on record under whom the token names, and not under what stands beside it', async () => {
	await signIn('alpha', { sub: '77', email: 'carl@example.com' });
	const r = await logout({ logout_token: token({ sub: '77', email: 'carl@example.com' }), email: 'victim@example.com' });
	assert.equal(r.status, 200, r.text);
	const of = async (address) => (await gw.ctl('explain', 'alpha', address)).out;
	assert.match(await of('carl@example.com'), new RegExp(r.headers['x-request-id']));
	assert.ok(!(await of('victim@example.com')).includes(r.headers['x-request-id']));
});
