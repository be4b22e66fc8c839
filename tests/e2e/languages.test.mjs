// The language of what people see: whose word counts, on an error's page and at
// the desk, and a tenant's own words. What programs get stays English.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { start, tenant } from './harness.mjs';

const HTML = 'text/html,application/xhtml+xml,*/*;q=0.8';
let gw;

before(async () => {
	gw = await start({ tenants: {
		alpha: tenant('alpha', { adapter: '{ module = "fieldmap.so"; config = { locale = { from = "locale"; }; }; }' }),
		beta: tenant('beta', { language: '"ar"', texts: '{ de = { missing_title = "Leer <hier>"; both_back_to = "Heim zu {tenant}"; }; }' }),
		lost: tenant('lost', { texts: '{ de = { missing_titel = "Leer"; }; }' }),
		odd: tenant('odd', { texts: '{ en = { both_back_to = "Back to {whom}"; }; }' }),
		long: tenant('long', { texts: `{ en = { both_back_to = "${'x'.repeat(1001)}"; }; }` }),
		nowhere: tenant('nowhere', { texts: '{ it = { both_back_to = "Indietro"; }; }' }),
	} });
});
after(() => gw?.stop());

const get = (slug, path, headers) =>
	gw.request({ host: `ticket.${slug}.test`, path, headers: { Accept: HTML, ...headers } });

function check(answer, lang, text) {
	assert.match(answer.text, new RegExp(`<html lang="${lang}"${lang === 'ar' ? ' dir="rtl"' : ''}>`));
	assert.equal(answer.headers['content-language'], lang);
	assert.match(answer.headers.vary, /(^|, )Accept-Language$/);
	assert.ok(answer.text.includes(text), answer.text);
}

test('an error page is in the language of its reader, else of the tenant', async () => {
	check(await get('alpha', '/what'), 'en', 'There is nothing here');
	check(await get('alpha', '/what', { 'Accept-Language': 'it, de-CH;q=0.7, en;q=0.3' }), 'de', 'Hier ist nichts');
	check(await get('alpha', '/what', { 'Accept-Language': 'fr;q=2' }), 'en', 'There is nothing here');
	check(await get('alpha', '/what', { 'Accept-Language': 'it' }), 'en', 'There is nothing here');
	check(await get('beta', '/what'), 'ar', 'لا يوجد شيء هنا');
	check(await get('beta', '/what', { 'Accept-Language': 'es' }), 'es', 'Aquí no hay nada');
});

test('a token that does not hold, and a vary that is there already', async () => {
	const answer = await get('alpha', '/auth/callback?token=nothing', { 'Accept-Language': 'fr-FR,fr;q=0.9' });
	assert.equal(answer.status, 401);
	check(answer, 'fr', 'Ce lien de connexion ne fonctionne pas');
	assert.match(answer.headers.vary, /^Origin, /);
});

test('a tenant has words of its own, as text', async () => {
	const answer = await get('beta', '/what', { 'Accept-Language': 'de' });
	check(answer, 'de', '<h1>Leer &lt;hier&gt;</h1>');
	assert.match(answer.text, />Heim zu <bdi>Tenant beta<\/bdi><\/a>/);
});

test('what programs get is English', async () => {
	const answer = await get('beta', '/what', { Accept: 'application/json', 'Accept-Language': 'de' });
	assert.equal(answer.status, 404);
	assert.equal(answer.json().message, 'There is nothing here.');
	assert.equal(answer.headers['content-language'], undefined);
});

test('what cannot be is told, with the nearest', async () => {
	const told = await gw.ctl('check');
	const all = told.out + told.err;
	assert.match(all, /texts\.de\.missing_titel.*\n?.*did you mean 'missing_title'\?/);
	assert.match(all, /has a placeholder that nothing fills/);
	assert.match(all, /texts\.en\.both_back_to/);
	assert.match(all, /texts\.it/);
});

/** A desk, as `user` comes to it. */
async function desk(user, language, slug = 'alpha') {
	return get(slug, '/dashboard', { Cookie: await gw.signIn(slug, user), ...(language && { 'Accept-Language': language }) });
}
const texts = (answer) => JSON.parse(answer.text.match(/id="data" nonce="[\w-]+">(.*?)<\/script>/s)[1]).texts;

test('at the desk the word of the partner counts first', async () => {
	const ann = { email: 'ann@example.com', name: 'Ann' };
	let answer = await desk({ ...ann, locale: 'fr-CA' }, 'de');
	check(answer, 'fr', 'Vos tickets');
	assert.equal(texts(answer).lang, 'fr');
	answer = await desk({ ...ann, email: 'b@example.com', locale: 'it' }, 'de');
	check(answer, 'de', 'Ihre Tickets');
	assert.equal(texts(answer).yours, 'Ihre Tickets');
	answer = await desk({ ...ann, email: 'c@example.com' });
	check(answer, 'en', 'Your tickets');
	answer = await desk({ ...ann, email: 'd@example.com' }, undefined, 'beta');
	check(answer, 'ar', 'تذاكرك');
});

test('the frame has its words', async () => {
	const answer = await gw.request({ host: 'tickets.test', path: '/embed/alpha', headers: { Accept: HTML, 'Accept-Language': 'es' } });
	check(answer, 'es', 'Un momento, por favor…');
});
