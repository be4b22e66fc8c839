// What a hostile visitor, neighbour or partner would try, against the real daemon.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { start, tenant } from './harness.mjs';

let gw;
const C = 'ticket.alpha.test';
const user = { email: 'user@example.com', name: 'John Doe' };
const mallory = { email: 'mallory@example.com', name: 'Mallory' };
const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
const BROWSER = 'text/html,application/xhtml+xml,*/*;q=0.8';

before(async () => {
	gw = await start({
		tenants: {
			alpha: tenant('alpha', { name: '"<b>\\"Alpha\\"</b>"' }),
			beta: tenant('beta', { rate_limit: '{ requests = 3; per = 3600; }', url: null }),
		},
	});
});
after(() => gw.stop());

const mint = async (fields = user) => (await gw.handoff('alpha', fields)).headers.location;
const session = (cookie, headers = {}) => gw.request({ host: C, path: '/auth/session', headers: { Cookie: cookie, ...headers } });

// Neighbours on the partner's domain, and the partner himself, can make a browser
// send many cookies.
test('a head that leaves no room for the answer is told so, and costs no token', async () => {
	for (const cookies of [`x=${'c'.repeat(5000)}`, 'a=b; '.repeat(130)]) {
		const location = await mint({ ...user, redirect_url: `https://${C}/x?${'a'.repeat(1900)}` });
		const r = await gw.callback(location, { cookie: cookies });
		assert.equal(r.status, 431);
		assert.deepEqual(r.cookies, []);
		assert.equal((await gw.callback(location)).status, 302, 'the token is still good');
	}
});

// Past all room the library answers by itself, or not at all.
test('however long the head: an answer, or nothing is spent', async () => {
	const seen = new Set();
	for (let size = 500; size < 8000; size += 500) {
		const location = await mint();
		const first = await gw.callback(location, { cookie: `x=${'c'.repeat(size)}` }).then((r) => r.status, () => 'none');
		seen.add(first);
		assert.equal((await gw.callback(location)).status, first === 302 ? 410 : 302, `${size}: ${first}`);
	}
	assert.ok(seen.has(302) && seen.has(431), String([...seen]));
});
