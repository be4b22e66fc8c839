/*
 * lent: listening sockets that whoever started us has opened, and keeps.
 *
 * systemd's protocol, sd_listen_fds(3), without its library: descriptors from 3 on,
 * LISTEN_FDS of them, for the process that LISTEN_PID names.  While no gateway
 * runs, clients stand in line at such a socket, so that a restart refuses nobody;
 * and a port below 1024 needs no right of ours.
 */
#ifndef HTTP_LENT_H
#define HTTP_LENT_H

#include "config/snapshot.h"

/* How many are taken; more are closed. */
#define LENT_MAX 16

/*
 * Take note of them, and the environment's word of them away.  To be called before
 * anything opens a descriptor or forks.  Only the first call does anything.
 */
void lent_take(void);

/*
 * `count` descriptors of the one lent socket that has the listener's address and
 * port, into fds[]: all workers take from one line, and the socket lives on when
 * they close theirs.  ERR_NOT_FOUND: none has; ERR_IO (errno) with nothing open.
 */
enum err lent_open(const struct listener *listener, unsigned count, int *fds,
		   uint16_t *port_r);

/* Close ours of each that no listener has asked for, and log it: clients would
 * stand in line there for ever. */
void lent_close_rest(void);

#endif
