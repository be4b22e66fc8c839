// Events come to a tenant's server: signed, at least once, in order per user,
// whatever that server does, and whenever the gateway is killed.
// All times of the deliverer are a thousand times shorter here (USHER_DELIVER_HASTE).
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import { spawn, spawnSync } from 'node:child_process';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { freePort, start, temporary, tenant, top, until } from './harness.mjs';

const keys = [crypto.randomBytes(32), crypto.randomBytes(24)];
const adapter = '{ module = "tells.so"; isolation = "none"; config = { }; }';
const env = { USHER_DELIVER_HASTE: '1000' };
const slugs = ['plain', 'poison', 'gone', 'busy', 'silent', 'away', 'killed', 'unsigned'];
let gw, server, port;
/** What came, by tenant: { id, say, type, user, status }; and how each answers. */
const came = Object.fromEntries(slugs.map((slug) => [slug, []]));
const answers = {};

function signature(headers, body, key) {
	const text = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
	return 'v1,' + crypto.createHmac('sha256', key).update(text).digest('base64');
}

function receive(req, res) {
	const chunks = [];
	req.on('data', (d) => chunks.push(d));
	req.on('end', () => {
		const slug = req.url.slice(1), body = Buffer.concat(chunks).toString();
		const { type, timestamp, data } = JSON.parse(body);
		const event = { id: req.headers['webhook-id'], headers: req.headers, body, type, timestamp, say: data.say, user: data.say.split('-')[0], method: req.method };
		came[slug].push(event);
		const { status = 204, headers = {}, hang = false, text } = answers[slug]?.(event) ?? {};
		event.status = status;
		if (!hang)
			res.writeHead(status, headers).end(text);
	});
}

async function listen(on = 0) {
	server = http.createServer(receive);
	await new Promise((resolve) => server.listen(on, '127.0.0.1', resolve));
	port = server.address().port;
}

async function hangUp() {
	server.closeAllConnections();
	await new Promise((resolve) => server.close(resolve));
}

before(async () => {
	const dir = temporary();
	fs.writeFileSync(path.join(dir, 'secret'), keys.map((k) => `whsec_${k.toString('base64')}\n`).join(''), { mode: 0o600 });
	fs.writeFileSync(path.join(dir, 'text'), 'a secret of somebody who did not read\n', { mode: 0o600 });
	await listen();
	const on = (slug) => tenant(slug, { adapter, url: null, home: null, redirects: '[ "https://desk.example/" ]', webhooks: `( { url = "http://127.0.0.1:${port}/${slug}"; secret_file = "${dir}/${slug === 'unsigned' ? 'text' : 'secret'}"; events = [ "adapter.*" ]; } )` });
	gw = await start({ gateway: { development: 'true' }, env, tenants: Object.fromEntries(slugs.map((s) => [s, on(s)])) });
});
after(async () => {
	await gw?.stop();
	server?.closeAllConnections();
	server?.close();
});

const says = (slug, say) => gw.arrive(slug, { email: `${say.split('-')[0]}@example.com`, name: 'N', say });
const taken = (slug) => came[slug].filter((e) => e.status < 300);
const said = (list) => list.map((e) => e.say);
/** What each user said, each once, in the order of the first time. */
function inOrder(slug, users, each) {
	for (const user of users) {
		const of = [...new Set(said(taken(slug).filter((e) => e.user === user)))];
		assert.deepEqual(of, Array.from({ length: each }, (_, i) => `${user}-${i}`), `${slug} ${user}`);
	}
}
function oneIdEach(slug) {
	const ids = new Map();
	for (const e of came[slug]) {
		assert.equal(ids.get(e.say) ?? e.id, e.id, `${e.say} has one id`);
		ids.set(e.say, e.id);
	}
	assert.equal(new Set(ids.values()).size, ids.size, 'and no two have the same');
}

test('an event is a Standard Webhook, with a signature for each secret', async () => {
	await says('plain', 'ann-0');
	await until(() => taken('plain').length === 1, 'it to come');
	const [e] = came.plain;
	assert.equal(e.method, 'POST');
	assert.match(e.headers['content-type'], /^application\/json/);
	assert.match(e.id, /^msg_[A-Za-z0-9_-]{22}$/);
	assert.equal(e.headers['webhook-signature'], keys.map((k) => signature(e.headers, e.body, k)).join(' '));
	assert.ok(Math.abs(Date.now() / 1000 - Number(e.headers['webhook-timestamp'])) < 300);
	assert.equal(e.type, 'adapter.said');
	assert.ok(Math.abs(Date.now() - Date.parse(e.timestamp)) < 300000);
	assert.deepEqual(Object.keys(JSON.parse(e.body)), ['type', 'timestamp', 'data']);
});

test('one that fails is sent again, and holds up one person only', async () => {
	let tries = 0;
	answers.poison = (e) => e.say === 'ann-0' && ++tries < 5 ? { status: 500, text: 'x'.repeat(100000) } : {};
	for (const say of ['ann-0', 'ann-1', 'bob-0', 'ann-2'])
		await says('poison', say);
	await until(() => taken('poison').length === 4, 'all to come');
	inOrder('poison', ['ann'], 3);
	assert.equal(said(came.poison).filter((s) => s === 'ann-0').length, 5);
	oneIdEach('poison');
	const stamps = came.poison.filter((e) => e.say === 'ann-0').map((e) => e.headers['webhook-signature']);
	assert.equal(stamps.length, 5);
});

test('410 pauses the endpoint, and keeps what it is owed', async () => {
	answers.gone = () => ({ status: 410 });
	await says('gone', 'ann-0');
	await gw.logs((l) => l.includes('webhook_paused') && l.includes('"gone"'));
	await says('gone', 'ann-1');
	await says('gone', 'bob-0');
	await says('plain', 'ann-1');
	await until(() => taken('plain').length === 2, 'a later one elsewhere');
	assert.deepEqual(said(came.gone), ['ann-0']);
	const list = async () => JSON.parse((await gw.ctl('events', 'list', 'gone', '--json')).out).endpoints[0];
	assert.deepEqual((({ paused, waiting, dead, last_status }) => ({ paused, waiting, dead, last_status }))(await list()), { paused: true, waiting: 3, dead: 0, last_status: 410 });
	answers.gone = () => ({});
	assert.equal((await gw.ctl('events', 'resume', 'gone')).code, 0);
	await until(() => taken('gone').length === 3, 'them to come');
	inOrder('gone', ['ann'], 2);
	oneIdEach('gone');
	await until(async () => (await list()).waiting === 0, 'none to be owed');
});

test('what is dead is kept, and sent again when it is told to', async () => {
	answers.gone = () => ({ status: 404 });
	await says('gone', 'dan-0');
	await gw.logs((l) => l.includes('webhook_dead') && l.includes('"gone"'));
	assert.equal(came.gone.filter((e) => e.user === 'dan').length, 5);
	// nothing of theirs stands behind it any more
	answers.gone = () => ({});
	await says('gone', 'dan-1');
	await until(() => taken('gone').some((e) => e.say === 'dan-1'), 'the next one');
	const list = async () => JSON.parse((await gw.ctl('events', 'list', 'gone', '--json')).out).endpoints[0];
	await until(async () => (await list()).dead === 1 && (await list()).waiting === 0, 'one to be dead');
	assert.equal((await gw.ctl('events', 'pause', 'gone')).code, 0);
	assert.equal((await gw.ctl('events', 'retry', 'gone', `http://127.0.0.1:${port}/gone`)).code, 0);
	assert.equal((await list()).waiting, 1);
	assert.equal((await gw.ctl('events', 'resume', 'gone')).code, 0);
	await until(() => taken('gone').some((e) => e.say === 'dan-0'), 'it to come');
	answers.gone = () => ({ status: 404 });
	await says('gone', 'eve-0');
	await until(async () => (await list()).dead === 1, 'another to be dead');
	assert.match((await gw.ctl('events', 'drop', 'gone')).out, /: 1$/m);
	assert.deepEqual((({ waiting, dead }) => ({ waiting, dead }))(await list()), { waiting: 0, dead: 0 });
	oneIdEach('gone');
});

test('Retry-After is kept to', async () => {
	let first = true;
	answers.busy = () => { const was = first; first = false; return was ? { status: 429, headers: { 'Retry-After': '400' } } : {}; };
	await says('busy', 'ann-0');
	await until(() => came.busy.length === 1, 'the first attempt');
	const at = Date.now();
	await until(() => taken('busy').length === 1, 'the second');
	// 400 s, a thousand times shorter; the usual wait would be 6 ms at most
	assert.ok(Date.now() - at > 300, `after ${Date.now() - at} ms`);
	oneIdEach('busy');
});

test('one that never answers holds up nobody else', async () => {
	answers.silent = (e) => e.user === 'ann' && came.silent.filter((x) => x.user === 'ann').length === 1 ? { status: 999, hang: true } : {};
	await says('silent', 'ann-0');
	await until(() => came.silent.length === 1, 'it to hang');
	await says('silent', 'bob-0');
	await says('plain', 'bob-0');
	await until(() => taken('silent').some((e) => e.user === 'bob') && taken('plain').some((e) => e.user === 'bob'), 'the others to come');
	await until(() => taken('silent').length === 2, 'it to be sent again');
	oneIdEach('silent');
});

test('who was away gets all of it, in order', async () => {
	await hangUp();
	for (let i = 0; i < 4; i++)
		for (const user of ['ann', 'bob'])
			await says('away', `${user}-${i}`);
	await gw.logs((l) => l.includes('webhook_failing') && l.includes('"away"'));
	await listen(port);
	await until(() => taken('away').length >= 8, 'all to come');
	await gw.logs((l) => l.includes('webhook_well') && l.includes('"away"'));
	inOrder('away', ['ann', 'bob'], 4);
	oneIdEach('away');
});

test('killed again and again, it loses nothing and keeps the order', async () => {
	const users = ['ann', 'bob', 'cyd'];
	let n = 0;
	// some fail, some take their time: there is always something under way
	answers.killed = () => (++n % 3 === 0 ? { status: 503 } : {});
	for (let i = 0; i < 8; i++) {
		for (const user of users)
			await says('killed', `${user}-${i}`);
		if (i % 2) {
			await gw.kill();
			await gw.start();
		}
	}
	await until(() => new Set(said(taken('killed'))).size === 8 * users.length, 'all to come');
	inOrder('killed', users, 8);
	oneIdEach('killed');
});

test('what cannot be signed is not sent, and said', async () => {
	await says('unsigned', 'ann-0');
	await says('plain', 'cyd-0');
	await until(() => taken('plain').some((e) => e.user === 'cyd'), 'a later one elsewhere');
	assert.deepEqual(came.unsigned, []);
	assert.ok(gw.log.some((l) => l.includes('secrets of webhooks')), 'a warning');
});

const readme = fs.readFileSync(path.join(top, 'README.md'), 'utf8');
const chapter = readme.slice(readme.indexOf('### What happened, told to your systems'));
for (const [language, program, args] of [
	['js', process.execPath, (file) => [file]],
	['php', 'php', (file, at) => ['-n', '-d', 'log_errors=1', '-S', `127.0.0.1:${at}`, file]],
]) {
	const is = spawnSync(program, ['--version']).status === 0;
	test(`README's receiver in ${language} takes what is signed, and nothing else`, { skip: !is && `no ${program} here` }, async (t) => {
		const dir = temporary(), at = await freePort(), secret = path.join(dir, 'secret'), file = path.join(dir, `receiver.${language === 'js' ? 'cjs' : language}`);
		fs.writeFileSync(secret, `whsec_${keys[1].toString('base64')}\n`, { mode: 0o600 });
		fs.writeFileSync(file, chapter.match(new RegExp('^```' + language + '\\n([^]*?)^```$', 'm'))[1].replace('/etc/crm/usher-webhook', secret).replace('8090', String(at)));
		const child = spawn(program, args(file, at), { stdio: ['ignore', 'pipe', 'pipe'] });
		let said = '';
		for (const from of [child.stdout, child.stderr])
			from.on('data', (d) => { said += d; });
		const end = new Promise((resolve) => { child.on('close', resolve); });
		t.after(async () => { child.kill(); await end; });
		const post = (headers, body) => fetch(`http://127.0.0.1:${at}/usher`, { method: 'POST', headers, body }).then((r) => r.status);
		await until(() => child.exitCode !== null || post({}, '{}').then(() => true, () => false), 'the receiver');
		assert.equal(child.exitCode, null, said);
		/* What came of a real one, in the first test. */
		const [e] = came.plain, sent = Object.fromEntries(Object.entries(e.headers).filter(([name]) => name.startsWith('webhook-')));
		assert.equal(await post(sent, e.body), 204, said);
		await until(() => said.includes(`${e.id} adapter.said`), 'it to be told');
		const old = { ...sent, 'webhook-timestamp': String(Number(sent['webhook-timestamp']) - 301) };
		old['webhook-signature'] = signature(old, e.body, keys[1]);
		for (const [headers, body] of [[{}, e.body], [sent, e.body.replace('ann', 'bob')], [{ ...sent, 'webhook-id': 'msg_other' }, e.body],
			[{ ...sent, 'webhook-signature': signature(sent, e.body, keys[0]) }, e.body], [old, e.body]])
			assert.equal(await post(headers, body), 401, JSON.stringify(headers));
	});
}
