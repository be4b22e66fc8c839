#include "http/lent.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/num.h"

#define FIRST 3			/* SD_LISTEN_FDS_START */

/* The environment is the process's, and so is this. */
static struct lent {
	int fd;			/* -1: closed */
	struct ip ip;
	uint16_t port;		/* 0: no TCP socket that listens */
	bool is_used;
} lent[LENT_MAX];
static unsigned lent_count;

static void look_at(struct lent *l)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} sa = { .any.sa_family = AF_UNSPEC };
	socklen_t len = sizeof(sa), size = sizeof(int);
	int type = 0, listens = 0, flags = fcntl(l->fd, F_GETFL);

	fcntl(l->fd, F_SETFD, FD_CLOEXEC);
	if (flags < 0 || fcntl(l->fd, F_SETFL, flags | O_NONBLOCK) ||
	    getsockopt(l->fd, SOL_SOCKET, SO_TYPE, &type, &size) ||
	    getsockopt(l->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) ||
	    getsockname(l->fd, &sa.any, &len) || type != SOCK_STREAM ||
	    !listens || (sa.any.sa_family != AF_INET &&
			 sa.any.sa_family != AF_INET6))
		return;
	l->ip = ip_from_sockaddr(&sa.any);
	l->port = ntohs(sa.any.sa_family == AF_INET ? sa.v4.sin_port :
						      sa.v6.sin6_port);
}

static bool is_for_us(uint64_t *count_r)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	uint64_t named;

	return pid && fds &&
	       !num_u64(str_from(pid), 1, INT32_MAX, &named) &&
	       named == (uint64_t)getpid() &&
	       !num_u64(str_from(fds), 1, INT32_MAX - FIRST, count_r);
}

void lent_take(void)
{
	uint64_t count;

	if (!is_for_us(&count))
		return;
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	lent_count = count > LENT_MAX ? LENT_MAX : (unsigned)count;
	if (count > LENT_MAX)
		close_range(FIRST + LENT_MAX, FIRST + (unsigned)count - 1, 0);
	for (unsigned i = 0; i < lent_count; i++) {
		lent[i].fd = FIRST + (int)i;
		look_at(&lent[i]);
	}
}

static struct lent *find(const struct listener *listener)
{
	struct ip ip;

	if (ip_parse(listener->address, &ip))
		return NULL;
	for (unsigned i = 0; i < lent_count; i++)
		if (lent[i].fd >= 0 && lent[i].port &&
		    lent[i].port == listener->port && ip_eq(&lent[i].ip, &ip))
			return &lent[i];
	return NULL;
}

enum err lent_open(const struct listener *listener, unsigned count, int *fds,
		   uint16_t *port_r)
{
	struct lent *l = find(listener);

	if (!l)
		return ERR_NOT_FOUND;
	for (unsigned i = 0; i < count; i++) {
		fds[i] = fcntl(l->fd, F_DUPFD_CLOEXEC, FIRST);
		if (fds[i] >= 0)
			continue;
		while (i > 0)
			close(fds[--i]);
		return ERR_IO;
	}
	l->is_used = true;
	*port_r = l->port;
	return ERR_OK;
}

void lent_close_rest(void)
{
	char text[IP_TEXT_MAX];

	for (unsigned i = 0; i < lent_count; i++) {
		struct lent *l = &lent[i];

		if (l->fd >= 0 && !l->is_used) {
			snprintf(text, sizeof(text), "none");
			if (l->port)
				ip_text(&l->ip, text);
			log_warn(lent_unused, LOG_TEXT("address", text),
				 LOG_NUM("port", l->port),
				 LOG_TEXT("remedy", "let gateway.listen name "
					  "this address and port, or take it "
					  "out of the socket's unit"));
		}
		if (l->fd >= 0)
			close(l->fd);
		l->fd = -1;
	}
}
