#include "unit/adapter/adapters.h"

static char message[ADAPTER_LOAD_PROBLEM_MAX];

static struct adapter *load(const struct adapter_setting *settings,
			    unsigned count)
{
	return load_with("plan-router", settings, count, message);
}

#define PRO_DE "https://desk.example/pro/de"
#define PRO "https://desk.example/pro"
#define DE "https://desk.example/de"
#define OTHER "https://desk.example/"

static const struct adapter_setting example[] = {
	SETTING("routes.0.when.plan", "pro"),
	SETTING("routes.0.when.locale", "de*"),
	SETTING("routes.0.url", PRO_DE),
	SETTING("routes.1.when.plan", "pro"),
	SETTING("routes.1.url", PRO),
	SETTING("routes.2.when.locale", "de*"),
	SETTING("routes.2.url", DE),
	SETTING("default", OTHER),
	SETTING("keep_requested", "true"),
};

static void post(struct sign_in *s, const char *plan, const char *locale)
{
	sign_in_init(s);
	if (plan)
		sign_in_field(s, "plan", plan);
	if (locale)
		sign_in_field(s, "locale", locale);
}

START_TEST(the_first_route_whose_conditions_all_hold_is_taken)
{
	static const struct {
		const char *plan, *locale, *url;
	} cases[] = {
		{ "pro", "de", PRO_DE },
		{ "PRO", "de-AT", PRO_DE },
		{ " pro ", "DE_CH", PRO_DE },
		{ "pro", "fr", PRO },
		{ "pro", NULL, PRO },
		{ "free", "de", DE },
		{ NULL, "de", DE },
		{ "free", "d", OTHER },
		{ "prof", NULL, OTHER },
		{ "", "", OTHER },
		{ NULL, NULL, OTHER },
	};
	struct adapter *adapter = load(example, COUNT(example));

	ck_assert_msg(adapter != NULL, "%s", message);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct sign_in s;

		post(&s, cases[i].plan, cases[i].locale);
		ck_assert_int_eq(handoff(adapter, 0, &s), ADAPTER_OK);
		ck_str_is(s.call.redirect, cases[i].url);
		ck_assert_uint_eq(s.call.change_count, 0);
		pool_free(s.pool);
	}
	adapter_unref(adapter);
}
END_TEST

START_TEST(stored_attributes_count_where_nothing_was_posted)
{
	struct adapter *adapter = load(example, COUNT(example));
	struct fields stored;
	struct sign_in s;

	post(&s, NULL, NULL);
	fields_init(&stored, s.pool);
	fields_set(&stored, STR("plan"), STR("pro"), FIELD_TEXT);
	s.call.attributes = &stored;
	ck_assert_int_eq(handoff(adapter, 0, &s), ADAPTER_OK);
	ck_str_is(s.call.redirect, PRO);
	sign_in_field(&s, "plan", "free");
	ck_assert_int_eq(handoff(adapter, 0, &s), ADAPTER_OK);
	ck_str_is(s.call.redirect, OTHER);
	pool_free(s.pool);
	adapter_unref(adapter);
}
END_TEST

START_TEST(what_the_partner_asked_for_stays_where_the_settings_say_so)
{
	struct adapter *keeps = load(example, COUNT(example));
	struct adapter *does_not = load(example, COUNT(example) - 1);
	struct sign_in s;

	post(&s, "pro", NULL);
	sign_in_field(&s, "redirect_url", "https://desk.example/asked");
	ck_assert_int_eq(handoff(keeps, 0, &s), ADAPTER_OK);
	ck_assert(str_is_null(s.call.redirect));
	ck_assert_int_eq(handoff(does_not, 0, &s), ADAPTER_OK);
	ck_str_is(s.call.redirect, PRO);
	sign_in_field(&s, "redirect_url", " ");
	ck_assert_int_eq(handoff(keeps, 0, &s), ADAPTER_OK);
	ck_str_is(s.call.redirect, PRO);
	pool_free(s.pool);
	adapter_unref(keeps);
	adapter_unref(does_not);
}
END_TEST

START_TEST(without_a_default_the_gateway_chooses)
{
	struct adapter *adapter = load(example, 3);
	struct sign_in s;

	post(&s, "free", NULL);
	ck_assert_int_eq(handoff(adapter, 0, &s), ADAPTER_OK);
	ck_assert(str_is_null(s.call.redirect));
	pool_free(s.pool);
	adapter_unref(adapter);
}
END_TEST

START_TEST(a_url_that_the_gateway_refuses_fails_the_sign_in)
{
	static const struct adapter_setting bad[] = {
		SETTING("default", "https://desk.example\\@evil.example/"),
	};
	struct adapter *adapter = load(bad, COUNT(bad));
	struct sign_in s;

	post(&s, NULL, NULL);
	ck_assert_int_eq(handoff(adapter, 0, &s), ADAPTER_FAILED);
	pool_free(s.pool);
	adapter_unref(adapter);
}
END_TEST

START_TEST(wrong_settings_are_named)
{
	static const struct bad_setting cases[] = {
		{ "routes", "x", "config.routes: is not known" },
		{ "routes.x.url", PRO, "config.routes.x.url: must be a list" },
		{ "routes.0", "x", "must be a list of groups" },
		{ "routes.128.url", PRO, "128 routes" },
		{ "routes.0.uri", PRO, "config.routes.0.uri: is not known" },
		{ "routes.0.url", "/relative", "must be an absolute URL" },
		{ "routes.0.url", PRO, "without a condition" },
		{ "routes.0.when.plan", "pro", "without url" },
		{ "routes.0.when.", "pro", "is not known" },
		{ "default", "ftp://x", "must be an absolute URL" },
		{ "keep_requested", "1", "must be true or false" },
		{ "fallback", "x", "config.fallback: is not known" },
		{ "keep_requested", "true", "is missing, and so is default" },
	};

	check_bad_settings("plan-router", cases, COUNT(cases));
	ck_assert_ptr_null(load(NULL, 0));
}
END_TEST

START_TEST(a_ninth_condition_is_refused)
{
	static struct adapter_setting many[9];
	static char keys[9][32];

	for (unsigned i = 0; i < COUNT(many); i++) {
		snprintf(keys[i], sizeof(keys[i]), "routes.0.when.a%u", i);
		many[i] = (struct adapter_setting){ str_from(keys[i]),
						    STR("x") };
	}
	ck_assert_ptr_null(load(many, COUNT(many)));
	ck_assert(strstr(message, "ninth condition") != NULL);
}
END_TEST

static void add_tests(TCase *t)
{
	tcase_add_test(t,
		       the_first_route_whose_conditions_all_hold_is_taken);
	tcase_add_test(t, stored_attributes_count_where_nothing_was_posted);
	tcase_add_test(t,
		what_the_partner_asked_for_stays_where_the_settings_say_so);
	tcase_add_test(t, without_a_default_the_gateway_chooses);
	tcase_add_test(t, a_url_that_the_gateway_refuses_fails_the_sign_in);
	tcase_add_test(t, wrong_settings_are_named);
	tcase_add_test(t, a_ninth_condition_is_refused);
}

UNIT_MAIN("plan_router", add_tests)
