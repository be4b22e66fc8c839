// support.mjs, on your server. It signs who is signed in here, at the click: with
// the secret of the tenant's key, from the environment (USHER_SECRET) and in no page.
//
//     app.post('/support/assertion', support);                           // Express
//     if (request.url === '/support/assertion') support(request, response); // node:http
@js-import@

const ACTION = '@action@';
const LOGIN = '/login';

// Yours: who is signed in in this session, or null: { id, email, name }. The id never changes.
const signedInUser = (request) => request.user ?? request.session?.user ?? null;

@js-sign@
const escape = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

export function support(request, response) {
    const isScript = request.headers['x-requested-with'] === 'XMLHttpRequest';
    const answer = (status, headers, body = '') => {
        response.writeHead(status, { 'Cache-Control': 'no-store, private', ...headers });
        response.end(body);
    };

    if (request.method !== 'POST') return answer(405, { Allow: 'POST' });
    const user = signedInUser(request);
    if (!user?.email) return isScript ? answer(401, {}) : answer(303, { Location: LOGIN });
    let assertion;
    try {
        assertion = signAssertion(user);
    } catch (error) {
        console.error('usher:', error.message);
        return answer(500, { 'Content-Type': 'text/plain' }, 'Support cannot be reached right now.');
    }
    const fields = { assertion, email: user.email, name: user.name || '' };
    if (isScript) return answer(200, { 'Content-Type': 'application/json' }, JSON.stringify(fields));
    // Without usher.js: a page that goes on by itself.
    const inputs = Object.entries(fields).map(([name, value]) => `<input type="hidden" name="${name}" value="${escape(value)}">`);
    return answer(200, { 'Content-Type': 'text/html; charset=utf-8', 'Referrer-Policy': 'strict-origin-when-cross-origin' },
        `<!doctype html><title>Support</title><form method="post" action="${ACTION}">${inputs.join('')}` +
        '<button>Continue to support</button></form><script>document.forms[0].submit()</script>');
}
