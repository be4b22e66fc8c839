/* Who lives on which host name. */
#include "config/snapshot-private.h"

struct resident {
	struct str host;
	struct tenant *tenant;	/* NULL: the gateway itself */
};

static int by_host(const void *a, const void *b)
{
	const struct resident *x = a, *y = b;
	int order = str_cmp(x->host, y->host);

	if (order || x->tenant == y->tenant)
		return order;
	if (!x->tenant || !y->tenant)
		return x->tenant ? 1 : -1;
	return str_cmp(x->tenant->slug, y->tenant->slug);
}

/* Those that are switched off live nowhere; of broken ones it may be
 * unknown. */
static bool has_home(const struct tenant *tenant)
{
	return tenant->state != TENANT_DISABLED &&
		!str_is_null(tenant->url.host);
}

/* The residents of one host, `count` from `at`. */
static void move_in(struct host *host, const struct resident *at,
		    unsigned count, const struct tenant **room)
{
	unsigned i;

	host->name = at->host;
	host->tenants = room;
	for (i = 0; i < count; i++) {
		if (!at[i].tenant) {
			host->is_gateway = true;
			continue;
		}
		at[i].tenant->is_shared = count > 1;
		host->tenants[host->tenant_count++] = at[i].tenant;
	}
}

int hosts_build(struct snapshot *snapshot)
{
	struct snapshot_private *private = snapshot->private;
	unsigned i, from, most = snapshot->tenant_count + 1, count = 0;
	struct resident *all = calloc(most, sizeof(*all));
	const struct tenant **room;

	room = pool_calloc(private->pool, most, sizeof(struct tenant *));
	private->hosts = pool_calloc(private->pool, most,
				     sizeof(*private->hosts));
	if (!all || !room || !private->hosts) {
		free(all);
		return -1;
	}
	all[count++].host = snapshot->gateway.public_url.host;
	for (i = 0; i < snapshot->tenant_count; i++)
		if (has_home(snapshot->tenants[i]))
			all[count++] = (struct resident){
				snapshot->tenants[i]->url.host,
				snapshot->tenants[i] };
	qsort(all, count, sizeof(*all), by_host);
	for (from = i = 0; i < count; i++) {
		if (i + 1 < count && str_eq(all[i].host, all[i + 1].host))
			continue;
		move_in(&private->hosts[private->host_count++], &all[from],
			i + 1 - from, room + from);
		from = i + 1;
	}
	free(all);
	return 0;
}
