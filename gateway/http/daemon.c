#include "http/daemon.h"

#include <stdarg.h>

#include "base/str.h"

/* Options of one daemon. */
#define OPTIONS_MAX 16
#define COMPLAINT_MAX 256

#if MHD_VERSION >= 0x00097700
#define STRICTEST_OPTION MHD_OPTION_CLIENT_DISCIPLINE_LVL
#define STRICTEST 3
#else
#define STRICTEST_OPTION MHD_OPTION_STRICT_FOR_CLIENT
#define STRICTEST 1
#endif

static __attribute__((format(printf, 2, 0))) void
complain(void *ctx, const char *fmt, va_list ap)
{
	const struct daemon_setup *setup = ctx;
	char line[COMPLAINT_MAX];
	int len = vsnprintf(line, sizeof(line), fmt, ap);

	if (len <= 0 || !setup->complain)
		return;
	line[strcspn(line, "\r\n")] = '\0';
	setup->complain(line);
}

struct MHD_Daemon *daemon_start(const struct daemon_setup *setup)
{
	struct MHD_OptionItem options[OPTIONS_MAX];
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
	unsigned n = 0;

#define OPTION(name, number, pointer)                                       \
	(options[n++] = (struct MHD_OptionItem){ (name), (intptr_t)(number),\
						 (void *)(pointer) })
	OPTION(MHD_OPTION_CONNECTION_MEMORY_LIMIT, DAEMON_CONNECTION_MEMORY,
	       NULL);
	OPTION(MHD_OPTION_CONNECTION_LIMIT, setup->connections_max, NULL);
	/* deadlines are kept by the worker, absolute ones */
	OPTION(MHD_OPTION_CONNECTION_TIMEOUT, 0, NULL);
	OPTION(STRICTEST_OPTION, STRICTEST, NULL);
	OPTION(MHD_OPTION_URI_LOG_CALLBACK, setup->see_target, setup->ctx);
	if (setup->completed)
		OPTION(MHD_OPTION_NOTIFY_COMPLETED, setup->completed,
		       setup->ctx);
	if (setup->connected)
		OPTION(MHD_OPTION_NOTIFY_CONNECTION, setup->connected,
		       setup->ctx);
	if (setup->listen_fd >= 0)
		OPTION(MHD_OPTION_LISTEN_SOCKET, setup->listen_fd, NULL);
	else
		flags |= MHD_USE_NO_LISTEN_SOCKET;
	if (setup->tls_priorities) {
		flags |= MHD_USE_TLS;
		OPTION(MHD_OPTION_HTTPS_PRIORITIES, 0, setup->tls_priorities);
		OPTION(MHD_OPTION_HTTPS_CERT_CALLBACK2, 0,
		       setup->tls_certificate);
	}
#undef OPTION
	options[n] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
	if (setup->complain)
		flags |= MHD_USE_ERROR_LOG;
	/* the logger goes first: later options may already have something to
	 * say */
	return MHD_start_daemon(flags, 0, NULL, NULL, setup->handle, setup->ctx,
				MHD_OPTION_EXTERNAL_LOGGER, complain,
				(void *)setup, MHD_OPTION_ARRAY, options,
				MHD_OPTION_END);
}

int daemon_fd(struct MHD_Daemon *daemon)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);

	return info ? info->epoll_fd : -1;
}

bool daemon_loses_extensions(void)
{
	return strncmp(MHD_get_version(), "1.0.", 4) == 0;
}
