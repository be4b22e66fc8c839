/*
 * log-budget: how much of the log one tenant's adapter may fill.
 *
 * Two purses a tenant, each with so many lines a second: what the adapter says
 * itself, and what the gateway says about it.  A module that floods the log,
 * or crashes without end, buries neither the other tenants' lines nor, with
 * its own words, what is said about it.  What is past the budget is dropped,
 * counted and told, at most once a second for each purse:
 *
 *	... warn adapter_log_dropped tenant=acme count=1804
 *	... warn adapter_events_dropped tenant=acme count=31
 *
 * The metrics usher_adapter_log_dropped_total and
 * usher_adapter_events_dropped_total, by tenant, count the same.
 *
 * A second begins with the first line after the last one was over.  The budget
 * holds once log_start() was called: who only checks sees every line.  The
 * purses of a tenant stay, whatever becomes of its configuration.
 */
#ifndef BASE_LOG_BUDGET_H
#define BASE_LOG_BUDGET_H

#include "base/log.h"

#define LOG_BUDGET_LINES 100		/* a second, if nothing else is said */
/* Tenants with purses of their own; those past that share two, which are told
 * as of the tenant "others". */
#define LOG_BUDGET_TENANTS_MAX 16384

enum log_purse {
	LOG_PURSE_SAYS,		/* lines of the adapter's own */
	LOG_PURSE_ABOUT,	/* events of it, by the gateway */
	LOG_PURSES
};

/* Lines a second for each purse of each tenant; process-wide, any time. */
void log_budget_set(unsigned lines);
/* log_emit(), if the tenant's purse has room.  Any thread. */
void log_emit_within(enum log_purse purse, struct str tenant,
		     enum log_level level, const struct log_event *event,
		     const struct log_field *fields, unsigned count);
/* So many lines were dropped elsewhere: count and tell them, too. */
void log_budget_drop(enum log_purse purse, struct str tenant, unsigned lines);

#endif
