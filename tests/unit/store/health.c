/*
 * How the store does, over a disk that fails as it is told: a VFS below walvfs
 * whose writes and syncs give errors, or do not return.
 */
#include "store/health.h"

#include <errno.h>
#include <sys/stat.h>

#include "store/db-private.h"
#include "unit/store/rig.h"

enum disk_fault {
	NONE,
	FULL,			/* a write: no space */
	QUOTA,			/* the same, as an error */
	READ_ONLY,
	BAD_WRITE,
	BAD_SYNC,
	HANG,			/* a sync returns when it is let go */
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum disk_fault fault;
	unsigned tries;		/* operations that were failed, or hang */
} disk = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NONE, 0 };

static sqlite3_vfs *unix_vfs;
static sqlite3_vfs faulty_vfs;
static const sqlite3_io_methods *real;	/* any: they write and sync alike */
static sqlite3_io_methods faulty[2];	/* the database's, and a WAL's */

static void set_fault(enum disk_fault fault)
{
	pthread_mutex_lock(&disk.lock);
	disk.fault = fault;
	disk.tries = 0;
	pthread_cond_broadcast(&disk.changed);
	pthread_mutex_unlock(&disk.lock);
}

static void wait_for_tries(unsigned n)
{
	pthread_mutex_lock(&disk.lock);
	while (disk.tries < n)
		pthread_cond_wait(&disk.changed, &disk.lock);
	pthread_mutex_unlock(&disk.lock);
}

static int count_try(int error, int code)
{
	disk.tries++;
	pthread_cond_broadcast(&disk.changed);
	errno = error;
	return code;
}

static int faulty_write(sqlite3_file *file, const void *from, int len,
			sqlite3_int64 at)
{
	int rc = SQLITE_OK;

	pthread_mutex_lock(&disk.lock);
	switch (disk.fault) {
	case FULL:
		rc = count_try(ENOSPC, SQLITE_FULL);
		break;
	case QUOTA:
		rc = count_try(EDQUOT, SQLITE_IOERR_WRITE);
		break;
	case READ_ONLY:
		rc = count_try(EROFS, SQLITE_IOERR_WRITE);
		break;
	case BAD_WRITE:
		rc = count_try(EIO, SQLITE_IOERR_WRITE);
		break;
	default:
		break;
	}
	pthread_mutex_unlock(&disk.lock);
	return rc ? rc : real->xWrite(file, from, len, at);
}

static int faulty_sync(sqlite3_file *file, int flags)
{
	int rc = SQLITE_OK;

	pthread_mutex_lock(&disk.lock);
	if (disk.fault == BAD_SYNC)
		rc = count_try(EIO, SQLITE_IOERR_FSYNC);
	if (disk.fault == HANG)
		count_try(0, 0);
	while (disk.fault == HANG)
		pthread_cond_wait(&disk.changed, &disk.lock);
	pthread_mutex_unlock(&disk.lock);
	return rc ? rc : real->xSync(file, flags);
}

static int faulty_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file,
		       int flags, int *flags_r)
{
	int rc = unix_vfs->xOpen(unix_vfs, name, file, flags, flags_r);
	sqlite3_io_methods *mine = &faulty[!!(flags & SQLITE_OPEN_WAL)];

	(void)vfs;
	if (rc != SQLITE_OK ||
	    !(flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)))
		return rc;
	if (!mine->xWrite) {
		real = file->pMethods;
		*mine = *real;
		mine->xWrite = faulty_write;
		mine->xSync = faulty_sync;
	}
	file->pMethods = mine;
	return rc;
}

static void set_up(void)
{
	if (unix_vfs)
		return;
	unix_vfs = sqlite3_vfs_find("unix");
	faulty_vfs = *unix_vfs;
	faulty_vfs.pNext = NULL;
	faulty_vfs.zName = "faulty";
	faulty_vfs.xOpen = faulty_open;
	ck_assert_int_eq(sqlite3_vfs_register(&faulty_vfs, 1), SQLITE_OK);
}

static struct health_report health_of(struct rig *rig)
{
	struct health_report report;

	writer_health(store_writer(rig->store), &report);
	return report;
}

/* It changes by itself: nobody else does anything meanwhile. */
static struct health_report wait_until(struct rig *rig,
				       enum health_trouble trouble)
{
	const struct timespec pause = { .tv_nsec = 5 * 1000 * 1000 };

	while (health_of(rig).trouble != trouble)
		nanosleep(&pause, NULL);
	return health_of(rig);
}

static enum err try_sync(struct rig *rig, const char *email)
{
	struct redemption visit = { .sync = { .email = str_from(email),
					      .name = STR("U") } };

	return rig_visit(rig, &visit);
}

static bool is_kept(struct rig *rig, const char *email)
{
	struct user user;

	return users_find(store_reader(rig->store, 0), STR("acme"),
			  str_from(email), rig->pool, &user) == ERR_OK;
}

static const struct {
	enum disk_fault fault;
	enum health_trouble trouble;
	const char *name, *says;
} faults[] = {
	{ FULL, HEALTH_FULL, "disk_full", "database or disk is full" },
	{ QUOTA, HEALTH_FULL, "disk_full", "quota exceeded" },
	{ READ_ONLY, HEALTH_READ_ONLY, "read_only", "Read-only file system" },
	{ BAD_WRITE, HEALTH_IO, "io_error", "at a write: Input/output error" },
	{ BAD_SYNC, HEALTH_NO_SYNC, "sync_failed",
	  "at fsync: Input/output error (SQLite 1034)" },
};

START_TEST(a_disk_that_fails_is_named_until_it_works)
{
	struct health_report r;
	struct rig rig;

	set_up();
	rig_open(&rig);
	ck_assert_int_eq(try_sync(&rig, "before@b"), ERR_OK);
	ck_assert_int_eq(health_of(&rig).trouble, HEALTH_WELL);
	ck_assert_int_eq(health_of(&rig).failures, 0);

	set_fault(faults[_i].fault);
	ck_assert_int_eq(try_sync(&rig, "meanwhile@b"), ERR_IO);
	r = health_of(&rig);
	ck_assert_int_eq(r.trouble, faults[_i].trouble);
	ck_assert_int_ge(r.failures, 1);
	ck_assert_str_eq(health_name(r.trouble), faults[_i].name);
	ck_assert_msg(str_icontains(str_from(r.problem),
				    str_from(faults[_i].says)),
		      "%s", r.problem);
	ck_assert(health_remedy(r.trouble)[0]);
	/* one that would change nothing has not shown that it works */
	rig_flush(store_writer(rig.store));
	ck_assert_int_eq(health_of(&rig).trouble, faults[_i].trouble);
	/* nobody comes, and it is tried all the same */
	wait_for_tries(3);
	ck_assert_int_eq(health_of(&rig).trouble, faults[_i].trouble);

	set_fault(NONE);
	r = wait_until(&rig, HEALTH_WELL);
	ck_assert_int_ge(r.failures, 2);
	ck_assert(!is_kept(&rig, "meanwhile@b"));
	ck_assert_int_eq(try_sync(&rig, "after@b"), ERR_OK);
	rig_stop(&rig);
	rig_start(&rig);
	ck_assert(is_kept(&rig, "before@b"));
	ck_assert(is_kept(&rig, "after@b"));
	ck_assert(!is_kept(&rig, "meanwhile@b"));
	rig_close(&rig);
}
END_TEST

/* Nobody is told of a commit that has not come back, nor kept in a queue
 * behind it. */
START_TEST(a_disk_that_hangs_is_named_and_nobody_queues_behind_it)
{
	struct redemption first, second;
	struct health_report r;
	struct rig rig;

	set_up();
	rig_open(&rig);
	first = second = rig_token(&rig, 1, 0);
	first.sync.email = first.sync.email_key = STR("first@b");
	ck_assert_int_eq(writer_can_write(store_writer(rig.store)), ERR_OK);
	set_fault(HANG);
	ck_assert_int_eq(redemptions_submit(store_redemptions(rig.store),
					    &first), ERR_OK);
	wait_for_tries(1);
	r = wait_until(&rig, HEALTH_STUCK);
	ck_assert_str_eq(health_name(r.trouble), "stuck");
	ck_assert_int_ge(r.busy_ms, HEALTH_STUCK_MS);
	ck_assert_int_eq(writer_can_write(store_writer(rig.store)), ERR_BUSY);
	ck_assert_int_eq(redemptions_submit(store_redemptions(rig.store),
					    &second), ERR_BUSY);
	/* the stop does not wait for it, either */
	ck_assert_int_eq(store_quit(rig.store, 1), ERR_BUSY);
	ck_assert_uint_eq(rig_told, 0);

	set_fault(NONE);
	rig_wait(1);
	ck_assert_int_eq(first.job.result, ERR_OK);
	ck_assert_int_eq(store_quit(rig.store, 3600 * 1000), ERR_OK);
	rig_stop(&rig);
	rig_start(&rig);
	ck_assert(is_kept(&rig, "first@b"));
	ck_assert(!is_kept(&rig, "second@b"));
	rig_close(&rig);
}
END_TEST

static void name_of(const struct rig *rig, const char *file, char path[128])
{
	snprintf(path, 128, "%s/%s", rig->dir, file);
}

static void copy_file(const char *from, const char *to)
{
	char block[65536];
	FILE *in = fopen(from, "re"), *out = fopen(to, "we");
	size_t n;

	ck_assert(in && out);
	while ((n = fread(block, 1, sizeof(block), in)) > 0)
		ck_assert_uint_eq(fwrite(block, 1, n, out), n);
	fclose(in);
	ck_assert_int_eq(fclose(out), 0);
}

static void remove_file(const char *path)
{
	ck_assert_int_eq(unlink(path), 0);
}

static void replace_file(const char *path)
{
	char copy[160];

	snprintf(copy, sizeof(copy), "%s.copy", path);
	copy_file(path, copy);
	ck_assert_int_eq(rename(copy, path), 0);
}

static const struct {
	const char *file;
	void (*change)(const char *path);
	const char *says;
} places[] = {
	{ DB_FILE, remove_file, "No such file" },
	{ DB_FILE, replace_file, "another file" },
	{ DB_FILE "-wal", remove_file, "No such file" },
	{ DB_FILE "-wal", replace_file, "another file" },
};

/* What goes into a file that nobody will find again is not kept. */
START_TEST(nothing_is_acknowledged_into_a_file_that_is_gone)
{
	char path[128], aside[128];
	struct redemption r;
	struct session s;
	struct rig rig;

	set_up();
	rig_open(&rig);
	r = rig_token(&rig, 1, rig_user(&rig, "before@b", "B"));
	ck_assert_int_eq(rig_redeem(&rig, &r), ERR_OK);
	name_of(&rig, places[_i].file, path);
	name_of(&rig, "aside", aside);
	ck_assert_int_eq(link(path, aside), 0);
	places[_i].change(path);
	ck_assert_int_eq(try_sync(&rig, "lost@b"), ERR_IO);
	ck_assert_int_eq(health_of(&rig).trouble, HEALTH_MOVED);
	ck_assert_msg(strstr(health_of(&rig).problem, places[_i].says),
		      "%s", health_of(&rig).problem);
	ck_assert_int_eq(rig_find(&rig, &r, clock_wall_s(), &s), ERR_OK);

	/* it goes on by itself once it stands there again */
	ck_assert_int_eq(rename(aside, path), 0);
	wait_until(&rig, HEALTH_WELL);
	ck_assert_int_eq(try_sync(&rig, "after@b"), ERR_OK);
	rig_stop(&rig);
	rig_start(&rig);
	ck_assert(is_kept(&rig, "before@b"));
	ck_assert(is_kept(&rig, "after@b"));
	ck_assert(!is_kept(&rig, "lost@b"));
	rig_close(&rig);
}
END_TEST

/* With nobody who writes, too. */
START_TEST(a_directory_that_vanished_is_noticed_by_itself)
{
	struct rig rig;
	char away[80];

	set_up();
	rig_open(&rig);
	ck_assert_int_eq(try_sync(&rig, "before@b"), ERR_OK);
	snprintf(away, sizeof(away), "%s.away", rig.dir);
	ck_assert_int_eq(rename(rig.dir, away), 0);
	wait_until(&rig, HEALTH_MOVED);
	ck_assert_int_eq(rename(away, rig.dir), 0);
	wait_until(&rig, HEALTH_WELL);
	ck_assert_int_eq(try_sync(&rig, "after@b"), ERR_OK);
	rig_close(&rig);
}
END_TEST

static enum err say_io(struct db *db, struct job *job)
{
	(void)db;
	(void)job;
	return ERR_IO;
}

/* Whoever knows how to make a job fail must not turn the gateway unready. */
START_TEST(a_job_that_fails_by_itself_is_counted_and_no_more)
{
	struct job job = { .run = say_io, .done = rig_done };
	struct rig rig;

	set_up();
	rig_open(&rig);
	ck_assert_int_eq(writer_submit(store_writer(rig.store), &job), ERR_OK);
	rig_wait(1);
	ck_assert_int_eq(health_of(&rig).trouble, HEALTH_WELL);
	ck_assert_int_eq(health_of(&rig).failures, 1);
	rig_close(&rig);
}
END_TEST

START_TEST(every_trouble_has_a_name_and_a_remedy)
{
	for (int i = 0; i < HEALTH_COUNT; i++) {
		ck_assert_ptr_nonnull(health_name(i));
		ck_assert_int_eq(health_remedy(i)[0] != '\0', i != HEALTH_WELL);
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(health_name(i), health_name(j));
	}
}
END_TEST

static void health_tests(TCase *tc)
{
	tcase_add_loop_test(tc, a_disk_that_fails_is_named_until_it_works, 0,
			    sizeof(faults) / sizeof(faults[0]));
	tcase_add_test(tc,
		a_disk_that_hangs_is_named_and_nobody_queues_behind_it);
	tcase_add_loop_test(tc,
		nothing_is_acknowledged_into_a_file_that_is_gone, 0,
		sizeof(places) / sizeof(places[0]));
	tcase_add_test(tc, a_directory_that_vanished_is_noticed_by_itself);
	tcase_add_test(tc, a_job_that_fails_by_itself_is_counted_and_no_more);
	tcase_add_test(tc, every_trouble_has_a_name_and_a_remedy);
}

UNIT_MAIN("health", health_tests)
