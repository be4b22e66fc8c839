// Nothing that axe-core calls serious or critical: the desk, the gateway's own
// pages and the demo, light and dark.
// needs: chromium
// needs: npm:playwright-core
// needs: npm:axe-core
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import axe from 'axe-core';
import { start, tenant } from '../e2e/harness.mjs';
import { browser, partner, screenshot } from './chromium.mjs';
import { HOST, agentAnswers, enter, ticket, zoe } from './desk.mjs';

let gw, few, site, context, close, page;

before(async () => {
	const look = { name: '"Käfer & Söhne"', accent: '"#ffd400"', categories: '[ "Orders", "Billing" ]', terms: '"https://alpha.test/terms"', attribution: '"Support by Käfer & Söhne"' };
	const adapter = (slug, module, more = '') => tenant(slug, { url: null, home: null, origins: null, name: look.name, accent: look.accent, adapter: `{ module = "${module}"; ${more} }` });
	gw = await start({ tenants: {
		alpha: tenant('alpha', look),
		crash: adapter('crash', 'faults.so', 'deadline_ms = 30000;'),
		late: adapter('late', 'faults.so', 'deadline_ms = 100;'),
		broken: adapter('broken', 'missing.so'),
	} });
	few = await start({ gateway: { rate_limit: '{ requests = 1; per = 3600; }' }, tenants: { alpha: tenant('alpha', look) } });
	site = await partner();
	({ context, close } = await browser({ hosts: { 'alpha.test': site.port, '*.test': gw.port } }));
	page = await context.newPage();
});
after(async () => {
	await close?.();
	await site?.stop();
	await few?.stop();
	await gw?.stop();
});

/** In the dark only the colours differ. `where`: the page, or a frame on it. */
async function check(name, on = page, where = on) {
	await where.evaluate(axe.source);
	for (const [colorScheme, runOnly] of [
		['light', ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']],
		['dark', { type: 'rule', values: ['color-contrast', 'link-in-text-block'] }],
	]) {
		await on.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
		const { violations, passes } = await where.evaluate((options) => window.axe.run(document, options), { runOnly });
		assert.ok(passes.length >= (colorScheme === 'light' ? 6 : 1), 'axe looked at it');
		const bad = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact));
		assert.deepEqual(bad.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]), [], `${name}, ${colorScheme}`);
	}
}

test('the desk', async () => {
	await enter(gw, page);
	await check('nothing yet');
	const { number } = await ticket(page, { category: 'Orders' });
	await agentAnswers(gw, number, 'We look into it.');
	await page.goto(`${HOST}/dashboard`);
	await page.locator('.tickets').waitFor();
	await check('the list');
	await page.goto(`${HOST}/dashboard?state=closed`);
	await page.locator('.empty').waitFor();
	await check('an empty filter');
	await page.goto(`${HOST}/tickets/${number}`);
	await page.locator('.message.agent').waitFor();
	await check('a ticket');
	await page.getByRole('button', { name: 'Close ticket' }).click();
	await page.getByRole('button', { name: 'Reopen ticket' }).waitFor();
	await check('a closed ticket');
	await page.goto(`${HOST}/tickets/new`);
	await page.locator('main form .primary').click();
	await page.locator('.notice').waitFor();
	await check('a refused form');
	await page.fill('#subject', 'Hello');
	await page.fill('#message', 'x'.repeat(4990));
	await page.route('**/api/tickets', (route) => route.fulfill({ status: 503, headers: { 'Retry-After': '30' }, json: {} }));
	await page.locator('main form .primary').click();
	await page.getByText('The desk is busy').first().waitFor();
	await check('a busy desk');
	await page.unrouteAll();
});

test('who goes on? and signed out', async () => {
	await enter(gw, page);
	const other = await gw.handoff('alpha', { email: 'other@example.com', name: 'Somebody Else' });
	await page.goto(other.headers.location);
	await page.getByRole('button', { name: /Go on as/ }).waitFor();
	await check('the question');
	await screenshot(page, 'page-confirm');
	await page.goto('https://tickets.test/');
	await check('the gateway itself');
});

const pages = [
	['error-token', 401, () => page.goto(`${HOST}/auth/callback?token=nothing`)],
	['error-used', 410, async () => {
		const { location } = (await gw.handoff('alpha', zoe)).headers;
		await gw.callback(location);
		return page.goto(location);
	}],
	['error-missing', 404, () => page.goto(`${HOST}/what`)],
	['error-method', 405, () => page.goto('https://tickets.test/api/auth/redirect/alpha')],
	['error-host', 421, () => page.goto('https://nowhere.test/')],
	['error-tenant', 404, () => post('nobody', zoe)],
	['error-adapter-crash', 502, () => post('crash', { ...zoe, fault: 'stop_self' })],
	['error-adapter-late', 504, () => post('late', { ...zoe, fault: 'be_late' })],
	['error-adapter-broken', 503, () => post('broken', zoe)],
	['error-invalid', 422, () => post('alpha', { ...zoe, email: 'zoe@example,com' })],
];

/** Post a form as a partner's page does; the page that comes of it. */
async function post(slug, fields) {
	await page.goto('https://alpha.test/');
	const [answer] = await Promise.all([page.waitForNavigation(), page.evaluate(([action, all]) => {
		const form = document.createElement('form');
		form.method = 'POST';
		form.action = action;
		for (const [name, value] of Object.entries(all)) {
			const input = document.createElement('input');
			Object.assign(input, { type: 'hidden', name, value });
			form.append(input);
		}
		document.body.append(form);
		form.submit();
	}, [`https://tickets.test/api/auth/redirect/${slug}`, fields])]);
	return answer;
}

for (const [name, status, go] of pages)
	test(`an error page: ${name}`, async () => {
		await context.clearCookies();
		const answer = await go();
		assert.equal(answer.status(), status);
		assert.equal(await page.textContent('small code'), answer.headers()['x-request-id']);
		await check(name);
		await page.emulateMedia({ colorScheme: 'light' });
		await screenshot(page, name);
		await page.setViewportSize({ width: 320, height: 640 });
		assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false);
		await screenshot(page, `${name}-phone`);
		await page.setViewportSize({ width: 1000, height: 640 });
	});

test('an error page that has to wait counts down', async () => {
	await few.handoff('alpha', zoe);
	const own = await browser({ hosts: { 'alpha.test': site.port, '*.test': few.port } });
	try {
		const at = await own.context.newPage();
		await at.goto('https://alpha.test/');
		await Promise.all([at.waitForNavigation(), at.click('#same')]);
		await at.waitForFunction(() => /again in \d+\smin\s\d+\ss\./.test(document.querySelector('.wait').textContent));
		await check('too often', at);
		await screenshot(at, 'error-limit');
		await at.evaluate(() => { Date.now = ((now) => () => now() + 3600000)(Date.now); });
		await at.getByText('You can try again now.').waitFor();
	} finally {
		await own.close();
	}
});

test('the number of an error page is copied by a click', async () => {
	await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: HOST });
	const answer = await page.goto(`${HOST}/auth/callback?token=nothing`);
	await page.bringToFront();
	await page.getByRole('button', { name: 'Copy' }).click();
	await page.getByRole('button', { name: 'Copied' }).waitFor();
	assert.equal(await page.evaluate(() => navigator.clipboard.readText()), answer.headers()['x-request-id']);
});

test('the desk in a frame, and what is there before and after it', async () => {
	await page.goto('https://alpha.test/');
	await page.click('#embed');
	const frame = await (await page.waitForSelector('#support iframe')).contentFrame();
	await frame.waitForURL('https://tickets.test/embed/alpha/dashboard');
	await frame.locator('h1').waitFor();
	await check('the framed desk', page, frame);
	await frame.getByRole('button', { name: 'Sign out' }).click();
	await frame.getByRole('button', { name: 'Sign in again' }).waitFor();
	await check('signed out in the frame', page, frame);
	await page.selectOption('#user', { label: 'somebody with a mistyped address' });
	await page.click('#embed');
	const refused = await (await page.waitForSelector('#support iframe')).contentFrame();
	await refused.getByText('Something is wrong with this sign-in').waitFor();
	await check('refused in the frame', page, refused);
});

test('the self-test, before and after a post, without a script', async () => {
	const { url } = JSON.parse((await gw.ctl('--json', 'selftest', 'alpha')).out);
	const scriptless = await context.browser().newContext({ javaScriptEnabled: false, ignoreHTTPSErrors: true });
	const plain = await scriptless.newPage();
	const to = `https://tickets.test${url.slice(url.indexOf('/selftest/'))}`;
	await plain.goto(to);
	await plain.fill('#email', 'zoe@example.com');
	await plain.fill('#redirect_url', 'https://evil.test/');
	await plain.click('form button');
	await plain.getByText('This sign-in would be refused').waitFor();
	await plain.getByText('validation_failed').first().waitFor();
	await scriptless.close();
	await page.goto(to);
	await check('the self-test');
	await screenshot(page, 'selftest');
	await page.fill('#email', 'zoe@example.com');
	await page.fill('#name', 'Zoë <b>Käfer</b>');
	await page.fill('#assertion', 'Bearer x.y.z');
	await page.click('form button');
	await page.getByText('This sign-in would pass').waitFor();
	await check('a self-test that passes');
	await screenshot(page, 'selftest-good');
	await page.fill('#email', 'zoe');
	await page.click('form button');
	await page.getByText('This sign-in would be refused').waitFor();
	await check('a self-test that does not');
	await screenshot(page, 'selftest-bad');
});

test('the demo', async () => {
	await page.goto('https://alpha.test/');
	await page.locator('.hops li').first().waitFor();
	await check('the demo');
});
