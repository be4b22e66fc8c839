#!/bin/sh
# Run each fuzz target over its corpus: the seeds, and every input that once
# went wrong. Fails when a target has no corpus.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
count=0
for target in fuzz/fuzz_*; do
	case $target in *.o | *.log | *.trs) continue ;; esac
	[ -x "$target" ] && [ ! -d "$target" ] || continue
	name=${target#fuzz/fuzz_}
	printf '%s: ' "$name"
	"./$target" ${REPLAY_OPTIONS-} "$here/corpus/$name"
	count=$((count + 1))
done
[ $count -gt 0 ] || { echo "no fuzz target was built"; exit 1; }
echo "$count targets"
