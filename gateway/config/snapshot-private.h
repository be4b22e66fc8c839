/*
 * snapshot-private: how a snapshot is made, for the files that make it.
 *
 *	load.c		files, and the claims on slugs in them
 *	claims.c	who of those that claim a slug serves
 *	reader.c	pieces that several groups are made of
 *	gateway.c	the gateway group, listeners
 *	tenant.c	a tenant's group -> a draft -> a struct tenant
 *	tenant-adapter.c  its adapter
 *	tenant-identity.c  how its users are told apart
 *	key-source.c	the keys that a partner publishes by URL
 *	tenant-desk.c	what its desk looks like
 *	tenant-texts.c	the language of its pages, and its own words
 *	hosts.c		who lives on which host name
 *	snapshot.c	counting, look-ups, the slot
 */
#ifndef CONFIG_SNAPSHOT_PRIVATE_H
#define CONFIG_SNAPSHOT_PRIVATE_H

#include <stdatomic.h>

#include "config/schema.h"
#include "config/snapshot.h"

#define SNAPSHOT_BYTES_MAX (256u << 20)	/* without the drafts */
#define DRAFT_BYTES_MAX (1u << 20)	/* of one tenant */

/*
 * A tenant as its group describes it, checked, with all that it holds on to:
 * what depends neither on the other tenants nor on the key ring.  Counted and
 * immutable once made: later snapshots keep it while its file is broken.
 */
struct draft {
	atomic_uint refs;
	struct pool *pool;
	struct tenant tenant;	/* url, origin, redirects.own, dashboard and
				 * what tenant_seal() makes are still open */
	bool has_url;		/* else it lives on public_url */
	struct url url;
	struct str dashboard;	/* a path or an absolute URL */
	unsigned dashboard_line;
	struct redirect_entry *redirects;
	/* where its adapter is spoken of, for findings after it was loaded */
	struct str module;
	unsigned module_line, on_failure_line;
};

struct snapshot_private {
	atomic_uint refs;
	struct pool *pool;	/* all but the drafts */
	struct draft **drafts;	/* for each of snapshot->tenants; NULL: broken
				 * from the start */
	struct snapshot *base;	/* whose texts these are; NULL: its own */
	struct host *hosts;	/* sorted by name */
	unsigned host_count;
};

/* An empty one, the next after `previous` (may be NULL), with one reference.
 * NULL: no memory. */
struct snapshot *snapshot_new(const struct snapshot *previous);

/* The last good form of a tenant; NULL: there is none. Not a reference. */
struct draft *snapshot_draft(const struct snapshot *snapshot, struct str slug);

/* What reading a group needs. */
struct reader {
	const struct snapshot_options *options;
	struct location *location;
	struct pool *pool;	/* where what is read shall live */
	struct pool *scratch;	/* gone when the group is done */
	struct str dir;		/* absolute: relative paths start here */
	bool is_development;
	const struct gateway_config *gateway;	/* tenants only */
};

/* Where plain http is accepted. */
enum http_rule {
	HTTP_LOOPBACK,		/* in development, for loopback names */
	HTTP_DEVELOPMENT,	/* in development */
};

/*
 * A URL of a setting: https, or http under that rule. -1 with a finding; the
 * value is never quoted, since it may hold a password.
 */
int reader_url(const struct reader *reader, unsigned line,
	       const char *setting, struct str text, enum http_rule rule,
	       struct url *url_r);
/* The same, and nothing after the origin but "/". */
int reader_base_url(const struct reader *reader, unsigned line,
		    const char *setting, struct str text, struct url *url_r);
/* What the rule says of a URL that is parsed already. */
int reader_http_allowed(const struct reader *reader, unsigned line,
			const char *setting, const struct url *url,
			enum http_rule rule);
/* Serialised, terminated, in the pool; absent without memory. */
struct str url_text(struct pool *pool, const struct url *url);
struct str url_origin_text(struct pool *pool, const struct url *url);
/* Finding "no memory"; returns -1. */
int reader_nomem(const struct reader *reader);
/* A copy in reader->pool; absent leaves *out_r alone. -1 with a finding. */
int reader_text(const struct reader *reader, struct group group,
		const char *name, struct str *out_r);
/* The same for a path, made absolute. */
int reader_path(const struct reader *reader, struct group group,
		const char *name, struct str *out_r);
struct ratelimit_rule reader_rate_limit(struct group group);

/* Read the gateway group. Findings tell whether it may be used. */
void gateway_read(const struct reader *reader, struct group group,
		  struct gateway_config *out);

/*
 * Read a tenant's group into a draft with one reference; NULL with findings.
 * `previous` (may be NULL) is where an unchanged adapter may come from.
 */
struct draft *draft_read(const struct reader *reader, struct group group,
			 const struct draft *previous);
struct draft *draft_ref(struct draft *draft);
void draft_unref(struct draft *draft);
/* The slug, when it is one; absent otherwise. No findings. */
struct str slug_of(struct group group);
/*
 * The adapter of draft->tenant, begun, with the settings it needs.  -1 with
 * findings.
 */
int draft_read_adapter(const struct reader *reader, struct group group,
		       struct draft *draft, const struct draft *previous);

/*
 * After it was waited for, for that many seconds; 0: for its verdict.  -1 with
 * findings: it cannot be loaded.  One that still starts is a finding only.
 */
int draft_judge_adapter(struct location *location, const struct draft *draft,
			unsigned seconds);

/* How users are told apart, and the keys that prove it. Findings tell whether
 * they may be used.  Keys by URL come from `previous` (may be NULL) where they
 * are the same. */
void tenant_read_identity(const struct reader *reader, struct group group,
			  const struct draft *previous, struct tenant *out);
/* Accepts one that was not read whole. */
void tenant_forget_keys(struct tenant *tenant);

/* The desk's settings. Findings tell whether they may be used. */
void tenant_read_texts(const struct reader *reader, struct group group,
		       struct tenant *out);
void tenant_read_desk(const struct reader *reader, struct group group,
		      struct tenant *out);

/*
 * Finish a tenant: where it lives, where its users may go, its keys.
 * `out` lives in the snapshot's pool.  -1 with findings.
 */
int tenant_finish(const struct reader *reader, const struct draft *draft,
		  const struct keyring *keyring, struct tenant *out);
/* Give it keys of that ring, where it serves. -1: no memory. */
int tenant_seal(struct tenant *out, const struct keyring *keyring);

enum claim_kind {
	CLAIM_GROUP,		/* a group with that slug */
	CLAIM_TEXT,		/* it stands in a file that is broken */
	CLAIM_KEPT,		/* it came from a file that is broken now */
};

/* That a tenant of this slug exists, and what is known of it. */
struct claim {
	enum claim_kind kind;
	struct str slug;
	struct str file;
	unsigned line;
	struct draft *draft;	/* a reference; NULL: broken */
	const config_setting_t *at;	/* of a group */
	unsigned file_index;
	struct str problem;	/* of a broken one */
	bool is_disabled;	/* a broken one, switched off */
	bool has_url;		/* a broken one whose url could be read */
	struct url url;
};

/* By slug; of one slug by kind, file and line. */
void claims_sort(struct claim *claims, unsigned count);

/*
 * Sort the claims and make tenants of them: the new form, else the last good
 * one, else a broken one.  -1: no memory, or more than CONFIG_TENANTS_MAX.
 */
int claims_settle(const struct reader *reader, struct claim *claims,
		  unsigned count, const struct snapshot *previous,
		  const struct keyring *keyring, struct snapshot *out);

/* Fill in hosts and each tenant's is_shared. -1: no memory. */
int hosts_build(struct snapshot *snapshot);

#endif
