#include "codec/posted.h"

#include "codec/form.h"
#include "codec/json.h"
#include "codec/multipart.h"
#include "unit/codec/parsing.h"

#define CD "Content-Disposition: form-data; name="

static const struct str strict[] = { STR("email"), STR("name") };
static const struct str wanted[] = { STR("tags"), STR("address") };
static const struct posted rules = {
	.strict = strict, .strict_count = 2, .wanted = wanted, .wanted_count = 2,
};

struct kase {
	struct str in;
	enum err err;
	size_t at;
	const char *fields;
	struct posted_drops drops;	/* files, nested, repeated */
};

static enum err parse_b(struct str in, struct fields *out,
			struct fault *fault)
{
	return multipart_parse(in, STR("B"), out, fault);
}

static void check(parse_fn parse, const struct kase *k)
{
	struct pool *pool = pool_new(1 << 22);
	struct posted_drops drops = { 99, 99, 99 };
	struct fault fault = { 0 };
	struct fields fields;
	enum err err;

	fields_init_posted(&fields, pool, &rules);
	err = parse(k->in, &fields, &fault);
	if (!err)
		err = posted_settle(&fields, &drops, &fault);
	ck_assert_msg(err == k->err, "'%.200s': %s (%s), want %s", k->in.ptr,
		      err_text(err), fault.detail ? fault.detail : "",
		      err_text(k->err));
	if (err) {
		ck_assert_msg(fault.offset == k->at, "'%.200s': at %zu",
			      k->in.ptr, fault.offset);
		ck_assert_uint_eq(drops.files, 99);
	} else {
		ck_str_is(fields_text(pool, &fields), k->fields);
		ck_assert_msg(drops.files == k->drops.files &&
			      drops.nested == k->drops.nested &&
			      drops.repeated == k->drops.repeated,
			      "'%.200s': dropped %u, %u, %u", k->in.ptr,
			      drops.files, drops.nested, drops.repeated);
	}
	pool_free(pool);
}

static const struct kase forms[] = {
	/* what nobody asked for is dropped, all of it */
	{ .in = BYTES("email=a&x[]=1&x[]=2&x[]=3&y=4"), .fields = "email=a|y=4",
	  .drops = { 0, 0, 3 } },
	{ .in = BYTES("plan=gold&plan=basic&y=4"), .fields = "y=4",
	  .drops = { 0, 0, 2 } },
	/* no '=', no pair at all: empty, and nobody is kept out */
	{ .in = BYTES("email=a&empty"), .fields = "email=a|empty=" },
	{ .in = BYTES("empty&email=a"), .fields = "empty=|email=a" },
	{ .in = BYTES("email&name="), .fields = "email=|name=" },
	{ .in = BYTES("&&email=a&&y=4&&&"), .fields = "email=a|y=4" },
	{ .in = BYTES("x&y=1&x"), .fields = "y=1", .drops = { 0, 0, 2 } },
	{ .in = BYTES("&"), .fields = "" },
	{ .in = BYTES("email=a&=1"), .err = ERR_SYNTAX, .at = 8 },
	/* what somebody asked for is one array */
	{ .in = BYTES("tags=a&y=1&tags=%22b&tags="),
	  .fields = "tags:=[\"a\",\"\\\"b\",\"\"]|y=1" },
	{ .in = BYTES("tags=a"), .fields = "tags=a" },
	/* people's text: a space for each line end and TAB */
	{ .in = BYTES("note=one%0D%0Atwo%09three%0Afour%0D"),
	  .fields = "note=one two three four " },
	{ .in = BYTES("note=\xc3\xa9%0D%0A\xc3\xa9\r\n"),
	  .fields = "note=\xc3\xa9 \xc3\xa9 " },
	/* ours are trimmed, and keep what the caller shall refuse */
	{ .in = BYTES("email=%0D%0A+a%40b%09%0A&name=Ann%0ALee"),
	  .fields = "email=a@b|name=Ann\nLee" },
	/* ours come once, and the others have limits */
	{ .in = BYTES("email=a&email=a"), .err = ERR_DUPLICATE, .at = 8 },
	{ .in = BYTES("name&n%61me=x"), .err = ERR_DUPLICATE, .at = 5 },
	{ .in = BYTES("note=a%00b"), .err = ERR_CONTROL, .at = 6 },
	{ .in = BYTES("note=a%0Bb"), .err = ERR_CONTROL, .at = 6 },
	{ .in = BYTES("note=%C2%85"), .err = ERR_CONTROL, .at = 5 },
	{ .in = BYTES("no%0Ate=x"), .err = ERR_CONTROL, .at = 2 },
};

START_TEST(forms_lose_what_nobody_uses)
{
	check(form_parse, &forms[_i]);
}
END_TEST

static const struct kase objects[] = {
	{ .in = BYTES("{\"email\":\"a\",\"cart\":{\"n\":[1,{}]},\"list\":[]}"),
	  .fields = "email=a", .drops = { 0, 2, 0 } },
	{ .in = BYTES("{\"address\":{\"street\":\"1\\nMain\\\\n\\r\\n\\t\"}}"),
	  .fields = "address:={\"street\":\"1 Main\\\\n  \"}" },
	{ .in = BYTES("{\"email\":[\"a\"]}"), .fields = "email:=[\"a\"]" },
	{ .in = BYTES("{\"x\":1,\"y\":\"a,}\",\"x\":2}"), .fields = "y=a,}",
	  .drops = { 0, 0, 2 } },
	{ .in = BYTES("{\"x\":1,\"x\":[2],\"x\":null}"), .fields = "",
	  .drops = { 0, 0, 2 } },
	{ .in = BYTES("{\"tags\":\"a\",\"z\":null,\"tags\":[\"b\"]}"),
	  .fields = "tags:=[\"a\",[\"b\"]]" },
	/* numbers, booleans and nulls, in theirs and in ours */
	{ .in = BYTES("{\"a\":4711,\"b\":-0.5,\"c\":1e3,\"d\":true,"
		      "\"e\":false,\"f\":null,\"g\":9223372036854775807}"),
	  .fields = "a=4711|b=-0.5|c=1000|d=true|e=false|"
		    "g=9223372036854775807" },
	{ .in = BYTES("{\"a\":18446744073709551615}"), .err = ERR_RANGE,
	  .at = 5 },
	{ .in = BYTES("{\"a\":1,\"b\":1e999}"), .err = ERR_RANGE, .at = 11 },
	{ .in = BYTES("{\"a\":NaN}"), .err = ERR_SYNTAX, .at = 5 },
	{ .in = BYTES("{\"email\":4711,\"name\":true}"),
	  .fields = "email=4711|name=true" },
	{ .in = BYTES("{\"email\":\"a\",\"name\":null,\"z\":\"1\"}"),
	  .fields = "email=a|name=|z=1" },
	{ .in = BYTES("{\"email\":null,\"z\":null,\"tags\":null}"),
	  .fields = "email=" },
	{ .in = BYTES("{\"tags\":null,\"tags\":1}"), .fields = "tags=1" },
	{ .in = BYTES("{\"email\":\"a\",\"\\u0065mail\":\"b\"}"),
	  .err = ERR_DUPLICATE, .at = 13 },
	{ .in = BYTES("{\"email\":null,\"email\":\"b\"}"),
	  .err = ERR_DUPLICATE, .at = 14 },
	{ .in = BYTES("{\"x\":1,\"x\":2,\"y\":{\"b\":1,\"b\":2}}"),
	  .err = ERR_DUPLICATE, .at = 13 },
	{ .in = BYTES("{\"x\":1,\"x\":2,}"), .err = ERR_SYNTAX, .at = 13 },
	{ .in = BYTES("{\"x\":1,\"x\":2} x"), .err = ERR_SYNTAX, .at = 14 },
	{ .in = BYTES("{\"x\\n\":1}"), .err = ERR_CONTROL, .at = 1 },
};

START_TEST(objects_lose_what_nobody_uses)
{
	check(json_parse_fields, &objects[_i]);
}
END_TEST

#define END "\r\n--B--"

static const struct kase parts[] = {
	/* an empty input of type file, as browsers send it, and a full one */
	{ .in = BYTES("--B\r\n" CD "\"photo\"; filename=\"\"\r\n"
		      "Content-Type: application/octet-stream\r\n\r\n\r\n--B\r\n"
		      CD "\"email\"\r\n\r\na" END), .fields = "email=a",
	  .drops = { 1, 0, 0 } },
	{ .in = BYTES("--B\r\nContent-Transfer-Encoding: base64\r\n"
		      "Content-Type: text/plain; charset=utf-16\r\n" CD
		      "\"doc\"; filename=\"C:\\a;b.bin\"\r\n\r\n\0\xff\r\n--b"
		      END), .fields = "", .drops = { 1, 0, 0 } },
	{ .in = BYTES("--B\r\n" CD "doc; filename*=utf-8''a%20b" "\r\n\r\n1\r\n"
		      "--B\r\n" CD "tags; filename=x\r\n\r\n2\r\n--B\r\n"
		      "Content-Disposition: form-data; filename=\"x\"; "
		      "name=\"doc\"\r\n\r\n3" END),
	  .fields = "", .drops = { 3, 0, 0 } },
	{ .in = BYTES("--B\r\n" CD "note\r\n\r\n one\r\n\r\ntwo" END),
	  .fields = "note= one  two" },
	{ .in = BYTES("--B\r\nContent-Type: text/plain; charset=\"UTF8\"\r\n" CD
		      "a\r\n\r\n1" END), .fields = "a=1" },
	/* what we act on is text, and once */
	{ .in = BYTES("--B\r\n" CD "email; filename=x\r\n\r\n1" END),
	  .err = ERR_UNSUPPORTED, .at = 3 },
	{ .in = BYTES("--B\r\n" CD "doc; filename=\"x\r\n\r\n1" END),
	  .err = ERR_SYNTAX, .at = 5 },
	{ .in = BYTES("--B\r\n" CD "doc; filename=\"x\"; name=email\r\n\r\n1"
		      END), .err = ERR_DUPLICATE, .at = 5 },
	{ .in = BYTES("--B\r\nContent-Type: text/plain;charset=utf-16\r\n" CD
		      "a\r\n\r\n1" END), .err = ERR_UNSUPPORTED, .at = 5 },
};

START_TEST(files_are_passed_over)
{
	check(parse_b, &parts[_i]);
}
END_TEST

/* Dropped at the end, but never more than the limit on the way. */
START_TEST(the_limits_hold_for_what_is_dropped)
{
	struct pool *pool = pool_new(1 << 20);
	struct fault fault;
	struct fields f;
	struct kase k = { .err = ERR_LIMIT };

	fields_init_posted(&f, pool, &rules);
	ck_assert_int_eq(form_parse(repeated(pool, "", "x=%u&", FIELDS_MAX + 1,
					     ""), &f, &fault), ERR_LIMIT);
	k.in = repeated(pool, "", "tags=%060u&", 200, "");
	check(form_parse, &k);
	pool_free(pool);
}
END_TEST

START_TEST(a_full_pool_is_told_as_such)
{
	static char memory[] = "note=a%0Ab&tags=1&tags=2&";
	enum err err = ERR_NOMEM;

	for (size_t room = 16; err == ERR_NOMEM; room += 16) {
		struct pool *pool = pool_new(room);
		struct posted_drops drops;
		struct fields f;

		ck_assert_uint_lt(room, 1 << 16);
		fields_init_posted(&f, pool, &rules);
		err = form_parse(str_from(memory), &f, NULL);
		if (!err)
			err = posted_settle(&f, &drops, NULL);
		ck_assert(!err || err == ERR_NOMEM);
		pool_free(pool);
	}
}
END_TEST

static void posted_tests(TCase *t)
{
	tcase_add_loop_test(t, forms_lose_what_nobody_uses, 0,
			    sizeof(forms) / sizeof(forms[0]));
	tcase_add_loop_test(t, objects_lose_what_nobody_uses, 0,
			    sizeof(objects) / sizeof(objects[0]));
	tcase_add_loop_test(t, files_are_passed_over, 0,
			    sizeof(parts) / sizeof(parts[0]));
	tcase_add_test(t, the_limits_hold_for_what_is_dropped);
	tcase_add_test(t, a_full_pool_is_told_as_such);
}

UNIT_MAIN("posted", posted_tests)
