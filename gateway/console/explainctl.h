/*
 * explainctl: usherctl explain: of one request, of a token, or of a person.
 *
 * A person is asked for within a time, which the daemon gets in milliseconds:
 * admin/trailcmd.h.
 */
#ifndef CONSOLE_EXPLAINCTL_H
#define CONSOLE_EXPLAINCTL_H

#include <stdint.h>

#include "console/command.h"

extern const struct command_option explainctl_options[];

int explainctl_explain(const struct command_line *line);

/* "90s", "10m", "2h", "3d": milliseconds. -1: it is none of them. */
int explainctl_span(struct str text, int64_t *ms_r);
/* "2026-11-28 10:05" or "2026-11-28T10:05:30Z", in UTC: -1: it is none. */
int explainctl_moment(struct str text, int64_t *ms_r);

#endif
