/*
 * grammar: libconfig's, checked token by token.
 *
 * libconfig says "syntax error" for whatever does not fit, and its 1.5 leaks
 * memory when it does.  Here each misfit has a sentence of its own.  The
 * grammar is that of the library's manual: a list of `name = value`, each
 * optionally followed by ';' or ','; a value is a scalar, adjacent texts,
 * { settings }, ( values ) or [ scalars of one type ].  One thing is refused
 * that the library takes: adjacent texts as an element, which are two with a
 * comma forgotten.  Pure; knows nothing of names' meanings and not whether one
 * is given twice.
 */
#ifndef CONFIG_GRAMMAR_H
#define CONFIG_GRAMMAR_H

#include <stdbool.h>

#define GRAMMAR_DEPTH_MAX 12	/* nested groups, lists and arrays */
#define GRAMMAR_NAMES_MAX 1024	/* settings of one group: the library compares
				 * each with all before it */

enum token {
	TOKEN_NAME,
	TOKEN_EQUALS,		/* '=' or ':' */
	TOKEN_TEXT,
	TOKEN_NUMBER,
	TOKEN_BOOL,
	TOKEN_SEMICOLON,
	TOKEN_COMMA,
	TOKEN_OPEN,		/* '{', '(' or '[' */
	TOKEN_CLOSE,		/* '}', ')' or ']' */
	TOKEN_END,
};

enum grammar_state {
	GRAMMAR_NAME,		/* a setting may begin */
	GRAMMAR_EQUALS,
	GRAMMAR_VALUE,
	GRAMMAR_FIRST,		/* in a list: a value, or its end */
	GRAMMAR_NEXT,		/* after its comma */
	GRAMMAR_AFTER,		/* after a value */
};

struct grammar_level {
	char bracket;		/* that opened it */
	unsigned line;
	unsigned names;		/* of a group */
	enum token kind;	/* of an array's elements; TOKEN_END: none */
};

struct grammar {
	enum grammar_state state;
	unsigned depth;
	/* the first one is outside of all brackets */
	struct grammar_level levels[GRAMMAR_DEPTH_MAX + 1];
	enum token last;	/* in GRAMMAR_AFTER: the value's kind */
};

struct misfit {
	const char *problem, *remedy;	/* constant */
	unsigned line;			/* not of this token, but of this line;
					 * 0: of this one */
};

/* Begin with a zeroed struct grammar. */

/*
 * The next token: `bracket` is its character for TOKEN_OPEN and TOKEN_CLOSE.
 * False when it does not fit; nothing may be fed after that.
 */
bool grammar_feed(struct grammar *grammar, enum token token, char bracket,
		  unsigned line, struct misfit *misfit_r);
#endif
