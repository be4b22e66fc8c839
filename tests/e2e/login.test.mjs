// A sign-in that starts at the desk, against the real daemon: there and back with a cookie
// jar, and a table of attacks.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Gateway, tenant } from './harness.mjs';

const SECRET = 'a secret of thirty-two octets or more';
const b64 = (x) => Buffer.from(JSON.stringify(x)).toString('base64url');
const now = () => Math.floor(Date.now() / 1000);
function assertion(more = {}) {
	const input = `${b64({ alg: 'HS256', kid: 'hs' })}.${b64({ aud: 'beta', iat: now(), exp: now() + 60, jti: crypto.randomUUID(), sub: '1', email: 'ann@example.com', name: 'Ann', ...more })}`;
	return `${input}.${crypto.createHmac('sha256', SECRET).update(input).digest('base64url')}`;
}

let gw;
before(async () => {
	gw = new Gateway({
		gateway: { trusted_proxies: '[ "127.0.0.2" ]' },
		tenants: {
			alpha: tenant('alpha', { login_url: '"https://alpha.test/support/login?to=desk"', logout_url: '"https://alpha.test/bye"', redeem_secret_file: '"redeem"' }),
			beta: tenant('beta', { identity: '"signed"', keys: '( { kid = "hs"; algorithm = "HS256"; secret_file = "hs"; } )', login_url: '"https://beta.test/login"' }),
			gamma: tenant('gamma', { url: null, login_url: '"https://gamma.test/login"' }),
			delta: tenant('delta', { url: null }),
			routed: tenant('routed', { url: '"https://desk.alpha.test"', login_url: '"https://routed.test/login"',
				adapter: '{ module = "plan-router.so"; config = { routes = ( { when = { plan = "enterprise"; }; url = "https://desk.alpha.test/vip"; } ); }; }' }),
		},
	});
	fs.writeFileSync(path.join(gw.conf, 'hs'), `${SECRET}\n`, { mode: 0o600 });
	fs.writeFileSync(path.join(gw.conf, 'redeem'), 'a-secret-for-the-server\n', { mode: 0o600 });
	await gw.start();
});
after(() => gw.stop());

/** A browser as far as this is about: a jar of cookies for each host. */
class Browser {
	jars = new Map();
	keepsCookies = true;

	async go(url, { method = 'GET', fields, headers = {}, site = 'none', ...rest } = {}) {
		const at = new URL(url), jar = this.jars.get(at.host) ?? new Map();
		const r = await gw.request({
			host: at.host, method, path: at.pathname + at.search, body: fields && new URLSearchParams(fields).toString(),
			headers: {
				Accept: 'text/html', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document', 'Sec-Fetch-Site': site,
				...(fields ? { 'Content-Type': 'application/x-www-form-urlencoded' } : {}),
				...(jar.size ? { Cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; ') } : {}), ...headers,
			}, ...rest,
		});
		for (const cookie of this.keepsCookies ? r.cookies : []) {
			const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
			if (cookie.includes('Max-Age=0'))
				jar.delete(name);
			else
				jar.set(name, value);
		}
		this.jars.set(at.host, jar);
		return Object.assign(r, { url, to: r.headers.location && new URL(r.headers.location, url) });
	}

	/** As far as the gateway leads. */
	async follow(url, options) {
		/* a chain that another site's page began is that site's */
		const site = options?.fields ? 'cross-site' : 'none';
		let r = await this.go(url, { site, ...options });
		for (let hops = 0; r.to && /^ticket|^tickets/.test(r.to.host); hops++) {
			assert.ok(hops < 10, 'a loop');
			r = await this.go(r.to.href, { site });
		}
		return r;
	}
}
const USER = { email: 'user@example.com', name: 'John Doe' };
const DESK = 'https://ticket.alpha.test', POST = 'https://tickets.test/api/auth/redirect';

test('a deep link survives: signed out, to the partner, and to ticket 17', async () => {
	const browser = new Browser();
	const out = await browser.follow(`${DESK}/tickets/17?x=1`);
	assert.equal(out.status, 302);
	assert.equal(out.to.origin + out.to.pathname, 'https://alpha.test/support/login');
	assert.equal(out.to.searchParams.get('to'), 'desk');
	assert.equal(out.to.searchParams.get('return_to'), `${DESK}/tickets/17?x=1`);
	assert.equal(out.to.searchParams.get('state'), out.to.searchParams.get('nonce'));
	const back = await browser.follow(`${POST}/alpha`, { method: 'POST', fields: { ...USER, redirect_url: `${DESK}/dashboard`, state: out.to.searchParams.get('state') } });
	assert.equal(back.url, `${DESK}/tickets/17?x=1`);
	assert.equal(back.status, 404, 'there is no such ticket, but who asks is in');
	assert.equal((await browser.go(`${DESK}/auth/session`)).json().user.email, USER.email);
	assert.deepEqual([...browser.jars.get('ticket.alpha.test').keys()], ['__Host-usher']);
});

test('the same with an assertion, whose nonce it is', async () => {
	const browser = new Browser();
	const out = await browser.follow('https://ticket.beta.test/tickets/new');
	const back = await browser.follow(`${POST}/beta`, { method: 'POST', fields: { assertion: assertion({ nonce: out.to.searchParams.get('nonce') }) } });
	assert.equal(back.url, 'https://ticket.beta.test/tickets/new');
	assert.equal(back.status, 200);
});

test('an adapter\'s choice comes first, and only where it makes one', async () => {
	const browser = new Browser();
	for (const [plan, place] of [['enterprise', '/vip'], ['free', '/tickets/5']]) {
		const out = await browser.go('https://desk.alpha.test/auth/login?return_to=/tickets/5');
		const posted = await gw.handoff('routed', { ...USER, email: `${plan}@example.com`, plan, redirect_url: 'https://desk.alpha.test/dashboard', state: out.to.searchParams.get('state') });
		assert.equal(posted.status, 302, posted.text);
		const r = await browser.go(posted.headers.location);
		assert.equal(r.to.href, `https://desk.alpha.test${place}`);
		browser.jars.delete('desk.alpha.test');
	}
});

test('a desk with sessions of its own is told the nonce, and compares by itself', async () => {
	const redeem = async (fields) => {
		const token = new URL((await gw.handoff('alpha', { ...USER, ...fields })).headers.location).searchParams.get('token');
		const r = await gw.request({ method: 'POST', path: '/api/auth/redeem/alpha', body: `token=${token}`, headers: { 'Content-Type': 'application/x-www-form-urlencoded', Authorization: 'Bearer a-secret-for-the-server' } });
		assert.equal(r.status, 200, r.text);
		return r.json();
	};
	assert.equal((await redeem({ state: 'x'.repeat(32) })).nonce, 'x'.repeat(32));
	assert.ok(!('nonce' in await redeem({})));
	assert.ok(!('nonce' in await redeem({ state: 'Ohio' })));
});

test('on a shared host it is said whose desk it is', async () => {
	const browser = new Browser();
	assert.equal((await browser.go('https://tickets.test/auth/login')).status, 400);
	assert.equal((await browser.go('https://tickets.test/auth/login?tenant=alpha')).status, 400, 'which lives elsewhere');
	const out = await browser.go('https://tickets.test/auth/login?tenant=gamma&return_to=/tickets/1');
	assert.equal(out.to.origin, 'https://gamma.test');
	const r = await browser.go('https://tickets.test/auth/login?tenant=delta');
	assert.equal(r.status, 200);
	assert.match(r.text, /href="https:\/\/delta.test"|href="https:\/\/delta.test\/"/);
	/* the state of one tenant is none of another's */
	const state = out.to.searchParams.get('state');
	const back = await browser.follow(`${POST}/gamma`, { method: 'POST', fields: { ...USER, state } });
	assert.equal(back.url, 'https://tickets.test/tickets/1');
});

test('a proxy that is trusted says what was asked for', async () => {
	const at = (localAddress) => new Browser().go(`${DESK}/auth/login`, { localAddress, headers: { 'X-Original-URI': '/tickets/3?a=b&c', 'X-Forwarded-For': '192.0.2.1' } });
	assert.equal((await at('127.0.0.2')).to.searchParams.get('return_to'), `${DESK}/tickets/3?a=b&c`);
	assert.equal((await at('127.0.0.3')).to.searchParams.get('return_to'), null);
});

test('scripts and programs are told, not sent', async () => {
	for (const headers of [{ Accept: 'application/json' }, { 'Sec-Fetch-Mode': 'cors', 'Sec-Fetch-Dest': 'empty' }, { 'Sec-Fetch-Dest': 'iframe' }])
		for (const target of ['/auth/login', '/tickets/17']) {
			const r = await new Browser().go(DESK + target, { headers });
			assert.equal(r.status, 401, target);
			assert.deepEqual(r.cookies, []);
		}
});

/** A sign-in of Eve's own that was begun in another browser, up to the callback's address. */
async function eves(slug = 'alpha') {
	const state = (await new Browser().go(`https://ticket.${slug}.test/auth/login`)).to.searchParams.get('state');
	const fields = slug === 'beta' ? { assertion: assertion({ nonce: state, sub: '666', email: 'eve@example.com' }) } : { email: 'eve@example.com', name: 'Eve', state };
	return (await gw.handoff(slug, fields)).headers.location;
}
async function victim(slug = 'alpha') {
	const browser = new Browser();
	await browser.go(`https://ticket.${slug}.test/auth/login?return_to=/tickets/17`);
	return browser;
}

const attacks = [
	['a sign-in of another browser', 'alpha', async () => (await new Browser()).go(await eves())],
	['the same, signed', 'beta', async () => (await new Browser()).go(await eves('beta'))],
	['a cookie of another tenant', 'beta', async () => {
		const browser = await victim();
		browser.jars.set('ticket.beta.test', browser.jars.get('ticket.alpha.test'));
		return browser.go(await eves('beta'));
	}],
	['a cookie that was changed', 'alpha', async () => {
		const browser = new Browser();
		const state = (await browser.go(`${DESK}/auth/login`)).to.searchParams.get('state');
		const jar = browser.jars.get('ticket.alpha.test'), value = jar.get('__Host-usher-login');
		jar.set('__Host-usher-login', `${value.slice(0, -1)}${value.endsWith('A') ? 'B' : 'A'}`);
		return browser.go((await gw.handoff('alpha', { ...USER, state })).headers.location);
	}],
	['two cookies of that name', 'alpha', async () => {
		const browser = new Browser();
		const state = (await browser.go(`${DESK}/auth/login`)).to.searchParams.get('state');
		const value = browser.jars.get('ticket.alpha.test').get('__Host-usher-login');
		return browser.go((await gw.handoff('alpha', { ...USER, state })).headers.location, { headers: { Cookie: `__Host-usher-login=${value}; __Host-usher-login=x` } });
	}],
	['the token as the cookie', 'alpha', async () => {
		const location = await eves(), token = new URL(location).searchParams.get('token');
		return new Browser().go(location, { headers: { Cookie: `__Host-usher-login=${token}` } });
	}],
];
for (const [what, slug, how] of attacks)
	test(`refused: ${what}`, async () => {
		const r = await how();
		assert.equal(r.status, 401, r.text);
		assert.match(r.text, /data-code="assertion_nonce"/);
		assert.deepEqual(r.cookies, []);
		assert.equal((await gw.ctl('--json', 'users', 'show', slug, 'eve@example.com')).code, 1);
	});

for (const [what, slug, how] of [
	['the victim has begun one, too', 'alpha', () => eves()],
	['signed', 'beta', () => eves('beta')],
	['a nonce of somebody\'s own making', 'beta', async () => (await gw.handoff('beta', { assertion: assertion({ nonce: 'x', sub: '666', email: 'eve@example.com' }) })).headers.location],
])
	test(`login CSRF leads the victim to the partner, as themselves: ${what}`, async () => {
		const browser = await victim(slug), location = await how();
		const r = await browser.follow(location);
		assert.equal(r.to.origin + r.to.pathname, slug === 'beta' ? 'https://beta.test/login' : 'https://alpha.test/support/login');
		assert.ok(!browser.jars.get(`ticket.${slug}.test`).has('__Host-usher'));
		/* and once */
		assert.match((await browser.go(location)).text, /data-code="assertion_nonce"/);
		assert.equal((await gw.ctl('--json', 'users', 'show', slug, 'eve@example.com')).code, 1);
	});

test('two that begin at once in a browser without cookies: both are in', async () => {
	const browser = new Browser(), partner = (out) => ({ ...USER, state: out.to.searchParams.get('state'), redirect_url: out.to.searchParams.get('return_to') });
	const other = new Browser(), first = await other.go(`${DESK}/auth/login?return_to=/tickets/1`);
	const second = await browser.go(`${DESK}/auth/login?return_to=/tickets/2`);
	const again = await browser.follow(`${POST}/alpha`, { method: 'POST', fields: partner(first) });
	assert.equal(again.to.host, 'alpha.test');
	assert.equal(again.to.searchParams.get('return_to'), `${DESK}/tickets/1`);
	assert.equal((await browser.follow(`${POST}/alpha`, { method: 'POST', fields: partner(again) })).url, `${DESK}/tickets/1`);
	assert.equal((await browser.follow(`${POST}/alpha`, { method: 'POST', fields: partner(second) })).url, `${DESK}/tickets/2`);
});

test('a library that always puts in a nonce of its own signs in at the click, and with the state beside it', async () => {
	const own = () => ({ assertion: assertion({ nonce: crypto.randomBytes(16).toString('hex') }) });
	assert.equal((await new Browser().follow(`${POST}/beta`, { method: 'POST', fields: own() })).status, 200);
	const browser = new Browser(), out = await browser.follow('https://ticket.beta.test/tickets/new');
	const back = await browser.follow(`${POST}/beta`, { method: 'POST', fields: { ...own(), state: out.to.searchParams.get('state') } });
	assert.equal(back.url, 'https://ticket.beta.test/tickets/new');
	assert.equal(back.status, 200);
});

test('the login\'s cookie is no token', async () => {
	const browser = await victim();
	const token = browser.jars.get('ticket.alpha.test').get('__Host-usher-login');
	const r = await browser.go(`${DESK}/auth/callback?token=${token}`);
	assert.match(r.text, /data-code="token_invalid"/);
});

test('the token stays unspent, and works where it belongs', async () => {
	const browser = await victim();
	const state = (await browser.go(`${DESK}/auth/login?return_to=/tickets/new`)).to.searchParams.get('state');
	const { location } = (await gw.handoff('alpha', { ...USER, state })).headers;
	assert.equal((await new Browser().go(location)).status, 401);
	assert.equal((await browser.follow(location)).url, `${DESK}/tickets/new`);
});

for (const target of ['https://evil.test/', '//evil.test/', '/\\evil.test/', '\\/evil.test', 'https://ticket.alpha.test@evil.test/', 'https://ticket.alpha.test.evil.test/', 'javascript:alert(1)', '/auth/logout', '/auth/callback?token=x', '/api/tickets', '/%2561uth/logout', 'http://ticket.alpha.test/', '/..//auth/login', 'https://evil.test\\@ticket.alpha.test/', '\u0000/x', `/${'x'.repeat(2000)}`])
	test(`no way to ${JSON.stringify(target).slice(0, 60)}`, async () => {
		const browser = new Browser();
		const out = await browser.go(`${DESK}/auth/login?return_to=${encodeURIComponent(target)}`);
		if (out.status === 400)
			return;
		assert.equal(out.to.host, 'alpha.test');
		assert.equal(out.to.searchParams.get('return_to'), null);
		const back = await browser.follow(`${POST}/alpha`, { method: 'POST', fields: { ...USER, state: out.to.searchParams.get('state') } });
		assert.equal(back.url, `${DESK}/dashboard`);
		/* nor for who is in */
		assert.equal((await browser.go(`${DESK}/auth/login?return_to=${encodeURIComponent(target)}`)).to.href, `${DESK}/dashboard`);
	});

/** A partner whose page posts by itself what `make` gives, until the gateway has had enough. */
async function circle(browser, start, make) {
	let r = start, rounds = 0;
	while (r.to) {
		assert.ok(rounds++ < 10, 'a loop');
		r = await browser.follow(`${POST}/beta`, { method: 'POST', fields: make(r.to.searchParams) });
	}
	return { r, rounds };
}
const late = () => assertion({ iat: now() - 200, exp: now() - 100 });

test('a partner that is always late is asked twice, and not for ever', async () => {
	const browser = new Browser();
	const first = await browser.follow(`${POST}/beta`, { method: 'POST', fields: { assertion: late(), redirect_url: 'https://ticket.beta.test/tickets/4' } });
	assert.equal(first.to.origin + first.to.pathname, 'https://beta.test/login');
	assert.equal(first.to.searchParams.get('return_to'), 'https://ticket.beta.test/tickets/4');
	const { r, rounds } = await circle(browser, first, () => ({ assertion: late() }));
	assert.equal(rounds, 1);
	assert.match(r.text, /data-code="sign_in_repeated"/);
	assert.match(r.text, /Reload the page that you came from/);
	/* one that hands the state on is told why at once */
	const again = new Browser();
	const { r: told } = await circle(again, await again.follow('https://ticket.beta.test/tickets/4'), (query) => ({ assertion: late(), state: query.get('state') }));
	assert.match(told.text, /data-code="assertion_expired"/);
});

test('the second try brings them where the first was to lead', async () => {
	const browser = new Browser();
	const first = await browser.follow(`${POST}/beta`, { method: 'POST', fields: { assertion: late(), redirect_url: 'https://ticket.beta.test/tickets/new' } });
	const back = await browser.follow(`${POST}/beta`, { method: 'POST', fields: { assertion: assertion({ nonce: first.to.searchParams.get('nonce') }) } });
	assert.equal(back.url, 'https://ticket.beta.test/tickets/new');
	assert.equal(back.status, 200);
});

test('a browser that keeps no cookies is sent nowhere again', async () => {
	const browser = new Browser();
	browser.keepsCookies = false;
	const r = await browser.follow(`${POST}/beta`, { method: 'POST', fields: { assertion: late() } });
	assert.match(r.text, /data-code="sign_in_repeated"/);
	const out = await browser.follow('https://ticket.beta.test/tickets/4');
	const back = await browser.follow(`${POST}/beta`, { method: 'POST', fields: { assertion: assertion({ nonce: out.to.searchParams.get('nonce') }) } });
	assert.match(back.text, /data-code="assertion_nonce"/);
});

test('nor where the partner knows of no state and its page posts by itself', async () => {
	const browser = new Browser();
	browser.keepsCookies = false;
	let r = await browser.follow(`${DESK}/tickets/4`), rounds = 0;
	for (; r.to; rounds++) {
		assert.ok(rounds < 3, 'a loop');
		r = await browser.follow(`${POST}/alpha`, { method: 'POST', fields: { ...USER, redirect_url: r.to.searchParams.get('return_to') } });
	}
	assert.equal(rounds, 1);
	assert.match(r.text, /data-code="sign_in_repeated"/);
	assert.match(r.text, /keeps no cookies/);
});

test('a used assertion begins anew, and who it signed in is in', async () => {
	const browser = new Browser(), fields = { assertion: assertion({ sub: '77', email: 'seven@example.com' }) };
	assert.equal((await browser.follow(`${POST}/beta`, { method: 'POST', fields })).status, 200);
	assert.equal((await browser.follow(`${POST}/beta`, { method: 'POST', fields })).url, 'https://ticket.beta.test/dashboard');
	const other = await new Browser().follow(`${POST}/beta`, { method: 'POST', fields });
	assert.equal(other.to.origin, 'https://beta.test');
});

test('a page with one button signs out, and leads to logout_url', async () => {
	const browser = new Browser();
	await browser.follow(`${POST}/alpha`, { method: 'POST', fields: USER });
	const page = await browser.go(`${DESK}/auth/logout`);
	assert.equal(page.status, 200);
	assert.match(page.text, /<form method="post" action="\/auth\/logout"/);
	assert.equal((page.text.match(/<button/g) ?? []).length, 1);
	assert.equal((await browser.go(`${DESK}/auth/session`)).status, 200);
	for (const origin of ['https://alpha.test', 'null', undefined])
		assert.equal((await browser.go(`${DESK}/auth/logout`, { method: 'POST', fields: {}, headers: origin ? { Origin: origin } : {} })).status, 403);
	const out = await browser.go(`${DESK}/auth/logout`, { method: 'POST', fields: {}, headers: { Origin: DESK } });
	assert.equal(out.status, 303);
	assert.equal(out.to.href, 'https://alpha.test/bye');
	assert.equal((await browser.go(`${DESK}/auth/session`)).status, 401);
	assert.match((await browser.go(`${DESK}/auth/logout`)).text, /You are signed out/);
});
