/*
 * strangers: pages that a tenant's list of origins refused lately, by the
 * Origin that came, for the operator.
 *
 * Of each tenant STRANGERS_KEPT origins are kept, each with how often, when
 * last, and at what.  They are in memory alone and go with the process; single
 * requests are in the audit.  Whoever provokes refusals may send any Origin:
 *
 * - What is no origin by its form counts as one, STRANGER_MALFORMED: nothing
 *   else of it is kept.
 * - One client holds STRANGERS_OF_CLIENT of a tenant's places at most with
 *   origins that it showed first.  With one more, its own oldest one goes that
 *   nobody else has shown.
 * - In a full table the one goes that was not shown for longest, of those that
 *   a single client showed.  What two clients have shown stays; so may
 *   STRANGERS_SHARED of the places, each until it was not shown for
 *   STRANGERS_STALE_MS.
 * - What finds no place is counted all the same.
 *
 * A client is an IPv4 address or an IPv6 /64.  Any thread; its lock is held for
 * a walk over one tenant's places.
 */
#ifndef POLICY_STRANGERS_H
#define POLICY_STRANGERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "codec/ip.h"

#define STRANGERS_KEPT 16		/* of a tenant */
#define STRANGERS_SHARED 12
#define STRANGERS_OF_CLIENT 4
#define STRANGERS_STALE_MS (24 * 60 * 60 * INT64_C(1000))
#define STRANGERS_ORIGIN_MAX 200	/* octets */
#define STRANGERS_TENANTS_MAX 20000
#define STRANGERS_HEADER_MAX 64		/* octets of a header's name */

/* What stands in place of an origin. */
#define STRANGER_NONE "(none)"		/* no Origin came */
#define STRANGER_SEVERAL "(several)"	/* more than one */
#define STRANGER_MALFORMED "(malformed)"

/* At what a page was refused; a set of them. */
enum stranger_kind {
	STRANGER_POST = 1,		/* a sign-in that it posted */
	STRANGER_PREFLIGHT = 2,		/* a browser asked for its script */
	STRANGER_READ = 4,		/* the answer to its script */
	STRANGER_FRAME = 8,		/* the frame around which it stands */
	STRANGER_OWN = 16,		/* what only our own pages may ask for,
					 * whatever the list says */
	STRANGER_HEADER = 32,		/* a header that its script adds, its
					 * origin being one of the list */
};
#define STRANGER_KINDS 6

struct stranger {
	char origin[STRANGERS_ORIGIN_MAX + 1];
	uint64_t count;
	int64_t last_ms;		/* steady clock */
	unsigned kinds;
	bool is_shared;			/* more than one client showed it */
	char header[STRANGERS_HEADER_MAX + 1];	/* the last; "": none */
};

struct strangers;

/*
 * What is kept of an Origin: itself where it has the form of one (a scheme,
 * "://", a host and maybe a port; or "null"), else one of the words above.
 * `headers` is how many there were.  A slice of `origin`, or constant.
 */
struct str stranger_shown(struct str origin, unsigned headers);

/* NULL: no memory. */
struct strangers *strangers_new(void);
/* Accepts NULL. */
void strangers_free(struct strangers *strangers);
/* `kind` is of enum stranger_kind, or a bit of a list's own.
 * Without memory only the count of all of the tenant's is kept, or nothing. */
void strangers_note(struct strangers *strangers, struct str tenant,
		    struct str shown, unsigned kind,
		    const struct ip *client, int64_t now_ms);
/* STRANGER_HEADER, and its name, of which so much is kept as fits. */
void strangers_note_header(struct strangers *strangers, struct str tenant,
			   struct str shown, struct str header,
			   const struct ip *client, int64_t now_ms);
/* Those of a tenant, the last one first; *total_r is how many refusals there
 * were in all. */
unsigned strangers_list(struct strangers *strangers, struct str tenant,
			struct stranger out[STRANGERS_KEPT],
			uint64_t *total_r);

#endif
