#include "adapter/breaker-private.h"

int64_t breaker_fail(struct breaker *b)
{
	int64_t delay = BREAKER_RETRY_MIN_MS;

	b->answers = 0;
	if (b->failures < BREAKER_FAILURES_MAX)
		b->failures++;
	if (b->failures == BREAKER_FAILURES_MAX) {
		b->is_open = true;
		return BREAKER_RETRY_MAX_MS;
	}
	for (unsigned i = 1; i < b->failures; i++)
		delay *= 2;
	return delay < BREAKER_RETRY_MAX_MS ? delay : BREAKER_RETRY_MAX_MS;
}

bool breaker_answer(struct breaker *b)
{
	bool closes = b->is_open;

	if (closes) {
		b->is_open = false;
		/* One more failure, and it is open again. */
		b->failures = BREAKER_FAILURES_MAX - 1;
	}
	if (++b->answers >= BREAKER_ANSWERS_GOOD)
		b->failures = 0;
	return closes;
}

bool breaker_may(const struct breaker *b, unsigned under_way)
{
	return !b->is_open || under_way == 0;
}
