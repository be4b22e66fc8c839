#include "console/keyctl.h"

#include "console/console.h"
#include "admin/show.h"
#include "crypto/keyring.h"

/* The key ring's path in `path`; -1 with the reason printed. */
static int find_keyring(const struct command_line *line, char *path,
			size_t size)
{
	struct snapshot *snapshot = console_gateway(&line->general);

	if (!snapshot)
		return -1;
	snprintf(path, size, "%s/keyring", snapshot->gateway.state.ptr);
	snapshot_unref(snapshot);
	return 0;
}

int keyctl_list(const struct command_line *line)
{
	struct keyring *ring;
	char path[4096], why[KEYRING_WHY_MAX];

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

int keyctl_new(const struct command_line *line)
{
	char path[4096];
	enum err err;

	if (find_keyring(line, path, sizeof(path)))
		return COMMAND_REFUSED;
	err = keyring_create(path);
	if (err) {
		fprintf(stderr, "usherctl: %s: %s%s\n", path,
			err == ERR_CONFLICT ? "there is a key ring already; "
			"to add a key: usherctl key rotate" : err_text(err),
			err == ERR_IO ? " (does the state directory exist, and "
			"may you write there?)" : "");
		return COMMAND_REFUSED;
	}
	printf("made %s\n", path);
	return COMMAND_DONE;
}

int keyctl_rotate(const struct command_line *line)
{
	char path[4096], why[KEYRING_WHY_MAX];

	if (find_keyring(line, path, sizeof(path)))
		return COMMAND_REFUSED;
	if (keyring_rotate(path, 0, why, sizeof(why))) {
		fprintf(stderr, "usherctl: %s: %s\n", path, why);
		return COMMAND_REFUSED;
	}
	printf("added a key to %s; put it to use with: usherctl reload\n",
	       path);
	return COMMAND_DONE;
}
