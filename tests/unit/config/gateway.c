/* The gateway group at the edge of its rules. */
#include "config/snapshot.h"

#include <sys/un.h>

#include "unit/config/rig.h"

#define PUBLIC "public_url = \"https://tickets.example\";\n"
#define LISTEN "listen = ( { url = \"http://127.0.0.1:80\"; } );\n"

static enum client_header loaded_from;
static char loaded_header[80];

/* Does a gateway group of this load?  What was found is in the report. */
static bool loads(const char *members)
{
	struct snapshot *s;
	char text[4096];

	snprintf(text, sizeof(text), "gateway = { %s };\n", members);
	rig_write("gateway.conf", text);
	s = rig_load(NULL);
	if (s) {
		loaded_from = s->gateway.client_from;
		snprintf(loaded_header, sizeof(loaded_header), "%.*s",
			 STR_ARG(s->gateway.client_header));
	}
	snapshot_unref(s);
	return s != NULL;
}

static void tear_down(void)
{
	rig_end();
}

START_TEST(each_listener_has_its_own_port_but_free_ones)
{
	static const struct {
		const char *one, *two;
		bool loads;
	} cases[] = {
		{ "127.0.0.1:80", "127.0.0.1:80", false },
		{ "localhost:80", "127.0.0.1:80", false },
		{ "127.0.0.1:80", "127.0.0.1:81", true },
		{ "127.0.0.1:80", "127.0.0.2:80", true },
		{ "127.0.0.1:0", "127.0.0.1:0", true },
	};
	char text[512];

	for (unsigned i = 0; i < N_ELEMENTS(cases); i++) {
		snprintf(text, sizeof(text), PUBLIC "listen = ( { url = "
			 "\"http://%s\"; }, { url = \"http://%s\"; } );",
			 cases[i].one, cases[i].two);
		ck_assert_msg(loads(text) == cases[i].loads, "%s", text);
		snprintf(text, sizeof(text), PUBLIC "listen = ( { url = "
			 "\"http://%s\"; } ); metrics = \"http://%s\";",
			 cases[i].one, cases[i].two);
		ck_assert_msg(loads(text) == cases[i].loads, "%s", text);
	}
}
END_TEST

START_TEST(sign_ins_do_not_go_in_clear)
{
#define OPEN PUBLIC "listen = ( { url = \"http://0.0.0.0:80\"; } );\n"
	ck_assert(!loads(OPEN));
	ck_assert(rig_found("in clear"));
	ck_assert(loads(OPEN "trusted_proxies = [ \"10.0.0.1\" ];"));
	ck_assert(loads(OPEN "development = true;"));
	ck_assert(loads(PUBLIC "listen = ( { url = \"http://[::1]:80\"; } );"));
	ck_assert(loads(PUBLIC "listen = ( { url = "
			"\"http://127.255.0.1:80\"; } );"));
	ck_assert(!loads(PUBLIC "listen = ( { url = \"http://[::]:80\"; } );"));
}
END_TEST

/* A name that says something else would let whoever sends it choose who they
 * are. */
START_TEST(one_header_may_name_the_client)
{
#define BEHIND PUBLIC "listen = ( { url = \"http://127.0.0.1:80\"; } );\n" \
	"trusted_proxies = [ \"10.0.0.1\" ];\n"
	static const struct {
		const char *name;
		enum client_header from;
	} good[] = {
		{ "X-Real-IP", CLIENT_SINGLE },
		{ "x-client-ip", CLIENT_SINGLE },
		{ "CF-Connecting-IP", CLIENT_SINGLE },
		{ "X-Forwarded-For", CLIENT_FORWARDED_FOR },
		{ "x-forwarded-for", CLIENT_FORWARDED_FOR },
		{ "forwarded", CLIENT_FORWARDED },
	};
	static const char *const bad[] = {
		"", "X_Real_IP", "X-Real-IP:", "X Real", "-X", "X-", "Host",
		"cookie", "ORIGIN", "Sec-Fetch-Mode", "Content-Length",
		"Remote-User", "Transfer-Encoding", "X-CSRF-Token",
		"X-\xc3\xa4",
	};
	char text[512];

	ck_assert(loads(BEHIND));
	ck_assert_int_eq(loaded_from, CLIENT_AUTO);
	for (size_t i = 0; i < N_ELEMENTS(good); i++) {
		snprintf(text, sizeof(text), BEHIND "client_header = \"%s\";",
			 good[i].name);
		ck_assert_msg(loads(text), "%s", good[i].name);
		ck_assert_int_eq(loaded_from, good[i].from);
		ck_assert_str_eq(loaded_header, good[i].name);
	}
	for (size_t i = 0; i < N_ELEMENTS(bad); i++) {
		snprintf(text, sizeof(text), BEHIND "client_header = \"%s\";",
			 bad[i]);
		ck_assert_msg(!loads(text), "%s", bad[i]);
		ck_assert(!bad[i][0] || rig_found("a header"));
	}
	ck_assert(loads(PUBLIC LISTEN "client_header = \"X-Real-IP\";"));
	ck_assert(rig_found("no proxy is trusted"));
}
END_TEST

START_TEST(the_sockets_path_fits_into_an_address)
{
	const size_t most = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
	char path[200], text[512];

	for (size_t len = most; len <= most + 1; len++) {
		memset(path, 'x', len);
		path[0] = '/';
		path[len] = '\0';
		snprintf(text, sizeof(text), PUBLIC LISTEN
			 "admin = \"unix:%s\";", path);
		ck_assert_int_eq(loads(text), len == most);
	}
	ck_assert(rig_found("octets; a socket's has at most"));
	ck_assert(!loads(PUBLIC LISTEN "admin = \"unix:\";"));
	ck_assert(!loads(PUBLIC LISTEN "admin = \"/run/x\";"));
}
END_TEST

START_TEST(a_user_has_a_users_name)
{
	static const struct {
		const char *name;
		bool loads;
	} cases[] = {
		{ "usher", true }, { "_u-1", true }, { "1u", false },
		{ "-u", false }, { "Usher", false }, { "u r", false },
		{ "u.r", false }, { "\xc3\xa4", false },
	};
	char text[512];

	for (unsigned i = 0; i < N_ELEMENTS(cases); i++) {
		snprintf(text, sizeof(text), PUBLIC LISTEN "user = \"%s\";",
			 cases[i].name);
		ck_assert_msg(loads(text) == cases[i].loads, "%s", text);
	}
}
END_TEST

START_TEST(a_key_that_others_may_open_is_told)
{
#define SECURE PUBLIC "listen = ( { url = \"https://[::]:80\";\n" \
	"certificate = \"c\"; key = \"k\"; } );"
	rig_write_mode("c", "certificate", 0644);
	rig_write_mode("k", "key", 0600);
	ck_assert(loads(SECURE));
	/* that there is no tenant */
	ck_assert_uint_eq(rig_report.count, 1);
	rig_write_mode("k", "key", 0644);
	ck_assert(loads(SECURE));
	ck_assert_uint_eq(rig_report.count, 2);
	ck_str_is(rig_finding(REPORT_WARNING)->setting, "listen[0].key");
	rig_delete("k");
	ck_assert(!loads(SECURE));
}
END_TEST

static void gateway_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, rig_begin, tear_down);
	tcase_add_test(tcase, each_listener_has_its_own_port_but_free_ones);
	tcase_add_test(tcase, sign_ins_do_not_go_in_clear);
	tcase_add_test(tcase, one_header_may_name_the_client);
	tcase_add_test(tcase, the_sockets_path_fits_into_an_address);
	tcase_add_test(tcase, a_user_has_a_users_name);
	tcase_add_test(tcase, a_key_that_others_may_open_is_told);
}

UNIT_MAIN("gateway", gateway_tests)
