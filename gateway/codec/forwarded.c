#include "codec/forwarded.h"

#include "base/num.h"

struct reading {
	const char *p, *end;
};

struct element {
	struct str names[FORWARDED_PAIRS_MAX];
	unsigned count;
	bool has_for;
	struct forwarded node;
};

static bool is_at(const struct reading *r, char c)
{
	return r->p < r->end && *r->p == c;
}

static void skip_blanks(struct reading *r)
{
	while (is_at(r, ' ') || is_at(r, '\t'))
		r->p++;
}

static struct str read_token(struct reading *r)
{
	const char *from = r->p;

	while (r->p < r->end && ascii_is_token(*r->p))
		r->p++;
	return (struct str){ from, (size_t)(r->p - from) };
}

/* A value's octets as far as they fit; *len_r counts all. */
static enum err read_quoted(struct reading *r, char out[FORWARDED_NODE_MAX],
			    size_t *len_r)
{
	size_t len = 0;

	for (r->p++; r->p < r->end && *r->p != '"'; r->p++) {
		if (*r->p == '\\' && ++r->p == r->end)
			return ERR_SYNTAX;
		if (ascii_is_control(*r->p) && *r->p != '\t')
			return ERR_SYNTAX;
		if (len < FORWARDED_NODE_MAX)
			out[len] = *r->p;
		len++;
	}
	if (r->p == r->end)
		return ERR_SYNTAX;
	r->p++;
	*len_r = len;
	return ERR_OK;
}

static enum err read_value(struct reading *r, char out[FORWARDED_NODE_MAX],
			   size_t *len_r)
{
	struct str token;

	if (is_at(r, '"'))
		return read_quoted(r, out, len_r);
	token = read_token(r);
	if (!token.len)
		return ERR_SYNTAX;
	*len_r = token.len;
	memcpy(out, token.ptr, token.len < FORWARDED_NODE_MAX ? token.len :
	       FORWARDED_NODE_MAX);
	return ERR_OK;
}

/* "_" and at least one letter, digit, '.', '_' or '-'. */
static bool is_obfuscated(struct str s)
{
	if (s.len < 2 || s.ptr[0] != '_')
		return false;
	for (size_t i = 1; i < s.len; i++)
		if (!ascii_is_alpha(s.ptr[i]) && !ascii_is_digit(s.ptr[i]) &&
		    str_find(STR("._-"), s.ptr[i]) < 0)
			return false;
	return true;
}

/* What may follow the name: nothing, or ':' and a port. */
static bool is_port(struct str rest)
{
	struct str port = { rest.ptr + 1, rest.len - 1 };
	uint64_t n;

	if (!rest.len)
		return true;
	return rest.ptr[0] == ':' &&
	       (is_obfuscated(port) ||
		(port.len <= 5 && !num_u64(port, 0, UINT16_MAX, &n)));
}

static enum err parse_node(struct str s, struct forwarded *out)
{
	ptrdiff_t at = s.len && s.ptr[0] == '[' ? str_find(s, ']') :
						  str_find(s, ':');
	bool is_six = s.len && s.ptr[0] == '[';
	struct str name = s, rest = STR("");

	if (is_six && at < 0)
		return ERR_SYNTAX;
	if (at >= 0) {
		name.len = (size_t)at;
		rest = (struct str){ s.ptr + at + is_six,
				     s.len - (size_t)at - is_six };
	}
	if (!is_port(rest))
		return ERR_SYNTAX;
	if (is_six) {
		name.ptr++;
		name.len--;
		if (str_find(name, ':') < 0)
			return ERR_SYNTAX;
	} else if (str_ieq(name, STR("unknown")) || is_obfuscated(name)) {
		out->kind = FORWARDED_HIDDEN;
		return ERR_OK;
	}
	out->kind = FORWARDED_ADDRESS;
	return ip_parse(name, &out->ip);
}

static enum err read_pair(struct reading *r, struct element *e)
{
	struct str name = read_token(r);
	char value[FORWARDED_NODE_MAX];
	size_t len = 0;
	enum err err;

	if (!name.len || !is_at(r, '='))
		return ERR_SYNTAX;
	r->p++;
	err = read_value(r, value, &len);
	if (err)
		return err;
	if (e->count == FORWARDED_PAIRS_MAX)
		return ERR_LIMIT;
	for (unsigned i = 0; i < e->count; i++)
		if (str_ieq(e->names[i], name))
			return ERR_SYNTAX;
	e->names[e->count++] = name;
	if (!str_ieq(name, STR("for")))
		return ERR_OK;
	e->has_for = true;
	return len > sizeof(value) ? ERR_LIMIT :
	       parse_node((struct str){ value, len }, &e->node);
}

/* Up to its ',' or the end. */
static enum err read_element(struct reading *r, struct element *e)
{
	enum err err = ERR_OK;

	*e = (struct element){ .node.kind = FORWARDED_HIDDEN };
	for (;;) {
		skip_blanks(r);
		if (r->p < r->end && *r->p != ';' && *r->p != ',')
			err = read_pair(r, e);
		if (err)
			return err;
		skip_blanks(r);
		if (r->p == r->end || *r->p == ',')
			return ERR_OK;
		if (*r->p++ != ';')
			return ERR_SYNTAX;
	}
}

enum err forwarded_parse(struct str line,
			 struct forwarded out[FORWARDED_ELEMENTS_MAX],
			 unsigned *count_r)
{
	struct reading r = { line.ptr, line.ptr + line.len };
	struct element element;
	unsigned n = 0;

	for (;;) {
		enum err err = read_element(&r, &element);

		if (err)
			return err;
		if (element.count && n == FORWARDED_ELEMENTS_MAX)
			return ERR_LIMIT;
		if (element.count)
			out[n++] = element.node;
		if (r.p == r.end)
			break;
		r.p++;
	}
	*count_r = n;
	return ERR_OK;
}
