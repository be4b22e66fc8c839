// partner: what the suites of partners' software share: the users that are odd,
// a gateway with a tenant, the partner's https front, and a browser that clicks.
//
//	const p = await begin(port);		// of the partner's plain http
//	await p.signsIn(user, '/as/1');
//	await p.end();
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { Gateway, certificate, freePort, temporary, tenant, until } from '../e2e/harness.mjs';
import { browser } from '../browser/chromium.mjs';

/** SHORT: one of each kind. */
const isShort = Boolean(process.env.SHORT);
const all = [
	{ email: 'o\'brien@example.com', name: 'Pat O\'Brien', short: true },
	{ email: 'smith@example.com', name: 'Smith & Sons <b>', short: true },
	{ email: 'quotes@example.com', name: '"Q" \\ \'q\' \\"' },
	{ email: 'script@example.com', name: '<!-- <script>', short: true },
	{ email: 'emoji@example.com', name: '👩‍🚀 Zoë 🎫' },
	{ email: 'kirill@example.com', name: 'Кирилл Щербаков' },
	{ email: 'plus+tag@example.com', name: 'Plus' },
	{ email: 'UPPER.Case@Example.com', name: 'UPPER Case' },
	{ email: 'nameless@example.com', name: '' },
	{ email: '', name: 'No Address', short: true },
	{ email: 'smith&sons@example.com', name: 'Amp; &amp;', short: true },
];
/** The odd users, with their numbers. */
export const users = all.map((user, i) => ({ id: i + 1, ...user })).filter((user) => !isShort || user.short);
export const known = users.filter((user) => user.email);
export const addressless = users.find((user) => !user.email);

/** A program that runs for the test: { child, text(), stop() }. `port`: wait until it listens there. */
export async function program(command, args, { port, cwd, env } = {}) {
	const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
	let said = '', isOver = false;
	const ended = new Promise((resolve) => child.on('close', () => { isOver = true; resolve(); }));
	const kill = () => child.kill('SIGKILL');
	process.on('exit', kill);
	child.on('error', (error) => { said += error.message; });
	for (const stream of [child.stdout, child.stderr])
		stream.on('data', (d) => { said += d; });
	const answers = () => new Promise((resolve) => {
		const socket = net.connect(port, '127.0.0.1', () => { socket.destroy(); resolve(true); });
		socket.on('error', () => resolve(false));
	});
	if (port && !await until(async () => isOver || answers(), command).then(() => !isOver))
		throw new Error(`${command} ended:\n${said}`);
	return {
		child, ended, text: () => said, isOver: () => isOver,
		stop: async (signal = 'SIGTERM') => {
			if (!isOver)
				child.kill(signal);
			await ended;
			process.off('exit', kill);
		},
	};
}

/** https://alpha.test in front of the partner's software, as every site has one. */
async function front(port) {
	const { cert, key } = certificate();
	const server = https.createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) }, (request, response) => {
		const onward = http.request({ host: '127.0.0.1', port, method: request.method, path: request.url, agent: false,
			headers: { ...request.headers, 'x-forwarded-proto': 'https', connection: 'close' } }, (answer) => {
			response.writeHead(answer.statusCode, answer.headers);
			answer.pipe(response);
		});
		onward.on('error', () => { response.writeHead(502); response.end(); });
		request.pipe(onward);
	});
	await new Promise((r) => server.listen(0, '127.0.0.1', r));
	return { port: server.address().port, stop: () => new Promise((r) => { server.close(r); server.closeAllConnections(); }) };
}

/** How the SDK stays away. */
const absences = {
	late: () => {},
	blocked: (route) => route.abort('blockedbyclient'),
};

/** What both sides of "beta" know. */
export const SECRET = 'a-secret-of-at-least-32-octets-that-both-know';

/** A gateway with the tenant "alpha", and "beta", whose users are signed; and what it prints for a framework. */
export async function gateway() {
	const gw = new Gateway({ tenants: {
		alpha: tenant('alpha'),
		beta: tenant('beta', { identity: '"signed"', keys: '( { kid = "k"; algorithm = "HS256"; secret_file = "secret"; } )' }),
	} });
	fs.writeFileSync(path.join(gw.conf, 'secret'), `${SECRET}\n`, { mode: 0o600 });
	await gw.start();
	const snippet = async (...args) => {
		const r = await gw.ctl('snippet', ...args);
		assert.equal(r.code, 0, r.err);
		return r.out;
	};
	return {
		gw,
		snippet: (framework) => snippet('alpha', '--framework', framework),
		/** One of its two files, or the one. */
		signed: (framework, part) => snippet('beta', '--framework', framework, '--signed', '--part', part),
	};
}

/** A browser that stands before the partner's software on `port`. */
export async function begin(gw, port, { button = 'text=Contact support' } = {}) {
	const site = await front(port);
	const chromium = await browser({ hosts: { 'alpha.test': site.port, '*.test': gw.port } });
	const { context } = chromium;

	/** The page at `path`, with what it said. */
	async function visit(path, absence) {
		const page = await context.newPage();
		page.said = [];
		/* no site but these two is there: avatars have no host; a browser asks for
		 * the site's icon when it likes, and WordPress has none */
		page.on('console', (m) => ['error', 'warning'].includes(m.type()) && !m.text().includes('ERR_NAME_NOT_RESOLVED')
			&& !m.location().url.endsWith('/favicon.ico') && page.said.push(`${m.text()} (${m.location().url})`));
		page.on('pageerror', (e) => page.said.push(String(e)));
		if (absence)
			await page.route('https://tickets.test/sdk/**', absences[absence]);
		await page.goto(`https://alpha.test${path}`, { waitUntil: absence ? 'commit' : 'load' });
		if (!absence)
			await page.waitForFunction(() => window.Usher).catch(async (error) => { throw new Error(`${error.message}\n${await page.content()}`); });
		return page;
	}

	/** Who the desk says it is, after a click. */
	async function click(page, slug = 'alpha') {
		const opened = context.waitForEvent('page');
		await page.click(button);
		const tab = await opened;
		await tab.waitForURL(`https://ticket.${slug}.test/dashboard`);
		const session = await (await tab.goto(`https://ticket.${slug}.test/auth/session`)).json();
		await tab.close();
		return session.user;
	}

	return {
		context, visit, click, isShort,
		/** With the SDK, while it is late, and where it is blocked; those of "beta" are vouched for. */
		async signsIn(user, path, slug = 'alpha') {
			for (const absence of isShort ? [undefined, 'late'] : [undefined, 'late', 'blocked']) {
				await context.clearCookies({ domain: `ticket.${slug}.test` });
				const page = await visit(path, absence);
				const found = await click(page, slug);
				assert.equal(found.email, user.email, absence);
				assert.equal(found.verified, slug === 'beta');
				assert.equal(found.name, user.name.trim() || user.email.replace(/@.*/, ''), absence);
				if (!absence)
					assert.deepEqual(page.said, []);
				await page.close();
			}
		},
		/** Nobody is there: the click goes where `url` says, in silence. */
		async leads(path, url) {
			for (const absence of [undefined, 'late']) {
				const page = await visit(path, absence);
				await page.click(button);
				await page.waitForURL((at) => at.href.startsWith(url));
				if (!absence)
					assert.deepEqual(page.said, []);
				await page.close();
			}
		},
		/** Sign in, out, then Back: nobody is there any more. */
		async isGoneAfterBack(path, out) {
			const page = await visit(path);
			await page.goto(`https://alpha.test${out}`);
			await page.goto('https://alpha.test/nowhere').catch(() => {});
			await page.evaluate(() => { history.go(-2); });
			await page.waitForFunction((at) => location.pathname + location.search === at && window.Usher && !window.authUser &&
				!document.querySelector('[data-usher]'), path);
			await page.close();
		},
		async end() {
			await chromium.close();
			await site.stop();
		},
	};
}

export { freePort, temporary };
