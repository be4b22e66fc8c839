#include "config/schema.h"

#include "codec/utf8.h"
#include "config/correct.h"
#include "config/suggest.h"

#define KNOWN_MAX 320	/* settings of one table */

static const char *type_word(const config_setting_t *at)
{
	switch (config_setting_type(at)) {
	case CONFIG_TYPE_GROUP: return "a group";
	case CONFIG_TYPE_LIST: return "a list";
	case CONFIG_TYPE_ARRAY: return "an array";
	case CONFIG_TYPE_STRING: return "a text";
	case CONFIG_TYPE_BOOL: return "true or false";
	default: return "a number";
	}
}

static const char *wanted_word(enum setting_type type)
{
	static const char *const words[] = {
		[SETTING_TEXT] = "a text in quotation marks",
		[SETTING_NUMBER] = "a number without quotation marks",
		[SETTING_SWITCH] = "true or false, without quotation marks",
		[SETTING_WORD] = "a word in quotation marks",
		[SETTING_TEXTS] = "a list of texts",
		[SETTING_GROUP] = "a group { ... }",
		[SETTING_GROUPS] = "a list of groups ( { ... }, { ... } )",
		[SETTING_FREE] = "a group { ... }",
	};

	return words[type];
}

static bool is_of_type(const config_setting_t *at, enum setting_type type)
{
	switch (type) {
	case SETTING_TEXT:
	case SETTING_WORD:
		return config_setting_type(at) == CONFIG_TYPE_STRING;
	case SETTING_NUMBER:
		return config_setting_type(at) == CONFIG_TYPE_INT;
	case SETTING_SWITCH:
		return config_setting_type(at) == CONFIG_TYPE_BOOL;
	case SETTING_TEXTS:
		return config_setting_type(at) == CONFIG_TYPE_ARRAY ||
			config_setting_type(at) == CONFIG_TYPE_LIST;
	case SETTING_GROUPS:
		return config_setting_type(at) == CONFIG_TYPE_LIST;
	default:
		return config_setting_type(at) == CONFIG_TYPE_GROUP;
	}
}

static const struct setting *find(const struct setting *schema,
				  const char *name)
{
	for (; schema->name; schema++)
		if (!strcmp(schema->name, name))
			return schema;
	return NULL;
}

/* The group of `schema` in which `name` is at home; NULL: none. */
static const char *home_of(const struct setting *schema, const char *name)
{
	for (; schema->name; schema++)
		if (schema->members && schema->type != SETTING_GROUPS &&
		    find(schema->members, name))
			return schema->name;
	return NULL;
}

static void list_known(const struct setting *schema, struct buf *out)
{
	buf_puts(out, "known here are ");
	for (; schema->name; schema++) {
		buf_puts(out, schema->name);
		if (schema[1].name)
			buf_puts(out, ", ");
	}
}

void schema_suggest(const struct setting *schema, const char *name,
		    struct buf *out)
{
	const char *known[KNOWN_MAX], *near, *home = home_of(schema, name);
	bool is_tenant = schema == schema_tenant;
	unsigned count = 0;
	size_t i;

	if (home) {
		buf_printf(out, "it belongs inside %s = { ... };", home);
		return;
	}
	if ((is_tenant && find(schema_gateway, name)) ||
	    (schema == schema_gateway && find(schema_tenant, name))) {
		buf_printf(out, "it belongs inside %s = { ... };",
			   is_tenant ? "gateway" : "tenant");
		return;
	}
	for (i = 0; schema[i].name && count < KNOWN_MAX; i++)
		known[count++] = schema[i].name;
	near = suggest_nearest(str_from(name), known, count);
	if (near)
		buf_printf(out, "did you mean '%s'?", near);
	else
		list_known(schema, out);
}

static void check_range(const struct setting *s, int64_t value,
			const char *path, unsigned line,
			struct location *location)
{
	if (value < s->min || value > s->max)
		location_error(location, line, path, NULL,
			       "must be from %lld to %lld, not %lld",
			       (long long)s->min, (long long)s->max,
			       (long long)value);
}

static void check_text(const struct setting *s, const char *text,
		       const char *path, unsigned line,
		       struct location *location)
{
	struct str value = str_from(text);

	if (value.len < (size_t)s->min)
		location_error(location, line, path,
			       s->is_required ? s->example
					      : "leave the setting out",
			       "must not be empty");
	else if (value.len > (size_t)s->max)
		location_error(location, line, path, NULL,
			       "must be at most %lld octets, not %zu",
			       (long long)s->max, value.len);
	else if (utf8_check_text(value, NULL) != ERR_OK)
		location_error(location, line, path, "remove it",
			       "holds a control character or is not UTF-8");
}

static void check_word(const struct setting *s, const char *text,
		       const char *path, unsigned line,
		       struct location *location)
{
	char remedy[160], list[160];
	struct buf words, fix;
	const char *near;
	unsigned i;

	buf_init_fixed(&words, list, sizeof(list));
	buf_init_fixed(&fix, remedy, sizeof(remedy));
	for (i = 0; s->words[i]; i++) {
		if (!strcmp(s->words[i], text))
			return;
		buf_printf(&words, "%s\"%s\"", !i ? "" :
			   s->words[i + 1] ? ", " : " or ", s->words[i]);
	}
	near = suggest_nearest(str_from(text), s->words, i);
	if (near)
		buf_printf(&fix, "did you mean \"%s\"?", near);
	else
		buf_printf(&fix, "e.g. %s", s->example);
	location_error(location, line, path, remedy, "must be %s", list);
}

/* Cut where it does not fit: the line number says the rest. */
static void join(char out[SETTING_NAME_MAX], const char *prefix,
		 const char *name)
{
	struct buf buf;

	buf_init_fixed(&buf, out, SETTING_NAME_MAX);
	buf_puts(&buf, prefix);
	if (*prefix)
		buf_addc(&buf, '.');
	buf_puts(&buf, name);
}

static void join_index(char out[SETTING_NAME_MAX], const char *prefix,
		       unsigned i)
{
	struct buf buf;

	buf_init_fixed(&buf, out, SETTING_NAME_MAX);
	buf_puts(&buf, prefix);
	buf_printf(&buf, "[%u]", i);
}

static void check_items(const struct setting *s, const config_setting_t *at,
			enum setting_type wanted, const char *path,
			struct location *location)
{
	unsigned i, count = (unsigned)config_setting_length(at);
	int type = wanted == SETTING_TEXT ? CONFIG_TYPE_STRING :
					  CONFIG_TYPE_GROUP;
	char name[SETTING_NAME_MAX];

	for (i = 0; i < count; i++) {
		const config_setting_t *item = config_setting_get_elem(
			(config_setting_t *)at, i);

		join_index(name, path, i);
		if (config_setting_type(item) != type)
			location_error(location,
				       config_setting_source_line(item), name,
				       s->example, "must be %s, not %s",
				       wanted_word(wanted), type_word(item));
		else if (wanted == SETTING_TEXT)
			check_text(s, config_setting_get_string(item), name,
				   config_setting_source_line(item), location);
		else
			schema_check((struct group){ item, s->members }, name,
				     location);
	}
}

static bool check_count(const struct setting *s, const config_setting_t *at,
			const char *path, struct location *location)
{
	unsigned count = (unsigned)config_setting_length(at);

	if (count < s->count_min)
		location_error(location, config_setting_source_line(at), path,
			       s->example, "must not be empty");
	else if (count > s->count_max)
		location_error(location, config_setting_source_line(at), path,
			       NULL, "must have at most %u entries, not %u",
			       s->count_max, count);
	else
		return true;
	return false;
}

static void check_value(const struct setting *s, const config_setting_t *at,
			const char *path, struct location *location)
{
	unsigned line = config_setting_source_line(at);
	char remedy[400];
	struct buf fix;

	if (!is_of_type(at, s->type)) {
		buf_init_fixed(&fix, remedy, sizeof(remedy));
		if (!correct_value(s, at, &fix))
			buf_printf(&fix, "e.g. %s", s->example);
		location_error(location, line, path, remedy,
			       "must be %s, not %s", wanted_word(s->type),
			       type_word(at));
		return;
	}
	switch (s->type) {
	case SETTING_NUMBER:
		check_range(s, config_setting_get_int(at), path, line,
			    location);
		break;
	case SETTING_TEXT:
		check_text(s, config_setting_get_string(at), path, line,
			   location);
		break;
	case SETTING_WORD:
		check_word(s, config_setting_get_string(at), path, line,
			   location);
		break;
	case SETTING_TEXTS:
		if (check_count(s, at, path, location))
			check_items(s, at, SETTING_TEXT, path, location);
		break;
	case SETTING_GROUPS:
		if (check_count(s, at, path, location))
			check_items(s, at, SETTING_GROUP, path, location);
		break;
	case SETTING_GROUP:
		schema_check((struct group){ at, s->members }, path, location);
		break;
	case SETTING_SWITCH:
	case SETTING_FREE:
		break;
	}
}

static void check_required(struct group group, const char *prefix,
			   struct location *location)
{
	const struct setting *s;
	char path[SETTING_NAME_MAX], remedy[400];

	for (s = group.schema; s->name; s++) {
		if (!s->is_required || group_has(group, s->name))
			continue;
		join(path, prefix, s->name);
		snprintf(remedy, sizeof(remedy), "add e.g. %s", s->example);
		location_error(location, config_setting_source_line(group.at),
			       path, remedy, "is missing");
	}
}

void schema_check(struct group group, const char *prefix,
		  struct location *location)
{
	unsigned i, count = (unsigned)config_setting_length(group.at);
	char path[SETTING_NAME_MAX], remedy[400];

	for (i = 0; i < count && location->errors < SCHEMA_ERRORS_MAX; i++) {
		const config_setting_t *at = config_setting_get_elem(
			(config_setting_t *)group.at, i);
		const char *name = config_setting_name(at);
		const struct setting *s = find(group.schema, name);

		join(path, prefix, name);
		if (s) {
			check_value(s, at, path, location);
		} else {
			struct buf fix;

			buf_init_fixed(&fix, remedy, sizeof(remedy));
			schema_suggest(group.schema, name, &fix);
			location_error(location, config_setting_source_line(at),
				       path, remedy, "is not a known setting");
		}
	}
	check_required(group, prefix, location);
}

/* ---- access, after the check ------------------------------------------ */

static const config_setting_t *member(struct group group, const char *name)
{
	return group.at ? config_setting_get_member(
		(config_setting_t *)group.at, name) : NULL;
}

/* A name that is not in the table is a defect of ours. */
static const struct setting *must_find(struct group group, const char *name)
{
	const struct setting *s = find(group.schema, name);

	if (!s)
		abort();
	return s;
}

bool group_has(struct group group, const char *name)
{
	return member(group, name) != NULL;
}

unsigned group_line(struct group group, const char *name)
{
	const config_setting_t *at = member(group, name);

	if (!at)
		at = group.at;
	return at ? config_setting_source_line(at) : 0;
}

struct str group_text(struct group group, const char *name)
{
	const config_setting_t *at = member(group, name);

	return str_from(at ? config_setting_get_string(at) :
			must_find(group, name)->text);
}

int64_t group_number(struct group group, const char *name)
{
	const config_setting_t *at = member(group, name);

	return at ? config_setting_get_int(at) :
		must_find(group, name)->number;
}

bool group_switch(struct group group, const char *name)
{
	const config_setting_t *at = member(group, name);

	return at ? config_setting_get_bool(at) :
		must_find(group, name)->number;
}

unsigned group_word(struct group group, const char *name)
{
	const struct setting *s = must_find(group, name);
	const config_setting_t *at = member(group, name);
	unsigned i;

	for (i = 0; at && s->words[i]; i++)
		if (!strcmp(s->words[i], config_setting_get_string(at)))
			return i;
	return (unsigned)s->number;
}

struct group group_group(struct group group, const char *name)
{
	return (struct group){ member(group, name),
			       must_find(group, name)->members };
}

unsigned group_count(struct group group, const char *name)
{
	const config_setting_t *at = member(group, name);

	return at ? (unsigned)config_setting_length(at) : 0;
}

struct str group_text_at(struct group group, const char *name, unsigned i)
{
	return str_from(config_setting_get_string_elem(member(group, name),
						       (int)i));
}

struct group group_group_at(struct group group, const char *name, unsigned i)
{
	return (struct group){
		config_setting_get_elem((config_setting_t *)member(group, name),
					i), must_find(group, name)->members };
}
