// on_failure = "default": an adapter that only advises may fail without keeping
// anybody out; one that decides may not, and what was decided stands.
// needs: sqlite3
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { runUsherd, start, tenant, until } from './harness.mjs';

// A sanitizer has its own way with a process that ends by a signal.
const fatal = ['', 'no', undefined].includes(process.env.USHER_SANITIZERS) ? 'crash' : 'fail';
const person = { email: 'user@example.com', name: 'John Doe' };
const on = (slug, module, more) => tenant(slug, {
	url: null, redirects: '[ "https://desk.example/" ]',
	webhooks: '( { url = "https://hook.test/"; secret_file = "hook"; events = [ "adapter.*" ]; } )',
	adapter: `{ module = "${module}.so"; ${more} }`,
});
const DEFAULT = 'on_failure = "default";';
let gw;

before(async () => {
	gw = await start({ tenants: {
		soft: on('soft', 'advisor', DEFAULT),
		inside: on('inside', 'advisor', `isolation = "none"; ${DEFAULT}`),
		hard: on('hard', 'advisor', ''),
		/* Where it hangs, and nowhere else: a busy machine passes such a deadline. */
		'soft-hasty': on('soft-hasty', 'advisor', `deadline_ms = 200; ${DEFAULT}`),
		'hard-hasty': on('hard-hasty', 'advisor', 'deadline_ms = 200;'),
	} });
});
after(() => gw?.stop());

const rows = (text) => JSON.parse(execFileSync('sqlite3', ['-cmd', '.timeout 60000', '-json', '-readonly', path.join(gw.state, 'usher.db'), text], { encoding: 'utf8' }) || '[]');
const defaults = async (slug) => Number(new RegExp(`^usher_adapter_defaults_total\\{tenant="${slug}"\\} (\\d+)$`, 'm').exec(await gw.metrics())?.[1] ?? NaN);
const passedOver = async (id) => JSON.parse(await gw.logs((l) => l.includes('"adapter_passed_over"') && l.includes(id)));
// Written up to 20 ms after the answer.
const trail = async (id) => (await until(async () => {
	const { code, out } = await gw.ctl('--json', 'explain', id);
	return code === 0 && JSON.parse(out);
}, 'the trail')).trail;
const answering = (slug) => until(async () => {
	const before = await defaults(slug);
	const r = await gw.handoff(slug, { ...person, how: 'ok' });
	return r.status === 302 && Object.is(await defaults(slug), before);
}, 'the adapter to be back');

test('both counters are there before anything fails', async () => {
	assert.equal(await defaults('soft'), 0);
	assert.equal(await defaults('inside'), 0);
	assert.ok(Number.isNaN(await defaults('hard')));
});

for (const [slug, hows] of [['soft', { fail: 'failed', refused: 'failed', [fatal]: 'failed' }], ['soft-hasty', { hang: 'late' }], ['inside', { fail: 'failed', refused: 'failed' }]])
	for (const [how, was] of Object.entries(hows))
		test(`${slug}, ${how}: the sign-in goes on without it, and that is told`, async () => {
			await answering(slug);
			const email = `${how}-${slug}@example.com`;
			const before = await defaults(slug);
			const r = await gw.handoff(slug, { email, name: 'P', how });
			assert.equal(r.status, 302, r.text);
			assert.equal(await defaults(slug), before + 1);
			const id = r.headers['x-request-id'];
			const told = await passedOver(id);
			assert.equal(told.was, was);
			assert.equal(told.tenant, slug);
			assert.ok(told.problem);
			assert.equal((await trail(id)).find((s) => s.step === 'ask_adapter').verdict, 'adapter_default');
			assert.match((await gw.explain(id)).out, /ask_adapter\s+adapter_default/);
			await answering(slug);
			const c = await gw.callback(r.headers.location);
			assert.equal(c.status, 302, c.text);
			// Nothing of what it had set counts.
			const [user] = rows(`SELECT id, attributes FROM users WHERE email = '${email}'`);
			assert.equal(user.attributes, '{}');
			assert.deepEqual(rows(`SELECT event FROM outbox WHERE user_id = ${user.id} AND event LIKE 'adapter.%'`), []);
			assert.equal(new URL(c.headers.location).pathname, '/dashboard', 'nor the redirect');
			assert.equal(c.cookies.length, 1);
		});

test('while it answers, it is asked', async () => {
	await answering('soft');
	const r = await gw.handoff('soft', { ...person, how: 'ok' });
	const c = await gw.callback(r.headers.location);
	assert.equal(c.headers.location, 'https://desk.example/in');
	assert.deepEqual(c.cookies, []);
});

test('a way on that fails ends in a session of ours', async () => {
	await answering('soft');
	const r = await gw.handoff('soft', { ...person, how: `later ${fatal}` });
	assert.equal(r.status, 302, r.text);
	const before = await defaults('soft');
	const c = await gw.callback(r.headers.location);
	assert.equal(c.status, 302, c.text);
	assert.equal(c.headers.location, 'https://desk.example/', 'as the handoff chose');
	assert.equal(c.cookies.length, 1);
	assert.equal(await defaults('soft'), before + 1);
	assert.equal((await trail(c.headers['x-request-id'])).find((s) => s.step === 'deliver').verdict, 'adapter_default');
});

test('what it refused is refused', async () => {
	await answering('soft');
	for (const slug of ['soft', 'inside']) {
		const before = await defaults(slug);
		const r = await gw.handoff(slug, { ...person, how: 'deny' });
		assert.equal(r.status, 403);
		assert.equal(r.json().code, 'not_today');
		const later = await gw.handoff(slug, { ...person, how: 'later deny' });
		assert.equal((await gw.callback(later.headers.location, { headers: { Accept: 'application/json' } })).status, 403);
		assert.equal(await defaults(slug), before);
	}
});

test('without the setting nobody passes', async () => {
	for (const [slug, how, status] of [['hard', 'fail', 502], ['hard', fatal, 502], ['hard-hasty', 'hang', 504]]) {
		await answering(slug);
		assert.equal((await gw.handoff(slug, { ...person, how })).status, status, how);
	}
});

test('one that decides does not load with it, and the old configuration serves on', async () => {
	await answering('soft');
	for (const [module, config, says] of [
		['good', '', /adapter\.on_failure cannot be "default": good has a sync_user hook, which decides who may enter/],
		['fieldmap', '', /fieldmap does not say of itself that it refuses nobody \(USHER_ADVISORY\)/],
	])
		for (const isolation of ['process', 'none']) {
			gw.writeConf('soft', on('soft', module, `isolation = "${isolation}"; ${DEFAULT} ${config}`));
			const check = await runUsherd('--config', gw.conf, '--check');
			assert.notEqual(check.code, 0);
			assert.match(check.out + check.err, says);
			assert.match((await gw.reload()).out, says);
			assert.equal((await gw.handoff('soft', { ...person, how: 'deny' })).json().code, 'not_today', 'the old one');
		}
	gw.writeConf('soft', on('soft', 'advisor', ''));
	assert.equal((await gw.reload()).code, 0);
	assert.equal((await gw.handoff('soft', { ...person, how: 'fail' })).status, 502, 'taken back');
});
