/* One request: its head is proved, its body taken in, its list of steps run,
 * and the answer handed to the library, now or after a wait. */
#include "http/worker-private.h"

#include "admin/pages.h"
#include "base/clock.h"
#include "base/invariant.h"
#include "base/log.h"
#include "http/refuse.h"
#include "http/response.h"

/* Octets of the metrics page. */
#define PAGE_MAX (16 * 1024 * 1024)

/* ---- answering ---------------------------------------------------------- */

static enum MHD_Result queue(struct conn *conn, int status,
			     struct MHD_Response *response)
{
	struct worker *worker = conn->door->worker;
	enum MHD_Result result = MHD_queue_response(conn->mhd, (unsigned)status,
						    response);

	MHD_destroy_response(response);
	deadline_set(&worker->deadlines, &conn->deadline, DEADLINE_ANSWER,
		     worker->now_ms);
	return result;
}

static enum err make_constant(enum code code, struct str json,
			      struct MHD_Response **response_r)
{
	const struct answer answer = {
		.headers = { { STR("Content-Type"), STR("application/json") },
			     { STR("Cache-Control"), STR("no-store") },
			     { STR("Retry-After"), STR("2") } },
		.header_count = code_table[code].status == 503 ? 3 : 2,
		.body = json,
	};

	return response_make(&answer, true, RESPONSE_HEAD_MAX, response_r);
}

/* There is no memory, or no answer that can be sent. */
static enum MHD_Result answer_constant(struct conn *conn, enum code code,
				       struct str json)
{
	struct MHD_Response *response;

	if (make_constant(code, json, &response))
		return MHD_NO;
	return queue(conn, code_table[code].status, response);
}

/* `before`: what comes before the code, with its comma. */
#define JSON_OF(code, before) STR("{" before "\"code\":\"" #code "\"}")
#define answer_plainly(conn, code, before)				\
	answer_constant(conn, CODE_##code, JSON_OF(code, before))
#define BUSY								\
	"\"message\":\"The service is busy. Please try again in a moment.\","

static enum MHD_Result answer_no_memory(struct conn *conn)
{
	return answer_plainly(conn, busy, BUSY);
}

/* There was none for the connection itself. */
static enum MHD_Result answer_stranger(struct MHD_Connection *mhd)
{
	struct MHD_Response *response;
	enum MHD_Result result;

	if (make_constant(CODE_busy, JSON_OF(busy, BUSY), &response))
		return MHD_NO;
	result = MHD_queue_response(mhd, (unsigned)code_table[CODE_busy].status,
				    response);
	MHD_destroy_response(response);
	return result;
}

/*
 * Nothing is read from now until the answer is out, so what is not here yet
 * will be seen when it comes; what is here already was not.
 */
static bool must_close(const struct turn *turn)
{
	const struct conn *conn = turn->conn;
	const struct gateway *gateway = turn->worker->options.gateway;

	return turn->closes ||
	       (tap_is_live() && tap_has_more(&conn->tap, conn->body_len)) ||
	       atomic_load_explicit(&gateway->is_draining,
				    memory_order_relaxed);
}

static enum MHD_Result send_answer(struct turn *turn)
{
	struct exchange *ex = turn->ex;
	struct conn *conn = turn->conn;
	struct worker *worker = turn->worker;
	struct MHD_Response *response;
	enum err err = response_make(&ex->answer, must_close(turn), turn->room,
				     &response);

	turn->state = TURN_SENT;
	if (err == ERR_LIMIT && turn->room < RESPONSE_HEAD_MAX)
		return answer_plainly(conn, headers_too_long,
				      "\"message\":\"The request's headers are "
				      "too long. Fewer cookies may help.\",");
	if (err) {
		log_error(answer_not_sent, LOG_TEXT("request", ex->id),
			  LOG_TEXT("list", turn->steps->name),
			  LOG_TEXT("problem", err_text(err)));
		if (err == ERR_NOMEM)
			return answer_no_memory(conn);
		return answer_plainly(conn, internal,
				      "\"message\":\"Something went wrong.\",");
	}
	meter_request(&worker->meter, turn->steps, ex->answer.status,
		      clock_mono_ns() - turn->start_ns);
	return queue(conn, ex->answer.status, response);
}

/* ---- running the exchange ----------------------------------------------- */

static void begin_to_wait(struct turn *turn)
{
	struct worker *worker = turn->worker;

	turn->state = TURN_WAITING;
	turn->wait_ms = clock_mono_ms();
	list_add(exchange_is_paused(turn->ex) ? &worker->paused
					      : &worker->waiting, &turn->node);
	worker->waiting_count++;
	metric_add(worker->meter.waiting, 1);
}

static void end_to_wait(struct turn *turn)
{
	list_del(&turn->node);
	turn->worker->waiting_count--;
	metric_add(turn->worker->meter.waiting, -1);
}

/*
 * Run the list until it is answered or waits.  A wake may already be posted
 * when we suspend; it is only collected by this thread, later.
 */
static enum MHD_Result run(struct turn *turn)
{
	if (exchange_run(turn->ex) == EXCHANGE_DONE)
		return send_answer(turn);
	begin_to_wait(turn);
	MHD_suspend_connection(turn->conn->mhd);
	return MHD_YES;
}

/* Before the body, whose limit is the list's. */
static void choose_steps(struct turn *turn)
{
	struct exchange *ex = turn->ex;
	struct router_match match;

	if (ex->snapshot)
		ex->host = snapshot_host(ex->snapshot, ex->request.host);
	match = router_find(turn->worker->options.routes, ex->request.method,
			    ex->request.path, ex->host);
	memcpy(ex->request.params, match.params, sizeof(match.params));
	turn->steps = match.steps;
	if (match.allow)
		answer_header(ex, "Allow", str_from(match.allow));
}

/* All of the request is there that will be read. */
static enum MHD_Result start_steps(struct turn *turn)
{
	body_end(&turn->body, &turn->ex->request);
	if (turn->body.is_too_large)
		turn->closes = true;
	deadline_clear(&turn->conn->deadline);
	exchange_begin(turn->ex, turn->steps);
	return run(turn);
}

void turn_go_on(struct turn *turn)
{
	struct conn *conn = turn->conn;

	invariant_is(turn, TURN_MAGIC);
	invariant(turn->state == TURN_WAITING);
	end_to_wait(turn);
	if (!conn) {
		exchange_free(turn->ex);
		return;
	}
	if (exchange_run(turn->ex) == EXCHANGE_WAITING) {
		begin_to_wait(turn);
		return;
	}
	turn->state = TURN_READY;
	conn->door->has_work = true;
	MHD_resume_connection(conn->mhd);
}

/*
 * The exchange is the writer's until its wake, so another one answers in its
 * place; this turn goes on without a connection, as if the client had gone.
 */
void turn_hurry(struct turn *turn)
{
	struct conn *conn = turn->conn;
	struct exchange *late = NULL;
	struct turn *stand_in;

	if (!conn || !exchange_is_storing(turn->ex) ||
	    turn->worker->now_ms - turn->wait_ms < EXCHANGE_STORE_MS)
		return;
	late = exchange_late(turn->ex);
	stand_in = late ? pool_alloc(late->pool, sizeof(*stand_in)) : NULL;
	if (!stand_in) {
		exchange_free(late);
		return;
	}
	*stand_in = *turn;
	list_init(&stand_in->node);
	stand_in->ex = late;
	stand_in->state = TURN_READY;
	late->owner = stand_in;
	conn->turn = stand_in;
	turn->conn = NULL;
	metric_add(turn->worker->meter.late, 1);
	conn->door->has_work = true;
	MHD_resume_connection(conn->mhd);
}

void turn_end(struct turn *turn)
{
	invariant_is(turn, TURN_MAGIC);
	invariant(turn->conn && turn->conn->turn == turn);
	turn->conn->turn = NULL;
	turn->conn = NULL;
	if (turn->state != TURN_WAITING)
		exchange_free(turn->ex);
}

void turn_abandon(struct turn *turn)
{
	struct conn *conn = turn->conn;

	if (!conn)
		return;
	turn_end(turn);
	MHD_resume_connection(conn->mhd);
}

/* ---- taking a request in ------------------------------------------------ */

static struct turn *turn_new(struct conn *conn)
{
	struct worker *worker = conn->door->worker;
	struct exchange *ex = exchange_new(worker->options.gateway,
					   worker->options.index);
	struct turn *turn = ex ? pool_alloc(ex->pool, sizeof(*turn)) : NULL;

	if (!turn) {
		exchange_free(ex);
		return NULL;
	}
	turn->magic = TURN_MAGIC;
	turn->worker = worker;
	turn->conn = conn;
	turn->ex = ex;
	turn->room = RESPONSE_HEAD_MAX;
	turn->start_ns = clock_mono_ns();
	turn->closes = conn->door->options.close_always;
	list_init(&turn->node);
	ex->wake = worker_post;
	ex->owner = turn;
	conn->turn = turn;
	return turn;
}

/* Nothing that such a request says is acted on, not even its host. */
static enum MHD_Result refuse(struct turn *turn, enum guard_verdict verdict)
{
	refuse_answer(turn->ex, &turn->worker->meter, verdict);
	turn->steps = &refuse_steps;
	turn->closes = true;
	return send_answer(turn);
}

static enum MHD_Result begin(struct conn *conn, const char *method,
			     const char *version)
{
	struct guard_target target = {
		conn->target_at, { conn->target, conn->target_len }
	};
	struct guard_head head;
	enum guard_verdict verdict = guard_check(conn->mhd, method, version,
						 target, &conn->tap, &head);
	struct turn *turn = turn_new(conn);
	size_t max;
	enum err err;

	/* or for its target: then the guard could not look at it */
	if (!turn || !target.at)
		return answer_no_memory(conn);
	if (verdict != GUARD_OK)
		return refuse(turn, verdict);
	err = request_fill(turn->ex, &head, target, &conn->peer,
			   conn->door->options.is_https);
	if (err == ERR_NOMEM)
		return answer_no_memory(conn);
	if (err)
		return refuse(turn, GUARD_HOST);
	turn->room = response_room(conn->mhd, &head);
	turn->ex->request.answer_room = turn->room;
	if (head.content_length != GUARD_NO_LENGTH)
		conn->body_len = head.content_length;
	/* trailers are the library's to parse, so nothing follows them */
	turn->is_chunked = head.is_chunked;
	if (head.is_chunked)
		turn->closes = true;
	choose_steps(turn);
	max = turn->steps->body_max ? turn->steps->body_max : REQUEST_BODY_MAX;
	/* the library lets only a POST be answered before its body */
	if (body_begin(&turn->body, turn->ex->pool, max, &head) ==
	    BODY_REFUSE && head.method == METHOD_POST)
		return start_steps(turn);
	return MHD_YES;
}

/* ---- the metrics listener ----------------------------------------------- */

static bool is_local_name(struct str name)
{
	const struct str top = STR(".localhost");

	return str_find(name, '.') < 0 ||
	       (name.len > top.len &&
		str_ieq((struct str){ name.ptr + name.len - top.len, top.len },
			top));
}

/*
 * A page elsewhere whose name was made to lead here (DNS rebinding) is read by
 * a browser as that page's own.  It needs a name in the public DNS: an address,
 * a name without a dot and those under .localhost (RFC 6761) are none, all
 * others are listed.
 */
static bool is_metrics_host(const struct gateway_config *config,
			    struct str host)
{
	struct str name = host, rest;
	struct ip ip;

	if (host.len && host.ptr[0] == '[') {
		name = str_cut(host, ']', &rest);
		name = (struct str){ name.ptr + 1, name.len - 1 };
		return !str_is_null(rest) && ip_parse(name, &ip) == ERR_OK;
	}
	name = str_cut(host, ':', &rest);
	if (ip_parse(name, &ip) == ERR_OK || is_local_name(name))
		return name.len > 0;
	for (unsigned i = 0; i < config->metrics_host_count; i++)
		if (str_ieq(config->metrics_hosts[i], name))
			return true;
	return false;
}

static bool is_for_metrics(const struct conn *conn, struct str host)
{
	struct snapshot *snapshot = snapshot_slot_get(
		conn->door->worker->options.gateway->snapshots);
	bool is_ours = snapshot && is_metrics_host(&snapshot->gateway, host);

	snapshot_unref(snapshot);
	return is_ours;
}

static enum MHD_Result serve_page(struct conn *conn, const char *method,
				  const char *version)
{
	struct guard_target target = {
		conn->target_at, { conn->target, conn->target_len }
	};
	struct guard_head head;
	struct MHD_Response *response;
	const char *type;
	struct str rest;
	struct buf page;
	int status;

	if (guard_check(conn->mhd, method, version, target, &conn->tap,
			&head) != GUARD_OK ||
	    (head.method != METHOD_GET && head.method != METHOD_HEAD))
		return answer_plainly(conn, bad_request, "");
	if (!is_for_metrics(conn, head.host))
		return answer_plainly(conn, unknown_host,
				      "\"message\":\"This listener serves no "
				      "such name. metrics_hosts lists names.\",");
	buf_init(&page, PAGE_MAX);
	status = pages_get(conn->door->worker->options.gateway,
			   str_cut(target.raw, '?', &rest), &page, &type);
	if (!buf_is_ok(&page)) {
		buf_done(&page);
		return answer_no_memory(conn);
	}
	response = MHD_create_response_from_buffer(page.len, page.ptr,
						   MHD_RESPMEM_MUST_COPY);
	buf_done(&page);
	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, "Content-Type", type);
	MHD_add_response_header(response, "Cache-Control", "no-store");
	MHD_add_response_header(response, "Connection", "close");
	return queue(conn, status, response);
}

/* ---- the library's access handler --------------------------------------- */

enum MHD_Result turn_handle(void *ctx, struct MHD_Connection *mhd,
			    const char *url, const char *method,
			    const char *version, const char *data, size_t *size,
			    void **request)
{
	struct door *door = ctx;
	struct conn *conn = *request;
	struct turn *turn = conn ? conn->turn : NULL;

	(void)url;
	if (!conn)
		return answer_stranger(mhd);
	if (turn && turn->state == TURN_WAITING)
		return MHD_YES;
	if (!turn)
		return door->options.is_metrics ?
			       serve_page(conn, method, version) :
			       begin(conn, method, version);
	if (*size > 0) {
		enum err err = body_add(&turn->body, data, *size);

		*size = 0;
		return err ? MHD_NO : MHD_YES;
	}
	if (turn->state == TURN_BODY && turn->is_chunked &&
	    conn->tap.chunks.state != CHUNKS_DONE)
		return refuse(turn, GUARD_FRAMING);
	if (turn->state == TURN_BODY)
		return start_steps(turn);
	if (turn->state == TURN_READY)
		return send_answer(turn);
	return MHD_YES;
}
