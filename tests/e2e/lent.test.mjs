// Sockets that a service manager lends: over restarts nobody is refused, and what the
// configuration does not name is told.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { Gateway, build, run, runUsherctl, temporary, tenant, top, until } from './harness.mjs';

/** A gateway whose one listener is lent; `say` orders it to start or stop. */
async function lender() {
	const gw = new Gateway({ gateway: { metrics: null, listen: null },
		tenants: { alpha: tenant('alpha', { url: null, home: null }) } });
	const ready = path.join(gw.dir, 'ready');
	const tool = spawn(path.join(build, 'tests/e2e/lend_tool'), [path.join(build, 'gateway/usherd'),
		'--config', gw.conf, '--foreground', '--ready-file', ready], { stdio: ['pipe', 'pipe', 'pipe'] });
	const lines = [], log = [];
	createInterface({ input: tool.stdout }).on('line', (l) => { lines.push(l); });
	createInterface({ input: tool.stderr }).on('line', (l) => { log.push(l); });
	const next = async () => { await until(() => lines.length, 'the lender'); return lines.shift(); };
	const ports = (await next()).split(' ').map(Number);
	const conf = path.join(gw.conf, 'gateway.conf');
	fs.writeFileSync(conf, fs.readFileSync(conf, 'utf8').replace('gateway = {', `gateway = {\n\tlisten = ( { url = "http://127.0.0.1:${ports[0]}"; } );`));
	return {
		gw, ports, log, ready, tool,
		start: async () => { tool.stdin.write('start\n'); await until(() => fs.existsSync(ready) || lines.length, 'ready'); assert.deepEqual(lines, [], log.join('\n')); },
		stop: async () => { tool.stdin.write('stop\n'); assert.equal(await next(), 'ended 0', log.join('\n')); },
		end: () => new Promise((done) => { tool.on('close', done); tool.stdin.end(); }),
	};
}

const post = (port) => new Promise((resolve, reject) => {
	const body = 'email=ann%40example.com&name=Ann';
	http.request({ host: '127.0.0.1', port, method: 'POST', path: '/api/auth/redirect/alpha', agent: false,
		headers: { Host: 'tickets.test', 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': body.length } },
	(r) => { r.resume(); r.on('end', () => resolve(r.statusCode)); }).on('error', reject).end(body);
});

test('restarts under load refuse nobody', async () => {
	const l = await lender();
	let answered = 0, isOver = false;
	const wrong = [];
	await l.start();
	const load = Array.from({ length: 8 }, async () => {
		while (!isOver)
			await post(l.ports[0]).then((status) => { answered++; if (status !== 302) wrong.push(status); }, (e) => wrong.push(e.code));
	});
	for (let i = 0; i < 3; i++) {
		const before = answered;
		await until(() => answered > before + 50, 'answers');
		await l.stop();
		await l.start();
	}
	isOver = true;
	await Promise.all(load);
	assert.deepEqual(wrong, []);
	// who came while nobody ran is answered by who comes next
	await l.stop();
	const waits = post(l.ports[0]);
	await l.start();
	assert.equal(await waits, 302);
	await l.stop();
	await l.end();
});

test('a socket that no listener names is told, and its line is not kept', async () => {
	const l = await lender();
	await l.start();
	const told = await until(() => l.log.map((line) => JSON.parse(line)).find((e) => e.event === 'lent_unused'), 'the event');
	assert.equal(told.port, l.ports[1]);
	assert.equal(told.address, '127.0.0.1');
	assert.match(told.remedy, /gateway\.listen/);
	const { out } = await runUsherctl('--config', l.gw.conf, 'status');
	assert.match(out, new RegExp(`http://127\\.0\\.0\\.1:${l.ports[0]}`));
	await l.stop();
	await l.end();
});

const hasSystemd = (process.env.PATH + ':/usr/bin').split(':').some((dir) => fs.existsSync(path.join(dir, 'systemd-analyze')));
test('the manual\'s units hold', { skip: !hasSystemd && 'systemd-analyze is not installed: apt-get install systemd' }, async () => {
	const dir = temporary('units'), page = fs.readFileSync(path.join(top, 'gateway/man/usherd.8'), 'utf8');
	const section = page.slice(page.indexOf('.Sh SOCKETS THAT ARE LENT'), page.indexOf('.Sh ENVIRONMENT'));
	const units = [...section.matchAll(/\.Pa (usher\.\w+)[^]*?\.Bd .*\n([^]*?)\.Ed/g)];
	assert.deepEqual(units.map(([, name]) => name), ['usher.socket', 'usher.service']);
	for (const [, name, text] of units)
		fs.writeFileSync(path.join(dir, name), text.replace(/\/usr\/local\/s?bin\//g, `${build}/gateway/`));
	const { code, out, err } = await run(['systemd-analyze', 'verify', ...units.map(([, name]) => path.join(dir, name))]);
	// what it says of other units of the machine is none of ours
	assert.deepEqual(`${out}${err}`.split('\n').filter((line) => line.includes('usher.')), [], `${code} ${out}${err}`);
});
