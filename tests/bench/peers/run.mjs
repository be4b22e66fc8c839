// run: the peers' part of make bench: whole sign-ins in the same interleaved
// rounds as the gateway's own, and what stands behind nginx's auth_request.
//
//	make bench PEERS="laravel fastify"	the names are in peers.mjs; "none"
import fs from 'node:fs';
import path from 'node:path';
import { temporary } from '../../e2e/harness.mjs';
import { median, progress, spread, wrk } from '../measure.mjs';
import { plot } from '../plot.mjs';
import { AUTH, choose, missing, startPeer } from './peers.mjs';
import { freePort, said, startNginx } from './processes.mjs';
import { ask, prove, reference } from './prove.mjs';

const JOB = 'changed';
const range = (xs) => ({ median: median(xs), min: Math.min(...xs), max: Math.max(...xs) });

/** nginx in front of a file, after asking each of `behind`: { name: port }. */
async function startFronts(behind) {
	const dir = temporary('peer-auth'), fronts = [];
	fs.writeFileSync(path.join(dir, 'page'), 'a page\n');
	let http = `	root ${dir};\n	default_type text/plain;\n`;
	for (const [name, port] of [['no check at all', 0], ...Object.entries(behind)]) {
		const front = { name, port: await freePort() };
		const check = `	upstream to${front.port} { server 127.0.0.1:${port}; keepalive 64; }\n`;
		http += `${port ? check : ''}	server {
		listen 127.0.0.1:${front.port} reuseport;
		location / { ${port ? 'auth_request /.check;' : ''} try_files /page =404; }
		${port ? `location = /.check {
			internal;
			proxy_pass http://to${front.port}/auth/check;
			proxy_http_version 1.1;
			proxy_pass_request_body off;
			proxy_set_header Connection "";
			proxy_set_header Content-Length "";
			proxy_set_header Host $host;
		}` : ''}
	}\n`;
		fronts.push(front);
	}
	const program = await startNginx(dir, fronts.at(-1).port, http);
	return { program, fronts };
}

export class Peers {
	#rows = new Map();
	#started = [];
	#fronts = [];
	#programs = [];
	absent = [];	// [{ name, get }]

	/** Start and prove what `words` names; `gw`: the gateway of this run. */
	async start(words, gw) {
		const chosen = choose(words);
		if (!chosen.length)
			return this;
		this.gw = gw;
		const like = await reference(gw.plainPort);
		this.cookie = await prove({ name: 'usher', port: gw.plainPort }, like);
		for (const peer of chosen) {
			const get = missing(peer);
			if (get.length) {
				this.absent.push({ name: peer.name, get });
				continue;
			}
			if (peer === AUTH)
				continue;
			progress(`starting ${peer.name}`);
			for (const started of await startPeer(peer, like.headers)) {
				this.#programs.push(...started.programs);
				this.#started.push(started);
				if (!peer.isFixed)
					await this.#prove(started, like);
			}
		}
		if (chosen.includes(AUTH) && !missing(AUTH).length)
			await this.#startAuth();
		return this;
	}

	async #prove(started, like) {
		try {
			started.cookie = await prove(started, like);
			// once more as it is measured, with all classes from the map
			if (started.learn)
				await prove({ ...started, learn: false }, like);
		} catch (error) {
			throw new Error(`${error.message}\n${said(started.dir)}`, { cause: error });
		}
	}

	async #startAuth() {
		const fastify = this.#started.find((s) => s.peer.key === 'fastify');
		const { program, fronts } = await startFronts({ usher: this.gw.plainPort, ...(fastify ? { Fastify: fastify.port } : {}) });
		this.#programs.push(program);
		for (const front of fronts)
			this.#fronts.push({ ...front, pids: () => [...program.pids(),
				...(front.name === 'usher' ? [this.gw.child.pid] : front.name === 'Fastify' ? fastify.programs.flatMap((p) => p.pids()) : [])],
			cookie: front.name === 'Fastify' ? fastify.cookie : this.cookie });
		for (const front of this.#fronts.slice(1)) {
			const [good, bad] = await Promise.all([`__Host-usher=${front.cookie}`, `__Host-usher=${'A'.repeat(43)}`].map((Cookie) =>
				ask(front.port, { path: '/', host: 'ticket.alpha.test', headers: { Cookie } })));
			if (good.status !== 200 || bad.status !== 401)
				throw new Error(`auth_request to ${front.name}: ${good.status} with a session, ${bad.status} without`);
		}
	}

	#keep(name, of, result, ours, conns, unit) {
		const key = `${name} ${conns}`;
		if (!this.#rows.has(key))
			this.#rows.set(key, { name, ...of, conns, list: [] });
		this.#rows.get(key).list.push({ rate: result[unit.rate], us: result[unit.us], ratio: ours[unit.rate] / result[unit.rate], cpu: result[unit.us] / ours[unit.us], bad: result.bad });
	}

	/** A run of each, after one of the gateway's own that it is compared with. */
	async round(conns, says = '') {
		const signIns = { rate: 'signIns', us: 'signInUs' }, checks = { rate: 'rps', us: 'us' };
		if (this.#started.length) {
			progress(`${says}usher, sign-ins, ${conns} connections`);
			const ours = await wrk([this.gw.child.pid], this.gw.plainPort, conns, [JOB]);
			this.#keep('usher', { key: 'usher' }, ours, ours, conns, signIns);
			for (const s of this.#started) {
				progress(`${says}${s.name}, ${conns} connections`);
				this.#keep(s.name, { key: s.peer.key, variant: s.variant }, await wrk(s.programs.flatMap((p) => p.pids()), s.port, conns, [JOB]), ours, conns, signIns);
			}
		}
		if (this.#fronts.length) {
			const results = new Map();
			for (const f of this.#fronts) {
				progress(`${says}auth_request, ${f.name}, ${conns} connections`);
				results.set(f.name, await wrk(f.pids(), f.port, conns, ['check', `__Host-usher=${f.cookie}`]));
			}
			for (const [name, result] of results)
				this.#keep(`auth_request, ${name}`, { key: 'auth' }, result, results.get('usher'), conns, checks);
		}
	}

	/** [{ name, key, variant, conns, bad, and { median, min, max } of rate, us, ratio, cpu }] */
	rows() {
		return [...this.#rows.values()].map(({ list, ...row }) => ({ ...row, bad: list.reduce((s, r) => s + r.bad, 0),
			...Object.fromEntries(['rate', 'us', 'ratio', 'cpu'].map((k) => [k, range(list.map((r) => r[k]))])) }));
	}

	print() {
		const table = (title, rows) => {
			if (!rows.length)
				return;
			console.log(`\n${title.padEnd(36)}${['a second', 'usher over', 'spread', 'cpu us', 'over usher', 'spread', 'bad'].map((c) => c.padStart(c === 'spread' ? 14 : 11)).join('')}`);
			for (const r of rows)
				console.log(`${r.name}, ${r.conns}`.padEnd(36) + r.rate.median.toFixed(0).padStart(11) + `${r.ratio.median.toFixed(2)}x`.padStart(11) +
					spread([r.ratio.min, r.ratio.max]).padStart(14) + r.us.median.toFixed(1).padStart(11) + `${r.cpu.median.toFixed(2)}x`.padStart(11) +
					spread([r.cpu.min, r.cpu.max]).padStart(14) + String(r.bad).padStart(11));
		};
		const rows = this.rows();
		table('whole sign-ins, connections', rows.filter((r) => r.key !== 'auth'));
		for (const best of this.better())
			console.log(`usher over the better ${best.peer} (${best.variant}), ${best.conns} connections: ${best.ratio.toFixed(1)}x`);
		table('a page behind nginx, connections', rows.filter((r) => r.key === 'auth'));
		for (const { name, get } of this.absent)
			console.log(`no row for ${name}: it needs ${get.join(' and ')}`);
		if (this.#fronts.length)
			console.log('no row for oauth2-proxy and Authelia: Debian has no package of them');
	}

	/** Of each peer with two variants, the faster one. */
	better() {
		const found = new Map();
		for (const row of this.rows().filter((r) => r.variant)) {
			const key = `${row.key} ${row.conns}`, had = found.get(key);
			if (!had || row.ratio.median < had.ratio)
				found.set(key, { key: row.key, peer: row.name.slice(0, -row.variant.length - 2), variant: row.variant, conns: row.conns, ratio: row.ratio.median });
		}
		return [...found.values()];
	}

	/** Bars of the processor time of a sign-in, or nothing. */
	plot(note) {
		const rows = this.rows().filter((r) => r.key !== 'auth' && r.key !== 'usher');
		if (!rows.length)
			return undefined;
		const groups = new Map();
		for (const r of rows) {
			const name = `${r.variant ? r.name.slice(0, -r.variant.length - 2) : r.name}, ${r.conns}`;
			groups.set(name, { name, bars: [...groups.get(name)?.bars ?? [], r.cpu] });
		}
		return plot({ title: 'Processor time of a whole sign-in, over usher’s', note, isLog: true, digits: 1,
			series: ['a durable write at both hops', 'one commit at arrival'], groups: [...groups.values()] });
	}

	async stop() {
		for (const program of this.#programs)
			await program.stop();
	}
}
