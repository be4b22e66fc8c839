// One use is one use: racing redemptions, across kill -9 and restarts.
import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import { start, tenant } from './harness.mjs';

const user = { email: 'user@example.com', name: 'John Doe' };
const RACERS = 32;

const mint = async (gw) => (await gw.handoff('alpha', user)).headers.location;

/** All at once, over connections that are open already. */
async function race(gw, location, agent) {
	const answers = await Promise.all(Array.from({ length: RACERS }, () =>
		gw.callback(location, { plain: true, agent, headers: { Accept: 'application/json' } })));
	return answers.map((r) => r.status);
}

test(`${RACERS} redemptions at once: exactly one wins, twenty times`, async () => {
	const gw = await start({ tenants: { alpha: tenant('alpha') } });
	const agent = new http.Agent({ keepAlive: true, maxSockets: RACERS });
	for (let round = 0; round < 20; round++) {
		const statuses = await race(gw, await mint(gw), agent);
		assert.equal(statuses.filter((s) => s === 302).length, 1, String(statuses));
		assert.equal(statuses.filter((s) => s === 410).length, RACERS - 1, String(statuses));
	}
	agent.destroy();
	await gw.stop();
});

test('a restart in the middle of the race changes nothing', async () => {
	const gw = await start({ tenants: { alpha: tenant('alpha') } });
	const tokens = await Promise.all(Array.from({ length: 40 }, () => mint(gw)));
	const wins = new Map(tokens.map((t) => [t, 0]));
	const attempt = (t) => gw.callback(t, { headers: { Accept: 'application/json' } }).then((r) => {
		if (r.status === 302)
			wins.set(t, wins.get(t) + 1);
		return r.status;
	}, () => 'cut');
	const first = tokens.flatMap((t) => [attempt(t), attempt(t)]);
	// Some are answered, some under way, some not yet sent.
	await Promise.any(first.map(async (answer) => assert.equal(await answer, 302)));
	await gw.kill();
	const seen = await Promise.all(first);
	await gw.start();
	const second = await Promise.all(tokens.flatMap((t) => Array.from({ length: 4 }, () => attempt(t))));
	for (const [token, count] of wins)
		assert.ok(count <= 1, `won ${count} times: ${token.slice(-12)}`);
	assert.ok(seen.includes(302), 'somebody won before the kill');
	// One that was cut may have been spent without its winner hearing of it; all
	// others won exactly once.
	const cut = seen.filter((s) => s === 'cut').length;
	const total = [...wins.values()].reduce((a, b) => a + b);
	assert.ok(total >= tokens.length - cut, `${total} of ${tokens.length} won, ${cut} were cut`);
	assert.ok(second.includes(410));
	await gw.stop();
});

test('acknowledged means durable: what was answered before a kill -9 is there after it', async () => {
	const gw = await start({ tenants: { alpha: tenant('alpha') } });
	for (let cycle = 0; cycle < 5; cycle++) {
		const opened = [];
		const sending = Array.from({ length: 24 }, async (_, i) => {
			try {
				const cookie = await gw.signIn('alpha', { email: `u${cycle}-${i}@example.com`, name: `N${i}` });
				opened.push([cookie, `u${cycle}-${i}@example.com`]);
			} catch {
				// cut by the kill: never acknowledged
			}
		});
		await Promise.race([sending[12], sending[3]]);
		await gw.kill();
		await Promise.all(sending);
		await gw.start();
		assert.ok(opened.length > 0);
		for (const [cookie, email] of opened) {
			const r = await gw.request({ host: 'ticket.alpha.test', path: '/auth/session', headers: { Cookie: cookie } });
			assert.equal(r.status, 200, `${email} was acknowledged and is gone`);
			assert.equal(r.json().user.email, email);
		}
	}
	await gw.stop();
});
