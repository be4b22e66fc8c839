/* The commands that every operator types first, and who waits for a reload. */
#include "admin/status.h"

#include <poll.h>

#include "admin/ask.h"
#include "admin/running.h"
#include "config/snapshot-private.h"
#include "unit/admin/door.h"

#define ID "01ARZ3NDEKTSV4RRFFQ69G5FAV"

static struct door d;
static struct reload reload;
static struct tenant tenants[5];
static struct tenant *list[5] = { &tenants[0], &tenants[1], &tenants[2],
				  &tenants[3], &tenants[4] };
static struct snapshot_private private = { .refs = 2 };	/* one is ours */
static struct snapshot snapshot;

/* A gateway with a tenant in each of these states. */
static void set_up(void)
{
	static const enum tenant_state states[] = {
		TENANT_SERVING, TENANT_SERVING, TENANT_DISABLED,
		TENANT_BROKEN, TENANT_BROKEN,
	};

	door_open(&d);
	snapshot = (struct snapshot){ .generation = 7, .tenants = list,
				      .tenant_count = N_ELEMENTS(states),
				      .private = &private };
	for (unsigned i = 0; i < N_ELEMENTS(states); i++)
		tenants[i] = (struct tenant){
			.state = states[i], .slug = STR("acme"),
			.origin = STR("https://acme.test"),
			.file = STR("a.conf"), .problem = STR("is wrong"),
		};
	snapshot_slot_set(d.gateway.snapshots, &snapshot);
	reload = (struct reload){ .gateway = &d.gateway };
	ck_assert_int_eq(report_init(&reload.report), 0);
	d.status.reload = &reload;
	d.status.version = "1.2.3";
}

static void tear_down(void)
{
	report_done(&reload.report);
	ck_assert_uint_eq(private.refs, 2);
	door_close(&d);
}

static void found(enum report_level level, const char *problem)
{
	report_add(&reload.report, (struct finding){ .level = level,
		.file = STR("a.conf"), .line = 3,
		.problem = str_from(problem) });
}

START_TEST(words_make_a_command_or_none)
{
	ask_ok(&d, "tenants");
	ask_ok(&d, "tenants", "--json");
	ask_no("no such command", &d, "tenants", "acme");
	ask_no("no such command", &d, "tenant");
	ask_no("no such command", &d, "explain");
	ask_no("there is no tenant a", &d, "explain", "a", "b");
	ask_no("no such command", &d, "explain", "a", "b", "c", "d", "e");
	ask_no("no such command", &d, "tickets");
	ask_no("no such command", &d, "--json");
	ask_no("no such command", &d, "--json", "tenants");
	ask_no("no such command", &d);
}
END_TEST

START_TEST(a_status_that_is_well_has_no_alarm)
{
	ask_ok(&d, "status");
	said(&d, "usherd 1.2.3, pid ");
	said(&d, "configuration 7, loaded ");
	said(&d, "\ntenants: 2 serving, 1 disabled, 2 broken\n");
	said(&d, "\nwriter: 0 waiting, ");
	for (const char *p = d.body.ptr; *p; p++)
		ck_assert(!(p[0] >= 'A' && p[0] <= 'Z' && p[1] >= 'A' &&
			    p[1] <= 'Z' && p[2] >= 'A' && p[2] <= 'Z'));
	ck_assert_ptr_null(strstr(d.body.ptr, "restart"));
	ck_assert_ptr_null(strstr(d.body.ptr, "refused"));
	ck_assert_ptr_null(strstr(d.body.ptr, "found"));
}
END_TEST

/* A check beside it reads this: admin/running.h. */
START_TEST(it_tells_where_it_listens)
{
	struct running running;

	ask_ok(&d, "status");
	ck_assert(!running_read(buf_str(&d.body), &running));
	d.status.listening = "https://[::]:443, http://127.0.0.1:9 (metrics)";
	ask_ok(&d, "status");
	said(&d, "\nlistening: https://[::]:443, http://127.0.0.1:9 "
		 "(metrics)\n");
	ck_assert(running_read(buf_str(&d.body), &running));
	ck_assert_uint_eq(running.count, 2);
	ask_ok(&d, "status", "--json");
	said(&d, "\"listening\":\"https://[::]:443, http://127.0.0.1:9 "
		 "(metrics)\",");
	d.status.listening = NULL;
}
END_TEST

START_TEST(what_to_see_to_is_told)
{
	char away[80];

	reload.failures = 1;
	found(REPORT_WARNING, "is odd");
	ask_ok(&d, "status");
	said(&d, "; 1 reload refused since the start\n");
	said(&d, "\nThe last load found:\na.conf:3: warning: is odd\n");
	reload.failures = 2;
	ask_ok(&d, "status");
	said(&d, "; 2 reloads refused since the start\n");
	/* The database is gone from under it. */
	snprintf(away, sizeof(away), "%s.away", d.rig.dir);
	ck_assert_int_eq(rename(d.rig.dir, away), 0);
	rig_visit(&d.rig, &(struct redemption){ .sync = {
		.email = STR("a@b"), .name = STR("A") } });
	ask_ok(&d, "status");
	said(&d, "\nNOBODY CAN SIGN IN: the store fails since ");
	ask_ok(&d, "status", "--json");
	ck_assert_ptr_null(strstr(d.body.ptr, "\"store\":\"ok\""));
	ck_assert_int_eq(rename(away, d.rig.dir), 0);
}
END_TEST

/* The load that found it says it, where its report had room; a refused one after
 * that knows nothing. */
START_TEST(a_needed_restart_is_told_once)
{
	snprintf(reload.restart_needed, sizeof(reload.restart_needed),
		 "listen, workers");
	found(REPORT_WARNING, "listen, workers: changed");
	reload.failures = 1;		/* before it */
	reload.is_restart_found = true;
	ask_ok(&d, "status");
	said(&d, "listen, workers: changed\n");
	ck_assert_ptr_null(strstr(d.body.ptr, "a restart is needed"));
	ask_ok(&d, "status", "--json");
	said(&d, "\"restart_needed\":\"listen, workers\"");
	report_take_back(&reload.report, 0);
	reload.failures = 2;
	reload.is_restart_found = false;
	ask_ok(&d, "status");
	said(&d, "\na restart is needed for: listen, workers\n");
}
END_TEST

START_TEST(programs_get_the_same)
{
	reload.failures = 2;
	found(REPORT_TENANT, "is \"wrong\"");
	ask_ok(&d, "status", "--json");
	said(&d, "{\"version\":\"1.2.3\",\"pid\":");
	said(&d, "\"generation\":7,");
	said(&d, "\"reloading\":false,\"reloads_refused\":2,"
		 "\"restart_needed\":\"\",\"tenants_serving\":2,"
		 "\"tenants_disabled\":1,\"tenants_starting\":0,"
		 "\"tenants_broken\":2,");
	said(&d, "\"spawner_problem\":\"\",\"keyring_problem\":\"\",");
	said(&d, "\"store\":\"ok\",\"store_problem\":\"\"");
	said(&d, "\"findings\":");
	said(&d, "is \\\"wrong\\\"");
	ck_assert_int_eq(d.body.ptr[d.body.len - 1], '\n');
}
END_TEST

/* ---- the audit ----------------------------------------------------------- */

static void record(const char *why, const char *code, int status)
{
	const struct audit_step steps[] = {
		{ "open_token", "next", NULL, 12 },
		{ "deliver", "adapter_failed", why, 3400 },
		{ "redeem", "next", NULL, 9 },
	};
	const struct audit_record r = {
		.request_id = STR(ID), .time_ms = 1469918176385,
		.tenant = STR("acme"), .status = status,
		.code = str_from(code), .steps = steps,
		.step_count = N_ELEMENTS(steps),
	};

	ck_assert_int_eq(audit_write(store_writer(d.rig.store), &r), ERR_OK);
	/* behind it in the writer's queue */
	rig_user(&d.rig, "a@b", "A");
}

START_TEST(a_request_is_explained)
{
	const struct code_info *info = &code_table[CODE_adapter_failed];
	char want[1024];

	record(NULL, "adapter_failed", info->status);
	ask_ok(&d, "explain", ID);
	snprintf(want, sizeof(want), ID "  2016-07-30T22:36:16.385Z  tenant "
		 "acme  %d adapter_failed\n  meaning: %s\n  remedy:  %s\n"
		 "  open_token       next                           12 us\n",
		 info->status, info->meaning, info->remedy);
	said(&d, want);
	said(&d, "  deliver          adapter_failed               3400 us\n");
	ask_ok(&d, "explain", ID, "--json");
	said(&d, "{\"id\":");
	said(&d, ",\"trail\":[{\"step\":\"open_token\"");
	said(&d, "\"meaning\":");
	ask_no("no such request", &d, "explain", "01ARZ3NDEKTSV4RRFFQ69G5FAX");
	ask_no("no such request", &d, "explain", "\x1b[2J");
	ask_no("no such request", &d, "explain", "");
}
END_TEST

/* What an adapter says of itself may look like the trail's own signs. */
START_TEST(whatever_a_step_says_each_has_its_line)
{
	static const char *const says[] = {
		"}", "{", "a \"}\" b", "\\", "\\\"}", "[{\"step\":\"x\"}]",
		"\xe2\x80\xae", "\x1b[2J",
	};

	for (unsigned i = 0; i < N_ELEMENTS(says); i++) {
		record(says[i], "adapter_failed", 502);
		ask_ok(&d, "explain", ID);
		said(&d, "\n  open_token       next ");
		said(&d, i == N_ELEMENTS(says) - 1 ?
			 "\n  {\"step\":\"deliver\",\"verdict\":"
			 "\"adapter_failed\"" :
			 "\n  deliver          adapter_failed             "
			 "  3400 us  ");
		said(&d, "\n  redeem           next ");
		ck_assert_ptr_null(strchr(d.body.ptr, '\x1b'));
		ck_assert_ptr_null(strstr(d.body.ptr, "\xe2\x80\xae"));
	}
}
END_TEST

/* An adapter refuses with a code of its own: no code of ours is meant. */
START_TEST(a_code_that_is_not_ours_is_the_adapters)
{
	record(NULL, "no_plan", code_table[CODE_denied].status);
	ask_ok(&d, "explain", ID);
	said(&d, "with a code of its own");
	record(NULL, "no_plan", 400);
	ask_ok(&d, "explain", ID);
	ck_assert_ptr_null(strstr(d.body.ptr, "meaning"));
	record(NULL, NULL, 302);
	ask_ok(&d, "explain", ID);
	ck_assert_ptr_null(strstr(d.body.ptr, "meaning"));
}
END_TEST

START_TEST(records_are_listed_from_a_number_on)
{
	ask_ok(&d, "audit");
	ck_str_is(buf_str(&d.body), "");
	record(NULL, NULL, 302);
	ask_ok(&d, "audit");
	said(&d, ID "  2016-07-30T22:36:16.385Z  tenant acme  302 \n");
	ask_ok(&d, "audit", "0", "--json");
	said(&d, "{\"records\":[{\"id\":");
	ask_ok(&d, "audit", "9000000000000000000", "--json");
	ck_str_is(buf_str(&d.body), "{\"records\":[]}\n");
	ask_no("whole one", &d, "audit", "-1");
	ask_no("whole one", &d, "audit", "9223372036854775808");
	ask_no("whole one", &d, "audit", "1x");
}
END_TEST

START_TEST(what_others_wrote_is_harmless_in_a_trouble)
{
	ck_assert_str_eq(status_check_tenant(&d.status, STR("a\x1b[2J"),
					     &d.body),
			 "there is no tenant a\xef\xbf\xbd[2J");
}
END_TEST

/* ---- who waits for a reload ---------------------------------------------- */

static char path[PATH_MAX + 16];
static char told[STATUS_WAITERS_MAX + 1][1024];

static pthread_t threads[STATUS_WAITERS_MAX + 1];
static char job;		/* a reload that never ends by itself */

/* An usherctl, to the end of its answer. */
static void *client(void *arg)
{
	const struct str words[] = { STR("reload") };
	struct buf body;
	enum err err;

	buf_init(&body, 4096);
	err = ask_daemon(path, words, 1, &body);
	snprintf(arg, sizeof(told[0]), "%d %.*s", err,
		 STR_ARG(buf_str(&body)));
	buf_done(&body);
	return NULL;
}

static void turn(void)
{
	struct pollfd ready = { .fd = socket_server_fd(d.status.socket),
				.events = POLLIN };

	ck_assert_int_ge(poll(&ready, 1, -1), 0);
	socket_server_run(d.status.socket);
}

/* One more, which waits for the reload of that number. */
static void wait_for(unsigned i, unsigned run)
{
	reload.run = run - 1;
	ck_assert_int_eq(pthread_create(&threads[i], NULL, client, told[i]),
			 0);
	while (d.status.waiter_count == i)
		turn();
	ck_assert_uint_eq(d.status.waiters[i].run, run);
}

/* What the client of that number was told. */
static const char *hear(unsigned i)
{
	while (socket_server_served(d.status.socket) <= i)
		turn();
	ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	return told[i];
}

static void open_socket(void)
{
	char why[256];

	snprintf(path, sizeof(path), "%s/admin.sock", unit_dir());
	reload.job = (struct reload_job *)&job;
	d.status.socket = socket_server_new(path, status_command, &d.status,
					    why, sizeof(why));
	ck_assert_msg(d.status.socket != NULL, "%s", why);
}

START_TEST(each_waits_for_its_own_reload)
{
	char want[64];

	open_socket();
	/* The numbers wrap around in between. */
	wait_for(0, UINT_MAX);
	wait_for(1, 0);
	found(REPORT_TENANT, "is wrong");
	status_reloaded(&d.status, UINT_MAX, ERR_OK);
	ck_assert_uint_eq(d.status.waiter_count, 1);
	snprintf(want, sizeof(want), "%d a.conf:3: error: ", ERR_CONFLICT);
	ck_assert_msg(str_has_prefix(str_from(hear(0)), str_from(want)), "%s",
		      told[0]);
	ck_assert_ptr_nonnull(strstr(told[0], "reloaded, but for what is "
					      "broken\n"));
	/* The error is one line: the first thing that is fatal, and
	 * how many errors there are besides. */
	found(REPORT_FATAL, "is missing");
	found(REPORT_FATAL, "is too much");
	status_reloaded(&d.status, 0, ERR_SYNTAX);
	ck_assert_uint_eq(d.status.waiter_count, 0);
	snprintf(want, sizeof(want), "%d a.conf:3: error: is missing; "
		 "and 2 more, see: usherctl status",
		 ERR_SYNTAX);
	ck_assert_str_eq(hear(1), want);
	socket_server_free(d.status.socket);
}
END_TEST

START_TEST(so_many_wait_and_a_stop_tells_them)
{
	char want[64];

	open_socket();
	for (unsigned i = 0; i < STATUS_WAITERS_MAX; i++)
		wait_for(i, 5);
	ask_no("too many wait", &d, "reload");
	ck_assert_uint_eq(d.status.waiter_count, STATUS_WAITERS_MAX);
	status_stop(&d.status);
	ck_assert_uint_eq(d.status.waiter_count, 0);
	snprintf(want, sizeof(want), "%d the gateway stops", ERR_SYNTAX);
	while (socket_server_served(d.status.socket) < STATUS_WAITERS_MAX)
		turn();
	for (unsigned i = 0; i < STATUS_WAITERS_MAX; i++)
		ck_assert_str_eq(hear(i), want);
	socket_server_free(d.status.socket);
}
END_TEST

static void status_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, words_make_a_command_or_none);
	tcase_add_test(tcase, a_status_that_is_well_has_no_alarm);
	tcase_add_test(tcase, it_tells_where_it_listens);
	tcase_add_test(tcase, what_to_see_to_is_told);
	tcase_add_test(tcase, a_needed_restart_is_told_once);
	tcase_add_test(tcase, programs_get_the_same);
	tcase_add_test(tcase, a_request_is_explained);
	tcase_add_test(tcase, whatever_a_step_says_each_has_its_line);
	tcase_add_test(tcase, a_code_that_is_not_ours_is_the_adapters);
	tcase_add_test(tcase, records_are_listed_from_a_number_on);
	tcase_add_test(tcase, what_others_wrote_is_harmless_in_a_trouble);
	tcase_add_test(tcase, each_waits_for_its_own_reload);
	tcase_add_test(tcase, so_many_wait_and_a_stop_tells_them);
}

UNIT_MAIN("status", status_tests)
