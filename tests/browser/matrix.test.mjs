// The guide's own snippets in every place where they may meet a browser:
// third-party cookies allowed and blocked; the desk beside the partner, on a
// host of its own, on the gateway's; a form in a new tab, in the same, a fetch.
// Each time the user stands at the desk signed in, also after a reload.
// needs: chromium
// needs: npm:playwright-core
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { start, tenant, until } from '../e2e/harness.mjs';
import { browser } from './chromium.mjs';
import { guidePage, sites } from './site.mjs';

const user = { email: 'zoe+o\'neil@example.com', name: 'Zoë O\'Neil <b> + "q" & co 李' };
const desks = {
	beside: { ticket: 'https://ticket.alpha.test', slug: 'beside' },
	elsewhere: { ticket: 'https://desk.unrelated.test', slug: 'elsewhere' },
	central: { ticket: 'https://tickets.test', slug: 'central' },
};
const ways = ['form', 'same', 'fetch'];
/* SHORT: where cookies are blocked each desk is reached in one way, each in its own. */
const isShort = Boolean(process.env.SHORT);

let gw, site;
before(async () => {
	const origins = '[ "https://alpha.test" ]';
	gw = await start({ tenants: Object.fromEntries(Object.entries(desks).map(([slug, { ticket }]) =>
		[slug, tenant(slug, { url: slug === 'central' ? null : JSON.stringify(ticket), origins, home: '"https://alpha.test"' })])) });
	site = await sites(Object.fromEntries(Object.values(desks).map((desk) => [`https://alpha.test/${desk.slug}`, guidePage(user, desk)])));
});
after(async () => {
	await site?.stop();
	await gw?.stop();
});

/** How often a list was answered with a status, since `from`. */
const answers = (from, list, status) => gw.log.slice(from).map((line) => JSON.parse(line))
	.filter((e) => e.event === 'request_done' && e.list === list && e.status === status).length;

/** As a navigation asks: the desk's policy may let its pages fetch nothing. */
async function whoIsThere(context, desk) {
	const page = await context.newPage();
	const answer = await page.goto(`${desk.ticket}/auth/session`);
	const session = await answer.json();
	await page.close();
	return session;
}

for (const block of [false, true]) {
	test(`third-party cookies ${block ? 'blocked' : 'allowed'}`, async (t) => {
		const { context, close } = await browser({ hosts: { 'alpha.test': site.port, '*.test': gw.port }, block });
		try {
			for (const [i, desk] of Object.values(desks).entries())
				for (const way of isShort && block ? [ways[i]] : ways)
					await t.test(`desk ${desk.slug}, ${way}`, async () => {
						await context.clearCookies();
						const from = gw.log.length;
						const partner = await context.newPage();
						await partner.goto(`https://alpha.test/${desk.slug}`);
						const opened = way === 'same' ? partner : context.waitForEvent('page');
						await partner.click(`#${way}`);
						const page = await opened;
						await page.waitForURL(`${desk.ticket}/dashboard`);
						const session = await whoIsThere(context, desk);
						assert.equal(session.tenant, desk.slug);
						assert.equal(session.user.email, user.email);
						assert.equal(session.user.name, user.name);
						assert.equal(await page.evaluate(() => document.referrer.includes('token=')), false);
						const [cookie] = (await context.cookies(desk.ticket)).filter((c) => c.name === '__Host-usher');
						assert.equal(cookie.sameSite, 'None');
						assert.ok(cookie.secure && cookie.httpOnly && cookie.path === '/');
						const again = await page.reload();
						assert.equal(again.status(), 200, 'after a reload');
						assert.equal((await whoIsThere(context, desk)).user.email, user.email, 'after a reload');
						await until(() => answers(from, 'session', 200) === 2, 'the log to be read');
						assert.equal(answers(from, 'callback', 302), 1, 'redeemed once');
						assert.equal(answers(from, 'callback', 200), way === 'fetch' ? 1 : 0, 'what the fetch saw');
						await page.close();
						if (way !== 'same')
							await partner.close();
					});
		} finally {
			await close();
		}
	});
}
