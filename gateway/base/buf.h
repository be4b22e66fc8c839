/*
 * buf: text or bytes that grow up to a named maximum.
 *
 * Failure is sticky: after one append did not fit, all later ones do nothing
 * and buf_is_ok() says false.  So a writer appends freely and asks once.
 * The content is always terminated, so that ->ptr prints.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>

#include "base/pool.h"
#include "base/str.h"

struct buf {
	char *ptr;		/* NULL until something was appended */
	size_t len;
	/* private */
	size_t cap, max;
	struct pool *pool;	/* where the memory comes from; NULL: malloc */
	bool fixed;		/* the caller's array, never moved */
	bool failed;
};

/* Grow by malloc, to `max` bytes at most; end with buf_done(). */
void buf_init(struct buf *buf, size_t max);
/* Grow inside a pool; buf_done() is not needed. */
void buf_init_pool(struct buf *buf, struct pool *pool, size_t max);
/* Write into `size` bytes at `array` (the terminator takes one). */
void buf_init_fixed(struct buf *buf, char *array, size_t size);
/* Wipe and free. Accepts a zeroed buf. */
void buf_done(struct buf *buf);
/* Forget the content, keep the memory. */
void buf_clear(struct buf *buf);

/* Room for `extra` more bytes, so that appends up to there cannot fail. */
bool buf_reserve(struct buf *buf, size_t extra);

/* Inline, because most of what is appended is short and known when compiled,
 * and fits into what was reserved: then it is a copy and little else. */
static inline void buf_add(struct buf *buf, const void *data, size_t len)
{
	/* `cap`, its terminator apart, never passes `max` */
	if ((buf->failed || len >= buf->cap - buf->len) &&
	    !buf_reserve(buf, len))
		return;
	if (len)
		memcpy(buf->ptr + buf->len, data, len);
	buf->len += len;
	buf->ptr[buf->len] = '\0';
}

static inline void buf_addc(struct buf *buf, char c)
{
	buf_add(buf, &c, 1);
}

static inline void buf_adds(struct buf *buf, struct str s)
{
	buf_add(buf, s.ptr, s.len);
}

static inline void buf_puts(struct buf *buf, const char *cstr)
{
	buf_add(buf, cstr, strlen(cstr));
}

void buf_printf(struct buf *buf, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *buf, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

/* Did everything fit? */
bool buf_is_ok(const struct buf *buf);
/* The content as a slice, valid until the next append; never absent. */
struct str buf_str(const struct buf *buf);

#endif
