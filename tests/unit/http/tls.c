/*
 * Certificates, through a whole server and real handshakes.
 */
#include <dlfcn.h>
#include <gnutls/crypto.h>
#include <stdatomic.h>
#include <sys/mman.h>

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
static int log_fd;

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
	log_fd = memfd_create("log", MFD_CLOEXEC);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_to_fd(log_fd);
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
	log_to_fd(2);
	close(log_fd);
}

static enum err reload(char *why)
{
	struct snapshot *next = edge_load();
	enum err err = server_reload(edge_server, next, why, SERVER_WHY_MAX);

	snapshot_unref(next);
	return err;
}

static void reload_well(void)
{
	char why[SERVER_WHY_MAX] = "";

	ck_assert_msg(reload(why) == ERR_OK, "%s", why);
}

static bool log_says(const char *text)
{
	static char log[256 * 1024];
	ssize_t n = pread(log_fd, log, sizeof(log) - 1, 0);

	ck_assert_int_ge(n, 0);
	log[n] = '\0';
	return strstr(log, text) != NULL;
}

/* ---- the client's ------------------------------------------------------- */

/* Until the end of the answer's body, which is known. */
static void client_ask(struct client *client, const char *request)
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
	struct client client;

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
		struct client client;

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
		struct client client;
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

START_TEST(a_renewed_certificate_serves_from_the_next_handshake_on)
{
	struct metric *open_now = metric_get(usher_http_connections, "");
	struct client before;

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
		struct client client;

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
	char why[SERVER_WHY_MAX];

	edge_write("empty.key", "", 0);
	edge_write("junk.key", "", 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		edge_write(cases[i].file, cases[i].text,
			   strlen(cases[i].text));
		configure(cases[i].listener, "acme");
		ck_assert_int_ne(reload(why), ERR_OK);
		ck_assert_msg(strstr(why, cases[i].says) &&
			      strstr(why, "https://127.0.0.1"), "%s", why);
		expect_name(NULL, "one.example");
		expect_name("acme.localhost", "acme.localhost");
	}
}
END_TEST

START_TEST(a_file_may_go_away_after_it_was_configured)
{
	struct snapshot *next = edge_load();
	char why[SERVER_WHY_MAX];

	ck_assert_int_eq(unlink(edge_path("one.key")), 0);
	ck_assert_int_eq(server_reload(edge_server, next, why, sizeof(why)),
			 ERR_IO);
	ck_assert_msg(strstr(why, "one.key: No such file"), "%s", why);
	snapshot_unref(next);
	expect_name(NULL, "one.example");
}
END_TEST

START_TEST(a_key_has_to_fit)
{
	char why[SERVER_WHY_MAX], listen[512];

	snprintf(listen, sizeof(listen), "{ url = \"https://127.0.0.1:0\"; "
		 "certificate = \"../one.pem\"; key = \"../two.key\"; }");
	edge_configure(listen, "", "");
	ck_assert_int_eq(reload(why), ERR_CONFLICT);
	ck_assert_msg(strstr(why, "two.key: is not the key"), "%s", why);
	expect_name(NULL, "one.example");
}
END_TEST

START_TEST(a_tenant_keeps_its_last_good_certificate)
{
	edge_write("acme.pem", "broken", 6);
	reload_well();
	ck_assert(log_says("certificate_not_loaded"));
	ck_assert(log_says("\"tenant\":\"acme\""));
	ck_assert(log_says("its last good certificate serves"));
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
	ck_assert(log_says("certificate_expired"));
	expect_name(NULL, "old.example");
	edge_certify("one", "soon.example", 3600, 7);
	reload_well();
	ck_assert(log_says("certificate_expires"));
	edge_certify("one", "early.example", -86400, 30);
	reload_well();
	ck_assert(log_says("certificate_not_valid_yet"));
}
END_TEST

START_TEST(sessions_are_resumed_by_ticket)
{
	static const char *const versions[] = {
		"NORMAL:-VERS-ALL:+VERS-TLS1.3",
		"NORMAL:-VERS-ALL:+VERS-TLS1.2",
	};
	struct client client;
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
	char why[SERVER_WHY_MAX];

	ck_assert_int_eq(tls_set_load(snapshot->gateway.listeners, 1, snapshot,
				      NULL, &first, why, sizeof(why)), ERR_OK);
	edge_certify("acme", "acme.localhost", 3600, 365);
	ck_assert_int_eq(tls_set_load(snapshot->gateway.listeners, 1, snapshot,
				      first, &second, why, sizeof(why)),
			 ERR_OK);
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
		       a_renewed_certificate_serves_from_the_next_handshake_on);
	tcase_add_test(tcase, handshakes_go_on_while_certificates_change);
	tcase_add_test(tcase, a_bad_certificate_changes_nothing);
	tcase_add_test(tcase, a_file_may_go_away_after_it_was_configured);
	tcase_add_test(tcase, a_key_has_to_fit);
	tcase_add_test(tcase, a_tenant_keeps_its_last_good_certificate);
	tcase_add_test(tcase, dates_are_warned_about);
	tcase_add_loop_test(tcase, sessions_are_resumed_by_ticket, 0, 2);
	tcase_add_test(tcase, what_did_not_change_is_shared);
}

UNIT_MAIN("tls", add_tests)
