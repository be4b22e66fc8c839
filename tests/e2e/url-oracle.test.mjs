// Redirect targets against an independent implementation of the URL standard:
// whatever the gateway would send a user to must lie, as browsers read it, on
// an origin, below a path and outside of the places that its policy names.
//
//	URL_ORACLE_EACH=50000 node --test url-oracle.test.mjs	more of each kind
//	URL_ORACLE_SEED=7 ...					other ones
// needs: npm:whatwg-url
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, test } from 'node:test';
import { URL } from 'whatwg-url';
import { build } from './harness.mjs';

const tool = path.join(build, 'tests/e2e/redirect_tool');
const each = Number(process.env.URL_ORACLE_EACH ?? 4000);
const seed = Number(process.env.URL_ORACLE_SEED ?? 20260);

const own = ['https://ticket.example', 'https://desk.example:8443'];
const prefixes = { 'https://shop.example': '/support', 'https://www.example': '/help/', 'https://any.example': '/' };
const reserved = ['auth', 'api', 'embed', 'sdk'];

// ---- chance, the same for the same seed -----------------------------------

function chance(state) {
	const next = () => {	// mulberry32
		state = (state + 0x6d2b79f5) | 0;
		let t = Math.imul(state ^ (state >>> 15), 1 | state);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
	};
	const below = (n) => Math.floor(next() * n);
	return { below, pick: (list) => list[below(list.length)], maybe: (p) => next() < p };
}

// ---- the oracle -----------------------------------------------------------

const parse = (text) => {
	try {
		return new URL(text);
	} catch {
		return null;
	}
};

const decodeOnce = (s) => s.replace(/%[0-9a-f]{2}/gi, (x) => String.fromCharCode(parseInt(x.slice(1), 16)));

/** The path as servers may read it: decoded never, once, twice ... to the end. */
function readings(pathname) {
	const all = [];
	for (let p = pathname, last; p !== last; last = p, p = decodeOnce(p))
		all.push(p);
	return all.map((p) => p.replaceAll('\\', '/').split('/').map((s) => s.split(';')[0]));
}

function resolve(segments) {
	const out = [];
	for (const s of segments)
		if (s === '..')
			out.pop();
		else if (s && s !== '.')
			out.push(s);
	return '/' + out.join('/');
}

/** What is wrong with sending a user there; null when nothing is. */
function escape(policyOwn, policyPrefixes, candidate, target) {
	const url = parse(target);
	if (!url)
		return 'no URL at all';
	if (url.href !== target)
		return `a browser makes ${url.href} of it`;
	if (parse(candidate)?.href !== target)
		return `the candidate means ${parse(candidate)?.href}`;
	if (url.protocol !== 'https:' || url.username || url.password)
		return 'scheme or user-info';
	for (const segments of readings(url.pathname)) {
		const resolved = resolve(segments);
		for (const first of [segments.find((s) => s), resolved.split('/')[1]])
			if (reserved.includes(first?.toLowerCase()))
				return `reserved as ${segments.join('/')}`;
		const prefix = policyPrefixes[url.origin];
		const below = prefix?.endsWith('/') ? prefix : `${prefix}/`;
		if (!policyOwn.includes(url.origin) && !`${resolved}/`.startsWith(below))
			return `outside of ${prefix ?? 'all origins'}`;
	}
	return null;
}

/** The gateway's verdicts: [{ ok, text }]. */
function judge(candidates) {
	const args = [...own.map((o) => `own=${o}`), ...Object.entries(prefixes).map(([o, p]) => `allow=${o}${p}`)];
	const input = candidates.map((c) => Buffer.from(c).toString('base64url') + '\n').join('');
	const r = spawnSync(tool, args, { input, maxBuffer: 1 << 28 });
	assert.equal(r.error, undefined);
	assert.equal(r.status, 0, r.stderr.toString());
	const lines = r.stdout.toString().split('\n').slice(0, -1);
	assert.equal(lines.length, candidates.length);
	return lines.map((l) => ({ ok: l[0] === '+', text: l.slice(2) }));
}

// ---- hostile candidates ---------------------------------------------------

const names = ['ticket.example', 'desk.example:8443', 'shop.example', 'www.example', 'any.example'];
const starts = ['https://ticket.example/', 'https://ticket.example/a/b', 'https://desk.example:8443/x?y=1#z', 'https://shop.example/support',
	'https://shop.example/support/case?id=7', 'https://www.example/help/', 'https://www.example/help/a%20b', 'https://any.example/', 'https://any.example/p/q'];
const evil = ['evil.test', 'evil.test:443', 'ticket.example.evil.test', 'xn--evil-.test', '192.0.2.1', '[2001:db8::1]', '0x7f.1', '2130706433', '%65vil.test', 'evil。test'];
const octets = ['\t', '\n', '\r', '\0', ' ', '\x0b', '\x0c', '\x01', '\x1f', '\x7f', '\u0080', '\u00a0', '\u00ad', '\u200b', '\u200d', '\u2028', '\u2060', '\ufeff', '\u3000', '\\', '/', '@', ':', '#', '?', '%', ';', '|', '^', '`', '"', '<', '>', '[', ']', '%00', '%0a', '%09', '%20'];
const climbs = ['..', '.', '%2e%2e', '%2E.', '.%2e', '%252e%252e', '..;', '..;x=1', '.;', '%2e%2e;a', '..%2f', '..%5c', '..\\', '%2e%2e%2f', '..%252f', '%25252e%25252e', '.%252e', '...', '', ';', ';x', '%3b', '%2f', '%5c', '%25%32%65', '..%00', '%u002e', '%c0%ae%c0%ae'];

/** Some characters of it percent-encoded, in several layers perhaps. */
function encode(c, s, p) {
	let out = '';
	for (const x of s)
		out += x !== '/' && c.maybe(p) ? `%${'25'.repeat(c.below(3))}${x.charCodeAt(0).toString(16)[c.maybe(0.5) ? 'toUpperCase' : 'toLowerCase']().padStart(2, '0')}` : x;
	return out;
}

const flipCase = (c, s) => [...s].map((x) => (c.maybe(0.3) ? x.toUpperCase() : x)).join('');
const insert = (c, s, what) => {
	const at = c.below(s.length + 1);
	return s.slice(0, at) + what + s.slice(at);
};

const families = {
	'user-info and other confusions of the authority': (c) => {
		const name = c.pick(names), bad = c.pick(evil), at = c.pick(['@', '%40', '\\@', '/@', '?@', '#@', ';@', ':@', '@@', ':80@', '&@', '\t@', ' @', '＠']);
		return `https:${c.pick(['//', '/', '\\\\', '/\\', '///', ''])}${c.maybe(0.5) ? name + at + bad : bad + at + name}${c.pick(['', '/', '\\', '/support', `/${at}${name}`])}`;
	},
	'octets that browsers strip, fold or mind': (c) => {
		let s = c.pick(starts);
		for (let n = 1 + c.below(3); n; n--)
			s = insert(c, s, c.pick(octets));
		return s;
	},
	'hosts that look alike': (c) => {
		const name = c.pick(names), bad = c.pick(evil);
		const wide = (s) => [...s].map((x) => (c.maybe(0.3) && x >= 'a' && x <= 'z' ? String.fromCodePoint(x.charCodeAt(0) - 0x61 + 0xff41) : x)).join('');
		const host = c.pick([`${name}.${bad}`, `${bad}.${name}`, `evil${name}`, `${name}evil`, `${name}.`, `.${name}`, `${name}..`, name.replace('.', '。'), name.replace('.', '%2e'), name.replace('.', ''), name.replace('.', '..'),
			wide(name), encode(c, name, 0.2), name.replace('example', 'exаmple'), name.replace('t', '\u00ad'), `xn--${name}`, name.replace('.', '\u0000.'), `${name}%00.${bad}`, `${name}%2f.${bad}`, `${name}\\.${bad}`, `*.${name}`, `_.${name}`, flipCase(c, name), `[${name}]`, `${name},${bad}`, `(${name})`]);
		return `https://${host}${c.pick(['', '/', '/support', '/help/', ':443/', '?x', '#x'])}`;
	},
	'schemes': (c) => {
		const scheme = c.pick(['javascript:', 'JAVASCRIPT:', 'data:text/html,', 'vbscript:', 'file://', 'ftp://', 'ws://', 'wss://', 'blob:https://', 'view-source:https://', 'http://', 'https:', 'https:/', 'https:///', 'https:////', 'https:\\\\', 'HTTPS://', 'hTTps://', '//', '/\\', '\\\\', '///', '/', '', 'https//', 'https ://', 'https:// ', ' https://', '\thttps://', '\x01https://', 'ht\ntps://', 'httpſ://', 'https::', 'filesystem:https://', 'about:blank#', 'jar:https://', 'https:%2f%2f', 'https&colon;//', 'java\tscript:']);
		return scheme + c.pick([...names, ...evil]) + c.pick(['', '/', '/support', '/%0aalert(1)', '//x', '/auth/start']);
	},
	'ports': (c) => {
		const port = c.pick(['443', '0443', '00000443', '8443', '08443', '80', '0', '65535', '65536', '65979', '4295', '-1', '+443', '443 ', ' 443', '４４３', '0x1bb', '44%33', '443@evil.test', '443:8443', ':443', '', '443\\', '443.', '443#@evil.test', '443?@evil.test', '4294967739', '18446744073709552059', '443/evil']);
		return `https://${c.pick(names).split(':')[0]}:${port}${c.pick(['', '/', '/support', '/help/x'])}`;
	},
	'climbing out of a path': (c) => {
		const parts = [];
		for (let n = 1 + c.below(6); n; n--)
			parts.push(c.pick([...climbs, ...climbs, 'support', 'help', 'a', 'auth', 'API', 'embed', 'sdk', 'supportx', 'support;x']));
		return `https://${c.pick(names)}${c.pick(['/', '/support/', '/help/', '/support', '/help', '//', '/\\', '/;/'])}${parts.join(c.pick(['/', '/', '/', '\\', '%2f', '//', '%252f', '%5c']))}`;
	},
	'reserved places in disguise': (c) => {
		const place = encode(c, flipCase(c, c.pick([...reserved, 'auth/callback', 'api/v1/redeem', 'sdk/usher.js'])), 0.3);
		return `https://${c.pick(names)}${c.pick(['/', '//', '///', '/./', '/%2e/', '/x/../', '/x/%2e%2e/', '/support/../', '/support/%2e%2e/', '/support/..%2f', '/help/..;/', '/;a=b/', '/\\', '/%5c', '/%2f', '/%252f', '/support/%252e%252e/', '/%09', '/ ', '/support/', '/help/'])}${place}${c.pick(['', '/', ';x', ';', '?', '#', '%00', '%20', '.', '%2f', '\\', '%5c', '%3b', '/..', '/../x', '/x'])}`;
	},
	'more percent signs': (c) => {
		const s = c.pick([...starts, 'https://evil.test/', 'https://shop.example/../', 'https://ticket.example/auth/start']);
		const at = c.below(3) ? s.indexOf('/', 8) : 0;
		return s.slice(0, at) + encode(c, s.slice(at), 0.1 + 0.4 * c.below(2)) + c.pick(['', '%', '%2', '%zz', '%%', '%25', '%e2%80%a6', '%ff']);
	},
	'splices of two': (c) => {
		const [a, b] = [c.pick([...starts, ...starts, ...evil.map((e) => `https://${e}/`)]), c.pick([...starts, ...evil.map((e) => `https://${e}`), '@evil.test/', '\\evil.test', '/../../auth/'])];
		let s = a.slice(0, c.below(a.length + 1)) + b.slice(c.below(b.length + 1));
		for (let n = c.below(4); n && s; n--) {
			const at = c.below(s.length);
			s = c.maybe(0.5) ? insert(c, s, c.pick([...octets, ...climbs])) : s.slice(0, at) + s.slice(at + 1 + c.below(3));
		}
		return s;
	},
};

const tried = new Set();
let accepted = 0;

describe('no hostile candidate leads astray', () => {
	for (const [i, [name, make]] of Object.entries(families).entries())
		test(name, (t) => {
			const c = chance(seed + i);
			const candidates = [...new Set(Array.from({ length: each }, () => make(c)))];
			const escapes = [];
			judge(candidates).forEach(({ ok, text }, n) => {
				const why = ok && escape(own, prefixes, candidates[n], text);
				accepted += ok;
				tried.add(candidates[n]);
				if (why)
					escapes.push([candidates[n], text, why]);
			});
			assert.deepEqual(escapes.slice(0, 5), []);
			t.diagnostic(`${candidates.length} different ones`);
		});

	test('and many were tried, of which some are harmless', (t) => {
		t.diagnostic(`${tried.size} candidates, ${accepted} accepted`);
		assert.ok(tried.size >= 20000, `${tried.size}`);
		assert.ok(accepted >= tried.size / 50, `${accepted} of ${tried.size}`);
	});
});

test('the oracle sees an escape when there is one', () => {
	for (const [candidate, target = candidate] of [
		['https://evil.test/'], ['https://ticket.example.evil.test/'], ['http://ticket.example/'], ['https://desk.example/'], ['https://a@ticket.example/'],
		['https://ticket.example/auth/start'], ['https://ticket.example/%61uth'], ['https://ticket.example/x/%252e%252e/API'], ['https://ticket.example/;a/sdk'],
		['https://shop.example/'], ['https://shop.example/supportx'], ['https://shop.example/support/%2e%2e%2fx'], ['https://shop.example/support/..;/x'], ['https://www.example/helper'],
		['https://ticket.example'], ['https://ticket.example/a/../b'], ['https://evil.test/', 'https://ticket.example/'],
	])
		assert.notEqual(escape(own, prefixes, candidate, target), null, candidate);
	for (const start of starts)
		assert.equal(escape(own, prefixes, start, start), null, start);
});

describe('no good one is refused', () => {
	const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
	const word = (c, more) => Array.from({ length: 1 + c.below(12) }, () => c.pick([...letters, ...more])).join('');
	const segment = (c) => {
		const s = word(c, "-_~!$&'()*+,=:@") + c.pick(['', '.html', '%20', '%C3%A9', '%e2%82%ac']);
		return reserved.includes(s.toLowerCase()) ? `${s}1` : s;
	};

	function good(c) {
		const origin = c.pick([...own, ...Object.keys(prefixes)]);
		const base = prefixes[origin] ?? '/';
		const segments = Array.from({ length: c.below(5) }, () => segment(c)).join('/');
		let s = origin + (segments ? `${base.replace(/\/$/, '')}/${segments}` : base);
		if (c.maybe(0.5))
			s += `?${word(c, '-_')}=${word(c, "-._~!$'()*+,;:@/?")}&next=https%3A%2F%2Fevil.test%2F&p=../..//auth`;
		if (c.maybe(0.3))
			s += `#${word(c, '-._~/?')}`;
		return s;
	}

	test('as a browser writes it', () => {
		const c = chance(seed);
		const candidates = Array.from({ length: 5000 }, () => good(c));
		judge(candidates).forEach(({ ok, text }, n) => {
			assert.ok(ok, `${candidates[n]}: ${text}`);
			assert.equal(text, new URL(candidates[n]).href);
		});
	});

	test('as people write it', () => {
		const c = chance(seed + 1);
		const candidates = Array.from({ length: 2000 }, () => {
			const url = new URL(good(c));
			const host = flipCase(c, url.hostname) + (url.port ? `:${url.port}` : c.pick(['', ':443']));
			const bare = url.pathname === '/' && c.maybe(0.5);
			return `${flipCase(c, 'https')}://${host}${bare ? '' : url.pathname}${url.search}${url.hash}`;
		});
		judge(candidates).forEach(({ ok, text }, n) => {
			assert.ok(ok, `${candidates[n]}: ${text}`);
			assert.equal(text, new URL(candidates[n]).href);
		});
	});
});
