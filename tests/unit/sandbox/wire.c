/* The channel between the gateway and an adapter's process. */
#include "sandbox/wire.h"

#include "unit/unit.h"

static struct wire_frame frame;

static enum err read_back(const struct buf *out, bool from_child)
{
	return wire_read(out->ptr, out->len, from_child, &frame);
}

START_TEST(what_is_written_is_read)
{
	struct buf out;

	buf_init(&out, WIRE_FRAME_MAX);
	wire_begin(&out, (struct wire_head){ WIRE_REPLY, 7, 42 });
	wire_add_number(&out, WIRE_RESULT, 0);
	wire_add(&out, WIRE_CHANGE, 0, STR("plan"), STR("pro"));
	wire_add(&out, WIRE_CHANGE, 0, STR("old"), STR_NULL);
	ck_assert_int_eq(read_back(&out, true), ERR_OK);
	ck_assert_int_eq(frame.head.type, WIRE_REPLY);
	ck_assert_uint_eq(frame.head.generation, 7);
	ck_assert_uint_eq(frame.head.id, 42);
	ck_assert_uint_eq(frame.count, 3);
	ck_str_is(wire_find(&frame, WIRE_CHANGE)->b, "pro");
	ck_assert(str_is_null(frame.items[2].b));
	ck_assert_ptr_null(wire_find(&frame, WIRE_DENY));
	/* Each end speaks for itself only. */
	ck_assert_int_eq(read_back(&out, false), ERR_SYNTAX);
	buf_done(&out);
}
END_TEST

START_TEST(every_shorter_frame_is_refused)
{
	struct buf out;

	buf_init(&out, WIRE_FRAME_MAX);
	wire_begin(&out, (struct wire_head){ WIRE_LOG, 7, 42 });
	wire_add(&out, WIRE_LINE, 2, STR("hello"), STR_NULL);
	for (size_t len = 0; len < out.len; len++)
		ck_assert_int_eq(wire_read(out.ptr, len, true, &frame),
				 ERR_SYNTAX);
	/* Not terminated; then another version. */
	out.ptr[out.len - 1] = 'x';
	ck_assert_int_eq(read_back(&out, true), ERR_SYNTAX);
	out.ptr[out.len - 1] = '\0';
	ck_assert_int_eq(read_back(&out, true), ERR_OK);
	out.ptr[0]++;
	ck_assert_int_eq(read_back(&out, true), ERR_UNSUPPORTED);
	buf_done(&out);
}
END_TEST

START_TEST(counts_and_lengths_have_limits)
{
	static char text[USHER_LOG_MAX + 2];
	struct buf out;

	buf_init(&out, WIRE_FRAME_MAX);
	memset(text, 'x', USHER_LOG_MAX + 1);
	wire_begin(&out, (struct wire_head){ WIRE_LOG, 7, 42 });
	wire_add(&out, WIRE_LINE, 2, str_from(text), STR_NULL);
	ck_assert_int_eq(read_back(&out, true), ERR_SYNTAX);
	/* A number outside its range, a tag of another frame, one too many. */
	wire_begin(&out, (struct wire_head){ WIRE_LOG, 7, 42 });
	wire_add(&out, WIRE_LINE, 4, STR("x"), STR_NULL);
	ck_assert_int_eq(read_back(&out, true), ERR_SYNTAX);
	wire_begin(&out, (struct wire_head){ WIRE_LOG, 7, 42 });
	wire_add(&out, WIRE_DATA, 0, STR("x"), STR("y"));
	ck_assert_int_eq(read_back(&out, true), ERR_SYNTAX);
	wire_begin(&out, (struct wire_head){ WIRE_LOG, 7, 42 });
	wire_add(&out, WIRE_LINE, 2, STR("x"), STR_NULL);
	wire_add(&out, WIRE_LINE, 2, STR("x"), STR_NULL);
	ck_assert_int_eq(read_back(&out, true), ERR_SYNTAX);
	wire_begin(&out, (struct wire_head){ WIRE_REPLY, 7, 42 });
	wire_add_number(&out, WIRE_RESULT, 0);
	for (unsigned i = 0; i < WIRE_ITEMS_MAX; i++)
		wire_add(&out, WIRE_CHANGE, 0, STR("a"), STR("b"));
	ck_assert_int_eq(read_back(&out, true), ERR_LIMIT);
	buf_done(&out);
}
END_TEST

START_TEST(a_datagram_is_frames_behind_their_lengths)
{
	static const uint32_t two = 2, three = 3;
	struct str whole, rest, frame_r = STR_NULL;
	struct buf out;

	buf_init(&out, 64);
	buf_add(&out, &two, sizeof(two));
	buf_puts(&out, "ab");
	buf_add(&out, &three, sizeof(three));
	buf_puts(&out, "cde");
	whole = rest = buf_str(&out);
	ck_assert_int_eq(wire_next(&rest, &frame_r), 1);
	ck_str_is(frame_r, "ab");
	ck_assert_int_eq(wire_next(&rest, &frame_r), 1);
	ck_str_is(frame_r, "cde");
	ck_assert_int_eq(wire_next(&rest, &frame_r), 0);
	/* Cut anywhere but between the two it is none. */
	for (size_t len = 1; len < whole.len; len++) {
		int more = 1;

		rest = (struct str){ whole.ptr, len };
		while (more > 0)
			more = wire_next(&rest, &frame_r);
		ck_assert_int_eq(more, len == 6 ? 0 : -1);
	}
	rest = (struct str){ "\0\0\0\0", 4 };
	ck_assert_int_eq(wire_next(&rest, &frame_r), -1);
	rest = (struct str){ "\377\377\377\377xxxx", 8 };
	ck_assert_int_eq(wire_next(&rest, &frame_r), -1);
	buf_done(&out);
}
END_TEST

START_TEST(a_frame_is_addressed_when_its_turn_comes)
{
	struct buf out;

	buf_init(&out, WIRE_FRAME_MAX);
	wire_begin(&out, (struct wire_head){ WIRE_LOG, 0, 0 });
	wire_add(&out, WIRE_LINE, 2, STR("hello"), STR_NULL);
	wire_address(&out, 7, UINT64_MAX);
	ck_assert_int_eq(read_back(&out, true), ERR_OK);
	ck_assert_uint_eq(frame.head.generation, 7);
	ck_assert(frame.head.id == UINT64_MAX);
	ck_str_is(wire_find(&frame, WIRE_LINE)->a, "hello");
	buf_done(&out);
}
END_TEST

static void wire_tests(TCase *tcase)
{
	tcase_add_test(tcase, what_is_written_is_read);
	tcase_add_test(tcase, every_shorter_frame_is_refused);
	tcase_add_test(tcase, counts_and_lengths_have_limits);
	tcase_add_test(tcase, a_datagram_is_frames_behind_their_lengths);
	tcase_add_test(tcase, a_frame_is_addressed_when_its_turn_comes);
}

UNIT_MAIN("wire", wire_tests)
