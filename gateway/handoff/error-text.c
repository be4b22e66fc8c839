#include "handoff/error-text.h"

#include "base/codes.h"
#include "handoff/token.h"

#define CLICK_AGAIN \
	"Go back to the site that you came from and click its button again: " \
	"that makes a fresh link."
#define TELL_THEM \
	"You cannot mend this yourself. Please tell the site that you came " \
	"from, and quote the number below."
#define IF_AGAIN \
	"Please try again. If it happens again, tell the site that you came " \
	"from, and quote the number below."
#define START_THERE \
	"Start from the site whose support you want, with its button."

/* What is wrong with an assertion is its maker's to know: the JSON says it. */
#define UNVERIFIED							\
	{ "This sign-in could not be verified",				\
	  "The site that you came from did not prove who you are.",	\
	  TELL_THEM, false }

/* By their status alone: codes that need no words of their own, and those of
 * adapters. */
#define FORBIDDEN							\
	{ "Not allowed", NULL,						\
	  "If that is a mistake, ask the site that you came from, and "	\
	  "quote the number below.", false }
#define MISSING								\
	{ "There is nothing here",					\
	  "The address is mistyped, or what was here is gone.",		\
	  "Check the address, or go back to where you came from.", false }
#define REFUSED { "That did not work", NULL, TELL_THEM, false }
#define FAILED								\
	{ "Something went wrong",					\
	  "It is not your fault: something failed on our side.",	\
	  IF_AGAIN, true }

#define TOKEN_LIFE "two minutes"
_Static_assert(TOKEN_TTL_S == 2 * 60, "people are told TOKEN_LIFE");

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
