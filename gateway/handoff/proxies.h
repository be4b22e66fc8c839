/*
 * proxies: trusted ones that do not say who asks, for the log and the operator.
 *
 * Behind such a proxy all clients are one: they share one rate limit and one
 * budget of the audit, and a few of them lock out the rest.  Each proxy is told
 * once, PROXIES_TOLD_MAX of them; they are kept until the process ends, with
 * when last.  Any thread.
 */
#ifndef HANDOFF_PROXIES_H
#define HANDOFF_PROXIES_H

#include "handoff/exchange.h"

#define PROXIES_TOLD_MAX 16

struct proxy_seen {
	struct ip ip;
	int64_t last_ms;		/* steady clock */
	uint64_t count;			/* requests */
	const char *problem, *remedy;	/* constant */
};

/* The exchange's peer is trusted, and named no client. */
void proxies_note(const struct exchange *ex);
/* In the order in which they were seen; *total_r counts all requests, those of
 * proxies that found no place too. */
unsigned proxies_list(struct proxy_seen out[PROXIES_TOLD_MAX],
		      uint64_t *total_r);

#endif
