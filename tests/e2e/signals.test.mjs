// Every signal that there is, sent to a real daemon and to its adapter's process: only
// those that ask for it end it, and those drain first.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import { after, before, test } from 'node:test';
import { start, tenant, until } from './harness.mjs';

const person = { email: 'user@example.com', name: 'John Doe' };
const strays = ['SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGVTALRM', 'SIGPROF', 'SIGIO', 'SIGPWR', 'SIGSTKFLT', 'SIGXCPU', 'SIGXFSZ', 'SIGPIPE', 'SIGTTOU',
	'SIGCHLD', 'SIGURG', 'SIGWINCH', 'SIGCONT'].map((name) => [name, os.constants.signals[name]]);
// The C library keeps 32 and 33 to itself.
const realtime = Array.from({ length: 31 }, (_, i) => [`SIGRTMIN+${i}`, 34 + i]);

let gw;
before(async () => {
	gw = await start({ tenants: { alpha: tenant('alpha', { adapter: '{ module = "good.so"; }' }) } });
});

const state = async () => JSON.parse((await gw.ctl('--json', 'tenants')).out).find((t) => t.slug === 'alpha').adapter;
const pending = (pid) => {
	const text = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
	return ['SigPnd', 'ShdPnd'].some((name) => BigInt('0x' + text.match(new RegExp(`^${name}:\\s*(\\w+)$`, 'm'))[1]));
};

for (const [name, number] of [...strays, ...realtime])
	test(`${name} is no reason to end`, async () => {
		const { pid } = await state();
		assert.ok(number);
		for (const to of [gw.child.pid, pid]) {
			process.kill(to, number);
			await until(() => !pending(to), 'it to be taken');
		}
		assert.equal((await gw.handoff('alpha', person)).status, 302);
		assert.equal((await state()).pid, pid);
	});

for (const name of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'])
	test(`${name} to all of us is the gateway's affair: its adapter's process goes on`, async () => {
		const { pid } = await state();
		process.kill(pid, name);
		assert.equal((await gw.handoff('alpha', person)).status, 302);
		assert.equal((await state()).pid, pid);
		assert.match(fs.readFileSync(`/proc/${pid}/status`, 'utf8'), /^SigBlk:\s*0+$/m);
	});

test('SIGQUIT stops as SIGTERM does', async () => {
	await gw.stop('SIGQUIT');
	await gw.logs((l) => l.includes('"event":"stopped"'));
	gw = undefined;
});
after(() => gw?.stop());
