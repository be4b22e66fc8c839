/* A tenant's group becomes a draft, and a draft a tenant. */
#include <errno.h>
#include <unistd.h>

#include "config/correct.h"
#include "config/secret.h"
#include "config/snapshot-private.h"
#include "config/wildcard.h"

bool snapshot_is_slug(struct str s)
{
	size_t i;

	if (!s.len || s.len > 63 || s.ptr[0] == '-')
		return false;
	for (i = 0; i < s.len; i++)
		if (!((s.ptr[i] >= 'a' && s.ptr[i] <= 'z') ||
		      ascii_is_digit(s.ptr[i]) || s.ptr[i] == '-'))
			return false;
	return true;
}

struct str slug_of(struct group group)
{
	const char *text;

	if (!config_setting_lookup_string(group.at, "slug", &text) ||
	    !snapshot_is_slug(str_from(text)))
		return STR_NULL;
	return str_from(text);
}

struct draft *draft_ref(struct draft *draft)
{
	atomic_fetch_add_explicit(&draft->refs, 1, memory_order_relaxed);
	return draft;
}

void draft_unref(struct draft *draft)
{
	if (!draft || atomic_fetch_sub_explicit(&draft->refs, 1,
						memory_order_acq_rel) != 1)
		return;
	adapter_unref(draft->tenant.adapter);
	tenant_forget_keys(&draft->tenant);
	pool_free(draft->pool);
}

static void read_names(const struct reader *reader, struct group group,
		       struct tenant *out)
{
	if (str_is_null(slug_of(group))) {
		location_error(
			reader->location, group_line(group, "slug"), "slug",
			"e.g. slug = \"yourcompany\";",
			"must be of small letters, digits and '-', and not "
			"begin with '-'");
		return;
	}
	reader_text(reader, group, "slug", &out->slug);
	out->name = out->slug;
	reader_text(reader, group, "name", &out->name);
}

/* An absolute URL that browsers are sent to; absent where it is left out, or
 * with a finding. */
static void read_link(const struct reader *reader, struct group group,
		      const char *name, struct str *out)
{
	struct url url;

	if (!group_has(group, name) ||
	    reader_url(reader, group_line(group, name), name,
		       group_text(group, name), HTTP_DEVELOPMENT, &url))
		return;
	*out = url_text(reader->pool, &url);
	if (str_is_null(*out))
		reader_nomem(reader);
}

/* What is asked goes behind it. */
static void read_login(const struct reader *reader, struct group group,
		       struct tenant *out)
{
	read_link(reader, group, "login_url", &out->login_url);
	read_link(reader, group, "logout_url", &out->logout_url);
	if (out->login_url.len && str_find(out->login_url, '#') >= 0)
		location_error(reader->location, group_line(group, "login_url"),
			       "login_url", "leave out what is behind the '#'",
			       "has a fragment, which would swallow the "
			       "parameters that are added");
}

static void read_urls(const struct reader *reader, struct group group,
		      struct draft *draft)
{
	if (group_has(group, "url"))
		draft->has_url = !reader_base_url(reader,
						  group_line(group, "url"),
						  "url",
						  group_text(group, "url"),
						  &draft->url);
	read_link(reader, group, "home", &draft->tenant.home);
	read_login(reader, group, &draft->tenant);
	reader_text(reader, group, "dashboard", &draft->dashboard);
	draft->dashboard_line = group_line(group, "dashboard");
}

/* With a star, what is behind it. -1 with a finding. */
static int parse_origin(const struct reader *reader, unsigned line,
			const char *setting, struct str text,
			struct url *url_r)
{
	struct wildcard_fault wrong = { NULL, NULL };
	struct fault fault = { .detail = NULL };
	char remedy[CORRECT_QUOTED_MAX + 16];
	struct buf fix;
	enum err err;

	if (wildcard_is_meant(text)) {
		err = wildcard_parse(reader->scratch, text, url_r, &wrong);
		if (err == ERR_NOMEM)
			return reader_nomem(reader);
		if (err)
			location_error(reader->location, line, setting,
				       wrong.remedy, "%s", wrong.problem);
		return err ? -1 : 0;
	}
	err = url_parse_origin(reader->scratch, text, url_r, &fault);
	if (!err)
		return 0;
	buf_init_fixed(&fix, remedy, sizeof(remedy));
	if (!correct_origin(reader->scratch, text, &fix))
		buf_puts(&fix, "write it like https://yourcompany.com");
	location_error(reader->location, line, setting, remedy,
		       "is not an origin: %s",
		       fault.detail ? fault.detail : err_text(err));
	return -1;
}

static bool stands_there(const struct cors *cors, struct str text)
{
	for (unsigned i = 0; i < cors->count; i++)
		if (str_eq(cors->origins[i], text))
			return true;
	return false;
}

static void read_origin(const struct reader *reader, struct group group,
			unsigned i, struct cors *out)
{
	struct str text = group_text_at(group, "origins", i);
	unsigned line = group_line(group, "origins");
	char setting[32];
	struct url url;

	snprintf(setting, sizeof(setting), "origins[%u]", i);
	if (parse_origin(reader, line, setting, text, &url) ||
	    reader_http_allowed(reader, line, setting, &url,
				HTTP_DEVELOPMENT))
		return;
	if (stands_there(out, text)) {
		location_error(reader->location, line, setting,
			       "keep one of the two", "is listed twice");
		return;
	}
	out->origins[out->count] = pool_str(reader->pool, text);
	if (str_is_null(out->origins[out->count++]))
		reader_nomem(reader);
}

/* Where an operator mends what a page was refused for, and how often they should
 * have. */
static void find_lines(struct group group, struct tenant *out)
{
	char labels[METRIC_LABELS_MAX];

	out->origins_line = group_line(group, "origins");
	out->require_origin_line = group_line(group, "require_origin");
	out->allow_null_line = group_line(group, "allow_null_origin");
	out->redirects_line = group_line(group, "redirects");
	out->decode_html_line = group_line(group, "decode_html");
	snprintf(labels, sizeof(labels), "tenant=\"%s\"", out->slug.ptr);
	out->origin_refused = metric_get(usher_origin_refused_total, labels);
}

static void read_cors(const struct reader *reader, struct group group,
		      struct cors *out)
{
	unsigned i, count = group_count(group, "origins");

	out->require_origin = group_switch(group, "require_origin");
	out->allow_null_origin = group_switch(group, "allow_null_origin");
	out->origins = pool_calloc(reader->pool, count + 1,
				   sizeof(*out->origins));
	if (!out->origins) {
		reader_nomem(reader);
		return;
	}
	for (i = 0; i < count; i++)
		read_origin(reader, group, i, out);
	if (out->require_origin && !count)
		location_error(reader->location,
			       group_line(group, "require_origin"),
			       "require_origin",
			       "list the partner's site in origins, or leave "
			       "require_origin out",
			       "refuses every sign-in while origins is empty");
}

static void read_redirects(const struct reader *reader, struct group group,
			   struct draft *draft)
{
	unsigned i, count = group_count(group, "redirects");
	unsigned line = group_line(group, "redirects");
	struct redirect_entry *entries;

	entries = pool_calloc(reader->pool, count + 1, sizeof(*entries));
	if (!entries) {
		reader_nomem(reader);
		return;
	}
	for (i = 0; i < count; i++) {
		struct fault fault = { .detail = NULL };
		char setting[32], remedy[CORRECT_QUOTED_MAX + 16];
		struct buf fix;
		enum err err;

		buf_init_fixed(&fix, remedy, sizeof(remedy));
		snprintf(setting, sizeof(setting), "redirects[%u]", i);
		err = redirect_entry_parse(reader->pool,
					   group_text_at(group, "redirects", i),
					   &entries[i], &fault);
		if (err && !correct_url(reader->scratch,
					group_text_at(group, "redirects", i),
					&fix))
			buf_puts(&fix, "write it like https://yourcompany.com/ "
				 "or https://yourcompany.com/support/");
		if (err)
			location_error(
				reader->location, line, setting, remedy,
				"cannot be a redirect target: %s",
				fault.detail ? fault.detail : err_text(err));
		else
			reader_http_allowed(reader, line, setting,
					    &entries[i].url, HTTP_LOOPBACK);
	}
	draft->redirects = entries;
	draft->tenant.redirects.entry_count = count;
}

#define MAKE_SECRET "put whsec_ and base64 of 24 to 64 octets there: "	\
		    "printf 'whsec_%s\\n' $(openssl rand -base64 32)"

/*
 * What cannot be signed is not sent, and kept: a tenant that served before its
 * events were sent serves on without a secret.
 */
static void read_hook_secret(const struct reader *reader, struct group item,
			     unsigned index, struct tenant_hook *out)
{
	struct str path = STR_NULL, text = STR_NULL;
	char setting[40];
	struct secret_place at = { reader->location, setting,
				   group_line(item, "secret_file") };

	snprintf(setting, sizeof(setting), "webhooks[%u].secret_file", index);
	if (reader_path(reader, item, "secret_file", &path) ||
	    str_is_null(path))
		return;
	if (access(path.ptr, R_OK)) {
		location_warn(at.location, at.line, setting, MAKE_SECRET,
			      "names a file that cannot be read: %s; events "
			      "are kept, and not sent", strerror(errno));
		return;
	}
	if (!secret_read(at, reader->scratch, path, 0, &text) &&
	    webhook_secrets_parse(text, &out->secrets))
		location_warn(at.location, at.line, setting, MAKE_SECRET,
			      "names a file with something else than secrets "
			      "of webhooks; events are kept, and not sent");
}

static int read_hook(const struct reader *reader, struct group item,
		     unsigned index, struct tenant_hook *out)
{
	unsigned count = group_count(item, "events");
	struct str text = group_text(item, "url");
	char setting[32];

	snprintf(setting, sizeof(setting), "webhooks[%u].url", index);
	if (reader_url(reader, group_line(item, "url"), setting, text,
		       HTTP_DEVELOPMENT, &out->url))
		return 0;
	out->text = pool_str(reader->pool, text);
	out->events = pool_calloc(reader->pool, count, sizeof(*out->events));
	if (!out->text.ptr || !out->events)
		return -1;
	for (; out->event_count < count; out->event_count++) {
		struct str *name = &out->events[out->event_count];

		*name = pool_str(reader->pool, group_text_at(item, "events",
							out->event_count));
		if (!name->ptr)
			return -1;
	}
	read_hook_secret(reader, item, index, out);
	return 0;
}

static void read_webhooks(const struct reader *reader, struct group group,
			  struct tenant *out)
{
	unsigned count = group_count(group, "webhooks");
	char labels[METRIC_LABELS_MAX];

	out->hooks = pool_calloc(reader->pool, count, sizeof(*out->hooks));
	for (unsigned i = 0; out->hooks && i < count; i++) {
		if (read_hook(reader, group_group_at(group, "webhooks", i), i,
			      &out->hooks[i]))
			break;
		out->hook_count++;
	}
	if (out->hook_count < count || !out->hooks) {
		reader_nomem(reader);
		return;
	}
	snprintf(labels, sizeof(labels), "tenant=\"%s\"", out->slug.ptr);
	out->unwanted = metric_get(usher_events_unwanted_total, labels);
}

bool tenant_wants(const struct tenant *tenant, struct str event)
{
	for (unsigned i = 0; i < tenant->hook_count; i++) {
		const struct tenant_hook *hook = &tenant->hooks[i];

		for (unsigned j = 0; j < hook->event_count; j++)
			if (outbox_is_named(hook->events[j], event))
				return true;
	}
	return false;
}

static void read_redeem_secret(const struct reader *reader,
			       struct group group, struct tenant *out)
{
	struct secret_place at = { reader->location, "redeem_secret_file",
				   group_line(group, "redeem_secret_file") };
	struct str path = STR_NULL;

	if (!reader_path(reader, group, "redeem_secret_file", &path) &&
	    !str_is_null(path))
		secret_read_several(at, path, &out->redeem_secrets);
}

static void read_certificate(const struct reader *reader, struct group group,
			     struct tenant *out)
{
	struct secret_place at = { reader->location, "certificate",
				   group_line(group, "certificate") };

	if (group_has(group, "certificate") != group_has(group, "key")) {
		location_error(
			reader->location,
			group_has(group, "key") ? group_line(group, "key")
						: at.line,
			group_has(group, "key") ? "certificate" : "key",
			"name both, or neither", "is missing beside the other");
		return;
	}
	if (!group_has(group, "key") ||
	    reader_path(reader, group, "certificate", &out->certificate) ||
	    reader_path(reader, group, "key", &out->key))
		return;
	secret_check_pem(at, out->certificate, false);
	at.setting = "key";
	at.line = group_line(group, "key");
	secret_check_pem(at, out->key, true);
}

static void read_session(const struct reader *reader, struct group group,
			 struct tenant *out)
{
	struct group session = group_group(group, "session");

	out->session_idle_s = (uint32_t)group_number(session, "idle");
	out->session_absolute_s = (uint32_t)group_number(session, "absolute");
	if (out->session_idle_s > out->session_absolute_s)
		location_error(reader->location, group_line(session, "idle"),
			       "session.idle",
			       "make session.absolute the larger one",
			       "is longer than session.absolute (%u > %u)",
			       out->session_idle_s, out->session_absolute_s);
}

static void read_rest(const struct reader *reader, struct group group,
		      struct tenant *out)
{
	out->state = group_switch(group, "enabled") ? TENANT_SERVING :
		TENANT_DISABLED;
	/* The words stand in the order of the enums. */
	out->switch_user = (enum switch_user)group_word(group, "switch_user");
	out->callback = (enum callback_mode)group_word(group, "callback");
	out->decode_html = group_switch(group, "decode_html");
	out->has_rate_limit = group_has(group, "rate_limit");
	if (out->has_rate_limit)
		out->rate_limit =
			reader_rate_limit(group_group(group, "rate_limit"));
	out->line = group_line(group, "slug");
	out->url_line = group_line(group, "url");
	out->certificate_line = group_line(group, "certificate");
	out->key_line = group_line(group, "key");
	out->file = pool_str(reader->pool, reader->location->file);
	if (str_is_null(out->file))
		reader_nomem(reader);
}

struct draft *draft_read(const struct reader *reader, struct group group,
			 const struct draft *previous)
{
	struct pool *pool = NULL;
	struct reader mine = *reader;
	struct draft *draft;

	schema_check(group, "", reader->location);
	if (reader->location->errors)
		return NULL;
	pool = pool_new(DRAFT_BYTES_MAX);
	draft = pool ? pool_alloc(pool, sizeof(*draft)) : NULL;
	if (!draft) {
		reader_nomem(reader);
		pool_free(pool);
		return NULL;
	}
	atomic_init(&draft->refs, 1);
	draft->pool = mine.pool = pool;
	read_names(&mine, group, &draft->tenant);
	read_urls(&mine, group, draft);
	read_cors(&mine, group, &draft->tenant.cors);
	read_redirects(&mine, group, draft);
	tenant_read_identity(&mine, group, previous, &draft->tenant);
	read_redeem_secret(&mine, group, &draft->tenant);
	read_webhooks(&mine, group, &draft->tenant);
	read_certificate(&mine, group, &draft->tenant);
	read_session(&mine, group, &draft->tenant);
	tenant_read_desk(&mine, group, &draft->tenant);
	tenant_read_texts(&mine, group, &draft->tenant);
	read_rest(&mine, group, &draft->tenant);
	if (!reader->location->errors)
		find_lines(group, &draft->tenant);
	/* Code is run only for what is sound otherwise. */
	if (!reader->location->errors && group_has(group, "adapter"))
		draft_read_adapter(&mine, group_group(group, "adapter"), draft,
				   previous);
	if (!reader->location->errors)
		return draft;
	draft_unref(draft);
	return NULL;
}

static int finish_dashboard(const struct reader *reader,
			    const struct draft *draft, struct tenant *out)
{
	struct fault fault = { .detail = NULL };
	struct str url;
	enum err err;

	if (draft->dashboard.ptr[0] == '/')
		err = redirect_resolve_path(&out->redirects, reader->scratch,
					    draft->dashboard, &url, &fault);
	else
		err = redirect_check(&out->redirects, reader->scratch,
				     draft->dashboard, &url, &fault);
	if (err) {
		location_error(reader->location, draft->dashboard_line,
			       "dashboard",
			       "write a path such as /dashboard, or a URL that "
			       "the tenant's redirects allow",
			       "is not where users may be sent: %s",
			       fault.detail ? fault.detail : err_text(err));
		return -1;
	}
	out->dashboard = pool_str(reader->pool, url);
	return str_is_null(out->dashboard) ? reader_nomem(reader) : 0;
}

int tenant_finish(const struct reader *reader, const struct draft *draft,
		  const struct keyring *keyring, struct tenant *out)
{
	const struct snapshot_options *options = reader->options;

	*out = draft->tenant;
	out->url = draft->has_url ? draft->url : reader->gateway->public_url;
	out->redirects = (struct redirect_policy){
		.own = &out->url, .own_count = 1,
		.entries = draft->redirects,
		.entry_count = draft->tenant.redirects.entry_count,
		.allow_http_loopback = reader->is_development,
	};
	out->origin = url_origin_text(reader->pool, &out->url);
	out->handoff_url = pool_printf(reader->pool, "%.*s/api/auth/redirect/"
				       "%.*s",
				       STR_ARG(reader->gateway->public_origin),
				       STR_ARG(out->slug));
	if (str_is_null(out->origin) || str_is_null(out->handoff_url))
		return reader_nomem(reader);
	if (finish_dashboard(reader, draft, out))
		return -1;
	if (options->epoch_of)
		out->epoch = options->epoch_of(options->epoch_ctx, out->slug,
					       out->name, out->origin);
	return tenant_seal(out, keyring) ? reader_nomem(reader) : 0;
}

int tenant_seal(struct tenant *out, const struct keyring *keyring)
{
	out->token_keys = out->login_keys = out->selftest_keys = NULL;
	if (out->state != TENANT_SERVING)
		return 0;
	out->selftest_keys = jwe_keys_of_epoch(keyring, out->slug,
					       STR(CONFIG_SELFTEST_PURPOSE),
					       out->epoch);
	out->token_keys = jwe_keys_of_epoch(keyring, out->slug,
					    STR(CONFIG_TOKEN_PURPOSE),
					    out->epoch);
	if (!out->token_keys || !out->selftest_keys)
		return -1;
	if (!out->login_url.len)
		return 0;
	out->login_keys = jwe_keys_of_epoch(keyring, out->slug,
					    STR(CONFIG_LOGIN_PURPOSE),
					    out->epoch);
	return out->login_keys ? 0 : -1;
}
