/* Hostile requests are ones that the gateway would pass on, and no others. */
#include "workbench/hostile.h"

#include "codec/utf8.h"
#include "unit/unit.h"

static struct hostile_words words;

static void set_up(void)
{
	words = (struct hostile_words){ .count = 0 };
	hostile_add_word(&words, STR("plan"));
	hostile_add_word(&words, STR("customer.tier"));
	words.json[words.json_count++] = STR("tags");
}

START_TEST(known_words_and_those_past_the_last_place_are_passed_over)
{
	static char names[HOSTILE_WORDS_MAX + 8][16];

	hostile_add_word(&words, STR("plan"));
	ck_assert_uint_eq(words.count, 2);
	for (int i = 0; i < HOSTILE_WORDS_MAX + 8; i++) {
		snprintf(names[i], sizeof(names[i]), "word%d", i);
		hostile_add_word(&words, str_from(names[i]));
		ck_assert_uint_eq(words.count, i + 3 < HOSTILE_WORDS_MAX ?
				  (unsigned)i + 3 : HOSTILE_WORDS_MAX);
	}
}
END_TEST

static void check_text(struct str s, size_t max, const char *name)
{
	ck_assert_msg(s.len <= max, "%s: %zu octets", name, s.len);
	ck_assert_msg(utf8_check_text(s, NULL) == ERR_OK, "%s: %.*s", name,
		      (int)(s.len < 40 ? s.len : 40), s.ptr);
}

static void check_request(const struct sample *sample, const char *name)
{
	const struct fields *fields = &sample->fields;
	size_t octets = 0;

	ck_assert_msg(fields->count <= FIELDS_MAX, "%s: %u fields", name,
		      fields->count);
	for (unsigned i = 0; i < fields->count; i++) {
		check_text(fields->v[i].name, FIELD_NAME_MAX, name);
		check_text(fields->v[i].value, FIELD_VALUE_MAX, name);
		octets += fields->v[i].name.len + fields->v[i].value.len;
	}
	ck_assert_msg(octets <= HOSTILE_BODY_MAX, "%s: %zu octets", name,
		      octets);
}

static unsigned make_all(bool has_deliver)
{
	char name[HOSTILE_NAME_MAX], last[HOSTILE_NAME_MAX] = "";
	struct sample sample;
	unsigned count = 0;
	int made;

	while ((made = hostile_make(&words, count, has_deliver, &sample,
				    name)) == 1) {
		ck_assert_uint_gt(strlen(name), 0);
		ck_assert_uint_lt(strlen(name), HOSTILE_NAME_MAX);
		ck_assert_msg(strcmp(name, last) != 0, "twice: %s", name);
		snprintf(last, sizeof(last), "%s", name);
		check_request(&sample, name);
		sample_done(&sample);
		count++;
	}
	ck_assert_int_eq(made, 0);
	ck_assert_int_eq(hostile_make(&words, count, has_deliver, &sample,
				      name), 0);
	return count;
}

START_TEST(every_request_is_one_that_the_gateway_passes_on)
{
	unsigned handoffs = make_all(false), both = make_all(true);

	ck_assert_uint_gt(handoffs, 50);
	ck_assert_uint_gt(both, handoffs);
	/* more names, more requests */
	hostile_add_word(&words, STR("another"));
	ck_assert_uint_gt(make_all(false), handoffs);
	/* an adapter that names none is asked all the same */
	words = (struct hostile_words){ .count = 0 };
	ck_assert_uint_gt(make_all(false), 0);
}
END_TEST

START_TEST(the_mark_is_in_one_users_request_and_in_no_others)
{
	struct sample sample;
	unsigned marked = 0, others = 0;

	ck_assert_int_eq(hostile_mark(&words, &sample), ERR_OK);
	for (unsigned i = 0; i < sample.fields.count; i++)
		marked += str_icontains(sample.fields.v[i].value,
					STR(HOSTILE_MARK));
	ck_assert_uint_ge(marked, words.count);
	check_request(&sample, "the mark");
	sample_done(&sample);
	while (hostile_other(&words, others, &sample) == 1) {
		for (unsigned i = 0; i < sample.fields.count; i++)
			ck_assert(!str_icontains(sample.fields.v[i].value,
						 STR(HOSTILE_MARK)));
		check_request(&sample, "another");
		sample_done(&sample);
		others++;
	}
	ck_assert_uint_gt(others, 0);
}
END_TEST

START_TEST(the_mark_is_found_wherever_it_comes_out)
{
	struct adapter_call call = { .result = ADAPTER_OK };

	ck_assert_ptr_null(hostile_find_mark(&call));
	call.name = STR("Ann " HOSTILE_MARK);
	ck_assert_ptr_nonnull(hostile_find_mark(&call));
	call.name = STR_NULL;
	call.deny_reason = STR(HOSTILE_MARK);
	ck_assert_ptr_nonnull(hostile_find_mark(&call));
	call.deny_reason = STR("usher-mark-7c1e4");
	ck_assert_ptr_null(hostile_find_mark(&call));
}
END_TEST

static void hostile_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc,
		known_words_and_those_past_the_last_place_are_passed_over);
	tcase_add_test(tc, every_request_is_one_that_the_gateway_passes_on);
	tcase_add_test(tc, the_mark_is_in_one_users_request_and_in_no_others);
	tcase_add_test(tc, the_mark_is_found_wherever_it_comes_out);
}

UNIT_MAIN("hostile", hostile_tests)
