#include "base/buf.h"

void buf_init(struct buf *buf, size_t max)
{
	*buf = (struct buf){ .max = max };
}

void buf_init_pool(struct buf *buf, struct pool *pool, size_t max)
{
	*buf = (struct buf){ .max = max, .pool = pool };
}

void buf_init_fixed(struct buf *buf, char *array, size_t size)
{
	*buf = (struct buf){ .ptr = array, .cap = size, .fixed = true,
			     .max = size ? size - 1 : 0,
			     .failed = size == 0 };
	if (size)
		array[0] = '\0';
}

void buf_done(struct buf *buf)
{
	if (buf->ptr)
		explicit_bzero(buf->ptr, buf->len);
	if (!buf->pool && !buf->fixed)
		free(buf->ptr);
	*buf = (struct buf){ .failed = true };
}

void buf_clear(struct buf *buf)
{
	buf->len = 0;
	buf->failed = false;
	if (buf->ptr)
		buf->ptr[0] = '\0';
}

/* A larger array with the same content; the old one is wiped. */
static char *regrow(struct buf *buf, size_t cap)
{
	char *p = buf->pool ? pool_alloc(buf->pool, cap) : malloc(cap);

	if (!p)
		return NULL;
	if (buf->ptr) {
		memcpy(p, buf->ptr, buf->len);
		explicit_bzero(buf->ptr, buf->len);
		if (!buf->pool)
			free(buf->ptr);
	}
	p[buf->len] = '\0';
	return p;
}

bool buf_reserve(struct buf *buf, size_t extra)
{
	size_t need, cap;
	char *p;

	if (buf->failed)
		return false;
	if (extra > buf->max || buf->len > buf->max - extra)
		goto fail;
	need = buf->len + extra + 1;
	if (need <= buf->cap)
		return true;
	cap = buf->cap ? buf->cap : 128;
	while (cap < need)
		cap *= 2;
	if (cap > buf->max + 1)
		cap = buf->max + 1;
	p = regrow(buf, cap);
	if (!p)
		goto fail;
	buf->ptr = p;
	buf->cap = cap;
	return true;
fail:
	buf->failed = true;
	return false;
}

void buf_vprintf(struct buf *buf, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0) {
		buf->failed = true;
		return;
	}
	if (!buf_reserve(buf, (size_t)n))
		return;
	vsnprintf(buf->ptr + buf->len, (size_t)n + 1, fmt, ap);
	buf->len += (size_t)n;
}

void buf_printf(struct buf *buf, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(buf, fmt, ap);
	va_end(ap);
}

bool buf_is_ok(const struct buf *buf)
{
	return !buf->failed;
}

struct str buf_str(const struct buf *buf)
{
	return buf->ptr ? (struct str){ buf->ptr, buf->len } : STR("");
}
