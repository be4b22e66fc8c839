/*
 * body-mistake: what the maker of a page most likely did, where their body is
 * refused.  Guesses for a hint: nothing is read by them that was not read
 * before.  Pure; no value of a field comes out.
 */
#ifndef POLICY_BODY_MISTAKE_H
#define POLICY_BODY_MISTAKE_H

#include <stdbool.h>

#include "codec/fields.h"

enum body_type {
	BODY_FORM,
	BODY_JSON,
	BODY_MULTIPART,
};

/* Is it one JSON object?  In a form it would be one field with an odd name. */
bool body_mistake_is_json(struct str body);

/*
 * What a body that is not of the type `said` looks like, and as what to send
 * it: a constant phrase for "malformed at byte 0: ..."; NULL: like nothing that
 * is known.
 */
const char *body_mistake_type(struct str body, enum body_type said);

/*
 * The field that may hold what `email` should, as it is called: `mail`,
 * `E-Mail`, `username` where it has an '@', `user[email]`, and `user.email` for
 * a member of an object.  Of fields as a parser leaves them, before
 * posted_settle() drops any.  It is of ASCII letters, digits and "-_.[]", and
 * at most BODY_MISTAKE_NAME_MAX octets, in the pool or the fields; absent:
 * there is none.
 */
#define BODY_MISTAKE_NAME_MAX 64
struct str body_mistake_email(const struct fields *fields);

/* Is it an address whose '+' a form turned into a space? */
bool body_mistake_plus(struct pool *pool, struct str email);

#endif
