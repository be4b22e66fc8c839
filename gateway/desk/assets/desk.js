/* The desk's page: see desk/desk.h for its data and the API behind it.
 * Whatever comes from people is put in as text, never as markup. */
'use strict';
(() => {
const data = JSON.parse(document.getElementById('data').textContent);
const { tenant, user, base, api, texts: t } = data;
const embedded = data.embedded === true;
const HOME = 'dashboard', NEW = 'tickets/new';
const SUBJECT_MAX = 200, MESSAGE_MAX = 5000;	/* characters */
const PATIENCE_MS = 20000;
const STALE_MS = 15000;
const LOOK_MS = 60000;

/* ---- words: policy/texts/ has them ---- */

const isolate = (value) => document.dir === 'rtl' ? `\u2068${value}\u2069` : String(value);
/* A text in pieces, with values, which may be elements, for its {placeholders}. */
const pieces = (text, values) => text.split(/\{(\w+)\}/).map((part, i) => i % 2 ? values[part] : part);
const fill = (text, values) => pieces(text, values).map((part, i) => i % 2 ? isolate(part) : part).join('');

/* "one:{n} message|other:{n} messages" */
const rules = new Intl.PluralRules(t.lang);
function plural(n, text) {
	const forms = new Map(text.split('|').map((form) => [form.split(':')[0], form.slice(form.indexOf(':') + 1)]));
	return fill(forms.get(rules.select(n)) || forms.get('other') || text, { n });
}

/* ---- elements ---- */

function put(node, attributes, children) {
	for (const [name, value] of Object.entries(attributes || {})) {
		if (typeof value === 'function')
			node.addEventListener(name.slice(2), value);
		else if (value === true)
			node.setAttribute(name, '');
		else if (value !== false && value != null)
			node.setAttribute(name, value);
	}
	node.append(...children.flat().filter((child) => child != null && child !== false));
	return node;
}
const el = (tag, attributes, ...children) =>
	put(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) =>
	put(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);

const icon = (path) => svg('svg', { class: 'icon', viewBox: '0 0 16 16', 'aria-hidden': 'true' },
	svg('path', { d: path }));
const BACK = 'M10 3 5 8l5 5', PLUS = 'M8 3v10M3 8h10', TICK = 'm3 8.5 3.5 3.5L13 5',
	DOT = 'M8 8h.01', ALERT = 'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M8 4.8v3.7M8 11.1v.01', REPLY = 'M6.5 4 3 7.5 6.5 11M3 7.5h6a4 4 0 0 1 4 4v.5';

/* A link within the desk. In a frame no address of its own could be opened. */
function link(to, attributes, ...children) {
	const go = (event) => {
		if (!embedded && (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey))
			return;
		event.preventDefault();
		visit(to);
	};
	return el('a', { href: base + to, onclick: go, onauxclick: embedded && go, ...attributes }, ...children);
}

const button = (text, onclick, attributes) =>
	el('button', { type: 'button', class: 'button', onclick, ...attributes }, text);

/* ---- time ---- */

const exact = new Intl.DateTimeFormat(t.lang, { dateStyle: 'full', timeStyle: 'short' });
const day = new Intl.DateTimeFormat(t.lang, { dateStyle: 'medium' });
const ago = new Intl.RelativeTimeFormat(t.lang, { numeric: 'auto' });

function relative(date) {
	const s = Math.min((date - Date.now()) / 1000, 0);
	if (s > -45)
		return t.just_now;
	if (s > -3600)
		return ago.format(Math.round(s / 60) || -1, 'minute');
	if (s > -86400)
		return ago.format(Math.round(s / 3600), 'hour');
	if (s > -7 * 86400)
		return ago.format(Math.round(s / 86400), 'day');
	return day.format(date);
}

function time(text) {
	const date = new Date(text);
	return el('time', { datetime: text, title: exact.format(date) }, relative(date));
}
setInterval(() => {
	for (const node of document.querySelectorAll('time'))
		node.textContent = relative(new Date(node.dateTime));
}, 30000);

function span(seconds) {
	const s = seconds % 60, min = Math.floor(seconds / 60) % 60, h = Math.floor(seconds / 3600);
	/* on one line */
	return fill(h ? t.span_h : min ? t.span_min : t.span_s, { h, min, s }).replaceAll(' ', '\xa0');
}

/* ---- drafts: what was typed outlives a reload, not the sign-out ---- */

const PREFIX = 'usher-draft ', owner = `${tenant.slug} ${user.email}`;
let store = {};	/* where a frame is allowed none, as long as the page lasts */
try {
	store = sessionStorage;
} catch { /* not allowed */ }
const read = (key) => {
	try {
		return JSON.parse(store[key]) || {};
	} catch {
		return {};	/* none, as a rule */
	}
};
const drafts = {
	get(name) {
		const found = read(PREFIX + name);
		return found.of === owner ? found : {};
	},
	set(name, value) {
		try {
			store[PREFIX + name] = JSON.stringify({ ...value, of: owner });
		} catch { /* full */ }
	},
	drop(name) {
		delete store[PREFIX + name];
	},
	any() {
		return Object.keys(store).some((key) => key.startsWith(PREFIX));
	},
	/* all, or what others left in this tab */
	clear(isTheirs) {
		for (const key of Object.keys(store))
			if (key.startsWith(PREFIX) && (!isTheirs || read(key).of !== owner))
				delete store[key];
	},
};

/* The same content is the same submission, however often it is tried: one key. */
function keyFor(name, content) {
	const draft = drafts.get(name), text = JSON.stringify(content);
	if (draft.sent === text && draft.key)
		return draft.key;
	const key = Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join('-');
	drafts.set(name, { ...content, key, sent: text });
	return key;
}

/* ---- the API ---- */

let csrf = data.csrf;
let ended = false;	/* the session: another may have begun since */

async function fetchText(url, options) {
	const abort = new AbortController();
	const timer = setTimeout(() => abort.abort(), PATIENCE_MS);
	try {
		const response = await fetch(url, { credentials: 'same-origin', cache: 'no-store', redirect: 'error',
			signal: abort.signal, ...options });
		return { response, text: await response.text() };
	} catch {
		throw { code: navigator.onLine === false ? 'offline' : 'no_answer' };
	} finally {
		clearTimeout(timer);
	}
}

function failure(response, answer) {
	const wait = Number(response.headers.get('Retry-After'));
	if (response.status === 401)
		ended = true;
	return { status: response.status, code: answer.code || '', errors: answer.errors,
		id: response.headers.get('X-Request-Id'), until: wait > 0 ? Date.now() + wait * 1000 : 0 };
}

/* What a page asks by itself is no activity: an idle session ends even so. */
const QUIET = { 'X-Usher-Activity': 'none' };

async function send(url, body, key, quiet) {
	const headers = { Accept: 'application/json', 'X-CSRF-Token': csrf, ...(quiet && QUIET) };
	if (body)
		headers['Content-Type'] = 'application/json';
	if (key)
		headers['Idempotency-Key'] = key;
	const { response, text } = await fetchText(url,
		{ method: body ? 'POST' : 'GET', headers, body: body && JSON.stringify(body) });
	let answer = {};
	try {
		answer = JSON.parse(text) || {};
	} catch { /* not the desk's: whoever stands before it */ }
	if (!response.ok || !(answer.ticket || answer.tickets))
		throw failure(response, answer);
	return answer;
}

/* The next session's token, if it is the same person's. */
async function renew(quiet) {
	const { response, text } = await fetchText(base + HOME, { headers: { Accept: 'text/html', ...(quiet && QUIET) } });
	if (!response.ok)
		throw failure(response, {});
	/* no DOMParser: it would hold that page's style against this one's policy */
	const found = / id="data"[^>]*>(.*?)<\/script>/s.exec(text);
	const next = found ? JSON.parse(found[1]) : { user: {}, tenant: {} };
	/* on a shared host the same address at another tenant is somebody else */
	if (next.user.email !== user.email || next.tenant.slug !== tenant.slug)
		throw { code: 'other_user' };
	csrf = next.csrf;
	ended = false;
	say(null);
}

/* The token goes with every question: what a session that came after answers
 * may be somebody else's. */
async function tryTo(url, body, key, quiet) {
	if (ended)
		await renew(quiet);
	try {
		return await send(url, body, key, quiet);
	} catch (error) {
		if (error.code !== 'csrf_refused')
			throw error;
		await renew(quiet);
		return send(url, body, key, quiet);
	}
}

async function ask(url, body, key, quiet) {
	try {
		return await tryTo(url, body, key, quiet);
	} catch (error) {
		if (error.status === 401 || error.code === 'other_user')
			close(error);
		throw error;
	}
}

/* ---- what is known: the server's first page, and every answer since ---- */

const lists = new Map();	/* state -> {tickets, next, at} */
const threads = new Map();	/* number -> {ticket, at} */

/* An answer has the end of a long thread: what came before it is kept. */
function join(before, ticket) {
	const from = ticket.thread[0].id, kept = before.thread.filter((message) => message.id < from);
	return kept.length && kept[kept.length - 1].id === from - 1 ?
		{ ...ticket, thread: kept.concat(ticket.thread), earlier: before.earlier } : ticket;
}

function remember(ticket) {
	if (ticket.earlier && threads.has(ticket.number))
		ticket = join(threads.get(ticket.number).ticket, ticket);
	threads.set(ticket.number, { ticket, at: Date.now() });
	for (const [state, list] of lists) {
		const at = list.tickets.findIndex((known) => known.number === ticket.number);
		if (at >= 0)
			list.tickets.splice(at, 1);
		/* the last changed first; beyond what was loaded it comes with "Show more" */
		if (!state || state === ticket.state) {
			const to = list.tickets.findIndex((known) => known.updated_at <= ticket.updated_at);
			if (to >= 0 || !list.next)
				list.tickets.splice(to < 0 ? list.tickets.length : to, 0, ticket);
		}
	}
	return ticket;
}

async function loadList(state, before, quiet) {
	const query = new URLSearchParams();
	if (state)
		query.set('state', state);
	if (before)
		query.set('before', before);
	const answer = await ask(`${api}${query.toString() && '?'}${query}`, null, null, quiet);
	const known = before ? lists.get(state).tickets : [];
	const numbers = new Set(known.map((ticket) => ticket.number));
	const list = { tickets: known.concat(answer.tickets.filter((ticket) => !numbers.has(ticket.number))),
		next: answer.next, at: Date.now() };
	lists.set(state, list);
	return list;
}

const loadThread = async (number, quiet) =>
	remember((await ask(`${api}/${number}`, null, null, quiet)).ticket);

/* ---- what went wrong, in words ---- */

const wayBack = (text) => tenant.home && !embedded &&
	el('a', { class: 'button', href: tenant.home }, text || fill(t.go_to, { tenant: tenant.name }));

/* Where the partner signs people in again, and sends them back to this place. */
const signIn = () => data.login && !embedded &&
	el('a', { class: 'button', href: data.login + encodeURIComponent(location.pathname + location.search) }, t.sign_in_again);

const inWords = {	/* by code, or by status */
	offline: [t.offline_title, t.offline],
	no_answer: [t.no_answer_title, t.no_answer],
	ticket_closed: [t.ticket_closed_title, t.ticket_closed],
	ticket_full: [t.ticket_full_title, t.ticket_full],
	403: [t['403_title'], t['403']],
	404: [t['404_title'], t['404']],
	409: [t['409_title'], t['409']],
	413: [t['413_title'], t['413']],
	429: [t['429_title'], t['429']],
	503: [t['503_title'], t['503']],
};

/* A notice about `error`: what happened, how long it lasts, what can be done. */
function trouble(error, { kept = false, retry, label = t.try_again } = {}) {
	const [title, what] = inWords[error.code] || inWords[error.status] || [t.failed_title, t.failed];
	const text = what + (kept ? ` ${t.text_kept}` : '');
	const left = el('p', { class: 'left' });
	const tick = () => {
		const s = Math.ceil((error.until - Date.now()) / 1000);
		left.textContent = s > 0 ? fill(t.retry_in, { time: span(s) }) : t.retry_now;
		if (s > 0 && box.isConnected)
			setTimeout(tick, 1000);
	};
	const box = el('div', { class: 'notice', tabindex: '-1' }, icon(ALERT), el('div', {},
		el('p', { class: 'title' }, title), el('p', {}, text), error.until ? left : null,
		error.id && error.status >= 500 ? el('p', { class: 'soft' }, fill(t.quote, { number: error.id })) : null,
		el('div', { class: 'actions' }, retry && button(label, retry))));
	if (error.until)
		setTimeout(tick);
	announce(`${title}. ${text}`);
	return box;
}

/* ---- the shell ---- */

const live = el('p', { class: 'hidden', role: 'status', 'aria-live': 'polite' });
const banner = el('div', { class: 'banner' });
const main = el('main', { id: 'main', tabindex: '-1' });

function announce(text) {
	live.textContent = '';
	setTimeout(() => { live.textContent = text; }, 50);
}

/* Across the page, above whatever is shown. */
function say(...nodes) {
	banner.replaceChildren(...nodes.filter(Boolean));
}

const initial = (name) => (Array.from(name.trim())[0] || '?').toUpperCase();
const mark = (name, kind) => el('span', { class: `mark ${kind || ''}`, 'aria-hidden': 'true' }, initial(name));

/* The same mark on the browser's tab. */
function tabIcon() {
	const style = getComputedStyle(document.documentElement), of = (name) => style.getPropertyValue(name).trim();
	const letter = initial(tenant.name).replace(/[^\p{L}\p{N}]/u, '?');
	document.head.append(el('link', { rel: 'icon', href: `data:image/svg+xml,${encodeURIComponent(
		`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="9" fill="${of('--accent')}"/>` +
		`<text x="16" y="22.5" font-family="sans-serif" font-weight="600" font-size="18" text-anchor="middle" fill="${of('--on-accent')}">${letter}</text></svg>`)}` }));
}

function shell() {
	const signOut = data.logout && el('form', { method: 'post', action: data.logout, onsubmit: leave },
		el('button', { class: 'button' }, t.sign_out));
	const foot = [tenant.attribution && el('span', { dir: 'auto' }, tenant.attribution),
		tenant.terms && el('a', { href: tenant.terms, target: embedded && '_blank', rel: 'noopener' }, t.terms),
		tenant.home && !embedded && el('a', { href: tenant.home }, fill(t.back_to, { tenant: tenant.name }))].filter(Boolean);
	document.documentElement.classList.toggle('embedded', embedded);
	document.getElementById('desk').append(
		el('a', { class: 'skip', href: '#main', onclick: (event) => { event.preventDefault(); main.focus(); } }, t.skip),
		el('header', { class: 'top' }, el('div', {},
			link(HOME, { class: 'brand' }, mark(tenant.name), el('span', { dir: 'auto' }, tenant.name)),
			el('p', { class: 'person' }, el('span', { class: 'hidden' }, `${t.signed_in_as} `),
				user.name !== user.email && el('b', { dir: 'auto' }, user.name), ' ', el('span', { class: 'soft', dir: 'auto' }, user.email)),
			signOut)),
		banner, main, foot.length ? el('footer', {}, el('p', {}, ...foot)) : '', live);
}

/* ---- the end: nobody is signed in here any more, or somebody else is ---- */

let over = '';		/* why nothing is shown any more */
let toldOut = false;	/* by another tab */
let isLooking = false, looksAgain = false, isLeaving = false;
let others = null;	/* the other tabs of this desk */
try {
	others = new BroadcastChannel('usher');
	others.onmessage = (event) => {
		if (event.data !== 'signed-out')
			return;
		toldOut = true;
		look();
	};
} catch { /* an old browser: they look from time to time */ }

const last = {	/* by reason */
	'signed-out': [t.signed_out, t.out_elsewhere],
	expired: [t.ended_title, tenant.home ? fill(t.ended_tenant, { tenant: tenant.name }) : t.ended],
	other: [t.other_title, t.other],
};

/* What was shown is taken out of the page, not hidden. */
function close(error) {
	if (isLeaving)
		return;
	const reason = error.code === 'other_user' ? 'other' : toldOut ? 'signed-out' : 'expired';
	if (reason === 'signed-out')
		drafts.clear();
	if (reason === over)
		return;
	over = reason;
	turn++;
	refresh = () => {};
	lists.clear();
	threads.clear();
	for (const node of document.querySelectorAll('#data, noscript'))
		node.remove();
	document.title = tenant.name;
	const [title, what] = last[reason];
	const kept = reason === 'expired' && drafts.any() ? ` ${t.typed_kept}` : '';
	main.replaceChildren(el('div', { class: 'empty' }, el('h1', { tabindex: '-1' }, title), el('p', {}, what + kept),
		el('div', { class: 'actions' }, reason !== 'other' && (signIn() || wayBack()),
			reason === 'other' ? button(t.load_again, () => location.reload()) : button(t.try_again, tryAgain))));
	document.getElementById('desk').replaceChildren(el('header', { class: 'top' }, el('div', {},
		el('p', { class: 'brand' }, mark(tenant.name), el('span', { dir: 'auto' }, tenant.name)))), main, live);
	announce(`${title}. ${what}${kept}`);
	if (document.hasFocus())
		main.querySelector('h1').focus({ preventScroll: true });
	/* the frame's first page says it, and signs in again */
	if (embedded && reason !== 'other')
		location.replace(`${base.slice(0, -1)}#${reason}`);
}

/* Is whoever this page is of still signed in? */
async function look() {
	/* who only comes back to the tab has just been looked for */
	if (isLooking) {
		looksAgain = toldOut;
		return;
	}
	isLooking = true;
	do {
		looksAgain = false;
		try {
			await ask(`${api}?limit=1`, null, null, true);
			toldOut = false;
			if (over)
				location.reload();	/* they are back */
		} catch { /* close() has said so, or the next look will tell */ }
	} while (looksAgain);
	isLooking = false;
}

async function tryAgain() {
	const reason = over;
	await look();
	if (over === reason)
		announce(t.nobody_yet);
}

/* The session ends first, then the other tabs are told, who look for themselves. */
async function leave(event) {
	const form = event.currentTarget;
	event.preventDefault();
	if (isLeaving)
		return;
	isLeaving = true;
	drafts.clear();
	try {
		const { response } = await fetchText(data.logout, { method: 'POST', headers: { Accept: 'application/json' } });
		isLeaving = response.ok;
	} catch {
		isLeaving = false;
	}
	if (isLeaving && others)
		others.postMessage('signed-out');
	if (isLeaving && data.exit && !embedded)
		location.assign(data.exit);
	else
		form.submit();	/* whose answer says the rest */
}

/* ---- where we are ---- */

let place = embedded ? HOME : '';	/* in a frame there is no history */
let turn = 0;		/* counts views: a late answer is not shown in the next */
let refresh = () => {};	/* of the view that is shown; quiet: nobody asked */
let lastOpened = 0;

function where() {
	const to = embedded ? place : location.pathname.slice(base.length) + location.search;
	const [path, query] = to.split('?');
	const number = /^tickets\/(\d{1,15})$/.exec(path);
	const state = new URLSearchParams(query).get('state');
	if (path === NEW)
		return { view: newView };
	if (number)
		return { view: threadView, argument: Number(number[1]) };
	return { view: listView, argument: state === 'open' || state === 'closed' ? state : '' };
}

function visit(to, replace) {
	/* whoever goes through the filter stays in it */
	const focus = document.activeElement.closest('.filter') && '.filter [aria-current]';
	if (embedded)
		place = to;
	else
		history[replace ? 'replaceState' : 'pushState'](null, '', base + to);
	show({ focus });
	scrollTo(0, 0);
}

function show({ first = false, focus } = {}) {
	if (over)
		return;
	const { view, argument } = where();
	turn++;
	refresh = () => {};
	main.replaceChildren();
	view(argument);
	/* the one that was left, on the way back; else where the view begins */
	const back = focus && main.querySelector(focus);
	if (!first)
		(back || main.querySelector('h1') || main).focus({ preventScroll: true });
}

function head(title, { back = true, aside, sub } = {}) {
	/* there is no element here that keeps a turned direction to itself */
	document.title = `${title.replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '')} – ${tenant.name}`;
	return el('div', { class: 'head' },
		back && link(HOME, { class: 'back' }, icon(BACK), t.yours),
		el('div', { class: 'line' }, el('h1', { tabindex: '-1', dir: 'auto' }, title), aside), sub);
}

const badge = (ticket) => el('span', { class: `badge ${ticket.state}` },
	icon(ticket.state === 'open' ? DOT : TICK), ticket.state === 'open' ? t.open : t.closed);

/* Grey rows while something loads; seen only when that takes a while. */
function waiting(label) {
	return el('div', { class: 'waiting', role: 'img', 'aria-label': label },
		...[0, 1, 2].map(() => el('div', {}, el('i'), el('i'))));
}

/* ---- the list ---- */

function row(ticket) {
	const isAgent = ticket.last === 'agent', when = time(ticket.updated_at);
	return el('li', {}, link(`tickets/${ticket.number}`, { 'data-number': ticket.number },
		el('span', { class: 'subject', dir: 'auto' }, ticket.subject), badge(ticket),
		el('span', { class: 'meta' }, el('span', {}, `#${ticket.number}`),
			ticket.category && el('span', { dir: 'auto' }, ticket.category),
			el('span', {}, plural(ticket.messages, t.messages)),
			el('span', { class: ticket.last }, isAgent && icon(REPLY), ...pieces(isAgent ? t.support_answered : t.you_wrote, { time: when })))));
}

function nothing(state) {
	if (state)
		return el('div', { class: 'empty' }, el('h2', {}, state === 'open' ? t.no_open : t.no_closed),
			el('p', {}, state === 'open' ? t.all_done : t.none_done),
			link(HOME, { class: 'button' }, t.show_all));
	return el('div', { class: 'empty' },
		svg('svg', { class: 'picture', viewBox: '0 0 120 84', 'aria-hidden': 'true' },
			svg('path', { d: 'M44 30h58a8 8 0 0 1 8 8v24a8 8 0 0 1-8 8h-4v10L84 70H52a8 8 0 0 1-8-8z', class: 'far' }),
			svg('path', { d: 'M18 4h58a8 8 0 0 1 8 8v26a8 8 0 0 1-8 8H38L24 58V46h-6a8 8 0 0 1-8-8V12a8 8 0 0 1 8-8z', class: 'near' }),
			svg('path', { d: 'M26 19h42M26 31h26', class: 'ink' })),
		el('h2', {}, t.welcome_title),
		el('p', {}, fill(t.welcome, { tenant: tenant.name })),
		link(NEW, { class: 'button primary' }, icon(PLUS), t.new));
}

function listView(state) {
	const mine = turn;
	const filters = [['', t.all], ['open', t.open], ['closed', t.closed]];
	const tabs = el('nav', { class: 'filter', 'aria-label': t.show }, ...filters.map(([value, text]) =>
		link(HOME + (value && `?state=${value}`), { 'aria-current': value === state && 'true', 'data-filter': value || 'all' }, text)));
	const create = link(NEW, { class: 'button primary' }, icon(PLUS), t.new);
	const body = el('div', {});

	main.append(head(t.yours, { back: false, aside: create }), tabs, body);

	function showList(list) {
		const held = document.activeElement.dataset.number;
		const rows = el('ul', { class: 'tickets' }, ...list.tickets.map(row));
		const isBare = !state && !list.tickets.length;
		tabs.hidden = create.hidden = isBare;
		if (!list.tickets.length)
			body.replaceChildren(nothing(state));
		else
			body.replaceChildren(rows, list.next ? next : '');
		if (held && rows.querySelector(`[data-number="${held}"]`))
			rows.querySelector(`[data-number="${held}"]`).focus({ preventScroll: true });
	}

	const next = more(t.more, async () => {
		const { tickets, next } = lists.get(state);
		const now = await loadList(state, next);
		if (mine !== turn)
			return;
		showList(now);
		const rows = body.querySelectorAll('.tickets a');
		rows[Math.min(tickets.length, rows.length - 1)].focus();
		announce(plural(now.tickets.length - tickets.length, t.more_tickets));
	});

	async function load(quiet) {
		try {
			const list = await loadList(state, null, quiet);
			if (mine === turn)
				showList(list);
		} catch (error) {
			if (mine !== turn)
				return;
			if (!lists.has(state))
				body.replaceChildren(trouble(error, { retry: () => { body.replaceChildren(waiting(t.loading_tickets)); load(); } }));
		}
	}

	const known = lists.get(state);
	refresh = (quiet) => {
		const list = lists.get(state);
		/* what was opened with "Show more" is not folded up again */
		if (list && list.tickets.length <= 50 && Date.now() - list.at > STALE_MS)
			load(quiet);
	};
	if (known) {
		showList(known);
		refresh();
	} else {
		body.append(waiting(t.loading_tickets));
		load();
	}
}

/* ---- fields ---- */

function busy(node, text) {
	node.setAttribute('aria-disabled', 'true');
	node.lastChild.textContent = text;
}

function rest(node, text) {
	node.removeAttribute('aria-disabled');
	node.lastChild.textContent = text;
}

const isBusy = (node) => node.getAttribute('aria-disabled') === 'true';

/* A label, the control, what is left of its length, and what is wrong with it. */
function field(name, label, control, { max, empty } = {}) {
	const left = el('p', { class: 'soft', id: `${name}-left`, hidden: true });
	const wrong = el('p', { class: 'wrong', id: `${name}-wrong`, hidden: true });
	const describe = () => {
		const ids = [left, wrong].filter((node) => !node.hidden).map((node) => node.id).join(' ');
		if (ids)
			control.setAttribute('aria-describedby', ids);
		else
			control.removeAttribute('aria-describedby');
	};
	const count = () => {
		if (!max)
			return;
		const n = max - Array.from(control.value).length;
		left.hidden = n > max / 10;
		left.textContent = n < 0 ? plural(-n, t.too_many) : plural(n, t.left);
		describe();
	};
	put(control, { id: name, name, dir: 'auto', oninput: () => { count(); set(''); },
		onkeydown: (event) => { if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) control.form.requestSubmit(); } }, []);
	function set(text) {
		wrong.hidden = !text;
		wrong.replaceChildren(...(text ? [icon(ALERT), text] : []));
		if (text)
			control.setAttribute('aria-invalid', 'true');
		else
			control.removeAttribute('aria-invalid');
		describe();
	}
	function problem() {
		const text = control.value.trim();
		if (!text && empty)
			return empty;
		return max && Array.from(control.value).length > max ? fill(t.at_most, { field: label, max }) : '';
	}
	count();
	return { name, label, control, set, problem, count,
		node: el('div', { class: 'field' }, el('label', { for: name }, label, !empty && el('span', { class: 'soft' }, ` ${t.optional}`)), control, wrong, left) };
}

/* What comes along when text is pasted, and no gateway takes. */
const clean = (text) => text.replace(/(?![\n\t])\p{Cc}/gu, ' ').replace(/\p{Cs}/gu, '\ufffd');

/* Messages at their fields, and a summary of them that takes the focus. */
function refuse(fields, errors, place) {
	const bad = fields.filter((one) => errors[one.name]);
	const others = Object.keys(errors).filter((name) => !fields.some((one) => one.name === name)).map((name) => errors[name]);
	for (const one of fields)
		one.set(errors[one.name] || '');
	const goTo = (one) => (event) => { event.preventDefault(); one.control.focus(); };
	const box = el('div', { class: 'notice', tabindex: '-1' }, icon(ALERT), el('div', {},
		el('p', { class: 'title' }, t.not_sent),
		el('ul', {}, ...bad.map((one) => el('li', {}, el('a', { href: `#${one.name}`, onclick: goTo(one) }, errors[one.name]))),
			...others.map((text) => el('li', {}, text)))));
	place.replaceChildren(box);
	box.focus();
}

/* {"subject":["text"...]} as {subject: "text"} */
const firsts = (errors) => Object.fromEntries(Object.entries(errors).map(([name, texts]) => [name, String([].concat(texts)[0])]));

function check(fields) {
	const found = fields.map((one) => [one.name, one.problem()]).filter(([, text]) => text);
	return found.length ? Object.fromEntries(found) : null;
}

/* What was sent from `to` failed after that was left. */
const sayLater = (error, to) => say(trouble(error, { kept: true, label: t.show_it, retry: () => { say(null); visit(to); } }));

/* A button that brings more, or says why it could not. */
function more(label, work) {
	const mine = turn, box = el('div', { class: 'more' });
	const again = () => {
		box.replaceChildren(next);
		next.click();
	};
	const next = button(label, async () => {
		if (isBusy(next))
			return;
		busy(next, t.loading);
		try {
			await work();
		} catch (error) {
			if (mine === turn)
				box.replaceChildren(trouble(error, { retry: again }));
		}
		rest(next, label);
	});
	box.append(next);
	return box;
}

/* ---- a new ticket ---- */

function newView() {
	const mine = turn, draft = drafts.get('new');
	const subject = field('subject', t.subject, el('input', { type: 'text', autocomplete: 'off', required: true }), { max: SUBJECT_MAX, empty: t.fill_subject });
	const category = tenant.categories && tenant.categories.length ? field('category', t.category,
		el('select', {}, el('option', { value: '' }, t.no_category),
			...tenant.categories.map((name) => el('option', { value: name }, name)))) : null;
	const message = field('message', t.message, el('textarea', { rows: '8', required: true }), { max: MESSAGE_MAX, empty: t.fill_message });
	const fields = [subject, category, message].filter(Boolean);
	const notes = el('div', {});
	const send = el('button', { class: 'button primary' }, t.send);
	const values = (read = (text) => text) => Object.fromEntries(fields.map((one) => [one.name, read(one.control.value)]));
	const save = () => {
		if (fields.some((one) => one.control.value))
			drafts.set('new', { ...drafts.get('new'), ...values() });
		else
			drafts.drop('new');
	};

	for (const one of fields) {
		one.control.value = draft[one.name] || '';
		one.count();
	}

	async function submit(event) {
		if (event)
			event.preventDefault();
		if (isBusy(send))
			return;
		const bad = check(fields);
		if (bad) {
			refuse(fields, bad, notes);
			return;
		}
		const body = values(clean);
		if (!body.category)
			delete body.category;
		busy(send, t.sending);
		notes.replaceChildren();
		try {
			const ticket = remember((await ask(api, body, keyFor('new', body))).ticket);
			drafts.drop('new');
			announce(fill(t.sent, { number: ticket.number }));
			if (mine === turn)
				visit(`tickets/${ticket.number}`, true);
		} catch (error) {
			if (mine !== turn) {
				sayLater(error, NEW);
				return;
			}
			rest(send, t.send);
			if (error.status === 422 && error.errors) {
				refuse(fields, firsts(error.errors), notes);
				return;
			}
			const box = trouble(error, { kept: true, retry: () => { send.focus(); submit(); } });
			notes.replaceChildren(box);
			box.focus();
		}
	}

	main.append(head(t.new, { sub: el('p', { class: 'soft' }, fill(t.answers_here, { tenant: tenant.name })) }),
		el('form', { class: 'card', novalidate: true, onsubmit: submit, oninput: save, onchange: save }, notes,
			...fields.map((one) => one.node),
			el('div', { class: 'actions' }, send, link(HOME, { class: 'button' }, t.cancel))));
}

/* ---- a ticket ---- */

/* Addresses can be followed; what ends the sentence is none of theirs. */
const linked = (text) => text.split(/(\bhttps?:\/\/[^\s<>"]*[^\s<>"'.,:;!?)\]}])/).map((part, i) =>
	i % 2 ? el('a', { href: part, target: '_blank', rel: 'noopener noreferrer' }, part) : part);

function bubble(message) {
	const isUser = message.author === 'user';
	const name = message.name || (isUser ? user.name : t.support);
	return el('li', { class: `message ${message.author}` }, mark(isUser ? name : tenant.name, message.author),
		el('article', {}, el('header', {}, el('b', { dir: 'auto' }, isUser ? t.you : name),
			!isUser && el('span', { class: 'role' }, fill(t.support_of, { tenant: tenant.name })),
			el('span', { class: 'when' }, message.sending ? t.sending : time(message.created_at))),
		el('p', { class: 'text', dir: 'auto' }, linked(message.message))));
}

function threadView(number) {
	const mine = turn, name = `reply ${number}`;
	const list = el('ol', { class: 'thread', 'aria-label': t.thread });
	const notes = el('div', { class: 'notes' });
	const answer = field('message', t.answer, el('textarea', { rows: '4', required: true }), { max: MESSAGE_MAX, empty: t.fill_answer });
	const send = el('button', { class: 'button primary' }, t.send_answer);
	const close = button(t.close, () => turnTo('closed'));
	const reopen = button(t.reopen, () => turnTo('open'), { class: 'button primary' });
	const form = el('form', { class: 'card', novalidate: true, onsubmit: submit, oninput: save }, answer.node,
		el('div', { class: 'actions' }, send, close));
	const closed = el('div', { class: 'card closed-note' }, el('p', {}, el('b', {}, t.is_closed), ` ${t.reopen_why}`),
		el('div', { class: 'actions' }, reopen));
	const above = more(t.show_earlier, async () => {
		const before = known.earlier, part = (await ask(`${api}/${number}?before=${before}`)).ticket;
		if (mine !== turn)
			return;
		const ticket = { ...known, thread: part.thread.concat(known.thread.filter((message) => message.id >= before)), earlier: part.earlier };
		threads.get(number).ticket = ticket;
		showThread(ticket);
		list.firstChild.tabIndex = -1;
		list.firstChild.focus();
		announce(plural(part.thread.length, t.earlier_messages));
	});
	let known, isSending = false;

	function save() {
		if (answer.control.value)
			drafts.set(name, { ...drafts.get(name), message: answer.control.value });
		else
			drafts.drop(name);
	}

	function showThread(ticket) {
		const next = list.isConnected ? null : head(ticket.subject, { sub: el('p', { class: 'meta' }) });
		if (next)
			main.replaceChildren(next, above, list, notes, form, closed);
		if (ticket !== known) {
			list.replaceChildren(...ticket.thread.map(bubble));
			main.querySelector('.head .meta').replaceChildren(badge(ticket), el('span', {}, `#${ticket.number}`),
				...(ticket.category ? [el('span', { dir: 'auto' }, ticket.category)] : []),
				el('span', {}, ...pieces(t.opened, { time: time(ticket.created_at) })));
		}
		known = ticket;
		above.hidden = !ticket.earlier;
		form.hidden = ticket.state !== 'open';
		closed.hidden = !form.hidden;
	}

	const complain = (error, retry, kept = true) => {
		const box = trouble(error, { kept, retry });
		notes.replaceChildren(box);
		box.focus();
	};

	/* Shown as done at once, and taken back if it could not be. */
	async function turnTo(state) {
		const before = known;
		if (isSending)
			return;
		isSending = true;
		notes.replaceChildren();
		showThread({ ...before, state });
		(state === 'open' ? answer.control : reopen).focus();
		try {
			const ticket = remember((await ask(`${api}/${number}/${state === 'open' ? 'reopen' : 'close'}`, {})).ticket);
			announce(state === 'open' ? t.now_open : t.now_closed);
			if (mine === turn)
				showThread(ticket);
		} catch (error) {
			if (mine === turn) {
				showThread(before);
				complain(error, () => turnTo(state), Boolean(answer.control.value));
			}
		} finally {
			isSending = false;
		}
	}

	async function submit(event) {
		if (event)
			event.preventDefault();
		if (isSending)
			return;
		const bad = check([answer]);
		if (bad) {
			answer.set(bad.message);
			answer.control.focus();
			return;
		}
		const text = answer.control.value, body = { message: clean(text) };
		const pending = bubble({ author: 'user', message: text, sending: true });
		const key = keyFor(name, body);
		isSending = true;
		pending.classList.add('sending');
		list.append(pending);
		notes.replaceChildren();
		answer.control.value = '';
		answer.control.readOnly = true;
		busy(send, t.sending);
		try {
			const ticket = remember((await ask(`${api}/${number}/messages`, body, key)).ticket);
			drafts.drop(name);
			announce(t.answer_sent);
			if (mine === turn)
				showThread(ticket);
		} catch (error) {
			pending.remove();
			answer.control.value = text;
			if (mine !== turn)
				sayLater(error, `tickets/${number}`);
			else if (error.status === 422 && error.errors && error.errors.message) {
				answer.set(firsts(error.errors).message);
				answer.control.focus();
			} else if (error.code === 'ticket_closed') {
				complain(error);
				load();
			} else {
				complain(error, () => { answer.control.focus(); submit(); });
			}
		} finally {
			isSending = false;
			answer.control.readOnly = false;
			rest(send, t.send_answer);
			answer.count();
		}
	}

	async function load(quiet) {
		try {
			const ticket = await loadThread(number, quiet);
			if (mine === turn && !isSending)
				showThread(ticket);
		} catch (error) {
			if (mine !== turn)
				return;
			if (!known)
				main.replaceChildren(head(error.status === 404 ? t.not_found : t.your_ticket),
					trouble(error, { retry: error.status === 404 ? null : () => { show(); } }));
		}
	}

	lastOpened = number;
	answer.control.value = drafts.get(name).message || '';
	answer.count();
	refresh = (quiet) => {
		if (known && Date.now() - threads.get(number).at > STALE_MS)
			load(quiet);
	};
	if (threads.has(number)) {
		showThread(threads.get(number).ticket);
		refresh();
	} else {
		main.replaceChildren(head(fill(t.ticket, { number })), waiting(t.loading_ticket));
		load().then(() => {
			if (mine === turn && document.activeElement === document.body)
				main.querySelector('h1').focus({ preventScroll: true });
		});
	}
}

/* ---- begin ---- */

drafts.clear(true);
if (data.tickets)
	lists.set('', { tickets: data.tickets, next: data.next, at: Date.now() });
if (data.ticket)
	remember(data.ticket);
if (embedded && data.ticket)
	place = `tickets/${data.ticket.number}`;
tabIcon();
shell();
show({ first: true });
addEventListener('popstate', () => show({ focus: `[data-number="${lastOpened}"]` }));
addEventListener('offline', () => say(el('p', { class: 'notice' }, icon(ALERT), t.offline_kept)));
addEventListener('online', () => { say(null); refresh(true); });
document.addEventListener('visibilitychange', () => {
	if (document.visibilityState !== 'visible')
		return;
	refresh();
	look();
});
addEventListener('focus', look);
setInterval(() => {
	if (document.visibilityState === 'visible')
		look();
}, LOOK_MS);
})();
