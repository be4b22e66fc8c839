/* The library's callbacks of a connection, from the first octets to its end.  A
 * request's target is kept as it came, before the library decodes it. */
#include "http/worker-private.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/list.h"
#include "http/refuse.h"

/* A longer target's copy is not kept for the next request. */
#define TARGET_KEPT_MAX 1024

static struct conn *conn_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

static gnutls_session_t session_of(const struct conn *conn)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		conn->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);

	return info ? (gnutls_session_t)info->tls_session : NULL;
}

/*
 * Past the library, which was in the midst of receiving.  An answer of this
 * size fits into any socket's buffer; where it does not its client has not read
 * the last ones.
 */
static void refuse(struct tap *tap)
{
	struct conn *conn = list_entry(tap, struct conn, tap);
	struct worker *worker = conn->door->worker;
	bool is_plain = refuse_verdict(tap->fault) == GUARD_PLAIN;
	gnutls_session_t session = !tap->is_tls || is_plain ?
				   NULL : session_of(conn);
	struct exchange *ex = exchange_new(worker->options.gateway,
					   worker->options.index);
	char text[REFUSE_ANSWER_MAX];
	struct buf out;

	buf_init_fixed(&out, text, sizeof(text));
	if (ex) {
		refuse_answer(ex, &worker->meter, refuse_verdict(tap->fault));
		refuse_render(ex, tap->fault, &out);
		meter_request(&worker->meter, &refuse_steps, ex->answer.status,
			      0);
	}
	if (tap->fault == TAP_CROWD && tap->is_tls) {
		/* there is no handshake yet to say it in */
	} else if (ex && buf_is_ok(&out) && session) {
		gnutls_record_send(session, out.ptr, out.len);
		gnutls_bye(session, GNUTLS_SHUT_WR);
	} else if (ex && buf_is_ok(&out)) {
		(void)!send(conn->deadline.fd, out.ptr, out.len,
			    MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	exchange_free(ex);
	shutdown(conn->deadline.fd, SHUT_WR);
}

/* NULL: no memory; the library goes on, and the first request is told. */
static struct conn *conn_new(struct door *door, struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info;
	struct conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		return NULL;
	conn->door = door;
	conn->mhd = mhd;
	conn->start_ms = door->worker->now_ms;
	info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	deadline_init(&conn->deadline, info ? info->connect_fd : -1);
	if (tap_watch(&conn->tap, conn->deadline.fd, door->options.is_https) !=
	    ERR_OK) {
		free(conn);
		return NULL;
	}
	conn->tap.refuse = refuse;
	conn->tap.memory = DAEMON_CONNECTION_MEMORY;
	conn->tap.refuses_extensions = daemon_loses_extensions();
	info = MHD_get_connection_info(mhd,
				       MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	if (info && info->client_addr)
		conn->peer = ip_from_sockaddr(info->client_addr);
	if (!door->options.is_https)
		return conn;
	info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	if (info && info->tls_session)
		tls_session_begin(&conn->tls, door->worker->options.tls,
				  door->options.listener,
				  (gnutls_session_t)info->tls_session);
	return conn;
}

static void conn_free(struct conn *conn)
{
	if (!conn)
		return;
	networks_leave(conn->door->worker->options.networks, conn->network);
	deadline_clear(&conn->deadline);
	tap_unwatch(conn->deadline.fd);
	tls_session_end(&conn->tls);
	free(conn->target);
	free(conn);
}

static bool is_proxy(const struct snapshot *snapshot, const struct ip *peer)
{
	return cidrs_have(snapshot->gateway.trusted_proxies,
			  snapshot->gateway.trusted_proxy_count, peer);
}

/*
 * Count it among those of its network, unless a proxy brings it, or it is for
 * the metrics, or through a unix socket.  False: there are enough.
 */
static bool may_stay(struct conn *conn)
{
	struct worker *worker = conn->door->worker;
	struct snapshot *snapshot;
	enum err err = ERR_OK;

	if (conn->door->options.is_metrics || !conn->peer.family)
		return true;
	snapshot = snapshot_slot_get(worker->options.gateway->snapshots);
	if (snapshot && !is_proxy(snapshot, &conn->peer))
		err = networks_enter(worker->options.networks, &conn->peer,
				     snapshot->gateway.connections_per_client,
				     &conn->network);
	snapshot_unref(snapshot);
	return !err;
}

/* Told where that takes no handshake, and closed at once: it is not to hold a
 * place. */
static void turn_away(struct conn *conn)
{
	conn->tap.fault = TAP_CROWD;
	conn->tap.is_refused = true;
	refuse(&conn->tap);
	shutdown(conn->deadline.fd, SHUT_RDWR);
}

/*
 * A new one that is silent gets the time that the first octets may take; who
 * opened it in advance, or has had answers on it, is ready to see it end.
 */
bool connection_is_idle(const struct deadline *deadline)
{
	const struct conn *conn = list_entry(deadline, struct conn, deadline);
	int unread = 0;

	if (conn->tap.has_begun)
		return false;
	if (ioctl(deadline->fd, FIONREAD, &unread) == 0 && unread > 0)
		return false;
	return conn->is_kept ||
	       conn->start_ms + DEADLINE_LAST_REQUEST_MS <=
		       conn->door->worker->now_ms;
}

/* Nobody is cut for one that is turned away, or because of it: else a network
 * that has all of its share would still take the others'. */
static void take_in(struct conn *conn)
{
	struct worker *worker = conn->door->worker;

	conn->door->connections++;
	metric_add(worker->meter.connections, 1);
	if (!may_stay(conn)) {
		deadline_set(&worker->deadlines, &conn->deadline,
			     DEADLINE_REQUEST, worker->now_ms);
		turn_away(conn);
		return;
	}
	conn->is_counted = true;
	worker->connections++;
	/* at the end room comes by itself, and the longest awaited is here */
	if (worker->connections > worker->options.connections_max &&
	    !worker->is_draining && deadlines_evict(&worker->deadlines))
		metric_add(worker->meter.evicted, 1);
	deadline_set(&worker->deadlines, &conn->deadline, DEADLINE_REQUEST,
		     worker->now_ms);
}

static void let_go(struct conn *conn)
{
	struct door *door = conn->door;

	door->connections--;
	door->worker->connections -= conn->is_counted;
	metric_add(door->worker->meter.connections, -1);
	conn_free(conn);
}

void connection_notify(void *ctx, struct MHD_Connection *mhd, void **socket,
		       enum MHD_ConnectionNotificationCode code)
{
	struct door *door = ctx;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (*socket)
			let_go(*socket);
		*socket = NULL;
		return;
	}
	if (door->line > 0)
		door->line--;
	*socket = conn_new(door, mhd);
	if (*socket)
		take_in(*socket);
}

/* Before the library decodes it in place. */
void *connection_see_target(void *ctx, const char *uri,
			    struct MHD_Connection *mhd)
{
	struct conn *conn = conn_of(mhd);
	size_t len = strlen(uri);

	(void)ctx;
	if (!conn)
		return NULL;
	/* a request: so the handshake is over */
	tls_session_end(&conn->tls);
	conn->target_at = NULL;
	if (len >= conn->target_size) {
		free(conn->target);
		conn->target_size = len + 64;
		conn->target = malloc(conn->target_size);
		if (!conn->target) {
			conn->target_size = 0;
			return conn;
		}
	}
	memcpy(conn->target, uri, len + 1);
	conn->target_len = len;
	conn->target_at = uri;
	return conn;
}

void connection_completed(void *ctx, struct MHD_Connection *mhd,
			  void **request, enum MHD_RequestTerminationCode code)
{
	struct conn *conn = *request;
	struct worker *worker = ((struct door *)ctx)->worker;

	(void)mhd, (void)code;
	if (!conn)
		return;
	*request = NULL;
	if (conn->turn)
		turn_end(conn->turn);
	if (conn->target_size > TARGET_KEPT_MAX) {
		free(conn->target);
		conn->target = NULL;
		conn->target_size = 0;
	}
	conn->target_at = NULL;
	conn->is_kept = true;
	tap_next(&conn->tap, conn->body_len);
	conn->body_len = 0;
	deadline_set(&worker->deadlines, &conn->deadline, DEADLINE_REQUEST,
		     worker->now_ms);
}
