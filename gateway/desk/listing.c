#include "desk/listing.h"

#include "base/clock.h"
#include "codec/json.h"
#include "desk/cache.h"

/* Rows and their text, and the JSON beside them while it grows. */
#define LIST_POOL_MAX (1024 * 1024)
#define LIST_JSON_MAX (256 * 1024)
#define TICKET_JSON_USUAL 320
/* All of a ticket but its thread. */
#define TICKET_JSON_MAX \
	(6 * (TICKET_SUBJECT_MAX + TICKET_CATEGORY_MAX) + 1024)
/* What is read of a thread, and its JSON, which may be longer. */
#define THREAD_POOL_MAX(max) (16 * ((max) + TICKET_MESSAGE_MAX))

static void add_time(struct buf *out, const char *name, int64_t ms)
{
	char text[CLOCK_TEXT_MAX];

	clock_text(ms, text);
	json_add_member(out, name, str_from(text));
}

/* All but the brackets around it. */
static void add_ticket(struct buf *out, const struct ticket *t)
{
	json_add_member_int(out, "number", t->number);
	json_add_member(out, "subject", t->subject);
	json_add_member(out, "category", t->category);
	json_add_member(out, "state",
			t->is_closed ? STR("closed") : STR("open"));
	json_add_member_int(out, "messages", t->messages);
	json_add_member(out, "last",
			t->is_by_agent ? STR("agent") : STR("user"));
	add_time(out, "created_at", t->created_ms);
	add_time(out, "updated_at", t->updated_ms);
}

static void add_list(struct buf *out, const struct ticket *list,
		     unsigned count, unsigned limit)
{
	unsigned i, shown = count > limit ? limit : count;

	buf_puts(out, "\"tickets\":[");
	for (i = 0; i < shown; i++) {
		buf_puts(out, i ? ",{" : "{");
		add_ticket(out, &list[i]);
		buf_addc(out, '}');
	}
	buf_puts(out, "],\"next\":");
	if (count <= limit) {
		buf_puts(out, "null");
		return;
	}
	buf_addc(out, '"');
	input_cursor_add(out, list[shown - 1].updated_ms,
			 list[shown - 1].number);
	buf_addc(out, '"');
}

static enum err look_up(struct exchange *ex, int64_t user_id,
			const struct input_query *query,
			struct listing *listing)
{
	struct tickets_query wanted = {
		.tenant = ex->tenant->slug, .user_id = user_id,
		.state = query->state == INPUT_OPEN ? TICKETS_OPEN :
			 query->state == INPUT_CLOSED ? TICKETS_CLOSED :
							TICKETS_ALL,
		.before_ms = query->before_ms,
		.before_number = query->before_number,
		.limit = query->limit + 1,
	};
	struct ticket *list;
	struct buf json;
	unsigned count;
	enum err err;

	err = tickets_list(ex->reader, &wanted, listing->pool, &list, &count);
	if (err)
		return err;
	buf_init_pool(&json, listing->pool, LIST_JSON_MAX);
	buf_reserve(&json, 128 + (size_t)count * TICKET_JSON_USUAL);
	add_list(&json, list, count, query->limit);
	if (!buf_is_ok(&json))
		return ERR_NOMEM;
	listing->json = buf_str(&json);
	return ERR_OK;
}

/* The first pages that are asked for all the time, by number: by state those of
 * the API, and the page's. -1: another. */
static int usual_kind(const struct input_query *query)
{
	if (query->before_ms)
		return -1;
	if (query->limit == INPUT_LIST_MAX)
		return (int)query->state;
	return query->limit == LISTING_PAGE && query->state == INPUT_ALL ?
		CACHE_KINDS - 1 : -1;
}

enum err listing_tickets(struct exchange *ex, int64_t user_id,
			 const struct input_query *query,
			 struct listing *out_r)
{
	struct desk_cache *cache = ex->gateway->desk_cache;
	struct listing out = { .pool = NULL };
	const int kind = usual_kind(query);
	/* Before the look-up: what changes after this shows next time. */
	const struct cache_key key = { user_id, (unsigned)kind,
		tickets_version(store_tickets(ex->gateway->store), user_id) };
	enum err err;

	if (kind >= 0 && desk_cache_get(cache, ex->worker, key, &out.json)) {
		*out_r = out;
		return ERR_OK;
	}
	out.pool = pool_new(LIST_POOL_MAX);
	err = out.pool ? look_up(ex, user_id, query, &out) : ERR_NOMEM;
	if (err) {
		listing_done(&out);
		return err;
	}
	if (kind >= 0)
		desk_cache_put(cache, ex->worker, key, out.json);
	*out_r = out;
	return ERR_OK;
}

static void add_message(struct buf *out, const struct ticket_message *m)
{
	buf_addc(out, '{');
	json_add_member_int(out, "id", m->id);
	json_add_member(out, "author",
			m->is_by_agent ? STR("agent") : STR("user"));
	json_add_member(out, "name", m->name);
	json_add_member(out, "message", m->body);
	add_time(out, "created_at", m->created_ms);
	buf_addc(out, '}');
}

/* What a message takes at most, without writing it: 0xe2 may begin U+2028. */
static size_t message_size(const struct ticket_message *m)
{
	size_t size = 160, i;

	for (i = 0; i < m->body.len; i++) {
		unsigned char c = (unsigned char)m->body.ptr[i];

		size += c == '<' || c == '>' || c == '&' || c < 0x20 ? 6 :
			c == 0xe2 ? 4 : c == '"' || c == '\\' ? 2 : 1;
	}
	return size + m->name.len * 6;
}

static enum err show(struct listing *listing, const struct ticket *ticket,
		     const struct ticket_message *thread, unsigned count,
		     size_t max)
{
	unsigned i, first = count;
	struct buf json;
	size_t size = 0;

	while (first) {
		size_t more = message_size(&thread[first - 1]);

		if (size + more > max && first != count)
			break;
		size += more;
		first--;
	}
	buf_init_pool(&json, listing->pool, size + TICKET_JSON_MAX);
	buf_reserve(&json, size + 1024);
	buf_addc(&json, '{');
	add_ticket(&json, ticket);
	json_add_member_raw(&json, "thread", STR("["));
	for (i = first; i < count; i++) {
		if (i > first)
			buf_addc(&json, ',');
		add_message(&json, &thread[i]);
	}
	buf_puts(&json, "],\"earlier\":");
	if (count && thread[first].id > 1)
		json_add_int(&json, thread[first].id);
	else
		buf_puts(&json, "null");
	buf_addc(&json, '}');
	if (!buf_is_ok(&json))
		return ERR_NOMEM;
	listing->json = buf_str(&json);
	return ERR_OK;
}

enum err listing_thread(struct exchange *ex, int64_t user_id, int64_t number,
			int64_t before, size_t max, struct listing *out_r)
{
	struct listing out = { .pool = pool_new(THREAD_POOL_MAX(max)) };
	struct ticket_message *thread;
	struct ticket ticket;
	unsigned count;
	enum err err = ERR_NOMEM;

	/* JSON is never shorter than what it tells. */
	if (out.pool)
		err = tickets_get_part(ex->reader, ex->tenant->slug, user_id,
				       number, before, max, out.pool, &ticket,
				       &thread, &count);
	if (!err)
		err = show(&out, &ticket, thread, count, max);
	if (err) {
		listing_done(&out);
		return err;
	}
	*out_r = out;
	return ERR_OK;
}

void listing_done(struct listing *listing)
{
	pool_free(listing->pool);
	*listing = (struct listing){ .json = STR_NULL };
}
