/*
 * job-wait: something to be written, waited for within bounds.
 *
 *	struct job_wait *wait = job_wait_new();
 *	wait->change = (struct ticket_change){ ... by job_wait_str() ... };
 *	wait->change.audit = job_wait_audit(wait, ...);
 *	job_wait_send(wait);
 *	if (tickets_change(tickets, &wait->change))
 *		job_wait_unsend(wait);
 *	else if (job_wait_for(wait))
 *		... wait->job.result ...
 *	job_wait_free(wait);
 *
 * Who waits for the writer must not wait long, and what the writer has is not
 * to be taken from it: so a job_wait is on its own, with all that it points to,
 * and ends with the later of the two.
 */
#ifndef ADMIN_JOB_WAIT_H
#define ADMIN_JOB_WAIT_H

#include <pthread.h>

#include "store/store.h"

#define JOB_WAIT_MS 2000
#define JOB_WAIT_POOL_MAX (256 * 1024)

struct job_wait {
	union {
		struct job job;		/* first in all of them */
		struct ticket_change change;
		struct user_block block;
		struct user_erase erase;
		struct session_end end;
		struct deliveries_change deliveries;
	};
	struct audit_record audit;
	struct pool *pool;
	/* private */
	pthread_mutex_t lock;
	pthread_cond_t told;
	bool is_sent, is_done, is_left;
};

/* NULL: no memory. */
struct job_wait *job_wait_new(void);
/* A copy; .ptr NULL where there was no memory. */
struct str job_wait_str(struct job_wait *wait, struct str s);
/*
 * The record of what usherctl was told to do: `code` as an outcome's, `what`
 * the command, `by` (may be empty) who gave it. NULL: no memory.
 */
const struct audit_record *job_wait_audit(struct job_wait *wait,
					  struct str tenant, struct str code,
					  struct str what, struct str by);
/* To be called right before the job is submitted: sets its .done. */
void job_wait_send(struct job_wait *wait);
/* The submission was refused: it is its owner's alone again. */
void job_wait_unsend(struct job_wait *wait);
/* False: it is not done after JOB_WAIT_MS, and may yet be. */
bool job_wait_for(struct job_wait *wait);
/* Accepts NULL. */
void job_wait_free(struct job_wait *wait);

#endif
