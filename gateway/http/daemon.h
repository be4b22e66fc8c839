/*
 * daemon: how each libmicrohttpd daemon of this program is set up.
 *
 * None has a thread of its own: the one who starts it waits on its epoll
 * descriptor (daemon_fd()) and calls MHD_run().
 */
#ifndef HTTP_DAEMON_H
#define HTTP_DAEMON_H

#include <microhttpd.h>
#include <stdbool.h>

/* Bytes that one connection may take inside the library: the request's head
 * (its cookies twice) and the answer's share them.  Partners' domains put some
 * 7 KB of cookies on a tenant's host, which 16 KiB would not hold. */
#define DAEMON_CONNECTION_MEMORY (24 * 1024)

struct daemon_setup {
	int listen_fd;		/* -1: connections are added by hand */
	unsigned connections_max;
	const char *tls_priorities;	/* NULL: plain HTTP */
	/* a gnutls_certificate_retrieve_function3 */
	void *tls_certificate;
	/* as in MHD_OPTION_URI_LOG_CALLBACK; its result is the access handler's
	 * *con_cls at its first call */
	void *(*see_target)(void *ctx, const char *uri,
			    struct MHD_Connection *connection);
	MHD_AccessHandlerCallback handle;
	MHD_RequestCompletedCallback completed;		/* may be NULL */
	MHD_NotifyConnectionCallback connected;		/* may be NULL */
	/* a line of the library's own, ended by NUL, without its newline */
	void (*complain)(const char *line);		/* may be NULL */
	void *ctx;		/* of all callbacks */
};

/* NULL: the library refused; it said why to `complain`. `setup` must outlive
 * the daemon. */
struct MHD_Daemon *daemon_start(const struct daemon_setup *setup);
/* The descriptor to wait on; readable when MHD_run() has work. */
int daemon_fd(struct MHD_Daemon *daemon);
/* Does the library take the LF behind a chunk's extension for the chunk's first
 * octet? Versions 1.0 do (seen in 1.0.1). */
bool daemon_loses_extensions(void);

#endif
