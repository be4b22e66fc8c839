/*
 * The writer's commits over a file system that may lose power: a VFS below
 * walvfs keeps a list of what was written and synced.  From it, for each sync
 * (as it begins: nothing of it has happened) files are made as a power cut
 * could leave them: what was synced before, and of what was written since any
 * sectors or none.
 */
#include "store/walvfs.h"

#include <fcntl.h>

#include "store/db-private.h"
#include "store/outbox.h"
#include "store/schema.h"
#include "unit/store/rig.h"

#define SECTOR 512
#define PIECES_MAX 8192		/* writes between two syncs of a file */
#define FILE_MAX (16 << 20)
#define VARIANTS 8		/* of what a power cut leaves */
#define COMMITS 90
#define STATES_MIN 500

enum which { DATABASE, WAL, FILES };

struct piece {
	sqlite3_int64 at;
	size_t len;		/* 0: a truncation to `at` */
	unsigned char *bytes;
};

/* What is safe of a file, and what is not yet. */
struct image {
	unsigned char *bytes;
	size_t size;
	struct piece pieces[PIECES_MAX];
	unsigned count;
};

struct power_file {
	sqlite3_file base;
	sqlite3_file *real;
	enum which which;
};

static sqlite3_vfs *unix_vfs;
static sqlite3_vfs power_vfs;
static struct image images[FILES];
static void (*at_sync)(void);		/* before a sync takes effect */
static unsigned wal_writes;
static int wal_write_fails;		/* so many more writes succeed; -1: all */

/* ---- what a file is ------------------------------------------------------ */

static void set_size(struct image *image, size_t size)
{
	ck_assert_uint_le(size, FILE_MAX);
	if (size > image->size)
		memset(image->bytes + image->size, 0, size - image->size);
	image->size = size;
}

static void put(struct image *image, sqlite3_int64 at, const void *from,
		size_t len)
{
	if ((size_t)at + len > image->size)
		set_size(image, (size_t)at + len);
	memcpy(image->bytes + at, from, len);
}

static void note(enum which which, const void *from, size_t len,
		 sqlite3_int64 at)
{
	struct image *image = &images[which];
	struct piece *piece = &image->pieces[image->count++];

	ck_assert_uint_lt(image->count, PIECES_MAX);
	*piece = (struct piece){ .at = at, .len = len };
	if (len) {
		piece->bytes = malloc(len);
		ck_assert_ptr_nonnull(piece->bytes);
		memcpy(piece->bytes, from, len);
	}
}

static void make_safe(struct image *image)
{
	for (unsigned i = 0; i < image->count; i++) {
		struct piece *piece = &image->pieces[i];

		if (piece->len)
			put(image, piece->at, piece->bytes, piece->len);
		else
			set_size(image, (size_t)piece->at);
		free(piece->bytes);
	}
	image->count = 0;
}

/* ---- the VFS ------------------------------------------------------------- */

static sqlite3_file *real_of(sqlite3_file *file)
{
	return ((struct power_file *)file)->real;
}

static int power_close(sqlite3_file *f)
{
	return real_of(f)->pMethods->xClose(real_of(f));
}

static int power_read(sqlite3_file *f, void *to, int len, sqlite3_int64 at)
{
	return real_of(f)->pMethods->xRead(real_of(f), to, len, at);
}

static int power_write(sqlite3_file *f, const void *from, int len,
		       sqlite3_int64 at)
{
	enum which which = ((struct power_file *)f)->which;

	if (which == WAL) {
		wal_writes++;
		if (wal_write_fails == 0)
			return SQLITE_FULL;
		if (wal_write_fails > 0)
			wal_write_fails--;
	}
	note(which, from, (size_t)len, at);
	return real_of(f)->pMethods->xWrite(real_of(f), from, len, at);
}

static int power_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	note(((struct power_file *)f)->which, NULL, 0, size);
	return real_of(f)->pMethods->xTruncate(real_of(f), size);
}

static int power_sync(sqlite3_file *f, int flags)
{
	(void)flags;
	if (at_sync)
		at_sync();
	make_safe(&images[((struct power_file *)f)->which]);
	return SQLITE_OK;
}

static int power_size(sqlite3_file *f, sqlite3_int64 *size)
{
	return real_of(f)->pMethods->xFileSize(real_of(f), size);
}

static int power_lock(sqlite3_file *f, int level)
{
	return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int power_unlock(sqlite3_file *f, int level)
{
	return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int power_check(sqlite3_file *f, int *out)
{
	return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}

static int power_control(sqlite3_file *f, int op, void *arg)
{
	return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int power_sector(sqlite3_file *f)
{
	return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int power_traits(sqlite3_file *f)
{
	return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static int power_shm_map(sqlite3_file *f, int page, int size, int extend,
			 void volatile **out)
{
	return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend,
					     out);
}

static int power_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
	return real_of(f)->pMethods->xShmLock(real_of(f), at, n, flags);
}

static void power_shm_barrier(sqlite3_file *f)
{
	real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int power_shm_unmap(sqlite3_file *f, int remove)
{
	return real_of(f)->pMethods->xShmUnmap(real_of(f), remove);
}

static const sqlite3_io_methods power_methods = {
	.iVersion = 2,
	.xClose = power_close,
	.xRead = power_read,
	.xWrite = power_write,
	.xTruncate = power_truncate,
	.xSync = power_sync,
	.xFileSize = power_size,
	.xLock = power_lock,
	.xUnlock = power_unlock,
	.xCheckReservedLock = power_check,
	.xFileControl = power_control,
	.xSectorSize = power_sector,
	.xDeviceCharacteristics = power_traits,
	.xShmMap = power_shm_map,
	.xShmLock = power_shm_lock,
	.xShmBarrier = power_shm_barrier,
	.xShmUnmap = power_shm_unmap,
};

static int power_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file,
		      int flags, int *flags_r)
{
	struct power_file *f = (struct power_file *)file;
	int rc;

	(void)vfs;
	if (!(flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)))
		return unix_vfs->xOpen(unix_vfs, name, file, flags, flags_r);
	*f = (struct power_file){
		.real = (sqlite3_file *)(f + 1),
		.which = flags & SQLITE_OPEN_WAL ? WAL : DATABASE,
	};
	rc = unix_vfs->xOpen(unix_vfs, name, f->real, flags, flags_r);
	if (rc == SQLITE_OK)
		f->base.pMethods = &power_methods;
	return rc;
}

static void power_set_up(void)
{
	if (!unix_vfs) {
		unix_vfs = sqlite3_vfs_find("unix");
		power_vfs = *unix_vfs;
		power_vfs.pNext = NULL;
		power_vfs.zName = "power";
		power_vfs.szOsFile = (int)sizeof(struct power_file) +
				     unix_vfs->szOsFile;
		power_vfs.xOpen = power_open;
		ck_assert_int_eq(sqlite3_vfs_register(&power_vfs, 1),
				 SQLITE_OK);
	}
	for (int i = 0; i < FILES; i++) {
		images[i].bytes = malloc(FILE_MAX);
		ck_assert_ptr_nonnull(images[i].bytes);
	}
	wal_write_fails = -1;
}

static void power_tear_down(void)
{
	at_sync = NULL;
	for (int i = 0; i < FILES; i++) {
		make_safe(&images[i]);
		free(images[i].bytes);
		images[i] = (struct image){ 0 };
	}
}

/* ---- the writer above it ------------------------------------------------- */

static char dir[64];
static struct db *db;

static void bench_open(void)
{
	char text[256];
	struct buf why;

	power_set_up();
	rig_make_dir(dir);
	buf_init_fixed(&why, text, sizeof(text));
	ck_assert_msg(!db_open(dir, DB_WRITER, &db, &why), "%s", text);
	ck_assert_msg(!schema_migrate(db, &why), "%s", text);
}

static void bench_close(void)
{
	at_sync = NULL;
	db_close(db);
	db = NULL;
	rig_remove_dir(dir);
	power_tear_down();
}

/* `size` octets that tell their number. */
static enum err add_event(int number, size_t size)
{
	char body[4096];
	struct outbox_event event = { STR("event"), { body, size } };

	memset(body, 'a' + number % 26, size);
	pool_reset(db->scratch);
	return outbox_append(db, STR("acme"), number, &event, 1);
}

/* The newest events once more: what was spilled of them is read again. */
static enum err touch_events(void)
{
	return db_exec(db, "UPDATE outbox SET state = state + 1"
			   " WHERE id > (SELECT max(id) - 150 FROM outbox)");
}

static int64_t ask(sqlite3 *handle, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	int64_t n = -1;

	if (sqlite3_prepare_v2(handle, sql, -1, &stmt, NULL) == SQLITE_OK &&
	    sqlite3_step(stmt) == SQLITE_ROW)
		n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return n;
}

/* ---- power cuts ---------------------------------------------------------- */

static int acknowledged;		/* events whose commit returned */
static unsigned states;
static uint64_t dice = 88172645463325252;

static unsigned roll(unsigned sides)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return (unsigned)(dice % sides);
}

/* Does what was written last but never synced survive? */
static bool survives(unsigned variant, unsigned i, unsigned count)
{
	switch (variant) {
	case 0:
		return false;
	case 1:
		return true;
	case 2:			/* only what came first */
		return i < count / 2;
	case 3:			/* only what came last */
		return i >= count / 2;
	default:
		return roll(2);
	}
}

static void leave(struct image *image, unsigned variant, const char *path)
{
	static unsigned char copy[FILE_MAX];
	struct image left = { .bytes = copy, .size = image->size };
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	memcpy(copy, image->bytes, image->size);
	for (unsigned i = 0; i < image->count; i++) {
		const struct piece *piece = &image->pieces[i];

		if (!piece->len && survives(variant, i, image->count))
			set_size(&left, (size_t)piece->at);
		for (size_t at = 0; at < piece->len; at += SECTOR) {
			size_t len = piece->len - at < SECTOR ?
				     piece->len - at : SECTOR;

			/* the order of sectors is the disk's, not ours */
			if (survives(variant, (unsigned)(at / SECTOR),
				     (unsigned)(piece->len / SECTOR)))
				put(&left, piece->at + (sqlite3_int64)at,
				    piece->bytes + at, len);
		}
	}
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, copy, left.size), (ssize_t)left.size);
	close(fd);
}

static void check_what_is_left(void)
{
	for (unsigned variant = 0; variant < VARIANTS; variant++) {
		char path[128], sql[128];
		sqlite3 *handle;

		snprintf(path, sizeof(path), "%s/left-wal", dir);
		leave(&images[WAL], variant, path);
		snprintf(path, sizeof(path), "%s/left-shm", dir);
		unlink(path);
		snprintf(path, sizeof(path), "%s/left", dir);
		leave(&images[DATABASE], variant, path);
		ck_assert_int_eq(sqlite3_open_v2(path, &handle,
						 SQLITE_OPEN_READWRITE,
						 "unix"), SQLITE_OK);
		snprintf(sql, sizeof(sql), "SELECT count(*) FROM outbox"
			 " WHERE user_id <= %d", acknowledged);
		ck_assert_int_eq(ask(handle, sql), acknowledged);
		ck_assert_int_eq(ask(handle, "SELECT integrity_check = 'ok'"
				     " FROM pragma_integrity_check"), 1);
		/* all of a transaction or nothing: events come by tens */
		ck_assert_int_eq(ask(handle, "SELECT count(*) % 10 FROM"
				     " outbox"), 0);
		sqlite3_close(handle);
		states++;
	}
}

/* Of ten events or some tens, now and then of more than is gathered. */
static void commit_some(int commit)
{
	int count = 10 * (1 + (int)roll(3)), last = acknowledged + count;

	if (commit % 20 == 19)
		count = 100, last = acknowledged + count;
	ck_assert_int_eq(db_begin(db), ERR_OK);
	for (int i = acknowledged + 1; i <= last; i++)
		ck_assert_int_eq(add_event(i, commit % 20 == 19 ? 3000 :
					   1 + roll(200)), ERR_OK);
	if (commit % 3 == 0)
		ck_assert_int_eq(touch_events(), ERR_OK);
	ck_assert_int_eq(db_commit(db), ERR_OK);
	acknowledged = last;
}

START_TEST(no_power_cut_loses_what_was_acknowledged)
{
	acknowledged = 0;
	states = 0;
	bench_open();
	at_sync = check_what_is_left;
	for (int i = 0; i < COMMITS; i++) {
		/* some spill their pages before they end */
		db_exec(db, i % 2 ? "PRAGMA cache_size = 5" :
					 "PRAGMA cache_size = -2000");
		commit_some(i);
		if (i % 13 == 12)
			sqlite3_wal_checkpoint_v2(db->handle, NULL,
						  SQLITE_CHECKPOINT_PASSIVE,
						  NULL, NULL);
	}
	ck_assert_uint_ge(states, STATES_MIN);
	bench_close();
}
END_TEST

/* ---- gathering ----------------------------------------------------------- */

START_TEST(a_commit_of_many_pages_takes_few_writes)
{
	bench_open();
	/* the first one after the WAL was begun writes its header too */
	ck_assert_int_eq(add_event(1, 10), ERR_OK);
	wal_writes = 0;
	ck_assert_int_eq(db_begin(db), ERR_OK);
	for (int i = 2; i <= 20; i++)
		ck_assert_int_eq(add_event(i, 3000), ERR_OK);
	ck_assert_int_eq(db_commit(db), ERR_OK);
	ck_assert_uint_ge(db->wal_pages, 19);
	ck_assert_uint_eq(wal_writes, 1);
	bench_close();
}
END_TEST

static void expect(struct db *reader, int events)
{
	ck_assert_int_eq(ask(reader->handle, "SELECT count(*) FROM outbox"),
			 events);
	ck_assert_int_eq(ask(reader->handle, "SELECT integrity_check = 'ok'"
			     " FROM pragma_integrity_check"), 1);
}

/* Whether or not it is synced: it is written before it is shown. */
START_TEST(a_reader_sees_a_commit_at_once)
{
	int events;

	char text[256];
	struct db *reader;
	struct buf why;

	bench_open();
	buf_init_fixed(&why, text, sizeof(text));
	ck_assert_int_eq(db_open(dir, DB_READER, &reader, &why), ERR_OK);
	for (events = 1; events <= 60; events++) {
		if (events == 30)
			db_exec(db, "PRAGMA synchronous = OFF");
		ck_assert_int_eq(add_event(events, 50 * (size_t)events),
				 ERR_OK);
		expect(reader, events);
	}
	/* and where frames were written over before the commit */
	db_exec(db, "PRAGMA cache_size = 5");
	for (int i = 0; i < 12; i++) {
		ck_assert_int_eq(db_begin(db), ERR_OK);
		for (int n = 0; n < 1 + i; n++)
			ck_assert_int_eq(add_event(events++, 3000), ERR_OK);
		ck_assert_int_eq(touch_events(), ERR_OK);
		ck_assert_int_eq(db_commit(db), ERR_OK);
		expect(reader, events - 1);
	}
	db_close(reader);
	bench_close();
}
END_TEST

/* Whichever write fails, its transaction does, and nothing of it stays. */
START_TEST(a_write_that_fails_late_fails_its_commit)
{
	int fails = 0, rows = 0;

	bench_open();
	for (int i = 0; i < 40; i++) {
		enum err err;

		db_exec(db, i % 2 ? "PRAGMA cache_size = 5" :
				    "PRAGMA cache_size = -2000");
		wal_write_fails = i / 2;
		err = db_begin(db);
		for (int k = 0; !err && k < 100; k++)
			err = add_event(rows + k + 1, 3000);
		if (!err)
			err = touch_events();
		if (!err)
			err = db_commit(db);
		if (err)
			db_rollback(db);
		wal_write_fails = -1;
		fails += err != ERR_OK;
		rows += err ? 0 : 100;
		ck_assert_int_eq(ask(db->handle,
				     "SELECT count(*) FROM outbox"), rows);
		ck_assert_int_eq(ask(db->handle, "SELECT integrity_check = "
				     "'ok' FROM pragma_integrity_check"), 1);
	}
	ck_assert_int_gt(fails, 5);
	ck_assert_int_gt(rows, 0);
	bench_close();
}
END_TEST

static void walvfs_tests(TCase *tc)
{
	tcase_set_timeout(tc, UNIT_PATIENCE_S);
	tcase_add_test(tc, no_power_cut_loses_what_was_acknowledged);
	tcase_add_test(tc, a_commit_of_many_pages_takes_few_writes);
	tcase_add_test(tc, a_reader_sees_a_commit_at_once);
	tcase_add_test(tc, a_write_that_fails_late_fails_its_commit);
}

UNIT_MAIN("walvfs", walvfs_tests)
