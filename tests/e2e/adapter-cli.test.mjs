// What a tenant's developer gets: usherctl adapter new, check and run, over
// adapters that are good, hostile, or oddly linked.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { collectAdapters, runUsherctl, temporary, top } from './harness.mjs';

const dir = temporary('adapters');
const plugins = collectAdapters(path.join(dir, 'plugins'));
const so = (name) => path.join(plugins, `${name}.so`);
const isInstrumented = (process.env.USHER_SANITIZERS ?? 'no') !== 'no';
const cc = (process.env.CC ?? 'cc').split(' ');
const adapter = (...args) => runUsherctl('adapter', ...args);
const check = async (...args) => {
	const r = await adapter('check', '--json', ...args);
	return { code: r.code, err: r.err, ...(r.out ? JSON.parse(r.out) : {}) };
};
const kinds = (r) => r.findings.filter((f) => !f.is_note).map((f) => f.kind);
const last = (text) => text.trimEnd().split('\n').at(-1);

/** An adapter of this text, compiled and linked with these flags. */
let made = 0;
function build(text, flags = ['-fvisibility=hidden']) {
	const base = path.join(dir, `made-${++made}`);
	fs.writeFileSync(`${base}.c`, `#include <stdlib.h>\n#include <string.h>\n#include <usher/adapter.h>\n${text}`);
	execFileSync(cc[0], [...cc.slice(1), '-shared', '-fPIC', '-w', `-I${top}/sdk/include`, '-o', `${base}.so`, `${base}.c`, ...flags], { stdio: 'pipe' });
	fs.chmodSync(`${base}.so`, 0o755);
	return `${base}.so`;
}
const hook = (body, rest = '') => `${rest}
static int map(void *state, struct usher_call *call) { ${body} return USHER_OK; }
USHER_ADAPTER_DEFINE(.name = "made", .version = "1", .map_fields = map)\n`;

test('check: what comes with usher is fit, and the last line says so', async () => {
	const fixture = path.join(top, 'sdk/template/acme.fixture');
	const r = await adapter('check', so('acme'), '--fixture', fixture);
	assert.equal(r.code, 0, r.out);
	assert.equal(last(r.out), `${so('acme')}: fit`);
	assert.match(r.out, /acme 0\.1, adapter ABI 1\.\d/);
	assert.match(r.out, /exports +usher_adapter_entry\n/);
	assert.match(r.out, isInstrumented ? /libc\.so\S+: / : /needs +libc\.so\S+: /);
	assert.match(r.out, /hooks +init map_fields sync_user choose_redirect fini\n/);
	assert.match(r.out, /a process of its own, in the sandbox/);
	// Where a line is wrapped hangs on how long its paths are.
	assert.match(r.out, /8 of 8\s+expectations\s+hold/);
	assert.match(r.out, /sends to +https:\/\/desk\.example\/pro/);
	for (const line of r.out.split('\n').slice(1, -2))
		assert.ok(line.length < 80 || /\S{60}/.test(line), line);
	for (const name of ['good', 'deliver', 'older', 'fieldmap'])
		assert.equal((await adapter('check', so(name))).code, 0, name);
});

test('check --json: all of it, for programs', async () => {
	const r = await check(so('good'));
	assert.equal(r.code, 0);
	assert.equal(r.fit, true);
	assert.equal(r.isolation, 'process');
	assert.deepEqual(r.exports, ['usher_adapter_entry']);
	assert.deepEqual(r.hooks, ['init', 'map_fields', 'sync_user', 'choose_redirect', 'deliver', 'fini']);
	assert.ok(r.attributes.includes('greeting'));
	assert.ok(r.imports.some((i) => i.symbol === 'abort' && i.state === 'found' && /^GLIBC_/.test(i.version)));
	assert.equal(r.tried.requests, r.tried.ok + r.tried.invalid + r.tried.denied + r.tried.failed + r.tried.timed_out + r.tried.unavailable);
	assert.ok(r.time.round_trip_median_ns >= r.time.hooks_median_ns);
	// No secret was given, which is no fault.
	assert.ok(r.findings.every((f) => f.is_note));
	const secret = path.join(dir, 'secret');
	fs.writeFileSync(secret, 's3cret\n');
	const better = await check(so('good'), '--secret', `desk=${secret}`, '--config', 'greeting = hello');
	assert.deepEqual(better.findings, []);
	assert.ok(better.redirects.includes('https://desk.example/login'));
});

test('check: crashes, hangs, lies and forbidden calls name the hook and the request', async () => {
	const r = await check(so('hostile'));
	assert.equal(r.code, 1);
	for (const kind of ['crash', 'hang', 'forbidden', 'protocol'])
		assert.ok(kinds(r).includes(kind), `${kind} in ${JSON.stringify(r.findings)}`);
	for (const f of r.findings.filter((g) => g.kind !== 'load'))
		assert.match(f.text, /map_fields/);
	assert.match(r.findings.find((f) => f.kind === 'crash').with, /in every field/);
	const said = await adapter('check', build(hook('struct usher_str v; if (!call->host->get(call, USHER_FIELD, "plan", &v) && v.len > 512) { write(2, "too \\033[31mlong\\n", 14); abort(); }', '#include <unistd.h>')));
	assert.equal(said.code, 1);
	assert.match(said.out, /signal 6 \(Aborted\)[^;]*; it\s+wrote:\s+too\s+\?\[31mlong/, 'its last words, which do not speak to the terminal');
	assert.ok(!said.out.includes('\x1b'));
});

test('check: outputs that are refused, results that are none, state that leaks', async () => {
	assert.deepEqual([...new Set(kinds(await check(so('misbehave'))))].sort(), ['refused', 'result']);
	assert.deepEqual(kinds(await check(so('remembers'))), ['state']);
	const leaks = await check(so('leaks'));
	if (!isInstrumented) {
		assert.deepEqual(kinds(leaks), ['memory']);
		assert.ok(leaks.memory.growth_per_call >= 100 && leaks.memory.growth_per_call < 200);
	}
	// What is bounded is none: a cache that fills up.
	const cache = await check(build(hook('static char *all[64]; static unsigned n; unsigned i = n++ % 64; free(all[i]); all[i] = malloc(64 + n % 64);')));
	assert.deepEqual(kinds(cache), []);
});

test('check: how it is linked', async () => {
	const open = await check(build(hook('(void)call;', 'int helper(void) { return 1; }'), []));
	assert.deepEqual(kinds(open), ['exports']);
	assert.match(open.findings[0].text, /helper.*-fvisibility=hidden/);
	const stack = await check(build(hook('(void)call;'), ['-fvisibility=hidden', '-Wl,-z,execstack']));
	assert.ok(kinds(stack).includes('flags'));
	assert.match(stack.findings[0].text, /noexecstack/);
	const missing = await check(so('missing-symbol'));
	assert.deepEqual(missing.imports.filter((i) => i.state === 'missing').map((i) => i.symbol), ['usher_test_nobody_defines_this']);
	const maths = await check(build(hook('volatile double d = call->host->now(call); d = cos(d);', '#include <math.h>'), ['-fvisibility=hidden', '-fno-builtin', '-lm']));
	assert.equal(maths.code, 0, JSON.stringify(maths.findings));
	assert.match(maths.imports.find((i) => i.symbol === 'cos').library, /^libm\.so/);
	// An import without a library that has it, where nobody asked the linker.
	const forgotten = await check(build(hook('volatile double d = call->host->now(call); d = cos(d);', '#include <math.h>'), ['-fvisibility=hidden', '-fno-builtin']));
	assert.ok(kinds(forgotten).includes('imports'));
});

test('check: what does not load says why, on one line and in JSON', async () => {
	const notElf = path.join(dir, 'not-elf.so');
	fs.writeFileSync(notElf, '#!/bin/sh\n', { mode: 0o755 });
	const cut = path.join(dir, 'cut.so');
	fs.writeFileSync(cut, fs.readFileSync(so('good')).subarray(0, 3000), { mode: 0o755 });
	const open = path.join(dir, 'open.so');
	fs.copyFileSync(so('good'), open);
	fs.chmodSync(open, 0o777);
	for (const [file, why] of [[so('wrong-magic'), /USHER_MAGIC/], [so('other-major'), /adapter ABI/], [so('newer-minor'), /upgrade the gateway/],
		[so('no-entry'), /usher_adapter_entry/], [so('init-fails'), /init returned/], [notElf, /not an ELF file/], [cut, /copied in full|segment/],
		[open, /chmod go-w/], ['/nowhere.so', /No such file/], [dir, /regular file/]]) {
		const r = await check(file);
		assert.equal(r.code, 1, file);
		assert.equal(r.fit, false);
		assert.ok(r.findings.some((f) => why.test(f.text)), `${file}: ${JSON.stringify(r.findings)}`);
		assert.match((await adapter('check', file)).out, /does not load/);
	}
});

test('check: fixtures, each with its own settings; the command line wins', async () => {
	const write = (name, text) => {
		const file = path.join(dir, name);
		fs.writeFileSync(file, text);
		return file;
	};
	const holds = write('holds', 'config greeting = a\nfield plan = pro\nhandoff\nexpect attribute greeting = a\n');
	const fails = write('fails', 'config greeting = b\nfield plan = pro\nhandoff\nexpect attribute greeting = a\n');
	assert.equal((await adapter('check', so('good'), holds)).code, 0);
	const r = await adapter('check', so('good'), holds, fails);
	assert.equal(r.code, 1);
	assert.match(r.out, /fails:4: NOT AS EXPECTED: attribute greeting = a/);
	assert.match(last(r.out), /: 1 finding$/);
	assert.ok(!(await adapter('check', so('good'), '--quiet', fails)).out.includes('NOT AS'));
	assert.equal((await adapter('check', so('good'), fails, '--config', 'greeting=a')).code, 0);
	assert.equal((await adapter('check', so('good'), write('odd', 'luck = 1\n'))).code, 1);
	assert.equal((await adapter('check', so('good'), '/nowhere')).code, 1);
});

test('run: one handoff, hook by hook', async () => {
	const r = await adapter('run', so('acme'), '--field', 'email=ann@partner.example', 'plan=pro', '--config', 'pro_page = https://desk.example/pro');
	assert.equal(r.code, 0, r.err);
	assert.match(r.out, /field email = ann@partner\.example/);
	assert.match(r.out, /1\. map_fields: USHER_OK \(0\), [\d.]+ us\n +set attribute plan = pro\n +2\. sync_user: /);
	assert.match(r.out, /3\. choose_redirect: USHER_OK.*\n +chose redirect = https:\/\/desk\.example\/pro\n +result: ok/);
	const dropped = (await adapter('run', so('misbehave'), 'map=set', 'sync=set_decline', 'choose=ok')).out;
	assert.match(dropped, /USHER_DECLINE.*\n +what it set is dropped: 1 attribute, 0 events/);
	const denied = await adapter('run', so('misbehave'), 'map=deny_words');
	assert.equal(denied.code, 0, 'a refusal is an answer');
	assert.match(denied.out, /denied not_member = Members only\./);
	const crashed = await adapter('run', so('hostile'), 'sin=crash');
	assert.equal(crashed.code, 1);
	assert.match(crashed.out, /1\. map_fields: did not return\n[^]*  result: failed/);
	if (!isInstrumented) {
		assert.match(crashed.out, /signal 11 \(Segmentation fault\) at hostile\.so\+(0x[0-9a-f]+) in map_fields\n/);
		assert.match(crashed.out, /\nhostile\.so\+(0x[0-9a-f]+): addr2line -e \S+hostile\.so \1 tells the line, as does --lines\n$/);
		const { out } = await adapter('run', so('hostile'), 'sin=crash', '--lines');
		assert.match(out, /\nhostile\.so\+0x[0-9a-f]+: (\S*hostile\.c:\d+|addr2line is not installed.*)/);
		const checked = await adapter('check', so('constructor-crash'), '--lines');
		assert.match(checked.out, /\nconstructor-crash\.so\+0x[0-9a-f]+: (\S*constructor-crash\.c:\d+|addr2line is not installed.*)/);
	}
	const logged = (await adapter('run', so('good'), 'plan=x')).out;
	assert.match(logged, /init logged: ready/);
});

test('run --deliver, --json, --claim, --attribute, --isolation none', async () => {
	const secret = path.join(dir, 'secret-2');
	fs.writeFileSync(secret, 's3cret');
	for (const isolation of ['process', 'none']) {
		const r = await adapter('run', so('good'), 'plan=pro', '--deliver', '--secret', `desk=${secret}`, '--json', '--isolation', isolation);
		assert.equal(r.code, 0, r.err);
		const [first, second] = JSON.parse(r.out);
		assert.equal(first.run, 'handoff');
		assert.deepEqual(first.steps.map((s) => [s.hook, s.result]), [['map_fields', 0], ['sync_user', 0], ['choose_redirect', 0]]);
		assert.equal(first.attributes.plan, 'pro');
		assert.equal(second.run, 'deliver');
		assert.equal(second.post, 'https://desk.example/login');
		assert.deepEqual(second.posted, [{ name: 'user', value: '1' }]);
	}
	const text = (await adapter('run', so('good'), '--claim', 'plan=pro', '--attribute', 'old=1', '--info', 'user.id=7')).out;
	assert.match(text, /handoff, signed:/);
	assert.match(text, /claim plan = pro\n +attribute old = 1\n +info user\.id = 7/);
	assert.match((await adapter('run', so('good'), '--isolation', 'none')).out, /in this process/);
});

test('no sandbox is no excuse: it says so, and names the way without', async () => {
	const before = process.env.USHER_ADAPTER_HOST;
	process.env.USHER_ADAPTER_HOST = '/nowhere/usher-adapter-host';
	try {
		for (const command of ['check', 'run']) {
			const r = await adapter(command, so('acme'));
			assert.equal(r.code, 1, command);
			assert.match(r.err, /--isolation none/, command);
		}
		assert.equal((await adapter('check', so('acme'), '--isolation', 'none')).code, 0);
	} finally {
		if (before === undefined)
			delete process.env.USHER_ADAPTER_HOST;
		else
			process.env.USHER_ADAPTER_HOST = before;
	}
});

test('new: a directory that builds, and nothing of anybody\'s is touched', async () => {
	const at = path.join(dir, 'my-desk');
	const r = await adapter('new', 'my-desk', '--dir', at);
	assert.equal(r.code, 0, r.err);
	assert.match(r.out, /make check/);
	assert.deepEqual(fs.readdirSync(at).sort(), ['.gitignore', 'Makefile', 'README.md', 'my-desk.c', 'my-desk.fixture']);
	assert.equal(fs.readFileSync(path.join(at, 'Makefile'), 'utf8').trim().split('\n').length, 3);
	for (const file of fs.readdirSync(at))
		assert.ok(!fs.readFileSync(path.join(at, file), 'utf8').includes('acme'), file);
	const before = fs.readFileSync(path.join(at, 'my-desk.c'), 'utf8');
	// It is C, byte for byte but for the name.
	assert.equal(before.replaceAll('my-desk', 'acme'), fs.readFileSync(path.join(top, 'sdk/template/acme.c'), 'utf8'));
	const again = await adapter('new', 'my-desk', '--dir', at);
	assert.equal(again.code, 1);
	assert.match(again.err, /exists/);
	fs.mkdirSync(path.join(dir, 'empty'));
	assert.equal((await adapter('new', 'x', '--dir', path.join(dir, 'empty'))).code, 1);
	for (const name of ['', 'A', '1a', 'a.b', 'a/b', '../a', 'a b', '-a', 'é', 'a'.repeat(49)])
		assert.equal((await adapter('new', '--', name)).code, 2, name);
});

test('wrong usage is 2, and says which', async () => {
	for (const [wrong, says] of [
		[['check'], /takes FILE/], [['run'], /takes FILE/], [['new'], /takes NAME/], [['new', 'a', 'b'], /takes NAME/],
		[['check', so('acme'), '--config', 'novalue'], /KEY=VALUE/], [['check', so('acme'), '--secret', 'x'], /NAME=FILE/],
		[['check', so('acme'), '--isolation', 'some'], /process or none/], [['check', so('acme'), '--nonsense'], /nonsense/],
		[['run', so('acme'), '--field', 'novalue'], /NAME=VALUE/], [['run', so('acme'), 'a=\x01'], /control characters/],
		[['run', so('acme'), '--info', 'tenant.slug=x'], /info is/], [['run', so('acme'), '--signed', '--signed'], /twice/],
	]) {
		const r = await adapter(...wrong);
		assert.equal(r.code, 2, wrong.join(' '));
		assert.match(r.err, says, wrong.join(' '));
	}
	assert.equal((await adapter('check', '--help')).code, 0);
	assert.match((await adapter('run', '--help')).out, /--json-field NAME=JSON/);
});
