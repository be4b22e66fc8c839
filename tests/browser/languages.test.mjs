// The desk in languages other than English, and from right to left.
// needs: chromium
// needs: npm:playwright-core
// needs: npm:axe-core
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import axe from 'axe-core';
import { start, tenant } from '../e2e/harness.mjs';
import { browser, screenshot } from './chromium.mjs';
import { HOST, agentAnswers, enter, ticket } from './desk.mjs';

let gw, context, close, page;
const faults = [];

before(async () => {
	gw = await start({ tenants: { alpha: tenant('alpha', { name: '"Alpha Supplies"', categories: '[ "Orders", "Billing" ]', adapter: '{ module = "fieldmap.so"; config = { locale = { from = "locale"; }; }; }' }) } });
	({ context, close } = await browser({ hosts: { '*.test': gw.port } }));
	page = await context.newPage();
	page.on('pageerror', (error) => faults.push(error.message));
});
after(async () => {
	await close?.();
	await gw?.stop();
});

/** Nothing wrong for axe-core, and no text left over in English or unfilled. */
async function check(name) {
	await page.evaluate(axe.source);
	const { violations, passes } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
	assert.ok(passes.length > 5, 'axe looked at it');
	const bad = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact));
	assert.deepEqual(bad.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]), [], name);
	assert.doesNotMatch(await page.evaluate(() => document.body.innerText), /undefined|\{\w+\}|other:/, name);
	await screenshot(page, name);
	assert.deepEqual(faults, []);
}

for (const [lang, dir, words] of [
	['ar', 'rtl', { yours: 'تذاكرك', messages: 'رسالتان', send: 'إرسال', subject: 'يُرجى كتابة الموضوع.' }],
	['de', '', { yours: 'Ihre Tickets', messages: '2 Nachrichten', send: 'Senden', subject: 'Bitte geben Sie einen Betreff ein.' }],
])
	test(`the desk: ${lang}`, async () => {
		await context.clearCookies();
		await enter(gw, page, { email: `${lang}@example.com`, name: "Zoë O'Neil", locale: lang });
		assert.deepEqual(await page.evaluate(() => [document.documentElement.lang, document.dir]), [lang, dir]);
		await check(`${lang}-empty`);
		const { number } = await ticket(page, { category: 'Orders' });
		await agentAnswers(gw, number, 'We look into it.');
		await page.goto(`${HOST}/dashboard`);
		await page.locator('.tickets').waitFor();
		assert.equal(await page.textContent('h1'), words.yours);
		assert.ok((await page.textContent('.tickets .meta')).includes(words.messages));
		await check(`${lang}-list`);
		await page.goto(`${HOST}/tickets/${number}`);
		await page.locator('.message.agent').waitFor();
		await check(`${lang}-ticket`);
		await page.goto(`${HOST}/tickets/new`);
		const send = page.locator('main form .primary');
		assert.equal(await send.textContent(), words.send);
		await send.click();
		await page.locator('.notice').getByText(words.subject).waitFor();
		await check(`${lang}-form`);
		await page.setViewportSize({ width: 320, height: 640 });
		assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth), false);
		await page.setViewportSize({ width: 1000, height: 640 });
		const other = await gw.handoff('alpha', { email: 'other@example.com', name: 'Somebody Else' });
		await page.goto(other.headers.location);
		await page.locator('form button').waitFor();
		assert.equal(await page.getAttribute('html', 'lang'), lang);
		await check(`${lang}-confirm`);
	});
