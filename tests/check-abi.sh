#!/bin/sh
# check-abi: does <usher/adapter.h> keep what it promised?
#
# tests/abi/vMAJOR.MINOR holds the header as each version of the adapter ABI
# froze it, and layout.h, the offsets and sizes that a compiler gave it then.
# Today's header must be, but for comments, the frozen one of its own version;
# and what every older one of its major version says must still be so: values,
# members in their places with their types, offsets, sizes.  Limits may rise.
#
#   CC=... tests/check-abi.sh           check, and see the check fail
#   CC=... tests/check-abi.sh freeze    a new version: see sdk/README.md
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
facts=$here/tests/abi/facts.awk
CC=${CC:-cc}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

version() {	# HEADER: "1.0"
	awk '$2 == "USHER_ABI_MAJOR" { major = $3 }
		$2 == "USHER_ABI_MINOR" { minor = $3 }
		END { print major "." minor }' "$1"
}

facts_of() {	# HEADER
	awk -f "$facts" "$1" || return 1
}

# The offsets and sizes of a header as assertions: a program writes them.
write_layout() {	# DIRECTORY of usher/adapter.h, FILE
	facts_of "$1/usher/adapter.h" | awk '
		BEGIN { print "#include <stdio.h>\n#include <usher/adapter.h>\n" \
			"int main(void)\n{" }
		$1 == "struct" {
			name = $0
			if (match(name, /\(\*[a-z_0-9]+\)/))
				name = substr(name, RSTART + 2, RLENGTH - 3)
			else
				sub(/.*[ *]/, "", name)
			printf "\tprintf(\"ABI_AT(%s, %s, %%zu)\\n\", " \
				"offsetof(struct %s, %s));\n", $2, name, $2, name
			if (!($2 in seen))
				order[n++] = $2
			seen[$2] = 1
		}
		END {
			for (i = 0; i < n; i++)
				printf "\tprintf(\"ABI_SIZE(%s, %%zu)\\n\", " \
					"sizeof(struct %s));\n", order[i], order[i]
			print "\treturn 0;\n}"
		}' >"$dir/layout.c"
	$CC -I"$1" -o "$dir/layout" "$dir/layout.c" && "$dir/layout" >"$2"
}

# The frozen numbers, asked of another header. Those whose sizes travel with
# them, and the call, of which more follows than is shown, may be longer.
check_layout() {	# DIRECTORY of usher/adapter.h, LAYOUT
	cat >"$dir/assert.c" <<END
#include <usher/adapter.h>
#define ABI_AT(type, member, at) _Static_assert( \\
	offsetof(struct type, member) == (at), #type "." #member " moved");
#define ABI_SIZE(type, size) _Static_assert( \\
	sizeof(struct type) >= (size), #type " is shorter");
#include "$2"
#undef ABI_AT
#undef ABI_SIZE
#define ABI_AT(type, member, at)
#define ABI_SIZE(type, size) enum { size_of_##type = (size) };
#include "$2"
_Static_assert(sizeof(struct usher_str) == size_of_usher_str, "usher_str");
_Static_assert(sizeof(struct usher_pair) == size_of_usher_pair, "usher_pair");
END
	$CC -std=gnu11 -fsyntax-only -I"$1" "$dir/assert.c" 2>"$dir/said" ||
		{ grep -o 'error: .*' "$dir/said"; return 1; }
}

# Each fact of the older header, in the newer one?  A limit may have risen.
check_facts() {	# OLDER, NEWER
	facts_of "$1" >"$dir/older" && facts_of "$2" >"$dir/newer"
	awk 'NR == FNR { is[$0] = 1; value[$2] = $3; next }
		$0 in is { next }
		$2 == "USHER_ABI_MINOR" { next }
		$1 == "value" && $2 ~ /_MAX$/ && value[$2] + 0 >= $3 + 0 { next }
		{ print "was: " $0; failed = 1 }
		END { exit failed }' "$dir/newer" "$dir/older"
}

check() {	# DIRECTORY of usher/adapter.h, DIRECTORY of frozen ones
	today=$(version "$1/usher/adapter.h")
	own=$2/v$today
	if [ ! -f "$own/usher/adapter.h" ]; then
		echo "ABI $today is not frozen: run tests/check-abi.sh freeze"
		return 1
	fi
	awk -v text=1 -f "$facts" "$1/usher/adapter.h" >"$dir/a"
	awk -v text=1 -f "$facts" "$own/usher/adapter.h" >"$dir/b"
	if ! cmp -s "$dir/a" "$dir/b"; then
		echo "usher/adapter.h is no longer what v$today froze: raise" \
			"USHER_ABI_MINOR and freeze a new version"
		return 1
	fi
	for old in "$2"/v"${today%.*}".*; do
		was=${old##*/}
		check_facts "$old/usher/adapter.h" "$1/usher/adapter.h" || {
			echo "adapters built with $was would break"; return 1; }
		check_layout "$1" "$old/layout.h" || {
			echo "adapters built with $was would break"; return 1; }
	done
}

freeze() {	# DIRECTORY of usher/adapter.h, DIRECTORY of frozen ones
	to=$2/v$(version "$1/usher/adapter.h")
	if [ -e "$to" ]; then
		echo "$to is there: raise USHER_ABI_MINOR (a version that was" \
			"never released may be removed first)"
		return 1
	fi
	mkdir -p "$to/usher"
	cp "$1/usher/adapter.h" "$to/usher/adapter.h"
	write_layout "$1" "$to/layout.h"
	echo "froze $to; add it to git, and tests/adapters/abi-${to##*/}.c"
}

if [ "${1:-}" = freeze ]; then
	freeze "$here/sdk/include" "$here/tests/abi"
	exit
fi
if ! printf '#if __SIZEOF_POINTER__ != 8\n#error\n#endif\n' |
	$CC -fsyntax-only -xc - 2>"$dir/said"; then
	echo "abi: the layouts are those of 64-bit machines"
	exit 77
fi
check "$here/sdk/include" "$here/tests/abi"
for old in "$here"/tests/abi/v*; do
	check_layout "$old" "$old/layout.h"
	[ -f "$here/tests/adapters/abi-${old##*/}.c" ] ||
		{ echo "no adapter is built with ${old##*/}"; exit 1; }
done
echo "abi: $(version "$here/sdk/include/usher/adapter.h") keeps what was promised"

# ... and the check can fail. Each change is made to a copy.
begin() {
	rm -rf "$dir/sdk" "$dir/abi"
	mkdir -p "$dir/sdk/usher"
	cp -r "$here/tests/abi" "$dir/abi"
	cp "$here/sdk/include/usher/adapter.h" "$dir/sdk/usher/"
}
change() {	# SED EXPRESSION
	sed "$1" "$dir/sdk/usher/adapter.h" >"$dir/changed"
	if cmp -s "$dir/changed" "$dir/sdk/usher/adapter.h"; then
		echo "'$1' changed nothing"
		exit 1
	fi
	mv "$dir/changed" "$dir/sdk/usher/adapter.h"
}
raise() {
	change 's/\(USHER_ABI_MINOR\) [0-9]*/\1 999/'
}
must_pass() {	# WHAT
	check "$dir/sdk" "$dir/abi" >"$dir/out" 2>&1 ||
		{ echo "$1 is refused:"; cat "$dir/out"; exit 1; }
}
must_fail() {	# WHAT, what it says
	if check "$dir/sdk" "$dir/abi" >"$dir/out" 2>&1; then
		echo "$1 is not found"
		exit 1
	fi
	grep -q "$2" "$dir/out" ||
		{ echo "$1 does not say '$2' but:"; cat "$dir/out"; exit 1; }
}
append="/int (\\*deliver)(void/s/\$/\\
	int (*later)(void *state, struct usher_call *call);/"

begin && change 's/Who may enter/who may enter/; s/^ \* C99, and/ * C99 and/'
must_pass "a comment"
begin && change "$append"
must_fail "a new hook in the same version" "no longer what v"
begin && change "$append" && raise
must_fail "a new version that is not frozen" "not frozen"
freeze "$dir/sdk" "$dir/abi" >"$dir/out"
must_pass "a new version with a hook more"
change 's/(\*later)/(*latest)/'
must_fail "a change to the new version" "no longer what v"
begin && raise && change 's/\(USHER_VALUE_MAX\) 8192/\1 16384/'
freeze "$dir/sdk" "$dir/abi" >"$dir/out"
must_pass "a limit that rose"

# What no new version makes good.
n=0
for fault in 's/\(USHER_VALUE_MAX\) 8192/\1 4096/' \
	's/\(USHER_MAC_LEN\) 32/\1 64/' 's/0x31485355u/0x31485356u/' \
	's/USHER_DENY = 2/USHER_DENY = 3/' 's/USHER_CLAIM = 3/USHER_CLAIM = 4/' \
	's/const char \*ptr;/char *ptr;/' 's/size_t len;/uint32_t len;/' \
	's/uint16_t abi_major, abi_minor;/uint32_t abi_major, abi_minor;/' \
	's/void (\*fini)(void \*state);/void (*fini)(void *state, int why);/' \
	's/int64_t (\*now)/int (*now)/' \
	's/int (\*sync_user)/int (*before)(void *state); &/' \
	's/const char \*name;/const char *more, *name;/' \
	's/struct usher_str name, value;/struct usher_str value, name;/' \
	's/\(struct usher_str name, value\);/\1, more;/' \
	's/int (\*deliver)(void \*state, struct usher_call \*call);//' \
	's/USHER_ADVISORY 0x1u/USHER_ADVISORY 0x2u/' \
	's/"usher_adapter_entry"/"usher_entry"/'; do
	begin && change "$fault" && raise
	freeze "$dir/sdk" "$dir/abi" >"$dir/out" 2>&1
	must_fail "$fault" "built with v1.0 would break"
	n=$((n + 1))
done
echo "abi: the check finds $n faults planted"
