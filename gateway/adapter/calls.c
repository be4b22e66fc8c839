#include "adapter/calls-private.h"

#include "sandbox/wire.h"

static struct call_entry *entry_of(struct list *node)
{
	return list_entry(node, struct call_entry, node);
}

void calls_init(struct calls *calls)
{
	*calls = (struct calls){ .count = 0 };
	list_init(&calls->entries);
}

struct call_entry *calls_add(struct calls *calls, struct buf *frame)
{
	struct call_entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	entry->id = ++calls->last_id;
	entry->deadline_ns = INT64_MAX;
	entry->len = (uint32_t)frame->len;
	entry->frame = *frame;
	*frame = (struct buf){ .ptr = NULL };
	list_add(&calls->entries, &entry->node);
	calls->count++;
	return entry;
}

struct call_entry *calls_head(const struct calls *calls)
{
	return list_is_empty(&calls->entries) ? NULL :
						entry_of(calls->entries.next);
}

struct call_entry *calls_running(const struct calls *calls, uint64_t id)
{
	struct call_entry *entry = calls_head(calls);

	return entry && entry->is_sent && entry->id == id ? entry : NULL;
}

void calls_drop(struct calls *calls, struct call_entry *entry)
{
	list_del(&entry->node);
	calls->count--;
	if (entry->is_sent)
		calls->sent--;
	buf_done(&entry->frame);
	free(entry);
}

/* The first that is not with the child.  They stand behind those that are,
 * which are few: at most CALLS_WINDOW. */
static struct list *first_unsent(const struct calls *calls)
{
	struct list *pos = calls->entries.next;

	while (pos != &calls->entries && entry_of(pos)->is_sent)
		pos = pos->next;
	return pos;
}

unsigned calls_gather(const struct calls *calls,
		      struct iovec pieces_r[2 * CALLS_WINDOW])
{
	unsigned count = 0;
	size_t size = 0;

	if (calls->count == calls->sent)
		return 0;
	for (struct list *pos = first_unsent(calls); pos != &calls->entries;
	     pos = pos->next) {
		struct call_entry *entry = entry_of(pos);

		size += sizeof(entry->len) + entry->len;
		if (calls->sent + count >= CALLS_WINDOW ||
		    (count && size > CALLS_DATAGRAM))
			break;
		pieces_r[2 * count] = (struct iovec){ &entry->len,
						      sizeof(entry->len) };
		pieces_r[2 * count + 1] = (struct iovec){ entry->frame.ptr,
							  entry->len };
		count++;
	}
	return count;
}

void calls_sent(struct calls *calls, unsigned count)
{
	struct list *pos = first_unsent(calls);

	calls->sent += count;
	for (; count; count--, pos = pos->next) {
		entry_of(pos)->is_sent = true;
		buf_done(&entry_of(pos)->frame);
	}
}

struct adapter_call *calls_late(struct calls *calls, int64_t now_ns)
{
	struct list *pos, *safe;

	list_each(pos, safe, &calls->entries) {
		struct call_entry *entry = entry_of(pos);
		struct adapter_call *call = entry->call;

		if (entry->deadline_ns > now_ns)
			return NULL;
		if (!call)
			continue;
		entry->call = NULL;
		entry->late = call;
		if (!entry->is_sent)
			calls_drop(calls, entry);
		return call;
	}
	return NULL;
}

int64_t calls_deadline(const struct calls *calls)
{
	struct list *pos, *safe;

	list_each(pos, safe, &calls->entries)
		if (entry_of(pos)->call)
			return entry_of(pos)->deadline_ns;
	return INT64_MAX;
}
