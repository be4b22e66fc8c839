/*
 * lone: one exchange on plain structs, without a gateway, a store or a list of
 * steps that is run: for suites that call a step, or a page, by itself.
 */
#ifndef TESTS_UNIT_HANDOFF_LONE_H
#define TESTS_UNIT_HANDOFF_LONE_H

#include "config/snapshot-private.h"
#include "handoff/exchange.h"
#include "unit/unit.h"

#define LONE_HEADERS 8

static struct exchange lone;
static struct tenant lone_tenant;
static struct snapshot lone_snapshot;
static struct header lone_headers[LONE_HEADERS];

/* Of the tenant "acme"; what is left out is zero. */
__attribute__((unused)) static void lone_begin(const struct steps *steps)
{
	lone_snapshot = (struct snapshot){
		.gateway.public_origin = STR("https://tickets.test"),
	};
	lone_tenant = (struct tenant){ .slug = STR("acme"),
				       .name = STR("Acme") };
	lone = (struct exchange){
		.pool = pool_new(EXCHANGE_POOL_MAX), .steps = steps,
		.tenant = &lone_tenant, .snapshot = &lone_snapshot,
		.request.headers = lone_headers,
	};
	ck_assert_ptr_nonnull(lone.pool);
	memcpy(lone.id, "01ARZ3NDEKTSV4RRFFQ69G5FAV", REQUEST_ID_LEN);
}

__attribute__((unused)) static void lone_end(void)
{
	adapter_unref(lone.adapter);
	pool_free(lone.pool);
}

/* The same request once more, with nothing answered and no headers. */
__attribute__((unused)) static void lone_again(void)
{
	lone.answer = (struct answer){ 0 };
	lone.code = NULL;
	lone.hint = STR_NULL;
	lone.request.header_count = 0;
}

__attribute__((unused)) static void lone_says(const char *name,
					      const char *value)
{
	ck_assert_uint_lt(lone.request.header_count, LONE_HEADERS);
	lone_headers[lone.request.header_count++] =
		(struct header){ str_from(name), str_from(value) };
}

/* `room` octets are left of its memory. */
__attribute__((unused)) static void lone_starve(size_t room)
{
	size_t used = pool_used(lone.pool);

	ck_assert_ptr_nonnull(pool_alloc(lone.pool,
					 EXCHANGE_POOL_MAX - used - room));
}

/* A step of the list, by its name. */
__attribute__((unused)) static enum step_result lone_run(const char *name)
{
	const struct step *step = lone.steps->list;

	while (step->name && strcmp(step->name, name))
		step++;
	ck_assert_msg(step->name != NULL, "no step %s", name);
	return step->run(&lone);
}

/* The value of the only header of that name; absent: none. */
__attribute__((unused)) static struct str lone_header(const char *name)
{
	struct str value = STR_NULL;
	unsigned n = 0;

	for (unsigned i = 0; i < lone.answer.header_count; i++)
		if (str_ieq(lone.answer.headers[i].name, str_from(name))) {
			value = lone.answer.headers[i].value;
			n++;
		}
	ck_assert_uint_le(n, 1);
	return value;
}

__attribute__((unused)) static bool lone_body_has(const char *text)
{
	return lone.answer.body.len &&
	       memmem(lone.answer.body.ptr, lone.answer.body.len, text,
		      strlen(text)) != NULL;
}

#define ck_refused(result, want_status, want_code)			\
	do {								\
		ck_assert_int_eq(result, STEP_ANSWER);			\
		ck_assert_int_eq(lone.answer.status, want_status);	\
		ck_assert_str_eq(lone.code ? lone.code : "", want_code);\
	} while (0)

#endif
