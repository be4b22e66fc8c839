#include "admin/adapterctl.h"

#include <errno.h>
#include <stdlib.h>

#include "adapter/trial.h"
#include "admin/services.h"

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
	return err || result.failures ? COMMAND_REFUSED : COMMAND_DONE;
}

int adapterctl_check(const struct command_line *line)
{
	char **arguments = line->arguments;
	int count = line->count;
	int status = COMMAND_DONE;
	struct str text;

	if (count == 1) {
		status = try_fixture(arguments[0], arguments[0],
				     STR("load\n"));
		if (status == COMMAND_DONE)
			printf("%s loads\n", arguments[0]);
	}
	for (int i = 1; i < count; i++) {
		if (read_text(arguments[i], &text))
			return COMMAND_REFUSED;
		if (try_fixture(arguments[0], arguments[i], text))
			status = COMMAND_REFUSED;
		free((char *)text.ptr);
	}
	return status;
}

/* One handoff with the fields given as NAME=VALUE. */
int adapterctl_run(const struct command_line *line)
{
	char **arguments = line->arguments;
	int count = line->count;
	struct buf fixture;
	int status = COMMAND_USAGE;

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
