#include "desk/visit.h"

#include "handoff/require-session.h"
#include "handoff/session.h"

enum step_result visit_refuse_ticket(struct exchange *ex)
{
	return answer_error(ex, CODE_not_found, "There is nothing here.");
}

/* Behind the tenant, in a path that names it. */
static struct str number_of(const struct exchange *ex)
{
	return ex->request.params[ex->steps->is_embedded ? 1 : 0];
}

enum step_result visit_begin(struct exchange *ex)
{
	struct visit *visit = pool_alloc(ex->pool, sizeof(*visit));
	struct str number = number_of(ex);

	if (!visit)
		return answer_failure(ex, ERR_NOMEM);
	visit->ex = ex;
	ex->work = visit;
	if (require_session_find(ex, &visit->session) == STEP_ANSWER)
		return STEP_ANSWER;
	/* A host of its own says anyway whose it is; a path is asked for. */
	if (!visit->session.id &&
	    (!ex->tenant || ex->tenant->desk || ex->steps->is_embedded))
		return require_session_refuse(ex);
	if (!ex->tenant->desk ||
	    (!str_is_null(number) &&
	     input_number_read(number, &visit->number)))
		return visit_refuse_ticket(ex);
	return STEP_NEXT;
}

enum step_result visit_check_csrf(struct exchange *ex)
{
	if (session_has_csrf(ex))
		return STEP_NEXT;
	return answer_error(ex, CODE_csrf_refused,
			    "This page is out of date. Please reload it.");
}

enum step_result visit_check_page(struct exchange *ex)
{
	struct str token;

	return request_header(&ex->request, "X-CSRF-Token", &token) ?
		visit_check_csrf(ex) : STEP_NEXT;
}
