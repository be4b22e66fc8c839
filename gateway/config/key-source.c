#include "config/key-source.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

#define POOL_MAX (KEYS_CA_MAX + 4 * URL_MAX + 4096)
#define MAGIC "usher-jwks 1\n"
#define FILE_MAX (sizeof(MAGIC) + URL_MAX + FETCH_ETAG_MAX + 2 + JWKS_MAX)
#define MS INT64_C(1000)

struct key_source {
	atomic_uint refs;
	struct pool *pool;		/* of what follows, which stays */
	struct url url;
	struct str url_text, ca;
	bool is_development;
	/* of who fetches */
	char etag[FETCH_ETAG_MAX + 1];	/* of the set */
	pthread_mutex_t lock;		/* of all that follows */
	struct jwks *keys;		/* NULL: none yet */
	bool is_under_way, is_wanted, is_loaded;
	int64_t next_ms, cool_ms;	/* monotonic: not before */
	int64_t fetched_ms, failed_ms;	/* wall clock */
	unsigned failures;
	char problem[FETCH_WHY_MAX + 64];
};

static int copy_settings(struct key_source *source, const struct url *url,
			 struct str ca)
{
	struct buf text;

	buf_init_pool(&text, source->pool, URL_MAX + 1);
	url_add(&text, url);
	if (!buf_is_ok(&text) ||
	    url_parse(source->pool, buf_str(&text), &source->url, NULL))
		return -1;
	source->url_text = buf_str(&text);
	if (str_is_null(ca))
		return 0;
	source->ca = pool_str(source->pool, ca);
	return str_is_null(source->ca) ? -1 : 0;
}

struct key_source *key_source_new(const struct url *url, struct str ca,
				  bool is_development)
{
	struct key_source *source = calloc(1, sizeof(*source));

	if (!source)
		return NULL;
	atomic_init(&source->refs, 1);
	pthread_mutex_init(&source->lock, NULL);
	source->is_development = is_development;
	source->pool = pool_new(POOL_MAX);
	if (source->pool && !copy_settings(source, url, ca))
		return source;
	key_source_unref(source);
	return NULL;
}

struct key_source *key_source_ref(struct key_source *source)
{
	atomic_fetch_add_explicit(&source->refs, 1, memory_order_relaxed);
	return source;
}

void key_source_unref(struct key_source *source)
{
	if (!source || atomic_fetch_sub_explicit(&source->refs, 1,
						 memory_order_acq_rel) != 1)
		return;
	jwks_unref(source->keys);
	pthread_mutex_destroy(&source->lock);
	pool_free(source->pool);
	free(source);
}

bool key_source_is(const struct key_source *source, const struct url *url,
		   struct str ca, bool is_development)
{
	char text[URL_MAX + 1];
	struct buf out;

	buf_init_fixed(&out, text, sizeof(text));
	url_add(&out, url);
	return source->is_development == is_development &&
	       str_eq(source->ca, ca) && buf_is_ok(&out) &&
	       str_eq(source->url_text, buf_str(&out));
}

/* ---- for those who verify ------------------------------------------------ */

struct jwks *key_source_keys(struct key_source *source)
{
	struct jwks *keys;

	pthread_mutex_lock(&source->lock);
	keys = jwks_ref(source->keys);
	pthread_mutex_unlock(&source->lock);
	return keys;
}

bool key_source_want(struct key_source *source)
{
	bool is_coming;

	pthread_mutex_lock(&source->lock);
	is_coming = source->is_under_way || clock_mono_ms() >= source->cool_ms;
	source->is_wanted = true;
	pthread_mutex_unlock(&source->lock);
	return is_coming;
}

void key_source_report(struct key_source *source,
		       struct key_source_report *out_r)
{
	pthread_mutex_lock(&source->lock);
	*out_r = (struct key_source_report){
		.url = source->url_text,
		.keys = jwks_count(source->keys),
		.fetched_ms = source->fetched_ms,
		.failed_ms = source->failed_ms,
		.failures = source->failures,
	};
	memcpy(out_r->problem, source->problem, sizeof(out_r->problem));
	pthread_mutex_unlock(&source->lock);
}

/* ---- for who fetches ----------------------------------------------------- */

bool key_source_begin(struct key_source *source, int64_t mono_ms,
		      struct fetch_request *request_r)
{
	bool is_wanted, is_due;

	pthread_mutex_lock(&source->lock);
	is_wanted = source->is_wanted && mono_ms >= source->cool_ms;
	is_due = !source->is_under_way &&
		 (is_wanted || mono_ms >= source->next_ms);
	if (is_due) {
		source->is_under_way = true;
		source->is_wanted = false;
		if (is_wanted)
			source->cool_ms = mono_ms + KEYS_COOL_S * MS;
	}
	pthread_mutex_unlock(&source->lock);
	if (!is_due)
		return false;
	*request_r = (struct fetch_request){
		.url = source->url,
		.is_development = source->is_development,
		.ca = source->ca,
		.accept = STR("application/jwk-set+json, application/json"),
		.etag = source->etag,
		.answer_max = JWKS_MAX,
	};
	return true;
}

void key_source_put_off(struct key_source *source, int64_t mono_ms)
{
	pthread_mutex_lock(&source->lock);
	source->is_under_way = false;
	source->next_ms = mono_ms + 1 * MS;
	pthread_mutex_unlock(&source->lock);
}

static int64_t ttl_ms(int64_t max_age_s)
{
	if (max_age_s < 0)
		max_age_s = KEYS_TTL_S;
	if (max_age_s < KEYS_TTL_MIN_S)
		max_age_s = KEYS_TTL_MIN_S;
	return (max_age_s > KEYS_TTL_MAX_S ? KEYS_TTL_MAX_S : max_age_s) * MS;
}

static int64_t retry_ms(unsigned failures)
{
	int64_t s = failures > 8 ? KEYS_TTL_MIN_S :
				   KEYS_RETRY_S << (failures - 1);

	return (s > KEYS_TTL_MIN_S ? KEYS_TTL_MIN_S : s) * MS;
}

/* What is wrong with it, in words; "": nothing, and *keys_r is what it holds,
 * or NULL where it is what we have. */
static void read_answer(const struct key_source *source,
			const struct fetch_answer *answer, char *why,
			size_t size, struct jwks **keys_r)
{
	char detail[JWKS_WHY_MAX];

	why[0] = '\0';
	if (answer->err)
		snprintf(why, size, "%s", answer->why);
	else if (answer->status == 304 && source->etag[0])
		return;
	else if (answer->status >= 300 && answer->status < 400)
		snprintf(why, size, "it answers %u, and redirects are not "
			 "followed: name the place that it leads to",
			 answer->status);
	else if (answer->status != 200)
		snprintf(why, size, "it answers %u", answer->status);
	else if (jwks_parse(answer->body, keys_r, detail))
		snprintf(why, size, "its answer is no key set: %s", detail);
}

static bool fail(struct key_source *source, const char *why, int64_t mono_ms)
{
	bool is_new;

	pthread_mutex_lock(&source->lock);
	is_new = strcmp(source->problem, why) != 0;
	snprintf(source->problem, sizeof(source->problem), "%s", why);
	source->failures++;
	source->failed_ms = clock_wall_ms();
	source->next_ms = mono_ms + retry_ms(source->failures);
	source->is_under_way = false;
	pthread_mutex_unlock(&source->lock);
	return is_new;
}

enum key_news key_source_settle(struct key_source *source,
				const struct fetch_answer *answer,
				int64_t mono_ms)
{
	char why[FETCH_WHY_MAX + 64];
	struct jwks *keys = NULL, *old;
	bool is_new;

	read_answer(source, answer, why, sizeof(why), &keys);
	if (why[0])
		return fail(source, why, mono_ms) ? KEYS_FAILED_ANEW :
						    KEYS_FAILED;
	is_new = keys != NULL;
	if (is_new)
		snprintf(source->etag, sizeof(source->etag), "%s",
			 answer->etag);
	pthread_mutex_lock(&source->lock);
	old = source->keys;
	source->keys = is_new ? keys : old;
	source->fetched_ms = clock_wall_ms();
	source->failures = 0;
	source->problem[0] = '\0';
	source->next_ms = mono_ms + ttl_ms(answer->max_age_s);
	source->is_under_way = false;
	pthread_mutex_unlock(&source->lock);
	/* outside of the lock: it may be the last */
	if (is_new)
		jwks_unref(old);
	return is_new ? KEYS_NEW : KEYS_SAME;
}

/* ---- the disk ------------------------------------------------------------ */

/* All of a plain file, at most FILE_MAX octets. */
static enum err read_file(const char *path, struct buf *out, int64_t *time_ms_r)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	enum err err = ERR_OK;
	char piece[4096];
	struct stat st;
	ssize_t n = 0;

	if (fd < 0)
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		err = ERR_IO;
	while (!err && (n = read(fd, piece, sizeof(piece))) > 0) {
		buf_add(out, piece, (size_t)n);
		if (!buf_is_ok(out))
			err = ERR_LIMIT;
	}
	close(fd);
	if (!err && n < 0)
		err = ERR_IO;
	if (!err)
		*time_ms_r = st.st_mtim.tv_sec * MS +
			     st.st_mtim.tv_nsec / 1000000;
	return err;
}

static enum err read_saved(struct key_source *source, struct str text,
			   struct jwks **keys_r)
{
	char why[JWKS_WHY_MAX];
	struct str url, etag, body;

	if (!str_has_prefix(text, STR(MAGIC)))
		return ERR_SYNTAX;
	text = (struct str){ text.ptr + strlen(MAGIC),
			     text.len - strlen(MAGIC) };
	url = str_cut(text, '\n', &text);
	etag = str_cut(text, '\n', &body);
	if (str_is_null(body) || etag.len >= sizeof(source->etag))
		return ERR_SYNTAX;
	if (!str_eq(url, source->url_text))
		return ERR_CONFLICT;
	if (jwks_parse(body, keys_r, why))
		return ERR_SYNTAX;
	snprintf(source->etag, sizeof(source->etag), "%.*s", STR_ARG(etag));
	return ERR_OK;
}

enum err key_source_load(struct key_source *source, const char *path)
{
	struct jwks *keys = NULL;
	int64_t time_ms = 0;
	struct buf text;
	bool is_loaded;
	enum err err;

	pthread_mutex_lock(&source->lock);
	is_loaded = source->is_loaded;
	source->is_loaded = true;
	pthread_mutex_unlock(&source->lock);
	/* from then on it is of who fetches */
	if (is_loaded)
		return ERR_OK;
	buf_init(&text, FILE_MAX);
	err = read_file(path, &text, &time_ms);
	if (!err)
		err = read_saved(source, buf_str(&text), &keys);
	buf_done(&text);
	if (err)
		return err;
	pthread_mutex_lock(&source->lock);
	source->keys = keys;
	source->fetched_ms = time_ms;
	pthread_mutex_unlock(&source->lock);
	return ERR_OK;
}

enum err key_source_save(struct key_source *source, const char *path,
			 struct str body, bool is_same)
{
	struct file_draft draft;
	struct buf head;
	enum err err;

	if (is_same) {
		if (!utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW))
			return ERR_OK;
		source->etag[0] = '\0';
		return errno == ENOENT ? ERR_OK : ERR_IO;
	}
	buf_init(&head, FILE_MAX);
	buf_printf(&head, MAGIC "%.*s\n%s\n", STR_ARG(source->url_text),
		   source->etag);
	err = buf_is_ok(&head) ? file_draft_begin(&draft, path) : ERR_NOMEM;
	if (!err) {
		err = file_draft_write(&draft, head.ptr, head.len);
		if (!err)
			err = file_draft_write(&draft, body.ptr, body.len);
		if (err)
			file_draft_abort(&draft);
		else
			err = file_draft_commit(&draft, true);
	}
	/* What lies there is not what this ETag names: another 304 would call
	 * it fresh.  So all of it is asked for, and written, next time. */
	if (err)
		source->etag[0] = '\0';
	buf_done(&head);
	return err;
}
