/*
 * identity: is a tenant ready for identity = "signed"?  A command of the admin
 * socket:
 *
 *	identity TENANT [HOURS|reset]
 *				what came in the last hours (policy/tally.h), by
 *				what its assertions were worth, and which pages
 *				sent users without one, or with one that does
 *				not hold.  "reset": counted anew from now on
 *
 * The verdict is a rule, not a guess: safe to enforce where something came and
 * all of it was signed.  Else it is the operator who knows whether a page is a
 * partner's or nobody's.
 */
#ifndef ADMIN_IDENTITY_H
#define ADMIN_IDENTITY_H

#include "admin/status.h"

#endif
