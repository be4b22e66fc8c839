// Every way to misbehave that was thought of, as a real adapter under a real gateway:
// what the tenant's own users are told, and that its neighbours notice nothing.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { collectAdapters, runUsherd, start, temporary, tenant, until } from './harness.mjs';

// An instrumented adapter dies of its sanitizer instead, or has no limit of memory.
const sanitized = !['', 'no', undefined].includes(process.env.USHER_SANITIZERS);
const adapter = (module, more = '') => ({ adapter: `{ module = "${module}"; ${more} }` });
const person = { email: 'user@example.com', name: 'John Doe' };
/* Of the many that only go on: TLS is most of what one costs. */
const plain = { plain: true };

/* What the one who asked is told. "told": a sign-in, and the attribute `result`
 * says what the system call said. */
const ends = {
	overflow_stack: 502, write_null: 502, jump_null: 502, run_data: 502, trap: 502, divide: 502, smash_heap: [302, 502], free_twice: 502,
	leave: 502, leave_at_once: 502, scribble_past_end: 502, call_null: 502, crash_in_libc: 502,
};
const endless = ['leave_never', 'hang', 'hang_deaf', 'deadlock', 'be_late'];
const faults = {
	...(sanitized ? {} : ends),
	/* An instrumented one asks for its signal stack before what never returns. */
	...Object.fromEntries(endless.map((fault) => [fault, sanitized ? [502, 504] : 504])),
	start_thread: sanitized ? [302, 502] : 502, clone_here: 502, fork_deaf: 502, fork_bomb: 502, run_shell: 502, kill_all: 502, kill_from_nowhere: 502, stop_self: 502, trace_gateway: 502,
	send_junk: 502, send_nothing: [302, 502], send_hello: 502, send_future: 502, send_others_reply: 502, send_call: 502, send_flood: 502,
	send_much: 'Message too long',
	abort_gateway: 'Operation not permitted', raise_limit: 'Operation not permitted', be_root: 'Operation not permitted',
	open_etc: 'Operation not permitted', make_socket: 'Operation not permitted', make_code: 'Operation not permitted',
	close_channel: 'Operation not permitted', cover_channel: 'Operation not permitted', shut_channel: 'Operation not permitted',
	fell_often: 502, fell_falsely: 502,
	...(sanitized ? {} : { take_all: 'done', map_10g: 'Cannot allocate memory' }),
	write_flood: 'done', flood_log: 302, scribble: 302,
	flood_events: 502, flood_attributes: 502, flood_signs: 502, set_huge: 502, set_garbage: 502, answer_unknown: 502, fail: 502,
	call_stale: [302, 502], go_astray: 502,
};

/* Frames that are well made, and out of turn. After one look the gateway shows users unasked: each has a tenant of its own. */
const lies = ['look_again', 'look_twice', 'look_at_next', 'look_at_none', 'look_while_signing', 'sign_while_looking', 'reply_while_looking'];
const liar = (lie) => lie.replaceAll('_', '-');

let gw;
before(async () => {
	const secret = path.join(temporary(), 'desk');
	fs.writeFileSync(secret, 'a secret of the desk', { mode: 0o600 });
	gw = await start({
		tenants: {
			alpha: tenant('alpha', adapter('good.so')),
			none: tenant('none', { url: null }),
			/* Time enough for whatever ends by itself, however busy the machine; and little. */
			beta: tenant('beta', adapter('faults.so', `deadline_ms = 30000; secrets = ( { name = "desk"; file = "${secret}"; } );`)),
			hasty: tenant('hasty', { url: null, ...adapter('faults.so', 'deadline_ms = 100;') }),
			honest: tenant('honest', adapter('faults.so', 'deadline_ms = 30000;')),
			...Object.fromEntries(lies.map((lie) => [liar(lie), tenant(liar(lie), { url: null, ...adapter('faults.so', 'deadline_ms = 30000;') })])),
		},
	});
});
after(() => gw?.stop());

const attributes = async (cookie) => (await gw.request({ host: 'ticket.beta.test', path: '/auth/session', headers: { Cookie: cookie } })).json().user.attributes;
const state = async (slug) => JSON.parse((await gw.ctl('--json', 'tenants')).out).find((t) => t.slug === slug).adapter;

/**
 * Good sign-ins end a row of failures, so that the breaker stays closed.  One whose
 * deadline a busy machine passes needs to be there, no more.
 */
async function recover(slug = 'beta') {
	const enough = slug === 'hasty' ? 1 : 16;
	let good = 0;
	await until(async () => {
		good = (await gw.handoff(slug, person, plain)).status === 302 ? good + 1 : 0;
		return good >= enough;
	}, 'the tenant to be back');
}

/** Does something beside the sign-ins of two neighbours, who go on and notice nothing. */
async function beside(fn) {
	const bad = [];
	let stopped = false, done = 0;
	const load = Promise.all(['alpha', 'none'].map(async (slug) => {
		while (!stopped) {
			const r = await gw.handoff(slug, person, plain);
			done++;
			if (r.status !== 302)
				bad.push(`${slug}: ${r.status} ${r.text}`);
		}
	}));
	try {
		const result = await fn();
		const before = done;
		await until(() => done > before + 1, 'the neighbours to go on');
		return result;
	} finally {
		stopped = true;
		await load;
		assert.deepEqual(bad, []);
	}
}

for (const [fault, expected] of Object.entries(faults))
	test(fault, async () => {
		const slug = endless.includes(fault) ? 'hasty' : 'beta';
		await recover(slug);
		const r = await beside(() => gw.handoff(slug, { ...person, fault }));
		if (typeof expected === 'string') {
			assert.equal(r.status, 302, r.text);
			const second = await gw.callback(r.headers.location);
			assert.equal((await attributes(second.cookies[0].split(';')[0])).result, expected);
		} else {
			assert.ok([expected].flat().includes(r.status), `${r.status} ${r.text}`);
		}
		if (r.status >= 500) {
			assert.match(r.headers['content-type'], /json/);
			assert.match(r.json().code, /^adapter_/);
			assert.ok(!r.text.includes(person.email) && !r.text.includes(JSON.stringify(fault)), r.text);
		}
	});

/* What the kernel and the process itself said of the end, for the operator alone. */
const words = {
	fork_deaf: /signal 31 .*: clone \(\d+\), which is how fork\(\) makes a process/,
	/* In the fresh process that the one before leaves: no other fault has taken its memory. */
	start_thread: /signal 31 \([^)]*\), as it made a system call that no adapter may make: clone \(\d+\), which is how pthread_create\(\) starts a thread, at faults\.so\+0x[0-9a-f]+, in map_fields/,
	run_shell: /signal 31 .*: execve \(\d+\), .*in map_fields/,
	kill_all: /signal 31 .*: kill \(\d+\), which is how kill\(\) sends a signal/,
	trace_gateway: /signal 31 .*: ptrace \(\d+\)/,
	fell_often: /told of its end more often than twice/,
	// LeakSanitizer cannot look where it is not let, and says so by a status
	fell_falsely: sanitized ? /ended with status [01]"/ : /ended with status 0"/,
	// A sanitizer takes the signals: also the one of looking for the way back
	...(sanitized ? {} : {
		kill_from_nowhere: /signal 31 .*: kill \(\d+\), which is how kill\(\) sends a signal, in map_fields/,
		write_null: /signal 11 \([^)]*\) at faults\.so\+0x[0-9a-f]+ in map_fields/,
		divide: /signal 8 \([^)]*\) at faults\.so\+0x[0-9a-f]+ in map_fields/,
		overflow_stack: /signal 11 \([^)]*\) at faults\.so\+0x[0-9a-f]+ in map_fields/,
		jump_null: /signal 11 \([^)]*\)/,
		crash_in_libc: /signal 11 \([^)]*\) in libc\.so\.6\+0x[0-9a-f]+, called at faults\.so\+0x[0-9a-f]+, in map_fields/,
		free_twice: /signal 6 \([^)]*\) in libc\.so\.6\+0x[0-9a-f]+, called at faults\.so\+0x[0-9a-f]+, in map_fields/,
	}),
};
for (const [fault, expected] of Object.entries(words))
	test(`what is said of ${fault}`, { skip: sanitized && fault === 'start_thread' }, async () => {
		await recover();
		const before = gw.log.length;
		assert.equal((await gw.handoff('beta', { ...person, fault })).status, 502);
		let line;
		await until(() => (line = gw.log.slice(before).find((l) => /adapter_process_failed|adapter_breaker_open/.test(l) && l.includes('"beta"'))), 'the log to say so');
		assert.match(line, expected);
		assert.ok(!/\\u001b|deceived/.test(line), line);
		const said = (await state('beta')).last_failure;
		assert.ok(line.includes(said.slice(0, 40)), said);
		assert.match((await gw.ctl('tenants')).out, new RegExp(`failed last: ${said.slice(0, 40).replace(/[()+.]/g, '\\$&')}`));
	});

test('a call is told where it is made', { skip: sanitized }, async () => {
	const symbols = execFileSync('nm', ['-S', path.join(gw.dir, 'plugins', 'faults.so')]).toString();
	const [from, size] = new RegExp('^(\\w+) (\\w+) t clone_here$', 'm').exec(symbols).slice(1).map((n) => parseInt(n, 16));
	await recover();
	const before = gw.log.length;
	assert.equal((await gw.handoff('beta', { ...person, fault: 'clone_here' })).status, 502);
	let at;
	await until(() => (at = gw.log.slice(before).map((l) => /: clone \(\d+\), .* at faults\.so\+0x([0-9a-f]+), in map_fields/.exec(l)).find(Boolean)), 'the log to say so');
	const offset = parseInt(at[1], 16);
	assert.ok(offset >= from && offset < from + size, `${at[1]} is not in clone_here: ${from.toString(16)}, ${size} octets`);
});

test('a signal that somebody sent ends it as it ends any process', { skip: sanitized }, async () => {
	for (const signal of ['SIGSEGV', 'SIGFPE', 'SIGABRT']) {
		await recover();
		const { pid } = await state('beta');
		process.kill(pid, signal);
		await until(() => !fs.existsSync(`/proc/${pid}`), `its end by ${signal}`);
	}
});

test('one look, when it was offered, is answered', async () => {
	const { pid } = await state('honest');
	const r = await gw.handoff('honest', { ...person, fault: 'look_once' });
	assert.equal(r.status, 302, r.text);
	assert.equal((await state('honest')).pid, pid);
});

for (const lie of lies)
	test(`out of turn: ${lie}`, async () => {
		const slug = liar(lie), { pid } = await state(slug);
		const r = await beside(() => gw.handoff(slug, { ...person, fault: lie }));
		assert.equal(r.status, 502, r.text);
		await until(() => gw.log.some((l) => l.includes('"adapter_process_failed"') && l.includes(`"${slug}"`) && /out of turn|not under way/.test(l)), 'the log to say why');
		await recover(slug);
		assert.notEqual((await state(slug)).pid, pid);
	});

test('a late one is answered in time, and not killed for it', async () => {
	/* On a busy machine one that is late looks as one that hangs: that attempt tells
	 * nothing. A gateway that kills each is one that fails. */
	for (let tries = 0; ; tries++) {
		await recover('hasty');
		const { pid } = await state('hasty');
		assert.equal((await gw.handoff('hasty', { ...person, fault: 'be_late' })).status, 504);
		await recover('hasty');
		if ((await state('hasty')).pid === pid)
			break;
		assert.ok(tries < 20, 'each that was late was killed');
	}
});

test('five failures in a row open the breaker, one good answer closes it', async () => {
	await recover();
	// It is open for seconds: who asks while it is, is told when to come back.
	const r = await until(async () => {
		await gw.handoff('beta', { ...person, fault: 'stop_self' });
		const { given_up } = await state('beta'), answer = await gw.handoff('beta', person);
		return given_up && answer.status === 503 && answer;
	}, 'the breaker to open');
	assert.ok(Number(r.headers['retry-after']) >= 1);
	assert.equal((await gw.handoff('alpha', person)).status, 302);
	await recover();
	assert.equal((await state('beta')).given_up, false);
});

test('more calls than may wait: those past the limit are told to come back', async () => {
	await recover();
	const { pid } = await state('beta');
	const agent = new http.Agent({ keepAlive: true });
	const answers = [];
	const all = Array.from({ length: 300 }, () => gw.handoff('beta', { ...person, fault: 'deadlock' }, { plain: true, agent })
		.then((r) => answers.push(r)));
	await until(() => answers.length >= 300 - 256, 'those past the limit');
	assert.equal(answers.length, 300 - 256);
	for (const r of answers) {
		assert.equal(r.status, 503, r.text);
		assert.ok(Number(r.headers['retry-after']) >= 1);
	}
	assert.equal((await gw.handoff('alpha', person)).status, 302);
	/* None of those that wait is forgotten when it dies. */
	process.kill(pid, 'SIGKILL');
	await Promise.all(all);
	agent.destroy();
	assert.ok(answers.slice(300 - 256).every((r) => [502, 503].includes(r.status)));
	await recover();
});

/* ---- what does not even load ---------------------------------------------- */

test('what cannot be loaded is reported, and its neighbours come up', async () => {
	const plugins = collectAdapters(path.join(temporary(), 'plugins'));
	const file = (name) => path.join(plugins, name);
	const good = fs.readFileSync(file('good.so'));
	const write = (name, data, mode = 0o755) => {
		fs.writeFileSync(file(name), data);
		fs.chmodSync(file(name), mode);
	};

	write('empty.so', '');
	write('text.so', '#!/bin/sh\nexit 0\n');
	write('short.so', good.subarray(0, 1000));
	write('half.so', good.subarray(0, 0x1800));	/* of its code, but not its data */
	write('other-machine.so', Buffer.concat([good.subarray(0, 18), Buffer.from([0xf3, 0]), good.subarray(20)]));
	write('writable.so', good, 0o777);
	fs.mkdirSync(file('directory.so'));
	fs.symlinkSync('/etc/passwd', file('elsewhere.so'));
	execFileSync('mkfifo', [file('fifo.so')]);
	if (process.getuid() === 0) {
		write('foreign.so', good);
		fs.chownSync(file('foreign.so'), 4242, 4242);
	}
	const says = {
		'missing.so': /is not in the gateway's plugins directory/, 'empty.so': /size is 0/, 'text.so': /./, 'short.so': /./, 'half.so': /./, 'other-machine.so': /./,
		'writable.so': /chmod go-w/, 'directory.so': /not a regular file/, 'elsewhere.so': /./, 'fifo.so': /not a regular file/,
		...(process.getuid() === 0 ? { 'foreign.so': /belongs to user 4242/ } : {}),
		'wrong-magic.so': /./, 'other-major.so': /./, 'newer-minor.so': /./, 'unknown-flags.so': /./, 'longer-garbage.so': /./,
		'no-entry.so': /usher_adapter_entry/, 'null-entry.so': /./, 'missing-symbol.so': /./, 'init-fails.so': /./,
		'constructor-hang.so': /./, ...(sanitized ? {} : { 'constructor-crash.so': /signal 11/ }),
	};
	const atInit = { refuse: /config\.fault: must not be so/, hang: /./, open_etc: /./, run_shell: /signal 31/, leave: /./, send_junk: /./,
		...(sanitized ? {} : { write_null: /signal 11/ }) };
	const tenants = { alpha: tenant('alpha', adapter('good.so')) };
	const problems = {};
	for (const [module, problem] of Object.entries(says)) {
		const slug = module.replace('.so', '');
		tenants[slug] = tenant(slug, { url: null, ...adapter(module) });
		problems[slug] = problem;
	}
	for (const [fault, problem] of Object.entries(atInit)) {
		const slug = `init-${fault.replace('_', '-')}`;
		tenants[slug] = tenant(slug, { url: null, ...adapter('faults.so', `config = { fault = "${fault}"; };`) });
		problems[slug] = problem;
	}
	const other = await start({ tenants, plugins });
	try {
		assert.equal((await other.handoff('alpha', person)).status, 302);
		// Those that hang are given up after the start.
		const list = await until(async () => {
			const all = JSON.parse((await other.ctl('--json', 'tenants')).out);
			return all.every((t) => t.state !== 'starting') && all;
		}, 'a verdict on each');
		for (const [slug, problem] of Object.entries(problems)) {
			const r = await other.handoff(slug, person);
			assert.equal(r.status, 503, `${slug}: ${r.status} ${r.text}`);
			const { state, problem: text } = list.find((t) => t.slug === slug);
			assert.equal(state, 'broken', slug);
			assert.match(text, problem, slug);
			await other.logs((l) => l.includes(`${slug}.conf`), `${slug} in the log`);
		}
		const check = await runUsherd('--config', other.conf, '--check');
		assert.notEqual(check.code, 0);
		for (const slug of Object.keys(problems))
			assert.ok((check.out + check.err).includes(`${slug}.conf:`), `--check names ${slug}.conf`);
	} finally {
		await other.stop();
	}
});

/* ---- a new one in the place of the old ---------------------------------------- */

test('a hundred swaps under load lose no sign-in', async () => {
	const plugins = collectAdapters(path.join(temporary(), 'plugins'));
	const good = fs.readFileSync(path.join(plugins, 'good.so'));
	/* The loader does not look behind the last section: other bytes, the same code. */
	const put = (data) => {
		fs.writeFileSync(path.join(plugins, 'new'), data, { mode: 0o755 });
		fs.renameSync(path.join(plugins, 'new'), path.join(plugins, 'good.so'));
	};
	const other = await start({ plugins, tenants: { alpha: tenant('alpha', adapter('good.so')) } });
	const bad = [];
	let stopped = false, done = 0;
	const load = Promise.all(Array.from({ length: 4 }, async () => {
		while (!stopped) {
			const r = await other.handoff('alpha', person, plain);
			done++;
			if (r.status !== 302)
				bad.push(`${r.status} ${r.text}`);
		}
	}));
	const pids = new Set();
	const pid = async () => JSON.parse((await other.ctl('--json', 'tenants')).out)[0].adapter.pid;
	let kept;
	for (let i = 0; i < 100; i++) {
		/* Each tenth is broken: then the one before serves on, and it is said. */
		const broken = i % 10 === 9;
		put(broken ? good.subarray(0, 1000 + i) : Buffer.concat([good, Buffer.from(`${i}`)]));
		const r = await other.reload();
		const now = await pid();
		if (broken) {
			assert.equal(r.code, 1, 'the operator is told');
			assert.match(r.out, /good\.so/);
			assert.equal(now, kept);
		} else {
			assert.equal(r.code, 0, r.out + r.err);
			assert.ok(!pids.has(now), 'a new process');
		}
		pids.add(now);
		kept = now;
	}
	stopped = true;
	await load;
	assert.deepEqual(bad, []);
	assert.ok(done > 100, `${done} sign-ins`);
	await other.stop();
	await until(() => ![...pids].some((p) => fs.existsSync(`/proc/${p}`)), 'the old processes to be gone');
});
