#include "base/buf.h"
#include "codec/media.h"
#include "fuzz/fuzz.h"

static void add_param(struct buf *b, const char *name, struct str value)
{
	if (str_is_null(value))
		return;
	buf_printf(b, "; %s=\"", name);
	for (size_t i = 0; i < value.len; i++) {
		buf_addc(b, '\\');
		buf_addc(b, value.ptr[i]);
	}
	buf_addc(b, '"');
}

static void check_same(struct str a, struct str b)
{
	fuzz_assert(str_is_null(a) == str_is_null(b) && str_eq(a, b));
}

/* What was read, written with every byte escaped, reads as the same again. */
static void check_round_trip(struct pool *pool, const struct media *media)
{
	struct media again;
	struct buf b;

	buf_init_pool(&b, pool, 1 << 16);
	buf_adds(&b, media->type);
	buf_addc(&b, '/');
	buf_adds(&b, media->subtype);
	add_param(&b, "CharSet", media->charset);
	add_param(&b, "boundary", media->boundary);
	fuzz_assert(buf_is_ok(&b));
	if (b.len > MEDIA_MAX)
		return;
	fuzz_assert(!media_parse(pool, buf_str(&b), &again));
	check_same(media->type, again.type);
	check_same(media->subtype, again.subtype);
	check_same(media->charset, again.charset);
	check_same(media->boundary, again.boundary);
}

/* JSON at the highest weight never leaves HTML above it. */
static void check_accept(struct pool *pool, struct str in)
{
	struct buf b;

	if (!media_prefers_html(in))
		return;
	fuzz_assert(str_icontains(in, STR("text/html")));
	buf_init_pool(&b, pool, in.len + 32);
	buf_adds(&b, in);
	buf_puts(&b, ",application/json");
	fuzz_assert(buf_is_ok(&b) && !media_prefers_html(buf_str(&b)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pool *pool = pool_new(1 << 20);
	struct str in = fuzz_str(data, size);
	struct media media;
	enum err err;

	err = media_parse(pool, in, &media);
	if (!err) {
		fuzz_assert(media.type.len && media.subtype.len);
		check_round_trip(pool, &media);
	}
	fuzz_assert(err != ERR_NOMEM && err != ERR_INTERNAL);
	check_accept(pool, in);
	pool_free(pool);
	return 0;
}
