#include "policy/body-mistake.h"

#include "codec/posted.h"
#include "unit/unit.h"

#define PART "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b--"

START_TEST(a_body_of_another_type_is_known)
{
	static const struct {
		const char *body;
		const char *as[3];	/* said to be a form, JSON, multipart */
	} cases[] = {
		{ "{\"a\":1}", { "JSON", NULL, "JSON" } },
		{ " \n{}\r\n", { "JSON", NULL, "JSON" } },
		{ PART, { "multipart", "multipart", NULL } },
		{ "email=a%40b&name=x", { NULL, "form", "form" } },
		{ "user%5Bemail%5D=a", { NULL, "form", "form" } },
		{ "user[email]=a", { NULL, "form", "form" } },
		{ "[object Object]", { "not turn to text", NULL,
				       "not turn to text" } },
		{ "[object FormData]\n", { "URLSearchParams", NULL,
					   "URLSearchParams" } },
		{ "%5Bobject+Object%5D=", { "not turn to text", NULL,
					    "not turn to text" } },
		{ "undefined", { "nothing to send", NULL,
				 "nothing to send" } },
		/* one that says so of a field has others */
		{ "%5Bobject+Object%5D=&email=a%40b", { NULL, NULL, NULL } },
		{ "undefineds", { NULL, NULL, NULL } },
		{ "", { NULL, NULL, NULL } },
		{ "=", { NULL, NULL, NULL } },
		{ "a", { NULL, NULL, NULL } },
		{ "{\"a\":1", { NULL, NULL, NULL } },
		{ "a b=c", { NULL, NULL, NULL } },
		{ "--b=c", { NULL, "form", "form" } },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++)
		for (int said = BODY_FORM; said <= BODY_MULTIPART; said++) {
			const char *want = cases[i].as[said];
			const char *is = body_mistake_type(
				str_from(cases[i].body), (enum body_type)said);

			ck_assert_msg(!want == !is && (!want ||
				      strstr(is, want)), "'%s' as %d: %s",
				      cases[i].body, said, is ? is : "-");
		}
}
END_TEST

START_TEST(a_field_that_was_meant_for_email_is_found)
{
	static const struct {
		const char *name, *value, *found;
		enum field_kind kind;
	} cases[] = {
		{ "mail", "a@b", "mail", FIELD_TEXT },
		{ "mail", "", "mail", FIELD_TEXT },
		{ "Email", "a@b", "Email", FIELD_TEXT },
		{ "e-mail", "a@b", "e-mail", FIELD_TEXT },
		{ "E_MAIL", "a@b", "E_MAIL", FIELD_TEXT },
		{ "emailAddress", "a@b", "emailAddress", FIELD_TEXT },
		{ "user_email", "a@b", "user_email", FIELD_TEXT },
		{ "username", "a@b", "username", FIELD_TEXT },
		{ "login", "a@b", "login", FIELD_TEXT },
		{ "user[email]", "a@b", "user[email]", FIELD_TEXT },
		{ "user[]", "a@b", NULL, FIELD_TEXT },
		{ "user]", "a@b", NULL, FIELD_TEXT },
		{ "username", "zoe", NULL, FIELD_TEXT },
		{ "company", "a@b", NULL, FIELD_TEXT },
		{ "email", "", NULL, FIELD_TEXT },
		{ "mail", "", NULL, FIELD_FILE },
		{ "mail", "", NULL, FIELD_NULL },
		{ "user", "{\"name\":\"x\",\"email\":\"a@b\"}", "user.email",
		  FIELD_JSON },
		{ "user", "{\"email\":null}", "user.email", FIELD_JSON },
		{ "user", "{\"a\":{\"email\":\"a@b\"}}", NULL, FIELD_JSON },
		{ "user", "{\"a\":\"\\\"email\\\":\"}", NULL, FIELD_JSON },
		{ "user", "{\"a\":\"}{\",\"email\":1}", "user.email",
		  FIELD_JSON },
		{ "user", "[{\"email\":\"a@b\"}]", NULL, FIELD_JSON },
		{ "user", "[\"email\"]", NULL, FIELD_JSON },
		/* others' words are not told */
		{ "<b>", "{\"email\":\"a@b\"}", NULL, FIELD_JSON },
		{ "e mail", "a@b", NULL, FIELD_TEXT },
		{ "a23456789012345678901234567890123456789012345678901234567"
		  "8[email]", "a@b", NULL, FIELD_TEXT },
	};
	struct pool *pool = pool_new(1 << 16);

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct fields f;
		struct str found;

		fields_init(&f, pool);
		ck_assert_int_eq(fields_add(&f, STR("name"), STR("x@y"),
					    FIELD_TEXT), ERR_OK);
		ck_assert_int_eq(fields_add(&f, str_from(cases[i].name),
					    str_from(cases[i].value),
					    cases[i].kind), ERR_OK);
		found = body_mistake_field(&f, BODY_EMAIL);
		ck_assert_msg(cases[i].found ?
			      str_eq(found, str_from(cases[i].found)) :
			      !found.ptr, "%s: %.*s", cases[i].name,
			      STR_ARG(found));
	}
	pool_free(pool);
}
END_TEST

START_TEST(a_field_that_was_meant_for_another_is_found)
{
	static const struct {
		enum body_purpose purpose;
		const char *name, *value, *found;
		enum field_kind kind;
	} cases[] = {
		{ BODY_NAME, "Name", "", "Name", FIELD_TEXT },
		{ BODY_NAME, "full_name", "Ann", "full_name", FIELD_TEXT },
		{ BODY_NAME, "firstName", "Ann", "firstName", FIELD_TEXT },
		{ BODY_NAME, "username", "ann", "username", FIELD_TEXT },
		{ BODY_NAME, "username", "ann@b", NULL, FIELD_TEXT },
		{ BODY_NAME, "user[name]", "Ann", "user[name]", FIELD_TEXT },
		{ BODY_NAME, "user", "{\"name\":1}", "user.name", FIELD_JSON },
		{ BODY_NAME, "user", "{\"names\":1}", NULL, FIELD_JSON },
		{ BODY_NAME, "user", "{\"a\":\"name\"}", NULL, FIELD_JSON },
		{ BODY_NAME, "company", "Ann", NULL, FIELD_TEXT },
		{ BODY_ASSERTION, "jwt", "x", "jwt", FIELD_TEXT },
		{ BODY_ASSERTION, "Assertion", "x", "Assertion", FIELD_TEXT },
		{ BODY_ASSERTION, "token", "eyJh.eyJi.c", "token", FIELD_TEXT },
		{ BODY_ASSERTION, "token", "eyJh.eyJi", NULL, FIELD_TEXT },
		{ BODY_ASSERTION, "a", "eyJh.eyJi.c", "a", FIELD_TEXT },
		{ BODY_ASSERTION, "a b", "eyJh.eyJi.c", NULL, FIELD_TEXT },
	};
	struct pool *pool = pool_new(1 << 16);

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct fields f;
		struct str found;

		fields_init(&f, pool);
		ck_assert_int_eq(fields_add(&f, str_from(cases[i].name),
					    str_from(cases[i].value),
					    cases[i].kind), ERR_OK);
		found = body_mistake_field(&f, cases[i].purpose);
		ck_assert_msg(cases[i].found ?
			      str_eq(found, str_from(cases[i].found)) :
			      !found.ptr, "%s: %.*s", cases[i].name,
			      STR_ARG(found));
	}
	pool_free(pool);
}
END_TEST

START_TEST(what_is_wrong_with_json_is_known)
{
	static const struct { const char *body; size_t at; const char *what; }
	cases[] = {
		{ "", 0, "empty" }, { " \r\n", 0, "empty" },
		{ "[object FormData]", 1, "JSON.stringify()" },
		{ "<html>", 0, "HTML" },
		{ "{\"a\":1, }", 8, "a comma before" },
		{ "[1,]", 3, "a comma before" },
		{ "{}", 1, NULL },
		{ "{'a':1}", 1, "single quotes" },
		{ "{\"a\":`b`}", 5, "backtick" },
		{ "{\"a\":\xe2\x80\x9c" "b\xe2\x80\x9d}", 5, "typographic" },
		{ "{\"a\":-Infinity}", 5, "Infinity" },
		{ "{\"a\":undefined}", 5, "undefined" },
		{ "{\"a\":None}", 5, "Python" },
		{ "{\"a\":True}", 5, "Python" },
		{ "{/* a */}", 1, "comments" },
		{ "{a:1}", 1, "a name without quotes" },
		{ "{\"a\":1,b:2}", 7, "a name without quotes" },
		{ "{\"a\":1 \"b\":2}", 7, "a comma is missing" },
		{ "{\"a\":\"b\" \"c\":2}", 9, "a comma is missing" },
		{ "{\"a\":\"b\"c\"}", 8, "a quote within" },
		{ "{{ user }}", 1, "template" },
		{ "{\"a\":1", 6, NULL },
		{ "{\"a\":1", 7, NULL },
		{ "{\"a\":nul}", 5, NULL },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		const char *is = body_mistake_json(str_from(cases[i].body),
						   cases[i].at);

		ck_assert_msg(!is == !cases[i].what && (!is ||
			      strstr(is, cases[i].what)), "%s: %s",
			      cases[i].body, is ? is : "-");
	}
}
END_TEST

START_TEST(an_address_that_is_none_is_known)
{
	static const struct { const char *email, *why; } cases[] = {
		{ "undefined", "script" }, { "NULL", "script" },
		{ "[object Object]", "script" },
		{ "{{ user.email }}", "template" },
		{ "${user.email}", "template" },
		{ "{user.email}", "template" }, { "{!! $mail !!}", "template" },
		{ "<?= $email ?>", "template" },
		{ "a@b.test, c@d.test", "several" },
		{ "a@b.test;c@d.test", "several" },
		{ "Ann <a@b.test>", "name with" },
		{ "mailto:a@b.test", "mailto" },
		{ "a%40b.test", "twice" },
		{ "a@b@c", NULL }, { "ann", NULL }, { "", NULL },
		{ "undefined.user", NULL },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct body_mistake is = body_mistake_address(
			str_from(cases[i].email));

		ck_assert_msg(!is.why == !cases[i].why && !is.hint == !is.why &&
			      (!is.why || strstr(is.why, cases[i].why)),
			      "%s: %s", cases[i].email, is.why ? is.why : "-");
	}
}
END_TEST

START_TEST(a_name_that_a_script_or_template_left_is_known)
{
	static const struct { const char *name, *why; } cases[] = {
		{ "undefined", "word" }, { "Null", "word" },
		{ "[object Object]", "word" }, { "{{ user.name }}", "template" },
		{ "<%= name %>", "template" }, { "{name}", "template" },
		{ "Nully", NULL }, { "John Null", NULL }, { "{}", NULL },
		{ "", NULL }, { "Ann", NULL },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		const char *is = body_mistake_name(str_from(cases[i].name));

		ck_assert_msg(!is == !cases[i].why &&
			      (!is || strstr(is, cases[i].why)), "%s: %s",
			      cases[i].name, is ? is : "-");
	}
}
END_TEST

START_TEST(a_plus_that_became_a_space_is_known)
{
	static const struct { const char *email; bool is; } cases[] = {
		{ "a b@example.com", true }, { "a b c@example.com", true },
		{ "a+b@example.com", false }, { "a b", false },
		{ "a@b c@d", false }, { "", false },
	};
	struct pool *pool = pool_new(1 << 16);

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct fields f;
		struct body_refused refused = { .fields = &f, .kind = "field",
						.is_form = true };

		fields_init(&f, pool);
		ck_assert_int_eq(fields_add(&f, STR("email"),
					    str_from(cases[i].email),
					    FIELD_TEXT), ERR_OK);
		ck_assert_msg(str_icontains(body_mistake_advice(pool,
				&refused).hint, STR("%2B")) == cases[i].is,
			      "%s", cases[i].email);
		/* elsewhere a space is one */
		refused.is_form = false;
		ck_assert(!str_icontains(body_mistake_advice(pool,
					&refused).hint, STR("%2B")));
	}
	pool_free(pool);
}
END_TEST

START_TEST(all_that_is_known_is_said_in_one)
{
	struct pool *pool = pool_new(1 << 16);
	struct fields f;
	const struct body_refused refused = {
		.fields = &f, .kind = "claim", .email = STR("mail"),
		.name = STR("given_name"),
	};
	struct body_advice advice;

	fields_init(&f, pool);
	advice = body_mistake_advice(pool, &refused);
	ck_str_is(advice.hint, "There is a claim mail: the address is read "
		  "from email alone. There is a claim given_name: the whole "
		  "name is read from name alone.");
	ck_str_is(advice.why, "there is a claim mail; there is a claim "
		  "given_name");
	/* of what is there nothing near is told */
	ck_assert_int_eq(fields_add(&f, STR("name"), STR(""), FIELD_TEXT),
			 ERR_OK);
	ck_assert_int_eq(fields_add(&f, STR("email"), STR("undefined"),
				    FIELD_TEXT), ERR_OK);
	advice = body_mistake_advice(pool, &refused);
	ck_str_is(advice.why, "a script's word for no value");
	pool_free(pool);
}
END_TEST

static void body_mistake_tests(TCase *tcase)
{
	tcase_add_test(tcase, a_body_of_another_type_is_known);
	tcase_add_test(tcase, a_field_that_was_meant_for_email_is_found);
	tcase_add_test(tcase, a_field_that_was_meant_for_another_is_found);
	tcase_add_test(tcase, what_is_wrong_with_json_is_known);
	tcase_add_test(tcase, an_address_that_is_none_is_known);
	tcase_add_test(tcase,
		       a_name_that_a_script_or_template_left_is_known);
	tcase_add_test(tcase, a_plus_that_became_a_space_is_known);
	tcase_add_test(tcase, all_that_is_known_is_said_in_one);
}

UNIT_MAIN("body-mistake", body_mistake_tests)
