#include "unit/unit.h"

#include "policy/redirect.h"

#define OWN "https://ticket.yourcompany.com"
#define LIST "https://yourcompany.com"

/*
 * The tenant of these tests: its own origin; /support and /help/ on its site,
 * all of its shop on a port, a page with encoded letters, and a developer's
 * server.
 */
static const char *const entry_texts[] = {
	LIST "/support",
	LIST "/help/",
	"https://shop.yourcompany.com:8443",
	"https://yourcompany.fr/f%C3%BCr/",
	"http://localhost:3000/",
};

#define ENTRIES (sizeof(entry_texts) / sizeof(entry_texts[0]))

struct tenant {
	struct pool *pool;
	struct url own;
	struct redirect_entry entries[ENTRIES];
	struct redirect_policy policy;
};

static void setup(struct tenant *t, bool development)
{
	t->pool = pool_new(256 * 1024);
	ck_assert(!url_parse(t->pool, STR(OWN), &t->own, NULL));
	for (size_t i = 0; i < ENTRIES; i++)
		ck_assert(!redirect_entry_parse(t->pool,
						str_from(entry_texts[i]),
						&t->entries[i], NULL));
	t->policy = (struct redirect_policy){
		.own = &t->own, .own_count = 1,
		.entries = t->entries, .entry_count = ENTRIES,
		.allow_http_loopback = development,
	};
}

/* Good ones, and how they are used. */
static const struct {
	const char *in, *out;
} good[] = {
	{ OWN, OWN "/" },
	{ OWN "/dashboard", OWN "/dashboard" },
	{ OWN "/tickets/create?a=b#c", OWN "/tickets/create?a=b#c" },
	{ "HTTPS://Ticket.YourCompany.COM:443/x", OWN "/x" },
	{ OWN "/a/../b", OWN "/b" },
	{ OWN "/authors", OWN "/authors" },
	{ OWN "/apis/x", OWN "/apis/x" },
	{ OWN "/x/auth/", OWN "/x/auth/" },
	{ OWN "/?next=/auth/callback", OWN "/?next=/auth/callback" },
	{ OWN "/?next=https://evil.com/", OWN "/?next=https://evil.com/" },
	{ OWN "/#/auth/", OWN "/#/auth/" },
	{ OWN "/x%2fy", OWN "/x%2fy" },
	{ OWN "/100%25", OWN "/100%25" },
	{ OWN "/caf%C3%A9", OWN "/caf%C3%A9" },
	{ LIST "/support", LIST "/support" },
	{ LIST "/support?x=y", LIST "/support?x=y" },
	{ LIST "/support/", LIST "/support/" },
	{ LIST "/support/x/y", LIST "/support/x/y" },
	{ LIST "/support/x/../y", LIST "/support/y" },
	{ LIST "/support/api/", LIST "/support/api/" },
	{ LIST "/support/a%2Fb", LIST "/support/a%2Fb" },
	{ LIST "/help/", LIST "/help/" },
	{ LIST "/help/x", LIST "/help/x" },
	{ "https://shop.yourcompany.com:8443/any/thing",
	  "https://shop.yourcompany.com:8443/any/thing" },
	{ "https://yourcompany.fr/f%C3%BCr/dich",
	  "https://yourcompany.fr/f%C3%BCr/dich" },
};

START_TEST(listed_places_are_allowed)
{
	struct fault fault = { 0 };
	struct str url = STR_NULL;
	struct tenant t;

	setup(&t, false);
	ck_assert_msg(!redirect_check(&t.policy, t.pool, str_from(good[_i].in),
				      &url, &fault),
		      "'%s': %s", good[_i].in, fault.detail);
	ck_str_is(url, good[_i].out);
	ck_assert_int_eq(url.ptr[url.len], '\0');
	pool_free(t.pool);
}
END_TEST

static const struct {
	struct str in;
	enum err want;
} bad[] = {
	/* Other places. */
	{ STR("https://evil.com/"), ERR_NOT_FOUND },
	{ STR("https://yourcompany.com/"), ERR_NOT_FOUND },
	{ STR("https://yourcompany.com/other"), ERR_NOT_FOUND },
	{ STR(OWN ":8443/"), ERR_NOT_FOUND },
	{ STR("https://shop.yourcompany.com/"), ERR_NOT_FOUND },
	{ STR("http://ticket.yourcompany.com/"), ERR_UNSUPPORTED },
	/* Hosts that begin or end like a listed one: CVE-2021-21291. */
	{ STR("https://evilticket.yourcompany.com/"), ERR_NOT_FOUND },
	{ STR("https://ticket.yourcompany.com.evil.com/"), ERR_NOT_FOUND },
	{ STR("https://ticket.yourcompany.comevil.com/"), ERR_NOT_FOUND },
	{ STR("https://x.ticket.yourcompany.com/"), ERR_NOT_FOUND },
	{ STR("https://badyourcompany.com/support"), ERR_NOT_FOUND },
	{ STR("https://ticket.yourcompany.com./"), ERR_SYNTAX },
	{ STR("https://ticket-yourcompany.com/"), ERR_NOT_FOUND },
	/* Prefixes end where segments end. */
	{ STR(LIST "/supportx"), ERR_NOT_FOUND },
	{ STR(LIST "/support.evil"), ERR_NOT_FOUND },
	{ STR(LIST "/suppor"), ERR_NOT_FOUND },
	{ STR(LIST "/SUPPORT"), ERR_NOT_FOUND },
	{ STR(LIST "/help"), ERR_NOT_FOUND },
	{ STR(LIST "/help?x=/help/"), ERR_NOT_FOUND },
	{ STR(LIST "/?/support"), ERR_NOT_FOUND },
	{ STR(LIST "/#/support"), ERR_NOT_FOUND },
	/* Nor is there a way out of one. */
	{ STR(LIST "/support/../admin"), ERR_NOT_FOUND },
	{ STR(LIST "/support/%2e%2e/admin"), ERR_NOT_FOUND },
	{ STR(LIST "/support/..%2fadmin"), ERR_NOT_FOUND },
	{ STR(LIST "/support/..%5cadmin"), ERR_NOT_FOUND },
	{ STR(LIST "/support/%2e%2e%2fadmin"), ERR_NOT_FOUND },
	{ STR(LIST "/support/%252e%252e/admin"), ERR_NOT_FOUND },
	{ STR(LIST "/support/%252e%252e%252fadmin"), ERR_NOT_FOUND },
	{ STR(LIST "/support/..;/admin"), ERR_NOT_FOUND },
	{ STR(LIST "/support/..;x=1/admin"), ERR_NOT_FOUND },
	{ STR(LIST "/support/..%3b/admin"), ERR_NOT_FOUND },
	{ STR(LIST "/support/x/..%2f..%2fadmin"), ERR_NOT_FOUND },
	{ STR(LIST "/%73upport"), ERR_NOT_FOUND },
	{ STR(LIST "/support%2f..%2f..%2fadmin"), ERR_NOT_FOUND },
	{ STR(LIST "//support"), ERR_NOT_FOUND },
	/* The machinery of signing in, on any host. */
	{ STR(OWN "/auth/callback?token=x"), ERR_UNSUPPORTED },
	{ STR(OWN "/auth/logout"), ERR_UNSUPPORTED },
	{ STR(OWN "/auth"), ERR_UNSUPPORTED },
	{ STR(OWN "/api/auth/redirect/yourcompany"), ERR_UNSUPPORTED },
	{ STR(OWN "/embed/yourcompany"), ERR_UNSUPPORTED },
	{ STR(OWN "/sdk/usher.js"), ERR_UNSUPPORTED },
	{ STR("https://shop.yourcompany.com:8443/auth/x"), ERR_UNSUPPORTED },
	{ STR(OWN "/AUTH/x"), ERR_UNSUPPORTED },
	{ STR(OWN "/%61uth/x"), ERR_UNSUPPORTED },
	{ STR(OWN "/%41%75%54h/x"), ERR_UNSUPPORTED },
	{ STR(OWN "/%2561uth/x"), ERR_UNSUPPORTED },
	{ STR(OWN "/%252561uth/x"), ERR_UNSUPPORTED },
	{ STR(OWN "/auth%2fx"), ERR_UNSUPPORTED },
	{ STR(OWN "/auth%5cx"), ERR_UNSUPPORTED },
	{ STR(OWN "/%2fauth/x"), ERR_UNSUPPORTED },
	{ STR(OWN "//auth/x"), ERR_UNSUPPORTED },
	{ STR(OWN "/.//auth/x"), ERR_UNSUPPORTED },
	{ STR(OWN "/x/../auth/"), ERR_UNSUPPORTED },
	{ STR(OWN "/x/%2e%2e/auth/"), ERR_UNSUPPORTED },
	{ STR(OWN "/x%2f..%2fauth/"), ERR_UNSUPPORTED },
	{ STR(OWN "/x/..;/auth/"), ERR_UNSUPPORTED },
	{ STR(OWN "/auth;x=1/callback"), ERR_UNSUPPORTED },
	{ STR(OWN "/;x/auth/"), ERR_UNSUPPORTED },
	{ STR(OWN "/auth/..;/x"), ERR_UNSUPPORTED },
	{ STR(OWN "/auth/%2e%2e%2fx"), ERR_UNSUPPORTED },
	/* Harmless decoded not at all and twice, not so decoded once. */
	{ STR(OWN "/auth%2f%252e%252e/x"), ERR_UNSUPPORTED },
	/* Encoded line ends and too many layers. */
	{ STR(OWN "/%0d%0aSet-Cookie:x=y"), ERR_CONTROL },
	{ STR(OWN "/x%00"), ERR_CONTROL },
	{ STR(OWN "/x%7f"), ERR_CONTROL },
	{ STR(OWN "/x%250a"), ERR_CONTROL },
	{ STR(OWN "/x%25252525252e"), ERR_UNSUPPORTED },
	/* What browsers read in their own way: CVE-2020-11053 and kin. */
	{ STR(""), ERR_SYNTAX },
	{ STR("/"), ERR_SYNTAX },
	{ STR("/dashboard"), ERR_SYNTAX },
	{ STR("dashboard"), ERR_SYNTAX },
	{ STR("//evil.com/"), ERR_SYNTAX },
	{ STR("//ticket.yourcompany.com/"), ERR_SYNTAX },
	{ STR("/\\evil.com"), ERR_SYNTAX },
	{ STR("/\t/evil.com"), ERR_CONTROL },
	{ STR("/\n/evil.com"), ERR_CONTROL },
	{ STR("https:ticket.yourcompany.com/"), ERR_SYNTAX },
	{ STR("https:/ticket.yourcompany.com/"), ERR_SYNTAX },
	{ STR("https:///ticket.yourcompany.com/"), ERR_SYNTAX },
	{ STR("https:\\\\ticket.yourcompany.com\\"), ERR_SYNTAX },
	{ STR("https://ticket.yourcompany.com\\@evil.com/"), ERR_SYNTAX },
	{ STR("https://evil.com\\.ticket.yourcompany.com/"), ERR_SYNTAX },
	{ STR("https://ticket.yourcompany.com@evil.com/"), ERR_UNSUPPORTED },
	{ STR("https://evil.com@ticket.yourcompany.com/"), ERR_UNSUPPORTED },
	{ STR("https://a@b@ticket.yourcompany.com/"), ERR_UNSUPPORTED },
	{ STR("https://ticket.yourcompany.com:443@evil.com"), ERR_UNSUPPORTED },
	{ STR("https://ticket.yourcompany.com%2eevil.com/"), ERR_SYNTAX },
	{ STR("https://evil.com%23.ticket.yourcompany.com/"), ERR_SYNTAX },
	{ STR("https://ticket.yourcompany.com\0.evil.com/"), ERR_CONTROL },
	{ STR("https://ticket.yourcompany\xe3\x80\x82" "com/"), ERR_SYNTAX },
	{ STR("https://ticket.yourcompany.com\xef\xbc\x8f.evil.com/"),
	  ERR_SYNTAX },
	{ STR(" https://ticket.yourcompany.com/"), ERR_SYNTAX },
	{ STR("javascript:alert(1)//https://ticket.yourcompany.com/"),
	  ERR_UNSUPPORTED },
	{ STR("javascript://ticket.yourcompany.com/%0aalert(1)"),
	  ERR_UNSUPPORTED },
	{ STR("data:text/html,x"), ERR_UNSUPPORTED },
	{ STR("https://*.yourcompany.com/"), ERR_SYNTAX },
	/* Loopback over plain http is for development. */
	{ STR("http://localhost:3000/"), ERR_UNSUPPORTED },
};

START_TEST(nothing_else_is_a_target)
{
	struct str url = STR("untouched");
	struct fault fault = { 0 };
	struct tenant t;
	enum err err;

	setup(&t, false);
	err = redirect_check(&t.policy, t.pool, bad[_i].in, &url, &fault);
	ck_assert_msg(err == bad[_i].want, "'%.*s': %s", STR_ARG(bad[_i].in),
		      err_text(err));
	ck_str_is(url, "untouched");
	ck_assert_int_eq(fault.err, err);
	ck_assert_ptr_nonnull(fault.detail);
	pool_free(t.pool);
}
END_TEST

START_TEST(development_lets_loopback_be_plain)
{
	struct tenant t;
	struct str url;

	setup(&t, true);
	ck_assert(!redirect_check(&t.policy, t.pool,
				  STR("http://localhost:3000/x"), &url, NULL));
	ck_str_is(url, "http://localhost:3000/x");
	ck_assert_int_eq(redirect_check(&t.policy, t.pool,
					STR("http://localhost:3001/"), &url,
					NULL), ERR_NOT_FOUND);
	ck_assert_int_eq(redirect_check(&t.policy, t.pool,
					STR("https://localhost:3000/"), &url,
					NULL), ERR_NOT_FOUND);
	ck_assert_int_eq(redirect_check(&t.policy, t.pool,
					STR("http://ticket.yourcompany.com/"),
					&url, NULL), ERR_UNSUPPORTED);
	pool_free(t.pool);
}
END_TEST

START_TEST(a_configured_path_lies_on_the_own_origin)
{
	static const struct {
		const char *path, *url;
	} paths[] = {
		{ "/", OWN "/" },
		{ "/dashboard", OWN "/dashboard" },
		{ "/dashboard?tab=1#top", OWN "/dashboard?tab=1#top" },
		{ "/a/../b", OWN "/b" },
		{ "", NULL },
		{ "dashboard", NULL },
		{ "//evil.com/", NULL },
		{ "/\\evil.com/", NULL },
		{ "\\/evil.com/", NULL },
		{ "/\t/evil.com/", NULL },
		{ ".evil.com/", NULL },
		{ ":8443/", NULL },
		{ "@evil.com/", NULL },
		{ "?x", NULL },
		{ "https://evil.com/", NULL },
		{ OWN "/dashboard", NULL },
		{ "/auth/logout", NULL },
		{ "/x/../auth/logout", NULL },
		{ "/%61pi/", NULL },
		{ "/a b", NULL },
	};
	struct tenant t;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct str url = STR("untouched");
		enum err err;

		setup(&t, false);
		err = redirect_resolve_path(&t.policy, t.pool,
					    str_from(paths[i].path), &url,
					    NULL);
		ck_assert_msg(!err == !!paths[i].url, "%s", paths[i].path);
		ck_str_is(url, paths[i].url ? paths[i].url : "untouched");
		pool_free(t.pool);
	}
}
END_TEST

START_TEST(a_path_needs_an_origin_and_room)
{
	struct redirect_policy none = { 0 };
	struct tenant t;
	struct str url;
	struct buf path;

	setup(&t, false);
	ck_assert_int_eq(redirect_resolve_path(&none, t.pool, STR("/x"), &url,
					       NULL), ERR_INTERNAL);
	ck_assert_int_eq(redirect_check(&none, t.pool, STR(OWN "/"), &url,
					NULL), ERR_NOT_FOUND);
	buf_init_pool(&path, t.pool, URL_MAX);
	while (path.len < URL_MAX)
		buf_puts(&path, "/xxx");
	ck_assert_int_eq(redirect_resolve_path(&t.policy, t.pool,
					       buf_str(&path), &url, NULL),
			 ERR_LIMIT);
	pool_free(t.pool);
}
END_TEST

static const struct {
	const char *text;
	enum err want;
} entries[] = {
	{ "https://yourcompany.com", ERR_OK },
	{ "https://yourcompany.com/", ERR_OK },
	{ "https://yourcompany.com/support/", ERR_OK },
	{ "http://localhost:3000", ERR_OK },
	{ "http://app.localhost/x", ERR_OK },
	{ "http://yourcompany.com", ERR_UNSUPPORTED },
	{ "https://yourcompany.com/?x", ERR_SYNTAX },
	{ "https://yourcompany.com/#x", ERR_SYNTAX },
	{ "https://*.yourcompany.com/", ERR_SYNTAX },
	{ "https://.yourcompany.com/", ERR_SYNTAX },
	{ ".yourcompany.com", ERR_SYNTAX },
	{ "yourcompany.com", ERR_SYNTAX },
	{ "yourcompany.com:443", ERR_UNSUPPORTED },
	{ "/support", ERR_SYNTAX },
	{ "*", ERR_SYNTAX },
	{ "", ERR_SYNTAX },
	{ "https://user@yourcompany.com/", ERR_UNSUPPORTED },
	{ "https://yourcompany.com/a;b", ERR_SYNTAX },
	{ "https://yourcompany.com/a//b", ERR_SYNTAX },
	{ "https://yourcompany.com/a%2fb", ERR_SYNTAX },
	{ "https://yourcompany.com/a%5Cb", ERR_SYNTAX },
	{ "https://yourcompany.com/a%2eb", ERR_SYNTAX },
	{ "https://yourcompany.com/a%3bb", ERR_SYNTAX },
	{ "https://yourcompany.com/a%2561", ERR_SYNTAX },
	{ "https://yourcompany.com/a%00", ERR_CONTROL },
	{ "https://yourcompany.com/api/", ERR_UNSUPPORTED },
	{ "https://yourcompany.com/%61pi/", ERR_UNSUPPORTED },
	{ "https://yourcompany.com/Auth", ERR_UNSUPPORTED },
};

START_TEST(entries_are_exact)
{
	struct pool *pool = pool_new(65536);
	struct redirect_entry entry = { .url.port = 7 };
	struct fault fault = { 0 };
	enum err err = redirect_entry_parse(pool, str_from(entries[_i].text),
					    &entry, &fault);

	ck_assert_msg(err == entries[_i].want, "%s: %s", entries[_i].text,
		      err_text(err));
	if (err) {
		ck_assert_uint_eq(entry.url.port, 7);
		ck_assert_ptr_nonnull(fault.detail);
	}
	pool_free(pool);
}
END_TEST

START_TEST(no_memory_is_said_at_every_allocation)
{
	enum err err = ERR_NOMEM;
	unsigned limit = 0;
	struct tenant t;
	struct str url;

	setup(&t, false);
	for (; err == ERR_NOMEM; limit += 16) {
		struct pool *pool = pool_new(limit);

		err = redirect_check(&t.policy, pool,
				     STR(LIST "/support/%41"), &url, NULL);
		pool_free(pool);
	}
	ck_assert_int_eq(err, 0);
	ck_assert_uint_gt(limit, 64);
	pool_free(t.pool);
}
END_TEST

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void redirect_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, listed_places_are_allowed, 0, COUNT(good));
	tcase_add_loop_test(tcase, nothing_else_is_a_target, 0, COUNT(bad));
	tcase_add_test(tcase, development_lets_loopback_be_plain);
	tcase_add_test(tcase, a_configured_path_lies_on_the_own_origin);
	tcase_add_test(tcase, a_path_needs_an_origin_and_room);
	tcase_add_loop_test(tcase, entries_are_exact, 0, COUNT(entries));
	tcase_add_test(tcase, no_memory_is_said_at_every_allocation);
}

UNIT_MAIN("redirect", redirect_tests)
