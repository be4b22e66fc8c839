#include "config/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "config/nearby.h"

struct str secret_path(struct pool *pool, struct str dir, struct str path)
{
	if (path.len && path.ptr[0] == '/')
		return pool_str(pool, path);
	return pool_printf(pool, "%.*s/%.*s", STR_ARG(dir), STR_ARG(path));
}

/* `shown`: where it was looked for; absent of a secret. */
static void say_errno(struct secret_place at, struct str shown, int err,
		      const char *remedy)
{
	const char *text = errno_text(err);

	if (err == EACCES)
		remedy = "let the gateway's user read it";
	if (str_is_null(shown))
		location_error(at.location, at.line, at.setting, remedy,
			       "names a file that cannot be read: %s", text);
	else
		location_error(at.location, at.line, at.setting, remedy,
			       "names %.*s, which cannot be read: %s",
			       STR_ARG(shown), text);
}

#define SECRET_FILE_MAX (SECRET_MAX + 3)	/* "\r\n", and one to see too
						 * many */
#define MAKE_ONE "make one: openssl rand -base64 32"
#define MAKE_IT								\
	"make the file, or correct the path: it is relative to the "	\
	"directory of this configuration file"

/* A descriptor of a regular file; -1: errno, 0 for one that is none. */
static int open_regular(struct str path, struct stat *st_r)
{
	int fd = open(path.ptr, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -1;
	if (!fstat(fd, st_r) && S_ISREG(st_r->st_mode))
		return fd;
	close(fd);
	errno = 0;
	return -1;
}

static void say_irregular(struct secret_place at, struct str shown)
{
	if (str_is_null(shown))
		shown = STR("something");
	location_error(at.location, at.line, at.setting,
		       "put a regular file there",
		       "names %.*s, which is not a regular file",
		       STR_ARG(shown));
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

static bool is_too_long(struct secret_place at, struct str text)
{
	if (text.len > SECRET_MAX)
		location_error(at.location, at.line, at.setting, NULL,
			       "names a file with more than %d octets",
			       SECRET_MAX);
	return text.len > SECRET_MAX;
}

static int take(struct secret_place at, struct pool *pool, struct str text,
		size_t min, struct str *out_r)
{
	text = without_line_end(text);
	if (is_too_long(at, text))
		return -1;
	if (text.len < min) {
		location_error(at.location, at.line, at.setting,
			       MAKE_ONE,
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

/* Up to `size` octets of it: how many, or -1 with a finding. */
static ssize_t read_all(struct secret_place at, int fd, char *text, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size && (n = read(fd, text + len, size - len)) != 0) {
		if (n < 0) {
			say_errno(at, STR_NULL, errno, NULL);
			return -1;
		}
		len += (size_t)n;
	}
	return (ssize_t)len;
}

/* All of a secret's file, or one octet past the limit: how many octets, or -1
 * with a finding. */
static ssize_t read_secret(struct secret_place at, struct str path,
			   char text[SECRET_FILE_MAX])
{
	struct stat st;
	ssize_t len;
	int fd = open_regular(path, &st);

	if (fd < 0 && errno)
		say_errno(at, STR_NULL, errno, MAKE_IT);
	else if (fd < 0)
		say_irregular(at, STR_NULL);
	if (fd < 0)
		return -1;
	check_private(at, &st);
	len = read_all(at, fd, text, SECRET_FILE_MAX);
	close(fd);
	return len;
}

int secret_read(struct secret_place at, struct pool *pool, struct str path,
		size_t min, struct str *out_r)
{
	char text[SECRET_FILE_MAX];
	ssize_t len = read_secret(at, path, text);
	int ret = -1;

	if (len >= 0)
		ret = take(at, pool, (struct str){ text, (size_t)len }, min,
			   out_r);
	explicit_bzero(text, sizeof(text));
	return ret;
}

/* Sent in a header by the tenant's server: no blanks, no line ends. */
static bool is_header_secret(struct str s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (s.ptr[i] <= ' ' || s.ptr[i] > '~')
			return false;
	return true;
}

static int add_line(struct secret_place at, struct str line, unsigned number,
		    struct secrets *out)
{
	enum err err;

	if (line.len ? line.ptr[0] == '#' : number > 1) {
		location_error(at.location, at.line, at.setting,
			       "take the line out: each is a secret",
			       "names a file whose line %u %s", number,
			       line.len ? "begins with '#'" : "is empty");
		return -1;
	}
	if (line.len < SECRET_OURS_MIN) {
		location_error(at.location, at.line, at.setting, MAKE_ONE,
			       "names a file whose line %u is a secret of %zu "
			       "octets; at least %d are needed",
			       number, line.len, SECRET_OURS_MIN);
		return -1;
	}
	if (!is_header_secret(line)) {
		location_error(at.location, at.line, at.setting, MAKE_ONE,
			       "names a file whose line %u has characters that "
			       "no header can carry", number);
		return -1;
	}
	err = secrets_add(out, line);
	if (err == ERR_LIMIT)
		location_error(at.location, at.line, at.setting,
			       "take out those that nobody uses any more",
			       "names a file with more than %d secrets",
			       SECRETS_MAX);
	else if (err)
		location_error(at.location, at.line, at.setting, NULL, "%s",
			       err_text(err));
	return err ? -1 : 0;
}

static int take_lines(struct secret_place at, struct str text,
		      struct secrets *out_r)
{
	struct secrets all = { .count = 0 };
	struct str rest = without_line_end(text);
	unsigned number = 0;

	if (is_too_long(at, rest))
		return -1;
	do {
		struct str line = str_cut(rest, '\n', &rest);

		if (rest.ptr && line.len && line.ptr[line.len - 1] == '\r')
			line.len--;
		if (add_line(at, line, ++number, &all))
			return -1;
	} while (rest.ptr);
	*out_r = all;
	return 0;
}

int secret_read_several(struct secret_place at, struct str path,
			struct secrets *out_r)
{
	char text[SECRET_FILE_MAX];
	ssize_t len = read_secret(at, path, text);
	int ret = -1;

	if (len >= 0)
		ret = take_lines(at, (struct str){ text, (size_t)len }, out_r);
	explicit_bzero(text, sizeof(text));
	return ret;
}

/*
 * The path, and what is there instead.  Of a key no more than a name that is
 * near: the key itself may have been written where its path belongs.
 */
static void say_missing(struct secret_place at, struct str path,
			bool is_private, int err)
{
	struct pool *scratch = pool_new(NEARBY_POOL_MAX);
	struct str shown = scratch ? nearby_absolute(scratch, path) : path;
	char text[512];
	struct buf remedy;

	buf_init_fixed(&remedy, text, sizeof(text));
	if (err == ENOENT && scratch)
		nearby(scratch, shown, STR(""), &remedy);
	if (!remedy.len || (is_private &&
			    !str_has_prefix(buf_str(&remedy), STR("did ")))) {
		buf_clear(&remedy);
		buf_puts(&remedy, MAKE_IT);
	}
	say_errno(at, is_private ? STR_NULL : shown, err, text);
	pool_free(scratch);
}

int secret_check_pem(struct secret_place at, struct str path, bool is_private)
{
	struct stat st;
	int fd = open_regular(path, &st);

	if (fd < 0 && errno)
		say_missing(at, path, is_private, errno);
	else if (fd < 0)
		say_irregular(at, is_private ? STR_NULL : path);
	if (fd < 0)
		return -1;
	if (is_private)
		check_private(at, &st);
	close(fd);
	return 0;
}

int secret_read_public(struct secret_place at, struct pool *pool,
		       struct str path, size_t max, struct str *out_r)
{
	char *text = pool_alloc(pool, max + 1);
	struct stat st;
	ssize_t len;
	int fd = open_regular(path, &st);

	if (fd < 0 && errno)
		say_missing(at, path, false, errno);
	else if (fd < 0)
		say_irregular(at, path);
	if (fd < 0)
		return -1;
	len = text ? read_all(at, fd, text, max + 1) : -1;
	if (!text)
		location_error(at.location, at.line, at.setting, NULL,
			       "no memory");
	close(fd);
	if (len > (ssize_t)max)
		location_error(at.location, at.line, at.setting, NULL,
			       "names a file with more than %zu octets", max);
	if (len < 0 || len > (ssize_t)max)
		return -1;
	*out_r = (struct str){ text, (size_t)len };
	return 0;
}
