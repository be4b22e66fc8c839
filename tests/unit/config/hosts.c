/* Who lives on which host name, and who shares one. */
#include "config/snapshot-private.h"

#include "unit/unit.h"

#define GATEWAY_HOST "tickets.test"

static struct snapshot *snapshot;
static struct tenant tenants[8];
static struct tenant *list[8];

static void set_up(void)
{
	snapshot = snapshot_new(NULL);
	ck_assert_ptr_nonnull(snapshot);
	snapshot->gateway.public_url.host = STR(GATEWAY_HOST);
	snapshot->tenants = list;
	memset(tenants, 0, sizeof(tenants));
}

static void tear_down(void)
{
	snapshot->tenant_count = 0;
	snapshot_unref(snapshot);
}

static struct tenant *move_in(const char *slug, const char *host,
			      enum tenant_state state)
{
	struct tenant *t = &tenants[snapshot->tenant_count];

	t->slug = str_from(slug);
	t->url.host = str_from(host);
	t->state = state;
	list[snapshot->tenant_count++] = t;
	return t;
}

static const struct host *at(const char *name)
{
	return snapshot_host(snapshot, str_from(name));
}

START_TEST(a_gateway_alone_has_its_host)
{
	ck_assert_int_eq(hosts_build(snapshot), 0);
	ck_assert_ptr_nonnull(at(GATEWAY_HOST));
	ck_assert(at(GATEWAY_HOST)->is_gateway);
	ck_assert_uint_eq(at(GATEWAY_HOST)->tenant_count, 0);
	ck_assert_ptr_null(at("acme.test"));
	ck_assert_ptr_null(at(""));
}
END_TEST

START_TEST(each_host_has_its_tenants_by_slug)
{
	struct tenant *acme = move_in("acme", "b.test", TENANT_SERVING);
	struct tenant *beta = move_in("beta", "a.test", TENANT_SERVING);
	struct tenant *gamma = move_in("gamma", "b.test", TENANT_SERVING);
	struct tenant *delta = move_in("delta", GATEWAY_HOST, TENANT_SERVING);

	ck_assert_int_eq(hosts_build(snapshot), 0);
	ck_assert_uint_eq(at("a.test")->tenant_count, 1);
	ck_assert_ptr_eq(at("a.test")->tenants[0], beta);
	ck_assert(!at("a.test")->is_gateway);
	ck_assert_uint_eq(at("b.test")->tenant_count, 2);
	ck_assert_ptr_eq(at("b.test")->tenants[0], acme);
	ck_assert_ptr_eq(at("b.test")->tenants[1], gamma);
	ck_assert_uint_eq(at(GATEWAY_HOST)->tenant_count, 1);
	ck_assert_ptr_eq(at(GATEWAY_HOST)->tenants[0], delta);
	ck_assert(at(GATEWAY_HOST)->is_gateway);
	/* cookies of two on one name must not meet */
	ck_assert(!beta->is_shared);
	ck_assert(acme->is_shared);
	ck_assert(gamma->is_shared);
	ck_assert(delta->is_shared);
}
END_TEST

/* All that is needed is the name: one that begins alike is another. */
START_TEST(names_are_whole)
{
	move_in("acme", "a.test", TENANT_SERVING);
	move_in("beta", "a.test.example", TENANT_SERVING);
	move_in("gamma", "aa.test", TENANT_SERVING);
	ck_assert_int_eq(hosts_build(snapshot), 0);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_uint_eq(snapshot_host(snapshot, list[i]->url.host)
				  ->tenant_count, 1);
		ck_assert(!list[i]->is_shared);
	}
	ck_assert_ptr_null(at("a.tes"));
	ck_assert_ptr_null(at("test"));
	ck_assert_ptr_null(at("A.TEST"));
}
END_TEST

START_TEST(who_is_switched_off_or_has_no_url_lives_nowhere)
{
	struct tenant *off = move_in("acme", "a.test", TENANT_DISABLED);
	struct tenant *on = move_in("beta", "b.test", TENANT_SERVING);
	struct tenant *broken = move_in("gamma", "c.test", TENANT_BROKEN);

	move_in("delta", NULL, TENANT_BROKEN);
	move_in("eps", "b.test", TENANT_DISABLED);
	ck_assert_int_eq(hosts_build(snapshot), 0);
	ck_assert_ptr_null(at("a.test"));
	ck_assert(!off->is_shared);
	ck_assert_uint_eq(at("b.test")->tenant_count, 1);
	ck_assert(!on->is_shared);
	/* one that is broken is answered for at its own address */
	ck_assert_uint_eq(at("c.test")->tenant_count, 1);
	ck_assert_ptr_eq(at("c.test")->tenants[0], broken);
	ck_assert_ptr_null(at(""));
}
END_TEST

START_TEST(without_memory_it_says_so)
{
	struct pool *whole = snapshot->private->pool;

	snapshot->private->pool = pool_new(64);
	for (unsigned i = 0; i < 8; i++)
		move_in("acme", "a.test", TENANT_SERVING);
	ck_assert_int_eq(hosts_build(snapshot), -1);
	pool_free(snapshot->private->pool);
	snapshot->private->pool = whole;
}
END_TEST

static void hosts_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_gateway_alone_has_its_host);
	tcase_add_test(tc, each_host_has_its_tenants_by_slug);
	tcase_add_test(tc, names_are_whole);
	tcase_add_test(tc, who_is_switched_off_or_has_no_url_lives_nowhere);
	tcase_add_test(tc, without_memory_it_says_so);
}

UNIT_MAIN("hosts", hosts_tests)
