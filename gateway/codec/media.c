#include "codec/media.h"

struct param {
	struct str name;
	struct str value;	/* of a quoted one: what is between, escaped */
	bool is_quoted;
};

static void advance(struct str *s, size_t n)
{
	s->ptr += n;
	s->len -= n;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static void skip_space(struct str *s)
{
	while (s->len && is_space(s->ptr[0]))
		advance(s, 1);
}

static bool skip_char(struct str *s, char c)
{
	if (!s->len || s->ptr[0] != c)
		return false;
	advance(s, 1);
	return true;
}

/* An empty one where there is none. */
static struct str take_token(struct str *s)
{
	struct str token = { s->ptr, 0 };

	while (token.len < s->len && ascii_is_token(s->ptr[token.len]))
		token.len++;
	advance(s, token.len);
	return token;
}

/*
 * The content of a quoted-string whose first quote is read already.  obs-text
 * (bytes above ASCII) is refused: nothing that we look for may hold it.
 */
static bool take_quoted(struct str *s, struct str *content_r)
{
	size_t i = 0;

	for (; i < s->len && s->ptr[i] != '"'; i++) {
		if (s->ptr[i] == '\\' && ++i == s->len)
			return false;
		if ((s->ptr[i] < 0x20 && s->ptr[i] != '\t') ||
		    s->ptr[i] >= 0x7f)
			return false;
	}
	if (i == s->len)
		return false;
	*content_r = (struct str){ s->ptr, i };
	advance(s, i + 1);
	return true;
}

/*
 * The next of *( OWS ";" OWS [ parameter ] ).  Returns 1 for one, 0 where
 * there is no further ';', -1 for a malformed one.
 */
static int take_param(struct str *s, struct param *out_r)
{
	struct param p = { 0 };

	for (;;) {
		skip_space(s);
		if (!skip_char(s, ';'))
			return 0;
		skip_space(s);
		if (s->len && s->ptr[0] != ';')
			break;
	}
	p.name = take_token(s);
	if (!p.name.len || !skip_char(s, '='))
		return -1;
	p.is_quoted = skip_char(s, '"');
	if (p.is_quoted) {
		if (!take_quoted(s, &p.value))
			return -1;
	} else {
		p.value = take_token(s);
		if (!p.value.len)
			return -1;
	}
	*out_r = p;
	return 1;
}

/* type "/" subtype */
static bool take_type(struct str *s, struct str *type_r, struct str *subtype_r)
{
	struct str type = take_token(s), subtype;

	if (!type.len || !skip_char(s, '/'))
		return false;
	subtype = take_token(s);
	if (!subtype.len)
		return false;
	*type_r = type;
	*subtype_r = subtype;
	return true;
}

/* A copy in the pool: unescaped where it was quoted, perhaps in lower case. */
static enum err copy(struct pool *pool, struct str in, bool is_quoted,
		     bool lower, struct str *out_r)
{
	char *p = pool_strndup(pool, in.ptr, in.len);
	size_t n = 0;

	if (!p)
		return ERR_NOMEM;
	for (size_t i = 0; i < in.len; i++) {
		if (is_quoted && in.ptr[i] == '\\')
			i++;
		p[n++] = lower ? ascii_lower(in.ptr[i]) : in.ptr[i];
	}
	p[n] = '\0';
	*out_r = (struct str){ p, n };
	return ERR_OK;
}

static enum err read_params(struct pool *pool, struct str *s,
			    struct media *media)
{
	struct str seen[MEDIA_PARAMS_MAX];
	unsigned count = 0;
	enum err err = ERR_OK;
	struct param p;
	int found;

	while (!err && (found = take_param(s, &p)) != 0) {
		if (found < 0)
			return ERR_SYNTAX;
		for (unsigned i = 0; i < count; i++)
			if (str_ieq(seen[i], p.name))
				return ERR_DUPLICATE;
		if (count == MEDIA_PARAMS_MAX)
			return ERR_LIMIT;
		seen[count++] = p.name;
		if (str_ieq(p.name, STR("charset")))
			err = copy(pool, p.value, p.is_quoted, true,
				   &media->charset);
		else if (str_ieq(p.name, STR("boundary")))
			err = copy(pool, p.value, p.is_quoted, false,
				   &media->boundary);
	}
	return err;
}

enum err media_parse(struct pool *pool, struct str in, struct media *out_r)
{
	struct str s = in, type, subtype;
	struct media media = { 0 };
	enum err err;

	if (in.len > MEDIA_MAX)
		return ERR_LIMIT;
	skip_space(&s);
	if (!take_type(&s, &type, &subtype))
		return ERR_SYNTAX;
	err = copy(pool, type, false, true, &media.type);
	if (!err)
		err = copy(pool, subtype, false, true, &media.subtype);
	if (!err)
		err = read_params(pool, &s, &media);
	if (err)
		return err;
	if (s.len)
		return ERR_SYNTAX;
	*out_r = media;
	return ERR_OK;
}

bool media_is(const struct media *media, const char *type, const char *subtype)
{
	return str_eq(media->type, str_from(type)) &&
	       str_eq(media->subtype, str_from(subtype));
}

bool media_is_utf8(struct str charset)
{
	return str_eq(charset, STR("utf-8")) ||
	       str_eq(charset, STR("utf8")) ||
	       str_eq(charset, STR("us-ascii"));
}

/* A weight (RFC 9110 section 12.4.2) in thousandths, or -1. */
static int read_weight(struct str s)
{
	int weight = 0, unit = 1000;

	if (!s.len || s.len > 5 || (s.ptr[0] != '0' && s.ptr[0] != '1') ||
	    (s.len > 1 && s.ptr[1] != '.'))
		return -1;
	for (size_t i = 0; i < s.len; i++) {
		if (i == 1)
			continue;
		if (!ascii_is_digit(s.ptr[i]))
			return -1;
		weight += (s.ptr[i] - '0') * unit;
		unit /= 10;
	}
	return weight <= 1000 ? weight : -1;
}

/* What one Accept value says of the types that matter; -1: nothing. */
struct weights {
	int html, json, application, any;
};

static int *weight_of(struct weights *w, struct str type, struct str subtype)
{
	if (str_ieq(type, STR("text")) && str_ieq(subtype, STR("html")))
		return &w->html;
	if (str_ieq(type, STR("application"))) {
		if (str_ieq(subtype, STR("json")))
			return &w->json;
		if (str_eq(subtype, STR("*")))
			return &w->application;
	}
	if (str_eq(type, STR("*")) && str_eq(subtype, STR("*")))
		return &w->any;
	return NULL;
}

/* One media range with its weight; false: malformed. */
static bool read_range(struct str *s, struct weights *w)
{
	struct str type, subtype;
	int weight = 1000, *slot, found;
	bool weighed = false;
	struct param p;

	if (!take_type(s, &type, &subtype))
		return false;
	while ((found = take_param(s, &p)) != 0) {
		if (found < 0)
			return false;
		if (!str_ieq(p.name, STR("q")))
			continue;
		weight = p.is_quoted ? -1 : read_weight(p.value);
		if (weighed || weight < 0)
			return false;
		weighed = true;
	}
	slot = weight_of(w, type, subtype);
	if (slot && weight > *slot)
		*slot = weight;
	return true;
}

bool media_prefers_html(struct str accept)
{
	struct weights w = { -1, -1, -1, -1 };
	int json;

	for (;;) {
		skip_space(&accept);
		if (!accept.len)
			break;
		if (skip_char(&accept, ','))
			continue;
		if (!read_range(&accept, &w) ||
		    (accept.len && accept.ptr[0] != ','))
			return false;
	}
	json = w.json >= 0 ? w.json : w.application >= 0 ? w.application :
							   w.any;
	return w.html > 0 && w.html > json;
}
