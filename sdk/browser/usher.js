/*
 * usher.js: sends the user who is signed in on this page on to the support
 * desk, signed in there too. How: the SDK's manual for partners.
 */
(function () {
	'use strict';

	if (window.Usher)
		return;

	const VERSION = '1.1.0';
	const FRAME_MS = 20000;		// until a frame must have answered
	const SILENT_MS = 2000;		// after it has loaded
	const FETCH_MS = 20000;
	const SIGN_MS = 20000;		// until the partner's server must have signed
	const TAB_MS = 10000;		// until a new tab must be on its way

	const script = document.currentScript;
	const home = script && script.src ? new URL(script.src, location.href).origin : '';
	const tenants = new Set();	// whose users this page has asked for
	const running = new Map();	// one click at a time
	const frames = new Set();	// that are open
	let tabs = 0;
	let partings = 0;	// users signed out, or gone from this page

	if (script && script.dataset.tenant)
		tenants.add(script.dataset.tenant);

	class UsherError extends Error {
		constructor(code, message, more) {
			super(message);
			this.name = 'UsherError';
			this.code = code;
			Object.assign(this, more);
		}
	}

	// ---- who the user is --------------------------------------------------

	const keys = (tenant) => [`${tenant}_user_email`, `${tenant}_user_name`];

	// Reading localStorage throws where the browser keeps nothing.
	function stored(work) {
		try {
			return work(window.localStorage);
		} catch (error) {
			return null;
		}
	}

	function forget() {
		tenants.forEach((tenant) => stored((s) => keys(tenant).forEach((key) => s.removeItem(key))));
	}

	// Nobody in window.authUser: signed out. Whoever sits there next must not be
	// taken for them.
	const isSomebody = (user) => user && (user.email || user.assertion);
	const isSignedOut = () => 'authUser' in window && !isSomebody(window.authUser);
	// A page with a server that signs need not say anything itself.
	const isSilent = (options) => !('user' in options) && !('authUser' in window);

	function findUser(options) {
		if ('user' in options)
			return options.user;
		if ('authUser' in window)
			return window.authUser;
		if (options.signUrl)
			return null;	// its server knows
		return stored((s) => {
			const [email, name] = keys(options.tenant).map((key) => s.getItem(key));
			return email ? { email, name } : null;
		});
	}

	function checkUser() {
		if (isSignedOut())
			signOut();
	}

	// ---- what goes over ---------------------------------------------------

	function nobody(options) {
		forget();
		if (options.loginUrl)
			goTo(null, new URL(options.loginUrl, location.href).href);
		return new UsherError('no_user', 'Nobody is signed in on this page.', {
			remedy: 'Set window.authUser = {email, name}, or pass {user}; with {loginUrl} others go to your own sign-in.',
		});
	}

	function makeFields(options) {
		const user = findUser(options) || {};

		if (!isSomebody(user) && !(options.signUrl && isSilent(options)))
			throw nobody(options);
		if (options.remember && user.email)
			stored((s) => {
				s.setItem(keys(options.tenant)[0], user.email);
				s.setItem(keys(options.tenant)[1], user.name || '');
			});
		const fields = Object.assign({ email: user.email, name: user.name || '', assertion: user.assertion }, options.fields);
		if (options.redirectUrl)
			fields.redirect_url = options.redirectUrl;
		Object.keys(fields).forEach((name) => {
			if (fields[name] === undefined || fields[name] === null)
				delete fields[name];
		});
		return fields;
	}

	// What the partner's server makes for the user of its own session, now. The fields
	// of the form that was clicked go along: its token against forgery, for one.
	async function sign(options) {
		const target = options.event && options.event.target;
		const form = target && target.closest && target.closest('form');
		const control = new AbortController();
		const timer = setTimeout(() => control.abort(), SIGN_MS);
		let said = 'nothing';

		try {
			const response = await fetch(new URL(options.signUrl, location.href).href, {
				method: 'POST',
				mode: 'same-origin',
				headers: { 'Accept': 'application/json', 'X-Requested-With': 'XMLHttpRequest' },
				credentials: 'same-origin',
				cache: 'no-store',
				redirect: 'manual',	// to a sign-in, most likely
				body: new URLSearchParams(form ? new FormData(form) : []),
				signal: control.signal,
			});
			said = response.status || 'with a redirect';
			if (said === 401)
				throw nobody(options);
			const user = await response.json();
			if (response.ok && user.assertion && typeof user.assertion === 'string')
				return user;
		} catch (error) {
			if (error instanceof UsherError)
				throw error;
		} finally {
			clearTimeout(timer);
		}
		throw new UsherError('sign_failed', `This page's server, asked at ${options.signUrl} who the user is, answered ${said}.`, {
			remedy: 'It is to answer a POST of this page with {"assertion": "..."}, and with 401 where nobody is signed in; within 20 s, on this page\'s own origin.',
		});
	}

	// Where that fails the click goes on with what the page has: the gateway decides,
	// and tells the user.
	async function prove(options, fields) {
		const before = partings;
		let user = {};

		if (!options.signUrl)
			return;
		try {
			user = await sign(options);
		} catch (error) {
			if (error.code === 'no_user' || !isSomebody(fields))
				throw error;
			if (partings === before)
				report(options, error);
		}
		if (partings !== before)
			throw new UsherError('no_user', 'The user is gone meanwhile.');
		['email', 'name', 'assertion'].forEach((name) => {
			if (typeof user[name] === 'string')
				fields[name] = user[name];
		});
	}

	// Worth another try, with a fresh one.
	const isStale = (options, error) => options.signUrl && (error.code === 'assertion_expired' || error.code === 'assertion_replayed');

	const unlisted = (options) => `Check the tenant's name, "${options.tenant}", and ask for ${location.origin} to be added to its origins. The method "form" works without.`;

	// What the gateway refused, in the words of whoever can mend it.
	function refusal(options, status, body, request) {
		const more = { status, body, request };
		let remedy = body.message || '';

		if (status === 404 && body.code === 'tenant_not_found') {
			remedy = `The gateway at ${options.gateway} knows no tenant "${options.tenant}": correct the name.`;
		} else if (status === 422) {
			more.errors = body.errors || {};
			remedy = Object.keys(more.errors).map((field) => `${field}: ${more.errors[field].join(' ')}`).join(' ') ||
				body.message;
		} else if (status === 429) {
			more.retryAfter = Number(body.retry_after) || 60;
			remedy = `Too many sign-ins from this address: possible again in ${more.retryAfter} s.`;
		} else if (body.code === 'origin_refused' || body.code === 'embedder_refused' || body.code === 'embedding_off') {
			remedy = unlisted(options);
		} else if (body.code === 'cookies_blocked') {
			remedy = 'This browser keeps no cookies inside frames; the frame offers a tab instead.';
		} else if (body.code === 'desk_off') {
			remedy = 'This tenant\'s desk does not open in frames: use mode "tab" or method "form".';
		}
		return new UsherError(body.code || 'refused', `The gateway answered ${status || 'nothing'}.`, Object.assign(more, { remedy }));
	}

	// Rejects when this page's own policy stops it.
	function watchPolicy(directives) {
		let stop;
		const seen = new Promise((resolve, reject) => {
			const listen = (event) => {
				if (directives.includes(event.effectiveDirective))
					reject(new UsherError('csp_blocked', `This page's Content-Security-Policy (${event.effectiveDirective}) blocked ${event.blockedURI}.`, {
						remedy: `Add the gateway${event.effectiveDirective === 'form-action' ? ' and the desk it redirects to' : ''} to ${event.effectiveDirective} in this page's Content-Security-Policy.`,
					}));
			};
			document.addEventListener('securitypolicyviolation', listen);
			stop = () => document.removeEventListener('securitypolicyviolation', listen);
		});
		seen.catch(() => {});
		return { seen, stop };
	}

	// ---- tabs -------------------------------------------------------------

	// While the click still counts. Whoever sends it on takes its opener away:
	// the desk's page must not reach back into this one.
	function openTab() {
		const name = `usher-${Date.now()}-${++tabs}`;
		const tab = window.open('', name);

		if (!tab)
			throw new UsherError('popup_blocked', 'The browser did not let a new tab open.', {
				remedy: 'Call contactSupport() straight from a click, or pass {newTab: false}.',
			});
		return { name, tab };
	}

	// Takes it away, where the page that it came from does not have to be told.
	function endTab(tab, error) {
		if (tab && error.code === 'sign_failed')
			write(tab, 'Support cannot be reached right now. Please reload the page that you came from, and try again.');
		else if (tab)
			tab.close();
	}

	function write(tab, text) {
		try {
			tab.document.body.textContent = text;
		} catch (error) {
			// closed, or elsewhere by now
		}
	}

	// Nothing of another site can be read.
	function isAway(tab) {
		try {
			return tab.closed || tab.location.href !== 'about:blank';
		} catch (error) {
			return true;
		}
	}

	function away(tab) {
		return new Promise((resolve) => {
			const end = Date.now() + TAB_MS;
			const timer = setInterval(() => {
				if (!isAway(tab) && Date.now() < end)
					return;
				clearInterval(timer);
				resolve();
			}, 50);
		});
	}

	function goTo(tab, url) {
		if (!/^https?:\/\//.test(url))
			throw new UsherError('refused', `"${url}" is no place to go.`, {});
		if (!tab) {
			location.assign(url);
			return;
		}
		tab.opener = null;
		tab.location.replace(url);
	}

	// ---- method "form" ----------------------------------------------------

	async function byForm(options, fields) {
		const opened = options.newTab ? openTab() : null;

		try {
			if (options.signUrl)
				await prove(options, fields);
			await postForm(options, fields, opened);
		} catch (error) {
			endTab(opened && opened.tab, error);
			throw error;
		}
		return { method: 'form' };
	}

	async function postForm(options, fields, opened) {
		const policy = watchPolicy(['form-action']);
		const form = document.createElement('form');

		form.method = 'POST';
		form.action = `${options.gateway}/api/auth/redirect/${encodeURIComponent(options.tenant)}`;
		form.acceptCharset = 'UTF-8';
		if (opened)
			form.target = opened.name;
		Object.keys(fields).forEach((name) => {
			const input = document.createElement('input');

			input.type = 'hidden';
			input.name = name;
			input.value = typeof fields[name] === 'object' ? JSON.stringify(fields[name]) : fields[name];
			form.appendChild(input);
		});
		document.body.appendChild(form);
		// A field named "submit" would hide the form's own.
		HTMLFormElement.prototype.submit.call(form);
		form.remove();
		if (opened)
			opened.tab.opener = null;	// sooner, WebKit finds no tab of that name
		try {
			await Promise.race([policy.seen, opened ? away(opened.tab) :
				new Promise((resolve) => addEventListener('pagehide', resolve, { once: true }))]);
		} finally {
			policy.stop();
		}
	}

	// ---- method "fetch" ---------------------------------------------------

	async function ask(options, fields) {
		const policy = watchPolicy(['connect-src']);
		const control = new AbortController();
		const timer = setTimeout(() => control.abort(), FETCH_MS);

		try {
			const response = await fetch(`${options.gateway}/api/auth/redirect/${encodeURIComponent(options.tenant)}`, {
				method: 'POST',
				headers: { 'Content-Type': 'application/json', 'Accept': 'application/json' },
				credentials: 'omit',
				body: JSON.stringify(Object.assign({}, fields, { response: 'json' })),
				signal: control.signal,
			});
			const body = await response.json().catch(() => ({}));
			if (!response.ok)
				throw refusal(options, response.status, body, response.headers.get('X-Request-Id'));
			return body;
		} catch (error) {
			if (error instanceof UsherError)
				throw error;
			// The browser tells the page nothing more about either.
			await Promise.race([policy.seen, new Promise((resolve) => setTimeout(resolve, 100))]);
			throw new UsherError('unreachable', 'The gateway did not answer this page.', { remedy: unlisted(options) });
		} finally {
			clearTimeout(timer);
			policy.stop();
		}
	}

	async function byFetch(options, fields) {
		const tab = options.newTab ? openTab().tab : null;

		try {
			await prove(options, fields);
			const body = await ask(options, fields).catch(async (error) => {
				if (!isStale(options, error))
					throw error;
				await prove(options, fields);
				return ask(options, fields);
			});
			goTo(tab, body.redirect_url);
			return { method: 'fetch', url: body.redirect_url };
		} catch (error) {
			endTab(tab, error);
			throw error;
		}
	}

	// ---- method "embed" ---------------------------------------------------

	// The gateway's frame. Listens before it is there: `on.port(port, was)` for each
	// page in it that says hello, `on.fail(error)` when none does.
	function openFrame(options, place, on) {
		const policy = watchPolicy(['frame-src', 'child-src']);
		const frame = document.createElement('iframe');
		let port = null, timer = 0;

		const fail = (error) => {
			clearTimeout(timer);
			on.fail(error);
		};
		const wait = (ms) => {
			clearTimeout(timer);
			timer = setTimeout(() => fail(new UsherError('frame_silent', 'The gateway\'s frame did not answer: most likely it may not be shown here.', {
				remedy: unlisted(options),
			})), ms);
		};
		const listen = (event) => {
			if (event.source !== frame.contentWindow || event.origin !== options.gateway || !event.data)
				return;
			if (event.data.usher === 'refused')
				fail(refusal(options, event.data.status, { code: event.data.code }, null));
			if (event.data.usher !== 'hello')
				return;
			const channel = new MessageChannel();
			clearTimeout(timer);
			if (port)
				port.close();
			port = channel.port1;
			on.port(port, event.data.was);
			frame.contentWindow.postMessage({ usher: 'connect' }, options.gateway, [channel.port2]);
		};

		addEventListener('message', listen);
		policy.seen.catch(fail);
		frame.addEventListener('load', () => {
			if (!port)
				wait(SILENT_MS);
		});
		frame.title = options.title || 'Support';
		frame.referrerPolicy = 'no-referrer';
		frame.src = `${options.gateway}/embed/${encodeURIComponent(options.tenant)}`;
		if (place)
			Object.assign(frame.style, { display: 'block', width: '100%', height: '100%', minHeight: '32rem', border: '0' });
		else
			frame.style.display = 'none';
		(place || document.body).appendChild(frame);
		wait(FRAME_MS);
		return {
			frame,
			close() {
				clearTimeout(timer);
				removeEventListener('message', listen);
				policy.stop();
				if (port)
					port.close();
				frame.remove();
			},
		};
	}

	function findPlace(options) {
		const place = typeof options.target === 'string' ? document.querySelector(options.target) : options.target;

		if (!place)
			throw new UsherError('no_target', 'There is no element for the desk.', {
				remedy: 'Pass {target}: an element, or a selector that finds one.',
			});
		return place;
	}

	// Each page in the frame asks anew; who just signed out in there stays out.
	function byEmbed(options, fields) {
		const inFrame = options.mode !== 'tab';
		const place = inFrame ? findPlace(options) : null;
		const tab = !inFrame && options.newTab ? openTab().tab : null;

		frames.forEach((other) => other.place === place && other.close());
		return new Promise((resolve, reject) => {
			const result = { method: 'embed', mode: inFrame ? 'frame' : 'tab' };
			let settled = false, isRenewed = false;

			const fail = (error) => {
				if (settled) {
					// The session ended meanwhile.
					if (error.code === 'not_signed_in')
						open.frame.src = `${open.frame.src.split('#')[0]}#expired`;
					else
						report(options, error);
					return;
				}
				settled = true;
				endTab(tab, error);
				// A refused frame says so to the user, too.
				if (!inFrame || !error.status)
					open.close();
				reject(error);
			};
			const handOff = async (port) => {
				try {
					if (settled)
						fields = makeFields(options);
					await prove(options, fields);
					port.postMessage({ type: 'handoff', mode: result.mode, fields });
				} catch (error) {
					port.postMessage({ type: 'failed' });
					fail(error);
				}
			};
			const hear = (port, message) => {
				if (message.type === 'again') {
					isRenewed = false;
					handOff(port);
				} else if (message.type === 'refused') {
					const error = refusal(options, message.status, message.body || {}, message.request);
					if (isStale(options, error) && !isRenewed) {
						isRenewed = true;
						handOff(port);
					} else {
						fail(error);
					}
				} else if (message.type === 'redirect') {
					settled = true;
					open.close();
					goTo(tab, message.url);
					resolve(Object.assign(result, { url: message.url }));
				} else if (message.type === 'signed-in') {
					settled = true;
					resolve(Object.assign(result, { frame: open.frame, close: open.close }));
				}
			};
			const open = openFrame(options, place, {
				fail,
				port(port, was) {
					port.onmessage = (event) => hear(port, event.data || {});
					if (!was)
						handOff(port);
					else if (was === 'signed-out' && options.onsignout)
						options.onsignout();
				},
			});
			if (inFrame) {
				const close = open.close;
				const entry = { place, options, close: () => open.close() };
				open.close = () => {
					frames.delete(entry);
					close();
				};
				frames.add(entry);
			}
		});
	}

	function endFrame(options) {
		return new Promise((resolve) => {
			const open = openFrame(options, null, {
				fail: () => done(),
				port(port) {
					port.onmessage = () => done();
					port.postMessage({ type: 'sign-out' });
				},
			});
			const done = () => {
				open.close();
				resolve();
			};
		});
	}

	// ---- the door ---------------------------------------------------------

	const methods = { form: byForm, fetch: byFetch, embed: byEmbed };

	function report(options, error) {
		// Guests are on the way to the page's own sign-in, as it was told.
		if (error.code !== 'no_user' || !options.loginUrl)
			console.error(`[usher] ${error.message}${error.remedy ? ` ${error.remedy}` : ''}${error.request ? ` (request ${error.request})` : ''}`);
		if (options.onerror)
			options.onerror(error);
	}

	function prepare(given) {
		const options = { tenant: script && script.dataset.tenant, signUrl: script && script.dataset.signUrl, gateway: home, method: 'form', newTab: true };

		// An undefined user is nobody; other options are as if left out.
		Object.keys(given).forEach((key) => {
			if (given[key] !== undefined || key === 'user')
				options[key] = given[key];
		});

		if (!options.tenant)
			throw new UsherError('no_tenant', 'Which tenant?', {
				remedy: 'Pass {tenant}, or name it in the script tag: data-tenant="yourcompany".',
			});
		tenants.add(options.tenant);
		if (!options.gateway)
			throw new UsherError('no_gateway', 'The gateway\'s address is not known.', {
				remedy: 'Load usher.js from the gateway with a <script src>, or pass {gateway}.',
			});
		options.gateway = new URL(options.gateway, location.href).origin;
		if (!methods[options.method])
			throw new UsherError('no_method', `There is no method "${options.method}".`, {
				remedy: 'It is "form", "fetch" or "embed".',
			});
		if (!window.isSecureContext)
			console.warn('[usher] This page came over plain http, where anybody on the way can change who is signed in, and no tenant lists its origin: serve it over https.');
		return options;
	}

	async function start(given) {
		const options = prepare(given);
		return methods[options.method](options, makeFields(options));
	}

	// Resolves once the user is on the way, or in the frame.
	function contactSupport(given) {
		const options = given instanceof Event ? { event: given } : given || {};
		const name = JSON.stringify([options.tenant, options.method, options.mode]);

		// The second of a double click does nothing by itself either.
		if (options.event && options.event.preventDefault)
			options.event.preventDefault();
		if (running.has(name))
			return running.get(name);
		const work = start(options).then((result) => {
			if (options.onready)
				options.onready(result);
			return result;
		}, (error) => {
			report(options, error);
			throw error;
		});
		const clear = () => running.delete(name);
		running.set(name, work);
		// Who ignores the promise has the console.
		work.then(clear, clear);
		return work;
	}

	// Forgets the user, and ends what is open in frames of this page.
	function signOut() {
		const ending = Array.from(frames).map((entry) => {
			entry.close();
			return endFrame(entry.options);
		});
		partings++;
		forget();
		return Promise.all(ending).then(() => {});
	}

	// Buttons that need no script of the page's own.
	document.addEventListener('click', (event) => {
		const button = event.target.closest && event.target.closest('[data-usher]');

		if (!button)
			return;
		const data = button.dataset;

		// A form with its own user posts by itself where the page names none.
		const own = button.form && button.form.elements.email;
		if (own && own.value && !data.usherSign && !(script && script.dataset.signUrl) && data.usher === 'form' && !('authUser' in window))
			return;
		const options = { event };
		[['usher', 'method'], ['usherTenant', 'tenant'], ['usherMode', 'mode'], ['usherTarget', 'target'], ['usherTitle', 'title'],
			['usherLogin', 'loginUrl'], ['usherRedirect', 'redirectUrl'], ['usherSign', 'signUrl']].forEach(([from, to]) => {
			if (data[from])
				options[to] = data[from];
		});
		contactSupport(options);
	});

	window.Usher = { version: VERSION, contactSupport, signOut };
	addEventListener('pageshow', checkUser);
	addEventListener('pagehide', () => { partings++; });
	document.addEventListener('visibilitychange', checkUser);
})();
