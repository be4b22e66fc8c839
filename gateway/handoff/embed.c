#include "handoff/embed.h"

#include "codec/media.h"
#include "handoff/admit.h"
#include "handoff/body.h"
#include "handoff/origin.h"
#include "handoff/redeem.h"
#include "handoff/session.h"
#include "handoff/steps.h"

/* Octets in the head of a success: names and the cookie. */
#define HEADERS_LEN 192

struct embed {
	struct redeem redeem;		/* first: what redeem.c knows */
	struct session current;		/* id 0: nobody is signed in here */
	struct session_secret secret;
};

enum step_result embed_check_frame(struct exchange *ex)
{
	struct str site;
	int n = request_header(&ex->request, "Sec-Fetch-Site", &site);

	if (origin_is_own(ex) &&
	    (!n || (n == 1 && str_eq(site, STR("same-origin")))))
		return STEP_NEXT;
	return origin_refuse(ex, STRANGER_OWN);
}

enum step_result embed_check_embedder(struct exchange *ex)
{
	struct str origin = STR_NULL;
	int n = request_header(&ex->request, EMBED_HEADER, &origin);

	if (n == 1 && cors_is_listed(&ex->tenant->cors, origin))
		return STEP_NEXT;
	if (n < 0)
		n = 2;
	ex->is_refusal = true;
	origin_hint_framer(ex, origin, (unsigned)n);
	origin_note(ex, STRANGER_FRAME, stranger_shown(origin, (unsigned)n));
	return answer_error(ex, CODE_embedder_refused,
			    "This site may not embed the support desk.");
}

enum step_result embed_check_type(struct exchange *ex)
{
	struct media media;
	struct str type;
	enum err err = ERR_SYNTAX;

	if (request_header(&ex->request, "Content-Type", &type) == 1)
		err = media_parse(ex->pool, type, &media);
	if (err == ERR_NOMEM)
		return answer_failure(ex, err);
	if (!err && media_is(&media, "application", "json"))
		return STEP_NEXT;
	return answer_error(ex, CODE_unsupported_media_type,
			    "Send the fields as application/json, in UTF-8.");
}

bool embed_has_desk(struct exchange *ex)
{
	const struct adapter *adapter = exchange_adapter(ex);

	return ex->tenant->desk && !(adapter && adapter_has_deliver(adapter));
}

static enum step_result check_desk(struct exchange *ex)
{
	if (embed_has_desk(ex))
		return STEP_NEXT;
	if (ex->tenant->desk && !adapter_is_ready(exchange_adapter(ex))) {
		answer_header(ex, "Retry-After", STR("5"));
		return answer_error(ex, CODE_adapter_unavailable,
				    "This service is not available right now.");
	}
	ex->hint = STR("Have the page open the desk in a tab: the SDK's mode "
		       "\"tab\", or its method \"form\".");
	return answer_error(ex, CODE_desk_off,
			    "This desk does not open inside other pages.");
}

static enum step_result read_body(struct exchange *ex)
{
	return body_read(ex, NULL, 0);
}

static enum step_result open_token(struct exchange *ex)
{
	struct str text = fields_value(&ex->fields, STR("token"));
	struct embed *embed = pool_alloc(ex->pool, sizeof(*embed));

	if (!embed)
		return answer_failure(ex, ERR_NOMEM);
	embed->redeem.ex = ex;
	ex->work = embed;
	return text.len ? redeem_open(ex, text) : redeem_refuse(ex);
}

/*
 * Whoever was signed in here before is replaced unasked, unlike in a tab: only
 * the page around the frame could hand somebody over, and what it shows is its
 * own.  (Where browsers do not part cookies by the page around, a second
 * partner's frame replaces the first's: one cookie, one session.)
 */
static enum step_result find_current(struct exchange *ex)
{
	struct embed *embed = ex->work;
	const struct tenant *unused;

	if (session_current(ex, &embed->current, &unused) < 0)
		return answer_failure(ex, ERR_NOMEM);
	return STEP_NEXT;
}

static enum step_result redeem(struct exchange *ex)
{
	struct embed *embed = ex->work;
	struct redemption *job = &embed->redeem.job;
	enum err err = session_secret_new(&embed->secret);

	if (err)
		return answer_failure(ex, err);
	job->opens_session = true;
	job->kind = session_kind_of(ex);
	job->host = ex->host->name;
	memcpy(job->hash, embed->secret.hash, sizeof(job->hash));
	job->idle_s = ex->tenant->session_idle_s;
	job->absolute_s = ex->tenant->session_absolute_s;
	job->replaces = embed->current.id;
	return redeem_submit(ex, 204, HEADERS_LEN);
}

static enum step_result redeemed(struct exchange *ex)
{
	return redeem_settled(ex, 204);
}

static enum step_result answer_session(struct exchange *ex)
{
	struct embed *embed = ex->work;

	session_set_cookie(ex, session_kind_of(ex),
			   embed->redeem.job.session_id, &embed->secret);
	return answer_empty(ex, 204);
}

static const struct step session_list[] = {
	{ "find_tenant", admit_find_tenant, NULL },
	{ "check_frame", embed_check_frame, NULL },
	{ "check_desk", check_desk, NULL },
	{ "check_type", embed_check_type, NULL },
	{ "read_body", read_body, NULL },
	{ "open_token", open_token, NULL },
	{ "find_current", find_current, NULL },
	{ "redeem", redeem, redeemed },
	{ "answer_session", answer_session, NULL },
	{ NULL, NULL, NULL }
};

const struct steps steps_embed_session = {
	.name = "embed_session",
	.list = session_list,
	.is_audited = true,
	.is_embedded = true,
};
