#include "sandbox/wire.h"

#include <limits.h>

#include "sandbox/attest.h"
#include "sandbox/fall.h"

#define ABSENT UINT32_MAX

struct raw_head {
	uint8_t version, type;
	uint16_t zero;
	uint32_t generation;
	uint64_t id;
};

struct raw_item {
	uint16_t tag, zero;
	uint32_t a_len, b_len, zero_too;
	int64_t number;
};

_Static_assert(sizeof(uint32_t) == WIRE_LENGTH_SIZE, "as a datagram has it");
_Static_assert(sizeof(struct raw_head) == 16, "no padding");
_Static_assert(sizeof(struct raw_item) == 24, "no padding");

enum {
	HAS_A = 1,		/* a slice that must be there */
	HAS_B = 2,
	MAY_A = 4,		/* ... that may be */
	MAY_B = 8,
	HAS_NUMBER = 16,	/* else it is 0 */
};

/* What an item of that tag is made of, and the longest it may be. */
static const struct {
	unsigned parts;
	uint32_t a_max, b_max;
	int64_t low, high;	/* of the number */
} shapes[WIRE_TAGS] = {
	[WIRE_NAME] = { HAS_A | HAS_B, USHER_ADAPTER_NAME_MAX,
			USHER_ADAPTER_NAME_MAX, 0, 0 },
	[WIRE_SETTING] = { HAS_A | HAS_B, USHER_CONFIG_KEY_MAX,
			   USHER_CONFIG_VALUE_MAX, 0, 0 },
	[WIRE_TENANT] = { HAS_A, USHER_NAME_MAX, 0, 0, 0 },
	[WIRE_DEADLINE] = { HAS_NUMBER, 0, 0, 1, UINT32_MAX },
	[WIRE_HOOKS] = { HAS_NUMBER, 0, 0, 0, 2 * WIRE_ADVISORY - 1 },
	[WIRE_PROBLEM] = { HAS_A, 1024, 0, 0, 0 },
	[WIRE_KIND] = { HAS_NUMBER, 0, 0, WIRE_PROBE, WIRE_DELIVER },
	[WIRE_NOW] = { HAS_NUMBER, 0, 0, 0, INT64_MAX / 2 },
	[WIRE_SINCE] = { HAS_NUMBER, 0, 0, 0, INT64_MAX / 2 },
	[WIRE_MAY_SUPPLY] = { HAS_NUMBER, 0, 0, 0, 1 },
	[WIRE_INFO] = { HAS_NUMBER | HAS_A, USHER_VALUE_MAX, 0, 0, 31 },
	[WIRE_FIELD] = { HAS_NUMBER | HAS_A | HAS_B, USHER_NAME_MAX,
			 USHER_VALUE_MAX, 0, 1 },
	[WIRE_ATTRIBUTE] = { HAS_NUMBER | HAS_A | HAS_B, USHER_NAME_MAX,
			     USHER_VALUE_MAX * 2, 0, 1 },
	[WIRE_CLAIM] = { HAS_NUMBER | HAS_A | HAS_B, USHER_NAME_MAX,
			 USHER_VALUE_MAX, 0, 1 },
	[WIRE_RESULT] = { HAS_NUMBER, 0, 0, 0, 3 },
	[WIRE_SUPPLIED] = { HAS_A | HAS_B, 5, USHER_VALUE_MAX, 0, 0 },
	[WIRE_CHANGE] = { HAS_A | MAY_B, USHER_NAME_MAX, USHER_VALUE_MAX, 0,
			  0 },
	[WIRE_REDIRECT] = { HAS_A, USHER_URL_MAX, 0, 0, 0 },
	[WIRE_POST] = { HAS_A, USHER_URL_MAX, 0, 0, 0 },
	[WIRE_POSTED] = { HAS_A | HAS_B, USHER_NAME_MAX, USHER_VALUE_MAX, 0,
			  0 },
	[WIRE_ERROR] = { HAS_A | HAS_B, USHER_NAME_MAX, USHER_MESSAGE_MAX, 0,
			 0 },
	[WIRE_DENY] = { HAS_A | HAS_B, USHER_CODE_MAX, USHER_MESSAGE_MAX, 0,
			0 },
	[WIRE_EVENT] = { HAS_A | HAS_B, USHER_CODE_MAX, USHER_EVENT_MAX, 0,
			 0 },
	[WIRE_LINE] = { HAS_NUMBER | HAS_A, USHER_LOG_MAX, 0, 0, 3 },
	[WIRE_DATA] = { HAS_A | HAS_B, USHER_SECRET_NAME_MAX, WIRE_SIGN_MAX, 0,
			0 },
	[WIRE_MAC] = { HAS_NUMBER | MAY_A, USHER_MAC_LEN, 0, -7, 0 },
	[WIRE_ABI] = { HAS_NUMBER, 0, 0, 0, UINT32_MAX },
	[WIRE_TRACED] = { HAS_NUMBER, 0, 0, 1, 1 },
	[WIRE_LOOKABLE] = { HAS_NUMBER, 0, 0, 1, 1 },
	[WIRE_PHASE] = { HAS_NUMBER, 0, 0, 2, 5 },
	[WIRE_RETURNED] = { HAS_NUMBER, 0, 0, INT32_MIN, INT32_MAX },
	[WIRE_TOOK] = { HAS_NUMBER, 0, 0, 0, INT64_MAX },
	[WIRE_CHANGES] = { HAS_NUMBER, 0, 0, 0, USHER_ATTRIBUTES_MAX },
	[WIRE_EVENTS] = { HAS_NUMBER, 0, 0, 0, USHER_EVENTS_MAX },
	[WIRE_ERRORS] = { HAS_NUMBER, 0, 0, 0, USHER_ERRORS_MAX },
	[WIRE_LINES] = { HAS_NUMBER, 0, 0, 0, USHER_LOG_LINES_MAX },
	[WIRE_HEAP] = { HAS_NUMBER, 0, 0, 0, INT64_MAX },
	[WIRE_FILTERS] = { HAS_NUMBER, 0, 0, 0, ATTEST_FILTERS_MAX },
	[WIRE_HIDDEN] = { HAS_A, PATH_MAX, 0, 0, 0 },
	[WIRE_SIGNAL] = { HAS_NUMBER, 0, 0, 1, 64 },
	[WIRE_SYSCALL] = { HAS_NUMBER, 0, 0, 0, UINT32_MAX },
	[WIRE_ARGUMENT] = { HAS_NUMBER, 0, 0, 0, INT64_MAX },
	[WIRE_HOOK] = { HAS_NUMBER, 0, 0, 1, 5 },
	[WIRE_PLACE] = { HAS_NUMBER | MAY_A, FALL_OBJECT_MAX, 0, 0,
			 INT64_MAX },
};

/* Which tags stand in a frame, and how often: 0 means not at all. */
static const struct {
	bool is_from_child, has_id;
	struct {
		enum wire_tag tag;
		uint16_t least, most;
	} tags[10];
} grammar[WIRE_TYPES] = {
	[WIRE_HELLO] = { true, false,
			 { { WIRE_NAME, 1, 1 }, { WIRE_FILTERS, 1, 1 } } },
	[WIRE_CONFIG] = { false, false,
			  { { WIRE_SETTING, 1, WIRE_ITEMS_MAX } } },
	[WIRE_START] = { false, false,
			 { { WIRE_TENANT, 1, 1 }, { WIRE_DEADLINE, 1, 1 },
			   { WIRE_HIDDEN, 0, 1 } } },
	[WIRE_READY] = { true, false,
			 { { WIRE_NAME, 1, 1 }, { WIRE_HOOKS, 1, 1 },
			   { WIRE_ABI, 1, 1 } } },
	[WIRE_REFUSED] = { true, false, { { WIRE_PROBLEM, 1, 1 } } },
	[WIRE_CALL] = { false, true,
			{ { WIRE_KIND, 1, 1 }, { WIRE_NOW, 1, 1 },
			  { WIRE_SINCE, 1, 1 }, { WIRE_MAY_SUPPLY, 1, 1 },
			  { WIRE_INFO, 0, 32 },
			  { WIRE_FIELD, 0, USHER_FIELDS_MAX },
			  { WIRE_ATTRIBUTE, 0, USHER_FIELDS_MAX },
			  { WIRE_CLAIM, 0, USHER_FIELDS_MAX },
			  { WIRE_TRACED, 0, 1 },
			  { WIRE_LOOKABLE, 0, 1 } } },
	[WIRE_REPLY] = { true, true,
			 { { WIRE_RESULT, 1, 1 }, { WIRE_SUPPLIED, 0, 2 },
			   { WIRE_CHANGE, 0, USHER_ATTRIBUTES_MAX },
			   { WIRE_REDIRECT, 0, 1 }, { WIRE_POST, 0, 1 },
			   { WIRE_POSTED, 0, USHER_POST_FIELDS_MAX },
			   { WIRE_ERROR, 0, USHER_ERRORS_MAX },
			   { WIRE_DENY, 0, 1 },
			   { WIRE_EVENT, 0, USHER_EVENTS_MAX },
			   { WIRE_PROBLEM, 0, 1 } } },
	[WIRE_LOG] = { true, true, { { WIRE_LINE, 1, 1 } } },
	[WIRE_SIGN] = { true, true, { { WIRE_DATA, 1, 1 } } },
	[WIRE_SIGNED] = { false, true, { { WIRE_MAC, 1, 1 } } },
	[WIRE_LOOK] = { true, true, { { 0, 0, 0 } } },
	[WIRE_USER] = { false, true,
			{ { WIRE_INFO, 0, 32 },
			  { WIRE_ATTRIBUTE, 0, USHER_FIELDS_MAX } } },
	[WIRE_STEP] = { true, true,
			{ { WIRE_PHASE, 1, 1 }, { WIRE_RETURNED, 0, 1 },
			  { WIRE_TOOK, 0, 1 }, { WIRE_CHANGES, 0, 1 },
			  { WIRE_EVENTS, 0, 1 }, { WIRE_ERRORS, 0, 1 },
			  { WIRE_LINES, 0, 1 }, { WIRE_HEAP, 0, 1 } } },
	[WIRE_FELL] = { true, false,
			{ { WIRE_SIGNAL, 1, 1 }, { WIRE_SYSCALL, 0, 1 },
			  { WIRE_ARGUMENT, 0, 1 }, { WIRE_HOOK, 0, 1 },
			  { WIRE_PLACE, 0, FALL_PLACES_MAX } } },
};

/* One slice with its terminator, at *at. */
static bool take(const char **at, size_t *left, uint32_t len, unsigned parts,
		 unsigned must, unsigned may, uint32_t max, struct str *out)
{
	*out = STR_NULL;
	if (len == ABSENT)
		return !(parts & must);
	if (!(parts & (must | may)) || len > max || len >= *left ||
	    (*at)[len] != '\0')
		return false;
	*out = (struct str){ *at, len };
	*at += len + 1;
	*left -= len + 1;
	return true;
}

static enum err read_item(const char **at, size_t *left,
			  struct wire_item *item)
{
	struct raw_item raw;
	unsigned parts;

	if (*left < sizeof(raw))
		return ERR_SYNTAX;
	memcpy(&raw, *at, sizeof(raw));
	*at += sizeof(raw);
	*left -= sizeof(raw);
	if (!raw.tag || raw.tag >= WIRE_TAGS || raw.zero || raw.zero_too)
		return ERR_SYNTAX;
	if (raw.number < shapes[raw.tag].low ||
	    raw.number > shapes[raw.tag].high)
		return ERR_SYNTAX;
	item->tag = raw.tag;
	item->number = raw.number;
	parts = shapes[raw.tag].parts;
	if (!take(at, left, raw.a_len, parts, HAS_A, MAY_A,
		  shapes[raw.tag].a_max, &item->a) ||
	    !take(at, left, raw.b_len, parts, HAS_B, MAY_B,
		  shapes[raw.tag].b_max, &item->b))
		return ERR_SYNTAX;
	return ERR_OK;
}

static enum err check_counts(const struct wire_frame *frame)
{
	unsigned found[WIRE_TAGS] = { 0 }, seen = 0;

	for (unsigned i = 0; i < frame->count; i++)
		found[frame->items[i].tag]++;
	for (unsigned i = 0; i < 10; i++) {
		unsigned n = found[grammar[frame->head.type].tags[i].tag];

		if (!grammar[frame->head.type].tags[i].tag)
			break;
		if (n < grammar[frame->head.type].tags[i].least ||
		    n > grammar[frame->head.type].tags[i].most)
			return ERR_SYNTAX;
		seen += n;
	}
	return seen == frame->count ? ERR_OK : ERR_SYNTAX;
}

int wire_next(struct str *datagram, struct str *frame_r)
{
	uint32_t len;

	if (!datagram->len)
		return 0;
	if (datagram->len < sizeof(len))
		return -1;
	memcpy(&len, datagram->ptr, sizeof(len));
	if (!len || len > datagram->len - sizeof(len))
		return -1;
	*frame_r = (struct str){ datagram->ptr + sizeof(len), len };
	datagram->ptr += sizeof(len) + len;
	datagram->len -= sizeof(len) + len;
	return 1;
}

enum err wire_read(const void *data, size_t len, bool from_child,
		   struct wire_frame *frame_r)
{
	const char *at = data;
	struct raw_head raw;
	enum err err;

	if (len < sizeof(raw) || len > WIRE_FRAME_MAX)
		return ERR_SYNTAX;
	memcpy(&raw, at, sizeof(raw));
	at += sizeof(raw);
	len -= sizeof(raw);
	if (raw.version != WIRE_VERSION)
		return ERR_UNSUPPORTED;
	if (!raw.type || raw.type >= WIRE_TYPES || raw.zero ||
	    grammar[raw.type].is_from_child != from_child ||
	    (raw.id && !grammar[raw.type].has_id))
		return ERR_SYNTAX;
	frame_r->head = (struct wire_head){ raw.type, raw.generation, raw.id };
	for (frame_r->count = 0; len; frame_r->count++) {
		if (frame_r->count == WIRE_ITEMS_MAX)
			return ERR_LIMIT;
		err = read_item(&at, &len, &frame_r->items[frame_r->count]);
		if (err)
			return err;
	}
	return check_counts(frame_r);
}

const struct wire_item *wire_find(const struct wire_frame *frame,
				  enum wire_tag tag)
{
	for (unsigned i = 0; i < frame->count; i++)
		if (frame->items[i].tag == tag)
			return &frame->items[i];
	return NULL;
}

void wire_begin(struct buf *out, struct wire_head head)
{
	const struct raw_head raw = {
		.version = WIRE_VERSION,
		.type = (uint8_t)head.type,
		.generation = head.generation,
		.id = head.id,
	};

	buf_clear(out);
	buf_add(out, &raw, sizeof(raw));
}

void wire_address(struct buf *frame, uint32_t generation, uint64_t id)
{
	struct raw_head raw;

	memcpy(&raw, frame->ptr, sizeof(raw));
	raw.generation = generation;
	raw.id = id;
	memcpy(frame->ptr, &raw, sizeof(raw));
}

static void add_slice(struct buf *out, struct str s)
{
	if (str_is_null(s))
		return;
	buf_add(out, s.ptr, s.len);
	buf_addc(out, '\0');
}

void wire_add(struct buf *out, enum wire_tag tag, int64_t number, struct str a,
	      struct str b)
{
	const struct raw_item raw = {
		.tag = (uint16_t)tag,
		.a_len = str_is_null(a) ? ABSENT : (uint32_t)a.len,
		.b_len = str_is_null(b) ? ABSENT : (uint32_t)b.len,
		.number = number,
	};

	buf_add(out, &raw, sizeof(raw));
	add_slice(out, a);
	add_slice(out, b);
}

void wire_add_number(struct buf *out, enum wire_tag tag, int64_t number)
{
	wire_add(out, tag, number, STR_NULL, STR_NULL);
}

void wire_add_text(struct buf *out, enum wire_tag tag, struct str a)
{
	wire_add(out, tag, 0, a, STR_NULL);
}

void wire_add_if(struct buf *out, enum wire_tag tag, int64_t number,
		 struct str a)
{
	if (!str_is_null(a))
		wire_add(out, tag, number, a, STR_NULL);
}
