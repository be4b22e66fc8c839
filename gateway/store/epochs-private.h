/* epochs-private: the table's making, and what the sessions ask of it. */
#ifndef STORE_EPOCHS_PRIVATE_H
#define STORE_EPOCHS_PRIVATE_H

#include "store/epochs.h"

struct sessions;

/* Load what the database holds. */
enum err epochs_new(struct db *writer, struct epochs **epochs_r);
/* Before any use from another thread. */
enum err epochs_start(struct epochs *epochs, struct writer *writer,
		      struct sessions *sessions, int64_t retry_ms);
/* After the writer ended. Accepts NULL. */
void epochs_free(struct epochs *epochs);

/* Grows with each epoch that ends. */
uint64_t epochs_ended(struct epochs *epochs);

#endif
