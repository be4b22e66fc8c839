// What browsers do with a callback's address beside opening it: they guess
// ahead, fetch it, frame it, reload it, go back to it. One opening redeems.
// needs: chromium
// needs: npm:playwright-core
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { start, tenant, until } from '../e2e/harness.mjs';
import { borrow } from './chromium.mjs';
import { guidePage, sites } from './site.mjs';

const zoe = { email: 'zoe@example.com', name: 'Zoë O\'Neil' };
const desk = 'https://ticket.alpha.test/dashboard';
const blank = '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>Page</title>';

let gw, site;
before(async () => {
	gw = await start({ tenants: {
		alpha: tenant('alpha', { origins: '[ "https://alpha.test" ]' }),
		tight: tenant('tight', { url: null, origins: '[ "https://alpha.test" ]', rate_limit: '{ requests = 1; per = 3600; }' }),
		off: tenant('off', { url: null, origins: '[ "https://alpha.test" ]', enabled: 'false' }),
	} });
	site = await sites({
		'https://alpha.test/': guidePage(zoe), 'https://alpha.test/blank': blank, 'https://evil.test/': blank,
		'https://alpha.test/landing': blank,
	});
});
after(async () => {
	await site?.stop();
	await gw?.stop();
});
const open = (block) => borrow({ hosts: { 'alpha.test': site.port, 'evil.test': site.port, '*.test': gw.port }, block });
const answered = (from, list = 'callback') => gw.log.slice(from).map((line) => JSON.parse(line)).filter((e) => e.event === 'request_done' && e.list === list);
const link = async () => (await gw.handoff('alpha', zoe)).headers.location;
async function visit(context, url) {
	const page = await context.newPage();
	await page.goto(url);
	return page;
}

/** Follow a link to `url` by a click, and stand at the desk. */
async function clickTo(page, url) {
	await page.evaluate((href) => {
		const a = document.createElement('a');
		a.href = href;
		a.id = 'go';
		a.textContent = 'go';
		document.body.append(a);
	}, url);
	await page.click('#go');
	await page.waitForURL(desk);
}

test('a browser that guesses ahead spends nothing; the click then works', async (t) => {
	const { context, close } = await open();
	try {
		for (const [what, rules] of [
			['prefetch by rules', { prefetch: [{ source: 'list', eagerness: 'immediate' }] }],
			['prerender by rules', { prerender: [{ source: 'list', eagerness: 'immediate' }] }],
			['link rel=prefetch', null],
		])
			await t.test(what, async () => {
				await context.clearCookies();
				const url = await link();
				const page = await visit(context, 'https://alpha.test/blank');
				const from = gw.log.length;
				await page.evaluate(([url, rules]) => {
					if (rules) {
						for (const kind of Object.values(rules))
							kind[0].urls = [url];
						const script = document.createElement('script');
						script.type = 'speculationrules';
						script.textContent = JSON.stringify(rules);
						document.head.append(script);
					} else {
						const hint = document.createElement('link');
						hint.rel = 'prefetch';
						hint.href = url;
						document.head.append(hint);
					}
				}, [url, rules]);
				await until(() => answered(from).length, 'the guess');
				// Told by Sec-Purpose, or by its mode: a constant nothing.
				assert.ok(answered(from).every((e) => e.code === 'prefetch_refused' || e.status === 200), JSON.stringify(answered(from)));
				if (rules)
					assert.ok(answered(from).some((e) => e.status === 503));
				await clickTo(page, url);
				await until(() => answered(from).some((e) => e.status === 302), 'the click');
				assert.equal(answered(from).filter((e) => e.status === 302).length, 1);
				await page.close();
			});
	} finally {
		await close();
	}
});

test('an image, a frame, a fetch, a HEAD: none redeems, and opening it afterwards works', async () => {
	const { context, close } = await open();
	try {
		const url = await link();
		const page = await visit(context, 'https://evil.test/');
		const from = gw.log.length;
		const results = await page.evaluate(async (url) => {
			const wait = (element, set) => new Promise((resolve) => {
				element.onload = element.onerror = resolve;
				set(element);
				document.body.append(element);
			});
			await wait(new Image(), (e) => { e.src = url; });
			await wait(document.createElement('iframe'), (e) => { e.src = url; });
			await wait(document.createElement('script'), (e) => { e.src = url; });
			await wait(document.createElement('object'), (e) => { e.data = url; });
			const text = (options) => fetch(url, options).then((r) => (r.type === 'opaque' ? 'opaque' : r.text()), () => 'failed');
			return [await text({ mode: 'no-cors', credentials: 'include' }), await text({ credentials: 'include' }), await text({ method: 'HEAD', mode: 'no-cors' })];
		}, url);
		assert.ok(results.every((r) => r === 'opaque' || r === 'failed'), results.join());
		await until(() => answered(from).length >= 7, 'all of them');
		assert.deepEqual(answered(from).filter((e) => e.status === 302), []);
		assert.deepEqual((await context.cookies('https://ticket.alpha.test')), []);
		await clickTo(page, url);
	} finally {
		await close();
	}
});

test('a sandboxed frame of a stranger reads a constant, whatever the token, and no desk', async () => {
	const { context, close } = await open();
	try {
		const page = await visit(context, 'https://alpha.test/');
		await page.click('#same');
		await page.waitForURL(desk);
		const evil = await visit(context, 'https://evil.test/');
		const good = await link();
		const read = await evil.evaluate((urls) => new Promise((resolve) => {
			addEventListener('message', (e) => resolve(e.data));
			const frame = document.createElement('iframe');
			frame.sandbox = 'allow-scripts';
			frame.srcdoc = `<script>
				Promise.all(${JSON.stringify(urls)}.map((url) => fetch(url, { credentials: 'include' }).then((r) => r.text(), () => 'failed')))
					.then((all) => parent.postMessage(all, '*'))<\/script>`;
			document.body.append(frame);
		}), [good, 'https://ticket.alpha.test/auth/callback?token=nonsense', 'https://ticket.alpha.test/auth/callback', desk, 'https://ticket.alpha.test/auth/session',
			'https://ticket.alpha.test/api/tickets']);
		assert.deepEqual(read, ['{}', '{}', '{}', 'failed', 'failed', 'failed']);
		const other = await visit(context, good);
		assert.equal(other.url(), desk, 'and the token was not spent');
	} finally {
		await close();
	}
});

test('a second visit: the same browser comes to its desk, another learns that it was used', async () => {
	const url = await link();
	const first = await open();
	try {
		const page = await visit(first.context, 'https://alpha.test/blank');
		await clickTo(page, url);
		const again = await visit(first.context, 'https://alpha.test/blank');
		await clickTo(again, url);
	} finally {
		await first.close();
	}
	const second = await open();
	try {
		const page = await second.context.newPage();
		assert.equal((await page.goto(url)).status(), 410);
		assert.ok((await page.textContent('body')).includes('used'));
	} finally {
		await second.close();
	}
});

test('the token is in no Referer', async () => {
	const { context, close } = await open();
	try {
		const page = await visit(context, 'https://alpha.test/');
		const from = site.seen.length;
		await page.click('#same');
		await page.waitForURL(desk);
		assert.ok(!(await page.evaluate(() => document.referrer)).includes('token'));
		const url = await link();
		await gw.callback(url);	// used: an error page, with a way back to the partner
		await context.clearCookies();
		await page.goto(url);
		await page.click('a[href^="https://alpha.test"]');
		await page.waitForURL('https://alpha.test/');
		assert.equal(site.seen.slice(from).some((r) => (r.headers.referer ?? '').includes('token')), false);
		assert.ok(!(await page.evaluate(() => document.referrer)).includes('token'));
	} finally {
		await close();
	}
});

test('a listed page\'s fetch can read every refusal, a stranger\'s none', async () => {
	const { context, close } = await open();
	try {
		await gw.handoff('tight', zoe);
		const ask = (page) => page.evaluate(async () => {
			const post = (slug, body) => fetch(`https://tickets.test/api/auth/redirect/${slug}`, {
				method: 'POST', headers: { 'Content-Type': 'application/json', Accept: 'application/json' }, credentials: 'include', body,
			}).then(async (r) => [r.status, (await r.json()).code, r.headers.get('X-RateLimit-Limit'), r.headers.get('Retry-After') !== null, r.headers.get('X-Request-Id')?.length], () => 'failed');
			return [await post('alpha', '{"email":"nonsense"}'), await post('alpha', '{'), await post('tight', '{}'), await post('off', '{}'), await post('nobody', '{}')];
		});
		assert.deepEqual(await ask(await visit(context, 'https://alpha.test/blank')), [
			[422, 'validation_failed', '100000', false, 26],
			[400, 'malformed_body', '100000', false, 26],
			[429, 'too_many_requests', '1', true, 26],
			[404, 'tenant_not_found', '100000', false, 26],
			'failed',
		]);
		assert.deepEqual(await ask(await visit(context, 'https://evil.test/')), Array(5).fill('failed'));
	} finally {
		await close();
	}
});
