/* libconfig's grammar, token by token: what fits, what is said of the rest. */
#include "config/grammar.h"

#include "unit/unit.h"

static struct grammar grammar;
static struct misfit why;

static void set_up(void)
{
	grammar = (struct grammar){ 0 };
	why = (struct misfit){ 0 };
}

/*
 * Tokens as letters: n a name, t a text, 1 a number, b true or false, $ the
 * end; '\n' begins the next line.  How many fit; all of them: strlen().
 */
static size_t feed(const char *tokens)
{
	unsigned line = 1;
	size_t i;

	for (i = 0; tokens[i]; i++) {
		static const char letters[] = "n=t1b;,";
		const char *at = strchr(letters, tokens[i]);
		enum token token = strchr("{([", tokens[i]) ? TOKEN_OPEN :
			strchr("})]", tokens[i]) ? TOKEN_CLOSE : TOKEN_END;

		if (tokens[i] == '\n') {
			line++;
			continue;
		}
		if (at)
			token = (enum token)(at - letters);
		if (!grammar_feed(&grammar, token, tokens[i], line, &why))
			break;
	}
	return i;
}

START_TEST(what_the_manual_allows_fits)
{
	static const char *const good[] = {
		"$", "n=1;$", "n=1$", "n=1,n=t$", "n=1n=b$", "n=ttt;$",
		"n={};$", "n={n=1;n=t}$", "n=();$", "n=(1,t,b,{n=1},[1],());$",
		"n=[];$", "n=[1,1,1];$", "n=[t,t,t];$", "n=[b,b];$",
		"n={n={n=(({n=1;}));};};n=1;$",
	};

	for (size_t i = 0; i < N_ELEMENTS(good); i++) {
		set_up();
		ck_assert_msg(feed(good[i]) == strlen(good[i]), "%s: %s",
			      good[i], why.problem);
	}
}
END_TEST

static const struct {
	const char *tokens;
	size_t fit;		/* tokens before the misfit */
	const char *problem;
} bad[] = {
	{ "1", 0, "where a setting's name" },
	{ "=", 0, "where a setting's name" },
	{ ";", 0, "behind no setting" },
	{ "n=1;;", 4, "behind no setting" },
	{ "n=1,,", 4, "behind no setting" },
	{ "n1", 1, "where '=' is expected" },
	{ "nn", 1, "where '=' is expected" },
	{ "n==", 2, "where a value" },
	{ "n=;", 2, "where a value" },
	{ "n=}", 2, "where a value" },
	{ "n=n", 2, "is not a value" },
	{ "n=11", 3, "does not belong behind a value" },
	{ "n=1t", 3, "does not belong behind a value" },
	{ "n=t1", 3, "does not belong behind a value" },
	{ "n={}{", 4, "does not belong behind a value" },
	{ "n=(1,)", 5, "a comma too many" },
	{ "n=[tt]", 4, "without a comma before it" },
	{ "n=(t,tt)", 6, "without a comma before it" },
	{ "n=[1,]", 5, "a comma too many" },
	{ "n=(,", 3, "where a value" },
	{ "n=(11", 4, "without a comma" },
	{ "n=(n", 3, "is not a value" },
	{ "n=(1;", 4, "without a comma" },
	{ "n=[1,t", 5, "mixes types" },
	{ "n=[t,b", 5, "mixes types" },
	{ "n=[b,1", 5, "mixes types" },
	{ "n=[{", 3, "cannot stand inside [ ]" },
	{ "n=[(", 3, "cannot stand inside [ ]" },
	{ "n=[[", 3, "cannot stand inside [ ]" },
	{ "}", 0, "closes nothing" },
	{ "n={})", 4, "closes nothing" },
	{ "n=1;]", 4, "closes nothing" },
	{ "n={)", 3, "does not match" },
	{ "n=(]", 3, "does not match" },
	{ "n=[}", 3, "does not match" },
	{ "n=({n=1)", 7, "does not match" },
	{ "n$", 1, "in the middle of a setting" },
	{ "n=$", 2, "in the middle of a setting" },
};

START_TEST(each_misfit_has_a_sentence_of_its_own)
{
	size_t fit = feed(bad[_i].tokens);

	ck_assert_msg(fit == bad[_i].fit, "%s: %zu", bad[_i].tokens, fit);
	ck_assert_ptr_nonnull(why.problem);
	ck_assert_msg(strstr(why.problem, bad[_i].problem) != NULL, "%s: %s",
		      bad[_i].tokens, why.problem);
	ck_assert_ptr_nonnull(why.remedy);
	ck_assert_uint_eq(why.line, 0);
}
END_TEST

/* Where it was opened helps, not where the file ends. */
START_TEST(a_bracket_left_open_is_told_with_its_own_line)
{
	ck_assert_uint_eq(feed("n=1;\nn={\nn=(\n1\n\n$"), 16);
	ck_assert_ptr_nonnull(strstr(why.problem, "never closed"));
	ck_assert_uint_eq(why.line, 3);
	set_up();
	ck_assert_uint_eq(feed("n={\nn=1;\n$"), 9);
	ck_assert_uint_eq(why.line, 1);
}
END_TEST

/* A group in a list in a group ..., `depth` brackets in all, and closed. */
static bool nest(unsigned depth)
{
	bool fits = feed("n=") == 2;

	for (unsigned i = 0; fits && i < depth; i++)
		fits = feed("(") == 1;
	for (unsigned i = 0; fits && i < depth; i++)
		fits = feed(")") == 1;
	return fits && feed(";$") == 2;
}

START_TEST(brackets_nest_up_to_a_depth)
{
	ck_assert(nest(GRAMMAR_DEPTH_MAX - 1));
	set_up();
	ck_assert(nest(GRAMMAR_DEPTH_MAX));
	set_up();
	ck_assert(!nest(GRAMMAR_DEPTH_MAX + 1));
	ck_assert_ptr_nonnull(strstr(why.problem, "too deeply"));
	/* what stands beside is not deeper */
	set_up();
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(feed("n=((((((((()))))))));"), 21);
}
END_TEST

START_TEST(a_group_has_a_limit_of_settings)
{
	for (int i = 0; i < GRAMMAR_NAMES_MAX - 1; i++)
		ck_assert_uint_eq(feed("n=1;"), 4);
	/* those of a group inside are its own */
	ck_assert_uint_eq(feed("n={"), 3);
	for (int i = 0; i < GRAMMAR_NAMES_MAX; i++)
		ck_assert_uint_eq(feed("n=1;"), 4);
	ck_assert_uint_eq(feed("n"), 0);
	ck_assert_ptr_nonnull(strstr(why.problem, "one setting too many"));
	/* one after the other without ';' counts, too */
	set_up();
	for (int i = 0; i < GRAMMAR_NAMES_MAX; i++)
		ck_assert_uint_eq(feed("n=1"), 3);
	ck_assert_uint_eq(feed("n"), 0);
	ck_assert_ptr_nonnull(strstr(why.problem, "one setting too many"));
}
END_TEST

/* The remedy's number is the constant's. */
START_TEST(remedies_name_the_limits)
{
	char number[16];

	ck_assert(!nest(GRAMMAR_DEPTH_MAX + 1));
	snprintf(number, sizeof(number), "%d", GRAMMAR_DEPTH_MAX);
	ck_assert_ptr_nonnull(strstr(why.remedy, number));
	set_up();
	for (int i = 0; i < GRAMMAR_NAMES_MAX; i++)
		feed("n=1;");
	feed("n");
	snprintf(number, sizeof(number), "%d", GRAMMAR_NAMES_MAX);
	ck_assert_ptr_nonnull(strstr(why.remedy, number));
}
END_TEST

static void grammar_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, what_the_manual_allows_fits);
	tcase_add_loop_test(tc, each_misfit_has_a_sentence_of_its_own, 0,
			    N_ELEMENTS(bad));
	tcase_add_test(tc, a_bracket_left_open_is_told_with_its_own_line);
	tcase_add_test(tc, brackets_nest_up_to_a_depth);
	tcase_add_test(tc, a_group_has_a_limit_of_settings);
	tcase_add_test(tc, remedies_name_the_limits);
}

UNIT_MAIN("grammar", grammar_tests)
