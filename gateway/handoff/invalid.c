#include "handoff/invalid.h"

/* What validate_render() can need, every octet of it escaped. */
#define INVALID_JSON_MAX (128 * 1024)
#define INVALID_TEXT_MAX 2048		/* octets, for people */

struct invalid_list *invalid_new(struct exchange *ex)
{
	struct invalid_list *list = pool_alloc(ex->pool, sizeof(*list));

	if (list)
		invalid_list_init(list, ex->pool);
	return list;
}

/* All of it in a row or, where that is too much, the first. */
static const char *in_words(struct exchange *ex,
			    const struct invalid_list *list)
{
	struct buf text;
	unsigned i;

	buf_init_pool(&text, ex->pool, INVALID_TEXT_MAX);
	for (i = 0; i < list->count; i++) {
		if (i)
			buf_addc(&text, ' ');
		buf_adds(&text, list->v[i].message);
	}
	buf_addc(&text, '\0');
	return buf_is_ok(&text) ? text.ptr : list->v[0].message.ptr;
}

/* Their names, once each, and why, for the trail: no values, and no messages,
 * which an adapter may write. */
static const char *in_short(struct exchange *ex,
			    const struct invalid_list *list)
{
	struct buf text;

	buf_init_pool(&text, ex->pool, INVALID_TEXT_MAX);
	for (unsigned i = 0, j; i < list->count; i++) {
		const struct invalid *one = &list->v[i];
		const char *why = one->why ? one->why : "";

		for (j = 0; j < i; j++)
			if (str_eq(list->v[j].field, one->field))
				break;
		if (j < i || text.len + one->field.len + strlen(why) + 4 >
			     AUDIT_WHY_MAX)
			continue;
		buf_printf(&text, "%s%.*s%s%s", text.len ? ", " : "",
			   STR_ARG(one->field), *why ? ": " : "", why);
	}
	buf_addc(&text, '\0');
	return buf_is_ok(&text) ? text.ptr : NULL;
}

enum step_result invalid_answer(struct exchange *ex,
				const struct invalid_list *list)
{
	const char *what;
	struct buf json;

	if (list->failed || !list->count)
		return answer_failure(ex, ERR_NOMEM);
	buf_init_pool(&json, ex->pool, INVALID_JSON_MAX);
	buf_reserve(&json, 512);
	validate_render(&json, list, ex->hint);
	if (!buf_is_ok(&json))
		return answer_failure(ex, ERR_NOMEM);
	/* the fields first: they are few, and the trail cuts the end */
	what = in_short(ex, list);
	ex->why = what && ex->why ?
		  pool_printf(ex->pool, "%s; %s", what, ex->why).ptr : what;
	return answer_error_json(ex, CODE_validation_failed,
				 in_words(ex, list), buf_str(&json));
}
