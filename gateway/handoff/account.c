/*
 * For whoever is signed in, and for the desks that ask who it is.
 */
#include "handoff/steps.h"

#include "base/clock.h"
#include "base/list.h"
#include "codec/json.h"
#include "codec/query.h"
#include "handoff/page.h"
#include "handoff/require-session.h"
#include "handoff/session.h"

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
	return require_session_find(ex, &account->session);
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
	ASKED_BROKEN,		/* one who cannot serve: who knows? */
	ASKED_BADLY,		/* the query is malformed */
	ASKED_TOO_MUCH,		/* no memory */
};

/* Its sessions stand, and hold again once its file is mended: a proxy that is
 * told "nobody" would call its users signed out. */
static bool is_broken_here(const struct exchange *ex,
			   const struct tenant *tenant)
{
	return tenant && tenant->state == TENANT_BROKEN &&
	       session_is_host_of(ex, tenant);
}

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
		return is_nobody(ex) && is_broken_here(ex, ex->tenant) ?
			ASKED_BROKEN : ASKED_NOTHING;
	if (!is_nobody(ex) && str_eq(slug, ex->tenant->slug))
		return ASKED_RIGHT;
	return is_broken_here(ex, snapshot_tenant(ex->snapshot, slug)) ?
		ASKED_BROKEN : ASKED_OTHER;
}

/*
 * All of them or none: a desk that is not told who it is must not go by a
 * part of it.
 */
static enum err add_remotes(struct exchange *ex)
{
	const struct account *account = ex->work;
	const struct user_view *user = &account->session.user;
	const struct remote_rule *rule = &ex->tenant->remote;
	const struct remote_person person = {
		.slug = ex->tenant->slug, .email = user->email,
		.id = user->id, .external_id = user->external_id,
	};
	struct str who, email, name;
	enum err err = remote_user(rule, &person, ex->pool, &who);

	if (!err)
		err = remote_text(rule, user->email, ex->pool, &email);
	if (!err)
		err = remote_text(rule, user->name, ex->pool, &name);
	if (err)
		return err;
	answer_header(ex, "Remote-User", who);
	answer_header_num(ex, "Remote-Id", user->id);
	answer_header(ex, "Remote-Email", email);
	answer_header(ex, "Remote-Name", name);
	answer_header(ex, "Remote-Tenant", ex->tenant->slug);
	answer_header(ex, "Remote-Verified", user->is_verified ?
		      STR("true") : STR("false"));
	return ERR_OK;
}

static enum step_result answer_session(struct exchange *ex)
{
	const struct account *account = ex->work;
	char expires[CLOCK_TEXT_MAX];
	struct buf json;
	enum err err;

	switch (ask_tenant(ex)) {
	case ASKED_TOO_MUCH:
		return answer_failure(ex, ERR_NOMEM);
	case ASKED_BADLY:
		return answer_error(ex, CODE_malformed_query,
				    "The query is malformed.");
	case ASKED_BROKEN:
		answer_header(ex, "Retry-After", STR("60"));
		return answer_error(ex, CODE_tenant_unavailable,
				    "This service is not available right now.");
	case ASKED_OTHER:
		return require_session_refuse(ex);
	case ASKED_RIGHT:
	case ASKED_NOTHING:
		break;
	}
	if (is_nobody(ex))
		return require_session_refuse(ex);
	clock_text(account->session.expires_s * 1000 + clock_ahead_ms(),
		   expires);
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
	err = add_remotes(ex);
	if (err == ERR_NOMEM)
		return answer_failure(ex, err);
	if (err)
		return answer_error(ex, CODE_no_desk_user, "You are signed "
				    "in, but this desk cannot be told as "
				    "whom.");
	answer_for_own(ex);
	return answer_json(ex, 200, buf_str(&json));
}

/* For the trail: nginx shows nobody an answer of ours that is no 200. */
static void note_other(struct exchange *ex)
{
	const struct account *account = ex->work;

	ex->why = is_nobody(ex) ? session_why_none(ex) :
		pool_printf(ex->pool, "the session is of tenant %.*s, and "
			    "?tenant= asks for another",
			    STR_ARG(account->session.tenant)).ptr;
}

static enum step_result answer_bare(struct exchange *ex, enum code code)
{
	answer_code(ex, code);
	return answer_empty(ex, code_table[code].status);
}

/*
 * For proxies: headers alone, since a body costs nginx its connection.  On a
 * host that tenants share, whoever asks says for which one: any tenant's user
 * would pass for all of them otherwise.
 */
static enum step_result answer_check(struct exchange *ex)
{
	enum err err;

	answer_for_own(ex);
	switch (ask_tenant(ex)) {
	case ASKED_TOO_MUCH:
		return answer_bare(ex, CODE_unavailable);
	case ASKED_BADLY:
		return answer_bare(ex, CODE_malformed_query);
	case ASKED_BROKEN:
		answer_header(ex, "Retry-After", STR("60"));
		return answer_bare(ex, CODE_tenant_unavailable);
	case ASKED_OTHER:
		note_other(ex);
		return answer_bare(ex, CODE_not_signed_in);
	case ASKED_NOTHING:
		if (!is_nobody(ex) && ex->tenant->is_shared)
			return answer_bare(ex, CODE_tenant_required);
		break;
	case ASKED_RIGHT:
		break;
	}
	if (is_nobody(ex)) {
		note_other(ex);
		return answer_bare(ex, CODE_not_signed_in);
	}
	err = add_remotes(ex);
	if (err == ERR_NOMEM)
		return answer_bare(ex, CODE_unavailable);
	if (err)
		return answer_bare(ex, CODE_no_desk_user);
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
	return ex->tenant && session_exit(ex->tenant).len ? 303 : 200;
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

	/* nothing is done, and there is nothing to put on record: or anybody
	 * could push out what was done */
	if (is_nobody(ex)) {
		exchange_audited(ex, logout_status(ex), NULL);
		return STEP_NEXT;
	}
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

/* Out, or, in a frame, to its first page, which says so. */
static enum step_result leave(struct exchange *ex)
{
	struct str path;

	if (!ex->steps->is_embedded)
		return answer_redirect(ex, 303, session_exit(ex->tenant));
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
	    page_notice(ex, page_text(ex, TEXT_page_left_title),
			page_text(ex, TEXT_page_left)))
		return STEP_ANSWER;
	return answer_empty(ex, 204);
}

/* What others' desks may link to: nobody is signed out by a link. */
static enum step_result show_button(struct exchange *ex)
{
	const struct account *account = ex->work;
	const struct user_view *user = &account->session.user;
	bool is_made = is_nobody(ex) ?
		page_notice(ex, page_text(ex, TEXT_both_signed_out),
			    page_text(ex, TEXT_page_nobody)) :
		page_sign_out(ex, (struct page_person){ user->name,
				  user->email, ex->tenant });

	return is_made ? STEP_ANSWER : answer_failure(ex, ERR_NOMEM);
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

static const struct step logout_page_list[] = {
	{ "find_session", find_session, NULL },
	{ "show_button", show_button, NULL },
	{ NULL, NULL, NULL }
};

static const struct step logout_list[] = {
	{ "find_session", find_session, NULL },
	{ "check_origin", require_session_origin, NULL },
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
	.are_refusals_audited = true,
};
const struct steps steps_logout_page = {
	.name = "logout_page",
	.list = logout_page_list,
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
