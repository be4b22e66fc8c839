#include "codec/form.h"
#include "codec/query.h"
#include "fuzz/fields.h"

/* What was read, written as a browser would, reads as the same again. */
static void check_round_trip(struct pool *pool, const struct fields *fields)
{
	struct fields again;
	struct buf b;

	buf_init_pool(&b, pool, 1 << 20);
	for (unsigned i = 0; i < fields->count; i++) {
		query_add_encoded(&b, fields->v[i].name);
		buf_addc(&b, '=');
		query_add_encoded(&b, fields->v[i].value);
		buf_addc(&b, '&');
	}
	fuzz_assert(buf_is_ok(&b));
	fields_init(&again, pool);
	fuzz_assert(!form_parse(buf_str(&b), &again, NULL));
	fuzz_check_same(fields, &again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pool *pool = pool_new(FUZZ_POOL);
	struct str in = fuzz_str(data, size);
	struct fields fields;
	struct fault fault;
	enum err err;

	fields_init(&fields, pool);
	err = form_parse(in, &fields, &fault);
	if (err) {
		fuzz_check_refusal(err, &fault, &fields, in);
	} else {
		fuzz_check_fields(&fields);
		check_round_trip(pool, &fields);
	}
	pool_free(pool);
	return 0;
}
