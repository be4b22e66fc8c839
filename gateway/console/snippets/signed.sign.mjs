function signAssertion(user) {
    const secret = (process.env.USHER_SECRET ?? '').trim();
    if (secret.length < 32) throw new Error('USHER_SECRET is missing, or short');
    const b64 = (x) => Buffer.from(JSON.stringify(x)).toString('base64url');
    const now = Math.floor(Date.now() / 1000);
    const text = b64({ alg: 'HS256', kid: @kid-js@ }) + '.' + b64({
        iss: @issuer-js@,
        aud: '@tenant@',
        iat: now,
        exp: now + 60,
        jti: randomUUID(), // new each time
        sub: String(user.id),
        email: user.email,
        name: user.name || '',
    });
    return text + '.' + createHmac('sha256', secret).update(text).digest('base64url');
}
