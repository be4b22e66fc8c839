/*
 * users-private: users for the other modules of this room.
 */
#ifndef STORE_USERS_PRIVATE_H
#define STORE_USERS_PRIVATE_H

#include "store/sessions.h"
#include "store/tickets.h"
#include "store/users.h"

/* NULL: no memory. None is owned. */
struct users *users_new(struct writer *writer, struct sessions *sessions,
			struct tickets *tickets);
/* After the writer ended. Accepts NULL. */
void users_free(struct users *users);

#endif
