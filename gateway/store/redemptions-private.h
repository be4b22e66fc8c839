/*
 * redemptions-private: redemptions for the other modules of this room.
 */
#ifndef STORE_REDEMPTIONS_PRIVATE_H
#define STORE_REDEMPTIONS_PRIVATE_H

#include "store/redemptions.h"

/* ERR_NOMEM, ERR_LIMIT. Sweeps from now on. Neither is owned. */
enum err redemptions_start(struct writer *writer, struct sessions *sessions,
			   int64_t sweep_ms,
			   struct redemptions **redemptions_r);
/* After the writer ended. Accepts NULL. */
void redemptions_free(struct redemptions *redemptions);

#endif
