/*
 * crashctl: `usherctl crash`, the line that the last crash of the gateway left
 * in its state directory (base/crash.h).  Works on the file: after a crash there
 * may be no gateway to ask.
 */
#ifndef CONSOLE_CRASHCTL_H
#define CONSOLE_CRASHCTL_H

#include "console/command.h"

int crashctl_show(const struct command_line *line);

#endif
