#include "handoff/error-text.h"

#include "base/str.h"

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

static const struct {
	const char *code;
	struct error_text text;
} by_code[] = {
	/* the link */
	{ "token_expired", {
		"This sign-in link has expired",
		"Such a link works for two minutes, and this one is older.",
		CLICK_AGAIN, false } },
	{ "token_used", {
		"This sign-in link was used already",
		"Each link signs in once. This one was opened before, here or "
		"in another browser.",
		CLICK_AGAIN, false } },
	{ "token_invalid", {
		"This sign-in link does not work",
		"It is not complete, or it was made for another desk.",
		CLICK_AGAIN, false } },
	{ "not_a_document", {
		"Please open this in a tab of its own",
		"Signing in does not work inside another page.",
		CLICK_AGAIN, false } },
	/* the person */
	{ "not_signed_in", {
		"You are not signed in",
		"You signed out, or your session has ended after a while "
		"without a visit.",
		"Go back to the site that you came from and click its button: "
		"it signs you in.", false } },
	{ "user_blocked", {
		"You may not sign in here",
		"This desk does not let this account in.",
		"If that is a mistake, ask the site that you came from, and "
		"quote the number below.", false } },
	/* the partner's page */
	{ "origin_refused", {
		"This page may not do that",
		"The request came from a page that this desk does not know.",
		START_THERE, false } },
	{ "identity_required", {
		"The sign-in came without its proof",
		"This desk takes only sign-ins that are signed, and this one "
		"was not.",
		TELL_THEM, false } },
	{ "validation_failed", {
		"Something is wrong with this sign-in", NULL,
		TELL_THEM, false } },
	{ "tenant_not_found", {
		"There is no such desk",
		"The address names a desk that does not exist here.",
		"Check the address. If a button brought you here, tell the "
		"site that it is on.", false } },
	{ "not_a_frame", {
		"This page is a part of another one",
		"It works only inside the page that it was made for.",
		START_THERE, false } },
	{ "embedding_off", {
		"This desk cannot be shown here",
		"It names no site that may show it inside a page.",
		TELL_THEM, false } },
	/* a while */
	{ "too_many_requests", {
		"That was too often",
		"There were many sign-ins from your network within a short "
		"time. Nothing is lost.",
		"Wait a little, then go back and click the button again.",
		false } },
	{ "too_many_tickets", {
		"That was a lot at once", NULL,
		"Wait a little, then go on.", true } },
	{ "stopping", {
		"One moment, please",
		"The service is starting anew, which takes a few seconds.",
		"Please try again.", true } },
	{ "busy", {
		"One moment, please",
		"There is a lot to do right now.",
		"Please try again.", true } },
	{ "unavailable", {
		"One moment, please",
		"The service cannot answer right now.",
		IF_AGAIN, true } },
	{ "tenant_unavailable", {
		"This desk is closed for repair",
		"It is set up in a way that does not work, and waits for "
		"somebody to mend it.",
		"Please come back later.", true } },
	/* what the desk's owner runs here */
	{ "adapter_unavailable", {
		"This desk cannot sign you in right now",
		"A part of it that has a say in each sign-in is not running.",
		IF_AGAIN, true } },
	{ "adapter_timeout", {
		"The sign-in took too long",
		"A part of this desk that has a say in each sign-in did not "
		"answer in time.",
		IF_AGAIN, true } },
	{ "adapter_failed", {
		"The sign-in could not be completed",
		"A part of this desk that has a say in each sign-in has "
		"failed.",
		IF_AGAIN, true } },
	{ "adapter_redirect", {
		"The sign-in could not be completed",
		"This desk wanted to send you to a place that it is not "
		"allowed to.",
		TELL_THEM, false } },
	/* the address */
	{ "unknown_host", {
		"This name is not served here",
		"Your browser reached a server that does not know the name in "
		"the address.",
		"Check the address.", false } },
	{ "method_not_allowed", {
		"This address is not for opening",
		"It is there for a site's button, or for a program.",
		START_THERE, false } },
	{ "headers_too_long", {
		"Your browser sends too much",
		"It keeps too many cookies for this site.",
		"Delete this site's cookies in your browser's settings, then "
		"try again.", false } },
	{ "csrf_refused", {
		"This page is out of date",
		"Somebody has signed in or out since it was loaded.",
		"Load the page again.", false } },
};

static const struct error_text forbidden = {
	"Not allowed", NULL,
	"If that is a mistake, ask the site that you came from, and quote the "
	"number below.", false
};
static const struct error_text missing = {
	"There is nothing here",
	"The address is mistyped, or what was here is gone.",
	"Check the address, or go back to where you came from.", false
};
static const struct error_text refused = {
	"That did not work", NULL, TELL_THEM, false
};
static const struct error_text failed = {
	"Something went wrong",
	"It is not your fault: something failed on our side.",
	IF_AGAIN, true
};

const struct error_text *error_text_for(int status, const char *code)
{
	size_t i;

	for (i = 0; code && i < N_ELEMENTS(by_code); i++)
		if (!strcmp(by_code[i].code, code))
			return &by_code[i].text;
	if (status == 403)
		return &forbidden;
	if (status == 404)
		return &missing;
	return status >= 500 ? &failed : &refused;
}
