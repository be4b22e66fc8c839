#include "unit/unit.h"

#include "policy/validate.h"

#define OWN "https://ticket.yourcompany.com"
#define A10 "aaaaaaaaaa"
#define A50 A10 A10 A10 A10 A10
#define A250 A50 A50 A50 A50 A50
#define EE "\xc3\xa9"
#define E10 EE EE EE EE EE EE EE EE EE EE
#define E50 E10 E10 E10 E10 E10
#define E255 E50 E50 E50 E50 E50 EE EE EE EE EE
/* A full-width space, a zero-width one, no-break, a byte order mark. */
#define WHITE " \xe3\x80\x80\xe2\x80\x8b\xc2\xa0\xef\xbb\xbf "

/* One request on its way through validate(). */
struct request {
	struct pool *pool;
	struct url own;
	struct redirect_policy redirects;
	struct fields fields;
	struct invalid_list list;
	struct validated out;
};

static void setup(struct request *r)
{
	r->pool = pool_new(256 * 1024);
	ck_assert(!url_parse(r->pool, STR(OWN), &r->own, NULL));
	r->redirects = (struct redirect_policy){ .own = &r->own,
						 .own_count = 1 };
	fields_init(&r->fields, r->pool);
	invalid_list_init(&r->list, r->pool);
	r->out = (struct validated){ .name = STR("untouched") };
}

/* NULL: the field is not there. */
static void put(struct request *r, const char *name, const char *value)
{
	if (value)
		ck_assert(!fields_add(&r->fields, str_from(name),
				      str_from(value), FIELD_TEXT));
}

static enum err run(struct request *r)
{
	struct validation in = { &r->fields, &r->redirects, r->pool };

	return validate(&in, &r->list, &r->out);
}

static struct str errors_of(struct request *r)
{
	struct str all, prefix = STR("{\"message\":\"The given data was "
				     "invalid.\",\"code\":"
				     "\"validation_failed\",\"errors\":");
	struct buf out;

	buf_init_pool(&out, r->pool, 65536);
	validate_render(&out, &r->list, STR_NULL);
	ck_assert(buf_is_ok(&out));
	all = buf_str(&out);
	ck_assert(str_has_prefix(all, prefix));
	all.ptr += prefix.len;
	all.len -= prefix.len + 1;
	ck_assert_int_eq(all.ptr[all.len], '}');
	return all;
}

static const struct {
	const char *email, *name, *url;		/* as they come */
	const char *shown, *called, *to;	/* as they are stored */
} good[] = {
	{ "user@example.com", "John Doe", OWN "/tickets/create",
	  "user@example.com", "John Doe", OWN "/tickets/create" },
	{ "user@example.com", "John Doe", NULL,
	  "user@example.com", "John Doe", NULL },
	{ "user@example.com", "John Doe", "",
	  "user@example.com", "John Doe", NULL },
	{ "user@example.com", "John Doe", " ",
	  "user@example.com", "John Doe", NULL },
	/* The guide's own snippets send this for a user without a name. */
	{ "John.Doe@Example.com", "", NULL,
	  "John.Doe@Example.com", "John.Doe", NULL },
	{ "user@example.com", WHITE, NULL, "user@example.com", "user", NULL },
	{ WHITE "user@example.com" WHITE, WHITE "John  Doe" WHITE,
	  WHITE OWN "/x" WHITE, "user@example.com", "John  Doe", OWN "/x" },
	{ "a@b", "x", NULL, "a@b", "x", NULL },
	{ "user@example.com", E255, NULL, "user@example.com", E255, NULL },
	{ "smith&sons#39@example.com", "Smith &amp; Sons", NULL,
	  "smith&sons#39@example.com", "Smith &amp; Sons", NULL },
	{ "user@example.com", "Zo\xc3\xab \"<b>\" O'Neil", NULL,
	  "user@example.com", "Zo\xc3\xab \"<b>\" O'Neil", NULL },
	{ "user@example.com", "x", "HTTPS://TICKET.yourcompany.com:443/a/../b",
	  "user@example.com", "x", OWN "/b" },
};

START_TEST(good_values_are_kept_trimmed)
{
	struct request r;

	setup(&r);
	put(&r, "email", good[_i].email);
	put(&r, "name", good[_i].name);
	put(&r, "redirect_url", good[_i].url);
	ck_assert_int_eq(run(&r), 0);
	ck_assert_uint_eq(r.list.count, 0);
	ck_str_is(r.out.email.shown, good[_i].shown);
	ck_str_is(r.out.name, good[_i].called);
	ck_assert_int_eq(str_is_null(r.out.redirect_url), !good[_i].to);
	ck_str_is(r.out.redirect_url, good[_i].to);
	pool_free(r.pool);
}
END_TEST

#define REQUIRED_EMAIL "\"email\":[\"The email field is required.\"]"
#define REQUIRED_NAME "\"name\":[\"The name field is required.\"]"
#define BAD_EMAIL \
	"\"email\":[\"The email field must be a valid email address.\"]"
#define ESCAPED_EMAIL "\"email\":[\"The email field was escaped for HTML " \
	"before it was sent: it holds a character reference such as " \
	"\\u0026#039; or \\u0026amp;. The page has to send the address as it " \
	"is. In a script write it as JSON (json_encode(), @json), not with " \
	"{{ }} or htmlspecialchars(); in WordPress decode it first " \
	"(wp_specialchars_decode()).\"]"
#define LONG_EMAIL "\"email\":[\"The email field must not be greater than " \
	"254 characters.\"]"
#define LONG_NAME "\"name\":[\"The name field must not be greater than " \
	"255 characters.\"]"
#define TEXT_NAME "\"name\":[\"The name field must be a string.\"]"
#define LINE_EMAIL "\"email\":[\"The email field must not contain line " \
	"breaks or tabs.\"]"
#define LINE_URL "\"redirect_url\":[\"The redirect url field must not " \
	"contain line breaks or tabs.\"]"
#define BAD_URL "\"redirect_url\":[\"The redirect url field must be a valid " \
	"URL.\"]"
#define FOREIGN_URL "\"redirect_url\":[\"The redirect url field must lead " \
	"to an allowed place.\"]"
#define LONG_URL "\"redirect_url\":[\"The redirect url field must not be " \
	"greater than 2048 characters.\"]"

static const struct {
	const char *email, *name, *url, *errors;
} bad[] = {
	{ NULL, NULL, NULL, "{" REQUIRED_EMAIL "," REQUIRED_NAME "}" },
	{ "", "x", NULL, "{" REQUIRED_EMAIL "}" },
	{ "  ", "x", NULL, "{" REQUIRED_EMAIL "}" },
	{ WHITE, "x", NULL, "{" REQUIRED_EMAIL "}" },
	{ "", "", NULL, "{" REQUIRED_EMAIL "}" },
	{ "user@example.com", NULL, NULL, "{" REQUIRED_NAME "}" },
	{ "user", "x", NULL, "{" BAD_EMAIL "}" },
	{ "user", "", NULL, "{" BAD_EMAIL "}" },
	{ "a@evil@company.com", "x", NULL, "{" BAD_EMAIL "}" },
	{ "us er@example.com", "x", NULL, "{" BAD_EMAIL "}" },
	/* what another layer escaped, of whatever kind; a name may have it */
	{ "o&#039;brien@example.com", "x", NULL, "{" ESCAPED_EMAIL "}" },
	{ "o&#x27;brien@example.com", "x", NULL, "{" ESCAPED_EMAIL "}" },
	{ "smith&amp;sons@example.com", "", NULL, "{" ESCAPED_EMAIL "}" },
	{ "jos&eacute;@example.com", "x", NULL, "{" ESCAPED_EMAIL "}" },
	{ "&lt;user@example.com&gt;", "a &amp; b", NULL,
	  "{" ESCAPED_EMAIL "}" },
	{ A250 "&amp;@example.com", "x", NULL, "{" ESCAPED_EMAIL "}" },
	{ "user&@example.com;", "x", NULL, "{" BAD_EMAIL "}" },
	{ "user@example.com\nx", "x", NULL, "{" LINE_EMAIL "}" },
	{ "user@example\xff.com", "x", NULL, "{" BAD_EMAIL "}" },
	{ A50 A10 "aaaaa@example.com", "x", NULL, "{" BAD_EMAIL "}" },
	{ "a@" A250 ".com", "x", NULL, "{" LONG_EMAIL "}" },
	{ "user@example.com", A250 "aaaaaa", NULL, "{" LONG_NAME "}" },
	{ "user@example.com", E255 EE, NULL, "{" LONG_NAME "}" },
	{ "user@example.com", "a\x01" "b", NULL, "{" TEXT_NAME "}" },
	{ "user@example.com", "a\xff" "b", NULL, "{" TEXT_NAME "}" },
	{ "user@example.com", "x", "/dashboard", "{" BAD_URL "}" },
	{ "user@example.com", "x", "//evil.com/", "{" BAD_URL "}" },
	{ "user@example.com", "x", OWN "/a b", "{" BAD_URL "}" },
	{ "user@example.com", "x", OWN "/%0d%0a", "{" BAD_URL "}" },
	{ "user@example.com", "x", OWN "/\na", "{" LINE_URL "}" },
	{ "user@example.com", "x", "https://evil.com/", "{" FOREIGN_URL "}" },
	{ "user@example.com", "x", OWN "/auth/logout", "{" FOREIGN_URL "}" },
	{ "user@example.com", "x", "javascript:alert(1)",
	  "{" FOREIGN_URL "}" },
	{ "user@example.com", "x",
	  OWN "/" A250 A250 A250 A250 A250 A250 A250 A250 A50,
	  "{" LONG_URL "}" },
	/* All at once, and in this order. */
	{ "user", A250 A50, "https://evil.com/",
	  "{" BAD_EMAIL "," LONG_NAME "," FOREIGN_URL "}" },
};

START_TEST(every_failing_field_is_told)
{
	struct request r;

	setup(&r);
	put(&r, "email", bad[_i].email);
	put(&r, "name", bad[_i].name);
	put(&r, "redirect_url", bad[_i].url);
	ck_assert_int_eq(run(&r), ERR_SYNTAX);
	ck_str_is(errors_of(&r), bad[_i].errors);
	ck_str_is(r.out.name, "untouched");
	pool_free(r.pool);
}
END_TEST

START_TEST(nested_values_are_no_text)
{
	static const char *const names[] = { "email", "name", "redirect_url" };
	struct request r;

	setup(&r);
	for (unsigned i = 0; i < 3; i++)
		ck_assert(!fields_add(&r.fields, str_from(names[i]),
				      STR("[\"user@example.com\"]"),
				      FIELD_JSON));
	ck_assert_int_eq(run(&r), ERR_SYNTAX);
	ck_str_is(errors_of(&r), "{" BAD_EMAIL "," TEXT_NAME "," BAD_URL "}");
	pool_free(r.pool);
}
END_TEST

START_TEST(an_adapters_errors_count_too)
{
	struct request r;

	setup(&r);
	put(&r, "email", "user@example.com");
	validate_add_error(&r.list, STR("company"), STR("Choose \"one\" <b>."), NULL);
	validate_add_error(&r.list, STR("name"), STR("Too plain."), NULL);
	validate_add_error(&r.list, STR("company"), STR("Or two."), NULL);
	ck_assert_int_eq(run(&r), ERR_SYNTAX);
	ck_str_is(errors_of(&r),
		  "{\"company\":[\"Choose \\\"one\\\" \\u003cb\\u003e.\","
		  "\"Or two.\"],\"name\":[\"Too plain.\","
		  "\"The name field is required.\"]}");
	pool_free(r.pool);
}
END_TEST

START_TEST(an_adapters_error_alone_is_an_error)
{
	struct request r;

	setup(&r);
	put(&r, "email", "user@example.com");
	put(&r, "name", "x");
	validate_add_error(&r.list, STR("company"), STR("No."), NULL);
	ck_assert_int_eq(run(&r), ERR_SYNTAX);
	ck_str_is(r.out.name, "untouched");
	pool_free(r.pool);
}
END_TEST

START_TEST(the_same_error_is_told_once)
{
	struct request r;

	setup(&r);
	put(&r, "email", "nonsense");
	put(&r, "name", "x");
	validate_add_error(&r.list, STR("email"),
			   STR("The email field must be a valid email "
			       "address."), NULL);
	validate_add_error(&r.list, STR("email"), STR("No."), NULL);
	validate_add_error(&r.list, STR("name"), STR("No."), NULL);
	ck_assert_int_eq(run(&r), ERR_SYNTAX);
	ck_assert_uint_eq(r.list.count, 3);
	pool_free(r.pool);
}
END_TEST

START_TEST(errors_have_limits)
{
	struct request r;
	struct buf text;
	char name[8];

	setup(&r);
	buf_init_pool(&text, r.pool, 4096);
	buf_puts(&text, "a");
	while (text.len < 1000)
		buf_puts(&text, EE);
	validate_add_error(&r.list, buf_str(&text), buf_str(&text), NULL);
	/* An odd first octet: the character at the limit is left out. */
	ck_assert_uint_eq(r.list.v[0].field.len, FIELD_NAME_MAX - 1);
	ck_assert_uint_eq(r.list.v[0].message.len, VALIDATE_MESSAGE_MAX - 1);
	for (unsigned i = 0; i < 2 * VALIDATE_ERRORS_MAX; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		validate_add_error(&r.list, str_from(name), STR("no"), NULL);
	}
	ck_assert_uint_eq(r.list.count, VALIDATE_ERRORS_MAX);
	ck_str_is(r.list.v[VALIDATE_ERRORS_MAX - 1].field, "f30");
	put(&r, "email", "user@example.com");
	put(&r, "name", "x");
	ck_assert_int_eq(run(&r), ERR_SYNTAX);
	pool_free(r.pool);
}
END_TEST

/* Or a refusal could turn into a welcome under pressure. */
START_TEST(an_error_lost_is_not_forgotten)
{
	struct pool *tiny = pool_new(16);
	struct request r;

	setup(&r);
	put(&r, "email", "user@example.com");
	put(&r, "name", "x");
	invalid_list_init(&r.list, tiny);
	validate_add_error(&r.list, STR("company"), STR("No entry."), NULL);
	ck_assert_uint_eq(r.list.count, 0);
	ck_assert_int_eq(run(&r), ERR_NOMEM);
	ck_str_is(r.out.name, "untouched");
	pool_free(tiny);
	pool_free(r.pool);
}
END_TEST

START_TEST(no_memory_is_said_at_every_allocation)
{
	enum err err = ERR_NOMEM;
	unsigned limit = 0;
	struct request r;

	setup(&r);
	put(&r, "email", "user@example.com");
	put(&r, "name", "x");
	put(&r, "redirect_url", OWN "/x");
	for (; err == ERR_NOMEM; limit += 16) {
		struct pool *pool = pool_new(limit);
		struct validation in = { &r.fields, &r.redirects, pool };

		invalid_list_init(&r.list, pool);
		err = validate(&in, &r.list, &r.out);
		pool_free(pool);
	}
	ck_assert_int_eq(err, 0);
	ck_assert_uint_gt(limit, 64);
	pool_free(r.pool);
}
END_TEST

static const struct {
	struct str in;
	const char *out;
} trims[] = {
	{ STR(""), "" },
	{ STR("a"), "a" },
	{ STR(" \t\n\v\f\r"), "" },
	{ STR(" a b "), "a b" },
	{ STR("\xc2\x85\xc2\xa0" "a\xc2\x85"), "a" },
	{ STR("\xe1\x9a\x80" "a\xe2\x80\x80\xe2\x80\x8a"), "a" },
	{ STR("\xe2\x80\xa8" "a\xe2\x80\xa9\xe2\x80\xaf\xe2\x81\x9f"), "a" },
	{ STR("\xe2\x80\x8b\xe2\x80\x8e\xef\xbb\xbf" "a"), "a" },
	/* No white space to Laravel: joiners, a right-to-left mark. */
	{ STR("\xe2\x80\x8c" "a\xe2\x80\x8d"), "\xe2\x80\x8c" "a\xe2\x80\x8d" },
	{ STR("\xe2\x80\x8f" "a"), "\xe2\x80\x8f" "a" },
	/* Not UTF-8: kept for the check that refuses it. */
	{ STR(" \xff "), "\xff" },
	{ STR(" a\x80 "), "a\x80" },
};

START_TEST(white_space_is_laravels)
{
	ck_str_is(validate_trim(trims[_i].in), trims[_i].out);
}
END_TEST

START_TEST(absence_and_nul_are_no_white_space)
{
	ck_assert(str_is_null(validate_trim(STR_NULL)));
	ck_assert_uint_eq(validate_trim(STR(" a\0 ")).len, 2);
}
END_TEST

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void validate_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, good_values_are_kept_trimmed, 0,
			    COUNT(good));
	tcase_add_loop_test(tcase, every_failing_field_is_told, 0, COUNT(bad));
	tcase_add_test(tcase, nested_values_are_no_text);
	tcase_add_test(tcase, an_adapters_errors_count_too);
	tcase_add_test(tcase, an_adapters_error_alone_is_an_error);
	tcase_add_test(tcase, the_same_error_is_told_once);
	tcase_add_test(tcase, errors_have_limits);
	tcase_add_test(tcase, an_error_lost_is_not_forgotten);
	tcase_add_test(tcase, no_memory_is_said_at_every_allocation);
	tcase_add_loop_test(tcase, white_space_is_laravels, 0, COUNT(trims));
	tcase_add_test(tcase, absence_and_nul_are_no_white_space);
}

UNIT_MAIN("validate", validate_tests)
