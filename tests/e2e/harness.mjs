// harness: a real usherd for a test, in a directory of its own, on free ports of
// 127.0.0.1, stopped by its process id.
//
//	const gw = await start({ tenants: { alpha: tenant('alpha') } });
//	const r = await gw.request({ host: 'tickets.test', method: 'POST', ... });
//	await gw.stop();
//
// Names end in .test and stand for their default ports; the harness connects to
// the port that was really bound.

import { spawn, execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
export const top = path.resolve(here, '../..');
export const build = path.resolve(process.env.USHER_BUILD ?? path.join(top, 'build'));
/** Where a build has its daemon; `from`: another build than this one. */
const usherdOf = (from = build) => path.join(from, 'gateway/usherd');
const usherctl = path.join(build, 'gateway/usherctl');

/** A directory that is gone when the process ends. */
const made = [];
export function temporary(name = 'e2e') {
	const dir = fs.mkdtempSync(path.join(os.tmpdir(), `usher-${name}-`));
	made.push(dir);
	return dir;
}
process.on('exit', () => {
	for (const dir of made)
		fs.rmSync(dir, { recursive: true, force: true });
});

let certificates;
/** One CA and one certificate for all names, made once per process. */
export function certificate() {
	if (certificates)
		return certificates;
	const dir = temporary('tls');
	const run = (...args) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe', timeout: HANGS_MS });
	run('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'ca.key');
	run('req', '-x509', '-new', '-key', 'ca.key', '-days', '30', '-subj', '/CN=usher test CA', '-out', 'ca.pem');
	run('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'key.pem');
	run('req', '-new', '-key', 'key.pem', '-subj', '/CN=tickets.test', '-out', 'cert.csr');
	fs.writeFileSync(path.join(dir, 'ext'),
		'subjectAltName=DNS:tickets.test,DNS:ticket.alpha.test,DNS:ticket.beta.test,DNS:alpha.test,DNS:beta.test,DNS:evil.test,DNS:*.alpha.test\n' +
		'basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n');
	run('x509', '-req', '-in', 'cert.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '30', '-extfile', 'ext', '-out', 'cert.pem');
	certificates = { dir, ca: path.join(dir, 'ca.pem'), cert: path.join(dir, 'cert.pem'), key: path.join(dir, 'key.pem') };
	return certificates;
}

let trusted;
/** What a client needs to know of that CA; making it takes longer than a request. */
const trust = () => (trusted ??= tls.createSecureContext({ ca: fs.readFileSync(certificate().ca) }));

/**
 * A tenant's file: `settings` are libconfig lines that replace or add to the usual
 * ones.  An adapter that names no deadline gets a long one: how busy the machine
 * is decides no test.
 */
export function tenant(slug, settings = {}) {
	if (settings.adapter && !settings.adapter.includes('deadline_ms'))
		settings = { ...settings, adapter: settings.adapter.replace('{', '{ deadline_ms = 30000;') };
	const all = {
		slug: JSON.stringify(slug),
		name: JSON.stringify(`Tenant ${slug}`),
		url: `"https://ticket.${slug}.test"`,
		home: `"https://${slug}.test"`,
		origins: `[ "https://${slug}.test" ]`,
		identity: '"unsigned"',
		// As the gateway's rate_limit below: no suite is about it but its own. Earlier
		// builds, which benchmarks start, do not know it.
		signed_rate_limit: settings.identity?.includes('"signed"') ? '{ person = 100000; tenant = 100000; }' : null,
		...settings,
	};
	const lines = Object.entries(all).filter(([, v]) => v !== null).map(([k, v]) => `\t${k} = ${v};`);
	return `tenant = {\n${lines.join('\n')}\n};\n`;
}

/** The adapters that were built: the plugins, and the ones that tests misuse. */
export function collectAdapters(dir) {
	fs.mkdirSync(dir, { recursive: true });
	const roots = [path.join(build, 'plugins'), path.join(build, 'tests/adapters')];
	for (const root of roots)
		for (const name of fs.existsSync(root) ? fs.readdirSync(root, { recursive: true }) : [])
			if (/\.libs\/[^/]+\.so$/.test(name)) {
				const to = path.join(dir, path.basename(name));
				fs.copyFileSync(path.join(root, name), to);
				fs.chmodSync(to, 0o755);
			}
	return dir;
}

// A gateway that a failed test left running does not keep its suite from ending,
// and does not outlive it.
const running = new Set();
process.on('exit', () => {
	for (const child of running)
		child.kill('SIGKILL');
});
function hold(child, how) {
	child[how]();
	child.stderr[how]();
}

/* What no answer and no program takes on the busiest machine: then it hangs. */
const HANGS_MS = 300000;

/** Run a program to its end: { code, signal, out, err }. */
export function run(args, options) {
	return new Promise((resolve) => {
		const child = spawn(args[0], args.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], timeout: HANGS_MS, killSignal: 'SIGKILL', ...options });
		let out = '', err = '';
		child.stdout.on('data', (d) => { out += d; });
		child.stderr.on('data', (d) => { err += d; });
		child.on('close', (code, signal) => resolve({ code, signal, out, err }));
	});
}

/** The same of ours. */
export const runUsherd = (...args) => run([usherdOf(), ...args]);
export const runUsherctl = (...args) => run([usherctl, ...args]);

/** Wait until `fn` gives something truthy, for what no event tells. It gives up
 * after `ms`, which is to be longer than any busy machine needs. */
export async function until(fn, what, ms = HANGS_MS) {
	const end = Date.now() + ms;
	for (;;) {
		const value = await fn();
		if (value)
			return value;
		if (Date.now() > end)
			throw new Error(`waited ${ms} ms for ${what}`);
		await new Promise((r) => setTimeout(r, 10));
	}
}

/**
 * A port for a program that cannot say which one it got.  It is not one of those that
 * the system gives out by itself (ip(7), ip_local_port_range), or somebody else had it
 * before that program.
 */
let nextPort = 10000 + (process.pid % 1000) * 20;
export async function freePort() {
	for (;;) {
		const port = nextPort++, server = net.createServer();
		const isFree = await new Promise((resolve) => {
			server.on('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
		});
		if (isFree) {
			await new Promise((resolve) => { server.close(resolve); });
			return port;
		}
	}
}

export class Gateway {
	constructor(options) {
		this.dir = options.dir ?? temporary();
		this.conf = path.join(this.dir, 'conf.d');
		this.state = path.join(this.dir, 'state');
		this.options = options;
		fs.mkdirSync(this.conf, { recursive: true });
		const { cert, key } = certificate();
		const settings = {
			public_url: '"https://tickets.test"',
			listen: `( { url = "https://127.0.0.1:0"; certificate = "${cert}"; key = "${key}"; }, { url = "http://127.0.0.1:0"; } )`,
			metrics: '"http://127.0.0.1:0"',
			state: JSON.stringify(this.state),
			plugins: JSON.stringify(options.plugins ?? collectAdapters(path.join(this.dir, 'plugins'))),
			rate_limit: '{ requests = 100000; per = 3600; }',
			/* Ready means that adapters are, too, however long they take. */
			adapter_start: '60',
			log: '{ level = "debug"; format = "json"; }',
			...options.gateway,
		};
		this.writeConf('gateway', `gateway = {\n${Object.entries(settings).filter(([, v]) => v !== null)
			.map(([k, v]) => `\t${k} = ${v};`).join('\n')}\n};\n`);
		for (const [name, text] of Object.entries(options.tenants ?? {}))
			this.writeConf(name, text);
	}

	writeConf(name, text) {
		const file = path.join(this.conf, `${name}.conf`);
		fs.writeFileSync(`${file}.new`, text);
		fs.renameSync(`${file}.new`, file);
	}

	removeConf(name) {
		fs.rmSync(path.join(this.conf, `${name}.conf`));
	}

	async start() {
		const ready = path.join(this.dir, 'ready');
		fs.rmSync(ready, { force: true });
		this.log = [];
		this.exited = undefined;
		const [program, ...before] = [...(this.options.through ?? []), usherdOf(this.options.build)];
		this.child = spawn(program, [...before, '--config', this.conf, '--foreground', '--ready-file', ready, ...(this.options.args ?? [])],
			{ stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...this.options.env } });
		running.add(this.child);
		hold(this.child, 'unref');
		let rest = '';
		this.child.stderr.setEncoding('utf8');
		this.child.stderr.on('data', (d) => {
			const lines = (rest + d).split('\n');
			rest = lines.pop();
			this.log.push(...lines);
		});
		this.closed = new Promise((resolve) => this.child.on('close', (code, signal) => {
			this.exited = { code, signal };
			running.delete(this.child);
			resolve(this.exited);
		}));
		try {
			await until(() => this.exited || fs.existsSync(ready), 'the gateway to be ready');
		} catch (error) {
			this.child.kill('SIGKILL');
			throw error;
		}
		if (this.exited)
			throw new Error(`usherd ended with ${JSON.stringify(this.exited)}:\n${this.log.join('\n')}`);
		this.addresses = JSON.parse(fs.readFileSync(ready, 'utf8')).listen;
		const port = (want) => {
			const found = this.addresses.find((a) => a.for === want.for && a.url.startsWith(want.scheme + ':'));
			return found ? Number(new URL(found.url).port) : undefined;
		};
		this.port = port({ for: 'public', scheme: 'https' });
		this.plainPort = port({ for: 'public', scheme: 'http' });
		this.metricsPort = port({ for: 'metrics', scheme: 'http' });
		return this;
	}

	/** Wait for such a line: the log is written by a thread of its own. */
	async logs(isIt, what = 'a line of the log') {
		return until(() => this.log.find(isIt), what);
	}

	/** Ask for a graceful stop; fails when it does not end cleanly. */
	async stop(signal = 'SIGTERM') {
		hold(this.child, 'ref');
		if (!this.exited)
			this.child.kill(signal);
		const end = await this.closed;
		if (end.code !== 0)
			throw new Error(`usherd ended with ${JSON.stringify(end)}:\n${this.log.slice(-30).join('\n')}`);
	}

	/** kill -9 */
	async kill() {
		hold(this.child, 'ref');
		this.child.kill('SIGKILL');
		await this.closed;
	}

	ctl(...args) {
		return runUsherctl('--config', this.conf, ...args);
	}

	/** usherctl explain of what is answered already: its record is written behind the answer. */
	explain(...words) {
		return until(async () => {
			const told = await this.ctl('explain', ...words);
			return told.code === 0 && told;
		}, `the record of ${words}`, 60000);
	}

	/** Reload through the admin socket; returns what usherctl printed and its code. */
	reload() {
		return this.ctl('reload');
	}

	/**
	 * One request: { host, method, path, headers, body, plain, agent, localAddress }.
	 * Resolves to { status, headers, rawHeaders, cookies, text, json() }.
	 */
	request({ host = 'tickets.test', method = 'GET', path: target = '/', headers = {}, body, plain = false, agent, localAddress }) {
		return new Promise((resolve, reject) => {
			const all = { Host: host, ...headers };
			if (body !== undefined && all['Content-Length'] === undefined && all['Transfer-Encoding'] === undefined)
				all['Content-Length'] = Buffer.byteLength(body);
			const request = (plain ? http : https).request({
				host: '127.0.0.1', port: plain ? this.plainPort : this.port, method, path: target,
				headers: all, servername: plain ? undefined : host.replace(/:\d+$/, ''),
				secureContext: plain ? undefined : trust(), agent: agent ?? false, localAddress,
			}, (response) => {
				const chunks = [];
				response.on('data', (d) => chunks.push(d));
				response.on('error', reject);
				response.on('end', () => {
					const text = Buffer.concat(chunks).toString();
					resolve({
						status: response.statusCode, headers: response.headers, rawHeaders: response.rawHeaders,
						cookies: response.headers['set-cookie'] ?? [], text, json: () => JSON.parse(text),
					});
				});
			});
			request.on('error', reject);
			request.setTimeout(HANGS_MS, () => request.destroy(new Error(`no answer to ${method} ${target}; the log ends with\n${this.log.slice(-20).join('\n')}`)));
			request.end(body);
		});
	}

	/** The handoff as a form: returns the answer. */
	handoff(slug, fields, { headers = {}, ...rest } = {}) {
		return this.request({
			method: 'POST', path: `/api/auth/redirect/${slug}`, body: new URLSearchParams(fields).toString(),
			headers: { 'Content-Type': 'application/x-www-form-urlencoded', ...headers }, ...rest,
		});
	}

	/** Follow a handoff's Location as a browser's navigation does, and once more where it leads to itself (unless `once`). */
	async callback(location, { headers = {}, cookie, once = false, ...rest } = {}) {
		const url = new URL(location);
		const r = await this.request({
			host: url.host, path: url.pathname + url.search, headers: {
				Accept: 'text/html', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document', 'Sec-Fetch-Site': 'cross-site',
				...(cookie ? { Cookie: cookie } : {}), ...headers,
			}, ...rest,
		});
		if (once || !r.headers.location?.startsWith('/auth/callback?'))
			return r;
		return this.callback(new URL(r.headers.location, location).href, { headers, cookie, once: true, ...rest });
	}

	/** Handoff and callback: the session's Cookie header value. */
	async signIn(slug, fields) {
		return (await this.arrive(slug, fields)).arrival.cookies[0].split(';')[0];
	}

	/** The whole way: the handoff's answer, with `arrival`, the callback's. Who does not arrive is not stored. */
	async arrive(slug, fields) {
		const first = await this.handoff(slug, fields);
		if (first.status !== 302)
			throw new Error(`handoff: ${first.status} ${first.text}`);
		const second = await this.callback(first.headers.location);
		if (second.status !== 302)
			throw new Error(`callback: ${second.status} ${second.text}`);
		return Object.assign(first, { arrival: second });
	}

	/** Bytes over a raw connection, all of what comes back until it closes. */
	raw(bytes, { plain = true, timeout = HANGS_MS, end = false } = {}) {
		return new Promise((resolve, reject) => {
			const options = { host: '127.0.0.1', port: plain ? this.plainPort : this.port };
			const socket = plain ? net.connect(options) : tls.connect({ ...options, servername: 'tickets.test', secureContext: trust() });
			const chunks = [];
			socket.setTimeout(timeout, () => socket.destroy(new Error('no end in time')));
			socket.on('data', (d) => chunks.push(d));
			socket.on('error', (error) => (error.code === 'ECONNRESET' || error.code === 'EPIPE' ? resolve(Buffer.concat(chunks).toString('latin1')) : reject(error)));
			socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
			socket.on(plain ? 'connect' : 'secureConnect', () => (end ? socket.end(bytes) : socket.write(bytes)));
		});
	}

	metrics() {
		return new Promise((resolve, reject) => {
			http.get({ host: '127.0.0.1', port: this.metricsPort, path: '/metrics', agent: false }, (r) => {
				let text = '';
				r.on('data', (d) => { text += d; });
				r.on('end', () => resolve(text));
			}).on('error', reject);
		});
	}
}

/**
 * A gateway that is up. Remember to stop() it.  `through`: a program and its
 * arguments that become usherd, such as prlimit; `build`: another build's.
 */
export function start(options = {}) {
	return new Gateway(options).start();
}
