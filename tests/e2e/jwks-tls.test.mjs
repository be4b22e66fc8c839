// Keys by URL over TLS: whose certificate is believed, and what is said of one that is not.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Gateway, temporary, tenant, until } from './harness.mjs';

const { publicKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
const set = JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'one' }] });
const dir = temporary('jwks-tls'), at = (name) => path.join(dir, name);
const openssl = (...args) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });

/** NAME.key and NAME.pem, of the CA, for localhost, for so many days from now. */
function certify(name, days) {
	openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', `${name}.key`);
	openssl('req', '-new', '-key', `${name}.key`, '-subj', '/CN=localhost', '-out', `${name}.csr`);
	openssl('x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', String(days), '-extfile', 'ext', '-out', `${name}.pem`);
}

const servers = [];
async function serve(name) {
	const server = https.createServer({ key: fs.readFileSync(at(`${name}.key`)), cert: fs.readFileSync(at(`${name}.pem`)) }, (request, response) => response.end(set));
	servers.push(server);
	/* who does not believe it breaks off */
	server.on('tlsClientError', () => {});
	await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
	return server.address().port;
}

let gw;
before(async () => {
	openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'ca.key');
	openssl('req', '-x509', '-new', '-key', 'ca.key', '-days', '30', '-subj', '/CN=keys CA', '-out', 'ca.pem');
	fs.writeFileSync(at('ext'), 'subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n');
	certify('good', 30);
	certify('old', -1);
	const good = await serve('good'), old = await serve('old');
	const of = (slug, url, ca) => tenant(slug, { url: null, identity: '"signed"', jwks_url: JSON.stringify(url), ...(ca ? { jwks_ca: '"keys-ca.pem"' } : {}) });
	gw = new Gateway({ gateway: { development: 'true' }, tenants: {
		trusted: of('trusted', `https://localhost:${good}/`, true),
		untrusted: of('untrusted', `https://localhost:${good}/`),
		misnamed: of('misnamed', `https://127.0.0.1:${good}/`, true),
		expired: of('expired', `https://localhost:${old}/`, true),
	} });
	fs.copyFileSync(at('ca.pem'), path.join(gw.conf, 'keys-ca.pem'));
	await gw.start();
});
after(async () => {
	await gw?.stop();
	for (const server of servers) {
		server.closeAllConnections();
		await new Promise((done) => { server.close(done); });
	}
});

const report = async (slug) => JSON.parse((await gw.ctl('--json', 'identity', slug)).out).jwks;

test('who is certified by jwks_ca is believed', async () => {
	await until(async () => (await report('trusted')).keys === 1, 'keys');
	assert.equal((await report('trusted')).failures, 0);
});

for (const [slug, why] of [
	['untrusted', /certificate|issuer/i], ['misnamed', /does not match|name/i], ['expired', /expired/i],
])
	test(`a certificate that does not hold is named: ${slug}`, async () => {
		const seen = await until(async () => { const keys = await report(slug); return keys.failures && keys; }, 'a failure');
		assert.match(seen.problem, why);
		assert.equal(seen.keys, 0);
	});
