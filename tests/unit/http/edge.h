/*
 * edge: a whole server in the test's process, on free ports, with lists of
 * steps of the test's own; and raw clients for it.
 */
#ifndef TESTS_UNIT_HTTP_EDGE_H
#define TESTS_UNIT_HTTP_EDGE_H

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "unit/unit.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "config/snapshot.h"
#include "http/router.h"
#include "http/server.h"

/* For what has to happen; a test that meets this end fails. */
#define EDGE_PATIENCE_MS 120000
#define EDGE_ANSWER_MAX (64 * 1024)

static struct gateway edge_gateway;
static struct server *edge_server;
static struct keyring *edge_keys;

/* ---- files -------------------------------------------------------------- */

__attribute__((unused)) static const char *edge_path(const char *name)
{
	static char paths[8][PATH_MAX + 64];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", unit_dir(), name);
	return path;
}

__attribute__((unused)) static void edge_write(const char *name,
					       const void *data, size_t len)
{
	FILE *file = fopen(edge_path(name), "we");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fchmod(fileno(file), 0600), 0);
	ck_assert_uint_eq(fwrite(data, 1, len, file), len);
	ck_assert_int_eq(fclose(file), 0);
}

/* A self-signed certificate for `host` in NAME.pem, its key in NAME.key;
 * `names`: its subjectAltName, a name, an IP or a mail address (NULL: none);
 * valid from now - `ago` for `days`. */
__attribute__((unused)) static void edge_certify_for(const char *name,
						     const char *host,
						     const char *names,
						     time_t ago, int days)
{
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t crt;
	gnutls_datum_t pem;
	char file[64];
	const unsigned char serial[] = { 1 };
	const unsigned p256 = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1);

	ck_assert_int_eq(gnutls_x509_privkey_init(&key), 0);
	ck_assert_int_eq(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
						      p256, 0), 0);
	ck_assert_int_eq(gnutls_x509_crt_init(&crt), 0);
	gnutls_x509_crt_set_version(crt, 3);
	gnutls_x509_crt_set_serial(crt, serial, sizeof(serial));
	gnutls_x509_crt_set_activation_time(crt, time(NULL) - ago);
	gnutls_x509_crt_set_expiration_time(crt, time(NULL) - ago +
						 (time_t)days * 86400);
	gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0,
				      host, (unsigned)strlen(host));
	if (names) {
		unsigned char ip[16];
		bool is_v4 = inet_pton(AF_INET, names, ip) == 1;
		bool is_ip = is_v4 || inet_pton(AF_INET6, names, ip) == 1;

		ck_assert_int_eq(gnutls_x509_crt_set_subject_alt_name(
			crt, is_ip ? GNUTLS_SAN_IPADDRESS :
			strchr(names, '@') ? GNUTLS_SAN_RFC822NAME :
					     GNUTLS_SAN_DNSNAME,
			is_ip ? (const void *)ip : names,
			is_v4 ? 4 : is_ip ? 16 : (unsigned)strlen(names),
			GNUTLS_FSAN_SET), 0);
	}
	gnutls_x509_crt_set_key(crt, key);
	ck_assert_int_eq(gnutls_x509_crt_sign2(crt, crt, key,
					       GNUTLS_DIG_SHA256, 0), 0);
	ck_assert_int_eq(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM,
						 &pem), 0);
	snprintf(file, sizeof(file), "%s.pem", name);
	edge_write(file, pem.data, pem.size);
	gnutls_free(pem.data);
	ck_assert_int_eq(gnutls_x509_privkey_export2_pkcs8(
				 key, GNUTLS_X509_FMT_PEM, NULL,
				 GNUTLS_PKCS_PLAIN, &pem), 0);
	snprintf(file, sizeof(file), "%s.key", name);
	edge_write(file, pem.data, pem.size);
	gnutls_free(pem.data);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
}

/* The same, with its host for a name. */
__attribute__((unused)) static void edge_certify(const char *name,
						 const char *host, time_t ago,
						 int days)
{
	edge_certify_for(name, host, host, ago, days);
}

/* ---- the server --------------------------------------------------------- */

__attribute__((unused)) static struct snapshot *edge_load(void)
{
	struct snapshot_options options = {
		.config_dir = edge_path("conf.d"), .workers = 2,
		.keyring = edge_keys,
	};
	struct snapshot *snapshot;
	struct report report;
	struct buf text;

	ck_assert_int_eq(report_init(&report), 0);
	snapshot = snapshot_load(&options, NULL, &report);
	buf_init(&text, 1 << 20);
	report_text(&report, &text);
	ck_assert_msg(snapshot != NULL, "%s", text.ptr);
	buf_done(&text);
	report_done(&report);
	return snapshot;
}

/* Known hosts: gateway.localhost and acme.localhost. `listen` and `settings`
 * go into the gateway group, `tenant` into that of the tenant acme. */
__attribute__((unused)) static void edge_configure(const char *listen,
						   const char *settings,
						   const char *tenant)
{
	char text[4096];
	int n;

	(void)!mkdir(edge_path("conf.d"), 0700);
	n = snprintf(text, sizeof(text), "gateway = { development = true;\n"
		     "public_url = \"http://gateway.localhost:8080\";\n"
		     "state = \"%s\"; plugins = \"%s\"; %s\n"
		     "listen = ( %s ); };\n", unit_dir(), unit_dir(), settings,
		     listen);
	edge_write("conf.d/gateway.conf", text, (size_t)n);
	n = snprintf(text, sizeof(text), "tenant = { slug = \"acme\";\n"
		     "url = \"http://acme.localhost:8080\";\n"
		     "identity = \"unsigned\"; desk = false; %s };\n", tenant);
	edge_write("conf.d/acme.conf", text, (size_t)n);
}

/* As edge_configure() said, with a table of routes. */
__attribute__((unused)) static void edge_start(const struct route *routes,
					       unsigned workers)
{
	char why[SERVER_WHY_MAX];
	struct snapshot *first;
	struct report report;

	edge_keys = keyring_new_throwaway();
	first = edge_load();
	edge_gateway = (struct gateway){
		.snapshots = snapshot_slot_new(first),
	};
	ck_assert_msg(server_listen(&edge_gateway, &first->gateway, workers,
				    &edge_server, why, sizeof(why)) == ERR_OK,
		      "%s", why);
	server_set_routes(edge_server, routes);
	ck_assert_int_eq(report_init(&report), 0);
	ck_assert_int_eq(server_reload(edge_server, first, &report), ERR_OK);
	report_done(&report);
	ck_assert_msg(server_run(edge_server, why, sizeof(why)) == ERR_OK,
		      "%s", why);
}

__attribute__((unused)) static void edge_stop(int64_t ms)
{
	server_stop(edge_server, ms);
}

__attribute__((unused)) static void edge_free(void)
{
	server_free(edge_server);
	snapshot_slot_free(edge_gateway.snapshots);
	keyring_free(edge_keys);
	edge_server = NULL;
}

/* ---- raw clients -------------------------------------------------------- */

__attribute__((unused)) static int edge_connect(unsigned listener)
{
	struct sockaddr_in sa = {
		.sin_family = AF_INET,
		.sin_port = htons(server_port(edge_server, listener)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

/* As much as the server takes. */
__attribute__((unused)) static void edge_send(int fd, const char *data,
					      size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		data += n;
		len -= (size_t)n;
	}
}

__attribute__((unused)) static void edge_puts(int fd, const char *text)
{
	edge_send(fd, text, strlen(text));
}

/* At least one octet, or -1 at the end (or a reset). */
__attribute__((unused)) static ssize_t edge_read(int fd, char *out, size_t size)
{
	struct pollfd event = { .fd = fd, .events = POLLIN };
	ssize_t n;

	/* no assertion where it went well: heads come octet by octet */
	if (poll(&event, 1, EDGE_PATIENCE_MS) != 1)
		ck_abort_msg("the server neither answers nor closes");
	n = recv(fd, out, size, 0);
	return n > 0 ? n : -1;
}

/* The end of the connection, nothing more being said. */
__attribute__((unused)) static void edge_expect_end(int fd)
{
	char c;

	ck_assert_int_eq(edge_read(fd, &c, 1), -1);
	close(fd);
}

struct edge_answer {
	char text[EDGE_ANSWER_MAX + 1];		/* the head, terminated */
	int status;				/* 0: the connection ended */
	size_t len;
	char *body;				/* terminated */
	size_t body_len;
};

/* One answer with a Content-Length; `has_body` false: to a HEAD. */
__attribute__((unused)) static void edge_receive(int fd, bool has_body,
						 struct edge_answer *answer)
{
	char *end = NULL, *length;
	size_t want = SIZE_MAX;

	answer->len = answer->body_len = 0;
	answer->status = 0;
	while (answer->len < want) {
		ssize_t n = edge_read(fd, answer->text + answer->len,
				      end ? want - answer->len : 1);

		if (n < 0)
			return;
		answer->len += (size_t)n;
		answer->text[answer->len] = '\0';
		if (answer->len >= EDGE_ANSWER_MAX)
			ck_abort_msg("an answer of %zu octets", answer->len);
		if (end || answer->len < 4 ||
		    strcmp(answer->text + answer->len - 4, "\r\n\r\n") != 0)
			continue;
		end = answer->text + answer->len;
		length = strcasestr(answer->text, "\r\nContent-Length: ");
		want = answer->len;
		if (length && has_body)
			want += strtoul(length + 18, NULL, 10);
	}
	answer->body = end;
	answer->body_len = answer->len - (size_t)(end - answer->text);
	ck_assert_int_eq(sscanf(answer->text, "HTTP/1.1 %d ", &answer->status),
			 1);
}

/* Ask and read one answer. */
__attribute__((unused)) static int edge_ask(int fd, const char *request,
					    struct edge_answer *answer)
{
	edge_puts(fd, request);
	edge_receive(fd, strncmp(request, "HEAD", 4) != 0, answer);
	return answer->status;
}

__attribute__((unused)) static bool edge_says(const struct edge_answer *answer,
					      const char *line)
{
	return strcasestr(answer->text, line) != NULL;
}

/* Until a metric (by its rendered line's start) has this value. */
__attribute__((unused)) static void edge_await(const struct metric *metric,
					       int64_t value)
{
	int64_t end = clock_mono_ms() + EDGE_PATIENCE_MS;

	while (metric_value(metric) != value) {
		ck_assert_msg(clock_mono_ms() < end, "%lld is not %lld",
			      (long long)metric_value(metric),
			      (long long)value);
		poll(NULL, 0, 1);
	}
}

#endif
