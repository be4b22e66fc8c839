/*
 * remedy: what mends a refused request here, for `usherctl explain`: the setting
 * with its file and line, where the trail tells that one has to do with it.
 */
#ifndef ADMIN_REMEDY_H
#define ADMIN_REMEDY_H

#include "base/buf.h"
#include "config/snapshot.h"
#include "store/audit-pack.h"

/* One line without an end; nothing where the code's own remedy is all there is
 * to say. */
void remedy_explain(const struct snapshot *snapshot,
		    const struct audit_record *record, struct pool *pool,
		    struct buf *out);

#endif
