/* `usherctl sign`: a key, the claims, and the assertion of both. */
#include "console/assertctl-private.h"

#include "base/clock.h"
#include "base/num.h"
#include "base/random.h"
#include "codec/base64url.h"
#include "codec/fields.h"
#include "codec/json.h"
#include "policy/logout-token.h"

#define JTI_BYTES 16
#define POOL_BYTES (1 << 20)

const struct command_option assertctl_sign_options[] = {
	{ "email", "ADDRESS", "whose sign-in it is", 1 },
	{ "name", "NAME", "their name", 1 },
	{ "sub", "ID", "the partner's own id of them", 1 },
	{ "kid", "KID", "the key's name (default: the tenant's first)", 1 },
	{ "key", "FILE", "sign with this: a private key in PEM, or a secret",
	  1 },
	{ "algorithm", "ALG", "what --key is for: HS256, RS256, ES256 or EdDSA",
	  1 },
	{ "aud", "WHOM", "for whom it is (default: SLUG)", 1 },
	{ "iss", "WHO", "who signs (default: the tenant's issuer)", 1 },
	{ "lifetime", "SECONDS", "from iat to exp (default: as long as may be)",
	  1 },
	{ "logout", NULL, "a logout token in its place, as a partner's server "
	  "posts it", 1 },
	{ 0 }
};

struct signing {
	const struct command_line *line;
	const struct tenant *tenant;	/* NULL: none is named */
	struct pool *pool;
	enum jws_algorithm algorithm;
	struct str kid, key;		/* absent kid: none */
	struct buf file;		/* what --key names */
	int64_t lifetime_s;
	bool is_logout;
};

static struct str option(const struct signing *s, const char *name)
{
	return str_from(command_value(s->line, name));
}

static int refuse(const char *why)
{
	fprintf(stderr, "usherctl: sign: %s\n", why);
	return COMMAND_REFUSED;
}

/* ---- the key ------------------------------------------------------------ */

/* The tenant's of that name, or its first; NULL: there is none. */
static const struct tenant_key *tenant_key(const struct signing *s)
{
	struct str kid = option(s, "kid");

	for (unsigned i = 0; s->tenant && i < s->tenant->key_count; i++)
		if (str_is_null(kid) || str_eq(kid, s->tenant->keys[i].kid))
			return &s->tenant->keys[i];
	return NULL;
}

static int take_algorithm(struct signing *s, const struct tenant_key *key)
{
	struct str name = option(s, "algorithm");

	if (str_is_null(name) && !key)
		return command_misused(s->line, "--algorithm is needed: HS256, "
				       "RS256, ES256 or EdDSA");
	if (key)
		s->algorithm = jws_key_algorithm(key->key);
	if (!str_is_null(name) && jws_algorithm_parse(name, &s->algorithm))
		return command_misused(s->line, "--algorithm is HS256, RS256, "
				       "ES256 or EdDSA");
	return COMMAND_DONE;
}

/* A secret's file as the gateway reads it: without one line end. */
static struct str without_line_end(struct str text)
{
	if (text.len && text.ptr[text.len - 1] == '\n')
		text.len--;
	if (text.len && text.ptr[text.len - 1] == '\r')
		text.len--;
	return text;
}

static int take_key(struct signing *s)
{
	const struct tenant_key *key = tenant_key(s);
	const char *path = command_value(s->line, "key");
	int status;

	if (!path && !s->tenant)
		return command_misused(s->line, "a tenant's SLUG is needed, or "
				       "--key");
	if (!path && !key)
		return refuse("the tenant has no key of that name, or none at "
			      "all: add it to its file, or give one by --key");
	status = take_algorithm(s, key);
	if (status)
		return status;
	s->kid = option(s, "kid");
	if (str_is_null(s->kid) && key)
		s->kid = key->kid;
	if (!path) {
		s->key = jws_key_secret(key->key);
		if (str_is_null(s->key))
			return refuse("the gateway has the public half of that "
				      "key alone; give the private one by "
				      "--key FILE");
		if (s->algorithm != JWS_HS256)
			return refuse("the tenant's key is for HS256");
		return COMMAND_DONE;
	}
	if (assertctl_read(path, JWS_KEY_TEXT_MAX, &s->file))
		return COMMAND_REFUSED;
	s->key = buf_str(&s->file);
	if (s->algorithm == JWS_HS256)
		s->key = without_line_end(s->key);
	return COMMAND_DONE;
}

/* ---- the claims --------------------------------------------------------- */

static int take_lifetime(struct signing *s)
{
	struct str text = option(s, "lifetime");

	s->lifetime_s = s->tenant ? s->tenant->assertion_max_age_s :
				    ASSERTION_AGE_S;
	if (!str_is_null(text) &&
	    num_i64(text, 1, ASSERTCTL_LIFETIME_MAX_S, &s->lifetime_s))
		return command_misused(s->line, "--lifetime is 1 to %d seconds",
				       ASSERTCTL_LIFETIME_MAX_S);
	return COMMAND_DONE;
}

/* Each is there once: an option, or a NAME=VALUE of any other name. */
static int add_claim(const struct signing *s, struct fields *claims,
		     struct str name, struct str value)
{
	enum err err;

	if (str_is_null(value))
		return COMMAND_DONE;
	err = fields_add(claims, name, value, FIELD_TEXT);
	if (!err)
		return COMMAND_DONE;
	return command_misused(s->line, "%.*s: %s", STR_ARG(name),
			       err == ERR_DUPLICATE ? "is given twice" :
						      err_text(err));
}

static int add_texts(struct signing *s, struct fields *claims)
{
	struct str iss = option(s, "iss"), aud = option(s, "aud"), name, value;
	int first = s->tenant ? 1 : 0, status;

	if (s->tenant && str_is_null(iss) && s->tenant->issuer.len)
		iss = s->tenant->issuer;
	if (s->tenant && str_is_null(aud))
		aud = s->tenant->slug;
	if (str_is_null(aud))
		return command_misused(s->line, "a tenant's SLUG is needed, or "
				       "--aud");
	status = add_claim(s, claims, STR("iss"), iss);
	if (!status)
		status = add_claim(s, claims, STR("aud"), aud);
	if (!status)
		status = add_claim(s, claims, STR("sub"), option(s, "sub"));
	if (!status)
		status = add_claim(s, claims, STR("email"),
				   option(s, "email"));
	if (!status)
		status = add_claim(s, claims, STR("name"), option(s, "name"));
	for (int i = first; !status && i < s->line->count; i++) {
		if (command_pair(s->line->arguments[i], &name, &value))
			return command_misused(s->line, "%s: a claim is "
					       "NAME=VALUE",
					       s->line->arguments[i]);
		if (str_eq(name, STR("iat")) || str_eq(name, STR("exp")) ||
		    str_eq(name, STR("jti")))
			return command_misused(s->line, "%.*s is made here",
					       STR_ARG(name));
		status = add_claim(s, claims, name, value);
	}
	return status;
}

static int make_payload(struct signing *s, struct buf *out)
{
	char jti[BASE64URL_LEN(JTI_BYTES)];
	uint8_t random[JTI_BYTES];
	int64_t now_s = clock_wall_s();
	struct fields claims;
	int status;

	fields_init(&claims, s->pool);
	status = add_texts(s, &claims);
	if (status)
		return status;
	if (random_bytes(random, sizeof(random)))
		return refuse("the system gives no random octets");
	base64url_encode(jti, random, sizeof(random));
	json_add_fields(out, &claims);
	out->len--;	/* its brace: there is more */
	json_add_member_int(out, "iat", now_s);
	json_add_member_int(out, "exp", now_s + s->lifetime_s);
	if (s->is_logout)
		json_add_member_raw(out, "events", STR("{\""
				    LOGOUT_TOKEN_EVENT "\":{}}"));
	json_add_member(out, "jti", (struct str){ jti, sizeof(jti) });
	buf_addc(out, '}');
	return buf_is_ok(out) ? COMMAND_DONE : refuse("its claims are too long");
}

/* ---- both --------------------------------------------------------------- */

static const char *unfit(enum err err)
{
	switch (err) {
	case ERR_SYNTAX:
		return "--key names no private key in PEM, or PEM where HS256 "
		       "has a secret";
	case ERR_AUTH:
		return "--key names a public key, or one with a passphrase: "
		       "the private one without is needed (openssl pkey)";
	case ERR_UNSUPPORTED:
		return "--key names a key of another kind than the algorithm "
		       "needs";
	case ERR_RANGE:
		return "--key names a key that is too short for the algorithm";
	case ERR_LIMIT:
		return "the assertion would be too long";
	default:
		return err_text(err);
	}
}

static int print(const struct signing *s, struct str payload)
{
	struct buf text, json;
	enum err err;

	buf_init(&text, JWS_MAX);
	buf_init(&json, 2 * JWS_MAX);
	err = s->is_logout ?
		jws_sign_as(LOGOUT_TOKEN_TYPE, s->algorithm, s->key, s->kid,
			    payload, &text) :
		jws_sign(s->algorithm, s->key, s->kid, payload, &text);
	if (err)
		goto out;
	if (!s->line->general.json) {
		puts(text.ptr);
		goto out;
	}
	buf_addc(&json, '{');
	json_add_member(&json, s->is_logout ? "logout_token" : "assertion",
			buf_str(&text));
	json_add_member_raw(&json, "claims", payload);
	buf_addc(&json, '}');
	puts(json.ptr);
out:
	buf_done(&text);
	buf_done(&json);
	return err ? refuse(unfit(err)) : COMMAND_DONE;
}

static int sign(struct signing *s)
{
	struct buf payload;
	int status = take_key(s);

	if (!status)
		status = take_lifetime(s);
	if (status)
		return status;
	buf_init(&payload, JWS_MAX);
	status = make_payload(s, &payload);
	if (!status)
		status = print(s, buf_str(&payload));
	buf_done(&payload);
	return status;
}

int assertctl_sign(const struct command_line *line)
{
	struct signing s = { .line = line,
			     .is_logout = command_has(line, "logout") };
	struct console console = { 0 };
	bool has_slug = line->count && !strchr(line->arguments[0], '=');
	int status;

	if (has_slug && assertctl_open(line, str_from(line->arguments[0]),
				       &console, &s.tenant))
		return COMMAND_REFUSED;
	buf_init(&s.file, JWS_KEY_TEXT_MAX);
	s.pool = pool_new(POOL_BYTES);
	status = s.pool ? sign(&s) : refuse("out of memory");
	pool_free(s.pool);
	buf_done(&s.file);
	if (has_slug)
		console_close(&console);
	return status;
}
