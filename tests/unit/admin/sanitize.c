/* Others' text on an operator's terminal. */
#include "admin/sanitize.h"

#include <time.h>

#include "unit/unit.h"

#define BAD "\xef\xbf\xbd"

static char text[512];
static struct buf out;

static struct buf *fresh(void)
{
	buf_init_fixed(&out, text, sizeof(text));
	return &out;
}

START_TEST(what_a_terminal_would_obey_is_replaced)
{
	static const struct {
		struct str in;
		const char *out;
	} cases[] = {
		{ STR("plain"), "plain" },
		{ STR(""), "" },
		{ STR("K\xc3\xb6ln \xe2\x82\xac \xf0\x9f\x98\x80"),
		  "K\xc3\xb6ln \xe2\x82\xac \xf0\x9f\x98\x80" },
		{ STR("\x1b[2Jx"), BAD "[2Jx" },
		{ STR("a\r\n\tb"), "a" BAD BAD BAD "b" },
		{ STR("a\0b\x7f"), "a" BAD "b" BAD },
		{ STR("\xc2\x9b" "31m"), BAD "31m" },	/* CSI in one */
		{ STR("\xc2\xa0"), "\xc2\xa0" },
		{ STR("\xe2\x80\xae" "exe.gpj"), BAD "exe.gpj" },
		{ STR("\xe2\x81\xa6\xe2\x81\xa9\xe2\x80\x8f"), BAD BAD BAD },
		{ STR("\xff\xc3"), BAD BAD },
		{ STR("\x9b" "31m"), BAD "31m" },
		{ STR("\xed\xa0\x80"), BAD BAD BAD },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		sanitize_add(fresh(), cases[i].in);
		ck_str_is(buf_str(&out), cases[i].out);
	}
}
END_TEST

/* What came out, octet by octet: no C0, no DEL, no C1. */
static bool is_clean(void)
{
	for (size_t i = 0; i < out.len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < ' ' || c == 0x7f ||
		    (c == 0xc2 && (unsigned char)text[i + 1] < 0xa0))
			return false;
	}
	return true;
}

/* Every two octets: nothing below a space comes out. */
START_TEST(no_control_character_comes_out_whatever_goes_in)
{
	for (unsigned a = 0; a < 256; a++)
		for (unsigned b = 0; b < 256; b++) {
			const char in[] = { (char)a, (char)b, 'x' };

			sanitize_add(fresh(), (struct str){ in, 3 });
			if (!is_clean())
				ck_abort_msg("%02x %02x", a, b);
		}
}
END_TEST

START_TEST(columns_count_characters)
{
	sanitize_pad(fresh(), STR("K\xc3\xb6ln"), 6);
	ck_str_is(buf_str(&out), "K\xc3\xb6ln  ");
	sanitize_pad(fresh(), STR("longer"), 3);
	ck_str_is(buf_str(&out), "longer");
	sanitize_pad(fresh(), STR("\xff\x1b"), 3);
	ck_str_is(buf_str(&out), BAD BAD " ");
}
END_TEST

START_TEST(no_line_of_a_text_stands_where_ours_do)
{
	sanitize_lines(fresh(), STR("one\n2  agent\n\n\tthree\x1b"), "    ");
	ck_str_is(buf_str(&out),
		  "    one\n    2  agent\n\n    \tthree" BAD "\n");
	sanitize_lines(fresh(), STR(""), "    ");
	ck_str_is(buf_str(&out), "\n");
}
END_TEST

START_TEST(times_are_local_and_say_so)
{
	static const struct {
		const char *zone, *shown;
	} cases[] = {
		{ "UTC0", "2023-11-14T22:13:20+00:00" },
		{ "XXX-5:30", "2023-11-15T03:43:20+05:30" },
		{ "XXX3", "2023-11-14T19:13:20-03:00" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		setenv("TZ", cases[i].zone, 1);
		tzset();
		sanitize_time(fresh(), 1700000000999);
		ck_str_is(buf_str(&out), cases[i].shown);
		ck_assert_uint_eq(out.len, SANITIZE_TIME_WIDTH);
	}
}
END_TEST

static void sanitize_tests(TCase *tc)
{
	tcase_add_test(tc, what_a_terminal_would_obey_is_replaced);
	tcase_add_test(tc, no_control_character_comes_out_whatever_goes_in);
	tcase_add_test(tc, columns_count_characters);
	tcase_add_test(tc, no_line_of_a_text_stands_where_ours_do);
	tcase_add_test(tc, times_are_local_and_say_so);
}

UNIT_MAIN("sanitize", sanitize_tests)
