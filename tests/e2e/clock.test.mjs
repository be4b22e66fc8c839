// A system clock that is set while the gateway runs, or while it does not: nobody
// is locked out, nobody stays in for longer, and the operator is told.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { build, start, temporary, tenant, until } from './harness.mjs';

const shim = path.join(build, 'tests/e2e/.libs/set_clock.so');
const sanitized = !['', 'no', undefined].includes(process.env.USHER_SANITIZERS);
const skip = sanitized && 'a sanitizer must be loaded first';
const HOUR = 3600, DAY = 24 * HOUR;
const user = { email: 'user@example.com', name: 'U' };
const tenants = {
	alpha: tenant('alpha', { rate_limit: '{ requests = 50; per = 3600; }' }),
	tight: tenant('tight', { url: null, rate_limit: '{ requests = 2; per = 3600; }' }),
};

async function machine(ahead = 0) {
	const dir = temporary(), clock = path.join(dir, 'ahead');
	fs.writeFileSync(clock, Buffer.alloc(8));
	const fd = fs.openSync(clock, 'r+');
	const set = (seconds) => {
		const octets = Buffer.alloc(8);
		octets.writeBigInt64LE(BigInt(seconds));
		fs.writeSync(fd, octets, 0, 8, 0);
	};
	set(ahead);
	const gw = await start({ dir, tenants, env: { LD_PRELOAD: shim, SET_CLOCK: clock } });
	/** Set while it runs, and told. */
	const step = async (seconds) => {
		const before = gw.log.length;
		set(seconds);
		await until(() => gw.log.slice(before).some((l) => l.includes('"clock_stepped"')), 'the step to be told');
	};
	return { gw, set, step, end: async () => { await gw.stop(); fs.closeSync(fd); } };
}
const session = (gw, cookie) => gw.request({ path: '/auth/session', host: 'ticket.alpha.test', headers: { Cookie: cookie } });
const metric = async (gw, name) => Number(new RegExp(`^${name} (-?[0-9.e+]+)$`, 'm').exec(await gw.metrics())?.[1]);

for (const [name, by] of [['an hour ahead', HOUR], ['an hour back', -HOUR], ['30 days ahead', 30 * DAY], ['30 days back', -30 * DAY]])
	test(`a clock that is set ${name}, and right again`, { skip }, async () => {
		const { gw, step, end } = await machine();
		const cookie = await gw.signIn('alpha', user);
		const minted = [];
		for (let n = 0; n < 3; n++)
			minted.push((await gw.handoff('alpha', { ...user, email: `u${n}@example.com` })).headers.location);
		const rated = async () => (await gw.handoff('tight', user)).status;
		assert.deepEqual([await rated(), await rated(), await rated()], [302, 302, 429]);

		await step(by);
		assert.equal(await rated(), 429, 'no limit is freed');
		assert.equal((await gw.handoff('alpha', user)).status, 302, 'and nobody is locked out');
		const kept = await session(gw, cookie);
		assert.equal(kept.status, 200);
		/* told by the clock that everybody sees */
		const ends = (Date.parse(kept.json().expires_at) - Date.now()) / 1000 - by;
		assert.ok(ends > 0 && ends < 31 * DAY, `${ends}`);
		assert.equal((await gw.callback(minted[0])).status, 302, 'a token of before');
		assert.equal((await gw.callback(minted[0], { headers: { Accept: 'application/json' } })).status, 410, 'once');
		const there = await gw.signIn('alpha', { ...user, email: 'there@example.com' });

		await step(0);
		assert.equal(await rated(), 429);
		for (const c of [cookie, there])
			assert.equal((await session(gw, c)).status, 200);
		const after = (Date.parse((await session(gw, there)).json().expires_at) - Date.now()) / 1000;
		assert.ok(Math.abs(after - ends) < 3600, `what was opened meanwhile ends like any other: ${after}, ${ends}`);
		assert.equal((await gw.callback(minted[1])).status, 302);
		assert.equal((await gw.callback(minted[0], { headers: { Accept: 'application/json' } })).json().code, 'token_used');
		assert.equal(await metric(gw, 'usher_clock_steps_total'), 2);
		assert.equal(await metric(gw, 'usher_clock_ahead_seconds'), 0);
		await end();
	});

test('a clock that is set while the gateway is down', { skip }, async () => {
	const { gw, set, end } = await machine();
	const cookie = await gw.signIn('alpha', user);
	const minted = (await gw.handoff('alpha', { ...user, email: 'later@example.com' })).headers.location;
	const rated = async () => (await gw.handoff('tight', user)).status;
	assert.deepEqual([await rated(), await rated(), await rated()], [302, 302, 429]);
	for (const by of [30 * DAY, -30 * DAY]) {
		await gw.stop();
		set(by);
		await gw.start();
		/* Two clocks are read one after the other, and one is steered: a second more or less is no fault. */
		const apart = (l) => l.includes('"clock_apart"') && Math.abs(JSON.parse(l).ahead_s - by) < HOUR;
		await until(() => gw.log.some(apart), 'it to be told');
		assert.equal((await session(gw, cookie)).status, 200);
		assert.equal(await rated(), 429);
		assert.equal((await gw.handoff('alpha', user)).status, 302);
	}
	assert.equal((await gw.callback(minted)).status, 302);
	await end();
});

test('after a boot without the time it is never before what is stored', { skip }, async () => {
	const { gw, set, end } = await machine();
	const cookie = await gw.signIn('alpha', user);
	await gw.stop();
	/* another boot: the mark says nothing of it */
	const mark = path.join(gw.state, 'clock');
	assert.match(fs.readFileSync(mark, 'latin1'), /^[0-9a-f-]{36} -?\d+\n$/);
	fs.writeFileSync(mark, `${'0'.repeat(36)} 0\n`);
	set(-400 * DAY);
	await gw.start();
	const kept = await session(gw, cookie);
	assert.equal(kept.status, 200);
	await until(() => gw.log.some((l) => l.includes('"clock_apart"')), 'it to be told');
	assert.equal((await session(gw, await gw.signIn('alpha', { ...user, email: 'next@example.com' }))).status, 200);
	/* a mark that is none: told, and done without */
	await gw.stop();
	fs.writeFileSync(mark, 'garbage\n');
	set(0);
	await gw.start();
	await until(() => gw.log.some((l) => l.includes('"clock_not_resumed"')), 'it to be told');
	assert.equal((await session(gw, cookie)).status, 200);
	await end();
});
