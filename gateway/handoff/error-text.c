#include "handoff/error-text.h"

#include "base/codes.h"
#include "handoff/token.h"

/* What is wrong with an assertion is its maker's to know: the JSON says it. */
#define UNVERIFIED \
	{ TEXT_assertion_expired_title, TEXT_unverified_what, \
	  TEXT_tell_them, false }

/* By their status alone: codes that need no words of their own, and those of
 * adapters. */
#define FORBIDDEN \
	{ TEXT_forbidden_title, TEXT_none, \
	  TEXT_user_blocked_todo, false }
#define MISSING \
	{ TEXT_missing_title, TEXT_missing_what, \
	  TEXT_missing_todo, false }
#define REFUSED \
	{ TEXT_refused_title, TEXT_none, \
	  TEXT_tell_them, false }
#define FAILED \
	{ TEXT_failed_title, TEXT_failed_what, \
	  TEXT_if_again, true }

_Static_assert(TOKEN_TTL_S == 2 * 60, "TEXT_token_expired_what says so");

#define CODE(name, status, since, meaning, remedy, ...)			\
	[CODE_##name] = __VA_ARGS__,
#define OUTCOME(name, ...)
static const struct error_text by_code[CODES] = {
#include "base/codes.def"
};
#undef CODE
#undef OUTCOME

static const struct error_text forbidden = FORBIDDEN;
static const struct error_text missing = MISSING;
static const struct error_text refused = REFUSED;
static const struct error_text failed = FAILED;

const struct error_text *error_text_for(int status, const char *code)
{
	const struct code_info *info;

	info = code ? code_find(str_from(code), status) : NULL;
	if (info && by_code[info - code_table].title)
		return &by_code[info - code_table];
	if (status == 403)
		return &forbidden;
	if (status == 404)
		return &missing;
	return status >= 500 ? &failed : &refused;
}
