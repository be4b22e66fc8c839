// What usherctl prints for partners, pasted and used: in Chromium as it stands,
// through PHP, Laravel's Blade and React with users whose names are meant to
// break out; and clicked where the SDK is late or kept out.
// needs: chromium
// needs: npm:playwright-core
// needs: npm:react
// needs: npm:react-dom
// needs: npm:typescript
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, test } from 'node:test';
import ts from 'typescript';
import { start, tenant, top } from '../e2e/harness.mjs';
import { browser, goBack } from './chromium.mjs';
import { blade, literal, render, run } from './php.mjs';
import { guide, sites } from './site.mjs';

const require = createRequire(import.meta.url);
const php = spawnSync('php', ['--version']).status === 0 ? false : 'php is not installed';
const findBlade = () => (fs.existsSync('/usr/share/php/Illuminate/View/autoload.php') ? false : 'apt-get install php-laravel-framework');
const blades = php || findBlade();
const deskName = 'A "B" \'C\' <b>&amp; {{ 7*7 }} @php phpinfo() ?> ${x} */ --> </script>';
const hostile = [
	{ email: 'zoe@example.com', name: 'Zoë O\'Neil' },
	{ email: 'o\'neil+tag@example.com', name: '</script><script>window.broken = 1</script>' },
	{ email: 'quote@example.com', name: '"; window.broken = 1; //' },
	{ email: 'tick@example.com', name: '\'}; window.broken = 1; //' },
	{ email: 'blade@example.com', name: '{{ 7*7 }} {!! 7*7 !!} @php <?php echo 1; ?>' },
	{ email: 'slash@example.com', name: 'a\\ b\u2028c <!-- <script> ${1} `x`' },
];

/* SHORT: two of them, and each snippet without the SDK in one way. */
const isShort = Boolean(process.env.SHORT);
const breakers = isShort ? [hostile[1], hostile[5]] : hostile;

let gw, site, chromium;
const pages = {};
before(async () => {
	gw = await start({ tenants: {
		alpha: tenant('alpha', { name: JSON.stringify(deskName) }),
		bare: tenant('bare', { origins: null }),
		off: tenant('off', { enabled: 'false' }),
	} });
	site = await sites(pages);
	chromium = await browser({ hosts: { 'alpha.test': site.port, '*.test': gw.port } });
});
after(async () => {
	await chromium?.close();
	await site?.stop();
	await gw?.stop();
});

async function snippet(framework, slug = 'alpha') {
	const r = await gw.ctl('snippet', slug, ...(framework ? ['--framework', framework] : []));
	assert.equal(r.code, 0, r.err);
	return r.out;
}
const page = (html) => `<!doctype html><html><head><meta charset="utf-8"><link rel="icon" href="data:,"><title>Partner</title></head><body>\n${html}\n</body></html>`;
/** What a partner's server does with the one line that is its to fill in. */
const fillIn = (text, user) => {
	const line = /window\.authUser = null; .*/;
	assert.match(text, line);
	return text.replace(line, () => `window.authUser = ${JSON.stringify(user).replaceAll('<', '\\u003c')};`);
};

/** How the SDK stays away: it never comes, it is refused, or the page's policy forbids it. */
const absences = {
	late: { route: () => {} },
	blocked: { route: (route) => route.abort('blockedbyclient') },
	forbidden: { headers: { 'Content-Security-Policy': "script-src 'self' 'unsafe-inline'" } },
};
let turn = 0;
const unscripted = { headers: { 'Content-Security-Policy': "script-src 'none'" } };

/** A partner's page in a tab of its own, with what it said; `absence`: without the SDK. */
async function visit(html, absence) {
	pages['https://alpha.test/'] = { headers: absence?.headers, body: html };
	const partner = await chromium.context.newPage();
	partner.said = [];
	partner.on('console', (m) => partner.said.push(m.text()));
	partner.on('pageerror', (e) => partner.said.push(String(e)));
	if (absence?.route)
		await partner.route('https://tickets.test/sdk/**', absence.route);
	await partner.goto('https://alpha.test/', { waitUntil: absence ? 'commit' : 'load' });
	return partner;
}

/** Serve `html`, click `button`, and stand at the desk as `user`. */
async function signsIn(html, user, { button = '[data-usher], #contact-support', inFrame = false, hasNoSdk = false, absence } = {}) {
	const { context } = chromium;
	await context.clearCookies();
	const partner = await visit(html, absence);
	if (!absence)
		await partner.waitForFunction((plain) => plain || window.Usher, hasNoSdk);
	if (absence !== unscripted)
		assert.equal(await partner.evaluate(() => window.broken), undefined);
	let session;
	if (inFrame) {
		await partner.click(button);
		const frame = await (await partner.waitForSelector('iframe')).contentFrame();
		await frame.waitForURL('https://tickets.test/embed/alpha/dashboard');
		await frame.waitForSelector('#data', { state: 'attached' });
		session = JSON.parse(await frame.textContent('#data'));
		assert.equal(await partner.getAttribute('iframe', 'title'), `Support: ${deskName}`);
	} else {
		const opened = context.waitForEvent('page');
		await partner.click(button);
		const tab = await opened;
		await tab.waitForURL('https://ticket.alpha.test/dashboard');
		session = await (await tab.goto('https://ticket.alpha.test/auth/session')).json();
		await tab.close();
	}
	assert.equal(session.user.email, user.email);
	assert.equal(session.user.name, user.name.trim());
	if (!absence)
		assert.deepEqual(partner.said.filter((text) => !text.includes('React DevTools')), []);
	await partner.close();
}

/** No click is lost where the SDK is not there; how often that was tried. */
async function goesWithout(t, html, user, options = {}) {
	const each = Object.entries(absences), ways = isShort ? [each[turn++ % each.length]] : each;
	for (const [how, absence] of ways)
		await t.test(`the SDK is ${how}`, () => signsIn(html, user, { ...options, absence }));
	return ways.length;
}

/** A page with nobody signed in: the click leads to the partner's own sign-in, and the console stays empty. */
async function leadsToLogin(html, url) {
	pages[url.split('?')[0]] = page('sign in here');
	for (const absence of [undefined, absences.late]) {
		const partner = await visit(html, absence);
		if (!absence)
			await partner.waitForFunction(() => window.Usher);
		await partner.click('text=Contact support');
		await partner.waitForURL((at) => at.href === url);
		assert.deepEqual(partner.said, []);
		await partner.close();
	}
}

/** Nobody, and Back to a page that was kept: it is asked for anew. */
async function isAskedForAnew(html, guest) {
	const partner = await visit(html);
	await partner.waitForFunction(() => window.Usher);
	pages['https://alpha.test/elsewhere'] = page('elsewhere');
	await partner.goto('https://alpha.test/elsewhere');
	pages['https://alpha.test/'] = guest;
	await goBack(partner);
	await partner.waitForFunction(() => location.pathname === '/' && document.readyState === 'complete' && !window.authUser);
	await partner.close();
}

test('plain, fetch and embed, as they stand', async (t) => {
	for (const framework of [undefined, 'plain', 'fetch', 'embed'])
		await t.test(framework ?? 'by default', async () => {
			const text = await snippet(framework);
			for (const user of framework ? hostile.slice(0, 2) : hostile.slice(0, 1))
				await signsIn(page(fillIn(text, user)), user, { inFrame: framework === 'embed' });
		});
	for (const framework of ['plain', 'fetch', 'embed']) {
		const html = page(fillIn(await snippet(framework), hostile[1]));
		await t.test(framework, (t) => goesWithout(t, html, hostile[1]));
		await t.test(`${framework}, Back after a sign-out`, async () => isAskedForAnew(html, page(await snippet(framework))));
	}
	await t.test('as pasted, they sign nobody in', async () => {
		for (const framework of ['plain', 'fetch', 'embed'])
			for (const absence of [undefined, ...Object.values(absences).slice(0, isShort ? 1 : undefined)]) {
				const partner = await visit(page(await snippet(framework)), absence);
				if (!absence)
					await partner.waitForFunction(() => window.Usher);
				if (framework === 'fetch') {
					await partner.click('#contact-support');
					await partner.getByRole('alert').getByText('Please sign in first.').waitFor();
				} else {
					const asked = partner.waitForEvent('dialog').then(async (dialog) => {
						await dialog.accept();
						return dialog.message();
					});
					await partner.click('[data-usher]');
					assert.equal(await asked, 'Please sign in first.');
				}
				assert.equal(partner.url(), 'https://alpha.test/');
				if (!absence)
					assert.deepEqual(partner.said, []);
				await partner.close();
			}
	});
});

const said = (stubs, text) => run(stubs, text).stderr;

test('laravel', { skip: blades }, async (t) => {
	const source = await snippet('laravel'), text = blade(source);
	const stubs = (user) => `
function e($v) { return htmlspecialchars($v ?? '', ENT_QUOTES | ENT_SUBSTITUTE, 'UTF-8', true); }
class Route { static function has($n) { return $n === 'login'; } }
function route($n) { return 'https://alpha.test/login?from=' . rawurlencode('"><script>window.broken=1</script>'); }
function url($p) { return 'https://alpha.test' . $p; }
class Auth { function check() { return ${user ? 'true' : 'false'}; } function user() {
	return ${user ? `(object)['email' => ${user.email === null ? 'null' : literal(user.email)}, 'name' => ${literal(user.name)}, 'plan' => 'pro, yearly']` : 'null'}; } }
function auth() { return new Auth; }
`;
	for (const user of breakers)
		await t.test(user.name, () => signsIn(page(render(stubs(user), text)), user));
	await t.test('a guest', () => leadsToLogin(page(render(stubs(null), text)), `https://alpha.test/login?from=${encodeURIComponent('"><script>window.broken=1</script>')}`));
	await goesWithout(t, page(render(stubs(hostile[1]), text)), hostile[1]);
	await t.test('no script at all', () => signsIn(page(render(stubs(hostile[1]), text)), hostile[1], { button: 'text=Contact support', absence: unscripted }));
	await t.test('Back after a sign-out', () => isAskedForAnew(page(render(stubs(hostile[0]), text)), page(render(stubs(null), text))));
	await t.test('more members, as partners add them', () => {
		const line = "        'name' => auth()->user()->name,\n";
		assert.ok(source.includes(line));
		const more = blade(source.replace(line, `${line}        'plan' => auth()->user()->plan, 'a' => [1, 2], 'b' => strtr('x, y', 'x', '<'),\n`));
		return signsIn(page(render(stubs(hostile[5]), more)), hostile[5]);
	});
	await t.test('somebody without an address', async () => {
		const partner = await visit(page(render(stubs({ email: null, name: 'Zoë' }), text)));
		await partner.getByText('add an e-mail address').waitFor();
		assert.equal(await partner.locator('[data-usher], a').count(), 0);
		await partner.close();
	});
});

test('wordpress', { skip: php }, async (t) => {
	const text = await snippet('wordpress');
	const stubs = (user) => `
$hooks = []; $shortcodes = [];
function add_filter($name, $f, $priority) { global $hooks; $hooks[$name][] = $f; }
function add_action($name, $f) { global $hooks; $hooks[$name][] = $f; }
function add_shortcode($name, $f) { global $shortcodes; $shortcodes[$name] = $f; }
function is_user_logged_in() { return ${user ? 'true' : 'false'}; }
function wp_get_current_user() { return (object)['user_email' => htmlspecialchars(${literal(user?.email ?? '')}, ENT_QUOTES), 'display_name' => htmlspecialchars(${literal(user?.name ?? '')}, ENT_QUOTES)]; }
function wp_specialchars_decode($v, $flags) { return htmlspecialchars_decode($v, $flags); }
function get_edit_profile_url() { return 'https://alpha.test/wp-admin/profile.php'; }
function wp_json_encode($v, $flags = 0) { return json_encode($v, $flags); }
function get_permalink() { return 'https://alpha.test/?p=1&q="x"'; }
function wp_login_url($to) { return 'https://alpha.test/wp-login.php?redirect_to=' . rawurlencode($to); }
function esc_url($v) { return htmlspecialchars($v, ENT_QUOTES, 'UTF-8'); }
register_shutdown_function(function () {
	global $hooks, $shortcodes;
	foreach ($hooks['wp_headers'] as $f) fwrite(STDERR, json_encode($f(['X-A' => 'b'])) . "\n");
	echo $shortcodes['contact_support']();
	foreach ($hooks['wp_footer'] as $f) $f();
});
`;
	for (const user of breakers)
		await t.test(user.name, () => signsIn(page(render(stubs(user), text)), user));
	await t.test('a guest', () => leadsToLogin(page(render(stubs(null), text)),
		`https://alpha.test/wp-login.php?redirect_to=${encodeURIComponent('https://alpha.test/?p=1&q="x"')}`));
	await goesWithout(t, page(render(stubs(hostile[1]), text)), hostile[1]);
	await t.test('no script at all', () => signsIn(page(render(stubs(hostile[1]), text)), hostile[1], { button: 'text=Contact support', absence: unscripted }));
	await t.test('somebody without an address', async () => {
		const partner = await visit(page(render(stubs({ email: '', name: 'Zoë' }), text)));
		assert.equal(await partner.getByText('add an e-mail address').getAttribute('href'), 'https://alpha.test/wp-admin/profile.php');
		assert.equal(await partner.locator('[data-usher]').count(), 0);
		await partner.close();
	});
	await t.test('signed-in pages are kept nowhere', () => {
		const headers = (user) => JSON.parse(said(stubs(user), text));
		assert.deepEqual(headers(null), { 'X-A': 'b' });
		assert.deepEqual(headers(hostile[0]), { 'X-A': 'b', 'Cache-Control': 'no-store, private' });
	});
});

function transpile(source) {
	const { outputText, diagnostics } = ts.transpileModule(source, { reportDiagnostics: true, fileName: 'SupportButton.jsx',
		compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2020, jsx: ts.JsxEmit.React, allowJs: true, esModuleInterop: true } });
	assert.deepEqual(diagnostics, []);
	return outputText;
}
/** A page that shows `element`, an expression of the module's `exports`. */
function reactPage(module, element) {
	const umd = (name) => fs.readFileSync(path.join(path.dirname(require.resolve(`${name}/package.json`)), `umd/${name}.development.js`), 'utf8');
	const script = (text) => `<script>${text.replaceAll('</script', '<\\/script')}</script>`;
	return page(`<div id="root"></div>${script(umd('react'))}${script(umd('react-dom'))}${script(`
const exports = {};
((exports, require) => {
${module}
})(exports, () => React);
window.signIns = 0;
ReactDOM.createRoot(document.getElementById('root')).render(${element});
`)}`);
}

test('react', async (t) => {
	const source = await snippet('react');
	const outputText = transpile(source);
	const app = (user) => reactPage(outputText, `React.createElement(exports.default, {
	user: ${JSON.stringify(user).replaceAll('<', '\\u003c')}, onSignIn: () => { window.signIns++; } })`);
	for (const user of hostile.slice(0, 2))
		await t.test(user.name, () => signsIn(app(user), user, { button: 'button' }));
	await goesWithout(t, app(hostile[1]), hostile[1], { button: 'button' });
	await t.test('a guest', async () => {
		for (const user of [null, { name: 'Zoë' }, { email: '', name: 'Zoë' }])
			for (const absence of [undefined, absences.late]) {
				const partner = await visit(app(user), absence);
				await partner.click('button');
				await partner.waitForFunction(() => window.signIns === 1);
				await partner.close();
			}
	});
	await t.test('nobody any more: what was stored goes, also where the SDK comes late', async () => {
		const store = () => { localStorage.setItem('alpha_user_email', 'earlier@example.com'); };
		const isGone = () => !localStorage.getItem('alpha_user_email');
		let come;
		const held = new Promise((resolve) => { come = resolve; });
		const partner = await visit(app(null), { route: async (route) => { await held; await route.continue(); } });
		await partner.waitForSelector('button');
		await partner.evaluate(store);
		come();
		await partner.waitForFunction(isGone);
		await partner.close();
		/* one who signs out on a page that stays */
		const later = await visit(app(hostile[0]).replace('.render(React', '.render(window.element = React').replace('ReactDOM.createRoot', 'window.root = ReactDOM.createRoot')
			.replace(/window\.root = (ReactDOM\.createRoot\([^;]*?\)\))/, '(window.root = $1)'));
		await later.waitForFunction(() => window.Usher);
		await later.evaluate(store);
		await later.evaluate(() => window.root.render(React.cloneElement(window.element, { user: null })));
		await later.waitForFunction(isGone);
		await later.close();
	});
	await t.test('a script that could not be loaded goes, for another try', async () => {
		const partner = await visit(app(hostile[0]), absences.blocked);
		await partner.waitForSelector('button');
		await partner.waitForFunction(() => !document.querySelector('script[src]'));
		await partner.close();
	});
	await t.test('it begins as Next\'s app router wants it', () => assert.match(source, /^'use client';\n/));
	await t.test('on the server', () => {
		const module = { exports: {} };
		new Function('exports', 'require', outputText)(module.exports, require);
		const html = require('react-dom/server').renderToStaticMarkup(require('react').createElement(module.exports.default, { user: hostile[1] }));
		assert.match(html, /^<form method="post" action="https:\/\/tickets\.test\/api\/auth\/redirect\/alpha" target="_blank" /);
		assert.ok(html.includes('<input type="hidden" name="email" value="o&#x27;neil+tag@example.com"/><input type="hidden" name="name" value="&lt;/script&gt;'), html);
	});
	await t.test('the desk\'s name is one string', () => {
		const title = source.match(/title: ("(?:[^"\\]|\\.)*") \}/)[1];
		assert.equal(JSON.parse(title), `Support: ${deskName}`);
	});
});

// The guide's own footers and component, which need no SDK and go on working.
test('the guide\'s examples', async (t) => {
	const zoe = hostile[0];
	const link = '<a id="go" href="#" onclick="contactSupport(event)">Support</a>';
	const options = { button: '#go', hasNoSdk: true };
	await t.test('laravel', { skip: blades }, () => signsIn(page(link + render(`
class Auth { static function user() { return (object)['email' => ${literal(zoe.email)}, 'name' => ${literal(zoe.name)}]; } }
class Route { static function has($n) { return true; } }
function route($n) { return 'https://alpha.test/login'; }
function e($v) { return htmlspecialchars($v, ENT_QUOTES); }
`, blade(guide('laravel-footer.blade.php')))), zoe, options));
	await t.test('wordpress', { skip: php }, () => signsIn(page(link + render(`
function is_user_logged_in() { return true; }
function wp_get_current_user() { return (object)['user_email' => ${literal(zoe.email)}, 'display_name' => ${literal(zoe.name)}]; }
function wp_login_url() { return 'https://alpha.test/wp-login.php'; }
function esc_js($v) { return str_replace("\n", '\\n', addslashes(str_replace('&#039;', "'", htmlspecialchars($v, ENT_COMPAT)))); }
`, guide('wordpress-footer.php'))), zoe, options));
	await t.test('react', () => signsIn(reactPage(transpile(guide('support-button.jsx')), `React.createElement(exports.default, { user: ${JSON.stringify(zoe)} })`),
		zoe, { button: 'button', hasNoSdk: true }));
});

test('the manual\'s own', async (t) => {
	const manual = fs.readFileSync(path.join(top, 'sdk/browser/README.md'), 'utf8');
	const ours = manual.replaceAll('https://tickets.example.com', 'https://tickets.test').replaceAll('https://ticket.yourcompany.com', 'https://ticket.alpha.test')
		.replaceAll('yourcompany', 'alpha');
	const blocks = (kind) => [...ours.matchAll(new RegExp(`\`\`\`${kind}\\n([\\s\\S]*?)\`\`\``, 'g'))].map((m) => m[1]);
	const [steps, pinned, signed, framed, ...rest] = blocks('html');
	const [code, ...more] = blocks('js');
	assert.deepEqual([...rest, ...more], [], 'each is tried below');
	const john = { email: 'user@example.com', name: 'John Doe' };
	const script = /<script async src[\s\S]*?<\/script>/;
	assert.match(steps, script);
	assert.doesNotMatch(manual, /<script src/);
	await t.test('three steps', () => signsIn(page(steps), john));
	await t.test('three steps', (t) => goesWithout(t, page(steps), john));
	await t.test('a pinned version', () => signsIn(page(steps.replace(script, () => pinned)), john));
	await t.test('signed by the server', async (t) => {
		let asked = 0;
		/* of a desk that does not ask for proof yet */
		pages['https://alpha.test/support/assertion'] = (request) => {
			asked++;
			return request.headers['x-requested-with'] ? { body: JSON.stringify({ assertion: 'a.b.c', ...john }) } :
				page(`${steps.replace(/[^]*(<form[^]*<\/form>)[^]*/, (_, form) => form.replace('target="_blank"', ''))}<script>document.forms[0].submit()</script>`);
		};
		await signsIn(page(signed), john);
		const tries = await goesWithout(t, page(signed), john);
		assert.equal(asked, 1 + tries);
		await t.test('no script at all', () => signsIn(page(signed), john, { absence: unscripted }));
	});
	await t.test('from code of one\'s own', async () => {
		const html = page(`${steps.replace('data-usher="form"', 'id="own"')}<script>document.getElementById('own').onclick = (event) => {\n${code}};</script>`);
		pages['https://alpha.test/'] = html;
		const { context } = chromium;
		await context.clearCookies();
		const partner = await context.newPage();
		await partner.goto('https://alpha.test/');
		const opened = context.waitForEvent('page');
		await partner.click('#own');
		await (await opened).waitForURL('https://ticket.alpha.test/tickets/new');
		await (await opened).close();
		await partner.close();
	});
	await t.test('inside the page', () => signsIn(page(steps.replace(/<form[\s\S]*<\/form>/, () => framed.replace('>Contact', ` data-usher-title="${
		`Support: ${deskName}`.replaceAll('&', '&amp;').replaceAll('"', '&quot;')}">Contact`))), john, { inFrame: true }));
});

test('what it says beside it, and what it refuses', async () => {
	const bare = await gw.ctl('snippet', 'bare', '--framework', 'embed');
	assert.equal(bare.code, 0);
	assert.match(bare.err, /add the partner's to its origins/);
	assert.equal((await gw.ctl('snippet', 'alpha', '--framework', 'embed')).err, '');
	for (const [args, code, pattern] of [
		[['nobody'], 1, /there is no tenant "nobody"/],
		[['off'], 1, /switched off/],
		[['alpha', '--framework', 'cobol'], 2, /plain, fetch, embed, laravel, wordpress or react/],
		[[], 2, /snippet/],
	]) {
		const r = await gw.ctl('snippet', ...args);
		assert.equal(r.code, code, r.err);
		assert.match(r.err, pattern);
		assert.equal(r.out, '');
	}
	gw.writeConf('broken', 'tenant = { slug = "broken"; nonsense = 1; };');
	const broken = await gw.ctl('snippet', 'broken');
	assert.equal(broken.code, 1);
	assert.match(broken.err, /tenant "broken" is broken: /);
	gw.removeConf('broken');
});
