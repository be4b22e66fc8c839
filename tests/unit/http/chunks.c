#include "http/chunks.h"

#include "unit/unit.h"

#define GOOD(text) { { text, sizeof(text) - 1 }, CHUNKS_DONE }
#define BAD(text) { { text, sizeof(text) - 1 }, CHUNKS_BAD }

static const struct {
	struct str bytes;
	enum chunks_state state;
} cases[] = {
	GOOD("0\r\n\r\n"),
	GOOD("3\r\nabc\r\n0\r\n\r\n"),
	GOOD("a\r\n0123\r\n\n567\r\nA;x=\"y\"\r\n0123456789\r\n000\r\n\r\n"),
	GOOD("1;a\tb\r\nx\r\n0;z\r\nA: b\r\nC:\r\n\r\n"),
	GOOD("0\r\n\r\nwhat follows\n"),
	{ { "3\r\nab", 5 }, CHUNKS_DATA },
	{ { "0\r\n", 3 }, CHUNKS_LINE },
	BAD("3\nabc\r\n0\r\n\r\n"),
	BAD("3\r\nabc\n0\r\n\r\n"),
	BAD("3\r\nabc\r\n0\n\r\n"),
	BAD("3\r\nabc\r\n0\r\n\n"),
	BAD("0\r\nA: b\n\r\n"),
	BAD("0\r\nA: \0b\r\n\r\n"),
	BAD("0\r\n A: b\r\n\r\n"),
	BAD("3\r\nabcd\r\n0\r\n\r\n"),
	BAD("3\r\rabc\r\n0\r\n\r\n"),
	BAD("3;a\nb\r\nabc\r\n0\r\n\r\n"),
	BAD("3 \r\nabc\r\n0\r\n\r\n"),
	BAD("+3\r\nabc\r\n0\r\n\r\n"),
	BAD("0x3\r\nabc\r\n0\r\n\r\n"),
	BAD("\r\n"),
	BAD(";a\r\n"),
	BAD("1000000000000000\r\n"),
};

START_TEST(chunks_are_told_from_what_looks_alike)
{
	struct str bytes = cases[_i].bytes;

	for (size_t cut = 0; cut <= bytes.len; cut++) {
		struct chunks chunks = { 0 };

		chunks_feed(&chunks, bytes.ptr, cut);
		chunks_feed(&chunks, bytes.ptr + cut, bytes.len - cut);
		ck_assert_msg(chunks.state == cases[_i].state,
			      "%d cut at %zu: %d", _i, cut, chunks.state);
	}
}
END_TEST

START_TEST(a_line_is_no_longer_than_its_bound)
{
	static const char *const starts[] = { "1;", "0\r\nA" };
	static const enum chunks_state ended[] = { CHUNKS_SIZE_LF,
						   CHUNKS_TRAILER_LF };
	struct chunks chunks;

	for (unsigned more = 0; more < 2; more++) {
		chunks = (struct chunks){ 0 };
		chunks_feed(&chunks, starts[_i], strlen(starts[_i]));
		for (unsigned n = 0; n < CHUNKS_TEXT_MAX + more; n++)
			chunks_feed(&chunks, "x", 1);
		chunks_feed(&chunks, "\r", 1);
		ck_assert_int_eq(chunks.state, more ? CHUNKS_BAD : ended[_i]);
	}
	/* each line has its own */
	chunks = (struct chunks){ 0 };
	for (unsigned n = 0; n <= CHUNKS_TEXT_MAX; n++)
		chunks_feed(&chunks, "1;x\r\n.\r\n", 8);
	ck_assert_int_eq(chunks.state, CHUNKS_SIZE);
}
END_TEST

static void add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, chunks_are_told_from_what_looks_alike, 0,
			    N_ELEMENTS(cases));
	tcase_add_loop_test(tcase, a_line_is_no_longer_than_its_bound, 0, 2);
}

UNIT_MAIN("chunks", add_tests)
