// What is kept of events and of people: an event that no webhook names is not
// kept, a full outbox stops nobody and is told of once, and who is erased
// stands in no file any more.
// needs: sqlite3
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { start, tenant, until } from './harness.mjs';

const adapter = '{ module = "deliver.so"; isolation = "none"; config = { }; }';
const hook = (events) => `( { url = "https://hook.test/"; secret_file = "hook"; events = [ ${events} ]; } )`;
const on = (slug, webhooks) => tenant(slug, { url: null, home: null, adapter, redirects: '[ "https://desk.example/" ]', webhooks });
let gw;

before(async () => {
	gw = await start({ gateway: { outbox_max: '10' }, tenants: {
		deaf: on('deaf', null),
		picky: on('picky', hook('"adapter.delivered"')),
		keen: on('keen', hook('"adapter.*", "ticket.created"')),
	} });
});
after(() => gw?.stop());

const rows = (text) => JSON.parse(execFileSync('sqlite3', ['-cmd', '.timeout 60000', '-json', '-readonly', path.join(gw.state, 'usher.db'), text], { encoding: 'utf8' }) || '[]');
const names = (slug) => rows(`SELECT event FROM outbox WHERE tenant = '${slug}' ORDER BY id`).map((r) => r.event);
const full = () => gw.log.filter((l) => l.includes('outbox_full'));
const metric = async (name, slug) => Number((await gw.metrics()).match(new RegExp(`^${name}\\{tenant="${slug}"\\} (\\d+)$`, 'm'))?.[1]);

async function comes(slug, email, name = 'N') {
	const r = await gw.handoff(slug, { email, name, go: 'redirect' });
	assert.equal(r.status, 302, r.text);
	assert.equal((await gw.callback(r.headers.location)).status, 302);
}

test('what no webhook names is checked, counted and not kept', async () => {
	await comes('deaf', 'a@example.com');
	assert.deepEqual(names('deaf'), []);
	assert.equal(await metric('usher_events_unwanted_total', 'deaf'), 2);
	await comes('picky', 'a@example.com');
	assert.deepEqual(names('picky'), ['adapter.delivered']);
	assert.equal(await metric('usher_events_unwanted_total', 'picky'), 1);
	await comes('keen', 'a@example.com');
	assert.deepEqual(names('keen'), ['adapter.mapped', 'adapter.delivered']);
	assert.equal(await metric('usher_events_unwanted_total', 'keen'), 0);
});

test('a full outbox stops nobody, and is told of once', async () => {
	for (let i = 0; i < 8; i++)
		await comes('keen', `b${i}@example.com`);
	assert.equal(names('keen').length, 10);
	await until(() => full().length, 'it to be said');
	for (let i = 0; i < 4; i++)
		await comes('keen', `c${i}@example.com`);
	await until(async () => await metric('usher_outbox_refused_total', 'keen') === 16, 'it to be counted');
	assert.equal(full().length, 1);
	assert.match(full()[0], /keen/);
	assert.equal(await metric('usher_outbox_events', 'keen'), 10);
	assert.match((await gw.ctl('status')).out, /^outbox of keen FULL: 10 events/m);
	assert.equal(JSON.parse((await gw.ctl('status', '--json')).out).outbox_tenants_full, 1);
	await comes('picky', 'b@example.com');
	assert.equal(names('picky').length, 2, 'a neighbour has room');
});

test('who is erased stands in no file', async () => {
	const mark = 'zq7marker';
	const left = () => ['', '-wal', '-shm'].filter((end) => fs.readFileSync(path.join(gw.state, `usher.db${end}`)).includes(mark));
	await comes('picky', `${mark}@example.com`, `${mark} Name`);
	assert.notDeepEqual(left(), []);
	const r = await gw.ctl('users', 'erase', 'picky', `${mark}@example.com`);
	assert.equal(r.code, 0, r.err);
	await until(async () => !JSON.parse((await gw.ctl('status', '--json')).out).erasing, 'the files to be free of them');
	assert.deepEqual(left(), []);
	assert.deepEqual(rows("SELECT body FROM outbox WHERE tenant = 'picky' ORDER BY id DESC LIMIT 1"), [{ body: '{"erased":true}' }]);
});
