#include "admin/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "admin/keeper-private.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/thread.h"
#include "crypto/seals.h"

#define KEEP_MS (INT64_C(1000) * KEYRING_KEEP_S)
/* A file that was written this recently may be written again without showing
 * it: clocks of file systems tick slowly. */
#define FRESH_S 3
#define AGAIN_MS (INT64_C(3600) * 1000)	/* between tries that keep failing */

/* A key that does not seal, and since when this process has not used it to. */
struct off_duty {
	char kid[KEYRING_KID_MAX + 1];
	int64_t since_ms;		/* monotonic */
};

struct keeper {
	const char *path, *seals_path;
	pthread_t thread;
	bool has_thread;
	int fd;

	pthread_mutex_t lock;		/* of all up to the next blank line */
	pthread_cond_t wake;
	bool must_stop;
	struct keyring *ring;		/* serves; freed by nobody but who has
					 * the lock and is the main thread */
	struct keyring *pending;	/* waits for the main thread */
	uint64_t generation;		/* of `ring` */
	uint64_t pending_generation;	/* of `ring` when `pending` was read */
	struct off_duty off_duty[KEYRING_KEYS_MAX];
	unsigned off_duty_count;
	char problem[KEYRING_WHY_MAX];

	/* the thread's alone */
	struct stat seen;
	uint64_t seen_generation;
	bool has_seen;
	struct stat told;		/* what was complained of last */
	bool has_told;
	int64_t prune_ms;		/* monotonic: not before */
	int64_t rotate_ms;
	bool has_save_failed;
	char warned[KEYRING_KID_MAX + 1];	/* the key that is worn */
	struct metric *keys, *current, *seals;
};

static void tell_numbers(struct keeper *k, const struct keyring *ring)
{
	metric_set(k->keys, keyring_count(ring));
	metric_set(k->seals, (int64_t)seals_of(keyring_kid(ring, 0)));
}

/* ---- the ring that serves ----------------------------------------------- */

static int64_t off_duty_since(const struct keeper *k, struct str kid,
			      int64_t now_ms)
{
	for (unsigned i = 0; i < k->off_duty_count; i++)
		if (str_eq(str_from(k->off_duty[i].kid), kid))
			return k->off_duty[i].since_ms;
	return now_ms;
}

/* Under the lock. */
static void note_off_duty(struct keeper *k, const struct keyring *next)
{
	struct off_duty off[KEYRING_KEYS_MAX];
	int64_t now_ms = clock_mono_ms();
	unsigned count = 0;

	for (unsigned i = 1; i < keyring_count(next); i++) {
		struct str kid = keyring_kid(next, i);

		off[count].since_ms = off_duty_since(k, kid, now_ms);
		snprintf(off[count].kid, sizeof(off[count].kid), "%.*s",
			 STR_ARG(kid));
		count++;
	}
	memcpy(k->off_duty, off, count * sizeof(off[0]));
	k->off_duty_count = count;
}

enum err keeper_new(const char *keyring_path, const char *seals_path,
		    struct keyring *ring, struct keeper **keeper_r)
{
	struct keeper *k = calloc(1, sizeof(*k));
	pthread_condattr_t attr;
	enum err err;

	if (!k)
		return ERR_NOMEM;
	k->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (k->fd < 0) {
		free(k);
		return ERR_IO;
	}
	k->path = keyring_path;
	k->seals_path = seals_path;
	pthread_mutex_init(&k->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&k->wake, &attr);
	pthread_condattr_destroy(&attr);
	k->keys = metric_get(usher_keyring_keys, "");
	k->current = metric_get(usher_keyring_current, "");
	k->seals = metric_get(usher_key_seals, "");
	metric_set(k->current, 1);
	err = seals_load(seals_path, ring);
	if (err && err != ERR_NOT_FOUND)
		log_error(seals_lost, LOG_TEXT("path", seals_path),
			  LOG_TEXT("problem", err_text(err)),
			  LOG_TEXT("remedy", "none is needed: a new key is put "
				   "in front of the ring now"));
	keeper_serves(k, ring);
	*keeper_r = k;
	return ERR_OK;
}

void keeper_serves(struct keeper *k, struct keyring *ring)
{
	pthread_mutex_lock(&k->lock);
	note_off_duty(k, ring);
	if (k->ring != ring)
		keyring_free(k->ring);
	k->ring = ring;
	k->generation++;
	tell_numbers(k, ring);
	pthread_mutex_unlock(&k->lock);
}

void keeper_retry(struct keeper *k)
{
	pthread_mutex_lock(&k->lock);
	k->generation++;
	pthread_mutex_unlock(&k->lock);
}

int keeper_fd(const struct keeper *k)
{
	return k->fd;
}

struct keyring *keeper_copy(struct keeper *k)
{
	struct keyring *copy;

	pthread_mutex_lock(&k->lock);
	copy = keyring_copy(k->ring);
	pthread_mutex_unlock(&k->lock);
	return copy;
}

bool keeper_is_ahead(struct keeper *k, const struct keyring *ring)
{
	bool is_ahead;

	pthread_mutex_lock(&k->lock);
	is_ahead = keyring_is_behind(ring, k->ring);
	pthread_mutex_unlock(&k->lock);
	return is_ahead;
}

struct keyring *keeper_take(struct keeper *k)
{
	struct keyring *ring;
	uint64_t n;

	if (read(k->fd, &n, sizeof(n)) != sizeof(n))
		return NULL;
	pthread_mutex_lock(&k->lock);
	ring = k->pending;
	k->pending = NULL;
	if (ring && k->pending_generation != k->generation) {
		keyring_free(ring);
		ring = NULL;
	}
	pthread_mutex_unlock(&k->lock);
	return ring;
}

void keeper_problem(struct keeper *k, struct buf *out)
{
	pthread_mutex_lock(&k->lock);
	buf_puts(out, k->problem);
	pthread_mutex_unlock(&k->lock);
}

/* ---- looking ------------------------------------------------------------ */

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_size == b->st_size && a->st_mode == b->st_mode &&
	       a->st_uid == b->st_uid &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static void set_problem(struct keeper *k, const char *why)
{
	pthread_mutex_lock(&k->lock);
	snprintf(k->problem, sizeof(k->problem), "%s", why);
	pthread_mutex_unlock(&k->lock);
	metric_set(k->current, why[0] == '\0');
}

static void complain(struct keeper *k, const struct stat *st, const char *why)
{
	set_problem(k, why);
	if (k->has_told && is_same_file(&k->told, st))
		return;
	k->told = *st;
	k->has_told = true;
	log_error(keyring_not_taken_up, LOG_TEXT("path", k->path),
		  LOG_TEXT("problem", why),
		  LOG_TEXT("remedy", "mend or restore the file: the keys that "
			   "were loaded from it serve on, until a restart"));
}

/* A ring that was read whole: is it news? */
static void offer(struct keeper *k, struct keyring *ring, uint64_t generation)
{
	const uint64_t one = 1;

	pthread_mutex_lock(&k->lock);
	if (k->generation == generation) {
		keyring_free(k->pending);
		k->pending = NULL;
		if (!keyring_is_same(k->ring, ring)) {
			k->pending = ring;
			k->pending_generation = generation;
			ring = NULL;
		}
	}
	pthread_mutex_unlock(&k->lock);
	if (!ring && write(k->fd, &one, sizeof(one)) != sizeof(one))
		k->has_seen = false;
	keyring_free(ring);
}

/* What the newer key sealed would end, and nobody said that it should. */
static bool is_step_back(struct keeper *k, const struct keyring *ring,
			 char *why, size_t size)
{
	bool is_behind;

	pthread_mutex_lock(&k->lock);
	is_behind = keyring_is_behind(ring, k->ring);
	if (is_behind)
		snprintf(why, size, "it is an older copy: its key %.*s was "
			 "superseded by %.*s, which it does not seal with",
			 STR_ARG(keyring_kid(ring, 0)),
			 STR_ARG(keyring_kid(k->ring, 0)));
	pthread_mutex_unlock(&k->lock);
	return is_behind;
}

void keeper_look(struct keeper *k)
{
	struct keyring *ring = NULL;
	char why[KEYRING_WHY_MAX] = "";
	struct stat st = { 0 };
	uint64_t generation;

	pthread_mutex_lock(&k->lock);
	generation = k->generation;
	pthread_mutex_unlock(&k->lock);
	/* One that is not there has the stat of zeros. */
	if (stat(k->path, &st))
		st = (struct stat){ 0 };
	if (k->has_seen && k->seen_generation == generation &&
	    is_same_file(&k->seen, &st))
		return;
	if (!keyring_load(k->path, &ring, why, sizeof(why)) &&
	    is_step_back(k, ring, why, sizeof(why))) {
		keyring_free(ring);
		ring = NULL;
	}
	if (!ring) {
		complain(k, &st, why);
	} else {
		k->has_told = false;
		set_problem(k, "");
	}
	k->seen = st;
	k->seen_generation = generation;
	k->has_seen = st.st_mtim.tv_sec + FRESH_S < time(NULL);
	if (ring)
		offer(k, ring, generation);
}

/* ---- pruning ------------------------------------------------------------ */

struct pruning {
	struct off_duty off_duty[KEYRING_KEYS_MAX];
	unsigned count;
	int64_t mono_ms;
};

static bool may_go(void *ctx, struct str kid, int64_t superseded_s)
{
	const struct pruning *p = ctx;

	if (superseded_s + KEYRING_KEEP_S > clock_wall_s())
		return false;
	for (unsigned i = 0; i < p->count; i++)
		if (str_eq(str_from(p->off_duty[i].kid), kid))
			return p->mono_ms - p->off_duty[i].since_ms >= KEEP_MS;
	return false;
}

/* Is it worth to open the file? */
static bool has_old(struct keeper *k, struct pruning *p)
{
	bool has = false;

	pthread_mutex_lock(&k->lock);
	memcpy(p->off_duty, k->off_duty, sizeof(p->off_duty));
	p->count = k->off_duty_count;
	for (unsigned i = 1; i < keyring_count(k->ring); i++)
		has |= may_go(p, keyring_kid(k->ring, i),
			      keyring_superseded_s(k->ring, i));
	pthread_mutex_unlock(&k->lock);
	return has;
}

void keeper_prune(struct keeper *k, int64_t mono_ms)
{
	struct pruning p = { .mono_ms = mono_ms };
	char why[KEYRING_WHY_MAX] = "";
	unsigned dropped = 0;
	enum err err;

	if (mono_ms < k->prune_ms || !has_old(k, &p))
		return;
	err = keyring_prune(k->path, may_go, &p, &dropped, why, sizeof(why));
	if (err == ERR_BUSY)
		return;
	if (err) {
		k->prune_ms = mono_ms + AGAIN_MS;
		log_warn(keyring_not_pruned, LOG_TEXT("path", k->path),
			 LOG_TEXT("problem", why),
			 LOG_TEXT("remedy", "let the gateway write there, or "
				  "take old keys out with usherctl key "
				  "retire"));
		return;
	}
	if (dropped)
		log_info(keyring_pruned, LOG_TEXT("path", k->path),
			 LOG_NUM("keys", dropped));
}

/* ---- counting ----------------------------------------------------------- */

static void save_counts(struct keeper *k, const struct keyring *ring,
			uint64_t ahead)
{
	enum err err = seals_save(k->seals_path, ring, ahead);

	if (err && !k->has_save_failed)
		log_error(seals_not_saved, LOG_TEXT("path", k->seals_path),
			  LOG_TEXT("problem", err == ERR_IO ?
				   strerror(errno) : err_text(err)),
			  LOG_TEXT("remedy", "let the gateway write there: "
				   "how often a key has sealed is not known "
				   "after a restart otherwise"));
	k->has_save_failed = err != ERR_OK;
}

static void warn_worn(struct keeper *k, struct str kid, uint64_t count)
{
	if (str_eq(str_from(k->warned), kid))
		return;
	snprintf(k->warned, sizeof(k->warned), "%.*s", STR_ARG(kid));
	log_warn(key_worn, LOG_STR("kid", kid),
		 LOG_NUM("seals", (int64_t)count),
		 LOG_NUM("seals_at_most", (int64_t)SEALS_MAX),
		 LOG_TEXT("remedy", "usherctl key rotate: it is time for the "
			  "next key; at three quarters the gateway makes it"));
}

static void rotate(struct keeper *k, struct str kid, uint64_t count)
{
	char why[KEYRING_WHY_MAX] = "";
	int64_t now_ms = clock_mono_ms();
	enum err err;

	if (now_ms < k->rotate_ms)
		return;
	err = keyring_rotate(k->path, why, sizeof(why));
	if (err == ERR_BUSY)
		return;
	/* The look that follows takes it up, and then this key is done. */
	k->rotate_ms = now_ms + (err ? AGAIN_MS / 12 : 10 * KEEPER_LOOK_MS);
	if (err)
		log_error(key_not_rotated, LOG_TEXT("path", k->path),
			  LOG_STR("kid", kid),
			  LOG_NUM("seals", (int64_t)count),
			  LOG_NUM("seals_at_most", (int64_t)SEALS_MAX),
			  LOG_TEXT("problem", why),
			  LOG_TEXT("remedy", "usherctl key rotate: at its "
				   "limit the key seals no more, and nobody "
				   "can sign in"));
	else
		log_warn(key_rotated, LOG_TEXT("path", k->path),
			 LOG_STR("kid", kid),
			 LOG_NUM("seals", (int64_t)count),
			 LOG_TEXT("why", "it has sealed three quarters of what "
				  "a key may"));
}

/* The main thread may replace the ring at any time: what is needed of it is had
 * under the lock, or from a copy. */
void keeper_count(struct keeper *k)
{
	struct keyring *ring = keeper_copy(k);
	uint64_t count;
	struct str kid;

	/* No memory: it is tried again in a moment. */
	if (!ring)
		return;
	tell_numbers(k, ring);
	kid = keyring_kid(ring, 0);
	count = seals_of(kid);
	if (seals_is_due(ring))
		save_counts(k, ring, SEALS_AHEAD);
	if (count >= SEALS_ROTATE)
		rotate(k, kid, count);
	else if (count >= SEALS_WARN)
		warn_worn(k, kid, count);
	keyring_free(ring);
}

/* ---- the thread --------------------------------------------------------- */

/* False: it is time to end. */
static bool wait_a_while(struct keeper *k)
{
	int64_t end_ms = clock_mono_ms() + KEEPER_LOOK_MS;
	const struct timespec until = {
		.tv_sec = end_ms / 1000,
		.tv_nsec = end_ms % 1000 * 1000000,
	};
	bool goes_on;

	pthread_mutex_lock(&k->lock);
	while (!k->must_stop &&
	       !pthread_cond_timedwait(&k->wake, &k->lock, &until))
		;
	goes_on = !k->must_stop;
	pthread_mutex_unlock(&k->lock);
	return goes_on;
}

static void *keeper_main(void *arg)
{
	struct keeper *k = arg;
	struct keyring *ring;

	crash_watch_thread();
	pthread_setname_np(pthread_self(), "usher-keeper");
	do {
		keeper_count(k);
		keeper_prune(k, clock_mono_ms());
		keeper_look(k);
	} while (wait_a_while(k));
	ring = keeper_copy(k);
	if (ring)
		save_counts(k, ring, 0);
	keyring_free(ring);
	return NULL;
}

enum err keeper_start(struct keeper *k)
{
	int rc = thread_start(&k->thread, keeper_main, k);

	k->has_thread = rc == 0;
	errno = rc;
	return rc ? ERR_IO : ERR_OK;
}

void keeper_stop(struct keeper *k)
{
	struct timespec until;

	if (!k)
		return;
	pthread_mutex_lock(&k->lock);
	k->must_stop = true;
	pthread_cond_signal(&k->wake);
	pthread_mutex_unlock(&k->lock);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += KEEPER_STOP_MS / 1000;
	if (k->has_thread && pthread_timedjoin_np(k->thread, NULL, &until)) {
		log_warn(keeper_left_behind,
			 LOG_TEXT("problem", "the disk does not answer"));
		return;
	}
	keyring_free(k->ring);
	keyring_free(k->pending);
	close(k->fd);
	pthread_cond_destroy(&k->wake);
	pthread_mutex_destroy(&k->lock);
	free(k);
}
