/*
 * console: what the commands of usherctl share: where the gateway is, and a
 * question to the daemon.
 */
#ifndef CONSOLE_CONSOLE_H
#define CONSOLE_CONSOLE_H

#include "console/command.h"
#include "config/place.h"
#include "config/report.h"
#include "config/snapshot.h"

/*
 * Where the gateway's state and socket are, by --config and --state.  Files
 * that do not hold do not keep anybody from them: that is told on standard
 * error, and what can be read of them counts.  -1 with the reason printed.
 */
struct console_place {
	struct place place;
	struct pool *pool;	/* private */
};

int console_place(const struct command_general *general,
		  struct console_place *out_r);
/* The same for who works in the state directory: never in one that is guessed,
 * which may be another gateway's. */
int console_state(const struct command_general *general,
		  struct console_place *out_r);
/* Accepts a zeroed one. */
void console_place_done(struct console_place *place);

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
/* NULL, with the reason and the name that is near printed, where there is no
 * such tenant. */
const struct tenant *console_tenant(const struct console *console,
				    struct str slug);
/* Print of a TENANT_BROKEN why it is so, and where. */
void console_tell_broken(const struct tenant *tenant);

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
 * the daemon, whose answer is printed; and a check of the configuration, with
 * what a start would say besides, which is the program's to give (http/check.h:
 * a neighbour of this room).
 */
struct console_check {
	void (*place)(const struct gateway_config *config, const char *socket,
		      struct report *report);
	void (*files)(const struct snapshot *snapshot, struct report *report);
};

int console_ask(const struct command_line *line);
/* The same, and where the answer ends with LADDER_MORE (admin/laddercmd.h) all
 * that follows, page by page. */
int console_ask_on(const struct command_line *line);
int console_check(const struct command_line *line,
		  const struct console_check *check);

#endif
