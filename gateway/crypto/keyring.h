/*
 * keyring: the master keys, in a file and in memory.
 *
 * The file is text, mode 0600, and holds one key a line, newest first:
 *
 *	usher-keyring 1
 *	KID CREATED KEY
 *
 * KID is [A-Za-z0-9_-]{1,32}, CREATED an RFC 3339 time in UTC with whole
 * seconds ("2026-11-22T18:11:00Z"), KEY 32 bytes in base64url (RFC 4648
 * section 5) without padding.  One space between, "\n" after every line, no
 * comments.  The first key seals; all of them open, so that tokens made just
 * before a rotation stay good.  A key was superseded when the key in the line
 * above it was created: from then on it seals no more, where the rotation has
 * been taken up.
 *
 * A rotation never removes a key: a gateway that has not taken it up yet goes
 * on sealing with the old one.  Who knows when that ended is the gateway
 * (admin/keeper.h), so it is the gateway that prunes; an operator may retire a
 * key by hand.
 *
 * A struct keyring is plainly owned by who loaded it, and immutable: any
 * number of threads may read it.  What is derived from it (crypto/jwe.h) keeps
 * no pointer into it.  It lies in pages of its own that are left out of core
 * dumps and, where the limits allow, never swapped; keyring_free() wipes them.
 */
#ifndef CRYPTO_KEYRING_H
#define CRYPTO_KEYRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

#define KEYRING_KEYS_MAX 16
#define KEYRING_KID_MAX 32
#define KEYRING_KEY_SIZE 32
#define KEYRING_FILE_MAX 2048	/* bytes; 16 full lines need 1,600 */
#define KEYRING_WHY_MAX 256	/* enough for every message below */

struct keyring;

/*
 * Make a ring of one fresh key: either the whole file appears, durable, or
 * none does.  ERR_CONFLICT when there is a file of that name already,
 * ERR_BUSY when somebody else is writing it, ERR_IO (errno says more).  Made by
 * root it belongs to the owner of its directory.
 */
enum err keyring_create(const char *path);
/* The same over whatever is there: all that its keys sealed ends. */
enum err keyring_replace(const char *path);

/*
 * Read and check a ring.  On failure `why` (of `size` bytes, terminated, may
 * be NULL when `size` is 0) says in one line what is wrong, naming the line of
 * the file where there is one, and never quotes a key.
 *
 * ERR_NOT_FOUND no such file; ERR_IO not readable, not a regular file, its
 * mode lets the group or others do anything, or it belongs to another user
 * (unless we are root, who reads it for the user we become); ERR_SYNTAX;
 * ERR_DUPLICATE a kid or a key twice; ERR_LIMIT over KEYRING_KEYS_MAX or
 * KEYRING_FILE_MAX; ERR_NOMEM.
 */
enum err keyring_load(const char *path, struct keyring **out_r, char *why,
		      size_t size);

/*
 * Changes to a ring: the whole file is written anew beside the old one, fsynced
 * and renamed, and the directory fsynced, so a reader sees the old ring or the
 * new one.  On failure the file is as it was.
 *
 * Errors as keyring_load(); ERR_BUSY when somebody else is changing it: again,
 * then.
 */

/* Put a fresh key in front. ERR_LIMIT also when the ring is full. */
enum err keyring_rotate(const char *path, char *why, size_t size);
/*
 * Take one key out: what it sealed ends.  ERR_CONFLICT it is the one that
 * seals; ERR_NOT_FOUND no such key, or no file.
 */
enum err keyring_retire(const char *path, struct str kid, char *why,
			size_t size);
/*
 * Take out the keys that `may_go` says may go; the one that seals is not asked
 * about.  Nothing is written where none does.  *dropped_r: how many went.
 */
enum err keyring_prune(const char *path,
		       bool (*may_go)(void *ctx, struct str kid,
				      int64_t superseded_s),
		       void *ctx, unsigned *dropped_r, char *why, size_t size);

/* A copy of the caller's own. NULL: no memory. */
struct keyring *keyring_copy(const struct keyring *ring);
/* Accepts NULL. */
void keyring_free(struct keyring *ring);

/* At least 1. Key 0 is the newest: the one that seals. */
unsigned keyring_count(const struct keyring *ring);
/* Terminated; lives as long as the ring. */
struct str keyring_kid(const struct keyring *ring, unsigned i);
/* Wall time, seconds since 1970. */
int64_t keyring_created_s(const struct keyring *ring, unsigned i);
/* The same: when key `i` stopped sealing; i > 0. */
int64_t keyring_superseded_s(const struct keyring *ring, unsigned i);
/* Have they the same keys, in the same order? */
bool keyring_is_same(const struct keyring *a, const struct keyring *b);
/* Is it an earlier state of `of`?  Its key that seals was superseded there.
 * Only a copy that was put back says so: nothing takes the newest key out. */
bool keyring_is_behind(const struct keyring *ring, const struct keyring *of);
/* The key itself: derive from it, never hand it on. */
const uint8_t *keyring_key(const struct keyring *ring, unsigned i);

/*
 * A ring in memory of one fresh key, for checks that must write nothing.
 * NULL: no memory or no random bytes.
 */
struct keyring *keyring_new_throwaway(void);

#endif
