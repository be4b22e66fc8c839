// What `usherctl snippet --signed` and `--server` print for a partner's server,
// run as it stands beside a tenant that asks for proof: PHP, Python, Node and
// Next's handler. Who it says arrives, once; who is signed in nowhere does not.
// Laravel and WordPress: partners/.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Gateway, build, freePort, temporary, tenant, top, until } from './harness.mjs';

const SECRET = 'c2VjcmV0LW9mLTMyLW9jdGV0cy1hdC10aGUtbGVhc3Q=';
const missing = (program, how = '--version') => (spawnSync(program, [how]).status === 0 ? false : `${program} is not installed`);
const users = [
	{ id: 7, email: 'zoe@example.com', name: 'Zoë O\'Neil' },
	{ id: '8', email: 'o\'neil+tag@example.com', name: '"Q" <b>&amp; </script> \\ $x' },
	{ id: 9, email: 'smith&sons@example.com', name: 'Smith & Sons 👩‍🚀' },
];

let gw, egress, egressPort;
before(async () => {
	const key = (kid) => `{ kid = "${kid}"; algorithm = "HS256"; secret_file = "secret"; }`;
	gw = new Gateway({ tenants: {
		alpha: tenant('alpha', { identity: '"signed"', keys: `( ${key('it\'s a \\"key\\" $x')}, ${key('other')} )`, issuer: '"https://it\'s.alpha.test"' }),
		keyless: tenant('keyless', { url: null }),
	} });
	fs.writeFileSync(path.join(gw.conf, 'secret'), `${SECRET}\n`, { mode: 0o600 });
	await gw.start();
	/* partners' servers know no port and no certificate of a test's */
	egress = http.createServer(async (request, response) => {
		const parts = [];
		for await (const part of request)
			parts.push(part);
		const r = await gw.request({ method: request.method, path: request.url, body: Buffer.concat(parts),
			headers: { 'Content-Type': request.headers['content-type'], Accept: request.headers.accept } });
		response.writeHead(r.status, { 'Content-Type': r.headers['content-type'], 'X-Request-Id': r.headers['x-request-id'] });
		response.end(r.text);
	});
	await new Promise((resolve) => { egress.listen(0, '127.0.0.1', resolve); });
	egressPort = egress.address().port;
});
after(async () => {
	await new Promise((resolve) => { egress.close(resolve); egress.closeAllConnections(); });
	await gw?.stop();
});

async function snippet(...args) {
	const r = await gw.ctl('snippet', 'alpha', ...args);
	assert.equal(r.code, 0, r.err);
	assert.ok(!r.out.includes(SECRET));
	return r.out;
}
const server = (framework, way = '--signed') => snippet('--framework', framework, way, '--part', 'server');

/** A program that answers on `port`, until the test ends. */
async function serve(t, program, args, { port, env = { USHER_SECRET: SECRET } }) {
	const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
	let said = '', isOver = false;
	const ended = new Promise((resolve) => { child.on('close', () => { isOver = true; resolve(); }); });
	t.after(() => { child.kill('SIGKILL'); return ended; });
	child.on('error', (error) => { said += error.message; });
	for (const stream of [child.stdout, child.stderr])
		stream.on('data', (d) => { said += d; });
	await until(() => isOver || ask(port, { method: 'GET', path: '/ready' }).then(() => true, () => false), program);
	assert.ok(!isOver, said);
	return () => said;
}
function ask(port, { method = 'POST', path: target, headers = {} }) {
	return new Promise((resolve, reject) => {
		const request = http.request({ host: '127.0.0.1', port, method, path: target, headers, agent: false }, async (response) => {
			const parts = [];
			for await (const part of response)
				parts.push(part);
			resolve({ status: response.statusCode, headers: response.headers, text: Buffer.concat(parts).toString() });
		});
		request.on('error', reject);
		request.end();
	});
}
const script = { 'X-Requested-With': 'XMLHttpRequest', Accept: 'application/json' };

/** Each way to run one: its `post(user, headers, method)`. */
const languages = {
	php: {
		skip: missing('php'),
		async run(t, text, env) {
			const dir = temporary('php'), port = await freePort();
			fs.writeFileSync(path.join(dir, 'support.php'), text);
			fs.writeFileSync(path.join(dir, 'as.php'), '<?php session_start(); $_SESSION["user"] = json_decode(base64_decode($_GET["user"]), true);');
			fs.mkdirSync(path.join(dir, 's'));
			const said = await serve(t, 'php', ['-d', 'display_errors=0', '-d', 'log_errors=1', '-d', 'error_reporting=-1', '-d', `session.save_path=${dir}/s`, '-S', `127.0.0.1:${port}`, '-t', dir], { port, env });
			return { said, async post(user, headers, method) {
				const there = await ask(port, { method: 'GET', path: `/as.php?user=${encodeURIComponent(Buffer.from(JSON.stringify(user)).toString('base64'))}` });
				return ask(port, { method, path: '/support.php', headers: { ...headers, Cookie: there.headers['set-cookie'][0].split(';')[0] } });
			} };
		},
	},
	python: {
		skip: missing('python3'),
		async run(t, text, env) {
			const dir = temporary('python'), port = await freePort();
			fs.writeFileSync(path.join(dir, 'support.py'), text);
			fs.writeFileSync(path.join(dir, 'main.py'), `import json, support
from wsgiref.simple_server import make_server
from wsgiref.validate import validator
support.signed_in_user = lambda environ: json.loads(bytes.fromhex(environ['HTTP_X_AS']))
make_server('127.0.0.1', ${port}, validator(support.support)).serve_forever()
`);
			const said = await serve(t, 'python3', ['-W', 'error', path.join(dir, 'main.py')], { port, env });
			return { said, post: (user, headers, method) => ask(port, { method, path: '/support/assertion',
				headers: { ...headers, 'X-As': Buffer.from(JSON.stringify(user)).toString('hex') } }) };
		},
	},
	node: {
		async run(t, text, env) {
			const dir = temporary('node'), port = await freePort();
			fs.writeFileSync(path.join(dir, 'support.mjs'), text);
			fs.writeFileSync(path.join(dir, 'main.mjs'), `import http from 'node:http';
import { support } from './support.mjs';
http.createServer((request, response) => {
	if (request.headers['x-as']) request.session = { user: JSON.parse(Buffer.from(request.headers['x-as'], 'hex')) };
	support(request, response);
}).listen(${port}, '127.0.0.1');
`);
			const said = await serve(t, process.execPath, [path.join(dir, 'main.mjs')], { port, env });
			return { said, post: (user, headers, method) => ask(port, { method, path: '/support/assertion',
				headers: { ...headers, 'X-As': Buffer.from(JSON.stringify(user)).toString('hex') } }) };
		},
	},
	react: {
		async run(t, text) {
			const file = path.join(temporary('next'), 'route.mjs');
			assert.match(text, /    return null;\n/);
			fs.writeFileSync(file, text.replace('    return null;\n', "    return JSON.parse(Buffer.from(request.headers.get('X-As'), 'hex'));\n"));
			const { POST } = await import(pathToFileURL(file).href);
			process.env.USHER_SECRET = SECRET;
			return { async post(user, headers, method) {
				assert.equal(method, undefined);
				const r = await POST(new Request('https://alpha.test/support/assertion', { method: 'POST', headers: { ...headers, 'X-As': Buffer.from(JSON.stringify(user)).toString('hex') } }));
				return { status: r.status, headers: Object.fromEntries(r.headers), text: await r.text() };
			} };
		},
	},
};

const entities = { quot: '"', lt: '<', gt: '>', amp: '&' };
const plain = (html) => html.replace(/&(?:#0*(\d+)|#x([0-9a-f]+)|(\w+));/gi, (_, n, x, name) => (name ? entities[name] : String.fromCharCode(n ?? parseInt(x, 16))));

/** Who stands at the desk after this callback. */
async function arrives(location, user) {
	const r = await gw.callback(location);
	assert.equal(r.status, 302, r.text);
	const cookie = r.cookies[0].split(';')[0];
	const found = (await gw.request({ host: 'ticket.alpha.test', path: '/auth/session', headers: { Cookie: cookie } })).json().user;
	assert.deepEqual([found.email, found.name, found.verified], [user.email, user.name, true]);
}
async function signsIn(fields, user) {
	const r = await gw.handoff('alpha', fields);
	assert.equal(r.status, 302, r.text);
	await arrives(r.headers.location, user);
	/* once */
	const again = await gw.handoff('alpha', fields);
	const used = await gw.callback(again.headers.location, { headers: { Accept: 'application/json' } });
	assert.equal(used.status, 410);
	assert.equal(used.json().code, 'assertion_replayed');
}

for (const [framework, { skip, run }] of Object.entries(languages))
	test(`${framework}: the server signs who is signed in`, { skip }, async (t) => {
		const { post, said } = await run(t, await server(framework));
		const seen = new Set();
		for (const user of users)
			await t.test(user.name, async () => {
				const r = await post(user, script);
				assert.equal(r.status, 200, r.text);
				assert.equal(r.headers['cache-control'], 'no-store, private');
				assert.match(r.headers['content-type'], /^application\/json/);
				const fields = JSON.parse(r.text);
				assert.deepEqual(Object.keys(fields).sort(), ['assertion', 'email', 'name']);
				assert.deepEqual([fields.email, fields.name], [user.email, user.name]);
				const [head, body] = fields.assertion.split('.').slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url')));
				assert.deepEqual(head, { alg: 'HS256', kid: 'it\'s a "key" $x' });
				assert.deepEqual(Object.keys(body).sort(), ['aud', 'email', 'exp', 'iat', 'iss', 'jti', 'name', 'sub']);
				assert.equal(body.exp - body.iat, 60);
				assert.equal(body.iss, 'https://it\'s.alpha.test');
				assert.equal(body.sub, String(user.id));
				assert.ok(body.jti.length >= 32 && !seen.has(body.jti));
				seen.add(body.jti);
				await signsIn({ assertion: fields.assertion }, user);
			});
		await t.test('without usher.js: a page that goes on', async () => {
			for (const user of users) {
				const r = await post(user, { Accept: 'text/html' });
				assert.equal(r.status, 200);
				assert.match(r.headers['content-type'], /^text\/html/);
				assert.equal(r.headers['cache-control'], 'no-store, private');
				assert.match(r.text, /<form method="post" action="https:\/\/tickets\.test\/api\/auth\/redirect\/alpha">/);
				const fields = Object.fromEntries([...r.text.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)].map((m) => [m[1], plain(m[2])]));
				assert.deepEqual(Object.keys(fields).sort(), ['assertion', 'email', 'name']);
				assert.deepEqual([fields.email, fields.name], [user.email, user.name]);
				await signsIn(fields, user);
			}
		});
		await t.test('nobody, and somebody without an address', async () => {
			for (const user of [null, { id: 7, email: '', name: 'Zoë' }]) {
				const r = await post(user, script);
				assert.equal(r.status, 401);
				assert.ok(!r.text.includes('assertion'));
				const page = await post(user, { Accept: 'text/html' });
				assert.equal(page.status, 303);
				assert.equal(page.headers.location, '/login');
			}
		});
		if (said)
			assert.doesNotMatch(said(), /Warning|Notice|Deprecated/);
		if (framework !== 'react')
			await t.test('only by POST', async () => {
				const r = await post(users[0], script, 'GET');
				assert.equal(r.status, 405);
				assert.equal(r.headers.allow, 'POST');
			});
	});

for (const framework of ['php', 'node'])
	test(`${framework}: the server posts by itself`, { skip: languages[framework].skip }, async (t) => {
		const text = (await server(framework, '--server')).replace('https://tickets.test/', `http://127.0.0.1:${egressPort}/`);
		const { post } = await languages[framework].run(t, text);
		for (const user of users) {
			const r = await post(user, {});
			assert.equal(r.status, 303, r.text);
			assert.equal(r.headers['cache-control'], 'no-store, private');
			assert.equal(r.headers['referrer-policy'], 'no-referrer');
			assert.match(r.headers.location, /^https:\/\/ticket\.alpha\.test\/auth\/callback\?token=/);
			await arrives(r.headers.location, user);
		}
		for (const nobody of [null, { id: 7, email: '', name: 'Zoë' }])
			assert.equal((await post(nobody, {})).headers.location, '/login');
		assert.equal((await post(users[0], {}, 'GET')).status, 405);
		await t.test('a refusal is told in the partner\'s log, and to nobody else', async (t) => {
			const { post, said } = await languages[framework].run(t, text, { USHER_SECRET: 'another-secret-of-at-least-32-octets' });
			const r = await post(users[0], {});
			assert.equal(r.status, 503);
			assert.match(r.text, /^Support cannot be reached/);
			await until(() => /usher: .*401.* assertion_signature .*[0-9A-Z]{26}/.test(said()), 'the log to say so');
			assert.ok(!said().includes(users[0].email));
		});
	});

test('a secret that is missing is used by nobody', { skip: languages.php.skip || languages.python.skip }, async (t) => {
	for (const framework of ['php', 'python', 'node']) {
		const { post, said } = await languages[framework].run(t, await server(framework), { USHER_SECRET: '' });
		const r = await post(users[0], script);
		assert.equal(r.status, 500);
		assert.ok(!r.text.includes('eyJ'));
		await until(() => /USHER_SECRET is missing/.test(said()), 'it to say so');
		assert.equal((await post(users[0], script)).status, 500, 'it serves on');
	}
});

test('both files, or one; and what is refused', async () => {
	const both = await snippet('--framework', 'laravel', '--signed');
	assert.match(both, /^==> routes\/support\.php <==\n<\?php\n[^]*\n==> resources\/views\/partials\/support\.blade\.php <==\n/);
	const [one, two] = await Promise.all(['server', 'page'].map((part) => snippet('--framework', 'laravel', '--signed', '--part', part)));
	assert.equal(both, `==> routes/support.php <==\n${one}\n==> resources/views/partials/support.blade.php <==\n${two}`);
	assert.equal(await snippet('--framework', 'plain', '--signed'), await snippet('--framework', 'node', '--signed', '--part', 'page'));
	const said = await gw.ctl('snippet', 'alpha', '--signed');
	assert.match(said.err, /the server's side is up to the partner: POST \/support\/assertion/);
	assert.match(said.err, /give the partner the key's secret, for its server alone/);
	for (const [args, code, pattern] of [
		[['alpha', '--framework', 'node'], 2, /with --signed php, python or node, too/],
		[['alpha', '--framework', 'embed', '--signed'], 2, /plain, laravel, wordpress, react, php, python or node/],
		[['alpha', '--framework', 'laravel', '--server'], 2, /php or node/],
		[['alpha', '--framework', 'wordpress', '--signed', '--part', 'server'], 2, /--part is page/],
		[['alpha', '--framework', 'php', '--signed', '--part', 'both'], 2, /--part is page/],
		[['keyless', '--framework', 'php', '--signed'], 1, /has no key with algorithm = "HS256".*add keys = /],
	]) {
		const r = await gw.ctl('snippet', ...args);
		assert.equal(r.code, code, r.err);
		assert.match(r.err, pattern);
		assert.equal(r.out, '');
	}
});

// README, "From unsigned to signed": its blocks, as printed, one after the other.
test('the walk', { skip: languages.php.skip }, async (t) => {
	const readme = fs.readFileSync(path.join(top, 'README.md'), 'utf8');
	const [, section] = readme.match(/\n#### From unsigned to signed\n([^]*?)\n## /);
	const blocks = [...section.matchAll(/ {3}```sh\n([^]*?) {3}```/g)].map((m) => m[1]);
	const keys = readme.match(/\n(\tkeys = .*\n)(\tissuer = .*\n)/);
	const [secret, check, files, one, verdict, ...rest] = blocks;
	assert.deepEqual(rest, []);
	const hosts = { url: '"https://ticket.beta.test"' };
	const walk = new Gateway({ tenants: { yourcompany: tenant('yourcompany', hosts) } });
	await walk.start();
	t.after(() => walk.stop());
	const step = (text) => {
		const r = spawnSync('sh', ['-ec', text], { cwd: walk.dir, encoding: 'utf8', env: { ...process.env, PATH: `${path.join(build, 'gateway')}:${process.env.PATH}` } });
		assert.equal(r.status, 0, `${text}${r.stdout}${r.stderr}`);
		return r.stdout;
	};
	const becomes = (identity) => {
		walk.writeConf('yourcompany', tenant('yourcompany', { ...hosts, identity: `"${identity}"` }).replace(/};\n$/, `${keys[1]}${keys[2]}};\n`));
		step(check);
	};

	step(secret);
	becomes('observe');
	step(files);
	const button = fs.readFileSync(path.join(walk.dir, 'button.html'), 'utf8');
	assert.match(button, /data-sign-url="\/support\.php"/);
	assert.match(step(one), /^/);
	const { post } = await languages.php.run(t, fs.readFileSync(path.join(walk.dir, 'support.php'), 'utf8'),
		{ USHER_SECRET: fs.readFileSync(path.join(walk.conf, 'secrets/yourcompany'), 'utf8') });
	const signed = async () => JSON.parse((await post(users[0], script)).text);
	assert.equal((await walk.handoff('yourcompany', { email: 'old@example.com', name: 'Old' })).status, 302);
	assert.equal((await walk.handoff('yourcompany', await signed())).status, 302);
	assert.match(step(verdict), /50/);
	becomes('signed');
	assert.equal((await walk.handoff('yourcompany', { email: 'old@example.com', name: 'Old' })).status, 401);
	const arrived = await walk.arrive('yourcompany', await signed());
	assert.equal(arrived.arrival.status, 302);
});
