// nginx: a real one with a recipe as it is printed, for the suites of desks.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import tls from 'node:tls';
import { certificate, until } from './harness.mjs';

/**
 * A recipe on this machine.  Nothing but names, ports and files is replaced: of
 * its two listeners, as `ports`, of logs, into `dir`, and `places`, [[from, to]].
 */
export function settle(text, { ports: [one, two], dir, places = [] }) {
	const { ca, cert, key } = certificate();
	const all = [
		['listen 443 ssl;', `listen 127.0.0.1:${one} ssl;`],
		['listen [::]:443 ssl;', `listen 127.0.0.1:${two} ssl;`],
		...places,
		[/\/etc\/nginx\/tls\/[\w.-]+\.pem/, cert],
		[/\/etc\/nginx\/tls\/[\w.-]+\.key/, key],
		['/etc/ssl/certs/ca-certificates.crt', ca],
		[/\/var\/log\/nginx\//, `${dir}/`],
	];
	for (const [from, to] of all)
		text = text.split(from).join(to);
	assert.ok(!/^[^#]*(?:\.internal|yourcompany\.com|\/etc\/|\/var\/|listen (?!127))/m.test(text), text);
	return text;
}

/** Starts it; `answers` says whether it listens by now.  Resolves to { stop() }. */
export async function startNginx(dir, recipes, answers) {
	fs.writeFileSync(path.join(dir, 'nginx.conf'), `
daemon off; pid ${dir}/pid; error_log ${dir}/error.log; worker_processes 1;
events { worker_connections 128; }
http {
	# A server of others' making, careless in what the recipe sees to itself.
	access_log ${dir}/others.log;
	underscores_in_headers on;
	client_body_temp_path ${dir}/b; proxy_temp_path ${dir}/p; fastcgi_temp_path ${dir}/f; uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s;
${recipes.join('\n')}
}`);
	const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
	const child = spawn('nginx', ['-e', `${dir}/error.log`, '-c', `${dir}/nginx.conf`, '-p', dir], { stdio: 'ignore', env });
	const end = new Promise((r) => child.on('exit', (code) => r({ code })));
	let ended;
	end.then((e) => { ended = e; });
	const stop = () => {
		child.kill('SIGTERM');
		return end;
	};
	await until(() => ended || fs.existsSync(`${dir}/pid`), 'nginx to start');
	await until(() => ended || answers().then(() => true, () => false), 'nginx to listen');
	assert.equal(ended, undefined, fs.readFileSync(`${dir}/error.log`, 'utf8'));
	return { stop };
}

/**
 * One request of header lines as they are given, over TLS to nginx at `port`, to
 * which TLS says the name `sni` (empty: none):
 * { status, headers, cookies, text }.
 */
export function visit({ host, port, sni = host, path: target = '/', method = 'GET', lines = [], body = '' }) {
	return new Promise((resolve, reject) => {
		const socket = tls.connect({ host: '127.0.0.1', port, servername: sni, checkServerIdentity: () => undefined, ca: fs.readFileSync(certificate().ca) });
		const chunks = [];
		socket.on('data', (d) => chunks.push(d));
		socket.on('error', reject);
		socket.on('secureConnect', () => {
			const length = body ? [`Content-Length: ${Buffer.byteLength(body)}`] : [];
			const close = lines.some((l) => /^connection:/i.test(l)) ? [] : ['Connection: close'];
			socket.write([`${method} ${target} HTTP/1.1`, `Host: ${host}`, ...lines, ...length, ...close, '', body].join('\r\n'));
		});
		socket.on('close', () => {
			const all = Buffer.concat(chunks), at = all.indexOf('\r\n\r\n');
			const [first, ...rest] = all.subarray(0, at).toString('latin1').split('\r\n');
			const headers = {}, cookies = [];
			for (const line of rest) {
				const [, name, value] = /^([^:]+): ?(.*)$/.exec(line);
				headers[name.toLowerCase()] = value;
				if (/^set-cookie$/i.test(name))
					cookies.push(value);
			}
			resolve({ status: Number(first?.split(' ')[1]), headers, cookies, text: all.subarray(at + 4).toString() });
		});
	});
}

export const browser = ['Accept: text/html', 'Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document', 'Sec-Fetch-Site: cross-site'];
