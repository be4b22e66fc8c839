/*
 * cert: a certificate's chain and its key, from two PEM files.
 *
 * Immutable and counted: any thread may hold one.  Files that did not change
 * since are not read again.
 */
#ifndef HTTP_CERT_H
#define HTTP_CERT_H

#include <gnutls/abstract.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

#define CERT_FILE_MAX (256 * 1024)	/* octets of a PEM file */
#define CERT_CHAIN_MAX 8		/* certificates of one chain */
#define CERT_WARN_DAYS 21		/* before the end of a certificate */

/* Was a file replaced since we read it? */
struct cert_stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime;
};

struct cert {
	atomic_uint refs;		/* private */
	char *cert_path, *key_path;	/* as they were given */
	struct cert_stamp cert_stamp, key_stamp;	/* private */
	gnutls_pcert_st chain[CERT_CHAIN_MAX];
	unsigned chain_len;
	gnutls_privkey_t key;
	int64_t from_s, until_s;	/* wall clock: when it holds */
};

/* What is wrong with which of the caller's files, and what to do; constant
 * text but for the path.  `remedy` may be NULL. */
struct cert_trouble {
	const char *path, *problem, *remedy;
};

/*
 * Read the pair, or take another reference on `known` (NULL: none), which was
 * read from the same paths, when the files are still the same.  ERR_IO,
 * ERR_LIMIT, ERR_SYNTAX, ERR_CONFLICT (the key of another certificate),
 * ERR_UNSUPPORTED, ERR_NOMEM: *trouble tells more, and points to the paths
 * given here.
 */
enum err cert_load(const char *cert_path, const char *key_path,
		   struct cert *known, struct cert **cert_r,
		   struct cert_trouble *trouble);
struct cert *cert_ref(struct cert *cert);
/* Accepts NULL. */
void cert_unref(struct cert *cert);
/*
 * Has it expired at that time, does it within CERT_WARN_DAYS, or not begin yet?
 * NULL: no.  Else *problem gains "which expires in 5 days", and this is the
 * remedy.  Nothing is read.
 */
const char *cert_judge_dates(const struct cert *cert, int64_t now_s,
			     struct buf *problem);
/* Do browsers take it for that host, as it stands in a URL?  Its names count,
 * not the common name. */
bool cert_covers(const struct cert *cert, struct str host);

#endif
