#include "handoff/body.h"

#include "codec/charref.h"
#include "codec/form.h"
#include "codec/json.h"
#include "codec/media.h"
#include "codec/multipart.h"
#include "codec/posted.h"
#include "codec/utf8.h"

static enum step_result refuse_type(struct exchange *ex)
{
	return answer_error(ex, CODE_unsupported_media_type,
			    "Send the fields as application/x-www-form-"
			    "urlencoded, multipart/form-data or "
			    "application/json, in UTF-8.");
}

static enum step_result refuse_text_type(struct exchange *ex)
{
	return answer_error(ex, CODE_unsupported_media_type,
			    "Send the fields as application/json, in UTF-8.");
}

static enum step_result refuse_malformed(struct exchange *ex, const char *kind,
					 const struct fault *fault)
{
	struct str text = pool_printf(ex->pool, "The %s body is malformed at "
				      "byte %zu: %s.", kind, fault->offset,
				      fault->detail ? fault->detail
						    : err_text(fault->err));

	if (fault->err == ERR_NOMEM || !text.ptr)
		return answer_failure(ex, ERR_NOMEM);
	return answer_error(ex, CODE_malformed_body, text.ptr);
}

static bool is_plain(const struct request *request)
{
	struct str coding;
	int n = request_header(request, "Content-Encoding", &coding);

	return !n || (n == 1 && str_ieq(coding, STR("identity")));
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

/* curl -d and forgotten headers: it would be one field with an odd name. */
static bool is_json_by_mistake(struct str in)
{
	in = str_trim(in, " \t\r\n");
	return in.len > 1 && in.ptr[0] == '{' && in.ptr[in.len - 1] == '}';
}

static enum err parse_form(struct str in, struct fields *out,
			   struct fault *fault)
{
	if (is_json_by_mistake(in))
		return fault_set(fault, ERR_SYNTAX, 0,
				 "this is JSON, send it as application/json");
	return form_parse(in, out, fault);
}

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

static enum step_result settle(struct exchange *ex, const char *kind)
{
	struct posted_drops drops;
	struct fault fault = { 0 };

	if (posted_settle(&ex->fields, &drops, &fault))
		return refuse_malformed(ex, kind, &fault);
	return tell_drops(ex, &drops);
}

static enum step_result parse(struct exchange *ex, const struct media *media)
{
	struct fault fault = { 0 };
	struct str in = ex->request.body;
	size_t bom = bom_len(in);
	struct str text = { in.ptr + bom, in.len - bom };
	const char *kind;
	enum err err;

	if (media_is(media, "application", "x-www-form-urlencoded")) {
		kind = "form";
		err = parse_form(text, &ex->fields, &fault);
		fault.offset += bom;
	} else if (media_is(media, "application", "json")) {
		kind = "JSON";
		err = json_parse_fields(text, &ex->fields, &fault);
		fault.offset += bom;
	} else if (media_is(media, "multipart", "form-data")) {
		kind = "multipart";
		err = multipart_parse(in, media->boundary, &ex->fields,
				      &fault);
	} else {
		return refuse_type(ex);
	}
	return err ? refuse_malformed(ex, kind, &fault) : settle(ex, kind);
}

static enum step_result check_nested(struct exchange *ex)
{
	unsigned i;

	for (i = 0; i < N_ELEMENTS(strict); i++) {
		const struct field *field = fields_get(&ex->fields, strict[i]);
		struct str text;

		if (!field || field->kind != FIELD_JSON)
			continue;
		text = pool_printf(ex->pool, "The %.*s field must be a string, "
				   "not an array or an object.",
				   STR_ARG(field->name));
		return text.ptr ? answer_error(ex, CODE_nested_value,
					       text.ptr)
				: answer_failure(ex, ERR_NOMEM);
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

/* The body's media type; ERR_UNSUPPORTED for what is not text in UTF-8. */
static enum err read_type(struct exchange *ex, struct media *media_r)
{
	struct str type;
	enum err err;

	if (!is_plain(&ex->request) ||
	    request_header(&ex->request, "Content-Type", &type) != 1)
		return ERR_UNSUPPORTED;
	err = media_parse(ex->pool, type, media_r);
	if (err == ERR_NOMEM)
		return err;
	if (err ||
	    (media_r->charset.ptr && !media_is_utf8(media_r->charset)))
		return ERR_UNSUPPORTED;
	return ERR_OK;
}

/* What refuse_large() is called with says so. */
_Static_assert(REQUEST_TEXT_MAX == 32 * 1024 && REQUEST_BODY_MAX == 16 * 1024,
	       "people are told 32 and 16 KiB");

static enum step_result refuse_large(struct exchange *ex, const char *why)
{
	return answer_error(ex, CODE_body_too_large, why);
}

enum step_result body_read_text(struct exchange *ex)
{
	struct str in = ex->request.body;
	struct fault fault = { 0 };
	size_t bom = bom_len(in);
	struct media media;
	enum err err;

	if (ex->request.is_body_too_large)
		return refuse_large(ex, "The body is over 32 KiB.");
	err = read_type(ex, &media);
	if (err == ERR_NOMEM)
		return answer_failure(ex, err);
	if (err || !media_is(&media, "application", "json"))
		return refuse_text_type(ex);
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
	struct media media;
	enum err err;

	if (ex->request.is_body_too_large)
		return refuse_large(ex, "The body is over 16 KiB.");
	err = read_type(ex, &media);
	if (err)
		return err == ERR_NOMEM ? answer_failure(ex, err)
					: refuse_type(ex);
	fields_init_posted(&ex->fields, ex->pool, &posted);
	result = parse(ex, &media);
	ex->fields.posted = NULL;	/* it was for the parsers alone */
	return result == STEP_NEXT ? check_nested(ex) : result;
}
