#include "console/command.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>

#include "config/suggest.h"

#define PROGRAM "usherctl"
#define COLUMN 40		/* where the help of a command begins */

static const struct option general_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "state", required_argument, NULL, 's' },
	{ "plugins", required_argument, NULL, 'p' },
	{ "socket", required_argument, NULL, 'S' },
	{ "json", no_argument, NULL, 'j' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 }
};
#define GENERAL_COUNT (N_ELEMENTS(general_options))
#define GENERAL_LETTERS "c:s:p:S:jVh"
/* What getopt_long() gives for a command's own: above any letter. */
#define OWN 256

/* ---- what a command asks ------------------------------------------------ */

const char *command_next(const struct command_line *line, const char *name,
			 unsigned *at)
{
	while (*at < line->given_count) {
		const struct command_given *given = &line->given[(*at)++];

		if (!strcmp(given->option->name, name))
			return given->value ? given->value : "";
	}
	return NULL;
}

const char *command_value(const struct command_line *line, const char *name)
{
	unsigned at = 0;

	return command_next(line, name, &at);
}

bool command_has(const struct command_line *line, const char *name)
{
	return command_value(line, name) != NULL;
}

int command_pair(const char *text, struct str *name_r, struct str *value_r)
{
	struct str value, name = str_cut(str_from(text), '=', &value);

	name = str_trim(name, " \t");
	if (!name.len || str_is_null(value))
		return -1;
	*name_r = name;
	*value_r = str_trim(value, " \t");
	return 0;
}

int command_misused(const struct command_line *line, const char *format, ...)
{
	va_list ap;

	(void)line;
	fputs(PROGRAM ": ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	return COMMAND_USAGE;
}

/* ---- help --------------------------------------------------------------- */

static void list_commands(const struct command *commands, const char *confdir,
			  FILE *out)
{
	fputs("usage: " PROGRAM " [--config DIR] [--state DIR] "
	      "[--plugins DIR]\n                [--socket PATH] [--json] "
	      "COMMAND [OPTION...]\n\n", out);
	for (; commands->words; commands++) {
		int room = COLUMN - 3 - (int)strlen(commands->words);

		fprintf(out, "  %s %-*s%s%s\n", commands->words, room,
			commands->arguments,
			(int)strlen(commands->arguments) < room ? "" : " ",
			commands->help);
	}
	fprintf(out, "\n" PROGRAM " COMMAND --help tells a command's options. "
		"The daemon is found through\n--socket, or through the "
		"configuration in --config (default\n%s). See usherctl(1).\n",
		confdir);
}

static void describe(const struct command *command, FILE *out)
{
	const struct command_option *o = command->options;

	fprintf(out, "usage: " PROGRAM " %s%s%s%s\n\n  %s\n", command->words,
		*command->arguments ? " " : "", command->arguments,
		o && o->name ? " [OPTION...]" : "", command->help);
	if (o && o->name)
		fputc('\n', out);
	for (; o && o->name; o++) {
		char left[80];

		snprintf(left, sizeof(left), "--%s%s%s", o->name,
			 o->argument ? " " : "",
			 o->argument ? o->argument : "");
		fprintf(out, "  %-32s %s%s\n", left, o->help,
			o->max > 1 ? " (may be repeated)" : "");
	}
}

/* ---- reading ------------------------------------------------------------ */

/* True: it was one of those that every command has. */
static bool take_general(struct command_general *general, int letter,
			 const char *value)
{
	switch (letter) {
	case 'c': general->config = value; return true;
	case 's': general->state = value; return true;
	case 'p': general->plugins = value; return true;
	case 'S': general->socket = value; return true;
	case 'j': general->json = true; return true;
	default: return false;
	}
}

static int take_own(struct command_line *line,
		    const struct command_option *option, const char *value)
{
	unsigned times = 0, at = 0;

	while (command_next(line, option->name, &at))
		times++;
	if (times >= option->max)
		return option->max == 1 ?
			command_misused(line, "--%s is given twice",
					option->name) :
			command_misused(line, "--%s is given more than %u "
					"times", option->name, option->max);
	if (line->given_count == COMMAND_GIVEN_MAX)
		return command_misused(line, "more than %d options are given",
				       COMMAND_GIVEN_MAX);
	line->given[line->given_count++] = (struct command_given){ option,
								   value };
	return COMMAND_DONE;
}

/* How many of the words given are this command's; 0: it is another one. */
static int is_command(const struct command *command, char **words, int count)
{
	struct str rest = str_from(command->words);
	int n = 0;

	while (!str_is_null(rest)) {
		struct str word = str_cut(rest, ' ', &rest);

		if (n == count || !str_eq(word, str_from(words[n])))
			return 0;
		n++;
	}
	return n;
}

/* The command's own options first: the first of two equal names is taken. */
static void join_options(const struct command_option *own,
			 struct option *longs)
{
	unsigned n = 0;

	for (; own && own->name && n < COMMAND_OPTIONS_MAX; own++, n++)
		longs[n] = (struct option){
			own->name, own->argument ? required_argument :
						   no_argument,
			NULL, OWN + (int)n
		};
	memcpy(longs + n, general_options, sizeof(general_options));
}

/* argv[0] is the program's name. `done` is set where nothing is left to do. */
static int read_options(struct command_line *line, int argc, char **argv,
			bool *done)
{
	struct option longs[COMMAND_OPTIONS_MAX + GENERAL_COUNT];
	int c, status = COMMAND_DONE;

	join_options(line->command->options, longs);
	optind = 0;
	while (status == COMMAND_DONE &&
	       (c = getopt_long(argc, argv, GENERAL_LETTERS, longs, NULL)) !=
	       -1) {
		if (c >= OWN) {
			status = take_own(line,
					  &line->command->options[c - OWN],
					  optarg);
		} else if (c == 'h') {
			describe(line->command, stdout);
			*done = true;
		} else if (!take_general(&line->general, c, optarg)) {
			describe(line->command, stderr);
			status = COMMAND_USAGE;
		}
	}
	line->arguments = argv + optind;
	line->count = argc - optind;
	return status;
}

/* argv[0] is the program's name, and the command's words follow. */
static int run_command(struct command_line *line, int own, int argc,
		       char **argv)
{
	const struct command *command = line->command;
	bool done = false;
	int status;

	argv[own] = argv[0];
	status = read_options(line, argc - own, argv + own, &done);
	if (status != COMMAND_DONE || done)
		return status;
	if (line->count < command->min || line->count > command->max)
		return command_misused(line, "%s takes %s", command->words,
				       command->max ? command->arguments :
						      "no arguments");
	return command->run(line);
}

/* ---- which one ---------------------------------------------------------- */

#define NEAR_MAX 128		/* names that are compared */

/* The commands of a group, where the word is one's name: "users". */
static bool list_group(const struct command *commands, const char *word)
{
	const struct str name = str_from(word);
	unsigned count = 0;

	for (; commands->words; commands++) {
		struct str rest, first = str_cut(str_from(commands->words),
						 ' ', &rest);

		if (!str_eq(first, name))
			continue;
		if (!count++)
			fprintf(stderr, PROGRAM ": %s is followed by\n\n",
				word);
		fprintf(stderr, "  %s %s\n", commands->words,
			commands->arguments);
	}
	if (count)
		fputs("\n" PROGRAM " COMMAND --help tells more.\n", stderr);
	return count;
}

/* What was meant: all words, or the first one. */
static const char *nearest(const struct command *commands, char **words,
			   int count)
{
	const char *names[NEAR_MAX], *found = NULL;
	char both[2 * SUGGEST_WORD_MAX];
	unsigned n = 0;

	for (; commands->words && n < NEAR_MAX; commands++)
		names[n++] = commands->words;
	if (count > 1 && (size_t)snprintf(both, sizeof(both), "%s %s", words[0],
					  words[1]) < sizeof(both))
		found = suggest_nearest(str_from(both), names, n);
	return found ? found : suggest_nearest(str_from(words[0]), names, n);
}

static void refuse_unknown(const struct command *commands, char **words,
			   int count)
{
	const char *near;

	if (list_group(commands, words[0]))
		return;
	near = nearest(commands, words, count);
	fprintf(stderr, PROGRAM ": no such command: %s", words[0]);
	if (near)
		fprintf(stderr, "; did you mean %s?", near);
	fputs("\n" PROGRAM " --help lists all.\n", stderr);
}

/* Of two commands that begin alike the longer one is meant. */
static int find_and_run(const struct command *commands, int argc, char **argv,
			const char *confdir, const char *version)
{
	static struct command_line line;
	int c, count, own = 0;
	char **words;

	line = (struct command_line){ .general = { .config = confdir } };
	optind = 0;
	while ((c = getopt_long(argc, argv, "+" GENERAL_LETTERS,
				general_options, NULL)) != -1) {
		if (c == 'V') {
			printf(PROGRAM " %s\n", version);
			return COMMAND_DONE;
		}
		if (c == 'h') {
			list_commands(commands, confdir, stdout);
			return COMMAND_DONE;
		}
		if (!take_general(&line.general, c, optarg)) {
			list_commands(commands, confdir, stderr);
			return COMMAND_USAGE;
		}
	}
	words = argv + optind;
	count = argc - optind;
	for (const struct command *k = commands; k->words; k++) {
		int n = is_command(k, words, count);

		if (n <= own)
			continue;
		line.command = k;
		own = n;
	}
	if (own) {
		words[-1] = argv[0];
		return run_command(&line, own, count + 1, words - 1);
	}
	if (count)
		refuse_unknown(commands, words, count);
	else
		list_commands(commands, confdir, stderr);
	return COMMAND_USAGE;
}

int command_main(const struct command *commands, int argc, char **argv,
		 const char *confdir, const char *version)
{
	int status = find_and_run(commands, argc, argv, confdir, version);

	errno = 0;	/* what went wrong earlier may be said no more */
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	fprintf(stderr, PROGRAM ": the answer could not be written: %s\n",
		errno ? strerror(errno) : "error on standard output");
	return status == COMMAND_DONE ? COMMAND_REFUSED : status;
}
