// peers: other ways to do the gateway's job, and what they need of the machine.
// Each does a whole sign-in: it validates the form, charges the client, answers
// by the list of origins, seals an A256GCM token, and at the callback spends it
// once, with a session and the user in SQLite (WAL, synchronous = FULL).
//
// The two variants of each:
//	both hops	the user is stored at the handoff, redemption and session
//			at the callback: a durable write each
//	arrival		the handoff writes nothing; user, redemption and session
//			are one commit at the callback
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporary } from '../../e2e/harness.mjs';
import { THREADS } from '../measure.mjs';
import { findFpm, findProgram, freePort, MODULES, phpFile, Program, startNginx, startPhp } from './processes.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const USERS = 4096;
export const TENANT = 'alpha', URL_OF_TENANT = 'https://ticket.alpha.test', ORIGIN = 'https://alpha.test';

const apt = (...names) => `apt-get install ${names.join(' ')}`;
const NGINX = { has: () => findProgram('nginx'), get: apt('nginx-light') };
const SQLITE = { has: () => findProgram('sqlite3'), get: apt('sqlite3') };
const hasModule = (name) => {
	try {
		return execFileSync('php', ['-m'], { stdio: ['ignore', 'pipe', 'ignore'] }).toString().split('\n').includes(name);
	} catch {
		return false;
	}
};
const PHP = [NGINX, SQLITE,
	{ has: findFpm, get: apt('php-fpm') },
	{ has: () => hasModule('pdo_sqlite') && hasModule('mbstring') && hasModule('apcu'), get: apt('php-cli', 'php-sqlite3', 'php-mbstring', 'php-apcu') }];
const NODE = [SQLITE, { has: () => ['fastify', '@fastify/formbody', 'better-sqlite3', 'jose'].every((n) => fs.existsSync(path.join(here, 'node_modules', n))),
	get: `npm ci --prefix ${path.relative(process.cwd(), here)}` }];

/**
 * What a peer is told.  The headers that the gateway's own answers carry in this
 * run, and that do not vary, are the ones that a peer sends.
 */
function settings(dir, headers, variant) {
	const database = path.join(dir, 'peer.db');
	execFileSync('sqlite3', [database], { input: fs.readFileSync(path.join(here, 'schema.sql')), stdio: ['pipe', 'ignore', 'inherit'] });
	execFileSync('sqlite3', [database, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${USERS})
		INSERT INTO users(tenant, email, name, updated) SELECT '${TENANT}', 'user' || i || '@example.com', 'John Q. Doe', 0 FROM n;`]);
	return { database, tenant: TENANT, url: URL_OF_TENANT, origins: ['https://www.alpha.test', ORIGIN], limit: 1000000, per: 1,
		key: '0123456789abcdef'.repeat(4), workers: Number(process.env.PEER_WORKERS ?? 1), ...headers, ...variant };
}

async function startLaravel(dir, config) {
	const base = path.join(dir, 'laravel'), cache = path.join(base, 'bootstrap/cache');
	fs.mkdirSync(cache, { recursive: true });
	fs.mkdirSync(path.join(base, 'storage/framework/views'), { recursive: true });
	const of = 'Illuminate\\';
	phpFile(path.join(cache, 'config.php'), {
		app: { name: 'peer', env: 'production', debug: false, url: config.url, timezone: 'UTC', locale: 'en', fallback_locale: 'en', key: config.key.slice(0, 32), cipher: 'AES-256-CBC', aliases: {},
			providers: [...['Cache\\Cache', 'Database\\Database', 'Filesystem\\Filesystem', 'Translation\\Translation', 'Validation\\Validation', 'View\\View']
				.map((n) => `${of}${n}ServiceProvider`), 'Peer\\App\\Provider'] },
		cache: { default: 'apc', prefix: 'peer', stores: { apc: { driver: 'apc' } } },
		database: { default: 'peer', connections: { peer: { driver: 'peer', database: config.database, prefix: '' } } },
		filesystems: { default: 'local', disks: { local: { driver: 'local', root: `${base}/storage` } } },
		view: { paths: [base], compiled: `${base}/storage/framework/views` },
		logging: { default: 'errorlog', channels: { errorlog: { driver: 'errorlog', level: 'debug' } } },
		peer: config,
	});
	const started = await startPhp(dir, path.join(here, 'laravel/index.php'), { PEER_BASE: base });
	// what of the framework a sign-in needs: see index.php
	return { ...started, learn: true };
}

async function startPlain(dir, config) {
	phpFile(path.join(dir, 'config.php'), config);
	return startPhp(dir, path.join(here, 'plain.php'), { PEER_CONFIG: path.join(dir, 'config.php') });
}

async function startFastify(dir, config) {
	const file = path.join(dir, 'config.json');
	fs.writeFileSync(file, JSON.stringify(config));
	const program = new Program(process.execPath, [path.join(here, 'fastify.mjs'), file], dir, { isHeard: true, env: { ...process.env, NODE_ENV: 'production' } });
	let port;
	program.child.stdout.on('data', (d) => { port = Number(d); });
	await program.ready(() => port);
	return { port, programs: [program] };
}

async function startLua(dir, config) {
	const file = path.join(dir, 'config.json'), port = await freePort();
	fs.writeFileSync(file, JSON.stringify(config));
	return { port, programs: [await startNginx(dir, port, `	lua_package_path "${here}/?.lua;/usr/share/lua/5.1/?.lua;;";
	lua_shared_dict clients 10m;
	init_worker_by_lua_block { signin = require "signin"; signin.init("${file}") }
	server {
		listen 127.0.0.1:${port} reuseport;
		location ~ "^/api/auth/redirect/(?<tenant>[^/]+)$" { content_by_lua_block { signin.handoff() } }
		location = /auth/callback { content_by_lua_block { signin.callback() } }
	}`, { before: `load_module ${MODULES}/ndk_http_module.so;\nload_module ${MODULES}/ngx_http_lua_module.so;` })] };
}

const addHeaders = (list) => Object.entries(list).map(([name, value]) => `add_header ${name} "${value}";`).join(' ');

/** Two fixed answers, as long as the real ones: no job at all. */
async function startStatic(dir, config) {
	const port = await freePort();
	const limits = { 'X-RateLimit-Limit': config.limit, 'X-RateLimit-Remaining': config.limit - 1, 'X-Request-Id': '$request_id' };
	const token = `eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwia2lkIjoiMSJ9..${'A'.repeat(16)}.${'B'.repeat(240)}.${'C'.repeat(22)}`;
	return { port, programs: [await startNginx(dir, port, `	server {
		listen 127.0.0.1:${port} reuseport;
		location /api/ { ${addHeaders({ 'Access-Control-Allow-Origin': ORIGIN, ...config.cors, ...limits, ...config.handoff })} return 302 ${config.url}/auth/callback?token=${token}; }
		location /auth/ { ${addHeaders({ 'X-Request-Id': '$request_id', 'Set-Cookie': `__Host-usher=${'D'.repeat(43)}; Path=/; Secure; HttpOnly; SameSite=None`, ...config.callback })} return 302 ${config.url}/dashboard; }
	}`)] };
}

/** key: as PEERS names it; group: one commit for all that wait; fixed: it proves nothing. */
const ALL = [
	{ key: 'laravel', name: 'Laravel', start: startLaravel, needs: [...PHP, { has: () => fs.existsSync('/usr/share/php/Illuminate/Foundation/Application.php'), get: apt('php-laravel-framework') }] },
	{ key: 'php', name: 'plain PHP', start: startPlain, needs: PHP },
	{ key: 'fastify', name: 'Fastify', start: startFastify, needs: NODE },
	{ key: 'fastify-group', name: 'Fastify, group commit', start: startFastify, needs: NODE, group: true },
	{ key: 'lua', name: 'nginx + Lua', start: startLua, needs: [NGINX, SQLITE, { has: () => fs.existsSync(path.join(MODULES, 'ngx_http_lua_module.so')), get: apt('libnginx-mod-http-lua') },
		{ has: () => fs.existsSync('/usr/share/lua/5.1/cjson') || fs.existsSync('/usr/share/lua/5.1/cjson.lua'), get: apt('lua-cjson') }] },
	{ key: 'static', name: 'nginx, static 302', start: startStatic, needs: [NGINX, SQLITE], isFixed: true },
];
export const AUTH = { key: 'auth', name: 'nginx auth_request', needs: [NGINX] };
const KEYS = [...ALL, AUTH].map((p) => p.key);
const VARIANTS = [{ name: 'both hops', arrival: false }, { name: 'arrival', arrival: true }];

/** What is missing of a peer's needs: commands that bring it. */
export const missing = (peer) => [...new Set(peer.needs.filter((n) => !n.has()).map((n) => n.get))];

/** The peers that `words` names: nothing: all; "none": none. */
export function choose(words) {
	const named = (words ?? '').split(/[\s,]+/).filter(Boolean);
	if (named.length === 0)
		return [...ALL, AUTH];
	if (named.length === 1 && named[0] === 'none')
		return [];
	const unknown = named.find((n) => !KEYS.includes(n));
	if (unknown)
		throw new Error(`PEERS: ${unknown} is none of ${KEYS.join(' ')}, none`);
	return [...ALL, AUTH].filter((p) => named.includes(p.key));
}

/** Start a peer's variants: [{ name, variant, port, programs, database, ... }] */
export async function startPeer(peer, headers) {
	const started = [];
	for (const variant of peer.isFixed ? [{ name: '' }] : VARIANTS) {
		const dir = temporary(`peer-${peer.key}`);
		const config = settings(dir, headers, { arrival: Boolean(variant.arrival), group: Boolean(peer.group) });
		started.push({ peer, variant: variant.name, name: peer.name + (variant.name && `, ${variant.name}`), dir, ...config, ...await peer.start(dir, config) });
	}
	return started;
}
