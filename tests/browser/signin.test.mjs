// A real browser: click the guide's button at the partner, stand at the tenant,
// signed in.
// needs: chromium
// needs: npm:playwright-core
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { start, tenant } from '../e2e/harness.mjs';
import { borrow, goBack, partner, screenshot } from './chromium.mjs';

let gw, site;

before(async () => {
	gw = await start({ tenants: { alpha: tenant('alpha'), shared: tenant('shared', { url: null, origins: '[ "https://alpha.test" ]' }) } });
	site = await partner();
});
after(async () => {
	await site?.stop();
	await gw?.stop();
});

const hosts = () => ({ 'alpha.test': site.port, '*.test': gw.port });

/** Click `button`, return the page that opened. */
async function clickForTab(context, page, button) {
	const opened = context.waitForEvent('page');
	await page.click(button);
	const tab = await opened;
	await tab.waitForURL('https://ticket.alpha.test/dashboard');
	return tab;
}

async function isSignedIn(tab) {
	await tab.waitForLoadState();
	const text = await tab.textContent('body');
	assert.ok(text.includes("Zoë O'Neil"), text);
	assert.ok(text.includes('zoe@example.com'));
}

for (const block of [false, true]) {
	const cookies = block ? 'third-party cookies blocked' : 'third-party cookies allowed';

	test(`form in a new tab, ${cookies}; survives a reload`, async () => {
		const { context, close } = await borrow({ hosts: hosts(), block });
		try {
			const page = await context.newPage();
			await page.goto('https://alpha.test/');
			const tab = await clickForTab(context, page, '#form');
			await isSignedIn(tab);
			assert.equal(await tab.evaluate(() => document.referrer.includes('token=')), false);
			await tab.reload();
			await isSignedIn(tab);
			await screenshot(page, 'partner');
			await screenshot(tab, `dashboard${block ? '-blocked' : ''}`);
		} finally {
			await close();
		}
	});

	test(`form in the same tab, ${cookies}`, async () => {
		const { context, close } = await borrow({ hosts: hosts(), block });
		try {
			const page = await context.newPage();
			await page.goto('https://alpha.test/');
			await page.click('#same');
			await page.waitForURL('https://ticket.alpha.test/dashboard');
			await isSignedIn(page);
			await page.reload();
			await isSignedIn(page);
		} finally {
			await close();
		}
	});

	test(`the guide's fetch example, ${cookies}: the tab redeems, not the fetch`, async () => {
		const { context, close } = await borrow({ hosts: hosts(), block });
		try {
			const page = await context.newPage();
			await page.goto('https://alpha.test/');
			const tab = await clickForTab(context, page, '#fetch');
			await isSignedIn(tab);
			await tab.reload();
			await isSignedIn(tab);
		} finally {
			await close();
		}
	});
}

test('logout, then Back: nobody is shown', async () => {
	const { context, close } = await borrow({ hosts: hosts() });
	try {
		const page = await context.newPage();
		await page.goto('https://alpha.test/');
		await page.click('#same');
		await page.waitForURL('https://ticket.alpha.test/dashboard');
		await isSignedIn(page);
		await Promise.all([page.waitForNavigation(), page.click('form button, button[type=submit]')]);
		await screenshot(page, 'signed-out');
		await goBack(page);
		await page.waitForFunction(() => !document.body.textContent.includes('zoe@example.com'));
	} finally {
		await close();
	}
});

test('an error page that a person can act on', async () => {
	const { context, close } = await borrow({ hosts: hosts() });
	try {
		const page = await context.newPage();
		const answer = await page.goto('https://ticket.alpha.test/auth/callback?token=nothing');
		assert.equal(answer.status(), 401);
		await screenshot(page, 'error-token');
		assert.ok((await page.textContent('body')).includes(answer.headers()['x-request-id']));
		assert.ok(await page.$('a[href="https://alpha.test"], a[href="https://alpha.test/"]'), 'the way back');
	} finally {
		await close();
	}
});

test('another user is asked before the desk changes hands', async () => {
	const { context, close } = await borrow({ hosts: hosts() });
	try {
		const page = await context.newPage();
		await page.goto('https://alpha.test/');
		await page.click('#same');
		await page.waitForURL('https://ticket.alpha.test/dashboard');
		await page.goto('https://alpha.test/');
		await page.evaluate(() => { window.authUser = { email: 'other@example.com', name: 'Somebody Else' }; });
		await page.click('#same');
		await page.waitForURL(/\/auth\/callback/);
		await screenshot(page, 'switch-user');
		await page.click('form button, button[type=submit]');
		await page.waitForURL('https://ticket.alpha.test/dashboard');
		assert.ok((await page.textContent('body')).includes('other@example.com'));
	} finally {
		await close();
	}
});
