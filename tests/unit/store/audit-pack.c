#include "store/audit-pack.h"

#include "base/buf.h"
#include "unit/unit.h"

#define ID "01KC45Q9G0S4N5YCBZ3V8QWRTE"

static struct pool *pool;

static const struct audit_step steps[] = {
	{ "find_tenant", "next", NULL, 17 },
	{ "limit_rate", "next", NULL, 4 },
	{ "check_origin", "next", NULL, 2 },
	{ "read_body", "next", NULL, 21 },
	{ "verify_identity", "next", NULL, 1 },
	{ "ask_adapter", "next", NULL, 0 },
	{ "validate", "next", NULL, 6 },
	{ "choose_redirect", "next", NULL, 3 },
	{ "sync_user", "stored", NULL, 940 },
};

static struct audit_record handoff(void)
{
	struct audit_record r = {
		.request_id = STR(ID), .tenant = STR("acme"), .status = 302,
		.steps = steps, .step_count = N_ELEMENTS(steps),
	};

	ck_assert(audit_id_time(r.request_id, &r.time_ms));
	return r;
}

static size_t pack(const struct audit_record *r,
		   unsigned char body[AUDIT_BODY_MAX])
{
	size_t len = 0;

	body[0] = AUDIT_VERSION;
	ck_assert_int_eq(audit_pack(r, body + 1, &len), ERR_OK);
	return len + 1;
}

/* The only record of a body. */
static struct audit_record unpack(const void *octets, size_t len)
{
	struct audit_record r;
	struct audit_view view;
	struct audit_body body;

	ck_assert_int_eq(audit_body_open((struct str){ octets, len }, &body),
			 ERR_OK);
	ck_assert_int_eq(audit_body_next(&body, &view), 1);
	ck_assert_int_eq(audit_view_show(&view, pool, &r), ERR_OK);
	ck_assert_int_eq(audit_body_next(&body, &view), 0);
	return r;
}

START_TEST(a_record_comes_back_as_it_was)
{
	unsigned char body[AUDIT_BODY_MAX];
	struct audit_record r = handoff(), back;

	back = unpack(body, pack(&r, body));
	ck_str_is(back.request_id, ID);
	ck_str_is(back.tenant, "acme");
	ck_assert_ptr_null(back.code.ptr);
	ck_assert_int_eq(back.status, 302);
	ck_assert_int_eq(back.time_ms, r.time_ms);
	ck_assert(str_has_prefix(back.trail, STR("[{\"step\":\"find_tenant\","
		"\"verdict\":\"next\",\"us\":17},{\"step\":\"limit_rate\"")));
	/* another time than the id's, an id that is none, what is absent */
	r.time_ms = -5;
	r.tenant = STR_NULL;
	r.code = STR("of_tomorrow");
	r.trail = STR("[1]");
	ck_assert_int_eq(unpack(body, pack(&r, body)).time_ms, -5);
	r.request_id = STR("01kc45q9g0s4n5ycbz3v8qwrte");
	back = unpack(body, pack(&r, body));
	ck_str_is(back.request_id, "01kc45q9g0s4n5ycbz3v8qwrte");
	ck_str_is(back.code, "of_tomorrow");
	ck_str_is(back.trail, "[1]");
	ck_assert_ptr_null(back.tenant.ptr);
}
END_TEST

START_TEST(a_handoff_takes_few_octets)
{
	unsigned char body[AUDIT_BODY_MAX];
	struct audit_record r = handoff();

	ck_assert_uint_le(pack(&r, body), 56);
	ck_assert_int_eq(ip_parse(STR("198.51.100.7"), &r.network), ERR_OK);
	ck_assert_uint_le(pack(&r, body), 59);
}
END_TEST

/* Who it was is not kept, but whose provider's customer. */
START_TEST(of_a_client_the_network_is_kept)
{
	static const struct { const char *address, *network; } cases[] = {
		{ "198.51.100.7", "198.51.100.0/24" },
		{ "::ffff:198.51.100.7", "198.51.100.0/24" },
		{ "2001:db8:1:2:3::4", "2001:db8:1::/48" },
	};
	unsigned char body[AUDIT_BODY_MAX];
	char text[AUDIT_NETWORK_TEXT_MAX];
	struct audit_record r = handoff();
	struct audit_body old;
	struct audit_view view;

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct audit_record back;
		struct ip low;
		size_t len;

		ck_assert_int_eq(ip_parse(str_from(cases[i].address),
					  &r.network), ERR_OK);
		len = pack(&r, body);
		back = unpack(body, len);
		low = ip_prefix(&r.network, r.network.family == 4 ? 24 : 48);
		ck_assert(ip_eq(&back.network, &low));
		audit_network_text(&back.network, text);
		ck_assert_str_eq(text, cases[i].network);
		/* version 1 had none, so one cannot have been written */
		body[0] = 1;
		ck_assert_int_eq(audit_body_open((struct str){
			(char *)body, len }, &old), ERR_OK);
		ck_assert_int_eq(audit_body_next(&old, &view), -1);
	}
	r.network = (struct ip){ 0 };
	r = unpack(body, pack(&r, body));
	audit_network_text(&r.network, text);
	ck_assert_str_eq(text, "");
}
END_TEST

/* Who is erased goes out of a row, and nobody and nothing else does. */
START_TEST(a_person_goes_out_of_a_row_in_place)
{
	static const struct audit_tags tags[] = {
		{ 7, 0, 9 }, { 7, 8, 9 }, { 5, 8, 0 }, { 5, 6, 7 }, { 0, 0, 7 },
	}, without_7[] = {
		{ 0, 0, 9 }, { 0, 8, 9 }, { 5, 8, 0 }, { 5, 6, 7 }, { 0, 0, 7 },
	}, nor_8[] = {
		{ 0, 0, 9 }, { 0, 0, 9 }, { 0, 0, 0 }, { 5, 6, 7 }, { 0, 0, 7 },
	};
	const struct audit_tags *const want[] = { tags, without_7, nor_8 };
	const int changed[] = { 0, 2, 2 };
	unsigned char octets[AUDIT_BODY_MAX] = { AUDIT_VERSION };
	size_t len = 1, more;

	for (size_t i = 0; i < N_ELEMENTS(tags); i++) {
		struct audit_record r = handoff();

		r.tags = tags[i];
		ck_assert_int_eq(audit_pack(&r, octets + len, &more), ERR_OK);
		len += more;
	}
	for (size_t i = 0; i < N_ELEMENTS(want); i++) {
		struct audit_body body;
		struct audit_view view;

		ck_assert_int_eq(audit_body_forget(octets, len, 6 + i +
						   (i ? 0 : 94)), changed[i]);
		ck_assert_int_eq(audit_body_open((struct str){ (char *)octets,
				 len }, &body), ERR_OK);
		for (size_t k = 0; k < N_ELEMENTS(tags); k++) {
			ck_assert_int_eq(audit_body_next(&body, &view), 1);
			ck_assert_uint_eq(view.tags.person, want[i][k].person);
			ck_assert_uint_eq(view.tags.subject,
					  want[i][k].subject);
			ck_assert_uint_eq(view.tags.token, want[i][k].token);
			ck_assert(audit_view_is(&view, STR(ID)));
		}
		ck_assert_int_eq(audit_body_next(&body, &view), 0);
	}
	ck_assert_int_eq(audit_body_forget(octets, len - 1, 7), -1);
}
END_TEST

/* What is in databases must be read by every later version. */
START_TEST(numbers_of_words_never_change)
{
	static const unsigned char stored[] = {
		1, 2 | 8, 1, 'x', 10, 200, 1, 209, 1,	/* bad_request */
		3, 9, 1, 34, 45, 3, 2, 141, 1, 97, 0,
	};
	struct audit_record r = unpack(stored, sizeof(stored));

	ck_str_is(r.code, "bad_request");
	ck_str_is(r.trail,
		  "[{\"step\":\"find_tenant\",\"verdict\":\"next\","
		  "\"us\":17},{\"step\":\"deliver\",\"verdict\":\"stored\","
		  "\"us\":1},{\"step\":\"usherctl\","
		  "\"verdict\":\"find_current\",\"us\":0}]");
}
END_TEST

#define BAD(octets) { octets, sizeof(octets) - 1 }

START_TEST(what_could_not_have_been_written_is_refused)
{
	static const struct str cases[] = {
		BAD("\2\1x\12\310\1\0\0"),		/* cut short */
		BAD("\1x\12\310\1\0"),			/* half a ULID */
		BAD("\202\10\1x\12\310\1\0"),	/* a tag of tomorrow */
		BAD("\202\0\1x\12\310\1\0"),	/* tags, and none */
		BAD("\202"),			/* tags, cut short */
		BAD("\202\1\1x\12aaaaaaa"),	/* a tag, cut short */
		BAD("\142\1x\12aaaaaaaaa\310\1\0"),	/* two networks */
		BAD("\42\1x\12aa"),		/* a network, cut short */
		BAD("\0\1x\310\1\0"),			/* no time at all */
		BAD("\2\1x\212\0\310\1\0"),		/* an overlong number */
		BAD("\2\1x\377\377\377\377\377\377\377\377\377\2\310\1\0"),
		BAD("\2\1x\12\350\7\0"),		/* a status of 1000 */
		BAD("\2\1x\12\310\1\41"),		/* 33 steps */
		BAD("\12\1x\12\310\1\377\17\0"),	/* no such word */
		BAD("\6\1x\12\2a\0\310\1\0"),		/* a NUL */
		BAD("\6\1x\12\101aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		    "aaaaaaaaaaaaaaaaaa\310\1\0"),	/* a tenant of 65 */
		BAD("\2\32" ID "\12\310\1\0"),		/* a ULID as a text */
		BAD("\2\1x\12\310\1\1\3\3\1\2a"),	/* why, cut short */
		BAD("\22\1x\12\310\1\5[1]"),		/* a text, cut short */
	};
	unsigned char octets[128];

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct audit_view view;
		struct audit_body body;
		int is;

		octets[0] = AUDIT_VERSION;
		memcpy(octets + 1, cases[i].ptr, cases[i].len);
		ck_assert_int_eq(audit_body_open((struct str){
			(char *)octets, cases[i].len + 1 }, &body), ERR_OK);
		while ((is = audit_body_next(&body, &view)) > 0)
			;
		ck_assert_msg(is < 0, "case %zu", i);
	}
}
END_TEST

START_TEST(other_rows_are_refused_whole)
{
	static char large[AUDIT_BODY_MAX + 1] = { AUDIT_VERSION };
	struct audit_body body;

	ck_assert_int_eq(audit_body_open(STR(""), &body), ERR_SYNTAX);
	ck_assert_int_eq(audit_body_open(STR("\4"), &body), ERR_SYNTAX);
	ck_assert_int_eq(audit_body_open((struct str){ large, sizeof(large) },
					 &body), ERR_SYNTAX);
	ck_assert_int_eq(audit_body_open(STR("\1"), &body), ERR_OK);
}
END_TEST

/* Each octet of a good row changed and cut: read, or refused, never past it. */
START_TEST(damage_of_any_kind_is_survived)
{
	unsigned char good[AUDIT_BODY_MAX];
	struct audit_record r = handoff(), shown;
	size_t len = pack(&r, good);

	for (size_t i = 1; i < len; i++) {
		for (unsigned bit = 0; bit < 9; bit++) {
			size_t size = bit < 8 ? len : i;
			unsigned char *copy = malloc(size);
			struct audit_body body;
			struct audit_view view;

			memcpy(copy, good, size);
			if (bit < 8)
				copy[i] ^= (unsigned char)(1u << bit);
			ck_assert_int_eq(audit_body_open((struct str){
				(char *)copy, size }, &body), ERR_OK);
			while (audit_body_next(&body, &view) > 0)
				ck_assert_int_eq(audit_view_show(&view, pool,
								 &shown), 0);
			free(copy);
		}
		pool_reset(pool);
	}
}
END_TEST

START_TEST(limits_hold_before_anything_is_packed)
{
	static char name[AUDIT_NAME_MAX + 2], why[AUDIT_WHY_MAX + 2];
	static struct audit_step many[AUDIT_STEPS_MAX + 1];
	struct audit_record r = handoff();
	struct audit_step step = { "validate", "next", why, 1 };
	unsigned char out[AUDIT_PACKED_MAX];
	size_t len = 77;

	memset(name, 'n', AUDIT_NAME_MAX + 1);
	memset(why, 'w', AUDIT_WHY_MAX + 1);
	r.steps = &step;
	r.step_count = 1;
	ck_assert_int_eq(audit_pack(&r, out, &len), ERR_LIMIT);
	step.why = NULL;
	step.step = name;
	ck_assert_int_eq(audit_pack(&r, out, &len), ERR_LIMIT);
	step.step = "validate";
	r.status = AUDIT_STATUS_MAX + 1;
	ck_assert_int_eq(audit_pack(&r, out, &len), ERR_LIMIT);
	r.status = 302;
	for (unsigned i = 0; i <= AUDIT_STEPS_MAX; i++)
		many[i] = (struct audit_step){ "a", "b", NULL, 0 };
	r.steps = many;
	r.step_count = AUDIT_STEPS_MAX + 1;
	ck_assert_int_eq(audit_pack(&r, out, &len), ERR_LIMIT);
	/* each within its limit, and all of them too much */
	why[AUDIT_WHY_MAX] = name[AUDIT_NAME_MAX] = '\0';
	for (unsigned i = 0; i < AUDIT_STEPS_MAX; i++)
		many[i] = (struct audit_step){ name, name, why, INT64_MAX };
	r.step_count = AUDIT_STEPS_MAX;
	ck_assert_int_eq(audit_pack(&r, out, &len), ERR_LIMIT);
	ck_assert_uint_eq(len, 77);
}
END_TEST

START_TEST(an_id_tells_its_time)
{
	static const struct { const char *id; int64_t ms; } cases[] = {
		{ "01ARZ3NDEKTSV4RRFFQ69G5FAV", 1469922850259 },
		{ "00000000000000000000000000", 0 },
		{ "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", (INT64_C(1) << 48) - 1 },
		{ "ctl-019b0000000abcde", 0x019b0000000 },
		{ "8ZZZZZZZZZZZZZZZZZZZZZZZZZ", -1 },	/* past 128 bits */
		{ "01ARZ3NDEKTSV4RRFFQ69G5FAU", -1 },	/* no such digit */
		{ "01ARZ3NDEKTSV4RRFFQ69G5FAI", -1 },
		{ "01arz3ndektsv4rrffq69g5fav", -1 },
		{ "01ARZ3NDEKTSV4RRFFQ69G5FA", -1 },
		{ "01ARZ3NDEKTSV4RRFFQ69G5FAVV", -1 },
		{ "ctl-019b0000000abcdg", -1 },
		{ "ctl-019b0000000abcd", -1 },
		{ "", -1 },
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		bool is = cases[i].ms >= 0;
		int64_t ms = -1;

		ck_assert_msg(audit_id_time(str_from(cases[i].id), &ms) == is,
			      "%s", cases[i].id);
		ck_assert_int_eq(ms, is ? cases[i].ms : -1);
	}
}
END_TEST

static void setup(void)
{
	pool = pool_new(1 << 20);
}

static void teardown(void)
{
	pool_free(pool);
}

static void audit_pack_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_record_comes_back_as_it_was);
	tcase_add_test(tc, a_handoff_takes_few_octets);
	tcase_add_test(tc, of_a_client_the_network_is_kept);
	tcase_add_test(tc, a_person_goes_out_of_a_row_in_place);
	tcase_add_test(tc, numbers_of_words_never_change);
	tcase_add_test(tc, what_could_not_have_been_written_is_refused);
	tcase_add_test(tc, other_rows_are_refused_whole);
	tcase_add_test(tc, damage_of_any_kind_is_survived);
	tcase_add_test(tc, limits_hold_before_anything_is_packed);
	tcase_add_test(tc, an_id_tells_its_time);
}

UNIT_MAIN("audit-pack", audit_pack_tests)
