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
 * Where all of the body is what a script writes for an object ("[object
 * Object]") or for no value ("undefined"): that, and what to send, as above.
 * NULL: it is not.
 */
const char *body_mistake_object(struct str body);

/*
 * What a body that is not of the type `said` looks like, and as what to send
 * it: a constant phrase for "malformed at byte 0: ..."; NULL: like nothing that
 * is known.
 */
const char *body_mistake_type(struct str body, enum body_type said);

/*
 * What is wrong with JSON that a parser could not take at octet `at`, in words
 * for "malformed at byte 7: ...": a comma too many, single quotes, NaN.  NULL:
 * nothing that is known.
 */
const char *body_mistake_json(struct str body, size_t at);

/* What a field is for. */
enum body_purpose {
	BODY_EMAIL,
	BODY_NAME,
	BODY_ASSERTION,
	BODY_PURPOSES,
};

/*
 * The field that may hold what `email`, `name` or `assertion` should, as it is
 * called: `mail`, `E-Mail`, `username` where it has an '@', `user[email]`, and
 * `user.email` for a member of an object; `Name`, `first_name`; `jwt`, and
 * whatever looks like a signed text.  Of fields as a parser leaves them, before
 * posted_settle() drops any.  It is tellable, and at most BODY_MISTAKE_NAME_MAX
 * octets, in the pool or the fields; absent: there is none.
 */
#define BODY_MISTAKE_NAME_MAX 64
struct str body_mistake_field(const struct fields *fields,
			      enum body_purpose purpose);

/*
 * May a field's name, which is somebody's word, stand in an answer and in the
 * trail?  Of ASCII letters, digits and "-_.[]", within BODY_MISTAKE_NAME_MAX.
 */
bool body_mistake_is_tellable(struct str name);

/* The same three parts as a signed text has, by their look alone. */
bool body_mistake_is_signed(struct str value);

/*
 * What an address that is none may be: a word of a script's such as
 * `undefined`, a template that nobody filled in, several addresses.
 */
struct body_mistake {
	const char *hint;	/* a sentence or two; NULL: nothing is known */
	const char *why;	/* the same in short, for the trail */
};
struct body_mistake body_mistake_address(struct str email);

/* What a name may be that was meant to be another, in short, for the trail: a
 * person may be called so.  NULL: nothing is known. */
const char *body_mistake_name(struct str name);

/* What to say of an assertion that is missing where such a field is there; in
 * the pool, absent: no memory. */
struct str body_mistake_assertion(struct pool *pool, struct str near);

/* What is said of fields that validate() did not take, and who may have been
 * meant by others. */
struct body_refused {
	const struct fields *fields;
	struct str email, name;		/* of body_mistake_field(), or absent */
	const char *kind;		/* "field"; of an assertion "claim" */
	bool is_form;			/* where '+' is a space */
};

/* What their maker may have overlooked, in sentences, and in short for the
 * trail; both absent: nothing is known, or no memory. */
struct body_advice {
	struct str hint, why;
};
struct body_advice body_mistake_advice(struct pool *pool,
				       const struct body_refused *refused);

#endif
