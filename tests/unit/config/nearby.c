/* A file that is not there: what is, and which of it was meant. */
#include "config/nearby.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/unit.h"

static struct pool *pool;
static struct buf out;

static void put(const char *name)
{
	char path[4400];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", unit_dir(), name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
}

static void set_up(void)
{
	pool = pool_new(NEARBY_POOL_MAX);
	buf_init(&out, 4096);
}

static void tear_down(void)
{
	pool_free(pool);
	buf_done(&out);
}

static const char *look(const char *name, const char *suffix)
{
	buf_clear(&out);
	nearby(pool, pool_printf(pool, "%s/%s", unit_dir(), name),
	       str_from(suffix), &out);
	return out.ptr;
}

START_TEST(the_nearest_name_is_found)
{
	static const struct {
		const char *name, *near;
	} cases[] = {
		{ "acme.so", "did you mean libAcme.so?" },
		{ "ACME", "did you mean libAcme.so?" },
		{ "libacme.so.1", "did you mean libAcme.so?" },
		{ "zendesk.dll", "did you mean zendesk.so?" },
		{ "zendsek.so", "did you mean zendesk.so?" },
		{ "libzendesk.so", "did you mean zendesk.so?" },
		/* which ends alike, and is nothing like it */
		{ "x.so", NULL },
	};

	put("libAcme.so");
	put("zendesk.so");
	put("plan.txt");
	put(".hidden.so");
	put("bad\x1b.so");
	for (size_t i = 0; i < N_ELEMENTS(cases); i++)
		ck_assert_msg(strstr(look(cases[i].name, ".so"),
				     cases[i].near ? cases[i].near :
				     " holds libAcme.so, zendesk.so"),
			      "%s: %s", cases[i].name, out.ptr);
	ck_assert_str_eq(look("plan.pem", ""), "did you mean plan.txt?");
}
END_TEST

START_TEST(what_is_not_there_is_said)
{
	char name[32];

	ck_assert_ptr_nonnull(strstr(look("nowhere/a.so", ".so"),
				     "/nowhere cannot be read: No such file"));
	ck_assert_ptr_nonnull(strstr(look("a.pem", ".none"),
				     " holds no *.none"));
	for (int i = 0; i < NEARBY_SHOWN_MAX + 2; i++) {
		snprintf(name, sizeof(name), "n%d.many", i);
		put(name);
	}
	ck_assert_ptr_nonnull(strstr(look("elsewhere.x", ".many"),
				     "n0.many, n1.many, n2.many, n3.many, "
				     "n4.many and 2 more"));
}
END_TEST

START_TEST(a_path_is_shown_from_the_root)
{
	char here[4096];
	struct str shown = nearby_absolute(pool, STR("./conf.d/x.pem"));

	ck_assert_ptr_nonnull(getcwd(here, sizeof(here)));
	ck_assert_uint_eq(shown.len, strlen(here) + strlen("/conf.d/x.pem"));
	ck_assert(str_has_prefix(shown, str_from(here)));
	ck_str_is(nearby_absolute(pool, STR("/etc/x")), "/etc/x");
}
END_TEST

static void nearby_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, the_nearest_name_is_found);
	tcase_add_test(tc, what_is_not_there_is_said);
	tcase_add_test(tc, a_path_is_shown_from_the_root);
}

UNIT_MAIN("nearby", nearby_tests)
