/*
 * audit: what became of each exchange, found again by its request id.
 *
 * A record rides in the transaction of the business write that it tells of
 * (struct redemption, struct session_end take one), else it
 * goes to the writer unawaited, within the writer's cap.  Kept for
 * AUDIT_DAYS_MAX days and AUDIT_ROWS_MAX records, whichever ends first; the
 * writer sweeps by itself.
 */
#ifndef STORE_AUDIT_H
#define STORE_AUDIT_H

#include <stdint.h>

#include "base/pool.h"
#include "base/str.h"
#include "store/writer.h"

#define AUDIT_DAYS_MAX 30
#define AUDIT_ROWS_MAX 1000000
#define AUDIT_ID_MAX 64			/* octets of a request id */
#define AUDIT_TENANT_MAX 64
#define AUDIT_CODE_MAX 64
#define AUDIT_TRAIL_MAX 8192		/* octets */
#define AUDIT_PAGE_MAX 50		/* records of one look-up */

struct audit_record {
	int64_t id;		/* of one that was found: they count up */
	struct str request_id;
	int64_t time_ms;	/* wall clock */
	struct str tenant;	/* absent: none was found */
	int status;		/* HTTP */
	struct str code;	/* of the outcome; absent: none */
	struct str trail;	/* a JSON array */
};

/*
 * Copies the record and sends it unawaited.  ERR_BUSY (counted by the writer),
 * ERR_LIMIT, ERR_NOMEM: then it is not kept, and nothing else happens.
 */
enum err audit_write(struct writer *writer, const struct audit_record *record);

/*
 * The newest of that id, slices in the pool.  ERR_NOT_FOUND, ERR_NOMEM,
 * ERR_IO.
 */
enum err audit_find(struct db *reader, struct str request_id,
		    struct pool *pool, struct audit_record *out_r);

/*
 * Of the records whose id is greater than `after` (0: of all) the newest
 * AUDIT_PAGE_MAX at most, newest first, slices in the pool.  ERR_NOMEM, ERR_IO.
 */
enum err audit_list(struct db *reader, int64_t after, struct pool *pool,
		    struct audit_record *out_r, unsigned *count_r);

/* Inside a job. ERR_LIMIT, ERR_CONTROL: nothing was written. */
enum err audit_insert(struct db *db, const struct audit_record *record);
/* ERR_LIMIT, ERR_CONTROL: audit_insert() would refuse it. */
enum err audit_check(const struct audit_record *record);

/*
 * Inside a job: delete the oldest AUDIT_SWEEP_MAX records at most that are
 * past `rows_max` records or from before `before_ms`.  Says how many.
 */
#define AUDIT_SWEEP_MAX 512
enum err audit_sweep(struct db *db, int64_t before_ms, int64_t rows_max,
		     unsigned *deleted_r);
/* Sweep every `sweep_ms`, by these limits. The chore outlives the writer. */
enum err audit_start(struct writer *writer, struct chore *chore,
		     int64_t sweep_ms);

#endif
