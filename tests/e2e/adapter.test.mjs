// Adapters in the real daemon: the ones that come with it, ones that misbehave,
// changes while it runs, users sent on to a desk elsewhere.
// needs: sqlite3
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { start, tenant } from './harness.mjs';

const user = { email: 'user@example.com', name: 'John Doe' };
const adapter = (module, config = '', more = '') => `{ module = "${module}.so"; isolation = "none"; ${more} config = { ${config} }; }`;
const HOOK = '( { url = "https://hook.test/"; secret_file = "hook"; events = [ "adapter.*" ]; } )';
const isolated = (module) => `{ module = "${module}.so"; deadline_ms = 30000; }`;
const on = (slug, module, config, settings = {}) => tenant(slug, { url: null, home: null, adapter: adapter(module, config), ...settings });
let gw;

const FIELDMAP = `
	email = { from = "user_email"; as = "email"; };
	company = { from = "company_name"; required = true; max = 10; };
	plan = { one_of = [ "free", "pro" ]; default = "free"; };
	phone = { pattern = "\\\\+[0-9]{6,15}"; };
	address = { json = true; };`;
const ROUTER = `
	routes = (
		{ when = { plan = "pro"; locale = "de*"; }; url = "https://desk.example/pro/de"; },
		{ when = { plan = "pro"; }; url = "https://desk.example/pro"; },
		{ when = { plan = "evil"; }; url = "https://evil.example/"; }
	);
	keep_requested = true;`;

before(async () => {
	gw = await start({ gateway: { workers: '2' }, tenants: {
		map: on('map', 'fieldmap', FIELDMAP),
		route: on('route', 'plan-router', ROUTER, { redirects: '[ "https://desk.example/" ]' }),
		rogue: on('rogue', 'misbehave'),
		away: on('away', 'deliver', '', { redirects: '[ "https://desk.example/" ]', webhooks: HOOK }),
		apart: tenant('apart', { url: null, home: null, adapter: isolated('deliver'), redirects: '[ "https://desk.example/" ]', webhooks: HOOK }),
		dead: on('dead', 'init-fails', 'how = "error";'),
	} });
});
after(() => gw.stop());

const sql = (text) => execFileSync('sqlite3', ['-cmd', '.timeout 60000', '-json', '-readonly', path.join(gw.state, 'usher.db'), text], { encoding: 'utf8' });
const rows = (text) => JSON.parse(sql(text) || '[]');
const json = (slug, body) => gw.request({ method: 'POST', path: `/api/auth/redirect/${slug}`, body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } });

/** Who is signed in after this handoff: the session's user. */
async function signedIn(answer) {
	assert.equal(answer.status, 302, answer.text);
	const r = await gw.callback(answer.headers.location);
	assert.equal(r.status, 302, r.text);
	const session = await gw.request({ path: '/auth/session', headers: { Cookie: r.cookies[0].split(';')[0] } });
	assert.equal(session.status, 200, session.text);
	return { ...session.json().user, went: r.headers.location };
}

test('fieldmap: what is posted is stored and seen in the session', async () => {
	const first = await signedIn(await gw.handoff('map', { user_email: 'ann@example.com', name: 'Ann', company_name: ' Acme ', phone: '+43123456', other: 'dropped' }));
	assert.equal(first.email, 'ann@example.com');
	assert.deepEqual(first.attributes, { company: 'Acme', plan: 'free', phone: '+43123456' });
	const second = await signedIn(await json('map', { user_email: 'ann@example.com', name: 'Ann', company_name: 'Acme', plan: 'pro', phone: '', address: { city: 'Graz', lines: [1, 2] } }));
	assert.equal(second.id, first.id);
	const { address, ...rest } = second.attributes;
	assert.deepEqual(rest, { company: 'Acme', plan: 'pro' }, 'an empty value removes');
	assert.deepEqual(typeof address === 'string' ? JSON.parse(address) : address, { city: 'Graz', lines: [1, 2] });
});

test('fieldmap: 422 in Laravel\'s words, all at once, and nobody is stored', async () => {
	const r = await gw.handoff('map', { email: 'nobody422@example.com', name: 'N', plan: 'gold', phone: '12' });
	assert.equal(r.status, 422);
	assert.equal(r.json().message, 'The given data was invalid.');
	assert.deepEqual(r.json().errors, {
		company_name: ['The company name field is required.'],
		plan: ['The selected plan is invalid.'],
		phone: ['The phone format is invalid.'],
	});
	const long = await gw.handoff('map', { email: 'nobody422@example.com', name: 'N', company_name: 'x'.repeat(11) });
	assert.deepEqual(long.json().errors, { company_name: ['The company name must not be greater than 10 characters.'] });
	assert.deepEqual(rows('SELECT id FROM users WHERE email = \'nobody422@example.com\''), []);
});

test('nested JSON only where it is declared', async () => {
	const nested = await json('map', { ...user, company_name: { a: 1 } });
	assert.equal(nested.status, 422, 'dropped, and it is required');
	assert.deepEqual(Object.keys(nested.json().errors), ['company_name']);
	assert.equal((await json('map', { ...user, company_name: 'A', address: [1, { b: null }] })).status, 302);
	assert.equal((await json('rogue', { ...user, address: { a: 1 } })).status, 302);
	assert.equal((await json('rogue', { ...user, name: { a: 1 } })).status, 400);
});

test('plan-router: the redirect by plan, and never off the allowlist', async () => {
	const went = async (fields) => (await signedIn(await gw.handoff('route', { ...user, ...fields }))).went;
	assert.equal(await went({ plan: 'pro' }), 'https://desk.example/pro');
	assert.equal(await went({ plan: 'PRO', locale: 'de-AT' }), 'https://desk.example/pro/de');
	assert.equal(await went({ plan: 'free' }), 'https://tickets.test/dashboard');
	assert.equal(await went({ plan: 'pro', redirect_url: 'https://desk.example/mine' }), 'https://desk.example/mine');
	const evil = await gw.handoff('route', { email: 'evil-plan@example.com', name: 'E', plan: 'evil' });
	assert.equal(evil.status, 502);
	assert.equal(evil.json().code, 'adapter_redirect');
	assert.deepEqual(rows('SELECT id FROM users WHERE email = \'evil-plan@example.com\''), []);
});

test('an adapter that refuses or fails: nothing passes, nobody is stored', async () => {
	const cases = [
		[{ map: 'deny_words' }, 403, 'not_member'], [{ map: 'deny' }, 403, 'denied'], [{ sync: 'deny_words' }, 403, 'not_member'], [{ choose: 'deny' }, 403, 'denied'],
		[{ map: 'fail' }, 502, 'adapter_failed'], [{ sync: 'fail' }, 502, 'adapter_failed'], [{ choose: 'unknown' }, 502, 'adapter_failed'],
		[{ map: 'bad_utf8' }, 502, 'adapter_failed'], [{ map: 'wrong_hook' }, 502, 'adapter_failed'], [{ map: 'thousand' }, 502, 'adapter_failed'],
	];
	for (const [fields, status, code] of cases) {
		const r = await gw.handoff('rogue', { email: 'refused@example.com', name: 'R', ...fields });
		assert.equal(r.status, status, JSON.stringify(fields) + r.text);
		assert.equal(r.json().code, code, JSON.stringify(fields));
		if (code === 'not_member')
			assert.equal(r.json().message, 'Members only.');
	}
	assert.deepEqual((await gw.handoff('rogue', { ...user, map: 'error' })).json().errors, { plan: ['Bad plan.'] });
	assert.deepEqual(rows('SELECT id FROM users WHERE email = \'refused@example.com\''), []);
	await gw.logs((l) => /adapter_failed/.test(l) && /map_fields/.test(l), 'the log names the hook');
	const kept = await signedIn(await gw.handoff('rogue', { ...user, map: 'set_decline', sync: 'set' }));
	assert.deepEqual(kept.attributes, { kept: 'yes' }, 'what a hook set that then declined is dropped');
});

test('an adapter that does not start costs its own tenant only', async () => {
	const r = await gw.handoff('dead', user);
	assert.equal(r.status, 503);
	assert.ok(r.headers['retry-after']);
	assert.match((await gw.ctl('tenants')).out, /dead\s+broken/);
	assert.match((await gw.ctl('status')).out, /config\.how.*must be something else/s);
	assert.equal((await gw.handoff('rogue', user)).status, 302);
});

test('deliver: on to a desk elsewhere, by redirect or by a form', async () => {
	const go = async (how, email = user.email) => {
		const r = await gw.handoff('away', { email, name: 'A', go: how });
		assert.equal(r.status, 302, r.text);
		return gw.callback(r.headers.location);
	};
	const redirect = await go('redirect');
	assert.equal(redirect.status, 302, redirect.text);
	assert.equal(redirect.headers.location, 'https://desk.example/in?user=1');
	assert.deepEqual(redirect.cookies, [], 'in place of a session of ours');

	const form = await go('post');
	assert.equal(form.status, 200, form.text);
	assert.match(form.headers['content-type'], /^text\/html/);
	assert.equal(form.headers['cache-control'], 'no-store');
	assert.equal(form.headers['referrer-policy'], 'no-referrer');
	const csp = form.headers['content-security-policy'];
	assert.match(csp, /default-src 'none'/);
	assert.match(csp, /form-action https:\/\/desk\.example(;|$)/);
	assert.match(csp, /frame-ancestors 'none'/);
	assert.doesNotMatch(csp, /unsafe-inline/);
	assert.match(form.text, /action="https:\/\/desk\.example\/login\?a=1&amp;b=2"/);
	assert.match(form.text, /name="user" value="user@example\.com"/);
	assert.ok(!form.text.includes('</form><script>'), 'what goes into it is escaped');
	assert.equal(form.text.match(/<form/g).length, 1);
	assert.deepEqual(form.cookies, []);

	const api = { headers: { Accept: 'application/json' } };
	for (const [how, status, code] of [['deny', 403, 'desk_closed'], ['fail', 502, 'adapter_failed'], ['elsewhere', 502, 'adapter_redirect']]) {
		const r = await gw.handoff('away', { ...user, go: how });
		const c = await gw.callback(r.headers.location, api);
		assert.equal(c.status, status, how + c.text);
		assert.equal(c.json().code, code);
		assert.deepEqual(c.cookies, []);
	}
});

test('what an adapter emits stands in the outbox, with its user', async () => {
	const email = 'outbox@example.com';
	const r = await gw.handoff('away', { email, name: 'O', go: 'redirect' });
	const events = () => rows(`SELECT o.tenant, event, body, state FROM outbox o JOIN users u ON u.id = user_id WHERE email = '${email}' AND u.tenant = 'away' ORDER BY o.id`);
	assert.deepEqual(events(), [], 'nothing before they arrive');
	assert.equal((await gw.callback(r.headers.location)).status, 302);
	assert.deepEqual(events(), [{ tenant: 'away', event: 'adapter.mapped', body: '{"by":"deliver"}', state: 0 }, { tenant: 'away', event: 'adapter.delivered', body: '{"n":1}', state: 0 }]);
});

for (const slug of ['away', 'apart'])
	test(`what an adapter emits may be as much as it may be: ${slug}`, async () => {
		const email = 'many@example.com', fields = { email, name: 'M', go: 'many' };
		const r = await gw.handoff(slug, fields);
		assert.equal(r.status, 302, r.text);
		assert.ok(r.headers.location.length <= 3000, `${r.headers.location.length}`);
		const c = await gw.callback(r.headers.location);
		assert.equal(c.status, 302, c.text);
		const found = rows(`SELECT event, length(body) len, count(*) n FROM outbox o JOIN users u ON u.id = user_id WHERE email = '${email}' AND u.tenant = '${slug}' GROUP BY 1, 2 ORDER BY 1`);
		assert.deepEqual(found, [{ event: 'adapter.delivered', len: 7, n: 1 }, { event: 'adapter.large', len: 4096, n: 15 }, { event: 'adapter.mapped', len: 16, n: 1 }]);
		assert.deepEqual(rows('SELECT count(*) n FROM parked'), [{ n: 0 }]);
	});

test('changed, replaced and removed while it runs', async () => {
	const plugins = path.join(gw.dir, 'plugins');
	const put = (from, to) => {
		fs.copyFileSync(path.join(plugins, `${from}.so`), path.join(plugins, `${to}.so.new`));
		fs.renameSync(path.join(plugins, `${to}.so.new`), path.join(plugins, `${to}.so`));
	};
	const attributes = async (n, fields) => (await signedIn(await gw.handoff('swap', { email: `swap${n}@example.com`, name: 'S', ...fields }))).attributes;
	put('misbehave', 'swapped');
	gw.writeConf('swap', on('swap', 'swapped'));
	assert.match((await gw.reload()).out, /^reloaded/m);
	assert.deepEqual(await attributes(1, { map: 'set' }), { kept: 'yes' });
	// A new content under the same name.
	put('older', 'swapped');
	assert.deepEqual(await attributes(2, { map: 'set' }), { kept: 'yes' }, 'not before a reload');
	assert.match((await gw.reload()).out, /^reloaded/m);
	assert.deepEqual(await attributes(3, { map: 'set' }), { age: 'old' });
	// One that does not load: the last good one goes on.
	put('other-major', 'swapped');
	assert.match((await gw.reload()).out, /swapped\.so cannot be used/);
	assert.deepEqual(await attributes(4, {}), { age: 'old' });
	put('good', 'swapped');
	gw.writeConf('swap', on('swap', 'swapped', 'greeting = "hello";', { redirects: '[ "https://desk.example/" ]' }));
	await gw.reload();
	assert.equal((await signedIn(await gw.handoff('route', user))).email, user.email, 'neighbours go on');
	gw.writeConf('swap', on('swap', 'swapped', '', { adapter: null }));
	await gw.reload();
	assert.deepEqual(await attributes(5, { map: 'set', plan: 'pro' }), {}, 'removed');
});

test('one that did not change keeps running, with its states', async () => {
	const journal = path.join(gw.dir, 'journal');
	const noted = () => fs.readFileSync(journal, 'utf8');
	const conf = (greeting, name) => tenant('keep', { url: null, home: null, name: `"${name}"`, redirects: '[ "https://desk.example/" ]',
		adapter: adapter('good', `journal = "${journal}"; greeting = "${greeting}";`, 'secrets = ( { name = "desk"; file = "desk.secret"; } );') });
	fs.writeFileSync(journal, '');
	fs.writeFileSync(path.join(gw.conf, 'desk.secret'), 'key', { mode: 0o600 });
	gw.writeConf('keep', conf('a', 'A'));
	await gw.reload();
	assert.equal(noted(), 'ii', 'a state for each worker');
	await gw.reload();
	gw.writeConf('keep', conf('a', 'B'));
	await gw.reload();
	assert.equal(noted(), 'ii', 'neither a reload nor another setting of the tenant matters');
	gw.writeConf('keep', conf('b', 'B'));
	await gw.reload();
	assert.equal(noted().replace(/f/g, ''), 'iiii');
	const fields = { email: 'keep@example.com', name: 'K', plan: 'free' };
	const r = await gw.handoff('keep', fields);
	const c = await gw.callback(r.headers.location);
	assert.equal(c.status, 200, gw.log.slice(-4).join('\n'));
	assert.match(JSON.stringify(rows('SELECT * FROM users WHERE email = \'keep@example.com\'')), /greeting[^}]*b/);
});
