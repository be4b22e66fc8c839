#include "module/output.h"

#include "module/input.h"
#include "codec/json.h"
#include "codec/url.h"
#include "codec/utf8.h"

#define EVENT_PREFIX "adapter."

/* Hooks in which something may be called, as <usher/adapter.h> has them. */
#define IN(phase) (1u << (phase))
#define IN_HANDOFF                                                       \
	(IN(ADAPTER_PHASE_MAP_FIELDS) | IN(ADAPTER_PHASE_SYNC_USER) |    \
	 IN(ADAPTER_PHASE_CHOOSE_REDIRECT))
#define IN_STORING                                                       \
	(IN(ADAPTER_PHASE_MAP_FIELDS) | IN(ADAPTER_PHASE_SYNC_USER))
#define IN_CHOOSING                                                      \
	(IN(ADAPTER_PHASE_CHOOSE_REDIRECT) | IN(ADAPTER_PHASE_DELIVER))

static struct adapter_call *from_public(struct usher_call *public)
{
	return (struct adapter_call *)public;
}

static bool is_in(const struct adapter_call *call, unsigned phases)
{
	return IN(call->phase) & phases;
}

static const char *error_text(int error)
{
	switch (error) {
	case USHER_E_LIMIT:
		return "over a limit of <usher/adapter.h>";
	case USHER_E_INVAL:
		return "malformed";
	case USHER_E_NOMEM:
		return "out of memory";
	default:
		return "failed";
	}
}

/* The first refusal is the one to tell about. */
static int refuse(struct adapter_call *call, const char *function, int error)
{
	if (!call->is_refused)
		snprintf(call->problem, sizeof(call->problem),
			 "%s: what it gave to %s() was refused: %s",
			 call_phase_name(call->phase), function,
			 error_text(error));
	call->is_refused = true;
	return error;
}

/* In this hook there is no such function; `phases`: in which there is. */
static int misplaced(struct adapter_call *call, const char *function,
		     unsigned phases)
{
	if (!call->is_refused)
		call_say_misplaced(call, call->phase, function, phases);
	call->is_refused = true;
	return USHER_E_PHASE;
}

static int text_check(const char *text, size_t len, size_t max)
{
	if (!text && len)
		return USHER_E_INVAL;
	if (len > max)
		return USHER_E_LIMIT;
	if (len && utf8_check_text((struct str){ text, len }, NULL))
		return USHER_E_INVAL;
	return 0;
}

/* Any text, but not none. strnlen: its end may be missing. */
static int label_check(const char *name)
{
	size_t len = name ? strnlen(name, USHER_NAME_MAX + 1) : 0;

	if (!len)
		return USHER_E_INVAL;
	return text_check(name, len, USHER_NAME_MAX);
}

/*
 * In a script, setting a member of this name sets the object's prototype: a
 * page that copies attributes one by one would do so.  "constructor" and
 * "prototype" are plain members; only a nested object makes them more, and an
 * attribute is text.  One that is stored from before may still be removed.
 */
static bool is_prototype(const char *name)
{
	return strcmp(name, "__proto__") == 0;
}

static int attribute_check(const char *name)
{
	size_t len = name ? strnlen(name, USHER_NAME_MAX + 1) : 0;

	if (!len || (!ascii_is_alpha(name[0]) && name[0] != '_'))
		return USHER_E_INVAL;
	if (len > USHER_NAME_MAX)
		return USHER_E_LIMIT;
	for (size_t i = 1; i < len; i++)
		if (!ascii_is_alpha(name[i]) && !ascii_is_digit(name[i]) &&
		    !strchr("_.-", name[i]))
			return USHER_E_INVAL;
	return 0;
}

/* A code or, with dots, an event's name. */
static int code_check(const char *code, bool has_dots)
{
	size_t len = code ? strnlen(code, USHER_CODE_MAX + 1) : 0;

	if (!len || code[0] < 'a' || code[0] > 'z')
		return USHER_E_INVAL;
	if (len > USHER_CODE_MAX)
		return USHER_E_LIMIT;
	for (size_t i = 1; i < len; i++)
		if (!(code[i] >= 'a' && code[i] <= 'z') && code[i] != '_' &&
		    !ascii_is_digit(code[i]) && !(has_dots && code[i] == '.'))
			return USHER_E_INVAL;
	return 0;
}

static int url_check(struct adapter_call *call, const char *url, size_t len)
{
	struct url parsed;
	enum err err;

	if (!url)
		return USHER_E_INVAL;
	if (len > USHER_URL_MAX)
		return USHER_E_LIMIT;
	err = url_parse(call->scratch, (struct str){ url, len }, &parsed,
			NULL);
	if (err == ERR_NOMEM)
		return USHER_E_NOMEM;
	return err ? USHER_E_INVAL : 0;
}

/* A copy in the pool, charged to the call's budget. */
static int keep(struct adapter_call *call, const char *text, size_t len,
		struct str *out_r)
{
	char *copy;

	if (len > USHER_OUTPUT_MAX - call->output_used)
		return USHER_E_LIMIT;
	copy = pool_strndup(call->pool, len ? text : "", len);
	if (!copy)
		return USHER_E_NOMEM;
	call->output_used += len;
	*out_r = (struct str){ copy, len };
	return 0;
}

/*
 * Room for one more in an array in the pool; old places stay in the pool, so
 * that doubling bounds what is wasted.
 */
static int more(struct adapter_call *call, void **array, unsigned count,
		unsigned max, size_t size)
{
	unsigned cap = 8;
	void *larger;

	if (count >= max)
		return USHER_E_LIMIT;
	while (cap < count)
		cap *= 2;
	if (count && count < cap)
		return 0;
	if (count)
		cap *= 2;
	larger = pool_calloc(call->pool, cap, size);
	if (!larger)
		return USHER_E_NOMEM;
	if (count)
		memcpy(larger, *array, count * size);
	*array = larger;
	return 0;
}

static bool is_supplied(const struct adapter_call *call, struct str name)
{
	struct str posted;

	if (!call->may_supply)
		return true;
	posted = call->fields ? fields_value(call->fields, name) : STR_NULL;
	return str_trim(posted, " ").len > 0;
}

int output_set_field(struct usher_call *public, const char *name,
		     const char *value, size_t len)
{
	struct adapter_call *call = from_public(public);
	struct str *to = NULL;
	int rc;

	if (!is_in(call, IN(ADAPTER_PHASE_MAP_FIELDS)))
		return misplaced(call, "set_field",
				 IN(ADAPTER_PHASE_MAP_FIELDS));
	if (name && !strcmp(name, "email"))
		to = &call->email;
	else if (name && !strcmp(name, "name"))
		to = &call->name;
	if (!to)
		return refuse(call, "set_field", USHER_E_INVAL);
	if (is_supplied(call, str_from(name)))
		return USHER_E_EXISTS;
	rc = text_check(value, len, USHER_VALUE_MAX);
	if (!rc)
		rc = keep(call, value, len, to);
	if (rc)
		return refuse(call, "set_field", rc);
	call->stamp++;
	return 0;
}

/* `value` absent: removed. */
static int add_change(struct adapter_call *call, const char *name,
		      struct str value)
{
	void *array = call->changes;
	struct adapter_change change = { .value = STR_NULL };
	int rc = more(call, &array, call->change_count, USHER_ATTRIBUTES_MAX,
		      sizeof(change));

	if (!rc)
		rc = keep(call, name, strlen(name), &change.name);
	if (!rc && !str_is_null(value))
		rc = keep(call, value.ptr, value.len, &change.value);
	if (rc)
		return rc;
	call->changes = array;
	call->changes[call->change_count++] = change;
	call->stamp++;
	return 0;
}

int output_set_attribute(struct usher_call *public, const char *name,
			 const char *value, size_t len)
{
	struct adapter_call *call = from_public(public);
	int rc;

	if (!is_in(call, IN_STORING))
		return misplaced(call, "set_attribute", IN_STORING);
	rc = attribute_check(name);
	if (!rc && is_prototype(name))
		rc = USHER_E_INVAL;
	if (!rc)
		rc = text_check(value, len, USHER_VALUE_MAX);
	if (!rc)
		rc = add_change(call, name,
				(struct str){ len ? value : "", len });
	return rc ? refuse(call, "set_attribute", rc) : 0;
}

/*
 * Of a user whose address the adapter itself supplies nothing is shown, and
 * yet something may be stored: a wish to remove it is kept.
 */
static bool may_be_stored(const struct adapter_call *call, const char *name)
{
	unsigned i;

	if (call->info.user_id.ptr)
		return false;
	for (i = 0; i < call->change_count; i++)
		if (str_eq(call->changes[i].name, str_from(name)))
			return false;
	return true;
}

int output_del_attribute(struct usher_call *public, const char *name)
{
	struct adapter_call *call = from_public(public);
	const struct field *field;
	bool is_unseen;
	int rc;

	if (!is_in(call, IN_STORING))
		return misplaced(call, "del_attribute", IN_STORING);
	rc = attribute_check(name);
	if (!rc)
		rc = input_find(call, USHER_ATTRIBUTE, str_from(name),
				&field);
	is_unseen = rc == USHER_E_NOTFOUND;
	if (is_unseen && !may_be_stored(call, name))
		return rc;
	if (!rc || is_unseen)
		rc = add_change(call, name, STR_NULL);
	if (rc)
		return refuse(call, "del_attribute", rc);
	return is_unseen ? USHER_E_NOTFOUND : 0;
}

int output_set_redirect(struct usher_call *public, const char *url, size_t len)
{
	struct adapter_call *call = from_public(public);
	int rc;

	if (!is_in(call, IN_CHOOSING))
		return misplaced(call, "set_redirect", IN_CHOOSING);
	rc = url_check(call, url, len);
	if (!rc)
		rc = keep(call, url, len, &call->redirect);
	if (rc)
		return refuse(call, "set_redirect", rc);
	call->post_url = STR_NULL;
	call->post_fields = NULL;
	call->post_field_count = 0;
	return 0;
}

static int keep_pair(struct adapter_call *call, const struct usher_pair *from,
		     struct adapter_error *to)
{
	int rc = from->name.len ? 0 : USHER_E_INVAL;

	if (!rc)
		rc = text_check(from->name.ptr, from->name.len,
				USHER_NAME_MAX);
	if (!rc)
		rc = text_check(from->value.ptr, from->value.len,
				USHER_VALUE_MAX);
	if (!rc)
		rc = keep(call, from->name.ptr, from->name.len, &to->field);
	if (!rc)
		rc = keep(call, from->value.ptr, from->value.len, &to->text);
	return rc;
}

int output_set_post(struct usher_call *public, const char *url, size_t len,
		    const struct usher_pair *fields, uint32_t count)
{
	struct adapter_call *call = from_public(public);
	struct adapter_error *kept;
	struct str target;
	int rc;

	if (!is_in(call, IN(ADAPTER_PHASE_DELIVER)))
		return misplaced(call, "set_post", IN(ADAPTER_PHASE_DELIVER));
	if (count > USHER_POST_FIELDS_MAX)
		return refuse(call, "set_post", USHER_E_LIMIT);
	if (!fields && count)
		return refuse(call, "set_post", USHER_E_INVAL);
	kept = pool_calloc(call->pool, count + 1, sizeof(*kept));
	rc = kept ? url_check(call, url, len) : USHER_E_NOMEM;
	if (!rc)
		rc = keep(call, url, len, &target);
	for (uint32_t i = 0; i < count && !rc; i++)
		rc = keep_pair(call, &fields[i], &kept[i]);
	if (rc)
		return refuse(call, "set_post", rc);
	call->redirect = STR_NULL;
	call->post_url = target;
	call->post_fields = kept;
	call->post_field_count = count;
	return 0;
}

int output_set_error(struct usher_call *public, const char *field,
		     const char *text, size_t len)
{
	struct adapter_call *call = from_public(public);
	void *array = call->errors;
	struct adapter_error error;
	int rc;

	/* Enough are there to refuse the request: nothing is lost. */
	if (call->error_count >= USHER_ERRORS_MAX)
		return USHER_E_LIMIT;
	if (!is_in(call, IN_HANDOFF | IN(ADAPTER_PHASE_INIT))) {
		call->is_lost = true;
		return misplaced(call, "set_error",
				 IN_HANDOFF | IN(ADAPTER_PHASE_INIT));
	}
	rc = label_check(field);
	if (!rc)
		rc = len ? text_check(text, len, USHER_MESSAGE_MAX) :
			   USHER_E_INVAL;
	if (!rc)
		rc = more(call, &array, call->error_count, USHER_ERRORS_MAX,
			  sizeof(error));
	if (!rc)
		rc = keep(call, field, strlen(field), &error.field);
	if (!rc)
		rc = keep(call, text, len, &error.text);
	if (rc) {
		call->is_lost = true;
		return refuse(call, "set_error", rc);
	}
	call->errors = array;
	call->errors[call->error_count++] = error;
	return 0;
}

int output_set_deny(struct usher_call *public, const char *code,
		    const char *reason, size_t len)
{
	struct adapter_call *call = from_public(public);
	struct str kept_code, kept_reason;
	int rc;

	if (!is_in(call, CALL_PHASES)) {
		call->is_lost = true;
		return misplaced(call, "set_deny", CALL_PHASES);
	}
	if (call->is_denied)
		return 0;
	/* Whatever is wrong with the words, the meaning is clear. */
	call->is_denied = true;
	rc = code_check(code, false);
	if (!rc)
		rc = text_check(reason, len, USHER_MESSAGE_MAX);
	if (!rc)
		rc = keep(call, code, strlen(code), &kept_code);
	if (!rc)
		rc = keep(call, reason, len, &kept_reason);
	if (rc)
		return refuse(call, "set_deny", rc);
	call->deny_code = kept_code;
	if (len)
		call->deny_reason = kept_reason;
	return 0;
}

static int json_check(struct adapter_call *call, const char *json, size_t len)
{
	struct fields members;
	enum err err;

	if (!json || !len)
		return USHER_E_INVAL;
	if (len > USHER_EVENT_MAX)
		return USHER_E_LIMIT;
	fields_init(&members, call->scratch);
	err = json_parse_fields((struct str){ json, len }, &members, NULL);
	if (err == ERR_NOMEM)
		return USHER_E_NOMEM;
	return err ? USHER_E_INVAL : 0;
}

int output_emit(struct usher_call *public, const char *event, const char *json,
		size_t len)
{
	struct adapter_call *call = from_public(public);
	void *array = call->events;
	struct adapter_event kept;
	int rc;

	if (!is_in(call, CALL_PHASES))
		return misplaced(call, "emit", CALL_PHASES);
	rc = code_check(event, true);
	if (!rc)
		rc = json_check(call, json, len);
	if (!rc)
		rc = more(call, &array, call->event_count, USHER_EVENTS_MAX,
			  sizeof(kept));
	if (!rc)
		rc = keep(call, json, len, &kept.json);
	if (rc)
		return refuse(call, "emit", rc);
	kept.name = pool_printf(call->pool, EVENT_PREFIX "%s", event);
	if (str_is_null(kept.name))
		return refuse(call, "emit", USHER_E_NOMEM);
	call->events = array;
	call->events[call->event_count++] = kept;
	return 0;
}
