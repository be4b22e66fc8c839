/*
 * error-text: what a person is told about an answer that is no success: a
 * title, what happened, and what to do.
 *
 * Programs get the code and the message of answer_error(); this is for the
 * pages that people see in its place.  Which words are a code's stands in
 * base/codes.def, the words in policy/texts/.  Plain words, nothing about the
 * inside of the gateway, and nothing to do that the reader cannot do.
 */
#ifndef HANDOFF_ERROR_TEXT_H
#define HANDOFF_ERROR_TEXT_H

#include "policy/texts.h"

struct error_text {
	enum text title;	/* without a full stop */
	enum text what;		/* TEXT_none: the answer's own message says it */
	enum text todo;
	/* loading the same address again may work: for answers to a GET */
	bool is_passing;
};

/*
 * By its code, where that is one of the table with this status; else (an
 * adapter's own) by its status.  Constant, never NULL.  `code` may be.
 */
const struct error_text *error_text_for(int status, const char *code);

#endif
