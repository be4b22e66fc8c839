// Debian's Request Tracker behind nginx, both as usherctl prints them.
// needs: nginx
// needs: file:/usr/share/request-tracker5/libexec/rt-server:request-tracker5
// needs: file:/usr/share/doc/rt5-db-sqlite:rt5-db-sqlite
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { freePort, start, temporary, tenant, until } from '../e2e/harness.mjs';
import { browser, settle, startNginx, visit as visitAt } from '../e2e/nginx.mjs';

const C = 'ticket.alpha.test', OTHER = 'ticket.beta.test';
const own = { desk: 'false', dashboard: '"/"' };
const server = '/usr/share/request-tracker5/libexec/rt-server';
let gw, rt, nginx, dir, ports, env;

/** Perl with RT at hand: what it prints. */
const perl = (code) => execFileSync('perl', ['-I/usr/share/request-tracker5/lib', '-MRT=-init', '-e', code], { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
/** What RT knows about somebody, by name. */
function userOf(name) {
	const told = perl(`my $u = RT::User->new(RT->SystemUser); $u->Load($ARGV[0] // q{${name}});
binmode STDOUT, ':utf8'; print join "\\n", map { $_ // '' } $u->Name, $u->Privileged ? 1 : 0, $u->EmailAddress, $u->RealName, $u->Comments;`).split('\n');
	return { name: told[0], isPrivileged: told[1] === '1', email: told[2], realName: told[3], comments: told[4] };
}

async function startRt(text) {
	const parts = text.split(/^# ---- (.*) ----$/m);
	assert.equal(parts.length, 5, text);
	const site = path.join(dir, 'RT_SiteConfig.d'), lib = path.join(dir, 'lib/RT/Interface');
	for (const d of [site, lib, ...['log', 'session', 'mason'].map((n) => path.join(dir, n))])
		fs.mkdirSync(d, { recursive: true });
	fs.writeFileSync(path.join(site, path.basename(parts[1])), parts[2]);
	fs.writeFileSync(path.join(lib, path.basename(parts[3])), parts[4]);
	fs.writeFileSync(path.join(dir, 'RT_SiteConfig.pm'), `
Set($rtname, 'alpha.test'); Set($Organization, 'alpha.test'); Set($OwnerEmail, '');
Set($DatabaseType, 'SQLite'); Set($DatabaseName, '${dir}/rt.db'); Set($DatabaseHost, ''); Set($DatabaseUser, ''); Set($DatabasePassword, '');
Set($LogToSyslog, undef); Set($LogToSTDERR, 'warning'); Set($MailCommand, 'testfile');
Set($MasonSessionDir, '${dir}/session'); Set($MasonDataDir, '${dir}/mason');
1;
`);
	env = { ...process.env, RT_SITE_CONFIG: path.join(dir, 'RT_SiteConfig.pm'), RT_SITE_CONFIG_DIR: site, PERL5LIB: path.join(dir, 'lib') };
	execFileSync('/usr/sbin/rt-setup-database-5', ['--action', 'init', '--dba', '', '--dba-password', ''], { env, stdio: ['ignore', 'pipe', 'pipe'] });
	const port = ports[2];
	const child = spawn(server, ['--server', 'Standalone', '--env', 'deployment', '--host', '127.0.0.1', '--port', String(port)], { env, stdio: ['ignore', 'pipe', 'pipe'] });
	let said = '', isOver = false;
	for (const stream of [child.stdout, child.stderr])
		stream.on('data', (d) => { said += d; });
	const end = new Promise((resolve) => child.on('close', () => { isOver = true; resolve(); }));
	rt = { text: () => said, stop: () => { child.kill('SIGTERM'); return end; } };
	await until(() => isOver || fetch(`http://127.0.0.1:${port}/NoAuth/css/elevator-light/none`).then(() => true, () => false), 'RT to listen');
	assert.ok(!isOver, said);
}

before(async () => {
	dir = temporary('rt');
	ports = [await freePort(), await freePort(), await freePort(), await freePort(), await freePort()];
	fs.writeFileSync(path.join(dir, 'secret'), `${'s'.repeat(40)}\n`, { mode: 0o600 });
	gw = await start({
		gateway: { trusted_proxies: '[ "127.0.0.1" ]' },
		tenants: {
			alpha: tenant('alpha', own),
			beta: tenant('beta', own),
		},
	});
	const recipe = async (...args) => {
		const r = await gw.ctl('recipe', ...args, '--gateway', `127.0.0.1:${gw.port}`, '--desk', `127.0.0.1:${ports[2]}`);
		assert.equal(r.code, 0, r.err);
		return r.out;
	};
	await startRt(await recipe('rt', 'alpha'));
	nginx = await startNginx(dir, [
		settle(await recipe('nginx', 'alpha'), { ports, dir }), settle(await recipe('nginx', 'beta'), { ports: ports.slice(3), dir }),
	], () => visitAt({ host: C, port: ports[0] }));
	perl(`my $queue = RT::Queue->new(RT->SystemUser); $queue->Load('General');
my $asked = RT::Group->new(RT->SystemUser); $asked->LoadRoleGroup(Object => RT->System, Name => 'Requestor');
$asked->PrincipalObj->GrantRight(Right => $_, Object => RT->System) for qw(ShowTicket ReplyToTicket SeeQueue);
my $all = RT::Group->new(RT->SystemUser); $all->LoadSystemInternalGroup('Everyone');
$all->PrincipalObj->GrantRight(Right => $_, Object => RT->System) for qw(CreateTicket SeeQueue);`);
});
after(async () => {
	await nginx?.stop();
	await rt?.stop();
	await gw?.stop();
});

/** A browser at the tenant's host: it keeps cookies and follows redirects there. */
class Visitor {
	constructor(host = C) {
		this.host = host;
		this.jar = new Map();
	}

	async visit(target, { lines = [], ...rest } = {}) {
		const cookie = [...this.jar].map(([k, v]) => `${k}=${v}`).join('; ');
		const r = await visitAt({ host: this.host, port: ports[this.host === C ? 0 : 3], path: target, lines: [...lines, ...(cookie ? [`Cookie: ${cookie}`] : [])], ...rest });
		for (const line of r.cookies) {
			const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
			if (value)
				this.jar.set(name, value);
			else
				this.jar.delete(name);
		}
		return r;
	}

	async go(target, options) {
		let at = target;
		for (let i = 0; i < 8; i++) {
			const r = await this.visit(at, { lines: browser, ...options });
			if (![301, 302, 303].includes(r.status))
				return { ...r, at };
			const to = new URL(r.headers.location, `https://${this.host}${at}`);
			assert.equal(to.host, this.host, r.headers.location);
			at = to.pathname + to.search;
		}
		throw new Error(`${target} goes round and round`);
	}

	/** The integration guide's form, up to the desk. */
	async signIn(fields, slug = 'alpha') {
		const posted = await gw.handoff(slug, { redirect_url: `https://${this.host}/dashboard`, ...fields });
		assert.equal(posted.status, 302, posted.text);
		const url = new URL(posted.headers.location);
		return this.go(url.pathname + url.search);
	}
}

test('the guide\'s form lands in RT, signed in, as a user without rights of staff', async () => {
	const who = new Visitor();
	const r = await who.signIn({ email: 'zoe@example.com', name: 'Zoë Doe' });
	assert.equal(r.status, 200, r.text);
	assert.match(r.at, /^\/SelfService\//);
	assert.match(r.text, /Zoë Doe|alpha:zoe@example\.com/);
	const told = userOf('alpha:zoe@example.com');
	assert.deepEqual(told, { name: 'alpha:zoe@example.com', isPrivileged: false, email: '', realName: 'Zoë Doe', comments: 'says that the address is zoe@example.com' });
	const admin = await who.go('/Admin/');
	assert.ok(admin.at.startsWith('/SelfService/') || admin.status === 403, `${admin.status} ${admin.at}`);
});

test('redirect_url reaches a ticket', async () => {
	const who = new Visitor();
	await who.signIn({ email: 'ned@example.com', name: 'Ned' });
	const id = perl(`my $u = RT::CurrentUser->new; $u->Load('alpha:ned@example.com');
my $t = RT::Ticket->new($u); my ($id, $x, $why) = $t->Create(Queue => 'General', Subject => 'The printer is on fire', Requestor => $u->Id); die $why unless $id; print $id;`);
	const r = await new Visitor().signIn({ email: 'ned@example.com', name: 'Ned', redirect_url: `https://${C}/SelfService/Display.html?id=${id}` });
	assert.equal(r.status, 200, r.text);
	assert.match(r.text, /The printer is on fire/);
	const other = await new Visitor().signIn({ email: 'other@example.com', name: 'Other', redirect_url: `https://${C}/SelfService/Display.html?id=${id}` });
	assert.ok(!other.text.includes('on fire'), 'it is not everybody\'s');
});

test('RT\'s own staff are not reached', async () => {
	for (const fields of [{ email: 'root@localhost', name: 'root' }, { email: 'root@alpha.test', name: 'Enoch Root' }]) {
		const who = new Visitor();
		const r = await who.signIn(fields);
		assert.match(r.at, /^\/SelfService\//);
		assert.deepEqual([userOf(`alpha:${fields.email}`).isPrivileged, userOf(`alpha:${fields.email}`).email], [false, '']);
		for (const name of ['Remote-User', 'Remote_User', 'REMOTE-USER', 'X-Forwarded-User', 'X-Remote-User']) {
			const forged = await who.go('/', { lines: [...browser, `${name}: root`] });
			assert.match(forged.at, /^\/SelfService\//, name);
		}
		const password = await who.visit('/NoAuth/Login.html', { method: 'POST', body: 'user=root&pass=password', lines: [...browser, 'Content-Type: application/x-www-form-urlencoded'] });
		assert.ok(password.status >= 300, `${password.status}`);
		assert.match((await who.go('/')).at, /^\/SelfService\//);
	}
	assert.equal(userOf('root').isPrivileged, true);
});

test('signing out and blocking hold at the next request, whatever RT remembers', async () => {
	const who = new Visitor(), other = new Visitor();
	await who.signIn({ email: 'out@example.com', name: 'Out' });
	await other.signIn({ email: 'bad@example.com', name: 'Bad' });
	assert.equal((await who.go('/SelfService/')).status, 200);
	const kept = new Map(who.jar);
	const out = await who.visit('/auth/logout', { method: 'POST', lines: [`Origin: https://${C}`, 'Content-Length: 0'] });
	assert.ok([200, 204, 303].includes(out.status), `${out.status}`);
	assert.equal((await who.visit('/SelfService/')).status, 401);
	who.jar = kept;
	assert.equal((await who.visit('/SelfService/')).status, 401);
	assert.equal((await gw.ctl('users', 'block', 'alpha', 'bad@example.com')).code, 0);
	assert.equal((await other.visit('/SelfService/')).status, 401);
	assert.ok(other.jar.size > 1, 'RT has a session of its own');
});

test('who signs in next in the same browser is who RT sees', async () => {
	const who = new Visitor();
	await who.signIn({ email: 'first@example.com', name: 'First Person' });
	assert.match((await who.go('/SelfService/')).text, /First Person|alpha:first/);
	for (const name of [...who.jar.keys()].filter((n) => /^__Host-usher$/.test(n)))
		who.jar.delete(name);
	await who.signIn({ email: 'second@example.com', name: 'Second Person' });
	for (let i = 0; i < 2; i++) {
		const r = await who.go('/SelfService/');
		assert.match(r.text, /Second Person|alpha:second/);
		assert.ok(!/First Person|alpha:first/.test(r.text));
	}
});

test('names of another tenant are nobody to it', async () => {
	const r = await new Visitor(OTHER).signIn({ email: 'zoe@example.com', name: 'Zoë' }, 'beta');
	assert.equal(r.status, 403, r.text);
});

test('an address that a signature vouched for is the user\'s in RT, too', async () => {
	const signed = { ...own, identity: '"signed"', keys: `( { kid = "k"; algorithm = "HS256"; secret_file = "${dir}/secret"; } )` };
	gw.writeConf('alpha', tenant('alpha', signed));
	assert.equal((await gw.reload()).code, 0);
	const made = await gw.ctl('sign', 'alpha', '--email', 'vip@example.com', '--name', 'Vip');
	assert.equal(made.code, 0, made.err);
	const r = await new Visitor().signIn({ assertion: made.out.trim() });
	assert.equal(r.status, 200, r.text);
	assert.deepEqual(userOf('alpha:vip@example.com'), { name: 'alpha:vip@example.com', isPrivileged: false, email: 'vip@example.com', realName: 'Vip', comments: '' });
});
