// The snippet for Laravel in a site of Debian's Laravel: real Blade, sessions,
// a guard, and users whose names and addresses are odd.
// needs: chromium
// needs: npm:playwright-core
// needs: php
// needs: file:/usr/share/php/Illuminate/Foundation/Application.php:php-laravel-framework
// needs: file:/usr/share/php/Illuminate/Auth/AuthServiceProvider.php:php-laravel-framework
// needs: php:pdo_sqlite:php-sqlite3
// needs: php:mbstring:php-mbstring
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SECRET, addressless, begin, freePort, gateway, known, program, temporary, users } from './partner.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const php = (code, file, input) => {
	fs.writeFileSync(file, code);
	return execFileSync('php', [file], { input });
};

let g, site, partner, text, base;
const partial = (blade) => fs.writeFileSync(path.join(base, 'resources/views/partials/support.blade.php'), blade);
before(async () => {
	g = await gateway();
	text = await g.snippet('laravel');
	base = temporary('laravel');
	for (const dir of ['bootstrap/cache', 'resources/views/partials', 'routes', 'storage/views', 'storage/sessions', 'storage/logs'])
		fs.mkdirSync(path.join(base, dir), { recursive: true });
	const providers = ['Auth\\Auth', 'Cookie\\Cookie', 'Database\\Database', 'Encryption\\Encryption', 'Filesystem\\Filesystem', 'Hashing\\Hash', 'Session\\Session',
		'Translation\\Translation', 'View\\View'].map((n) => `Illuminate\\${n}ServiceProvider`);
	const config = {
		app: { name: 'site', env: 'production', debug: true, url: 'https://alpha.test', timezone: 'UTC', locale: 'en', fallback_locale: 'en', key: '0123456789abcdef'.repeat(2), cipher: 'AES-256-CBC', aliases: { Route: 'Illuminate\\Support\\Facades\\Route' },
			providers: [...providers, 'SiteProvider'] },
		auth: { defaults: { guard: 'web' }, guards: { web: { driver: 'session', provider: 'users' } }, providers: { users: { driver: 'database', table: 'users' } } },
		database: { default: 'site', connections: { site: { driver: 'sqlite', database: path.join(base, 'site.db'), prefix: '' } } },
		filesystems: { default: 'local', disks: { local: { driver: 'local', root: path.join(base, 'storage') } } },
		hashing: { driver: 'bcrypt' },
		logging: { default: 'errorlog', channels: { errorlog: { driver: 'errorlog', level: 'debug' } } },
		services: { usher: { secret: SECRET } },
		session: { driver: 'file', lifetime: 120, expire_on_close: false, encrypt: false, files: path.join(base, 'storage/sessions'), lottery: [0, 100], cookie: 'site', path: '/', domain: null, secure: true, http_only: true, same_site: 'lax' },
		view: { paths: [path.join(base, 'resources/views')], compiled: path.join(base, 'storage/views') },
	};
	php(`<?php file_put_contents('${base}/bootstrap/cache/config.php', '<?php return ' . var_export(json_decode(stream_get_contents(STDIN), true), true) . ';');`,
		path.join(base, 'config.php'), JSON.stringify(config));
	php(`<?php $db = new PDO('sqlite:${base}/site.db');
$db->exec('CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT, name TEXT, password TEXT, remember_token TEXT, plan TEXT)');
foreach (json_decode(stream_get_contents(STDIN)) as $u)
	$db->prepare('INSERT INTO users VALUES(?, ?, ?, ?, ?, ?)')->execute([$u->id, $u->email ?: null, $u->name, '', '', 'pro, yearly']);`,
		path.join(base, 'users.php'), JSON.stringify(users));
	fs.writeFileSync(path.join(base, 'resources/views/home.blade.php'),
		'<!doctype html><html><head><meta charset="utf-8"><link rel="icon" href="data:,"><title>Site</title></head><body>@include(\'partials.support\')<p id="after">after</p></body></html>\n');
	partial(text);
	fs.writeFileSync(path.join(base, 'resources/views/signed.blade.php'),
		'<!doctype html><html><head><meta charset="utf-8"><link rel="icon" href="data:,"><title>Site</title></head><body>@include(\'partials.signed\')</body></html>\n');
	fs.writeFileSync(path.join(base, 'resources/views/partials/signed.blade.php'), await g.signed('laravel', 'page'));
	fs.writeFileSync(path.join(base, 'routes/support.php'), await g.signed('laravel', 'server'));
	const port = await freePort();
	site = await program('php', ['-S', `127.0.0.1:${port}`, path.join(here, 'laravel/index.php')], { port, env: { PARTNER_BASE: base } });
	partner = await begin(g.gw, port);
});
after(async () => {
	await partner?.end();
	await site?.stop();
	await g?.gw.stop();
});

/** Stand on the site as this user. */
async function as(id) {
	await partner.context.clearCookies();
	const page = await partner.context.newPage();
	await page.goto(`https://alpha.test/as/${id}`);
	assert.equal(await page.textContent('#after').catch(() => null), 'after', site.text().slice(-3000));
	await page.close();
}

test('everybody arrives as who they are', async (t) => {
	for (const user of known)
		await t.test(`${user.name} ${user.email}`, async () => {
			await as(user.id);
			await partner.signsIn(user, '/');
		});
});

test('a guest goes to the sign-in', async () => {
	await partner.context.clearCookies();
	await partner.leads('/', 'https://alpha.test/login');
});

test('somebody without an address is told so', async () => {
	await as(addressless.id);
	const page = await partner.visit('/');
	await page.getByText('add an e-mail address').waitFor();
	assert.equal(await page.locator('form, a').count(), 0);
	await page.close();
});

test('Back after a sign-out shows nobody', async () => {
	await as(known[0].id);
	await partner.isGoneAfterBack('/', '/out');
});

test('members that a partner adds, with commas in them', async () => {
	const line = "        'name' => auth()->user()->name,\n";
	assert.ok(text.includes(line));
	partial(text.replace(line, `${line}        'plan' => auth()->user()->plan, 'list' => [1, 2, 3], 'note' => '<!-- <script>',\n`));
	const user = known.find((u) => u.name.includes('<'));
	await as(user.id);
	await partner.signsIn(user, '/');
});

test('signed by the site\'s server', async (t) => {
	for (const user of known)
		await t.test(`${user.name} ${user.email}`, async () => {
			await as(user.id);
			await partner.signsIn(user, '/signed', 'beta');
		});
	await t.test('a guest goes to the sign-in', async () => {
		await partner.context.clearCookies();
		const page = await partner.context.newPage();
		await page.goto('https://alpha.test/signed');
		await page.click('text=Contact support');
		await page.waitForURL('https://alpha.test/login');
		await page.close();
	});
	await t.test('somebody without an address is told so', async () => {
		await as(addressless.id);
		const page = await partner.context.newPage();
		await page.goto('https://alpha.test/signed');
		await page.getByText('add an e-mail address').waitFor();
		assert.equal(await page.locator('form, a').count(), 0);
		await page.close();
	});
	await t.test('who signed out meanwhile goes to the sign-in', async () => {
		await as(known[0].id);
		const page = await partner.visit('/signed');
		const other = await partner.context.newPage();
		await other.goto('https://alpha.test/out');
		/* Laravel's own token against forgery goes with the session: 419 */
		const tab = partner.context.waitForEvent('page');
		await page.click('text=Contact support');
		await (await tab).getByText('Please reload the page that you came from').waitFor();
		for (const one of [await tab, other, page])
			await one.close();
	});
	await t.test('nobody else\'s page asks for one', async () => {
		await as(known[0].id);
		const page = await partner.visit('/signed');
		assert.equal(await page.evaluate(async () => (await fetch('/support/assertion', { method: 'POST', headers: { 'X-Requested-With': 'XMLHttpRequest' } })).status), 419);
		await page.close();
	});
});
