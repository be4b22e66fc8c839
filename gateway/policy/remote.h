/*
 * remote: what a desk behind a proxy is told of who is signed in, as values of
 * the headers Remote-User, Remote-Email and Remote-Name.
 *
 * Desks take Remote-User for the name of an account, and many take more for it
 * than one thinks: a number for the id of a row (user 14 of the gateway, row
 * 14 of the desk), "14:x" too where a database compares it with a number, an
 * address for whoever has it, staff included, and what stands before its '@'
 * for a login.  So the tenant's template (`desk_user`) makes a name that is
 * none of these, whoever signs in:
 *
 *	{slug}		the tenant's
 *	{email}		the address in the form by which two are compared
 *			(codec/email.h): User@Example.com and user@example.com
 *			are one user, and one name
 *	{id}		the user's number
 *	{external_id}	what the partner calls the user
 *
 * and letters, digits and - . _ / | : of ASCII.  The rules:
 *
 *	It begins with a letter or {slug}.
 *	It has one of {email}, {id} and {external_id}, once.
 *	Right before {email} and {external_id} stands ':', which no address
 *	has (a '/' or '|' may stand in one), and right before {id} one of
 *	: - . _ / |
 *	{slug} stands there once at most; behind the person only after ':'.
 *
 * So names are also apart from each other: of two tenants, and of two users.
 */
#ifndef POLICY_REMOTE_H
#define POLICY_REMOTE_H

#include <stdint.h>

#include "base/error.h"
#include "base/pool.h"
#include "base/str.h"

#define REMOTE_TEMPLATE_MAX 128	/* octets */
#define REMOTE_PARTS_MAX 5	/* text {slug} text {email} text */
#define REMOTE_VALUE_MAX 1024	/* octets of one value, as it is sent */

enum remote_encoding {
	REMOTE_UTF8,
	REMOTE_PERCENT,		/* '%' and what is not ASCII as %XX, for desks
				 * that read headers as Latin-1 */
};

enum remote_part_kind {
	REMOTE_TEXT,
	REMOTE_SLUG,
	REMOTE_EMAIL,
	REMOTE_ID,
	REMOTE_EXTERNAL_ID,
};

struct remote_part {
	enum remote_part_kind kind;
	struct str text;	/* of REMOTE_TEXT */
};

/* Of one tenant. */
struct remote_rule {
	struct remote_part parts[REMOTE_PARTS_MAX];
	unsigned part_count;
	enum remote_encoding encoding;
};

struct remote_person {
	struct str slug, email;
	int64_t id;
	struct str external_id;	/* absent: none */
};

/*
 * Read a template; slices of `text` stay in use, and encoding is left to the
 * caller.  ERR_SYNTAX, ERR_LIMIT: fault->detail says why, for people.
 */
enum err remote_parse(struct str text, struct remote_rule *out_r,
		      struct fault *fault);
bool remote_has(const struct remote_rule *rule, enum remote_part_kind kind);

/*
 * The value of Remote-User, in the pool.  ERR_NOT_FOUND: the template wants an
 * external id, and there is none.  What could not be told from another, or
 * breaks a header, is refused: ERR_UTF8, ERR_CONTROL, ERR_SYNTAX (white space
 * at an end, an address that is none), ERR_LIMIT.  ERR_NOMEM.
 */
enum err remote_user(const struct remote_rule *rule,
		     const struct remote_person *person, struct pool *pool,
		     struct str *out_r);
/*
 * A text for people, in the pool; cut at a character's start to fit.
 * ERR_UTF8, ERR_CONTROL, ERR_NOMEM.
 */
enum err remote_text(const struct remote_rule *rule, struct str text,
		     struct pool *pool, struct str *out_r);

#endif
