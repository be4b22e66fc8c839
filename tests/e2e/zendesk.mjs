// What stands for Zendesk in the tests: takes a token once, as its JWT single
// sign-on does, and says who signed in and where they wanted to go.
import http from 'node:http';
import https from 'node:https';
import { jwtVerify } from 'jose';

export const SUBDOMAIN = 'acme';
export const HOST = `${SUBDOMAIN}.zendesk.com`;
const SIGNED_WITHIN = 180;

/** `tls`: { cert, key } for https. `people` is who signed in, in their order. */
export async function zendesk(secret, tls) {
	const used = new Set();
	const people = [];

	async function accept(jwt) {
		const { payload } = await jwtVerify(jwt, new TextEncoder().encode(secret), {
			algorithms: ['HS256'], typ: 'JWT', requiredClaims: ['iat', 'jti', 'email', 'name'] });
		if (Math.abs(Date.now() / 1000 - payload.iat) > SIGNED_WITHIN)
			throw new Error('too old');
		if (used.has(payload.jti))
			throw new Error('used');
		if (!payload.name.trim())
			throw new Error('no name');
		used.add(payload.jti);
		return payload;
	}

	const server = (tls ? https : http).createServer(tls ?? {}, async (request, response) => {
		const url = new URL(request.url, `https://${request.headers.host}`);
		const html = (status, text) => response.writeHead(status, { 'Content-Type': 'text/html' }).end(`<!doctype html><p id="who">${text}</p>`);
		if (url.pathname !== '/access/jwt')
			return html(200, `Zendesk: ${people.at(-1)?.claims.email}`);
		let body = '';
		for await (const chunk of request)
			body += chunk;
		const asked = request.method === 'POST' ? new URLSearchParams(body) : url.searchParams;
		try {
			const claims = await accept(asked.get('jwt'));
			people.push({ method: request.method, host: url.hostname, claims, fields: [...asked.keys()], return_to: asked.get('return_to'), headers: request.headers });
			response.writeHead(302, { Location: asked.get('return_to') ?? '/hc' }).end();
		} catch (error) {
			html(401, `Zendesk refuses: ${error.code ?? error.message}`);
		}
	});
	await new Promise((r) => server.listen(0, '127.0.0.1', r));
	return {
		port: server.address().port, people,
		/** What a browser does with the page that posts itself. */
		post: (form) => new Promise((resolve, reject) => {
			const text = new URLSearchParams(form.fields).toString();
			const request = http.request({
				host: '127.0.0.1', port: server.address().port, method: 'POST', path: new URL(form.action).pathname, agent: false,
				headers: { Host: new URL(form.action).host, 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': text.length },
			}, (r) => {
				let got = '';
				r.on('data', (d) => { got += d; });
				r.on('end', () => resolve({ status: r.statusCode, headers: r.headers, text: got }));
			});
			request.on('error', reject);
			request.end(text);
		}),
		stop: () => new Promise((r) => {
			server.closeAllConnections?.();
			server.close(r);
		}),
	};
}

/** The only form of a page: { action, fields }. */
export function formOf(text) {
	const plain = (s) => s.replace(/&#(\d+);|&#x([0-9a-f]+);|&(lt|gt|quot|amp);/gi, (_, d, x, n) =>
		(n ? { lt: '<', gt: '>', quot: '"', amp: '&' }[n] : String.fromCodePoint(d ? Number(d) : parseInt(x, 16))));
	const [, action] = /<form method="post" action="([^"]*)">/.exec(text);
	return { action: plain(action), fields: [...text.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)].map(([, n, v]) => [plain(n), plain(v)]) };
}
