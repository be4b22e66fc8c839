#include "fetch/resolver.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/thread.h"
#include "codec/url.h"

/* An idle thread is gone at once; one that hangs has no more than this. */
#define FREE_MS 100

struct question {
	struct question *next;
	bool is_answered, is_dropped, is_asked;	/* asked: a thread has it */
	struct resolved answer;
	char host[URL_HOST_MAX + 1];
};

/* Lives until its owner and the last thread are done with it. */
struct resolver {
	resolver_fn *lookup;
	void (*wake)(void *ctx);
	void *ctx;
	pthread_mutex_t lock;		/* of all that follows, and of what
					 * the questions hold */
	pthread_cond_t changed;
	struct question *first, **last;	/* that no thread has yet */
	unsigned waiting;		/* of them */
	unsigned threads, idle;
	bool has_ended;
};

static void destroy(struct resolver *r)
{
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

struct resolver *resolver_new(resolver_fn *lookup, void (*wake)(void *ctx),
			      void *ctx)
{
	struct resolver *r = calloc(1, sizeof(*r));
	pthread_condattr_t attr;

	if (!r)
		return NULL;
	r->lookup = lookup;
	r->wake = wake;
	r->ctx = ctx;
	r->last = &r->first;
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->changed, &attr);
	pthread_condattr_destroy(&attr);
	return r;
}

static const char *problem_of(int rc)
{
	switch (rc) {
	case EAI_NONAME:
#ifdef EAI_NODATA
	case EAI_NODATA:
#endif
		return "its name has no address";
	case EAI_AGAIN:
		return "no name server answers for its name";
	default:
		return "its name cannot be looked up";
	}
}

static void look_up(const struct resolver *r, const char *host,
		    struct resolved *out)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC,
					.ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	int rc = r->lookup(host, NULL, &hints, &list);

	*out = (struct resolved){ .problem = problem_of(rc) };
	if (rc)
		return;
	for (struct addrinfo *a = list; a; a = a->ai_next)
		if (out->count < RESOLVER_ADDRESSES_MAX)
			out->ip[out->count++] = ip_from_sockaddr(a->ai_addr);
	if (list)
		freeaddrinfo(list);
	if (!out->count)
		out->problem = problem_of(EAI_NONAME);
}

/* Under the lock, which is let go meanwhile. */
static void answer(struct resolver *r, struct question *q)
{
	char host[URL_HOST_MAX + 1];
	struct resolved found;

	memcpy(host, q->host, sizeof(host));
	pthread_mutex_unlock(&r->lock);
	look_up(r, host, &found);
	pthread_mutex_lock(&r->lock);
	q->answer = found;
	q->is_answered = true;
	if (q->is_dropped)
		free(q);
	else
		r->wake(r->ctx);
}

static struct question *take(struct resolver *r)
{
	struct question *q = r->first;

	r->first = q->next;
	if (!r->first)
		r->last = &r->first;
	r->waiting--;
	q->is_asked = true;
	return q;
}

static void *resolver_main(void *arg)
{
	struct resolver *r = arg;
	bool is_last;

	pthread_setname_np(pthread_self(), "usher-resolver");
	pthread_mutex_lock(&r->lock);
	while (!r->has_ended) {
		if (r->first) {
			answer(r, take(r));
			continue;
		}
		r->idle++;
		pthread_cond_wait(&r->changed, &r->lock);
		r->idle--;
	}
	r->threads--;
	is_last = !r->threads;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
	/* the owner counts as a thread until it let go */
	if (is_last)
		destroy(r);
	return NULL;
}

/* Under the lock. 0 where there is one for it. */
static int have_thread(struct resolver *r)
{
	pthread_t thread;

	if (r->idle >= r->waiting || r->threads == RESOLVER_THREADS)
		return 0;
	if (thread_start(&thread, resolver_main, r))
		return r->threads ? 0 : -1;
	pthread_detach(thread);
	r->threads++;
	return 0;
}

struct question *resolver_ask(struct resolver *r, const char *host)
{
	struct question *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	snprintf(q->host, sizeof(q->host), "%s", host);
	pthread_mutex_lock(&r->lock);
	*r->last = q;
	r->last = &q->next;
	r->waiting++;
	if (have_thread(r)) {
		/* without a thread it is the only one */
		r->first = NULL;
		r->last = &r->first;
		r->waiting = 0;
		free(q);
		q = NULL;
	}
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->lock);
	return q;
}

bool resolver_is_answered(struct resolver *r, struct question *q,
			  struct resolved *out_r)
{
	bool is_answered;

	pthread_mutex_lock(&r->lock);
	is_answered = q->is_answered;
	if (is_answered)
		*out_r = q->answer;
	pthread_mutex_unlock(&r->lock);
	return is_answered;
}

/* Under the lock: out of the line. */
static void withdraw(struct resolver *r, struct question *q)
{
	struct question **at = &r->first;

	while (*at != q)
		at = &(*at)->next;
	*at = q->next;
	if (r->last == &q->next)
		r->last = at;
	r->waiting--;
}

void resolver_drop(struct resolver *r, struct question *q)
{
	if (!q)
		return;
	pthread_mutex_lock(&r->lock);
	if (!q->is_asked)
		withdraw(r, q);
	q->is_dropped = true;
	/* the thread that has it frees it */
	if (!q->is_asked || q->is_answered)
		free(q);
	pthread_mutex_unlock(&r->lock);
}

bool resolver_free(struct resolver *r)
{
	const int64_t end_ms = clock_mono_ms() + FREE_MS;
	const struct timespec end = {
		.tv_sec = end_ms / 1000,
		.tv_nsec = end_ms % 1000 * 1000000,
	};
	bool is_free;

	if (!r)
		return true;
	pthread_mutex_lock(&r->lock);
	r->threads++;			/* us */
	r->has_ended = true;
	pthread_cond_broadcast(&r->changed);
	while (r->threads > 1)
		if (pthread_cond_timedwait(&r->changed, &r->lock, &end))
			break;
	r->threads--;
	is_free = !r->threads;
	pthread_mutex_unlock(&r->lock);
	if (is_free)
		destroy(r);
	return is_free;
}
