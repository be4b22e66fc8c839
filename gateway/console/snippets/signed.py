# support.py, on your server. It signs who is signed in here, at the click: with the
# secret of the tenant's key, from the environment (USHER_SECRET) and in no page.
# `support` is a WSGI application for POST /support/assertion; of another framework,
# call answer(user, is_script) with its own user and request.
import base64
import hashlib
import hmac
import html
import json
import os
import time
import uuid

ACTION = '@action@'
LOGIN = '/login'


def signed_in_user(environ):
    """Yours: who is signed in in this session: {'id', 'email', 'name'}, or None. The id never changes."""
    return None


def sign_assertion(user):
    secret = os.environ.get('USHER_SECRET', '').strip().encode()
    if len(secret) < 32:
        raise RuntimeError('USHER_SECRET is missing, or short')

    def b64(octets):
        return base64.urlsafe_b64encode(octets).rstrip(b'=')

    now = int(time.time())
    text = b64(json.dumps({'alg': 'HS256', 'kid': @kid-js@}).encode()) + b'.' + b64(json.dumps({
        'iss': @issuer-js@,
        'aud': '@tenant@',
        'iat': now,
        'exp': now + 60,
        'jti': str(uuid.uuid4()),  # new each time
        'sub': str(user['id']),
        'email': user['email'],
        'name': user.get('name') or '',
    }).encode())
    return (text + b'.' + b64(hmac.new(secret, text, hashlib.sha256).digest())).decode()


def answer(user, is_script):
    """Status, headers and body. is_script: X-Requested-With is XMLHttpRequest."""
    headers = [('Cache-Control', 'no-store, private')]
    if not user or not user.get('email'):
        headers.append(('Content-Type', 'text/plain'))
        return ('401 Unauthorized', headers, '') if is_script else ('303 See Other', headers + [('Location', LOGIN)], '')
    fields = {'assertion': sign_assertion(user), 'email': user['email'], 'name': user.get('name') or ''}
    if is_script:
        return '200 OK', headers + [('Content-Type', 'application/json')], json.dumps(fields)
    # Without usher.js: a page that goes on by itself.
    inputs = ''.join(f'<input type="hidden" name="{name}" value="{html.escape(value)}">' for name, value in fields.items())
    return ('200 OK', headers + [('Content-Type', 'text/html; charset=utf-8'),
                                 ('Referrer-Policy', 'strict-origin-when-cross-origin')],
            f'<!doctype html><title>Support</title><form method="post" action="{ACTION}">{inputs}'
            '<button>Continue to support</button></form><script>document.forms[0].submit()</script>')


def support(environ, start_response):
    if environ['REQUEST_METHOD'] != 'POST':
        status, headers, body = '405 Method Not Allowed', [('Allow', 'POST'), ('Content-Type', 'text/plain')], ''
    else:
        status, headers, body = answer(signed_in_user(environ), environ.get('HTTP_X_REQUESTED_WITH') == 'XMLHttpRequest')
    start_response(status, headers)
    return [body.encode()]
