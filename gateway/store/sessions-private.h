/*
 * sessions-private: the table's other side, for the writer's thread.
 *
 * A session passes through: reserved (all the memory that it will need, taken
 * where the redemption is submitted) - written (a row in a transaction that
 * may yet fail; where the table is full, another one's row is deleted in it) -
 * published (after the commit, in the table) - dropped.  All but reserving and
 * releasing happens in the writer's thread; none but reserving and writing can
 * fail.
 */
#ifndef STORE_SESSIONS_PRIVATE_H
#define STORE_SESSIONS_PRIVATE_H

#include "base/list.h"
#include "store/idmap.h"
#include "store/session-places.h"
#include "store/sessions.h"

/* A user as sessions show them: immutable, replaced as a whole. */
struct user_record {
	int64_t id;
	bool is_verified;
	uint8_t external_len;	/* 0: none */
	uint16_t email_len, name_len, attributes_len;
	char text[];		/* the four, one behind the other, the
				 * external id last */
};
_Static_assert(USER_EMAIL_MAX <= UINT16_MAX && USER_NAME_MAX <= UINT16_MAX &&
	       USER_ATTRIBUTES_MAX <= UINT16_MAX &&
	       USER_EXTERNAL_MAX <= UINT8_MAX, "lengths of a record");

/* A user who has sessions; there as long as there is one. */
struct session_user {
	struct idmap_node node;		/* by user id */
	struct user_record *record;	/* under the stripe's lock */
	struct list entries;		/* the writer's thread alone */
};

/*
 * A session in the table.  There may be a million: what others have as well is
 * in its place, and with malloc(3)'s own share and its part of the table it has
 * SESSION_COST octets at most.
 */
struct session_node {
	struct idmap_node node;		/* by session id */
	struct list siblings;		/* the writer's thread alone: its
					 * user's */
	/*
	 * Under the tenant's lock: the longest idle first, to the minute
	 * (SESSION_ORDER_S).  In no list: another's opening ends it, if that
	 * is committed.
	 */
	struct list order;
	struct session_user *user;
	struct session_place *place;
	uint8_t hash[SESSION_HASH_LEN];
	uint64_t created_s : 34;
	/* moved by look-ups, under the stripe's lock */
	uint64_t is_owing : 1;		/* its row was refused the last look */
	uint64_t seen_after_s : 29;	/* its last look, after its opening */
};

#define SESSION_COST 120
#define SESSION_CREATED_MAX ((INT64_C(1) << 34) - 1)
#define SESSION_SEEN_MAX ((INT64_C(1) << 29) - 1)
/* 8 are malloc(3)'s, rounded up to 16, and up to 8 the table's */
_Static_assert((sizeof(struct session_node) + 8 + 15) / 16 * 16 + 8 <=
	       SESSION_COST, "a session's octets");

/* A session that is being opened. */
struct session_entry {
	struct list written;		/* see struct sessions */
	int64_t id;			/* 0: not written yet */
	uint8_t hash[SESSION_HASH_LEN];
	enum session_kind kind;
	int64_t user_id, created_s, absolute_s;
	uint64_t epoch;			/* of its tenant */
	uint32_t idle_s;
	/* kept ready for publishing */
	struct session_node *node;
	struct session_user *user;
	struct session_place *place;	/* it is counted there */
	int64_t evicts;			/* id of who makes room; 0: nobody */
	bool evicts_open;		/* and has not expired */
	bool is_leaving;		/* it makes room itself, for another */
	uint16_t tenant_len, host_len;
	char text[];
};

/* Whose sessions made room since it was told. */
struct session_evictions {
	pthread_mutex_t lock;
	uint64_t total;			/* ever */
	struct sessions_evicted list[SESSIONS_EVICTED_MAX];
	unsigned count;
};

struct epochs;

struct sessions {
	struct writer *writer;
	struct epochs *epochs;
	struct idmap map;		/* of struct session_node */
	struct idmap users;		/* of struct session_user */
	struct session_evictions evictions;
	unsigned max;
	/* the writer's thread alone */
	struct session_places places;
	unsigned held;			/* as of all tenants together */
	int64_t last_id;
	struct list written;		/* rows not yet settled */
	struct chore sweep;
	unsigned sweep_at;		/* the stripe where it goes on */
	unsigned sweep_bucket;		/* and the bucket in it */
	unsigned sweep_left;		/* stripes of this round */
	/* epochs that had ended when this round began, and when the last one
	 * that was finished did */
	uint64_t round_ended, swept_ended;
	int64_t swept[SESSIONS_SWEEP_MAX];
	unsigned swept_count;
};

/*
 * Load what the database holds; the sweep is set up, not yet started.  No more
 * than `max` sessions are kept: see room_make().  A large table is read by
 * threads, which use the readers until it returns (none: one thread alone).
 */
enum err sessions_new(struct db *writer, struct db *const *readers,
		      unsigned reader_count, unsigned max,
		      struct epochs *epochs, struct sessions **sessions_r);
/* Before any use from another thread. */
enum err sessions_start(struct sessions *sessions, struct writer *writer,
			int64_t sweep_ms);
/* An epoch ended: do not wait with the next round. */
void sessions_sweep_soon(struct sessions *sessions);
/* After the writer ended. Accepts NULL. */
void sessions_free(struct sessions *sessions);

struct user_record *user_record_new(const struct user_view *view);

/* Any thread.  ERR_NOMEM.  All but tenant and host is filled in later. */
enum err session_reserve(struct sessions *sessions, struct str tenant,
			 struct str host, struct session_entry **entry_r);
/* Of an entry that was never published: the writer's thread, any thread where
 * it was never written. Accepts NULL. */
void session_release(struct sessions *sessions, struct session_entry *entry);

/* Inside a job: give it an id and make its row. user_id, hash and idle_s are
 * set, absolute_s too; may be called again after a rollback. */
enum err session_write(struct sessions *sessions, struct db *db,
		       struct session_entry *entry, int64_t now_s);
/* Inside a job: delete the row; all rows of a user. */
enum err session_delete(struct db *db, int64_t id);
enum err sessions_delete_of(struct sessions *sessions, struct db *db,
			    int64_t user_id);

/* While settling: takes both. */
void session_publish(struct sessions *sessions, struct session_entry *entry,
		     struct user_record *record);
void session_drop(struct sessions *sessions, int64_t id);
void sessions_drop_of(struct sessions *sessions, int64_t user_id);
/* While settling: takes the record, NULL included. */
void sessions_show(struct sessions *sessions, struct user_record *record);

/* Under its stripe's lock: its last look, and when it ends if nothing more is
 * done. */
int64_t session_node_seen(const struct session_node *node);
int64_t session_node_end(const struct session_node *node);
/* Any thread: have the row follow, unawaited. ERR_BUSY, ERR_NOMEM. */
enum err session_persist(struct sessions *sessions, int64_t id,
			 int64_t seen_s);

/* ---- session-load.c ---- */

/* All rows into the empty table, inside a transaction. ERR_NOMEM, ERR_IO. */
enum err sessions_load(struct sessions *sessions, struct db *db,
		       struct db *const *readers, unsigned reader_count);

/* ---- session-room.c: who holds how many, and who makes room ---- */

/*
 * `held` of a tenant and of all is what the table will have when everything
 * that was written is committed.  With `max` of all the next one that is
 * written makes room: a tenant's share is `max`, divided by those who hold any
 * (and the one who signs in).  A tenant that exceeds its share pays for itself;
 * for another one pays who holds most, if that exceeds its share; where nobody
 * does, the one who signs in.  The longest idle session of who pays goes.
 */

/* Inside a job, all set but the row: the entry gets its place and is counted;
 * where the table is full, another one's row is deleted. */
enum err room_make(struct sessions *sessions, struct db *db,
		   struct session_entry *entry);
/* None of that happened. */
void room_undo(struct sessions *sessions, struct session_entry *entry);
/* It is committed and the entry is in the table: who made room goes. */
void room_taken(struct sessions *sessions, const struct session_entry *entry);

/* As the last to make room: one that was counted when it was written. */
void room_enter(struct session_node *node);
/* As the first: one that is not counted. */
void room_load(struct sessions *sessions, struct session_node *node);
/* It goes, for whatever reason. */
void room_leave(struct sessions *sessions, struct session_node *node);
/* Looked up in another minute: under its stripe's lock, any thread. */
void room_seen(struct session_node *node);

/* Inside a transaction: a table that has more than `max`. The rows of who makes
 * room are deleted, and they are dropped. */
enum err room_trim(struct sessions *sessions, struct db *db, int64_t now_s);

#endif
