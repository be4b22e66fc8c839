#include "config/snapshot.h"

#include <pthread.h>

#include "config/snapshot-private.h"
#include "config/suggest.h"

struct snapshot *snapshot_new(const struct snapshot *previous)
{
	struct pool *pool = pool_new(SNAPSHOT_BYTES_MAX);
	struct snapshot *out = pool ? pool_alloc(pool, sizeof(*out)) : NULL;

	if (out)
		out->private = pool_alloc(pool, sizeof(*out->private));
	if (!out || !out->private) {
		pool_free(pool);
		return NULL;
	}
	out->private->pool = pool;
	atomic_init(&out->private->refs, 1);
	out->generation = previous ? previous->generation + 1 : 1;
	return out;
}

struct snapshot *snapshot_ref(struct snapshot *snapshot)
{
	atomic_fetch_add_explicit(&snapshot->private->refs, 1,
				  memory_order_relaxed);
	return snapshot;
}

void snapshot_unref(struct snapshot *snapshot)
{
	struct snapshot *base;
	unsigned i;

	if (!snapshot ||
	    atomic_fetch_sub_explicit(&snapshot->private->refs, 1,
				      memory_order_acq_rel) != 1)
		return;
	for (i = 0; i < snapshot->tenant_count; i++) {
		jwe_keys_free(snapshot->tenants[i]->token_keys);
		jwe_keys_free(snapshot->tenants[i]->login_keys);
		jwe_keys_free(snapshot->tenants[i]->selftest_keys);
		draft_unref(snapshot->private->drafts[i]);
	}
	base = snapshot->private->base;
	pool_free(snapshot->private->pool);
	/* The first one of a row has none. */
	snapshot_unref(base);
}

/* Its tenants, as they are, but for their keys. */
static int rekey_tenants(struct snapshot *out, const struct snapshot *running,
			 const struct keyring *keyring)
{
	struct pool *pool = out->private->pool;
	const unsigned most = running->tenant_count + 1;

	out->tenants = pool_calloc(pool, most, sizeof(*out->tenants));
	out->private->drafts = pool_calloc(pool, most,
					   sizeof(*out->private->drafts));
	if (!out->tenants || !out->private->drafts)
		return -1;
	for (unsigned i = 0; i < running->tenant_count; i++) {
		struct draft *draft = running->private->drafts[i];
		struct tenant *tenant = pool_alloc(pool, sizeof(*tenant));

		if (!tenant)
			return -1;
		*tenant = *running->tenants[i];
		/* it is told by where it points to */
		if (running->tenants[i]->redirects.own ==
		    &running->tenants[i]->url)
			tenant->redirects.own = &tenant->url;
		if (draft)
			out->private->drafts[i] = draft_ref(draft);
		out->tenants[out->tenant_count++] = tenant;
		if (tenant_seal(tenant, keyring))
			return -1;
	}
	return 0;
}

struct snapshot *snapshot_rekey(struct snapshot *running,
				const struct keyring *keyring)
{
	struct snapshot *base = running->private->base ?
		running->private->base : running;
	struct snapshot *out = snapshot_new(running);

	if (!out)
		return NULL;
	out->gateway = running->gateway;
	out->is_partial = running->is_partial;
	out->private->base = snapshot_ref(base);
	if (rekey_tenants(out, running, keyring) || hosts_build(out)) {
		snapshot_unref(out);
		return NULL;
	}
	return out;
}

/* The place of `slug` among the tenants, or where it would be. */
static unsigned tenant_place(const struct snapshot *snapshot, struct str slug)
{
	unsigned low = 0, high = snapshot->tenant_count;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (str_cmp(snapshot->tenants[middle]->slug, slug) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct tenant *snapshot_tenant(const struct snapshot *snapshot,
				     struct str slug)
{
	unsigned i = tenant_place(snapshot, slug);

	return i < snapshot->tenant_count &&
		str_eq(snapshot->tenants[i]->slug, slug) ?
		snapshot->tenants[i] : NULL;
}

struct str snapshot_nearest(const struct snapshot *snapshot, struct str slug)
{
	unsigned count = snapshot->tenant_count;
	const char **slugs = calloc(count + 1, sizeof(*slugs));
	const char *near = NULL;

	for (unsigned i = 0; slugs && i < count; i++)
		slugs[i] = snapshot->tenants[i]->slug.ptr;
	if (slugs)
		near = suggest_nearest(slug, slugs, count);
	free(slugs);
	return near ? str_from(near) : STR_NULL;
}

struct draft *snapshot_draft(const struct snapshot *snapshot, struct str slug)
{
	unsigned i = tenant_place(snapshot, slug);

	return i < snapshot->tenant_count &&
		str_eq(snapshot->tenants[i]->slug, slug) ?
		snapshot->private->drafts[i] : NULL;
}

const struct host *snapshot_host(const struct snapshot *snapshot,
				 struct str name)
{
	const struct snapshot_private *private = snapshot->private;
	unsigned low = 0, high = private->host_count;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		int order = str_cmp(private->hosts[middle].name, name);

		if (!order)
			return &private->hosts[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

enum tenant_state tenant_state(const struct tenant *tenant,
			       struct buf *problem)
{
	char unwanted[ADAPTER_LOAD_PROBLEM_MAX];
	struct adapter_verdict verdict;
	struct buf none;

	if (tenant->state == TENANT_BROKEN && problem)
		buf_adds(problem, tenant->problem);
	if (tenant->state != TENANT_SERVING || !tenant->adapter ||
	    adapter_is_ready(tenant->adapter))
		return tenant->state;
	buf_init_fixed(&none, unwanted, sizeof(unwanted));
	verdict = adapter_verdict(tenant->adapter, problem ? problem : &none);
	if (verdict.state == ADAPTER_READY || verdict.has_stand_in)
		return TENANT_SERVING;
	return verdict.state == ADAPTER_STARTING ? TENANT_STARTING :
						   TENANT_BROKEN;
}

/* ---- what only a restart changes --------------------------------------- */

static bool is_same_listener(const struct listener *a,
			     const struct listener *b)
{
	return a->is_https == b->is_https && a->port == b->port &&
		a->close_always == b->close_always &&
		str_eq(a->address, b->address);
}

static bool has_same_listeners(const struct gateway_config *a,
			       const struct gateway_config *b)
{
	unsigned i;

	if (a->listener_count != b->listener_count)
		return false;
	for (i = 0; i < a->listener_count; i++)
		if (!is_same_listener(&a->listeners[i], &b->listeners[i]))
			return false;
	return true;
}

/* Of the first listener that is another than before. */
static unsigned listener_line(const struct gateway_config *was,
			      const struct gateway_config *now)
{
	for (unsigned i = 0; i < now->listener_count; i++)
		if (i >= was->listener_count ||
		    !is_same_listener(&was->listeners[i], &now->listeners[i]))
			return now->listeners[i].line;
	return now->listener_count ? now->listeners[0].line : 0;
}

unsigned snapshot_restart_needed(const struct snapshot *running,
				 const struct snapshot *next, struct buf *out)
{
	const struct gateway_config *a = &running->gateway;
	const struct gateway_config *b = &next->gateway;
	const struct {
		const char *name;
		bool is_same;
		unsigned line;		/* 0: it is not kept */
	} settings[] = {
		{ "listen", has_same_listeners(a, b), listener_line(a, b) },
		{ "admin", str_eq(a->admin, b->admin), b->admin_line },
		{ "metrics", a->has_metrics == b->has_metrics &&
			is_same_listener(&a->metrics, &b->metrics),
			b->metrics.line },
		{ "state", str_eq(a->state, b->state), b->state_line },
		{ "user", str_eq(a->user, b->user), b->user_line },
		{ "watch", a->watch == b->watch, 0 },
		{ "log.file", str_eq(a->log_file, b->log_file),
			b->log_file_line },
		{ "workers", a->workers == b->workers, 0 },
		{ "request_deadline",
		  a->request_deadline_s == b->request_deadline_s, 0 },
		{ "connections_max",
		  a->connections_max == b->connections_max, 0 },
	};
	unsigned line = 0;
	size_t i;

	for (i = 0; i < N_ELEMENTS(settings); i++) {
		if (settings[i].is_same)
			continue;
		if (out->len)
			buf_puts(out, ", ");
		buf_puts(out, settings[i].name);
		if (!line)
			line = settings[i].line;
	}
	return line;
}

/* ---- the running one ---------------------------------------------------- */

/*
 * Taking a reference must not race with the last one's going away, so reading
 * the pointer and counting are one step.  The lock is held for a few
 * instructions, once per request.
 */
struct snapshot_slot {
	pthread_mutex_t lock;
	struct snapshot *current;
};

struct snapshot_slot *snapshot_slot_new(struct snapshot *first)
{
	struct snapshot_slot *slot = malloc(sizeof(*slot));

	if (!slot)
		return NULL;
	if (pthread_mutex_init(&slot->lock, NULL)) {
		free(slot);
		return NULL;
	}
	slot->current = first;
	return slot;
}

void snapshot_slot_free(struct snapshot_slot *slot)
{
	if (!slot)
		return;
	snapshot_unref(slot->current);
	pthread_mutex_destroy(&slot->lock);
	free(slot);
}

struct snapshot *snapshot_slot_get(struct snapshot_slot *slot)
{
	struct snapshot *snapshot;

	if (!slot)
		return NULL;
	pthread_mutex_lock(&slot->lock);
	snapshot = snapshot_ref(slot->current);
	pthread_mutex_unlock(&slot->lock);
	return snapshot;
}

void snapshot_slot_set(struct snapshot_slot *slot, struct snapshot *next)
{
	struct snapshot *old;

	pthread_mutex_lock(&slot->lock);
	old = slot->current;
	slot->current = next;
	pthread_mutex_unlock(&slot->lock);
	/* Outside of the lock: freeing thousands of tenants takes a while. */
	snapshot_unref(old);
}
