/* From a directory to a configuration that is ready to serve. */
#include "config/snapshot.h"

#include "unit/config/rig.h"
#include "unit/crypto/jws-keys.h"

START_TEST(a_small_configuration_is_all_defaults)
{
	struct snapshot *s;
	const struct tenant *t;

	rig_begin();
	rig_write("gateway.conf", GATEWAY);
	rig_write("acme.conf", "\n" TENANT("acme", ""));
	s = rig_load_good(NULL);
	ck_assert_uint_eq(s->generation, 1);
	ck_str_is(s->gateway.public_origin, "https://tickets.example");
	ck_assert_uint_eq(s->gateway.listener_count, 1);
	ck_assert(!s->gateway.listeners[0].is_https);
	ck_str_is(s->gateway.listeners[0].address, "127.0.0.1");
	ck_assert_uint_eq(s->gateway.listeners[0].port, 8080);
	ck_assert(!s->gateway.has_metrics);
	ck_str_is(s->gateway.state, "/var/lib/usher");
	ck_str_is(s->gateway.admin, "/var/lib/usher/admin.sock");
	ck_assert(str_icontains(s->gateway.plugins, STR("/usher/adapters")));
	ck_assert_uint_eq(s->gateway.rate_limit.requests, 60);
	ck_assert_uint_eq(s->gateway.rate_limit.per_s, 3600);
	ck_assert_uint_eq(s->gateway.trusted_proxy_count, 0);
	ck_assert(str_is_null(s->gateway.user));
	ck_assert(!s->gateway.development && !s->gateway.watch);
	ck_assert_int_eq(s->gateway.log_level, LOG_LEVEL_INFO);
	ck_assert_int_eq(s->gateway.log_format, LOG_FORMAT_AUTO);
	ck_assert(str_is_null(s->gateway.log_file));
	ck_assert_uint_eq(s->gateway.adapter_log, 100);
	ck_assert_uint_eq(s->gateway.workers, 0);
	ck_assert_uint_eq(s->gateway.request_deadline_s, 15);
	ck_assert_uint_eq(s->gateway.connections_max, 10000);

	t = rig_tenant(s, "acme");
	ck_assert_int_eq(t->state, TENANT_SERVING);
	ck_str_is(t->name, "acme");
	ck_str_is(t->origin, "https://tickets.example");
	ck_assert(t->is_shared);
	ck_assert(str_is_null(t->home));
	ck_assert_uint_eq(t->cors.count, 0);
	ck_assert(!t->cors.require_origin && !t->cors.allow_null_origin);
	ck_assert_int_eq(t->switch_user, SWITCH_CONFIRM);
	ck_assert(!t->decode_html);
	ck_assert_int_eq(t->callback, CALLBACK_AUTO);
	ck_str_is(t->dashboard, "https://tickets.example/dashboard");
	ck_assert_int_eq(t->identity, IDENTITY_UNSIGNED);
	ck_assert_int_eq(t->on_conflict, ON_CONFLICT_REJECT);
	ck_assert(!t->has_rate_limit);
	ck_assert_uint_eq(t->session_idle_s, 1800);
	ck_assert_uint_eq(t->session_absolute_s, 28800);
	ck_assert(str_is_null(t->certificate) && str_is_null(t->key));
	ck_assert_uint_eq(t->redeem_secrets.count, 0);
	ck_assert_ptr_nonnull(t->token_keys);
	ck_assert_ptr_null(t->adapter);
	ck_assert(t->desk);
	ck_assert(str_icontains(t->file, STR("/acme.conf")));
	ck_assert_uint_eq(t->line, 2);
	snapshot_unref(s);
	rig_end();
}
END_TEST

static const char full_gateway[] =
	"gateway = {\n"
	"public_url = \"https://Tickets.Example:8443\";\n"
	"listen = ( { url = \"https://[::]:8443\"; certificate = \"tls/c\";\n"
	"	key = \"/KEY\"; close_always = true; },\n"
	"	{ url = \"http://[::1]:0\"; } );\n"
	"admin = \"unix:/run/usher.sock\"; metrics = \"http://localhost:0\";\n"
	"state = \"../state\"; plugins = \"so\";\n"
	"rate_limit = { requests = 5; per = 7; };\n"
	"trusted_proxies = [ \"10.0.0.0/8\", \"::1\" ]; user = \"_usher-1\";\n"
	"watch = true; log = { level = \"debug\"; format = \"json\";\n"
	"	file = \"logs/all\"; }; adapter_log = 7;\n"
	"workers = 3; request_deadline = 9; connections_max = 64;\n"
	"connections_per_client = 8; metrics_hosts = [ \"a.b\", \"c.d\" ];\n"
	"};\n";

START_TEST(every_gateway_setting_arrives)
{
	const struct gateway_config *g;
	struct snapshot *s;
	char text[8192], wanted[8192];
	const char *slash = strstr(full_gateway, "/KEY");

	rig_begin();
	ck_assert_int_eq(mkdir(rig_path("tls"), 0700), 0);
	rig_write("tls/c", "certificate");
	rig_write("tls/k", "key");
	snprintf(text, sizeof(text), "%.*s%s%s",
		 (int)(slash - full_gateway), full_gateway,
		 rig_path("tls/k"), slash + 4);
	rig_write("gateway.conf", text);
	s = rig_load_good(NULL);
	/* there is no tenant, and nothing else to say */
	ck_assert_uint_eq(rig_report.count, 1);
	ck_assert(rig_found("holds no tenant: nobody can sign in"));
	g = &s->gateway;
	ck_str_is(g->file, rig_path("gateway.conf"));
	ck_str_is(g->public_origin, "https://tickets.example:8443");
	ck_assert_uint_eq(g->listener_count, 2);
	ck_assert(g->listeners[0].is_https && g->listeners[0].close_always);
	ck_str_is(g->listeners[0].address, "::");
	ck_str_is(g->listeners[0].url, "https://[::]:8443");
	ck_str_is(g->listeners[0].certificate, rig_path("tls/c"));
	ck_str_is(g->listeners[0].key, rig_path("tls/k"));
	ck_str_is(g->listeners[1].address, "::1");
	ck_assert_uint_eq(g->listeners[1].port, 0);
	ck_assert(!g->listeners[1].close_always);
	ck_str_is(g->admin, "/run/usher.sock");
	ck_assert(g->has_metrics);
	ck_str_is(g->metrics.address, "127.0.0.1");
	snprintf(wanted, sizeof(wanted), "%s/../state", rig_dir);
	ck_str_is(g->state, wanted);
	ck_str_is(g->plugins, rig_path("so"));
	ck_assert_uint_eq(g->rate_limit.requests, 5);
	ck_assert_uint_eq(g->rate_limit.per_s, 7);
	ck_assert_uint_eq(g->trusted_proxy_count, 2);
	ck_assert_uint_eq(g->trusted_proxies[0].bits, 8);
	ck_str_is(g->user, "_usher-1");
	ck_assert(g->watch);
	ck_assert_int_eq(g->log_level, LOG_LEVEL_DEBUG);
	ck_assert_int_eq(g->log_format, LOG_FORMAT_JSON);
	ck_str_is(g->log_file, rig_path("logs/all"));
	ck_assert_uint_eq(g->adapter_log, 7);
	ck_assert_uint_eq(g->workers, 3);
	ck_assert_uint_eq(g->request_deadline_s, 9);
	ck_assert_uint_eq(g->connections_max, 64);
	ck_assert_uint_eq(g->connections_per_client, 8);
	ck_assert_uint_eq(g->metrics_host_count, 2);
	ck_str_is(g->metrics_hosts[1], "c.d");
	snapshot_unref(s);

	/* The command line has the last word. */
	rig_options.state_override = "/s";
	rig_options.plugins_override = "here";
	s = rig_load_good(NULL);
	ck_str_is(s->gateway.state, "/s");
	ck_assert(s->gateway.plugins.ptr[0] == '/');
	ck_assert(str_icontains(s->gateway.plugins, STR("/here")));
	snapshot_unref(s);
	rig_end();
}
END_TEST

START_TEST(every_tenant_setting_arrives)
{
	struct snapshot *s;
	const struct tenant *t;

	rig_begin();
	rig_write("gateway.conf", GATEWAY);
	rig_write("c.pem", "certificate");
	rig_write("k.pem", "key");
	rig_write("redeem", "0123456789abcdef\r\n");
	rig_write("acme.conf", TENANT("acme",
		"name = \"\xc3\x84" "cme\";\n"
		"url = \"https://desk.acme.example\";\n"
		"home = \"https://acme.example\";\n"
		"origins = [ \"https://acme.example\",\n"
		"\"https://b.example:1\" ];\n"
		"require_origin = true; allow_null_origin = true;\n"
		"switch_user = \"replace\"; callback = \"confirm\";\n"
		"decode_html = true; dashboard = \"/d?x=1\";\n"
		"redirects = [ \"https://acme.example/support/\" ];\n"
		"redeem_secret_file = \"redeem\"; on_conflict = \"update\";\n"
		"rate_limit = { requests = 2; }; certificate = \"c.pem\";\n"
		"key = \"k.pem\"; session = { idle = 60; absolute = 60; };\n"
		"desk = false; desk_user = \"acme-{id}\";\n"
		"desk_header_encoding = \"percent\"; accent = \"#0B6e4f\";\n"
		"categories = [ \"Billing\", \"\xc3\x84rger\" ];\n"
		"terms = \"https://acme.example/terms#1\";\n"
		"attribution = \"by <Acme>\";"));
	s = rig_load_good(NULL);
	ck_assert_uint_eq(rig_report.count, 3);
	ck_assert(rig_found("does nothing while identity is not"));
	ck_assert(rig_found("is \"unsigned\": whoever"));
	ck_assert(rig_found("is false while identity is \"unsigned\""));
	t = rig_tenant(s, "acme");
	ck_str_is(t->name, "\xc3\x84" "cme");
	ck_str_is(t->origin, "https://desk.acme.example");
	ck_str_is(t->home, "https://acme.example/");
	ck_assert(!t->is_shared);
	ck_assert_uint_eq(t->cors.count, 2);
	ck_str_is(t->cors.origins[1], "https://b.example:1");
	ck_assert(t->cors.require_origin && t->cors.allow_null_origin);
	ck_assert_int_eq(t->switch_user, SWITCH_REPLACE);
	ck_assert(t->decode_html);
	ck_assert_int_eq(t->callback, CALLBACK_CONFIRM);
	ck_str_is(t->dashboard, "https://desk.acme.example/d?x=1");
	ck_assert_uint_eq(t->redirects.own_count, 1);
	ck_assert(t->redirects.own == &t->url);
	ck_assert_uint_eq(t->redirects.entry_count, 1);
	ck_str_is(t->redirects.entries[0].url.path, "/support/");
	ck_assert(!t->redirects.allow_http_loopback);
	ck_assert_uint_eq(t->redeem_secrets.count, 1);
	ck_assert(secrets_has(&t->redeem_secrets, STR("0123456789abcdef")));
	ck_assert_int_eq(t->on_conflict, ON_CONFLICT_UPDATE);
	ck_assert(t->has_rate_limit);
	ck_assert_uint_eq(t->rate_limit.requests, 2);
	ck_assert_uint_eq(t->rate_limit.per_s, 3600);
	ck_str_is(t->certificate, rig_path("c.pem"));
	ck_str_is(t->key, rig_path("k.pem"));
	ck_assert_uint_eq(t->session_idle_s, 60);
	ck_assert(!t->desk);
	ck_assert_int_eq(t->remote.encoding, REMOTE_PERCENT);
	ck_assert_uint_eq(t->remote.part_count, 2);
	ck_str_is(t->remote.parts[0].text, "acme-");
	ck_assert_int_eq(t->remote.parts[1].kind, REMOTE_ID);
	ck_str_is(t->accent, "#0B6e4f");
	ck_str_is(t->accent_ink, "#ffffff");
	ck_assert_uint_eq(t->category_count, 2);
	ck_str_is(t->categories[1], "\xc3\x84rger");
	ck_str_is(t->terms, "https://acme.example/terms#1");
	ck_str_is(t->attribution, "by <Acme>");
	snapshot_unref(s);
	rig_end();
}
END_TEST

/* By WCAG's formula, to three places. */
START_TEST(text_on_the_accent_has_contrast)
{
	static const struct {
		const char *accent, *ink;
	} cases[] = {
		{ "#000000", "#ffffff" }, { "#ffffff", "#000000" },
		{ "#ffee00", "#000000" }, { "#0b57d0", "#ffffff" },
		{ "#ff0000", "#000000" },	/* 5.25 to 4.00 */
		{ "#0000ff", "#ffffff" }, { "#00ff00", "#000000" },
		/* the turning point of grey: L = 0.179 */
		{ "#757575", "#ffffff" }, { "#767676", "#000000" },
	};
	char text[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct snapshot *s;

		rig_begin();
		rig_write("gateway.conf", GATEWAY);
		snprintf(text, sizeof(text), "tenant = { slug = \"acme\"; "
			 "identity = \"unsigned\"; accent = \"%s\"; };",
			 cases[i].accent);
		rig_write("acme.conf", text);
		s = rig_load_good(NULL);
		ck_str_is(rig_tenant(s, "acme")->accent_ink, cases[i].ink);
		snapshot_unref(s);
		rig_end();
	}
}
END_TEST

#define LISTEN "listen = ( { url = \"http://127.0.0.1:80\"; } );"
#define PUBLIC "public_url = \"https://b.example\";"

START_TEST(broken_gateways_are_refused)
{
	static const struct rig_broken cases[] = {
		{ "", 1, "public_url", "is missing", "add e.g." },
		{ PUBLIC, 1, "listen", "is missing", "add e.g. listen" },
		{ LISTEN "\npublic_url = \"tickets.example\";", 2,
		  "public_url", "must start with https://",
		  "write \"https://tickets.example/\"" },
		{ LISTEN "public_url = \"http://a.example\";", 1, "public_url",
		  "must be https://", "development = true" },
		{ LISTEN "public_url = \"http://a.example\";\n"
		  "development = true;", 1, "public_url", "loopback names only",
		  ".localhost" },
		{ LISTEN "public_url = \"https://a.example/x\";", 1,
		  "public_url", "not a path on it",
		  "write \"https://a.example\": leave out" },
		{ PUBLIC "\nlisten = ( { url = \"https://[::]:1\"; } );", 2,
		  "listen[0].certificate", "key is missing", "name both" },
		{ PUBLIC "listen = ( { url = \"https://[::]:1\";\n"
		  "certificate = \"nowhere\"; key = \"nowhere\"; } );", 2,
		  "listen[0].certificate", "/nowhere, which cannot be read: No "
		  "such file", "holds gateway.conf" },
		{ PUBLIC "listen = ( { url = \"http://127.0.0.1:1\";\n"
		  "certificate = \"x\"; } );", 2, "listen[0].certificate",
		  "does not go with an http:// listener", "leave out" },
		{ PUBLIC "listen = ( { url = \"http://[::]:1\"; } );", 1,
		  "listen[0].url", "in clear", "trusted_proxies" },
		{ PUBLIC "listen = ( { url = \"http://b.example:1\"; } );", 1,
		  "listen[0].url", "must name an address", "public_url" },
		{ PUBLIC "listen = ( { url = \"http://127.0.0.1:1/x\"; } );",
		  1, "listen[0].url", "not an address to listen at",
		  "https://[::]:8443" },
		{ PUBLIC "listen = ( { url = \"http://127.0.0.1:1?x\"; } );",
		  1, "listen[0].url", "not an address to listen at",
		  "https://[::]:8443" },
		{ PUBLIC "listen = ( { url = \"http://127.0.0.1:1#x\"; } );",
		  1, "listen[0].url", "not an address to listen at",
		  "https://[::]:8443" },
		{ PUBLIC "listen = ( { url = \":0\"; } );",
		  1, "listen[0].url", "not an address to listen at",
		  "https://[::]:8443" },
		{ PUBLIC "listen = ( { url = \"127.0.0.1:8080\"; } );",
		  1, "listen[0].url", "not an address to listen at: ",
		  "https://[::]:8443" },
		{ PUBLIC "listen = ( { url = \"http://a:b@127.0.0.1:1\"; } );",
		  1, "listen[0].url", "not an address to listen at: ",
		  "https://[::]:8443" },
		{ PUBLIC "listen = ( { url = \"http://[::1:0\"; } );",
		  1, "listen[0].url", "not an address to listen at",
		  "https://[::]:8443" },
		{ PUBLIC "listen = ( { url = \"http://127.0.0.1:1\"; },\n"
		  "{ url = \"http://127.0.0.1:1\"; } );", 2, "listen[1].url",
		  "of another listener", "a port of its own" },
		{ PUBLIC LISTEN "metrics = \"http://127.0.0.1:80\";", 1,
		  "metrics", "of another listener", "a port" },
		{ PUBLIC LISTEN "metrics = \"https://127.0.0.1:1\";", 1,
		  "metrics", "must be http://", "127.0.0.1" },
		{ PUBLIC LISTEN "admin = \"admin.sock\";", 1, "admin",
		  "must be unix:", "unix:admin.sock" },
		{ PUBLIC LISTEN "admin = \"unix:/0123456789012345678901234567"
		  "8901234567890123456789012345678901234567890123456789012345"
		  "678901234567890123456789\";", 1, "admin",
		  "a socket's has at most 107", "shorter" },
		{ PUBLIC LISTEN "\ntrusted_proxies = [ \"10.0.0.1/8\" ];", 2,
		  "trusted_proxies[0]", "not an address or a network",
		  "10.0.0.0/8" },
		{ PUBLIC LISTEN "user = \"Root\";", 1, "user",
		  "is not the name of a user", "usher" },
	};
	char text[1024];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig_begin();
		snprintf(text, sizeof(text), "gateway = { %s };",
			 cases[i].text);
		rig_write("gateway.conf", text);
		ck_assert_msg(rig_load(NULL) == NULL, "%s", cases[i].text);
		rig_check_finding(&cases[i], REPORT_FATAL);
		rig_end();
	}
}
END_TEST

START_TEST(broken_tenants_are_refused)
{
	static const struct rig_broken cases[] = {
		{ "url = \"http://desk.example\";", 3, "url",
		  "must be https://", "development" },
		{ "url = \"https://desk.example/desk\";", 3, "url",
		  "not a path on it", "leave out" },
		{ "url = \"https://user:pa55word@desk.example\";", 3, "url",
		  "is not a URL", "https://name.example.com" },
		{ "home = \"/\";", 3, "home", "is not a URL", "https://" },
		{ "accent = \"blue\";", 3, "accent", "is not a colour",
		  "like #0b57d0" },
		{ "accent = \"#0b57d\";", 3, "accent", "is not a colour",
		  "two digits" },
		{ "accent = \"#0b57g0\";", 3, "accent", "is not a colour",
		  "two digits" },
		{ "accent = \"#000;x:y\";", 3, "accent", "is not a colour",
		  "two digits" },
		{ "categories = [ \"a\", \"b \" ];", 3, "categories[1]",
		  "white space", "leave the blanks out" },
		{ "categories = [ \"a\", \"a\" ];", 3, "categories[1]",
		  "is listed twice", "keep one" },
		{ "terms = \"javascript:alert(1)\";", 3, "terms",
		  "is not a URL", "https://" },
		{ "terms = \"http://a.example/\";", 3, "terms",
		  "must be https://", "development" },
		{ "\norigins = [ \"https://a.example/\" ];", 4, "origins[0]",
		  "is not an origin", "write \"https://a.example\"" },
		{ "origins = [ \"Shop.example:443/x\" ];", 3, "origins[0]",
		  "is not an origin", "write \"https://shop.example\"" },
		{ "origins = [ \"https://joe:pw@a.example\" ];", 3,
		  "origins[0]", "is not an origin", "write it like" },
		{ "redirects = [ \"a.example/x/\" ];", 3, "redirects[0]",
		  "cannot be a redirect target",
		  "write \"https://a.example/x/\"" },
		{ "origins = [ \"http://a.example\" ];", 3, "origins[0]",
		  "must be https://", "development" },
		{ "\norigins = [ \"https://a.b\", \"https://*.co.uk\" ];", 4,
		  "origins[1]", "lets anybody in, *.co.uk: everybody may have "
		  "a name under co.uk", "the partner's alone" },
		{ "origins = [ \"http://*.a.example\" ];", 3, "origins[0]",
		  "http", "https" },
		{ "origins = [ \"https://*.a.b\", \"https://*.a.b\" ];", 3,
		  "origins[1]", "is listed twice", "keep one" },
		{ "origins = [ \"null\" ];", 3, "origins[0]",
		  "is not an origin", "https://" },
		{ "origins = [ \"https://a.b\", \"https://a.b\" ];", 3,
		  "origins[1]", "is listed twice", "keep one" },
		{ "require_origin = true;", 3, "require_origin",
		  "refuses every sign-in", "origins" },
		{ "redirects = [ \"http://a.example/\" ];", 3, "redirects[0]",
		  "loopback names only", "https://yourcompany.com/support/" },
		{ "redirects = [ \"http://a.localhost/\" ];", 3,
		  "redirects[0]", "must be https://", "development" },
		{ "redirects = [ \"https://a.example/auth/x\" ];", 3,
		  "redirects[0]", "never a target", "https://" },
		{ "dashboard = \"https://elsewhere.example/\";", 3,
		  "dashboard", "not on the list", "such as /dashboard" },
		{ "dashboard = \"/api/x\";", 3, "dashboard", "never a target",
		  "such as" },
		{ "dashboard = \"//a.example/\";", 3, "dashboard",
		  "must start with one slash", "such as" },
		{ "dashboard = \"desk\";", 3, "dashboard",
		  "must start with https://", "such as" },
		{ "session = { idle = 61;\nabsolute = 60; };", 3,
		  "session.idle", "is longer than session.absolute (61 > 60)",
		  "larger" },
		{ "certificate = \"a\";", 3, "key", "is missing", "both" },
		{ "key = \"a\";", 3, "certificate", "is missing", "both" },
		{ "certificate = \"a\"; key = \"b\";", 3, "certificate",
		  "/a, which cannot be read: No such file",
		  " holds bad.conf, ec.pem, gateway.conf" },
		{ "redeem_secret_file = \"a\";", 3, "redeem_secret_file",
		  "No such file", "relative to" },
		{ "redeem_secret_file = \"..\";", 3, "redeem_secret_file",
		  "not a regular file", "regular" },
		{ "keys = ( { kid = \"a\"; algorithm = \"HS256\"; } );", 3,
		  "keys[0].secret_file", "is missing", "HS256 has" },
		{ "keys = ( { kid = \"a\"; algorithm = \"ES256\";\n"
		  "public_key = \"p\"; secret_file = \"s\"; } );", 3,
		  "keys[0].secret_file", "does not go with", "HS256 has" },
		{ "keys = ( { kid = \"a\"; algorithm = \"ES256\"; public_key "
		  "= \"ec.pem\"; },\n{ kid = \"a\"; algorithm = \"ES256\"; "
		  "public_key = \"ec.pem\"; } );", 4, "keys", "one kid twice",
		  "of its own" },
		{ "keys = ( { kid = \"a\"; algorithm = \"HS256\";\n"
		  "secret_file = \"one\"; } );", 4, "keys[0].secret_file",
		  "a secret of 8 octets; at least 32", "openssl rand" },
		{ "keys = ( { kid = \"a\"; algorithm = \"HS256\";\n"
		  "secret_file = \"nowhere\"; } );", 4,
		  "keys[0].secret_file", "No such file", "" },
		{ "keys = ( { kid = \"a\"; algorithm = \"HS256\";\n"
		  "secret_file = \"ec.pem\"; } );", 4, "keys[0].secret_file",
		  "a PEM file, which is no secret", "use RS256" },
		{ "keys = ( { kid = \"a\"; algorithm = \"EdDSA\";\n"
		  "public_key = \"nowhere\"; } );", 4, "keys[0].public_key",
		  "/nowhere, which cannot be read: No such file", "" },
		{ "keys = ( { kid = \"a\"; algorithm = \"ES256\";\n"
		  "public_key = \"one\"; } );", 4, "keys[0].public_key",
		  "not one public key in PEM", "BEGIN PUBLIC KEY" },
		{ "keys = ( { kid = \"a\"; algorithm = \"EdDSA\";\n"
		  "public_key = \"private.pem\"; } );", 4,
		  "keys[0].public_key", "names a private key, which nobody but "
		  "the partner may have", "-pubout" },
		{ "keys = ( { kid = \"a\"; algorithm = \"RS256\";\n"
		  "public_key = \"ec.pem\"; } );", 4, "keys[0].public_key",
		  "of another kind than RS256 needs", "correct the" },
		{ "assertion_max_age = 901;", 3, "assertion_max_age",
		  "900", "" },
		{ "issuer = \"\";", 3, "issuer", "", "" },
		{ "webhooks = ( { url = \"http://a.example\"; secret_file = "
		  "\"s\"; events = [ \"e\" ]; } );", 3, "webhooks[0].url",
		  "must be https://", "" },
		{ "adapter = { module = \"fieldmap.so\"; };", 3,
		  "adapter.module", "fieldmap.so is not in the gateway's plugins "
		  "directory, /", "" },
		{ "adapter = { module = \"fieldmap.so\";\n"
		  "isolation = \"process\"; };", 3, "adapter.module",
		  "is not in the gateway's plugins directory", "" },
		{ "adapter = { module = \"../x.so\"; isolation = \"none\"; };",
		  3, "adapter.module", "a file name without a path",
		  "plugins directory" },
		{ "adapter = { module = \".x.so\"; isolation = \"none\"; };",
		  3, "adapter.module", "a file name without a path", "" },
		{ "adapter = { module = \"none.so\"; isolation = \"none\"; };",
		  3, "adapter.module", "none.so is not in the gateway's "
		  "plugins directory", "" },
		{ "adapter = { module = \"m\"; isolation = \"none\";\n"
		  "secrets = ( { name = \"a\"; file = \"nowhere\"; } ); };",
		  4, "adapter.secrets[0].file", "No such file", "" },
		{ "adapter = { module = \"m\"; isolation = \"none\"; secrets ="
		  "( { name = \"a\"; file = \"one\"; },\n{ name = \"a\"; file"
		  "= \"one\"; } ); };", 4, "adapter.secrets", "twice",
		  "keep one" },
		{ "desk_user = \"{id}\";", 3, "desk_user",
		  "takes a number for the id", "\"{slug}-{id}\"" },
		{ "desk_user = \"{email}\";", 3, "desk_user",
		  "the address of somebody of the desk's staff",
		  "\"{slug}:{email}\"" },
		{ "desk_user = \"{slug}:{external_id}\";", 3, "desk_user",
		  "do not have", "\"{slug}:{email}\"" },
		{ "desk_header_encoding = \"latin-1\";", 3,
		  "desk_header_encoding", "utf-8", "" },
		{ "bogus = 1;", 3, "bogus", "is not a known setting", "" },
	};
	const struct tenant *t;
	struct snapshot *s;
	char text[1024];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig_begin();
		rig_write("gateway.conf", GATEWAY);
		rig_write("one", "a secret");
		rig_write("ec.pem", RFC7515_A3_PUBLIC);
		rig_write("private.pem", JWS_ED_PRIVATE);
		rig_write("good.conf", TENANT("good", ""));
		snprintf(text, sizeof(text), "tenant = { slug = \"bad\";\n"
			 "identity = \"unsigned\";\n%s };", cases[i].text);
		rig_write("bad.conf", text);
		s = rig_load(NULL);
		ck_assert_ptr_nonnull(s);
		rig_check_finding(&cases[i], REPORT_TENANT);
		ck_str_is(rig_finding(REPORT_TENANT)->tenant, "bad");
		t = rig_tenant(s, "bad");
		ck_assert_int_eq(t->state, TENANT_BROKEN);
		ck_assert_msg(str_icontains(t->problem,
					    str_from(cases[i].setting)),
			      "%s: %s", cases[i].text, t->problem.ptr);
		ck_assert_ptr_null(t->token_keys);
		ck_assert_int_eq(rig_tenant(s, "good")->state, TENANT_SERVING);
		snapshot_unref(s);
		rig_end();
	}
}
END_TEST

START_TEST(slugs_and_identities_are_demanded)
{
	static const struct rig_broken cases[] = {
		{ "tenant = { identity = \"unsigned\"; };", 1, "slug",
		  "is missing", "add e.g." },
		{ "tenant = {\nslug = \"Acme\"; identity = \"unsigned\"; };", 2,
		  "slug", "small letters", "yourcompany" },
		{ "tenant = { slug = \"-a\"; identity = \"unsigned\"; };", 1,
		  "slug", "not begin with '-'", "" },
		{ "tenant = { slug = \"a/b\"; identity = \"unsigned\"; };", 1,
		  "slug", "small letters", "" },
		{ "tenant = { slug = \"acme\"; };", 1, "identity",
		  "is missing", "identity = \"unsigned\";" },
		{ "tenant = { slug = \"acme\";\nidentity = \"signed\"; };", 2,
		  "identity", "there are no keys", "add keys = (" },
		{ "tenant = ( );", 1, "tenant", "must be a group",
		  "tenant = {" },
		{ "tenants = { };", 1, "tenants", "must be a list of groups",
		  "tenants = (" },
		{ "tenants = ( { slug = \"a\"; identity = \"unsigned\"; },\n"
		  "1 );", 2, "tenants", "nothing but groups", "( {" },
		{ "\ntenent = { slug = \"acme\"; };", 2, "tenent",
		  "is not a known setting", "did you mean 'tenant'?" },
		{ "tenant = {\nslug = \"acme\" };;", 2, NULL,
		  "stands behind no setting", "leave it out" },
	};
	struct snapshot *s;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct tenant *t;

		rig_begin();
		rig_write("gateway.conf", GATEWAY);
		rig_write("bad.conf", cases[i].text);
		s = rig_load(NULL);
		ck_assert_ptr_nonnull(s);
		rig_check_finding(&cases[i], REPORT_TENANT);
		/* Whose slug can be read stands, and is 503, not 404. */
		t = snapshot_tenant(s, STR("acme"));
		ck_assert_int_eq(t != NULL,
				 strstr(cases[i].text, "\"acme\"") != NULL);
		if (t) {
			ck_assert_int_eq(t->state, TENANT_BROKEN);
			ck_assert_uint_ge(t->line, 1);
		}
		snapshot_unref(s);
		rig_end();
	}
}
END_TEST

START_TEST(exactly_one_file_has_the_gateway)
{
	rig_begin();
	rig_write("acme.conf", TENANT("acme", ""));
	ck_assert_ptr_null(rig_load(NULL));
	ck_assert(rig_found("no file has a gateway group"));

	rig_write("a.conf", GATEWAY);
	rig_write("b.conf", "\n" GATEWAY);
	ck_assert_ptr_null(rig_load(NULL));
	ck_assert_int_eq(rig_finding(REPORT_FATAL)->level, REPORT_FATAL);
	ck_assert_uint_eq(rig_finding(REPORT_FATAL)->line, 2);
	ck_assert(str_icontains(rig_finding(REPORT_FATAL)->file,
				STR("/b.conf")));
	ck_assert(rig_found("/a.conf has one too"));

	/* One that cannot even be parsed counts. */
	rig_write("b.conf", "gateway = {");
	ck_assert_ptr_null(rig_load(NULL));
	ck_assert(rig_found("/a.conf has one too"));
	rig_delete("b.conf");
	rig_write("a.conf", "gateway = {\n a = 010; };");
	ck_assert_ptr_null(rig_load(NULL));
	ck_assert(!rig_found("no file has"));
	ck_assert_uint_eq(rig_finding(REPORT_FATAL)->line, 2);

	/* A mistake beside the group is the gateway's too. */
	rig_write("a.conf", GATEWAY "tenent = { };");
	ck_assert_ptr_null(rig_load(NULL));
	ck_assert_int_eq(rig_finding(REPORT_TENANT)->level, REPORT_FATAL);

	rig_options.config_dir = "/nonexistent/usher";
	ck_assert_ptr_null(rig_load(NULL));
	ck_assert(rig_found("the configuration directory cannot be read"));
	rig_end();
}
END_TEST

START_TEST(the_gateway_alone_is_quiet_about_tenants)
{
	struct snapshot *s;

	rig_begin();
	rig_write("gateway.conf", GATEWAY);
	rig_write("acme.conf", "tenant = { slug = 010; }");
	s = snapshot_load_gateway(&rig_options, &rig_report);
	ck_assert_ptr_nonnull(s);
	ck_assert_uint_eq(rig_report.count, 0);
	ck_assert_uint_eq(s->tenant_count, 0);
	ck_assert(snapshot_host(s, STR("tickets.example"))->is_gateway);
	snapshot_unref(s);

	rig_delete("gateway.conf");
	ck_assert_ptr_null(snapshot_load_gateway(&rig_options, &rig_report));
	ck_assert(rig_found("no file has a gateway group"));
	ck_assert(rig_found("'010'"));
	rig_end();
}
END_TEST

START_TEST(a_slug_claimed_twice_serves_nobody)
{
	struct snapshot *s;
	unsigned i;

	rig_begin();
	rig_write("gateway.conf", GATEWAY);
	rig_write("a.conf", "\n" TENANT("acme", "name = \"One\";"));
	rig_write("b.conf", TENANT("acme", "name = \"Two\";"));
	rig_write("c.conf", TENANT("other", ""));
	s = rig_load(NULL);
	ck_assert_int_eq(rig_tenant(s, "acme")->state, TENANT_BROKEN);
	ck_assert_int_eq(rig_tenant(s, "other")->state, TENANT_SERVING);
	ck_assert_uint_eq(report_count(&rig_report, REPORT_TENANT), 2);
	/* Each place names the other. */
	for (i = 0; i < rig_report.count; i++) {
		const struct finding *f = &rig_report.v[i];
		bool is_a = str_icontains(f->file, STR("/a.conf"));

		if (f->level != REPORT_TENANT)
			continue;
		ck_assert_uint_eq(f->line, is_a ? 2 : 1);
		ck_assert(str_icontains(f->problem, is_a ? STR("/b.conf:1") :
					STR("/a.conf:2")));
	}
	snapshot_unref(s);

	rig_delete("b.conf");
	rig_write("a.conf", "tenants = ( { slug = \"acme\"; identity = "
		  "\"unsigned\"; },\n{ slug = \"acme\"; identity = "
		  "\"unsigned\"; } );");
	s = rig_load(NULL);
	ck_assert_int_eq(rig_tenant(s, "acme")->state, TENANT_BROKEN);
	ck_assert(rig_found("a second time"));
	snapshot_unref(s);
	rig_end();
}
END_TEST

START_TEST(a_file_may_hold_several_tenants)
{
	struct snapshot *s;

	rig_begin();
	rig_write("all.conf", GATEWAY "tenants = (\n"
		  "{ slug = \"zeta\"; identity = \"unsigned\"; },\n"
		  "{ slug = \"bad\"; identity = \"unsigned\"; desk = 1; },\n"
		  "{ slug = \"alpha\"; identity = \"unsigned\"; } );\n"
		  "tenant = { slug = \"beta\"; identity = \"unsigned\"; };\n");
	s = rig_load(NULL);
	ck_assert_uint_eq(s->tenant_count, 4);
	ck_str_is(s->tenants[0]->slug, "alpha");
	ck_str_is(s->tenants[1]->slug, "bad");
	ck_str_is(s->tenants[2]->slug, "beta");
	ck_str_is(s->tenants[3]->slug, "zeta");
	ck_assert_int_eq(s->tenants[0]->state, TENANT_SERVING);
	ck_assert_int_eq(s->tenants[1]->state, TENANT_BROKEN);
	ck_assert_uint_eq(s->tenants[1]->line, 5);
	ck_assert_uint_eq(s->tenants[0]->line, 6);
	ck_assert_ptr_null(snapshot_tenant(s, STR("alph")));
	ck_assert_ptr_null(snapshot_tenant(s, STR("")));
	snapshot_unref(s);
	rig_end();
}
END_TEST

START_TEST(hosts_know_who_lives_there)
{
	const struct host *h;
	struct snapshot *s;

	rig_begin();
	rig_write("gateway.conf", GATEWAY);
	rig_write("a.conf", TENANT("own", "url = \"https://own.example\";"));
	rig_write("b.conf", TENANT("two-b", "url = \"https://two.example\";"));
	rig_write("c.conf", TENANT("two-a",
				   "url = \"https://Two.example:8443\";"));
	rig_write("d.conf", TENANT("here", ""));
	rig_write("e.conf", TENANT("off", "url = \"https://own.example\";\n"
				   "enabled = false;"));
	rig_write("f.conf", TENANT("broken", "desk = 1;\n"
				   "url = \"https://broken.example\";"));
	s = rig_load(NULL);

	h = snapshot_host(s, STR("tickets.example"));
	ck_assert_ptr_nonnull(h);
	ck_assert(h->is_gateway);
	ck_assert_uint_eq(h->tenant_count, 1);
	ck_str_is(h->tenants[0]->slug, "here");
	ck_assert(h->tenants[0]->is_shared);

	h = snapshot_host(s, STR("two.example"));
	ck_assert(!h->is_gateway);
	ck_assert_uint_eq(h->tenant_count, 2);
	ck_str_is(h->tenants[0]->slug, "two-a");
	ck_str_is(h->tenants[1]->slug, "two-b");
	ck_assert(h->tenants[0]->is_shared && h->tenants[1]->is_shared);

	/* Who is switched off lives nowhere and shares nothing. */
	h = snapshot_host(s, STR("own.example"));
	ck_assert_uint_eq(h->tenant_count, 1);
	ck_assert(!h->tenants[0]->is_shared);
	ck_assert_int_eq(rig_tenant(s, "off")->state, TENANT_DISABLED);
	ck_assert_ptr_null(rig_tenant(s, "off")->token_keys);

	/* A broken one's host is still ours: 503, not 421. */
	h = snapshot_host(s, STR("broken.example"));
	ck_assert_ptr_nonnull(h);
	ck_assert_int_eq(h->tenants[0]->state, TENANT_BROKEN);
	ck_str_is(h->tenants[0]->origin, "https://broken.example");

	ck_assert_ptr_null(snapshot_host(s, STR("nobody.example")));
	ck_assert_ptr_null(snapshot_host(s, STR("")));
	ck_assert_ptr_null(snapshot_host(s, STR("tickets.example:443")));
	snapshot_unref(s);
	rig_end();
}
END_TEST

START_TEST(development_allows_http_for_loopback)
{
	const struct tenant *t;
	struct snapshot *s;

	rig_begin();
	rig_write("gateway.conf", "gateway = { development = true;\n"
		  "public_url = \"http://tickets.localhost:8080\";\n"
		  "listen = ( { url = \"http://[::]:8080\"; } ); };\n");
	rig_write("a.conf", TENANT("a",
		"url = \"http://a.localhost:8080\";\n"
		"origins = [ \"http://site.localhost:81\" ];\n"
		"home = \"http://site.localhost:81/x\";\n"
		"redirects = [ \"http://site.localhost:81/x\" ];\n"
		"dashboard = \"http://site.localhost:81/x/y\";"));
	s = rig_load_good(NULL);
	t = rig_tenant(s, "a");
	ck_str_is(t->origin, "http://a.localhost:8080");
	ck_str_is(t->dashboard, "http://site.localhost:81/x/y");
	ck_assert(t->redirects.allow_http_loopback);
	snapshot_unref(s);
	rig_end();
}
END_TEST

/* Is this text anywhere in what was found? */
static bool is_told(const char *secret)
{
	struct buf out;
	bool found;

	buf_init(&out, 4 << 20);
	report_text(&rig_report, &out);
	report_json(&rig_report, &out);
	ck_assert(buf_is_ok(&out));
	found = str_icontains(buf_str(&out), str_from(secret));
	buf_done(&out);
	return found;
}

START_TEST(secrets_are_kept)
{
	static const char tenant[] = TENANT("a",
		"redeem_secret_file = \"secret\";");
	static const struct {
		const char *content;
		mode_t mode;
		const char *problem;	/* NULL: fine */
	} cases[] = {
		{ "hunter2hunter2hu", 0600, NULL },
		{ "hunter2hunter2hu\n", 0400, NULL },
		{ "hunter2hunter2hu\r\n", 0600, NULL },
		{ "hunter2hunter2hu\nhunter2hunter2hu", 0400, NULL },
		{ "hunter2hunter2hu\n\n", 0600, "line 2 is empty" },
		{ "hunter2hunter2 hu", 0600, "no header can carry" },
		{ "hunter2hunter2h\n", 0600, "a secret of 15 octets" },
		{ "", 0600, "a secret of 0 octets" },
		{ "hunter2hunter2hu", 0640, "may open (mode 0640)" },
		{ "hunter2hunter2hu", 0604, "other users may open" },
	};
	struct snapshot *s;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig_begin();
		rig_write("gateway.conf", GATEWAY);
		rig_write("a.conf", tenant);
		rig_write_mode("secret", cases[i].content, cases[i].mode);
		s = rig_load(NULL);
		ck_assert_ptr_nonnull(s);
		if (cases[i].problem)
			ck_assert_msg(rig_found(cases[i].problem), "%s: %s",
				      cases[i].content, cases[i].problem);
		else
			ck_assert(secrets_has(
				&rig_tenant(s, "a")->redeem_secrets,
				STR("hunter2hunter2hu")));
		ck_assert(!is_told("hunter2"));
		snapshot_unref(s);
		rig_end();
	}
}
END_TEST

START_TEST(what_stands_in_place_of_a_path_is_not_told)
{
	struct snapshot *s;
	char big[6000];

	rig_begin();
	rig_write("gateway.conf", GATEWAY);
	rig_write("a.conf", TENANT("a",
				   "redeem_secret_file = \"hunter2\";"));
	rig_write("b.conf", TENANT("b", "redeem_secret = \"hunter2\";"));
	rig_write("c.conf", TENANT("c",
		"url = \"https://joe:hunter2@a.example\";\n"
		"origins = [ \"https://joe:hunter2@a.example\" ];\n"
		"redirects = [ \"https://joe:hunter2@a.example\" ];\n"
		"switch_user = \"hunter2\"; home = \"https://:hunter2@a\";"));
	rig_write("d.conf", TENANT("d", "redeem_secret_file = \"big\";"));
	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	rig_write("big", big);
	s = rig_load(NULL);
	ck_assert_uint_ge(report_count(&rig_report, REPORT_TENANT), 4);
	ck_assert(rig_found("more than 4096 octets"));
	ck_assert(!is_told("hunter2"));
	snapshot_unref(s);
	rig_end();
}
END_TEST

START_TEST(a_webhook_without_a_secret_is_told_of)
{
	struct snapshot *s;

	rig_begin();
	rig_write("gateway.conf", GATEWAY);
	rig_write("a.conf", TENANT("a",
		"webhooks = ( { url = \"https://w.example\"; secret_file = "
		"\"s\"; events = [ \"user.synced\" ]; } );"));
	s = rig_load_good(NULL);
	ck_assert(rig_found("events are kept, and not sent"));
	ck_assert_int_eq(rig_tenant(s, "a")->state, TENANT_SERVING);
	snapshot_unref(s);
	rig_end();
}
END_TEST

START_TEST(what_needs_signed_users_says_so)
{
	struct snapshot *s;

	rig_begin();
	rig_write("gateway.conf", GATEWAY);
	rig_write("a.conf", TENANT("a", "adopt_unsigned = true;\n"
		"on_conflict = \"update\"; desk = false;\n"));
	s = rig_load_good(NULL);
	ck_assert(rig_found("does nothing while identity is not"));
	ck_assert(rig_found("who gets an address gets what the desk"));
	ck_assert(rig_tenant(s, "a")->adopts_unsigned);
	ck_assert_int_eq(rig_tenant(s, "a")->on_conflict, ON_CONFLICT_UPDATE);
	snapshot_unref(s);
	rig_end();
}
END_TEST

#define SECRET_32 "0123456789abcdef0123456789abcdef"
#define KEYS "keys = ( { kid = \"2026-11\"; algorithm = \"HS256\";\n"	\
	"secret_file = \"secret\"; },\n{ kid = \"edge\"; algorithm = "	\
	"\"ES256\"; public_key = \"ec.pem\"; } );\n"
#define SIGNED(mode, more) "tenant = { slug = \"a\"; identity = \"" mode	\
	"\";\n" more " };\n"

START_TEST(the_keys_of_assertions_are_prepared)
{
	const struct tenant *t;
	struct snapshot *s, *next;

	rig_begin();
	rig_write("gateway.conf", GATEWAY);
	rig_write("secret", SECRET_32 "\n");
	rig_write("ec.pem", RFC7515_A3_PUBLIC);
	rig_write("a.conf", SIGNED("signed", KEYS "issuer = \"https://a.example"
				   "\"; assertion_max_age = 900;"));
	s = rig_load_good(NULL);
	t = rig_tenant(s, "a");
	ck_assert_int_eq(t->state, TENANT_SERVING);
	ck_assert_int_eq(t->identity, IDENTITY_SIGNED);
	ck_assert_uint_eq(t->key_count, 2);
	ck_str_is(t->keys[0].kid, "2026-11");
	ck_assert_int_eq(jws_key_algorithm(t->keys[0].key), JWS_HS256);
	ck_str_is(t->keys[1].kid, "edge");
	ck_assert_int_eq(jws_key_algorithm(t->keys[1].key), JWS_ES256);
	ck_str_is(t->issuer, "https://a.example");
	ck_assert_uint_eq(t->assertion_max_age_s, 900);
	ck_str_is(t->handoff_url,
		  "https://tickets.example/api/auth/redirect/a");
	ck_assert(!rig_found("identity"));
	/* another ring does not cost the keys */
	next = snapshot_rekey(s, rig_keys);
	snapshot_unref(s);
	ck_assert_uint_eq(rig_tenant(next, "a")->key_count, 2);
	ck_assert_int_eq(jws_key_algorithm(rig_tenant(next, "a")->keys[1].key),
			 JWS_ES256);
	snapshot_unref(next);
	rig_end();
}
END_TEST

START_TEST(what_becomes_of_keys_and_modes_is_told)
{
	static const struct {
		const char *text, *finding;
	} cases[] = {
		{ SIGNED("observe", KEYS), NULL },
		{ SIGNED("observe", ""), "is \"observe\", but there are no" },
		{ SIGNED("unsigned", KEYS),
		  "are not used while identity is \"unsigned\"" },
		{ SIGNED("unsigned", ""), "is \"unsigned\": whoever" },
		{ SIGNED("unsigned", "jwks_url = \"https://a.example/k\";"),
		  "is not used while identity is \"unsigned\"" },
		{ SIGNED("signed", "jwks_url = \"https://a.example/k\";"),
		  NULL },
		{ SIGNED("observe", KEYS "desk = false;"),
		  "is false while identity is \"observe\"" },
		{ SIGNED("signed", KEYS "desk = false; desk_user = "
			 "\"{slug}:{external_id}\";"), NULL },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct snapshot *s;

		rig_begin();
		rig_write("gateway.conf", GATEWAY);
		rig_write("secret", SECRET_32);
		rig_write("ec.pem", RFC7515_A3_PUBLIC);
		rig_write("a.conf", cases[i].text);
		s = rig_load_good(NULL);
		ck_assert_int_eq(rig_tenant(s, "a")->state, TENANT_SERVING);
		if (cases[i].finding)
			ck_assert_msg(rig_found(cases[i].finding), "%s",
				      cases[i].finding);
		else
			ck_assert_uint_eq(rig_report.count, 0);
		snapshot_unref(s);
		rig_end();
	}
}
END_TEST

/* What its URL alone tells of where nobody may go. */
START_TEST(keys_by_url_come_from_others_alone)
{
	static const struct {
		const char *url, *finding;
	} cases[] = {
		{ "https://127.0.0.1/k", "its host is a loopback address" },
		{ "https://[::1]/k", "its host is a loopback address" },
		{ "https://localhost/k", "its host is a loopback name" },
		{ "https://10.0.0.1/k", "its host is a private address" },
		{ "https://169.254.169.254/k", "is a link-local address" },
		{ "https://[64:ff9b::7f00:1]/k", "is a loopback address" },
		{ "http://a.example/k", "must be https://" },
		{ "https://2130706433/k", "is not a URL that can be used" },
		{ "https://a.example/k#x", "has a fragment" },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		char text[512];
		struct snapshot *s;

		snprintf(text, sizeof(text), SIGNED("signed",
			 "jwks_url = \"%s\";"), cases[i].url);
		rig_begin();
		rig_write("gateway.conf", GATEWAY);
		rig_write("a.conf", text);
		s = rig_load(NULL);
		ck_assert_int_eq(rig_tenant(s, "a")->state, TENANT_BROKEN);
		ck_assert_msg(rig_found(cases[i].finding), "%s",
			      cases[i].url);
		snapshot_unref(s);
		rig_end();
	}
}
END_TEST

START_TEST(a_desk_of_ones_own_is_worth_a_warning)
{
	struct snapshot *s;

	rig_begin();
	rig_write("gateway.conf", GATEWAY);
	rig_write("a.conf", TENANT("a14", ""));
	s = rig_load_good(NULL);
	ck_assert(!rig_found("is false while"));
	ck_str_is(rig_tenant(s, "a14")->remote.parts[1].text, ":");
	ck_assert_int_eq(rig_tenant(s, "a14")->remote.encoding, REMOTE_UTF8);
	snapshot_unref(s);
	rig_write("a.conf", TENANT("a14", "desk = false;"));
	s = rig_load_good(NULL);
	ck_assert(rig_found("is false while"));
	ck_assert(!rig_found("begins with a digit"));
	snapshot_unref(s);
	rig_write("a.conf", TENANT("14a", "desk = false;"));
	s = rig_load_good(NULL);
	ck_assert(rig_found("begins with a digit"));
	snapshot_unref(s);
	rig_write("a.conf", TENANT("14a", "desk = false;\n"
				   "desk_user = \"t-{slug}:{email}\";"));
	s = rig_load_good(NULL);
	ck_assert(!rig_found("begins with a digit"));
	snapshot_unref(s);
	rig_end();
}
END_TEST

START_TEST(odd_files_are_worth_a_warning)
{
	struct snapshot *s;

	rig_begin();
	rig_write("gateway.conf", "gateway = { "
		  "public_url = \"https://tickets.example\";\n"
		  "listen = ( { url = \"http://[::]:80\"; } );\n"
		  "metrics = \"http://[::]:81\";\n"
		  "trusted_proxies = [ \"0.0.0.0/0\" ]; };");
	rig_write("empty.conf", "# nothing\n");
	rig_write_mode("open.conf", TENANT("a", ""), 0606);
	s = rig_load_good(NULL);
	ck_assert(rig_found("trusts everybody"));
	ck_assert(rig_found("open to whoever reaches that address"));
	ck_assert(rig_found("holds nothing"));
	ck_assert(rig_found("may be changed by anyone"));
	snapshot_unref(s);
	rig_end();
}
END_TEST

START_TEST(checking_needs_no_keys)
{
	struct snapshot *s;

	rig_begin();
	rig_write("gateway.conf", GATEWAY);
	rig_write("a.conf", TENANT("a", ""));
	rig_options.keyring = NULL;
	s = rig_load_good(NULL);
	ck_assert_ptr_nonnull(rig_tenant(s, "a")->token_keys);
	snapshot_unref(s);
	rig_end();
}
END_TEST

static void snapshot_tests(TCase *tcase)
{
	tcase_add_test(tcase, a_small_configuration_is_all_defaults);
	tcase_add_test(tcase, every_gateway_setting_arrives);
	tcase_add_test(tcase, every_tenant_setting_arrives);
	tcase_add_test(tcase, text_on_the_accent_has_contrast);
	tcase_add_test(tcase, broken_gateways_are_refused);
	tcase_add_test(tcase, broken_tenants_are_refused);
	tcase_add_test(tcase, slugs_and_identities_are_demanded);
	tcase_add_test(tcase, exactly_one_file_has_the_gateway);
	tcase_add_test(tcase, the_gateway_alone_is_quiet_about_tenants);
	tcase_add_test(tcase, a_slug_claimed_twice_serves_nobody);
	tcase_add_test(tcase, a_file_may_hold_several_tenants);
	tcase_add_test(tcase, hosts_know_who_lives_there);
	tcase_add_test(tcase, development_allows_http_for_loopback);
	tcase_add_test(tcase, secrets_are_kept);
	tcase_add_test(tcase, what_stands_in_place_of_a_path_is_not_told);
	tcase_add_test(tcase, a_webhook_without_a_secret_is_told_of);
	tcase_add_test(tcase, what_needs_signed_users_says_so);
	tcase_add_test(tcase, the_keys_of_assertions_are_prepared);
	tcase_add_test(tcase, what_becomes_of_keys_and_modes_is_told);
	tcase_add_test(tcase, keys_by_url_come_from_others_alone);
	tcase_add_test(tcase, a_desk_of_ones_own_is_worth_a_warning);
	tcase_add_test(tcase, odd_files_are_worth_a_warning);
	tcase_add_test(tcase, checking_needs_no_keys);
}

UNIT_MAIN("snapshot", snapshot_tests)
