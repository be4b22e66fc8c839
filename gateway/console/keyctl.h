/*
 * keyctl: the commands about the key ring: `usherctl key list|new|rotate`.
 */
#ifndef CONSOLE_KEYCTL_H
#define CONSOLE_KEYCTL_H

#include "console/command.h"

int keyctl_list(const struct command_line *line);
int keyctl_new(const struct command_line *line);
int keyctl_rotate(const struct command_line *line);

#endif
