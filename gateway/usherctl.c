/*
 * usherctl: talk to a running usherd, and work on its files.
 *
 * See usherctl(1).  Commands that ask the daemon send one line through the
 * admin socket; the answer is text for people, or JSON for programs.
 */
#include <errno.h>
#include <getopt.h>
#include <unistd.h>

#include "adapter/supervisor.h"
#include "adapter/trial.h"
#include "admin/services.h"
#include "admin/show.h"
#include "admin/socket.h"
#include "base/clock.h"
#include "base/hash.h"
#include "config/report.h"
#include "config/snapshot.h"
#include "crypto/keyring.h"

enum {
	EXIT_DONE = 0,
	EXIT_REFUSED = 1,
	EXIT_USAGE = 2,
	EXIT_NO_DAEMON = 3,
};

struct options {
	const char *config, *state, *plugins, *socket;
	bool json;
};

struct command {
	const char *words;		/* "key list" */
	const char *arguments;		/* for the help; "": none */
	const char *help;
	int min, max;			/* arguments */
	int (*run)(const struct options *options, const char *words,
		   char **arguments, int count);
};

/* ---- what both kinds of commands need --------------------------------- */

/* The gateway group of the configuration; NULL with the reason printed. */
static struct snapshot *read_gateway(const struct options *options)
{
	const struct snapshot_options load = {
		.config_dir = options->config,
		.state_override = options->state,
		.plugins_override = options->plugins,
	};
	struct snapshot *snapshot;
	struct report report;
	struct buf text;

	if (report_init(&report))
		return NULL;
	snapshot = snapshot_load_gateway(&load, &report);
	if (!snapshot) {
		buf_init(&text, 1 << 20);
		report_text(&report, &text);
		fprintf(stderr, "%.*s", STR_ARG(buf_str(&text)));
		buf_done(&text);
	}
	report_done(&report);
	return snapshot;
}

/* The words, the arguments and --json, as one line for the daemon. */
static int ask(const struct options *options, const char *words,
	       char **arguments, int count)
{
	struct snapshot *snapshot = NULL;
	const char *path = options->socket;
	char request[SOCKET_LINE_MAX];
	int status = EXIT_REFUSED;
	struct buf body, line;
	enum err err;

	buf_init_fixed(&line, request, sizeof(request));
	buf_puts(&line, words);
	for (int i = 0; i < count; i++)
		buf_printf(&line, " %s", arguments[i]);
	if (options->json)
		buf_puts(&line, " --json");
	if (!buf_is_ok(&line) || strchr(request, '\n')) {
		fprintf(stderr, "usherctl: the argument of %s is too long or "
			"has a line end in it\n", words);
		return EXIT_USAGE;
	}
	if (!path) {
		snapshot = read_gateway(options);
		if (!snapshot)
			return EXIT_REFUSED;
		path = snapshot->gateway.admin.ptr;
	}
	buf_init(&body, SOCKET_BODY_MAX);
	err = socket_ask(path, request, &body);
	if (!err) {
		fwrite(body.ptr, 1, body.len, stdout);
		status = EXIT_DONE;
	} else if (err == ERR_NOT_FOUND) {
		fprintf(stderr,
			"usherctl: no daemon answers at %s; is usherd running "
			"with this configuration, and may you open its "
			"socket?\n", path);
		status = EXIT_NO_DAEMON;
	} else {
		fprintf(stderr, "usherctl: %s: %.*s\n", words,
			STR_ARG(err == ERR_SYNTAX ? buf_str(&body) :
				str_from(err_text(err))));
	}
	buf_done(&body);
	snapshot_unref(snapshot);
	return status;
}

/* ---- commands that work on files -------------------------------------- */

static int check(const struct options *options, const char *words,
		 char **arguments, int count)
{
	struct snapshot_options load = {
		.config_dir = options->config,
		.state_override = options->state,
		.plugins_override = options->plugins,
		.workers = 1,
		.services = &services_of_adapters,
	};
	struct snapshot *snapshot;
	struct report report;
	char text[512];
	struct buf why;
	int status;

	(void)words, (void)arguments, (void)count;
	if (report_init(&report))
		return EXIT_REFUSED;
	buf_init_fixed(&why, text, sizeof(text));
	if (supervisor_new(NULL, &load.supervisor, &why))
		fprintf(stderr, "usherctl: %s\n", text);
	snapshot = snapshot_load(&load, NULL, &report);
	status = show_report(snapshot, &report, options->json, stdout) <
			 REPORT_TENANT ? EXIT_DONE : EXIT_REFUSED;
	snapshot_unref(snapshot);
	supervisor_free(load.supervisor);
	report_done(&report);
	return status;
}

/* The key ring's path in `path`; -1 with the reason printed. */
static int keyring_path(const struct options *options, char *path, size_t size)
{
	struct snapshot *snapshot = read_gateway(options);

	if (!snapshot)
		return -1;
	snprintf(path, size, "%s/keyring", snapshot->gateway.state.ptr);
	snapshot_unref(snapshot);
	return 0;
}

static int key_list(const struct options *options, const char *words,
		    char **arguments, int count)
{
	struct keyring *ring;
	char path[4096], why[KEYRING_WHY_MAX];

	(void)words, (void)arguments, (void)count;
	if (keyring_path(options, path, sizeof(path)))
		return EXIT_REFUSED;
	if (keyring_load(path, &ring, why, sizeof(why))) {
		fprintf(stderr, "usherctl: %s: %s\n", path, why);
		return EXIT_REFUSED;
	}
	show_keys(ring, options->json, stdout);
	keyring_free(ring);
	return EXIT_DONE;
}

static int key_new(const struct options *options, const char *words,
		   char **arguments, int count)
{
	char path[4096];
	enum err err;

	(void)words, (void)arguments, (void)count;
	if (keyring_path(options, path, sizeof(path)))
		return EXIT_REFUSED;
	err = keyring_create(path);
	if (err) {
		fprintf(stderr, "usherctl: %s: %s%s\n", path,
			err == ERR_CONFLICT ? "there is a key ring already; "
			"to add a key: usherctl key rotate" : err_text(err),
			err == ERR_IO ? " (does the state directory exist, and "
			"may you write there?)" : "");
		return EXIT_REFUSED;
	}
	printf("made %s\n", path);
	return EXIT_DONE;
}

static int key_rotate(const struct options *options, const char *words,
		      char **arguments, int count)
{
	char path[4096], why[KEYRING_WHY_MAX];

	(void)words, (void)arguments, (void)count;
	if (keyring_path(options, path, sizeof(path)))
		return EXIT_REFUSED;
	if (keyring_rotate(path, 0, why, sizeof(why))) {
		fprintf(stderr, "usherctl: %s: %s\n", path, why);
		return EXIT_REFUSED;
	}
	printf("added a key to %s; put it to use with: usherctl reload\n",
	       path);
	return EXIT_DONE;
}

/* ---- adapters --------------------------------------------------------- */

/* The whole file in *text_r, to be freed; -1 with the reason printed. */
static int read_text(const char *path, struct str *text_r)
{
	FILE *f = fopen(path, "re");
	char *text = malloc(TRIAL_TEXT_MAX + 1);
	size_t len = f && text ? fread(text, 1, TRIAL_TEXT_MAX + 1, f) : 0;
	bool failed = !f || !text || ferror(f) || len > TRIAL_TEXT_MAX;

	if (failed)
		fprintf(stderr, "usherctl: %s: %s\n", path,
			f && len > TRIAL_TEXT_MAX ? "a fixture has at most "
			"256 KiB" : strerror(errno));
	if (f)
		fclose(f);
	if (failed) {
		free(text);
		return -1;
	}
	*text_r = (struct str){ text, len };
	return 0;
}

/* Run one fixture, print what came out. */
static int try_fixture(const char *module, const char *name,
		       struct str fixture)
{
	struct trial_result result = { 0 };
	struct buf out;
	enum err err;

	buf_init(&out, 16 * 1024 * 1024);
	err = trial_run(module, str_from(name), fixture,
			&services_of_adapters, &out, &result);
	printf("%.*s", STR_ARG(buf_str(&out)));
	buf_done(&out);
	if (!err && result.expectations)
		printf("%s: %u of %u expectations hold\n", name,
		       result.expectations - result.failures,
		       result.expectations);
	return err || result.failures ? EXIT_REFUSED : EXIT_DONE;
}

static int adapter_check(const struct options *options, const char *words,
			 char **arguments, int count)
{
	int status = EXIT_DONE;
	struct str text;

	(void)options, (void)words;
	if (count == 1) {
		status = try_fixture(arguments[0], arguments[0],
				     STR("load\n"));
		if (status == EXIT_DONE)
			printf("%s loads\n", arguments[0]);
	}
	for (int i = 1; i < count; i++) {
		if (read_text(arguments[i], &text))
			return EXIT_REFUSED;
		if (try_fixture(arguments[0], arguments[i], text))
			status = EXIT_REFUSED;
		free((char *)text.ptr);
	}
	return status;
}

/* One handoff with the fields given as NAME=VALUE. */
static int adapter_run(const struct options *options, const char *words,
		       char **arguments, int count)
{
	struct buf fixture;
	int status = EXIT_USAGE;

	(void)options, (void)words;
	buf_init(&fixture, TRIAL_TEXT_MAX);
	for (int i = 1; i < count; i++) {
		const char *value = strchr(arguments[i], '=');

		if (!value || strchr(arguments[i], '\n')) {
			fprintf(stderr, "usherctl: %s: a field is NAME=VALUE, "
				"on one line\n", arguments[i]);
			goto out;
		}
		buf_printf(&fixture, "field %.*s = %s\n",
			   (int)(value - arguments[i]), arguments[i],
			   value + 1);
	}
	buf_puts(&fixture, "handoff\n");
	status = try_fixture(arguments[0], "handoff", buf_str(&fixture));
out:
	buf_done(&fixture);
	return status;
}

/* ---- the table -------------------------------------------------------- */

static const struct command commands[] = {
	{ "check", "", "read the configuration, say what is wrong",
	  0, 0, check },
	{ "status", "", "what the daemon is doing", 0, 0, ask },
	{ "reload", "", "reload, and say what was found", 0, 0, ask },
	{ "tenants", "", "each tenant with its state and address", 0, 0, ask },
	{ "explain", "REQUEST-ID", "the trail of one request", 1, 1, ask },
	{ "key list", "", "the key ring: ids and ages", 0, 0, key_list },
	{ "key new", "", "make a key ring where there is none",
	  0, 0, key_new },
	{ "key rotate", "", "add a new newest key", 0, 0, key_rotate },
	{ "adapter check", "FILE.so [FIXTURE...]",
	  "load an adapter, hold it against fixtures", 1, 64, adapter_check },
	{ "adapter run", "FILE.so [NAME=VALUE...]",
	  "one handoff with these fields", 1, 64, adapter_run },
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void usage(FILE *out)
{
	fputs("usage: usherctl [--config DIR] [--state DIR] [--plugins DIR]\n"
	      "                [--socket PATH] [--json] COMMAND\n\n", out);
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		int room = 38 - (int)strlen(commands[i].words);

		fprintf(out, "  %s %-*s %s\n", commands[i].words, room,
			commands[i].arguments, commands[i].help);
	}
	fputs("\nThe daemon is found through --socket, or through the "
	      "configuration in --config\n(default " USHER_CONFDIR "). "
	      "See usherctl(1).\n", out);
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

static int run_command(const struct options *options, char **words, int count)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		const struct command *c = &commands[i];
		int own = is_command(c, words, count);

		if (!own)
			continue;
		if (count - own >= c->min && count - own <= c->max)
			return c->run(options, c->words, words + own,
				      count - own);
		fprintf(stderr, "usherctl: %s takes %s\n", c->words,
			c->max ? c->arguments : "no arguments");
		return EXIT_USAGE;
	}
	if (count)
		fprintf(stderr, "usherctl: no such command: %s\n\n",
			words[0]);
	usage(stderr);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "state", required_argument, NULL, 's' },
		{ "plugins", required_argument, NULL, 'p' },
		{ "socket", required_argument, NULL, 'S' },
		{ "json", no_argument, NULL, 'j' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	struct options options = { .config = USHER_CONFDIR };
	int c;

	while ((c = getopt_long(argc, argv, "+c:s:p:S:jVh", longs, NULL)) !=
	       -1) {
		switch (c) {
		case 'c': options.config = optarg; break;
		case 's': options.state = optarg; break;
		case 'p': options.plugins = optarg; break;
		case 'S': options.socket = optarg; break;
		case 'j': options.json = true; break;
		case 'V': puts("usherctl " USHER_VERSION); return EXIT_DONE;
		case 'h': usage(stdout); return EXIT_DONE;
		default: usage(stderr); return EXIT_USAGE;
		}
	}
	hash_init();
	return run_command(&options, argv + optind, argc - optind);
}
