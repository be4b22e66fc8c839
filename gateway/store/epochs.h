/*
 * epochs: what a tenant's slug stood for, and for which time.
 *
 * A slug is a name that an operator may give again.  All that is keyed by it,
 * sessions and tokens above all, belongs to an epoch of it: a number that
 * begins at 0 and grows whenever the slug ends to mean what it meant, that is,
 *
 *	when its tenant is gone from the configuration (at once: it may come
 *	back as anybody), and
 *	when its tenant has another name or another url than before.  Nothing
 *	tells a tenant that was renamed from another one that got its slug.
 *
 * A tenant that is switched off, or whose file is broken, is neither.
 *
 * A session is good in the epoch that opened it (sessions_find() tells which),
 * a token is sealed with keys of its epoch (crypto/jwe.h), and a redemption of
 * an ended epoch is refused by the writer, so that what an exchange had begun
 * before a reload does not end up behind it.
 *
 * The table in memory decides, from the very moment of epochs_settle(); the
 * database has the same for the next start, where the comparison is made with
 * what the configuration says then: so it also holds for what changed while no
 * daemon ran.  Slugs are kept for ever: they are few, and a number must not
 * come twice.
 */
#ifndef STORE_EPOCHS_H
#define STORE_EPOCHS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "store/writer.h"

struct epochs;			/* one per store: see store_epochs() */

enum epoch_change {
	EPOCH_GONE,		/* it is not configured any more */
	EPOCH_OTHER,		/* another name or url */
};

/* A tenant as a configuration has it. */
struct epoch_tenant {
	struct str slug;
	struct str name, url;	/* absent: its file is broken, it is unknown
				 * who it is */
};

/* Any thread: the epoch that this tenant would have.  Changes nothing. */
uint64_t epochs_look(struct epochs *epochs, struct str slug, struct str name,
		     struct str url);
/* Any thread: is this the epoch that the slug is in? */
bool epochs_is_current(struct epochs *epochs, struct str slug,
		       uint64_t epoch);

/*
 * A configuration is about to serve: all of its tenants, each slug once.
 * With `is_whole` false there may be more that could not be read, and none is
 * taken for gone.  `changed` (may be NULL) is told of each epoch that ended,
 * and must not call anything of this module.
 * Effective when it returns; what is to be written is on its way to the
 * writer, and tried again until it is done.  ERR_NOMEM: nothing has happened.
 */
enum err epochs_settle(struct epochs *epochs,
		       const struct epoch_tenant *tenants, unsigned count,
		       bool is_whole,
		       void (*changed)(void *ctx, struct str slug,
				       enum epoch_change change),
		       void *ctx);
/* Is all of it on the disk?  Waits for that, `ms` at most. */
bool epochs_wait(struct epochs *epochs, int ms);

#endif
