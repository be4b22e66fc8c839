/*
 * fields: what holds for the outcome of every parser of fields.
 */
#ifndef TESTS_FUZZ_FIELDS_H
#define TESTS_FUZZ_FIELDS_H

#include "base/buf.h"
#include "codec/fields.h"
#include "codec/utf8.h"
#include "fuzz/fuzz.h"

#define FUZZ_POOL (16 * 1024 * 1024)

/* A refusal leaves the fields alone and points into the input. */
static inline void fuzz_check_refusal(enum err err, const struct fault *fault,
				      const struct fields *fields,
				      struct str in)
{
	fuzz_assert(err < ERR_COUNT && err != ERR_NOMEM &&
		    err != ERR_INTERNAL);
	fuzz_assert(fields->count == 0);
	fuzz_assert(fault->err == err && fault->detail);
	fuzz_assert(fault->offset <= in.len);
}

static inline void fuzz_check_fields(const struct fields *fields)
{
	fuzz_assert(fields->count <= FIELDS_MAX);
	for (unsigned i = 0; i < fields->count; i++) {
		const struct field *f = &fields->v[i];

		fuzz_assert(f->name.len && f->name.len <= FIELD_NAME_MAX);
		fuzz_assert(f->value.ptr && f->value.len <= FIELD_VALUE_MAX);
		fuzz_assert(!utf8_check_text(f->name, NULL));
		fuzz_assert(!utf8_check_text(f->value, NULL));
		/* The first of its name is itself: so names are unique. */
		fuzz_assert(fields_get(fields, f->name) == f);
	}
}

static inline void fuzz_check_same(const struct fields *a,
				   const struct fields *b)
{
	fuzz_assert(a->count == b->count);
	for (unsigned i = 0; i < a->count; i++) {
		fuzz_assert(str_eq(a->v[i].name, b->v[i].name));
		fuzz_assert(str_eq(a->v[i].value, b->v[i].value));
		fuzz_assert(a->v[i].kind == b->v[i].kind);
	}
}

/*
 * What holds for every parser that has a writer: what was read, written and
 * read again is the same.  `room`: octets that any fields fit in as text.
 */
static inline void
fuzz_check_parser(struct pool *pool, struct str in,
		  enum err (*parse)(struct str in, struct fields *out,
				    struct fault *fault),
		  void (*write)(struct buf *out, const struct fields *fields),
		  size_t room)
{
	struct fields fields, again;
	struct fault fault;
	struct buf b;
	enum err err;

	fields_init(&fields, pool);
	err = parse(in, &fields, &fault);
	if (err) {
		fuzz_check_refusal(err, &fault, &fields, in);
		return;
	}
	fuzz_check_fields(&fields);
	buf_init_pool(&b, pool, room);
	write(&b, &fields);
	fuzz_assert(buf_is_ok(&b));
	fields_init(&again, pool);
	fuzz_assert(!parse(buf_str(&b), &again, NULL));
	fuzz_check_same(&fields, &again);
}

/* With everything but RFC 3986 "unreserved" percent-encoded. */
static inline void fuzz_add_encoded(struct buf *out, struct str s)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t from = 0;

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (ascii_is_alpha((char)c) || ascii_is_digit((char)c) ||
		    (c && strchr("-._~", c)))
			continue;
		buf_add(out, s.ptr + from, i - from);
		buf_add(out, (char[]){ '%', hex[c >> 4], hex[c & 15] }, 3);
		from = i + 1;
	}
	if (s.len > from)
		buf_add(out, s.ptr + from, s.len - from);
}

#endif
