/*
 * laddercmd: what the settings adopt_unsigned and on_conflict would do with the
 * users whom a tenant has now, for `users conflicts`.
 */
#ifndef ADMIN_LADDERCMD_H
#define ADMIN_LADDERCMD_H

#include "admin/status.h"

#define LADDER_ADDRESSLESS_MAX 100	/* listed */

/*
 * Append a page, behind `after` (absent: the first one, with what is told
 * once): as text, whose last line is LADDER_MORE and where to go on, if there
 * is more; or as a JSON object.  NULL, or what is wrong.
 */
#define LADDER_MORE "more behind "
const char *ladder_add(struct status *status, struct str tenant,
		       struct str after, bool json, struct buf *body);

#endif
