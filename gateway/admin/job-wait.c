#include "admin/job-wait.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"
#include "codec/json.h"

#define TIME_MASK 0xfffffffffffULL	/* eleven digits */

struct job_wait *job_wait_new(void)
{
	struct job_wait *e = calloc(1, sizeof(*e));
	pthread_condattr_t attr;

	if (!e)
		return NULL;
	e->pool = pool_new(JOB_WAIT_POOL_MAX);
	if (!e->pool) {
		free(e);
		return NULL;
	}
	pthread_mutex_init(&e->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&e->told, &attr);
	pthread_condattr_destroy(&attr);
	return e;
}

static void destroy(struct job_wait *e)
{
	pthread_cond_destroy(&e->told);
	pthread_mutex_destroy(&e->lock);
	pool_free(e->pool);
	free(e);
}

struct str job_wait_str(struct job_wait *e, struct str s)
{
	return pool_str(e->pool, s);
}

/* Braces would look like a step's own where trails are shown as text. */
static struct str without_braces(struct pool *pool, struct str s)
{
	char *copy = pool_strndup(pool, s.ptr, s.len);

	if (!copy)
		return STR_NULL;
	for (size_t i = 0; i < s.len; i++)
		if (copy[i] == '{' || copy[i] == '}')
			copy[i] = copy[i] == '{' ? '(' : ')';
	return (struct str){ copy, s.len };
}

const struct audit_record *job_wait_audit(struct job_wait *e, struct str tenant,
					  struct str code, struct str what,
					  struct str by)
{
	const int64_t now_ms = clock_steady_ms();
	unsigned long long id;
	struct buf trail;

	if (random_bytes(&id, sizeof(id)))
		return NULL;
	buf_init_pool(&trail, e->pool, AUDIT_TRAIL_MAX);
	buf_puts(&trail, "[{\"step\":\"usherctl\"");
	json_add_member(&trail, "verdict", what);
	if (by.len)
		json_add_member(&trail, "by", without_braces(e->pool, by));
	buf_puts(&trail, "}]");
	e->audit = (struct audit_record){
		.request_id = pool_printf(e->pool, "ctl-%011llx%05llx",
					  (unsigned long long)now_ms & TIME_MASK,
					  id & 0xfffff),
		.time_ms = now_ms + clock_ahead_ms(),
		.tenant = job_wait_str(e, tenant),
		.status = 200,
		.code = code,
		.trail = buf_str(&trail),
	};
	return buf_is_ok(&trail) && e->audit.request_id.ptr &&
	       e->audit.tenant.ptr ? &e->audit : NULL;
}

/* In the writer's thread. */
static void done(struct job *job)
{
	struct job_wait *e = (struct job_wait *)job;
	bool is_left;

	pthread_mutex_lock(&e->lock);
	e->is_done = true;
	is_left = e->is_left;
	pthread_cond_signal(&e->told);
	pthread_mutex_unlock(&e->lock);
	if (is_left)
		destroy(e);
}

void job_wait_send(struct job_wait *e)
{
	e->job.done = done;
	e->is_sent = true;
}

void job_wait_unsend(struct job_wait *e)
{
	e->is_sent = false;
}

bool job_wait_for(struct job_wait *e)
{
	const int64_t end_ms = clock_mono_ms() + JOB_WAIT_MS;
	const struct timespec end = {
		.tv_sec = end_ms / 1000,
		.tv_nsec = end_ms % 1000 * 1000000,
	};
	bool is_done;

	pthread_mutex_lock(&e->lock);
	while (!e->is_done)
		if (pthread_cond_timedwait(&e->told, &e->lock, &end) ==
		    ETIMEDOUT)
			break;
	is_done = e->is_done;
	pthread_mutex_unlock(&e->lock);
	return is_done;
}

void job_wait_free(struct job_wait *e)
{
	bool is_mine;

	if (!e)
		return;
	pthread_mutex_lock(&e->lock);
	is_mine = !e->is_sent || e->is_done;
	e->is_left = true;
	pthread_mutex_unlock(&e->lock);
	if (is_mine)
		destroy(e);
}
