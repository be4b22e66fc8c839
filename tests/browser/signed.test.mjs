// Users whom the partner's server vouches for at the click: the SDK asks it for
// an assertion (data-sign-url), and hands that off, whatever the method.
// needs: chromium
// needs: npm:playwright-core
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { Gateway, tenant, until } from '../e2e/harness.mjs';
import { browser } from './chromium.mjs';
import { sites } from './site.mjs';

const SECRET = 'a-secret-of-at-least-32-octets-that-both-know';
const zoe = { email: 'zoe@example.com', name: 'Zoë O\'Neil' };
const now = () => Math.floor(Date.now() / 1000);
const b64 = (x) => Buffer.from(JSON.stringify(x)).toString('base64url');
function sign(more = {}) {
	const text = `${b64({ alg: 'HS256', kid: 'k' })}.${b64({ aud: 'alpha', iat: now(), exp: now() + 60, jti: crypto.randomUUID(), sub: '7', ...zoe, ...more })}`;
	return `${text}.${crypto.createHmac('sha256', SECRET).update(text).digest('base64url')}`;
}
const json = (body, status = 200) => ({ status, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
const STALE = { iat: 1000, exp: 1060 };

// What the partner's server says, set by each test; and what it was asked.
let answer;
const asked = [];
async function support(request) {
	let body = '';
	for await (const part of request)
		body += part;
	asked.push({ headers: request.headers, method: request.method, body });
	return answer(asked.length);
}

const page = (script, more = '') => `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>Partner</title>${script}
<script src="https://tickets.test/sdk/usher.js" data-tenant="alpha" data-sign-url="/support/assertion"></script>
<form method="post" action="/support/assertion" target="_blank">
<input type="hidden" name="csrf" value="of the form">${more}
<button id="form" data-usher="form" data-usher-login="/login">form</button>
<button id="fetch" data-usher="fetch">fetch</button>
<button id="tab" data-usher="embed" data-usher-mode="tab">embed, in a tab</button>
<button id="embed" data-usher="embed" data-usher-target="#desk">embed</button>
<button id="watched" data-usher="form" data-usher-tenant="watched">a tenant that observes</button>
</form><button id="own" type="button">by code</button><div id="desk" style="height: 40rem"></div>
<script>
document.getElementById('own').onclick = (event) => {
	window.result = null;
	window.errors = [];
	Usher.contactSupport({ event, ...window.options, onerror: (e) => window.errors.push(e.code) })
		.then(() => { window.result = { ok: true }; }, (e) => { window.result = Object.assign({ message: e.message }, e); });
};
</script>`;
const as = (user) => `<script>window.authUser = ${JSON.stringify(user)};</script>`;
const pages = {
	'https://alpha.test/': page(as(zoe)),
	'https://alpha.test/silent': page(''),
	'https://alpha.test/guest': page(as(null)),
	'https://alpha.test/own-fields': page('', '<input type="hidden" name="email" value="form@example.com">'),
	'https://alpha.test/login': 'sign in here',
	'https://alpha.test/support/assertion': support,
	'https://evil.test/assertion': support,
};

let gw, site, chromium;
before(async () => {
	const keys = '( { kid = "k"; algorithm = "HS256"; secret_file = "secret"; } )';
	gw = new Gateway({ tenants: {
		alpha: tenant('alpha', { identity: '"signed"', keys }),
		watched: tenant('watched', { identity: '"observe"', keys, url: null, origins: '[ "https://alpha.test" ]' }),
	} });
	fs.writeFileSync(path.join(gw.conf, 'secret'), `${SECRET}\n`, { mode: 0o600 });
	await gw.start();
	site = await sites(pages);
	chromium = await browser({ hosts: { 'alpha.test': site.port, 'evil.test': site.port, '*.test': gw.port } });
});
after(async () => {
	await chromium?.close();
	await site?.stop();
	await gw?.stop();
});
beforeEach(async () => {
	asked.length = 0;
	answer = () => json({ assertion: sign() });
	await chromium.context.clearCookies();
});

async function visit(url = '/', options = {}) {
	const partner = await chromium.context.newPage();
	partner.said = [];
	partner.on('console', (m) => partner.said.push(m.text()));
	await partner.goto(`https://alpha.test${url}`);
	await partner.evaluate((o) => { window.options = o; }, options);
	return partner;
}
async function opens(partner, button, click = () => partner.click(button)) {
	const opened = chromium.context.waitForEvent('page');
	await click();
	return opened;
}
/** Who the desk says it is. */
async function session(tab, host = 'ticket.alpha.test') {
	await tab.waitForURL(`https://${host}/dashboard`);
	const { user } = await (await tab.goto(`https://${host}/auth/session`)).json();
	await tab.close();
	return user;
}
const isZoe = (user) => assert.deepEqual([user.email, user.name, user.verified], [zoe.email, zoe.name, true]);
const frameOf = async (partner) => (await partner.waitForSelector('#desk iframe')).contentFrame();
async function isInFrame(partner) {
	const frame = await frameOf(partner);
	await frame.waitForURL('https://tickets.test/embed/alpha/dashboard');
	await frame.waitForSelector('#data', { state: 'attached' });
	const { user } = JSON.parse(await frame.textContent('#data'));
	assert.deepEqual([user.email, user.name], [zoe.email, zoe.name]);
}
const result = (partner) => partner.waitForFunction(() => window.result).then((h) => h.jsonValue());
const complaint = (partner, pattern) => until(() => partner.said.find((text) => text.startsWith('[usher]') && pattern.test(text)), `the console to say ${pattern}`);

for (const [url, buttons] of [['/', ['form', 'fetch', 'tab', 'embed']], ['/silent', ['form', 'embed']], ['/own-fields', ['form']]])
	for (const button of buttons)
		test(`${button} on ${url}: asked once, at the click`, async () => {
			const partner = await visit(url);
			assert.equal(asked.length, 0, 'not before');
			if (button === 'embed') {
				await partner.click('#embed');
				await isInFrame(partner);
			} else {
				isZoe(await session(await opens(partner, `#${button}`)));
			}
			assert.equal(asked.length, 1);
			const { headers, method, body } = asked[0];
			assert.equal(method, 'POST');
			assert.equal(headers['x-requested-with'], 'XMLHttpRequest');
			assert.equal(headers.accept, 'application/json');
			assert.equal(headers['cache-control'], 'no-cache');
			assert.equal(headers['sec-fetch-site'], 'same-origin');
			assert.match(headers['content-type'], /^application\/x-www-form-urlencoded/);
			assert.equal(new URLSearchParams(body).get('csrf'), 'of the form');
			assert.deepEqual(partner.said, []);
			await partner.close();
		});

test('what it answers is who it is, whoever the page says', async () => {
	answer = () => json({ assertion: sign(), email: 'mia@example.com', name: 'Mia' });
	const partner = await visit();
	isZoe(await session(await opens(partner, '#form')));
	answer = () => json({ assertion: 'none', email: 'mia@example.com', name: 'Mia', other: 'x' });
	const user = await session(await opens(partner, '#watched'), 'tickets.test');
	assert.deepEqual([user.email, user.name, user.verified], ['mia@example.com', 'Mia', false]);
	await partner.close();
});

test('what pages of the guide stored is nobody here', async () => {
	answer = failures['an error'];
	const partner = await visit('/silent');
	await partner.evaluate(() => { localStorage.setItem('watched_user_email', 'earlier@example.com'); });
	const tab = await opens(partner, '#watched');
	await tab.getByText('Please reload the page that you came from').waitFor();
	await tab.close();
	await partner.close();
});

test('from code: in this tab, and elsewhere than the script says', async () => {
	const partner = await visit('/guest', { user: zoe, newTab: false, signUrl: 'https://alpha.test/support/assertion' });
	await partner.click('#own');
	isZoe(await session(partner));
	assert.equal(asked.length, 1);
	assert.equal(asked[0].body, '', 'no form around that button');
});

for (const button of ['form', 'fetch', 'embed'])
	test(`a double click asks once: ${button}`, async () => {
		let go;
		const clicked = new Promise((resolve) => { go = resolve; });
		answer = async () => {
			await clicked;
			return json({ assertion: sign() });
		};
		const partner = await visit();
		if (button === 'embed') {
			await partner.dblclick('#embed');
			go();
			await isInFrame(partner);
		} else {
			const tab = await opens(partner, null, () => partner.dblclick(`#${button}`));
			go();
			isZoe(await session(tab));
		}
		assert.equal(asked.length, 1);
		await partner.close();
	});

for (const button of ['fetch', 'tab', 'embed']) {
	test(`${button}: one that is stale is made once more`, async () => {
		answer = (n) => json({ assertion: sign(n === 1 ? STALE : {}) });
		const partner = await visit();
		if (button === 'embed') {
			await partner.click('#embed');
			await isInFrame(partner);
		} else {
			isZoe(await session(await opens(partner, `#${button}`)));
		}
		assert.equal(asked.length, 2);
		await partner.close();
	});
	test(`${button}: and no third time`, async () => {
		answer = () => json({ assertion: sign(STALE) });
		const partner = await visit('/', button === 'fetch' ? { method: 'fetch' } : { method: 'embed', target: '#desk', mode: button === 'tab' ? 'tab' : 'frame' });
		await partner.click('#own');
		assert.equal((await result(partner)).code, 'assertion_expired');
		assert.equal(asked.length, 2);
		if (button === 'embed') {
			/* the user's own button is another try */
			answer = () => json({ assertion: sign() });
			await (await frameOf(partner)).click('button:has-text("Try again")');
			await isInFrame(partner);
			assert.equal(asked.length, 3);
		}
		await partner.close();
	});
}

test('one that was used already, in the frame', async () => {
	const used = sign();
	answer = () => json({ assertion: used });
	let partner = await visit();
	isZoe(await session(await opens(partner, '#form')));
	await partner.close();
	asked.length = 0;
	answer = (n) => json({ assertion: n === 1 ? used : sign() });
	partner = await visit();
	await partner.click('#embed');
	await isInFrame(partner);
	assert.equal(asked.length, 2);
	await partner.close();
});

test('with the form, an assertion that was used already: the page says to reload', async () => {
	const used = sign();
	answer = () => json({ assertion: used });
	const partner = await visit();
	isZoe(await session(await opens(partner, '#form')));
	await chromium.context.clearCookies();
	const tab = await opens(partner, '#form');
	await tab.getByText('Reload the page that you came from').waitFor();
	await tab.close();
	await partner.close();
});

const failures = {
	'an error': () => json({}, 500),
	'no JSON': () => ({ body: '<p>Sign in</p>' }),
	'no assertion': () => json({ token: 'x' }),
	'an assertion that is no text': () => json({ assertion: 5 }),
	'a way to the sign-in': () => ({ status: 302, headers: { Location: '/login' }, body: '' }),
	'refused as forged': () => json({}, 403),
};
for (const [what, how] of Object.entries(failures))
	test(`a server that cannot say: ${what}`, async () => {
		answer = how;
		const partner = await visit('/', { method: 'form' });
		/* the gateway's page tells the user, the console the partner */
		const tab = await opens(partner, '#own');
		await tab.getByText('This sign-in could not be verified').first().waitFor();
		await tab.close();
		assert.deepEqual(await result(partner), { ok: true });
		assert.deepEqual(await partner.evaluate(() => window.errors), ['sign_failed']);
		await complaint(partner, /asked at \/support\/assertion who the user is, answered .*It is to answer a POST/);
		assert.equal(asked.length, 1);
		/* a tenant that observes lets them pass, as before */
		const other = await opens(partner, '#watched');
		assert.equal((await session(other, 'tickets.test')).verified, false);
		await partner.close();
	});

test('a server of another origin is not asked, one that is not there either', async () => {
	for (const signUrl of ['https://evil.test/assertion', 'https://nothing.test:1/x', 'http://[']) {
		const partner = await visit('/silent', { method: 'form', signUrl });
		const opened = chromium.context.waitForEvent('page');
		await partner.click('#own');
		assert.equal((await result(partner)).code, 'sign_failed');
		assert.deepEqual(await partner.evaluate(() => window.errors), ['sign_failed']);
		const tab = await opened;
		await tab.getByText('Please reload the page that you came from').waitFor();
		await tab.close();
		await partner.close();
	}
	assert.equal(asked.length, 0);
});

test('with fetch and in a frame a failing server is told, and then what came of it', async () => {
	for (const options of [{ method: 'fetch' }, { method: 'embed', target: '#desk' }]) {
		answer = failures['an error'];
		const partner = await visit('/', options);
		await partner.click('#own');
		assert.equal((await result(partner)).code, 'assertion_missing');
		assert.deepEqual(await partner.evaluate(() => window.errors), ['sign_failed', 'assertion_missing']);
		await partner.close();
	}
});

test('who is signed out there meanwhile goes to the sign-in, and no tab stays', async () => {
	answer = () => json({}, 401);
	for (const url of ['/', '/silent']) {
		const partner = await visit(url);
		const tab = await opens(partner, '#form');
		if (!tab.isClosed())
			await tab.waitForEvent('close');
		await partner.waitForURL('https://alpha.test/login');
		assert.deepEqual(partner.said.filter((text) => text.startsWith('[usher]')), []);
		await partner.close();
	}
	const partner = await visit('/', { method: 'embed', target: '#desk' });
	await partner.click('#own');
	assert.equal((await result(partner)).code, 'no_user');
	await complaint(partner, /Nobody is signed in/);
	assert.equal(await partner.locator('iframe').count(), 0);
	await partner.close();
});

test('who signs out while it is asked stays out', async () => {
	for (const method of ['form', 'fetch']) {
		let tell;
		answer = () => new Promise((resolve) => { tell = () => resolve(json({ assertion: sign() })); });
		const partner = await visit('/', { method });
		const tab = await opens(partner, '#own');
		await until(() => tell, 'the server to be asked');
		await partner.evaluate(() => {
			window.authUser = null;
			return Usher.signOut();
		});
		tell();
		assert.equal((await result(partner)).code, 'no_user');
		if (!tab.isClosed())
			await tab.waitForEvent('close');
		assert.deepEqual(await chromium.context.cookies('https://ticket.alpha.test'), []);
		await partner.close();
	}
});

test('a page that says that nobody is there asks nobody', async () => {
	const partner = await visit('/guest');
	await partner.click('#form');
	await partner.waitForURL('https://alpha.test/login');
	assert.equal(asked.length, 0);
	await partner.close();
});

test('an answer that hangs is not waited for', async () => {
	answer = () => new Promise(() => {});
	const partner = await visit('/', { method: 'fetch' });
	await partner.click('#own');
	await partner.waitForFunction(() => window.result, undefined, { timeout: 0 });
	assert.equal((await result(partner)).code, 'assertion_missing');
	assert.deepEqual(await partner.evaluate(() => window.errors), ['sign_failed', 'assertion_missing']);
	await complaint(partner, /answered nothing/);
	await partner.close();
});
