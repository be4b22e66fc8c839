// site: partners and strangers, each with pages of their own, over https.
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { certificate } from '../e2e/harness.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));

/**
 * `pages`: 'https://host/path' -> html, { status, headers, body } or a function of the
 * request that gives one, or in time. Resolves to { port, seen, stop() }; `seen` has every
 * request as { url, method, headers }.
 */
export async function sites(pages) {
	const { cert, key } = certificate();
	const seen = [];
	const server = https.createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) }, async (request, response) => {
		const url = new URL(request.url, `https://${request.headers.host}`);
		seen.push({ url: url.href, method: request.method, headers: request.headers });
		let page = pages[url.origin + url.pathname];
		if (typeof page === 'function')
			page = await page(request, url);
		if (page === undefined) {
			response.writeHead(404);
			response.end();
			return;
		}
		const { status = 200, headers = {}, body } = typeof page === 'string' ? { body: page } : page;
		response.writeHead(status, { 'Content-Type': 'text/html; charset=utf-8', ...headers });
		response.end(body);
	});
	await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
	return {
		port: server.address().port, seen,
		stop: () => new Promise((resolve) => {
			server.close(resolve);
			server.closeAllConnections();
		}),
	};
}

/** A snippet of the integration guide, as it stands there but for its hosts and the tenant. */
export function guide(name, { gateway = 'https://tickets.test', ticket = 'https://ticket.alpha.test', slug = 'alpha' } = {}) {
	return fs.readFileSync(path.join(here, 'guide', name), 'utf8')
		.replaceAll('https://tickets.flare99.com', gateway)
		.replaceAll('https://ticket.yourcompany.com', ticket)
		.replaceAll('redirect/yourcompany', `redirect/${slug}`);
}

/** A page as the guide has one: its three ways to the desk as buttons. */
export function guidePage(user, options) {
	return `<!doctype html><meta charset="utf-8"><title>Partner</title>
<a id="form" href="#" onclick="contactSupport(event)">Submit Support Ticket</a>
<button id="same" onclick="contactSupport(event, false)">in this tab</button>
<button id="fetch" onclick="contactSupportAjax()">with fetch</button>
<script>
window.authUser = ${JSON.stringify(user).replaceAll('<', '\\u003c')};
${guide('contact-support.js', options)}
${guide('contact-support-ajax.js', options)}
</script>`;
}
