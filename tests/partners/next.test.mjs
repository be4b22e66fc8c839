// The component for React in a site of Next's app router, built and served as
// in production: without a line of script, too, since the server's page has the
// whole form.
// needs: chromium
// needs: npm:playwright-core
// needs: partners:next
// needs: partners:react-dom
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SECRET, addressless, begin, freePort, gateway, known, program, temporary, users } from './partner.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const next = path.join(here, 'node_modules/next/dist/bin/next');

let g, server, partner;
before(async () => {
	g = await gateway();
	const dir = temporary('next'), env = { NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production', USHER_SECRET: SECRET };
	fs.symlinkSync(path.join(here, 'node_modules'), path.join(dir, 'node_modules'));
	fs.cpSync(path.join(here, 'next'), dir, { recursive: true });
	fs.writeFileSync(path.join(dir, 'package.json'), '{}');
	fs.writeFileSync(path.join(dir, 'app/SupportButton.jsx'), await g.snippet('react'));
	fs.writeFileSync(path.join(dir, 'app/users.json'), JSON.stringify(users));
	fs.writeFileSync(path.join(dir, 'app/SignedButton.jsx'), await g.signed('react', 'page'));
	const route = await g.signed('react', 'server');
	assert.match(route, /    return null;\n/);
	fs.mkdirSync(path.join(dir, 'app/support/assertion'), { recursive: true });
	fs.writeFileSync(path.join(dir, 'app/support/assertion/route.js'), `import users from '../../users.json';\n${
		route.replace('    return null;\n', "    return users.find((one) => one.id === Number(request.cookies.get('as')?.value)) ?? null;\n")}`);
	const built = await program(process.execPath, [next, 'build'], { cwd: dir, env });
	await built.ended;
	assert.equal(built.child.exitCode, 0, built.text());
	const port = await freePort();
	server = await program(process.execPath, [next, 'start', '--hostname', '127.0.0.1', '--port', String(port)], { cwd: dir, env, port });
	partner = await begin(g.gw, port, { button: 'button' });
});
after(async () => {
	await partner?.end();
	await server?.stop();
	await g?.gw.stop();
});

test('everybody arrives as who they are', async (t) => {
	for (const user of known)
		await t.test(`${user.name} ${user.email}`, () => partner.signsIn(user, `/?as=${user.id}`));
});

test('without a line of script', async () => {
	const user = known.find((one) => one.name.includes('<'));
	await partner.context.clearCookies();
	const page = await partner.context.newPage();
	await page.route('**/*.js', (route) => route.abort());
	await page.goto(`https://alpha.test/?as=${user.id}`);
	const found = await partner.click(page);
	assert.deepEqual([found.email, found.name], [user.email, user.name]);
	await page.close();
});

test('a guest, and somebody without an address, are the page\'s to sign in', async () => {
	for (const as of [0, addressless.id]) {
		const page = await partner.visit(`/?as=${as}`);
		await page.click('button');
		await page.waitForFunction(() => window.asked === 1);
		assert.deepEqual(page.said, []);
		await page.close();
	}
});

test('signed by the site\'s server', async (t) => {
	const as = (id) => partner.context.addCookies([{ name: 'as', value: String(id), url: 'https://alpha.test' }]);
	for (const user of known)
		await t.test(`${user.name} ${user.email}`, async () => {
			await as(user.id);
			await partner.signsIn(user, '/signed', 'beta');
		});
	await t.test('without a line of script', async () => {
		const user = known.find((one) => one.name.includes('<'));
		await partner.context.clearCookies();
		await as(user.id);
		const page = await partner.context.newPage();
		await page.route('**/*.js', (route) => route.abort());
		await page.goto('https://alpha.test/signed');
		const found = await partner.click(page, 'beta');
		assert.deepEqual([found.email, found.name, found.verified], [user.email, user.name, true]);
		await page.close();
	});
	await t.test('a guest, and somebody without an address, go to the sign-in', async () => {
		for (const id of [0, addressless.id]) {
			await as(id);
			const page = await partner.visit('/signed');
			await page.click('button');
			await page.waitForURL('https://alpha.test/login');
			await page.close();
		}
	});
});
