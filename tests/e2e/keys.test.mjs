// The key ring of a running gateway: rotations that cost nobody a sign-in,
// files that do not hold, rings that are missing, and how often a key sealed.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import { test } from 'node:test';
import { build, Gateway, start, tenant, until } from './harness.mjs';

const user = { email: 'user@example.com', name: 'John Doe' };
const jweTool = path.join(build, 'tests/e2e/jwe_tool');

const ringOf = (gw) => path.join(gw.state, 'keyring');
/** All at once: nobody reads half of it. */
const put = (gw, bytes, mode = 0o600) => {
	fs.writeFileSync(`${ringOf(gw)}.copy`, bytes);
	fs.chmodSync(`${ringOf(gw)}.copy`, mode);
	fs.renameSync(`${ringOf(gw)}.copy`, ringOf(gw));
};
const kidOf = (location) => JSON.parse(Buffer.from(new URL(location).searchParams.get('token').split('.')[0], 'base64url')).kid;
const mint = async (gw) => {
	const r = await gw.handoff('alpha', user);
	assert.equal(r.status, 302, r.text);
	return r.headers.location;
};
const mintMany = (gw, n) => Promise.all(Array.from({ length: n }, () => mint(gw)));
const redeemAll = async (gw, locations) => {
	const seen = {};
	for (const location of locations) {
		const { status } = await gw.callback(location);
		seen[status] = (seen[status] ?? 0) + 1;
	}
	return seen;
};
const keys = async (gw) => JSON.parse((await gw.ctl('--json', 'key', 'list')).out);
const rotate = async (gw) => {
	const r = await gw.ctl('key', 'rotate');
	assert.equal(r.code, 0, r.err);
	return (await keys(gw))[0].kid;
};
const metric = async (gw, name) => Number((await gw.metrics()).match(new RegExp(`^${name} (.*)$`, 'm'))?.[1]);
const events = (gw, event) => gw.log.filter((l) => l.includes(`"${event}"`));
const session = (gw, cookie) => gw.request({ host: 'ticket.alpha.test', path: '/auth/session', headers: { Cookie: cookie } });

test('a rotation is taken up without a reload, and costs no token that is out', async () => {
	const gw = await start({ tenants: { alpha: tenant('alpha') } });
	const out = await mintMany(gw, 40);
	const first = kidOf(out[0]);
	// Twice within the life of a token, nobody reloads in between.
	await rotate(gw);
	const newest = await rotate(gw);
	await until(async () => {
		const location = await mint(gw);
		out.push(location);
		return kidOf(location) === newest;
	}, 'the newest key to seal');
	assert.equal(events(gw, 'reloaded').length, 0);
	await gw.logs((l) => l.includes('"keyring_taken_up"'));
	assert.deepEqual(await redeemAll(gw, out), { 302: out.length });
	const list = await keys(gw);
	assert.equal(list.length, 3);
	assert.deepEqual(list.map((k) => k.seals), [true, false, false]);
	assert.equal(list[2].kid, first);
	assert.equal(list[2].superseded, list[1].created);
	assert.match((await gw.ctl('key', 'list')).out, /^\S+ +\S+ +seals and opens\n(\S+ +\S+ +opens; superseded 2\S+\n){2}$/);
	assert.equal(await metric(gw, 'usher_keyring_keys'), 3);
	await gw.stop();
});

test('rotations back to back under load: not one sign-in is refused', async () => {
	const gw = await start({ tenants: { alpha: tenant('alpha') } });
	const agent = new https.Agent({ keepAlive: true, maxSockets: 6 });
	const seen = {}, kids = new Set();
	let going = true;
	const load = Array.from({ length: 6 }, async (_, i) => {
		for (let n = 0; going; n++) {
			const first = await gw.handoff('alpha', { email: `u${i}-${n}@example.com`, name: 'N' }, { agent });
			kids.add(kidOf(first.headers.location));
			const second = await gw.callback(first.headers.location, { agent });
			seen[second.status] = (seen[second.status] ?? 0) + 1;
		}
	});
	for (let i = 0; i < 15; i++) {
		await rotate(gw);
		if (i % 5 === 4)
			assert.equal((await gw.reload()).code, 0);
	}
	const newest = (await keys(gw))[0].kid;
	await until(() => kids.has(newest), 'the newest key to seal');
	going = false;
	await Promise.all(load);
	agent.destroy();
	assert.deepEqual(Object.keys(seen), ['302'], JSON.stringify(seen));
	assert.ok(kids.size > 2, `${kids.size} keys sealed`);

	// There is an end to it, and it says what to do.
	const full = await gw.ctl('key', 'rotate');
	assert.equal(full.code, 1);
	const oldest = (await keys(gw))[15].kid;
	assert.match(full.err, new RegExp(`16 keys.*usherctl key retire ${oldest}`));
	assert.equal((await gw.ctl('key', 'retire', oldest)).code, 0);
	await rotate(gw);
	await gw.stop();
});

test('a gateway that hears late of rotations: what it sealed meanwhile opens', async () => {
	const gw = await start({ tenants: { alpha: tenant('alpha') } });
	const copy = path.join(gw.dir, 'ring');
	const out = await mintMany(gw, 10);
	// The ring that will be there, while the gateway goes on with its own.
	fs.copyFileSync(ringOf(gw), copy);
	for (let i = 0; i < 3; i++)
		execFileSync(jweTool, ['rotate', copy]);
	out.push(...await mintMany(gw, 10));
	fs.renameSync(copy, ringOf(gw));
	const newest = (await keys(gw))[0].kid;
	await until(async () => kidOf(await mint(gw)) === newest, 'the newest key to seal');
	out.push(...await mintMany(gw, 10));
	assert.deepEqual(await redeemAll(gw, out), { 302: 30 });
	await gw.stop();
});

test('a ring that does not hold is not taken up, and said so until it is mended', async () => {
	const gw = await start({ tenants: { alpha: tenant('alpha') } });
	const good = fs.readFileSync(ringOf(gw), 'utf8');
	const kid = kidOf(await mint(gw));
	assert.equal(await metric(gw, 'usher_keyring_current'), 1);
	let times = 0;
	for (const [what, why] of [
		[() => put(gw, good.slice(0, -20)), /line 2: the line is cut short/],
		[() => put(gw, ''), /line 1: not a key ring/],
		[() => put(gw, good, 0o644), /0644/],
		[() => fs.rmSync(ringOf(gw)), /No such file/],
	]) {
		what();
		times++;
		await until(() => events(gw, 'keyring_not_taken_up').length >= times, 'the complaint');
		assert.match(events(gw, 'keyring_not_taken_up').at(-1), why);
		assert.equal(await metric(gw, 'usher_keyring_current'), 0);
		assert.match((await gw.ctl('status')).out, /KEY RING IS NOT TAKEN UP/);
		assert.notEqual(JSON.parse((await gw.ctl('--json', 'status')).out).keyring_problem, '');
		const location = await mint(gw);
		assert.equal(kidOf(location), kid);
		assert.equal((await gw.callback(location)).status, 302, 'the running keys stay');
	}
	put(gw, good);
	await until(async () => await metric(gw, 'usher_keyring_current') === 1, 'the ring to be in use');
	assert.doesNotMatch((await gw.ctl('status')).out, /KEY RING/);
	assert.equal(fs.readFileSync(ringOf(gw), 'utf8'), good);
	assert.ok(!gw.log.join('\n').includes(good.split(' ')[2].trim().slice(0, 20)), 'no key in the log');
	await gw.stop();
});

test('an older copy of the ring is not taken up: what the newer key sealed opens', async () => {
	const gw = await start({ tenants: { alpha: tenant('alpha') } });
	const older = fs.readFileSync(ringOf(gw));
	const newest = await rotate(gw);
	await until(async () => kidOf(await mint(gw)) === newest, 'the newest key to seal');
	const newer = fs.readFileSync(ringOf(gw)), out = await mintMany(gw, 5);
	put(gw, older);
	// By a reload, which may be before the keeper looks, and by the keeper.
	const r = await gw.reload();
	assert.equal(r.code, 0, r.err);
	assert.match(r.out, /older than the keys that serve/);
	await until(() => events(gw, 'keyring_not_taken_up').length, 'the complaint');
	assert.match(events(gw, 'keyring_not_taken_up')[0], new RegExp(`older copy.*superseded by ${newest}`));
	assert.match((await gw.ctl('status')).out, /KEY RING IS NOT TAKEN UP/);
	out.push(...await mintMany(gw, 5));
	assert.deepEqual([...new Set(out.map(kidOf))], [newest]);
	assert.deepEqual(await redeemAll(gw, out), { 302: 10 });
	put(gw, newer);
	await until(async () => await metric(gw, 'usher_keyring_current') === 1, 'the ring to be in use');
	await gw.stop();
});

test('a key is retired by hand: what it sealed ends, and nothing else', async () => {
	const gw = await start({ tenants: { alpha: tenant('alpha') } });
	const old = await mint(gw), cookie = await gw.signIn('alpha', user);
	const seals = await gw.ctl('key', 'retire', kidOf(old));
	assert.equal(seals.code, 1);
	assert.match(seals.err, /the one that seals.*key rotate/);
	assert.equal((await gw.ctl('key', 'retire', 'nobody')).code, 1);
	assert.equal((await gw.ctl('key', 'retire')).code, 2);
	const newest = await rotate(gw);
	await until(async () => kidOf(await mint(gw)) === newest, 'the newest key to seal');
	const fresh = await mint(gw);
	assert.equal((await gw.ctl('key', 'retire', kidOf(old))).code, 0);
	await until(async () => await metric(gw, 'usher_keyring_keys') === 1, 'the key to be gone');
	assert.equal((await gw.callback(old)).status, 401);
	assert.equal((await gw.callback(fresh)).status, 302);
	assert.equal((await session(gw, cookie)).status, 200);
	await gw.stop();
});

test('no ring beside a database that people are in: no start, and no new ring by the way', async () => {
	const gw = await start({ tenants: { alpha: tenant('alpha') } });
	const cookie = await gw.signIn('alpha', user);
	assert.equal((await gw.ctl('key', 'new')).code, 1, 'there is one');
	await gw.stop();
	const saved = fs.readFileSync(ringOf(gw));
	fs.rmSync(ringOf(gw));

	await assert.rejects(gw.start(), /"code":1/);
	const refused = events(gw, 'keyring_missing').join('');
	assert.ok(refused.includes(ringOf(gw)), 'names the file');
	assert.match(refused, /usher\.db/);
	assert.match(refused, /restore.*backup.*key new --replace.*sign-ins under way end/);
	assert.equal(fs.existsSync(ringOf(gw)), false);

	const byTheWay = await gw.ctl('key', 'new');
	assert.equal(byTheWay.code, 1);
	assert.match(byTheWay.err, /restore.*backup.*--replace/);
	assert.equal(fs.existsSync(ringOf(gw)), false);

	// Restored, all is as it was.
	fs.writeFileSync(ringOf(gw), saved, { mode: 0o600 });
	await gw.start();
	const location = await mint(gw);
	await gw.stop();

	// Lost for good: on purpose, and sessions stay.
	fs.rmSync(ringOf(gw));
	assert.equal((await gw.ctl('key', 'new', '--replace')).code, 0);
	assert.equal(fs.statSync(ringOf(gw)).mode & 0o777, 0o600);
	await gw.start();
	assert.equal((await gw.callback(location)).status, 401);
	assert.equal((await session(gw, cookie)).status, 200);
	assert.equal((await gw.callback(await mint(gw))).status, 302);
	await gw.stop();
});

test('a first start makes a ring, also when the one before it was cut short', async () => {
	const gw = await start({ tenants: { alpha: tenant('alpha') } });
	await gw.stop();
	assert.ok(fs.existsSync(path.join(gw.state, 'usher.db')));
	fs.rmSync(ringOf(gw));
	await gw.start();
	assert.equal((await gw.callback(await mint(gw))).status, 302);
	await gw.stop();
});

test('a ring is replaced under a running gateway, on purpose', async () => {
	const gw = await start({ tenants: { alpha: tenant('alpha') } });
	const old = await mint(gw);
	const refused = await gw.ctl('key', 'new');
	assert.equal(refused.code, 1);
	assert.match(refused.err, /already.*key rotate.*--replace/);
	assert.equal((await gw.ctl('key', 'new', '--replace')).code, 0);
	const [{ kid }] = await keys(gw);
	await until(async () => kidOf(await mint(gw)) === kid, 'the new ring');
	assert.equal((await gw.callback(old)).status, 401);
	await gw.stop();
});

test('seals are counted over reloads, rotations, stops and kills', async () => {
	const gw = await start({ tenants: { alpha: tenant('alpha') } });
	const seals = () => metric(gw, 'usher_key_seals');
	const file = path.join(gw.state, 'keyring.seals');
	await mintMany(gw, 25);
	await until(async () => await seals() === 25, '25 seals');
	for (let i = 0; i < 3; i++) {
		await gw.reload();
		await mint(gw);
	}
	await until(async () => await seals() === 28, '28 seals');
	await gw.stop();
	assert.equal(fs.statSync(file).mode & 0o777, 0o600);
	assert.match(fs.readFileSync(file, 'utf8'), /^usher-seals 1\n\S+ 28\n$/);

	await gw.start();
	await mint(gw);
	await until(async () => await seals() === 29, 'the count to go on');
	await gw.kill();
	await gw.start();
	assert.ok(await seals() > 29, 'a kill counts too many rather than too few');

	// Another key begins at 0, and the old one's count is kept.
	const before = await seals();
	const newest = await rotate(gw);
	await until(async () => kidOf(await mint(gw)) === newest, 'the newest key to seal');
	await until(async () => await seals() < 1000, 'its count');
	await gw.stop();
	const counts = fs.readFileSync(file, 'utf8').trim().split('\n').slice(1).map((l) => l.split(' '));
	assert.equal(counts.length, 2);
	assert.equal(counts[0][0], newest);
	assert.ok(Number(counts[1][1]) >= before);
});

test('a worn key is warned about, then rotated by the gateway itself', async () => {
	const gw = await start({ tenants: { alpha: tenant('alpha') } });
	const old = await mint(gw), kid = kidOf(old);
	const file = path.join(gw.state, 'keyring.seals');
	const restart = async (text) => {
		await gw.stop();
		fs.writeFileSync(file, text, { mode: 0o600 });
		await gw.start();
	};
	await restart(`usher-seals 1\n${kid} ${2 ** 31}\n`);
	await until(() => events(gw, 'key_worn').length, 'the warning');
	assert.match(events(gw, 'key_worn')[0], /key rotate/);
	assert.equal((await keys(gw)).length, 1);

	await restart(`usher-seals 1\n${kid} ${3 * 2 ** 30}\n`);
	await until(async () => kidOf(await mint(gw)) !== kid, 'the next key');
	await until(() => events(gw, 'key_rotated').length === 1, 'the log');
	assert.equal((await keys(gw)).length, 2);
	assert.equal((await gw.callback(old)).status, 302, 'the worn one opens');

	// A count that is lost is as one that is high.
	const second = kidOf(await mint(gw));
	await restart('nonsense');
	await until(() => events(gw, 'seals_lost').length === 1, 'the log');
	await until(async () => kidOf(await mint(gw)) !== second, 'the next key');
	await gw.stop();
});

test('past its limit a key seals no more: no token rather than a weak one', async () => {
	const gw = new Gateway({ tenants: { alpha: tenant('alpha') } });
	fs.mkdirSync(gw.state, { recursive: true, mode: 0o700 });
	execFileSync(jweTool, ['create', ringOf(gw)]);
	const kid = fs.readFileSync(ringOf(gw), 'utf8').split('\n')[1].split(' ')[0];
	fs.writeFileSync(path.join(gw.state, 'keyring.seals'), `usher-seals 1\n${kid} ${2 ** 32}\n`, { mode: 0o600 });
	// Nothing may be put in front of it, or the gateway would.
	fs.mkdirSync(`${ringOf(gw)}.new`);
	await gw.start();
	await until(() => events(gw, 'key_not_rotated').length, 'the complaint');
	const r = await gw.handoff('alpha', user);
	assert.ok(r.status >= 500, `${r.status}`);
	assert.equal(r.headers.location, undefined);
	fs.rmdirSync(`${ringOf(gw)}.new`);
	await rotate(gw);
	await until(async () => (await gw.handoff('alpha', user)).status === 302, 'the next key');
	await gw.stop();
});
