/*
 * flow: whole exchanges on plain structs, without a socket.
 *
 * A gateway of the real parts (configuration from files, store in a directory
 * of its own, limiter, keys), and requests written as a struct call.  Each
 * answer is held against what the contract says of all of them.  Exchanges
 * live until flow_stop(), so that tests may keep slices of them.
 */
#ifndef TESTS_FLOW_H
#define TESTS_FLOW_H

#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/list.h"
#include "crypto/digest.h"
#include "handoff/steps.h"
#include "unit/unit.h"

#define FLOW_HEADERS 12
#define FLOW_EXCHANGES 4096
#define FLOW_WORKERS 34

#define B "tickets.test"
#define FORM "application/x-www-form-urlencoded"
#define JSON "application/json"
#define BROWSER "Accept: text/html,application/xhtml+xml,*/*;q=0.8"
#define PROGRAM "Accept: application/json"

/* A request; what is left out is as a plain program would send it. */
struct call {
	enum method method;
	const char *host;		/* default: B */
	const char *param, *param2;	/* of the route */
	const char *query, *type, *body, *cookie;
	const char *headers[FLOW_HEADERS];	/* "Name: value" */
	const char *peer;		/* default: 192.0.2.1 */
	unsigned worker;
	bool is_too_large, is_plain;
};

/* What a test lends to a configuration. */
struct flow_file {
	const char *name, *text;
};

struct flow {
	char dir[64];
	struct gateway gateway;
	struct keyring *keyring;
	struct adapter_services services;
	struct exchange *all[FLOW_EXCHANGES];
	unsigned count;
	pthread_mutex_t lock;		/* of all, count */
	int log_fd;
};

static struct flow flow;

/* One thread that waits for one exchange. */
struct flow_waiter {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool is_woken;
};

static inline void flow_wake(struct exchange *ex)
{
	struct flow_waiter *waiter = ex->owner;

	pthread_mutex_lock(&waiter->lock);
	waiter->is_woken = true;
	pthread_cond_signal(&waiter->cond);
	pthread_mutex_unlock(&waiter->lock);
}

static inline enum err flow_hmac(struct str key, const void *data, size_t len,
				 unsigned char mac_r[32])
{
	return digest_hmac_sha256(key.ptr, key.len, data, len, mac_r);
}

static inline void flow_write(const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", flow.dir, name);
	file = fopen(path, "we");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(chmod(path, 0600), 0);
}

static inline struct snapshot *flow_load(void)
{
	char conf[128];
	struct snapshot_options options = {
		.config_dir = conf, .workers = FLOW_WORKERS,
		.services = &flow.services, .keyring = flow.keyring,
	};
	struct snapshot *snapshot;
	struct report report;
	struct buf text;

	snprintf(conf, sizeof(conf), "%s/conf.d", flow.dir);
	ck_assert_int_eq(report_init(&report), 0);
	snapshot = snapshot_load(&options, NULL, &report);
	buf_init(&text, 1 << 20);
	report_text(&report, &text);
	ck_assert_msg(snapshot != NULL, "%s", text.ptr);
	buf_done(&text);
	report_done(&report);
	return snapshot;
}

/* The running configuration becomes what the files say now. */
static inline void flow_reload(void)
{
	snapshot_slot_set(flow.gateway.snapshots, flow_load());
}

static inline void flow_open_store(void)
{
	struct store_options options = { .readers = FLOW_WORKERS };
	char state[128];
	struct buf why;

	snprintf(state, sizeof(state), "%s/state", flow.dir);
	buf_init(&why, 4096);
	ck_assert_msg(!store_open(state, &options, &flow.gateway.store, &why),
		      "%s", why.ptr);
	buf_done(&why);
}

/*
 * `settings` go into the gateway group, after the common ones; `files` end
 * with an empty one.
 */
static inline void flow_start(const char *settings,
			      const struct flow_file *files)
{
	char text[4096], path[128];

	flow = (struct flow){ .services = { .hmac_sha256 = flow_hmac } };
	pthread_mutex_init(&flow.lock, NULL);
	snprintf(flow.dir, sizeof(flow.dir), "/tmp/usher-flow-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(flow.dir));
	snprintf(path, sizeof(path), "%s/conf.d", flow.dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/state", flow.dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	snprintf(text, sizeof(text), "gateway = {\n"
		 "public_url = \"https://" B "\";\n"
		 "listen = ( { url = \"http://127.0.0.1:0\"; } );\n"
		 "state = \"%s/state\";\nplugins = \"%s\";\n%s\n};\n",
		 flow.dir, flow.dir, settings);
	flow_write("conf.d/gateway.conf", text);
	for (; files->name; files++)
		flow_write(files->name, files->text);
	flow.log_fd = memfd_create("log", MFD_CLOEXEC);
	log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_JSON);
	log_to_fd(flow.log_fd);
	flow.keyring = keyring_new_throwaway();
	flow.gateway.snapshots = snapshot_slot_new(flow_load());
	flow.gateway.limiter = ratelimit_new(0);
	flow.gateway.refusals = refusals_new();
	flow.gateway.strangers = strangers_new();
	flow_open_store();
}

static inline int flow_remove(const char *path, const struct stat *st,
			      int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void flow_stop(void)
{
	unsigned i;

	for (i = 0; i < flow.count; i++)
		exchange_free(flow.all[i]);
	store_close(flow.gateway.store);
	ratelimit_free(flow.gateway.limiter);
	refusals_free(flow.gateway.refusals);
	strangers_free(flow.gateway.strangers);
	snapshot_slot_free(flow.gateway.snapshots);
	keyring_free(flow.keyring);
	clock_hold(0);
	log_to_fd(2);
	close(flow.log_fd);
	nftw(flow.dir, flow_remove, 8, FTW_DEPTH | FTW_PHYS);
	pthread_mutex_destroy(&flow.lock);
}

/* The value of the only header of that name; absent when there is none. */
static inline struct str flow_header(const struct exchange *ex,
				     const char *name)
{
	struct str value = STR_NULL;
	unsigned i;

	for (i = 0; i < ex->answer.header_count; i++)
		if (str_ieq(ex->answer.headers[i].name, str_from(name)))
			value = ex->answer.headers[i].value;
	return value;
}

/* What holds for every answer. */
static inline void flow_check(const struct exchange *ex)
{
	const struct answer *answer = &ex->answer;
	unsigned i, j;
	size_t k;

	ck_assert_int_ge(answer->status, 200);
	ck_assert_int_lt(answer->status, 600);
	ck_assert_uint_eq(flow_header(ex, "X-Request-Id").len, 26);
	ck_str_is(flow_header(ex, "Cache-Control"), "no-store");
	ck_str_is(flow_header(ex, "Referrer-Policy"), "no-referrer");
	ck_assert_int_eq(flow_header(ex, "X-Content-Type-Options").len > 0,
			 answer->body.len > 0);
	ck_assert_int_eq(answer->body.len > 0,
			 flow_header(ex, "Content-Type").len > 0);
	if (answer->status >= 400 &&
	    str_eq(flow_header(ex, "Content-Type"), STR("application/json")))
		ck_assert(flow_header(ex, "Cross-Origin-Resource-Policy").ptr);
	for (i = 0; i < answer->header_count; i++) {
		const struct header *h = &answer->headers[i];

		for (j = 0; j < i; j++)
			ck_assert_msg(!str_ieq(h->name,
					       answer->headers[j].name) ||
				      str_eq(h->name, STR("Set-Cookie")),
				      "%.*s twice", STR_ARG(h->name));
		for (k = 0; k < h->value.len; k++)
			if (ascii_is_control(h->value.ptr[k]))
				ck_abort_msg("a control character in %.*s",
					     STR_ARG(h->name));
	}
}

static inline void flow_keep(struct exchange *ex)
{
	pthread_mutex_lock(&flow.lock);
	ck_assert_uint_lt(flow.count, FLOW_EXCHANGES);
	flow.all[flow.count++] = ex;
	pthread_mutex_unlock(&flow.lock);
}

static inline void flow_add_header(struct exchange *ex, struct str name,
				   struct str value)
{
	struct header *headers = (struct header *)ex->request.headers;

	ck_assert_uint_lt(ex->request.header_count, REQUEST_HEADERS_MAX);
	headers[ex->request.header_count++] = (struct header){ name, value };
}

/* An exchange that has not begun. */
static inline struct exchange *flow_new(const struct call *call)
{
	struct exchange *ex = exchange_new(&flow.gateway, call->worker);
	struct request *request;
	unsigned i;

	ck_assert_ptr_nonnull(ex);
	flow_keep(ex);
	request = &ex->request;
	request->headers = pool_calloc(ex->pool, REQUEST_HEADERS_MAX,
				       sizeof(struct header));
	request->method = call->method;
	request->host = str_from(call->host ? call->host : B);
	request->params[0] = str_from(call->param);
	request->params[1] = str_from(call->param2);
	request->query = str_from(call->query);
	request->body = str_from(call->body);
	request->is_body_too_large = call->is_too_large;
	request->is_tls = !call->is_plain;
	ck_assert_int_eq(ip_parse(str_from(call->peer ? call->peer
						      : "192.0.2.1"),
				  &request->peer), ERR_OK);
	if (call->type)
		flow_add_header(ex, STR("Content-Type"), str_from(call->type));
	if (call->cookie)
		flow_add_header(ex, STR("Cookie"), str_from(call->cookie));
	for (i = 0; i < FLOW_HEADERS && call->headers[i]; i++) {
		struct str value, name = str_cut(str_from(call->headers[i]),
						 ':', &value);

		flow_add_header(ex, name, str_trim(value, " "));
	}
	return ex;
}

/* From the beginning to the answer, waiting where a server would. */
static inline void flow_finish(struct exchange *ex, const struct steps *steps)
{
	struct flow_waiter waiter = {
		PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false
	};

	ex->owner = &waiter;
	ex->wake = flow_wake;
	exchange_begin(ex, steps);
	while (exchange_run(ex) == EXCHANGE_WAITING) {
		if (exchange_is_paused(ex))
			continue;
		pthread_mutex_lock(&waiter.lock);
		while (!waiter.is_woken)
			pthread_cond_wait(&waiter.cond, &waiter.lock);
		waiter.is_woken = false;
		pthread_mutex_unlock(&waiter.lock);
	}
	flow_check(ex);
}

static inline struct exchange *flow_call_(const struct steps *steps,
					  const struct call *call)
{
	struct exchange *ex = flow_new(call);

	flow_finish(ex, steps);
	return ex;
}

/* flow_call(&steps_session, .host = "...", .cookie = cookie) */
#define flow_call(steps, ...) \
	flow_call_(steps, &(struct call){ __VA_ARGS__ })

static inline const char *flow_code(const struct exchange *ex)
{
	return ex->code ? ex->code : "";
}

/* The status and, in `code`, the machine code ("" for none). */
#define ck_answer(ex, want_status, want_code)				\
	do {								\
		const struct exchange *x_ = (ex);			\
		ck_assert_msg(x_->answer.status == (want_status) &&	\
			      !strcmp(flow_code(x_), want_code),	\
			      "got %d %s, want %d %s: %.*s",		\
			      x_->answer.status, flow_code(x_),		\
			      (want_status), (want_code),		\
			      STR_ARG(x_->answer.body));		\
	} while (0)

static inline bool flow_body_has(const struct exchange *ex, const char *text)
{
	return memmem(ex->answer.body.ptr, ex->answer.body.len, text,
		      strlen(text)) != NULL;
}

/* Terminated, alive until flow_stop(). */
static inline const char *flow_keep_text(struct exchange *ex, struct str s)
{
	return pool_strndup(ex->pool, s.ptr, s.len);
}

static inline struct exchange *flow_post(const char *slug, const char *body)
{
	return flow_call(&steps_handoff, .method = METHOD_POST, .param = slug,
			 .type = FORM, .body = body);
}

/* "token=..." of a handoff that went well. */
static inline const char *flow_token(struct exchange *ex)
{
	struct str location, query;

	ck_answer(ex, 302, "");
	location = flow_header(ex, "Location");
	str_cut(location, '?', &query);
	ck_assert(str_has_prefix(query, STR("token=")));
	return flow_keep_text(ex, query);
}

static inline const char *flow_mint(const char *slug, const char *body)
{
	return flow_token(flow_post(slug, body));
}

static inline struct exchange *flow_visit(const char *host, const char *query,
					  const char *cookie)
{
	return flow_call(&steps_callback, .host = host, .query = query,
			 .cookie = cookie,
			 .headers = { "Sec-Fetch-Mode: navigate",
				      "Sec-Fetch-Dest: document" });
}

/* "__Host-usher=..." of the answer. */
static inline const char *flow_cookie(struct exchange *ex)
{
	struct str rest;

	return flow_keep_text(ex, str_cut(flow_header(ex, "Set-Cookie"), ';',
					  &rest));
}

/* From the partner's page to a session at `host`. */
static inline const char *flow_sign_in(const char *slug, const char *host,
				       const char *body)
{
	struct exchange *ex = flow_visit(host, flow_mint(slug, body), NULL);

	ck_answer(ex, 302, "");
	return flow_cookie(ex);
}

/* All that was logged so far. */
static inline char *flow_log(void)
{
	off_t size = lseek(flow.log_fd, 0, SEEK_END);
	char *text = calloc(1, (size_t)size + 1);

	ck_assert_ptr_nonnull(text);
	ck_assert_int_eq(pread(flow.log_fd, text, (size_t)size, 0), size);
	return text;
}

struct flow_barrier {
	struct session_end end;
	struct flow_waiter waiter;
};

static inline void flow_passed(struct job *job)
{
	struct flow_barrier *b = list_entry(job, struct flow_barrier, end.job);

	pthread_mutex_lock(&b->waiter.lock);
	b->waiter.is_woken = true;
	pthread_cond_signal(&b->waiter.cond);
	pthread_mutex_unlock(&b->waiter.lock);
}

/* Everything that was sent to the writer so far, awaited or not, is done. */
static inline void flow_settle(void)
{
	struct flow_barrier b = {
		.end = { .job.done = flow_passed, .session_id = INT64_MAX },
		.waiter = { PTHREAD_MUTEX_INITIALIZER,
			    PTHREAD_COND_INITIALIZER, false },
	};

	ck_assert_int_eq(sessions_end(store_sessions(flow.gateway.store),
				      &b.end), ERR_OK);
	pthread_mutex_lock(&b.waiter.lock);
	while (!b.waiter.is_woken)
		pthread_cond_wait(&b.waiter.cond, &b.waiter.lock);
	pthread_mutex_unlock(&b.waiter.lock);
}

/* Change the database from outside, as a restore would. */
static inline void flow_sql(const char *sql)
{
	char path[128], *why = NULL;
	sqlite3 *db;

	flow_settle();
	snprintf(path, sizeof(path), "%s/state/usher.db", flow.dir);
	ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE,
					 NULL), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	ck_assert_msg(!sqlite3_exec(db, sql, NULL, NULL, &why), "%s: %s", sql,
		      why);
	sqlite3_close(db);
}

/* One number from the database. */
static inline int64_t flow_number(const char *sql)
{
	char path[128];
	sqlite3_stmt *q;
	sqlite3 *db;
	int64_t n;

	snprintf(path, sizeof(path), "%s/state/usher.db", flow.dir);
	ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY,
					 NULL), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(q), SQLITE_ROW);
	n = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	sqlite3_close(db);
	return n;
}

/* How many rows there are in a table. */
static inline int64_t flow_count(const char *table)
{
	char sql[128];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
	return flow_number(sql);
}

/* The number of the only user, as a number and as text. */
static inline int64_t flow_user(void)
{
	ck_assert_int_eq(flow_count("users"), 1);
	return flow_number("SELECT id FROM users");
}

static inline const char *flow_user_text(struct exchange *ex)
{
	return pool_printf(ex->pool, "%lld", (long long)flow_user()).ptr;
}

/* What the audit says of an exchange. */
static inline struct audit_record flow_audit(struct exchange *ex)
{
	struct audit_record record;

	flow_settle();
	ck_assert_int_eq(audit_find(ex->reader, (struct str){
			 ex->id, REQUEST_ID_LEN }, ex->pool, &record), ERR_OK);
	return record;
}

#endif
