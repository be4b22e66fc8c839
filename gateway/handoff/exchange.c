#include "handoff/exchange.h"

#include "base/clock.h"
#include "base/invariant.h"
#include "base/log-budget.h"
#include "base/metric.h"
#include "base/random.h"
#include "codec/email.h"
#include "codec/json.h"
#include "codec/media.h"
#include "handoff/page.h"
#include "handoff/proxies.h"
#include "handoff/steps.h"
#include "policy/client.h"

#include <stdatomic.h>

/* Headers that every answer ends with: room for them is kept free. */
#define COMMON_HEADERS 5
#define COMMON_OCTETS 256
#define LINE_OCTETS 4			/* ": " and the line's end */

#define NUMBER_MAX 32
#define WARN_EVERY_MS 60000

/*
 * A ULID: 48 bits of time and 80 random ones in Crockford's base 32, so that
 * ids sort as the requests came.
 */
static enum err make_id(char out[REQUEST_ID_LEN + 1], int64_t now_ms)
{
	static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	unsigned char rnd[10];
	uint64_t time = (uint64_t)now_ms, bits = 0;
	unsigned n = 0, at = 10, i;
	enum err err = random_bytes(rnd, sizeof(rnd));

	if (err)
		return err;
	for (i = 10; i-- > 0; time >>= 5)
		out[i] = digits[time & 31];
	for (i = 0; i < sizeof(rnd); i++) {
		bits = bits << 8 | rnd[i];
		for (n += 8; n >= 5; n -= 5)
			out[at++] = digits[bits >> (n - 5) & 31];
	}
	out[at] = '\0';
	return ERR_OK;
}

struct exchange *exchange_new(struct gateway *gateway, unsigned worker)
{
	struct pool *pool = pool_new(EXCHANGE_POOL_MAX);
	struct exchange *ex = pool ? pool_alloc(pool, sizeof(*ex)) : NULL;

	if (!ex)
		goto fail;
	ex->magic = EXCHANGE_MAGIC;
	ex->pool = pool;
	ex->gateway = gateway;
	ex->worker = worker;
	ex->start_ms = clock_steady_ms();
	if (make_id(ex->id, ex->start_ms))
		goto fail;
	ex->snapshot = snapshot_slot_get(gateway->snapshots);
	ex->reader = gateway->store ? store_reader(gateway->store, worker)
				    : NULL;
	return ex;
fail:
	pool_free(pool);
	return NULL;
}

static void end_pause(struct exchange *ex)
{
	if (ex->is_paused)
		atomic_fetch_sub(&ex->gateway->paused, 1);
	ex->is_paused = false;
}

void exchange_free(struct exchange *ex)
{
	if (!ex)
		return;
	invariant_is(ex, EXCHANGE_MAGIC);
	end_pause(ex);
	ex->magic = 0;
	adapter_unref(ex->adapter);
	snapshot_unref(ex->snapshot);
	pool_free(ex->pool);
}

struct adapter *exchange_adapter(struct exchange *ex)
{
	if (!ex->tenant || !ex->tenant->adapter)
		return NULL;
	if (ex->adapter_of != ex->tenant) {
		adapter_unref(ex->adapter);
		ex->adapter = adapter_pin(ex->tenant->adapter);
		ex->adapter_of = ex->tenant;
	}
	return ex->adapter;
}

static void note(struct exchange *ex, const char *step, const char *verdict)
{
	int64_t now = clock_mono_ns();

	if (ex->trail_count < TRAIL_MAX)
		ex->trail[ex->trail_count++] = (struct trail_entry){
			.step = step, .verdict = verdict, .why = ex->why,
			.ns = now - ex->step_ns,
		};
	ex->step_ns = now;
	ex->why = NULL;
}

/* Behind an unnamed proxy all clients are one, and share one budget: say so,
 * but not for each request. */
static void warn_forward(const struct exchange *ex)
{
	static _Atomic int64_t next_ms;
	int64_t due = atomic_load(&next_ms), now = clock_mono_ms();
	char peer[IP_TEXT_MAX];

	if (now < due || !atomic_compare_exchange_strong(&next_ms, &due,
							 now + WARN_EVERY_MS))
		return;
	ip_text(&ex->request.peer, peer);
	log_warn(untrusted_forwarded_for, LOG_TEXT("peer", peer),
		 LOG_TEXT("remedy", "name this proxy in trusted_proxies"));
}

/* What CGI-like servers take for the same header: X_Real_IP, say.  Of the same
 * length. */
static bool is_twin(struct str name, struct str wanted)
{
	if (str_find(name, '_') < 0)
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (ascii_lower(name.ptr[i] == '_' ? '-' : name.ptr[i]) !=
		    ascii_lower(wanted.ptr[i]))
			return false;
	return true;
}

/* The lines of a header, of which the request's limit bounds the number. */
static enum err find_lines(const struct request *request, struct str wanted,
			   struct str v[REQUEST_HEADERS_MAX],
			   struct client_lines *lines)
{
	*lines = (struct client_lines){ v, 0 };
	for (unsigned i = 0; i < request->header_count; i++) {
		const struct header *h = &request->headers[i];

		if (h->name.len != wanted.len)
			continue;
		if (is_twin(h->name, wanted))
			return ERR_SYNTAX;
		if (!str_ieq(h->name, wanted))
			continue;
		if (lines->count == REQUEST_HEADERS_MAX)
			return ERR_LIMIT;
		v[lines->count++] = h->value;
	}
	return ERR_OK;
}

/* The client's address, or why it cannot be told. */
static enum err find_client(struct exchange *ex)
{
	const struct gateway_config *config = &ex->snapshot->gateway;
	const struct client_trust trust = { config->trusted_proxies,
		config->trusted_proxy_count, config->client_from };
	struct client_request request = { .peer = ex->request.peer };
	struct str xff[REQUEST_HEADERS_MAX], other[REQUEST_HEADERS_MAX];
	bool is_single = trust.header == CLIENT_SINGLE;
	struct client client;
	enum err err;

	err = find_lines(&ex->request, STR("X-Forwarded-For"), xff,
			 &request.forwarded_for);
	if (!err)
		err = find_lines(&ex->request, is_single ?
				 config->client_header : STR("Forwarded"),
				 other, is_single ? &request.single :
						    &request.forwarded);
	if (!err)
		err = client_address(&trust, &request, &client);
	if (err)
		return err;
	if (client.suspicious_forward)
		warn_forward(ex);
	if (client.is_untold && ex->steps->is_audited)
		proxies_note(ex);	/* no probe of a load balancer's */
	ex->client = client.ip;
	return ERR_OK;
}

/*
 * Who asks, and for which host: known before any step, because every answer
 * depends on it.  Whether the gateway still takes work is asked here too: what
 * began earlier is finished.
 */
static enum step_result enter(struct exchange *ex)
{
	ex->client = ex->request.peer;	/* for the answers until it is known */
	if (!ex->snapshot)
		return answer_error(ex, CODE_unavailable,
				    "Please try again in a moment.");
	if (!ex->host)	/* http/ looked for its list's sake already */
		ex->host = snapshot_host(ex->snapshot, ex->request.host);
	if (atomic_load_explicit(&ex->gateway->is_stopping,
				 memory_order_relaxed)) {
		answer_header(ex, "Retry-After", STR("5"));
		return answer_error(ex, CODE_stopping,
				    "The gateway is restarting. "
				    "Please try again in a moment.");
	}
	if (!ex->host)
		return answer_error(ex, CODE_unknown_host,
				    "This host is not served here.");
	if (find_client(ex))
		return answer_error(ex, CODE_bad_forwarded_for,
				    "The header that names the client's "
				    "address is malformed.");
	return STEP_NEXT;
}

void exchange_begin(struct exchange *ex, const struct steps *steps)
{
	ex->steps = steps;
	ex->step = steps->list;
	ex->then = steps->then;
	ex->last = steps->last;
	ex->is_waiting = false;
	ex->trail_count = 0;
	ex->step_ns = clock_mono_ns();
}

static bool is_hsts(const struct exchange *ex)
{
	struct url url = { .host = ex->request.host };

	if (!ex->host || url_is_loopback(&url))
		return false;
	return ex->request.is_tls || ex->snapshot->gateway.public_url.is_https;
}

bool answer_has(const struct exchange *ex, const char *name)
{
	const struct answer *answer = &ex->answer;

	for (unsigned i = 0; i < answer->header_count; i++)
		if (str_ieq(answer->headers[i].name, str_from(name)))
			return true;
	return false;
}

static void add_common(struct exchange *ex)
{
	struct answer *answer = &ex->answer;
	struct header *h = answer->headers;
	unsigned n = answer->header_count;

	h[n++] = (struct header){ STR("X-Request-Id"),
				  { ex->id, REQUEST_ID_LEN } };
	/* what is the same for everybody says how long it may be kept */
	if (!answer_has(ex, "Cache-Control"))
		h[n++] = (struct header){ STR("Cache-Control"),
					  STR("no-store") };
	h[n++] = (struct header){ STR("Referrer-Policy"), STR("no-referrer") };
	if (answer->body.len)
		h[n++] = (struct header){ STR("X-Content-Type-Options"),
					  STR("nosniff") };
	if (is_hsts(ex))
		h[n++] = (struct header){ STR("Strict-Transport-Security"),
					  STR("max-age=31536000") };
	answer->header_count = n;
}

/* Plain ASCII, and without braces, which would look like a step's own where
 * trails are shown as text; of very much the beginning. */
static const char *plain_why(struct exchange *ex, const char *why)
{
	char *text = pool_strndup(ex->pool, why,
				  strnlen(why, AUDIT_WHY_MAX - 1));

	for (char *p = text; p && *p; p++) {
		if (*p == '{' || *p == '}')
			*p = *p == '{' ? '(' : ')';
		else if (*p < ' ' || *p > '~')
			*p = '?';
	}
	return text;
}

_Static_assert(TRAIL_MAX < AUDIT_STEPS_MAX, "all steps and the running one");

/* `now` is the step that is running; NULL: none. */
static const struct audit_step *make_steps(struct exchange *ex,
					   const char *now, unsigned *count_r)
{
	struct audit_step *steps = pool_alloc(ex->pool,
		(ex->trail_count + 1) * sizeof(*steps));
	unsigned n = 0;

	for (; steps && n < ex->trail_count; n++) {
		const struct trail_entry *e = &ex->trail[n];

		steps[n] = (struct audit_step){ e->step, e->verdict, NULL,
						e->ns / 1000 };
		if (!e->why)
			continue;
		steps[n].why = plain_why(ex, e->why);
		if (!steps[n].why)
			return NULL;
	}
	if (steps && now)
		steps[n++] = (struct audit_step){ now, "stored", NULL,
			(clock_mono_ns() - ex->step_ns) / 1000 };
	*count_r = n;
	return steps;
}

/* Who was refused before anybody looked at their address is somebody, too. */
static void find_person(struct exchange *ex)
{
	struct str posted = fields_value(&ex->fields, STR("email"));
	struct email email;

	if (!ex->person.ptr && posted.len &&
	    !email_parse(ex->pool, posted, &email))
		ex->person = email.key;
}

static struct audit_tags make_tags(struct exchange *ex)
{
	const struct users *users = ex->gateway->store ?
		store_users(ex->gateway->store) : NULL;
	struct audit_tags tags = { 0 };

	if (!users || !ex->tenant)
		return tags;
	find_person(ex);
	tags.person = users_trail_person(users, ex->tenant->slug, ex->person);
	tags.subject = users_trail_subject(users, ex->tenant->slug,
					   ex->subject);
	if (ex->jti)
		tags.token = audit_token_tag(ex->jti, REDEMPTION_JTI_LEN);
	return tags;
}

static struct audit_record *make_record(struct exchange *ex, int status,
					const char *code, const char *now)
{
	struct audit_record *record = pool_alloc(ex->pool, sizeof(*record));
	unsigned count = 0;
	const struct audit_step *steps = make_steps(ex, now, &count);

	if (!record || !steps)
		return NULL;
	*record = (struct audit_record){
		.request_id = { ex->id, REQUEST_ID_LEN },
		.time_ms = ex->start_ms + clock_ahead_ms(),
		.tenant = ex->tenant ? ex->tenant->slug : STR_NULL,
		.network = ex->client,
		.tags = make_tags(ex),
		.is_refusal = ex->is_refusal,
		.status = status,
		.code = str_from(code),
		.steps = steps,
		.step_count = count,
	};
	return record;
}

const struct audit_record *exchange_audit(struct exchange *ex, int status,
					  const char *code)
{
	if (!ex->steps->is_audited)
		return NULL;
	return make_record(ex, status, code, ex->step->name);
}

void exchange_audited(struct exchange *ex, int status, const char *code)
{
	ex->audited_status = status;
	ex->audited_code = code;
}

/* How many were left out since it was last said. */
static void tell_left_out(void)
{
	static _Atomic int64_t next_ms, count;
	static struct metric *_Atomic metric;
	int64_t due = atomic_load(&next_ms), now = clock_mono_ms();
	struct metric *m = atomic_load(&metric);

	if (!m) {
		m = metric_get(usher_audit_sampled_out_total, "");
		atomic_store(&metric, m);
	}
	metric_add(m, 1);
	atomic_fetch_add(&count, 1);
	if (now < due || !atomic_compare_exchange_strong(&next_ms, &due,
							 now + WARN_EVERY_MS))
		return;
	log_warn(refusals_left_out,
		 LOG_NUM("count", atomic_exchange(&count, 0)),
		 LOG_TEXT("remedy", "see usher_http_requests_total for what "
			  "is refused; what is on record is not at risk"));
}

/* A refusal past its client's budget, and past the samples of them all. */
static bool is_left_out(const struct exchange *ex)
{
	struct str code = str_from(ex->code ? ex->code : "");
	const struct refusal refusal = {
		.client = &ex->client,
		.tenant = ex->tenant ? ex->tenant->slug : STR_NULL,
		.kind = ex->steps == &steps_check ? REFUSAL_CHECK :
			ex->is_refusal ? REFUSAL_ORIGIN :
			str_has_prefix(code, STR("token_")) ? REFUSAL_TOKEN :
							      REFUSAL_OTHER,
	};

	if ((ex->answer.status < 400 && !ex->is_refusal) ||
	    !ex->gateway->refusals ||
	    refusals_take(ex->gateway->refusals, &refusal, ex->start_ms))
		return false;
	/* a page that nobody is signed in to is no news */
	if (refusal.kind != REFUSAL_CHECK)
		tell_left_out();
	return true;
}

/* What no business job took along goes to the writer by itself: nobody waits
 * for it, and past the writer's cap it is counted there instead. */
static void audit(struct exchange *ex)
{
	const struct audit_record *record;

	if (!ex->gateway->store || !(ex->steps->is_audited ||
	     (ex->steps->are_refusals_audited && ex->answer.status >= 400)))
		return;
	if (ex->audited_status == ex->answer.status &&
	    ex->audited_code == ex->code)
		return;
	if (is_left_out(ex))
		return;
	record = make_record(ex, ex->answer.status, ex->code, NULL);
	if (record)
		(void)audit_write(store_writer(ex->gateway->store), record);
}

/* One that its adapter failed counts against the adapter's budget. */
static void tell_failure(const struct exchange *ex)
{
	struct str code = str_from(ex->code ? ex->code : "");
	const struct log_field fields[] = {
		LOG_TEXT("request", ex->id),
		LOG_TEXT("list", ex->steps->name),
		LOG_STR("tenant", ex->tenant ? ex->tenant->slug : STR("")),
		LOG_NUM("status", ex->answer.status),
		LOG_STR("code", code),
	};
	const unsigned count = N_ELEMENTS(fields);

	if (ex->tenant && str_has_prefix(code, STR("adapter_")))
		log_emit_within(LOG_PURSE_ABOUT, ex->tenant->slug,
				LOG_LEVEL_WARN, LOG_EVENT(request_failed),
				fields, count);
	else
		log_emit(LOG_LEVEL_WARN, LOG_EVENT(request_failed), fields,
			 count);
}

static void finish(struct exchange *ex)
{
	struct answer *answer = &ex->answer;

	if (!answer->status || answer->is_overfull) {
		log_error(answer_defect,
			  LOG_TEXT("request", ex->id),
			  LOG_TEXT("list", ex->steps->name));
		answer->header_count = 0;
		answer->is_overfull = false;
		answer_error(ex, CODE_internal, "Something went wrong.");
	}
	add_common(ex);
	audit(ex);
	if (answer->status >= 500 && answer->status != 503)
		tell_failure(ex);
	else
		log_debug(request_done, LOG_TEXT("request", ex->id),
			  LOG_TEXT("list", ex->steps->name),
			  LOG_STR("tenant", ex->tenant ? ex->tenant->slug
						       : STR("")),
			  LOG_NUM("status", answer->status),
			  LOG_TEXT("code", ex->code ? ex->code : ""));
}

static const char *verdict(const struct exchange *ex, enum step_result result)
{
	if (ex->verdict)
		return ex->verdict;
	if (result == STEP_NEXT)
		return "next";
	return ex->code ? ex->code : "answer";
}

static enum exchange_state run(struct exchange *ex)
{
	enum step_result result = STEP_NEXT;

	if (!ex->is_waiting && ex->step == ex->steps->list) {
		result = enter(ex);
		if (result == STEP_ANSWER) {
			note(ex, "enter", ex->code);
			if (ex->host && ex->steps->refused)
				ex->steps->refused(ex);
		}
	}
	while (result == STEP_NEXT && ex->step->name) {
		bool resumes = ex->is_waiting;

		ex->is_waiting = ex->is_storing = false;
		end_pause(ex);
		result = resumes ? ex->step->resume(ex) : ex->step->run(ex);
		if (result == STEP_WAIT) {
			ex->is_waiting = true;
			return EXCHANGE_WAITING;
		}
		note(ex, ex->step->name, verdict(ex, result));
		if (ex->rehearsal)
			result = ex->steps->settle(ex, result);
		ex->verdict = NULL;
		if (result == STEP_NEXT)
			ex->step++;
		if (!ex->step->name && ex->then) {
			ex->step = ex->then;
			ex->then = ex->last;
			ex->last = NULL;
		}
	}
	finish(ex);
	return EXCHANGE_DONE;
}

enum exchange_state exchange_run(struct exchange *ex)
{
	enum exchange_state state;

	invariant_is(ex, EXCHANGE_MAGIC);
	invariant(ex->steps && ex->step);
	crash_at(str_from(ex->id));
	state = run(ex);
	crash_at(STR_NULL);
	return state;
}

bool exchange_pause(struct exchange *ex)
{
	struct gateway *gateway = ex->gateway;

	if (atomic_load_explicit(&gateway->is_draining, memory_order_relaxed))
		return false;
	if (atomic_fetch_add(&gateway->paused, 1) >= EXCHANGE_PAUSED_MAX) {
		atomic_fetch_sub(&gateway->paused, 1);
		return false;
	}
	ex->is_paused = true;
	return true;
}

bool exchange_is_paused(const struct exchange *ex)
{
	return ex->is_waiting && ex->is_paused;
}

enum step_result exchange_await_store(struct exchange *ex)
{
	ex->is_storing = true;
	return STEP_WAIT;
}

bool exchange_is_storing(const struct exchange *ex)
{
	return ex->is_waiting && ex->is_storing;
}

/* What was set before the wait lives in the other's pool. */
static void copy_headers(struct exchange *late)
{
	struct answer *answer = &late->answer;

	for (unsigned i = 0; i < answer->header_count; i++) {
		struct header *h = &answer->headers[i];

		h->value = pool_str(late->pool, h->value);
		answer->is_overfull |= !h->value.ptr;
	}
}

/*
 * The writer may be at work on `ex` at this very moment: it uses the job and
 * the pool, so both are left alone.
 */
struct exchange *exchange_late(const struct exchange *ex)
{
	struct pool *pool = pool_new(EXCHANGE_POOL_MAX);
	struct exchange *late = pool ? pool_alloc(pool, sizeof(*late)) : NULL;

	if (!late) {
		pool_free(pool);
		return NULL;
	}
	*late = *ex;
	late->pool = pool;
	late->snapshot = snapshot_ref(ex->snapshot);
	late->adapter = NULL;
	late->is_waiting = late->is_storing = false;
	copy_headers(late);
	answer_failure(late, ERR_BUSY);
	if (late->answer.is_overfull) {
		exchange_free(late);
		return NULL;
	}
	add_common(late);
	return late;
}

int request_header(const struct request *request, const char *name,
		   struct str *value_r)
{
	struct str wanted = str_from(name);
	unsigned i, n = 0;

	for (i = 0; i < request->header_count; i++) {
		if (!str_ieq(request->headers[i].name, wanted))
			continue;
		if (n++)
			return -1;
		*value_r = request->headers[i].value;
	}
	return (int)n;
}

bool request_prefers_html(const struct request *request)
{
	struct str accept;

	return request_header(request, "Accept", &accept) &&
	       media_prefers_html(accept);
}

void answer_header(struct exchange *ex, const char *name, struct str value)
{
	struct answer *answer = &ex->answer;

	if (!value.ptr ||
	    answer->header_count >= ANSWER_HEADERS_MAX - COMMON_HEADERS) {
		answer->is_overfull = true;
		return;
	}
	answer->headers[answer->header_count++] =
		(struct header){ str_from(name), value };
}

bool answer_has_room(const struct exchange *ex, size_t more)
{
	const struct answer *answer = &ex->answer;
	size_t len = COMMON_OCTETS + more;

	for (unsigned i = 0; i < answer->header_count; i++)
		len += answer->headers[i].name.len +
		       answer->headers[i].value.len + LINE_OCTETS;
	return !ex->request.answer_room || len <= ex->request.answer_room;
}

static struct str number(struct exchange *ex, int64_t value)
{
	struct buf text;

	buf_init_pool(&text, ex->pool, NUMBER_MAX);
	json_add_int(&text, value);
	return buf_is_ok(&text) ? buf_str(&text) : STR_NULL;
}

void answer_header_num(struct exchange *ex, const char *name, int64_t value)
{
	answer_header(ex, name, number(ex, value));
}

void answer_vary(struct exchange *ex, struct str name)
{
	for (unsigned i = 0; i < ex->answer.header_count; i++) {
		struct header *header = &ex->answer.headers[i];
		struct str both;

		if (!str_ieq(header->name, STR("Vary")))
			continue;
		both = pool_printf(ex->pool, "%.*s, %.*s",
				   STR_ARG(header->value), STR_ARG(name));
		ex->answer.is_overfull |= !both.ptr;
		header->value = both.ptr ? both : header->value;
		return;
	}
	answer_header(ex, "Vary", name);
}

void answer_replace_num(struct exchange *ex, const char *name, int64_t value)
{
	struct str text = number(ex, value);

	for (unsigned i = 0; text.ptr && i < ex->answer.header_count; i++)
		if (str_ieq(ex->answer.headers[i].name, str_from(name))) {
			ex->answer.headers[i].value = text;
			return;
		}
	answer_header(ex, name, text);
}

enum step_result answer_json(struct exchange *ex, int status, struct str json)
{
	ex->answer.status = status;
	ex->answer.body = json;
	answer_header(ex, "Content-Type", STR("application/json"));
	return STEP_ANSWER;
}

enum step_result answer_empty(struct exchange *ex, int status)
{
	ex->answer.status = status;
	ex->answer.body = STR_NULL;
	return STEP_ANSWER;
}

void answer_for_own(struct exchange *ex)
{
	if (!answer_has(ex, "Cross-Origin-Resource-Policy"))
		answer_header(ex, "Cross-Origin-Resource-Policy",
			      STR("same-origin"));
}

/* There is no memory for what was to be said. */
static enum step_result answer_no_memory(struct exchange *ex)
{
	answer_code(ex, CODE_unavailable);
	if (!answer_has(ex, "Retry-After"))
		answer_header(ex, "Retry-After", STR("2"));
	return answer_json(ex, code_table[CODE_unavailable].status,
			   STR("{\"message\":\"The service is busy. Please try "
			       "again in a moment.\",\"code\":"
			       "\"unavailable\"}"));
}

static enum step_result answer_refusal(struct exchange *ex, int status,
				       const char *message, struct str json)
{
	if (ex->rehearsal) {
		ex->told = message;
		return answer_empty(ex, status);
	}
	if (request_prefers_html(&ex->request) &&
	    page_error(ex, status, message))
		return STEP_ANSWER;
	answer_for_own(ex);
	if (!json.ptr)
		return answer_no_memory(ex);
	return answer_json(ex, status, json);
}

/* Octets of a JSON text around its strings' own. */
#define JSON_FRAME_MAX 64

/* What programs get: the message, ex->hint and ex->code.  An octet becomes six
 * at most, as \u003c does. */
static struct str error_json(struct exchange *ex, const char *message)
{
	size_t len = strlen(message) + ex->hint.len + strlen(ex->code);
	struct buf json;

	buf_init_pool(&json, ex->pool, len * 6 + JSON_FRAME_MAX);
	buf_addc(&json, '{');
	json_add_member(&json, "message", str_from(message));
	if (ex->hint.len)
		json_add_member(&json, "hint", ex->hint);
	json_add_member(&json, "code", str_from(ex->code));
	buf_addc(&json, '}');
	return buf_is_ok(&json) ? buf_str(&json) : STR_NULL;
}

void answer_code(struct exchange *ex, enum code code)
{
	ex->code = code_table[code].name;
}

enum step_result answer_error_json(struct exchange *ex, enum code code,
				   const char *message, struct str json)
{
	answer_code(ex, code);
	return answer_refusal(ex, code_table[code].status, message, json);
}

enum step_result answer_error(struct exchange *ex, enum code code,
			      const char *message)
{
	answer_code(ex, code);
	return answer_refusal(ex, code_table[code].status, message,
			      error_json(ex, message));
}

enum step_result answer_denied(struct exchange *ex, const char *code,
			       const char *message)
{
	ex->code = code;
	return answer_refusal(ex, code_table[CODE_denied].status, message,
			      error_json(ex, message));
}

/* Where nobody said why: what the store suffers from, if it does. */
static const char *why_failed(const struct exchange *ex, enum err err)
{
	struct health_report health = { .trouble = HEALTH_WELL };
	struct str why;

	if (err == ERR_NOMEM || !ex->gateway || !ex->gateway->store)
		return err_text(err);
	writer_health(store_writer(ex->gateway->store), &health);
	if (health.trouble == HEALTH_WELL)
		return err_text(err);
	why = pool_printf(ex->pool, EXCHANGE_STORE_WHY "%s: %s",
			  health_name(health.trouble), health.problem);
	return why.ptr ? why.ptr : health_name(health.trouble);
}

enum step_result answer_failure(struct exchange *ex, enum err err)
{
	if (!ex->why)
		ex->why = why_failed(ex, err);
	if (err == ERR_INTERNAL || err == ERR_LIMIT || err == ERR_SYNTAX)
		return answer_error(ex, CODE_internal,
				    "Something went wrong on our side.");
	answer_header(ex, "Retry-After", STR("2"));
	return answer_error(ex, err == ERR_BUSY ? CODE_busy : CODE_unavailable,
			    "The service is busy. "
			    "Please try again in a moment.");
}

enum step_result answer_redirect(struct exchange *ex, int status,
				 struct str location)
{
	answer_header(ex, "Location", location);
	return answer_empty(ex, status);
}
