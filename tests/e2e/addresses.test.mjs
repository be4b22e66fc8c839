// Addresses beyond ASCII: one person however they are spelled, and the database of
// a release that took their spellings for several people.
// needs: sqlite3
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { start, tenant, until } from './harness.mjs';

const C = 'ticket.alpha.test';
const composed = 'José@example.com'.normalize('NFC'), apart = composed.normalize('NFD');
const all = [];
after(async () => {
	for (const gw of all)
		if (!gw.exited)
			await gw.stop();
});
async function gateway(options = {}) {
	const gw = await start({ tenants: { alpha: tenant('alpha') }, ...options });
	all.push(gw);
	return gw;
}

const sql = (gw, text) => JSON.parse(execFileSync('sqlite3', ['-cmd', '.timeout 60000', '-json', path.join(gw.state, 'usher.db'), text], { encoding: 'utf8' }) || '[]');
async function whoIs(gw, cookie) {
	const r = await gw.request({ host: C, path: '/auth/session', headers: { Cookie: cookie } });
	return r.status === 200 ? { ...r.json().user, id: Number(r.json().user.id), remote: Buffer.from(r.headers['remote-user'], 'latin1').toString() } : null;
}
const come = async (gw, email) => whoIs(gw, await gw.signIn('alpha', { email, name: 'N' }));
const users = async (gw, ...args) => {
	const r = await gw.ctl('--json', 'users', ...args);
	return { ...r, json: r.code === 0 ? JSON.parse(r.out) : null };
};
const events = (gw, event) => gw.log.filter((l) => l.includes(`"event":"${event}"`)).map((l) => JSON.parse(l));

test('two spellings sign in as one user', async () => {
	const gw = await gateway();
	for (const [one, ...others] of [
		[composed, apart, apart.toUpperCase()],
		['ΣΊΣΥΦΟΣ@example.com', 'σίσυφος@example.com', 'Σίσυφος@EXAMPLE.com'.normalize('NFD')],
		['Ann@example.com', 'ANN@Example.com'],
	]) {
		const first = await come(gw, one);
		for (const other of others) {
			const next = await come(gw, other);
			assert.equal(next.id, first.id, other);
			// Shown as it was given, named to desks as it is compared.
			assert.equal(next.email, other);
			assert.equal(next.remote, first.remote);
		}
	}
	// Nobody else's k, ss, i.
	const ids = new Set();
	for (const email of ['kate@example.com', '\u212aate@example.com', 'strasse@example.com', 'straße@example.com',
		'\u0131vy@example.com', '\u0130vy@example.com', 'ivy@example.com', '\ufb01ona@example.com', 'fiona@example.com'])
		ids.add((await come(gw, email)).id);
	assert.equal(ids.size, 9);
	assert.equal(events(gw, 'user_conflicts').length, 0);
	await gw.stop();
});

test('an operator names a user in any spelling', async () => {
	const gw = await gateway();
	const { id } = await come(gw, composed);
	assert.equal((await users(gw, 'show', 'alpha', apart)).json.users[0].id, id);
	assert.equal((await users(gw, 'block', 'alpha', apart.toUpperCase())).json.id, id);
	for (const email of [composed, apart]) {
		const location = (await gw.handoff('alpha', { email, name: 'N' })).headers.location;
		const r = await gw.callback(location);
		assert.equal(r.status, 403);
		assert.match(r.text, /user_blocked|may not sign in/);
	}
	assert.equal((await users(gw, 'unblock', 'alpha', apart)).json.id, id);
	// A sign-in on its way in another spelling is ended with them.
	const { location } = (await gw.handoff('alpha', { email: apart, name: 'N' })).headers;
	assert.equal((await users(gw, 'erase', 'alpha', composed.toUpperCase())).json.id, id);
	assert.equal((await gw.callback(location)).status, 401);
	await gw.stop();
});

/** Rows as the older release wrote them, and its schema. */
function older(gw, rows) {
	sql(gw, `DROP TABLE delivery; DROP TABLE endpoint; ALTER TABLE outbox DROP COLUMN message; DROP INDEX parked_person; DROP INDEX parked_external; ALTER TABLE parked DROP COLUMN person; ALTER TABLE parked DROP COLUMN external; DROP INDEX users_external_email; DROP TABLE user_keys; DELETE FROM marks WHERE name = 'user_keys'; PRAGMA user_version = 8; ${rows}`);
}
const row = (id, email, key, blocked = 0) => `INSERT INTO users(id, tenant, email_key, email, name, blocked, created_s, updated_s, last_seen_s)
	VALUES(${id}, 'alpha', '${key}', '${email}', 'Old ${id}', ${blocked}, 1, 1, 1);`;

test('an older database: the oldest row is found, the others are listed', async () => {
	let gw = await gateway();
	const { dir } = gw;
	await gw.stop();
	const k = { c: composed.toLowerCase(), a: apart.toLowerCase(), f: 'σίσυφος@example.com', s: 'σίσυφοσ@example.com' };
	older(gw, row(11, apart, k.a) + row(12, composed, k.c) + row(21, 'ΣΊΣΥΦΟΣ@example.com', k.s) + row(22, k.f, k.f, 1) +
		row(31, 'Νίκος@example.com', 'νίκος@example.com') + row(41, 'ann@example.com', 'ann@example.com'));
	for (let i = 0; i < 2; i++) {
		gw = await gateway({ dir });
		const said = await until(() => events(gw, 'user_conflicts')[0], 'the log');
		assert.equal(said.count, 2);
		assert.match(said.remedy, /users conflicts/);
		for (const email of [composed, apart])
			assert.equal((await come(gw, email)).id, 11);
		assert.equal((await come(gw, 'ΝΊΚΟΣ@example.com')).id, 31);
		assert.equal((await come(gw, 'Ann@example.com')).id, 41);
		// One of the two was blocked: so is the address.
		for (const email of ['ΣΊΣΥΦΟΣ@example.com', k.f])
			assert.equal((await gw.callback((await gw.handoff('alpha', { email, name: 'N' })).headers.location)).status, 403);
		const { conflicts, more } = (await users(gw, 'conflicts')).json;
		assert.equal(more, false);
		assert.deepEqual(conflicts.map((c) => [c.tenant, c.email_key, c.users.map((u) => u.id)]),
			[['alpha', k.c, [11, 12]], ['alpha', k.s, [21, 22]]]);
		assert.match((await gw.ctl('users', 'conflicts', 'alpha')).out, /^alpha: .*\n {2}11 +in use +\S+, last seen .*\n {2}12 +passed by /);
		const shown = (await users(gw, 'show', 'alpha', apart)).json.users.map((u) => u.id);
		assert.deepEqual(shown, [11, 12]);
		assert.match((await gw.ctl('users', 'erase', 'alpha', apart)).err, /more than one user's/);
		// No row has another key than it had.
		assert.deepEqual(sql(gw, 'SELECT email_key AS k FROM users WHERE id IN (11, 12, 21, 22) ORDER BY id').map((r) => r.k), [k.a, k.c, k.s, k.f]);
		await gw.stop();
	}
	gw = await gateway({ dir });
	assert.equal((await users(gw, 'erase', 'alpha', '11')).code, 0);
	assert.equal((await users(gw, 'unblock', 'alpha', '22')).code, 0);
	assert.equal((await come(gw, apart)).id, 12);
	assert.equal((await come(gw, k.f)).id, 21);
	assert.equal((await users(gw, 'conflicts')).json.conflicts.length, 1);
	assert.match((await gw.ctl('users', 'conflicts', 'gamma')).err, /no tenant gamma/);
	await gw.stop();
});

test('killed while it looks at a large older database, it begins anew; ASCII waits for nothing', async () => {
	let gw = await gateway();
	const { dir } = gw;
	await gw.stop();
	const count = 120000;
	older(gw, `${row(1, apart, apart.toLowerCase())} WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
		INSERT INTO users(id, tenant, email_key, email, name, created_s, updated_s, last_seen_s)
		SELECT i, 'alpha', iif(i % 2, 'u', 'e' || char(769)) || i || '@example.com', 'e' || i || '@example.com', 'N', 1, 1, 1 FROM n;
		${row(count + 1, composed, composed.toLowerCase())}`);
	for (let i = 0; i < 2; i++) {
		gw = await gateway({ dir });
		assert.ok((await come(gw, 'ann@example.com')).id);
		await gw.kill();
	}
	gw = await gateway({ dir });
	// Before all was looked at 503, and the token is not spent.
	const { location } = (await gw.handoff('alpha', { email: composed, name: 'N' })).headers;
	const r = await until(async () => {
		const answer = await gw.callback(location);
		if (answer.status === 302)
			return answer;
		assert.equal(answer.status, 503);
		assert.ok(Number(answer.headers['retry-after']) > 0);
		return null;
	}, 'all rows to be looked at');
	assert.equal((await whoIs(gw, r.cookies[0].split(';')[0])).id, 1);
	assert.equal(sql(gw, 'SELECT count(*) AS n FROM user_keys')[0].n, (count - 10) / 2 + 2);
	await gw.stop();
});
