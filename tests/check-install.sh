#!/bin/sh
# check-install: is everything where the documents say, and does the SDK's
# manual hold for somebody who has nothing but what was installed?
#
# Installs the build tree (USHER_BUILD) below a directory of its own, looks for
# every file that a document names, follows sdk/README.md from `usherctl adapter
# new` to `make install`, and lets the installed daemon load what came of it.
set -eu

[ -n "${USHER_BUILD:-}" ] || { echo "USHER_BUILD names no build tree"; exit 1; }
command -v pkg-config >/dev/null 2>&1 || { echo "pkg-config is not installed"; exit 77; }
make=${MAKE:-make}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

"$make" -s -C "$USHER_BUILD" install DESTDIR="$dir" >"$dir/log" 2>&1 ||
	{ cat "$dir/log"; exit 1; }

# Where `configure` was told to put things, as the SDK's file says it; moved
# below our directory, it is as if that had been the prefix.
pc=$(find "$dir" -name usher-sdk.pc)
[ -n "$pc" ] || { echo "usher-sdk.pc is not installed"; exit 1; }
prefix=$(sed -n 's/^prefix=//p' "$pc")
sed -i "s|=$prefix|=$dir$prefix|" "$pc"
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH
root=$dir$prefix
libdir=$(pkg-config --variable=libdir usher-sdk)
datadir=$(pkg-config --variable=datadir usher-sdk)
adapters=$(pkg-config --variable=adapterdir usher-sdk)

for file in "$root/sbin/usherd" "$root/bin/usherctl" \
	"$root/libexec/usher/usher-adapter-host" \
	"$adapters/allowlist.so" "$adapters/fieldmap.so" \
	"$adapters/plan-router.so" "$adapters/zendesk.so" \
	"$root/include/usher/adapter.h" "$root/include/usher/sdk.h" \
	"$libdir/libusher-sdk.a" "$datadir/usher/usher-adapter.mk" \
	"$datadir/usher/template/Makefile" "$datadir/usher/template/acme.c" \
	"$datadir/usher/template/acme.fixture" \
	"$datadir/usher/template/README.md" \
	"$datadir/usher/template/gitignore" \
	"$datadir/usher/browser/usher.js" "$datadir/usher/browser/usher.d.ts" \
	"$datadir/usher/browser/README.md" \
	"$datadir/man/man8/usherd.8" "$datadir/man/man1/usherctl.1" \
	"$datadir/man/man5/usher.conf.5" "$datadir/man/man7/usher-reference.7" \
	"$datadir/doc/usher/README.md" \
	"$datadir/doc/usher/conf.d/gateway.conf" \
	"$datadir/doc/usher/conf.d/yourcompany.conf" \
	"$datadir/doc/usher/conf.d/acme.conf"; do
	[ -s "$file" ] || { echo "not installed: ${file#"$dir"}"; exit 1; }
done
# The daemon looks for adapters where they went.
grep -qa "${adapters#"$dir"}" "$root/sbin/usherd" ||
	{ echo "usherd does not look for adapters in ${adapters#"$dir"}"; exit 1; }
echo "install: everything is where the documents say"

if ${NM:-nm} "$libdir/libusher-sdk.a" 2>/dev/null |
	grep -qE ' U __(asan|ubsan|tsan|gcov|llvm|sanitizer)'; then
	echo "install: an instrumented SDK builds no adapters: the rest is for a plain build"
	exit 77
fi

# sdk/README.md, from nothing to a running adapter. None of this tree's
# settings, nor of the make that runs us, reach its Makefile.
PATH=$root/bin:$root/sbin:$PATH
export PATH
unset MAKEFLAGS MFLAGS MAKELEVEL CFLAGS LDFLAGS CPPFLAGS LIBS 2>/dev/null || true
# ... and the host is where we put it rather than where it would be.
USHER_ADAPTER_HOST=$root/libexec/usher/usher-adapter-host
export USHER_ADAPTER_HOST
cd "$dir"
# All its commands, in their order, as somebody would type them.
awk '$0 == "```sh" { on = 1; n++; next } $0 == "```" { on = 0 }
	on { print } END { exit n < 3 }' \
	"$datadir/doc/usher/README.md" >commands ||
	{ echo "the manual lost its commands"; exit 1; }
printf 'int x;\n' >asan.c
gcc -fsanitize=address,undefined -shared -fPIC -o asan.so asan.c 2>/dev/null ||
	{ echo "install: gcc has no sanitizers here: the manual's lines about them are left out"
	  sed -i '/^make CC=gcc/,/acme.fixture$/d' commands; }
make() { command "$make" "$@"; }
set +e
(set -e; . ./commands) >"$dir/log" 2>&1
status=$?
set -e
[ $status = 0 ] || { cat "$dir/log"; exit 1; }
[ "$(grep -c 'acme.so: fit' "$dir/log")" -ge 1 ] || { cat "$dir/log"; exit 1; }
grep -q '8 of 8 expectations hold' "$dir/log"
grep -q 'set attribute plan = pro' "$dir/log"
if [ -s asan.so ]; then
	grep -q 'nothing around it' "$dir/log"
fi
cd acme
[ -s "$adapters/acme.so" ] || { echo "acme.so went elsewhere"; exit 1; }
echo "install: an adapter from the template builds, holds and installs"

mkdir "$dir/conf.d" "$dir/conf.d/secrets"
(umask 077; echo 'a secret of the desk' >"$dir/conf.d/secrets/desk")
cat >"$dir/conf.d/gateway.conf" <<'END'
gateway = {
	public_url = "https://tickets.example.com";
	listen = ( { url = "http://127.0.0.1:8080"; } );
};
END
cat >"$dir/conf.d/acme.conf" <<'END'
tenant = {
	slug = "acme";
	identity = "unsigned";
	adapter = {
		module = "acme.so";
		isolation = "none";
		secrets = ( { name = "desk"; file = "secrets/desk"; } );
		config = { pro_page = "https://desk.example/pro"; };
	};
};
END
usherd --config "$dir/conf.d" --plugins "$adapters" --check >"$dir/log" 2>&1 ||
	{ cat "$dir/log"; exit 1; }
# ... and the check can fail: a fixture that asks for something else, an
# adapter that is not there.
sed -i 's/^expect attribute plan = pro/expect attribute plan = free/' acme.fixture
if "$make" -s check >"$dir/log" 2>&1; then
	echo "a fixture that does not hold was not found"
	exit 1
fi
rm "$adapters/acme.so"
if usherd --config "$dir/conf.d" --plugins "$adapters" --check >"$dir/log" 2>&1; then
	echo "an adapter that is not there was not found"
	exit 1
fi
grep -q 'acme\.so' "$dir/log"
echo "install: the installed daemon loads it"
