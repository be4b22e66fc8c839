/* How a tenant's users are told apart, and the keys that prove who they are. */
#include "base/hash.h"
#include "config/secret.h"
#include "config/snapshot-private.h"
#include "fetch/address.h"

#define KEY_SETTING_MAX 48

/* Fails closed: what cannot be verified is not taken for verified. */
static void read_mode(const struct reader *reader, struct group group,
		      struct tenant *out)
{
	unsigned line = group_line(group, "identity");
	bool has_url = group_has(group, "jwks_url");
	bool keys = group_count(group, "keys") || has_url;

	if (identity_mode_parse(group_text(group, "identity"),
				&out->identity))
		location_error(reader->location, line, "identity", NULL,
			       "is not a way to tell users");
	else if (out->identity == IDENTITY_SIGNED && !keys)
		location_error(
			reader->location, line, "identity",
			"add keys = ( { kid = ...; algorithm = ...; } ); or "
			"jwks_url",
			"is \"signed\", but there are no keys: nobody could "
			"sign in");
	else if (out->identity == IDENTITY_OBSERVE && !keys)
		location_warn(
			reader->location, line, "identity",
			"add keys = ( { kid = ...; algorithm = ...; } ); or "
			"jwks_url",
			"is \"observe\", but there are no keys: no assertion "
			"can be verified");
	else if (out->identity == IDENTITY_UNSIGNED)
		location_warn(
			reader->location, line, "identity",
			"have the tenant's server sign who its users are "
			"(keys, identity = \"observe\", then \"signed\"), and "
			"until then show nobody's tickets to others on the "
			"word of an address",
			"is \"unsigned\": whoever gets a browser to post "
			"here is believed to be whom the post names");
	if (out->identity == IDENTITY_UNSIGNED && group_count(group, "keys"))
		location_warn(reader->location, group_line(group, "keys"),
			      "keys", "set identity = \"observe\"",
			      "are not used while identity is \"unsigned\"");
	if (out->identity == IDENTITY_UNSIGNED && has_url)
		location_warn(reader->location, group_line(group, "jwks_url"),
			      "jwks_url", "set identity = \"observe\"",
			      "is not used while identity is \"unsigned\"");
}

/* ---- keys by URL ----------------------------------------------------------- */

/* Why nobody may go there, as far as the URL alone tells. */
static const char *refused_host(const struct reader *reader,
				const struct url *url)
{
	struct str host = url->host;
	struct ip ip;

	if (host.ptr[0] == '[')
		host = (struct str){ host.ptr + 1, host.len - 2 };
	if (!ip_parse(host, &ip))
		return address_refused(&ip, reader->is_development);
	return url_is_loopback(url) && !reader->is_development ?
	       "a loopback name" : NULL;
}

static int read_keys_url(const struct reader *reader, struct group group,
			 struct url *url_r)
{
	unsigned line = group_line(group, "jwks_url");
	const char *what;

	if (reader_url(reader, line, "jwks_url", group_text(group, "jwks_url"),
		       HTTP_LOOPBACK, url_r))
		return -1;
	what = refused_host(reader, url_r);
	if (what)
		location_error(reader->location, line, "jwks_url",
			       "name the partner's server on the Internet; "
			       "a server of your own in there needs its keys "
			       "in files (keys)",
			       "is refused by rule: its host is %s", what);
	else if (!str_is_null(url_r->fragment))
		location_error(reader->location, line, "jwks_url",
			       "leave out the # and what follows",
			       "has a fragment, which no server sees");
	else
		return 0;
	return -1;
}

/* Whom to trust there in place of the system's authorities. */
static int read_keys_ca(const struct reader *reader, struct group group,
			struct str *ca_r)
{
	struct secret_place at = { reader->location, "jwks_ca",
				   group_line(group, "jwks_ca") };
	struct str path = STR_NULL;

	if (!group_has(group, "jwks_ca"))
		return 0;
	if (reader_path(reader, group, "jwks_ca", &path) ||
	    secret_check_pem(at, path, false))
		return -1;
	if (secret_read_public(at, reader->scratch, path, KEYS_CA_MAX, ca_r))
		return -1;
	if (str_icontains(*ca_r, STR("-----BEGIN CERTIFICATE-----")))
		return 0;
	location_error(at.location, at.line, at.setting,
		       "put the authority's certificate there, in PEM",
		       "names a file without a certificate in PEM");
	return -1;
}

/* What assertions are judged by became another. */
static void stamp(struct tenant *out, struct str part)
{
	const uint64_t both[] = { out->identity_stamp, hash_str(part) };

	out->identity_stamp = hash_bytes(both, sizeof(both));
}

static void read_source(const struct reader *reader, struct group group,
			const struct draft *previous, struct tenant *out)
{
	struct key_source *before = previous ? previous->tenant.key_source :
					       NULL;
	struct str ca = STR_NULL;
	struct url url;

	if (!group_has(group, "jwks_url")) {
		if (group_has(group, "jwks_ca"))
			location_warn(reader->location,
				      group_line(group, "jwks_ca"), "jwks_ca",
				      "add jwks_url, or leave it out",
				      "does nothing without jwks_url");
		return;
	}
	if (read_keys_url(reader, group, &url) ||
	    read_keys_ca(reader, group, &ca) ||
	    out->identity == IDENTITY_UNSIGNED)
		return;
	if (before && key_source_is(before, &url, ca, reader->is_development))
		out->key_source = key_source_ref(before);
	else
		out->key_source = key_source_new(&url, ca,
						 reader->is_development);
	if (!out->key_source)
		reader_nomem(reader);
	stamp(out, group_text(group, "jwks_url"));
	stamp(out, ca);
}

/* ---- keys in files --------------------------------------------------------- */

/* A secret goes with HS256, a public key with the others. */
static int check_pair(const struct reader *reader, struct group item,
		      unsigned i)
{
	bool is_shared = group_word(item, "algorithm") == JWS_HS256;
	const char *want = is_shared ? "secret_file" : "public_key";
	const char *other = is_shared ? "public_key" : "secret_file";
	char setting[KEY_SETTING_MAX];

	if (group_has(item, want) && !group_has(item, other))
		return 0;
	snprintf(setting, sizeof(setting), "keys[%u].%s", i,
		 group_has(item, want) ? other : want);
	location_error(reader->location, group_line(item, "algorithm"), setting,
		       "HS256 has a secret_file, RS256, ES256 and EdDSA have a "
		       "public_key",
		       group_has(item, want) ? "does not go with the algorithm"
					     : "is missing for the algorithm");
	return -1;
}

static int check_kid(const struct reader *reader, struct group group,
		     struct group item, unsigned i)
{
	for (unsigned j = 0; j < i; j++) {
		struct group other = group_group_at(group, "keys", j);

		if (!str_eq(group_text(item, "kid"), group_text(other, "kid")))
			continue;
		location_error(reader->location, group_line(item, "kid"),
			       "keys", "give each key a kid of its own",
			       "has one kid twice");
		return -1;
	}
	return 0;
}

/* What jws_key_new() did not take, in words. */
static void say_unfit(struct secret_place at, enum jws_algorithm algorithm,
		      enum err err)
{
	const char *name = jws_algorithm_text(algorithm);
	bool is_shared = algorithm == JWS_HS256;

	switch (err) {
	case ERR_AUTH:
		location_error(at.location, at.line, at.setting,
			       "put the public key there, and keep the private "
			       "one with the partner alone: openssl pkey -in "
			       "private.pem -pubout",
			       "names a private key, which nobody but the "
			       "partner may have");
		break;
	case ERR_SYNTAX:
		location_error(at.location, at.line, at.setting,
			       is_shared ?
			       "make one: openssl rand -base64 32; for a key "
			       "in PEM use RS256, ES256 or EdDSA" :
			       "put one PEM there that begins with "
			       "-----BEGIN PUBLIC KEY-----",
			       is_shared ?
			       "names a PEM file, which is no secret" :
			       "names a file that is not one public key in "
			       "PEM");
		break;
	case ERR_UNSUPPORTED:
		location_error(at.location, at.line, at.setting,
			       "correct the algorithm, or name the other key",
			       "names a key of another kind than %s needs",
			       name);
		break;
	case ERR_RANGE:
		location_error(at.location, at.line, at.setting,
			       "make a stronger one",
			       "names a key that is too short, too long or too "
			       "weak for %s", name);
		break;
	default:
		location_error(at.location, at.line, at.setting, NULL,
			       "cannot be prepared: %s", err_text(err));
	}
}

/* Random octets may hold a line end; what else is text has one by mistake. */
static bool has_lines(struct str secret)
{
	bool has = false;

	for (size_t i = 0; i < secret.len; i++) {
		char c = secret.ptr[i];

		if (c == '\n')
			has = true;
		else if (c != '\r' && c != '\t' && (c < ' ' || c > '~'))
			return false;
	}
	return has;
}

/* Taken as it is all the same: partners may have it so. */
static void check_lines(struct secret_place at, struct str secret)
{
	if (has_lines(secret))
		location_warn(at.location, at.line, at.setting,
			      "leave one line in the file: where there are "
			      "two secrets, give each a file and a kid of its "
			      "own",
			      "names a file of several lines, which are one "
			      "secret with the line ends between them");
}

static void read_key(const struct reader *reader, struct group item,
		     unsigned i, struct tenant *out)
{
	enum jws_algorithm algorithm =
		(enum jws_algorithm)group_word(item, "algorithm");
	const char *name = algorithm == JWS_HS256 ? "secret_file" :
						    "public_key";
	struct tenant_key *key = &out->keys[out->key_count];
	char setting[KEY_SETTING_MAX];
	struct secret_place at = { reader->location, setting,
				   group_line(item, name) };
	struct str path = STR_NULL, text;
	enum err err;
	int failed;

	snprintf(setting, sizeof(setting), "keys[%u].%s", i, name);
	if (reader_path(reader, item, name, &path) ||
	    reader_text(reader, item, "kid", &key->kid))
		return;
	failed = algorithm == JWS_HS256 ?
		 secret_read(at, reader->scratch, path, JWS_SECRET_MIN, &text) :
		 secret_read_public(at, reader->scratch, path,
				    JWS_KEY_TEXT_MAX, &text);
	if (failed)
		return;
	err = jws_key_new(algorithm, text, &key->key);
	if (err) {
		say_unfit(at, algorithm, err);
		return;
	}
	out->key_count++;
	stamp(out, key->kid);
	stamp(out, str_from(jws_algorithm_text(algorithm)));
	stamp(out, text);
	if (algorithm == JWS_HS256)
		check_lines(at, text);
}

static void read_keys(const struct reader *reader, struct group group,
		      struct tenant *out)
{
	unsigned count = group_count(group, "keys");

	out->keys = pool_calloc(reader->pool, count + 1, sizeof(*out->keys));
	if (!out->keys) {
		reader_nomem(reader);
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		struct group item = group_group_at(group, "keys", i);

		if (!check_pair(reader, item, i) &&
		    !check_kid(reader, group, item, i))
			read_key(reader, item, i, out);
	}
}

static void read_protected(const struct reader *reader, struct group group,
			   struct tenant *out)
{
	unsigned count = group_count(group, "protected");
	struct protected_entry *entries =
		pool_calloc(reader->pool, count + 1, sizeof(*entries));
	char setting[KEY_SETTING_MAX];

	if (!entries) {
		reader_nomem(reader);
		return;
	}
	out->protected.entries = entries;
	for (unsigned i = 0; i < count; i++) {
		struct str text = group_text_at(group, "protected", i);
		enum err err = protected_parse(reader->pool, text,
				&entries[out->protected.count]);

		snprintf(setting, sizeof(setting), "protected[%u]", i);
		if (err == ERR_NOMEM)
			reader_nomem(reader);
		else if (err)
			location_error(
				reader->location,
				group_line(group, "protected"), setting,
				"write an address, @domain or @*.domain",
				"is none of them");
		else
			out->protected.count++;
	}
}

/* What becomes of an address that several have had. */
static void read_conflicts(const struct reader *reader, struct group group,
			   struct tenant *out)
{
	out->adopts_unsigned = group_switch(group, "adopt_unsigned");
	out->on_conflict = (enum on_conflict)group_word(group, "on_conflict");
	if (out->identity == IDENTITY_SIGNED)
		return;
	if (out->adopts_unsigned)
		location_warn(reader->location,
			      group_line(group, "adopt_unsigned"),
			      "adopt_unsigned", "set identity = \"signed\"",
			      "does nothing while identity is not \"signed\"");
	if (out->on_conflict != ON_CONFLICT_REJECT)
		location_warn(reader->location,
			      group_line(group, "on_conflict"), "on_conflict",
			      "set identity = \"signed\"",
			      "does nothing while identity is not \"signed\"");
}

void tenant_read_identity(const struct reader *reader, struct group group,
			  const struct draft *previous, struct tenant *out)
{
	struct group rate = group_group(group, "signed_rate_limit");

	out->identity_line = group_line(group, "identity");
	out->issuer_line = group_line(group, "issuer");
	out->keys_line = group_line(group, "keys");
	out->jwks_line = group_line(group, "jwks_url");
	out->max_age_line = group_line(group, "assertion_max_age");
	read_mode(reader, group, out);
	read_keys(reader, group, out);
	read_source(reader, group, previous, out);
	read_protected(reader, group, out);
	reader_text(reader, group, "issuer", &out->issuer);
	out->assertion_max_age_s =
		(uint32_t)group_number(group, "assertion_max_age");
	stamp(out, str_from(identity_mode_text(out->identity)));
	stamp(out, out->issuer);
	stamp(out, (struct str){ (const char *)&out->assertion_max_age_s,
				 sizeof(out->assertion_max_age_s) });
	out->signed_rate = (struct signed_rate){
		(uint32_t)group_number(rate, "person"),
		(uint32_t)group_number(rate, "tenant"),
		(uint32_t)group_number(rate, "per"),
	};
	read_conflicts(reader, group, out);
}

void tenant_forget_keys(struct tenant *tenant)
{
	for (unsigned i = 0; i < tenant->key_count; i++)
		jws_key_free(tenant->keys[i].key);
	tenant->key_count = 0;
	key_source_unref(tenant->key_source);
	tenant->key_source = NULL;
}
