/*
 * keyctl: the commands about the key ring: `usherctl key list|new|rotate`.
 */
#ifndef ADMIN_KEYCTL_H
#define ADMIN_KEYCTL_H

#include "admin/command.h"

int keyctl_list(const struct command_line *line);
int keyctl_new(const struct command_line *line);
int keyctl_rotate(const struct command_line *line);

#endif
