/*
 * zendesk: the tenant's desk is a Zendesk.
 *
 * README.md tells the settings.  At the handoff what Zendesk shall know of a
 * user is kept as attributes of the adapter's own; when the token is redeemed,
 * they go into a JSON Web Token, signed by the gateway with the secret that
 * the two share, and the browser posts it to Zendesk.
 *
 * Zendesk believes what is signed.  So users whom nobody vouched for are
 * refused unless the settings let them in, and of those who were vouched for
 * nothing counts but what their assertion said.
 */
#include <stdlib.h>
#include <string.h>

#include <usher/adapter.h>
#include <usher/sdk.h>

#define HOST_MAX 253
#define BRANDS_MAX 32
#define ROLES_MAX 16
#define TAGS_MAX 32		/* of a user, and of add_tags */
#define USER_FIELDS_MAX 32
#define MAPPINGS_MAX (USER_FIELDS_MAX + 6)
#define VALUE_CHARS 255		/* of a mapped value */
#define CLAIMS_SIZE 6000	/* so that the token fits in a form's field */
#define JTI_BYTES 16
#define PREFIX "zendesk."
#define PREFIX_USER "zendesk.user_fields."

enum kind {
	TEXT,
	NUMBER,			/* locale_id */
	PHOTO,			/* a URL */
	ROLE,
	TAGS,
	USER_FIELD
};

/* One claim of the token, and the field that it comes from. */
struct mapping {
	enum kind kind;
	char *claim;
	char *field;
	char *attribute;	/* where it is kept in between */
};

struct desk {
	char host[HOST_MAX + 1];
	char *brands[BRANDS_MAX];	/* other hosts of the same Zendesk */
	unsigned brand_count;
	char *home;		/* return_to where nothing was asked for */
	char *secret;
	int by_get, takes_unsigned;
	enum { EXTERNAL_SUB, EXTERNAL_ID, EXTERNAL_NONE } external_id;
	struct mapping mappings[MAPPINGS_MAX];
	unsigned mapping_count, user_field_count;
	char *roles[ROLES_MAX];
	unsigned role_count;
	char *tags[TAGS_MAX];	/* add_tags */
	unsigned tag_count;
};

/* ---- the settings ------------------------------------------------------- */

static int set_text(char **to, struct usher_str value)
{
	free(*to);
	*to = usher_str_keep(value);
	return *to ? USHER_OK : USHER_FAIL;
}

/* One of two words: 0 or 1 in *to. */
static int set_word(struct usher_call *call, struct usher_str key,
		    struct usher_str value, const char *zero, const char *one,
		    const char *problem, int *to)
{
	*to = usher_str_is(value, one);
	if (*to || usher_str_is(value, zero))
		return USHER_OK;
	return usher_config_refuse(call, key, problem);
}

static int is_name(struct usher_str s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (!(s.ptr[i] >= 'a' && s.ptr[i] <= 'z') &&
		    !(s.ptr[i] >= '0' && s.ptr[i] <= '9') && s.ptr[i] != '_' &&
		    !(s.ptr[i] >= 'A' && s.ptr[i] <= 'Z') && s.ptr[i] != '-')
			return 0;
	return s.len > 0 && s.len <= 64;
}

/* A label of letters, digits and inner hyphens, and nothing to be mapped. */
static int set_subdomain(struct usher_call *call, struct usher_str key,
			 struct usher_str value, struct desk *desk)
{
	struct usher_buf buf;
	struct usher_str host, domain;

	if (call->host->domain_key(call, value.ptr, value.len, &domain) ||
	    !usher_str_eq(domain, value) || memchr(value.ptr, '.', value.len))
		return usher_config_refuse(call, key,
			"must be the part before .zendesk.com, in small "
			"letters");
	usher_buf_init_array(&buf, desk->host, sizeof(desk->host));
	usher_buf_str(&buf, domain);
	usher_buf_puts(&buf, ".zendesk.com");
	return usher_buf_end(&buf, &host) ? USHER_FAIL : USHER_OK;
}

static int add_to(struct usher_call *call, struct usher_str key,
		  struct usher_str value, char **list, unsigned *count,
		  unsigned max)
{
	if (*count == max)
		return usher_config_refuse(call, key, max == BRANDS_MAX ?
			"is too much: 32 are taken" :
			"is too much: 16 are taken");
	if (!value.len || value.len > VALUE_CHARS)
		return usher_config_refuse(call, key,
			"must have 1 to 255 bytes");
	list[*count] = usher_str_keep(value);
	if (!list[*count])
		return USHER_FAIL;
	(*count)++;
	return USHER_OK;
}

static int add_brand(struct usher_call *call, struct usher_str key,
		     struct usher_str value, struct desk *desk)
{
	struct usher_str host;

	if (call->host->domain_key(call, value.ptr, value.len, &host))
		return usher_config_refuse(call, key,
			"must be a host name, as \"help.example.com\"");
	return add_to(call, key, host, desk->brands, &desk->brand_count,
		      BRANDS_MAX);
}

static int set_external_id(struct usher_call *call, struct usher_str key,
			   struct usher_str value, struct desk *desk)
{
	if (usher_str_is(value, "external_id"))
		desk->external_id = EXTERNAL_SUB;
	else if (usher_str_is(value, "id"))
		desk->external_id = EXTERNAL_ID;
	else if (usher_str_is(value, "none"))
		desk->external_id = EXTERNAL_NONE;
	else
		return usher_config_refuse(call, key,
			"must be \"external_id\", \"id\" or \"none\"");
	return USHER_OK;
}

/* `claim` from the field `value`. */
static int add_mapping(struct usher_call *call, struct usher_str key,
		       struct usher_str value, struct desk *desk,
		       struct usher_str claim, enum kind kind)
{
	struct mapping *m;
	char name[USHER_NAME_MAX + 1];
	struct usher_str attribute;
	struct usher_buf buf;

	if (!is_name(claim))
		return usher_config_refuse(call, key,
			"is no name of a user field: 1 to 64 letters, digits, "
			"'_' and '-'");
	if (!value.len || value.len > USHER_NAME_MAX)
		return usher_config_refuse(call, key,
			"must be the name of a field, of 1 to 128 bytes");
	if (kind == USER_FIELD && desk->user_field_count++ == USER_FIELDS_MAX)
		return usher_config_refuse(call, key,
			"is too much: 32 user fields are taken");
	/* Each of the others has a setting of its own, which is there once. */
	if (desk->mapping_count == MAPPINGS_MAX)
		return USHER_FAIL;
	usher_buf_init_array(&buf, name, sizeof(name));
	usher_buf_puts(&buf, kind == USER_FIELD ? PREFIX_USER : PREFIX);
	usher_buf_str(&buf, claim);
	if (usher_buf_end(&buf, &attribute))
		return USHER_FAIL;
	m = &desk->mappings[desk->mapping_count++];
	m->kind = kind;
	m->claim = usher_str_keep(claim);
	m->field = usher_str_keep(value);
	m->attribute = usher_str_keep(attribute);
	return m->claim && m->field && m->attribute ? USHER_OK : USHER_FAIL;
}

static const struct {
	const char *name;
	enum kind kind;
} claims[] = {
	{ "organization", TEXT }, { "phone", TEXT }, { "locale_id", NUMBER },
	{ "remote_photo_url", PHOTO }, { "role", ROLE }, { "tags", TAGS },
};

/* Those that are one of a list: brands, roles, add_tags. 1: it was none. */
static int set_element(struct usher_call *call, struct usher_str key,
		       struct usher_str value, struct desk *desk)
{
	struct usher_str rest;
	struct usher_str name = usher_str_cut(key, '.', &rest);
	int64_t index;

	if (usher_str_is(name, "user_fields") && rest.ptr)
		return add_mapping(call, key, value, desk, rest, USER_FIELD);
	if (rest.ptr && usher_str_number(rest, 0, INT64_MAX, &index))
		return 1;
	if (usher_str_is(name, "brands"))
		return add_brand(call, key, value, desk);
	if (usher_str_is(name, "roles"))
		return add_to(call, key, value, desk->roles,
			      &desk->role_count, ROLES_MAX);
	if (usher_str_is(name, "add_tags"))
		return add_to(call, key, value, desk->tags, &desk->tag_count,
			      TAGS_MAX);
	return 1;
}

static int set(struct usher_call *call, struct usher_str key,
	       struct usher_str value, struct desk *desk)
{
	size_t i;
	int rc;

	for (i = 0; i < sizeof(claims) / sizeof(claims[0]); i++)
		if (usher_str_is(key, claims[i].name))
			return add_mapping(call, key, value, desk, key,
					   claims[i].kind);
	if (usher_str_is(key, "subdomain"))
		return set_subdomain(call, key, value, desk);
	if (usher_str_is(key, "secret"))
		return set_text(&desk->secret, value);
	if (usher_str_is(key, "home"))
		return set_text(&desk->home, value);
	if (usher_str_is(key, "delivery"))
		return set_word(call, key, value, "post", "get",
				"must be \"post\" or \"get\"", &desk->by_get);
	if (usher_str_is(key, "unsigned"))
		return set_word(call, key, value, "deny", "allow",
				"must be \"deny\" or \"allow\"",
				&desk->takes_unsigned);
	if (usher_str_is(key, "external_id"))
		return set_external_id(call, key, value, desk);
	rc = set_element(call, key, value, desk);
	return rc <= 0 ? rc : usher_config_refuse(call, key,
		"is not known; there are subdomain, secret, home, brands, "
		"delivery, unsigned, external_id, organization, phone, "
		"locale_id, remote_photo_url, role, roles, tags, add_tags and "
		"user_fields");
}

/* Is `url`, in the host's own spelling, a page of this Zendesk? */
static int is_ours(const struct desk *desk, struct usher_str url)
{
	static const char scheme[] = "https://";
	struct usher_str host, rest;
	unsigned i;

	if (!usher_str_has_prefix(url, scheme))
		return 0;
	url.ptr += sizeof(scheme) - 1;
	url.len -= sizeof(scheme) - 1;
	host = usher_str_cut(url, '/', &rest);
	if (!rest.ptr)
		return 0;
	if (usher_str_is(host, desk->host))
		return 1;
	for (i = 0; i < desk->brand_count; i++)
		if (usher_str_is(host, desk->brands[i]))
			return 1;
	return 0;
}

/* The secret is looked for now rather than at the first sign-in. */
static int check_secret(struct usher_call *call, const struct desk *desk)
{
	unsigned char mac[USHER_MAC_LEN];
	int rc = call->host->hmac_sha256(call, desk->secret, "", 0, mac);

	if (rc == USHER_E_NOTFOUND)
		return usher_config_refuse(call, usher_str_from("secret"),
			"names no secret of the tenant's: add e.g. secrets = "
			"( { name = \"zendesk\"; file = \"secrets/zendesk\"; "
			"} ); beside config");
	return rc ? USHER_FAIL : USHER_OK;
}

static int check_whole(struct usher_call *call, const struct desk *desk)
{
	unsigned i;

	if (!desk->host[0])
		return usher_config_refuse(call, usher_str_from("subdomain"),
			"is missing: the part before .zendesk.com");
	if (desk->home && !is_ours(desk, usher_str_from(desk->home)))
		return usher_config_refuse(call, usher_str_from("home"),
			"must be https:// and a page of the subdomain's or of "
			"one of brands");
	for (i = 0; i < desk->mapping_count; i++)
		if (desk->mappings[i].kind == ROLE && !desk->role_count)
			return usher_config_refuse(call, usher_str_from("role"),
				"needs roles, the list of those that may be "
				"given");
	return check_secret(call, desk);
}

static void desk_free(void *state)
{
	struct desk *desk = state;
	unsigned i;

	if (!desk)
		return;
	for (i = 0; i < desk->brand_count; i++)
		free(desk->brands[i]);
	for (i = 0; i < desk->role_count; i++)
		free(desk->roles[i]);
	for (i = 0; i < desk->tag_count; i++)
		free(desk->tags[i]);
	for (i = 0; i < desk->mapping_count; i++) {
		free(desk->mappings[i].claim);
		free(desk->mappings[i].field);
		free(desk->mappings[i].attribute);
	}
	free(desk->home);
	free(desk->secret);
	free(desk);
}

static int desk_init(const struct usher_host *host, struct usher_call *call,
		     void **state)
{
	struct desk *desk = calloc(1, sizeof(*desk));
	struct usher_str key, value;
	int rc = USHER_FAIL;
	uint32_t i;

	if (desk)
		rc = set_text(&desk->secret, usher_str_from("zendesk"));
	for (i = 0; desk && !host->config_at(call, i, &key, &value); i++)
		if (set(call, key, value, desk))
			rc = USHER_FAIL;
	if (rc || check_whole(call, desk)) {
		desk_free(desk);
		return USHER_FAIL;
	}
	*state = desk;
	return USHER_OK;
}

/* ---- the handoff --------------------------------------------------------- */

static int is_signed(struct usher_call *call)
{
	struct usher_str identity;

	return !call->host->get(call, USHER_INFO, "identity", &identity) &&
	       usher_str_is(identity, "signed");
}

/* "The job title field ...": Laravel shows '_' as a space. Always 1. */
static int complain(struct usher_call *call, const struct mapping *m,
		    const char *before, const char *after)
{
	char text[USHER_MESSAGE_MAX + 1];
	struct usher_buf buf;
	struct usher_str message;
	size_t i;

	usher_buf_init_array(&buf, text, sizeof(text));
	usher_buf_puts(&buf, before);
	for (i = 0; m->field[i]; i++)
		usher_buf_add(&buf, m->field[i] == '_' ? " " : m->field + i, 1);
	usher_buf_puts(&buf, after);
	if (usher_buf_end(&buf, &message))
		message = usher_str_from("This field is invalid.");
	call->host->set_error(call, m->field, message.ptr, message.len);
	return 1;
}

/* What comes as a list, or as a text with commas, is kept as a JSON list.
 * 1: refused; -1: could not be done. */
static int read_tags(struct usher_call *call, const struct mapping *m,
		     struct usher_str *value)
{
	struct usher_str rest = *value, item;
	int is_json = call->host->type(call, is_signed(call) ? USHER_CLAIM :
				       USHER_FIELD, m->field) == USHER_JSON;
	struct usher_buf buf;
	unsigned count = 0;
	int rc = 1;

	usher_buf_init(&buf, call, CLAIMS_SIZE);
	usher_json_open(&buf, '[');
	while (is_json ? (rc = usher_json_next(call, &rest, &item)) > 0 :
			 rest.ptr != NULL) {
		if (!is_json)
			item = usher_str_cut(rest, ',', &rest);
		item = usher_str_trim(item);
		if (!item.len)
			continue;
		if (++count > TAGS_MAX ||
		    usher_str_chars(item) > VALUE_CHARS)
			return complain(call, m, "The ", " must be at most 32 "
					"tags of 255 characters.");
		usher_json_str(&buf, item);
	}
	usher_buf_puts(&buf, "]");
	if (rc == USHER_E_INVAL)
		return complain(call, m, "The ", " must be a list of tags.");
	if (rc < 0)
		return -1;
	if (usher_buf_end(&buf, value))
		return complain(call, m, "The ", " must be fewer tags.");
	return 0;
}

static int check_role(struct usher_call *call, const struct desk *desk,
		      const struct mapping *m, struct usher_str value)
{
	unsigned i;

	for (i = 0; i < desk->role_count; i++)
		if (usher_str_is(value, desk->roles[i]))
			return 0;
	return complain(call, m, "The selected ", " is invalid.");
}

/* 1: refused, with words; -1: could not be done. */
static int check_value(struct usher_call *call, const struct desk *desk,
		       const struct mapping *m, struct usher_str *value)
{
	int64_t number;

	if (m->kind == TAGS)
		return read_tags(call, m, value);
	if (usher_str_chars(*value) > VALUE_CHARS)
		return complain(call, m, "The ", " must not be greater than "
				"255 characters.");
	if (m->kind == ROLE)
		return check_role(call, desk, m, *value);
	if (m->kind == NUMBER &&
	    usher_str_number(*value, 0, INT32_MAX, &number))
		return complain(call, m, "The ", " must be an integer.");
	if (m->kind == PHOTO && !usher_str_has_prefix(*value, "https://"))
		return complain(call, m, "The ", " must be a valid URL.");
	return 0;
}

/*
 * Each sign-in says all of it anew: what it leaves out is no longer so.  Of a
 * signed user the assertion alone speaks, and of nobody else is a role taken.
 */
static int map_one(struct usher_call *call, const struct desk *desk,
		   const struct mapping *m)
{
	int kind = is_signed(call) ? USHER_CLAIM : USHER_FIELD;
	struct usher_str value = { "", 0 };
	int rc = call->host->get(call, kind, m->field, &value);

	if (rc && rc != USHER_E_NOTFOUND)
		return USHER_FAIL;
	value = usher_str_trim(value);
	if (!value.len || (m->kind == ROLE && kind != USHER_CLAIM)) {
		rc = call->host->del_attribute(call, m->attribute);
		return rc && rc != USHER_E_NOTFOUND ? USHER_FAIL : USHER_OK;
	}
	if (m->kind != TAGS &&
	    call->host->type(call, kind, m->field) == USHER_JSON) {
		complain(call, m, "The ", " must be a string.");
		return USHER_OK;
	}
	rc = check_value(call, desk, m, &value);
	if (rc)
		return rc > 0 ? USHER_OK : USHER_FAIL;
	return call->host->set_attribute(call, m->attribute, value.ptr,
					 value.len) ? USHER_FAIL : USHER_OK;
}

static int map_fields(void *state, struct usher_call *call)
{
	const struct desk *desk = state;
	unsigned i;

	for (i = 0; i < desk->mapping_count; i++)
		if (map_one(call, desk, &desk->mappings[i]))
			return USHER_FAIL;
	return USHER_OK;
}

static int refuse_unsigned(struct usher_call *call)
{
	static const char reason[] =
		"This help desk is for verified users only.";

	call->host->set_deny(call, "not_verified", reason, sizeof(reason) - 1);
	return USHER_DENY;
}

static int sync_user(void *state, struct usher_call *call)
{
	const struct desk *desk = state;

	return desk->takes_unsigned || is_signed(call) ? USHER_OK :
							 refuse_unsigned(call);
}

/* ---- on to Zendesk --------------------------------------------------------- */

/* What was kept under that mapping; 0: nothing. */
static int kept(struct usher_call *call, const struct mapping *m,
		struct usher_str *value)
{
	if (m->kind == ROLE && !is_signed(call))
		return 0;
	return !call->host->get(call, USHER_ATTRIBUTE, m->attribute, value);
}

static int add_tags(struct usher_call *call, const struct desk *desk,
		    struct usher_buf *buf)
{
	struct usher_str list = { "[]", 2 }, item;
	unsigned i;
	int rc;

	for (i = 0; i < desk->mapping_count; i++)
		if (desk->mappings[i].kind == TAGS)
			kept(call, &desk->mappings[i], &list);
	if (!desk->tag_count && list.len == 2)
		return 0;
	usher_json_member_open(buf, "tags", '[');
	for (i = 0; i < desk->tag_count; i++)
		usher_json_str(buf, usher_str_from(desk->tags[i]));
	while ((rc = usher_json_next(call, &list, &item)) > 0)
		usher_json_str(buf, item);
	usher_buf_puts(buf, "]");
	return rc;
}

static void add_user_fields(struct usher_call *call, const struct desk *desk,
			    struct usher_buf *buf)
{
	struct usher_str value;
	unsigned i, count = 0;

	for (i = 0; i < desk->mapping_count; i++) {
		const struct mapping *m = &desk->mappings[i];

		if (m->kind != USER_FIELD || !kept(call, m, &value))
			continue;
		if (!count++)
			usher_json_member_open(buf, "user_fields", '{');
		usher_json_member(buf, m->claim, value);
	}
	if (count)
		usher_buf_puts(buf, "}");
}

static void add_mappings(struct usher_call *call, const struct desk *desk,
			 struct usher_buf *buf)
{
	struct usher_str value;
	int64_t number;
	unsigned i;

	for (i = 0; i < desk->mapping_count; i++) {
		const struct mapping *m = &desk->mappings[i];

		if (m->kind == TAGS || m->kind == USER_FIELD ||
		    !kept(call, m, &value))
			continue;
		if (m->kind != NUMBER)
			usher_json_member(buf, m->claim, value);
		else if (!usher_str_number(value, 0, INT32_MAX, &number))
			usher_json_member_int(buf, m->claim, number);
	}
}

static int add_jti(struct usher_call *call, struct usher_buf *buf)
{
	unsigned char bytes[JTI_BYTES];
	char text[JTI_BYTES * 2];
	struct usher_buf jti;
	struct usher_str value;

	if (call->host->random_bytes(call, bytes, sizeof(bytes)))
		return USHER_FAIL;
	usher_buf_init_array(&jti, text, sizeof(text));
	usher_base64url(&jti, bytes, sizeof(bytes));
	if (usher_buf_end(&jti, &value))
		return USHER_FAIL;
	usher_json_member(buf, "jti", value);
	return USHER_OK;
}

/* Zendesk takes nobody without a name. */
static int add_person(struct usher_call *call, const struct desk *desk,
		      struct usher_buf *buf)
{
	struct usher_str email, name, rest, id;
	const char *which = desk->external_id == EXTERNAL_ID ?
		"user.id" : "user.external_id";

	if (call->host->get(call, USHER_INFO, "user.email", &email))
		return USHER_FAIL;
	if (call->host->get(call, USHER_INFO, "user.name", &name) ||
	    !usher_str_trim(name).len)
		name = usher_str_cut(email, '@', &rest);
	usher_json_member(buf, "email", email);
	usher_json_member(buf, "name", name);
	if (desk->external_id != EXTERNAL_NONE &&
	    !call->host->get(call, USHER_INFO, which, &id))
		usher_json_member(buf, "external_id", id);
	return USHER_OK;
}

static int make_token(struct usher_call *call, const struct desk *desk,
		      struct usher_str *token)
{
	struct usher_buf buf;
	struct usher_str json;

	usher_buf_init(&buf, call, CLAIMS_SIZE);
	usher_json_open(&buf, '{');
	usher_json_member_int(&buf, "iat", call->host->now(call) / 1000);
	if (add_jti(call, &buf) || add_person(call, desk, &buf))
		return USHER_FAIL;
	add_mappings(call, desk, &buf);
	if (add_tags(call, desk, &buf))
		return USHER_FAIL;
	add_user_fields(call, desk, &buf);
	usher_buf_puts(&buf, "}");
	if (usher_buf_end(&buf, &json))
		return USHER_FAIL;
	return usher_jwt_hs256(call, desk->secret, NULL, json, token) ?
		USHER_FAIL : USHER_OK;
}

/* The page that was asked for, where it is one of Zendesk's; else `home`. */
static struct usher_str choose_page(struct usher_call *call,
				    const struct desk *desk)
{
	struct usher_str page = { NULL, 0 };

	if (!call->host->get(call, USHER_INFO, "redirect_url", &page) &&
	    is_ours(desk, page))
		return page;
	page.ptr = desk->home;
	page.len = desk->home ? strlen(desk->home) : 0;
	return page;
}

static int send_get(struct usher_call *call, struct usher_str url,
		    struct usher_str token, struct usher_str page)
{
	struct usher_buf buf;
	struct usher_str whole;

	usher_buf_init(&buf, call, USHER_URL_MAX + 1);
	usher_buf_str(&buf, url);
	usher_buf_puts(&buf, "?jwt=");
	usher_buf_str(&buf, token);
	if (page.ptr) {
		usher_buf_puts(&buf, "&return_to=");
		usher_buf_percent(&buf, page);
	}
	if (usher_buf_end(&buf, &whole))
		return USHER_FAIL;
	return call->host->set_redirect(call, whole.ptr, whole.len) ?
		USHER_FAIL : USHER_OK;
}

static int deliver(void *state, struct usher_call *call)
{
	const struct desk *desk = state;
	struct usher_pair form[] = {
		{ { "jwt", 3 }, { NULL, 0 } },
		{ { "return_to", 9 }, choose_page(call, desk) },
	};
	char text[sizeof(desk->host) + 32];
	struct usher_buf buf;
	struct usher_str url;

	if (!desk->takes_unsigned && !is_signed(call))
		return refuse_unsigned(call);
	usher_buf_init_array(&buf, text, sizeof(text));
	usher_buf_puts(&buf, "https://");
	usher_buf_puts(&buf, desk->host);
	usher_buf_puts(&buf, "/access/jwt");
	if (usher_buf_end(&buf, &url) ||
	    make_token(call, desk, &form[0].value))
		return USHER_FAIL;
	if (desk->by_get)
		return send_get(call, url, form[0].value, form[1].value);
	return call->host->set_post(call, url.ptr, url.len, form,
				    form[1].value.ptr ? 2 : 1) ? USHER_FAIL :
								 USHER_OK;
}

USHER_ADAPTER_DEFINE(.name = "zendesk", .version = "1.0", .init = desk_init,
		     .fini = desk_free, .map_fields = map_fields,
		     .sync_user = sync_user, .deliver = deliver)
