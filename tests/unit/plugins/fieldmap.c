#include "unit/adapter/adapters.h"

static char message[ADAPTER_LOAD_PROBLEM_MAX];

static struct adapter *load(const struct adapter_setting *settings,
			    unsigned count)
{
	return load_with("fieldmap", settings, count, message);
}

/* The settings of one tenant, as conf.d would give them. */
static const struct adapter_setting example[] = {
	SETTING("email.from", "user_email"),
	SETTING("email.as", "email"),
	SETTING("email.required", "true"),
	SETTING("full.from", "full_name"),
	SETTING("full.as", "name"),
	SETTING("company.from", "company_name"),
	SETTING("company.required", "true"),
	SETTING("company.max", "10"),
	SETTING("plan.one_of.0", "free"),
	SETTING("plan.one_of.1", "pro"),
	SETTING("plan.default", "free"),
	SETTING("phone.pattern", "\\+[0-9]{6,15}"),
	SETTING("address.json", "true"),
};

static struct adapter *adapter;
static struct sign_in s;

static void setup(void)
{
	adapter = load(example, COUNT(example));
	ck_assert_msg(adapter != NULL, "%s", message);
	sign_in_init(&s);
}

static void teardown(void)
{
	pool_free(s.pool);
	adapter_unref(adapter);
}

static bool is_changed(const char *name)
{
	for (unsigned i = 0; i < s.call.change_count; i++)
		if (str_eq(s.call.changes[i].name, str_from(name)))
			return true;
	return false;
}

START_TEST(fields_get_the_names_that_the_settings_give_them)
{
	sign_in_field(&s, "user_email", "a@b.example");
	sign_in_field(&s, "full_name", "Ann B");
	sign_in_field(&s, "company_name", "  Acme  ");
	sign_in_field(&s, "plan", "pro");
	sign_in_field(&s, "phone", "+4912345678");
	sign_in_field(&s, "unmapped", "x");
	ck_assert_int_eq(handoff(adapter, 0, &s), ADAPTER_OK);
	ck_str_is(s.call.email, "a@b.example");
	ck_str_is(s.call.name, "Ann B");
	ck_str_is(change_of(&s, "company")->value, "Acme");
	ck_str_is(change_of(&s, "plan")->value, "pro");
	ck_str_is(change_of(&s, "phone")->value, "+4912345678");
	ck_assert_uint_eq(s.call.change_count, 3);
}
END_TEST

START_TEST(complaints_are_laravel_s_and_all_come_at_once)
{
	static const struct {
		const char *field, *text;
	} want[] = {
		{ "user_email", "The user email field is required." },
		{ "company_name", "The company name must not be greater than "
				  "10 characters." },
		{ "plan", "The selected plan is invalid." },
		{ "phone", "The phone format is invalid." },
		{ "address", "The address must be an array." },
	};

	sign_in_field(&s, "company_name", "eleven char");
	sign_in_field(&s, "plan", "Pro");
	sign_in_field(&s, "phone", "+4912345678x");
	sign_in_field(&s, "address", "{\"city\":\"X\"}");
	ck_assert_int_eq(handoff(adapter, 0, &s), ADAPTER_INVALID);
	ck_assert_uint_eq(s.call.error_count, COUNT(want));
	for (unsigned i = 0; i < COUNT(want); i++) {
		ck_str_is(s.call.errors[i].field, want[i].field);
		ck_str_is(s.call.errors[i].text, want[i].text);
	}
}
END_TEST

START_TEST(length_is_counted_in_characters)
{
	sign_in_field(&s, "user_email", "a@b.example");
	sign_in_field(&s, "company_name", "äöüäöüäöüä");
	ck_assert_int_eq(handoff(adapter, 0, &s), ADAPTER_OK);
	ck_str_is(change_of(&s, "company")->value, "äöüäöüäöüä");
}
END_TEST

START_TEST(spaces_alone_are_as_good_as_nothing)
{
	sign_in_field(&s, "user_email", "a@b.example");
	sign_in_field(&s, "company_name", "   ");
	ck_assert_int_eq(handoff(adapter, 0, &s), ADAPTER_INVALID);
	ck_str_is(s.call.errors[0].text, "The company name field is required.");
}
END_TEST

START_TEST(absent_keeps_empty_removes_and_default_fills)
{
	struct fields stored;

	fields_init(&stored, s.pool);
	fields_set(&stored, STR("phone"), STR("+49123456"), FIELD_TEXT);
	s.call.attributes = &stored;
	sign_in_field(&s, "user_email", "a@b.example");
	sign_in_field(&s, "company_name", "Acme");
	ck_assert_int_eq(handoff(adapter, 0, &s), ADAPTER_OK);
	ck_assert(!is_changed("phone"));
	ck_str_is(change_of(&s, "plan")->value, "free");
	sign_in_field(&s, "phone", "");
	ck_assert_int_eq(handoff(adapter, 0, &s), ADAPTER_OK);
	ck_assert(str_is_null(change_of(&s, "phone")->value));
}
END_TEST

START_TEST(who_the_request_or_an_assertion_named_is_not_asked_for_again)
{
	sign_in_field(&s, "email", "posted@b.example");
	sign_in_field(&s, "company_name", "Acme");
	ck_assert_int_eq(handoff(adapter, 0, &s), ADAPTER_OK);
	ck_assert(str_is_null(s.call.email));

	fields_del(&s.fields, STR("email"));
	sign_in_field(&s, "user_email", "e@vil.example");
	s.call.may_supply = false;
	s.call.info.identity = STR("signed");
	ck_assert_int_eq(handoff(adapter, 0, &s), ADAPTER_OK);
	ck_assert(str_is_null(s.call.email));
}
END_TEST

START_TEST(declared_json_passes_as_its_text)
{
	sign_in_field(&s, "user_email", "a@b.example");
	sign_in_field(&s, "company_name", "Acme");
	fields_set(&s.fields, STR("address"), STR("{\"city\":\"Köln\"}"),
		   FIELD_JSON);
	ck_assert_int_eq(handoff(adapter, 0, &s), ADAPTER_OK);
	ck_str_is(change_of(&s, "address")->value, "{\"city\":\"Köln\"}");
	fields_set(&s.fields, STR("plan"), STR("[\"pro\"]"), FIELD_JSON);
	ck_assert_int_eq(handoff(adapter, 0, &s), ADAPTER_INVALID);
	ck_str_is(s.call.errors[0].text, "The plan must be a string.");
}
END_TEST

START_TEST(hostile_values_are_refused_or_stored_as_they_are)
{
	static char huge[FIELD_VALUE_MAX + 1];
	static const char *const odd[] = {
		"%s%n%s", "\\1\\2", "(((((", "<script>", "' or 1=1", "..",
		"\xf0\x9f\x99\x82",
	};

	memset(huge, '9', sizeof(huge) - 1);
	huge[0] = '+';
	sign_in_field(&s, "user_email", "a@b.example");
	for (unsigned i = 0; i < COUNT(odd); i++) {
		sign_in_field(&s, "company_name", odd[i]);
		ck_assert_int_eq(handoff(adapter, 0, &s), ADAPTER_OK);
		ck_str_is(change_of(&s, "company")->value, odd[i]);
	}
	sign_in_field(&s, "phone", huge);
	ck_assert_int_eq(handoff(adapter, 0, &s), ADAPTER_INVALID);
	ck_str_is(s.call.errors[0].text,
		  "The phone must not be greater than 255 characters.");
}
END_TEST

START_TEST(wrong_settings_are_named)
{
	static const struct bad_setting cases[] = {
		{ "plan", "x", "config.plan: must be a group" },
		{ "plan.form", "x", "config.plan.form: is not known; a rule" },
		{ "plan.required", "yes", "must be true or false" },
		{ "plan.json", "1", "must be true or false" },
		{ "plan.max", "0", "must be a number from 1 to 8192" },
		{ "plan.max", "08", "must be a number" },
		{ "plan.max", "99999999999999999999", "must be a number" },
		{ "plan.as", "id", "must be \"attribute\"" },
		{ "plan.pattern", "(", "extended regular expression" },
		{ "plan.pattern", "(a)\\1", "must not refer back" },
		{ "plan.pattern", "", "1 to 256 bytes" },
		{ "-a.from", "x", "is no name for an attribute" },
		{ "a*.from", "x", "is no name for an attribute" },
	};

	check_bad_settings("fieldmap", cases, COUNT(cases));
}
END_TEST

START_TEST(settings_that_contradict_each_other_are_named)
{
	static const struct adapter_setting json[] = {
		SETTING("a.json", "true"), SETTING("a.max", "3"),
	};
	static const struct adapter_setting choice[] = {
		SETTING("plan.one_of.0", "free"), SETTING("plan.default", "x"),
	};

	ck_assert_ptr_null(load(json, COUNT(json)));
	ck_assert(strstr(message, "config.a: is json") != NULL);
	ck_assert_ptr_null(load(choice, COUNT(choice)));
	ck_assert_msg(strstr(message, "config.plan.default: is none of") !=
		      NULL, "%s", message);
}
END_TEST

START_TEST(too_many_rules_are_refused)
{
	static struct adapter_setting many[USHER_ATTRIBUTES_MAX + 1];
	static char keys[USHER_ATTRIBUTES_MAX + 1][16];
	struct adapter *loaded;

	for (unsigned i = 0; i < COUNT(many); i++) {
		snprintf(keys[i], sizeof(keys[i]), "a%u.max", i);
		many[i] = (struct adapter_setting){ str_from(keys[i]),
						    STR("9") };
	}
	ck_assert_ptr_null(load(many, COUNT(many)));
	ck_assert(strstr(message, "128 rules") != NULL);
	loaded = load(many, COUNT(many) - 1);
	ck_assert_msg(loaded != NULL, "%s", message);
	adapter_unref(loaded);
}
END_TEST

static void add_tests(TCase *t)
{
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, fields_get_the_names_that_the_settings_give_them);
	tcase_add_test(t, complaints_are_laravel_s_and_all_come_at_once);
	tcase_add_test(t, length_is_counted_in_characters);
	tcase_add_test(t, spaces_alone_are_as_good_as_nothing);
	tcase_add_test(t, absent_keeps_empty_removes_and_default_fills);
	tcase_add_test(t,
		who_the_request_or_an_assertion_named_is_not_asked_for_again);
	tcase_add_test(t, declared_json_passes_as_its_text);
	tcase_add_test(t, hostile_values_are_refused_or_stored_as_they_are);
	tcase_add_test(t, wrong_settings_are_named);
	tcase_add_test(t, settings_that_contradict_each_other_are_named);
	tcase_add_test(t, too_many_rules_are_refused);
}

UNIT_MAIN("fieldmap", add_tests)
