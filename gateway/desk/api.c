/*
 * The JSON API. Each list reads like its row of desk.h.
 */
#include "desk/desk.h"

#include "base/list.h"
#include "desk/listing.h"
#include "desk/visit.h"
#include "handoff/body.h"
#include "handoff/invalid.h"
#include "handoff/require-session.h"

#define BRACES_MAX 16			/* octets around a listing */

/* In JSON, ASCII takes twice its octets at most, unless it is a control. */
_Static_assert((INPUT_SUBJECT_MAX + INPUT_MESSAGE_MAX) * 4 +
	       TICKET_CATEGORY_MAX * 2 + 256 <= REQUEST_TEXT_MAX,
	       "a body in UTF-8 holds every ticket");

static enum step_result refuse_query(struct exchange *ex, const char *why)
{
	return answer_error(ex, CODE_malformed_query, why);
}

/* `before` and `after` around what was listed, which ends here. */
static enum step_result answer_listing(struct exchange *ex, int status,
				       const char *before,
				       struct listing *listing)
{
	struct buf json;

	buf_init_pool(&json, ex->pool, listing->json.len + BRACES_MAX);
	buf_reserve(&json, listing->json.len + BRACES_MAX);
	buf_puts(&json, before);
	buf_adds(&json, listing->json);
	buf_addc(&json, '}');
	listing_done(listing);
	if (!buf_is_ok(&json))
		return answer_failure(ex, ERR_NOMEM);
	/* The cookie comes along when any page loads this as an image. */
	answer_for_own(ex);
	return answer_json(ex, status, buf_str(&json));
}

static enum step_result answer_list(struct exchange *ex)
{
	const struct visit *visit = ex->work;
	struct input_query query;
	struct listing listing;
	const char *why;
	enum err err;

	err = input_query_read(ex->pool, ex->request.query, &query, &why);
	if (err == ERR_SYNTAX)
		return refuse_query(ex, why);
	if (!err)
		err = listing_tickets(ex, visit->session.user.id, &query,
				      &listing);
	if (err)
		return answer_failure(ex, err);
	return answer_listing(ex, 200, "{", &listing);
}

static enum step_result answer_thread(struct exchange *ex, int status,
				      int64_t number, int64_t before)
{
	const struct visit *visit = ex->work;
	struct listing listing;
	enum err err;

	err = listing_thread(ex, visit->session.user.id, number, before,
			     LISTING_THREAD_MAX, &listing);
	if (err == ERR_NOT_FOUND)
		return visit_refuse_ticket(ex);
	if (err)
		return answer_failure(ex, err);
	return answer_listing(ex, status, "{\"ticket\":", &listing);
}

static enum step_result answer_ticket(struct exchange *ex)
{
	const struct visit *visit = ex->work;
	const char *why;
	int64_t before;
	enum err err;

	err = input_before_read(ex->pool, ex->request.query, &before, &why);
	if (err == ERR_SYNTAX)
		return refuse_query(ex, why);
	if (err)
		return answer_failure(ex, err);
	return answer_thread(ex, 200, visit->number, before);
}

/* The Idempotency-Key; absent also where there are several. */
static struct str key_of(const struct exchange *ex)
{
	struct str key;

	return request_header(&ex->request, "Idempotency-Key", &key) == 1 ?
		key : STR_NULL;
}

static enum step_result judge(struct exchange *ex, enum err err,
			      const struct invalid_list *list)
{
	if (!err)
		return STEP_NEXT;
	return err == ERR_NOMEM ? answer_failure(ex, err) :
				  invalid_answer(ex, list);
}

static enum step_result read_ticket(struct exchange *ex)
{
	struct invalid_list *list = invalid_new(ex);
	struct visit *visit = ex->work;

	if (!list)
		return answer_failure(ex, ERR_NOMEM);
	return judge(ex, input_ticket_read(ex->pool, ex->tenant, &ex->fields,
					   key_of(ex), list, &visit->text),
		     list);
}

static enum step_result read_reply(struct exchange *ex)
{
	struct invalid_list *list = invalid_new(ex);
	struct visit *visit = ex->work;

	if (!list)
		return answer_failure(ex, ERR_NOMEM);
	return judge(ex, input_reply_read(ex->pool, &ex->fields, key_of(ex),
					  list, &visit->text), list);
}

/* What the store said no to; `retry_s` 0: not for too many. */
static enum step_result refuse_write(struct exchange *ex, enum err err,
				     unsigned retry_s)
{
	if (err == ERR_LIMIT && retry_s) {
		answer_header_num(ex, "Retry-After", retry_s);
		return answer_error(ex, CODE_too_many_tickets,
				    "You did a lot within the last hour. "
				    "Please try again later.");
	}
	/* Blocked a moment ago. */
	if (err == ERR_AUTH)
		return require_session_refuse(ex);
	if (err == ERR_NOT_FOUND)
		return visit_refuse_ticket(ex);
	if (err == ERR_USED)
		return answer_error(ex, CODE_key_reused,
				    "This Idempotency-Key was sent before with "
				    "other content. Nothing was written.");
	if (err == ERR_EXPIRED)
		return answer_error(ex, CODE_ticket_closed,
				    "This ticket is closed. Open it again to "
				    "reply.");
	if (err == ERR_LIMIT)
		return answer_error(ex, CODE_ticket_full,
				    "This ticket holds as many messages as it "
				    "can. Please open a new one.");
	return answer_failure(ex, err);
}

static void opened(struct job *job)
{
	struct visit *visit = list_entry(job, struct visit, opening.job);

	visit->ex->wake(visit->ex);
}

static enum step_result ticket_opened(struct exchange *ex)
{
	struct visit *visit = ex->work;
	const struct ticket_new *opening = &visit->opening;
	enum err err = opening->job.result;

	/* Erased a moment ago. */
	if (err == ERR_NOT_FOUND)
		return require_session_refuse(ex);
	if (err)
		return refuse_write(ex, err, opening->is_too_many ?
					     opening->retry_s : 0);
	if (!opening->is_repeat)
		exchange_audited(ex, 201, NULL);
	return STEP_NEXT;
}

static enum step_result open_ticket(struct exchange *ex)
{
	struct visit *visit = ex->work;
	enum err err;

	visit->opening = (struct ticket_new){
		.job.done = opened,
		.tenant = ex->tenant->slug,
		.user_id = visit->session.user.id,
		.subject = visit->text.subject,
		.category = visit->text.category,
		.body = visit->text.message,
		.key = visit->text.key,
		.is_untold = !tenant_wants(ex->tenant, STR("ticket.created")),
		.audit = exchange_audit(ex, 201, NULL),
	};
	err = tickets_create(store_tickets(ex->gateway->store),
			     &visit->opening);
	return err ? answer_failure(ex, err) : exchange_await_store(ex);
}

static enum step_result answer_opened(struct exchange *ex)
{
	const struct visit *visit = ex->work;
	const struct ticket_new *opening = &visit->opening;

	return answer_thread(ex, opening->is_repeat ? 200 : 201,
			     opening->number, 0);
}

static void changed(struct job *job)
{
	struct visit *visit = list_entry(job, struct visit, change.job);

	visit->ex->wake(visit->ex);
}

static int change_status(const struct ticket_change *change)
{
	return change->kind == TICKET_REPLY && !change->is_repeat ? 201 : 200;
}

static enum step_result ticket_changed(struct exchange *ex)
{
	struct visit *visit = ex->work;
	const struct ticket_change *change = &visit->change;

	if (change->job.result)
		return refuse_write(ex, change->job.result,
				    change->is_too_many ? change->retry_s : 0);
	exchange_audited(ex, change_status(change), NULL);
	return STEP_NEXT;
}

static enum step_result change_ticket(struct exchange *ex,
				      enum ticket_change_kind kind)
{
	struct visit *visit = ex->work;
	enum err err;

	visit->change = (struct ticket_change){
		.job.done = changed,
		.tenant = ex->tenant->slug,
		.user_id = visit->session.user.id,
		.number = visit->number,
		.kind = kind,
		.body = visit->text.message,
		.key = visit->text.key,
		.is_untold = !tenant_wants(ex->tenant,
					   ticket_change_event(kind)),
		.audit = exchange_audit(ex, kind == TICKET_REPLY ? 201 : 200,
					NULL),
	};
	err = tickets_change(store_tickets(ex->gateway->store),
			     &visit->change);
	return err ? answer_failure(ex, err) : exchange_await_store(ex);
}

static enum step_result reply(struct exchange *ex)
{
	return change_ticket(ex, TICKET_REPLY);
}

static enum step_result close_ticket(struct exchange *ex)
{
	return change_ticket(ex, TICKET_CLOSE);
}

static enum step_result reopen_ticket(struct exchange *ex)
{
	return change_ticket(ex, TICKET_REOPEN);
}

static enum step_result answer_changed(struct exchange *ex)
{
	const struct visit *visit = ex->work;

	return answer_thread(ex, change_status(&visit->change), visit->number,
			     0);
}

static const struct step list_list[] = {
	{ "find_session", visit_begin, NULL },
	{ "check_page", visit_check_page, NULL },
	{ "answer_list", answer_list, NULL },
	{ NULL, NULL, NULL }
};

static const struct step show_list[] = {
	{ "find_session", visit_begin, NULL },
	{ "check_page", visit_check_page, NULL },
	{ "answer_ticket", answer_ticket, NULL },
	{ NULL, NULL, NULL }
};

static const struct step create_list[] = {
	{ "find_session", visit_begin, NULL },
	{ "check_origin", require_session_origin, NULL },
	{ "check_csrf", visit_check_csrf, NULL },
	{ "read_body", body_read_text, NULL },
	{ "validate", read_ticket, NULL },
	{ "open_ticket", open_ticket, ticket_opened },
	{ "answer", answer_opened, NULL },
	{ NULL, NULL, NULL }
};

static const struct step reply_list[] = {
	{ "find_session", visit_begin, NULL },
	{ "check_origin", require_session_origin, NULL },
	{ "check_csrf", visit_check_csrf, NULL },
	{ "read_body", body_read_text, NULL },
	{ "validate", read_reply, NULL },
	{ "reply", reply, ticket_changed },
	{ "answer", answer_changed, NULL },
	{ NULL, NULL, NULL }
};

static const struct step close_list[] = {
	{ "find_session", visit_begin, NULL },
	{ "check_origin", require_session_origin, NULL },
	{ "check_csrf", visit_check_csrf, NULL },
	{ "read_body", body_read_text, NULL },
	{ "close_ticket", close_ticket, ticket_changed },
	{ "answer", answer_changed, NULL },
	{ NULL, NULL, NULL }
};

static const struct step reopen_list[] = {
	{ "find_session", visit_begin, NULL },
	{ "check_origin", require_session_origin, NULL },
	{ "check_csrf", visit_check_csrf, NULL },
	{ "read_body", body_read_text, NULL },
	{ "reopen_ticket", reopen_ticket, ticket_changed },
	{ "answer", answer_changed, NULL },
	{ NULL, NULL, NULL }
};

/* The same list for a tab and for a frame. */
#define BOTH(id, text, steps_list, audited)				\
	const struct steps steps_##id = {				\
		.name = text, .list = steps_list, .is_audited = audited, \
		.body_max = REQUEST_TEXT_MAX,				\
	};								\
	const struct steps steps_frame_##id = {				\
		.name = "frame_" text, .list = steps_list,		\
		.is_audited = audited, .is_embedded = true,		\
		.body_max = REQUEST_TEXT_MAX,				\
	}

BOTH(tickets_list, "tickets_list", list_list, false);
BOTH(tickets_create, "tickets_create", create_list, true);
BOTH(ticket_show, "ticket_show", show_list, false);
BOTH(ticket_reply, "ticket_reply", reply_list, true);
BOTH(ticket_close, "ticket_close", close_list, true);
BOTH(ticket_reopen, "ticket_reopen", reopen_list, true);
