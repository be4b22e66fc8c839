/* Reloads: one at a time, by a thread of their own, and told to who asked. */
#include "admin/reload.h"

#include <poll.h>
#include <semaphore.h>
#include <sys/stat.h>

#include "admin/keeper-private.h"
#include "unit/config/rig.h"

static struct gateway gateway;
static struct reload reload;
static char keys[PATH_MAX], seals[PATH_MAX + 16];
static bool is_kept;			/* the ring has its keeper */
static sem_t entered, may_go;		/* of prepare() */
static unsigned ended[8], ended_count;
static enum err results[8];
static const char *refusal;

static enum err prepare(void *ctx, struct snapshot *next,
			struct report *report)
{
	(void)ctx;
	(void)next;
	if (!gateway.snapshots)
		return ERR_OK;
	sem_post(&entered);
	sem_wait(&may_go);
	if (refusal)
		report_add(report, (struct finding){ .level = REPORT_FATAL,
			.problem = str_from(refusal) });
	return refusal ? ERR_SYNTAX : ERR_OK;
}

static void keep(void *ctx, unsigned run, enum err err)
{
	(void)ctx;
	ck_assert_uint_lt(ended_count, COUNT(ended));
	ended[ended_count] = run;
	results[ended_count++] = err;
}

/* One turn of the owner's loop. */
static void turn(void)
{
	struct pollfd told = { .fd = reload.fd, .events = POLLIN };

	ck_assert_int_eq(poll(&told, 1, -1), 1);
	reload_poll(&reload);
}

static void begin_with(void (*open)(void))
{
	rig_begin();
	if (open)
		open();
	rig_write("gateway.conf", GATEWAY);
	rig_write("a.conf", TENANT("a", ""));
	snprintf(keys, sizeof(keys), "%.4000s/keyring", unit_dir());
	ck_assert_int_eq(keyring_create(keys), ERR_OK);
	sem_init(&entered, 0, 0);
	sem_init(&may_go, 0, 0);
	reload.gateway = &gateway;
	reload.options = rig_options;
	reload.options.keyring = NULL;
	reload.keyring_path = keys;
	reload.prepare = prepare;
	reload.done = keep;
	snprintf(seals, sizeof(seals), "%s.seals", keys);
	reload.seals_path = is_kept ? seals : NULL;
	ck_assert_int_eq(reload_init(&reload), 0);
	reload_ask(&reload);
	while (reload_is_running(&reload))
		turn();
	ck_assert_ptr_nonnull(reload.first);
	ck_assert_uint_eq(ended_count, 0);
	gateway.snapshots = snapshot_slot_new(reload.first);
	reload.first = NULL;
}

static void begin(void)
{
	begin_with(NULL);
}

static void end(void)
{
	snapshot_slot_free(gateway.snapshots);
	reload_done(&reload);
	unlink(keys);
	rig_end();
}

static unsigned tenants(void)
{
	struct snapshot *running = snapshot_slot_get(gateway.snapshots);
	unsigned count = running->tenant_count;

	snapshot_unref(running);
	return count;
}

START_TEST(what_is_asked_for_during_one_is_one_more)
{
	unsigned first, second;

	begin();
	rig_write("b.conf", TENANT("b", ""));
	first = reload_ask(&reload);
	ck_assert_uint_eq(reload_ask(&reload), first);
	turn();
	sem_wait(&entered);
	/* Its thread waits; its owner does not, and the old one serves. */
	ck_assert(reload_is_running(&reload));
	ck_assert_uint_eq(tenants(), 1);
	rig_write("c.conf", TENANT("c", ""));
	second = reload_ask(&reload);
	ck_assert_uint_eq(second, first + 1);
	for (unsigned i = 0; i < 5; i++)
		ck_assert_uint_eq(reload_ask(&reload), second);
	ck_assert_uint_eq(ended_count, 0);
	sem_post(&may_go);
	turn();
	ck_assert_uint_eq(ended_count, 1);
	ck_assert_uint_eq(ended[0], first);
	ck_assert_uint_eq(tenants(), 2);
	sem_post(&may_go);
	turn();
	ck_assert_uint_eq(ended_count, 2);
	ck_assert_uint_eq(ended[1], second);
	ck_assert_int_eq(results[1], ERR_OK);
	ck_assert_uint_eq(tenants(), 3);
	ck_assert(!reload_is_running(&reload));
	end();
}
END_TEST

START_TEST(one_that_is_refused_changes_nothing)
{
	begin();
	rig_write("b.conf", TENANT("b", ""));
	refusal = "no certificate";
	sem_post(&may_go);
	reload_ask(&reload);
	while (reload_is_running(&reload))
		turn();
	ck_assert_uint_eq(ended_count, 1);
	ck_assert_int_eq(results[0], ERR_SYNTAX);
	ck_assert_uint_eq(tenants(), 1);
	ck_assert_uint_eq(reload.failures, 1);
	ck_assert(!reload.is_restart_found);
	ck_assert_int_eq(report_worst(&reload.report), REPORT_FATAL);
	refusal = NULL;
	sem_post(&may_go);
	reload_ask(&reload);
	while (reload_is_running(&reload))
		turn();
	ck_assert_uint_eq(reload.failures, 1);
	end();
}
END_TEST

START_TEST(one_that_is_stuck_is_left)
{
	begin();
	reload_ask(&reload);
	turn();
	sem_wait(&entered);
	ck_assert(!reload_cancel(&reload, 0));
	sem_post(&may_go);
	ck_assert(reload_cancel(&reload, 60000));
	ck_assert(!reload_is_running(&reload));
	ck_assert_uint_eq(ended_count, 0);
	ck_assert_uint_eq(tenants(), 1);
	end();
}
END_TEST

static void find_today(void *ctx, const struct snapshot *running,
		       struct report *report)
{
	(void)ctx;
	ck_assert_ptr_nonnull(running);
	report_add(report, (struct finding){ .level = REPORT_WARNING,
		.problem = STR("which expires in 5 days"),
		.is_of_now = true });
}

static unsigned count_days(const struct report *report, const char *days)
{
	unsigned count = 0;

	for (unsigned i = 0; i < report->count; i++)
		count += str_icontains(report->v[i].problem, str_from(days));
	return count;
}

/* What the load found of that day is told as it is today, however often, and
 * the load's own report does not grow. */
START_TEST(what_hangs_on_the_day_is_told_anew)
{
	struct snapshot *running;
	struct report told;
	unsigned before;

	begin();
	report_add(&reload.report, (struct finding){ .level = REPORT_WARNING,
		.problem = STR("which expires in 9 days"),
		.is_of_now = true });
	before = reload.report.count;
	reload.now = find_today;
	running = snapshot_slot_get(gateway.snapshots);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(report_init(&told), 0);
		reload_amend(&reload);
		reload_report(&reload, running, &told);
		ck_assert_uint_eq(count_days(&told, "in 5 days"), 1);
		ck_assert_uint_eq(count_days(&told, "in 9 days"), 0);
		ck_assert_uint_eq(reload.report.count, before);
		report_done(&told);
	}
	snapshot_unref(running);
	end();
}
END_TEST

static unsigned keys_that_serve(void)
{
	struct keyring *ring = keeper_copy(reload.keeper);
	unsigned count = keyring_count(ring);

	keyring_free(ring);
	return count;
}

static void rotate(void)
{
	char why[KEYRING_WHY_MAX];

	ck_assert_msg(!keyring_rotate(keys, why, sizeof(why)), "%s", why);
}

static bool is_found(const char *problem)
{
	for (unsigned i = 0; i < reload.report.count; i++)
		if (str_icontains(reload.report.v[i].problem,
				  str_from(problem)))
			return true;
	return false;
}

static void reload_once(void)
{
	sem_post(&may_go);
	reload_ask(&reload);
	while (reload_is_running(&reload))
		turn();
}

/* What the newer ones sealed would be void.  All else is taken up. */
START_TEST(an_older_ring_is_not_taken_up)
{
	char older[PATH_MAX + 16];

	is_kept = true;
	begin();
	snprintf(older, sizeof(older), "%s.older", keys);
	ck_assert_int_eq(link(keys, older), 0);
	rotate();
	reload_once();
	ck_assert_uint_eq(keys_that_serve(), 2);
	ck_assert(!is_found("older than the keys that serve"));
	ck_assert_int_eq(rename(older, keys), 0);
	rig_write("b.conf", TENANT("b", ""));
	reload_once();
	ck_assert_uint_eq(keys_that_serve(), 2);
	ck_assert(is_found("older than the keys that serve"));
	ck_assert_uint_eq(tenants(), 2);
	ck_assert_int_eq(results[1], ERR_OK);
	end();
}
END_TEST

/* The load has the ring of before, which is nobody's fault. */
START_TEST(keys_that_come_during_a_load_stay)
{
	is_kept = true;
	begin();
	rig_write("b.conf", TENANT("b", ""));
	reload_ask(&reload);
	turn();
	sem_wait(&entered);
	rotate();
	keeper_look(reload.keeper);
	reload_keys(&reload);
	ck_assert_uint_eq(keys_that_serve(), 2);
	ck_assert_uint_eq(tenants(), 1);
	sem_post(&may_go);
	while (reload_is_running(&reload))
		turn();
	ck_assert_uint_eq(keys_that_serve(), 2);
	ck_assert_uint_eq(tenants(), 2);
	ck_assert(!is_found("older"));
	/* there are no newer ones */
	reload_keys(&reload);
	ck_assert_uint_eq(keys_that_serve(), 2);
	end();
}
END_TEST

static void open_store(void)
{
	struct store_options options = { .readers = 1 };
	char why[512];
	struct buf out;

	buf_init_fixed(&out, why, sizeof(why));
	ck_assert_int_eq(mkdir(rig_path("state"), 0700), 0);
	ck_assert_msg(!store_open(rig_path("state"), &options, &gateway.store,
				  &out), "%s", why);
}

static bool is_in_epoch(const char *slug, uint64_t epoch)
{
	return epochs_is_current(store_epochs(gateway.store), str_from(slug),
				 epoch);
}

/* Sessions and tokens are of a tenant, not of its slug; one whose file is
 * broken is the same as before, as nobody said anything else. */
START_TEST(another_tenant_under_a_slug_ends_what_was_the_first_ones)
{
	begin_with(open_store);
	ck_assert(is_in_epoch("a", 0));
	rig_write("b.conf", TENANT("b", ""));
	reload_once();
	ck_assert(is_in_epoch("a", 0));
	rig_write("a.conf", TENANT("a", "name = \"Another\";"));
	reload_once();
	ck_assert(is_in_epoch("a", 1));
	rig_write("a.conf", TENANT("a", "name = \"Another\"; url = 5;"));
	reload_once();
	ck_assert(is_in_epoch("a", 1));
	rig_delete("a.conf");
	reload_once();
	ck_assert(!is_in_epoch("a", 1));
	/* the same again may be anybody */
	rig_write("a.conf", TENANT("a", "name = \"Another\";"));
	reload_once();
	ck_assert(is_in_epoch("a", 2));
	ck_assert(is_in_epoch("b", 0));
	/* what a reload that is refused would have ended goes on */
	rig_delete("b.conf");
	refusal = "no certificate";
	reload_once();
	refusal = NULL;
	ck_assert(is_in_epoch("b", 0));
	ck_assert_uint_eq(ended_count, 6);
	end();
	store_close(gateway.store);
}
END_TEST

static void add_tests(TCase *t)
{
	tcase_add_test(t,
		another_tenant_under_a_slug_ends_what_was_the_first_ones);
	tcase_add_test(t, an_older_ring_is_not_taken_up);
	tcase_add_test(t, keys_that_come_during_a_load_stay);
	tcase_add_test(t, what_hangs_on_the_day_is_told_anew);
	tcase_add_test(t, what_is_asked_for_during_one_is_one_more);
	tcase_add_test(t, one_that_is_refused_changes_nothing);
	tcase_add_test(t, one_that_is_stuck_is_left);
}

UNIT_MAIN("reload", add_tests)
