/*
 * store: what durable writes cost, as a gateway asks for them, and how that
 * grows with the number of users.
 *
 *	store [users=1000000] [seconds=3 | jobs=N] [waiting=N] [case=NAME]
 *	      [cache=KIB] [page=OCTETS] [dir=.]
 *
 * Makes a store in a new directory under `dir` (which should be on the disk
 * that is to be measured), fills it with users, and keeps 16, 64 and 256 jobs
 * waiting (or so many alone), each submitted again as soon as it is told, for
 * so long or so often.  Users are chosen uniformly; an arrival makes or changes
 * its user, and opens a session where the case says so.  One line per case:
 *
 *	jobs and commits a second, CPU microseconds a job: mind the machine;
 *	reads: pages a job that the writer's cache did not have;
 *	frames: pages a job that were written into the WAL;
 *	in, out: system calls a job that read and wrote, with what of them the
 *	copying of the WAL into the database takes; KiB a job that were written.
 *
 * Before that, what users take: octets of a row, of an entry of the index, and
 * pages.  Then what a look at a user's tickets costs.
 *
 * cache= and page= measure other sizes than the gateway has.
 */
#include <ftw.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/num.h"
#include "store/db-private.h"
#include "store/schema.h"
#include "store/store.h"

#define WAITING_MAX 256

enum kind {
	VISIT,			/* to a desk with sessions of its own */
	UNCHANGED,
	SESSION,
	SESSION_AUDIT,
	TICKET,
	KINDS,
};

static const char *const kind_names[KINDS] = {
	"arrival", "unchanged", "session", "session+audit", "ticket",
};

#define LISTER 0		/* who looks: the first user */
#define LISTED 50		/* tickets of one user */
#define LOOKS 20000

struct slot {
	union {
		struct job job;
		struct redemption redemption;
		struct ticket_new ticket;
	};
	struct audit_record audit;
	char email[64], name[64], request_id[32];
};

static struct store *store;
static struct slot slots[WAITING_MAX];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static unsigned running;
static atomic_bool is_over;
static enum kind kind;
static uint64_t users = 1000000, seconds = 3, jobs, only_waiting, cache, page;
static uint64_t only_kind = KINDS;
static uint64_t seed = 88172645463325252u, serial, begun, failed;
static int64_t listed;

static void die(const char *what)
{
	fprintf(stderr, "store: %s\n", what);
	exit(1);
}

static uint64_t draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* As long as those that are made of the time. */
static int64_t id_of(uint64_t user)
{
	return (INT64_C(1) << 50) + (int64_t)user;
}

/* In no order, as people's are. */
static struct str address_of(uint64_t user, char text[64])
{
	uint64_t h = (user + 1) * 0x9e3779b97f4a7c15;
	char head[6];

	h ^= h >> 29;
	h *= 0xbf58476d1ce4e5b9;
	for (size_t i = 0; i < sizeof(head); i++, h /= 26)
		head[i] = (char)('a' + h % 26);
	snprintf(text, 64, "%.6s%07" PRIu64 "@example.com", head, user);
	return str_from(text);
}

/* ---- the jobs ---- */

static void rest(void)
{
	pthread_mutex_lock(&lock);
	running--;
	pthread_cond_signal(&cond);
	pthread_mutex_unlock(&lock);
}

static const struct audit_record *audit_of(struct slot *s)
{
	static const struct str trail = STR("[{\"step\":\"begin\","
		"\"verdict\":\"next\",\"ns\":812},{\"step\":\"read_token\","
		"\"verdict\":\"next\",\"ns\":344},{\"step\":\"open_token\","
		"\"verdict\":\"next\",\"ns\":2190},{\"step\":\"redeem\","
		"\"verdict\":\"next\",\"ns\":910233}]");

	snprintf(s->request_id, sizeof(s->request_id),
		 "01JD5ZC2T0%016" PRIX64, serial++);
	s->audit = (struct audit_record){
		.request_id = str_from(s->request_id),
		.time_ms = clock_wall_ms(),
		.tenant = STR("acme"),
		.status = 302,
		.trail = trail,
	};
	return &s->audit;
}

static enum err submit_arrival(struct slot *s, uint64_t user, uint64_t name)
{
	struct redemption *r = &s->redemption;
	int64_t ms = clock_wall_ms();
	uint64_t rnd = draw();

	snprintf(s->name, sizeof(s->name), "John Q. Doe %" PRIu64, name);
	r->sync = (struct user_sync){
		.tenant = STR("acme"), .name = str_from(s->name),
		.email = address_of(user, s->email), .minted_ms = ms,
	};
	r->sync.email_key = r->sync.email;
	redemption_jti_time(ms, r->jti);
	memcpy(r->jti + 6, &rnd, sizeof(rnd));
	memcpy(r->hash, &rnd, sizeof(rnd));
	r->exp_s = ms / 1000 + 120;
	r->opens_session = kind != VISIT && kind != UNCHANGED;
	r->host = STR("desk.acme.example");
	r->idle_s = r->absolute_s = 28800;
	if (kind == SESSION_AUDIT)
		r->audit = audit_of(s);
	return redemptions_submit(store_redemptions(store), r);
}

/* In turn, because one user may not have many. */
static enum err submit_ticket(struct slot *s, uint64_t user)
{
	static const char body[400] = { [0 ... 398] = 'x' };

	snprintf(s->name, sizeof(s->name), "%" PRIu64, serial++);
	s->ticket.tenant = STR("acme");
	s->ticket.user_id = id_of(user);
	s->ticket.subject = STR("The printer prints nothing but zeros");
	s->ticket.category = STR("Hardware");
	s->ticket.body = str_from(body);
	s->ticket.key = str_from(s->name);
	return tickets_create(store_tickets(store), &s->ticket);
}

static void again(struct job *job);

/* From here on it goes on in the writer's thread. */
static enum err start(struct db *db, struct job *job)
{
	(void)db;
	(void)job;
	return ERR_OK;
}

static void go(struct slot *s)
{
	enum err err;

	if (is_over || (jobs && begun == jobs)) {
		rest();
		return;
	}
	begun++;
	memset(s, 0, sizeof(*s));
	s->job.done = again;
	if (kind == TICKET)
		err = submit_ticket(s, 1 + serial % (users - 1));
	else if (kind == UNCHANGED)
		err = submit_arrival(s, draw() % users, 0);
	else
		err = submit_arrival(s, draw() % users, draw() % 1000000 + 1);
	if (err) {
		failed++;
		rest();
	}
}

static void again(struct job *job)
{
	failed += job->result != ERR_OK;
	go((struct slot *)job);
}

/* ---- a case ---- */

/* What the writer's connection has counted. */
struct counted {
	struct job job;
	int reads, frames;
	uint64_t in, out, written;	/* of the process, from proc(5) */
};

static void count_calls(struct counted *c)
{
	FILE *io = fopen("/proc/self/io", "re");
	unsigned long long n[3] = { 0 };

	if (io && fscanf(io, "rchar: %*u wchar: %llu syscr: %llu syscw: %llu",
			 &n[0], &n[1], &n[2]) != 3)
		memset(n, 0, sizeof(n));
	if (io)
		fclose(io);
	c->written = n[0];
	c->in = n[1];
	c->out = n[2];
}

static enum err count_run(struct db *db, struct job *job)
{
	struct counted *c = (struct counted *)job;
	char sql[64];
	int none;

	sqlite3_db_status(db->handle, SQLITE_DBSTATUS_CACHE_MISS, &c->reads,
			  &none, 0);
	sqlite3_db_status(db->handle, SQLITE_DBSTATUS_CACHE_WRITE, &c->frames,
			  &none, 0);
	if (!cache)
		return ERR_OK;
	snprintf(sql, sizeof(sql), "PRAGMA cache_size = -%" PRIu64, cache);
	return db_exec(db, sql);
}

static void release(struct job *job)
{
	(void)job;
	rest();
}

static void wait_for_all(void)
{
	pthread_mutex_lock(&lock);
	while (running)
		pthread_cond_wait(&cond, &lock);
	pthread_mutex_unlock(&lock);
}

static struct counted count(void)
{
	struct counted c = { .job = { .run = count_run, .done = release } };

	running = 1;
	if (writer_submit(store_writer(store), &c.job))
		die("no place in the queue");
	wait_for_all();
	failed += c.job.result != ERR_OK;
	count_calls(&c);
	return c;
}

static double cpu_us(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e6 +
	       (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

/* Keep `waiting` jobs going, for so long or until there were so many. */
static void run(unsigned waiting)
{
	struct timespec until;

	is_over = false;
	begun = 0;
	running = waiting;
	/* from the writer's thread on, only that thread draws */
	for (unsigned i = 0; i < waiting; i++) {
		struct slot *s = &slots[i];

		memset(s, 0, sizeof(*s));
		s->job.run = start;
		s->job.done = again;
		if (writer_submit(store_writer(store), &s->job))
			die("no place in the queue");
	}
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += (time_t)seconds;
	pthread_mutex_lock(&lock);
	while (running && !jobs && !is_over)
		is_over = pthread_cond_timedwait(&cond, &lock, &until) != 0;
	pthread_mutex_unlock(&lock);
	wait_for_all();
}

static void measure(unsigned waiting)
{
	struct counted before = count(), after;
	struct writer_stats old, new;
	double cpu = cpu_us(), s, n;
	int64_t ns = clock_mono_ns();

	writer_stats(store_writer(store), &old);
	run(waiting);
	s = (double)(clock_mono_ns() - ns) / 1e9;
	cpu = cpu_us() - cpu;
	writer_stats(store_writer(store), &new);
	after = count();
	n = (double)begun;
	printf("%-14s %4u waiting %7" PRIu64 " jobs %7.0f jobs/s %5.0f "
	       "commits/s %6.1f us %5.2f reads %5.2f frames %5.2f in %5.2f out "
	       "%5.1f KiB (failed %" PRIu64 ")\n",
	       kind_names[kind], waiting, begun, n / s,
	       (double)(new.batches - old.batches) / s, cpu / n,
	       (double)(after.reads - before.reads) / n,
	       (double)(after.frames - before.frames) / n,
	       (double)(after.in - before.in) / n,
	       (double)(after.out - before.out) / n,
	       (double)(after.written - before.written) / 1024 / n, failed);
	fflush(stdout);
}

static void measure_kind(void)
{
	static const unsigned waits[] = { 16, 64, 256 };

	for (size_t i = 0; i < N_ELEMENTS(waits) && !only_waiting; i++)
		measure(waits[i]);
	if (only_waiting)
		measure((unsigned)only_waiting);
}

/* ---- looks ---- */

/* A user with so many tickets, made over hours, for the hourly limit. */
static void fill_list(void)
{
	struct slot *s = &slots[0];

	for (int i = 0; i < LISTED; i++) {
		clock_hold(1700000000000 + i * 600000LL);
		memset(s, 0, sizeof(*s));
		s->job.done = release;
		running = 1;
		if (submit_ticket(s, LISTER))
			die("no place in the queue");
		wait_for_all();
		failed += s->job.result != ERR_OK;
		listed = s->ticket.number;
	}
	clock_hold(0);
}

/* Without a query: the last of those tickets, alone. */
static void measure_look(const char *name, const struct tickets_query *query)
{
	struct pool *pool = pool_new(1 << 20);
	uint64_t looks = jobs ? jobs : LOOKS;
	double cpu = cpu_us();

	for (uint64_t i = 0; i < looks; i++) {
		struct ticket_message *thread;
		struct ticket *list, one;
		unsigned n = 0;
		enum err err;

		if (query)
			err = tickets_list(store_reader(store, 0), query, pool,
					   &list, &n);
		else
			err = tickets_get(store_reader(store, 0), STR("acme"),
					  id_of(LISTER), listed, pool, &one,
					  &thread, &n);
		failed += err || !n;
		pool_reset(pool);
	}
	printf("%-30s %6.1f us (failed %" PRIu64 ")\n", name,
	       (cpu_us() - cpu) / (double)looks, failed);
	pool_free(pool);
}

static void measure_looks(void)
{
	struct tickets_query theirs = {
		.tenant = STR("acme"), .user_id = id_of(LISTER),
		.limit = LISTED,
	};

	fill_list();
	measure_look("list of 50 of a user", &theirs);
	theirs.state = TICKETS_OPEN;
	measure_look("list of 50 of a user, open", &theirs);
	theirs.user_id = 0;
	measure_look("list of 50 of a tenant, open", &theirs);
	measure_look("one ticket with its message", NULL);
}

/* ---- the store ---- */

static void exec(sqlite3 *handle, const char *sql)
{
	if (sqlite3_exec(handle, sql, NULL, NULL, NULL))
		die(sqlite3_errmsg(handle));
}

/* As arrivals would have left them, but faster. */
static void insert_users(sqlite3 *handle)
{
	sqlite3_stmt *q = NULL;
	char email[64];

	exec(handle, "BEGIN");
	if (sqlite3_prepare_v2(handle,
		"INSERT INTO users(id, tenant, email_key, email, name,"
		" created_s, updated_s, last_seen_s, minted_ms)"
		" VALUES(?1, 'acme', ?2, ?2, 'John Q. Doe 0', unixepoch(),"
		" unixepoch(), unixepoch(), unixepoch() * 1000)", -1, &q, NULL))
		die(sqlite3_errmsg(handle));
	for (uint64_t i = 0; i < users; i++) {
		struct str s = address_of(i, email);

		sqlite3_bind_int64(q, 1, id_of(i));
		sqlite3_bind_text(q, 2, s.ptr, (int)s.len, SQLITE_STATIC);
		if (sqlite3_step(q) != SQLITE_DONE)
			die(sqlite3_errmsg(handle));
		sqlite3_reset(q);
	}
	sqlite3_finalize(q);
	exec(handle, "COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
}

static void tell_sizes(sqlite3 *handle)
{
	sqlite3_stmt *q = NULL;

	/* of leaves, as far as that matters */
	if (sqlite3_prepare_v2(handle,
		"SELECT name, count(*), sum(payload) * 1.0 / sum(ncell)"
		" FROM dbstat WHERE name IN (SELECT name FROM sqlite_schema"
		"  WHERE tbl_name = 'users') AND pagetype = 'leaf'"
		" GROUP BY name HAVING sum(ncell)", -1, &q, NULL)) {
		puts("(this SQLite does not tell sizes)");
		return;
	}
	while (sqlite3_step(q) == SQLITE_ROW)
		printf("%-20s %8d pages, %5.1f octets each\n",
		       sqlite3_column_text(q, 0), sqlite3_column_int(q, 1),
		       sqlite3_column_double(q, 2));
	sqlite3_finalize(q);
}

/* Its size of a page is that of the first who makes the file. */
static void fill(const char *dir)
{
	char path[512], text[512], sql[128];
	sqlite3 *handle = NULL;
	struct db *db = NULL;
	struct buf why;

	buf_init_fixed(&why, text, sizeof(text));
	snprintf(path, sizeof(path), "%s/%s", dir, DB_FILE);
	snprintf(sql, sizeof(sql), "PRAGMA page_size = %" PRIu64 ";"
		 "PRAGMA journal_mode = WAL", page);
	if (sqlite3_open(path, &handle))
		die("no database");
	if (page)
		exec(handle, sql);
	if (db_open(dir, DB_WRITER, &db, &why) || schema_migrate(db, &why))
		die(text);
	db_close(db);
	exec(handle, "PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000;"
	     "PRAGMA secure_delete = OFF");
	insert_users(handle);
	tell_sizes(handle);
	sqlite3_close(handle);
	/* else that is written out while others are measured */
	sync();
}

static int drop(const char *path, const struct stat *st, int flag,
		struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static bool read_kind(struct str name)
{
	for (only_kind = 0; only_kind < KINDS; only_kind++)
		if (str_eq(name, str_from(kind_names[only_kind])))
			return true;
	return false;
}

static bool read_argument(const char *arg, char dir[256])
{
	static const struct {
		const char *key;
		uint64_t *value, min, max;
	} numbers[] = {
		{ "users", &users, 2, 100000000 },
		{ "seconds", &seconds, 1, 3600 },
		{ "jobs", &jobs, 1, 100000000 },
		{ "waiting", &only_waiting, 1, WAITING_MAX },
		{ "cache", &cache, 100, 10000000 },
		{ "page", &page, 512, 65536 },
	};
	struct str value, key = str_cut(str_from(arg), '=', &value);

	for (size_t i = 0; i < N_ELEMENTS(numbers); i++)
		if (str_eq(key, str_from(numbers[i].key)))
			return !num_u64(value, numbers[i].min, numbers[i].max,
					numbers[i].value);
	if (str_eq(key, STR("case")))
		return read_kind(value);
	return str_eq(key, STR("dir")) &&
	       snprintf(dir, 256, "%.*s/store-XXXXXX", STR_ARG(value)) < 256;
}

static int tell_usage(FILE *to)
{
	fputs("store [users=N] [seconds=N | jobs=N] [waiting=N] [case=NAME]\n"
	      "      [cache=KIB] [page=OCTETS] [dir=DIRECTORY]\n"
	      "cases:", to);
	for (int i = 0; i < KINDS; i++)
		fprintf(to, " %s", kind_names[i]);
	fputs("\n", to);
	return to == stdout ? 0 : 2;
}

int main(int argc, char **argv)
{
	const struct store_options options = { .readers = 1 };
	char dir[256] = "./store-XXXXXX", text[512];
	struct buf why;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help"))
			return tell_usage(stdout);
		if (!read_argument(argv[i], dir))
			return tell_usage(stderr);
	}
	hash_init();
	buf_init_fixed(&why, text, sizeof(text));
	if (!mkdtemp(dir))
		die("no directory");
	fill(dir);
	if (store_open(dir, &options, &store, &why))
		die(text);
	for (kind = VISIT; kind < KINDS; kind++)
		if (only_kind == KINDS || kind == only_kind)
			measure_kind();
	if (only_kind == KINDS)
		measure_looks();
	store_close(store);
	nftw(dir, drop, 8, FTW_DEPTH | FTW_PHYS);
	return failed != 0;
}
