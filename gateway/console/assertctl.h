/*
 * assertctl: the commands about signed assertions: `usherctl sign` makes one,
 * `usherctl verify` tells what the gateway makes of one, check by check.
 *
 * They work on the configuration's files, and neither asks a running gateway
 * nor tells it anything: what was verified here can still be used.  An
 * assertion is read from a file or standard input, never from the command line,
 * which everybody on the machine can read.
 */
#ifndef CONSOLE_ASSERTCTL_H
#define CONSOLE_ASSERTCTL_H

#include "console/command.h"

#define ASSERTCTL_CLAIMS_MAX 64		/* NAME=VALUE of one assertion */
#define ASSERTCTL_LIFETIME_MAX_S 86400	/* longer than any tenant takes */

int assertctl_sign(const struct command_line *line);
int assertctl_verify(const struct command_line *line);

extern const struct command_option assertctl_sign_options[];

#endif
