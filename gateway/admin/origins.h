/*
 * origins: what an operator is told about pages that a tenant's list of origins
 * refused: which, and what mends it, with the file and line of the setting as
 * the running configuration has it.
 *
 *	https://www.acme.test is not in origins of acme (acme.conf:12); add it
 */
#ifndef ADMIN_ORIGINS_H
#define ADMIN_ORIGINS_H

#include "base/buf.h"
#include "config/snapshot.h"
#include "policy/strangers.h"
#include "store/audit-pack.h"

#define ORIGINS_REMEDY_MAX 2048		/* octets */

/*
 * One line without an end.  `shown` as stranger_shown() gives it, `kinds` of
 * enum stranger_kind, `header` as in struct stranger.
 */
void origins_remedy(const struct snapshot *snapshot,
		    const struct tenant *tenant, struct str shown,
		    unsigned kinds, struct str header, struct buf *out);
/* " (acme.conf:12)", where a setting stands: all are in one directory. */
void origins_add_place(const struct tenant *tenant, unsigned line,
		       struct buf *out);
/* The same of a record whose trail names an Origin; else nothing is added. */
void origins_explain(const struct snapshot *snapshot,
		     const struct audit_record *record, struct pool *pool,
		     struct buf *out);

#endif
