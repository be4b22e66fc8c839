/*
 * parking-private: parking for the other modules of this room.
 */
#ifndef STORE_PARKING_PRIVATE_H
#define STORE_PARKING_PRIVATE_H

#include "store/parking.h"
#include "store/tombstones-private.h"

/* NULL: no memory. */
struct parking *parking_new(void);
/* ERR_LIMIT. Takes jobs and sweeps from now on. Neither is owned. */
enum err parking_start(struct parking *parking, struct writer *writer,
		       const struct tombstones *tombstones, int64_t sweep_ms);
/* After the writer ended. Accepts NULL. */
void parking_free(struct parking *parking);

/* Inside a job: it is taken away.  ERR_NOT_FOUND: there is none, and nothing
 * was written. */
enum err parking_take(struct db *db, struct str tenant,
		      const uint8_t id[PARKED_ID_LEN]);

#endif
