#include "deliver/lanes.h"

unsigned lanes_count(const struct lanes *l, int64_t endpoint)
{
	unsigned n = 0;

	for (unsigned i = 0; i < l->count; i++)
		n += l->list[i].endpoint == endpoint;
	return n;
}

static unsigned count_tenant(const struct lanes *l, uint64_t tenant)
{
	unsigned n = 0;

	for (unsigned i = 0; i < l->count; i++)
		n += l->list[i].tenant == tenant;
	return n;
}

bool lanes_have_room(const struct lanes *l, uint64_t tenant, int64_t endpoint)
{
	return l->count < LANES_MAX &&
	       lanes_count(l, endpoint) < LANES_ENDPOINT_MAX &&
	       count_tenant(l, tenant) < LANES_TENANT_MAX;
}

static unsigned find(const struct lanes *l, int64_t endpoint, int64_t user)
{
	unsigned i = 0;

	while (i < l->count && (l->list[i].endpoint != endpoint ||
				l->list[i].user != user))
		i++;
	return i;
}

bool lanes_take(struct lanes *l, uint64_t tenant, int64_t endpoint,
		int64_t user)
{
	if (!lanes_have_room(l, tenant, endpoint) ||
	    find(l, endpoint, user) < l->count)
		return false;
	l->list[l->count].tenant = tenant;
	l->list[l->count].endpoint = endpoint;
	l->list[l->count++].user = user;
	return true;
}

void lanes_give_back(struct lanes *l, int64_t endpoint, int64_t user)
{
	unsigned i = find(l, endpoint, user);

	if (i < l->count)
		l->list[i] = l->list[--l->count];
}
