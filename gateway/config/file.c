#include "config/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

static void say(struct report *report, enum report_level level,
		struct str path, unsigned line, struct str problem,
		const char *remedy)
{
	report_add(report, (struct finding){ .level = level, .file = path,
		.line = line, .problem = problem,
		.remedy = str_from(remedy) });
}

/* errno of a system call on a file, with what to do about it. */
static void say_errno(struct report *report, enum report_level level,
		      struct str path, const char *what)
{
	const char *remedy = NULL;
	char problem[160];
	int err = errno;

	if (err == EACCES || err == EPERM)
		remedy = "let the gateway's user read it";
	else if (err == ENOENT)
		remedy = "make it, or correct the path";
	snprintf(problem, sizeof(problem), "%s: %s", what, errno_text(err));
	say(report, level, path, 0, str_from(problem), remedy);
}

static bool is_wanted(const char *name)
{
	size_t len = strlen(name);

	return name[0] != '.' && len > strlen(".conf") &&
		!strcmp(name + len - strlen(".conf"), ".conf");
}

/* A file that somebody may have meant to be read. */
static bool is_near_miss(const char *name)
{
	static const char *const endings[] = { ".cfg", ".cnf" };
	size_t len = strlen(name);

	for (size_t i = 0; i < N_ELEMENTS(endings); i++) {
		size_t n = strlen(endings[i]);

		if (name[0] != '.' && len > n &&
		    !strcmp(name + len - n, endings[i]))
			return true;
	}
	return false;
}

static void say_near_miss(const char *dir, const char *name,
			  struct report *report)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	say(report, REPORT_WARNING, str_from(path), 0, STR("is not read"),
	    "only *.conf is: rename it, or take it away");
}

static int by_bytes(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void check_directory(int fd, struct str path, struct report *report)
{
	struct stat st;

	if (!fstat(fd, &st) && (st.st_mode & S_IWOTH) &&
	    !(st.st_mode & S_ISVTX))
		say(report, REPORT_WARNING, path, 0,
		    STR("is a directory in which anyone may replace files"),
		    "chmod o-w it");
}

/* Grows `names`, which has room for *cap.  False without memory. */
static bool add_name(struct pool *pool, struct str **names, unsigned *count,
		     unsigned *cap, const char *name)
{
	if (*count == *cap) {
		unsigned wanted = *cap ? *cap * 2 : 64;
		struct str *more = pool_calloc(pool, wanted, sizeof(*more));

		if (!more)
			return false;
		if (*count)
			memcpy(more, *names, *count * sizeof(*more));
		*names = more;
		*cap = wanted;
	}
	(*names)[*count] = pool_str(pool, str_from(name));
	return !str_is_null((*names)[(*count)++]);
}

int config_file_list(const char *dir, struct pool *pool, struct str **names_r,
		     unsigned *count_r, struct report *report)
{
	DIR *d = opendir(dir);
	struct str *names = NULL, path = str_from(dir);
	unsigned count = 0, cap = 0;
	struct dirent *entry;
	int ret = -1;

	if (!d) {
		say_errno(report, REPORT_FATAL, path,
			  "the configuration directory cannot be read");
		return -1;
	}
	check_directory(dirfd(d), path, report);
	while ((errno = 0, entry = readdir(d))) {
		if (is_near_miss(entry->d_name))
			say_near_miss(dir, entry->d_name, report);
		if (!is_wanted(entry->d_name))
			continue;
		if (count == CONFIG_FILES_MAX) {
			say(report, REPORT_FATAL, path, 0,
			    STR("has more than 20000 *.conf files"),
			    "put several tenants into one file: "
			    "tenants = ( { ... }, { ... } );");
			goto out;
		}
		if (!add_name(pool, &names, &count, &cap, entry->d_name)) {
			say(report, REPORT_FATAL, path, 0, STR("no memory"),
			    NULL);
			goto out;
		}
	}
	if (errno) {
		say_errno(report, REPORT_FATAL, path,
			  "the configuration directory cannot be read");
		goto out;
	}
	if (count)
		qsort(names, count, sizeof(*names), by_bytes);
	*names_r = names;
	*count_r = count;
	ret = 0;
out:
	closedir(d);
	return ret;
}

static void wipe_text(struct str text)
{
	if (text.ptr) {
		explicit_bzero((char *)text.ptr, text.len);
		free((char *)text.ptr);
	}
}

/* All of it in malloc()ed memory; -1 with a finding. */
static int slurp(int fd, struct str path, struct str *text_r,
		 struct report *report)
{
	size_t len = 0;
	struct stat st;
	char *text;
	ssize_t n = -1;

	if (fstat(fd, &st)) {
		say_errno(report, REPORT_TENANT, path, "cannot be read");
		return -1;
	}
	if (!S_ISREG(st.st_mode)) {
		say(report, REPORT_TENANT, path, 0,
		    STR("is not a regular file"),
		    "put a text file there, or a link to one");
		return -1;
	}
	if (st.st_mode & S_IWOTH)
		say(report, REPORT_WARNING, path, 0,
		    STR("may be changed by anyone"), "chmod o-w it");
	/* One byte more than allowed, to see that there is more. */
	text = malloc(CONFIG_FILE_MAX + 1);
	if (text)
		while (len <= CONFIG_FILE_MAX &&
		       (n = read(fd, text + len,
				 CONFIG_FILE_MAX + 1 - len)) > 0)
			len += (size_t)n;
	if (!text || n < 0) {
		say_errno(report, REPORT_TENANT, path, "cannot be read");
	} else if (len > CONFIG_FILE_MAX) {
		_Static_assert(CONFIG_FILE_MAX == 256 * 1024, "as told here");
		say(report, REPORT_TENANT, path, 0,
		    STR("is larger than 256 KiB"),
		    "spread the tenants over several files");
	} else {
		*text_r = (struct str){ text, len };
		return 0;
	}
	free(text);
	return -1;
}

static enum report_level level_of(const struct config_file *file)
{
	return file->has_gateway ? REPORT_FATAL : REPORT_TENANT;
}

static void say_faults(const struct config_file *file,
		       const struct text_scan *scan, struct report *report)
{
	char problem[256];
	unsigned i;

	for (i = 0; i < scan->fault_count; i++) {
		const struct text_fault *f = &scan->faults[i];

		if (f->token.len)
			snprintf(problem, sizeof(problem), "%s%.*s%s %s",
				 f->token.ptr[0] == '\'' ? "" : "'",
				 (int)(f->token.len > 40 ? 40 : f->token.len),
				 f->token.ptr,
				 f->token.ptr[0] == '\'' ? "" : "'",
				 f->problem);
		else
			snprintf(problem, sizeof(problem), "%s", f->problem);
		if (f->first_line)
			snprintf(problem + strlen(problem),
				 sizeof(problem) - strlen(problem),
				 ", first on line %u", f->first_line);
		say(report, level_of(file), file->path, f->line,
		    str_from(problem), f->remedy);
	}
}

/*
 * What only libconfig sees: the grammar was checked before.  Its own words are
 * few: say what to look for.
 */
static void say_parse_error(const struct config_file *file,
			    struct report *report)
{
	static const struct {
		const char *text, *problem, *remedy;
	} known[] = {
		{ "memory exhausted", "is too complicated to be read",
		  "spread the tenants over several files" },
	};
	const char *text = config_error_text(&file->config);
	struct str problem = str_from(text ? text : "cannot be read");
	const char *remedy = "look at this line and the one before";
	size_t i;

	for (i = 0; text && i < N_ELEMENTS(known); i++) {
		if (strncmp(text, known[i].text, strlen(known[i].text)))
			continue;
		problem = str_from(known[i].problem);
		remedy = known[i].remedy;
		break;
	}
	/* A negative or zero line is libconfig's "unknown". */
	say(report, level_of(file), file->path,
	    config_error_line(&file->config) > 0 ?
	    (unsigned)config_error_line(&file->config) : 0, problem, remedy);
}

/* Look at the text ourselves. -1 with findings. */
static int scan(struct config_file *file, struct report *report)
{
	struct text_scan *found = malloc(sizeof(*found));
	int ret = -1;

	if (!found)
		goto nomem;
	text_scan(file->text, found);
	file->has_gateway = found->has_gateway;
	file->state = found->state;
	file->admin = found->admin;
	if (found->slug_count) {
		file->slugs = calloc(found->slug_count, sizeof(*file->slugs));
		if (!file->slugs)
			goto nomem;
		memcpy(file->slugs, found->slugs,
		       found->slug_count * sizeof(*file->slugs));
		file->slug_count = found->slug_count;
	}
	say_faults(file, found, report);
	ret = found->fault_count ? -1 : 0;
	free(found);
	return ret;
nomem:
	free(found);
	say(report, REPORT_TENANT, file->path, 0, STR("no memory"), NULL);
	return -1;
}

int config_file_parse(struct config_file *file, struct str text,
		      struct report *report)
{
	/* libconfig 1.5 refuses a comment that ends without a line end. */
	char *copy = malloc(text.len + 2);

	if (!copy) {
		say(report, REPORT_TENANT, file->path, 0, STR("no memory"),
		    NULL);
		return -1;
	}
	if (text.len)
		memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\n';
	copy[text.len + 1] = '\0';
	file->text = (struct str){ copy, text.len + 1 };
	if (scan(file, report))
		return -1;
	config_init(&file->config);
	/* Even a strange include that got past the scan finds nothing. */
	config_set_include_dir(&file->config, "/nonexistent");
	if (config_read_string(&file->config, copy) != CONFIG_TRUE) {
		say_parse_error(file, report);
		config_destroy(&file->config);
		return -1;
	}
	file->is_parsed = true;
	return 0;
}

int config_file_read(struct config_file *file, int dirfd, const char *name,
		     struct report *report)
{
	/* O_NONBLOCK: a FIFO of that name must not hold us up. */
	int fd = openat(dirfd, name,
			O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct str text = STR_NULL;
	int ret;

	file->is_unreadable = true;
	if (fd < 0) {
		say_errno(report, REPORT_TENANT, file->path, "cannot be read");
		return -1;
	}
	ret = slurp(fd, file->path, &text, report);
	close(fd);
	if (ret)
		return -1;
	file->is_unreadable = false;
	ret = config_file_parse(file, text, report);
	wipe_text(text);
	return ret;
}

void config_file_done(struct config_file *file)
{
	if (file->is_parsed)
		config_destroy(&file->config);
	file->is_parsed = false;
	wipe_text(file->text);
	file->text = file->state = file->admin = STR_NULL;
	free(file->slugs);
	file->slugs = NULL;
	file->slug_count = 0;
}
