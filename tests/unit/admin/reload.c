/* Reloads: one at a time, by a thread of their own, and told to who asked. */
#include "admin/reload.h"

#include <poll.h>
#include <semaphore.h>

#include "unit/config/rig.h"

static struct gateway gateway;
static struct reload reload;
static char keys[PATH_MAX];
static sem_t entered, may_go;		/* of prepare() */
static unsigned ended[8], ended_count;
static enum err results[8];
static const char *refusal;

static enum err prepare(void *ctx, struct snapshot *next, char *why,
			size_t size)
{
	(void)ctx;
	(void)next;
	sem_post(&entered);
	sem_wait(&may_go);
	if (refusal)
		snprintf(why, size, "%s", refusal);
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

static void begin(void)
{
	rig_begin();
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
	ck_assert_int_eq(reload_init(&reload), 0);
	reload_ask(&reload);
	while (reload_is_running(&reload))
		turn();
	ck_assert_ptr_nonnull(reload.first);
	ck_assert_uint_eq(ended_count, 0);
	gateway.snapshots = snapshot_slot_new(reload.first);
	reload.first = NULL;
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
	ck_assert_int_eq(report_worst(&reload.report), REPORT_FATAL);
	refusal = NULL;
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

static void add_tests(TCase *t)
{
	tcase_add_test(t, what_is_asked_for_during_one_is_one_more);
	tcase_add_test(t, one_that_is_refused_changes_nothing);
	tcase_add_test(t, one_that_is_stuck_is_left);
}

UNIT_MAIN("reload", add_tests)
