/*
 * sessions-private: the table's other side, for the writer's thread.
 *
 * A session passes through: reserved (a place in the table, taken where the
 * redemption is submitted, so that a full table is told at once) - written (a
 * row in a transaction that may yet fail) - published (after the commit, in
 * the table) - dropped.  All but reserving and releasing happens in the
 * writer's thread; none but reserving and writing can fail.
 */
#ifndef STORE_SESSIONS_PRIVATE_H
#define STORE_SESSIONS_PRIVATE_H

#include "base/list.h"
#include "store/idmap.h"
#include "store/sessions.h"

/* A user as sessions show them: immutable, replaced as a whole. */
struct user_record {
	int64_t id;
	bool is_verified;
	uint32_t email_len, name_len, attributes_len;
	char text[];		/* the three, one behind the other */
};

/* A user who has sessions; there as long as there is one. */
struct session_user {
	struct idmap_node node;		/* by user id */
	struct user_record *record;	/* under the stripe's lock */
	struct list entries;		/* the writer's thread alone */
};

struct session_entry {
	struct idmap_node node;		/* by session id */
	struct list siblings;		/* the writer's thread alone: in its
					 * user's list, or in `written` */
	struct session_user *user;	/* before: kept ready for publishing */
	uint8_t hash[SESSION_HASH_LEN];
	enum session_kind kind;
	int64_t user_id, created_s, absolute_s;
	uint64_t epoch;			/* of its tenant */
	/* moved by look-ups, under the stripe's lock */
	int64_t last_seen_s;
	int64_t persisted_s;		/* what the row has, or soon will */
	uint32_t idle_s;
	uint16_t tenant_len, host_len;
	char text[];
};

struct epochs;

struct sessions {
	struct writer *writer;
	struct epochs *epochs;
	struct idmap map;		/* of struct session_entry */
	struct idmap users;		/* of struct session_user */
	_Atomic unsigned reserved;	/* published ones included */
	unsigned max;
	/* the writer's thread alone */
	int64_t last_id;
	struct list written;		/* rows not yet settled */
	struct chore sweep;
	unsigned sweep_at;		/* the stripe where it goes on */
	unsigned sweep_left;		/* stripes of this round */
	/* epochs that had ended when this round began, and when the last one
	 * that was finished did */
	uint64_t round_ended, swept_ended;
	int64_t swept[SESSIONS_SWEEP_MAX];
	unsigned swept_count;
};

/*
 * Load what the database holds; the sweep is set up, not yet started.  No more
 * than `max` sessions are kept, the oldest go.
 */
enum err sessions_new(struct db *writer, unsigned max, struct epochs *epochs,
		      struct sessions **sessions_r);
/* Before any use from another thread. */
enum err sessions_start(struct sessions *sessions, struct writer *writer,
			int64_t sweep_ms);
/* An epoch ended: do not wait with the next round. */
void sessions_sweep_soon(struct sessions *sessions);
/* After the writer ended. Accepts NULL. */
void sessions_free(struct sessions *sessions);

struct user_record *user_record_new(const struct user_view *view);

/*
 * Any thread.  ERR_BUSY (full), ERR_NOMEM.  Times are filled in later.
 */
enum err session_reserve(struct sessions *sessions, struct str tenant,
			 struct str host, struct session_entry **entry_r);
/* Give the place back, of an entry that was never published. Accepts NULL. */
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

/* When it ends if nothing more is done; under its stripe's lock. */
int64_t session_entry_end(const struct session_entry *entry);
/* Any thread: have the row follow, unawaited. ERR_BUSY, ERR_NOMEM. */
enum err session_persist(struct sessions *sessions, int64_t id,
			 int64_t seen_s);

#endif
