// The desk over the wire: its rows one by one, and that nobody reaches a ticket
// that is not theirs, from any endpoint, with any cookie.
// needs: sqlite3
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { start, tenant } from './harness.mjs';

const CANARY = '</script><!--<script>alert(1)//]]>\u2028\u2029"\'&lt;';
const HTML = { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
const SHARED = 'tickets.test';
let gw;
before(async () => {
	const shared = { url: null, home: null, origins: '[ "https://alpha.test" ]' };
	const webhooks = '( { url = "https://hook.test/"; secret_file = "hook"; events = [ "ticket.*" ]; } )';
	gw = await start({ tenants: {
		alpha: tenant('alpha', { webhooks, categories: '[ "Billing", "Other" ]', accent: '"#0b6e4f"', terms: '"https://alpha.test/terms"', attribution: '"Support by Alpha"' }),
		beta: tenant('beta', { webhooks }),
		red: tenant('red', shared),
		blue: tenant('blue', shared),
		deskless: tenant('deskless', { ...shared, desk: 'false' }),
		evil: tenant('evil', { ...shared, name: JSON.stringify(CANARY).replace(/[\u2028\u2029]/g, ''), attribution: JSON.stringify(CANARY).replace(/[\u2028\u2029]/g, ''),
			categories: JSON.stringify(['</script><script>alert(2)']) }),
	} });
});
after(() => gw?.stop());

const rows = (sql) => JSON.parse(execFileSync('sqlite3', ['-cmd', '.timeout 60000', '-json', path.join(gw.state, 'usher.db'), sql]).toString() || '[]');

/** Somebody's desk: requests as their page makes them. A null header is left out. */
class Visitor {
	constructor({ host, prefix = '', cookie, csrf }) {
		Object.assign(this, { host, prefix, cookie, csrf });
		this.origin = `https://${host}`;
	}

	request(method, target, { body, headers = {} } = {}) {
		const all = {
			Accept: 'application/json', Cookie: this.cookie,
			...(method === 'POST' ? { Origin: this.origin, 'Content-Type': 'application/json', 'X-CSRF-Token': this.csrf, 'Idempotency-Key': crypto.randomUUID() } : {}),
			...headers,
		};
		for (const [name, value] of Object.entries(all))
			if (value === null)
				delete all[name];
		const text = body === undefined && method === 'POST' ? '{}' : body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
		return gw.request({ host: this.host, method, path: this.prefix + target, headers: all, body: text });
	}

	get(target, headers) {
		return this.request('GET', target, { headers });
	}

	post(target, body, headers) {
		return this.request('POST', target, { body, headers });
	}

	async data(target = '/dashboard') {
		const page = await this.get(target, HTML);
		assert.equal(page.status, 200, page.text);
		const [, json] = page.text.match(/<script type="application\/json" id="data" nonce="[\w-]+">(.*?)<\/script>/s);
		return JSON.parse(json);
	}

	async open(fields = {}) {
		const r = await this.post('/api/tickets', { subject: 'It broke', message: 'Please help', ...fields });
		assert.equal(r.status, 201, r.text);
		return r.json().ticket;
	}
}

const person = (name) => ({ email: `${name.toLowerCase()}@example.com`, name });

async function visit(slug, fields, host = `ticket.${slug}.test`) {
	const visitor = new Visitor({ host, cookie: await gw.signIn(slug, fields) });
	visitor.csrf = (await visitor.data()).csrf;
	return visitor;
}

/** The same inside a frame on the partner's page. */
async function visitFrame(slug, fields) {
	const ask = (target, body) => gw.request({ method: 'POST', path: `/embed/${slug}/${target}`, body: JSON.stringify(body),
		headers: { Origin: 'https://tickets.test', 'Sec-Fetch-Site': 'same-origin', 'Sec-Fetch-Mode': 'cors', 'Content-Type': 'application/json', 'X-Embedded-By': 'https://alpha.test' } });
	const handed = await ask('handoff', fields);
	assert.equal(handed.status, 200, handed.text);
	const opened = await ask('session', { token: new URL(handed.json().redirect_url).searchParams.get('token') });
	assert.equal(opened.status, 204, opened.text);
	const visitor = new Visitor({ host: SHARED, prefix: `/embed/${slug}`, cookie: opened.cookies[0].split(';')[0] });
	visitor.csrf = (await visitor.data()).csrf;
	return visitor;
}

const code = (r) => [r.status, r.json().code];

test('a ticket from its opening to its end', async () => {
	const zoe = await visit('alpha', person('Zoe'));
	assert.deepEqual((await zoe.get('/api/tickets')).json(), { tickets: [], next: null });
	const ticket = await zoe.open({ subject: '  Printer ', category: 'Billing', message: 'One\r\ntwo\n' });
	assert.deepEqual({ ...ticket, created_at: 0, updated_at: 0, thread: 0 }, {
		number: ticket.number, subject: 'Printer', category: 'Billing', state: 'open', messages: 1, last: 'user', created_at: 0, updated_at: 0, thread: 0, earlier: null });
	assert.equal(ticket.thread.length, 1);
	assert.deepEqual({ ...ticket.thread[0], created_at: 0 }, { id: ticket.thread[0].id, author: 'user', name: 'Zoe', message: 'One\ntwo', created_at: 0 });
	assert.ok(Math.abs(Date.parse(ticket.created_at) - Date.now()) < 60000);
	const at = `/api/tickets/${ticket.number}`;
	const reply = await zoe.post(`${at}/messages`, { message: 'three' });
	assert.equal(reply.status, 201);
	assert.deepEqual(reply.json().ticket.thread.map((m) => m.message), ['One\ntwo', 'three']);
	const closed = await zoe.post(`${at}/close`);
	assert.equal(closed.status, 200);
	assert.equal(closed.json().ticket.state, 'closed');
	assert.equal((await zoe.post(`${at}/close`)).status, 200, 'again');
	assert.deepEqual(code(await zoe.post(`${at}/messages`, { message: 'too late' })), [409, 'ticket_closed']);
	const listed = (query) => zoe.get(`/api/tickets${query}`).then((r) => r.json().tickets.map((t) => t.number));
	assert.deepEqual(await listed('?state=open'), []);
	assert.deepEqual(await listed('?state=closed'), [ticket.number]);
	assert.equal((await zoe.post(`${at}/reopen`)).json().ticket.state, 'open');
	assert.deepEqual(await listed('?state=open'), [ticket.number]);
	assert.deepEqual(await listed(''), [ticket.number]);
	const shown = await zoe.get(at);
	assert.equal(shown.headers['cache-control'], 'no-store');
	assert.equal(shown.headers['content-type'], 'application/json');
	assert.equal(shown.headers['cross-origin-resource-policy'], 'same-origin');
	assert.equal(shown.json().ticket.messages, 2);
	const id = (await zoe.get('/auth/session')).json().user.id;
	assert.deepEqual(rows(`SELECT event FROM outbox WHERE user_id = ${id} AND event LIKE 'ticket.%' ORDER BY id`).map((r) => r.event),
		['ticket.created', 'ticket.replied', 'ticket.closed', 'ticket.reopened']);
	const body = JSON.parse(rows(`SELECT body FROM outbox WHERE user_id = ${id} AND event = 'ticket.created'`)[0].body);
	assert.equal(body.ticket.subject, 'Printer');
	assert.equal(body.user.email, 'zoe@example.com');
	assert.equal(body.message.text, 'One\ntwo');
	assert.equal(body.by, 'user');
});

test('an audit record for each change', async () => {
	const ann = await visit('alpha', person('Audited'));
	const opened = await ann.post('/api/tickets', { subject: 's', message: 'm' });
	const at = `/api/tickets/${opened.json().ticket.number}`;
	const refused = await ann.post(`${at}/close`, undefined, { 'X-CSRF-Token': null });
	for (const r of [opened, await ann.post(`${at}/messages`, { message: 'x' }), await ann.post(`${at}/close`), await ann.post(`${at}/reopen`), refused]) {
		const told = await gw.explain(r.headers['x-request-id']);
		assert.equal(told.code, 0, told.err);
		assert.match(told.out, new RegExp(`${r.status}`));
	}
});

test('the list in pages, each ticket once', async () => {
	const many = await visit('beta', person('Many'));
	const numbers = [];
	for (let i = 0; i < 7; i++)
		numbers.unshift((await many.open({ subject: `n ${i}` })).number);
	const seen = [];
	let next = null, pages = 0;
	do {
		const r = await many.get(`/api/tickets?limit=3${next ? `&before=${next}` : ''}`);
		assert.equal(r.status, 200, r.text);
		seen.push(...r.json().tickets.map((t) => t.number));
		({ next } = r.json());
		pages++;
	} while (next);
	assert.deepEqual(seen, numbers);
	assert.equal(pages, 3);
	const data = await many.data();
	assert.deepEqual(data.tickets.map((t) => t.number), numbers);
	assert.equal(data.next, null);
	for (const query of ['state=all', 'before=1', 'before=0-1', 'before=01-1', 'limit=0', 'limit=51', 'limit=x', 'state=open&state=open'])
		assert.deepEqual(code(await many.get(`/api/tickets?${query}`)), [400, 'malformed_query'], query);
});

test('a list is never older than what was answered', async () => {
	const quick = await visit('alpha', person('Quick'));
	const { number } = await quick.open();
	for (let i = 0; i < 10; i++) {
		const path = `/api/tickets/${number}/${i % 2 ? 'reopen' : 'close'}`;
		await Promise.all([quick.get('/api/tickets'), quick.post(path), quick.get('/api/tickets')]);
		for (let j = 0; j < 4; j++)
			assert.equal((await quick.get('/api/tickets')).json().tickets[0].state, i % 2 ? 'open' : 'closed');
	}
});

test('all that is wrong is said at once, in the shape of the guide', async () => {
	const wrong = await visit('alpha', person('Wrong'));
	const errors = async (body, headers) => {
		const r = await wrong.post('/api/tickets', body, headers);
		assert.deepEqual(code(r), [422, 'validation_failed'], r.text);
		assert.equal(r.json().message, 'The given data was invalid.');
		return r.json().errors;
	};
	assert.deepEqual(await errors({}, { 'Idempotency-Key': null }), {
		subject: ['The subject field is required.'], message: ['The message field is required.'], idempotency_key: ['The idempotency key field is required.'] });
	assert.deepEqual(await errors({ subject: 'x'.repeat(201), message: '\u{1f600}'.repeat(2000) + 'x'.repeat(3001), category: 'billing' }), {
		subject: ['The subject field must not be greater than 200 characters.'], category: ['The selected category is invalid.'],
		message: ['The message field must not be greater than 5000 characters.'] });
	assert.deepEqual(Object.keys(await errors({ subject: ['x'], message: { a: 1 } })), ['subject', 'message']);
	assert.deepEqual(Object.keys(await errors({ subject: 'a', message: 'b' }, { 'Idempotency-Key': 'a b' })), ['idempotency_key']);
	const longest = await wrong.open({ subject: '\u{1f600}'.repeat(200), message: 'é'.repeat(5000) });
	assert.equal([...longest.subject].length, 200);
	for (const [body, status, want] of [['{', 400, 'malformed_body'], ['[]', 400, 'malformed_body'], ['{"subject":"a","subject":"b"}', 400, 'malformed_body'],
		['{"subject":"\\u0000"}', 400, 'malformed_body'], [`{"message":"${'x'.repeat(32 * 1024)}"}`, 413, 'body_too_large']])
		assert.deepEqual(code(await wrong.post('/api/tickets', body)), [status, want], body.slice(0, 40));
	const { number } = await wrong.open();
	const r = await wrong.post(`/api/tickets/${number}/messages`, { message: ' \r\n\u3000' });
	assert.deepEqual(r.json().errors, { message: ['The message field is required.'] });
});

// Characters are counted, not octets: what a page lets through is taken.
for (const [where, enter] of [['a tab', () => visit('alpha', person('Smiley'))], ['a frame', () => visitFrame('blue', person('Smiley'))]])
	test(`the longest message of all comes through, in ${where}`, async () => {
		const who = await enter();
		const message = '\u{1f600}'.repeat(5000), subject = '"'.repeat(200);
		const { number } = await who.open({ subject, message });
		const reply = await who.post(`/api/tickets/${number}/messages`, { message });
		assert.equal(reply.status, 201, reply.text);
		assert.deepEqual(reply.json().ticket.thread.map((m) => m.message === message), [true, true]);
		assert.equal(reply.json().ticket.subject, subject);
		assert.deepEqual((await who.post(`/api/tickets/${number}/messages`, { message: `${message}x` })).json().errors,
			{ message: ['The message field must not be greater than 5000 characters.'] });
	});

test('one key, one ticket: twice in a row, and 32 at a time', async () => {
	const eager = await visit('alpha', person('Eager'));
	const same = { 'Idempotency-Key': 'the-same_1' };
	const first = await eager.post('/api/tickets', { subject: 'one', message: 'm' }, same);
	const second = await eager.post('/api/tickets', { subject: 'one', message: 'm' }, same);
	assert.equal(first.status, 201);
	assert.equal(second.status, 200);
	assert.equal(second.json().ticket.number, first.json().ticket.number);
	const race = (n, path, body) => Promise.all(Array.from({ length: n }, () => eager.post(path, body, { 'Idempotency-Key': `race${path.length}` })));
	const answers = await race(32, '/api/tickets', { subject: 'race', message: 'm' });
	assert.deepEqual(answers.map((r) => r.status).sort(), [...Array(31).fill(200), 201]);
	const { number } = answers[0].json().ticket;
	assert.ok(answers.every((r) => r.json().ticket.number === number));
	assert.deepEqual((await eager.get('/api/tickets')).json().tickets.map((t) => t.subject), ['race', 'one']);
	const replies = await race(32, `/api/tickets/${number}/messages`, { message: 'again' });
	assert.deepEqual(replies.map((r) => r.status).sort(), [...Array(31).fill(200), 201]);
	assert.equal((await eager.get(`/api/tickets/${number}`)).json().ticket.messages, 2);
	const id = (await eager.get('/auth/session')).json().user.id;
	assert.equal(rows(`SELECT count(*) AS n FROM outbox WHERE user_id = ${id} AND event = 'ticket.created'`)[0].n, 2);
	// Other words under a key that was used: said, and nothing written or lost.
	for (const [path, body] of [['/api/tickets', { subject: 'one', message: 'n' }], ['/api/tickets', { subject: 'two', message: 'm' }],
		[`/api/tickets/${number}/messages`, { message: 'another' }]]) {
		const used = path === '/api/tickets' ? same : { 'Idempotency-Key': `race${path.length}` };
		const refused = await eager.post(path, body, used);
		assert.equal(refused.status, 422);
		assert.equal(refused.json().code, 'key_reused');
	}
	assert.equal((await eager.get(`/api/tickets/${number}`)).json().ticket.messages, 2);
	assert.equal((await eager.get('/api/tickets')).json().tickets.length, 2);
	// A key is its user's.
	const other = await visit('alpha', person('Other'));
	assert.equal((await other.post('/api/tickets', { subject: 'mine', message: 'm' }, same)).status, 201);
});

test('too many within the hour: 429, and when to come back', async () => {
	const keen = await visit('beta', person('Keen'));
	for (let i = 0; i < 30; i++)
		await keen.open();
	const r = await keen.post('/api/tickets', { subject: 's', message: 'm' });
	assert.deepEqual(code(r), [429, 'too_many_tickets']);
	assert.ok(Number(r.headers['retry-after']) >= 1 && Number(r.headers['retry-after']) <= 3600);
});

const changes = (number) => [['/api/tickets', { subject: 's', message: 'm' }], [`/api/tickets/${number}/messages`, { message: 'm' }],
	[`/api/tickets/${number}/close`, {}], [`/api/tickets/${number}/reopen`, {}]];

for (const [where, enter] of [['a tab', () => visit('red', person('Forged'), SHARED)], ['a frame', () => visitFrame('blue', person('Forged'))]])
	test(`every change asks for more than the cookie, in ${where}`, async () => {
		const me = await enter();
		const again = await enter();
		const { number } = await me.open();
		const before = (await me.get(`/api/tickets/${number}`)).text;
		const forms = { 'Content-Type': 'application/x-www-form-urlencoded' };
		for (const [target, body] of changes(number)) {
			for (const [what, headers, status, want] of [
				['no token', { 'X-CSRF-Token': null }, 403, 'csrf_refused'],
				['an empty one', { 'X-CSRF-Token': '' }, 403, 'csrf_refused'],
				['one of another session of mine', { 'X-CSRF-Token': again.csrf }, 403, 'csrf_refused'],
				['a longer one', { 'X-CSRF-Token': `${me.csrf}A` }, 403, 'csrf_refused'],
				['the cookie itself', { 'X-CSRF-Token': me.cookie.split('=')[1] }, 403, 'csrf_refused'],
				['two', { 'X-CSRF-Token': [me.csrf, me.csrf] }, 403, 'csrf_refused'],
				['no origin', { Origin: null }, 403, 'origin_refused'],
				['a null origin', { Origin: 'null' }, 403, 'origin_refused'],
				['a partner\'s origin', { Origin: 'https://alpha.test' }, 403, 'origin_refused'],
				['another tenant\'s origin', { Origin: 'https://ticket.alpha.test' }, 403, 'origin_refused'],
				['a form', forms, 415, 'unsupported_media_type'],
				['plain text', { 'Content-Type': 'text/plain' }, 415, 'unsupported_media_type'],
				['no type', { 'Content-Type': null }, 415, 'unsupported_media_type'],
				['no cookie', { Cookie: null }, 401, 'not_signed_in'],
			]) {
				const r = await me.post(target, body, headers);
				assert.deepEqual(code(r), [status, want], `${target}: ${what}`);
				assert.equal(r.headers['access-control-allow-origin'], undefined);
			}
			assert.equal((await me.request('OPTIONS', target, { headers: { Origin: 'https://alpha.test', 'Access-Control-Request-Method': 'POST' } })).status, 405);
		}
		assert.equal((await me.get(`/api/tickets/${number}`)).text, before, 'nothing changed');
		assert.equal((await me.get('/api/tickets')).json().tickets.length, 1);
	});

test('nobody reaches another\'s ticket', async () => {
	const [ann, bob, red, blue, frame, redFrame] = await Promise.all([visit('alpha', person('Ann')), visit('alpha', person('Bob')),
		visit('red', person('Ann'), SHARED), visit('blue', person('Ann'), SHARED), visitFrame('blue', person('Bob')), visitFrame('red', person('Bob'))]);
	const owners = [ann, bob, red, blue, frame, redFrame];
	const tickets = [];
	for (const [i, owner] of owners.entries()) {
		const { number } = await owner.open({ subject: `secret ${i}`, message: `secret ${i}` });
		tickets.push({ owner, number, i });
	}
	// Their numbers are per tenant: ask for each other's, and for what is none.
	for (const who of owners) {
		const mine = tickets.filter((t) => t.owner === who).map((t) => t.number);
		for (const number of new Set([...tickets.map((t) => t.number), 99, 9007199254740993])) {
			if (mine.includes(number))
				continue;
			const none = await who.get('/api/tickets/987654321');
			for (const r of [await who.get(`/api/tickets/${number}`), await who.get(`/api/tickets/${number}?before=9`),
				...await Promise.all(changes(number).slice(1).map(([target, body]) => who.post(target, body)))]) {
				assert.deepEqual([r.status, r.text], [none.status, none.text]);
				assert.equal(r.status, 404);
			}
			const page = await who.get(`/tickets/${number}`, HTML);
			assert.equal(page.status, 404);
			assert.match(page.headers['content-type'], /html/);
		}
		const own = tickets.find((t) => t.owner === who);
		const all = (await who.get('/api/tickets')).text + (await who.get('/dashboard', HTML)).text;
		for (const t of tickets)
			assert.equal(all.includes(`secret ${t.i}`), t === own, `${t.i}`);
		assert.equal((await who.data(`/tickets/${own.number}`)).ticket.thread[0].message, `secret ${own.i}`);
	}
	// Nothing of what was tried did anything.
	for (const { owner, number, i } of tickets) {
		const { ticket } = (await owner.get(`/api/tickets/${number}`)).json();
		assert.deepEqual([ticket.subject, ticket.state, ticket.messages], [`secret ${i}`, 'open', 1]);
	}
});

test('a cookie is good where it was given, and nowhere else', async () => {
	const red = await visit('red', person('Kinds'), SHARED);
	const frame = await visitFrame('red', person('Kinds'));
	const { number } = await red.open();
	const value = (v) => v.cookie.split('=')[1];
	const tries = [
		// The frame's at top level, the tab's in a frame; under its own name and the other.
		new Visitor({ ...frame, prefix: '' }), new Visitor({ ...red, prefix: '/embed/red' }),
		new Visitor({ ...frame, prefix: '', cookie: `__Host-usher=${value(frame)}` }),
		new Visitor({ ...red, prefix: '/embed/red', cookie: `__Host-usher-embed=${value(red)}` }),
		// Under another tenant, at another host, twice.
		new Visitor({ ...frame, prefix: '/embed/blue' }), new Visitor({ ...frame, prefix: '/embed/nobody' }),
		new Visitor({ ...red, host: 'ticket.alpha.test' }), new Visitor({ ...red, cookie: `${red.cookie}; ${red.cookie}` }),
	];
	for (const [i, who] of tries.entries()) {
		for (const target of ['/api/tickets', `/api/tickets/${number}`])
			assert.deepEqual(code(await who.get(target)), [401, 'not_signed_in'], `${i} ${target}`);
		for (const target of ['/dashboard', '/tickets/new', `/tickets/${number}`])
			assert.equal((await who.get(target, HTML)).status, 401, `${i} ${target}`);
		for (const [target, body] of changes(number))
			assert.deepEqual(code(await who.post(target, body)), [401, 'not_signed_in'], `${i} ${target}`);
	}
	// Each token is its own cookie's alone.
	const mixed = new Visitor({ ...red, csrf: frame.csrf });
	assert.deepEqual(code(await mixed.post(`/api/tickets/${number}/close`)), [403, 'csrf_refused']);
	// Both side by side are two visits; of one user, who sees their tickets in both.
	const both = `${red.cookie}; ${frame.cookie}`;
	for (const who of [red, frame])
		assert.equal((await who.get(`/api/tickets/${number}`, { Cookie: both })).status, 200);
});

test('a page that was left open shows nothing of who came after', async () => {
	const first = await visit('alpha', person('First'));
	const next = await visit('alpha', person('Next'));
	await next.open();
	for (const target of ['/api/tickets', '/api/tickets/1'])
		assert.deepEqual(code(await next.get(target, { 'X-CSRF-Token': first.csrf })), [403, 'csrf_refused']);
	assert.equal((await next.get('/api/tickets', { 'X-CSRF-Token': next.csrf })).status, 200);
	assert.equal((await gw.request({ host: next.host, method: 'POST', path: '/auth/logout', headers: { Cookie: next.cookie, Origin: next.origin } })).status, 204);
	assert.deepEqual(code(await next.get('/api/tickets')), [401, 'not_signed_in']);
});

test('numbers and paths have one spelling', async () => {
	const me = await visit('alpha', person('Speller'));
	const { number } = await me.open();
	for (const odd of [`0${number}`, `+${number}`, `${number}.0`, `${number}%20`, `%3${number}`, '0', '-1', 'x', '9223372036854775808'])
		for (const target of [`/api/tickets/${odd}`, `/tickets/${odd}`])
			assert.equal((await me.get(target)).status, 404, target);
	for (const target of ['/api/tickets/', `/api/tickets/${number}/`, '/dashboard/', '/tickets', '/embed/alpha/dashboard'])
		assert.equal((await me.get(target)).status, 404, target);
	assert.equal((await me.request('DELETE', `/api/tickets/${number}`)).status, 405);
});

test('a tenant without the desk has none of it', async () => {
	const cookie = await gw.signIn('deskless', person('Nobody'));
	const who = new Visitor({ host: SHARED, cookie, csrf: 'x' });
	for (const target of ['/dashboard', '/tickets/new', '/tickets/1', '/api/tickets', '/api/tickets/1'])
		assert.equal((await who.get(target)).status, 404, target);
	for (const [target, body] of changes(1))
		assert.equal((await who.post(target, body)).status, 404, target);
});

test('the page: its headers, its data, its size', async () => {
	const me = await visit('alpha', person('Page'));
	for (let i = 0; i < 25; i++)
		await me.open({ subject: `A subject of an ordinary length, number ${i}`, category: 'Billing' });
	const page = await me.get('/dashboard', HTML);
	const nonce = page.headers['content-security-policy'].match(/script-src 'nonce-([\w-]{22})'/)[1];
	assert.equal(page.headers['content-security-policy'], `default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; ` +
		"connect-src 'self'; img-src data:; base-uri 'none'; form-action 'self' https://alpha.test; frame-ancestors 'none'");
	assert.equal(page.headers['cross-origin-opener-policy'], 'same-origin');
	assert.equal(page.headers['cross-origin-resource-policy'], 'same-origin');
	assert.equal(page.headers['cache-control'], 'no-store');
	assert.equal(page.headers['access-control-allow-origin'], undefined);
	assert.ok(page.text.includes(':root{--accent:#0b6e4f;--on-accent:#ffffff}'));
	assert.ok(page.text.includes('e.persisted'));
	assert.ok(Buffer.byteLength(page.text) < 62000, `${Buffer.byteLength(page.text)}`);
	assert.match(page.text, /<noscript>[^]*Page[^]*page@example.com[^]*action="\/auth\/logout"[^]*<\/noscript>/);
	const data = await me.data();
	assert.equal(data.tickets.length, 20);
	assert.equal(data.next, `${Date.parse(data.tickets[19].updated_at)}-${data.tickets[19].number}`);
	assert.equal((await me.get(`/api/tickets?before=${data.next}`)).json().tickets.length, 5);
	assert.deepEqual(data.tenant, { slug: 'alpha', name: 'Tenant alpha', home: 'https://alpha.test/', accent: '#0b6e4f', categories: ['Billing', 'Other'],
		terms: 'https://alpha.test/terms', attribution: 'Support by Alpha' });
	assert.deepEqual([data.user, data.api, data.base, data.logout, data.embedded, data.ticket],
		[{ name: 'Page', email: 'page@example.com' }, '/api/tickets', '/', '/auth/logout', undefined, null]);
	assert.equal((await me.data(`/tickets/${data.tickets[3].number}`)).ticket.number, data.tickets[3].number);
	assert.equal((await me.data('/tickets/new')).ticket, null);
	const head = await me.request('HEAD', '/dashboard', { headers: HTML });
	assert.equal(head.status, 200);
	const framed = await visitFrame('red', person('Page'));
	const inside = await framed.get('/dashboard', HTML);
	assert.match(inside.headers['content-security-policy'], /frame-ancestors https:\/\/alpha\.test$/);
	assert.equal(inside.headers['cross-origin-embedder-policy'], 'require-corp');
	assert.equal(inside.headers['cross-origin-opener-policy'], undefined);
	const own = await framed.data();
	assert.deepEqual([own.api, own.base, own.logout, own.embedded], ['/embed/red/api/tickets', '/embed/red/', '/embed/red/logout', true]);
	assert.equal((await gw.request({ host: me.host, path: '/dashboard', headers: HTML })).status, 401);
});

test('whatever anybody writes, the page is one page', async () => {
	const name = CANARY.replace(/[\u2028\u2029]/g, '');
	const me = await visit('evil', { email: 'evil@example.com', name }, SHARED);
	const { number } = await me.open({ subject: CANARY, message: `${CANARY}\n${CANARY}`, category: '</script><script>alert(2)' });
	for (const target of ['/dashboard', `/tickets/${number}`]) {
		const page = await me.get(target, HTML);
		const nonce = page.headers['content-security-policy'].match(/script-src 'nonce-([\w-]{22})'/)[1];
		// Three of our own, and nothing that begins or ends an element besides.
		assert.deepEqual(page.text.match(/<script[^>]*>/g), [`<script type="application/json" id="data" nonce="${nonce}">`, `<script nonce="${nonce}">`]);
		assert.equal(page.text.match(/<\/script/g).length, 2);
		const outside = page.text.replace(/<(script|style) nonce[^]*?<\/\1>/g, '');
		assert.ok(!outside.includes('<!--'), outside);
		assert.ok(!/[\u2028\u2029]/.test(outside));
		assert.ok(!outside.includes('<script>alert'));
		const data = await me.data(target);
		assert.equal(data.user.name, name);
		assert.equal(data.tenant.name, name);
		assert.equal(data.tenant.attribution, name);
		assert.equal(data.tickets[0].subject, CANARY);
		assert.equal(data.tickets[0].category, '</script><script>alert(2)');
		if (data.ticket)
			assert.equal(data.ticket.thread[0].message, `${CANARY}\n${CANARY}`);
	}
	const list = await me.get('/api/tickets');
	assert.ok(!/[<>&\u2028\u2029]/.test(list.text));
});

test('a long thread is shown from its end, and the rest when asked for', async () => {
	const me = await visit('alpha', person('Long'));
	const { number } = await me.open({ message: 'first' });
	const texts = ['first'];
	for (let i = 0; i < 20; i++) {
		texts.push(`${i} ${'<'.repeat(4000)}`.slice(0, 4000));
		assert.equal((await me.post(`/api/tickets/${number}/messages`, { message: texts.at(-1) })).status, 201);
	}
	const seen = [];
	let before = null, parts = 0;
	do {
		const { ticket } = (await me.get(`/api/tickets/${number}${before ? `?before=${before}` : ''}`)).json();
		assert.equal(ticket.messages, 21);
		assert.ok(ticket.thread.length > 0);
		seen.unshift(...ticket.thread.map((m) => m.message));
		before = ticket.earlier;
		parts++;
	} while (before);
	assert.deepEqual(seen, texts);
	assert.ok(parts > 3, `${parts}`);
	assert.deepEqual((await me.data(`/tickets/${number}`)).ticket.thread.at(-1).message, texts.at(-1));
	assert.deepEqual(code(await me.get(`/api/tickets/${number}?before=x`)), [400, 'malformed_query']);
});
