#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

/* Somebody who finishes between our open and our lock takes the name with
 * it; that often in a row means that we are one of very many. */
#define TRIES 16

/* Does the name still lead to what we have open and locked? */
static bool is_ours(const char *name, const struct stat *held)
{
	struct stat st;

	return lstat(name, &st) == 0 && st.st_dev == held->st_dev &&
	       st.st_ino == held->st_ino;
}

/*
 * Open and lock the draft of that name. *again_r: the name went away
 * meanwhile.
 */
static enum err draft_open(const char *name, int *fd_r, bool *again_r)
{
	struct stat st;
	int fd, saved;

	*again_r = false;
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
		  0600);
	if (fd < 0)
		return ERR_IO;
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		saved = errno;
		close(fd);
		errno = saved;
		return saved == EWOULDBLOCK ? ERR_BUSY : ERR_IO;
	}
	if (fstat(fd, &st))
		goto fail;
	if (!is_ours(name, &st)) {
		*again_r = true;
		goto fail;
	}
	/* A leftover must be a plain file that has no second name. */
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1) {
		errno = EEXIST;
		goto fail;
	}
	if (fchmod(fd, 0600) || ftruncate(fd, 0))
		goto fail;
	*fd_r = fd;
	return ERR_OK;
fail:
	saved = errno;
	close(fd);
	errno = saved;
	return ERR_IO;
}

enum err file_draft_begin(struct file_draft *draft, const char *path)
{
	enum err err = ERR_BUSY;
	int n;

	draft->fd = -1;
	draft->path = path;
	n = snprintf(draft->draft, sizeof(draft->draft), "%s.new", path);
	if (n < 0 || (size_t)n >= sizeof(draft->draft))
		return ERR_LIMIT;
	for (int i = 0; i < TRIES; i++) {
		bool again;

		err = draft_open(draft->draft, &draft->fd, &again);
		if (!again)
			return err;
	}
	return ERR_BUSY;
}

enum err file_draft_write(struct file_draft *draft, const void *data,
			  size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(draft->fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_IO;
		p += n;
		len -= (size_t)n;
	}
	return ERR_OK;
}

/* A new name is durable only once its directory is. */
static enum err sync_directory(const char *path)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 1;
	int fd, rc, saved;

	memcpy(dir, slash ? path : ".", len);
	if (slash == path)
		dir[len++] = '/';
	dir[len] = '\0';
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return ERR_IO;
	rc = fsync(fd);
	saved = errno;
	close(fd);
	errno = saved;
	return rc ? ERR_IO : ERR_OK;
}

enum err file_draft_commit(struct file_draft *draft, bool replace)
{
	enum err err = ERR_IO;
	int rc;

	if (fsync(draft->fd))
		goto out;
	/* link(2) never replaces, and the whole file appears at once. */
	rc = replace ? rename(draft->draft, draft->path) :
		       link(draft->draft, draft->path);
	if (rc) {
		err = !replace && errno == EEXIST ? ERR_CONFLICT : ERR_IO;
		goto out;
	}
	if (replace) {
		/* The name is gone: nothing to remove, only to unlock. */
		close(draft->fd);
		draft->fd = -1;
		return sync_directory(draft->path);
	}
	file_draft_abort(draft);
	return sync_directory(draft->path);
out:
	rc = errno;
	file_draft_abort(draft);
	errno = rc;
	return err;
}

void file_draft_abort(struct file_draft *draft)
{
	if (draft->fd < 0)
		return;
	/* Unlink first: who waits for the lock must find the name gone. */
	unlink(draft->draft);
	close(draft->fd);
	draft->fd = -1;
}
