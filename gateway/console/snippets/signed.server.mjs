// support.mjs, on your server. It signs who is signed in here, posts that to the
// gateway, and sends the browser on: no script, and nothing of it in a page. The
// secret is that of the tenant's key, from the environment (USHER_SECRET).
//
//     app.post('/support/open', support);                           // Express
//     if (request.url === '/support/open') support(request, response); // node:http
@js-import@

const ACTION = '@action@';
const LOGIN = '/login';

// Yours: who is signed in in this session, or null: { id, email, name }. The id never changes.
const signedInUser = (request) => request.user ?? request.session?.user ?? null;

@js-sign@
// Where the browser goes on to.
async function handOff(user) {
    const response = await fetch(ACTION, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
        body: JSON.stringify({ assertion: signAssertion(user), email: user.email, name: user.name || '', response: 'json' }),
        redirect: 'error',
        signal: AbortSignal.timeout(10000),
    });
    const body = await response.json();
    if (!response.ok)
        throw new Error(`${response.status} ${body.code} ${body.hint ?? ''} (request ${response.headers.get('X-Request-Id')})`);
    return body.redirect_url;
}

export async function support(request, response) {
    const answer = (status, headers, body = '') => {
        response.writeHead(status, { 'Cache-Control': 'no-store, private', 'Referrer-Policy': 'no-referrer', ...headers });
        response.end(body);
    };

    if (request.method !== 'POST') return answer(405, { Allow: 'POST' });
    try {
        const user = signedInUser(request);
        return answer(303, { Location: user?.email ? await handOff(user) : LOGIN });
    } catch (error) {
        console.error('usher:', error.message);
        return answer(503, { 'Content-Type': 'text/plain' }, 'Support cannot be reached right now. Please try again.');
    }
}
