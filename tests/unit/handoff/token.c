/*
 * The handoff token: what one tenant minted, only that tenant opens, within
 * its two minutes, and only as it was written.
 */
#include "handoff/token.h"

#include "base/clock.h"
#include "codec/base64url.h"
#include "unit/unit.h"

#define ISSUER STR("https://tickets.test")
#define NOW_MS INT64_C(1795370000123)

static struct pool *pool;
static struct keyring *ring;
static struct tenant acme, globex;

static struct tenant make_tenant(const char *slug, const char *origin)
{
	struct tenant tenant = {
		.slug = str_from(slug), .origin = str_from(origin),
		.state = TENANT_SERVING,
	};

	tenant.token_keys = jwe_keys_new(ring, tenant.slug,
					 STR(CONFIG_TOKEN_PURPOSE));
	ck_assert_ptr_nonnull(tenant.token_keys);
	return tenant;
}

static void setup(void)
{
	pool = pool_new(1 << 20);
	ring = keyring_new_throwaway();
	acme = make_tenant("acme", "https://ticket.acme.test");
	globex = make_tenant("globex", "https://ticket.globex.test:8443");
}

static void teardown(void)
{
	jwe_keys_free(acme.token_keys);
	jwe_keys_free(globex.token_keys);
	keyring_free(ring);
	pool_free(pool);
}

static struct token john(void)
{
	return (struct token){
		.email = STR("john@example.com"),
		.name = STR("John \"Q\" \\ Doe <b> & Zo\xc3\xab"),
		.redirect_url = STR("https://ticket.acme.test/d?a=1&b=2#x"),
		.rid = STR("01JD5ZC2T0ABCDEFGHJKMNPQRS"),
	};
}

/* The token's text of a location. */
static struct str text_of(struct str location)
{
	struct str rest, mark = STR("/auth/callback?token=");
	size_t at;

	for (at = 0; at + mark.len < location.len; at++)
		if (!memcmp(location.ptr + at, mark.ptr, mark.len))
			break;
	rest = (struct str){ location.ptr + at + mark.len,
			     location.len - at - mark.len };
	ck_assert_uint_lt(at + mark.len, location.len);
	return rest;
}

static struct str mint(const struct tenant *tenant, struct token *token)
{
	struct str location, parked = STR("untouched");

	ck_assert_int_eq(token_mint(tenant, ISSUER, NOW_MS, token, pool,
				    &location, &parked), ERR_OK);
	ck_assert_ptr_null(parked.ptr);
	ck_assert(!token->is_parked);
	return location;
}

/* Claims of our own making under the tenant's real key. */
static struct str seal(const struct tenant *tenant, struct str claims)
{
	struct buf out;

	buf_init_pool(&out, pool, JWE_TOKEN_MAX + 1);
	ck_assert_int_eq(jwe_seal(tenant->token_keys, claims, &out), ERR_OK);
	return buf_str(&out);
}

static enum err open_at(const struct tenant *tenant, struct str text,
			int64_t now_s, struct token *out)
{
	return token_open(tenant, ISSUER, text, now_s, pool, out);
}

START_TEST(what_is_minted_opens_again)
{
	struct token in = john(), out;
	struct str location = mint(&acme, &in);

	ck_assert(str_has_prefix(location, STR("https://ticket.acme.test"
					       "/auth/callback?token=")));
	ck_assert_int_eq(open_at(&acme, text_of(location), NOW_MS / 1000,
				 &out), ERR_OK);
	ck_str_is(out.email, "john@example.com");
	ck_assert(str_eq(out.name, in.name));
	ck_assert(str_eq(out.redirect_url, in.redirect_url));
	ck_assert(str_eq(out.rid, in.rid));
	ck_assert_int_eq(out.minted_ms, NOW_MS);
	ck_assert_int_eq(out.iat_s, NOW_MS / 1000);
	ck_assert_int_eq(out.exp_s, NOW_MS / 1000 + 120);
	ck_assert_mem_eq(out.jti, in.jti, sizeof(in.jti));
}
END_TEST

/* All tokens of one assertion are one: they keep the jti that it has. */
START_TEST(one_that_is_vouched_for_says_so)
{
	for (int with_sub = 0; with_sub < 2; with_sub++) {
		struct token in = john(), out = { 0 };

		in.is_vouched = true;
		in.sub = with_sub ? STR("a \"42\"") : STR_NULL;
		in.aexp_s = NOW_MS / 1000 + 60;
		memset(in.jti, 7, sizeof(in.jti));
		ck_assert_int_eq(open_at(&acme, text_of(mint(&acme, &in)),
					 NOW_MS / 1000, &out), ERR_OK);
		ck_assert(out.is_vouched);
		ck_assert_int_eq(out.sub.ptr != NULL, with_sub);
		ck_assert(str_eq(out.sub, in.sub));
		ck_assert_int_eq(out.aexp_s, in.aexp_s);
		ck_assert_int_eq(out.jti[0], 7);
		ck_assert_mem_eq(out.jti, in.jti, sizeof(in.jti));
	}
}
END_TEST

START_TEST(what_began_at_the_desk_says_with_what)
{
	struct token in = john(), out;
	struct str text;

	text = text_of(mint(&acme, &in));
	ck_assert_int_eq(open_at(&acme, text, in.iat_s, &out), ERR_OK);
	ck_assert(!out.nonce.ptr && !out.is_chosen);
	/* of whom an adapter sends elsewhere it is told only beside that */
	in.is_chosen = true;
	text = text_of(mint(&acme, &in));
	ck_assert_int_eq(open_at(&acme, text, in.iat_s, &out), ERR_OK);
	ck_assert(!out.nonce.ptr && !out.is_chosen);
	for (int vouched = 0; vouched < 2; vouched++) {
		for (int chosen = 0; chosen < 2; chosen++) {
			in.is_vouched = vouched;
			in.sub = vouched ? STR("42") : STR_NULL;
			in.nonce = STR("a \"nonce\" of \\ any kind");
			in.is_chosen = chosen;
			text = text_of(mint(&acme, &in));
			ck_assert_int_eq(open_at(&acme, text, in.iat_s, &out),
					 ERR_OK);
			ck_str_is(out.nonce, "a \"nonce\" of \\ any kind");
			ck_assert_int_eq(out.is_chosen, chosen);
			ck_assert_int_eq(out.is_vouched, vouched);
			ck_str_is(out.name, in.name.ptr);
		}
	}
}
END_TEST

START_TEST(it_lives_for_two_minutes)
{
	struct token in = john(), out = { 0 };
	struct str text = text_of(mint(&acme, &in));
	const struct { int64_t after_s; enum err err; } cases[] = {
		{ -1000000, ERR_RANGE },	/* another clock is ahead */
		{ -TOKEN_SKEW_S - 1, ERR_RANGE },
		{ -TOKEN_SKEW_S, ERR_OK },
		{ 0, ERR_OK },
		{ 119, ERR_OK },
		{ 120, ERR_EXPIRED },
		{ 1000000, ERR_EXPIRED },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_int_eq(open_at(&acme, text,
					 NOW_MS / 1000 + cases[i].after_s,
					 &out), cases[i].err);
}
END_TEST

START_TEST(it_opens_for_its_own_tenant_and_purpose_only)
{
	struct token in = john(), out = { .iat_s = -1 };
	struct str text = text_of(mint(&acme, &in));
	struct tenant other = acme, broken = acme;
	struct jwe_keys *keys = jwe_keys_new(ring, acme.slug, STR("invite"));

	other.token_keys = keys;
	broken.token_keys = NULL;
	ck_assert_int_eq(open_at(&globex, text, NOW_MS / 1000, &out), ERR_AUTH);
	ck_assert_int_eq(open_at(&other, text, NOW_MS / 1000, &out), ERR_AUTH);
	ck_assert_int_eq(open_at(&broken, text, NOW_MS / 1000, &out), ERR_AUTH);
	ck_assert_int_eq(token_open(&acme, STR("https://other.test"), text,
				    NOW_MS / 1000, pool, &out), ERR_AUTH);
	ck_assert_int_eq(out.iat_s, -1);
	jwe_keys_free(keys);
}
END_TEST

START_TEST(no_bit_of_it_may_change)
{
	struct token in = john(), out;
	struct str text = text_of(mint(&acme, &in));
	char copy[JWE_TOKEN_MAX];
	struct pool *each;
	size_t i;
	unsigned bit;

	ck_assert_uint_lt(text.len, sizeof(copy));
	memcpy(copy, text.ptr, text.len);
	for (i = 0; i < text.len; i++) {
		for (bit = 0; bit < 8; bit++) {
			enum err err;

			each = pool_new(64 * 1024);
			copy[i] ^= (char)(1 << bit);
			err = token_open(&acme, ISSUER,
					 (struct str){ copy, text.len },
					 NOW_MS / 1000, each, &out);
			ck_assert_msg(err == ERR_AUTH, "byte %zu bit %u: %s",
				      i, bit, err_text(err));
			copy[i] ^= (char)(1 << bit);
			pool_free(each);
		}
	}
	for (i = 0; i < text.len; i++)
		ck_assert_int_eq(open_at(&acme, (struct str){ text.ptr, i },
					 NOW_MS / 1000, &out), ERR_AUTH);
}
END_TEST

/* Even the right key cannot make us believe claims of another shape. */
START_TEST(claims_of_another_shape_are_refused)
{
	static const char good[] =
		"{\"v\":2,\"iss\":\"https://tickets.test\",\"aud\":\"acme\","
		"\"email\":\"a@b\",\"iat\":1000,\"exp\":1120,"
		"\"mms\":1000123,\"jti\":\"AAAAAAAAAAAAAAAAAAAAAA\","
		"\"rid\":\"R\",\"redirect_url\":\"https://t.test/\","
		"\"name\":\"A\",\"set\":{\"k\":\"v\",\"l\":\"w\"},"
		"\"unset\":[\"m\",\"n\"],\"events\":[{\"name\":\"e\","
		"\"body\":{\"x\":\"}\\\"\",\"y\":{}}}]}";
	const struct { const char *from, *to; } cases[] = {
		{ "\"v\":2", "\"v\":1" },
		{ "\"v\":2,", "" },
		{ "\"aud\":\"acme\"", "\"aud\":\"globex\"" },
		{ "\"aud\":\"acme\"", "\"aud\":\"acmes\"" },
		{ "\"iss\":\"https://tickets.test\"", "\"iss\":\"\"" },
		{ "\"iat\":1000", "\"iat\":1006" },	/* ahead */
		{ "\"iat\":1000", "\"iat\":999" },	/* 121 s to live */
		{ "\"iat\":1000", "\"iat\":1120" },
		{ "\"iat\":1000", "\"iat\":-1" },
		{ "\"iat\":1000", "\"iat\":01000" },
		{ "\"exp\":1120", "\"exp\":9999999999" },
		{ "\"exp\":1120", "\"exp\":null" },
		{ "\"mms\":1000123", "\"mms\":1001000" },
		{ "\"mms\":1000123", "\"mms\":999999" },
		{ "\"mms\":1000123,", "" },
		{ "AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAA" },
		{ "AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAB" },
		{ "AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAA" },
		{ "\"name\":\"A\",", "" },
		{ "\"name\":\"A\"", "\"name\":\"A\",\"admin\":true" },
		{ "\"name\":\"A\"", "\"name\":\"A\",\"name\":\"B\"" },
		{ "}]}", "}]} " "x" },
		/* the same to a JSON parser, but not what we write */
		{ "}]}", "}]} " },
		{ "{\"v\"", "{ \"v\"" },
		{ "\"name\":\"A\"", "\"name\": \"A\"" },
		{ "\"name\":\"A\"", "\"name\":\"\\u0041\"" },
		{ "\"redirect_url\":\"https://t.test/\",\"name\":\"A\"",
		  "\"name\":\"A\",\"redirect_url\":\"https://t.test/\"" },
		{ "\"name\":\"A\"", "\"name\":\"A\n\"" },
		{ "\"name\":\"A\"", "\"name\":\"\xff\"" },
		/* attributes and events */
		{ "{\"k\":\"v\",\"l\":\"w\"}", "{}" },
		{ "\"l\":\"w\"", "\"k\":\"w\"" },	/* twice */
		{ "\"k\":\"v\"", "\"k\":7" },
		{ "\"k\":\"v\",", "\"k\":\"v\"" },
		{ "[\"m\",\"n\"]", "[]" },
		{ "[\"m\",\"n\"]", "[\"m\",\"n\"" },
		{ "[{\"name\":\"e\"", "[{\"nome\":\"e\"" },
		{ "\"y\":{}}", "\"y\":{}" },
		{ "\"y\":{}}", "\"y\":\"}}}" },
		{ "\"body\":{", "\"body\":[{" },
		{ "\"body\":{", "\"body\":}{" },
		{ "}]}", "}],\"park\":\"\"}" },
		{ "}]}", "}],\"park\":\"AAAAAAAAAAAAAAAAAAAAAA.AAAA\"}" },
		/* ends early */
		{ "\"name\":\"A\"", "\"name\":\"A\\\"" },
		{ "}]}", "}]" },
		{ "}]}", "}" },
		{ "}]}", "" },
	};
	struct token out;

	ck_assert_int_eq(open_at(&acme, seal(&acme, str_from(good)), 1000,
				 &out), ERR_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *at = strstr(good, cases[i].from);
		struct str claims;
		enum err err;

		ck_assert_ptr_nonnull(at);
		claims = pool_printf(pool, "%.*s%s%s", (int)(at - good), good,
				     cases[i].to, at + strlen(cases[i].from));
		err = open_at(&acme, seal(&acme, claims), 1000, &out);
		ck_assert_msg(err == ERR_AUTH, "%s: %s", cases[i].to,
			      err_text(err));
	}
}
END_TEST

START_TEST(ids_are_unique_and_sort_as_they_were_minted)
{
	struct token first = john(), second = john(), later = john();
	struct str location, parked;

	mint(&acme, &first);
	mint(&acme, &second);
	ck_assert_int_eq(token_mint(&acme, ISSUER, NOW_MS + 1, &later, pool,
				    &location, &parked), ERR_OK);
	ck_assert_mem_eq(first.jti, second.jti, 6);
	ck_assert_mem_ne(first.jti, second.jti, sizeof(first.jti));
	ck_assert_int_gt(memcmp(later.jti, first.jti, sizeof(first.jti)), 0);
	ck_assert_int_gt(memcmp(later.jti, second.jti, sizeof(first.jti)), 0);
}
END_TEST

/* All that an adapter may decide, in full. */
static struct token with_decisions(struct outbox_event *events,
				   unsigned count, size_t body_len)
{
	static const struct str unset[] = { STR("old"), STR("o\"lder") };
	struct token token = john();
	char *body = pool_alloc(pool, body_len);

	fields_init(&token.set, pool);
	fields_set(&token.set, STR("plan"), STR("g\\old \"1\""), FIELD_TEXT);
	fields_set(&token.set, STR("city"), STR("K\xc3\xb6ln"), FIELD_TEXT);
	token.unset = unset;
	token.unset_count = 2;
	memset(body, 'x', body_len);
	memcpy(body, "{\"a\":\"}\\\"{", 11);
	memcpy(body + body_len - 2, "\"}", 2);
	for (unsigned i = 0; i < count; i++)
		events[i] = (struct outbox_event){ STR("order.seen"),
						   { body, body_len } };
	token.events = events;
	token.event_count = count;
	return token;
}

static void check_same(const struct token *in, const struct token *out)
{
	ck_assert(str_eq(out->name, in->name));
	ck_assert(str_eq(out->redirect_url, in->redirect_url));
	ck_assert_uint_eq(out->set.count, in->set.count);
	for (unsigned i = 0; i < in->set.count; i++) {
		ck_assert(str_eq(out->set.v[i].name, in->set.v[i].name));
		ck_assert(str_eq(out->set.v[i].value, in->set.v[i].value));
	}
	ck_assert_uint_eq(out->unset_count, in->unset_count);
	for (unsigned i = 0; i < in->unset_count; i++)
		ck_assert(str_eq(out->unset[i], in->unset[i]));
	ck_assert_uint_eq(out->event_count, in->event_count);
	for (unsigned i = 0; i < in->event_count; i++) {
		ck_assert(str_eq(out->events[i].name, in->events[i].name));
		ck_assert(str_eq(out->events[i].body, in->events[i].body));
	}
}

START_TEST(what_was_decided_travels_along)
{
	struct outbox_event events[2];
	struct token in = with_decisions(events, 2, 40), out;

	ck_assert_int_eq(open_at(&acme, text_of(mint(&acme, &in)),
				 NOW_MS / 1000, &out), ERR_OK);
	ck_assert(!out.is_parked);
	check_same(&in, &out);
}
END_TEST

/* Which of the parts go, in which order, is what `expected` says. */
static void check_parked(struct token in, bool has_set, bool has_name,
			 bool has_target)
{
	struct str location, parked = STR_NULL, other;
	struct token out, spoilt;

	ck_assert_int_eq(token_mint(&acme, ISSUER, NOW_MS, &in, pool,
				    &location, &parked), ERR_OK);
	ck_assert(in.is_parked && parked.ptr);
	ck_assert_uint_le(location.len, TOKEN_LOCATION_MAX);
	ck_assert_int_eq(open_at(&acme, text_of(location), NOW_MS / 1000,
				 &out), ERR_OK);
	ck_assert(out.is_parked);
	ck_assert_mem_eq(out.park_id, in.park_id, PARKED_ID_LEN);
	ck_assert_uint_eq(out.event_count, 0);
	ck_assert_int_eq(out.set.count > 0, has_set);
	ck_assert_int_eq(out.name.ptr != NULL, has_name);
	ck_assert_int_eq(out.redirect_url.ptr != NULL, has_target);
	ck_assert(str_eq(out.email, in.email));

	/* nothing else may be parked in its place */
	spoilt = out;
	other = pool_str(pool, parked);
	((char *)(uintptr_t)other.ptr)[other.len / 2] ^= 1;
	ck_assert_int_eq(token_unpark(&spoilt, other, pool), ERR_AUTH);
	spoilt = out;
	parked.len--;
	ck_assert_int_eq(token_unpark(&spoilt, parked, pool), ERR_AUTH);
	parked.len++;
	ck_assert_int_eq(token_unpark(&out, parked, pool), ERR_OK);
	check_same(&in, &out);
}

START_TEST(what_does_not_fit_is_parked_events_first)
{
	static char name[255 * 4], url[2048], big[2000];
	struct outbox_event events[OUTBOX_EVENTS_MAX / 2];
	struct token in;
	size_t i;

	for (i = 0; i < sizeof(name); i += 4)
		memcpy(name + i, "\xf0\x9f\x8e\xab", 4);
	memset(url, '&', sizeof(url));
	memcpy(url, "https://ticket.acme.test/?", 26);
	memset(big, 'b', sizeof(big));

	in = with_decisions(events, 2, 3000);
	check_parked(in, true, true, true);
	/* the most that an adapter may emit, and the most of one attribute */
	in = with_decisions(events, OUTBOX_EVENTS_MAX / 2, 4000);
	fields_set(&in.set, STR("big"), (struct str){ big, sizeof(big) },
		   FIELD_TEXT);
	check_parked(in, false, true, true);
	in = john();
	in.name = (struct str){ name, sizeof(name) };
	in.redirect_url = (struct str){ url, 1000 };
	check_parked(in, false, false, true);
	in.redirect_url = (struct str){ url, sizeof(url) };
	check_parked(in, false, false, false);
}
END_TEST

START_TEST(what_cannot_fit_is_an_error)
{
	struct outbox_event events[OUTBOX_EVENTS_MAX];
	struct token in = with_decisions(events, OUTBOX_EVENTS_MAX, 4000);
	struct str location = STR("untouched"), parked = STR("untouched");

	ck_assert_int_eq(token_mint(&acme, ISSUER, NOW_MS, &in, pool,
				    &location, &parked), ERR_LIMIT);
	ck_str_is(location, "untouched");
	ck_str_is(parked, "untouched");
}
END_TEST

static void token_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, what_is_minted_opens_again);
	tcase_add_test(tcase, one_that_is_vouched_for_says_so);
	tcase_add_test(tcase, what_began_at_the_desk_says_with_what);
	tcase_add_test(tcase, it_lives_for_two_minutes);
	tcase_add_test(tcase, it_opens_for_its_own_tenant_and_purpose_only);
	tcase_add_test(tcase, no_bit_of_it_may_change);
	tcase_add_test(tcase, claims_of_another_shape_are_refused);
	tcase_add_test(tcase, ids_are_unique_and_sort_as_they_were_minted);
	tcase_add_test(tcase, what_was_decided_travels_along);
	tcase_add_test(tcase, what_does_not_fit_is_parked_events_first);
	tcase_add_test(tcase, what_cannot_fit_is_an_error);
}

UNIT_MAIN("token", token_tests)
