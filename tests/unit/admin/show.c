/* What a check found, keys and tenants, for people and for programs. */
#include "admin/show.h"

#include "base/clock.h"
#include "config/snapshot-private.h"
#include "unit/adapter/adapters.h"

#define NOW_S INT64_C(1767225600)	/* 2026-01-01 */
#define DAY_S INT64_C(86400)

static struct report report;
static struct snapshot snapshot;
static struct tenant tenants[4];
static struct tenant *list[4] = { &tenants[0], &tenants[1], &tenants[2],
				  &tenants[3] };
static struct buf out;

static void set_up(void)
{
	setenv("TZ", "UTC0", 1);
	ck_assert_int_eq(report_init(&report), 0);
	memset(tenants, 0, sizeof(tenants));
	snapshot = (struct snapshot){ .tenants = list };
	buf_init(&out, 1 << 20);
}

static void tear_down(void)
{
	buf_done(&out);
	report_done(&report);
	clock_hold(0);
}

static void found(enum report_level level)
{
	report_add(&report, (struct finding){ .level = level,
		.file = STR("a.conf"), .line = 3, .tenant = STR("acme"),
		.setting = STR("url"), .problem = STR("is \"wrong\"") });
}

/* What it printed; the level that it returned is in *level. */
static const char *print(const struct snapshot *of, bool json,
			 enum report_level *level)
{
	static char text[8192];
	FILE *file = fmemopen(text, sizeof(text), "w");

	ck_assert_ptr_nonnull(file);
	*level = show_report(of, &report, json, file);
	ck_assert_int_eq(fclose(file), 0);
	return text;
}

#define ck_report(of, want, level)					\
	do {								\
		enum report_level got_;					\
									\
		ck_assert_str_eq(print(of, false, &got_), want);	\
		ck_assert_int_eq(got_, level);				\
	} while (0)

START_TEST(a_verdict_ends_what_was_found)
{
	snapshot.tenant_count = 1;
	ck_report(&snapshot, "1 tenant: the configuration holds\n",
		  REPORT_NOTE);
	snapshot.tenant_count = 0;
	ck_report(&snapshot, "0 tenants: the configuration holds\n",
		  REPORT_NOTE);
	snapshot.tenant_count = 2;
	found(REPORT_WARNING);
#define WARNED "a.conf:3: warning: tenant acme: url is \"wrong\"\n"
	ck_report(&snapshot, WARNED "2 tenants, 1 warning: the configuration "
		  "holds\n", REPORT_WARNING);
	found(REPORT_WARNING);
	ck_report(&snapshot, WARNED WARNED "2 tenants, 2 warnings: the "
		  "configuration holds\n", REPORT_WARNING);
}
END_TEST

/* It never "holds" where a tenant does not serve. */
START_TEST(a_broken_tenant_is_no_configuration_that_holds)
{
	snapshot.tenant_count = 2;
	found(REPORT_TENANT);
#define BROKEN "a.conf:3: error: tenant acme: url is \"wrong\"\n"
	ck_report(&snapshot, BROKEN "2 tenants, 1 error\n", REPORT_TENANT);
	found(REPORT_TENANT);
	found(REPORT_WARNING);
	ck_report(&snapshot, BROKEN BROKEN WARNED
		  "2 tenants, 2 errors, 1 warning\n", REPORT_TENANT);
}
END_TEST

START_TEST(what_cannot_start_is_told_so)
{
	snapshot.tenant_count = 2;
	ck_report(NULL, "the gateway cannot start with this configuration\n",
		  REPORT_FATAL);
	found(REPORT_FATAL);
	ck_report(&snapshot, "a.conf:3: error: tenant acme: url is \"wrong\"\n"
		  "the gateway cannot start with this configuration\n",
		  REPORT_FATAL);
}
END_TEST

/* Programs get the findings alone; the level is the same. */
START_TEST(programs_get_one_line_of_json)
{
	enum report_level level;

	found(REPORT_TENANT);
	ck_assert_str_eq(print(&snapshot, true, &level),
		"{\"errors\":1,\"warnings\":0,\"dropped\":0,\"findings\":[{"
		"\"level\":\"error\",\"scope\":\"tenant\",\"file\":\"a.conf\","
		"\"line\":3,\"tenant\":\"acme\",\"setting\":\"url\","
		"\"problem\":\"is \\\"wrong\\\"\"}]}\n");
	ck_assert_int_eq(level, REPORT_TENANT);
	print(NULL, true, &level);
	ck_assert_int_eq(level, REPORT_FATAL);
}
END_TEST

static void new_tenant(const char *slug, enum tenant_state state)
{
	tenants[snapshot.tenant_count++] = (struct tenant){
		.slug = str_from(slug), .state = state,
		.origin = STR("https://acme.test"), .file = STR("a.conf"),
		.line = 7, .problem = STR("url is \"wrong\""),
	};
}

START_TEST(tenants_are_lines)
{
	show_tenants(&snapshot, false, &out);
	ck_str_is(buf_str(&out), "");
	new_tenant("acme", TENANT_SERVING);
	new_tenant("beta", TENANT_DISABLED);
	new_tenant("gamma", TENANT_BROKEN);
	show_tenants(&snapshot, false, &out);
	ck_str_is(buf_str(&out),
		  "acme                     serving   https://acme.test\n"
		  "beta                     disabled  https://acme.test\n"
		  "gamma                    broken    https://acme.test\n"
		  "  a.conf:7: url is \"wrong\"\n");
}
END_TEST

#define JSON(slug, state, more)						\
	"{\"slug\":\"" slug "\",\"state\":\"" state "\","		\
	"\"url\":\"https://acme.test\",\"file\":\"a.conf\"" more "}"

START_TEST(tenants_are_an_array)
{
	show_tenants(&snapshot, true, &out);
	ck_str_is(buf_str(&out), "[]\n");
	buf_clear(&out);
	new_tenant("acme", TENANT_SERVING);
	show_tenants(&snapshot, true, &out);
	ck_str_is(buf_str(&out), "[" JSON("acme", "serving", "") "]\n");
	buf_clear(&out);
	new_tenant("beta", TENANT_DISABLED);
	new_tenant("gamma", TENANT_BROKEN);
	show_tenants(&snapshot, true, &out);
	ck_str_is(buf_str(&out), "[" JSON("acme", "serving", "") ","
		  JSON("beta", "disabled", "") ","
		  JSON("gamma", "broken",
		       ",\"problem\":\"url is \\\"wrong\\\"\"") "]\n");
}
END_TEST

/* Behind something else, it is an array of its own all the same. */
START_TEST(what_is_in_the_buffer_before_changes_nothing)
{
	buf_puts(&out, "x");
	new_tenant("acme", TENANT_SERVING);
	show_tenants(&snapshot, true, &out);
	ck_str_is(buf_str(&out), "x[" JSON("acme", "serving", "") "]\n");
}
END_TEST

/* As where there is no memory: the caller asks buf_is_ok(). */
START_TEST(a_buffer_without_room_fails_and_no_more)
{
	new_tenant("acme", TENANT_SERVING);
	new_tenant("beta", TENANT_BROKEN);
	for (size_t max = 0; max < 64; max++) {
		for (int json = 0; json < 2; json++) {
			struct buf small;

			buf_init(&small, max);
			show_tenants(&snapshot, json, &small);
			ck_assert(!buf_is_ok(&small));
			buf_done(&small);
		}
	}
}
END_TEST

/* A file's name may hold anything, and so may what was wrong in it. */
START_TEST(a_broken_tenant_cannot_steer_a_terminal)
{
	new_tenant("gamma", TENANT_BROKEN);
	tenants[0].file = STR("\x1b[2J.conf");
	tenants[0].problem = STR("is \"\xff\a\"");
	show_tenants(&snapshot, false, &out);
	ck_assert(str_icontains(buf_str(&out), STR("\n  \xef\xbf\xbd[2J.conf:"
		"7: is \"\xef\xbf\xbd\xef\xbf\xbd\"\n")));
}
END_TEST

START_TEST(an_adapter_is_told_below_its_tenant)
{
	char message[ADAPTER_LOAD_PROBLEM_MAX];

	new_tenant("acme", TENANT_SERVING);
	tenants[0].adapter = load_with("deliver", NULL, 0, message);
	ck_assert_msg(tenants[0].adapter != NULL, "%s", message);
	show_tenants(&snapshot, false, &out);
	ck_assert(str_icontains(buf_str(&out), STR("acme.test\n  adapter ")));
	ck_assert(str_icontains(buf_str(&out), STR(", in this process\n")));
	buf_clear(&out);
	show_tenants(&snapshot, true, &out);
	ck_assert(str_icontains(buf_str(&out), STR(",\"adapter\":{\"state\":"
						   "\"ready\",\"name\":\"")));
	ck_assert(str_icontains(buf_str(&out),
				STR("\"isolation\":\"none\"}}]")));
	ck_assert(!str_icontains(buf_str(&out), STR("\"pid\"")));
	adapter_unref(tenants[0].adapter);
}
END_TEST

/* A ring of `count` keys, a day apart, as show_keys() prints it. */
static const char *print_keys(unsigned count, bool json,
			      struct keyring **ring_r)
{
	static char text[8192];
	char path[PATH_MAX + 16], why[256];
	FILE *file = fmemopen(text, sizeof(text), "w");

	snprintf(path, sizeof(path), "%s/keys%u%d", unit_dir(), count, json);
	clock_hold(NOW_S * 1000);
	ck_assert_int_eq(keyring_create(path), 0);
	for (unsigned i = 1; i < count; i++) {
		clock_hold((NOW_S + i * DAY_S) * 1000);
		ck_assert_int_eq(keyring_rotate(path, why, sizeof(why)), 0);
	}
	ck_assert_int_eq(keyring_load(path, ring_r, why, sizeof(why)), 0);
	ck_assert_ptr_nonnull(file);
	show_keys(*ring_r, json, file);
	ck_assert_int_eq(fclose(file), 0);
	return text;
}

START_TEST(the_newest_key_seals_and_the_others_open)
{
	struct keyring *ring;
	const char *text = print_keys(3, false, &ring);
	char want[1024];

	snprintf(want, sizeof(want),
		 "%-*.*s  2026-01-03T00:00:00.000Z  seals and opens\n"
		 "%-*.*s  2026-01-02T00:00:00.000Z  opens; superseded "
		 "2026-01-03T00:00:00.000Z\n"
		 "%-*.*s  2026-01-01T00:00:00.000Z  opens; superseded "
		 "2026-01-02T00:00:00.000Z\n",
		 KEYRING_KID_MAX, STR_ARG(keyring_kid(ring, 0)),
		 KEYRING_KID_MAX, STR_ARG(keyring_kid(ring, 1)),
		 KEYRING_KID_MAX, STR_ARG(keyring_kid(ring, 2)));
	ck_assert_str_eq(text, want);
	keyring_free(ring);
}
END_TEST

START_TEST(keys_are_an_array_for_programs)
{
	struct keyring *ring;
	const char *text = print_keys(2, true, &ring);
	char want[1024];

	snprintf(want, sizeof(want),
		 "[{\"kid\":\"%.*s\",\"created\":\"2026-01-02T00:00:00.000Z\","
		 "\"seals\":true},{\"kid\":\"%.*s\",\"created\":"
		 "\"2026-01-01T00:00:00.000Z\",\"seals\":false,\"superseded\":"
		 "\"2026-01-02T00:00:00.000Z\"}]\n",
		 STR_ARG(keyring_kid(ring, 0)), STR_ARG(keyring_kid(ring, 1)));
	ck_assert_str_eq(text, want);
	keyring_free(ring);
}
END_TEST

static void show_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_verdict_ends_what_was_found);
	tcase_add_test(tc, a_broken_tenant_is_no_configuration_that_holds);
	tcase_add_test(tc, what_cannot_start_is_told_so);
	tcase_add_test(tc, programs_get_one_line_of_json);
	tcase_add_test(tc, tenants_are_lines);
	tcase_add_test(tc, tenants_are_an_array);
	tcase_add_test(tc, what_is_in_the_buffer_before_changes_nothing);
	tcase_add_test(tc, a_buffer_without_room_fails_and_no_more);
	tcase_add_test(tc, a_broken_tenant_cannot_steer_a_terminal);
	tcase_add_test(tc, an_adapter_is_told_below_its_tenant);
	tcase_add_test(tc, the_newest_key_seals_and_the_others_open);
	tcase_add_test(tc, keys_are_an_array_for_programs);
}

UNIT_MAIN("show", show_tests)
