#include "crypto/secrets.h"

enum err secrets_add(struct secrets *secrets, struct str text)
{
	enum err err;

	if (secrets->count == SECRETS_MAX)
		return ERR_LIMIT;
	err = digest_sha256(text.ptr, text.len,
			    secrets->digests[secrets->count]);
	if (!err)
		secrets->count++;
	return err;
}

bool secrets_has(const struct secrets *secrets, struct str given)
{
	uint8_t digest[DIGEST_SIZE];
	unsigned i, hits = 0;

	if (digest_sha256(given.ptr, given.len, digest))
		return false;
	/* all of them, whichever it is */
	for (i = 0; i < secrets->count; i++)
		hits |= digest_equal(secrets->digests[i], digest,
				     sizeof(digest));
	return hits != 0;
}
