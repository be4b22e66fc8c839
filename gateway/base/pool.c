#include "base/pool.h"

#include <stdalign.h>
#include <stdint.h>

struct block {
	struct block *next;
	size_t size, used;
	alignas(max_align_t) unsigned char data[];
};

struct pool {
	size_t limit, used;
	struct block *head;	/* the one that is being filled */
	struct block *first;	/* kept by pool_reset() */
};

static struct block *block_new(size_t size)
{
	struct block *b = malloc(sizeof(*b) + size);

	if (b)
		*b = (struct block){ .size = size };
	return b;
}

struct pool *pool_new(size_t limit)
{
	struct pool *pool = malloc(sizeof(*pool));

	if (!pool)
		return NULL;
	*pool = (struct pool){ .limit = limit, .first = block_new(POOL_FIRST) };
	if (!pool->first) {
		free(pool);
		return NULL;
	}
	pool->head = pool->first;
	return pool;
}

void pool_reset(struct pool *pool)
{
	struct block *b = pool->head, *next;

	for (; b; b = next) {
		next = b->next;
		explicit_bzero(b->data, b->used);
		b->used = 0;
		if (b != pool->first)
			free(b);
	}
	pool->head = pool->first;
	pool->used = 0;
}

void pool_free(struct pool *pool)
{
	if (!pool)
		return;
	pool_reset(pool);
	free(pool->first);
	free(pool);
}

size_t pool_used(const struct pool *pool)
{
	return pool->used;
}

/* Room for `size` bytes, not yet zeroed. */
static void *take(struct pool *pool, size_t size)
{
	const size_t a = alignof(max_align_t);
	struct block *b = pool->head;
	size_t rounded;

	if (size > pool->limit || size > SIZE_MAX - a)
		return NULL;
	rounded = (size + a - 1) & ~(a - 1);
	if (rounded > pool->limit - pool->used)
		return NULL;
	if (rounded > b->size - b->used) {
		size_t want = b->size * 2 > rounded ? b->size * 2 : rounded;

		b = block_new(want);
		if (!b)
			return NULL;
		b->next = pool->head;
		pool->head = b;
	}
	pool->used += rounded;
	b->used += rounded;
	return b->data + b->used - rounded;
}

void *pool_alloc(struct pool *pool, size_t size)
{
	void *p = take(pool, size ? size : 1);

	return p ? memset(p, 0, size) : NULL;
}

void *pool_calloc(struct pool *pool, size_t count, size_t size)
{
	size_t n;

	if (__builtin_mul_overflow(count, size, &n))
		return NULL;
	return pool_alloc(pool, n);
}

char *pool_strndup(struct pool *pool, const char *ptr, size_t len)
{
	char *p = len < SIZE_MAX ? take(pool, len + 1) : NULL;

	if (!p)
		return NULL;
	if (len)
		memcpy(p, ptr, len);
	p[len] = '\0';
	return p;
}

struct str pool_str(struct pool *pool, struct str s)
{
	char *p = pool_strndup(pool, s.ptr, s.len);

	return p ? (struct str){ p, s.len } : STR_NULL;
}

__attribute__((format(printf, 2, 0)))
static struct str format(struct pool *pool, const char *fmt, va_list ap)
{
	va_list again;
	char *p;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		return STR_NULL;
	p = take(pool, (size_t)n + 1);
	if (!p)
		return STR_NULL;
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	return (struct str){ p, (size_t)n };
}

struct str pool_printf(struct pool *pool, const char *fmt, ...)
{
	struct str s;
	va_list ap;

	va_start(ap, fmt);
	s = format(pool, fmt, ap);
	va_end(ap);
	return s;
}
