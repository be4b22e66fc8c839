#include "policy/validate.h"

#include "base/codes.h"
#include "codec/charref.h"
#include "codec/json.h"
#include "codec/utf8.h"

void invalid_list_init(struct invalid_list *list, struct pool *pool)
{
	list->count = 0;
	list->pool = pool;
	list->failed = false;
}

void validate_add_error(struct invalid_list *list, struct str field,
			struct str message, const char *why)
{
	struct invalid one = { .why = why };

	/* An adapter and we may find the same fault: it is told once. */
	for (unsigned i = 0; i < list->count; i++)
		if (str_eq(list->v[i].field, utf8_cut(field, FIELD_NAME_MAX)) &&
		    str_eq(list->v[i].message,
			   utf8_cut(message, VALIDATE_MESSAGE_MAX)))
			return;
	if (list->count == VALIDATE_ERRORS_MAX)
		return;
	one.field = pool_str(list->pool, utf8_cut(field, FIELD_NAME_MAX));
	one.message = pool_str(list->pool, utf8_cut(message,
						   VALIDATE_MESSAGE_MAX));
	if (str_is_null(one.field) || str_is_null(one.message)) {
		list->failed = true;
		return;
	}
	list->v[list->count++] = one;
}

struct str validate_trim(struct str s)
{
	return utf8_trim(s);
}

/*
 * A field trimmed; absent where there is none.  ERR_CONTROL: a line end or a
 * TAB stands within; ERR_SYNTAX: it is no text.
 */
static enum err get_text(const struct validation *in, const char *name,
			 struct str *text_r)
{
	const struct field *field = fields_get(in->fields, str_from(name));
	struct str text = field ? validate_trim(field->value) : STR_NULL;

	if (field && (field->kind != FIELD_TEXT ||
		      utf8_check_lines(text, NULL)))
		return ERR_SYNTAX;
	if (utf8_check_text(text, NULL))
		return ERR_CONTROL;
	*text_r = text;
	return ERR_OK;
}

#define MISSING "missing"
#define TOO_LONG "too long"
#define HAS_LINES "a line break or tab within"

/* What happened, and how whoever wrote the page mends it. */
#define ESCAPED_EMAIL \
	"The email field was escaped for HTML before it was sent: it holds a " \
	"character reference such as &#039; or &amp;. The page has to send " \
	"the address as it is. In a script write it as JSON (json_encode(), " \
	"@json), not with {{ }} or htmlspecialchars(); in WordPress decode " \
	"it first (wp_specialchars_decode())."

static enum err check_email(const struct validation *in,
			    struct invalid_list *list, struct email *out_r)
{
	struct str text = STR_NULL;
	struct str message = STR("The email field must be a valid email "
				 "address.");
	const char *why = "not a valid address";
	enum err err = get_text(in, "email", &text);

	if (err == ERR_CONTROL) {
		message = STR("The email field must not contain line breaks "
			      "or tabs.");
		why = HAS_LINES;
	} else if (!err && !text.len) {
		err = ERR_SYNTAX;
		message = STR("The email field is required.");
		why = text.ptr ? "empty" : MISSING;
	} else if (!err && charref_is_in(text)) {
		err = ERR_SYNTAX;	/* no address has a ';' */
		message = STR(ESCAPED_EMAIL);
		why = VALIDATE_ESCAPED;
	} else if (!err && text.len > EMAIL_MAX) {
		err = ERR_LIMIT;
		message = STR("The email field must not be greater than 254 "
			      "characters.");
		why = TOO_LONG;
	} else if (!err) {
		err = email_parse(in->pool, text, out_r);
	}
	if (err && err != ERR_NOMEM)
		validate_add_error(list, STR("email"), message, why);
	return err;
}

/* `email` is NULL where it is bad: then nothing can be made of it. */
static void check_name(const struct validation *in, struct invalid_list *list,
		       const struct email *email, struct str *out_r)
{
	struct str field = STR("name");
	struct str name = STR_NULL;
	enum err err = get_text(in, "name", &name);

	if (err == ERR_CONTROL)
		validate_add_error(list, field,
				   STR("The name field must not contain line "
				       "breaks or tabs."), HAS_LINES);
	else if (err)
		validate_add_error(list, field,
				   STR("The name field must be a string."),
				   "no text");
	else if (str_is_null(name))
		validate_add_error(list, field,
				   STR("The name field is required."),
				   MISSING);
	else if (utf8_length(name) > VALIDATE_NAME_MAX)
		validate_add_error(list, field,
				   STR("The name field must not be greater "
				       "than 255 characters."), TOO_LONG);
	else if (!name.len && email)
		*out_r = email->local;
	else
		*out_r = name;
}

static enum err check_redirect(const struct validation *in,
			       struct invalid_list *list, struct str *out_r)
{
	struct str text = STR_NULL;
	struct str message = STR("The redirect url field must be a valid "
				 "URL.");
	const char *why = "not a URL that usher takes";
	enum err err = get_text(in, "redirect_url", &text);

	*out_r = STR_NULL;
	if (!err && !text.len)
		return ERR_OK;
	if (err == ERR_CONTROL) {
		message = STR("The redirect url field must not contain line "
			      "breaks or tabs.");
		why = HAS_LINES;
	} else if (!err && text.len > URL_MAX) {
		err = ERR_LIMIT;
		message = STR("The redirect url field must not be greater "
			      "than 2048 characters.");
		why = TOO_LONG;
	} else if (!err) {
		err = redirect_check(in->redirects, in->pool, text, out_r,
				     NULL);
		if (err == ERR_UNSUPPORTED || err == ERR_NOT_FOUND) {
			message = STR("The redirect url field must lead to "
				      "an allowed place.");
			why = VALIDATE_NO_PLACE;
		}
	}
	if (err && err != ERR_NOMEM)
		validate_add_error(list, STR("redirect_url"), message,
				   why);
	return err;
}

enum err validate(const struct validation *in, struct invalid_list *list,
		  struct validated *out_r)
{
	struct validated out = { 0 };
	enum err email, redirect;

	email = check_email(in, list, &out.email);
	check_name(in, list, email ? NULL : &out.email, &out.name);
	redirect = check_redirect(in, list, &out.redirect_url);
	if (email == ERR_NOMEM || redirect == ERR_NOMEM || list->failed)
		return ERR_NOMEM;
	if (list->count)
		return ERR_SYNTAX;
	*out_r = out;
	return ERR_OK;
}

/* Did an earlier error bring this field up? */
static bool is_named_before(const struct invalid_list *list, unsigned at)
{
	for (unsigned i = 0; i < at; i++)
		if (str_eq(list->v[i].field, list->v[at].field))
			return true;
	return false;
}

void validate_render(struct buf *out, const struct invalid_list *list,
		     struct str hint)
{
	buf_puts(out, "{\"message\":\"The given data was invalid.\"");
	json_add_member(out, "code",
			str_from(code_table[CODE_validation_failed].name));
	if (hint.len)
		json_add_member(out, "hint", hint);
	buf_puts(out, ",\"errors\":{");
	for (unsigned i = 0; i < list->count; i++) {
		if (is_named_before(list, i))
			continue;
		if (i > 0)
			buf_addc(out, ',');
		json_add_str(out, list->v[i].field);
		buf_puts(out, ":[");
		for (unsigned j = i; j < list->count; j++) {
			if (!str_eq(list->v[i].field, list->v[j].field))
				continue;
			if (j > i)
				buf_addc(out, ',');
			json_add_str(out, list->v[j].message);
		}
		buf_addc(out, ']');
	}
	buf_puts(out, "}}");
}
