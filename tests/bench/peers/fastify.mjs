// fastify: the sign-in as a Fastify application does it, with better-sqlite3 and
// jose.
//
//	node fastify.mjs CONFIG		prints its port, serves until SIGTERM
//
// CONFIG: see settings() in peers.mjs.  `group`: whatever waits is committed
// together, instead of a transaction a request.
import cluster from 'node:cluster';
import crypto from 'node:crypto';
import fs from 'node:fs';

const config = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
if (cluster.isPrimary && config.workers > 1)
	supervise();
else
	await serve();

function supervise() {
	let ready = 0;
	for (let i = 0; i < config.workers; i++)
		cluster.fork().on('message', (port) => {
			if (++ready === config.workers)
				console.log(port);
		});
	process.on('SIGTERM', () => {
		for (const worker of Object.values(cluster.workers))
			worker.kill('SIGTERM');
		cluster.disconnect(() => process.exit(0));
	});
}

async function serve() {
	const [{ default: Fastify }, { default: formbody }, { default: Database }, { EncryptJWT, jwtDecrypt }] =
		await Promise.all(['fastify', '@fastify/formbody', 'better-sqlite3', 'jose'].map((name) => import(name)));
	const db = new Database(config.database, { timeout: 10000 });
	db.pragma('synchronous = FULL');
	db.pragma('cache_size = -65536');
	const upsert = db.prepare(`INSERT INTO users(tenant, email, name, updated) VALUES(?, ?, ?, ?)
		ON CONFLICT(tenant, email) DO UPDATE SET name = excluded.name, updated = excluded.updated RETURNING id`).pluck();
	const redeem = db.prepare('INSERT INTO redemptions(jti, expires) VALUES(?, ?)');
	const open = db.prepare('INSERT INTO sessions(secret, user, expires) VALUES(?, ?, ?)');
	const find = db.prepare('SELECT s.secret, s.expires, u.id, u.email, u.name FROM sessions s JOIN users u ON u.id = s.user WHERE s.id = ?');
	const inTransaction = db.transaction((work) => work());

	// What waits, to be committed together.
	let waiting = [];
	function flush() {
		const batch = waiting;
		waiting = [];
		try {
			inTransaction.immediate(() => {
				for (const w of batch)
					try {
						w.value = w.work();
					} catch (error) {
						w.error = error;
					}
			});
		} catch (error) {
			for (const w of batch)
				w.error ??= error;
		}
		for (const w of batch)
			if (w.error)
				w.reject(w.error);
			else
				w.resolve(w.value);
	}
	async function commit(work) {
		if (!config.group)
			return inTransaction.immediate(work);
		return new Promise((resolve, reject) => {
			waiting.push({ work, resolve, reject });
			if (waiting.length === 1)
				setImmediate(flush);
		});
	}

	const key = Buffer.from(config.key, 'hex');
	const origins = new Set(config.origins);
	const used = new Map();	// client: [end of its window, requests in it]
	function charge(client, now) {
		let entry = used.get(client);
		if (!entry || entry[0] <= now)
			used.set(client, entry = [now + config.per * 1000, 0]);
		return config.limit - ++entry[1];
	}
	const now = () => Math.floor(Date.now() / 1000);
	const isTarget = (url) => url === config.url || url.startsWith(config.url + '/');
	// 48 bits of time, 80 of chance: rows come in order
	function makeJti() {
		const jti = crypto.randomBytes(16);
		jti.writeUIntBE(Date.now(), 0, 6);
		return jti;
	}

	const app = Fastify({ logger: false, genReqId: () => crypto.randomUUID() });
	app.register(formbody);
	app.setErrorHandler((error, request, reply) => (error.validation
		? reply.code(422).send({ message: 'The given data was invalid.', code: 'validation_failed', errors: error.validation })
		: reply.code(error.statusCode ?? 503).send({ message: error.message })));
	app.addHook('onRequest', async (request, reply) => { reply.header('X-Request-Id', request.id); });

	const schema = { body: { type: 'object', required: ['email', 'name'], properties: {
		email: { type: 'string', format: 'email', maxLength: 254 },
		name: { type: 'string', maxLength: 255, pattern: '\\S' },
		redirect_url: { type: 'string', maxLength: 2048 },
	} } };
	function admit(request, reply, done) {
		const { origin } = request.headers;
		reply.headers(config.handoff);
		if (origins.has(origin))
			reply.header('Access-Control-Allow-Origin', origin).headers(config.cors);
		if (request.params.tenant !== config.tenant)
			return reply.code(404).send({ message: 'Tenant not found.' });
		const left = charge(request.ip, Date.now());
		reply.header('X-RateLimit-Limit', String(config.limit)).header('X-RateLimit-Remaining', String(Math.max(left, 0)));
		if (left < 0)
			return reply.code(429).send({ message: 'Too many requests.', retry_after: config.per });
		done();
	}
	async function trim({ body }) {
		for (const name of ['email', 'name', 'redirect_url'])
			if (typeof body?.[name] === 'string')
				body[name] = body[name].trim();
	}
	app.post('/api/auth/redirect/:tenant', { schema, onRequest: admit, preValidation: trim }, async (request, reply) => {
		const email = request.body.email.toLowerCase(), { name } = request.body, target = request.body.redirect_url ?? '';
		if (target && !isTarget(target))
			return reply.code(422).send({ message: 'The given data was invalid.', errors: { redirect_url: ['The redirect url is not allowed.'] } });
		const at = now();
		const claims = { email, name, redirect_url: target };
		if (!config.arrival)
			claims.sub = String(await commit(() => upsert.get(config.tenant, email, name, at)));
		const token = await new EncryptJWT(claims).setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: '1' })
			.setIssuer('tickets').setAudience(config.tenant).setJti(makeJti().toString('base64url'))
			.setIssuedAt(at).setExpirationTime(at + 120).encrypt(key);
		return reply.code(302).header('Location', `${config.url}/auth/callback?token=${token}`).send();
	});

	app.get('/auth/callback', async (request, reply) => {
		reply.headers(config.callback);
		let claims;
		try {
			claims = (await jwtDecrypt(String(request.query.token), key, { audience: config.tenant, issuer: 'tickets',
				keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] })).payload;
		} catch {
			return reply.code(401).send({ message: 'Token invalid' });
		}
		const secret = crypto.randomBytes(24), hash = crypto.createHash('sha256').update(secret).digest(), at = now();
		let id;
		try {
			id = await commit(() => {
				redeem.run(Buffer.from(claims.jti, 'base64url'), claims.exp);
				const user = config.arrival ? upsert.get(config.tenant, claims.email, claims.name, at) : Number(claims.sub);
				return open.run(hash, user, at + 28800).lastInsertRowid;
			});
		} catch (error) {
			if (error.code !== 'SQLITE_CONSTRAINT_PRIMARYKEY')
				throw error;
			return reply.code(410).send({ message: 'Token used' });
		}
		const value = Buffer.alloc(32);
		value.writeBigInt64BE(BigInt(id));
		secret.copy(value, 8);
		return reply.code(302).header('Location', claims.redirect_url || `${config.url}/dashboard`)
			.header('Set-Cookie', `__Host-usher=${value.toString('base64url')}; Path=/; Secure; HttpOnly; SameSite=None`).send();
	});

	app.get('/auth/check', async (request, reply) => {
		const value = Buffer.from(/(?:^|; )__Host-usher=([\w-]{43})(?:;|$)/.exec(request.headers.cookie ?? '')?.[1] ?? '', 'base64url');
		const row = value.length === 32 ? find.get(value.readBigInt64BE(0)) : undefined;
		reply.headers(config.check);
		if (!row || row.expires < now() || !crypto.timingSafeEqual(row.secret, crypto.createHash('sha256').update(value.subarray(8)).digest()))
			return reply.code(401).send();
		return reply.header('Remote-User', `${config.tenant}:${row.email}`).header('Remote-Id', String(row.id)).header('Remote-Email', row.email)
			.header('Remote-Name', row.name).header('Remote-Tenant', config.tenant).header('Remote-Verified', 'false').send();
	});

	await app.listen({ port: 0, host: '127.0.0.1' });
	const { port } = app.server.address();
	if (process.send)
		process.send(port);
	else
		console.log(port);
	process.on('SIGTERM', () => process.exit(0));
}
