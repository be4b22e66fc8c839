// Configuration: isolation per file, errors that help, reload under load.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import { test } from 'node:test';
import { Gateway, certificate, freePort, runUsherctl, runUsherd, start, tenant, until } from './harness.mjs';

const user = { email: 'user@example.com', name: 'John Doe' };

test('a broken file costs its own tenant only, and the error says where and what', async () => {
	const gw = new Gateway({ tenants: {
		alpha: tenant('alpha'),
		typo: 'tenant = {\n\tslug = "typo";\n\tidentity = "unsigned";\n\torigin = [ "https://typo.test" ];\n};\n',
		syntax: 'tenant = {\n\tslug = "syntax"\n\tname = ;\n};\n',
	} });
	const check = await runUsherd('--config', gw.conf, '--check');
	assert.equal(check.code, 1);
	assert.match(check.out, /typo\.conf:4\b.*origin.*origins/s, 'names the nearest setting');
	assert.match(check.out, /syntax\.conf:\d/);
	await gw.start();
	assert.equal((await gw.handoff('alpha', user)).status, 302);
	assert.equal((await gw.handoff('typo', user)).status, 503);
	await gw.logs((l) => l.includes('typo.conf'), 'logged');
	const status = await gw.ctl('status');
	assert.match(status.out, /1 broken|2 broken/);
	await gw.stop();

	const strict = await runUsherd('--config', gw.conf, '--foreground', '--strict');
	assert.equal(strict.code, 1);
});

test('a gateway file that does not hold refuses to start, with a remedy', async () => {
	const gw = new Gateway({ gateway: { public_url: '"ftp://x"' }, tenants: { alpha: tenant('alpha') } });
	const r = await runUsherd('--config', gw.conf, '--foreground');
	assert.equal(r.code, 1);
	assert.match(r.err + r.out, /gateway\.conf:2.*public_url/s);
	const none = await runUsherd('--config', path.join(gw.dir, 'nowhere'), '--foreground');
	assert.equal(none.code, 1);
	assert.match(none.err + none.out, /nowhere/);
	assert.equal((await runUsherd()).code, 2);
	assert.equal((await runUsherd('--config', gw.conf, '--frobnicate')).code, 2);
});

test('--check holds for a good directory and writes nothing', async () => {
	const gw = new Gateway({ tenants: { alpha: tenant('alpha') } });
	const r = await runUsherd('--config', gw.conf, '--check');
	assert.equal(r.code, 0, r.out + r.err);
	assert.match(r.out, /holds/);
	assert.match(r.out, /unsigned/, 'warns at unsigned');
	assert.equal(fs.existsSync(gw.state), false);
});

test('the last good tenant stays when its file breaks on reload; a deleted file removes it', async () => {
	const gw = await start({ tenants: { alpha: tenant('alpha'), beta: tenant('beta') } });
	gw.writeConf('alpha', 'tenant = { slug = "alpha"; oops');
	const reload = await gw.reload();
	assert.match(reload.out + reload.err, /alpha\.conf:1/);
	assert.equal(reload.code, 1, 'a script that reloads notices');
	assert.equal((await gw.handoff('alpha', user)).status, 302, 'its last good form serves on');
	assert.match((await gw.ctl('tenants')).out, /alpha +serving .*\n  in its last good form, as its file does not hold: .*alpha\.conf:1: /);
	gw.removeConf('beta');
	assert.match((await gw.reload()).out, /beta\.conf.*tenant beta: is in no file any more, and is not served; put it back/);
	assert.equal((await gw.handoff('beta', user)).status, 404);
	gw.writeConf('gamma', tenant('gamma', { url: null }));
	gw.child.kill('SIGHUP');
	await until(async () => (await gw.handoff('gamma', user)).status === 302, 'the new tenant');
	await gw.stop();
});

test('a reload whose gateway file is broken changes nothing', async () => {
	const gw = await start({ tenants: { alpha: tenant('alpha') } });
	const good = fs.readFileSync(path.join(gw.conf, 'gateway.conf'));
	gw.writeConf('gateway', 'gateway = { nonsense');
	const socket = ['--socket', path.join(gw.state, 'admin.sock')];
	const refused = await runUsherctl(...socket, 'reload');
	assert.equal(refused.code, 1);
	assert.match(refused.err, /gateway\.conf:1: error: /, 'it says where');
	assert.equal((await gw.handoff('alpha', user)).status, 302);
	// The console finds its socket through the very file that is broken.
	assert.match((await gw.ctl('status')).err, /gateway\.conf:1/);
	const status = await runUsherctl(...socket, 'status');
	assert.match(status.out, /1 reload refused since the start/);
	gw.writeConf('gateway', good);
	assert.equal((await gw.reload()).code, 0);
	await gw.stop();
});

test('settings that need a restart are named', async () => {
	const gw = await start({ tenants: { alpha: tenant('alpha') } });
	const file = path.join(gw.conf, 'gateway.conf');
	const before = fs.readFileSync(file, 'utf8');
	gw.writeConf('gateway', before.replace('"http://127.0.0.1:0"; }', '"http://127.0.0.2:0"; }'));
	await gw.reload();
	assert.match((await gw.ctl('status')).out, /gateway\.conf:\d+: warning: listen: changed since the start.*restart/);
	// ... for as long as they do, and no longer.
	await gw.reload();
	assert.match((await gw.ctl('status')).out, /: listen: changed since the start.*restart/);
	fs.writeFileSync(file, before);
	await gw.reload();
	assert.doesNotMatch((await gw.ctl('status')).out, /restart/);
	await gw.stop();
});

test('50 reloads under load: no request fails', async () => {
	const gw = await start({ tenants: { alpha: tenant('alpha'), beta: tenant('beta') } });
	const agent = new https.Agent({ keepAlive: true, maxSockets: 8 });
	const seen = new Map();
	let going = true;
	const load = Array.from({ length: 8 }, async (_, i) => {
		for (let n = 0; going; n++) {
			const r = await gw.handoff('alpha', { email: `u${i}-${n}@example.com`, name: 'N' }, { agent });
			seen.set(r.status, (seen.get(r.status) ?? 0) + 1);
		}
	});
	for (let i = 0; i < 50; i++) {
		gw.writeConf('beta', i % 3 === 2 ? 'tenant = { broken' : tenant('beta', { name: `"B${i}"` }));
		await gw.reload();
	}
	going = false;
	await Promise.all(load);
	agent.destroy();
	assert.deepEqual([...seen.keys()], [302], JSON.stringify([...seen]));
	assert.ok(seen.get(302) > 50);
	await gw.stop();
});

test('keys rotate with tokens under way', async () => {
	const gw = await start({ tenants: { alpha: tenant('alpha') } });
	const before = (await gw.handoff('alpha', user)).headers.location;
	assert.equal((await gw.ctl('key', 'rotate')).code, 0);
	assert.equal((await gw.reload()).code, 0);
	const after = (await gw.handoff('alpha', user)).headers.location;
	const kid = (l) => JSON.parse(Buffer.from(new URL(l).searchParams.get('token').split('.')[0], 'base64url')).kid;
	assert.notEqual(kid(before), kid(after));
	assert.equal((await gw.callback(before)).status, 302);
	assert.equal((await gw.callback(after)).status, 302);
	const list = await gw.ctl('key', 'list');
	assert.equal(list.out.trim().split('\n').length, 2);
	await gw.stop();
});

test('a second daemon on the same state is refused, whose ports are taken as well', async () => {
	const { cert, key } = certificate(), port = await freePort();
	const gw = await start({ gateway: { listen: `( { url = "https://127.0.0.1:${port}"; certificate = "${cert}"; key = "${key}"; } )`, metrics: null }, tenants: { alpha: tenant('alpha') } });
	const second = await runUsherd('--config', gw.conf, '--foreground');
	assert.equal(second.code, 1);
	assert.match(second.err, new RegExp(`\\b${gw.child.pid}\\b`), 'names who holds it');
	assert.match(second.err, /in use by another daemon \(pid \d+\): stop that one, or give this one a state of its own/);
	assert.doesNotMatch(second.err, /another program listens/);

	// A check says so where it would listen elsewhere, and not of what runs.
	const own = await runUsherd('--config', gw.conf, '--check');
	assert.doesNotMatch(own.out, /: state is /);
	const file = path.join(gw.conf, 'gateway.conf');
	fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace(`:${port}"`, `:${await freePort()}"`));
	const check = await runUsherd('--config', gw.conf, '--check');
	assert.match(check.out, new RegExp(`gateway\\.conf:\\d+: note: state is ${gw.state}, which a gateway has that listens elsewhere now \\(pid ${gw.child.pid}\\)`));
	await gw.stop();
});

test('usherctl: status, tenants, explain, help, no daemon', async () => {
	const gw = await start({ tenants: { alpha: tenant('alpha') } });
	const r = await gw.handoff('alpha', user);
	const id = r.headers['x-request-id'];
	const explain = await gw.explain(id);
	for (const step of ['find_tenant', 'limit_rate', 'check_origin', 'read_body', 'verify_identity', 'ask_adapter', 'validate', 'choose_redirect', 'mint_token', 'send_on'])
		assert.ok(explain.out.includes(step), `${step} in:\n${explain.out}`);
	assert.ok(!explain.out.includes(user.email));
	const token = /^  token:   ([0-9a-f]{16})$/m.exec(explain.out)[1];
	for (const words of [[token], ['alpha', user.email], ['alpha', user.email, '--since', '10m']]) {
		const told = await gw.ctl('explain', ...words);
		assert.ok(told.out.includes(id), `${words}:\n${told.out}${told.err}`);
		assert.ok(!told.out.includes(user.email));
	}
	const then = JSON.parse((await gw.ctl('--json', 'explain', 'alpha', user.email, '--at', new Date().toISOString())).out);
	assert.ok(then.records.some((r) => r.request_id === id && r.token === token && /^[0-9a-f]{16}$/.test(r.person)));
	assert.equal((await gw.ctl('explain', 'alpha', 'nobody.else@example.com')).code, 1);
	assert.equal((await gw.ctl('explain', 'alpha', user.email, '--at', 'yesterday')).code, 2);
	assert.doesNotMatch(explain.out, /meaning:|remedy:/);
	const bad = (await gw.handoff('alpha', { name: 'n' })).headers['x-request-id'];
	const refused = await until(async () => {
		const e = await gw.ctl('explain', bad);
		return e.code === 0 && e;
	}, 'its trail, too');
	assert.match(refused.out, / 422 validation_failed\n  client:  of 127\.0\.0\.0\/24\n  meaning: Fields are missing or wrong\.\n  remedy:  Mend each/);
	const told = JSON.parse((await gw.ctl('--json', 'explain', bad)).out);
	assert.equal(told.meaning, 'Fields are missing or wrong.');
	assert.match(told.remedy, /^Mend each/);
	assert.equal((await gw.ctl('explain', 'nothing')).code, 1);
	assert.match((await gw.ctl('tenants')).out, /alpha\s+serving\s+https:\/\/ticket\.alpha\.test/);
	const json = JSON.parse((await gw.ctl('--json', 'status')).out);
	assert.equal(json.tenants_serving, 1);
	assert.equal((await gw.ctl('frobnicate')).code, 2);
	assert.equal((await gw.ctl('--help')).code, 0);
	await gw.stop();
	assert.equal((await gw.ctl('status')).code, 3);
});
