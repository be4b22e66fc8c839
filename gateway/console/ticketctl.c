#include "console/ticketctl.h"

#include <errno.h>
#include <stdlib.h>

#include "console/console.h"
#include "admin/socket.h"
#include "base/random.h"
#include "store/tickets.h"

#define LIST_LIMIT "50"		/* unless asked for more or less */
#define KEY_BYTES 16

const struct command_option ticketctl_list_options[] = {
	{ "state", "STATE", "open (unless told), closed or all", 1 },
	{ "limit", "N", "at most so many, 1 to 100 (" LIST_LIMIT ")", 1 },
	{ "before", "MS:NUMBER", "go on, as the page before says", 1 },
	{ 0 }
};

const struct command_option ticketctl_reply_options[] = {
	{ "name", "NAME", "who answers, as the user is shown", 1 },
	{ "message", "TEXT", "the message", 1 },
	{ "file", "FILE", "a file with the message; - for standard input", 1 },
	{ "key", "KEY", "of an attempt that was not confirmed", 1 },
	{ 0 }
};

const struct command_option ticketctl_turn_options[] = {
	{ "name", "NAME", "who does it, for the record", 1 },
	{ 0 }
};

static struct str value_or(const struct command_line *line, const char *name,
			   const char *otherwise)
{
	const char *value = command_value(line, name);

	return str_from(value ? value : otherwise);
}

int ticketctl_list(const struct command_line *line)
{
	struct str words[SOCKET_WORDS_MAX];
	unsigned count = console_words(line, words, SOCKET_WORDS_MAX);

	words[count++] = str_from(line->arguments[0]);
	words[count++] = value_or(line, "state", "open");
	words[count++] = value_or(line, "limit", LIST_LIMIT);
	words[count++] = value_or(line, "before", "-");
	return console_send(line, words, count);
}

int ticketctl_turn(const struct command_line *line)
{
	struct str words[SOCKET_WORDS_MAX];
	unsigned count = console_words(line, words, SOCKET_WORDS_MAX);

	words[count++] = str_from(line->arguments[0]);
	words[count++] = str_from(line->arguments[1]);
	words[count++] = value_or(line, "name", "");
	return console_send(line, words, count);
}

int ticketctl_sessions(const struct command_line *line)
{
	struct str words[SOCKET_WORDS_MAX];
	unsigned count = console_words(line, words, SOCKET_WORDS_MAX);

	words[count++] = str_from(line->arguments[0]);
	words[count++] = str_from(line->count > 1 ? line->arguments[1] : "-");
	return console_send(line, words, count);
}

/* ---- reply ---- */

/* Without CR in front of LF, and without line ends at the end. */
static void tidy(struct str in, struct buf *out)
{
	for (size_t i = 0; i < in.len; i++)
		if (in.ptr[i] != '\r' || i + 1 == in.len ||
		    in.ptr[i + 1] != '\n')
			buf_addc(out, in.ptr[i]);
	while (out->len && out->ptr[out->len - 1] == '\n')
		out->len--;
}

/* The whole of it, read to the end or to what no message can have. */
static int read_message(const char *path, struct buf *out)
{
	bool is_stdin = !strcmp(path, "-");
	FILE *f = is_stdin ? stdin : fopen(path, "re");
	size_t max = 2 * TICKET_MESSAGE_MAX + 2;
	char *text = malloc(max);
	size_t len = f && text ? fread(text, 1, max, f) : 0;
	bool failed = !f || !text || ferror(f);

	if (failed)
		fprintf(stderr, "usherctl: %s: %s\n", path, strerror(errno));
	else if (len == max)	/* more may come: never send a part of it */
		buf_add(out, text, len);
	else
		tidy((struct str){ text, len }, out);
	if (f && !is_stdin)
		fclose(f);
	free(text);
	return failed ? -1 : 0;
}

/* From --message, --file, or "-" as the last argument: just one of them. */
static int take_message(const struct command_line *line, struct buf *out)
{
	const char *text = command_value(line, "message");
	const char *path = command_value(line, "file");
	bool is_dash = line->count > 2;

	if (is_dash && strcmp(line->arguments[2], "-"))
		return command_misused(line, "behind the number there may be "
				       "a - for standard input; a text is "
				       "given by --message");
	if (!!text + !!path + is_dash != 1)
		return command_misused(line, "the message is given by "
				       "--message, --file, or a - for "
				       "standard input");
	if (text)
		tidy(str_from(text), out);
	else if (read_message(is_dash ? "-" : path, out))
		return COMMAND_REFUSED;
	if (!out->len)
		return command_misused(line, "the message is empty");
	if (!buf_is_ok(out) || out->len > TICKET_MESSAGE_MAX)
		return command_misused(line, "a message has %d bytes at most",
				       TICKET_MESSAGE_MAX);
	return COMMAND_DONE;
}

/* One that nobody else will choose: "" where there is no chance for one. */
static void make_key(char key[2 * KEY_BYTES + 1])
{
	unsigned char bytes[KEY_BYTES];

	key[0] = '\0';
	if (random_bytes(bytes, sizeof(bytes)))
		return;
	for (int i = 0; i < KEY_BYTES; i++)
		snprintf(key + 2 * i, 3, "%02x", bytes[i]);
}

int ticketctl_reply(const struct command_line *line)
{
	struct str words[SOCKET_WORDS_MAX];
	unsigned count = console_words(line, words, SOCKET_WORDS_MAX);
	const char *name = command_value(line, "name");
	char key[2 * KEY_BYTES + 1];
	struct buf message;
	int status;

	if (!name || !*name)
		return command_misused(line, "a reply needs --name: who "
				       "answers, as the user is shown");
	make_key(key);
	buf_init(&message, 2 * TICKET_MESSAGE_MAX + 16);
	status = take_message(line, &message);
	if (status == COMMAND_DONE) {
		words[count++] = str_from(line->arguments[0]);
		words[count++] = str_from(line->arguments[1]);
		words[count++] = str_from(name);
		words[count++] = buf_str(&message);
		words[count++] = value_or(line, "key", key);
		status = console_send(line, words, count);
	}
	buf_done(&message);
	return status;
}
