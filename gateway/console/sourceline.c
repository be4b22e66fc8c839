#include "console/sourceline.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "console/trialshow.h"

#define OFFSET_MAX 18		/* "0x" and 16 digits */
#define ANSWER_MAX 1024

extern char **environ;

struct place {
	char offset[OFFSET_MAX + 1];
};

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_hex(char c)
{
	return ascii_is_digit(c) || (c >= 'a' && c <= 'f');
}

/* The offset that stands behind "acme.so+"; 0: none does. */
static size_t take_offset(struct str at, char out[OFFSET_MAX + 1])
{
	size_t n = 2;

	if (!str_has_prefix(at, STR("0x")))
		return 0;
	while (n < at.len && n < OFFSET_MAX && is_hex(at.ptr[n]))
		n++;
	if (n == 2)
		return 0;
	memcpy(out, at.ptr, n);
	out[n] = '\0';
	return n;
}

static bool is_known(const struct place *places, unsigned count,
		     const char *offset)
{
	for (unsigned i = 0; i < count; i++)
		if (!strcmp(places[i].offset, offset))
			return true;
	return false;
}

static unsigned find(const char *path, struct str text,
		     struct place places[SOURCELINE_MAX])
{
	const struct str name = str_from(base_of(path));
	unsigned count = 0;

	for (size_t i = 0; i + name.len + 1 < text.len &&
			   count < SOURCELINE_MAX; i++) {
		struct str at = { text.ptr + i, text.len - i };

		if (!str_has_prefix(at, name) || at.ptr[name.len] != '+')
			continue;
		at.ptr += name.len + 1;
		at.len -= name.len + 1;
		if (take_offset(at, places[count].offset) &&
		    !is_known(places, count, places[count].offset))
			count++;
	}
	return count;
}

/* Its first line; absent: there is no such program, or it does not know. */
static struct str run(const char *path, const char *offset,
		      char answer[ANSWER_MAX])
{
	const char *const argv[] = { "addr2line", "-e", path, offset, NULL };
	posix_spawn_file_actions_t actions;
	size_t len = 0;
	int ends[2], rc;
	struct str line;
	ssize_t n;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return STR_NULL;
	rc = posix_spawn_file_actions_init(&actions);
	if (!rc) {
		rc = posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
		if (!rc)
			rc = posix_spawnp(&pid, argv[0], &actions, NULL,
					  (char *const *)(uintptr_t)argv,
					  environ);
		posix_spawn_file_actions_destroy(&actions);
	}
	close(ends[1]);
	while (!rc && len < ANSWER_MAX &&
	       ((n = read(ends[0], answer + len, ANSWER_MAX - len)) > 0 ||
		(n < 0 && errno == EINTR)))
		len += n > 0 ? (size_t)n : 0;
	close(ends[0]);
	if (rc)
		return STR_NULL;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	line = (struct str){ answer, len };
	line = str_cut(line, '\n', &line);
	return str_has_prefix(line, STR("??")) || !line.len ? STR_NULL : line;
}

void sourceline_add(const char *path, struct str text, bool must_run,
		    struct buf *out)
{
	struct place places[SOURCELINE_MAX];
	unsigned count = find(path, text, places);
	char answer[ANSWER_MAX];

	for (unsigned i = 0; i < count; i++) {
		struct str line = must_run ?
			run(path, places[i].offset, answer) : STR_NULL;

		buf_printf(out, "%s+%s: ", base_of(path), places[i].offset);
		if (!str_is_null(line))
			trialshow_text(out, line);
		else if (must_run)
			buf_puts(out, "addr2line is not installed, or the file "
				 "has no debug information (cc -g)");
		else
			buf_printf(out, "addr2line -e %s %s tells the line, as "
				   "does --lines", path, places[i].offset);
		buf_addc(out, '\n');
	}
}
