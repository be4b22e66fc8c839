/*
 * fieldmap: what a partner posts becomes what is stored, by settings alone.
 *
 * README.md tells the settings.  Each rule names one attribute (or the e-mail
 * address, or the name), where its value comes from, and what it must be like;
 * complaints use the words that Laravel's validator uses.
 */
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include <usher/adapter.h>
#include <usher/sdk.h>

#define RULES_MAX USHER_ATTRIBUTES_MAX
#define CHOICES_MAX 64		/* of one rule's one_of */
#define PATTERN_MAX 256		/* octets */
#define TEXT_CHARS 255		/* `max` where a rule has none */

enum target {
	AS_ATTRIBUTE,
	AS_EMAIL,
	AS_NAME
};

struct rule {
	char *name;		/* the setting's, and the attribute's */
	char *from;		/* field; NULL: called as the rule */
	char *fallback;		/* `default`; NULL: none */
	char *choices[CHOICES_MAX];
	unsigned choice_count;
	regex_t pattern;
	int has_pattern, has_max;
	int is_required, is_json;
	int64_t max;		/* characters */
	enum target target;
};

struct map {
	struct rule *rules;
	unsigned count;
};

/* ---- the settings ------------------------------------------------------- */

static struct rule *rule_find(struct map *map, struct usher_str name)
{
	struct rule *rule;
	unsigned i;

	for (i = 0; i < map->count; i++)
		if (usher_str_is(name, map->rules[i].name))
			return &map->rules[i];
	if (map->count == RULES_MAX)
		return NULL;
	rule = &map->rules[map->count];
	rule->name = usher_str_keep(name);
	if (!rule->name)
		return NULL;
	map->count++;
	return rule;
}

static int set_text(char **to, struct usher_str value)
{
	free(*to);
	*to = usher_str_keep(value);
	return *to ? USHER_OK : USHER_FAIL;
}

/* The whole value has to match, so that nobody forgets the anchors. */
static int set_pattern(struct usher_call *call, struct usher_str key,
		       struct usher_str value, struct rule *rule)
{
	char text[PATTERN_MAX + 5];
	struct usher_buf buf;
	struct usher_str whole;
	size_t i;

	for (i = 0; i + 1 < value.len; i++)
		if (value.ptr[i] == '\\') {
			i++;
			if (value.ptr[i] >= '0' && value.ptr[i] <= '9')
				return usher_config_refuse(call, key,
					"must not refer back to a group");
		}
	usher_buf_init_array(&buf, text, sizeof(text));
	usher_buf_puts(&buf, "^(");
	usher_buf_str(&buf, value);
	usher_buf_puts(&buf, ")$");
	if (!value.len || usher_buf_end(&buf, &whole))
		return usher_config_refuse(call, key,
			"must have 1 to 256 bytes");
	if (rule->has_pattern)
		regfree(&rule->pattern);
	rule->has_pattern = !regcomp(&rule->pattern, whole.ptr,
				     REG_EXTENDED | REG_NOSUB);
	if (!rule->has_pattern)
		return usher_config_refuse(call, key,
			"must be an extended regular expression (man 7 regex)");
	return USHER_OK;
}

static int set_target(struct usher_call *call, struct usher_str key,
		      struct usher_str value, struct rule *rule)
{
	if (usher_str_is(value, "attribute"))
		rule->target = AS_ATTRIBUTE;
	else if (usher_str_is(value, "email"))
		rule->target = AS_EMAIL;
	else if (usher_str_is(value, "name"))
		rule->target = AS_NAME;
	else
		return usher_config_refuse(call, key,
			"must be \"attribute\", \"email\" or \"name\"");
	return USHER_OK;
}

static int add_choice(struct usher_call *call, struct usher_str key,
		      struct usher_str value, struct rule *rule)
{
	if (rule->choice_count == CHOICES_MAX)
		return usher_config_refuse(call, key,
			"is the 65th choice; 64 are taken");
	rule->choices[rule->choice_count] = usher_str_keep(value);
	if (!rule->choices[rule->choice_count])
		return USHER_FAIL;
	rule->choice_count++;
	return USHER_OK;
}

static int set_max(struct usher_call *call, struct usher_str key,
		   struct usher_str value, struct rule *rule)
{
	if (usher_str_number(value, 1, USHER_VALUE_MAX, &rule->max))
		return usher_config_refuse(call, key,
			"must be a number from 1 to 8192");
	rule->has_max = 1;
	return USHER_OK;
}

static int rule_set(struct usher_call *call, struct usher_str key,
		    struct usher_str value, struct rule *rule,
		    struct usher_str property)
{
	if (usher_str_is(property, "from"))
		return set_text(&rule->from, value);
	if (usher_str_is(property, "default"))
		return set_text(&rule->fallback, value);
	if (usher_str_is(property, "required"))
		return usher_config_flag(call, key, value, &rule->is_required);
	if (usher_str_is(property, "json"))
		return usher_config_flag(call, key, value, &rule->is_json);
	if (usher_str_is(property, "pattern"))
		return set_pattern(call, key, value, rule);
	if (usher_str_is(property, "max"))
		return set_max(call, key, value, rule);
	if (usher_str_is(property, "as"))
		return set_target(call, key, value, rule);
	if (usher_str_has_prefix(property, "one_of."))
		return add_choice(call, key, value, rule);
	return usher_config_refuse(call, key,
		"is not known; a rule may have from, as, required, default, "
		"one_of, pattern, max and json");
}

static int is_choice(const struct rule *rule, struct usher_str value)
{
	unsigned i;

	for (i = 0; i < rule->choice_count; i++)
		if (usher_str_is(value, rule->choices[i]))
			return 1;
	return !rule->choice_count;
}

/* As the host wants it; '*' is what libconfig lets through besides. */
static int is_attribute(const char *name)
{
	size_t len = strlen(name);
	char c = name[0];

	return len <= USHER_NAME_MAX && !strchr(name, '*') &&
	       (c == '_' || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'));
}

/* What each setting says may be right, and the whole still wrong. */
static int rule_check(struct usher_call *call, const struct rule *rule)
{
	struct usher_str key = usher_str_from(rule->name);
	char text[USHER_CONFIG_KEY_MAX + 16];
	struct usher_buf buf;

	if (!is_attribute(rule->name))
		return usher_config_refuse(call, key,
			"is no name for an attribute");
	if (rule->is_json && (rule->has_pattern || rule->choice_count ||
			      rule->has_max || rule->target != AS_ATTRIBUTE))
		return usher_config_refuse(call, key,
			"is json, so pattern, one_of, max and as do not apply");
	if (rule->fallback &&
	    !is_choice(rule, usher_str_from(rule->fallback))) {
		usher_buf_init_array(&buf, text, sizeof(text));
		usher_buf_str(&buf, key);
		usher_buf_puts(&buf, ".default");
		usher_buf_end(&buf, &key);
		return usher_config_refuse(call, key, "is none of one_of");
	}
	return USHER_OK;
}

static void map_free(void *state)
{
	struct map *map = state;
	unsigned i, j;

	if (!map)
		return;
	for (i = 0; i < map->count; i++) {
		struct rule *rule = &map->rules[i];

		free(rule->name);
		free(rule->from);
		free(rule->fallback);
		for (j = 0; j < rule->choice_count; j++)
			free(rule->choices[j]);
		if (rule->has_pattern)
			regfree(&rule->pattern);
	}
	free(map->rules);
	free(map);
}

static int read_settings(const struct usher_host *host,
			 struct usher_call *call, struct map *map)
{
	struct usher_str key, value, name, property;
	int rc = USHER_OK;
	uint32_t i;

	for (i = 0; !host->config_at(call, i, &key, &value); i++) {
		struct rule *rule;

		name = usher_str_cut(key, '.', &property);
		if (!property.ptr) {
			rc = usher_config_refuse(call, key,
				"must be a group: { from = \"field\"; }");
			continue;
		}
		rule = rule_find(map, name);
		if (!rule)
			return usher_config_refuse(call, key,
				"is too much: 128 rules are taken");
		if (rule_set(call, key, value, rule, property))
			rc = USHER_FAIL;
	}
	for (i = 0; i < map->count; i++)
		if (rule_check(call, &map->rules[i]))
			rc = USHER_FAIL;
	return rc;
}

static int map_init(const struct usher_host *host, struct usher_call *call,
		    void **state)
{
	struct map *map = calloc(1, sizeof(*map));

	if (!map)
		return USHER_FAIL;
	map->rules = calloc(RULES_MAX, sizeof(*map->rules));
	if (!map->rules || read_settings(host, call, map)) {
		map_free(map);
		return USHER_FAIL;
	}
	*state = map;
	return USHER_OK;
}

/* ---- the handoff --------------------------------------------------------- */

static const char *field_name(const struct rule *rule)
{
	return rule->from ? rule->from : rule->name;
}

/* "The company name field is required.": Laravel shows '_' as a space. */
static int refuse(struct usher_call *call, const struct rule *rule,
		  const char *before, const char *after)
{
	char text[USHER_MESSAGE_MAX + 1];
	const char *field = field_name(rule);
	struct usher_buf buf;
	struct usher_str message;
	size_t i;

	usher_buf_init_array(&buf, text, sizeof(text));
	usher_buf_puts(&buf, before);
	for (i = 0; field[i]; i++)
		usher_buf_add(&buf, field[i] == '_' ? " " : field + i, 1);
	usher_buf_puts(&buf, after);
	if (usher_buf_end(&buf, &message))
		return USHER_FAIL;
	call->host->set_error(call, field, message.ptr, message.len);
	return USHER_OK;
}

/* `value` is terminated. 1: acceptable, 0: refused, -1: could not be done. */
static int check_text(struct usher_call *call, const struct rule *rule,
		      struct usher_str value)
{
	char after[64];
	struct usher_buf buf;
	int64_t max = rule->has_max ? rule->max : TEXT_CHARS;

	if ((int64_t)usher_str_chars(value) > max) {
		struct usher_str text;

		usher_buf_init_array(&buf, after, sizeof(after));
		usher_buf_puts(&buf, " must not be greater than ");
		usher_buf_int(&buf, max);
		usher_buf_puts(&buf, " characters.");
		usher_buf_end(&buf, &text);
		return refuse(call, rule, "The ", text.ptr) ? -1 : 0;
	}
	if (!is_choice(rule, value))
		return refuse(call, rule, "The selected ", " is invalid.") ?
			-1 : 0;
	if (rule->has_pattern &&
	    regexec(&rule->pattern, value.ptr, 0, NULL, 0))
		return refuse(call, rule, "The ", " format is invalid.") ?
			-1 : 0;
	return 1;
}

static int store(struct usher_call *call, const struct rule *rule,
		 struct usher_str value)
{
	const struct usher_host *host = call->host;
	int rc;

	if (rule->target == AS_ATTRIBUTE)
		return host->set_attribute(call, rule->name, value.ptr,
					   value.len) ? USHER_FAIL : USHER_OK;
	rc = host->set_field(call, rule->target == AS_EMAIL ? "email" : "name",
			     value.ptr, value.len);
	return rc && rc != USHER_E_EXISTS ? USHER_FAIL : USHER_OK;
}

/* Nothing was posted, or nothing but spaces. */
static int apply_empty(struct usher_call *call, const struct rule *rule,
		       int was_posted)
{
	int rc;

	if (rule->fallback)
		return store(call, rule, usher_str_from(rule->fallback));
	if (rule->is_required)
		return refuse(call, rule, "The ", " field is required.");
	if (!was_posted || rule->target != AS_ATTRIBUTE)
		return USHER_OK;
	/* An emptied form field means: no longer. */
	rc = call->host->del_attribute(call, rule->name);
	return rc && rc != USHER_E_NOTFOUND ? USHER_FAIL : USHER_OK;
}

/* Does the request say already who this is? */
static int is_known(struct usher_call *call, const struct rule *rule)
{
	struct usher_str value;

	if (rule->target == AS_ATTRIBUTE)
		return 0;
	if (!call->host->get(call, USHER_INFO, "identity", &value) &&
	    usher_str_is(value, "signed"))
		return 1;
	return !call->host->get(call, USHER_FIELD,
				rule->target == AS_EMAIL ? "email" : "name",
				&value) && usher_str_trim(value).len;
}

static int apply(struct usher_call *call, const struct rule *rule)
{
	const char *field = field_name(rule);
	struct usher_str value;
	int rc;

	if (is_known(call, rule))
		return USHER_OK;
	rc = call->host->get(call, USHER_FIELD, field, &value);
	if (rc && rc != USHER_E_NOTFOUND)
		return USHER_FAIL;
	if (rc || !usher_str_trim(value).len)
		return apply_empty(call, rule, !rc);
	if (call->host->type(call, USHER_FIELD, field) == USHER_JSON) {
		if (!rule->is_json)
			return refuse(call, rule, "The ",
				      " must be a string.");
		return store(call, rule, value);
	}
	if (rule->is_json)
		return refuse(call, rule, "The ", " must be an array.");
	if (usher_str_copy(call, usher_str_trim(value), &value))
		return USHER_FAIL;
	rc = check_text(call, rule, value);
	if (rc <= 0)
		return rc ? USHER_FAIL : USHER_OK;
	return store(call, rule, value);
}

static int map_fields(void *state, struct usher_call *call)
{
	const struct map *map = state;
	unsigned i;

	for (i = 0; i < map->count; i++)
		if (apply(call, &map->rules[i]))
			return USHER_FAIL;
	return USHER_OK;
}

USHER_ADAPTER_DEFINE(.name = "fieldmap", .version = "1.0", .init = map_init,
		     .fini = map_free, .map_fields = map_fields)
