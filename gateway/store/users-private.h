/*
 * users-private: users for the other modules of this room.
 */
#ifndef STORE_USERS_PRIVATE_H
#define STORE_USERS_PRIVATE_H

#include "store/outbox.h"
#include "store/sessions.h"
#include "store/tickets.h"
#include "store/tombstones-private.h"
#include "store/users.h"

/* Reads the highest id ever given. None is owned. ERR_NOMEM, ERR_IO. */
enum err users_new(struct db *db, struct sessions *sessions,
		   struct tombstones *tombstones, struct users **users_r);
/* Before any change. None is owned. */
void users_start(struct users *users, struct writer *writer,
		 struct tickets *tickets, struct outbox *outbox);
/* After the writer ended. Accepts NULL. */
void users_free(struct users *users);

/* What users_plan() takes for granted. ERR_LIMIT, ERR_CONTROL. */
enum err user_sync_check(const struct user_sync *sync);
/* Inside a job: what the plan says; its view has an id by now.  Sessions and
 * tokens of `ends_id` are users_end_planned()'s. */
enum err user_write(struct db *db, const struct user_sync *sync,
		    const struct user_plan *plan, int64_t now_s);
/* Inside a job, before a session is opened: what the plan ends. */
enum err users_end_planned(struct users *users, struct db *db,
			   const struct user_sync *sync,
			   const struct user_plan *plan);
/* Inside a job: the row of one who was never here; user_id is set. */
enum err user_write_blocked(struct db *db, const struct user_block *block,
			    int64_t now_s);

#endif
