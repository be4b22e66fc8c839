/*
 * The desk's input: the first line is a query, a cursor and a number at once,
 * the second a key, the rest a body.
 */
#include "codec/json.h"
#include "desk/input.h"
#include "fuzz/fields.h"

static void check_cursor(struct str in)
{
	char text[40];
	int64_t ms, number;
	struct buf out;

	if (input_cursor_read(in, &ms, &number))
		return;
	fuzz_assert(ms > 0 && number > 0);
	buf_init_fixed(&out, text, sizeof(text));
	input_cursor_add(&out, ms, number);
	fuzz_assert(str_eq(buf_str(&out), in));
}

static void check_query(struct pool *pool, struct str in)
{
	struct input_query q;
	const char *why = NULL;
	int64_t number;
	enum err err = input_query_read(pool, in, &q, &why);

	fuzz_assert(!err || (err == ERR_SYNTAX && why));
	if (!err)
		fuzz_assert(q.limit >= 1 && q.limit <= INPUT_LIST_MAX &&
			    (q.before_ms > 0) == (q.before_number > 0));
	err = input_before_read(pool, in, &number, &why);
	fuzz_assert(!err || err == ERR_SYNTAX);
	if (!err)
		fuzz_assert(number >= 0);
	if (!input_number_read(in, &number))
		fuzz_assert(number > 0);
}

/* As the store takes it. */
static void check_text(const struct input_text *text)
{
	size_t i;

	fuzz_assert(text->key.len && text->key.len <= TICKET_KEY_MAX);
	fuzz_assert(text->message.len &&
		    text->message.len <= TICKET_MESSAGE_MAX);
	fuzz_assert(!utf8_check(text->message, NULL));
	for (i = 0; i < text->message.len; i++) {
		unsigned char c = (unsigned char)text->message.ptr[i];

		fuzz_assert((c >= 32 && c != 127) || c == '\n' || c == '\t');
	}
	fuzz_assert(utf8_trim(text->message).len == text->message.len);
}

static void check_body(struct pool *pool, struct str key, struct str in)
{
	struct str category = STR("Billing");
	const struct tenant tenant = { .categories = &category,
				       .category_count = 1 };
	struct invalid_list *list = pool_alloc(pool, sizeof(*list));
	struct input_text text;
	struct fields fields;
	struct fault fault;
	enum err err;

	fields_init(&fields, pool);
	err = json_parse_text(in, &fields, &fault);
	fuzz_assert(fields.value_max == FIELD_VALUE_MAX);
	if (err) {
		fuzz_check_refusal(err, &fault, &fields, in);
		return;
	}
	invalid_list_init(list, pool);
	err = input_ticket_read(pool, &tenant, &fields, key, list, &text);
	fuzz_assert(err == (list->count ? ERR_SYNTAX : ERR_OK));
	if (!err) {
		check_text(&text);
		fuzz_assert(text.subject.len &&
			    text.subject.len <= TICKET_SUBJECT_MAX);
		fuzz_assert(!utf8_check_text(text.subject, NULL));
		fuzz_assert(!text.category.len ||
			    str_eq(text.category, category));
	}
	/* A reply is a part of it. */
	invalid_list_init(list, pool);
	if (!err)
		fuzz_assert(!input_reply_read(pool, &fields, key, list,
					      &text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pool *pool = pool_new(FUZZ_POOL);
	struct str key, body, rest, line;

	line = str_cut(fuzz_str(data, size), '\n', &rest);
	key = str_cut(rest, '\n', &body);
	check_cursor(line);
	check_query(pool, line);
	check_body(pool, key, body);
	pool_free(pool);
	return 0;
}
