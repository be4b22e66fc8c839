// A tenant's slug: whose sessions and tokens it finds when its file goes, comes
// back, or describes somebody else.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { start, tenant, until } from './harness.mjs';

const user = { email: 'user@example.com', name: 'John Doe' };
const host = 'ticket.alpha.test';

const session = (gw, cookie) => gw.request({ host, path: '/auth/session', headers: { Cookie: cookie } });
/** Somebody who is signed in, and a token that is out. */
async function guests(gw) {
	const cookie = await gw.signIn('alpha', user);
	assert.equal((await session(gw, cookie)).status, 200);
	return { cookie, location: (await gw.handoff('alpha', user)).headers.location };
}
async function gone(gw, { cookie, location }) {
	assert.equal((await session(gw, cookie)).status, 401);
	assert.equal((await gw.callback(location)).status, 401);
}
async function reload(gw) {
	const r = await gw.reload();
	assert.equal(r.code, 0, r.err);
}
const events = (gw, event) => gw.log.filter((l) => l.includes(`"${event}"`));

test('a tenant whose file goes loses sessions and tokens, also when it comes back as it was', async () => {
	const gw = await start({ tenants: { alpha: tenant('alpha'), beta: tenant('beta') } });
	const before = await guests(gw);
	gw.removeConf('alpha');
	await reload(gw);
	await gw.logs((l) => l.includes('"tenant_gone"'));
	assert.equal(events(gw, 'tenant_gone').length, 1);
	assert.equal((await gw.handoff('alpha', user)).status, 404);
	gw.writeConf('alpha', tenant('alpha'));
	await reload(gw);
	await gone(gw, before);
	const after = await guests(gw);
	assert.equal((await gw.callback(after.location)).status, 302);

	// And all of that over a kill.
	await gw.kill();
	await gw.start();
	await gone(gw, before);
	assert.equal((await session(gw, after.cookie)).status, 200);
	await gw.stop();
});

for (const [what, settings] of [
	['another name', { name: '"Somebody Else"' }],
	['another url', { url: '"https://ticket.alpha.test:444"' }],
]) {
	test(`a slug with ${what} is another tenant: at a reload, and after a restart`, async () => {
		const gw = await start({ tenants: { alpha: tenant('alpha') } });
		let before = await guests(gw);
		gw.writeConf('alpha', tenant('alpha', settings));
		await reload(gw);
		await gone(gw, before);
		await gw.logs((l) => l.includes('"tenant_is_another"'));
		assert.equal(events(gw, 'tenant_is_another').length, 1);
		assert.equal((await gw.handoff('alpha', user)).status, 302);

		// While no gateway ran.
		before = await guests(gw);
		await gw.stop();
		gw.writeConf('alpha', tenant('alpha'));
		await gw.start();
		await gone(gw, before);
		before = await guests(gw);
		assert.equal((await gw.callback(before.location)).status, 302);
		await gw.stop();
	});
}

test('a file that went while no gateway ran ends its sessions, too', async () => {
	const gw = await start({ tenants: { alpha: tenant('alpha') } });
	const before = await guests(gw);
	await gw.stop();
	gw.removeConf('alpha');
	await gw.start();
	await gw.logs((l) => l.includes('"tenant_gone"'));
	assert.equal(events(gw, 'tenant_gone').length, 1);
	gw.writeConf('alpha', tenant('alpha'));
	await reload(gw);
	await gone(gw, before);
	await gw.stop();
});

test('a file that is broken, and a tenant that is switched off, keep their sessions', async () => {
	const gw = await start({ tenants: { alpha: tenant('alpha'), beta: tenant('beta') } });
	const { cookie } = await guests(gw);
	for (const broken of ['tenant = { slug = "alpha"; oops', 'oops {', tenant('alpha', { frobnicate: '1' })]) {
		gw.writeConf('alpha', broken);
		await gw.reload();
		assert.equal((await session(gw, cookie)).status, 200, 'its last good form serves');
		// A start knows no last good form, and that a file is there.
		await gw.stop();
		await gw.start();
		gw.writeConf('alpha', tenant('alpha'));
		await reload(gw);
		assert.equal((await session(gw, cookie)).status, 200, broken);
	}
	gw.writeConf('alpha', tenant('alpha', { enabled: 'false' }));
	await reload(gw);
	assert.notEqual((await session(gw, cookie)).status, 200, 'it answers as if unknown');
	gw.writeConf('alpha', tenant('alpha'));
	await reload(gw);
	assert.equal((await session(gw, cookie)).status, 200);
	// What is not who it is may change.
	gw.writeConf('alpha', tenant('alpha', { origins: '[ "https://elsewhere.test" ]', accent: '"#112233"' }));
	await reload(gw);
	assert.equal((await session(gw, cookie)).status, 200);
	assert.equal(events(gw, 'tenant_gone').length + events(gw, 'tenant_is_another').length, 0);
	await gw.stop();
});

test('a file moves to another name, or into another file: the same tenant', async () => {
	const gw = await start({ tenants: { alpha: tenant('alpha'), beta: tenant('beta') } });
	const { cookie, location } = await guests(gw);
	fs.renameSync(path.join(gw.conf, 'alpha.conf'), path.join(gw.conf, 'zeta.conf'));
	await reload(gw);
	assert.equal((await session(gw, cookie)).status, 200);
	assert.equal((await gw.callback(location)).status, 302);
	await gw.stop();
});

test('the rows of what ended are deleted', async () => {
	const gw = await start({ tenants: { alpha: tenant('alpha'), beta: tenant('beta') } });
	for (let i = 0; i < 5; i++)
		await gw.signIn('alpha', { email: `u${i}@example.com`, name: 'U' });
	const listed = async () => (await gw.ctl('sessions', 'alpha')).out;
	assert.match(await listed(), /u3@example\.com/);
	gw.removeConf('alpha');
	await reload(gw);
	gw.writeConf('alpha', tenant('alpha'));
	await reload(gw);
	await until(async () => !/example\.com/.test(await listed()), 'the sweep');
	await gw.stop();
});
