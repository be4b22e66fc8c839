/*
 * usherctl: talk to a running usherd, and work on its files.
 *
 * See usherctl(1).  Commands that ask the daemon send one line through the
 * admin socket; the answer is text for people, or JSON for programs.  Here is
 * the table of all commands; what they do is in admin/.
 */
#include "admin/adapterctl.h"
#include "admin/command.h"
#include "admin/console.h"
#include "admin/keyctl.h"
#include "base/hash.h"

static const struct command commands[] = {
	{ "check", "", "read the configuration, say what is wrong",
	  0, 0, console_check, NULL },
	{ "status", "", "what the daemon is doing", 0, 0, console_ask, NULL },
	{ "reload", "", "reload, and say what was found",
	  0, 0, console_ask, NULL },
	{ "tenants", "", "each tenant with its state and address",
	  0, 0, console_ask, NULL },
	{ "explain", "REQUEST-ID", "the trail of one request",
	  1, 1, console_ask, NULL },
	{ "key list", "", "the key ring: ids and ages",
	  0, 0, keyctl_list, NULL },
	{ "key new", "", "make a key ring where there is none",
	  0, 0, keyctl_new, NULL },
	{ "key rotate", "", "add a new newest key", 0, 0, keyctl_rotate, NULL },
	{ "adapter check", "FILE.so [FIXTURE...]",
	  "load an adapter, hold it against fixtures",
	  1, 64, adapterctl_check, NULL },
	{ "adapter run", "FILE.so [NAME=VALUE...]",
	  "one handoff with these fields", 1, 64, adapterctl_run, NULL },
	{ 0 }
};

int main(int argc, char **argv)
{
	hash_init();
	return command_main(commands, argc, argv, USHER_CONFDIR,
			    USHER_VERSION);
}
