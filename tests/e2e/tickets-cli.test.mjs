// Tickets from both sides: a user at the desk, an agent at the console; and
// what an operator does with users and sessions.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { build, start, tenant } from './harness.mjs';

let gw, ann, bob;
before(async () => {
	gw = await start({ tenants: { alpha: tenant('alpha'), beta: tenant('beta') }, env: { TZ: 'XXX-2' } });
	ann = await visit('alpha', { email: 'ann@example.com', name: 'Ann' });
	bob = await visit('beta', { email: 'bob@example.com', name: 'Bob' });
});
after(() => gw?.stop());

/** Somebody signed in at their desk. */
async function visit(slug, fields) {
	const host = `ticket.${slug}.test`, cookie = await gw.signIn(slug, fields);
	const page = await gw.request({ host, path: '/dashboard', headers: { Cookie: cookie, Accept: 'text/html' } });
	const data = JSON.parse(page.text.match(/<script type="application\/json" id="data"[^>]*>(.*?)<\/script>/s)[1]);
	const ask = async (method, target, body) => {
		const r = await gw.request({ host, method, path: target, body: body && JSON.stringify(body), headers: {
			Cookie: cookie, Accept: 'application/json', Origin: `https://${host}`, 'Content-Type': 'application/json',
			'X-CSRF-Token': data.csrf, 'Idempotency-Key': crypto.randomUUID() } });
		return { status: r.status, json: r.json() };
	};
	return {
		open: async (subject, message = 'Please help') => {
			const r = await ask('POST', '/api/tickets', { subject, message });
			assert.equal(r.status, 201, JSON.stringify(r.json));
			return r.json.ticket;
		},
		show: async (number) => (await ask('GET', `/api/tickets/${number}`)).json.ticket,
		list: () => ask('GET', '/api/tickets'),
		reply: (number, message) => ask('POST', `/api/tickets/${number}/messages`, { message }),
	};
}

async function ok(...args) {
	const r = await gw.ctl(...args);
	assert.equal(r.code, 0, r.err);
	assert.equal(r.err, '');
	return r.out;
}
const json = async (...args) => JSON.parse(await ok('--json', ...args));

/** usherctl with something on its standard input. */
function piped(text, ...args) {
	return new Promise((resolve) => {
		const child = spawn(path.join(build, 'gateway/usherctl'), ['--config', gw.conf, ...args]);
		let out = '', err = '';
		child.stdout.on('data', (d) => { out += d; });
		child.stderr.on('data', (d) => { err += d; });
		child.on('close', (code) => resolve({ code, out, err }));
		child.stdin.end(text);
	});
}

test('an agent answers what a user asked, and they read it', async () => {
	const { number } = await ann.open('The printer prints zeros', 'Only zeros.\nAll day.');
	const list = await ok('tickets', 'list', 'alpha');
	assert.match(list, /^NUMBER +STATE +LAST +MSGS +CHANGED +USER +SUBJECT$/m);
	assert.match(list, new RegExp(`^ +${number} +open +user +1 +\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\+02:00 +ann@example.com +The printer prints zeros$`, 'm'));

	assert.equal(await ok('tickets', 'reply', 'alpha', String(number), '--name', 'Jane Doe', '--message', 'Replace\nthe drum.'),
		`replied to ticket ${number} of alpha\n`);
	const file = path.join(gw.dir, 'answer.txt');
	fs.writeFileSync(file, '+9 Second line,\r\n\twith a tab — 日本語\n\n');
	await ok('tickets', 'reply', 'alpha', String(number), '--name=Jöhn', '--file', file);
	assert.equal((await piped('From a pipe\n', 'tickets', 'reply', 'alpha', String(number), '-', '--name', 'P')).code, 0);
	const seen = await ann.show(number);
	assert.deepEqual(seen.thread.map((m) => [m.author, m.name, m.message]), [
		['user', 'Ann', 'Only zeros.\nAll day.'],
		['agent', 'Jane Doe', 'Replace\nthe drum.'],
		['agent', 'Jöhn', '+9 Second line,\n\twith a tab — 日本語'],
		['agent', 'P', 'From a pipe'],
	]);
	const shown = await ok('tickets', 'show', 'alpha', String(number));
	assert.match(shown, /^ticket \d+ of alpha: The printer prints zeros$/m);
	assert.match(shown, /^2 {2}\S+ {2}agent {2}Jane Doe\n {4}Replace\n {4}the drum\.$/m);
	assert.deepEqual((await json('tickets', 'show', 'alpha', String(number))).ticket.thread, seen.thread);
});

test('closing and opening are seen by the user at once', async () => {
	const { number } = await ann.open('Close me');
	// The list was looked at before: nothing of it may be shown again.
	assert.equal((await ann.list()).json.tickets.find((t) => t.number === number).state, 'open');
	await ok('tickets', 'close', 'alpha', String(number), '--name', 'Jane');
	assert.equal((await ann.list()).json.tickets.find((t) => t.number === number).state, 'closed');
	assert.equal((await ann.reply(number, 'But')).status, 409);
	const refused = await gw.ctl('tickets', 'reply', 'alpha', String(number), '--name', 'J', '--message', 'x');
	assert.equal(refused.code, 1);
	assert.match(refused.err, /closed.*reopen/);
	assert.ok(!(await ok('tickets', 'list', 'alpha')).includes('Close me'));
	assert.ok((await ok('tickets', 'list', 'alpha', '--state', 'closed')).includes('Close me'));
	await ok('tickets', 'reopen', 'alpha', String(number));
	assert.equal((await ann.reply(number, 'But')).status, 201);
});

test('pages go on where the one before says', async () => {
	for (let i = 0; i < 5; i++)
		await bob.open(`page ${i}`);
	const seen = [];
	for (let before = [];;) {
		const page = await json('tickets', 'list', 'beta', '--state=all', '--limit', '2', ...before);
		seen.push(...page.tickets.map((t) => t.subject));
		if (!page.next)
			break;
		before = ['--before', page.next];
	}
	assert.deepEqual(seen, [4, 3, 2, 1, 0].map((i) => `page ${i}`));
});

test('a tenant sees nothing of another', async () => {
	assert.ok(!(await ok('tickets', 'list', 'beta', '--state', 'all')).includes('ann@example.com'));
	const { number } = await ann.open('Alpha only');
	for (let i = 0; i < 10; i++)
		await ann.reply(number, `${i}`);
	const r = await gw.ctl('tickets', 'show', 'beta', String(number + 100));
	assert.equal(r.code, 1);
	assert.match(r.err, /no such ticket of beta/);
	const nobody = await gw.ctl('tickets', 'list', 'gamma');
	assert.equal(nobody.code, 1);
	assert.match(nobody.err, /no tenant gamma/);
});

test('a key given again writes nothing twice', async () => {
	const { number } = await ann.open('Twice');
	const args = ['tickets', 'reply', 'alpha', String(number), '--name', 'J', '--message', 'Once', '--key', 'k-1'];
	assert.deepEqual((await json(...args)).repeated, false);
	assert.deepEqual((await json(...args)).repeated, true);
	assert.equal((await ann.show(number)).thread.length, 2);
});

test('wrong usage is told and asks the daemon nothing', async () => {
	const { number } = await ann.open('Usage');
	const n = String(number);
	for (const args of [['tickets'], ['tickets', 'list'], ['tickets', 'show', 'alpha'], ['tickets', 'reply', 'alpha', n],
		['tickets', 'reply', 'alpha', n, '--name', 'J'], ['tickets', 'reply', 'alpha', n, '--message', 'x'],
		['tickets', 'reply', 'alpha', n, '--name', 'J', '--message', 'x', '--file', 'y'],
		['tickets', 'reply', 'alpha', n, '--name', 'J', '--message', '\n\n'],
		['tickets', 'reply', 'alpha', n, 'text', '--name', 'J'],
		['tickets', 'reply', 'alpha', n, '--name', 'J', '--message', 'x'.repeat(20001)],
		['users', 'erase', 'alpha'], ['session', 'end']]) {
		const r = await gw.ctl(...args);
		assert.equal(r.code, 2, `${args.join(' ').slice(0, 80)}: ${r.err}`);
		assert.notEqual(r.err, '');
	}
	for (const [why, ...args] of [[/control/, '--message', 'a\x1b[2J'], [/control/, '--name', 'a\tb'], [/too long/, '--name', 'x'.repeat(1025)]]) {
		const rest = args[0] === '--name' ? ['--message', 'x'] : ['--name', 'J'];
		const r = await gw.ctl('tickets', 'reply', 'alpha', n, ...args, ...rest);
		assert.equal(r.code, 1, r.err);
		assert.match(r.err, why);
	}
	assert.match((await gw.ctl('tickets', 'reply', 'alpha', n, '--name', 'J', '--file', '/nowhere')).err, /No such file/);
	assert.equal((await ann.show(number)).thread.length, 1);
	assert.equal((await gw.ctl('tickets', 'reply', 'alpha', n, '--name', 'J', '--message', 'x'.repeat(20000))).code, 0);
});

test('what turns the direction of writing does not reach the terminal', async () => {
	const { number } = await ann.open('ok \u202egpj.exe', 'a\u2066b\n1  2026-01-01T00:00:00+00:00  agent  Fake');
	for (const out of [await ok('tickets', 'list', 'alpha'), await ok('tickets', 'show', 'alpha', String(number))])
		assert.doesNotMatch(out, /[\u202a-\u202e\u2066-\u2069]/);
	assert.doesNotMatch(await ok('tickets', 'show', 'alpha', String(number)), /^1 .*Fake/m);
});

test('a user is blocked, let in again, and erased with all they wrote', async () => {
	const fields = { email: 'carl@example.com', name: 'Carl' };
	const carl = await visit('alpha', fields);
	const { number } = await carl.open('Carl was here');
	const { users: [{ id }] } = await json('users', 'show', 'alpha', 'CARL@example.com');
	const { sessions: [session], total } = await json('sessions', 'alpha', String(id));
	assert.equal(total, 1);
	assert.equal(session.user.email, 'carl@example.com');
	assert.match(await ok('sessions', 'alpha'), new RegExp(`^${session.id} +tab .*carl@example.com \\(${id}\\)$`, 'm'));

	const blocked = await json('users', 'block', 'alpha', 'carl@example.com');
	assert.equal((await carl.list()).status, 401);
	const json403 = { headers: { Accept: 'application/json' } };
	const whileBlocked = (await gw.handoff('alpha', fields)).headers.location;
	const refused = await gw.callback(whileBlocked, json403);
	assert.equal(refused.json().code, 'user_blocked', 'told on arrival');
	assert.match(await ok('explain', blocked.request_id), /tenant alpha +200 user_blocked/);
	await ok('users', 'unblock', 'alpha', String(id));
	assert.equal((await gw.callback(whileBlocked)).status, 302, 'what was refused is not spent');
	const underWay = (await gw.handoff('alpha', fields)).headers.location;

	assert.equal((await gw.ctl('users', 'erase', 'beta', String(id))).code, 1);
	assert.equal(await ok('users', 'erase', 'alpha', String(id)), `erased user ${id}\n`);
	assert.match((await gw.ctl('tickets', 'show', 'alpha', String(number))).err, /no such ticket/);
	assert.match((await gw.ctl('users', 'show', 'alpha', 'carl@example.com')).err, /no such user of alpha/);
	const ended = await gw.callback(underWay, json403);
	assert.equal(ended.status, 401);
	assert.equal(ended.json().code, 'token_ended', 'a link that was under way ends with its user');
	const again = await visit('alpha', fields);
	assert.deepEqual((await again.list()).json.tickets, [], 'who starts again is somebody new');
});

test('somebody who was never here is blocked, and erased, by address', async () => {
	const fields = { email: 'eve@example.com', name: 'Eve' };
	const minted = (await gw.handoff('alpha', fields)).headers.location;
	const json403 = { headers: { Accept: 'application/json' } };
	const { id, done } = await json('users', 'block', 'alpha', 'Eve@example.com');
	assert.equal(done, 'user_blocked');
	assert.equal((await gw.callback(minted, json403)).json().code, 'user_blocked');
	assert.match(await ok('users', 'show', 'alpha', String(id)), /blocked\n[^]*last seen +never\n/);
	assert.equal((await json('users', 'show', 'alpha', 'eve@example.com')).users[0].last_seen_at, null);
	await ok('users', 'erase', 'alpha', 'eve@example.com');
	assert.equal((await gw.callback(minted, json403)).json().code, 'token_ended');

	const other = (await gw.handoff('alpha', { email: 'fay@example.com', name: 'Fay' })).headers.location;
	assert.equal(await ok('users', 'erase', 'alpha', 'fay@example.com'),
		'nobody of that address is stored; sign-ins of theirs that were under way are ended\n');
	assert.equal((await gw.callback(other, json403)).json().code, 'token_ended');
	assert.deepEqual((({ id, done }) => ({ id, done }))(await json('users', 'erase', 'alpha', 'fay@example.com')), { id: null, done: 'user_erased' });
	// A name mistyped makes nobody; and unblocking nobody is a mistake.
	assert.match((await gw.ctl('users', 'block', 'nosuch', 'fay@example.com')).err, /no tenant nosuch/);
	assert.match((await gw.ctl('users', 'unblock', 'alpha', 'gil@example.com')).err, /no such user of alpha/);
	assert.match((await gw.ctl('users', 'erase', 'alpha', '123456')).err, /no such user of alpha/);
});

test('a session is ended by its id', async () => {
	const dora = await visit('alpha', { email: 'dora@example.com', name: 'Dora' });
	const { sessions: [{ id }] } = await json('sessions', 'alpha', 'dora@example.com');
	assert.equal((await dora.list()).status, 200);
	assert.equal(await ok('session', 'end', id), `ended session ${id}\n`);
	assert.equal((await dora.list()).status, 401);
	assert.equal((await gw.ctl('session', 'end', id)).code, 1);
});

test('a client that sends half a request holds the door for its time only', async () => {
	const half = net.connect(path.join(gw.state, 'admin.sock'));
	await new Promise((resolve) => half.on('connect', resolve));
	const closed = new Promise((resolve) => half.resume().on('close', resolve));
	half.write('tickets reply alpha 1 +4 +60000 k\nJane');
	// Served behind it, after its patience has ended.
	assert.match(await ok('status'), /^usherd/);
	await closed;
});
