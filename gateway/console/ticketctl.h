/*
 * ticketctl: the commands of usherctl for those who answer tickets.
 *
 * See admin/ticketcmd.h for what the daemon is asked.
 */
#ifndef CONSOLE_TICKETCTL_H
#define CONSOLE_TICKETCTL_H

#include "console/command.h"

extern const struct command_option ticketctl_list_options[];
extern const struct command_option ticketctl_reply_options[];
extern const struct command_option ticketctl_turn_options[];

int ticketctl_list(const struct command_line *line);
int ticketctl_reply(const struct command_line *line);
/* close, reopen */
int ticketctl_turn(const struct command_line *line);
/* TENANT with an optional user: `sessions` */
int ticketctl_sessions(const struct command_line *line);

#endif
