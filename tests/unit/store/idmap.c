#include "store/idmap.h"

#include "unit/unit.h"

#define NODES 50000

static int64_t id_of(int i)
{
	/* as sessions have them: the time in the high bits */
	return (int64_t)(1700000000000 + i) << 20;
}

static struct idmap_node *get(struct idmap *map, int64_t id)
{
	struct idmap_stripe *s = idmap_lock(map, id);
	struct idmap_node *n = idmap_get(s, id);

	idmap_unlock(s);
	return n;
}

START_TEST(what_was_added_is_found_until_it_is_taken_out)
{
	struct idmap_node *nodes = calloc(NODES, sizeof(*nodes));
	struct idmap map;
	unsigned longest = 0, bad = 0;

	ck_assert_int_eq(idmap_init(&map), ERR_OK);
	for (int i = 0; i < NODES; i++) {
		struct idmap_stripe *s = idmap_lock(&map, id_of(i));

		nodes[i].id = id_of(i);
		bad += idmap_get(s, id_of(i)) != NULL;
		idmap_add(s, &nodes[i]);
		idmap_unlock(s);
	}
	for (int i = 0; i < IDMAP_STRIPES; i++)
		for (unsigned b = 0; b <= map.stripes[i].mask; b++) {
			struct idmap_node *n = map.stripes[i].buckets[b];
			unsigned length = 0;

			for (; n; n = n->next)
				length++;
			longest = length > longest ? length : longest;
		}
	ck_assert_msg(longest < 16, "chains stay short: %u", longest);
	for (int i = 0; i < NODES; i += 2) {
		struct idmap_stripe *s = idmap_lock(&map, id_of(i));

		bad += idmap_del(s, id_of(i)) != &nodes[i];
		bad += idmap_del(s, id_of(i)) != NULL;
		idmap_unlock(s);
	}
	for (int i = 0; i < NODES; i++)
		bad += get(&map, id_of(i)) != (i % 2 ? &nodes[i] : NULL);
	ck_assert_uint_eq(bad, 0);
	idmap_done(&map);
	free(nodes);
}
END_TEST

static size_t buckets_of(const struct idmap *map)
{
	size_t n = 0;

	for (int i = 0; i < IDMAP_STRIPES; i++)
		n += map->stripes[i].mask + 1;
	return n;
}

START_TEST(the_table_costs_eight_octets_an_element_at_most)
{
	struct idmap_node *nodes = calloc(NODES, sizeof(*nodes));
	struct idmap map;

	ck_assert_int_eq(idmap_init(&map), ERR_OK);
	for (int i = 0; i < NODES; i++) {
		struct idmap_stripe *s = idmap_lock(&map, id_of(i));

		nodes[i].id = id_of(i);
		idmap_add(s, &nodes[i]);
		idmap_unlock(s);
		/* while it is small it has its first buckets */
		if (i > 4096)
			ck_assert_uint_le(buckets_of(&map) *
					  sizeof(struct idmap_node *),
					  (size_t)(i + 1) * 8 * 11 / 10);
	}
	idmap_done(&map);
	free(nodes);
}
END_TEST

START_TEST(what_was_expected_moves_nothing)
{
	struct idmap_node *nodes = calloc(NODES, sizeof(*nodes));
	struct idmap map, grown;
	size_t buckets;

	ck_assert_int_eq(idmap_init(&map), ERR_OK);
	ck_assert_int_eq(idmap_init(&grown), ERR_OK);
	idmap_expect(&map, NODES);
	buckets = buckets_of(&map);
	for (int i = 0; i < NODES; i++) {
		struct idmap_stripe *s = idmap_lock(&map, id_of(i));

		nodes[i].id = id_of(i);
		idmap_add(s, &nodes[i]);
		idmap_unlock(s);
		ck_assert_uint_eq(buckets_of(&map), buckets);
	}
	for (int i = 0; i < NODES; i++)
		ck_assert_ptr_eq(get(&map, id_of(i)), &nodes[i]);
	/* and is no larger than it would have grown */
	for (int i = 0; i < NODES; i++) {
		struct idmap_stripe *s = idmap_lock(&grown, id_of(i));

		idmap_add(s, &nodes[i]);
		idmap_unlock(s);
	}
	ck_assert_uint_eq(buckets_of(&grown), buckets);
	idmap_done(&map);
	idmap_done(&grown);
	free(nodes);
}
END_TEST

static void idmap_tests(TCase *tc)
{
	tcase_add_test(tc, the_table_costs_eight_octets_an_element_at_most);
	tcase_add_test(tc, what_was_expected_moves_nothing);
	tcase_add_test(tc, what_was_added_is_found_until_it_is_taken_out);
}

UNIT_MAIN("idmap", idmap_tests)
