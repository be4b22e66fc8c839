/*
 * adapterctl: what a tenant's developer asks of usherctl: `adapter check` and
 * `adapter run`; `adapter new` is scaffold's.
 */
#ifndef CONSOLE_ADAPTERCTL_H
#define CONSOLE_ADAPTERCTL_H

#include "console/command.h"

extern const struct command_option adapterctl_check_options[];
extern const struct command_option adapterctl_run_options[];

/* The exit status is the verdict: COMMAND_DONE for one that is fit. */
int adapterctl_check(const struct command_line *line);
/* COMMAND_REFUSED when it failed, and not when it refused. */
int adapterctl_run(const struct command_line *line);

#endif
