#include "policy/cors.h"

bool cors_is_listed(const struct cors *cors, struct str origin)
{
	/* Whatever a list says, these stand for anybody. */
	if (!origin.len || str_eq(origin, STR("null")))
		return false;
	for (unsigned i = 0; i < cors->count; i++)
		if (str_eq(cors->origins[i], origin))
			return true;
	return false;
}

enum cors_verdict cors_judge(const struct cors *cors, struct str origin,
			     unsigned headers, struct str *echo_r)
{
	bool listed = headers == 1 && cors_is_listed(cors, origin);

	*echo_r = listed ? origin : STR_NULL;
	if (headers > 1)
		return CORS_REFUSED;
	if (!cors->require_origin || listed)
		return CORS_ALLOWED;
	if (headers == 1 && cors->allow_null_origin &&
	    str_eq(origin, STR("null")))
		return CORS_ALLOWED;
	return CORS_REFUSED;
}
