/*
 * protected: addresses that no handoff reaches, in whatever mode, because a
 * desk's own staff have them: whoever got a page to post one would stand in the
 * desk as somebody who may read all of it.
 *
 *	boss@x.example		this address, as codec/email.h compares
 *	@x.example		every address of this domain
 *	@*.x.example		every address of the domains below it, at any
 *				depth, but not of x.example itself
 */
#ifndef POLICY_PROTECTED_H
#define POLICY_PROTECTED_H

#include <stdbool.h>

#include "base/error.h"
#include "base/pool.h"
#include "base/str.h"

#define PROTECTED_MAX 64		/* entries of one tenant */
#define PROTECTED_TEXT_MAX 256		/* octets of one: an address and "@*." */

/* As it is compared; plain data. */
struct protected_entry {
	/* an address's key; or how the keys of a domain end, from the '@' or,
	 * of those below it, from the '.' */
	struct str key;
	bool is_whole;
};

struct protected_list {
	const struct protected_entry *entries;
	unsigned count;
};

/* Slices live in the pool; on failure *out_r is of no use. ERR_SYNTAX: none of the above; ERR_NOMEM. */
enum err protected_parse(struct pool *pool, struct str text,
			 struct protected_entry *out_r);
/* `key` is struct email's. */
bool protected_has(const struct protected_list *list, struct str key);

#endif
