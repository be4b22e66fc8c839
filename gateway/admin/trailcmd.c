#include "admin/trailcmd.h"

#include "admin/origins.h"
#include "admin/remedy.h"
#include "admin/sanitize.h"
#include "base/clock.h"
#include "base/codes.h"
#include "base/num.h"
#include "codec/fields.h"
#include "codec/json.h"

#define EXPLAIN_POOL_MAX (4 * AUDIT_RENDERED_MAX)
/* Full records, and their pool's own. */
#define AUDIT_POOL_MAX (4 * 1024 * 1024)

/* One step of a trail, {"step":...,"verdict":...,"us":...}, as a line; what an
 * agent did has no time, and may have a name: "by".  What failed may say
 * "why". */
static void step_text(struct str json, struct pool *pool, struct buf *body)
{
	struct fields fields;
	struct str step, verdict, us, by, why;

	fields_init(&fields, pool);
	/* a control character in it, say: as it is on record, then */
	if (json_parse_fields(json, &fields, NULL)) {
		buf_puts(body, "  ");
		sanitize_add(body, json);
		buf_addc(body, '\n');
		return;
	}
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

/* The length of the flat object that it begins with, whose strings may hold
 * brackets; 0: it is not whole. */
static size_t object_len(struct str s)
{
	bool is_string = false;

	for (size_t i = 0; i < s.len; i++) {
		if (is_string && s.ptr[i] == '\\')
			i++;
		else if (s.ptr[i] == '"')
			is_string = !is_string;
		else if (!is_string && s.ptr[i] == '}')
			return i + 1;
	}
	return 0;
}

/* The trail is an array of flat objects, written by ourselves. */
bool trail_next_step(struct str *trail, struct str *object_r)
{
	ptrdiff_t from = str_find(*trail, '{');
	size_t len;

	if (from < 0)
		return false;
	trail->ptr += from;
	trail->len -= (size_t)from;
	len = object_len(*trail);
	if (!len)
		return false;
	*object_r = (struct str){ trail->ptr, len };
	trail->ptr += len;
	trail->len -= len;
	return true;
}

static void trail_text(struct str trail, struct pool *pool, struct buf *body)
{
	struct str object;

	while (trail_next_step(&trail, &object))
		step_text(object, pool, body);
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
	/* a preflight is refused by what its answer leaves out */
	const struct code_info *info = code_find(record->code,
		record->status == 204 ?
		code_table[CODE_origin_refused].status : record->status);

	if (info || !record->code.len ||
	    record->status != code_table[CODE_denied].status)
		return info;
	return &adapters_own;
}

static void record_text(const struct audit_record *record, struct str remedy,
			struct pool *pool, struct buf *body)
{
	const struct code_info *info = code_of(record);
	char network[AUDIT_NETWORK_TEXT_MAX];

	audit_network_text(&record->network, network);
	record_line(record, body);
	if (network[0])
		buf_printf(body, "  client:  of %s\n", network);
	if (info)
		buf_printf(body, "  meaning: %s\n", info->meaning);
	if (remedy.len)
		buf_printf(body, "  remedy:  %.*s\n", STR_ARG(remedy));
	trail_text(record->trail, pool, body);
}

/* The members of a record; the caller begins and ends the object. */
static void add_record(const struct audit_record *record, struct buf *body)
{
	char network[AUDIT_NETWORK_TEXT_MAX];

	buf_addc(body, '{');
	json_add_member_int(body, "id", record->id);
	json_add_member(body, "request_id", record->request_id);
	json_add_member_int(body, "time_ms", record->time_ms);
	json_add_member(body, "tenant", record->tenant);
	audit_network_text(&record->network, network);
	json_add_member(body, "network", str_from(network));
	json_add_member_int(body, "status", record->status);
	json_add_member(body, "code", record->code);
	json_add_member_raw(body, "trail", record->trail);
}

static void record_json(const struct audit_record *record, struct buf *body)
{
	add_record(record, body);
	buf_puts(body, "}\n");
}

static void explain_json(const struct audit_record *record, struct str remedy,
			 struct buf *body)
{
	const struct code_info *info = code_of(record);

	add_record(record, body);
	if (info)
		json_add_member(body, "meaning", str_from(info->meaning));
	if (remedy.len)
		json_add_member(body, "remedy", remedy);
	buf_puts(body, "}\n");
}

/* What mends it here, with file and line, or what its code's line says. */
static struct str remedy_of(struct status *status,
			    const struct audit_record *record,
			    struct pool *pool)
{
	const struct code_info *info = code_of(record);
	struct snapshot *snapshot =
		snapshot_slot_get(status->gateway->snapshots);
	struct buf text;

	buf_init_pool(&text, pool, ORIGINS_REMEDY_MAX);
	remedy_explain(snapshot, record, pool, &text);
	snapshot_unref(snapshot);
	if (!text.len && info)
		buf_puts(&text, info->remedy);
	return buf_is_ok(&text) ? buf_str(&text) : STR("");
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
			  "X-Request-Id, kept for 30 days; of a client that "
			  "is refused very often, not each is, and none of "
			  "paths and methods that nobody serves and of "
			  "preflights that pass";
	else if (err)
		trouble = err_text(err);
	else if (json)
		explain_json(&record, remedy_of(status, &record, pool), body);
	else
		record_text(&record, remedy_of(status, &record, pool), pool,
			    body);
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
