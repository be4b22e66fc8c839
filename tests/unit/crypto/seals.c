/*
 * How often a key has sealed: over restarts, kills, and files that do not hold.
 */
#include "unit/unit.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "crypto/seals.h"
#include "unit/crypto/ring.h"

static char path[PATH_MAX + 16];
static struct keyring *ring;

static void set_up(void)
{
	snprintf(path, sizeof(path), "%s/seals", unit_dir());
	ring = ring_of("new old");
	clock_hold(keyring_created_s(ring, 0) * 1000);
}

static void tear_down(void)
{
	keyring_free(ring);
	clock_hold(0);
}

static void write_text(const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)),
			 (ssize_t)strlen(text));
	close(fd);
}

static void expect_text(const char *text)
{
	char have[SEALS_FILE_MAX] = "";
	int fd = open(path, O_RDONLY);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_ge(read(fd, have, sizeof(have) - 1), 0);
	close(fd);
	ck_assert_str_eq(have, text);
}

static void take(const char *kid, unsigned n)
{
	struct seals *seals = seals_hold(str_from(kid));

	ck_assert_ptr_nonnull(seals);
	while (n--)
		ck_assert(seals_take(seals));
	seals_let_go(seals);
}

/* Somebody took the file away, or the line of a key. */
START_TEST(a_key_that_had_the_time_to_be_counted_is_known_or_lost)
{
	write_text("usher-seals 1\nold 9\n");
	ck_assert_int_eq(seals_load(path, ring), ERR_OK);
	clock_hold((keyring_created_s(ring, 0) + SEALS_NEW_S + 1) * 1000);
	ck_assert_int_eq(seals_load(path, ring), ERR_CONFLICT);
	ck_assert_uint_eq(seals_of(STR("new")), SEALS_ROTATE);
	ck_assert_uint_eq(seals_of(STR("old")), 9);
	unlink(path);
	ck_assert_int_eq(seals_load(path, ring), ERR_CONFLICT);
	ck_assert_uint_eq(seals_of(STR("old")), SEALS_ROTATE);
	/* A clock that is behind makes nothing new. */
	clock_hold((keyring_created_s(ring, 0) - 1) * 1000);
	ck_assert_int_eq(seals_load(path, ring), ERR_CONFLICT);
}
END_TEST

START_TEST(a_count_is_kept_in_a_file)
{
	ck_assert_int_eq(seals_load(path, ring), ERR_NOT_FOUND);
	take("new", 7);
	take("old", 5);
	take("stranger", 3);
	ck_assert_int_eq(seals_save(path, ring, 0), ERR_OK);
	expect_text("usher-seals 1\nnew 7\nold 5\n");
	/* A restart knows what it read. */
	write_text("usher-seals 1\nnew 100\ngone 9\nold 4\n");
	ck_assert_int_eq(seals_load(path, ring), ERR_OK);
	ck_assert_uint_eq(seals_of(STR("new")), 100);
	/* ... but a count never goes down. */
	ck_assert_uint_eq(seals_of(STR("old")), 5);
	ck_assert_uint_eq(seals_of(STR("gone")), 0);
}
END_TEST

/* Killed at any time, the file has counted at least as much. */
START_TEST(the_file_runs_ahead)
{
	char text[128];

	take("new", 1);
	ck_assert(seals_is_due(ring));
	ck_assert_int_eq(seals_save(path, ring, SEALS_AHEAD), ERR_OK);
	snprintf(text, sizeof(text), "usher-seals 1\nnew %llu\nold %llu\n",
		 (unsigned long long)SEALS_AHEAD + 1,
		 (unsigned long long)SEALS_AHEAD);
	expect_text(text);
	ck_assert(!seals_is_due(ring));
	seals_at_least(STR("new"), SEALS_AHEAD / 2);
	ck_assert(!seals_is_due(ring));
	seals_at_least(STR("new"), SEALS_AHEAD / 2 + 2);
	ck_assert(seals_is_due(ring));
}
END_TEST

START_TEST(a_lost_count_is_a_high_one)
{
	static const char *const broken[] = {
		"", "usher-seals 2\nnew 1\n", "usher-seals 1\nnew\n",
		"usher-seals 1\nnew -1\n", "usher-seals 1\nnew 1 2\n",
		"usher-seals 1\nnew 1", "usher-seals 1\nnew 01\n",
		"usher-seals 1\nnew 99999999999999999999\n",
	};

	write_text(broken[_i]);
	ck_assert_int_eq(seals_load(path, ring), ERR_SYNTAX);
	ck_assert_uint_eq(seals_of(STR("new")), SEALS_ROTATE);
	ck_assert_uint_eq(seals_of(STR("old")), SEALS_ROTATE);
	/* High, but not so high that nobody could sign in. */
	take("new", 1);
}
END_TEST

START_TEST(the_last_seal_is_the_last)
{
	struct seals *seals = seals_hold(STR("new"));

	seals_at_least(STR("new"), SEALS_MAX - 2);
	ck_assert(seals_take(seals));
	ck_assert(seals_take(seals));
	for (int i = 0; i < 3; i++)
		ck_assert(!seals_take(seals));
	seals_let_go(seals);
}
END_TEST

/* Ids come and go; who is held stays. */
START_TEST(only_so_many_keys_are_known)
{
	struct seals *held[SEALS_KIDS_MAX];
	char kid[KEYRING_KID_MAX];

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < SEALS_KIDS_MAX; i++) {
			snprintf(kid, sizeof(kid), "k%d-%d", round, i);
			held[i] = seals_hold(str_from(kid));
			ck_assert_ptr_nonnull(held[i]);
			ck_assert_uint_eq(seals_taken(held[i]), 0);
			ck_assert(seals_take(held[i]));
		}
		ck_assert_ptr_null(seals_hold(STR("one-more")));
		for (int i = 0; i < SEALS_KIDS_MAX; i++)
			seals_let_go(held[i]);
	}
	seals_let_go(NULL);
}
END_TEST

static void seals_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc,
		       a_key_that_had_the_time_to_be_counted_is_known_or_lost);
	tcase_add_test(tc, a_count_is_kept_in_a_file);
	tcase_add_test(tc, the_file_runs_ahead);
	tcase_add_loop_test(tc, a_lost_count_is_a_high_one, 0, 8);
	tcase_add_test(tc, the_last_seal_is_the_last);
	tcase_add_test(tc, only_so_many_keys_are_known);
}

UNIT_MAIN("seals", seals_tests)
