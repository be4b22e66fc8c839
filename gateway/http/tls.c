#include "http/tls.h"

#include <gnutls/crypto.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/hash.h"
#include "http/cert.h"

#define TROUBLE_MAX 8192	/* octets of one: paths are long */

struct name {
	char *host;			/* lower case */
	struct cert *cert;		/* borrowed from the table */
	unsigned order;			/* in which the tenants came */
};

struct tls_set {
	atomic_uint refs;
	struct cert *listeners[CONFIG_LISTENERS_MAX];	/* borrowed */
	struct name *names;		/* sorted by host */
	unsigned name_count;
	/* all certificates, each once: an open hash table by both paths */
	struct cert **table;
	unsigned table_size;		/* a power of two */
};

struct tls_slot {
	pthread_mutex_t lock;
	struct tls_set *set;
	gnutls_datum_t ticket_key;
};

/* ---- sets --------------------------------------------------------------- */

static struct cert **table_place(const struct tls_set *set,
				     const char *cert_path,
				     const char *key_path)
{
	uint64_t at = hash_str(str_from(cert_path)) ^
		      hash_str(str_from(key_path)) * 3;

	for (;; at++) {
		struct cert **place =
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
	set->table = calloc(set->table_size, sizeof(struct cert *));
	set->names = calloc(snapshot->tenant_count + 1, sizeof(struct name));
	if (set->table && set->names)
		return set;
	tls_set_unref(set);
	return NULL;
}

static struct tls_set *ref(struct tls_set *set)
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
			 struct cert **cert_r, struct cert_trouble *trouble)
{
	struct cert **place = table_place(set, cert_path.ptr, key_path.ptr);
	struct cert *known =
		previous ? *table_place(previous, cert_path.ptr, key_path.ptr) :
			   NULL;
	enum err err = ERR_OK;

	if (!*place)
		err = cert_load(cert_path.ptr, key_path.ptr, known, place,
				trouble);
	if (!err)
		*cert_r = *place;
	return err;
}

/* The last good certificate of a tenant whose files no longer hold. */
static struct cert *keep_last(struct tls_set *set, struct cert *last)
{
	struct cert **place;

	if (!last)
		return NULL;
	place = table_place(set, last->cert_path, last->key_path);
	if (!*place)
		*place = cert_ref(last);
	return *place;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->host,
		      ((const struct name *)b)->host);
}

static struct cert *find_name(const struct tls_set *set, const char *host)
{
	const struct name key = { .host = (char *)host };
	const struct name *found;

	if (!set || !set->name_count)
		return NULL;
	found = bsearch(&key, set->names, set->name_count, sizeof(key),
			compare_names);
	return found ? found->cert : NULL;
}

/* What is wrong with one of a pair, at the line that names it. */
static void say_trouble(struct report *report, struct finding finding,
			const struct cert_trouble *trouble,
			const char *meanwhile)
{
	struct buf problem;

	buf_init(&problem, TROUBLE_MAX);
	buf_printf(&problem, "names %s: %s%s", trouble->path, trouble->problem,
		   meanwhile);
	finding.problem = buf_str(&problem);
	finding.remedy = str_from(trouble->remedy);
	report_add(report, finding);
	buf_done(&problem);
}

static void say_tenant(struct report *report, const struct tenant *tenant,
		       const struct cert_trouble *trouble, bool has_last)
{
	bool is_key = !strcmp(trouble->path, tenant->key.ptr);

	say_trouble(report, (struct finding){ .level = REPORT_TENANT,
			.file = tenant->file,
			.line = is_key ? tenant->key_line :
					 tenant->certificate_line,
			.tenant = tenant->slug,
			.setting = is_key ? STR("key") : STR("certificate") },
		    trouble, has_last ? " (its last good certificate serves)" :
					" (the listener's certificate serves)");
}

static enum err add_tenant(struct tls_set *set, const struct tls_set *previous,
			   const struct tenant *tenant, struct report *report)
{
	struct cert_trouble trouble;
	struct cert *cert = NULL;
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
		say_tenant(report, tenant, &trouble, cert != NULL);
	}
	if (!cert) {
		free(host);
		return ERR_OK;
	}
	set->names[set->name_count] = (struct name){ host, cert,
						     set->name_count };
	set->name_count++;
	return ERR_OK;
}

/* qsort() need not keep the order of equals. */
static int compare_places(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	int order = compare_names(x, y);

	return order ? order : (x->order > y->order) - (x->order < y->order);
}

/* Tenants on one host name: the first one's certificate speaks for all. */
static void sort_names(struct tls_set *set)
{
	unsigned kept = 0;

	qsort(set->names, set->name_count, sizeof(struct name), compare_places);
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
			     const struct gateway_config *gateway,
			     struct report *report)
{
	struct finding finding = { .level = REPORT_FATAL,
		.file = gateway->file, .line = listener->line };
	struct cert_trouble trouble;
	char setting[48];
	bool is_key;
	enum err err;

	snprintf(setting, sizeof(setting), "listen[%u].url", listener->index);
	finding.setting = str_from(setting);
	if (!listener->certificate.ptr || !listener->key.ptr) {
		finding.problem = STR("is https: that needs certificate and "
				      "key");
		report_add(report, finding);
		return ERR_NOT_FOUND;
	}
	err = set_cert(set, previous, listener->certificate, listener->key,
		       &set->listeners[index], &trouble);
	if (!err)
		return ERR_OK;
	is_key = !strcmp(trouble.path, listener->key.ptr);
	snprintf(setting, sizeof(setting), "listen[%u].%s", listener->index,
		 is_key ? "key" : "certificate");
	finding.setting = str_from(setting);
	finding.line = is_key ? listener->key_line :
				listener->certificate_line;
	say_trouble(report, finding, &trouble, "");
	return err;
}

enum err tls_set_load(const struct listener *listeners, unsigned count,
		      const struct snapshot *snapshot,
		      const struct tls_set *previous, struct tls_set **set_r,
		      struct report *report)
{
	struct tls_set *set = set_new(snapshot);
	enum err err = set ? ERR_OK : ERR_NOMEM, one;

	/* all of them are told, not the first alone */
	for (unsigned i = 0; set && i < count; i++) {
		one = listeners[i].is_https ?
			add_listener(set, previous, &listeners[i], i,
				     &snapshot->gateway, report) : ERR_OK;
		err = err ? err : one;
	}
	for (unsigned i = 0; !err && i < snapshot->tenant_count; i++)
		err = add_tenant(set, previous, snapshot->tenants[i], report);
	if (err == ERR_NOMEM)
		report_add(report, (struct finding){ .level = REPORT_FATAL,
			.problem = STR("no memory for the certificates") });
	if (err) {
		tls_set_unref(set);
		return err;
	}
	sort_names(set);
	*set_r = set;
	return ERR_OK;
}

const struct cert *tls_set_find(const struct tls_set *set,
				    unsigned listener, struct str host)
{
	char name[URL_HOST_MAX + 1];
	struct cert *cert;

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
	set = slot->set ? ref(slot->set) : NULL;
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

/*
 * GnuTLS keeps a generator per thread, which a snapshot of the machine copies:
 * restored twice, two gateways would sign different handshakes with one nonce,
 * and so give the certificate's key away.  It is seeded anew where a handshake
 * begins to need it.
 */
static int seed_anew(gnutls_session_t gnutls, unsigned type, unsigned when,
		     unsigned incoming, const gnutls_datum_t *message)
{
	(void)gnutls;
	(void)type;
	(void)when;
	(void)incoming;
	(void)message;
	gnutls_rnd_refresh();
	return 0;
}

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
	gnutls_handshake_set_hook_function(gnutls,
					   GNUTLS_HANDSHAKE_CLIENT_HELLO,
					   GNUTLS_HOOK_PRE, seed_anew);
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
	const struct cert *cert;
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
