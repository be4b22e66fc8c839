#include "http/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"

#define KEY_ID_MAX 64
#define DAY_S 86400

/* Was a file replaced since we read it? */
struct stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime;
};

struct tls_cert {
	atomic_uint refs;
	char *cert_path, *key_path;
	struct stamp cert_stamp, key_stamp;
	gnutls_pcert_st chain[TLS_CHAIN_MAX];
	unsigned chain_len;
	gnutls_privkey_t key;
};

struct name {
	char *host;			/* lower case */
	struct tls_cert *cert;		/* borrowed from the table */
};

struct tls_set {
	atomic_uint refs;
	struct tls_cert *listeners[CONFIG_LISTENERS_MAX];	/* borrowed */
	struct name *names;		/* sorted by host */
	unsigned name_count;
	/* all certificates, each once: an open hash table by both paths */
	struct tls_cert **table;
	unsigned table_size;		/* a power of two */
};

struct tls_slot {
	pthread_mutex_t lock;
	struct tls_set *set;
	gnutls_datum_t ticket_key;
};

/* ---- one certificate ---------------------------------------------------- */

/* What is wrong with which file, and what to do. */
struct trouble {
	const char *path, *problem, *remedy;
};

static enum err blame(struct trouble *trouble, enum err err, const char *path,
		      const char *problem, const char *remedy)
{
	*trouble = (struct trouble){ path, problem, remedy };
	return err;
}

static void cert_unref(struct tls_cert *cert)
{
	if (!cert || atomic_fetch_sub(&cert->refs, 1) > 1)
		return;
	for (unsigned i = 0; i < cert->chain_len; i++)
		gnutls_pcert_deinit(&cert->chain[i]);
	if (cert->key)
		gnutls_privkey_deinit(cert->key);
	free(cert->cert_path);
	free(cert->key_path);
	free(cert);
}

static struct stamp stamp_of(const struct stat *st)
{
	return (struct stamp){ st->st_dev, st->st_ino, st->st_size,
			       st->st_mtim };
}

static bool is_same_stamp(const struct stamp *a, const struct stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->mtime.tv_sec == b->mtime.tv_sec &&
	       a->mtime.tv_nsec == b->mtime.tv_nsec;
}

static enum err open_pem(const char *path, const char *remedy, int *fd_r,
			 struct stamp *stamp_r, struct trouble *trouble)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return blame(trouble, ERR_IO, path, strerror(errno), remedy);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return blame(trouble, ERR_IO, path, "is not a regular file",
			     remedy);
	}
	if (st.st_size > TLS_FILE_MAX) {
		close(fd);
		return blame(trouble, ERR_LIMIT, path, "is too large",
			     "it holds a certificate or a key, nothing else");
	}
	*fd_r = fd;
	*stamp_r = stamp_of(&st);
	return ERR_OK;
}

/* The file's content; free_pem() it. */
static enum err read_pem(int fd, const char *path, gnutls_datum_t *out_r,
			 struct trouble *trouble)
{
	unsigned char *data = malloc(TLS_FILE_MAX + 1);
	size_t len = 0;
	ssize_t n;

	if (!data)
		return blame(trouble, ERR_NOMEM, path, "no memory", NULL);
	while (len < TLS_FILE_MAX &&
	       (n = read(fd, data + len, TLS_FILE_MAX - len)) > 0)
		len += (size_t)n;
	data[len] = '\0';
	*out_r = (gnutls_datum_t){ data, (unsigned)len };
	return ERR_OK;
}

static void free_pem(gnutls_datum_t *pem)
{
	if (pem->data)
		explicit_bzero(pem->data, pem->size);
	free(pem->data);
}

static enum err read_chain(struct tls_cert *cert, int fd,
			   struct trouble *trouble)
{
	gnutls_datum_t pem = { NULL, 0 };
	unsigned count = TLS_CHAIN_MAX;
	enum err err = read_pem(fd, cert->cert_path, &pem, trouble);
	int rc;

	if (err)
		return err;
	rc = gnutls_pcert_list_import_x509_raw(cert->chain, &count, &pem,
					       GNUTLS_X509_FMT_PEM, 0);
	free_pem(&pem);
	if (rc < 0 || count == 0)
		return blame(trouble, ERR_SYNTAX, cert->cert_path,
			     rc < 0 ? gnutls_strerror(rc) : "is empty",
			     "it holds the server's certificate first, then "
			     "the intermediate ones, as PEM");
	cert->chain_len = count;
	return ERR_OK;
}

static enum err read_key(struct tls_cert *cert, int fd,
			 struct trouble *trouble)
{
	gnutls_datum_t pem = { NULL, 0 };
	enum err err = read_pem(fd, cert->key_path, &pem, trouble);
	int rc;

	if (err)
		return err;
	rc = gnutls_privkey_init(&cert->key);
	if (rc == 0)
		rc = gnutls_privkey_import_x509_raw(
			cert->key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
	free_pem(&pem);
	if (rc < 0)
		return blame(trouble, ERR_SYNTAX, cert->key_path,
			     gnutls_strerror(rc),
			     "it holds one private key, as PEM, without a "
			     "passphrase");
	return ERR_OK;
}

/* Do key and certificate belong together? */
static enum err check_pair(struct tls_cert *cert, struct trouble *trouble)
{
	unsigned char ids[2][KEY_ID_MAX];
	size_t lens[2] = { KEY_ID_MAX, KEY_ID_MAX };
	gnutls_pubkey_t public;
	int rc = gnutls_pubkey_init(&public);

	if (rc < 0)
		return blame(trouble, ERR_NOMEM, cert->key_path, "no memory",
			     NULL);
	rc = gnutls_pubkey_import_privkey(public, cert->key, 0, 0);
	if (rc == 0)
		rc = gnutls_pubkey_get_key_id(public, GNUTLS_KEYID_USE_SHA256,
					      ids[0], &lens[0]);
	if (rc == 0)
		rc = gnutls_pubkey_get_key_id(cert->chain[0].pubkey,
					      GNUTLS_KEYID_USE_SHA256, ids[1],
					      &lens[1]);
	gnutls_pubkey_deinit(public);
	if (rc < 0)
		return blame(trouble, ERR_UNSUPPORTED, cert->key_path,
			     gnutls_strerror(rc), NULL);
	if (lens[0] != lens[1] || memcmp(ids[0], ids[1], lens[0]) != 0)
		return blame(trouble, ERR_CONFLICT, cert->key_path,
			     "is not the key of its certificate",
			     "name the two files that belong together");
	return ERR_OK;
}

static void warn_dates(const struct tls_cert *cert)
{
	gnutls_x509_crt_t crt = NULL;
	int64_t now = clock_wall_s(), from, until;

	if (gnutls_pcert_export_x509((gnutls_pcert_st *)&cert->chain[0],
				     &crt) < 0)
		return;
	from = gnutls_x509_crt_get_activation_time(crt);
	until = gnutls_x509_crt_get_expiration_time(crt);
	gnutls_x509_crt_deinit(crt);
	if (now >= until)
		log_warn("certificate_expired",
			 LOG_TEXT("file", cert->cert_path),
			 LOG_NUM("days_ago", (now - until) / DAY_S),
			 LOG_TEXT("remedy", "renew it, then reload"));
	else if (now < from)
		log_warn("certificate_not_valid_yet",
			 LOG_TEXT("file", cert->cert_path),
			 LOG_NUM("in_seconds", from - now));
	else if (until - now < TLS_WARN_DAYS * DAY_S)
		log_warn("certificate_expires",
			 LOG_TEXT("file", cert->cert_path),
			 LOG_NUM("in_days", (until - now) / DAY_S),
			 LOG_TEXT("remedy", "renew it, then reload"));
}

static struct tls_cert *cert_new(const char *cert_path, const char *key_path)
{
	struct tls_cert *cert = calloc(1, sizeof(*cert));

	if (!cert)
		return NULL;
	atomic_init(&cert->refs, 1);
	cert->cert_path = strdup(cert_path);
	cert->key_path = strdup(key_path);
	if (cert->cert_path && cert->key_path)
		return cert;
	cert_unref(cert);
	return NULL;
}

/*
 * Read the pair, or take another reference on `known`, which was read from the
 * same paths, when the files are still the same.
 */
static enum err cert_load(const char *cert_path, const char *key_path,
			  struct tls_cert *known, struct tls_cert **cert_r,
			  struct trouble *trouble)
{
	struct tls_cert *cert = cert_new(cert_path, key_path);
	int cert_fd = -1, key_fd = -1;
	enum err err;

	if (!cert)
		return blame(trouble, ERR_NOMEM, cert_path, "no memory", NULL);
	err = open_pem(cert->cert_path,
		       "certificate must name a readable PEM file", &cert_fd,
		       &cert->cert_stamp, trouble);
	if (!err)
		err = open_pem(cert->key_path,
			       "key must name a readable PEM file", &key_fd,
			       &cert->key_stamp, trouble);
	if (err)
		goto out;
	if (known && is_same_stamp(&known->cert_stamp, &cert->cert_stamp) &&
	    is_same_stamp(&known->key_stamp, &cert->key_stamp)) {
		atomic_fetch_add(&known->refs, 1);
		*cert_r = known;
		cert_unref(cert);
		cert = NULL;
		goto out;
	}
	err = read_chain(cert, cert_fd, trouble);
	if (!err)
		err = read_key(cert, key_fd, trouble);
	if (!err)
		err = check_pair(cert, trouble);
	if (!err)
		*cert_r = cert;
out:
	/* the trouble names the caller's strings, not those that go now */
	if (err && cert) {
		trouble->path = trouble->path == cert->key_path ? key_path :
								  cert_path;
		cert_unref(cert);
	}
	if (cert_fd >= 0)
		close(cert_fd);
	if (key_fd >= 0)
		close(key_fd);
	return err;
}

/* ---- sets --------------------------------------------------------------- */

static struct tls_cert **table_place(const struct tls_set *set,
				     const char *cert_path,
				     const char *key_path)
{
	uint64_t at = hash_str(str_from(cert_path)) ^
		      hash_str(str_from(key_path)) * 3;

	for (;; at++) {
		struct tls_cert **place =
			&set->table[at & (set->table_size - 1)];

		if (!*place || (!strcmp((*place)->cert_path, cert_path) &&
				!strcmp((*place)->key_path, key_path)))
			return place;
	}
}

static struct tls_set *set_new(const struct snapshot *snapshot)
{
	struct tls_set *set = calloc(1, sizeof(*set));
	unsigned most = snapshot->tenant_count + CONFIG_LISTENERS_MAX;

	if (!set)
		return NULL;
	atomic_init(&set->refs, 1);
	for (set->table_size = 64; set->table_size < 2 * most;)
		set->table_size *= 2;
	set->table = calloc(set->table_size, sizeof(struct tls_cert *));
	set->names = calloc(snapshot->tenant_count + 1, sizeof(struct name));
	if (set->table && set->names)
		return set;
	tls_set_unref(set);
	return NULL;
}

struct tls_set *tls_set_ref(struct tls_set *set)
{
	atomic_fetch_add(&set->refs, 1);
	return set;
}

void tls_set_unref(struct tls_set *set)
{
	if (!set || atomic_fetch_sub(&set->refs, 1) > 1)
		return;
	for (unsigned i = 0; set->table && i < set->table_size; i++)
		cert_unref(set->table[i]);
	for (unsigned i = 0; i < set->name_count; i++)
		free(set->names[i].host);
	free(set->names);
	free(set->table);
	free(set);
}

/* The set owns what comes back. */
static enum err set_cert(struct tls_set *set, const struct tls_set *previous,
			 struct str cert_path, struct str key_path,
			 struct tls_cert **cert_r, struct trouble *trouble)
{
	struct tls_cert **place = table_place(set, cert_path.ptr, key_path.ptr);
	struct tls_cert *known =
		previous ? *table_place(previous, cert_path.ptr, key_path.ptr) :
			   NULL;
	enum err err = ERR_OK;

	if (!*place) {
		err = cert_load(cert_path.ptr, key_path.ptr, known, place,
				trouble);
		if (!err)
			warn_dates(*place);
	}
	if (!err)
		*cert_r = *place;
	return err;
}

/* The last good certificate of a tenant whose files no longer hold. */
static struct tls_cert *keep_last(struct tls_set *set, struct tls_cert *last)
{
	struct tls_cert **place;

	if (!last)
		return NULL;
	place = table_place(set, last->cert_path, last->key_path);
	if (!*place) {
		atomic_fetch_add(&last->refs, 1);
		*place = last;
	}
	return *place;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->host,
		      ((const struct name *)b)->host);
}

static struct tls_cert *find_name(const struct tls_set *set, const char *host)
{
	const struct name key = { .host = (char *)host };
	const struct name *found;

	if (!set || !set->name_count)
		return NULL;
	found = bsearch(&key, set->names, set->name_count, sizeof(key),
			compare_names);
	return found ? found->cert : NULL;
}

static enum err add_tenant(struct tls_set *set, const struct tls_set *previous,
			   const struct tenant *tenant)
{
	struct trouble trouble;
	struct tls_cert *cert = NULL;
	char *host;

	if (!tenant->certificate.ptr || !tenant->key.ptr ||
	    !tenant->url.host.len || tenant->state == TENANT_DISABLED)
		return ERR_OK;
	host = strndup(tenant->url.host.ptr, tenant->url.host.len);
	if (!host)
		return ERR_NOMEM;
	if (set_cert(set, previous, tenant->certificate, tenant->key, &cert,
		     &trouble) != ERR_OK) {
		cert = keep_last(set, find_name(previous, host));
		log_error("certificate_not_loaded",
			  LOG_STR("tenant", tenant->slug),
			  LOG_TEXT("file", trouble.path),
			  LOG_TEXT("problem", trouble.problem),
			  LOG_TEXT("remedy",
				   trouble.remedy ? trouble.remedy : ""),
			  LOG_TEXT("meanwhile",
				   cert ? "its last good certificate serves" :
					  "the listener's certificate serves"));
	}
	if (!cert) {
		free(host);
		return ERR_OK;
	}
	set->names[set->name_count++] = (struct name){ host, cert };
	return ERR_OK;
}

/* Tenants on one host name: the first one's certificate speaks for all. */
static void sort_names(struct tls_set *set)
{
	unsigned kept = 0;

	qsort(set->names, set->name_count, sizeof(struct name), compare_names);
	for (unsigned i = 0; i < set->name_count; i++) {
		if (kept && !strcmp(set->names[kept - 1].host,
				    set->names[i].host))
			free(set->names[i].host);
		else
			set->names[kept++] = set->names[i];
	}
	set->name_count = kept;
}

static enum err add_listener(struct tls_set *set,
			     const struct tls_set *previous,
			     const struct listener *listener, unsigned index,
			     char *why, size_t size)
{
	struct trouble trouble;
	enum err err;

	if (!listener->certificate.ptr || !listener->key.ptr) {
		snprintf(why, size,
			 "listener %.*s: https needs certificate and key",
			 STR_ARG(listener->url));
		return ERR_NOT_FOUND;
	}
	err = set_cert(set, previous, listener->certificate, listener->key,
		       &set->listeners[index], &trouble);
	if (err)
		snprintf(why, size, "listener %.*s: %s: %s%s%s",
			 STR_ARG(listener->url), trouble.path, trouble.problem,
			 trouble.remedy ? "; " : "",
			 trouble.remedy ? trouble.remedy : "");
	return err;
}

enum err tls_set_load(const struct listener *listeners, unsigned count,
		      const struct snapshot *snapshot,
		      const struct tls_set *previous, struct tls_set **set_r,
		      char *why, size_t size)
{
	struct tls_set *set = set_new(snapshot);
	enum err err = set ? ERR_OK : ERR_NOMEM;

	for (unsigned i = 0; !err && i < count; i++)
		if (listeners[i].is_https)
			err = add_listener(set, previous, &listeners[i], i,
					   why, size);
	for (unsigned i = 0; !err && i < snapshot->tenant_count; i++)
		err = add_tenant(set, previous, snapshot->tenants[i]);
	if (err == ERR_NOMEM)
		snprintf(why, size, "no memory for the certificates");
	if (err) {
		tls_set_unref(set);
		return err;
	}
	sort_names(set);
	*set_r = set;
	return ERR_OK;
}

const struct tls_cert *tls_set_find(const struct tls_set *set,
				    unsigned listener, struct str host)
{
	char name[URL_HOST_MAX + 1];
	struct tls_cert *cert;

	if (host.len < sizeof(name)) {
		for (size_t i = 0; i < host.len; i++)
			name[i] = ascii_lower(host.ptr[i]);
		name[host.len] = '\0';
		cert = find_name(set, name);
		if (cert)
			return cert;
	}
	return listener < CONFIG_LISTENERS_MAX ? set->listeners[listener] :
						 NULL;
}

/* ---- the running set ---------------------------------------------------- */

struct tls_slot *tls_slot_new(void)
{
	struct tls_slot *slot = calloc(1, sizeof(*slot));

	if (!slot)
		return NULL;
	if (gnutls_session_ticket_key_generate(&slot->ticket_key) < 0) {
		free(slot);
		return NULL;
	}
	pthread_mutex_init(&slot->lock, NULL);
	return slot;
}

void tls_slot_free(struct tls_slot *slot)
{
	if (!slot)
		return;
	tls_set_unref(slot->set);
	gnutls_memset(slot->ticket_key.data, 0, slot->ticket_key.size);
	gnutls_free(slot->ticket_key.data);
	pthread_mutex_destroy(&slot->lock);
	free(slot);
}

struct tls_set *tls_slot_get(struct tls_slot *slot)
{
	struct tls_set *set;

	pthread_mutex_lock(&slot->lock);
	set = slot->set ? tls_set_ref(slot->set) : NULL;
	pthread_mutex_unlock(&slot->lock);
	return set;
}

void tls_slot_put(struct tls_slot *slot, struct tls_set *set)
{
	struct tls_set *old;

	pthread_mutex_lock(&slot->lock);
	old = slot->set;
	slot->set = set;
	pthread_mutex_unlock(&slot->lock);
	tls_set_unref(old);
}

/* ---- sessions ----------------------------------------------------------- */

void tls_session_begin(struct tls_session *session, struct tls_slot *slot,
		       unsigned listener, gnutls_session_t gnutls)
{
	session->set = tls_slot_get(slot);
	session->listener = listener;
	/*
	 * The callback below gets no pointer of ours, and the session's own one
	 * is the library's.  There is no session database, so its pointer is
	 * free.
	 */
	gnutls_db_set_ptr(gnutls, session);
	gnutls_session_ticket_enable_server(gnutls, &slot->ticket_key);
}

void tls_session_end(struct tls_session *session)
{
	tls_set_unref(session->set);
	session->set = NULL;
}

int tls_retrieve(gnutls_session_t gnutls,
		 const struct gnutls_cert_retr_st *info,
		 gnutls_pcert_st **chain, unsigned *chain_len,
		 gnutls_ocsp_data_st **ocsp, unsigned *ocsp_len,
		 gnutls_privkey_t *key, unsigned *flags)
{
	const struct tls_session *session = gnutls_db_get_ptr(gnutls);
	const struct tls_cert *cert;
	char name[URL_HOST_MAX + 1];
	size_t len = sizeof(name);
	unsigned type = GNUTLS_NAME_DNS;

	(void)info;
	if (!session || !session->set)
		return -1;
	if (gnutls_server_name_get(gnutls, name, &len, &type, 0) < 0 ||
	    type != GNUTLS_NAME_DNS)
		len = 0;
	/* the length may count the terminator */
	len = strnlen(name, len);
	cert = tls_set_find(session->set, session->listener,
			    (struct str){ name, len });
	if (!cert)
		return -1;
	*chain = (gnutls_pcert_st *)cert->chain;
	*chain_len = cert->chain_len;
	*key = cert->key;
	*ocsp = NULL;
	*ocsp_len = 0;
	*flags = 0;	/* all of it stays ours */
	return 0;
}
