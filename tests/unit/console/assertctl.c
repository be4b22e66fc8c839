/* `usherctl sign` and `usherctl verify`: what they read, what they print, and what
 * they end with. */
#include "console/assertctl.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include "unit/config/rig.h"

#define SECRET "0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210"
#define ARGUMENTS_MAX 6

static char out[65536], err[8192], jws[8192];

static void set_up(void)
{
	rig_begin();
	rig_write("gateway.conf", GATEWAY);
	rig_write("secret", SECRET "\n");
	rig_write("other", OTHER "\n");
	rig_write("acme.conf", "tenant = { slug = \"acme\"; identity = "
		  "\"signed\";\nissuer = \"https://acme.test\"; keys = ( { "
		  "kid = \"k1\"; algorithm = \"HS256\";\nsecret_file = "
		  "\"secret\"; } ); };\n");
	rig_write("plain.conf", TENANT("plain", ""));
	rig_write("broken.conf", "tenant = { slug = \"broken\"; identity = "
		  "\"what\"; };\n");
}

static void tear_down(void)
{
	rig_end();
}

struct given {
	int (*run)(const struct command_line *line);
	const char *arguments[ARGUMENTS_MAX];
	struct {
		const char *name, *value;
	} set[ARGUMENTS_MAX];
	const char *input;		/* on standard input */
	bool is_json;
};

#define SIGN .run = assertctl_sign, .arguments =
#define VERIFY .run = assertctl_verify, .arguments =

static void run_child(const struct given *g, FILE *o, FILE *e)
{
	const struct command command = { "sign", "", "", 0, ARGUMENTS_MAX,
					 g->run, assertctl_sign_options };
	struct command_line line = {
		.command = &command, .arguments = (char **)g->arguments,
		.general = { .config = rig_dir, .json = g->is_json },
	};
	int in = memfd_create("in", MFD_CLOEXEC), status;

	while (line.count < ARGUMENTS_MAX && g->arguments[line.count])
		line.count++;
	for (unsigned i = 0; i < ARGUMENTS_MAX && g->set[i].name; i++) {
		const struct command_option *option = assertctl_sign_options;

		while (strcmp(option->name, g->set[i].name))
			option++;
		line.given[line.given_count++] =
			(struct command_given){ option, g->set[i].value };
	}
	if (g->input)
		(void)!write(in, g->input, strlen(g->input));
	lseek(in, 0, SEEK_SET);
	dup2(in, 0);
	dup2(fileno(o), 1);
	dup2(fileno(e), 2);
	status = g->run(&line);
	fflush(NULL);
	_exit(status);
}

static void read_back(FILE *file, char *text, size_t size)
{
	size_t len;

	rewind(file);
	len = fread(text, 1, size - 1, file);
	text[len] = '\0';
	fclose(file);
}

/* In a process of its own, for its streams. What it ends with. */
static int run(const struct given *g)
{
	FILE *o = tmpfile(), *e = tmpfile();
	int status;
	pid_t pid;

	ck_assert_ptr_nonnull(o);
	ck_assert_ptr_nonnull(e);
	fflush(NULL);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid)
		run_child(g, o, e);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	read_back(o, out, sizeof(out));
	read_back(e, err, sizeof(err));
	return WEXITSTATUS(status);
}

#define ck_run(status, ...)						\
	do {								\
		int ended_ = run(&(struct given){ __VA_ARGS__ });	\
									\
		ck_assert_msg(ended_ == (status), "%d: %s%s", ended_,	\
			      out, err);				\
	} while (0)
#define ck_says(text, words)						\
	ck_assert_msg(strstr(text, words) != NULL, "no %s: %s", words, text)

/* What was signed, in `jws`, without its line end. */
static void keep(void)
{
	snprintf(jws, sizeof(jws), "%.*s", (int)(sizeof(jws) - 1), out);
	jws[strcspn(jws, "\n")] = '\0';
}

static void sign(void)
{
	ck_run(COMMAND_DONE, SIGN { "acme", "plan=gold" },
	       .set = { { "email", "ann@example.com" }, { "name", "Ann" },
		 { "sub", "7" } });
	keep();
	ck_assert_str_eq(out + strlen(jws), "\n");
	ck_assert_str_eq(err, "");
}

START_TEST(what_is_signed_verifies_wherever_it_is_read_from)
{
	char text[sizeof(jws) + 64];

	sign();
	rig_write("jws", jws);
	ck_run(COMMAND_DONE, VERIFY { "acme", rig_path("jws") });
	ck_says(out, "good, and so signs in ann@example.com, sub 7");
	ck_assert_str_eq(err, "");
	/* standard input, by name and without one, with white space around */
	snprintf(text, sizeof(text), " %s\r\n\n", jws);
	ck_run(COMMAND_DONE, VERIFY { "acme", "-" }, .input = text);
	ck_run(COMMAND_DONE, VERIFY { "acme" }, .input = text);
	/* as a partner's server hands it to its page */
	snprintf(text, sizeof(text), "{\"email\":\"x\",\"assertion\":\"%s\"}",
		 jws);
	ck_run(COMMAND_DONE, VERIFY { "acme" }, .input = text);
	ck_run(COMMAND_DONE, VERIFY { "acme" }, .input = jws,
	       .is_json = true);
	ck_says(out, "{\"tenant\":\"acme\",\"good\":true,");
	ck_says(out, "\"plan\":\"gold\"");
}
END_TEST

START_TEST(what_does_not_hold_is_refused_and_told)
{
	char *octet;

	sign();
	octet = jws + strlen(jws) - 5;
	*octet = *octet == 'A' ? 'B' : 'A';
	ck_run(COMMAND_REFUSED, VERIFY { "acme" }, .input = jws);
	ck_says(out, "refused: assertion_signature");
	ck_run(COMMAND_REFUSED, VERIFY { "acme" }, .input = jws,
	       .is_json = true);
	ck_says(out, "\"good\":false");
	ck_run(COMMAND_REFUSED, VERIFY { "acme" }, .input = "");
	ck_says(out, "refused: assertion_m");
	/* what is missing beside a good signature */
	ck_run(COMMAND_DONE, SIGN { "acme" }, .set = { { "email", "nobody" } });
	keep();
	ck_run(COMMAND_REFUSED, VERIFY { "acme" }, .input = jws);
	ck_says(out, "refused: validation_failed");
}
END_TEST

START_TEST(what_cannot_be_read_is_said)
{
	static char huge[5 * 8192];

	ck_run(COMMAND_REFUSED, VERIFY { "acme", "/nowhere/jws" });
	ck_says(err, "/nowhere/jws: No such file");
	memset(huge, 'x', sizeof(huge) - 1);
	ck_run(COMMAND_REFUSED, VERIFY { "acme" }, .input = huge);
	ck_says(err, "octets");
	ck_run(COMMAND_REFUSED, VERIFY { "plain" }, .input = "x");
	ck_says(err, "tenant \"plain\" has no keys");
	ck_run(COMMAND_REFUSED, VERIFY { "broken" }, .input = "x");
	ck_says(err, "tenant \"broken\" is broken");
	ck_run(COMMAND_REFUSED, VERIFY { "nobody" }, .input = "x");
	ck_says(err, "nobody");
	ck_run(COMMAND_REFUSED, SIGN { "nobody" });
	ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(a_key_of_ones_own_may_sign_for_anybody)
{
	char kid[] = "k1";

	/* from a file, without its line end, and from standard input */
	ck_run(COMMAND_DONE, SIGN { NULL }, .set = { { "key", rig_path("secret") },
	       { "algorithm", "HS256" }, { "aud", "acme" }, { "kid", kid },
	       { "iss", "https://acme.test" },
	       { "email", "ann@example.com" } });
	keep();
	ck_run(COMMAND_REFUSED, VERIFY { "acme" }, .input = jws);
	ck_says(out, "name");
	ck_assert(!strstr(out, "assertion_signature"));
	ck_run(COMMAND_DONE, SIGN { "acme", "name=Ann" }, .set = { { "key", "-" },
	       { "email", "ann@example.com" } }, .input = SECRET "\n");
	keep();
	ck_run(COMMAND_DONE, VERIFY { "acme" }, .input = jws);
	/* another's does not pass for it */
	ck_run(COMMAND_DONE, SIGN { "acme", "name=Ann" },
	       .set = { { "key", rig_path("other") },
		 { "email", "ann@example.com" } });
	keep();
	ck_run(COMMAND_REFUSED, VERIFY { "acme" }, .input = jws);
	ck_says(out, "assertion_signature");
	/* and neither secret is shown */
	ck_assert(!strstr(out, OTHER) && !strstr(out, SECRET));
}
END_TEST

static const struct {
	struct given given;
	int status;
	const char *says;
} misuses[] = {
	{ { SIGN { NULL } }, COMMAND_USAGE, "SLUG is needed, or --key" },
	{ { SIGN { "acme", "plan" } }, COMMAND_USAGE, "NAME=VALUE" },
	{ { SIGN { "acme", "exp=1" } }, COMMAND_USAGE, "exp is made here" },
	{ { SIGN { "acme", "email=b" }, .set = { { "email", "a" } } }, COMMAND_USAGE,
	  "email: is given twice" },
	{ { SIGN { "acme" }, .set = { { "lifetime", "0" } } }, COMMAND_USAGE,
	  "--lifetime is 1 to 86400" },
	{ { SIGN { "acme" }, .set = { { "algorithm", "none" } } }, COMMAND_USAGE,
	  "--algorithm is HS256" },
	{ { SIGN { "acme" }, .set = { { "kid", "k2" } } }, COMMAND_REFUSED,
	  "no key of that name" },
	{ { SIGN { "plain" } }, COMMAND_REFUSED, "no key of that name" },
	{ { SIGN { "plain" }, .set = { { "key", "/nowhere/key" },
				 { "algorithm", "HS256" } } },
	  COMMAND_REFUSED, "/nowhere/key: No such file" },
	{ { SIGN { "plain" }, .set = { { "key", "-" }, { "algorithm", "ES256" } },
	    .input = SECRET }, COMMAND_REFUSED, "no private key in PEM" },
	{ { SIGN { "plain" }, .set = { { "key", "-" }, { "algorithm", "HS256" } },
	    .input = "short" }, COMMAND_REFUSED, "too short" },
};

START_TEST(a_misuse_is_told_and_nothing_is_signed)
{
	int status = run(&misuses[_i].given);

	ck_assert_msg(status == misuses[_i].status, "%d: %s", status, err);
	ck_says(err, misuses[_i].says);
	ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(a_logout_token_is_of_another_kind)
{
	ck_run(COMMAND_DONE, SIGN { "acme" }, .set = { { "logout", NULL },
	       { "sub", "7" } }, .is_json = true);
	ck_says(out, "{\"logout_token\":\"");
	ck_says(out, "backchannel-logout");
	ck_run(COMMAND_DONE, SIGN { "acme" }, .set = { { "logout", NULL },
	       { "sub", "7" } });
	keep();
	ck_run(COMMAND_REFUSED, VERIFY { "acme" }, .input = jws);
	ck_says(out, "assertion_type");
}
END_TEST

static void assertctl_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, what_is_signed_verifies_wherever_it_is_read_from);
	tcase_add_test(tc, what_does_not_hold_is_refused_and_told);
	tcase_add_test(tc, what_cannot_be_read_is_said);
	tcase_add_test(tc, a_key_of_ones_own_may_sign_for_anybody);
	tcase_add_loop_test(tc, a_misuse_is_told_and_nothing_is_signed, 0,
			    sizeof(misuses) / sizeof(misuses[0]));
	tcase_add_test(tc, a_logout_token_is_of_another_kind);
}

UNIT_MAIN("assertctl", assertctl_tests)
