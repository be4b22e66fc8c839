#include "unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "crypto/keyring.h"

#define DAY 86400
#define NOW_S INT64_C(1795371060)	/* 2026-11-22T18:11:00Z */
#define KEY_A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define KEY_B "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define TIME "2026-11-22T18:11:00Z"
#define HEAD "usher-keyring 1\n"

static char path[PATH_MAX + 32];
static char why[KEYRING_WHY_MAX];

static void set_up(void)
{
	snprintf(path, sizeof(path), "%s/keyring", unit_dir());
	unlink(path);
	clock_hold(NOW_S * 1000);
	why[0] = '\0';
}

static void tear_down(void)
{
	clock_hold(0);
}

static void write_file(const char *text, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

static size_t read_file(char *out, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t n;

	ck_assert_int_ge(fd, 0);
	n = read(fd, out, size - 1);
	ck_assert_int_ge(n, 0);
	close(fd);
	out[n] = '\0';
	return (size_t)n;
}

static struct keyring *load(void)
{
	struct keyring *ring = NULL;
	enum err err = keyring_load(path, &ring, why, sizeof(why));

	ck_assert_msg(err == ERR_OK, "%s: %s", err_text(err), why);
	return ring;
}

/* `usherctl key retire KID` takes it as it is. */
START_TEST(no_key_is_called_like_an_option)
{
	for (int i = 0; i < 1000; i++) {
		struct keyring *ring = keyring_new_throwaway();

		ck_assert_ptr_nonnull(ring);
		ck_assert(keyring_kid(ring, 0).ptr[0] != '-');
		keyring_free(ring);
	}
}
END_TEST

START_TEST(a_new_ring_has_one_key_and_is_ours_alone)
{
	struct keyring *ring;
	struct stat st;
	mode_t old = umask(0);

	ck_assert_int_eq(keyring_create(path), 0);
	umask(old);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_uint_eq(st.st_nlink, 1);
	ring = load();
	ck_assert_uint_eq(keyring_count(ring), 1);
	ck_assert_uint_eq(keyring_kid(ring, 0).len, 8);
	ck_assert_int_eq(keyring_created_s(ring, 0), NOW_S);
	keyring_free(ring);
}
END_TEST

START_TEST(a_ring_is_never_overwritten)
{
	char before[KEYRING_FILE_MAX], after[KEYRING_FILE_MAX];
	char draft[PATH_MAX + 64];

	ck_assert_int_eq(keyring_create(path), 0);
	read_file(before, sizeof(before));
	ck_assert_int_eq(keyring_create(path), ERR_CONFLICT);
	read_file(after, sizeof(after));
	ck_assert_str_eq(before, after);
	snprintf(draft, sizeof(draft), "%s.new", path);
	ck_assert_int_eq(access(draft, F_OK), -1);
}
END_TEST

START_TEST(there_must_be_a_directory)
{
	snprintf(path, sizeof(path), "%s/nowhere/keyring", unit_dir());
	ck_assert_int_eq(keyring_create(path), ERR_IO);
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

START_TEST(rotating_puts_a_fresh_key_in_front)
{
	char kid[KEYRING_KID_MAX + 1];
	uint8_t key[KEYRING_KEY_SIZE];
	struct keyring *ring;

	ck_assert_int_eq(keyring_create(path), 0);
	ring = load();
	snprintf(kid, sizeof(kid), "%s", keyring_kid(ring, 0).ptr);
	memcpy(key, keyring_key(ring, 0), sizeof(key));
	keyring_free(ring);

	clock_hold((NOW_S + DAY) * 1000);
	ck_assert_int_eq(keyring_rotate(path, why, sizeof(why)), 0);
	ring = load();
	ck_assert_uint_eq(keyring_count(ring), 2);
	ck_str_is(keyring_kid(ring, 1), kid);
	ck_assert_mem_eq(keyring_key(ring, 1), key, sizeof(key));
	ck_assert_mem_ne(keyring_key(ring, 0), key, sizeof(key));
	ck_assert_int_eq(keyring_created_s(ring, 0), NOW_S + DAY);
	ck_assert_int_eq(keyring_created_s(ring, 1), NOW_S);
	keyring_free(ring);
}
END_TEST

/* However often it turns, and however old its keys are. */
START_TEST(rotating_removes_nothing)
{
	struct keyring *ring;

	ck_assert_int_eq(keyring_create(path), 0);
	for (int i = 1; i < KEYRING_KEYS_MAX; i++) {
		clock_hold((NOW_S + i * (i % 2 ? 1 : DAY)) * 1000);
		ck_assert_int_eq(keyring_rotate(path, why, sizeof(why)), 0);
		ring = load();
		ck_assert_uint_eq(keyring_count(ring), (unsigned)i + 1);
		ck_assert_int_eq(keyring_superseded_s(ring, 1),
				 keyring_created_s(ring, 0));
		keyring_free(ring);
	}
}
END_TEST

START_TEST(a_full_ring_turns_only_when_keys_go)
{
	char before[KEYRING_FILE_MAX], after[KEYRING_FILE_MAX], kid[64];
	struct keyring *ring;

	ck_assert_int_eq(keyring_create(path), 0);
	for (int i = 1; i < KEYRING_KEYS_MAX; i++) {
		clock_hold((NOW_S + i * DAY) * 1000);
		ck_assert_int_eq(keyring_rotate(path, why, sizeof(why)), 0);
	}
	read_file(before, sizeof(before));
	ck_assert_int_eq(keyring_rotate(path, why, sizeof(why)), ERR_LIMIT);
	ck_assert_ptr_nonnull(strstr(why, "16 keys"));
	/* It names the one that is off duty for longest. */
	ring = load();
	snprintf(kid, sizeof(kid), "key retire %s ",
		 keyring_kid(ring, KEYRING_KEYS_MAX - 1).ptr);
	ck_assert_ptr_nonnull(strstr(why, kid));
	read_file(after, sizeof(after));
	ck_assert_str_eq(before, after);
	ck_assert_int_eq(keyring_retire(path,
					keyring_kid(ring, KEYRING_KEYS_MAX - 1),
					why, sizeof(why)), 0);
	keyring_free(ring);
	ck_assert_int_eq(keyring_rotate(path, why, sizeof(why)), 0);
}
END_TEST

START_TEST(a_key_is_retired_by_its_id)
{
	struct keyring *ring, *left;

	ck_assert_int_eq(keyring_retire(path, STR("x"), why, sizeof(why)),
			 ERR_NOT_FOUND);
	ck_assert_int_eq(keyring_create(path), 0);
	ck_assert_int_eq(keyring_rotate(path, why, sizeof(why)), 0);
	ck_assert_int_eq(keyring_rotate(path, why, sizeof(why)), 0);
	ring = load();
	ck_assert_int_eq(keyring_retire(path, STR("x"), why, sizeof(why)),
			 ERR_NOT_FOUND);
	ck_assert_ptr_nonnull(strstr(why, "no key of that id"));
	ck_assert_int_eq(keyring_retire(path, keyring_kid(ring, 0), why,
					sizeof(why)), ERR_CONFLICT);
	ck_assert_ptr_nonnull(strstr(why, "the one that seals"));
	left = load();
	ck_assert(keyring_is_same(ring, left));
	keyring_free(left);

	ck_assert_int_eq(keyring_retire(path, keyring_kid(ring, 1), why,
					sizeof(why)), 0);
	left = load();
	ck_assert(!keyring_is_same(ring, left));
	ck_assert_uint_eq(keyring_count(left), 2);
	ck_str_is(keyring_kid(left, 0), keyring_kid(ring, 0).ptr);
	ck_str_is(keyring_kid(left, 1), keyring_kid(ring, 2).ptr);
	ck_assert_mem_eq(keyring_key(left, 1), keyring_key(ring, 2),
			 KEYRING_KEY_SIZE);
	keyring_free(left);
	keyring_free(ring);
}
END_TEST

/* Those that stopped sealing before a moment. */
static bool stopped_before(void *ctx, struct str kid, int64_t superseded_s)
{
	ck_assert_uint_gt(kid.len, 0);
	return superseded_s < *(const int64_t *)ctx;
}

/* Keys of day 0, 10, 20 and 30. */
START_TEST(only_keys_that_may_go_are_pruned)
{
	static const struct {
		int64_t before_s;
		unsigned left;
	} cases[] = {
		{ NOW_S, 4 }, { NOW_S + 10 * DAY, 4 },
		{ NOW_S + 11 * DAY, 3 }, { NOW_S + 21 * DAY, 2 },
		{ NOW_S + 300 * DAY, 1 },
	};
	int64_t before_s = cases[_i].before_s;
	char before[KEYRING_FILE_MAX], after[KEYRING_FILE_MAX];
	struct keyring *ring;
	unsigned dropped = 99;

	ck_assert_int_eq(keyring_create(path), 0);
	for (int i = 1; i <= 3; i++) {
		clock_hold((NOW_S + i * 10 * DAY) * 1000);
		ck_assert_int_eq(keyring_rotate(path, why, sizeof(why)), 0);
	}
	read_file(before, sizeof(before));
	ck_assert_int_eq(keyring_prune(path, stopped_before, &before_s,
				       &dropped, why, sizeof(why)), 0);
	ck_assert_uint_eq(dropped, 4 - cases[_i].left);
	ring = load();
	ck_assert_uint_eq(keyring_count(ring), cases[_i].left);
	ck_assert_int_eq(keyring_created_s(ring, 0), NOW_S + 30 * DAY);
	keyring_free(ring);
	read_file(after, sizeof(after));
	ck_assert_int_eq(strcmp(before, after) == 0, cases[_i].left == 4);
}
END_TEST

START_TEST(a_ring_is_replaced_only_on_purpose)
{
	struct keyring *old, *ring;

	ck_assert_int_eq(keyring_replace(path), 0);
	old = load();
	ck_assert_int_eq(keyring_rotate(path, why, sizeof(why)), 0);
	ck_assert_int_eq(keyring_replace(path), 0);
	ring = load();
	ck_assert_uint_eq(keyring_count(ring), 1);
	ck_assert_mem_ne(keyring_key(ring, 0), keyring_key(old, 0),
			 KEYRING_KEY_SIZE);
	keyring_free(ring);
	keyring_free(old);
}
END_TEST

START_TEST(one_rotation_at_a_time)
{
	char draft[PATH_MAX + 64];
	int fd;

	ck_assert_int_eq(keyring_create(path), 0);
	snprintf(draft, sizeof(draft), "%s.new", path);
	fd = open(draft, O_RDWR | O_CREAT, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	ck_assert_int_eq(keyring_rotate(path, why, sizeof(why)), ERR_BUSY);
	ck_assert_ptr_nonnull(strstr(why, "busy"));
	/* Its process died: the lock goes, the leftover does no harm. */
	close(fd);
	ck_assert_int_eq(keyring_rotate(path, why, sizeof(why)), 0);
	ck_assert_int_eq(access(draft, F_OK), -1);
}
END_TEST

START_TEST(rotating_what_is_no_ring_changes_nothing)
{
	char after[64];

	ck_assert_int_eq(keyring_rotate(path, why, sizeof(why)),
			 ERR_NOT_FOUND);
	write_file("precious", 8, 0600);
	ck_assert_int_eq(keyring_rotate(path, why, sizeof(why)),
			 ERR_SYNTAX);
	read_file(after, sizeof(after));
	ck_assert_str_eq(after, "precious");
}
END_TEST

static const struct {
	struct str text;
	enum err err;
	const char *why;
} broken[] = {
	{ STR(""), ERR_SYNTAX, "line 1: not a key ring" },
	{ STR("usher-keyring 2\n"), ERR_SYNTAX, "line 1: not a key ring" },
	{ STR("\xef\xbb\xbf" HEAD "k " TIME " " KEY_A "\n"), ERR_SYNTAX,
	  "line 1: not a key ring" },
	{ STR("usher-keyring 1\r\nk " TIME " " KEY_A "\r\n"), ERR_SYNTAX,
	  "line 1: not a key ring" },
	{ STR(HEAD), ERR_SYNTAX, "line 1: there is no key" },
	{ STR("usher-keyring 1"), ERR_SYNTAX, "line 1: there is no key" },
	{ STR(HEAD "\n"), ERR_SYNTAX, "line 2: the key id" },
	{ STR(HEAD "# mine\n"), ERR_SYNTAX, "line 2: the key id" },
	{ STR(HEAD " k " TIME " " KEY_A "\n"), ERR_SYNTAX,
	  "line 2: the key id" },
	{ STR(HEAD "k.1 " TIME " " KEY_A "\n"), ERR_SYNTAX,
	  "line 2: the key id" },
	{ STR(HEAD "k\0 " TIME " " KEY_A "\n"), ERR_SYNTAX,
	  "line 2: the key id" },
	{ STR(HEAD "123456789012345678901234567890123 " TIME " " KEY_A "\n"),
	  ERR_SYNTAX, "line 2: the key id" },
	{ STR(HEAD "k  " TIME " " KEY_A "\n"), ERR_SYNTAX,
	  "line 2: the time" },
	{ STR(HEAD "k\n"), ERR_SYNTAX, "line 2: the time" },
	{ STR(HEAD "k 2026-04-31T00:00:00Z " KEY_A "\n"), ERR_SYNTAX,
	  "line 2: the time" },
	{ STR(HEAD "k 2026-11-22T24:00:00Z " KEY_A "\n"), ERR_SYNTAX,
	  "line 2: the time" },
	{ STR(HEAD "k 2026-11-22 18:11:00Z " KEY_A "\n"), ERR_SYNTAX,
	  "line 2: the time" },
	{ STR(HEAD "k 2026-11-22T18:11:00+ " KEY_A "\n"), ERR_SYNTAX,
	  "line 2: the time" },
	{ STR(HEAD "k 1969-12-31T23:59:59Z " KEY_A "\n"), ERR_SYNTAX,
	  "line 2: the time" },
	{ STR(HEAD "k " TIME "\n"), ERR_SYNTAX, "line 2: the key is not" },
	{ STR(HEAD "k " TIME " AAAA\n"), ERR_SYNTAX,
	  "line 2: the key is not" },
	{ STR(HEAD "k " TIME " " KEY_A "A\n"), ERR_SYNTAX,
	  "line 2: the key is not" },
	{ STR(HEAD "k " TIME " " KEY_A "=\n"), ERR_SYNTAX,
	  "line 2: the key is not" },
	{ STR(HEAD "k " TIME " " KEY_A " \n"), ERR_SYNTAX,
	  "line 2: the key is not" },
	{ STR(HEAD "k " TIME " AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB\n"),
	  ERR_SYNTAX, "line 2: the key is not" },
	{ STR(HEAD "k " TIME " " KEY_A), ERR_SYNTAX,
	  "line 2: the line is cut short" },
	{ STR(HEAD "k " TIME " " KEY_A "\n\n"), ERR_SYNTAX,
	  "line 3: the key id" },
	{ STR(HEAD "k " TIME " " KEY_A "\nk " TIME " " KEY_B "\n"),
	  ERR_DUPLICATE, "line 3: the key id stands" },
	{ STR(HEAD "k " TIME " " KEY_A "\nl " TIME " " KEY_A "\n"),
	  ERR_DUPLICATE, "line 3: the key stands" },
};

START_TEST(a_broken_file_is_refused_with_its_line)
{
	struct keyring *ring = NULL;

	write_file(broken[_i].text.ptr, broken[_i].text.len, 0600);
	ck_assert_int_eq(keyring_load(path, &ring, why, sizeof(why)),
			 broken[_i].err);
	ck_assert_msg(strstr(why, broken[_i].why) == why, "got '%s', want "
		      "'%s...'", why, broken[_i].why);
	ck_assert_ptr_null(ring);
	/* What is told goes to logs: no key may be in it. */
	ck_assert_ptr_null(strstr(why, "AAAAAAAA"));
}
END_TEST

START_TEST(a_good_file_reads_as_it_stands)
{
	static const char text[] = HEAD
		"Z-_9 2026-11-22T18:11:00Z " KEY_B "\n"
		"12345678901234567890123456789012 2024-02-29T23:59:59Z "
		KEY_A "\n";
	struct keyring *ring;

	write_file(text, sizeof(text) - 1, 0400);
	ring = load();
	ck_assert_uint_eq(keyring_count(ring), 2);
	ck_str_is(keyring_kid(ring, 0), "Z-_9");
	ck_str_is(keyring_kid(ring, 1), "12345678901234567890123456789012");
	ck_assert_int_eq(keyring_created_s(ring, 0), NOW_S);
	ck_assert_int_eq(keyring_created_s(ring, 1), INT64_C(1709251199));
	ck_assert_uint_eq(keyring_key(ring, 0)[0], 1);
	ck_assert_uint_eq(keyring_key(ring, 1)[0], 0);
	keyring_free(ring);
}
END_TEST

START_TEST(there_is_a_limit_to_keys_and_bytes)
{
	static char text[KEYRING_FILE_MAX + 2];
	struct keyring *ring = NULL;
	size_t len;

	len = (size_t)snprintf(text, sizeof(text), HEAD);
	for (int i = 0; i <= KEYRING_KEYS_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"k%d " TIME " %cAAAAAAAAAAAAAAAAAAAAA"
					"AAAAAAAAAAAAAAAAAAAAA\n", i, 'A' + i);
	write_file(text, len, 0600);
	ck_assert_int_eq(keyring_load(path, &ring, why, sizeof(why)),
			 ERR_LIMIT);
	ck_assert_str_eq(why, "line 18: more than 16 keys");
	memset(text + len, 'x', sizeof(text) - len);
	write_file(text, KEYRING_FILE_MAX + 1, 0600);
	ck_assert_int_eq(keyring_load(path, &ring, why, sizeof(why)),
			 ERR_LIMIT);
	ck_assert_str_eq(why, "longer than 2048 bytes");
}
END_TEST

START_TEST(nobody_else_may_touch_the_file)
{
	static const mode_t modes[] = { 0640, 0604, 0660, 0620, 0610, 0601,
					0644, 0666, 0777 };
	struct keyring *ring = NULL;

	ck_assert_int_eq(keyring_create(path), 0);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		ck_assert_int_eq(chmod(path, modes[i]), 0);
		ck_assert_int_eq(keyring_load(path, &ring, why, sizeof(why)),
				 ERR_IO);
		ck_assert_ptr_nonnull(strstr(why, "make it 0600"));
	}
}
END_TEST

/* As root: another user's ring, seen as a third user; then turned by root. */
START_TEST(owners_count)
{
	struct keyring *ring = NULL;
	struct stat st;

	if (geteuid() != 0)
		return;
	/* Made by root it is the directory's owner's. */
	ck_assert_int_eq(chown(unit_dir(), 1233, 1232), 0);
	ck_assert_int_eq(keyring_create(path), 0);
	ck_assert_int_eq(chown(unit_dir(), 0, 0), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_uid, 1233);
	ck_assert_uint_eq(st.st_gid, 1232);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(chown(path, 1234, 1234), 0);
	ck_assert_int_eq(keyring_rotate(path, why, sizeof(why)), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_uid, 1234);
	ck_assert_uint_eq(st.st_gid, 1234);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);

	/* Readable for us, but somebody else may write it at any time. */
	ck_assert_int_eq(chmod(unit_dir(), 0755), 0);
	ck_assert_int_eq(chown(path, 0, 4321), 0);
	ck_assert_int_eq(chmod(path, 0604), 0);
	ck_assert_int_eq(seteuid(1235), 0);
	ck_assert_int_eq(keyring_load(path, &ring, why, sizeof(why)), ERR_IO);
	ck_assert_int_eq(seteuid(0), 0);
	ck_assert_str_eq(why, "it belongs to user 0, not to us (1235)");
}
END_TEST

START_TEST(only_a_plain_file_is_a_ring)
{
	struct keyring *ring = NULL;

	ck_assert_int_eq(keyring_load(path, &ring, why, sizeof(why)),
			 ERR_NOT_FOUND);
	ck_assert_int_eq(keyring_load(unit_dir(), &ring, why, sizeof(why)),
			 ERR_IO);
	ck_assert_str_eq(why, "not a regular file");
	/* Nor does a FIFO without a writer make us wait. */
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(keyring_load(path, &ring, why, sizeof(why)), ERR_IO);
	ck_assert_str_eq(why, "not a regular file");
	/* Without room for a reason there is none. */
	ck_assert_int_eq(keyring_load(path, &ring, NULL, 0), ERR_IO);
}
END_TEST

/* As on a full disk: files may have ten bytes. */
static enum err with_no_room(enum err (*op)(void))
{
	struct rlimit old, ten;
	enum err err;

	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
	ten = (struct rlimit){ 10, old.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &ten), 0);
	err = op();
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
	signal(SIGXFSZ, SIG_DFL);
	return err;
}

static enum err create(void)
{
	return keyring_create(path);
}

static enum err rotate(void)
{
	return keyring_rotate(path, why, sizeof(why));
}

START_TEST(no_room_leaves_all_as_it_was)
{
	char before[KEYRING_FILE_MAX], after[KEYRING_FILE_MAX];

	ck_assert_int_eq(with_no_room(create), ERR_IO);
	ck_assert_int_eq(access(path, F_OK), -1);
	ck_assert_int_eq(create(), 0);
	read_file(before, sizeof(before));
	ck_assert_int_eq(with_no_room(rotate), ERR_IO);
	ck_assert_str_eq(why, "cannot be written: File too large");
	read_file(after, sizeof(after));
	ck_assert_str_eq(before, after);
	ck_assert_int_eq(rotate(), 0);
}
END_TEST

START_TEST(a_throwaway_ring_is_only_in_memory)
{
	struct keyring *a = keyring_new_throwaway();
	struct keyring *b = keyring_new_throwaway();

	ck_assert_uint_eq(keyring_count(a), 1);
	ck_assert_mem_ne(keyring_key(a, 0), keyring_key(b, 0),
			 KEYRING_KEY_SIZE);
	keyring_free(a);
	keyring_free(b);
	keyring_free(NULL);
}
END_TEST

static void keyring_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, no_key_is_called_like_an_option);
	tcase_add_test(tc, a_new_ring_has_one_key_and_is_ours_alone);
	tcase_add_test(tc, a_ring_is_never_overwritten);
	tcase_add_test(tc, there_must_be_a_directory);
	tcase_add_test(tc, rotating_puts_a_fresh_key_in_front);
	tcase_add_test(tc, rotating_removes_nothing);
	tcase_add_test(tc, a_full_ring_turns_only_when_keys_go);
	tcase_add_test(tc, a_key_is_retired_by_its_id);
	tcase_add_loop_test(tc, only_keys_that_may_go_are_pruned, 0, 5);
	tcase_add_test(tc, a_ring_is_replaced_only_on_purpose);
	tcase_add_test(tc, one_rotation_at_a_time);
	tcase_add_test(tc, rotating_what_is_no_ring_changes_nothing);
	tcase_add_loop_test(tc, a_broken_file_is_refused_with_its_line, 0,
			    (int)(sizeof(broken) / sizeof(broken[0])));
	tcase_add_test(tc, a_good_file_reads_as_it_stands);
	tcase_add_test(tc, there_is_a_limit_to_keys_and_bytes);
	tcase_add_test(tc, nobody_else_may_touch_the_file);
	tcase_add_test(tc, owners_count);
	tcase_add_test(tc, only_a_plain_file_is_a_ring);
	tcase_add_test(tc, no_room_leaves_all_as_it_was);
	tcase_add_test(tc, a_throwaway_ring_is_only_in_memory);
}

UNIT_MAIN("keyring", keyring_tests)
