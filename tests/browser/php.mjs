// php: pages by PHP and by Laravel's own Blade, with the framework's functions
// as stubs.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { temporary } from '../e2e/harness.mjs';

/** Any text as an expression of PHP's. */
export const literal = (text) => `base64_decode('${Buffer.from(text).toString('base64')}')`;

/** What PHP puts out for a file, and says beside it, with `stubs` in front of it. */
export function run(stubs, text) {
	const dir = temporary('php'), first = path.join(dir, 'stubs.php'), page = path.join(dir, 'page.php');
	fs.writeFileSync(first, `<?php\n${stubs}`);
	fs.writeFileSync(page, text);
	return spawnSync('php', ['-d', 'display_errors=stderr', '-d', 'error_reporting=-1', '-d', `auto_prepend_file=${first}`, page], { encoding: 'utf8' });
}

/** The page alone: it has nothing to say beside it. */
export function render(stubs, text) {
	const { status, stdout, stderr } = run(stubs, text);
	assert.equal(status, 0, stderr);
	assert.doesNotMatch(stderr, /Warning|Notice|Deprecated|Error/);
	return stdout;
}

/** What Laravel's own Blade makes of a template: PHP. */
export function blade(text) {
	const dir = temporary('blade'), file = path.join(dir, 'compile.php');
	fs.writeFileSync(path.join(dir, 'text'), text);
	fs.writeFileSync(file, `<?php
error_reporting(E_ALL & ~E_DEPRECATED & ~E_USER_DEPRECATED);
require 'Illuminate/Filesystem/autoload.php';
require 'Illuminate/View/autoload.php';
echo (new Illuminate\\View\\Compilers\\BladeCompiler(new Illuminate\\Filesystem\\Filesystem, __DIR__))->compileString(file_get_contents(__DIR__ . '/text'));
`);
	return execFileSync('php', ['-d', 'display_errors=stderr', file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}
