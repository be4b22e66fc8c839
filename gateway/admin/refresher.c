#include "admin/refresher.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crash.h"
#include "base/list.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/thread.h"

#define SLUG_MAX 63

/* A request under way, and then its answer. */
struct inquiry {
	struct list node;		/* in `asked`, then in `answered` */
	struct refresher *refresher;
	struct key_source *source;	/* a reference */
	char slug[SLUG_MAX + 1];
	struct fetch_answer answer;	/* texts are those below */
	struct buf body;
	char why[FETCH_WHY_MAX], etag[FETCH_ETAG_MAX + 1];
};

struct refresher {
	char dir[PATH_MAX];
	struct snapshot_slot *slot;
	struct fetcher *fetcher;
	pthread_t thread;
	pthread_mutex_t lock;		/* of all that follows */
	pthread_cond_t changed;
	struct list asked, answered;
	bool must_end, has_ended;
};

/* False: no such path fits, or it is no slug. */
static bool path_of(const char *dir, struct str slug, char path[PATH_MAX])
{
	int n = snprintf(path, PATH_MAX, "%s/%.*s", dir, STR_ARG(slug));

	return snapshot_is_slug(slug) && n > 0 && n < PATH_MAX;
}

static bool is_live(const struct tenant *tenant)
{
	return tenant->key_source && tenant->state == TENANT_SERVING;
}

static const char *problem_of(enum err err)
{
	return err == ERR_IO ? strerror(errno) : err_text(err);
}

/* Of one whose file cannot be read now nobody knows whether it has a URL. */
static bool may_need(const struct snapshot *next, struct str slug)
{
	const struct tenant *tenant = snapshot_tenant(next, slug);

	return tenant && (tenant->key_source ||
			  tenant->state == TENANT_BROKEN);
}

/* Keys of tenants that are gone, or have no URL any more. Where it cannot be done
 * it is done another time: nobody reads them. */
static void sweep(const char *dir, const struct snapshot *next)
{
	DIR *all = opendir(dir);
	const struct dirent *entry;
	unsigned seen = 0;

	while (all && seen++ < REFRESHER_SWEEP_MAX && (entry = readdir(all))) {
		struct str name = str_from(entry->d_name);

		if (snapshot_is_slug(name) && !may_need(next, name))
			unlinkat(dirfd(all), entry->d_name, 0);
	}
	if (all)
		closedir(all);
}

void refresher_load(const char *dir, const struct snapshot *next)
{
	char path[PATH_MAX];

	sweep(dir, next);
	for (unsigned i = 0; i < next->tenant_count; i++) {
		const struct tenant *t = next->tenants[i];
		enum err err;

		if (!is_live(t) || !path_of(dir, t->slug, path))
			continue;
		mkdir(dir, 0700);	/* where it cannot be, saving says so */
		err = key_source_load(t->key_source, path);
		if (err && err != ERR_NOT_FOUND && err != ERR_CONFLICT)
			log_warn(jwks_not_loaded, LOG_STR("tenant", t->slug),
				 LOG_TEXT("path", path),
				 LOG_TEXT("problem", problem_of(err)),
				 LOG_TEXT("remedy", "none is needed once its "
					  "jwks_url answers"));
	}
}

/* ---- what came ------------------------------------------------------------ */

static void inquiry_free(struct inquiry *q)
{
	key_source_unref(q->source);
	buf_done(&q->body);
	free(q);
}

/* In the fetcher's thread. */
static void on_answer(void *ctx, const struct fetch_answer *answer)
{
	struct inquiry *q = ctx;
	struct refresher *r = q->refresher;

	q->answer = *answer;
	snprintf(q->why, sizeof(q->why), "%s", answer->why);
	snprintf(q->etag, sizeof(q->etag), "%s", answer->etag);
	buf_init(&q->body, JWKS_MAX);
	buf_adds(&q->body, answer->body);
	if (!buf_is_ok(&q->body)) {
		q->answer.err = ERR_NOMEM;
		snprintf(q->why, sizeof(q->why), "%s", err_text(ERR_NOMEM));
	}
	q->answer.why = q->why;
	q->answer.etag = q->etag;
	q->answer.body = buf_str(&q->body);
	pthread_mutex_lock(&r->lock);
	list_del(&q->node);
	list_add(&r->answered, &q->node);
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

static void count(const struct inquiry *q, const char *result)
{
	struct key_source_report report;
	char labels[METRIC_LABELS_MAX];

	snprintf(labels, sizeof(labels), "tenant=\"%s\",result=\"%s\"",
		 q->slug, result);
	metric_add(metric_get(usher_jwks_fetches_total, labels), 1);
	key_source_report(q->source, &report);
	snprintf(labels, sizeof(labels), "tenant=\"%s\"", q->slug);
	metric_set(metric_get(usher_jwks_fetched_timestamp_seconds, labels),
		   report.fetched_ms / 1000);
}

static void save(const struct inquiry *q, bool is_same)
{
	char path[PATH_MAX];
	enum err err = ERR_LIMIT;

	if (path_of(q->refresher->dir, str_from(q->slug), path))
		err = key_source_save(q->source, path, q->answer.body,
				      is_same);
	if (err)
		log_warn(jwks_not_saved, LOG_TEXT("tenant", q->slug),
			 LOG_TEXT("path", path),
			 LOG_TEXT("problem", problem_of(err)),
			 LOG_TEXT("remedy", "let the gateway write there: "
				  "after a restart these keys are missing "
				  "until they are fetched"));
}

/* A reload may have given the tenant another URL meanwhile, or taken it out: then
 * the file is another's. */
static bool is_current(const struct inquiry *q)
{
	struct snapshot *running = snapshot_slot_get(q->refresher->slot);
	const struct tenant *tenant = snapshot_tenant(running,
						      str_from(q->slug));
	bool is_it = tenant && tenant->key_source == q->source;

	snapshot_unref(running);
	return is_it;
}

static void take_up(struct inquiry *q)
{
	enum key_news news = key_source_settle(q->source, &q->answer,
					       clock_mono_ms());
	struct key_source_report report;

	if (!is_current(q))
		return;
	key_source_report(q->source, &report);
	count(q, news == KEYS_NEW ? "good" : news == KEYS_SAME ? "unchanged" :
	      "failed");
	if (news == KEYS_NEW)
		log_info(jwks_fetched, LOG_TEXT("tenant", q->slug),
			 LOG_NUM("keys", report.keys));
	else if (news == KEYS_FAILED_ANEW)
		log_warn(jwks_not_fetched, LOG_TEXT("tenant", q->slug),
			 LOG_TEXT("problem", report.problem),
			 LOG_NUM("keys", report.keys),
			 LOG_TEXT("remedy", report.keys ?
				  "see usherctl identity; the keys of before "
				  "serve on" :
				  "see usherctl identity; until then nobody "
				  "signs in with a key of it"));
	if (news == KEYS_NEW || news == KEYS_SAME)
		save(q, news == KEYS_SAME);
}

/* ---- asking --------------------------------------------------------------- */

static void forget(struct inquiry *q)
{
	pthread_mutex_lock(&q->refresher->lock);
	list_del(&q->node);
	pthread_mutex_unlock(&q->refresher->lock);
	key_source_put_off(q->source, clock_mono_ms());
	inquiry_free(q);
}

static void look_at(struct refresher *r, const struct tenant *tenant)
{
	struct fetch_request request;
	struct inquiry *q;

	if (!key_source_begin(tenant->key_source, clock_mono_ms(), &request))
		return;
	q = calloc(1, sizeof(*q));
	if (!q) {
		key_source_put_off(tenant->key_source, clock_mono_ms());
		return;
	}
	q->refresher = r;
	q->source = key_source_ref(tenant->key_source);
	snprintf(q->slug, sizeof(q->slug), "%.*s", STR_ARG(tenant->slug));
	request.done = on_answer;
	request.ctx = q;
	pthread_mutex_lock(&r->lock);
	list_add(&r->asked, &q->node);
	pthread_mutex_unlock(&r->lock);
	if (fetcher_get(r->fetcher, &request))
		forget(q);
}

static void look(struct refresher *r)
{
	struct snapshot *running = snapshot_slot_get(r->slot);

	for (unsigned i = 0; i < running->tenant_count; i++)
		if (is_live(running->tenants[i]))
			look_at(r, running->tenants[i]);
	snapshot_unref(running);
}

/* ---- the thread ------------------------------------------------------------ */

/* The next answer; NULL: none came until it is time to look, or to end. */
static struct inquiry *wait_for_answer(struct refresher *r, int64_t until_ms,
				       bool *must_end_r)
{
	const struct timespec until = {
		.tv_sec = until_ms / 1000,
		.tv_nsec = until_ms % 1000 * 1000000,
	};
	struct inquiry *q = NULL;

	pthread_mutex_lock(&r->lock);
	while (!r->must_end && list_is_empty(&r->answered) &&
	       !pthread_cond_timedwait(&r->changed, &r->lock, &until))
		;
	*must_end_r = r->must_end;
	if (!r->must_end && !list_is_empty(&r->answered)) {
		q = list_entry(r->answered.next, struct inquiry, node);
		list_del(&q->node);
	}
	pthread_mutex_unlock(&r->lock);
	return q;
}

static void *refresher_main(void *arg)
{
	struct refresher *r = arg;
	bool must_end = false;

	crash_watch_thread();
	pthread_setname_np(pthread_self(), "usher-refresh");
	while (!must_end) {
		int64_t until_ms = clock_mono_ms() + REFRESHER_LOOK_MS;
		struct inquiry *q;

		look(r);
		while ((q = wait_for_answer(r, until_ms, &must_end))) {
			take_up(q);
			inquiry_free(q);
		}
	}
	pthread_mutex_lock(&r->lock);
	r->has_ended = true;
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

static void destroy(struct refresher *r)
{
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

struct refresher *refresher_new(const char *dir, struct snapshot_slot *slot,
				struct fetcher *fetcher)
{
	struct refresher *r = calloc(1, sizeof(*r));
	pthread_condattr_t attr;

	if (!r)
		return NULL;
	snprintf(r->dir, sizeof(r->dir), "%s", dir);
	r->slot = slot;
	r->fetcher = fetcher;
	list_init(&r->asked);
	list_init(&r->answered);
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->changed, &attr);
	pthread_condattr_destroy(&attr);
	if (!thread_start(&r->thread, refresher_main, r))
		return r;
	destroy(r);
	return NULL;
}

bool refresher_quit(struct refresher *r, int ms)
{
	const int64_t end_ms = clock_mono_ms() + ms;
	const struct timespec end = {
		.tv_sec = end_ms / 1000,
		.tv_nsec = end_ms % 1000 * 1000000,
	};
	bool has_ended;

	if (!r)
		return true;
	pthread_mutex_lock(&r->lock);
	r->must_end = true;
	pthread_cond_signal(&r->changed);
	while (!r->has_ended)
		if (pthread_cond_timedwait(&r->changed, &r->lock, &end))
			break;
	has_ended = r->has_ended;
	pthread_mutex_unlock(&r->lock);
	if (has_ended)
		pthread_join(r->thread, NULL);
	return has_ended;
}

static void free_all(struct list *head)
{
	while (!list_is_empty(head)) {
		struct inquiry *q = list_entry(head->next, struct inquiry,
					       node);

		list_del(&q->node);
		inquiry_free(q);
	}
}

void refresher_free(struct refresher *r)
{
	if (!r)
		return;
	free_all(&r->asked);
	free_all(&r->answered);
	destroy(r);
}
