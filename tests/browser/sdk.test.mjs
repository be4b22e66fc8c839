// The browser SDK on partners' pages: every method in both cookie modes, on
// pages with policies of their own, with users from everywhere; and what it
// says when something stands in the way.
// needs: chromium
// needs: npm:playwright-core
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { start, tenant, top, until } from '../e2e/harness.mjs';
import { browser, screenshot } from './chromium.mjs';
import { sites } from './site.mjs';

const file = fs.readFileSync(path.join(top, 'sdk/browser/usher.js'));
const version = file.toString().match(/const VERSION = '([\d.]+)';/)[1];
const integrity = `sha384-${crypto.createHash('sha384').update(file).digest('base64')}`;
const zoe = { email: 'zoe@example.com', name: 'Zoë O\'Neil' };

// The script is the gateway's own; what the button does is set by the test.
const sdk = '<script src="https://tickets.test/sdk/usher.js" data-tenant="alpha"></script>';
const pinned = `<script src="https://tickets.test/sdk/usher-${version}.js" integrity="${integrity}" crossorigin="anonymous" data-tenant="alpha"></script>`;
const NONE = Symbol('a page that does not say');
const body = (script = sdk, user = zoe) => `<!doctype html><meta charset="utf-8"><title>Partner</title>
<button id="go">Contact support</button><div id="desk" style="height: 40rem"></div>
<script nonce="n">
if (${user !== NONE})
	window.authUser = ${JSON.stringify(user) ?? null};
document.getElementById('go').onclick = () => {
	window.result = null;
	Usher.contactSupport(window.options).then((r) => { window.result = JSON.parse(JSON.stringify({ ok: true, mode: r.mode, method: r.method })); },
		(e) => { window.result = Object.assign({ message: e.message }, e); });
};
</script>
${script}`;

const form = (who) => `<!doctype html><meta charset="utf-8"><title>Partner</title>${who}${sdk}
<form method="post" action="https://tickets.test/api/auth/redirect/alpha">
<input type="hidden" name="email" value="form@example.com"><input type="hidden" name="name" value="Form">
<button id="go" data-usher="form" data-usher-target="_self">Contact support</button></form>`;
const csp = (more) => ({ headers: { 'Content-Security-Policy': `default-src 'none'; script-src https://tickets.test 'nonce-n'; ${more}` }, body: body() });
const pages = {
	'https://alpha.test/': body(),
	'https://alpha.test/pinned': body(pinned),
	'https://alpha.test/unknown': body(undefined, NONE),
	'https://alpha.test/guest': body(undefined, null),
	'https://alpha.test/blade-guest': body(undefined, { email: '', name: '' }),
	'https://alpha.test/coep': { headers: { 'Cross-Origin-Embedder-Policy': 'require-corp', 'Cross-Origin-Opener-Policy': 'same-origin' }, body: body() },
	'https://alpha.test/strict': csp('frame-src https://tickets.test; style-src \'unsafe-inline\''),
	'https://alpha.test/no-frames': csp('frame-src \'none\'; style-src \'unsafe-inline\''),
	'https://alpha.test/forms': csp('form-action https://tickets.test https://ticket.alpha.test'),
	'https://alpha.test/no-forms': csp('form-action \'self\''),
	'https://alpha.test/one-hop': csp('form-action https://tickets.test'),
	'https://alpha.test/connect': csp('connect-src https://tickets.test'),
	'https://alpha.test/no-connect': csp('connect-src \'self\''),
	'https://alpha.test/no-click': body().replace(/$/,
		'<script nonce="n">Usher.contactSupport().catch((e) => { window.result = Object.assign({ message: e.message }, e); });</script>'),
	'https://alpha.test/own-copy': body('<script src="/usher.js"></script>'),
	'https://alpha.test/usher.js': { headers: { 'Content-Type': 'text/javascript' }, body: file },
	// As the README has it, with and without a word on who is there.
	'https://alpha.test/readme': form(''),
	'https://alpha.test/readme-user': form(`<script>window.authUser = ${JSON.stringify(zoe)};</script>`),
	'https://alpha.test/readme-guest': form('<script>window.authUser = null;</script>'),
	'https://evil.test/': body(),
};

let gw, site, chromium;
before(async () => {
	const beside = { url: null, origins: '[ "https://alpha.test" ]' };
	gw = await start({ tenants: {
		alpha: tenant('alpha'),
		deskless: tenant('deskless', { ...beside, desk: 'false' }),
		spent: tenant('spent', { ...beside, rate_limit: '{ requests = 1; per = 3600; }' }),
		tight: tenant('tight', { ...beside, rate_limit: '{ requests = 1; per = 3600; }' }),
		mapped: tenant('mapped', { ...beside, adapter: '{ module = "fieldmap.so"; config = { company = { from = "company_name"; required = true; max = 100; }; }; }' }),
	} });
	site = await sites(pages);
});
after(async () => {
	await site?.stop();
	await gw?.stop();
});
const open = (block) => browser({ hosts: { 'alpha.test': site.port, 'evil.test': site.port, '*.test': gw.port }, block });

/** A page of a partner, its console kept. */
async function visit(context, url, options) {
	const page = await context.newPage();
	page.said = [];
	page.on('console', (m) => page.said.push(m.text()));
	await page.goto(url);
	await page.evaluate((o) => { window.options = o; }, options);
	return page;
}
const result = (page) => page.waitForFunction(() => window.result).then((h) => h.jsonValue());
async function click(page) {
	await page.click('#go');
	return result(page);
}

/** Whose session does the browser have there? */
async function whoIsThere(context, host = 'ticket.alpha.test') {
	const page = await context.newPage();
	const answer = await page.goto(`https://${host}/auth/session`);
	const session = answer.status() === 200 ? (await answer.json()).user.email : null;
	await page.close();
	return session;
}

async function refused(page, code, pattern) {
	const error = await result(page);
	assert.equal(error.code, code, `${error.message} ${error.remedy}`);
	const line = await until(() => page.said.find((text) => text.startsWith('[usher] ')), 'the console to say so');
	assert.match(line, pattern);
	return error;
}

for (const block of [false, true]) {
	const cookies = block ? 'third-party cookies blocked' : 'third-party cookies allowed';

	test(`every method, ${cookies}`, async (t) => {
		const { context, close } = await open(block);
		try {
			for (const [what, url, options, way] of [
				['form', '/', {}, 'tab'],
				['form in the same tab', '/', { newTab: false }, 'same'],
				['form, from a pinned script', '/pinned', {}, 'tab'],
				['form under a policy that names both hosts', '/forms', {}, 'tab'],
				['form on an isolated page', '/coep', {}, 'tab'],
				['form, from a copy of the script', '/own-copy', { tenant: 'alpha', gateway: 'https://tickets.test' }, 'tab'],
				['fetch', '/', { method: 'fetch' }, 'tab'],
				['fetch in the same tab', '/', { method: 'fetch', newTab: false }, 'same'],
				['fetch under a policy that names the gateway', '/connect', { method: 'fetch' }, 'tab'],
				['options that are undefined', '/', 'undefined', 'tab'],
				['embed, the desk in a tab', '/', { method: 'embed', mode: 'tab' }, 'tab'],
				['embed, the desk in the same tab', '/', { method: 'embed', mode: 'tab', newTab: false }, 'same'],
				['embed under a strict policy, the desk in a tab', '/strict', { method: 'embed', mode: 'tab' }, 'tab'],
				['embed on an isolated page, the desk in a tab', '/coep', { method: 'embed', mode: 'tab' }, 'tab'],
			])
				await t.test(what, async () => {
					await context.clearCookies();
					const page = await visit(context, `https://alpha.test${url}`, { redirectUrl: 'https://ticket.alpha.test/dashboard?from=sdk', ...(options !== 'undefined' && options) });
					if (options === 'undefined')	/* which does not travel */
						await page.evaluate(() => Object.assign(options, { tenant: undefined, gateway: undefined, method: undefined, newTab: undefined, fields: undefined }));
					const opened = way === 'same' ? page : context.waitForEvent('page');
					await page.click('#go');
					const desk = await opened;
					await desk.waitForURL('https://ticket.alpha.test/dashboard?from=sdk');
					assert.equal(await whoIsThere(context), zoe.email);
					assert.equal(await desk.evaluate(() => window.opener), null, 'the desk cannot reach back');
					assert.equal(await desk.evaluate(() => document.referrer.includes('token=')), false);
					if (way === 'tab')
						assert.equal((await result(page)).ok, true);
					assert.deepEqual(page.said.filter((text) => text.startsWith('[usher]')), []);
					await desk.close();
					if (way === 'tab')
						await page.close();
				});
		} finally {
			await close();
		}
	});

	test(`embed, the desk in the frame, ${cookies}`, async (t) => {
		const { context, close } = await open(block);
		try {
			for (const url of ['/', '/pinned', '/strict', '/coep'])
				await t.test(`on ${url}`, async () => {
					await context.clearCookies();
					const page = await visit(context, `https://alpha.test${url}`, { method: 'embed', target: '#desk' });
					assert.deepEqual(await click(page), { ok: true, mode: 'frame', method: 'embed' });
					const inside = page.frameLocator('#desk iframe');
					await inside.getByText(zoe.name).first().waitFor({ state: 'attached' });
					await inside.locator('#desk main').first().waitFor();
					assert.deepEqual(page.said.filter((text) => text.startsWith('[usher]')), []);
					await screenshot(page, `embed${url === '/' ? '' : url.replace('/', '-')}${block ? '-blocked' : ''}`);
					assert.equal(await whoIsThere(context, 'tickets.test'), null, 'nobody at the top level');
					await page.close();
				});
		} finally {
			await close();
		}
	});
}

test('in the frame', async (t) => {
	const { context, close } = await open(true);
	const desk = async (options = {}, url = '/') => {
		const page = await visit(context, `https://alpha.test${url}`, { method: 'embed', target: '#desk', ...options });
		assert.equal((await click(page)).ok, true);
		const frame = await (await page.$('#desk iframe')).contentFrame();
		await frame.waitForURL('https://tickets.test/embed/alpha/dashboard');
		return { page, frame };
	};
	const isThere = (frame) => frame.evaluate(() => fetch('/embed/alpha/api/tickets').then((r) => r.status));
	try {
		await t.test('signing out there: said, and nobody comes back unasked', async () => {
			const { page, frame } = await desk();
			await frame.evaluate(() => {
				const form = document.createElement('form');
				form.method = 'post';
				form.action = '/embed/alpha/logout';
				document.body.append(form);
				form.submit();
			});
			await frame.waitForURL('https://tickets.test/embed/alpha#signed-out');
			await frame.getByText('You are signed out.').waitFor();
			assert.equal(await isThere(frame), 401);
			await screenshot(page, 'embed-signed-out');
			await frame.getByRole('button', { name: 'Sign in again' }).click();
			await frame.waitForURL('https://tickets.test/embed/alpha/dashboard');
			assert.equal(await isThere(frame), 200);
			await page.close();
		});
		await t.test('a reload of the page around: another click, the desk again', async () => {
			const { page } = await desk();
			await page.reload();
			await page.evaluate(() => { window.options = { method: 'embed', target: '#desk' }; });
			assert.equal((await click(page)).ok, true);
			await page.close();
		});
		await t.test('a second click replaces the frame', async () => {
			const { page } = await desk();
			assert.equal((await click(page)).ok, true);
			assert.equal(await page.locator('iframe').count(), 1);
			await page.close();
		});
		await t.test('signOut() of the page around ends the desk\'s session, and forgets the user', async () => {
			const { page } = await desk({ remember: true });
			assert.equal(await page.evaluate(() => localStorage.getItem('alpha_user_email')), zoe.email);
			await page.evaluate(() => Usher.signOut());
			assert.equal(await page.locator('iframe').count(), 0);
			assert.deepEqual(await page.evaluate(() => Object.keys(localStorage)), []);
			await page.evaluate(() => {
				const frame = document.createElement('iframe');
				frame.src = 'https://tickets.test/embed/alpha';
				document.body.append(frame);
			});
			const frame = await (await page.$('body > iframe')).contentFrame();
			await frame.waitForSelector('#frame');
			assert.equal(await isThere(frame), 401);
			await page.close();
		});
		await t.test('a session that ended: said, and one click away', async () => {
			const { page, frame } = await desk();
			await frame.evaluate(() => fetch('/embed/alpha/logout', { method: 'POST' }));
			await frame.evaluate(() => { location.reload(); });
			await frame.waitForURL('https://tickets.test/embed/alpha#expired');
			await frame.getByText('Your session has ended.').waitFor();
			await frame.getByRole('button', { name: 'Sign in again' }).click();
			await frame.waitForURL('https://tickets.test/embed/alpha/dashboard');
			assert.equal(await isThere(frame), 200);
			await page.close();
		});
		for (const [what, options, words, again] of [
			['fields that are wrong', { user: { email: 'nonsense' } }, /tell the site that you are on\. It will want to know this number: [0-9A-Z]{26}$/, false],
			['a desk that is elsewhere', { tenant: 'deskless' }, /^This desk does not open inside other pages\.$/, false],
			['too many sign-ins', { tenant: 'spent' }, /^There were many sign-ins from your network\. Please wait \d+ (seconds?|minutes)\.$/, true],
		])
			await t.test(`the user reads what helps them: ${what}`, async () => {
				if (options.tenant === 'spent')
					await gw.handoff('spent', zoe);
				const page = await visit(context, 'https://alpha.test/', { method: 'embed', target: '#desk', ...options });
				await page.click('#go');
				const frame = page.frameLocator('#desk iframe');
				await frame.getByText(words).waitFor();
				assert.equal(await frame.getByRole('button', { name: 'Try again' }).isVisible(), again);
				await page.close();
			});
		await t.test('a tenant whose desk is elsewhere', async () => {
			const page = await visit(context, 'https://alpha.test/', { tenant: 'deskless', method: 'embed', target: '#desk' });
			await page.click('#go');
			await refused(page, 'desk_off', /use mode "tab"/);
			await page.close();
		});
	} finally {
		await close();
	}
});

test('who the user is', async (t) => {
	const { context, close } = await open(false);
	const signIn = async (url, options, prepare) => {
		await context.clearCookies();
		const page = await visit(context, `https://alpha.test${url}`, { newTab: false, ...options });
		if (prepare)
			await page.evaluate(prepare);
		await page.click('#go');
		await page.waitForURL('https://ticket.alpha.test/dashboard');
		await page.close();
		return whoIsThere(context);
	};
	const stored = async (page) => page.evaluate(() => [localStorage.getItem('alpha_user_email'), localStorage.getItem('alpha_user_name')]);
	try {
		await t.test('window.authUser', async () => assert.equal(await signIn('/'), zoe.email));
		await t.test('handed over, before window.authUser', async () =>
			assert.equal(await signIn('/', { user: { email: 'other@example.com', name: 'Other' } }), 'other@example.com'));
		await t.test('with a proof in the place of an address', async () => {
			const page = await visit(context, 'https://alpha.test/', { method: 'fetch', user: { assertion: 'a.b.c' }, fields: { seats: 5, none: null } });
			const sent = page.waitForRequest((r) => r.method() === 'POST');
			await page.click('#go');
			assert.deepEqual((await sent).postDataJSON(), { name: '', assertion: 'a.b.c', seats: 5, response: 'json' });
			await result(page);
			await page.close();
		});
		await t.test('a form that brings them along, where there is no window.authUser', async () => {
			for (const [url, email] of [['/readme', 'form@example.com'], ['/readme-user', zoe.email]]) {
				await context.clearCookies();
				const page = await context.newPage();
				const opened = new Promise((resolve) => context.once('page', resolve));
				await page.goto(`https://alpha.test${url}`);
				await page.click('#go');
				const desk = await Promise.race([opened, page.waitForURL('https://ticket.alpha.test/dashboard').then(() => page)]);
				await desk.waitForURL('https://ticket.alpha.test/dashboard');
				assert.equal(await whoIsThere(context), email);
				await desk.close();
			}
			const page = await context.newPage();
			const said = page.waitForEvent('console');
			await page.goto('https://alpha.test/readme-guest');
			await page.click('#go');
			assert.match((await said).text(), /Nobody is signed in/);
			assert.equal(page.url(), 'https://alpha.test/readme-guest');
			await page.close();
		});
		await t.test('what the guide\'s pages store, where there is no window.authUser', async () =>
			assert.equal(await signIn('/unknown', {}, () => {
				localStorage.setItem('alpha_user_email', 'stored@example.com');
				localStorage.setItem('alpha_user_name', 'Stored');
			}), 'stored@example.com'));
		for (const url of ['/guest', '/blade-guest'])
			await t.test(`a page that says that nobody is there forgets what was stored: ${url}`, async () => {
				const earlier = await visit(context, 'https://alpha.test/unknown');
				await earlier.evaluate(() => localStorage.setItem('alpha_user_email', 'stored@example.com'));
				const page = await visit(context, `https://alpha.test${url}`);
				await page.waitForFunction(() => !localStorage.getItem('alpha_user_email'));
				await page.click('#go');
				await refused(page, 'no_user', /Set window\.authUser/);
				await page.close();
				await earlier.click('#go');
				await refused(earlier, 'no_user', /Nobody is signed in/);
				await earlier.close();
			});
		await t.test('a user who signs out on a page that stays', async () => {
			const page = await visit(context, 'https://alpha.test/', { remember: true, method: 'fetch' });
			const tab = context.waitForEvent('page');
			await page.click('#go');
			await (await tab).close();
			await page.waitForFunction(() => localStorage.getItem('alpha_user_email'));
			assert.deepEqual(await stored(page), [zoe.email, zoe.name]);
			await page.evaluate(() => {
				window.authUser = null;
				document.dispatchEvent(new Event('visibilitychange'));
			});
			assert.deepEqual(await stored(page), [null, null]);
			await page.close();
		});
		await t.test('nothing is stored unasked', async () => {
			const page = await visit(context, 'https://alpha.test/', { method: 'fetch' });
			const tab = context.waitForEvent('page');
			await page.click('#go');
			await (await tab).close();
			await result(page);
			assert.deepEqual(await stored(page), [null, null]);
			await page.close();
		});
	} finally {
		await close();
	}
});

test('what stands in the way is said, with its remedy', async (t) => {
	const { context, close } = await open(false);
	const tries = async (what, url, options, code, pattern, more) => t.test(what, async () => {
		const page = await visit(context, url, options);
		const before = context.pages().length;
		if (!url.endsWith('/no-click'))
			await page.click('#go');
		const error = await refused(page, code, pattern);
		if (more)
			more(error);
		await until(() => context.pages().length === before, 'no empty tab to stay');
		await page.close();
	});
	const home = 'https://alpha.test/';
	try {
		await tries('no user', home, { user: null }, 'no_user', /Nobody is signed in on this page\. Set window\.authUser/);
		await t.test('a user that is undefined, whoever window.authUser is', async () => {
			const page = await visit(context, home, {});
			await page.evaluate(() => { options.user = undefined; });
			await page.click('#go');
			await refused(page, 'no_user', /Nobody is signed in/);
			await page.close();
		});
		await t.test('a guest whose button names a sign-in goes there, and nothing is red', async () => {
			const page = await visit(context, home, {}), red = [];
			page.on('console', (m) => m.type() === 'error' && red.push(m.text()));
			page.on('pageerror', (e) => red.push(String(e)));
			await page.evaluate(() => {
				window.authUser = null;
				document.body.insertAdjacentHTML('beforeend', '<button data-usher="form" data-usher-login="/guest" id="declared">Contact support</button>');
			});
			await page.click('#declared');
			await page.waitForURL('https://alpha.test/guest');
			assert.deepEqual(red, []);
			await page.close();
		});
		await tries('no tenant', `${home}own-copy`, {}, 'no_tenant', /data-tenant="yourcompany"/);
		await tries('no such method', home, { method: 'smoke' }, 'no_method', /"form", "fetch" or "embed"/);
		await tries('no place for the desk', home, { method: 'embed', target: '#nowhere' }, 'no_target', /Pass \{target\}/);
		await tries('a tab without a click', `${home}no-click`, {}, 'popup_blocked', /straight from a click/);
		await tries('form-action, the first hop', `${home}no-forms`, {}, 'csp_blocked', /Add the gateway and the desk it redirects to to form-action/);
		await tries('connect-src', `${home}no-connect`, { method: 'fetch' }, 'csp_blocked', /Add the gateway to connect-src/);
		await tries('frame-src', `${home}no-frames`, { method: 'embed', target: '#desk' }, 'csp_blocked', /Add the gateway to frame-src/);
		await tries('a site that is not listed, fetch', 'https://evil.test/', { method: 'fetch' }, 'unreachable', /ask for https:\/\/evil\.test to be added/);
		await tries('a site that is not listed, embed', 'https://evil.test/', { method: 'embed', target: '#desk' }, 'frame_silent', /ask for https:\/\/evil\.test to be added/);
		await tries('a tenant that is none, fetch', home, { tenant: 'nobody', method: 'fetch' }, 'unreachable', /Check the tenant's name, "nobody"/);
		await tries('a tenant that is none, embed', home, { tenant: 'nobody', method: 'embed', target: '#desk' }, 'tenant_not_found', /knows no tenant "nobody": correct the name/);
		await tries('a gateway that is not there', home, { gateway: 'https://nothing.invalid', method: 'fetch' }, 'unreachable', /did not answer/);
		for (const options of [{ method: 'fetch' }, { method: 'embed', target: '#desk' }])
			await tries(`fields that are wrong, ${options.method}`, home, { ...options, user: { email: 'nonsense' } }, 'validation_failed', /email: The email/,
				(error) => {
					assert.equal(error.status, 422);
					assert.ok(error.errors.email.length);
					assert.match(error.request, /^[0-9A-Z]{26}$/);
				});
		await tries('a field that the tenant\'s adapter asks for', home, { tenant: 'mapped', method: 'fetch' }, 'validation_failed', /company_name: /);
		const tab = context.waitForEvent('page');
		const first = await visit(context, home, { tenant: 'tight', method: 'fetch' });
		await first.click('#go');
		await tab;
		await result(first);
		for (const page of context.pages())
			await page.close();
		await context.newPage();
		for (const options of [{ method: 'fetch' }, { method: 'embed', target: '#desk' }])
			await tries(`too often, ${options.method}`, home, { ...options, tenant: 'tight' }, 'too_many_requests', /possible again in \d+ s/,
				(error) => assert.ok(error.retryAfter > 0 && error.retryAfter <= 3600));
	} finally {
		await close();
	}
});

test('a form whose second hop the page\'s policy stops', async () => {
	const { context, close } = await open(false);
	try {
		const page = await visit(context, 'https://alpha.test/one-hop', {});
		await page.click('#go');
		const error = await refused(page, 'csp_blocked', /form-action/);
		assert.match(error.remedy, /and the desk it redirects to/);
	} finally {
		await close();
	}
});
