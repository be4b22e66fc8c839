// The frame's endpoints: who may use them, what each answer says, and that the
// session of a frame is one of a frame alone.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { start, tenant, until } from './harness.mjs';

let gw;
before(async () => {
	gw = await start({ tenants: {
		alpha: tenant('alpha', { origins: '[ "https://alpha.test", "https://www.alpha.test" ]' }),
		beta: tenant('beta'),
		closed: tenant('closed', { url: null, origins: null }),
		deskless: tenant('deskless', { url: null, desk: 'false', origins: '[ "https://alpha.test" ]' }),
		strict: tenant('strict', { url: null, origins: '[ "https://alpha.test" ]', require_origin: 'true', allow_null_origin: 'true',
			rate_limit: '{ requests = 5; per = 3600; }' }),
		off: tenant('off', { url: null, enabled: 'false' }),
		mapped: tenant('mapped', { url: null, origins: '[ "https://alpha.test" ]',
			adapter: '{ module = "fieldmap.so"; config = { company = { from = "company_name"; required = true; max = 100; }; }; }' }),
		wild: tenant('wild', { url: null, require_origin: 'true', origins: '[ "https://alpha.test", "https://*.wild.test", "https://*.port.test:8443" ]' }),
		shared: tenant('shared', { url: null, origins: '[ "https://alpha.test" ]' }),
	} });
});
after(() => gw?.stop());

const own = { Origin: 'https://tickets.test', 'Sec-Fetch-Site': 'same-origin', 'Sec-Fetch-Mode': 'cors', 'Sec-Fetch-Dest': 'empty' };
const zoe = { email: 'zoe@example.com', name: "Zoë O'Neil" };

/** As the frame's script asks; a header that is null is left out. */
function ask(path, body, { headers = {}, cookie, ...rest } = {}) {
	const all = { ...own, Accept: 'application/json', 'Content-Type': 'application/json', 'X-Embedded-By': 'https://alpha.test',
		...(cookie ? { Cookie: cookie } : {}), ...headers };
	for (const [name, value] of Object.entries(all))
		if (value === null)
			delete all[name];
	return gw.request({ method: 'POST', path, body: typeof body === 'string' ? body : JSON.stringify(body), headers: all, ...rest });
}
const handoff = (slug, fields = zoe, options) => ask(`/embed/${slug}/handoff`, fields, options);
const tokenOf = (answer) => new URL(answer.json().redirect_url).searchParams.get('token');
const frame = (slug, headers = {}) => gw.request({ path: `/embed/${slug}`, headers: { Accept: 'text/html', 'Sec-Fetch-Dest': 'iframe', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Site': 'cross-site', ...headers } });

/** The cookie of a new session in a frame. */
async function signIn(slug, fields = zoe, options) {
	const opened = await ask(`/embed/${slug}/session`, { token: tokenOf(await handoff(slug, fields)) }, options);
	assert.equal(opened.status, 204, opened.text);
	return opened.cookies[0].split(';')[0];
}

test('the frame: its headers, exactly', async () => {
	const r = await frame('alpha');
	assert.equal(r.status, 200);
	const nonce = r.headers['content-security-policy'].match(/script-src 'nonce-([\w-]{22})'/)[1];
	assert.equal(r.headers['content-security-policy'], `default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; connect-src 'self'; ` +
		"base-uri 'none'; form-action 'none'; frame-ancestors https://alpha.test https://www.alpha.test");
	assert.equal(r.headers['cross-origin-embedder-policy'], 'require-corp');
	assert.equal(r.headers['cross-origin-resource-policy'], 'cross-origin');
	assert.equal(r.headers['cache-control'], 'no-store');
	assert.equal(r.headers['referrer-policy'], 'no-referrer');
	assert.equal(r.headers['x-content-type-options'], 'nosniff');
	assert.equal(r.headers['content-type'], 'text/html; charset=utf-8');
	for (const none of ['cross-origin-opener-policy', 'x-frame-options', 'set-cookie', 'access-control-allow-origin'])
		assert.equal(r.headers[none], undefined, none);
	assert.match(r.text, /data-origins="https:\/\/alpha\.test https:\/\/www\.alpha\.test" data-desk="yes"/);
	assert.equal((r.text.match(/<script/g) ?? []).length, 1);
	const again = await frame('alpha');
	assert.notEqual(again.headers['content-security-policy'], r.headers['content-security-policy'], 'a nonce is used once');
});

test('the frame: what it needs no script for', async () => {
	assert.match((await frame('deskless')).text, /data-desk="no"/);
	const old = await gw.request({ path: '/embed/alpha', headers: { Accept: 'text/html' } });
	assert.equal(old.status, 200, 'browsers without Sec-Fetch headers');
	const head = await gw.request({ path: '/embed/alpha', method: 'HEAD' });
	assert.equal(head.status, 200);
	assert.equal(head.text, '');
});

test('the frame, with a slash behind the slug', async () => {
	const r = await gw.request({ path: '/embed/alpha/', headers: { Accept: 'text/html', 'Sec-Fetch-Dest': 'iframe' } });
	assert.equal(r.status, 200);
	assert.match(r.headers['content-security-policy'], /frame-ancestors https:\/\/alpha\.test /);
});

test('a wildcard among the origins: one label, for each who reads them', async () => {
	const ancestors = (r) => r.headers['content-security-policy'].match(/frame-ancestors (.*)$/)[1];
	const origins = { 'https://a.wild.test': 200, 'https://my_shop.wild.test': 200, 'https://x.port.test:8443': 200, 'https://alpha.test': 200,
		'https://wild.test': 403, 'https://a.b.wild.test': 403, 'https://*.wild.test': 403, 'https://a.wild.test:8443': 403, 'https://evilwild.test': 403, 'http://a.wild.test': 403 };
	const cookie = await signIn('wild', zoe, { headers: { 'X-Embedded-By': 'https://alpha.test' } });
	const page = async (search) => gw.request({ path: `/embed/wild/dashboard${search}`, headers: { Cookie: cookie, Accept: 'text/html', 'Sec-Fetch-Dest': 'iframe' } });
	for (const [origin, status] of Object.entries(origins)) {
		const listed = status === 200;
		const posted = await gw.handoff('wild', { ...zoe, response: 'json' }, { headers: { Origin: origin } });
		assert.equal(posted.status, status, origin);
		assert.equal(posted.headers['access-control-allow-origin'], listed ? origin : undefined, 'the origin, not the entry');
		const framed = await handoff('wild', zoe, { headers: { 'X-Embedded-By': origin } });
		assert.equal(framed.status, status, origin);
		const shown = await page(`?in=${encodeURIComponent(origin)}`);
		assert.equal(shown.status, 200);
		assert.equal(ancestors(shown), listed ? `https://alpha.test ${origin}` : 'https://alpha.test', 'a policy knows no single label: the page around is named');
	}
	for (const search of ['', '?in=', '?in=%', '?in=https://a.wild.test&in=https://b.wild.test', '?in=https%3A%2F%2Fa.wild.test%3B%20script-src%20*'])
		assert.equal(ancestors(await page(search)), 'https://alpha.test', search);
	// What shows nothing is open to what a policy takes the star for; its script is not.
	const frameOf = await frame('wild');
	assert.equal(ancestors(frameOf), 'https://alpha.test https://*.wild.test https://*.port.test:8443');
	assert.match(frameOf.text, /data-origins="https:\/\/alpha\.test https:\/\/\*\.wild\.test https:\/\/\*\.port\.test:8443"/);
	// Without one nothing is asked for.
	const other = await signIn('alpha');
	assert.equal(ancestors(await gw.request({ path: '/embed/alpha/dashboard?in=https://evil.test', headers: { Cookie: other, Accept: 'text/html' } })),
		'https://alpha.test https://www.alpha.test');
});

test('the frame: refusals are seen inside it, and told to the page around', async () => {
	for (const [slug, headers, status, code] of [
		['nobody', {}, 404, 'tenant_not_found'],
		['off', {}, 404, 'tenant_not_found'],
		['closed', {}, 403, 'embedding_off'],
		['alpha', { 'Sec-Fetch-Dest': 'document' }, 403, 'not_a_frame'],
		['alpha', { 'Sec-Fetch-Dest': 'object' }, 403, 'not_a_frame'],
		['alpha', { 'Sec-Fetch-Dest': 'empty' }, 403, 'not_a_frame'],
	]) {
		const r = await frame(slug, headers);
		assert.equal(r.status, status, slug);
		assert.match(r.headers['content-security-policy'], /frame-ancestors \*$/);
		assert.equal(r.headers['cross-origin-resource-policy'], 'cross-origin');
		assert.equal(r.headers['cross-origin-embedder-policy'], 'require-corp');
		assert.equal(r.headers['x-frame-options'], undefined);
		assert.ok(r.text.includes(`data-status="${status}" data-code="${code}"`), r.text);
		assert.ok(!r.text.includes('<a '), 'nothing to click in it');
		assert.ok(!r.text.includes('data-origins'));
		const json = await gw.request({ path: `/embed/${slug}`, headers });
		assert.equal(json.status, status);
		assert.equal(json.json().code, code);
	}
	for (const slug of ['alpha', 'nobody'])
		assert.equal((await gw.request({ host: 'ticket.alpha.test', path: `/embed/${slug}` })).status, 404, 'the gateway\'s host alone has frames');
});

test('more origins than fit in a header: said, not cut', async () => {
	const many = Array.from({ length: 60 }, (_, i) => `"https://${'a'.repeat(60)}.${'b'.repeat(60)}.partner${i}.test"`);
	gw.writeConf('many', tenant('many', { url: null, origins: `[ ${many.join(', ')} ]` }));
	assert.equal((await gw.reload()).code, 0);
	const r = await gw.request({ path: '/embed/many' });
	assert.equal(r.status, 500);
	assert.equal(r.json().code, 'too_many_origins');
	gw.removeConf('many');
	await gw.reload();
});

test('a handoff: JSON, never a redirect, and nobody else may read it', async () => {
	const r = await handoff('alpha', { ...zoe, redirect_url: 'https://ticket.alpha.test/tickets/new' });
	assert.equal(r.status, 200);
	assert.deepEqual(Object.keys(r.json()), ['redirect_url', 'expires_in']);
	assert.equal(r.json().expires_in, 120);
	assert.ok(r.json().redirect_url.startsWith('https://ticket.alpha.test/auth/callback?token='));
	assert.equal(r.headers['x-ratelimit-limit'], '100000');
	assert.match(r.headers['x-ratelimit-remaining'], /^\d+$/);
	assert.equal(r.headers['cache-control'], 'no-store');
	assert.equal(r.headers['access-control-allow-origin'], undefined);
	assert.equal(r.headers['access-control-allow-credentials'], undefined);
	assert.deepEqual(r.cookies, []);
	const tab = await gw.callback(r.json().redirect_url);
	assert.equal(tab.status, 302, 'mode tab: the token is the callback\'s');
	assert.equal(tab.headers.location, 'https://ticket.alpha.test/tickets/new');
	assert.ok(tab.cookies[0].startsWith('__Host-usher='));
});

test('a handoff: who may ask', async () => {
	for (const [what, headers, code] of [
		['the partner\'s page itself', { Origin: 'https://alpha.test', 'Sec-Fetch-Site': 'cross-site' }, 'origin_refused'],
		['its origin alone', { Origin: 'https://alpha.test', 'Sec-Fetch-Site': null }, 'origin_refused'],
		['the tenant\'s host', { Origin: 'https://ticket.alpha.test' }, 'origin_refused'],
		['no origin', { Origin: null }, 'origin_refused'],
		['an opaque one', { Origin: 'null' }, 'origin_refused'],
		['another port', { Origin: 'https://tickets.test:8443' }, 'origin_refused'],
		['another scheme', { Origin: 'http://tickets.test' }, 'origin_refused'],
		['two origins', { Origin: ['https://tickets.test', 'https://tickets.test'] }, 'origin_refused'],
		['our origin, said from elsewhere', { 'Sec-Fetch-Site': 'cross-site' }, 'origin_refused'],
		['a sibling', { 'Sec-Fetch-Site': 'same-site' }, 'origin_refused'],
		['nobody\'s doing', { 'Sec-Fetch-Site': 'none' }, 'origin_refused'],
		['no page around', { 'X-Embedded-By': null }, 'embedder_refused'],
		['a stranger around', { 'X-Embedded-By': 'https://evil.test' }, 'embedder_refused'],
		['another tenant\'s page around', { 'X-Embedded-By': 'https://beta.test' }, 'embedder_refused'],
		['an opaque page around', { 'X-Embedded-By': 'null' }, 'embedder_refused'],
		['an empty one', { 'X-Embedded-By': '' }, 'embedder_refused'],
		['nearly the one', { 'X-Embedded-By': 'https://alpha.test/' }, 'embedder_refused'],
		['ourselves around', { 'X-Embedded-By': 'https://tickets.test' }, 'embedder_refused'],
		['two around', { 'X-Embedded-By': ['https://alpha.test', 'https://alpha.test'] }, 'embedder_refused'],
	]) {
		const r = await handoff('alpha', zoe, { headers });
		assert.equal(r.status, 403, what);
		assert.equal(r.json().code, code, what);
		assert.equal(r.headers['access-control-allow-origin'], undefined, what);
		assert.ok(r.headers['x-ratelimit-limit'], what);
	}
	assert.equal((await handoff('alpha', zoe, { headers: { 'Sec-Fetch-Site': null } })).status, 200, 'a browser without Sec-Fetch headers');
	assert.equal((await handoff('alpha', zoe, { headers: { 'X-Embedded-By': 'https://www.alpha.test' } })).status, 200);
	const r = await handoff('strict', zoe, { headers: { 'X-Embedded-By': 'null' } });
	assert.equal(r.status, 403, 'allow_null_origin is for forms: no sandboxed page may embed');
});

test('a handoff: the tenant, and the limit', async () => {
	assert.equal((await handoff('nobody')).json().error, 'The specified tenant does not exist.');
	assert.equal((await handoff('off')).status, 404);
	assert.equal((await handoff('alpha', zoe, { host: 'ticket.alpha.test' })).status, 404);
	const address = '127.0.0.9';
	for (let i = 0; i < 5; i++)
		assert.equal((await handoff('strict', zoe, { localAddress: address })).status, 200);
	const r = await handoff('strict', zoe, { localAddress: address });
	assert.equal(r.status, 429);
	assert.equal(r.json().message, 'Too many requests.');
	assert.equal(String(r.json().retry_after), r.headers['retry-after']);
	assert.equal((await gw.handoff('strict', zoe, { localAddress: address })).status, 429, 'one budget for both ways in');
});

test('a handoff: the body', async () => {
	for (const [type, body, status, code] of [
		['application/x-www-form-urlencoded', 'email=zoe%40example.com&name=Zoe', 415, 'unsupported_media_type'],
		['multipart/form-data; boundary=x', '--x\r\nContent-Disposition: form-data; name="email"\r\n\r\nzoe@example.com\r\n--x--\r\n', 415, 'unsupported_media_type'],
		['text/plain', JSON.stringify(zoe), 415, 'unsupported_media_type'],
		[null, JSON.stringify(zoe), 415, 'unsupported_media_type'],
		['application/json; charset=latin1', JSON.stringify(zoe), 415, 'unsupported_media_type'],
		['application/json', '{"email":', 400, 'malformed_body'],
		['application/json', '{"email":"zoe@example.com","name":["x"]}', 400, 'nested_value'],
		['application/json', JSON.stringify({ ...zoe, more: 'x'.repeat(17000) }), 413, 'body_too_large'],
	]) {
		const r = await ask('/embed/alpha/handoff', body, { headers: { 'Content-Type': type } });
		assert.equal(r.status, status, `${type}: ${r.text}`);
		assert.equal(r.json().code, code);
	}
	const wrong = await handoff('alpha', { email: 'nothing', redirect_url: 'https://evil.test/' });
	assert.equal(wrong.status, 422);
	assert.deepEqual(Object.keys(wrong.json().errors).sort(), ['email', 'name', 'redirect_url']);
	const html = await handoff('alpha', { email: 'nothing' }, { headers: { Accept: 'text/html' } });
	assert.equal(html.status, 422);
});

test('a handoff: the adapter is asked as ever', async () => {
	const without = await handoff('mapped');
	assert.equal(without.status, 422, without.text);
	assert.ok(without.json().errors.company_name);
	assert.equal((await handoff('mapped', { ...zoe, company_name: 'Acme' })).status, 200);
});

test('what other methods get', async () => {
	for (const path of ['/embed/alpha/handoff', '/embed/alpha/session', '/embed/alpha/logout']) {
		const r = await gw.request({ path });
		assert.equal(r.status, 405);
		assert.equal(r.headers.allow, 'POST');
		const preflight = await gw.request({ method: 'OPTIONS', path, headers: { Origin: 'https://alpha.test', 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'x-embedded-by' } });
		assert.equal(preflight.status, 405, 'no preflight passes');
		assert.equal(preflight.headers['access-control-allow-origin'], undefined);
	}
});

test('a session: opened once, with its own cookie', async () => {
	const token = tokenOf(await handoff('alpha'));
	const r = await ask('/embed/alpha/session', { token });
	assert.equal(r.status, 204);
	assert.equal(r.text, '');
	assert.equal(r.cookies.length, 1);
	assert.match(r.cookies[0], /^__Host-usher-embed=[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=None; Partitioned$/);
	const again = await ask('/embed/alpha/session', { token });
	assert.equal(again.status, 410);
	assert.equal(again.json().code, 'token_used');
	assert.deepEqual(again.cookies, []);
	const tab = await gw.callback(`https://ticket.alpha.test/auth/callback?token=${token}`);
	assert.equal(tab.status, 410, 'nor in a tab');
});

test('a session: refusals', async () => {
	const foreign = tokenOf(await handoff('beta', zoe, { headers: { 'X-Embedded-By': 'https://beta.test' } }));
	for (const [what, body, options, status, code] of [
		['no token', {}, {}, 401, 'token_invalid'],
		['none of ours', { token: 'x.y.z' }, {}, 401, 'token_invalid'],
		['another tenant\'s', { token: foreign }, {}, 401, 'token_invalid'],
		['malformed', '{', {}, 400, 'malformed_body'],
		['a form', 'token=x', { headers: { 'Content-Type': 'application/x-www-form-urlencoded' } }, 415, 'unsupported_media_type'],
		['another site', { token: foreign }, { headers: { Origin: 'https://alpha.test' } }, 403, 'origin_refused'],
		['another site, as browsers tell it', { token: foreign }, { headers: { 'Sec-Fetch-Site': 'cross-site' } }, 403, 'origin_refused'],
		['no origin', { token: foreign }, { headers: { Origin: null } }, 403, 'origin_refused'],
	]) {
		const r = await ask('/embed/alpha/session', body, options);
		assert.equal(r.status, status, `${what}: ${r.text}`);
		assert.equal(r.json().code, code, what);
		assert.deepEqual(r.cookies, [], what);
	}
	const deskless = await ask('/embed/deskless/session', { token: tokenOf(await handoff('deskless')) });
	assert.equal(deskless.status, 404);
	assert.equal(deskless.json().code, 'desk_off');
	assert.equal((await ask('/embed/nobody/session', { token: foreign })).status, 404);
	assert.equal((await ask('/embed/beta/session', { token: foreign })).status, 204, 'and the token was not spent by any of it');
});

test('a session of a frame is nothing in a tab, and the other way round', async () => {
	const framed = await signIn('shared');
	const value = framed.split('=')[1];
	const tab = await gw.signIn('shared', zoe);
	for (const cookie of [framed, `__Host-usher=${value}`]) {
		assert.equal((await gw.request({ path: '/auth/session', headers: { Cookie: cookie } })).status, 401, cookie);
		assert.equal((await gw.request({ path: '/auth/check?tenant=shared', headers: { Cookie: cookie } })).status, 401);
		assert.equal((await gw.request({ path: '/dashboard', headers: { Cookie: cookie } })).status, 401);
	}
	assert.equal((await gw.request({ path: '/auth/session', headers: { Cookie: tab } })).status, 200);
	// The tab's own in a frame, under either name: its end is not told from there.
	for (const cookie of [tab, `__Host-usher-embed=${tab.split('=')[1]}`])
		await ask('/embed/shared/logout', {}, { cookie });
	assert.equal((await gw.request({ path: '/auth/session', headers: { Cookie: tab } })).status, 200);
	// And the frame's in a tab's logout.
	await gw.request({ method: 'POST', path: '/auth/logout', headers: { Origin: 'https://tickets.test', Cookie: `${framed}; __Host-usher=${value}` } });
	const out = await ask('/embed/shared/logout', {}, { cookie: framed });
	assert.equal(out.status, 204);
});

test('signing out in a frame', async () => {
	const cookie = await signIn('alpha');
	for (const headers of [{ Origin: 'https://alpha.test' }, { Origin: 'null' }, { Origin: null }, { Origin: 'https://evil.test', 'Sec-Fetch-Site': 'cross-site' }]) {
		const r = await ask('/embed/alpha/logout', {}, { cookie, headers });
		assert.equal(r.status, 403, JSON.stringify(headers));
		assert.deepEqual(r.cookies, []);
	}
	const script = await ask('/embed/alpha/logout', {}, { cookie });
	assert.equal(script.status, 204);
	assert.deepEqual(script.cookies, ['__Host-usher-embed=; Path=/; Secure; HttpOnly; SameSite=None; Partitioned; Max-Age=0']);
	const form = await ask('/embed/alpha/logout', '', { headers: { Accept: 'text/html', 'Content-Type': 'application/x-www-form-urlencoded', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'iframe' } });
	assert.equal(form.status, 303);
	assert.equal(form.headers.location, '/embed/alpha#signed-out');
});

test('every way through it is in the trail', async () => {
	const r = await handoff('alpha', zoe, { headers: { 'X-Embedded-By': 'https://evil.test' } });
	const id = r.headers['x-request-id'];
	// What refuses is written unawaited.
	const told = await until(async () => {
		const { code, out } = await gw.explain(id);
		return code === 0 && out;
	}, 'the trail');
	assert.match(told, /check_embedder/);
	assert.match(told, /embedder_refused/);
});
