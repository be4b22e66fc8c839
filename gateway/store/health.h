/*
 * health: does the store work, and if not, why, and what helps?
 *
 * The writer notes each transaction as it begins, and whether it was written.
 * Who asks (the readiness page, usherctl status, metrics, the log) gets a copy.
 * Any thread; nobody ever waits for the disk here.
 *
 * The store is in trouble from a transaction that fails until one is durable
 * again; what nobody else writes meanwhile, the writer tries each second
 * (WRITER_LOOK_MS), so that it is out of trouble by itself.  It is stuck, too,
 * while one transaction takes longer than HEALTH_STUCK_MS: a disk that hangs
 * tells no error.
 */
#ifndef STORE_HEALTH_H
#define STORE_HEALTH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define HEALTH_STUCK_MS 5000
#define HEALTH_PROBLEM_MAX 256		/* octets, terminator included */

enum health_trouble {
	HEALTH_WELL,
	HEALTH_FULL,		/* no space, no quota */
	HEALTH_READ_ONLY,
	HEALTH_NO_SYNC,		/* written, but perhaps not on the disk */
	HEALTH_IO,
	HEALTH_HELD,		/* another process holds the database */
	HEALTH_MOVED,		/* another file, or none, stands in its place */
	HEALTH_DAMAGED,
	HEALTH_NO_MEMORY,
	HEALTH_OTHER,
	HEALTH_STUCK,		/* the disk does not answer */
	HEALTH_COUNT
};

/* As it was when somebody asked. */
struct health_report {
	enum health_trouble trouble;	/* now */
	enum health_trouble last;	/* of the last failure; may be over */
	char problem[HEALTH_PROBLEM_MAX];	/* of the last failure, or how
						 * long it is stuck */
	uint64_t failures;		/* transactions and look-ups that the
					 * system failed, since the start */
	int64_t for_ms;			/* how long it is in trouble */
	int64_t busy_ms;		/* how long at this transaction; 0:
					 * at none */
};

/* "disk_full" and the like: stable, for programs.  "ok" for HEALTH_WELL. */
const char *health_name(enum health_trouble trouble);
/* A sentence for the operator; "" for HEALTH_WELL. */
const char *health_remedy(enum health_trouble trouble);

struct health {
	pthread_mutex_t lock;		/* of what is not atomic */
	_Atomic enum health_trouble trouble;	/* set under the lock */
	enum health_trouble last;
	char problem[HEALTH_PROBLEM_MAX];
	uint64_t failures;
	int64_t since_ms;		/* monotonic */
	_Atomic int64_t busy_ms;	/* since then; 0: idle */
};

void health_init(struct health *health);
void health_done(struct health *health);

/* The writer begins a transaction, or something else that may take long. */
void health_begin(struct health *health);
/* It waits for work. */
void health_rest(struct health *health);
/* Something was written, and is durable. */
void health_good(struct health *health);
/*
 * The system failed one.  `is_lasting`: it is in trouble from now on, until
 * health_good(); else (a look-up, say) it is counted and told only.
 */
void health_bad(struct health *health, enum health_trouble trouble,
		const char *problem, bool is_lasting);

bool health_is_stuck(struct health *health);
/* Not in trouble, whether or not it is stuck. Takes no lock. */
bool health_is_well(struct health *health);
void health_ask(struct health *health, struct health_report *out_r);

#endif
