#include "codec/form.h"
#include "codec/query.h"
#include "fuzz/fields.h"

/* Encoded bytes are unreserved ones and %XX, and decode to what they were. */
static void check_encoding(struct pool *pool, struct str in)
{
	struct fields fields;
	struct str value;
	struct buf b;

	buf_init_pool(&b, pool, 2 + 3 * in.len);
	buf_puts(&b, "v=");
	fuzz_add_encoded(&b, in);
	fuzz_assert(buf_is_ok(&b));
	for (size_t i = 2; i < b.len; i++)
		fuzz_assert(ascii_is_alpha(b.ptr[i]) ||
			    ascii_is_digit(b.ptr[i]) || b.ptr[i] == '%' ||
			    b.ptr[i] == '-' || b.ptr[i] == '.' ||
			    b.ptr[i] == '_' || b.ptr[i] == '~');
	fields_init(&fields, pool);
	if (in.len > FIELD_VALUE_MAX || utf8_check_text(in, NULL)) {
		fuzz_assert(form_parse(buf_str(&b), &fields, NULL));
		return;
	}
	fuzz_assert(!form_parse(buf_str(&b), &fields, NULL));
	value = fields_value(&fields, STR("v"));
	fuzz_assert(str_eq(value, in));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pool *pool = pool_new(FUZZ_POOL);
	struct str in = fuzz_str(data, size);
	struct fields fields, as_form;
	struct fault fault;
	enum err err;

	fields_init(&fields, pool);
	fields_init(&as_form, pool);
	err = query_parse(in, &fields, &fault);
	if (err) {
		fuzz_check_refusal(err, &fault, &fields, in);
	} else {
		fuzz_check_fields(&fields);
		fuzz_assert(fields.count <= QUERY_FIELDS_MAX);
		fuzz_assert(in.len <= QUERY_MAX);
		fuzz_assert(!form_parse(in, &as_form, NULL));
		fuzz_check_same(&fields, &as_form);
	}
	check_encoding(pool, in);
	pool_free(pool);
	return 0;
}
