/*
 * snippet: what a partner pastes into its site, with the tenant's real
 * addresses: usherctl snippet SLUG --framework NAME.
 *
 * With --signed it is the partner's server that says who is signed in: a file of
 * the server's, which signs at the click with a key of the tenant's (HS256; the
 * secret is not printed), and the page's side, which says nothing of anybody.
 * With --server the server posts by itself, and sends the browser on.
 *
 * Each (console/snippets/) is complete, safe to paste as it stands (nobody is
 * signed in before the partner fills in who is), and pins the browser SDK by
 * version and hash.  The SDK is loaded async: a gateway that hangs holds up no
 * page of a partner's.  What is clicked is a form that posts to the gateway by
 * itself where the SDK is late or kept out: a click is never lost.
 */
#ifndef CONSOLE_SNIPPET_H
#define CONSOLE_SNIPPET_H

#include "console/command.h"

/* The browser SDK that this build serves. */
struct snippet_sdk {
	struct str text;
	const char *path;	/* of its version: "/sdk/usher-1.1.0.js" */
};

extern const struct command_option snippet_options[];

/* The command. What the partner or the operator still has to do is said on
 * standard error. */
int snippet_run(const struct command_line *line, struct snippet_sdk sdk);

#endif
