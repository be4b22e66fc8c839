/*
 * page: the few HTML pages of the gateway itself.
 *
 * Each is one self-contained document: no external resource, everything that
 * varies escaped, style and script under a nonce that the page's own
 * Content-Security-Policy names.  A page is never cached, never framed, and
 * isolated (COOP and CORP same-origin).
 *
 * The common Referrer-Policy, no-referrer, makes browsers send `Origin: null`
 * with a form that a page posts to its own host (WHATWG Fetch, "append a
 * request Origin header"), which no check could tell from a stranger's.  So
 * pages with such a form say "strict-origin" in a <meta>: the origin then
 * arrives, and paths and tokens still stay out of every Referer.
 */
#ifndef HANDOFF_PAGE_H
#define HANDOFF_PAGE_H

#include "handoff/exchange.h"

#define PAGE_MAX (96 * 1024)		/* octets */

/*
 * Each sets the whole answer and returns true; false, with nothing set, when
 * the page does not fit in memory or PAGE_MAX, or there are no random bytes.
 */

/* What went wrong, in plain words, the request id and, where the tenant names
 * its home, the way back. */
bool page_error(struct exchange *ex, int status, const char *message);

/* A short notice that nothing went wrong: `title`, `message`, the way back. */
bool page_notice(struct exchange *ex, const char *title, const char *message);

/*
 * "You are signed in as ...: go on as ...?": one button, which posts `token`
 * to /auth/callback.  `targets` are the origins where the redirects after it
 * may lead, for form-action ("https:" stands for any); `stay` is where the
 * link of those who would rather not leads.
 */
struct page_person {
	struct str name, email;
};
bool page_confirm(struct exchange *ex, struct page_person now,
		  struct page_person next, struct str token,
		  const struct str *targets, unsigned target_count,
		  struct str stay);

/* Who is signed in at `tenant`, and a button that signs out. */
bool page_signed_in(struct exchange *ex, const struct tenant *tenant,
		    struct page_person person);

/*
 * A form that posts itself to `url`, at `origin`.  The names and values
 * may be any text.
 */
bool page_post(struct exchange *ex, struct str url, struct str origin,
	       const struct adapter_error *fields, unsigned count);

#endif
