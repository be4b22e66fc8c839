#include "workbench/hostile.h"

/* ---- values ------------------------------------------------------------- */

static const struct {
	const char *what, *text;
	unsigned times;		/* the text is repeated */
} values[] = {
	{ "an empty value", "", 1 },
	{ "one letter", "x", 1 },
	{ "spaces", " \xc2\xa0 \xe2\x80\x83", 4 },
	{ "65 octets", "a", 65 },
	{ "129 octets", "b", 129 },
	{ "256 octets", "c", 256 },
	{ "513 octets", "d", 513 },
	{ "1025 octets", "e", 1025 },
	{ "2049 octets", "f", 2049 },
	{ "8192 octets", "g", 8192 },
	{ "2730 letters of three octets", "\xe0\xa4\x95", 2730 },
	{ "2048 letters of four octets", "\xf0\x9f\x98\x80", 2048 },
	{ "combining marks", "e\xcc\x81\xcc\xa3\xcc\x82", 80 },
	{ "right-to-left", "\xe2\x80\xae" "abc \xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d"
			   " \xd8\xb3\xd9\x84\xd8\xa7\xd9\x85", 3 },
	{ "astral letters", "\xf0\x9d\x94\x98\xf0\x9f\x91\xa9\xe2\x80\x8d"
			    "\xf0\x9f\x92\xbb", 5 },
	{ "noncharacters", "\xef\xbf\xbe\xf4\x8f\xbf\xbf", 2 },
	{ "what cannot be seen", "\xe2\x80\x8b\xef\xbb\xbf\xe2\x80\x8e", 3 },
	{ "-1", "-1", 1 },
	{ "a number past 64 bits", "99999999999999999999999", 1 },
	{ "the least number", "-9223372036854775808", 1 },
	{ "1e999", "1e999", 1 },
	{ "true", "true", 1 },
	{ "null", "null", 1 },
	{ "JSON in a text", "{\"a\":[1,2,", 1 },
	{ "quotes and backslashes", "\"\\'`", 40 },
	{ "a format", "%s%n%x%1000000d", 3 },
	{ "markup", "<script>alert(1)</script>&lt;", 1 },
	{ "a path", "../../../../etc/passwd", 1 },
	{ "commas and dots", ",.;:=", 60 },
	{ "an URL", "https://evil.example/a?b=c#d", 1 },
	{ "a script as an URL", "javascript:alert(1)", 1 },
	{ "half an URL", "https://", 1 },
	{ "a long URL", "https://evil.example/aaaaaaaaaaa", 64 },
	{ "an address", "ann@partner.example", 1 },
	{ "many at signs", "@", 64 },
	{ "an address of 320 octets", "aaaaaaaaa@aaaaaa", 20 },
};
#define VALUE_COUNT (N_ELEMENTS(values))

static struct str value_of(unsigned index, struct pool *pool)
{
	struct buf text;

	buf_init_pool(&text, pool, FIELD_VALUE_MAX + 1);
	buf_puts(&text, "");
	for (unsigned i = 0; i < values[index].times; i++)
		buf_puts(&text, values[index].text);
	return buf_is_ok(&text) ? buf_str(&text) : STR_NULL;
}

static const struct {
	const char *what, *text;
} json_values[] = {
	{ "an empty array", "[]" },
	{ "an empty object", "{}" },
	{ "a deep array", "[[[[[[[[[[[[[[[\"x\"]]]]]]]]]]]]]]]" },
	{ "objects", "[{\"a\":1},{\"a\":{\"b\":[null,true,-1.5e300]}}]" },
	{ "escapes", "[\"\\\"\\\\\\u0001\xf0\x9f\x98\x80\",\"\"]" },
};
#define JSON_COUNT (N_ELEMENTS(json_values))

/* ---- words -------------------------------------------------------------- */

void hostile_add_word(struct hostile_words *words, struct str word)
{
	if (!word.len || word.len > FIELD_NAME_MAX ||
	    words->count == HOSTILE_WORDS_MAX)
		return;
	for (unsigned i = 0; i < words->count; i++)
		if (str_eq(words->v[i], word))
			return;
	words->v[words->count++] = word;
}

/* ---- the parts of a request --------------------------------------------- */

static void know_user(struct sample *s, struct str text)
{
	sample_info(s, STR("user.id"), STR("42"));
	sample_info(s, STR("user.email"), STR("old@partner.example"));
	sample_info(s, STR("user.name"), text);
	sample_info(s, STR("user.external_id"), text);
	sample_info(s, STR("redirect_url"),
		    STR("https://desk.example/dashboard"));
}

static void add_user(struct sample *s, enum sample_part part)
{
	sample_add(s, part, STR("email"), STR("ann@partner.example"));
	sample_add(s, part, STR("name"), STR("Ann"));
}

/* As many of the words as a body has room for. */
static void add_words(struct sample *s, const struct hostile_words *words,
		      enum sample_part part, struct str value)
{
	size_t total = 0;

	for (unsigned i = 0; i < words->count; i++) {
		total += value.len + words->v[i].len + 2;
		if (total > HOSTILE_BODY_MAX)
			return;
		sample_add(s, part, words->v[i], value);
	}
}

/* `count` with names of `len` octets, each another. */
static void add_many(struct sample *s, enum sample_part part, unsigned count,
		     size_t len, struct str value)
{
	char name[FIELD_NAME_MAX + 1];

	memset(name, 'n', sizeof(name));
	name[len] = '\0';
	for (unsigned i = 0; i < count; i++) {
		for (unsigned k = 0, n = i; k < 4; k++, n /= 10)
			name[1 + k] = (char)('0' + n % 10);
		sample_add(s, part, (struct str){ name, len }, value);
	}
}

/* ---- single requests ---------------------------------------------------- */

static void make_nothing(struct sample *s)
{
	(void)s;
}

static void make_user(struct sample *s)
{
	add_user(s, SAMPLE_FIELD);
}

static void make_empty_user(struct sample *s)
{
	sample_add(s, SAMPLE_FIELD, STR("email"), STR(""));
	sample_add(s, SAMPLE_FIELD, STR("name"), STR(""));
}

static void make_email_only(struct sample *s)
{
	sample_add(s, SAMPLE_FIELD, STR("email"), STR("ann@partner.example"));
}

static void make_name_only(struct sample *s)
{
	sample_add(s, SAMPLE_FIELD, STR("name"), STR("Ann"));
}

static void make_signed(struct sample *s)
{
	add_user(s, SAMPLE_CLAIM);
}

static void make_signed_nothing(struct sample *s)
{
	sample_sign(s);
}

static void make_known(struct sample *s)
{
	add_user(s, SAMPLE_FIELD);
	know_user(s, STR("Ann"));
}

static void make_full(struct sample *s)
{
	add_many(s, SAMPLE_FIELD, FIELDS_MAX, 40, STR("v"));
	add_many(s, SAMPLE_ATTRIBUTE, USHER_FIELDS_MAX, 40, STR("v"));
}

static void make_long_names(struct sample *s)
{
	add_many(s, SAMPLE_FIELD, 100, FIELD_NAME_MAX, STR("v"));
	add_many(s, SAMPLE_ATTRIBUTE, 100, USHER_NAME_MAX, STR("v"));
}

static void make_full_signed(struct sample *s)
{
	add_many(s, SAMPLE_CLAIM, FIELDS_MAX, 12, STR("v"));
}

static void make_large(struct sample *s)
{
	static char value[FIELD_VALUE_MAX];

	memset(value, 'v', sizeof(value));
	add_user(s, SAMPLE_FIELD);
	add_many(s, SAMPLE_FIELD, 1, FIELD_NAME_MAX,
		 (struct str){ value, sizeof(value) });
	add_many(s, SAMPLE_ATTRIBUTE, 2, USHER_NAME_MAX,
		 (struct str){ value, sizeof(value) });
}

static void make_odd_names(struct sample *s)
{
	static const char *const names[] = {
		"a b", "\xc3\xa9mail", "a.b[0]", "__proto__", "-", "1", "=",
		"\xe2\x80\xaename", "\xf0\x9f\x98\x80", "EMAIL", "Email",
		"email ", "user.id", "\"", "\\", "%s",
	};

	add_user(s, SAMPLE_FIELD);
	for (size_t i = 0; i < N_ELEMENTS(names); i++) {
		sample_add(s, SAMPLE_FIELD, str_from(names[i]), STR("v"));
		sample_add(s, SAMPLE_ATTRIBUTE, str_from(names[i]), STR("v"));
	}
}

static void make_late(struct sample *s)
{
	add_user(s, SAMPLE_FIELD);
	s->call.spent_ms = 49;
}

static void make_too_late(struct sample *s)
{
	add_user(s, SAMPLE_FIELD);
	s->call.spent_ms = 5000;
}

static const struct {
	const char *name;
	void (*make)(struct sample *s);
} singles[] = {
	{ "nothing at all", make_nothing },
	{ "an e-mail address and a name", make_user },
	{ "the same again", make_user },
	{ "both empty", make_empty_user },
	{ "no e-mail address", make_name_only },
	{ "no name", make_email_only },
	{ "a signed user", make_signed },
	{ "a signed request with nothing in it", make_signed_nothing },
	{ "a user who is known", make_known },
	{ "256 fields and 256 attributes", make_full },
	{ "256 signed fields", make_full_signed },
	{ "names at their limit", make_long_names },
	{ "values at their limit", make_large },
	{ "odd names", make_odd_names },
	{ "a deadline that is nearly over", make_late },
	{ "a deadline that is over", make_too_late },
};
#define SINGLE_COUNT (N_ELEMENTS(singles))

/* ---- the order of them all ---------------------------------------------- */

enum mode {
	MODE_FIELDS,		/* in every field that it may ask for */
	MODE_CLAIMS,		/* the same, signed, of a known user */
	MODE_ATTRIBUTES,	/* stored before */
	MODES
};

static enum err make_group(const struct hostile_words *words, unsigned value,
			   enum mode mode, struct sample *s,
			   char name[HOSTILE_NAME_MAX])
{
	static const char *const where[] = { "every field", "every claim",
					     "every attribute" };
	static const enum sample_part parts[] = {
		SAMPLE_FIELD,
		SAMPLE_CLAIM,
		SAMPLE_ATTRIBUTE,
	};
	struct str text = value_of(value, s->pool);

	if (str_is_null(text))
		return ERR_NOMEM;
	snprintf(name, HOSTILE_NAME_MAX, "%s in %s", values[value].what,
		 where[mode]);
	if (mode != MODE_FIELDS)
		know_user(s, text);
	if (mode == MODE_ATTRIBUTES)
		add_user(s, SAMPLE_FIELD);
	add_words(s, words, parts[mode], text);
	return ERR_OK;
}

/* What it compares with is among its constants: one of them everywhere. */
static void make_constant(const struct hostile_words *words, unsigned index,
			  struct sample *s, char name[HOSTILE_NAME_MAX])
{
	snprintf(name, HOSTILE_NAME_MAX, "\"%.*s\" in every field",
		 STR_ARG(words->v[index]));
	add_words(s, words, SAMPLE_FIELD, words->v[index]);
}

/* One word has the value, and all else is as it should be. */
static enum err make_alone(const struct hostile_words *words, unsigned index,
			   struct sample *s, char name[HOSTILE_NAME_MAX])
{
	unsigned value = index % VALUE_COUNT, word = index / VALUE_COUNT;
	struct str text = value_of(value, s->pool);

	if (str_is_null(text))
		return ERR_NOMEM;
	snprintf(name, HOSTILE_NAME_MAX, "%s in the field %.*s",
		 values[value].what, STR_ARG(words->v[word]));
	add_user(s, SAMPLE_FIELD);
	sample_add(s, SAMPLE_FIELD, words->v[word], text);
	return ERR_OK;
}

static void make_json(const struct hostile_words *words, unsigned index,
		      struct sample *s, char name[HOSTILE_NAME_MAX])
{
	snprintf(name, HOSTILE_NAME_MAX, "JSON, %s", json_values[index].what);
	add_user(s, SAMPLE_FIELD);
	for (unsigned i = 0; i < words->json_count; i++)
		sample_add(s, SAMPLE_JSON, words->json[i],
			   str_from(json_values[index].text));
}

static enum err make_deliver(const struct hostile_words *words, unsigned value,
			     struct sample *s, char name[HOSTILE_NAME_MAX])
{
	struct str text = value_of(value, s->pool);

	if (str_is_null(text))
		return ERR_NOMEM;
	snprintf(name, HOSTILE_NAME_MAX, "deliver, with %s stored",
		 values[value].what);
	s->is_deliver = true;
	know_user(s, text);
	add_words(s, words, SAMPLE_ATTRIBUTE, text);
	return ERR_OK;
}

/* Which kind the index falls into, and the how manieth of its kind it is. */
static bool is_among(unsigned *index, size_t count)
{
	if (*index < count)
		return true;
	*index -= (unsigned)count;
	return false;
}

static int made(enum err err, struct sample *s)
{
	if (!err)
		return 1;
	sample_done(s);
	return -1;
}

int hostile_make(const struct hostile_words *words, unsigned index,
		 bool has_deliver, struct sample *s,
		 char name[HOSTILE_NAME_MAX])
{
	if (sample_init(s))
		return -1;
	if (is_among(&index, SINGLE_COUNT)) {
		snprintf(name, HOSTILE_NAME_MAX, "%s", singles[index].name);
		singles[index].make(s);
		return 1;
	}
	if (is_among(&index, VALUE_COUNT * MODES))
		return made(make_group(words, index / MODES, index % MODES, s,
				       name), s);
	if (is_among(&index, words->json_count ? JSON_COUNT : 0)) {
		make_json(words, index, s, name);
		return 1;
	}
	if (is_among(&index, has_deliver ? VALUE_COUNT : 0))
		return made(make_deliver(words, index, s, name), s);
	if (is_among(&index, words->count)) {
		make_constant(words, index, s, name);
		return 1;
	}
	if (is_among(&index, words->count * VALUE_COUNT))
		return made(make_alone(words, index, s, name), s);
	sample_done(s);
	return 0;
}

/* ---- from one user to another ------------------------------------------- */

enum err hostile_mark(const struct hostile_words *words, struct sample *s)
{
	enum err err = sample_init(s);

	if (err)
		return err;
	sample_add(s, SAMPLE_FIELD, STR("email"),
		   STR(HOSTILE_MARK "@partner.example"));
	sample_add(s, SAMPLE_FIELD, STR("name"), STR(HOSTILE_MARK));
	know_user(s, STR(HOSTILE_MARK));
	for (unsigned i = 0; i < words->count; i++) {
		if (!fields_get(&s->fields, words->v[i]))
			sample_add(s, SAMPLE_FIELD, words->v[i],
				   STR(HOSTILE_MARK));
		sample_add(s, SAMPLE_ATTRIBUTE, words->v[i], STR(HOSTILE_MARK));
	}
	return ERR_OK;
}

int hostile_other(const struct hostile_words *words, unsigned index,
		  struct sample *s)
{
	if (index > words->count)
		return 0;
	if (sample_init(s))
		return -1;
	/* Behind a constant there may be more that it does. */
	if (index)
		add_words(s, words, SAMPLE_FIELD, words->v[index - 1]);
	sample_add(s, SAMPLE_FIELD, STR("email"), STR("bob@partner.example"));
	sample_add(s, SAMPLE_FIELD, STR("name"), STR("Bob"));
	sample_info(s, STR("user.id"), STR("43"));
	sample_info(s, STR("user.email"), STR("bob@partner.example"));
	sample_info(s, STR("user.name"), STR("Bob"));
	return 1;
}

static bool is_marked(struct str s)
{
	return !str_is_null(s) && str_icontains(s, STR(HOSTILE_MARK));
}

const char *hostile_find_mark(const struct adapter_call *call)
{
	for (unsigned i = 0; i < call->change_count; i++)
		if (is_marked(call->changes[i].value))
			return "an attribute";
	for (unsigned i = 0; i < call->event_count; i++)
		if (is_marked(call->events[i].json))
			return "an event";
	for (unsigned i = 0; i < call->post_field_count; i++)
		if (is_marked(call->post_fields[i].text))
			return "a posted field";
	for (unsigned i = 0; i < call->error_count; i++)
		if (is_marked(call->errors[i].text))
			return "an error's text";
	if (is_marked(call->email) || is_marked(call->name))
		return "the e-mail address or the name";
	if (is_marked(call->redirect) || is_marked(call->post_url))
		return "the redirect";
	return is_marked(call->deny_reason) ? "the reason of a refusal" : NULL;
}
