#include "http/cert.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <unistd.h>

#include "codec/url.h"

#define KEY_ID_MAX 64
#define DAY_S 86400

static enum err blame(struct cert_trouble *trouble, enum err err,
		      const char *path, const char *problem,
		      const char *remedy)
{
	*trouble = (struct cert_trouble){ path, problem, remedy };
	return err;
}

struct cert *cert_ref(struct cert *cert)
{
	atomic_fetch_add(&cert->refs, 1);
	return cert;
}

void cert_unref(struct cert *cert)
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

static struct cert_stamp stamp_of(const struct stat *st)
{
	return (struct cert_stamp){ st->st_dev, st->st_ino, st->st_size,
				    st->st_mtim };
}

static bool is_same_stamp(const struct cert_stamp *a,
			  const struct cert_stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->mtime.tv_sec == b->mtime.tv_sec &&
	       a->mtime.tv_nsec == b->mtime.tv_nsec;
}

static enum err open_pem(const char *path, const char *remedy, int *fd_r,
			 struct cert_stamp *stamp_r,
			 struct cert_trouble *trouble)
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
	if (st.st_size > CERT_FILE_MAX) {
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
			 struct cert_trouble *trouble)
{
	unsigned char *data = malloc(CERT_FILE_MAX + 1);
	size_t len = 0;
	ssize_t n = 0;

	if (!data)
		return blame(trouble, ERR_NOMEM, path, "no memory", NULL);
	while (len < CERT_FILE_MAX &&
	       (n = read(fd, data + len, CERT_FILE_MAX - len)) > 0)
		len += (size_t)n;
	/* half a file might still be half a chain */
	if (n < 0) {
		explicit_bzero(data, len);
		free(data);
		return blame(trouble, ERR_IO, path, strerror(errno), NULL);
	}
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

static bool has(const gnutls_datum_t *pem, const char *text)
{
	return memmem(pem->data, pem->size, text, strlen(text)) != NULL;
}

/* What the library could not take, in words that say what to do: by what the
 * file is, where that can be seen. */
static enum err blame_content(struct cert_trouble *trouble, const char *path,
			      const gnutls_datum_t *pem, bool is_key, int rc)
{
	bool has_key = has(pem, "PRIVATE KEY-----");
	bool has_cert = has(pem, "-----BEGIN CERTIFICATE-----");
	const char *problem = rc < 0 ? gnutls_strerror(rc) : "is empty";
	const char *remedy = is_key ? "it holds one private key, as PEM, "
				      "without a passphrase"
				    : "it holds the server's certificate "
				      "first, then the intermediate ones, as "
				      "PEM";

	if (pem->size == 0) {
		problem = "is empty";
	} else if (is_key && has_cert && !has_key) {
		problem = "holds a certificate and no key";
		remedy = "name the key there: the two may be swapped";
	} else if (!is_key && has_key && !has_cert) {
		problem = "holds a private key and no certificate";
		remedy = "name the certificate there: the two may be swapped";
	} else if (is_key && (has(pem, "-----BEGIN ENCRYPTED") ||
			      has(pem, "Proc-Type: 4,ENCRYPTED"))) {
		problem = "has a passphrase, and nobody is there to type it";
		remedy = "write it without: openssl pkey -in KEY -out NEW";
	} else if (pem->data[0] == 0x30 && !has(pem, "-----BEGIN")) {
		problem = "is in DER, not in PEM";
		remedy = is_key ?
			 "convert it: openssl pkey -inform der -in KEY -out NEW"
			 : "convert it: openssl x509 -inform der -in CERT "
			   "-out NEW";
	}
	return blame(trouble, ERR_SYNTAX, path, problem, remedy);
}

static enum err read_chain(struct cert *cert, int fd,
			   struct cert_trouble *trouble)
{
	gnutls_datum_t pem = { NULL, 0 };
	unsigned count = CERT_CHAIN_MAX;
	enum err err = read_pem(fd, cert->cert_path, &pem, trouble);
	int rc;

	if (err)
		return err;
	/* else it would serve a part of what it was given */
	rc = gnutls_pcert_list_import_x509_raw(
		cert->chain, &count, &pem, GNUTLS_X509_FMT_PEM,
		GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED);
	_Static_assert(CERT_CHAIN_MAX == 8, "as told here");
	if (rc == GNUTLS_E_SHORT_MEMORY_BUFFER)
		err = blame(trouble, ERR_LIMIT, cert->cert_path,
			    "holds more than 8 certificates",
			    "leave the server's and the intermediate ones");
	else if (rc < 0 || count == 0)
		err = blame_content(trouble, cert->cert_path, &pem, false, rc);
	else
		cert->chain_len = count;
	free_pem(&pem);
	return err;
}

static enum err read_key(struct cert *cert, int fd,
			 struct cert_trouble *trouble)
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
	if (rc < 0)
		err = blame_content(trouble, cert->key_path, &pem, true, rc);
	free_pem(&pem);
	return err;
}

/* Do key and certificate belong together? */
static enum err check_pair(struct cert *cert, struct cert_trouble *trouble)
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

/* What is asked of it while it serves, without parsing it each time. */
static enum err read_dates(struct cert *cert, struct cert_trouble *trouble)
{
	gnutls_x509_crt_t crt = NULL;

	if (gnutls_pcert_export_x509(&cert->chain[0], &crt) < 0)
		return blame(trouble, ERR_NOMEM, cert->cert_path, "no memory",
			     NULL);
	cert->from_s = gnutls_x509_crt_get_activation_time(crt);
	cert->until_s = gnutls_x509_crt_get_expiration_time(crt);
	gnutls_x509_crt_deinit(crt);
	return ERR_OK;
}

static void say_days(struct buf *out, int64_t seconds)
{
	int64_t days = seconds / DAY_S;

	buf_printf(out, "%lld day%s", (long long)days, days == 1 ? "" : "s");
}

const char *cert_judge_dates(const struct cert *cert, int64_t now_s,
			     struct buf *problem)
{
	if (now_s >= cert->until_s) {
		buf_puts(problem, "which expired ");
		say_days(problem, now_s - cert->until_s);
		buf_puts(problem, " ago: browsers refuse it");
		return "renew it, then reload";
	}
	if (now_s < cert->from_s) {
		buf_puts(problem, "which begins to hold only in ");
		say_days(problem, cert->from_s - now_s);
		return "wait for it, or see that the system's clock is right";
	}
	if (cert->until_s - now_s > CERT_WARN_DAYS * DAY_S)
		return NULL;
	buf_puts(problem, "which expires in ");
	say_days(problem, cert->until_s - now_s);
	return "renew it, then reload";
}

/* Browsers look at these alone, and never at the common name. */
static bool has_names(gnutls_x509_crt_t crt)
{
	for (unsigned i = 0;; i++) {
		size_t size = 0;
		unsigned type = 0;
		int rc = gnutls_x509_crt_get_subject_alt_name2(crt, i, NULL,
							&size, &type, NULL);

		/* the type is told where there is no room for the name */
		if (rc < 0 && rc != GNUTLS_E_SHORT_MEMORY_BUFFER)
			return false;
		if (type == GNUTLS_SAN_DNSNAME || type == GNUTLS_SAN_IPADDRESS)
			return true;
	}
}

bool cert_covers(const struct cert *cert, struct str host)
{
	gnutls_x509_crt_t crt = NULL;
	char name[URL_HOST_MAX + 1];
	bool does;

	/* [::1] of a URL is ::1 in a certificate */
	if (host.len > 2 && host.ptr[0] == '[')
		host = (struct str){ host.ptr + 1, host.len - 2 };
	if (host.len >= sizeof(name) ||
	    gnutls_pcert_export_x509((gnutls_pcert_st *)&cert->chain[0],
				     &crt) < 0)
		return false;
	snprintf(name, sizeof(name), "%.*s", STR_ARG(host));
	does = has_names(crt) && gnutls_x509_crt_check_hostname(crt, name);
	gnutls_x509_crt_deinit(crt);
	return does;
}

static struct cert *cert_new(const char *cert_path, const char *key_path)
{
	struct cert *cert = calloc(1, sizeof(*cert));

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

enum err cert_load(const char *cert_path, const char *key_path,
		   struct cert *known, struct cert **cert_r,
		   struct cert_trouble *trouble)
{
	struct cert *cert = cert_new(cert_path, key_path);
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
		*cert_r = cert_ref(known);
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
		err = read_dates(cert, trouble);
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
