#include "codec/form.h"
#include "codec/query.h"
#include "fuzz/fields.h"

/* As a browser would. */
static void write_form(struct buf *out, const struct fields *fields)
{
	for (unsigned i = 0; i < fields->count; i++) {
		fuzz_add_encoded(out, fields->v[i].name);
		buf_addc(out, '=');
		fuzz_add_encoded(out, fields->v[i].value);
		buf_addc(out, '&');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pool *pool = pool_new(FUZZ_POOL);

	fuzz_check_parser(pool, fuzz_str(data, size), form_parse, write_form,
			  1 << 20);
	pool_free(pool);
	return 0;
}
