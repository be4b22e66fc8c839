#include "deliver/schedule.h"

/* Before the second attempt, the third ... */
static const int64_t waits_s[] = { 5, 30, 300, 1800, 7200, 18000, 36000 };
_Static_assert(N_ELEMENTS(waits_s) == SCHEDULE_ATTEMPTS - 1, "one between two");

static bool is_about_event(const struct attempt *a)
{
	return !a->err && a->status / 100 == 4 && a->status != 408 &&
	       a->status != 429;
}

/* 80 to 120 percent of it. */
static int64_t by_chance(int64_t ms, uint32_t chance)
{
	return ms * 4 / 5 + ms * 2 / 5 * (int64_t)(chance >> 16) / UINT16_MAX;
}

enum delivery_end schedule_judge(const struct attempt *a, unsigned haste,
				 int64_t *wait_ms_r)
{
	unsigned failed = a->failed + 1;

	*wait_ms_r = 0;
	if (!a->err && a->status / 100 == 2)
		return DELIVERY_DONE;
	if (!a->err && a->status == 410)
		return DELIVERY_PAUSED;
	if (failed >= (is_about_event(a) ? SCHEDULE_ATTEMPTS_4XX :
					   SCHEDULE_ATTEMPTS))
		return DELIVERY_DEAD;
	if (!a->err && a->retry_after_s >= 0)
		*wait_ms_r = 1000 * (a->retry_after_s < 1 ? 1 :
			a->retry_after_s > SCHEDULE_RETRY_AFTER_MAX_S ?
			SCHEDULE_RETRY_AFTER_MAX_S : a->retry_after_s);
	else
		*wait_ms_r = by_chance(1000 * waits_s[failed - 1], a->chance);
	*wait_ms_r /= haste;
	return DELIVERY_AGAIN;
}

bool breaker_is_open(const struct breaker *b)
{
	return b->failures >= BREAKER_FAILURES;
}

bool breaker_lets(const struct breaker *b, int64_t now_ms)
{
	return !breaker_is_open(b) || (now_ms >= b->until_ms &&
				       !b->is_on_trial);
}

void breaker_begin(struct breaker *b)
{
	b->is_on_trial = breaker_is_open(b);
}

static void open_for_a_while(struct breaker *b, int64_t now_ms, unsigned haste)
{
	int64_t ms = BREAKER_FIRST_MS;

	for (unsigned i = 0; i < b->trials && ms < BREAKER_LONGEST_MS; i++)
		ms *= 2;
	if (ms > BREAKER_LONGEST_MS)
		ms = BREAKER_LONGEST_MS;
	b->until_ms = now_ms + ms / haste;
	b->trials++;
}

enum breaker_news breaker_end(struct breaker *b, const struct attempt *a,
			      int64_t now_ms, unsigned haste)
{
	bool was_open = breaker_is_open(b), was_on_trial = b->is_on_trial;

	/* it answers: what it says of the event is another thing */
	if (!a->err && a->status / 100 != 5 && a->status != 408) {
		*b = (struct breaker){ 0 };
		return was_open ? BREAKER_CLOSED : BREAKER_AS_IT_WAS;
	}
	b->failures++;
	b->is_on_trial = false;
	/* others that were under way when it opened tell nothing new */
	if (breaker_is_open(b) && (!was_open || was_on_trial))
		open_for_a_while(b, now_ms, haste);
	return !was_open && breaker_is_open(b) ? BREAKER_OPENED :
						 BREAKER_AS_IT_WAS;
}
