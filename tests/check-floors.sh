#!/bin/sh
# check-floors: does the code still stand as it was planned?
#
# The gateway is a house of floors. A room (a folder under gateway/) may include
# what is below it and nothing else; each library has one room that may use it.
# Fails, naming file and line, on the first kinds of trouble it finds.
#
#   tests/check-floors.sh         check this tree; then plant each kind of trouble
#                                 in a small one, and see it caught
#   tests/check-floors.sh TREE    check another tree
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)

check() {
	tree=$1
	cd "$tree"
	trouble=$(find gateway plugins sdk \( -name '*.c' -o -name '*.h' \) \
		! -path '*/build*' ! -path '*/node_modules/*' |
	LC_ALL=C sort | xargs awk '
	BEGIN {
		n = split("base:0 codec:1 store:2 crypto:2 policy:2 module:2 fetch:2 sandbox:3 adapter:4 config:5 workbench:5 deliver:6 handoff:6 desk:7 admin:7 http:8 console:8", a, " ")
		for (i = 1; i <= n; i++) { split(a[i], b, ":"); floor[b[1]] = b[2] }
		# library header (a regular expression) -> who may include it
		lib["^openssl/"] = "gateway/crypto/"
		lib["^sqlite3\\.h$"] = "gateway/store/"
		lib["^libconfig\\.h$"] = "gateway/config/"
		lib["^(microhttpd\\.h|gnutls/)"] = "gateway/http/"
		lib["^dlfcn\\.h$"] = "gateway/module/"
		lib["^(seccomp|linux/seccomp|linux/filter|linux/landlock)\\.h$"] = "gateway/sandbox/"
		# it calls the function that it stands before; it loads nothing
		also["gateway/http/tap.c"] = "dlfcn.h"
		# a filter of packets, not of calls
		also["gateway/http/listen.c"] = "linux/filter.h"
		lib["^jansson\\.h$"] = "gateway/codec/json"
		lib["^idn2\\.h$"] = "gateway/codec/"
		lib["^libpsl\\.h$"] = "gateway/config/wildcard"
		lib["^uni(case|conv|ctype|gbrk|lbrk|name|norm|stdio|str|types|wbrk|width)\\.h$|^unistring/"] = "gateway/codec/fold"
		lib["^curl/"] = "gateway/fetch/"
	}
	function say(what) { printf "%s:%d: %s\n", FILENAME, FNR, what }
	# secrets come from the kernel at each draw: see base/random.h
	function random(what) {
		if (FILENAME != "gateway/base/random.c")
			say("<" what "> belongs to gateway/base/random.c")
	}
	FNR == 1 {
		split(FILENAME, p, "/")
		room = ""; own = -1
		if (p[1] == "gateway") {
			if (p[3] == "") own = 9
			else { room = p[2]; own = (room in floor) ? floor[room] : -1
			       if (own < 0) say("the room " room " stands on no floor") }
		}
	}
	# others would take signals, or none of their own faults
	/pthread_create\([^)0-9]/ && FILENAME != "gateway/base/thread.c" {
		say("threads are started by base/thread.h")
	}
	# a main file wires; what decides has a room
	FNR == 401 && own == 9 { say("is a main file past 400 lines") }
	/^[ \t]*#[ \t]*include[ \t]*[<"]/ {
		inc = $0; sub(/^[^<"]*[<"]/, "", inc); sub(/[>"].*$/, "", inc)
		quoted = ($0 ~ /include[ \t]*"/)
		other = inc; sub(/\/.*$/, "", other)
		if (p[1] == "gateway" && quoted) {
			if (other == inc) { if (own != 9) say("\"" inc "\" names no room: write \"room/file.h\"") }
			else if (!(other in floor)) say("\"" inc "\" is not of this house")
			else if (other != room && floor[other] >= own)
				say(room " (floor " own ") includes " other " (floor " floor[other] "): includes go only downward")
		}
		if (p[1] == "gateway" && inc ~ /^usher\// &&
		    room != "module" && room != "sandbox")
			say("only gateway/module and gateway/sandbox include the SDK")
		if (p[1] != "gateway" && quoted && (other in floor))
			say(p[1] " includes the gateway (" inc ")")
		if (p[1] == "plugins" && quoted && inc ~ /\//)
			say("a plugin includes <usher/...> and nothing else of ours")
		if (inc == "sys/random.h" || inc == "openssl/rand.h")
			random(inc)
		for (l in lib) if (inc ~ l && index(FILENAME, lib[l]) != 1 &&
				   also[FILENAME] != inc)
			say("<" inc "> belongs to " lib[l])
	}
	match($0, /(^|[^A-Za-z0-9_])(RAND_[a-z_]*bytes[a-z_]*|EVP_CIPHER_CTX_rand_key|EVP_PKEY_(Q_)?keygen|EVP_PKEY_generate|EVP_(EC|RSA)_gen|gnutls_rnd|sqlite3_randomness|randomblob|getrandom|getentropy)[ \t]*\(/) &&
	FILENAME !~ /^gateway\/base\/(random\.c|banned\.h)$/ && !/^[ \t]*(\/?\*|#define)|SCMP_SYS/ {
		say("secrets are drawn with random_bytes() of base/random.h")
	}' )
	private=$(grep -rnE '#[ \t]*include "[a-z]+/[a-z_-]+-private\.h"' gateway 2>/dev/null |
		awk -F: '{ split($1, p, "/"); q = $3; sub(/^[^"]*"/, "", q); sub(/\/.*/, "", q)
			   if (p[2] != q) print $1 ":" $2 ": another room'"'"'s private header" }')
	# what has no header to be its manual says itself what it is
	headless=$(find gateway -mindepth 2 -name '*.c' ! -path '*/build*' |
		while read -r file; do
			[ -f "${file%.c}.h" ] || [ -f "${file%.c}-private.h" ] ||
				[ "$(head -c 2 "$file")" = '/*' ] ||
				echo "$file:1: has neither a header nor a sentence at its head"
		done)
	top=$(git ls-files 2>/dev/null | cut -d/ -f1 | sort -u |
		grep -vxE '\..*|gateway|plugins|sdk|conf\.d|tests|autogen\.sh|configure\.ac|Makefile\.am|README\.md|LICENSE' |
		sed 's/$/: has no place at the top level/') || true
	if [ -n "$trouble$private$headless$top" ]; then
		printf '%s\n' "$trouble" "$private" "$headless" "$top" | sed '/^$/d'
		return 1
	fi
	echo "floors: every include of $(find gateway plugins sdk -name '*.[ch]' | wc -l) files goes downward"
}

planted=0
plant() { # NAME FILE TEXT [LINE]: a copy with TEXT in FILE must be refused
	planted=$((planted + 1))
	dir=$(mktemp -d)
	mkdir -p "$dir/gateway/base" \
		"$dir/plugins/p" "$dir/sdk/src" "$dir/$(dirname "$2")"
	echo '/* x */ int x;' >"$dir/gateway/base/a.c"
	printf '%s\n' "$3" >"$dir/$2"
	if (check "$dir") >"$dir/out" 2>&1; then
		echo "FAIL: not caught: $1"; rm -rf "$dir"; return 1
	fi
	grep -q "^$2:${4:-1}: " "$dir/out" || { echo "FAIL: wrong place: $1"; cat "$dir/out"; rm -rf "$dir"; return 1; }
	rm -rf "$dir"
}

if [ $# -gt 0 ]; then
	check "$1"
	exit
fi
(check "$here")
plant "upward include" gateway/base/b.c '#include "codec/url.h"'
plant "peer include" gateway/crypto/b.c '#include "store/db.h"'
plant "library outside its room" gateway/http/b.c '#include <sqlite3.h>'
plant "case folding outside its room" gateway/policy/b.c '#include <unicase.h>'
plant "thread that takes signals" gateway/adapter/b.c "	pthread_create(&thread, NULL, run, NULL);"
plant "dlopen outside its room" gateway/adapter/b.c '#include <dlfcn.h>'
plant "public suffixes in a request" gateway/policy/b.c '#include <libpsl.h>'
plant "the workbench in the daemon" gateway/adapter/b.c '#include "workbench/elf.h"'
plant "a client outside its room" gateway/admin/b.c '#include <curl/curl.h>'
plant "loading outside its room" gateway/http/b.c '#include <dlfcn.h>'
plant "unknown room" gateway/attic/b.c 'int x;'
plant "plugin into the gateway" plugins/p/b.c '#include "base/str.h"'
plant "sdk into the gateway" sdk/src/b.c '#include "base/str.h"'
plant "SDK outside module/ and sandbox/" gateway/adapter/b.c '#include <usher/adapter.h>'
plant "private header of another room" gateway/http/b.c '#include "store/db-private.h"'
plant "the kernel's generator, elsewhere" gateway/http/b.c '#include <sys/random.h>'
plant "a library's generator" gateway/crypto/b.c 'x = RAND_bytes(iv, 12);'
plant "a database's generator" gateway/store/b.c '	"SELECT randomblob(16)"'
plant "a source that does not say what it is" gateway/base/b.c 'int x;'
plant "a main file past 400 lines" gateway/b.c "$(seq -f '/* %.0f */' 401)" 401
echo "floors: all $planted planted faults caught"
