// What a request takes, held against gates.txt. How, and why so: gates.mjs.
// needs: valgrind
// needs: vgdb
// needs: strace
import assert from 'node:assert/strict';
import test from 'node:test';
import { compare, HOW, kept, kind, measure, notOrdinary } from './gates.mjs';

const BEFORE = { a: { instructions: 1000, calls: 10 }, b: { instructions: 2000, calls: 7 } };
const change = (job, figures) => ({ ...BEFORE, [job]: { ...BEFORE[job], ...figures } });

test('a loss and a gain past 5% are told with their job and figure, less is not', () => {
	assert.deepEqual(compare(BEFORE, BEFORE).bad, []);
	assert.deepEqual(compare(change('a', { instructions: 1049 }), BEFORE).bad, []);
	assert.deepEqual(compare(change('a', { instructions: 951 }), BEFORE).bad, []);
	assert.deepEqual(compare(change('a', { instructions: 1060 }), BEFORE).bad, ['a: +6.0% of the instructions']);
	assert.deepEqual(compare(change('b', { instructions: 1800 }), BEFORE).bad, ['b: -10.0% of the instructions']);
	assert.deepEqual(compare(change('b', { calls: 8 }), BEFORE).bad, ['b: +14.3% of the system calls']);
	const { text } = compare(change('a', { instructions: 1060 }), BEFORE);
	assert.match(text, /^a +1060 +1000 +\+6\.0% +10\.00 +10\.00 +\+0\.0%$/m);
});

test('a job without a figure, and a figure without a job, are told', () => {
	assert.deepEqual(compare({ ...BEFORE, c: { instructions: 1, calls: 1 } }, BEFORE).bad, ['c: never taken']);
	assert.deepEqual(compare({ a: BEFORE.a }, BEFORE).bad, ['b: is no job any more']);
});

test('where nothing was ever taken nothing is held against it', () => {
	const { text, bad } = compare(BEFORE, undefined);
	assert.deepEqual(bad, []);
	assert.match(text, /^a +1000 +- +- +10\.00 +- +-$/m);
});

const why = notOrdinary();
test('no request takes 5% more or less than it did', { skip: why }, async (t) => {
	const before = kept(), { text, bad } = compare(await measure(), before);
	t.diagnostic(`${kind()}${before ? '' : ': no figures are kept for this; "make gates" would'}`);
	for (const line of text.split('\n'))
		t.diagnostic(line);
	assert.deepEqual(bad, [], `${text}\n${HOW}`);
});
