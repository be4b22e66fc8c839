/*
 * identity: how much a tenant demands to know of where its users come from.
 *
 * unsigned: the fields of the request are taken at their word.  Any page that
 *	a user's browser opens can post them, so a desk that shows one user's
 *	tickets to another must not rely on it.
 * observe: as unsigned; what signed would have refused is counted, so that an
 *	operator can see whether a partner is ready.
 * signed: the field `assertion` must hold a JWT that verifies under one of the
 *	tenant's keys; its claims win over the plain fields.  Missing or bad
 *	is a 401.
 *
 * Only the mode's name is dealt with here; there is no default, because each
 * tenant must choose.
 */
#ifndef POLICY_IDENTITY_H
#define POLICY_IDENTITY_H

#include "base/error.h"
#include "base/str.h"

enum identity_mode {
	IDENTITY_UNSIGNED,
	IDENTITY_OBSERVE,
	IDENTITY_SIGNED,
	IDENTITY_COUNT
};

/* "unsigned", "observe" or "signed", byte by byte. ERR_NOT_FOUND. */
enum err identity_mode_parse(struct str text, enum identity_mode *out_r);
/* The name; never NULL. */
const char *identity_mode_text(enum identity_mode mode);

#endif
