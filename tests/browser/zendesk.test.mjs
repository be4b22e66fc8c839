// A real browser: click at the partner, stand in the tenant's Zendesk, signed in.
// needs: chromium
// needs: npm:playwright-core
// needs: npm:jose
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { certificate, start, temporary, tenant } from '../e2e/harness.mjs';
import { HOST, SUBDOMAIN, zendesk } from '../e2e/zendesk.mjs';
import { borrow, partner, screenshot } from './chromium.mjs';

const SECRET = 'the secret that the two share, of 40 bytes';
const BRAND = 'help.alpha.example';
let gw, site, desk;

const alpha = (config, settings = {}) => tenant('alpha', {
	redirects: `[ "https://${HOST}/", "https://${BRAND}/" ]`,
	adapter: `{ module = "zendesk.so"; secrets = ( { name = "zendesk"; file = "secrets/zendesk"; } );
		config = { subdomain = "${SUBDOMAIN}"; brands = [ "${BRAND}" ]; unsigned = "allow"; ${config} }; }`,
	...settings,
});

before(async () => {
	const dir = temporary('zendesk');
	const { cert, key } = certificate();
	fs.mkdirSync(path.join(dir, 'conf.d/secrets'), { recursive: true });
	fs.writeFileSync(path.join(dir, 'conf.d/secrets/zendesk'), SECRET, { mode: 0o600 });
	desk = await zendesk(SECRET, { cert: fs.readFileSync(cert), key: fs.readFileSync(key) });
	gw = await start({ dir, tenants: { alpha: alpha(`home = "https://${HOST}/hc/requests";`) } });
	site = await partner();
});
after(async () => {
	await site?.stop();
	await gw?.stop();
	await desk?.stop();
});

/** Click at the partner; returns the page, which has arrived at `url`. */
async function click(context, button, url) {
	const page = await context.newPage();
	const complaints = [];
	page.on('console', (m) => complaints.push(m.text()));
	await page.goto('https://alpha.test/');
	await page.click(button);
	await page.waitForURL(url).catch((e) => assert.fail(`${page.url()}: ${complaints.join('; ')} ${e}`));
	return page;
}

const open = () => borrow({ hosts: { 'alpha.test': site.port, '*.test': gw.port, [HOST]: desk.port, [BRAND]: desk.port } });

test('the page posts itself, and Zendesk knows who came', async () => {
	const { context, close } = await open();
	try {
		const page = await click(context, '#same', `https://${HOST}/hc/requests`);
		assert.equal(await page.textContent('#who'), 'Zendesk: zoe@example.com');
		const { claims, method, headers, host } = desk.people.at(-1);
		assert.equal(method, 'POST');
		assert.equal(host, HOST);
		assert.equal(claims.email, 'zoe@example.com');
		assert.equal(claims.name, "Zoë O'Neil");
		assert.equal(headers.referer, undefined, 'Zendesk learns no token of ours');
		assert.deepEqual(await context.cookies('https://ticket.alpha.test/'), [], 'no session of ours');
		await screenshot(page, 'zendesk');
	} finally {
		await close();
	}
});

test('a page of another brand is reached too', async () => {
	gw.writeConf('alpha', alpha(`home = "https://${BRAND}/hc";`));
	assert.equal((await gw.reload()).code, 0);
	const { context, close } = await open();
	try {
		const page = await click(context, '#same', `https://${BRAND}/hc`);
		assert.equal(await page.textContent('#who'), 'Zendesk: zoe@example.com');
	} finally {
		await close();
	}
});

test('the older way', async () => {
	gw.writeConf('alpha', alpha(`delivery = "get"; home = "https://${HOST}/hc";`));
	assert.equal((await gw.reload()).code, 0);
	const { context, close } = await open();
	try {
		await click(context, '#same', `https://${HOST}/hc`);
		assert.equal(desk.people.at(-1).method, 'GET');
	} finally {
		await close();
	}
});

test('without scripts there is a button', async () => {
	gw.writeConf('alpha', alpha(`home = "https://${HOST}/hc/requests";`));
	assert.equal((await gw.reload()).code, 0);
	const { context, close } = await open();
	try {
		const location = (await gw.handoff('alpha', { email: 'plain@example.com', name: 'Plain' })).headers.location;
		const page = await context.newPage();
		const session = await context.newCDPSession(page);
		await session.send('Emulation.setScriptExecutionDisabled', { value: true });
		await page.goto(location);
		await screenshot(page, 'zendesk-button');
		await page.click('button');
		await page.waitForURL(`https://${HOST}/hc/requests`);
		assert.equal(desk.people.at(-1).claims.email, 'plain@example.com');
	} finally {
		await close();
	}
});
