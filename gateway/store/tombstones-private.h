/*
 * tombstones-private: tombstones for the other modules of this room.
 */
#ifndef STORE_TOMBSTONES_PRIVATE_H
#define STORE_TOMBSTONES_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "store/tombstones.h"
#include "store/writer.h"

/* Reads the key, and how many there are. ERR_NOMEM, ERR_IO. */
enum err tombstones_new(struct db *db, struct tombstones **tombstones_r);
/* ERR_LIMIT. Sweeps from now on. The writer is not owned. */
enum err tombstones_start(struct tombstones *tombstones, struct writer *writer,
			  int64_t sweep_ms);
/* After the writer ended. Accepts NULL. */
void tombstones_free(struct tombstones *tombstones);

/* What `name` is; stands in the tags of databases. */
enum tombstone_kind {
	TOMBSTONE_UNSIGNED = 1,		/* an address as compared */
	TOMBSTONE_SIGNED = 2,		/* the same, of one vouched for */
	TOMBSTONE_EXTERNAL = 3,		/* an external id */
	TOMBSTONE_LOGOUT = 4,		/* no person: the jti of a partner's
					 * logout, which is taken once */
};

/* Whom a record of the audit is about: 63 bits of the same hash, of kinds of
 * their own, never 0.  As long as the database. Any thread. */
enum trail_kind {
	TRAIL_PERSON = 16,		/* an address as compared */
	TRAIL_SUBJECT = 17,		/* an external id */
};
uint64_t tombstone_trail_tag(const struct tombstones *tombstones,
			     struct str tenant, enum trail_kind kind,
			     struct str name);

#define TOMBSTONE_TAG_LEN 16
/* What of them stands in the database. Any thread. */
void tombstone_tag(const struct tombstones *tombstones, struct str tenant,
		   enum tombstone_kind kind, struct str name,
		   uint8_t tag[TOMBSTONE_TAG_LEN]);

/* Inside a job: end what was minted for them up to now. */
enum err tombstone_write(struct tombstones *tombstones, struct db *db,
			 struct str tenant, enum tombstone_kind kind,
			 struct str name);
/* ... up to a time of the steady clock, which may lie TOMBSTONE_SKEW_MS
 * ahead. */
enum err tombstone_write_until(struct tombstones *tombstones, struct db *db,
			       struct str tenant, enum tombstone_kind kind,
			       struct str name, int64_t until_ms);
/* Inside a job.  ERR_NOT_FOUND: what was minted, or issued, for them then was
 * ended. */
enum err tombstone_check(struct tombstones *tombstones, struct db *db,
			 struct str tenant, enum tombstone_kind kind,
			 struct str name, int64_t minted_ms);
/* Inside a job: the first and only one of that name.  ERR_USED: there was one,
 * TOMBSTONE_KEPT_S ago at most. */
enum err tombstone_take(struct tombstones *tombstones, struct db *db,
			struct str tenant, enum tombstone_kind kind,
			struct str name);
#endif
