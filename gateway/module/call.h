/*
 * call: one run of an adapter's hooks: what goes in, what comes out, and the
 * host's functions between the two.
 *
 * What comes out was checked against every limit of <usher/adapter.h>, for
 * UTF-8 and control characters, and copied; what an adapter could not have
 * meant makes the call fail instead of being passed over.
 */
#ifndef MODULE_CALL_H
#define MODULE_CALL_H

#include <stdint.h>

#include <usher/adapter.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/log.h"
#include "base/pool.h"
#include "base/str.h"
#include "codec/fields.h"

/* Text of adapter_call.problem, with its terminator. */
#define ADAPTER_PROBLEM_MAX 512

/* A flattened setting: "company.from" = "company_name". Terminated slices. */
struct adapter_setting {
	struct str key, value;
};

/* `value` may hold any bytes. */
struct adapter_secret {
	struct str name, value;
};

struct adapter_call;
struct adapter_step;

/* What the floors above lend: this one neither signs nor logs. */
struct adapter_services {
	/* HMAC-SHA-256, RFC 2104. */
	enum err (*hmac_sha256)(struct str key, const void *data, size_t len,
				unsigned char mac_r[32]);
	/* A line of an adapter's; `text` may hold anything. Any thread. May be
	 * NULL: dropped. */
	void (*log)(enum log_level level, struct str tenant, struct str adapter,
		    struct str text);
	/*
	 * What befell the process of an isolated adapter: `text` says more.
	 * Any thread.  May be NULL.
	 */
	void (*tell)(enum log_level level, const struct log_event *event,
		     struct str tenant, struct str text);
	/*
	 * Instead of `hmac_sha256`, where the secrets are elsewhere: what the
	 * adapter's hmac_sha256() does, with the name that it gave.  NULL: the
	 * secrets are in the env.
	 */
	int (*sign)(struct adapter_call *call, struct str secret,
		    const void *data, size_t len, unsigned char mac_r[32]);
	/*
	 * A line that the process of an isolated adapter wrote on standard
	 * error.  Any thread.  NULL: it goes to `log`, as a warning.
	 */
	void (*stray)(struct str tenant, struct str adapter, struct str text);
	/* So many lines of it on standard error were not taken: too many. Any
	 * thread. May be NULL. */
	void (*dropped)(struct str tenant, unsigned lines);
	/* Of a call with a trace: a hook begins, and has returned. May be
	 * NULL. */
	void (*step)(struct adapter_call *call,
		     const struct adapter_step *step);
};

/* What all calls of one adapter share; constant, owned by the adapter. */
struct adapter_env {
	const struct adapter_services *services;
	struct str tenant;		/* slug */
	struct str name;		/* the adapter's */
	const struct adapter_setting *settings;
	unsigned setting_count;
	const struct adapter_secret *secrets;
	unsigned secret_count;
	uint32_t deadline_ms;
	struct str directory;		/* its file's, with all others; absent
					 * in the process of its own */
	struct str file;		/* its file's name; likewise */
};

enum adapter_result {
	ADAPTER_OK,		/* the outputs count */
	ADAPTER_INVALID,	/* 422: `errors` */
	ADAPTER_DENIED,		/* 403: `deny_code`, `deny_reason` */
	ADAPTER_FAILED,		/* 502: `problem`, for the operator only */
	ADAPTER_TIMED_OUT,	/* 504 (isolated adapters) */
	ADAPTER_UNAVAILABLE,	/* 503 (isolated adapters) */
};

enum adapter_phase {
	ADAPTER_PHASE_NONE,
	ADAPTER_PHASE_INIT,
	ADAPTER_PHASE_MAP_FIELDS,
	ADAPTER_PHASE_SYNC_USER,
	ADAPTER_PHASE_CHOOSE_REDIRECT,
	ADAPTER_PHASE_DELIVER,
};

/* What a descriptor says of itself, beside its name and version. */
struct adapter_facts {
	unsigned abi_major, abi_minor;
	unsigned hooks;		/* 1 << enum adapter_phase of those it has */
	bool has_fini;
	bool is_advisory;	/* USHER_ADVISORY */
};

/* What one hook did: a line of a trace. */
struct adapter_step {
	enum adapter_phase phase;
	bool is_over;		/* the rest counts; else it did not return */
	int returned;
	int64_t took_ns;
	/* Made by it, and perhaps dropped after it. */
	unsigned changes, events, errors, lines;
	/* Octets that malloc has given out in its process, behind it; 0 where
	 * that is not known. */
	uint64_t heap;
};

#define ADAPTER_STEPS_MAX 3

/* The hooks of a call, one by one, for those who look on. */
struct adapter_trace {
	struct adapter_step steps[ADAPTER_STEPS_MAX];
	unsigned count;
};

/* Absent ones are not found by the adapter. */
struct adapter_info {
	struct str tenant_slug, tenant_name, tenant_url, tenant_home;
	struct str dashboard;
	struct str request_id;
	struct str identity;		/* "signed" or "unsigned" */
	struct str user_id, user_email, user_name, user_external_id;
	struct str redirect_url;
};

/* A change of an attribute; in the order of the adapter's doing. */
struct adapter_change {
	struct str name;
	struct str value;		/* absent: removed */
};

struct adapter_error {
	struct str field, text;
};

struct adapter_event {
	struct str name;		/* "adapter." and what it said */
	struct str json;		/* one object */
};

/* What get() and at() look at, made when first asked for; terminated slices. */
struct adapter_view {
	struct field *base, *v;		/* as handed in; with the changes */
	unsigned base_count, count;
	unsigned stamp;			/* of the changes that `v` shows */
	bool is_made;
};

struct adapter_call {
	struct usher_call public;	/* what the adapter sees; first */

	/* In: set by the caller, the rest zeroed; must outlive the call. */
	struct pool *pool;		/* outputs are copied into it */
	const struct fields *fields;	/* NULL: none */
	const struct fields *attributes;/* stored ones; NULL: none */
	const struct fields *claims;	/* those of `fields` that an assertion
					 * vouches for; NULL: none */
	struct adapter_info info;
	/*
	 * Fills in `attributes` and what `info` says of a user.  Called at most
	 * once, when the adapter first asks about either, and always by the
	 * thread that made the call.  NULL: they are there.  On failure the
	 * adapter is told that it failed, and nothing else.
	 */
	enum err (*look)(struct adapter_call *call);
	bool may_supply;		/* set_field: the request is unsigned */
	uint32_t spent_ms;		/* of the deadline, as the adapter sees
					 * it, before the call began */
	struct adapter_trace *trace;	/* written while the call runs; NULL:
					 * nobody looks on */
	void *owner;			/* the caller's own */

	/*
	 * Out; slices are terminated, in the pool.  Only `errors` count for
	 * ADAPTER_INVALID, only deny_* for ADAPTER_DENIED, only `problem` for
	 * the failures.
	 */
	enum adapter_result result;
	struct adapter_change *changes;
	unsigned change_count;
	struct str email, name;		/* supplied; absent: not */
	struct str redirect;		/* absent: not chosen; still to be
					 * checked against the tenant's policy
					 * */
	struct str post_url;		/* absent: no form */
	struct adapter_error *post_fields;	/* field = name, text = value */
	unsigned post_field_count;
	struct adapter_error *errors;
	unsigned error_count;
	struct str deny_code, deny_reason;	/* terminated */
	struct adapter_event *events;
	unsigned event_count;
	char problem[ADAPTER_PROBLEM_MAX];

	/* private to this room */
	const struct adapter_env *env;
	struct pool *scratch;		/* the arena of alloc() and of checks */
	enum adapter_phase phase;
	int64_t now_ms, start_mono_ms;
	size_t output_used, alloc_used;
	struct alloc_guard *guards;	/* of what alloc() gave, newest first */
	unsigned log_lines;
	bool is_refused;		/* an output was not accepted */
	const char *misplaced;		/* the first function that asked for
					 * something in init; NULL: none */
	bool is_lost;			/* a refusal by the adapter was not */
	bool is_denied;
	unsigned stamp;			/* counts changes and their undoing */
	struct adapter_view views[4];	/* by enum usher_kind */
	/* of a call that another process runs */
	struct list node;		/* of those to be called back */
	void (*done)(struct adapter_call *call);
	uint64_t look_id;		/* its id there, when that process
					 * wants to see the user; 0: not so */
};

/* Bytes that a scratch pool may hand out: the arena, and room for checks. */
#define CALL_SCRATCH_MAX (1024 * 1024)

/* Reset the outputs and the private part; the inputs stay. */
void call_begin(struct adapter_call *call, const struct adapter_env *env,
		struct pool *scratch);

/* Where the outputs stand, to go back to when a hook declines. */
struct call_mark {
	unsigned change_count, event_count;
	struct str email, name, redirect, post_url;
	struct adapter_error *post_fields;
	unsigned post_field_count;
};

/*
 * Before and after each hook.  call_leave() takes what the hook returned, sets
 * call->result and, when that is not ADAPTER_OK, drops the outputs that do not
 * count.  True: the next hook may run.
 */
struct call_mark call_enter(struct adapter_call *call,
			    enum adapter_phase phase);
bool call_leave(struct adapter_call *call, const struct call_mark *mark,
		int returned);

struct call_hook {
	enum adapter_phase phase;
	int (*run)(void *state, struct usher_call *call);	/* may be
								 * NULL */
};

#define CALL_HOOKS_MAX ADAPTER_STEPS_MAX

/* The hooks of the handoff or of deliver, in their order; how many. */
unsigned call_hooks(const struct usher_adapter *adapter, bool is_deliver,
		    struct call_hook hooks_r[CALL_HOOKS_MAX]);
/* Run them, after call_begin(), until one is the last. */
void call_run(struct adapter_call *call, void *state,
	      const struct call_hook *hooks, unsigned count);
/*
 * The adapter's init.  *owes_fini_r: it believes that all is well, so its fini
 * must run sooner or later, even when this fails.  ERR_UNSUPPORTED: *problem
 * gained a sentence.
 */
enum err call_init(const struct usher_adapter *adapter,
		   const struct adapter_env *env, struct pool *pool,
		   struct pool *scratch, void **state_r, bool *owes_fini_r,
		   struct buf *problem);

struct adapter_facts call_facts(const struct usher_adapter *adapter);
/* "map_fields" etc. */
const char *call_phase_name(enum adapter_phase phase);
/* "a, b and c", where "and" is the word; `phases` is of their bits. */
void call_add_phases(unsigned phases, const char *word, struct buf *out);
/* Hooks that have a user and their request. */
#define CALL_PHASES						\
	(1u << ADAPTER_PHASE_MAP_FIELDS |			\
	 1u << ADAPTER_PHASE_SYNC_USER |			\
	 1u << ADAPTER_PHASE_CHOOSE_REDIRECT |			\
	 1u << ADAPTER_PHASE_DELIVER)
/*
 * Into call->problem: "sync_user called set_redirect(), which only
 * choose_redirect and deliver may".  `phases`: 1 << enum adapter_phase each.
 */
void call_say_misplaced(struct adapter_call *call, enum adapter_phase phase,
			const char *function, unsigned phases);

#endif
