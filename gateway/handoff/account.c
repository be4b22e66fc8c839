/*
 * For whoever is signed in, and for the desks that ask who it is.
 */
#include "handoff/steps.h"

#include "base/clock.h"
#include "base/list.h"
#include "codec/json.h"
#include "codec/query.h"
#include "codec/utf8.h"
#include "handoff/page.h"
#include "handoff/session.h"
#include "handoff/who.h"

#define SESSION_JSON_MAX (32 * 1024)

struct account {
	struct exchange *ex;
	struct session session;		/* id 0: nobody is signed in */
	struct session_end end;		/* of a logout */
};

static enum step_result find_session(struct exchange *ex)
{
	struct account *account = pool_alloc(ex->pool, sizeof(*account));

	if (!account)
		return answer_failure(ex, ERR_NOMEM);
	account->ex = ex;
	ex->work = account;
	return who_find(ex, &account->session);
}

static bool is_nobody(const struct exchange *ex)
{
	const struct account *account = ex->work;

	return !account->session.id;
}

/* ?tenant=SLUG: for that tenant's users, and for nobody else's. */
enum asked {
	ASKED_NOTHING,		/* no tenant was named */
	ASKED_RIGHT,		/* whose user this is */
	ASKED_OTHER,
	ASKED_BADLY,		/* the query is malformed */
	ASKED_TOO_MUCH,		/* no memory */
};

static enum asked ask_tenant(struct exchange *ex)
{
	struct fields query;
	struct str slug;
	enum err err;

	fields_init(&query, ex->pool);
	err = query_parse(ex->request.query, &query, NULL);
	if (err)
		return err == ERR_NOMEM ? ASKED_TOO_MUCH : ASKED_BADLY;
	slug = fields_value(&query, STR("tenant"));
	if (!slug.ptr)
		return ASKED_NOTHING;
	return !is_nobody(ex) && str_eq(slug, ex->tenant->slug) ? ASKED_RIGHT
								: ASKED_OTHER;
}

/* Header values: what was stored is checked once more where it leaves. */
static void add_remote(struct exchange *ex, const char *name, struct str value)
{
	if (!utf8_check_text(value, NULL))
		answer_header(ex, name, value);
}

static void add_remotes(struct exchange *ex)
{
	const struct account *account = ex->work;
	const struct user_view *user = &account->session.user;

	answer_header_num(ex, "Remote-User", user->id);
	add_remote(ex, "Remote-Email", user->email);
	add_remote(ex, "Remote-Name", user->name);
	answer_header(ex, "Remote-Tenant", ex->tenant->slug);
}

static enum step_result answer_session(struct exchange *ex)
{
	const struct account *account = ex->work;
	char expires[CLOCK_TEXT_MAX];
	struct buf json;

	switch (ask_tenant(ex)) {
	case ASKED_TOO_MUCH:
		return answer_failure(ex, ERR_NOMEM);
	case ASKED_BADLY:
		return answer_error(ex, 400, "malformed_query",
				    "The query is malformed.");
	case ASKED_OTHER:
		return who_refuse_nobody(ex);
	case ASKED_RIGHT:
	case ASKED_NOTHING:
		break;
	}
	if (is_nobody(ex))
		return who_refuse_nobody(ex);
	clock_text(account->session.expires_s * 1000, expires);
	buf_init_pool(&json, ex->pool, SESSION_JSON_MAX);
	buf_reserve(&json, 512 + account->session.user.attributes.len);
	buf_addc(&json, '{');
	json_add_member(&json, "tenant", ex->tenant->slug);
	buf_puts(&json, ",\"user\":");
	session_add_user(&json, &account->session.user);
	json_add_member(&json, "expires_at", str_from(expires));
	buf_addc(&json, '}');
	if (!buf_is_ok(&json))
		return answer_failure(ex, ERR_NOMEM);
	add_remotes(ex);
	return answer_json(ex, 200, buf_str(&json));
}

static enum step_result answer_bare(struct exchange *ex, int status,
				    const char *code)
{
	ex->code = code;
	return answer_empty(ex, status);
}

/*
 * For proxies: headers alone, since a body costs nginx its connection.  On a
 * host that tenants share, whoever asks says for which one: any tenant's user
 * would pass for all of them otherwise.
 */
static enum step_result answer_check(struct exchange *ex)
{
	switch (ask_tenant(ex)) {
	case ASKED_TOO_MUCH:
		return answer_bare(ex, 503, "unavailable");
	case ASKED_BADLY:
		return answer_bare(ex, 400, "malformed_query");
	case ASKED_OTHER:
		return answer_bare(ex, 401, "not_signed_in");
	case ASKED_NOTHING:
		if (!is_nobody(ex) && ex->tenant->is_shared)
			return answer_bare(ex, 400, "tenant_required");
		break;
	case ASKED_RIGHT:
		break;
	}
	if (is_nobody(ex))
		return answer_bare(ex, 401, "not_signed_in");
	add_remotes(ex);
	return answer_empty(ex, 200);
}

static void ended(struct job *job)
{
	struct account *account = list_entry(job, struct account, end.job);

	account->ex->wake(account->ex);
}

static int logout_status(const struct exchange *ex)
{
	if (!request_prefers_html(&ex->request))
		return 204;
	if (ex->steps->is_embedded)
		return ex->tenant ? 303 : 200;
	return ex->tenant && ex->tenant->home.len ? 303 : 200;
}

static enum step_result session_ended(struct exchange *ex)
{
	struct account *account = ex->work;

	if (account->end.job.result)
		return answer_failure(ex, account->end.job.result);
	exchange_audited(ex, logout_status(ex), NULL);
	return STEP_NEXT;
}

/* Gone for good before anybody is told so. */
static enum step_result end_session(struct exchange *ex)
{
	struct account *account = ex->work;
	enum err err;

	if (is_nobody(ex))
		return STEP_NEXT;
	account->end.job.done = ended;
	account->end.session_id = account->session.id;
	account->end.user_id = account->session.user.id;
	account->end.audit = exchange_audit(ex, logout_status(ex), NULL);
	err = sessions_end(store_sessions(ex->gateway->store), &account->end);
	if (!err)
		return exchange_await_store(ex);
	account->end.job.result = err;
	return session_ended(ex);
}

/* Home, or, in a frame, to its first page, which says so. */
static enum step_result leave(struct exchange *ex)
{
	struct str path;

	if (!ex->steps->is_embedded)
		return answer_redirect(ex, 303, ex->tenant->home);
	path = pool_printf(ex->pool, "/embed/%.*s#signed-out",
			   STR_ARG(ex->tenant->slug));
	return path.ptr ? answer_redirect(ex, 303, path)
			: answer_failure(ex, ERR_NOMEM);
}

static enum step_result answer_logout(struct exchange *ex)
{
	int status = logout_status(ex);

	session_clear_cookie(ex, session_kind_of(ex));
	if (status == 303)
		return leave(ex);
	if (status == 200 &&
	    page_notice(ex, "Signed out", "You are signed out. The site that "
			"you came from signs you in again."))
		return STEP_ANSWER;
	return answer_empty(ex, 204);
}

static const struct step session_list[] = {
	{ "find_session", find_session, NULL },
	{ "answer_session", answer_session, NULL },
	{ NULL, NULL, NULL }
};

static const struct step check_list[] = {
	{ "find_session", find_session, NULL },
	{ "answer_check", answer_check, NULL },
	{ NULL, NULL, NULL }
};

static const struct step logout_list[] = {
	{ "find_session", find_session, NULL },
	{ "check_origin", who_check_origin, NULL },
	{ "end_session", end_session, session_ended },
	{ "answer_logout", answer_logout, NULL },
	{ NULL, NULL, NULL }
};

const struct steps steps_session = {
	.name = "session",
	.list = session_list,
};
const struct steps steps_check = {
	.name = "check",
	.list = check_list,
};
const struct steps steps_logout = {
	.name = "logout",
	.list = logout_list,
	.is_audited = true,
};
const struct steps steps_embed_logout = {
	.name = "embed_logout",
	.list = logout_list,
	.is_audited = true,
	.is_embedded = true,
};
