#include "store/store.h"

#include <errno.h>
#include <sys/stat.h>

#include "store/db-private.h"
#include "store/deliveries-private.h"
#include "store/epochs-private.h"
#include "store/outbox-private.h"
#include "store/parking-private.h"
#include "store/redemptions-private.h"
#include "store/schema.h"
#include "store/sessions-private.h"
#include "store/tickets-private.h"
#include "store/tombstones-private.h"
#include "store/user-keys-private.h"
#include "store/users-private.h"

#define HAS_CONTENT						\
	"SELECT EXISTS(SELECT 1 FROM users)"				\
	" OR EXISTS(SELECT 1 FROM sessions)"				\
	" OR EXISTS(SELECT 1 FROM redemptions)"

struct store {
	int lock;
	struct db *db;			/* the writer's */
	struct db **readers;
	unsigned reader_count;
	struct writer *writer;
	struct epochs *epochs;
	struct sessions *sessions;
	struct user_keys *user_keys;
	struct users *users;
	struct redemptions *redemptions;
	struct tickets *tickets;
	struct tombstones *tombstones;
	struct parking *parking;
	struct outbox *outbox;
	struct deliveries *deliveries;
	void (*batch_done)(void *ctx);	/* options' */
	void *batch_ctx;
	struct chore audit;
};

static void on_batch(void *ctx)
{
	struct store *store = ctx;

	if (store->batch_done)
		store->batch_done(store->batch_ctx);
	deliveries_batch_done(store->deliveries);
}

/* The threads' part, when all is there. */
static enum err start(struct store *store, const struct store_options *options)
{
	int64_t sweep_ms = options->sweep_ms ? options->sweep_ms :
					       STORE_SWEEP_MS;
	enum err err = writer_start(store->db, &store->writer);

	if (err)
		return err;
	store->batch_done = options->batch_done;
	store->batch_ctx = options->batch_ctx;
	writer_on_batch(store->writer, on_batch, store);
	for (unsigned i = 0; i < store->reader_count; i++)
		db_watch(store->readers[i], writer_health_book(store->writer));
	err = tickets_new(store->writer, &store->tickets);
	if (err)
		return err;
	users_start(store->users, store->writer, store->tickets,
		    store->outbox);
	err = outbox_start(store->outbox, store->writer, sweep_ms);
	if (!err)
		err = sessions_start(store->sessions, store->writer, sweep_ms);
	if (!err)
		err = epochs_start(store->epochs, store->writer,
				   store->sessions, sweep_ms);
	if (!err)
		err = user_keys_start(store->user_keys, store->writer,
				      sweep_ms);
	if (!err)
		err = redemptions_start(store->redemptions, store->writer,
					sweep_ms);
	if (!err)
		err = tombstones_start(store->tombstones, store->writer,
				       sweep_ms);
	if (!err)
		err = parking_start(store->parking, store->writer,
				    store->tombstones, sweep_ms);
	if (!err)
		err = audit_start(store->writer, &store->audit, sweep_ms);
	return err;
}

static enum err open_readers(struct store *store, const char *dir,
			     unsigned count, struct buf *why)
{
	enum err err = ERR_OK;

	if (count > STORE_READERS_MAX)
		return ERR_LIMIT;
	store->readers = calloc(count ? count : 1, sizeof(*store->readers));
	if (!store->readers)
		return ERR_NOMEM;
	while (!err && store->reader_count < count) {
		err = db_open(dir, DB_READER,
			      &store->readers[store->reader_count], why);
		store->reader_count += !err;
	}
	return err;
}

enum err store_open(const char *dir, const struct store_options *options,
		    struct store **store_r, struct buf *why)
{
	struct store *store = calloc(1, sizeof(*store));
	size_t told = why->len;
	enum err err;

	if (!store)
		return ERR_NOMEM;
	store->lock = -1;
	err = db_lock(dir, &store->lock, why);
	if (!err)
		err = db_open(dir, DB_WRITER, &store->db, why);
	if (!err)
		err = schema_migrate(store->db, why);
	if (!err)
		err = user_keys_new(store->db, options->keys_at_start ?
				    options->keys_at_start :
				    USER_KEYS_AT_START, &store->user_keys);
	if (!err)
		err = open_readers(store, dir, options->readers, why);
	if (!err)
		err = epochs_new(store->db, &store->epochs);
	if (!err)
		err = sessions_new(store->db, store->readers,
				   store->reader_count, SESSIONS_MAX,
				   store->epochs, &store->sessions);
	if (!err)
		err = tombstones_new(store->db, &store->tombstones);
	if (!err)
		err = users_new(store->db, store->sessions, store->tombstones,
				&store->users);
	if (!err)
		err = redemptions_new(store->db, store->sessions, store->users,
				      store->tombstones, &store->redemptions);
	if (!err)
		err = outbox_new(store->db, &store->outbox);
	if (!err)
		err = (store->deliveries = deliveries_new(store->db)) ?
			ERR_OK : ERR_NOMEM;
	if (!err)
		err = (store->parking = parking_new()) ? ERR_OK : ERR_NOMEM;
	if (!err)
		err = start(store, options);
	if (err) {
		if (why->len == told)
			buf_printf(why, "cannot open the store in %s: %s", dir,
				   store->db && *db_problem(store->db) ?
				   db_problem(store->db) : err_text(err));
		store_close(store);
		return err;
	}
	*store_r = store;
	return ERR_OK;
}

/* First of all: then the writer can empty the WAL whole. */
static void close_readers(struct store *store)
{
	for (unsigned i = 0; i < store->reader_count; i++)
		db_close(store->readers[i]);
	store->reader_count = 0;
	free(store->readers);
	store->readers = NULL;
}

enum err store_quit(struct store *store, int64_t ms)
{
	close_readers(store);
	return writer_quit(store->writer, ms);
}

void store_close(struct store *store)
{
	if (!store)
		return;
	close_readers(store);
	writer_stop(store->writer);
	parking_free(store->parking);
	deliveries_free(store->deliveries);
	outbox_free(store->outbox);
	redemptions_free(store->redemptions);
	users_free(store->users);
	user_keys_free(store->user_keys);
	tombstones_free(store->tombstones);
	tickets_free(store->tickets);
	sessions_free(store->sessions);
	epochs_free(store->epochs);
	db_close(store->db);
	db_unlock(store->lock);
	free(store);
}

/* The path as SQLite's URI, which leaves out what would mean something else. */
static enum err immutable_uri(const char *dir, struct buf *out)
{
	buf_puts(out, "file:");
	for (const char *s = dir; *s; s++)
		if (ascii_is_alpha(*s) || ascii_is_digit(*s) ||
		    strchr("/._-", *s))
			buf_addc(out, *s);
		else
			buf_printf(out, "%%%02X", (unsigned char)*s);
	buf_puts(out, "/" DB_FILE "?immutable=1");
	return buf_is_ok(out) ? ERR_OK : ERR_LIMIT;
}

/* Octets, 0 where there is none; -1: it cannot be told. */
static int64_t size_of(const char *dir, const char *name)
{
	char path[DB_PATH_MAX];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >=
	    (int)sizeof(path))
		return -1;
	if (stat(path, &st) == 0)
		return st.st_size;
	return errno == ENOENT ? 0 : -1;
}

/* Without locks, WAL or any file made. */
static int ask_immutable(const char *uri)
{
	sqlite3 *handle = NULL;
	sqlite3_stmt *q = NULL;
	int has = -1;

	if (sqlite3_open_v2(uri, &handle, SQLITE_OPEN_READONLY |
			    SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL) ==
		    SQLITE_OK &&
	    sqlite3_prepare_v2(handle, HAS_CONTENT, -1, &q, NULL) ==
		    SQLITE_OK &&
	    sqlite3_step(q) == SQLITE_ROW)
		has = sqlite3_column_int(q, 0);
	sqlite3_finalize(q);
	sqlite3_close(handle);
	return has;
}

int store_look(const char *dir)
{
	int64_t main = size_of(dir, DB_FILE);
	int64_t wal = size_of(dir, DB_FILE "-wal");
	char text[3 * DB_PATH_MAX + 64];
	struct buf uri;
	int has;

	if (main <= 0 && wal <= 0)
		return main < 0 || wal < 0 ? -1 : 0;
	buf_init_fixed(&uri, text, sizeof(text));
	if (immutable_uri(dir, &uri))
		return -1;
	has = ask_immutable(text);
	/* it may all stand in there still */
	return has == 0 && wal ? -1 : has;
}

int store_has_content(struct store *store)
{
	struct db *db = store_reader(store, 0);
	enum err err;
	sqlite3_stmt *q;
	int has = -1;

	if (!db)
		return -1;
	err = query_begin(db, SQL_HAS_CONTENT, HAS_CONTENT, &q);
	if (err)
		return -1;
	if (query_step(db, q, &err) > 0)
		has = sqlite3_column_int(q, 0);
	query_end(q);
	return has;
}

struct db *store_reader(struct store *store, unsigned index)
{
	return index < store->reader_count ? store->readers[index] : NULL;
}

struct writer *store_writer(struct store *store)
{
	return store->writer;
}

struct epochs *store_epochs(struct store *store)
{
	return store->epochs;
}

struct users *store_users(struct store *store)
{
	return store->users;
}

struct sessions *store_sessions(struct store *store)
{
	return store->sessions;
}

struct redemptions *store_redemptions(struct store *store)
{
	return store->redemptions;
}

struct tickets *store_tickets(struct store *store)
{
	return store->tickets;
}

struct parking *store_parking(struct store *store)
{
	return store->parking;
}

struct outbox *store_outbox(struct store *store)
{
	return store->outbox;
}

struct deliveries *store_deliveries(struct store *store)
{
	return store->deliveries;
}
