/*
 * console: what the commands of usherctl share: the configuration's gateway
 * group, and a question to the daemon.
 */
#ifndef CONSOLE_CONSOLE_H
#define CONSOLE_CONSOLE_H

#include "console/command.h"
#include "config/report.h"
#include "config/snapshot.h"

/* The gateway group of the configuration; NULL with the reason printed. */
struct snapshot *console_gateway(const struct command_general *general);

/* The whole configuration, tenants and adapters too, as the daemon would have
 * it. */
struct console {
	struct snapshot *snapshot;	/* NULL: there is no usable one */
	struct report report;		/* what was found */
	struct supervisor *supervisor;	/* private */
};

/*
 * -1, the reason printed, when there is none to use.  Findings about tenants
 * are in the report, and not printed.
 */
int console_open(const struct command_general *general, struct console *out_r);
void console_close(struct console *console);

/*
 * Send these words to the daemon (--json goes behind them where it was given)
 * and print its answer: what the command ends with.
 */
int console_send(const struct command_line *line, const struct str *words,
		 unsigned count);
/* The command's own words, "tickets list": how many; at most `max`. */
unsigned console_words(const struct command_line *line, struct str *words,
		       unsigned max);

/*
 * Commands: the command's words, the arguments and --json, as one line for
 * the daemon, whose answer is printed; and a check of the configuration.
 */
int console_ask(const struct command_line *line);
int console_check(const struct command_line *line);

#endif
