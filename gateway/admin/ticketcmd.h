/*
 * ticketcmd: tickets, as those who answer them see them; commands of the admin
 * socket.
 *
 *	tickets list TENANT STATE LIMIT BEFORE	STATE: all | open | closed;
 *						BEFORE: "-" or MS:NUMBER
 *	tickets show TENANT NUMBER
 *	tickets reply TENANT NUMBER NAME MESSAGE KEY
 *	tickets close TENANT NUMBER NAME	NAME may be empty
 *	tickets reopen TENANT NUMBER NAME
 *
 * What is written is confirmed by the writer, or told as not confirmed within
 * JOB_WAIT_MS; KEY (store/tickets.h) makes it safe to ask again.
 */
#ifndef ADMIN_TICKETCMD_H
#define ADMIN_TICKETCMD_H

#include "admin/status.h"

#endif
