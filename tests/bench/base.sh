#!/bin/sh
# base: build another commit of this clone's own history, for make bench.
#
#	base.sh COMMIT DIRECTORY	prints the build's directory, or nothing where
#					the clone does not have that commit
set -eu

commit=$(git -C "$(dirname "$0")" rev-parse --verify --quiet "$1^{commit}" 2>/dev/null) || exit 0
build=$2/$commit
if [ ! -e "$build/done" ]; then
	echo "building $1 to compare with, once" >&2
	rm -rf "$build"
	mkdir -p "$build/source"
	git -C "$(git -C "$(dirname "$0")" rev-parse --show-toplevel)" archive "$commit" | tar -x -C "$build/source"
	cd "$build/source"
	{ ./autogen.sh && ./configure --quiet && make -s -j"$(getconf _NPROCESSORS_ONLN)" SUBDIRS="sdk gateway" && make -s -C tests bench/mint; } >"$build/log" 2>&1 ||
		{ echo "it does not build: $build/log" >&2; exit 1; }
	touch "$build/done"
fi
echo "$build/source"
