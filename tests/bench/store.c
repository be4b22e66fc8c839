/*
 * store: how many durable writes a second, as a gateway would ask for them.
 *
 *	store [users=1000000] [seconds=3] [dir=.]
 *
 * Makes a store in a new directory under `dir` (which should be on the disk
 * that is to be measured), fills it with users, and keeps 16, 64 and 256 jobs
 * waiting, each submitted again as soon as it is told.  Users are chosen
 * uniformly; an arrival makes or changes its user, and opens a session where
 * the case says so.  One line per case: jobs a second, transactions a second,
 * CPU microseconds a job.  Then what a look at a user's
 * tickets costs.
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
#include "store/store.h"

#define WAITING_MAX 256

enum kind {
	VISIT,			/* to a desk with sessions of its own */
	UNCHANGED,
	SESSION,
	SESSION_AUDIT,
	TICKET,
};

static const char *const kind_names[] = {
	"arrival", "arrival, unchanged", "arrival+session",
	"arrival+session+audit", "ticket",
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
	uint64_t user;
};

static struct store *store;
static struct slot slots[WAITING_MAX];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static unsigned running;
static atomic_bool is_over;
static enum kind kind;
static uint64_t users = 1000000, filled, seed = 88172645463325252u, serial;
static uint64_t told, failed;
static int64_t listed, *ids;	/* of the users, by their place */

static uint64_t draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void rest(struct slot *s)
{
	(void)s;
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

	s->user = user;
	snprintf(s->email, sizeof(s->email), "user%07" PRIu64 "@example.com",
		 user);
	snprintf(s->name, sizeof(s->name), "John Q. Doe %" PRIu64, name);
	r->sync = (struct user_sync){
		.tenant = STR("acme"), .email = str_from(s->email),
		.email_key = str_from(s->email), .name = str_from(s->name),
		.minted_ms = ms,
	};
	redemption_jti_time(ms, r->jti);
	memcpy(r->jti + 6, &rnd, sizeof(rnd));
	memcpy(r->hash, &rnd, sizeof(rnd));
	r->exp_s = ms / 1000 + 120;
	r->opens_session = filled == users && kind != VISIT &&
			   kind != UNCHANGED;
	r->host = STR("desk.acme.example");
	r->idle_s = r->absolute_s = 28800;
	if (filled < users) {
		/* so that it is known without a pool */
		r->shown_id = ids[user] = users_new_id(store_users(store));
		r->is_shown_new = true;
	}
	if (kind == SESSION_AUDIT)
		r->audit = audit_of(s);
	return redemptions_submit(store_redemptions(store), r);
}

/* In turn, because one user may not have many. */
static enum err submit_ticket(struct slot *s, uint64_t user)
{
	static const char body[400] = { [0 ... 398] = 'x' };

	snprintf(s->name, sizeof(s->name), "%" PRIu64, serial);
	s->ticket.tenant = STR("acme");
	s->ticket.user_id = ids[user];
	s->ticket.subject = STR("The printer prints nothing but zeros");
	s->ticket.category = STR("Hardware");
	s->ticket.body = str_from(body);
	s->ticket.key = str_from(s->name);
	serial++;
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

/* In the writer's thread but for the first time of each slot. */
static void go(struct slot *s)
{
	enum err err;

	if (is_over || (filled < users && serial >= users)) {
		rest(s);
		return;
	}
	memset(&s->redemption, 0, sizeof(s->redemption));
	memset(&s->ticket, 0, sizeof(s->ticket));
	s->job.done = again;
	if (filled < users)
		err = submit_arrival(s, serial++, 0);
	else if (kind == TICKET)
		err = submit_ticket(s, 1 + serial % (users - 1));
	else if (kind == UNCHANGED)
		err = submit_arrival(s, draw() % users, 0);
	else
		err = submit_arrival(s, draw() % users,
				     draw() % 1000000 + 1);
	if (err) {
		failed++;
		rest(s);
	}
}

static void again(struct job *job)
{
	told++;
	failed += job->result != ERR_OK;
	go((struct slot *)job);
}

static double cpu_us(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e6 +
	       (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

/* Keep `waiting` jobs going for that long (0: until the filling ends). */
static void run(unsigned waiting, unsigned seconds)
{
	struct timespec until;

	is_over = false;
	pthread_mutex_lock(&lock);
	running = waiting;
	pthread_mutex_unlock(&lock);
	/* from the writer's thread on, only that thread draws */
	for (unsigned i = 0; i < waiting; i++) {
		struct slot *s = &slots[i];

		memset(s, 0, sizeof(*s));
		s->job.run = start;
		s->job.done = again;
		if (writer_submit(store_writer(store), &s->job))
			abort();
	}
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += seconds;
	pthread_mutex_lock(&lock);
	while (running) {
		if (!seconds || is_over)
			pthread_cond_wait(&cond, &lock);
		else if (pthread_cond_timedwait(&cond, &lock, &until))
			is_over = true;
	}
	pthread_mutex_unlock(&lock);
}

static void measure(unsigned waiting, unsigned seconds)
{
	struct writer_stats before, after;
	double cpu = cpu_us(), s;
	int64_t ns = clock_mono_ns();

	writer_stats(store_writer(store), &before);
	run(waiting, seconds);
	s = (double)(clock_mono_ns() - ns) / 1e9;
	cpu = cpu_us() - cpu;
	writer_stats(store_writer(store), &after);
	printf("%-16s %4u waiting %9.0f jobs/s %8.0f commits/s %6.1f us "
	       "(failed %" PRIu64 ")\n", kind_names[kind], waiting,
	       (double)(after.jobs - before.jobs) / s,
	       (double)(after.batches - before.batches) / s,
	       cpu / (double)(after.jobs - before.jobs), failed);
	fflush(stdout);
}

static void release(struct job *job)
{
	(void)job;
	rest(NULL);
}

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
			abort();
		pthread_mutex_lock(&lock);
		while (running)
			pthread_cond_wait(&cond, &lock);
		pthread_mutex_unlock(&lock);
		failed += s->job.result != ERR_OK;
		listed = s->ticket.number;
	}
	clock_hold(0);
}

/* Without a query: the last of those tickets, alone. */
static void measure_look(const char *name, const struct tickets_query *query)
{
	struct pool *pool = pool_new(1 << 20);
	double cpu = cpu_us();

	for (int i = 0; i < LOOKS; i++) {
		struct ticket_message *thread;
		struct ticket *list, one;
		unsigned count = 0;
		enum err err;

		if (query)
			err = tickets_list(store_reader(store, 0), query, pool,
					   &list, &count);
		else
			err = tickets_get(store_reader(store, 0), STR("acme"),
					  LISTER, listed, pool, &one, &thread,
					  &count);
		failed += err || !count;
		pool_reset(pool);
	}
	printf("%-30s %6.1f us (failed %" PRIu64 ")\n", name,
	       (cpu_us() - cpu) / LOOKS, failed);
	pool_free(pool);
}

static int drop(const char *path, const struct stat *st, int flag,
		struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

int main(int argc, char **argv)
{
	static const unsigned waits[] = { 16, 64, 256 };
	const struct store_options options = { .readers = 1 };
	struct tickets_query theirs = {
		.tenant = STR("acme"), .user_id = ids[LISTER], .limit = LISTED,
	};
	uint64_t seconds = 3;
	char dir[256] = "./store-XXXXXX", text[512];
	struct buf why;

	for (int i = 1; i < argc; i++) {
		struct str value, key = str_cut(str_from(argv[i]), '=', &value);
		bool ok = false;

		if (str_eq(key, STR("users")))
			ok = !num_u64(value, 2, 100000000, &users);
		else if (str_eq(key, STR("seconds")))
			ok = !num_u64(value, 1, 3600, &seconds);
		else if (str_eq(key, STR("dir")))
			ok = snprintf(dir, sizeof(dir), "%.*s/store-XXXXXX",
				      STR_ARG(value)) < (int)sizeof(dir);
		if (!ok) {
			fputs("store [users=N] [seconds=N] [dir=D]\n", stderr);
			return 2;
		}
	}
	hash_init();
	buf_init_fixed(&why, text, sizeof(text));
	if (!mkdtemp(dir) || store_open(dir, &options, &store, &why)) {
		fprintf(stderr, "%s\n", text);
		return 1;
	}
	ids = calloc(users, sizeof(*ids));
	if (!ids)
		return 1;
	run(WAITING_MAX, 0);
	filled = users;
	for (kind = VISIT; kind <= TICKET; kind++)
		for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
			measure(waits[i], (unsigned)seconds);
	fill_list();
	measure_look("list of 50 of a user", &theirs);
	theirs.state = TICKETS_OPEN;
	measure_look("list of 50 of a user, open", &theirs);
	theirs.user_id = 0;
	measure_look("list of 50 of a tenant, open", &theirs);
	measure_look("one ticket with its message", NULL);
	store_close(store);
	free(ids);
	nftw(dir, drop, 8, FTW_DEPTH | FTW_PHYS);
	return failed != 0;
}
