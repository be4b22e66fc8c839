// desk: standing at a desk in a browser, and its agents' side.
import { execFileSync } from 'node:child_process';
import path from 'node:path';

export const HOST = 'https://ticket.alpha.test';
export const zoe = { email: 'zoe@example.com', name: "Zoë O'Neil" };

/** Sign in as a partner's page would, and stand at the desk. */
export async function enter(gw, page, user = zoe) {
	const answer = await gw.handoff('alpha', user);
	await page.goto(answer.headers.location);
	await page.waitForURL(`${HOST}/dashboard`);
	await page.waitForSelector('h1');
}

/** A ticket that is there already, by the API: its thread. */
export async function ticket(page, fields = {}) {
	return page.evaluate(async (body) => {
		const { csrf } = JSON.parse(document.getElementById('data').textContent);
		const response = await fetch('/api/tickets', { method: 'POST', body: JSON.stringify(body),
			headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf, 'Idempotency-Key': crypto.randomUUID() } });
		const answer = await response.json();
		if (response.status !== 201)
			throw new Error(JSON.stringify(answer));
		return answer.ticket;
	}, { subject: 'It broke', message: 'Please help.', ...fields });
}

export const sql = (gw, text) =>
	JSON.parse(execFileSync('sqlite3', ['-cmd', '.timeout 60000', '-json', path.join(gw.state, 'usher.db'), text]).toString() || '[]');

/** What an agent writes. */
export async function agentAnswers(gw, number, text, name = 'Amir Haddad') {
	const done = await gw.ctl('tickets', 'reply', 'alpha', String(number), '--name', name, '--message', text);
	if (done.code !== 0)
		throw new Error(done.err);
}
