/*
 * person-private: all places where something of a person is kept, as one table:
 * what an erasure takes away and what an export shows are the same.
 *
 * A table of the database that has nothing of anybody is named in it, too, with
 * why.  tests/unit/store/person.c fails where one is in neither list, or has
 * columns that nobody has thought of.
 */
#ifndef STORE_PERSON_PRIVATE_H
#define STORE_PERSON_PRIVATE_H

#include "store/outbox.h"
#include "store/sessions.h"
#include "store/tombstones-private.h"
#include "store/users.h"

struct person {
	const struct user *user;	/* view.id 0: nobody is stored, and of
					 * the user there are tenant and
					 * email_key alone */
	struct str key;			/* of their address, as today */
	/* of all that they may be under way as: store/tombstones.h */
	struct person_name {
		enum tombstone_kind kind;
		struct str name;
	} names[2];
	unsigned name_count;
	struct sessions *sessions;	/* of an erasure alone */
	struct tombstones *tombstones;
};

/* For a user who was found, or who is not stored.  Lives as long as they do and
 * the pool. ERR_NOMEM, ERR_IO. */
enum err person_init(struct person *person, const struct user *user,
		     struct sessions *sessions, struct tombstones *tombstones,
		     struct pool *pool);
/* Inside a job: all of it, and what was minted for them ends. */
enum err person_erase(struct db *db, const struct person *person);
/* Inside a job: what was minted for them unsigned up to now ends, and what their
 * partner issued up to `until_ms`, by its clock. */
enum err person_end(struct db *db, const struct person *person,
		    int64_t until_ms);
/* Append {"users":[...],"sessions":[...], ...}: as of one moment, without
 * secrets. ERR_NOMEM: also what is too much for `out`; ERR_IO. */
enum err person_show(struct db *reader, const struct person *person,
		     struct buf *out);

/* For tests: the tables, one after the other; `why`: there is nothing of
 * anybody in it, NULL: there is. NULL: that was all. */
const char *person_table(unsigned i, const char **why_r);

#endif
