/*
 * exchange: one request under way, from its parsed head to its answer.
 *
 * http/ (or a test) makes one, fills in the request, chooses a list of steps
 * and runs it.  A step returns STEP_NEXT, STEP_ANSWER (the answer is set) or
 * STEP_WAIT: somebody else goes on (the store's writer, an adapter), and calls
 * ex->wake() when it is done, from any thread.  The owner then calls
 * exchange_run() again on the exchange's own thread, which continues with the
 * waiting step's `resume`.  So the code of each step is straight-line, no
 * thread ever blocks, and the same lists run in tests without a socket.
 *
 * An exchange and all it points to belong to one worker's thread; only
 * ex->wake() may be called from another.
 */
#ifndef HANDOFF_EXCHANGE_H
#define HANDOFF_EXCHANGE_H

#include <stdint.h>

#include "base/codes.h"
#include "base/pool.h"
#include "base/str.h"
#include "codec/fields.h"
#include "codec/ip.h"
#include "config/snapshot.h"
#include "policy/body-mistake.h"
#include "policy/ratelimit.h"
#include "policy/refusals.h"
#include "policy/strangers.h"
#include "policy/tally.h"
#include "store/store.h"

#define EXCHANGE_POOL_MAX (256 * 1024)	/* bytes a request may take */
#define REQUEST_BODY_MAX (16 * 1024)	/* octets, unless the list says more */
#define REQUEST_TEXT_MAX (32 * 1024)	/* the same, of what people write */
#define REQUEST_PARAMS_MAX 2
#define REQUEST_HEADERS_MAX 64
#define ANSWER_HEADERS_MAX 32
#define TRAIL_MAX 24			/* steps of one exchange */
#define REQUEST_ID_LEN 26		/* a ULID */
/*
 * How long a client waits for the store: then they are told to come back
 * (exchange_late()).  What was to be written may be written yet.
 */
#define EXCHANGE_STORE_MS 5000

/*
 * A pause (exchange_pause()), and how many exchanges of a gateway may have one
 * at a time: each holds a connection that does nothing.
 */
#define EXCHANGE_PAUSE_MS 300
#define EXCHANGE_PAUSED_MAX 256

enum method {
	METHOD_GET,
	METHOD_HEAD,
	METHOD_POST,
	METHOD_OPTIONS,
};

struct header {
	struct str name, value;
};

/* What came in. All slices outlive the exchange's run. */
struct request {
	enum method method;
	struct str path;		/* raw: nothing decoded */
	struct str query;		/* without '?'; absent: none */
	struct str params[REQUEST_PARAMS_MAX];	/* of the route, raw:
						 * {tenant}, {number} */
	const struct header *headers;
	unsigned header_count;
	struct str host;		/* of Host: lower case, no port */
	uint16_t port;			/* of the Host header; 0: none given */
	bool is_tls;
	struct ip peer;			/* the socket's address */
	struct str body;
	bool is_body_too_large;		/* then `body` is empty */
	/* octets that the answer's header lines may have; 0: any number */
	size_t answer_room;
};

/* What goes out. Slices live in the exchange's pool or are constant. */
struct answer {
	int status;			/* 0: none yet */
	struct header headers[ANSWER_HEADERS_MAX];
	unsigned header_count;
	struct str body;
	bool is_overfull;		/* private: a header did not fit */
};

enum step_result {
	STEP_NEXT,
	STEP_ANSWER,
	STEP_WAIT,
};

struct exchange;
struct selftest;

struct step {
	const char *name;		/* NULL ends a list */
	enum step_result (*run)(struct exchange *ex);
	/* after STEP_WAIT; NULL where that cannot be */
	enum step_result (*resume)(struct exchange *ex);
};

/* A list, and what applies to all of its answers. */
struct steps {
	const char *name;		/* for metrics and the trail */
	const struct step *list;
	const struct step *then;	/* goes on with these, which other lists
					 * go on with as well; NULL: nothing */
	const struct step *last;	/* ... and with these; NULL: nothing */
	/* of a rehearsal (ex->rehearsal): what becomes of a step's result,
	 * STEP_NEXT or STEP_ANSWER */
	enum step_result (*settle)(struct exchange *ex,
				   enum step_result result);
	bool is_audited;		/* its trail is kept */
	bool are_refusals_audited;	/* ... that of its refusals alone */
	/* for a request that is refused before the first step (and only where
	 * the host is known): headers that each answer of the list has */
	void (*refused)(struct exchange *ex);
	/* inside a partner's frame: sessions are of that kind */
	bool is_embedded;
	size_t body_max;		/* octets; 0: REQUEST_BODY_MAX */
};

struct trail_entry {
	const char *step;
	const char *verdict;		/* "next", "token_used" ... */
	const char *why;		/* NULL: nothing more to say */
	int64_t ns;			/* spent in it, waiting included */
};

struct desk_cache;

/* What all exchanges share; owned by main (or a test). */
struct gateway {
	struct snapshot_slot *snapshots;
	struct store *store;
	struct ratelimit *limiter;
	struct refusals *refusals;	/* which are on record; NULL: all */
	struct strangers *strangers;	/* whom lists of origins refused;
					 * NULL: that is not kept */
	struct strangers *unvouched;	/* ... and who brought no assertion that
					 * holds: enum vouch_lack */
	struct tally *tally;		/* what assertions were worth, by
					 * vouch_kind(); NULL: that is not
					 * kept */
	struct desk_cache *desk_cache;	/* desk/cache.h; NULL: none */
	_Atomic unsigned paused;	/* exchanges, now */
	/* the end is near: what has come is served, each connection ends with
	 * its answer, and /readyz says so */
	_Atomic bool is_draining;
	_Atomic bool is_stopping;	/* refuse new work with 503 */
};

enum exchange_state {
	EXCHANGE_DONE,			/* the answer is set, always */
	EXCHANGE_WAITING,
};

#define EXCHANGE_MAGIC 0x45786368u	/* base/invariant.h */

struct exchange {
	uint32_t magic;
	struct pool *pool;
	struct gateway *gateway;
	struct snapshot *snapshot;	/* pinned */
	unsigned worker;		/* index: reader, adapter state */
	struct db *reader;		/* the worker's */
	char id[REQUEST_ID_LEN + 1];	/* X-Request-Id */
	int64_t start_ms;		/* steady clock */
	struct request request;
	struct answer answer;

	/* set by http/: called once per STEP_WAIT, from any thread */
	void (*wake)(struct exchange *ex);
	void *owner;

	/* what the steps found */
	struct ip client;
	const struct host *host;	/* that the request asked for */
	const struct tenant *tenant;
	struct adapter *adapter;	/* pinned: exchange_adapter() */
	const struct tenant *adapter_of;/* ... and whose it is */
	const char *code;		/* the answer's, by answer_code() and
					 * its like below; NULL: none */
	const char *verdict;		/* of the running step, in place of
					 * "next" or the code; constant */
	const char *why;		/* what made it fail, for the trail;
					 * NULL: nothing more to say.  Outlives
					 * the exchange's run */
	struct str attributes;		/* of whose session this request
					 * carries: JSON; absent: of nobody's */
	struct str hint;		/* for the maker of the page that
					 * asked: the refusal tells it beside
					 * its message; absent: none.  Outlives
					 * the exchange's run */
	/* on record as a refusal, within the budget of those, whatever the
	 * status: the browser will not let the page go on */
	bool is_refusal;
	/* whom the record is about, by their tags alone (store/audit-pack.h):
	 * the address as compared, where a step knew it (else it is the one in
	 * `fields`); the external id; the token's jti, NULL: none yet.  Outlive
	 * the exchange's run */
	struct str person, subject;
	const uint8_t *jti;		/* REDEMPTION_JTI_LEN octets */
	struct fields fields;		/* of the body */
	struct str near[BODY_PURPOSES];	/* the body's fields that may have been
					 * meant for what is missing */
	void *work;			/* the running list's own state */
	/* NULL, or the steps are run to see what they would say: nothing that
	 * they do may be seen afterwards, in the store, the counters or the
	 * budgets.  Refusals render nothing: `told` is their message */
	struct selftest *rehearsal;
	const char *told;

	/* private to exchange.c */
	const struct steps *steps;
	const struct step *step;
	const struct step *then, *last;	/* what follows its list; NULL:
					 * nothing */
	bool is_waiting;
	bool is_storing;		/* waits for the store's writer */
	bool is_paused;			/* waits for the time to pass */
	int64_t step_ns;
	struct trail_entry trail[TRAIL_MAX];
	unsigned trail_count;
	int audited_status;		/* what a business job took along */
	const char *audited_code;
};

/*
 * Takes its own reference on the running snapshot, draws the request id and
 * takes the worker's reader connection.  NULL: no memory, or no random bytes.
 */
struct exchange *exchange_new(struct gateway *gateway, unsigned worker);
/* Never while it waits. Accepts NULL. */
void exchange_free(struct exchange *ex);
/*
 * The tenant's adapter, one and the same throughout the exchange: where the
 * configuration's own still starts, the one that stands in for it. NULL: the
 * tenant has none.
 */
struct adapter *exchange_adapter(struct exchange *ex);
/*
 * Choose the list; the request is filled in by now.  Headers that the answer
 * has already stay (`Allow` of a 405).
 */
void exchange_begin(struct exchange *ex, const struct steps *steps);
/*
 * Start the list, or go on after a wake.  Before the first step `host` and
 * `client` are found: an unknown host is answered 421, new work while
 * the gateway stops 503.  With EXCHANGE_DONE there is an answer in any case (a
 * list that ended without one gives a 500), and it carries X-Request-Id,
 * Cache-Control: no-store (unless a step set another), Referrer-Policy:
 * no-referrer, with a body X-Content-Type-Options: nosniff and, off loopback,
 * HSTS.
 */
enum exchange_state exchange_run(struct exchange *ex);

/*
 * Wait for EXCHANGE_PAUSE_MS, with STEP_WAIT: nobody calls ex->wake(), the owner
 * goes on by itself when the time has come, or the end has.  false, and nothing
 * began: too many pause already, or the gateway is about to end.
 */
bool exchange_pause(struct exchange *ex);
/* Is that what it waits for? */
bool exchange_is_paused(const struct exchange *ex);

/* STEP_WAIT, where it is the store's writer that goes on. */
enum step_result exchange_await_store(struct exchange *ex);
/* Is that what it waits for? */
bool exchange_is_storing(const struct exchange *ex);
/*
 * For a client who has waited for the store for EXCHANGE_STORE_MS: an exchange
 * of its own that ends in their answer, 503 with Retry-After, the headers that
 * were set before, and the same request id.  `ex` stays as it is and goes on
 * with its wake; nothing is sent of it any more.  NULL: no memory.
 */
struct exchange *exchange_late(const struct exchange *ex);

/*
 * A record of the trail so far, for the business job that the running step is
 * about to submit; NULL when the list is not audited (or there is no memory).
 * Once the job is done with it, exchange_audited() says so; otherwise, or when
 * the answer then turns out to be another one, the audit is written, unawaited,
 * at the end of the list.
 */
const struct audit_record *exchange_audit(struct exchange *ex, int status,
					  const char *code);
void exchange_audited(struct exchange *ex, int status, const char *code);

/* The value of the only header of that name (ASCII case ignored): 1; 0 when
 * there is none; -1 when there are several (*value_r is then the first). */
int request_header(const struct request *request, const char *name,
		   struct str *value_r);
/* A browser's navigation, rather than a program (codec/media.h). */
bool request_prefers_html(const struct request *request);

/*
 * Name and value must outlive the exchange's run.  A header too many, or an
 * absent value, is a defect (or a want of memory) and turns the answer into a
 * 500.
 */
void answer_header(struct exchange *ex, const char *name, struct str value);
void answer_header_num(struct exchange *ex, const char *name, int64_t value);
/* Vary, behind what it says already. */
void answer_vary(struct exchange *ex, struct str name);
/* answer_header_num() in the place of the one that is set already. */
void answer_replace_num(struct exchange *ex, const char *name, int64_t value);
/* Is it set already? */
bool answer_has(const struct exchange *ex, const char *name);
/* Do header lines of `more` octets fit, beside those that are set already and
 * the common ones?  A client with very many cookies may leave no room. */
bool answer_has_room(const struct exchange *ex, size_t more);

/*
 * "Cross-Origin-Resource-Policy: same-origin", unless a policy is set: no other
 * site may have the answer as an image or a script of theirs (Fetch standard,
 * section 3.7).  What CORS lets a partner's fetch() read is not concerned, nor
 * is a frame's own.
 */
void answer_for_own(struct exchange *ex);

/*
 * The answers below return STEP_ANSWER.  Headers that were set before stay.
 *
 * An error: JSON {"message": ..., "code": ...}, with a member "hint" where
 * ex->hint is set, or, for a client that prefers HTML, a small page with the
 * request id and the way back.  The JSON is answer_for_own().  The status is
 * that of the code's line in base/codes.def; `message` outlives the exchange's
 * run.
 */
enum step_result answer_error(struct exchange *ex, enum code code,
			      const char *message);
/* The same with `json` (a whole object, which names the code) as the body. */
enum step_result answer_error_json(struct exchange *ex, enum code code,
				   const char *message, struct str json);
/* 403 with the code of the tenant's adapter; it outlives the run, too. */
enum step_result answer_denied(struct exchange *ex, const char *code,
			       const char *message);
/* The code alone, for the trail and the log: the answer is set by others. */
void answer_code(struct exchange *ex, enum code code);
/*
 * A lower floor could not: 503 with Retry-After, or 500 for a defect.  The trail
 * says why, unless ex->why does: err_text(), or of a store that is in trouble
 * "store disk_full: ..." (store/health.h).
 */
#define EXCHANGE_STORE_WHY "store "
enum step_result answer_failure(struct exchange *ex, enum err err);
/* 302 or 303 with no body. */
enum step_result answer_redirect(struct exchange *ex, int status,
				 struct str location);
/* application/json. */
enum step_result answer_json(struct exchange *ex, int status, struct str json);
/* No body. */
enum step_result answer_empty(struct exchange *ex, int status);

#endif
