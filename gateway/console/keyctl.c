#include "console/keyctl.h"

#include <poll.h>
#include <unistd.h>

#include "console/console.h"
#include "admin/show.h"
#include "crypto/keyring.h"
#include "store/db.h"

#define PATH_LONGEST 4096
#define BUSY_TRIES 100
#define BUSY_MS 20

/* The key ring's path in `path`; -1 with the reason printed. */
static int find_keyring(const struct command_line *line, char *path,
			size_t size)
{
	struct console_place place;

	if (console_state(&line->general, &place))
		return -1;
	snprintf(path, size, "%s/keyring", place.place.state.ptr);
	console_place_done(&place);
	return 0;
}

int keyctl_list(const struct command_line *line)
{
	struct keyring *ring;
	char path[PATH_LONGEST], why[KEYRING_WHY_MAX];

	if (find_keyring(line, path, sizeof(path)))
		return COMMAND_REFUSED;
	if (keyring_load(path, &ring, why, sizeof(why))) {
		fprintf(stderr, "usherctl: %s: %s\n", path, why);
		return COMMAND_REFUSED;
	}
	show_keys(ring, line->general.json, stdout);
	keyring_free(ring);
	return COMMAND_DONE;
}

const struct command_option keyctl_new_options[] = {
	{ "replace", NULL, "over a key ring, or beside a database", 1 },
	{ 0 }
};

/*
 * A database without its key ring is a restore that went half way: a new ring
 * would end what is outstanding, and nobody would look for the old one.
 */
static bool has_database(const char *keyring)
{
	char path[PATH_LONGEST];

	snprintf(path, sizeof(path), "%.*s" DB_FILE,
		 (int)(strrchr(keyring, '/') - keyring) + 1, keyring);
	return access(path, F_OK) == 0;
}

static int refuse(const char *path, const char *why)
{
	fprintf(stderr, "usherctl: %s: %s\n", path, why);
	return COMMAND_REFUSED;
}

static int refuse_new(const char *path, enum err err)
{
	if (err == ERR_CONFLICT)
		return refuse(path, "there is a key ring already; to add a "
			      "key: usherctl key rotate; to begin anew, which "
			      "ends all sign-ins under way: usherctl key new "
			      "--replace");
	if (err == ERR_IO)
		return refuse(path, "cannot be written (does the state "
			      "directory exist, and may you write there?)");
	return refuse(path, err_text(err));
}

int keyctl_new(const struct command_line *line)
{
	const bool replace = command_has(line, "replace");
	char path[PATH_LONGEST];
	enum err err;

	if (find_keyring(line, path, sizeof(path)))
		return COMMAND_REFUSED;
	if (!replace && access(path, F_OK) && has_database(path))
		return refuse(path, "there is none, but there is a database "
			      "beside it: restore the key ring from its "
			      "backup; where it is lost: usherctl key new "
			      "--replace (sign-ins under way end, sessions "
			      "stay)");
	err = replace ? keyring_replace(path) : keyring_create(path);
	if (err)
		return refuse_new(path, err);
	printf("made %s%s\n", path, replace ? "; what older keys sealed "
	       "ended" : "");
	return COMMAND_DONE;
}

/* Somebody else, the gateway perhaps, is changing it, which is soon done. */
static bool may_try_again(enum err err, int *tries)
{
	return err == ERR_BUSY && (*tries)++ < BUSY_TRIES &&
	       poll(NULL, 0, BUSY_MS) == 0;
}

int keyctl_rotate(const struct command_line *line)
{
	char path[PATH_LONGEST], why[KEYRING_WHY_MAX];
	int tries = 0;
	enum err err;

	if (find_keyring(line, path, sizeof(path)))
		return COMMAND_REFUSED;
	do
		err = keyring_rotate(path, why, sizeof(why));
	while (may_try_again(err, &tries));
	if (err)
		return refuse(path, why);
	printf("added a key to %s; a running gateway takes it up by itself, "
	       "and the old ones go on opening\n", path);
	return COMMAND_DONE;
}

int keyctl_retire(const struct command_line *line)
{
	char path[PATH_LONGEST], why[KEYRING_WHY_MAX];
	const char *kid = line->arguments[0];
	int tries = 0;
	enum err err;

	if (find_keyring(line, path, sizeof(path)))
		return COMMAND_REFUSED;
	do
		err = keyring_retire(path, str_from(kid), why, sizeof(why));
	while (may_try_again(err, &tries));
	if (err)
		return refuse(path, why);
	printf("took %s out of %s; what it sealed ended\n", kid, path);
	return COMMAND_DONE;
}
