/*
 * examine: all that can be said of one assertion, for who wrote the code that
 * signs: usherctl verify and the self-test page.  vouch_read() says what counts;
 * the rows beside it go on where it stopped, and tell what was compared.  They
 * show what the assertion says, our clock and what the tenant expects, never a
 * secret or what a signature would have been.
 */
#ifndef HANDOFF_EXAMINE_H
#define HANDOFF_EXAMINE_H

#include "crypto/jws-mistake.h"
#include "handoff/vouch.h"

enum examine_verdict {
	EXAMINE_GOOD,
	EXAMINE_REFUSED,
	EXAMINE_UNSEEN,		/* there was nothing to look at */
};

/* Rows; those of policy/assertion.h follow. */
enum {
	EXAMINE_FORM,
	EXAMINE_ALGORITHM,
	EXAMINE_KID,
	EXAMINE_SIGNATURE,
	EXAMINE_CLAIMS,
	EXAMINE_ROWS = EXAMINE_CLAIMS + ASSERTION_CHECKS
};

struct examine_row {
	const char *name;	/* NULL: no more rows */
	enum examine_verdict verdict;
	enum code code;		/* of what is refused */
	struct str hint;	/* ... and what is wrong with it */
	struct str seen;	/* what was compared; absent: nothing to tell */
};

struct examination {
	/* in */
	const struct tenant *tenant;
	struct pool *pool;
	int64_t now_s;		/* wall clock */
	struct str text;
	/* out */
	struct examine_row rows[EXAMINE_ROWS];
	enum err result;	/* of vouch_read(): ERR_OK or ERR_AUTH */
	struct vouch vouch;
	/* why the signature does not hold, and under which key it would but for
	 * that; or of what is no token */
	enum jws_mistake mistake;
	struct str mistake_kid;	/* absent: no key has a part in it */
	struct str other_kid;	/* the key that it does hold under */
	struct str payload;	/* absent: it cannot be taken apart */
};

/* ERR_OK, whatever was found; else ERR_NOMEM, ERR_INTERNAL. */
enum err examine(struct examination *examination);
/* In words, of one of which a mistake is known, or another key; else absent.
 * In the pool. */
struct str examine_remedy(const struct examination *examination);

#endif
