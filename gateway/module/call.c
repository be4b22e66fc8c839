#include "module/call.h"

#include <malloc.h>

#include "module/input.h"
#include "module/output.h"
#include "base/clock.h"

#ifndef USHER_VERSION
#define USHER_VERSION "0"
#endif

static const struct usher_host host = {
	.struct_size = sizeof(struct usher_host),
	.abi_major = USHER_ABI_MAJOR,
	.abi_minor = USHER_ABI_MINOR,
	.name = "usher",
	.version = USHER_VERSION,
	.log = input_log,
	.config = input_config,
	.config_at = input_config_at,
	.alloc = input_alloc,
	.now = input_now,
	.deadline = input_deadline,
	.random_bytes = input_random_bytes,
	.hmac_sha256 = input_hmac_sha256,
	.email_key = input_email_key,
	.domain_key = input_domain_key,
	.get = input_get,
	.at = input_at,
	.type = input_type,
	.set_field = output_set_field,
	.set_attribute = output_set_attribute,
	.del_attribute = output_del_attribute,
	.set_redirect = output_set_redirect,
	.set_post = output_set_post,
	.set_error = output_set_error,
	.set_deny = output_set_deny,
	.emit = output_emit,
};

static const char *const phase_names[] = {
	[ADAPTER_PHASE_NONE] = "outside of any hook",
	[ADAPTER_PHASE_INIT] = "init",
	[ADAPTER_PHASE_MAP_FIELDS] = "map_fields",
	[ADAPTER_PHASE_SYNC_USER] = "sync_user",
	[ADAPTER_PHASE_CHOOSE_REDIRECT] = "choose_redirect",
	[ADAPTER_PHASE_DELIVER] = "deliver",
};

const char *call_phase_name(enum adapter_phase phase)
{
	return phase_names[phase];
}

void call_add_phases(unsigned phases, const char *word, struct buf *out)
{
	for (unsigned i = 0; phases; i++) {
		const unsigned bit = 1u << i;

		if (!(phases & bit))
			continue;
		phases &= ~bit;
		buf_puts(out, phase_names[i]);
		if (phases & (phases - 1))
			buf_puts(out, ", ");
		else if (phases)
			buf_printf(out, " %s ", word);
	}
}

void call_say_misplaced(struct adapter_call *call, enum adapter_phase phase,
			const char *function, unsigned phases)
{
	struct buf problem;

	buf_init_fixed(&problem, call->problem, sizeof(call->problem));
	if (phase == ADAPTER_PHASE_NONE)
		buf_printf(&problem, "it called %s() outside of any hook, "
			   "which only ", function);
	else
		buf_printf(&problem, "%s called %s(), which only ",
			   phase_names[phase], function);
	call_add_phases(phases, "and", &problem);
	buf_puts(&problem, " may");
}

void call_begin(struct adapter_call *call, const struct adapter_env *env,
		struct pool *scratch)
{
	struct adapter_call fresh = {
		.public = { &host },
		.pool = call->pool,
		.fields = call->fields,
		.attributes = call->attributes,
		.look = call->look,
		.claims = call->claims,
		.info = call->info,
		.may_supply = call->may_supply,
		.spent_ms = call->spent_ms,
		.trace = call->trace,
		.owner = call->owner,
		.env = env,
		.scratch = scratch,
		.now_ms = clock_wall_ms(),
		.start_mono_ms = clock_mono_ms() - call->spent_ms,
	};

	*call = fresh;
}

struct call_mark call_enter(struct adapter_call *call,
			    enum adapter_phase phase)
{
	call->phase = phase;
	return (struct call_mark){
		.change_count = call->change_count,
		.event_count = call->event_count,
		.email = call->email,
		.name = call->name,
		.redirect = call->redirect,
		.post_url = call->post_url,
		.post_fields = call->post_fields,
		.post_field_count = call->post_field_count,
	};
}

static void go_back(struct adapter_call *call, const struct call_mark *mark)
{
	call->change_count = mark->change_count;
	call->event_count = mark->event_count;
	call->email = mark->email;
	call->name = mark->name;
	call->redirect = mark->redirect;
	call->post_url = mark->post_url;
	call->post_fields = mark->post_fields;
	call->post_field_count = mark->post_field_count;
	call->stamp++;
}

static bool fail(struct adapter_call *call, enum adapter_phase phase,
		 int returned)
{
	/* What it was refused before is why it failed. */
	if (returned == USHER_FAIL && call->misplaced && !call->is_refused)
		call_say_misplaced(call, phase, call->misplaced, CALL_PHASES);
	else if (returned == USHER_FAIL && !call->is_refused)
		snprintf(call->problem, sizeof(call->problem),
			 "%s returned USHER_FAIL", phase_names[phase]);
	else if (returned != USHER_FAIL)
		snprintf(call->problem, sizeof(call->problem),
			 "%s returned %d, which is no result of a hook",
			 phase_names[phase], returned);
	call->result = ADAPTER_FAILED;
	return false;
}

static void deny(struct adapter_call *call)
{
	if (str_is_null(call->deny_code))
		call->deny_code = STR("denied");
	if (str_is_null(call->deny_reason))
		call->deny_reason = STR("Access was refused.");
	call->result = ADAPTER_DENIED;
}

/* In the order in which one thing outweighs another. */
static bool judge(struct adapter_call *call, const struct call_mark *mark,
		  enum adapter_phase phase, int returned)
{
	if (call->is_denied || returned == USHER_DENY) {
		deny(call);
	} else if (returned != USHER_OK && returned != USHER_DECLINE) {
		return fail(call, phase, returned);
	} else if (call->is_lost) {
		call->result = ADAPTER_FAILED;
	} else if (call->error_count) {
		call->result = ADAPTER_INVALID;
	} else if (call->is_refused) {
		call->result = ADAPTER_FAILED;
	} else {
		if (returned == USHER_DECLINE)
			go_back(call, mark);
		call->result = ADAPTER_OK;
	}
	return call->result == ADAPTER_OK;
}

/* Whatever it wrote over, its outputs are not to be trusted. */
static void refuse_overrun(struct adapter_call *call, enum adapter_phase phase)
{
	snprintf(call->problem, sizeof(call->problem),
		 "%s wrote past the end of what alloc() gave it",
		 phase_names[phase]);
	call->is_lost = true;
}

bool call_leave(struct adapter_call *call, const struct call_mark *mark,
		int returned)
{
	static const struct call_mark nothing;
	enum adapter_phase phase = call->phase;

	call->phase = ADAPTER_PHASE_NONE;
	if (!input_is_intact(call))
		refuse_overrun(call, phase);
	call->alloc_used = 0;
	call->guards = NULL;
	pool_reset(call->scratch);
	if (judge(call, mark, phase, returned))
		return true;
	go_back(call, &nothing);
	/* Of a failing init they are the reason that the operator reads. */
	if (call->result != ADAPTER_INVALID && phase != ADAPTER_PHASE_INIT)
		call->error_count = 0;
	if (call->result != ADAPTER_DENIED)
		call->deny_code = call->deny_reason = STR_NULL;
	if (call->result != ADAPTER_FAILED)
		call->problem[0] = '\0';
	return false;
}

unsigned call_hooks(const struct usher_adapter *adapter, bool is_deliver,
		    struct call_hook hooks_r[CALL_HOOKS_MAX])
{
	if (is_deliver) {
		hooks_r[0] = (struct call_hook){ ADAPTER_PHASE_DELIVER,
						 adapter->deliver };
		return 1;
	}
	hooks_r[0] = (struct call_hook){ ADAPTER_PHASE_MAP_FIELDS,
					 adapter->map_fields };
	hooks_r[1] = (struct call_hook){ ADAPTER_PHASE_SYNC_USER,
					 adapter->sync_user };
	hooks_r[2] = (struct call_hook){ ADAPTER_PHASE_CHOOSE_REDIRECT,
					 adapter->choose_redirect };
	return 3;
}

struct adapter_facts call_facts(const struct usher_adapter *adapter)
{
	const struct {
		bool is_there;
		enum adapter_phase phase;
	} hooks[] = {
		{ adapter->init, ADAPTER_PHASE_INIT },
		{ adapter->map_fields, ADAPTER_PHASE_MAP_FIELDS },
		{ adapter->sync_user, ADAPTER_PHASE_SYNC_USER },
		{ adapter->choose_redirect, ADAPTER_PHASE_CHOOSE_REDIRECT },
		{ adapter->deliver, ADAPTER_PHASE_DELIVER },
	};
	struct adapter_facts facts = {
		.abi_major = adapter->abi_major,
		.abi_minor = adapter->abi_minor,
		.has_fini = adapter->fini,
		.is_advisory = adapter->flags & USHER_ADVISORY,
	};

	for (size_t i = 0; i < N_ELEMENTS(hooks); i++)
		if (hooks[i].is_there)
			facts.hooks |= 1u << hooks[i].phase;
	return facts;
}

/* ---- for those who look on ------------------------------------------------ */

static uint64_t heap_in_use(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

/* What there was before the hook, in the step's own counts. */
static void begin_step(struct adapter_call *call, enum adapter_phase phase)
{
	struct adapter_trace *trace = call->trace;
	struct adapter_step *step;

	if (!trace || trace->count == ADAPTER_STEPS_MAX)
		return;
	step = &trace->steps[trace->count++];
	*step = (struct adapter_step){ .phase = phase };
	if (call->env->services->step)
		call->env->services->step(call, step);
	step->changes = call->change_count;
	step->events = call->event_count;
	step->errors = call->error_count;
	step->lines = call->log_lines;
	step->took_ns = clock_mono_ns();
}

static void end_step(struct adapter_call *call, int returned)
{
	struct adapter_trace *trace = call->trace;
	struct adapter_step *step;

	if (!trace || !trace->count)
		return;
	step = &trace->steps[trace->count - 1];
	step->took_ns = clock_mono_ns() - step->took_ns;
	step->changes = call->change_count - step->changes;
	step->events = call->event_count - step->events;
	step->errors = call->error_count - step->errors;
	step->lines = call->log_lines - step->lines;
	step->returned = returned;
	step->heap = heap_in_use();
	step->is_over = true;
	if (call->env->services->step)
		call->env->services->step(call, step);
}

void call_run(struct adapter_call *call, void *state,
	      const struct call_hook *hooks, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct call_mark mark;
		int returned;

		if (!hooks[i].run)
			continue;
		begin_step(call, hooks[i].phase);
		mark = call_enter(call, hooks[i].phase);
		returned = hooks[i].run(state, &call->public);
		end_step(call, returned);
		if (!call_leave(call, &mark, returned))
			break;
	}
}

static void add_init_problem(const struct adapter_call *call, int returned,
			     struct buf *problem)
{
	if (call->error_count) {
		buf_printf(problem, "config.%.*s: %.*s",
			   STR_ARG(call->errors[0].field),
			   STR_ARG(call->errors[0].text));
		if (call->error_count > 1)
			buf_printf(problem, " (and %u more)",
				   call->error_count - 1);
	} else if (call->problem[0]) {
		buf_puts(problem, call->problem);
	} else {
		buf_printf(problem, "init returned %d", returned);
	}
}

enum err call_init(const struct usher_adapter *adapter,
		   const struct adapter_env *env, struct pool *pool,
		   struct pool *scratch, void **state_r, bool *owes_fini_r,
		   struct buf *problem)
{
	struct adapter_call call = { .pool = pool };
	int returned = USHER_OK;
	struct call_mark mark;

	call_begin(&call, env, scratch);
	mark = call_enter(&call, ADAPTER_PHASE_INIT);
	if (adapter->init)
		returned = adapter->init(call.public.host, &call.public,
					 state_r);
	*owes_fini_r = returned == USHER_OK;
	if (call_leave(&call, &mark, returned) && returned == USHER_OK)
		return ERR_OK;
	add_init_problem(&call, returned, problem);
	return ERR_UNSUPPORTED;
}
