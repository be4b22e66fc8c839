#include "config/text.h"

#include "base/num.h"
#include "codec/utf8.h"
#include "config/correct.h"
#include "config/grammar.h"

#define SWITCH_REMEDY "write true or false, without quotation marks"
#define RUN_ON_AGE 4	/* tokens; what does not fit later has other reasons */
#define QUOTE_REMEDY "put text in straight double quotation marks: \"...\""

struct scanner {
	struct str text;
	size_t at;
	unsigned line, last_line;	/* here; of the last token */
	unsigned settings;
	struct grammar grammar;
	bool has_misfit;	/* told: what follows means nothing */
	/* brackets that are open, counted even past a misfit */
	unsigned depth;
	char outermost, innermost;
	/* where the last text began that goes over a line end, 0: none did, and
	 * the tokens since */
	unsigned run_on, run_on_age;
	/* the tokens before this one, for `slug = "..."` */
	bool after_slug, after_slug_equals, after_gateway;
	bool is_in_gateway;	/* since its '=' */
	/* likewise, for `state = "..."`: where it goes; NULL: nowhere */
	struct str *after_place, *after_place_equals;
	struct text_scan *out;
};

static void fault_add(struct scanner *s, unsigned line, struct str token,
		      const char *problem, const char *remedy)
{
	struct text_scan *out = s->out;

	if (out->fault_count < TEXT_FAULTS_MAX)
		out->faults[out->fault_count++] = (struct text_fault){
			.line = line, .problem = problem, .remedy = remedy,
			.token = token };
}

/* Two of a group: libconfig would refuse the second by its line alone. */
static void check_twice(struct scanner *s, struct str name, unsigned line)
{
	struct text_scan *out = s->out;
	struct text_names *n = &out->names;

	for (unsigned i = n->begin[s->grammar.depth]; i < n->count; i++) {
		if (!str_eq(n->v[i].name, name))
			continue;
		fault_add(s, line, name, "is given twice",
			  "keep one of the two");
		if (out->fault_count)
			out->faults[out->fault_count - 1].first_line =
				n->v[i].line;
		return;
	}
	if (n->count <= TEXT_SETTINGS_MAX) {
		n->v[n->count].name = name;
		n->v[n->count++].line = line;
	}
}

/* What the grammar took: keep the names of open groups, and no others. */
static void follow(struct scanner *s, enum token kind, unsigned line,
		   struct str token)
{
	struct text_names *n = &s->out->names;
	unsigned depth = s->grammar.depth;

	if (kind == TOKEN_NAME)
		check_twice(s, token, line);
	else if (kind == TOKEN_OPEN)
		n->begin[depth] = n->count;
	else if (kind == TOKEN_CLOSE)
		n->count = n->begin[depth + 1];
}

static void feed(struct scanner *s, enum token kind, unsigned line,
		 struct str token)
{
	struct misfit misfit;
	char bracket = token.len ? token.ptr[0] : '\0';

	s->last_line = line;
	s->run_on_age++;
	if (s->has_misfit)
		return;
	if (grammar_feed(&s->grammar, kind, bracket, line, &misfit)) {
		follow(s, kind, line, token);
		return;
	}
	s->has_misfit = true;
	/* It does not fit because it stood in quotation marks, or should. */
	if (s->run_on && s->run_on_age <= RUN_ON_AGE) {
		fault_add(s, s->run_on, STR_NULL,
			  "a text begins here and goes over the line's end",
			  "close it with a quotation mark");
		return;
	}
	if (kind == TOKEN_NAME && s->grammar.state == GRAMMAR_VALUE &&
	    correct_switch(token) >= 0)
		misfit.remedy = SWITCH_REMEDY;
	fault_add(s, misfit.line ? misfit.line : line,
		  misfit.line ? STR_NULL : token, misfit.problem,
		  misfit.remedy);
}

static char peek(const struct scanner *s, size_t ahead)
{
	return s->at + ahead < s->text.len ? s->text.ptr[s->at + ahead] : '\0';
}

static bool is_name_char(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' ||
		c == '_' || c == '*';
}

static void skip_line(struct scanner *s)
{
	while (s->at < s->text.len && s->text.ptr[s->at] != '\n')
		s->at++;
}

static void skip_block(struct scanner *s)
{
	unsigned start = s->line;

	for (s->at += 2; s->at < s->text.len; s->at++) {
		if (peek(s, 0) == '*' && peek(s, 1) == '/') {
			s->at += 2;
			return;
		}
		if (peek(s, 0) == '\n')
			s->line++;
	}
	s->has_misfit = true;
	fault_add(s, start, STR_NULL, "a comment begins here and never ends",
		  "close it with */");
}

/* In a tenant group, or in one of a list of them. */
static bool is_in_tenant(const struct scanner *s)
{
	return s->innermost == '{' &&
		(s->depth == 1 || (s->depth == 2 && s->outermost == '('));
}

/* libconfig would end the text there and say nothing. */
static void check_escape(struct scanner *s)
{
	if (ascii_lower(peek(s, 1)) == 'x' && peek(s, 2) == '0' &&
	    peek(s, 3) == '0')
		fault_add(s, s->line, STR_NULL, "a text holds a NUL",
			  "leave out the \\x00");
}

static void slug_add(struct scanner *s, struct str slug, unsigned line)
{
	struct text_scan *out = s->out;

	if (is_in_tenant(s) && out->slug_count < TEXT_SLUGS_MAX)
		out->slugs[out->slug_count++] =
			(struct text_slug){ slug, line };
}

static void scan_string(struct scanner *s, bool is_slug, struct str *place)
{
	unsigned start = s->line;
	size_t from = ++s->at;
	bool is_plain = true;

	for (; s->at < s->text.len && peek(s, 0) != '"'; s->at++) {
		if (peek(s, 0) == '\\') {
			is_plain = false;
			check_escape(s);
			/* An escaped quote does not end the string. */
			if (s->at + 1 < s->text.len)
				s->at++;
		}
		if (peek(s, 0) == '\n') {
			is_plain = false;
			s->line++;
		}
	}
	if (s->at >= s->text.len) {
		/* Past a misfit it may have been the end of another. */
		if (!s->has_misfit)
			fault_add(s, start, STR_NULL,
				  "a text begins here and never ends",
				  "close it with a quotation mark");
		s->has_misfit = true;
		return;
	}
	if (place && is_plain && str_is_null(*place))
		*place = (struct str){ s->text.ptr + from, s->at - from };
	if (is_slug && is_plain)
		slug_add(s, (struct str){ s->text.ptr + from, s->at - from },
			 start);
	s->at++;
	if (s->line != start) {
		s->run_on = start;
		s->run_on_age = 0;
	}
	/* Not shown: it may be long, or a secret. */
	feed(s, TOKEN_TEXT, start, STR("\"...\""));
}

static void scan_number(struct scanner *s)
{
	const char *remedy = "write a whole decimal number";
	struct str token = { s->text.ptr + s->at, 0 };
	int64_t value;
	enum err err;

	while (s->at < s->text.len &&
	       (is_name_char(peek(s, 0)) || strchr("+.", peek(s, 0))))
		s->at++, token.len++;
	feed(s, TOKEN_NUMBER, s->line, token);
	err = num_i64(token, INT32_MIN, INT32_MAX, &value);
	if (err == ERR_OK)
		return;
	if (err == ERR_RANGE) {
		fault_add(s, s->line, token, "is a number too large",
			  "numbers go from -2147483648 to 2147483647");
		return;
	}
	if (str_find(token, '.') >= 0)
		remedy = "write a whole number, or the text in quotes";
	else if (token.len > 1 && ascii_lower(token.ptr[token.len - 1]) == 'l')
		remedy = "leave the L out";
	else if (token.ptr[0] == '0')
		remedy = "write it in decimal, without leading zeros";
	fault_add(s, s->line, token, "is not a number that can be used here",
		  remedy);
}

static void scan_name(struct scanner *s)
{
	struct str name = { s->text.ptr + s->at, 0 };

	while (s->at < s->text.len && is_name_char(peek(s, 0)))
		s->at++, name.len++;
	s->after_slug = str_eq(name, STR("slug"));
	s->after_gateway = !s->depth && str_eq(name, STR("gateway"));
	if (!s->depth)
		s->is_in_gateway = false;
	/* at any depth, as a bracket may be what is missing: nothing else in
	 * there has these names */
	if (s->is_in_gateway)
		s->after_place = str_eq(name, STR("state")) ? &s->out->state :
			str_eq(name, STR("admin")) ? &s->out->admin : NULL;
	feed(s, str_ieq(name, STR("true")) || str_ieq(name, STR("false")) ?
	     TOKEN_BOOL : TOKEN_NAME, s->line, name);
}

static void count_setting(struct scanner *s)
{
	if (++s->settings == TEXT_SETTINGS_MAX + 1)
		fault_add(s, s->line, STR_NULL, "has too many settings",
			  "spread the tenants over several files");
}

/* Octets of the UTF-8 character here; the text was checked. */
static size_t char_length(const struct scanner *s)
{
	size_t at = s->at;

	(void)utf8_next(s->text, &at);
	return at - s->at;
}

static void scan_sign(struct scanner *s, char c)
{
	struct str token = { s->text.ptr + s->at, char_length(s) };

	s->at += token.len;
	switch (c) {
	case '{': case '(': case '[':
		if (!s->depth++)
			s->outermost = c;
		s->innermost = c;
		feed(s, TOKEN_OPEN, s->line, token);
		break;
	case '}': case ')': case ']':
		/* Near enough: what stands behind an inner group is rarely a
		 * slug, and then one of the group around it. */
		if (s->depth)
			s->depth--;
		s->innermost = '{';
		feed(s, TOKEN_CLOSE, s->line, token);
		break;
	case '=': case ':':
		count_setting(s);
		feed(s, TOKEN_EQUALS, s->line, token);
		break;
	case ';':
		feed(s, TOKEN_SEMICOLON, s->line, token);
		break;
	case ',':
		feed(s, TOKEN_COMMA, s->line, token);
		break;
	case '@':
		s->has_misfit = true;
		fault_add(s, s->line, STR_NULL, "@include is not supported",
			  "put the settings here, or into a *.conf file of "
			  "their own: each one in the directory is read");
		skip_line(s);
		break;
	default:
		if (!s->has_misfit)
			fault_add(s, s->line, token, "cannot stand here",
				  QUOTE_REMEDY);
		s->has_misfit = true;
	}
}

/* Another language's quotation marks: as far as the line goes. Only a switch is
 * repeated, for a text may be a secret. */
static void scan_single(struct scanner *s)
{
	size_t from = s->at++;
	struct str word = { s->text.ptr + s->at, 0 };
	bool is_switch;

	while (s->at < s->text.len && !strchr("'\n", peek(s, 0)))
		s->at++, word.len++;
	if (peek(s, 0) == '\'')
		s->at++;
	is_switch = correct_switch(word) >= 0;
	if (!s->has_misfit)
		fault_add(s, s->line, is_switch ?
			  (struct str){ s->text.ptr + from, s->at - from } :
			  STR_NULL, is_switch ? "cannot stand here" :
			  "a text stands in single quotation marks",
			  is_switch ? SWITCH_REMEDY : QUOTE_REMEDY);
	s->has_misfit = true;
}

static void scan_token(struct scanner *s, char c)
{
	bool was_slug = s->after_slug, is_equals = c == '=' || c == ':';
	bool is_slug = s->after_slug_equals;
	struct str *place = s->after_place_equals;

	if (s->after_gateway && is_equals)
		s->out->has_gateway = s->is_in_gateway = true;
	s->after_slug_equals = was_slug && is_equals;
	s->after_place_equals = is_equals ? s->after_place : NULL;
	s->after_slug = s->after_gateway = false;
	s->after_place = NULL;
	if (c == '"')
		scan_string(s, is_slug, place);
	else if (c == '\'')
		scan_single(s);
	else if (ascii_is_digit(c) || strchr("+-.", c))
		scan_number(s);
	else if (ascii_is_alpha(c) || c == '*')
		scan_name(s);
	else
		scan_sign(s, c);
}

/* What no part of a configuration may hold, comments included. */
static bool check_bytes(struct scanner *s)
{
	size_t i, at, bad = 0;
	const char *problem = NULL, *remedy = NULL;

	if (str_has_prefix(s->text, STR("\xef\xbb\xbf"))) {
		fault_add(s, 1, STR_NULL, "begins with a byte order mark",
			  "save the file as UTF-8 without one");
		return false;
	}
	for (at = 0; !problem;) {
		int32_t c;

		bad = at;
		c = utf8_next(s->text, &at);
		if (c == -2)
			return true;
		if (c == -1) {
			problem = "is not UTF-8";
			remedy = "save the file as UTF-8";
		} else if (unicode_is_control(c) && c != '\t' && c != '\n' &&
			   c != '\r') {
			problem = "holds a control character";
			remedy = "remove it; is this a text file?";
		}
	}
	for (i = 0; i < bad; i++)
		s->line += s->text.ptr[i] == '\n';
	fault_add(s, s->line, STR_NULL, problem, remedy);
	return false;
}

void text_scan(struct str text, struct text_scan *out)
{
	struct scanner s = { .text = text, .line = 1, .out = out };
	char c;

	out->fault_count = out->slug_count = out->names.count = 0;
	out->names.begin[0] = 0;
	out->has_gateway = false;
	out->state = out->admin = STR_NULL;
	if (!check_bytes(&s))
		return;
	while (s.at < text.len && out->fault_count < TEXT_FAULTS_MAX) {
		c = text.ptr[s.at];
		if (c == '\n') {
			s.line++;
			s.at++;
		} else if (c == ' ' || c == '\t' || c == '\r') {
			s.at++;
		} else if (c == '#' || (c == '/' && peek(&s, 1) == '/')) {
			skip_line(&s);
		} else if (c == '/' && peek(&s, 1) == '*') {
			skip_block(&s);
		} else {
			scan_token(&s, c);
		}
	}
	feed(&s, TOKEN_END, s.last_line, STR_NULL);
}
