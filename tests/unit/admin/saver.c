#include "admin/saver.h"

#include <pthread.h>

#include "unit/unit.h"

#define HOUR_MS (3600 * 1000)

/* Something that takes until it is let go. */
struct slow {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool is_open;
	unsigned begun, done;
};

static void save(void *ctx)
{
	struct slow *slow = ctx;

	pthread_mutex_lock(&slow->lock);
	slow->begun++;
	pthread_cond_broadcast(&slow->changed);
	while (!slow->is_open)
		pthread_cond_wait(&slow->changed, &slow->lock);
	slow->done++;
	pthread_cond_broadcast(&slow->changed);
	pthread_mutex_unlock(&slow->lock);
}

static void open_up(struct slow *slow)
{
	pthread_mutex_lock(&slow->lock);
	slow->is_open = true;
	pthread_cond_broadcast(&slow->changed);
	pthread_mutex_unlock(&slow->lock);
}

static void wait_for(struct slow *slow, const unsigned *count, unsigned n)
{
	pthread_mutex_lock(&slow->lock);
	while (*count < n)
		pthread_cond_wait(&slow->changed, &slow->lock);
	pthread_mutex_unlock(&slow->lock);
}

/* Were the asker the one who waits, this would never return. */
START_TEST(nobody_who_asks_waits)
{
	struct slow slow = { PTHREAD_MUTEX_INITIALIZER,
			     PTHREAD_COND_INITIALIZER, false, 0, 0 };
	struct saver *saver = saver_new(save, &slow);

	ck_assert_ptr_nonnull(saver);
	saver_ask(saver);
	wait_for(&slow, &slow.begun, 1);
	for (int i = 0; i < 10; i++)
		saver_ask(saver);
	ck_assert(!saver_free(saver, 1));
	open_up(&slow);
	ck_assert(saver_free(saver, HOUR_MS));
	/* those ten, and the last one, may have been one */
	ck_assert_uint_ge(slow.done, 2);
	ck_assert_uint_le(slow.done, 4);
}
END_TEST

START_TEST(the_end_saves_once_more)
{
	struct slow slow = { PTHREAD_MUTEX_INITIALIZER,
			     PTHREAD_COND_INITIALIZER, true, 0, 0 };
	struct saver *saver = saver_new(save, &slow);

	ck_assert_ptr_nonnull(saver);
	ck_assert(saver_free(saver, HOUR_MS));
	ck_assert_uint_eq(slow.done, 1);
	ck_assert(saver_free(NULL, 0));
}
END_TEST

START_TEST(what_is_asked_for_meanwhile_follows)
{
	struct slow slow = { PTHREAD_MUTEX_INITIALIZER,
			     PTHREAD_COND_INITIALIZER, false, 0, 0 };
	struct saver *saver = saver_new(save, &slow);

	saver_ask(saver);
	wait_for(&slow, &slow.begun, 1);
	saver_ask(saver);
	open_up(&slow);
	wait_for(&slow, &slow.done, 2);
	ck_assert(saver_free(saver, HOUR_MS));
	ck_assert_uint_eq(slow.done, 3);
}
END_TEST

static void saver_tests(TCase *tc)
{
	tcase_add_test(tc, nobody_who_asks_waits);
	tcase_add_test(tc, the_end_saves_once_more);
	tcase_add_test(tc, what_is_asked_for_meanwhile_follows);
}

UNIT_MAIN("saver", saver_tests)
