#!/bin/sh
# autogen: from a checkout to a configure script, a running demo, or all tests.
#
#   ./autogen.sh          make ./configure, as every autogen.sh does
#   ./autogen.sh run      install what is missing, build, start the demo
#   ./autogen.sh check    install what is missing, build, run all tests
#   ./autogen.sh help     this text, with the options
set -eu

top=$(cd "$(dirname "$0")" && pwd)
build=${BUILD_DIR:-$top/build}
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)}

usage() {
	sed -n '2,7s/^# \{0,1\}//p' "$0"
	cat <<EOT

run takes
  --https       open the demo over https with a development CA (see what it
                prints on how to trust it); the default is plain http on
                loopback, which needs no trust
  --port N      first of the ports to use: N, N+1, N+2 and N+10 (default: 8080
                for http, 8443 for https)

Set BUILD_DIR to build elsewhere than in ./build, JOBS for make -j.
EOT
}

say() { printf '\033[1m==>\033[0m %s\n' "$*"; }
die() { printf 'autogen.sh: %s\n' "$*" >&2; exit 1; }

# ---- what a machine needs -------------------------------------------------------

# command:package; a command that is there, from wherever, will do.  Of modules
# pkg-config knows, or, where the name is a header's, the compiler.
build_commands="autoreconf:autoconf automake:automake libtoolize:libtool
	pkg-config:pkg-config cc:gcc make:make openssl:openssl curl:curl"
build_modules="libmicrohttpd:libmicrohttpd-dev gnutls:libgnutls28-dev
	libcrypto:libssl-dev libconfig:libconfig-dev sqlite3:libsqlite3-dev
	jansson:libjansson-dev libseccomp:libseccomp-dev libidn2:libidn2-dev
	libpsl:libpsl-dev libcurl:libcurl4-openssl-dev unicase.h:libunistring-dev"
check_commands="node:nodejs npm:npm nginx:nginx-light chromium:chromium
	firefox-esr:firefox-esr WebKitWebDriver:webkit2gtk-driver
	Xvfb:xvfb sqlite3:sqlite3"
check_modules="check:check"

missing() { # COMMANDS MODULES: the packages that are not there yet
	for pair in $1; do
		PATH=$PATH:/usr/sbin command -v "${pair%%:*}" >/dev/null 2>&1 ||
			echo "${pair#*:}"
	done
	for pair in $2; do
		case ${pair%%:*} in
		*.h) echo "#include <${pair%%:*}>" | cc -E -x c - >/dev/null 2>&1 ;;
		*) pkg-config --exists "${pair%%:*}" 2>/dev/null ;;
		esac || echo "${pair#*:}"
	done
}

install_missing() { # COMMANDS MODULES
	want=$(missing "$1" "$2" | sort -u | tr '\n' ' ')
	[ -n "$want" ] || return 0
	command -v apt-get >/dev/null 2>&1 ||
		die "this machine has no apt-get; please install what Debian calls: $want"
	as_root=
	if [ "$(id -u)" != 0 ]; then
		command -v sudo >/dev/null 2>&1 ||
			die "please install as root: apt-get install $want"
		as_root=sudo
	fi
	say "installing $want"
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq ||
		die "apt-get update failed (see above)"
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
		--no-install-recommends $want >/dev/null ||
		die "apt-get could not install: $want"
	still=$(missing "$1" "$2" | sort -u | tr '\n' ' ')
	[ -z "$still" ] || die "installed, but still not found: $still"
}

generate() {
	cd "$top"
	mkdir -p m4 build-aux
	autoreconf --force --install
}

# configure only when something that it depends on is newer
configured() { # DIR [OPTION...]
	dir=$1; shift
	[ -x "$top/configure" ] && [ "$top/configure" -nt "$top/configure.ac" ] || {
		say "making ./configure"
		(generate) >"$dir.autoreconf.log" 2>&1 || {
			cat "$dir.autoreconf.log" >&2; die "autoreconf failed"; }
	}
	mkdir -p "$dir"
	if [ ! -f "$dir/config.status" ] || [ "$top/configure" -nt "$dir/config.status" ]; then
		say "configuring ${dir#"$top"/}"
		(cd "$dir" && "$top/configure" --quiet "$@") ||
			die "configure failed; see $dir/config.log"
	fi
}

compile() { # DIR [OPTION...]
	configured "$@"
	say "building ${1#"$top"/}"
	make -C "$1" -s -j"$jobs" || die "the build failed"
}

# ---- run ------------------------------------------------------------------------------

make_certificates() { # DIR
	[ -s "$1/cert.pem" ] && openssl x509 -in "$1/cert.pem" -noout -checkend 86400 >/dev/null 2>&1 && return 0
	say "making a development CA and certificate"
	mkdir -p "$1"
	(
		cd "$1"
		umask 077
		openssl ecparam -name prime256v1 -genkey -noout -out ca.key
		openssl req -x509 -new -key ca.key -days 3650 -out ca.pem \
			-subj "/CN=usher development CA" \
			-addext "basicConstraints=critical,CA:TRUE" \
			-addext "keyUsage=critical,keyCertSign,cRLSign"
		openssl ecparam -name prime256v1 -genkey -noout -out key.pem
		openssl req -new -key key.pem -out cert.csr -subj "/CN=tickets.localhost"
		cat >cert.ext <<-EOT
			subjectAltName=DNS:localhost,DNS:*.localhost,DNS:tickets.localhost,DNS:yourcompany.localhost,DNS:acme.localhost,DNS:*.yourcompany.localhost
			basicConstraints=critical,CA:FALSE
			keyUsage=critical,digitalSignature
			extendedKeyUsage=serverAuth
		EOT
		openssl x509 -req -in cert.csr -CA ca.pem -CAkey ca.key -CAcreateserial \
			-days 825 -extfile cert.ext -out cert.pem
	) >"$1/openssl.log" 2>&1 || { cat "$1/openssl.log" >&2; die "openssl could not make the certificate"; }
}

run() {
	scheme=http http=8080 https=8443
	while [ $# -gt 0 ]; do
		case $1 in
		--https) scheme=https ;;
		--port) [ $# -gt 1 ] || die "--port needs a number"
			http=$2 https=$(($2 + 10)); shift ;;
		*) die "run does not know '$1'; see ./autogen.sh help" ;;
		esac
		shift
	done
	install_missing "$build_commands" "$build_modules"
	compile "$build"
	r=$build/run
	rm -rf "$r/conf.d" && mkdir -p "$r/conf.d" "$r/state" "$r/plugins"
	make_certificates "$r/tls"
	for so in "$build"/plugins/*/.libs/*.so; do
		install -m 755 "$so" "$r/plugins/"
	done

	# The examples as they stand, with loopback listeners and, without
	# --https, plain http: no certificate has to be trusted for a first look.
	partner=$((https + 1)) port=$https
	[ $scheme = https ] || { partner=$((http + 1)); port=$http; }
	for f in "$top"/conf.d/*.conf; do
		sed -e "s|https://yourcompany\.localhost:8443|$scheme://yourcompany.localhost:$partner|g" \
		    -e "s|https://acme\.localhost:8443|$scheme://acme.localhost:$partner|g" \
		    -e "s|https://\([a-z.]*\)localhost:8443|$scheme://\1localhost:$port|g" \
		    -e "s|^\([[:space:]]*\)development = .*|\1development = true;|" \
		    -e "s|\"tls/|\"$r/tls/|g" \
		    -e "s|http://127\.0\.0\.1:9464|http://127.0.0.1:$((partner + 1))|" \
		    -e "s|\"https://\[::\]:8443\"|\"https://127.0.0.1:$https\"|" \
		    -e "s|^\([[:space:]]*\)state = .*|\1state = \"$r/state\";|" \
		    -e "s|^\([[:space:]]*\)# plugins = .*|\1plugins = \"$r/plugins\";|" \
		    "$f" >"$r/conf.d/${f##*/}"
	done
	# The partner of yourcompany has a server that signs who its users are.
	mkdir -p "$r/secrets"
	[ -s "$r/secrets/yourcompany" ] ||
		(umask 077; openssl rand -base64 32 >"$r/secrets/yourcompany")
	sed -i -e "s|^\([[:space:]]*\)identity = .*|\1identity = \"signed\";\n\1keys = ( { kid = \"demo\"; algorithm = \"HS256\"; secret_file = \"$r/secrets/yourcompany\"; } );|" \
		"$r/conf.d/yourcompany.conf"
	sed -i -e "s|^\([[:space:]]*\)listen = (|\1listen = ( { url = \"http://127.0.0.1:$http\"; },|" \
		"$r/conf.d/gateway.conf"
	sed -e "s|@GATEWAY@|$scheme://tickets.localhost:$port|g" \
	    -e "s|@TICKET@|$scheme://ticket.yourcompany.localhost:$port|g" \
	    -e "s|@SIGNS@|yourcompany|g" \
		"$top/tests/demo/partner.html" >"$r/partner.html"

	usherd=$build/gateway/usherd
	"$usherd" --config "$r/conf.d" --check >"$r/check.log" 2>&1 || {
		cat "$r/check.log" >&2; die "the demo configuration does not hold"; }
	gateway= page=
	trap 'stop' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	"$usherd" --config "$r/conf.d" --foreground --ready-file "$r/ready" &
	gateway=$!
	set -- --port "$partner" --file "$r/partner.html" --admin "$r/state/admin.sock" \
		--sign "$r/secrets/yourcompany" --tenant yourcompany \
		--gateway "$scheme://tickets.localhost:$port"
	[ $scheme = http ] || set -- "$@" --cert "$r/tls/cert.pem" --key "$r/tls/key.pem"
	"$build/tests/demo/partner" "$@" >/dev/null &
	page=$!
	tries=0
	until [ -e "$r/ready" ]; do
		kill -0 "$gateway" 2>/dev/null || die "the gateway did not start (see above)"
		tries=$((tries + 1)); [ $tries -le 100 ] || die "the gateway is not ready after 10 s"
		sleep 0.1
	done
	cat <<EOT

  usher is running. Open

      $scheme://yourcompany.localhost:$partner/

  a partner's page with its user signed in, and click "Contact support":
  you stand at $scheme://ticket.yourcompany.localhost:$port, signed in.
  The page shows what happens on the way, from the gateway's own record; its
  server signs who the user is.
  Another partner, whose page is believed (identity = "unsigned"), without a
  host of its own and with another adapter:

      $scheme://acme.localhost:$partner/

  A link into the desk, from a mail say, goes to the partner and comes back,
  and signing out ends at both:

      $scheme://ticket.yourcompany.localhost:$port/tickets/new
      $scheme://ticket.yourcompany.localhost:$port/auth/logout

  gateway    $scheme://tickets.localhost:$port
  settings   $r/conf.d (edit, then: kill -HUP $gateway)
  console    $build/gateway/usherctl --config $r/conf.d status
  answer     $build/gateway/usherctl --config $r/conf.d \\
                  tickets reply yourcompany 1 --name Amir --message 'We look into it.'
  snippet    $build/gateway/usherctl --config $r/conf.d snippet yourcompany
  by hand    curl -si $scheme://tickets.localhost:$port/api/auth/redirect/acme \\
                  $([ $scheme = http ] || echo "--cacert $r/tls/ca.pem ")-d email=user@example.com -d name='John Doe'
EOT
	[ $scheme = http ] || cat <<EOT
  trust      $r/tls/ca.pem in your browser's certificate settings, or start
             Chromium with --ignore-certificate-errors for a look
EOT
	printf '\n  Ctrl-C stops it.\n\n'
	wait "$gateway" || exit $?
}

stop() {
	trap - EXIT INT TERM
	[ -z "$page" ] || kill "$page" 2>/dev/null || :
	[ -z "$gateway" ] || kill "$gateway" 2>/dev/null || :
	[ -z "$page" ] || wait "$page" 2>/dev/null || :
	[ -z "$gateway" ] || wait "$gateway" 2>/dev/null || :
	rm -f "$build/run/ready"
}

# ---- check ------------------------------------------------------------------------------

check() {
	[ $# = 0 ] || die "check takes no options"
	install_missing "$build_commands $check_commands" "$build_modules $check_modules"
	say "installing the test's JavaScript libraries"
	(cd "$top/tests" && npm ci --loglevel=error --no-audit --no-fund >/dev/null) ||
		die "npm ci failed in tests/ (see above)"
	# "run" may have configured it when the machine had no library "check" yet.
	grep -q '^S\["HAVE_CHECK_TRUE"\]=""' "$build/config.status" 2>/dev/null ||
		rm -f "$build/config.status"
	passed=0 failed=0 skipped=0 second= began=$(date +%s)
	compile "$build"
	# What is wrong at first sight ends it here.
	suite "$build" "quick checks" check-quick
	[ $failed = 0 ] || die "a quick check failed (see above)"
	# The other engines in short: "make check" runs all that they have.
	SHORT=1; export SHORT
	suite "$build" "other tests" check-rest
	unset SHORT
	# With Laravel and WordPress where they are installed.
	suite "$build" "partners' snippets in what partners build with" partners-short
	# The same of Request Tracker.
	suite "$build" "desks behind nginx" rt
	# The same code with the compiler watching each access: unit, flow and what
	# the daemon has to answer again; all of it by "make check-watched" there.
	compile "$build/sanitized" --enable-sanitizers CFLAGS="-O1 -g1"
	suite "$build/sanitized" "tests under ASan and UBSan"
	compile "$build/threads" --enable-sanitizers=thread CFLAGS="-O1 -g1"
	suite "$build/threads" "tests of what threads share under TSan" check-threads
	if command -v clang >/dev/null 2>&1; then
		compile "$build/clang" CC=clang CFLAGS=-O0
		make -C "$build/clang" -s -j"$jobs" check TESTS= >/dev/null || {
			echo "the tests do not build with clang"; failed=$((failed + 1)); }
	fi
	echo
	[ -z "$second" ] || echo "only by themselves passed:$second"
	echo "$passed passed, $failed failed, $skipped skipped"
	[ $failed = 0 ] && [ $passed -gt 0 ]
}

suite() { # DIR NAME [TARGET]: make check, its totals added up
	say "running the $2"
	rm -f "$1/tests/test-suite.log"
	# One more at a time than there are processors: suites wait as well as compute.
	make -C "$1${3:+/tests}" -s -j"$((jobs + 1))" "${3:-check}" VERBOSE=1 || :
	add_up "$1"
	by_itself "$1"
	say "so far: $passed passed, $failed failed, $skipped skipped, in $((($(date +%s) - began) / 60)) min"
}

# What failed beside others is run once more, by itself: a fault of the code
# fails again, one of the test (that it needs a quiet machine) does not, and is
# told at the end.  A report of a sanitizer, a crash, or many at a time are no
# such thing.
by_itself() { # DIR
	names=$(sed -n 's/^FAIL \(.*\) (exit status: .*)$/\1/p' "$1/tests/test-suite.log")
	n=$(echo $names | wc -w)
	[ "$n" -ge 1 ] && [ "$n" -le 3 ] || return 0
	grep -Eq 'Sanitizer|runtime error:|killed by signal|Early exit' \
		"$1/tests/test-suite.log" && return 0
	say "once more, by itself:" $names
	failed=$((failed - n))
	others=$failed
	make -C "$1/tests" -s check TESTS="$(echo $names)" check_PROGRAMS= VERBOSE=1 || :
	add_up "$1"
	[ "$failed" != "$others" ] || second="$second $(echo $names)"
}

add_up() { # DIR: the totals of its last make check
	log=$1/tests/test-suite.log
	[ -s "$log" ] || {
		echo "no test was run in $1" >&2; failed=$((failed + 1)); return 0; }
	count() { sed -n "s/^# \($1\): *//p" "$2" | awk '{ s += $1 } END { print s + 0 }'; }
	passed=$((passed + $(count PASS "$log")))
	skipped=$((skipped + $(count SKIP "$log")))
	failed=$((failed + $(count 'FAIL\|ERROR\|XPASS' "$log")))
}

case ${1:-} in
'') generate && echo "Now: ./configure && make && make check && make install" ;;
run) shift; run "$@" ;;
check) shift; check "$@" ;;
help | --help | -h) usage ;;
*) usage >&2; exit 2 ;;
esac
