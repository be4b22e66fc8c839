#include "unit/adapter/adapters.h"

static char message[ADAPTER_LOAD_PROBLEM_MAX];

static struct adapter *load(const struct adapter_setting *settings,
			    unsigned count)
{
	return load_with("allowlist", settings, count, message);
}

static const struct adapter_setting example[] = {
	SETTING("allow.domains.0", "Example.com"),
	SETTING("allow.domains.1", "*.example.org"),
	SETTING("allow.domains.2", "b\xc3\xbc" "cher.example"),
	SETTING("allow.emails.0", "Boss@Partner.example"),
	SETTING("allow.fields.groups.one_of.0", "staff"),
	SETTING("allow.fields.groups.one_of.1", "support"),
	SETTING("allow.fields.groups.json", "true"),
	SETTING("allow.fields.labels.one_of", "vip"),
	SETTING("allow.fields.labels.separator", ","),
	SETTING("allow.fields.level.from", "customer level"),
	SETTING("allow.fields.level.one_of", "gold"),
	SETTING("allow.fields.role.one_of", "admin"),
	SETTING("allow.fields.role.signed", "true"),
	SETTING("deny.domains", "*.temp.example.org"),
	SETTING("deny.emails.0", "mallory@example.com"),
	SETTING("deny.fields.groups.one_of", "banned"),
	SETTING("deny.fields.groups.json", "true"),
	SETTING("deny.fields.status.one_of", "closed"),
	SETTING("code", "members_only"),
	SETTING("reason", "Members only, sorry."),
};

static struct adapter *adapter;
static struct sign_in s;
static struct fields stored, claims;

static void fresh(void)
{
	sign_in_init(&s);
	fields_init(&stored, s.pool);
	fields_init(&claims, s.pool);
	s.call.attributes = &stored;
	s.call.info.identity = STR("unsigned");
}

static void sign(void)
{
	s.call.claims = &claims;
	s.call.info.identity = STR("signed");
}

static void setup(void)
{
	adapter = load(example, COUNT(example));
	ck_assert_msg(adapter != NULL, "%s", message);
	fresh();
}

static void teardown(void)
{
	pool_free(s.pool);
	adapter_unref(adapter);
}

static enum adapter_result enter(const char *email)
{
	sign_in_field(&s, "email", email);
	return handoff(adapter, 0, &s);
}

/* A new sign-in of somebody of no allowed domain. */
static enum adapter_result with(const char *field, const char *value,
				enum field_kind kind)
{
	pool_free(s.pool);
	fresh();
	fields_set(&s.fields, str_from(field), str_from(value), kind);
	return enter("ann@elsewhere.example");
}

START_TEST(an_address_is_compared_as_the_gateway_compares_it)
{
	static const struct {
		const char *email;
		enum adapter_result result;
	} cases[] = {
		{ "ann@example.com", ADAPTER_OK },
		{ " Ann@EXAMPLE.Com ", ADAPTER_OK },
		{ "ann@sub.example.com", ADAPTER_DENIED },
		{ "ann@notexample.com", ADAPTER_DENIED },
		{ "ann@example.com.evil.example", ADAPTER_DENIED },
		{ "example.com@evil.example", ADAPTER_DENIED },
		{ "ann@example.org", ADAPTER_DENIED },
		{ "ann@a.example.org", ADAPTER_OK },
		{ "ann@b.a.example.org", ADAPTER_OK },
		{ "ann@xexample.org", ADAPTER_DENIED },
		{ "ann@b\xc3\xbc" "cher.example", ADAPTER_OK },
		{ "ann@B\xc3\x9c" "CHER.example", ADAPTER_OK },
		{ "ann@xn--bcher-kva.example", ADAPTER_OK },
		{ "ann@bucher.example", ADAPTER_DENIED },
		{ "boss@partner.EXAMPLE", ADAPTER_OK },
		{ "bosss@partner.example", ADAPTER_DENIED },
		/* deny has the last word */
		{ "mallory@example.com", ADAPTER_DENIED },
		{ "MALLORY@Example.com", ADAPTER_DENIED },
		{ "ann@x.temp.example.org", ADAPTER_DENIED },
		/* no address at all */
		{ "", ADAPTER_INVALID },
		{ "  ", ADAPTER_INVALID },
		{ "example.com", ADAPTER_INVALID },
		{ "a@evil.example@example.com", ADAPTER_INVALID },
		{ "\"a@evil\"@example.com", ADAPTER_INVALID },
		{ "ann@\xef\xbd\x85xample.com", ADAPTER_INVALID },
	};

	for (unsigned i = 0; i < COUNT(cases); i++) {
		enum adapter_result result = enter(cases[i].email);

		ck_assert_msg(result == cases[i].result, "'%s': %d %s",
			      cases[i].email, (int)result, s.call.problem);
		if (result == ADAPTER_DENIED) {
			ck_str_is(s.call.deny_code, "members_only");
			ck_str_is(s.call.deny_reason, "Members only, sorry.");
		}
		if (result == ADAPTER_INVALID)
			ck_str_is(s.call.errors[0].field, "email");
	}
	fields_del(&s.fields, STR("email"));
	ck_assert_int_eq(handoff(adapter, 0, &s), ADAPTER_INVALID);
	ck_str_is(s.call.errors[0].text, "The email field is required.");
}
END_TEST

START_TEST(a_field_may_open_the_door_with_one_value_or_a_list)
{
	static const struct {
		const char *field, *value;
		enum field_kind kind;
		enum adapter_result result;
	} cases[] = {
		{ "groups", "staff", FIELD_TEXT, ADAPTER_OK },
		{ "groups", " support ", FIELD_TEXT, ADAPTER_OK },
		{ "groups", "Staff", FIELD_TEXT, ADAPTER_DENIED },
		{ "groups", "staff,x", FIELD_TEXT, ADAPTER_DENIED },
		{ "groups", "[\"x\",\"staff\"]", FIELD_JSON, ADAPTER_OK },
		{ "groups", "[\"x\",\"st\\u0061ff\"]", FIELD_JSON,
		  ADAPTER_OK },
		{ "groups", "[\"x\",\"staff\"]", FIELD_TEXT, ADAPTER_OK },
		{ "groups", "[\"staffx\"]", FIELD_JSON, ADAPTER_DENIED },
		{ "groups", "[]", FIELD_JSON, ADAPTER_DENIED },
		{ "groups", "[\"staff\",[\"x\"]]", FIELD_JSON,
		  ADAPTER_INVALID },
		{ "groups", "{\"staff\":true}", FIELD_JSON, ADAPTER_INVALID },
		{ "groups", "[\"staff\",\"banned\"]", FIELD_JSON,
		  ADAPTER_DENIED },
		{ "labels", "a, vip ,b", FIELD_TEXT, ADAPTER_OK },
		{ "labels", "vip", FIELD_TEXT, ADAPTER_OK },
		{ "labels", "a,vipb", FIELD_TEXT, ADAPTER_DENIED },
		{ "labels", ",,", FIELD_TEXT, ADAPTER_DENIED },
		{ "customer level", "gold", FIELD_TEXT, ADAPTER_OK },
		{ "level", "gold", FIELD_TEXT, ADAPTER_DENIED },
		{ "other", "staff", FIELD_TEXT, ADAPTER_DENIED },
	};

	for (unsigned i = 0; i < COUNT(cases); i++) {
		enum adapter_result result = with(cases[i].field,
						  cases[i].value,
						  cases[i].kind);

		ck_assert_msg(result == cases[i].result, "case %u: %d %s", i,
			      (int)result, s.call.problem);
		if (result == ADAPTER_INVALID)
			ck_str_is(s.call.errors[0].field, "groups");
	}
}
END_TEST

START_TEST(what_is_stored_counts_where_nothing_was_posted)
{
	fields_set(&stored, STR("groups"), STR("[\"staff\"]"), FIELD_TEXT);
	ck_assert_int_eq(enter("ann@elsewhere.example"), ADAPTER_OK);
	sign_in_field(&s, "groups", "x");
	ck_assert_int_eq(enter("ann@elsewhere.example"), ADAPTER_DENIED);
}
END_TEST

START_TEST(who_is_denied_cannot_post_his_way_out)
{
	fields_set(&stored, STR("status"), STR("closed"), FIELD_TEXT);
	ck_assert_int_eq(enter("ann@example.com"), ADAPTER_DENIED);
	sign_in_field(&s, "status", "open");
	ck_assert_int_eq(enter("ann@example.com"), ADAPTER_DENIED);
	fields_del(&stored, STR("status"));
	ck_assert_int_eq(enter("ann@example.com"), ADAPTER_OK);
	sign_in_field(&s, "status", "closed");
	ck_assert_int_eq(enter("ann@example.com"), ADAPTER_DENIED);
	/* A signed word is heard as well. */
	sign_in_field(&s, "status", "open");
	sign();
	fields_set(&claims, STR("status"), STR("closed"), FIELD_TEXT);
	ck_assert_int_eq(enter("ann@example.com"), ADAPTER_DENIED);
}
END_TEST

START_TEST(white_space_hides_no_list_from_deny)
{
	static const struct {
		const char *value;
		enum adapter_result result;
	} cases[] = {
		{ "[\"banned\"]", ADAPTER_DENIED },
		{ " [\"banned\"]", ADAPTER_DENIED },
		{ "\t[\"banned\"] ", ADAPTER_DENIED },
		{ " [\"other\"]", ADAPTER_OK },
		/* not as the host gives JSON, so nobody is let in by it */
		{ "\r\n[\"banned\"]", ADAPTER_INVALID },
		{ "[ \"banned\" ]", ADAPTER_INVALID },
	};

	for (unsigned i = 0; i < COUNT(cases); i++) {
		sign_in_field(&s, "groups", cases[i].value);
		ck_assert_msg(enter("ann@example.com") == cases[i].result,
			      "case %u: %d %s", i, (int)s.call.result,
			      s.call.problem);
	}
}
END_TEST

START_TEST(a_signed_field_is_one_that_the_assertion_holds)
{
	sign_in_field(&s, "role", "admin");
	fields_set(&stored, STR("role"), STR("admin"), FIELD_TEXT);
	ck_assert_int_eq(enter("ann@elsewhere.example"), ADAPTER_DENIED);
	/* Posted beside an assertion that does not say so. */
	sign();
	ck_assert_int_eq(enter("ann@elsewhere.example"), ADAPTER_DENIED);
	fields_set(&claims, STR("role"), STR("user"), FIELD_TEXT);
	ck_assert_int_eq(enter("ann@elsewhere.example"), ADAPTER_DENIED);
	fields_set(&claims, STR("role"), STR("admin"), FIELD_TEXT);
	ck_assert_int_eq(enter("ann@elsewhere.example"), ADAPTER_OK);
}
END_TEST

START_TEST(allow_may_be_for_signed_users_alone)
{
	static const struct adapter_setting settings[] = {
		SETTING("allow.domains", "example.com"),
		SETTING("allow.signed", "true"),
	};

	adapter_unref(adapter);
	adapter = load(settings, COUNT(settings));
	ck_assert_int_eq(enter("ann@example.com"), ADAPTER_DENIED);
	ck_str_is(s.call.deny_code, "not_allowed");
	ck_str_is(s.call.deny_reason, "This account may not sign in here.");
	s.call.info.identity = STR_NULL;
	ck_assert_int_eq(enter("ann@example.com"), ADAPTER_DENIED);
	sign();
	ck_assert_int_eq(enter("ann@example.com"), ADAPTER_OK);
	ck_assert_int_eq(enter("ann@elsewhere.example"), ADAPTER_DENIED);
}
END_TEST

START_TEST(others_may_enter_where_the_settings_say_so)
{
	static const struct adapter_setting settings[] = {
		SETTING("deny.domains", "evil.example"),
		SETTING("others", "allow"),
	};

	adapter_unref(adapter);
	adapter = load(settings, COUNT(settings));
	ck_assert_msg(adapter != NULL, "%s", message);
	ck_assert_int_eq(enter("ann@example.com"), ADAPTER_OK);
	ck_assert_int_eq(enter("ann@evil.example"), ADAPTER_DENIED);
	ck_assert_int_eq(enter("nonsense"), ADAPTER_INVALID);
}
END_TEST

START_TEST(a_refusal_is_logged_without_a_name)
{
	enter("mallory@example.com");
	ck_assert(strstr(last_log, "refused: deny names them") != NULL);
	enter("ann@elsewhere.example");
	ck_assert(strstr(last_log, "refused: allow does not name them") !=
		  NULL);
	ck_assert(strstr(last_log, "elsewhere") == NULL);
}
END_TEST

START_TEST(wrong_settings_are_named)
{
	static const struct bad_setting cases[] = {
		{ "allow", "x", "config.allow: is not known" },
		{ "allow.domain", "a.example", "config.allow.domain: is not" },
		{ "allow.domains.0", "a..b", "config.allow.domains.0: must be "
		  "a domain" },
		{ "allow.domains.0", "*.", "must be a domain" },
		{ "allow.domains.0", "*", "must be a domain" },
		{ "allow.domains.0", "@example.com", "must be a domain" },
		{ "allow.domains.x", "a.example", "is not known" },
		{ "allow.emails.0", "a.example", "must be a mail address" },
		{ "allow.fields", "x", "config.allow.fields: is not known" },
		{ "allow.fields.groups", "x", "must be a group" },
		{ "allow.fields.g.oneof", "x", "config.allow.fields.g.oneof: "
		  "is not known" },
		{ "allow.fields.g.one_of.0", "", "must not be empty" },
		{ "allow.fields.g.from", "", "must not be empty" },
		{ "allow.fields.g.from", "x", "config.allow.fields.g: has no "
		  "one_of" },
		{ "deny.fields.g.from", "x", "config.deny.fields.g: has no" },
		{ "allow.fields.g.separator", ", ", "one ASCII character" },
		{ "allow.fields.g.separator", "", "one ASCII character" },
		{ "allow.fields.g.json", "1", "must be true or false" },
		{ "allow.fields.g.signed", "1", "must be true or false" },
		{ "allow.signed", "yes", "must be true or false" },
		{ "deny.signed", "true", "config.deny.signed: is not known" },
		{ "deny.fields.g.signed", "true", "does not apply" },
		{ "others", "maybe", "must be \"allow\" or \"deny\"" },
		{ "others", "allow", "deny names nobody" },
		{ "deny.domains", "a.example", "config.allow: names nobody" },
		{ "code", "Not_Allowed", "small letters" },
		{ "code", "1st", "small letters" },
		{ "code", "", "small letters" },
		{ "reason", "", "1 to 512 bytes" },
		{ "resaon", "x", "config.resaon: is not known" },
	};

	check_bad_settings("allowlist", cases, COUNT(cases));
	ck_assert_ptr_null(load(NULL, 0));
	ck_assert(strstr(message, "names nobody") != NULL);
}
END_TEST

START_TEST(lists_have_limits)
{
	static struct adapter_setting many[513];
	static char keys[513][48], values[513][32];
	static const struct {
		const char *key, *value, *says;
		unsigned most;
	} cases[] = {
		{ "allow.domains.%u", "a%u.example", "512 domains", 512 },
		{ "allow.emails.%u", "a%u@b.example", "512 addresses", 512 },
		{ "allow.fields.g.one_of.%u", "v%u", "65th", 64 },
		{ "allow.fields.f%u.one_of", "v%u", "32 fields", 32 },
	};

	for (unsigned c = 0; c < COUNT(cases); c++) {
		struct adapter *loaded;

		for (unsigned i = 0; i <= cases[c].most; i++) {
			snprintf(keys[i], sizeof(keys[i]), cases[c].key, i);
			snprintf(values[i], sizeof(values[i]), cases[c].value,
				 i);
			many[i] = (struct adapter_setting){
				str_from(keys[i]), str_from(values[i]) };
		}
		ck_assert_ptr_null(load(many, cases[c].most + 1));
		ck_assert_msg(strstr(message, cases[c].says) != NULL, "%s",
			      message);
		loaded = load(many, cases[c].most);
		ck_assert_msg(loaded != NULL, "%s", message);
		adapter_unref(loaded);
	}
}
END_TEST

static void add_tests(TCase *t)
{
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t,
		       an_address_is_compared_as_the_gateway_compares_it);
	tcase_add_test(t, a_field_may_open_the_door_with_one_value_or_a_list);
	tcase_add_test(t, what_is_stored_counts_where_nothing_was_posted);
	tcase_add_test(t, who_is_denied_cannot_post_his_way_out);
	tcase_add_test(t, white_space_hides_no_list_from_deny);
	tcase_add_test(t, a_signed_field_is_one_that_the_assertion_holds);
	tcase_add_test(t, allow_may_be_for_signed_users_alone);
	tcase_add_test(t, others_may_enter_where_the_settings_say_so);
	tcase_add_test(t, a_refusal_is_logged_without_a_name);
	tcase_add_test(t, wrong_settings_are_named);
	tcase_add_test(t, lists_have_limits);
}

UNIT_MAIN("allowlist", add_tests)
