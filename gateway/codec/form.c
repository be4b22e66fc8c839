#include "codec/form.h"

#include "base/num.h"
#include "codec/utf8.h"

/* What a raw byte means; 0 is itself. */
enum class {
	PLAIN,
	CONTROL,
	SPACE,
	ESCAPE,
	ASSIGN,
	NEXT,
};

static const unsigned char class_of[256] = {
	[0x00 ... 0x1f] = CONTROL,
	['%'] = ESCAPE,
	['&'] = NEXT,
	['+'] = SPACE,
	['='] = ASSIGN,
	[0x7f] = CONTROL,
};

struct scan {
	const char *start, *at, *end;	/* the input */
	char *write;			/* the next decoded byte */
	bool has_lines;			/* values may hold TAB, LF and CR */
	struct fault *fault;
};

static enum err fail(const struct scan *s, enum err err, const char *at,
		     const char *detail)
{
	return fault_set(s->fault, err, (size_t)(at - s->start), detail);
}

/* The byte that "%xy" at `p` stands for, or -1. */
static int unescape(const char *p, const char *end)
{
	int hi, lo;

	if (end - p < 3)
		return -1;
	hi = num_hex(p[1]);
	lo = num_hex(p[2]);
	return hi < 0 || lo < 0 ? -1 : hi << 4 | lo;
}

/* Decoded text that is not all ASCII; the fault is told in raw offsets. */
static enum err check_text(const struct scan *s, struct str text,
			   bool has_lines, const char *raw)
{
	struct fault fault;
	enum err err = has_lines ? utf8_check_lines(text, &fault)
				 : utf8_check_text(text, &fault);

	if (!err)
		return ERR_OK;
	for (size_t i = 0; i < fault.offset; i++)
		raw += *raw == '%' ? 3 : 1;
	return fail(s, err, raw, fault.detail);
}

static bool is_line(unsigned char c)
{
	return c == '\t' || c == '\n' || c == '\r';
}

/*
 * One name or value, up to its delimiter or the end.  Control characters of
 * ASCII are met on the way; only what has high bytes is looked at again.
 */
static enum err take(struct scan *s, bool is_name, struct str *out_r)
{
	const bool has_lines = s->has_lines && !is_name;
	const char *p = s->at;
	char *w = s->write;
	unsigned char seen = 0;
	struct str text;
	enum err err;

	for (; p < s->end; p++) {
		unsigned char c = (unsigned char)*p;
		int byte;

		/* a token is one run of many hundreds */
		for (; class_of[c] == PLAIN; c = (unsigned char)*p) {
			seen |= c;
			*w++ = (char)c;
			if (++p == s->end)
				goto out;
		}
		switch ((enum class)class_of[c]) {
		case CONTROL:
			if (has_lines && is_line(c))
				break;
			return fail(s, ERR_CONTROL, p, "a control character");
		case SPACE:
			c = ' ';
			break;
		case ESCAPE:
			byte = unescape(p, s->end);
			if (byte < 0)
				return fail(s, ERR_SYNTAX, p,
					    "'%' without two hex digits");
			c = (unsigned char)byte;
			if (ascii_is_control((char)c) &&
			    !(has_lines && is_line(c)))
				return fail(s, ERR_CONTROL, p,
					    "a control character");
			p += 2;
			break;
		case ASSIGN:
			if (is_name)
				goto out;
			break;
		case NEXT:
			goto out;
		case PLAIN:
			break;	/* met above */
		}
		seen |= c;
		*w++ = (char)c;
	}
out:
	text = (struct str){ s->write, (size_t)(w - s->write) };
	if (seen & 0x80) {
		err = check_text(s, text, has_lines, s->at);
		if (err)
			return err;
	}
	s->at = p;
	s->write = w;
	*out_r = text;
	return ERR_OK;
}

static enum err take_pair(struct scan *s, struct fields *out)
{
	const char *start = s->at;
	struct str name, value;
	enum err err;

	err = take(s, true, &name);
	if (err)
		return err;
	if (!name.len)
		return fail(s, ERR_SYNTAX, start, "a field without a name");
	value = (struct str){ s->write, 0 };
	if (s->at < s->end && *s->at == '=') {
		s->at++;
		err = take(s, false, &value);
		if (err) {
			out->bad = name;
			return err;
		}
	}
	return fields_add_at(out, name, value, FIELD_TEXT,
			     (size_t)(start - s->start), s->fault);
}

enum err form_parse(struct str in, struct fields *out, struct fault *fault)
{
	const unsigned before = out->count;
	struct scan s = { .start = in.ptr, .at = in.ptr, .fault = fault,
			  .has_lines = out->posted };
	enum err err;

	if (!in.len)
		return ERR_OK;
	s.end = in.ptr + in.len;
	s.write = pool_alloc(out->pool, in.len);
	if (!s.write)
		return fail(&s, ERR_NOMEM, s.at, "out of memory");
	while (s.at < s.end) {
		if (*s.at == '&') {
			s.at++;
			continue;
		}
		err = take_pair(&s, out);
		if (err) {
			out->count = before;
			return err;
		}
	}
	return ERR_OK;
}
