#include "handoff/invalid.h"

/* What validate_render() can need, every octet of it escaped. */
#define INVALID_JSON_MAX (128 * 1024)

struct invalid_list *invalid_new(struct exchange *ex)
{
	struct invalid_list *list = pool_alloc(ex->pool, sizeof(*list));

	if (list)
		invalid_list_init(list, ex->pool);
	return list;
}

enum step_result invalid_answer(struct exchange *ex,
				const struct invalid_list *list)
{
	struct buf json;

	if (list->failed || !list->count)
		return answer_failure(ex, ERR_NOMEM);
	buf_init_pool(&json, ex->pool, INVALID_JSON_MAX);
	buf_reserve(&json, 512);
	validate_render(&json, list);
	if (!buf_is_ok(&json))
		return answer_failure(ex, ERR_NOMEM);
	return answer_error_json(ex, 422, "validation_failed",
				 list->v[0].message.ptr, buf_str(&json));
}
