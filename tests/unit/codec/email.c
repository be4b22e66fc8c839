#include "unit/unit.h"

#include "codec/email.h"

#define A10 "aaaaaaaaaa"
#define A60 A10 A10 A10 A10 A10 A10
#define A63 A60 "aaa"
#define A64 A63 "a"
#define A254 A64 "@" A63 "." A63 "." A60 "a"
/* MUSICAL SYMBOL EIGHTH NOTE, which form C takes apart, to thrice its octets */
#define D4 "\xf0\x9d\x85\xa0"
#define D16 D4 D4 D4 D4
#define K4 "\xf0\x9d\x85\x98\xf0\x9d\x85\xa5\xf0\x9d\x85\xae"
#define K16 K4 K4 K4 K4

/* Accepted: the key and the local part as shown. */
static const struct {
	const char *in, *key, *local;
} good[] = {
	{ "user@example.com", "user@example.com", "user" },
	{ "John.Doe@Example.COM", "john.doe@example.com", "John.Doe" },
	{ "a@b", "a@b", "a" },
	{ "user@localhost", "user@localhost", "user" },
	{ "user+tag@example.com", "user+tag@example.com", "user+tag" },
	{ "o'hara@example.com", "o'hara@example.com", "o'hara" },
	{ "!#$%&'*+-/=?^_`{|}~@example.com", "!#$%&'*+-/=?^_`{|}~@example.com",
	  "!#$%&'*+-/=?^_`{|}~" },
	{ "user@sub.domain.example.co.uk", "user@sub.domain.example.co.uk",
	  "user" },
	{ "user@1.2.3.4", "user@1.2.3.4", "user" },
	{ "-@example.com", "-@example.com", "-" },
	{ "\xc3\x89lo\xc3\xafse@example.com",
	  "\xc3\xa9lo\xc3\xafse@example.com",
	  "\xc3\x89lo\xc3\xafse" },
	{ "user@B\xc3\xbc" "cher.example", "user@xn--bcher-kva.example",
	  "user" },
	{ "user@xn--bcher-kva.example", "user@xn--bcher-kva.example", "user" },
	{ "\xe7\x94\xa8\xe6\x88\xb7@\xe4\xbe\x8b\xe3\x81\x88.jp",
	  "\xe7\x94\xa8\xe6\x88\xb7@xn--r8jz45g.jp",
	  "\xe7\x94\xa8\xe6\x88\xb7" },
	{ A64 "@example.com", A64 "@example.com", A64 },
	{ A254, A254, A64 },
	/* One person each, however it is spelled: codec/fold.h. */
	{ "jose\xcc\x81@example.com", "josé@example.com", "jose\xcc\x81" },
	{ "JOSÉ@example.com", "josé@example.com", "JOSÉ" },
	{ "ΣΊΣΥΦΟΣ@example.com", "σίσυφοσ@example.com", "ΣΊΣΥΦΟΣ" },
	{ "σίσυφος@example.com", "σίσυφοσ@example.com", "σίσυφος" },
	/* The longest key that there is. */
	{ D16 D16 D16 D16 "@" A63 "." A63 "." A60 "a",
	  K16 K16 K16 K16 "@" A63 "." A63 "." A60 "a", D16 D16 D16 D16 },
	/* A kelvin sign is nobody's k. */
	{ "\xe2\x84\xaa" "ate@example.com", "\xe2\x84\xaa" "ate@example.com",
	  "\xe2\x84\xaa" "ate" },
};

START_TEST(ordinary_addresses_are_accepted)
{
	struct pool *pool = pool_new(65536);
	struct email email;
	enum err err = email_parse(pool, str_from(good[_i].in), &email);

	ck_assert_msg(!err, "'%s': %s", good[_i].in, err_text(err));
	ck_str_is(email.shown, good[_i].in);
	ck_str_is(email.key, good[_i].key);
	ck_str_is(email.local, good[_i].local);
	ck_assert_int_eq(email.shown.ptr[email.shown.len], '\0');
	ck_assert_int_eq(email.key.ptr[email.key.len], '\0');
	ck_assert_uint_le(email.key.len, EMAIL_KEY_MAX);
	pool_free(pool);
}
END_TEST

static const struct {
	struct str in;
	enum err want;
} bad[] = {
	{ STR(""), ERR_SYNTAX },
	{ STR("user"), ERR_SYNTAX },
	{ STR("@"), ERR_SYNTAX },
	{ STR("@example.com"), ERR_SYNTAX },
	{ STR("user@"), ERR_SYNTAX },
	/* Which of the hosts would it be? */
	{ STR("a@evil@company.com"), ERR_SYNTAX },
	{ STR("a@@b"), ERR_SYNTAX },
	{ STR("a@b@"), ERR_SYNTAX },
	{ STR("\"a@evil\"@company.com"), ERR_SYNTAX },
	{ STR("a\xef\xbc\xa0" "evil@company.com"), ERR_SYNTAX },
	{ STR("a\xef\xb9\xab" "evil@company.com"), ERR_SYNTAX },
	{ STR("a@evil\xef\xbc\xa0" "company.com"), ERR_SYNTAX },
	{ STR("a@evil.com,b@company.com"), ERR_SYNTAX },
	{ STR("a@evil.com;b@company.com"), ERR_SYNTAX },
	{ STR("a@evil.com b@company.com"), ERR_SYNTAX },
	{ STR("A <a@company.com>"), ERR_SYNTAX },
	{ STR("<a@company.com>"), ERR_SYNTAX },
	{ STR("mailto:a@company.com"), ERR_SYNTAX },
	{ STR("a@company.com?cc=x"), ERR_SYNTAX },
	/* Dots. */
	{ STR(".a@b.com"), ERR_SYNTAX },
	{ STR("a.@b.com"), ERR_SYNTAX },
	{ STR("a..b@b.com"), ERR_SYNTAX },
	{ STR(".@b.com"), ERR_SYNTAX },
	{ STR("a@.b.com"), ERR_SYNTAX },
	{ STR("a@b.com."), ERR_SYNTAX },
	{ STR("a@b..com"), ERR_SYNTAX },
	/* Other forms. */
	{ STR("\"a b\"@example.com"), ERR_SYNTAX },
	{ STR("\"\"@example.com"), ERR_SYNTAX },
	{ STR("a(comment)@example.com"), ERR_SYNTAX },
	{ STR("a@example.com(comment)"), ERR_SYNTAX },
	{ STR("a@[127.0.0.1]"), ERR_SYNTAX },
	{ STR("a@[IPv6:::1]"), ERR_SYNTAX },
	{ STR("a\\@b@example.com"), ERR_SYNTAX },
	{ STR("a b@example.com"), ERR_SYNTAX },
	{ STR(" a@example.com"), ERR_SYNTAX },
	{ STR("a@example.com "), ERR_SYNTAX },
	{ STR("a@ example.com"), ERR_SYNTAX },
	/* Domains. */
	{ STR("a@-b.com"), ERR_SYNTAX },
	{ STR("a@b-.com"), ERR_SYNTAX },
	{ STR("a@b_c.com"), ERR_SYNTAX },
	{ STR("a@b.com:25"), ERR_SYNTAX },
	{ STR("a@b.com/x"), ERR_SYNTAX },
	{ STR("a@xn--a.com"), ERR_SYNTAX },
	{ STR("a@" A64 ".com"), ERR_SYNTAX },
	{ STR("a@\xef\xbd\x85xample.com"), ERR_SYNTAX },
	{ STR("a@company\xe3\x80\x82" "com"), ERR_SYNTAX },
	/* Invisible, turning, or blank. */
	{ STR("a\xc2\xa0" "b@example.com"), ERR_SYNTAX },
	{ STR("a\xe3\x80\x80@example.com"), ERR_SYNTAX },
	{ STR("a\xe2\x80\x8b@example.com"), ERR_SYNTAX },
	{ STR("\xe2\x80\xae" "a@example.com"), ERR_SYNTAX },
	{ STR("a\xe2\x80\xa8@example.com"), ERR_SYNTAX },
	{ STR("\xef\xbb\xbf" "a@example.com"), ERR_SYNTAX },
	{ STR("a\xc2\xad@example.com"), ERR_SYNTAX },
	{ STR("a\xf3\xa0\x81\x81@example.com"), ERR_SYNTAX },
	{ STR("\xef\xbd\x81@example.com"), ERR_SYNTAX },
	/* Controls. */
	{ STR("a@example.com\n"), ERR_CONTROL },
	{ STR("a\r\nBcc: b@example.com"), ERR_CONTROL },
	{ STR("a\0@example.com"), ERR_CONTROL },
	{ STR("a@example.com\0.evil.com"), ERR_CONTROL },
	{ STR("a\t@example.com"), ERR_CONTROL },
	{ STR("a\x7f@example.com"), ERR_CONTROL },
	{ STR("a\xc2\x85@example.com"), ERR_CONTROL },
	/* Not UTF-8. */
	{ STR("a\xff@example.com"), ERR_UTF8 },
	{ STR("a@example\xc3.com"), ERR_UTF8 },
	{ STR("\xc0\xa0@example.com"), ERR_UTF8 },
	{ STR("\xed\xa0\x80@example.com"), ERR_UTF8 },
	/* Too long. */
	{ STR(A64 "a@example.com"), ERR_LIMIT },
	{ STR(A254 "a"), ERR_LIMIT },
};

START_TEST(anything_else_is_refused)
{
	struct pool *pool = pool_new(65536);
	struct email email = { .shown = STR("untouched") };
	enum err err = email_parse(pool, bad[_i].in, &email);

	ck_assert_msg(err == bad[_i].want, "'%.*s': %s", STR_ARG(bad[_i].in),
		      err_text(err));
	ck_str_is(email.shown, "untouched");
	pool_free(pool);
}
END_TEST

START_TEST(a_key_is_its_own_key)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct pool *pool = pool_new(65536);
		struct email one, two;

		ck_assert(!email_parse(pool, str_from(good[i].in), &one));
		/* which may be too long for an address */
		if (one.key.len <= EMAIL_MAX) {
			ck_assert(!email_parse(pool, one.key, &two));
			ck_assert(str_eq(one.key, two.key));
		}
		pool_free(pool);
	}
}
END_TEST

/* What stands in databases, and in tombstones. */
START_TEST(a_key_of_older_releases_is_told_and_becomes_todays)
{
	static const struct { const char *in, *old; } cases[] = {
		{ "Ann@B.example", "ann@b.example" },
		{ "JOSÉ@Bücher.example", "josé@xn--bcher-kva.example" },
		{ "JOSE\xcc\x81@b", "jose\xcc\x81@b" },
		{ "ΣΊΣΥΦΟΣ@b", "σίσυφοσ@b" },
		{ "Σίσυφος@b", "σίσυφος@b" },
		{ "\xe1\x8e\xa0@b", "\xea\xad\xb0@b" },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct pool *pool = pool_new(65536);
		struct buf old, today, again;
		struct email email;

		buf_init_pool(&old, pool, EMAIL_KEY_MAX);
		buf_init_pool(&today, pool, EMAIL_KEY_MAX);
		buf_init_pool(&again, pool, EMAIL_KEY_MAX);
		ck_assert(!email_parse(pool, str_from(cases[i].in), &email));
		email_add_old_key(&old, email.shown, email.key);
		ck_str_is(buf_str(&old), cases[i].old);
		ck_assert(!email_add_key(&today, buf_str(&old)));
		ck_assert(str_eq(buf_str(&today), email.key));
		ck_assert(!email_add_key(&again, buf_str(&today)));
		ck_assert(str_eq(buf_str(&again), email.key));
		pool_free(pool);
	}
}
END_TEST

START_TEST(no_memory_is_said_at_every_allocation)
{
	struct email email;
	enum err err = ERR_NOMEM;
	unsigned limit = 0;

	for (; err == ERR_NOMEM; limit += 16) {
		struct pool *pool = pool_new(limit);

		err = email_parse(pool, STR("user@example.com"), &email);
		pool_free(pool);
	}
	ck_assert_int_eq(err, 0);
	ck_assert_uint_gt(limit, 48);
}
END_TEST

static void email_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, ordinary_addresses_are_accepted, 0,
			    sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(tcase, anything_else_is_refused, 0,
			    sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tcase, a_key_is_its_own_key);
	tcase_add_test(tcase,
		       a_key_of_older_releases_is_told_and_becomes_todays);
	tcase_add_test(tcase, no_memory_is_said_at_every_allocation);
}

UNIT_MAIN("email", email_tests)
