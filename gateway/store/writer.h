/*
 * writer: the one thread that writes, and its queue of jobs.
 *
 * It takes all that wait (WRITER_BATCH_MAX at most), runs them in one
 * transaction, commits (durably: synchronous=FULL), and only then completes
 * them: group commit.  So the cost of an fsync is shared by everybody who
 * waits for one, and nothing is acknowledged before it is on disk.
 *
 * When a job fails in a way that may have left something half written, or
 * when the commit itself fails, everything is rolled back and each job runs
 * again in a transaction of its own: one bad job never costs a neighbour.
 * Therefore run() may be called twice (and the first time may have been for
 * nothing): it must depend on its inputs alone and set its outputs afresh.
 *
 * Before each transaction, and once more after its commit, it sees whether the
 * database and its WAL still stand where they stood: what goes into a file that
 * was replaced or unlinked would be lost with the process, so it is told as
 * failed (ERR_IO), and nothing more is written until they are back.  While the
 * store is in trouble (store/health.h) it tries each WRITER_LOOK_MS whether
 * anything can be written.  While it is stuck new jobs are refused: nobody
 * gains by waiting behind a disk that does not answer.
 *
 * The order of jobs is the order of their submission.
 *
 * Housekeeping (struct chore) has a transaction of its own, and a share of the
 * time.  Where a job that somebody awaits was submitted since the last chore,
 * the next one waits until the jobs have had WRITER_CHORE_SHARE - 1 times as
 * long as that one took and, where jobs are waiting then, that many batches.
 * Where nobody came it goes on at once.  A chore is told how many rows it may
 * take, so that it runs for about WRITER_CHORE_MS: who comes meanwhile waits no
 * longer, but for its commit.
 */
#ifndef STORE_WRITER_H
#define STORE_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "store/db.h"
#include "store/health.h"

#define WRITER_QUEUE_MAX 8192		/* jobs that wait */
#define WRITER_UNAWAITED_MAX 2048	/* of these, jobs that nobody awaits */
#define WRITER_BATCH_MAX 1024		/* jobs of one transaction */
#define WRITER_GATHER_MS 20		/* while nobody awaits any of them */
#define WRITER_CHORES_MAX 10
#define WRITER_CHORE_SHARE 20		/* one part of so many, with jobs */
#define WRITER_CHORE_MS 2		/* that a run should take */
#define WRITER_CHORE_REST_MS 10000	/* that it waits at most */
#define WRITER_CHORE_ROWS_MIN 16
#define WRITER_CHORE_ROWS_MAX 1024
#define WRITER_CHECKPOINT_PAGES 2000	/* of the WAL, between checkpoints */
#define WRITER_LOOK_MS 1000		/* between looks at the files */
#define WRITER_WIPE_EVERY_MS 1000	/* at most, however many are erased */
#define WRITER_WIPE_RETRY_MS 100	/* while somebody reads the WAL */
/* After that again: by then the sweep has taken what was parked for a token
 * that lived, and was ended. */
#define WRITER_WIPE_AGAIN_MS 180000

#define JOB_MAGIC 0x6a6f6231u

struct writer;

/*
 * Embedded by who wants something written.  It and all it points to stay
 * untouched by others from an accepted submission until done() is called; one
 * that is submitted again before, or is not what was submitted, ends the
 * process (base/invariant.h).
 * The job structs of this room (struct redemption, struct parked ...) set
 * `run` and `settle` themselves; their users set `done` alone.
 */
struct job {
	/* private: JOB_MAGIC from an accepted submission until done() */
	uint32_t magic;
	/*
	 * Set by the user: in the writer's thread, as the last thing.  May
	 * free the job or submit another one, must not block.  May be NULL.
	 */
	void (*done)(struct job *job);
	/* how it went; valid in done() */
	enum err result;
	/*
	 * In the writer's thread, inside a transaction.  With an error nothing
	 * of it is written: what it had done is rolled back.
	 */
	enum err (*run)(struct db *db, struct job *job);
	/*
	 * Once, in the writer's thread, when the outcome (`result`) is final
	 * and durable, in the queue's order and before any done() of the
	 * batch: where tables in memory follow the database.  Cannot fail.
	 * May be NULL.
	 */
	void (*settle)(struct job *job);
	/* private */
	struct job *next;
	bool is_unawaited;
};

/* A bounded piece of housekeeping that comes back by itself. */
struct chore {
	struct job job;		/* runs in a transaction of its own */
	int64_t interval_ms;
	bool is_more;		/* set by run(): go on soon, work is left */
	/* set before run(): so many rows may it write */
	unsigned rows;
	/* private */
	int64_t due_ms;		/* monotonic */
};

struct writer_stats {
	uint64_t jobs;			/* completed */
	uint64_t batches;		/* transactions committed */
	uint64_t rerun;			/* batches that were run again singly */
	/* ended by the system, not by their own logic: ERR_IO, ERR_NOMEM,
	 * ERR_BUSY, ERR_CONFLICT, ERR_INTERNAL */
	uint64_t failed;
	uint64_t refused;		/* queue full, stuck or stopping */
	uint64_t unawaited_refused;	/* past WRITER_UNAWAITED_MAX */
	uint64_t checkpoints;
	uint64_t wipes;			/* of the WAL: writer_wipe() */
	uint64_t chores;		/* runs of them */
	unsigned queued;		/* now */
};

/* `db` is the writer's until writer_stop(). ERR_NOMEM, ERR_IO (no thread). */
enum err writer_start(struct db *db, struct writer **writer_r);
/*
 * Refuse new jobs, finish all that wait, empty the WAL into the database, end
 * the thread.  Not from done().  ERR_BUSY: that is not done after `ms`
 * milliseconds.  The thread is still at it then: neither the writer nor what
 * its jobs point to may be freed.
 */
enum err writer_quit(struct writer *writer, int64_t ms);
/* Quit, however long it takes, and free it. Accepts NULL, and one that quit. */
void writer_stop(struct writer *writer);

/* Any thread. ERR_BUSY: the queue is full, the writer is stuck or stops; the
 * job is still the caller's. */
enum err writer_submit(struct writer *writer, struct job *job);
/*
 * The same for jobs that no client waits for (done() usually frees them):
 * within a cap of their own, so that they never crowd out the others.  Past it
 * ERR_BUSY, counted.  Where only such jobs wait, the writer lets them gather
 * for WRITER_GATHER_MS, or until a transaction is full or somebody comes who
 * does wait: nobody gains by an fsync for every few of them.
 */
enum err writer_submit_unawaited(struct writer *writer, struct job *job);

/*
 * Would a job be taken now, and would it be written as far as anybody knows?
 * For those who promise a write that comes later.  ERR_BUSY: it would not be
 * taken (see writer_submit()); ERR_IO: the store is in trouble.  Any thread;
 * takes no lock, so it may be asked with every request.
 */
enum err writer_can_write(struct writer *writer);

/*
 * First due one interval from now. ERR_LIMIT. The chore outlives the writer.
 * One whose work is not counted in rows leaves `rows` alone, and is short.
 */
enum err writer_add_chore(struct writer *writer, struct chore *chore);
/* Any thread, not from the chore's own run(): it is due now, and runs when
 * housekeeping has its turn. */
void writer_hurry(struct writer *writer, struct chore *chore);

/*
 * Somebody was erased, and that is durable: copy the WAL into the database,
 * truncate it, and drop the cached pages, soon and once more after
 * WRITER_WIPE_AGAIN_MS.  Where a reader is at the WAL it waits for nobody and
 * tries again each WRITER_WIPE_RETRY_MS.  A start does it too, for what a crash
 * left.  Any thread.
 */
void writer_wipe(struct writer *writer);
/* Any thread: is that still to be done, the first time? */
bool writer_is_wiping(struct writer *writer);

/*
 * Called in the writer's thread once per batch (and per chore), after all its
 * done() calls: where a server writes one eventfd per worker rather than one
 * per job. NULL: none.
 */
void writer_on_batch(struct writer *writer, void (*batch_done)(void *ctx),
		     void *ctx);

void writer_stats(struct writer *writer, struct writer_stats *out_r);
/* How the store does. Any thread. */
void writer_health(struct writer *writer, struct health_report *out_r);
/* Where readers note what fails; as long as the writer. */
struct health *writer_health_book(struct writer *writer);

#endif
