/*
 * The writer's thread (enum activity), and what becomes of a job.
 *
 *	        jobs, but nobody awaits them
 *	     +---------------------------------> GATHERING
 *	     |  20 ms, a full batch, or a job       |
 *	     |  that is awaited                     |
 *	     v <------------------------------------+
 *	  AT_WORK ---------- nothing to do --------------> IDLE
 *	     ^                                              |
 *	     +----- a job, a chore's turn, a stop ----------+
 *
 *	                   submitted
 *	                       | full, or stopping: ERR_BUSY, still the caller's
 *	                       v
 *	                     queued
 *	                       | take(): up to WRITER_BATCH_MAX
 *	                       v
 *	            run, all in one transaction
 *	      committed |              | the system failed, or one left a trace
 *	                |              v
 *	                |      rolled back; each runs alone
 *	                v              |
 *	          settle() of all <----+
 *	                |
 *	                v
 *	           done() of all, once batch_done()
 *
 * After a stop is asked for nothing new is taken; what is queued is done first.
 */
#include "store/writer.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "base/clock.h"
#include "base/crash.h"
#include "base/invariant.h"
#include "base/thread.h"
#include "store/audit-private.h"
#include "store/db-private.h"

/* What the thread does; those who submit ring accordingly. */
enum activity {
	AT_WORK,	/* looks at the queue by itself before it waits */
	GATHERING,	/* has jobs that nobody awaits, lets more come */
	IDLE,
};

struct writer {
	struct db *db;			/* the thread's alone */
	pthread_t thread;
	pthread_mutex_t lock;		/* of all that follows */
	pthread_cond_t wake;
	enum activity activity;		/* but AT_WORK it waits on `wake` */
	bool is_stopping, has_ended;
	pthread_cond_t ended;
	struct job *head, **tail;
	_Atomic unsigned queued;	/* written under the lock */
	unsigned unawaited;
	struct chore *chores[WRITER_CHORES_MAX];
	unsigned chore_count;
	bool was_asked;			/* an awaited job was submitted since
					 * the last chore */
	void (*batch_done)(void *ctx);
	void *batch_ctx;
	int64_t wipe_ms;		/* monotonic; 0: not asked for */
	int64_t wipe_again_ms;		/* likewise */
	int64_t wiped_ms;		/* the last time */
	struct writer_stats stats;
	struct health health;		/* has a lock of its own */
	/* the thread's alone */
	int64_t look_ms;		/* monotonic: the next one is due */
	int64_t chores_ns;		/* and chores are, beside jobs */
	int64_t ran_ns;			/* the last job that ran alone */
	unsigned batches;		/* since the last chore */
	sqlite3_int64 changes;		/* before this transaction */
	int checkpointed;		/* pages in the WAL the last time */
	int checkpoint_at;		/* and those to have for the next */
};

/* Did the system fail, rather than the job say no? */
static bool is_failure(enum err err)
{
	return err == ERR_IO || err == ERR_NOMEM || err == ERR_BUSY ||
	       err == ERR_CONFLICT || err == ERR_INTERNAL;
}

/*
 * The system failed a transaction.  A job of its own accord only fails itself;
 * what SQLite said of the file, or at a begin or commit, fails all that follow.
 */
static void note_failure(struct writer *w, enum err err, bool is_of_job)
{
	const struct db *db = w->db;
	const char *problem = db->problem[0] ? db->problem : err_text(err);
	bool is_lasting = !is_of_job ||
		(db->trouble != HEALTH_WELL &&
		 (err == ERR_IO || err == ERR_BUSY));

	health_bad(&w->health, db->trouble != HEALTH_WELL ? db->trouble :
							    HEALTH_OTHER,
		   problem, is_lasting);
}

static enum err begin(struct writer *w)
{
	enum err err;

	health_begin(&w->health);
	db_forget_problem(w->db);
	w->changes = sqlite3_total_changes64(w->db->handle);
	audit_begin(w->db);
	err = db_check_place(w->db);
	return err ? err : db_begin(w->db);
}

/*
 * With the records of the audit that the jobs left.  What changes nothing
 * writes nothing, and tells nothing of the disk.
 */
static enum err commit(struct writer *w)
{
	enum err err = audit_flush(w->db);

	if (!err)
		err = db_commit(w->db);
	if (!err)
		err = db_check_place(w->db);
	if (!err)
		audit_committed(w->db);
	if (!err && sqlite3_total_changes64(w->db->handle) != w->changes)
		health_good(&w->health);
	return err;
}

static enum err run_one(struct writer *w, struct job *job)
{
	struct audit_mark mark = audit_mark(w->db);
	enum err err;

	pool_reset(w->db->scratch);
	err = job->run(w->db, job);
	if (err)
		audit_take_back(w->db, mark);
	return err;
}

/* Says whether a transaction could be begun at all. */
static enum err run_alone(struct writer *w, struct job *job)
{
	enum err begun = begin(w), err = begun;
	bool is_of_job = false;

	if (!err) {
		int64_t began_ns = clock_mono_ns();

		err = run_one(w, job);
		w->ran_ns = clock_mono_ns() - began_ns;
		is_of_job = err != ERR_OK;
	}
	if (!err)
		err = commit(w);
	if (err)
		db_rollback(w->db);
	if (is_failure(err))
		note_failure(w, err, is_of_job);
	job->result = err;
	return begun;
}

/*
 * One after the other.  Where one cannot even begin (another process holds
 * the database, and we have waited for it) the others need not try.
 */
static uint64_t run_singly(struct writer *w, struct job *batch)
{
	enum err begun = ERR_OK;
	uint64_t committed = 0;

	for (struct job *j = batch; j; j = j->next) {
		if (begun)
			j->result = begun;
		else
			begun = run_alone(w, j);
		committed += j->result == ERR_OK;
	}
	return committed;
}

/*
 * All in one transaction.  A job that says no must have written nothing: the
 * count of changes tells, whatever the job believes.
 */
static enum err run_together(struct writer *w, struct job *batch)
{
	enum err err = begin(w);
	bool is_of_job = !err;

	for (struct job *j = batch; j && !err; j = j->next) {
		sqlite3_int64 before = sqlite3_total_changes64(w->db->handle);

		j->result = run_one(w, j);
		if (is_failure(j->result))
			err = j->result;
		else if (j->result &&
			 sqlite3_total_changes64(w->db->handle) != before)
			err = ERR_INTERNAL;
	}
	if (!err) {
		err = commit(w);
		is_of_job = false;
	}
	if (err)
		db_rollback(w->db);
	/* a job's failure is noted when it fails alone */
	if (err && !is_of_job)
		note_failure(w, err, false);
	return err;
}

/* Settle all, then tell all: a job told of may already be freed. */
static void complete(struct writer *w, struct job *batch, uint64_t committed,
		     bool was_rerun)
{
	uint64_t jobs = 0, failed = 0;
	struct job *next;

	for (struct job *j = batch; j; j = j->next) {
		invariant_is(j, JOB_MAGIC);
		jobs++;
		failed += is_failure(j->result);
		if (j->settle)
			j->settle(j);
	}
	/* counted first, so that who is told is counted */
	pthread_mutex_lock(&w->lock);
	w->stats.jobs += jobs;
	w->stats.failed += failed;
	w->stats.batches += committed;
	w->stats.rerun += was_rerun;
	pthread_mutex_unlock(&w->lock);
	for (; batch; batch = next) {
		next = batch->next;
		batch->magic = 0;
		if (batch->done)
			batch->done(batch);
	}
}

static void run_batch(struct writer *w, struct job *batch)
{
	bool is_single = !batch->next;

	if (!is_single && run_together(w, batch) == ERR_OK)
		complete(w, batch, 1, false);
	else
		complete(w, batch, run_singly(w, batch), !is_single);
}

/* Up to WRITER_BATCH_MAX of those that wait. Under the lock. */
static struct job *take(struct writer *w)
{
	struct job *batch = w->head, *last = NULL, *j = batch;
	unsigned n = 0;

	for (; j && n < WRITER_BATCH_MAX; j = j->next, n++) {
		invariant_is(j, JOB_MAGIC);
		w->unawaited -= j->is_unawaited;
		last = j;
	}
	if (!last)
		return NULL;
	last->next = NULL;
	w->head = j;
	if (!j)
		w->tail = &w->head;
	w->queued -= n;
	return batch;
}

/* The chore that is due first; NULL where there is none. Under the lock. */
static struct chore *first_chore(struct writer *w)
{
	struct chore *first = NULL;

	for (unsigned i = 0; i < w->chore_count; i++)
		if (!first || w->chores[i]->due_ms < first->due_ms)
			first = w->chores[i];
	return first;
}

static void wait_for_work(struct writer *w, enum activity activity,
			  int64_t until_ms)
{
	const struct timespec at = {
		.tv_sec = until_ms / 1000,
		.tv_nsec = until_ms % 1000 * 1000000,
	};

	w->activity = activity;
	pthread_cond_timedwait(&w->wake, &w->lock, &at);
	w->activity = AT_WORK;
}

/* Jobs wait, but nobody for them, and more may share their transaction. */
static bool may_gather(const struct writer *w)
{
	return w->queued > 0 && w->queued == w->unawaited &&
	       w->queued < WRITER_BATCH_MAX && !w->is_stopping;
}

/*
 * Who is about to submit may do so first: woken by the first job of many, we
 * would else take a few and pay a whole commit for them.  Where all wait for us
 * already, nothing runs in between and nothing is lost.  Under the lock.
 */
static void let_others_go_first(struct writer *w)
{
	pthread_mutex_unlock(&w->lock);
	sched_yield();
	pthread_mutex_lock(&w->lock);
}

/*
 * When the chore that is due first may run.  Not with jobs waiting before they
 * had their batches: that is told when they have.  Under the lock.
 */
static int64_t turn_ms(const struct writer *w, const struct chore *chore)
{
	int64_t share_ms = (w->chores_ns + 999999) / 1000000;

	if (!chore)
		return INT64_MAX;
	return w->was_asked && share_ms > chore->due_ms ? share_ms :
							  chore->due_ms;
}

static bool is_turn(const struct writer *w, const struct chore *chore,
		    bool has_jobs, int64_t now_ms)
{
	return turn_ms(w, chore) <= now_ms && !w->is_stopping &&
	       (!has_jobs || !w->was_asked ||
		w->batches >= WRITER_CHORE_SHARE);
}

/* When the WAL is to be emptied; INT64_MAX: not soon. Under the lock. */
static int64_t wipe_turn_ms(const struct writer *w)
{
	int64_t again = w->wipe_again_ms ? w->wipe_again_ms : INT64_MAX;

	return w->wipe_ms && w->wipe_ms < again ? w->wipe_ms : again;
}

/* When it has business of its own. Under the lock. */
static int64_t next_look_ms(const struct writer *w)
{
	return wipe_turn_ms(w) < w->look_ms ? wipe_turn_ms(w) : w->look_ms;
}

/* What to do next: jobs, a chore that is due, a look, or (false) end. */
static bool next_work(struct writer *w, struct job **batch_r,
		      struct chore **chore_r)
{
	int64_t gather_ms = 0;
	bool goes_on;

	*batch_r = NULL;
	*chore_r = NULL;
	health_rest(&w->health);
	pthread_mutex_lock(&w->lock);
	for (;;) {
		struct chore *chore;
		int64_t now_ms;

		if (w->queued)
			let_others_go_first(w);
		chore = first_chore(w);
		now_ms = clock_mono_ms();

		if (may_gather(w) && !gather_ms)
			gather_ms = now_ms + WRITER_GATHER_MS;
		if (may_gather(w) && now_ms < gather_ms) {
			wait_for_work(w, GATHERING, gather_ms);
			continue;
		}
		*batch_r = take(w);
		if (is_turn(w, chore, *batch_r != NULL, now_ms))
			*chore_r = chore;
		goes_on = *batch_r || *chore_r || !w->is_stopping;
		if (*batch_r || *chore_r || w->is_stopping ||
		    next_look_ms(w) <= now_ms)
			break;
		wait_for_work(w, IDLE, turn_ms(w, chore) < next_look_ms(w) ?
			      turn_ms(w, chore) : next_look_ms(w));
	}
	pthread_mutex_unlock(&w->lock);
	return goes_on;
}

/*
 * The next one waits for its share.  This one takes as many rows as fit; the
 * commit is left out, which is no faster for a few.
 */
static void pace(struct writer *w, struct chore *chore, int64_t began_ns)
{
	const int64_t aim_ns = WRITER_CHORE_MS * INT64_C(1000000);
	int64_t now_ns = clock_mono_ns(), took_ns = now_ns - began_ns;
	int64_t rest_ns = took_ns * (WRITER_CHORE_SHARE - 1);

	if (rest_ns > WRITER_CHORE_REST_MS * INT64_C(1000000))
		rest_ns = WRITER_CHORE_REST_MS * INT64_C(1000000);
	w->chores_ns = now_ns + rest_ns;
	w->batches = 0;
	if (w->ran_ns > aim_ns && chore->rows > WRITER_CHORE_ROWS_MIN)
		chore->rows /= 2;
	else if (w->ran_ns < aim_ns / 4 && chore->rows < WRITER_CHORE_ROWS_MAX)
		chore->rows *= 2;
}

static void run_chore(struct writer *w, struct chore *chore)
{
	struct job *job = &chore->job;
	int64_t began_ns = clock_mono_ns();

	chore->is_more = false;
	job->next = NULL;
	w->ran_ns = 0;
	run_alone(w, job);
	pace(w, chore, began_ns);
	/* one that fails waits its turn: it must not spin on a full disk */
	pthread_mutex_lock(&w->lock);
	w->was_asked = w->queued > w->unawaited;
	w->stats.chores++;
	chore->due_ms = clock_mono_ms();
	if (job->result || !chore->is_more)
		chore->due_ms += chore->interval_ms;
	pthread_mutex_unlock(&w->lock);
	if (job->settle)
		job->settle(job);
	if (job->done)
		job->done(job);
}

static enum err probe_run(struct db *db, struct job *job)
{
	(void)job;
	return query_do(db, SQL_MARK_COUNT,
			"UPDATE marks SET value = value + 1"
			" WHERE name = 'probe'");
}

/*
 * With nobody who writes, too, it is noticed that the files are gone, and that
 * what was wrong is mended.
 */
static void look(struct writer *w)
{
	struct job probe = { .run = probe_run };
	struct health_report health;

	w->look_ms = clock_mono_ms() + WRITER_LOOK_MS;
	health_begin(&w->health);
	health_ask(&w->health, &health);
	db_forget_problem(w->db);
	if (health.trouble != HEALTH_WELL)
		run_alone(w, &probe);
	else if (db_check_place(w->db))
		note_failure(w, ERR_IO, false);
}

static void tell_batch(struct writer *w)
{
	void (*batch_done)(void *ctx);
	void *ctx;

	pthread_mutex_lock(&w->lock);
	batch_done = w->batch_done;
	ctx = w->batch_ctx;
	pthread_mutex_unlock(&w->lock);
	if (batch_done)
		batch_done(ctx);
}

/*
 * After the jobs were told, so that nobody waits for it.  PASSIVE never waits
 * for readers: what they still need is left for the next time, after as many
 * pages again.  A WAL that was copied whole is written from its start again by
 * a later transaction, which is cheaper than growing it, so it is not
 * truncated while running; that it shrank shows that this has happened.
 */
static void checkpoint(struct writer *w)
{
	int pages = w->db->wal_pages, rc;

	if (pages < w->checkpointed) {
		w->checkpointed = 0;
		w->checkpoint_at = WRITER_CHECKPOINT_PAGES;
	}
	if (pages < w->checkpoint_at)
		return;
	health_begin(&w->health);
	db_forget_problem(w->db);
	rc = sqlite3_wal_checkpoint_v2(w->db->handle, NULL,
				       SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	/* commits may go on all the same: the WAL grows, and it is told */
	if (rc != SQLITE_OK && rc != SQLITE_BUSY) {
		db_fail(w->db, rc);
		health_bad(&w->health, w->db->trouble, w->db->problem, false);
	}
	w->checkpointed = pages;
	w->checkpoint_at = pages + WRITER_CHECKPOINT_PAGES;
	pthread_mutex_lock(&w->lock);
	w->stats.checkpoints++;
	pthread_mutex_unlock(&w->lock);
}

static void wiped(struct writer *w, int64_t began_ms, bool is_done)
{
	pthread_mutex_lock(&w->lock);
	if (!is_done) {
		w->wipe_ms = clock_mono_ms() + WRITER_WIPE_RETRY_MS;
	} else {
		/* what was asked for meanwhile is done next time */
		if (w->wipe_ms <= began_ms)
			w->wipe_ms = 0;
		if (w->wipe_again_ms <= began_ms)
			w->wipe_again_ms = 0;
		w->wiped_ms = began_ms;
		w->stats.wipes++;
	}
	pthread_mutex_unlock(&w->lock);
}

/*
 * What was deleted is overwritten in its page (secure_delete), but the WAL has
 * the page as it was before.  Of the pages that are cached some hold remains
 * where nothing is (store/walvfs.h), which the file itself has no more.
 * Nobody is waited for, neither here nor elsewhere: a reader that is at the WAL
 * makes this fail at once.
 */
static void wipe(struct writer *w)
{
	int64_t began_ms = clock_mono_ms();
	int rc;

	health_begin(&w->health);
	db_forget_problem(w->db);
	sqlite3_busy_timeout(w->db->handle, 0);
	rc = sqlite3_wal_checkpoint_v2(w->db->handle, NULL,
				       SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	sqlite3_busy_timeout(w->db->handle, DB_BUSY_MS);
	sqlite3_db_release_memory(w->db->handle);
	if (rc == SQLITE_OK) {
		w->db->wal_pages = 0;
		w->checkpointed = 0;
		w->checkpoint_at = WRITER_CHECKPOINT_PAGES;
	} else if (rc != SQLITE_BUSY && rc != SQLITE_LOCKED) {
		db_fail(w->db, rc);
		health_bad(&w->health, w->db->trouble, w->db->problem, false);
	}
	wiped(w, began_ms, rc == SQLITE_OK);
}

static bool is_wipe_due(struct writer *w)
{
	bool is_due;

	pthread_mutex_lock(&w->lock);
	is_due = wipe_turn_ms(w) <= clock_mono_ms();
	pthread_mutex_unlock(&w->lock);
	return is_due;
}

static void *writer_main(void *arg)
{
	struct writer *w = arg;
	struct job *batch;
	struct chore *chore;

	crash_watch_thread();
	pthread_setname_np(pthread_self(), "usher-writer");
	while (next_work(w, &batch, &chore)) {
		if (batch) {
			run_batch(w, batch);
			w->batches++;
		}
		if (chore)
			run_chore(w, chore);
		if (batch || chore) {
			tell_batch(w);
			checkpoint(w);
		}
		if (is_wipe_due(w))
			wipe(w);
		if (w->look_ms <= clock_mono_ms())
			look(w);
	}
	sqlite3_wal_checkpoint_v2(w->db->handle, NULL,
				  SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	pthread_mutex_lock(&w->lock);
	w->has_ended = true;
	pthread_cond_signal(&w->ended);
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static void writer_free(struct writer *w)
{
	pthread_cond_destroy(&w->wake);
	pthread_cond_destroy(&w->ended);
	pthread_mutex_destroy(&w->lock);
	health_done(&w->health);
	free(w);
}

enum err writer_start(struct db *db, struct writer **writer_r)
{
	struct writer *w = calloc(1, sizeof(*w));
	pthread_condattr_t attr;
	int rc;

	if (!w)
		return ERR_NOMEM;
	w->db = db;
	w->tail = &w->head;
	w->checkpoint_at = WRITER_CHECKPOINT_PAGES;
	w->look_ms = clock_mono_ms() + WRITER_LOOK_MS;
	health_init(&w->health);
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &attr);
	pthread_cond_init(&w->ended, &attr);
	pthread_condattr_destroy(&attr);
	/* what an end by a crash left there */
	w->wipe_ms = clock_mono_ms();
	wipe(w);
	w->wiped_ms = 0;
	rc = thread_start(&w->thread, writer_main, w);
	if (rc) {
		writer_free(w);
		errno = rc;
		return ERR_IO;
	}
	*writer_r = w;
	return ERR_OK;
}

static void order_to_stop(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	w->is_stopping = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

enum err writer_quit(struct writer *w, int64_t ms)
{
	const int64_t end_ms = clock_mono_ms() + ms;
	const struct timespec end = {
		.tv_sec = end_ms / 1000,
		.tv_nsec = end_ms % 1000 * 1000000,
	};
	bool has_ended;

	order_to_stop(w);
	pthread_mutex_lock(&w->lock);
	while (!w->has_ended)
		if (pthread_cond_timedwait(&w->ended, &w->lock, &end) ==
		    ETIMEDOUT)
			break;
	has_ended = w->has_ended;
	pthread_mutex_unlock(&w->lock);
	return has_ended ? ERR_OK : ERR_BUSY;
}

void writer_stop(struct writer *w)
{
	if (!w)
		return;
	order_to_stop(w);
	pthread_join(w->thread, NULL);
	writer_free(w);
}

static enum err submit(struct writer *w, struct job *job, bool is_unawaited)
{
	enum err err = ERR_OK;

	invariant(job->magic != JOB_MAGIC);	/* it waits already */
	job->next = NULL;
	job->is_unawaited = is_unawaited;
	pthread_mutex_lock(&w->lock);
	if (is_unawaited && w->unawaited >= WRITER_UNAWAITED_MAX) {
		w->stats.unawaited_refused++;
		err = ERR_BUSY;
	} else if (w->is_stopping || w->queued >= WRITER_QUEUE_MAX ||
		   health_is_stuck(&w->health)) {
		w->stats.refused++;
		err = ERR_BUSY;
	} else {
		job->magic = JOB_MAGIC;
		*w->tail = job;
		w->tail = &job->next;
		w->queued++;
		w->unawaited += is_unawaited;
		w->was_asked |= !is_unawaited;
		/* one system call less for all who come while it is at work,
		 * or gathers and this one changes nothing */
		if (w->activity == IDLE ||
		    (w->activity == GATHERING && !may_gather(w)))
			pthread_cond_signal(&w->wake);
	}
	pthread_mutex_unlock(&w->lock);
	return err;
}

enum err writer_submit(struct writer *w, struct job *job)
{
	return submit(w, job, false);
}

enum err writer_submit_unawaited(struct writer *w, struct job *job)
{
	return submit(w, job, true);
}

enum err writer_can_write(struct writer *w)
{
	if (atomic_load(&w->queued) >= WRITER_QUEUE_MAX ||
	    health_is_stuck(&w->health))
		return ERR_BUSY;
	return health_is_well(&w->health) ? ERR_OK : ERR_IO;
}

enum err writer_add_chore(struct writer *w, struct chore *chore)
{
	enum err err = ERR_LIMIT;

	pthread_mutex_lock(&w->lock);
	if (w->chore_count < WRITER_CHORES_MAX) {
		chore->due_ms = clock_mono_ms() + chore->interval_ms;
		chore->rows = WRITER_CHORE_ROWS_MAX / 8;
		w->chores[w->chore_count++] = chore;
		pthread_cond_signal(&w->wake);
		err = ERR_OK;
	}
	pthread_mutex_unlock(&w->lock);
	return err;
}

void writer_hurry(struct writer *w, struct chore *chore)
{
	pthread_mutex_lock(&w->lock);
	chore->due_ms = clock_mono_ms();
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

void writer_wipe(struct writer *w)
{
	int64_t now_ms = clock_mono_ms();

	pthread_mutex_lock(&w->lock);
	if (!w->wipe_ms)
		w->wipe_ms = w->wiped_ms + WRITER_WIPE_EVERY_MS;
	if (w->wipe_ms < now_ms)
		w->wipe_ms = now_ms;
	w->wipe_again_ms = now_ms + WRITER_WIPE_AGAIN_MS;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

bool writer_is_wiping(struct writer *w)
{
	bool is_wiping;

	pthread_mutex_lock(&w->lock);
	is_wiping = w->wipe_ms != 0;
	pthread_mutex_unlock(&w->lock);
	return is_wiping;
}

void writer_on_batch(struct writer *w, void (*batch_done)(void *ctx),
		     void *ctx)
{
	pthread_mutex_lock(&w->lock);
	w->batch_done = batch_done;
	w->batch_ctx = ctx;
	pthread_mutex_unlock(&w->lock);
}

void writer_stats(struct writer *w, struct writer_stats *out_r)
{
	pthread_mutex_lock(&w->lock);
	*out_r = w->stats;
	out_r->queued = w->queued;
	pthread_mutex_unlock(&w->lock);
}

void writer_health(struct writer *w, struct health_report *out_r)
{
	health_ask(&w->health, out_r);
}

struct health *writer_health_book(struct writer *w)
{
	return &w->health;
}
