/* The processes of adapters: before root's rights go, and after. */
#include "usherd.h"

#include <errno.h>
#include <unistd.h>

#include "adapter/supervisor.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/privileges.h"
#include "sandbox/child.h"

static struct metric *spawner_metric(void)
{
	return metric_get(usher_adapter_spawner_up, "");
}

/* The tenants without an adapter are served, so we stay. */
static void tell_spawner(const char *why)
{
	metric_set(spawner_metric(), 0);
	log_error(spawner, LOG_TEXT("problem", why),
		  LOG_TEXT("remedy", "restart the gateway: until then no "
			   "adapter in a process of its own runs, and their "
			   "tenants are refused"));
}

/* Landlock is what they then have. */
static void tell_shared(const char *why)
{
	log_warn(adapters_share_user, LOG_TEXT("problem", why),
		 LOG_TEXT("remedy", "see usherd(8), SECURITY: until then all "
			  "adapters are one user, and only Landlock and the "
			  "filter of system calls are between them"));
}

/*
 * The last moment to keep the right to give adapters users of their own.
 * Without it, once we are no longer root, they do not start.
 */
static void start_spawner(struct daemon *d)
{
	struct uid_range range;
	struct buf why;
	char text[256];
	int lock;

	buf_init_fixed(&why, text, sizeof(text));
	child_find_host(d->host_path, sizeof(d->host_path));
	lock = uids_claim(&range, &why);
	if (lock < 0) {
		tell_shared(text);
		return;
	}
	d->has_spawner = true;
	metric_set(spawner_metric(), 1);
	if (spawner_open(&d->spawner, d->host_path, range, lock))
		tell_spawner(d->spawner.why);
	else
		d->spawner.lost = tell_spawner;
}

static int find_user(const char *name, struct privileges_user *user)
{
	enum err err = privileges_find(name, user);

	/* inspect_place() has seen it: it was taken away since */
	if (err)
		log_error(user_not_taken, LOG_TEXT("user", name),
			  LOG_TEXT("problem", err_text(err)));
	return err ? -1 : 0;
}

int usherd_drop_root(struct daemon *d, const struct gateway_config *config,
		     const char *state)
{
	const char *name = config->user.ptr;
	struct privileges_user user;

	/* Only root may become somebody else, and has to. */
	if (!name || geteuid() != 0)
		return 0;
	if (find_user(name, &user))
		return -1;
	start_spawner(d);
	if ((state && chown(state, user.uid, user.gid)) ||
	    privileges_drop(&user)) {
		log_error(user_not_taken, LOG_TEXT("user", name),
			  LOG_TEXT("problem", errno ? strerror(errno) :
				   "root's rights can be had again"));
		return -1;
	}
	return 0;
}

void usherd_start_supervisor(struct daemon *d)
{
	char text[512];
	struct buf why;
	const char *shared;

	buf_init_fixed(&why, text, sizeof(text));
	if (supervisor_new(d->host_path[0] ? d->host_path : NULL,
			   &d->reload.options.supervisor, &why))
		log_error(supervisor, LOG_STR("problem", buf_str(&why)));
	else if (d->has_spawner)
		supervisor_use_spawner(d->reload.options.supervisor,
				       &d->spawner);
	else if ((shared = supervisor_uids_problem(
			  d->reload.options.supervisor)) != NULL)
		tell_shared(shared);
}

void usherd_stop_adapters(struct daemon *d)
{
	supervisor_free(d->reload.options.supervisor);
	if (d->has_spawner)
		spawner_close(&d->spawner);
}
