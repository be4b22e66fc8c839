/*
 * status: the commands of the admin socket.
 *
 *	status | tenants | reload | explain REQUEST-ID |
 *	audit [NUMBER]     [--json]
 *
 * See usherctl(1).
 */
#ifndef ADMIN_STATUS_H
#define ADMIN_STATUS_H

#include "admin/reload.h"
#include "admin/socket.h"

struct status {
	struct gateway *gateway;
	struct reload *reload;
	struct db *reader;	/* of the main thread */
	const char *version;
	int64_t start_ms;	/* wall clock */
};

/* A socket_command_fn; `ctx` is the struct status. */
const char *status_command(void *ctx, const struct str *words, unsigned count,
			   struct buf *body);

#endif
