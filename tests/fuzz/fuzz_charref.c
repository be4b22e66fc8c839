#include "codec/charref.h"
#include "codec/html.h"
#include "codec/utf8.h"
#include "fuzz/fuzz.h"

static struct str decode(struct pool *pool, struct str in)
{
	struct str out = STR_NULL;

	fuzz_assert(!charref_decode(pool, in, &out));
	fuzz_assert(out.len <= in.len);
	/* Nothing is hidden: what was there to read was said to be. */
	fuzz_assert(charref_is_in(in) || (out.ptr == in.ptr &&
					  out.len == in.len));
	return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pool *pool = pool_new(16 * (size + 4096));
	struct str in = fuzz_str(data, size), out = decode(pool, in);
	struct buf escaped;

	if (!utf8_check(in, NULL))
		fuzz_assert(!utf8_check(out, NULL));
	/* No control character comes out that did not go in, but lines. */
	if (!utf8_check_lines(in, NULL))
		fuzz_assert(!utf8_check_lines(out, NULL));
	/* What was escaped once reads as it was, whatever it holds. */
	buf_init_pool(&escaped, pool, 6 * size + 16);
	html_add(&escaped, in);
	fuzz_assert(buf_is_ok(&escaped));
	fuzz_assert(str_eq(decode(pool, buf_str(&escaped)), in));
	pool_free(pool);
	return 0;
}
