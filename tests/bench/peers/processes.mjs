// processes: what the peers run in: programs in directories of their own, on free
// ports of 127.0.0.1, stopped by their ids.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { until } from '../../e2e/harness.mjs';
import { THREADS } from '../measure.mjs';

export const MODULES = '/usr/lib/nginx/modules';
const isRoot = process.getuid() === 0;

export function freePort() {
	return new Promise((resolve, reject) => {
		const server = net.createServer().on('error', reject).listen(0, '127.0.0.1', () => {
			const { port } = server.address();
			server.close(() => resolve(port));
		});
	});
}

/** Whether somebody listens: a port of 127.0.0.1, or a socket's path. */
const answers = (where) => new Promise((resolve) => {
	const socket = net.connect(typeof where === 'number' ? { host: '127.0.0.1', port: where } : { path: where });
	socket.on('connect', () => { socket.destroy(); resolve(true); });
	socket.on('error', () => resolve(false));
});

/** Where a program is, or undefined. */
export const findProgram = (name) => [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/sbin']
	.map((dir) => path.join(dir, name)).find((file) => fs.existsSync(file));

const running = new Set();
process.on('exit', () => {
	for (const child of running)
		child.kill('SIGTERM');
});

/** A program with all that it starts; its words go to `log` in its directory. */
export class Program {
	constructor(name, args, dir, options = {}) {
		this.log = path.join(dir, `${path.basename(name)}.log`);
		const log = fs.openSync(this.log, 'a');
		this.child = spawn(name, args, { cwd: dir, ...options, stdio: ['ignore', options.isHeard ? 'pipe' : log, log] });
		fs.closeSync(log);
		running.add(this.child);
		this.ended = new Promise((resolve) => {
			const end = (why) => { running.delete(this.child); this.hasEnded = true; resolve(why); };
			this.child.on('error', end);
			this.child.on('close', end);
		});
	}

	/** Until `isReady` says so. */
	async ready(isReady) {
		await until(async () => this.hasEnded || isReady(), `${this.child.spawnargs.join(' ')} to be ready`);
		if (this.hasEnded)
			throw new Error(`${this.child.spawnargs.join(' ')} ended:\n${fs.readFileSync(this.log, 'utf8')}`);
		return this;
	}

	listens(where) {
		return this.ready(() => answers(where));
	}

	/** Its id and those of all its descendants. */
	pids() {
		const parents = new Map();
		for (const pid of fs.readdirSync('/proc').filter((n) => /^\d+$/.test(n)))
			try {
				const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
				parents.set(Number(pid), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
			} catch {
				// it ended meanwhile
			}
		const found = [this.child.pid];
		for (const of of found)
			for (const [pid, parent] of parents)
				if (parent === of)
					found.push(pid);
		return found;
	}

	async stop() {
		if (!this.hasEnded)
			this.child.kill('SIGTERM');
		await this.ended;
	}
}

/** nginx with these lines of `http`; `before`: of the file itself. */
export async function startNginx(dir, port, http, { before = '', env = {} } = {}) {
	const conf = path.join(dir, 'nginx.conf');
	fs.writeFileSync(conf, `${before}
${isRoot ? 'user root;' : ''}
worker_processes ${THREADS};
daemon off;
pid ${dir}/nginx.pid;
error_log stderr warn;
events { worker_connections 4096; }
http {
	access_log off;
	keepalive_requests 1000000000;
	${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((n) => `${n}_temp_path ${dir}/${n};`).join(' ')}
${http}
}
`);
	return new Program(findProgram('nginx'), ['-e', 'stderr', '-p', dir, '-c', conf], dir, { env: { ...process.env, ...env } }).listens(port);
}

/** The last that the programs of a directory complained of. */
export const said = (dir) => fs.readdirSync(dir).filter((n) => /\.(log|err)$/.test(n))
	.map((n) => fs.readFileSync(path.join(dir, n), 'utf8').slice(0, 900)).join('\n');

/** A value as PHP writes it. */
const php = (value) => {
	if (Array.isArray(value))
		return `[${value.map(php).join(', ')}]`;
	if (value !== null && typeof value === 'object')
		return `[${Object.entries(value).map(([k, v]) => `${php(k)} => ${php(v)}`).join(', ')}]`;
	return typeof value === 'string' ? `'${value.replace(/[\\']/g, '\\$&')}'` : String(value);
};
export const phpFile = (file, value) => fs.writeFileSync(file, `<?php return ${php(value)};\n`);

export const findFpm = () => findProgram('php-fpm') ?? fs.readdirSync('/usr/sbin').filter((n) => /^php-fpm\d/.test(n)).map((n) => path.join('/usr/sbin', n)).pop();

/** php-fpm with so many children, behind nginx: `script` answers everything. */
export async function startPhp(dir, script, parameters) {
	const conf = path.join(dir, 'fpm.conf'), socket = path.join(dir, 'fpm.sock'), port = await freePort();
	fs.writeFileSync(conf, `[global]
error_log = ${dir}/fpm.err
daemonize = no
[peer]
listen = ${socket}
${isRoot ? 'user = root\ngroup = root' : ''}
pm = static
pm.max_children = 8
php_admin_value[apc.enabled] = 1
php_admin_value[opcache.validate_timestamps] = 0
php_admin_value[opcache.memory_consumption] = 128
php_admin_value[opcache.max_accelerated_files] = 20000
php_admin_value[realpath_cache_size] = 4M
php_admin_value[display_errors] = 0
php_admin_value[log_errors] = 1
php_admin_value[error_log] = ${dir}/php.err
`);
	const fpm = await new Program(findFpm(), ['--nodaemonize', '--fpm-config', conf, ...(isRoot ? ['--allow-to-run-as-root'] : [])], dir).listens(socket);
	const given = { ...parameters, SCRIPT_FILENAME: script, SCRIPT_NAME: '/index.php', QUERY_STRING: '$query_string', REQUEST_METHOD: '$request_method',
		CONTENT_TYPE: '$content_type', CONTENT_LENGTH: '$content_length', REQUEST_URI: '$request_uri', DOCUMENT_URI: '$document_uri', DOCUMENT_ROOT: dir,
		SERVER_PROTOCOL: '$server_protocol', REMOTE_ADDR: '$remote_addr', REMOTE_PORT: '$remote_port', SERVER_ADDR: '$server_addr',
		SERVER_PORT: '$server_port', SERVER_NAME: '$server_name', REDIRECT_STATUS: '200' };
	const nginx = await startNginx(dir, port, `	upstream fpm { server unix:${socket}; }
	server {
		listen 127.0.0.1:${port};
		location / {
${Object.entries(given).map(([name, value]) => `			fastcgi_param ${name} "${value}";`).join('\n')}
			fastcgi_pass fpm;
		}
	}`);
	return { port, programs: [nginx, fpm] };
}
