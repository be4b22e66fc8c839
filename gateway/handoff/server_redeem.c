/*
 * Redeem, server to server: a desk that keeps sessions of its own trades a
 * token for the user, once, and proves itself with one of its secrets.  FROM
 * SERVER TO SERVER in man/usherd.8 is the contract.
 */
#include "handoff/steps.h"

#include "codec/json.h"
#include "handoff/admit.h"
#include "handoff/body.h"
#include "handoff/redeem.h"
#include "handoff/session.h"

/* All limits of a user and of a URL together, every character escaped. */
#define REDEEM_JSON_MAX (48 * 1024)
/* Octets of the headers that come with it. */
#define HEADERS_LEN 64

struct server_redeem {
	struct redeem redeem;		/* first: what redeem.c knows */
	struct buf json;		/* of the answer */
};

/* Whether a tenant has this at all is told before any secret is asked for;
 * asking around costs like guessing. */
static enum step_result check_enabled(struct exchange *ex)
{
	if (ex->tenant->redeem_secrets.count)
		return STEP_NEXT;
	if (admit_limit_guess(ex) == STEP_ANSWER)
		return STEP_ANSWER;
	return answer_error(ex, CODE_redeem_off,
			    "This tenant does not redeem from server to "
			    "server.");
}

/* RFC 6750 section 2.1. */
static bool shows_secret(const struct exchange *ex)
{
	static const struct str scheme = STR("Bearer ");
	struct str value;

	return request_header(&ex->request, "Authorization", &value) == 1 &&
	       value.len > scheme.len &&
	       str_ieq((struct str){ value.ptr, scheme.len }, scheme) &&
	       secrets_has(&ex->tenant->redeem_secrets,
			   (struct str){ value.ptr + scheme.len,
					 value.len - scheme.len });
}

static enum step_result check_secret(struct exchange *ex)
{
	if (shows_secret(ex))
		return admit_limit_server(ex, "redeem");
	if (admit_limit_guess(ex) == STEP_ANSWER)
		return STEP_ANSWER;
	answer_header(ex, "WWW-Authenticate", STR("Bearer realm=\"redeem\""));
	return answer_error(ex, CODE_secret_invalid,
			    "The redeem secret is missing or wrong.");
}

static enum step_result read_body(struct exchange *ex)
{
	return body_read(ex, NULL, 0);
}

static enum step_result open_token(struct exchange *ex)
{
	struct str text = fields_value(&ex->fields, STR("token"));
	struct server_redeem *work = pool_alloc(ex->pool, sizeof(*work));

	if (!work)
		return answer_failure(ex, ERR_NOMEM);
	work->redeem.ex = ex;
	ex->work = work;
	return text.len ? redeem_open(ex, text) : redeem_refuse(ex);
}

static enum step_result redeem(struct exchange *ex)
{
	struct server_redeem *work = ex->work;

	buf_init_pool(&work->json, ex->pool, REDEEM_JSON_MAX);
	if (!buf_reserve(&work->json, REDEEM_JSON_MAX - 1))
		return answer_failure(ex, ERR_NOMEM);
	return redeem_submit(ex, 200, HEADERS_LEN);
}

static enum step_result redeemed(struct exchange *ex)
{
	return redeem_settled(ex, 200);
}

static enum step_result answer_user(struct exchange *ex)
{
	struct server_redeem *work = ex->work;
	struct buf *json = &work->json;

	buf_addc(json, '{');
	json_add_member(json, "tenant", ex->tenant->slug);
	buf_puts(json, ",\"user\":");
	session_add_user(json, &work->redeem.job.user);
	json_add_member(json, "redirect_url", work->redeem.target);
	/* for a desk that began it, and compares by itself */
	if (work->redeem.token.nonce.ptr)
		json_add_member(json, "nonce", work->redeem.token.nonce);
	buf_addc(json, '}');
	if (!buf_is_ok(json))
		return answer_failure(ex, ERR_INTERNAL);
	return answer_json(ex, 200, buf_str(json));
}

static const struct step redeem_list[] = {
	{ "find_tenant", admit_find_tenant, NULL },
	{ "check_enabled", check_enabled, NULL },
	{ "check_secret", check_secret, NULL },
	{ "read_body", read_body, NULL },
	{ "open_token", open_token, NULL },
	{ "redeem", redeem, redeemed },
	{ "answer_user", answer_user, NULL },
	{ NULL, NULL, NULL }
};

const struct steps steps_redeem = {
	.name = "redeem",
	.list = redeem_list,
	.is_audited = true,
};
