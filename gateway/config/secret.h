/*
 * secret: the files that a configuration names: secrets, certificates, keys.
 *
 * Relative paths are relative to the file that names them.  What stands in a
 * secret's file is never quoted, and neither is the path of one: an operator
 * who wrote the secret itself in its place must not find it in a log.  Of a
 * certificate the path that was tried is told, from the root; of a certificate
 * and a key the nearest name that is there.
 */
#ifndef CONFIG_SECRET_H
#define CONFIG_SECRET_H

#include "config/location.h"
#include "crypto/secrets.h"

#define SECRET_MAX 4096		/* octets, without the trailing line end */
#define SECRET_OURS_MIN 16	/* of a secret that only we and the partner's
				 * server know */

/* Where a finding about the file belongs. */
struct secret_place {
	struct location *location;
	const char *setting;
	unsigned line;
};

/* Absolute and terminated, in the pool; absent without memory. */
struct str secret_path(struct pool *pool, struct str dir, struct str path);
/*
 * The content without one trailing "\n" or "\r\n", at least `min` octets, in
 * the pool.  -1 with a finding.  A file that others may read, or that belongs
 * to somebody else than root and us, is a warning.
 */
int secret_read(struct secret_place at, struct pool *pool, struct str path,
		size_t min, struct str *out_r);
/*
 * Several, a line each, of at least SECRET_OURS_MIN characters that a header can
 * carry: no blanks, ASCII.  The text is wiped, and only digests are kept.
 */
int secret_read_several(struct secret_place at, struct str path,
			struct secrets *out_r);
/* The same of what is no secret: a file of up to `max` octets, as it is. */
int secret_read_public(struct secret_place at, struct pool *pool,
		       struct str path, size_t max, struct str *out_r);
/* Can this PEM file be read? With `is_private`, others must not: a warning. */
int secret_check_pem(struct secret_place at, struct str path,
		     bool is_private);

#endif
