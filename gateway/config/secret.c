#include "config/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct str secret_path(struct pool *pool, struct str dir, struct str path)
{
	if (path.len && path.ptr[0] == '/')
		return pool_str(pool, path);
	return pool_printf(pool, "%.*s/%.*s", STR_ARG(dir), STR_ARG(path));
}

static void say_errno(struct secret_place at)
{
	int err = errno;

	location_error(at.location, at.line, at.setting,
		       err == EACCES ? "let the gateway's user read it" :
		       "make the file, or correct the path: it is relative to "
		       "the directory of this configuration file",
		       "names a file that cannot be read: %s",
		       strerrordesc_np(err) ? strerrordesc_np(err) : "error");
}

/* -1 with a finding. */
static int open_regular(struct secret_place at, struct str path,
			struct stat *st_r)
{
	int fd = open(path.ptr, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 || fstat(fd, st_r)) {
		say_errno(at);
	} else if (!S_ISREG(st_r->st_mode)) {
		location_error(at.location, at.line, at.setting,
			       "put a regular file there",
			       "names something that is not a regular file");
	} else {
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

static void check_private(struct secret_place at, const struct stat *st)
{
	if (st->st_mode & (S_IRWXG | S_IRWXO))
		location_warn(
			at.location, at.line, at.setting, "chmod go= the file",
			"names a file that other users may open (mode %04o)",
			(unsigned)(st->st_mode & 07777));
	if (st->st_uid != 0 && st->st_uid != geteuid())
		location_warn(at.location, at.line, at.setting,
			      "chown it to the gateway's user",
			      "names a file of another user (uid %u)",
			      (unsigned)st->st_uid);
}

static struct str without_line_end(struct str s)
{
	if (!s.len || s.ptr[s.len - 1] != '\n')
		return s;
	s.len--;
	if (s.len && s.ptr[s.len - 1] == '\r')
		s.len--;
	return s;
}

static int take(struct secret_place at, struct pool *pool, struct str text,
		size_t min, struct str *out_r)
{
	text = without_line_end(text);
	if (text.len > SECRET_MAX) {
		location_error(at.location, at.line, at.setting, NULL,
			       "names a file with more than %d octets",
			       SECRET_MAX);
		return -1;
	}
	if (text.len < min) {
		location_error(at.location, at.line, at.setting,
			       "make one: openssl rand -base64 32",
			       "names a file with a secret of %zu octets; at "
			       "least %zu are needed",
			       text.len, min);
		return -1;
	}
	text = pool_str(pool, text);
	if (str_is_null(text)) {
		location_error(at.location, at.line, at.setting, NULL,
			       "no memory");
		return -1;
	}
	*out_r = text;
	return 0;
}

int secret_read(struct secret_place at, struct pool *pool, struct str path,
		size_t min, struct str *out_r)
{
	char text[SECRET_MAX + 3];	/* "\r\n", and one to see too many */
	size_t len = 0;
	struct stat st;
	ssize_t n;
	int fd = open_regular(at, path, &st), ret = -1;

	if (fd < 0)
		return -1;
	check_private(at, &st);
	while (len < sizeof(text) &&
	       (n = read(fd, text + len, sizeof(text) - len)) != 0) {
		if (n < 0) {
			say_errno(at);
			goto out;
		}
		len += (size_t)n;
	}
	ret = take(at, pool, (struct str){ text, len }, min, out_r);
out:
	explicit_bzero(text, sizeof(text));
	close(fd);
	return ret;
}

int secret_check_pem(struct secret_place at, struct str path, bool is_private)
{
	struct stat st;
	int fd = open_regular(at, path, &st);

	if (fd < 0)
		return -1;
	if (is_private)
		check_private(at, &st);
	close(fd);
	return 0;
}
