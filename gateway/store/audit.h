/*
 * audit: what became of each exchange, found again by its request id.
 *
 * A record rides in the transaction of the business write that it tells of
 * (struct redemption, struct session_end take one), else it
 * goes to the writer unawaited, within the writer's cap.  The records of one
 * transaction are one row, packed (store/audit-pack.h), written just before
 * the commit; those of a job that fails are not in it.
 *
 * There is no index: request ids begin with their time, and rows lie in the
 * order of theirs.  A record is looked for among the rows that were committed
 * from AUDIT_MARGIN_MS before its request's time to AUDIT_SPAN_MS after, and
 * then, since clocks are set, among the newest AUDIT_LOOK_BACK; there, too, an
 * id that has no time.
 *
 * Refusals (400 and above, and what is_refusal says of) lie apart, so that none
 * pushes out what was done.
 * Of what was done AUDIT_ROWS_MAX records and AUDIT_OCTETS_MAX octets are
 * kept, of refusals AUDIT_REFUSALS_MAX and AUDIT_REFUSAL_OCTETS_MAX, neither
 * for more than AUDIT_DAYS_MAX days.  What is past that goes a few rows at a
 * time, refusals first: beside every fourth commit with records, and by a chore
 * where nobody signs in.  Which refusals become records: policy/refusals.h.
 *
 * The table `audit` has the records of schema 4 and before: they are read, and
 * go with their days.
 */
#ifndef STORE_AUDIT_H
#define STORE_AUDIT_H

#include <stdint.h>

#include "base/pool.h"
#include "base/str.h"
#include "store/audit-pack.h"
#include "store/writer.h"

#define AUDIT_DAYS_MAX 30
#define AUDIT_ROWS_MAX 1000000		/* records of what was done */
#define AUDIT_OCTETS_MAX (INT64_C(512) << 20)
#define AUDIT_REFUSALS_MAX 500000
#define AUDIT_REFUSAL_OCTETS_MAX (INT64_C(256) << 20)
#define AUDIT_PAGE_MAX 50		/* records of one look-up */
#define AUDIT_MARGIN_MS 5000
#define AUDIT_SPAN_MS 120000
#define AUDIT_LOOK_BACK 20000		/* records */

/* Its code where a row is damaged: it stands for the records of that row. */
#define AUDIT_UNREADABLE "unreadable"

/*
 * Copies the record and sends it unawaited.  ERR_BUSY (counted by the writer),
 * ERR_LIMIT, ERR_NOMEM: then it is not kept, and nothing else happens.
 */
enum err audit_write(struct writer *writer, const struct audit_record *record);

/*
 * The newest of that id, slices in the pool.  ERR_NOT_FOUND, ERR_NOMEM,
 * ERR_IO; ERR_SYNTAX: not found, but a row where it may have been is damaged.
 */
enum err audit_find(struct db *reader, struct str request_id,
		    struct pool *pool, struct audit_record *out_r);

/*
 * Of the records whose id is greater than `after` (0: of all) the newest
 * AUDIT_PAGE_MAX at most, newest first, slices in the pool.  ERR_NOMEM, ERR_IO.
 */
enum err audit_list(struct db *reader, int64_t after, struct pool *pool,
		    struct audit_record *out_r, unsigned *count_r);

/* Records about somebody, or of a token. */
struct audit_query {
	uint64_t person, token;		/* 0: not asked for */
	const uint64_t *subjects;
	unsigned subject_count;
	/* of a record with a subject that alone counts: an address may have
	 * been another's, and an unsigned user has no subject */
	bool is_strict;
	int64_t from_ms, to_ms;		/* wall clock, both included */
};

/*
 * Calls `each` with all that match, of what was done and then of refusals, the
 * newest of each first; a record's slices live in the pool, for the call alone.
 * It reads all rows since from_ms.  `each` false: enough.  ERR_NOMEM, ERR_IO.
 */
enum err audit_search(struct db *reader, const struct audit_query *query,
		      bool (*each)(void *ctx, const struct audit_record *record),
		      void *ctx);

/*
 * Inside a job: add it to the row of this transaction.  ERR_LIMIT,
 * ERR_CONTROL, ERR_NOMEM: nothing was added.
 */
enum err audit_insert(struct db *db, const struct audit_record *record);

/*
 * Inside a job: delete the oldest `max` rows at most of each kind that are past
 * their bounds.  Says of how many: `max` where there may be more.
 */
#define AUDIT_SWEEP_MAX 64
enum err audit_sweep(struct db *db, unsigned max, unsigned *swept_r);
/* Sweep every `sweep_ms`. The chore outlives the writer. */
enum err audit_start(struct writer *writer, struct chore *chore,
		     int64_t sweep_ms);

struct audit_bounds {
	int64_t records, octets;
};
/* For tests: inside a job, other bounds than those above. */
enum err audit_set_bounds(struct db *db, const struct audit_bounds *done,
			  const struct audit_bounds *refused);

#endif
