#include "store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/num.h"
#include "store/audit-private.h"
#include "store/db-private.h"
#include "store/walvfs.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *writer_vfs;

/*
 * A connection belongs to one thread at a time, so SQLite needs no mutex per
 * connection; its memory statistics would cost a global one per allocation.
 * Where SQLite is running already this does nothing, and costs only speed.
 */
static void configure(void)
{
	sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	writer_vfs = walvfs_name();
}

/* `why` may be NULL. */
static enum err path_in(const char *dir, const char *file,
			char path[DB_PATH_MAX], struct buf *why)
{
	int n = snprintf(path, DB_PATH_MAX, "%s/%s", dir, file);

	if (n > 0 && n < DB_PATH_MAX)
		return ERR_OK;
	if (why)
		buf_puts(why, "the path of the state directory is too long");
	return ERR_LIMIT;
}

void db_tell_holder(const char *dir, pid_t pid, struct buf *why)
{
	buf_printf(why, "the state directory %s is in use by another daemon",
		   dir);
	if (pid > 0)
		buf_printf(why, " (pid %d)", (int)pid);
	buf_puts(why, ": stop that one, or give this one a state of its own");
}

/* Say who holds the lock, as far as its pid can be read. */
static void tell_owner(int fd, const char *dir, struct buf *why)
{
	char text[16];
	ssize_t n = pread(fd, text, sizeof(text), 0);
	struct str line = str_trim((struct str){ text, n > 0 ? (size_t)n : 0 },
				   "\n");
	int64_t pid;

	if (num_i64(line, 1, INT32_MAX, &pid))
		pid = 0;
	db_tell_holder(dir, (pid_t)pid, why);
}

static enum err write_pid(int fd)
{
	char pid[16];
	int n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());

	if (ftruncate(fd, 0) || pwrite(fd, pid, (size_t)n, 0) != n)
		return ERR_IO;
	return ERR_OK;
}

enum err db_lock(const char *dir, int *fd_r, struct buf *why)
{
	char path[DB_PATH_MAX];
	enum err err = path_in(dir, DB_LOCK_FILE, path, why);
	int fd;

	if (err)
		return err;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		buf_printf(why, "cannot open %s: %s", path, strerror(errno));
		return ERR_IO;
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		err = errno == EWOULDBLOCK ? ERR_CONFLICT : ERR_IO;
		if (err == ERR_CONFLICT)
			tell_owner(fd, dir, why);
		else
			buf_printf(why, "cannot lock %s: %s", path,
				   strerror(errno));
	} else if (write_pid(fd)) {
		err = ERR_IO;
		buf_printf(why, "cannot write %s: %s", path, strerror(errno));
	}
	if (err) {
		close(fd);
		return err;
	}
	*fd_r = fd;
	return ERR_OK;
}

/* "1: FLOCK  ADVISORY  WRITE 123 fe:00:4711 0 EOF" */
static pid_t read_holder(FILE *locks, const struct stat *st)
{
	char line[256], place[64];
	int pid;

	snprintf(place, sizeof(place), " %02x:%02x:%llu ", major(st->st_dev),
		 minor(st->st_dev), (unsigned long long)st->st_ino);
	while (fgets(line, sizeof(line), locks))
		if (strstr(line, " FLOCK ") && strstr(line, place) &&
		    sscanf(line, "%*s %*s %*s %*s %d", &pid) == 1)
			return pid > 0 ? pid : 0;
	return 0;
}

pid_t db_holder(const char *dir)
{
	char path[DB_PATH_MAX];
	struct stat st;
	pid_t pid = 0;
	FILE *locks;

	if (path_in(dir, DB_LOCK_FILE, path, NULL) || stat(path, &st))
		return 0;
	locks = fopen("/proc/locks", "re");
	if (!locks)
		return 0;
	pid = read_holder(locks, &st);
	fclose(locks);
	return pid;
}

void db_unlock(int fd)
{
	if (fd >= 0)
		close(fd);
}

/*
 * SQLite would make the file with the umask's mode, and its WAL takes the
 * mode of the database: so it is made here.  One that exists is not even
 * opened, since closing it again would drop the locks that SQLite may hold on
 * it in this process.  The directory is synced, or a power cut could lose the
 * file with what was committed into it.
 */
static enum err make_file(const char *dir, const char *path, struct buf *why)
{
	int fd, dirfd = -1;
	enum err err = ERR_IO;
	struct stat st;

	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 && errno != EEXIST)
		goto out;
	if (lstat(path, &st))
		goto out;
	errno = EINVAL;
	if (!S_ISREG(st.st_mode) || ((st.st_mode & 077) && chmod(path, 0600)))
		goto out;
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0 || fsync(dirfd))
		goto out;
	err = ERR_OK;
out:
	if (err)
		buf_printf(why, "cannot make %s: %s", path, strerror(errno));
	if (dirfd >= 0)
		close(dirfd);
	if (fd >= 0)
		close(fd);
	return err;
}

/* What it was doing when the system said no; "": that is not known. */
static const char *at_what(int extended)
{
	static const struct { int code; const char *text; } table[] = {
		{ SQLITE_IOERR_READ, " at a read" },
		{ SQLITE_IOERR_SHORT_READ, " at a read" },
		{ SQLITE_IOERR_WRITE, " at a write" },
		{ SQLITE_IOERR_FSYNC, " at fsync" },
		{ SQLITE_IOERR_DIR_FSYNC, " at fsync" },
		{ SQLITE_IOERR_TRUNCATE, " at a truncation" },
		{ SQLITE_IOERR_LOCK, " at a lock" },
		{ SQLITE_IOERR_SHMOPEN, " at the -shm file" },
		{ SQLITE_IOERR_SHMSIZE, " at the -shm file" },
		{ SQLITE_IOERR_SHMMAP, " at the -shm file" },
	};

	for (size_t i = 0; i < N_ELEMENTS(table); i++)
		if (table[i].code == extended)
			return table[i].text;
	return "";
}

/* `system` is an errno, or 0. */
static enum health_trouble kind_of(int extended, int system)
{
	switch (extended & 0xff) {
	case SQLITE_FULL:
		return HEALTH_FULL;
	case SQLITE_READONLY:
		return extended == SQLITE_READONLY_DBMOVED ? HEALTH_MOVED :
							     HEALTH_READ_ONLY;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return HEALTH_HELD;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return HEALTH_DAMAGED;
	case SQLITE_NOMEM:
		return HEALTH_NO_MEMORY;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		if (system == ENOSPC || system == EDQUOT)
			return HEALTH_FULL;
		if (system == EROFS || system == EACCES)
			return HEALTH_READ_ONLY;
		return extended == SQLITE_IOERR_FSYNC ||
		       extended == SQLITE_IOERR_DIR_FSYNC ? HEALTH_NO_SYNC :
							    HEALTH_IO;
	default:
		return HEALTH_OTHER;
	}
}

/* Only these two kinds have an errno. */
static int system_error(struct db *db, int extended)
{
	int kind = extended & 0xff, system = walvfs_errno();

	if (kind != SQLITE_IOERR && kind != SQLITE_CANTOPEN)
		return 0;
	return system ? system : sqlite3_system_errno(db->handle);
}

enum err db_fail(struct db *db, int rc)
{
	int extended = sqlite3_extended_errcode(db->handle);
	int system = system_error(db, extended);

	snprintf(db->problem, sizeof(db->problem), "%s%s%s%s (SQLite %d)",
		 sqlite3_errmsg(db->handle), at_what(extended),
		 system ? ": " : "", system ? strerror(system) : "", extended);
	db->trouble = kind_of(extended, system);
	if (db->health)
		health_bad(db->health, db->trouble, db->problem, false);
	switch (rc & 0xff) {
	case SQLITE_NOMEM:
		return ERR_NOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ERR_BUSY;
	case SQLITE_CONSTRAINT:
		return ERR_CONFLICT;
	case SQLITE_MISUSE:
	case SQLITE_RANGE:
	case SQLITE_ERROR:
		return ERR_INTERNAL;
	default:
		return ERR_IO;
	}
}

void db_forget_problem(struct db *db)
{
	db->problem[0] = '\0';
	db->trouble = HEALTH_WELL;
	walvfs_forget_errno();
}

void db_watch(struct db *db, struct health *health)
{
	db->health = health;
}

/* Where it is not there yet, it is remembered once it is. */
static void remember_file(struct db_file *file)
{
	struct stat st;

	if (file->is_known || stat(file->path, &st))
		return;
	file->device = st.st_dev;
	file->inode = st.st_ino;
	file->is_known = true;
}

static enum err check_file(struct db *db, struct db_file *file)
{
	struct stat st;
	const char *what = "another file stands in its place";

	remember_file(file);
	if (!file->is_known)
		return ERR_OK;
	if (stat(file->path, &st))
		what = strerror(errno);
	else if (st.st_dev == file->device && st.st_ino == file->inode)
		return ERR_OK;
	snprintf(db->problem, sizeof(db->problem), "%.*s: %s",
		 DB_PROBLEM_MAX / 2, file->path, what);
	db->trouble = HEALTH_MOVED;
	return ERR_IO;
}

enum err db_check_place(struct db *db)
{
	enum err err = check_file(db, &db->main);

	return err ? err : check_file(db, &db->wal);
}

enum err db_exec(struct db *db, const char *sql)
{
	int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

	return rc ? db_fail(db, rc) : ERR_OK;
}

static int count_pages(void *ctx, sqlite3 *handle, const char *name, int pages)
{
	struct db *db = ctx;

	(void)handle;
	(void)name;
	db->wal_pages = pages;
	return SQLITE_OK;
}

/* WAL is what durability and readers rest on: no other mode will do. */
static enum err use_wal(struct db *db)
{
	sqlite3_stmt *stmt = NULL;
	enum err err = ERR_OK;
	int rc = sqlite3_prepare_v2(db->handle, "PRAGMA journal_mode = WAL",
				    -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW)
		err = db_fail(db, rc);
	else if (!str_eq(query_str(stmt, 0), STR("wal")))
		err = ERR_IO;
	if (err && !db->problem[0])
		snprintf(db->problem, sizeof(db->problem),
			 "the file system does not allow WAL");
	sqlite3_finalize(stmt);
	return err;
}

static enum err set_up(struct db *db)
{
	char sql[160];
	enum err err;

	sqlite3_busy_timeout(db->handle, DB_BUSY_MS);
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	snprintf(sql, sizeof(sql), "PRAGMA cache_size = -%d",
		 db->role == DB_WRITER ? DB_WRITER_CACHE_KIB :
					 DB_READER_CACHE_KIB);
	err = db_exec(db, sql);
	if (!err)
		err = db_exec(db, "PRAGMA trusted_schema = OFF;"
				  "PRAGMA cell_size_check = ON;"
				  "PRAGMA mmap_size = 0;"
				  "PRAGMA temp_store = MEMORY;"
				  "PRAGMA foreign_keys = ON;"
				  "PRAGMA secure_delete = ON;"
				  "PRAGMA wal_autocheckpoint = 0;");
	if (err)
		return err;
	if (db->role == DB_READER) {
		sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE,
				  1, NULL);
		return db_exec(db, "PRAGMA query_only = ON");
	}
	err = use_wal(db);
	if (!err)
		err = db_exec(db, "PRAGMA synchronous = FULL");
	sqlite3_wal_hook(db->handle, count_pages, db);
	return err;
}

enum err db_open(const char *dir, enum db_role role, struct db **db_r,
		 struct buf *why)
{
	char path[DB_PATH_MAX];
	struct db *db = NULL;
	enum err err = path_in(dir, DB_FILE, path, why);
	int rc;

	pthread_once(&once, configure);
	if (!err && role == DB_WRITER)
		err = make_file(dir, path, why);
	if (err)
		return err;
	db = calloc(1, sizeof(*db));
	if (!db)
		return ERR_NOMEM;
	db->role = role;
	db->scratch = pool_new(DB_SCRATCH_MAX);
	if (!db->scratch) {
		err = ERR_NOMEM;
		goto out;
	}
	rc = sqlite3_open_v2(path, &db->handle, SQLITE_OPEN_READWRITE |
			     SQLITE_OPEN_NOMUTEX,
			     role == DB_WRITER ? writer_vfs : NULL);
	err = rc ? db_fail(db, rc) : set_up(db);
	if (!err && role == DB_WRITER) {
		memcpy(db->main.path, path, sizeof(path));
		err = path_in(dir, DB_FILE "-wal", db->wal.path, why);
	}
	if (!err && role == DB_WRITER)
		err = db_check_place(db);
out:
	if (err) {
		buf_printf(why, "cannot open %s: %s", path, db->problem[0] ?
			   db->problem : err_text(err));
		db_close(db);
		return err;
	}
	*db_r = db;
	return ERR_OK;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	for (int i = 0; i < SQL_COUNT; i++)
		sqlite3_finalize(db->stmt[i]);
	sqlite3_close_v2(db->handle);
	audit_book_free(db->audit);
	pool_free(db->scratch);
	free(db);
}

const char *db_problem(const struct db *db)
{
	return db->problem;
}

enum err query_begin(struct db *db, enum sql slot, const char *text,
		     sqlite3_stmt **stmt_r)
{
	sqlite3_stmt **stmt = &db->stmt[slot];

	if (!*stmt) {
		int rc = sqlite3_prepare_v3(db->handle, text, -1,
					    SQLITE_PREPARE_PERSISTENT, stmt,
					    NULL);

		if (rc)
			return db_fail(db, rc);
	}
	*stmt_r = *stmt;
	return ERR_OK;
}

int query_step(struct db *db, sqlite3_stmt *stmt, enum err *err)
{
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW)
		return 1;
	if (rc == SQLITE_DONE)
		return 0;
	*err = db_fail(db, rc);
	return -1;
}

void query_end(sqlite3_stmt *stmt)
{
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
}

enum err query_run(struct db *db, sqlite3_stmt *stmt)
{
	enum err err = ERR_OK;

	while (query_step(db, stmt, &err) > 0)
		;
	query_end(stmt);
	return err;
}

enum err query_do(struct db *db, enum sql slot, const char *text)
{
	sqlite3_stmt *stmt = NULL;
	enum err err = query_begin(db, slot, text, &stmt);

	return err ? err : query_run(db, stmt);
}

void query_bind_str(sqlite3_stmt *stmt, int index, struct str s)
{
	if (s.ptr)
		sqlite3_bind_text64(stmt, index, s.ptr, s.len, SQLITE_STATIC,
				    SQLITE_UTF8);
	else
		sqlite3_bind_null(stmt, index);
}

struct str query_str(sqlite3_stmt *stmt, int column)
{
	const unsigned char *text = sqlite3_column_text(stmt, column);

	if (!text)
		return STR_NULL;
	return (struct str){ (const char *)text,
			     (size_t)sqlite3_column_bytes(stmt, column) };
}

enum err db_begin(struct db *db)
{
	/* IMMEDIATE: one that begins as a reader cannot wait its turn later */
	return query_do(db, SQL_BEGIN, "BEGIN IMMEDIATE");
}

enum err db_commit(struct db *db)
{
	return query_do(db, SQL_COMMIT, "COMMIT");
}

void db_rollback(struct db *db)
{
	char kept[DB_PROBLEM_MAX];

	/* after some errors (disk full) SQLite has rolled back by itself */
	if (sqlite3_get_autocommit(db->handle))
		return;
	memcpy(kept, db->problem, sizeof(kept));
	if (!query_do(db, SQL_ROLLBACK, "ROLLBACK"))
		memcpy(db->problem, kept, sizeof(kept));
}

enum err text_check(struct str s, size_t max)
{
	if (s.len > max)
		return ERR_LIMIT;
	return s.len && memchr(s.ptr, '\0', s.len) ? ERR_CONTROL : ERR_OK;
}
