/*
 * rig: a configuration directory that a test writes, loads and looks at.
 */
#ifndef TESTS_UNIT_CONFIG_RIG_H
#define TESTS_UNIT_CONFIG_RIG_H

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/snapshot.h"
#include "unit/adapter/adapters.h"
#include "unit/unit.h"

#define GATEWAY "gateway = { public_url = \"https://tickets.example\";\n" \
	"listen = ( { url = \"http://127.0.0.1:8080\"; } ); };\n"
#define TENANT(slug, more) "tenant = { slug = \"" slug "\";\n" \
	"identity = \"unsigned\";\n" more "\n};\n"

static char rig_dir[PATH_MAX];		/* the configuration's */
static struct report rig_report;
static struct keyring *rig_keys;
static struct snapshot_options rig_options;

__attribute__((unused)) static const char *rig_path(const char *name)
{
	static char path[PATH_MAX + 256];

	snprintf(path, sizeof(path), "%s/%s", rig_dir, name);
	return path;
}

__attribute__((unused)) static void rig_write_mode(const char *name,
						   const char *text,
						   mode_t mode)
{
	int fd = open(rig_path(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

__attribute__((unused)) static void rig_write(const char *name,
					      const char *text)
{
	rig_write_mode(name, text, 0600);
}

__attribute__((unused)) static void rig_delete(const char *name)
{
	ck_assert_int_eq(unlink(rig_path(name)), 0);
}

/* An empty directory, a key ring, and a report for what will be found. */
__attribute__((unused)) static void rig_begin(void)
{
	static unsigned count;

	snprintf(rig_dir, sizeof(rig_dir), "%.4000s/conf%u", unit_dir(),
		 count++);
	ck_assert_int_eq(mkdir(rig_dir, 0700), 0);
	ck_assert_int_eq(report_init(&rig_report), 0);
	rig_keys = keyring_new_throwaway();
	ck_assert_ptr_nonnull(rig_keys);
	rig_options = (struct snapshot_options){ .config_dir = rig_dir,
		.workers = 2, .services = &test_services,
		.keyring = rig_keys };
}

__attribute__((unused)) static void rig_end(void)
{
	report_done(&rig_report);
	keyring_free(rig_keys);
}

/* Load with a fresh report. */
__attribute__((unused)) static struct snapshot *
rig_load(const struct snapshot *previous)
{
	report_done(&rig_report);
	ck_assert_int_eq(report_init(&rig_report), 0);
	return snapshot_load(&rig_options, previous, &rig_report);
}

__attribute__((unused)) static void rig_show(void)
{
	struct buf out;

	buf_init(&out, 1 << 20);
	report_text(&rig_report, &out);
	fprintf(stderr, "%s", out.ptr ? out.ptr : "");
	buf_done(&out);
}

/* The same, and nothing worse than warnings may be found. */
__attribute__((unused)) static struct snapshot *
rig_load_good(const struct snapshot *previous)
{
	struct snapshot *snapshot = rig_load(previous);

	if (report_worst(&rig_report) > REPORT_WARNING)
		rig_show();
	ck_assert_ptr_nonnull(snapshot);
	ck_assert_int_le(report_worst(&rig_report), REPORT_WARNING);
	return snapshot;
}

__attribute__((unused)) static const struct tenant *
rig_tenant(const struct snapshot *snapshot, const char *slug)
{
	const struct tenant *tenant = snapshot_tenant(snapshot,
						      str_from(slug));

	ck_assert_msg(tenant != NULL, "no tenant %s", slug);
	return tenant;
}

/* The first finding of that level at least; NULL: none. */
__attribute__((unused)) static const struct finding *
rig_finding(enum report_level level)
{
	unsigned i;

	for (i = 0; i < rig_report.count; i++)
		if (rig_report.v[i].level >= level)
			return &rig_report.v[i];
	return NULL;
}

/* Does a finding's problem contain these words? */
__attribute__((unused)) static bool rig_found(const char *words)
{
	unsigned i;

	for (i = 0; i < rig_report.count; i++)
		if (str_icontains(rig_report.v[i].problem, str_from(words)))
			return true;
	return false;
}

/* One text that must not load, and what must be said first. */
struct rig_broken {
	const char *text;
	unsigned line;
	const char *setting, *problem, *remedy;
};

__attribute__((unused)) static void
rig_check_finding(const struct rig_broken *b, enum report_level level)
{
	const struct finding *f = rig_finding(REPORT_TENANT);

	ck_assert_msg(f != NULL, "%s: nothing found", b->text);
	ck_assert_msg(f->level == level, "%s: level %d: %s", b->text,
		      f->level, f->problem.ptr);
	ck_assert_msg(f->line == b->line, "%s: line %u: %s", b->text, f->line,
		      f->problem.ptr);
	ck_assert_msg(str_eq(f->setting, str_from(b->setting)),
		      "%s: setting %.*s: %s", b->text, STR_ARG(f->setting),
		      f->problem.ptr);
	ck_assert_msg(str_icontains(f->problem, str_from(b->problem)),
		      "%s: %s", b->text, f->problem.ptr);
	ck_assert_msg(str_icontains(f->remedy, str_from(b->remedy)),
		      "%s: remedy %.*s", b->text, STR_ARG(f->remedy));
}

#endif
