// instructions: what one handoff takes of the gateway's own code and of the
// libraries below it, by callgrind: the difference between two runs, so that
// start and stop do not count. It does not depend on what else the machine
// does; the kernel's share is not in it. memset() is told apart: where it is
// the processor's own instruction, each octet counts as one.
//
//	USHER_BUILD=... node tests/bench/instructions.mjs [SECOND [FIRST]]
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { start, temporary, tenant } from '../e2e/harness.mjs';

const CLIENTS = 16, USERS = 500;
const second = Number(process.argv[2] ?? 2500), first = Number(process.argv[3] ?? 500);

/** { all, memset }: instructions of a whole run. */
function read(file) {
	const names = new Map(), sum = { all: 0, memset: 0 };
	let name = '', isCall = false;
	for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
		const fn = line.match(/^fn=\((\d+)\)(?: (.*))?$/);
		if (fn) {
			if (fn[2] !== undefined)
				names.set(fn[1], fn[2]);
			name = names.get(fn[1]);
		} else if (line.startsWith('calls=')) {
			isCall = true;
		} else if (/^[\d+*-]/.test(line)) {
			const cost = isCall ? 0 : Number(line.split(' ')[1] ?? 0);
			isCall = false;
			sum.all += cost;
			if (name.includes('memset'))
				sum.memset += cost;
		} else {
			// names of calls carry their number's meaning too
			const other = line.match(/^cfn=\((\d+)\) (.*)$/);
			if (other)
				names.set(other[1], other[2]);
		}
	}
	return sum;
}

async function run(count) {
	const file = path.join(temporary('instructions'), 'callgrind.out');
	const gw = await start({
		through: ['valgrind', '--tool=callgrind', `--callgrind-out-file=${file}`],
		gateway: { workers: 1, log: '{ level = "error"; format = "json"; }', rate_limit: '{ requests = 1000000; per = 3600; }' },
		tenants: { alpha: tenant('alpha') },
	});
	const agent = new http.Agent({ keepAlive: true, maxSockets: CLIENTS });
	let sent = 0;
	await Promise.all(Array.from({ length: CLIENTS }, async () => {
		while (sent < count) {
			const n = sent++;
			const user = { email: `user${n % USERS}@example.com`, name: `Name ${n}`, redirect_url: 'https://ticket.alpha.test/dashboard' };
			const { status, text } = await gw.handoff('alpha', user, { plain: true, agent });
			if (status !== 302)
				throw new Error(`${status} ${text}`);
		}
	}));
	agent.destroy();
	await gw.stop();
	return read(file);
}

const few = await run(first), many = await run(second);
const each = (key) => (many[key] - few[key]) / (second - first);
console.log(`instructions a handoff: ${Math.round(each('all') - each('memset'))}, and ${Math.round(each('memset'))} in memset()`);
