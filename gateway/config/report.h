/*
 * report: what reading a configuration found, for people.
 *
 * Each finding names file, line, setting, what is wrong and what to do.
 */
#ifndef CONFIG_REPORT_H
#define CONFIG_REPORT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

#define REPORT_MAX 1000		/* findings kept; the rest are counted */

enum report_level {
	REPORT_NOTE,
	REPORT_WARNING,		/* serves, but an operator should look */
	REPORT_TENANT,		/* this tenant does not serve (or serves its last good form) */
	REPORT_FATAL,		/* the gateway cannot start (or keeps its old configuration) */
};

struct finding {
	enum report_level level;
	struct str file;	/* path as given; absent: the directory */
	unsigned line;		/* 0: unknown */
	struct str tenant;	/* slug; absent: none or unknown */
	struct str setting;	/* "session.idle"; absent: none */
	struct str problem;	/* "must be from 60 to 31536000, not 5" */
	struct str remedy;	/* what to do; absent: none */
};

struct report {
	struct pool *pool;
	struct finding *v;
	unsigned count, dropped;
	unsigned cap;
};

/* -1: no memory. */
int report_init(struct report *report);
void report_done(struct report *report);
/* Copies its strings. */
void report_add(struct report *report, struct finding finding);
/* The worst level found; REPORT_NOTE when empty. */
enum report_level report_worst(const struct report *report);
unsigned report_count(const struct report *report, enum report_level level);
/* "conf.d/a.conf:12: tenant a: session.idle: must be ...; remedy\n" */
void report_text(const struct report *report, struct buf *out);
void report_json(const struct report *report, struct buf *out);

#endif
