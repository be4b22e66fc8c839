#include "unit/unit.h"

#include "codec/email.h"
#include "policy/remote.h"

#define POOL_MAX (64 * 1024)

/* Templates, and what each makes of the person below. */
static const struct {
	const char *template, *user;
} good[] = {
	{ "{slug}:{email}", "acme:ann@example.com" },
	{ "{slug}-{id}", "acme-14" },
	{ "{slug}/{id}", "acme/14" },
	{ "u.{id}", "u.14" },
	{ "user_{id}", "user_14" },
	{ "X|{id}", "X|14" },
	{ "{slug}:{id}", "acme:14" },
	{ "{slug}:{external_id}", "acme:A 7" },
	{ "ext:{external_id}", "ext:A 7" },
	{ "t-{slug}:{email}", "t-acme:ann@example.com" },
	{ "t:{email}:{slug}", "t:ann@example.com:acme" },
	{ "a.b/{slug}-x:{email}.9", "a.b/acme-x:ann@example.com.9" },
	{ "{slug}-{id}-b", "acme-14-b" },
};

/* Those that may become a number, an address, or somebody else's name. */
static const struct {
	const char *template, *why;
} bad[] = {
	{ "{id}", "begins with {id}" },
	{ "{id}:{slug}", "begins with {id}" },
	{ "{id}-user", "begins with {id}" },
	{ "0{id}", "neither a letter" },
	{ "-{id}", "neither a letter" },
	{ "+{id}", "neither a letter" },
	{ ".{id}", "neither a letter" },
	{ " {id}", "neither a letter" },
	{ "0x-{id}", "neither a letter" },
	{ ":{email}", "neither a letter" },
	{ "{email}", "begins with {email}" },
	{ "{email}:{slug}", "begins with {email}" },
	{ "{email}{slug}", "begins with {email}" },
	{ "x{email}", "right before {email}" },
	{ "{slug}-{email}", "right before {email}" },
	/* these may stand in an address */
	{ "{slug}/{email}", "right before {email}" },
	{ "{slug}|{email}", "right before {email}" },
	{ "{slug}.{email}", "right before {email}" },
	{ "{slug}{email}", "right before {email}" },
	{ "{slug}:x{email}", "right before {email}" },
	{ "{external_id}", "begins with {external_id}" },
	{ "{slug}-{external_id}", "right before {email} or {external_id}" },
	{ "u{id}", "right before {id}" },
	{ "{slug}{id}", "right before {id}" },
	{ "{slug}:1{id}", "right before {id}" },
	{ "{slug}", "all users would be one" },
	{ "everybody", "all users would be one" },
	{ "a:{email}:{id}", "more than one" },
	{ "a:{id}-{id}", "more than one" },
	{ "{slug}-{slug}-{id}", "{slug} twice" },
	{ "a:{email}{slug}", "without ':'" },
	{ "a:{email}-{slug}", "without ':'" },
	{ "u-{id}@{slug}.example", "'@'" },
	{ "a@b:{email}", "'@'" },
	{ "{slug}: {email}", "something else" },
	{ "{slug} <{email}>", "something else" },
	{ "a\\{id}", "something else" },
	{ "a\"b-{id}", "something else" },
	{ "a:{email};", "something else" },
	{ "a,b-{id}", "something else" },
	{ "(a):{email}", "neither a letter" },
	{ "a%41-{id}", "something else" },
	{ "\xc3\xa4-{id}", "neither a letter" },
	{ "a\xc3\xa4-{id}", "something else" },
	{ "a\n-{id}", "something else" },
	{ "a:{mail}", "'{'" },
	{ "a:{Email}", "'{'" },
	{ "a:{email", "'{'" },
	{ "a:{", "'{'" },
	{ "a:{}", "'{'" },
	{ "a}-{id}", "something else" },
	{ "a:{{email}}", "'{'" },
};

static const struct remote_person person = {
	.slug = STR("acme"), .email = STR("Ann@EXAMPLE.com"), .id = 14,
	.external_id = STR("A 7"),
};

static struct remote_rule rule_of(const char *template)
{
	struct remote_rule rule = { .encoding = REMOTE_UTF8 };
	struct fault fault = { .detail = "" };
	enum err err = remote_parse(str_from(template), &rule, &fault);

	ck_assert_msg(!err, "%s: %s", template, fault.detail);
	return rule;
}

START_TEST(a_template_makes_a_name)
{
	struct pool *pool = pool_new(POOL_MAX);
	struct remote_rule rule = rule_of(good[_i].template);
	struct str user = STR_NULL;

	ck_assert_int_eq(remote_user(&rule, &person, pool, &user), ERR_OK);
	ck_str_is(user, good[_i].user);
	pool_free(pool);
}
END_TEST

START_TEST(what_a_desk_takes_for_its_own_is_refused)
{
	struct remote_rule rule = { .part_count = 77 };
	struct fault fault = { .detail = NULL };

	ck_assert_int_eq(remote_parse(str_from(bad[_i].template), &rule,
				      &fault), ERR_SYNTAX);
	ck_assert_uint_eq(rule.part_count, 77);
	ck_assert_ptr_nonnull(fault.detail);
	ck_assert_msg(strstr(fault.detail, bad[_i].why), "%s: %s",
		      bad[_i].template, fault.detail);
}
END_TEST

/*
 * All texts of up to four of these, whoever signs in: each is refused, or
 * becomes neither a number nor an address, not even with what stands behind
 * its last '@' cut off, and is told apart from another's.
 */
static const char *const tokens[] = {
	"", "{slug}", "{email}", "{id}", "{external_id}", "a", "1", ":", "-",
	"/", "|", ".", "_", "@", "+", " ",
};
#define TOKENS (sizeof(tokens) / sizeof(tokens[0]))

static bool is_number(struct str s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (!ascii_is_digit(s.ptr[i]))
			return false;
	return true;
}

static void hold(struct pool *pool, const struct remote_rule *rule,
		 const char *template)
{
	static const struct remote_person people[] = {
		{ STR("a"), STR("14@1.example"), 14, STR("14") },
		{ STR("a-1"), STR("a@b"), 4, STR("boss@desk.example") },
		{ STR("a"), STR("a/b@b"), 1, STR("1:a") },
		{ STR("a1"), STR("-@b"), 141, STR("a") },
	};
	struct str names[sizeof(people) / sizeof(people[0])];
	size_t i, j;

	for (i = 0; i < sizeof(people) / sizeof(people[0]); i++) {
		struct email email;
		struct str bare, rest;

		ck_assert(!remote_user(rule, &people[i], pool, &names[i]));
		bare = str_cut(names[i], '@', &rest);
		ck_assert_msg(!is_number(bare), "%s", template);
		ck_assert_msg(!ascii_is_digit(names[i].ptr[0]), "%s",
			      template);
		ck_assert_msg(email_parse(pool, names[i], &email), "%s",
			      template);
		for (j = 0; j < i; j++)
			ck_assert_msg(!str_eq(names[i], names[j]), "%s: %.*s",
				      template, STR_ARG(names[i]));
	}
}

START_TEST(no_template_slips_through)
{
	unsigned taken = 0;
	size_t n, all = TOKENS * TOKENS * TOKENS * TOKENS;

	for (n = 0; n < all; n++) {
		struct remote_rule rule = { .encoding = REMOTE_UTF8 };
		char text[64];
		struct pool *pool;

		snprintf(text, sizeof(text), "%s%s%s%s",
			 tokens[n / TOKENS / TOKENS / TOKENS],
			 tokens[n / TOKENS / TOKENS % TOKENS],
			 tokens[n / TOKENS % TOKENS], tokens[n % TOKENS]);
		if (remote_parse(str_from(text), &rule, NULL))
			continue;
		taken++;
		pool = pool_new(POOL_MAX);
		hold(pool, &rule, text);
		pool_free(pool);
	}
	ck_assert_uint_gt(taken, 100);
}
END_TEST

START_TEST(one_address_is_one_name)
{
	static const struct {
		struct str shown;
		const char *user;
	} cases[] = {
		{ STR("USER@example.COM"), "acme:user@example.com" },
		{ STR("\xc3\x84nn@b\xc3\xbc" "cher.example"),
		  "acme:\xc3\xa4nn@xn--bcher-kva.example" },
	};
	struct pool *pool = pool_new(POOL_MAX);
	struct remote_rule rule = rule_of("{slug}:{email}");
	struct remote_person who = person;
	struct str user;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		who.email = cases[i].shown;
		ck_assert(!remote_user(&rule, &who, pool, &user));
		ck_str_is(user, cases[i].user);
	}
	pool_free(pool);
}
END_TEST

START_TEST(who_cannot_be_named_is_not)
{
	static const struct {
		struct str external_id;
		enum err err;
	} cases[] = {
		{ STR_NULL, ERR_NOT_FOUND }, { STR(""), ERR_NOT_FOUND },
		{ STR("a\r\nb"), ERR_CONTROL }, { STR("a\0b"), ERR_CONTROL },
		{ STR("a\xc2\x85"), ERR_CONTROL }, { STR("\xff"), ERR_UTF8 },
		{ STR("a "), ERR_SYNTAX }, { STR("\xe3\x80\x80" "a"),
					     ERR_SYNTAX },
	};
	struct pool *pool = pool_new(POOL_MAX);
	struct remote_rule rule = rule_of("{slug}:{external_id}");
	struct remote_person who = person;
	struct str user = STR("untouched");
	char longest[REMOTE_VALUE_MAX];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		who.external_id = cases[i].external_id;
		ck_assert_int_eq(remote_user(&rule, &who, pool, &user),
				 cases[i].err);
	}
	memset(longest, 'x', sizeof(longest));
	who.external_id = (struct str){ longest, sizeof(longest) };
	ck_assert_int_eq(remote_user(&rule, &who, pool, &user), ERR_LIMIT);
	rule = rule_of("{slug}:{email}");
	who.email = STR("a\n@b");
	ck_assert_int_eq(remote_user(&rule, &who, pool, &user), ERR_CONTROL);
	ck_str_is(user, "untouched");
	pool_free(pool);
}
END_TEST

START_TEST(latin1_desks_are_told_in_ascii)
{
	struct pool *pool = pool_new(POOL_MAX);
	struct remote_rule rule = rule_of("{slug}:{external_id}");
	struct remote_person who = person;
	struct str text;

	rule.encoding = REMOTE_PERCENT;
	who.external_id = STR("50% \xc3\xa4~\xf0\x9f\x8e\xab");
	ck_assert(!remote_user(&rule, &who, pool, &text));
	ck_str_is(text, "acme:50%25 %C3%A4~%F0%9F%8E%AB");
	ck_assert(!remote_text(&rule, STR("Zo\xc3\xab D\"o"), pool, &text));
	ck_str_is(text, "Zo%C3%AB D\"o");
	ck_assert(!remote_text(&rule, STR(""), pool, &text));
	ck_str_is(text, "");
	pool_free(pool);
}
END_TEST

/* The longest of everything: it fits, or is cut where a character starts. */
START_TEST(values_are_bounded)
{
	static char ids[256 * 4], names[REMOTE_VALUE_MAX * 2];
	struct pool *pool = pool_new(POOL_MAX);
	struct remote_rule rule = rule_of("{slug}:{external_id}");
	struct remote_person who = person;
	struct str text;
	size_t i;

	for (i = 0; i + 2 <= 255; i += 2)
		memcpy(ids + i, "\xc3\xa4", 2);
	who.external_id = (struct str){ ids, i };
	rule.encoding = REMOTE_PERCENT;
	ck_assert(!remote_user(&rule, &who, pool, &text));
	ck_assert_uint_le(text.len, REMOTE_VALUE_MAX);
	for (i = 0; i + 4 <= sizeof(names); i += 4)
		memcpy(names + i, "\xf0\x9f\x8e\xab", 4);
	ck_assert(!remote_text(&rule, (struct str){ names, i }, pool, &text));
	ck_assert_uint_eq(text.len, REMOTE_VALUE_MAX / 12 * 12);
	ck_assert(str_eq((struct str){ text.ptr + text.len - 12, 12 },
			 STR("%F0%9F%8E%AB")));
	rule.encoding = REMOTE_UTF8;
	ck_assert(!remote_text(&rule, (struct str){ names, i }, pool, &text));
	ck_assert_uint_eq(text.len, REMOTE_VALUE_MAX / 4 * 4);
	ck_assert_int_eq(remote_text(&rule, STR("a\x7f"), pool, &text),
			 ERR_CONTROL);
	ck_assert_int_eq(remote_text(&rule, STR("a\xc3"), pool, &text),
			 ERR_UTF8);
	memset(names, 'a', sizeof(names));
	ck_assert_int_eq(remote_parse((struct str){ names,
						    REMOTE_TEMPLATE_MAX + 1 },
				      &rule, NULL), ERR_LIMIT);
	pool_free(pool);
}
END_TEST

static void remote_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, a_template_makes_a_name, 0,
			    sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(tcase, what_a_desk_takes_for_its_own_is_refused, 0,
			    sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tcase, no_template_slips_through);
	tcase_add_test(tcase, one_address_is_one_name);
	tcase_add_test(tcase, who_cannot_be_named_is_not);
	tcase_add_test(tcase, latin1_desks_are_told_in_ascii);
	tcase_add_test(tcase, values_are_bounded);
}

UNIT_MAIN("remote", remote_tests)
