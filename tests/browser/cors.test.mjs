// What a developer's page can read: a real browser, and requests as axios and
// Laravel's pages send them.
// needs: chromium
// needs: npm:playwright-core
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { start, tenant, until } from '../e2e/harness.mjs';
import { browser } from './chromium.mjs';
import { sites } from './site.mjs';

const DESK = 'https://tickets.test/embed/wild/dashboard';
const bare = '<!doctype html><title>Page</title>';
const partner = `${bare}<script>window.authUser = { email: 'zoe@example.com', name: 'Zoë' };</script>
<script src="https://tickets.test/sdk/usher.js" data-tenant="wild"></script>
<button id="go" data-usher="embed" data-usher-target="#desk">Support</button><div id="desk"></div>`;
// Asks the frame to sign somebody in, without the SDK.
const speaker = `${bare}<script>
window.heard = [];
addEventListener('message', (event) => {
	const channel = new MessageChannel();
	channel.port1.onmessage = (e) => heard.push(e.data);
	event.source.postMessage({ usher: 'connect' }, '*', [channel.port2]);
	channel.port1.postMessage({ type: 'handoff', mode: 'frame', fields: { email: 'zoe@example.com', name: 'Zoë' } });
});
</script><iframe id="f" src="https://tickets.test/embed/wild/"></iframe>`;
const framing = (src) => `${bare}<iframe id="f" src="${src}"></iframe>`;

let gw, site, chromium;
before(async () => {
	gw = await start({ tenants: {
		alpha: tenant('alpha', { origins: '[ "https://alpha.test" ]' }),
		wild: tenant('wild', { url: null, require_origin: 'true', origins: '[ "https://*.wild.test" ]' }),
	} });
	site = await sites({
		'https://alpha.test/': bare, 'https://evil.test/': bare,
		'https://shop.wild.test/': partner, 'https://deep.shop.wild.test/': bare, 'https://wild.test/': bare,
		'https://shop.wild.test/speaker': speaker, 'https://deep.shop.wild.test/speaker': speaker,
		'https://shop.wild.test/desk': framing(`${DESK}?in=https://shop.wild.test`),
		'https://deep.shop.wild.test/desk': framing(`${DESK}?in=https://shop.wild.test`),
		'https://shop.wild.test/form': { headers: { 'Referrer-Policy': 'no-referrer' }, body: `${bare}
<form method="post" action="https://tickets.test/api/auth/redirect/wild"><input name="email" value="zoe@example.com"><input name="name" value="Zoë"><button id="go">Support</button></form>` },
		'https://deep.shop.wild.test/own-name': framing(`${DESK}?in=https://deep.shop.wild.test`),
		'https://deep.shop.wild.test/no-name': framing(DESK),
	});
	chromium = await browser({ hosts: { 'alpha.test': site.port, 'evil.test': site.port, 'wild.test': site.port, '*.wild.test': site.port, '*.test': gw.port } });
});
after(async () => {
	await chromium?.close();
	await site?.stop();
	await gw?.stop();
});

const AXIOS = { 'Content-Type': 'application/json', 'Accept': 'application/json, text/plain, */*', 'X-Requested-With': 'XMLHttpRequest', 'X-CSRF-TOKEN': 'of-the-page', 'X-XSRF-TOKEN': 'of-the-cookie' };
const zoe = { email: 'zoe@example.com', name: 'Zoë' };

/** What a page of `origin` learns of a POST to `url`; null: "CORS error". */
async function post(url, { origin = 'https://alpha.test', headers = AXIOS, body = JSON.stringify({ ...zoe, response: 'json' }), credentials = 'omit' } = {}) {
	const page = await chromium.context.newPage();
	try {
		await page.goto(`${origin}/`);
		return await page.evaluate(async ([target, request]) => {
			try {
				const response = await fetch(target, { method: 'POST', ...request });
				return { status: response.status, json: await response.json(), request: response.headers.get('X-Request-Id'), url: response.url };
			} catch (error) {
				return null;
			}
		}, [url, { headers, body, credentials }]);
	} finally {
		await page.close();
	}
}

test('the headers of axios and Laravel', async () => {
	for (const path of ['alpha', 'alpha/']) {
		const r = await post(`https://tickets.test/api/auth/redirect/${path}`);
		assert.equal(r?.status, 200, path);
		assert.match(r.json.redirect_url, /^https:\/\/ticket\.alpha\.test\/auth\/callback\?token=/);
	}
	// The redirect takes them along, to the desk's host.
	const followed = await post('https://tickets.test/api/auth/redirect/alpha', { body: JSON.stringify(zoe), credentials: 'include' });
	assert.equal(followed?.status, 200);
	assert.match(followed.url, /^https:\/\/ticket\.alpha\.test\/auth\/callback/);
});

test('a near miss is read, by any page', async () => {
	for (const origin of ['https://alpha.test', 'https://evil.test'])
		for (const [url, message, hint] of [
			['https://tickets.test/api/auth/redirekt/alpha', 'There is nothing here.', /\/api\/auth\/redirect\/\{tenant\}/],
			['https://tickets.test/api/auth/redirect', 'There is nothing here.', /\/api\/auth\/redirect\/\{tenant\}/],
			['https://ticket.alpha.test/api/auth/redirect/alpha', 'There is nothing here.', /gateway's own host/],
			['https://tickets.test/api/auth/redirect/Alpha', 'Tenant not found.', /write alpha\./],
		]) {
			const r = await post(url, { origin });
			assert.equal(r?.status, 404, `${url} from ${origin}`);
			assert.equal(r.json.message, message);
			assert.match(r.json.hint, hint);
			assert.match(r.request, /^[0-9A-Z]{26}$/, 'what to quote');
		}
});

test('a mistyped tenant is read, where the browser does not ask first', async () => {
	const r = await post('https://tickets.test/api/auth/redirect/alhpa', { headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, body: new URLSearchParams(zoe).toString() });
	assert.equal(r?.status, 404);
	assert.equal(r.json.code, 'tenant_not_found');
});

test('never with cookies, and never a stranger where there is a tenant', async () => {
	assert.equal(await post('https://tickets.test/api/auth/redirekt/alpha', { credentials: 'include' }), null);
	assert.equal(await post('https://tickets.test/api/auth/redirect/alpha', { origin: 'https://evil.test' }), null);
	assert.equal(await post('https://tickets.test/api/auth/redirect/alpha', { origin: 'https://evil.test', headers: {}, body: new URLSearchParams(zoe).toString() }), null);
});

test('a wildcard: one label may post and read', async () => {
	const at = 'https://tickets.test/api/auth/redirect/wild';
	assert.equal((await post(at, { origin: 'https://shop.wild.test' }))?.status, 200);
	for (const origin of ['https://deep.shop.wild.test', 'https://wild.test'])
		assert.equal(await post(at, { origin }), null, origin);
});

test('a wildcard: one label may show the desk, though a policy cannot say so', async () => {
	const page = await chromium.context.newPage();
	const inside = async () => (await page.waitForSelector('#f')).contentFrame();
	await page.goto('https://shop.wild.test/');
	await page.click('#go');
	const inner = await (await page.waitForSelector('#desk iframe')).contentFrame();
	await inner.waitForURL(`${DESK}?in=https%3A%2F%2Fshop.wild.test`);
	await inner.waitForSelector('#desk main');
	// Signed in there, and of one site, they all have its cookie.
	await page.goto('https://shop.wild.test/desk');
	await (await inside()).waitForSelector('#desk main');
	for (const path of ['desk', 'own-name', 'no-name']) {
		await page.goto(`https://deep.shop.wild.test/${path}`);
		await until(async () => (await inside())?.url().startsWith('chrome-error:'), `the browser to refuse ${path}`);
	}
	// The frame before it takes the word of one label, too, with a slash behind its slug or not.
	await page.goto('https://shop.wild.test/speaker');
	await page.waitForFunction(() => heard.length);
	assert.deepEqual(await page.evaluate(() => heard[0]), { type: 'signed-in' });
	const warned = page.waitForEvent('console', { predicate: (m) => m.text().includes('may not embed this desk') });
	await page.goto('https://deep.shop.wild.test/speaker');
	assert.match((await warned).text(), /https:\/\/deep\.shop\.wild\.test/);
	assert.deepEqual(await page.evaluate(() => heard), []);
	await page.close();
});

test('require_origin and a page that hides whose it is: the answer says so', async () => {
	const page = await chromium.context.newPage();
	await page.goto('https://shop.wild.test/form');
	const [answer] = await Promise.all([page.waitForResponse((r) => r.request().method() === 'POST'), page.click('#go')]);
	assert.equal(answer.status(), 403);
	assert.equal((await answer.request().allHeaders()).origin, 'null', 'as browsers do');
	await page.waitForSelector('small[data-code=origin_refused]');
	const text = await page.innerText('body');
	assert.match(text, /The request says "Origin: null"/);
	assert.match(text, /Referrer-Policy: strict-origin-when-cross-origin/);
	assert.match(text, /allow_null_origin/);
	await page.close();
});
