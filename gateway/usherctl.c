/*
 * usherctl: talk to a running usherd, and work on its files.
 *
 * See usherctl(1).  Commands that ask the daemon send one line through the
 * admin socket; the answer is text for people, or JSON for programs.
 */
#include <errno.h>
#include <getopt.h>
#include <unistd.h>

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
	const char *argument;		/* NULL: none */
	const char *help;
	int (*run)(const struct options *options, const char *line);
};

/* ---- what both kinds of commands need ------------------------------------ */

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

static int ask(const struct options *options, const char *line)
{
	struct snapshot *snapshot = NULL;
	const char *path = options->socket;
	char request[SOCKET_LINE_MAX + 8];
	int status = EXIT_REFUSED;
	struct buf body;
	enum err err;

	snprintf(request, sizeof(request), "%s%s", line,
		 options->json ? " --json" : "");
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
		fprintf(stderr, "usherctl: %s: %.*s\n", line,
			STR_ARG(err == ERR_SYNTAX ? buf_str(&body) :
				str_from(err_text(err))));
	}
	buf_done(&body);
	snapshot_unref(snapshot);
	return status;
}

/* ---- commands that work on files ----------------------------------------- */

static int check(const struct options *options, const char *line)
{
	const struct snapshot_options load = {
		.config_dir = options->config,
		.state_override = options->state,
		.plugins_override = options->plugins,
		.workers = 1,
		.services = &services_of_adapters,
	};
	struct snapshot *snapshot;
	struct report report;
	int status;

	(void)line;
	if (report_init(&report))
		return EXIT_REFUSED;
	snapshot = snapshot_load(&load, NULL, &report);
	status = show_report(snapshot, &report, options->json, stdout) <
			 REPORT_TENANT ? EXIT_DONE : EXIT_REFUSED;
	snapshot_unref(snapshot);
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

static int key_list(const struct options *options, const char *line)
{
	struct keyring *ring;
	char path[4096], why[KEYRING_WHY_MAX];

	(void)line;
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

static int key_new(const struct options *options, const char *line)
{
	char path[4096];
	enum err err;

	(void)line;
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

static int key_rotate(const struct options *options, const char *line)
{
	char path[4096], why[KEYRING_WHY_MAX];

	(void)line;
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

/* ---- the table ------------------------------------------------------------ */

static const struct command commands[] = {
	{ "check", NULL, "read the configuration, say what is wrong", check },
	{ "status", NULL, "what the daemon is doing", ask },
	{ "reload", NULL, "reload, and say what was found", ask },
	{ "tenants", NULL, "each tenant with its state and address", ask },
	{ "explain", "REQUEST-ID", "the trail of one request", ask },
	{ "key list", NULL, "the key ring: ids and ages", key_list },
	{ "key new", NULL, "make a key ring where there is none", key_new },
	{ "key rotate", NULL, "add a new newest key", key_rotate },
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void usage(FILE *out)
{
	fputs("usage: usherctl [--config DIR] [--state DIR] [--plugins DIR]\n"
	      "                [--socket PATH] [--json] COMMAND\n\n", out);
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		const char *argument = commands[i].argument;

		fprintf(out, "  %s %-*s %s\n", commands[i].words,
			(int)(20 - strlen(commands[i].words)),
			argument ? argument : "", commands[i].help);
	}
	fputs("\nThe daemon is found through --socket, or through the "
	      "configuration in --config\n(default " USHER_CONFDIR "). "
	      "See usherctl(1).\n", out);
}

/* The words given, joined by single spaces, for the table and the wire. */
static void join(char **words, int count, struct buf *line)
{
	for (int i = 0; i < count; i++) {
		if (i)
			buf_addc(line, ' ');
		buf_puts(line, words[i]);
	}
}

static const struct command *find(const char *line)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		size_t n = strlen(commands[i].words);

		if (strncmp(line, commands[i].words, n))
			continue;
		if (commands[i].argument ? line[n] == ' ' && line[n + 1] &&
					   !strchr(line + n + 1, ' ')
					 : line[n] == '\0')
			return &commands[i];
	}
	return NULL;
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
	const struct command *command;
	char text[SOCKET_LINE_MAX];
	struct buf line;
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
	buf_init_fixed(&line, text, sizeof(text));
	join(argv + optind, argc - optind, &line);
	command = buf_is_ok(&line) ? find(text) : NULL;
	if (!command) {
		if (line.len)
			fprintf(stderr, "usherctl: no such command: %s\n\n",
				text);
		usage(stderr);
		return EXIT_USAGE;
	}
	hash_init();
	return command->run(&options, text);
}
