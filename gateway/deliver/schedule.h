/*
 * schedule: what an attempt's outcome means, and when the next one is due.
 *
 * Attempts are made after 0, 5 s, 30 s, 5 min, 30 min, 2 h, 5 h and 10 h, each
 * a fifth sooner or later by chance, and then an event is dead.  Any 2xx is
 * taken.  Redirects are not followed: a 3xx is a failure.  Of 4xx, which say
 * that it is the event, five attempts are made, but of 408 and 429 all.  410
 * pauses the endpoint.  Retry-After counts instead, within 1 s and 24 h.
 *
 * A breaker is one endpoint's: after BREAKER_FAILURES failures in a row that
 * say that the endpoint is not well, nothing is sent for a while, and then one
 * event, on trial.  What is put off so costs no attempt.
 *
 * Pure: times and chance come in.
 */
#ifndef DELIVER_SCHEDULE_H
#define DELIVER_SCHEDULE_H

#include "store/deliveries.h"

#define SCHEDULE_ATTEMPTS 8
#define SCHEDULE_ATTEMPTS_4XX 5
#define SCHEDULE_RETRY_AFTER_MAX_S 86400
#define BREAKER_FAILURES 5
#define BREAKER_FIRST_MS 5000	/* and twice that each time */
#define BREAKER_LONGEST_MS 300000

struct attempt {
	unsigned failed;	/* attempts before this one */
	enum err err;		/* of struct fetch_answer */
	unsigned status;
	int64_t retry_after_s;	/* -1: it says nothing */
	uint32_t chance;	/* random */
};
/* `haste`: times are so many times shorter; 1 but in tests.  *wait_ms_r is set
 * for DELIVERY_AGAIN, and 0 otherwise. */
enum delivery_end schedule_judge(const struct attempt *attempt,
				 unsigned haste, int64_t *wait_ms_r);

/* All zero: closed. */
struct breaker {
	unsigned failures;	/* in a row */
	unsigned trials;	/* that failed */
	int64_t until_ms;
	bool is_on_trial;
};
enum breaker_news { BREAKER_AS_IT_WAS, BREAKER_OPENED, BREAKER_CLOSED };

/* May something be sent? */
bool breaker_lets(const struct breaker *breaker, int64_t now_ms);
bool breaker_is_open(const struct breaker *breaker);
/* It is. */
void breaker_begin(struct breaker *breaker);
/* It was, and came to this. */
enum breaker_news breaker_end(struct breaker *breaker,
			      const struct attempt *attempt, int64_t now_ms,
			      unsigned haste);

#endif
