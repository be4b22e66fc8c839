// Arriving and leaving, in the tabs of one browser: the button for who may be a
// program, the question on a shared host, and a sign-out that all tabs see.
// needs: chromium
// needs: npm:playwright-core
import assert from 'node:assert/strict';
import fs from 'node:fs';
import https from 'node:https';
import { after, before, test } from 'node:test';
import { certificate, start, tenant } from '../e2e/harness.mjs';
import { browser, screenshot } from './chromium.mjs';
import { HOST, zoe } from './desk.mjs';
import { engines } from './webdriver.mjs';

const SHARED = 'https://tickets.test';
let gw, old;
before(async () => {
	gw = await start({ tenants: {
		alpha: tenant('alpha', { name: '"Alpha Supplies"', accent: '"#0b6e4f"', callback: '"confirm"' }),
		red: tenant('red', { name: '"Red & Sons"', url: null, accent: '"#b3261e"' }),
		blue: tenant('blue', { name: '"Blue Support"', url: null, accent: '"#0b57d0"' }),
	} });
	old = await oldBrowsers();
});
after(async () => {
	await old?.stop();
	await gw?.stop();
});

/** The gateway, for browsers of before the Sec-Fetch headers: it never sees any. */
async function oldBrowsers() {
	const { cert, key } = certificate();
	const server = https.createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) }, (request, response) => {
		const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !name.startsWith('sec-fetch-')));
		const on = https.request({ host: '127.0.0.1', port: gw.port, servername: headers.host, method: request.method, path: request.url, headers, rejectUnauthorized: false, agent: false }, (answer) => {
			response.writeHead(answer.statusCode, answer.headers);
			answer.pipe(response);
		});
		on.on('error', () => response.destroy());
		request.pipe(on);
	});
	await new Promise((r) => server.listen(0, '127.0.0.1', r));
	return { port: server.address().port, stop: () => new Promise((r) => { server.close(r); server.closeAllConnections(); }) };
}

const link = async (slug = 'alpha', user = zoe) => (await gw.handoff(slug, user)).headers.location;
const nobody = (text) => assert.ok(![zoe.name, zoe.email, 'It broke'].some((word) => text.includes(word)), text);

test('callback = confirm: an old browser presses the button, today\'s sees none', async () => {
	for (const [port, isOld] of [[old.port, true], [gw.port, false]]) {
		const { context, close } = await browser({ hosts: { '*.test': port } });
		try {
			const page = await context.newPage();
			await page.goto(await link());
			if (isOld) {
				const button = page.getByRole('button', { name: 'Sign in' });
				await button.waitFor();
				nobody(await page.content());
				assert.deepEqual(await context.cookies(HOST), []);
				await screenshot(page, 'page-arrive');
				/* of two clicks the second would find a used token */
				await button.dblclick();
			}
			await page.waitForURL(`${HOST}/dashboard`);
			await page.getByText(zoe.email).waitFor();
			assert.equal(await page.evaluate(() => document.referrer.includes('token=')), false);
		} finally {
			await close();
		}
	}
});

for (const engine of engines)
	test(`${engine.name}: the button, and a sign-out that the other tab sees`, { skip: engine.missing }, async () => {
		const browser = await engine.start({ '*.test': old.port });
		const shows = (text) => browser.until(async () => (await browser.text()).includes(text), text);
		try {
			await browser.go(await link());
			await shows('Please press the button');
			nobody(await browser.text());
			await browser.screenshot('page-arrive');
			await browser.click('form button');
			await shows(zoe.email);
			const [first] = await browser.windows();
			await browser.newTab();
			await browser.go(`${HOST}/dashboard`);
			await shows(zoe.email);
			await browser.click('.top form button');
			await browser.until(async () => !(await browser.url()).startsWith(HOST), 'the way home');
			await browser.switchTo(first);
			await shows('You are signed out');
			nobody(await browser.script('return document.documentElement.outerHTML'));
			await browser.screenshot('desk-ended');
		} finally {
			await browser.end();
		}
	});

test('on a shared host the question names both tenants, and the other tab sees who came', async () => {
	const { context, close } = await browser({ hosts: { '*.test': gw.port } });
	try {
		const page = await context.newPage(), other = await context.newPage();
		await page.goto(await link('red'));
		await page.waitForURL(`${SHARED}/dashboard`);
		await page.getByText(zoe.email).waitFor();
		await other.goto(await link('blue'));
		await other.getByRole('button', { name: 'Go on at Blue Support' }).waitFor();
		const text = (await other.innerText('main')).replace(/\s+/g, ' ');
		assert.match(text, /you are signed in at Red & Sons as .* go on at Blue Support as .* You will be signed out of Red & Sons\./);
		await screenshot(other, 'page-confirm-shared');
		await other.getByRole('button', { name: /Go on at/ }).dblclick();
		await other.waitForURL(`${SHARED}/dashboard`);
		await other.getByText('Blue Support').first().waitFor();
		/* the same address at another tenant is somebody else */
		await page.evaluate(() => { dispatchEvent(new Event('focus')); });
		await page.getByText('Somebody else is signed in now').first().waitFor();
		nobody(await page.content());
		await page.bringToFront();
		await screenshot(page, 'desk-other-user');
		await page.getByRole('button', { name: 'Load again' }).click();
		await page.getByText('Blue Support').first().waitFor();
	} finally {
		await close();
	}
});
