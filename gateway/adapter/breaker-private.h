/*
 * breaker: when a process that failed is started anew, and when its tenant
 * is told to wait instead.
 *
 * The first start after a failure comes 10 ms later, each next one after twice
 * that, 5 s at most.  The fifth failure in a row opens the breaker: the next
 * process is on trial, with one call at a time, and its first answer closes
 * the breaker.  BREAKER_ANSWERS_GOOD answers end a row of failures.
 *
 * A policy on a plain struct: no clock, no lock, no process.
 */
#ifndef ADAPTER_BREAKER_PRIVATE_H
#define ADAPTER_BREAKER_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_RETRY_MIN_MS 10
#define BREAKER_RETRY_MAX_MS 5000
#define BREAKER_FAILURES_MAX 5
#define BREAKER_ANSWERS_GOOD 16

/* Zeroed: closed, nothing happened. */
struct breaker {
	unsigned failures;	/* in a row */
	unsigned answers;	/* since the last failure */
	bool is_open;
};

/* The process failed; in how many milliseconds to start the next. */
int64_t breaker_fail(struct breaker *breaker);
/* A call was answered. True: that closed the breaker. */
bool breaker_answer(struct breaker *breaker);
/* May another call be taken, with so many under way? */
bool breaker_may(const struct breaker *breaker, unsigned under_way);

#endif
