/*
 * adapterctl: what a tenant's developer asks of usherctl: `adapter check` and
 * `adapter run`.
 */
#ifndef ADMIN_ADAPTERCTL_H
#define ADMIN_ADAPTERCTL_H

#include "admin/command.h"

int adapterctl_check(const struct command_line *line);
int adapterctl_run(const struct command_line *line);

#endif
