/* The cookie that says who somebody is, and what a page proves itself with. */
#include "handoff/session.h"

#include "unit/handoff/lone.h"

#define ID INT64_C(0x0102030405060708)
#define VALUE_LEN BASE64URL_LEN(SESSION_ID_SIZE + SESSION_SECRET_SIZE)
#define FLAGS "; Path=/; Secure; HttpOnly; SameSite=None"

static const struct steps top = { .name = "top" };
static const struct steps framed = { .name = "framed", .is_embedded = true };
static struct session_secret secret;

static void set_up(void)
{
	lone_begin(&top);
	ck_assert_int_eq(session_secret_new(&secret), ERR_OK);
}

static void tear_down(void)
{
	lone_end();
}

/* "NAME=VALUE" of the answer; the rest in *flags_r. */
static struct str cookie(struct str *flags_r)
{
	struct str text = lone_header("Set-Cookie"), pair;

	ck_assert_ptr_nonnull(text.ptr);
	pair = str_cut(text, ';', flags_r);
	flags_r->ptr--;
	flags_r->len++;
	return pool_str(lone.pool, pair);
}

/* A request with the cookie of a new session, of that kind. */
static void signed_in(enum session_kind kind)
{
	struct str flags;

	session_set_cookie(&lone, kind, ID, &secret);
	lone_says("Cookie", cookie(&flags).ptr);
}

START_TEST(secrets_are_new_and_the_store_has_their_digest)
{
	uint8_t hash[SESSION_HASH_LEN];
	struct session_secret other;

	ck_assert_int_eq(session_secret_new(&other), ERR_OK);
	ck_assert_mem_ne(other.bytes, secret.bytes, SESSION_SECRET_SIZE);
	ck_assert_int_eq(digest_sha256(secret.bytes, SESSION_SECRET_SIZE,
				       hash), ERR_OK);
	ck_assert_mem_eq(secret.hash, hash, SESSION_HASH_LEN);
}
END_TEST

START_TEST(each_kind_has_its_name_and_flags)
{
	static const struct {
		enum session_kind kind;
		const char *name, *flags;
	} cases[] = {
		{ SESSION_TOP, "__Host-usher", FLAGS },
		{ SESSION_EMBEDDED, "__Host-usher-embed",
		  FLAGS "; Partitioned" },
	};
	uint8_t value[SESSION_ID_SIZE + SESSION_SECRET_SIZE];
	struct str pair, flags, text;
	char ended[256];
	size_t len;

	for (unsigned i = 0; i < N_ELEMENTS(cases); i++) {
		session_set_cookie(&lone, cases[i].kind, ID, &secret);
		pair = cookie(&flags);
		ck_str_is(flags, cases[i].flags);
		ck_str_is(str_cut(pair, '=', &text), cases[i].name);
		ck_assert_uint_eq(text.len, VALUE_LEN);
		ck_assert_int_eq(base64url_decode(text, value, sizeof(value),
						  &len), ERR_OK);
		/* The number is big-endian, the secret behind it. */
		ck_assert_mem_eq(value, "\1\2\3\4\5\6\7\10", 8);
		ck_assert_mem_eq(value + 8, secret.bytes, SESSION_SECRET_SIZE);
		/* No memory is needed. */
		ck_assert_ptr_eq(lone_header("Set-Cookie").ptr, secret.cookie);
		lone_again();
		session_clear_cookie(&lone, cases[i].kind);
		snprintf(ended, sizeof(ended), "%s=%s; Max-Age=0",
			 cases[i].name, cases[i].flags);
		ck_str_is(lone_header("Set-Cookie"), ended);
		lone_again();
	}
}
END_TEST

static char first[SESSION_CSRF_LEN + 1], second[SESSION_CSRF_LEN + 1];

START_TEST(a_pages_proof_is_of_its_session)
{
	uint8_t mac[DIGEST_SIZE];
	char want[SESSION_CSRF_LEN + 1] = "";

	signed_in(SESSION_TOP);
	ck_assert_int_eq(session_csrf(&lone, first), ERR_OK);
	ck_assert_int_eq(digest_hmac_sha256(secret.bytes, SESSION_SECRET_SIZE,
					    "usher csrf", 10, mac), ERR_OK);
	base64url_encode(want, mac, sizeof(mac));
	ck_assert_str_eq(first, want);
	/* Another session, another proof. */
	lone_again();
	ck_assert_int_eq(session_secret_new(&secret), ERR_OK);
	signed_in(SESSION_TOP);
	ck_assert_int_eq(session_csrf(&lone, second), ERR_OK);
	ck_assert_str_ne(first, second);
	ck_assert(!session_has_csrf(&lone));
	lone_says("X-CSRF-Token", first);
	ck_assert(!session_has_csrf(&lone));
	lone.request.header_count--;
	lone_says("X-CSRF-Token", second);
	ck_assert(session_has_csrf(&lone));
	/* Twice is not at all. */
	lone_says("X-CSRF-Token", second);
	ck_assert(!session_has_csrf(&lone));
}
END_TEST

START_TEST(no_part_of_a_proof_will_do)
{
	signed_in(SESSION_TOP);
	ck_assert_int_eq(session_csrf(&lone, first), ERR_OK);
	for (unsigned i = 0; i < SESSION_CSRF_LEN; i++) {
		memcpy(second, first, sizeof(first));
		second[i] ^= 1;
		lone_says("X-CSRF-Token", second);
		ck_assert(!session_has_csrf(&lone));
		second[i] = '\0';
		lone.request.header_count--;
		lone_says("X-CSRF-Token", second);
		ck_assert(!session_has_csrf(&lone));
		lone.request.header_count--;
	}
}
END_TEST

/* Which cookies make a request one of a session. */
START_TEST(only_one_whole_cookie_of_the_kind_counts)
{
	char text[128], longer[160];

	signed_in(SESSION_TOP);
	snprintf(text, sizeof(text), "%s", lone_headers[0].value.ptr);
	ck_assert_int_eq(session_csrf(&lone, first), ERR_OK);
	/* In a frame it is of the other kind, and the other way round. */
	lone.steps = &framed;
	ck_assert_int_eq(session_kind_of(&lone), SESSION_EMBEDDED);
	ck_assert_int_eq(session_csrf(&lone, first), ERR_NOT_FOUND);
	lone_again();
	signed_in(SESSION_EMBEDDED);
	ck_assert_int_eq(session_csrf(&lone, first), ERR_OK);
	lone.steps = &top;
	ck_assert_int_eq(session_kind_of(&lone), SESSION_TOP);
	ck_assert_int_eq(session_csrf(&lone, first), ERR_NOT_FOUND);
	/* Both may come: browsers that do not part their cookies send both. */
	lone_says("Cookie", text);
	ck_assert_int_eq(session_csrf(&lone, first), ERR_OK);
	/* Somebody planted one. */
	lone_says("Cookie", "__Host-usher=x");
	ck_assert_int_eq(session_csrf(&lone, first), ERR_NOT_FOUND);
	lone_again();
	ck_assert_int_eq(session_csrf(&lone, first), ERR_NOT_FOUND);
	snprintf(longer, sizeof(longer), "%sA", text);
	lone_says("Cookie", longer);
	ck_assert_int_eq(session_csrf(&lone, first), ERR_NOT_FOUND);
	lone_again();
	longer[strlen(text) - 1] = '\0';
	lone_says("Cookie", longer);
	ck_assert_int_eq(session_csrf(&lone, first), ERR_NOT_FOUND);
}
END_TEST

START_TEST(a_user_is_an_object_whatever_their_name)
{
	const struct user_view user = {
		.id = 12, .email = STR("a@b.example"),
		.name = STR("\"</script>"), .is_verified = true,
		.attributes = STR("{\"plan\":\"pro\"}"),
	};
	struct buf out;

	buf_init(&out, 1024);
	session_add_user(&out, &user);
	ck_str_is(buf_str(&out), "{\"id\":\"12\",\"email\":\"a@b.example\","
		  "\"name\":\"\\\"\\u003c/script\\u003e\",\"verified\":true,"
		  "\"attributes\":{\"plan\":\"pro\"}}");
	buf_done(&out);
}
END_TEST

START_TEST(a_tenant_is_at_its_own_host)
{
	const struct host host = { .name = STR("acme.example") };

	lone.host = &host;
	lone_tenant.url.host = STR("acme.example");
	ck_assert(session_is_host_of(&lone, &lone_tenant));
	lone_tenant.url.host = STR("acme.example.net");
	ck_assert(!session_is_host_of(&lone, &lone_tenant));
}
END_TEST

static void session_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, secrets_are_new_and_the_store_has_their_digest);
	tcase_add_test(tcase, each_kind_has_its_name_and_flags);
	tcase_add_test(tcase, a_pages_proof_is_of_its_session);
	tcase_add_test(tcase, no_part_of_a_proof_will_do);
	tcase_add_test(tcase, only_one_whole_cookie_of_the_kind_counts);
	tcase_add_test(tcase, a_user_is_an_object_whatever_their_name);
	tcase_add_test(tcase, a_tenant_is_at_its_own_host);
}

UNIT_MAIN("session", session_tests)
