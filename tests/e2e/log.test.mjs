// The log, as those meet it who do not read it: nobody in the gateway waits for them,
// and what they missed is told. Files that are rotated, adapters that say too much.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Gateway, start, temporary, tenant, until } from './harness.mjs';

const person = { email: 'user@example.com', name: 'John Doe' };
const adapter = (module, more = '') => ({ adapter: `{ module = "${module}"; ${more} }` });
const guard = { timeout: 900000 };

/** A pipe as the standard error of a gateway. It is read when somebody calls drain(). */
function pipe() {
	const file = path.join(temporary('log'), 'stderr');
	execFileSync('mkfifo', [file]);
	const fd = fs.openSync(file, fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
	const self = {
		through: ['sh', '-c', 'exec "$@" 2> "$0"', file],
		text: '',
		/** So that nothing more goes in. */
		fill() {
			const junk = Buffer.from('x'.repeat(4095) + '\n');
			try {
				for (;;)
					fs.writeSync(fd, junk);
			} catch (error) {
				assert.equal(error.code, 'EAGAIN');
			}
		},
		drain() {
			const chunk = Buffer.alloc(1 << 16);
			try {
				for (;;)
					self.text += chunk.toString('utf8', 0, fs.readSync(fd, chunk));
			} catch (error) {
				assert.equal(error.code, 'EAGAIN');
			}
			return self.text.slice(0, self.text.lastIndexOf('\n')).split('\n').filter((l) => !l.startsWith('xxxx'));
		},
	};
	return self;
}

const metric = async (gw, name) => Number((await gw.metrics()).split('\n').find((l) => l.startsWith(`${name} `))?.slice(name.length + 1) ?? NaN);
const events = (lines, event) => lines.filter((l) => l.includes(`"event":"${event}"`)).map((l) => JSON.parse(l));
const sum = (list) => list.reduce((n, e) => n + e.count, 0);
const state = async (gw, slug) => JSON.parse((await gw.ctl('--json', 'tenants')).out).find((t) => t.slug === slug).adapter;
const generation = async (gw) => JSON.parse((await gw.ctl('--json', 'status')).out).generation;

test('a pipe that nobody reads stops nobody, and the loss is told', guard, async () => {
	const stderr = pipe();
	// Broken, each in words of its own: what several have in common is one line.
	const many = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`t${i}`, tenant(`t${i}`, { url: null, home: `"home-${i}"` })]));
	const gw = await start({
		through: stderr.through,
		tenants: { ...many, alpha: tenant('alpha', adapter('good.so')), beta: tenant('beta', adapter('faults.so')) },
	});
	stderr.fill();
	// One adapter crashes, and the neighbour's answers come from the same supervisor.
	const { pid } = await state(gw, 'beta');
	assert.equal((await gw.handoff('beta', { ...person, fault: 'send_junk' })).status, 502);
	await until(async () => {
		const now = await state(gw, 'beta');
		return now.pid && now.pid !== pid;
	}, 'a new process');
	for (let i = 0; i < 5; i++)
		assert.equal((await gw.handoff('alpha', person)).status, 302);
	// The operator's ways in.
	const before = await generation(gw);
	assert.equal((await gw.reload()).code, 1);
	gw.child.kill('SIGHUP');
	await until(async () => await generation(gw) === before + 2, 'the reload');
	// Until there is more than is kept.
	await until(async () => {
		assert.equal((await gw.reload()).code, 1);
		return await metric(gw, 'usher_log_dropped_total') > 100;
	}, 'lines to be dropped');
	assert.equal((await gw.handoff('alpha', person)).status, 302);
	// The reader is back.
	stderr.drain();
	await until(async () => sum(events(stderr.drain(), 'log_dropped')) === await metric(gw, 'usher_log_dropped_total'), 'the loss to be told');
	assert.ok(events(stderr.drain(), 'adapter_process_failed').some((e) => e.tenant === 'beta'));
	await gw.stop();
	assert.equal(events(stderr.drain(), 'stopped').length, 1);
});

for (const signal of ['SIGTERM', 'SIGQUIT'])
	test(`${signal} ends it while nobody reads`, guard, async () => {
		const stderr = pipe();
		const gw = await start({ through: stderr.through, tenants: { alpha: tenant('alpha', adapter('good.so')), beta: tenant('beta', adapter('faults.so')) } });
		stderr.fill();
		assert.equal((await gw.handoff('beta', { ...person, fault: 'send_junk' })).status, 502);
		await gw.stop(signal);
	});

test('it starts while nobody reads', guard, async () => {
	const stderr = pipe();
	stderr.fill();
	const gw = await start({ through: stderr.through, tenants: { alpha: tenant('alpha', adapter('good.so')) } });
	assert.equal((await gw.handoff('alpha', person)).status, 302);
	assert.ok(events(stderr.drain(), 'ready').length <= 1);
	await until(() => events(stderr.drain(), 'ready').length, 'the line that was kept');
	await gw.stop();
});

test('a log file is opened anew after a rotation', guard, async () => {
	const dir = temporary('log'), file = path.join(dir, 'log'), old = path.join(dir, 'log.1');
	const gw = await start({ gateway: { log: `{ level = "debug"; format = "json"; file = "${file}"; }` }, tenants: { alpha: tenant('alpha') } });
	const lines = (name) => fs.readFileSync(name, 'utf8').split('\n').filter(Boolean);
	const done = (name) => events(lines(name), 'request_done').length;
	assert.equal(fs.statSync(file).mode & 0o7777, 0o640);
	await until(() => events(lines(file), 'ready').length, 'the first lines');
	assert.equal(gw.log.filter((l) => l.includes('"ready"')).length, 0);
	fs.renameSync(file, old);
	// Until then it goes on where it was.
	assert.equal((await gw.handoff('alpha', person)).status, 302);
	await until(() => done(old) === 1, 'the line in the old one');
	gw.child.kill('SIGUSR1');
	await until(() => fs.existsSync(file) && events(lines(file), 'log_reopened').length, 'the new file');
	assert.equal((await gw.handoff('alpha', person)).status, 302);
	await until(() => done(file) === 1, 'the line in the new one');
	assert.equal(done(old), 1);
	// Where it cannot be made, the old one is kept, and says so.
	fs.renameSync(file, old);
	fs.mkdirSync(file);
	gw.child.kill('SIGUSR1');
	await until(() => events(lines(old), 'log_not_reopened').length, 'the complaint');
	assert.equal((await gw.handoff('alpha', person)).status, 302);
	await gw.stop();
	assert.equal(events(lines(old), 'stopped').length, 1);
});

test('a log file that cannot be made keeps it from starting, and it says why', guard, async () => {
	const file = path.join(temporary('log'), 'no/such/place');
	const gw = new Gateway({ gateway: { log: `{ format = "json"; file = "${file}"; }` }, tenants: { alpha: tenant('alpha') } });
	await assert.rejects(gw.start(), (error) => error.message.includes('"config_finding"') && error.message.includes(file) && error.message.includes('No such file'));
	assert.equal(gw.exited.code, 1);
});

test('level and format change with a reload; the file is named as waiting for a restart', guard, async () => {
	const gw = await start({ tenants: { alpha: tenant('alpha') } });
	const conf = fs.readFileSync(path.join(gw.conf, 'gateway.conf'), 'utf8');
	const change = async (log) => {
		gw.writeConf('gateway', conf.replace(/\tlog = .*\n/, `\tlog = ${log};\n`));
		assert.equal((await gw.reload()).code, 0);
	};
	await change('{ level = "info"; format = "text"; }');
	await until(() => gw.log.some((l) => / info reloaded /.test(l)), 'text');
	const seen = gw.log.length;
	assert.equal((await gw.handoff('alpha', person)).status, 302);
	await change(`{ level = "debug"; format = "json"; file = "${path.join(temporary('log'), 'log')}"; }`);
	await until(() => events(gw.log, 'reloaded').length, 'json');
	assert.ok(!gw.log.slice(seen).some((l) => l.includes('request_done')));
	assert.match((await gw.ctl('status')).out, /log\.file/);
	await gw.stop();
});

for (const isolation of ['process', 'none'])
	test(`what an adapter says too much is counted and told: isolation = ${isolation}`, guard, async () => {
		const gw = await start({
			gateway: { adapter_log: 5 },
			tenants: { alpha: tenant('alpha', adapter('hostile.so', `isolation = "${isolation}";`)), beta: tenant('beta', adapter('hostile.so', `isolation = "${isolation}";`)) },
		});
		const all = 20 * 32, began = Date.now();
		for (let i = 0; i < 20; i++)
			assert.equal((await gw.handoff('alpha', { ...person, sin: 'log' })).status, 302);
		const said = () => events(gw.log, 'adapter_says').filter((e) => e.tenant === 'alpha').length;
		const told = () => sum(events(gw.log, 'adapter_log_dropped').filter((e) => e.tenant === 'alpha'));
		await until(() => said() + told() >= all, 'each line to be there or told');
		assert.equal(said() + told(), all);
		assert.ok(said() <= 5 * ((Date.now() - began) / 1000 + 2), `${said()}`);
		assert.equal(await metric(gw, 'usher_adapter_log_dropped_total{tenant="alpha"}'), told());
		assert.equal(events(gw.log, 'adapter_log_dropped').filter((e) => e.tenant !== 'alpha').length, 0);
		await gw.stop();
	});

test('what is said about a failing adapter has a rate, too', guard, async () => {
	const gw = await start({ gateway: { adapter_log: 3 }, tenants: { alpha: tenant('alpha', adapter('faults.so')) } });
	const began = Date.now();
	for (let i = 0; i < 40; i++)
		assert.equal((await gw.handoff('alpha', { ...person, fault: 'fail' })).status, 502);
	const said = () => events(gw.log, 'adapter_failed').length + events(gw.log, 'request_failed').length;
	const told = () => sum(events(gw.log, 'adapter_events_dropped'));
	await until(() => said() + told() >= 80, 'each event to be there or told');
	assert.equal(said() + told(), 80);
	assert.ok(said() <= 3 * ((Date.now() - began) / 1000 + 2), `${said()}`);
	assert.equal(await metric(gw, 'usher_adapter_events_dropped_total{tenant="alpha"}'), told());
	await gw.stop();
});
