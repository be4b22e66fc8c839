// The snippet for WordPress in a site of Debian's WordPress, with a classic theme
// and a block theme, on a MariaDB of the test's own.
// needs: chromium
// needs: npm:playwright-core
// needs: php
// needs: file:/usr/share/wordpress/wp-load.php:wordpress
// needs: file:/usr/share/wordpress/wp-content/themes/twentytwentyone:wordpress-theme-twentytwentyone
// needs: file:/usr/share/wordpress/wp-content/themes/twentytwentythree:wordpress-theme-twentytwentythree
// needs: file:/usr/sbin/mariadbd:mariadb-server-core
// needs: file:/usr/bin/mariadb-install-db:mariadb-server-core
// needs: php:mysqli:php-mysql
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { until } from '../e2e/harness.mjs';
import { screenshot } from '../browser/chromium.mjs';
import { SECRET, addressless, begin, freePort, gateway, known, program, temporary, users } from './partner.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
let g, database, site, partner, base, socket, page;

async function startDatabase(dir) {
	const data = path.join(dir, 'data'), user = os.userInfo().username;
	socket = path.join(dir, 's');
	execFileSync('mariadb-install-db', ['--no-defaults', '--auth-root-authentication-method=normal', '--skip-test-db', `--user=${user}`, `--datadir=${data}`], { stdio: 'pipe' });
	database = await program('/usr/sbin/mariadbd', ['--no-defaults', `--user=${user}`, `--datadir=${data}`, `--socket=${socket}`, '--skip-networking', '--skip-log-bin',
		`--pid-file=${dir}/pid`, '--innodb-flush-log-at-trx-commit=0', '--innodb-buffer-pool-size=16M']);
	await until(() => {
		if (database.isOver())
			throw new Error(database.text());
		try {
			execFileSync('php', ['-r', `mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT); $d = new mysqli('localhost', 'root', '', '', 0, '${socket}'); $d->query('CREATE DATABASE IF NOT EXISTS site CHARACTER SET utf8mb4');`], { stdio: 'pipe' });
			return true;
		} catch {
			return false;
		}
	}, 'the database');
}

const paste = (snippet) => fs.writeFileSync(path.join(base, 'wp-content/mu-plugins/contact-support.php'), snippet);

/** The site's own tree: WordPress's files, a configuration, the snippet. */
function layOut(snippet) {
	base = path.join(temporary('wordpress'), 'site');
	fs.cpSync('/usr/share/wordpress', base, { recursive: true, dereference: true, filter: (from) => !/wp-config\.php$/.test(from) });
	for (const dir of ['mu-plugins', 'uploads'])
		fs.mkdirSync(path.join(base, 'wp-content', dir), { recursive: true });
	paste(snippet);
	fs.copyFileSync(path.join(here, 'wordpress/site.php'), path.join(base, 'wp-content/mu-plugins/site.php'));
	fs.writeFileSync(path.join(base, 'wp-config.php'), `<?php
$_SERVER['HTTPS'] = 'on';
define('DB_NAME', 'site'); define('DB_USER', 'root'); define('DB_PASSWORD', ''); define('DB_HOST', 'localhost:${socket}');
define('USHER_SECRET', '${SECRET}'); define('DB_CHARSET', 'utf8mb4'); define('DB_COLLATE', '');
define('WP_DEBUG', true); define('WP_DEBUG_DISPLAY', false); define('WP_DEBUG_LOG', '${base}/errors');
define('WP_HTTP_BLOCK_EXTERNAL', true); define('DISABLE_WP_CRON', true); define('AUTOMATIC_UPDATER_DISABLED', true);
${['AUTH_KEY', 'SECURE_AUTH_KEY', 'LOGGED_IN_KEY', 'NONCE_KEY', 'AUTH_SALT', 'SECURE_AUTH_SALT', 'LOGGED_IN_SALT', 'NONCE_SALT'].map((n) => `define('${n}', 'test ${n}');`).join('\n')}
$table_prefix = 'wp_';
if (!defined('ABSPATH')) define('ABSPATH', __DIR__ . '/');
require_once ABSPATH . 'wp-settings.php';
`);
}

const install = (theme) => JSON.parse(execFileSync('php', ['-d', 'display_errors=stderr', '-d', 'error_reporting=E_ERROR', path.join(here, 'wordpress/install.php'), theme],
	{ input: JSON.stringify(users), env: { ...process.env, PARTNER_BASE: base } }));

before(async () => {
	g = await gateway();
	await startDatabase(temporary('db'));
	layOut(await g.snippet('wordpress'));
	const port = await freePort();
	const found = install('twentytwentyone');
	page = `/?page_id=${found.page}`;
	const sons = found.users.find((u) => u.user_email.includes('sons'));
	assert.equal(sons.user_email, 'smith&amp;sons@example.com', 'WordPress keeps addresses escaped');
	site = await program('php', ['-d', 'opcache.enable=0', '-S', `127.0.0.1:${port}`, '-t', base], { port, env: { PHP_CLI_SERVER_WORKERS: '' } });
	partner = await begin(g.gw, port, { button: '.wp-element-button:has-text("Contact support")' });
});
after(async () => {
	await partner?.end();
	await site?.stop();
	await database?.stop();
	await g?.gw.stop();
});

async function as(id) {
	await partner.context.clearCookies();
	const tab = await partner.context.newPage();
	await tab.goto(`https://alpha.test/?as=${id}`);
	await tab.close();
}
/** What the snippet made PHP complain of. */
const complaints = () => (fs.existsSync(path.join(base, 'errors')) ? fs.readFileSync(path.join(base, 'errors'), 'utf8') : '')
	.split('\n').filter((line) => line.includes('contact-support.php'));

for (const theme of ['twentytwentyone', 'twentytwentythree'])
	test(`in ${theme}`, async (t) => {
		install(theme);
		for (const user of theme === 'twentytwentyone' ? known : known.slice(0, 2))
			await t.test(`${user.name} ${user.email}`, async () => {
				await as(user.id);
				await partner.signsIn(user, page);
			});
		await t.test('the button stands in the column of the text', async () => {
			for (const [id, selector] of [[known[0].id, 'form:has([data-usher])'], [0, 'div:has(> .wp-element-button)'], [addressless.id, 'div:has(> a[href*="profile.php"])']]) {
				if (id)
					await as(id);
				else
					await partner.context.clearCookies();
				const tab = await partner.visit(page);
				await screenshot(tab, `${theme}-${id ? (id === addressless.id ? 'addressless' : 'user') : 'guest'}`);
				const at = (of) => tab.locator(of).first().evaluate((node) => { const box = node.getBoundingClientRect(); return [Math.round(box.left), Math.round(box.right)]; });
				assert.deepEqual(await at(selector), await at('p:has-text("Before the button.")'));
				await tab.close();
			}
		});
		await t.test('a guest goes to the sign-in', async () => {
			await partner.context.clearCookies();
			await partner.leads(page, 'https://alpha.test/wp-login.php?redirect_to=');
		});
		await t.test('somebody without an address is sent to their profile, not in circles', async () => {
			await as(addressless.id);
			const tab = await partner.visit(page);
			await tab.click('text=add an e-mail address');
			await tab.waitForURL('https://alpha.test/wp-admin/profile.php');
			await tab.close();
		});
		await t.test('signed-in pages are kept by nobody, and Back shows no old user', async () => {
			await as(known[0].id);
			const tab = await partner.context.newPage();
			const answer = await tab.goto(`https://alpha.test${page}`);
			assert.equal((await answer.allHeaders())['cache-control'], 'no-store, private');
			await tab.close();
			await partner.isGoneAfterBack(page, '/?out=1');
		});
		assert.deepEqual(complaints(), []);
	});

test('signed by the site\'s server', async (t) => {
	install('twentytwentyone');
	paste(await g.signed('wordpress', 'page'));
	for (const user of known)
		await t.test(`${user.name} ${user.email}`, async () => {
			await as(user.id);
			await partner.signsIn(user, page, 'beta');
		});
	await t.test('a guest goes to the sign-in', async () => {
		await partner.context.clearCookies();
		const tab = await partner.context.newPage();
		await tab.goto(`https://alpha.test${page}`);
		await tab.click('.wp-element-button:has-text("Contact support")');
		await tab.waitForURL((at) => at.href.startsWith('https://alpha.test/wp-login.php?redirect_to='));
		await tab.close();
	});
	await t.test('who signed out meanwhile goes to the sign-in', async () => {
		await as(known[0].id);
		const tab = await partner.visit(page);
		const other = await partner.context.newPage();
		await other.goto('https://alpha.test/?out=1');
		await other.close();
		await tab.click('.wp-element-button:has-text("Contact support")');
		await tab.waitForURL((at) => at.href.startsWith('https://alpha.test/wp-login.php?redirect_to='));
		await tab.close();
	});
	await t.test('nobody else\'s page asks for one', async () => {
		await as(known[0].id);
		const tab = await partner.visit(page);
		assert.equal(await tab.evaluate(async () => (await fetch('/wp-admin/admin-ajax.php?action=contact_support', { method: 'POST', headers: { 'X-Requested-With': 'XMLHttpRequest' } })).status), 403);
		await tab.close();
	});
	await t.test('signed-in pages are kept by nobody', async () => {
		await as(known[0].id);
		const tab = await partner.context.newPage();
		assert.equal((await (await tab.goto(`https://alpha.test${page}`)).allHeaders())['cache-control'], 'no-store, private');
		await tab.close();
	});
	assert.deepEqual(complaints(), []);
});
