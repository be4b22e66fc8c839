#include "policy/remote.h"

#include "base/buf.h"
#include "codec/email.h"
#include "codec/utf8.h"

#define SEPARATORS ":-._/|"
#define ENCODED_LEN 3		/* "%XX" */

static const struct {
	struct str name;
	enum remote_part_kind kind;
} placeholders[] = {
	{ { "slug}", 5 }, REMOTE_SLUG },
	{ { "email}", 6 }, REMOTE_EMAIL },
	{ { "id}", 3 }, REMOTE_ID },
	{ { "external_id}", 12 }, REMOTE_EXTERNAL_ID },
};

struct template {
	struct remote_rule rule;
	struct str rest;	/* what is not read yet */
	char before;		/* the octet that was read last; '}' after a
				 * placeholder, 0 at the start */
	bool has_slug, has_person;
};

static bool is_in(char c, const char *set)
{
	return c && strchr(set, c);
}

static const char *check_text(const struct template *t, struct str text)
{
	size_t i;

	if (!t->before && !ascii_is_alpha(text.ptr[0]))
		return "begins with neither a letter nor {slug}, and a desk "
		       "takes what begins like a number for the id of one of "
		       "its rows";
	for (i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c == '@')
			return "has an '@', so that a desk takes it for an "
			       "address, which somebody of its staff may have";
		if (!ascii_is_alpha(c) && !ascii_is_digit(c) &&
		    !is_in(c, SEPARATORS))
			return "has something else than {slug}, {email}, "
			       "{id}, {external_id}, letters, digits and "
			       "- . _ / | :";
	}
	return NULL;
}

static const char *check_slug(const struct template *t)
{
	if (t->has_slug)
		return "has {slug} twice";
	if (t->has_person && t->before != ':')
		return "has {slug} behind the person without ':' between "
		       "them, so that two names may be the same";
	return NULL;
}

/* Why a name may not begin with it; NULL: it does not. */
static const char *check_start(const struct template *t,
			       enum remote_part_kind kind)
{
	if (t->before)
		return NULL;
	switch (kind) {
	case REMOTE_ID:
		return "begins with {id}: a desk takes a number for the id of "
		       "one of its own rows, so that user 14 here is whoever "
		       "is 14 there";
	case REMOTE_EMAIL:
		return "begins with {email}: whoever posts the address of "
		       "somebody of the desk's staff is taken for them";
	default:
		return "begins with {external_id}, which may be a number or "
		       "the address of somebody of the desk's staff";
	}
}

static const char *check_person(const struct template *t,
				enum remote_part_kind kind)
{
	const char *why = check_start(t, kind);

	if (why)
		return why;
	if (t->has_person)
		return "has more than one of {email}, {id} and {external_id}, "
		       "each of which tells a user alone";
	if (kind == REMOTE_ID && !is_in(t->before, SEPARATORS))
		return "has nothing of - . _ / | : right before {id}, so that "
		       "two names may be the same";
	if (kind != REMOTE_ID && t->before != ':')
		return "has no ':' right before {email} or {external_id}: "
		       "what comes out may be the address of somebody of the "
		       "desk's staff";
	return NULL;
}

static const char *add_part(struct template *t, struct remote_part part)
{
	struct remote_rule *rule = &t->rule;
	const char *why;

	if (part.kind == REMOTE_TEXT)
		why = check_text(t, part.text);
	else if (part.kind == REMOTE_SLUG)
		why = check_slug(t);
	else
		why = check_person(t, part.kind);
	if (why)
		return why;
	t->has_slug |= part.kind == REMOTE_SLUG;
	t->has_person |= part.kind > REMOTE_SLUG;
	rule->parts[rule->part_count++] = part;
	return NULL;
}

static const char *read_placeholder(struct template *t)
{
	size_t i;

	t->rest.ptr++;
	t->rest.len--;
	for (i = 0; i < N_ELEMENTS(placeholders); i++) {
		struct str name = placeholders[i].name;
		const char *why;

		if (!str_has_prefix(t->rest, name))
			continue;
		why = add_part(t, (struct remote_part){
			.kind = placeholders[i].kind });
		t->rest.ptr += name.len;
		t->rest.len -= name.len;
		t->before = '}';
		return why;
	}
	return "has a '{' that begins none of {slug}, {email}, {id} and "
	       "{external_id}";
}

static const char *read_text(struct template *t)
{
	ptrdiff_t end = str_find(t->rest, '{');
	size_t len = end < 0 ? t->rest.len : (size_t)end;
	struct str text = { t->rest.ptr, len };
	const char *why = add_part(t, (struct remote_part){ .text = text });

	t->before = text.ptr[len - 1];
	t->rest.ptr += len;
	t->rest.len -= len;
	return why;
}

enum err remote_parse(struct str text, struct remote_rule *out_r,
		      struct fault *fault)
{
	struct template t = { .rest = text };
	const char *why = NULL;

	if (text.len > REMOTE_TEMPLATE_MAX)
		return fault_set(fault, ERR_LIMIT, REMOTE_TEMPLATE_MAX,
				 "is too long");
	/* Its parts are bounded by its rules: {slug} and the person once, and
	 * a text before, between and after them. */
	while (t.rest.len && !why)
		why = t.rest.ptr[0] == '{' ? read_placeholder(&t) :
					     read_text(&t);
	if (!why && !t.has_person)
		why = "has none of {email}, {id} and {external_id}: all users "
		      "would be one";
	if (why)
		return fault_set(fault, ERR_SYNTAX, text.len - t.rest.len,
				 why);
	t.rule.encoding = out_r->encoding;
	*out_r = t.rule;
	return ERR_OK;
}

bool remote_has(const struct remote_rule *rule, enum remote_part_kind kind)
{
	unsigned i;

	for (i = 0; i < rule->part_count; i++)
		if (rule->parts[i].kind == kind)
			return true;
	return false;
}

static bool is_plain(char c)
{
	return c >= ' ' && c <= '~' && c != '%';
}

/* Text that has been checked. */
static void add_encoded(const struct remote_rule *rule, struct str s,
			struct buf *out)
{
	size_t i;

	if (rule->encoding == REMOTE_UTF8) {
		buf_adds(out, s);
		return;
	}
	for (i = 0; i < s.len; i++)
		if (is_plain(s.ptr[i]))
			buf_addc(out, s.ptr[i]);
		else
			buf_printf(out, "%%%02X", (unsigned char)s.ptr[i]);
}

/* White space at an end is lost on the way, and two names would be one. */
static enum err add_external_id(const struct remote_rule *rule, struct str id,
				struct buf *out)
{
	enum err err;

	if (!id.len)
		return ERR_NOT_FOUND;
	err = utf8_check_text(id, NULL);
	if (!err && utf8_trim(id).len != id.len)
		err = ERR_SYNTAX;
	if (!err)
		add_encoded(rule, id, out);
	return err;
}

static enum err add_email(const struct remote_rule *rule, struct str shown,
			  struct pool *pool, struct buf *out)
{
	struct email email;
	enum err err = email_parse(pool, shown, &email);

	if (!err)
		add_encoded(rule, email.key, out);
	return err;
}

enum err remote_user(const struct remote_rule *rule,
		     const struct remote_person *person, struct pool *pool,
		     struct str *out_r)
{
	char value[REMOTE_VALUE_MAX + 1];
	struct str text;
	struct buf out;
	enum err err = ERR_OK;
	unsigned i;

	buf_init_fixed(&out, value, sizeof(value));
	for (i = 0; i < rule->part_count && !err; i++)
		switch (rule->parts[i].kind) {
		case REMOTE_TEXT:
			buf_adds(&out, rule->parts[i].text);
			break;
		case REMOTE_SLUG:
			buf_adds(&out, person->slug);
			break;
		case REMOTE_ID:
			buf_printf(&out, "%lld", (long long)person->id);
			break;
		case REMOTE_EMAIL:
			err = add_email(rule, person->email, pool, &out);
			break;
		case REMOTE_EXTERNAL_ID:
			err = add_external_id(rule, person->external_id, &out);
			break;
		}
	if (err)
		return err;
	if (!buf_is_ok(&out))
		return ERR_LIMIT;
	text = pool_str(pool, buf_str(&out));
	if (str_is_null(text))
		return ERR_NOMEM;
	*out_r = text;
	return ERR_OK;
}

/* Octets of the character at `at`, as it stands and as it is sent. */
static size_t character_at(const struct remote_rule *rule, struct str s,
			   size_t at, size_t *sent_r)
{
	size_t next = at;

	utf8_next(s, &next);
	*sent_r = rule->encoding == REMOTE_UTF8 || is_plain(s.ptr[at]) ?
		next - at : (next - at) * ENCODED_LEN;
	return next - at;
}

enum err remote_text(const struct remote_rule *rule, struct str text,
		     struct pool *pool, struct str *out_r)
{
	size_t at = 0, room = REMOTE_VALUE_MAX;
	enum err err = utf8_check_text(text, NULL);
	struct buf out;

	if (err)
		return err;
	while (at < text.len) {
		size_t sent, len = character_at(rule, text, at, &sent);

		if (sent > room)
			break;
		room -= sent;
		at += len;
	}
	buf_init_pool(&out, pool, REMOTE_VALUE_MAX + 1);
	buf_reserve(&out, REMOTE_VALUE_MAX - room);
	add_encoded(rule, (struct str){ text.ptr, at }, &out);
	if (!buf_is_ok(&out))
		return ERR_NOMEM;
	*out_r = buf_str(&out);
	return ERR_OK;
}
