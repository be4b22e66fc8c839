#!/bin/sh
# check-packages: is what configure asks for what autogen.sh installs?
#
# Each package that a message of configure.ac names ("apt-get install ...") is in
# a list of autogen.sh, and each library's package there is named in configure.ac.
#
#   tests/check-packages.sh         check this tree; then plant each kind of
#                                   trouble in a small one, and see it caught
#   tests/check-packages.sh TREE    check another tree
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)

asked() { # of configure: a word that ends in -dev, or what a message names
	grep -oE '[a-z0-9.+-]+-dev|apt-get install [a-z][a-z0-9.+-]+' "$1/configure.ac" |
		sed 's/.* //' | LC_ALL=C sort -u
}

installed() { # by autogen.sh: the lists, NAME:PACKAGE
	sed -n '/^[a-z]*_modules="/,/"$/p' "$1/autogen.sh" |
		grep -oE ':[a-z0-9.+-]+' | tr -d : | LC_ALL=C sort -u
}

check() {
	one=$(mktemp) two=$(mktemp)
	asked "$1" >"$one"
	installed "$1" >"$two"
	trouble=$(LC_ALL=C comm -23 "$one" "$two" | sed 's/$/: autogen.sh does not install it/'
		LC_ALL=C comm -13 "$one" "$two" | sed 's/$/: configure.ac does not name it/')
	n=$(wc -l <"$one")
	rm -f "$one" "$two"
	[ -z "$trouble" ] || { echo "$trouble"; return 1; }
	[ "$n" -gt 0 ] || { echo "configure.ac: names no package"; return 1; }
	echo "packages: configure.ac and autogen.sh name the same $n"
}

plant() { # NAME CONFIGURE AUTOGEN: must be refused
	dir=$(mktemp -d)
	printf '%s\n' "$2" >"$dir/configure.ac"
	printf '%s\n' "$3" >"$dir/autogen.sh"
	if (check "$dir") >/dev/null 2>&1; then
		echo "FAIL: not caught: $1"; rm -rf "$dir"; return 1
	fi
	rm -rf "$dir"
}

if [ $# -gt 0 ]; then
	check "$1"
	exit
fi
check "$here"
plant "one that nobody installs" 'USHER_PKG([A], [a], [liba-dev]) apt-get install check' 'check_modules="check:check"'
plant "one that configure does not ask for" '[liba-dev]' 'build_modules="a:liba-dev b:libb-dev"'
plant "none at all" '' ''
echo "packages: all 3 planted faults caught"
