#include "handoff/require-session.h"

#include "handoff/origin.h"
#include "handoff/session.h"

static const struct tenant *named_tenant(const struct exchange *ex)
{
	const struct tenant *tenant =
		snapshot_tenant(ex->snapshot, ex->request.params[0]);

	return tenant && tenant->state == TENANT_SERVING ? tenant : NULL;
}

enum step_result require_session_find(struct exchange *ex,
				      struct session *session_r)
{
	const struct tenant *tenant = NULL;
	struct session session = { 0 };

	if (session_current(ex, &session, &tenant) < 0)
		return answer_failure(ex, ERR_NOMEM);
	if (ex->steps->is_embedded) {
		ex->tenant = named_tenant(ex);
		if (tenant != ex->tenant)
			session = (struct session){ 0 };
	} else if (tenant) {
		ex->tenant = tenant;
	} else if (ex->host->tenant_count == 1) {
		ex->tenant = ex->host->tenants[0];
	}
	*session_r = session;
	return STEP_NEXT;
}

enum step_result require_session_refuse(struct exchange *ex)
{
	return answer_error(ex, CODE_not_signed_in,
			    "You are not signed in. Please go back and click "
			    "the button again.");
}

enum step_result require_session_origin(struct exchange *ex)
{
	if (origin_is_own(ex))
		return STEP_NEXT;
	return origin_refuse(ex, STRANGER_OWN);
}
