#include "admin/status.h"

#include <unistd.h>

#include "adapter/adapter.h"
#include "adapter/supervisor.h"
#include "admin/sanitize.h"
#include "admin/show.h"
#include "admin/storewatch.h"
#include "base/clock.h"
#include "base/codes.h"
#include "base/num.h"
#include "codec/fields.h"
#include "codec/json.h"
#include "sandbox/spawner.h"

#define EXPLAIN_POOL_MAX (64 * 1024)
/* Full records, and their pool's own. */
#define AUDIT_POOL_MAX (1024 * 1024)

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
		buf_printf(body, "THE KEY RING IS NOT TAKEN UP, the keys of "
			   "before serve on: %.*s\n", STR_ARG(buf_str(&why)));
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

static void findings(const struct reload *reload, bool json, struct buf *body)
{
	if (json) {
		struct buf text;

		buf_init(&text, SOCKET_BODY_MAX);
		report_json(&reload->report, &text);
		json_add_member_raw(body, "findings", buf_str(&text));
		buf_done(&text);
	} else if (reload->report.count) {
		buf_puts(body, "\nThe last load found:\n");
		report_text(&reload->report, body);
	}
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
	findings(status->reload, true, body);
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
	buf_printf(body, "configuration %llu, loaded %s",
		   (unsigned long long)snapshot->generation, loaded);
	if (reload->failures)
		buf_printf(body, "; %u later reload%s refused",
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
	buf_printf(body, "writer: %u waiting, %llu jobs in %llu commits, "
		   "%llu failed\n", writer.queued,
		   (unsigned long long)writer.jobs,
		   (unsigned long long)writer.batches,
		   (unsigned long long)writer.failed);
	if (reload->restart_needed[0])
		buf_printf(body, "a restart is needed for: %s\n",
			   reload->restart_needed);
	findings(reload, false, body);
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

/* The socket's error is one line: the first thing to mend, and where. */
static const char *refusal(const struct report *report, struct buf *body)
{
	for (unsigned i = 0; i < report->count; i++) {
		if (report->v[i].level != REPORT_FATAL)
			continue;
		buf_clear(body);
		report_line(&report->v[i], body);
		if (buf_is_ok(body))
			return body->ptr;
	}
	return "no memory for a new configuration";
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

/* One step of a trail, {"step":...,"verdict":...,"us":...}, as a line; what an
 * agent did has no time, and may have a name: "by".  What failed may say
 * "why". */
static void step_text(struct str json, struct pool *pool, struct buf *body)
{
	struct fields fields;
	struct str step, verdict, us, by, why;

	fields_init(&fields, pool);
	if (json_parse_fields(json, &fields, NULL))
		return;
	step = fields_value(&fields, STR("step"));
	verdict = fields_value(&fields, STR("verdict"));
	us = fields_value(&fields, STR("us"));
	by = fields_value(&fields, STR("by"));
	why = fields_value(&fields, STR("why"));
	buf_printf(body, "  %-16.*s %-24.*s", STR_ARG(step), STR_ARG(verdict));
	if (us.len)
		buf_printf(body, " %8.*s us", STR_ARG(us));
	if (by.len) {
		buf_puts(body, " by ");
		sanitize_add(body, by);
	}
	if (why.len) {
		buf_puts(body, "  ");
		sanitize_add(body, why);
	}
	buf_addc(body, '\n');
}

/* The trail is an array of flat objects, written by ourselves. */
static void trail_text(struct str trail, struct pool *pool, struct buf *body)
{
	ptrdiff_t from, to;

	while ((from = str_find(trail, '{')) >= 0 &&
	       (to = str_find(trail, '}')) > from) {
		step_text((struct str){ trail.ptr + from,
					(size_t)(to - from) + 1 }, pool, body);
		trail.ptr += to + 1;
		trail.len -= (size_t)to + 1;
	}
}

/* What became of a request, in a line. */
static void record_line(const struct audit_record *record, struct buf *body)
{
	char when[CLOCK_TEXT_MAX];

	clock_text(record->time_ms, when);
	buf_printf(body, "%.*s  %s  tenant %.*s  %d %.*s\n",
		   STR_ARG(record->request_id), when,
		   record->tenant.len ? (int)record->tenant.len : 1,
		   record->tenant.len ? record->tenant.ptr : "-",
		   record->status, STR_ARG(record->code));
}

/*
 * What the outcome means and what its caller does.  NULL: it has no code, or
 * that of an operator's deed.
 */
static const struct code_info *code_of(const struct audit_record *record)
{
	static const struct code_info adapters_own = {
		.meaning = "The tenant's adapter refused, with a code of its "
			   "own.",
		.remedy = "Its manual says what the code stands for.",
	};
	const struct code_info *info = code_find(record->code, record->status);

	if (info || !record->code.len ||
	    record->status != code_table[CODE_denied].status)
		return info;
	return &adapters_own;
}

static void record_text(const struct audit_record *record, struct pool *pool,
			struct buf *body)
{
	const struct code_info *info = code_of(record);

	record_line(record, body);
	if (info)
		buf_printf(body, "  meaning: %s\n  remedy:  %s\n",
			   info->meaning, info->remedy);
	trail_text(record->trail, pool, body);
}

/* The members of a record; whoever begins the object ends it. */
static void add_record(const struct audit_record *record, struct buf *body)
{
	buf_addc(body, '{');
	json_add_member_int(body, "id", record->id);
	json_add_member(body, "request_id", record->request_id);
	json_add_member_int(body, "time_ms", record->time_ms);
	json_add_member(body, "tenant", record->tenant);
	json_add_member_int(body, "status", record->status);
	json_add_member(body, "code", record->code);
	json_add_member_raw(body, "trail", record->trail);
}

static void record_json(const struct audit_record *record, struct buf *body)
{
	add_record(record, body);
	buf_puts(body, "}\n");
}

static void explain_json(const struct audit_record *record, struct buf *body)
{
	const struct code_info *info = code_of(record);

	add_record(record, body);
	if (info) {
		json_add_member(body, "meaning", str_from(info->meaning));
		json_add_member(body, "remedy", str_from(info->remedy));
	}
	buf_puts(body, "}\n");
}

_Static_assert(AUDIT_DAYS_MAX == 30, "operators are told 30 days");

const char *command_explain(struct status *status, const struct str *words,
			    bool json, struct buf *body)
{
	struct pool *pool = pool_new(EXPLAIN_POOL_MAX);
	struct audit_record record;
	const char *trouble = NULL;
	enum err err;

	err = pool ? audit_find(status->reader, words[0], pool, &record) :
		     ERR_NOMEM;
	if (err == ERR_NOT_FOUND)
		trouble = "no such request is on record: ids are those of "
			  "X-Request-Id, kept for 30 days";
	else if (err)
		trouble = err_text(err);
	else if (json)
		explain_json(&record, body);
	else
		record_text(&record, pool, body);
	pool_free(pool);
	return trouble;
}

static void records_json(const struct audit_record *records, unsigned count,
			 struct buf *body)
{
	unsigned i;

	buf_puts(body, "{\"records\":[");
	for (i = 0; i < count; i++) {
		if (i)
			buf_addc(body, ',');
		record_json(&records[i], body);
	}
	buf_puts(body, "]}\n");
}

/* The newest, or those after the record of that number: newest first. */
static const char *audit_after(struct status *status, int64_t after, bool json,
			       struct buf *body)
{
	struct audit_record records[AUDIT_PAGE_MAX];
	struct pool *pool;
	unsigned count, i;
	enum err err;

	pool = pool_new(AUDIT_POOL_MAX);
	err = pool ? audit_list(status->reader, after, pool, records, &count) :
		     ERR_NOMEM;
	if (!err && json)
		records_json(records, count, body);
	for (i = 0; !err && !json && i < count; i++)
		record_line(&records[i], body);
	pool_free(pool);
	return err ? err_text(err) : NULL;
}

const char *command_audit(struct status *status, const struct str *words,
			  bool json, struct buf *body)
{
	int64_t after = 0;

	if (!str_is_null(words[0]) && num_i64(words[0], 0, INT64_MAX, &after))
		return "a record's number is a whole one: see --json audit";
	return audit_after(status, after, json, body);
}

const char *status_say(struct buf *body, const char *text, struct str other)
{
	buf_clear(body);
	buf_puts(body, text);
	sanitize_add(body, other);
	return buf_is_ok(body) ? body->ptr : "no memory";
}

const char *status_check_tenant(struct status *status, struct str slug,
				struct buf *body)
{
	struct snapshot *snapshot =
		snapshot_slot_get(status->gateway->snapshots);
	bool is_there = snapshot_tenant(snapshot, slug) != NULL;

	snapshot_unref(snapshot);
	return is_there ? NULL :
		status_say(body, "there is no tenant ", slug);
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
