/* Names into addresses, with look-ups of our own. */
#include "fetch/resolver.h"

#include <pthread.h>
#include <semaphore.h>

#include "base/num.h"
#include "unit/unit.h"

static sem_t woken, entered, may_go;
static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static unsigned asked_count;

static void wake(void *ctx)
{
	sem_post(ctx);
}

/* "N.many" has N addresses. */
static int give_many(unsigned count, struct addrinfo **list_r)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
					.ai_flags = AI_NUMERICHOST };
	char text[32];
	int rc = 0;

	for (*list_r = NULL; count && !rc; count--) {
		snprintf(text, sizeof(text), "192.0.2.%u", count);
		rc = getaddrinfo(text, NULL, &hints, list_r);
		list_r = &(*list_r)->ai_next;
	}
	return rc;
}

static int lookup(const char *host, const char *service,
		  const struct addrinfo *hints, struct addrinfo **list_r)
{
	(void)service;
	ck_assert_int_eq(hints->ai_family, AF_UNSPEC);
	pthread_mutex_lock(&guard);
	asked_count++;
	pthread_mutex_unlock(&guard);
	if (!strncmp(host, "waits", 5)) {
		sem_post(&entered);
		sem_wait(&may_go);
		return give_many(1, list_r);
	}
	if (strstr(host, ".many")) {
		struct str rest;
		int64_t count;

		ck_assert(!num_i64(str_cut(str_from(host), '.', &rest), 0, 99,
				   &count));
		return give_many((unsigned)count, list_r);
	}
	return !strcmp(host, "again") ? EAI_AGAIN :
	       !strcmp(host, "fails") ? EAI_FAIL : EAI_NONAME;
}

static struct resolver *start(void)
{
	struct resolver *r;

	sem_init(&woken, 0, 0);
	sem_init(&entered, 0, 0);
	sem_init(&may_go, 0, 0);
	r = resolver_new(lookup, wake, &woken);
	ck_assert_ptr_nonnull(r);
	return r;
}

static struct question *ask(struct resolver *r, const char *host)
{
	struct question *q = resolver_ask(r, host);

	ck_assert_ptr_nonnull(q);
	return q;
}

static const struct {
	const char *host;
	unsigned count;
	const char *problem;
} answers[] = {
	{ "1.many", 1, NULL }, { "3.many", 3, NULL },
	{ "40.many", RESOLVER_ADDRESSES_MAX, NULL },
	{ "0.many", 0, "has no address" },
	{ "nobody", 0, "has no address" },
	{ "again", 0, "no name server answers" },
	{ "fails", 0, "cannot be looked up" },
};

START_TEST(a_name_has_addresses_or_a_problem)
{
	struct resolver *r = start();
	struct question *q = ask(r, answers[_i].host);
	struct resolved found;

	sem_wait(&woken);
	ck_assert(resolver_is_answered(r, q, &found));
	ck_assert_uint_eq(found.count, answers[_i].count);
	if (answers[_i].problem)
		ck_assert_ptr_nonnull(strstr(found.problem,
					     answers[_i].problem));
	/* as often as one likes */
	ck_assert(resolver_is_answered(r, q, &found));
	resolver_drop(r, q);
	resolver_drop(r, NULL);
	ck_assert(resolver_free(r));
}
END_TEST

/* So many as there are threads are looked up; the others stand in line, in which
 * one that is dropped was never asked for. */
START_TEST(who_waits_behind_those_that_hang_can_be_dropped)
{
	struct resolver *r = start();
	struct question *hanging[RESOLVER_THREADS], *behind[3];
	struct resolved found;

	for (unsigned i = 0; i < RESOLVER_THREADS; i++) {
		hanging[i] = ask(r, "waits");
		sem_wait(&entered);
	}
	behind[0] = ask(r, "1.many");
	behind[1] = ask(r, "2.many");
	behind[2] = ask(r, "3.many");
	ck_assert(!resolver_is_answered(r, behind[0], &found));
	resolver_drop(r, behind[2]);	/* the last, the first */
	resolver_drop(r, behind[0]);
	behind[2] = ask(r, "4.many");
	/* one that is being looked up, too: it wakes nobody */
	resolver_drop(r, hanging[0]);
	for (unsigned i = 0; i < RESOLVER_THREADS; i++)
		sem_post(&may_go);
	for (unsigned i = 1; i < RESOLVER_THREADS + 2; i++)
		sem_wait(&woken);
	ck_assert(resolver_is_answered(r, behind[1], &found));
	ck_assert_uint_eq(found.count, 2);
	ck_assert(resolver_is_answered(r, behind[2], &found));
	ck_assert_uint_eq(found.count, 4);
	for (unsigned i = 1; i < RESOLVER_THREADS; i++)
		resolver_drop(r, hanging[i]);
	resolver_drop(r, behind[1]);
	resolver_drop(r, behind[2]);
	ck_assert(resolver_free(r));
	ck_assert_uint_eq(asked_count, RESOLVER_THREADS + 2);
	ck_assert_int_ne(sem_trywait(&woken), 0);
}
END_TEST

START_TEST(an_end_that_waits_for_nobody_says_so)
{
	struct resolver *r = start();
	struct question *q = ask(r, "waits");

	sem_wait(&entered);
	resolver_drop(r, q);
	ck_assert(!resolver_free(r));
	/* and the thread takes the rest away when it comes back */
	sem_post(&may_go);
	ck_assert(resolver_free(NULL));
}
END_TEST

static void resolver_tests(TCase *tc)
{
	tcase_add_loop_test(tc, a_name_has_addresses_or_a_problem, 0,
			    sizeof(answers) / sizeof(answers[0]));
	tcase_add_test(tc, who_waits_behind_those_that_hang_can_be_dropped);
	tcase_add_test(tc, an_end_that_waits_for_nobody_says_so);
}

UNIT_MAIN("resolver", resolver_tests)
