/*
 * codes: what the gateway answers when it does not do what it was asked: the
 * stable code of the answer, its status, and what it means.
 *
 * All there are stand in codes.def: one that is not there does not compile.
 * Codes and their statuses are relied on from outside (partners' pages, desks,
 * scripts).  usher-reference(7) tells them, `usherctl explain` does, and
 * handoff/error-text.h has the words of the pages that people see.  The codes
 * with which an adapter refuses are its own, and not in here.
 */
#ifndef BASE_CODES_H
#define BASE_CODES_H

#include "base/str.h"

#define CODE(name, ...) CODE_##name,
#define OUTCOME(name, ...) CODE_##name,
enum code {
#include "base/codes.def"
	CODES
};
#undef CODE
#undef OUTCOME

/* A line of the table. */
struct code_info {
	const char *name;
	int status;		/* of every answer with this code */
	const char *since;	/* the first version that has it */
	const char *meaning;	/* whole sentences, as is `remedy` */
	const char *remedy;	/* what the caller does */
};

extern const struct code_info code_table[CODES];

/*
 * The line of an answer with that code and status.  NULL: there is none, as for
 * the code of an adapter, or the name of a deed.
 */
const struct code_info *code_find(struct str name, int status);

#endif
