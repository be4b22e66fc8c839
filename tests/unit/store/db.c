#include "store/db.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "store/db-private.h"
#include "unit/store/rig.h"

struct place {
	char dir[64], text[512];
	struct buf why;
};

static void place_open(struct place *p)
{
	rig_make_dir(p->dir);
	buf_init_fixed(&p->why, p->text, sizeof(p->text));
}

static void place_file(const struct place *p, const char *file,
		       char path[128])
{
	snprintf(path, 128, "%s/%s", p->dir, file);
}

START_TEST(the_lock_is_had_once_and_names_its_owner)
{
	char pid[32];
	struct place p;
	int first = -1, second = -1;

	place_open(&p);
	ck_assert_int_eq(db_lock(p.dir, &first, &p.why), ERR_OK);
	ck_assert_int_eq(db_lock(p.dir, &second, &p.why), ERR_CONFLICT);
	ck_assert_int_eq(second, -1);
	snprintf(pid, sizeof(pid), "pid %ld", (long)getpid());
	ck_assert_msg(strstr(p.text, pid) && strstr(p.text, p.dir), "%s",
		      p.text);
	db_unlock(first);
	ck_assert_int_eq(db_lock(p.dir, &second, &p.why), ERR_OK);
	ck_assert_int_ne(fcntl(second, F_GETFD) & FD_CLOEXEC, 0);
	db_unlock(second);
	db_unlock(-1);
	rig_remove_dir(p.dir);
}
END_TEST

START_TEST(a_lock_that_is_a_link_is_not_followed)
{
	char path[128], other[128];
	struct place p;
	int fd = -1;

	place_open(&p);
	place_file(&p, DB_LOCK_FILE, path);
	place_file(&p, "victim", other);
	ck_assert_int_eq(symlink(other, path), 0);
	ck_assert_int_eq(db_lock(p.dir, &fd, &p.why), ERR_IO);
	ck_assert_int_ne(access(other, F_OK), 0);
	rig_remove_dir(p.dir);
}
END_TEST

START_TEST(a_directory_that_is_not_there_is_named)
{
	struct db *db = NULL;
	struct place p;
	int fd = -1;

	place_open(&p);
	rig_remove_dir(p.dir);
	ck_assert_int_eq(db_lock(p.dir, &fd, &p.why), ERR_IO);
	ck_assert_msg(strstr(p.text, p.dir), "%s", p.text);
	buf_clear(&p.why);
	ck_assert_int_eq(db_open(p.dir, DB_WRITER, &db, &p.why), ERR_IO);
	ck_assert_msg(strstr(p.text, p.dir), "%s", p.text);
	ck_assert_ptr_null(db);
}
END_TEST

START_TEST(files_are_for_their_owner_only)
{
	static const char *const files[] = {
		DB_LOCK_FILE, DB_FILE, DB_FILE "-wal", DB_FILE "-shm",
	};
	struct place p;
	struct db *db = NULL;
	char path[128];
	struct stat st;
	int fd = -1;

	umask(0);
	place_open(&p);
	/* one that was opened up by hand is closed again */
	place_file(&p, DB_FILE, path);
	fd = open(path, O_CREAT | O_RDWR, 0666);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(db_lock(p.dir, &fd, &p.why), ERR_OK);
	ck_assert_int_eq(db_open(p.dir, DB_WRITER, &db, &p.why), ERR_OK);
	ck_assert_int_eq(db_exec(db, "CREATE TABLE t(x)"), ERR_OK);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		place_file(&p, files[i], path);
		ck_assert_int_eq(stat(path, &st), 0);
		ck_assert_msg((st.st_mode & 0777) == 0600, "%s is %o",
			      files[i], st.st_mode & 0777);
	}
	db_close(db);
	db_unlock(fd);
	rig_remove_dir(p.dir);
}
END_TEST

static int64_t pragma(struct db *db, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	int64_t n;

	ck_assert_int_eq(sqlite3_prepare_v2(db->handle, sql, -1, &stmt, NULL),
			 SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
	n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return n;
}

START_TEST(connections_are_durable_and_suspicious)
{
	static const struct {
		const char *sql;
		int64_t writer, reader;
	} want[] = {
		{ "PRAGMA synchronous", 2, -1 },	/* FULL */
		{ "PRAGMA foreign_keys", 1, 1 },
		{ "PRAGMA trusted_schema", 0, 0 },
		{ "PRAGMA wal_autocheckpoint", 0, 0 },
		{ "PRAGMA query_only", 0, 1 },
		{ "PRAGMA mmap_size", 0, 0 },
	};
	struct db *writer = NULL, *reader = NULL;
	struct place p;

	place_open(&p);
	ck_assert_int_eq(db_open(p.dir, DB_WRITER, &writer, &p.why), 0);
	ck_assert_int_eq(db_exec(writer, "CREATE TABLE t(x)"), ERR_OK);
	ck_assert_int_eq(db_open(p.dir, DB_READER, &reader, &p.why), 0);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		ck_assert_int_eq(pragma(writer, want[i].sql), want[i].writer);
		if (want[i].reader >= 0)
			ck_assert_int_eq(pragma(reader, want[i].sql),
					 want[i].reader);
	}
	ck_assert_int_ne(db_exec(reader, "INSERT INTO t VALUES(1)"), ERR_OK);
	ck_assert_str_ne(db_problem(reader), "");
	ck_assert_int_ne(db_exec(writer, "PRAGMA writable_schema = ON;"
		"DELETE FROM sqlite_schema"), ERR_OK);
	db_close(reader);
	db_close(writer);
	rig_remove_dir(p.dir);
}
END_TEST

START_TEST(what_is_no_database_is_refused)
{
	struct db *db = NULL;
	struct place p;
	char path[128];
	FILE *f;

	place_open(&p);
	place_file(&p, DB_FILE, path);
	f = fopen(path, "w");
	for (int i = 0; i < 1000; i++)
		fputs("this is no database\n", f);
	fclose(f);
	ck_assert_int_eq(db_open(p.dir, DB_WRITER, &db, &p.why), ERR_IO);
	ck_assert_ptr_null(db);
	ck_assert_msg(strstr(p.text, "not a database"), "%s", p.text);
	remove(path);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(db_open(p.dir, DB_WRITER, &db, &p.why), ERR_IO);
	rig_remove_dir(p.dir);
}
END_TEST

START_TEST(a_reader_makes_no_database)
{
	struct db *db = NULL;
	struct place p;
	char path[128];

	place_open(&p);
	ck_assert_int_eq(db_open(p.dir, DB_READER, &db, &p.why), ERR_IO);
	place_file(&p, DB_FILE, path);
	ck_assert_int_ne(access(path, F_OK), 0);
	rig_remove_dir(p.dir);
}
END_TEST

START_TEST(a_path_too_long_is_refused_whole)
{
	static char dir[DB_PATH_MAX];
	struct place p;
	int fd = -1;

	memset(dir, 'd', sizeof(dir) - 1);
	place_open(&p);
	ck_assert_int_eq(db_lock(dir, &fd, &p.why), ERR_LIMIT);
	rig_remove_dir(p.dir);
}
END_TEST

static void db_tests(TCase *tc)
{
	tcase_add_test(tc, the_lock_is_had_once_and_names_its_owner);
	tcase_add_test(tc, a_lock_that_is_a_link_is_not_followed);
	tcase_add_test(tc, a_directory_that_is_not_there_is_named);
	tcase_add_test(tc, files_are_for_their_owner_only);
	tcase_add_test(tc, connections_are_durable_and_suspicious);
	tcase_add_test(tc, what_is_no_database_is_refused);
	tcase_add_test(tc, a_reader_makes_no_database);
	tcase_add_test(tc, a_path_too_long_is_refused_whole);
}

UNIT_MAIN("db", db_tests)
