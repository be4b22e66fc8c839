/*
 * redemptions-private: redemptions for the other modules of this room.
 */
#ifndef STORE_REDEMPTIONS_PRIVATE_H
#define STORE_REDEMPTIONS_PRIVATE_H

#include "store/redemptions.h"
#include "store/tombstones.h"

/* Reads the mark of the sweep. ERR_NOMEM, ERR_IO. None is owned. */
enum err redemptions_new(struct db *db, struct sessions *sessions,
			 struct users *users, struct tombstones *tombstones,
			 struct redemptions **redemptions_r);
/* ERR_LIMIT. Sweeps from now on. The writer is not owned. */
enum err redemptions_start(struct redemptions *redemptions,
			   struct writer *writer, int64_t sweep_ms);
/* After the writer ended. Accepts NULL. */
void redemptions_free(struct redemptions *redemptions);

#endif
