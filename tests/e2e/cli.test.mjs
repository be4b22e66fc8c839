// The daemon and its console as programs: the background, the service manager,
// exit codes, keys, adapters, watching, privileges, the metrics listener.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { Gateway, build, certificate, collectAdapters, runUsherctl, runUsherd, start, temporary, tenant, top, until } from './harness.mjs';

const user = { email: 'user@example.com', name: 'John Doe' };
const plain = { listen: '( { url = "http://127.0.0.1:0"; } )' };
const mode = (file) => fs.statSync(file).mode & 0o7777;

function get(port, target) {
	return new Promise((resolve, reject) => http.get({ host: '127.0.0.1', port, path: target, agent: false }, (r) => {
		let text = '';
		r.on('data', (d) => { text += d; });
		r.on('end', () => resolve({ status: r.statusCode, text, headers: r.headers }));
	}).on('error', reject));
}

test('in the background it returns when it is ready, and goes on', async () => {
	const gw = new Gateway({ gateway: plain, tenants: { alpha: tenant('alpha', { url: null, home: null, origins: null }) } });
	const ready = path.join(gw.dir, 'ready'), log = fs.openSync(path.join(gw.dir, 'log'), 'a');
	const child = spawn(path.join(build, 'gateway/usherd'), ['--config', gw.conf, '--ready-file', ready], { stdio: ['ignore', 'ignore', log] });
	const code = await new Promise((resolve) => child.on('close', resolve));
	assert.equal(code, 0, fs.readFileSync(path.join(gw.dir, 'log'), 'utf8'));
	// Nothing to wait for: it is ready by now.
	const { pid, listen } = JSON.parse(fs.readFileSync(ready, 'utf8'));
	try {
		assert.notEqual(pid, child.pid);
		gw.plainPort = Number(new URL(listen.find((a) => a.for === 'public').url).port);
		assert.equal((await gw.handoff('alpha', user, { plain: true })).status, 302);
		const status = JSON.parse((await gw.ctl('--json', 'status')).out);
		assert.equal(status.pid, pid);
	} finally {
		process.kill(pid, 'SIGTERM');
	}
	await until(() => !fs.existsSync(ready), 'the ready file to go');
	// Where process 1 takes in nobody, as in some containers, it stays a zombie.
	await until(() => { try { return /\) Z /.test(fs.readFileSync(`/proc/${pid}/stat`, 'latin1')); } catch { return true; } }, 'it to end');
	assert.match(fs.readFileSync(path.join(gw.dir, 'log'), 'utf8'), /"stopped"/);
});

test('a start that fails returns 1 with the reason, from the background too', async () => {
	const gw = new Gateway({ gateway: { ...plain, state: '"/proc/nowhere"' }, tenants: {} });
	for (const how of [[], ['--foreground']]) {
		const r = await runUsherd('--config', gw.conf, ...how);
		assert.equal(r.code, 1);
		assert.match(r.err, /\/proc\/nowhere/);
	}
	const taken = http.createServer();
	await new Promise((resolve) => taken.listen(0, '127.0.0.1', resolve));
	const busy = new Gateway({ gateway: { ...plain, listen: `( { url = "http://127.0.0.1:${taken.address().port}"; } )` } });
	const r = await runUsherd('--config', busy.conf);
	taken.close();
	assert.equal(r.code, 1);
	assert.match(r.err, /not_listening.*in use/is);
});

test('--strict refuses to start over a broken tenant', async () => {
	const gw = new Gateway({ gateway: plain, tenants: { bad: 'tenant = { oops' } });
	const r = await runUsherd('--config', gw.conf, '--strict');
	assert.equal(r.code, 1);
	assert.match(r.err, /bad\.conf/);
	assert.equal((await runUsherd('--config', gw.conf, '--check', '--strict')).code, 1);
});

test('--check reads certificates, keys and the key ring as a start does', async () => {
	const { cert, key } = certificate(), dir = temporary('pem');
	const of = (name) => path.join(dir, name);
	const openssl = (...args) => execFileSync('openssl', args, { stdio: 'pipe' });
	openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', of('other.key'));
	openssl('pkcs8', '-topk8', '-in', key, '-out', of('locked.key'), '-passout', 'pass:secret');
	fs.writeFileSync(of('empty.pem'), '');
	const cases = [
		[cert, key, 0, /the configuration holds/],
		[cert, of('other.key'), 1, /other\.key: is not the key of its certificate; name the two/],
		[key, cert, 1, /key\.pem: holds a private key and no certificate; .*swapped/],
		[cert, of('locked.key'), 1, /locked\.key: .*has a passphrase/],
		[of('empty.pem'), key, 1, /empty\.pem: .*certificate first/],
	];
	for (const [c, k, code, says] of cases) {
		const gw = new Gateway({ gateway: { listen: `( { url = "https://127.0.0.1:0"; certificate = "${c}"; key = "${k}"; } )` } });
		const check = await runUsherd('--config', gw.conf, '--check');
		assert.equal(check.code, code, check.out + check.err);
		assert.match(check.out, says);
		if (!code)
			continue;
		const begun = await runUsherd('--config', gw.conf, '--foreground');
		assert.equal(begun.code, 1, 'the start refuses what the check refuses');
		assert.match(begun.err, new RegExp(path.basename(c === cert ? k : c)));
	}
	const gw = new Gateway({ gateway: plain });
	const ring = path.join(gw.state, 'keyring');
	fs.mkdirSync(gw.state, { mode: 0o700 });
	assert.equal((await runUsherd('--config', gw.conf, '--check')).code, 0, 'the first start makes the ring');
	assert.equal((await runUsherctl('--config', gw.conf, 'key', 'new')).code, 0);
	assert.equal((await runUsherd('--config', gw.conf, '--check')).code, 0);
	fs.chmodSync(ring, 0o644);
	const loose = await runUsherd('--config', gw.conf, '--check');
	assert.equal(loose.code, 1, loose.out);
	assert.match(loose.out, /keyring: error: its mode is 0644.*chmod 600/);
});

test('the service manager is told, as sd_notify does', async () => {
	const socket = path.join(temporary('notify'), 's');
	const manager = spawn(path.join(build, 'tests/e2e/notify_tool'), [socket], { stdio: ['ignore', 'pipe', 'inherit'] });
	const lines = [];
	let wake = () => {};
	createInterface({ input: manager.stdout }).on('line', (l) => { lines.push(l); wake(); });
	const next = async () => {
		while (!lines.length)
			await new Promise((resolve) => { wake = resolve; });
		return lines.shift().trim();
	};
	try {
		assert.equal(await next(), 'listening');
		const gw = await start({ gateway: plain, tenants: { alpha: tenant('alpha') }, env: { NOTIFY_SOCKET: socket } });
		const ready = `READY=1 MAINPID=${gw.child.pid}`;
		assert.equal(await next(), ready);
		// However a reload is asked for, and whatever comes of it.
		for (const ask of [() => gw.child.kill('SIGHUP'), () => gw.reload(),
			() => { gw.writeConf('gateway', 'gateway = { oops'); gw.child.kill('SIGHUP'); }]) {
			const before = process.hrtime.bigint() / 1000n;
			await ask();
			const [, usec] = (await next()).match(/^RELOADING=1 MONOTONIC_USEC=(\d+)$/);
			assert.ok(BigInt(usec) >= before && BigInt(usec) <= process.hrtime.bigint() / 1000n, usec);
			assert.equal(await next(), ready);
		}
		await gw.stop();
		assert.equal(await next(), 'STOPPING=1');
	} finally {
		manager.kill();
	}
});

test('--version, --help, and wrong usage', async () => {
	for (const [run, name] of [[runUsherd, 'usherd'], [runUsherctl, 'usherctl']]) {
		const version = await run('--version');
		assert.equal(version.code, 0);
		assert.match(version.out, new RegExp(`^${name} \\d+\\.\\d+\\.\\d+\n$`));
		const help = await run('--help');
		assert.equal(help.code, 0);
		assert.match(help.out, /^usage: /);
		assert.equal(help.err, '');
		for (const wrong of [['--nonsense'], [], ['--config']]) {
			const r = await run(...wrong);
			assert.equal(r.code, 2, `${name} ${wrong}`);
			assert.match(r.err, /usage: /);
			assert.equal(r.out, '');
		}
	}
	assert.equal((await runUsherd('--config', '/tmp', 'extra')).code, 2);
	for (const wrong of [['explain'], ['explain', 'a', 'b'], ['status', 'x'], ['key'], ['key', 'lost'], ['adapter', 'check'], ['adapter', 'run', 'x.so', 'novalue']])
		assert.equal((await runUsherctl(...wrong)).code, 2, wrong.join(' '));
	assert.equal((await runUsherctl('--config', '/nowhere', 'status')).code, 1);
	assert.equal((await runUsherctl('--socket', '/nowhere/s', 'status')).code, 3);
	assert.equal((await runUsherd('--config', '/nowhere', '--check')).code, 1);
});

test('an answer that could not be written is no success', () => {
	const full = fs.openSync('/dev/full', 'w');
	const r = spawnSync(path.join(build, 'gateway/usherctl'), ['--help'], { stdio: ['ignore', full, 'pipe'], encoding: 'utf8' });
	fs.closeSync(full);
	assert.equal(r.status, 1);
	assert.match(r.stderr, /could not be written: No space left/);
});

test('usherctl --json is JSON', async () => {
	const gw = await start({ gateway: plain, tenants: { alpha: tenant('alpha', { url: null, home: null, origins: null }), broken: 'tenant = { slug = "broken"; };' } });
	const r = await gw.handoff('alpha', user, { plain: true });
	const json = async (...command) => {
		const answer = await gw.ctl('--json', ...command);
		return [answer.code, JSON.parse(answer.out)];
	};
	assert.equal((await json('status'))[1].tenants_broken, 1);
	const [, tenants] = await json('tenants');
	assert.ok(JSON.stringify(tenants).includes('"alpha"'), JSON.stringify(tenants));
	assert.equal((await json('key', 'list'))[0], 0);
	assert.equal((await json('reload'))[0], 1, 'there is a broken tenant');
	const [code, check] = await json('check');
	assert.equal(code, 1);
	assert.ok(JSON.stringify(check).includes('broken.conf'));
	const trail = await until(async () => {
		const e = await gw.ctl('--json', 'explain', r.headers['x-request-id']);
		return e.code === 0 && JSON.parse(e.out);
	}, 'the trail');
	assert.equal(trail.status, 302);
	const [, { records: [newest] }] = await json('audit');
	assert.equal(newest.request_id, r.headers['x-request-id']);
	assert.deepEqual(newest.trail, trail.trail);
	assert.deepEqual((await json('audit', String(newest.id)))[1].records, []);
	assert.match((await gw.ctl('audit')).out, new RegExp(`^${newest.request_id}  .*tenant alpha  302`));
	assert.notEqual((await gw.ctl('audit', 'x')).code, 0);
	assert.ok(trail.trail.some((s) => s.step === 'validate'));
	await gw.stop();
});

test('keys: new where there is none, rotate, list without the keys', async () => {
	const gw = new Gateway({ gateway: plain, tenants: { alpha: tenant('alpha', { url: null, home: null, origins: null }) } });
	const ring = path.join(gw.state, 'keyring');
	assert.equal((await gw.ctl('key', 'list')).code, 1);
	assert.equal((await gw.ctl('key', 'new')).code, 1, 'no state directory yet');
	fs.mkdirSync(gw.state, { mode: 0o700 });
	assert.equal((await gw.ctl('key', 'new')).code, 0);
	assert.equal(mode(ring), 0o600);
	const first = fs.readFileSync(ring, 'utf8');
	const again = await gw.ctl('key', 'new');
	assert.equal(again.code, 1);
	assert.match(again.err, /rotate/);
	assert.equal(fs.readFileSync(ring, 'utf8'), first);
	assert.equal((await gw.ctl('key', 'rotate')).code, 0);
	assert.equal(mode(ring), 0o600);
	const list = (await gw.ctl('key', 'list')).out;
	assert.equal(list.trim().split('\n').length, 2);
	for (const secret of fs.readFileSync(ring, 'utf8').match(/[\w-]{43}/g))
		assert.ok(!list.includes(secret));
	await gw.start();
	assert.equal((await gw.handoff('alpha', user, { plain: true })).status, 302);
	await gw.stop();
});

test('adapter check and run: the exit status is the verdict', async () => {
	const dir = collectAdapters(path.join(temporary('adapters'), 'plugins'));
	const so = (name) => path.join(dir, `${name}.so`);
	const fixture = path.join(top, 'sdk/template/acme.fixture');
	const held = await runUsherctl('adapter', 'check', so('acme'), fixture);
	assert.equal(held.code, 0, held.out);
	// Where the line is wrapped hangs on how long the path is.
	assert.match(held.out, /(\d+) of \1\s+expectations\s+hold/);
	const wrong = path.join(dir, 'wrong.fixture');
	fs.writeFileSync(wrong, fs.readFileSync(fixture, 'utf8').replace('expect attribute plan = pro', 'expect attribute plan = free'));
	const failed = await runUsherctl('adapter', 'check', so('acme'), wrong);
	assert.equal(failed.code, 1);
	assert.match(failed.out, /wrong\.fixture:\d+/, 'says where');
	assert.equal((await runUsherctl('adapter', 'check', so('acme'), wrong, fixture)).code, 1, 'one bad fixture is enough');
	assert.equal((await runUsherctl('adapter', 'check', so('fieldmap'))).code, 0);
	for (const bad of ['wrong-magic', 'other-major', 'newer-minor', 'missing-symbol', 'no-entry', 'init-fails', 'nothing']) {
		const r = await runUsherctl('adapter', 'check', so(bad));
		assert.equal(r.code, 1, bad);
		assert.ok((r.out + r.err).trim(), `${bad} says why`);
	}
	const run = await runUsherctl('adapter', 'run', so('misbehave'), 'map=set', 'email=a@b');
	assert.equal(run.code, 0);
	assert.match(run.out, /kept.*yes/);
	assert.match((await runUsherctl('adapter', 'run', so('misbehave'), 'map=deny_words')).out, /not_member.*Members only\./s);
});

test('watch = true reloads by itself', async () => {
	const gw = await start({ gateway: { ...plain, watch: 'true' }, tenants: { alpha: tenant('alpha', { url: null, home: null, origins: null }) } });
	const beta = tenant('beta', { url: null, home: null, origins: null });
	const answers = (status) => until(async () => (await gw.handoff('beta', user, { plain: true })).status === status, `beta to be ${status}`);
	gw.writeConf('beta', beta);
	await answers(302);
	gw.writeConf('beta', 'tenant = { slug = "beta"; enabled = false; identity = "unsigned"; };');
	await answers(404);
	fs.writeFileSync(path.join(gw.dir, 'beta'), beta);
	gw.removeConf('beta');
	fs.symlinkSync('../beta', path.join(gw.conf, 'beta.conf'));
	await answers(302);
	await gw.stop();
});

test('started as root it becomes the user that is named', { skip: process.getuid() !== 0 && 'not root' }, async () => {
	// An address that is this test's alone, for ports that only root may open.
	const address = `127.${1 + (process.pid >> 16) % 250}.${(process.pid >> 8) & 255}.${1 + process.pid % 250}`;
	const gw = new Gateway({
		gateway: { user: '"nobody"', listen: `( { url = "http://127.0.0.1:0"; }, { url = "http://${address}:80"; } )`, metrics: `"http://${address}:81"` },
		tenants: { alpha: tenant('alpha', { url: null, home: null, origins: null, redeem_secret_file: '"secret"' }) },
	});
	const nobody = Number(execFileSync('id', ['-u', 'nobody']));
	// The ready file is written as the user, too.
	fs.chownSync(gw.dir, nobody, 0);
	fs.chmodSync(gw.conf, 0o755);
	fs.writeFileSync(path.join(gw.conf, 'secret'), 'a-secret-of-enough-letters\n', { mode: 0o600 });
	fs.chownSync(path.join(gw.conf, 'secret'), nobody, 0);
	await gw.start();
	const status = fs.readFileSync(`/proc/${gw.child.pid}/status`, 'utf8');
	assert.match(status, new RegExp(`^Uid:\t${nobody}\t${nobody}\t${nobody}\t${nobody}$`, 'm'));
	assert.ok(!/^Gid:.*\b0\b/m.test(status), 'nor root\'s group');
	for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb'])
		assert.match(status, new RegExp(`^${set}:\t0+$`, 'm'), set);
	assert.match(status, /^NoNewPrivs:\t1$/m);
	for (const [port, page, want, name] of [[80, '/auth/session', 401, 'tickets.test'], [81, '/readyz', 200, 'localhost']])
		assert.equal(await new Promise((resolve, reject) => http.get({ host: address, port, path: page, headers: { Host: name }, agent: false }, (r) => { r.resume(); resolve(r.statusCode); }).on('error', reject)), want, page);
	assert.equal(fs.statSync(gw.state).uid, nobody);
	for (const name of fs.readdirSync(gw.state))
		assert.equal(fs.statSync(path.join(gw.state, name)).uid, nobody, name);
	assert.equal((await gw.handoff('alpha', user, { plain: true })).status, 302);
	// Root turns the key ring; the daemon can still read it.
	assert.equal((await gw.ctl('key', 'rotate')).code, 0);
	assert.equal((await gw.reload()).code, 0);
	await gw.stop();
	assert.equal(fs.statSync(path.join(gw.state, 'limits')).uid, nobody);
	const file = path.join(gw.conf, 'gateway.conf');
	gw.writeConf('gateway', fs.readFileSync(file, 'utf8').replace('"nobody"', '"no-such-user"'));
	const r = await runUsherd('--config', gw.conf);
	assert.equal(r.code, 1);
	assert.match(r.err, /no-such-user/);
});

test('health and metrics: on their own listener and never on the public one', async () => {
	const gw = await start({ tenants: { alpha: tenant('alpha', { desk: 'false' }) } });
	for (const page of ['/healthz', '/readyz', '/metrics']) {
		assert.equal((await get(gw.metricsPort, page)).status, 200, page);
		for (const host of ['tickets.test', 'ticket.alpha.test', 'alpha.test'])
			for (const plainly of [false, true]) {
				const r = await gw.request({ host, path: page, plain: plainly });
				assert.ok([404, 421].includes(r.status), `${host}${page} ${r.status}`);
				assert.ok(!r.text.includes('usher_'));
			}
	}
	assert.match((await get(gw.metricsPort, '/metrics')).text, /^# TYPE usher_\w+ counter$/m);
	assert.equal((await get(gw.metricsPort, '/auth/session')).status, 404, 'and nothing else there');
	await gw.stop();
});

test('usherctl(1) has each command with its arguments and options, and no other', async () => {
	const told = fs.readFileSync(path.join(top, 'gateway/man/usherctl.1'), 'utf8');
	const after = told.slice(told.indexOf('.Sh DESCRIPTION'), told.indexOf('.Sh EXIT STATUS'));
	// A command begins where an item names it, and ends where the next one does.
	const items = after.split(/^\.It (?:Xo )?Ic /m).slice(1);
	const general = new Set(['config', 'state', 'plugins', 'socket', 'json', 'strict']);
	const args = (text) => new Set(text.match(/\b[A-Z][A-Z-]*\b/g) ?? []);
	const inPage = new Map(items.map((item) => {
		const [head] = item.match(/^.*(?:\n\.(?:Fl|Op|Xc).*)*/);
		return [head.match(/^[a-z]+(?: [a-z]+)*/)[0], { head, item }];
	}));
	const inHelp = (await runUsherctl('--help')).out.split('\n').map((line) => line.match(/^ {2}([a-z]+(?: [a-z]+)*)(.*?)(?: {2}|$)/)).filter(Boolean);
	assert.ok(inHelp.length > 20);
	assert.deepEqual([...inPage.keys()].sort(), inHelp.map(([, words]) => words).sort());
	for (const [, words, rest] of inHelp) {
		const { head, item } = inPage.get(words);
		const help = (await runUsherctl(...words.split(' '), '--help')).out;
		const options = new Set((help.match(/^ {2}--[a-z-]+/gm) ?? []).map((o) => o.trim().slice(2)));
		for (const name of args(rest))
			assert.match(head, new RegExp(`\\b${name}\\b`), `${words}: ${name}`);
		// `adapter run` takes what `adapter check` does, too, and says so.
		const optionsOf = (text) => new Set([...text.matchAll(/(?:^\.(?:It )?|Op |Oo |\| )Fl -([a-z-]+)/gm)].map((m) => m[1]));
		const named = optionsOf(item);
		const shared = words === 'adapter run' ? optionsOf(inPage.get('adapter check').item) : new Set();
		for (const option of options)
			assert.ok(named.has(option) || shared.has(option), `${words} --${option} is not in the page`);
		for (const option of [...named].filter((o) => !general.has(o)))
			assert.ok(options.has(option), `${words} has no --${option}`);
		// What stands behind an option is the option's.
		for (const name of args(head.replace(/Fl -[a-z-]+ Ar [A-Z]+(?: \| Fl -[a-z-]+ Ar [A-Z]+)*(?: ?[:=|] ?(?:Ns )?(?:Ar )?[A-Z]+|:[A-Z]+)*/g, '').replace(/\b[OX][pocP]\b/g, '')))
			assert.match(rest, new RegExp(`\\b${name}\\b`), `${words} takes no ${name}`);
	}
});
