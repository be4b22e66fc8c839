// The handoff, row by row, against the real daemon over TLS.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { start, tenant, until } from './harness.mjs';

let gw;
const user = { email: 'user@example.com', name: 'John Doe' };
const ORIGIN = 'https://alpha.test';

before(async () => {
	gw = await start({
		tenants: {
			alpha: tenant('alpha', { redirects: '[ "https://shop.alpha.test/support/" ]' }),
			strict: tenant('strict', { origins: '[ "https://alpha.test" ]', require_origin: 'true', url: null }),
			nullish: tenant('nullish', { require_origin: 'true', allow_null_origin: 'true', url: null }),
			off: tenant('off', { enabled: 'false', url: null }),
			broken: tenant('broken', { session: '{ idle = -5; absolute = 3; }', url: null }),
		},
	});
});
after(() => gw.stop());

function guideAnswer(response) {
	assert.equal(response.status, 302, response.text);
	assert.match(response.headers.location, /^https:\/\/ticket\.alpha\.test\/auth\/callback\?token=[A-Za-z0-9_.-]+$/);
	assert.equal(response.headers['x-ratelimit-limit'], '100000');
	assert.match(response.headers['x-ratelimit-remaining'], /^\d+$/);
	assert.equal(response.headers['cache-control'], 'no-store');
	assert.equal(response.headers['referrer-policy'], 'no-referrer');
	assert.match(response.headers['x-request-id'], /^[0-9A-Z]{26}$/);
	assert.equal(response.text, '');
}

test('a form post is answered as the guide says', async () => {
	guideAnswer(await gw.handoff('alpha', user));
});

test('a JSON post is answered as the guide says, whatever its Accept', async () => {
	for (const Accept of ['application/json', '*/*', 'text/html'])
		guideAnswer(await gw.request({
			method: 'POST', path: '/api/auth/redirect/alpha', body: JSON.stringify(user),
			headers: { 'Content-Type': 'application/json', Accept },
		}));
});

test('a multipart post is answered likewise', async () => {
	const form = new FormData();
	form.set('email', user.email);
	form.set('name', 'Zoë "quoted" <b>');
	const encoded = new Response(form);
	const body = Buffer.from(await encoded.arrayBuffer());
	guideAnswer(await gw.request({
		method: 'POST', path: '/api/auth/redirect/alpha', body,
		headers: { 'Content-Type': encoded.headers.get('content-type') },
	}));
});

test('response=json gets the address as JSON', async () => {
	const r = await gw.handoff('alpha', { ...user, response: 'json' });
	assert.equal(r.status, 200);
	const { redirect_url, expires_in } = r.json();
	assert.match(redirect_url, /^https:\/\/ticket\.alpha\.test\/auth\/callback\?token=/);
	assert.equal(expires_in, 120);
});

test('the guide\'s error bodies', async () => {
	const nobody = await gw.handoff('nobody', user);
	assert.equal(nobody.status, 404);
	const { code, ...rest } = nobody.json();
	assert.deepEqual(rest, { message: 'Tenant not found.', error: 'The specified tenant does not exist.' });
	assert.equal(code, 'tenant_not_found');
	assert.ok(nobody.headers['x-ratelimit-limit'], 'unknown slugs are charged too');

	const empty = await gw.handoff('alpha', { x: '1' });
	assert.equal(empty.status, 422);
	assert.equal(empty.json().message, 'The given data was invalid.');
	assert.deepEqual(empty.json().errors, {
		email: ['The email field is required.'],
		name: ['The name field is required.'],
	});
});

test('a disabled tenant is as good as unknown, a broken one is 503', async () => {
	assert.equal((await gw.handoff('off', user)).status, 404);
	const broken = await gw.handoff('broken', user);
	assert.equal(broken.status, 503);
	assert.ok(broken.headers['retry-after']);
});

test('an empty name becomes the part before the @', async () => {
	const cookie = await gw.signIn('alpha', { email: 'jane.roe@example.com', name: '' });
	const session = await gw.request({ host: 'ticket.alpha.test', path: '/auth/session', headers: { Cookie: cookie } });
	assert.equal(session.json().user.name, 'jane.roe');
});

test('validation names every failing field at once', async () => {
	const cases = [
		[{ email: 'not an address', name: 'x' }, ['email']],
		[{ email: 'a@evil@company.com', name: 'x' }, ['email']],
		[{ email: `${'a'.repeat(65)}@example.com`, name: 'x' }, ['email']],
		[{ email: 'a@b', name: 'n'.repeat(256) }, ['name']],
		[{ email: 'a@b', name: 'x', redirect_url: 'https://evil.test/' }, ['redirect_url']],
		[{ email: '', name: 'n'.repeat(256), redirect_url: '//evil.test' }, ['email', 'name', 'redirect_url']],
	];
	for (const [fields, failing] of cases) {
		const r = await gw.handoff('alpha', fields);
		assert.equal(r.status, 422, JSON.stringify(fields));
		assert.deepEqual(Object.keys(r.json().errors).sort(), failing, JSON.stringify(fields));
	}
	for (const email of ['a@b', 'user@localhost', 'zoë@exämple.com', "o'neil+tag@example.co.uk"])
		assert.equal((await gw.handoff('alpha', { email, name: 'x' })).status, 302, email);
});

test('redirect targets: the allowlist and nothing that looks like it', async () => {
	const good = ['https://ticket.alpha.test/tickets/create', 'https://ticket.alpha.test/dashboard?tab=1#x',
		'https://shop.alpha.test/support/orders'];
	const bad = ['https://shop.alpha.test/', 'https://shop.alpha.test/support', 'https://ticket.alpha.test.evil.test/',
		'https://evil.test\\@ticket.alpha.test/', 'https://ticket.alpha.test@evil.test/', '//ticket.alpha.test/',
		'http://ticket.alpha.test/', 'https://ticket.alpha.test:444/', 'javascript:alert(1)', 'https:ticket.alpha.test',
		'https://ticket.alpha.test/auth/callback?token=x', 'https://ticket.alpha.test/%61uth/logout',
		'https://ticket.alpha.test/x/../auth/session', 'https://ticket.alpha.test/api/tickets', 'https://badticket.alpha.test/',
		'https://ticket.alpha.test\t.evil.test/', 'https://ticket.alpha.test\n.evil.test/', 'https://ticket。alpha.test/'];
	for (const redirect_url of good) {
		const first = await gw.handoff('alpha', { ...user, redirect_url });
		assert.equal(first.status, 302, redirect_url);
		const second = await gw.callback(first.headers.location);
		assert.equal(second.headers.location, redirect_url);
	}
	for (const redirect_url of bad) {
		const r = await gw.handoff('alpha', { ...user, redirect_url });
		assert.ok([400, 422].includes(r.status), `${redirect_url}: ${r.status}`);
	}
});

test('bodies that are refused, with the status that says why', async () => {
	const send = (type, body) => gw.request({
		method: 'POST', path: '/api/auth/redirect/alpha', body, headers: type ? { 'Content-Type': type } : {},
	});
	const form = 'application/x-www-form-urlencoded';
	const cases = [
		[415, 'text/plain', 'email=a@b'],
		[415, null, 'email=a@b'],
		[415, `${form}; charset=latin1`, 'email=a@b'],
		[413, form, `email=a@b&name=x&pad=${'p'.repeat(16 * 1024)}`],
		[400, form, 'email=a%40b&name=%zz'],
		[400, form, 'email=a%40b&name=%ff'],
		[400, form, 'email=a%40b&name=x%00y'],
		[400, form, 'email=a%40b&email=c%40d&name=x'],
		[400, 'application/json', '{"email":"a@b","email":"c@d","name":"x"}'],
		[400, 'application/json', '{"email":"a@b","name":"x"} trailing'],
		[400, 'application/json', '["a@b"]'],
		[400, 'application/json', '{"email":"a@b","name":{"first":"x"}}'],
		[400, 'application/json', JSON.stringify('{"email":"a@b","name":"x"}')],
		[400, 'multipart/form-data', 'x'],
		[400, 'multipart/form-data; boundary=b', '--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n'],
	];
	for (const [status, type, body] of cases) {
		const r = await send(type, body);
		assert.equal(r.status, status, `${type}: ${body.slice(0, 60)} -> ${r.status} ${r.text}`);
		assert.ok(r.json().code, 'a stable code');
		assert.ok(r.json().message.length > 10, 'a message for people');
	}
});

test('bodies of real pages: what nobody asked for, and what lies around it, keeps nobody out', async () => {
	const form = 'application/x-www-form-urlencoded', json = 'application/json', part = (head, body) => `--b\r\nContent-Disposition: form-data; ${head}\r\n\r\n${body}\r\n`;
	const multipart = `${part('name="email"', ' page@example.com\t')}${part('name="name"', 'P')}${part('name="cv"; filename="cv.pdf"\r\nContent-Type: application/pdf', '%PDF')}${part('name="none"; filename=""', '')}--b--\r\n`;
	const cases = [
		[form, 'email=page%40example.com&name=P&tags%5B%5D=a&tags%5B%5D=b&empty&note=one%0D%0Atwo%09three'],
		[form, '\ufeffemail=page%40example.com&name=P'],
		[`${form}; charset="UTF-8"`, 'email=%20page%40example.com%0D%0A&name=P'],
		[`${form}; charset=utf8`, 'email=page%40example.com&name=P'],
		[`${json}; charset=us-ascii`, '{"email":"page@example.com","name":"P"}'],
		[json, '\ufeff{"email":"page@example.com","name":"P","address":{"city":"y"},"a":1,"a":2,"list":[1]}'],
		['multipart/form-data; boundary=b', multipart],
	];
	for (const [type, body] of cases) {
		const r = await gw.request({ method: 'POST', path: '/api/auth/redirect/alpha', body, headers: { 'Content-Type': type } });
		assert.equal(r.status, 302, `${type}: ${body.slice(0, 80)} -> ${r.text}`);
		const c = await gw.callback(r.headers.location);
		assert.equal(c.status, 302, c.text);
		const session = await gw.request({ path: '/auth/session', host: 'ticket.alpha.test', headers: { Cookie: c.cookies[0].split(';')[0] } });
		assert.equal(session.json().user.email, 'page@example.com');
		assert.deepEqual(session.json().user.attributes, {});
	}
	const lines = await gw.handoff('alpha', { email: 'page@example.com', name: 'P\nQ' });
	assert.equal(lines.status, 422);
	assert.deepEqual(Object.keys(lines.json().errors), ['name']);
});

test('usherctl explain tells what a body lost, and what was escaped for HTML', async () => {
	const explain = async (r, line) => {
		const id = r.headers['x-request-id'];
		await until(async () => line.test((await gw.ctl('explain', id)).out), `the trail of ${id} to say ${line}`);
		const { out } = await gw.explain(id);
		assert.doesNotMatch(out, /brien|secret/i, 'neither names nor values');
	};
	const body = 'email=page%40example.com&name=O%26%23039%3BBrien&secret%5B%5D=a&secret%5B%5D=b';
	const send = (fields) => gw.request({ method: 'POST', path: '/api/auth/redirect/alpha', body: fields, headers: { 'Content-Type': 'application/x-www-form-urlencoded' } });
	const kept = await send(body);
	assert.equal(kept.status, 302);
	await explain(kept, /read_body .*dropped, as nobody asks for them: files 0, nested values 0, repeated values 2; HTML references in name not read \(decode_html = false\)/);
	const refused = await send('email=o%26%23039%3Bbrien%40example.com&name=x');
	assert.equal(refused.status, 422);
	assert.match(refused.json().errors.email[0], /^The email field was escaped for HTML before it was sent: .* The page has to send the address as it is\./);
	await explain(refused, /read_body .*HTML references in email not read \(decode_html = false\)/);
});

test('CORS: an echo for listed origins on every status, never for others', async () => {
	const expose = (r) => r.headers['access-control-expose-headers']?.toLowerCase() ?? '';
	for (const [slug, fields, status] of [['alpha', user, 302], ['alpha', {}, 422], ['broken', user, 503]]) {
		const r = await gw.handoff(slug, fields, { headers: { Origin: slug === 'broken' ? 'https://broken.test' : ORIGIN } });
		assert.equal(r.status, status);
		assert.match(r.headers.vary, /\bOrigin\b/);
		if (slug === 'broken')
			continue;
		assert.equal(r.headers['access-control-allow-origin'], ORIGIN);
		assert.equal(r.headers['access-control-allow-credentials'], 'true');
		assert.match(expose(r), /x-ratelimit-remaining/);
		assert.match(expose(r), /x-request-id/);
	}
	for (const Origin of ['https://evil.test', 'null', 'https://alpha.test:444', 'http://alpha.test', 'https://ALPHA.test', 'https://alpha.test.evil.test', 'https://alpha.test, https://evil.test']) {
		const r = await gw.handoff('alpha', user, { headers: { Origin } });
		assert.equal(r.headers['access-control-allow-origin'], undefined, Origin);
		assert.match(r.headers.vary, /\bOrigin\b/);
	}
});

test('require_origin refuses absent, foreign and null origins', async () => {
	for (const headers of [{}, { Origin: 'https://evil.test' }, { Origin: 'null' }])
		assert.equal((await gw.handoff('strict', user, { headers })).status, 403, JSON.stringify(headers));
	assert.equal((await gw.handoff('strict', user, { headers: { Origin: ORIGIN } })).status, 302);
	assert.equal((await gw.handoff('nullish', user, { headers: { Origin: 'null' } })).status, 302);
});

test('the preflight', async () => {
	const r = await gw.request({
		method: 'OPTIONS', path: '/api/auth/redirect/alpha',
		headers: { Origin: ORIGIN, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type' },
	});
	assert.equal(r.status, 204);
	assert.equal(r.headers['access-control-allow-origin'], ORIGIN);
	assert.equal(r.headers['access-control-allow-credentials'], 'true');
	assert.match(r.headers['access-control-allow-methods'], /POST/);
	assert.deepEqual(r.headers['access-control-allow-headers'].split(', '), ['content-type', 'accept', 'x-requested-with', 'x-csrf-token', 'x-xsrf-token'],
		'what axios and Laravel send');
	assert.equal(r.headers['access-control-max-age'], '600');
	assert.match(r.headers.vary, /\bOrigin\b/);
	const foreign = await gw.request({ method: 'OPTIONS', path: '/api/auth/redirect/alpha', headers: { Origin: 'https://evil.test' } });
	assert.equal(foreign.headers['access-control-allow-origin'], undefined);
});

test('a browser gets a readable page, a program gets JSON', async () => {
	const Accept = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
	const page = await gw.handoff('alpha', {}, { headers: { Accept } });
	assert.equal(page.status, 422);
	assert.match(page.headers['content-type'], /^text\/html; ?charset=utf-8$/i);
	assert.ok(page.text.includes(page.headers['x-request-id']), 'the request id');
	for (const field of ['email', 'name'])
		assert.ok(page.text.includes(`The ${field} field is required.`), 'all that is wrong');
	assert.ok(page.text.includes('https://alpha.test'), 'the way back');
	assert.match(page.headers['content-security-policy'], /frame-ancestors 'none'/);
	const xss = await gw.handoff('"><script>alert(1)</script>', {}, { headers: { Accept } });
	assert.ok(!xss.text.includes('<script>alert'));
});

test('hosts, methods and paths that do not exist', async () => {
	assert.equal((await gw.handoff('alpha', user, { host: 'evil.test' })).status, 421);
	assert.equal((await gw.handoff('alpha', user, { host: 'ticket.alpha.test' })).status, 404, 'B endpoints are on B');
	assert.equal((await gw.request({ path: '/nothing' })).status, 404);
	const get = await gw.request({ path: '/api/auth/redirect/alpha' });
	assert.equal(get.status, 405);
	assert.match(get.headers.allow, /POST/);
	for (const path of ['/api/auth/redirect/alpha//', '/api/auth/redirect/', '/api/auth/redirect/al%70ha', '/api//auth/redirect/alpha', '/healthz', '/metrics'])
		assert.equal((await gw.request({ method: 'POST', path, body: 'email=a@b&name=x', headers: { 'Content-Type': 'application/x-www-form-urlencoded' } })).status, 404, path);
});

test('a slash behind the slug', async () => {
	for (const headers of [{}, { Origin: ORIGIN }]) {
		const r = await gw.request({ method: 'POST', path: '/api/auth/redirect/alpha/', body: 'email=a@example.com&name=x',
			headers: { 'Content-Type': 'application/x-www-form-urlencoded', ...headers } });
		assert.equal(r.status, 302, r.text);
		assert.equal(r.headers['access-control-allow-origin'], headers.Origin);
		assert.equal((await gw.callback(r.headers.location)).status, 302);
	}
	const preflight = await gw.request({ method: 'OPTIONS', path: '/api/auth/redirect/alpha/', headers: { Origin: ORIGIN } });
	assert.equal(preflight.status, 204);
	assert.equal(preflight.headers['access-control-allow-origin'], ORIGIN);
	assert.equal((await gw.request({ path: '/api/auth/redirect/alpha/' })).status, 405);
});

test('near misses under /api/auth/: any page may read the answer, on each host', async () => {
	for (const [host, path] of [['tickets.test', '/api/auth'], ['tickets.test', '/api/auth/redirekt/alpha'], ['tickets.test', '/api/auth/redirect'],
		['tickets.test', '/API/auth/redirect/alpha'], ['ticket.alpha.test', '/api/auth/redirect/alpha'], ['tickets.test', '/api/auth/redirect/Alpha']]) {
		const what = `${host}${path}`;
		const headers = { Origin: 'https://nobody-lists-it.test', 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type,x-csrf-token' };
		const asked = await gw.request({ host, path, method: 'OPTIONS', headers });
		assert.equal(asked.status, 204, what);
		assert.equal(asked.headers['access-control-allow-origin'], '*', what);
		assert.match(asked.headers['access-control-allow-headers'], /x-csrf-token/, what);
		assert.match(asked.headers['access-control-allow-methods'], /POST/, what);
		const r = await gw.request({ host, path, method: 'POST', body: '{}', headers: { Origin: 'https://nobody-lists-it.test', 'Content-Type': 'application/json' } });
		assert.equal(r.status, 404, what);
		assert.equal(r.headers['access-control-allow-origin'], '*', what);
		assert.ok(r.json().hint, what);
		for (const answer of [asked, r])
			assert.equal(answer.headers['access-control-allow-credentials'], undefined, what);
	}
	for (const path of ['/nothing', '/auth/session', '/dashboard'])
		assert.equal((await gw.request({ host: 'ticket.alpha.test', path, headers: { Origin: 'https://evil.test' } })).headers['access-control-allow-origin'], undefined, path);
});

test('special characters round-trip', async () => {
	for (const name of ["Zoë O'Neil", 'a+b & c=d', '<b>bold</b>', '"quoted" \\ back', '日本語 🎫', '100% %41']) {
		const cookie = await gw.signIn('alpha', { email: 'round@example.com', name });
		const session = await gw.request({ host: 'ticket.alpha.test', path: '/auth/session', headers: { Cookie: cookie } });
		assert.equal(session.json().user.name, name);
	}
});
