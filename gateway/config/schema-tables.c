/*
 * The two tables.  conf.d/gateway.conf and conf.d/yourcompany.conf explain
 * each setting where it stands, and usher.conf(5) tells them all: keep them
 * together.
 */
#include "config/schema.h"

#include "adapter/adapter.h"
#include "base/log-budget.h"
#include "codec/url.h"
#include "config/snapshot.h"
#include "policy/assertion.h"
#include "policy/protected.h"
#include "store/outbox.h"
#include "store/tickets.h"

#define YEAR_S (365 * 24 * 3600)
#define PATH_LEN 1024
#define NAME_LEN 255

#define TEXT(n, lo, hi, ...) \
	{ .name = (n), .type = SETTING_TEXT, .min = (lo), .max = (hi), \
	  __VA_ARGS__ }
#define NUMBER(n, lo, hi, def, ...) \
	{ .name = (n), .type = SETTING_NUMBER, .min = (lo), .max = (hi), \
	  .number = (def), __VA_ARGS__ }
#define SWITCH(n, def, ...) \
	{ .name = (n), .type = SETTING_SWITCH, .number = (def), \
	  .example = (def) ? n " = false;" : n " = true;", __VA_ARGS__ }
#define TEXTS(n, hi, most, ...) \
	{ .name = (n), .type = SETTING_TEXTS, .min = 1, .max = (hi), \
	  .count_max = (most), __VA_ARGS__ }
#define GROUP(n, m, ...) \
	{ .name = (n), .type = SETTING_GROUP, .members = (m), __VA_ARGS__ }
#define GROUPS(n, m, most, ...) \
	{ .name = (n), .type = SETTING_GROUPS, .members = (m), \
	  .count_max = (most), __VA_ARGS__ }
/* The column of those that only a restart changes. */
#define AT_START .is_at_start = true
#define END { .name = NULL }

static const struct setting rate_limit[] = {
	NUMBER("requests", 1, RATELIMIT_REQUESTS_MAX, 60,
	       .example = "requests = 60;"),
	NUMBER("per", 1, RATELIMIT_PER_S_MAX, 3600, .example = "per = 3600;"),
	END
};

static const struct setting signed_rate_limit[] = {
	NUMBER("person", 1, RATELIMIT_REQUESTS_MAX, 30,
	       .example = "person = 30;"),
	NUMBER("tenant", 1, RATELIMIT_REQUESTS_MAX, 36000,
	       .example = "tenant = 36000;"),
	NUMBER("per", 1, RATELIMIT_PER_S_MAX, 3600, .example = "per = 3600;"),
	END
};

static const struct setting listen_members[] = {
	TEXT("url", 1, URL_MAX, .is_required = true, AT_START,
	     .example = "url = \"https://[::]:8443\";"),
	TEXT("certificate", 1, PATH_LEN,
	     .example = "certificate = \"tls/cert.pem\";"),
	TEXT("key", 1, PATH_LEN, .example = "key = \"tls/key.pem\";"),
	SWITCH("close_always", false, AT_START),
	END
};

static const struct setting log_members[] = {
	{ .name = "level", .type = SETTING_WORD,
	  .words = { "debug", "info", "warn", "error" }, .number = 1,
	  .example = "level = \"info\";" },
	{ .name = "format", .type = SETTING_WORD,
	  .words = { "auto", "text", "json" },
	  .example = "format = \"auto\";" },
	TEXT("file", 1, PATH_LEN, AT_START,
	     .example = "file = \"/var/log/usher/log\";"),
	END
};

static const struct setting retention[] = {
	NUMBER("outbox", 60, YEAR_S, OUTBOX_KEPT_S,
	       .example = "outbox = 604800;"),
	END
};

const struct setting schema_gateway[] = {
	TEXT("public_url", 1, URL_MAX, .is_required = true,
	     .example = "public_url = \"https://tickets.example.com\";"),
	GROUPS("listen", listen_members, CONFIG_LISTENERS_MAX,
	       .count_min = 1, .is_required = true, AT_START,
	       .example = "listen = ( { url = \"https://[::]:8443\"; "
	       "certificate = \"tls/cert.pem\"; key = \"tls/key.pem\"; } );"),
	TEXT("admin", 1, PATH_LEN, .text = "unix:admin.sock", AT_START,
	     .example = "admin = \"unix:admin.sock\";"),
	TEXT("metrics", 1, URL_MAX, AT_START,
	     .example = "metrics = \"http://127.0.0.1:9464\";"),
	TEXTS("metrics_hosts", 253, CONFIG_METRICS_HOSTS_MAX,
	      .example = "metrics_hosts = [ \"usher.internal\" ];"),
	TEXT("state", 1, PATH_LEN, .text = "/var/lib/usher", AT_START,
	     .example = "state = \"/var/lib/usher\";"),
	/* Where `make install` puts them, given by the build. */
	TEXT("plugins", 1, PATH_LEN, .text = USHER_ADAPTERDIR,
	     .example = "plugins = \"/usr/lib/usher/adapters\";"),
	GROUP("rate_limit", rate_limit,
	      .example = "rate_limit = { requests = 60; per = 3600; };"),
	TEXTS("trusted_proxies", 64, CONFIG_PROXIES_MAX,
	      .example = "trusted_proxies = [ \"10.0.0.0/8\" ];"),
	TEXT("client_header", 1, 64,
	     .example = "client_header = \"X-Real-IP\";"),
	TEXT("user", 1, 32, AT_START, .example = "user = \"usher\";"),
	SWITCH("development", false),
	SWITCH("watch", false, AT_START),
	GROUP("log", log_members,
	      .example = "log = { level = \"info\"; format = \"auto\"; };"),
	NUMBER("adapter_log", 1, 10000, LOG_BUDGET_LINES,
	       .example = "adapter_log = 100;"),
	NUMBER("workers", 0, ADAPTER_WORKERS_MAX, 0, AT_START,
	       .example = "workers = 4;"),
	NUMBER("request_deadline", 1, 300, 15, AT_START,
	       .example = "request_deadline = 15;"),
	NUMBER("adapter_start", 1, 60, 2,
	       .example = "adapter_start = 2;"),
	NUMBER("connections_max", 64, 1000000, 10000, AT_START,
	       .example = "connections_max = 10000;"),
	NUMBER("connections_per_client", 8, 1000000, 1000,
	       .example = "connections_per_client = 1000;"),
	NUMBER("outbox_max", 1, 10000000, OUTBOX_TENANT_MAX,
	       .example = "outbox_max = 100000;"),
	GROUP("retention", retention,
	      .example = "retention = { outbox = 604800; };"),
	END
};

static const struct setting session[] = {
	NUMBER("idle", 60, YEAR_S, 1800, .example = "idle = 1800;"),
	NUMBER("absolute", 60, YEAR_S, 28800, .example = "absolute = 28800;"),
	END
};

static const struct setting keys[] = {
	TEXT("kid", 1, 64, .is_required = true,
	     .example = "kid = \"2026-11\";"),
	{ .name = "algorithm", .type = SETTING_WORD, .is_required = true,
	  .words = { "HS256", "RS256", "ES256", "EdDSA" },
	  .example = "algorithm = \"HS256\";" },
	TEXT("secret_file", 1, PATH_LEN,
	     .example = "secret_file = \"secrets/yourcompany\";"),
	TEXT("public_key", 1, PATH_LEN,
	     .example = "public_key = \"keys/yourcompany.pem\";"),
	END
};

static const struct setting adapter_secrets[] = {
	TEXT("name", 1, USHER_SECRET_NAME_MAX, .is_required = true,
	     .example = "name = \"zendesk\";"),
	TEXT("file", 1, PATH_LEN, .is_required = true,
	     .example = "file = \"secrets/zendesk\";"),
	END
};

static const struct setting adapter[] = {
	TEXT("module", 1, NAME_LEN, .is_required = true,
	     .example = "module = \"fieldmap.so\";"),
	{ .name = "isolation", .type = SETTING_WORD,
	  .words = { "process", "none" },
	  .example = "isolation = \"none\";" },
	NUMBER("deadline_ms", 1, 60000, 50, .example = "deadline_ms = 50;"),
	{ .name = "on_failure", .type = SETTING_WORD,
	  .words = { "deny", "default" },
	  .example = "on_failure = \"deny\";" },
	GROUPS("secrets", adapter_secrets, USHER_SECRETS_MAX,
	       .example = "secrets = ( { name = \"zendesk\"; "
	       "file = \"secrets/zendesk\"; } );"),
	{ .name = "config", .type = SETTING_FREE,
	  .example = "config = { company = { from = \"company_name\"; }; };" },
	TEXTS("json_fields", USHER_NAME_MAX, 32,
	      .example = "json_fields = [ \"address\" ];"),
	END
};

static const struct setting webhooks[] = {
	TEXT("url", 1, URL_MAX, .is_required = true,
	     .example = "url = \"https://crm.example/usher\";"),
	TEXT("secret_file", 1, PATH_LEN, .is_required = true,
	     .example = "secret_file = \"secrets/webhook\";"),
	TEXTS("events", 64, 32, .is_required = true, .count_min = 1,
	      .example = "events = [ \"ticket.*\" ];"),
	END
};

const struct setting schema_tenant[] = {
	TEXT("slug", 1, 63, .is_required = true,
	     .example = "slug = \"yourcompany\";"),
	TEXT("name", 1, NAME_LEN, .example = "name = \"Your Company\";"),
	TEXT("url", 1, URL_MAX,
	     .example = "url = \"https://ticket.yourcompany.com\";"),
	TEXT("home", 1, URL_MAX,
	     .example = "home = \"https://yourcompany.com\";"),
	TEXT("login_url", 1, CONFIG_LOGIN_URL_MAX, .example =
	     "login_url = \"https://yourcompany.com/support-login\";"),
	TEXT("logout_url", 1, URL_MAX, .example =
	     "logout_url = \"https://yourcompany.com/signed-out\";"),
	TEXTS("origins", URL_MAX, CORS_ORIGINS_MAX,
	      .example = "origins = [ \"https://yourcompany.com\" ];"),
	SWITCH("require_origin", false),
	SWITCH("allow_null_origin", false),
	{ .name = "switch_user", .type = SETTING_WORD,
	  .words = { "confirm", "replace" },
	  .example = "switch_user = \"confirm\";" },
	{ .name = "callback", .type = SETTING_WORD,
	  .words = { "auto", "confirm" },
	  .example = "callback = \"confirm\";" },
	TEXTS("redirects", URL_MAX, REDIRECT_ENTRIES_MAX, .example =
	      "redirects = [ \"https://yourcompany.com/support/\" ];"),
	TEXT("dashboard", 1, URL_MAX, .text = "/dashboard",
	     .example = "dashboard = \"/dashboard\";"),
	SWITCH("decode_html", false),
	{ .name = "identity", .type = SETTING_WORD, .is_required = true,
	  .words = { "unsigned", "observe", "signed" },
	  .example = "identity = \"unsigned\";" },
	GROUPS("keys", keys, CONFIG_KEYS_MAX,
	       .example = "keys = ( { kid = \"2026-11\"; algorithm = "
	       "\"HS256\"; secret_file = \"secrets/yourcompany\"; } );"),
	TEXT("jwks_url", 1, URL_MAX, .example =
	     "jwks_url = \"https://yourcompany.com/.well-known/jwks.json\";"),
	TEXT("jwks_ca", 1, PATH_LEN,
	     .example = "jwks_ca = \"tls/yourcompany-ca.pem\";"),
	TEXT("issuer", 1, 255,
	     .example = "issuer = \"https://yourcompany.com\";"),
	NUMBER("assertion_max_age", 1, ASSERTION_AGE_MAX_S, ASSERTION_AGE_S,
	       .example = "assertion_max_age = 300;"),
	TEXT("redeem_secret_file", 1, PATH_LEN, .example =
	     "redeem_secret_file = \"secrets/yourcompany-redeem\";"),
	SWITCH("adopt_unsigned", false),
	{ .name = "on_conflict", .type = SETTING_WORD,
	  .words = { "reject", "link", "update" },
	  .example = "on_conflict = \"reject\";" },
	TEXTS("protected", PROTECTED_TEXT_MAX, PROTECTED_MAX, .example =
	      "protected = [ \"@yourcompany.com\", \"boss@x.example\" ];"),
	GROUP("rate_limit", rate_limit,
	      .example = "rate_limit = { requests = 60; per = 3600; };"),
	GROUP("signed_rate_limit", signed_rate_limit, .example =
	      "signed_rate_limit = { person = 30; tenant = 36000; "
	      "per = 3600; };"),
	GROUP("session", session,
	      .example = "session = { idle = 1800; absolute = 28800; };"),
	TEXT("certificate", 1, PATH_LEN,
	     .example = "certificate = \"tls/yourcompany.pem\";"),
	TEXT("key", 1, PATH_LEN, .example = "key = \"tls/yourcompany.key\";"),
	GROUP("adapter", adapter, .example =
	      "adapter = { module = \"fieldmap.so\"; };"),
	GROUPS("webhooks", webhooks, 16, .example =
	       "webhooks = ( { url = \"https://crm.example/usher\"; "
	       "secret_file = \"secrets/webhook\"; "
	       "events = [ \"ticket.*\" ]; } );"),
	SWITCH("desk", true),
	TEXT("desk_user", 1, REMOTE_TEMPLATE_MAX, .text = "{slug}:{email}",
	     .example = "desk_user = \"{slug}:{email}\";"),
	{ .name = "desk_header_encoding", .type = SETTING_WORD,
	  .words = { "utf-8", "percent" },
	  .example = "desk_header_encoding = \"utf-8\";" },
	TEXT("accent", 1, 32, .example = "accent = \"#0b57d0\";"),
	TEXTS("categories", TICKET_CATEGORY_MAX, CONFIG_CATEGORIES_MAX,
	      .example = "categories = [ \"Billing\", \"Other\" ];"),
	TEXT("terms", 1, URL_MAX,
	     .example = "terms = \"https://yourcompany.com/terms\";"),
	TEXT("attribution", 1, NAME_LEN,
	     .example = "attribution = \"Support by Your Company\";"),
	{ .name = "language", .type = SETTING_WORD,
	  .words = { "en", "de", "fr", "es", "ar" },
	  .example = "language = \"en\";" },
	{ .name = "texts", .type = SETTING_FREE, .example =
	  "texts = { en = { page_left_title = \"Goodbye\"; }; };" },
	SWITCH("enabled", true),
	END
};
