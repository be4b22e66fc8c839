/*
 * outbox-private: the outbox for the other modules of this room.
 */
#ifndef STORE_OUTBOX_PRIVATE_H
#define STORE_OUTBOX_PRIVATE_H

#include "store/outbox.h"
#include "store/writer.h"

/* Reads the tenants' figures. ERR_NOMEM, ERR_IO. The connection is not
 * owned, and appends within these bounds from now on. */
enum err outbox_new(struct db *db, struct outbox **outbox_r);
/* ERR_LIMIT. Sweeps from now on. The writer is not owned. */
enum err outbox_start(struct outbox *outbox, struct writer *writer,
		      int64_t sweep_ms);
/* After the writer ended. Accepts NULL. */
void outbox_free(struct outbox *outbox);

/* Inside a job: one of its deliveries is done; with the last one it goes. */
enum err outbox_delivered(struct db *db, int64_t id);

/* Inside a job: the chore will take the user's texts out of their events, and
 * then empty the WAL (writer_wipe()). */
enum err outbox_erase(struct db *db, int64_t user_id);
/* While settling that job: soon. */
void outbox_erase_soon(struct outbox *outbox);

#endif
