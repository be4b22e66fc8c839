#include "sandbox/landlock.h"

#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Carried here: a distribution's header may be older than the kernel that the
 * gateway runs on.
 */
struct ruleset {
	uint64_t fs, net, scoped;
};

struct path_beneath {
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed));

#define RULE_PATH_BENEATH 1
#define CREATE_VERSION 1u
#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_READ_DIR (UINT64_C(1) << 3)
#define NET_ALL UINT64_C(3)		/* bind, connect: version 4 */
#define SCOPED_ALL UINT64_C(3)		/* abstract sockets, signals: 6 */

#define DEPTH_MAX 32			/* directories above the hidden one */

static const char *const library_dirs[] = {
	"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib",
};

#define DIRS (N_ELEMENTS(library_dirs))

struct place {
	dev_t dev;
	ino_t ino;
};

/* The hidden directory and those above it, from the inside. */
struct way {
	struct place places[DEPTH_MAX];
	unsigned count;
};

int landlock_version(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
			       CREATE_VERSION);

	return version > 0 ? (int)version : 0;
}

static uint64_t fs_of(int version)
{
	/* 1: 13 rights; 2: refer; 3: truncate; 5: ioctl on devices */
	static const uint64_t all[] = { 0, 0x1fff, 0x3fff, 0x7fff, 0x7fff,
					0xffff };

	return all[version > 5 ? 5 : version];
}

/* ---- the hidden directory ------------------------------------------------ */

static bool is_place(const struct place *place, const struct stat *st)
{
	return place->dev == st->st_dev && place->ino == st->st_ino;
}

/* A directory that we have no way to needs no hiding. */
static bool is_out_of_reach(int error)
{
	return error == ENOENT || error == ENOTDIR || error == EACCES;
}

/* -1: errno. Out of reach: a way of no places. */
static int find_way(const char *hidden, struct way *way)
{
	struct stat st;
	int fd, up;

	way->count = 0;
	fd = hidden ? open(hidden, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	if (!hidden)
		return 0;
	while (fd >= 0 && fstat(fd, &st) == 0) {
		if (way->count && is_place(&way->places[way->count - 1], &st)) {
			close(fd);	/* the root is its own parent */
			return 0;
		}
		errno = ENAMETOOLONG;
		if (way->count == DEPTH_MAX)
			break;
		way->places[way->count++] = (struct place){ st.st_dev,
							     st.st_ino };
		up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = up;
	}
	if (fd >= 0)
		close(fd);
	else if (is_out_of_reach(errno))
		way->count = 0;
	return fd < 0 && !way->count ? 0 : -1;
}

/* ---- rules --------------------------------------------------------------- */

static int add_rule(int ruleset, int fd, uint64_t what)
{
	struct path_beneath rule = { .allowed = what, .fd = fd };

	return (int)syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH,
			    &rule, 0);
}

static int allow(int ruleset, int at, const char *name, int flags,
		 const struct way *way);

/* All that is in a directory but the way. */
static int allow_beside(int ruleset, int dir, const struct way *way)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *entries = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!entries) {
		rc = errno;
		if (fd >= 0)
			close(fd);
		errno = rc;
		/* Whose names we may not know the loader does not, either. */
		return rc == EACCES ? 0 : -1;
	}
	while (!rc && (entry = readdir(entries)) != NULL) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		/* What a link leads to has its own rule, or should have none. */
		if (entry->d_type == DT_LNK)
			continue;
		rc = allow(ruleset, fd, entry->d_name, O_NOFOLLOW, way);
	}
	closedir(entries);
	return rc;
}

/* On the way, directories may be opened, but not be listed (getdents64): the
 * loader, where it has not found a library in one, asks whether there is one,
 * and looks there no more if not. */
static int allow_way(int ruleset, int fd, const struct way *way)
{
	return add_rule(ruleset, fd, FS_READ_DIR) ||
	       allow_beside(ruleset, fd, way) ? -1 : 0;
}

/* That file, or that directory with all that is below it but the way. */
static int allow(int ruleset, int at, const char *name, int flags,
		 const struct way *way)
{
	int fd = openat(at, name, O_PATH | O_CLOEXEC | flags), rc = 0;
	bool is_on_way = false;
	struct stat st;

	if (fd < 0)
		return errno == ENOENT || errno == EACCES ? 0 : -1;
	if (fstat(fd, &st)) {
		close(fd);
		return -1;
	}
	for (unsigned i = 1; i < way->count; i++)
		is_on_way = is_on_way || is_place(&way->places[i], &st);
	if (way->count && is_place(&way->places[0], &st))
		rc = 0;
	else if (is_on_way)
		rc = allow_way(ruleset, fd, way);
	else if (S_ISDIR(st.st_mode))
		rc = add_rule(ruleset, fd, FS_READ_FILE | FS_READ_DIR);
	else if (S_ISREG(st.st_mode))
		rc = add_rule(ruleset, fd, FS_READ_FILE);
	close(fd);
	return rc;
}

/* /lib may be /usr/lib by another name: once is enough. */
static bool is_seen(const char *name, struct place *seen, unsigned *count)
{
	struct stat st;

	if (stat(name, &st))
		return false;
	for (unsigned i = 0; i < *count; i++)
		if (is_place(&seen[i], &st))
			return true;
	seen[(*count)++] = (struct place){ st.st_dev, st.st_ino };
	return false;
}

int landlock_restrict(int version, const char *hidden)
{
	const struct ruleset all = {
		.fs = fs_of(version),
		.net = version >= 4 ? NET_ALL : 0,
		.scoped = version >= 6 ? SCOPED_ALL : 0,
	};
	size_t size = version >= 6 ? 24 : version >= 4 ? 16 : 8;
	int fd = (int)syscall(SYS_landlock_create_ruleset, &all, size, 0);
	int rc = fd < 0 ? -1 : 0;
	struct place seen[DIRS];
	unsigned count = 0;
	struct way way;

	if (!rc)
		rc = find_way(hidden, &way);
	for (size_t i = 0; !rc && i < DIRS; i++)
		if (!is_seen(library_dirs[i], seen, &count))
			rc = allow(fd, AT_FDCWD, library_dirs[i], 0, &way);
	if (!rc)
		rc = allow(fd, AT_FDCWD, "/etc/ld.so.cache", 0, &way);
	if (!rc && syscall(SYS_landlock_restrict_self, fd, 0))
		rc = -1;
	if (fd >= 0)
		close(fd);
	return rc;
}
