/* What a partner pastes: the tenant's real addresses, nothing left open, and
 * names that cannot break out of where they stand. */
#include "console/snippet.h"

#include <sys/wait.h>

#include "unit/config/rig.h"

#define SDK_FILE "/sdk/usher-1.1.0.js"
#define ABC "sha384-ywB1P0WjXou1oD1pmsZQBycsMqsO3tFjGotgWkP/W+2AhgcroefMI1i67" \
	"KE0yCWn"			/* of "abc": FIPS 180-4's example */
#define NAMED(name) "tenant = { slug = \"acme\"; identity = \"unsigned\";\n" \
	"name = \"" name "\"; };\n"

static const char *const frameworks[] = { "plain", "fetch", "embed", "laravel",
					  "wordpress", "react" };
static const char *const signing[] = { "plain", "laravel", "wordpress",
				       "react", "php", "python", "node" };
static char out[65536], err[8192];
static int way;			/* 0, or the index of --signed, --server */

static void set_up(void)
{
	rig_begin();
	rig_write("gateway.conf", GATEWAY);
	rig_write("acme.conf", TENANT("acme", ""));
}

static void read_back(FILE *file, char *text, size_t size)
{
	size_t len;

	rewind(file);
	len = fread(text, 1, size - 1, file);
	text[len] = '\0';
	fclose(file);
}

/* In a process of its own, for its standard output. What it ends with. */
static int run(const char *slug, const char *framework)
{
	FILE *o = tmpfile(), *e = tmpfile();
	char *arguments[] = { (char *)slug, NULL };
	const struct command command = { "snippet", "SLUG", "", 1, 1, NULL,
					 snippet_options };
	struct command_line line = {
		.command = &command, .arguments = arguments, .count = 1,
		.general.config = rig_dir,
		.given = { { &snippet_options[0], framework },
			   { &snippet_options[way], NULL } },
		.given_count = way ? 2 : framework ? 1 : 0,
	};
	int status;
	pid_t pid;

	ck_assert_ptr_nonnull(o);
	ck_assert_ptr_nonnull(e);
	fflush(NULL);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid) {
		dup2(fileno(o), 1);
		dup2(fileno(e), 2);
		status = snippet_run(&line, (struct snippet_sdk){
			STR("abc"), SDK_FILE });
		fflush(NULL);
		_exit(status);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	read_back(o, out, sizeof(out));
	read_back(e, err, sizeof(err));
	return WEXITSTATUS(status);
}

static bool has(const char *text)
{
	return strstr(out, text);
}

/* Marks are '@', letters, '@': what Blade and PHP have is none. */
static bool has_mark_left(void)
{
	static const char *const marks[] = { "@tenant", "@script@",
		"@integrity", "@title", "@assertion", "@action", "@sign@",
		"@kid", "@issuer", "@js-", "@php-", "@types" };

	for (size_t i = 0; i < N_ELEMENTS(marks); i++)
		if (has(marks[i]))
			return true;
	return false;
}

START_TEST(each_is_whole_and_pins_the_sdk)
{
	for (size_t i = 0; i < N_ELEMENTS(frameworks); i++) {
		ck_assert_msg(run("acme", frameworks[i]) == COMMAND_DONE, "%s",
			      err);
		ck_assert_msg(!has_mark_left(), "%s: %s", frameworks[i], out);
		ck_assert(has("https://tickets.example" SDK_FILE));
		ck_assert_msg(has(ABC), "%s: %s", frameworks[i], out);
		ck_assert(has("nonymous"));
		ck_assert(has("acme"));
		ck_assert(!has("assertion"));
	}
}
END_TEST

/* A gateway that hangs holds up no page; who clicks meanwhile, or where the
 * script is kept out, is posted by the page's own form. */
START_TEST(none_waits_for_the_gateway_nor_needs_its_script)
{
	for (size_t i = 0; i < N_ELEMENTS(frameworks); i++) {
		bool is_react = !strcmp(frameworks[i], "react");

		ck_assert_int_eq(run("acme", frameworks[i]), COMMAND_DONE);
		if (!is_react)
			ck_assert(has("<script async src=\"https://tickets."
				      "example" SDK_FILE "\""));
		ck_assert(!has("<script src"));
		ck_assert_msg(has("<form method=\"post\" action=\"https://"
				  "tickets.example/api/auth/redirect/acme\""),
			      "%s", out);
		ck_assert(has("name=\"email\"") || has("foreach ($user as"));
		ck_assert(has("name=\"name\"") || has("foreach ($user as"));
		ck_assert(!has("<button type=\"button\" data-usher"));
		ck_assert(!has("data-usher-login"));
		/* no line is left of what was not filled in */
		ck_assert_msg(!has("email\">\n\n") && !has(",\n\n") &&
			      !has(" />\n\n"), "%s", out);
	}
}
END_TEST

START_TEST(laravel_is_told_by_what_blade_leaves_alone)
{
	ck_assert_int_eq(run("acme", "laravel"), COMMAND_DONE);
	ck_assert(!has("@json"));
	ck_assert_msg(has("{!! json_encode($supportUser, "), "%s", out);
	ck_assert(has("JSON_HEX_TAG | JSON_HEX_AMP | JSON_HEX_APOS | "
		      "JSON_HEX_QUOT) !!}"));
}
END_TEST

START_TEST(wordpress_gives_what_people_typed_and_keeps_no_page)
{
	ck_assert_int_eq(run("acme", "wordpress"), COMMAND_DONE);
	ck_assert(has("wp_specialchars_decode($user->user_email, ENT_QUOTES)"));
	ck_assert(has("wp_specialchars_decode($user->display_name, "
		      "ENT_QUOTES)"));
	ck_assert(has("add_filter('wp_headers'"));
	ck_assert(has("'no-store, private'"));
}
END_TEST

START_TEST(react_is_a_client_component_that_names_its_tenant)
{
	ck_assert_int_eq(run("acme", "react"), COMMAND_DONE);
	ck_assert_int_eq(strncmp(out, "'use client';\n", 14), 0);
	ck_assert(has("script.dataset.tenant = 'acme';"));
	ck_assert(has("script.onerror = "));
	ck_assert(has("user.email"));
}
END_TEST

START_TEST(the_plain_one_is_what_is_meant_without_a_name)
{
	static char plain[sizeof(out)];

	ck_assert_int_eq(run("acme", "plain"), COMMAND_DONE);
	memcpy(plain, out, sizeof(out));
	ck_assert_int_eq(run("acme", NULL), COMMAND_DONE);
	ck_assert_str_eq(plain, out);
	ck_assert(has("window.authUser = null;"));
	ck_assert(has("data-tenant=\"acme\""));
}
END_TEST

START_TEST(other_names_are_refused_before_anything_is_read)
{
	static const char *const bad[] = { "", "Plain", "plain ", "vue" };

	rig_delete("gateway.conf");
	for (size_t i = 0; i < N_ELEMENTS(bad); i++) {
		ck_assert_int_eq(run("acme", bad[i]), COMMAND_USAGE);
		ck_assert_str_eq(out, "");
		for (size_t k = 0; k < N_ELEMENTS(frameworks); k++)
			ck_assert_ptr_nonnull(strstr(err, frameworks[k]));
	}
	ck_assert_int_eq(run("acme", "plain"), COMMAND_REFUSED);
	ck_assert_str_eq(out, "");
}
END_TEST

/* With a place for the proof in each, and word of who makes it. */
START_TEST(users_who_are_signed_bring_their_proof)
{
	rig_write("secret", "0123456789abcdef0123456789abcdef\n");
	rig_write("acme.conf", "tenant = { slug = \"acme\";\n"
		  "identity = \"signed\"; keys = ( { kid = \"1\";\n"
		  "algorithm = \"HS256\"; secret_file = \"secret\"; } ); };\n");
	for (size_t i = 0; i < N_ELEMENTS(frameworks); i++) {
		ck_assert_int_eq(run("acme", frameworks[i]), COMMAND_DONE);
		ck_assert_msg(has("assertion"), "%s", frameworks[i]);
		ck_assert_ptr_nonnull(strstr(err, "a signed assertion"));
	}
}
END_TEST

static const char KEYED[] = "tenant = { slug = \"acme\";\n"
	"identity = \"observe\"; issuer = \"it's \\\"ours\\\" \\\\ $x\";\n"
	"keys = ( { kid = \"k'1\"; algorithm = \"HS256\";\n"
	"secret_file = \"secret\"; } ); };\n";

START_TEST(the_servers_side_is_whole_and_has_no_secret)
{
	rig_write("secret", "0123456789abcdef0123456789abcdef\n");
	rig_write("acme.conf", KEYED);
	way = 1;
	for (size_t i = 0; i < N_ELEMENTS(signing); i++) {
		ck_assert_msg(run("acme", signing[i]) == COMMAND_DONE, "%s",
			      err);
		ck_assert_msg(!has_mark_left(), "%s: %s", signing[i], out);
		ck_assert(has("https://tickets.example" SDK_FILE));
		ck_assert(has(ABC));
		ck_assert(!has("0123456789abcdef"));
		ck_assert_ptr_nonnull(strstr(err, "for its server alone"));
		if (!i)
			continue;	/* the page alone */
		ck_assert_msg(has("HS256"), "%s", out);
		ck_assert_msg(has("'k\\'1'") || has("\"k'1\""), "%s", out);
		ck_assert_msg(has("'it\\'s \"ours\" \\\\ $x'") ||
			      has("\"it's \\\"ours\\\" \\\\ $x\""), "%s", out);
		ck_assert(has("USHER_SECRET"));
		ck_assert(has("https://tickets.example/api/auth/redirect/"
			      "acme"));
	}
	way = 0;
}
END_TEST

START_TEST(only_two_have_a_server_that_posts)
{
	rig_write("secret", "0123456789abcdef0123456789abcdef\n");
	rig_write("acme.conf", KEYED);
	way = 2;
	for (size_t i = 0; i < N_ELEMENTS(signing); i++) {
		bool posts = i == 4 || i == 6;	/* php, node */

		ck_assert_int_eq(run("acme", signing[i]),
				 posts ? COMMAND_DONE : COMMAND_USAGE);
		ck_assert_int_eq(has("'response'") || has("response: 'json'"),
				 posts);
		ck_assert(!has_mark_left());
		ck_assert(!has("<script"));
	}
	way = 0;
}
END_TEST

START_TEST(without_a_key_nothing_is_signed)
{
	way = 1;
	ck_assert_int_eq(run("acme", "php"), COMMAND_REFUSED);
	ck_assert_str_eq(out, "");
	ck_assert_ptr_nonnull(strstr(err, "has no key with algorithm = "
				     "\"HS256\""));
	way = 0;
}
END_TEST

/* A name that ends its attribute, its string or its expression. */
START_TEST(a_name_stays_inside_what_it_stands_in)
{
	rig_write("acme.conf", NAMED("a\\\"><script>{{b}}@c</script>'&"));
	ck_assert_int_eq(run("acme", "embed"), COMMAND_DONE);
	ck_assert_msg(has("data-usher-title=\"Support: a&quot;&gt;&lt;script"
			  "&gt;&#123;&#123;b&#125;&#125;&#64;c&lt;/script&gt;"
			  "&#39;&amp;\""), "%s", out);
	ck_assert_int_eq(run("acme", "react"), COMMAND_DONE);
	ck_assert_msg(has("\\u007b\\u007bb\\u007d\\u007d\\u0040c"), "%s", out);
	ck_assert(!has("a\"><script>"));
	ck_assert(!has("{{b}}"));
	/* where it is not said it is not there */
	ck_assert_int_eq(run("acme", "plain"), COMMAND_DONE);
	ck_assert(!has("{{b}}"));
	ck_assert(!has("<script>{"));
}
END_TEST

/* A name that looks like a mark is a name. */
START_TEST(a_name_is_not_expanded)
{
	rig_write("acme.conf", NAMED("@tenant@"));
	ck_assert_int_eq(run("acme", "embed"), COMMAND_DONE);
	ck_assert(has("\"Support: &#64;tenant&#64;\""));
}
END_TEST

START_TEST(what_is_still_to_be_done_is_said_beside_it)
{
	for (size_t i = 0; i < N_ELEMENTS(frameworks); i++) {
		bool needs = i == 1 || i == 2;	/* fetch, embed */

		ck_assert_int_eq(run("acme", frameworks[i]), COMMAND_DONE);
		ck_assert_int_eq(strstr(err, "origins") != NULL, needs);
		ck_assert(!has("usherctl:"));
	}
	rig_write("acme.conf", TENANT("acme",
				      "origins = [ \"https://acme.test\" ];"));
	ck_assert_int_eq(run("acme", "embed"), COMMAND_DONE);
	ck_assert_str_eq(err, "");
}
END_TEST

START_TEST(a_tenant_that_does_not_serve_has_none)
{
	ck_assert_int_eq(run("beta", NULL), COMMAND_REFUSED);
	ck_assert_str_eq(out, "");
	ck_assert_ptr_nonnull(strstr(err, "there is no tenant \"beta\""));
	rig_write("acme.conf", TENANT("acme", "enabled = false;"));
	ck_assert_int_eq(run("acme", NULL), COMMAND_REFUSED);
	ck_assert_str_eq(out, "");
	ck_assert_ptr_nonnull(strstr(err, "switched off"));
	rig_write("acme.conf", TENANT("acme", "name = 5;"));
	ck_assert_int_eq(run("acme", NULL), COMMAND_REFUSED);
	ck_assert_str_eq(out, "");
	ck_assert_ptr_nonnull(strstr(err, "\"acme\" is broken: "));
}
END_TEST

static void snippet_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, rig_end);
	tcase_add_test(tc, each_is_whole_and_pins_the_sdk);
	tcase_add_test(tc, none_waits_for_the_gateway_nor_needs_its_script);
	tcase_add_test(tc, laravel_is_told_by_what_blade_leaves_alone);
	tcase_add_test(tc,
		       wordpress_gives_what_people_typed_and_keeps_no_page);
	tcase_add_test(tc, react_is_a_client_component_that_names_its_tenant);
	tcase_add_test(tc, the_plain_one_is_what_is_meant_without_a_name);
	tcase_add_test(tc, other_names_are_refused_before_anything_is_read);
	tcase_add_test(tc, users_who_are_signed_bring_their_proof);
	tcase_add_test(tc, the_servers_side_is_whole_and_has_no_secret);
	tcase_add_test(tc, only_two_have_a_server_that_posts);
	tcase_add_test(tc, without_a_key_nothing_is_signed);
	tcase_add_test(tc, a_name_stays_inside_what_it_stands_in);
	tcase_add_test(tc, a_name_is_not_expanded);
	tcase_add_test(tc, what_is_still_to_be_done_is_said_beside_it);
	tcase_add_test(tc, a_tenant_that_does_not_serve_has_none);
}

UNIT_MAIN("snippet", snippet_tests)
