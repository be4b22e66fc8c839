// gates: what a request of each kind takes, held against what it took when
// somebody last looked: instructions outside the kernel (callgrind) and system
// calls (strace).  Neither depends on what else the machine does, as long as
// each figure is of what one request alone causes.  So:
//
// - One client, one connection, one request after the other: no two share a
//   commit or a turn of a loop, however fast the machine is.
// - Counted are the threads that serve: the worker, and the writer where the
//   answer waits for a commit.  What a post leaves for the writer's next
//   gathering is batched by time, and not counted; nor is housekeeping.
// - A figure is the mean of COUNT requests after WARM_UP others.
// - Of the C library, copies by the processor's own string instructions are
//   turned off: callgrind would count each octet, and only on some machines.
//
// Repeated runs differ by about 1% of the instructions, idle or busy machine.
//
// gates.txt keeps the figures, by Debian release, processor, compiler and its
// options.  Where they were never taken, they are told and nothing is held
// against them.  More than TOLERANCE away in *either* direction fails: a gain
// that is not written down is room in which the next loss passes unseen.
// `make gates` (in build/tests) writes this build's figures down.
//
//	USHER_BUILD=... node tests/bench/gates.mjs [record]
//	USHER_BUILD=... node tests/bench/gates.mjs profile JOB [OTHER_BUILD]
//
// The latter: which libraries and functions a job's instructions are in, and
// where another build (bench/base.sh makes one of a commit) differs most.  KEEP=
// names a directory for callgrind's own files, which callgrind_annotate reads.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, start, temporary, tenant } from '../e2e/harness.mjs';

const WARM_UP = 20, COUNT = 150, TOLERANCE = 0.05;
const file = path.join(path.dirname(fileURLToPath(import.meta.url)), 'gates.txt');
const TUNABLES = 'glibc.cpu.x86_rep_movsb_threshold=0x40000000:glibc.cpu.x86_rep_stosb_threshold=0x40000000';
const SECRET = 'a-redeem-secret-of-forty-octets-and-more';

/* ---- the client ---------------------------------------------------------- */

/** One keep-alive connection that sends exactly these octets: clients of a
 * library differ by its version. */
class Client {
	constructor(port) {
		this.socket = net.connect(port, '127.0.0.1');
		this.socket.setNoDelay(true);
		this.text = '';
		this.socket.on('data', (d) => { this.text += d; this.look(); });
		this.socket.on('close', () => this.fail?.(new Error('the connection was closed')));
	}

	look() {
		const end = this.text.indexOf('\r\n\r\n');
		if (end < 0 || !this.done)
			return;
		const head = this.text.slice(0, end), length = Number(head.match(/^content-length: *(\d+)/im)?.[1] ?? 0);
		if (this.text.length < end + 4 + length)
			return;
		const header = (name) => head.match(new RegExp(`^${name}: *(.*)$`, 'im'))?.[1];
		const answer = { status: Number(head.slice(9, 12)), location: header('location'), cookie: header('set-cookie')?.split(';')[0], body: this.text.slice(end + 4) };
		this.text = '';
		this.done(answer);
	}

	async send({ text, status }) {
		const answer = await new Promise((resolve, reject) => {
			this.done = resolve;
			this.fail = reject;
			this.socket.write(text);
		});
		if (answer.status !== status)
			throw new Error(`${answer.status} in place of ${status}: ${answer.body}`);
		return answer;
	}

	end() {
		this.fail = undefined;
		this.socket.destroy();
	}
}

const AGENT = 'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\nAccept-Encoding: gzip, deflate, br\r\nAccept-Language: en\r\n';
const post = (slug, type, body, { origin = `https://${slug}.test`, at = `redirect/${slug}`, more = '' } = {}) =>
	`POST /api/auth/${at} HTTP/1.1\r\nHost: tickets.test\r\n${AGENT}${more}${origin ? `Origin: ${origin}\r\n` : ''}Accept: */*\r\nContent-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
const TARGET = 'https://ticket.alpha.test/dashboard';
const form = (slug, email, name, options) => post(slug, 'application/x-www-form-urlencoded',
	`email=${email}%40example.com&name=${name.replaceAll(' ', '+')}&redirect_url=${encodeURIComponent(TARGET)}&company_name=Example+Ltd`, options);
const get = (target, cookie) => `GET ${target} HTTP/1.1\r\nHost: ticket.alpha.test\r\n${AGENT}Accept: text/html,application/xhtml+xml\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Site: cross-site\r\n${cookie ? `Cookie: ${cookie}\r\n` : ''}\r\n`;

function tenants() {
	const secret = path.join(temporary('secret'), 'redeem');
	fs.writeFileSync(secret, SECRET, { mode: 0o600 });
	return {
		alpha: tenant('alpha', { redeem_secret_file: JSON.stringify(secret) }),
		closed: tenant('closed', { require_origin: 'true' }),
		tight: tenant('tight', { rate_limit: '{ requests = 1; per = 3600; }' }),
	};
}

/* ---- the jobs ------------------------------------------------------------ */

const numbers = (n) => Array.from({ length: n }, (_, i) => i);
const user = (i) => `user${String(i).padStart(4, '0')}`;

/** Whom the callbacks bring: their tokens, by posts that are not counted. */
async function mint(client, count, email, name, path_ = (location) => location.slice(location.indexOf('/auth/'))) {
	const tokens = [];
	for (const i of numbers(count))
		tokens.push(path_((await client.send({ text: form('alpha', email(i), name(i)), status: 302 })).location));
	return tokens;
}
const arrivals = async (client, count, email, name) => (await mint(client, count, email, name)).map((target) => ({ text: get(target), status: 302 }));

/** { name, commits (is the writer's work waited for), requests(client, count) } in
 * an order in which each finds what it needs. */
const jobs = [
	{ name: 'handoff', requests: (c, n) => numbers(n).map((i) => ({ text: form('alpha', user(i), 'John Q. Doe'), status: 302 })) },
	{ name: 'json', requests: (c, n) => numbers(n).map((i) => ({ text: post('alpha', 'application/json', JSON.stringify({ email: `${user(i)}@example.com`, name: 'John Q. Doe', redirect_url: TARGET, company_name: 'Example Ltd' })), status: 302 })) },
	{ name: 'new', commits: true, requests: (c, n) => arrivals(c, n, user, () => 'John Q. Doe') },
	{ name: 'same', commits: true, requests: (c, n) => arrivals(c, n, user, () => 'John Q. Doe') },
	{ name: 'changed', commits: true, requests: (c, n) => arrivals(c, n, user, () => 'Jane Q. Doe') },
	{
		name: 'redeem', commits: true,
		requests: async (c, n) => (await mint(c, n, user, () => 'Jane Q. Doe')).map((t) => ({ text: post('alpha', 'application/x-www-form-urlencoded', t.slice(t.indexOf('token=')), { origin: '', at: 'redeem/alpha', more: `Authorization: Bearer ${SECRET}\r\n` }), status: 200 })),
	},
	{
		name: 'session',
		requests: async (c, n) => {
			const [request] = await arrivals(c, 1, () => 'somebody', () => 'John Q. Doe');
			const { cookie } = await c.send(request);
			return numbers(n).map(() => ({ text: get('/auth/session', cookie), status: 200 }));
		},
	},
	{ name: 'refused', requests: (c, n) => numbers(n).map((i) => ({ text: form('closed', user(i), 'John Q. Doe', { origin: 'https://evil.test' }), status: 403 })) },
	{
		name: 'limited',
		requests: async (c, n) => {
			await c.send({ text: post('tight', 'application/x-www-form-urlencoded', 'email=first%40example.com&name=First'), status: 302 });
			return numbers(n).map((i) => ({ text: form('tight', user(i), 'John Q. Doe'), status: 429 }));
		},
	},
];

/** The daemon's, behind what it runs through. */
function pidOf(gw) {
	const [inner] = fs.readFileSync(`/proc/${gw.child.pid}/task/${gw.child.pid}/children`, 'utf8').split(' ');
	return gw.options.through[0] === 'strace' ? Number(inner) : gw.child.pid;
}

async function run(through, each, env = {}) {
	const gw = await start({
		through, env,
		gateway: { workers: 1, log: '{ level = "error"; format = "json"; }', rate_limit: '{ requests = 1000000; per = 3600; }' },
		tenants: tenants(),
	});
	const client = new Client(gw.plainPort);
	try {
		for (const job of jobs) {
			const requests = await job.requests(client, WARM_UP + COUNT);
			for (const request of requests.slice(0, WARM_UP))
				await client.send(request);
			await each(gw, job, async () => {
				for (const request of requests.slice(WARM_UP))
					await client.send(request);
			});
		}
	} finally {
		client.end();
		// strace passes no signal on
		process.kill(pidOf(gw), 'SIGTERM');
		await gw.stop();
	}
}

/* ---- instructions -------------------------------------------------------- */

/** Of one thread: a map from function to its own instructions, and one from the
 * program or library that they are in. */
function readProfile(text) {
	const names = { fn: new Map(), ob: new Map() }, now = {}, own = { fn: new Map(), ob: new Map() };
	let isCall = false;
	for (const line of text.split('\n')) {
		const named = line.match(/^(c?)(fn|ob)=\((\d+)\)(?: (.*))?$/);
		if (named) {
			const [, callee, kind, id, name] = named;
			if (name !== undefined)
				names[kind].set(id, kind === 'fn' ? name.replace(/'\d+$/, '') : path.basename(name).replace(/[-.\d]*\.so.*/, ''));
			if (!callee)
				now[kind] = names[kind].get(id);
		} else if (line.startsWith('calls=')) {
			isCall = true;
		} else if (/^[\d+*-]/.test(line)) {
			for (const kind of isCall ? [] : ['fn', 'ob'])
				own[kind].set(now[kind], (own[kind].get(now[kind]) ?? 0) + Number(line.split(' ')[1] ?? 0));
			isCall = false;
		}
	}
	return own;
}

/** A map from job to its profile: { fn, ob }, each a map to instructions a request. */
export async function countInstructions() {
	const dir = temporary('gates'), out = path.join(dir, 'callgrind.out'), profiles = new Map();
	const prefix = path.join(dir, 'vgdb');
	const tell = (gw, ...command) => execFileSync('vgdb', [`--vgdb-prefix=${prefix}`, `--pid=${gw.child.pid}`, '-c', ...command], { stdio: 'pipe' });
	await run(['valgrind', '--quiet', '--tool=callgrind', '--separate-threads=yes', `--vgdb-prefix=${prefix}`, `--callgrind-out-file=${out}`], async (gw, job, work) => {
		tell(gw, 'zero');
		await work();
		const before = new Set(fs.readdirSync(dir));
		tell(gw, 'dump', job.name);
		const profile = { fn: new Map(), ob: new Map() };
		for (const name of fs.readdirSync(dir).filter((f) => f.startsWith('callgrind.out.') && !before.has(f))) {
			const own = readProfile(fs.readFileSync(path.join(dir, name), 'utf8'));
			if (!own.fn.has('turn_handle') && !(job.commits && own.fn.has('writer_main')))
				continue;
			if (process.env.KEEP)
				fs.copyFileSync(path.join(dir, name), path.join(process.env.KEEP, `${job.name}-${name}`));
			for (const kind of ['fn', 'ob'])
				for (const [name_, n] of own[kind])
					profile[kind].set(name_, (profile[kind].get(name_) ?? 0) + n / COUNT);
		}
		if (!profile.fn.size)
			throw new Error(`${job.name}: callgrind shows no thread that serves`);
		profiles.set(job.name, profile);
	}, { GLIBC_TUNABLES: TUNABLES });
	return profiles;
}

const total = (profile) => [...profile.values()].reduce((a, b) => a + b, 0);

/* ---- system calls -------------------------------------------------------- */

// How often two threads that hand work to each other look, sleep and ring is the
// scheduler's to say, and when the C library returns memory is chance.
const WAITS = new Set(['epoll_wait', 'epoll_ctl', 'futex', 'read', 'write', 'poll', 'recvfrom', 'sched_yield', 'timerfd_settime', 'mprotect', 'munmap', 'madvise']);

/** A map from job to a map: call to how many a request. */
export async function countCalls() {
	const out = path.join(temporary('gates'), 'trace'), calls = new Map(), parts = [];
	let worker;
	await run(['strace', '--quiet=all', '-f', '-o', out], async (gw, job, work) => {
		const pid = pidOf(gw);
		const tasks = fs.readdirSync(`/proc/${pid}/task`);
		worker ??= tasks.find((t) => fs.readFileSync(`/proc/${pid}/task/${t}/comm`, 'utf8').startsWith('usher-http'));
		const from = fs.statSync(out).size;
		await work();
		parts.push({ job, from, to: fs.statSync(out).size });
	});
	const whole = fs.readFileSync(out, 'latin1');
	const { from: first, to: end } = parts.find(({ job }) => job.commits);
	const writer = whole.slice(first, end).match(/^(\d+) +fdatasync/m)?.[1];
	if (!worker || !writer)
		throw new Error('strace shows no thread that serves');
	for (const { job, from, to } of parts) {
		const text = whole.slice(from, to), counts = new Map();
		const isCounted = (pid, name) => (job.commits ? (pid === worker || pid === writer) && !WAITS.has(name) : pid === worker);
		// By commit, and the median of them: one in four hundred copies its log
		// into the database.
		const commits = job.commits ? text.split(/^(?=\d+ +fdatasync\()/m).slice(1, -1) : [text];
		const each = commits.map((part) => {
			const n = new Map();
			for (const [, pid, name] of part.matchAll(/^(\d+) +([a-z]\w*)\(/gm))
				if (isCounted(pid, name))
					n.set(name, (n.get(name) ?? 0) + 1);
			return n;
		});
		for (const name of new Set(each.flatMap((n) => [...n.keys()]))) {
			const sorted = each.map((n) => n.get(name) ?? 0).sort((a, b) => a - b);
			counts.set(name, job.commits ? sorted[sorted.length >> 1] : sorted[0] / COUNT);
		}
		calls.set(job.name, counts);
	}
	return calls;
}

/* ---- what they are held against ------------------------------------------ */

/** What this build was configured with. */
function variable(name) {
	return fs.readFileSync(path.join(build, 'tests/Makefile'), 'utf8').match(new RegExp(`^${name} =(.*)$`, 'm'))?.[1].trim() ?? '';
}

/** The C library and libcrypto choose their loops by whose processor it is. */
function processor() {
	const [, vendor] = fs.readFileSync('/proc/cpuinfo', 'utf8').match(/^vendor_id\s*: (\w+)/m) ?? [];
	return vendor ? `${process.arch}-${vendor}` : process.arch;
}

/** What the figures are of: "debian-12 x64-AuthenticAMD gcc-12.2 -O2". */
export function kind() {
	const [program, ...rest] = variable('CC').split(/\s+/).filter((w) => w !== 'ccache');
	const is = execFileSync(program, [...rest, '--version']).toString().includes('clang') ? 'clang' : 'gcc';
	const version = execFileSync(program, is === 'gcc' ? [...rest, '-dumpfullversion'] : [...rest, '-dumpversion']).toString().trim().split('.').slice(0, 2).join('.');
	const release = fs.readFileSync('/etc/os-release', 'utf8'), of = (name) => release.match(new RegExp(`^${name}="?([^"\n]*)`, 'm'))?.[1] ?? 'unknown';
	const flags = variable('CFLAGS').split(/\s+/).filter((f) => f && !/^-g\d?$/.test(f)).join(',') || 'plain';
	return `${of('ID')}-${of('VERSION_ID')} ${processor()} ${is}-${version} ${flags}`;
}

/** Why this build's figures say nothing; false: they do. */
export function notOrdinary() {
	if (!['', 'no'].includes(variable('SANITIZERS')))
		return 'a build with sanitizers';
	return variable('USHER_COVERAGE') !== '' && 'a build for gcov';
}

const words = (line) => line.trim().split(/\s+/);
const isRow = (line) => line.trim() && !line.startsWith('#');
/** { job: { instructions, calls } } of that kind; undefined: never taken. */
function load(of) {
	const rows = fs.readFileSync(file, 'utf8').split('\n').filter(isRow).map(words).filter((w) => w.slice(0, 4).join(' ') === of);
	return rows.length ? Object.fromEntries(rows.map((w) => [w[4], { instructions: Number(w[5]), calls: Number(w[6]) }])) : undefined;
}

function save(of, figures) {
	const lines = fs.readFileSync(file, 'utf8').split('\n').filter((l) => !isRow(l) || words(l).slice(0, 4).join(' ') !== of);
	while (lines.at(-1) === '')
		lines.pop();
	for (const [job, f] of Object.entries(figures))
		lines.push(`${of} ${job.padEnd(10)} ${String(f.instructions).padStart(8)} ${f.calls.toFixed(2).padStart(7)}`);
	fs.writeFileSync(file, lines.join('\n') + '\n');
}

/** { job: { instructions, calls } } as measured now. */
export async function measure() {
	const [profiles, calls] = [await countInstructions(), await countCalls()];
	return Object.fromEntries(jobs.map(({ name }) => [name, { instructions: Math.round(total(profiles.get(name).fn)), calls: total(calls.get(name)) }]));
}

const signed = (share) => `${share < 0 ? '' : '+'}${(share * 100).toFixed(1)}%`;

/** The table, and the figures that are out of bounds: [ "handoff: instructions ..." ]. */
export function compare(now, before) {
	const bad = [], lines = ['job         instructions  before  change  system calls  before  change'];
	for (const [job, f] of Object.entries(now)) {
		let line = job.padEnd(12);
		if (before && !before[job])
			bad.push(`${job}: never taken`);
		for (const [key, digits, width] of [['instructions', 0, 12], ['calls', 2, 14]]) {
			const was = before?.[job]?.[key], change = f[key] / was - 1;
			line += f[key].toFixed(digits).padStart(width) + (was === undefined ? '       -       -' :
				was.toFixed(digits).padStart(8) + signed(change).padStart(8));
			if (was !== undefined && !(Math.abs(change) <= TOLERANCE))
				bad.push(`${job}: ${signed(change)} of the ${key === 'calls' ? 'system calls' : key}`);
		}
		lines.push(line);
	}
	for (const job of Object.keys(before ?? {}))
		if (!now[job])
			bad.push(`${job}: is no job any more`);
	return { text: lines.join('\n'), bad };
}

export const HOW = `A gain or a loss that is meant: "make gates" in build/tests writes it down.
Where it is: USHER_BUILD=... node tests/bench/gates.mjs profile JOB [OTHER_BUILD]`;

export const kept = () => load(kind());

/* ---- by hand ------------------------------------------------------------- */

async function profile(job, other) {
	const mine = (await countInstructions()).get(job);
	if (!mine)
		throw new Error(`there is no job ${job}: ${jobs.map((j) => j.name).join(', ')}`);
	const was = other && new Map(JSON.parse(execFileSync(process.execPath, [fileURLToPath(import.meta.url), 'raw', job], { env: { ...process.env, USHER_BUILD: other }, maxBuffer: 1 << 26 })));
	const rows = [...new Set([...mine.fn.keys(), ...was?.keys() ?? []])].map((fn) => ({ fn, n: mine.fn.get(fn) ?? 0, by: was && (mine.fn.get(fn) ?? 0) - (was.get(fn) ?? 0) }));
	rows.sort((a, b) => (other ? Math.abs(b.by) - Math.abs(a.by) : b.n - a.n));
	console.log(`${job}: ${Math.round(total(mine.fn))} instructions`);
	for (const [name, n] of [...mine.ob].sort((a, b) => b[1] - a[1]))
		console.log(`${n.toFixed(0).padStart(8)}  ${(n / total(mine.ob) * 100).toFixed(0).padStart(3)}%  ${name}`);
	console.log();
	for (const { fn, n, by } of rows.slice(0, Number(process.env.TOP ?? 15)))
		console.log(`${n.toFixed(0).padStart(8)}${by === undefined ? '' : `${by < 0 ? '' : '+'}${by.toFixed(0)}`.padStart(8)}  ${fn}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
	const [what, job, other] = process.argv.slice(2);
	if (what === 'raw') {
		console.log(JSON.stringify([...(await countInstructions()).get(job).fn]));
	} else if (what === 'profile') {
		await profile(job, other);
	} else {
		const why = notOrdinary();
		if (why)
			throw new Error(`no figures of ${why}`);
		const now = await measure(), { text, bad } = compare(now, kept());
		console.log(`${kind()}\n${text}`);
		if (what === 'record') {
			save(kind(), now);
			console.log(`kept: ${file}`);
		} else if (bad.length) {
			console.log(`${bad.join('\n')}\n${HOW}`);
			process.exitCode = 1;
		}
	}
}
