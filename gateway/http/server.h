/*
 * server: all workers and listeners, as main sees them.
 *
 *	server_listen()  bind every port, still with the rights of the start
 *	server_run()     certificates, guard's self-test, one thread per worker
 *	server_reload()  certificates of a new snapshot, before it serves
 *	server_stop()    close the listeners, refuse new work, finish what waits
 *	server_free()    after the store is closed: nobody completes any more
 *
 * Errors write one sentence into `why` that says what is wrong, where, and what
 * to do.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "base/buf.h"
#include "handoff/exchange.h"

#define SERVER_WORKERS_MAX 64

struct server;

/* `config` lives on until server_free() or is copied; port 0 binds any free one. */
enum err server_listen(struct gateway *gateway,
		       const struct gateway_config *config, unsigned workers,
		       struct server **server_r, char *why, size_t size);
/* gateway->snapshots and ->store are set by now. */
enum err server_run(struct server *server, struct snapshot *first, char *why,
		    size_t size);
/* ERR_OK: `next` can be served. Else nothing changed. */
enum err server_reload(struct server *server, struct snapshot *next,
		       char *why, size_t size);
/* Returns when all is finished, or after `deadline_ms`. Accepts NULL. */
void server_stop(struct server *server, int64_t deadline_ms);
/* Accepts NULL. */
void server_free(struct server *server);

/* For store_options.batch_done; ctx is the server. Any thread. */
void server_batch_done(void *server);
/* [{"url":"https://127.0.0.1:41234","for":"public"},...,"for":"metrics"] with
 * the ports really bound. */
void server_addresses_json(const struct server *server, struct buf *out);

#endif
