#!/bin/sh
# check-sdk: is the SDK what its manual says?
#
# Each public header compiles alone, as C99 and as C++11, with every warning an
# error; the helper library is C99; and the template builds with its own
# Makefile into a file that exports one symbol, needs only libc, and is fit; so
# is every adapter in the manual, whose tables are those of the header.  (Its
# commands are run by check-install.sh.)
#
#   CC=... CXX=... tests/check-sdk.sh
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
sdk=$here/sdk
CC=${CC:-cc}
CXX=${CXX:-c++}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
warnings="-pedantic -Wall -Wextra -Wshadow -Werror"
c="$CC -std=c99 $warnings -I$sdk/include"

for header in adapter sdk; do
	printf '#include <usher/%s.h>\nint usher_unused;\n' $header >"$dir/h.c"
	$c -c -o "$dir/h.o" "$dir/h.c"
done
cat >"$dir/use.c" <<'END'
#include <usher/adapter.h>
static int map(void *state, struct usher_call *call)
{
	(void)state;
	return USHER_HAS(call->host, emit) ? USHER_OK : USHER_FAIL;
}
USHER_ADAPTER_DEFINE(.name = "use", .version = "1", .map_fields = map)
END
$c -c -o "$dir/use.o" "$dir/use.c"
echo "sdk: headers are C99"

if command -v "${CXX%% *}" >/dev/null 2>&1; then
	cat >"$dir/use.cc" <<'END'
#include <usher/adapter.h>
#include <usher/sdk.h>
static int map(void *, struct usher_call *call)
{
	return USHER_HAS(call->host, emit) ? USHER_OK : USHER_FAIL;
}
USHER_ADAPTER_DEFINE("use", "1", nullptr, nullptr, map, nullptr, nullptr,
		     nullptr)
END
	$CXX -std=c++11 $warnings -I"$sdk/include" -c -o "$dir/usecc.o" \
		"$dir/use.cc"
	echo "sdk: headers are C++11"
else
	echo "sdk: no C++ compiler ($CXX): the C++ half was not checked"
fi

for source in "$sdk"/src/*.c; do
	object=$dir/$(basename "$source" .c).o
	$c -fPIC -fvisibility=hidden -c -o "$object" "$source"
	${AR:-ar} rcs "$dir/libusher-sdk.a" "$object"
done
echo "sdk: the helper library is C99"

# The include line asks pkg-config for an installed SDK: answer in its place.
cat >"$dir/pkg-config" <<END
#!/bin/sh
case "\$*" in
*variable=makefile*) echo "$sdk/usher-adapter.mk" ;;
*variable=adapterdir*) echo "$dir/adapters" ;;
*cflags*) echo "-I$sdk/include" ;;
*libs*) echo "-L$dir -lusher-sdk" ;;
esac
END
chmod +x "$dir/pkg-config"
mkdir "$dir/acme"
cp "$sdk"/template/* "$dir/acme/"
PATH=$dir:$PATH
export PATH
lines=$(grep -c . "$dir/acme/Makefile")
[ "$lines" = 3 ] || { echo "the template's Makefile has $lines lines"; exit 1; }
[ -n "${USHER_BUILD:-}" ] || { echo "USHER_BUILD names no build tree"; exit 1; }
USHERCTL=$USHER_BUILD/gateway/usherctl
export USHERCTL
# Who has no SDK where pkg-config looks is told so.
mkdir "$dir/none"
printf '#!/bin/sh\nexit 1\n' >"$dir/none/pkg-config"
chmod +x "$dir/none/pkg-config"
if PATH=$dir/none:$PATH ${MAKE:-make} -s -C "$dir/acme" >"$dir/said" 2>&1; then
	echo "an adapter was built without an SDK"; exit 1
fi
grep -q 'set PKG_CONFIG_PATH' "$dir/said" || { cat "$dir/said"; exit 1; }
mv "$dir/acme/gitignore" "$dir/acme/.gitignore"
${MAKE:-make} -s -C "$dir/acme" CC="$CC" check install >"$dir/said" 2>&1 || { cat "$dir/said"; exit 1; }
grep -q 'acme\.so: fit' "$dir/said"
[ -f "$dir/adapters/acme.so" ]
needed=$(${READELF:-readelf} -d "$dir/acme/acme.so" |
	sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p' | grep -v '^libc\.' || true)
[ -z "$needed" ] || { echo "the template needs more than libc: $needed"; exit 1; }
# The manual's own fixture, and its adapters.
blocks() { # KIND: each block of that kind of the manual, as $dir/KIND-N
	awk -v kind="$1" -v to="$dir/$1-" '
		$0 == "```" kind { n++; on = 1; next }
		$0 == "```" { on = 0 }
		on { print >(to n) }' "$sdk/README.md"
}
blocks fixture
[ -s "$dir/fixture-1" ] || { echo "the manual has no fixture"; exit 1; }
for fixture in "$dir"/fixture-*; do
	"$USHERCTL" adapter check "$dir/acme/acme.so" "$fixture" >"$dir/said" ||
		{ cat "$dir/said"; exit 1; }
	grep -q ' expectations hold' "$dir/said"
done
blocks c
[ "$(ls "$dir" | grep -c '^c-[0-9]*$')" -ge 3 ] || { echo "the manual lost its adapters"; exit 1; }
for block in "$dir"/c-*; do
	cp "$block" "$block.c"
	$c -fPIC -fvisibility=hidden -c -o "$block.o" "$block.c"
	$CC -shared -Wl,-z,defs -o "$block.so" "$block.o" "$dir/libusher-sdk.a"
	chmod go-w "$block.so"
	"$USHERCTL" adapter check "$block.so" >"$dir/said" || { cat "$block" "$dir/said"; exit 1; }
done
echo "sdk: the manual's $(ls "$dir"/c-*.so | grep -c .) adapters are C99 and fit, and its fixture holds"

# What it says of functions, errors and limits is what the header says.
sed -n 's/^| `\([a-z_0-9]*\)(call.*/\1/p' "$sdk/README.md" | sort >"$dir/told"
sed -n '/^struct usher_host {/,/^};/s/.*(\*\([a-z_0-9]*\))(.*/\1/p' "$sdk/include/usher/adapter.h" |
	sort | diff - "$dir/told" || { echo "the manual's functions are not the header's"; exit 1; }
sed -n 's/^| `\(USHER_[A-Z_]*\(_MAX\|_LEN\)\)` | \([0-9]*\) |.*/\1 \3/p' "$sdk/README.md" | sort >"$dir/told"
sed -n 's/^#define \(USHER_[A-Z_]*\(_MAX\|_LEN\)\) \([0-9]*\).*/\1 \3/p' "$sdk/include/usher/adapter.h" |
	sort | diff - "$dir/told" || { echo "the manual's limits are not the header's"; exit 1; }
sed -n 's/^| `\(USHER_E_[A-Z]*\)` |.*/\1/p' "$sdk/README.md" | sort >"$dir/told"
sed -n 's/^	\(USHER_E_[A-Z]*\) = .*/\1/p' "$sdk/include/usher/adapter.h" |
	sort | diff - "$dir/told" || { echo "the manual's errors are not the header's"; exit 1; }
[ -s "$dir/told" ]
echo "sdk: the manual's tables are the header's"

# ... and the check can fail: one more exported function is found.
cat >>"$dir/acme/acme.c" <<'END'
__attribute__((visibility("default"))) int acme_leak(void);
int acme_leak(void)
{
	return 0;
}
END
if ${MAKE:-make} -s -C "$dir/acme" CC="$CC" FIXTURES= check >"$dir/said" 2>&1; then
	echo "a second exported symbol was not found"
	exit 1
fi
grep -q acme_leak "$dir/said"
echo "sdk: the template builds, exports one symbol, needs only libc and is fit"
