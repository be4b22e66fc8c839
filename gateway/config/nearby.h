/*
 * nearby: why a named file is not found, by a look at the directory that it
 * should be in.
 *
 * Appends a remedy, of names in that directory alone: "did you mean
 * /etc/usher/tls/fullchain.pem?".  For certificates and modules, whose paths
 * are no secret.
 */
#ifndef CONFIG_NEARBY_H
#define CONFIG_NEARBY_H

#include "base/buf.h"
#include "base/pool.h"
#include "base/str.h"

#define NEARBY_NAMES_MAX 1024	/* looked at; further ones are passed over */
#define NEARBY_SHOWN_MAX 5	/* named where none is near */
#define NEARBY_POOL_MAX (1u << 20)	/* octets that one look takes at most */

/*
 * `path` is terminated.  Only names that end in `suffix` count; an empty one
 * takes all.  A name is near that differs in letter case, has another or no
 * extension, has or lacks "lib", or is mistyped (suggest.h).  With nothing near
 * the remedy says what there is; with no such directory, that.
 */
void nearby(struct pool *pool, struct str path, struct str suffix,
	    struct buf *out);
/* The same path from the root, for people; `path` itself where that fails. */
struct str nearby_absolute(struct pool *pool, struct str path);

#endif
