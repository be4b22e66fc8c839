#include "codec/multipart.h"

#include "unit/codec/parsing.h"

#define CD "Content-Disposition: form-data; name="

static enum err parse_b(struct str in, struct fields *out,
			struct fault *fault)
{
	return multipart_parse(in, STR("B"), out, fault);
}

START_TEST(test_a_chromium_body_is_read)
{
	static const struct parsing p = {
		.in = BYTES(
			"------WebKitFormBoundary7MA4YWxkTrZu0gW\r\n"
			CD "\"email\"\r\n\r\nann@example.com\r\n"
			"------WebKitFormBoundary7MA4YWxkTrZu0gW\r\n"
			CD "\"a %22quoted%22 \xc3\xa9 100%\"\r\n\r\nZo\xc3\xab\r\n"
			"------WebKitFormBoundary7MA4YWxkTrZu0gW\r\n"
			CD "\"empty\"\r\n\r\n\r\n"
			"------WebKitFormBoundary7MA4YWxkTrZu0gW--\r\n"),
	};
	struct pool *pool = pool_new(1 << 16);
	struct fields f;

	fields_init(&f, pool);
	ck_assert_int_eq(multipart_parse(p.in,
		STR("----WebKitFormBoundary7MA4YWxkTrZu0gW"), &f, NULL),
		ERR_OK);
	ck_str_is(fields_text(pool, &f), "email=ann@example.com"
		  "|a \"quoted\" \xc3\xa9 100%=Zo\xc3\xab|empty=");
	/* Values are the body's own bytes. */
	ck_assert(f.v[0].value.ptr > p.in.ptr &&
		  f.v[0].value.ptr < p.in.ptr + p.in.len);
	pool_free(pool);
}
END_TEST

START_TEST(test_a_firefox_body_is_read)
{
	static const char boundary[] =
		"---------------------------735323031399963166993862150";
	struct pool *pool = pool_new(1 << 16);
	struct str in = pool_printf(pool,
		"--%s\r\n" CD "\"name\"\r\n\r\nAnn Lee\r\n--%s--\r\n",
		boundary, boundary);
	struct fields f;

	fields_init(&f, pool);
	ck_assert_int_eq(multipart_parse(in, str_from(boundary), &f, NULL),
			 ERR_OK);
	ck_str_is(fields_text(pool, &f), "name=Ann Lee");
	pool_free(pool);
}
END_TEST

static const struct parsing good[] = {
	/* an empty FormData */
	{ .in = BYTES("--B--\r\n") },
	{ .in = BYTES("--B--") },
	{ .in = BYTES("--B--  \r\n\t\r\n") },
	/* curl, okhttp and others add headers */
	{ .in = BYTES("--B\r\ncontent-disposition:form-data ;name=\"a\" \r\n"
		      "Content-Type: text/plain; charset=UTF-8\r\n"
		      "Content-Transfer-Encoding: 8bit\r\n"
		      "Content-Length: 1\r\n\r\n1\r\n--B--"),
	  .fields = "a=1" },
	{ .in = BYTES("--B\r\nContent-Type: application/json\r\n" CD
		      "a\r\nContent-Transfer-Encoding: BINARY\r\n\r\n1"
		      "\r\n--B \t\r\nContent-Transfer-Encoding: 7bit\r\n"
		      "Content-Type: text/plain;charset=us-ascii\r\n"
		      CD "b\r\n\r\n2\r\n--B--"),
	  .fields = "a=1|b=2" },
	/* a backslash is a backslash, as browsers write it */
	{ .in = BYTES("--B\r\n" CD "\"a\\\"\r\n\r\n--B--\r\n--B\r\n" CD
		      "\"b\\\\;%25\"\r\n\r\n2\r\n--B--"),
	  .fields = "a\\=--B--|b\\\\;%25=2" },
	{ .in = BYTES("--B\r\n" CD "\"%22\"\r\n\r\n\"\r\n--B--"),
	  .fields = "\"=\"" },
	/* an unquoted name is read as a quoted one is */
	{ .in = BYTES("--B\r\n" CD "a%22%2522\r\n\r\n\r\n--B--"),
	  .fields = "a\"%2522=" },
};

START_TEST(test_what_clients_send_is_read)
{
	parsing_check(parse_b, &good[_i]);
}
END_TEST

#define END "\r\n\r\n1\r\n--B--"

static const struct parsing bad[] = {
	/* the frame */
	{ BYTES(""), ERR_SYNTAX, 0, NULL },
	{ BYTES("-"), ERR_SYNTAX, 0, NULL },
	{ BYTES("preamble\r\n--B--"), ERR_SYNTAX, 0, NULL },
	{ BYTES("\r\n--B--"), ERR_SYNTAX, 0, NULL },
	{ BYTES("--B"), ERR_SYNTAX, 3, NULL },
	{ BYTES("--B-"), ERR_SYNTAX, 3, NULL },
	{ BYTES("--B\n" CD "a" END), ERR_SYNTAX, 3, NULL },
	{ BYTES("--BB\r\n" CD "a" END), ERR_SYNTAX, 3, NULL },
	{ BYTES("--B--\r\n--B--"), ERR_SYNTAX, 5, NULL },
	{ BYTES("--B--\0"), ERR_SYNTAX, 5, NULL },
	{ BYTES("--B\r\n" CD "a\r\n\r\n1\r\n--B--x"), ERR_SYNTAX, 55, NULL },
	{ BYTES("--B\r\n" CD "a\r\n\r\n1\r\n--B"), ERR_SYNTAX, 53, NULL },
	{ BYTES("--B\r\n" CD "a\r\n\r\n1\r\n--BC\r\n"), ERR_SYNTAX, 53, NULL },
	{ BYTES("--B\r\n" CD "a\r\n\r\n1"), ERR_SYNTAX, 47, NULL },
	{ BYTES("--B\r\n" CD "a\r\n\r\n1--B--"), ERR_SYNTAX, 47, NULL },
	{ BYTES("--B\r\n" CD "a\r\n\r\n--B--"), ERR_SYNTAX, 47, NULL },
	{ BYTES("--B\r\n" CD "a\r\n--B--"), ERR_SYNTAX, 45, NULL },
	{ BYTES("--B\r\n" CD "a\r\n--B\r\n\r\n"), ERR_SYNTAX, 45, NULL },
	{ BYTES("--B\r\n" CD "a"), ERR_SYNTAX, 5, NULL },
	/* the headers */
	{ BYTES("--B\r\n\r\n1\r\n--B--"), ERR_SYNTAX, 7, NULL },
	{ BYTES("--B\r\nX: y" END), ERR_SYNTAX, 13, NULL },
	{ BYTES("--B\r\n: y" END), ERR_SYNTAX, 5, NULL },
	{ BYTES("--B\r\nX y" END), ERR_SYNTAX, 5, NULL },
	{ BYTES("--B\r\nX" END), ERR_SYNTAX, 5, NULL },
	{ BYTES("--B\r\nX : y" END), ERR_SYNTAX, 5, NULL },
	{ BYTES("--B\r\n" CD "a\r\n b=c" END), ERR_SYNTAX, 45, NULL },
	{ BYTES("--B\r\nX: y\0" END), ERR_CONTROL, 9, NULL },
	{ BYTES("--B\r\nX: y\nZ: z" END), ERR_CONTROL, 9, NULL },
	{ BYTES("--B\r\nX: \xff" END), ERR_UTF8, 8, NULL },
	{ BYTES("--B\r\na:\r\nb:\r\nc:\r\nd:\r\ne:\r\nf:\r\ng:\r\nh:\r\n" CD
		"i" END), ERR_LIMIT, 37, NULL },
	/* the disposition */
	{ BYTES("--B\r\nContent-Disposition: attachment; name=a" END),
	  ERR_SYNTAX, 5, NULL },
	{ BYTES("--B\r\nContent-Disposition: form-data" END),
	  ERR_SYNTAX, 5, NULL },
	{ BYTES("--B\r\nContent-Disposition: form-data name=a" END),
	  ERR_SYNTAX, 5, NULL },
	{ BYTES("--B\r\nContent-Disposition: form-data;" END),
	  ERR_SYNTAX, 5, NULL },
	{ BYTES("--B\r\nContent-Disposition: form-data; name" END),
	  ERR_SYNTAX, 5, NULL },
	{ BYTES("--B\r\nContent-Disposition: form-data; name*=u''a" END),
	  ERR_UNSUPPORTED, 5, NULL },
	{ BYTES("--B\r\n" CD END), ERR_SYNTAX, 5, NULL },
	{ BYTES("--B\r\n" CD "\"\"" END), ERR_SYNTAX, 5, NULL },
	{ BYTES("--B\r\n" CD "\"a" END), ERR_SYNTAX, 5, NULL },
	{ BYTES("--B\r\n" CD "\"a\"b" END), ERR_SYNTAX, 5, NULL },
	{ BYTES("--B\r\n" CD "\"a\\\"b\"" END), ERR_SYNTAX, 5, NULL },
	{ BYTES("--B\r\n" CD "a;" END), ERR_SYNTAX, 5, NULL },
	{ BYTES("--B\r\n" CD "a; name=b" END), ERR_DUPLICATE, 5, NULL },
	{ BYTES("--B\r\n" CD "a; x=b" END), ERR_UNSUPPORTED, 5, NULL },
	{ BYTES("--B\r\n" CD "a; filename=\"x\"" END),
	  ERR_UNSUPPORTED, 5, NULL },
	{ BYTES("--B\r\nContent-Disposition: form-data; FileName*=u''x" END),
	  ERR_UNSUPPORTED, 5, NULL },
	{ BYTES("--B\r\n" CD "a\r\n" CD "b" END), ERR_DUPLICATE, 45, NULL },
	{ BYTES("--B\r\n" CD "\"a%0Ab\"" END), ERR_CONTROL, 5, NULL },
	{ BYTES("--B\r\n" CD "\"a%0Db\"" END), ERR_CONTROL, 5, NULL },
	{ BYTES("--B\r\n" CD "\"email\0x\"" END), ERR_CONTROL, 48, NULL },
	{ BYTES("--B\r\n" CD "\"a\xe9\"" END), ERR_UTF8, 44, NULL },
	/* the other headers that count */
	{ BYTES("--B\r\nContent-Transfer-Encoding: base64\r\n" CD "a" END),
	  ERR_UNSUPPORTED, 5, NULL },
	{ BYTES("--B\r\nContent-Transfer-Encoding: 7bit\r\n"
		"Content-Transfer-Encoding: 7bit" END), ERR_DUPLICATE, 38,
	  NULL },
	{ BYTES("--B\r\nContent-Type: text" END), ERR_SYNTAX, 5, NULL },
	{ BYTES("--B\r\nContent-Type: a/b;c=d;c=d" END), ERR_DUPLICATE, 5,
	  NULL },
	{ BYTES("--B\r\nContent-Type: a/b\r\nContent-Type: a/b" END),
	  ERR_DUPLICATE, 24, NULL },
	{ BYTES("--B\r\nContent-Type: multipart/mixed; boundary=C" END),
	  ERR_UNSUPPORTED, 5, NULL },
	{ BYTES("--B\r\nContent-Type: text/plain;charset=utf-16" END),
	  ERR_UNSUPPORTED, 5, NULL },
	/* the values */
	{ BYTES("--B\r\n" CD "a\r\n\r\n1\0\r\n--B--"), ERR_CONTROL, 48, NULL },
	{ BYTES("--B\r\n" CD "a\r\n\r\n1\r\n2\r\n--B--"), ERR_CONTROL, 48,
	  NULL },
	{ BYTES("--B\r\n" CD "a\r\n\r\nn\xe9\r\n--B--"), ERR_UTF8, 48, NULL },
	{ BYTES("--B\r\n" CD "a\r\n\r\n1\r\n--B\r\n" CD "\"a\"" END),
	  ERR_DUPLICATE, 53, NULL },
	{ BYTES("--B\r\n" CD "before" END), ERR_DUPLICATE, 3, NULL },
};

START_TEST(test_what_could_mean_two_things_is_refused_with_its_place)
{
	parsing_check(parse_b, &bad[_i]);
}
END_TEST

START_TEST(test_the_boundary_has_to_be_one)
{
	static const char *const boundaries[] = {
		"", " ", "a ", "a\"b", "a*b", "a;b", "\xc3\xa9", "a\nb", "a\tb",
	};
	struct str in = STR("--a --"), longest;
	struct pool *pool = pool_new(1 << 12);
	struct fault fault;
	struct fields f;

	fields_init(&f, pool);
	for (size_t i = 0; i < sizeof(boundaries) / sizeof(*boundaries); i++)
		ck_assert_int_eq(multipart_parse(in, str_from(boundaries[i]),
						 &f, &fault), ERR_SYNTAX);
	ck_assert_int_eq(multipart_parse(in, STR("\0"), &f, &fault),
			 ERR_SYNTAX);
	ck_assert_int_eq(multipart_parse(in, STR_NULL, &f, &fault),
			 ERR_SYNTAX);
	ck_assert_int_eq(multipart_parse(STR("--a 'b'--"), STR("a 'b'"), &f,
					 &fault), ERR_OK);
	longest = pool_printf(pool, "--%070d--", 0);
	ck_assert_int_eq(multipart_parse(longest, (struct str){
		longest.ptr + 2, 70 }, &f, &fault), ERR_OK);
	longest = pool_printf(pool, "--%071d--", 0);
	ck_assert_int_eq(multipart_parse(longest, (struct str){
		longest.ptr + 2, 71 }, &f, &fault), ERR_SYNTAX);
	pool_free(pool);
}
END_TEST

START_TEST(test_limits_are_told_where_they_are_passed)
{
	struct pool *pool = pool_new(1 << 20);
	struct parsing p = { .err = ERR_LIMIT };

	p.in = repeated(pool, "--B", "\r\n" CD "f%u\r\n\r\n\r\n--B",
			FIELDS_MAX, "--");
	p.at = p.in.len - 3 - strlen("\r\n" CD "f255\r\n\r\n\r\n") - 2;
	parsing_check(parse_b, &p);
	p.at = 3;
	p.in = repeated(pool, "--B\r\n" CD, "n%u", 65, END);
	parsing_check(parse_b, &p);
	p.in = repeated(pool, "--B\r\n" CD "a\r\n\r\n", "%u", 4000,
			"\r\n--B--");
	parsing_check(parse_b, &p);
	pool_free(pool);
}
END_TEST

START_TEST(test_a_full_pool_is_told_as_such)
{
	struct str in = STR("--B\r\nContent-Type: text/plain\r\n"
			    CD "\"%22\"" END);

	for (size_t limit = 0; limit <= 1024; limit += 16) {
		struct pool *pool = pool_new(limit);
		struct fields f;
		enum err err;

		fields_init(&f, pool);
		err = parse_b(in, &f, NULL);
		ck_assert_int_eq(err, limit < 688 ? ERR_NOMEM : ERR_OK);
		ck_assert_uint_eq(f.count, err ? 0 : 1);
		pool_free(pool);
	}
}
END_TEST

static void multipart_tests(TCase *t)
{
	tcase_add_test(t, test_a_chromium_body_is_read);
	tcase_add_test(t, test_a_firefox_body_is_read);
	tcase_add_loop_test(t, test_what_clients_send_is_read, 0,
			    sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(t, test_what_could_mean_two_things_is_refused_with_its_place,
			    0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(t, test_the_boundary_has_to_be_one);
	tcase_add_test(t, test_limits_are_told_where_they_are_passed);
	tcase_add_test(t, test_a_full_pool_is_told_as_such);
}

UNIT_MAIN("multipart", multipart_tests)
