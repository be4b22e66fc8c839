// The browser SDK in the other engines: Gecko (Firefox ESR), which parts all
// cookies by the page around, and WebKit (WebKitGTK).
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { Gateway, tenant, until } from '../e2e/harness.mjs';
import { sites } from './site.mjs';
import { engines } from './webdriver.mjs';

const zoe = { email: 'zoe@example.com', name: 'Zoë O\'Neil' };
const SECRET = 'a-secret-of-at-least-32-octets-that-both-know';
function sign() {
	const b64 = (x) => Buffer.from(JSON.stringify(x)).toString('base64url'), now = Math.floor(Date.now() / 1000);
	const text = `${b64({ alg: 'HS256', kid: 'k' })}.${b64({ aud: 'beta', iat: now, exp: now + 60, jti: crypto.randomUUID(), ...zoe })}`;
	return `${text}.${crypto.createHmac('sha256', SECRET).update(text).digest('base64url')}`;
}
let gw, site;
before(async () => {
	gw = new Gateway({ tenants: {
		alpha: tenant('alpha'),
		/* Its desk is on the host that the frame comes from. */
		shared: tenant('shared', { url: null }),
		beta: tenant('beta', { identity: '"signed"', origins: '[ "https://alpha.test" ]', keys: '( { kid = "k"; algorithm = "HS256"; secret_file = "secret"; } )' }),
	} });
	fs.writeFileSync(path.join(gw.conf, 'secret'), SECRET, { mode: 0o600 });
	await gw.start();
	site = await sites({ 'https://alpha.test/': `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>Partner</title>
<script>
window.authUser = ${JSON.stringify(zoe)};
</script>
<script src="https://tickets.test/sdk/usher.js" data-tenant="alpha"></script>
<button id="form" data-usher="form">form</button> <button id="fetch" data-usher="fetch">fetch</button>
<button id="embed" data-usher="embed" data-usher-target="#desk">embed</button>
<button id="tab" data-usher="embed" data-usher-mode="tab">embed, in a tab</button>
<button id="signed" data-usher="form" data-usher-tenant="beta" data-usher-sign="/support/assertion">signed</button>
<button id="signed-embed" data-usher="embed" data-usher-tenant="beta" data-usher-sign="/support/assertion" data-usher-target="#desk">signed, embed</button>
<div id="desk"></div>`, 'https://alpha.test/support/assertion': () => ({ body: JSON.stringify({ assertion: sign() }) }) });
});
after(async () => {
	await site?.stop();
	await gw?.stop();
});
const answered = (from, list, status) => gw.log.slice(from).map((line) => JSON.parse(line))
	.some((e) => e.event === 'request_done' && e.list === list && e.status === status);

/* SHORT: what differs most by the engine. */
const isShort = Boolean(process.env.SHORT);
for (const engine of engines) {
	const visit = async () => {
		const browser = await engine.start({ 'alpha.test': site.port, '*.test': gw.port });
		await browser.go('https://alpha.test/');
		await browser.until(() => browser.script('return !!window.Usher'), 'the SDK');
		return browser;
	};

	for (const [button, slug] of [['fetch', 'alpha'], ['signed', 'beta'], ['form', 'alpha'], ['tab', 'alpha']].slice(0, isShort ? 2 : 4))
		test(`${engine.name}: ${button}, in a new tab`, { skip: engine.missing }, async () => {
			const browser = await visit();
			try {
				await browser.clickForTab(`#${button}`);
				await browser.until(async () => (await browser.url()) === `https://ticket.${slug}.test/dashboard`, 'the desk');
				assert.equal(await browser.script('return window.opener'), null);
			} finally {
				await browser.end();
			}
		});

	for (const [button, slug] of [['embed', 'alpha'], ['signed-embed', 'beta']].slice(0, isShort ? 1 : 2))
		test(`${engine.name}: the desk in a frame, ${button}`, { skip: engine.missing }, async () => {
			const browser = await visit(), from = gw.log.length;
			try {
				await browser.click(`#${button}`);
				// WebKitGTK keeps no cookies of frames, parted or not: a tab is
				// offered in there instead.
				await until(() => answered(from, 'frame_desk_page', 200) || answered(from, 'frame_tickets_list', 401), 'an answer in the frame');
				if (answered(from, 'frame_tickets_list', 401)) {
					assert.equal(engine.name, 'webkit');
					await browser.frame(await browser.find('iframe'));
					await browser.until(async () => (await browser.text()).includes('Open in a new tab'), 'the offer');
					await browser.clickForTab('button');
					await browser.until(async () => (await browser.url()) === `https://ticket.${slug}.test/dashboard`, 'the desk');
					assert.equal(await browser.script('return window.opener'), null);
					return;
				}
				await browser.untilFrameSays('New ticket');
				await browser.screenshot(button);
				await browser.go('https://tickets.test/auth/session');
				await until(() => answered(from, 'session', 401), 'nobody at the top level');
				assert.ok(!answered(from, 'session', 200));
			} catch (error) {
				error.message += `\nthe gateway's record:\n${gw.log.slice(from).join('\n')}`;
				throw error;
			} finally {
				await browser.end();
			}
		});
}
