/*
 * A row of the audit, as it lies in the database.  What is read stays within
 * its bounds, can be shown, and is the same to the octet when it is packed
 * again, where it was packed with the list of words of today.
 */
#include "codec/json.h"
#include "store/audit-pack.h"
#include "fuzz/fuzz.h"

static bool is_within(struct str part, struct str whole)
{
	return !part.len || (part.ptr >= whole.ptr &&
			     part.ptr + part.len <= whole.ptr + whole.len);
}

/* As a record with a text for its trail: that of its steps, once shown. */
static void pack_again(const struct audit_record *r, struct pool *pool)
{
	unsigned char out[AUDIT_PACKED_MAX], row[AUDIT_PACKED_MAX + 1];
	struct audit_body body;
	struct audit_record other;
	struct audit_view view;
	size_t len;

	if (r->trail.len > AUDIT_TRAIL_MAX)
		return;
	fuzz_assert(!audit_pack(r, out, &len));
	row[0] = AUDIT_VERSION;
	memcpy(row + 1, out, len);
	fuzz_assert(!audit_body_open((struct str){ (char *)row, len + 1 },
				     &body));
	fuzz_assert(audit_body_next(&body, &view) == 1);
	fuzz_assert(audit_view_is(&view, r->request_id));
	fuzz_assert(!audit_view_show(&view, pool, &other));
	fuzz_assert(str_eq(other.request_id, r->request_id));
	fuzz_assert(str_eq(other.trail, r->trail));
	fuzz_assert(str_eq(other.code, r->code));
	fuzz_assert(str_eq(other.tenant, r->tenant));
	fuzz_assert(other.time_ms == r->time_ms && other.status == r->status);
	fuzz_assert(!memcmp(&other.tags, &r->tags, sizeof(r->tags)));
	fuzz_assert(audit_body_next(&body, &view) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = fuzz_str(data, size);
	struct pool *pool = pool_new(16 * 1024 * 1024);
	struct audit_view view = { .status = -7 };
	struct audit_record r;
	struct audit_body body;
	int64_t ms;

	fuzz_assert(pool != NULL);
	(void)audit_id_time(in, &ms);
	if (audit_body_open(in, &body)) {
		pool_free(pool);
		return 0;
	}
	while (audit_body_next(&body, &view) > 0) {
		fuzz_assert(view.status >= 0);
		fuzz_assert(is_within(view.id, in));
		fuzz_assert(is_within(view.tenant, in));
		fuzz_assert(is_within(view.trail, in));
		fuzz_assert(!audit_view_show(&view, pool, &r));
		fuzz_assert(audit_view_is(&view, r.request_id));
		pack_again(&r, pool);
		pool_reset(pool);
		view.status = -7;
	}
	pool_free(pool);
	return 0;
}
