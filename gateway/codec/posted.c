#include "codec/posted.h"

#include "codec/json.h"
#include "codec/utf8.h"

void fields_init_posted(struct fields *fields, struct pool *pool,
			const struct posted *posted)
{
	fields_init(fields, pool);
	fields->posted = posted;
}

static bool is_among(struct str name, const struct str *names, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (str_eq(names[i], name))
			return true;
	return false;
}

bool posted_is_strict(const struct posted *posted, struct str name)
{
	return is_among(name, posted->strict, posted->strict_count);
}

static bool is_wanted(const struct posted *posted, struct str name)
{
	return is_among(name, posted->wanted, posted->wanted_count);
}

/* Does it say something? */
static bool is_value(const struct field *f)
{
	return f->kind == FIELD_TEXT || f->kind == FIELD_JSON;
}

static bool is_line(char c)
{
	return c == '\t' || c == '\n' || c == '\r';
}

/* Text with a space for each line end and TAB. */
static void flatten_text(struct str s, char *out, size_t *len_r)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '\r' && i + 1 < s.len && s.ptr[i + 1] == '\n')
			continue;
		out[n++] = is_line(s.ptr[i]) ? ' ' : s.ptr[i];
	}
	*len_r = n;
}

/* The same for their escapes, as json_add_str() writes them. */
static void flatten_json(struct str s, char *out, size_t *len_r)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		char next = i + 1 < s.len ? s.ptr[i + 1] : '\0';

		out[n++] = s.ptr[i];
		if (s.ptr[i] != '\\')
			continue;
		i++;
		if (next == 'r' && i + 2 < s.len && s.ptr[i + 1] == '\\' &&
		    s.ptr[i + 2] == 'n')
			i += 2;
		if (next == 'n' || next == 'r' || next == 't')
			out[n - 1] = ' ';
		else
			out[n++] = next;
	}
	*len_r = n;
}

/* Values are slices of what is not ours: a copy is changed, if any is. */
static enum err flatten(struct pool *pool, struct field *f)
{
	bool is_json = f->kind == FIELD_JSON;
	size_t len;
	char *p;

	if (is_json ? str_find(f->value, '\\') < 0
		    : !utf8_check_text(f->value, NULL))
		return ERR_OK;
	p = pool_alloc(pool, f->value.len);
	if (!p)
		return ERR_NOMEM;
	(is_json ? flatten_json : flatten_text)(f->value, p, &len);
	f->value = (struct str){ p, len };
	return ERR_OK;
}

/* All values of the name that `at` is the first of, as one array. */
static enum err join(struct fields *fields, unsigned at)
{
	struct field *first = &fields->v[at];
	struct buf array;

	buf_init_pool(&array, fields->pool, FIELD_VALUE_MAX + 1);
	buf_addc(&array, '[');
	for (unsigned i = at; i < fields->count; i++) {
		struct field *f = &fields->v[i];

		if (!is_value(f) || !str_eq(f->name, first->name))
			continue;
		if (i > at)
			buf_addc(&array, ',');
		if (f->kind == FIELD_JSON)
			buf_adds(&array, f->value);
		else
			json_add_str(&array, f->value);
		if (i > at)
			f->kind = FIELD_GONE;
	}
	buf_addc(&array, ']');
	if (!buf_is_ok(&array))
		return array.len >= FIELD_VALUE_MAX ? ERR_LIMIT : ERR_NOMEM;
	first->value = buf_str(&array);
	first->kind = FIELD_JSON;
	return ERR_OK;
}

static bool is_repeated(const struct fields *fields, unsigned at)
{
	for (unsigned i = at + 1; i < fields->count; i++)
		if (is_value(&fields->v[i]) &&
		    str_eq(fields->v[i].name, fields->v[at].name))
			return true;
	return false;
}

/* All values of a name: which of them was meant nobody can tell. */
static void drop_all(struct fields *fields, struct str name,
		     struct posted_drops *drops)
{
	for (unsigned i = 0; i < fields->count; i++) {
		struct field *f = &fields->v[i];

		if (!is_value(f) || !str_eq(f->name, name))
			continue;
		f->kind = FIELD_GONE;
		drops->repeated++;
	}
}

static enum err settle_repeats(struct fields *fields,
			       struct posted_drops *drops)
{
	for (unsigned i = 0; i < fields->count; i++) {
		struct str name = fields->v[i].name;
		enum err err;

		if (!is_value(&fields->v[i]) || !is_repeated(fields, i))
			continue;
		if (is_wanted(fields->posted, name)) {
			err = join(fields, i);
			if (err)
				return err;
			continue;
		}
		drop_all(fields, name, drops);
	}
	return ERR_OK;
}

/* A strict name's; a parser let no file of one through. */
static void settle_strict(struct field *f)
{
	if (f->kind == FIELD_NULL)
		f->kind = FIELD_TEXT;
	if (f->kind == FIELD_TEXT)
		f->value = utf8_trim(f->value);
}

static bool stays(const struct posted *posted, const struct field *f,
		  struct posted_drops *drops)
{
	switch (f->kind) {
	case FIELD_TEXT:
		return true;
	case FIELD_JSON:
		if (is_wanted(posted, f->name))
			return true;
		drops->nested++;
		return false;
	case FIELD_FILE:
		drops->files++;
		return false;
	case FIELD_NULL:
	case FIELD_GONE:
		break;
	}
	return false;
}

enum err posted_settle(struct fields *fields, struct posted_drops *drops_r,
		       struct fault *fault)
{
	const struct posted *posted = fields->posted;
	struct posted_drops drops = { 0 };
	enum err err = ERR_OK;
	unsigned kept = 0;

	if (fields->has_repeats)
		err = settle_repeats(fields, &drops);
	for (unsigned i = 0; i < fields->count && !err; i++) {
		struct field *f = &fields->v[i];

		if (posted_is_strict(posted, f->name))
			settle_strict(f);
		else if (!stays(posted, f, &drops))
			continue;
		else
			err = flatten(fields->pool, f);
		fields->v[kept++] = *f;
	}
	if (err == ERR_LIMIT)
		return fault_set(fault, err, 0, "values of one name that are "
				 "together longer than 8192 octets");
	if (err)
		return fault_set(fault, err, 0, "out of memory");
	*drops_r = drops;
	fields->count = kept;
	fields->has_repeats = false;
	fields->posted = NULL;
	return ERR_OK;
}
