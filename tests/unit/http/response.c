#include "http/response.h"

#include "unit/unit.h"

#define LONGEST 40

static enum err make(struct str value, char *told, size_t size)
{
	struct answer answer = {
		.status = 302,
		.headers = { { STR("Location"), value } },
		.header_count = 1,
	};
	struct MHD_Response *response;
	enum err err = response_make(&answer, false, RESPONSE_HEAD_MAX,
				     &response);

	if (err)
		return err;
	snprintf(told, size, "%s",
		 MHD_get_response_header(response, "Location"));
	MHD_destroy_response(response);
	return ERR_OK;
}

START_TEST(each_octet_counts_wherever_it_stands)
{
	char value[LONGEST + 1], told[LONGEST + 1];

	for (size_t len = 1; len <= LONGEST; len++)
		for (size_t at = 0; at < len; at++)
			for (int c = 0; c < 256; c++) {
				bool is_control = c < 0x20 || c == 0x7f;
				enum err err;

				if (c == '\t')	/* the library's to judge */
					continue;
				memset(value, c % 2 ? 'x' : 0xff, len);
				value[len] = '\0';
				value[at] = (char)c;
				err = make((struct str){ value, len }, told,
					   sizeof(told));
				if (is_control ? err != ERR_CONTROL :
				    err || strcmp(told, value))
					ck_abort_msg("%02x at %zu of %zu: %d",
						     c, at, len, (int)err);
			}
}
END_TEST

START_TEST(a_control_character_hides_behind_no_tab)
{
	char told[LONGEST];

	ck_assert_int_eq(make(STR("\tabcdef\n"), told, sizeof(told)),
			 ERR_CONTROL);
	ck_assert_int_eq(make(STR("a\t\t\t\t\t\t\x7f"), told, sizeof(told)),
			 ERR_CONTROL);
}
END_TEST

START_TEST(headers_past_the_room_are_refused)
{
	struct answer answer = {
		.status = 200,
		.headers = { { STR("A"), STR("12345") },
			     { STR("B"), STR("12345") } },
		.header_count = 2,
	};
	struct MHD_Response *response;

	ck_assert_int_eq(response_make(&answer, false, 19, &response),
			 ERR_LIMIT);
	ck_assert_int_eq(response_make(&answer, false, 20, &response), ERR_OK);
	MHD_destroy_response(response);
}
END_TEST

static void response_tests(TCase *tc)
{
	tcase_add_test(tc, each_octet_counts_wherever_it_stands);
	tcase_add_test(tc, a_control_character_hides_behind_no_tab);
	tcase_add_test(tc, headers_past_the_room_are_refused);
}

UNIT_MAIN("response", response_tests)
