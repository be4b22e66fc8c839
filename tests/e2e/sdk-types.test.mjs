// usher.d.ts: says what usher.js does, to a strict compiler.
// needs: npm:typescript
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import ts from 'typescript';
import { temporary, top } from './harness.mjs';

const types = path.join(top, 'sdk/browser/usher.d.ts');

/** What the compiler has to say about a page's code. */
function compile(code) {
	const file = path.join(temporary('types'), 'page.ts');
	fs.writeFileSync(file, code);
	const program = ts.createProgram([file, types], { noEmit: true, strict: true, target: ts.ScriptTarget.ES2017, lib: ['lib.es2017.d.ts', 'lib.dom.d.ts'], types: [] });
	return ts.getPreEmitDiagnostics(program).map((d) => ({
		line: d.file?.getLineAndCharacterOfPosition(d.start).line, text: ts.flattenDiagnosticMessageText(d.messageText, '\n'),
	}));
}

test('what the manual shows compiles', () => {
	assert.deepEqual(compile(`
window.authUser = { email: 'user@example.com', name: 'John Doe' };
window.authUser = null;
window.authUser = { assertion: 'a.b.c' };
document.querySelector('button')!.addEventListener('click', (event) => { Usher.contactSupport(event); });
async function contact(event: MouseEvent): Promise<string> {
	const result = await window.Usher.contactSupport({
		event, tenant: 'yourcompany', method: 'embed', mode: 'frame', target: document.body, title: 'Support',
		user: { email: 'user@example.com', name: 'John Doe' }, fields: { company_name: 'Acme Ltd', seats: 5, vip: true },
		signUrl: '/support/assertion',
		redirectUrl: 'https://ticket.yourcompany.com/tickets/new', newTab: false, loginUrl: '/login', remember: true,
		onready: (r) => console.log(r.frame && r.frame.src),
		onerror: (e) => console.log(e.code, e.remedy, e.status, e.retryAfter, e.errors && e.errors.email[0], e.request),
		onsignout: () => location.reload(),
	});
	if (result.close)
		result.close();
	await Usher.signOut();
	return Usher.version + result.method + result.url;
}
contact(new MouseEvent('click'));
`), []);
});

test('what is wrong does not', () => {
	const wrong = [
		['Usher.contactSupport({ method: "smoke" });', /not assignable/],
		['Usher.contactSupport({ tennant: "x" });', /tennant/],
		['Usher.contactSupport({ newTab: "no" });', /boolean/],
		['Usher.contactSupport({ signUrl: new URL(location.href) });', /string/],
		['window.authUser = { email: 5 };', /string/],
		['window.authUser = { mail: "zoe@example.com" };', /mail/],
		['Usher.version = "2";', /read-only/],
		['Usher.open();', /open/],
		['Usher.contactSupport({ user: "zoe@example.com" });', /not assignable|no properties in common/],
	];
	const said = compile(wrong.map(([code]) => code).join('\n'));
	assert.deepEqual(said.map((d) => d.line), wrong.map((_, line) => line));
	for (const [line, [code, pattern]] of wrong.entries())
		assert.match(said[line].text, pattern, code);
});

// Each option that the script reads is declared, and the other way round.
test('the options are the script\'s', () => {
	const script = fs.readFileSync(path.join(top, 'sdk/browser/usher.js'), 'utf8');
	const declared = fs.readFileSync(types, 'utf8').match(/interface UsherOptions \{([\s\S]*?)\n\}/)[1];
	const options = [...declared.matchAll(/^\t(\w+)\?:/gm)].map((m) => m[1]);
	const read = new Set([...script.matchAll(/\b(?:options|given)\.(\w+)/g)].map((m) => m[1]));
	assert.deepEqual(options.slice().sort(), [...read].sort());
});
