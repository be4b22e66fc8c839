#!/bin/sh
# make coverage: how much of each room of gateway/ the suites run through, by
# gcov, in a build of its own under build/coverage.
#
#	make coverage				unit, flow and e2e
#	make coverage TESTS="unit/codec/url"	these alone
#
# A daemon that became another user may not write its figures beside the objects,
# and what is killed, or ends by _exit() as the spawner and the hosts of adapters
# do, writes none: what only those run counts as not run.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
build=${COVERAGE_DIR:-$top/build/coverage}
mkdir -p "$build"
cd "$build"
[ -f Makefile ] || "$top/configure" --quiet --enable-coverage CFLAGS="-O0 -g" "$@"
make -s -j"$(getconf _NPROCESSORS_ONLN)" >/dev/null
find . -name '*.gcda' -delete
# Failures are make check's to tell; here they would only hide the table.
make -s -C tests check ${TESTS:+TESTS="$TESTS"} >check.log 2>&1 ||
	echo "some suites failed: $build/check.log" >&2
find gateway -name '*.gcno' ! -name '*assets*' | sort | while read -r notes; do
	gcov -b -n -o "$(dirname "$notes")" "$notes" 2>/dev/null
done | LC_ALL=C awk '
function share(text) { sub(/^[^:]*:/, "", text); return text + 0 }
/^File / { file = $2; gsub(/\047/, "", file)
	   ours = file ~ /gateway\/([a-z]+\/)?[^\/]+\.c$/
	   n = split(file, p, "/"); room = p[n - 1] == "gateway" ? "(main)" : p[n - 1] }
/^Lines executed/ && ours { split($0, w, " of "); lines[room] += w[2]; run[room] += share($0) * w[2] / 100 }
/^Taken at least once/ && ours { split($0, w, " of "); branches[room] += w[2]; taken[room] += share($0) * w[2] / 100; ours = 0 }
END {
	printf "%-12s %8s %8s %10s %8s\n", "room", "lines", "run", "branches", "taken"
	for (room in lines) {
		printf "%-12s %8d %7.1f%% %10d %7.1f%%\n", room, lines[room], run[room] * 100 / lines[room], branches[room], branches[room] ? taken[room] * 100 / branches[room] : 0 | "sort"
		l += lines[room]; r += run[room]; b += branches[room]; t += taken[room]
	}
	close("sort")
	printf "%-12s %8d %7.1f%% %10d %7.1f%%\n", "all", l, r * 100 / l, b, t * 100 / b
}'
