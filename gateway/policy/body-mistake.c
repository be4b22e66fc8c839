#include "policy/body-mistake.h"

#include "codec/email.h"
#include "codec/placeholder.h"
#include "policy/validate.h"

#define OBJECT_MAX 64	/* of "[object Object]" in whatever coding */

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

/* "%5Bobject+Object%5D=" is what URLSearchParams makes of such a text. */
const char *body_mistake_object(struct str body)
{
	body = str_trim(body, " \t\r\n");
	if (str_has_prefix(body, STR("[object ")) ||
	    (str_has_prefix(body, STR("%5Bobject")) && body.len < OBJECT_MAX &&
	     str_find(body, '&') < 0))
		return "this is what a script makes of an object that it did "
		       "not turn to text: send new URLSearchParams() of it, or "
		       "JSON.stringify() of it as application/json";
	if (placeholder_is_word(body))
		return "this is a script's word for no value: the page had "
		       "nothing to send when it sent it";
	return NULL;
}

const char *body_mistake_type(struct str body, enum body_type said)
{
	const char *object = said == BODY_JSON ? NULL :
						 body_mistake_object(body);

	if (object)
		return object;
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

/* A word as JavaScript, Python or PHP have it where JSON does not. */
static const char *word_fault(struct str rest)
{
	static const struct { struct str word; const char *what; } words[] = {
		{ STR("NaN"), "NaN is no value of JSON" },
		{ STR("Infinity"), "Infinity is no value of JSON" },
		{ STR("-Infinity"), "Infinity is no value of JSON" },
		{ STR("undefined"), "undefined is no value of JSON: leave the "
				    "field out" },
		{ STR("None"), "None is Python's: JSON has null" },
		{ STR("True"), "True is Python's: JSON has true" },
		{ STR("False"), "False is Python's: JSON has false" },
		{ STR("/"), "JSON has no comments" },
		{ STR("'"), "single quotes, JSON has double ones" },
		{ STR("`"), "a backtick, JSON has double quotes" },
		{ STR("\xe2\x80\x9c"), "typographic quotes, JSON has straight "
					"ones" },
		{ STR("\xe2\x80\x9d"), "typographic quotes, JSON has straight "
					"ones" },
	};

	for (unsigned i = 0; i < N_ELEMENTS(words); i++)
		if (str_has_prefix(rest, words[i].word))
			return words[i].what;
	return NULL;
}

/* The last octet before `at` that is no space; NUL: there is none. */
static char before(struct str body, size_t at)
{
	while (at && strchr(" \t\r\n", body.ptr[at - 1]) && body.ptr[at - 1])
		at--;
	return at ? body.ptr[at - 1] : '\0';
}

static const char *token_fault(struct str rest, char last)
{
	const char c = rest.ptr[0];

	if ((c == '}' || c == ']') && last == ',')
		return "a comma before the closing bracket";
	if (c == '{' && last == '{')
		return "a template's {{ }} that nobody filled in";
	if (c == '"' && (last == '"' || ascii_is_digit(last)))
		return "a comma is missing before this";
	if (ascii_is_alpha(c) && last == '"')
		return "a quote within a text: write it as \\\", or let "
		       "JSON.stringify() or json_encode() write all of it";
	if ((ascii_is_alpha(c) || c == '_') && (last == '{' || last == ','))
		return "a name without quotes";
	return NULL;
}

const char *body_mistake_json(struct str body, size_t at)
{
	const struct str text = str_trim(body, " \t\r\n");
	const char *what;
	struct str rest;

	if (!text.len)
		return "the body is empty";
	if (str_has_prefix(text, STR("[object ")))
		return "this is what a script makes of an object that it did "
		       "not turn to text: send JSON.stringify() of it";
	if (text.ptr[0] == '<')
		return "this is HTML or XML";
	if (at >= body.len)
		return NULL;
	rest = (struct str){ body.ptr + at, body.len - at };
	what = word_fault(rest);
	return what ? what : token_fault(rest, before(body, at));
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

bool body_mistake_is_signed(struct str value)
{
	unsigned dots = 0;

	for (size_t i = 0; i < value.len; i++)
		dots += value.ptr[i] == '.';
	/* '{"' in base64url */
	return dots == 2 && str_has_prefix(value, STR("eyJ"));
}

static bool has_at(struct str value)
{
	return str_find(value, '@') >= 0;
}

static bool has_no_at(struct str value)
{
	return value.len && !has_at(value);
}

#define NAMES 8

/* What each is called elsewhere: by its name, or by a name that may mean it
 * and a value that looks like it. */
static const struct purpose {
	struct str name;
	struct str sure[NAMES], maybe[NAMES];
	bool (*looks)(struct str value);
} purposes[BODY_PURPOSES] = {
	[BODY_EMAIL] = {
		STR("email"),
		{ STR("email"), STR("mail"), STR("emailaddress"),
		  STR("mailaddress"), STR("useremail"), STR("usermail"),
		  STR("customeremail") },
		{ STR("user"), STR("username"), STR("login"), STR("userid"),
		  STR("address"), STR("upn"), STR("uid"), STR("sub") },
		has_at,
	},
	[BODY_NAME] = {
		STR("name"),
		{ STR("name"), STR("fullname"), STR("displayname"),
		  STR("firstname"), STR("lastname"), STR("realname"),
		  STR("givenname"), STR("customername") },
		{ STR("user"), STR("username"), STR("nickname") },
		has_no_at,
	},
	[BODY_ASSERTION] = {
		STR("assertion"),
		{ STR("assertion"), STR("jwt"), STR("idtoken"),
		  STR("signedtoken") },
		{ STR("") },
		body_mistake_is_signed,
	},
};

static bool is_one_of(struct str name, const struct str *names)
{
	for (unsigned i = 0; i < NAMES; i++)
		if (name.len && str_eq(name, names[i]))
			return true;
	return false;
}

static bool is_meant(const struct purpose *purpose, struct str name,
		     struct str value)
{
	char text[16];

	name = fold(name, text);
	if (is_one_of(name, purpose->sure))
		return true;
	if (purpose == &purposes[BODY_ASSERTION])
		return purpose->looks(value);
	return is_one_of(name, purpose->maybe) && purpose->looks(value);
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

/* Is it the string that the text begins with, and a member's name? */
static bool begins_member(struct str json, struct str name)
{
	return json.len > name.len + 2 && json.ptr[name.len + 1] == '"' &&
	       json.ptr[name.len + 2] == ':' &&
	       str_has_prefix((struct str){ json.ptr + 1, json.len - 1 }, name);
}

/* A member of an object, at its first level.  The text is compact, and quotes
 * in its strings have a '\' before them. */
static bool has_member(struct str json, struct str name)
{
	unsigned depth = 0;
	bool is_string = false;

	for (size_t i = 0; i < json.len; i++) {
		const struct str rest = { json.ptr + i, json.len - i };
		char c = json.ptr[i];

		if (is_string && c == '\\') {
			i++;
		} else if (c == '"') {
			if (!is_string && depth == 1 && json.ptr[0] == '{' &&
			    begins_member(rest, name))
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

bool body_mistake_is_tellable(struct str name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!is_name_char(name.ptr[i]))
			return false;
	return name.len && name.len <= BODY_MISTAKE_NAME_MAX;
}

/* Does it look like a word of a program?  A key that does not may be somebody's
 * name or number, and is not told. */
#define WORD_MAX 32
static bool is_word(struct str name)
{
	ptrdiff_t bracket = str_find(name, '[');

	if (bracket >= 0)
		name.len = (size_t)bracket;
	for (size_t i = 0; i < name.len; i++)
		if (!ascii_is_alpha(name.ptr[i]) && name.ptr[i] != '_')
			return false;
	return name.len && name.len <= WORD_MAX;
}

/* Of one with brackets, or by its value's look: is the name a program's? */
static bool is_told(const struct purpose *p, const struct field *f)
{
	char text[16];

	return (str_find(f->name, '[') < 0 &&
		(is_one_of(fold(f->name, text), p->sure) ||
		 is_one_of(fold(f->name, text), p->maybe))) || is_word(f->name);
}

struct str body_mistake_field(const struct fields *fields,
			      enum body_purpose purpose)
{
	const struct purpose *p = &purposes[purpose];

	for (unsigned i = 0; i < fields->count; i++) {
		const struct field *f = &fields->v[i];

		if (!body_mistake_is_tellable(f->name) ||
		    str_eq(f->name, p->name))
			continue;
		if (f->kind == FIELD_TEXT && is_told(p, f) &&
		    is_meant(p, inner(f->name), f->value))
			return f->name;
		if (f->kind == FIELD_JSON && is_word(f->name) && f->name.len + 1 + p->name.len <=
		    BODY_MISTAKE_NAME_MAX && has_member(f->value, p->name))
			return pool_printf(fields->pool, "%.*s.%.*s",
					   STR_ARG(f->name), STR_ARG(p->name));
	}
	return STR_NULL;
}

/* Frameworks with one brace each; no address begins and ends so. */
static bool is_in_braces(struct str text)
{
	return text.len > 2 && text.ptr[0] == '{' &&
	       text.ptr[text.len - 1] == '}';
}

static unsigned ats(struct str text)
{
	unsigned n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += text.ptr[i] == '@';
	return n;
}

struct body_mistake body_mistake_address(struct str email)
{
	static const struct body_mistake
	word = { "It holds what a script writes where there is no value "
		 "(undefined, null): the page had no address when it was sent, "
		 "or reads it from another member.",
		 "a script's word for no value" },
	template = { "It holds a template's mark that nobody filled in: the "
		     "page, or the script in it, is not rendered where this "
		     "stands.", "a template that nobody filled in" },
	several = { "It holds several addresses: send one.",
		    "several addresses" },
	named = { "It holds more than the address: send what stands between < "
		  "and > alone, and the name in the field name.",
		  "a name with the address" },
	mailto = { "It begins with mailto: send the address alone.",
		   "mailto: before it" },
	encoded = { "It was encoded twice: it holds %40 where there should be "
		    "an @. Encode it once, or leave it to URLSearchParams.",
		    "encoded twice" };

	if (placeholder_is_word(email))
		return word;
	if (placeholder_is_template(email) || is_in_braces(email))
		return template;
	if (email.len && email.ptr[email.len - 1] == '>' && has_at(email))
		return named;
	if (str_icontains(email, STR("mailto:")))
		return mailto;
	if (ats(email) > 1 && (str_find(email, ',') >= 0 ||
			       str_find(email, ';') >= 0 ||
			       str_find(email, ' ') >= 0))
		return several;
	if (!has_at(email) && str_icontains(email, STR("%40")))
		return encoded;
	return (struct body_mistake){ NULL, NULL };
}

const char *body_mistake_name(struct str name)
{
	if (placeholder_is_word(name))
		return "the name is a script's word for no value";
	if (placeholder_is_template(name) || is_in_braces(name))
		return "the name is a template that nobody filled in";
	return NULL;
}

static bool has_lost_plus(struct pool *pool, struct str email)
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

struct str body_mistake_assertion(struct pool *pool, struct str near)
{
	return pool_printf(pool, "there is a field %.*s: the assertion is read "
			   "from the field assertion alone", STR_ARG(near));
}

static void add_advice(struct pool *pool, struct body_advice *advice,
		       struct str hint, struct str why)
{
	if (!advice->hint.len) {
		*advice = (struct body_advice){ hint, why };
		return;
	}
	advice->hint = pool_printf(pool, "%.*s %.*s", STR_ARG(advice->hint),
				   STR_ARG(hint));
	advice->why = pool_printf(pool, "%.*s; %.*s", STR_ARG(advice->why),
				  STR_ARG(why));
}

/* One that is there, for one that is missing. */
static void add_near(struct pool *pool, struct body_advice *advice,
		     const char *kind, struct str near, const char *what,
		     const char *field)
{
	if (near.len)
		add_advice(pool, advice,
			   pool_printf(pool, "There is a %s %.*s: the %s is "
				       "read from %s alone.", kind,
				       STR_ARG(near), what, field),
			   pool_printf(pool, "there is a %s %.*s", kind,
				       STR_ARG(near)));
}

struct body_advice body_mistake_advice(struct pool *pool,
				       const struct body_refused *refused)
{
	struct body_advice advice = { STR_NULL, STR_NULL };
	struct str email = validate_trim(fields_value(refused->fields,
						      STR("email")));
	const struct body_mistake mistake = body_mistake_address(email);

	if (mistake.hint)
		add_advice(pool, &advice, str_from(mistake.hint),
			   str_from(mistake.why));
	else if (email.len && refused->is_form && has_lost_plus(pool, email))
		add_advice(pool, &advice,
			   STR("The address has a space where there may have "
			       "been a +, which means a space in a form: "
			       "send it as %2B, as URLSearchParams and curl "
			       "--data-urlencode do."),
			   STR("a space, perhaps of a + that was sent as it "
			       "is"));
	if (!email.len)
		add_near(pool, &advice, refused->kind, refused->email,
			 "address", "email");
	if (!fields_get(refused->fields, STR("name")))
		add_near(pool, &advice, refused->kind, refused->name,
			 "whole name", "name");
	return advice;
}
