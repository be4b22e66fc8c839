#include "admin/status.h"

#include <unistd.h>

#include "adapter/adapter.h"
#include "adapter/supervisor.h"
#include "admin/running.h"
#include "admin/sanitize.h"
#include "admin/show.h"
#include "admin/storewatch.h"
#include "base/clock.h"
#include "codec/json.h"
#include "handoff/proxies.h"
#include "sandbox/spawner.h"

/* What each tenant has in the outbox. */
#define OUTBOX_POOL_MAX (4 * 1024 * 1024)
/* Tenants whose keys could not be had, each with a line. */
#define KEYS_TOLD_MAX 20

const char *command_tenants(struct status *status, const struct str *words,
			    bool json, struct buf *body)
{
	struct snapshot *snapshot =
		snapshot_slot_get(status->gateway->snapshots);

	(void)words;
	show_tenants(snapshot, json, body);
	snapshot_unref(snapshot);
	return NULL;
}

/* How many tenants are in each state. */
static void count_tenants(const struct snapshot *snapshot,
			  unsigned counts[TENANT_BROKEN + 1])
{
	for (unsigned i = 0; i < snapshot->tenant_count; i++)
		counts[tenant_state(snapshot->tenants[i], NULL)]++;
}

/* How the tenants' adapters do. */
struct adapter_counts {
	unsigned all;
	unsigned inside;	/* in this process */
	unsigned up, starting, given_up;
	unsigned first;		/* not ready for the first time yet */
	unsigned refused;	/* it was seen late that they never will be */
};

static void count_unready(struct adapter *adapter, struct adapter_counts *n)
{
	char text[ADAPTER_LOAD_PROBLEM_MAX];
	struct buf why;

	buf_init_fixed(&why, text, sizeof(text));
	if (adapter_verdict(adapter, &why).state == ADAPTER_REFUSED)
		n->refused++;
	else
		n->first++;
}

static struct adapter_counts count_adapters(const struct snapshot *snapshot)
{
	struct adapter_counts n = { 0 };

	for (unsigned i = 0; i < snapshot->tenant_count; i++) {
		struct adapter *adapter = snapshot->tenants[i]->adapter;
		struct isolated_stats stats;

		if (!adapter)
			continue;
		n.all++;
		if (!adapter_is_ready(adapter))
			count_unready(adapter, &n);
		else if (!adapter_process(adapter, &stats))
			n.inside++;
		else if (stats.is_open)
			n.given_up++;
		else if (stats.is_serving)
			n.up++;
		else
			n.starting++;
	}
	return n;
}

static void adapters_json(const struct snapshot *snapshot, struct buf *body)
{
	struct adapter_counts n = count_adapters(snapshot);

	json_add_member_int(body, "adapters", n.all);
	json_add_member_int(body, "adapters_inside", n.inside);
	json_add_member_int(body, "adapters_starting", n.first);
	json_add_member_int(body, "adapters_refused", n.refused);
	json_add_member_int(body, "adapters_up", n.up);
	json_add_member_int(body, "adapters_restarting", n.starting);
	json_add_member_int(body, "adapters_given_up", n.given_up);
}

static void adapters_text(const struct snapshot *snapshot, struct buf *body)
{
	struct adapter_counts n = count_adapters(snapshot);

	if (!n.all)
		return;
	buf_printf(body, "adapters: %u in this process, %u in processes of "
		   "their own: %u up, %u restarting, %u given up for now\n",
		   n.inside, n.up + n.starting + n.given_up, n.up, n.starting,
		   n.given_up);
	if (n.first || n.refused)
		buf_printf(body, "adapters not ready: %u starting, %u refused: "
			   "usherctl tenants tells which\n", n.first,
			   n.refused);
}

/* Whose clients share one budget. */
static void proxies_text(struct buf *body)
{
	struct proxy_seen list[PROXIES_TOLD_MAX];
	char peer[IP_TEXT_MAX];
	uint64_t total;
	unsigned n = proxies_list(list, &total);

	for (unsigned i = 0; i < n; i++) {
		ip_text(&list[i].ip, peer);
		buf_printf(body, "PROXY %s TELLS NO CLIENT, so that all of its "
			   "are one: %llu requests, the last at ", peer,
			   (unsigned long long)list[i].count);
		sanitize_time(body, list[i].last_ms + clock_ahead_ms());
		buf_printf(body, "; %s: %s\n", list[i].problem,
			   list[i].remedy);
		total -= list[i].count;
	}
	if (total)
		buf_printf(body, "and %llu requests of other proxies\n",
			   (unsigned long long)total);
}

static void proxies_json(struct buf *body)
{
	struct proxy_seen list[PROXIES_TOLD_MAX];
	char peer[IP_TEXT_MAX];
	uint64_t total;
	unsigned n = proxies_list(list, &total);

	json_add_member_int(body, "proxies_untold", (int64_t)total);
	buf_puts(body, ",\"proxies\":[");
	for (unsigned i = 0; i < n; i++) {
		ip_text(&list[i].ip, peer);
		buf_puts(body, i ? ",{" : "{");
		json_add_member(body, "proxy", str_from(peer));
		json_add_member_int(body, "untold", (int64_t)list[i].count);
		json_add_member_int(body, "last_ms", list[i].last_ms +
						     clock_ahead_ms());
		json_add_member(body, "problem", str_from(list[i].problem));
		json_add_member(body, "remedy", str_from(list[i].remedy));
		buf_addc(body, '}');
	}
	buf_addc(body, ']');
}

/* Why no adapter can be started; "": they can. */
static const char *spawner_problem(const struct status *status)
{
	const char *why = status->spawner ? spawner_trouble(status->spawner) :
					    NULL;

	return why ? why : "";
}

static void spawner_text(const struct status *status, struct buf *body)
{
	const char *why = spawner_problem(status);

	if (why[0])
		buf_printf(body, "NO ADAPTER CAN BE STARTED until the gateway "
			   "is restarted: %s\n", why);
}

/* What keeps the key ring's file from being taken up; "": nothing does. */
static void keyring_problem(const struct status *status, bool json,
			    struct buf *body)
{
	char text[KEYRING_WHY_MAX];
	struct buf why;

	buf_init_fixed(&why, text, sizeof(text));
	if (status->reload->keeper)
		keeper_problem(status->reload->keeper, &why);
	if (json)
		json_add_member(body, "keyring_problem", buf_str(&why));
	else if (why.len)
		buf_printf(body, "THE KEY RING IS NOT TAKEN UP (%s), the keys "
			   "of before serve on: %.*s\n",
			   status->reload->keyring_path,
			   STR_ARG(buf_str(&why)));
}

static void store_json(const struct status *status, struct buf *body)
{
	struct health_report health;
	bool is_well;

	writer_health(store_writer(status->gateway->store), &health);
	is_well = health.trouble == HEALTH_WELL;
	json_add_member(body, "store", str_from(health_name(health.trouble)));
	json_add_member(body, "store_problem",
			str_from(is_well ? "" : health.problem));
	json_add_member(body, "store_remedy",
			str_from(health_remedy(health.trouble)));
	json_add_member_int(body, "store_failures", (int64_t)health.failures);
}

static void store_text(const struct status *status, struct buf *body)
{
	struct health_report health;

	writer_health(store_writer(status->gateway->store), &health);
	if (health.trouble == HEALTH_WELL)
		return;
	buf_puts(body, "NOBODY CAN SIGN IN: ");
	storewatch_say(&health, body);
	buf_addc(body, '\n');
}

/* Nothing where all is well. */
static void outbox_text(const struct status *status, struct buf *body)
{
	struct outbox *outbox = store_outbox(status->gateway->store);
	struct pool *pool = pool_new(OUTBOX_POOL_MAX);
	struct outbox_usage *list;
	unsigned count = 0;

	if (pool && outbox_usages(outbox, pool, &list, &count))
		count = 0;
	for (unsigned i = 0; i < count; i++)
		if (list[i].level != OUTBOX_WELL)
			buf_printf(body, "outbox of %s %s: %lld events, "
				   "%lld octets, %lld refused so far\n",
				   list[i].tenant,
				   list[i].level == OUTBOX_FULL ? "FULL" :
				   "is filling", (long long)list[i].events,
				   (long long)list[i].octets,
				   (long long)list[i].refused);
	if (outbox_is_erasing(outbox))
		buf_puts(body, "erasing: the files are not free of somebody "
			 "yet\n");
	pool_free(pool);
}

static void outbox_json(const struct status *status, struct buf *body)
{
	struct outbox *outbox = store_outbox(status->gateway->store);
	struct pool *pool = pool_new(OUTBOX_POOL_MAX);
	struct outbox_usage *list;
	unsigned count = 0, full = 0;
	int64_t events = 0;

	if (pool && outbox_usages(outbox, pool, &list, &count))
		count = 0;
	for (unsigned i = 0; i < count; i++) {
		events += list[i].events;
		full += list[i].level == OUTBOX_FULL;
	}
	json_add_member_int(body, "outbox_events", events);
	json_add_member_int(body, "outbox_tenants_full", full);
	json_add_member_bool(body, "erasing", outbox_is_erasing(outbox));
	pool_free(pool);
}

/* Of keys by URL: those that could not be had, for people, and how many. */
static void add_keys(const struct snapshot *snapshot, bool json,
		     struct buf *body)
{
	unsigned all = 0, failing = 0;

	for (unsigned i = 0; i < snapshot->tenant_count; i++) {
		const struct tenant *t = snapshot->tenants[i];
		struct key_source_report keys;

		if (!t->key_source || t->state != TENANT_SERVING)
			continue;
		all++;
		key_source_report(t->key_source, &keys);
		if (!keys.failures || failing++ >= KEYS_TOLD_MAX || json)
			continue;
		buf_printf(body, "KEYS OF %.*s COULD NOT BE FETCHED: %s%s\n",
			   STR_ARG(t->slug), keys.problem, keys.keys ?
			   "; those of before serve on" : "");
	}
	if (json) {
		json_add_member_int(body, "jwks_tenants", all);
		json_add_member_int(body, "jwks_tenants_failing", failing);
	} else if (all) {
		buf_printf(body, "keys by URL: %u tenant%s, %u failing: "
			   "usherctl identity TENANT tells more\n", all,
			   all == 1 ? "" : "s", failing);
	}
}

static void findings(const struct reload *reload,
		     const struct snapshot *running, bool json,
		     struct buf *body)
{
	struct report report;
	struct buf text;

	if (report_init(&report))
		return;
	reload_report(reload, running, &report);
	if (json) {
		buf_init(&text, SOCKET_BODY_MAX);
		report_json(&report, &text);
		json_add_member_raw(body, "findings", buf_str(&text));
		buf_done(&text);
	} else if (report.count) {
		buf_puts(body, "\nThe last load found:\n");
		report_text(&report, body);
	}
	report_done(&report);
}

static const char *status_json(struct status *status,
			       const struct snapshot *snapshot,
			       struct buf *body)
{
	unsigned counts[TENANT_BROKEN + 1] = { 0 };
	struct writer_stats writer;

	count_tenants(snapshot, counts);
	writer_stats(store_writer(status->gateway->store), &writer);
	buf_addc(body, '{');
	json_add_member(body, "version", str_from(status->version));
	json_add_member_int(body, "pid", getpid());
	json_add_member_int(body, "started_ms", status->start_ms);
	json_add_member(body, "listening", str_from(status->listening));
	json_add_member_int(body, "generation", (int64_t)snapshot->generation);
	json_add_member_int(body, "loaded_ms", status->reload->loaded_ms);
	json_add_member_bool(body, "reloading",
			     reload_is_running(status->reload));
	json_add_member_int(body, "reloads_refused", status->reload->failures);
	json_add_member(body, "restart_needed",
			str_from(status->reload->restart_needed));
	json_add_member_int(body, "tenants_serving", counts[TENANT_SERVING]);
	json_add_member_int(body, "tenants_disabled",
			    counts[TENANT_DISABLED]);
	json_add_member_int(body, "tenants_starting",
			    counts[TENANT_STARTING]);
	json_add_member_int(body, "tenants_broken", counts[TENANT_BROKEN]);
	adapters_json(snapshot, body);
	json_add_member(body, "spawner_problem",
			str_from(spawner_problem(status)));
	keyring_problem(status, true, body);
	json_add_member_int(body, "writer_queued", writer.queued);
	json_add_member_int(body, "writer_failed", (int64_t)writer.failed);
	store_json(status, body);
	outbox_json(status, body);
	proxies_json(body);
	add_keys(snapshot, true, body);
	findings(status->reload, snapshot, true, body);
	buf_puts(body, "}\n");
	return NULL;
}

static const char *status_text(struct status *status,
			       const struct snapshot *snapshot,
			       struct buf *body)
{
	const struct reload *reload = status->reload;
	unsigned counts[TENANT_BROKEN + 1] = { 0 };
	char started[CLOCK_TEXT_MAX], loaded[CLOCK_TEXT_MAX];
	struct writer_stats writer;

	count_tenants(snapshot, counts);
	writer_stats(store_writer(status->gateway->store), &writer);
	clock_text(status->start_ms, started);
	clock_text(reload->loaded_ms, loaded);
	buf_printf(body, "usherd %s, pid %d, since %s\n", status->version,
		   (int)getpid(), started);
	if (status->listening && status->listening[0])
		buf_printf(body, RUNNING_WORD "%s\n", status->listening);
	buf_printf(body, "configuration %llu, loaded %s",
		   (unsigned long long)snapshot->generation, loaded);
	if (reload->failures)
		buf_printf(body, "; %u reload%s refused since the start",
			   reload->failures,
			   reload->failures == 1 ? "" : "s");
	buf_printf(body, "\ntenants: %u serving, %u disabled, %u broken",
		   counts[TENANT_SERVING], counts[TENANT_DISABLED],
		   counts[TENANT_BROKEN]);
	if (counts[TENANT_STARTING])
		buf_printf(body, ", %u starting", counts[TENANT_STARTING]);
	buf_addc(body, '\n');
	if (reload_is_running(reload))
		buf_puts(body, "a reload is under way\n");
	adapters_text(snapshot, body);
	spawner_text(status, body);
	keyring_problem(status, false, body);
	store_text(status, body);
	outbox_text(status, body);
	proxies_text(body);
	add_keys(snapshot, false, body);
	buf_printf(body, "writer: %u waiting, %llu jobs in %llu commits, "
		   "%llu failed\n", writer.queued,
		   (unsigned long long)writer.jobs,
		   (unsigned long long)writer.batches,
		   (unsigned long long)writer.failed);
	/* unless what the last load found says so */
	if (reload->restart_needed[0] && !reload->is_restart_found)
		buf_printf(body, "a restart is needed for: %s\n",
			   reload->restart_needed);
	findings(reload, snapshot, false, body);
	return NULL;
}

const char *command_status(struct status *status, const struct str *words,
			   bool json, struct buf *body)
{
	struct snapshot *snapshot =
		snapshot_slot_get(status->gateway->snapshots);
	const char *trouble;

	(void)words;
	reload_amend(status->reload);
	trouble = json ? status_json(status, snapshot, body) :
			 status_text(status, snapshot, body);
	snapshot_unref(snapshot);
	return trouble;
}

/* The socket's error is one line: the first thing to mend, where, and that it
 * is not all. */
static const char *refusal(const struct report *report, struct buf *body)
{
	unsigned errors = 0;

	buf_clear(body);
	for (unsigned i = 0; i < report->count; i++) {
		if (report->v[i].level == REPORT_FATAL && !body->len)
			report_line(&report->v[i], body);
		errors += report->v[i].level >= REPORT_TENANT;
	}
	if (errors > 1)
		buf_printf(body, "; and %u more, see: usherctl status",
			   errors - 1);
	return body->len && buf_is_ok(body) ?
		       body->ptr : "no memory for a new configuration";
}

static const char *tell_reload(struct status *status, enum err err, bool json,
			       struct buf *body)
{
	const struct report *report = &status->reload->report;
	bool is_flawed = report_worst(report) >= REPORT_TENANT;

	if (err)
		return refusal(report, body);
	if (json) {
		report_json(report, body);
		buf_addc(body, '\n');
	} else {
		report_text(report, body);
		buf_puts(body, is_flawed ? "reloaded, but for what is broken\n" :
			 "reloaded\n");
	}
	return is_flawed ? socket_flawed : NULL;
}

/* It takes its time, and nobody else waits for it. */
const char *command_reload(struct status *status, const struct str *words,
			   bool json, struct buf *body)
{
	(void)words;
	(void)body;
	if (status->waiter_count == STATUS_WAITERS_MAX)
		return "too many wait for a reload already: try again";
	status->waiters[status->waiter_count++] = (struct status_waiter){
		.ticket = socket_server_ticket(status->socket),
		.json = json,
		.run = reload_ask(status->reload),
	};
	return socket_later;
}

void status_reloaded(struct status *status, unsigned run, enum err err)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < status->waiter_count; i++) {
		struct status_waiter *waiter = &status->waiters[i];
		const char *trouble;
		struct buf body;

		/* The number may wrap around. */
		if ((int)(waiter->run - run) > 0) {
			status->waiters[kept++] = *waiter;
			continue;
		}
		buf_init(&body, SOCKET_BODY_MAX);
		trouble = tell_reload(status, err, waiter->json, &body);
		socket_server_answer(status->socket, waiter->ticket, trouble,
				     &body);
		buf_done(&body);
	}
	status->waiter_count = kept;
}

void status_stop(struct status *status)
{
	struct buf none;

	buf_init(&none, SOCKET_LINE_MAX);
	for (unsigned i = 0; i < status->waiter_count; i++)
		socket_server_answer(status->socket, status->waiters[i].ticket,
				     "the gateway stops", &none);
	status->waiter_count = 0;
	buf_done(&none);
}

const char *status_say(struct buf *body, const char *text, struct str other)
{
	buf_clear(body);
	buf_puts(body, text);
	sanitize_add(body, other);
	return buf_is_ok(body) ? body->ptr : "no memory";
}

const char *status_not_serving(const struct tenant *tenant, struct buf *body)
{
	char text[ADAPTER_LOAD_PROBLEM_MAX];
	struct buf why;

	buf_init_fixed(&why, text, sizeof(text));
	buf_clear(body);
	buf_puts(body, "tenant ");
	sanitize_add(body, tenant->slug);
	if (tenant->state == TENANT_DISABLED) {
		buf_puts(body, " is switched off (enabled = false at ");
		sanitize_add(body, tenant->file);
		buf_puts(body, ")");
	} else if (tenant_state(tenant, &why) == TENANT_BROKEN) {
		buf_puts(body, " is broken: ");
		sanitize_add(body, tenant->file);
		if (tenant->state == TENANT_BROKEN)
			buf_printf(body, ":%u", tenant->line);
		buf_puts(body, ": ");
		sanitize_add(body, buf_str(&why));
	} else {
		buf_puts(body, " does not serve");
	}
	return buf_is_ok(body) ? body->ptr : "no memory";
}

const char *status_no_tenant(const struct snapshot *snapshot, struct str slug,
			     struct buf *body)
{
	const struct tenant *tenant = snapshot_tenant(snapshot, slug);
	struct str near = snapshot_nearest(snapshot, slug);

	if (tenant)
		return status_not_serving(tenant, body);
	buf_clear(body);
	buf_puts(body, "there is no tenant ");
	sanitize_add(body, slug);
	if (near.len)
		buf_printf(body, "; did you mean %.*s?", STR_ARG(near));
	return buf_is_ok(body) ? body->ptr : "no memory";
}

const char *status_check_tenant(struct status *status, struct str slug,
				struct buf *body)
{
	struct snapshot *snapshot =
		snapshot_slot_get(status->gateway->snapshots);
	const char *trouble = snapshot_tenant(snapshot, slug) ? NULL :
			      status_no_tenant(snapshot, slug, body);

	snapshot_unref(snapshot);
	return trouble;
}

const char *status_none(struct status *status, const char *text,
			struct str slug, struct buf *body)
{
	const char *trouble = status_check_tenant(status, slug, body);

	return trouble ? trouble : status_say(body, text, slug);
}

static const struct entry {
	const char *name;
	unsigned least, most;	/* arguments */
	const char *(*run)(struct status *status, const struct str *words,
			   bool json, struct buf *body);
} entries[] = {
#define COMMAND(name, words, least, most, ...)				\
	{ words, least, most, command_##name },
#include "admin/commands.def"
#undef COMMAND
};

/* How many of the words are this command's; 0: it is another one. */
static unsigned is_entry(const struct entry *entry, const struct str *words,
			 unsigned count)
{
	struct str rest = str_from(entry->name);
	unsigned n = 0;

	while (!str_is_null(rest)) {
		struct str word = str_cut(rest, ' ', &rest);

		if (n == count || !str_eq(word, words[n]))
			return 0;
		n++;
	}
	return count - n >= entry->least && count - n <= entry->most ? n : 0;
}

const char *status_command(void *ctx, const struct str *words, unsigned count,
			   struct buf *body)
{
	struct str arguments[SOCKET_WORDS_MAX + 1] = { 0 };
	bool json = count && str_eq(words[count - 1], STR("--json"));

	count -= json;
	for (size_t i = 0; i < N_ELEMENTS(entries); i++) {
		unsigned n = is_entry(&entries[i], words, count);

		if (!n)
			continue;
		memcpy(arguments, words + n, (count - n) * sizeof(*words));
		return entries[i].run(ctx, arguments, json, body);
	}
	return "no such command";
}
