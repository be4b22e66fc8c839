// What operators get wrong is told by the first thing that they look at: --check, the
// start, a reload, `usherctl status`. Each mistake is planted, and all of them say it in
// the same words, as they ask the same code; what a check calls an error no start passes, but for a tenant's.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { Gateway, certificate, collectAdapters, runUsherctl, runUsherd, start, temporary, tenant } from './harness.mjs';

const isRoot = process.getuid() === 0;
const { cert, key } = certificate();
const pems = temporary('pems');
const pem = (name) => path.join(pems, name);
const openssl = (...args) => execFileSync('openssl', args, { stdio: 'pipe' });

openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', pem('other.key'));
openssl('pkcs8', '-topk8', '-in', key, '-out', pem('locked.key'), '-passout', 'pass:secret');
fs.writeFileSync(pem('empty.pem'), '');
function issue(name, days, names) {
	openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', String(days), '-subj', '/CN=test',
		'-keyout', pem(`${name}.key`), '-out', pem(`${name}.pem`), ...(names ? ['-addext', `subjectAltName=${names}`] : []));
}
issue('soon', 10, 'DNS:tickets.test,DNS:ticket.alpha.test');
issue('foreign', 90, 'DNS:elsewhere.test');

const plugins = collectAdapters(temporary('plugins'));
const settings = { metrics: null, listen: `( { url = "https://127.0.0.1:0"; certificate = "${cert}"; key = "${key}"; } )` };
const make = (more = {}) => ({ plugins, gateway: settings, tenants: { alpha: tenant('alpha') }, ...more });

/** Other words in the gateway's file. */
function edit(gw, from, to) {
	const file = path.join(gw.conf, 'gateway.conf');
	const before = fs.readFileSync(file, 'utf8');
	assert.ok(before.includes(from), from);
	gw.writeConf('gateway', before.replace(from, to));
}
const certify = (gw, c, k) => edit(gw, `certificate = "${cert}"; key = "${key}"`, `certificate = "${c}"; key = "${k}"`);
const add = (gw, setting) => edit(gw, 'gateway = {', `gateway = { ${setting}`);
const ringOf = (gw) => path.join(gw.state, 'keyring');
/** With a key ring in it, as after a first start. */
async function makeState(gw) {
	if (!fs.existsSync(gw.state))
		fs.mkdirSync(gw.state, { mode: 0o700 });
	if (!fs.existsSync(ringOf(gw)))
		assert.equal((await gw.ctl('key', 'new')).code, 0);
}

// level: what a check calls it. begins: a start gets past it. reload: what a reload makes of
// it; 'warning' where it does not end a gateway that is up but the next start, null: it has
// no part in it.
const mistakes = {
	'the key of another certificate': {
		plant: (gw) => certify(gw, cert, pem('other.key')), level: 'error', begins: false, reload: 'refused',
		says: /gateway\.conf:\d+: error: listen\[0\]\.key names .*other\.key: is not the key of its certificate; name the two/,
	},
	'certificate and key swapped': {
		plant: (gw) => certify(gw, key, cert), level: 'error', begins: false, reload: 'refused',
		says: /listen\[0\]\.certificate names .*key\.pem: holds a private key and no certificate; .*swapped/,
	},
	'a key with a pass-phrase': {
		plant: (gw) => certify(gw, cert, pem('locked.key')), level: 'error', begins: false, reload: 'refused',
		says: /listen\[0\]\.key names .*locked\.key: .*has a passphrase/,
	},
	'an empty certificate': {
		plant: (gw) => certify(gw, pem('empty.pem'), key), level: 'error', begins: false, reload: 'refused',
		says: /listen\[0\]\.certificate names .*empty\.pem: .*certificate first/,
	},
	"a tenant's key of another certificate": {
		plant: (gw) => gw.writeConf('alpha', tenant('alpha', { certificate: `"${cert}"`, key: `"${pem('other.key')}"` })),
		level: 'error', begins: true, reload: 'flawed',
		says: /alpha\.conf:\d+: error: tenant alpha: key names .*other\.key: is not the key of its certificate \(the listener's certificate serves\)/,
	},
	'a certificate that expires': {
		plant: (gw) => certify(gw, pem('soon.pem'), pem('soon.key')), level: 'warning', begins: true, reload: 'same',
		says: /gateway\.conf:\d+: warning: listen\[0\]\.certificate names .*soon\.pem, which expires in 9 days; renew it/,
	},
	"a certificate that is not for the gateway's host": {
		plant: (gw) => certify(gw, pem('foreign.pem'), pem('foreign.key')), level: 'warning', begins: true, reload: 'same',
		says: /gateway\.conf:\d+: warning: public_url has a host that the certificate .*foreign\.pem is not for: browsers refuse it/,
	},
	"a certificate that is not for a tenant's host": {
		plant: (gw) => gw.writeConf('alpha', tenant('alpha', { url: '"https://desk.nowhere.test"' })), level: 'warning', begins: true, reload: 'same',
		says: /alpha\.conf:\d+: warning: tenant alpha: url has a host that the certificate .* is not for: browsers refuse it; .*certificate and key of its own/,
	},
	'a key ring that others may read': {
		plant: async (gw) => { await makeState(gw); fs.chmodSync(ringOf(gw), 0o644); }, level: 'error', begins: false, reload: 'refused',
		says: /keyring: error: its mode is 0644: the group or others may use it; make it 0600; chmod 600 it/,
	},
	'a key ring that is empty': {
		plant: async (gw) => { await makeState(gw); fs.truncateSync(ringOf(gw), 0); }, level: 'error', begins: false, reload: 'refused',
		says: /keyring: error: line 1: not a key ring.*restore the key ring from its backup/,
	},
	'a state directory that cannot be made': {
		plant: (gw) => edit(gw, JSON.stringify(gw.state), '"/nowhere/at/all"'), level: 'error', begins: false, reload: 'warning',
		says: /gateway\.conf:\d+: error: state is \/nowhere\/at\/all, which is not there and cannot be made/,
	},
	'a state directory that is a file': {
		plant: (gw) => { edit(gw, JSON.stringify(gw.state), JSON.stringify(pem('empty.pem'))); }, level: 'error', begins: false, reload: 'warning',
		says: /state is .*empty\.pem, which is no directory/,
	},
	'a state directory that others may write to': {
		plant: async (gw) => { await makeState(gw); fs.chmodSync(gw.state, 0o777); }, level: 'warning', begins: true, reload: 'same',
		says: /state is .*, which others may write to \(mode 0777\); chmod go-w it/,
	},
	'a state directory with files of another user': {
		isRoots: true,
		plant: async (gw) => {
			add(gw, 'user = "nobody";');
			fs.chmodSync(gw.dir, 0o755);
			await makeState(gw);
			fs.writeFileSync(path.join(gw.state, 'usher.db'), '', { mode: 0o600 });
		},
		level: 'error', begins: false, reload: null,
		says: /error: state has a file .*usher\.db of user 0 \(mode 0600\), which user \d+ may not use; chown/,
	},
	'a state directory that root reaches and its user does not': {
		isRoots: true,
		plant: (gw) => {
			add(gw, 'user = "nobody";');
			fs.chmodSync(gw.dir, 0o700);
		},
		level: 'error', begins: false, reload: null,
		says: /error: state names .*state, and user \d+ may not pass .* \(mode 0700\); let the gateway's user pass/,
	},
	'a user that is not there': {
		isRoots: true, plant: (gw) => add(gw, 'user = "no-such-user-here";'), level: 'error', begins: false, reload: 'warning',
		says: /gateway\.conf:1: error: user is no-such-user-here, and there is no such user; make it/,
	},
	'a user that is root': {
		isRoots: true, plant: (gw) => add(gw, 'user = "root";'), level: 'error', begins: false, reload: 'warning',
		says: /error: user is root, which has root's rights; name one/,
	},
	'root without a user': {
		isRoots: true, plant: () => {}, level: 'warning', begins: true, reload: 'same',
		says: /gateway\.conf: warning: user is not set: the gateway was started as root, and stays root; make one/,
	},
	'a socket in a directory that is not there': {
		plant: (gw) => add(gw, 'admin = "unix:/nowhere/admin.sock";'), level: 'error', begins: false, reload: 'warning',
		says: /gateway\.conf:1: error: admin names \/nowhere\/admin\.sock, whose directory cannot be used: No such file/,
	},
	'a log in a directory that is not there': {
		plant: (gw) => edit(gw, 'log = {', 'log = { file = "/nowhere/usher.log";'), level: 'error', begins: false, reload: 'warning',
		says: /error: log\.file names \/nowhere\/usher\.log, whose directory cannot be used: No such file.*leave log\.file out/,
	},
	'no tenant at all': {
		plant: (gw) => gw.removeConf('alpha'), level: 'warning', begins: true, reload: 'same',
		says: /conf\.d: warning: holds no tenant: nobody can sign in; write one/,
	},
	'a file of another ending': {
		plant: (gw) => fs.writeFileSync(path.join(gw.conf, 'beta.cfg'), tenant('beta')), level: 'warning', begins: true, reload: 'same',
		says: /beta\.cfg: warning: is not read; only \*\.conf is/,
	},
};

const findings = (text) => text.split('\n').filter((l) => /: (error|warning|note): /.test(l)).map((l) => l.replace(/^usherctl: reload: /, ''));
/** The findings of a log, as they are printed elsewhere. */
function logged(lines) {
	const levels = { error: 'error', warn: 'warning', info: 'note' };
	return lines.filter((l) => l.includes('"config_finding"')).map((l) => JSON.parse(l)).map((e) =>
		`${e.file}${e.line ? `:${e.line}` : ''}: ${levels[e.level]}: ${e.tenant ? `tenant ${e.tenant}: ` : ''}${e.setting ? `${e.setting} ` : ''}${e.problem}${e.remedy ? `; ${e.remedy}` : ''}`);
}
/** Directories differ from gateway to gateway. */
const same = (gw, lines) => lines.map((l) => l.replaceAll(gw.dir, 'DIR'));
const tree = (dir) => (fs.existsSync(dir) ? fs.readdirSync(dir, { recursive: true }).sort() : null);

for (const [name, m] of Object.entries(mistakes)) {
	test(name, { skip: m.isRoots && !isRoot && 'only root can make this mistake' }, async () => {
		const gw = new Gateway(make());
		await m.plant(gw);
		const before = tree(gw.dir);
		const check = await runUsherd('--config', gw.conf, '--check');
		assert.deepEqual(tree(gw.dir), before, 'a check makes nothing');
		assert.equal(check.code, m.level === 'error' ? 1 : 0, check.out + check.err);
		const found = findings(check.out).filter((l) => m.says.test(l));
		assert.equal(found.length, 1, check.out + check.err);
		const [line] = found, [plain] = same(gw, found);
		assert.ok(line.includes(`: ${m.level}: `));
		const console = findings((await gw.ctl('check')).out);
		assert.ok(console.includes(line), `usherctl check: ${console.join('\n')}`);

		if (m.begins) {
			await gw.start();
			await gw.logs((l) => logged([l]).includes(line), `the log to say: ${line}`);
			assert.ok(findings((await gw.ctl('status')).out).includes(line), 'status');
			await gw.stop();
		} else {
			const begun = await runUsherd('--config', gw.conf, '--foreground');
			assert.equal(begun.code, 1, 'no start passes what a check calls an error');
			assert.ok(logged(begun.err.split('\n')).includes(line), begun.err);
		}

		if (!m.reload)
			return;
		const up = await start(make());
		const socket = ['--socket', path.join(up.state, 'admin.sock')];
		await m.plant(up);
		const reload = await runUsherctl(...socket, 'reload');
		const want = m.reload === 'warning' ? plain.replace(': error: ', ': warning: ') : plain;
		assert.ok(same(up, findings(reload.out + reload.err)).includes(want), `${want}\n${reload.out}${reload.err}`);
		assert.equal(reload.code, ['refused', 'flawed'].includes(m.reload) ? 1 : 0);
		const status = await runUsherctl(...socket, 'status');
		assert.ok(same(up, findings(status.out)).includes(want), status.out);
		assert.equal(status.out.includes('1 reload refused since the start'), m.reload === 'refused');
		assert.equal(status.code, 0, 'it serves on');
		await up.stop();
	});
}

test('a port in use is a note of a check, and the reason of a start that fails', async () => {
	const taken = http.createServer();
	await new Promise((resolve) => taken.listen(0, '127.0.0.1', resolve));
	const port = taken.address().port;
	const gw = new Gateway(make({ gateway: { ...settings, listen: `( { url = "http://127.0.0.1:${port}"; } )` } }));
	const check = await runUsherd('--config', gw.conf, '--check');
	assert.equal(check.code, 0, check.out);
	const [, problem] = check.out.match(/gateway\.conf:\d+: note: (listener http:\/\/127\.0\.0\.1:\d+: Address already in use; another program listens there.*)/);
	const begun = await runUsherd('--config', gw.conf, '--foreground');
	assert.equal(begun.code, 1);
	const event = begun.err.split('\n').find((l) => l.includes('"not_listening"'));
	assert.equal(JSON.parse(event).problem, problem);
	// The check let go of what was free: who listens then is not in its way.
	await new Promise((resolve) => taken.close(resolve));
	assert.doesNotMatch((await runUsherd('--config', gw.conf, '--check')).out, /already in use/);
	await new Promise((resolve) => taken.listen(port, '127.0.0.1', resolve));
	await new Promise((resolve) => taken.close(resolve));
});

test('ports in use are told apart: those that this gateway has are no note', async () => {
	const gw = await start(make({ gateway: { listen: settings.listen } }));
	const [at, metrics] = ['public', 'metrics'].map((f) => gw.addresses.find((a) => a.for === f).url);
	assert.ok(at && metrics);
	const taken = http.createServer();
	await new Promise((resolve) => taken.listen(0, '127.0.0.1', resolve));
	const notes = async () => {
		const answers = [await runUsherd('--config', gw.conf, '--check'), await runUsherctl('--config', gw.conf, 'check')];
		for (const a of answers)
			assert.equal(a.code, 0, a.out + a.err);
		const [check, ...same] = answers.map((a) => findings(a.out).filter((l) => l.includes('listener ')));
		assert.deepEqual(same, [check]);
		return check;
	};
	assert.match((await gw.ctl('status')).out, new RegExp(`\nlistening: ${at}, ${metrics} \\(metrics\\)\n`));
	// The ports that it got, named.
	const file = path.join(gw.conf, 'gateway.conf');
	const here = fs.readFileSync(file, 'utf8').replace('https://127.0.0.1:0', at).replace('http://127.0.0.1:0', metrics);
	gw.writeConf('gateway', here);
	assert.deepEqual(await notes(), []);
	// Somebody else's beside them, which it does not answer for.
	const other = `http://127.0.0.1:${taken.address().port}`;
	gw.writeConf('gateway', here.replace(metrics, other));
	const [note, ...more] = await notes();
	assert.ok(note.includes(`note: listener ${other}: Address already in use; another program listens there: stop it`), note);
	assert.deepEqual(more, []);
	// Its port at an address that holds its own: a restart will tell.
	const wide = at.replace('127.0.0.1', '0.0.0.0');
	gw.writeConf('gateway', here.replace(at, wide));
	const [part, ...none] = await notes();
	assert.ok(part.includes(`note: listener ${wide}: in use by the running gateway, which listens at 127.0.0.1 port ${new URL(at).port} until its restart`), part);
	assert.deepEqual(none, []);
	// Another gateway's configuration: this one is a stranger there.
	gw.writeConf('gateway', here.replaceAll(gw.state, temporary('elsewhere')));
	assert.equal((await notes()).filter((l) => l.includes('another program listens there')).length, 2);
	// Who answers at the socket, but does not tell: neither is said for sure.
	gw.writeConf('gateway', here);
	await gw.stop();
	const mute = net.createServer((c) => c.on('error', () => {}).resume().end('error no such command\n'));
	const socket = path.join(gw.state, 'admin.sock');
	fs.rmSync(socket, { force: true });
	await new Promise((resolve) => mute.listen(socket, resolve));
	gw.writeConf('gateway', here.replace(metrics, other));
	assert.deepEqual((await notes()).map((l) => l.replace(/^.*note: /, '')),
		[`listener ${other}: Address already in use; it may be by this gateway, which did not tell at unix:${socket}: check as its user, or as root`]);
	await new Promise((resolve) => mute.close(resolve));
	await new Promise((resolve) => taken.close(resolve));
});

test('a key ring that is gone beside a database that people are in', async () => {
	const gw = await start(make());
	await gw.signIn('alpha', { email: 'user@example.com', name: 'John Doe' });
	await gw.stop();
	fs.rmSync(ringOf(gw));
	const before = tree(gw.dir);
	const check = await runUsherd('--config', gw.conf, '--check');
	assert.equal(check.code, 1, check.out);
	assert.deepEqual(tree(gw.dir), before);
	const [, problem] = check.out.match(/keyring: error: (it is not there, but the usher\.db beside it has users or sessions; restore .*)/);
	const begun = await runUsherd('--config', gw.conf, '--foreground');
	const event = JSON.parse(begun.err.split('\n').find((l) => l.includes('"keyring_missing"')));
	assert.equal(`${event.problem}; ${event.remedy}`, problem);
});

test('status tells it as often as it is asked', async () => {
	const gw = await start(make());
	certify(gw, pem('soon.pem'), pem('soon.key'));
	await gw.reload();
	const first = findings((await gw.ctl('status')).out);
	assert.ok(first.some((l) => l.includes('which expires in 9 days')));
	for (let i = 0; i < 20; i++)
		assert.deepEqual(findings((await gw.ctl('status')).out), first);
	await gw.stop();
});

test('a good configuration has none of these, and a check is no burden on a gateway that runs', async () => {
	const gw = await start(make());
	const check = await runUsherd('--config', gw.conf, '--check');
	assert.equal(check.code, 0, check.out);
	// What the harness does is not quite what an operator should.
	const rest = findings(check.out).filter((l) => !/identity is "unsigned"|user is not set/.test(l));
	assert.deepEqual(rest, []);
	assert.equal((await gw.handoff('alpha', { email: 'user@example.com', name: 'John Doe' })).status, 302);
	await gw.stop();
});

test('500 unsigned tenants are one line, wherever it is told', async () => {
	const many = Array.from({ length: 500 }, (_, i) => `{ slug = "t${String(i).padStart(3, '0')}"; identity = "unsigned"; }`);
	const gw = new Gateway(make({ tenants: { many: `tenants = (\n${many.join(',\n')}\n);\n` } }));
	const one = /many\.conf:2: warning: tenants t000, t001, t002 and 497 more: identity is "unsigned"/;
	const about = (text) => text.split('\n').filter((l) => l.includes('unsigned'));
	const check = await runUsherd('--config', gw.conf, '--check');
	assert.equal(about(check.out).length, 1, check.out.slice(0, 2000));
	assert.match(check.out, one);
	assert.doesNotMatch(check.out, /not shown/);
	await gw.start();
	const line = JSON.parse(await gw.logs((l) => l.includes('unsigned')));
	assert.equal(line.tenant, 't000, t001, t002 and 497 more');
	assert.equal(about(gw.log.join('\n')).length, 1);
	for (const command of ['reload', 'status']) {
		const { out } = await gw.ctl(command);
		assert.equal(about(out).length, 1, out.slice(0, 2000));
		assert.match(out, one);
	}
	const json = JSON.parse((await gw.ctl('--json', 'status')).out);
	const finding = json.findings.findings.find((f) => f.problem.includes('unsigned'));
	assert.equal(finding.tenants, 500);
	assert.equal(finding.tenant, 't000');
	await gw.stop();
});

test('a console finds its gateway by files that do not hold', async () => {
	const gw = await start(make());
	const file = path.join(gw.conf, 'gateway.conf');
	const good = fs.readFileSync(file, 'utf8');
	// It parses, and no start would have it: nothing to be told of, here.
	gw.writeConf('gateway', good.replace('public_url', 'publik_url'));
	const wrong = await gw.ctl('status');
	assert.equal(wrong.code, 0, wrong.err);
	assert.equal(wrong.err, '');
	assert.match((await gw.ctl('reload')).err, /publik_url is not a known setting/);
	// It does not even parse.
	gw.writeConf('gateway', `${good}\noops`);
	for (const command of [['status'], ['tenants'], ['key', 'list'], ['crash']]) {
		const r = await gw.ctl(...command);
		assert.equal(r.code, 0, `${command}: ${r.err}`);
		assert.match(r.err, /gateway\.conf:\d+: error: .*\n.*the configuration is broken; going by what can be read of it: state .*, admin unix:/s);
	}
	const refused = await gw.ctl('reload');
	assert.equal(refused.code, 1);
	assert.match(refused.err, /usherctl: reload: .*gateway\.conf:\d+: error: /);
	// Tenants' files are none of its business.
	gw.writeConf('gateway', good);
	gw.writeConf('beta', 'tenant = { oops');
	const beta = await gw.ctl('status');
	assert.equal(beta.code, 0);
	assert.equal(beta.err, '');
	// Nothing left to go by but the socket itself.
	gw.writeConf('gateway', 'gateway = { nonsense');
	const lost = await gw.ctl('status');
	assert.equal(lost.code, 1);
	assert.match(lost.err, /gateway\.conf:1: error.*does not tell where the gateway is: name its socket with --socket PATH/s);
	// ... and no key is made or replaced in a place that is only guessed.
	for (const key of [['key', 'new', '--replace'], ['key', 'list'], ['crash']])
		assert.match((await gw.ctl(...key)).err, /does not tell where the state directory is: name it with --state/);
	assert.equal((await gw.ctl('--state', gw.state, 'status')).code, 0);
	assert.equal((await runUsherctl('--socket', path.join(gw.state, 'admin.sock'), 'status')).code, 0);
	gw.removeConf('gateway');
	const none = await gw.ctl('status');
	assert.equal(none.code, 1);
	assert.match(none.err, /no file has a gateway group.*--socket/s);
	assert.equal((await gw.handoff('alpha', { email: 'user@example.com', name: 'John Doe' })).status, 302);
	await gw.stop();
});

test('a reload says which settings wait for a restart', async () => {
	const gw = await start(make());
	const file = path.join(gw.conf, 'gateway.conf');
	const good = fs.readFileSync(file, 'utf8');
	gw.writeConf('gateway', good.replace('https://127.0.0.1:0', 'https://127.0.0.2:0').replace('gateway = {', 'gateway = { workers = 7; watch = true;'));
	for (let i = 0; i < 2; i++) {
		const reload = await gw.ctl('reload');
		assert.equal(reload.code, 0);
		assert.match(reload.out, /gateway\.conf:\d+: warning: listen, watch, workers: changed since the start, and read at a start only; restart the gateway/);
	}
	const told = async () => (await gw.ctl('status')).out.match(/.*listen, watch, workers.*/g);
	const isFinding = async () => (await told()).map((line) => line.includes('warning: listen, watch, workers: changed'));
	assert.deepEqual(await isFinding(), [true]);
	assert.equal(JSON.parse((await gw.ctl('--json', 'status')).out).restart_needed, 'listen, watch, workers');
	const changed = fs.readFileSync(file, 'utf8');
	gw.writeConf('gateway', changed.replace('gateway = {', 'gateway = { banana = 1;'));
	assert.equal((await gw.ctl('reload')).code, 1);
	assert.deepEqual(await told(), ['a restart is needed for: listen, watch, workers']);
	gw.writeConf('gateway', changed);
	assert.equal((await gw.ctl('reload')).code, 0);
	assert.deepEqual(await isFinding(), [true]);
	gw.writeConf('gateway', good);
	assert.doesNotMatch((await gw.ctl('reload')).out, /restart/);
	assert.equal(JSON.parse((await gw.ctl('--json', 'status')).out).restart_needed, '');
	await gw.stop();
});
