/*
 * command: the commands of a console, as a table, and one way to read all of
 * them.
 *
 *	static const struct command_option sign_options[] = {
 *		{ "email", "ADDRESS", "whose", 1 },
 *		{ "field", "NAME=VALUE", "one more claim", 64 },
 *		{ "raw", NULL, "only the token", 1 },
 *		{ 0 }
 *	};
 *	{ "sign", "SLUG", "a test assertion", 1, 1, sign_run, sign_options },
 *
 * Options may stand anywhere behind the command's words, as --name VALUE or
 * --name=VALUE, the general ones too; where a name is both, behind the words
 * it is the command's.  "--" ends the options.
 */
#ifndef CONSOLE_COMMAND_H
#define CONSOLE_COMMAND_H

#include <stdbool.h>
#include <stdio.h>

#include "base/str.h"

#define COMMAND_OPTIONS_MAX 24	/* of one command, the general ones besides */
#define COMMAND_GIVEN_MAX 512	/* options on one command line */

/* What the program ends with. */
enum command_exit {
	COMMAND_DONE = 0,
	COMMAND_REFUSED = 1,	/* by the daemon or the files */
	COMMAND_USAGE = 2,
	COMMAND_NO_DAEMON = 3,
};

/* What every command knows.  NULL: not given. */
struct command_general {
	const char *config, *state, *plugins, *socket;
	bool json;
};

struct command_option {
	const char *name;	/* without dashes; NULL ends the table */
	const char *argument;	/* for the help; NULL: a flag */
	const char *help;
	unsigned max;		/* how often it may be given */
};

struct command_line;

struct command {
	const char *words;	/* "key list" */
	const char *arguments;	/* for the help; "": none */
	const char *help;
	int min, max;		/* arguments */
	int (*run)(const struct command_line *line);
	const struct command_option *options;	/* may be NULL */
};

struct command_given {
	const struct command_option *option;
	const char *value;	/* flags: NULL */
};

/* A command line that was understood; all of it borrowed from argv. */
struct command_line {
	const struct command *command;
	struct command_general general;
	char **arguments;
	int count;
	struct command_given given[COMMAND_GIVEN_MAX];
	unsigned given_count;
};

/* The value of an option that may be given once; NULL: it was not. */
const char *command_value(const struct command_line *line, const char *name);
bool command_has(const struct command_line *line, const char *name);
/*
 * One after the other: `unsigned at = 0; while ((v = command_next(line,
 * "field", &at)))`.  NULL at the end.
 */
const char *command_next(const struct command_line *line, const char *name,
			 unsigned *at);
/* "NAME=VALUE", spaces around both trimmed: 0, -1 without a name or '='. */
int command_pair(const char *text, struct str *name_r, struct str *value_r);
/* On standard error, "usherctl: " first, a line end last: COMMAND_USAGE. */
int command_misused(const struct command_line *line, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Understand argv and run the command: what it returned, or COMMAND_USAGE
 * with the reason on standard error; COMMAND_REFUSED, too, where standard
 * output did not take all that was printed.  `commands` ends with an empty one;
 * `confdir` is what --config falls back to, and `version` what --version says.
 */
int command_main(const struct command *commands, int argc, char **argv,
		 const char *confdir, const char *version);

#endif
