#include "store/schema.h"
#include "store/store.h"

#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>

#include "unit/store/rig.h"

#define CYCLES 6
#define SLOTS 48
#define ACKS_MIN 300

START_TEST(a_second_daemon_is_refused)
{
	const struct store_options options = { .readers = 1 };
	struct store *second = NULL;
	char text[512], pid[32];
	struct buf why;
	struct rig rig;

	rig_open(&rig);
	buf_init_fixed(&why, text, sizeof(text));
	ck_assert_int_eq(store_open(rig.dir, &options, &second, &why),
			 ERR_CONFLICT);
	ck_assert_ptr_null(second);
	snprintf(pid, sizeof(pid), "pid %ld", (long)getpid());
	ck_assert_msg(strstr(text, pid), "%s", text);
	ck_assert_int_gt(rig_user(&rig, "a@b", "A"), 0);
	rig_close(&rig);
}
END_TEST

START_TEST(a_store_from_the_future_is_refused_in_words)
{
	const struct store_options options = { .readers = 1 };
	struct store *store = NULL;
	char text[512];
	struct buf why;
	struct rig rig;

	rig_open(&rig);
	rig_stop(&rig);
	rig_sql(&rig, "PRAGMA user_version = 99");
	buf_init_fixed(&why, text, sizeof(text));
	ck_assert_int_eq(store_open(rig.dir, &options, &store, &why),
			 ERR_UNSUPPORTED);
	ck_assert_ptr_null(store);
	ck_assert_msg(strstr(text, "99"), "%s", text);
	/* nothing was kept open: the lock is free again */
	snprintf(text, sizeof(text), "PRAGMA user_version = %d",
		 schema_version());
	rig_sql(&rig, text);
	rig_start(&rig);
	rig_close(&rig);
}
END_TEST

START_TEST(readers_are_handed_out_by_number)
{
	struct rig rig;

	rig_open(&rig);
	ck_assert_ptr_nonnull(store_reader(rig.store, 0));
	ck_assert_ptr_ne(store_reader(rig.store, 0),
			 store_reader(rig.store, 1));
	ck_assert_ptr_null(store_reader(rig.store, 2));
	rig_close(&rig);
	store_close(NULL);
}
END_TEST

START_TEST(too_many_readers_are_refused)
{
	const struct store_options options = {
		.readers = STORE_READERS_MAX + 1
	};
	struct store *store = NULL;
	char dir[64], text[512];
	struct buf why;

	rig_make_dir(dir);
	buf_init_fixed(&why, text, sizeof(text));
	ck_assert_int_eq(store_open(dir, &options, &store, &why), ERR_LIMIT);
	ck_assert_str_ne(text, "");
	rig_remove_dir(dir);
}
END_TEST

/* ---- a daemon that is killed ---- */

/* Somebody new arrives, with attribute, event and session: told through a
 * pipe. */
struct ack {
	int64_t number;
	int64_t user_id, session_id;
};

struct slot {
	union {
		struct job job;
		struct redemption redemption;
	};
	struct ack ack;
	struct pool *pool;
	char email[32];
};

static struct store *victim;
static int victim_pipe, victim_next;

static void slot_arrived(struct job *job);

static void token_of(int64_t number, const char *email, struct redemption *r)
{
	static const struct outbox_event event = { STR("came"), STR("{}") };

	*r = (struct redemption){
		.sync = { .tenant = STR("acme"), .email = str_from(email),
			  .email_key = str_from(email), .name = STR("U"),
			  .minted_ms = clock_wall_ms() },
		.exp_s = clock_wall_s() + 3600, .opens_session = true,
		.host = STR("desk.example"), .idle_s = 3600,
		.absolute_s = 3600, .events = &event, .event_count = 1,
	};
	/* of the year 2100: no sweep takes it */
	redemption_jti_time(4102444800000, r->jti);
	memcpy(r->jti + 6, &number, sizeof(number));
	memset(r->hash, 1, sizeof(r->hash));
	memcpy(r->hash, &number, sizeof(number));
}

static void slot_go(struct slot *s)
{
	memset(s, 0, sizeof(*s));
	s->ack.number = victim_next++;
	snprintf(s->email, sizeof(s->email), "u%lld@b",
		 (long long)s->ack.number);
	token_of(s->ack.number, s->email, &s->redemption);
	s->redemption.job.done = slot_arrived;
	s->redemption.pool = s->pool = pool_new(4096);
	if (!s->pool || redemptions_submit(store_redemptions(victim),
					   &s->redemption))
		_exit(3);
}

static void slot_arrived(struct job *job)
{
	struct slot *s = (struct slot *)job;

	s->ack.user_id = s->redemption.user.id;
	s->ack.session_id = s->redemption.session_id;
	if (s->job.result ||
	    write(victim_pipe, &s->ack, sizeof(s->ack)) != sizeof(s->ack))
		_exit(4);
	pool_free(s->pool);
	slot_go(s);
}

/* Never returns: it works until it is killed. */
static void victim_main(const char *dir, int fd, int first)
{
	static struct slot slots[SLOTS];
	const struct store_options options = { .readers = 1, .sweep_ms = 1 };
	char text[512];
	struct buf why;

	buf_init_fixed(&why, text, sizeof(text));
	if (store_open(dir, &options, &victim, &why))
		_exit(2);
	victim_pipe = fd;
	victim_next = first;
	for (int i = 0; i < SLOTS; i++)
		slot_go(&slots[i]);
	for (;;)
		pause();
}

static unsigned read_acks(int fd, struct ack *acks, unsigned max, unsigned min)
{
	unsigned n = 0;

	while (n < max && n < min &&
	       read(fd, &acks[n], sizeof(acks[n])) == sizeof(acks[n]))
		n++;
	return n;
}

static void check_ack(struct rig *rig, const struct ack *ack)
{
	struct redemption r;
	struct session session;
	struct user user;
	char email[32];

	pool_reset(rig->pool);
	snprintf(email, sizeof(email), "u%lld@b", (long long)ack->number);
	ck_assert_int_eq(users_find(store_reader(rig->store, 0), STR("acme"),
				    str_from(email), rig->pool, &user), 0);
	ck_assert_int_eq(user.view.id, ack->user_id);
	token_of(ack->number, email, &r);
	r.session_id = ack->session_id;
	ck_assert_int_eq(rig_find(rig, &r, clock_wall_s(), &session), ERR_OK);
	ck_assert_int_eq(session.user.id, ack->user_id);
	r.job.done = rig_done;
	ck_assert_msg(rig_redeem(rig, &r) == ERR_USED,
		      "a token that was told as used is used");
	ck_assert_int_eq(r.session_id, ack->session_id);
}

START_TEST(what_was_told_survives_kill_9)
{
	const unsigned max = 65536;
	struct ack *acks = calloc(max, sizeof(*acks));
	struct rig rig;
	unsigned count = 0;
	int first = 0;

	rig_open(&rig);
	rig_stop(&rig);
	for (unsigned cycle = 0; cycle < CYCLES; cycle++) {
		unsigned from = count;
		int fds[2], status;
		pid_t pid;

		ck_assert_int_eq(pipe(fds), 0);
		/* no database is open here that the child could inherit */
		pid = fork();
		if (pid == 0) {
			close(fds[0]);
			victim_main(rig.dir, fds[1], first);
		}
		ck_assert_int_gt(pid, 0);
		close(fds[1]);
		count += read_acks(fds[0], acks + count, max - count,
				   ACKS_MIN + cycle * 17);
		ck_assert_int_eq(kill(pid, SIGKILL), 0);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_msg(WIFSIGNALED(status) &&
			      WTERMSIG(status) == SIGKILL, "exit %d", status);
		/* what it told before it died and nobody had read yet */
		count += read_acks(fds[0], acks + count, max - count, max);
		close(fds[0]);
		ck_assert_int_ge(count - from, ACKS_MIN);
		first += 1000000;

		ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM"
			" pragma_integrity_check"
			" WHERE integrity_check = 'ok'"), 1);
		rig_start(&rig);
		for (unsigned i = from; i < count; i++)
			check_ack(&rig, &acks[i]);
		rig_stop(&rig);
	}
	free(acks);
	rig_close(&rig);
}
END_TEST

static unsigned files_in(const char *dir)
{
	DIR *d = opendir(dir);
	unsigned count = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d))
		count++;
	closedir(d);
	return count;
}

START_TEST(a_look_from_outside_leaves_no_trace)
{
	char path[DB_PATH_MAX];
	unsigned files;
	struct rig rig;

	ck_assert_int_eq(store_look("/nowhere/at all?#%"), 0);
	rig_open(&rig);
	ck_assert_int_eq(store_has_content(rig.store), 0);
	rig_stop(&rig);
	files = files_in(rig.dir);
	ck_assert_int_eq(store_look(rig.dir), 0);
	rig_start(&rig);
	ck_assert_int_gt(rig_user(&rig, "a@b", "A"), 0);
	/* while a daemon runs on it: it may all be in the WAL */
	ck_assert_int_ne(store_look(rig.dir), 0);
	rig_stop(&rig);
	ck_assert_int_eq(store_look(rig.dir), 1);
	ck_assert_uint_eq(files_in(rig.dir), files);
	/* what is no database tells nothing */
	snprintf(path, sizeof(path), "%s/" DB_FILE, rig.dir);
	ck_assert_int_eq(truncate(path, 5), 0);
	ck_assert_int_eq(store_look(rig.dir), -1);
	ck_assert_int_eq(truncate(path, 0), 0);
	ck_assert_int_eq(store_look(rig.dir), 0);
	ck_assert_uint_eq(files_in(rig.dir), files);
	rig_close(&rig);
}
END_TEST

static void store_tests(TCase *tc)
{
	tcase_add_test(tc, a_second_daemon_is_refused);
	tcase_add_test(tc, a_store_from_the_future_is_refused_in_words);
	tcase_add_test(tc, readers_are_handed_out_by_number);
	tcase_add_test(tc, too_many_readers_are_refused);
	tcase_add_test(tc, a_look_from_outside_leaves_no_trace);
	tcase_add_test(tc, what_was_told_survives_kill_9);
}

UNIT_MAIN("store", store_tests)
