#include "policy/protected.h"

#include <string.h>

#include "codec/email.h"

#define BELOW "*."

/* The domain is what an address of it has in its key. */
static enum err parse_domain(struct pool *pool, struct str domain,
			     struct protected_entry *out_r)
{
	const struct str below = STR(BELOW);
	bool is_below = str_has_prefix(domain, below);
	struct str address;
	struct email email;
	enum err err;

	if (is_below)
		domain = (struct str){ domain.ptr + below.len,
				       domain.len - below.len };
	address = pool_printf(pool, "a@%.*s", (int)domain.len, domain.ptr);
	if (!address.ptr)
		return ERR_NOMEM;
	err = email_parse(pool, address, &email);
	if (err)
		return err;
	out_r->is_whole = false;
	out_r->key = is_below ?
		     pool_printf(pool, ".%s", email.key.ptr + 2) :
		     (struct str){ email.key.ptr + 1, email.key.len - 1 };
	return out_r->key.ptr ? ERR_OK : ERR_NOMEM;
}

enum err protected_parse(struct pool *pool, struct str text,
			 struct protected_entry *out_r)
{
	struct email email;
	enum err err;

	/* "*@x.example" would be an address (RFC 5322 allows the star), but
	 * whoever writes it means all of them */
	if (text.len > PROTECTED_TEXT_MAX ||
	    (text.len && text.ptr[0] != '@' && str_find(text, '*') >= 0))
		return ERR_SYNTAX;
	if (text.len && text.ptr[0] == '@')
		err = parse_domain(pool, (struct str){ text.ptr + 1,
				   text.len - 1 }, out_r);
	else
		err = email_parse(pool, text, &email);
	if (err)
		return err == ERR_NOMEM ? err : ERR_SYNTAX;
	if (text.ptr[0] != '@')
		*out_r = (struct protected_entry){ .key = email.key,
						   .is_whole = true };
	return ERR_OK;
}

/* No local part has an '@', so one that stands in the end is the address's own,
 * and a '.' there is one between two labels of its domain. */
static bool ends_with(struct str key, struct str end)
{
	return key.len > end.len &&
	       !memcmp(key.ptr + key.len - end.len, end.ptr, end.len);
}

bool protected_has(const struct protected_list *list, struct str key)
{
	for (unsigned i = 0; i < list->count; i++) {
		const struct protected_entry *entry = &list->entries[i];

		if (entry->is_whole ? str_eq(key, entry->key) :
				      ends_with(key, entry->key))
			return true;
	}
	return false;
}
