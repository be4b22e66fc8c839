#include "admin/saver.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/thread.h"

struct saver {
	void (*save)(void *ctx);
	void *ctx;
	pthread_t thread;
	pthread_mutex_t lock;		/* of all that follows */
	pthread_cond_t changed;
	bool is_asked, must_end, has_ended;
};

/* Until there is something to do; false: the last one was done. */
static bool wait_for_order(struct saver *s)
{
	bool goes_on;

	pthread_mutex_lock(&s->lock);
	while (!s->is_asked && !s->must_end)
		pthread_cond_wait(&s->changed, &s->lock);
	goes_on = s->is_asked;
	s->is_asked = false;
	pthread_mutex_unlock(&s->lock);
	return goes_on;
}

static void *saver_main(void *arg)
{
	struct saver *s = arg;

	pthread_setname_np(pthread_self(), "usher-saver");
	while (wait_for_order(s))
		s->save(s->ctx);
	pthread_mutex_lock(&s->lock);
	s->has_ended = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static void destroy(struct saver *s)
{
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

struct saver *saver_new(void (*save)(void *ctx), void *ctx)
{
	struct saver *s = calloc(1, sizeof(*s));
	pthread_condattr_t attr;

	if (!s)
		return NULL;
	s->save = save;
	s->ctx = ctx;
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->changed, &attr);
	pthread_condattr_destroy(&attr);
	if (thread_start(&s->thread, saver_main, s)) {
		destroy(s);
		return NULL;
	}
	return s;
}

void saver_ask(struct saver *s)
{
	pthread_mutex_lock(&s->lock);
	s->is_asked = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

bool saver_free(struct saver *s, int64_t ms)
{
	const int64_t end_ms = clock_mono_ms() + ms;
	const struct timespec end = {
		.tv_sec = end_ms / 1000,
		.tv_nsec = end_ms % 1000 * 1000000,
	};
	bool has_ended;

	if (!s)
		return true;
	pthread_mutex_lock(&s->lock);
	s->is_asked = s->must_end = true;
	pthread_cond_broadcast(&s->changed);
	while (!s->has_ended)
		if (pthread_cond_timedwait(&s->changed, &s->lock, &end) ==
		    ETIMEDOUT)
			break;
	has_ended = s->has_ended;
	pthread_mutex_unlock(&s->lock);
	if (!has_ended)
		return false;
	pthread_join(s->thread, NULL);
	destroy(s);
	return true;
}
