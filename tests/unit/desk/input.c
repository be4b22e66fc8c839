/*
 * What a request to the desk says, as it is read.
 */
#include "desk/input.h"

#include "codec/json.h"
#include "unit/unit.h"

static struct pool *pool;
static struct tenant tenant;
static struct str categories[] = { STR("Billing"), STR("Other \xc3\xa9") };

static void setup(void)
{
	pool = pool_new(1 << 20);
	tenant = (struct tenant){ .categories = categories,
				  .category_count = 2 };
}

static void teardown(void)
{
	pool_free(pool);
}

START_TEST(a_number_has_one_spelling)
{
	static const char *const bad[] = {
		"", "0", "-1", "+1", "01", "1 ", " 1", "1.0", "1e3", "0x1",
		"9223372036854775808", "%31", "1/", "new",
	};
	int64_t n = 77;

	ck_assert_int_eq(input_number_read(STR("1"), &n), ERR_OK);
	ck_assert_int_eq(n, 1);
	ck_assert_int_eq(input_number_read(STR("9223372036854775807"), &n),
			 ERR_OK);
	ck_assert_int_eq(n, INT64_MAX);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(input_number_read(str_from(bad[i]), &n),
			      "'%s'", bad[i]);
	ck_assert_int_eq(n, INT64_MAX);
}
END_TEST

START_TEST(a_cursor_has_one_spelling)
{
	static const char *const bad[] = {
		"", "-", "1", "1-", "-1", "1--1", "1-2-3", "01-1", "1-01",
		"0-1", "1-0", "1 -1", "1- 1", "1_1", "1-9223372036854775808",
		"9223372036854775808-1",
	};
	char text[40];
	int64_t ms = 5, number = 5;
	struct buf out;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(input_cursor_read(str_from(bad[i]), &ms,
						&number), "'%s'", bad[i]);
	ck_assert_int_eq(ms, 5);
	ck_assert_int_eq(number, 5);
	buf_init_fixed(&out, text, sizeof(text));
	input_cursor_add(&out, INT64_MAX, INT64_MAX);
	ck_assert(buf_is_ok(&out));
	ck_assert_int_eq(input_cursor_read(buf_str(&out), &ms, &number),
			 ERR_OK);
	ck_assert_int_eq(ms, INT64_MAX);
	ck_assert_int_eq(number, INT64_MAX);
	ck_assert_int_eq(input_cursor_read(STR("1795370000000-7"), &ms,
					   &number), ERR_OK);
	ck_assert_int_eq(ms, INT64_C(1795370000000));
	ck_assert_int_eq(number, 7);
}
END_TEST

START_TEST(a_query_says_which_page)
{
	static const char *const bad[] = {
		"state=", "state=all", "state=OPEN", "before=", "before=7",
		"limit=", "limit=0", "limit=51", "limit=-1", "limit=05",
		"state=open&state=open", "state=%zz",
	};
	struct input_query q = { .limit = 99 };
	const char *why = NULL;

	ck_assert_int_eq(input_query_read(pool, STR_NULL, &q, &why), ERR_OK);
	ck_assert_uint_eq(q.limit, INPUT_LIST_MAX);
	ck_assert_int_eq(q.state, INPUT_ALL);
	ck_assert_int_eq(q.before_ms, 0);
	ck_assert_int_eq(input_query_read(pool, STR("state=closed&limit=1&"
						    "before=12-3&other=x"),
					  &q, &why), ERR_OK);
	ck_assert_int_eq(q.state, INPUT_CLOSED);
	ck_assert_uint_eq(q.limit, 1);
	ck_assert_int_eq(q.before_ms, 12);
	ck_assert_int_eq(q.before_number, 3);
	ck_assert_int_eq(input_query_read(pool, STR("state=open"), &q, &why),
			 ERR_OK);
	ck_assert_int_eq(q.state, INPUT_OPEN);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why = NULL;
		ck_assert_msg(input_query_read(pool, str_from(bad[i]), &q,
					       &why) == ERR_SYNTAX, "'%s'",
			      bad[i]);
		ck_assert_ptr_nonnull(why);
	}
	ck_assert_int_eq(q.state, INPUT_OPEN);
}
END_TEST

START_TEST(an_earlier_part_of_a_thread_is_asked_for_by_its_end)
{
	const char *why = NULL;
	int64_t id = 9;

	ck_assert_int_eq(input_before_read(pool, STR_NULL, &id, &why), ERR_OK);
	ck_assert_int_eq(id, 0);
	ck_assert_int_eq(input_before_read(pool, STR("before=12"), &id, &why),
			 ERR_OK);
	ck_assert_int_eq(id, 12);
	ck_assert_int_eq(input_before_read(pool, STR("before=0"), &id, &why),
			 ERR_SYNTAX);
	ck_assert_ptr_nonnull(why);
	ck_assert_int_eq(id, 12);
}
END_TEST

/* The errors of a body, as the 422 lists them; "" when it is good. */
static struct str judge(const char *json, struct str key, bool is_reply,
			struct input_text *out)
{
	struct invalid_list *list = pool_alloc(pool, sizeof(*list));
	struct fields fields;
	struct buf text;
	enum err err;

	fields_init(&fields, pool);
	ck_assert_int_eq(json_parse_text(str_from(json), &fields, NULL),
			 ERR_OK);
	invalid_list_init(list, pool);
	err = is_reply ? input_reply_read(pool, &fields, key, list, out) :
			 input_ticket_read(pool, &tenant, &fields, key, list,
					   out);
	buf_init_pool(&text, pool, 4096);
	for (unsigned i = 0; i < list->count; i++)
		buf_printf(&text, "%.*s: %.*s\n", STR_ARG(list->v[i].field),
			   STR_ARG(list->v[i].message));
	ck_assert_int_eq(err, list->count ? ERR_SYNTAX : ERR_OK);
	return buf_str(&text);
}

#define REQUIRED(name, field) name ": The " field " field is required.\n"

START_TEST(everything_that_is_wrong_is_said_at_once)
{
	struct input_text out = { .key = STR_NULL };

	ck_str_is(judge("{}", STR_NULL, false, &out),
		  REQUIRED("subject", "subject") REQUIRED("message", "message")
		  REQUIRED("idempotency_key", "idempotency key"));
	ck_str_is(judge("{}", STR_NULL, true, &out),
		  REQUIRED("message", "message")
		  REQUIRED("idempotency_key", "idempotency key"));
	ck_str_is(judge("{\"subject\":[1],\"category\":{},\"message\":[]}",
			STR("k"), false, &out),
		  "subject: The subject field must be a string.\n"
		  "category: The category field must be a string.\n"
		  "message: The message field must be a string.\n");
	ck_str_is(judge("{\"subject\":\" \\n \",\"category\":\"billing\","
			"\"message\":\"\\u3000\\r\\n\"}", STR("k"), false,
			&out),
		  REQUIRED("subject", "subject")
		  "category: The selected category is invalid.\n"
		  REQUIRED("message", "message"));
	ck_str_is(judge("{\"subject\":\"a\\nb\",\"message\":\"m\"}", STR("k"),
			false, &out),
		  "subject: The subject field must be one line.\n");
	ck_assert(str_is_null(out.key));
}
END_TEST

START_TEST(a_key_is_of_one_to_64_of_its_characters)
{
	static const struct str bad[] = {
		STR(""), STR(" "), STR("a b"), STR("a.b"), STR("\xc3\xa9"),
		STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		    "aaaaaaa"),
	};
	struct input_text out;

	ck_str_is(judge("{\"message\":\"m\"}", STR("Az09_-"), true, &out), "");
	ck_str_is(out.key, "Az09_-");
	ck_str_is(judge("{\"message\":\"m\"}",
			(struct str){ bad[5].ptr, TICKET_KEY_MAX }, true, &out),
		  "");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(judge("{\"message\":\"m\"}", bad[i], true,
				    &out).len, "'%s'", bad[i].ptr);
}
END_TEST

START_TEST(what_was_written_takes_one_form)
{
	struct input_text out;

	ck_str_is(judge("{\"subject\":\"\\u00a0 It broke \\n\",\"category\":"
			"\" Other \xc3\xa9 \",\"message\":\"\\r\\n one\\r\\n"
			"two\\rthree\\n\\n\\tfour\\r\\n \"}", STR("k"), false,
			&out), "");
	ck_str_is(out.subject, "It broke");
	ck_str_is(out.category, "Other \xc3\xa9");
	ck_str_is(out.message, "one\ntwo\nthree\n\n\tfour");
	ck_str_is(judge("{\"subject\":12,\"category\":null,\"message\":true}",
			STR("k"), false, &out), "");
	ck_str_is(out.subject, "12");
	ck_str_is(out.category, "");
	ck_str_is(out.message, "true");
}
END_TEST

/* {"subject":..., "message":...} of so many characters of four octets. */
static const char *long_body(unsigned subject, unsigned message)
{
	struct buf b;

	buf_init_pool(&b, pool, 64 * 1024);
	buf_puts(&b, "{\"subject\":\"");
	while (subject--)
		buf_puts(&b, "\xf0\x9f\x98\x80");
	buf_puts(&b, "\",\"message\":\"");
	while (message--)
		buf_puts(&b, "\xf0\x9f\x98\x80");
	buf_puts(&b, "\"}");
	return b.ptr;
}

START_TEST(limits_count_characters)
{
	struct input_text out;

	ck_str_is(judge(long_body(200, 5000), STR("k"), false, &out), "");
	ck_assert_uint_eq(out.subject.len, TICKET_SUBJECT_MAX);
	ck_assert_uint_eq(out.message.len, TICKET_MESSAGE_MAX);
	ck_str_is(judge(long_body(201, 5001), STR("k"), false, &out),
		  "subject: The subject field must not be greater than 200 "
		  "characters.\n"
		  "message: The message field must not be greater than 5000 "
		  "characters.\n");
}
END_TEST

static void input_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_number_has_one_spelling);
	tcase_add_test(tcase, a_cursor_has_one_spelling);
	tcase_add_test(tcase, a_query_says_which_page);
	tcase_add_test(tcase,
		       an_earlier_part_of_a_thread_is_asked_for_by_its_end);
	tcase_add_test(tcase, everything_that_is_wrong_is_said_at_once);
	tcase_add_test(tcase, a_key_is_of_one_to_64_of_its_characters);
	tcase_add_test(tcase, what_was_written_takes_one_form);
	tcase_add_test(tcase, limits_count_characters);
}

UNIT_MAIN("input", input_tests)
