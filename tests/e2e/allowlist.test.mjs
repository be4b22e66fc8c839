// allowlist, in a process of its own: who is not on the list does not enter, and
// nothing is stored about them.
// needs: sqlite3
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { runUsherd, start, tenant } from './harness.mjs';

const CONFIG = `
	allow = {
		domains = [ "example.com", "*.example.org", "bücher.example" ];
		emails = [ "boss@partner.example" ];
		fields = { groups = { one_of = [ "staff", "support" ]; json = true; }; role = { one_of = [ "admin" ]; signed = true; }; };
	};
	deny = { emails = [ "mallory@example.com" ]; fields = { status = { one_of = [ "closed" ]; }; }; };
	code = "members_only"; reason = "Members only: ask <support>.";`;
const on = (slug, config, isolation = 'process') => tenant(slug, {
	url: null, adapter: `{ module = "allowlist.so"; isolation = "${isolation}"; config = { ${config} }; }`,
});
let gw;

before(async () => {
	gw = await start({ tenants: { apart: on('apart', CONFIG), inside: on('inside', CONFIG, 'none') } });
});
after(() => gw?.stop());

const stored = (email) => JSON.parse(execFileSync('sqlite3', ['-cmd', '.timeout 60000', '-json', '-readonly', path.join(gw.state, 'usher.db'),
	`SELECT tenant FROM users WHERE email = '${email}'`], { encoding: 'utf8' }) || '[]').map((r) => r.tenant).sort();
const json = (slug, body, headers = {}) => gw.request({
	method: 'POST', path: `/api/auth/redirect/${slug}`, body: JSON.stringify(body), headers: { 'Content-Type': 'application/json', ...headers } });

for (const slug of ['apart', 'inside']) {
	test(`${slug}: listed domains, addresses and groups enter`, async () => {
		for (const [email, more] of [
			['ann@example.com', {}], [' Ann@EXAMPLE.com ', {}], ['ann@a.b.example.org', {}], ['ann@bücher.example', {}],
			['ann@xn--bcher-kva.example', {}], ['BOSS@partner.example', {}],
			['ann@elsewhere.example', { groups: ['x', 'staff'] }], ['ann@elsewhere.example', { groups: 'support' }],
		])
			assert.equal((await json(slug, { email, name: 'Ann', ...more })).status, 302, `${email} ${JSON.stringify(more)}`);
	});

	test(`${slug}: nobody else does, whatever they post`, async () => {
		for (const [email, more] of [
			['eve@elsewhere.example', {}], ['eve@example.org', {}], ['eve@example.com.evil.example', {}], ['eve@sub.example.com', {}],
			['eve@elsewhere.example', { groups: ['staffs'] }], ['eve@elsewhere.example', { groups: 'Staff' }],
			['eve@elsewhere.example', { role: 'admin' }], ['eve@elsewhere.example', { status: 'open', groups: [] }],
			['mallory@example.com', {}], ['mallory@example.com', { groups: ['staff'] }], ['eve@example.com', { status: 'closed' }],
		]) {
			const r = await json(slug, { email, name: 'Eve', ...more });
			assert.equal(r.status, 403, `${email} ${JSON.stringify(more)} ${r.text}`);
			assert.deepEqual(r.json(), { message: 'Members only: ask <support>.', code: 'members_only' });
			assert.deepEqual(stored(email), []);
		}
	});

	test(`${slug}: what is no address, or no list, is a 422 with each fault once`, async () => {
		const fault = async (body) => (await json(slug, { name: 'X', ...body })).json().errors;
		assert.deepEqual(await fault({ email: 'a@b@example.com' }), { email: ['The email field must be a valid email address.'] });
		assert.deepEqual(await fault({}), { email: ['The email field is required.'] });
		assert.deepEqual(await fault({ email: 'a@elsewhere.example', groups: { a: 1 } }), { groups: ['This must be a list of texts.'] });
	});
}

test('a browser gets to read why', async () => {
	const r = await json('apart', { email: 'eve@elsewhere.example', name: 'Eve' }, { Accept: 'text/html' });
	assert.equal(r.status, 403);
	assert.ok(r.text.includes('Members only: ask &lt;support&gt;.'));
	const id = r.headers['x-request-id'];
	const { out } = await gw.explain(id);
	assert.match(out, /members_only/);
	assert.match(out, /meaning: The tenant's adapter refused, with a code of its own\.\n  remedy: /);
	await gw.logs((l) => l.includes('refused: allow does not name them'));
	assert.ok(!gw.log.some((l) => l.includes('elsewhere.example')), 'without saying who');
});

test('settings that would let everybody or nobody in do not load', async () => {
	for (const [config, says] of [
		['', /config\.allow: names nobody/],
		['allow = { domains = [ ]; };', /config\.allow: names nobody/],
		['others = "allow";', /config\.others: .*deny names nobody/],
		['allow = { domains = [ "exa mple.com" ]; };', /config\.allow\.domains\.0: must be a domain/],
		['allow = { domain = [ "example.com" ]; };', /config\.allow\.domain\.0: is not known/],
	])
		for (const isolation of ['process', 'none']) {
			gw.writeConf('wrong', on('wrong', config, isolation));
			const check = await runUsherd('--config', gw.conf, '--check');
			assert.match(check.out + check.err, says);
			assert.notEqual(check.code, 0);
		}
	gw.removeConf('wrong');
});

test('nor may it be passed over', async () => {
	gw.writeConf('wrong', on('wrong', CONFIG).replace('module =', 'on_failure = "default"; module ='));
	assert.match((await gw.reload()).out, /cannot be "default": allowlist has a sync_user hook/);
	assert.equal((await json('wrong', { email: 'ann@example.com', name: 'A' })).status, 503);
	gw.removeConf('wrong');
});
