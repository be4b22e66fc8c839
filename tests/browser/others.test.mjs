// The same clicks in the other engines: Gecko (Firefox ESR) and WebKit (WebKitGTK).
// needs: chromium
// needs: npm:playwright-core
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { start, tenant } from '../e2e/harness.mjs';
import { partner } from './chromium.mjs';
import { engines } from './webdriver.mjs';

/* SHORT: each way in once. */
const isShort = Boolean(process.env.SHORT);
let gw;
const sites = [];

before(async () => {
	gw = await start({ tenants: {
		alpha: tenant('alpha'),
		/* Its desk is on the host that partners post to. */
		shared: tenant('shared', { url: null, origins: '[ "https://alpha.test" ]' }),
	} });
});
after(async () => {
	for (const site of sites)
		await site.stop();
	await gw?.stop();
});

/** A browser, and a partner whose users go to `ticket`. */
async function visit(engine, ticket, slug) {
	const site = await partner({ ticket, slug });
	sites.push(site);
	const browser = await engine.start({ 'alpha.test': site.port, '*.test': gw.port });
	return browser;
}

async function standsAt(browser, dashboard) {
	await browser.until(async () => (await browser.url()) === dashboard, 'the desk');
	const text = await browser.until(async () => (await browser.text()).includes("Zoë O'Neil") && browser.text(), 'the user\'s name');
	assert.ok(text.includes('zoe@example.com'), text);
	assert.equal(await browser.script('return document.referrer.includes("token=")'), false);
}

/**
 * WebKit lets no script open a window once it has waited for an answer, whoever
 * answered: what it would have opened is what the address is good for.
 */
async function followFetch(browser) {
	await browser.script('window.told = []; window.open = (url) => { window.told.push(url); return null; }');
	await browser.click('#fetch');
	await browser.go(await browser.until(() => browser.script('return window.told[0]'), 'the address'));
}

for (const engine of engines)
	for (const [ticket, slug] of [['https://ticket.alpha.test', 'alpha'], ['https://tickets.test', 'shared']].slice(0, isShort ? 1 : 2))
		for (const [how, button] of [['form in a new tab', '#form'], ['form in the same tab', '#same'], ['the guide\'s fetch', '#fetch']])
			test(`${engine.name}: ${how}, desk at ${ticket}, and a reload`, { skip: engine.missing }, async () => {
				const browser = await visit(engine, ticket, slug);
				try {
					await browser.go('https://alpha.test/');
					if (button === '#same')
						await browser.click(button);
					else if (button === '#fetch' && engine.name === 'webkit')
						await followFetch(browser);
					else
						await browser.clickForTab(button);
					await standsAt(browser, `${ticket}/dashboard`);
					await browser.reload();
					await standsAt(browser, `${ticket}/dashboard`);
					await browser.screenshot(`${slug}-${button.slice(1)}`);
				} finally {
					await browser.end();
				}
			});

for (const engine of engines)
	test(`${engine.name}: the desk: a ticket, an answer, back, and closed`, { skip: engine.missing }, async () => {
		const browser = await visit(engine, 'https://ticket.alpha.test', 'alpha');
		const shows = (text) => browser.until(async () => (await browser.text()).includes(text), text);
		const at = (path) => browser.until(async () => (await browser.url()) === `https://ticket.alpha.test${path}`, path);
		try {
			await browser.go('https://alpha.test/');
			await browser.click('#same');
			await at('/dashboard');
			await shows('New ticket');
			await browser.go('https://ticket.alpha.test/tickets/new');
			await browser.type('#subject', `From ${engine.name}`);
			await browser.type('#message', 'Hello there');
			await browser.click('main form .primary');
			await browser.until(async () => /\/tickets\/\d+$/.test(await browser.url()), 'the ticket');
			await shows('Hello there');
			await browser.until(async () => await browser.script('return document.activeElement.tagName') === 'H1', 'the focus');
			await browser.type('#message', 'And this');
			await browser.click('main form .primary');
			await browser.until(() => browser.script('return document.querySelectorAll(".message time").length === 2'), 'the answer');
			await browser.screenshot('desk');
			await browser.click('.back');
			await at('/dashboard');
			await shows(`From ${engine.name}`);
			await browser.script('history.back()');
			await shows('And this');
			await browser.click('.actions [type=button]');
			await shows('This ticket is closed.');
		} finally {
			await browser.end();
		}
	});
