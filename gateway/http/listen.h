/*
 * listen: listening TCP sockets that several workers share (SO_REUSEPORT).
 */
#ifndef HTTP_LISTEN_H
#define HTTP_LISTEN_H

#include "config/snapshot.h"

/* Connections that may stand in line at each socket. */
#define LISTEN_BACKLOG 1024

/*
 * Bind and listen `count` times on the listener's address, into fds[].  Port
 * 0: any free one, the same for all.  "::" takes IPv4 as well, and is
 * 0.0.0.0 where the system has no IPv6.  Another program on the port is an
 * error, although it too may allow sharing.  On failure nothing stays open,
 * and `why` names address, problem and remedy.
 */
enum err listen_open(const struct listener *listener, unsigned count,
		     int *fds, uint16_t *port_r, char *why, size_t size);

/*
 * Could the port be had?  It is bound and let go at once; nobody can connect
 * meanwhile.  ERR_CONFLICT: it is in use, be it by ourselves; ERR_NOT_FOUND:
 * this machine has no such address.  `why` as above.
 */
enum err listen_try(const struct listener *listener, char *why, size_t size);

/*
 * From now on nobody joins the line at `fd`, so that it can be emptied and the
 * socket closed without a reset for anybody.  New clients hear nothing, and
 * their systems ask again after a second: by then nobody listens, or somebody
 * else does.  Where the kernel refuses, the line stays open.
 */
void listen_hush(int fd);

#endif
