/* A made-up request: held to what the gateway lets through. */
#include "workbench/sample.h"

#include "unit/unit.h"

static struct sample s;

static void set_up(void)
{
	ck_assert_int_eq(sample_init(&s), ERR_OK);
}

static void tear_down(void)
{
	sample_done(&s);
	sample_done(&s);
}

static struct str value_of(const struct fields *fields, const char *name)
{
	return fields_value(fields, str_from(name));
}

#define ck_taken(why) ck_assert_msg(!(why), "%s", (why))

START_TEST(it_begins_unsigned_and_empty)
{
	ck_assert(s.call.may_supply);
	ck_str_is(s.call.info.identity, "unsigned");
	ck_assert(str_is_null(s.call.info.user_id));
	ck_assert_uint_eq(s.fields.count + s.attributes.count + s.claims.count,
			  0);
	ck_assert(!s.is_deliver);
	sample_free(NULL);
	sample_done(&(struct sample){ 0 });
}
END_TEST

START_TEST(each_part_has_its_place)
{
	char name[] = "plan", value[] = "pro";

	ck_taken(sample_add(&s, SAMPLE_FIELD, str_from(name),
			    str_from(value)));
	/* It was copied; given again it replaces. */
	memset(value, 'x', 3);
	memset(name, 'x', 4);
	ck_str_is(value_of(&s.fields, "plan"), "pro");
	ck_taken(sample_add(&s, SAMPLE_FIELD, STR("plan"), STR("free")));
	ck_str_is(value_of(&s.fields, "plan"), "free");
	ck_assert_uint_eq(s.fields.count, 1);
	ck_taken(sample_add(&s, SAMPLE_JSON, STR("data"), STR("{}")));
	ck_assert_int_eq(s.fields.v[1].kind, FIELD_JSON);
	ck_taken(sample_add(&s, SAMPLE_ATTRIBUTE, STR("seen"), STR("1")));
	ck_str_is(value_of(&s.attributes, "seen"), "1");
	ck_assert_uint_eq(s.fields.count, 2);
	ck_assert(s.call.may_supply);
	/* A claim is a field that is vouched for: so the request is signed. */
	ck_taken(sample_add(&s, SAMPLE_CLAIM, STR("email"), STR("a@b")));
	ck_str_is(value_of(&s.fields, "email"), "a@b");
	ck_str_is(value_of(&s.claims, "email"), "a@b");
	ck_assert(!s.call.may_supply);
	ck_str_is(s.call.info.identity, "signed");
}
END_TEST

START_TEST(what_the_gateway_lets_nobody_send_is_refused)
{
	static const char *const bad[] = { "\xff", "a\x1b[2J", "\n", "\x7f" };
	static char longest[FIELD_VALUE_MAX + 2], name[FIELD_NAME_MAX + 2];

	for (unsigned i = 0; i < N_ELEMENTS(bad); i++)
		for (unsigned part = 0; part <= SAMPLE_ATTRIBUTE; part++) {
			ck_assert(sample_add(&s, part, STR("x"),
					     str_from(bad[i])));
			ck_assert(sample_add(&s, part, str_from(bad[i]),
					     STR("x")));
			ck_assert(sample_info(&s, STR("user.id"),
					      str_from(bad[i])));
		}
	memset(longest, 'x', sizeof(longest) - 1);
	memset(name, 'n', sizeof(name) - 1);
	ck_assert(sample_add(&s, SAMPLE_FIELD, STR("x"), str_from(longest)));
	ck_assert(sample_add(&s, SAMPLE_FIELD, str_from(name), STR("x")));
	ck_assert_uint_eq(s.fields.count + s.attributes.count + s.claims.count,
			  0);
	ck_assert(s.call.may_supply);
	longest[FIELD_VALUE_MAX] = name[FIELD_NAME_MAX] = '\0';
	ck_taken(sample_add(&s, SAMPLE_FIELD, STR("x"), str_from(longest)));
	ck_taken(sample_add(&s, SAMPLE_FIELD, str_from(name), STR("x")));
}
END_TEST

START_TEST(what_the_gateway_knows_has_names)
{
	static const char *const names[] = {
		"user.id", "user.email", "user.name", "user.external_id",
		"redirect_url", "request.id",
	};
	struct adapter_info *info = &s.call.info;
	const struct str *places[] = {
		&info->user_id, &info->user_email, &info->user_name,
		&info->user_external_id, &info->redirect_url,
		&info->request_id,
	};

	for (unsigned i = 0; i < N_ELEMENTS(names); i++) {
		char value[] = "v?";

		value[1] = (char)('0' + i);
		ck_taken(sample_info(&s, str_from(names[i]), str_from(value)));
		value[1] = '0' + (char)i;
		ck_str_is(*places[i], value);
		value[0] = 'x';
		ck_assert_int_eq(places[i]->ptr[0], 'v');
	}
	/* That is the tenant's to say, and who it is: nobody's. */
	ck_assert(sample_info(&s, STR("tenant.slug"), STR("x")));
	ck_assert(sample_info(&s, STR("identity"), STR("signed")));
	ck_assert(sample_info(&s, STR(""), STR("x")));
}
END_TEST

START_TEST(a_copy_is_the_same_and_apart)
{
	struct sample *copy;

	ck_taken(sample_add(&s, SAMPLE_CLAIM, STR("email"), STR("a@b")));
	ck_taken(sample_add(&s, SAMPLE_ATTRIBUTE, STR("seen"), STR("1")));
	ck_taken(sample_info(&s, STR("user.id"), STR("7")));
	ck_taken(sample_info(&s, STR("user.external_id"), STR("e")));
	s.is_deliver = true;
	s.call.spent_ms = 40;
	copy = sample_copy(&s);
	ck_assert_ptr_nonnull(copy);
	sample_done(&s);
	ck_str_is(value_of(&copy->fields, "email"), "a@b");
	ck_str_is(value_of(&copy->claims, "email"), "a@b");
	ck_str_is(value_of(&copy->attributes, "seen"), "1");
	ck_str_is(copy->call.info.user_id, "7");
	ck_str_is(copy->call.info.user_external_id, "e");
	ck_str_is(copy->call.info.identity, "signed");
	ck_assert(!copy->call.may_supply);
	ck_assert(copy->is_deliver);
	ck_assert_uint_eq(copy->call.spent_ms, 40);
	sample_free(copy);
}
END_TEST

/* The user's browser comes behind a handoff that was let through. */
START_TEST(what_the_handoff_changed_is_there_when_they_arrive)
{
	struct adapter_change changes[] = {
		{ STR("plan"), STR("pro") }, { STR("seen"), STR_NULL },
	};

	ck_taken(sample_add(&s, SAMPLE_CLAIM, STR("email"), STR("a@b")));
	ck_taken(sample_add(&s, SAMPLE_ATTRIBUTE, STR("seen"), STR("1")));
	s.call.changes = changes;
	s.call.change_count = 2;
	s.call.name = STR("Ann");
	ck_assert_int_eq(sample_follow(&s), ERR_OK);
	ck_assert(s.is_deliver);
	ck_assert_uint_eq(s.fields.count + s.claims.count, 0);
	ck_str_is(value_of(&s.attributes, "plan"), "pro");
	ck_assert(str_is_null(value_of(&s.attributes, "seen")));
	/* Posted, supplied by the adapter, and neither. */
	ck_str_is(s.call.info.user_email, "a@b");
	ck_str_is(s.call.info.user_name, "Ann");
	ck_str_is(s.call.info.user_id, "1");
	ck_str_is(s.call.info.redirect_url, "https://desk.example/dashboard");
}
END_TEST

START_TEST(who_they_are_is_what_was_said_before)
{
	ck_taken(sample_info(&s, STR("user.email"), STR("said@b")));
	ck_taken(sample_add(&s, SAMPLE_FIELD, STR("email"), STR("a@b")));
	s.call.email = STR("supplied@b");
	s.call.redirect = STR("https://desk.example/x");
	ck_assert_int_eq(sample_follow(&s), ERR_OK);
	ck_str_is(s.call.info.user_email, "said@b");
	ck_str_is(s.call.info.redirect_url, "https://desk.example/x");
}
END_TEST

static void sample_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, it_begins_unsigned_and_empty);
	tcase_add_test(tcase, each_part_has_its_place);
	tcase_add_test(tcase, what_the_gateway_lets_nobody_send_is_refused);
	tcase_add_test(tcase, what_the_gateway_knows_has_names);
	tcase_add_test(tcase, a_copy_is_the_same_and_apart);
	tcase_add_test(tcase,
		       what_the_handoff_changed_is_there_when_they_arrive);
	tcase_add_test(tcase, who_they_are_is_what_was_said_before);
}

UNIT_MAIN("sample", sample_tests)
