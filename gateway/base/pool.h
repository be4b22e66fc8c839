/*
 * pool: memory that lives and dies together (an arena), one per request.
 *
 * Nothing is freed singly; pool_free() wipes and returns all of it.  Each
 * pool has a limit, so that no request can take more than its share.  A pool
 * belongs to one thread at a time.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stdarg.h>
#include <stddef.h>

#include "base/str.h"

struct pool;

/* Bytes that the first block holds: enough for an ordinary request. */
#define POOL_FIRST 4096

/* `limit` bounds the sum of what is handed out, in bytes. NULL: no memory. */
struct pool *pool_new(size_t limit);
/* Accepts NULL. Everything handed out is wiped: it may have held secrets. */
void pool_free(struct pool *pool);
/* Forget all that was handed out, keep the first block for the next use. */
void pool_reset(struct pool *pool);
/* For tests: bytes handed out so far. */
size_t pool_used(const struct pool *pool);

/* Zeroed, aligned for any type. NULL past the limit or without memory. */
void *pool_alloc(struct pool *pool, size_t size);
/* `count` times `size`, with the product checked. */
void *pool_calloc(struct pool *pool, size_t count, size_t size);
/* A terminated copy of `len` bytes; NULL as pool_alloc. */
char *pool_strndup(struct pool *pool, const char *ptr, size_t len);
/* The same as a slice; .ptr NULL where there was no memory. */
struct str pool_str(struct pool *pool, struct str s);
/* A terminated slice; .ptr NULL where there was no memory. */
struct str pool_printf(struct pool *pool, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
