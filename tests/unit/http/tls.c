/*
 * Certificates, through a whole server and real handshakes.
 */
#include <dlfcn.h>
#include <gnutls/crypto.h>
#include <netinet/tcp.h>
#include <stdatomic.h>

#include "unit/http/client.h"

#include "http/tls.h"

/* How often the library was told to seed its generator anew; ours in front of
 * the real one. */
static atomic_uint seeded;

void gnutls_rnd_refresh(void)
{
	void (*f)(void);

	*(void **)&f = dlsym(RTLD_NEXT, "gnutls_rnd_refresh");
	seeded++;
	f();
}

#define HOST "Host: acme.localhost\r\n"
#define GET "GET / HTTP/1.1\r\n" HOST "\r\n"
#define SECURE "NORMAL"

static struct edge_answer answer;

static enum step_result hello(struct exchange *ex)
{
	ex->answer.status = 200;
	ex->answer.body = ex->request.is_tls ? STR("hello, tls") : STR("hello");
	return STEP_ANSWER;
}

static const struct step hello_list[] = { { "hello", hello, NULL }, { 0 } };
static const struct steps hello_steps = { .name = "hello",
					  .list = hello_list };
static const struct route routes[] = {
	{ "/", METHOD_GET, ROUTE_ANY, &hello_steps },
	{ 0 },
};

/* ---- the server's side -------------------------------------------------- */

static void configure(const char *listener, const char *tenant)
{
	char listen[PATH_MAX], more[256] = "";

	snprintf(listen, sizeof(listen), "{ url = \"https://127.0.0.1:0\"; "
		 "certificate = \"../%s.pem\"; key = \"../%s.key\"; }",
		 listener, listener);
	if (tenant)
		snprintf(more, sizeof(more), "certificate = \"../%s.pem\"; "
			 "key = \"../%s.key\";", tenant, tenant);
	edge_configure(listen, "", more);
}

static void start(void)
{
	edge_certify("one", "one.example", 3600, 365);
	edge_certify("two", "two.example", 3600, 365);
	edge_certify("acme", "acme.localhost", 3600, 365);
	configure("one", "acme");
	edge_start(routes, 1);
}

static void stop(void)
{
	edge_stop(EDGE_PATIENCE_MS);
	edge_free();
}

/* What the last load said. */
static char said[64 * 1024];

static enum err reload_as(struct snapshot *next)
{
	struct report report;
	struct buf text;
	enum err err;

	ck_assert_int_eq(report_init(&report), 0);
	err = server_reload(edge_server, next, &report);
	ck_assert_int_eq(err != ERR_OK, report_worst(&report) == REPORT_FATAL);
	buf_init_fixed(&text, said, sizeof(said));
	report_text(&report, &text);
	report_done(&report);
	return err;
}

static enum err reload(void)
{
	struct snapshot *next = edge_load();
	enum err err = reload_as(next);

	snapshot_unref(next);
	return err;
}

static void reload_well(void)
{
	ck_assert_msg(reload() == ERR_OK, "%s", said);
}

#define ck_said(what) ck_assert_msg(strstr(said, what) != NULL, "%s", said)

/* ---- the client's ------------------------------------------------------- */

/* Until the end of the answer's body, which is known. */
static void client_ask(struct raw_client *client, const char *request)
{
	answer.len = 0;
	answer.text[0] = '\0';
	ck_assert_int_eq(gnutls_record_send(client->session, request,
					    strlen(request)),
			 (ssize_t)strlen(request));
	gnutls_record_set_timeout(client->session, EDGE_PATIENCE_MS);
	for (;;) {
		ssize_t n = gnutls_record_recv(client->session,
					       answer.text + answer.len,
					       EDGE_ANSWER_MAX - answer.len);

		if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
			continue;
		if (n <= 0)
			return;
		answer.len += (size_t)n;
		answer.text[answer.len] = '\0';
		if (strstr(answer.text, "hello, tls"))
			return;
	}
}

/* Whose certificate does a client get that names `sni`? */
static void expect_name(const char *sni, const char *name)
{
	struct raw_client client;

	client_connect(&client);
	ck_assert_int_eq(client_shake(&client, SECURE, sni, NULL), 0);
	ck_assert_str_eq(client.name, name);
	client_ask(&client, GET);
	ck_assert(strstr(answer.text, "HTTP/1.1 200 "));
	client_close(&client);
}

/* ---- tests -------------------------------------------------------------- */

START_TEST(a_name_gets_its_own_certificate)
{
	expect_name("acme.localhost", "acme.localhost");
	expect_name("ACME.localhost", "acme.localhost");
	expect_name("other.example", "one.example");
	expect_name("xacme.localhost", "one.example");
	expect_name(NULL, "one.example");
}
END_TEST

/* What a snapshot of the machine copied of it is used by no handshake. */
START_TEST(each_handshake_seeds_the_generator_anew)
{
	unsigned before = seeded;

	for (unsigned i = 1; i <= 3; i++) {
		expect_name("acme.localhost", "acme.localhost");
		ck_assert_uint_ge(seeded, before + i);
	}
}
END_TEST

START_TEST(only_good_ciphers_are_spoken)
{
	static const struct {
		const char *priorities;
		bool works;
	} cases[] = {
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.3", true },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.2", true },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.1", false },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.0", false },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC:"
		  "+AES-256-CBC", false },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA", false },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+DHE-RSA", false },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CCM",
		  false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct raw_client client;

		client_connect(&client);
		ck_assert_msg((client_shake(&client, cases[i].priorities, NULL,
					    NULL) == 0) == cases[i].works,
			      "%s", cases[i].priorities);
		client_close(&client);
	}
}
END_TEST

START_TEST(what_hides_in_a_head_is_seen_under_tls_too)
{
	static const struct str bad[] = {
		{ "GET / HTTP/1.1\r\n" HOST ":\n", 40 },
		{ "GET / HTTP/1.1\r\n" HOST "A: 1\0\n\r\n", 46 },
	};

	for (int i = 0; i < 2; i++) {
		struct raw_client client;
		char end[64];

		client_connect(&client);
		ck_assert_int_eq(client_shake(&client, SECURE, NULL, NULL), 0);
		gnutls_record_send(client.session, bad[i].ptr, bad[i].len);
		client_ask(&client, GET);
		ck_assert_msg(strstr(answer.text, "HTTP/1.1 400 "), "%s",
			      answer.text);
		ck_assert_int_le(gnutls_record_recv(client.session, end,
						    sizeof(end)), 0);
		client_close(&client);
	}
}
END_TEST

/* The first octets tell what is spoken; a person who asked the wrong port reads
 * what to do, and nobody else gets http. */
START_TEST(plain_http_is_told_that_it_is_the_wrong_port)
{
	static const char people[] = "This port speaks https.";
	static const struct {
		const char *pieces[3];
		bool is_http, has_body;
	} cases[] = {
		{ { "GET / HTTP/1.1\r\n" HOST "\r\n" }, true, true },
		{ { "HEAD / HTTP/1.1\r\n" HOST "\r\n" }, true, false },
		{ { "POST / HTTP/1.1\r\n" HOST "\r\n" }, true, true },
		{ { "ANYTHINGATALL / HTTP/1.1\r\n" HOST "\r\n" }, true,
		  true },
		/* as it comes */
		{ { "G", "ET", " / HTTP/1.1\r\n" HOST "\r\n" }, true, true },
		{ { "HEA", "D / HTTP/1.1\r\n" HOST "\r\n" }, true, false },
		/* no method: GnuTLS says what it is */
		{ { "get / HTTP/1.1\r\n" HOST "\r\n" }, false, false },
		{ { "GET/ HTTP/1.1\r\n" HOST "\r\n" }, false, false },
		{ { "LONGERTHANANYMETHODIS / HTTP/1.1\r\n" HOST "\r\n" },
		  false, false },
		{ { "SSH-2.0-client\r\n" }, false, false },
		{ { " GET / HTTP/1.1\r\n" HOST "\r\n" }, false, false },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		char text[4096];
		size_t len = 0;
		ssize_t n;
		int fd = edge_connect(0), on = 1;

		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		for (unsigned j = 0; j < 3 && cases[i].pieces[j]; j++)
			edge_puts(fd, cases[i].pieces[j]);
		while ((n = edge_read(fd, text + len,
				      sizeof(text) - 1 - len)) > 0)
			len += (size_t)n;
		close(fd);
		text[len] = '\0';
		ck_assert_msg(!strncmp(text, "HTTP/1.1 400 ", 13) ==
			      cases[i].is_http, "case %zu: %s", i, text);
		ck_assert_msg(!strstr(text, people) != cases[i].has_body,
			      "case %zu: %s", i, text);
		ck_assert(!cases[i].is_http ||
			  strstr(text, "Connection: close"));
	}
	/* and TLS is served as before */
	expect_name("acme.localhost", "acme.localhost");
}
END_TEST

START_TEST(a_renewed_certificate_serves_from_the_next_handshake_on)
{
	struct metric *open_now = metric_get(usher_http_connections, "");
	struct raw_client before;

	client_connect(&before);
	edge_await(open_now, 1);
	/* its handshake has not begun when everything is replaced, twice */
	edge_certify("one", "renewed.example", 3600, 365);
	edge_certify("acme", "acme-renewed.example", 3600, 365);
	reload_well();
	configure("two", "acme");
	reload_well();
	ck_assert_int_eq(client_shake(&before, SECURE, NULL, NULL), 0);
	ck_assert_str_eq(before.name, "one.example");
	client_ask(&before, GET);
	client_close(&before);
	expect_name("acme.localhost", "acme-renewed.example");
	expect_name(NULL, "two.example");
}
END_TEST

START_TEST(handshakes_go_on_while_certificates_change)
{
	for (int i = 0; i < 30; i++) {
		struct raw_client client;

		edge_certify("one", i % 2 ? "odd.example" : "even.example",
			     3600, 365);
		reload_well();
		client_connect(&client);
		ck_assert_int_eq(client_shake(&client, SECURE, NULL, NULL), 0);
		ck_assert_str_eq(client.name,
				 i % 2 ? "odd.example" : "even.example");
		client_close(&client);
	}
}
END_TEST

START_TEST(a_bad_certificate_changes_nothing)
{
	static const struct {
		const char *file, *text, *listener, *says;
	} cases[] = {
		{ "empty.pem", "", "empty", "empty.pem: " },
		{ "junk.pem", "-----BEGIN CERTIFICATE-----\njunk\n", "junk",
		  "junk.pem: " },
	};

	edge_write("empty.key", "", 0);
	edge_write("junk.key", "", 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		edge_write(cases[i].file, cases[i].text,
			   strlen(cases[i].text));
		configure(cases[i].listener, "acme");
		ck_assert_int_ne(reload(), ERR_OK);
		ck_said(cases[i].says);
		ck_said("conf.d/gateway.conf:4: error: listen[0].certificate");
		expect_name(NULL, "one.example");
		expect_name("acme.localhost", "acme.localhost");
	}
}
END_TEST

START_TEST(a_file_may_go_away_after_it_was_configured)
{
	struct snapshot *next = edge_load();

	ck_assert_int_eq(unlink(edge_path("one.key")), 0);
	ck_assert_int_eq(reload_as(next), ERR_IO);
	ck_said("listen[0].key names ");
	ck_said("one.key: No such file");
	snapshot_unref(next);
	expect_name(NULL, "one.example");
}
END_TEST

START_TEST(a_key_has_to_fit)
{
	char listen[512];

	snprintf(listen, sizeof(listen), "{ url = \"https://127.0.0.1:0\"; "
		 "certificate = \"../one.pem\"; key = \"../two.key\"; }");
	edge_configure(listen, "", "");
	ck_assert_int_eq(reload(), ERR_CONFLICT);
	ck_said("two.key: is not the key");
	expect_name(NULL, "one.example");
}
END_TEST

START_TEST(a_tenant_keeps_its_last_good_certificate)
{
	edge_write("acme.pem", "broken", 6);
	reload_well();
	ck_said("conf.d/acme.conf:3: error: tenant acme: certificate names ");
	ck_said("acme.pem: ");
	ck_said("its last good certificate serves");
	expect_name("acme.localhost", "acme.localhost");
	/* again: the one that was kept is kept on */
	reload_well();
	expect_name("acme.localhost", "acme.localhost");
	expect_name(NULL, "one.example");
}
END_TEST

START_TEST(dates_are_warned_about)
{
	edge_certify("one", "old.example", 10 * 86400, 5);
	reload_well();
	ck_said("one.pem, which expired 5 days ago: browsers refuse it; renew");
	expect_name(NULL, "old.example");
	edge_certify("one", "soon.example", 3600, 7);
	edge_certify("acme", "acme.localhost", 3600, 5);
	reload_well();
	ck_said("conf.d/gateway.conf:4: warning: listen[0].certificate names ");
	ck_said("one.pem, which expires in 6 days; renew");
	ck_said("warning: tenant acme: certificate names ");
	ck_said("acme.pem, which expires in 4 days");
	edge_certify("one", "early.example", -86400, 30);
	reload_well();
	ck_said("which begins to hold only in");
}
END_TEST

/* As on a later day, without anything being read again. */
START_TEST(what_serves_is_judged_by_the_day)
{
	struct snapshot *running = edge_load();
	const int64_t day_ms = INT64_C(86400000);
	struct report report;

	edge_certify("one", "one.example", 3600, 30);
	reload_well();
	ck_assert_ptr_null(strstr(said, "expires"));
	ck_assert_int_eq(unlink(edge_path("one.pem")), 0);
	ck_assert_int_eq(report_init(&report), 0);
	server_judge_dates(edge_server, running, &report);
	ck_assert_uint_eq(report.count, 0);
	clock_hold(clock_wall_ms() + 20 * day_ms);
	server_judge_dates(edge_server, running, &report);
	clock_hold(0);
	ck_assert_uint_eq(report.count, 1);
	ck_assert(report.v[0].is_of_now);
	ck_assert(str_icontains(report.v[0].problem,
				STR("one.pem, which expires in 9 days")));
	report_done(&report);
	snapshot_unref(running);
}
END_TEST

/* The addresses that the configuration promises, over TLS. */
static void configure_hosts(const char *public_url, const char *tenant)
{
	char text[1024];
	int n = snprintf(text, sizeof(text), "gateway = {\n"
			 "public_url = \"%s\";\nstate = \"%s\";\n"
			 "listen = ( { url = \"https://127.0.0.1:0\"; "
			 "certificate = \"../one.pem\"; "
			 "key = \"../one.key\"; } ); };\n", public_url,
			 unit_dir());

	edge_write("conf.d/gateway.conf", text, (size_t)n);
	n = snprintf(text, sizeof(text), "tenant = { slug = \"acme\";\n"
		     "identity = \"unsigned\"; %s };\n", tenant);
	edge_write("conf.d/acme.conf", text, (size_t)n);
}

START_TEST(hosts_without_a_certificate_are_told)
{
	configure_hosts("https://one.example", "");
	reload_well();
	ck_assert_ptr_null(strstr(said, "is not for"));
	configure_hosts("https://other.example",
			"url = \"https://desk.example\";");
	reload_well();
	ck_said("conf.d/gateway.conf:2: warning: public_url has a host that "
		"the certificate ");
	ck_said("one.pem is not for: browsers refuse it; get one");
	ck_said("conf.d/acme.conf:2: warning: tenant acme: url has a host");
	/* its own is for it, and the gateway's host is told once */
	configure_hosts("https://other.example", "url = \"https://acme."
			"localhost\"; certificate = \"../acme.pem\"; "
			"key = \"../acme.key\";");
	reload_well();
	ck_assert_ptr_null(strstr(said, "tenant acme: url"));
	configure_hosts("https://other.example", "");
	reload_well();
	ck_assert_ptr_null(strstr(said, "tenant acme: url"));
}
END_TEST

START_TEST(sessions_are_resumed_by_ticket)
{
	static const char *const versions[] = {
		"NORMAL:-VERS-ALL:+VERS-TLS1.3",
		"NORMAL:-VERS-ALL:+VERS-TLS1.2",
	};
	struct raw_client client;
	gnutls_datum_t ticket;

	client_connect(&client);
	ck_assert_int_eq(client_shake(&client, versions[_i], NULL, NULL), 0);
	client_ask(&client, GET);
	ck_assert_int_eq(gnutls_session_get_data2(client.session, &ticket), 0);
	client_close(&client);
	client_connect(&client);
	ck_assert_int_eq(client_shake(&client, versions[_i], NULL, &ticket),
			 0);
	ck_assert(gnutls_session_is_resumed(client.session));
	client_ask(&client, GET);
	ck_assert(strstr(answer.text, "HTTP/1.1 200 "));
	client_close(&client);
	gnutls_free(ticket.data);
}
END_TEST

START_TEST(what_did_not_change_is_shared)
{
	struct snapshot *snapshot = edge_load();
	struct tls_set *first, *second;
	struct report report;

	ck_assert_int_eq(report_init(&report), 0);
	ck_assert_int_eq(tls_set_load(snapshot->gateway.listeners, 1, snapshot,
				      NULL, &first, &report), ERR_OK);
	edge_certify("acme", "acme.localhost", 3600, 365);
	ck_assert_int_eq(tls_set_load(snapshot->gateway.listeners, 1, snapshot,
				      first, &second, &report), ERR_OK);
	report_done(&report);
	ck_assert_ptr_eq(tls_set_find(first, 0, STR("")),
			 tls_set_find(second, 0, STR("")));
	ck_assert_ptr_ne(tls_set_find(first, 0, STR("acme.localhost")),
			 tls_set_find(second, 0, STR("acme.localhost")));
	ck_assert_ptr_ne(tls_set_find(first, 0, STR("acme.localhost")),
			 tls_set_find(first, 0, STR("")));
	ck_assert_ptr_null(tls_set_find(first, 1, STR("")));
	tls_set_unref(first);
	tls_set_unref(second);
	snapshot_unref(snapshot);
}
END_TEST

static void add_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, start, stop);
	tcase_add_test(tcase, a_name_gets_its_own_certificate);
	tcase_add_test(tcase, each_handshake_seeds_the_generator_anew);
	tcase_add_test(tcase, only_good_ciphers_are_spoken);
	tcase_add_test(tcase, what_hides_in_a_head_is_seen_under_tls_too);
	tcase_add_test(tcase,
		plain_http_is_told_that_it_is_the_wrong_port);
	tcase_add_test(tcase,
		       a_renewed_certificate_serves_from_the_next_handshake_on);
	tcase_add_test(tcase, handshakes_go_on_while_certificates_change);
	tcase_add_test(tcase, a_bad_certificate_changes_nothing);
	tcase_add_test(tcase, a_file_may_go_away_after_it_was_configured);
	tcase_add_test(tcase, a_key_has_to_fit);
	tcase_add_test(tcase, a_tenant_keeps_its_last_good_certificate);
	tcase_add_test(tcase, dates_are_warned_about);
	tcase_add_test(tcase, what_serves_is_judged_by_the_day);
	tcase_add_test(tcase, hosts_without_a_certificate_are_told);
	tcase_add_loop_test(tcase, sessions_are_resumed_by_ticket, 0, 2);
	tcase_add_test(tcase, what_did_not_change_is_shared);
}

UNIT_MAIN("tls", add_tests)
