#include "store/walvfs.h"

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_HEADER 24
/* In it: the database's size in pages after a commit, else 0. */
#define COMMIT_MARK 4

/* The system's own file lies behind it. */
struct wal_file {
	sqlite3_file base;
	sqlite3_file *real;
	sqlite3_int64 next;	/* where the last write ended; -1: start anew */
	bool is_commit;		/* the frame whose page comes next ends one */
	size_t used;		/* gathered, to be written so that it ends at
				 * `next` */
	unsigned char *buffer;
};

#define REAL_AT ((sizeof(struct wal_file) + alignof(max_align_t) - 1) & \
		 ~(alignof(max_align_t) - 1))

static _Thread_local int last_errno;

int walvfs_errno(void)
{
	return last_errno;
}

void walvfs_forget_errno(void)
{
	last_errno = 0;
}

/* What the system's own file answered. */
static int heard(int rc)
{
	if (rc != SQLITE_OK && rc != SQLITE_IOERR_SHORT_READ)
		last_errno = errno;
	return rc;
}

static sqlite3_vfs *system_vfs;
static sqlite3_vfs wal_vfs;

/*
 * What cannot be written is forgotten: the caller hears of it and rolls back,
 * and what it writes then must not be overwritten by it.
 */
static int flush(struct wal_file *f)
{
	size_t used = f->used;
	int rc;

	if (!used)
		return SQLITE_OK;
	f->used = 0;
	rc = heard(f->real->pMethods->xWrite(f->real, f->buffer, (int)used,
					     f->next - (sqlite3_int64)used));
	if (rc != SQLITE_OK)
		f->next = -1;
	return rc;
}

/* Before anything but a write. What follows is no continuation, either: after
 * a read SQLite may rewrite a frame's header alone. */
static int settle(struct wal_file *f)
{
	int rc = flush(f);

	f->next = -1;
	return rc;
}

static int wal_close(sqlite3_file *file)
{
	struct wal_file *f = (struct wal_file *)file;
	int rc = flush(f), closed = f->real->pMethods->xClose(f->real);

	free(f->buffer);
	f->buffer = NULL;
	return rc != SQLITE_OK ? rc : closed;
}

static int wal_read(sqlite3_file *file, void *to, int len, sqlite3_int64 at)
{
	struct wal_file *f = (struct wal_file *)file;
	int rc = settle(f);

	return rc != SQLITE_OK ? rc :
	       heard(f->real->pMethods->xRead(f->real, to, len, at));
}

/* Not a continuation, or too long to gather. */
static int write_through(struct wal_file *f, const void *from, int len,
			 sqlite3_int64 at)
{
	int rc = flush(f);

	f->next = -1;
	if (rc == SQLITE_OK)
		rc = heard(f->real->pMethods->xWrite(f->real, from, len, at));
	if (rc == SQLITE_OK)
		f->next = at + len;
	return rc;
}

static int gather(struct wal_file *f, const void *from, size_t len)
{
	int rc = SQLITE_OK;

	if (len > WALVFS_BUFFER_MAX - f->used)
		rc = flush(f);
	if (rc != SQLITE_OK)
		return rc;
	memcpy(f->buffer + f->used, from, len);
	f->used += len;
	f->next += (sqlite3_int64)len;
	return SQLITE_OK;
}

static int wal_write(sqlite3_file *file, const void *from, int len,
		     sqlite3_int64 at)
{
	static const unsigned char none[4];
	struct wal_file *f = (struct wal_file *)file;
	bool ends_commit = f->is_commit && len != FRAME_HEADER;
	int rc;

	if (len == FRAME_HEADER)
		f->is_commit = memcmp((const char *)from + COMMIT_MARK, none,
				      sizeof(none)) != 0;
	if (at != f->next || len < 0 || len > WALVFS_BUFFER_MAX)
		return write_through(f, from, len, at);
	rc = gather(f, from, (size_t)len);
	return rc == SQLITE_OK && ends_commit ? flush(f) : rc;
}

static int wal_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct wal_file *f = (struct wal_file *)file;
	int rc = settle(f);

	return rc != SQLITE_OK ? rc :
	       heard(f->real->pMethods->xTruncate(f->real, size));
}

/* The next transaction goes on where this one ended. */
static int wal_sync(sqlite3_file *file, int flags)
{
	struct wal_file *f = (struct wal_file *)file;
	int rc = flush(f);

	return rc != SQLITE_OK ? rc :
	       heard(f->real->pMethods->xSync(f->real, flags));
}

static int wal_size(sqlite3_file *file, sqlite3_int64 *size)
{
	struct wal_file *f = (struct wal_file *)file;
	int rc = settle(f);

	return rc != SQLITE_OK ? rc :
	       f->real->pMethods->xFileSize(f->real, size);
}

static int wal_lock(sqlite3_file *file, int level)
{
	struct wal_file *f = (struct wal_file *)file;

	return f->real->pMethods->xLock(f->real, level);
}

static int wal_unlock(sqlite3_file *file, int level)
{
	struct wal_file *f = (struct wal_file *)file;

	return f->real->pMethods->xUnlock(f->real, level);
}

static int wal_check_lock(sqlite3_file *file, int *is_locked)
{
	struct wal_file *f = (struct wal_file *)file;

	return f->real->pMethods->xCheckReservedLock(f->real, is_locked);
}

static int wal_control(sqlite3_file *file, int op, void *arg)
{
	struct wal_file *f = (struct wal_file *)file;
	int rc = settle(f);

	return rc != SQLITE_OK ? rc :
	       f->real->pMethods->xFileControl(f->real, op, arg);
}

static int wal_sector_size(sqlite3_file *file)
{
	struct wal_file *f = (struct wal_file *)file;

	return f->real->pMethods->xSectorSize(f->real);
}

static int wal_characteristics(sqlite3_file *file)
{
	struct wal_file *f = (struct wal_file *)file;

	return f->real->pMethods->xDeviceCharacteristics(f->real);
}

/* Version 1: neither shared memory nor mapping is for a WAL. */
static const sqlite3_io_methods wal_methods = {
	.iVersion = 1,
	.xClose = wal_close,
	.xRead = wal_read,
	.xWrite = wal_write,
	.xTruncate = wal_truncate,
	.xSync = wal_sync,
	.xFileSize = wal_size,
	.xLock = wal_lock,
	.xUnlock = wal_unlock,
	.xCheckReservedLock = wal_check_lock,
	.xFileControl = wal_control,
	.xSectorSize = wal_sector_size,
	.xDeviceCharacteristics = wal_characteristics,
};

/* ---- the database itself ---- */

#define PAGE 4096		/* octets: no other size is made here */
#define FIRST_HEADER 100	/* of the file, before the first page's own */
/*
 * What is no page of a tree begins with the number of another page, whose
 * first octet could be mistaken for a tree's from page 2^25 on.  So that none
 * ever is, nothing is touched from half of that on.
 */
#define LARGE (INT64_C(1) << 24)

static const sqlite3_io_methods *main_real;
static sqlite3_io_methods main_methods;
static atomic_bool is_large;

static unsigned number_at(const unsigned char *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* A page of a tree: clear what lies between its list of cells and its first
 * cell.  Any other is left alone; so is one whose numbers cannot be. */
static void clear_gap(unsigned char *page, size_t size, bool is_first)
{
	unsigned char *head = page + (is_first ? FIRST_HEADER : 0);
	size_t from = (size_t)(head - page), to;

	if (head[0] == 2 || head[0] == 5)
		from += 12;
	else if (head[0] == 10 || head[0] == 13)
		from += 8;
	else
		return;
	from += 2 * number_at(head + 3);
	to = number_at(head + 5);
	if (from < to && to <= size)
		memset(page + from, 0, to - from);
}

static int main_write(sqlite3_file *file, const void *data, int n,
		      sqlite3_int64 at)
{
	unsigned char page[PAGE];

	if (at / PAGE >= LARGE)
		atomic_store(&is_large, true);
	if (n != PAGE || at % PAGE || atomic_load(&is_large))
		return main_real->xWrite(file, data, n, at);
	memcpy(page, data, PAGE);
	clear_gap(page, PAGE, at == 0);
	return main_real->xWrite(file, page, n, at);
}

/* The system's methods see their own file: they find no other by it. */
static void watch_main(sqlite3_file *file)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	sqlite3_int64 size = 0;

	pthread_mutex_lock(&lock);
	if (!main_real) {
		main_methods = *file->pMethods;
		main_methods.xWrite = main_write;
		main_real = file->pMethods;
	}
	pthread_mutex_unlock(&lock);
	if (file->pMethods != main_real)
		return;
	if (main_real->xFileSize(file, &size) || size / PAGE >= LARGE)
		atomic_store(&is_large, true);
	file->pMethods = &main_methods;
}

/* All but these two is the system's, as if we were not there. */
static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file,
		     int flags, int *flags_r)
{
	struct wal_file *f = (struct wal_file *)file;
	sqlite3_file *real;
	unsigned char *buffer;
	int rc;

	(void)vfs;
	if (!(flags & SQLITE_OPEN_WAL)) {
		rc = system_vfs->xOpen(system_vfs, name, file, flags, flags_r);
		if (rc == SQLITE_OK && flags & SQLITE_OPEN_MAIN_DB)
			watch_main(file);
		return rc;
	}
	f->base.pMethods = NULL;	/* else it would be closed */
	buffer = malloc(WALVFS_BUFFER_MAX);
	if (!buffer)
		return SQLITE_NOMEM;
	real = (sqlite3_file *)((char *)file + REAL_AT);
	rc = system_vfs->xOpen(system_vfs, name, real, flags, flags_r);
	if (rc != SQLITE_OK) {
		if (real->pMethods)
			real->pMethods->xClose(real);
		free(buffer);
		return rc;
	}
	*f = (struct wal_file){ .base.pMethods = &wal_methods, .real = real,
				.next = -1, .buffer = buffer };
	return SQLITE_OK;
}

const char *walvfs_name(void)
{
	if (system_vfs)
		return wal_vfs.zName;
	if (sqlite3_initialize() != SQLITE_OK)
		return NULL;
	system_vfs = sqlite3_vfs_find(NULL);
	if (!system_vfs)
		return NULL;
	/* its other methods do not look at the vfs they are called by, apart
	 * from the numbers in it */
	wal_vfs = *system_vfs;
	wal_vfs.pNext = NULL;
	wal_vfs.zName = "usher-wal";
	wal_vfs.szOsFile = (int)REAL_AT + system_vfs->szOsFile;
	wal_vfs.xOpen = open_file;
	if (sqlite3_vfs_register(&wal_vfs, 0) == SQLITE_OK)
		return wal_vfs.zName;
	system_vfs = NULL;
	return NULL;
}
