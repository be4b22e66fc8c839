#include "handoff/body.h"

#include "codec/form.h"
#include "codec/json.h"
#include "codec/media.h"
#include "codec/multipart.h"

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

static enum step_result parse(struct exchange *ex, const struct media *media)
{
	struct fault fault = { 0 };
	struct str in = ex->request.body;

	if (media_is(media, "application", "x-www-form-urlencoded")) {
		if (form_parse(in, &ex->fields, &fault))
			return refuse_malformed(ex, "form", &fault);
		return STEP_NEXT;
	}
	if (media_is(media, "application", "json")) {
		if (json_parse_fields(in, &ex->fields, &fault))
			return refuse_malformed(ex, "JSON", &fault);
		return STEP_NEXT;
	}
	if (media_is(media, "multipart", "form-data")) {
		if (multipart_parse(in, media->boundary, &ex->fields, &fault))
			return refuse_malformed(ex, "multipart", &fault);
		return STEP_NEXT;
	}
	return refuse_type(ex);
}

static bool is_among(struct str name, const struct str *names, unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++)
		if (str_eq(names[i], name))
			return true;
	return false;
}

static enum step_result check_nested(struct exchange *ex,
				     const struct str *nested, unsigned count)
{
	unsigned i;

	for (i = 0; i < ex->fields.count; i++) {
		const struct field *field = &ex->fields.v[i];
		struct str text;

		if (field->kind != FIELD_JSON ||
		    is_among(field->name, nested, count))
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
	    (media_r->charset.ptr && !str_eq(media_r->charset, STR("utf-8"))))
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
	struct fault fault = { 0 };
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
	if (ex->request.body.len &&
	    json_parse_text(ex->request.body, &ex->fields, &fault))
		return refuse_malformed(ex, "JSON", &fault);
	return STEP_NEXT;
}

enum step_result body_read(struct exchange *ex, const struct str *nested,
			   unsigned nested_count)
{
	enum step_result result;
	struct media media;
	enum err err;

	if (ex->request.is_body_too_large)
		return refuse_large(ex, "The body is over 16 KiB.");
	err = read_type(ex, &media);
	if (err)
		return err == ERR_NOMEM ? answer_failure(ex, err)
					: refuse_type(ex);
	fields_init(&ex->fields, ex->pool);
	result = parse(ex, &media);
	if (result != STEP_NEXT)
		return result;
	return check_nested(ex, nested, nested_count);
}
