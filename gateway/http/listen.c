#include "http/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} sa;
	socklen_t len;
};

static bool set_address(struct str text, uint16_t port, struct address *out)
{
	struct ip ip;

	*out = (struct address){ 0 };
	if (ip_parse(text, &ip) != ERR_OK)
		return false;
	if (ip.family == 4) {
		out->sa.v4.sin_family = AF_INET;
		out->sa.v4.sin_port = htons(port);
		memcpy(&out->sa.v4.sin_addr, ip.bytes, 4);
		out->len = sizeof(out->sa.v4);
	} else {
		out->sa.v6.sin6_family = AF_INET6;
		out->sa.v6.sin6_port = htons(port);
		memcpy(&out->sa.v6.sin6_addr, ip.bytes, 16);
		out->len = sizeof(out->sa.v6);
	}
	return true;
}

static uint16_t port_of(int fd)
{
	struct address address = { .len = sizeof(address.sa) };

	if (getsockname(fd, &address.sa.any, &address.len) != 0)
		return 0;
	return ntohs(address.sa.any.sa_family == AF_INET ?
			     address.sa.v4.sin_port :
			     address.sa.v6.sin6_port);
}

/* Bound, not listening yet; -1 with errno. */
static int bind_one(const struct address *address, bool is_shared)
{
	const int on = 1, off = 0;
	int error, fd = socket(address->sa.any.sa_family,
			       SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    (is_shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on,
				     sizeof(on))) ||
	    (address->sa.any.sa_family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off))) ||
	    bind(fd, &address->sa.any, address->len)) {
		error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

/*
 * Sockets that share a port do not mind each other, even those of another
 * daemon of the same user: one that does not share finds out.
 */
static int probe(const struct address *address)
{
	int fd = bind_one(address, false);

	if (fd < 0)
		return -1;
	if (listen(fd, 1) != 0) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	close(fd);
	return 0;
}

static const char *remedy(int error)
{
	switch (error) {
	case EADDRINUSE:
		return "; another program listens there: stop it, or choose "
		       "another port";
	case EACCES:
		return "; ports below 1024 need root or CAP_NET_BIND_SERVICE";
	case EADDRNOTAVAIL:
		return "; this machine has no such address";
	default:
		return "";
	}
}

static enum err open_all(struct address *address, unsigned count, int *fds,
			 uint16_t *port_r)
{
	unsigned n = 0;
	int error;

	if (ntohs(address->sa.v4.sin_port) != 0 && probe(address) != 0)
		return ERR_IO;
	for (; n < count; n++) {
		fds[n] = bind_one(address, true);
		if (fds[n] < 0)
			goto fail;
		/* the first one's free port is everybody's */
		if (n == 0) {
			*port_r = port_of(fds[0]);
			address->sa.v4.sin_port = htons(*port_r);
		}
	}
	for (unsigned i = 0; i < n; i++)
		if (listen(fds[i], LISTEN_BACKLOG) != 0)
			goto fail;
	return ERR_OK;
fail:
	error = errno;
	while (n > 0)
		close(fds[--n]);
	errno = error;
	return ERR_IO;
}

static void say_errno(const struct listener *listener, char *why, size_t size)
{
	int error = errno;

	snprintf(why, size, "listener %.*s: %s%s", STR_ARG(listener->url),
		 strerror(error), remedy(error));
}

/* A system without IPv6: all addresses are IPv4's then. */
static bool fall_back(const struct listener *listener,
		      struct address *address)
{
	return errno == EAFNOSUPPORT &&
	       str_eq(listener->address, STR("::")) &&
	       set_address(STR("0.0.0.0"), listener->port, address);
}

enum err listen_open(const struct listener *listener, unsigned count,
		     int *fds, uint16_t *port_r, char *why, size_t size)
{
	struct address address;
	enum err err;

	/* sin_port and sin6_port stand at the same place */
	_Static_assert(offsetof(struct sockaddr_in, sin_port) ==
			       offsetof(struct sockaddr_in6, sin6_port),
		       "one port for both");
	if (!set_address(listener->address, listener->port, &address)) {
		snprintf(why, size, "listener %.*s: %.*s is no address; "
			 "write it as 127.0.0.1, 0.0.0.0 or [::]",
			 STR_ARG(listener->url), STR_ARG(listener->address));
		return ERR_SYNTAX;
	}
	err = open_all(&address, count, fds, port_r);
	if (err && fall_back(listener, &address)) {
		log_warn(no_ipv6, LOG_STR("listener", listener->url),
			 LOG_TEXT("instead", "listening on IPv4 alone"));
		err = open_all(&address, count, fds, port_r);
	}
	if (err)
		say_errno(listener, why, size);
	return err;
}

enum err listen_try(const struct listener *listener, char *why, size_t size)
{
	struct address address;
	int fd;

	if (!listener->port ||
	    !set_address(listener->address, listener->port, &address))
		return ERR_OK;
	fd = bind_one(&address, false);
	if (fd < 0 && fall_back(listener, &address))
		fd = bind_one(&address, false);
	if (fd < 0) {
		enum err err = errno == EADDRINUSE ? ERR_CONFLICT :
			errno == EADDRNOTAVAIL ? ERR_NOT_FOUND : ERR_IO;

		say_errno(listener, why, size);
		return err;
	}
	close(fd);
	return ERR_OK;
}

/*
 * A filter on a TCP socket sees the segment from its header on (RFC 9293
 * section 3.1): the flags are octet 13.  Without SYN no connection begins; all
 * else, such as the last word of those that began before, passes.
 */
void listen_hush(int fd)
{
	enum { FLAGS = 13, SYN = 0x02 };
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FLAGS),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, SYN, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	const struct sock_fprog program = {
		.len = N_ELEMENTS(code), .filter = code,
	};

	setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}
