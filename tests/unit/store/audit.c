#include "store/audit.h"

#include <inttypes.h>

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

#define NOW_MS INT64_C(1795370000000)

/* A request id as the gateway draws them, of that time. */
static const char *ulid(int64_t ms, unsigned n)
{
	static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	static char ids[64][27];
	static unsigned next;
	char *id = ids[next++ % 64];

	memset(id, '0', 26);
	for (unsigned i = 10; i-- > 0; ms >>= 5)
		id[i] = digits[ms & 31];
	for (unsigned i = 26; n; n >>= 5)
		id[--i] = digits[n & 31];
	return id;
}

static void write_one(struct rig *rig, const char *id, int64_t time_ms,
		      int status)
{
	struct audit_record r = record(id, time_ms);

	r.status = status;
	ck_assert_int_eq(audit_write(store_writer(rig->store), &r), ERR_OK);
}

static enum err find(struct rig *rig, const char *id,
		     struct audit_record *found_r)
{
	return audit_find(store_reader(rig->store, 0), str_from(id),
			  rig->pool, found_r);
}

static int64_t rows(struct rig *rig)
{
	return rig_sql(rig, "SELECT (SELECT count(*) FROM trails) +"
			    " (SELECT count(*) FROM refusals)");
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

START_TEST(steps_are_shown_as_they_always_were)
{
	const struct audit_step steps[] = {
		{ "find_tenant", "next", NULL, 17 },
		{ "of_tomorrow", "not_in_the_list", "it says \"why\"", 0 },
		{ "mint_token", "stored", NULL, INT64_C(1) << 50 },
	};
	struct audit_record r = record(ulid(NOW_MS, 1), NOW_MS), found;
	struct rig rig;

	rig_open(&rig);
	r.trail = STR_NULL;
	r.steps = steps;
	r.step_count = 3;
	ck_assert_int_eq(audit_write(store_writer(rig.store), &r), ERR_OK);
	rig_flush(store_writer(rig.store));
	ck_assert_int_eq(find(&rig, ulid(NOW_MS, 1), &found), ERR_OK);
	ck_str_is(found.request_id, ulid(NOW_MS, 1));
	ck_assert_int_eq(found.time_ms, NOW_MS);
	ck_str_is(found.trail,
		  "[{\"step\":\"find_tenant\",\"verdict\":\"next\",\"us\":17},"
		  "{\"step\":\"of_tomorrow\",\"verdict\":\"not_in_the_list\","
		  "\"us\":0,\"why\":\"it says \\\"why\\\"\"},"
		  "{\"step\":\"mint_token\",\"verdict\":\"stored\","
		  "\"us\":1125899906842624}]");
	rig_close(&rig);
}
END_TEST

START_TEST(the_records_of_a_gather_are_one_row_of_each_kind)
{
	struct audit_record found;
	struct rig_gate gate;
	struct rig rig;

	rig_open(&rig);
	rig_gate_close(&gate, store_writer(rig.store));
	for (unsigned i = 0; i < 60; i++)
		write_one(&rig, ulid(NOW_MS + i, i), NOW_MS + i,
			  i % 3 ? 302 : 404);
	rig_gate_open(&gate);
	rig_wait(1);
	rig_flush(store_writer(rig.store));
	ck_assert_int_eq(rows(&rig), 2);
	ck_assert_int_eq(rig_records(&rig), 60);
	for (unsigned i = 0; i < 60; i++) {
		ck_assert_int_eq(find(&rig, ulid(NOW_MS + i, i), &found), 0);
		ck_assert_int_eq(found.status, i % 3 ? 302 : 404);
		/* counted as they lie: what was done, then the refusals */
		ck_assert_int_eq(found.id, i % 3 ? i - i / 3 : 41 + i / 3);
	}
	rig_close(&rig);
}
END_TEST

START_TEST(a_row_is_never_too_long)
{
	static char text[AUDIT_TRAIL_MAX];
	struct audit_record found;
	struct rig_gate gate;
	struct rig rig;

	memset(text, 'x', sizeof(text));
	rig_open(&rig);
	rig_gate_close(&gate, store_writer(rig.store));
	for (unsigned i = 0; i < 5; i++) {
		struct audit_record r = record(ulid(NOW_MS, i), NOW_MS);

		r.trail = (struct str){ text, sizeof(text) };
		ck_assert_int_eq(audit_write(store_writer(rig.store), &r), 0);
	}
	rig_gate_open(&gate);
	rig_wait(1);
	rig_flush(store_writer(rig.store));
	ck_assert_int_eq(rows(&rig), 5);
	ck_assert_int_eq(rig_sql(&rig, "SELECT max(id) FROM refusals"), 5);
	for (unsigned i = 0; i < 5; i++)
		ck_assert_int_eq(find(&rig, ulid(NOW_MS, i), &found), ERR_OK);
	rig_close(&rig);
}
END_TEST

/* A job that leaves a record and then ends as it is told. */
struct leaver {
	struct job job;
	const char *id;
	enum err end;
	unsigned runs;
};

static enum err leave_run(struct db *db, struct job *job)
{
	struct leaver *l = (struct leaver *)job;
	struct audit_record r = record(l->id, NOW_MS);
	enum err err = audit_insert(db, &r);

	l->runs++;
	return err ? err : l->end;
}

/* Submit all while the writer waits, so that they share a transaction. */
static void run_leavers(struct rig *rig, struct leaver *all, unsigned count)
{
	struct rig_gate gate;

	rig_gate_close(&gate, store_writer(rig->store));
	for (unsigned i = 0; i < count; i++) {
		all[i].job = (struct job){ .run = leave_run,
					   .done = rig_done };
		ck_assert_int_eq(writer_submit(store_writer(rig->store),
					       &all[i].job), ERR_OK);
	}
	rig_gate_open(&gate);
	rig_wait(count + 1);
}

START_TEST(a_job_that_says_no_leaves_no_record)
{
	struct leaver all[] = {
		{ .id = "first", .end = ERR_OK },
		{ .id = "no", .end = ERR_NOT_FOUND },
		{ .id = "last", .end = ERR_OK },
	};
	struct audit_record found;
	struct writer_stats stats;
	struct rig rig;

	rig_open(&rig);
	run_leavers(&rig, all, 3);
	ck_assert_int_eq(find(&rig, "first", &found), ERR_OK);
	ck_assert_int_eq(find(&rig, "last", &found), ERR_OK);
	ck_assert_int_eq(find(&rig, "no", &found), ERR_NOT_FOUND);
	ck_assert_int_eq(rig_records(&rig), 2);
	writer_stats(store_writer(rig.store), &stats);
	ck_assert_uint_eq(stats.rerun, 0);
	/* and alone in its transaction neither */
	run_leavers(&rig, &all[1], 1);
	ck_assert_int_eq(rig_records(&rig), 2);
	rig_close(&rig);
}
END_TEST

START_TEST(what_runs_again_is_on_record_once)
{
	struct leaver all[] = {
		{ .id = "first", .end = ERR_OK },
		{ .id = "bad", .end = ERR_INTERNAL },
		{ .id = "last", .end = ERR_OK },
	};
	struct audit_record out[AUDIT_PAGE_MAX];
	unsigned count = 0;
	struct rig rig;

	rig_open(&rig);
	write_one(&rig, "before", NOW_MS, 302);
	rig_flush(store_writer(rig.store));
	run_leavers(&rig, all, 3);
	ck_assert_uint_eq(all[0].runs, 2);
	ck_assert_int_eq(audit_list(store_reader(rig.store, 0), 0, rig.pool,
				    out, &count), ERR_OK);
	ck_assert_uint_eq(count, 3);
	ck_str_is(out[0].request_id, "last");
	ck_str_is(out[1].request_id, "first");
	ck_str_is(out[2].request_id, "before");
	/* without gaps, though the first try had numbers too */
	ck_assert_int_eq(out[0].id, 3);
	ck_assert_int_eq(out[2].id, 1);
	rig_close(&rig);
}
END_TEST

/*
 * A commit that fails once the rows are there: a trigger of the test's own says
 * no, as a disk would.
 */
START_TEST(rows_that_cannot_be_written_fail_their_jobs)
{
	struct leaver job = { .id = "lost", .end = ERR_OK };
	struct audit_record found;
	struct rig rig;

	rig_open(&rig);
	rig_sql(&rig, "CREATE TRIGGER no BEFORE INSERT ON refusals BEGIN"
		      " SELECT RAISE(ABORT, 'no'); END");
	run_leavers(&rig, &job, 1);
	ck_assert_int_ne(job.job.result, ERR_OK);
	rig_sql(&rig, "DROP TRIGGER no");
	job.id = "kept";
	run_leavers(&rig, &job, 1);
	ck_assert_int_eq(job.job.result, ERR_OK);
	ck_assert_int_eq(find(&rig, "lost", &found), ERR_NOT_FOUND);
	ck_assert_int_eq(find(&rig, "kept", &found), ERR_OK);
	ck_assert_int_eq(found.id, 1);
	ck_assert_int_eq(rig_sql(&rig, "SELECT max(id) FROM refusals"), 1);
	rig_close(&rig);
}
END_TEST

START_TEST(pages_cut_through_rows)
{
	struct audit_record out[AUDIT_PAGE_MAX];
	unsigned count = 0;
	struct rig_gate gate;
	struct db *reader;
	char id[16];
	struct rig rig;

	rig_open(&rig);
	reader = store_reader(rig.store, 0);
	rig_gate_close(&gate, store_writer(rig.store));
	for (unsigned i = 1; i <= 2 * AUDIT_PAGE_MAX; i++) {
		snprintf(id, sizeof(id), "R%u", i);
		write_one(&rig, id, i, 302);
	}
	rig_gate_open(&gate);
	rig_wait(1);
	rig_flush(store_writer(rig.store));
	ck_assert_int_eq(rows(&rig), 1);
	ck_assert_int_eq(audit_list(reader, 0, rig.pool, out, &count), ERR_OK);
	ck_assert_uint_eq(count, AUDIT_PAGE_MAX);
	ck_str_is(out[0].request_id, "R100");
	ck_assert_int_eq(out[0].id, 100);
	ck_str_is(out[49].request_id, "R51");
	ck_assert_int_eq(out[49].id, 51);
	/* whoever follows gets what came since, from the middle of a row */
	write_one(&rig, "R101", 101, 404);
	rig_flush(store_writer(rig.store));
	ck_assert_int_eq(audit_list(reader, 98, rig.pool, out, &count), 0);
	ck_assert_uint_eq(count, 3);
	ck_str_is(out[0].request_id, "R101");
	ck_str_is(out[1].request_id, "R100");
	ck_str_is(out[2].request_id, "R99");
	ck_assert_int_eq(audit_list(reader, 101, rig.pool, out, &count), 0);
	ck_assert_uint_eq(count, 0);
	rig_close(&rig);
}
END_TEST

START_TEST(time_leads_to_a_record_among_many)
{
	const unsigned n = 300;
	struct audit_record found;
	struct rig rig;

	rig_open(&rig);
	for (unsigned i = 0; i < n; i++) {
		int64_t ms = NOW_MS + i * 60000;

		clock_hold(ms + 40);
		write_one(&rig, ulid(ms, i), ms, i % 2 ? 302 : 404);
		rig_flush(store_writer(rig.store));
	}
	/* not by looking back: these ids are past what that reaches */
	rig_sql(&rig, "UPDATE trails SET id = id + 1000000 WHERE id > 250");
	rig_sql(&rig, "UPDATE refusals SET id = id + 1000000 WHERE id > 250");
	for (unsigned i = 0; i < n; i++) {
		ck_assert_msg(!find(&rig, ulid(NOW_MS + i * 60000, i),
				    &found), "%u", i);
		ck_assert_int_eq(found.time_ms, NOW_MS + i * 60000);
	}
	ck_assert_int_eq(find(&rig, ulid(NOW_MS + 60000, 7), &found),
			 ERR_NOT_FOUND);
	rig_close(&rig);
}
END_TEST

START_TEST(a_clock_that_was_set_hides_none)
{
	static const int64_t steps[] = { 0, 3600000, 7200000, -86400000,
					 -86300000, 10000 };
	struct audit_record found;
	struct rig rig;

	rig_open(&rig);
	for (unsigned i = 0; i < N_ELEMENTS(steps); i++) {
		clock_hold(NOW_MS + steps[i]);
		write_one(&rig, ulid(NOW_MS + steps[i], i),
			  NOW_MS + steps[i], 302);
		rig_flush(store_writer(rig.store));
	}
	for (unsigned i = 0; i < N_ELEMENTS(steps); i++)
		ck_assert_msg(!find(&rig, ulid(NOW_MS + steps[i], i), &found),
			      "%u", i);
	rig_close(&rig);
}
END_TEST

START_TEST(records_of_an_older_schema_are_read)
{
	struct audit_record out[AUDIT_PAGE_MAX], found;
	unsigned count = 0;
	struct rig rig;

	rig_open(&rig);
	rig_stop(&rig);
	rig_sql(&rig, "INSERT INTO audit VALUES(7, '01OLD', 5, 'acme', 302,"
		      " NULL, '[]'), (8, '01OLDER', 6, NULL, 404, 'none', '[1]')");
	rig_start(&rig);
	write_one(&rig, "01NEW", NOW_MS, 302);
	rig_flush(store_writer(rig.store));
	ck_assert_int_eq(find(&rig, "01OLDER", &found), ERR_OK);
	ck_str_is(found.code, "none");
	ck_str_is(found.trail, "[1]");
	ck_assert_int_eq(audit_list(store_reader(rig.store, 0), 0, rig.pool,
				    out, &count), ERR_OK);
	ck_assert_uint_eq(count, 3);
	ck_str_is(out[0].request_id, "01NEW");
	ck_assert_int_eq(out[0].id, 9);
	ck_str_is(out[2].request_id, "01OLD");
	ck_assert_int_eq(out[2].id, 7);
	rig_close(&rig);
}
END_TEST

START_TEST(a_damaged_row_is_told)
{
	struct audit_record out[AUDIT_PAGE_MAX], found;
	unsigned count = 0;
	struct rig rig;

	rig_open(&rig);
	for (unsigned i = 1; i <= 3; i++) {
		write_one(&rig, ulid(NOW_MS, i), NOW_MS, 302);
		rig_flush(store_writer(rig.store));
	}
	rig_sql(&rig, "UPDATE trails SET body = x'01ff' WHERE id = 2");
	ck_assert_int_eq(audit_list(store_reader(rig.store, 0), 0, rig.pool,
				    out, &count), ERR_OK);
	ck_assert_uint_eq(count, 3);
	ck_str_is(out[1].code, AUDIT_UNREADABLE);
	ck_assert_int_eq(find(&rig, ulid(NOW_MS, 3), &found), ERR_OK);
	ck_assert_int_eq(find(&rig, ulid(NOW_MS, 2), &found), ERR_SYNTAX);
	rig_close(&rig);
}
END_TEST

START_TEST(numbers_go_on_after_a_restart)
{
	struct rig rig;

	rig_open(&rig);
	write_one(&rig, "a", 1, 302);
	write_one(&rig, "b", 1, 404);
	rig_stop(&rig);
	rig_start(&rig);
	write_one(&rig, "c", 1, 302);
	rig_flush(store_writer(rig.store));
	ck_assert_int_eq(rig_records(&rig), 3);
	ck_assert_int_eq(rig_sql(&rig, "SELECT max(id) FROM trails"), 3);
	rig_close(&rig);
}
END_TEST

/* Other bounds, as a job. */
struct bounds {
	struct job job;
	struct audit_bounds done, refused;
};

static enum err bounds_run(struct db *db, struct job *job)
{
	struct bounds *b = (struct bounds *)job;

	return audit_set_bounds(db, &b->done, &b->refused);
}

static void set_bounds(struct rig *rig, struct audit_bounds done,
		       struct audit_bounds refused)
{
	struct bounds b = { { .run = bounds_run, .done = rig_done }, done,
			    refused };

	ck_assert_int_eq(writer_submit(store_writer(rig->store), &b.job), 0);
	rig_wait(1);
	ck_assert_int_eq(b.job.result, ERR_OK);
}

#define MANY { 1000000, 1000000000 }

/* So many commits with a record each. */
static void write_many(struct rig *rig, unsigned count, int status)
{
	static unsigned serial;

	for (unsigned i = 0; i < count; i++, serial++) {
		write_one(rig, ulid(NOW_MS, serial), NOW_MS, status);
		rig_flush(store_writer(rig->store));
	}
}

START_TEST(refusals_push_out_none_but_refusals)
{
	struct rig rig;

	clock_hold(NOW_MS);
	rig_open(&rig);
	set_bounds(&rig, (struct audit_bounds)MANY,
		   (struct audit_bounds){ 20, 1000000 });
	write_many(&rig, 30, 302);
	write_many(&rig, 300, 404);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM trails"), 30);
	ck_assert_int_le(rig_sql(&rig, "SELECT count(*) FROM refusals"), 24);
	ck_assert_int_ge(rig_sql(&rig, "SELECT count(*) FROM refusals"), 20);
	rig_close(&rig);
}
END_TEST

START_TEST(octets_are_bounded_too)
{
	struct rig rig;

	clock_hold(NOW_MS);
	rig_open(&rig);
	set_bounds(&rig, (struct audit_bounds){ 1000000, 4000 },
		   (struct audit_bounds)MANY);
	write_many(&rig, 200, 302);
	ck_assert_int_le(rig_sql(&rig, "SELECT sum(length(body)) FROM trails"),
			 4000);
	ck_assert_int_ge(rig_sql(&rig, "SELECT count(*) FROM trails"), 20);
	rig_close(&rig);
}
END_TEST

START_TEST(a_full_table_is_swept_a_few_rows_at_a_time)
{
	const struct audit_bounds few = { 10, 1000000 };
	int64_t before, after;
	unsigned commits = 0;
	struct rig rig;

	clock_hold(NOW_MS);
	rig_open(&rig);
	write_many(&rig, 400, 302);
	set_bounds(&rig, few, few);
	after = rig_sql(&rig, "SELECT count(*) FROM trails");
	ck_assert_int_eq(after, 400);
	for (; after > 14 && commits < 400; commits++) {
		before = after;
		write_many(&rig, 1, 302);
		after = rig_sql(&rig, "SELECT count(*) FROM trails");
		ck_assert_int_ge(after, before + 1 - 8);
	}
	ck_assert_uint_lt(commits, 400);
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
	const int64_t edge_ms = NOW_MS - AUDIT_DAYS_MAX * DAY_MS;
	struct audit_record found;
	char sql[256];
	struct rig rig;

	clock_hold(edge_ms - 1);
	rig_open(&rig);
	write_one(&rig, ulid(edge_ms - 1, 1), edge_ms - 1, 302);
	write_one(&rig, ulid(edge_ms - 1, 2), edge_ms - 1, 404);
	rig_flush(store_writer(rig.store));
	clock_hold(edge_ms);
	write_one(&rig, ulid(edge_ms, 3), edge_ms, 302);
	rig_stop(&rig);
	snprintf(sql, sizeof(sql), "WITH RECURSIVE n(i) AS (SELECT -200 UNION"
		 " ALL SELECT i + 1 FROM n WHERE i < -1) INSERT INTO audit"
		 " SELECT i, 'old', %" PRId64 ", NULL, 302, NULL, '[]' FROM n",
		 edge_ms - 1);
	rig_sql(&rig, sql);
	clock_hold(NOW_MS);
	rig_start_with(&rig, options);
	pthread_mutex_lock(&told.lock);
	while (rows(&rig) > 1 || rig_sql(&rig, "SELECT count(*) FROM audit"))
		pthread_cond_wait(&told.cond, &told.lock);
	pthread_mutex_unlock(&told.lock);
	ck_assert_int_eq(find(&rig, ulid(edge_ms, 3), &found), ERR_OK);
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
	tcase_add_test(tc, steps_are_shown_as_they_always_were);
	tcase_add_test(tc, the_records_of_a_gather_are_one_row_of_each_kind);
	tcase_add_test(tc, a_row_is_never_too_long);
	tcase_add_test(tc, a_job_that_says_no_leaves_no_record);
	tcase_add_test(tc, what_runs_again_is_on_record_once);
	tcase_add_test(tc, rows_that_cannot_be_written_fail_their_jobs);
	tcase_add_test(tc, pages_cut_through_rows);
	tcase_add_test(tc, time_leads_to_a_record_among_many);
	tcase_add_test(tc, a_clock_that_was_set_hides_none);
	tcase_add_test(tc, records_of_an_older_schema_are_read);
	tcase_add_test(tc, a_damaged_row_is_told);
	tcase_add_test(tc, numbers_go_on_after_a_restart);
	tcase_add_test(tc, refusals_push_out_none_but_refusals);
	tcase_add_test(tc, octets_are_bounded_too);
	tcase_add_test(tc, a_full_table_is_swept_a_few_rows_at_a_time);
	tcase_add_test(tc, a_months_old_trail_goes_by_itself);
}

UNIT_MAIN("audit", audit_tests)
