#include "unit/unit.h"

#include "codec/base64url.h"

/* RFC 4648 section 10, without padding; the last two need '-' and '_'. */
static const struct {
	const char *bytes, *text;
} vectors[] = {
	{ "", "" },		{ "f", "Zg" },	       { "fo", "Zm8" },
	{ "foo", "Zm9v" },	{ "foob", "Zm9vYg" },  { "fooba", "Zm9vYmE" },
	{ "foobar", "Zm9vYmFy" }, { "\xfb\xff", "-_8" },
	{ "\xff\xff\xff", "____" },
};

START_TEST(known_texts_both_ways)
{
	struct str bytes = str_from(vectors[_i].bytes), back;
	char decoded[16];
	struct buf out;
	size_t len;

	buf_init(&out, 64);
	buf_puts(&out, "x.");
	base64url_add(&out, bytes.ptr, bytes.len);
	ck_assert(buf_is_ok(&out));
	back = buf_str(&out);
	back.ptr += 2;
	back.len -= 2;
	ck_str_is(back, vectors[_i].text);
	ck_assert_uint_eq(back.len, BASE64URL_LEN(bytes.len));
	ck_assert_int_eq(back.ptr[back.len], '\0');
	ck_assert_int_eq(base64url_decode(back, decoded, bytes.len, &len), 0);
	ck_assert_uint_eq(len, bytes.len);
	ck_assert_mem_eq(decoded, bytes.ptr, len);
	buf_done(&out);
}
END_TEST

static const struct {
	struct str text;
	enum err want;
} refused[] = {
	{ STR("Z"), ERR_SYNTAX },	/* six bits are no byte */
	{ STR("Zm9vY"), ERR_SYNTAX },
	{ STR("Zg=="), ERR_SYNTAX },	/* padding */
	{ STR("Zm8="), ERR_SYNTAX },
	{ STR("Zh"), ERR_SYNTAX },	/* unused bits not zero */
	{ STR("Zm9"), ERR_SYNTAX },
	{ STR("Zm9"), ERR_SYNTAX },
	{ STR("+/8A"), ERR_SYNTAX },	/* the other alphabet */
	{ STR("Zm 9"), ERR_SYNTAX },
	{ STR("Zm9v\n"), ERR_SYNTAX },
	{ STR("\nZm9v"), ERR_SYNTAX },
	{ STR("Zm9\0"), ERR_SYNTAX },
	{ STR("Z\xc3\xa9v"), ERR_SYNTAX },
	{ STR("Zm9vZm9vZm9vZm9vZm9vZm9v"), ERR_LIMIT },
};

START_TEST(anything_else_is_refused)
{
	char out[16], zero[16] = { 0 };
	size_t len = 99;

	memset(out, 0, sizeof(out));
	ck_assert_int_eq(base64url_decode(refused[_i].text, out, sizeof(out),
					  &len), refused[_i].want);
	ck_assert_uint_eq(len, 99);
	ck_assert_mem_eq(out, zero, sizeof(out));
}
END_TEST

/* So that no token, tag or session id has a second spelling. */
START_TEST(each_value_has_exactly_one_spelling)
{
	char text[2];
	unsigned accepted = 0;

	for (unsigned i = 0; i < 65536; i++) {
		unsigned char byte;
		size_t len;

		text[0] = (char)(i >> 8);
		text[1] = (char)i;
		accepted += !base64url_decode((struct str){ text, 2 }, &byte,
					      1, &len);
	}
	ck_assert_uint_eq(accepted, 256);
}
END_TEST

START_TEST(every_length_comes_back)
{
	unsigned char bytes[100], back[100];
	char text[BASE64URL_LEN(sizeof(bytes)) + 1];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 151 + 7);
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		struct str s = { text, BASE64URL_LEN(n) };
		size_t len;

		text[s.len] = '!';
		base64url_encode(text, bytes, n);
		ck_assert_int_eq(text[s.len], '!');
		ck_assert_int_eq(base64url_decode(s, back, n, &len), 0);
		ck_assert_uint_eq(len, n);
		ck_assert_mem_eq(back, bytes, n);
		if (n)
			ck_assert_int_eq(base64url_decode(s, back, n - 1,
							  &len), ERR_LIMIT);
	}
}
END_TEST

START_TEST(what_does_not_fit_fails_the_buffer)
{
	struct buf out;
	char array[8];

	buf_init_fixed(&out, array, sizeof(array));
	base64url_add(&out, "12345", 5);
	ck_assert(buf_is_ok(&out));
	base64url_add(&out, "1", 1);
	ck_assert(!buf_is_ok(&out));
	buf_init_fixed(&out, array, sizeof(array));
	base64url_add(&out, "", SIZE_MAX);
	ck_assert(!buf_is_ok(&out));
}
END_TEST

static void base64url_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, known_texts_both_ways, 0,
			    sizeof(vectors) / sizeof(vectors[0]));
	tcase_add_loop_test(tcase, anything_else_is_refused, 0,
			    sizeof(refused) / sizeof(refused[0]));
	tcase_add_test(tcase, each_value_has_exactly_one_spelling);
	tcase_add_test(tcase, every_length_comes_back);
	tcase_add_test(tcase, what_does_not_fit_fails_the_buffer);
}

UNIT_MAIN("base64url", base64url_tests)
