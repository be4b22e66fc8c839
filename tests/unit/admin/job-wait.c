/* What waits for the writer waits within bounds, and outlives who waited. */
#include "admin/job-wait.h"

#include "unit/unit.h"

static struct job_wait *begin(void)
{
	struct job_wait *wait = job_wait_new();

	ck_assert_ptr_nonnull(wait);
	return wait;
}

START_TEST(texts_are_copies_that_stay)
{
	struct job_wait *wait = begin();
	char text[] = "Jane Doe";
	struct str copy = job_wait_str(wait, str_from(text));

	text[0] = 'X';
	ck_str_is(copy, "Jane Doe");
	ck_assert(!str_is_null(job_wait_str(wait, STR(""))));
	job_wait_free(wait);
	job_wait_free(NULL);
}
END_TEST

/* More than an answer of any length needs, and not more than that. */
START_TEST(texts_have_a_limit)
{
	static char text[JOB_WAIT_POOL_MAX + 1];
	struct job_wait *wait = begin();

	memset(text, 'x', sizeof(text));
	ck_assert(str_is_null(job_wait_str(wait, (struct str){
		text, sizeof(text) })));
	ck_assert(!str_is_null(job_wait_str(wait, (struct str){
		text, 20000 })));
	job_wait_free(wait);
}
END_TEST

START_TEST(the_record_says_what_was_done_and_by_whom)
{
	struct job_wait *wait = begin();
	const struct audit_record *record = job_wait_audit(
		wait, STR("acme"), STR("ticket_closed"), STR("tickets close"),
		STR("Jane"));

	ck_assert_ptr_nonnull(record);
	ck_assert_ptr_eq(record, &wait->audit);
	ck_str_is(record->tenant, "acme");
	ck_str_is(record->code, "ticket_closed");
	ck_assert_int_gt(record->time_ms, 0);
	ck_assert(str_icontains(record->trail, STR("tickets close")));
	ck_assert(str_icontains(record->trail, STR("Jane")));
	job_wait_free(wait);
	/* who is not known is not named */
	wait = begin();
	record = job_wait_audit(wait, STR("acme"), STR("user_blocked"),
				STR("users block"), STR(""));
	ck_assert_ptr_nonnull(record);
	ck_assert(!str_icontains(record->trail, STR("\"by\"")));
	job_wait_free(wait);
}
END_TEST

/* As the writer's thread ends a job. */
static void *finish(void *arg)
{
	struct job_wait *wait = arg;

	wait->job.result = ERR_CONFLICT;
	wait->job.done(&wait->job);
	return NULL;
}

START_TEST(it_is_told_what_became_of_it)
{
	struct job_wait *wait = begin();
	pthread_t thread;

	job_wait_send(wait);
	ck_assert_ptr_nonnull(wait->job.done);
	ck_assert_int_eq(pthread_create(&thread, NULL, finish, wait), 0);
	ck_assert(job_wait_for(wait));
	ck_assert_int_eq(wait->job.result, ERR_CONFLICT);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	job_wait_free(wait);
}
END_TEST

/* The writer still has it: who waited goes, and the end frees it.  (A leak or
 * a use after it is the sanitizer's to tell.) */
START_TEST(what_is_left_behind_ends_with_the_writer)
{
	struct job_wait *wait = begin();

	job_wait_send(wait);
	ck_assert(!job_wait_for(wait));
	job_wait_free(wait);
	finish(wait);
}
END_TEST

START_TEST(one_that_was_refused_is_its_owners)
{
	struct job_wait *wait = begin();

	job_wait_send(wait);
	job_wait_unsend(wait);
	job_wait_free(wait);
}
END_TEST

static void job_wait_tests(TCase *tc)
{
	tcase_add_test(tc, texts_are_copies_that_stay);
	tcase_add_test(tc, texts_have_a_limit);
	tcase_add_test(tc, the_record_says_what_was_done_and_by_whom);
	tcase_add_test(tc, it_is_told_what_became_of_it);
	tcase_add_test(tc, what_is_left_behind_ends_with_the_writer);
	tcase_add_test(tc, one_that_was_refused_is_its_owners);
}

UNIT_MAIN("job-wait", job_wait_tests)
