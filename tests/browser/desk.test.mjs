// The desk's page in a real browser, as the person who has a question sees it.
// needs: chromium
// needs: sqlite3
// needs: npm:playwright-core
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, beforeEach, afterEach, test } from 'node:test';
import { start, tenant, top } from '../e2e/harness.mjs';
import { browser, goBack, screenshot } from './chromium.mjs';
import { HOST, agentAnswers, enter, sql, ticket, zoe } from './desk.mjs';
import { sites } from './site.mjs';

let gw, context, close, page, faults;

before(async () => {
	gw = await start({ tenants: { alpha: tenant('alpha', {
		name: '"Alpha Supplies"', accent: '"#0b6e4f"', categories: '[ "Orders", "Billing", "Something else" ]',
		terms: '"https://alpha.test/terms"', attribution: '"Support by Alpha Supplies"',
	}), red: tenant('red', { url: null }), blue: tenant('blue', { url: null }) } });
	({ context, close } = await browser({ hosts: { '*.test': gw.port } }));
});
after(async () => {
	await close?.();
	await gw?.stop();
});

// Each test has tabs of its own, and a user of its own: a browser takes seconds to start.
beforeEach(async () => {
	await context.clearCookies();
	page = await context.newPage();
	faults = [];
	page.on('pageerror', (error) => faults.push(error.message));
	page.on('console', (message) => {
		if (message.type() === 'error' && /Content Security Policy/.test(message.text()))
			faults.push(message.text());
	});
});
afterEach(async () => {
	for (const tab of context.pages())
		await tab.close();
	assert.deepEqual(faults, [], 'the script runs without a fault, within its policy');
});

let users = 0;
const somebody = (name = zoe.name) => ({ email: `user${++users}@example.com`, name });
const shows = (text, at = page) => at.locator('main').getByText(text, { exact: true }).first().waitFor();
const rows = () => page.locator('.tickets li').count();
const focused = () => page.evaluate(() => document.activeElement.textContent || document.activeElement.id);
/** It comes a moment after what is shown. */
async function hasFocus(what, why) {
	await page.waitForFunction((text) => (document.activeElement.textContent || document.activeElement.id) === text, what)
		.catch(async () => assert.equal(await focused(), what, why));
}
const write = async (subject, message) => {
	await page.fill('#subject', subject);
	await page.fill('#message', message);
};
const isWide = () => page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);

/** The next answer to such a request does not arrive; the request did. */
async function loseAnswer(urlPattern) {
	const session = await context.newCDPSession(page);
	session.on('Fetch.requestPaused', async ({ requestId }) => {
		await session.send('Fetch.failRequest', { requestId, errorReason: 'ConnectionReset' });
		await session.detach();
	});
	await session.send('Fetch.enable', { patterns: [{ urlPattern, requestStage: 'Response' }] });
}

test('a first question: from nothing to a thread that survives a reload', async () => {
	await enter(gw, page, somebody());
	await shows('How can we help?');
	await screenshot(page, 'desk-empty');
	await page.getByRole('link', { name: 'New ticket' }).click();
	await page.waitForURL(`${HOST}/tickets/new`);
	await hasFocus('New ticket');
	await screenshot(page, 'desk-new');
	await page.selectOption('#category', 'Orders');
	assert.doesNotMatch(await page.locator('main').evaluate((node) => node.textContent), /NaN/);
	await write('My order came without its charger', 'Hello,\n\nthe box was <b>sealed</b>.\n\nZoë');
	await page.getByRole('button', { name: 'Send' }).click();
	await page.waitForURL(/\/tickets\/\d+$/);
	await shows('My order came without its charger');
	await hasFocus('My order came without its charger');
	assert.equal(await page.locator('.message .text').innerText(), 'Hello,\n\nthe box was <b>sealed</b>.\n\nZoë');
	assert.match(await page.title(), /^My order came without its charger – Alpha Supplies$/);
	const number = Number(page.url().split('/').pop());
	await agentAnswers(gw, number, 'We send it today.');
	await page.reload();
	await shows('We send it today.');
	assert.equal(await page.locator('.message.agent header').innerText().then((t) => t.includes('Amir Haddad') && t.includes('Alpha Supplies support')), true);
	assert.match(await page.locator('.message time').first().getAttribute('title'), /\d{4}/);
	await screenshot(page, 'desk-thread');
	await page.getByRole('link', { name: 'Your tickets' }).click();
	await page.waitForURL(`${HOST}/dashboard`);
	assert.match(await page.locator('.tickets li').innerText(), /Support answered/);
	await screenshot(page, 'desk-list');
});

test('answer, close, reopen', async () => {
	await enter(gw, page, somebody());
	const { number } = await ticket(page);
	await page.goto(`${HOST}/tickets/${number}`);
	await page.fill('#message', 'One thing more');
	await page.getByRole('button', { name: 'Send answer' }).click();
	await page.locator('.message', { hasText: 'One thing more' }).locator('time').waitFor();
	assert.equal(await page.inputValue('#message'), '');
	await page.getByRole('button', { name: 'Close ticket' }).click();
	await shows('This ticket is closed.');
	await hasFocus('Reopen ticket');
	await page.waitForFunction(() => document.querySelector('[role=status]').textContent === 'The ticket is closed');
	await screenshot(page, 'desk-closed');
	await page.getByRole('link', { name: 'Your tickets' }).click();
	await page.getByRole('link', { name: 'Closed', exact: true }).click();
	await page.waitForURL(`${HOST}/dashboard?state=closed`);
	await page.locator('.tickets a').click();
	await page.getByRole('button', { name: 'Reopen ticket' }).click();
	await page.locator('#message').waitFor();
	await page.waitForFunction(() => document.querySelector('[role=status]').textContent === 'The ticket is open again');
	assert.deepEqual(sql(gw, `SELECT closed, messages FROM tickets WHERE number = ${number}`), [{ closed: 0, messages: 2 }]);
});

test('a double click is one ticket, and so is a second try after a lost answer', async () => {
	await enter(gw, page, somebody());
	await page.goto(`${HOST}/tickets/new`);
	await write('Twice', 'Clicked twice');
	await page.locator('main form .primary').dblclick();
	await page.waitForURL(/\/tickets\/\d+$/);
	assert.equal(sql(gw, "SELECT count(*) AS n FROM tickets WHERE subject = 'Twice'")[0].n, 1);

	/* The gateway gets it; its answer never arrives. */
	await page.goto(`${HOST}/tickets/new`);
	await write('Lost', 'The answer was lost');
	await loseAnswer('*/api/tickets');
	await page.getByRole('button', { name: 'Send' }).click();
	await shows('No answer');
	assert.equal(await page.inputValue('#message'), 'The answer was lost');
	await screenshot(page, 'desk-no-answer');
	await page.getByRole('button', { name: 'Try again' }).click();
	await page.waitForURL(/\/tickets\/\d+$/);
	assert.equal(sql(gw, "SELECT count(*) AS n FROM tickets WHERE subject = 'Lost'")[0].n, 1);
});

test('where no storage is allowed, a second try is still the same ticket', async () => {
	await page.addInitScript(() => Object.defineProperty(window, 'sessionStorage', { get() { throw new DOMException('no', 'SecurityError'); } }));
	await enter(gw, page, somebody());
	await page.goto(`${HOST}/tickets/new`);
	await write('Unstored', 'Only once');
	await loseAnswer('*/api/tickets');
	await page.getByRole('button', { name: 'Send' }).click();
	await shows('No answer');
	await page.getByRole('button', { name: 'Try again' }).click();
	await page.waitForURL(/\/tickets\/\d+$/);
	assert.equal(sql(gw, "SELECT count(*) AS n FROM tickets WHERE subject = 'Unstored'")[0].n, 1);
});

test('a long conversation begins at its end, and goes back to its beginning', async () => {
	await enter(gw, page, somebody());
	const { number } = await ticket(page, { message: 'How it began' });
	await page.evaluate(async (number) => {
		const { csrf } = JSON.parse(document.getElementById('data').textContent);
		for (let i = 1; i <= 24; i++)
			await fetch(`/api/tickets/${number}/messages`, { method: 'POST', body: JSON.stringify({ message: `${i} ${'x'.repeat(4000)}` }),
				headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf, 'Idempotency-Key': `long-${number}-${i}` } });
	}, number);
	const texts = () => page.locator('.message .text').evaluateAll((all) => all.map((one) => parseInt(one.textContent, 10) || 0));
	const earlier = page.getByRole('button', { name: 'Show earlier messages' });
	await page.goto(`${HOST}/tickets/${number}`);
	await page.locator('.message').first().waitFor();
	const first = (await texts())[0];
	assert.ok(first > 1, 'the page comes with the end of it');
	await screenshot(page, 'desk-thread-end');
	await page.route(`**/api/tickets/${number}?before=*`, (route) => route.abort(), { times: 1 });
	await earlier.click();
	await shows('No answer');
	await page.getByRole('button', { name: 'Try again' }).click();
	await page.locator('.message .text', { hasText: new RegExp(`^${first - 1} `) }).waitFor();
	/* The first that is new has the focus. */
	await page.waitForFunction(() => document.activeElement === document.querySelector('.message'));
	while (await earlier.isVisible()) {
		const count = (await texts()).length;
		await earlier.click();
		await page.waitForFunction((n) => document.querySelectorAll('.message').length > n, count);
	}
	const all = Array.from({ length: 25 }, (_, i) => i);
	assert.deepEqual(await texts(), all);
	await shows('How it began');
	/* What was loaded stays while the conversation goes on. */
	await page.fill('#message', '25 and on');
	await page.getByRole('button', { name: 'Send answer' }).click();
	await page.locator('.message:last-child time').waitFor();
	assert.deepEqual(await texts(), [...all, 25]);
});

test('addresses in a message can be followed, and nothing else of it', async () => {
	await enter(gw, page, somebody());
	const text = 'See https://alpha.test/a?b=1&c=%22 (or http://alpha.test/d), <https://alpha.test/e>."https://alpha.test/f"\n' +
		'javascript:alert(1) data:text/html,x //alpha.test xhttps://alpha.test/g https:// https://alpha.test/"onclick="alert(1)';
	const { number } = await ticket(page, { message: text });
	await page.goto(`${HOST}/tickets/${number}`);
	await page.locator('.message').waitFor();
	assert.equal(await page.locator('.message .text').textContent(), text);
	assert.deepEqual(await page.locator('.message .text a').evaluateAll((all) => all.map((a) => [a.getAttribute('href'), a.textContent, a.target, a.rel].join(' '))),
		['https://alpha.test/a?b=1&c=%22', 'http://alpha.test/d', 'https://alpha.test/e', 'https://alpha.test/f', 'https://alpha.test/']
			.map((url) => `${url} ${url} _blank noopener noreferrer`));
	assert.equal(await page.locator('.message [onclick]').count(), 0);
});

test('the longest message, all of it outside the basic plane', async () => {
	await enter(gw, page, somebody());
	await page.goto(`${HOST}/tickets/new`);
	await write('\u{1f600}'.repeat(200), '\u{1f600}'.repeat(5000));
	await page.getByRole('button', { name: 'Send' }).click();
	await page.waitForURL(/\/tickets\/\d+$/);
	assert.equal((await page.locator('.message .text').textContent()).length, 10000);
});

test('a draft is of one desk: another tenant\'s on the same host knows nothing of it', async () => {
	const user = somebody();
	const host = 'https://tickets.test';
	await page.goto((await gw.handoff('red', user)).headers.location);
	await page.waitForURL(`${host}/dashboard`);
	await page.goto(`${host}/tickets/new`);
	await write('For red', 'Between red and me');
	await page.goto((await gw.handoff('blue', user)).headers.location);
	await page.getByRole('button', { name: /Go on at/ }).click();
	await page.waitForURL(`${host}/dashboard`);
	await page.goto(`${host}/tickets/new`);
	assert.equal(await page.inputValue('#subject'), '');
	assert.equal(await page.inputValue('#message'), '');
});

test('an answer that could not be sent comes back, and is sent once', async () => {
	await enter(gw, page, somebody());
	const { number } = await ticket(page);
	await page.goto(`${HOST}/tickets/${number}`);
	await page.route('**/messages', (route) => route.abort(), { times: 1 });
	await page.fill('#message', 'Through the tunnel');
	await page.getByRole('button', { name: 'Send answer' }).click();
	await shows('No answer');
	assert.equal(await page.inputValue('#message'), 'Through the tunnel');
	assert.equal(await page.locator('.message').count(), 1, 'what was not sent is not shown as sent');
	await page.reload();
	assert.equal(await page.inputValue('#message'), 'Through the tunnel');
	await page.getByRole('button', { name: 'Send answer' }).click();
	await page.locator('.message', { hasText: 'Through the tunnel' }).locator('time').waitFor();
	await page.reload();
	assert.equal(await page.inputValue('#message'), '', 'nothing is left of it');
	assert.equal(await page.locator('.message').count(), 2);
});

test('by keyboard alone', async () => {
	await enter(gw, page, somebody());
	await page.keyboard.press('Tab');
	await hasFocus('Skip to content');
	await page.keyboard.press('Enter');
	assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
	await page.keyboard.press('Tab');
	await hasFocus('New ticket');
	assert.notEqual(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), 'none');
	await screenshot(page, 'desk-focus');
	await page.keyboard.press('Enter');
	await page.waitForURL(`${HOST}/tickets/new`);
	for (const text of ['Keys', null, 'Typed']) {
		await page.keyboard.press('Tab');
		if (text)
			await page.keyboard.type(text);
	}
	await page.keyboard.press('Tab');
	await hasFocus('Send');
	await page.keyboard.press('Shift+Tab');
	await page.keyboard.press('Control+Enter');
	await page.waitForURL(/\/tickets\/\d+$/);
	await shows('Typed');
	for (let i = 0; i < 2 && await page.evaluate(() => document.activeElement.id) !== 'message'; i++)
		await page.keyboard.press('Tab');
	await page.keyboard.type('And an answer');
	await page.keyboard.press('Control+Enter');
	await page.locator('.message', { hasText: 'And an answer' }).locator('time').waitFor();
	await page.goto(`${HOST}/dashboard`);
	await page.focus('[data-filter=all]');
	for (const name of ['Open', 'Closed']) {
		await page.keyboard.press('Tab');
		await page.keyboard.press('Enter');
		await page.waitForURL(`${HOST}/dashboard?state=${name.toLowerCase()}`);
		await hasFocus(name, 'the filter keeps the focus');
	}
});

test('what is missing is said at its field, and summed up where the focus goes', async () => {
	await enter(gw, page, somebody());
	await page.goto(`${HOST}/tickets/new`);
	await page.getByRole('button', { name: 'Send' }).click();
	await shows('Not sent yet');
	assert.match(await focused(), /fill in the subject/);
	assert.equal(await page.getAttribute('#subject', 'aria-invalid'), 'true');
	assert.match(await page.evaluate(() => document.getElementById(document.getElementById('message').getAttribute('aria-describedby')).textContent), /fill in the message/);
	await screenshot(page, 'desk-invalid');
	await page.locator('.notice a').first().click();
	assert.equal(await page.evaluate(() => document.activeElement.id), 'subject');
	/* What only the gateway refuses is shown the same way. */
	await write('Sort this in', 'Where to?');
	await page.evaluate(() => { document.querySelector('#category option:last-child').value = 'No such'; });
	await page.selectOption('#category', 'No such');
	await page.getByRole('button', { name: 'Send' }).click();
	await page.locator('#category-wrong').waitFor();
	assert.equal(await page.inputValue('#message'), 'Where to?');
});

test('what comes along with pasted text does not keep it from being sent', async () => {
	await enter(gw, page, somebody());
	await page.goto(`${HOST}/tickets/new`);
	await write('Bell\u0007 \ud83d', 'a\u000bb\u0000c\tand\nd\ud800e');
	await page.getByRole('button', { name: 'Send' }).click();
	await page.waitForURL(/\/tickets\/\d+$/);
	assert.equal(await page.locator('.message .text').innerText(), 'a b c\tand\nd\ufffde');
});

test('too much at once: how long to wait', async () => {
	await enter(gw, page, somebody());
	await page.goto(`${HOST}/tickets/new`);
	await write('One too many', 'Hello');
	for (let i = 0; i < 30; i++)
		await ticket(page);
	await page.getByRole('button', { name: 'Send' }).click();
	await shows('That was a lot at once');
	await page.waitForFunction(() => /again in (\d+\smin\s\d+\ss|1\sh\s0\smin)/.test(document.querySelector('.left').textContent));
	assert.equal(await page.inputValue('#subject'), 'One too many');
	await screenshot(page, 'desk-limit');
});

test('a busy desk says when to try again', async () => {
	await enter(gw, page, somebody());
	await page.route('**/api/tickets?*', (route) => route.fulfill({ status: 503, headers: { 'Retry-After': '1' }, json: { code: 'busy' } }), { times: 1 });
	await page.route('**/api/tickets?*', (route) => route.fulfill({ status: 503, headers: { 'Retry-After': '1' }, json: { code: 'busy' } }), { times: 1 });
	await ticket(page);
	await page.reload();
	await page.getByRole('link', { name: 'Open', exact: true }).click();
	await shows('The desk is busy');
	await screenshot(page, 'desk-busy');
	await shows('You can try again now.');
	await page.unrouteAll();
	await page.getByRole('button', { name: 'Try again' }).click();
	await page.locator('.tickets li').first().waitFor();
});

/** End a user's session as an operator does. */
async function endSession(user) {
	const [{ id }] = sql(gw, `SELECT CAST(s.id AS TEXT) AS id FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.email = '${user.email}'`);
	assert.equal((await gw.ctl('session', 'end', id)).code, 0);
}
/** Nothing of a person is in the page any more, seen or unseen. */
async function isBlank(at, ...words) {
	const html = await at.content();
	for (const word of words)
		assert.ok(!html.includes(word), word);
	assert.equal(await at.title(), 'Alpha Supplies');
	assert.equal(await at.locator('#data, noscript, .tickets, form').count(), 0);
}

test('the session ends in the middle: the text waits for the next one', async () => {
	const user = somebody();
	await enter(gw, page, user);
	const { number } = await ticket(page);
	await page.goto(`${HOST}/tickets/${number}`);
	await page.fill('#message', 'Typed for half an hour');
	await endSession(user);
	await page.getByRole('button', { name: 'Send answer' }).click();
	await shows('Your session has ended');
	await page.getByText('What you typed is kept.').first().waitFor();
	await isBlank(page, user.email, user.name, 'It broke', 'Typed for half an hour');
	assert.equal(await page.locator('main a').getAttribute('href').then((url) => new URL(url).origin), 'https://alpha.test');
	await screenshot(page, 'desk-expired');
	await page.getByRole('button', { name: 'Try again' }).click();
	await page.getByRole('status').getByText('Nobody is signed in yet.').waitFor();
	const other = await context.newPage();
	await enter(gw, other, user);
	await page.getByRole('button', { name: 'Try again' }).click();
	await page.locator('#message').waitFor();
	assert.equal(await page.inputValue('#message'), 'Typed for half an hour');
	await page.getByRole('button', { name: 'Send answer' }).click();
	await page.locator('.message', { hasText: 'Typed for half an hour' }).locator('time').waitFor();
	assert.equal(sql(gw, `SELECT messages FROM tickets WHERE number = ${number}`)[0].messages, 2);
});

test('signing out in one tab ends the view in the others', async () => {
	const user = somebody('Ann Gone');
	await enter(gw, page, user);
	const { number } = await ticket(page, { subject: 'Private matters' });
	await page.goto(`${HOST}/tickets/${number}`);
	await page.fill('#message', 'Half a secret');
	const other = await context.newPage(), third = await context.newPage();
	await third.goto(`${HOST}/tickets/new`);
	await third.locator('#subject').waitFor();
	await other.goto(`${HOST}/dashboard`);
	await Promise.all([other.waitForURL('https://alpha.test/'), other.getByRole('button', { name: 'Sign out' }).click()]);
	for (const at of [page, third]) {
		await shows('You are signed out', at);
		await isBlank(at, user.email, user.name, 'Private matters', 'Half a secret');
		assert.deepEqual(await at.evaluate(() => Object.keys(sessionStorage)), []);
	}
	await page.bringToFront();
	await screenshot(page, 'desk-signed-out-elsewhere');
	await page.goBack();
	assert.ok(!(await page.content()).includes(user.name));
	/* what only says so ends nothing */
	await enter(gw, page, user);
	await other.goto(`${HOST}/dashboard`);
	const [told] = await Promise.all([page.waitForResponse(/\/api\/tickets\?limit=1/),
		other.evaluate(() => { new BroadcastChannel('usher').postMessage('signed-out'); })]);
	assert.equal(told.request().headers()['x-usher-activity'], 'none');
	await page.getByRole('link', { name: 'New ticket' }).waitFor();
	await shows('Private matters');
});

test('a session that an operator ended: at the next look, or when somebody comes', async () => {
	const user = somebody('Bea Ended');
	await enter(gw, page, user);
	await ticket(page, { subject: 'Seen by nobody' });
	const looking = await context.newPage();
	await looking.addInitScript(() => {
		const real = window.setInterval;
		window.setInterval = (fn, ms) => real(fn, ms === 60000 ? 50 : ms);
	});
	await looking.goto(`${HOST}/dashboard`);
	await shows('Seen by nobody', looking);
	await endSession(user);
	await shows('Your session has ended', looking);
	await isBlank(looking, user.email, user.name, 'Seen by nobody');
	await page.evaluate(() => { dispatchEvent(new Event('focus')); });
	await shows('Your session has ended');
	await isBlank(page, user.email, user.name, 'Seen by nobody');
	/* they come back, and so does what they looked at */
	const other = await context.newPage();
	await enter(gw, other, user);
	await page.evaluate(() => { dispatchEvent(new Event('focus')); });
	await shows('Seen by nobody');
});

test('a sign-out that gets no answer goes the form\'s way', async () => {
	const user = somebody();
	await enter(gw, page, user);
	await page.route('**/auth/logout', (route) => (route.request().resourceType() === 'fetch' ? route.abort() : route.continue()));
	await Promise.all([page.waitForURL('https://alpha.test/'), page.getByRole('button', { name: 'Sign out' }).click()]);
	assert.equal(sql(gw, `SELECT count(*) AS n FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.email = '${user.email}'`)[0].n, 0);
});

test('somebody else signs in meanwhile: nothing is sent or shown as the one before', async () => {
	const user = somebody();
	await enter(gw, page, user);
	await page.goto(`${HOST}/tickets/new`);
	await write('Whose is this?', 'Mine');
	const other = await context.newPage();
	await context.clearCookies();
	await enter(gw, other, somebody('Mallory'));
	await ticket(other, { subject: 'Mallory asks' });
	await page.getByRole('button', { name: 'Send' }).click();
	await shows('Somebody else is signed in now');
	assert.equal(sql(gw, "SELECT count(*) AS n FROM tickets WHERE subject = 'Whose is this?'")[0].n, 0);
	await isBlank(page, user.email, 'Whose is this?', 'Mallory');
	await page.bringToFront();
	await screenshot(page, 'desk-other-user');
	await page.getByRole('button', { name: 'Load again' }).click();
	await page.locator('#subject').waitFor();
	assert.equal(await page.inputValue('#subject'), '');
	assert.match(await page.innerText('.person'), /Mallory/);
});

test('back and forward go through the views, and back finds its place', async () => {
	await enter(gw, page, somebody());
	for (const subject of ['First', 'Second', 'Third'])
		await ticket(page, { subject });
	await page.reload();
	await page.getByRole('link', { name: /Second/ }).click();
	await shows('Second');
	await goBack(page);
	await page.waitForURL(`${HOST}/dashboard`);
	await page.waitForFunction(() => document.activeElement.textContent.includes('Second'));
	await page.evaluate(() => history.forward());
	await shows('Second');
	assert.match(await page.title(), /^Second/);
	await page.goto(`${HOST}/tickets/999999`);
	assert.match(await page.textContent('h1'), /There is nothing here/);
	await screenshot(page, 'desk-missing');
});

test('more than one page of tickets', async () => {
	const user = somebody();
	await enter(gw, page, user);
	const { number } = await ticket(page, { subject: 'The oldest' });
	/* 54 more: an hour has room for 30 */
	sql(gw, `INSERT INTO tickets(tenant, number, user_id, closed, messages, by_agent, created_ms, updated_ms, key, subject, category)
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 54)
		SELECT tenant, 100000 + i, user_id, 0, 1, 0, created_ms + i, updated_ms + i, 'many' || i, 'Many ' || i, '' FROM n, tickets WHERE number = ${number}`);
	await page.reload();
	await page.locator('.tickets li').first().waitFor();
	assert.equal(await rows(), 20);
	await page.getByRole('button', { name: 'Show more' }).click();
	await page.waitForFunction(() => document.querySelectorAll('.tickets li').length === 55);
	assert.equal(await page.getByRole('button', { name: 'Show more' }).count(), 0);
	assert.match(await page.locator('.tickets li').last().innerText(), /The oldest/);
	assert.match(await focused(), /Many 34/);
});

test('a draft outlives a reload, and not the sign-out; Back shows nobody', async () => {
	const user = somebody();
	await enter(gw, page, user);
	await page.goto(`${HOST}/tickets/new`);
	await write('A draft', 'Not yet');
	await page.reload();
	assert.equal(await page.inputValue('#subject'), 'A draft');
	await page.goto(`${HOST}/dashboard`);
	await Promise.all([page.waitForEvent('framenavigated'), page.getByRole('button', { name: 'Sign out' }).click()]);
	await page.waitForFunction((email) => !document.body.textContent.includes(email), user.email);
	await goBack(page);
	await page.waitForURL(`${HOST}/dashboard`);
	await page.waitForFunction((email) => document.readyState === 'complete' && !document.body.textContent.includes(email), user.email);
	await screenshot(page, 'desk-signed-out');
	await enter(gw, page, user);
	await page.goto(`${HOST}/tickets/new`);
	assert.equal(await page.inputValue('#subject'), '');
});

test('a phone of 320 pixels, with long words and other scripts', async () => {
	await page.setViewportSize({ width: 320, height: 640 });
	await enter(gw, page, { ...somebody(), name: 'Wolfeschlegelsteinhausenbergerdorffwelchevoralternwarengewissenhaftschafers' });
	await ticket(page, { subject: 'שלום, איך אפשר לשנות את הכתובת?', message: 'שלום, איך אפשר לשנות את הכתובת?' });
	const { number } = await ticket(page, { subject: `Donau${'dampfschifffahrt'.repeat(10)}`, message: `https://alpha.test/${'x'.repeat(300)}`, category: 'Something else' });
	await agentAnswers(gw, number, 'a'.repeat(200));
	for (const [where, name] of [['dashboard', 'list'], [`tickets/${number}`, 'thread'], ['tickets/new', 'new']]) {
		await page.goto(`${HOST}/${where}`);
		await page.waitForSelector('h1');
		assert.equal(await isWide(), false, `${name} scrolls sideways`);
		await screenshot(page, `desk-phone-${name}`);
	}
});

test('in the dark', async () => {
	await page.emulateMedia({ colorScheme: 'dark' });
	await enter(gw, page, somebody());
	const { number } = await ticket(page, { subject: 'Is it dark there?', category: 'Orders' });
	await agentAnswers(gw, number, 'Very.');
	for (const [where, name] of [['dashboard', 'list'], [`tickets/${number}`, 'thread'], ['tickets/new', 'new']]) {
		await page.goto(`${HOST}/${where}`);
		await page.waitForSelector('h1');
		const [r, g, b] = await page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number));
		assert.ok(r + g + b < 150, 'the page is dark');
		await screenshot(page, `desk-dark-${name}`);
	}
});

test('on paper there is the conversation, and its times in full', async () => {
	await enter(gw, page, somebody());
	const { number } = await ticket(page);
	await page.goto(`${HOST}/tickets/${number}`);
	await page.emulateMedia({ media: 'print' });
	assert.equal(await page.getByRole('button', { name: 'Sign out' }).isVisible(), false);
	assert.equal(await page.locator('#message').isVisible(), false);
	assert.equal(await page.locator('.message .text').isVisible(), true);
	assert.match(await page.locator('.message time').evaluate((node) => getComputedStyle(node, '::after').content), /20\d\d/);
	await screenshot(page, 'desk-print');
});

test('in a frame on the partner\'s page: the same desk, without a history of its own', async () => {
	const person = somebody();
	const site = await sites({ 'https://alpha.test/': `<!doctype html><meta charset="utf-8"><title>Alpha</title>
<h1>Alpha</h1><div id="support" style="width: 24rem; height: 34rem"></div>
<script src="https://tickets.test/sdk/usher.js"></script>
<script>Usher.contactSupport({ tenant: 'alpha', method: 'embed', target: '#support', user: ${JSON.stringify(person)} });</script>` });
	const framed = await browser({ hosts: { 'alpha.test': site.port, '*.test': gw.port }, block: true });
	try {
		const partner = await framed.context.newPage();
		await partner.goto('https://alpha.test/');
		const frame = partner.frameLocator('#support iframe');
		for (const width of ['15rem', '24rem', '60rem']) {
			await partner.evaluate((w) => { document.getElementById('support').style.width = w; }, width);
			await frame.locator('.person b').getByText(person.name).waitFor();
			await frame.locator('.brand').getByText('Alpha').waitFor();
			await screenshot(partner, `desk-frame-${width}`);
		}
		await partner.evaluate(() => { document.getElementById('support').style.width = '24rem'; });
		await frame.getByRole('link', { name: 'New ticket' }).click();
		await frame.locator('#subject').fill('From a frame');
		await frame.locator('#message').fill('Hello out there');
		const length = await partner.evaluate(() => history.length);
		await frame.getByRole('button', { name: 'Send' }).click();
		await shows('Hello out there', frame);
		await screenshot(partner, 'desk-frame-thread');
		await frame.getByRole('link', { name: 'Your tickets' }).click();
		await frame.locator('.tickets li').waitFor();
		assert.equal(await partner.evaluate(() => history.length), length);
		await screenshot(partner, 'desk-frame');
	} finally {
		await framed.close();
		await site.stop();
	}
});

test('what is served is what was written, and it is little', async () => {
	await enter(gw, page, somebody());
	for (let i = 0; i < 21; i++)
		await ticket(page, { subject: 'A subject of the usual length, or so', category: 'Something else' });
	const text = await page.evaluate(async () => (await fetch('/dashboard', { headers: { Accept: 'text/html' } })).text());
	for (const name of ['desk.css', 'desk.js'])
		assert.ok(text.includes(fs.readFileSync(path.join(top, 'gateway/desk/assets', name), 'utf8')), name);
	assert.ok(text.includes('"next":"'), 'a full page of tickets');
	assert.ok(Buffer.byteLength(text) < 62000, `${Buffer.byteLength(text)} octets`);
});
