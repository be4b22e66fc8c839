// The benchmarks run: each program of bench/ over as little as it takes. What
// they count is asserted, never how long it took.
import assert from 'node:assert/strict';
import { execFile, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { build, start, temporary, tenant, top } from './harness.mjs';

const has = (program) => spawnSync('sh', ['-c', `PATH=$PATH:/usr/sbin; command -v ${program}`]).status === 0;
const isPlain = !process.env.USHER_SANITIZERS || process.env.USHER_SANITIZERS === 'no';
const missing = (...programs) => programs.find((p) => !has(p)) && `${programs.find((p) => !has(p))} is not installed`;

/** Any program to its end: { code, out, err }. */
const run = (program, args, env = {}) => new Promise((resolve) =>
	execFile(program, args, { env: { ...process.env, ...env }, cwd: temporary('bench-run'), maxBuffer: 1 << 24 }, (error, out, err) =>
		resolve({ code: error ? error.code ?? error.signal : 0, out, err })));
const bench = (name, ...args) => run(path.join(build, 'tests/bench', name), args);
const script = (name, args, env) => run(process.execPath, [path.join(top, 'tests/bench', name), ...args], { USHER_BUILD: build, ROUNDS: '1', SECONDS: '1', CONNECTIONS: '2', ...env });

test('store: each case does its jobs, and none fails', async () => {
	const dir = temporary('bench-store');
	const { code, out, err } = await bench('store', 'users=300', 'jobs=200', `dir=${dir}`);
	assert.equal(code, 0, out + err);
	const rows = [...out.matchAll(/^(\S+) +(\d+) waiting +(\d+) jobs .*? ([\d.]+) frames .*\(failed (\d+)\)$/gm)];
	const cases = ['arrival', 'unchanged', 'session', 'session+audit', 'ticket'];
	assert.deepEqual(rows.map((r) => `${r[1]} ${r[2]} ${r[3]} ${r[5]}`),
		cases.flatMap((c) => [16, 64, 256].map((waiting) => `${c} ${waiting} 200 0`)), out);
	for (const row of rows)
		assert.ok(Number(row[4]) > 0, `nothing was written: ${row[0]}`);
	assert.equal([...out.matchAll(/^(list of 50|one ticket).*\(failed 0\)$/gm)].length, 4, out);
	assert.match(out, /^users_unsigned +\d+ pages/m);
	assert.deepEqual(fs.readdirSync(dir), [], 'it leaves nothing behind');
});

test('store: one case alone, with another cache and size of a page; its help', async () => {
	const { code, out } = await bench('store', 'users=50', 'jobs=20', 'waiting=4', 'case=session', 'cache=200', 'page=1024', `dir=${temporary('bench-store')}`);
	assert.equal(code, 0, out);
	assert.deepEqual([...out.matchAll(/^(\S+) +(\d+) waiting +(\d+) jobs/gm)].map((m) => m.slice(1).join(' ')), ['session 4 20']);
	const help = await bench('store', '--help');
	assert.equal(help.code, 0);
	for (const word of ['users=', 'jobs=', 'case=', 'session+audit'])
		assert.ok(help.out.includes(word), word);
	for (const bad of ['users=1', 'case=nothing', 'what=1'])
		assert.equal((await bench('store', bad)).code, 2, bad);
});

test('full: sessions are read back, expired tokens are swept', async () => {
	const sessions = await bench('full', 'sessions=400', 'users=0', `dir=${temporary('bench-full')}`);
	assert.equal(sessions.code, 0, sessions.err);
	assert.match(sessions.out, /^400 sessions of 400 users: /);
	const expired = await bench('full', 'expired=500', 'seconds=1', 'waiting=4', `dir=${temporary('bench-full')}`);
	assert.equal(expired.code, 0, expired.err);
	assert.deepEqual([...expired.out.matchAll(/^ +(\d+) expired: .*\(failed (\d+)\)$/gm)].map((m) => `${m[1]} ${m[2]}`), ['0 0', '500 0'], expired.out);
});

test('micro: every operation is there', async () => {
	const { code, out, err } = await bench('micro', '1', '1000');
	assert.equal(code, 0, err);
	for (const name of ['jwe_seal', 'jwe_open', 'digest_sha256', 'jws_parse and _verify, HS256', 'jws_parse and _verify, EdDSA', 'and its claims: vouch_read', 'ratelimit_save', 'ratelimit_load', 'ratelimit_check, IPv6'])
		assert.ok(out.includes(name), `${name}: ${out}`);
	assert.equal((await bench('micro', '0')).code, 1);
});

test('adapter: in this process and in its own', async () => {
	const { code, out, err } = await bench('adapter', path.join(process.env.PLUGINS ?? path.join(build, 'plugins'), 'fieldmap/.libs/fieldmap.so'));
	assert.equal(code, 0, err);
	for (const row of ['a call in this process', 'a datagram there and back', 'a process is ready in', 'a call in one of its own', '64 of them together'])
		assert.ok(out.includes(row), `${row}: ${out}`);
});

test('bare and rate: as many answers as were asked for, all good', async () => {
	const child = spawn(path.join(build, 'tests/bench/bare'), ['1'], { stdio: ['ignore', 'pipe', 'inherit'] });
	try {
		const port = await new Promise((r) => child.stdout.once('data', (d) => r(String(d).match(/\d+/)[0])));
		const file = path.join(temporary('bench-rate'), 'requests');
		fs.writeFileSync(file, 'GET / HTTP/1.1\r\nHost: bare.test\r\n\r\n\0');
		const { code, out } = await bench('rate', port, '2', '50', '1', file);
		assert.equal(code, 0, out);
		const { sent, bad } = JSON.parse(out);
		assert.deepEqual({ sent, bad }, { sent: 50, bad: 0 });
	} finally {
		child.kill('SIGTERM');
	}
});

test('mint: each path signs somebody in, once', async () => {
	const gw = await start({ tenants: { alpha: tenant('alpha') } });
	try {
		const { code, out, err } = await bench('mint', gw.conf, path.join(gw.dir, 'plugins'), 'alpha', '2', '3');
		assert.equal(code, 0, err);
		const paths = out.trim().split('\n');
		assert.equal(new Set(paths).size, 3);
		for (const p of [...paths, paths[0]].entries())
			assert.equal((await gw.callback(`https://ticket.alpha.test${p[1]}`, { headers: { Accept: 'application/json' } })).status, p[0] < 3 ? 302 : 410);
	} finally {
		await gw.stop();
	}
});

test('make bench: every job, none with a bad answer, and its files', { skip: missing('wrk', 'sqlite3') }, async () => {
	const kept = temporary('bench-kept'), peers = has('nginx') ? 'static' : 'none';
	const jobs = ['handoff', 'json', 'new', 'changed', 'same', 'callback', 'session', 'check', 'tickets', 'dashboard'];
	const { code, out, err } = await script('run.mjs', jobs, { RESULTS: kept, PEERS: peers, USERS: '32' });
	assert.equal(code, 0, out + err);
	const { rows, rates } = JSON.parse(fs.readFileSync(path.join(kept, 'bench.json'), 'utf8'));
	assert.deepEqual(rows.map((r) => r.name), ['bare 2', ...jobs.map((j) => `${j} 2`)]);
	assert.deepEqual(rates.map((r) => [r.job, r.bad]), [['handoff', 0], ['session', 0]]);
	assert.deepEqual(rows.filter((r) => r.bad || !(r.rps.median > 0)), [], out);
	assert.match(fs.readFileSync(path.join(kept, 'bench.svg'), 'utf8'), /^<svg/);
	const table = fs.readFileSync(path.join(kept, 'bench.md'), 'utf8');
	for (const row of ['bare 2', ...jobs.map((j) => `${j} 2`), 'bare', 'usher'])
		assert.match(table, new RegExp(`^\\| ${row} \\|( +[\\d.]+( \\([\\d.]+-[\\d.]+\\))? \\|)+$`, 'm'), table);
});

test('isolation: adapters beside none, and a neighbour that hangs', { skip: missing('wrk') }, async () => {
	const { code, out, err } = await script('isolation.mjs', ['cost', 'neighbours'], { FAULTS: 'hang' });
	assert.equal(code, 0, out + err);
	for (const row of ['no adapter', 'in this process', 'in its own, looks', '(it behaves)', 'hang'])
		assert.match(out, new RegExp(`^${row.replace(/[()]/g, '\\$&')} .* 0$`, 'm'), out);
});

test('instructions: a figure', { skip: missing('valgrind') || (!isPlain && 'not in a sanitizer\'s build') }, async () => {
	const { code, out, err } = await script('instructions.mjs', ['40', '20']);
	assert.equal(code, 0, err);
	assert.ok(Number(out.match(/^instructions a handoff: (\d+)/)?.[1]) > 1000, out);
});
