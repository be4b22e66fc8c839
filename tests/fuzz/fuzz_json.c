#include "codec/json.h"
#include "fuzz/fields.h"

/* Whatever the bytes, what is written is one JSON string, safe in HTML. */
static void check_string(struct pool *pool, struct str in)
{
	struct fields fields;
	enum err err;
	struct buf b;

	buf_init_pool(&b, pool, 16 + 6 * in.len);
	buf_puts(&b, "{\"v\":");
	json_add_str(&b, in);
	buf_addc(&b, '}');
	fuzz_assert(buf_is_ok(&b));
	for (size_t i = 0; i < b.len; i++)
		fuzz_assert((unsigned char)b.ptr[i] >= 0x20 &&
			    b.ptr[i] != '<' && b.ptr[i] != '>' &&
			    b.ptr[i] != '&');
	fields_init(&fields, pool);
	err = json_parse_fields(buf_str(&b), &fields, NULL);
	if (!utf8_check_text(in, NULL) && in.len <= FIELD_VALUE_MAX) {
		fuzz_assert(!err);
		fuzz_assert(str_eq(fields_value(&fields, STR("v")), in));
	} else {
		fuzz_assert(!err || err == ERR_LIMIT || err == ERR_CONTROL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pool *pool = pool_new(FUZZ_POOL);
	struct str in = fuzz_str(data, size);

	fuzz_check_parser(pool, in, json_parse_fields, json_add_fields,
			  4 << 20);
	check_string(pool, in);
	pool_free(pool);
	return 0;
}
