#include "console/console.h"

#include "adapter/supervisor.h"
#include "admin/ask.h"
#include "admin/laddercmd.h"
#include "admin/services.h"
#include "admin/show.h"
#include "admin/socket.h"
#include "config/report.h"

#define PLACE_BYTES_MAX (64u << 20)	/* names of the directory, too */

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

int console_place(const struct command_general *general,
		  struct console_place *out_r)
{
	const struct snapshot_options load = load_options(general);
	struct console_place out = { .pool = pool_new(PLACE_BYTES_MAX) };
	struct report report;
	enum err err = ERR_NOMEM;

	if (!out.pool || report_init(&report)) {
		pool_free(out.pool);
		return -1;
	}
	err = place_find(&load, out.pool, &out.place, &report);
	if (err || out.place.is_broken)
		print_report(&report);
	report_done(&report);
	if (err) {
		fprintf(stderr, "usherctl: %s tells of no gateway; name its "
			"directory with --config, or its socket with "
			"--socket\n", general->config);
		pool_free(out.pool);
		return -1;
	}
	if (out.place.is_broken && !out.place.is_admin_guessed)
		fprintf(stderr, "usherctl: the configuration is broken; going "
			"by what can be read of it: state %s, admin "
			"unix:%s\n", out.place.state.ptr,
			out.place.admin.ptr);
	*out_r = out;
	return 0;
}

int console_state(const struct command_general *general,
		  struct console_place *out_r)
{
	if (console_place(general, out_r))
		return -1;
	if (!out_r->place.is_state_guessed)
		return 0;
	fputs("usherctl: the configuration is broken, and does not tell where "
	      "the state directory is: name it with --state\n", stderr);
	console_place_done(out_r);
	return -1;
}

void console_place_done(struct console_place *place)
{
	pool_free(place->pool);
	place->pool = NULL;
}

/* -1: no memory. `check` adds what a start would say besides; NULL: nothing. */
static int load_all(const struct command_general *general,
		    const struct console_check *check, struct console *out_r)
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
	if (console.snapshot && check) {
		check->place(&console.snapshot->gateway, general->socket,
			     &console.report);
		check->files(console.snapshot, &console.report);
	}
	*out_r = console;
	return 0;
}

int console_open(const struct command_general *general, struct console *out_r)
{
	struct console console;

	if (load_all(general, NULL, &console))
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

const struct tenant *console_tenant(const struct console *console,
				    struct str slug)
{
	const struct tenant *tenant = snapshot_tenant(console->snapshot, slug);
	struct str near;

	if (tenant)
		return tenant;
	near = snapshot_nearest(console->snapshot, slug);
	fprintf(stderr, "usherctl: there is no tenant \"%.*s\" in this "
		"configuration; ", STR_ARG(slug));
	if (near.len)
		fprintf(stderr, "did you mean %.*s?\n", STR_ARG(near));
	else
		fputs("see: usherctl check\n", stderr);
	return NULL;
}

void console_tell_broken(const struct tenant *tenant)
{
	fprintf(stderr, "usherctl: tenant \"%.*s\" is broken: %.*s:%u: %.*s\n",
		STR_ARG(tenant->slug), STR_ARG(tenant->file), tenant->line,
		STR_ARG(tenant->problem));
}

/* Take the last line away where it says that there is more, and behind what. */
static void take_next(struct buf *body, struct buf *next)
{
	const struct str more = STR(LADDER_MORE);
	size_t end = body->len ? body->len - 1 : 0, start = end;

	while (start && body->ptr[start - 1] != '\n')
		start--;
	if (end - start <= more.len ||
	    memcmp(body->ptr + start, more.ptr, more.len))
		return;
	buf_add(next, body->ptr + start + more.len, end - start - more.len);
	body->len = start;
}

/* Send it, print what comes back.  `next`: as console_ask_on() has it; NULL:
 * all of it is printed. */
static int exchange(const char *path, const struct command_line *line,
		    const struct str *words, unsigned count, struct buf *next)
{
	int status = COMMAND_REFUSED;
	struct buf body;
	enum err err;

	buf_init(&body, SOCKET_BODY_MAX);
	err = ask_daemon(path, words, count, &body);
	if (!err || err == ERR_CONFLICT) {
		if (next && !line->general.json)
			take_next(&body, next);
		fwrite(body.ptr, 1, body.len, stdout);
		status = err ? COMMAND_REFUSED : COMMAND_DONE;
	} else if (err == ERR_NOT_FOUND) {
		fprintf(stderr,
			"usherctl: no daemon answers at %s; is usherd running "
			"with this configuration, and may you open its "
			"socket? If it listens elsewhere: --socket PATH\n",
			path);
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

static int send_on(const struct command_line *line, const struct str *words,
		   unsigned count, struct buf *next)
{
	struct console_place place = { 0 };
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
		if (console_place(&line->general, &place))
			return COMMAND_REFUSED;
		path = place.place.admin.ptr;
	}
	if (place.place.is_admin_guessed) {
		fputs("usherctl: the configuration is broken, and does not "
		      "tell where the gateway is: name its socket with "
		      "--socket PATH, or its state directory with --state\n",
		      stderr);
		console_place_done(&place);
		return COMMAND_REFUSED;
	}
	status = exchange(path, line, all, count, next);
	console_place_done(&place);
	return status;
}

int console_send(const struct command_line *line, const struct str *words,
		 unsigned count)
{
	return send_on(line, words, count, NULL);
}

int console_ask(const struct command_line *line)
{
	struct str words[SOCKET_WORDS_MAX];
	unsigned count = console_words(line, words, SOCKET_WORDS_MAX);

	for (int i = 0; i < line->count && count < SOCKET_WORDS_MAX; i++)
		words[count++] = str_from(line->arguments[i]);
	return console_send(line, words, count);
}

int console_ask_on(const struct command_line *line)
{
	struct str words[SOCKET_WORDS_MAX];
	unsigned own = console_words(line, words, SOCKET_WORDS_MAX - 2);
	char after[SOCKET_LINE_MAX];
	unsigned count = own;
	int status;

	for (int i = 0; i < line->count && i < 2; i++)
		words[count++] = str_from(line->arguments[i]);
	for (;;) {
		struct buf next;

		buf_init(&next, sizeof(after));
		status = send_on(line, words, count, &next);
		if (status != COMMAND_DONE || !next.len ||
		    next.len > sizeof(after)) {
			buf_done(&next);
			return status;
		}
		memcpy(after, next.ptr, next.len);
		words[own + 1] = (struct str){ after, next.len };
		count = own + 2;
		buf_done(&next);
	}
}

int console_check(const struct command_line *line,
		  const struct console_check *check)
{
	struct console console;
	int status;

	if (load_all(&line->general, check, &console))
		return COMMAND_REFUSED;
	status = show_report(console.snapshot, &console.report,
			     line->general.json, stdout) <
			 REPORT_TENANT ? COMMAND_DONE : COMMAND_REFUSED;
	console_close(&console);
	return status;
}
