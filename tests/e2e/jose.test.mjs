// The gateway's tokens against an independent implementation of JOSE: what one
// seals the other opens, and what is not exactly ours is refused.
// needs: npm:jose
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as jose from 'jose';

const here = path.dirname(fileURLToPath(import.meta.url));
const build = path.resolve(process.env.USHER_BUILD ?? path.join(here, '../../build'));
const tool = process.env.JWE_TOOL ?? path.join(build, 'tests/e2e/jwe_tool');
const utf8 = new TextEncoder();

let dir, ring;

/** Run the tool: { status, out, err }. */
function run(args, input = '') {
	const r = spawnSync(tool, args, { input });
	assert.equal(r.error, undefined);
	return { status: r.status, out: r.stdout.toString(), err: r.stderr.toString().trim() };
}

function must(args, input) {
	const r = run(args, input);
	assert.equal(r.status, 0, `${args.join(' ')}: ${r.err}`);
	return r.out;
}

const seal = (text, tenant = 'acme', purpose = 'handoff') => must(['seal', ring, tenant, purpose], text);
const open = (token, tenant = 'acme', purpose = 'handoff') => run(['open', ring, tenant, purpose], token);

/** The derived keys, newest first: [{ kid, key }]. */
const keys = (tenant = 'acme', purpose = 'handoff') =>
	JSON.parse(must(['keys', ring, tenant, purpose])).map(({ kid, k }) => ({ kid, key: jose.base64url.decode(k) }));

/** Sealed by jose, under our header or another one. */
async function foreign(text, { key, kid } = keys()[0], header = { alg: 'dir', enc: 'A256GCM', kid, aud: 'acme' }) {
	return new jose.CompactEncrypt(utf8.encode(text)).setProtectedHeader(header).encrypt(key);
}

before(() => {
	dir = fs.mkdtempSync(path.join(os.tmpdir(), 'usher-jose-'));
	ring = path.join(dir, 'keyring');
	must(['create', ring]);
});
after(() => fs.rmSync(dir, { recursive: true, force: true }));

describe('sealed here, opened there', () => {
	for (const text of ['', '{}', JSON.stringify({ name: 'Zoë 💬' }), 'y'.repeat(2897)])
		test(`${Buffer.byteLength(text)} octets`, async () => {
			const { plaintext, protectedHeader } = await jose.compactDecrypt(seal(text), keys()[0].key);
			assert.equal(Buffer.from(plaintext).toString(), text);
			assert.deepEqual(protectedHeader, { alg: 'dir', enc: 'A256GCM', kid: keys()[0].kid, aud: 'acme' });
		});

	test('as a JWT, with the audience replicated in the header', async () => {
		const now = Math.floor(Date.now() / 1000);
		const claims = { iss: 'https://tickets.example.com', aud: 'acme', sub: '42', email: 'user@example.com', iat: now, exp: now + 120, jti: 'x' };
		const { payload } = await jose.jwtDecrypt(seal(JSON.stringify(claims)), keys()[0].key, {
			issuer: claims.iss, audience: 'acme', maxTokenAge: '2 min',
			keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'],
		});
		assert.deepEqual(payload, claims);
		// A tenant's claims in another tenant's token: the two disagree.
		await assert.rejects(jose.jwtDecrypt(seal(JSON.stringify({ ...claims, aud: 'other' })), keys()[0].key), { code: 'ERR_JWT_CLAIM_VALIDATION_FAILED', message: /replicated "aud"/ });
	});

	test('not with the key of another tenant or purpose', async () => {
		const token = seal('{}');
		for (const { key } of [...keys('other'), ...keys('acme', 'session')])
			await assert.rejects(jose.compactDecrypt(token, key), { code: 'ERR_JWE_DECRYPTION_FAILED' });
	});
});

describe('sealed there, opened here', () => {
	for (const text of ['', '{}', JSON.stringify({ name: 'Zoë 💬' }), 'y'.repeat(2000)])
		test(`${Buffer.byteLength(text)} octets`, async () => {
			const r = open(await foreign(text));
			assert.equal(r.status, 0, r.err);
			assert.equal(r.out, text);
		});

	test('an encrypted JWT', async () => {
		const [{ kid, key }] = keys();
		const token = await new jose.EncryptJWT({ email: 'user@example.com', aud: 'acme' })
			.setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid, aud: 'acme' }).encrypt(key);
		assert.equal(JSON.parse(open(token).out).email, 'user@example.com');
		assert.deepEqual(JSON.parse(must(['peek'], token)), { kid, aud: 'acme' });
	});

	test('not for another tenant or purpose', async () => {
		const token = await foreign('{}');
		assert.deepEqual([open(token, 'other').status, open(token, 'other').err], [1, 'not found']);
		assert.deepEqual([open(token, 'acme', 'session').status, open(token, 'acme', 'session').err], [1, 'not authentic']);
	});

	for (const [what, header] of [
		['members in another order', (kid) => ({ enc: 'A256GCM', alg: 'dir', kid, aud: 'acme' })],
		['no audience', (kid) => ({ alg: 'dir', enc: 'A256GCM', kid })],
		['a member more', (kid) => ({ alg: 'dir', enc: 'A256GCM', kid, aud: 'acme', typ: 'JWT' })],
		['another kid', () => ({ alg: 'dir', enc: 'A256GCM', kid: 'nobody', aud: 'acme' })],
		['another audience', (kid) => ({ alg: 'dir', enc: 'A256GCM', kid, aud: 'other' })],
		['several audiences', (kid) => ({ alg: 'dir', enc: 'A256GCM', kid, aud: ['acme'] })],
	])
		test(`refused: ${what}`, async () => {
			const [own] = keys();
			const r = open(await foreign('{}', own, header(own.kid)));
			assert.deepEqual([r.status, r.err, r.out], [1, 'not found', '']);
		});

	test('refused: another content encryption', async () => {
		const [{ kid: own, key }] = keys();
		const token = await foreign('{}', { kid: own, key }, { alg: 'dir', enc: 'A128CBC-HS256', kid: own, aud: 'acme' });
		assert.equal(open(token).status, 1);
	});

	test('refused: an encrypted key beside ours', async () => {
		const parts = (await foreign('{}')).split('.');
		parts[1] = 'AAAA';
		assert.equal(open(parts.join('.')).err, 'malformed');
	});
});

test('a rotation keeps both sides going', async () => {
	const [old] = keys();
	const here_ = seal('{"n":1}'), there = await foreign('{"n":2}', old);
	must(['rotate', ring]);
	const [fresh, second] = keys();
	assert.equal(second.kid, old.kid);
	assert.deepEqual(second.key, old.key);
	assert.notEqual(fresh.kid, old.kid);
	// What was under way still opens, here ...
	assert.equal(open(here_).out, '{"n":1}');
	assert.equal(open(there).out, '{"n":2}');
	// ... and there, where a set of keys is asked by kid.
	const pick = ({ kid }) => keys().find((k) => k.kid === kid).key;
	for (const token of [here_, seal('{"n":3}')])
		assert.match(Buffer.from((await jose.compactDecrypt(token, pick)).plaintext).toString(), /^{"n":[13]}$/);
	assert.equal(JSON.parse(must(['peek'], seal('{}'))).kid, fresh.kid);
});
