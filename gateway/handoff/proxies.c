#include "handoff/proxies.h"

#include "base/log.h"

#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct proxy_seen seen[PROXIES_TOLD_MAX];
static unsigned count;
static uint64_t total;

static bool has(const struct exchange *ex, const char *name)
{
	struct str unused;

	return request_header(&ex->request, name, &unused) != 0;
}

/* What it sends instead, if anything: a client may have sent that, too. */
static void judge(const struct exchange *ex, struct proxy_seen *out)
{
	const struct gateway_config *config = &ex->snapshot->gateway;

	out->problem = "it sends no X-Forwarded-For";
	out->remedy = "have it send X-Forwarded-For, or name the header that "
		"it sets in client_header";
	if (config->client_from == CLIENT_SINGLE) {
		out->problem = "the header of client_header is missing, or "
			"names a proxy";
		out->remedy = "have the proxy next to the clients set it, and "
			"those behind it pass it on";
	} else if (config->client_from == CLIENT_FORWARDED ||
		   (config->client_from == CLIENT_AUTO &&
		    has(ex, "Forwarded") && !has(ex, "X-Forwarded-For"))) {
		out->problem = "its Forwarded names no client";
		out->remedy = "have it write for=ADDRESS, or name another "
			"header that it sets in client_header";
	} else if (has(ex, "X-Real-IP")) {
		out->problem = "it sends X-Real-IP, and no X-Forwarded-For";
		out->remedy = "if it sets that header on each request, set "
			"client_header = \"X-Real-IP\"";
	} else if (has(ex, "Forwarded")) {
		out->problem = "it sends Forwarded, and no X-Forwarded-For";
		out->remedy = "if it sets that header on each request, set "
			"client_header = \"Forwarded\"";
	}
}

/* Is it new, and told now? */
static bool keep(const struct proxy_seen *now)
{
	struct proxy_seen *entry = seen;

	total++;
	while (entry < seen + count && !ip_eq(&entry->ip, &now->ip))
		entry++;
	if (entry == seen + PROXIES_TOLD_MAX)
		return false;
	if (entry < seen + count) {
		uint64_t before = entry->count;

		*entry = *now;
		entry->count = before + 1;
		return false;
	}
	*entry = *now;
	entry->count = 1;
	count++;
	return true;
}

void proxies_note(const struct exchange *ex)
{
	struct proxy_seen now = { .ip = ex->request.peer,
				  .last_ms = ex->start_ms };
	char peer[IP_TEXT_MAX];
	bool is_new;

	judge(ex, &now);
	pthread_mutex_lock(&lock);
	is_new = keep(&now);
	pthread_mutex_unlock(&lock);
	if (!is_new)
		return;
	ip_text(&now.ip, peer);
	log_warn(proxy_tells_no_client, LOG_TEXT("peer", peer),
		 LOG_TEXT("problem", now.problem),
		 LOG_TEXT("effect", "all of its clients are one, and share one "
			  "rate limit"),
		 LOG_TEXT("remedy", now.remedy));
}

unsigned proxies_list(struct proxy_seen out[PROXIES_TOLD_MAX],
		      uint64_t *total_r)
{
	unsigned n;

	pthread_mutex_lock(&lock);
	n = count;
	memcpy(out, seen, n * sizeof(*out));
	*total_r = total;
	pthread_mutex_unlock(&lock);
	return n;
}
