/*
 * The front page, and what is nowhere.
 */
#include "handoff/steps.h"

#include "handoff/origin.h"
#include "handoff/page.h"

/* A host of one tenant leads to its desk; others have no front page. */
static enum step_result show_home(struct exchange *ex)
{
	const struct host *host = ex->host;

	if (host->tenant_count == 1 && !host->is_gateway &&
	    host->tenants[0]->state == TENANT_SERVING)
		return answer_redirect(ex, 302, host->tenants[0]->dashboard);
	if (!page_notice(ex, page_text(ex, TEXT_page_front_title),
			 page_text(ex, TEXT_page_front)))
		return answer_failure(ex, ERR_NOMEM);
	return STEP_ANSWER;
}

static enum step_result refuse_path(struct exchange *ex)
{
	return answer_error(ex, CODE_not_found, "There is nothing here.");
}

/* A mistyped address of the handoff, or the right one on a tenant's host. */
static enum step_result refuse_near_miss(struct exchange *ex)
{
	if (ex->request.method == METHOD_OPTIONS) {
		origin_anybody_preflight_headers(ex);
		return answer_empty(ex, 204);
	}
	origin_anybody_headers(ex);
	ex->hint = STR("Pages post to /api/auth/redirect/{tenant}, on the "
		       "gateway's own host.");
	return answer_error(ex, CODE_not_found, "There is nothing here.");
}

static enum step_result refuse_method(struct exchange *ex)
{
	return answer_error(ex, CODE_method_not_allowed,
			    "This method is not possible here.");
}

static const struct step home_list[] = {
	{ "show_home", show_home, NULL },
	{ NULL, NULL, NULL }
};

static const struct step not_found_list[] = {
	{ "not_found", refuse_path, NULL },
	{ NULL, NULL, NULL }
};

static const struct step near_miss_list[] = {
	{ "not_found", refuse_near_miss, NULL },
	{ NULL, NULL, NULL }
};

static const struct step not_allowed_list[] = {
	{ "not_allowed", refuse_method, NULL },
	{ NULL, NULL, NULL }
};

const struct steps steps_home = {
	.name = "home",
	.list = home_list,
};
const struct steps steps_not_found = {
	.name = "not_found",
	.list = not_found_list,
};
const struct steps steps_near_miss = {
	.name = "near_miss",
	.list = near_miss_list,
	.are_refusals_audited = true,
};
const struct steps steps_not_allowed = {
	.name = "not_allowed",
	.list = not_allowed_list,
	.are_refusals_audited = true,
};
