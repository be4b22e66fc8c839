#include "codec/json.h"

#include <pthread.h>

#include "unit/codec/parsing.h"

static const struct parsing good[] = {
	{ .in = BYTES("{}") },
	{ .in = BYTES(" {\r\n\t} \n") },
	{ .in = BYTES("{\"email\":\"ann@example.com\",\"name\":\"Zo\\u00eb \\/"
		      "\\\"\\\\ \\ud83d\\ude00\"}"),
	  .fields = "email=ann@example.com|name=Zo\xc3\xab /\"\\ \xf0\x9f\x98\x80" },
	{ .in = BYTES("{\"t\":true,\"f\":false,\"n\":null,\"e\":\"\"}"),
	  .fields = "t=true|f=false|e=" },
	{ .in = BYTES("{\"a\":0,\"b\":-7,\"c\":9223372036854775807,"
		      "\"d\":-9223372036854775808,\"e\":-0}"),
	  .fields = "a=0|b=-7|c=9223372036854775807|d=-9223372036854775808"
		    "|e=0" },
	{ .in = BYTES("{\"a\":0.1,\"b\":1.0,\"c\":1e3,\"d\":-2.5E-7,"
		      "\"e\":0.30000000000000004,\"f\":1e300,"
		      "\"g\":12345678901234567890.0}"),
	  .fields = "a=0.1|b=1|c=1000|d=-2.5e-07|e=0.30000000000000004"
		    "|f=1e+300|g=1.2345678901234567e+19" },
	{ .in = BYTES("{\"a\":-0.0,\"b\":[-0.0,-0,5e-324]}"),
	  .fields = "a=0|b:=[0,0,4.94065645841247e-324]" },
	{ .in = BYTES("{\"z\":[ 1 , \"a\" ,null, true,false,0.5,[],{}],"
		      "\"a\":{ \"y\":1,\"x\": [\"<\"] , \"\" : \"\xc3\xa9\"}}"),
	  .fields = "z:=[1,\"a\",null,true,false,0.5,[],{}]"
		    "|a:={\"y\":1,\"x\":[\"\\u003c\"],\"\":\"\xc3\xa9\"}" },
	{ .in = BYTES("{\"__proto__\":1,\"constructor\":{\"__proto__\":2}}"),
	  .fields = "__proto__=1|constructor:={\"__proto__\":2}" },
	{ .in = BYTES("{\"a\":[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]}"),
	  .fields = "a:=[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]" },
	{ .in = BYTES("{\"a\":\"[[[[[[[[[[[[[[[[[[{{,,,\"}"),
	  .fields = "a=[[[[[[[[[[[[[[[[[[{{,,," },
};

START_TEST(test_an_object_becomes_fields)
{
	parsing_check(json_parse_fields, &good[_i]);
}
END_TEST

static const struct parsing bad[] = {
	/* not one object */
	{ BYTES(""), ERR_SYNTAX, 0, NULL },
	{ BYTES("  "), ERR_SYNTAX, 2, NULL },
	{ BYTES("[]"), ERR_SYNTAX, 0, NULL },
	{ BYTES("[{}]"), ERR_SYNTAX, 0, NULL },
	{ BYTES("\"a\""), ERR_SYNTAX, 0, NULL },
	{ BYTES("null"), ERR_SYNTAX, 0, NULL },
	{ BYTES("{}{}"), ERR_SYNTAX, 2, NULL },
	{ BYTES("{},"), ERR_SYNTAX, 2, NULL },
	{ BYTES("{}\0"), ERR_SYNTAX, 2, NULL },
	/* what a lenient reader would take */
	{ BYTES("{\"a\":1,}"), ERR_SYNTAX, 7, NULL },
	{ BYTES("{\"a\":1"), ERR_SYNTAX, 6, NULL },
	{ BYTES("{\"a\":\"b"), ERR_SYNTAX, 7, NULL },
	{ BYTES("{\"a\":\"b\\"), ERR_SYNTAX, 7, NULL },
	{ BYTES("{\"a\":\"\\u00"), ERR_SYNTAX, 6, NULL },
	{ BYTES("{\"a\":\"\\u00g0\"}"), ERR_SYNTAX, 6, NULL },
	{ BYTES("{\"a\":\"\\x41\"}"), ERR_SYNTAX, 6, NULL },
	{ BYTES("{\"a\":\"\\ud800\"}"), ERR_SYNTAX, 6, NULL },
	{ BYTES("{\"a\":\"x\\/\\ud83dx\"}"), ERR_SYNTAX, 9, NULL },
	{ BYTES("{\"a\":\"\\udc00\\ud83d\"}"), ERR_SYNTAX, 6, NULL },
	{ BYTES("{\"a\":\"\\ud83d\\ude00\\q\"}"), ERR_SYNTAX, 18, NULL },
	{ BYTES("{\"a\": \"b\" \"c\":1}"), ERR_SYNTAX, 10, NULL },
	{ BYTES("{\"a\" \"b\"}"), ERR_SYNTAX, 5, NULL },
	{ BYTES("{\"a\":\"\\\\\",\n  b:1}"), ERR_SYNTAX, 13, NULL },
	{ BYTES("{\"\303\251\":1,\303\251:1}"), ERR_SYNTAX, 8, NULL },
	{ BYTES("{\"a\":tru}"), ERR_SYNTAX, 5, NULL },
	{ BYTES("{\"a\":1 2}"), ERR_SYNTAX, 7, NULL },
	{ BYTES("{\"a\":[1,]}"), ERR_SYNTAX, 8, NULL },
	{ BYTES("{'a':1}"), ERR_SYNTAX, 1, NULL },
	{ BYTES("{a:1}"), ERR_SYNTAX, 1, NULL },
	{ BYTES("{\"a\":01}"), ERR_SYNTAX, 5, NULL },
	{ BYTES("{\"a\":+1}"), ERR_SYNTAX, 5, NULL },
	{ BYTES("{\"a\":1.}"), ERR_SYNTAX, 5, NULL },
	{ BYTES("{\"a\":NaN}"), ERR_SYNTAX, 5, NULL },
	{ BYTES("{\"a\":1}]"), ERR_SYNTAX, 7, NULL },
	{ BYTES("{\"a\":1/*b*/}"), ERR_SYNTAX, 6, NULL },
	{ BYTES("\xef\xbb\xbf{}"), ERR_SYNTAX, 0, NULL },
	{ BYTES("{\"\":1}"), ERR_SYNTAX, 1, NULL },
	{ BYTES("\"{\\\"a\\\":1}\""), ERR_SYNTAX, 0, NULL },
	{ BYTES(" "), ERR_SYNTAX, 1, NULL },
	{ BYTES("{\"a\":{\"\":1},\"\":null}"), ERR_SYNTAX, 12, NULL },
	/* names */
	{ BYTES("{\"a\":1,\"a\":2}"), ERR_DUPLICATE, 7, NULL },
	{ BYTES("{\"a\":1,\"\\u0061\":null}"), ERR_DUPLICATE, 7, NULL },
	{ BYTES("{\"a\":{\"b\":1,\"b\":1}}"), ERR_DUPLICATE, 12, NULL },
	{ BYTES("{\"x\":[\"before\",{}],\"before\":2}"), ERR_DUPLICATE, 19,
	  NULL },
	/* numbers that would change */
	{ BYTES("{\"a\":9223372036854775808}"), ERR_RANGE, 5, NULL },
	{ BYTES("{\"a\":-9223372036854775809}"), ERR_RANGE, 5, NULL },
	{ BYTES("{\"a\":1e999}"), ERR_RANGE, 5, NULL },
	{ BYTES("{\"a\":[1e999]}"), ERR_RANGE, 6, NULL },
	/* text that no field may hold, nested and in names too */
	{ BYTES("{\"a\":\"b\\u0000\"}"), ERR_CONTROL, 7, NULL },
	{ BYTES("{\"email\\u0000x\":1}"), ERR_CONTROL, 7, NULL },
	{ BYTES("{\"a\":\"\\r\\n\"}"), ERR_CONTROL, 6, NULL },
	{ BYTES("{\"a\":\"\\\\\\t\"}"), ERR_CONTROL, 8, NULL },
	{ BYTES("{\"a\":\"\\b\"}"), ERR_CONTROL, 6, NULL },
	{ BYTES("{\"a\":\"\\f\"}"), ERR_CONTROL, 6, NULL },
	{ BYTES("{\"a\":\"\\u001F\"}"), ERR_CONTROL, 6, NULL },
	{ BYTES("{\"a\":\"\\u007f\"}"), ERR_CONTROL, 6, NULL },
	{ BYTES("{\"a\":\"\\u009f\"}"), ERR_CONTROL, 6, NULL },
	{ BYTES("{\"a\":[{\"\\n\":1}]}"), ERR_CONTROL, 8, NULL },
	{ BYTES("{\"a\":\"x\0\"}"), ERR_CONTROL, 7, NULL },
	{ BYTES("{\"a\":\"x\ty\"}"), ERR_CONTROL, 7, NULL },
	{ BYTES("{\"a\":\"\x7f\"}"), ERR_CONTROL, 6, NULL },
	{ BYTES("{\"a\":\"\xc2\x85\"}"), ERR_CONTROL, 6, NULL },
	{ BYTES("{\"a\":\"b\xff\"}"), ERR_UTF8, 7, NULL },
	{ BYTES("{\"\xed\xa0\x80\":1}"), ERR_UTF8, 2, NULL },
	{ BYTES("{\"a\":\xff}"), ERR_UTF8, 5, NULL },
	/* depth: the 17th opening */
	{ BYTES("{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}"), ERR_LIMIT, 20,
	  NULL },
	{ BYTES("[[[[[[[[[[[[[[[[["), ERR_LIMIT, 16, NULL },
	{ BYTES("]]{[[[[[[[[[[[[[[[["), ERR_LIMIT, 18, NULL },
};

START_TEST(test_what_could_mean_two_things_is_refused_with_its_place)
{
	parsing_check(json_parse_fields, &bad[_i]);
}
END_TEST

START_TEST(test_limits_are_told_where_they_are_passed)
{
	struct pool *pool = pool_new(1 << 20);
	struct parsing p = { .err = ERR_LIMIT };

	p.in = repeated(pool, "{\"n\":null", ",\"f%u\":0", FIELDS_MAX, "}");
	p.at = p.in.len - strlen("\"f255\":0}");
	parsing_check(json_parse_fields, &p);
	p.in = repeated(pool, "{\"a\":0,\"", "n%u", 65, "\":1}");
	p.at = 7;
	parsing_check(json_parse_fields, &p);
	p.in = repeated(pool, "{\"a\":0,\"b\":\"", "%u", 4000, "\"}");
	parsing_check(json_parse_fields, &p);
	p.in = repeated(pool, "{\"a\":0,\"b\":[\"", "<<<%u", 500, "\"]}");
	parsing_check(json_parse_fields, &p);
	p.in = repeated(pool, "{\"a\":[0", ",%u", JSON_VALUES_MAX, "]}");
	p.at = p.in.len - strlen(",2046,2047]}");
	parsing_check(json_parse_fields, &p);
	pool_free(pool);
}
END_TEST

/* The dearest values for their length fit into the memory set aside. */
START_TEST(test_whatever_the_limits_allow_can_be_read)
{
	static const char *const each[] = {
		"{},", "[],", "{\"\":0},", "0,", "\"aaaaaaaaaaaaaaaaaaaaaaa\",",
		"[[[[[[[[]]]]]]]],",
	};
	struct pool *pool = pool_new(1 << 22);

	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		struct str in = repeated(pool, "{\"a\":[", each[i],
					 i == 3 ? 2000 : i == 5 ? 220 : 1000,
					 "0]}");
		struct fields f;
		enum err err;

		fields_init(&f, pool);
		err = json_parse_fields(in, &f, NULL);
		ck_assert_int_eq(err, in.len > FIELD_VALUE_MAX ? ERR_LIMIT :
								 ERR_OK);
	}
	pool_free(pool);
}
END_TEST

START_TEST(test_a_full_pool_is_told_as_such)
{
	struct str in = STR("{\"email\":\"a\",\"n\":12,\"j\":[1]}");
	unsigned failures = 0;

	for (size_t limit = 0; limit <= 1024; limit += 16) {
		struct pool *pool = pool_new(limit);
		struct fault fault;
		struct fields f;
		enum err err;

		fields_init(&f, pool);
		err = json_parse_fields(in, &f, &fault);
		if (err) {
			ck_assert_int_eq(err, ERR_NOMEM);
			ck_assert_int_eq(fault.err, ERR_NOMEM);
			failures++;
		}
		ck_assert_uint_eq(f.count, err ? 0 : 3);
		pool_free(pool);
	}
	ck_assert_uint_ge(failures, 40);
	ck_assert_uint_le(failures, 50);
}
END_TEST

static void *read_many(void *arg)
{
	(void)arg;
	for (int i = 0; i < 200; i++)
		parsing_check_all(json_parse_fields, good);
	return NULL;
}

START_TEST(test_threads_read_side_by_side)
{
	pthread_t other;

	ck_assert_int_eq(pthread_create(&other, NULL, read_many, NULL), 0);
	read_many(NULL);
	ck_assert_int_eq(pthread_join(other, NULL), 0);
}
END_TEST

static char text[512];
static struct buf out;

static void set_up(void)
{
	buf_init_fixed(&out, text, sizeof(text));
}

START_TEST(test_strings_are_safe_in_json_and_in_html)
{
	json_add_str(&out, STR("a\"b\\c/\x01\x1f\n\r\t\b\0</script>&'\x7f"));
	ck_str_is(buf_str(&out), "\"a\\\"b\\\\c/\\u0001\\u001f\\n\\r\\t\\u0008"
		  "\\u0000\\u003c/script\\u003e\\u0026'\x7f\"");
	buf_clear(&out);
	json_add_str(&out, STR("\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa\xc3\xa9"
			       "\xf0\x9f\x98\x80"));
	ck_str_is(buf_str(&out), "\"\\u2028\\u2029\xe2\x80\xaa\xc3\xa9"
				 "\xf0\x9f\x98\x80\"");
	buf_clear(&out);
	json_add_str(&out, STR("\xff" "a\xc3"));
	ck_str_is(buf_str(&out), "\"\xef\xbf\xbd" "a\xef\xbf\xbd\"");
	buf_clear(&out);
	json_add_str(&out, STR_NULL);
	ck_str_is(buf_str(&out), "\"\"");
}
END_TEST

START_TEST(test_what_is_told_is_nobodys_address)
{
	static const struct { const char *came, *told; } rows[] = {
		{ "https://acme.example", "\"https://acme.example\"" },
		{ "", "\"\"" },
		{ "ann@acme.example", "a text of 16 octets with an @" },
		{ "https://acme.example/?u=ann%40acme.example",
		  "a text of 42 octets with an @" },
		{ "J\xc3\xb6rg", "a text of 5 octets" },
		{ "a\nb", "a text of 3 octets" },
		{ "12345678901234567890123456789012345678901234567890"
		  "123456789012345", "a text of 65 octets" },
	};
	struct pool *pool = pool_new(4096);

	for (size_t i = 0; i < N_ELEMENTS(rows); i++)
		ck_assert_str_eq(json_told(pool, str_from(rows[i].came)),
				 rows[i].told);
	pool_free(pool);
}
END_TEST

START_TEST(test_what_is_quoted_is_short_and_safe)
{
	struct pool *pool = pool_new(4096);
	char long_one[JSON_QUOTED_MAX + 2], want[JSON_QUOTED_MAX + 3];

	ck_assert_str_eq(json_quoted(pool, STR("a\"\n<\xff\x1b[2J")),
			 "\"a\\\"\\n\\u003c\xef\xbf\xbd\\u001b[2J\"");
	ck_assert_str_eq(json_quoted(pool, STR_NULL), "\"\"");
	/* the last one is half of a character */
	memset(long_one, 'a', sizeof(long_one));
	memcpy(long_one + JSON_QUOTED_MAX - 1, "\xc3\xab", 2);
	snprintf(want, sizeof(want), "\"%.*s\"", JSON_QUOTED_MAX - 1, long_one);
	ck_assert_str_eq(json_quoted(pool, (struct str){ long_one,
				     JSON_QUOTED_MAX + 1 }), want);
	pool_free(pool);
}
END_TEST

START_TEST(test_objects_are_written_member_by_member)
{
	buf_addc(&out, '{');
	json_add_member(&out, "a", STR("{"));
	json_add_member_int(&out, "b", INT64_MIN);
	json_add_member_int(&out, "c", INT64_MAX);
	json_add_member_int(&out, "d", 0);
	json_add_member_bool(&out, "e", true);
	json_add_member_bool(&out, "f", false);
	json_add_member_raw(&out, "g", STR("[1]"));
	json_add_member(&out, "i", STR_NULL);
	buf_addc(&out, '}');
	ck_str_is(buf_str(&out), "{\"a\":\"{\",\"b\":-9223372036854775808,"
		  "\"c\":9223372036854775807,\"d\":0,\"e\":true,\"f\":false,"
		  "\"g\":[1],\"i\":\"\"}");
	buf_clear(&out);
	json_add_member(&out, "a", STR(""));
	ck_str_is(buf_str(&out), "\"a\":\"\"");
}
END_TEST

START_TEST(test_fields_survive_being_written_and_read)
{
	struct pool *pool = pool_new(1 << 16);
	struct fields f, g;

	fields_init(&f, pool);
	fields_init(&g, pool);
	json_add_fields(&out, &f);
	ck_str_is(buf_str(&out), "{}");
	buf_clear(&out);
	fields_add(&f, STR("a\"\xc3\xa9"), STR("</\\x>"), FIELD_TEXT);
	fields_add(&f, STR("n"), STR("[1,{\"a\":\"\\u003c\"}]"), FIELD_JSON);
	json_add_fields(&out, &f);
	ck_assert_int_eq(json_parse_fields(buf_str(&out), &g, NULL), ERR_OK);
	ck_assert(str_eq(fields_text(pool, &f), fields_text(pool, &g)));
	pool_free(pool);
}
END_TEST

START_TEST(test_peoples_text_may_have_lines_and_be_long)
{
	static const struct {
		const char *text;
		enum err err;
		size_t at;
	} cases[] = {
		{ "{\"a\":\"x\\r\\n\\ty\"}", ERR_OK, 0 },
		{ "{\"a\":\"x\\u000a\\u000D\\u0009\"}", ERR_OK, 0 },
		/* raw, JSON has none of them */
		{ "{\"a\":\"x\ny\"}", ERR_CONTROL, 7 },
		{ "{\"a\":\"x\\b\"}", ERR_CONTROL, 7 },
		{ "{\"a\":\"x\\u0000\"}", ERR_CONTROL, 7 },
		{ "{\"a\":\"x\\u0085\"}", ERR_CONTROL, 7 },
		{ "{\"a\":1,\"b\\n\":1}", ERR_CONTROL, 7 },
	};
	struct pool *pool = pool_new(1 << 20);
	static char long_one[JSON_TEXT_MAX + 32];
	struct fault fault;
	struct fields f;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fields_init(&f, pool);
		ck_assert_msg(json_parse_text(str_from(cases[i].text), &f,
					      &fault) == cases[i].err,
			      "%s", cases[i].text);
		if (cases[i].err)
			ck_assert_uint_eq(fault.offset, cases[i].at);
	}
	fields_init(&f, pool);
	ck_assert_int_eq(json_parse_text(STR("{\"a\":\"x\\r\\n\\ty\"}"), &f,
					 NULL), ERR_OK);
	ck_str_is(fields_value(&f, STR("a")), "x\r\n\ty");
	for (size_t len = JSON_TEXT_MAX; len <= JSON_TEXT_MAX + 1; len++) {
		memset(long_one, 'x', sizeof(long_one));
		memcpy(long_one, "{\"a\":\"", 6);
		memcpy(long_one + 6 + len, "\"}", 2);
		fields_init(&f, pool);
		ck_assert_int_eq(json_parse_text((struct str){ long_one, len + 8 },
						 &f, &fault),
				 len > JSON_TEXT_MAX ? ERR_LIMIT : ERR_OK);
		/* and only here */
		fields_init(&f, pool);
		ck_assert_int_eq(json_parse_fields((struct str){ long_one, len + 8 },
						   &f, &fault), ERR_LIMIT);
	}
	pool_free(pool);
}
END_TEST

START_TEST(test_a_full_buffer_is_told_and_not_overrun)
{
	struct fields f;
	struct pool *pool = pool_new(4096);

	fields_init(&f, pool);
	fields_add(&f, STR("name"), STR("<value>"), FIELD_TEXT);
	for (size_t size = 0; size < 30; size++) {
		char small[30];

		buf_init_fixed(&out, small, size);
		json_add_fields(&out, &f);
		ck_assert(buf_is_ok(&out) ==
			  (size > strlen("{\"name\":\"\\u003cvalue\\u003e\"}")));
	}
	pool_free(pool);
}
END_TEST

/* What a list of two has become, "a=1|b=2;c=3", or the error. */
static enum err read_list(struct str in, unsigned max, char *got, size_t size)
{
	struct pool *pool = pool_new(1 << 20);
	struct fields list[3];
	struct fault fault;
	struct buf shown;
	unsigned count = 77;
	enum err err;

	for (unsigned i = 0; i < 3; i++)
		fields_init(&list[i], pool);
	err = json_parse_objects(in, "keys", list, max, &count, &fault);
	buf_init_fixed(&shown, got, size);
	buf_puts(&shown, "");
	for (unsigned i = 0; !err && i < count; i++) {
		if (i)
			buf_addc(&shown, ';');
		for (unsigned j = 0; j < list[i].count; j++) {
			const struct field *f = &list[i].v[j];

			buf_printf(&shown, "%s%.*s=%.*s", j ? "|" : "",
				   STR_ARG(f->name), STR_ARG(f->value));
		}
	}
	if (err)
		ck_assert_uint_eq(count, 77);
	pool_free(pool);
	return err;
}

static const struct {
	struct str in;
	enum err err;
	const char *list;
} lists[] = {
	{ BYTES("{\"keys\":[]}"), ERR_OK, "" },
	{ BYTES("{\"x\":[[{}]],\"keys\":[{\"a\":\"1\",\"b\":[1,{}]},{}],"
		"\"y\":null}"), ERR_OK, "a=1|b=[1,{}];" },
	{ BYTES("{\"keys\":[{\"a\":\"1\\n2\\t\"},{\"a\":true}]}"), ERR_OK,
	  "a=1\n2\t;a=true" },
	{ BYTES("{\"keys\":[{},{},{}]}"), ERR_LIMIT, NULL },
	{ BYTES("{}"), ERR_NOT_FOUND, NULL },
	{ BYTES("{\"Keys\":[]}"), ERR_NOT_FOUND, NULL },
	{ BYTES("{\"keys\":{}}"), ERR_SYNTAX, NULL },
	{ BYTES("{\"keys\":null}"), ERR_SYNTAX, NULL },
	{ BYTES("{\"keys\":[1]}"), ERR_SYNTAX, NULL },
	{ BYTES("{\"keys\":[{},[]]}"), ERR_SYNTAX, NULL },
	{ BYTES("{\"keys\":[],\"keys\":[]}"), ERR_DUPLICATE, NULL },
	{ BYTES("{\"keys\":[{\"a\":1,\"a\":1}]}"), ERR_DUPLICATE, NULL },
	{ BYTES("[]"), ERR_SYNTAX, NULL },
	{ BYTES(""), ERR_SYNTAX, NULL },
	{ BYTES("<html>"), ERR_SYNTAX, NULL },
	{ BYTES("{\"keys\":[]}x"), ERR_SYNTAX, NULL },
};

START_TEST(test_a_list_of_objects_becomes_fields)
{
	char got[256];

	ck_assert_int_eq(read_list(lists[_i].in, 2, got, sizeof(got)),
			 lists[_i].err);
	if (lists[_i].list)
		ck_assert_str_eq(got, lists[_i].list);
}
END_TEST

/* An x5c may be as long as it likes; a text may not. */
START_TEST(test_of_a_list_what_is_nested_and_long_is_left_out)
{
	static char in[FIELD_VALUE_MAX + 256], got[256];
	struct buf long_one;

	for (int i = 0; i < 2; i++) {
		buf_init_fixed(&long_one, in, sizeof(in));
		buf_puts(&long_one, "{\"keys\":[{\"a\":\"1\",\"x5c\":");
		buf_puts(&long_one, i ? "\"" : "[\"");
		for (unsigned n = 0; n <= FIELD_VALUE_MAX; n++)
			buf_addc(&long_one, 'x');
		buf_puts(&long_one, i ? "\",\"b\":\"2\"}]}" :
				   "\"],\"b\":\"2\"}]}");
		ck_assert_int_eq(read_list(buf_str(&long_one), 2, got, sizeof(got)),
				 i ? ERR_LIMIT : ERR_OK);
		if (!i)
			ck_assert_str_eq(got, "a=1|b=2");
	}
}
END_TEST

static void json_tests(TCase *t)
{
	tcase_add_checked_fixture(t, set_up, NULL);
	tcase_add_loop_test(t, test_an_object_becomes_fields, 0,
			    sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(t, test_what_could_mean_two_things_is_refused_with_its_place,
			    0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_loop_test(t, test_a_list_of_objects_becomes_fields, 0,
			    sizeof(lists) / sizeof(lists[0]));
	tcase_add_test(t, test_of_a_list_what_is_nested_and_long_is_left_out);
	tcase_add_test(t, test_limits_are_told_where_they_are_passed);
	tcase_add_test(t, test_whatever_the_limits_allow_can_be_read);
	tcase_add_test(t, test_a_full_pool_is_told_as_such);
	tcase_add_test(t, test_threads_read_side_by_side);
	tcase_add_test(t, test_strings_are_safe_in_json_and_in_html);
	tcase_add_test(t, test_what_is_quoted_is_short_and_safe);
	tcase_add_test(t, test_what_is_told_is_nobodys_address);
	tcase_add_test(t, test_objects_are_written_member_by_member);
	tcase_add_test(t, test_fields_survive_being_written_and_read);
	tcase_add_test(t, test_peoples_text_may_have_lines_and_be_long);
	tcase_add_test(t, test_a_full_buffer_is_told_and_not_overrun);
}

UNIT_MAIN("json", json_tests)
