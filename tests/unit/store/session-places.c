#include "store/session-places.h"

#include "unit/unit.h"

#define TENANTS 200

static struct session_where where(const char *tenant, const char *host)
{
	return (struct session_where){
		.tenant = str_from(tenant), .host = str_from(host),
		.epoch = 3, .idle_s = 1800, .life_s = 28800,
	};
}

static unsigned count_of(const struct idmap *map)
{
	unsigned n = 0;

	for (int i = 0; i < IDMAP_STRIPES; i++)
		n += map->stripes[i].count;
	return n;
}

START_TEST(what_is_the_same_is_kept_once)
{
	struct session_where a = where("acme", "desk.acme.example");
	struct session_where others[] = { a, a, a, a, a, a };
	struct session_place *first, *other[6];
	struct session_places ps;
	char tenant[] = "acme", host[] = "desk.acme.example";

	ck_assert_int_eq(session_places_init(&ps), ERR_OK);
	first = session_place_ref(&ps, &a);
	ck_assert_ptr_nonnull(first);
	/* by what it says, not by where that stands */
	a = where(tenant, host);
	ck_assert_ptr_eq(session_place_ref(&ps, &a), first);
	memset(tenant, 'x', sizeof(tenant) - 1);
	memset(host, 'x', sizeof(host) - 1);
	ck_str_is(first->tenant->slug, "acme");
	ck_str_is(first->host, "desk.acme.example");
	/* where the border between them is matters, too */
	others[0] = where("acm", "edesk.acme.example");
	others[1].host = STR("desk.acme.exampl");
	others[2].epoch++;
	others[3].kind = SESSION_EMBEDDED;
	others[4].idle_s++;
	others[5].life_s++;
	for (int i = 0; i < 6; i++) {
		other[i] = session_place_ref(&ps, &others[i]);
		ck_assert_ptr_ne(other[i], first);
		ck_assert_int_eq(other[i]->tenant == first->tenant, i > 0);
		ck_assert_ptr_eq(session_place_ref(&ps, &others[i]), other[i]);
	}
	ck_assert_uint_eq(count_of(&ps.places), 7);
	ck_assert_uint_eq(count_of(&ps.tenants), 2);
	/* and is gone with the last who has it */
	for (int i = 0; i < 6; i++) {
		session_place_unref(&ps, other[i]);
		session_place_unref(&ps, other[i]);
	}
	session_place_unref(&ps, first);
	ck_assert_uint_eq(count_of(&ps.places), 1);
	ck_assert_uint_eq(count_of(&ps.tenants), 1);
	session_place_unref(&ps, first);
	ck_assert_uint_eq(count_of(&ps.places), 0);
	ck_assert_uint_eq(count_of(&ps.tenants), 0);
	ck_assert_ptr_null(session_places_top(&ps));
	session_places_done(&ps);
}
END_TEST

static unsigned most(struct session_place *const *v)
{
	unsigned n = 0;

	for (int i = 0; i < TENANTS; i++)
		if (v[i] && v[i]->tenant->held > n)
			n = v[i]->tenant->held;
	return n;
}

/* Held against a look at each of them. */
START_TEST(who_holds_most_is_known_at_any_time)
{
	struct session_place *v[TENANTS] = { NULL };
	struct session_places ps;
	uint64_t seed = 88172645463325252u;
	unsigned bad = 0;

	ck_assert_int_eq(session_places_init(&ps), ERR_OK);
	for (int turn = 0; turn < 20000; turn++) {
		unsigned i, what;
		char name[16];

		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		i = seed % TENANTS;
		what = seed / TENANTS % 16;
		if (!v[i]) {
			struct session_where w;

			snprintf(name, sizeof(name), "t%u", i);
			w = where(name, "h");
			v[i] = session_place_ref(&ps, &w);
			ck_assert_ptr_nonnull(v[i]);
		} else if (!what) {
			session_place_unref(&ps, v[i]);
			v[i] = NULL;
		} else {
			session_tenant_count(&ps, v[i]->tenant,
				what < 7 && v[i]->tenant->held ? -1 : 1);
		}
		if (ps.tenant_count)
			bad += session_places_top(&ps)->held != most(v);
	}
	ck_assert_uint_eq(bad, 0);
	for (int i = 0; i < TENANTS; i++)
		if (v[i])
			session_place_unref(&ps, v[i]);
	ck_assert_uint_eq(ps.tenant_count, 0);
	session_places_done(&ps);
}
END_TEST

static void places_tests(TCase *tc)
{
	tcase_add_test(tc, what_is_the_same_is_kept_once);
	tcase_add_test(tc, who_holds_most_is_known_at_any_time);
}

UNIT_MAIN("session-places", places_tests)
