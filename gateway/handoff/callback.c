/*
 * The callback: a browser arrives with a token.  Which of its requests may
 * redeem is decided by six rules, numbered below in the order in which they
 * apply; each comes from what browsers were seen to send.
 *
 *	begin
 *	  |
 *	1 answer_method ------> HEAD, OPTIONS: answered; a stranger's POST: 403
 *	2 refuse_prefetch ----> an error
 *	3 answer_fetch -------> the same for everybody
 *	4 refuse_embedded ----> 403
 *	  |
 *	read_token, open_token -> 401, or on to the partner: begin_again()
 *	check_login ----------> 401, where it began in another browser, or on
 *	  |                     to the partner, where two began in this one
 *	  |
 *	5 ask_before_switch --> a page, where somebody else is signed in; its
 *	  |                     button POSTs and passes (is_confirmed())
 *	ask_to_arrive --------> such a page, for who may be a program, where
 *	  |                     the tenant wants it
 *	  |
 *	deliver ~~~~~~~~~~~~~~> the adapter, if it has the hook: 403, 502 ...
 *	  |
 *	  |   up to here the token is unspent
 *	  |
 *	redeem ~~~~~~~~~~~~~~~> the writer: token spent and session opened, or
 *	  |                     neither: 410 (6: but not for its own session, and
 *	  |                     not without another try), 401, 403, 422, 503
 *	deliver_again ~~~~~~~~> as above, and
 *	redeem_again ~~~~~~~~~> only where the commit found another row than
 *	  |                     the adapter was shown
 *	send_on --------------> 302, or the adapter's page
 *
 * At ~~~ the exchange waits.
 */
#include "handoff/steps.h"

#include "codec/email.h"
#include "codec/query.h"
#include "handoff/adapt.h"
#include "handoff/body.h"
#include "handoff/login.h"
#include "handoff/origin.h"
#include "handoff/page.h"
#include "handoff/redeem.h"
#include "handoff/session.h"

/* Octets in the head of a success: names, cookie, policies; not the target. */
#define HEADERS_LEN 320

/* Octets of the origins that a form may lead to, about. */
#define FORMS_MAX 2048

struct callback {
	struct redeem redeem;		/* first: what redeem.c knows */
	struct str text;		/* the token as it came */
	struct session current;		/* id 0: nobody is signed in here */
	const struct tenant *current_tenant;
	struct session_secret secret;
	struct login login;		/* that it goes on with, if any */
	struct adapter_call *call;	/* deliver; NULL: not asked, or passed
					 * over */
	int64_t shown_id;		/* as whom it was shown them */
	bool is_shown_new;		/* an id that they would get */
	bool asks_again;		/* they turned out to be another one */
	struct answer page;		/* that posts to call->post_url */
	struct str again;		/* where it is tried once more, after
					 * a pause; absent: it is not */
};

static bool is_confirmed(const struct exchange *ex)
{
	return ex->request.method == METHOD_POST;
}

/* Where the way back of an error page leads, until the token says more. */
static enum step_result begin(struct exchange *ex)
{
	struct callback *callback = pool_alloc(ex->pool, sizeof(*callback));

	answer_header(ex, "Vary", STR("Origin, Sec-Fetch-Mode, "
				      "Sec-Fetch-Dest, Sec-Purpose"));
	if (!callback)
		return answer_failure(ex, ERR_NOMEM);
	callback->redeem.ex = ex;
	ex->work = callback;
	if (ex->host->tenant_count == 1)
		ex->tenant = ex->host->tenants[0];
	return STEP_NEXT;
}

/* Nothing was decided, so there is nothing to keep in the audit. */
static enum step_result answer_spectator(struct exchange *ex, int status,
					 struct str json)
{
	exchange_audited(ex, status, NULL);
	return json.ptr ? answer_json(ex, status, json)
			: answer_empty(ex, status);
}

/*
 * 1. A preflight is answered, for WebKit sends one before it follows the
 * handoff's redirect, and all browsers do where the page's request had headers
 * of its own, which go along; a HEAD is answered and redeems nothing; a POST is
 * the button of our own page and of nobody else's.
 */
static enum step_result answer_method(struct exchange *ex)
{
	switch (ex->request.method) {
	case METHOD_GET:
		return STEP_NEXT;
	case METHOD_HEAD:
		return answer_spectator(ex, 200, STR_NULL);
	case METHOD_OPTIONS:
		origin_callback_headers(ex);
		answer_header(ex, "Access-Control-Allow-Methods", STR("GET"));
		answer_header(ex, "Access-Control-Allow-Headers",
			      STR(ORIGIN_FIELDS));
		return answer_spectator(ex, 204, STR_NULL);
	case METHOD_POST:
		if (origin_is_own(ex))
			return STEP_NEXT;
		return origin_refuse(ex, STRANGER_OWN);
	}
	answer_header(ex, "Allow", STR("GET, HEAD, POST, OPTIONS"));
	return answer_error(ex, CODE_method_not_allowed,
			    "This method is not possible here.");
}

/*
 * 2. A guess of the browser's that the user will come here is not their coming.
 * An error is what makes the later click ask again.
 */
static enum step_result refuse_prefetch(struct exchange *ex)
{
	static const struct str names[] = {
		STR("Sec-Purpose"), STR("Purpose"), STR("X-Purpose"),
		STR("X-Moz")
	};
	const struct request *request = &ex->request;
	unsigned i, j;

	for (i = 0; i < request->header_count; i++) {
		const struct header *h = &request->headers[i];

		for (j = 0; j < N_ELEMENTS(names); j++)
			if (str_ieq(h->name, names[j]))
				break;
		if (j == N_ELEMENTS(names))
			continue;
		if (str_icontains(h->value, STR("prefetch")) ||
		    str_icontains(h->value, STR("prerender")) ||
		    str_icontains(h->value, STR("preview")))
			return answer_error(ex, CODE_prefetch_refused,
					    "A sign-in cannot be prefetched.");
	}
	return STEP_NEXT;
}

/*
 * 3. A fetch that followed the handoff's redirect learns that it got here, and
 * nothing else: the same answer with any token or none, and no
 * cookie.  The tab that the partner's page opens next is what redeems.  Old
 * WebKits send no Sec-Fetch headers, but an Origin, with a fetch.
 */
static enum step_result answer_fetch(struct exchange *ex)
{
	struct str mode, dest, origin;
	int has_mode = request_header(&ex->request, "Sec-Fetch-Mode", &mode);
	int has_dest = request_header(&ex->request, "Sec-Fetch-Dest", &dest);
	bool is_fetch = (has_mode && (has_mode < 0 ||
				      !str_eq(mode, STR("navigate")))) ||
			(has_dest && str_eq(dest, STR("empty"))) ||
			(!has_mode && !is_confirmed(ex) &&
			 request_header(&ex->request, "Origin", &origin));

	if (!is_fetch)
		return STEP_NEXT;
	origin_callback_headers(ex);
	answer_for_own(ex);
	return answer_spectator(ex, 200, STR("{}"));
}

/* 4. Only a page of its own signs anybody in: no frame, image or object. */
static enum step_result refuse_embedded(struct exchange *ex)
{
	struct str dest;
	int n = request_header(&ex->request, "Sec-Fetch-Dest", &dest);

	if (!n || (n == 1 && str_eq(dest, STR("document"))))
		return STEP_NEXT;
	return answer_error(ex, CODE_not_a_document,
			    "Signing in works in a tab of its own only.");
}

/* The only token of the query or, behind the button, of the body. */
static enum step_result read_token(struct exchange *ex)
{
	struct callback *callback = ex->work;
	enum step_result result = STEP_NEXT;
	enum err err;

	if (is_confirmed(ex)) {
		result = body_read(ex, NULL, 0);
	} else {
		fields_init(&ex->fields, ex->pool);
		err = query_parse(ex->request.query, &ex->fields, NULL);
		if (err)
			result = err == ERR_NOMEM ? answer_failure(ex, err)
						  : redeem_refuse(ex);
	}
	if (result != STEP_NEXT)
		return result;
	callback->text = fields_value(&ex->fields, STR("token"));
	return callback->text.len ? STEP_NEXT : redeem_refuse(ex);
}

/* What a new sign-in mends begins one, once, where the partner has a page for
 * it: in place of the refusal, if that is what `result` is. */
static enum step_result begin_again(struct exchange *ex, enum code code,
				    const struct answer *before,
				    enum step_result result)
{
	if (result != STEP_ANSWER || ex->code != code_table[code].name ||
	    !login_may_begin(ex))
		return result;
	ex->answer = *before;
	return login_bounce(ex, STR_NULL);
}

/*
 * The token names its tenant, which must live at the very host that was
 * asked for; only that tenant's keys are tried.
 */
static enum step_result open_token(struct exchange *ex)
{
	struct callback *callback = ex->work;
	const struct tenant *tenant;
	enum step_result result;
	struct answer before;
	struct str kid, slug;
	enum err err;

	err = jwe_peek(callback->text, ex->pool, &kid, &slug);
	if (err)
		return err == ERR_NOMEM ? answer_failure(ex, err)
					: redeem_refuse(ex);
	tenant = snapshot_tenant(ex->snapshot, slug);
	if (!tenant || tenant->state != TENANT_SERVING ||
	    !session_is_host_of(ex, tenant))
		return redeem_refuse(ex);
	ex->tenant = tenant;
	before = ex->answer;
	result = redeem_open(ex, callback->text);
	return begin_again(ex, CODE_token_expired, &before, result);
}

/*
 * form-action names where the redirects behind the button may lead: to the
 * target, or wherever the adapter's `deliver` may yet send the user.
 */
static void make_button(struct exchange *ex, struct page_button *button)
{
	const struct callback *callback = ex->work;
	const struct adapter *adapter = exchange_adapter(ex);
	struct url url;
	struct buf origin;

	*button = (struct page_button){ .token = callback->text };
	if (adapter && adapter_has_deliver(adapter)) {
		button->targets[0] = STR("https:");
		button->targets[1] = STR("http:");
		button->target_count =
			ex->tenant->redirects.allow_http_loopback ? 2 : 1;
		return;
	}
	buf_init_pool(&origin, ex->pool, URL_MAX);
	if (url_parse(ex->pool, callback->redeem.target, &url, NULL))
		return;
	url_add_origin(&origin, &url);
	button->targets[0] = buf_str(&origin);
	button->target_count = buf_is_ok(&origin) ? 1 : 0;
}

static bool may_replace(const struct callback *callback,
			const struct tenant *next)
{
	return next->switch_user == SWITCH_REPLACE &&
	       callback->current_tenant->switch_user == SWITCH_REPLACE;
}

/*
 * By tenant, kind, and external id or address, never by number: the token's
 * person may have none yet.  Who takes over the unsigned one of their address
 * is that one.
 */
static bool is_same_person(struct exchange *ex)
{
	const struct callback *callback = ex->work;
	const struct user_view *user = &callback->current.user;
	const struct token *token = &callback->redeem.token;
	bool takes_over = !user->is_verified && token->is_vouched &&
			  ex->tenant->adopts_unsigned;
	struct email email;

	if (callback->current_tenant != ex->tenant ||
	    (user->is_verified != token->is_vouched && !takes_over))
		return false;
	if (!takes_over && (user->external_id.ptr || token->sub.ptr))
		return user->external_id.ptr && token->sub.ptr &&
		       str_eq(user->external_id, token->sub);
	return !email_parse(ex->pool, user->email, &email) &&
	       str_eq(email.key, callback->redeem.email_key);
}

/*
 * A sign-in that began at this desk ends in the browser in which it did: else
 * anybody could have theirs end in another's.  Who is in already as that very
 * person lost nothing but the cookie, to a tab that was first.
 *
 * A nonce that cannot be ours is one of the partner's library, which puts one into
 * whatever it signs: where nothing is under way here it is a sign-in from the
 * partner's page, as is one without any.  That opens nothing: who has such an
 * assertion of their own could have had one without a nonce.  One of ours, by its
 * look, belongs to a browser, and it is not this one.
 *
 * Where another one is under way here, two may have begun at once, and the cookie
 * is of the other: it begins anew, once (login.h), as whoever this browser's user
 * is at the partner's.
 */
static enum step_result check_login(struct exchange *ex)
{
	struct callback *callback = ex->work;
	const struct token *token = &callback->redeem.token;
	const struct login *login = &callback->login;
	int found;

	if (!token->nonce.ptr || !ex->tenant->login_keys)
		return STEP_NEXT;
	found = login_find(ex, token->nonce, &callback->login);
	if (found < 0)
		return answer_failure(ex, ERR_NOMEM);
	if (found) {
		if (!token->is_chosen && login->target.ptr)
			callback->redeem.target = login->target;
		return STEP_NEXT;
	}
	found = session_current(ex, &callback->current,
				&callback->current_tenant);
	if (found < 0)
		return answer_failure(ex, ERR_NOMEM);
	if ((found && is_same_person(ex)) ||
	    (!login->has_others && !login_is_state(token->nonce)))
		return STEP_NEXT;
	if (login->has_others && !login->has_again && login_may_begin(ex)) {
		ex->why = "another sign-in that began in this browser is under "
			  "way, and none with this nonce";
		return login_bounce(ex, callback->redeem.target);
	}
	return answer_error(ex, CODE_assertion_nonce,
			    "This sign-in was not begun in this browser. "
			    "Please go back and try again.");
}

/*
 * 5. Who is signed in here as somebody else is asked first, the token unspent:
 * any page could swap the desk's user unnoticed otherwise.  On a shared
 * host a user of another tenant is somebody else, and both tenants must have
 * waived the question.
 */
static enum step_result ask_before_switch(struct exchange *ex)
{
	struct callback *callback = ex->work;
	const struct token *token = &callback->redeem.token;
	const struct session *current = &callback->current;
	struct page_person now, next;
	struct page_button button;
	int found;

	found = session_current(ex, &callback->current,
				&callback->current_tenant);
	if (found < 0)
		return answer_failure(ex, ERR_NOMEM);
	if (!found || is_confirmed(ex) || callback->redeem.is_gone ||
	    is_same_person(ex) ||
	    may_replace(callback, ex->tenant))
		return STEP_NEXT;
	now = (struct page_person){ current->user.name, current->user.email,
				    callback->current_tenant };
	next = (struct page_person){ token->name, token->email, ex->tenant };
	make_button(ex, &button);
	answer_code(ex, CODE_confirm);
	if (!page_confirm(ex, now, next, &button,
			  callback->current_tenant->dashboard))
		return answer_failure(ex, ERR_NOMEM);
	return STEP_ANSWER;
}

static bool has_fetch_metadata(const struct request *request)
{
	const struct str prefix = STR("Sec-Fetch-");

	for (unsigned i = 0; i < request->header_count; i++) {
		struct str name = request->headers[i].name;

		if (name.len <= prefix.len)
			continue;
		name.len = prefix.len;
		if (str_ieq(name, prefix))
			return true;
	}
	return false;
}

/*
 * A mail scanner or a chat's preview opens links as an old browser does, which
 * sends no Sec-Fetch headers either; but it presses no button.
 */
static enum step_result ask_to_arrive(struct exchange *ex)
{
	struct callback *callback = ex->work;
	struct page_button button;

	if (ex->tenant->callback != CALLBACK_CONFIRM || is_confirmed(ex) ||
	    callback->redeem.is_gone || has_fetch_metadata(&ex->request))
		return STEP_NEXT;
	make_button(ex, &button);
	answer_code(ex, CODE_confirm_arrival);
	return page_arrive(ex, &button) ? STEP_ANSWER
					: answer_failure(ex, ERR_NOMEM);
}

/*
 * Where a form that posts itself to `target` may lead: browsers hold
 * form-action against each redirect that follows as well, and a desk with
 * several hosts sends people on to another of them.  Those are among the
 * tenant's redirects; of very many, the first.  Absent: no memory.
 */
static struct str list_forms(struct exchange *ex, const struct url *target)
{
	const struct redirect_policy *policy = &ex->tenant->redirects;
	struct buf out;

	buf_init_pool(&out, ex->pool, FORMS_MAX + URL_MAX);
	url_add_origin(&out, target);
	for (unsigned i = 0; i < policy->entry_count; i++) {
		const struct url *url = &policy->entries[i].url;
		bool is_new = !url_is_same_origin(url, target);

		for (unsigned j = 0; j < i && is_new; j++)
			is_new = !url_is_same_origin(url,
						&policy->entries[j].url);
		if (!is_new || out.len > FORMS_MAX ||
		    (!url->is_https && !policy->allow_http_loopback))
			continue;
		buf_addc(&out, ' ');
		url_add_origin(&out, url);
	}
	return buf_is_ok(&out) ? buf_str(&out) : STR_NULL;
}

/*
 * The page is written while the token is still unspent, and kept: one that
 * does not fit must not cost the user the sign-in.
 */
static enum step_result prepare_post(struct exchange *ex)
{
	struct callback *callback = ex->work;
	struct adapter_call *call = callback->call;
	struct answer before;
	struct url url;
	struct str forms;

	if (redirect_check(&ex->tenant->redirects, ex->pool, call->post_url,
			   &call->post_url, NULL) ||
	    url_parse(ex->pool, call->post_url, &url, NULL))
		return adapt_refuse_target(ex);
	forms = list_forms(ex, &url);
	if (!forms.ptr)
		return answer_failure(ex, ERR_NOMEM);
	before = ex->answer;
	if (!page_post(ex, call->post_url, forms, call->post_fields,
		       call->post_field_count))
		return adapt_refuse_size(ex);
	callback->page = ex->answer;
	ex->answer = before;
	return STEP_NEXT;
}

/* Nothing that it said is used before the token is won. */
static enum step_result delivered(struct exchange *ex)
{
	struct callback *callback = ex->work;
	struct adapter_call *call = callback->call;

	if (adapt_passes_over(ex, call)) {
		callback->call = NULL;
		return STEP_NEXT;
	}
	if (call->result != ADAPTER_OK)
		return adapt_refuse(ex, call);
	if (call->post_url.ptr)
		return prepare_post(ex);
	if (call->redirect.ptr &&
	    redirect_check(&ex->tenant->redirects, ex->pool, call->redirect,
			   &call->redirect, NULL))
		return adapt_refuse_target(ex);
	return STEP_NEXT;
}

/* As they will be once they arrived, and with the id that they have, or get. */
static enum step_result show_person(struct exchange *ex,
				    struct adapter_call *call)
{
	struct callback *callback = ex->work;
	const struct user_sync sync = redeem_sync(ex);
	struct user_plan plan;
	enum err err = users_plan(ex->reader, &sync, ex->pool, &plan);

	if (err)
		return redeem_refuse_person(ex, err);
	if (plan.is_new)
		plan.view.id = users_new_id(store_users(ex->gateway->store));
	callback->shown_id = plan.view.id;
	callback->is_shown_new = plan.is_new;
	err = adapt_user(ex, call, &plan.view);
	if (err)
		return answer_failure(ex, err);
	call->info.identity = plan.view.is_verified ? STR("signed") :
						      STR("unsigned");
	call->info.redirect_url = callback->redeem.target;
	return STEP_NEXT;
}

/* The tenant's adapter may send the user on to a desk elsewhere. */
static enum step_result deliver(struct exchange *ex)
{
	struct callback *callback = ex->work;
	struct adapter *adapter = exchange_adapter(ex);
	enum step_result result;

	if (!adapter || !adapter_has_deliver(adapter) ||
	    callback->redeem.is_gone)
		return STEP_NEXT;
	callback->page = (struct answer){ 0 };
	callback->call = adapt_new_call(ex);
	if (!callback->call)
		return answer_failure(ex, ERR_NOMEM);
	result = show_person(ex, callback->call);
	if (result != STEP_NEXT)
		return result;
	if (adapter_deliver(adapter, ex->worker, callback->call,
			    adapt_wake) == ADAPTER_WAITING)
		return STEP_WAIT;
	return delivered(ex);
}

static bool is_elsewhere(const struct callback *callback)
{
	return callback->call && (callback->call->redirect.ptr ||
				  callback->call->post_url.ptr);
}

static int success_status(const struct callback *callback)
{
	return callback->call && callback->call->post_url.ptr ? 200 : 302;
}

/* What send_on() will put into the answer's head, in octets. */
static size_t headers_len(const struct callback *callback)
{
	const struct answer *page = &callback->page;
	size_t len = HEADERS_LEN + callback->login.cookie.len;

	for (unsigned i = 0; i < page->header_count; i++)
		len += page->headers[i].name.len + page->headers[i].value.len;
	if (page->status)
		return len;
	return len + (is_elsewhere(callback) ? callback->call->redirect.len :
					       callback->redeem.target.len);
}

/* The one use of the token and the session that it opens: one transaction. */
static enum step_result redeem(struct exchange *ex)
{
	struct callback *callback = ex->work;
	struct redemption *job = &callback->redeem.job;
	struct outbox_event *events;
	enum err err;

	*job = (struct redemption){ 0 };
	if (callback->call) {
		err = adapt_events(ex, callback->call, &events,
				   &job->event_count);
		if (err)
			return answer_failure(ex, err);
		job->events = events;
		job->shown_id = callback->shown_id;
		job->is_shown_new = callback->is_shown_new;
	}
	if (!is_elsewhere(callback)) {
		err = session_secret_new(&callback->secret);
		if (err)
			return answer_failure(ex, err);
		job->opens_session = true;
		job->host = ex->host->name;
		memcpy(job->hash, callback->secret.hash, sizeof(job->hash));
		job->idle_s = ex->tenant->session_idle_s;
		job->absolute_s = ex->tenant->session_absolute_s;
		job->replaces = callback->current.id;
	}
	return redeem_submit(ex, success_status(callback),
			     headers_len(callback));
}

/*
 * A browser that opens the same link in two tabs sends both requests before it
 * has the cookie that the first one gets.  `again` in the query: this is the
 * other try.  Programs have no tabs, and learn at once that it was used.
 */
static bool may_try_again(struct exchange *ex)
{
	struct callback *callback = ex->work;
	struct str again;

	if (is_confirmed(ex) || callback->current.id ||
	    fields_value(&ex->fields, STR("again")).ptr ||
	    !request_prefers_html(&ex->request))
		return false;
	again = pool_printf(ex->pool, "/auth/callback?token=%.*s&again=1",
			    STR_ARG(callback->text));
	if (!again.ptr || !answer_has_room(ex, again.len + HEADERS_LEN) ||
	    !exchange_pause(ex))
		return false;
	callback->again = again;
	return true;
}

/* It decides nothing: on record is what comes of it. */
static enum step_result try_again(struct exchange *ex)
{
	const struct callback *callback = ex->work;

	answer_code(ex, CODE_token_tried_again);
	exchange_audited(ex, 302, ex->code);
	return answer_redirect(ex, 302, callback->again);
}

/*
 * 6. A reload or a second click of the one who redeemed it takes them to their
 * desk; of anybody else it is 410, though for a browser without a session not
 * before another try.
 */
static enum step_result redeemed(struct exchange *ex)
{
	struct callback *callback = ex->work;
	const struct redemption *job = &callback->redeem.job;
	struct answer before;

	if (callback->again.ptr)
		return try_again(ex);
	if (job->job.result == ERR_USED && may_try_again(ex))
		return STEP_WAIT;
	if (job->job.result == ERR_USED && job->session_id &&
	    job->session_id == callback->current.id) {
		answer_code(ex, CODE_token_used_by_this_session);
		return answer_redirect(ex, 302, callback->redeem.target);
	}
	if (job->job.result == ERR_NOT_FOUND && !callback->asks_again &&
	    job->note == REDEMPTION_OTHER_ID) {
		callback->asks_again = true;
		return STEP_NEXT;
	}
	callback->asks_again = false;
	before = ex->answer;
	return begin_again(ex, CODE_assertion_replayed, &before,
			   redeem_settled(ex, success_status(callback)));
}

/* Two tokens of somebody new at once: the other one arrived in between, and
 * what `deliver` said was of an id that nobody has. */
static enum step_result deliver_again(struct exchange *ex)
{
	const struct callback *callback = ex->work;

	return callback->asks_again ? deliver(ex) : STEP_NEXT;
}

static enum step_result redeem_again(struct exchange *ex)
{
	const struct callback *callback = ex->work;

	return callback->asks_again ? redeem(ex) : STEP_NEXT;
}

static enum step_result send_on(struct exchange *ex)
{
	struct callback *callback = ex->work;
	const struct adapter_call *call = callback->call;

	if (is_elsewhere(callback) && call->post_url.ptr) {
		ex->answer = callback->page;
		return STEP_ANSWER;
	}
	answer_header(ex, "Cross-Origin-Opener-Policy", STR("same-origin"));
	if (!is_elsewhere(callback))
		session_set_cookie(ex, SESSION_TOP,
				   callback->redeem.job.session_id,
				   &callback->secret);
	if (callback->login.cookie.ptr)
		answer_header(ex, "Set-Cookie", callback->login.cookie);
	if (is_elsewhere(callback))
		return answer_redirect(ex, 302, call->redirect);
	return answer_redirect(ex, 302, callback->redeem.target);
}

static const struct step callback_list[] = {
	{ "begin", begin, NULL },
	{ "answer_method", answer_method, NULL },
	{ "refuse_prefetch", refuse_prefetch, NULL },
	{ "answer_fetch", answer_fetch, NULL },
	{ "refuse_embedded", refuse_embedded, NULL },
	{ "read_token", read_token, NULL },
	{ "open_token", open_token, NULL },
	{ "check_login", check_login, NULL },
	{ "ask_before_switch", ask_before_switch, NULL },
	{ "ask_to_arrive", ask_to_arrive, NULL },
	{ "deliver", deliver, delivered },
	{ "redeem", redeem, redeemed },
	{ "deliver_again", deliver_again, delivered },
	{ "redeem_again", redeem_again, redeemed },
	{ "send_on", send_on, NULL },
	{ NULL, NULL, NULL }
};

const struct steps steps_callback = {
	.name = "callback",
	.list = callback_list,
	.is_audited = true,
};
