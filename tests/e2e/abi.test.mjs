// Adapters of other versions of the ABI, and what is no adapter, in the real
// daemon: inside it and in a process of their own, at the start and at a reload.
// What it cannot be sure to understand it refuses, and the old one serves on.
// needs: sqlite3
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { runUsherd, start, tenant, top } from './harness.mjs';

const header = fs.readFileSync(path.join(top, 'sdk/include/usher/adapter.h'), 'utf8');
const define = (name) => Number(new RegExp(`#define ${name} (\\d+)`).exec(header)[1]);
const [major, minor] = [define('USHER_ABI_MAJOR'), define('USHER_ABI_MINOR')];
const frozen = fs.readdirSync(path.join(top, 'tests/abi')).filter((name) => name.startsWith(`v${major}.`)).map((name) => `abi-${name}`);

const refused = {
	'wrong-magic': /it does not begin with USHER_MAGIC \(0x12345678 instead of 0x31485355\); build it with <usher\/adapter\.h>/,
	'other-major': new RegExp(`it was built for adapter ABI ${major + 1}\\.0 and this gateway runs ${major}\\.${minor}; build it with this gateway's SDK`),
	'newer-minor': new RegExp(`it was built for the newer adapter ABI ${major}\\.${minor + 1} and this gateway runs ${major}\\.${minor}; upgrade the gateway`),
	'unknown-flags': /it sets flags 0x4, of which this gateway does not know 0x4; upgrade the gateway/,
	'longer-garbage': /it has a hook that this gateway does not know \(at byte \d+ of \d+; \d+ are known\); upgrade the gateway/,
	'advisory-decides': /it says that it only advises \(USHER_ADVISORY\) and has a sync_user hook, which decides; leave out/,
	'null-entry': /usher_adapter_entry\(\) returned NULL; let it return the descriptor/,
	'no-entry': /it does not export usher_adapter_entry; is it an adapter\?/,
	'missing-symbol': /it cannot be loaded: .*usher_test_nobody_defines_this/,
};
// Shorter structs, and longer ones that say no more than we know.
const taken = ['older', 'longer', 'good'];

const person = { email: 'user@example.com', name: 'John Doe' };
const on = (module, isolation) => tenant('swap', {
	url: null, redirects: '[ "https://desk.example/" ]',
	adapter: `{ module = "${module}.so"; isolation = "${isolation}"; config = { greeting = "hi"; };
		secrets = ( { name = "desk"; file = "desk.secret"; } ); }`,
});
let gw;

before(async () => {
	gw = await start({ tenants: { other: tenant('other') } });
	fs.writeFileSync(path.join(gw.conf, 'desk.secret'), 'key', { mode: 0o600 });
});
after(() => gw?.stop());

const attributes = (email) => JSON.parse(JSON.parse(execFileSync('sqlite3', ['-cmd', '.timeout 60000', '-json', '-readonly', path.join(gw.state, 'usher.db'),
	`SELECT attributes FROM users WHERE email = '${email}'`], { encoding: 'utf8' }))[0].attributes);

test('there is an adapter of each frozen version', () => {
	assert.ok(frozen.includes(`abi-v${major}.${minor}`));
});

for (const isolation of ['none', 'process']) {
	for (const [module, says] of Object.entries(refused))
		test(`${isolation}: ${module} is refused, with the reason and what to do`, async () => {
			fs.rmSync(path.join(gw.conf, 'swap.conf'), { force: true });
			await gw.reload();
			gw.writeConf('swap', on(module, isolation));
			const check = await runUsherd('--config', gw.conf, '--check');
			assert.equal(check.code, 1, check.err);
			assert.match(check.out + check.err, says);
			assert.match(check.out + check.err, new RegExp(`swap\\.conf:\\d+: error: tenant swap: adapter\\.module ${module}\\.so cannot be used: `));
			// Nothing to go on with: this tenant alone does not serve.
			await gw.reload();
			assert.equal((await gw.handoff('swap', person)).status, 503);
			assert.equal((await gw.handoff('other', person)).status, 302);
		});

	test(`${isolation}: at a reload the old one serves on, whatever comes`, async () => {
		gw.writeConf('swap', on('older', isolation));
		assert.equal((await gw.reload()).code, 0);
		let n = 0;
		for (const [module, says] of Object.entries(refused)) {
			gw.writeConf('swap', on(module, isolation));
			assert.match((await gw.reload()).out, says);
			assert.match((await gw.ctl('status')).out, says);
			const email = `${isolation}${++n}@example.com`;
			await gw.arrive('swap', { email, name: 'S' });
			assert.deepEqual(attributes(email), { age: 'old' }, `the old one, after ${module}`);
		}
	});

	for (const module of taken)
		test(`${isolation}: ${module} is taken`, async () => {
			gw.writeConf('swap', on(module, isolation));
			const reload = await gw.reload();
			assert.equal(reload.code, 0, reload.out);
			const email = `${module}-${isolation}@example.com`;
			const r = await gw.handoff('swap', { email, name: 'S', plan: 'pro' });
			assert.equal(r.status, 302, r.text);
		});

	for (const module of frozen)
		test(`${isolation}: ${module} does its work`, async () => {
			gw.writeConf('swap', on('older', isolation));
			await gw.reload();
			gw.writeConf('swap', on(module, isolation));
			assert.equal((await gw.reload()).code, 0);
			const said = await gw.handoff('swap', { name: 'S', error: 'x' });
			assert.deepEqual(said.json().errors, { error: ['As asked.'] });
		});
}
