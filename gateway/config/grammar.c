#include "config/grammar.h"

static bool misfit(struct misfit *out, const char *problem, const char *remedy)
{
	*out = (struct misfit){ problem, remedy, 0 };
	return false;
}

/* '{' inside a group, '(' or '[' in a list or array; outside of all '{'. */
static char inside(const struct grammar *g)
{
	return g->depth ? g->levels[g->depth].bracket : '{';
}

static bool open_level(struct grammar *g, char bracket, unsigned line,
		       struct misfit *out)
{
	if (inside(g) == '[')
		return misfit(out, "cannot stand inside [ ]",
			      "use ( ) for a list of groups or lists");
	if (g->depth == GRAMMAR_DEPTH_MAX)
		return misfit(out, "is nested too deeply",
			      "use at most 12 levels");
	g->levels[++g->depth] = (struct grammar_level){ .bracket = bracket,
		.line = line, .kind = TOKEN_END };
	g->state = bracket == '{' ? GRAMMAR_NAME : GRAMMAR_FIRST;
	return true;
}

static bool close_level(struct grammar *g, char bracket, struct misfit *out)
{
	char opened = bracket == '}' ? '{' : bracket == ')' ? '(' : '[';

	if (!g->depth)
		return misfit(out, "closes nothing",
			      "leave it out, or look for one too many above");
	if (inside(g) != opened)
		return misfit(out, "does not match the bracket it closes",
			      "{ } enclose a group, ( ) a list, [ ] an array");
	g->depth--;
	g->state = GRAMMAR_AFTER;
	g->last = TOKEN_CLOSE;
	return true;
}

static bool feed_scalar(struct grammar *g, enum token token,
			struct misfit *out)
{
	struct grammar_level *level = &g->levels[g->depth];

	if (level->bracket == '[') {
		if (level->kind != TOKEN_END && level->kind != token)
			return misfit(out, "mixes types inside [ ]",
				      "an array holds only texts, only numbers "
				      "or only true/false; a list ( ) may mix");
		level->kind = token;
	}
	g->state = GRAMMAR_AFTER;
	g->last = token;
	return true;
}

static bool feed_value(struct grammar *g, enum token token, char bracket,
		       unsigned line, struct misfit *out)
{
	switch (token) {
	case TOKEN_TEXT:
	case TOKEN_NUMBER:
	case TOKEN_BOOL:
		return feed_scalar(g, token, out);
	case TOKEN_OPEN:
		return open_level(g, bracket, line, out);
	case TOKEN_NAME:
		return misfit(out, "is not a value",
			      "put text in quotation marks");
	case TOKEN_CLOSE:
		if (g->state == GRAMMAR_FIRST)
			return close_level(g, bracket, out);
		if (g->state == GRAMMAR_NEXT)
			return misfit(out, "has a comma too many",
				      "leave out the one before the bracket");
		/* fall through */
	default:
		return misfit(out, "stands where a value is expected",
			      "write a text in quotation marks, a number, "
			      "true, false, { ... }, ( ... ) or [ ... ]");
	}
}

static bool take_name(struct grammar *g, struct misfit *out)
{
	if (++g->levels[g->depth].names > GRAMMAR_NAMES_MAX)
		return misfit(out, "is one setting too many for one group",
			      "use at most 1024");
	g->state = GRAMMAR_EQUALS;
	return true;
}

static bool feed_name(struct grammar *g, enum token token, char bracket,
		      struct misfit *out)
{
	switch (token) {
	case TOKEN_NAME:
		return take_name(g, out);
	case TOKEN_CLOSE:
		return close_level(g, bracket, out);
	case TOKEN_SEMICOLON:
	case TOKEN_COMMA:
		return misfit(out, "stands behind no setting", "leave it out");
	default:
		return misfit(out, "stands where a setting's name is expected",
			      "write name = value;");
	}
}

static bool feed_after(struct grammar *g, enum token token, char bracket,
		       struct misfit *out)
{
	bool in_group = inside(g) == '{';

	/* Adjacent texts are one; between elements a comma is missing. */
	if (token == TOKEN_TEXT && g->last == TOKEN_TEXT && in_group)
		return true;
	if (token == TOKEN_CLOSE)
		return close_level(g, bracket, out);
	if (!in_group) {
		if (token != TOKEN_COMMA)
			return misfit(out, "comes without a comma before it",
				      "put a ',' between the elements, or "
				      "close the bracket");
		g->state = GRAMMAR_NEXT;
		return true;
	}
	if (token == TOKEN_NAME)
		return take_name(g, out);
	if (token != TOKEN_SEMICOLON && token != TOKEN_COMMA)
		return misfit(out, "does not belong behind a value",
			      "end the setting with ';'");
	g->state = GRAMMAR_NAME;
	return true;
}

static bool feed_end(struct grammar *g, struct misfit *out)
{
	if (g->state == GRAMMAR_EQUALS || g->state == GRAMMAR_VALUE)
		return misfit(out, "ends in the middle of a setting",
			      "write name = value;");
	if (!g->depth)
		return true;
	*out = (struct misfit){ "a bracket is opened here and never closed",
		"close it", g->levels[g->depth].line };
	return false;
}

bool grammar_feed(struct grammar *g, enum token token, char bracket,
		  unsigned line, struct misfit *misfit_r)
{
	if (token == TOKEN_END)
		return feed_end(g, misfit_r);
	switch (g->state) {
	case GRAMMAR_NAME:
		return feed_name(g, token, bracket, misfit_r);
	case GRAMMAR_EQUALS:
		if (token != TOKEN_EQUALS)
			return misfit(misfit_r, "stands where '=' is expected",
				      "write name = value;");
		g->state = GRAMMAR_VALUE;
		return true;
	case GRAMMAR_AFTER:
		return feed_after(g, token, bracket, misfit_r);
	default:
		return feed_value(g, token, bracket, line, misfit_r);
	}
}
