/* The library's callbacks of a connection, from the first octets to its end.  A
 * request's target is kept as it came, before the library decodes it. */
#include "http/worker-private.h"

#include <sys/ioctl.h>

/* A longer target's copy is not kept for the next request. */
#define TARGET_KEPT_MAX 1024

static struct conn *conn_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

/* NULL: no memory; the library goes on, and the first request ends it. */
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
	deadline_clear(&conn->deadline);
	tap_unwatch(conn->deadline.fd);
	tls_session_end(&conn->tls);
	free(conn->target);
	free(conn);
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

void connection_notify(void *ctx, struct MHD_Connection *mhd, void **socket,
		       enum MHD_ConnectionNotificationCode code)
{
	struct door *door = ctx;
	struct worker *worker = door->worker;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (!*socket)
			return;
		conn_free(*socket);
		*socket = NULL;
		door->connections--;
		worker->connections--;
		metric_add(worker->meter.connections, -1);
		return;
	}
	if (door->line > 0)
		door->line--;
	*socket = conn_new(door, mhd);
	if (!*socket)
		return;
	door->connections++;
	worker->connections++;
	metric_add(worker->meter.connections, 1);
	/* at the end room comes by itself, and the longest awaited is here */
	if (worker->connections > worker->options.connections_max &&
	    !worker->is_draining && deadlines_evict(&worker->deadlines))
		metric_add(worker->meter.evicted, 1);
	deadline_set(&worker->deadlines, &((struct conn *)*socket)->deadline,
		     DEADLINE_REQUEST, worker->now_ms);
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
