// chromium: Debian's Chromium with flags of our own over CDP, since a test
// library's defaults switch off the popup blocker, the back/forward cache and
// storage partitioning, which are what these tests are about.
import { spawn, execFileSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after } from 'node:test';
import { chromium } from 'playwright-core';
import { build, certificate, temporary, top } from '../e2e/harness.mjs';

/** The guide-style partner page, served over https by the demo's own program. */
export async function partner({ gateway = 'https://tickets.test', ticket = 'https://ticket.alpha.test', slug = 'alpha', headers = [], admin, sign } = {}) {
	const dir = temporary('partner');
	const page = fs.readFileSync(path.join(top, 'tests/demo/partner.html'), 'utf8')
		.replaceAll('@GATEWAY@', gateway).replaceAll('@TICKET@', ticket).replaceAll('data-tenant=""', `data-tenant="${slug}"`)
		.replaceAll('@SIGNS@', sign ? slug : '');
	fs.writeFileSync(path.join(dir, 'partner.html'), page);
	const { cert, key } = certificate();
	const child = spawn(path.join(build, 'tests/demo/partner'),
		['--port', '0', '--file', path.join(dir, 'partner.html'), '--cert', cert, '--key', key, ...(admin ? ['--admin', admin] : []),
			...(sign ? ['--sign', sign, '--tenant', slug, '--gateway', gateway] : []), ...headers.flatMap((h) => ['--header', h])],
		{ stdio: ['ignore', 'pipe', 'inherit'] });
	const ended = new Promise((r) => child.on('exit', r));
	const port = await new Promise((resolve, reject) => {
		let text = '';
		child.stdout.on('data', (d) => {
			text += d;
			const m = text.match(/listening on (\d+)\n/);
			if (m)
				resolve(Number(m[1]));
		});
		child.on('exit', () => reject(new Error('the partner did not start')));
	});
	return { port, stop: () => { child.kill('SIGTERM'); return ended; } };
}

/** `hosts`: pattern -> port on 127.0.0.1. `block`: third-party cookies blocked. */
export async function browser({ hosts, block = false }) {
	const dir = temporary('chromium');
	fs.mkdirSync(path.join(dir, 'Default'), { recursive: true });
	fs.writeFileSync(path.join(dir, 'Default/Preferences'), JSON.stringify({ profile: { cookie_controls_mode: block ? 1 : 0 } }));
	const der = execFileSync('openssl', ['x509', '-in', certificate().cert, '-pubkey', '-noout']);
	const spki = crypto.createHash('sha256').update(execFileSync('openssl', ['pkey', '-pubin', '-outform', 'der'], { input: der })).digest('base64');
	const rules = [...Object.entries(hosts).map(([name, port]) => `MAP ${name} 127.0.0.1:${port}`), 'MAP * ~NOTFOUND', 'EXCLUDE 127.0.0.1'].join(', ');
	const child = spawn('chromium', [
		'--headless', '--hide-scrollbars', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--no-default-browser-check',
		'--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-extensions', '--password-store=basic',
		'--no-proxy-server', `--user-data-dir=${dir}`, '--remote-debugging-port=0', `--host-resolver-rules=${rules}`,
		`--ignore-certificate-errors-spki-list=${spki}`, 'about:blank',
	], { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, HOME: dir } });
	const ended = new Promise((r) => child.on('exit', r));
	const endpoint = await new Promise((resolve, reject) => {
		let text = '';
		child.stderr.on('data', (d) => {
			text += d;
			const m = text.match(/DevTools listening on (ws:\S+)/);
			if (m)
				resolve(m[1]);
		});
		child.on('exit', (code) => reject(new Error(`chromium ended with ${code}:\n${text}`)));
	});
	// However busy the machine.
	const connected = await chromium.connectOverCDP(endpoint, { timeout: 300000 });
	const [context] = connected.contexts();
	context.setDefaultTimeout(300000);
	return {
		context,
		close: async () => {
			const session = await connected.newBrowserCDPSession();
			await session.send('Browser.close').catch(() => {});
			await ended;
		},
	};
}

/* Browsers that nobody uses now. */
const idle = new Map();
after(async () => {
	for (const { close } of idle.values())
		await close();
});
/**
 * As browser(), but one that tests use one after the other, since it takes seconds to
 * start: its close() closes all tabs and forgets all cookies.
 */
export async function borrow({ hosts, block = false }) {
	const key = JSON.stringify([hosts, block]), whole = idle.get(key) ?? await browser({ hosts, block });
	idle.delete(key);
	return {
		context: whole.context,
		close: async () => {
			for (const tab of whole.context.pages())
				await tab.close();
			await whole.context.clearCookies();
			if (idle.has(key))
				await whole.close();
			else
				idle.set(key, whole);
		},
	};
}

/** Go back by the page's own history, as the button does; the answer to this is there before the page goes. */
export const goBack = (page) => page.evaluate(() => { setTimeout(() => history.back()); });

/** Where a test leaves what it saw.  A tab that is not in front may draw nothing for minutes. */
export async function screenshot(page, name) {
	const dir = path.join(build, 'tests/screenshots');
	fs.mkdirSync(dir, { recursive: true });
	await page.bringToFront();
	return page.screenshot({ path: path.join(dir, `${name}.png`), fullPage: true });
}
