/*
 * status: the commands of the admin socket.
 *
 * All stand in admin/commands.def; status.c has those that are not of tickets
 * (admin/ticketcmd.h), users (admin/usercmd.h), requests (admin/trailcmd.h) or
 * refused pages (admin/origins.h).  See usherctl(1).
 */
#ifndef ADMIN_STATUS_H
#define ADMIN_STATUS_H

#include "admin/reload.h"
#include "admin/socket.h"

struct spawner;

/* Who may wait for a reload at a time. */
#define STATUS_WAITERS_MAX 8

struct status_waiter {
	uint64_t ticket;	/* of the client, see admin/socket.h */
	bool json;
	unsigned run;		/* of the reload that answers it */
};

struct status {
	struct gateway *gateway;
	struct reload *reload;
	struct db *reader;	/* of the main thread */
	const struct spawner *spawner;	/* NULL: none is needed */
	const char *version;
	/* where it listens, as RUNNING_WORD has it (admin/running.h); "" or
	 * NULL: not told */
	const char *listening;
	int64_t start_ms;	/* wall clock */
	struct socket_server *socket;	/* that asks; set before it runs */
	/* private */
	struct status_waiter waiters[STATUS_WAITERS_MAX];
	unsigned waiter_count;
};

/*
 * What answers a command of admin/commands.def (as a socket_command_fn does):
 * `words` are the arguments, STR_NULL behind the last one.
 */
#define COMMAND(name, ...)						\
	const char *command_##name(struct status *status,		\
				   const struct str *words, bool json,	\
				   struct buf *body);
#include "admin/commands.def"
#undef COMMAND

/*
 * For the commands: `text`, and behind it what somebody else wrote (harmless:
 * see admin/sanitize.h), as a trouble that lives in the body.
 */
const char *status_say(struct buf *body, const char *text, struct str other);
/* The trouble that this tenant is broken, with the file, the line and the
 * reason, or switched off. */
const char *status_not_serving(const struct tenant *tenant, struct buf *body);
/* The trouble that there is no such tenant, with the name that is near; of one
 * that is there, as above. */
const char *status_no_tenant(const struct snapshot *snapshot, struct str slug,
			     struct buf *body);
/* NULL: there is such a tenant, as far as the configuration knows. */
const char *status_check_tenant(struct status *status, struct str slug,
				struct buf *body);
/* That a tenant has no such thing: where there is no such tenant, that. */
const char *status_none(struct status *status, const char *text,
			struct str slug, struct buf *body);

/*
 * A socket_command_fn; `ctx` is the struct status.  A reload is answered later,
 * when it is over: until then every other command goes on.  The end of each
 * reload is to be told to status_reloaded().
 */
const char *status_command(void *ctx, const struct str *words, unsigned count,
			   struct buf *body);
void status_reloaded(struct status *status, unsigned run, enum err err);
/* Nobody who still waits will be told more. */
void status_stop(struct status *status);

#endif
