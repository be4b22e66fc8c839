/*
 * key-source: a tenant's keys that its partner publishes by URL (jwks_url).
 *
 * A snapshot never changes, and keys come and go without a reload.  So what
 * stands in a tenant is a source, and the source holds the set that is good
 * now: immutable, counted, swapped whole under a lock that is held for a few
 * instructions.  Who verifies takes a reference and gives it back; a set lives
 * as long as somebody verifies with it.  Snapshots in which the tenant has the
 * same URL share one source, so that a reload loses neither keys nor schedule.
 *
 * When it is fetched: at the start, then after what Cache-Control says, but
 * within KEYS_TTL_MIN_S and KEYS_TTL_MAX_S; after a failure sooner; and when an
 * assertion names a kid that nobody has, once in KEYS_COOL_S.  The set of before
 * serves until another has come, and is kept on the disk for the next start.
 *
 * All functions from any thread, unless said otherwise.
 */
#ifndef CONFIG_KEY_SOURCE_H
#define CONFIG_KEY_SOURCE_H

#include "crypto/jwks.h"
#include "fetch/fetcher.h"

#define KEYS_TTL_S 3600		/* where the server does not say */
#define KEYS_TTL_MIN_S 300
#define KEYS_TTL_MAX_S 86400
#define KEYS_COOL_S 30
#define KEYS_RETRY_S 30		/* after a failure, twice that after the next,
				 * up to KEYS_TTL_MIN_S */
#define KEYS_CA_MAX 65536	/* octets of jwks_ca */

struct key_source;

/* With one reference.  Texts are copied; `ca` is PEM, or absent.  NULL: no
 * memory. */
struct key_source *key_source_new(const struct url *url, struct str ca,
				  bool is_development);
struct key_source *key_source_ref(struct key_source *source);
void key_source_unref(struct key_source *source);	/* accepts NULL */
/* Would a new one be the same? */
bool key_source_is(const struct key_source *source, const struct url *url,
		   struct str ca, bool is_development);

/* The set that is good now, with a reference; NULL: none has come yet. */
struct jwks *key_source_keys(struct key_source *source);
/*
 * An assertion names a kid that nobody has.  True: a fetch is under way, or
 * begins in a moment; false: one has just been made for such a kid.
 */
bool key_source_want(struct key_source *source);

/* How it does. Times are the wall clock's, 0: never. */
struct key_source_report {
	struct str url;			/* lives as long as the source */
	unsigned keys;
	int64_t fetched_ms;		/* the last good answer */
	int64_t failed_ms;		/* the last other one */
	unsigned failures;		/* since the last good one */
	char problem[FETCH_WHY_MAX + 64];	/* of them; "": there is none */
};
void key_source_report(struct key_source *source,
		       struct key_source_report *out_r);

/* ---- for who fetches: one thread ----------------------------------------- */

/*
 * Is it time?  Then it counts as under way, and *request_r is what to ask
 * (whose done and ctx are the caller's to fill in; it lives as long as the
 * source is left alone).
 */
bool key_source_begin(struct key_source *source, int64_t mono_ms,
		      struct fetch_request *request_r);
/* It could not even be asked: later. */
void key_source_put_off(struct key_source *source, int64_t mono_ms);

enum key_news {
	KEYS_SAME,		/* the answer was good, and nothing is new */
	KEYS_NEW,		/* another set serves */
	KEYS_FAILED,		/* as before */
	KEYS_FAILED_ANEW,	/* for a reason that is new */
};
enum key_news key_source_settle(struct key_source *source,
				const struct fetch_answer *answer,
				int64_t mono_ms);

/*
 * The file of the last good set, mode 0600 and replaced whole:
 *
 *	usher-jwks 1
 *	the URL
 *	the ETag, or an empty line
 *	the set as it came
 *
 * When it was fetched is the file's time of change.  A set of another URL, or
 * one that does not hold, is not taken: ERR_CONFLICT, ERR_SYNTAX, ERR_LIMIT;
 * ERR_NOT_FOUND, ERR_IO, ERR_NOMEM.  Once for each source, before it serves:
 * later nothing is read.
 */
enum err key_source_load(struct key_source *source, const char *path);
/* What just came. `is_same`: only that it was good again. ERR_IO. */
enum err key_source_save(struct key_source *source, const char *path,
			 struct str body, bool is_same);

#endif
