#include "store/audit.h"

#include "unit/store/rig.h"

#define DAY_MS 86400000LL

static struct audit_record record(const char *id, int64_t time_ms)
{
	return (struct audit_record){
		.request_id = str_from(id),
		.time_ms = time_ms,
		.tenant = STR("acme"),
		.status = 422,
		.code = STR("invalid"),
		.trail = STR("[{\"step\":\"validate\"}]"),
	};
}

START_TEST(a_record_is_found_by_its_request)
{
	struct audit_record r = record("01A", 1234), found;
	struct rig rig;

	rig_open(&rig);
	ck_assert_int_eq(audit_write(store_writer(rig.store), &r), ERR_OK);
	rig_flush(store_writer(rig.store));
	ck_assert_int_eq(audit_find(store_reader(rig.store, 0), STR("01A"),
				    rig.pool, &found), ERR_OK);
	ck_str_is(found.request_id, "01A");
	ck_str_is(found.tenant, "acme");
	ck_str_is(found.code, "invalid");
	ck_str_is(found.trail, "[{\"step\":\"validate\"}]");
	ck_assert_int_eq(found.time_ms, 1234);
	ck_assert_int_eq(found.status, 422);
	ck_assert_int_eq(audit_find(store_reader(rig.store, 0), STR("01B"),
				    rig.pool, &found), ERR_NOT_FOUND);
	rig_close(&rig);
}
END_TEST

START_TEST(a_record_is_copied_when_it_is_sent)
{
	char trail[] = "[1]", id[] = "01A";
	struct audit_record r = record(id, 1), found;
	struct rig_gate gate;
	struct rig rig;

	rig_open(&rig);
	r.trail = str_from(trail);
	r.tenant = STR_NULL;
	r.code = STR_NULL;
	rig_gate_close(&gate, store_writer(rig.store));
	ck_assert_int_eq(audit_write(store_writer(rig.store), &r), ERR_OK);
	memset(trail, '!', sizeof(trail) - 1);
	memset(id, '!', sizeof(id) - 1);
	rig_gate_open(&gate);
	rig_wait(1);
	rig_flush(store_writer(rig.store));
	ck_assert_int_eq(audit_find(store_reader(rig.store, 0), STR("01A"),
				    rig.pool, &found), ERR_OK);
	ck_str_is(found.trail, "[1]");
	ck_assert_ptr_null(found.tenant.ptr);
	ck_assert_ptr_null(found.code.ptr);
	rig_close(&rig);
}
END_TEST

START_TEST(the_newest_of_one_id_is_shown)
{
	struct audit_record a = record("01A", 1), b = record("01A", 2), found;
	struct rig rig;

	rig_open(&rig);
	ck_assert_int_eq(audit_write(store_writer(rig.store), &a), ERR_OK);
	ck_assert_int_eq(audit_write(store_writer(rig.store), &b), ERR_OK);
	rig_flush(store_writer(rig.store));
	ck_assert_int_eq(audit_find(store_reader(rig.store, 0), STR("01A"),
				    rig.pool, &found), ERR_OK);
	ck_assert_int_eq(found.time_ms, 2);
	rig_close(&rig);
}
END_TEST

START_TEST(the_newest_are_listed_and_those_since_one)
{
	struct audit_record out[AUDIT_PAGE_MAX], r;
	unsigned count = 0, i;
	char id[16];
	struct db *reader;
	struct rig rig;

	rig_open(&rig);
	reader = store_reader(rig.store, 0);
	ck_assert_int_eq(audit_list(reader, 0, rig.pool, out, &count), ERR_OK);
	ck_assert_uint_eq(count, 0);
	for (i = 1; i <= AUDIT_PAGE_MAX + 3; i++) {
		snprintf(id, sizeof(id), "R%u", i);
		r = record(id, i);
		ck_assert_int_eq(audit_write(store_writer(rig.store), &r),
				 ERR_OK);
	}
	rig_flush(store_writer(rig.store));
	ck_assert_int_eq(audit_list(reader, 0, rig.pool, out, &count), ERR_OK);
	ck_assert_uint_eq(count, AUDIT_PAGE_MAX);
	ck_str_is(out[0].request_id, "R53");
	ck_str_is(out[AUDIT_PAGE_MAX - 1].request_id, "R4");
	ck_assert_int_gt(out[0].id, out[1].id);
	ck_assert_int_eq(audit_list(reader, out[2].id, rig.pool, out, &count),
			 ERR_OK);
	ck_assert_uint_eq(count, 2);
	ck_str_is(out[1].request_id, "R52");
	rig_close(&rig);
}
END_TEST

START_TEST(records_out_of_bounds_are_refused)
{
	static char big[AUDIT_TRAIL_MAX + 1];
	struct audit_record large = record("01A", 1), nul = large;
	struct rig rig;

	memset(big, 'x', sizeof(big));
	large.trail = (struct str){ big, sizeof(big) };
	nul.code = STR("a\0b");
	rig_open(&rig);
	ck_assert_int_eq(audit_write(store_writer(rig.store), &large),
			 ERR_LIMIT);
	ck_assert_int_eq(audit_write(store_writer(rig.store), &nul),
			 ERR_CONTROL);
	rig_close(&rig);
}
END_TEST

/* One sweep as a job, with bounds of the test's own. */
struct sweep {
	struct job job;
	int64_t before_ms, rows_max;
	unsigned deleted;
};

static enum err sweep_run(struct db *db, struct job *job)
{
	struct sweep *s = (struct sweep *)job;

	return audit_sweep(db, s->before_ms, s->rows_max, &s->deleted);
}

static unsigned sweep(struct rig *rig, int64_t before_ms, int64_t rows_max)
{
	struct sweep s = { { .run = sweep_run, .done = rig_done }, before_ms,
			   rows_max, 0 };

	ck_assert_int_eq(writer_submit(store_writer(rig->store), &s.job), 0);
	rig_wait(1);
	ck_assert_int_eq(s.job.result, ERR_OK);
	return s.deleted;
}

START_TEST(the_old_and_the_many_are_swept_in_small_pieces)
{
	const unsigned n = AUDIT_SWEEP_MAX + 10;
	struct rig rig;

	rig_open(&rig);
	for (unsigned i = 0; i < n; i++) {
		struct audit_record r = record("01A", 1000 + i);

		ck_assert_int_eq(audit_write(store_writer(rig.store), &r), 0);
	}
	rig_flush(store_writer(rig.store));
	ck_assert_int_eq(sweep(&rig, 0, n), 0);
	ck_assert_int_eq(sweep(&rig, 1003, n), 3);
	ck_assert_int_eq(rig_sql(&rig, "SELECT min(time_ms) FROM audit"),
			 1003);
	ck_assert_int_eq(sweep(&rig, 0, n - 5), 2);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM audit"), n - 5);
	ck_assert_int_eq(sweep(&rig, 1000000, n), AUDIT_SWEEP_MAX);
	ck_assert_int_eq(sweep(&rig, 1000000, n), n - 5 - AUDIT_SWEEP_MAX);
	ck_assert_int_eq(sweep(&rig, 1000000, n), 0);
	rig_close(&rig);
}
END_TEST

struct told {
	pthread_mutex_t lock;
	pthread_cond_t cond;
};

static void told_batch(void *ctx)
{
	struct told *t = ctx;

	pthread_mutex_lock(&t->lock);
	pthread_cond_signal(&t->cond);
	pthread_mutex_unlock(&t->lock);
}

START_TEST(a_months_old_trail_goes_by_itself)
{
	struct told told = { PTHREAD_MUTEX_INITIALIZER,
			     PTHREAD_COND_INITIALIZER };
	struct store_options options = { .sweep_ms = 1,
		.batch_done = told_batch, .batch_ctx = &told };
	const int64_t now_ms = 1700000000000;
	struct audit_record old = record("01OLD",
					 now_ms - AUDIT_DAYS_MAX * DAY_MS - 1);
	struct audit_record young = record("01NEW",
					   now_ms - AUDIT_DAYS_MAX * DAY_MS);
	struct rig rig;

	clock_hold(now_ms);
	rig_open(&rig);
	ck_assert_int_eq(audit_write(store_writer(rig.store), &old), ERR_OK);
	ck_assert_int_eq(audit_write(store_writer(rig.store), &young), ERR_OK);
	rig_stop(&rig);
	rig_start_with(&rig, options);
	pthread_mutex_lock(&told.lock);
	while (rig_sql(&rig, "SELECT count(*) FROM audit") > 1)
		pthread_cond_wait(&told.cond, &told.lock);
	pthread_mutex_unlock(&told.lock);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM audit"
				 " WHERE request_id = '01NEW'"), 1);
	rig_close(&rig);
}
END_TEST

static void audit_tests(TCase *tc)
{
	tcase_add_test(tc, a_record_is_found_by_its_request);
	tcase_add_test(tc, a_record_is_copied_when_it_is_sent);
	tcase_add_test(tc, the_newest_of_one_id_is_shown);
	tcase_add_test(tc, the_newest_are_listed_and_those_since_one);
	tcase_add_test(tc, records_out_of_bounds_are_refused);
	tcase_add_test(tc, the_old_and_the_many_are_swept_in_small_pieces);
	tcase_add_test(tc, a_months_old_trail_goes_by_itself);
}

UNIT_MAIN("audit", audit_tests)
