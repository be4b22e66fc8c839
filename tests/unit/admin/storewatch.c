#include "admin/storewatch.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "unit/store/rig.h"

#define MINUTE_MS 60000

static int log_fd;

static void set_up(void)
{
	log_fd = memfd_create("log", MFD_CLOEXEC);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_to_fd(log_fd);
}

static void tear_down(void)
{
	log_to_fd(2);
	close(log_fd);
}

/* How often `text` was logged since the last time, and that alone. */
static unsigned logged(const char *text)
{
	char log[65536], *at = log;
	ssize_t n = pread(log_fd, log, sizeof(log) - 1, 0);
	unsigned count = 0, lines = 0;

	ck_assert_int_ge(n, 0);
	log[n] = '\0';
	for (; (at = strstr(at, text)) != NULL; at++)
		count++;
	for (at = log; (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	ck_assert_msg(count == lines, "%s in %s", text, log);
	ck_assert_int_eq(ftruncate(log_fd, 0), 0);
	ck_assert_int_eq(lseek(log_fd, 0, SEEK_SET), 0);
	return count;
}

static struct health_report bad(uint64_t failures)
{
	return (struct health_report){
		.trouble = HEALTH_FULL, .last = HEALTH_FULL,
		.problem = "the disk is full", .failures = failures,
	};
}

static struct health_report well(uint64_t failures)
{
	struct health_report r = bad(failures);

	r.trouble = HEALTH_WELL;
	return r;
}

static void look_at(struct storewatch *watch, struct health_report r,
		    int64_t ms)
{
	storewatch_look(watch, &r, ms);
}

START_TEST(a_failing_store_is_told_at_once_and_then_once_a_minute)
{
	struct storewatch watch = { 0 };

	look_at(&watch, well(0), 1000);
	ck_assert_uint_eq(logged("store"), 0);
	look_at(&watch, bad(1), 2000);
	ck_assert_uint_eq(logged("\"store_failed\",\"trouble\":\"disk_full\","
				 "\"failures\":1,\"problem\":\"the disk is "
				 "full\",\"remedy\":\"make room"), 1);
	for (int s = 3; s < 62; s++)
		look_at(&watch, bad((uint64_t)s), s * 1000);
	ck_assert_uint_eq(logged("store"), 0);
	/* with how many there were since */
	look_at(&watch, bad(100), 2000 + MINUTE_MS);
	ck_assert_uint_eq(logged("\"failures\":99,"), 1);
	look_at(&watch, well(110), 2000 + MINUTE_MS + 5000);
	ck_assert_uint_eq(logged("\"store_recovered\",\"failures\":110,"
				 "\"after_s\":65"), 1);
}
END_TEST

/* On and off at each look: still a few lines a minute, and nothing is
 * forgotten. */
START_TEST(one_that_comes_and_goes_does_not_fill_the_log)
{
	struct storewatch watch = { 0 };
	uint64_t failures = 0;

	look_at(&watch, bad(++failures), 1000);
	ck_assert_uint_eq(logged("store_failed"), 1);
	look_at(&watch, well(failures), 2000);
	ck_assert_uint_eq(logged("store_recovered"), 1);
	for (int s = 3; s < 61; s++)
		look_at(&watch, s % 2 ? bad(++failures) : well(failures),
			s * 1000);
	ck_assert_uint_eq(logged("store"), 0);
	look_at(&watch, bad(++failures), 1000 + MINUTE_MS);
	ck_assert_uint_eq(logged("\"failures\":30,"), 1);
}
END_TEST

/* Over before anybody looked. */
START_TEST(a_short_failure_is_told_too)
{
	struct storewatch watch = { 0 };
	struct health_report r = well(3);

	storewatch_look(&watch, &r, 1000);
	ck_assert_uint_eq(logged("\"store_"), 2);
	storewatch_look(&watch, &r, 2000);
	storewatch_look(&watch, &r, 2000 + MINUTE_MS);
	ck_assert_uint_eq(logged("store"), 0);
}
END_TEST

/* A disk that hangs fails nothing. */
START_TEST(a_stuck_store_is_told_with_no_failure_at_all)
{
	struct storewatch watch = { 0 };
	struct health_report r = { .trouble = HEALTH_STUCK,
		.last = HEALTH_STUCK, .for_ms = 5000, .busy_ms = 5000 };

	look_at(&watch, r, 10000);
	ck_assert_uint_eq(logged("\"trouble\":\"stuck\",\"failures\":0"), 1);
	look_at(&watch, (struct health_report){ 0 }, 12000);
	ck_assert_uint_eq(logged("\"after_s\":7"), 1);
}
END_TEST

/* A full table of sessions: a line for each tenant, and then a minute's. */
START_TEST(sessions_that_made_room_are_told_once_a_minute)
{
	const struct sessions_evicted list[] = {
		{ "acme", 3 }, { "globex", 1200 }, { "", 7 },
	};
	struct storewatch watch = { 0 };

	ck_assert(storewatch_may_tell(&watch, 1000));
	storewatch_tell_evicted(&watch, list, 0, 1000);
	ck_assert_uint_eq(logged("session"), 0);
	/* nothing was told: the next one is not late */
	ck_assert(storewatch_may_tell(&watch, 2000));
	storewatch_tell_evicted(&watch, list, 2, 2000);
	ck_assert_uint_eq(logged("\"sessions_evicted\",\"tenant\":"), 2);
	storewatch_tell_evicted(&watch, &list[1], 1, 2000);
	ck_assert_uint_eq(logged("\"tenant\":\"globex\",\"count\":1200,"
				 "\"remedy\":\"let the sessions"), 1);
	ck_assert(!storewatch_may_tell(&watch, 2000 + MINUTE_MS - 1));
	ck_assert(storewatch_may_tell(&watch, 2000 + MINUTE_MS));
	/* those that had no line of their own */
	storewatch_tell_evicted(&watch, &list[2], 1, 2000 + MINUTE_MS);
	ck_assert_uint_eq(logged("\"sessions_evicted\",\"count\":7,"), 1);
}
END_TEST

/* The level is the event's, and whose it is and how much stands in the line. */
START_TEST(an_outbox_is_told_by_its_level)
{
	const struct outbox_usage list[] = {
		{ .tenant = "acme", .events = 5, .octets = 70, .refused = 2,
		  .level = OUTBOX_FULL },
		{ .tenant = "globex", .events = 4, .octets = 60,
		  .level = OUTBOX_FILLING },
		{ .tenant = "initech", .events = 3, .refused = 9,
		  .level = OUTBOX_WELL },
	};

	storewatch_tell_outbox(list, 0);
	ck_assert_uint_eq(logged("outbox"), 0);
	storewatch_tell_outbox(&list[0], 1);
	ck_assert_uint_eq(logged("\"error\",\"event\":\"outbox_full\","
				 "\"tenant\":\"acme\",\"events\":5,"
				 "\"octets\":70,\"refused\":2,\"remedy\":"
				 "\"name fewer events"), 1);
	storewatch_tell_outbox(&list[1], 1);
	ck_assert_uint_eq(logged("\"warn\",\"event\":\"outbox_filling\","
				 "\"tenant\":\"globex\",\"events\":4,"
				 "\"octets\":60,\"remedy\":"), 1);
	storewatch_tell_outbox(&list[2], 1);
	ck_assert_uint_eq(logged("\"info\",\"event\":\"outbox_well\","
				 "\"tenant\":\"initech\",\"events\":3,"
				 "\"refused\":9}"), 1);
	storewatch_tell_outbox(list, 3);
	ck_assert_uint_eq(logged("\"event\":\"outbox_"), 3);
}
END_TEST

/* Once for each start, and while it is not known, that. */
START_TEST(addresses_of_several_users_are_told_once)
{
	struct storewatch watch = { 0 }, next = { 0 };
	struct db *db;
	struct rig rig;

	rig_open(&rig);
	db = store_reader(rig.store, 0);
	storewatch_look_keys(&next, db);
	ck_assert_uint_eq(logged("user_"), 0);
	next.is_keys_told = false;
	rig_sql(&rig, "INSERT INTO users(id, tenant, email_key, email, name,"
		" created_s, updated_s, last_seen_s) VALUES"
		" (1, 'a', 'é@b', 'e', 'N', 1, 1, 1),"
		" (2, 'a', 'e\xcc\x81@b', 'e', 'N', 1, 1, 1),"
		" (3, 'c', 'é@b', 'e', 'N', 1, 1, 1),"
		" (4, 'c', 'e\xcc\x81@b', 'e', 'N', 1, 1, 1)");
	rig_sql(&rig, "INSERT INTO user_keys VALUES('a', 'é@b', 0, 2),"
		" ('c', 'é@b', 0, 4)");
	rig_sql(&rig, "UPDATE marks SET value = 0 WHERE name = 'user_keys'");
	storewatch_look_keys(&watch, db);
	storewatch_look_keys(&watch, db);
	ck_assert_uint_eq(logged("user_keys_pending"), 1);
	rig_sql(&rig, "UPDATE marks SET value = 1 WHERE name = 'user_keys'");
	storewatch_look_keys(&next, db);
	ck_assert_uint_eq(logged("\"count\":2"), 1);
	storewatch_look_keys(&watch, db);
	storewatch_look_keys(&watch, db);
	ck_assert(watch.is_keys_told);
	/* done, and the warning */
	ck_assert_uint_eq(logged("\"event\":\"user_"), 2);
	rig_close(&rig);
}
END_TEST

START_TEST(a_line_for_people_names_the_reason_and_what_helps)
{
	struct health_report r = bad(1), none = well(1);
	char text[512];
	struct buf out;

	r.for_ms = 31500;
	buf_init_fixed(&out, text, sizeof(text));
	storewatch_say(&none, &out);
	ck_assert_uint_eq(out.len, 0);
	storewatch_say(&r, &out);
	ck_assert(buf_is_ok(&out));
	ck_assert_ptr_nonnull(strstr(text, "31 s (disk_full): the disk is "
				     "full; make room"));
}
END_TEST

static void storewatch_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc,
		a_failing_store_is_told_at_once_and_then_once_a_minute);
	tcase_add_test(tc, one_that_comes_and_goes_does_not_fill_the_log);
	tcase_add_test(tc, a_short_failure_is_told_too);
	tcase_add_test(tc, a_stuck_store_is_told_with_no_failure_at_all);
	tcase_add_test(tc, sessions_that_made_room_are_told_once_a_minute);
	tcase_add_test(tc, an_outbox_is_told_by_its_level);
	tcase_add_test(tc, addresses_of_several_users_are_told_once);
	tcase_add_test(tc, a_line_for_people_names_the_reason_and_what_helps);
}

UNIT_MAIN("storewatch", storewatch_tests)
