/* What is found is told once, counted, and no fault is lost. */
#include "workbench/finding.h"

#include "unit/unit.h"

static struct pool *pool;
static struct findings found;

static void set_up(void)
{
	pool = pool_new(256 * 1024);
	findings_init(&found, pool);
}

static void tear_down(void)
{
	pool_free(pool);
}

START_TEST(one_cause_is_one_finding)
{
	char where[] = "request 1";

	for (int i = 0; i < 3; i++)
		findings_add(&found, "crash", str_from(where),
			     "it ends with signal %d", 11);
	where[0] = 'X';		/* it is a copy */
	ck_assert_uint_eq(found.count, 1);
	ck_assert_uint_eq(found.v[0].times, 3);
	ck_str_is(found.v[0].text, "it ends with signal 11");
	ck_str_is(found.v[0].where, "request 1");
	/* another text, and another kind of the same text */
	findings_add(&found, "crash", STR_NULL, "it ends with signal %d", 6);
	findings_add(&found, "hang", STR_NULL, "it ends with signal %d", 6);
	ck_assert_uint_eq(found.count, 3);
	ck_assert(str_is_null(found.v[1].where));
	ck_assert_uint_eq(findings_faults(&found), 3);
}
END_TEST

START_TEST(notes_are_no_faults_and_hide_none)
{
	findings_note(&found, "time", STR_NULL, "it is slow");
	ck_assert_uint_eq(findings_faults(&found), 0);
	findings_add(&found, "time", STR_NULL, "it is slow");
	ck_assert_uint_eq(found.count, 2);
	ck_assert_uint_eq(findings_faults(&found), 1);
}
END_TEST

/* However much there is to note: an adapter with a fault is not fit. */
START_TEST(a_full_table_still_counts_faults)
{
	for (int i = 0; i < FINDINGS_MAX; i++)
		findings_note(&found, "state", STR_NULL, "note %d", i);
	ck_assert_uint_eq(found.count, FINDINGS_MAX);
	ck_assert_uint_eq(findings_faults(&found), 0);
	findings_note(&found, "state", STR_NULL, "one more");
	findings_note(&found, "state", STR_NULL, "note 0");
	ck_assert_uint_eq(found.count, FINDINGS_MAX);
	ck_assert_uint_eq(found.v[0].times, 2);
	ck_assert_uint_eq(findings_faults(&found), 0);
	findings_add(&found, "crash", STR_NULL, "it crashed");
	ck_assert_uint_eq(found.count, FINDINGS_MAX);
	ck_assert_uint_eq(findings_faults(&found), 1);
}
END_TEST

START_TEST(a_long_text_is_cut)
{
	char text[2 * FINDING_TEXT_MAX];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	findings_add(&found, "load", STR_NULL, "%s", text);
	ck_assert_uint_eq(found.v[0].text.len, FINDING_TEXT_MAX - 1);
	findings_add(&found, "load", STR_NULL, "%s", text);
	ck_assert_uint_eq(found.v[0].times, 2);
}
END_TEST

static void finding_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, one_cause_is_one_finding);
	tcase_add_test(tc, notes_are_no_faults_and_hide_none);
	tcase_add_test(tc, a_full_table_still_counts_faults);
	tcase_add_test(tc, a_long_text_is_cut);
}

UNIT_MAIN("finding", finding_tests)
