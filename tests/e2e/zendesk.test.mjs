// The tenant's desk is a Zendesk: from the handoff to a token that another
// implementation of JOSE takes, the adapter in a process of its own.
// needs: npm:jose
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { runUsherd, start, tenant } from './harness.mjs';
import { HOST, SUBDOMAIN, formOf, zendesk } from './zendesk.mjs';

const SECRET = 'the secret that the two share, of 40 bytes';
const on = (slug, config = '', { secret = 'zendesk', more = '', ...settings } = {}) => tenant(slug, {
	url: null, redirects: `[ "https://${HOST}/", "https://help.acme.example/" ]`,
	adapter: `{ module = "zendesk.so"; ${more}
		secrets = ( { name = "zendesk"; file = "secrets/${secret}"; } );
		config = { subdomain = "${SUBDOMAIN}"; unsigned = "allow"; ${config} }; }`,
	...settings,
});
let gw, desk, dir;

before(async () => {
	desk = await zendesk(SECRET);
	dir = fs.mkdtempSync(path.join(fs.realpathSync('/tmp'), 'usher-zendesk-'));
	const secrets = path.join(dir, 'conf.d/secrets');
	fs.mkdirSync(secrets, { recursive: true });
	fs.writeFileSync(path.join(secrets, 'zendesk'), `${SECRET}\n`, { mode: 0o600 });
	fs.writeFileSync(path.join(secrets, 'other'), 'another secret altogether\n', { mode: 0o600 });
	gw = await start({ dir, tenants: {
		zen: on('zen', `home = "https://${HOST}/hc/requests"; brands = [ "help.acme.example" ];
			organization = "company"; phone = "phone"; locale_id = "locale"; role = "desk_role"; roles = [ "agent" ];
			tags = "labels"; add_tags = [ "via-usher" ]; user_fields = { plan = "plan"; };`, { more: 'json_fields = [ "labels" ];' }),
		inside: on('inside', '', { more: 'isolation = "none";' }),
		get: on('get', 'delivery = "get"; external_id = "id";'),
		wrong: on('wrong', '', { secret: 'other' }),
		strict: on('strict', 'unsigned = "deny";').replace('unsigned = "allow"; ', ''),
		astray: on('astray', '', { redirects: '[ "https://elsewhere.example/" ]' }),
	} });
});
after(async () => {
	await gw?.stop();
	await desk?.stop();
	fs.rmSync(dir, { recursive: true, force: true });
});

const json = (slug, body) => gw.request({ method: 'POST', path: `/api/auth/redirect/${slug}`, body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } });

/** Handoff and callback: what the browser gets. */
async function arrive(slug, fields) {
	const first = await json(slug, fields);
	assert.equal(first.status, 302, first.text);
	return gw.callback(first.headers.location);
}

/** ... and Zendesk's answer to the form: who it says is there. */
async function signIn(slug, fields) {
	const page = await arrive(slug, fields);
	assert.equal(page.status, 200, page.text);
	const form = formOf(page.text);
	const answer = await desk.post(form);
	assert.equal(answer.status, 302, answer.text);
	return { page, form, answer, ...desk.people.at(-1) };
}

const ann = { email: 'Ann@Example.com', name: 'Ann Arbor' };

for (const slug of ['zen', 'inside'])
	test(`${slug}: the page posts a token that Zendesk takes, and takes once`, async () => {
		const { page, form, claims, fields, method } = await signIn(slug, ann);
		assert.equal(form.action, `https://${HOST}/access/jwt`);
		assert.equal(method, 'POST');
		assert.deepEqual(fields, slug === 'zen' ? ['jwt', 'return_to'] : ['jwt']);
		assert.deepEqual(decodeProtectedHeader(form.fields[0][1]), { alg: 'HS256', typ: 'JWT' });
		assert.equal(claims.email, 'Ann@Example.com');
		assert.equal(claims.name, 'Ann Arbor');
		assert.ok(Math.abs(claims.iat - Date.now() / 1000) < 60);
		assert.match(claims.jti, /^[\w-]{22}$/);
		assert.equal(claims.external_id, undefined, 'nobody vouched for one');
		const again = await desk.post(form);
		assert.equal(again.status, 401);
		assert.match(again.text, /used/);

		const csp = page.headers['content-security-policy'];
		assert.match(csp, /form-action https:\/\/acme\.zendesk\.com https:\/\/help\.acme\.example(;|$)/);
		assert.match(csp, /default-src 'none'/);
		assert.match(csp, /script-src 'nonce-[\w-]+'/);
		assert.doesNotMatch(csp, /unsafe-inline/);
		assert.match(page.text, /HTMLFormElement\.prototype\.submit\.call/);
		assert.match(page.text, /<button>Continue<\/button>/, 'for who has no scripts');
		assert.deepEqual(page.cookies, [], 'in place of a session of ours');
		assert.equal(page.headers['cache-control'], 'no-store');
		assert.equal(page.headers['referrer-policy'], 'no-referrer');
	});

test('no two tokens are alike', async () => {
	const jtis = new Set();
	for (let i = 0; i < 5; i++)
		jtis.add((await signIn('inside', ann)).claims.jti);
	assert.equal(jtis.size, 5);
});

test('organization, tags, user fields and the rest go along', async () => {
	const { claims } = await signIn('zen', { ...ann, company: 'Acme', phone: '+43 1', locale: 8, labels: ['vip', 'gö,ld'], plan: 'pro', desk_role: 'agent', other: 'x' });
	const { iat, jti, ...rest } = claims;
	assert.ok(iat && jti);
	assert.deepEqual(rest, {
		email: 'Ann@Example.com', name: 'Ann Arbor', organization: 'Acme', phone: '+43 1', locale_id: 8,
		tags: ['via-usher', 'vip', 'gö,ld'], user_fields: { plan: 'pro' },
	}, 'and no role, for nobody vouched for it');
	const next = (await signIn('zen', { ...ann, labels: 'a, b' })).claims;
	assert.deepEqual([next.organization, next.tags, next.user_fields], [undefined, ['via-usher', 'a', 'b'], undefined]);
	const bad = await json('zen', { ...ann, locale: 'de', company: 'x'.repeat(256) });
	assert.equal(bad.status, 422);
	assert.deepEqual(bad.json().errors, { company: ['The company must not be greater than 255 characters.'], locale: ['The locale must be an integer.'] });
});

test('return_to: the page that was asked for, when it is one of this Zendesk', async () => {
	const to = async (redirect_url) => (await signIn('zen', { ...ann, redirect_url })).return_to;
	assert.equal(await to(`https://${HOST}/hc/requests/7?a=1&b=2`), `https://${HOST}/hc/requests/7?a=1&b=2`);
	assert.equal(await to('https://help.acme.example/x'), 'https://help.acme.example/x');
	assert.equal(await to('https://tickets.test/mine'), `https://${HOST}/hc/requests`);
	assert.equal((await json('zen', { ...ann, redirect_url: 'https://evil.example/' })).status, 422);
	assert.equal((await signIn('inside', ann)).return_to, null);
});

test('odd characters arrive as they are', async () => {
	for (const name of ['Zoë O\'Neil', '"><script>alert(1)</script>', 'a\\b</form>&amp;', '李雷 🙂', 'x'.repeat(255)]) {
		const { claims, page } = await signIn('zen', { email: 'zoë@bücher.example', name, company: name.slice(0, 255) });
		assert.equal(claims.name, name);
		assert.equal(claims.email, 'zoë@bücher.example');
		assert.equal(claims.organization, name);
		assert.equal(page.text.match(/<form|<script/g).length, 2);
	}
	const nameless = (await signIn('zen', { email: 'just.me@example.com', name: '' })).claims;
	assert.equal(nameless.name, 'just.me');
});

test('the older way: a redirect with the token in it', async () => {
	const r = await arrive('get', { ...ann, redirect_url: `https://${HOST}/hc?a=b&c=d` });
	assert.equal(r.status, 302, r.text);
	const url = new URL(r.headers.location);
	assert.equal(url.origin + url.pathname, `https://${HOST}/access/jwt`);
	assert.equal(url.searchParams.get('return_to'), `https://${HOST}/hc?a=b&c=d`);
	const form = { action: url.href, fields: [['jwt', url.searchParams.get('jwt')]] };
	assert.equal((await desk.post(form)).status, 302);
	assert.match(decodeJwt(url.searchParams.get('jwt')).external_id, /^\d+$/);
	assert.deepEqual(r.cookies, []);
	const long = await json('get', { ...ann, name: '<'.repeat(255) });
	const c = await gw.callback(long.headers.location, { headers: { Accept: 'application/json' } });
	assert.equal(c.status, 502, 'what does not fit into a URL');
	assert.equal(c.json().code, 'adapter_failed');
});

test('a secret that is not the one: Zendesk does not take it', async () => {
	const page = await arrive('wrong', ann);
	const answer = await desk.post(formOf(page.text));
	assert.equal(answer.status, 401);
	assert.match(answer.text, /ERR_JWS_SIGNATURE_VERIFICATION_FAILED/);
});

test('unsigned users are refused unless the tenant says otherwise', async () => {
	const r = await json('strict', ann);
	assert.equal(r.status, 403, r.text);
	assert.equal(r.json().code, 'not_verified');
});

test('a Zendesk that is not among the tenant\'s redirects gets nobody', async () => {
	const first = await json('astray', ann);
	const r = await gw.callback(first.headers.location, { headers: { Accept: 'application/json' } });
	assert.equal(r.status, 502);
	assert.equal(r.json().code, 'adapter_redirect');
});

test('settings are checked when they are loaded', async () => {
	const good = on('bad');
	for (const [text, says] of [
		[good.replace(/secrets = .*\n/, ''), /config\.secret: names no secret of the tenant's/],
		[good.replace('secrets/zendesk', 'secrets/missing'), /secrets\[0\]\.file names a file that cannot be read/],
		[good.replace(`subdomain = "${SUBDOMAIN}";`, ''), /config\.subdomain: is missing/],
		[on('bad', 'home = "https://evil.example/";'), /config\.home: must be https/],
		[on('bad', 'role = "r";'), /config\.role: needs roles/],
		[on('bad', '', { more: 'on_failure = "default";' }), /cannot be "default": zendesk has a sync_user hook/],
	])
		for (const isolation of ['process', 'none']) {
			gw.writeConf('bad', text.replace('module =', `isolation = "${isolation}"; module =`));
			const check = await runUsherd('--config', gw.conf, '--check');
			assert.match(check.out + check.err, says);
			assert.notEqual(check.code, 0);
		}
	gw.removeConf('bad');
});

test('neither the secret nor a token is written down', () => {
	const log = gw.log.join('\n');
	assert.ok(!log.includes(SECRET));
	assert.doesNotMatch(log, /eyJ/);
	assert.ok(!fs.readFileSync(path.join(gw.state, 'usher.db')).includes(SECRET));
});
