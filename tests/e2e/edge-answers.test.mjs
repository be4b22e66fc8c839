// What the library would answer by itself, or not at all: the gateway does, once, and says what.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import { after, before, test } from 'node:test';
import tls from 'node:tls';
import { certificate, start, tenant, until } from './harness.mjs';

let gw;
before(async () => { gw = await start({ tenants: { alpha: tenant('alpha') } }); });
after(() => gw.stop());

const head = (lines, body = '') => `${lines.join('\r\n')}\r\n\r\n${body}`;
const ok = 'GET /nothing HTTP/1.1', host = 'Host: tickets.test', close = 'Connection: close';
const form = 'Content-Type: application/x-www-form-urlencoded';
const post = 'POST /api/auth/redirect/alpha HTTP/1.1';

// One octet at a time, or whole; all that comes back until the end. Who still
// writes to a connection that was closed is reset, and may lose what had come:
// `end.isReset` says so.
const talk = (port, pieces, secure, end = {}) => new Promise((resolve, reject) => {
	const at = { host: '127.0.0.1', port };
	const socket = secure ? tls.connect({ ...at, servername: 'tickets.test', ca: fs.readFileSync(certificate().ca) }) : net.connect(at);
	let heard = '';
	socket.setEncoding('latin1');
	socket.setNoDelay(true);
	socket.on('data', (d) => { heard += d; });
	socket.on('error', (e) => {
		end.isReset = true;
		return ['ECONNRESET', 'EPIPE'].includes(e.code) ? resolve(heard) : reject(e);
	});
	socket.on('close', () => resolve(heard));
	socket.on(secure ? 'secureConnect' : 'connect', async () => {
		for (const piece of pieces)
			await new Promise((written) => socket.write(Buffer.from(piece, 'latin1'), () => setImmediate(written)));
	});
});
const refused = async (reason) => Number(new RegExp(`^usher_http_refused_total\\{reason="${reason}"\\} (\\d+)`, 'm').exec(await gw.metrics())?.[1] ?? 0);

const own = [
	['no Host', head([ok, 'X: y']), 400, 'bad_host', 'host'],
	['no Host in HTTP/1.0', head(['GET / HTTP/1.0']), 400, 'bad_host', 'host'],
	['a Content-Length that is none', head([post, host, 'Content-Length: x', form]), 400, 'bad_framing', 'framing'],
	['an empty Content-Length', head([post, host, 'Content-Length:', form]), 400, 'bad_framing', 'framing'],
	['a Content-Length past all bounds', head([post, host, 'Content-Length: 99999999999999999999', form]), 400, 'bad_framing', 'framing'],
	['a line without a name, and no Host', head([ok, ': v']), 400, 'bad_request', 'malformed'],
	['a Host that is folded', head([ok, host, ' x']), 400, 'bad_request', 'malformed'],
	['a Host that is folded, with a tab', head([ok, host, '\tHost: tickets.test']), 400, 'bad_request', 'malformed'],
	['a blank before the method', head([` ${ok}`, host]), 400, 'bad_request', 'malformed'],
	['a method alone', head(['GET', host]), 400, 'bad_request', 'malformed'],
	['a chunk beyond all bounds', head([post, host, 'Transfer-Encoding: chunked', form], 'ffffffffffffffff\r\n'), 400, 'bad_framing', 'framing'],
	['an extension of a chunk beyond all bounds', head([post, host, 'Transfer-Encoding: chunked', form], `1;${'x'.repeat(60000)}`), 400, 'bad_framing', 'framing'],
	['no chunk', head([post, host, 'Transfer-Encoding: chunked', form], 'zz\r\n'), 400, 'bad_framing', 'framing'],
	['bare LF, and no Host', `${ok}\n\n`, 400, 'bad_request', 'malformed'],
];
for (const [name, bytes, status, code, reason] of own)
	test(`answered once, with its code: ${name}`, async () => {
		const before = await refused(reason);
		for (const secure of [false, true])
			for (const pieces of [[bytes], bytes.match(bytes.length > 1000 ? /[^]{1,997}/g : /[^]/g)]) {
				const r = await talk(secure ? gw.port : gw.plainPort, pieces, secure);
				assert.deepEqual(r.match(/HTTP\/1\.1 \d+/g), [`HTTP/1.1 ${status}`], r);
				const [lines, body] = r.split('\r\n\r\n');
				assert.equal(JSON.parse(body).code, code);
				assert.match(lines, /\r\nX-Request-Id: \S{26}\r\n/);
				assert.match(lines, /\r\nConnection: close/);
				assert.match(lines, new RegExp(`\r\nContent-Length: ${body.length}\r\n`));
			}
		assert.equal(await refused(reason) - before, 4);
	});

// RFC 9112 section 7.1: what ends a line there is CRLF and nothing else.
const body = 'email=a%40b&name=x', size = body.length.toString(16);
const chunked = (text) => head([post, host, close, 'Transfer-Encoding: chunked', form], text);
test('a body in chunks is in chunks', async () => {
	for (const text of [`${size}\r\n${body}\r\n0\r\n\r\n`, `${size}\r\n${body}\r\n00\r\nA: b\r\n\r\n`,
		`1\r\n${body[0]}\r\n${(body.length - 1).toString(16)}\r\n${body.slice(1)}\r\n0\r\n\r\n`])
		for (const pieces of [[chunked(text)], [...chunked(text)]])
			assert.match(await talk(gw.plainPort, pieces), /^HTTP\/1\.1 302 /, text);
	const before = await refused('framing');
	const lax = [`${size}\n${body}\r\n0\r\n\r\n`, `${size}\r\n${body}\n0\r\n\r\n`, `${size}\r\n${body}\r\n0\n\r\n`, `${size}\r\n${body}\r\n0\r\n\n`,
		`${size};a\n${body}\r\n0\r\n\r\n`, `${size}\r\n${body}\r\n0\r\nA: b\n\r\n`];
	for (const text of lax)
		for (const pieces of [[chunked(text)], [...chunked(text)]]) {
			const r = await talk(gw.plainPort, pieces);
			assert.match(r, /^HTTP\/1\.1 400 [^]*"bad_framing"/, JSON.stringify(text));
		}
	assert.equal(await refused('framing') - before, 2 * lax.length);
});

test('extensions of chunks are skipped, or refused where the library cannot', async () => {
	const heard = [];
	for (const text of [`${size};a=b\r\n${body}\r\n0\r\n\r\n`, `${size}\r\n${body}\r\n00;c\r\n\r\n`])
		for (const pieces of [[chunked(text)], [...chunked(text)]])
			heard.push(/^HTTP\/1\.1 302 |"bad_framing"/.exec(await talk(gw.plainPort, pieces))?.[0]);
	assert.ok(heard[0]);
	assert.deepEqual(heard, heard.map(() => heard[0]));
});

test('of five pipelined requests all are answered, or the last answer says that it is', async () => {
	const one = head([ok, host]);
	for (const pieces of [[one.repeat(5)], [one, one.repeat(4)], [one + one, one + one, one]]) {
		let r = '', end = { isReset: true };
		for (let tries = 0; !r && end.isReset && tries < 100; tries++) {
			end = {};
			r = await talk(gw.plainPort, pieces, false, end);
		}
		const answers = r.split(/(?=HTTP\/1\.1 \d)/);
		assert.ok(answers.length >= 1 && answers.length <= 5);
		assert.deepEqual(answers.map((a) => /\r\nConnection: close/i.test(a)), answers.map((a, i) => i === answers.length - 1), r);
	}
});

test('plain http on the port of https hears what it speaks', async () => {
	const before = await refused('plain');
	const asks = [head([ok, host]), head(['GET / HTTP/1.0']), head([post, host, 'Content-Length: 200000', form], 'x'.repeat(200000)), head(['PUT /x HTTP/1.1', host]),
		'OPTIONS ', 'GET '];
	for (const ask of asks)
		for (const pieces of ask.length > 1000 ? [[ask]] : [[ask], [...ask]]) {
			const r = await talk(gw.port, pieces);
			assert.match(r, /^HTTP\/1\.1 400 Bad Request\r\n/, JSON.stringify(r));
			assert.match(r, /\r\nContent-Type: text\/plain[^]*\r\nConnection: close\r\n\r\nThis port speaks https\. Write https:\/\/ in the address\.$/);
			assert.equal(r.match(/HTTP\/1\.1/g).length, 1);
		}
	assert.match(await talk(gw.port, [head(['HEAD / HTTP/1.1', host])]), /^HTTP\/1\.1 400 [^]*\r\n\r\n$/);
	assert.equal(await refused('plain') - before, 2 * asks.length);
});

// A ClientHello in pieces of one octet, through a forwarder.
test('a TLS hello is never taken for anything else', async () => {
	const before = await refused('plain');
	const slow = net.createServer((near) => {
		const far = net.connect(gw.port, '127.0.0.1');
		near.on('data', async (d) => {
			for (const octet of d)
				await new Promise((sent) => far.write(Buffer.of(octet), () => setImmediate(sent)));
		});
		far.pipe(near);
		for (const [one, other] of [[near, far], [far, near]])
			one.on('close', () => other.destroy()).on('error', () => {});
	});
	await new Promise((listening) => slow.listen(0, '127.0.0.1', listening));
	assert.match(await talk(slow.address().port, [head([ok, host, close])], true), /^HTTP\/1\.1 404 /);
	// An alert is GnuTLS's to send: no HTTP for what is none.
	for (const bytes of ['\x16\x03\x01\x00\x05hello', '\x80\x2e\x01\x03\x01', 'get / HTTP/1.1\r\n\r\n', 'GET\t/'])
		assert.doesNotMatch(await talk(gw.port, [bytes]), /HTTP/, JSON.stringify(bytes));
	assert.equal(await refused('plain'), before);
	slow.close();
});

// Each takes a record of the library's, and their header lies in its memory twice.
test('however many cookies there are, there is an answer', async () => {
	const first = await gw.handoff('alpha', { email: 'user@example.com', name: 'N' });
	const session = (await gw.callback(first.headers.location)).cookies.find((c) => c.startsWith('__Host-usher='));
	const mine = session.slice(0, session.indexOf(';'));
	const before = await refused('cookies');
	let served = 0, tooMany = 0;
	for (const size of [1, 20, 60])
		for (let n = 20; n <= 400; n += 20) {
			const others = Array.from({ length: n }, (_, i) => `c${i}=${'v'.repeat(size)}`).join('; ');
			for (const pieces of [1, 3]) {
				const whole = head(['GET /auth/session HTTP/1.1', 'Host: ticket.alpha.test', `Cookie: ${others}; ${mine}`, close]);
				const r = await talk(gw.plainPort, whole.match(new RegExp(`[^]{1,${Math.ceil(whole.length / pieces)}}`, 'g')));
				assert.match(r, /^HTTP\/1\.1 (200|431) /, `${n} cookies of ${size}: ${r}`);
				assert.equal(r.match(/HTTP\/1\.1 \d/g).length, 1, r);
				served += r.startsWith('HTTP/1.1 200');
				tooMany += r.startsWith('HTTP/1.1 431');
				if (n === 200 && size === 1)
					assert.match(r, /^HTTP\/1\.1 200 /);
			}
		}
	assert.ok(served > 20 && tooMany > 20, `${served} ${tooMany}`);
	assert.ok(await refused('cookies') - before > 0);
});

const connected = (port, from = '127.0.0.1') => new Promise((resolve, reject) => {
	const socket = net.connect({ port, host: '127.0.0.1', localAddress: from }, () => resolve(socket));
	socket.on('error', reject);
	socket.setEncoding('latin1');
	socket.heard = '';
	socket.on('data', (d) => { socket.heard += d; });
	socket.ended = new Promise((end) => socket.on('close', () => end(socket.heard)));
});
const open = async (one) => Number(/^usher_http_connections (\d+)/m.exec(await one.metrics())[1]);

test('one network has no more than its share of connections, unless it is a proxy', async () => {
	for (const proxies of ['[ ]', '[ "127.0.0.0/8" ]']) {
		const other = await start({ gateway: { connections_per_client: '8', trusted_proxies: proxies, request_deadline: '300' }, tenants: { alpha: tenant('alpha') } });
		const held = [];
		while (held.length < 8)
			held.push(await connected(held.length % 2 ? other.plainPort : other.port));
		// Taken in, so counted: the metrics' own one is not.
		await until(async () => await open(other) >= 9, 'all of them');
		const one = await connected(other.plainPort);
		if (proxies === '[ ]') {
			assert.match(await one.ended, /^HTTP\/1\.1 503 [^]*\r\nRetry-After: 2\r\n[^]*"busy"/);
			assert.equal(await (await connected(other.port)).ended, '');
			assert.match(await other.metrics(), /^usher_http_refused_total\{reason="network"\} 2$/m);
			held.pop().destroy();
			await until(async () => await open(other) === 8, 'one of them gone');
		}
		const served = proxies === '[ ]' ? await connected(other.plainPort) : one;
		served.write(head([ok, host, close]));
		assert.match(await served.ended, /^HTTP\/1\.1 404 /);
		for (const socket of held)
			socket.destroy();
		await other.stop();
	}
});

// All are accepted in one turn of the worker's loop: none of them has left when the next one comes.
test('who is turned away takes the place of nobody', async () => {
	const other = await start({ gateway: { workers: '1', connections_max: '64', connections_per_client: '8', request_deadline: '300' }, tenants: { alpha: tenant('alpha') } });
	const held = [], away = [];
	// With the metrics' own one it is full.
	while (held.length < 63)
		held.push(await connected(other.plainPort, `127.0.0.${1 + (held.length >> 3)}`));
	await until(async () => await open(other) === 64, 'all of them');
	other.child.kill('SIGSTOP');
	try {
		while (away.length < 10)
			away.push(await connected(other.plainPort));
	} finally {
		other.child.kill('SIGCONT');
	}
	for (const one of away)
		assert.match(await one.ended, /^HTTP\/1\.1 503 /);
	assert.match(await other.metrics(), /^usher_http_refused_total\{reason="network"\} 10$/m);
	assert.match(await other.metrics(), /^usher_http_evicted_total 0$/m);
	for (const one of held.slice(8)) {
		one.write(head([ok, host, close]));
		assert.match(await one.ended, /^HTTP\/1\.1 404 /);
	}
	for (const one of held)
		one.destroy();
	await other.stop();
});

// A browser here, on a page whose name leads to this address.
test('the metrics listener serves no name that a page elsewhere can have', async () => {
	const other = await start({ gateway: { metrics_hosts: '[ "usher.internal" ]' }, tenants: { alpha: tenant('alpha') } });
	const ask = (name) => talk(other.metricsPort, [head(['GET /metrics HTTP/1.1', `Host: ${name}`])]);
	for (const name of ['127.0.0.1', `127.0.0.1:${other.metricsPort}`, 'localhost', 'LOCALHOST:1', 'a.localhost', '[::1]:9464', 'usher', 'usher.internal', 'Usher.Internal:80'])
		assert.match(await ask(name), /^HTTP\/1\.1 200 /, name);
	for (const name of ['evil.test', `evil.test:${other.metricsPort}`, 'xusher.internal', 'evil.xlocalhost', 'localhost.evil.test', 'usher.internal.evil.test', '127.0.0.1.evil.test', '[evil.test]', '[::1', ''])
		assert.match(await ask(name), /^HTTP\/1\.1 4(21|00) /, name);
	assert.match(await ask('evil.test'), /"unknown_host"/);
	await other.stop();
});

// 253 octets, which DNS allows, of each host; 2048 of the redirect.
test('hosts and a redirect as long as they may be are no failure of ours', async () => {
	const long = (letter) => [63, 63, 63, 56].map((n) => letter.repeat(n)).join('.') + '.test';
	const b = long('b'), c = long('c');
	assert.equal(c.length, 253);
	const other = await start({
		gateway: { public_url: JSON.stringify(`https://${b}`) },
		tenants: { alpha: tenant('alpha', { url: JSON.stringify(`https://${c}`), home: null, origins: null }) },
	});
	const target = `https://${c}/`.padEnd(2048, 'x');
	const user = { email: `${'e'.repeat(64)}@${long('d').slice(0, 189)}`, name: 'N'.repeat(255), redirect_url: target };
	for (const extra of [{}, { response: 'json' }]) {
		const first = await other.handoff('alpha', { ...user, ...extra }, { host: b, plain: true });
		assert.equal(first.status, extra.response ? 200 : 302, first.text);
		const location = first.headers.location ?? first.json().redirect_url;
		const second = await other.callback(location, { plain: true });
		assert.equal(second.status, 302, second.text);
		assert.equal(second.headers.location, target);
		// Somebody else, on the same browser: asked, and then sent on.
		const mine = second.cookies[0].split(';')[0];
		const third = await other.handoff('alpha', { ...user, email: 'x@example.com' }, { host: b, plain: true });
		const asked = await other.callback(third.headers.location, { cookie: mine, plain: true });
		assert.equal(asked.status, 200, asked.text);
	}
	await other.stop();
});
