// prove: that a peer does the job before its speed is told.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import crypto from 'node:crypto';
import http from 'node:http';
import { ORIGIN, TENANT, URL_OF_TENANT } from './peers.mjs';

export function ask(port, { method = 'GET', path, host, headers = {}, body }) {
	return new Promise((resolve, reject) => {
		const request = http.request({ host: '127.0.0.1', port, method, path, agent: false, headers: { Host: host, ...headers, ...(body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) }) } }, (r) => {
			let text = '';
			r.on('data', (d) => { text += d; });
			r.on('end', () => resolve({ status: r.statusCode, headers: r.headers, rawHeaders: r.rawHeaders, text }));
		});
		request.on('error', reject);
		request.end(body);
	});
}

export const post = (port, fields, { origin = ORIGIN, query = '', tenant = TENANT } = {}) => ask(port, { method: 'POST', path: `/api/auth/redirect/${tenant}${query}`, host: 'tickets.test',
	headers: { Origin: origin, 'Content-Type': 'application/x-www-form-urlencoded' }, body: new URLSearchParams(fields).toString() });
export const arrive = (port, token, query = '') => ask(port, { path: `/auth/callback?token=${token}${query}`, host: new URL(URL_OF_TENANT).host,
	headers: { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' } });
export const tokenOf = (answer) => answer.headers.location?.match(/^https:\/\/ticket\.alpha\.test\/auth\/callback\?token=([\w.-]+)$/)?.[1];

const VARY = /^(date|connection|keep-alive|location|set-cookie|x-request-id|x-ratelimit-.*|content-length|access-control-.*|server)$/;
const named = (answer, isWanted) => {
	const found = {};
	for (let i = 0; i < answer.rawHeaders.length; i += 2)
		if (isWanted(answer.rawHeaders[i].toLowerCase()))
			found[answer.rawHeaders[i]] = answer.rawHeaders[i + 1];
	return found;
};

/** The gateway's own answers, for peers to send the same headers, and for us to hold them to that. */
export async function reference(port) {
	const handoff = await post(port, { email: 'peer@example.com', name: 'Peer' });
	const callback = await arrive(port, tokenOf(handoff));
	assert.equal(callback.status, 302);
	const fixed = (answer) => named(answer, (n) => !VARY.test(n));
	return {
		headers: { handoff: fixed(handoff), callback: fixed(callback), check: { 'Cache-Control': 'no-store' },
			cors: named(handoff, (n) => n.startsWith('access-control-') && n !== 'access-control-allow-origin') },
		names: { handoff: Object.keys(handoff.headers), callback: Object.keys(callback.headers) },
	};
}

const hasAll = (answer, names, what) => {
	const absent = names.filter((n) => !['date', 'connection', 'keep-alive', 'content-length'].includes(n) && !(n in answer.headers));
	assert.deepEqual(absent, [], `${what} has the gateway's headers`);
};

/** A good sign-in, and what must be refused; `database`: what is to be in it. */
export async function prove({ name, port, database, arrival, learn }, { names }) {
	const query = (first, last = '') => (learn ? `${first}learn=${last || 'more'}` : '');
	const sql = (text) => execFileSync('sqlite3', ['-cmd', '.timeout 10000', database, text]).toString().trim();
	try {
		const redeemed = database && Number(sql('SELECT count(*) FROM redemptions'));
		const email = 'somebody@example.com', fields = { email: ' Somebody@Example.com ', name: 'Some Body', company_name: 'Example Ltd', redirect_url: `${URL_OF_TENANT}/tickets/create` };
		const bad = await post(port, { ...fields, email: 'somebody' }, { query: query('?') });
		assert.equal(bad.status, 422, `an address without a host: ${bad.text}`);
		assert.equal((await post(port, { ...fields, redirect_url: 'https://evil.test/' })).status, 422, 'a target elsewhere');
		assert.equal((await post(port, fields, { tenant: 'nobody' })).status, 404, 'a tenant that is not there');
		const foreign = await post(port, fields, { origin: 'https://evil.test' });
		assert.equal(foreign.headers['access-control-allow-origin'], undefined, 'CORS for an origin that is not listed');
		const other = await post(port, { ...fields, email: 'other@example.com' }, { query: query('?') });
		assert.equal(other.status, 302, `a post: ${other.text}`);
		if (database)
			sql("DELETE FROM users WHERE email = 'somebody@example.com'");
		const handoff = await post(port, fields);
		const token = tokenOf(handoff);
		assert.ok(token, `a post goes on to the callback: ${handoff.status} ${handoff.text}`);
		assert.equal(handoff.headers['access-control-allow-origin'], ORIGIN);
		hasAll(handoff, names.handoff, 'the handoff');
		if (database)
			assert.equal(sql(`SELECT count(*) FROM users WHERE email = '${email}'`), arrival ? '0' : '1', 'the user after the handoff');
		const at = token.length - 12, wrong = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
		assert.equal((await arrive(port, wrong, query('&'))).status, 401, 'a token with another tag');
		assert.equal((await arrive(port, 'none')).status, 401, 'no token');
		const callback = await arrive(port, token, query('&'));
		const cookie = callback.headers['set-cookie']?.[0].match(/^__Host-usher=([\w-]{43}); Path=\/; Secure; HttpOnly; SameSite=None$/i)?.[1];
		assert.ok(callback.status === 302 && cookie, `a session: ${callback.status} ${callback.text}`);
		assert.equal(callback.headers.location, fields.redirect_url);
		hasAll(callback, names.callback, 'the callback');
		const again = await arrive(port, token, query('&', 'last'));
		assert.ok(again.status === 410 && !again.headers['set-cookie'], `a used token: ${again.status} ${again.text}`);
		if (database) {
			const value = Buffer.from(cookie, 'base64url'), hash = crypto.createHash('sha256').update(value.subarray(8)).digest('hex').toUpperCase();
			assert.equal(sql(`SELECT u.email, u.name, u.tenant FROM sessions s JOIN users u ON u.id = s.user WHERE s.id = ${value.readBigInt64BE(0)} AND hex(s.secret) = '${hash}'`),
				`${email}|${fields.name}|${TENANT}`, 'session and user in the database');
			assert.equal(Number(sql('SELECT count(*) FROM redemptions')), redeemed + 1, 'redemptions in the database');
			assert.equal(sql('PRAGMA journal_mode'), 'wal');
			assert.ok(Number(handoff.headers['x-ratelimit-remaining']) < Number(handoff.headers['x-ratelimit-limit']), 'the client is charged');
		}
		if (!learn) {
			const raced = tokenOf(await post(port, fields));
			const statuses = (await Promise.all(Array.from({ length: 16 }, () => arrive(port, raced)))).map((r) => r.status);
			assert.deepEqual(statuses.sort(), [302, ...Array(15).fill(410)], 'of sixteen at once, one gets the session');
		}
		return cookie;
	} catch (error) {
		throw new Error(`${name} does not do the job: ${error.message}`, { cause: error });
	}
}
