#!/bin/sh
# make bench: see run.mjs.
for program in node wrk; do
	command -v $program >/dev/null 2>&1 || { echo "$program is not installed (Debian: apt-get install nodejs wrk)"; exit 1; }
done
exec node "$(dirname "$0")/run.mjs" "$@"
