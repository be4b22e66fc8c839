#include "codec/json.h"

#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>

#include "base/num.h"
#include "base/random.h"
#include "codec/utf8.h"

/*
 * What jansson may take to hold one document: JSON_VALUES_MAX values, and its
 * copies of the text, which it grows by doubling.
 */
#define WORK_FIXED (1024 * 1024)
#define WORK_PER_BYTE 8

/*
 * While this thread reads a document, jansson takes its memory here: it is
 * bounded, wiped in the end (documents hold secrets), and quicker than malloc.
 * No jansson value outlives the reading, so that free() is never given a piece
 * of a pool; other users of jansson in this process get malloc.
 */
static _Thread_local struct pool *work;

static void *work_malloc(size_t size)
{
	return work ? pool_alloc(work, size) : malloc(size);
}

static void work_free(void *p)
{
	if (!work)
		free(p);
}

/* Jansson's tables are keyed against chosen names; 0 lets it find a seed. */
static void set_up(void)
{
	size_t seed;

	if (random_bytes(&seed, sizeof(seed)))
		seed = 0;
	json_object_seed(seed);
	json_set_alloc_funcs(work_malloc, work_free);
}

/*
 * The part of the grammar that jansson does not tell the place of, or that it
 * would let through: looked for in the raw text before it sees any of it.
 */
struct scan {
	struct str in;
	size_t at;
	struct fault *fault;
	bool has_lines;		/* TAB, LF and CR are text */
	struct str last;	/* the last string, without its quotes */
};

static enum err fail(const struct scan *s, enum err err, size_t at,
		     const char *detail)
{
	return fault_set(s->fault, err, at, detail);
}

/* The code point of the "\uXXXX" at `at`; -1: there is none. */
static int unicode_escape(struct str in, size_t at)
{
	int cp = 0;

	if (at + 6 > in.len || in.ptr[at] != '\\' || in.ptr[at + 1] != 'u')
		return -1;
	for (size_t i = at + 2; i < at + 6; i++) {
		int digit = num_hex(in.ptr[i]);

		if (digit < 0)
			return -1;
		cp = cp << 4 | digit;
	}
	return cp;
}

/* Does the escape whose '\' is at `at` stand for a control character that may
 * not be there? */
static bool is_control_escape(const struct scan *s, size_t at)
{
	const struct str in = s->in;
	int cp;

	if (at + 1 >= in.len)
		return false;
	if (in.ptr[at + 1] != 'u')
		return in.ptr[at + 1] && strchr(s->has_lines ? "bf" : "bfnrt",
						in.ptr[at + 1]);
	cp = unicode_escape(in, at);
	if (cp < 0)
		return false;
	if (s->has_lines && (cp == '\t' || cp == '\n' || cp == '\r'))
		return false;
	return unicode_is_control(cp);
}

/* From a '"' to behind the closing one, or to the end. */
static enum err skip_string(struct scan *s)
{
	const struct str in = s->in;
	struct fault fault;
	size_t at = s->at + 1;
	enum err err;

	for (; at < in.len && in.ptr[at] != '"'; at++) {
		if (in.ptr[at] != '\\')
			continue;
		if (is_control_escape(s, at))
			return fail(s, ERR_CONTROL, at, "a control character");
		at++;
	}
	if (at > in.len)
		at = in.len;
	err = utf8_check_text((struct str){ in.ptr + s->at, at - s->at },
			      &fault);
	if (err)
		return fail(s, err, s->at + fault.offset, fault.detail);
	s->last = (struct str){ in.ptr + s->at + 1, at - s->at - 1 };
	s->at = at < in.len ? at + 1 : at;
	return ERR_OK;
}

/* *bad_r: the member of the object that the fault is in the value of. */
static enum err check_raw(struct str in, bool has_lines, struct str *bad_r,
			  struct fault *fault)
{
	struct scan s = { .in = in, .fault = fault, .has_lines = has_lines };
	unsigned depth = 0, values = 0;
	struct str member = STR_NULL;
	enum err err;

	while (s.at < in.len) {
		char c = in.ptr[s.at];

		if (c == '"') {
			err = skip_string(&s);
			if (err) {
				*bad_r = member;
				return err;
			}
			continue;
		}
		if (depth == 1 && c == ':')	/* behind a value it is none */
			member = str_is_null(member) ? s.last : STR("");
		else if (depth == 1 && c == ',')
			member = STR_NULL;
		if (c == '[' || c == '{') {
			if (++depth > JSON_DEPTH_MAX)
				return fail(&s, ERR_LIMIT, s.at,
					    "nested more than 16 deep");
		} else if ((c == ']' || c == '}') && depth) {
			depth--;
		}
		if ((c == '[' || c == '{' || c == ',') &&
		    ++values > JSON_VALUES_MAX)
			return fail(&s, ERR_LIMIT, s.at,
				    "more than 2048 commas and brackets");
		s.at++;
	}
	return ERR_OK;
}

/* Where the `index`-th member's name stands in what jansson found correct. */
static size_t member_at(struct str in, unsigned index)
{
	struct scan s = { .in = in, .has_lines = true };
	unsigned depth = 0;

	while (s.at < in.len) {
		char c = in.ptr[s.at];

		if (c == '"') {
			if (depth == 1 && index == 0)
				break;
			if (skip_string(&s))
				break;
			continue;
		}
		if (c == '[' || c == '{')
			depth++;
		else if (c == ']' || c == '}')
			depth--;
		else if (c == ',' && depth == 1)
			index--;
		s.at++;
	}
	return s.at;
}

/* Where the member that begins at `from` ends: at its comma or brace. */
static size_t member_end(struct str in, size_t from)
{
	struct scan s = { .in = in, .at = from, .has_lines = true };
	unsigned depth = 0;

	while (s.at < in.len) {
		char c = in.ptr[s.at];

		if (c == '"') {
			if (skip_string(&s))
				break;
			continue;
		}
		if (!depth && (c == ',' || c == '}'))
			break;
		if (c == '[' || c == '{')
			depth++;
		else if (c == ']' || c == '}')
			depth--;
		s.at++;
	}
	return s.at;
}

/* The one after that, or the end. */
static size_t next_member(struct str in, size_t to)
{
	while (to < in.len && in.ptr[to] != '"')
		to++;
	return to;
}

/* How long the escape is whose '\' is at `at`; 0: JSON has no such one. */
static size_t escape_len(struct str in, size_t at)
{
	int cp = unicode_escape(in, at), low;

	if (cp < 0)
		return at + 1 < in.len && in.ptr[at + 1] &&
		       strchr("\"\\/bfnrt", in.ptr[at + 1]) ? 2 : 0;
	if ((cp & 0xf800) != 0xd800)
		return 6;
	low = unicode_escape(in, at + 6);
	return cp < 0xdc00 && low >= 0 && (low & 0xfc00) == 0xdc00 ? 12 : 0;
}

/* Behind the string that begins at `at`, or at an escape in it that is none. */
static size_t string_end(struct str in, size_t at, bool *is_bad_r)
{
	size_t len = 1;

	*is_bad_r = false;
	while (at + len < in.len && in.ptr[at + len] != '"') {
		at += len;
		len = in.ptr[at] == '\\' ? escape_len(in, at) : 1;
		*is_bad_r = !len;
		if (!len)
			return at;
	}
	return at + len < in.len ? at + len + 1 : in.len;
}

static bool is_word(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || (c & 0x80) ||
	       (c && strchr("+-._", c));
}

/*
 * Jansson tells where it stopped reading, which is behind what it could not
 * take.  Where that begins: the last token that begins before `end`, or the
 * escape in it that is none.
 */
static size_t token_at(struct str in, size_t end)
{
	size_t at = 0, start = 0;
	bool is_bad;

	while (at < end && at < in.len) {
		char c = in.ptr[at];

		if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
			at++;
			continue;
		}
		start = at++;
		if (c == '"') {
			at = string_end(in, start, &is_bad);
			if (is_bad)
				return at;
		}
		while (is_word(c) && at < in.len && is_word(in.ptr[at]))
			at++;
	}
	return start;
}

static enum err refuse(const json_error_t *e, struct str in,
		       struct fault *fault)
{
	size_t stop = e->position < 0 ? 0 : (size_t)e->position, at;

	if (stop > in.len)
		stop = in.len;
	at = token_at(in, stop);
	switch (json_error_code(e)) {
	case json_error_out_of_memory:
		return fault_set(fault, ERR_NOMEM, at, "out of memory");
	case json_error_duplicate_key:
		return fault_set(fault, ERR_DUPLICATE, at,
				 "a field name given twice");
	case json_error_numeric_overflow:
		return fault_set(fault, ERR_RANGE, at,
				 "a number that is too large");
	case json_error_invalid_utf8:
		return fault_set(fault, ERR_UTF8, stop,
				 "not well-formed UTF-8");
	case json_error_premature_end_of_input:
		return fault_set(fault, ERR_SYNTAX, stop,
				 "JSON that ends early");
	case json_error_end_of_input_expected:
		return fault_set(fault, ERR_SYNTAX, at, "data after the end");
	default:
		return fault_set(fault, ERR_SYNTAX, at, "malformed JSON");
	}
}

#define REAL_TEXT_MAX 32

/*
 * The shortest of 15 to 17 digits that reads back as the same number.  -0.0
 * becomes 0, since "-0" would read back as an integer without its sign.
 */
static struct str write_real(double d, char text[REAL_TEXT_MAX])
{
	int len = 0;

	for (int digits = 15; digits <= 17; digits++) {
		len = snprintf(text, REAL_TEXT_MAX, "%.*g", digits,
			       d == 0 ? 0.0 : d);
		if (strtod(text, NULL) == d)
			break;
	}
	return (struct str){ text, (size_t)len };
}

/* Compact text of a nested value; as deep as check_raw() allows. */
static void write_value(struct buf *out, json_t *v)
{
	char text[REAL_TEXT_MAX];
	const char *key, *sep = "";
	json_t *item;
	size_t i;

	switch (json_typeof(v)) {
	case JSON_OBJECT:
		buf_addc(out, '{');
		json_object_foreach(v, key, item) {
			buf_puts(out, sep);
			json_add_str(out, str_from(key));
			buf_addc(out, ':');
			write_value(out, item);
			sep = ",";
		}
		buf_addc(out, '}');
		break;
	case JSON_ARRAY:
		buf_addc(out, '[');
		json_array_foreach(v, i, item) {
			buf_puts(out, sep);
			write_value(out, item);
			sep = ",";
		}
		buf_addc(out, ']');
		break;
	case JSON_STRING:
		json_add_str(out, (struct str){ json_string_value(v),
						json_string_length(v) });
		break;
	case JSON_INTEGER:
		json_add_int(out, json_integer_value(v));
		break;
	case JSON_REAL:
		buf_adds(out, write_real(json_real_value(v), text));
		break;
	case JSON_TRUE:
		buf_puts(out, "true");
		break;
	case JSON_FALSE:
		buf_puts(out, "false");
		break;
	case JSON_NULL:
		buf_puts(out, "null");
		break;
	}
}

/* The value as text, in the pool. ERR_LIMIT, ERR_NOMEM. */
static enum err read_value(struct pool *pool, json_t *v, struct str *value_r)
{
	char text[FIELD_VALUE_MAX + 1];
	struct str value;
	struct buf buf;

	enum err err = ERR_LIMIT;

	if (json_is_string(v)) {
		value = pool_str(pool, (struct str){ json_string_value(v),
						     json_string_length(v) });
		if (!value.ptr)
			return ERR_NOMEM;
		*value_r = value;
		return ERR_OK;
	}
	buf_init_fixed(&buf, text, sizeof(text));
	write_value(&buf, v);
	if (!buf_is_ok(&buf))
		goto out;
	value = pool_str(pool, buf_str(&buf));
	err = value.ptr ? ERR_OK : ERR_NOMEM;
	if (!err)
		*value_r = value;
out:
	buf_done(&buf);
	return err;
}

static enum err read_member(struct fields *out, const char *key, json_t *v,
			    size_t at, struct fault *fault)
{
	enum field_kind kind = json_is_array(v) || json_is_object(v) ?
				       FIELD_JSON : FIELD_TEXT;
	struct str name = str_from(key), value;
	enum err err;

	if (!name.len)
		return fault_set(fault, ERR_SYNTAX, at,
				 "a field without a name");
	if (utf8_check_text(name, NULL))
		return fault_set(fault, ERR_CONTROL, at,
				 "a control character");
	if (json_is_null(v)) {
		if (!out->posted)
			return ERR_OK;
		/* nothing, but a second of its name must be seen */
		name = pool_str(out->pool, name);
		if (!name.ptr)
			return fault_set(fault, ERR_NOMEM, at, "out of memory");
		return fields_add_at(out, name, STR(""), FIELD_NULL, at, fault);
	}
	err = read_value(out->pool, v, &value);
	if (err == ERR_LIMIT)
		return fault_set(fault, err, at,
				 "a value longer than 8192 octets");
	name = pool_str(out->pool, name);
	if (err || !name.ptr)
		return fault_set(fault, ERR_NOMEM, at, "out of memory");
	err = fields_add_at(out, name, value, kind, at, fault);
	if (!err)
		out->v[out->count - 1].is_literal = json_is_number(v) ||
						    json_is_boolean(v);
	return err;
}

static enum err read_members(json_t *root, struct fields *out,
			     struct fault *fault)
{
	unsigned index = 0;
	const char *key;
	enum err err;
	json_t *v;

	json_object_foreach(root, key, v) {
		err = read_member(out, key, v, index, fault);
		if (err)
			return err;
		index++;
	}
	return ERR_OK;
}

/*
 * A body with names twice, of which jansson would keep one: each member is
 * read by itself.  Only what jansson found to be JSON gets here.
 */
static enum err read_apart(struct str in, struct fields *out,
			   struct fault *fault)
{
	char *piece = pool_alloc(out->pool, in.len + 2);
	size_t from = member_at(in, 0), to;
	enum err err = ERR_OK;

	if (!piece)
		return fault_set(fault, ERR_NOMEM, 0, "out of memory");
	for (; from < in.len && !err; from = next_member(in, to)) {
		struct fault member = { 0 };
		json_error_t e;
		json_t *root;

		to = member_end(in, from);
		piece[0] = '{';
		memcpy(piece + 1, in.ptr + from, to - from);
		piece[1 + to - from] = '}';
		pool_reset(work);
		root = json_loadb(piece, to - from + 2, JSON_REJECT_DUPLICATES,
				  &e);
		err = root ? read_members(root, out, &member)
			   : refuse(&e, in, &member);
		if (err)
			fault_set(fault, err, from, member.detail);
	}
	return err;
}

/*
 * What JSON.stringify() makes of what it made before.  Its content is looked
 * at for the message's sake alone.
 */
static bool is_encoded_twice(struct str in)
{
	json_error_t e;
	json_t *text, *root;

	in = str_trim(in, " \t\r\n");
	if (!in.len || in.ptr[0] != '"')
		return false;
	text = json_loadb(in.ptr, in.len, JSON_DECODE_ANY, &e);
	root = text ? json_loadb(json_string_value(text),
				 json_string_length(text), 0, &e) : NULL;
	return root && json_is_object(root);
}

/* With the work pool in place; the tree is not freed but dropped with it. */
static enum err read_document(struct str in, struct fields *out,
			      struct fault *fault)
{
	const unsigned before = out->count;
	struct fault member;
	json_error_t e;
	json_t *root;
	enum err err;

	root = json_loadb(in.ptr, in.len, JSON_REJECT_DUPLICATES, &e);
	if (!root && out->posted &&
	    json_error_code(&e) == json_error_duplicate_key) {
		root = json_loadb(in.ptr, in.len, 0, &e);
		if (!root)
			return refuse(&e, in, fault);
		if (json_is_object(root)) {
			err = read_apart(in, out, fault);
			if (err)
				out->count = before;
			return err;
		}
	}
	if (!root && is_encoded_twice(in))
		return fault_set(fault, ERR_SYNTAX, 0,
				 "a string that holds JSON (encoded twice)");
	if (!root)
		return refuse(&e, in, fault);
	if (!json_is_object(root))
		return fault_set(fault, ERR_SYNTAX, 0, "not a JSON object");
	err = read_members(root, out, &member);
	if (err) {
		out->count = before;
		/* Members only know their index: their place is sought now. */
		fault_set(fault, err, member_at(in, (unsigned)member.offset),
			  member.detail);
	}
	return err;
}

static enum err read_object(json_t *object, struct fields *out,
			    struct fault *fault)
{
	const char *key;
	enum err err = ERR_OK;
	json_t *v;

	json_object_foreach(object, key, v) {
		err = read_member(out, key, v, 0, fault);
		if (err == ERR_LIMIT && (json_is_array(v) ||
					 json_is_object(v)))
			err = ERR_OK;
		if (err)
			return err;
	}
	return ERR_OK;
}

/* With the work pool in place. */
static enum err read_objects(struct str in, const char *name,
			     struct fields *out, unsigned max,
			     unsigned *count_r, struct fault *fault)
{
	json_error_t e;
	json_t *root, *list, *item;
	enum err err;
	size_t i;

	root = json_loadb(in.ptr, in.len, JSON_REJECT_DUPLICATES, &e);
	if (!root)
		return refuse(&e, in, fault);
	if (!json_is_object(root))
		return fault_set(fault, ERR_SYNTAX, 0, "not a JSON object");
	list = json_object_get(root, name);
	if (!list)
		return fault_set(fault, ERR_NOT_FOUND, 0, "no such member");
	if (!json_is_array(list))
		return fault_set(fault, ERR_SYNTAX, 0, "not a list");
	if (json_array_size(list) > max)
		return fault_set(fault, ERR_LIMIT, 0, "too many in the list");
	json_array_foreach(list, i, item) {
		if (!json_is_object(item))
			return fault_set(fault, ERR_SYNTAX, 0,
					 "not a list of objects");
		err = read_object(item, &out[i], fault);
		if (err)
			return err;
	}
	*count_r = (unsigned)json_array_size(list);
	return ERR_OK;
}

/* What of the grammar comes before jansson, and its memory. */
static enum err begin_work(struct str in, bool has_lines, struct str *bad_r,
			   struct fault *fault)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	enum err err;

	err = check_raw(in, has_lines, bad_r, fault);
	if (err)
		return err;
	if (!in.len)
		return fault_set(fault, ERR_SYNTAX, 0, "JSON that ends early");
	pthread_once(&once, set_up);
	work = pool_new(WORK_FIXED + in.len * WORK_PER_BYTE);
	if (!work)
		return fault_set(fault, ERR_NOMEM, 0, "out of memory");
	return ERR_OK;
}

static void end_work(void)
{
	pool_free(work);
	work = NULL;
}

static enum err parse(struct str in, bool has_lines, struct fields *out,
		      struct fault *fault)
{
	enum err err = begin_work(in, has_lines, &out->bad, fault);

	if (err)
		return err;
	err = read_document(in, out, fault);
	end_work();
	return err;
}

enum err json_parse_objects(struct str in, const char *name,
			    struct fields *out, unsigned max,
			    unsigned *count_r, struct fault *fault)
{
	struct str bad = STR_NULL;
	enum err err = begin_work(in, true, &bad, fault);

	if (err)
		return err;
	err = read_objects(in, name, out, max, count_r, fault);
	end_work();
	return err;
}

enum err json_parse_fields(struct str in, struct fields *out,
			   struct fault *fault)
{
	return parse(in, out->posted, out, fault);
}

enum err json_parse_text(struct str in, struct fields *out,
			 struct fault *fault)
{
	const size_t before = out->value_max;
	enum err err;

	out->value_max = JSON_TEXT_MAX;
	err = parse(in, true, out, fault);
	out->value_max = before;
	return err;
}

/* Bytes that a JSON string in HTML cannot hold as they are; high ones: ask. */
static bool is_plain(char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '<' &&
	       c != '>' && c != '&';
}

static void add_escape(struct buf *out, int32_t cp)
{
	static const char hex[] = "0123456789abcdef";
	const char *brief;

	switch (cp) {
	case '"':
		brief = "\\\"";
		break;
	case '\\':
		brief = "\\\\";
		break;
	case '\n':
		brief = "\\n";
		break;
	case '\r':
		brief = "\\r";
		break;
	case '\t':
		brief = "\\t";
		break;
	default:
		buf_add(out, (char[]){ '\\', 'u', hex[cp >> 12 & 15],
				       hex[cp >> 8 & 15], hex[cp >> 4 & 15],
				       hex[cp & 15] }, 6);
		return;
	}
	buf_add(out, brief, 2);
}

void json_add_str(struct buf *out, struct str s)
{
	size_t from = 0, at = 0;

	buf_addc(out, '"');
	while (at < s.len) {
		size_t here = at;
		int32_t cp;

		if (is_plain(s.ptr[at])) {
			at++;
			continue;
		}
		cp = utf8_next(s, &at);
		if (cp >= 0x7f && cp != 0x2028 && cp != 0x2029)
			continue;
		buf_add(out, s.ptr + from, here - from);
		if (cp < 0) {
			buf_puts(out, "\xef\xbf\xbd");
			at++;
		} else {
			add_escape(out, cp);
		}
		from = at;
	}
	if (s.len > from)
		buf_add(out, s.ptr + from, s.len - from);
	buf_addc(out, '"');
}

const char *json_quoted(struct pool *pool, struct str s)
{
	struct buf out;

	buf_init_pool(&out, pool, 8 * JSON_QUOTED_MAX);
	json_add_str(&out, utf8_cut(s, JSON_QUOTED_MAX));
	return buf_is_ok(&out) ? out.ptr : "";
}

const char *json_told(struct pool *pool, struct str s)
{
	const bool is_address = str_find(s, '@') >= 0 ||
				str_icontains(s, STR("%40"));
	bool is_plain = s.len <= JSON_QUOTED_MAX && !is_address;
	struct str text;

	for (size_t i = 0; is_plain && i < s.len; i++)
		is_plain = s.ptr[i] >= ' ' && s.ptr[i] <= '~';
	if (is_plain)
		return json_quoted(pool, s);
	text = pool_printf(pool, "a text of %zu octets%s", s.len,
			   is_address ? " with an @" : "");
	return text.ptr ? text.ptr : "";
}

void json_add_int(struct buf *out, int64_t n)
{
	char digits[20], *p = digits + sizeof(digits);
	uint64_t left = n < 0 ? -(uint64_t)n : (uint64_t)n;

	do {
		*--p = (char)('0' + left % 10);
		left /= 10;
	} while (left);
	if (n < 0)
		*--p = '-';
	buf_add(out, p, (size_t)(digits + sizeof(digits) - p));
}

static void add_comma(struct buf *out)
{
	if (out->len && out->ptr[out->len - 1] != '{' &&
	    out->ptr[out->len - 1] != '[')
		buf_addc(out, ',');
}

static void add_name(struct buf *out, const char *name)
{
	add_comma(out);
	buf_addc(out, '"');
	buf_puts(out, name);
	buf_add(out, "\":", 2);
}

void json_add_member(struct buf *out, const char *name, struct str value)
{
	add_name(out, name);
	json_add_str(out, value);
}

void json_add_member_int(struct buf *out, const char *name, int64_t value)
{
	add_name(out, name);
	json_add_int(out, value);
}

void json_add_member_bool(struct buf *out, const char *name, bool value)
{
	add_name(out, name);
	buf_puts(out, value ? "true" : "false");
}

void json_add_member_raw(struct buf *out, const char *name, struct str json)
{
	add_name(out, name);
	buf_adds(out, json);
}

void json_add_fields(struct buf *out, const struct fields *fields)
{
	buf_addc(out, '{');
	for (unsigned i = 0; i < fields->count; i++) {
		const struct field *f = &fields->v[i];

		add_comma(out);
		json_add_str(out, f->name);
		buf_addc(out, ':');
		if (f->kind == FIELD_JSON)
			buf_adds(out, f->value);
		else
			json_add_str(out, f->value);
	}
	buf_addc(out, '}');
}
