/* What usherctl asks the daemon for those who answer tickets. */
#include "console/ticketctl.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "admin/socket.h"
#include "store/tickets.h"
#include "unit/unit.h"

#define OPTIONS_MAX 3
#define ACME "acme", "7"

static char path[PATH_MAX + 16], heard[8 * TICKET_MESSAGE_MAX], err[4096];
static struct socket_server *server;

/* The daemon: what it was asked, a word behind the other. */
static const char *keep(void *ctx, const struct str *words, unsigned count,
			struct buf *body)
{
	struct buf out;

	(void)ctx;
	(void)body;
	buf_init_fixed(&out, heard, sizeof(heard));
	for (unsigned i = 0; i < count; i++)
		buf_printf(&out, "%s%.*s", i ? "|" : "", STR_ARG(words[i]));
	return NULL;
}

static void set_up(void)
{
	char why[256];

	snprintf(path, sizeof(path), "%s/admin.sock", unit_dir());
	server = socket_server_new(path, keep, NULL, why, sizeof(why));
	ck_assert_msg(server != NULL, "%s", why);
}

static void tear_down(void)
{
	socket_server_free(server);
}

struct given {
	const char *words;
	int (*run)(const struct command_line *line);
	const struct command_option *options;
	const char *arguments[3];
	struct {
		const char *name, *value;
	} set[OPTIONS_MAX];
	const char *input;		/* on standard input */
};

static void run_child(const struct given *g, FILE *e)
{
	const struct command command = { g->words, "", "", 0, 3, g->run,
					 g->options };
	struct command_line line = { .command = &command,
				     .general.socket = path };
	int in = memfd_create("in", MFD_CLOEXEC);

	line.arguments = (char **)g->arguments;
	while (line.count < 3 && g->arguments[line.count])
		line.count++;
	for (unsigned i = 0; i < OPTIONS_MAX && g->set[i].name; i++) {
		const struct command_option *o = g->options;

		while (o->name && strcmp(o->name, g->set[i].name))
			o++;
		line.given[line.given_count++] =
			(struct command_given){ o, g->set[i].value };
	}
	if (g->input) {
		(void)!write(in, g->input, strlen(g->input));
		lseek(in, 0, SEEK_SET);
		dup2(in, 0);
	}
	dup2(fileno(e), 2);
	_exit(g->run(&line));
}

/* In a process of its own, and we are the daemon. What it ends with; heard is
 * "" where the daemon was not asked. */
static int run(const struct given *g)
{
	FILE *e = tmpfile();
	int status, pid_fd;
	size_t len;
	pid_t pid;

	ck_assert_ptr_nonnull(e);
	heard[0] = '\0';
	fflush(NULL);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid)
		run_child(g, e);
	pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
	ck_assert_int_ge(pid_fd, 0);
	for (;;) {
		struct pollfd ready[] = {
			{ .fd = pid_fd, .events = POLLIN },
			{ .fd = socket_server_fd(server), .events = POLLIN },
		};

		ck_assert_int_ge(poll(ready, 2, -1), 1);
		if (ready[1].revents)
			socket_server_run(server);
		if (ready[0].revents)
			break;
	}
	close(pid_fd);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	rewind(e);
	len = fread(err, 1, sizeof(err) - 1, e);
	err[len] = '\0';
	fclose(e);
	return WEXITSTATUS(status);
}

#define ck_asks(want, ...)						\
	do {								\
		ck_assert_msg(run(&(struct given){ __VA_ARGS__ }) ==	\
			      COMMAND_DONE, "%s", err);			\
		ck_assert_str_eq(heard, want);				\
	} while (0)

#define ck_misused(says, ...)						\
	do {								\
		ck_assert_int_eq(run(&(struct given){ __VA_ARGS__ }),	\
				 COMMAND_USAGE);			\
		ck_assert_msg(strstr(err, says) != NULL, "%s", err);	\
		ck_assert_str_eq(heard, "");				\
	} while (0)

#define DO(w, f, o) .words = w, .run = f, .options = o
#define ARGS(...) .arguments = { __VA_ARGS__ }
#define WITH(...) .set = { __VA_ARGS__ }
#define LIST DO("tickets list", ticketctl_list, ticketctl_list_options)
#define CLOSE DO("tickets close", ticketctl_turn, ticketctl_turn_options)
#define SESSIONS DO("sessions", ticketctl_sessions, NULL)
#define REPLY DO("tickets reply", ticketctl_reply, ticketctl_reply_options)
#define BY { "name", "Jane Doe" }

START_TEST(what_is_left_out_has_its_default)
{
	ck_asks("tickets|list|acme|open|50|-", LIST, ARGS("acme"));
	ck_asks("tickets|list|acme|all|7|1:2", LIST, ARGS("acme"),
		WITH({ "state", "all" }, { "limit", "7" },
		  { "before", "1:2" }));
	ck_asks("tickets|close|acme|7|", CLOSE, ARGS(ACME));
	ck_asks("tickets|close|acme|7|Jane Doe", CLOSE, ARGS(ACME), WITH(BY));
	ck_asks("sessions|acme|-", SESSIONS, ARGS("acme"));
	ck_asks("sessions|acme|a@b", SESSIONS, ARGS("acme", "a@b"));
}
END_TEST

START_TEST(a_reply_says_who_what_and_once)
{
	char first[sizeof(heard)];

	ck_asks("tickets|reply|acme|7|Jane Doe|Hello|k", REPLY, ARGS(ACME),
		WITH(BY, { "message", "Hello" }, { "key", "k" }));
	/* Without a key each attempt has one that nobody else will choose. */
	run(&(struct given){ REPLY, ARGS(ACME), WITH(BY, { "message", "x" }) });
	memcpy(first, heard, sizeof(first));
	run(&(struct given){ REPLY, ARGS(ACME), WITH(BY, { "message", "x" }) });
	ck_assert_uint_eq(strlen(strrchr(heard, '|') + 1), 32);
	ck_assert_str_ne(heard, first);
	ck_misused("needs --name", REPLY, ARGS(ACME), WITH({ "message", "x" }));
	ck_misused("needs --name", REPLY, ARGS(ACME),
		   WITH({ "name", "" }, { "message", "x" }));
}
END_TEST

START_TEST(the_message_comes_from_one_place)
{
	char file[PATH_MAX + 16];
	FILE *f;

	snprintf(file, sizeof(file), "%s/message", unit_dir());
	f = fopen(file, "we");
	ck_assert_ptr_nonnull(f);
	fputs("One.\r\nTwo.\rthree\n\r\n\n", f);
	fclose(f);
	/* Line ends are LF, and none ends it; a CR alone stays. */
	ck_asks("tickets|reply|acme|7|Jane Doe|One.\nTwo.\rthree|k", REPLY,
		ARGS(ACME), WITH(BY, { "file", file }, { "key", "k" }));
	ck_asks("tickets|reply|acme|7|Jane Doe|in|k", REPLY, ARGS(ACME, "-"),
		WITH(BY, { "key", "k" }), .input = "in\n");
	ck_asks("tickets|reply|acme|7|Jane Doe|in|k", REPLY, ARGS(ACME),
		WITH(BY, { "file", "-" }, { "key", "k" }), .input = "in\n");
	ck_misused("is given by", REPLY, ARGS(ACME), WITH(BY));
	ck_misused("is given by", REPLY, ARGS(ACME),
		   WITH(BY, { "message", "x" }, { "file", file }));
	ck_misused("is given by", REPLY, ARGS(ACME, "-"),
		   WITH(BY, { "message", "x" }), .input = "in");
	ck_misused("there may be a -", REPLY, ARGS(ACME, "Hello"), WITH(BY));
	ck_misused("is empty", REPLY, ARGS(ACME), WITH(BY, { "message", "" }));
	ck_misused("is empty", REPLY, ARGS(ACME, "-"), WITH(BY), .input = "\r\n\n");
	ck_assert_int_eq(run(&(struct given){ REPLY, ARGS(ACME),
			     WITH(BY, { "file", "/nonexistent/x" }) }),
			 COMMAND_REFUSED);
	ck_assert_ptr_nonnull(strstr(err, "No such file"));
	ck_assert_str_eq(heard, "");
}
END_TEST

/* Too long is refused, however much of it would go: never a part is sent. */
START_TEST(a_message_is_whole_or_not_sent)
{
	static char text[6 * TICKET_MESSAGE_MAX];
	const size_t most = TICKET_MESSAGE_MAX;

	memset(text, 'x', most);
	ck_assert_int_eq(run(&(struct given){ REPLY, ARGS(ACME, "-"), WITH(BY),
			     .input = text }), COMMAND_DONE);
	ck_assert_uint_gt(strlen(heard), most);
	text[most] = 'x';
	ck_misused("20000 bytes at most", REPLY, ARGS(ACME, "-"), WITH(BY),
		   .input = text);
	/* A line, blank ones past all limits, and another line. */
	for (size_t i = 2; i < 4 * most; i += 2)
		memcpy(text + i, "\r\n", 2);
	memcpy(text + 4 * most, "the end", 8);
	ck_misused("20000 bytes at most", REPLY, ARGS(ACME, "-"), WITH(BY),
		   .input = text);
}
END_TEST

static void ticketctl_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, what_is_left_out_has_its_default);
	tcase_add_test(tcase, a_reply_says_who_what_and_once);
	tcase_add_test(tcase, the_message_comes_from_one_place);
	tcase_add_test(tcase, a_message_is_whole_or_not_sent);
}

UNIT_MAIN("ticketctl", ticketctl_tests)
