/*
 * parsing: what the suites of the field parsers share: a table of inputs, each
 * with the fields that come out or with the fault and its place.
 */
#ifndef TESTS_UNIT_CODEC_PARSING_H
#define TESTS_UNIT_CODEC_PARSING_H

#include "base/buf.h"
#include "codec/fields.h"
#include "unit/unit.h"

typedef enum err (*parse_fn)(struct str in, struct fields *out,
			     struct fault *fault);

struct parsing {
	struct str in;
	enum err err;
	size_t at;		/* of the fault */
	const char *fields;	/* "name=value|name:=json" */
};

/* For tables: bytes, NUL included. */
#define BYTES(lit) { "" lit, sizeof(lit) - 1 }

/* The fields as one line of text, in the pool. */
static inline struct str fields_text(struct pool *pool,
				     const struct fields *fields)
{
	struct buf b;

	buf_init_pool(&b, pool, 1 << 20);
	for (unsigned i = 0; i < fields->count; i++) {
		const struct field *f = &fields->v[i];

		buf_printf(&b, "%s%.*s%s%.*s", i ? "|" : "", STR_ARG(f->name),
			   f->kind == FIELD_JSON ? ":=" : "=",
			   STR_ARG(f->value));
	}
	return buf_str(&b);
}

/*
 * Parse a copy of exactly the input's size, so that a byte read past its end
 * is seen by the sanitizers.  A refused input has to leave the fields alone.
 */
static inline void parsing_check(parse_fn parse, const struct parsing *want)
{
	struct pool *pool = pool_new(1 << 22);
	char *copy = malloc(want->in.len ? want->in.len : 1);
	struct str in = { copy, want->in.len };
	struct fault fault = { 0 };
	struct fields fields;
	enum err err;

	ck_assert_ptr_nonnull(pool);
	ck_assert_ptr_nonnull(copy);
	if (in.len)
		memcpy(copy, want->in.ptr, in.len);
	/* A caller that does not ask for the place gets the same verdict. */
	fields_init(&fields, pool);
	fields_add(&fields, STR("before"), STR("1"), FIELD_TEXT);
	ck_assert_int_eq(parse(in, &fields, NULL), want->err);
	fields.count = 1;
	err = parse(in, &fields, &fault);
	ck_assert_msg(err == want->err, "'%.200s': %s (%s at %zu), want %s",
		      want->in.ptr, err_text(err),
		      fault.detail ? fault.detail : "", fault.offset,
		      err_text(want->err));
	if (err) {
		ck_assert_uint_eq(fields.count, 1);
		ck_assert_int_eq(fault.err, err);
		ck_assert_ptr_nonnull(fault.detail);
		ck_assert_msg(fault.offset == want->at,
			      "'%.200s': %s at %zu, want %zu",
			      want->in.ptr, fault.detail, fault.offset,
			      want->at);
	} else {
		fields_del(&fields, STR("before"));
		ck_str_is(fields_text(pool, &fields),
			  want->fields ? want->fields : "");
	}
	pool_free(pool);
	free(copy);
}

#define parsing_check_all(parse, table)					\
	do {								\
		for (size_t i_ = 0;					\
		     i_ < sizeof(table) / sizeof((table)[0]); i_++)	\
			parsing_check(parse, &(table)[i_]);		\
	} while (0)

/* `count` copies of a text with %u in it, each with its own number. */
static inline struct str repeated(struct pool *pool, const char *head,
				  const char *each, unsigned count,
				  const char *tail)
{
	struct buf b;

	buf_init_pool(&b, pool, 1 << 20);
	buf_puts(&b, head);
	for (unsigned i = 0; i < count; i++)
		buf_printf(&b, each, i);
	buf_puts(&b, tail);
	ck_assert(buf_is_ok(&b));
	return buf_str(&b);
}

#endif
