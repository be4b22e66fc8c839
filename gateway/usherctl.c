/*
 * usherctl: talk to a running usherd, and work on its files.
 *
 * See usherctl(1).  Commands that ask the daemon send one line through the
 * admin socket; the answer is text for people, or JSON for programs.  Here is
 * the table of all commands; what they do is in console/.
 */
#include <stdio.h>
#include <unistd.h>

#include "adapter/adapter.h"
#include "base/hash.h"
#include "console/adapterctl.h"
#include "console/assertctl.h"
#include "console/command.h"
#include "console/console.h"
#include "console/crashctl.h"
#include "console/keyctl.h"
#include "console/recipe.h"
#include "console/scaffold.h"
#include "console/snippet.h"
#include "console/explainctl.h"
#include "console/ticketctl.h"
#include "desk/assets.h"
#include "desk/sdk.h"
#include "http/check.h"

static int snippet(const struct command_line *line)
{
	return snippet_run(line, (struct snippet_sdk){ asset_usher_js,
						       SDK_PATH });
}

static int check(const struct command_line *line)
{
	static const struct console_check start = { check_place, check_files };

	return console_check(line, &start);
}

static int recipe(const struct command_line *line)
{
	return recipe_run(line, &(const struct recipes){
		.nginx = asset_nginx_conf, .rt = asset_rt_txt,
		.osticket = asset_osticket_txt, .zammad = asset_zammad_txt,
		.znuny = asset_znuny_txt, .glpi = asset_glpi_txt });
}

static const struct command commands[] = {
	{ "check", "", "read the configuration, say what is wrong",
	  0, 0, check, NULL },
#define COMMAND(name, words, least, most, arguments, fewest, greatest,	\
		help, ask, options)					\
	{ words, arguments, help, fewest, greatest, ask, options },
#include "admin/commands.def"
#undef COMMAND
	{ "crash", "", "the line that the gateway's last crash left",
	  0, 0, crashctl_show, NULL },
	{ "key list", "", "the key ring: ids and ages",
	  0, 0, keyctl_list, NULL },
	{ "key new", "", "make a key ring where there is none",
	  0, 0, keyctl_new, keyctl_new_options },
	{ "key retire", "KID", "take an old key out: what it sealed ends",
	  1, 1, keyctl_retire, NULL },
	{ "key rotate", "", "add a new newest key", 0, 0, keyctl_rotate, NULL },
	{ "sign", "[SLUG] [NAME=VALUE...]", "a test assertion",
	  0, 1 + ASSERTCTL_CLAIMS_MAX, assertctl_sign, assertctl_sign_options },
	{ "verify", "SLUG [FILE]", "what the gateway makes of an assertion",
	  1, 2, assertctl_verify, NULL },
	{ "snippet", "SLUG", "what a partner pastes into its site",
	  1, 1, snippet, snippet_options },
	{ "recipe", "NAME SLUG", "how a desk of its own stands behind usher",
	  2, 2, recipe, recipe_options },
	{ "adapter new", "NAME", "a directory to begin an adapter in",
	  1, 1, scaffold_new, scaffold_options },
	{ "adapter check", "FILE.so [FIXTURE...]",
	  "is an adapter fit: fixtures, hostile input, leaks",
	  1, 64, adapterctl_check, adapterctl_check_options },
	{ "adapter run", "FILE.so [NAME=VALUE...]",
	  "one handoff, step by step",
	  1, 64, adapterctl_run, adapterctl_run_options },
	{ 0 }
};

int main(int argc, char **argv)
{
	int status;

	hash_init();
	status = command_main(commands, argc, argv, USHER_CONFDIR,
			      USHER_VERSION);
	if (adapter_loaders_end(0))
		return status;
	/* exit() would wait for a module that hangs while it is loaded. */
	fflush(NULL);
	_exit(status);
}
