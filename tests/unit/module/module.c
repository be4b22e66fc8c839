#include "module/module.h"

#include <errno.h>
#include <pthread.h>

#include "unit/adapter/adapters.h"

static char message[1024];
static char dir[64];

static enum err load(const char *path, struct module **module)
{
	struct buf problem;

	buf_init_fixed(&problem, message, sizeof(message));
	return module_load(path, module, &problem);
}

static enum err load_named(const char *name, struct module **module)
{
	char path[ADAPTER_PATH_MAX];

	return load(adapter_path(name, path), module);
}

static void make_dir(void)
{
	snprintf(dir, sizeof(dir), "/tmp/usher-module-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void remove_dir(void)
{
	ck_assert_int_eq(rmdir(dir), 0);
}

static void in_dir(const char *name, char path[ADAPTER_PATH_MAX])
{
	snprintf(path, ADAPTER_PATH_MAX, "%s/%s", dir, name);
}

START_TEST(a_good_adapter_is_loaded_and_shows_its_descriptor)
{
	struct module *m = NULL;

	ck_assert_msg(load_named("good", &m) == ERR_OK, "%s", message);
	ck_assert_str_eq(module_descriptor(m)->name, "good");
	ck_assert_ptr_nonnull(module_descriptor(m)->deliver);
	module_unref(m);
	module_unref(NULL);
}
END_TEST

START_TEST(what_is_no_adapter_for_us_is_refused_with_a_reason)
{
	static const struct {
		const char *name, *says;
	} cases[] = {
		{ "wrong-magic", "USHER_MAGIC" },
		{ "other-major", "ABI 2.0" },
		{ "newer-minor", "newer adapter ABI 1.1" },
		{ "unknown-flags", "flags 0x4" },
		{ "longer-garbage", "hook that this gateway does not know" },
		{ "no-entry", "does not export usher_adapter_entry" },
		{ "null-entry", "returned NULL" },
		{ "missing-symbol", "usher_test_nobody_defines_this" },
		{ "not-there", "cannot be opened" },
	};

	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct module *m = NULL;

		ck_assert_msg(load_named(cases[i].name, &m) != ERR_OK, "%s",
			      cases[i].name);
		ck_assert_msg(strstr(message, cases[i].says) != NULL,
			      "%s says '%s'", cases[i].name, message);
		ck_assert_ptr_null(strstr(message, "/proc/self"));
		ck_assert_ptr_null(m);
	}
}
END_TEST

/* How much of modules is mapped: each is a copy of its own. */
static unsigned mapped(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned count = 0;
	char line[4096];

	ck_assert_ptr_nonnull(maps);
	while (fgets(line, sizeof(line), maps))
		count += strstr(line, "/memfd:usher-adapter") != NULL;
	fclose(maps);
	return count;
}

START_TEST(a_refused_content_is_not_loaded_again_at_every_reload)
{
	struct module *m = NULL;
	unsigned before;

	ck_assert_int_ne(load_named("wrong-magic", &m), ERR_OK);
	before = mapped();
	ck_assert_uint_gt(before, 0);
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(load_named("wrong-magic", &m), ERR_SYNTAX);
		ck_assert(strstr(message, "USHER_MAGIC") != NULL);
	}
	ck_assert_uint_eq(mapped(), before);
}
END_TEST

START_TEST(older_and_longer_structs_load)
{
	struct module *m;

	ck_assert_msg(load_named("older", &m) == ERR_OK, "%s", message);
	ck_assert_ptr_nonnull(module_descriptor(m)->map_fields);
	ck_assert_ptr_null(module_descriptor(m)->deliver);
	module_unref(m);
	ck_assert_msg(load_named("longer", &m) == ERR_OK, "%s", message);
	module_unref(m);
}
END_TEST

START_TEST(one_content_is_one_module_whatever_its_path)
{
	char from[ADAPTER_PATH_MAX], to[ADAPTER_PATH_MAX];
	struct module *a, *b, *c;

	make_dir();
	in_dir("copy.so", to);
	copy_file(adapter_path("good", from), to, "");
	ck_assert_int_eq(load(from, &a), ERR_OK);
	ck_assert_int_eq(load(to, &b), ERR_OK);
	ck_assert_ptr_eq(a, b);
	/* The same code, another content: another module. */
	copy_file(from, to, "x");
	ck_assert_int_eq(load(to, &c), ERR_OK);
	ck_assert_ptr_ne(a, c);
	ck_assert_ptr_ne(module_descriptor(a)->map_fields,
			 module_descriptor(c)->map_fields);
	module_unref(a);
	module_unref(b);
	module_unref(c);
	ck_assert_int_eq(unlink(to), 0);
	remove_dir();
}
END_TEST

/*
 * The loader knows files by their names: the same path, or a number of a
 * descriptor that came again, would give the old version.
 */
START_TEST(a_replaced_and_an_overwritten_file_give_the_new_version)
{
	char path[ADAPTER_PATH_MAX], from[ADAPTER_PATH_MAX];
	static const char *const names[] = { "older", "longer", "misbehave",
					     "good" };
	struct module *m[4];

	make_dir();
	in_dir("it.so", path);
	for (unsigned i = 0; i < 4; i++) {
		if (i % 2)
			ck_assert_int_eq(unlink(path), 0);
		copy_file(adapter_path(names[i], from), path, "version");
		ck_assert_msg(load(path, &m[i]) == ERR_OK, "%s", message);
		ck_assert_str_eq(module_descriptor(m[i])->name, names[i]);
	}
	/* And what runs was copied: cutting the file harms nobody. */
	ck_assert_int_eq(truncate(path, 0), 0);
	ck_assert_str_eq(module_descriptor(m[3])->name, "good");
	ck_assert_ptr_nonnull(module_descriptor(m[3])->deliver);
	for (unsigned i = 0; i < 4; i++)
		module_unref(m[i]);
	ck_assert_int_eq(unlink(path), 0);
	remove_dir();
}
END_TEST

START_TEST(files_that_others_can_change_are_refused)
{
	static const mode_t modes[] = { 0775, 0757, 0666 };
	char path[ADAPTER_PATH_MAX], from[ADAPTER_PATH_MAX];
	struct module *m = NULL;

	make_dir();
	in_dir("it.so", path);
	copy_file(adapter_path("good", from), path, "");
	for (unsigned i = 0; i < COUNT(modes); i++) {
		ck_assert_int_eq(chmod(path, modes[i]), 0);
		ck_assert_int_eq(load(path, &m), ERR_UNSUPPORTED);
		ck_assert(strstr(message, "chmod go-w") != NULL);
	}
	if (geteuid() == 0) {
		ck_assert_int_eq(chmod(path, 0755), 0);
		ck_assert_int_eq(chown(path, 12345, 0), 0);
		ck_assert_int_eq(load(path, &m), ERR_UNSUPPORTED);
		ck_assert(strstr(message, "belongs to user 12345") != NULL);
	}
	ck_assert_ptr_null(m);
	ck_assert_int_eq(unlink(path), 0);
	remove_dir();
}
END_TEST

START_TEST(what_is_no_file_of_code_is_refused_without_waiting)
{
	char path[ADAPTER_PATH_MAX];
	struct module *m = NULL;
	int fd;

	make_dir();
	ck_assert_int_eq(load(dir, &m), ERR_UNSUPPORTED);
	ck_assert(strstr(message, "not a regular file") != NULL);
	in_dir("fifo", path);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(load(path, &m), ERR_UNSUPPORTED);
	ck_assert_int_eq(unlink(path), 0);
	in_dir("text.so", path);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(load(path, &m), ERR_LIMIT);
	ck_assert_int_eq(write(fd, "#!/bin/sh\n", 10), 10);
	ck_assert_int_eq(load(path, &m), ERR_UNSUPPORTED);
	ck_assert(strstr(message, "cannot be loaded") != NULL);
	ck_assert_int_eq(ftruncate(fd, (off_t)MODULE_SIZE_MAX + 1), 0);
	ck_assert_int_eq(load(path, &m), ERR_LIMIT);
	close(fd);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_ptr_null(m);
	remove_dir();
}
END_TEST

static void *load_many(void *arg)
{
	char path[ADAPTER_PATH_MAX], text[256];
	struct module *m;
	struct buf problem;

	adapter_path("longer", path);
	for (int i = 0; i < 50; i++) {
		buf_init_fixed(&problem, text, sizeof(text));
		if (module_load(path, &m, &problem) || m != arg)
			return NULL;
		module_unref(m);
	}
	return arg;
}

START_TEST(several_threads_may_load_at_once)
{
	pthread_t threads[4];
	struct module *m;
	unsigned count;

	ck_assert_int_eq(load_named("longer", &m), ERR_OK);
	count = mapped();
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, load_many,
						m), 0);
	for (int i = 0; i < 4; i++) {
		void *result;

		ck_assert_int_eq(pthread_join(threads[i], &result), 0);
		ck_assert_ptr_nonnull(result);
	}
	ck_assert_uint_eq(mapped(), count);
	module_unref(m);
}
END_TEST

static void add_tests(TCase *t)
{
	tcase_add_test(t, a_good_adapter_is_loaded_and_shows_its_descriptor);
	tcase_add_test(t, what_is_no_adapter_for_us_is_refused_with_a_reason);
	tcase_add_test(t,
		       a_refused_content_is_not_loaded_again_at_every_reload);
	tcase_add_test(t, older_and_longer_structs_load);
	tcase_add_test(t, one_content_is_one_module_whatever_its_path);
	tcase_add_test(t,
		a_replaced_and_an_overwritten_file_give_the_new_version);
	tcase_add_test(t, files_that_others_can_change_are_refused);
	tcase_add_test(t, what_is_no_file_of_code_is_refused_without_waiting);
	tcase_add_test(t, several_threads_may_load_at_once);
}

UNIT_MAIN("module", add_tests)
