// The frame on a partner's page: learns from the page around it who the user
// is, and signs them in, in a tab or in here.
//
//	frame to page	{usher: 'hello', version: 1, was}	was: '', or
//		'signed-out' or 'expired' when a desk was in here before
//	page to frame	{usher: 'connect'} and a MessagePort
//
// and then, over the port,
//
//	page	{type: 'handoff', mode: 'tab' or 'frame', fields: {...}}
//		{type: 'failed'}	after an 'again': there is nobody to hand off
//		{type: 'sign-out'}
//	frame	{type: 'redirect', url, expires_in}	mode tab: yours to open
//		{type: 'signed-in'}	mode frame: the desk is on its way
//		{type: 'signed-out'}
//		{type: 'again'}		the user pressed the button
//		{type: 'refused', status, body, request}
//
// The hello says nothing secret, so it goes to any page that is
// there.  Everything else goes over the port, and that is taken from the page
// around alone, and only where the browser says that it is of one of the
// tenant's origins.
'use strict';
(() => {
	const main = document.getElementById('frame');
	const t = JSON.parse(main.dataset.texts);	// policy/texts/
	const line = main.querySelector('[role=status]');
	const button = main.querySelector('button');
	const origins = main.dataset.origins.split(' ');
	const base = location.pathname.replace(/\/$/, '');	// a slash may follow the tenant
	const TAB_MS = 30000;	// until the page must have handed off
	const was = location.hash.slice(1);
	let port = null;
	let embedder = '';
	let isInTab = false;	// no desk can open in here
	let tab = null;		// that waits for what the page hands off next
	let timer = 0;

	addEventListener('message', (event) => {
		if (port || parent === window || event.source !== parent ||
		    !event.data || event.data.usher !== 'connect' ||
		    !event.ports.length)
			return;
		if (event.origin === 'null' || !origins.some((entry) => isMatched(entry, event.origin))) {
			console.warn(`usher: ${event.origin} may not embed this desk`);
			return;
		}
		embedder = event.origin;
		port = event.ports[0];
		port.onmessage = (message) => answer(message.data || {});
	});

	button.addEventListener('click', () => {
		if (!port)
			return;
		if (isInTab) {
			openTab();
			return;
		}
		say(t.moment);
		port.postMessage({ type: 'again' });
	});

	// As the gateway reads its list: a star is one label, exactly.
	function isMatched(entry, origin) {
		const [head, tail] = entry.split('*');

		if (tail === undefined)
			return entry === origin;
		return origin.length > head.length + tail.length && origin.startsWith(head) && origin.endsWith(tail) &&
			/^[a-z0-9_-]{1,63}$/.test(origin.slice(head.length, origin.length - tail.length));
	}

	// "one:... {n} second|other:... {n} seconds"
	function plural(n, text) {
		const forms = new Map(text.split('|').map((form) => [form.split(':')[0], form.slice(form.indexOf(':') + 1)]));
		return (forms.get(new Intl.PluralRules(t.lang).select(n)) || forms.get('other') || text).replace('{n}', n);
	}

	// The gateway's messages are for the makers of pages, in English.
	const inWords = { desk_off: t.no_desk, cookies_blocked: t.no_cookies, unreachable: t.unreachable };
	const words = (body, other) => inWords[body.code] || (t.lang === 'en' && body.message ? body.message : other);

	function say(text, label) {
		line.textContent = text;
		button.textContent = label || '';
		button.hidden = !label;
	}

	// For the user, who can mend none of it but wait; the page is told all.
	function refuse(status, body, request) {
		const wait = Number(body.retry_after) || 0;
		const quote = request ? ` ${t.quote.replace('{number}', request)}` : '';

		if (status === 429)
			say(wait < 120 ? plural(wait || 60, t.wait_seconds) : plural(Math.ceil(wait / 60), t.wait_minutes), t.try_again);
		else if (status === 422 || status === 400)
			say(`${t.wrong} ${t.tell}${quote}`);
		else if (status === 403 || status === 404)
			say(`${words(body, t.refused)}${body.code === 'desk_off' ? '' : ` ${t.tell}${quote}`}`);
		else
			say(words(body, t.failed), t.try_again);
		port.postMessage({ type: 'refused', status, body, request });
	}

	// The origin that arrives is the gateway's own: whose page it is for is
	// told beside it.
	async function ask(path, body) {
		const response = await fetch(base + path, {
			method: body ? 'POST' : 'GET',
			headers: Object.assign({ 'Accept': 'application/json' },
				body && { 'Content-Type': 'application/json', 'X-Embedded-By': embedder }),
			body: body && JSON.stringify(body),
			redirect: 'error',
			referrerPolicy: 'strict-origin',
		});
		const request = response.headers.get('X-Request-Id');
		const text = await response.text();
		let json = {};
		try {
			json = JSON.parse(text);
		} catch (error) {
			// an empty body, or none of the gateway's
		}
		if (!response.ok && !json.message)
			json.message = 'This did not work. Please try again.';
		return { ok: response.ok, status: response.status, body: json, request };
	}

	// Some browsers keep no cookies of frames at all. A tab works everywhere, but
	// has to be opened while the click counts. The page is asked anew: what it handed
	// off may be good for one session, and that was in here.
	function openTab() {
		endTab();
		tab = window.open('', '_blank');
		if (!tab)
			return endTab();
		timer = setTimeout(endTab, TAB_MS);
		port.postMessage({ type: 'again' });
	}

	function endTab() {
		clearTimeout(timer);
		if (tab)
			tab.close();
		tab = null;
		say(t.failed, t.new_tab);
	}

	async function sendOn(fields) {
		const handed = await ask('/handoff', fields).catch(() => ({}));

		if (!tab)
			return;
		if (!handed.ok)
			return endTab();
		clearTimeout(timer);
		tab.opener = null;
		tab.location.replace(handed.body.redirect_url);
		tab = null;
		say(t.opens, t.open_again);
	}

	async function signInHere(url) {
		const opened = await ask('/session', { token: new URL(url).searchParams.get('token') });
		if (!opened.ok)
			return refuse(opened.status, opened.body, opened.request);
		// Did the browser keep the cookie?
		const kept = await ask('/api/tickets?limit=1');
		if (kept.status === 401) {
			isInTab = true;
			refuse(401, { code: 'cookies_blocked', message: 'In this browser the support desk opens in a tab of its own.' }, kept.request);
			say(line.textContent, t.new_tab);
			return;
		}
		port.postMessage({ type: 'signed-in' });
		// A policy cannot say "one label": the desk is told whose page is around.
		location.replace(`${base}/dashboard${origins.includes(embedder) ? '' : `?in=${encodeURIComponent(embedder)}`}`);
	}

	async function handOff(mode, fields) {
		if (mode === 'frame' && main.dataset.desk !== 'yes')
			return refuse(404, { code: 'desk_off', message: 'This desk does not open inside other pages.' });
		say(t.signing_in);
		const handed = await ask('/handoff', fields);
		if (!handed.ok)
			return refuse(handed.status, handed.body, handed.request);
		if (mode === 'frame')
			return signInHere(handed.body.redirect_url);
		say(t.opens);
		port.postMessage({ type: 'redirect', url: handed.body.redirect_url, expires_in: handed.body.expires_in });
	}

	async function signOut() {
		const ended = await ask('/logout', {});
		if (!ended.ok)
			return refuse(ended.status, ended.body, ended.request);
		try {
			// The desks of other tabs, who look for themselves.
			new BroadcastChannel('usher').postMessage('signed-out');
		} catch (error) {
			// an old browser: they look from time to time
		}
		say(t.left);
		port.postMessage({ type: 'signed-out' });
	}

	function answer(message) {
		if (message.type === 'failed')
			return tab ? endTab() : say(t.failed, t.try_again);
		const work = message.type === 'handoff' ? tab ? sendOn(message.fields || {}) : handOff(message.mode, message.fields || {}) :
			message.type === 'sign-out' ? signOut() : Promise.resolve();

		work.catch(() => refuse(0, { code: 'unreachable', message: 'The support desk cannot be reached right now.' }));
	}

	if (parent === window)
		say(t.alone);
	else if (was === 'signed-out')
		say(t.left, t.sign_in_again);
	else if (was === 'expired')
		say(t.ended, t.sign_in_again);
	if (parent !== window)
		parent.postMessage({ usher: 'hello', version: 1, was }, '*');
})();
