/*
 * log: one line per event, as text for people or as JSON for programs.
 *
 * A line is an event's name (base/log-events.def: people write alerts on it)
 * and named values:
 *
 *	2026-11-22T18:11:00.123Z warn key_worn kid=k2 seals=3
 *	{"time":"2026-11-22T18:11:00.123Z","level":"warn",
 *	 "event":"key_worn","kid":"k2","seals":3}	(on one line)
 *
 * Values are escaped, so that no input can forge a line or speak to a
 * terminal; what is not UTF-8 shows as \xNN in text and as U+FFFD in JSON.
 * Names of events and values are constants of the code and need no escaping.
 *
 * Nobody waits for who reads the log.  From log_start() on a line goes into a
 * ring, under a lock that is held for a copy, and a thread of the log's own
 * writes it out: the reader may be a terminal that was stopped, a pipe that is
 * full, a disk that is full or hangs.  A line that finds no room is dropped and
 * counted, in the metric usher_log_dropped_total, and where lines are missing
 * the log says how many, as soon as it is read again:
 *
 *	... warn log_dropped count=17
 *
 * Before log_start() and after log_stop() a line is written by who says it, who
 * waits until it is taken: so does a program that only checks and ends.
 *
 * Secrets, tokens and personal data (e-mail addresses, names) do not belong
 * in any value.  Only the floors that decide may log: main, admin, http,
 * handoff and config; lower ones return errors.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

enum log_level {
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_INFO,
	LOG_LEVEL_WARN,
	LOG_LEVEL_ERROR,
};

enum log_format {
	LOG_FORMAT_AUTO,	/* text on a terminal, JSON otherwise */
	LOG_FORMAT_TEXT,
	LOG_FORMAT_JSON,
};

struct log_field {
	const char *name;
	struct str text;	/* absent: `number` counts */
	int64_t number;
};

#define LOG_STR(n, s) ((struct log_field){ .name = (n), .text = (s) })
#define LOG_TEXT(n, cstr) LOG_STR(n, str_from(cstr))
#define LOG_NUM(n, v) ((struct log_field){ .name = (n), .number = (v) })

/*
 * What happened.  All events stand in base/log-events.def, with what they mean
 * and which fields they have; one that does not is an object that is not there,
 * and does not compile.
 */
struct log_event {
	const char *name;
};

#define EVENT(name, ...) extern const struct log_event log_event_##name;
#include "base/log-events.def"
#undef EVENT

/* Where an event is a value: LOG_EVENT(adapter_started). */
#define LOG_EVENT(name) (&log_event_##name)

/*
 * Longest line in bytes (what a pipe takes in one piece); a longer one is cut
 * and says so in a last member, cut.
 */
#define LOG_LINE_MAX 4096

/* What waits to be written; a line past either is dropped. */
#define LOG_RING_OCTETS (1024u * 1024)
#define LOG_RING_LINES 8192
/* So long log_stop() waits for who reads. */
#define LOG_STOP_MS 1000

/* Process-wide; before it is called: info, auto, standard error.  Any time. */
void log_setup(enum log_level level, enum log_format format);
/* Where lines go (default 2). For tests, before log_start(). */
void log_to_fd(int fd);
/*
 * From now on lines go to the end of this file, which is made with mode 0640
 * where it is not there.  ERR_LIMIT a path too long; ERR_UNSUPPORTED not a
 * plain file, or a symbolic link; ERR_IO, errno says more.  Then they go where
 * they went.  The opening may wait for the disk.
 */
enum err log_to_file(const char *path);
/*
 * Open that file anew: what was renamed meanwhile is let go, as logrotate(8)
 * wants it.  Done by the log's thread; on failure it writes on to the old one
 * and says so there (log_not_reopened).  Without a file nothing happens.
 */
void log_reopen(void);

/*
 * Begin to write by a thread, which blocks all signals.  After the last fork
 * that goes on: a thread is not in the child.  ERR_NOMEM: there is none, and
 * lines are written as before.
 */
enum err log_start(void);
/*
 * Write what waits, for at most LOG_STOP_MS.  False: it was not all taken; the
 * thread is left where it hangs, and what is logged from here on is dropped.
 */
bool log_stop(void);

bool log_is_on(enum log_level level);
/*
 * Nothing, where the level is not on.  Each line is one write(2): lines of
 * several threads never mix, and those of one are in their order.  errno is
 * kept.
 */
void log_emit(enum log_level level, const struct log_event *event,
	      const struct log_field *fields, unsigned count);

/* log_warn(key_worn, LOG_STR("kid", kid), LOG_NUM("seals", 3)); */
#define LOG_AT_(level, event, ...)					\
	do {								\
		if (log_is_on(level)) {					\
			const struct log_field f_[] = { __VA_ARGS__ };	\
			log_emit(level, LOG_EVENT(event), f_,		\
				 N_ELEMENTS(f_));		\
		}							\
	} while (0)
#define log_debug(event, ...) LOG_AT_(LOG_LEVEL_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...) LOG_AT_(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_warn(event, ...) LOG_AT_(LOG_LEVEL_WARN, event, __VA_ARGS__)
#define log_error(event, ...) LOG_AT_(LOG_LEVEL_ERROR, event, __VA_ARGS__)

#endif
