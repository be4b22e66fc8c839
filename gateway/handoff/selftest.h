/*
 * selftest: the page on which a partner's developer tries what their page posts:
 * GET and POST /selftest/{tenant}, behind a link of `usherctl selftest`.
 *
 * A post is a rehearsal: the handoff's own steps run, from the rate limit to
 * the redirect, and each one's verdict is a row.  Nobody is sent on: no token,
 * no session, nothing written, nothing counted, nobody charged but the link's
 * own budget.  Where the handoff would refuse, the later checks go on as far as
 * they can be made by themselves, so that one post shows all that is wrong; what
 * the handoff would answer is its first refusal.  An adapter in its own process
 * is asked, as the handoff asks it, which has no effect but its answer; one in
 * this process might do anything, and is not.
 *
 * Nothing that is shown holds a secret, or what a signature would have been.
 */
#ifndef HANDOFF_SELFTEST_H
#define HANDOFF_SELFTEST_H

#include "handoff/exchange.h"

#define SELFTEST_LINK_S 900	/* a link's life */
#define SELFTEST_REQUESTS 120	/* of a tenant's links, in SELFTEST_LINK_S */
#define SELFTEST_ROWS_MAX 40
#define SELFTEST_URL_MAX 1024	/* octets: origin, slug and link */

enum selftest_verdict {
	SELFTEST_GOOD,
	SELFTEST_REFUSED,	/* so would the handoff, for this or before */
	SELFTEST_WOULD,		/* ... were identity "signed" */
	SELFTEST_UNSEEN,	/* not looked at */
};

/* Slices live in the exchange's pool. */
struct selftest_row {
	const char *name;
	enum selftest_verdict verdict;
	struct str refusal;	/* its code */
	struct str what;	/* what is wrong, or what was compared; absent:
				 * nothing to tell */
	struct str remedy;	/* absent: none */
};

struct selftest {
	struct selftest_row rows[SELFTEST_ROWS_MAX];
	unsigned count;
	/* the handoff's answer; 302: it sends the user on; 0: not known */
	int status;
	bool is_unsure;		/* an adapter was not asked: 0 is the status
				 * of what nothing else refuses */
	struct str refusal;	/* its code; absent: none */
	struct str target;	/* where to */
	int64_t exp_s;		/* of the link, steady clock */
	unsigned headers;	/* that the answer had before */
};

/*
 * The link, appended: "ORIGIN/selftest/SLUG?link=...", good for that tenant
 * and for SELFTEST_LINK_S.  `now_s` is the steady clock's.  ERR_AUTH: the
 * tenant does not serve; else as jwe_seal().
 */
enum err selftest_link(const struct tenant *tenant, struct str origin,
		       int64_t now_s, struct buf *out);

/* For ask_adapter: may this adapter be asked?  Where not, a row says why. */
bool selftest_may_ask(struct exchange *ex);

/* What page_selftest() needs, of the link that was shown: its URL, and what is
 * left of its life in seconds.  Absent: no memory. */
struct str selftest_url(struct exchange *ex);
int64_t selftest_left_s(const struct exchange *ex);

#endif
