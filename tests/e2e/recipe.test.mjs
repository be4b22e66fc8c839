// A desk of one's own behind nginx: README.md's recipe as it is printed, with a
// real nginx, and behind it a desk that says what it was told.
// needs: nginx
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Gateway, certificate, freePort, start, temporary, tenant, top, until } from './harness.mjs';
import { browser, settle as settleAt, startNginx, visit as visitAt } from './nginx.mjs';

const C = 'ticket.alpha.test', OTHER = 'ticket.beta.test';
const user = { email: 'user@example.com', name: 'Zoë Doe' };
const readme = fs.readFileSync(path.join(top, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/^```\w*\n(.*?)^```$/gms)].map((m) => m[1]);
const recipe = blocks.find((b) => b.includes('auth_request '));

let gw, desk, nginx, ports, dir;
const seen = [];	// by the desk
let connections = 0;	// to the desk

/** The recipe on this machine, with these two ports. */
const settle = (text, two) => settleAt(text, {
	ports: two, dir,
	places: [
		['ticket.yourcompany.com', C], ['//yourcompany.com', '//alpha.test'],
		['tickets.internal:8443', `127.0.0.1:${gw.port}`], ['desk.internal:8080', `127.0.0.1:${desk.address().port}`],
	],
});

const echo = (q, body) => JSON.stringify({ method: q.method, url: q.url, raw: q.rawHeaders, headers: q.headers, body });

async function startDesk() {
	desk = http.createServer((q, r) => {
		const chunks = [];
		q.on('data', (d) => chunks.push(d));
		q.on('end', () => {
			seen.push(q.url);
			const text = echo(q, Buffer.concat(chunks).toString());
			r.writeHead(q.url === '/missing' ? 404 : q.url === '/broken' ? 500 : 200, {
				'Content-Length': Buffer.byteLength(text), ...(['/login', '/missing'].includes(q.url) && { 'Set-Cookie': 'desk=2' }),
			});
			r.end(text);
		});
	});
	desk.keepAliveTimeout = 0;
	desk.on('connection', () => { connections++; });
	desk.on('upgrade', (q, socket) => {
		seen.push(q.url);
		const text = echo(q, '');
		socket.end(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n${text}`);
	});
	await new Promise((r) => desk.listen(0, '127.0.0.1', r));
}

before(async () => {
	dir = temporary('recipe');
	await startDesk();
	const { cert, key } = certificate();
	const plain = { desk: 'false', dashboard: '"/"' };
	gw = await start({
		// A port that stays, for nginx to find the gateway again.
		gateway: {
			listen: `( { url = "https://127.0.0.1:${await freePort()}"; certificate = "${cert}"; key = "${key}"; }, { url = "http://127.0.0.1:0"; } )`,
			trusted_proxies: '[ "127.0.0.1" ]',
		},
		tenants: {
			yourcompany: tenant('yourcompany', { ...plain, url: `"https://${C}"`, home: '"https://alpha.test"' }),
			'be-ta': tenant('be-ta', {
				...plain, url: `"https://${OTHER}"`, home: null, name: '"Beta\'s $desk {1}"', dashboard: '"/dashboard"',
				desk_user: '"{slug}-{id}"', desk_header_encoding: '"percent"',
			}),
		},
	});
	ports = [await freePort(), await freePort(), await freePort(), await freePort()];
	const other = await gw.ctl('recipe', 'nginx', 'be-ta', '--gateway', `127.0.0.1:${gw.port}`, '--desk', `127.0.0.1:${desk.address().port}`);
	assert.equal(other.code, 0, other.err);
	nginx = await startNginx(dir, [settle(recipe, ports), settle(other.out, ports.slice(2))], () => visit({ path: '/' }));
});
after(async () => {
	await nginx?.stop();
	desk?.closeAllConnections();
	desk?.close();
	await gw?.stop();
});

/** Header lines as they are given, to nginx; `desk()`: what the desk says that it was told. */
async function visit({ host = C, port, ...rest }) {
	const r = await visitAt({ host, port: port ?? ports[host === C ? 0 : 2], ...rest });
	return { ...r, desk: () => JSON.parse(r.text) };
}

/** What the integration guide's form does, up to the desk: { cookie, token, landed }. */
async function signIn(fields = user, { slug = 'yourcompany', host = C } = {}) {
	const posted = await gw.handoff(slug, { ...fields, redirect_url: `https://${host}/dashboard` });
	assert.equal(posted.status, 302, posted.text);
	const url = new URL(posted.headers.location);
	assert.equal(url.host, host);
	const arrived = await visit({ host, path: url.pathname + url.search, lines: browser });
	assert.equal(arrived.status, 302, arrived.text);
	return { cookie: arrived.headers['set-cookie'].split(';')[0], token: url.searchParams.get('token'), location: url, landed: arrived.headers.location };
}

const latin1 = (v) => Buffer.from(v, 'latin1').toString();
/** Each header that says who somebody is, or could: { name: [values] }. */
function identity(told) {
	const found = {};
	for (let i = 0; i < told.raw.length; i += 2)
		if (/user|remote|email|mail|group|role|tenant|verified|auth|sso|login|forged|proxy|forwarded|rewrite|original/i.test(told.raw[i]) && !/user-agent/i.test(told.raw[i]))
			(found[told.raw[i].toLowerCase()] ??= []).push(latin1(told.raw[i + 1]));
	return found;
}
const of = (id, email = user.email, name = user.name) => ({
	'remote-user': [`yourcompany:${email}`], 'remote-id': [id], 'remote-email': [email], 'remote-name': [name],
	'remote-tenant': ['yourcompany'], 'remote-verified': ['false'],
	'x-forwarded-for': ['127.0.0.1'], 'x-forwarded-proto': ['https'], 'x-forwarded-host': [C],
});
async function idOf(email, slug = 'yourcompany') {
	const shown = await gw.ctl('--json', 'users', 'show', slug, email);
	return String([].concat(JSON.parse(shown.out).users ?? JSON.parse(shown.out))[0].id);
}

/** All that nginx logs. */
const logs = () => fs.readdirSync(dir).filter((n) => n.endsWith('.log')).map((n) => fs.readFileSync(path.join(dir, n), 'utf8')).join('\n');

test('the recipe of README.md is what usherctl prints for its tenant', async () => {
	const first = blocks.find((b) => b.startsWith('tenant = {'));
	const more = blocks.find((b) => b.includes('desk_user = '));
	const rest = new Gateway({ gateway: { public_url: '"https://tickets.example.com"' }, tenants: { yourcompany: first.replace(/\};\n$/, `${more}};\n`) } });
	const printed = await rest.ctl('recipe', 'nginx', 'yourcompany');
	assert.equal(printed.code, 0, printed.err);
	assert.equal(printed.out, recipe);
	assert.match(printed.err, /tickets\.internal:8443/);
	assert.match(printed.err, /trusted_proxies/);
	assert.ok(!/built-in/.test(printed.err));
});

test('usherctl recipe says what it has no recipe for', async () => {
	const rest = new Gateway({ tenants: { home: tenant('home', { url: null }), off: tenant('off', { enabled: 'false' }), alpha: tenant('alpha') } });
	for (const [args, code, why] of [
		[['nginx', 'home'], 1, /gateway's own host/], [['nginx', 'off'], 1, /switched off/], [['nginx', 'nobody'], 1, /there is no tenant "nobody"/],
		[['apache', 'alpha'], 2, /recipes for nginx, rt/], [['osticket', 'alpha'], 1, /cuts at its '@'/], [['nginx', 'alpha', '--desk', '10.0.0.1:80; evil'], 2, /a host/], [['nginx', 'alpha', '--gateway', ''], 2, /a host/],
	]) {
		const r = await rest.ctl('recipe', ...args);
		assert.equal(r.code, code, r.err);
		assert.match(r.err, why);
		assert.equal(r.out, '');
	}
	assert.match((await rest.ctl('recipe', 'nginx', 'alpha')).err, /built-in/);
});

test('a desk\'s recipe has the tenant\'s addresses, and nothing that is left to fill in', async () => {
	const rest = new Gateway({ tenants: { 'be-ta': tenant('be-ta', { url: '"https://ticket.beta.test:8443"', desk: 'false', desk_user: '"{slug}-{id}"' }) } });
	for (const desk of ['rt', 'osticket', 'zammad', 'znuny', 'glpi']) {
		const r = await rest.ctl('recipe', desk, 'be-ta', '--desk', '10.0.0.7:8080');
		assert.equal(r.code, 0, r.err);
		assert.match(r.out, /ticket\.beta\.test:8443/);
		assert.match(r.out, /usherctl recipe nginx be-ta --desk 10\.0\.0\.7:8080/);
		assert.ok(!/@\w+@/.test(r.out), r.out);
		assert.equal(/Not tried here/.test(r.out), desk !== 'rt');
	}
	const perl = (await rest.ctl('recipe', 'rt', 'be-ta')).out.split(/^# ---- .* ----$/m);
	assert.equal(perl.length, 3);
	for (const text of perl.slice(1)) {
		const file = path.join(rest.dir, 'part.pl');
		fs.writeFileSync(file, text);
		const r = spawnSync('perl', ['-c', file], { encoding: 'utf8' });
		assert.equal(r.status, 0, r.stderr);
	}
});

test('every slug makes a recipe that nginx takes, beside the others', async () => {
	const slugs = ['requests', 'time', 'id-requests', '1', 'x'.repeat(30), `${'y'.repeat(62)}z`];
	const rest = new Gateway({ tenants: Object.fromEntries(slugs.map((slug, i) => [slug, tenant(slug, { url: `"https://t${i}.example"`, desk: 'false' })])) });
	const texts = [];
	for (const slug of slugs) {
		const r = await rest.ctl('recipe', 'nginx', slug, '--gateway', '127.0.0.1:1', '--desk', '127.0.0.1:2');
		assert.equal(r.code, 0, r.err);
		assert.equal(/variables_hash_bucket_size/.test(r.err), slug.length > 30);
		texts.push(settle(r.out, ports));
	}
	const judge = (name, all, more = '') => {
		const file = path.join(dir, `${name}.conf`);
		fs.writeFileSync(file, `pid ${dir}/${name}.pid; events { } http { access_log off; ${more}\n${all.join('\n')} }`);
		const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
		return spawnSync('nginx', ['-t', '-e', `${dir}/${name}.err`, '-c', file, '-p', dir], { env, encoding: 'utf8' });
	};
	const short = judge('short', texts.slice(0, 5));
	assert.equal(short.status, 0, short.stderr);
	const all = judge('all', texts, 'variables_hash_bucket_size 256;');
	assert.equal(all.status, 0, all.stderr);
});

test('who is not signed in reads how to, and the desk hears nothing of it', async () => {
	const before = seen.length;
	for (const lines of [[], ['Remote-User: yourcompany:boss@example.com'], ['Cookie: __Host-usher=AAAA'], ['Authorization: Basic eDp5']]) {
		const r = await visit({ path: '/tickets?page=2', lines });
		assert.equal(r.status, 401);
		assert.match(r.headers['content-type'], /^text\/html/);
		assert.equal(r.headers['cache-control'], 'no-store');
		assert.match(r.text, /<a href="https:\/\/alpha\.test\/">Your Company<\/a>/);
	}
	assert.equal((await visit({ method: 'POST', body: 'a=1' })).status, 401);
	assert.match((await visit({ host: OTHER })).text, /go back to the site/);
	assert.equal((await visit({ path: '/usher-check' })).status, 404, 'for nginx alone');
	assert.equal(seen.length, before);
	assert.equal((await visit({ port: ports[1] })).status, 401, 'the other listener');
});

test('where there is a login_url, who is not signed in goes there, and comes back', async () => {
	const host = 'desk.alpha.test', two = [await freePort(), await freePort()];
	gw.writeConf('third', tenant('third', { desk: 'false', dashboard: '"/"', url: `"https://${host}"`, home: '"https://alpha.test"', login_url: '"https://alpha.test/login"' }));
	assert.equal((await gw.reload()).code, 0);
	const printed = await gw.ctl('recipe', 'nginx', 'third', '--gateway', `127.0.0.1:${gw.port}`, '--desk', `127.0.0.1:${desk.address().port}`);
	assert.equal(printed.code, 0, printed.err);
	const at = temporary('recipe-login');
	const ask = (rest) => visit({ host, port: two[0], ...rest });
	const server = await startNginx(at, [settleAt(printed.out, { ports: two, dir: at })], () => ask({ path: '/' }));
	try {
		const before = seen.length;
		const first = await ask({ path: '/tickets/17?x=%2F&y', lines: browser });
		assert.equal(first.status, 302, first.text);
		assert.match(first.headers.location, /^\/auth\/login\?again=0&/, 'does the browser keep cookies?');
		const cookie = first.headers['set-cookie'].split(';')[0];
		const out = await ask({ path: first.headers.location, lines: [...browser, `Cookie: ${cookie}`] });
		assert.equal(out.status, 302, out.text);
		assert.equal(out.headers['set-cookie'], undefined, 'it has what it needs');
		const to = new URL(out.headers.location);
		assert.equal(to.origin + to.pathname, 'https://alpha.test/login');
		assert.equal(to.searchParams.get('return_to'), `https://${host}/tickets/17?x=%2F&y`);
		assert.match(cookie, /^__Host-usher-login=/);
		/* a form that was posted late goes round by the same way; a script is told */
		assert.equal((await ask({ path: '/tickets/17', method: 'POST', body: 'a=1', lines: browser })).status, 302);
		const told = await ask({ path: '/tickets/17', lines: ['Accept: application/json', 'Sec-Fetch-Mode: cors', 'Sec-Fetch-Dest: empty'] });
		assert.equal(told.status, 401);
		assert.match(told.text, /You are not signed in/);
		assert.equal(seen.length, before, 'the desk hears nothing of it');
		const posted = await gw.handoff('third', { ...user, redirect_url: `https://${host}/`, state: to.searchParams.get('state') });
		const url = new URL(posted.headers.location);
		const arrived = await ask({ path: url.pathname + url.search, lines: [...browser, `Cookie: ${cookie}`] });
		assert.equal(arrived.headers.location, `https://${host}/tickets/17?x=%2F&y`);
	} finally {
		await server.stop();
	}
});

test('the guide\'s form signs in, and the desk is told who it is', async () => {
	const { cookie, landed } = await signIn();
	assert.equal(landed, `https://${C}/dashboard`);
	const there = await visit({ path: '/dashboard', lines: [`Cookie: ${cookie}`] });
	assert.equal(there.status, 302);
	assert.equal(there.headers.location, `https://${C}/`);
	const r = await visit({ lines: [`Cookie: ${cookie}`] });
	assert.equal(r.status, 200);
	const told = r.desk();
	assert.deepEqual(identity(told), of(await idOf(user.email)));
	assert.equal(told.headers.host, C);
	assert.equal(told.headers.connection, undefined);
	const posted = (await visit({ path: '/tickets?x=%2F', method: 'POST', body: 'subject=Ärger', lines: [`Cookie: ${cookie}`, 'X-CSRF-Token: t'] })).desk();
	assert.deepEqual([posted.method, posted.url, posted.body, posted.headers['x-csrf-token']], ['POST', '/tickets?x=%2F', 'subject=Ärger', 't']);
	for (const [target, status] of [['/missing', 404], ['/broken', 500]])
		assert.equal((await visit({ path: target, lines: [`Cookie: ${cookie}`] })).status, status, 'the desk\'s own answers stay');
});

test('one spelling of an address is one user to the desk', async () => {
	await signIn({ email: 'Ann@EXAMPLE.com', name: 'Ann' });
	const { cookie } = await signIn({ email: 'ann@Example.COM', name: 'Ann' });
	const told = (await visit({ lines: [`Cookie: ${cookie}`] })).desk();
	assert.equal(told.headers['remote-user'], 'yourcompany:ann@example.com');
});

test('who somebody is, only usher says', async () => {
	const { cookie } = await signIn();
	const want = of(await idOf(user.email));
	const names = [
		'User', 'Id', 'Email', 'Name', 'Tenant', 'Verified', 'Group', 'Groups', 'Login', 'Role', 'Roles', 'Username', 'Ident', 'Mail', 'Realname', 'Addr', 'Host',
	].map((n) => `Remote-${n}`).concat([
		'X-Remote-User', 'X-Remote-Email', 'X-Remote-Name', 'X-Remote-Group', 'X-Remote-Groups', 'X-Forwarded-User', 'X-Forwarded-Email', 'X-Forwarded-Groups',
		'X-Forwarded-Preferred-Username', 'X-Forwarded-Name', 'X-Forwarded-Access-Token', 'X-Auth-Request-User', 'X-Auth-Request-Email', 'X-Auth-Request-Groups',
		'X-Auth-Request-Preferred-Username', 'X-Auth-User', 'X-Authenticated-User', 'X-Proxy-User', 'X-User', 'X-Webauth-User', 'Auth-User', 'Sso-User',
		'Proxy', 'Forwarded', 'X-Original-URL', 'X-Rewrite-URL', 'X-Forwarded-For', 'X-Forwarded-Proto', 'X-Forwarded-Host',
	]);
	const odd = (n) => [...n].map((c, i) => (i % 2 ? c.toUpperCase() : c.toLowerCase())).join('');
	for (const name of names) {
		const us = name.replaceAll('-', '_');
		for (const lines of [
			[`${name}: forged`], [`${name.toUpperCase()}: forged`], [`${name.toLowerCase()}: forged`, `${odd(name)}: forged`, `${name}:forged`],
			[`${us}: forged`, `${us.toUpperCase()}: forged`, `${us.replace('_', '-')}: forged`, `HTTP_${us}: forged`], [`${name.replaceAll('-', '.')}: forged`],
			[`${name}:`, `${name}: forged`], [`${name}: forged`, `Connection: close, ${name}`],
		]) {
			const r = await visit({ lines: [...lines, `Cookie: ${cookie}`] });
			assert.equal(r.status, 200, lines.join('|'));
			const told = r.desk();
			// A mixed spelling is a header that no desk has, and dropped with the others.
			assert.deepEqual(identity(told), want, lines.join('|'));
			assert.ok(!JSON.stringify(told.raw).includes('forged'), lines.join('|'));
			assert.equal((await visit({ lines })).status, 401);
		}
	}
});

test('the desk gets its own cookies, and none of usher\'s', async () => {
	const { cookie } = await signIn();
	const embed = '__Host-usher-embed=AAAA', login = '__Host-usher-login=BBBB';
	const mark = `__Host-usher-desk=${await idOf(user.email)}`;
	for (const [lines, want] of [
		[[cookie], undefined],
		[[`a=1; ${cookie}`], 'a=1'],
		[[`${cookie}; a=1`], 'a=1'],
		[[`a=1; ${cookie}; b="x y"; c=`], 'a=1; b="x y"; c='],
		[[`${cookie}; ${embed}; ${login}`], undefined],
		[[`${embed}; a=1; ${cookie}; b=2; ${login}`], 'a=1; b=2'],
		[[`a=1; ${login}; ${embed}; ${cookie}`], 'a=1'],
		[['a=1', cookie, 'b=2'], 'a=1; b=2'],
		[[cookie, 'a=1'], 'a=1'],
		[['a=1; b=2', `c=3; ${cookie}`], 'a=1; b=2; c=3'],
		[[`note=__Host-usher; ${cookie}; x__Host-usher=1`], 'note=__Host-usher; x__Host-usher=1'],
		[[`__Host-ushers=1; ${cookie}`], '__Host-ushers=1'],
		[[`a=1; __HOST-USHER=planted; ${cookie}; b=2`], 'a=1; b=2'],
		[[`a=1; ${embed}; ${embed}; ${embed}; ${cookie}`], undefined],
	])
		// The mark of whose the cookies are: in front, and at the end.
		for (const marked of [[`${mark}; ${lines[0]}`, ...lines.slice(1)], [...lines.slice(0, -1), `${lines.at(-1)}; ${mark}`], [mark, ...lines], [...lines, mark]]) {
			const r = await visit({ lines: marked.map((l) => `Cookie: ${l}`) });
			assert.equal(r.status, 200, marked.join('|'));
			assert.equal(r.desk().headers.cookie, want, marked.join('|'));
			assert.equal(r.headers['set-cookie'], undefined);
			assert.ok(!r.text.includes(cookie.split('=')[1]), marked.join('|'));
		}
	for (const lines of [[`${cookie}; ${cookie}`], [cookie, cookie], [cookie, '__Host-usher=other']])
		assert.equal((await visit({ lines: lines.map((l) => `Cookie: ${l}`) })).status, 401, 'two of them are nobody');
});

test('a session of the desk\'s own is not handed to who signs in next', async () => {
	const one = await signIn(), two = await signIn({ email: 'next@example.com', name: 'Next' });
	const ids = [await idOf(user.email), await idOf('next@example.com')];
	const marked = (id) => `__Host-usher-desk=${id}; Path=/; Secure; HttpOnly; SameSite=None`;
	const told = async (path, ...cookies) => {
		const r = await visit({ path, lines: [`Cookie: ${cookies.join('; ')}`] });
		assert.equal(r.status, path === '/missing' ? 404 : 200);
		return [r.desk().headers.cookie, r.cookies.sort()];
	};
	const own = 'desk=1', mark = (id) => `__Host-usher-desk=${id}`;
	assert.deepEqual(await told('/', one.cookie, own), [undefined, []], 'nobody knows whose it is');
	assert.deepEqual(await told('/login', one.cookie, own), [undefined, [marked(ids[0]), 'desk=2']]);
	assert.deepEqual(await told('/login', one.cookie, own, mark(ids[0])), [own, ['desk=2']]);
	assert.deepEqual(await told('/', one.cookie, own, mark(ids[0])), [own, []]);
	// however often the next one comes, until the desk has opened one for them
	for (let i = 0; i < 3; i++)
		assert.deepEqual(await told('/', two.cookie, own, mark(ids[0])), [undefined, []]);
	assert.deepEqual(await told('/login', two.cookie, own, mark(ids[0])), [undefined, [marked(ids[1]), 'desk=2']]);
	assert.deepEqual(await told('/', two.cookie, own, mark(ids[1])), [own, []]);
	for (const odd of [mark(`${ids[1]}0`), mark(`0${ids[1]}`), mark(''), `x${mark(ids[1])}`, `a=${mark(ids[1])}`])
		assert.deepEqual(await told('/login', two.cookie, own, odd), [undefined, [marked(ids[1]), 'desk=2']], odd);
	assert.deepEqual(await told('/missing', two.cookie), [undefined, [marked(ids[1]), 'desk=2']], 'an error of the desk\'s brings its cookies, too');
	assert.deepEqual((await visit({ path: '/login', lines: [`Cookie: ${mark(ids[0])}; ${own}`] })).cookies, []);
});

test('the name in TLS is the one that is asked for: its server\'s rules of headers hold', async () => {
	const { cookie } = await signIn();
	const lines = [`Cookie: ${cookie}`];
	assert.equal((await visit({ lines, sni: C })).status, 200);
	for (const sni of [OTHER, ''])
		assert.equal((await visit({ lines, sni })).status, 421);
});

test('what is the same for everybody is had without a session, and nothing else', async () => {
	const { cookie } = await signIn();
	const lines = [`Cookie: a=1; ${cookie}`, 'Remote-User: forged', 'Remote_User: forged', 'Authorization: Basic eDp5', 'If-None-Match: "1"', 'X-Any: forged'];
	const told = (await visit({ path: '/static/a/b.css?v=1', lines })).desk();
	assert.deepEqual(identity(told), {});
	assert.deepEqual([told.url, told.method, told.headers], ['/static/a/b.css?v=1', 'GET', { host: C, 'if-none-match': '"1"' }]);
	const before = seen.length;
	assert.equal((await visit({ path: '/static/a', method: 'POST', body: 'x', lines })).status, 403);
	for (const target of ['/static/../tickets', '/static/%2e%2e/tickets', '/static/..%2ftickets', '/static/a/..%2f..%2Ftickets', '//static/../tickets', '/Static/a', '/tickets/a.css', '/tickets/static/a.css'])
		assert.equal((await visit({ path: target })).status, 401, target);
	assert.equal(seen.length, before);
});

test('a WebSocket is opened for who is signed in', async () => {
	const { cookie } = await signIn();
	const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: x', 'Remote-User: forged'];
	const before = seen.length;
	assert.equal((await visit({ path: '/ws', lines: [...upgrade, 'Connection: close'] })).status, 401);
	assert.equal(seen.length, before);
	const r = await visit({ path: '/ws', lines: [...upgrade, `Cookie: ${cookie}`] });
	assert.equal(r.status, 101);
	assert.deepEqual([r.desk().headers['remote-user'], r.desk().headers.upgrade], ['yourcompany:user@example.com', 'websocket']);
});

test('signing out, blocking and another tenant\'s session hold at the next request', async () => {
	const one = await signIn(), two = await signIn({ email: 'two@example.com', name: 'Two' });
	const status = async (cookie, host) => (await visit({ host, lines: [`Cookie: ${cookie}`] })).status;
	assert.deepEqual([await status(one.cookie), await status(two.cookie)], [200, 200]);
	assert.equal(await status(one.cookie, OTHER), 401);
	const logout = (lines) => visit({ path: '/auth/logout', method: 'POST', lines: [`Cookie: ${one.cookie}`, ...lines] });
	assert.equal((await logout(['Origin: https://alpha.test', 'Content-Length: 0'])).status, 403);
	assert.equal(await status(one.cookie), 200);
	const out = await logout([`Origin: https://${C}`, 'Content-Length: 0', 'Accept: text/html']);
	assert.equal(out.status, 303);
	assert.equal(out.headers.location, 'https://alpha.test/');
	assert.match(out.headers['set-cookie'], /^__Host-usher=;/);
	assert.equal(await status(one.cookie), 401);
	assert.equal((await gw.ctl('users', 'block', 'yourcompany', 'two@example.com')).code, 0);
	assert.equal(await status(two.cookie), 401);
	assert.equal((await gw.ctl('users', 'unblock', 'yourcompany', 'two@example.com')).code, 0);
});

test('a desk that reads Latin-1 is told in ASCII, and the longest fit', async () => {
	const name = '%ü🎫'.repeat(85), email = `${'ü'.repeat(32)}@${'a'.repeat(63)}.${'b'.repeat(63)}.example`;
	const { cookie } = await signIn({ email, name }, { slug: 'be-ta', host: OTHER });
	const r = await visit({ host: OTHER, lines: [`Cookie: ${cookie}`] });
	assert.equal(r.status, 200, r.text);
	const told = r.desk();
	assert.equal(told.headers['remote-user'], `be-ta-${told.headers['remote-id']}`);
	assert.equal(decodeURIComponent(told.headers['remote-email']), email);
	assert.match(told.headers['remote-name'], /^[ -~]{1000,1024}$/);
	assert.ok(name.startsWith(decodeURIComponent(told.headers['remote-name'])));
	const long = await signIn({ email, name });
	const plain = (await visit({ lines: [`Cookie: ${long.cookie}`] })).desk();
	assert.equal(latin1(plain.headers['remote-user']), `yourcompany:${email}`);
	assert.equal(latin1(plain.headers['remote-name']), name);
	assert.equal((await visit({ host: OTHER, path: '/dashboard', lines: [`Cookie: ${cookie}`] })).desk().url, '/dashboard', 'its own');
});

test('connections are kept', async () => {
	const { cookie } = await signIn();
	const before = connections;
	for (let i = 0; i < 20; i++)
		assert.equal((await visit({ lines: [`Cookie: ${cookie}`] })).status, 200);
	assert.ok(connections - before < 20, `${connections - before} for 20 requests`);
});

test('where usher cannot tell, nobody is signed out and nobody let in', async () => {
	const { cookie } = await signIn();
	const posted = await gw.handoff('yourcompany', user);
	const url = new URL(posted.headers.location);
	const file = path.join(gw.conf, 'yourcompany.conf'), good = fs.readFileSync(file, 'utf8');
	const refused = async () => {
		const before = seen.length;
		for (const lines of [[`Cookie: ${cookie}`], ['Remote-User: forged']]) {
			const r = await visit({ path: '/tickets', lines });
			assert.equal(r.status, 503);
			assert.equal(r.headers['retry-after'], '10');
			assert.match(r.text, /not signed out/);
			assert.equal(r.headers['set-cookie'], undefined);
		}
		assert.equal(seen.length, before);
	};
	await gw.stop();
	await refused();
	const failed = await visit({ path: url.pathname + url.search, lines: [...browser, `Referer: https://${C}${url.pathname}${url.search}`] });
	assert.equal(failed.status, 503);
	// It runs, but this tenant's file does not hold.
	fs.writeFileSync(file, good.replace('desk = false', 'desk_user = "{id}"'));
	await gw.start();
	const asked = await gw.request({ host: C, path: '/auth/check?tenant=yourcompany', headers: { Cookie: cookie } });
	assert.deepEqual([asked.status, asked.headers['retry-after']], [503, '60']);
	await refused();
	fs.writeFileSync(file, good);
	assert.equal((await gw.reload()).code, 0);
	assert.equal((await visit({ lines: [`Cookie: ${cookie}`] })).status, 200);
	// The token was not spent, and is in no log.
	assert.equal((await visit({ path: url.pathname + url.search, lines: browser })).status, 302);
	await until(() => /"GET \/auth\/callback" 503/.test(logs()), 'nginx to write its log');
	assert.ok(!logs().includes(url.searchParams.get('token')));
});

test('no token is in any log', async () => {
	const { token, location, cookie } = await signIn();
	const again = await visit({ path: location.pathname + location.search, lines: [...browser, `Referer: ${location}`] });
	assert.ok([302, 410].includes(again.status));
	await visit({ path: `/tickets?token=${token}`, lines: [`Cookie: ${cookie}`, `Referer: ${location}`] });
	await visit({ path: `/static/x?token=${token}`, lines: [`Referer: ${location}`] });
	const written = ['"GET /auth/callback" 302', '"GET /tickets" 200', '"GET /static/x" 200'];
	await until(() => written.every((line) => logs().includes(line)), 'nginx to write its log');
	const all = logs();
	assert.ok(!/token=|eyJ/.test(all), all.split('\n').find((l) => /token=|eyJ/.test(l)));
});
