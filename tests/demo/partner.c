/*
 * partner: a partner's web site for trying things out. Serves one HTML file
 * at "/" on a port of 127.0.0.1, over http or, with a certificate, https.
 *
 *	partner --port N --file PAGE.html [--cert CERT.pem --key KEY.pem]
 *		[--admin SOCKET] [--sign SECRET --tenant SLUG [--gateway URL]]
 *		[--header 'Name: value' ...]
 *
 * Whatever else is asked for is a page that it does not have, and leads back.
 *
 * With the gateway's admin socket, "/trail?after=NUMBER" answers what the
 * gateway has on record since then, as "usherctl --json audit NUMBER" does:
 * for a page that shows what happens behind it, and for a demo only.
 *
 * With a file that has the secret of the tenant's key, a POST to
 * "/support/assertion" answers a signed assertion of who is signed in here.
 * This site takes its page's word for that, from a cookie; others have a session.
 * With the gateway's address, "/support/login?state=..." is the tenant's login_url,
 * which sends them on, and "/support/logout" its logout_url.
 */
#include <getopt.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/random.h>
#include <sys/un.h>
#include <time.h>

#include "crypto/jws.h"

#define HEADERS_MAX 16
#define USER_MAX 1024		/* octets of the cookie */
#define ASSERTION_S 60		/* that it is good for */
#define TRAIL_MAX (1 << 20)
#define TRAIL_PATIENCE_S 2

struct page {
	char *text;
	size_t len;
	const char *admin;		/* NULL: none */
	char *secret;			/* NULL: nobody signs */
	size_t secret_len;
	const char *tenant;
	const char *gateway;		/* its origin; NULL: no login_url */
	char *headers[HEADERS_MAX];
	unsigned header_count;
};

static char *read_file(const char *path, size_t *len_r)
{
	FILE *f = fopen(path, "r");
	size_t cap = 1 << 20, n;
	char *text = malloc(cap);

	if (!f || !text) {
		perror(path);
		exit(1);
	}
	n = fread(text, 1, cap - 1, f);
	text[n] = '\0';
	fclose(f);
	if (len_r)
		*len_r = n;
	return text;
}

static int admin_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = TRAIL_PATIENCE_S };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return -1;
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	close(fd);
	return -1;
}

/* The records since `after`; NULL: there is no telling. The caller frees. */
static char *read_trail(const char *path, const char *after, size_t *len_r)
{
	char line[64], *text = malloc(TRAIL_MAX);
	int fd = path ? admin_connect(path) : -1;
	int len = snprintf(line, sizeof(line), "audit %s --json\n", after);
	size_t n = 0, body;
	ssize_t got;
	char *end;

	if (!text || fd < 0 || len >= (int)sizeof(line) ||
	    send(fd, line, (size_t)len, MSG_NOSIGNAL) != len)
		goto fail;
	while ((got = read(fd, text + n, TRAIL_MAX - n)) > 0)
		n += (size_t)got;
	/* "ok LENGTH", a line end, the body */
	if (got || n == TRAIL_MAX || n < 5 || memcmp(text, "ok ", 3))
		goto fail;
	text[n] = '\0';
	body = strtoul(text + 3, &end, 10);
	if (*end++ != '\n' || body != n - (size_t)(end - text))
		goto fail;
	close(fd);
	*len_r = body;
	memmove(text, end, body);
	return text;
fail:
	if (fd >= 0)
		close(fd);
	free(text);
	return NULL;
}

static enum MHD_Result answer_trail(const struct page *page,
				    struct MHD_Connection *connection)
{
	const char *after = MHD_lookup_connection_value(
		connection, MHD_GET_ARGUMENT_KIND, "after");
	struct MHD_Response *response;
	enum MHD_Result result;
	char *text = NULL;
	size_t len = 0;

	if (after && *after && strspn(after, "0123456789") == strlen(after))
		text = read_trail(page->admin, after, &len);
	response = MHD_create_response_from_buffer(len, text,
						   MHD_RESPMEM_MUST_FREE);
	MHD_add_response_header(response, "Content-Type", "application/json");
	MHD_add_response_header(response, "Cache-Control", "no-store");
	result = MHD_queue_response(connection, text ? 200 : 404, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection,
				   unsigned status, const char *text,
				   size_t len)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		len, (void *)text, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result result;

	MHD_add_response_header(response, "Content-Type", "application/json");
	MHD_add_response_header(response, "Cache-Control", "no-store");
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

/* What it says of them, {"sub":...,"email":...}, into `user`; false: nobody. */
static int read_user(struct MHD_Connection *connection, char *user)
{
	const char *cookie = MHD_lookup_connection_value(
		connection, MHD_COOKIE_KIND, "demo-user");
	size_t len;

	if (!cookie || strlen(cookie) >= USER_MAX)
		return 0;
	memcpy(user, cookie, strlen(cookie) + 1);
	len = MHD_http_unescape(user);
	return len > 2 && len == strlen(user) && user[0] == '{' &&
	       user[len - 1] == '}';
}

/* The assertion; a nonce of "" is none. */
static int sign(const struct page *page, const char *user, const char *nonce,
		struct buf *out)
{
	long long now = (long long)time(NULL);
	unsigned char random[16];
	char payload[2 * USER_MAX], jti[2 * sizeof(random) + 1];
	int len;

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return 0;
	for (unsigned i = 0; i < sizeof(random); i++)
		snprintf(jti + (size_t)2 * i, 3, "%02x", random[i]);
	len = snprintf(payload, sizeof(payload), "{\"aud\":\"%s\","
		       "\"iat\":%lld,\"exp\":%lld,\"jti\":\"%s\","
		       "%s%s%s%s", page->tenant, now, now + ASSERTION_S, jti,
		       *nonce ? "\"nonce\":\"" : "", nonce,
		       *nonce ? "\"," : "", user + 1);
	if (len < 0 || (size_t)len >= sizeof(payload))
		return 0;
	return !jws_sign(JWS_HS256, (struct str){ page->secret,
			 page->secret_len }, STR_NULL,
			 (struct str){ payload, (size_t)len }, out);
}

static enum MHD_Result answer_sign(const struct page *page,
				   struct MHD_Connection *connection)
{
	char user[USER_MAX];
	enum MHD_Result result;
	struct buf text;

	if (!read_user(connection, user))
		return answer_text(connection, 401, "{}", 2);
	buf_init(&text, JWS_MAX + 64);
	buf_puts(&text, "{\"assertion\":\"");
	if (sign(page, user, "", &text)) {
		buf_puts(&text, "\"}");
		result = answer_text(connection, 200, text.ptr, text.len);
	} else {
		result = answer_text(connection, 500, "{}", 2);
	}
	buf_done(&text);
	return result;
}

/* A page, or (to) on to somewhere else of this site's. */
static enum MHD_Result answer_page(struct MHD_Connection *connection,
				   const char *html, const char *to,
				   const char *cookie)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		strlen(html), (void *)html, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result result;

	MHD_add_response_header(response, "Content-Type",
				"text/html; charset=utf-8");
	MHD_add_response_header(response, "Cache-Control", "no-store");
	if (to)
		MHD_add_response_header(response, "Location", to);
	if (cookie)
		MHD_add_response_header(response, "Set-Cookie", cookie);
	result = MHD_queue_response(connection, to ? 302 : 200, response);
	MHD_destroy_response(response);
	return result;
}

/* What came with the desk's visitor; "" where it is none of a gateway's. */
static const char *read_state(struct MHD_Connection *connection)
{
	const char *state = MHD_lookup_connection_value(
		connection, MHD_GET_ARGUMENT_KIND, "state");

	return state && strlen(state) < 128 &&
	       !state[strspn(state, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "abcdefghijklmnopqrstuvwxyz0123456789-_")] ?
		state : "";
}

/* Who is signed in here goes on to the desk by itself. */
static enum MHD_Result answer_login(const struct page *page,
				    struct MHD_Connection *connection)
{
	char user[USER_MAX];
	enum MHD_Result result;
	struct buf text;

	if (!read_user(connection, user))
		return answer_page(connection, "", "/", NULL);
	buf_init(&text, JWS_MAX + 1024);
	buf_printf(&text, "<!doctype html>\n<meta charset=\"utf-8\">\n"
		   "<title>Support</title>\n<form method=\"post\" action="
		   "\"%s/api/auth/redirect/%s\">\n<input type=\"hidden\" "
		   "name=\"assertion\" value=\"", page->gateway, page->tenant);
	if (!sign(page, user, read_state(connection), &text))
		buf_puts(&text, "none");
	buf_puts(&text, "\">\n<button>Go on to support</button></form>\n"
		 "<script>document.forms[0].submit()</script>\n");
	result = buf_is_ok(&text) ?
		answer_page(connection, text.ptr, NULL, NULL) : MHD_NO;
	buf_done(&text);
	return result;
}

static const char signed_out[] =
	"<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width\">\n"
	"<link rel=\"icon\" href=\"data:,\">\n"
	"<title>Signed out</title>\n<style>:root{color-scheme:light dark}"
	"body{font:1rem/1.55 system-ui,sans-serif;max-width:30rem;"
	"margin:4rem auto;padding:0 1.25rem}</style>\n"
	"<h1>Signed out</h1>\n<p>You signed out of the desk, and of the "
	"partner's site.</p>\n<p><a href=\"/\">Sign in again</a></p>\n";

/* What the desk links to beside "/", such as the terms. */
static const char elsewhere[] =
	"<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width\">\n"
	"<link rel=\"icon\" href=\"data:,\">\n"
	"<title>Not in the demo</title>\n<style>:root{color-scheme:light dark}"
	"body{font:1rem/1.55 system-ui,sans-serif;max-width:30rem;"
	"margin:4rem auto;padding:0 1.25rem}</style>\n"
	"<h1>Not in the demo</h1>\n<p>A page of the partner's own would stand "
	"here.</p>\n<p><a href=\"/\">Back to the partner's site</a></p>\n";

static enum MHD_Result answer(void *cls, struct MHD_Connection *connection,
			      const char *url, const char *method,
			      const char *version, const char *data,
			      size_t *size, void **state)
{
	static int seen;
	const struct page *page = cls;
	int found = !strcmp(url, "/");
	struct MHD_Response *response;
	enum MHD_Result result;

	(void)version, (void)data;
	if (!*state) {
		*state = &seen;
		return MHD_YES;
	}
	*size = 0;
	if (!strcmp(url, "/trail"))
		return answer_trail(page, connection);
	if (page->secret && !strcmp(url, "/support/assertion") &&
	    !strcmp(method, "POST"))
		return answer_sign(page, connection);
	if (page->secret && page->gateway && !strcmp(url, "/support/login"))
		return answer_login(page, connection);
	if (page->gateway && !strcmp(url, "/support/logout"))
		return answer_page(connection, signed_out, NULL,
				   "demo-user=; Max-Age=0; Path=/");
	response = MHD_create_response_from_buffer(
		found ? page->len : sizeof(elsewhere) - 1,
		found ? (void *)page->text : (void *)elsewhere,
		MHD_RESPMEM_PERSISTENT);
	MHD_add_response_header(response, "Content-Type",
				"text/html; charset=utf-8");
	for (unsigned i = 0; i < page->header_count; i++) {
		char *colon = strstr(page->headers[i], ": ");

		*colon = '\0';
		MHD_add_response_header(response, page->headers[i], colon + 2);
		*colon = ':';
	}
	result = MHD_queue_response(connection, found ? 200 : 404, response);
	MHD_destroy_response(response);
	return result;
}

struct place {
	int port;
	char *cert, *key;
};

/* False: they do not hold together. */
static int read_options(int argc, char **argv, struct page *page,
			struct place *place)
{
	static const struct option options[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "file", required_argument, NULL, 'f' },
		{ "cert", required_argument, NULL, 'c' },
		{ "key", required_argument, NULL, 'k' },
		{ "admin", required_argument, NULL, 'a' },
		{ "sign", required_argument, NULL, 's' },
		{ "tenant", required_argument, NULL, 't' },
		{ "gateway", required_argument, NULL, 'g' },
		{ "header", required_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'p')
			place->port = (int)strtol(optarg, NULL, 10);
		else if (c == 'f')
			page->text = read_file(optarg, &page->len);
		else if (c == 'c')
			place->cert = read_file(optarg, NULL);
		else if (c == 'k')
			place->key = read_file(optarg, NULL);
		else if (c == 'a')
			page->admin = optarg;
		else if (c == 's')
			page->secret = read_file(optarg, &page->secret_len);
		else if (c == 't')
			page->tenant = optarg;
		else if (c == 'g')
			page->gateway = optarg;
		else if (c == 'h' && page->header_count < HEADERS_MAX &&
			 strstr(optarg, ": "))
			page->headers[page->header_count++] = optarg;
		else
			return 0;
	}
	/* as the gateway reads its file */
	while (page->secret_len && page->secret[page->secret_len - 1] == '\n')
		page->secret_len--;
	return page->text && !place->cert == !place->key &&
	       !page->secret == !page->tenant;
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct page page = { 0 };
	struct place place = { 0 };
	struct MHD_Daemon *daemon;
	unsigned flags = MHD_USE_AUTO_INTERNAL_THREAD;
	sigset_t signals;
	int got;

	if (!read_options(argc, argv, &page, &place))
		return 2;
	address.sin_port = htons((uint16_t)place.port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	if (place.cert)
		flags |= MHD_USE_TLS;
	daemon = MHD_start_daemon(
		flags, 0, NULL, NULL, answer, &page, MHD_OPTION_SOCK_ADDR,
		&address, place.cert ? MHD_OPTION_HTTPS_MEM_CERT : MHD_OPTION_END,
		place.cert, MHD_OPTION_HTTPS_MEM_KEY, place.key, MHD_OPTION_END);
	if (!daemon) {
		fprintf(stderr, "partner: cannot listen on 127.0.0.1:%d\n",
			place.port);
		return 1;
	}
	printf("listening on %d\n",
	       MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
	fflush(stdout);
	sigwait(&signals, &got);
	MHD_stop_daemon(daemon);
	free(page.text);
	free(place.cert);
	free(place.key);
	free(page.secret);
	return 0;
}
