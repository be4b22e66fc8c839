#include "desk/input.h"

#include "base/num.h"
#include "codec/json.h"
#include "codec/query.h"
#include "codec/utf8.h"

_Static_assert(INPUT_SUBJECT_MAX * 4 <= TICKET_SUBJECT_MAX,
	       "the store takes every subject");
_Static_assert(INPUT_MESSAGE_MAX * 4 <= TICKET_MESSAGE_MAX,
	       "the store takes every message");
_Static_assert(INPUT_LIST_MAX < TICKETS_PAGE_MAX,
	       "one more is asked for, to know whether there is one");

enum err input_number_read(struct str text, int64_t *number_r)
{
	return num_i64(text, 1, INT64_MAX, number_r);
}

enum err input_cursor_read(struct str text, int64_t *ms_r, int64_t *number_r)
{
	struct str number, ms = str_cut(text, '-', &number);
	int64_t at, n;
	enum err err = num_i64(ms, 1, INT64_MAX, &at);

	if (!err)
		err = str_is_null(number) ? ERR_SYNTAX :
					    input_number_read(number, &n);
	if (err)
		return err;
	*ms_r = at;
	*number_r = n;
	return ERR_OK;
}

void input_cursor_add(struct buf *out, int64_t ms, int64_t number)
{
	json_add_int(out, ms);
	buf_addc(out, '-');
	json_add_int(out, number);
}

static enum err parse_query(struct pool *pool, struct str query,
			    struct fields *out, const char **why_r)
{
	enum err err;

	fields_init(out, pool);
	err = query_parse(query, out, NULL);
	if (err && err != ERR_NOMEM) {
		*why_r = "The query is malformed.";
		return ERR_SYNTAX;
	}
	return err;
}

enum err input_query_read(struct pool *pool, struct str query,
			  struct input_query *out_r, const char **why_r)
{
	struct input_query out = { .limit = INPUT_LIST_MAX };
	uint64_t limit = INPUT_LIST_MAX;
	struct str state, before, most;
	struct fields fields;
	enum err err = parse_query(pool, query, &fields, why_r);

	if (err)
		return err;
	state = fields_value(&fields, STR("state"));
	before = fields_value(&fields, STR("before"));
	most = fields_value(&fields, STR("limit"));
	if (str_eq(state, STR("open")))
		out.state = INPUT_OPEN;
	else if (str_eq(state, STR("closed")))
		out.state = INPUT_CLOSED;
	else if (!str_is_null(state))
		*why_r = "The state is open or closed.", err = ERR_SYNTAX;
	if (!str_is_null(before) &&
	    input_cursor_read(before, &out.before_ms, &out.before_number))
		*why_r = "The cursor is none of ours.", err = ERR_SYNTAX;
	if (!str_is_null(most) && num_u64(most, 1, INPUT_LIST_MAX, &limit))
		*why_r = "The limit is a number from 1 to 50.",
		err = ERR_SYNTAX;
	if (err)
		return err;
	out.limit = (unsigned)limit;
	*out_r = out;
	return ERR_OK;
}

enum err input_before_read(struct pool *pool, struct str query,
			   int64_t *id_r, const char **why_r)
{
	struct fields fields;
	struct str before;
	int64_t id = 0;
	enum err err = parse_query(pool, query, &fields, why_r);

	if (err)
		return err;
	before = fields_value(&fields, STR("before"));
	if (!str_is_null(before) && input_number_read(before, &id)) {
		*why_r = "The message to go back from is none of ours.";
		return ERR_SYNTAX;
	}
	*id_r = id;
	return ERR_OK;
}

static void refuse(struct invalid_list *list, const char *field,
		   const char *message)
{
	validate_add_error(list, str_from(field), str_from(message),
			   NULL);
}

/* A text without the white space around it; absent, with an error in `list`,
 * where it is none. */
static struct str read_text(const struct fields *fields, const char *name,
			    const char *not_text, struct invalid_list *list)
{
	const struct field *field = fields_get(fields, str_from(name));

	if (!field)
		return STR("");
	if (field->kind == FIELD_TEXT)
		return utf8_trim(field->value);
	refuse(list, name, not_text);
	return STR_NULL;
}

static void read_subject(const struct fields *fields,
			 struct invalid_list *list, struct str *out)
{
	*out = read_text(fields, "subject",
			 "The subject field must be a string.", list);
	if (str_is_null(*out))
		return;
	if (!out->len)
		refuse(list, "subject", "The subject field is required.");
	else if (utf8_check_text(*out, NULL))
		refuse(list, "subject", "The subject field must be one line.");
	else if (utf8_length(*out) > INPUT_SUBJECT_MAX)
		refuse(list, "subject", "The subject field must not be greater "
		       "than 200 characters.");
}

/* One of the tenant's, or none. */
static void read_category(const struct fields *fields,
			  const struct tenant *tenant,
			  struct invalid_list *list, struct str *out)
{
	unsigned i;

	*out = read_text(fields, "category",
			 "The category field must be a string.", list);
	if (!out->len)
		return;
	for (i = 0; i < tenant->category_count; i++)
		if (str_eq(tenant->categories[i], *out))
			return;
	refuse(list, "category", "The selected category is invalid.");
}

/* A copy with LF for every line end. */
static struct str unify_lines(struct pool *pool, struct str in)
{
	char *out = pool_strndup(pool, in.ptr, in.len);
	size_t i, len = 0;

	if (!out)
		return STR_NULL;
	for (i = 0; i < in.len; i++) {
		if (in.ptr[i] != '\r')
			out[len++] = in.ptr[i];
		else if (i + 1 == in.len || in.ptr[i + 1] != '\n')
			out[len++] = '\n';
	}
	out[len] = '\0';
	return (struct str){ out, len };
}

static enum err read_message(struct pool *pool, const struct fields *fields,
			     struct invalid_list *list, struct str *out)
{
	*out = read_text(fields, "message",
			 "The message field must be a string.", list);
	if (str_is_null(*out))
		return ERR_OK;
	*out = unify_lines(pool, *out);
	if (str_is_null(*out))
		return ERR_NOMEM;
	if (!out->len)
		refuse(list, "message", "The message field is required.");
	else if (utf8_length(*out) > INPUT_MESSAGE_MAX)
		refuse(list, "message", "The message field must not be greater "
		       "than 5000 characters.");
	return ERR_OK;
}

static bool is_key(struct str key)
{
	size_t i;

	if (!key.len || key.len > TICKET_KEY_MAX)
		return false;
	for (i = 0; i < key.len; i++)
		if (!ascii_is_alpha(key.ptr[i]) && !ascii_is_digit(key.ptr[i]) &&
		    key.ptr[i] != '-' && key.ptr[i] != '_')
			return false;
	return true;
}

static void read_key(struct str key, struct invalid_list *list,
		     struct str *out)
{
	if (str_is_null(key))
		refuse(list, "idempotency_key",
		       "The idempotency key field is required.");
	else if (!is_key(key))
		refuse(list, "idempotency_key", "The idempotency key field "
		       "must be 1 to 64 letters, digits, dashes or "
		       "underscores.");
	*out = key;
}

enum err input_reply_read(struct pool *pool, const struct fields *fields,
			  struct str key, struct invalid_list *list,
			  struct input_text *out_r)
{
	struct input_text out = { .subject = STR_NULL };

	if (read_message(pool, fields, list, &out.message))
		return ERR_NOMEM;
	read_key(key, list, &out.key);
	if (list->failed)
		return ERR_NOMEM;
	if (list->count)
		return ERR_SYNTAX;
	*out_r = out;
	return ERR_OK;
}

enum err input_ticket_read(struct pool *pool, const struct tenant *tenant,
			   const struct fields *fields, struct str key,
			   struct invalid_list *list,
			   struct input_text *out_r)
{
	struct input_text out = { .subject = STR_NULL }, reply;
	enum err err;

	read_subject(fields, list, &out.subject);
	read_category(fields, tenant, list, &out.category);
	err = input_reply_read(pool, fields, key, list, &reply);
	if (err)
		return err;
	out.message = reply.message;
	out.key = reply.key;
	*out_r = out;
	return ERR_OK;
}
