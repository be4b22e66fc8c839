// Signed assertions from other hands: Node's crypto, npm's jose, PHP and Python
// make them; `usherctl verify` and the gateway itself judge them, and agree. And
// the other way: what `usherctl sign` makes, jose verifies. Then the usual
// mistakes, each made and named.
// needs: npm:jose
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import * as jose from 'jose';
import { Gateway, build, temporary, tenant } from './harness.mjs';

const ALGORITHMS = ['HS256', 'RS256', 'ES256', 'EdDSA'];
const dir = temporary('jws'), of = (name) => path.join(dir, name);
const secret = crypto.randomBytes(32).toString('base64');
const pairs = {
	RS256: crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }),
	ES256: crypto.generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
	EdDSA: crypto.generateKeyPairSync('ed25519'),
};
const issuer = 'https://alpha.test';
const has = (...command) => spawnSync(command[0], command.slice(1)).status === 0;
const php = has('php', '-r', 'exit(function_exists("openssl_sign") ? 0 : 1);') ? false : 'php-cli is not installed';
const python = has('python3', '-c', 'import hmac') ? false : 'python3 is not installed';

let gw;

before(async () => {
	fs.writeFileSync(of('secret'), `${secret}\n`, { mode: 0o600 });
	fs.writeFileSync(of('binary'), Buffer.concat([Buffer.from([255, 254]), crypto.randomBytes(40), Buffer.from('x')]), { mode: 0o600 });
	fs.writeFileSync(of('hex'), crypto.randomBytes(32).toString('hex'), { mode: 0o600 });
	fs.writeFileSync(of('spaced'), `${secret.slice(1)}x\n\n`, { mode: 0o600 });
	for (const [name, { publicKey, privateKey }] of Object.entries(pairs)) {
		fs.writeFileSync(of(`${name}.pub`), publicKey.export({ type: 'spki', format: 'pem' }));
		fs.writeFileSync(of(`${name}.key`), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
	}
	const key = (kid, algorithm, setting, file) => `{ kid = "${kid}"; algorithm = "${algorithm}"; ${setting} = ${JSON.stringify(of(file))}; }`;
	const publics = Object.keys(pairs).map((name) => key(name, name, 'public_key', `${name}.pub`));
	gw = new Gateway({
		tenants: {
			alpha: tenant('alpha', { identity: '"signed"', issuer: JSON.stringify(issuer), assertion_max_age: 300, keys: `( ${[key('HS256', 'HS256', 'secret_file', 'secret'), ...publics].join(', ')} )` }),
			beta: tenant('beta', { identity: '"signed"', keys: `( ${['binary', 'hex', 'spaced'].map((name) => key(name, 'HS256', 'secret_file', name)).join(', ')} )` }),
			gamma: tenant('gamma', { url: null, home: null, origins: null, identity: '"signed"', keys: `( ${key('only', 'EdDSA', 'public_key', 'EdDSA.pub')} )` }),
			delta: tenant('delta', { url: null, home: null, origins: null }),
		},
	});
	await gw.start();
});
after(() => gw?.stop());

const b64 = (value) => Buffer.from(value).toString('base64url');
const now = () => Math.floor(Date.now() / 1000);
const claims = (more = {}) => ({ iss: issuer, aud: 'alpha', email: 'user@example.com', name: 'Zoë Doe', iat: now(), exp: now() + 120, jti: crypto.randomUUID(), ...more });
const digestOf = (name) => (name === 'EdDSA' ? null : 'sha256');

/** By Node's crypto: the header and what is signed, as they are given. */
function make(name, payload, { header = {}, key, sign } = {}) {
	const input = `${b64(JSON.stringify({ alg: name, kid: name, ...header }))}.${b64(typeof payload === 'string' ? payload : JSON.stringify(payload))}`;
	const signature = sign ? sign(input) : name === 'HS256' ?
		crypto.createHmac('sha256', key ?? secret).update(input).digest() :
		crypto.sign(digestOf(name), Buffer.from(input), { key: key ?? pairs[name].privateKey, dsaEncoding: 'ieee-p1363' });
	return `${input}.${b64(signature)}`;
}

function usherctl(args, input = '') {
	const r = spawnSync(path.join(build, 'gateway/usherctl'), ['--config', gw.conf, ...args], { input });
	assert.equal(r.error, undefined);
	return { code: r.status, out: r.stdout.toString(), err: r.stderr.toString() };
}

function verify(token, slug = 'alpha') {
	const r = usherctl(['--json', 'verify', slug], token);
	assert.equal(r.err, '');
	const answer = JSON.parse(r.out);
	assert.equal(r.code, answer.good ? 0 : 1);
	assert.equal(answer.good, answer.checks.every((c) => c.verdict === 'good'));
	return { ...answer, row: (name) => answer.checks.find((c) => c.name === name) };
}

/** What the gateway itself says: "good", or the code. */
async function gateway(token, slug = 'alpha') {
	const r = await gw.handoff(slug, { assertion: token, response: 'json' }, { headers: { Accept: 'application/json' } });
	return r.status === 200 ? 'good' : r.json().code;
}

async function agree(token, expected, slug) {
	const answer = verify(token, slug);
	assert.equal(answer.good ? 'good' : answer.code, expected);
	assert.equal(await gateway(token, slug), expected);
	return answer;
}

describe('made elsewhere, good here', () => {
	for (const name of ALGORITHMS) {
		test(`${name}, by Node`, async () => {
			const answer = await agree(make(name, claims({ sub: '42', plan: 'gold' })), 'good');
			assert.deepEqual(answer.claims, { email: 'user@example.com', name: 'Zoë Doe', plan: 'gold' });
			assert.equal(answer.sub, '42');
		});
		test(`${name}, by jose`, async () => {
			const key = name === 'HS256' ? new TextEncoder().encode(secret) : pairs[name].privateKey;
			await agree(await new jose.SignJWT(claims()).setProtectedHeader({ alg: name, typ: 'JWT', kid: name }).sign(key), 'good');
		});
	}

	test('HS256 and RS256, by PHP', { skip: php }, async () => {
		const script = `
			function b64($s) { return rtrim(strtr(base64_encode($s), '+/', '-_'), '='); }
			[, $alg, $claims, $file] = $argv;
			$input = b64(json_encode(['alg' => $alg, 'kid' => $alg, 'typ' => 'JWT'])) . '.' . b64($claims);
			$key = file_get_contents($file);
			if ($alg === 'HS256')
				$signature = hash_hmac('sha256', $input, trim($key), true);
			else
				openssl_sign($input, $signature, $key, OPENSSL_ALGO_SHA256);
			echo $input . '.' . b64($signature);`;
		for (const [name, file] of [['HS256', 'secret'], ['RS256', 'RS256.key']]) {
			const r = spawnSync('php', ['-r', script, '--', name, JSON.stringify(claims()), of(file)]);
			assert.equal(r.status, 0, r.stderr.toString() + r.stdout);
			await agree(r.stdout.toString(), 'good');
		}
		// What openssl_sign() makes of a key for ES256 is DER.
		const r = spawnSync('php', ['-r', script, '--', 'ES256', JSON.stringify(claims()), of('ES256.key')]);
		assert.equal((await agree(r.stdout.toString(), 'assertion_signature')).mistake.name, 'der_signature');
	});

	test("HS256, by Python's standard library", { skip: python }, async () => {
		const script = `
import base64, hashlib, hmac, json, sys
b64 = lambda b: base64.urlsafe_b64encode(b).rstrip(b'=')
secret = open(sys.argv[2], 'rb').read().rstrip(b'\\n')
text = b64(json.dumps({'alg': 'HS256', 'kid': 'HS256'}).encode()) + b'.' + b64(sys.argv[1].encode())
sys.stdout.buffer.write(text + b'.' + b64(hmac.new(secret, text, hashlib.sha256).digest()) + b'\\n')`;
		const r = spawnSync('python3', ['-c', script, JSON.stringify(claims()), of('secret')]);
		assert.equal(r.status, 0, r.stderr.toString());
		await agree(r.stdout.toString(), 'good');
	});

	test('without a kid, where there is one key', async () => {
		const text = make('EdDSA', claims({ iss: 'anybody', aud: ['other', 'gamma'] }), { header: { kid: undefined } });
		await agree(text, 'good', 'gamma');
		await agree(make('EdDSA', claims(), { header: { kid: undefined } }), 'assertion_key_unknown');
	});
});

describe('made here, good elsewhere', () => {
	for (const name of ALGORITHMS)
		test(name, async () => {
			const key = name === 'HS256' ? [] : ['--key', of(`${name}.key`)];
			const r = usherctl(['sign', 'alpha', '--kid', name, ...key, '--email', 'user@example.com', '--name', 'Zoë "Z" <Doe>', '--sub', '7', 'plan=gold']);
			assert.equal(r.code, 0, r.err);
			const token = r.out.trimEnd();
			const { payload, protectedHeader } = await jose.jwtVerify(token, name === 'HS256' ? new TextEncoder().encode(secret) : pairs[name].publicKey,
				{ issuer, audience: 'alpha', algorithms: [name], maxTokenAge: '2 min' });
			assert.deepEqual(protectedHeader, { alg: name, typ: 'JWT', kid: name });
			const { iat, exp, jti, ...rest } = payload;
			assert.deepEqual(rest, { iss: issuer, aud: 'alpha', sub: '7', email: 'user@example.com', name: 'Zoë "Z" <Doe>', plan: 'gold' });
			assert.equal(exp - iat, 300);
			assert.match(jti, /^[\w-]{22}$/);
			await agree(token, 'good');
		});

	test('without a tenant, from a key alone', async () => {
		const r = usherctl(['--json', 'sign', '--key', of('ES256.key'), '--algorithm', 'ES256', '--kid', 'ES256', '--aud', 'alpha', '--iss', issuer, '--lifetime', '60', '--email', 'a@b.example', '--name', 'A']);
		assert.equal(r.code, 0, r.err);
		const { assertion, claims: said } = JSON.parse(r.out);
		assert.equal(said.exp - said.iat, 60);
		await agree(assertion, 'good');
	});

	for (const [what, args, code, why] of [
		['neither a tenant nor a key', ['--email', 'a@b.example'], 2, /SLUG is needed/],
		['a key without its algorithm', ['--key', 'KEY', '--aud', 'x'], 2, /--algorithm is needed/],
		['another algorithm', ['alpha', '--key', 'KEY', '--algorithm', 'HS512'], 2, /--algorithm is HS256/],
		['nobody it is for', ['--key', 'KEY', '--algorithm', 'ES256'], 2, /--aud/],
		['a key of another kind', ['alpha', '--key', 'KEY', '--algorithm', 'RS256'], 1, /of another kind/],
		['a public key', ['alpha', '--kid', 'ES256', '--key', 'PUBLIC'], 1, /a public key/],
		['the public half alone', ['alpha', '--kid', 'ES256'], 1, /public half/],
		['a file that is not there', ['alpha', '--kid', 'ES256', '--key', '/nowhere'], 1, /nowhere: No such file/],
		['no such key', ['alpha', '--kid', 'x'], 1, /no key of that name/],
		['no keys', ['delta'], 1, /none at all/],
		['no such tenant', ['nobody'], 1, /there is no tenant "nobody" in this configuration/],
		['a lifetime of nothing', ['alpha', '--lifetime', '0'], 2, /--lifetime is 1 to/],
		['a claim twice', ['alpha', 'plan=a', 'plan=b'], 2, /plan: is given twice/],
		['a claim that an option gives', ['alpha', '--email', 'a@b.example', 'email=x'], 2, /email: is given twice/],
		['a claim that is made here', ['alpha', 'exp=1'], 2, /exp is made here/],
		['no claim', ['alpha', 'plan'], 2, /NAME=VALUE/],
	])
		test(`refused: ${what}`, () => {
			const r = usherctl(['sign', ...args.map((a) => ({ KEY: of('ES256.key'), PUBLIC: of('ES256.pub') })[a] ?? a)]);
			assert.equal(r.code, code, r.err);
			assert.match(r.err, why);
			assert.equal(r.out, '');
		});
});

describe('one row for each check, as the gateway has it', () => {
	const good = () => make('HS256', claims());
	for (const [what, code, row, token] of [
		['nothing', 'assertion_missing', 'form', () => ' \n'],
		['no JWS', 'assertion_malformed', 'form', () => 'x.y'],
		['five parts', 'assertion_malformed', 'form', () => 'a.b.c.d.e'],
		['crit', 'assertion_key_unknown', 'form', () => make('HS256', claims(), { header: { crit: ['b64'] } })],
		['alg none', 'assertion_algorithm', 'alg', () => `${b64('{"alg":"none","kid":"HS256"}')}.${b64(JSON.stringify(claims()))}.`],
		['another alg', 'assertion_algorithm', 'alg', () => make('HS256', claims(), { header: { alg: 'RS256' } })],
		['another kid', 'assertion_key_unknown', 'kid', () => make('HS256', claims(), { header: { kid: 'x' } })],
		['another secret', 'assertion_signature', 'signature', () => make('HS256', claims(), { key: 'x'.repeat(32) })],
		['its payload exchanged', 'assertion_signature', 'signature', () => good().replace(/\.[^.]+\./, `.${b64(JSON.stringify(claims({ email: 'boss@example.com' })))}.`)],
		['typ', 'assertion_type', 'typ', () => make('HS256', claims(), { header: { typ: 'logout+jwt' } })],
		['no JSON', 'assertion_malformed', 'payload', () => make('HS256', '{"email":')],
		['iss', 'assertion_issuer', 'iss', () => make('HS256', claims({ iss: 'https://evil.test' }))],
		['aud', 'assertion_audience', 'aud', () => make('HS256', claims({ aud: 'beta' }))],
		['exp', 'assertion_expired', 'exp', () => make('HS256', claims({ iat: now() - 400, exp: now() - 200 }))],
		['iat', 'assertion_not_yet', 'iat, nbf', () => make('HS256', claims({ iat: now() + 400, exp: now() + 500 }))],
		['a long life', 'assertion_lifetime', 'exp - iat', () => make('HS256', claims({ exp: now() + 4000 }))],
		['no jti', 'assertion_claim', 'claims', () => make('HS256', claims({ jti: undefined }))],
		['sub a number', 'assertion_subject', 'sub', () => make('HS256', claims({ sub: 42 }))],
	])
		test(what, async () => {
			const answer = await agree(token(), code);
			assert.equal(answer.row(row).verdict, 'refused');
			assert.equal(answer.row(row).code, code);
			assert.ok(answer.row(row).hint);
		});

	// The gateway has no field of that length.
	test('too long', () => {
		const answer = verify(make('HS256', claims({ pad: 'x'.repeat(7000) })));
		assert.deepEqual([answer.row('form').code, answer.row('alg').verdict], ['assertion_malformed', 'not_looked_at']);
		assert.match(answer.row('form').hint, /at most 8192 are allowed/);
	});

	test('all that is wrong is told at once, for people too', () => {
		const token = make('HS256', claims({ iss: 'x', aud: 'y', sub: 1 }), { key: 'z'.repeat(40) });
		assert.deepEqual(verify(token).checks.filter((c) => c.verdict === 'refused').map((c) => c.code),
			['assertion_signature', 'assertion_issuer', 'assertion_audience', 'assertion_subject']);
		fs.writeFileSync(of('token'), `${token}\n`);
		const r = usherctl(['verify', 'alpha', of('token')]);
		assert.equal(r.code, 1);
		assert.match(r.out, /^form +good\n/);
		assert.match(r.out, /^signature +REFUSED, assertion_signature: it does not hold under the key "HS256" \(HS256\)\nmistake +none of the usual ones/m);
		assert.match(r.out, /^iss +REFUSED, assertion_issuer: iss is "x"/m);
		assert.match(r.out, /\nrefused: assertion_signature\n$/);
		assert.match(usherctl(['verify', 'alpha', '-'], good()).out, /\ngood, and so signs in user@example\.com\n$/);
	});

	test('a secret or the right signature is nowhere in it', () => {
		const token = make('HS256', claims(), { key: `${secret}\n` });
		const right = make('HS256', JSON.parse(Buffer.from(token.split('.')[1], 'base64url'))).split('.')[2];
		for (const how of [[], ['--json']]) {
			const { out } = usherctl([...how, 'verify', 'alpha'], token);
			assert.ok(!out.includes(secret) && !out.includes(right));
		}
	});

	test('what cannot be read, or judged', () => {
		// what a partner's server answers
		assert.match(usherctl(['verify', 'alpha'], JSON.stringify({ email: 'x@example.com', assertion: good() })).out, /\ngood, and so signs in user@example\.com\n$/);
		for (const odd of ['{"email":"x@example.com"}', '{"assertion":{}}', '{"assertion":"a.b.c"', '{}'])
			assert.match(usherctl(['verify', 'alpha'], odd).out, /^form +REFUSED, assertion_(malformed|missing)/);
		assert.match(usherctl(['verify', 'alpha', '/nowhere']).err, /nowhere: No such file/);
		assert.match(usherctl(['verify', 'alpha'], 'x'.repeat(40000)).err, /more than 32768 octets/);
		assert.match(usherctl(['verify', 'delta'], good()).err, /has no keys/);
		assert.equal(usherctl(['verify', 'alpha', of('token'), 'x']).code, 2);
		fs.writeFileSync(path.join(gw.conf, 'broken.conf'), 'tenant = {\n\tslug = "broken";\n\tname = 5;\n};\n');
		assert.match(usherctl(['verify', 'broken'], good()).err, /^usherctl: tenant "broken" is broken: .*broken\.conf:3: name/m);
		fs.rmSync(path.join(gw.conf, 'broken.conf'));
	});
});

describe('usual mistakes are named', () => {
	const hs = (key, kid = 'HS256', slug = 'alpha') => make('HS256', claims({ aud: slug }), { key, header: { kid } });
	const file = (name) => fs.readFileSync(of(name));
	const signature = 'assertion_signature';

	for (const [what, name, kid, slug, code, token] of [
		['a line end behind the secret', 'line_end', 'HS256', 'alpha', signature, () => hs(`${secret}\n`)],
		['one of Windows', 'line_end', 'HS256', 'alpha', signature, () => hs(`${secret}\r\n`)],
		['one that the secret here has', 'white_space', 'spaced', 'beta', signature, () => hs(file('spaced').toString().trim(), 'spaced', 'beta')],
		['a secret that was base64-decoded', 'base64_decoded', 'HS256', 'alpha', signature, () => hs(Buffer.from(secret, 'base64'))],
		['one that was encoded', 'base64_encoded', 'binary', 'beta', signature, () => hs(file('binary').toString('base64'), 'binary', 'beta')],
		['a secret that was hex-decoded', 'hex_decoded', 'hex', 'beta', signature, () => hs(Buffer.from(file('hex').toString(), 'hex'), 'hex', 'beta')],
		['one that was encoded, in hex', 'hex_encoded', 'binary', 'beta', signature, () => hs(file('binary').toString('hex'), 'binary', 'beta')],
		['the key of another kid', 'other_kid', 'hex', 'beta', signature, () => hs(file('hex'), 'binary', 'beta')],
		['a kid that nobody has', 'other_kid', 'HS256', 'alpha', 'assertion_key_unknown', () => hs(secret, 'x')],
		['a public key as secret', 'pem_secret', 'RS256', 'alpha', 'assertion_algorithm', () => hs(file('RS256.pub'), 'RS256')],
		['the HMAC in hex', 'hex_signature', 'HS256', 'alpha', signature, () => make('HS256', claims(), { sign: (input) => crypto.createHmac('sha256', secret).update(input).digest('hex') })],
		['ES256 in DER', 'der_signature', 'ES256', 'alpha', signature, () => make('ES256', claims(), { sign: (input) => crypto.sign('sha256', Buffer.from(input), pairs.ES256.privateKey) })],
	])
		test(what, async () => {
			const answer = await agree(token(), code, slug);
			assert.deepEqual([answer.mistake?.name, answer.mistake?.kid], [name, kid]);
			assert.ok(answer.mistake.remedy);
			assert.match(usherctl(['verify', slug], token()).out, new RegExp(`^mistake +.*"${kid}"`, 'm'));
		});

	test('digits of hex in the place of a signature', async () => {
		const token = make('HS256', claims());
		const [head, payload] = token.split('.');
		const hex = crypto.createHmac('sha256', secret).update(`${head}.${payload}`).digest('hex');
		assert.equal((await agree(`${head}.${payload}.${hex}`, signature)).mistake.name, 'hex_signature');
	});

	const good = () => make('HS256', claims());
	for (const [name, odd] of [
		['bearer', (t) => `Bearer ${t}`], ['quotes', (t) => `"${t}"`], ['json', () => JSON.stringify(claims())],
		['percent', (t) => t.replaceAll('.', '%2E')], ['lines', (t) => `${t.slice(0, 76)}\n${t.slice(76)}`],
		['padding', (t) => `${t}=`], ['alphabet', (t) => `${t.slice(0, -5)}+/+/A`],
		['encrypted', (t) => `${t}.AAAA.AAAA`], ['cut_off', (t) => t.slice(0, t.lastIndexOf('.'))],
		['header', (t) => `e30${t.slice(t.indexOf('.'))}`],
	])
		test(`what is no token: ${name}`, async () => {
			const answer = verify(odd(good()));
			assert.deepEqual([answer.row('form').code, answer.mistake?.name], ['assertion_malformed', name]);
			assert.equal(answer.mistake.remedy, answer.row('form').hint);
			// and the gateway says the same where it refuses
			const r = await gw.handoff('alpha', { assertion: odd(good()) }, { headers: { Accept: 'application/json' } });
			assert.equal(r.json().hint, answer.mistake.remedy);
		});

	test('one that holds, of somebody who may not be stored', () => {
		const token = make('HS256', claims({ name: undefined }));
		const r = usherctl(['verify', 'alpha'], token);
		assert.equal(r.code, 1);
		assert.match(r.out, /^fields +REFUSED, validation_failed: The name field is required\.\n\nrefused: validation_failed: the signature is good, but the handoff answers 422/m);
		const answer = JSON.parse(usherctl(['--json', 'verify', 'alpha'], token).out);
		assert.deepEqual([answer.good, answer.code, answer.errors[0].field], [false, 'validation_failed', 'name']);
	});

	test('a claim that is called otherwise is named, as the gateway names it', async () => {
		for (const [more, words] of [
			[{ name: undefined, full_name: 'Ann' }, 'There is a claim full_name: the whole name is read from name alone.'],
			[{ email: undefined, mail: 'ann@example.com' }, 'email is missing; there is a claim mail: the address is read from email alone'],
			[{ email: 'undefined' }, /what a script writes where there is no value/],
		]) {
			const token = make('HS256', claims(more));
			const out = usherctl(['verify', 'alpha'], token).out;
			const { hint } = JSON.parse(usherctl(['--json', 'verify', 'alpha'], token).out);
			assert.match(hint, new RegExp(words.source ?? words));
			assert.ok(out.includes(hint), out);
			const r = await gw.handoff('alpha', { assertion: token }, { headers: { Accept: 'application/json' } });
			assert.equal(r.json().hint, hint);
		}
		// and the member of a server's answer
		const answer = usherctl(['verify', 'alpha'], JSON.stringify({ token: good() })).out;
		assert.match(answer, /^hint +there is a field token: the assertion is read from the field assertion alone$/m);
		assert.match((await gw.handoff('alpha', { token: good() }, { headers: { Accept: 'application/json' } })).json().hint, /^there is a field token: the assertion is read from the field assertion alone$/);
	});

	test('none is named where it is none', () => {
		assert.equal(verify(hs('y'.repeat(44))).mistake, undefined);
		assert.equal(verify(hs(secret)).mistake, undefined);
	});
});
