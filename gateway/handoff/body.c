#include "handoff/body.h"

#include "codec/charref.h"
#include "codec/form.h"
#include "codec/json.h"
#include "codec/media.h"
#include "codec/multipart.h"
#include "codec/posted.h"
#include "codec/utf8.h"
#include "policy/body-mistake.h"

#define TEXT_TYPES "Send the fields as application/json, in UTF-8."
#define TYPES "Send the fields as application/x-www-form-urlencoded, " \
	"multipart/form-data or application/json, in UTF-8."

/* One thing more to say about this step: all there are fit AUDIT_WHY_MAX. */
static enum err tell(struct exchange *ex, struct str text)
{
	if (text.ptr && ex->why)
		text = pool_printf(ex->pool, "%s; %s", ex->why, text.ptr);
	if (!text.ptr)
		return ERR_NOMEM;
	ex->why = text.ptr;
	return ERR_OK;
}

/* With a message that the trail may have as well: places, and names of ours. */
static enum step_result refuse(struct exchange *ex, enum code code,
			       struct str message)
{
	if (tell(ex, message))
		return answer_failure(ex, ERR_NOMEM);
	return answer_error(ex, code, message.ptr);
}

/* What a body is in, as its head says. */
struct type {
	struct media media;
	struct str came;	/* what is wrong with it, for the answer */
	const char *why;	/* the same, for the trail */
};

bool body_has_bearer(const struct request *request)
{
	static const struct str bearer = STR("Bearer ");
	struct str value;

	return request_header(request, "Authorization", &value) == 1 &&
	       value.len > bearer.len &&
	       str_ieq((struct str){ value.ptr, bearer.len }, bearer) &&
	       body_mistake_is_signed((struct str){ value.ptr + bearer.len,
						    value.len - bearer.len });
}

/* Who put it there sent no body, and so no type of one. */
static enum err hint_bearer(struct exchange *ex)
{
	if (!ex->tenant || ex->tenant->identity == IDENTITY_UNSIGNED ||
	    !body_has_bearer(&ex->request))
		return ERR_OK;
	ex->hint = pool_printf(ex->pool, "%.*s%sAn Authorization header came: "
			       "the assertion is read from the field assertion "
			       "alone, of a body of one of these types.",
			       STR_ARG(ex->hint), ex->hint.len ? " " : "");
	return ex->hint.ptr ? ERR_OK : ERR_NOMEM;
}

static enum step_result refuse_type(struct exchange *ex,
				    const struct type *type,
				    const char *types)
{
	struct str message = pool_printf(ex->pool, "%.*s %s",
					 STR_ARG(type->came), types);

	if (!type->came.ptr || !message.ptr || !type->why ||
	    tell(ex, str_from(type->why)) || hint_bearer(ex))
		return answer_failure(ex, ERR_NOMEM);
	return answer_error(ex, CODE_unsupported_media_type, message.ptr);
}

static enum step_result refuse_malformed(struct exchange *ex, const char *kind,
					 const struct fault *fault)
{
	const char *detail = fault->detail ? fault->detail
					   : err_text(fault->err);
	const struct str bad = ex->fields.bad;
	struct str which = STR_NULL;

	if (fault->err == ERR_NOMEM)
		return answer_failure(ex, ERR_NOMEM);
	/* one of ours, or a member of a nested object */
	if (fault->err == ERR_DUPLICATE && ex->fields.twice.ptr)
		which = pool_printf(ex->pool, "the field %.*s is given twice",
				    STR_ARG(ex->fields.twice));
	else if ((fault->err == ERR_UTF8 || fault->err == ERR_CONTROL) &&
		 body_mistake_is_tellable(bad))
		which = pool_printf(ex->pool, "%s, in the field %.*s", detail,
				    STR_ARG(bad));
	if (fault->err == ERR_UTF8)
		ex->hint = STR("Send UTF-8: a page in another encoding says "
			       "accept-charset=\"utf-8\" at its form, and a "
			       "program turns its texts first.");
	return refuse(ex, CODE_malformed_body,
		      pool_printf(ex->pool, "The %s body is malformed at byte "
				  "%zu: %s.", kind, fault->offset,
				  which.ptr ? which.ptr : detail));
}

/* What the gateway acts on: nothing of it may be read in two ways. */
static const struct str strict[] = {
	STR("email"), STR("name"), STR("redirect_url"), STR("assertion"),
	STR("response"), STR("token"),
};

/* Editors and PowerShell put one before what they write. */
static size_t bom_len(struct str in)
{
	static const struct str bom = STR("\xef\xbb\xbf");

	return str_has_prefix(in, bom) ? bom.len : 0;
}

static enum err parse_form(struct str in, struct fields *out,
			   struct fault *fault)
{
	if (body_mistake_is_json(in) || body_mistake_object(in))
		return fault_set(fault, ERR_SYNTAX, 0, NULL);
	return form_parse(in, out, fault);
}

/* Names are the client's words, values the user's: the trail has neither. */
static enum step_result tell_drops(struct exchange *ex,
				   const struct posted_drops *drops)
{
	struct str text;

	if (!drops->files && !drops->nested && !drops->repeated)
		return STEP_NEXT;
	text = pool_printf(ex->pool, "dropped, as nobody asks for them: "
			   "files %u, nested values %u, repeated values %u",
			   drops->files, drops->nested, drops->repeated);
	return tell(ex, text) ? answer_failure(ex, ERR_NOMEM) : STEP_NEXT;
}

/* `text/plain` is what fetch() says of a text, unless it is told. */
static enum step_result refuse_other_type(struct exchange *ex,
					  struct type *type, const char *types)
{
	const struct media *media = &type->media;
	struct str full = pool_printf(ex->pool, "%.*s/%.*s",
				      STR_ARG(media->type),
				      STR_ARG(media->subtype));

	if (body_mistake_object(ex->request.body))
		ex->hint = pool_printf(ex->pool, "The body: %s.",
				       body_mistake_object(ex->request.body));
	else if (media_is(media, "text", "plain"))
		ex->hint = STR("fetch() and sendBeacon() say text/plain of a "
			       "string, unless the page sets Content-Type; a "
			       "form's enctype=\"text/plain\" does as well.");
	type->came = pool_printf(ex->pool, "The Content-Type %s came.",
				 json_told(ex->pool, full));
	type->why = type->came.ptr;
	return refuse_type(ex, type, types);
}

/*
 * What may have been meant for a field that did not come.  An assertion says
 * who it is by itself; a tenant that takes none misses none.
 */
static void find_near(struct exchange *ex)
{
	const struct fields *fields = &ex->fields;

	/* a callback's button on a shared host: whose is not known yet */
	if (!ex->tenant || fields_value(fields, STR("assertion")).len)
		return;
	if (!fields_value(fields, STR("email")).len)
		ex->near[BODY_EMAIL] = body_mistake_field(fields, BODY_EMAIL);
	if (!fields_get(fields, STR("name")))
		ex->near[BODY_NAME] = body_mistake_field(fields, BODY_NAME);
	if (ex->tenant->identity != IDENTITY_UNSIGNED)
		ex->near[BODY_ASSERTION] = body_mistake_field(fields,
							      BODY_ASSERTION);
}

static enum step_result settle(struct exchange *ex, const char *kind)
{
	struct posted_drops drops;
	struct fault fault = { 0 };

	find_near(ex);
	if (posted_settle(&ex->fields, &drops, &fault))
		return refuse_malformed(ex, kind, &fault);
	return tell_drops(ex, &drops);
}

/* One that is of another type says so, and not what its first octet is not. */
static enum step_result refuse_mistaken(struct exchange *ex, const char *kind,
					enum body_type said, struct str text,
					const struct fault *fault)
{
	const char *detail = fault->err == ERR_NOMEM ? NULL :
			     body_mistake_type(text, said);
	struct fault mistake = { ERR_SYNTAX, 0, detail };

	if (!detail && said == BODY_JSON && fault->err == ERR_SYNTAX) {
		detail = body_mistake_json(ex->request.body, fault->offset);
		mistake.offset = fault->offset;
		mistake.detail = detail;
	}
	return refuse_malformed(ex, kind, detail ? &mistake : fault);
}

static enum step_result parse(struct exchange *ex, struct type *type)
{
	const struct media *media = &type->media;
	struct fault fault = { 0 };
	struct str in = ex->request.body;
	size_t bom = bom_len(in);
	struct str text = { in.ptr + bom, in.len - bom };
	enum body_type said;
	const char *kind;
	enum err err;

	if (media_is(media, "application", "x-www-form-urlencoded")) {
		kind = "form";
		said = BODY_FORM;
		err = parse_form(text, &ex->fields, &fault);
		fault.offset += bom;
	} else if (media_is(media, "application", "json")) {
		kind = "JSON";
		said = BODY_JSON;
		err = json_parse_fields(text, &ex->fields, &fault);
		fault.offset += bom;
	} else if (media_is(media, "multipart", "form-data")) {
		kind = "multipart";
		said = BODY_MULTIPART;
		err = multipart_parse(in, media->boundary, &ex->fields,
				      &fault);
	} else {
		return refuse_other_type(ex, type, TYPES);
	}
	return err ? refuse_mistaken(ex, kind, said, text, &fault) :
		     settle(ex, kind);
}

static enum step_result check_nested(struct exchange *ex)
{
	unsigned i;

	for (i = 0; i < N_ELEMENTS(strict); i++) {
		const struct field *field = fields_get(&ex->fields, strict[i]);

		if (field && field->kind == FIELD_JSON)
			return refuse(ex, CODE_nested_value,
				      pool_printf(ex->pool, "The %.*s field "
						  "must be a string, not an "
						  "array or an object.",
						  STR_ARG(field->name)));
	}
	return STEP_NEXT;
}

static enum err tell_references(struct exchange *ex, const char *field,
				const char *what)
{
	return tell(ex, pool_printf(ex->pool, "HTML references in %s %s",
				    field, what));
}

enum err body_unescape(struct exchange *ex, const char *field,
		       struct str *value)
{
	const bool reads = ex->tenant->decode_html;
	const char *what = "not read (decode_html = false)";
	struct str text = *value;

	if (!charref_is_in(text))
		return ERR_OK;
	if (reads && charref_decode(ex->pool, text, &text))
		return ERR_NOMEM;
	if (reads)
		what = charref_is_in(text) ? "read once, some stay" : "read";
	if (tell_references(ex, field, what))
		return ERR_NOMEM;
	*value = reads ? utf8_trim(text) : text;
	return ERR_OK;
}

enum err body_note_target(struct exchange *ex, struct str url)
{
	return charref_is_in(url) ?
		       tell_references(ex, "redirect_url", "never read") :
		       ERR_OK;
}

static bool is_plain(const struct request *request)
{
	struct str coding;
	int n = request_header(request, "Content-Encoding", &coding);

	return !n || (n == 1 && str_ieq(coding, STR("identity")));
}

/* Constant, for both. */
static enum err is_unsupported(struct type *type, const char *what)
{
	type->came = str_from(what);
	type->why = what;
	return ERR_UNSUPPORTED;
}

/*
 * The body's media type; ERR_UNSUPPORTED for what is not text in UTF-8.  What
 * has not the form of a type may be anything, and the trail does not have it.
 */
static enum err read_type(struct exchange *ex, struct type *type_r)
{
	struct media *media = &type_r->media;
	struct str type;
	enum err err;
	int n;

	if (!is_plain(&ex->request))
		return is_unsupported(type_r, "A Content-Encoding came: send "
				      "the body as it is.");
	n = request_header(&ex->request, "Content-Type", &type);
	if (n != 1)
		return is_unsupported(type_r, n ? "Several Content-Types came."
						: "No Content-Type came.");
	err = media_parse(ex->pool, type, media);
	if (err == ERR_NOMEM)
		return err;
	if (err) {
		is_unsupported(type_r, "The Content-Type is malformed.");
		type_r->came = pool_printf(ex->pool, "The Content-Type %s is "
					   "malformed.",
					   json_quoted(ex->pool, type));
		return ERR_UNSUPPORTED;
	}
	if (!media->charset.ptr || media_is_utf8(media->charset))
		return ERR_OK;
	type_r->came = pool_printf(ex->pool, "The charset %s came.",
				   json_told(ex->pool, media->charset));
	type_r->why = type_r->came.ptr;
	return ERR_UNSUPPORTED;
}

/* What refuse_large() is called with says so. */
_Static_assert(REQUEST_TEXT_MAX == 32 * 1024 && REQUEST_BODY_MAX == 16 * 1024,
	       "people are told 32 and 16 KiB");

static enum step_result refuse_large(struct exchange *ex, const char *why)
{
	return refuse(ex, CODE_body_too_large, str_from(why));
}

enum step_result body_read_text(struct exchange *ex)
{
	struct str in = ex->request.body;
	struct fault fault = { 0 };
	size_t bom = bom_len(in);
	struct type type = { 0 };
	enum err err;

	if (ex->request.is_body_too_large)
		return refuse_large(ex, "The body is over 32 KiB.");
	err = read_type(ex, &type);
	if (err)
		return err == ERR_NOMEM ? answer_failure(ex, err)
					: refuse_type(ex, &type, TEXT_TYPES);
	if (!media_is(&type.media, "application", "json"))
		return refuse_other_type(ex, &type, TEXT_TYPES);
	fields_init(&ex->fields, ex->pool);
	if (in.len &&
	    json_parse_text((struct str){ in.ptr + bom, in.len - bom },
			    &ex->fields, &fault)) {
		fault.offset += bom;
		return refuse_malformed(ex, "JSON", &fault);
	}
	return STEP_NEXT;
}

enum step_result body_read(struct exchange *ex, const struct str *wanted,
			   unsigned wanted_count)
{
	const struct posted posted = {
		.strict = strict, .strict_count = N_ELEMENTS(strict),
		.wanted = wanted, .wanted_count = wanted_count,
	};
	enum step_result result;
	struct type type = { 0 };
	enum err err;

	if (ex->request.is_body_too_large)
		return refuse_large(ex, "The body is over 16 KiB.");
	err = read_type(ex, &type);
	if (err)
		return err == ERR_NOMEM ? answer_failure(ex, err)
					: refuse_type(ex, &type, TYPES);
	fields_init_posted(&ex->fields, ex->pool, &posted);
	result = parse(ex, &type);
	ex->fields.posted = NULL;	/* it was for the parsers alone */
	return result == STEP_NEXT ? check_nested(ex) : result;
}
