/*
 * snapshot: one whole, checked, immutable configuration, ready to serve.
 *
 * A snapshot is built beside the running one and then takes its place (the
 * way of nginx's cycle).  It hands out what the upper floors need in the form
 * they need it: parsed addresses, policies, derived keys, loaded adapters.
 * It is counted: each exchange pins the one that it began with.
 */
#ifndef CONFIG_SNAPSHOT_H
#define CONFIG_SNAPSHOT_H

#include <stdint.h>

#include "adapter/adapter.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/str.h"
#include "codec/ip.h"
#include "codec/url.h"
#include "config/key-source.h"
#include "config/report.h"
#include "crypto/jwe.h"
#include "crypto/jws.h"
#include "crypto/keyring.h"
#include "crypto/secrets.h"
#include "crypto/webhook.h"
#include "policy/client.h"
#include "policy/cors.h"
#include "policy/identity.h"
#include "policy/protected.h"
#include "policy/ratelimit.h"
#include "policy/redirect.h"
#include "policy/remote.h"
#include "policy/texts.h"
#include "store/outbox.h"
#include "store/users.h"

#define CONFIG_TENANTS_MAX 20000
#define CONFIG_LISTENERS_MAX 16
#define CONFIG_PROXIES_MAX 64
#define CONFIG_METRICS_HOSTS_MAX 16
#define CONFIG_CATEGORIES_MAX 32	/* of one tenant's tickets */
#define CONFIG_KEYS_MAX 16		/* of one tenant's assertions */
#define CONFIG_TOKEN_PURPOSE "handoff"	/* what token_keys are for */
#define CONFIG_LOGIN_PURPOSE "login"	/* what login_keys are for */
#define CONFIG_LOGIN_URL_MAX 1024	/* octets: more goes along in a head */
#define CONFIG_SELFTEST_PURPOSE "selftest"	/* ... and selftest_keys */

enum tenant_state {
	TENANT_SERVING,
	TENANT_DISABLED,	/* enabled = false: answers as if unknown */
	TENANT_STARTING,	/* its adapter is not ready yet, and none stands
				 * in: only tenant_state() says so */
	TENANT_BROKEN,		/* its file or adapter failed: 503 */
};

enum switch_user {
	SWITCH_CONFIRM,		/* ask before another user is signed in */
	SWITCH_REPLACE,
};

enum callback_mode {
	CALLBACK_AUTO,
	CALLBACK_CONFIRM,	/* who may be a program presses a button */
};

/* What signed assertions are verified with. */
struct tenant_key {
	struct str kid;
	struct jws_key *key;		/* pinned to one algorithm */
};

/* How often signed users may come, wherever they ask from. */
struct signed_rate {
	uint32_t person, tenant;	/* requests of one, and of all */
	uint32_t per_s;
};

/* One of its webhooks. */
struct tenant_hook {
	struct str text;		/* of the URL, as it is written */
	struct url url;
	struct webhook_secrets secrets;	/* none: nothing can be sent */
	struct str *events;
	unsigned event_count;
};

/* All slices live as long as the snapshot and are terminated. */
struct tenant {
	enum tenant_state state;
	bool is_formless;		/* broken from the start: but for its
					 * slug nothing of it is known */
	struct str flaw;		/* it goes on in its last good form:
					 * what is wrong with its file now;
					 * absent: it is what the file says */
	uint64_t epoch;			/* of its slug: snapshot_options */
	struct str slug, name;
	struct url url;			/* C */
	struct str origin;		/* of url: "https://host[:port]" */
	bool is_shared;			/* another tenant or the gateway lives
					 * on the same host name */
	struct str home;		/* way back on error pages, absolute
					 * URL; absent: none */
	/* where a sign-in that starts at the desk goes on, and whoever signed
	 * out; absolute URLs; absent: none */
	struct str login_url, logout_url;
	struct cors cors;		/* origins, require_origin,
					 * allow_null_origin */
	/* lines in `file`, of the group where they are left out; 0: unknown */
	unsigned origins_line, require_origin_line, allow_null_line;
	unsigned redirects_line, decode_html_line, identity_line;
	unsigned issuer_line, keys_line, jwks_line, max_age_line,
		deadline_line;
	unsigned module_line;		/* 0, as of all of them: not set */
	struct metric *origin_refused;	/* counts pages that these refused;
					 * NULL: nothing is known of them */
	enum switch_user switch_user;
	enum callback_mode callback;
	struct redirect_policy redirects;
	struct str dashboard;		/* absolute URL */
	bool decode_html;		/* codec/charref.h, in email and name */
	enum identity_mode identity;
	uint64_t identity_stamp;	/* of what assertions are judged by: the
					 * same in this process while that is */
	/* of signed assertions, where that is not `unsigned` */
	struct tenant_key *keys;
	unsigned key_count;
	struct key_source *key_source;	/* and those by URL; NULL: none */
	struct str issuer;		/* absent: any */
	uint32_t assertion_max_age_s;	/* of exp - iat */
	struct str handoff_url;		/* absolute, what partners post to */
	struct signed_rate signed_rate;
	bool adopts_unsigned;		/* these two: store/users.h */
	enum on_conflict on_conflict;
	struct protected_list protected;	/* whom no handoff reaches */
	bool has_rate_limit;
	struct ratelimit_rule rate_limit;
	uint32_t session_idle_s, session_absolute_s;
	struct str certificate, key;	/* file paths; absent: the listener's */
	struct secrets redeem_secrets;	/* none: redeem is off */
	struct jwe_keys *token_keys;	/* NULL when not serving */
	struct jwe_keys *login_keys;	/* NULL without a login_url, too */
	struct jwe_keys *selftest_keys;	/* the same: links to the self-test */
	struct adapter *adapter;	/* NULL: none; it may still start */
	uint32_t adapter_deadline_ms;
	struct metric *adapter_defaults;/* counts its failures that were passed
					 * over; NULL: on_failure = "deny",
					 * none is */
	struct str *json_fields;	/* names whose nested JSON the adapter
					 * takes */
	unsigned json_field_count;
	struct tenant_hook *hooks;
	unsigned hook_count;
	struct metric *unwanted;	/* counts adapters' that none names */
	bool desk;
	struct remote_rule remote;	/* what a desk behind a proxy is told */
	/* of the desk's page */
	struct str accent;		/* "#rrggbb"; absent: the desk's own */
	struct str accent_ink;		/* what can be read on it: "#ffffff"
					 * or "#000000"; absent likewise */
	struct str *categories;
	unsigned category_count;
	struct str terms;		/* absolute URL; absent: none */
	struct str attribution;		/* a line of text; absent: none */
	enum language language;		/* for who names none that we have */
	const char *const *texts[LANGUAGES];	/* of its own: struct texts */
	/* where it came from, for messages; a broken one's line is that of its
	 * first error */
	struct str file;
	unsigned line, url_line, certificate_line, key_line;
	struct str problem;		/* TENANT_BROKEN: why; terminated */
};

/* A host name that requests may ask for, and who lives there. */
struct host {
	struct str name;		/* lower case, no port */
	bool is_gateway;		/* public_url's */
	const struct tenant **tenants;	/* by slug; none for a bare gateway
					 * host; disabled ones live nowhere */
	unsigned tenant_count;
};

struct listener {
	struct str url;			/* as configured, for messages */
	bool is_https;
	struct str address;		/* literal, without brackets */
	uint16_t port;			/* 0: any free one (tests) */
	struct str certificate, key;	/* https: paths of PEM files */
	bool close_always;		/* Connection: close on every answer */
	/* for messages: which of the list, and where it stands */
	unsigned index, line, certificate_line, key_line;
};

struct gateway_config {
	/* where it came from, for messages; a line that is 0: not set */
	struct str file;
	unsigned public_url_line, state_line, admin_line, user_line,
		log_file_line;
	struct url public_url;		/* B */
	struct str public_origin;
	struct listener listeners[CONFIG_LISTENERS_MAX];
	unsigned listener_count;
	struct str admin;		/* absolute path of the unix socket */
	bool has_metrics;
	struct listener metrics;	/* http only */
	struct str metrics_hosts[CONFIG_METRICS_HOSTS_MAX];
	unsigned metrics_host_count;
	struct str state, plugins;	/* directories */
	struct ratelimit_rule rate_limit;
	struct cidr trusted_proxies[CONFIG_PROXIES_MAX];
	unsigned trusted_proxy_count;
	enum client_header client_from;	/* what of theirs is believed */
	struct str client_header;	/* CLIENT_SINGLE: its name */
	struct str user;		/* absent: stay who we are */
	bool development, watch;
	enum log_level log_level;
	enum log_format log_format;
	struct str log_file;		/* absent: standard error */
	unsigned adapter_log;		/* lines a second and tenant */
	unsigned workers;		/* 0: one per core */
	/* seconds / counts of the edge; see conf.d/gateway.conf */
	uint32_t request_deadline_s;	/* absolute, from connect or last
					 * answer to the whole request read */
	uint32_t connections_max;	/* per process */
	uint32_t connections_per_client;	/* IPv4 address, IPv6 /64 */
	uint32_t outbox_max;		/* events of a tenant */
	uint32_t outbox_kept_s;
	uint32_t adapter_start_s;	/* what a load waits for adapters */
};

struct snapshot {
	uint64_t generation;		/* 1, 2, ... in one process */
	struct gateway_config gateway;
	struct tenant **tenants;	/* sorted by slug */
	unsigned tenant_count;
	bool is_partial;		/* there may be more tenants: a file was
					 * there of which not even the slugs
					 * could be read */
	/* private: see snapshot-private.h */
	struct snapshot_private *private;
};

struct snapshot_options {
	const char *config_dir;
	const char *state_override;	/* --state; NULL: none */
	const char *plugins_override;	/* --plugins; NULL: none */
	unsigned workers;		/* states made per adapter */
	const struct adapter_services *services;
	struct supervisor *supervisor;	/* of isolated adapters; must outlive
					 * the snapshots; NULL: they fail */
	bool awaits_adapters;		/* the verdict of each, instead of
					 * adapter_start at most */
	/* the load is given up once it is true and adapter_wake_waiters() was
	 * called, with a REPORT_FATAL finding. NULL: never */
	const _Atomic bool *cancel;
	/*
	 * NULL while only checking: then tenants get throw-away keys.  Not
	 * needed after the load.
	 */
	const struct keyring *keyring;
	/*
	 * In which epoch of its slug is a tenant of that name and origin?  What
	 * was sealed in one does not open in another.  NULL: in the first.
	 */
	uint64_t (*epoch_of)(void *ctx, struct str slug, struct str name,
			     struct str origin);
	void *epoch_ctx;
};

/*
 * Read every *.conf of the directory and build a snapshot with one reference.
 * NULL when there is no usable gateway group (exactly one, in a file without
 * any error at its top level) or no memory.  *report (report_init()ed by the
 * caller) says everything that is broken or odd; it holds a REPORT_FATAL
 * finding exactly when NULL is returned.
 *
 * A broken tenant costs only itself.  With `previous` (may be NULL), its last
 * good form stays: when its group, its file, a file that it names, or its
 * adapter is broken now, or its file cannot be read any more; not when the file
 * was deleted, when the tenant was taken out of a sound file, or when it is
 * switched off.
 * Without one it stands as TENANT_BROKEN where its slug can be read, even in a
 * file that does not parse.  Of several groups with one slug none is used.
 */
struct snapshot *snapshot_load(const struct snapshot_options *options,
			       const struct snapshot *previous,
			       struct report *report);
/*
 * The same configuration with the keys of another ring, with a reference of its
 * own; nothing is read.  It holds on to `running`.  NULL: no memory.
 */
struct snapshot *snapshot_rekey(struct snapshot *running,
				const struct keyring *keyring);
struct snapshot *snapshot_ref(struct snapshot *snapshot);
/* Accepts NULL. The last one frees it all. */
void snapshot_unref(struct snapshot *snapshot);

/* Small letters, digits and '-', no more than 63: what may be one at all. */
bool snapshot_is_slug(struct str s);
/* NULL where there is none; disabled and broken ones are found too. */
const struct tenant *snapshot_tenant(const struct snapshot *snapshot,
				     struct str slug);
/* The slug that a mistyped one most likely meant (config/suggest.h), of those
 * that are there; absent: none is near. */
struct str snapshot_nearest(const struct snapshot *snapshot, struct str slug);
/*
 * Does one of its webhooks name this event, or all of its kind ("adapter.*"),
 * so that it is kept?  user.synced of older files is user.created and
 * user.updated.
 */
bool tenant_wants(const struct tenant *tenant, struct str event);
/* `name` in lower case, without port. */
const struct host *snapshot_host(const struct snapshot *snapshot,
				 struct str name);

/*
 * Only the gateway group, before there are keys and workers: enough to make
 * the state directory, set up the log and open the store.  The same as
 * snapshot_load() otherwise, with no tenants.
 */
struct snapshot *snapshot_load_gateway(const struct snapshot_options *options,
				       struct report *report);

/*
 * The settings that differ and take effect only at a restart (those that
 * config/schema-tables.c has in its column AT_START), as a list "a, b" appended
 * to *out, nothing when there is none.  Returns the line of the first in
 * next's file, 0 where it is not set there.
 */
unsigned snapshot_restart_needed(const struct snapshot *running,
				 const struct snapshot *next, struct buf *out);

/* Could an assertion of its be verified at all? */
static inline bool tenant_has_keys(const struct tenant *tenant)
{
	return tenant->key_count || tenant->key_source;
}

/*
 * Its state as it is now: that of one that serves hangs on its adapter, which
 * may be STARTING still, or have turned out to be BROKEN after the load.  Then
 * *problem (may be NULL) gained why.  Sign-ins are refused; sessions go on.
 */
enum tenant_state tenant_state(const struct tenant *tenant,
			       struct buf *problem);

/* The running snapshot, shared by all threads. */
struct snapshot_slot;
/* Takes `first`. NULL: no memory, and then `first` is still the caller's. */
struct snapshot_slot *snapshot_slot_new(struct snapshot *first);
/* Accepts NULL. No thread may be using it. */
void snapshot_slot_free(struct snapshot_slot *slot);
/* With a reference of the caller's own.  NULL: none is there yet, nor a slot. */
struct snapshot *snapshot_slot_get(struct snapshot_slot *slot);
/* Takes `next`; requests under way keep theirs. */
void snapshot_slot_set(struct snapshot_slot *slot, struct snapshot *next);

#endif
