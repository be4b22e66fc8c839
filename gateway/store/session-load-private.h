/*
 * session-load-private: how the rows of a store that is opened become its table
 * of sessions (sessions_load() in store/sessions-private.h).
 *
 * Once through the sessions in the order of their ids (session-load-rows.c),
 * then once through the users that they have, in the order of theirs
 * (session-load-users.c).  Nothing is looked up row by row.  What is done to
 * all at once is in session-load.c.
 *
 * Where there is much to read, threads share both: each takes a piece, and
 * another one when it is done, with a connection of its own.  The caller's is
 * in a transaction and alone writes, so all see the same rows.
 */
#ifndef STORE_SESSION_LOAD_PRIVATE_H
#define STORE_SESSION_LOAD_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "store/db-private.h"
#include "store/sessions-private.h"

#define LOAD_PARTS_MAX 4	/* threads, the caller's included */
#define LOAD_ALONE_MAX (8 << 20)	/* octets that one thread reads alone */
#define LOAD_MINUTES 65536	/* by which they are put in order: 45 days */

/* A session that waits for its user. */
struct waiting {
	int64_t user_id;
	struct session_node *node;
};

/* A row of the table of epochs. */
struct slug {
	char *name;
	uint64_t epoch;
	int64_t ended;		/* sessions up to there have */
};

/* What one thread does. */
struct part {
	struct load *l;
	struct db *db;
	pthread_t thread;
	enum err err;
	struct waiting *v;
	size_t count, cap;
	int64_t *doomed;	/* rows to be deleted */
	size_t doomed_count, doomed_cap;
	struct session_node **minutes;	/* chained by order.next */
	/* of the last row; NULL: none */
	const struct slug *slug;
	struct session_place *place;
	unsigned place_refs;	/* not counted there yet */
	/* where the statement is that reads the users */
	bool is_at_users;
	int user_row;		/* as query_step() */
};

struct load {
	struct sessions *s;
	struct db *db;
	struct part parts[LOAD_PARTS_MAX];
	unsigned part_count;
	struct slug *slugs;	/* sorted by name */
	size_t slug_count, slug_cap;
	int64_t now_s;
	int64_t first_id, last_id;
	_Atomic size_t next;	/* the piece that nobody has taken yet */
	pthread_mutex_t places;	/* who makes or counts one */
	/* all parts', by user */
	struct waiting *v;
	size_t count;
};

/* Room for one more in an array (given by its address); false: no memory. */
bool load_grow(void *array, size_t *cap, size_t count, size_t size);
/* That row is to be deleted. ERR_NOMEM. */
enum err load_doom(struct part *part, int64_t id);

/* ---- session-load-rows.c ---- */

/* What the table of epochs says, and which ids there are. */
enum err load_prepare(struct load *load);
/* A part's pieces of the sessions, until all are taken. */
enum err load_sessions(struct part *part);

/* ---- session-load-users.c ---- */

/* The first session from `at` on that is not of the user of the one before. */
size_t load_next_user(const struct load *load, size_t at);
/* A part's pieces of the users of load->v, until all are taken. The sessions
 * of those who are gone stay in it. */
enum err load_users(struct part *part);

#endif
