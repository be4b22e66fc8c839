#include "unit/adapter/adapters.h"

#include "codec/base64url.h"

static char message[ADAPTER_LOAD_PROBLEM_MAX];
static struct adapter_secret secrets[] = {
	{ STR("zendesk"), STR("a shared secret of the desk") },
};

static struct adapter *load(const struct adapter_setting *settings,
			    unsigned count, unsigned secret_count)
{
	char path[ADAPTER_PATH_MAX];
	struct adapter_options options = {
		.tenant = STR("acme"),
		.path = adapter_path("zendesk", path),
		.settings = settings,
		.setting_count = count,
		.secrets = secrets,
		.secret_count = secret_count,
		.deadline_ms = 50,
		.workers = 1,
	};
	struct adapter *adapter = NULL;
	struct buf problem;

	buf_init_fixed(&problem, message, sizeof(message));
	adapter_load(&options, &test_services, NULL, &adapter, &problem);
	return adapter;
}

static const struct adapter_setting example[] = {
	SETTING("subdomain", "acme"),
	SETTING("home", "https://acme.zendesk.com/hc/requests"),
	SETTING("brands.0", "Help.Acme.example"),
	SETTING("organization", "company"),
	SETTING("phone", "phone"),
	SETTING("locale_id", "locale"),
	SETTING("remote_photo_url", "photo"),
	SETTING("role", "desk_role"),
	SETTING("roles.0", "agent"),
	SETTING("roles.1", "end-user"),
	SETTING("tags", "labels"),
	SETTING("add_tags.0", "via-usher"),
	SETTING("user_fields.plan", "plan"),
	SETTING("user_fields.seats", "seat_count"),
	SETTING("unsigned", "allow"),
};

static struct adapter *adapter;
static struct sign_in s;
static struct fields stored, claims;

static void setup(void)
{
	adapter = load(example, COUNT(example), 1);
	ck_assert_msg(adapter != NULL, "%s", message);
	sign_in_init(&s);
	fields_init(&stored, s.pool);
	fields_init(&claims, s.pool);
	s.call.attributes = &stored;
	s.call.info.identity = STR("unsigned");
	s.call.info.user_id = STR("42");
	s.call.info.user_email = STR("ann@example.com");
	s.call.info.user_name = STR("Ann");
}

static void teardown(void)
{
	pool_free(s.pool);
	adapter_unref(adapter);
}

/* Another adapter for the rest of the test. */
static void settle(const struct adapter_setting *settings, unsigned count)
{
	adapter_unref(adapter);
	adapter = load(settings, count, 1);
	ck_assert_msg(adapter != NULL, "%s", message);
}

static void sign(void)
{
	s.call.claims = &claims;
	s.call.info.identity = STR("signed");
}

static void claim(const char *name, const char *value, enum field_kind kind)
{
	fields_set(&claims, str_from(name), str_from(value), kind);
	fields_set(&s.fields, str_from(name), str_from(value), kind);
}

/* What the handoff changed is what deliver sees. */
static void sync_in(void)
{
	ck_assert_msg(handoff(adapter, 0, &s) == ADAPTER_OK, "%s",
		      s.call.problem);
	for (unsigned i = 0; i < s.call.change_count; i++) {
		const struct adapter_change *c = &s.call.changes[i];

		if (str_is_null(c->value))
			fields_del(&stored, c->name);
		else
			fields_set(&stored, c->name, c->value, FIELD_TEXT);
	}
}

static enum adapter_result deliver(void)
{
	const struct fields *fields = s.call.fields;

	s.call.fields = NULL;
	ck_assert_int_eq(adapter_deliver(adapter, 0, &s.call, not_done),
			 ADAPTER_DONE);
	s.call.fields = fields;
	return s.call.result;
}

static const char *posted(const char *name)
{
	for (unsigned i = 0; i < s.call.post_field_count; i++)
		if (str_eq(s.call.post_fields[i].field, str_from(name)))
			return s.call.post_fields[i].text.ptr;
	return NULL;
}

/* The claims of a token, which has the right signature. */
static const char *opened(struct str token)
{
	static char text[8192];
	unsigned char mac[32];
	char code[BASE64URL_LEN(32) + 1];
	struct str rest, header = str_cut(token, '.', &rest);
	struct str body = str_cut(rest, '.', &rest);
	size_t len;

	ck_assert_uint_gt(header.len, 0);
	test_hmac(secrets[0].value, token.ptr,
		  (size_t)(rest.ptr - token.ptr) - 1, mac);
	base64url_encode(code, mac, sizeof(mac));
	code[sizeof(code) - 1] = '\0';
	ck_str_is(rest, code);
	ck_assert_int_eq(base64url_decode(body, text, sizeof(text) - 1, &len),
			 ERR_OK);
	text[len] = '\0';
	return text;
}

static const char *delivered(void)
{
	ck_assert_msg(deliver() == ADAPTER_OK, "%s", s.call.problem);
	ck_assert_ptr_nonnull(posted("jwt"));
	return opened(str_from(posted("jwt")));
}

static void has(const char *json, const char *part)
{
	ck_assert_msg(strstr(json, part) != NULL, "%s\nlacks %s", json, part);
}

static void lacks(const char *json, const char *part)
{
	ck_assert_msg(strstr(json, part) == NULL, "%s\nhas %s", json, part);
}

START_TEST(a_form_takes_the_user_on)
{
	const char *json = delivered();
	char first[64];

	ck_str_is(s.call.post_url, "https://acme.zendesk.com/access/jwt");
	ck_assert_uint_eq(s.call.post_field_count, 2);
	ck_assert_str_eq(posted("return_to"),
			 "https://acme.zendesk.com/hc/requests");
	has(json, "{\"iat\":");
	has(json, "\"email\":\"ann@example.com\",\"name\":\"Ann\"");
	has(json, ",\"tags\":[\"via-usher\"]}");
	lacks(json, "external_id");
	lacks(json, "organization");
	/* No token is like another. */
	snprintf(first, sizeof(first), "%.40s", strstr(json, "\"jti\""));
	ck_assert_str_ne(first, "");
	ck_assert_ptr_null(strstr(delivered(), first));
}
END_TEST

START_TEST(what_was_posted_goes_along)
{
	const char *json;

	sign_in_field(&s, "company", " Acme \"<&>\" Inc ");
	sign_in_field(&s, "phone", "+43123");
	sign_in_field(&s, "locale", "8");
	sign_in_field(&s, "photo", "https://a.example/p.png");
	sign_in_field(&s, "labels", "vip, , g\xc3\xb6ld");
	sign_in_field(&s, "plan", "pro");
	sync_in();
	json = delivered();
	has(json, "\"organization\":\"Acme \\u0022\\u003c\\u0026\\u003e\\u0022"
	    " Inc\"");
	has(json, "\"phone\":\"+43123\"");
	has(json, "\"locale_id\":8,");
	has(json, "\"remote_photo_url\":\"https://a.example/p.png\"");
	has(json, "\"tags\":[\"via-usher\",\"vip\",\"g\xc3\xb6ld\"]");
	has(json, "\"user_fields\":{\"plan\":\"pro\"}");
	/* The next sign-in says it anew. */
	fields_del(&s.fields, STR("company"));
	sign_in_field(&s, "phone", " ");
	sync_in();
	json = delivered();
	lacks(json, "organization");
	lacks(json, "phone");
	has(json, "\"locale_id\":8,");
}
END_TEST

START_TEST(of_a_signed_user_the_assertion_alone_speaks)
{
	const char *json;

	sign();
	s.call.info.user_external_id = STR("A-1");
	sign_in_field(&s, "company", "Not Mine Inc");
	sign_in_field(&s, "desk_role", "agent");
	claim("plan", "pro", FIELD_TEXT);
	claim("labels", "[\"a\",\"b,c\"]", FIELD_JSON);
	sync_in();
	json = delivered();
	has(json, "\"external_id\":\"A-1\"");
	lacks(json, "organization");
	lacks(json, "role");
	has(json, "\"tags\":[\"via-usher\",\"a\",\"b,c\"]");
	has(json, "\"user_fields\":{\"plan\":\"pro\"}");
	claim("desk_role", "agent", FIELD_TEXT);
	sync_in();
	has(delivered(), "\"role\":\"agent\"");
}
END_TEST

START_TEST(a_role_is_for_signed_users_and_on_the_list)
{
	sign_in_field(&s, "desk_role", "agent");
	sync_in();
	lacks(delivered(), "role");
	/* Even if it got among the attributes somehow. */
	fields_set(&stored, STR("zendesk.role"), STR("agent"), FIELD_TEXT);
	lacks(delivered(), "role");
	sign();
	claim("desk_role", "admin", FIELD_TEXT);
	ck_assert_int_eq(handoff(adapter, 0, &s), ADAPTER_INVALID);
	ck_str_is(s.call.errors[0].text, "The selected desk role is invalid.");
}
END_TEST

START_TEST(unsigned_users_stay_outside_unless_the_settings_say_so)
{
	static const struct adapter_setting strict[] = {
		SETTING("subdomain", "acme"),
	};

	settle(strict, COUNT(strict));
	ck_assert_int_eq(handoff(adapter, 0, &s), ADAPTER_DENIED);
	ck_str_is(s.call.deny_code, "not_verified");
	ck_assert_int_eq(deliver(), ADAPTER_DENIED);
	ck_str_is(s.call.deny_code, "not_verified");
	sign();
	ck_assert_int_eq(handoff(adapter, 0, &s), ADAPTER_OK);
	ck_assert_int_eq(deliver(), ADAPTER_OK);
	ck_assert_ptr_null(posted("return_to"));
}
END_TEST

START_TEST(return_to_is_a_page_of_this_zendesk)
{
	static const struct {
		const char *target, *page;
	} cases[] = {
		{ "https://acme.zendesk.com/hc/x?y=1#z",
		  "https://acme.zendesk.com/hc/x?y=1#z" },
		{ "https://help.acme.example/", "https://help.acme.example/" },
		{ "https://acme.zendesk.com.evil.example/x", NULL },
		{ "https://evil.example/acme.zendesk.com/", NULL },
		{ "https://acme.zendesk.com:8443/x", NULL },
		{ "https://other.zendesk.com/x", NULL },
		{ "http://acme.zendesk.com/x", NULL },
		{ "https://acme.zendesk.com", NULL },
		{ "https://ticket.acme.example/dashboard", NULL },
	};

	for (unsigned i = 0; i < COUNT(cases); i++) {
		s.call.info.redirect_url = str_from(cases[i].target);
		ck_assert_int_eq(deliver(), ADAPTER_OK);
		ck_assert_str_eq(posted("return_to"), cases[i].page ?
				 cases[i].page :
				 "https://acme.zendesk.com/hc/requests");
	}
}
END_TEST

START_TEST(the_older_way_is_a_redirect)
{
	static const struct adapter_setting get[] = {
		SETTING("subdomain", "acme"), SETTING("delivery", "get"),
		SETTING("unsigned", "allow"), SETTING("external_id", "id"),
		SETTING("organization", "company"),
	};
	static const char before[] =
		"https://acme.zendesk.com/access/jwt?jwt=";
	static char long_name[256];
	struct str token, rest;

	settle(get, COUNT(get));
	s.call.info.redirect_url = STR("https://acme.zendesk.com/a?b=c&d");
	ck_assert_int_eq(deliver(), ADAPTER_OK);
	ck_assert(str_is_null(s.call.post_url));
	ck_assert(str_has_prefix(s.call.redirect, str_from(before)));
	token = s.call.redirect;
	token.ptr += sizeof(before) - 1;
	token.len -= sizeof(before) - 1;
	token = str_cut(token, '&', &rest);
	ck_str_is(rest, "return_to=https%3A%2F%2Facme.zendesk.com%2Fa%3Fb%3Dc"
		  "%26d");
	has(opened(token), "\"external_id\":\"42\"");
	/* What does not fit into a URL fails, and nobody is half signed in. */
	memset(long_name, '<', sizeof(long_name) - 1);
	s.call.info.user_name = str_from(long_name);
	ck_assert_int_eq(deliver(), ADAPTER_FAILED);
}
END_TEST

START_TEST(odd_people_arrive_whole)
{
	static char long_name[1021];
	const char *json;

	s.call.info.user_name = STR("  ");
	has(delivered(), "\"name\":\"ann\"");
	s.call.info.user_name = STR_NULL;
	has(delivered(), "\"name\":\"ann\"");
	s.call.info.user_name = STR("\xf0\x9f\x99\x82 O'Neil \\ \"X\"");
	json = delivered();
	has(json, "\"name\":\"\xf0\x9f\x99\x82 O'Neil \\u005c \\u0022X"
	    "\\u0022\"");
	for (size_t i = 0; i + 4 < sizeof(long_name); i += 4)
		memcpy(long_name + i, "\xf0\x9f\x99\x82", 4);
	s.call.info.user_name = str_from(long_name);
	has(delivered(), long_name);
	s.call.info.user_email = STR_NULL;
	ck_assert_int_eq(deliver(), ADAPTER_FAILED);
}
END_TEST

START_TEST(values_that_zendesk_would_choke_on_are_told)
{
	static char long_value[257], many[200];
	static const struct {
		const char *field, *value;
		enum field_kind kind;
		const char *says;
	} cases[] = {
		{ "company", long_value, FIELD_TEXT,
		  "The company must not be greater than 255 characters." },
		{ "company", "[\"a\"]", FIELD_JSON,
		  "The company must be a string." },
		{ "locale", "de", FIELD_TEXT, "The locale must be an "
		  "integer." },
		{ "photo", "javascript:x", FIELD_TEXT,
		  "The photo must be a valid URL." },
		{ "seat_count", long_value, FIELD_TEXT, "The seat count must "
		  "not be greater than 255 characters." },
		{ "labels", "{\"a\":1}", FIELD_JSON,
		  "The labels must be a list of tags." },
		{ "labels", many, FIELD_TEXT, "The labels must be at most 32 "
		  "tags of 255 characters." },
	};

	memset(long_value, 'x', sizeof(long_value) - 1);
	for (unsigned i = 0; i < 33; i++)
		memcpy(many + 2 * i, "a,", 2);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		s.fields.count = 0;
		fields_set(&s.fields, str_from(cases[i].field),
			   str_from(cases[i].value), cases[i].kind);
		ck_assert_int_eq(handoff(adapter, 0, &s), ADAPTER_INVALID);
		ck_assert_uint_eq(s.call.error_count, 1);
		ck_str_is(s.call.errors[0].field, cases[i].field);
		ck_str_is(s.call.errors[0].text, cases[i].says);
	}
}
END_TEST

START_TEST(wrong_settings_are_named)
{
	static const struct {
		const char *key, *value, *says;
	} cases[] = {
		{ "subdomain", "", "config.subdomain: must be the part" },
		{ "subdomain", "acme.zendesk.com", "must be the part" },
		{ "subdomain", "Acme", "must be the part" },
		{ "subdomain", "a/b", "must be the part" },
		{ "subdomian", "acme", "config.subdomian: is not known" },
		{ "delivery", "put", "\"post\" or \"get\"" },
		{ "unsigned", "true", "\"deny\" or \"allow\"" },
		{ "external_id", "sub", "\"external_id\", \"id\" or" },
		{ "home", "https://evil.example/", "config.home: must be" },
		{ "home", "http://acme.zendesk.com/", "config.home: must be" },
		{ "brands.0", "https://x.example", "config.brands.0: must be "
		  "a host name" },
		{ "brands.x", "x.example", "config.brands.x: is not known" },
		{ "role", "r", "config.role: needs roles" },
		{ "roles.0", "", "1 to 255 bytes" },
		{ "organization", "", "must be the name of a field" },
		{ "organization.from", "x", "is not known" },
		{ "user_fields", "x", "config.user_fields: is not known" },
		{ "user_fields.a*", "x", "is no name of a user field" },
		{ "secret", "other", "config.secret: names no secret" },
	};
	struct adapter_setting two[2] = { SETTING("subdomain", "acme") };

	for (unsigned i = 0; i < COUNT(cases); i++) {
		two[1] = (struct adapter_setting){ str_from(cases[i].key),
						   str_from(cases[i].value) };
		ck_assert_msg(load(two, 2, 1) == NULL, "case %u", i);
		ck_assert_msg(strstr(message, cases[i].says) != NULL,
			      "case %u: %s", i, message);
	}
	ck_assert_ptr_null(load(NULL, 0, 1));
	ck_assert(strstr(message, "config.subdomain: is missing") != NULL);
	ck_assert_ptr_null(load(two, 1, 0));
	ck_assert(strstr(message, "config.secret: names no secret") != NULL);
}
END_TEST

START_TEST(lists_have_limits)
{
	static struct adapter_setting many[34];
	static char keys[34][32];
	static const struct {
		const char *key, *value;
		unsigned most;
	} cases[] = {
		{ "brands.%u", "a.example", 32 }, { "roles.%u", "r", 16 },
		{ "add_tags.%u", "t", 32 }, { "user_fields.f%u", "f", 32 },
	};

	for (unsigned c = 0; c < COUNT(cases); c++) {
		struct adapter *loaded;
		unsigned most = cases[c].most;

		many[0] = example[0];
		for (unsigned i = 0; i <= most; i++) {
			snprintf(keys[i], sizeof(keys[i]), cases[c].key, i);
			many[i + 1] = (struct adapter_setting){
				str_from(keys[i]), str_from(cases[c].value) };
		}
		loaded = load(many, most + 1, 1);
		ck_assert_msg(loaded != NULL, "%s", message);
		adapter_unref(loaded);
		ck_assert_msg(!load(many, most + 2, 1), "case %u", c);
		ck_assert_msg(strstr(message, "is too much") != NULL, "%s",
			      message);
	}
}
END_TEST

static void add_tests(TCase *t)
{
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_form_takes_the_user_on);
	tcase_add_test(t, what_was_posted_goes_along);
	tcase_add_test(t, of_a_signed_user_the_assertion_alone_speaks);
	tcase_add_test(t, a_role_is_for_signed_users_and_on_the_list);
	tcase_add_test(t,
		unsigned_users_stay_outside_unless_the_settings_say_so);
	tcase_add_test(t, return_to_is_a_page_of_this_zendesk);
	tcase_add_test(t, the_older_way_is_a_redirect);
	tcase_add_test(t, odd_people_arrive_whole);
	tcase_add_test(t, values_that_zendesk_would_choke_on_are_told);
	tcase_add_test(t, wrong_settings_are_named);
	tcase_add_test(t, lists_have_limits);
}

UNIT_MAIN("zendesk", add_tests)
