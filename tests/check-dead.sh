#!/bin/sh
# check-dead: is there a function or a macro that no program needs?
#
# Reads the headers under gateway/.  Fails, naming file and line, for each
# function that is declared there and
#
#   - called by no source of the gateway (tests alone do not keep one alive),
#   - called by its own source alone, and by no test: it is to be static;
#
# and for each macro and inline function that is defined there and that nothing
# else of the gateway names.  A limit that nobody reads is most often written
# once more as a number, and the two will differ.
#
# What tests need to look inside says "For tests" in the comment before it.
#
#   tests/check-dead.sh         check this tree; then plant each kind of trouble
#                               in a small one, and see it caught
#   tests/check-dead.sh TREE    check another tree
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)

check() {
	cd "$1"
	dir=$(mktemp -d)
	# where each name stands, comments left out: FILE NAME
	find gateway tests \( -name node_modules -o -name 'build*' \) -prune -o \
		\( -name '*.[ch]' -o -name '*.def' \) -print | LC_ALL=C sort | xargs awk '
	FNR == 1 { inside = 0 }
	{
		line = $0
		if (inside) {
			if (!sub(/^.*\*\//, "", line)) next
			inside = 0
		}
		gsub(/\/\*([^*]|\*[^\/])*\*\//, " ", line)
		if (sub(/\/\*.*$/, "", line)) inside = 1
		n = split(line, w, /[^A-Za-z0-9_]+/)
		for (i = 1; i <= n; i++) if (w[i] ~ /^[A-Za-z][A-Za-z0-9]*_/) print FILENAME, w[i]
	}' | LC_ALL=C sort | uniq -c >"$dir/uses"
	trouble=$(find gateway -name '*.h' | LC_ALL=C sort | xargs awk -v dir="$dir" '
	BEGIN {
		while ((getline line <(dir "/uses")) > 0) {
			split(line, p, " ")
			uses[p[3]] = uses[p[3]] " " p[2] ":" p[1]
		}
	}
	function say(line, what) { printf "%s:%d: %s\n", FILENAME, line, what }
	# What else is there but the declaration and one definition?
	function look(name, line,    n, i, p, u, own, others, tests) {
		n = split(uses[name], u, " ")
		own = others = tests = 0
		for (i = 1; i <= n; i++) {
			split(u[i], p, ":")
			if (p[1] ~ /^tests\//) tests++
			else if (p[1] ~ /\.h$/) others += p[2] - (p[1] == FILENAME)
			else if (defines(p[1], name)) own = p[2] - 1
			else others++
		}
		if (others) return
		if (!own) say(line, name "() is called by no program")
		else if (!tests) say(line, name "() is called by its own source alone: make it static")
	}
	function defines(file, name,    line, at, is) {
		if ((file, name) in known) return known[file, name]
		while ((getline line <file) > 0)
			if (line ~ /^[a-z]/ && line !~ /;$/ && index(line, name "("))
				is = 1
		close(file)
		return known[file, name] = is
	}
	# Is its own definition all that there is of it?
	function look_for_any(name, line,    n, i, p, u, all) {
		n = split(uses[name], u, " ")
		for (i = 1; i <= n; i++) {
			split(u[i], p, ":")
			if (p[1] !~ /^tests\//) all += p[2]
		}
		if (all < 2) say(line, name " is used by no program")
	}
	FNR == 1 { for_tests = 0; inside = 0 }
	/^\/\*/ { for_tests = 0; inside = 1 }
	inside && /[Ff]or tests|FOR TESTS/ { for_tests = 1 }
	/\*\// { inside = 0 }
	/^$/ { if (!inside) for_tests = 0 }
	/^[a-z].*[ *][a-z][a-z0-9]*_[a-z0-9_]+\(/ && !/^static|^typedef|^extern|__attribute__|^#/ {
		name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name)
		if (!for_tests) look(name, FNR)
	}
	/^static inline .*[ *][a-z][a-z0-9]*_[a-z0-9_]+\(/ {
		name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name)
		if (!for_tests) look_for_any(name, FNR)
	}
	/^[ \t]*#[ \t]*define[ \t]+[A-Za-z][A-Za-z0-9]*_/ {
		name = $0; sub(/^[ \t]*#[ \t]*define[ \t]+/, "", name)
		sub(/[^A-Za-z0-9_].*/, "", name)
		if (name !~ /_H$/ && !for_tests) look_for_any(name, FNR)
	}')
	rm -rf "$dir"
	[ -z "$trouble" ] || { printf '%s\n' "$trouble"; return 1; }
	echo "dead: every function and macro of a header is used"
}

plant() { # NAME HEADER SOURCE OTHER TEST: what must be refused
	dir=$(mktemp -d)
	mkdir -p "$dir/gateway/base" "$dir/gateway/codec" "$dir/tests/unit"
	printf '%b\n' "$2" >"$dir/gateway/base/a.h"
	printf '%b\n' "$3" >"$dir/gateway/base/a.c"
	printf '%b\n' "$4" >"$dir/gateway/codec/b.c"
	printf '%b\n' "$5" >"$dir/tests/unit/a.c"
	result=0
	(check "$dir") >"$dir/out" 2>&1 || result=1
	if [ "$result" != "$6" ]; then
		echo "FAIL: $1"; cat "$dir/out"; rm -rf "$dir"; return 1
	fi
	if [ "$result" = 1 ] && ! grep -q '^gateway/base/a.h:1: ' "$dir/out"; then
		echo "FAIL: wrong place: $1"; cat "$dir/out"; rm -rf "$dir"; return 1
	fi
	rm -rf "$dir"
}

if [ $# -gt 0 ]; then
	check "$1"
	exit
fi
(check "$here")
plant "one that nobody calls" 'int a_one(void);' 'int a_one(void)\n{\n}' '' '' 1
plant "one that a comment names" 'int a_one(void);' 'int a_one(void)\n{\n}' '/* a_one() */' '' 1
plant "one that a manual names" 'int a_one(void);' 'int a_one(void)\n{\n}' '/*\n * As a_one() does.\n */' '' 1
plant "one that a test calls" 'int a_one(void);' 'int a_one(void)\n{\n}' '' 'int x = a_one();' 1
plant "one that is its own" 'int a_one(void);' 'int a_one(void)\n{\n}\nint x(void)\n{\n\ta_one();\n}' '' '' 1
plant "one that is needed" 'int a_one(void);' 'int a_one(void)\n{\n}' 'int x = a_one();' '' 0
plant "a macro that nobody uses" '#define A_MAX 4' '' 'int x = 4;' '' 1
plant "a macro that a test uses" '#define A_MAX 4' '' 'int x = 4;' 'int x = A_MAX;' 1
plant "a macro that a comment names" '#define A_MAX 4' '/* A_MAX */' '' '' 1
plant "a macro that is needed" '#define A_MAX 4' '' 'int x = A_MAX;' '' 0
plant "an inline that nobody calls" 'static inline int a_one(void)\n{\n}' '' '' 'int x = a_one();' 1
plant "an inline that is needed" 'static inline int a_one(void)\n{\n}' '' 'int x = a_one();' '' 0
plant "one for tests" '/* For tests. */\nint a_one(void);' 'int a_one(void)\n{\n}' '' 'int x = a_one();' 0
echo "dead: all planted faults caught"
