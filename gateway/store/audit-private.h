/*
 * audit-private: what the records of one transaction become.
 *
 * The writer's connection has a book.  Jobs add packed records to it
 * (audit_insert()); just before the commit the writer has it written: one row
 * for what was done and one for what was refused, each split where its body
 * would pass AUDIT_BODY_MAX.  What a job added goes with the job: the writer
 * takes it out again where the job says no, and forgets all of it where the
 * transaction is rolled back.
 *
 * Rows lie in two tables, `trails` and `refusals`, so that each has a bound of
 * its own and none can push the other out.  A row's id is that of its last
 * record; records count up over both tables.  `records` and `octets` count
 * all that were ever written, this row included, so that what there is between
 * two rows is a difference.  first_ms and last_ms are the times that the
 * requests' ids begin with.
 */
#ifndef STORE_AUDIT_PRIVATE_H
#define STORE_AUDIT_PRIVATE_H

#include "store/audit.h"
#include "store/db-private.h"

enum audit_kind {
	AUDIT_DONE,
	AUDIT_REFUSED,		/* a status of 400 and more */
	AUDIT_KINDS
};

#define AUDIT_ROW_OCTETS 40	/* about what a row takes beside its body */
#define AUDIT_SWEEP_COMMITS 4	/* every so many commits with records... */
#define AUDIT_SWEEP_BESIDE 8	/* ...so many old rows of a kind go */

struct audit_book;

/* The writer's: at a transaction's begin, before each job, after one that says
 * no, before the commit, after it. Without records none does anything. */
void audit_begin(struct db *db);
struct audit_mark { size_t len[AUDIT_KINDS]; };
struct audit_mark audit_mark(const struct db *db);
void audit_take_back(struct db *db, struct audit_mark mark);
enum err audit_flush(struct db *db);
void audit_committed(struct db *db);
/* Accepts NULL. */
void audit_book_free(struct audit_book *book);

/* A record that is packed already. `lead_ms`: what its id begins with. */
struct audit_packed {
	int64_t lead_ms;		/* 0: nothing is known */
	enum audit_kind kind;
	size_t len;
};
enum err audit_pack_new(const struct audit_record *record,
			unsigned char out[AUDIT_PACKED_MAX],
			struct audit_packed *packed_r);
/* Inside a job. ERR_NOMEM: nothing was added. */
enum err audit_add(struct db *db, const struct audit_packed *packed,
		   const unsigned char *octets);

/* The last id that was given. */
enum err audit_newest(struct db *db, enum audit_kind kind, int64_t *id_r);
/* The first id from which on rows were committed at that time or later; past
 * `last` where there are none. */
enum err audit_first_since(struct db *db, enum audit_kind kind,
			   int64_t time_ms, int64_t last, int64_t *id_r);

/*
 * Inside a job: take that tag out of the next `rows` rows behind `after`, of
 * either kind.  The last one of them; 0: there were none.
 */
enum err audit_forget_some(struct db *db, uint64_t tag, int64_t after,
			   unsigned rows, int64_t *last_r);

/* Statements, one for each kind: their slots follow each other. */
#define AUDIT_SQL(slot, kind) ((enum sql)((slot) + (kind)))

#endif
