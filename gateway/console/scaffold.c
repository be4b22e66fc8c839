#include "console/scaffold.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

#define PLACEHOLDER "acme"
#define FILE_MAX 65536

const struct command_option scaffold_options[] = {
	{ "dir", "DIR", "where to make it (default NAME)", 1 },
	{ 0 }
};

/* A small letter, then small letters, digits, '-', '_': a file's name, and the
 * module's. */
static bool is_name(struct str name)
{
	if (!name.len || name.len > SCAFFOLD_NAME_MAX ||
	    name.ptr[0] < 'a' || name.ptr[0] > 'z')
		return false;
	for (size_t i = 1; i < name.len; i++)
		if (!(name.ptr[i] >= 'a' && name.ptr[i] <= 'z') &&
		    !ascii_is_digit(name.ptr[i]) && name.ptr[i] != '-' &&
		    name.ptr[i] != '_')
			return false;
	return true;
}

static void add_filled(struct buf *out, const char *text, const char *name)
{
	const char *at;

	while ((at = strstr(text, PLACEHOLDER))) {
		buf_add(out, text, (size_t)(at - text));
		buf_puts(out, name);
		text = at + sizeof(PLACEHOLDER) - 1;
	}
	buf_puts(out, text);
}

/* In the package it has a name that is seen. */
static const char *real_name(const char *name)
{
	return strcmp(name, "gitignore") ? name : ".gitignore";
}

/* Never one that is there. -1: errno. */
static int write_new(const char *path, struct str text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC |
		      O_NOFOLLOW, 0666);
	int rc = 0;

	if (fd < 0)
		return -1;
	while (text.len && !rc) {
		ssize_t n = write(fd, text.ptr, text.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			rc = -1;
			break;
		}
		text.ptr += n;
		text.len -= (size_t)n;
	}
	if (close(fd))
		rc = -1;
	return rc;
}

static int refuse(const char *path)
{
	fprintf(stderr, "usherctl: %s: %s\n", path, strerror(errno));
	return COMMAND_REFUSED;
}

static int write_file(const struct scaffold_file *file, const char *dir,
		      const char *name)
{
	char path[PATH_MAX], text[FILE_MAX];
	struct buf where, what;
	int status = COMMAND_DONE;

	buf_init_fixed(&where, path, sizeof(path));
	buf_printf(&where, "%s/", dir);
	add_filled(&where, real_name(file->name), name);
	buf_init_fixed(&what, text, sizeof(text));
	add_filled(&what, file->text, name);
	if (!buf_is_ok(&where) || !buf_is_ok(&what)) {
		errno = ENAMETOOLONG;
		return refuse(dir);
	}
	if (write_new(path, buf_str(&what)))
		status = refuse(path);
	return status;
}

int scaffold_new(const struct command_line *line)
{
	const char *name = line->arguments[0];
	const char *dir = command_value(line, "dir");
	int status = COMMAND_DONE;

	if (!is_name(str_from(name)))
		return command_misused(line, "%s: a name is a small letter, "
				       "then small letters, digits, '-' and "
				       "'_', %d at most", name,
				       SCAFFOLD_NAME_MAX);
	if (!dir)
		dir = name;
	/* One that is there, empty as it may be, is somebody's. */
	if (mkdir(dir, 0777))
		return refuse(dir);
	for (const struct scaffold_file *f = scaffold_files;
	     f->name && !status; f++)
		status = write_file(f, dir, name);
	if (status)
		return status;
	printf("made %s\n\n"
	       "  cd %s\n"
	       "  make              # %s.so\n"
	       "  make check        # is it fit?\n"
	       "  make run FIELDS=\"email=ann@partner.example plan=pro\"\n\n"
	       "%s.c is the adapter, %s.fixture what it is to do; the manual "
	       "is the\nSDK's README.md and <usher/adapter.h>.\n",
	       dir, dir, name, name, name);
	return COMMAND_DONE;
}
