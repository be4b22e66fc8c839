/*
 * vouch: from the text of an assertion to who it vouches for: taken apart,
 * its key found, verified, its claims judged (identity of a handoff; crypto/jws.h
 * and policy/assertion.h).  The first check that fails is what it is refused
 * for; the order is that of their codes in base/codes.def.
 */
#ifndef HANDOFF_VOUCH_H
#define HANDOFF_VOUCH_H

#include "base/codes.h"
#include "config/snapshot.h"
#include "policy/assertion.h"
#include "policy/tally.h"
#include "store/redemptions.h"

struct vouch {
	/* ERR_OK */
	struct assertion says;
	uint8_t jti[REDEMPTION_JTI_LEN];	/* of the tokens that it gets:
						 * the same for all of them, of
						 * no other assertion */
	/* ERR_AUTH */
	enum code code;
	struct str hint;	/* for who wrote the signing code; terminated */
};

/* All keys of a tenant as they are now: those in its file, then those by URL. */
struct vouch_keys {
	const struct tenant *tenant;
	struct jwks *set;	/* a reference; NULL: none by URL */
};
struct vouch_key {
	struct str kid;
	const struct jws_key *key;	/* lives as long as the vouch_keys */
};
struct vouch_keys vouch_keys(const struct tenant *tenant);
void vouch_keys_done(struct vouch_keys *keys);
/* The i-th; false: there are no more. */
bool vouch_key(const struct vouch_keys *keys, unsigned i,
	       struct vouch_key *key_r);
/* By its name; the only one needs none (`kid` absent). false: there is none. */
bool vouch_find_key(const struct vouch_keys *keys, struct str kid,
		    struct vouch_key *key_r);

/* What its claims are held against. */
struct assertion_rules vouch_rules(const struct tenant *tenant, int64_t now_s);
/*
 * `text` absent: there is none.  `now_s` is the wall clock's.  Slices live in
 * the pool or in the text.  ERR_OK; ERR_AUTH: refused; ERR_NOMEM, ERR_INTERNAL.
 */
enum err vouch_read(const struct tenant *tenant, struct str text,
		    int64_t now_s, struct pool *pool, struct vouch *out_r);

/*
 * The same of a partner's logout (policy/logout-token.h), by the same keys:
 * neither passes for the other, for their types differ.  `says` has who it is
 * and the jti alone, and the only code is logout_token_invalid.
 */
enum err vouch_read_logout(const struct tenant *tenant, struct str text,
			   int64_t now_s, struct pool *pool,
			   struct vouch *out_r);

/* What a sign-in lacked, in gateway->unvouched; a set of them. */
enum vouch_lack {
	VOUCH_LACKING = 1,		/* an assertion */
	VOUCH_REFUSED = 2,		/* one that holds */
};

/* Of a tally: VOUCH_GOOD, or that of a code that an assertion is refused with. */
#define VOUCH_GOOD 0
#define VOUCH_REPEATED (TALLY_KINDS - 1)	/* good, but for a jti that another
					 * one had */
unsigned vouch_kind(enum code code);
/* Counts what vouch_read() found of a sign-in, in usher_assertions_total and in
 * the tally (NULL: there is none). */
void vouch_count(struct tally *tally, const struct tenant *tenant,
		 enum err result, const struct vouch *vouch, int64_t now_ms);

#endif
