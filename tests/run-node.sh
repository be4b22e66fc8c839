#!/bin/sh
# Run one suite of node's test runner; skipped where node, a library or a
# program that the suite names in a line "// needs: ..." is missing:
#	npm:NAME, partners:NAME		of tests/, of tests/partners/
#	file:PATH:PACKAGE		the package is Debian's
#	php:EXTENSION:PACKAGE
#	COMMAND
suite=$1
command -v node >/dev/null 2>&1 || { echo "node is not installed"; exit 77; }
for need in $(sed -n 's|^// needs: ||p' "$suite"); do
	case $need in
	file:*:*) rest=${need#file:}; [ -e "${rest%:*}" ] ||
		{ echo "${rest##*:} is not installed: apt-get install ${rest##*:}"; exit 77; } ;;
	php:*:*) rest=${need#php:}; php -m 2>/dev/null | grep -qx "${rest%:*}" ||
		{ echo "${rest##*:} is not installed: apt-get install ${rest##*:}"; exit 77; } ;;
	partners:*) [ -d "$(dirname "$suite")/node_modules/${need#partners:}" ] ||
		{ echo "${need#partners:} is not installed: run make partners"; exit 77; } ;;
	npm:*) [ -d "$(dirname "$suite")/../node_modules/${need#npm:}" ] ||
		{ echo "${need#npm:} is not installed: run npm ci in tests/"; exit 77; } ;;
	*) PATH=$PATH:/usr/sbin command -v "$need" >/dev/null 2>&1 ||
		{ echo "$need is not installed"; exit 77; } ;;
	esac
done
# The bound is for a suite that hangs: on the busiest machine none takes so long.
exec timeout --kill-after=10 900 node --test "$suite"
