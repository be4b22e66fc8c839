// A gateway that ends by its own fault leaves one line that tells what was under
// way, and loses nothing that was acknowledged.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { runUsherctl, start, tenant, until } from './harness.mjs';

// With a sanitizer its own report stands in the line's place.
const skip = (process.env.USHER_SANITIZERS ?? 'no') !== 'no' && 'a sanitizer tells crashes by itself';

test('a crash leaves one line, and what was acknowledged stays', { skip }, async () => {
	const gw = await start({ tenants: { alpha: tenant('alpha') } });
	const file = path.join(gw.state, 'crash');
	const crash = async (...options) => runUsherctl('--config', gw.conf, ...options, 'crash');

	assert.equal(fs.statSync(file).mode & 0o7777, 0o600);
	assert.equal((await crash()).out, 'no crash is on record\n');
	assert.deepEqual(JSON.parse((await crash('--json')).out), { crash: null });

	const opened = [];
	const sending = Array.from({ length: 24 }, async (_, i) => {
		try {
			opened.push([await gw.signIn('alpha', { email: `u${i}@example.com`, name: `N${i}` }), `u${i}@example.com`]);
		} catch {
			// cut by the crash: never acknowledged
		}
	});
	await Promise.race([sending[12], sending[3]]);
	gw.child.kill('SIGSEGV');
	assert.equal((await gw.closed).signal, 'SIGSEGV');
	await Promise.all(sending);

	const line = (await crash()).out.trimEnd();
	assert.match(line, new RegExp(`^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ usherd \\S+ build (-|[0-9a-f]+) pid ${gw.child.pid} SIGSEGV sent by pid \\d+`));
	assert.deepEqual(gw.log.filter((l) => l === line), [line], 'the same line, once, on standard error');
	assert.doesNotMatch(line, /@|example/);

	// The next one tells it once more, and keeps it while it runs and after.
	await gw.start();
	await gw.logs((l) => l.includes('"event":"crashed_before"') && l.includes('SIGSEGV'));
	assert.equal((await crash()).out.trimEnd(), line);
	for (const [cookie, email] of opened) {
		const r = await gw.request({ host: 'ticket.alpha.test', path: '/auth/session', headers: { Cookie: cookie } });
		assert.equal(r.status, 200, `${email} was acknowledged and is gone`);
	}
	assert.ok(opened.length > 0);
	await gw.stop();
	assert.equal(JSON.parse((await crash('--json')).out).crash, line);
	assert.ok(!fs.existsSync(file), 'an orderly end leaves nothing of its own');
	await gw.start();
	assert.ok(!gw.log.some((l) => l.includes('crashed_before')), 'it is told once');
	await gw.stop();
});

const inside = tenant('alpha', { adapter: '{ module = "hostile.so"; isolation = "none"; }' });
const sin = (gw, what) => gw.handoff('alpha', { email: 'user@example.com', name: 'John Doe', sin: what }, { plain: true });

// Threads that serve take no signal but those of their own faults.
test('a fault in a thread that serves leaves its line too', { skip }, async () => {
	const gw = await start({ tenants: { alpha: inside } });

	await assert.rejects(sin(gw, 'crash'));
	assert.equal((await until(() => gw.exited, 'its end')).signal, 'SIGSEGV');
	const line = (await runUsherctl('--config', gw.conf, 'crash')).out.trimEnd();
	assert.match(line, new RegExp(` pid ${gw.child.pid} SIGSEGV at 0x[0-9a-f]+ requests [0-9A-Z]{26}$`));
	assert.ok(gw.log.includes(line));
});

// Whoever runs a tenant's code in the gateway's process has it hang there; the
// gateway ends all the same, and what it acknowledged stays.
test('a module that hangs in this process does not keep it from ending', async () => {
	const gw = await start({ tenants: { alpha: inside, beta: tenant('beta', { url: null }) } });
	const cookie = await gw.signIn('beta', { email: 'user@example.com', name: 'John Doe' });
	const hanging = sin(gw, 'hang').catch(() => 'cut');
	const tasks = `/proc/${gw.child.pid}/task`;
	// Field 14: what it has computed, in hundredths of a second.
	const computes = () => fs.readdirSync(tasks).map((t) => fs.readFileSync(`${tasks}/${t}/stat`, 'latin1'))
		.some((l) => l.includes('(usher-http-') && Number(l.split(') ')[1].split(' ')[11]) > 30);
	await until(computes, 'it to hang');
	gw.child.kill('SIGTERM');
	assert.deepEqual(await until(() => gw.exited, 'its end'), { code: 0, signal: null });
	assert.equal(await hanging, 'cut');
	assert.ok(gw.log.some((l) => l.includes('"thread_left"') && l.includes('isolation')));
	await gw.start();
	assert.equal((await gw.request({ host: 'tickets.test', path: '/auth/session', headers: { Cookie: cookie } })).status, 200);
	await gw.stop();
});
