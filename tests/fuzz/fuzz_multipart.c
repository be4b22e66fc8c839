#include "codec/multipart.h"
#include "fuzz/fields.h"

/*
 * What was read, written as Chromium would, reads as the same again; unless a
 * value holds the delimiter's letters, which cannot be: a value is one line.
 */
static void check_round_trip(struct pool *pool, const struct fields *fields)
{
	struct fields again;
	struct buf b;

	buf_init_pool(&b, pool, 1 << 20);
	for (unsigned i = 0; i < fields->count; i++) {
		struct str name = fields->v[i].name;

		buf_puts(&b, "--X\r\nContent-Disposition: form-data; name=\"");
		for (size_t j = 0; j < name.len; j++) {
			if (name.ptr[j] == '"')
				buf_puts(&b, "%22");
			else
				buf_addc(&b, name.ptr[j]);
		}
		buf_puts(&b, "\"\r\n\r\n");
		buf_adds(&b, fields->v[i].value);
		buf_puts(&b, "\r\n");
	}
	buf_puts(&b, "--X--\r\n");
	fuzz_assert(buf_is_ok(&b));
	fields_init(&again, pool);
	fuzz_assert(!multipart_parse(buf_str(&b), STR("X"), &again, NULL));
	fuzz_check_same(fields, &again);
}

/* The first line of the input is the boundary. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pool *pool = pool_new(FUZZ_POOL);
	struct str in, boundary = str_cut(fuzz_str(data, size), '\n', &in);
	struct fields fields;
	struct fault fault;
	enum err err;

	fields_init(&fields, pool);
	err = multipart_parse(in, boundary, &fields, &fault);
	if (err) {
		fuzz_check_refusal(err, &fault, &fields, in);
	} else {
		fuzz_check_fields(&fields);
		for (unsigned i = 0; i < fields.count; i++) {
			fuzz_assert(fields.v[i].value.ptr >= in.ptr &&
				    fields.v[i].value.ptr <= in.ptr + in.len);
			/* A browser's escapes were read, once. */
			fuzz_assert(!str_icontains(fields.v[i].name,
						   STR("%22")));
		}
		check_round_trip(pool, &fields);
	}
	pool_free(pool);
	return 0;
}
