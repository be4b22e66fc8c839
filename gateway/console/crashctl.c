#include "console/crashctl.h"

#include <errno.h>

#include "base/crash.h"
#include "codec/json.h"
#include "console/console.h"

#define PATH_LONGEST 4096
#define JSON_MAX (8 * CRASH_LINE_MAX)

static void show_json(const char *text)
{
	struct buf out;

	buf_init(&out, JSON_MAX);
	buf_addc(&out, '{');
	if (text)
		json_add_member(&out, "crash", str_from(text));
	else
		json_add_member_raw(&out, "crash", STR("null"));
	buf_puts(&out, "}\n");
	printf("%.*s", STR_ARG(buf_str(&out)));
	buf_done(&out);
}

int crashctl_show(const struct command_line *line)
{
	struct console_place place;
	char path[PATH_LONGEST], text[CRASH_LINE_MAX];
	enum err err;

	if (console_state(&line->general, &place))
		return COMMAND_REFUSED;
	snprintf(path, sizeof(path), "%s/crash", place.place.state.ptr);
	console_place_done(&place);
	err = crash_last(path, text);
	if (err && err != ERR_NOT_FOUND) {
		fprintf(stderr, "usherctl: %s: %s (may you read there?)\n",
			path, strerror(errno));
		return COMMAND_REFUSED;
	}
	if (line->general.json)
		show_json(err ? NULL : text);
	else
		puts(err ? "no crash is on record" : text);
	return COMMAND_DONE;
}
