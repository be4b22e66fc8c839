/*
 * usher/adapter.h: what an adapter and the usher gateway agree on.
 *
 * An adapter is one shared object that belongs to one tenant's configuration.
 * It may map the fields that a partner posts, change what is stored about a
 * user, refuse a sign-in, choose where the user goes, and send the user on to
 * a desk elsewhere.  It includes this header, needs nothing but libc, and
 * exports one symbol:
 *
 *	const struct usher_adapter *usher_adapter_entry(void);
 *
 * which USHER_ADAPTER_DEFINE() writes:
 *
 *	static int map_fields(void *state, struct usher_call *call)
 *	{
 *		struct usher_str plan;
 *
 *		(void)state;
 *		if (call->host->get(call, USHER_FIELD, "plan", &plan))
 *			return USHER_DECLINE;
 *		if (call->host->set_attribute(call, "plan", plan.ptr, plan.len))
 *			return USHER_FAIL;
 *		return USHER_OK;
 *	}
 *
 *	USHER_ADAPTER_DEFINE(.name = "acme", .version = "1.0",
 *			     .map_fields = map_fields)
 *
 * Memory.  What the host hands in is the host's, terminated with a NUL that
 * the length does not count, and valid until the hook returns (in init: until
 * init returns).  What the adapter hands out is copied before the function
 * returns.  Neither side ever frees memory of the other.
 *
 * Threads.  A state is never entered by two threads at once, but there are
 * several states (one for each worker), and one loaded file may serve several
 * tenants: keep what changes in the state, never in a static variable.
 * Hooks may be called on a thread other than the one that ran init.  An
 * adapter starts no threads, installs no signal handlers, registers no atexit
 * or thread-exit handlers, and never blocks.
 *
 * Text.  All text is UTF-8 without control characters (U+0000 to U+001F,
 * U+007F to U+009F), both ways, unless said otherwise.
 *
 * Failing closed.  An output that the host refuses (too long, not UTF-8, in
 * the wrong hook ...) makes the whole call fail, even when the hook
 * then returns USHER_OK, unless the adapter refuses the request itself with
 * set_error(), set_deny() or USHER_DENY.  So a return value that was not
 * looked at never lets anybody through.
 *
 * Versions.  Struct sizes travel with the structs, and members are only ever
 * added at their ends.  An adapter built against this header loads in every
 * later gateway of the same USHER_ABI_MAJOR; one built against a newer
 * USHER_ABI_MINOR than the gateway's is refused with a message.
 *
 * C99, and C++11 or later.
 */
#ifndef USHER_ADAPTER_H
#define USHER_ADAPTER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define USHER_MAGIC 0x31485355u		/* "USH1" in memory, little endian */
#define USHER_ABI_MAJOR 1		/* must be the gateway's */
#define USHER_ABI_MINOR 0		/* must not be above the gateway's */
#define USHER_ENTRY_NAME "usher_adapter_entry"

/* Limits.  Lengths are in octets, without the terminating NUL. */
#define USHER_ADAPTER_NAME_MAX 64	/* descriptor: name, version */
#define USHER_NAME_MAX 128		/* of a field or an attribute */
#define USHER_VALUE_MAX 8192		/* of fields, attributes, form fields */
#define USHER_FIELDS_MAX 256		/* fields, or attributes, of one call */
#define USHER_ATTRIBUTES_MAX 128	/* set and deleted, one call */
#define USHER_URL_MAX 2048		/* set_redirect, set_post */
#define USHER_POST_FIELDS_MAX 32	/* set_post */
#define USHER_ERRORS_MAX 64		/* set_error, one call */
#define USHER_MESSAGE_MAX 512		/* text of set_error and set_deny */
#define USHER_CODE_MAX 64		/* set_deny's code, emit's event */
#define USHER_EVENTS_MAX 16		/* emit, one call */
#define USHER_EVENT_MAX 8192		/* JSON of one event */
#define USHER_OUTPUT_MAX 65536		/* all outputs of one call together */
#define USHER_ALLOC_MAX 65536		/* alloc, one hook */
#define USHER_LOG_MAX 1024		/* one line; a longer one is cut */
#define USHER_LOG_LINES_MAX 32		/* one call; later ones are dropped */
#define USHER_CONFIG_KEY_MAX 256
#define USHER_CONFIG_VALUE_MAX 8192
#define USHER_CONFIG_MAX 1024		/* settings of one adapter */
#define USHER_SECRET_NAME_MAX 64
#define USHER_SECRETS_MAX 16
#define USHER_RANDOM_MAX 256		/* random_bytes, one time */
#define USHER_MAC_LEN 32		/* hmac_sha256 */

/* What a hook returns.  Anything else counts as USHER_FAIL. */
enum usher_result {
	USHER_OK = 0,
	/*
	 * The gateway's default applies: what this hook set (attributes,
	 * fields, redirect, events) is dropped; errors and a denial stand.
	 */
	USHER_DECLINE = 1,
	USHER_DENY = 2,		/* refused: 403, see set_deny */
	USHER_FAIL = -1		/* the adapter could not do its work: 502 */
};

/* What functions of the host return: 0, or one of these. */
enum usher_error {
	USHER_E_NOTFOUND = -1,	/* no such thing; not a refused output */
	USHER_E_LIMIT = -2,	/* over one of the limits above */
	USHER_E_INVAL = -3,	/* malformed: text, name, JSON, URL */
	USHER_E_PHASE = -4,	/* not in this hook */
	USHER_E_NOMEM = -5,
	USHER_E_EXISTS = -6,	/* set_field: there already; no refused output */
	USHER_E_FAILED = -7	/* the host could not do it */
};

enum usher_log_level {
	USHER_LOG_DEBUG = 0,
	USHER_LOG_INFO = 1,
	USHER_LOG_WARN = 2,
	USHER_LOG_ERROR = 3
};

/* Where get, at and type look. */
enum usher_kind {
	/*
	 * What the partner sent, or what a signed assertion said in its place,
	 * and what set_field supplied.  None in deliver.
	 */
	USHER_FIELD = 0,
	/* What is stored about the user, with what this call changed so far.
	 * A user who is new has none. */
	USHER_ATTRIBUTE = 1,
	/*
	 * What the gateway knows; one that does not apply is not found:
	 *	tenant.slug tenant.name tenant.url tenant.home
	 *	tenant.dashboard   absolute URL
	 *	request.id         unique
	 *	identity           "signed" or "unsigned"
	 *	user.id user.email user.name user.external_id
	 *	                   in deliver always (external_id where there
	 *	                   is one), at the handoff what is known yet
	 *	redirect_url       where the user is to go, when that is known
	 */
	USHER_INFO = 2,
	/*
	 * Those of the fields that a verified assertion vouches for: all that
	 * it said, its registered claims left out.  What else a signed request
	 * holds, whoever sent it added.  None of an unsigned one; none in
	 * deliver.
	 */
	USHER_CLAIM = 3
};

/* What type returns. */
enum usher_type {
	USHER_TEXT = 0,
	USHER_JSON = 1		/* a nested array or object, as compact JSON */
};

/* Borrowed bytes.  From the host: ptr[len] is NUL. */
struct usher_str {
	const char *ptr;
	size_t len;
};

/* A name and its value, for set_post. */
struct usher_pair {
	struct usher_str name, value;
};

struct usher_host;

/*
 * One call of a hook: hand it back to each function of the host.  Valid until
 * the hook returns.  More follows than is shown here: never copy one.
 */
struct usher_call {
	const struct usher_host *host;
};

/*
 * The host's functions.  One table for the life of the adapter; later minor
 * versions append (ask with USHER_HAS).  Pointers marked "out" are left alone
 * on failure.  Hooks that may call a function stand in brackets; elsewhere it
 * returns USHER_E_PHASE.  "handoff" is map_fields, sync_user, choose_redirect.
 */
struct usher_host {
	uint32_t struct_size;
	uint16_t abi_major, abi_minor;
	const char *name;		/* "usher" */
	const char *version;		/* of the gateway, for people */

	/*
	 * [all] A line in the gateway's log, under the tenant's name.  Neither
	 * secrets nor personal data (addresses, names) belong there.  Text that
	 * is not UTF-8 or holds control characters is shown escaped.
	 */
	void (*log)(struct usher_call *call, int level, const char *text,
		    size_t len);

	/*
	 * [all] A setting of the tenant's `adapter.config`.  Groups and lists
	 * are flattened: keys are joined with dots, list elements numbered from
	 * 0 ("company.from", "plans.0.url").  true and false are "true" and
	 * "false", numbers their decimal text.  USHER_E_NOTFOUND.
	 */
	int (*config)(struct usher_call *call, const char *key,
		      struct usher_str *value /* out */);
	/* [all] The index'th setting, from 0, in the order of the file.
	 * USHER_E_NOTFOUND past the last one. */
	int (*config_at)(struct usher_call *call, uint32_t index,
			 struct usher_str *key /* out */,
			 struct usher_str *value /* out */);

	/*
	 * [all] Zeroed memory, aligned for any type, gone when the hook
	 * returns. NULL past USHER_ALLOC_MAX.
	 */
	void *(*alloc)(struct usher_call *call, size_t size);

	/* [all] Wall clock: milliseconds since 1970-01-01T00:00:00Z, the same
	 * value throughout the call. */
	int64_t (*now)(struct usher_call *call);
	/* [all] Milliseconds left for this call; 0 or less when it is late. */
	int64_t (*deadline)(struct usher_call *call);
	/* [all] `size` unpredictable bytes (1 to USHER_RANDOM_MAX).
	 * USHER_E_LIMIT, USHER_E_FAILED. */
	int (*random_bytes)(struct usher_call *call, void *out, size_t size);
	/*
	 * [all] HMAC-SHA-256 (RFC 2104) of `data`, keyed with the secret of
	 * that name from the tenant's `adapter.secrets`.  The secret itself is
	 * never shown.  USHER_E_NOTFOUND, USHER_E_FAILED.
	 */
	int (*hmac_sha256)(struct usher_call *call, const char *secret,
			   const void *data, size_t len,
			   unsigned char mac[USHER_MAC_LEN] /* out */);

	/*
	 * [all] What two addresses, or two host names, are compared by: the
	 * case folded and composed (Unicode 14.0's case folding and form C, so
	 * "JOSÉ" and "josé" are one however the letter is composed, and a
	 * final sigma is a sigma), the domain as A-labels (IDNA 2008, so
	 * "Bücher.example" is "xn--bcher-kva.example").  The key of an address
	 * whose local part has another character than ASCII has one, too: no
	 * look-alike of an ASCII address has its key.  Keys do not depend on
	 * the system or its libraries.  Up to release 0.1 local parts were in
	 * small letters alone: make stored keys that are not ASCII anew.
	 * White space around is left out, as it is where the gateway reads a
	 * field.  In the arena.  USHER_E_INVAL for
	 * what the gateway takes for no address or no host name, USHER_E_NOMEM.
	 */
	int (*email_key)(struct usher_call *call, const char *email,
			 size_t len, struct usher_str *key /* out */);
	int (*domain_key)(struct usher_call *call, const char *domain,
			  size_t len, struct usher_str *key /* out */);

	/*
	 * [handoff, deliver] The value of that name; `kind` is one of enum
	 * usher_kind.  USHER_E_NOTFOUND, USHER_E_INVAL (unknown kind),
	 * USHER_E_NOMEM.
	 */
	int (*get)(struct usher_call *call, int kind, const char *name,
		   struct usher_str *value /* out */);
	/* [handoff, deliver] The index'th, from 0.  Errors as get.  The order
	 * may change when this call sets or deletes something. */
	int (*at)(struct usher_call *call, int kind, uint32_t index,
		  struct usher_str *name /* out */,
		  struct usher_str *value /* out */);
	/* [handoff, deliver] One of enum usher_type, or an error as get. */
	int (*type)(struct usher_call *call, int kind, const char *name);

	/*
	 * [map_fields] Supply the field "email" or "name" of a request that
	 * left it out (absent or empty).  It is validated like one that was
	 * posted.  USHER_E_EXISTS where the request has it, or where the user
	 * was named by a signed assertion; USHER_E_INVAL for any other name.
	 */
	int (*set_field)(struct usher_call *call, const char *name,
			 const char *value, size_t len);
	/*
	 * [map_fields, sync_user] Store an attribute of the user, in place of
	 * one of that name.  Those not named stay as they are.  Names: a letter
	 * or '_', then letters, digits, '_', '.', '-'; not "__proto__", which
	 * a page's script would take for an object's prototype.
	 */
	int (*set_attribute)(struct usher_call *call, const char *name,
			     const char *value, size_t len);
	/* [map_fields, sync_user] Remove one, stored or set before.
	 * USHER_E_NOTFOUND where none is to be seen; of a user that the gateway
	 * did not know from the request (no "user.id"), one that turns out to
	 * be stored is removed all the same. */
	int (*del_attribute)(struct usher_call *call, const char *name);
	/*
	 * [choose_redirect, deliver] Where the user goes: an absolute https URL
	 * (or http where the gateway allows that).  The last set_redirect or
	 * set_post counts.  The gateway checks it against the tenant's
	 * `redirects` before it is used.
	 */
	int (*set_redirect)(struct usher_call *call, const char *url,
			    size_t len);
	/*
	 * [deliver] Send the user on by a form that posts itself to `url` with
	 * these fields.  Names and values as for attributes, but any text
	 * may be a name.
	 */
	int (*set_post)(struct usher_call *call, const char *url, size_t len,
			const struct usher_pair *fields, uint32_t count);
	/*
	 * [init, handoff] At the handoff: a field is not acceptable: 422 with
	 * `text` ("The plan field is required.") under the field's name;
	 * several per field and several fields may be given, and the answer
	 * shows all. In init: a setting is not acceptable; `field` is its key;
	 * return USHER_FAIL too.
	 */
	int (*set_error)(struct usher_call *call, const char *field,
			 const char *text, size_t len);
	/*
	 * [handoff, deliver] Refuse: 403 with `reason`, which the user gets to
	 * see.  `code` is stable, for programs: a small letter, then
	 * small letters, digits, '_'.  The refusal stands whatever the hook
	 * returns, and even when this returns an error; USHER_DENY without it
	 * says "denied".  The first one counts.
	 */
	int (*set_deny)(struct usher_call *call, const char *code,
			const char *reason, size_t len);
	/*
	 * [handoff, deliver] An event for the tenant's webhooks, sent at least
	 * once after the user has arrived; dropped where they never do, where
	 * no webhook of the tenant names it, or where its outbox is full.
	 * `event` is named as codes are, '.' allowed too, and arrives as
	 * "adapter." and that name.  `json` is one JSON object (RFC 8259),
	 * member names unique, strings without control characters.
	 */
	int (*emit)(struct usher_call *call, const char *event,
		    const char *json, size_t len);
};

/* Does this host have that function? `USHER_HAS(call->host, emit)` */
#define USHER_HAS(table, member)					\
	((table)->struct_size >= offsetof(struct usher_host, member) +	\
	 sizeof((table)->member) && (table)->member)

/*
 * A flag of the descriptor: the author's word that the adapter only advises.
 * None of its hooks refuses anybody, neither with USHER_DENY nor with
 * set_deny() or set_error(), so that a sign-in without its say is no sign-in
 * too many.  An operator may then write `on_failure = "default"`, and a call
 * that fails, is late or cannot be made is as if the tenant had no adapter:
 * nothing of what it set in that call counts, the partner's wish or the
 * dashboard is where the user goes, and where deliver failed a session of the
 * gateway's own is opened.  It is logged and counted each time.  Without the
 * flag such a setting does not load, and with sync_user, which is a decision,
 * the flag does not.  A refusal is honoured with or without it, but nobody
 * hears the refusals of a process that is down.
 */
#define USHER_ADVISORY 0x1u

/*
 * The descriptor.  It and all it points to are constant and live as long as
 * the module.  Every hook may be left out (NULL): the gateway's default
 * applies.
 */
struct usher_adapter {
	uint32_t magic;			/* USHER_MAGIC */
	uint32_t struct_size;		/* sizeof(struct usher_adapter) */
	uint16_t abi_major, abi_minor;	/* USHER_ABI_MAJOR, USHER_ABI_MINOR */
	uint32_t flags;			/* 0, or USHER_ADVISORY */
	const char *name;		/* letters, digits, '_', '-', '.' */
	const char *version;		/* text for people */

	/*
	 * Once for each state, before its first hook: read the settings, check
	 * them, and leave in *state what the hooks need (it is NULL before).
	 * Anything but USHER_OK is a failed load, shown to the operator with
	 * what set_error said; fini is then not called, and what init took it
	 * gives back itself.
	 */
	int (*init)(const struct usher_host *host, struct usher_call *call,
		    void **state);
	/* Once for each state that init made, after its last hook. */
	void (*fini)(void *state);
	/*
	 * At the handoff these three run one after the other, before the
	 * gateway checks anything.  What they decide is stored when the user
	 * arrives, within two minutes, or not at all.  The first that refuses
	 * or fails is the last to run.
	 *
	 * map_fields: from posted fields to attributes, e-mail address and
	 * name; checks of fields.
	 */
	int (*map_fields)(void *state, struct usher_call *call);
	/* May this user enter, and what is stored about them? */
	int (*sync_user)(void *state, struct usher_call *call);
	/* Where does the user go?  Takes the place of what the partner asked
	 * for; USHER_DECLINE leaves it to that. */
	int (*choose_redirect)(void *state, struct usher_call *call);
	/*
	 * When the token is redeemed in the user's browser: send the user on to
	 * a foreign desk with set_redirect or set_post, in place of a session
	 * of the gateway's own.  USHER_DECLINE, or neither of the two: that
	 * session.
	 */
	int (*deliver)(void *state, struct usher_call *call);
};

#if defined(__GNUC__) || defined(__clang__)
#define USHER_EXPORT __attribute__((visibility("default"), used))
#else
#define USHER_EXPORT
#endif

/* The descriptor's first members, up to and with `flags`. */
#define USHER_ADAPTER_HEAD(flags)					\
	USHER_MAGIC, (uint32_t)sizeof(struct usher_adapter),		\
	USHER_ABI_MAJOR, USHER_ABI_MINOR, (flags)

USHER_EXPORT const struct usher_adapter *usher_adapter_entry(void);

/*
 * Defines the descriptor and the entry; the arguments after the flags are the
 * rest of its initialiser, from `name` on: `.name = "acme", ...` in C; in C++
 * before 20 in their order: "acme", "1.0", init, fini, ...
 */
#define USHER_ADAPTER_DEFINE_FLAGS(flags, ...)				\
	USHER_EXPORT const struct usher_adapter *usher_adapter_entry(void) \
	{								\
		static const struct usher_adapter usher_adapter_ = {	\
			USHER_ADAPTER_HEAD(flags), __VA_ARGS__		\
		};							\
		return &usher_adapter_;					\
	}

/* The same without flags. */
#define USHER_ADAPTER_DEFINE(...) USHER_ADAPTER_DEFINE_FLAGS(0, __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif
