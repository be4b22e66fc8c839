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

static void idmap_tests(TCase *tc)
{
	tcase_add_test(tc, what_was_added_is_found_until_it_is_taken_out);
}

UNIT_MAIN("idmap", idmap_tests)
