/*
 * scaffold: `usherctl adapter new`: a directory to begin an adapter in.
 *
 * The files are the SDK's template, compiled in, so that nothing has to be
 * found; in their names and texts "acme" becomes the adapter's name.
 */
#ifndef CONSOLE_SCAFFOLD_H
#define CONSOLE_SCAFFOLD_H

#include "console/command.h"

#define SCAFFOLD_NAME_MAX 48	/* octets */

struct scaffold_file {
	const char *name, *text;
};

/* Made of sdk/template; an empty one ends it. */
extern const struct scaffold_file scaffold_files[];

extern const struct command_option scaffold_options[];

int scaffold_new(const struct command_line *line);

#endif
