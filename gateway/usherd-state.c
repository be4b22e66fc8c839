/* What lies in the state directory: made, opened, saved. */
#include "usherd.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/inspect.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/log.h"
#include "store/db.h"

static int make_directory(const char *dir)
{
	if (mkdir(dir, 0700) == 0 || errno == EEXIST)
		return 0;
	log_error(state_directory, LOG_TEXT("path", dir),
		  LOG_TEXT("problem", strerror(errno)),
		  LOG_TEXT("remedy", "make it, owned by the user that the "
				     "gateway runs as, mode 0700"));
	return -1;
}

/*
 * A database with people in it and no key ring: a restore went half way, and a
 * new ring would hide it.
 */
static int refuse_to_make(const char *path, int has_content)
{
	if (has_content < 0)
		log_error(keyring_not_made, LOG_TEXT("path", path),
			  LOG_TEXT("problem", "whether it is the first start "
				   "cannot be told: the database is not "
				   "readable"));
	else
		log_error(keyring_missing, LOG_TEXT("path", path),
			  LOG_TEXT("problem", INSPECT_NO_RING),
			  LOG_TEXT("remedy", INSPECT_NO_RING_REMEDY));
	return -1;
}

static int make_keyring(struct daemon *d)
{
	const char *path = d->keyring_path;
	int has_content;
	enum err err;

	if (access(path, F_OK) == 0)
		return 0;
	has_content = store_has_content(d->gateway.store);
	if (has_content)
		return refuse_to_make(path, has_content);
	err = keyring_create(path);
	if (err && err != ERR_CONFLICT) {
		log_error(keyring_not_made, LOG_TEXT("path", path),
			  LOG_TEXT("problem", err_text(err)));
		return -1;
	}
	log_info(keyring_made, LOG_TEXT("path", path),
		 LOG_TEXT("remedy", "back it up, apart from the database"));
	return 0;
}

static int load_limits(struct daemon *d)
{
	char why[RATELIMIT_WHY_MAX];
	enum err err;

	d->gateway.limiter = ratelimit_new(RATELIMIT_CLIENTS_MAX);
	d->gateway.refusals = refusals_new();
	d->gateway.strangers = strangers_new();
	d->gateway.unvouched = strangers_new();
	d->gateway.tally = tally_new();
	if (!d->gateway.limiter || !d->gateway.refusals ||
	    !d->gateway.strangers || !d->gateway.unvouched ||
	    !d->gateway.tally)
		return -1;
	if (access(d->limits_path, F_OK))
		return 0;
	err = ratelimit_load(d->gateway.limiter, d->limits_path,
			     clock_steady_ms(), why, sizeof(why));
	if (err)
		log_warn(limits_not_loaded, LOG_TEXT("path", d->limits_path),
			 LOG_TEXT("problem", why),
			 LOG_TEXT("remedy", "clients start with full credit"));
	return 0;
}

/* It was set while we did not run, or there was no time to be had at boot. */
static void tell_clock(struct daemon *d)
{
	int64_t ahead_ms = clock_ahead_ms();

	d->clockwatch.ahead_ms = ahead_ms;
	if (ahead_ms)
		log_warn(clock_apart, LOG_NUM("ahead_s", ahead_ms / 1000),
			 LOG_TEXT("problem", "the system's clock is not where "
				  "the last run left it"),
			 LOG_TEXT("remedy", "see that it is right; sessions "
				  "and limits go on as they were"));
}

static void resume_clock(struct daemon *d)
{
	enum err err = clockwatch_resume(d->clock_path);

	if (err)
		log_warn(clock_not_resumed, LOG_TEXT("path", d->clock_path),
			 LOG_TEXT("problem", err_text(err)),
			 LOG_TEXT("remedy", "none is needed where the system's "
				  "clock is right"));
}

/* In the saver's thread. */
static void save(void *ctx)
{
	struct daemon *d = ctx;
	enum err err = clockwatch_save(d->clock_path);

	if (err)
		log_error(clock_not_saved, LOG_TEXT("path", d->clock_path),
			  LOG_TEXT("problem", err == ERR_IO ? strerror(errno) :
							      err_text(err)));

	ratelimit_sweep(d->gateway.limiter, clock_steady_ms());
	refusals_sweep(d->gateway.refusals, clock_steady_ms());
	err = ratelimit_save(d->gateway.limiter, d->limits_path,
			     clock_steady_ms());
	if (err)
		log_error(limits_not_saved, LOG_TEXT("path", d->limits_path),
			  LOG_TEXT("problem", err == ERR_IO ? strerror(errno) :
							      err_text(err)));
}

static int start_saver(struct daemon *d)
{
	d->saver = saver_new(save, d);
	if (!d->saver)
		log_error(saver, LOG_TEXT("problem", "no thread for it"));
	return d->saver ? 0 : -1;
}

static int open_store(struct daemon *d, const char *dir)
{
	const struct store_options options = {
		/* main's, and the deliverer's */
		.readers = d->reload.options.workers + 2,
		.batch_done = server_batch_done,
		.batch_ctx = d->server,
	};
	struct buf why;
	enum err err;

	buf_init(&why, 1024);
	err = store_open(dir, &options, &d->gateway.store, &why);
	if (err)
		log_error(store_not_opened, LOG_TEXT("directory", dir),
			  LOG_STR("problem", buf_str(&why)));
	buf_done(&why);
	return err ? -1 : 0;
}

bool usherd_state_is_taken(const char *dir)
{
	pid_t pid = db_holder(dir);
	struct buf why;

	if (!pid)
		return false;
	buf_init(&why, 1024);
	db_tell_holder(dir, pid, &why);
	log_error(store_not_opened, LOG_TEXT("directory", dir),
		  LOG_STR("problem", buf_str(&why)));
	buf_done(&why);
	return true;
}

/* The state directory is ours alone by now. What an earlier crash left is told
 * once more: the one who restarted us may not have seen it. */
static void keep_crashes(struct daemon *d)
{
	char line[CRASH_LINE_MAX];
	bool was_left;

	if (crash_keep(d->crash_path, &was_left)) {
		log_warn(crash_file, LOG_TEXT("path", d->crash_path),
			 LOG_TEXT("problem", strerror(errno)));
		return;
	}
	if (was_left && crash_last(d->crash_path, line) == ERR_OK)
		log_warn(crashed_before, LOG_TEXT("line", line));
}

int usherd_find_state(struct daemon *d, const char *dir)
{
	const struct {
		char *path;
		const char *name;
	} files[] = {
		{ d->keyring_path, "keyring" },
		{ d->seals_path, "keyring.seals" },
		{ d->limits_path, "limits" },
		{ d->crash_path, "crash" },
		{ d->clock_path, "clock" },
		{ d->jwks_path, "jwks" },
	};

	for (size_t i = 0; i < N_ELEMENTS(files); i++)
		snprintf(files[i].path, PATH_LONGEST, "%s/%s", dir,
			 files[i].name);
	d->reload.keyring_path = d->keyring_path;
	d->reload.seals_path = d->seals_path;
	return make_directory(dir);
}

int usherd_open_state(struct daemon *d, const char *dir)
{
	resume_clock(d);
	if (load_limits(d) || open_store(d, dir) || make_keyring(d) ||
	    start_saver(d))
		return -1;
	tell_clock(d);
	keep_crashes(d);
	return 0;
}
