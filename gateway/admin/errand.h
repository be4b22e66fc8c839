/*
 * errand: something to be written, waited for within bounds.
 *
 *	struct errand *errand = errand_new();
 *	errand->change = (struct ticket_change){ ... texts by errand_str() ... };
 *	errand->change.audit = errand_audit(errand, ...);
 *	if (!tickets_change(tickets, &errand->change) && errand_wait(errand))
 *		... errand->job.result ...
 *	errand_free(errand);
 *
 * Who waits for the writer must not wait long, and what the writer has is not
 * to be taken from it: so an errand is on its own, with all that it points to,
 * and ends with the later of the two.
 */
#ifndef ADMIN_ERRAND_H
#define ADMIN_ERRAND_H

#include <pthread.h>

#include "store/store.h"

#define ERRAND_WAIT_MS 2000
#define ERRAND_POOL_MAX (256 * 1024)

struct errand {
	union {
		struct job job;		/* first in all of them */
		struct ticket_change change;
		struct user_block block;
		struct user_erase erase;
		struct session_end end;
	};
	struct audit_record audit;
	struct pool *pool;
	/* private */
	pthread_mutex_t lock;
	pthread_cond_t told;
	bool is_sent, is_done, is_left;
};

/* NULL: no memory. */
struct errand *errand_new(void);
/* A copy; .ptr NULL where there was no memory. */
struct str errand_str(struct errand *errand, struct str s);
/*
 * The record of what usherctl was told to do: `code` as an outcome's, `what`
 * the command, `by` (may be empty) who gave it. NULL: no memory.
 */
const struct audit_record *errand_audit(struct errand *errand,
					struct str tenant, struct str code,
					struct str what, struct str by);
/* To be called right before the job is submitted: sets its .done. */
void errand_send(struct errand *errand);
/* The submission was refused: the errand is its owner's alone again. */
void errand_unsend(struct errand *errand);
/* False: it is not done after ERRAND_WAIT_MS, and may yet be. */
bool errand_wait(struct errand *errand);
/* Accepts NULL. */
void errand_free(struct errand *errand);

#endif
