/*
 * full: what a store with full tables costs.
 *
 *	full sessions=N [users=N] [dir=.]
 *
 * Makes a store with so many open sessions (of so many users: 0, one each) in
 * a new directory under `dir`, and opens it: how long that takes, and how much
 * memory it needs (mallinfo2(3): malloc's own share included), a session.
 *
 *	full expired=N [seconds=10] [waiting=64] [dir=.]
 *
 * Keeps so many jobs waiting, each an insert: how many a second, and their
 * times from submission to the end.  First beside empty tables, for so long;
 * then beside that many redemptions that have expired, until those are swept
 * or the time is over; and how many are left by then.
 */
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/num.h"
#include "store/db-private.h"
#include "store/schema.h"
#include "store/store.h"

#define WAITING_MAX 1024
#define TIMES_MAX 4000000
#define SWEEP_MS 500

static uint64_t sessions, users = 1, expired, seconds = 10, waiting = 64;

static void die(const char *what)
{
	fprintf(stderr, "full: %s\n", what);
	exit(1);
}

static double seconds_since(int64_t ns)
{
	return (double)(clock_mono_ns() - ns) / 1e9;
}

static int drop(const char *path, const struct stat *st, int flag,
		struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void drop_dir(const char *dir)
{
	nftw(dir, drop, 8, FTW_DEPTH | FTW_PHYS);
}

/* A new database in a new directory, with what `sql` puts there. */
static void fill(char *dir, const char *sql)
{
	char text[512], path[512];
	sqlite3 *handle = NULL;
	struct db *db = NULL;
	struct buf why;
	int fd;

	buf_init_fixed(&why, text, sizeof(text));
	if (!mkdtemp(dir) || db_open(dir, DB_WRITER, &db, &why) ||
	    schema_migrate(db, &why))
		die("no database");
	db_close(db);
	snprintf(path, sizeof(path), "%s/%s", dir, DB_FILE);
	if (sqlite3_open(path, &handle) ||
	    sqlite3_exec(handle, "PRAGMA synchronous = OFF", NULL, NULL,
			 NULL) ||
	    sqlite3_exec(handle, sql, NULL, NULL, NULL))
		die(sqlite3_errmsg(handle));
	sqlite3_close(handle);
	/* else that is written out while others are measured */
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fsync(fd))
		die("no disk");
	close(fd);
}

static struct store *open_store(const char *dir, int64_t sweep_ms)
{
	const struct store_options options = { .readers = 2,
					       .sweep_ms = sweep_ms };
	struct store *store = NULL;
	char text[512];
	struct buf why;

	buf_init_fixed(&why, text, sizeof(text));
	if (store_open(dir, &options, &store, &why))
		die(text);
	return store;
}

/* ---- sessions ---- */

static size_t in_use(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

/* So many sessions, of users in no order, opened: seconds, and memory. */
static double open_sessions(const char *template, uint64_t count,
			    uint64_t each, size_t *octets_r)
{
	char dir[256], sql[2048];
	struct store *store;
	size_t empty;
	int64_t ns;
	double s;

	snprintf(sql, sizeof(sql),
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL"
		" SELECT i + 1 FROM n WHERE i < %" PRIu64 ")"
		"INSERT INTO users(tenant, email_key, email, name, created_s,"
		" updated_s, last_seen_s)"
		" SELECT 'acme', 'user' || i || '@example.com',"
		" 'user' || i || '@example.com', 'John Q. Doe ' || i,"
		" unixepoch(), unixepoch(), unixepoch() FROM n;"
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL"
		" SELECT i + 1 FROM n WHERE i < %" PRIu64 ")"
		"INSERT INTO sessions(id, hash, tenant, host, user_id,"
		" created_s, last_seen_s, idle_s, absolute_s)"
		" SELECT (unixepoch() - 1800) * 1000 * 1048576 + i * 1048576,"
		" randomblob(32), 'acme', 'desk.acme.example',"
		" 1 + i * 7919 %% %" PRIu64 ","
		" unixepoch() - 1800, unixepoch() - 1800 + i %% 1800,"
		" 28800, unixepoch() - 1800 + 86400 FROM n;",
		each, count, each);
	memcpy(dir, template, sizeof(dir));
	fill(dir, sql);
	empty = in_use();
	ns = clock_mono_ns();
	store = open_store(dir, 3600000);
	s = seconds_since(ns);
	*octets_r = in_use() - empty;
	if (sessions_count(store_sessions(store)) != count)
		die("some are missing");
	store_close(store);
	drop_dir(dir);
	malloc_trim(0);
	return s;
}

/* What is there once for all, as SQLite's cache, is in both. */
static void measure_sessions(const char *template)
{
	uint64_t each = users ? users : sessions, few = sessions / 4;
	size_t with_few, with_all;
	double s;

	open_sessions(template, few, users ? users : few, &with_few);
	s = open_sessions(template, sessions, each, &with_all);
	printf("%" PRIu64 " sessions of %" PRIu64 " users: open in %.3f s, "
	       "%.1f octets a session\n", sessions, each, s,
	       (double)(with_all - with_few) / (double)(sessions - few));
}

/* ---- expired rows ---- */

struct slot {
	struct job job;
	int64_t ns;
};

static struct slot slots[WAITING_MAX];
static struct writer *writer;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static unsigned running;
static atomic_bool is_over;
static uint64_t failed;
static sqlite3_stmt *insert;	/* the writer's thread */
/* the writer's thread; read when it is done */
static uint32_t *times;
static size_t told;

static enum err slot_run(struct db *db, struct job *job)
{
	int rc;

	(void)job;
	if (!insert &&
	    sqlite3_prepare_v2(db->handle,
		/* '2' is far ahead, as the first octet of a time */
		"INSERT INTO redemptions(jti, tenant, session_id)"
		" VALUES(CAST('2' || printf('%010d', unixepoch()) ||"
		" randomblob(5) AS BLOB), 'acme', 0)",
		-1, &insert, NULL))
		return ERR_IO;
	rc = sqlite3_step(insert);
	sqlite3_reset(insert);
	return rc == SQLITE_DONE ? ERR_OK : ERR_IO;
}

static void slot_done(struct job *job)
{
	struct slot *slot = (struct slot *)job;
	int64_t now = clock_mono_ns();

	failed += job->result != ERR_OK;
	if (told < TIMES_MAX)
		times[told++] = (uint32_t)((now - slot->ns) / 1000);
	slot->ns = now;
	if (is_over || writer_submit(writer, job)) {
		pthread_mutex_lock(&lock);
		running--;
		pthread_cond_signal(&cond);
		pthread_mutex_unlock(&lock);
	}
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static uint32_t at(double share)
{
	return told ? times[(size_t)((double)(told - 1) * share)] : 0;
}

static int64_t ask(const char *dir, const char *sql)
{
	sqlite3_stmt *q = NULL;
	sqlite3 *db = NULL;
	char path[512];
	int64_t n = -1;

	snprintf(path, sizeof(path), "%s/%s", dir, DB_FILE);
	if (!sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) &&
	    !sqlite3_prepare_v2(db, sql, -1, &q, NULL) &&
	    sqlite3_step(q) == SQLITE_ROW)
		n = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	sqlite3_close(db);
	return n;
}

#define EXPIRED " FROM redemptions WHERE jti < x'02'"

static bool is_swept(const char *dir)
{
	return ask(dir, "SELECT NOT EXISTS(SELECT 1" EXPIRED ")") == 1;
}

/* Until that time, or until all is swept. */
static void wait_for_end(const char *dir, bool is_sweeping)
{
	int64_t ns = clock_mono_ns();

	while (seconds_since(ns) < (double)seconds) {
		usleep(200000);
		if (is_sweeping && is_swept(dir))
			break;
	}
}

static void load(const char *dir, uint64_t rows)
{
	struct store *store = open_store(dir, SWEEP_MS);
	int64_t ns = clock_mono_ns();
	double s;

	writer = store_writer(store);
	told = 0;
	is_over = false;
	running = (unsigned)waiting;
	for (unsigned i = 0; i < waiting; i++) {
		slots[i] = (struct slot){
			.job = { .run = slot_run, .done = slot_done },
			.ns = clock_mono_ns(),
		};
		if (writer_submit(writer, &slots[i].job))
			die("no place in the queue");
	}
	wait_for_end(dir, rows > 0);
	is_over = true;
	pthread_mutex_lock(&lock);
	while (running)
		pthread_cond_wait(&cond, &lock);
	pthread_mutex_unlock(&lock);
	s = seconds_since(ns);
	qsort(times, told, sizeof(times[0]), compare);
	printf("%8" PRIu64 " expired: %7.0f jobs/s, p50 %.1f p99 %.1f p99.9 "
	       "%.1f max %.1f ms; %" PRId64 " left after %.0f s "
	       "(failed %" PRIu64 ")\n", rows, (double)told / s,
	       at(.5) / 1e3, at(.99) / 1e3, at(.999) / 1e3, at(1) / 1e3,
	       rows ? ask(dir, "SELECT count(*)" EXPIRED) : 0, s, failed);
	if (rows) {
		/* and with nobody there? */
		ns = clock_mono_ns();
		while (!is_swept(dir) && seconds_since(ns) < 60)
			usleep(20000);
		printf("the rest, with nobody there: %.1f s\n",
		       seconds_since(ns));
	}
	sqlite3_finalize(insert);
	insert = NULL;
	store_close(store);
}

static void measure_expired(char *dir)
{
	char sql[1024], empty[256];

	memcpy(empty, dir, sizeof(empty));
	times = malloc(TIMES_MAX * sizeof(*times));
	if (!times)
		die("no memory");
	fill(empty, "");
	load(empty, 0);
	drop_dir(empty);
	/* the first octets of a token's id are its time: of 2011 */
	snprintf(sql, sizeof(sql),
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL"
		" SELECT i + 1 FROM n WHERE i < %" PRIu64 ")"
		"INSERT INTO redemptions(jti, tenant, session_id)"
		" SELECT CAST(char(1) || printf('%%010d', i) || randomblob(5)"
		" AS BLOB), 'acme', 0 FROM n;", expired);
	fill(dir, sql);
	load(dir, expired);
	drop_dir(dir);
	free(times);
}

static bool read_argument(const char *arg, char dir[256])
{
	static const struct {
		const char *key;
		uint64_t *value, max;
	} numbers[] = {
		{ "sessions", &sessions, SESSIONS_MAX },
		{ "users", &users, 100000000 },
		{ "expired", &expired, 10000000 },
		{ "seconds", &seconds, 3600 },
		{ "waiting", &waiting, WAITING_MAX },
	};
	struct str value, key = str_cut(str_from(arg), '=', &value);

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (str_eq(key, str_from(numbers[i].key)))
			return !num_u64(value, 0, numbers[i].max,
					numbers[i].value);
	return str_eq(key, STR("dir")) &&
	       snprintf(dir, 256, "%.*s/full-XXXXXX", STR_ARG(value)) < 256;
}

int main(int argc, char **argv)
{
	char dir[256] = "./full-XXXXXX";
	bool is_good = argc > 1;

	for (int i = 1; i < argc; i++)
		is_good &= read_argument(argv[i], dir);
	if (!is_good || !sessions == !expired || sessions % 4 || !waiting) {
		fputs("full sessions=N [users=N] [dir=D]\n"
		      "full expired=N [seconds=N] [waiting=N] [dir=D]\n",
		      stderr);
		return 2;
	}
	hash_init();
	if (sessions)
		measure_sessions(dir);
	else
		measure_expired(dir);
	return failed != 0;
}
