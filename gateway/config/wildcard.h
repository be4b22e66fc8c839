/*
 * wildcard: an origin with "*." before its host, as *.example.com by https, in
 * a tenant's list, for partners with a site for each shop, customer or preview.
 *
 * The star stands for one label (policy/cors.h says which), as the first of a
 * host, before a name that is the partner's alone: never a public suffix
 * ("co.uk", "github.io"; libpsl, the list of <https://publicsuffix.org>, with
 * the rule that a top-level domain that it does not name is one), under which
 * everybody may have a name.
 * The list is the newest that the system has, read once per process, by the
 * first star that a configuration has; no request asks it.
 */
#ifndef CONFIG_WILDCARD_H
#define CONFIG_WILDCARD_H

#include "base/pool.h"
#include "codec/url.h"

/* What is wrong with an entry, for its finding. */
struct wildcard_fault {
	const char *problem, *remedy;	/* constant, or in the pool */
};

/* Is an entry of origins meant as one? */
bool wildcard_is_meant(struct str text);
/*
 * *url_r is the origin without its "*.".  ERR_SYNTAX with what is wrong;
 * ERR_NOMEM.
 */
enum err wildcard_parse(struct pool *pool, struct str text, struct url *url_r,
			struct wildcard_fault *fault_r);

#endif
