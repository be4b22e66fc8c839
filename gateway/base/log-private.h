/*
 * log, the inside: how a line is made (log.c) and where it goes (log-ring.c).
 */
#ifndef BASE_LOG_PRIVATE_H
#define BASE_LOG_PRIVATE_H

#include "base/log.h"

struct log_line {
	char bytes[LOG_LINE_MAX];
	size_t len;
	bool json;
	bool cut;	/* something did not fit: only the tail follows */
};

/* With its line end, as the format has it now. */
void log_line_make(struct log_line *line, enum log_level level,
		   const struct log_event *event,
		   const struct log_field *fields, unsigned count);

/* ---- log-ring.c ---------------------------------------------------------- */

/* To the reader, or into the ring, or dropped and counted. */
void log_ring_put(const char *bytes, size_t len);
bool log_ring_is_terminal(void);
/* Is there a thread that writes? */
bool log_ring_is_on(void);
/* Something is due at another time: have the thread look. */
void log_ring_wake(void);

/* ---- log-budget.c -------------------------------------------------------- */

/* When log_budget_tell() has something to say; INT64_MAX: never. */
int64_t log_budget_due_ns(void);
/* Say what was dropped and is due at `now_ns`. */
void log_budget_tell(int64_t now_ns);

#endif
