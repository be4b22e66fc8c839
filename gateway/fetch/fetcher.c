#include "fetch/fetcher.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/crash.h"
#include "base/num.h"
#include "base/thread.h"
#include "fetch/address.h"

#define POOL_MAX (URL_MAX * 4 + 256 * 1024)	/* of one request */
#define PIN_MAX (URL_HOST_MAX + 32 + RESOLVER_ADDRESSES_MAX * IP_TEXT_MAX)
#define POLL_MS 1000		/* curl knows its own times: ours are looked at
				 * at least so often */

enum stage { IN_LINE, NAMING, MOVING };

/* One request, from the asking to `done`. */
struct fetch {
	struct fetch *next;
	struct pool *pool;
	struct fetch_request request;	/* texts in the pool, terminated */
	enum stage stage;
	int64_t naming_end_ms, end_ms;	/* monotonic */
	struct question *question;	/* NAMING */
	CURL *easy;			/* MOVING */
	struct curl_slist *pins, *headers;
	struct buf body;
	size_t header_octets;
	char etag[FETCH_ETAG_MAX + 1];
	int64_t max_age_s, retry_after_s;
	bool has_enough;	/* of its body: needs_status_only */
	/* why we broke it off ourselves; ERR_OK: we did not */
	enum err broken;
	char why[FETCH_WHY_MAX];
	char curl_why[CURL_ERROR_SIZE];
};

struct fetcher {
	pthread_t thread;
	CURLM *multi;
	struct resolver *resolver;
	int connect_ms, total_ms;
	unsigned running_max;
	struct fetch *running;		/* the thread's */
	unsigned running_count;
	pthread_mutex_t lock;		/* of all that follows */
	struct fetch *waiting, **last;
	unsigned waiting_count;
	bool must_end;
};

static void fetch_free(struct fetcher *f, struct fetch *fetch)
{
	resolver_drop(f->resolver, fetch->question);
	if (fetch->easy) {
		curl_multi_remove_handle(f->multi, fetch->easy);
		curl_easy_cleanup(fetch->easy);
	}
	curl_slist_free_all(fetch->pins);
	curl_slist_free_all(fetch->headers);
	buf_done(&fetch->body);
	pool_free(fetch->pool);
	free(fetch);
}

__attribute__((format(printf, 3, 4)))
static void break_off(struct fetch *fetch, enum err err, const char *fmt, ...)
{
	va_list ap;

	if (fetch->broken)
		return;
	fetch->broken = err;
	va_start(ap, fmt);
	vsnprintf(fetch->why, sizeof(fetch->why), fmt, ap);
	va_end(ap);
}

/* ---- gates ----------------------------------------------------------------- */

static bool may_connect(struct fetch *fetch, const struct ip *ip)
{
	const char *what = address_refused(ip, fetch->request.is_development);
	char text[IP_TEXT_MAX];

	if (!what)
		return true;
	ip_text(ip, text);
	break_off(fetch, ERR_AUTH, "its address %s is refused by rule: it is "
		  "%s", text, what);
	return false;
}

static curl_socket_t on_open(void *ctx, curlsocktype purpose,
			     struct curl_sockaddr *address)
{
	const struct ip ip = ip_from_sockaddr(&address->addr);

	(void)purpose;
	if (!may_connect(ctx, &ip))
		return CURL_SOCKET_BAD;
	return socket(address->family, address->socktype | SOCK_CLOEXEC,
		      address->protocol);
}

static int on_connected(void *ctx, char *ip_theirs, char *ip_ours,
			int port_theirs, int port_ours)
{
	struct fetch *fetch = ctx;
	struct ip ip;

	(void)ip_ours;
	(void)port_theirs;
	(void)port_ours;
	if (ip_parse(str_from(ip_theirs), &ip))
		break_off(fetch, ERR_AUTH, "its address cannot be told");
	else if (may_connect(fetch, &ip))
		return CURL_PREREQFUNC_OK;
	return CURL_PREREQFUNC_ABORT;
}

/* ---- what comes ------------------------------------------------------------- */

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
	struct fetch *fetch = ctx;

	buf_add(&fetch->body, data, size * count);
	if (buf_is_ok(&fetch->body))
		return size * count;
	if (fetch->request.needs_status_only) {
		fetch->has_enough = true;
		return 0;
	}
	break_off(fetch, ERR_LIMIT, "its answer has more than %zu octets",
		  fetch->request.answer_max);
	return 0;
}

/* RFC 9111 section 5.2.2: directives, of which few concern us. */
static void read_cache_control(struct fetch *fetch, struct str value)
{
	while (value.len) {
		struct str rest, directive = str_cut(value, ',', &rest), age;
		uint64_t seconds;

		directive = str_trim(directive, " \t");
		value = str_is_null(rest) ? STR("") : rest;
		if (str_ieq(directive, STR("no-cache")) ||
		    str_ieq(directive, STR("no-store"))) {
			fetch->max_age_s = 0;
			return;
		}
		if (!str_ieq(str_cut(directive, '=', &age),
				   STR("max-age")) ||
		    num_u64(age, 0, INT32_MAX, &seconds))
			continue;
		fetch->max_age_s = (int64_t)seconds;
	}
}

static void read_header(struct fetch *fetch, struct str line)
{
	struct str value, name = str_cut(line, ':', &value);
	uint64_t seconds;

	if (str_is_null(value))
		return;
	value = str_trim(value, " \t\r\n");
	if (str_ieq(name, STR("etag")) && value.len &&
	    value.len < sizeof(fetch->etag))
		snprintf(fetch->etag, sizeof(fetch->etag), "%.*s",
			 STR_ARG(value));
	else if (str_ieq(name, STR("cache-control")))
		read_cache_control(fetch, value);
	else if (str_ieq(name, STR("retry-after")) &&
		 !num_u64(value, 0, INT32_MAX, &seconds))
		fetch->retry_after_s = (int64_t)seconds;
}

static size_t on_header(char *data, size_t size, size_t count, void *ctx)
{
	struct fetch *fetch = ctx;

	fetch->header_octets += size * count;
	if (fetch->header_octets > FETCH_HEADERS_MAX) {
		break_off(fetch, ERR_LIMIT, "its headers have more than %d "
			  "octets", FETCH_HEADERS_MAX);
		return 0;
	}
	read_header(fetch, (struct str){ data, size * count });
	return size * count;
}

/* ---- the end of one --------------------------------------------------------- */

static void take_out(struct fetcher *f, struct fetch *fetch)
{
	struct fetch **at = &f->running;

	while (*at != fetch)
		at = &(*at)->next;
	*at = fetch->next;
	f->running_count--;
}

static void finish(struct fetcher *f, struct fetch *fetch)
{
	struct fetch_answer answer = {
		.err = fetch->broken,
		.why = fetch->why,
		.body = buf_str(&fetch->body),
		.etag = fetch->etag,
		.max_age_s = fetch->max_age_s,
		.retry_after_s = fetch->retry_after_s,
	};
	long status = 0;

	if (!answer.err)
		curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &status);
	answer.status = (unsigned)status;
	take_out(f, fetch);
	fetch->request.done(fetch->request.ctx, &answer);
	fetch_free(f, fetch);
}

static void judge(struct fetch *fetch, CURLcode code)
{
	const char *detail = fetch->curl_why[0] ? fetch->curl_why :
						  curl_easy_strerror(code);

	if (code == CURLE_WRITE_ERROR && fetch->has_enough)
		return;
	switch (code) {
	case CURLE_OK:
		return;
	case CURLE_OPERATION_TIMEDOUT:
		break_off(fetch, ERR_EXPIRED, "it did not answer in time: %s",
			  detail);
		return;
	case CURLE_FILESIZE_EXCEEDED:
		break_off(fetch, ERR_LIMIT, "its answer has more than %zu "
			  "octets", fetch->request.answer_max);
		return;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_ISSUER_ERROR:
		break_off(fetch, ERR_IO, "TLS fails: %s", detail);
		return;
	case CURLE_COULDNT_CONNECT:
		break_off(fetch, ERR_IO, "it cannot be connected to: %s",
			  detail);
		return;
	case CURLE_OUT_OF_MEMORY:
		break_off(fetch, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
		return;
	default:
		break_off(fetch, ERR_IO, "the connection fails: %s", detail);
	}
}

/* ---- the transfer ----------------------------------------------------------- */

static int pin(struct fetch *fetch, const struct resolved *found)
{
	const struct url *url = &fetch->request.url;
	char text[PIN_MAX], ip[IP_TEXT_MAX];
	struct buf out;

	buf_init_fixed(&out, text, sizeof(text));
	buf_printf(&out, "%.*s:%u:", STR_ARG(url->host), url->port);
	for (unsigned i = 0; i < found->count; i++) {
		ip_text(&found->ip[i], ip);
		buf_printf(&out, found->ip[i].family == 6 ? "%s[%s]" : "%s%s",
			   i ? "," : "", ip);
	}
	if (buf_is_ok(&out))
		fetch->pins = curl_slist_append(NULL, text);
	return fetch->pins ? 0 : -1;
}

static int add_line(struct fetch *fetch, struct str line)
{
	struct curl_slist *list = line.ptr ?
		curl_slist_append(fetch->headers, line.ptr) : NULL;

	if (list)
		fetch->headers = list;
	return list ? 0 : -1;
}

static int add_header(struct fetch *fetch, const char *name, struct str value)
{
	return add_line(fetch, pool_printf(fetch->pool, "%s: %.*s", name,
					   STR_ARG(value)));
}

static int add_headers(struct fetch *fetch)
{
	const struct fetch_request *request = &fetch->request;

	if (request->accept.len &&
	    add_header(fetch, "Accept", request->accept))
		return -1;
	if (request->etag && request->etag[0] &&
	    add_header(fetch, "If-None-Match", str_from(request->etag)))
		return -1;
	for (unsigned i = 0; i < request->header_count; i++)
		if (add_line(fetch, pool_str(fetch->pool, request->headers[i])))
			return -1;
	/* it would be waited for an answer to half of a request */
	return request->body.ptr ? add_line(fetch, STR("Expect:")) : 0;
}

#define SET(option, value)						\
	(rc = rc ? rc : curl_easy_setopt(fetch->easy, option, value))

static CURLcode set_gates(struct fetch *fetch)
{
	const bool is_development = fetch->request.is_development;
	CURLcode rc = CURLE_OK;

	SET(CURLOPT_PROTOCOLS_STR, is_development ? "https,http" : "https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_QUICK_EXIT, 1L);
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_OPENSOCKETFUNCTION, on_open);
	SET(CURLOPT_OPENSOCKETDATA, fetch);
	SET(CURLOPT_PREREQFUNCTION, on_connected);
	SET(CURLOPT_PREREQDATA, fetch);
	if (fetch->pins)
		SET(CURLOPT_RESOLVE, fetch->pins);
	/* nobody else's connection, and nobody's after us */
	SET(CURLOPT_FRESH_CONNECT, 1L);
	SET(CURLOPT_FORBID_REUSE, 1L);
	return rc;
}

static CURLcode set_request(struct fetcher *f, struct fetch *fetch,
			    const char *url)
{
	const struct fetch_request *request = &fetch->request;
	int64_t left_ms = fetch->end_ms - clock_mono_ms();
	struct curl_blob ca = { (void *)(uintptr_t)request->ca.ptr,
				request->ca.len, CURL_BLOB_COPY };
	CURLcode rc = CURLE_OK;

	SET(CURLOPT_URL, url);
	if (request->body.ptr) {
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDS, request->body.ptr);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
	} else {
		SET(CURLOPT_HTTPGET, 1L);
	}
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_USERAGENT, "usher/" USHER_VERSION);
	SET(CURLOPT_HTTPHEADER, fetch->headers);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)f->connect_ms);
	SET(CURLOPT_TIMEOUT_MS, left_ms > 1 ? (long)left_ms : 1L);
	if (!request->needs_status_only)
		SET(CURLOPT_MAXFILESIZE_LARGE,
		    (curl_off_t)request->answer_max);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, fetch);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, fetch);
	SET(CURLOPT_ERRORBUFFER, fetch->curl_why);
	SET(CURLOPT_PRIVATE, fetch);
	if (request->ca.len) {
		SET(CURLOPT_CAINFO_BLOB, &ca);
		SET(CURLOPT_CAPATH, NULL);
	}
	return rc;
}

static int begin_transfer(struct fetcher *f, struct fetch *fetch)
{
	char text[URL_MAX + 1];
	struct buf url;

	buf_init_fixed(&url, text, sizeof(text));
	url_add(&url, &fetch->request.url);
	fetch->easy = buf_is_ok(&url) ? curl_easy_init() : NULL;
	if (!fetch->easy || add_headers(fetch) || set_gates(fetch) ||
	    set_request(f, fetch, text) ||
	    curl_multi_add_handle(f->multi, fetch->easy))
		return -1;
	fetch->stage = MOVING;
	return 0;
}

/* All of them, or none: a name that is partly ours is nobody's to trust. */
static void move(struct fetcher *f, struct fetch *fetch,
		 const struct resolved *found, bool is_name)
{
	for (unsigned i = 0; i < found->count; i++)
		if (!may_connect(fetch, &found->ip[i]))
			break;
	if (!fetch->broken && ((is_name && pin(fetch, found)) ||
			       begin_transfer(f, fetch)))
		break_off(fetch, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
	if (fetch->broken)
		finish(f, fetch);
}

/* ---- the name --------------------------------------------------------------- */

static void begin(struct fetcher *f, struct fetch *fetch)
{
	struct str host = fetch->request.url.host;
	struct resolved literal = { .count = 1 };

	fetch->next = f->running;
	f->running = fetch;
	f->running_count++;
	if (host.ptr[0] == '[')
		host = (struct str){ host.ptr + 1, host.len - 2 };
	if (!ip_parse(host, &literal.ip[0])) {
		move(f, fetch, &literal, false);
		return;
	}
	fetch->stage = NAMING;
	fetch->question = resolver_ask(f->resolver, host.ptr);
	if (fetch->question)
		return;
	break_off(fetch, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
	finish(f, fetch);
}

static void look_at_name(struct fetcher *f, struct fetch *fetch, int64_t now_ms)
{
	struct resolved found;

	if (!resolver_is_answered(f->resolver, fetch->question, &found)) {
		if (now_ms < fetch->naming_end_ms)
			return;
		break_off(fetch, ERR_EXPIRED, "no name server answers for its "
			  "name in time");
	} else if (!found.count) {
		break_off(fetch, ERR_IO, "%s", found.problem);
	}
	if (fetch->broken) {
		finish(f, fetch);
		return;
	}
	resolver_drop(f->resolver, fetch->question);
	fetch->question = NULL;
	move(f, fetch, &found, true);
}

/* How long until one of them has waited enough. */
static int look_at_names(struct fetcher *f)
{
	int64_t now_ms = clock_mono_ms(), end_ms = now_ms + POLL_MS;
	struct fetch *next;

	for (struct fetch *fetch = f->running; fetch; fetch = next) {
		next = fetch->next;
		if (fetch->stage != NAMING)
			continue;
		if (fetch->naming_end_ms < end_ms)
			end_ms = fetch->naming_end_ms;
		look_at_name(f, fetch, now_ms);
	}
	return end_ms > now_ms ? (int)(end_ms - now_ms) : 0;
}

/* ---- the thread ------------------------------------------------------------- */

/* As many as may run; false: it is time to end. */
static bool take_waiting(struct fetcher *f)
{
	struct fetch *fetch;
	bool must_end;

	do {
		fetch = NULL;
		pthread_mutex_lock(&f->lock);
		must_end = f->must_end;
		if (!must_end && f->waiting &&
		    f->running_count < f->running_max) {
			fetch = f->waiting;
			f->waiting = fetch->next;
			if (!f->waiting)
				f->last = &f->waiting;
			f->waiting_count--;
		}
		pthread_mutex_unlock(&f->lock);
		if (fetch) {
			fetch->end_ms = clock_mono_ms() + f->total_ms;
			fetch->naming_end_ms = clock_mono_ms() + f->connect_ms;
			begin(f, fetch);
		}
	} while (fetch);
	return !must_end;
}

static void take_done(struct fetcher *f)
{
	struct fetch *fetch;
	CURLMsg *message;
	char *private;
	int left;

	while ((message = curl_multi_info_read(f->multi, &left))) {
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE,
				  &private);
		fetch = (struct fetch *)(void *)private;
		judge(fetch, code);
		finish(f, fetch);
	}
}

static void *fetcher_main(void *arg)
{
	struct fetcher *f = arg;
	int still;

	crash_watch_thread();
	pthread_setname_np(pthread_self(), "usher-fetcher");
	while (take_waiting(f)) {
		int wait_ms = look_at_names(f);

		curl_multi_perform(f->multi, &still);
		take_done(f);
		curl_multi_poll(f->multi, NULL, 0, wait_ms, NULL);
	}
	while (f->running) {
		struct fetch *fetch = f->running;

		take_out(f, fetch);
		fetch_free(f, fetch);
	}
	return NULL;
}

/* By a resolver's thread, and by those who ask. */
static void wake(void *ctx)
{
	curl_multi_wakeup(((struct fetcher *)ctx)->multi);
}

enum err fetcher_new(const struct fetcher_options *options,
		     struct fetcher **fetcher_r)
{
	struct fetcher *f = calloc(1, sizeof(*f));

	if (!f)
		return ERR_NOMEM;
	pthread_mutex_init(&f->lock, NULL);
	f->last = &f->waiting;
	f->connect_ms = options->connect_ms ? options->connect_ms :
					      FETCH_CONNECT_MS;
	f->total_ms = options->total_ms ? options->total_ms : FETCH_TOTAL_MS;
	f->running_max = options->running_max ? options->running_max :
						FETCH_RUNNING_MAX;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		f->multi = curl_multi_init();
	f->resolver = resolver_new(options->lookup ? options->lookup :
				   getaddrinfo, wake, f);
	if (!f->multi || !f->resolver ||
	    thread_start(&f->thread, fetcher_main, f)) {
		resolver_free(f->resolver);
		curl_multi_cleanup(f->multi);
		pthread_mutex_destroy(&f->lock);
		free(f);
		return ERR_NOMEM;
	}
	*fetcher_r = f;
	return ERR_OK;
}

bool fetcher_free(struct fetcher *f)
{
	bool is_free;

	if (!f)
		return true;
	pthread_mutex_lock(&f->lock);
	f->must_end = true;
	pthread_mutex_unlock(&f->lock);
	wake(f);
	pthread_join(f->thread, NULL);
	while (f->waiting) {
		struct fetch *fetch = f->waiting;

		f->waiting = fetch->next;
		fetch_free(f, fetch);
	}
	is_free = resolver_free(f->resolver);
	curl_multi_cleanup(f->multi);
	pthread_mutex_destroy(&f->lock);
	free(f);
	return is_free;
}

/* ---- asking ----------------------------------------------------------------- */

static void copy(struct pool *pool, struct str *s)
{
	if (!str_is_null(*s))
		*s = pool_str(pool, *s);
}

static int copy_texts(struct pool *pool, struct fetch_request *request)
{
	const struct fetch_request from = *request;
	struct url *url = &request->url;

	copy(pool, &url->host);
	copy(pool, &url->path);
	copy(pool, &url->query);
	copy(pool, &request->ca);
	copy(pool, &request->accept);
	copy(pool, &request->body);
	if (request->header_count) {
		struct str *headers = pool_calloc(pool, request->header_count,
						  sizeof(*headers));

		for (unsigned i = 0; headers && i < request->header_count; i++)
			headers[i] = pool_str(pool, from.headers[i]);
		request->headers = headers;
	}
	if (request->etag)
		request->etag = pool_strndup(pool, request->etag,
					     strlen(request->etag));
	/* without memory what was there is absent */
	return !url->host.ptr || !url->path.ptr ||
	       !url->query.ptr != !from.url.query.ptr ||
	       !request->ca.ptr != !from.ca.ptr ||
	       !request->accept.ptr != !from.accept.ptr ||
	       !request->body.ptr != !from.body.ptr ||
	       !request->headers != !from.headers ||
	       !request->etag != !from.etag ? -1 : 0;
}

static struct fetch *fetch_new(const struct fetch_request *request)
{
	struct fetch *fetch = calloc(1, sizeof(*fetch));

	if (!fetch)
		return NULL;
	fetch->pool = pool_new(POOL_MAX);
	fetch->request = *request;
	fetch->request.url.fragment = STR_NULL;
	fetch->max_age_s = fetch->retry_after_s = -1;
	buf_init(&fetch->body, request->answer_max);
	if (fetch->pool && !copy_texts(fetch->pool, &fetch->request))
		return fetch;
	pool_free(fetch->pool);
	free(fetch);
	return NULL;
}

enum err fetcher_get(struct fetcher *f, const struct fetch_request *request)
{
	struct fetch *fetch = fetch_new(request);
	bool is_full;

	if (!fetch)
		return ERR_NOMEM;
	pthread_mutex_lock(&f->lock);
	is_full = f->waiting_count >= FETCH_WAITING_MAX;
	if (!is_full) {
		*f->last = fetch;
		f->last = &fetch->next;
		f->waiting_count++;
	}
	pthread_mutex_unlock(&f->lock);
	if (is_full) {
		fetch_free(f, fetch);
		return ERR_BUSY;
	}
	wake(f);
	return ERR_OK;
}
