#!/bin/sh
# check-codes: do all speak of the same error codes?
#
# gateway/base/codes.def has the codes of the gateway's answers.  Fails, naming
# file and line, for each
#
#   - answer that gets a code past the table: the C sources write "code": with a
#     name behind it, or set ex->code themselves;
#   - code that a script, a page of ours or a document compares or tells, and
#     that neither the table has nor the SDK's own scripts make.
#
#   tests/check-codes.sh         check this tree; then plant each kind of
#                                trouble in a copy of it, and see it caught
#   tests/check-codes.sh TREE    check another tree
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
scripts='sdk/browser/usher.js gateway/desk/assets/desk.js gateway/desk/assets/embed.js'
told='sdk/browser/README.md sdk/README.md README.md tests/demo/partner.html'
told="$told $(cd "$here" && echo gateway/console/snippets/*)"

check() {
	cd "$1"
	words=$(mktemp)
	sed -nE 's/^(CODE|OUTCOME)\(([a-z_]+),.*/\2/p' gateway/base/codes.def >"$words"
	[ -s "$words" ] || { echo "gateway/base/codes.def has no code"; return 1; }
	# what the scripts make themselves
	# shellcheck disable=SC2086
	sed -nE "s/.*(UsherError\\(|[^a-z]code: )'([a-z_]+)'.*/\\2/p" $scripts >>"$words"
	trouble=$(
		grep -rnE 'code\\":\\"[a-z]' --include='*.[ch]' gateway |
			sed 's/$/: a code past the table/'
		grep -rnE --include='*.c' -e '->code = ("|[a-z])' gateway/handoff gateway/desk gateway/http |
			grep -vE '^gateway/handoff/exchange\.c:[0-9]+:.*= (code|code_table.*);$' |
			sed 's/$/: answer_code() sets it/'
		# shellcheck disable=SC2086
		awk -v words="$words" '
		BEGIN { while ((getline w <words) > 0) known[w] = 1 }
		function look(word) {
			if (word ~ /^[a-z]+(_[a-z]+)*$/ && !(word in known))
				printf "%s:%d: there is no code %s\n", FILENAME, FNR, word
		}
		FNR == 1 { table = 0 }
		{
			rest = $0
			while (match(rest, /code [!=]== ?\047[a-z_]+\047/)) {
				word = substr(rest, RSTART, RLENGTH - 1)
				sub(/.*\047/, "", word); look(word)
				rest = substr(rest, RSTART + RLENGTH)
			}
		}
		/^\| code \|/ { table = 1; next }
		!/^\|/ { table = 0 }
		table {
			split($0, cell, "|"); n = split(cell[2], span, "`")
			for (i = 2; i <= n; i += 2) look(span[i])
		}' $scripts $told
	)
	rm -f "$words"
	if [ -n "$trouble" ]; then
		printf '%s\n' "$trouble"
		return 1
	fi
	echo "codes: all are in the table"
}

planted=0
plant() { # NAME FILE TEXT WHAT: TEXT at the end of FILE must be refused as WHAT
	planted=$((planted + 1))
	dir=$(mktemp -d)
	for file in gateway/base/codes.def $scripts $told; do
		mkdir -p "$dir/$(dirname "$file")"
		cp "$here/$file" "$dir/$file"
	done
	mkdir -p "$dir/gateway/handoff" "$dir/gateway/http"
	if [ "$4" ]; then printf '%s\n' "$3" >>"$dir/$2"; fi
	if (check "$dir") >"$dir/out" 2>&1; then
		[ -z "$4" ] || { echo "FAIL: not caught: $1"; rm -rf "$dir"; exit 1; }
	elif [ -z "$4" ] || ! grep -F "$2" "$dir/out" | grep -qF "$4"; then
		echo "FAIL: told otherwise: $1"; cat "$dir/out"
		rm -rf "$dir"; exit 1
	fi
	rm -rf "$dir"
}

if [ $# -gt 0 ]; then
	check "$1"
	exit
fi
(check "$here")
plant "a good tree" README.md '' ''
plant "a code in JSON" gateway/handoff/b.c 'STR("{\"code\":\"a_new_one\"}")' \
	'a code past the table'
plant "a code that a step sets" gateway/handoff/b.c '	ex->code = "a_new_one";' \
	'answer_code() sets it'
plant "a code that the SDK acts on" sdk/browser/usher.js \
	"if (body.code === 'a_new_one')" 'there is no code a_new_one'
plant "a code that the desk acts on" gateway/desk/assets/desk.js \
	"if (error.code !== 'a_new_one')" 'there is no code a_new_one'
plant "a code that a partner is told" sdk/browser/README.md \
	"$(printf '| code | |\n| --- | --- |\n| `desk_off`, `a_new_one` | x |')" \
	'there is no code a_new_one'
echo "codes: all $((planted - 1)) planted faults caught"
