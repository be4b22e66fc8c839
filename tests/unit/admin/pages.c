/* What the metrics listener answers. */
#include "admin/pages.h"

#include <fcntl.h>

#include "base/metric.h"
#include "config/snapshot-private.h"
#include "unit/store/rig.h"

static struct rig rig;
static struct gateway gateway;
static struct tenant tenants[4];
static struct tenant *list[4] = { &tenants[0], &tenants[1], &tenants[2],
				  &tenants[3] };
static struct snapshot_private private = { .refs = 1 };
static struct snapshot snapshot = { .generation = 9, .tenants = list,
				    .tenant_count = 4, .private = &private };
static struct buf out;
static const char *type;

static void set_up(void)
{
	rig_open(&rig);
	tenants[0].state = tenants[1].state = TENANT_SERVING;
	tenants[2].state = TENANT_BROKEN;
	tenants[3].state = TENANT_DISABLED;
	gateway = (struct gateway){
		.store = rig.store, .snapshots = snapshot_slot_new(&snapshot),
		.limiter = ratelimit_new(0),
	};
	metric_init();
	buf_init(&out, 1 << 20);
}

static void tear_down(void)
{
	/* each look let go of the snapshot */
	ck_assert_uint_eq(private.refs, 1);
	buf_done(&out);
	ratelimit_free(gateway.limiter);
	rig_close(&rig);
}

static int get(const char *path)
{
	buf_clear(&out);
	return pages_get(&gateway, str_from(path), &out, &type);
}

#define ck_page(path, status, text)					\
	do {								\
		ck_assert_int_eq(get(path), status);			\
		ck_str_is(buf_str(&out), text);				\
		ck_assert_str_eq(type, "text/plain; charset=utf-8");	\
	} while (0)

START_TEST(one_that_serves_is_alive_and_ready)
{
	ck_page("/healthz", 200, "ok\n");
	ck_page("/readyz", 200, "ready\n");
}
END_TEST

/* A balancer takes it out; whoever restarts what is not alive leaves it. */
START_TEST(one_that_stops_is_alive_and_not_ready)
{
	gateway.is_draining = true;
	ck_page("/readyz", 503, "stopping\n");
	ck_page("/healthz", 200, "ok\n");
	gateway.is_draining = false;
	gateway.is_stopping = true;
	ck_page("/readyz", 503, "stopping\n");
}
END_TEST

START_TEST(where_nothing_can_be_stored_it_is_not_ready)
{
	char away[80];

	snprintf(away, sizeof(away), "%s.away", rig.dir);
	ck_assert_int_eq(rename(rig.dir, away), 0);
	rig_visit(&rig, &(struct redemption){ .sync = {
		.email = STR("a@b"), .name = STR("A") } });
	ck_assert_int_eq(get("/readyz"), 503);
	ck_assert(str_has_prefix(buf_str(&out), STR("the store fails since ")));
	ck_assert_int_eq(out.ptr[out.len - 1], '\n');
	ck_assert_int_eq(get("/metrics"), 200);
	ck_assert(str_icontains(buf_str(&out), STR("\nusher_store_ok 0\n")));
	ck_page("/healthz", 200, "ok\n");
	ck_assert_int_eq(rename(away, rig.dir), 0);
}
END_TEST

START_TEST(no_other_path_is_there)
{
	static const char *const paths[] = {
		"", "/", "/metrics/", "/metric", "/METRICS", "/metrics?x",
		"/readyz/..", "/healthz\n",
	};

	for (unsigned i = 0; i < N_ELEMENTS(paths); i++)
		ck_page(paths[i], 404,
			"there is /healthz, /readyz and /metrics\n");
}
END_TEST

static void ck_shows(const char *line)
{
	char whole[128];

	snprintf(whole, sizeof(whole), "\n%s\n", line);
	ck_assert_msg(str_icontains(buf_str(&out), str_from(whole)), "%s in %s",
		      line, out.ptr);
}

START_TEST(metrics_are_as_of_now)
{
	static const char *const ours[] = {
		"process_resident_memory_bytes", "process_open_fds",
		"process_max_fds",
	};

	ck_assert_int_eq(get("/metrics"), 200);
	ck_assert_str_eq(type, "text/plain; version=0.0.4; charset=utf-8");
	ck_shows("usher_config_generation 9");
	ck_shows("usher_tenants_serving 2");
	ck_shows("usher_tenants_broken 1");
	ck_shows("usher_tenants_starting 0");
	ck_shows("usher_store_ok 1");
	ck_shows("usher_sessions 0");
	for (unsigned i = 0; i < N_ELEMENTS(ours); i++) {
		char none[64], text[64];

		snprintf(none, sizeof(none), "\n%s 0\n", ours[i]);
		snprintf(text, sizeof(text), "\n%s ", ours[i]);
		ck_assert(str_icontains(buf_str(&out), str_from(text)));
		ck_assert_msg(!str_icontains(buf_str(&out), str_from(none)),
			      "%s", ours[i]);
	}
	/* Asked again, it is another moment. */
	tenants[2].state = TENANT_SERVING;
	get("/metrics");
	ck_shows("usher_tenants_serving 3");
	ck_shows("usher_tenants_broken 0");
}
END_TEST

/* Its own look is no open file. */
START_TEST(looking_leaves_no_descriptor)
{
	static const char name[] = "\nprocess_open_fds ";
	long first, held = 0;

	get("/metrics");
	first = strtol(strstr(out.ptr, name) + strlen(name), NULL, 10);
	for (int fd = 0; fd < 1024; fd++)
		held += fcntl(fd, F_GETFD) != -1;
	ck_assert_int_eq(first, held);
	for (unsigned i = 0; i < 20; i++)
		get("/metrics");
	ck_assert_int_eq(strtol(strstr(out.ptr, name) + strlen(name), NULL,
				10), first);
	ck_assert_int_ge(dup(0), 0);
	get("/metrics");
	ck_assert_int_eq(strtol(strstr(out.ptr, name) + strlen(name), NULL,
				10), first + 1);
}
END_TEST

static void pages_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, one_that_serves_is_alive_and_ready);
	tcase_add_test(tcase, one_that_stops_is_alive_and_not_ready);
	tcase_add_test(tcase, where_nothing_can_be_stored_it_is_not_ready);
	tcase_add_test(tcase, no_other_path_is_there);
	tcase_add_test(tcase, metrics_are_as_of_now);
	tcase_add_test(tcase, looking_leaves_no_descriptor);
}

UNIT_MAIN("pages", pages_tests)
