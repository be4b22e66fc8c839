// webdriver: Firefox ESR and WebKitGTK, by the commands of the WebDriver standard
// (W3C WebDriver, 2018): Firefox takes them over its Marionette socket, WebKit
// over HTTP.  Neither can be told which address a name has, so both get a proxy
// that knows.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { build, freePort, temporary, until } from '../e2e/harness.mjs';

const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf';

const isInstalled = (program) => process.env.PATH.split(':').some((dir) => fs.existsSync(path.join(dir, program)));

/** CONNECT to a name becomes a connection to its port on 127.0.0.1. `hosts` as in chromium.mjs. */
async function proxy(hosts) {
	const sockets = new Set();
	const server = http.createServer((request, response) => response.writeHead(502).end());
	server.on('connect', (request, client) => {
		const name = request.url.replace(/:\d+$/, '');
		const [, port] = Object.entries(hosts).find(([pattern]) => pattern === name || (pattern.startsWith('*') && name.endsWith(pattern.slice(1)))) ?? [];
		if (!port) {
			client.end('HTTP/1.1 502 Unknown\r\n\r\n');
			return;
		}
		const target = net.connect(port, '127.0.0.1', () => {
			client.write('HTTP/1.1 200 OK\r\n\r\n');
			target.pipe(client);
			client.pipe(target);
		});
		for (const socket of [client, target]) {
			sockets.add(socket);
			socket.on('error', () => { client.destroy(); target.destroy(); });
			socket.on('close', () => sockets.delete(socket));
		}
	});
	await new Promise((r) => server.listen(0, '127.0.0.1', r));
	return {
		port: server.address().port,
		close: () => {
			for (const socket of sockets)
				socket.destroy();
			server.close();
		},
	};
}

/* ---- how commands get there -------------------------------------------------- */

/** Firefox: "LENGTH:[0, id, name, parameters]", answered by [1, id, error, result]. */
async function marionette(port) {
	const socket = net.connect(port, '127.0.0.1');
	const waiting = new Map();
	let rest = Buffer.alloc(0), next = 1, hello;
	const greeted = new Promise((resolve, reject) => {
		hello = resolve;
		socket.on('error', reject);
	});
	socket.on('data', (data) => {
		rest = Buffer.concat([rest, data]);
		for (;;) {
			const colon = rest.indexOf(':');
			const len = colon < 0 ? NaN : Number(rest.subarray(0, colon));
			if (!(rest.length >= colon + 1 + len))
				return;
			const message = JSON.parse(rest.subarray(colon + 1, colon + 1 + len));
			rest = rest.subarray(colon + 1 + len);
			if (!Array.isArray(message)) {
				hello();
				continue;
			}
			const [, id, error, result] = message;
			const { resolve, reject } = waiting.get(id);
			waiting.delete(id);
			if (error)
				reject(new Error(`${error.error}: ${error.message}`));
			else
				resolve(result && 'value' in result ? result.value : result);
		}
	});
	socket.on('close', () => {
		for (const { reject } of waiting.values())
			reject(new Error('the browser is gone'));
	});
	await greeted;
	return (name, parameters = {}) => new Promise((resolve, reject) => {
		const text = JSON.stringify([0, next, name, parameters]);
		waiting.set(next++, { resolve, reject });
		socket.write(`${Buffer.byteLength(text)}:${text}`);
	});
}

/* The same commands as the standard's endpoints. */
const endpoints = {
	'WebDriver:NewSession': () => ['POST', '/session'],
	'WebDriver:Navigate': () => ['POST', '/url'],
	'WebDriver:Refresh': () => ['POST', '/refresh'],
	'WebDriver:Back': () => ['POST', '/back'],
	'WebDriver:GetCurrentURL': () => ['GET', '/url'],
	'WebDriver:FindElement': () => ['POST', '/element'],
	'WebDriver:ElementClick': ({ id }) => ['POST', `/element/${id}/click`],
	'WebDriver:ElementSendKeys': ({ id }) => ['POST', `/element/${id}/value`],
	'WebDriver:ExecuteScript': () => ['POST', '/execute/sync'],
	'WebDriver:GetWindowHandles': () => ['GET', '/window/handles'],
	'WebDriver:SwitchToWindow': () => ['POST', '/window'],
	'WebDriver:NewWindow': () => ['POST', '/window/new'],
	'WebDriver:SwitchToFrame': () => ['POST', '/frame'],
	'WebDriver:TakeScreenshot': () => ['GET', '/screenshot'],
	'WebDriver:DeleteSession': () => ['DELETE', ''],
};

function overHttp(port) {
	let session = '';
	return (name, parameters = {}) => new Promise((resolve, reject) => {
		const [method, where] = endpoints[name](parameters);
		const body = method === 'POST' ? JSON.stringify(parameters) : undefined;
		const request = http.request({ host: '127.0.0.1', port, method, path: session + where, agent: false,
			headers: body ? { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) } : {} }, (response) => {
			let text = '';
			response.on('data', (d) => { text += d; });
			response.on('end', () => {
				const { value } = JSON.parse(text);
				if (response.statusCode !== 200) {
					reject(new Error(`${value.error}: ${value.message}`));
					return;
				}
				if (name === 'WebDriver:NewSession')
					session = `/session/${value.sessionId}`;
				resolve(value);
			});
		});
		request.on('error', reject);
		request.end(body);
	});
}

/* ---- what tests do with them ---------------------------------------------------- */

class Driver {
	constructor(name, send, end) {
		Object.assign(this, { name, send, end });
	}

	go(url) { return this.send('WebDriver:Navigate', { url }); }
	reload() { return this.send('WebDriver:Refresh', {}); }
	url() { return this.send('WebDriver:GetCurrentURL'); }
	/** The body of a function, run in the page. */
	script(script, ...args) { return this.send('WebDriver:ExecuteScript', { script, args }); }
	windows() { return this.send('WebDriver:GetWindowHandles'); }
	switchTo(handle) { return this.send('WebDriver:SwitchToWindow', { handle }); }
	/** Be in a new tab: its handle. */
	async newTab() {
		const { handle } = await this.send('WebDriver:NewWindow', { type: 'tab' });
		await this.switchTo(handle);
		return handle;
	}
	frame(element) { return this.send('WebDriver:SwitchToFrame', { id: element ? { [ELEMENT]: element } : null }); }

	async find(selector) {
		return (await this.send('WebDriver:FindElement', { using: 'css selector', value: selector }))[ELEMENT];
	}

	async click(selector) {
		return this.send('WebDriver:ElementClick', { id: await this.find(selector) });
	}

	async type(selector, text) {
		return this.send('WebDriver:ElementSendKeys', { id: await this.find(selector), text });
	}

	text() { return this.script('return document.body.innerText'); }

	/** Wait for something to come true; what is not there yet is not an error. */
	until(fn, what) {
		return until(async () => {
			try {
				return await fn();
			} catch {
				return false;
			}
		}, `${what} in ${this.name}`);
	}

	/** Click, and be in the window that opens. */
	async clickForTab(selector) {
		const before = await this.windows();
		await this.click(selector);
		const handle = await this.until(async () => (await this.windows()).find((w) => !before.includes(w)), 'a new window');
		await this.switchTo(handle);
	}

	/** Wait for a text in the first frame, wherever that goes meanwhile. */
	async untilFrameSays(text) {
		await this.until(async () => {
			await this.frame(null);
			await this.frame(await this.find('iframe'));
			return (await this.text()).includes(text);
		}, `"${text}" in the frame`);
		await this.frame(null);
	}

	/** Firefox takes none while a frame is on its way to another page. */
	async screenshot(name) {
		const dir = path.join(build, 'tests/screenshots');
		const picture = await this.until(() => this.send('WebDriver:TakeScreenshot', {}), 'a screenshot');
		fs.mkdirSync(dir, { recursive: true });
		fs.writeFileSync(path.join(dir, `${this.name}-${name}.png`), Buffer.from(picture, 'base64'));
	}
}

async function firefox(hosts) {
	const dir = temporary('firefox'), map = await proxy(hosts);
	const prefs = {
		'marionette.port': 0,
		/* Not those that a test library likes: the popup blocker stays on. */
		'remote.prefs.recommended': false,
		/* A click lets its page open a window for as long, however busy the machine. */
		'dom.user_activation.transient.timeout': 600000, 'dom.disable_open_click_delay': 600000,
		'network.proxy.type': 1, 'network.proxy.ssl': '127.0.0.1', 'network.proxy.ssl_port': map.port,
		'network.proxy.http': '127.0.0.1', 'network.proxy.http_port': map.port, 'network.proxy.no_proxies_on': '',
		'network.captive-portal-service.enabled': false, 'network.connectivity-service.enabled': false,
		'app.update.enabled': false, 'browser.aboutwelcome.enabled': false, 'datareporting.policy.dataSubmissionEnabled': false,
		'browser.safebrowsing.update.enabled': false, 'extensions.update.enabled': false, 'app.normandy.enabled': false,
		'services.settings.server': 'data:,#remote-settings-dummy/v1', 'browser.shell.checkDefaultBrowser': false,
	};
	fs.writeFileSync(path.join(dir, 'user.js'), Object.entries(prefs).map(([k, v]) => `user_pref(${JSON.stringify(k)}, ${JSON.stringify(v)});\n`).join(''));
	const child = spawn('firefox-esr', ['--headless', '--no-remote', '--marionette', '--profile', dir],
		{ stdio: 'ignore', env: { ...process.env, HOME: dir, MOZ_CRASHREPORTER_DISABLE: '1' } });
	const ended = new Promise((r) => child.on('exit', r));
	const told = path.join(dir, 'MarionetteActivePort');
	const port = await until(() => fs.existsSync(told) && fs.readFileSync(told, 'utf8').trim(), 'Firefox to listen').catch((error) => {
		child.kill('SIGKILL');
		map.close();
		throw error;
	});
	const send = await marionette(Number(port));
	await send('WebDriver:NewSession', { acceptInsecureCerts: true });
	return new Driver('firefox', send, async () => {
		await send('Marionette:Quit', { flags: ['eForceQuit'] }).catch(() => {});
		await ended;
		map.close();
	});
}

const miniBrowser = () => ['webkit2gtk-4.1', 'webkit2gtk-4.0', 'webkitgtk-6.0']
	.flatMap((dir) => fs.readdirSync('/usr/lib').map((arch) => `/usr/lib/${arch}/${dir}/MiniBrowser`)).find((file) => fs.existsSync(file));

async function webkit(hosts) {
	const dir = temporary('webkit'), map = await proxy(hosts);
	const port = await freePort();
	/* It has no way to be without a screen: one that finds a number of its own, and says which. */
	const screen = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1280x1024x24', '-nolisten', 'tcp'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
	process.on('exit', () => screen.kill());
	const display = await new Promise((resolve, reject) => {
		screen.stdio[3].once('data', (d) => resolve(String(d).trim()));
		screen.on('error', reject).on('exit', () => reject(new Error('Xvfb ended')));
	});
	const child = spawn('WebKitWebDriver', [`--port=${port}`, '--host=127.0.0.1'],
		{ stdio: 'ignore', detached: true, env: { ...process.env, HOME: dir, XDG_RUNTIME_DIR: dir, https_proxy: `http://127.0.0.1:${map.port}`, http_proxy: `http://127.0.0.1:${map.port}`,
			no_proxy: '127.0.0.1,localhost', DISPLAY: `:${display}`, WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1', GDK_BACKEND: 'x11' } });
	const ended = new Promise((r) => child.on('exit', r));
	await until(() => new Promise((resolve) => {
		const socket = net.connect(port, '127.0.0.1', () => { socket.destroy(); resolve(true); });
		socket.on('error', () => resolve(false));
	}), 'WebKitWebDriver');
	const send = overHttp(port);
	const end = async () => {
		await send('WebDriver:DeleteSession').catch(() => {});
		process.kill(-child.pid, 'SIGTERM');
		await ended;
		screen.kill();
		map.close();
	};
	await send('WebDriver:NewSession', { capabilities: { alwaysMatch: {
		acceptInsecureCerts: true,
		'webkitgtk:browserOptions': { binary: miniBrowser(), args: ['--automation'] },
	} } }).catch(async (error) => {
		await end();
		throw error;
	});
	return new Driver('webkit', send, end);
}

/** { name, start(hosts), missing }: `missing` says why it cannot be driven here. */
export const engines = [
	{ name: 'firefox', start: firefox, missing: !isInstalled('firefox-esr') && 'firefox-esr is not installed' },
	{ name: 'webkit', start: webkit,
		missing: !(isInstalled('WebKitWebDriver') && isInstalled('Xvfb')) && 'webkit2gtk-driver and xvfb are not installed' },
];
