#include "sandbox/marshal.h"

#include "module/input.h"
#include "module/output.h"
#include "codec/utf8.h"

#define EVENT_PREFIX_LEN (sizeof("adapter.") - 1)

_Static_assert(FIELD_TEXT == 0 && FIELD_JSON == 1, "as wire.c bounds them");
_Static_assert(ADAPTER_OK == 0 && ADAPTER_FAILED == 3, "likewise");

/* An empty slice may lack a pointer where it was parsed. */
static struct str there(struct str s)
{
	return str_is_null(s) ? STR("") : s;
}

static void add_fields(struct buf *out, enum wire_tag tag,
		       const struct fields *fields)
{
	if (!fields)
		return;
	for (unsigned i = 0; i < fields->count; i++)
		wire_add(out, tag, fields->v[i].kind, there(fields->v[i].name),
			 there(fields->v[i].value));
}

static void add_info(struct buf *out, struct adapter_info *info)
{
	const struct str *value;

	for (unsigned i = 0; (value = input_info(info, i)); i++)
		wire_add_if(out, WIRE_INFO, i, *value);
}

enum err marshal_write_call(struct adapter_call *call, enum wire_call_kind kind,
			    struct wire_head head, struct buf *out)
{
	wire_begin(out, head);
	wire_add_number(out, WIRE_KIND, kind);
	wire_add_number(out, WIRE_NOW, call->now_ms);
	wire_add_number(out, WIRE_SINCE, call->start_mono_ms);
	wire_add_number(out, WIRE_MAY_SUPPLY, call->may_supply);
	if (call->trace)
		wire_add_number(out, WIRE_TRACED, 1);
	if (call->look)
		wire_add_number(out, WIRE_LOOKABLE, 1);
	add_info(out, &call->info);
	add_fields(out, WIRE_FIELD, call->fields);
	add_fields(out, WIRE_ATTRIBUTE, call->attributes);
	add_fields(out, WIRE_CLAIM, call->claims);
	return buf_is_ok(out) ? ERR_OK : ERR_LIMIT;
}

/* NULL: no list of named values. */
static struct fields *list_of(struct marshal_lists *lists, enum wire_tag tag)
{
	switch (tag) {
	case WIRE_FIELD:
		return &lists->fields;
	case WIRE_ATTRIBUTE:
		return &lists->attributes;
	case WIRE_CLAIM:
		return &lists->claims;
	default:
		return NULL;
	}
}

enum err marshal_read_call(const struct wire_frame *frame, struct pool *pool,
			   struct marshal_lists *lists,
			   struct adapter_call *call)
{
	enum err err = ERR_OK;
	struct fields *list;
	struct str *info;

	*call = (struct adapter_call){
		.pool = pool, .fields = &lists->fields,
		.attributes = &lists->attributes, .claims = &lists->claims,
		.may_supply = wire_find(frame, WIRE_MAY_SUPPLY)->number,
	};
	fields_init(&lists->fields, pool);
	fields_init(&lists->attributes, pool);
	fields_init(&lists->claims, pool);
	for (unsigned i = 0; i < frame->count && !err; i++) {
		const struct wire_item *item = &frame->items[i];

		list = list_of(lists, item->tag);
		if (list) {
			err = fields_add(list, item->a, item->b,
					 (enum field_kind)item->number);
		} else if (item->tag == WIRE_INFO) {
			info = input_info(&call->info,
					  (unsigned)item->number);
			if (info)
				*info = item->a;
			else
				err = ERR_SYNTAX;
		}
	}
	return err;
}

enum err marshal_write_user(struct adapter_call *call, struct wire_head head,
			    struct buf *out)
{
	wire_begin(out, head);
	if (call) {
		add_info(out, &call->info);
		add_fields(out, WIRE_ATTRIBUTE, call->attributes);
	}
	return buf_is_ok(out) ? ERR_OK : ERR_LIMIT;
}

enum err marshal_read_user(const struct wire_frame *frame, struct pool *pool,
			   struct marshal_lists *lists,
			   struct adapter_call *call)
{
	enum err err = ERR_OK;

	for (unsigned i = 0; i < frame->count && !err; i++) {
		const struct wire_item *item = &frame->items[i];
		bool is_info = item->tag == WIRE_INFO;
		struct str a = pool_str(pool, item->a);
		struct str b = is_info ? STR("") : pool_str(pool, item->b);
		struct str *info = is_info ?
			input_info(&call->info, (unsigned)item->number) : NULL;

		if (!a.ptr || !b.ptr)
			err = ERR_NOMEM;
		else if (!is_info)
			err = fields_add(&lists->attributes, a, b,
					 (enum field_kind)item->number);
		else if (info)
			*info = a;
		else
			err = ERR_SYNTAX;
	}
	return err;
}

void marshal_read_times(const struct wire_frame *frame,
			struct adapter_call *call)
{
	call->now_ms = wire_find(frame, WIRE_NOW)->number;
	call->start_mono_ms = wire_find(frame, WIRE_SINCE)->number;
}

/* ---- steps -------------------------------------------------------------------- */

void marshal_write_step(const struct adapter_step *step, struct wire_head head,
			struct buf *out)
{
	wire_begin(out, head);
	wire_add_number(out, WIRE_PHASE, step->phase);
	if (!step->is_over)
		return;
	wire_add_number(out, WIRE_RETURNED, step->returned);
	wire_add_number(out, WIRE_TOOK, step->took_ns);
	wire_add_number(out, WIRE_CHANGES, step->changes);
	wire_add_number(out, WIRE_EVENTS, step->events);
	wire_add_number(out, WIRE_ERRORS, step->errors);
	wire_add_number(out, WIRE_LINES, step->lines);
	wire_add_number(out, WIRE_HEAP, (int64_t)step->heap);
}

/* All that an end has: the tags, each once, were counted by wire_read(). */
#define STEP_ITEMS 8

static int64_t number_of(const struct wire_frame *frame, enum wire_tag tag)
{
	return wire_find(frame, tag)->number;
}

enum err marshal_read_step(const struct wire_frame *frame,
			   struct adapter_trace *trace)
{
	enum adapter_phase phase =
		(enum adapter_phase)number_of(frame, WIRE_PHASE);
	struct adapter_step *last = trace->count ?
		&trace->steps[trace->count - 1] : NULL;

	if (frame->count == 1) {
		if (trace->count == ADAPTER_STEPS_MAX ||
		    (last && (!last->is_over || phase <= last->phase)))
			return ERR_SYNTAX;
		trace->steps[trace->count++] =
			(struct adapter_step){ .phase = phase };
		return ERR_OK;
	}
	if (frame->count != STEP_ITEMS || !last || last->is_over ||
	    last->phase != phase)
		return ERR_SYNTAX;
	*last = (struct adapter_step){
		.phase = phase,
		.is_over = true,
		.returned = (int)number_of(frame, WIRE_RETURNED),
		.took_ns = number_of(frame, WIRE_TOOK),
		.changes = (unsigned)number_of(frame, WIRE_CHANGES),
		.events = (unsigned)number_of(frame, WIRE_EVENTS),
		.errors = (unsigned)number_of(frame, WIRE_ERRORS),
		.lines = (unsigned)number_of(frame, WIRE_LINES),
		.heap = (uint64_t)number_of(frame, WIRE_HEAP),
	};
	return ERR_OK;
}

/* ---- replies ----------------------------------------------------------------- */

static void add_pairs(struct buf *out, enum wire_tag tag,
		      const struct adapter_error *pairs, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		wire_add(out, tag, 0, pairs[i].field, pairs[i].text);
}

static void add_outputs(const struct adapter_call *call, struct buf *out)
{
	if (!str_is_null(call->email))
		wire_add(out, WIRE_SUPPLIED, 0, STR("email"), call->email);
	if (!str_is_null(call->name))
		wire_add(out, WIRE_SUPPLIED, 0, STR("name"), call->name);
	for (unsigned i = 0; i < call->change_count; i++)
		wire_add(out, WIRE_CHANGE, 0, call->changes[i].name,
			 call->changes[i].value);
	wire_add_if(out, WIRE_REDIRECT, 0, call->redirect);
	wire_add_if(out, WIRE_POST, 0, call->post_url);
	add_pairs(out, WIRE_POSTED, call->post_fields,
		  call->post_field_count);
	for (unsigned i = 0; i < call->event_count; i++) {
		struct str name = call->events[i].name;

		name.ptr += EVENT_PREFIX_LEN;
		name.len -= EVENT_PREFIX_LEN;
		wire_add(out, WIRE_EVENT, 0, name, call->events[i].json);
	}
}

enum err marshal_write_reply(const struct adapter_call *call,
			     struct wire_head head, struct buf *out)
{
	wire_begin(out, head);
	wire_add_number(out, WIRE_RESULT, call->result);
	if (call->result == ADAPTER_OK)
		add_outputs(call, out);
	else if (call->result == ADAPTER_INVALID)
		add_pairs(out, WIRE_ERROR, call->errors, call->error_count);
	else if (call->result == ADAPTER_DENIED)
		wire_add(out, WIRE_DENY, 0, call->deny_code,
			 call->deny_reason);
	else
		wire_add_text(out, WIRE_PROBLEM, str_from(call->problem));
	return buf_is_ok(out) ? ERR_OK : ERR_LIMIT;
}

/* All the form's fields, once its URL is there. */
static int replay_post(const struct wire_frame *frame,
		       struct adapter_call *call)
{
	const struct wire_item *url = wire_find(frame, WIRE_POST);
	struct usher_pair pairs[USHER_POST_FIELDS_MAX];
	uint32_t count = 0;

	for (unsigned i = 0; i < frame->count; i++) {
		const struct wire_item *item = &frame->items[i];

		if (item->tag != WIRE_POSTED)
			continue;
		pairs[count++] = (struct usher_pair){
			{ item->a.ptr, item->a.len },
			{ item->b.ptr, item->b.len },
		};
	}
	if (!url)
		return count ? USHER_E_INVAL : 0;
	if (wire_find(frame, WIRE_REDIRECT))
		return USHER_E_INVAL;
	return output_set_post(&call->public, url->a.ptr, url->a.len, pairs,
			       count);
}

/* A NUL inside a name would cut it where it is a C string. */
static bool is_whole(struct str name)
{
	return strlen(name.ptr) == name.len;
}

/* Of a user that we do not know it is kept, and not found all the same. */
static int replay_removal(struct usher_call *public, const char *name)
{
	int rc = output_del_attribute(public, name);

	return rc == USHER_E_NOTFOUND ? 0 : rc;
}

static int replay(const struct wire_item *item, struct adapter_call *call)
{
	struct usher_call *public = &call->public;
	const char *name = item->a.ptr;

	if (item->a.ptr && !is_whole(item->a))
		return USHER_E_INVAL;
	switch (item->tag) {
	case WIRE_SUPPLIED:
		return output_set_field(public, name, item->b.ptr,
					item->b.len);
	case WIRE_CHANGE:
		return str_is_null(item->b) ?
			replay_removal(public, name) :
			output_set_attribute(public, name, item->b.ptr,
					     item->b.len);
	case WIRE_REDIRECT:
		return output_set_redirect(public, item->a.ptr, item->a.len);
	case WIRE_EVENT:
		return output_emit(public, name, item->b.ptr, item->b.len);
	case WIRE_ERROR:
		return output_set_error(public, name, item->b.ptr,
					item->b.len);
	case WIRE_DENY:
		return output_set_deny(public, name, item->b.ptr,
				       item->b.len);
	default:
		return 0;
	}
}

/* Which tags go with which result. */
static bool belongs(enum wire_tag tag, enum adapter_result result)
{
	switch (tag) {
	case WIRE_RESULT:
		return true;
	case WIRE_ERROR:
		return result == ADAPTER_INVALID;
	case WIRE_DENY:
		return result == ADAPTER_DENIED;
	case WIRE_PROBLEM:
		return result == ADAPTER_FAILED;
	default:
		return result == ADAPTER_OK;
	}
}

static bool is_complete(const struct wire_frame *frame,
			enum adapter_result result)
{
	if (result == ADAPTER_INVALID)
		return wire_find(frame, WIRE_ERROR);
	if (result == ADAPTER_DENIED)
		return wire_find(frame, WIRE_DENY);
	if (result == ADAPTER_FAILED)
		return wire_find(frame, WIRE_PROBLEM);
	return true;
}

static int take_problem(const struct wire_frame *frame,
			struct adapter_call *call)
{
	const struct wire_item *item = wire_find(frame, WIRE_PROBLEM);

	if (!item)
		return 0;
	if (utf8_check_text(item->a, NULL))
		return USHER_E_INVAL;
	snprintf(call->problem, sizeof(call->problem), "%s", item->a.ptr);
	return 0;
}

enum err marshal_read_reply(const struct wire_frame *frame, bool is_deliver,
			    struct pool *scratch, struct adapter_call *call)
{
	enum adapter_result result =
		(enum adapter_result)wire_find(frame, WIRE_RESULT)->number;
	int rc = is_complete(frame, result) ? 0 : USHER_E_INVAL;

	call->scratch = scratch;
	/* This is not the thread that made the call. */
	call->look = NULL;
	for (unsigned i = 0; i < frame->count && !rc; i++) {
		const struct wire_item *item = &frame->items[i];

		call->phase = is_deliver ? ADAPTER_PHASE_DELIVER :
			      item->tag == WIRE_REDIRECT ?
			      ADAPTER_PHASE_CHOOSE_REDIRECT :
			      ADAPTER_PHASE_MAP_FIELDS;
		rc = belongs(item->tag, result) ? replay(item, call) :
			USHER_E_INVAL;
		pool_reset(scratch);
	}
	if (!rc)
		rc = replay_post(frame, call);
	if (!rc)
		rc = take_problem(frame, call);
	pool_reset(scratch);
	call->scratch = NULL;
	call->phase = ADAPTER_PHASE_NONE;
	if (rc) {
		call_begin(call, call->env, NULL);
		return rc == USHER_E_NOMEM ? ERR_NOMEM : ERR_SYNTAX;
	}
	call->result = result;
	return ERR_OK;
}
