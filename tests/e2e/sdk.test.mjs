// The browser SDK as it is served: the file that is in the tree, for ever the
// same under its version, readable from everywhere.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { start, tenant, top } from './harness.mjs';

let gw;
before(async () => { gw = await start({ tenants: { alpha: tenant('alpha') } }); });
after(() => gw?.stop());

const file = fs.readFileSync(path.join(top, 'sdk/browser/usher.js'));
const version = file.toString().match(/const VERSION = '([\d.]+)';/)[1];
const get = (name, headers = {}) => gw.request({ path: `/sdk/${name}`, headers });

test('both addresses give the file, with their own lives', async () => {
	for (const [name, cache] of [['usher.js', 'public, max-age=3600'], [`usher-${version}.js`, 'public, max-age=31536000, immutable']]) {
		const r = await get(name);
		assert.equal(r.status, 200, name);
		assert.equal(r.text, file.toString());
		assert.equal(r.headers['cache-control'], cache);
		assert.equal(r.headers['content-type'], 'text/javascript; charset=utf-8');
		assert.equal(r.headers['access-control-allow-origin'], '*');
		assert.equal(r.headers['access-control-allow-credentials'], undefined);
		assert.equal(r.headers['cross-origin-resource-policy'], 'cross-origin');
		assert.equal(r.headers['x-content-type-options'], 'nosniff');
		assert.match(r.headers.etag, /^"[\w-]{43}"$/);
		assert.deepEqual(r.cookies, []);
		assert.equal(r.rawHeaders.filter((h) => h.toLowerCase() === 'cache-control').length, 1);
	}
});

test('asked again, it is not sent again', async () => {
	const { etag } = (await get('usher.js')).headers;
	for (const known of [etag, `W/${etag}`, '*', `"other", ${etag}`, `"other",W/${etag} , "more"`]) {
		const r = await get('usher.js', { 'If-None-Match': known });
		assert.equal(r.status, 304, known);
		assert.equal(r.text, '');
		assert.equal(r.headers.etag, etag);
		assert.equal(r.headers['cache-control'], 'public, max-age=3600');
		assert.equal(r.headers['access-control-allow-origin'], '*');
	}
	// A 304's length is that of the file (RFC 9110 section 8.6), and none of it follows.
	const ask = ['GET /sdk/usher.js HTTP/1.1', 'Host: tickets.test', `If-None-Match: ${etag}`];
	const raw = await gw.raw(`${ask.join('\r\n')}\r\nConnection: close\r\n\r\n`);
	assert.match(raw, /^HTTP\/1\.1 304 [^]*\r\n\r\n$/);
	assert.equal(/\r\ncontent-length: (\d+)\r\n/i.exec(raw)?.[1], String(file.length));
	for (const other of ['"other"', etag.slice(1, -1), '', `${etag}x`, ',,'])
		assert.equal((await get('usher.js', { 'If-None-Match': other })).status, 200, other);
	const head = await gw.request({ method: 'HEAD', path: '/sdk/usher.js' });
	assert.equal(head.status, 200);
	assert.equal(head.headers.etag, etag);
	assert.equal(head.text, '');
});

test('the types, for compilers', async () => {
	const types = fs.readFileSync(path.join(top, 'sdk/browser/usher.d.ts'), 'utf8');
	const r = await get('usher.d.ts');
	assert.equal(r.status, 200);
	assert.equal(r.text, types);
	assert.equal(r.headers['content-type'], 'text/plain; charset=utf-8');
	assert.equal(r.headers['cache-control'], 'public, max-age=3600');
	assert.equal(types.match(/`usher\.js` ([\d.]+)/)[1], version);
});

test('what is not there', async () => {
	for (const name of ['usher-0.0.1.js', 'usher', 'usher.js.map', '..', 'usher-.js', 'usher-%31.0.0.js'])
		assert.equal((await get(name)).status, 404, name);
	assert.equal((await gw.request({ host: 'ticket.alpha.test', path: '/sdk/usher.js' })).status, 404, 'on a tenant\'s host');
	assert.equal((await gw.request({ method: 'POST', path: '/sdk/usher.js' })).status, 405);
	assert.equal((await get('nothing')).headers['cache-control'], 'no-store');
});

// A page that pinned a version finds the same bytes after every upgrade.
test('what was released stays as it was', async () => {
	const released = fs.readFileSync(path.join(top, 'sdk/browser/RELEASES'), 'utf8').split('\n')
		.filter((line) => line && !line.startsWith('#')).map((line) => line.split(/\s+/));
	assert.ok(released.some(([v]) => v === version), `usher.js says ${version}: add it to RELEASES`);
	for (const [v, integrity] of released) {
		const r = await get(`usher-${v}.js`);
		assert.equal(r.status, 200, v);
		assert.equal(`sha384-${crypto.createHash('sha384').update(r.text).digest('base64')}`, integrity,
			`${v} changed: raise the version in usher.js and desk/sdk.h, keep the old file and give it a row in desk/sdk.c`);
	}
});

test('it is small', () => {
	assert.ok(gzipSync(file, { level: 9 }).length < 7000);
	assert.ok(!/\brequire\(|\bimport[ (]|sourceMappingURL/.test(file.toString()));
});
