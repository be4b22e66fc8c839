#include "base/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/signals.h"

void privileges_harden(void)
{
	const struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	umask(077);
	/* Somebody who went away, a file at its limit (a full disk: an error,
	 * not our end), a timer or a signal that was not meant for us. */
	signals_ignore_strays();
}

enum err privileges_find(const char *name, struct privileges_user *user_r)
{
	const struct passwd *user = getpwnam(name);

	if (!user)
		return ERR_NOT_FOUND;
	if (user->pw_uid == 0 || user->pw_gid == 0)
		return ERR_UNSUPPORTED;
	*user_r = (struct privileges_user){
		.name = name,
		.uid = user->pw_uid,
		.gid = user->pw_gid,
	};
	return ERR_OK;
}

void privileges_find_groups(struct privileges_user *user)
{
	int count = PRIVILEGES_GROUPS_MAX;
	int rc = getgrouplist(user->name, user->gid, user->groups, &count);

	/* with more than that: the first ones; without memory none */
	if (rc < 0)
		count = count > PRIVILEGES_GROUPS_MAX ? PRIVILEGES_GROUPS_MAX :
							0;
	user->group_count = count;
}

static bool is_member(const struct privileges_user *user, gid_t gid)
{
	if (gid == user->gid)
		return true;
	for (int i = 0; i < user->group_count; i++)
		if (user->groups[i] == gid)
			return true;
	return false;
}

bool privileges_may(const struct privileges_user *user, const struct stat *st,
		    int how)
{
	mode_t mode = st->st_mode;

	if (st->st_uid == user->uid)
		mode >>= 6;
	else if (is_member(user, st->st_gid))
		mode >>= 3;
	/* R_OK, W_OK and X_OK are the bits of a mode */
	return ((int)mode & how) == how;
}

enum err privileges_drop(const struct privileges_user *user)
{
	if (initgroups(user->name, user->gid) || setgid(user->gid) ||
	    setuid(user->uid))
		return ERR_IO;
	if (setuid(0) && setgid(0))
		return ERR_OK;
	errno = 0;
	return ERR_IO;
}
