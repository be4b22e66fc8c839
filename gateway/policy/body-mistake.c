#include "policy/body-mistake.h"

#include "codec/email.h"

bool body_mistake_is_json(struct str body)
{
	body = str_trim(body, " \t\r\n");
	return body.len > 1 && body.ptr[0] == '{' &&
	       body.ptr[body.len - 1] == '}';
}

static bool is_multipart(struct str body)
{
	return str_has_prefix(body, STR("--")) &&
	       str_icontains(body, STR("Content-Disposition:"));
}

static bool is_name_char(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) ||
	       (c && strchr("-_.[]", c));
}

/* A first name as a form would have it. */
static bool is_form(struct str body)
{
	size_t len = 0;

	while (len < body.len &&
	       (is_name_char(body.ptr[len]) || body.ptr[len] == '%'))
		len++;
	return len && len < body.len && body.ptr[len] == '=';
}

const char *body_mistake_type(struct str body, enum body_type said)
{
	if (said != BODY_JSON && body_mistake_is_json(body))
		return "this is JSON, send it as application/json";
	if (said != BODY_MULTIPART && is_multipart(body))
		return "this is multipart/form-data, leave the Content-Type "
		       "to the browser";
	if (said != BODY_FORM && is_form(body))
		return "this is a form, send it as application/x-www-form-"
		       "urlencoded";
	return NULL;
}

/* Letters and digits in lower case; "" where it is longer than any of ours. */
static struct str fold(struct str name, char out[16])
{
	size_t n = 0;

	for (size_t i = 0; i < name.len; i++) {
		if (strchr("-_. ", name.ptr[i]))
			continue;
		if (n == 16)
			return STR("");
		out[n++] = ascii_lower(name.ptr[i]);
	}
	return (struct str){ out, n };
}

/* Is it an address by its name, or by a name that may mean one and an '@'? */
static bool is_address(struct str name, struct str value)
{
	static const struct str sure[] = {
		STR("email"), STR("mail"), STR("emailaddress"),
		STR("mailaddress"), STR("useremail"), STR("usermail"),
	}, maybe[] = {
		STR("user"), STR("username"), STR("login"), STR("userid"),
		STR("address"),
	};
	char text[16];

	name = fold(name, text);
	for (unsigned i = 0; i < N_ELEMENTS(sure); i++)
		if (str_eq(name, sure[i]))
			return true;
	for (unsigned i = 0; i < N_ELEMENTS(maybe); i++)
		if (str_eq(name, maybe[i]))
			return str_find(value, '@') >= 0;
	return false;
}

/* What is in the last brackets, or the name. */
static struct str inner(struct str name)
{
	size_t from = name.len;

	if (!name.len || name.ptr[name.len - 1] != ']')
		return name;
	while (from && name.ptr[from - 1] != '[')
		from--;
	return from ? (struct str){ name.ptr + from, name.len - from - 1 } :
		      name;
}

/* A member "email" of an object, at its first level.  The text is compact, and
 * quotes in its strings have a '\' before them. */
static bool has_email(struct str json)
{
	static const struct str member = STR("\"email\":");
	unsigned depth = 0;
	bool is_string = false;

	for (size_t i = 0; i < json.len; i++) {
		const struct str rest = { json.ptr + i, json.len - i };
		char c = json.ptr[i];

		if (is_string && c == '\\') {
			i++;
		} else if (c == '"') {
			if (!is_string && depth == 1 && json.ptr[0] == '{' &&
			    str_has_prefix(rest, member))
				return true;
			is_string = !is_string;
		} else if (!is_string && (c == '{' || c == '[')) {
			depth++;
		} else if (!is_string && (c == '}' || c == ']')) {
			depth--;
		}
	}
	return false;
}

static bool is_tellable(struct str name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!is_name_char(name.ptr[i]))
			return false;
	return name.len && name.len + strlen(".email") <=
			   BODY_MISTAKE_NAME_MAX;
}

struct str body_mistake_email(const struct fields *fields)
{
	for (unsigned i = 0; i < fields->count; i++) {
		const struct field *f = &fields->v[i];

		if (!is_tellable(f->name) || str_eq(f->name, STR("email")))
			continue;
		if (f->kind == FIELD_TEXT && is_address(inner(f->name),
							f->value))
			return f->name;
		if (f->kind == FIELD_JSON && has_email(f->value))
			return pool_printf(fields->pool, "%.*s.email",
					   STR_ARG(f->name));
	}
	return STR_NULL;
}

bool body_mistake_plus(struct pool *pool, struct str email)
{
	struct email unused;
	char *text;

	if (email.len > EMAIL_MAX || str_find(email, ' ') < 0)
		return false;
	text = pool_strndup(pool, email.ptr, email.len);
	for (char *p = text; p && *p; p++)
		if (*p == ' ')
			*p = '+';
	return text && !email_parse(pool, (struct str){ text, email.len },
				    &unused);
}
