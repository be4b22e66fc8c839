// What usherctl prints for partners, pasted and used: in Chromium as it stands,
// through PHP and React with users whose names are meant to break out.
// needs: chromium
// needs: npm:playwright-core
// needs: npm:react
// needs: npm:react-dom
// needs: npm:typescript
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, test } from 'node:test';
import ts from 'typescript';
import { start, temporary, tenant, top } from '../e2e/harness.mjs';
import { browser } from './chromium.mjs';
import { guide, sites } from './site.mjs';

const require = createRequire(import.meta.url);
const php = spawnSync('php', ['--version']).status === 0 ? false : 'php is not installed';
const deskName = 'A "B" \'C\' <b>&amp; {{ 7*7 }} @php phpinfo() ?> ${x} */ --> </script>';
const hostile = [
	{ email: 'zoe@example.com', name: 'Zoë O\'Neil' },
	{ email: 'o\'neil+tag@example.com', name: '</script><script>window.broken = 1</script>' },
	{ email: 'quote@example.com', name: '"; window.broken = 1; //' },
	{ email: 'tick@example.com', name: '\'}; window.broken = 1; //' },
	{ email: 'blade@example.com', name: '{{ 7*7 }} {!! 7*7 !!} @php <?php echo 1; ?>' },
	{ email: 'slash@example.com', name: 'a\\ b\u2028c <!-- <script> ${1} `x`' },
];

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

/** Serve `html`, click `button`, and stand at the desk as `user`. */
async function signsIn(html, user, { button = '[data-usher], #contact-support', inFrame = false, hasNoSdk = false } = {}) {
	const { context } = chromium;
	await context.clearCookies();
	pages['https://alpha.test/'] = html;
	const partner = await context.newPage();
	const said = [];
	partner.on('console', (m) => said.push(m.text()));
	partner.on('pageerror', (e) => said.push(String(e)));
	await partner.goto('https://alpha.test/');
	await partner.waitForFunction((plain) => plain || window.Usher, hasNoSdk);
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
	assert.deepEqual(said.filter((text) => !text.includes('React DevTools')), []);
	await partner.close();
}

/** A page with nobody signed in: the click leads to the partner's own sign-in. */
async function leadsToLogin(html, url) {
	pages['https://alpha.test/'] = html;
	pages[url.split('?')[0]] = page('sign in here');
	const partner = await chromium.context.newPage();
	await partner.goto('https://alpha.test/');
	await partner.waitForFunction(() => window.Usher);
	await partner.click('[data-usher]');
	await partner.waitForURL((at) => at.href === url);
	await partner.close();
}

test('plain, fetch and embed, as they stand', async (t) => {
	for (const framework of [undefined, 'plain', 'fetch', 'embed'])
		await t.test(framework ?? 'by default', async () => {
			const text = await snippet(framework);
			for (const user of framework ? hostile.slice(0, 2) : hostile.slice(0, 1))
				await signsIn(page(fillIn(text, user)), user, { inFrame: framework === 'embed' });
		});
	await t.test('as pasted, they sign nobody in', async () => {
		pages['https://alpha.test/'] = page(await snippet('fetch'));
		const partner = await chromium.context.newPage();
		await partner.goto('https://alpha.test/');
		await partner.click('#contact-support');
		await partner.getByRole('alert').getByText('Please sign in first.').waitFor();
		await partner.close();
	});
});

/** PHP's output for a file, with functions of the framework in front of it. */
function render(stubs, text) {
	const dir = temporary('php');
	fs.writeFileSync(path.join(dir, 'stubs.php'), `<?php\n${stubs}`);
	fs.writeFileSync(path.join(dir, 'snippet.php'), text);
	return execFileSync('php', ['-d', 'display_errors=stderr', '-d', 'error_reporting=-1', '-d', `auto_prepend_file=${path.join(dir, 'stubs.php')}`, path.join(dir, 'snippet.php')],
		{ encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}
const literal = (text) => `base64_decode('${Buffer.from(text).toString('base64')}')`;

// What Blade makes of the directives that the snippets use: CompilesJson,
// CompilesConditionals, CompilesEchos and CompilesComments of Laravel 11.
const blade = (text) => text
	.replace(/\{\{--[\s\S]*?--\}\}/g, '')
	.replace(/@json\(((?:[^()]|\((?:[^()]|\([^()]*\))*\))*)\)/g, '<?php echo json_encode($1, 15, 512) ?>')
	.replace(/@if \((.*)\)$/gm, '<?php if($1): ?>').replace(/@else$/gm, '<?php else: ?>').replace(/@endif$/gm, '<?php endif; ?>')
	.replace(/\{\{\s*(.+?)\s*\}\}/g, '<?php echo e($1); ?>');

test('laravel', { skip: php }, async (t) => {
	const text = blade(await snippet('laravel'));
	assert.ok(!/@json|\{\{/.test(text));
	const stubs = (user) => `
function e($v) { return htmlspecialchars($v, ENT_QUOTES | ENT_SUBSTITUTE, 'UTF-8', true); }
class Route { static function has($n) { return $n === 'login'; } }
function route($n) { return 'https://alpha.test/login?from=' . rawurlencode('"><script>window.broken=1</script>'); }
function url($p) { return 'https://alpha.test' . $p; }
class Auth { function check() { return ${user ? 'true' : 'false'}; } function user() {
	return ${user ? `(object)['email' => ${literal(user.email)}, 'name' => ${literal(user.name)}]` : 'null'}; } }
function auth() { return new Auth; }
`;
	for (const user of hostile)
		await t.test(user.name, () => signsIn(page(render(stubs(user), text)), user));
	await t.test('a guest', () => leadsToLogin(page(render(stubs(null), text)), `https://alpha.test/login?from=${encodeURIComponent('"><script>window.broken=1</script>')}`));
});

test('wordpress', { skip: php }, async (t) => {
	const text = await snippet('wordpress');
	const stubs = (user) => `
$hooks = []; $shortcodes = [];
function add_action($name, $f) { global $hooks; $hooks[$name][] = $f; }
function add_shortcode($name, $f) { global $shortcodes; $shortcodes[$name] = $f; }
function is_user_logged_in() { return ${user ? 'true' : 'false'}; }
function wp_get_current_user() { return (object)['user_email' => ${literal(user?.email ?? '')}, 'display_name' => ${literal(user?.name ?? '')}]; }
function wp_json_encode($v, $flags = 0) { return json_encode($v, $flags); }
function get_permalink() { return 'https://alpha.test/?p=1&q="x"'; }
function wp_login_url($to) { return 'https://alpha.test/wp-login.php?redirect_to=' . rawurlencode($to); }
function esc_url($v) { return htmlspecialchars($v, ENT_QUOTES, 'UTF-8'); }
register_shutdown_function(function () {
	global $hooks, $shortcodes;
	echo $shortcodes['contact_support']();
	foreach ($hooks['wp_footer'] as $f) $f();
});
`;
	for (const user of hostile)
		await t.test(user.name, () => signsIn(page(render(stubs(user), text)), user));
	await t.test('a guest', () => leadsToLogin(page(render(stubs(null), text)),
		`https://alpha.test/wp-login.php?redirect_to=${encodeURIComponent('https://alpha.test/?p=1&q="x"')}`));
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
	await t.test('a guest', async () => {
		pages['https://alpha.test/'] = app(null);
		const partner = await chromium.context.newPage();
		await partner.goto('https://alpha.test/');
		await partner.click('button');
		await partner.waitForFunction(() => window.signIns === 1);
		await partner.close();
	});
	await t.test('on the server', () => {
		const module = { exports: {} };
		new Function('exports', 'require', outputText)(module.exports, require);
		const html = require('react-dom/server').renderToStaticMarkup(require('react').createElement(module.exports.default, { user: hostile[1] }));
		assert.equal(html, '<button type="button">Contact support</button>');
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
	await t.test('laravel', { skip: php }, () => signsIn(page(link + render(`
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
	const [steps, pinned, framed, ...rest] = blocks('html');
	const [code, ...more] = blocks('js');
	assert.deepEqual([...rest, ...more], [], 'each is tried below');
	const john = { email: 'user@example.com', name: 'John Doe' };
	const script = /<script src[\s\S]*?<\/script>/;
	assert.match(steps, script);
	await t.test('three steps', () => signsIn(page(steps), john));
	await t.test('a pinned version', () => signsIn(page(steps.replace(script, () => pinned)), john));
	await t.test('from code of one\'s own', async () => {
		const html = page(`${steps.replace('data-usher="form"', 'id="own"')}<script>document.getElementById('own').onclick = () => {\n${code}};</script>`);
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
	await t.test('inside the page', () => signsIn(page(steps.replace(/<button[\s\S]*<\/button>/, () => framed.replace('>Contact', ` data-usher-title="${
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
