#include "store/writer.h"

#include <sched.h>
#include <signal.h>
#include <sys/stat.h>

#include "store/db-private.h"
#include "unit/store/rig.h"

#define MANY 64

/* A job that appends one event, and may go wrong in several ways. */
struct note {
	struct job job;
	int number;
	enum err says;		/* after the writing, or (is_early) before */
	bool is_early;
	unsigned runs, settled, told;
	unsigned told_at;	/* its place among those told */
	unsigned settled_by_then;
};

static unsigned all_settled, all_told;

static enum err note_run(struct db *db, struct job *job)
{
	struct note *n = (struct note *)job;
	struct outbox_event event = { STR("note"), STR("{}") };
	enum err err;

	n->runs++;
	if (n->is_early)
		return n->says;
	err = outbox_append(db, STR("acme"), n->number, &event, 1);
	return err ? err : n->says;
}

static void note_settle(struct job *job)
{
	((struct note *)job)->settled++;
	all_settled++;
}

static void note_done(struct job *job)
{
	struct note *n = (struct note *)job;

	n->told++;
	n->told_at = all_told++;
	n->settled_by_then = all_settled;
	rig_done(job);
}

static void note_submit(struct writer *writer, struct note *n, int number)
{
	n->job = (struct job){ .run = note_run, .settle = note_settle,
			       .done = note_done };
	n->number = number;
	ck_assert_int_eq(writer_submit(writer, &n->job), ERR_OK);
}

static struct writer_stats stats(struct writer *writer)
{
	struct writer_stats s;

	writer_stats(writer, &s);
	return s;
}

static int64_t notes_kept(struct rig *rig)
{
	return rig_sql(rig, "SELECT count(*) FROM outbox");
}

START_TEST(those_who_wait_share_one_commit)
{
	struct note notes[MANY] = { 0 };
	struct writer_stats before, after;
	struct rig_gate gate;
	struct writer *w;
	struct rig rig;

	rig_open(&rig);
	w = store_writer(rig.store);
	rig_gate_close(&gate, w);
	before = stats(w);
	all_settled = all_told = 0;
	for (int i = 0; i < MANY; i++)
		note_submit(w, &notes[i], i);
	ck_assert_int_eq(stats(w).queued, MANY);
	rig_gate_open(&gate);
	rig_wait(MANY + 1);
	after = stats(w);
	/* the gate's own commit, and one for all the others */
	ck_assert_int_eq(after.batches - before.batches, 2);
	ck_assert_int_eq(after.jobs - before.jobs, MANY + 1);
	ck_assert_int_eq(after.queued, 0);
	for (int i = 0; i < MANY; i++) {
		ck_assert_int_eq(notes[i].job.result, ERR_OK);
		ck_assert_int_eq(notes[i].runs, 1);
		ck_assert_int_eq(notes[i].settled, 1);
		ck_assert_int_eq(notes[i].told, 1);
		ck_assert_msg(notes[i].told_at == (unsigned)i, "in order");
		ck_assert_msg(notes[i].settled_by_then == MANY,
			      "all are settled before one is told");
	}
	ck_assert_int_eq(notes_kept(&rig), MANY);
	rig_close(&rig);
}
END_TEST

START_TEST(one_bad_job_costs_no_neighbour)
{
	static const struct {
		enum err says;
		bool is_early;
		bool reruns;	/* do the others run twice? */
	} cases[] = {
		{ ERR_IO, false, true },	/* fails, half written */
		{ ERR_NOMEM, true, true },	/* nobody knows */
		{ ERR_LIMIT, false, true },	/* says no but has written */
		{ ERR_LIMIT, true, false },	/* says no as it should */
	};
	struct rig rig;

	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		struct note notes[MANY] = { 0 };
		struct rig_gate gate;
		struct writer *w;

		rig_open(&rig);
		w = store_writer(rig.store);
		rig_gate_close(&gate, w);
		notes[MANY / 2].says = cases[c].says;
		notes[MANY / 2].is_early = cases[c].is_early;
		for (int i = 0; i < MANY; i++)
			note_submit(w, &notes[i], i);
		rig_gate_open(&gate);
		rig_wait(MANY + 1);
		for (int i = 0; i < MANY; i++) {
			ck_assert_int_eq(notes[i].job.result, notes[i].says);
			ck_assert_int_eq(notes[i].told, 1);
			ck_assert_int_eq(notes[i].settled, 1);
		}
		ck_assert_int_eq(notes[0].runs, cases[c].reruns ? 2 : 1);
		ck_assert_int_eq(stats(w).rerun, cases[c].reruns);
		ck_assert_int_eq(notes_kept(&rig), MANY - 1);
		ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM outbox"
					 " WHERE user_id = 32"), 0);
		rig_close(&rig);
	}
}
END_TEST

struct pages {
	struct job job;
	bool is_full;	/* no page more than there are */
};

static enum err pages_run(struct db *db, struct job *job)
{
	return db_exec(db, ((struct pages *)job)->is_full ?
		       "PRAGMA max_page_count = 1" :
		       "PRAGMA max_page_count = 1000000");
}

static void set_full(struct writer *w, bool is_full)
{
	struct pages p = { { .run = pages_run, .done = rig_done }, is_full };

	ck_assert_int_eq(writer_submit(w, &p.job), ERR_OK);
	rig_wait(1);
	ck_assert_int_eq(p.job.result, ERR_OK);
}

/*
 * A body of 8 KiB needs new pages: with the disk full some jobs of a batch go
 * wrong.  What was told as kept is kept, what was told as failed is not.
 */
START_TEST(a_full_disk_is_an_error_and_loses_nothing_told)
{
	static char body[8192];
	struct outbox_event event = { STR("big"), { body, sizeof(body) } };
	struct redemption visits[MANY] = { 0 };
	struct health_report health;
	char emails[MANY][32];
	struct rig_gate gate;
	struct writer *w;
	struct rig rig;
	int failed = 0;

	memset(body, 'x', sizeof(body));
	rig_open(&rig);
	w = store_writer(rig.store);
	rig_user(&rig, "before@b", "Before");
	set_full(w, true);
	rig_gate_close(&gate, w);
	for (int i = 0; i < MANY; i++) {
		snprintf(emails[i], sizeof(emails[i]), "u%d@b", i);
		visits[i] = rig_token(&rig, (unsigned)i, 0);
		visits[i].opens_session = false;
		visits[i].sync.email = visits[i].sync.email_key =
			str_from(emails[i]);
		/* every other one is small enough for what is left */
		visits[i].events = &event;
		visits[i].event_count = i % 2;
		ck_assert_int_eq(redemptions_submit(
			store_redemptions(rig.store), &visits[i]), ERR_OK);
	}
	rig_gate_open(&gate);
	rig_wait(MANY + 1);
	for (int i = 0; i < MANY; i++) {
		struct user user;
		enum err found = users_find(store_reader(rig.store, 0),
					    STR("acme"),
					    visits[i].sync.email,
					    rig.pool, &user);

		if (visits[i].job.result) {
			failed++;
			ck_assert_int_eq(visits[i].job.result, ERR_IO);
			ck_assert_int_eq(found, ERR_NOT_FOUND);
		} else {
			ck_assert_int_eq(found, ERR_OK);
		}
		ck_assert(i % 2 == 0 || visits[i].job.result);
	}
	ck_assert_int_ge(failed, MANY / 2);
	ck_assert_int_eq(visits[0].job.result, ERR_OK);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM outbox"), 0);
	writer_health(w, &health);
	ck_assert_msg(str_icontains(str_from(health.problem), STR("full")),
		      "%s", health.problem);
	/* and when there is room again all goes on */
	set_full(w, false);
	ck_assert_int_eq(rig_redeem(&rig, &visits[1]), ERR_OK);
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM outbox"), 1);
	ck_assert_int_gt(rig_user(&rig, "before@b", "Before"), 0);
	rig_close(&rig);
}
END_TEST

static enum err impatient_run(struct db *db, struct job *job)
{
	(void)job;
	sqlite3_busy_timeout(db->handle, 20);
	return ERR_OK;
}

START_TEST(a_database_held_by_another_process_is_busy)
{
	struct job impatient = { .run = impatient_run, .done = rig_done };
	struct note notes[MANY] = { 0 };
	sqlite3 *other = NULL;
	struct writer *w;
	struct rig rig;
	char path[128];

	rig_open(&rig);
	w = store_writer(rig.store);
	ck_assert_int_eq(writer_submit(w, &impatient), ERR_OK);
	rig_wait(1);
	snprintf(path, sizeof(path), "%s/%s", rig.dir, DB_FILE);
	ck_assert_int_eq(sqlite3_open(path, &other), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL,
				      NULL), SQLITE_OK);
	for (int i = 0; i < MANY; i++)
		note_submit(w, &notes[i], i);
	rig_wait(MANY);
	for (int i = 0; i < MANY; i++) {
		ck_assert_int_eq(notes[i].job.result, ERR_BUSY);
		ck_assert_int_eq(notes[i].runs, 0);
		ck_assert_int_eq(notes[i].told, 1);
	}
	sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL);
	sqlite3_close(other);
	note_submit(w, &notes[0], 0);
	rig_wait(1);
	ck_assert_int_eq(notes[0].job.result, ERR_OK);
	rig_close(&rig);
}
END_TEST

START_TEST(a_full_queue_says_so_at_once)
{
	struct note *notes = calloc(WRITER_QUEUE_MAX + 1, sizeof(*notes));
	struct rig_gate gate;
	struct writer *w;
	struct rig rig;

	rig_open(&rig);
	w = store_writer(rig.store);
	rig_gate_close(&gate, w);
	for (int i = 0; i < WRITER_QUEUE_MAX; i++)
		note_submit(w, &notes[i], i);
	ck_assert_int_eq(writer_submit(w, &notes[WRITER_QUEUE_MAX].job),
			 ERR_BUSY);
	ck_assert_int_eq(stats(w).refused, 1);
	rig_gate_open(&gate);
	rig_wait(WRITER_QUEUE_MAX + 1);
	ck_assert_int_eq(notes[WRITER_QUEUE_MAX].told, 0);
	ck_assert_int_eq(notes_kept(&rig), WRITER_QUEUE_MAX);
	note_submit(w, &notes[WRITER_QUEUE_MAX], 0);
	rig_wait(1);
	rig_close(&rig);
	free(notes);
}
END_TEST

START_TEST(unawaited_jobs_never_crowd_out_the_others)
{
	struct note *notes = calloc(WRITER_UNAWAITED_MAX + 2, sizeof(*notes));
	struct rig_gate gate;
	struct writer *w;
	struct rig rig;
	unsigned n = 0;

	rig_open(&rig);
	w = store_writer(rig.store);
	rig_gate_close(&gate, w);
	for (; n < WRITER_UNAWAITED_MAX + 1; n++) {
		notes[n].job = (struct job){ .run = note_run,
					     .done = note_done };
		if (writer_submit_unawaited(w, &notes[n].job))
			break;
	}
	ck_assert_int_eq(n, WRITER_UNAWAITED_MAX);
	ck_assert_int_eq(stats(w).unawaited_refused, 1);
	note_submit(w, &notes[WRITER_UNAWAITED_MAX + 1], 0);
	rig_gate_open(&gate);
	rig_wait(WRITER_UNAWAITED_MAX + 2);
	notes[n].job = (struct job){ .run = note_run, .done = note_done };
	ck_assert_int_eq(writer_submit_unawaited(w, &notes[n].job), ERR_OK);
	rig_wait(1);
	rig_close(&rig);
	free(notes);
}
END_TEST

/* Nobody who waits comes by: they may gather, but not for ever. */
START_TEST(unawaited_jobs_are_written_by_themselves)
{
	struct note notes[MANY] = { 0 };
	struct writer *w;
	struct rig rig;

	rig_open(&rig);
	w = store_writer(rig.store);
	for (int i = 0; i < MANY; i++) {
		notes[i].job = (struct job){ .run = note_run,
					     .done = note_done };
		ck_assert_int_eq(writer_submit_unawaited(w, &notes[i].job), 0);
	}
	rig_wait(MANY);
	ck_assert_int_eq(notes_kept(&rig), MANY);
	rig_close(&rig);
}
END_TEST

START_TEST(closing_finishes_what_gathers)
{
	struct note note = { .job = { .run = note_run, .done = note_done } };
	struct rig rig;

	rig_open(&rig);
	ck_assert_int_eq(writer_submit_unawaited(store_writer(rig.store),
						 &note.job), 0);
	rig_stop(&rig);
	ck_assert_int_eq(note.told, 1);
	ck_assert_int_eq(note.job.result, ERR_OK);
	rig_start(&rig);
	ck_assert_int_eq(notes_kept(&rig), 1);
	rig_close(&rig);
}
END_TEST

START_TEST(closing_finishes_what_waits)
{
	struct note notes[MANY] = { 0 };
	struct rig_gate gate;
	struct writer *w;
	struct rig rig;

	rig_open(&rig);
	w = store_writer(rig.store);
	rig_gate_close(&gate, w);
	for (int i = 0; i < MANY; i++)
		note_submit(w, &notes[i], i);
	rig_gate_open(&gate);
	rig_stop(&rig);
	for (int i = 0; i < MANY; i++)
		ck_assert_int_eq(notes[i].told, 1);
	rig_wait(MANY + 1);
	rig_start(&rig);
	ck_assert_int_eq(notes_kept(&rig), MANY);
	rig_close(&rig);
}
END_TEST

static void *stop_main(void *arg)
{
	writer_stop(arg);
	return NULL;
}

START_TEST(a_stopping_writer_takes_nothing_more)
{
	static struct note notes[WRITER_QUEUE_MAX];
	struct db *db = NULL;
	struct writer *w = NULL;
	struct rig_gate gate;
	struct rig rig;
	pthread_t thread;
	char text[256];
	struct buf why;
	unsigned n = 0;

	rig_open(&rig);
	rig_stop(&rig);
	buf_init_fixed(&why, text, sizeof(text));
	ck_assert_int_eq(db_open(rig.dir, DB_WRITER, &db, &why), ERR_OK);
	ck_assert_int_eq(writer_start(db, &w), ERR_OK);
	rig_gate_close(&gate, w);
	ck_assert_int_eq(pthread_create(&thread, NULL, stop_main, w), 0);
	/* the gate keeps the writer alive until it was seen to refuse */
	for (; n < WRITER_QUEUE_MAX; n++) {
		notes[n].job = (struct job){ .run = note_run,
					     .done = note_done };
		if (writer_submit(w, &notes[n].job))
			break;
		sched_yield();
	}
	rig_gate_open(&gate);
	pthread_join(thread, NULL);
	rig_wait(n + 1);
	db_close(db);
	rig_start(&rig);
	ck_assert_int_eq(notes_kept(&rig), n);
	rig_close(&rig);
}
END_TEST

/* done() may submit the next job and free its own. */
struct chain {
	struct job job;
	struct writer *writer;
	int left;
};

static void chain_done(struct job *job)
{
	struct chain *c = (struct chain *)job, *next;

	if (c->left) {
		next = malloc(sizeof(*next));
		*next = (struct chain){ c->job, c->writer, c->left - 1 };
		if (writer_submit(c->writer, &next->job))
			abort();
	} else {
		rig_done(job);
	}
	free(c);
}

START_TEST(a_job_may_be_followed_from_its_own_end)
{
	struct chain *c = malloc(sizeof(*c));
	struct rig rig;

	rig_open(&rig);
	*c = (struct chain){ { .run = rig_nothing_run_, .done = chain_done },
			     store_writer(rig.store), 20 };
	ck_assert_int_eq(writer_submit(c->writer, &c->job), ERR_OK);
	rig_wait(1);
	rig_close(&rig);
}
END_TEST

struct hook {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	unsigned calls, told_by_then;
};

static void hook_call(void *ctx)
{
	struct hook *h = ctx;

	pthread_mutex_lock(&h->lock);
	h->calls++;
	h->told_by_then = all_told;
	pthread_cond_signal(&h->cond);
	pthread_mutex_unlock(&h->lock);
}

START_TEST(the_batch_hook_is_called_once_after_all_were_told)
{
	struct hook hook = { .lock = PTHREAD_MUTEX_INITIALIZER,
			     .cond = PTHREAD_COND_INITIALIZER };
	struct note notes[MANY] = { 0 };
	struct rig_gate gate;
	struct writer *w;
	struct rig rig;

	rig_open(&rig);
	w = store_writer(rig.store);
	rig_gate_close(&gate, w);
	writer_on_batch(w, hook_call, &hook);
	all_told = 0;
	for (int i = 0; i < MANY; i++)
		note_submit(w, &notes[i], i);
	rig_gate_open(&gate);
	pthread_mutex_lock(&hook.lock);
	while (hook.calls < 2)
		pthread_cond_wait(&hook.cond, &hook.lock);
	ck_assert_int_eq(hook.told_by_then, MANY);
	pthread_mutex_unlock(&hook.lock);
	rig_wait(MANY + 1);
	rig_close(&rig);
}
END_TEST

struct round {
	struct chore chore;
	int left;
};

static enum err round_run(struct db *db, struct job *job)
{
	struct round *r = (struct round *)job;

	(void)db;
	/* from now on: only what is_more asks for can still come in time */
	r->chore.interval_ms = 3600000;
	r->chore.is_more = --r->left > 0;
	return ERR_OK;
}

static void round_done(struct job *job)
{
	if (!((struct round *)job)->left)
		rig_done(job);
}

START_TEST(chores_come_by_themselves_and_go_on_while_there_is_more)
{
	struct round now = { { { .run = round_run, .done = round_done },
			       .interval_ms = 1 }, 1 };
	struct round slices = now;
	struct rig rig;

	slices.left = 3;
	rig_open(&rig);
	ck_assert_int_eq(writer_add_chore(store_writer(rig.store),
					  &now.chore), ERR_OK);
	rig_wait(1);
	ck_assert_int_eq(writer_add_chore(store_writer(rig.store),
					  &slices.chore), ERR_OK);
	rig_wait(1);
	rig_stop(&rig);
	ck_assert_int_eq(slices.left, 0);
	ck_assert_int_eq(now.left, 0);
	rig_close(&rig);
}
END_TEST

/* A job that is submitted again as soon as it is told: one always waits. */
struct crowd {
	struct job job;
	struct writer *writer;
	enum err (*submit)(struct writer *writer, struct job *job);
	_Atomic bool is_over;
};

static void crowd_done(struct job *job)
{
	struct crowd *c = (struct crowd *)job;

	if (c->is_over || c->submit(c->writer, job))
		rig_done(job);
}

static void crowd_gather(struct crowd *c, struct writer *w,
			 enum err (*submit)(struct writer *, struct job *))
{
	*c = (struct crowd){
		.job = { .run = rig_nothing_run_, .done = crowd_done },
		.writer = w,
		.submit = submit,
	};
	ck_assert_int_eq(submit(w, &c->job), ERR_OK);
}

#define TURNS 5

/* Housekeeping with so much to do; told after TURNS runs, and at its end. */
struct toil {
	struct chore chore;
	struct writer *writer;
	unsigned runs, left, rows;
	uint64_t batches;	/* of jobs, before the last run */
	uint64_t least, most;	/* between two of the first runs */
};

static enum err toil_run(struct db *db, struct job *job)
{
	struct toil *t = (struct toil *)job;
	uint64_t batches = stats(t->writer).batches;
	uint64_t between = batches - t->batches;

	(void)db;
	if (t->runs && t->runs < TURNS) {
		t->least = between < t->least ? between : t->least;
		t->most = between > t->most ? between : t->most;
	}
	t->batches = batches;
	t->rows = t->chore.rows;
	t->runs++;
	/* from now on: only what is_more asks for can still come in time */
	t->chore.interval_ms = 3600000;
	t->chore.is_more = --t->left > 0;
	return ERR_OK;
}

static void toil_done(struct job *job)
{
	struct toil *t = (struct toil *)job;

	if (t->runs == TURNS || !t->left)
		rig_done(job);
}

static void toil_begin(struct toil *t, struct writer *w, unsigned left,
		       enum err (*run)(struct db *db, struct job *job))
{
	*t = (struct toil){
		.chore = { .job = { .run = run, .done = toil_done },
			   .interval_ms = 1 },
		.writer = w, .left = left, .least = UINT64_MAX,
	};
	ck_assert_int_eq(writer_add_chore(w, &t->chore), ERR_OK);
}

START_TEST(housekeeping_takes_its_turn_while_jobs_wait)
{
	struct crowd crowd[4];
	struct writer *w;
	struct toil toil;
	struct rig rig;

	rig_open(&rig);
	w = store_writer(rig.store);
	for (int i = 0; i < 4; i++)
		crowd_gather(&crowd[i], w, writer_submit);
	toil_begin(&toil, w, 2000, toil_run);
	/* it comes to it, again and again */
	rig_wait(1);
	for (int i = 0; i < 4; i++)
		crowd[i].is_over = true;
	rig_wait(4);
	/* and never with fewer batches in between than are to be */
	ck_assert_uint_ge(toil.least, WRITER_CHORE_SHARE);
	/* with nobody there all of it is done at once */
	rig_wait(1);
	ck_assert_uint_eq(toil.left, 0);
	ck_assert_uint_eq(toil.runs, 2000);
	rig_close(&rig);
}
END_TEST

/* Nobody waits for a line of the audit, say. */
START_TEST(jobs_that_nobody_awaits_hold_no_housekeeping)
{
	struct crowd crowd;
	struct writer *w;
	struct toil toil;
	struct rig rig;

	rig_open(&rig);
	w = store_writer(rig.store);
	crowd_gather(&crowd, w, writer_submit_unawaited);
	toil_begin(&toil, w, 20, toil_run);
	rig_wait(2);
	crowd.is_over = true;
	rig_wait(1);
	ck_assert_uint_le(toil.most, 1);
	rig_close(&rig);
}
END_TEST

static enum err slow_run(struct db *db, struct job *job)
{
	struct timespec ts = { .tv_nsec = (WRITER_CHORE_MS + 1) * 1000000 };

	nanosleep(&ts, NULL);
	return toil_run(db, job);
}

/* However slow the machine is, this one takes longer than it should. */
START_TEST(a_chore_that_takes_long_is_given_fewer_rows)
{
	struct toil toil;
	struct rig rig;

	rig_open(&rig);
	toil_begin(&toil, store_writer(rig.store), 20, slow_run);
	rig_wait(2);
	ck_assert_uint_eq(toil.rows, WRITER_CHORE_ROWS_MIN);
	rig_close(&rig);
}
END_TEST

static off_t wal_size(const struct rig *rig)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s-wal", rig->dir, DB_FILE);
	return stat(path, &st) ? 0 : st.st_size;
}

START_TEST(the_wal_is_reused_while_running_and_emptied_at_the_end)
{
	static char body[OUTBOX_BODY_MAX];
	struct outbox_event event = { STR("big"), { body, sizeof(body) } };
	struct redemption visit = {
		.sync = { .email = STR("a@b"), .name = STR("A") },
		.events = &event, .event_count = 1 };
	const off_t page = 4096 + 24;
	struct writer *w;
	struct rig rig;

	memset(body, 'x', sizeof(body));
	rig_open(&rig);
	w = store_writer(rig.store);
	while (stats(w).checkpoints < 4)
		ck_assert_int_eq(rig_visit(&rig, &visit), ERR_OK);
	ck_assert_int_gt(wal_size(&rig), WRITER_CHECKPOINT_PAGES * page);
	ck_assert_int_lt(wal_size(&rig),
			 WRITER_CHECKPOINT_PAGES * page * 3 / 2);
	rig_stop(&rig);
	ck_assert_int_eq(wal_size(&rig), 0);
	rig_close(&rig);
}
END_TEST

static struct note waiting;

START_TEST(a_job_that_is_another_by_now_ends_the_process)
{
	struct rig_gate gate;
	struct writer *w;
	struct rig rig;

	rig_open(&rig);
	w = store_writer(rig.store);
	rig_gate_close(&gate, w);
	note_submit(w, &waiting, 1);
	ck_assert_uint_eq(waiting.job.magic, JOB_MAGIC);
	waiting.job.magic = 0;
	rig_gate_open(&gate);
	rig_wait(2);				/* SIGABRT, by its thread */
}
END_TEST

START_TEST(a_job_that_waits_is_not_submitted_again)
{
	struct rig_gate gate;
	struct writer *w;
	struct rig rig;

	rig_open(&rig);
	w = store_writer(rig.store);
	rig_gate_close(&gate, w);
	note_submit(w, &waiting, 1);
	writer_submit(w, &waiting.job);		/* SIGABRT */
}
END_TEST

static void writer_tests(TCase *tc)
{
	tcase_add_test(tc, those_who_wait_share_one_commit);
	tcase_add_test(tc, one_bad_job_costs_no_neighbour);
	tcase_add_test(tc, a_full_disk_is_an_error_and_loses_nothing_told);
	tcase_add_test(tc,
		a_database_held_by_another_process_is_busy);
	tcase_add_test(tc, a_full_queue_says_so_at_once);
	tcase_add_test(tc, unawaited_jobs_never_crowd_out_the_others);
	tcase_add_test(tc, unawaited_jobs_are_written_by_themselves);
	tcase_add_test(tc, closing_finishes_what_gathers);
	tcase_add_test(tc, closing_finishes_what_waits);
	tcase_add_test(tc, a_stopping_writer_takes_nothing_more);
	tcase_add_test_raise_signal(tc,
		a_job_that_waits_is_not_submitted_again, SIGABRT);
	tcase_add_test_raise_signal(tc,
		a_job_that_is_another_by_now_ends_the_process, SIGABRT);
	tcase_add_test(tc, a_job_may_be_followed_from_its_own_end);
	tcase_add_test(tc, the_batch_hook_is_called_once_after_all_were_told);
	tcase_add_test(tc,
		chores_come_by_themselves_and_go_on_while_there_is_more);
	tcase_add_test(tc, housekeeping_takes_its_turn_while_jobs_wait);
	tcase_add_test(tc, jobs_that_nobody_awaits_hold_no_housekeeping);
	tcase_add_test(tc, a_chore_that_takes_long_is_given_fewer_rows);
	tcase_add_test(tc,
		the_wal_is_reused_while_running_and_emptied_at_the_end);
}

UNIT_MAIN("writer", writer_tests)
