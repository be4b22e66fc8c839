#include "store/parking.h"

#include "unit/store/rig.h"

#define NOW_S 1700000000LL

static char content[PARKED_MAX];

static enum err park(struct rig *rig, unsigned n, const char *tenant,
		     const char *client, size_t len)
{
	struct parked p = { .job.done = rig_done, .tenant = str_from(tenant),
		.client = str_from(client), .content = { content, len },
		.exp_s = clock_wall_s() + 120 };
	enum err err;

	memcpy(p.id, &n, sizeof(n));
	err = parking_add(store_parking(rig->store), &p);
	if (err)
		return err;
	rig_wait(1);
	return p.job.result;
}

static enum err get(struct rig *rig, unsigned n, const char *tenant,
		    struct str *out)
{
	uint8_t id[PARKED_ID_LEN] = { 0 };

	memcpy(id, &n, sizeof(n));
	return parking_get(store_reader(rig->store, 0), str_from(tenant), id,
			   rig->pool, out);
}

static int64_t rows(struct rig *rig)
{
	return rig_sql(rig, "SELECT count(*) FROM parked");
}

static void set_up(struct rig *rig)
{
	memset(content, 'c', sizeof(content));
	clock_hold(NOW_S * 1000);
	rig_open(rig);
}

START_TEST(what_was_parked_is_there_for_its_tenant_alone)
{
	struct str out = STR_NULL;
	struct rig rig;

	set_up(&rig);
	ck_assert_int_eq(park(&rig, 1, "acme", "192.0.2.1", PARKED_MAX),
			 ERR_OK);
	rig_stop(&rig);
	rig_start(&rig);
	ck_assert_int_eq(get(&rig, 1, "acme", &out), ERR_OK);
	ck_assert(str_eq(out, (struct str){ content, PARKED_MAX }));
	ck_assert_int_eq(get(&rig, 1, "blue", &out), ERR_NOT_FOUND);
	ck_assert_int_eq(get(&rig, 2, "acme", &out), ERR_NOT_FOUND);
	rig_close(&rig);
}
END_TEST

START_TEST(one_client_has_few_places_and_one_row_an_end)
{
	struct rig rig;
	unsigned n = 0;

	set_up(&rig);
	ck_assert_int_eq(park(&rig, 99, "acme", "192.0.2.1", PARKED_MAX + 1),
			 ERR_LIMIT);
	while (n < PARKED_CLIENT_MAX)
		ck_assert_int_eq(park(&rig, n++, "acme", "192.0.2.1", 10),
				 ERR_OK);
	ck_assert_int_eq(park(&rig, n, "acme", "192.0.2.1", 10), ERR_LIMIT);
	/* nor at another tenant: it is one client */
	ck_assert_int_eq(park(&rig, n, "blue", "192.0.2.1", 10), ERR_LIMIT);
	ck_assert_int_eq(park(&rig, n, "acme", "192.0.2.2", 10), ERR_OK);
	ck_assert_int_eq(rows(&rig), PARKED_CLIENT_MAX + 1);
	/* their time over, they count no more */
	clock_hold((NOW_S + 120) * 1000);
	ck_assert_int_eq(park(&rig, 77, "acme", "192.0.2.1", 10), ERR_OK);
	rig_close(&rig);
}
END_TEST

START_TEST(a_tenant_at_its_bound_costs_the_others_nothing)
{
	const unsigned most = PARKED_TENANT_MAX / PARKED_MAX;
	char client[32];
	struct rig rig;

	set_up(&rig);
	for (unsigned i = 0; i < most; i++) {
		snprintf(client, sizeof(client), "client %u", i);
		ck_assert_int_eq(park(&rig, i, "acme", client, PARKED_MAX),
				 ERR_OK);
	}
	ck_assert_int_eq(park(&rig, most, "acme", "another", PARKED_MAX),
			 ERR_LIMIT);
	ck_assert_int_eq(park(&rig, most, "blue", "another", PARKED_MAX),
			 ERR_OK);
	rig_close(&rig);
}
END_TEST

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

static void batch_done(void *ctx)
{
	(void)ctx;
	pthread_mutex_lock(&lock);
	pthread_cond_signal(&cond);
	pthread_mutex_unlock(&lock);
}

START_TEST(what_nobody_came_for_is_swept)
{
	const struct store_options options = { .sweep_ms = 1,
					       .batch_done = batch_done };
	struct str out;
	struct rig rig;

	set_up(&rig);
	ck_assert_int_eq(park(&rig, 1, "acme", "a", 10), ERR_OK);
	clock_hold((NOW_S + 60) * 1000);
	ck_assert_int_eq(park(&rig, 2, "acme", "a", 10), ERR_OK);
	rig_stop(&rig);
	clock_hold((NOW_S + 120) * 1000);
	rig_start_with(&rig, options);
	pthread_mutex_lock(&lock);
	while (rows(&rig) > 1)
		pthread_cond_wait(&cond, &lock);
	pthread_mutex_unlock(&lock);
	ck_assert_int_eq(get(&rig, 2, "acme", &out), ERR_OK);
	rig_close(&rig);
}
END_TEST

static void parking_tests(TCase *tc)
{
	tcase_add_test(tc, what_was_parked_is_there_for_its_tenant_alone);
	tcase_add_test(tc, one_client_has_few_places_and_one_row_an_end);
	tcase_add_test(tc, a_tenant_at_its_bound_costs_the_others_nothing);
	tcase_add_test(tc, what_nobody_came_for_is_swept);
}

UNIT_MAIN("parking", parking_tests)
