/*
 * report: what reading a configuration found, for people.
 *
 * Each finding names file, line, setting, what is wrong and what to do.  No
 * finding ever holds a secret: whoever adds one never quotes what it read
 * from a secret's file.
 */
#ifndef CONFIG_REPORT_H
#define CONFIG_REPORT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

#define REPORT_MAX 1000		/* findings kept; the rest are counted */
#define REPORT_MINOR_MAX 500	/* warnings and notes are kept up to here only,
				 * so that errors find room */
#define REPORT_BYTES_MAX (2 << 20)	/* of text in all of them */

enum report_level {
	REPORT_NOTE,
	REPORT_WARNING,		/* serves, but an operator should look */
	REPORT_TENANT,		/* this tenant does not serve, or goes on in
				 * its last good form */
	REPORT_FATAL,		/* the gateway cannot start, or keeps its old
				 * configuration */
};
#define REPORT_LEVELS 4

struct finding {
	enum report_level level;
	struct str file;	/* path as given; absent: the directory */
	unsigned line;		/* 0: unknown */
	struct str tenant;	/* slug; absent: none or unknown */
	struct str setting;	/* "session.idle"; absent: none */
	struct str problem;	/* "must be from 60 to 31536000, not 5" */
	struct str remedy;	/* what to do; absent: none */
	bool is_passing;	/* the adapter still starts: what comes of it
				 * is told later, see reload_amend() */
};

struct report {
	struct pool *pool;
	struct finding *v;
	unsigned count, dropped;
	unsigned cap;
	/* private: found of each level, dropped ones too */
	unsigned levels[REPORT_LEVELS];
};

/* -1: no memory. */
int report_init(struct report *report);
/* Accepts a zeroed one. */
void report_done(struct report *report);
/*
 * Copies its strings.  Without room or memory the finding is only counted:
 * report_worst() and report_count() know of it all the same.
 */
void report_add(struct report *report, struct finding finding);
/* Take back one that holds no more; those behind it move up. */
void report_take_back(struct report *report, unsigned index);
/* The worst level found; REPORT_NOTE when empty. */
enum report_level report_worst(const struct report *report);
unsigned report_count(const struct report *report, enum report_level level);
/*
 * One finding, as compilers write them, so that editors jump there:
 * "conf.d/a.conf:12: error: tenant a: session.idle must be ...; remedy".
 * Control characters, and what is not UTF-8, become '?'.
 */
void report_line(const struct finding *finding, struct buf *out);
/* A line for each, and one for those that were dropped. */
void report_text(const struct report *report, struct buf *out);
/*
 * {"errors":N,"warnings":N,"dropped":N,"findings":[{"level":"error","scope":
 * "gateway" or "tenant" (errors only),"file":...,"line":N,"tenant":...,
 * "setting":...,"problem":...,"remedy":...}]}; members that are absent are
 * left out.
 */
void report_json(const struct report *report, struct buf *out);

#endif
