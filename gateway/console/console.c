#include "console/console.h"

#include "adapter/supervisor.h"
#include "admin/services.h"
#include "admin/show.h"
#include "admin/socket.h"
#include "config/report.h"
#include "console/ask.h"

static struct snapshot_options load_options(
	const struct command_general *general)
{
	return (struct snapshot_options){
		.config_dir = general->config,
		.state_override = general->state,
		.plugins_override = general->plugins,
	};
}

static void print_report(const struct report *report)
{
	struct buf text;

	buf_init(&text, 1 << 20);
	report_text(report, &text);
	fprintf(stderr, "%.*s", STR_ARG(buf_str(&text)));
	buf_done(&text);
}

struct snapshot *console_gateway(const struct command_general *general)
{
	const struct snapshot_options load = load_options(general);
	struct snapshot *snapshot;
	struct report report;

	if (report_init(&report))
		return NULL;
	snapshot = snapshot_load_gateway(&load, &report);
	if (!snapshot)
		print_report(&report);
	report_done(&report);
	return snapshot;
}

/* -1: no memory. */
static int load_all(const struct command_general *general,
		    struct console *out_r)
{
	struct snapshot_options load = load_options(general);
	struct console console = { 0 };
	char text[512];
	struct buf why;

	load.workers = 1;
	load.awaits_adapters = true;
	load.services = &services_of_adapters;
	if (report_init(&console.report))
		return -1;
	buf_init_fixed(&why, text, sizeof(text));
	if (supervisor_new(NULL, &load.supervisor, &why))
		fprintf(stderr, "usherctl: %s\n", text);
	console.supervisor = load.supervisor;
	console.snapshot = snapshot_load(&load, NULL, &console.report);
	*out_r = console;
	return 0;
}

int console_open(const struct command_general *general, struct console *out_r)
{
	struct console console;

	if (load_all(general, &console))
		return -1;
	if (console.snapshot) {
		*out_r = console;
		return 0;
	}
	print_report(&console.report);
	console_close(&console);
	return -1;
}

void console_close(struct console *console)
{
	snapshot_unref(console->snapshot);
	supervisor_free(console->supervisor);
	report_done(&console->report);
}

/* Send it, print what comes back. */
static int exchange(const char *path, const struct command_line *line,
		    const struct str *words, unsigned count)
{
	int status = COMMAND_REFUSED;
	struct buf body;
	enum err err;

	buf_init(&body, SOCKET_BODY_MAX);
	err = ask_daemon(path, words, count, &body);
	if (!err || err == ERR_CONFLICT) {
		fwrite(body.ptr, 1, body.len, stdout);
		status = err ? COMMAND_REFUSED : COMMAND_DONE;
	} else if (err == ERR_NOT_FOUND) {
		fprintf(stderr,
			"usherctl: no daemon answers at %s; is usherd running "
			"with this configuration, and may you open its "
			"socket?\n", path);
		status = COMMAND_NO_DAEMON;
	} else if (err == ERR_LIMIT) {
		status = command_misused(line, "the arguments of %s are too "
					 "many or too long",
					 line->command->words);
	} else {
		fprintf(stderr, "usherctl: %s: %.*s\n", line->command->words,
			STR_ARG(err == ERR_SYNTAX ? buf_str(&body) :
				str_from(err_text(err))));
	}
	buf_done(&body);
	return status;
}

unsigned console_words(const struct command_line *line, struct str *words,
		       unsigned max)
{
	struct str rest = str_from(line->command->words);
	unsigned count = 0;

	while (!str_is_null(rest) && count < max)
		words[count++] = str_cut(rest, ' ', &rest);
	return count;
}

int console_send(const struct command_line *line, const struct str *words,
		 unsigned count)
{
	struct snapshot *snapshot = NULL;
	const char *path = line->general.socket;
	struct str all[SOCKET_WORDS_MAX + 1];
	int status;

	if (count >= SOCKET_WORDS_MAX)
		return command_misused(line, "%s has too many arguments",
				       line->command->words);
	memcpy(all, words, count * sizeof(all[0]));
	if (line->general.json)
		all[count++] = STR("--json");
	if (!path) {
		snapshot = console_gateway(&line->general);
		if (!snapshot)
			return COMMAND_REFUSED;
		path = snapshot->gateway.admin.ptr;
	}
	status = exchange(path, line, all, count);
	snapshot_unref(snapshot);
	return status;
}

int console_ask(const struct command_line *line)
{
	struct str words[SOCKET_WORDS_MAX];
	unsigned count = console_words(line, words, SOCKET_WORDS_MAX);

	for (int i = 0; i < line->count && count < SOCKET_WORDS_MAX; i++)
		words[count++] = str_from(line->arguments[i]);
	return console_send(line, words, count);
}

int console_check(const struct command_line *line)
{
	struct console console;
	int status;

	if (load_all(&line->general, &console))
		return COMMAND_REFUSED;
	status = show_report(console.snapshot, &console.report,
			     line->general.json, stdout) <
			 REPORT_TENANT ? COMMAND_DONE : COMMAND_REFUSED;
	console_close(&console);
	return status;
}
