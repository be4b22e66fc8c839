/*
 * The key ring's keeper: what it offers, what it keeps, and when a key may go.
 */
#include "unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/keeper-private.h"
#include "base/clock.h"
#include "base/log.h"
#include "crypto/seals.h"

#define NOW_S INT64_C(1700000000)
#define KEEP_MS (INT64_C(1000) * KEYRING_KEEP_S)

static char path[PATH_MAX + 32], seals_path[PATH_MAX + 64];
static char why[KEYRING_WHY_MAX];
static struct keeper *keeper;
static int64_t start_ms;	/* monotonic */

static struct keyring *load(void)
{
	struct keyring *ring = NULL;

	ck_assert_msg(!keyring_load(path, &ring, why, sizeof(why)), "%s", why);
	return ring;
}

static unsigned keys_in_file(void)
{
	struct keyring *ring = load();
	unsigned count = keyring_count(ring);

	keyring_free(ring);
	return count;
}

static void rotate(void)
{
	ck_assert_msg(!keyring_rotate(path, why, sizeof(why)), "%s", why);
}

/* It is `s` seconds after the start, by the wall clock. */
static void at(int64_t s)
{
	clock_hold((NOW_S + s) * 1000);
}

static bool is_told(void)
{
	struct pollfd pfd = { keeper_fd(keeper), POLLIN, 0 };

	return poll(&pfd, 1, 0) == 1;
}

/* As the main thread does. */
static bool take_up(void)
{
	struct keyring *ring;

	keeper_look(keeper);
	if (!is_told())
		return false;
	ring = keeper_take(keeper);
	if (ring)
		keeper_serves(keeper, ring);
	return ring;
}

static const char *problem(void)
{
	static char text[KEYRING_WHY_MAX];
	struct buf out;

	buf_init_fixed(&out, text, sizeof(text));
	keeper_problem(keeper, &out);
	return text;
}

static void set_up(void)
{
	static unsigned n;

	log_to_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
	snprintf(path, sizeof(path), "%s/ring%u", unit_dir(), n++);
	snprintf(seals_path, sizeof(seals_path), "%s.seals", path);
	at(0);
	ck_assert_int_eq(keyring_create(path), 0);
	start_ms = clock_mono_ms();
	ck_assert_int_eq(keeper_new(path, seals_path, load(), &keeper), 0);
}

static void tear_down(void)
{
	keeper_stop(keeper);
	clock_hold(0);
}

START_TEST(a_rotation_is_offered_once)
{
	ck_assert(!take_up());
	rotate();
	ck_assert(take_up());
	ck_assert(!take_up());
	rotate();
	rotate();
	ck_assert(take_up());
	ck_assert(!take_up());
	/* written anew with the same keys: nothing to do */
	ck_assert_int_eq(chmod(path, 0400), 0);
	ck_assert(!take_up());
	ck_assert_str_eq(problem(), "");
}
END_TEST

/* What the thread read before a reload must not push out what the reload read
 * after. */
START_TEST(what_was_read_before_a_reload_is_void)
{
	struct keyring *ring;

	rotate();
	keeper_look(keeper);
	ck_assert(is_told());
	rotate();
	keeper_serves(keeper, load());
	ck_assert_ptr_null(keeper_take(keeper));
	/* nothing is lost by it: it looks anew */
	ck_assert(!take_up());
	rotate();
	keeper_look(keeper);
	ring = keeper_take(keeper);
	ck_assert_uint_eq(keyring_count(ring), 4);
	/* could not be put to use: it comes again */
	keyring_free(ring);
	keeper_retry(keeper);
	ck_assert(take_up());
}
END_TEST

START_TEST(a_bad_file_changes_nothing)
{
	rotate();
	ck_assert(take_up());
	ck_assert_int_eq(chmod(path, 0644), 0);
	ck_assert(!take_up());
	ck_assert_ptr_nonnull(strstr(problem(), "0644"));
	ck_assert_int_eq(unlink(path), 0);
	ck_assert(!take_up());
	ck_assert_ptr_nonnull(strstr(problem(), "No such file"));
	ck_assert_int_eq(keyring_create(path), 0);
	ck_assert(take_up());
	ck_assert_str_eq(problem(), "");
}
END_TEST

static FILE *told;

/* How many complaints the log has by now. */
static unsigned complaints(void)
{
	static char text[65536];
	unsigned count = 0;
	size_t len;

	rewind(told);
	len = fread(text, 1, sizeof(text) - 1, told);
	text[len] = '\0';
	for (const char *p = text; (p = strstr(p, "keyring_not_taken_up")); p++)
		count++;
	return count;
}

static void date_back(time_t s, long ns)
{
	const struct timespec times[] = { { s, ns }, { s, ns } };

	ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void grow(void)
{
	FILE *f = fopen(path, "ae");

	ck_assert_ptr_nonnull(f);
	fputs("x", f);
	fclose(f);
	date_back(1000, 0);
}

static void be_another(void)
{
	char other[PATH_MAX + 64], command[2 * PATH_MAX + 256];

	snprintf(other, sizeof(other), "%s.other", path);
	snprintf(command, sizeof(command), "cp -p '%s' '%s'", path, other);
	ck_assert_int_eq(system(command), 0);
	ck_assert_int_eq(rename(other, path), 0);
	date_back(1000, 0);
}

static void change_mode(void)
{
	ck_assert_int_eq(chmod(path, 0640), 0);
}

static void be_younger(void)
{
	date_back(2000, 0);
}

static void be_a_little_younger(void)
{
	date_back(2000, 5);
}

/* The same in all that a program can set. */
static void be_touched(void)
{
	date_back(2000, 5);
}

/* Fresh: it is read at each look, as it may change within the second. */
static void be_fresh(void)
{
	date_back(time(NULL) + 3600, 0);
}

/* It is looked at often, and a complaint is news once: until it is another file
 * in anything that its stat tells. */
START_TEST(a_bad_file_is_complained_of_once)
{
	static void (*const changes[])(void) = {
		grow, be_another, change_mode, be_younger,
		be_a_little_younger, be_touched, be_fresh,
	};

	told = tmpfile();
	ck_assert_ptr_nonnull(told);
	log_to_fd(dup(fileno(told)));
	ck_assert_int_eq(chmod(path, 0644), 0);
	date_back(1000, 0);
	for (unsigned i = 0; i < N_ELEMENTS(changes); i++) {
		ck_assert(!take_up());
		ck_assert(!take_up());
		ck_assert_msg(complaints() == i + 1, "before change %u: %u",
			      i, complaints());
		changes[i]();
	}
	ck_assert(!take_up());
	ck_assert(!take_up());
	ck_assert_uint_eq(complaints(), N_ELEMENTS(changes) + 1);
	ck_assert_str_ne(problem(), "");
	fclose(told);
}
END_TEST

/* Rotated and retired at once is not that, however few keys are the same. */
START_TEST(an_older_copy_is_no_news)
{
	char newer[PATH_MAX + 64], older[PATH_MAX + 64], kid[KEYRING_KID_MAX + 1];
	struct keyring *ring = load();

	snprintf(kid, sizeof(kid), "%.*s", STR_ARG(keyring_kid(ring, 0)));
	snprintf(older, sizeof(older), "%s.older", path);
	snprintf(newer, sizeof(newer), "%s.newer", path);
	ck_assert_int_eq(link(path, older), 0);
	rotate();
	ck_assert(take_up());
	ck_assert(keeper_is_ahead(keeper, ring));
	keyring_free(ring);
	ck_assert_int_eq(link(path, newer), 0);
	ck_assert_int_eq(rename(older, path), 0);
	ck_assert(!take_up());
	ck_assert_ptr_nonnull(strstr(problem(), "older copy"));
	ck_assert_int_eq(rename(newer, path), 0);
	ck_assert(!take_up());
	ck_assert_str_eq(problem(), "");
	rotate();
	ck_assert_int_eq(keyring_retire(path, str_from(kid), why, sizeof(why)),
			 0);
	ck_assert(take_up());
	ck_assert_str_eq(problem(), "");
}
END_TEST

START_TEST(a_key_goes_when_nothing_of_it_can_be_alive)
{
	at(10);
	rotate();
	ck_assert(take_up());
	/* by neither clock, by one of them, by both */
	keeper_prune(keeper, start_ms);
	ck_assert_uint_eq(keys_in_file(), 2);
	keeper_prune(keeper, clock_mono_ms() + KEEP_MS + 1);
	ck_assert_uint_eq(keys_in_file(), 2);
	at(10 + KEYRING_KEEP_S + 1);
	keeper_prune(keeper, clock_mono_ms());
	ck_assert_uint_eq(keys_in_file(), 2);
	keeper_prune(keeper, clock_mono_ms() + KEEP_MS + 1);
	ck_assert_uint_eq(keys_in_file(), 1);
	/* and that is taken up like any other change */
	ck_assert(take_up());
	keeper_prune(keeper, clock_mono_ms() + KEEP_MS + 1);
	ck_assert_uint_eq(keys_in_file(), 1);
}
END_TEST

/* Not taken up, the old key seals on, however old the rotation is. */
START_TEST(a_key_that_seals_here_never_goes)
{
	rotate();
	at(100 * KEYRING_KEEP_S);
	keeper_prune(keeper, clock_mono_ms() + 100 * KEEP_MS);
	ck_assert_uint_eq(keys_in_file(), 2);
	/* Off duty since it was relieved here, not since the file says. */
	ck_assert(take_up());
	keeper_prune(keeper, clock_mono_ms());
	ck_assert_uint_eq(keys_in_file(), 2);
	keeper_prune(keeper, clock_mono_ms() + KEEP_MS + 1);
	ck_assert_uint_eq(keys_in_file(), 1);
}
END_TEST

/* A rotation an hour: each key has a time of its own, nobody waits for the
 * last. */
START_TEST(later_rotations_do_not_keep_older_keys)
{
	struct keyring *before, *after;
	int64_t relieved_ms;

	rotate();
	ck_assert(take_up());
	relieved_ms = clock_mono_ms();
	/* The next one is relieved measurably later. */
	while (clock_mono_ms() <= relieved_ms + 1)
		;
	at(KEYRING_KEEP_S + 1);
	rotate();
	ck_assert(take_up());
	before = load();
	keeper_prune(keeper, relieved_ms + KEEP_MS);
	after = load();
	ck_assert_uint_eq(keyring_count(before), 3);
	ck_assert_uint_eq(keyring_count(after), 2);
	ck_str_is(keyring_kid(after, 1), keyring_kid(before, 1).ptr);
	keyring_free(before);
	keyring_free(after);
}
END_TEST

/* A key in the file that this process has never heard of is not its to drop. */
START_TEST(strange_keys_stay)
{
	rotate();
	rotate();
	at(100 * KEYRING_KEEP_S);
	keeper_prune(keeper, clock_mono_ms() + 100 * KEEP_MS);
	ck_assert_uint_eq(keys_in_file(), 3);
}
END_TEST

static struct str sealing_kid(struct keyring **ring_r)
{
	*ring_r = load();
	return keyring_kid(*ring_r, 0);
}

START_TEST(three_quarters_of_a_key_make_the_next)
{
	struct keyring *ring;
	struct str kid = sealing_kid(&ring);

	seals_at_least(kid, SEALS_ROTATE - 1);
	keeper_count(keeper);
	ck_assert_uint_eq(keys_in_file(), 1);
	seals_at_least(kid, SEALS_ROTATE);
	keeper_count(keeper);
	ck_assert_uint_eq(keys_in_file(), 2);
	/* once, though it takes a moment to be taken up */
	keeper_count(keeper);
	ck_assert_uint_eq(keys_in_file(), 2);
	ck_assert(take_up());
	keeper_count(keeper);
	ck_assert_uint_eq(keys_in_file(), 2);
	keyring_free(ring);
}
END_TEST

START_TEST(counts_are_on_the_disk_before_they_are_used)
{
	struct keyring *ring;
	struct str kid = sealing_kid(&ring);

	seals_at_least(kid, 1);
	keeper_count(keeper);
	ck_assert_int_eq(access(seals_path, F_OK), 0);
	/* As the next process, after this one was killed, would. */
	seals_at_least(kid, 10);
	ck_assert_int_eq(seals_load(seals_path, ring), ERR_OK);
	ck_assert_uint_ge(seals_of(kid), SEALS_AHEAD);
	keyring_free(ring);
}
END_TEST

/* With its thread, which needs nobody to ask it. */
START_TEST(the_thread_looks_by_itself)
{
	struct pollfd pfd = { keeper_fd(keeper), POLLIN, 0 };
	struct keyring *ring;

	ck_assert_int_eq(keeper_start(keeper), 0);
	for (unsigned i = 2; i <= 3; i++) {
		rotate();
		ck_assert_int_eq(poll(&pfd, 1, 60000), 1);
		ring = keeper_take(keeper);
		ck_assert_uint_eq(keyring_count(ring), i);
		keeper_serves(keeper, ring);
	}
}
END_TEST

static void keeper_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_rotation_is_offered_once);
	tcase_add_test(tc, what_was_read_before_a_reload_is_void);
	tcase_add_test(tc, a_bad_file_changes_nothing);
	tcase_add_test(tc, a_bad_file_is_complained_of_once);
	tcase_add_test(tc, an_older_copy_is_no_news);
	tcase_add_test(tc, a_key_goes_when_nothing_of_it_can_be_alive);
	tcase_add_test(tc, a_key_that_seals_here_never_goes);
	tcase_add_test(tc, later_rotations_do_not_keep_older_keys);
	tcase_add_test(tc, strange_keys_stay);
	tcase_add_test(tc, three_quarters_of_a_key_make_the_next);
	tcase_add_test(tc, counts_are_on_the_disk_before_they_are_used);
	tcase_add_test(tc, the_thread_looks_by_itself);
}

UNIT_MAIN("keeper", keeper_tests)
