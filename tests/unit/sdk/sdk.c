#include <usher/sdk.h>

#include "unit/adapter/adapters.h"

static struct adapter_secret secrets[] = {
	{ STR("desk"), STR("a shared secret of the desk") },
};
static struct adapter_setting settings[] = {
	SETTING("on", "true"), SETTING("off", "false"), SETTING("n", "12"),
	SETTING("word", "hello"),
};

static struct adapter_env env;
static struct pool *pool, *scratch;
static struct adapter_call call;
static struct call_mark mark;
static struct usher_call *public;

static void setup(void)
{
	env = (struct adapter_env){
		.services = &test_services,
		.tenant = STR("acme"),
		.name = STR("test"),
		.settings = settings,
		.setting_count = COUNT(settings),
		.secrets = secrets,
		.secret_count = COUNT(secrets),
	};
	pool = pool_new(256 * 1024);
	scratch = pool_new(CALL_SCRATCH_MAX);
	call = (struct adapter_call){ .pool = pool };
	call_begin(&call, &env, scratch);
	mark = call_enter(&call, ADAPTER_PHASE_INIT);
	public = &call.public;
}

static void teardown(void)
{
	call_leave(&call, &mark, USHER_OK);
	pool_free(scratch);
	pool_free(pool);
}

static struct usher_str S(const char *text)
{
	return usher_str_from(text);
}

static void is(struct usher_str s, const char *want)
{
	ck_assert_msg(usher_str_is(s, want), "got '%.*s', want '%s'",
		      (int)s.len, s.ptr, want);
}

START_TEST(slices_compare_and_split)
{
	struct usher_str rest;

	ck_assert(usher_str_eq(S(""), S(NULL)));
	ck_assert(!usher_str_eq(S("a"), S("A")));
	ck_assert(usher_str_ieq(S("aZ1"), S("Az1")));
	ck_assert(!usher_str_ieq(S("a["), S("a{")));
	ck_assert(!usher_str_ieq(S("a"), S("ab")));
	ck_assert(usher_str_has_prefix(S("abc"), "ab"));
	ck_assert(!usher_str_has_prefix(S("a"), "ab"));
	ck_assert(usher_str_has_suffix(S("abc"), "bc"));
	ck_assert(!usher_str_has_suffix(S("c"), "bc"));
	ck_assert(usher_str_has_suffix(S(""), ""));
	is(usher_str_trim(S(" \t a b\t ")), "a b");
	is(usher_str_trim(S("  ")), "");
	is(usher_str_cut(S("a.b.c"), '.', &rest), "a");
	is(rest, "b.c");
	is(usher_str_cut(S("a."), '.', &rest), "a");
	ck_assert_ptr_nonnull(rest.ptr);
	is(usher_str_cut(S("a"), '.', &rest), "a");
	ck_assert_ptr_null(rest.ptr);
	ck_assert_uint_eq(usher_str_chars(S("aä€🙂")), 4);
}
END_TEST

START_TEST(numbers_are_read_strictly)
{
	static const char *const bad[] = { "", "-", "+1", " 1", "1 ", "01",
					   "-0", "1a", "0x1", "1.0", "--1" };
	static const struct {
		const char *text;
		int64_t n;
	} good[] = {
		{ "0", 0 }, { "10", 10 }, { "-10", -10 },
		{ "9223372036854775807", INT64_MAX },
		{ "-9223372036854775808", INT64_MIN },
	};
	int64_t n = 77;

	for (unsigned i = 0; i < COUNT(bad); i++)
		ck_assert_msg(usher_str_number(S(bad[i]), INT64_MIN, INT64_MAX,
					       &n) == USHER_E_INVAL,
			      "'%s'", bad[i]);
	ck_assert_int_eq(usher_str_number(S("9223372036854775808"), INT64_MIN,
					  INT64_MAX, &n), USHER_E_LIMIT);
	ck_assert_int_eq(usher_str_number(S("-9223372036854775809"), INT64_MIN,
					  INT64_MAX, &n), USHER_E_LIMIT);
	ck_assert_int_eq(usher_str_number(S("99999999999999999999999999999"),
					  0, INT64_MAX, &n), USHER_E_LIMIT);
	ck_assert_int_eq(usher_str_number(S("4"), 5, 9, &n), USHER_E_LIMIT);
	ck_assert_int_eq(usher_str_number(S("10"), 5, 9, &n), USHER_E_LIMIT);
	ck_assert_int_eq(n, 77);
	for (unsigned i = 0; i < COUNT(good); i++) {
		ck_assert_int_eq(usher_str_number(S(good[i].text), INT64_MIN,
						  INT64_MAX, &n), 0);
		ck_assert_int_eq(n, good[i].n);
	}
}
END_TEST

START_TEST(copies_are_in_the_arena_and_terminated)
{
	struct usher_str copy, raw = { "ABCdef", 4 };

	ck_assert_int_eq(usher_str_copy(public, raw, &copy), 0);
	ck_assert_str_eq(copy.ptr, "ABCd");
	ck_assert_int_eq(usher_str_lower(public, raw, &copy), 0);
	ck_assert_str_eq(copy.ptr, "abcd");
	raw.len = SIZE_MAX;
	ck_assert_int_eq(usher_str_copy(public, raw, &copy), USHER_E_NOMEM);
	raw.len = USHER_ALLOC_MAX;
	ck_assert_int_eq(usher_str_lower(public, raw, &copy), USHER_E_NOMEM);
	is(copy, "abcd");
}
END_TEST

START_TEST(a_buffer_that_overflows_says_so_at_the_end)
{
	struct usher_str text = { "before", 6 };
	char array[8];
	struct usher_buf buf;

	usher_buf_init_array(&buf, array, sizeof(array));
	usher_buf_puts(&buf, "1234567");
	ck_assert_int_eq(usher_buf_end(&buf, &text), 0);
	ck_assert_str_eq(text.ptr, "1234567");
	usher_buf_puts(&buf, "8");
	usher_buf_puts(&buf, "");
	ck_assert_int_eq(usher_buf_end(&buf, &text), USHER_E_LIMIT);
	usher_buf_init_array(&buf, array, 0);
	usher_buf_puts(&buf, "");
	ck_assert_int_eq(usher_buf_end(&buf, &text), USHER_E_LIMIT);
	usher_buf_init(&buf, public, USHER_ALLOC_MAX + 1);
	usher_buf_puts(&buf, "x");
	ck_assert_int_eq(usher_buf_end(&buf, &text), USHER_E_LIMIT);
	usher_buf_init(&buf, public, 64);
	usher_buf_int(&buf, INT64_MIN);
	usher_buf_puts(&buf, " ");
	usher_buf_int(&buf, INT64_MAX);
	usher_buf_puts(&buf, " ");
	usher_buf_int(&buf, 0);
	ck_assert_int_eq(usher_buf_end(&buf, &text), 0);
	is(text, "-9223372036854775808 9223372036854775807 0");
}
END_TEST

START_TEST(json_is_written_piece_by_piece)
{
	struct usher_str text, control = { "a\0b\n\"\\</\x7f", 9 };
	struct usher_buf buf;

	usher_buf_init(&buf, public, 512);
	usher_json_open(&buf, '{');
	usher_json_member(&buf, "text", control);
	usher_json_member(&buf, "q\"", S(""));
	usher_json_member_int(&buf, "n", -3);
	usher_json_member_bool(&buf, "b", 2);
	usher_json_member_raw(&buf, "raw", S("[1,2]"));
	usher_json_member_open(&buf, "list", '[');
	usher_json_str(&buf, S("ü"));
	usher_json_str(&buf, S(","));
	usher_json_open(&buf, '{');
	usher_buf_puts(&buf, "}");
	usher_buf_puts(&buf, "]");
	usher_json_member_bool(&buf, "last", 0);
	usher_buf_puts(&buf, "}");
	ck_assert_int_eq(usher_buf_end(&buf, &text), 0);
	is(text, "{\"text\":\"a\\u0000b\\u000a\\u0022\\u005c\\u003c/\\u007f\","
		 "\"q\\u0022\":\"\",\"n\":-3,\"b\":true,\"raw\":[1,2],"
		 "\"list\":[\"ü\",\",\",{}],\"last\":false}");
}
END_TEST

/* The elements, each in angle brackets; what ends them where it is no end. */
static const char *elements(const char *json)
{
	static char text[1024];
	struct usher_str rest = S(json), item;
	struct usher_buf buf;
	int rc;

	usher_buf_init_array(&buf, text, sizeof(text));
	while ((rc = usher_json_next(public, &rest, &item)) > 0) {
		usher_buf_puts(&buf, "<");
		usher_buf_str(&buf, item);
		usher_buf_puts(&buf, ">");
	}
	if (rc)
		usher_buf_puts(&buf, rc == USHER_E_INVAL ? "!" : "?");
	ck_assert_int_eq(usher_buf_end(&buf, &item), 0);
	return item.ptr;
}

START_TEST(json_lists_are_read_element_by_element)
{
	static const struct {
		const char *json, *want;
	} cases[] = {
		{ "[]", "" },
		{ "[\"a\"]", "<a>" },
		{ "[\"a\",\"\",\"b c\"]", "<a><><b c>" },
		{ "[1,-2.5e+3,true,null]", "<1><-2.5e+3><true><null>" },
		{ "[\"\\\"\\\\\\/\\n\"]", "<\"\\/\n>" },
		{ "[\"\\u0041\\u00fc\\u20ac\\ud83d\\ude00\"]",
		  "<A\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80>" },
		{ "[\"],[\"]", "<],[>" },
		{ "", "!" },
		{ "x", "!" },
		{ "[", "!" },
		{ "[,]", "!" },
		{ "[\"a\"", "!" },
		{ "[\"a\",]", "<a>!" },
		{ "[\"a\"]x", "!" },
		{ "[\"a\\\"]", "!" },
		{ "[\"\\x\"]", "!" },
		{ "[\"\\u12\"]", "!" },
		{ "[\"\\u0000\"]", "!" },
		{ "[\"\\ud83d\"]", "!" },
		{ "[\"\\ud83d\\u0041\"]", "!" },
		{ "[\"\\ude00\"]", "!" },
		{ "[[\"a\"]]", "!" },
		{ "{\"a\":\"b\"}", "!" },
	};

	for (unsigned i = 0; i < COUNT(cases); i++)
		ck_assert_msg(!strcmp(elements(cases[i].json), cases[i].want),
			      "%s gives %s", cases[i].json,
			      elements(cases[i].json));
}
END_TEST

START_TEST(parts_of_a_url_are_escaped)
{
	static const char every[] = "-._~09AZaz /?#&=%+\"\xc3\xbc\x7f";
	char array[128];
	struct usher_str text;
	struct usher_buf buf;

	usher_buf_init_array(&buf, array, sizeof(array));
	usher_buf_percent(&buf, S(every));
	ck_assert_int_eq(usher_buf_end(&buf, &text), 0);
	is(text, "-._~09AZaz%20%2F%3F%23%26%3D%25%2B%22%C3%BC%7F");
}
END_TEST

START_TEST(base64url_is_that_of_rfc_4648)
{
	static const char *const cases[][2] = {
		{ "", "" }, { "f", "Zg" }, { "fo", "Zm8" }, { "foo", "Zm9v" },
		{ "foob", "Zm9vYg" }, { "fooba", "Zm9vYmE" },
		{ "foobar", "Zm9vYmFy" }, { "\xfb\xff\xfe", "-__-" },
	};
	struct usher_str text;
	struct usher_buf buf;

	for (unsigned i = 0; i < COUNT(cases); i++) {
		usher_buf_init(&buf, public, 32);
		usher_base64url(&buf, cases[i][0], strlen(cases[i][0]));
		ck_assert_int_eq(usher_buf_end(&buf, &text), 0);
		is(text, cases[i][1]);
	}
}
END_TEST

START_TEST(a_token_is_the_one_that_another_library_makes)
{
	struct usher_str claims, token;
	struct usher_buf buf;

	usher_buf_init(&buf, public, 512);
	usher_json_open(&buf, '{');
	usher_json_member_int(&buf, "iat", 1764000000);
	usher_json_member(&buf, "jti", S("01"));
	usher_json_member(&buf, "email", S("ann@b.example"));
	usher_json_member(&buf, "name", S("Ann \"B\""));
	usher_buf_puts(&buf, "}");
	ck_assert_int_eq(usher_buf_end(&buf, &claims), 0);
	ck_assert_int_eq(usher_jwt_hs256(public, "desk", NULL, claims, &token),
			 0);
	is(token, "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
		  "eyJpYXQiOjE3NjQwMDAwMDAsImp0aSI6IjAxIiwiZW1haWwiOiJhbm5AYi5"
		  "leGFtcGxlIiwibmFtZSI6IkFubiBcdTAwMjJCXHUwMDIyIn0."
		  "IHs0DMAojc4JkTTBivuagcHLl3U5_FFMpfGI82ZZTRQ");
	ck_assert_int_eq(usher_jwt_hs256(public, "desk", "k1", S("{}"),
					 &token), 0);
	is(token, "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImsxIn0.e30."
		  "x9XQwiSqBEsiE9EywMUO-ivClaWpjTeeNPZsmZqlaKk");
}
END_TEST

START_TEST(a_token_that_cannot_be_made_is_an_error)
{
	static char kid[400];
	struct usher_str token = { "x", 1 }, huge = { kid, USHER_ALLOC_MAX };

	memset(kid, 'k', sizeof(kid) - 1);
	ck_assert_int_eq(usher_jwt_hs256(public, "none", NULL, S("{}"),
					 &token), USHER_E_NOTFOUND);
	ck_assert_int_eq(usher_jwt_hs256(public, "desk", kid, S("{}"),
					 &token), USHER_E_LIMIT);
	ck_assert_int_eq(usher_jwt_hs256(public, "desk", NULL, huge, &token),
			 USHER_E_NOMEM);
	huge.len++;
	ck_assert_int_eq(usher_jwt_hs256(public, "desk", NULL, huge, &token),
			 USHER_E_LIMIT);
	is(token, "x");
}
END_TEST

START_TEST(settings_have_fallbacks_and_bad_ones_are_named)
{
	struct usher_str key = S("plan.from");
	int64_t n;
	int flag;

	is(usher_config_str(public, "word", "x"), "hello");
	is(usher_config_str(public, "none", "x"), "x");
	ck_assert_int_eq(usher_config_int(public, "n", 1, 100, 7, &n), 0);
	ck_assert_int_eq(n, 12);
	ck_assert_int_eq(usher_config_int(public, "none", 1, 100, 7, &n), 0);
	ck_assert_int_eq(n, 7);
	ck_assert_int_eq(usher_config_bool(public, "on", 0, &flag), 0);
	ck_assert_int_eq(flag, 1);
	ck_assert_int_eq(usher_config_bool(public, "off", 1, &flag), 0);
	ck_assert_int_eq(flag, 0);
	ck_assert_int_eq(usher_config_bool(public, "none", 1, &flag), 0);
	ck_assert_int_eq(flag, 1);
	ck_assert_uint_eq(call.error_count, 0);
	ck_assert_int_eq(usher_config_int(public, "n", 1, 5, 3, &n),
			 USHER_E_INVAL);
	ck_assert_int_eq(n, 3);
	ck_assert_int_eq(usher_config_bool(public, "word", 1, &flag),
			 USHER_E_INVAL);
	key.len = 4;	/* a part of a text, as keys often are */
	ck_assert_int_eq(usher_config_refuse(public, key, "is odd"),
			 USHER_FAIL);
	ck_assert_uint_eq(call.error_count, 3);
	ck_str_is(call.errors[2].field, "plan");
	ck_str_is(call.errors[2].text, "is odd");
	ck_str_is(call.errors[0].field, "n");
	ck_str_is(call.errors[0].text, "must be a number from 1 to 5");
	ck_str_is(call.errors[1].text, "must be true or false");
}
END_TEST

START_TEST(a_flag_among_many_settings_is_true_or_false)
{
	struct usher_str key = S("rules.0.json");
	int flag = 7;

	key.len = 7;
	ck_assert_int_eq(usher_config_flag(public, key, S("yes"), &flag),
			 USHER_FAIL);
	ck_assert_int_eq(flag, 7);
	ck_assert_uint_eq(call.error_count, 1);
	ck_str_is(call.errors[0].field, "rules.0");
	ck_str_is(call.errors[0].text, "must be true or false");
	ck_assert_int_eq(usher_config_flag(public, key, S("true"), &flag), 0);
	ck_assert_int_eq(flag, 1);
	ck_assert_int_eq(usher_config_flag(public, key, S("false"), &flag), 0);
	ck_assert_int_eq(flag, 0);
	ck_assert_uint_eq(call.error_count, 1);
}
END_TEST

START_TEST(what_is_kept_outlives_its_source)
{
	char source[] = "hello";
	struct usher_str part = { source, 4 }, none = { NULL, 0 };
	struct usher_str huge = { source, SIZE_MAX };
	char *kept = usher_str_keep(part), *empty = usher_str_keep(none);

	source[0] = 'x';
	ck_assert_str_eq(kept, "hell");
	ck_assert_str_eq(empty, "");
	ck_assert_ptr_null(usher_str_keep(huge));
	free(kept);
	free(empty);
}
END_TEST

static void add_tests(TCase *t)
{
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, slices_compare_and_split);
	tcase_add_test(t, numbers_are_read_strictly);
	tcase_add_test(t, copies_are_in_the_arena_and_terminated);
	tcase_add_test(t, a_buffer_that_overflows_says_so_at_the_end);
	tcase_add_test(t, json_is_written_piece_by_piece);
	tcase_add_test(t, json_lists_are_read_element_by_element);
	tcase_add_test(t, parts_of_a_url_are_escaped);
	tcase_add_test(t, base64url_is_that_of_rfc_4648);
	tcase_add_test(t, a_token_is_the_one_that_another_library_makes);
	tcase_add_test(t, a_token_that_cannot_be_made_is_an_error);
	tcase_add_test(t, settings_have_fallbacks_and_bad_ones_are_named);
	tcase_add_test(t, a_flag_among_many_settings_is_true_or_false);
	tcase_add_test(t, what_is_kept_outlives_its_source);
}

UNIT_MAIN("sdk", add_tests)
