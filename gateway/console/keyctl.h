/*
 * keyctl: the commands about the key ring: `usherctl key
 * list|new|rotate|retire`.  They work on the file in the state directory; a
 * running gateway takes it up by itself (admin/keeper.h).
 */
#ifndef CONSOLE_KEYCTL_H
#define CONSOLE_KEYCTL_H

#include "console/command.h"

int keyctl_list(const struct command_line *line);
int keyctl_new(const struct command_line *line);
int keyctl_rotate(const struct command_line *line);
int keyctl_retire(const struct command_line *line);

extern const struct command_option keyctl_new_options[];

#endif
