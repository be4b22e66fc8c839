// The component for React in an application that vite builds, shown by a real
// browser: users whose names and addresses are odd, and a sign-out in place.
// needs: chromium
// needs: npm:playwright-core
// needs: partners:vite
// needs: partners:react-dom
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { addressless, begin, gateway, known, temporary, users } from './partner.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css' };

let g, server, partner;
before(async () => {
	g = await gateway();
	const dir = temporary('vite');
	fs.symlinkSync(path.join(here, 'node_modules'), path.join(dir, 'node_modules'));
	fs.cpSync(path.join(here, 'vite'), dir, { recursive: true });
	fs.writeFileSync(path.join(dir, 'SupportButton.jsx'), await g.snippet('react'));
	fs.writeFileSync(path.join(dir, 'users.json'), JSON.stringify(users));
	await promisify(execFile)(process.execPath, [path.join(here, 'node_modules/vite/bin/vite.js'), 'build', '--logLevel', 'warn'], { cwd: dir });
	server = http.createServer((request, response) => {
		const file = path.join(dir, 'dist', new URL(request.url, 'http://x').pathname.replace(/\/$/, '/index.html'));
		if (!fs.existsSync(file)) {
			response.writeHead(404);
			response.end();
			return;
		}
		response.writeHead(200, { 'Content-Type': types[path.extname(file)] ?? 'application/octet-stream' });
		response.end(fs.readFileSync(file));
	});
	await new Promise((r) => server.listen(0, '127.0.0.1', r));
	partner = await begin(g.gw, server.address().port, { button: 'button:has-text("Contact support")' });
});
after(async () => {
	await partner?.end();
	server?.close();
	await g?.gw.stop();
});

test('everybody arrives as who they are', async (t) => {
	for (const user of known)
		await t.test(`${user.name} ${user.email}`, () => partner.signsIn(user, `/?as=${user.id}`));
});

test('a guest, and somebody without an address, are the page\'s to sign in', async () => {
	for (const as of [0, addressless.id]) {
		const page = await partner.visit(`/?as=${as}`);
		await page.click('button:has-text("Contact support")');
		await page.waitForFunction(() => window.asked === 1);
		assert.equal(page.url(), `https://alpha.test/?as=${as}`);
		assert.deepEqual(page.said, []);
		await page.close();
	}
});

test('a sign-out in place forgets what pages of the guide had stored', async () => {
	const page = await partner.visit(`/?as=${known[0].id}`);
	await page.evaluate(() => { localStorage.setItem('alpha_user_email', 'earlier@example.com'); });
	await page.click('#out');
	await page.waitForFunction(() => !localStorage.getItem('alpha_user_email'));
	await page.click('button:has-text("Contact support")');
	await page.waitForFunction(() => window.asked === 1);
	await page.close();
});
