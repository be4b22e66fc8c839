/* A web server's file with the tenant's real addresses: what is filled in, and
 * for whom there is none. */
#include "console/recipe.h"

#include <sys/wait.h>

#include "unit/config/rig.h"

#define OWN "url = \"https://desk.acme.example\"; desk = false;\n" \
	"dashboard = \"/\";"

static char out[65536], err[8192];

static void set_up(void)
{
	rig_begin();
	rig_write("gateway.conf", GATEWAY);
	rig_write("acme.conf", TENANT("acme", OWN));
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
static int run_for(const char *server, const char *slug, const char *gateway,
		   const char *desk, const char *text)
{
	FILE *o = tmpfile(), *e = tmpfile();
	char *arguments[] = { (char *)server, (char *)slug, NULL };
	const struct command command = { "recipe", "NAME SLUG", "", 2, 2,
					 NULL, recipe_options };
	struct command_line line = {
		.command = &command, .arguments = arguments, .count = 2,
		.general.config = rig_dir,
	};
	int status;
	pid_t pid;

	ck_assert_ptr_nonnull(o);
	ck_assert_ptr_nonnull(e);
	if (gateway)
		line.given[line.given_count++] = (struct command_given){
			&recipe_options[0], gateway };
	if (desk)
		line.given[line.given_count++] = (struct command_given){
			&recipe_options[1], desk };
	fflush(NULL);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid) {
		dup2(fileno(o), 1);
		dup2(fileno(e), 2);
		status = recipe_run(&line, &(const struct recipes){
			.nginx = str_from(text), .rt = STR("rt @port@"),
			.osticket = STR("osticket"), .zammad = STR("zammad"),
			.znuny = STR("znuny"), .glpi = STR("glpi @desk@") });
		fflush(NULL);
		_exit(status);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	read_back(o, out, sizeof(out));
	read_back(e, err, sizeof(err));
	return WEXITSTATUS(status);
}

#define ck_recipe(slug, text, want)					\
	do {								\
		ck_assert_msg(run_for("nginx", slug, "10.0.0.5:8443",	\
				      "[::1]:80", text) ==		\
			      COMMAND_DONE, "%s", err);			\
		ck_assert_str_eq(out, want);				\
	} while (0)

#define says(text) ck_assert_msg(strstr(err, text) != NULL, "%s", err)

START_TEST(marks_are_filled_in)
{
	rig_write("acme.conf", TENANT("acme-two",
		"url = \"https://desk.acme.example:8443\"; desk = false;"));
	ck_recipe("acme-two", "@slug@ @id@ @host@ @hostname@ @gateway@ @desk@",
		  "acme-two acme_two desk.acme.example:8443 "
		  "desk.acme.example 10.0.0.5:8443 [::1]:80");
	/* What only looks like one stays. */
	ck_recipe("acme-two", "@down_@id@ @ @@ @slug @nothing@ a@b@",
		  "@down_acme_two @ @@ @slug @nothing@ a@b@");
	ck_recipe("acme-two", "", "");
}
END_TEST

START_TEST(where_the_form_sends_everybody_is_led_on)
{
	ck_recipe("acme", "@landing@", "\n\t# Where the integration guide's "
		  "form sends everybody.\n\tlocation = /dashboard {\n\t\t"
		  "return 302 'https://desk.acme.example/';\n\t}\n");
	rig_write("acme.conf", TENANT("acme",
		"url = \"https://desk.acme.example\"; desk = false;"));
	ck_recipe("acme", "@landing@", "");
	/* What would end the web server's quotation marks is no part of it. */
	rig_write("acme.conf", TENANT("acme",
		"url = \"https://desk.acme.example\"; desk = false;\n"
		"dashboard = \"/a'$b\";"));
	ck_recipe("acme", "@landing@", "");
	says("/dashboard, where the integration guide's form");
}
END_TEST

START_TEST(the_way_back_cannot_break_out_of_its_string)
{
	ck_recipe("acme", "@back@", "Please go back to the site that you came "
		  "from, and open support from there.");
	rig_write("acme.conf", TENANT("acme", OWN
		"home = \"https://acme.example/?a=1&b={x}\";\n"
		"name = \"A'$host\\\\{<b>}\";"));
	ck_recipe("acme", "@back@", "Please go back to "
		  "<a href=\"https://acme.example/?a=1&amp;b=&#123;x&#125;\">"
		  "A&#39;&#36;host&#92;&#123;&lt;b&gt;&#125;</a>, and open "
		  "support from there.");
}
END_TEST

START_TEST(what_is_left_to_do_is_said)
{
	ck_assert_int_eq(run_for("nginx", "acme", NULL, NULL,
				 "@gateway@ @desk@"), COMMAND_DONE);
	ck_assert_str_eq(out, "tickets.internal:8443 desk.internal:8080");
	says("give --gateway and --desk");
	says("trusted_proxies");
	ck_recipe("acme", "", "");
	ck_assert_ptr_null(strstr(err, "give --gateway"));
	ck_assert_ptr_null(strstr(err, "built-in"));
	ck_assert_ptr_null(strstr(err, "hash_bucket"));
	rig_write("acme.conf", TENANT("a123456789012345678901234567890",
		"url = \"https://desk.acme.example\";"));
	ck_recipe("a123456789012345678901234567890", "", "");
	says("built-in");
	says("variables_hash_bucket_size");
}
END_TEST

START_TEST(who_has_no_recipe_is_told_why)
{
	static const struct {
		const char *tenant, *says;
	} cases[] = {
		{ TENANT("other", OWN), "there is no tenant" },
		{ TENANT("acme", OWN "desk = 1;"), "is broken" },
		{ TENANT("acme", OWN "enabled = false;"), "is switched off" },
		{ TENANT("acme", "desk = false;"), "gateway's own host" },
		{ TENANT("acme", "url = \"https://tickets.example:81\";"),
		  "gateway's own host" },
	};

	for (unsigned i = 0; i < N_ELEMENTS(cases); i++) {
		rig_write("acme.conf", cases[i].tenant);
		ck_assert_int_eq(run_for("nginx", "acme", NULL, NULL, "x"),
				 COMMAND_REFUSED);
		says(cases[i].says);
		ck_assert_str_eq(out, "");
	}
	rig_write("gateway.conf", "gateway = { development = true;\n"
		  "public_url = \"http://tickets.localhost:80\";\n"
		  "listen = ( { url = \"http://127.0.0.1:80\"; } ); };\n");
	rig_write("acme.conf", TENANT("acme",
				      "url = \"http://acme.localhost:80\";"));
	ck_assert_int_eq(run_for("nginx", "acme", NULL, NULL, "x"),
			 COMMAND_REFUSED);
	says("keep no session");
}
END_TEST

START_TEST(addresses_stand_in_the_file_as_they_are)
{
	static const char *const bad[] = {
		"", "a b", "a;b", "a{", "$x", "a'b", "a\nb", "a\"b", "a#",
	};
	static char longest[300];

	for (unsigned i = 0; i < N_ELEMENTS(bad); i++) {
		ck_assert_msg(run_for("nginx", "acme", bad[i], NULL, "x") ==
			      COMMAND_USAGE, "%s", bad[i]);
		ck_assert_msg(run_for("nginx", "acme", NULL, bad[i], "x") ==
			      COMMAND_USAGE, "%s", bad[i]);
	}
	memset(longest, 'a', 256);
	ck_assert_int_eq(run_for("nginx", "acme", longest, NULL, "x"),
			 COMMAND_USAGE);
	longest[255] = '\0';
	ck_assert_int_eq(run_for("nginx", "acme", longest, NULL, "x"),
			 COMMAND_DONE);
	ck_assert_int_eq(run_for("apache", "acme", NULL, NULL, "x"),
			 COMMAND_USAGE);
	says("recipes for nginx, rt");
}
END_TEST

START_TEST(each_desk_has_its_own)
{
	static const char *const names[] = { "zammad", "znuny" };
	static const char *const by_id[] = { "osticket", "glpi" };

	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(run_for(names[i], "acme", NULL, NULL, "x"),
				 COMMAND_DONE);
		ck_assert_str_eq(out, names[i]);
		ck_assert_ptr_null(strstr(err, "give --gateway"));
		ck_assert_int_eq(run_for(by_id[i], "acme", NULL, NULL, "x"),
				 COMMAND_REFUSED);
		says("{slug}-{id}");
		ck_assert_str_eq(out, "");
	}
	ck_assert_int_eq(run_for("rt", "acme", NULL, NULL, "x"), COMMAND_DONE);
	ck_assert_str_eq(out, "rt 443");
	rig_write("acme.conf", TENANT("acme", "url = \"https://"
		"desk.acme.example:8443\"; desk_user = \"{slug}-{id}\";"));
	ck_assert_int_eq(run_for("rt", "acme", NULL, NULL, "x"), COMMAND_DONE);
	ck_assert_str_eq(out, "rt 8443");
	says("built-in");
	ck_assert_int_eq(run_for("osticket", "acme", NULL, NULL, "x"),
			 COMMAND_DONE);
	ck_assert_str_eq(out, "osticket");
	ck_assert_int_eq(run_for("glpi", "acme", NULL, "[::1]:80", "x"),
			 COMMAND_DONE);
	ck_assert_str_eq(out, "glpi [::1]:80");
}
END_TEST

static void recipe_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, rig_end);
	tcase_add_test(tcase, marks_are_filled_in);
	tcase_add_test(tcase, where_the_form_sends_everybody_is_led_on);
	tcase_add_test(tcase, the_way_back_cannot_break_out_of_its_string);
	tcase_add_test(tcase, what_is_left_to_do_is_said);
	tcase_add_test(tcase, who_has_no_recipe_is_told_why);
	tcase_add_test(tcase, addresses_stand_in_the_file_as_they_are);
	tcase_add_test(tcase, each_desk_has_its_own);
}

UNIT_MAIN("recipe", recipe_tests)
