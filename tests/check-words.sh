#!/bin/sh
# check-words: people are "they", a program is "it", and a reason is "because".
#
# Fails, naming file and line, on a pronoun that makes a user a man or a woman,
# and on "for want of", which hurried readers read twice: in code, comments,
# texts, tests and documents.  usher-1.0.0.js is left out: what was released stays as
# it was, octet by octet.
#
#   tests/check-words.sh         check this tree; then plant each kind of trouble
#                                in a small one, and see it caught
#   tests/check-words.sh TREE    check another tree
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
words='he|him|his|himself|she|her|hers|herself|for want of'

check() {
	cd "$1"
	trouble=$(find . \( -type d \( -name .git -o -name node_modules \
		-o -name 'build*' -o -name autom4te.cache -o -name m4 \
		-o -name corpus -o -name found \) \) -prune -o -type f \
		! -name check-words.sh ! -name 'config.*' ! -name configure \
		! -name 'configure~' ! -name '*.m4' ! -name Makefile.in ! -name package-lock.json \
		! -path './sdk/browser/usher-*.js' -print0 |
		LC_ALL=C sort -z | xargs -0 grep -HInwiE "$words" |
		sed 's|^\./||') || true
	[ -z "$trouble" ] || { printf '%s\n' "$trouble"; return 1; }
	echo "words: nobody is a he or a she"
}

plant() { # FILE TEXT: a tree with TEXT in FILE must be refused
	dir=$(mktemp -d)
	mkdir -p "$dir/$(dirname "$1")"
	printf '%s\n' "$2" >"$dir/$1"
	if (check "$dir") >"$dir/out" 2>&1; then
		echo "FAIL: not caught: $2"; rm -rf "$dir"; return 1
	fi
	grep -q "^$1:1:" "$dir/out" || {
		echo "FAIL: wrong place"; cat "$dir/out"
		rm -rf "$dir"; return 1; }
	rm -rf "$dir"
}

if [ $# -gt 0 ]; then
	check "$1"
	exit
fi
(check "$here")
plant gateway/base/a.c '/* What he wrote. */'
plant gateway/man/usherd.8 'The user and Her tickets'
plant README.md 'refused for want of memory'
plant tests/e2e/a.test.mjs "test('it is his', () => {});"
plant tests/browser/guide/a.php '// her tickets'
plant gateway/base/build-id.c '/* his */'
echo "words: all planted faults caught"
