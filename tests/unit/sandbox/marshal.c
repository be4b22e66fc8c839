/* A call there and a reply back, as between the gateway and a child. */
#include "sandbox/marshal.h"

#include "unit/adapter/adapters.h"

static const struct adapter_env env = {
	.services = &test_services, .tenant = { "acme", 4 },
	.name = { "test", 4 }, .deadline_ms = 50,
};
static struct pool *pool, *child_pool, *scratch;
static struct fields fields, attributes, claims;
static struct adapter_call here, there;
static struct marshal_lists lists;
static struct wire_frame frame;
static struct buf out;

static void setup(void)
{
	pool = pool_new(1024 * 1024);
	child_pool = pool_new(1024 * 1024);
	scratch = pool_new(CALL_SCRATCH_MAX);
	fields_init(&fields, pool);
	fields_init(&attributes, pool);
	fields_init(&claims, pool);
	buf_init(&out, WIRE_FRAME_MAX);
	here = (struct adapter_call){ .pool = pool, .fields = &fields,
				      .attributes = &attributes,
				      .claims = &claims,
				      .may_supply = true };
}

static void teardown(void)
{
	buf_done(&out);
	pool_free(scratch);
	pool_free(child_pool);
	pool_free(pool);
}

/* To the other side, where `hook` runs, and back. */
static enum err relay(int (*hook)(void *state, struct usher_call *call))
{
	static const struct wire_head call = { WIRE_CALL, 1, 2 };
	static const struct wire_head reply = { WIRE_REPLY, 1, 2 };
	const struct call_hook hooks[] = {
		{ ADAPTER_PHASE_MAP_FIELDS, hook },
	};

	call_begin(&here, &env, NULL);
	ck_assert_int_eq(marshal_write_call(&here, WIRE_HANDOFF, call, &out),
			 ERR_OK);
	ck_assert_int_eq(wire_read(out.ptr, out.len, false, &frame), ERR_OK);
	ck_assert_int_eq(marshal_read_call(&frame, child_pool, &lists, &there),
			 ERR_OK);
	call_begin(&there, &env, scratch);
	call_run(&there, NULL, hooks, 1);
	ck_assert_int_eq(marshal_write_reply(&there, reply, &out), ERR_OK);
	ck_assert_int_eq(wire_read(out.ptr, out.len, true, &frame), ERR_OK);
	return marshal_read_reply(&frame, false, scratch, &here);
}

static int remove_one(void *state, struct usher_call *call)
{
	int rc = call->host->del_attribute(call, "phone");

	(void)state;
	return rc && rc != USHER_E_NOTFOUND ? USHER_FAIL : USHER_OK;
}

/* Whether the gateway sees the attribute or not: the wish is kept. */
START_TEST(a_removal_comes_back_whoever_the_user_is)
{
	ck_assert_int_eq(relay(remove_one), ERR_OK);
	ck_assert_int_eq(here.result, ADAPTER_OK);
	ck_assert_uint_eq(here.change_count, 1);
	ck_str_is(here.changes[0].name, "phone");
	ck_assert(str_is_null(here.changes[0].value));

	fields_set(&attributes, STR("phone"), STR("1"), FIELD_TEXT);
	here.info.user_id = STR("42");
	ck_assert_int_eq(relay(remove_one), ERR_OK);
	ck_assert_uint_eq(here.change_count, 1);

	fields_del(&attributes, STR("phone"));
	ck_assert_int_eq(relay(remove_one), ERR_OK);
	ck_assert_int_eq(here.result, ADAPTER_OK);
	ck_assert_uint_eq(here.change_count, 0);
}
END_TEST

static int copy_all(void *state, struct usher_call *call)
{
	struct usher_str value;

	(void)state;
	if (call->host->get(call, USHER_CLAIM, "role", &value) ||
	    call->host->set_attribute(call, "claimed", value.ptr, value.len))
		return USHER_FAIL;
	if (!call->host->get(call, USHER_CLAIM, "plan", &value) ||
	    call->host->get(call, USHER_FIELD, "plan", &value) ||
	    call->host->set_attribute(call, "posted", value.ptr, value.len))
		return USHER_FAIL;
	return call->host->type(call, USHER_CLAIM, "groups") == USHER_JSON ?
		USHER_OK : USHER_FAIL;
}

START_TEST(claims_stay_apart_from_fields_on_the_way)
{
	fields_set(&fields, STR("plan"), STR("pro"), FIELD_TEXT);
	fields_set(&fields, STR("role"), STR("admin"), FIELD_TEXT);
	fields_set(&claims, STR("role"), STR("user"), FIELD_TEXT);
	fields_set(&claims, STR("groups"), STR("[]"), FIELD_JSON);
	ck_assert_int_eq(relay(copy_all), ERR_OK);
	ck_assert_msg(here.result == ADAPTER_OK, "%s", here.problem);
	ck_str_is(here.changes[0].value, "user");
	ck_str_is(here.changes[1].value, "pro");
}
END_TEST

START_TEST(all_that_a_call_may_hold_fits)
{
	static char names[USHER_FIELDS_MAX][8];

	for (unsigned i = 0; i < USHER_FIELDS_MAX; i++) {
		struct str name;

		snprintf(names[i], sizeof(names[i]), "f%u", i);
		name = str_from(names[i]);
		fields_set(&fields, name, STR("x"), FIELD_TEXT);
		fields_set(&claims, name, STR("x"), FIELD_TEXT);
		fields_set(&attributes, name, STR("x"), FIELD_TEXT);
	}
	ck_assert_int_eq(relay(remove_one), ERR_OK);
	ck_assert_uint_eq(lists.claims.count, USHER_FIELDS_MAX);
}
END_TEST

static void marshal_tests(TCase *t)
{
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_removal_comes_back_whoever_the_user_is);
	tcase_add_test(t, claims_stay_apart_from_fields_on_the_way);
	tcase_add_test(t, all_that_a_call_may_hold_fits);
}

UNIT_MAIN("relay", marshal_tests)
