/*
 * listen: listening TCP sockets that several workers share (SO_REUSEPORT).
 */
#ifndef HTTP_LISTEN_H
#define HTTP_LISTEN_H

#include "config/snapshot.h"

/*
 * Bind and listen `count` times on the listener's address, into fds[].  Port
 * 0: any free one, the same for all.  "::" takes IPv4 as well, and is
 * 0.0.0.0 where the system has no IPv6.  Another program on the port is an
 * error, although it too may allow sharing.  On failure nothing stays open,
 * and `why` names address, problem and remedy.
 */
enum err listen_open(const struct listener *listener, unsigned count,
		     int backlog, int *fds, uint16_t *port_r, char *why,
		     size_t size);

#endif
