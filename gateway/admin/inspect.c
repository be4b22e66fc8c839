#include "admin/inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/privileges.h"
#include "store/store.h"

#define PATH_LONGEST 4096
#define PROBLEM_MAX (2 * PATH_LONGEST + 512)
#define OTHERS (S_IWGRP | S_IWOTH)

struct look {
	const struct gateway_config *config;
	struct report *report;
	enum report_level error;	/* of what a start does not get past */
	/* who the gateway will be; NULL: who we are */
	const struct privileges_user *user;
	uid_t uid;
};

/* About one setting. `remedy` may be NULL. */
static void say(const struct look *p, enum report_level level,
		const char *setting, unsigned line, const char *remedy,
		const char *fmt, ...) __attribute__((format(printf, 6, 7)));

static void say(const struct look *p, enum report_level level,
		const char *setting, unsigned line, const char *remedy,
		const char *fmt, ...)
{
	struct buf problem;
	va_list ap;

	buf_init(&problem, PROBLEM_MAX);
	va_start(ap, fmt);
	buf_vprintf(&problem, fmt, ap);
	va_end(ap);
	report_add(p->report, (struct finding){ .level = level,
		.file = p->config->file, .line = line,
		.setting = str_from(setting), .problem = buf_str(&problem),
		.remedy = str_from(remedy) });
	buf_done(&problem);
}

/* ---- the user ----------------------------------------------------------- */

/* False: there is no such user to become. */
static bool find_user(struct look *p, struct privileges_user *user)
{
	const char *name = p->config->user.ptr;
	unsigned line = p->config->user_line;

	p->uid = geteuid();
	if (!name) {
		if (p->uid == 0)
			say(p, REPORT_WARNING, "user", 0,
			    "make one (adduser --system) and name it: "
			    "user = \"usher\";",
			    "is not set: the gateway was started as root, and "
			    "stays root");
		return true;
	}
	switch (privileges_find(name, user)) {
	case ERR_OK:
		break;
	case ERR_NOT_FOUND:
		/* only root has to become it */
		say(p, p->uid == 0 ? p->error : REPORT_WARNING, "user", line,
		    "make it (adduser --system) or name another one",
		    "is %s, and there is no such user", name);
		return p->uid != 0;
	default:
		say(p, p->uid == 0 ? p->error : REPORT_WARNING, "user", line,
		    "name one that is neither root nor of root's group, or "
		    "leave user out", "is %s, which has root's rights", name);
		return p->uid != 0;
	}
	if (p->uid == 0) {
		privileges_find_groups(user);
		p->user = user;
		p->uid = user->uid;
	} else if (user->uid != p->uid) {
		say(p, REPORT_NOTE, "user", line, NULL,
		    "is %s, whom only root can become: the gateway is user %u "
		    "as it is started now", name, (unsigned)p->uid);
	}
	return true;
}

/* ---- files and directories ---------------------------------------------- */

/* "/run/usher/admin.sock" -> "/run/usher"; false: the path is too long. */
static bool parent_of(const char *path, char out[PATH_LONGEST])
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 1;

	if (len >= PATH_LONGEST)
		return false;
	memcpy(out, slash ? path : ".", len);
	if (slash == path)
		out[len++] = '/';
	out[len] = '\0';
	return true;
}

/*
 * What a list of access rights says of another user is not asked: it is taken
 * for right, since nobody has one by mistake.
 */
static bool may(const struct look *p, const char *path, const struct stat *st,
		int how)
{
	if (!p->user)
		return !faccessat(AT_FDCWD, path, how, AT_EACCESS);
	return privileges_may(p->user, st, how) ||
		getxattr(path, "system.posix_acl_access", NULL, 0) > 0;
}

/* Root comes everywhere, and the user who follows does not: may they pass all
 * directories above?  False: it is told. */
static bool look_at_way(const struct look *p, const char *path,
			const char *setting, unsigned line)
{
	char dir[PATH_LONGEST];
	struct stat st;

	for (size_t i = 1; p->user && path[i] && i < sizeof(dir); i++) {
		if (path[i] != '/')
			continue;
		memcpy(dir, path, i);
		dir[i] = '\0';
		if (stat(dir, &st) || may(p, dir, &st, X_OK))
			continue;
		say(p, p->error, setting, line,
		    "let the gateway's user pass (chmod o+x), or choose "
		    "another place",
		    "names %s, and user %u may not pass %s (mode %04o)", path,
		    (unsigned)p->uid, dir, (unsigned)(st.st_mode & 07777));
		return false;
	}
	return true;
}

/* A file will be made in there, by the gateway's user. */
static void look_at_parent(const struct look *p, const char *path,
			   const char *setting, unsigned line,
			   const char *remedy)
{
	char dir[PATH_LONGEST];
	struct stat st;

	if (!parent_of(path, dir) || !look_at_way(p, path, setting, line))
		return;
	if (stat(dir, &st))
		say(p, p->error, setting, line, remedy,
		    "names %s, whose directory cannot be used: %s", path,
		    errno_text(errno));
	else if (!may(p, dir, &st, W_OK | X_OK))
		say(p, p->error, setting, line, remedy,
		    "names %s, in whose directory user %u may not write", path,
		    (unsigned)p->uid);
}

static void look_at_admin(const struct look *p)
{
	const struct str state = p->config->state, admin = p->config->admin;
	char dir[PATH_LONGEST];

	/* the state directory is looked at for itself */
	if (str_is_null(admin) || !parent_of(admin.ptr, dir) ||
	    str_eq(str_from(dir), state))
		return;
	look_at_parent(p, admin.ptr, "admin", p->config->admin_line,
		       "make the directory, owned by the gateway's user, or "
		       "leave admin out");
}

static void look_at_log(const struct look *p)
{
	static const char remedy[] = "give its directory to the gateway's "
		"user, or leave log.file out";
	const char *path = p->config->log_file.ptr;
	unsigned line = p->config->log_file_line;
	struct stat st;

	if (!path)
		return;
	if (lstat(path, &st))
		look_at_parent(p, path, "log.file", line, remedy);
	else if (!S_ISREG(st.st_mode))
		say(p, p->error, "log.file", line, remedy,
		    "names %s, which is not a plain file", path);
	else if (!may(p, path, &st, W_OK))
		say(p, p->error, "log.file", line, remedy,
		    "names %s, which user %u may not write", path,
		    (unsigned)p->uid);
}

/* ---- the state directory ------------------------------------------------ */

#define STATE_REMEDY "make it, owned by the user that the gateway runs as, " \
	"mode 0700"

/* By the one who starts it, root too, before another user is taken. */
static void look_where_it_will_be(const struct look *p)
{
	const char *state = p->config->state.ptr;
	char dir[PATH_LONGEST];

	if (parent_of(state, dir) &&
	    faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS))
		say(p, p->error, "state", p->config->state_line, STATE_REMEDY,
		    "is %s, which is not there and cannot be made: %s", state,
		    errno_text(errno));
}

/* What somebody else left in there, as a gateway that ran as root did. */
static void look_inside(const struct look *p)
{
	static const struct {
		const char *name;
		bool is_needed;		/* to start */
	} files[] = {
		{ DB_FILE, true }, { DB_FILE "-wal", true },
		{ DB_FILE "-shm", true }, { DB_LOCK_FILE, true },
		{ "keyring.seals", true }, { "limits", false },
		{ "clock", false }, { "crash", false },
	};
	const char *state = p->config->state.ptr;
	char path[PATH_LONGEST];
	struct stat st;

	for (size_t i = 0; i < N_ELEMENTS(files); i++) {
		if (snprintf(path, sizeof(path), "%s/%s", state,
			     files[i].name) >= (int)sizeof(path))
			return;
		if (stat(path, &st) || may(p, path, &st, R_OK | W_OK))
			continue;
		say(p, files[i].is_needed ? p->error : REPORT_WARNING, "state",
		    p->config->state_line,
		    "chown what is in the state directory to the gateway's "
		    "user",
		    "has a file %s of user %u (mode %04o), which user %u may "
		    "not use", path, (unsigned)st.st_uid,
		    (unsigned)(st.st_mode & 07777), (unsigned)p->uid);
	}
}

static void look_at_state(const struct look *p)
{
	const char *state = p->config->state.ptr;
	unsigned line = p->config->state_line, mode;
	bool is_theirs;
	struct stat st;

	if (!look_at_way(p, state, "state", line))
		return;
	if (stat(state, &st)) {
		if (errno == ENOENT)
			look_where_it_will_be(p);
		else
			say(p, p->error, "state", line, STATE_REMEDY,
			    "is %s, which cannot be used: %s", state,
			    errno_text(errno));
		return;
	}
	mode = (unsigned)(st.st_mode & 07777);
	if (!S_ISDIR(st.st_mode)) {
		say(p, p->error, "state", line, STATE_REMEDY,
		    "is %s, which is no directory", state);
		return;
	}
	/* a start as root gives it to the user */
	if (p->user)
		st.st_uid = p->uid;
	is_theirs = may(p, state, &st, R_OK | W_OK | X_OK);
	if (!is_theirs)
		say(p, p->error, "state", line,
		    "chown it and what is in it to the gateway's user, and "
		    "chmod 700 it",
		    "is %s of user %u (mode %04o), which user %u may not use",
		    state, (unsigned)st.st_uid, mode, (unsigned)p->uid);
	else if (st.st_uid != p->uid && p->uid != 0)
		say(p, REPORT_WARNING, "state", line,
		    "chown it to the gateway's user",
		    "is %s, which belongs to user %u and not to the gateway's "
		    "(%u)", state, (unsigned)st.st_uid, (unsigned)p->uid);
	if (mode & OTHERS)
		say(p, REPORT_WARNING, "state", line, "chmod go-w it",
		    "is %s, which others may write to (mode %04o)", state,
		    mode);
	if (is_theirs)
		look_inside(p);
}

void inspect_place(const struct gateway_config *config, bool is_running,
		   struct report *report)
{
	struct look look = { .config = config, .report = report,
		.error = is_running ? REPORT_WARNING : REPORT_FATAL };
	struct privileges_user user;

	if (!find_user(&look, &user))
		return;
	look_at_state(&look);
	look_at_admin(&look);
	look_at_log(&look);
}

/* ---- the key ring ------------------------------------------------------- */

static const char *ring_remedy(enum err err)
{
	return err == ERR_IO ?
		"chmod 600 it and give it to the gateway's user, or restore "
		"it from its backup" :
		"restore the key ring from its backup; where it is lost: "
		"usherctl key new --replace (sign-ins under way end)";
}

static void say_ring(const char *path, enum report_level level,
		     const char *problem, const char *remedy,
		     struct report *report)
{
	report_add(report, (struct finding){ .level = level,
		.file = str_from(path), .problem = str_from(problem),
		.remedy = str_from(remedy) });
}

enum err inspect_keyring(const char *path, struct keyring **ring_r,
			 struct report *report)
{
	char why[KEYRING_WHY_MAX];
	enum err err = keyring_load(path, ring_r, why, sizeof(why));

	if (err)
		say_ring(path, REPORT_FATAL, why, ring_remedy(err), report);
	return err;
}

void inspect_first_keyring(const char *dir, struct report *report)
{
	struct keyring *ring = NULL;
	char path[PATH_LONGEST];
	int has_content;

	if (snprintf(path, sizeof(path), "%s/keyring", dir) >=
	    (int)sizeof(path))
		return;
	if (access(path, F_OK) == 0) {
		inspect_keyring(path, &ring, report);
		keyring_free(ring);
		return;
	}
	/* the directory is somebody's whom we are not: told of it already */
	has_content = errno == ENOENT ? store_look(dir) : 0;
	if (has_content > 0)
		say_ring(path, REPORT_FATAL, INSPECT_NO_RING,
			 INSPECT_NO_RING_REMEDY, report);
	else if (has_content < 0)
		say_ring(path, REPORT_WARNING,
			 "it is not there, and whether the usher.db beside it "
			 "has users or sessions cannot be told: then no start",
			 INSPECT_NO_RING_REMEDY, report);
}
