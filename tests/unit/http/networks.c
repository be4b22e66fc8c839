#include <stdatomic.h>

#include "http/networks.h"

#include <pthread.h>

#include "base/hash.h"
#include "unit/unit.h"

static struct networks *networks;

static enum err enter(const char *address, unsigned max,
		      struct network **network_r)
{
	struct ip ip;

	ck_assert_int_eq(ip_parse(str_from(address), &ip), ERR_OK);
	return networks_enter(networks, &ip, max, network_r);
}

START_TEST(a_network_is_an_ipv4_address_or_an_ipv6_64)
{
	struct network *a, *b, *other, *v6, *next;

	networks = networks_new();
	ck_assert_int_eq(enter("192.0.2.1", 2, &a), ERR_OK);
	ck_assert_int_eq(enter("192.0.2.1", 2, &b), ERR_OK);
	ck_assert_int_eq(enter("192.0.2.1", 2, &other), ERR_LIMIT);
	ck_assert_int_eq(enter("192.0.2.2", 2, &other), ERR_OK);
	ck_assert_int_eq(enter("2001:db8::1", 1, &v6), ERR_OK);
	ck_assert_int_eq(enter("2001:db8::ffff:1:2:3", 1, &next), ERR_LIMIT);
	ck_assert_int_eq(enter("2001:db8:0:1::1", 1, &next), ERR_OK);
	ck_assert_uint_eq(networks_count(networks), 4);
	networks_leave(networks, NULL);
	networks_leave(networks, a);
	ck_assert_int_eq(enter("192.0.2.1", 2, &a), ERR_OK);
	networks_leave(networks, a);
	networks_leave(networks, b);
	networks_leave(networks, other);
	networks_leave(networks, v6);
	ck_assert_uint_eq(networks_count(networks), 1);
	networks_leave(networks, next);
	ck_assert_uint_eq(networks_count(networks), 0);
	networks_free(networks);
	networks_free(NULL);
}
END_TEST

#define ROUNDS 20000

static atomic_uint refused;

/* Never more than two of a network, of three. */
static void *come_and_go(void *arg)
{
	const char *address = arg;
	struct network *network;

	for (int i = 0; i < ROUNDS; i++)
		if (enter(address, 3, &network) == ERR_OK)
			networks_leave(networks, network);
		else
			atomic_fetch_add(&refused, 1);
	return NULL;
}

START_TEST(threads_may_come_and_go)
{
	static const char *const from[] = { "192.0.2.1", "192.0.2.1",
					    "2001:db8::1", "2001:db8::2" };
	pthread_t threads[N_ELEMENTS(from)];

	networks = networks_new();
	for (size_t i = 0; i < N_ELEMENTS(from); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, come_and_go,
						(void *)from[i]), 0);
	for (size_t i = 0; i < N_ELEMENTS(from); i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(networks_count(networks), 0);
	ck_assert_uint_eq(refused, 0);
	networks_free(networks);
}
END_TEST

static void add_tests(TCase *tcase)
{
	hash_init();
	tcase_add_test(tcase, a_network_is_an_ipv4_address_or_an_ipv6_64);
	tcase_add_test(tcase, threads_may_come_and_go);
}

UNIT_MAIN("networks", add_tests)
