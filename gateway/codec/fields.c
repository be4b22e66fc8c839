#include "codec/fields.h"

#include "codec/posted.h"

/* Enough for an ordinary handoff, so that its array never moves. */
#define FIRST_CAP 16

void fields_init(struct fields *fields, struct pool *pool)
{
	*fields = (struct fields){
		.pool = pool, .max = FIELDS_MAX, .value_max = FIELD_VALUE_MAX,
	};
}

/*
 * A scan rather than a table: ordinary requests hold three fields, and the
 * worst one costs 32,640 comparisons, most of which end at the length.
 */
static struct field *find(const struct fields *fields, struct str name)
{
	for (unsigned i = 0; i < fields->count; i++)
		if (str_eq(fields->v[i].name, name))
			return &fields->v[i];
	return NULL;
}

static enum err grow(struct fields *fields)
{
	unsigned cap = fields->cap ? fields->cap * 2 : FIRST_CAP;
	struct field *v = pool_calloc(fields->pool, cap, sizeof(*v));

	if (!v)
		return ERR_NOMEM;
	if (fields->count)
		memcpy(v, fields->v, fields->count * sizeof(*v));
	fields->v = v;
	fields->cap = cap;
	return ERR_OK;
}

static enum err append(struct fields *fields, const struct field *field)
{
	if (fields->count == fields->cap && grow(fields))
		return ERR_NOMEM;
	fields->v[fields->count++] = *field;
	return ERR_OK;
}

enum err fields_add_at(struct fields *fields, struct str name,
		       struct str value, enum field_kind kind, size_t offset,
		       struct fault *fault)
{
	if (name.len > FIELD_NAME_MAX)
		return fault_set(fault, ERR_LIMIT, offset,
				 "a field name longer than 128 octets");
	if (value.len > fields->value_max)
		return fault_set(fault, ERR_LIMIT, offset,
				 fields->value_max == FIELD_VALUE_MAX ?
				 "a value longer than 8192 octets" :
				 "a value that is too long");
	if (find(fields, name)) {
		if (!fields->posted || posted_is_strict(fields->posted, name)) {
			fields->twice = fields->posted ? name :
							 STR_NULL;
			return fault_set(fault, ERR_DUPLICATE, offset,
					 "a field name given twice");
		}
		fields->has_repeats = true;
	}
	if (fields->count >= fields->max)
		return fault_set(fault, ERR_LIMIT, offset, "too many fields");
	if (append(fields, &(struct field){
				.name = name, .value = value, .kind = kind }))
		return fault_set(fault, ERR_NOMEM, offset, "out of memory");
	return ERR_OK;
}

enum err fields_add(struct fields *fields, struct str name, struct str value,
		    enum field_kind kind)
{
	return fields_add_at(fields, name, value, kind, 0, NULL);
}

enum err fields_set(struct fields *fields, struct str name, struct str value,
		    enum field_kind kind)
{
	struct field *old = find(fields, name);
	struct str n, v;

	if (name.len > FIELD_NAME_MAX || value.len > fields->value_max ||
	    (!old && fields->count >= fields->max))
		return ERR_LIMIT;
	v = pool_str(fields->pool, value);
	if (!v.ptr)
		return ERR_NOMEM;
	if (old) {
		old->value = v;
		old->kind = kind;
		old->is_literal = false;
		return ERR_OK;
	}
	n = pool_str(fields->pool, name);
	if (!n.ptr)
		return ERR_NOMEM;
	return append(fields, &(struct field){
				.name = n, .value = v, .kind = kind });
}

bool fields_del(struct fields *fields, struct str name)
{
	struct field *f = find(fields, name);

	if (!f)
		return false;
	memmove(f, f + 1,
		(size_t)(fields->v + fields->count - (f + 1)) * sizeof(*f));
	fields->count--;
	return true;
}

const struct field *fields_get(const struct fields *fields, struct str name)
{
	return find(fields, name);
}

struct str fields_value(const struct fields *fields, struct str name)
{
	const struct field *f = find(fields, name);

	return f ? f->value : STR_NULL;
}
