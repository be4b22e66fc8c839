/*
 * page: whole HTML documents: a builder for them, and the few pages of the
 * gateway itself.
 *
 * Each is one self-contained document: no external resource, everything that
 * varies escaped, style and script under a nonce that the page's own
 * Content-Security-Policy names.  A page is never cached and, unless it
 * is made for a frame, never framed and isolated (COOP and CORP same-origin).
 *
 * The common Referrer-Policy, no-referrer, makes browsers send `Origin: null`
 * with a form that a page posts to its own host (WHATWG Fetch, "append a
 * request Origin header"), which no check could tell from a stranger's.  So
 * pages with such a form say "strict-origin" in a <meta>: the origin then
 * arrives, and paths and tokens still stay out of every Referer.
 */
#ifndef HANDOFF_PAGE_H
#define HANDOFF_PAGE_H

#include "codec/base64url.h"
#include "handoff/exchange.h"

#define PAGE_MAX (96 * 1024)		/* octets */
#define PAGE_CSP_MAX 8192
#define PAGE_NONCE_SIZE 16
#define PAGE_NONCE_LEN BASE64URL_LEN(PAGE_NONCE_SIZE)

enum page_place {
	/* a tab of its own: COOP and CORP same-origin */
	PAGE_ALONE,
	/* inside a partner's page, which may be isolated itself: COEP
	 * require-corp, CORP cross-origin, no COOP */
	PAGE_FRAMED,
};

/*
 * One document:
 *
 *	struct page page = { .ex = ex, .title = STR("Tickets"),
 *			     .style = asset_desk_css };
 *
 *	if (!page_begin(&page))
 *		return answer_failure(ex, ERR_NOMEM);
 *	buf_puts(&page.out, "<main>\n<h1>");
 *	html_add(&page.out, tenant->name);
 *	buf_puts(&page.out, "</h1>\n</main>\n");
 *	return page_end(&page, 200) ? STEP_ANSWER
 *				    : answer_failure(ex, ERR_NOMEM);
 *
 * What is left zero is not in it.  Sources are as in a policy, separated
 * by spaces; where one is absent the policy says 'none'.
 */
struct page {
	struct exchange *ex;
	struct str title;		/* any text */
	const char *lang;		/* NULL: page_texts() says */
	struct texts texts;		/* set by page_begin() */
	enum page_place place;
	/* Put in as they are: constants that do not end their element. */
	struct str style, script;
	/* More of the style, which may vary but was checked as strictly. */
	struct str theme;
	struct str forms;		/* form-action */
	struct str connect;		/* connect-src */
	struct str images;		/* img-src */
	struct str ancestors;		/* frame-ancestors */
	bool posts_here;		/* has a form for its own host */
	/* loads again when it comes back from the back/forward cache, which
	 * no-store does not rule out: after signing out, Back would show who
	 * was here */
	bool is_personal;
	size_t size;			/* about what the body will take */
	size_t max;			/* octets of it all; 0: PAGE_MAX */
	/* the document so far: between the two calls, append the body to it */
	struct buf out;
	char nonce[PAGE_NONCE_LEN + 1];	/* between the two calls */
};

/* Whose page this is: of the tenant that was asked for, else of the only one
 * that lives on the host; NULL: nobody's. */
const struct tenant *page_owner(const struct exchange *ex);
/*
 * In which language, and with which words, whoever asked is answered: that of
 * their session's `locale`, else of their Accept-Language, else the tenant's.
 */
struct texts page_texts(struct exchange *ex);
/* One of them, by itself. */
const char *page_text(struct exchange *ex, enum text text);

/*
 * The tenant's colour, as a page's theme: --accent, and --on-accent for what
 * lies on it; absent where the tenant names none, or without memory.
 */
struct str page_theme(struct exchange *ex, const struct tenant *tenant);
/* All up to and with <body>. false: no memory, or no random bytes. */
bool page_begin(struct page *page);
/*
 * The script and the end; sets the whole answer.  false, with nothing set,
 * when the page does not fit in memory or its maximum, or the sources in
 * PAGE_CSP_MAX.
 */
bool page_end(struct page *page, int status);

/*
 * The pages of the gateway itself.  Each sets the whole answer and returns
 * true; false, with nothing set, when the page does not fit in memory or
 * PAGE_MAX, or there are no random bytes.
 */

/*
 * What went wrong and what to do, in plain words (error-text.h; `message` where
 * that leaves it to the answer), the time left where the answer has a
 * Retry-After, the code in words ("Token expired"), the request id and,
 * where the tenant names its home, the way back.  In a list for frames: to be
 * seen inside any page, for there is nothing in it to be seen or clicked but
 * this, and the page around is told, {usher:"refused",status,code}, since it
 * cannot see for itself why its frame does not answer.
 */
bool page_error(struct exchange *ex, int status, const char *message);

/* A short notice that nothing went wrong: `title`, `message` (page_text()), the
 * way back. */
bool page_notice(struct exchange *ex, const char *title, const char *message);

/* Where a desk has no way to the partner of its own: "sign in there". */
bool page_login(struct exchange *ex);

/*
 * The one button of a page that somebody presses before a token is used: it
 * posts `token` to /auth/callback.  `targets` are the origins where the
 * redirects after it may lead, for form-action ("https:" stands for any).  A
 * double click posts once, where scripts run: the second post would find the
 * token used, and the first one's answer, cookie and all, thrown away.
 */
struct page_button {
	struct str token;
	struct str targets[2];
	unsigned target_count;
};

/*
 * "You are signed in as ...: go on as ...?"  Where they are of two tenants,
 * which a shared host makes possible, each is named with their person.  `stay`
 * is where the link of those who would rather not leads.
 */
struct page_person {
	struct str name, email;
	const struct tenant *tenant;
};
bool page_confirm(struct exchange *ex, struct page_person now,
		  struct page_person next, const struct page_button *button,
		  struct str stay);

/* "You are signed in as ...", and the button that ends it. The other tabs of this
 * browser are told. */
bool page_sign_out(struct exchange *ex, struct page_person person);

/*
 * "Press the button to sign in", for a client that may be a program which looks
 * at every link.  It names the tenant and nobody: what such programs see, they
 * may show to many.
 */
bool page_arrive(struct exchange *ex, const struct page_button *button);

/*
 * The self-test (handoff/selftest.h): what to post where, with a form to try it
 * by hand; after a post (ex->rehearsal has rows), each check and its verdict.
 */
bool page_selftest(struct exchange *ex);

/*
 * A form that posts itself to `url`; `forms` are the origins that it may lead
 * to.  The names and values may be any text.
 */
bool page_post(struct exchange *ex, struct str url, struct str forms,
	       const struct adapter_error *fields, unsigned count);

#endif
