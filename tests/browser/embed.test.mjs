// The frame against those who should not have it: strangers' pages around it,
// pages without an origin, openers, and forged requests. And its session, which
// is nothing outside of it.
// needs: chromium
// needs: npm:playwright-core
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { start, tenant, until } from '../e2e/harness.mjs';
import { borrow, screenshot } from './chromium.mjs';
import { sites } from './site.mjs';

const zoe = { email: 'zoe@example.com', name: 'Zoë O\'Neil' };
const frame = 'https://tickets.test/embed/alpha';

// What comes back from a frame, and what is sent to it, without the SDK.
const listener = `<script>
window.heard = [];
addEventListener('message', (e) => heard.push({ origin: e.origin, data: e.data }));
function speak(target) {
	const channel = new MessageChannel();
	channel.port1.onmessage = (e) => heard.push({ port: true, data: e.data });
	target.postMessage({ usher: 'connect' }, '*', [channel.port2]);
	channel.port1.postMessage({ type: 'handoff', mode: 'frame', fields: ${JSON.stringify(zoe)} });
}
</script>`;
const embedder = (attributes = '') => `<!doctype html><title>Page</title>${listener}<iframe id="f" ${attributes} src="${frame}"></iframe>`;
const partner = `<!doctype html><title>Partner</title><script>window.authUser = ${JSON.stringify(zoe)};</script>
<script src="https://tickets.test/sdk/usher.js" data-tenant="alpha"></script>
<button id="go" data-usher="embed" data-usher-target="#desk">Support</button><div id="desk"></div>`;

const pages = {
	'https://alpha.test/': partner,
	'https://alpha.test/bare': embedder(),
	'https://alpha.test/sandboxed': embedder('sandbox="allow-scripts allow-forms"'),
	'https://alpha.test/inner': embedder(),
	'https://alpha.test/opaque': `<!doctype html><title>Page</title>${listener}<iframe id="s" sandbox="allow-scripts" srcdoc='${embedder().replaceAll('\'', '&#39;')}'></iframe>`,
	'https://alpha.test/with-ad': partner + '<iframe id="ad" src="https://evil.test/ad"></iframe>',
	'https://alpha.test/bare-ad': `${embedder()}<iframe id="ad" src="https://evil.test/quiet"></iframe>`,
	'https://evil.test/quiet': `<!doctype html><title>Ad</title>${listener}`,
	// Speaks in the frame's name to the page, and in the page's name to the frame, without a pause.
	'https://evil.test/ad': `<!doctype html><title>Ad</title>${listener}<script>
setInterval(() => {
	for (const data of [{ usher: 'refused', status: 404, code: 'tenant_not_found' }, { usher: 'hello', version: 1, was: 'signed-out' },
		{ usher: 'connect' }, { usher: 'refused' }, null, 'hello'])
		parent.postMessage(data, '*');
	for (let i = 0; i < parent.frames.length; i++)
		if (parent.frames[i] !== window)
			speak(parent.frames[i]);
}, 1);
</script>`,
	'https://beta.test/': embedder(),
	'https://evil.test/': embedder(),
	'https://evil.test/nested': '<!doctype html><title>Evil</title><iframe id="f" src="https://alpha.test/inner"></iframe>',
	'https://evil.test/opener': `<!doctype html><title>Evil</title>${listener}<button id="open">x</button>`,
	'https://evil.test/forger': '<!doctype html><title>Evil</title>',
};

let gw, site;
before(async () => {
	gw = await start({ tenants: {
		alpha: tenant('alpha', { origins: '[ "https://alpha.test" ]' }),
		beta: tenant('beta', { origins: '[ "https://beta.test" ]' }),
		shared: tenant('shared', { url: null, origins: '[ "https://alpha.test" ]' }),
	} });
	site = await sites(pages);
});
after(async () => {
	await site?.stop();
	await gw?.stop();
});
const open = (block = false) => borrow({ hosts: { 'alpha.test': site.port, 'beta.test': site.port, 'evil.test': site.port, '*.test': gw.port }, block });

/** What the gateway answered to a list since `from`: [status, code]. */
const answered = (from, list) => gw.log.slice(from).map((line) => JSON.parse(line)).filter((e) => e.event === 'request_done' && e.list === list);
const inside = async (page, selector = '#f') => (await page.waitForSelector(selector)).contentFrame();

/** The frame's document, refused by the browser. */
async function isRefused(page, selector) {
	const blocked = await until(async () => {
		const inner = await inside(page, selector);
		return inner?.url().startsWith('chrome-error:');
	}, 'the browser to refuse the frame');
	assert.ok(blocked);
}

/** The desk in the SDK's frame, and the frame that it is in. */
async function desk(context) {
	const page = await context.newPage();
	await page.goto('https://alpha.test/');
	await page.click('#go');
	const inner = await inside(page, '#desk iframe');
	await inner.waitForURL(`${frame}/dashboard`);
	await inner.waitForSelector('#desk main');
	return { page, inner };
}

test('who may show the frame', async (t) => {
	const { context, close } = await open();
	try {
		await t.test('the tenant\'s own page: it says hello, and nothing of anybody\'s', async () => {
			const page = await context.newPage();
			await page.goto('https://alpha.test/bare');
			await page.waitForFunction(() => heard.length);
			assert.deepEqual(await page.evaluate(() => heard), [{ origin: 'https://tickets.test', data: { usher: 'hello', version: 1, was: '' } }]);
			await page.close();
		});
		for (const url of ['https://evil.test/', 'https://beta.test/'])
			await t.test(`not a stranger, nor another tenant's page: ${url}`, async () => {
				const page = await context.newPage();
				await page.goto(url);
				await isRefused(page);
				assert.deepEqual(await page.evaluate(() => heard), []);
				await screenshot(page, 'embed-hostile');
				await page.close();
			});
		await t.test('not the tenant\'s page inside a stranger\'s', async () => {
			const page = await context.newPage();
			await page.goto('https://evil.test/nested');
			const middle = await inside(page);
			await middle.waitForSelector('#f');
			await until(async () => (await inside(middle)).url().startsWith('chrome-error:'), 'the browser to refuse the inner frame');
			await page.close();
		});
		await t.test('not a sandboxed page without an origin', async () => {
			const page = await context.newPage();
			await page.goto('https://alpha.test/opaque');
			const middle = await inside(page, '#s');
			await middle.waitForSelector('#f');
			await until(async () => (await inside(middle)).url().startsWith('chrome-error:'), 'the browser to refuse the inner frame');
			await page.close();
		});
	} finally {
		await close();
	}
});

test('another frame on the partner\'s page cannot speak for the desk\'s, nor to it', async () => {
	const { context, close } = await open();
	try {
		const page = await context.newPage();
		const said = [];
		page.on('console', (m) => said.push(m.text()));
		await page.goto('https://alpha.test/with-ad');
		const ad = await inside(page, '#ad');
		await ad.waitForFunction(() => parent.frames.length === 1);
		const from = gw.log.length;
		await page.click('#go');
		const inner = await inside(page, '#desk iframe');
		await inner.waitForURL(`${frame}/dashboard`);
		assert.deepEqual(said.filter((text) => text.startsWith('[usher]')), []);
		assert.deepEqual((await ad.evaluate(() => heard)).filter((h) => h.port), [], 'its port is never answered');
		await until(() => answered(from, 'embed_handoff').length, 'the log to be read');
		assert.equal(answered(from, 'embed_handoff').length, 1, 'what it asked for was not done');
	} finally {
		await close();
	}
});

test('the frame listens to the page around it alone', async () => {
	const { context, close } = await open();
	try {
		const page = await context.newPage();
		await page.goto('https://alpha.test/bare-ad');
		await page.waitForFunction(() => heard.length);
		const ad = await inside(page, '#ad');
		await ad.waitForFunction(() => window.speak);
		// First the stranger, then the page: the first that counts gets the port.
		await ad.evaluate(() => speak(parent.frames[0]));
		await page.evaluate(() => speak(frames[0]));
		await page.waitForFunction(() => heard.some((h) => h.port));
		assert.equal((await page.evaluate(() => heard)).find((h) => h.port).data.type, 'signed-in');
		assert.deepEqual(await ad.evaluate(() => heard), []);
	} finally {
		await close();
	}
});

test('the frame without an origin of its own signs nobody in', async () => {
	const { context, close } = await open();
	try {
		const from = gw.log.length;
		const page = await context.newPage();
		await page.goto('https://alpha.test/sandboxed');
		await page.waitForFunction(() => heard.length);
		await page.evaluate(() => speak(document.getElementById('f').contentWindow));
		await page.waitForFunction(() => heard.some((h) => h.port));
		const told = (await page.evaluate(() => heard)).filter((h) => h.port);
		assert.equal(told[0].data.type, 'refused');
		assert.deepEqual(answered(from, 'embed_handoff').filter((e) => e.status === 200), []);
		assert.deepEqual(answered(from, 'embed_session'), []);
	} finally {
		await close();
	}
});

test('an opener', async (t) => {
	const { context, close } = await open();
	try {
		await t.test('gets no frame in a window of its own, and no answer from what comes instead', async () => {
			const page = await context.newPage();
			await page.goto('https://evil.test/opener');
			const from = gw.log.length;
			await page.evaluate((url) => { document.getElementById('open').onclick = () => { window.w = window.open(url); }; }, frame);
			const opened = context.waitForEvent('page');
			await page.click('#open');
			const popup = await opened;
			await popup.waitForLoadState();
			assert.equal((await popup.evaluate(() => document.getElementById('frame'))), null);
			await page.evaluate(() => speak(window.w));
			await until(() => answered(from, 'frame').length, 'the log to be read');
			assert.deepEqual(answered(from, 'frame').map((e) => [e.status, e.code]), [[403, 'not_a_frame']]);
			// The popup has run what was sent before this.
			await popup.evaluate(() => 0);
			assert.deepEqual(await page.evaluate(() => heard), []);
			assert.deepEqual(answered(from, 'embed_handoff'), []);
			await popup.close();
			await page.close();
		});
		await t.test('learns nothing from the partner\'s page that it opened', async () => {
			const page = await context.newPage();
			await page.goto('https://evil.test/opener');
			await page.evaluate(() => { document.getElementById('open').onclick = () => { window.w = window.open('https://alpha.test/'); }; });
			const opened = context.waitForEvent('page');
			await page.click('#open');
			const victim = await opened;
			await victim.waitForSelector('#go');
			await victim.click('#go');
			const inner = await inside(victim, '#desk iframe');
			await inner.waitForURL(`${frame}/dashboard`);
			await page.evaluate(() => speak(window.w.frames[0]));
			assert.equal(await inner.evaluate(() => fetch('/embed/alpha/api/tickets').then((r) => r.status)), 200);
			assert.deepEqual(await page.evaluate(() => heard), []);
			await victim.close();
			await page.close();
		});
	} finally {
		await close();
	}
});

for (const block of [false, true])
	test(`its session is nothing elsewhere, third-party cookies ${block ? 'blocked' : 'allowed'}`, async () => {
		const { context, close } = await open(block);
		try {
			const { page, inner } = await desk(context);
			const api = (where) => where.evaluate(() => fetch('/embed/alpha/api/tickets').then((r) => r.status));
			assert.equal(await api(inner), 200);
			// At the top level of the same host.
			const tab = await context.newPage();
			assert.equal((await tab.goto('https://tickets.test/auth/session')).status(), 401);
			assert.equal((await tab.goto(`${frame}/api/tickets`)).status(), 401);
			// And a session of the top level is nobody in a frame.
			const answer = await gw.handoff('shared', zoe);
			await tab.goto(answer.headers.location);
			assert.equal((await tab.goto('https://tickets.test/auth/session')).status(), 200);
			await inner.evaluate(() => fetch('/embed/alpha/logout', { method: 'POST' }));
			assert.equal(await api(inner), 401);
			assert.equal((await tab.goto('https://tickets.test/auth/session')).status(), 200, 'the frame ended its own session alone');
			await page.close();
		} finally {
			await close();
		}
	});

test('forged requests, from the partner\'s page around an open desk and from a stranger\'s', async () => {
	const { context, close } = await open();
	try {
		const { page, inner } = await desk(context);
		const evil = await context.newPage();
		await evil.goto('https://evil.test/forger');
		const from = gw.log.length;
		const token = new URL((await gw.handoff('alpha', zoe)).headers.location).searchParams.get('token');
		for (const where of [page, evil]) {
			const tries = await where.evaluate(async ([base, token]) => {
				const results = [];
				for (const [path, body] of [['/handoff', '{"email":"evil@example.com","name":"Evil"}'], ['/session', JSON.stringify({ token })], ['/logout', '{}'],
					['/api/tickets', '{"subject":"forged","message":"forged"}']])
					for (const options of [
						{ headers: { 'Content-Type': 'application/json', 'X-Embedded-By': 'https://alpha.test' } },
						{ headers: { 'Content-Type': 'application/json' } },
						{ headers: { 'Content-Type': 'text/plain' } },
						{ mode: 'no-cors', headers: { 'Content-Type': 'text/plain' } },
						{ mode: 'no-cors', body: new URLSearchParams({ email: 'evil@example.com', name: 'Evil', token }) },
					])
						results.push(await fetch(base + path, { method: 'POST', credentials: 'include', body, ...options })
							.then((r) => r.type, () => 'failed'));
				return results;
			}, [frame, token]);
			assert.ok(tries.every((type) => type === 'failed' || type === 'opaque'), tries.join());
		}
		// A form that navigates, into a tab and into a frame.
		for (const target of ['_top', 'f'])
			for (const path of ['/handoff', '/session', '/logout']) {
				const list = path === '/logout' ? 'embed_logout' : `embed_${path.slice(1)}`;
				const count = answered(from, list).length;
				const forger = await context.newPage();
				await forger.goto('https://evil.test/forger');
				await forger.evaluate(([action, target, token]) => {
					const frame = document.createElement('iframe');
					frame.name = 'f';
					document.body.append(frame);
					const form = document.createElement('form');
					form.method = 'post';
					form.action = action;
					form.target = target;
					form.enctype = 'text/plain';
					const input = document.createElement('input');
					input.name = `{"token":"${token}","x":"`;
					input.value = '"}';
					form.append(input);
					document.body.append(form);
					form.submit();
				}, [frame + path, target, token]);
				await until(() => answered(from, list).length > count, `an answer to the form for ${list}`);
				await forger.close();
			}
		const all = ['embed_handoff', 'embed_session', 'embed_logout', 'frame_tickets_create'].flatMap((list) => answered(from, list));
		assert.deepEqual(all.filter((e) => e.status < 400), [], 'every one was refused');
		assert.ok(all.some((e) => e.code === 'origin_refused'));
		assert.equal(await inner.evaluate(() => fetch('/embed/alpha/api/tickets').then((r) => r.status)), 200, 'the desk is still signed in');
		assert.equal((await inner.evaluate(() => fetch('/embed/alpha/api/tickets').then((r) => r.json()))).tickets.length, 0);
		// None of it spent the token.
		const tab = await gw.callback(`https://ticket.alpha.test/auth/callback?token=${token}`);
		assert.equal(tab.status, 302);
	} finally {
		await close();
	}
});
