/*
 * The first pages that are kept: shown to whom they are of, as long as nothing
 * changed.
 */
#include "desk/cache.h"

#include "unit/unit.h"

#define KEY(user, k, v) \
	((struct cache_key){ .user_id = (user), .kind = (k), .version = (v) })

static struct desk_cache *cache;

static void setup(void)
{
	cache = desk_cache_new(2);
	ck_assert_ptr_nonnull(cache);
}

static void teardown(void)
{
	desk_cache_free(cache);
}

START_TEST(a_page_shows_until_something_changes)
{
	struct str text = STR("before");

	ck_assert(!desk_cache_get(cache, 0, KEY(7, 0, 1), &text));
	desk_cache_put(cache, 0, KEY(7, 0, 1), STR("one"));
	ck_assert(desk_cache_get(cache, 0, KEY(7, 0, 1), &text));
	ck_str_is(text, "one");
	ck_assert(!desk_cache_get(cache, 0, KEY(7, 0, 2), &text));
	desk_cache_put(cache, 0, KEY(7, 0, 2), STR("two"));
	ck_assert(desk_cache_get(cache, 0, KEY(7, 0, 2), &text));
	ck_str_is(text, "two");
	ck_assert(!desk_cache_get(cache, 0, KEY(7, 0, 1), &text));
}
END_TEST

START_TEST(nobody_sees_anothers_page_whoever_has_the_place)
{
	struct str text = STR("");
	int64_t user;

	/* All that share a place, and their other lists. */
	desk_cache_put(cache, 0, KEY(7, 0, 1), STR("mine"));
	for (user = 1; user < 5000; user++)
		for (unsigned kind = 0; kind < CACHE_KINDS; kind++)
			if (user != 7 || kind)
				ck_assert(!desk_cache_get(cache, 0,
							  KEY(user, kind, 1),
							  &text));
	for (user = 8; user < 5000; user++)
		desk_cache_put(cache, 0, KEY(user, 0, 1), STR("other"));
	ck_assert(!desk_cache_get(cache, 0, KEY(7, 0, 1), &text));
}
END_TEST

START_TEST(each_worker_keeps_its_own)
{
	struct str text;

	desk_cache_put(cache, 1, KEY(7, 0, 1), STR("one"));
	ck_assert(!desk_cache_get(cache, 0, KEY(7, 0, 1), &text));
	ck_assert(desk_cache_get(cache, 1, KEY(7, 0, 1), &text));
	/* Others have none. */
	desk_cache_put(cache, 2, KEY(7, 0, 1), STR("two"));
	ck_assert(!desk_cache_get(cache, 2, KEY(7, 0, 1), &text));
	desk_cache_put(NULL, 0, KEY(7, 0, 1), STR("two"));
	ck_assert(!desk_cache_get(NULL, 0, KEY(7, 0, 1), &text));
	desk_cache_free(NULL);
}
END_TEST

START_TEST(what_is_too_long_is_not_kept_nor_what_it_replaces)
{
	static char text[CACHE_TEXT_MAX + 1];
	struct str out;

	memset(text, 'x', sizeof(text));
	desk_cache_put(cache, 0, KEY(7, 0, 1), STR("one"));
	desk_cache_put(cache, 0, KEY(7, 0, 2),
		       (struct str){ text, CACHE_TEXT_MAX + 1 });
	ck_assert(!desk_cache_get(cache, 0, KEY(7, 0, 1), &out));
	ck_assert(!desk_cache_get(cache, 0, KEY(7, 0, 2), &out));
	desk_cache_put(cache, 0, KEY(7, 0, 3),
		       (struct str){ text, CACHE_TEXT_MAX });
	ck_assert(desk_cache_get(cache, 0, KEY(7, 0, 3), &out));
	ck_assert_uint_eq(out.len, CACHE_TEXT_MAX);
}
END_TEST

static void cache_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_page_shows_until_something_changes);
	tcase_add_test(tcase, nobody_sees_anothers_page_whoever_has_the_place);
	tcase_add_test(tcase, each_worker_keeps_its_own);
	tcase_add_test(tcase,
		       what_is_too_long_is_not_kept_nor_what_it_replaces);
}

UNIT_MAIN("cache", cache_tests)
