// A gateway that is started as root and becomes another user: its adapters still
// have users of their own, from a spawner, and nothing of it stays behind.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { build, Gateway, runUsherd, start, tenant, until } from './harness.mjs';

const skip = process.getuid() !== 0 && 'needs root, to start as root';
const FIRST = 0x7d000000, COUNT = 128 * 8192, BLOCK = 8192;
const person = { email: 'user@example.com', name: 'John Doe' };
const adapter = (module, more = '') => ({ url: null, home: null, origins: null, adapter: `{ module = "${module}"; ${more} }` });
const nobody = skip ? 0 : Number(execFileSync('id', ['-u', 'nobody']));

/** One that has become nobody; not yet started. */
function asNobody(options = {}) {
	const gw = new Gateway({
		tenants: {
			alpha: tenant('alpha', adapter('misbehave.so')),
			beta: tenant('beta', adapter('hostile.so')),
			gamma: tenant('gamma', { url: null, home: null, origins: null }),
		},
		...options,
		gateway: { listen: '( { url = "http://127.0.0.1:0"; } )', user: '"nobody"', ...options.gateway },
	});
	fs.chownSync(gw.dir, nobody, 0);
	fs.chmodSync(gw.conf, 0o755);
	return gw;
}

function status(pid) {
	try {
		const lines = fs.readFileSync(`/proc/${pid}/status`, 'utf8').trim().split('\n');
		return Object.fromEntries(lines.map((l) => [l.slice(0, l.indexOf(':')), l.slice(l.indexOf(':') + 1).trim()]));
	} catch {
		return {};
	}
}
// One read: between two the process may have gone.
const alive = (pid) => /^[^Z]/.test(status(pid).State ?? '');
const children = (pid) => fs.readdirSync('/proc').filter((p) => /^\d+$/.test(p) && status(p).PPid === String(pid)).map(Number);
const uidOf = (pid) => Number(status(pid).Uid?.split('\t')[0]);
/** The first user of the block that a process's is in. */
const firstOf = (pid) => uidOf(pid) - (uidOf(pid) - FIRST) % BLOCK;
/** { spawner, adapters } of a gateway. */
function family(gw) {
	const spawners = children(gw.child.pid);
	assert.equal(spawners.length, 1, 'the gateway has one child');
	return { spawner: spawners[0], adapters: children(spawners[0]) };
}
const handoff = (gw, slug, more = {}) => gw.handoff(slug, { ...person, ...more }, { plain: true });
const serves = (gw, slug) => until(async () => (await handoff(gw, slug)).status === 302, `${slug} to serve`);
const processOf = async (gw, slug) => JSON.parse((await gw.ctl('--json', 'tenants')).out).find((t) => t.slug === slug).adapter.pid;

let gw;
before(async () => {
	if (!skip)
		gw = await asNobody().start();
});
after(() => gw?.stop());

test('the gateway is nobody, and each adapter is a user of its own', { skip }, async () => {
	assert.equal(status(gw.child.pid).Uid, Array(4).fill(nobody).join('\t'));
	assert.equal(BigInt('0x' + status(gw.child.pid).CapEff), 0n);
	const { adapters } = family(gw);
	assert.equal(adapters.length, 2);
	assert.equal(new Set(adapters.map(uidOf)).size, 2);
	for (const pid of adapters) {
		const s = status(pid), uid = uidOf(pid);
		assert.ok(uid > FIRST && uid < FIRST + COUNT, s.Uid);
		assert.equal(firstOf(pid), uidOf(family(gw).spawner), 'of the spawner\'s block');
		assert.equal(s.Uid, Array(4).fill(uid).join('\t'));
		assert.equal(s.Gid, s.Uid);
		assert.equal(s.Groups, '');
		for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb'])
			assert.equal(BigInt('0x' + s[set]), 0n, set);
		assert.equal(s.NoNewPrivs, '1');
		assert.equal(s.Seccomp, '2');
		assert.equal(Number(s.Seccomp_filters), Number(status(gw.child.pid).Seccomp_filters) + 4, 'the spawner\'s, and three');
		assert.equal(s.Name, 'usher-adapter');
		assert.deepEqual(fs.readdirSync(`/proc/${pid}/fd`).sort(), ['0', '1', '2', '3']);
		assert.equal(fs.readFileSync(`/proc/${pid}/environ`, 'utf8'), '');
	}
	assert.equal((await handoff(gw, 'alpha')).status, 302);
	assert.equal((await handoff(gw, 'beta', { sin: 'sign' })).status, 502, 'it has no such secret');
});

test('the spawner is not root and has three capabilities', { skip }, () => {
	const { spawner } = family(gw);
	const s = status(spawner);
	assert.equal(s.Name, 'usher-spawner');
	assert.equal(s.Uid, Array(4).fill(uidOf(spawner)).join('\t'));
	assert.equal(firstOf(spawner), uidOf(spawner), 'the first of its block');
	assert.equal(s.Gid, s.Uid);
	assert.equal(s.Groups, '');
	const kill = 1n << 5n, setgid = 1n << 6n, setuid = 1n << 7n;
	for (const set of ['CapPrm', 'CapEff'])
		assert.equal(BigInt('0x' + s[set]), kill | setgid | setuid, set);
	for (const set of ['CapInh', 'CapAmb'])
		assert.equal(BigInt('0x' + s[set]), 0n, set);
	assert.equal(s.NoNewPrivs, '1');
	assert.equal(s.Seccomp, '2');
	assert.equal(fs.statSync(`/proc/${spawner}/mem`).uid, 0, 'not dumpable');
	assert.equal(fs.readFileSync(`/proc/${spawner}/environ`, 'utf8'), '');
	const held = fs.readdirSync(`/proc/${spawner}/fd`).map((fd) => fs.readlinkSync(`/proc/${spawner}/fd/${fd}`));
	assert.equal(held.length, 6, held.join(', '));
	assert.equal(held.filter((f) => f === '/dev/null').length, 3);
	assert.equal(held.filter((f) => f === path.join(build, 'gateway/usher-adapter-host')).length, 1);
	assert.equal(held.filter((f) => f.startsWith('socket:')).length, 1);
	assert.equal(held.filter((f) => f === '/run/usher-uids').length, 1);
});

test('gateways beside each other share no user', { skip }, async () => {
	const second = await asNobody().start();
	const root = await start({ tenants: { alpha: tenant('alpha', adapter('misbehave.so')) }, gateway: { listen: '( { url = "http://127.0.0.1:0"; } )' } });
	try {
		const blocks = [gw, second].map((g) => {
			const { spawner, adapters } = family(g);
			assert.equal(adapters.length, 2);
			for (const pid of adapters)
				assert.equal(firstOf(pid), uidOf(spawner));
			return uidOf(spawner);
		});
		const [lone] = children(root.child.pid);
		assert.ok(uidOf(lone) > FIRST && uidOf(lone) < FIRST + COUNT, String(uidOf(lone)));
		blocks.push(firstOf(lone));
		assert.equal(new Set(blocks).size, 3, blocks.join(', '));
	} finally {
		await root.stop();
		await second.stop();
	}
	assert.equal((await handoff(gw, 'alpha')).status, 302);
});

test('one that hangs is killed, and is back as the same user', { skip }, async () => {
	gw.writeConf('beta', tenant('beta', adapter('hostile.so', 'deadline_ms = 1000;')));
	assert.equal((await gw.reload()).code, 0);
	const before = await processOf(gw, 'beta'), uid = uidOf(before);
	assert.equal((await handoff(gw, 'beta', { sin: 'hang' })).status, 504);
	await until(() => !alive(before), 'it to be killed');
	await serves(gw, 'beta');
	const now = await processOf(gw, 'beta');
	assert.notEqual(now, before);
	assert.equal(uidOf(now), uid);
	assert.equal((await handoff(gw, 'alpha')).status, 302);
	await gw.logs((l) => l.includes('"adapter_process_failed"') && l.includes('it hung in a call'));
});

test('how one ended is told as ever', { skip }, async () => {
	// Its end is what is looked at, not its deadline.
	gw.writeConf('beta', tenant('beta', adapter('hostile.so')));
	assert.equal((await gw.reload()).code, 0);
	await serves(gw, 'beta');
	assert.equal((await handoff(gw, 'beta', { sin: 'fork' })).status, 502);
	await gw.logs((l) => l.includes('signal 31'), 'the log to say so');
	await serves(gw, 'beta');
});

test('a reload starts the new one as another user, then ends the old one', { skip }, async () => {
	const before = await processOf(gw, 'alpha'), uid = uidOf(before);
	gw.writeConf('alpha', tenant('alpha', adapter('misbehave.so', 'config = { a = "b"; };')));
	assert.equal((await gw.reload()).code, 0);
	const now = await processOf(gw, 'alpha');
	assert.notEqual(now, before);
	assert.notEqual(uidOf(now), uid);
	await until(() => !alive(before), 'the old one to end');
	assert.equal((await handoff(gw, 'alpha')).status, 302);
	assert.equal(family(gw).adapters.length, 2);
});

test('one that cannot start keeps the old one', { skip }, async () => {
	const before = await processOf(gw, 'alpha');
	gw.writeConf('alpha', tenant('alpha', adapter('hostile.so', 'config = { sin = "fork"; };')));
	await gw.reload();
	assert.equal(await processOf(gw, 'alpha'), before);
	assert.equal((await handoff(gw, 'alpha')).status, 302);
	gw.writeConf('alpha', tenant('alpha', adapter('misbehave.so', 'config = { a = "b"; };')));
	assert.equal((await gw.reload()).code, 0);
});

test('a signal to all processes of the service is for the gateway alone', { skip }, async () => {
	const { spawner, adapters } = family(gw);
	for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'])
		for (const pid of [spawner, ...adapters])
			process.kill(pid, signal);
	for (const slug of ['alpha', 'beta'])
		assert.equal((await handoff(gw, slug)).status, 302);
	assert.deepEqual(family(gw), { spawner, adapters });
});

test('kill -9 of the gateway leaves neither spawner nor adapter', { skip }, async () => {
	const other = await asNobody().start();
	const { spawner, adapters } = family(other);
	const hanging = await processOf(other, 'beta');
	assert.ok(adapters.includes(hanging));
	/* One that hangs does not see that its channel was closed. */
	handoff(other, 'beta', { sin: 'hang' }).catch(() => {});
	await until(() => status(hanging).State?.startsWith('R'), 'the adapter to hang');
	await other.kill();
	await until(() => ![spawner, ...adapters].some(alive), 'all of them to end');
});

test('kill -9 of the spawner ends the adapters and nothing else', { skip }, async () => {
	const other = await asNobody().start();
	const { spawner, adapters } = family(other);
	const hanging = await processOf(other, 'beta');
	const hung = handoff(other, 'beta', { sin: 'hang' });
	await until(() => status(hanging).State?.startsWith('R'), 'the adapter to hang');
	process.kill(spawner, 'SIGKILL');
	await until(() => !adapters.some(alive), 'the adapters to end');
	assert.equal((await hung).status, 502);
	assert.ok([502, 503].includes((await handoff(other, 'alpha')).status));
	assert.equal((await handoff(other, 'gamma')).status, 302);
	await until(() => other.log.some((l) => l.includes('the spawner of adapters has ended')), 'the log to say why');
	await other.stop();
});

test('a spawner that is lost is told everywhere, with the remedy', { skip }, async () => {
	const other = await asNobody().start();
	const { spawner } = family(other);
	const problem = async () => JSON.parse((await other.ctl('--json', 'status')).out).spawner_problem;
	assert.equal(await problem(), '');
	assert.doesNotMatch((await other.ctl('status')).out, /NO ADAPTER/);
	assert.match(await other.metrics(), /^usher_adapter_spawner_up 1$/m);
	process.kill(spawner, 'SIGKILL');
	await until(async () => (await problem()) !== '', 'the gateway to find out');
	assert.match(await problem(), /the spawner of adapters has ended; restart the gateway/);
	assert.match((await other.ctl('status')).out, /^NO ADAPTER CAN BE STARTED until the gateway is restarted: /m);
	assert.match(await other.metrics(), /^usher_adapter_spawner_up 0$/m);
	await until(() => other.log.some((l) => l.includes('"spawner"') && l.includes('"remedy"')), 'the log to say so');
	/* Once; what follows is of each tenant. */
	assert.equal(other.log.filter((l) => l.includes('"event":"spawner"')).length, 1);
	for (const slug of ['alpha', 'beta'])
		await until(async () => {
			const r = await handoff(other, slug);
			assert.ok([502, 503].includes(r.status), `${r.status}`);
			return r.status === 503 && Number(r.headers['retry-after']) >= 1;
		}, `${slug} to be refused with 503`);
	/* A new configuration does not help, says why, and harms nobody else. */
	other.writeConf('alpha', tenant('alpha', adapter('misbehave.so', 'config = { a = "b"; };')));
	const r = await other.reload();
	assert.equal(r.code, 1);
	assert.match(r.out + r.err, /the spawner of adapters has ended; restart the gateway/);
	assert.equal((await handoff(other, 'alpha')).status, 503);
	assert.equal((await handoff(other, 'gamma')).status, 302);
	await other.stop();
});

test('a spawner that was stopped keeps nobody from ending', { skip }, async () => {
	const other = await asNobody().start();
	const { spawner, adapters } = family(other);
	process.kill(spawner, 'SIGSTOP');
	try {
		await other.stop();
		assert.ok(!adapters.some(alive));
	} finally {
		process.kill(spawner, 'SIGCONT');
	}
	await until(() => !alive(spawner), 'the spawner to end');
});

test('a stop leaves nothing', { skip }, async () => {
	const other = await asNobody().start();
	const { spawner, adapters } = family(other);
	assert.equal(adapters.length, 2);
	await other.stop();
	for (const pid of [spawner, ...adapters])
		assert.ok(!alive(pid), `${pid} is there`);
});

test('without a spawner no adapter starts, and the other tenants do', { skip }, async () => {
	const cases = [
		[{ env: { USHER_ADAPTER_HOST: '/nonexistent/host' } }, /cannot be started: \/nonexistent\/host: No such file/],
		[{ env: { USHER_ADAPTER_HOST: '/bin/true' } }, /not of this gateway's version/],
		[{ through: ['setpriv', '--bounding-set=-kill'] }, /CAP_KILL are needed/],
	];
	for (const [options, why] of cases) {
		const other = await asNobody(options).start();
		assert.equal((await handoff(other, 'gamma')).status, 302);
		assert.notEqual((await handoff(other, 'alpha')).status, 302);
		for (const line of [/"spawner"/, /"tenant":"alpha"/])
			await other.logs((l) => line.test(l) && why.test(l), why);
		assert.deepEqual(children(other.child.pid), []);
		await other.stop();
	}
});

/** Root of a user namespace of 65536 ids, as in a container of an ordinary user. */
const inNamespace = ['sh', '-c', `
	(for map in uid_map gid_map; do
		until printf '0 0 65536' >/proc/$$/$map; do sleep 0.01; done
	done) 2>/dev/null &
	exec unshare --user sh -c 'until grep -q 65536 /proc/$$/gid_map && grep -q "^ *0 .* 65536$" /proc/$$/uid_map; do sleep 0.01; done; exec "$@"' sh "$@"`, 'sh'];
function noNamespace() {
	try {
		execFileSync('unshare', ['--user', 'true'], { stdio: 'ignore' });
		return false;
	} catch {
		return 'no user namespaces here';
	}
}

test('where a user namespace has few ids, adapters have users from those', { skip: skip || noNamespace() }, async () => {
	const other = await asNobody({ through: inNamespace }).start();
	const { spawner, adapters } = family(other);
	assert.equal(uidOf(spawner), 61440);
	assert.equal(adapters.length, 2);
	for (const pid of adapters)
		assert.ok(uidOf(pid) > 61440 && uidOf(pid) <= 63487, String(uidOf(pid)));
	assert.equal((await handoff(other, 'alpha')).status, 302);
	await other.stop();
});

test('--check looks with the eyes of the user, and with adapters as they would run', { skip }, async () => {
	const other = asNobody();
	fs.mkdirSync(other.state);
	assert.equal((await runUsherd('--config', other.conf, '--check')).code, 0);
	assert.equal(fs.statSync(other.state).uid, 0, 'nothing is changed');
	fs.writeFileSync(path.join(other.conf, 'secret'), 'a-secret-of-enough-letters\n', { mode: 0o600 });
	other.writeConf('gamma', tenant('gamma', { url: null, home: null, origins: null, redeem_secret_file: '"secret"' }));
	const r = await runUsherd('--config', other.conf, '--check');
	assert.equal(r.code, 1);
	assert.match(r.out, /let the gateway's user read it/);
});

test('root is not a user to become', { skip }, async () => {
	const other = asNobody({ gateway: { user: '"root"' } });
	const r = await runUsherd('--config', other.conf, '--foreground');
	assert.equal(r.code, 1);
	assert.match(r.err, /"setting":"user","problem":"is root, which has root's rights"/);
});
