#include "store/health.h"

#include <stdio.h>

#include "base/clock.h"

static const struct {
	const char *name, *remedy;
} troubles[HEALTH_COUNT] = {
	[HEALTH_WELL] = { "ok", "" },
	[HEALTH_FULL] = {
		"disk_full",
		"make room in the state directory's file system, or raise its "
		"quota; the gateway goes on by itself"
	},
	[HEALTH_READ_ONLY] = {
		"read_only",
		"let the gateway's user write to the state directory and its "
		"files; after an error of the disk remount it, and look at "
		"the disk first"
	},
	[HEALTH_NO_SYNC] = {
		"sync_failed",
		"look at the disk (dmesg): what it was given may not have "
		"reached it, so nothing of that was confirmed to anybody"
	},
	[HEALTH_IO] = {
		"io_error",
		"look at the state directory and its disk (df, ls -l, dmesg)"
	},
	[HEALTH_HELD] = {
		"held",
		"end the program that holds a transaction on usher.db: "
		"nobody but the gateway may write to it"
	},
	[HEALTH_MOVED] = {
		"moved",
		"put the database that was there back, or, to use what is "
		"there now, restart the gateway: until then it writes nothing"
	},
	[HEALTH_DAMAGED] = {
		"damaged",
		"stop the gateway and restore usher.db from a backup"
	},
	[HEALTH_NO_MEMORY] = { "no_memory", "give the gateway more memory" },
	[HEALTH_OTHER] = {
		"failed", "look at the problem; it may be a defect of usherd"
	},
	[HEALTH_STUCK] = {
		"stuck",
		"look at the state directory's disk: it does not answer"
	},
};

const char *health_name(enum health_trouble trouble)
{
	return troubles[trouble].name;
}

const char *health_remedy(enum health_trouble trouble)
{
	return troubles[trouble].remedy;
}

void health_init(struct health *health)
{
	*health = (struct health){ .trouble = HEALTH_WELL };
	pthread_mutex_init(&health->lock, NULL);
}

void health_done(struct health *health)
{
	pthread_mutex_destroy(&health->lock);
}

void health_begin(struct health *health)
{
	atomic_store_explicit(&health->busy_ms, clock_mono_ms(),
			      memory_order_relaxed);
}

void health_rest(struct health *health)
{
	atomic_store_explicit(&health->busy_ms, 0, memory_order_relaxed);
}

void health_good(struct health *health)
{
	pthread_mutex_lock(&health->lock);
	health->trouble = HEALTH_WELL;
	pthread_mutex_unlock(&health->lock);
}

void health_bad(struct health *health, enum health_trouble trouble,
		const char *problem, bool is_lasting)
{
	pthread_mutex_lock(&health->lock);
	health->failures++;
	health->last = trouble;
	snprintf(health->problem, sizeof(health->problem), "%s", problem);
	if (is_lasting) {
		if (health->trouble == HEALTH_WELL)
			health->since_ms = clock_mono_ms();
		health->trouble = trouble;
	}
	pthread_mutex_unlock(&health->lock);
}

/* 0: at nothing, or for no millisecond yet. */
static int64_t busy_for(struct health *health)
{
	int64_t since = atomic_load_explicit(&health->busy_ms,
					     memory_order_relaxed);

	return since ? clock_mono_ms() - since : 0;
}

bool health_is_stuck(struct health *health)
{
	return busy_for(health) >= HEALTH_STUCK_MS;
}

bool health_is_well(struct health *h)
{
	return atomic_load(&h->trouble) == HEALTH_WELL;
}

void health_ask(struct health *health, struct health_report *out_r)
{
	struct health_report r = { .busy_ms = busy_for(health) };

	pthread_mutex_lock(&health->lock);
	r.trouble = health->trouble;
	r.last = health->last;
	r.failures = health->failures;
	snprintf(r.problem, sizeof(r.problem), "%s", health->problem);
	if (r.trouble != HEALTH_WELL)
		r.for_ms = clock_mono_ms() - health->since_ms;
	pthread_mutex_unlock(&health->lock);
	if (r.busy_ms >= HEALTH_STUCK_MS) {
		r.trouble = r.last = HEALTH_STUCK;
		r.for_ms = r.busy_ms;
		snprintf(r.problem, sizeof(r.problem), "the disk has not "
			 "answered the writer for %lld s",
			 (long long)(r.busy_ms / 1000));
	}
	*out_r = r;
}
