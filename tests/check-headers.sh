#!/bin/sh
# check-headers: each header compiles alone, so that the order of includes never
# decides anything. Fails on the first that does not, or when it found none.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
count=0
for header in gateway/*/*.h sdk/include/usher/*.h; do
	${CC:-cc} -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Werror -fsyntax-only \
		-Igateway -Isdk/include -I. -x c - <<-EOT || { echo "$header does not compile alone"; exit 1; }
		#include "$header"
		#include "$header"
		extern int translation_unit;
	EOT
	count=$((count + 1))
done
[ $count -gt 50 ] || { echo "only $count headers were found"; exit 1; }
echo "headers: each of $count compiles alone, and twice"
