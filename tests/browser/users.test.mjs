// The guide's own snippets with users as they are: an apostrophe, markup, emoji,
// a plus address, no name, a textarea of several lines; by each way that the
// guide has to put them into a page, those that escape for HTML too. Each
// stands at the desk as who they are, or the page says what went wrong.
// needs: chromium
// needs: npm:playwright-core
// needs: npm:react
// needs: npm:react-dom
// needs: npm:typescript
// needs: php
// needs: file:/usr/share/php/Illuminate/View/autoload.php:php-laravel-framework
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, test } from 'node:test';
import ts from 'typescript';
import { start, tenant } from '../e2e/harness.mjs';
import { browser } from './chromium.mjs';
import { blade, literal, render } from './php.mjs';
import { guide, guidePage, sites } from './site.mjs';

const require = createRequire(import.meta.url);
const users = {
	'an apostrophe': { email: 'o\'brien@example.com', name: 'Pat O\'Brien' },
	markup: { email: 'smith&sons@example.com', name: 'Smith & Sons <b>' },
	emoji: { email: 'emoji@example.com', name: 'Zoë 😀 李' },
	'a plus address': { email: 'ann+desk@example.com', name: 'Ann' },
	'no name': { email: 'nameless@example.com', name: '', shown: 'nameless' },
};
const slugs = ['alpha', 'decodes'];
/* SHORT: two of them go each way, all of them the first. */
const some = process.env.SHORT ? 2 : undefined;

let gw, site, chromium;
const pages = {};
before(async () => {
	const settings = (slug) => ({ url: `"https://${slug}.desk.test"`, origins: '[ "https://alpha.test" ]', home: '"https://alpha.test"',
		adapter: '{ module = "fieldmap.so"; config = { note = { from = "note"; max = 200; }; }; }' });
	gw = await start({ tenants: { alpha: tenant('alpha', settings('alpha')), decodes: tenant('decodes', { ...settings('decodes'), decode_html: 'true' }) } });
	site = await sites(pages);
	chromium = await browser({ hosts: { 'alpha.test': site.port, '*.test': gw.port } });
});
after(async () => {
	await chromium?.close();
	await site?.stop();
	await gw?.stop();
});

const options = (slug) => ({ slug, ticket: `https://${slug}.desk.test` });
const snippet = (name, slug) => guide(name, options(slug));
const page = (html) => `<!doctype html><html><head><meta charset="utf-8"><title>Partner</title></head><body>\n${html}\n</body></html>`;
const link = '<a id="go" href="#" onclick="contactSupport(event)">Support</a>';

/** A template of Laravel's with somebody signed in. */
const laravel = (user, text) => render(`
class Auth { static function user() { return (object)['email' => ${literal(user.email)}, 'name' => ${literal(user.name)}]; } }
class Route { static function has($n) { return true; } }
function route($n) { return 'https://alpha.test/login'; }
function e($v) { return htmlspecialchars($v ?? '', ENT_QUOTES | ENT_SUBSTITUTE, 'UTF-8', true); }
$authUser = Auth::user();
`, blade(text));

/** WordPress stores both escaped; esc_js() is its own, but for the check of UTF-8. */
const wordpress = (user, text) => render(`
function is_user_logged_in() { return true; }
function wp_get_current_user() { return (object)['user_email' => htmlspecialchars(${literal(user.email)}, ENT_NOQUOTES), 'display_name' => htmlspecialchars(${literal(user.name)}, ENT_NOQUOTES)]; }
function wp_login_url() { return 'https://alpha.test/wp-login.php'; }
function esc_js($v) {
	$v = htmlspecialchars($v, ENT_COMPAT, 'UTF-8', false);
	$v = preg_replace('/&#(x)?0*(?(1)27|39);?/i', "'", stripslashes($v));
	return str_replace("\\n", '\\\\n', addslashes(str_replace("\\r", '', $v)));
}
`, text);

function react(user, slug) {
	const { outputText } = ts.transpileModule(snippet('support-button.jsx', slug), { fileName: 'SupportButton.jsx',
		compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2020, jsx: ts.JsxEmit.React, allowJs: true, esModuleInterop: true } });
	const umd = (name) => fs.readFileSync(path.join(path.dirname(require.resolve(`${name}/package.json`)), `umd/${name}.development.js`), 'utf8');
	const script = (text) => `<script>${text.replaceAll('</script', '<\\/script')}</script>`;
	const shown = JSON.stringify(user).replaceAll('<', '\\u003c');
	return page(`<div id="root"></div>${script(umd('react'))}${script(umd('react-dom'))}${script(`
const exports = {};
((exports, require) => {
${outputText}
})(exports, () => React);
ReactDOM.createRoot(document.getElementById('root')).render(React.createElement(exports.default, { user: ${shown} }));
`)}`);
}

const script = (slug) => `${link}<script>\n${snippet('contact-support.js', slug)}\n</script>`;
const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const asIs = (text) => text;

/** How a user gets into the page, and what becomes of a text on the way. */
const ways = {
	'a form in a new tab': { html: (user, slug) => guidePage(user, options(slug)), button: '#form', escapes: asIs },
	'a form in this tab': { html: (user, slug) => guidePage(user, options(slug)), button: '#same', escapes: asIs, isSame: true },
	'a fetch': { html: (user, slug) => guidePage(user, options(slug)), button: '#fetch', escapes: asIs, isFetch: true },
	'{{ }} in a script': { html: (user, slug) => page(laravel(user, snippet('auth-user.blade.php', slug)) + script(slug)), escapes: (text) => escaped(text).replaceAll('\'', '&#039;') },
	'@json': { html: (user, slug) => page(laravel(user, snippet('auth-user-json.blade.php', slug)) + script(slug)), escapes: asIs },
	'Laravel\'s footer': { html: (user, slug) => page(link + laravel(user, snippet('laravel-footer.blade.php', slug))), escapes: asIs },
	'WordPress, json_encode': { html: (user, slug) => page(wordpress(user, snippet('auth-user-wordpress.php', slug)) + script(slug)), escapes: escaped },
	'WordPress\'s footer': { html: (user, slug) => page(link + wordpress(user, snippet('wordpress-footer.php', slug))), escapes: escaped },
	'a React component': { html: react, button: 'button', escapes: asIs },
};

/** Click, and say where that led: who is at the desk, or what the page says. */
async function click(html, slug, { button = '#go', isSame, isFetch }, act) {
	const { context } = chromium;
	await context.clearCookies();
	pages['https://alpha.test/'] = html;
	const partner = await context.newPage();
	try {
		const answered = isFetch && partner.waitForEvent('console', (m) => m.text().startsWith('Response:'));
		await partner.goto('https://alpha.test/');
		await act?.(partner);
		const opened = isSame ? Promise.resolve(partner) : context.waitForEvent('page');
		opened.catch(() => {});
		answered?.catch?.(() => {});
		await partner.click(button);
		const tab = await (isFetch ? Promise.race([opened, answered]) : opened);
		if (typeof tab.text === 'function')
			return { refused: JSON.stringify(await tab.args()[1].jsonValue()) };
		await tab.waitForURL((url) => /^\/(dashboard|api\/auth\/redirect\/.*)$/.test(url.pathname));
		await tab.waitForLoadState();
		if (new URL(tab.url()).pathname !== '/dashboard')
			return { refused: await tab.textContent('body') };
		return { user: (await (await tab.goto(`https://${slug}.desk.test/auth/session`)).json()).user };
	} finally {
		for (const each of context.pages())
			await each.close();
	}
}

const [first] = Object.keys(ways);
for (const [way, how] of Object.entries(ways))
	test(way, async (t) => {
		for (const [who, user] of Object.entries(users).slice(0, how.isSame ? 2 : way === first ? undefined : some))
			for (const slug of [user.email, user.name].some((text) => how.escapes(text) !== text) ? slugs : slugs.slice(0, 1))
				await t.test(`${who}, ${slug}`, async () => {
					const said = await click(how.html(user, slug), slug, how);
					if (slug === 'alpha' && how.escapes(user.email) !== user.email) {
						assert.match(said.refused, /The email field was escaped for HTML before it was sent/);
						assert.match(said.refused, /json_encode\(\), @json/);
						return;
					}
					assert.ok(said.user, said.refused);
					assert.equal(said.user.email, user.email);
					assert.equal(said.user.name, user.shown ?? (slug === 'alpha' ? how.escapes(user.name) : user.name));
				});
	});

// "Add any additional fields you want to pass."
test('a textarea of several lines', async (t) => {
	const text = 'It broke.\n\tTwice & <b>\n\nPlease help 😀';
	const user = users['an apostrophe'];
	const html = (slug) => `${guidePage(user, options(slug)).replaceAll('email: user.email,', (line) => `${line} note: document.querySelector('textarea').value,`)}<textarea></textarea>`;
	const write = (partner) => partner.fill('textarea', text);
	for (const way of ['a form in a new tab', 'a form in this tab', 'a fetch'])
		await t.test(way, async () => {
			const said = await click(html('alpha'), 'alpha', ways[way], write);
			assert.ok(said.user, said.refused);
			assert.equal(said.user.email, user.email);
			assert.equal(said.user.attributes.note, text.replaceAll(/\n|\t/g, ' '));
		});
	for (const way of ['a form in a new tab', 'a fetch'])
		await t.test(`${way}, as the name`, async () => {
			const said = await click(guidePage({ ...user, name: text }, options('alpha')), 'alpha', ways[way]);
			assert.match(said.refused, /The name field must not contain line breaks or tabs/);
		});
});
