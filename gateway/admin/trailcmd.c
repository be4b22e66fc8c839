#include "admin/trailcmd.h"

#include "admin/origins.h"
#include "admin/remedy.h"
#include "admin/sanitize.h"
#include "base/clock.h"
#include "base/codes.h"
#include "base/num.h"
#include "codec/base64url.h"
#include "codec/email.h"
#include "codec/fields.h"
#include "codec/json.h"

/* Full records, and their pool's own. */
#define EXPLAIN_POOL_MAX (16 * 1024 * 1024)
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
	if (record->tags.token)
		buf_printf(body, "  token:   %016llx\n",
			   (unsigned long long)record->tags.token);
	if (info)
		buf_printf(body, "  meaning: %s\n", info->meaning);
	if (remedy.len)
		buf_printf(body, "  remedy:  %.*s\n", STR_ARG(remedy));
	trail_text(record->trail, pool, body);
}

static void record_json(const struct audit_record *record, struct buf *body)
{
	audit_record_json(record, body);
	buf_puts(body, "}\n");
}

static void explain_json(const struct audit_record *record, struct str remedy,
			 struct buf *body)
{
	const struct code_info *info = code_of(record);

	audit_record_json(record, body);
	if (info)
		json_add_member(body, "meaning", str_from(info->meaning));
	if (remedy.len)
		json_add_member(body, "remedy", remedy);
	buf_addc(body, '}');
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

/* ---- of a token, of a person ---- */

/* The newest, in the order of their times. */
struct chain {
	struct pool *pool;
	struct audit_record records[EXPLAIN_MAX];
	unsigned count;
	bool is_more;
};

/* Absent without memory. */
static void copy(struct pool *pool, struct str *s)
{
	if (s->ptr)
		*s = pool_str(pool, *s);
}

static bool add_to_chain(void *ctx, const struct audit_record *found)
{
	struct chain *c = ctx;
	struct audit_record r = *found;
	unsigned at = c->count;

	while (at && c->records[at - 1].time_ms > r.time_ms)
		at--;
	if (c->count == EXPLAIN_MAX) {
		c->is_more = true;
		if (!at)
			return true;
		at--;
		c->count--;
		memmove(c->records, c->records + 1,
			c->count * sizeof(c->records[0]));
	}
	copy(c->pool, &r.request_id);
	copy(c->pool, &r.tenant);
	copy(c->pool, &r.code);
	copy(c->pool, &r.trail);
	if (!r.trail.ptr || !r.request_id.ptr) {
		c->is_more = true;
		return false;
	}
	memmove(c->records + at + 1, c->records + at,
		(c->count - at) * sizeof(c->records[0]));
	c->records[at] = r;
	c->count++;
	return true;
}

static void chain_text(struct status *status, const struct chain *c,
		       struct buf *body)
{
	for (unsigned i = 0; i < c->count; i++) {
		if (i)
			buf_addc(body, '\n');
		record_text(&c->records[i],
			    remedy_of(status, &c->records[i], c->pool),
			    c->pool, body);
	}
	if (c->is_more)
		buf_printf(body, "\nThere are more: these are the newest %u.\n",
			   c->count);
}

static void chain_json(struct status *status, const struct chain *c,
		       struct buf *body)
{
	buf_puts(body, "{\"records\":[");
	for (unsigned i = 0; i < c->count; i++) {
		if (i)
			buf_addc(body, ',');
		explain_json(&c->records[i],
			     remedy_of(status, &c->records[i], c->pool), body);
	}
	buf_puts(body, "]");
	json_add_member_bool(body, "more", c->is_more);
	buf_puts(body, "}\n");
}

static const char *explain_all(struct status *status,
			       const struct audit_query *query,
			       const char *none, struct pool *pool, bool json,
			       struct buf *body)
{
	struct chain chain = { .pool = pool };
	enum err err = audit_search(status->reader, query, add_to_chain,
				    &chain);

	if (err)
		return err_text(err);
	if (!chain.count)
		return none;
	(json ? chain_json : chain_text)(status, &chain, body);
	return NULL;
}

/* A jti begins with the time of its token, or of its assertion. */
static bool is_token(struct str word, struct audit_query *out)
{
	uint8_t jti[REDEMPTION_JTI_LEN];
	size_t len = 0;
	uint64_t tag = 0;

	*out = (struct audit_query){ .to_ms = INT64_MAX };
	if (word.len == 2 * AUDIT_TAG_LEN) {
		for (size_t i = 0; i < word.len; i++) {
			int digit = num_hex(word.ptr[i]);

			if (digit < 0)
				return false;
			tag = tag << 4 | (unsigned)digit;
		}
		out->token = tag;
		return tag != 0;
	}
	if (word.len != BASE64URL_LEN(REDEMPTION_JTI_LEN) ||
	    base64url_decode(word, jti, sizeof(jti), &len) ||
	    len != sizeof(jti))
		return false;
	out->token = audit_token_tag(jti, sizeof(jti));
	out->from_ms = redemption_time(jti) - 2 * AUDIT_SPAN_MS;
	return true;
}

/* Whose ids the address has are found by those as well. */
static unsigned find_subjects(struct status *status, struct str tenant,
			      struct str key, struct pool *pool,
			      uint64_t subjects[USERS_OF_ADDRESS_MAX])
{
	const struct users *all = store_users(status->gateway->store);
	struct user users[USERS_OF_ADDRESS_MAX];
	unsigned count = 0, n = 0;

	if (users_find_all(status->reader, tenant, key, pool, users, &count))
		return 0;
	for (unsigned i = 0; i < count; i++)
		if (users[i].view.external_id.len)
			subjects[n++] = users_trail_subject(all, tenant,
				users[i].view.external_id);
	return n;
}

static const char *explain_person(struct status *status,
				  const struct str *words, struct pool *pool,
				  bool json, struct buf *body)
{
	uint64_t subjects[USERS_OF_ADDRESS_MAX];
	struct audit_query query = { .subjects = subjects };
	const char *trouble = status_check_tenant(status, words[0], body);
	struct email email;

	if (trouble)
		return trouble;
	if (str_is_null(words[1]) || email_parse(pool, words[1], &email))
		return "that is no e-mail address";
	if (str_is_null(words[2]) || str_is_null(words[3]) ||
	    num_i64(words[2], 0, INT64_MAX / 2, &query.from_ms) ||
	    num_i64(words[3], 0, INT64_MAX / 2, &query.to_ms))
		return "a time is in milliseconds since 1970";
	query.person = users_trail_person(store_users(status->gateway->store),
					  words[0], email.key);
	query.subject_count = find_subjects(status, words[0], email.key, pool,
					    subjects);
	return explain_all(status, &query, "nothing about them is on record "
			   "of that time: a body that was refused names "
			   "nobody, and who was erased is in none", pool, json,
			   body);
}

/* ---- of a request ---- */

struct others {
	const struct audit_record *of;
	struct buf *body;
};

static bool add_other(void *ctx, const struct audit_record *record)
{
	struct others *o = ctx;

	if (str_eq(record->request_id, o->of->request_id))
		return true;
	buf_puts(o->body, "same token: ");
	record_line(record, o->body);
	return true;
}

/* The other hops: a token lives for minutes. */
static void add_others(struct status *status,
		       const struct audit_record *record, struct buf *body)
{
	struct others others = { record, body };
	const struct audit_query query = {
		.token = record->tags.token,
		.from_ms = record->time_ms - 10 * AUDIT_SPAN_MS,
		.to_ms = record->time_ms + 10 * AUDIT_SPAN_MS,
	};

	if (query.token)
		(void)audit_search(status->reader, &query, add_other, &others);
}

static const char *explain_request(struct status *status, struct str id,
				   struct pool *pool, bool json,
				   struct buf *body)
{
	struct audit_record record;
	enum err err = audit_find(status->reader, id, pool, &record);
	struct str remedy;

	if (err == ERR_NOT_FOUND)
		return "no such request is on record: ids are those of "
		       "X-Request-Id, kept for 30 days; of a client that "
		       "is refused very often, not each is, and none of "
		       "paths that nobody serves and of preflights that "
		       "pass";
	if (err)
		return err_text(err);
	remedy = remedy_of(status, &record, pool);
	if (json) {
		explain_json(&record, remedy, body);
		buf_addc(body, '\n');
		return NULL;
	}
	record_text(&record, remedy, pool, body);
	add_others(status, &record, body);
	return NULL;
}

const char *command_explain(struct status *status, const struct str *words,
			    bool json, struct buf *body)
{
	struct pool *pool = pool_new(EXPLAIN_POOL_MAX);
	struct audit_query token;
	const char *trouble;

	if (!pool)
		return err_text(ERR_NOMEM);
	if (!str_is_null(words[1]))
		trouble = explain_person(status, words, pool, json, body);
	else if (is_token(words[0], &token))
		trouble = explain_all(status, &token, "nothing of such a token "
				      "is on record", pool, json, body);
	else
		trouble = explain_request(status, words[0], pool, json, body);
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
