/*
 * server: the edge as a whole: listening sockets, certificates, workers.
 *
 *	server_listen()		as root, if need be: bind
 *	... drop privileges, open the store, load the configuration ...
 *	server_reload()		certificates of a snapshot, the first one's too
 *	server_run()		serve
 *	server_stop()		finish what has come
 *	... close the store: by then every exchange has been woken ...
 *	server_free()
 *
 * Workers notice a new snapshot by themselves: each exchange pins the running
 * one.  Listeners stay those of server_listen().
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "base/buf.h"
#include "handoff/exchange.h"

#define SERVER_WORKERS_MAX 64
#define SERVER_WHY_MAX 512		/* enough for any `why` below */

struct server;
struct route;

/*
 * Bind every listener of `config`, once for each worker, and the metrics
 * listener.  Nothing is accepted yet.  `config` is not needed afterwards;
 * `gateway` outlives the server, its other members may still be unset.
 * ERR_IO and others: `why` names the address and what to do.
 */
enum err server_listen(struct gateway *gateway,
		       const struct gateway_config *config, unsigned workers,
		       struct server **server_r, char *why, size_t size);
/* For tests: another table of routes. Before server_run(). */
void server_set_routes(struct server *server, const struct route *routes);
/*
 * Make sure that libmicrohttpd can be trusted (http/selftest), start the
 * workers.  After server_reload(): without certificates no handshake ends well.
 * ERR_UNSUPPORTED and others: `why`.
 */
enum err server_run(struct server *server, char *why, size_t size);
/*
 * Certificates as `next` names them, for handshakes from now on.  When a
 * listener's do not hold nothing changes.  *report says what does not, which
 * ones expire within CERT_WARN_DAYS, and which do not cover their hosts.  One
 * thread at a time.
 */
enum err server_reload(struct server *server, const struct snapshot *next,
		       struct report *report);
/* Which of those that serve expire soon, as of now: from memory. */
void server_judge_dates(const struct server *server,
			const struct snapshot *running, struct report *report);
/*
 * Serve who has connected and what has come, whole or within
 * DEADLINE_LAST_REQUEST_MS, each with "Connection: close"; finish what waits;
 * what is still under way after `ms` milliseconds is cut.  Accepts NULL and
 * one that never ran. The metrics listener serves to the end.
 * False after SERVER_LET_GO_MS more: a worker hangs where nobody can end it, in
 * a module that runs in this process.  It may still use whatever exchanges use,
 * so all of that has to stay.
 */
#define SERVER_LET_GO_MS 500
bool server_stop(struct server *server, int64_t ms);
/* For checks, without a server: what server_reload() would say. */
enum err server_check(const struct snapshot *snapshot, struct report *report);
/* After server_stop(), when nothing can wake an exchange any more. */
void server_free(struct server *server);

/* For the store's batch_done; ctx is the struct server. */
void server_batch_done(void *ctx);

/*
 * Where it listens really, port 0 resolved, as a JSON array of
 * {"for": "public" | "metrics", "url": "https://127.0.0.1:8443"}.
 */
void server_addresses_json(const struct server *server, struct buf *out);
/* The same for people: "https://127.0.0.1:8443, http://127.0.0.1:9464
 * (metrics)", on one line (RUNNING_WORD of admin/running.h). */
void server_addresses_text(const struct server *server, struct buf *out);
/* For tests: the port of listener number `index`, in the order of the file; the
 * metrics listener comes last. 0: there is none. */
uint16_t server_port(const struct server *server, unsigned index);

#endif
