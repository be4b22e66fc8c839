// A deep link of the desk, opened by nobody who is signed in: to the partner, who signs them
// in, and to ticket 17; and the page that signs out. In Chromium, Firefox and WebKit.
// needs: chromium
// needs: npm:playwright-core
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { start, tenant } from '../e2e/harness.mjs';
import { borrow, screenshot } from './chromium.mjs';
import { HOST, enter, sql, ticket, zoe } from './desk.mjs';
import { sites } from './site.mjs';
import { engines } from './webdriver.mjs';

let gw, site;
const page = (body) => `<!doctype html><meta charset="utf-8"><title>Partner</title>${body}`;

before(async () => {
	gw = await start({ tenants: {
		alpha: tenant('alpha', { login_url: '"https://alpha.test/login"', logout_url: '"https://alpha.test/bye"' }),
		homeless: tenant('homeless', { url: '"https://beta.test"', home: '"https://alpha.test/shop"' }),
	} });
	site = await sites({
		/* who is signed in there need not click anything */
		'https://alpha.test/login': (request, url) => page(`<form method="post" action="https://tickets.test/api/auth/redirect/alpha">
<input name="email" value="${zoe.email}"><input name="name" value="${zoe.name}">
<input name="redirect_url" value="${HOST}/dashboard"><input name="state" value="${/^[\w-]{32}$/.exec(url.searchParams.get('state')) ?? ''}">
</form><script>document.forms[0].submit()</script>`),
		'https://alpha.test/bye': page('<h1>Signed out</h1>'),
		'https://alpha.test/': page(`<a id="ticket" href="${HOST}/tickets/17">ticket 17</a> <a id="out" href="${HOST}/auth/logout">sign out</a>`),
	});
});
after(async () => {
	await site?.stop();
	await gw?.stop();
});
const hosts = () => ({ 'alpha.test': site.port, '*.test': gw.port });

/** Zoë's seventeenth ticket. */
async function seventeen(context) {
	if (sql(gw, 'SELECT number FROM tickets WHERE number = 17').length)
		return;
	const tab = await context.newPage();
	await enter(gw, tab);
	for (let last = 0; last < 17; last = (await ticket(tab, { subject: 'Ticket seventeen' })).number);
	await tab.close();
	await context.clearCookies();
}

for (const block of [false, true])
	test(`Chromium: a deep link ends at ticket 17, third-party cookies ${block ? 'blocked' : 'allowed'}`, async () => {
		const { context, close } = await borrow({ hosts: hosts(), block });
		try {
			await seventeen(context);
			const tab = await context.newPage();
			await tab.goto(`${HOST}/tickets/17`);
			await tab.waitForURL(`${HOST}/tickets/17`);
			await tab.getByRole('heading', { name: 'Ticket seventeen' }).waitFor();
			assert.deepEqual((await context.cookies(HOST)).map((cookie) => cookie.name), ['__Host-usher']);
			/* from another site's page, as out of a mail */
			await context.clearCookies();
			await tab.goto('https://alpha.test/');
			await tab.click('#ticket');
			await tab.getByRole('heading', { name: 'Ticket seventeen' }).waitFor();
			assert.equal(tab.url(), `${HOST}/tickets/17`);
		} finally {
			await close();
		}
	});

test('Chromium: the page with one button signs out this tab and the others', async () => {
	const { context, close } = await borrow({ hosts: hosts() });
	try {
		const tab = await context.newPage(), desk = await context.newPage();
		await enter(gw, desk);
		await tab.goto('https://alpha.test/');
		await tab.click('#out');
		await tab.waitForURL(`${HOST}/auth/logout`);
		assert.equal(await tab.locator('button').count(), 1);
		assert.ok((await tab.textContent('main')).includes(zoe.email));
		await screenshot(tab, 'sign-out');
		await Promise.all([tab.waitForURL('https://alpha.test/bye'), tab.click('button')]);
		await desk.getByRole('heading', { name: 'You are signed out' }).waitFor();
		const again = desk.getByRole('link', { name: 'Sign in again' });
		await again.waitFor();
		await screenshot(desk, 'signed-out-with-login');
		await tab.goto(`${HOST}/auth/logout`);
		await tab.getByRole('heading', { name: 'You are signed out' }).waitFor();
		await screenshot(tab, 'sign-out-nobody');
		/* and by its link they are back where they were */
		await Promise.all([desk.waitForURL(`${HOST}/dashboard`), again.click()]);
		await desk.getByText(zoe.email).first().waitFor();
	} finally {
		await close();
	}
});

test('Chromium: without scripts the button signs out as well', async () => {
	const { context, close } = await borrow({ hosts: hosts() });
	try {
		const tab = await context.newPage();
		await enter(gw, tab);
		const session = await context.newCDPSession(tab);
		await session.send('Emulation.setScriptExecutionDisabled', { value: true });
		await tab.goto(`${HOST}/auth/logout`);
		await Promise.all([tab.waitForURL('https://alpha.test/bye'), tab.click('button')]);
		assert.deepEqual(await context.cookies(HOST), []);
	} finally {
		await close();
	}
});

test('Chromium: the pages that say how it goes on', async () => {
	const { context, close } = await borrow({ hosts: hosts() });
	try {
		const tab = await context.newPage();
		await tab.goto('https://beta.test/auth/login');
		await tab.getByRole('heading', { name: 'Please sign in' }).waitFor();
		assert.equal(await tab.getByRole('link').getAttribute('href'), 'https://alpha.test/shop');
		await screenshot(tab, 'login-no-url');
		await tab.goto(`${HOST}/auth/login?again=2`);
		await tab.getByRole('heading', { name: 'You could not be signed in' }).waitFor();
		await screenshot(tab, 'login-repeated');
		const { location } = (await gw.handoff('alpha', { ...zoe, state: 'x'.repeat(32) })).headers;
		await tab.goto(location);
		await tab.getByRole('heading', { name: 'This sign-in began elsewhere' }).waitFor();
		await screenshot(tab, 'login-elsewhere');
	} finally {
		await close();
	}
});

for (const engine of engines)
	test(`${engine.name}: a deep link ends at its place, and the button signs out`, { skip: engine.missing }, async () => {
		const browser = await engine.start(hosts());
		const at = (url) => browser.until(async () => (await browser.url()) === url, url);
		try {
			await browser.go('https://alpha.test/');
			await browser.click('#ticket');
			await at(`${HOST}/tickets/17`);
			await browser.until(async () => (await browser.text()).includes(zoe.email), 'whose desk it is');
			await browser.go('https://alpha.test/');
			await browser.click('#out');
			await at(`${HOST}/auth/logout`);
			await browser.until(async () => (await browser.text()).includes(zoe.email), 'who signs out');
			await browser.click('button');
			await at('https://alpha.test/bye');
			await browser.go(`${HOST}/auth/logout`);
			await browser.until(async () => (await browser.text()).includes('You are signed out'), 'nobody');
		} finally {
			await browser.end();
		}
	});
