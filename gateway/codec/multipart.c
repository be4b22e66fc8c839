#include "codec/multipart.h"

#include "codec/media.h"
#include "codec/posted.h"
#include "codec/utf8.h"

struct scan {
	struct str in;
	size_t at;
	struct str delimiter;	/* CRLF "--" boundary */
	struct fields *out;
	struct fault *fault;
};

/* What the headers of one part say. */
struct part {
	struct str name;	/* absent until its header was met */
	bool has_type, has_encoding;
	bool is_file;
	/* what of its type or encoding cannot be: told unless it is a file,
	 * which only its Content-Disposition says */
	enum err err;
	const char *detail;
};

static enum err fail(const struct scan *s, enum err err, const char *detail)
{
	return fault_set(s->fault, err, s->at, detail);
}

static struct str rest(const struct scan *s)
{
	return (struct str){ s->in.ptr + s->at, s->in.len - s->at };
}

static bool skip(struct scan *s, struct str what)
{
	if (!str_has_prefix(rest(s), what))
		return false;
	s->at += what.len;
	return true;
}

/* Bytes from here to the next `what`, or -1. */
static ptrdiff_t distance(const struct scan *s, struct str what)
{
	struct str r = rest(s);
	const char *p = memmem(r.ptr, r.len, what.ptr, what.len);

	return p ? p - r.ptr : -1;
}

/* The first `len` of s, which moves past them. */
static struct str cut(struct str *s, size_t len)
{
	struct str head = { s->ptr, len };

	s->ptr += len;
	s->len -= len;
	return head;
}

static struct str cut_token(struct str *s)
{
	size_t n = 0;

	while (n < s->len && ascii_is_token(s->ptr[n]))
		n++;
	return cut(s, n);
}

static void cut_space(struct str *s)
{
	*s = str_trim(*s, " ");
}

/* A name as a browser meant it. */
static enum err unescape(const struct scan *s, struct str in,
			 struct str *name_r)
{
	char *p;
	size_t n = 0;

	if (str_icontains(in, STR("%0D")) || str_icontains(in, STR("%0A")))
		return fail(s, ERR_CONTROL, "a line end in a field name");
	if (!str_icontains(in, STR("%22"))) {
		*name_r = in;
		return ERR_OK;
	}
	p = pool_alloc(s->out->pool, in.len);
	if (!p)
		return fail(s, ERR_NOMEM, "out of memory");
	while (in.len) {
		bool quote = str_has_prefix(in, STR("%22"));

		p[n++] = quote ? '"' : in.ptr[0];
		cut(&in, quote ? 3 : 1);
	}
	*name_r = (struct str){ p, n };
	return ERR_OK;
}

/* The value of name=: a token or a browser's quoted string. */
static enum err take_name(const struct scan *s, struct str *v,
			  struct str *name_r)
{
	struct str name;
	ptrdiff_t end;

	if (!v->len || v->ptr[0] != '"') {
		name = cut_token(v);
		if (!name.len)
			return fail(s, ERR_SYNTAX, "a part without a name");
		return unescape(s, name, name_r);
	}
	cut(v, 1);
	end = str_find(*v, '"');
	if (end < 0)
		return fail(s, ERR_SYNTAX, "a quote that is never closed");
	if (!end)
		return fail(s, ERR_SYNTAX, "a part without a name");
	name = cut(v, (size_t)end);
	cut(v, 1);
	return unescape(s, name, name_r);
}

/*
 * '=' and whatever a file is called: nobody looks at it, but where it ends has
 * to be plain.  As browsers write it: no quote within, '\' for itself.
 */
static bool skip_filename(struct str *v)
{
	ptrdiff_t end;

	if (!v->len || v->ptr[0] != '=')
		return false;
	cut(v, 1);
	if (!v->len || v->ptr[0] != '"') {
		for (end = 0; (size_t)end < v->len && v->ptr[end] != ';';)
			end++;
		cut(v, (size_t)end);
		return true;
	}
	cut(v, 1);
	end = str_find(*v, '"');
	cut(v, end < 0 ? v->len : (size_t)end + 1);
	return end >= 0;
}

/* Content-Disposition: "form-data", its name, and for a file what it is
 * called. */
static enum err read_disposition(struct scan *s, struct str v,
				 struct part *part)
{
	enum err err;

	if (part->name.ptr)
		return fail(s, ERR_DUPLICATE,
			    "a second Content-Disposition in one part");
	if (!str_ieq(cut_token(&v), STR("form-data")))
		return fail(s, ERR_SYNTAX,
			    "a Content-Disposition other than form-data");
	for (cut_space(&v); v.len; cut_space(&v)) {
		struct str param;

		if (cut(&v, 1).ptr[0] != ';')
			return fail(s, ERR_SYNTAX,
				    "a malformed Content-Disposition");
		cut_space(&v);
		param = cut_token(&v);
		if (str_ieq(param, STR("filename")) ||
		    str_ieq(param, STR("filename*"))) {
			if (!s->out->posted)
				return fail(s, ERR_UNSUPPORTED, "a file");
			part->is_file = true;
			if (skip_filename(&v))
				continue;
		}
		if (!v.len || cut(&v, 1).ptr[0] != '=')
			return fail(s, ERR_SYNTAX,
				    "a malformed Content-Disposition");
		if (!str_ieq(param, STR("name")))
			return fail(s, ERR_UNSUPPORTED,
				    "a Content-Disposition parameter other "
				    "than name");
		if (part->name.ptr)
			return fail(s, ERR_DUPLICATE,
				    "a part with two names");
		err = take_name(s, &v, &part->name);
		if (err)
			return err;
	}
	if (!part->name.ptr)
		return fail(s, ERR_SYNTAX, "a part without a name");
	return ERR_OK;
}

/* Kept for the part's end: a file may be of any type. */
static enum err object(struct part *part, enum err err, const char *detail)
{
	if (!part->err) {
		part->err = err;
		part->detail = detail;
	}
	return ERR_OK;
}

static bool is_utf8(struct str charset)
{
	return !charset.ptr || media_is_utf8(charset);
}

static enum err read_type(struct scan *s, struct str v, struct part *part)
{
	struct media media;
	enum err err;

	if (part->has_type)
		return fail(s, ERR_DUPLICATE,
			    "a second Content-Type in one part");
	part->has_type = true;
	err = media_parse(s->out->pool, v, &media);
	if (err == ERR_NOMEM)
		return fail(s, err, "out of memory");
	if (err)
		return object(part, err,
			      "a malformed Content-Type in a part");
	if (str_eq(media.type, STR("multipart")))
		return object(part, ERR_UNSUPPORTED,
			      "a multipart within a part");
	if (!is_utf8(media.charset))
		return object(part, ERR_UNSUPPORTED,
			      "a part in a charset other than UTF-8");
	return ERR_OK;
}

static enum err read_encoding(struct scan *s, struct str v, struct part *part)
{
	if (part->has_encoding)
		return fail(s, ERR_DUPLICATE,
			    "a second Content-Transfer-Encoding in one part");
	part->has_encoding = true;
	if (!str_ieq(v, STR("7bit")) && !str_ieq(v, STR("8bit")) &&
	    !str_ieq(v, STR("binary")))
		return object(part, ERR_UNSUPPORTED,
			      "a Content-Transfer-Encoding that changes bytes");
	return ERR_OK;
}

/* Folded lines start with white space, so they fail as nameless here. */
static enum err read_header(struct scan *s, struct str line,
			    struct part *part)
{
	struct str name;
	struct fault fault;
	enum err err = utf8_check_text(line, &fault);

	if (err)
		return fault_set(s->fault, err, s->at + fault.offset,
				 fault.detail);
	name = cut_token(&line);
	if (!name.len || !line.len || cut(&line, 1).ptr[0] != ':')
		return fail(s, ERR_SYNTAX, "a malformed header in a part");
	cut_space(&line);
	if (str_ieq(name, STR("Content-Disposition")))
		return read_disposition(s, line, part);
	if (str_ieq(name, STR("Content-Type")))
		return read_type(s, line, part);
	if (str_ieq(name, STR("Content-Transfer-Encoding")))
		return read_encoding(s, line, part);
	return ERR_OK;
}

/* Up to and with the empty line. */
static enum err read_headers(struct scan *s, struct part *part)
{
	const struct str dashes = { s->delimiter.ptr + 2,
				    s->delimiter.len - 2 };
	size_t bad_at = 0;

	for (unsigned count = 0; !skip(s, STR("\r\n")); count++) {
		ptrdiff_t len = distance(s, STR("\r\n"));
		enum err err;

		if (len < 0 || str_has_prefix(rest(s), dashes))
			return fail(s, ERR_SYNTAX,
				    "a part that ends within its headers");
		if (count == MULTIPART_PART_HEADERS_MAX)
			return fail(s, ERR_LIMIT,
				    "more than 8 headers in one part");
		err = read_header(s, (struct str){ s->in.ptr + s->at,
						   (size_t)len }, part);
		if (err)
			return err;
		if (part->err && !bad_at)
			bad_at = s->at;
		s->at += (size_t)len + 2;
	}
	if (part->err && !part->is_file)
		return fault_set(s->fault, part->err, bad_at, part->detail);
	if (!part->name.ptr)
		return fail(s, ERR_SYNTAX,
			    "a part without Content-Disposition");
	return ERR_OK;
}

static enum err check_value(const struct scan *s, struct str name,
			    struct str value)
{
	struct fault fault;
	enum err err = s->out->posted ? utf8_check_lines(value, &fault)
				      : utf8_check_text(value, &fault);

	if (!err)
		return ERR_OK;
	s->out->bad = name;
	return fault_set(s->fault, err, s->at + fault.offset, fault.detail);
}

/* Only that it was there: so that a name given twice is seen. */
static enum err add_file(struct scan *s, struct str name, size_t start)
{
	if (posted_is_strict(s->out->posted, name))
		return fault_set(s->fault, ERR_UNSUPPORTED, start,
				 "a file where text is expected");
	return fields_add_at(s->out, name, STR(""), FIELD_FILE, start,
			     s->fault);
}

/* From after a delimiter to after the next one. */
static enum err read_part(struct scan *s)
{
	const size_t start = s->at;
	struct part part = { 0 };
	struct str value;
	ptrdiff_t len;
	enum err err;

	while (skip(s, STR(" ")) || skip(s, STR("\t")))
		;	/* transport padding, RFC 2046 section 5.1.1 */
	if (!skip(s, STR("\r\n")))
		return fail(s, ERR_SYNTAX, "a malformed delimiter");
	err = read_headers(s, &part);
	if (err)
		return err;
	len = distance(s, s->delimiter);
	if (len < 0)
		return fail(s, ERR_SYNTAX, "a part that never ends");
	value = (struct str){ s->in.ptr + s->at, (size_t)len };
	err = part.is_file ? ERR_OK : check_value(s, part.name, value);
	if (err)
		return err;
	s->at += (size_t)len + s->delimiter.len;
	if (part.is_file)
		return add_file(s, part.name, start);
	return fields_add_at(s->out, part.name, value, FIELD_TEXT, start,
			     s->fault);
}

static bool is_boundary(struct str b)
{
	if (!b.len || b.len > MULTIPART_BOUNDARY_MAX ||
	    b.ptr[b.len - 1] == ' ')
		return false;
	for (size_t i = 0; i < b.len; i++)
		if (!ascii_is_digit(b.ptr[i]) && !ascii_is_alpha(b.ptr[i]) &&
		    (!b.ptr[i] || !strchr("'()+_,-./:=? ", b.ptr[i])))
			return false;
	return true;
}

static enum err read_all(struct scan *s)
{
	enum err err;

	if (!skip(s, (struct str){ s->delimiter.ptr + 2,
				   s->delimiter.len - 2 }))
		return fail(s, ERR_SYNTAX, "no delimiter at the start");
	while (!skip(s, STR("--"))) {
		err = read_part(s);
		if (err)
			return err;
	}
	if (str_trim(rest(s), " \t\r\n").len)
		return fail(s, ERR_SYNTAX, "data after the end");
	return ERR_OK;
}

enum err multipart_parse(struct str in, struct str boundary,
			 struct fields *out, struct fault *fault)
{
	char delimiter[4 + MULTIPART_BOUNDARY_MAX] = "\r\n--";
	const unsigned before = out->count;
	struct scan s = { .in = in, .out = out, .fault = fault };
	enum err err;

	if (!boundary.ptr)
		return fail(&s, ERR_SYNTAX, "the Content-Type names no "
			    "boundary, leave that header to the browser");
	if (!is_boundary(boundary))
		return fail(&s, ERR_SYNTAX, "a malformed boundary");
	if (!in.len)
		return fail(&s, ERR_SYNTAX, "no delimiter at the start");
	memcpy(delimiter + 4, boundary.ptr, boundary.len);
	s.delimiter = (struct str){ delimiter, 4 + boundary.len };
	err = read_all(&s);
	if (err)
		out->count = before;
	return err;
}
