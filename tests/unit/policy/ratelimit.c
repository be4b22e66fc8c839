#include "unit/unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "policy/ratelimit.h"

#define S INT64_C(1000)			/* ms */
#define HOUR (3600 * S)
#define DAY (24 * HOUR)
#define NOW INT64_C(1795371060000)	/* 2026-11-22T18:11:00Z */

static const struct ratelimit_rule hourly = { 60, 3600 };
static const struct str everybody = { "", 0 };

static struct ratelimit *limiter;

static void set_up(void)
{
	limiter = ratelimit_new(0);
	ck_assert_ptr_nonnull(limiter);
}

static void tear_down(void)
{
	ratelimit_free(limiter);
}

static struct ip ip(const char *text)
{
	struct ip out;

	if (ip_parse(str_from(text), &out))
		ck_abort_msg("%s is no address", text);
	return out;
}

static struct ratelimit_verdict ask(const char *client, int64_t now)
{
	struct ip from = ip(client);

	return ratelimit_check(limiter, everybody, hourly, &from, now);
}

static unsigned burst(const char *client, unsigned count, int64_t now)
{
	unsigned allowed = 0;

	while (count--)
		allowed += ask(client, now).allowed;
	return allowed;
}

/* ---- one client --------------------------------------------------------- */

static void give_back(const char *client, int64_t now)
{
	struct ip from = ip(client);

	ratelimit_give_back(limiter, everybody, hourly, &from, now);
}

START_TEST(what_is_given_back_can_be_used_again)
{
	static const char *const clients[] = { "192.0.2.1", "2001:db8::1" };

	for (size_t i = 0; i < N_ELEMENTS(clients); i++) {
		const char *client = clients[i];

		/* more than they have is nobody's */
		give_back(client, NOW);
		ck_assert_uint_eq(ask(client, NOW).remaining, 59);
		give_back(client, NOW);
		give_back(client, NOW);
		ck_assert_uint_eq(burst(client, 100, NOW), 60);
		give_back(client, NOW);
		ck_assert_uint_eq(burst(client, 2, NOW), 1);
		/* what came back by itself meanwhile is not counted twice */
		give_back(client, NOW + 3600 * S);
		ck_assert_uint_eq(burst(client, 100, NOW + 3600 * S), 60);
	}
	/* of a /48 as a whole, too */
	for (int i = 0; i < 2000; i++) {
		char one[32];

		snprintf(one, sizeof(one), "2001:db8:1:%x::1", i);
		ck_assert(ask(one, NOW).allowed);
		give_back(one, NOW);
	}
}
END_TEST

START_TEST(sixty_at_once_then_one_a_minute)
{
	struct ratelimit_verdict v;

	for (uint32_t i = 1; i <= 60; i++) {
		v = ask("192.0.2.1", NOW);
		ck_assert(v.allowed);
		ck_assert_uint_eq(v.limit, 60);
		ck_assert_uint_eq(v.remaining, 60 - i);
		ck_assert_uint_eq(v.retry_after_s, 0);
	}
	v = ask("192.0.2.1", NOW);
	ck_assert(!v.allowed);
	ck_assert_uint_eq(v.limit, 60);
	ck_assert_uint_eq(v.remaining, 0);
	ck_assert_uint_eq(v.retry_after_s, 60);

	v = ask("192.0.2.1", NOW + 59999);
	ck_assert(!v.allowed);
	ck_assert_uint_eq(v.retry_after_s, 1);
	v = ask("192.0.2.1", NOW + 60 * S);
	ck_assert(v.allowed);
	ck_assert_uint_eq(v.remaining, 0);
	ck_assert(!ask("192.0.2.1", NOW + 60 * S).allowed);
}
END_TEST

/* To look costs nothing, however often, and tells what a request would get. */
START_TEST(a_look_counts_nothing)
{
	struct ip from = ip("2001:db8::1");
	struct ratelimit_verdict v;

	for (int i = 0; i < 100; i++) {
		v = ratelimit_peek(limiter, everybody, hourly, &from, NOW);
		ck_assert(v.allowed);
		ck_assert_uint_eq(v.remaining, 60);
	}
	ck_assert_uint_eq(ratelimit_stats(limiter).clients, 0);
	ck_assert_uint_eq(burst("2001:db8::1", 59, NOW), 59);
	v = ratelimit_peek(limiter, everybody, hourly, &from, NOW);
	ck_assert(v.allowed);
	ck_assert_uint_eq(v.remaining, 1);
	ck_assert(ask("2001:db8::1", NOW).allowed);
	v = ratelimit_peek(limiter, everybody, hourly, &from, NOW);
	ck_assert(!v.allowed);
	ck_assert_uint_eq(v.remaining, 0);
	ck_assert_uint_eq(v.retry_after_s, 60);
	ck_assert(ratelimit_peek(limiter, everybody, hourly, &from,
				 NOW + 60 * S).allowed);
}
END_TEST

/* A burst that takes its time: the first refusal still says a minute. */
START_TEST(a_slow_burst_is_told_a_minute_too)
{
	struct ratelimit_verdict v;

	for (int i = 0; i < 60; i++)
		ck_assert(ask("192.0.2.1", NOW + i * 10).allowed);
	v = ask("192.0.2.1", NOW + 600);
	ck_assert(!v.allowed);
	ck_assert_uint_eq(v.retry_after_s, 60);
}
END_TEST

/* Hammering every second costs nothing but is of no use either. */
START_TEST(the_first_hour_lets_119_through)
{
	unsigned allowed = burst("192.0.2.1", 60, NOW);

	for (int s = 1; s < 3600; s++)
		allowed += ask("192.0.2.1", NOW + s * S).allowed;
	ck_assert_uint_eq(allowed, 119);
	ck_assert(ask("192.0.2.1", NOW + 3600 * S).allowed);
	/* An hour of rest, and all is as it was. */
	ck_assert_uint_eq(burst("192.0.2.1", 70, NOW + 2 * HOUR), 60);
}
END_TEST

static const struct {
	struct ratelimit_rule rule;
	unsigned burst;
	uint32_t retry_after_s;		/* after it */
	int64_t place_ms;		/* when one comes free */
} rules[] = {
	{ { 1, 1 }, 1, 1, 1000 },
	{ { 1, 3600 }, 1, 3600, 3600000 },
	{ { 7, 60 }, 7, 9, 8572 },	/* 8.571428... s */
	{ { 1000, 1 }, 1000, 1, 1 },
	{ { 3, 10 }, 3, 4, 3334 },
	{ { 1000, RATELIMIT_PER_S_MAX }, 1000, 2679, 2678400 },
	/* Outside of what a rule may say. */
	{ { 0, 60 }, 1, 60, 60000 },
	{ { 5, 0 }, 5, 1, 200 },
	{ { 1, UINT32_MAX }, 1, RATELIMIT_PER_S_MAX,
	  RATELIMIT_PER_S_MAX * S },
};

START_TEST(any_rule_is_exact)
{
	struct ip from = ip("192.0.2.1");
	struct ratelimit_verdict v;
	unsigned allowed = 0;

	do {
		v = ratelimit_check(limiter, everybody, rules[_i].rule, &from,
				    NOW);
		allowed += v.allowed;
	} while (v.allowed && allowed < 2000);
	ck_assert_uint_eq(allowed, rules[_i].burst);
	ck_assert_uint_eq(v.retry_after_s, rules[_i].retry_after_s);
	v = ratelimit_check(limiter, everybody, rules[_i].rule, &from,
			    NOW + rules[_i].place_ms - 1);
	ck_assert(!v.allowed);
	v = ratelimit_check(limiter, everybody, rules[_i].rule, &from,
			    NOW + rules[_i].place_ms);
	ck_assert(v.allowed);
}
END_TEST

/* ---- who is who --------------------------------------------------------- */

START_TEST(clients_and_scopes_are_apart)
{
	struct ip from = ip("192.0.2.1");
	static const struct ratelimit_rule three = { 3, 60 };

	ck_assert_uint_eq(burst("192.0.2.1", 61, NOW), 60);
	ck_assert_uint_eq(burst("192.0.2.2", 61, NOW), 60);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(ratelimit_check(limiter, STR("acme"), three,
						 &from, NOW).allowed, i < 3);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(ratelimit_check(limiter, STR("other"), three,
						 &from, NOW).allowed, i < 3);
	/* No scope at all is the empty one. */
	ck_assert(!ratelimit_check(limiter, STR_NULL, hourly, &from,
				   NOW).allowed);
}
END_TEST

START_TEST(mapped_addresses_are_the_same_client)
{
	ck_assert_uint_eq(burst("192.0.2.1", 30, NOW), 30);
	ck_assert_uint_eq(burst("::ffff:192.0.2.1", 31, NOW), 30);
	ck_assert(!ask("::ffff:c000:201", NOW).allowed);
	/* Not all of IPv4 is one client then. */
	ck_assert(ask("::ffff:192.0.2.2", NOW).allowed);
}
END_TEST

START_TEST(a_64_is_one_client)
{
	ck_assert_uint_eq(burst("2001:db8:1:1::1", 30, NOW), 30);
	ck_assert_uint_eq(burst("2001:db8:1:1:ffff:ffff:ffff:ffff", 31, NOW),
			  30);
	ck_assert(!ask("2001:db8:1:1::2", NOW).allowed);
	ck_assert(ask("2001:db8:1:2::1", NOW).allowed);
}
END_TEST

START_TEST(a_48_has_sixteen_times_as_much_and_no_more)
{
	struct ratelimit_verdict v;
	unsigned allowed = 0;
	char client[64];

	for (unsigned i = 0; i < 200; i++) {
		snprintf(client, sizeof(client), "2001:db8:7:%x::1", i);
		allowed += burst(client, 10, NOW);
	}
	ck_assert_uint_eq(allowed, 60 * RATELIMIT_WIDE_FACTOR);
	/* A /64 of it that was never seen is refused, at no cost to it. */
	v = ask("2001:db8:7:ffff::1", NOW);
	ck_assert(!v.allowed);
	ck_assert_uint_eq(v.limit, 60);
	ck_assert_uint_eq(v.remaining, 0);
	ck_assert_uint_eq(v.retry_after_s, 4);	/* 60 s / 16 */
	/* The neighbour does not suffer. */
	ck_assert_uint_eq(burst("2001:db8:8:1::1", 61, NOW), 60);
	/* An hour later it may try again, with all of its own credit. */
	ck_assert_uint_eq(burst("2001:db8:7:ffff::1", 61, NOW + HOUR), 60);
}
END_TEST

START_TEST(unix_sockets_are_one_client)
{
	struct ip none = { 0 };
	unsigned allowed = 0;

	for (int i = 0; i < 61; i++)
		allowed += ratelimit_check(limiter, everybody, hourly, &none,
					   NOW).allowed;
	ck_assert_uint_eq(allowed, 60);
	ck_assert(ask("0.0.0.0", NOW).allowed);
	ck_assert(ask("::", NOW).allowed);
}
END_TEST

/* ---- the clock ---------------------------------------------------------- */

START_TEST(a_clock_set_back_locks_nobody_out)
{
	struct ratelimit_verdict v;

	ck_assert_uint_eq(burst("192.0.2.1", 60, NOW), 60);
	/* A day back: as if all had been used up just then. */
	v = ask("192.0.2.1", NOW - DAY);
	ck_assert(!v.allowed);
	ck_assert_uint_eq(v.retry_after_s, 60);
	/* It goes on from there: the refusals did not start it anew. */
	ck_assert(!ask("192.0.2.1", NOW - DAY + 30 * S).allowed);
	ck_assert(ask("192.0.2.1", NOW - DAY + 60 * S).allowed);
	/* And forward again: full credit. */
	ck_assert_uint_eq(burst("192.0.2.1", 61, NOW + DAY), 60);
}
END_TEST

START_TEST(a_smaller_rule_holds_at_once)
{
	static const struct ratelimit_rule strict = { 2, 10 };
	struct ip from = ip("192.0.2.1");
	struct ratelimit_verdict v;

	ck_assert_uint_eq(burst("192.0.2.1", 60, NOW), 60);
	v = ratelimit_check(limiter, everybody, strict, &from, NOW);
	ck_assert(!v.allowed);
	ck_assert_uint_eq(v.retry_after_s, 5);
	ck_assert(ratelimit_check(limiter, everybody, strict, &from,
				  NOW + 5 * S).allowed);
}
END_TEST

/* ---- the table ---------------------------------------------------------- */

/* An honest, slow limiter to compare with. */
struct model {
	int64_t full_at_ms[256];
};

static bool model_allows(struct model *m, unsigned client, int64_t now)
{
	int64_t at = m->full_at_ms[client] > now ? m->full_at_ms[client] : now;

	if (at + 60 * S > now + HOUR)
		return false;
	m->full_at_ms[client] = at + 60 * S;
	return true;
}

START_TEST(the_table_agrees_with_an_honest_one)
{
	static struct model model;
	uint64_t x = 88172645463325252;
	int64_t now = NOW;
	unsigned apart = 0;

	for (int i = 0; i < 300000; i++) {
		unsigned client;
		char text[32];

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		/* A few are greedy, most come now and then. */
		client = x & 1 ? (unsigned)(x >> 8 & 7) :
				 (unsigned)(x >> 8 & 255);
		now += (int64_t)(x >> 20 & 1023);
		snprintf(text, sizeof(text), "10.0.0.%u", client);
		apart += ask(text, now).allowed !=
			 model_allows(&model, client, now);
		if (i % 50000 == 49999)
			ratelimit_sweep(limiter, now);
	}
	ck_assert_uint_eq(apart, 0);
}
END_TEST

START_TEST(when_full_the_richest_goes)
{
	static const unsigned uses[] = { 5, 2, 9, 7 };
	char client[32];

	ratelimit_free(limiter);
	limiter = ratelimit_new(4);
	for (unsigned i = 0; i < 4; i++) {
		snprintf(client, sizeof(client), "10.0.0.%u", i);
		ck_assert_uint_eq(burst(client, uses[i], NOW), uses[i]);
	}
	ck_assert_uint_eq(ratelimit_stats(limiter).clients, 4);
	ck_assert_uint_eq(ratelimit_stats(limiter).evicted, 0);
	/* The fifth pushes out who has used 2 of 60 ... */
	ck_assert_uint_eq(burst("10.0.0.4", 20, NOW), 20);
	/* ... then the one of 5, then the one of 7. */
	ck_assert_uint_eq(burst("10.0.0.5", 20, NOW), 20);
	ck_assert_uint_eq(burst("10.0.0.6", 20, NOW), 20);
	ck_assert_uint_eq(ratelimit_stats(limiter).clients, 4);
	ck_assert_uint_eq(ratelimit_stats(limiter).evicted, 3);
	/* The one of 9 is still known. */
	ck_assert_uint_eq(ask("10.0.0.2", NOW).remaining, 50);
	/* The one of 7 is not. */
	ck_assert_uint_eq(ask("10.0.0.3", NOW).remaining, 59);
}
END_TEST

START_TEST(who_has_full_credit_goes_without_being_counted)
{
	ratelimit_free(limiter);
	limiter = ratelimit_new(2);
	ask("10.0.0.1", NOW);
	burst("10.0.0.2", 2, NOW);
	ask("10.0.0.3", NOW + 61 * S);
	ck_assert_uint_eq(ratelimit_stats(limiter).evicted, 0);
	ck_assert_uint_eq(ask("10.0.0.2", NOW + 61 * S).remaining, 58);
}
END_TEST

static const uint32_t sizes[] = { 1, 2, 3, 384, 385, 1000, 100000 };

START_TEST(the_maximum_is_never_passed)
{
	uint32_t max = sizes[_i], refused = 0;
	struct ratelimit_stats stats;
	struct ip from = { .family = 4 };

	ratelimit_free(limiter);
	limiter = ratelimit_new(max);
	ck_assert_uint_le(ratelimit_stats(limiter).clients_max, max);
	ck_assert_uint_ge(ratelimit_stats(limiter).clients_max, max / 2);
	for (uint32_t i = 0; i < max * 2 + 100; i++) {
		memcpy(from.bytes, &i, 4);
		refused += !ratelimit_check(limiter, everybody, hourly, &from,
					    NOW).allowed;
	}
	ck_assert_uint_eq(refused, 0);
	stats = ratelimit_stats(limiter);
	ck_assert_uint_le(stats.clients, stats.clients_max);
	ck_assert_uint_ge(stats.clients, stats.clients_max / 100 * 95);
}
END_TEST

START_TEST(sweeping_gives_memory_back)
{
	struct ratelimit_stats empty = ratelimit_stats(limiter), stats;
	struct ip from = { .family = 4 };

	for (uint32_t i = 0; i < 100000; i++) {
		memcpy(from.bytes, &i, 4);
		ratelimit_check(limiter, everybody, hourly, &from, NOW);
	}
	burst("192.0.2.1", 30, NOW);
	ratelimit_sweep(limiter, NOW + 59 * S);
	ck_assert_uint_eq(ratelimit_stats(limiter).clients, 100001);
	ratelimit_sweep(limiter, NOW + 60 * S);
	stats = ratelimit_stats(limiter);
	ck_assert_uint_eq(stats.clients, 1);
	ck_assert_uint_le(stats.bytes, empty.bytes + 1024);
	ck_assert_uint_eq(ask("192.0.2.1", NOW + 60 * S).remaining, 30);
	ratelimit_sweep(limiter, NOW + 2 * DAY);
	ck_assert_uint_eq(ratelimit_stats(limiter).bytes, empty.bytes);
}
END_TEST

START_TEST(a_million_clients_cost_little)
{
	struct ratelimit_stats stats;
	struct ip from = { .family = 4 };

	for (uint32_t i = 0; i < 1000000; i++) {
		memcpy(from.bytes, &i, 4);
		ratelimit_check(limiter, everybody, hourly, &from, NOW);
	}
	stats = ratelimit_stats(limiter);
	printf("1,000,000 clients: %.1f bytes each\n",
	       (double)stats.bytes / 1e6);
	ck_assert_uint_eq(stats.clients, 1000000);
	ck_assert_uint_eq(stats.evicted, 0);
	ck_assert_uint_le(stats.bytes, 32000000);
}
END_TEST

START_TEST(what_the_clock_left_behind_is_forgotten)
{
	burst("192.0.2.1", 10, NOW);
	ratelimit_sweep(limiter, NOW - 365 * DAY);
	ck_assert_uint_eq(ratelimit_stats(limiter).clients, 1);
	ratelimit_sweep(limiter, NOW - 365 * DAY + RATELIMIT_PER_S_MAX * S);
	ck_assert_uint_eq(ratelimit_stats(limiter).clients, 0);
}
END_TEST

/* Where the sanitizers have no allocator of their own, let ours fail. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define NO_CALLOC
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define NO_CALLOC
#endif
#endif
#ifndef NO_CALLOC
static bool no_memory;

void *__libc_calloc(size_t count, size_t size);

void *calloc(size_t count, size_t size)
{
	return no_memory ? NULL : __libc_calloc(count, size);
}

START_TEST(without_memory_nobody_gets_in_unseen)
{
	struct ratelimit_verdict v;
	char client[32];

	no_memory = true;
	v = ask("192.0.2.1", NOW);
	ck_assert_ptr_null(ratelimit_new(0));
	no_memory = false;
	ck_assert(!v.allowed);
	ck_assert_uint_eq(v.retry_after_s, 1);
	ck_assert_uint_eq(v.remaining, 0);
	ck_assert_uint_eq(ask("192.0.2.1", NOW).remaining, 59);

	/* A table that cannot grow goes on with the slots it has. */
	ratelimit_free(limiter);
	limiter = ratelimit_new(100);
	burst("10.1.0.1", 50, NOW);
	no_memory = true;
	for (int i = 0; i < 100; i++) {
		snprintf(client, sizeof(client), "10.2.0.%d", i);
		v = ask(client, NOW);
		if (!v.allowed)
			break;
	}
	/* Who can give memory back only by taking some keeps it. */
	ratelimit_sweep(limiter, NOW + 61 * S);
	no_memory = false;
	ck_assert(v.allowed);
	ck_assert_uint_lt(ratelimit_stats(limiter).clients, 20);
	ck_assert_uint_gt(ratelimit_stats(limiter).evicted, 80);
	ck_assert_uint_eq(ask("10.1.0.1", NOW).remaining, 9);
}
END_TEST
#endif

/* ---- threads ------------------------------------------------------------ */

#define THREADS 8
#define SHARED 300

static atomic_uint granted[SHARED];

/* Everybody asks for everybody, in the same /48s: locks meet. */
static void *ask_for_all(void *arg)
{
	struct ratelimit *shared = arg;
	static const struct ratelimit_rule five = { 5, 3600 };

	for (int round = 0; round < 4; round++) {
		for (uint32_t i = 0; i < SHARED; i++) {
			struct ip from = { .family = 6,
					   .bytes = { 0x20, 1, 0x0d, 0xb8 } };

			from.bytes[4] = (uint8_t)(i / 8);
			from.bytes[7] = (uint8_t)i;
			granted[i] += ratelimit_check(shared, everybody, five,
						      &from, NOW).allowed;
		}
	}
	return NULL;
}

START_TEST(threads_together_get_no_more_than_one)
{
	char path[PATH_MAX + 32];
	pthread_t threads[THREADS];

	memset(granted, 0, sizeof(granted));
	snprintf(path, sizeof(path), "%s/state", unit_dir());
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_for_all,
						limiter), 0);
	/* Meanwhile others save, sweep and count. */
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(ratelimit_save(limiter, path, NOW), 0);
		ratelimit_sweep(limiter, NOW);
		ck_assert_uint_le(ratelimit_stats(limiter).clients,
				  SHARED + SHARED / 8 + 1);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < SHARED; i++)
		ck_assert_uint_eq(granted[i], 5);
}
END_TEST

/* ---- the file ----------------------------------------------------------- */

static char path[PATH_MAX + 32];
static char why[RATELIMIT_WHY_MAX];

static void saved_state(void)
{
	snprintf(path, sizeof(path), "%s/state", unit_dir());
	unlink(path);
	burst("192.0.2.1", 60, NOW);
	burst("192.0.2.2", 10, NOW);
	burst("2001:db8:1:1::1", 30, NOW);
	ck_assert_int_eq(ratelimit_save(limiter, path, NOW), 0);
}

static size_t slurp(char *out, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t n;

	ck_assert_int_ge(fd, 0);
	n = read(fd, out, size);
	ck_assert_int_ge(n, 0);
	close(fd);
	return (size_t)n;
}

static void spill(const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
	close(fd);
}

static void restart(uint32_t clients_max)
{
	ratelimit_free(limiter);
	limiter = ratelimit_new(clients_max);
	ck_assert_ptr_nonnull(limiter);
}

START_TEST(a_restart_forgets_nothing)
{
	struct ratelimit_verdict v;
	struct stat st;
	char text[4096];
	size_t len;

	saved_state();
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	/* No address stands in it. */
	len = slurp(text, sizeof(text));
	ck_assert_ptr_null(memmem(text, len, "\xc0\x00\x02\x01", 4));
	ck_assert_ptr_null(memmem(text, len, "\x01\x02\x00\xc0", 4));
	ck_assert_ptr_null(memmem(text, len, "\x20\x01\x0d\xb8", 4));

	restart(0);
	ck_assert_int_eq(ratelimit_load(limiter, path, NOW, why, sizeof(why)),
			 0);
	v = ask("192.0.2.1", NOW);
	ck_assert(!v.allowed);
	ck_assert_uint_eq(v.retry_after_s, 60);
	ck_assert_uint_eq(ask("192.0.2.2", NOW).remaining, 49);
	ck_assert_uint_eq(ask("2001:db8:1:1::2", NOW).remaining, 29);
	/* And once more: what was loaded saves as before. */
	ck_assert_int_eq(ratelimit_save(limiter, path, NOW), 0);
	restart(0);
	ck_assert_int_eq(ratelimit_load(limiter, path, NOW, why, sizeof(why)),
			 0);
	ck_assert_uint_eq(ask("192.0.2.2", NOW).remaining, 48);
}
END_TEST

START_TEST(who_has_full_credit_by_now_is_left_out)
{
	saved_state();
	restart(0);
	ck_assert_int_eq(ratelimit_load(limiter, path, NOW + 11 * 60 * S, why,
					sizeof(why)), 0);
	/* .1 and the /64; the /48 has been full again for long. */
	ck_assert_uint_eq(ratelimit_stats(limiter).clients, 2);
	ck_assert_int_eq(ratelimit_save(limiter, path, NOW + DAY), 0);
	restart(0);
	ck_assert_int_eq(ratelimit_load(limiter, path, NOW + DAY, why,
					sizeof(why)), 0);
	ck_assert_uint_eq(ratelimit_stats(limiter).clients, 0);
}
END_TEST

START_TEST(a_clock_set_back_meanwhile_locks_nobody_out)
{
	saved_state();
	restart(0);
	ck_assert_int_eq(ratelimit_load(limiter, path, NOW - 90 * DAY, why,
					sizeof(why)), 0);
	ck_assert(!ask("192.0.2.1", NOW - 90 * DAY).allowed);
	ck_assert(ask("192.0.2.1", NOW - 90 * DAY + 60 * S).allowed);
	/* Nor does the table keep such entries for ever. */
	ratelimit_sweep(limiter, NOW - 90 * DAY + RATELIMIT_PER_S_MAX * S);
	ck_assert_uint_eq(ratelimit_stats(limiter).clients, 0);
}
END_TEST

START_TEST(the_poorest_survive_a_smaller_table)
{
	char client[32];

	snprintf(path, sizeof(path), "%s/state", unit_dir());
	for (unsigned i = 0; i < 50; i++) {
		snprintf(client, sizeof(client), "10.0.0.%u", i);
		burst(client, i + 1, NOW);
	}
	ck_assert_int_eq(ratelimit_save(limiter, path, NOW), 0);
	restart(10);
	ck_assert_int_eq(ratelimit_load(limiter, path, NOW, why, sizeof(why)),
			 0);
	ck_assert_uint_eq(ratelimit_stats(limiter).clients, 10);
	ck_assert_uint_eq(ask("10.0.0.49", NOW).remaining, 9);
	ck_assert_uint_eq(ask("10.0.0.40", NOW).remaining, 18);
}
END_TEST

START_TEST(many_clients_fill_many_blocks)
{
	struct ip from = { .family = 4 };

	snprintf(path, sizeof(path), "%s/state", unit_dir());
	for (uint32_t i = 0; i < 200000; i++) {
		memcpy(from.bytes, &i, 4);
		ratelimit_check(limiter, everybody, hourly, &from, NOW);
	}
	ck_assert_int_eq(ratelimit_save(limiter, path, NOW), 0);
	restart(0);
	ck_assert_int_eq(ratelimit_load(limiter, path, NOW, why, sizeof(why)),
			 0);
	ck_assert_uint_eq(ratelimit_stats(limiter).clients, 200000);
	for (uint32_t i = 0; i < 200000; i += 777) {
		memcpy(from.bytes, &i, 4);
		ck_assert_uint_eq(ratelimit_check(limiter, everybody, hourly,
						  &from, NOW).remaining, 58);
	}
}
END_TEST

/* Loading this must fail and change nothing. */
static void check_refused(const char *text, size_t len, enum err want)
{
	enum err err;

	spill(text, len);
	why[0] = '\0';
	err = ratelimit_load(limiter, path, NOW, why, sizeof(why));
	ck_assert_int_ne(err, 0);
	if (want)
		ck_assert_int_eq(err, want);
	ck_assert_str_ne(why, "");
	ck_assert_uint_eq(ratelimit_stats(limiter).clients, 0);
}

START_TEST(a_damaged_file_is_refused_whole)
{
	char text[4096], bad[4096 + 1];
	size_t len;

	saved_state();
	len = slurp(text, sizeof(text));
	ck_assert_uint_gt(len, 100);
	restart(0);
	for (size_t i = 0; i < len; i++)
		check_refused(text, i, ERR_SYNTAX);
	for (size_t bit = 0; bit < len * 8; bit++) {
		memcpy(bad, text, len);
		bad[bit / 8] ^= (char)(1 << bit % 8);
		check_refused(bad, len, ERR_OK);
	}
	memcpy(bad, text, len);
	bad[len] = 0;
	check_refused(bad, len + 1, ERR_SYNTAX);
	ck_assert_str_eq(why, "something follows its end");
	memcpy(bad, text, len);
	bad[15] = '2';
	check_refused(bad, len, ERR_UNSUPPORTED);
	ck_assert_str_eq(why, "of another version");
	check_refused("", 0, ERR_SYNTAX);
	ck_assert_str_eq(why, "it is cut short");
	/* After all that, the good one still loads. */
	spill(text, len);
	ck_assert_int_eq(ratelimit_load(limiter, path, NOW, why, sizeof(why)),
			 0);
	ck_assert(!ask("192.0.2.1", NOW).allowed);
}
END_TEST

START_TEST(what_is_no_file_is_refused)
{
	snprintf(path, sizeof(path), "%s/none", unit_dir());
	ck_assert_int_eq(ratelimit_load(limiter, path, NOW, why, sizeof(why)),
			 ERR_NOT_FOUND);
	ck_assert_int_eq(ratelimit_load(limiter, unit_dir(), NOW, NULL, 0),
			 ERR_IO);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(ratelimit_load(limiter, path, NOW, why, sizeof(why)),
			 ERR_IO);
	ck_assert_str_eq(why, "not a regular file");
	ck_assert_int_eq(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/no/where", unit_dir());
	ck_assert_int_eq(ratelimit_save(limiter, path, NOW), ERR_IO);
}
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

static void ratelimit_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, sixty_at_once_then_one_a_minute);
	tcase_add_test(tc, a_look_counts_nothing);
	tcase_add_test(tc, a_slow_burst_is_told_a_minute_too);
	tcase_add_test(tc, the_first_hour_lets_119_through);
	tcase_add_loop_test(tc, any_rule_is_exact, 0, COUNT(rules));
	tcase_add_test(tc, clients_and_scopes_are_apart);
	tcase_add_test(tc, mapped_addresses_are_the_same_client);
	tcase_add_test(tc, a_64_is_one_client);
	tcase_add_test(tc, a_48_has_sixteen_times_as_much_and_no_more);
	tcase_add_test(tc, unix_sockets_are_one_client);
	tcase_add_test(tc, a_clock_set_back_locks_nobody_out);
	tcase_add_test(tc, a_smaller_rule_holds_at_once);
	tcase_add_test(tc, the_table_agrees_with_an_honest_one);
	tcase_add_test(tc, when_full_the_richest_goes);
	tcase_add_test(tc, who_has_full_credit_goes_without_being_counted);
	tcase_add_loop_test(tc, the_maximum_is_never_passed, 0, COUNT(sizes));
	tcase_add_test(tc, sweeping_gives_memory_back);
	tcase_add_test(tc, a_million_clients_cost_little);
	tcase_add_test(tc, what_the_clock_left_behind_is_forgotten);
#ifndef NO_CALLOC
	tcase_add_test(tc, without_memory_nobody_gets_in_unseen);
#endif
	tcase_add_test(tc, what_is_given_back_can_be_used_again);
	tcase_add_test(tc, threads_together_get_no_more_than_one);
	tcase_add_test(tc, a_restart_forgets_nothing);
	tcase_add_test(tc, who_has_full_credit_by_now_is_left_out);
	tcase_add_test(tc, a_clock_set_back_meanwhile_locks_nobody_out);
	tcase_add_test(tc, the_poorest_survive_a_smaller_table);
	tcase_add_test(tc, many_clients_fill_many_blocks);
	tcase_add_test(tc, a_damaged_file_is_refused_whole);
	tcase_add_test(tc, what_is_no_file_is_refused);
}

UNIT_MAIN("ratelimit", ratelimit_tests)
