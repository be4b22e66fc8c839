// The demo's page: what it says about the way comes from the gateway's record.
// needs: chromium
// needs: npm:playwright-core
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { start, temporary, tenant, until } from '../e2e/harness.mjs';
import { browser, partner, screenshot } from './chromium.mjs';

let gw, site, signing, blind, context, close, page;

before(async () => {
	const secret = path.join(temporary('demo'), 'secret');
	fs.writeFileSync(secret, 'the secret that the demo signs with, 1\n', { mode: 0o600 });
	gw = await start({ tenants: { alpha: tenant('alpha', { name: '"Your Company"' }),
		sigma: tenant('sigma', { login_url: '"https://sigma.test/support/login"', logout_url: '"https://sigma.test/support/logout"', identity: '"signed"', keys: `( { kid = "demo"; algorithm = "HS256"; secret_file = "${secret}"; } )` }) } });
	const admin = path.join(gw.state, 'admin.sock');
	site = await partner({ admin });
	signing = await partner({ admin, sign: secret, slug: 'sigma', ticket: 'https://ticket.sigma.test' });
	blind = await partner();
	({ context, close } = await browser({ hosts: { 'alpha.test': site.port, 'sigma.test': signing.port, 'blind.test': blind.port, '*.test': gw.port } }));
	page = await context.newPage();
});
after(async () => {
	await close?.();
	await blind?.stop();
	await signing?.stop();
	await site?.stop();
	await gw?.stop();
});

const hop = (n) => page.locator('.hops > li').nth(n - 1);
const click = async (button) => {
	const [tab] = await Promise.all([context.waitForEvent('page'), page.click(button)]);
	await tab.waitForURL('https://ticket.alpha.test/dashboard');
	await page.bringToFront();
	return tab;
};

test('a click is followed, hop by hop', async () => {
	await page.goto('https://alpha.test/');
	await screenshot(page, 'demo-start');
	const tab = await click('#form');
	await hop(2).getByText('mint token').waitFor();
	await hop(2).getByText('Answer 302').waitFor();
	await hop(4).getByText('redeem', { exact: true }).waitFor();
	assert.match(await hop(1).innerText(), /seen by this page[^]*email: zoe@example\.com/);
	assert.match(await hop(2).innerText(), /gateway’s record/);
	assert.match(await hop(3).innerText(), /as documented/, 'no page sees where a form of another site was sent on');
	const [, id] = (await hop(4).innerText()).match(/usherctl explain (\w{26})/);
	assert.equal((await gw.explain(id)).code, 0);
	await screenshot(page, 'demo-form');

	await tab.bringToFront();
	await tab.locator('.empty a').click();
	await tab.fill('#subject', 'From the demo');
	await tab.fill('#message', 'Hello');
	await tab.getByRole('button', { name: 'Send' }).click();
	await tab.waitForURL(/\/tickets\/1$/);
	await page.bringToFront();
	await hop(6).getByText(/: 201/).waitFor();
	await tab.close();
});

test('a fetch sees the address, and its own visit spends nothing', async () => {
	await page.goto('https://alpha.test/');
	const tab = await click('#fetch');
	await hop(4).getByText('redeem', { exact: true }).waitFor();
	assert.match(await hop(3).innerText(), /seen by this page[^]*auth\/callback\?token=.{12}….{6}\n/);
	await hop(4).getByText(/spent nothing/).waitFor();
	await screenshot(page, 'demo-fetch');
	await tab.close();
});

test('an answer that was asked for before a click is none to it', async () => {
	await page.goto('https://alpha.test/');
	const first = await click('#fetch');
	await hop(2).getByText('mint token').waitFor();
	await first.close();
	const body = await (await page.waitForResponse('**/trail?*')).text();
	assert.match(body, /mint_token/);
	const held = [];
	await page.route('**/trail?*', (route) => { held.push(route); });
	await until(() => held.length === 1, 'the page to ask');
	const second = await click('#form');
	await held[0].fulfill({ body, contentType: 'application/json' });
	await until(() => held.length === 2, 'it to ask again');
	assert.match(await hop(2).innerText(), /as documented/);
	await page.unroute('**/trail?*');
	await hop(2).getByText('mint token').waitFor();
	await second.close();
});

test('in a frame, and what is refused', async () => {
	await page.goto('https://alpha.test/');
	await page.click('#embed');
	await page.frameLocator('#support iframe').locator('h1').waitFor();
	await hop(4).getByText('seen by this page').waitFor();
	await hop(2).getByText('check embedder').waitFor();
	await screenshot(page, 'demo-embed');
	await page.selectOption('#user', { label: 'somebody with a mistyped address' });
	assert.equal(await page.locator('#frame').isVisible(), false);
	await page.click('#embed');
	await hop(3).getByText(/validation_failed/).waitFor();
	await hop(2).getByText('Answer 422').waitFor();
	assert.equal(await page.locator('.hops > li').count(), 3, 'nothing comes after a refusal');
	await page.click('#leave');
	assert.equal(await page.locator('#fields tr').count(), 0);
});

test('a site that signs: what its server says, and what the gateway makes of it', async () => {
	const there = 'https://ticket.sigma.test/dashboard';
	await page.goto('https://sigma.test/');
	for (const button of ['#form', '#fetch']) {
		const [tab] = await Promise.all([context.waitForEvent('page'), page.click(button)]);
		await tab.waitForURL(there);
		await page.bringToFront();
		await hop(2).getByText('verify identity', { exact: true }).waitFor();
		assert.match(await hop(1).innerText(), /"alg": "HS256"[^]*"aud": "sigma"[^]*"sub": "u-1001",\n *"email": "zoe@example\.com",\n *"name": "Zoë O'Neil"[^]*\nassertion: eyJ.{9}….{6}/);
		await hop(4).getByText('redeem', { exact: true }).waitFor();
		await tab.close();
	}
	await screenshot(page, 'demo-signed');
	assert.match((await gw.ctl('users', 'show', 'sigma', 'zoe@example.com')).out, /u-1001/);
	await page.click('#embed');
	await page.frameLocator('#support iframe').locator('h1').waitFor();
	await hop(1).getByText('The SDK asked').waitFor();
	// what was begun "in this tab" is shown on the way back
	await page.click('#same');
	await page.waitForURL(there);
	await page.goto('https://sigma.test/');
	await hop(1).getByText('"alg": "HS256"').waitFor();
	await page.selectOption('#user', { label: 'somebody with a mistyped address' });
	await page.click('#fetch');
	await hop(3).getByText(/validation_failed/).waitFor();
	await page.click('#leave');
	assert.equal((await page.evaluate(() => fetch('/support/assertion', { method: 'POST' }).then((r) => r.status))), 401);
});

test('without the record it says so', async () => {
	await page.goto('https://blind.test/');
	await page.getByText('without the gateway’s record').waitFor();
	assert.equal(await page.locator('.how.live').count(), 0);
});

test('a link into the desk goes to the partner and comes back, and signing out ends at both', async () => {
	const tab = await context.newPage();
	await tab.goto('https://sigma.test/');
	await tab.locator('#form').waitFor();
	await tab.goto('https://ticket.sigma.test/tickets/new');
	await tab.locator('#subject').waitFor();
	assert.equal(tab.url(), 'https://ticket.sigma.test/tickets/new');
	await tab.goto('https://ticket.sigma.test/auth/logout');
	await Promise.all([tab.waitForURL('https://sigma.test/support/logout'), tab.getByRole('button', { name: 'Sign out' }).click()]);
	await tab.getByRole('heading', { name: 'Signed out' }).waitFor();
	await screenshot(tab, 'demo-signed-out');
	assert.deepEqual((await context.cookies('https://sigma.test/')).filter((cookie) => cookie.name === 'demo-user'), []);
	/* nobody is signed in there either: to its first page */
	await tab.goto('https://ticket.sigma.test/tickets/new');
	await tab.waitForURL('https://sigma.test/');
	await tab.close();
});
