#!/bin/sh
# check-docs: do the documents still speak of this tree?
#
# README.md, gateway/README.md, tests/README.md and the two pages of .github/
# name files, folders and functions, as links or between backticks.  Fails,
# naming file and line, for each
#
#   - path, file name or folder that is not there,
#   - function, written name(), that no source knows,
#   - room of gateway/ without a row in the table of gateway/README.md, or with
#     another floor there than in check-floors.sh.
#
# What a build makes (*.log, *.so, the folder build) is not looked for, nor is
# what stands between fences.  <name> and * stand for anything.
#
#   tests/check-docs.sh         check this tree; then plant each kind of trouble
#                               in a small one, and see it caught
#   tests/check-docs.sh TREE    check another tree
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)

check() {
	cd "$1"
	docs=
	for doc in README.md gateway/README.md tests/README.md \
		.github/CONTRIBUTING.md .github/SECURITY.md; do
		[ -f "$doc" ] || { echo "$doc:1: is not there"; return 1; }
		docs="$docs $doc"
	done
	dir=$(mktemp -d)
	# what there is, and what the sources call a function
	find . \( -name .git -o -name node_modules -o -name 'build*' \
		-o -name autom4te.cache \) -prune -o -print |
		sed 's|^\./||' >"$dir/paths"
	find gateway sdk plugins tests \( -name node_modules -o -name 'build*' \) \
		-prune -o \( -name '*.[ch]' -o -name '*.m*js' -o -name '*.js' \) \
		-print0 | xargs -0 cat |
		grep -oE '[A-Za-z_][A-Za-z_0-9]*[ ]?\(' | tr -d ' (' |
		LC_ALL=C sort -u >"$dir/functions"
	sed -n 's/.*split("\(base:0[^"]*\)".*/\1/p' tests/check-floors.sh |
		tr ' ' '\n' >"$dir/floors"
	# shellcheck disable=SC2086
	trouble=$(awk -v dir="$dir" '
	function say(what) { printf "%s:%d: %s\n", FILENAME, FNR, what }

	# Is there anything of that name?  A suite is named without its ".c", a
	# manual page without its section.
	function is_one(path,    p) {
		sub(/\/$/, "", path)
		if (path ~ /[*<]/) {
			gsub(/[.]/, "[.]", path)
			gsub(/<[^>]*>|\*/, "[^/]*", path)
			for (p in paths) if (p ~ "^" path "(/|$)") return 1
			return 0
		}
		return path in paths || (path ".c") in paths ||
			(path ".test.mjs") in paths
	}
	function is_there(path) {
		return is_one(path) || is_one(home path) ||
			is_one("gateway/" path) || is_one("tests/" path) ||
			path ~ /\.\.\// && is_one(climb(home path))
	}
	# A bare name with something open in it.
	function is_called(word,    p) {
		gsub(/[.]/, "[.]", word)
		if (!gsub(/<[^>]*>|\*/, ".*", word)) return 0
		for (p in names) if (p ~ "^" word "$") return 1
		return 0
	}
	function climb(path) {
		while (path ~ /[^\/]+\/\.\.\//) sub(/[^\/]+\/\.\.\//, "", path)
		return path
	}
	function is_made(path) {
		return path ~ /\.(log|so|o|la)$/ ||
			path ~ /^(tests\/)?(build[a-z-]*|fuzz\/found)(\/|$)/
	}
	# A word between backticks: is it meant as a path, and of this tree?
	function look(word,    first, ext) {
		gsub(/^["\047]+|["\047,;:]+$/, "", word)
		sub(/^[A-Z_]+=["\047]?/, "", word)
		sub(/^\.\//, "", word)
		if (word ~ /^[A-Za-z_][A-Za-z_0-9]*\(\)$/) {
			sub(/\(\)$/, "", word)
			if (!(word in functions)) say("no source has " word "()")
			return
		}
		if (word !~ /^[A-Za-z0-9._<>*\/-]+$/ || word ~ /^[\/<-]/ ||
		    word ~ /^\.[a-z]+$/ || is_made(word))
			return
		first = word; sub(/\/.*/, "", first)
		ext = word ~ /\.(c|h|sh|am|ac|mjs|js|css|html|json|lua|md|def|awk|conf|dict|map|[1578])$/
		if (word ~ /\//) {
			if ((ext || first in tops) && !is_there(word))
				say(word " is not there")
		} else if (ext && !(word in names) && !is_called(word) &&
			   !is_there(word)) {
			say("no file is called " word)
		}
	}
	BEGIN {
		while ((getline line <(dir "/paths")) > 0) {
			paths[line] = 1
			n = split(line, p, "/")
			names[p[n]] = 1
			if (p[n] ~ /\.[1578]$/) {
				sub(/\.[1578]$/, "", p[n]); names[p[n]] = 1
			}
			if (n > 1) tops[p[1]] = 1
			if (n > 2 && (p[1] == "gateway" || p[1] == "tests"))
				tops[p[2]] = 1
			if (n == 3 && p[1] == "gateway" && p[3] ~ /\.[ch]$/)
				rooms[p[2]] = 1
		}
		while ((getline line <(dir "/functions")) > 0)
			functions[line] = 1
		while ((getline line <(dir "/floors")) > 0) {
			split(line, p, ":"); floor[p[1]] = p[2]
		}
	}
	FNR == 1 {
		fenced = 0
		home = FILENAME; sub(/[^\/]*$/, "", home)
	}
	/^ *```/ { fenced = !fenced; next }
	fenced { next }
	FILENAME == "gateway/README.md" && /^\| F[0-9] \| `[a-z]+\/`/ {
		split($0, p, "`"); room = p[2]; sub(/\/$/, "", room)
		told[room] = 1
		split($0, p, /[ |]+/)
		if (room in rooms && p[2] != "F" floor[room])
			say("the room " room " stands on floor " floor[room])
	}
	{
		rest = $0
		while (match(rest, /\]\([^)#]+/)) {
			link = substr(rest, RSTART + 2, RLENGTH - 2)
			rest = substr(rest, RSTART + RLENGTH)
			if (link !~ /^[a-z]+:/ && !is_one(climb(home link)))
				say("the link to " link " leads nowhere")
		}
		n = split($0, span, "`")
		if (n && n % 2 == 0) say("a ` without its end on the line")
		for (i = 2; i < n; i += 2) {
			m = split(span[i], word, /[ \t]+/)
			for (j = 1; j <= m; j++) look(word[j])
		}
	}
	END {
		for (room in rooms) if (!(room in told))
			print "gateway/README.md:1: the room " room " has no row"
	}' $docs 2>&1) || trouble="${trouble:-awk failed}"
	rm -rf "$dir"
	if [ -n "$trouble" ]; then
		printf '%s\n' "$trouble"
		return 1
	fi
	echo "docs: what they name is there"
}

# A small tree in which nothing is wrong.
build() {
	mkdir -p "$1/gateway/base" "$1/tests" "$1/sdk" "$1/plugins" "$1/.github"
	echo 'int base_add(int a);' >"$1/gateway/base/a.c"
	echo 'split("base:0 codec:1", a, " ")' >"$1/tests/check-floors.sh"
	for doc in README.md tests/README.md .github/CONTRIBUTING.md \
		.github/SECURITY.md; do
		echo 'See `gateway/base/a.c`, `base_add()`, `*.log`.' >"$1/$doc"
	done
	printf '%s\n' '| F0 | `base/` | sums |' 'and `base/<file>.c`, `a.c`' \
		'[all](../README.md) `/dashboard` `make -C tests x`' \
		>"$1/gateway/README.md"
}

plant() { # NAME FILE TEXT WHAT: TEXT at the end of FILE must be refused as WHAT
	dir=$(mktemp -d)
	build "$dir"
	mkdir -p "$dir/$(dirname "$2")"
	printf '%s\n' "$3" >>"$dir/$2"
	if (check "$dir") >"$dir/out" 2>&1; then
		echo "FAIL: not caught: $1"; rm -rf "$dir"; return 1
	fi
	grep -qF "$4" "$dir/out" || {
		echo "FAIL: told otherwise: $1"; cat "$dir/out"
		rm -rf "$dir"; return 1; }
	rm -rf "$dir"
}

if [ $# -gt 0 ]; then
	check "$1"
	exit
fi
(check "$here")
small=$(mktemp -d)
build "$small"
(check "$small") >/dev/null || { echo "FAIL: a good tree is refused"; exit 1; }
rm -rf "$small"
plant "a file that is gone" README.md 'see `gateway/base/b.c`' \
	'README.md:2: gateway/base/b.c is not there'
plant "a file of a room" gateway/README.md 'see `base/b.c:30`, `base/b.h`' \
	'gateway/README.md:4: base/b.h is not there'
plant "a folder" tests/README.md '`tests/attic/` and more' \
	'tests/README.md:2: tests/attic/ is not there'
plant "a bare name" .github/SECURITY.md 'in `b.c`' \
	'.github/SECURITY.md:2: no file is called b.c'
plant "a pattern" gateway/README.md '`base/<name>.def`' \
	'gateway/README.md:4: base/<name>.def is not there'
plant "a link" .github/CONTRIBUTING.md '[x](../gateway/b.md#y)' \
	'.github/CONTRIBUTING.md:2: the link to ../gateway/b.md leads nowhere'
plant "a function" gateway/README.md 'then `base_sub()`' \
	'gateway/README.md:4: no source has base_sub()'
plant "within a command" README.md '`sh tests/b.sh TREE`' \
	'README.md:2: tests/b.sh is not there'
plant "a span over two lines" README.md 'see `gateway/base/b.c' \
	'README.md:2: a ` without its end on the line'
plant "a room without a row" gateway/codec/a.c 'int x;' \
	'the room codec has no row'
plant "a room on another floor" gateway/README.md '| F2 | `base/` | sums |' \
	'the room base stands on floor 0'
echo "docs: all 11 planted faults caught"
