#include "http/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/deadline.h"
#include "http/examine.h"
#include "http/lent.h"
#include "http/listen.h"
#include "http/selftest.h"
#include "http/tap.h"
#include "http/worker.h"

#define POOL_MAX (256 * 1024)	/* bytes of copied settings */
/* Descriptors for everything but clients. */
#define OTHER_DESCRIPTORS 512
/* Between looks at whether the workers have ended. */
#define STOP_LOOK_MS 5

/* One listener and its sockets, one for each worker. */
struct port {
	struct listener listener;	/* its strings in the server's pool */
	bool is_metrics, is_lent;
	unsigned fd_count;		/* metrics: the first worker's only */
	int fds[SERVER_WORKERS_MAX];	/* -1: a worker's by now */
	uint16_t port;
};

struct server {
	struct gateway *gateway;
	struct pool *pool;
	const struct route *routes;
	uint32_t request_ms;
	unsigned connections_max, reserve;
	struct port ports[WORKER_DOORS_MAX];
	unsigned port_count;
	struct tls_slot *tls;
	struct networks *networks;
	struct worker *workers[SERVER_WORKERS_MAX];
	unsigned worker_count;		/* wanted */
	atomic_uint made;		/* of them; others read it too */
};

/* ---- listening ---------------------------------------------------------- */

/* The configuration that we were given goes away. */
static enum err copy_listener(struct server *server,
			      const struct listener *from,
			      struct listener *out)
{
	struct str *const strings[] = { &out->url, &out->address,
					&out->certificate, &out->key };

	*out = *from;
	for (size_t i = 0; i < N_ELEMENTS(strings); i++) {
		if (str_is_null(*strings[i]))
			continue;
		*strings[i] = pool_str(server->pool, *strings[i]);
		if (str_is_null(*strings[i]))
			return ERR_NOMEM;
	}
	return ERR_OK;
}

static enum err open_port(struct server *server,
			  const struct listener *listener, bool is_metrics,
			  char *why, size_t size)
{
	struct port *port = &server->ports[server->port_count];
	unsigned count = is_metrics ? 1 : server->worker_count;
	enum err err;

	if (copy_listener(server, listener, &port->listener) != ERR_OK) {
		snprintf(why, size, "no memory for a listener");
		return ERR_NOMEM;
	}
	port->is_metrics = is_metrics;
	err = lent_open(&port->listener, count, port->fds, &port->port);
	port->is_lent = err == ERR_OK;
	if (err == ERR_IO)
		snprintf(why, size, "listener %.*s: %s",
			 STR_ARG(port->listener.url), strerror(errno));
	else if (err)
		err = listen_open(&port->listener, count, port->fds,
				  &port->port, why, size);
	if (err)
		return err;
	port->fd_count = count;
	server->port_count++;
	return ERR_OK;
}

/*
 * Fewer connections, so that accept(2) never runs out of descriptors: the
 * library would turn in circles until one is free, and honest clients would
 * wait for the deadlines of those who idle.
 */
static void fit_into(struct server *server, rlim_t limit)
{
	rlim_t others = limit / 2 < OTHER_DESCRIPTORS ? limit / 2 :
							OTHER_DESCRIPTORS;
	rlim_t each = (limit - others) /
		      (server->worker_count * (server->port_count + 1));

	if (server->reserve > each)
		server->reserve = each > 0 ? (unsigned)each : 1;
	server->connections_max = each > 0 ?
				  (unsigned)each * server->worker_count :
				  server->worker_count;
}

/* As many descriptors as connections_max takes, if the system lets us. */
static void raise_limit(struct server *server)
{
	rlim_t need = (rlim_t)server->connections_max + OTHER_DESCRIPTORS +
		      (rlim_t)server->reserve * server->worker_count *
		      server->port_count;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= need)
		return;
	if (limit.rlim_max < need) {
		struct rlimit higher = { need, need };

		/* only root may; otherwise the hard limit has to do */
		if (setrlimit(RLIMIT_NOFILE, &higher) == 0)
			return;
	}
	limit.rlim_cur = need < limit.rlim_max ? need : limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= need)
		return;
	fit_into(server, limit.rlim_cur);
	log_warn(few_descriptors, LOG_NUM("limit", (int64_t)limit.rlim_cur),
		 LOG_NUM("wanted", (int64_t)need),
		 LOG_NUM("connections_max", server->connections_max),
		 LOG_TEXT("remedy", "raise the limit of open files (ulimit -n, "
			  "LimitNOFILE=) or lower connections_max"));
}

static enum err open_ports(struct server *server,
			   const struct gateway_config *config, char *why,
			   size_t size)
{
	enum err err = ERR_OK;

	for (unsigned i = 0; !err && i < config->listener_count; i++)
		err = open_port(server, &config->listeners[i], false, why,
				size);
	if (!err && config->has_metrics)
		err = open_port(server, &config->metrics, true, why, size);
	return err;
}

enum err server_listen(struct gateway *gateway,
		       const struct gateway_config *config, unsigned workers,
		       struct server **server_r, char *why, size_t size)
{
	struct server *server = calloc(1, sizeof(*server));
	enum err err = ERR_NOMEM;

	snprintf(why, size, "no memory for the server");
	if (!server)
		return ERR_NOMEM;
	server->gateway = gateway;
	server->routes = router_table;
	server->request_ms = config->request_deadline_s * 1000;
	server->connections_max = config->connections_max;
	server->reserve = WORKER_RESERVE;
	server->worker_count = workers < 1 ? 1 :
			       workers > SERVER_WORKERS_MAX ?
			       SERVER_WORKERS_MAX : workers;
	server->pool = pool_new(POOL_MAX);
	server->tls = tls_slot_new();
	server->networks = networks_new();
	if (server->pool && server->tls && server->networks)
		err = open_ports(server, config, why, size);
	if (!err)
		lent_close_rest();
	if (err) {
		server_free(server);
		return err;
	}
	raise_limit(server);
	*server_r = server;
	return ERR_OK;
}

void server_set_routes(struct server *server, const struct route *routes)
{
	server->routes = routes;
}

/* ---- certificates ------------------------------------------------------- */

/* Our listeners with the paths that `snapshot` now gives them. */
static unsigned current_listeners(const struct server *server,
				  const struct snapshot *snapshot,
				  struct listener *out)
{
	unsigned n = 0;

	for (unsigned i = 0; i < server->port_count; i++) {
		const struct listener *ours = &server->ports[i].listener;

		if (server->ports[i].is_metrics)
			continue;
		out[n] = *ours;
		for (unsigned j = 0; j < snapshot->gateway.listener_count;
		     j++) {
			const struct listener *l =
				&snapshot->gateway.listeners[j];

			if (!str_eq(l->url, ours->url) || !l->is_https)
				continue;
			out[n] = *l;
		}
		n++;
	}
	return n;
}

/* What there is to say of a set that was loaded. */
static void tell_set(const struct tls_set *set,
		     const struct listener *listeners, unsigned count,
		     const struct snapshot *snapshot, struct report *report)
{
	const struct examine examine = { set, listeners, count, snapshot };

	examine_hosts(&examine, report);
	examine_dates(&examine, clock_wall_s(), report);
}

enum err server_reload(struct server *server, const struct snapshot *next,
		       struct report *report)
{
	struct listener listeners[CONFIG_LISTENERS_MAX];
	unsigned count = current_listeners(server, next, listeners);
	struct tls_set *previous = tls_slot_get(server->tls), *set;
	enum err err = tls_set_load(listeners, count, next, previous, &set,
				    report);

	if (!err) {
		tell_set(set, listeners, count, next, report);
		tls_slot_put(server->tls, set);
	}
	tls_set_unref(previous);
	return err;
}

void server_judge_dates(const struct server *server,
			const struct snapshot *running, struct report *report)
{
	struct listener listeners[CONFIG_LISTENERS_MAX];
	unsigned count = current_listeners(server, running, listeners);
	struct tls_set *set = tls_slot_get(server->tls);
	const struct examine examine = { set, listeners, count, running };

	if (set)
		examine_dates(&examine, clock_wall_s(), report);
	tls_set_unref(set);
}

enum err server_check(const struct snapshot *snapshot, struct report *report)
{
	const struct gateway_config *config = &snapshot->gateway;
	struct tls_set *set = NULL;
	enum err err = tls_set_load(config->listeners, config->listener_count,
				    snapshot, NULL, &set, report);

	if (!err)
		tell_set(set, config->listeners, config->listener_count,
			 snapshot, report);
	tls_set_unref(set);
	return err;
}

/* ---- serving ------------------------------------------------------------ */

static enum err check_library(char *why, size_t size)
{
	const char *which = NULL;
	enum err err = tap_init();

	if (err) {
		snprintf(why, size, "GnuTLS %s has no gnutls_handshake() to be "
			 "found: it has to be linked as a shared library",
			 gnutls_check_version(NULL));
		return err;
	}
	err = selftest_guard(&which);
	if (err == ERR_UNSUPPORTED)
		snprintf(why, size,
			 "libmicrohttpd %s is not one that can be guarded: it "
			 "misreads \"%s\"; install a version from 0.9.75 to "
			 "1.0", MHD_get_version(), which);
	else if (err)
		snprintf(why, size, "libmicrohttpd %s did not start",
			 MHD_get_version());
	return err;
}

static enum err make_worker(struct server *server, unsigned index, char *why,
			    size_t size)
{
	unsigned share = server->connections_max / server->worker_count;
	struct worker_options options = {
		.index = index,
		.gateway = server->gateway,
		.tls = server->tls,
		.networks = server->networks,
		.routes = server->routes,
		.request_ms = server->request_ms,
		.answer_ms = DEADLINE_ANSWER_MS,
		.connections_max = share > 0 ? share : 1,
		.reserve = server->reserve,
	};

	for (unsigned i = 0; i < server->port_count; i++) {
		struct port *port = &server->ports[i];

		if (index >= port->fd_count)
			continue;
		options.doors[options.door_count++] = (struct worker_door){
			.listen_fd = port->fds[index],
			.is_lent = port->is_lent,
			.is_metrics = port->is_metrics,
			.listener = i,
			.is_https = port->listener.is_https,
			.close_always = port->listener.close_always,
		};
		port->fds[index] = -1;
	}
	return worker_new(&options, &server->workers[index], why, size);
}

enum err server_run(struct server *server, char *why, size_t size)
{
	enum err err = check_library(why, size);

	for (unsigned i = 0; !err && i < server->worker_count; i++) {
		err = make_worker(server, i, why, size);
		if (!err)
			atomic_store(&server->made, i + 1);
	}
	for (unsigned i = 0; !err && i < server->made; i++) {
		err = worker_run(server->workers[i]);
		if (err)
			snprintf(why, size, "no thread for a worker");
	}
	return err;
}

static bool is_over(const struct server *server)
{
	for (unsigned i = 0; i < server->made; i++)
		if (!worker_is_over(server->workers[i]))
			return false;
	return true;
}

static bool await_end(const struct server *server, int64_t ms)
{
	int64_t end = clock_mono_ms() + ms;

	while (!is_over(server) && clock_mono_ms() < end)
		poll(NULL, 0, STOP_LOOK_MS);
	return is_over(server);
}

bool server_stop(struct server *server, int64_t ms)
{
	unsigned unfinished = 0;

	if (!server)
		return true;
	atomic_store(&server->gateway->is_draining, true);
	for (unsigned i = 0; i < server->made; i++)
		worker_quiesce(server->workers[i]);
	if (!await_end(server, ms))
		log_warn(stop_cut_short, LOG_NUM("after_ms", ms));
	atomic_store(&server->gateway->is_stopping, true);
	for (unsigned i = 0; i < server->made; i++)
		worker_abandon(server->workers[i]);
	if (!await_end(server, SERVER_LET_GO_MS))
		return false;
	for (unsigned i = 0; i < server->made; i++) {
		worker_join(server->workers[i]);
		unfinished += worker_unfinished(server->workers[i]);
	}
	if (unfinished > 0)
		log_info(unfinished_cut, LOG_NUM("connections", unfinished));
	return true;
}

void server_free(struct server *server)
{
	if (!server)
		return;
	for (unsigned i = 0; i < server->made; i++)
		worker_free(server->workers[i]);
	for (unsigned i = 0; i < server->port_count; i++)
		for (unsigned j = 0; j < server->ports[i].fd_count; j++)
			if (server->ports[i].fds[j] >= 0)
				close(server->ports[i].fds[j]);
	tls_slot_free(server->tls);
	networks_free(server->networks);
	pool_free(server->pool);
	free(server);
}

void server_batch_done(void *ctx)
{
	struct server *server = ctx;

	worker_promise_flush();
	for (unsigned i = 0; i < server->made; i++)
		worker_flush(server->workers[i]);
}

/* ---- where -------------------------------------------------------------- */

static void add_url(const struct port *port, struct buf *out)
{
	const struct listener *listener = &port->listener;
	bool is_v6 = str_find(listener->address, ':') >= 0;

	buf_printf(out, "%s://%s%.*s%s:%u",
		   listener->is_https ? "https" : "http", is_v6 ? "[" : "",
		   STR_ARG(listener->address), is_v6 ? "]" : "", port->port);
}

void server_addresses_json(const struct server *server, struct buf *out)
{
	buf_addc(out, '[');
	for (unsigned i = 0; i < server->port_count; i++) {
		buf_printf(out, "%s{\"for\":\"%s\",\"url\":\"", i ? "," : "",
			   server->ports[i].is_metrics ? "metrics" : "public");
		add_url(&server->ports[i], out);
		buf_puts(out, "\"}");
	}
	buf_addc(out, ']');
}

void server_addresses_text(const struct server *server, struct buf *out)
{
	for (unsigned i = 0; i < server->port_count; i++) {
		buf_puts(out, i ? ", " : "");
		add_url(&server->ports[i], out);
		buf_puts(out, server->ports[i].is_metrics ? " (metrics)" : "");
	}
}

uint16_t server_port(const struct server *server, unsigned index)
{
	return index < server->port_count ? server->ports[index].port : 0;
}
