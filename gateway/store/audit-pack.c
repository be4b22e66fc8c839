#include "store/audit-pack.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "codec/json.h"

#define ULID_LEN 26
#define ULID_OCTETS 16
#define CTL_LEN 20
#define CTL_TIME 11			/* digits */
#define VARINT_MAX 10			/* octets of 64 bits */

enum {
	PACK_ULID = 1,
	PACK_TIME = 2,			/* the time is told apart */
	PACK_TENANT = 4,
	PACK_CODE = 8,
	PACK_TEXT = 16,			/* the trail is a text */
	PACK_NET4 = 32,
	PACK_NET6 = 64,
	PACK_MORE = 128,		/* an octet of MORE_* follows */
	PACK_ALL = 255,
	PACK_ALL_1 = 31,		/* of version 1 */
	PACK_ALL_2 = 127,
};

/* Tags, in the order in which they lie. */
enum {
	MORE_PERSON = 1,
	MORE_SUBJECT = 2,
	MORE_TOKEN = 4,
	MORE_ALL = 7,
};
#define TAGS 3

#define NET4_OCTETS (AUDIT_NET4_BITS / 8)
#define NET6_OCTETS (AUDIT_NET6_BITS / 8)

/* Words. */

static const struct str words[] = {
#define WORD(text) { text, sizeof(text) - 1 },
#include "store/audit-words.def"
#undef WORD
};

#define WORDS ((unsigned)N_ELEMENTS(words))
#define SLOTS 512
_Static_assert(N_ELEMENTS(words) < SLOTS / 2, "the slots become crowded");

static uint16_t slots[SLOTS];		/* a word's number and one */
static pthread_once_t slots_once = PTHREAD_ONCE_INIT;

static unsigned first_slot(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.ptr;

	return ((unsigned)s.len * 101 + p[0] * 31u + p[s.len - 1] * 17u +
		p[s.len / 2] * 7u) % SLOTS;
}

static void fill_slots(void)
{
	for (unsigned i = 0; i < WORDS; i++) {
		unsigned at = first_slot(words[i]);

		while (slots[at])
			at = (at + 1) % SLOTS;
		slots[at] = (uint16_t)(i + 1);
	}
}

/* A word's number; -1: it is not in the list. */
static int find_word(struct str s)
{
	unsigned at;

	if (!s.len)
		return -1;
	pthread_once(&slots_once, fill_slots);
	for (at = first_slot(s); slots[at]; at = (at + 1) % SLOTS)
		if (str_eq(words[slots[at] - 1], s))
			return slots[at] - 1;
	return -1;
}

/* Ids. */

/* One digit in Crockford's base 32; 32: it is none. */
static unsigned ulid_digit(char c)
{
	static const unsigned char values['Z' - '0' + 1] = {
		0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
		32, 32, 32, 32, 32, 32, 32,
		10, 11, 12, 13, 14, 15, 16, 17,		/* A .. H */
		32, 18, 19, 32, 20, 21, 32,		/* I .. O */
		22, 23, 24, 25, 26, 32,			/* P .. U */
		27, 28, 29, 30, 31,			/* V .. Z */
	};

	return c < '0' || c > 'Z' ? 32 : values[c - '0'];
}

/* 26 digits are 130 bits: of the first one the upper two must be 0. */
static bool ulid_read(struct str s, unsigned char out[ULID_OCTETS])
{
	unsigned acc, bits = 3, n = 0;

	if (s.len != ULID_LEN || s.ptr[0] < '0' || s.ptr[0] > '7')
		return false;
	acc = ulid_digit(s.ptr[0]);
	for (unsigned i = 1; i < ULID_LEN; i++) {
		unsigned v = ulid_digit(s.ptr[i]);

		if (v == 32)
			return false;
		acc = (acc << 5 | v) & 0xfff;
		bits += 5;
		if (bits >= 8) {
			bits -= 8;
			out[n++] = (unsigned char)(acc >> bits);
		}
	}
	return true;
}

static void ulid_write(const unsigned char in[ULID_OCTETS],
		       char out[ULID_LEN])
{
	static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	unsigned acc = in[0], bits = 8, n = 0, at = 1;

	out[n++] = digits[acc >> 5];
	bits = 5;
	while (n < ULID_LEN) {
		if (bits < 5) {
			acc = (acc << 8 | in[at++]) & 0xfff;
			bits += 8;
		}
		bits -= 5;
		out[n++] = digits[acc >> bits & 31];
	}
}

static int64_t ulid_time(const unsigned char id[ULID_OCTETS])
{
	int64_t ms = 0;

	for (unsigned i = 0; i < 6; i++)
		ms = ms << 8 | id[i];
	return ms;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool audit_id_time(struct str id, int64_t *time_ms_r)
{
	unsigned char octets[ULID_OCTETS];
	int64_t ms = 0;

	if (ulid_read(id, octets)) {
		*time_ms_r = ulid_time(octets);
		return true;
	}
	if (id.len != CTL_LEN || !str_has_prefix(id, STR("ctl-")))
		return false;
	for (unsigned i = 4; i < CTL_LEN; i++) {
		int v = hex_digit(id.ptr[i]);

		if (v < 0)
			return false;
		if (i < 4 + CTL_TIME)
			ms = ms << 4 | v;
	}
	*time_ms_r = ms;
	return true;
}

/* Checks. */

static enum err check_text(struct str s, size_t max)
{
	if (s.len > max)
		return ERR_LIMIT;
	return s.len && memchr(s.ptr, '\0', s.len) ? ERR_CONTROL : ERR_OK;
}

static enum err check_steps(const struct audit_record *r)
{
	if (r->step_count > AUDIT_STEPS_MAX)
		return ERR_LIMIT;
	for (unsigned i = 0; i < r->step_count; i++) {
		const struct audit_step *s = &r->steps[i];

		if (strlen(s->step) > AUDIT_NAME_MAX ||
		    strlen(s->verdict) > AUDIT_NAME_MAX ||
		    (s->why && strlen(s->why) > AUDIT_WHY_MAX))
			return ERR_LIMIT;
	}
	return ERR_OK;
}

enum err audit_check(const struct audit_record *r)
{
	enum err err = check_text(r->request_id, AUDIT_ID_MAX);

	if (!err && (r->status < 0 || r->status > AUDIT_STATUS_MAX))
		err = ERR_LIMIT;
	if (!err)
		err = check_text(r->tenant, AUDIT_TENANT_MAX);
	if (!err)
		err = check_text(r->code, AUDIT_CODE_MAX);
	if (!err)
		err = r->trail.ptr ? check_text(r->trail, AUDIT_TRAIL_MAX) :
				     check_steps(r);
	return err;
}

/* Writing. */

struct out {
	unsigned char *p, *end;
	bool is_full;
};

static void put(struct out *o, const void *data, size_t len)
{
	if ((size_t)(o->end - o->p) < len) {
		o->is_full = true;
		return;
	}
	if (len)
		memcpy(o->p, data, len);
	o->p += len;
}

static void put_num(struct out *o, uint64_t n)
{
	unsigned char octets[VARINT_MAX];
	size_t len = 0;

	for (; n > 0x7f; n >>= 7)
		octets[len++] = (unsigned char)(n | 0x80);
	octets[len++] = (unsigned char)n;
	put(o, octets, len);
}

static void put_text(struct out *o, struct str s)
{
	put_num(o, s.len);
	put(o, s.ptr, s.len);
}

static void put_word(struct out *o, struct str s)
{
	int number = find_word(s);

	if (number >= 0) {
		put_num(o, (uint64_t)number << 1 | 1);
		return;
	}
	put_num(o, (uint64_t)s.len << 1);
	put(o, s.ptr, s.len);
}

static void put_steps(struct out *o, const struct audit_record *r)
{
	put_num(o, r->step_count);
	for (unsigned i = 0; i < r->step_count; i++) {
		const struct audit_step *s = &r->steps[i];
		uint64_t us = s->us > 0 ? (uint64_t)s->us : 0;

		put_word(o, str_from(s->step));
		put_word(o, str_from(s->verdict));
		put_num(o, us << 1 | (s->why != NULL));
		if (s->why)
			put_text(o, str_from(s->why));
	}
}

/* By MORE_*'s bits: the first is that of 1. */
static uint64_t *tag_of(struct audit_tags *tags, unsigned bit)
{
	uint64_t *const all[TAGS] = {
		&tags->person, &tags->subject, &tags->token };

	return all[bit];
}

static unsigned tags_have(const struct audit_tags *tags)
{
	return (tags->person ? MORE_PERSON : 0) |
	       (tags->subject ? MORE_SUBJECT : 0) |
	       (tags->token ? MORE_TOKEN : 0);
}

static void put_tags(struct out *o, const struct audit_tags *tags,
		     unsigned more)
{
	struct audit_tags copy = *tags;

	for (unsigned i = 0; i < TAGS; i++)
		if (more & 1u << i)
			put(o, tag_of(&copy, i), AUDIT_TAG_LEN);
}

static uint64_t zigzag(int64_t n)
{
	return (uint64_t)n << 1 ^ (n < 0 ? UINT64_MAX : 0);
}

static int64_t unzigzag(uint64_t n)
{
	return (int64_t)(n >> 1 ^ (n & 1 ? UINT64_MAX : 0));
}

enum err audit_pack(const struct audit_record *r,
		    unsigned char out[AUDIT_PACKED_MAX], size_t *len_r)
{
	struct out o = { out, out + AUDIT_PACKED_MAX, false };
	unsigned char ulid[ULID_OCTETS], flags;
	const unsigned char more = (unsigned char)tags_have(&r->tags);
	bool is_ulid = ulid_read(r->request_id, ulid);
	enum err err = audit_check(r);

	if (err)
		return err;
	flags = (unsigned char)((is_ulid ? PACK_ULID : 0) |
		(is_ulid && ulid_time(ulid) == r->time_ms ? 0 : PACK_TIME) |
		(r->tenant.ptr ? PACK_TENANT : 0) |
		(r->code.ptr ? PACK_CODE : 0) |
		(r->network.family == 4 ? PACK_NET4 : 0) |
		(r->network.family == 6 ? PACK_NET6 : 0) |
		(r->trail.ptr ? PACK_TEXT : 0) | (more ? PACK_MORE : 0));
	put(&o, &flags, 1);
	if (more)
		put(&o, &more, 1);
	if (flags & PACK_ULID)
		put(&o, ulid, sizeof(ulid));
	else
		put_text(&o, r->request_id);
	if (flags & PACK_TIME)
		put_num(&o, zigzag(r->time_ms));
	if (flags & PACK_TENANT)
		put_text(&o, r->tenant);
	if (flags & (PACK_NET4 | PACK_NET6))
		put(&o, r->network.bytes, flags & PACK_NET4 ? NET4_OCTETS :
							      NET6_OCTETS);
	put_tags(&o, &r->tags, more);
	put_num(&o, (uint64_t)r->status);
	if (flags & PACK_CODE)
		put_word(&o, r->code);
	if (flags & PACK_TEXT)
		put_text(&o, r->trail);
	else
		put_steps(&o, r);
	if (o.is_full)
		return ERR_LIMIT;
	*len_r = (size_t)(o.p - out);
	return ERR_OK;
}

/* Reading: each says whether there was one. */

static bool get_num(struct audit_body *b, uint64_t max, uint64_t *n_r)
{
	const unsigned char *p = b->p;
	uint64_t n = 0;

	for (unsigned shift = 0; shift < 64 && p < b->end; shift += 7) {
		unsigned char c = *p++;

		/* bits past the 64th, or an end that adds nothing */
		if ((shift == 63 && c > 1) || (shift && !c))
			return false;
		n |= (uint64_t)(c & 0x7f) << shift;
		if (c & 0x80)
			continue;
		if (n > max)
			return false;
		b->p = p;
		*n_r = n;
		return true;
	}
	return false;
}

static bool get_octets(struct audit_body *b, uint64_t len, struct str *s_r)
{
	if (len > (uint64_t)(b->end - b->p))
		return false;
	*s_r = (struct str){ (const char *)b->p, (size_t)len };
	b->p += len;
	return true;
}

static bool get_chars(struct audit_body *b, uint64_t len, struct str *s_r)
{
	return get_octets(b, len, s_r) &&
	       (!len || !memchr(s_r->ptr, '\0', s_r->len));
}

static bool get_text(struct audit_body *b, size_t max, struct str *s_r)
{
	uint64_t len;

	return get_num(b, max, &len) && get_chars(b, len, s_r);
}

static bool get_word(struct audit_body *b, size_t max, struct str *s_r)
{
	uint64_t n;

	if (!get_num(b, UINT32_MAX, &n))
		return false;
	if (n & 1) {
		if (n >> 1 >= WORDS || words[n >> 1].len > max)
			return false;
		*s_r = words[n >> 1];
		return true;
	}
	return n >> 1 <= max && get_chars(b, n >> 1, s_r);
}

struct step_view {
	struct str step, verdict, why;
	int64_t us;
};

static bool get_step(struct audit_body *b, struct step_view *s)
{
	uint64_t us;

	s->why = STR_NULL;
	if (!get_word(b, AUDIT_NAME_MAX, &s->step) ||
	    !get_word(b, AUDIT_NAME_MAX, &s->verdict) ||
	    !get_num(b, UINT64_MAX, &us))
		return false;
	s->us = (int64_t)(us >> 1);
	return !(us & 1) || get_text(b, AUDIT_WHY_MAX, &s->why);
}

static bool get_steps(struct audit_body *b, struct audit_view *v)
{
	const unsigned char *from;
	struct step_view step;
	uint64_t count;

	if (!get_num(b, AUDIT_STEPS_MAX, &count))
		return false;
	v->step_count = (unsigned)count;
	from = b->p;
	while (count--)
		if (!get_step(b, &step))
			return false;
	v->trail = (struct str){ (const char *)from, (size_t)(b->p - from) };
	return true;
}

/* A ULID is never a text, and its time never told again. */
static bool get_id_and_time(struct audit_body *b, unsigned flags,
			    struct audit_view *v)
{
	unsigned char ulid[ULID_OCTETS];
	uint64_t time;
	int64_t own_ms = 0;

	v->is_ulid = flags & PACK_ULID;
	if (!v->is_ulid) {
		if (!get_text(b, AUDIT_ID_MAX, &v->id) ||
		    ulid_read(v->id, ulid))
			return false;
	} else {
		if (!get_octets(b, ULID_OCTETS, &v->id))
			return false;
		own_ms = ulid_time((const unsigned char *)v->id.ptr);
	}
	v->time_ms = own_ms;
	if (!(flags & PACK_TIME))
		return true;
	if (!get_num(b, UINT64_MAX, &time))
		return false;
	v->time_ms = unzigzag(time);
	return !v->is_ulid || v->time_ms != own_ms;
}

static bool get_network(struct audit_body *b, unsigned flags, struct ip *ip)
{
	size_t len = flags & PACK_NET4 ? NET4_OCTETS : NET6_OCTETS;
	struct str octets;

	if (!(flags & (PACK_NET4 | PACK_NET6)))
		return true;
	if (!get_octets(b, len, &octets))
		return false;
	ip->family = flags & PACK_NET4 ? 4 : 6;
	memcpy(ip->bytes, octets.ptr, len);
	return true;
}

/* An octet that says of none is not written. */
static bool get_more(struct audit_body *b, unsigned flags, unsigned *more_r)
{
	struct str octet;

	*more_r = 0;
	if (!(flags & PACK_MORE))
		return true;
	if (!get_octets(b, 1, &octet))
		return false;
	*more_r = (unsigned char)octet.ptr[0];
	return *more_r && !(*more_r & ~(unsigned)MORE_ALL);
}

static bool get_tags(struct audit_body *b, unsigned more,
		     struct audit_view *v)
{
	const unsigned char *from = b->p;
	struct str octets;

	for (unsigned i = 0; i < TAGS; i++) {
		if (!(more & 1u << i))
			continue;
		if (!get_octets(b, AUDIT_TAG_LEN, &octets))
			return false;
		memcpy(tag_of(&v->tags, i), octets.ptr, AUDIT_TAG_LEN);
	}
	v->tag_octets = (struct str){ (const char *)from,
				      (size_t)(b->p - from) };
	return true;
}

static bool get_record(struct audit_body *b, struct audit_view *v)
{
	unsigned flags = *b->p++, more;
	uint64_t status;

	*v = (struct audit_view){ .is_text = flags & PACK_TEXT };
	/* without a ULID the time stands apart; a client has one network */
	if (flags & ~b->flags || !(flags & (PACK_ULID | PACK_TIME)) ||
	    (flags & PACK_NET4 && flags & PACK_NET6) ||
	    !get_more(b, flags, &more) || !get_id_and_time(b, flags, v))
		return false;
	if (flags & PACK_TENANT &&
	    !get_text(b, AUDIT_TENANT_MAX, &v->tenant))
		return false;
	if (!get_network(b, flags, &v->network) || !get_tags(b, more, v))
		return false;
	if (!get_num(b, AUDIT_STATUS_MAX, &status))
		return false;
	v->status = (int)status;
	if (flags & PACK_CODE && !get_word(b, AUDIT_CODE_MAX, &v->code))
		return false;
	return v->is_text ? get_text(b, AUDIT_TRAIL_MAX, &v->trail) :
			    get_steps(b, v);
}

enum err audit_body_open(struct str body, struct audit_body *out_r)
{
	static const unsigned flags[AUDIT_VERSION + 1] = {
		0, PACK_ALL_1, PACK_ALL_2, PACK_ALL };

	if (!body.len || body.len > AUDIT_BODY_MAX || body.ptr[0] < 1 ||
	    body.ptr[0] > AUDIT_VERSION)
		return ERR_SYNTAX;
	out_r->flags = flags[(unsigned char)body.ptr[0]];
	out_r->p = (const unsigned char *)body.ptr + 1;
	out_r->end = (const unsigned char *)body.ptr + body.len;
	return ERR_OK;
}

int audit_body_next(struct audit_body *b, struct audit_view *view_r)
{
	struct audit_body at = *b;
	struct audit_view v;

	if (at.p == at.end)
		return 0;
	if (!get_record(&at, &v) || at.p - b->p > AUDIT_PACKED_MAX)
		return -1;
	*b = at;
	*view_r = v;
	return 1;
}

bool audit_view_is(const struct audit_view *v, struct str id)
{
	unsigned char ulid[ULID_OCTETS];

	if (!v->is_ulid)
		return str_eq(v->id, id);
	return ulid_read(id, ulid) &&
	       !memcmp(v->id.ptr, ulid, sizeof(ulid));
}

static enum err show(struct pool *pool, struct str in, struct str *out)
{
	*out = in.ptr ? pool_str(pool, in) : STR_NULL;
	return in.ptr && !out->ptr ? ERR_NOMEM : ERR_OK;
}

static enum err show_id(const struct audit_view *v, struct pool *pool,
			struct str *out)
{
	char text[ULID_LEN];

	if (!v->is_ulid)
		return show(pool, v->id, out);
	ulid_write((const unsigned char *)v->id.ptr, text);
	return show(pool, (struct str){ text, sizeof(text) }, out);
}

static enum err show_trail(const struct audit_view *v, struct pool *pool,
			   struct str *out)
{
	struct audit_body b = {
		(const unsigned char *)v->trail.ptr,
		(const unsigned char *)v->trail.ptr + v->trail.len,
		PACK_ALL,
	};
	struct step_view s;
	struct buf text;

	if (v->is_text)
		return show(pool, v->trail, out);
	buf_init_pool(&text, pool, AUDIT_RENDERED_MAX);
	buf_addc(&text, '[');
	for (unsigned i = 0; i < v->step_count && get_step(&b, &s); i++) {
		buf_puts(&text, i ? ",{" : "{");
		json_add_member(&text, "step", s.step);
		json_add_member(&text, "verdict", s.verdict);
		json_add_member_int(&text, "us", s.us);
		if (s.why.ptr)
			json_add_member(&text, "why", s.why);
		buf_addc(&text, '}');
	}
	buf_addc(&text, ']');
	*out = buf_str(&text);
	return buf_is_ok(&text) ? ERR_OK : ERR_NOMEM;
}

enum err audit_view_show(const struct audit_view *v, struct pool *pool,
			 struct audit_record *record_r)
{
	struct audit_record r = { .time_ms = v->time_ms,
				  .network = v->network, .tags = v->tags,
				  .status = v->status };
	enum err err = show_id(v, pool, &r.request_id);

	if (!err)
		err = show(pool, v->tenant, &r.tenant);
	if (!err)
		err = show(pool, v->code, &r.code);
	if (!err)
		err = show_trail(v, pool, &r.trail);
	if (!err)
		*record_r = r;
	return err;
}

/* Zeros in the place of those: what is erased may be where another is not. */
static bool forget(unsigned char *at, size_t count, uint64_t tag,
		   const struct audit_tags *tags)
{
	bool is_any = false;

	/* `token` is nobody's */
	count -= tags->token != 0;
	for (size_t i = 0; i < count; i++, at += AUDIT_TAG_LEN) {
		if (memcmp(at, &tag, AUDIT_TAG_LEN) && tags->subject != tag)
			continue;
		memset(at, 0, AUDIT_TAG_LEN);
		is_any = true;
	}
	return is_any;
}

int audit_body_forget(unsigned char *octets, size_t len, uint64_t tag)
{
	struct audit_body body;
	struct audit_view view;
	int n = 0, is;

	if (audit_body_open((struct str){ (char *)octets, len }, &body))
		return -1;
	while ((is = audit_body_next(&body, &view)) > 0) {
		const size_t count = view.tag_octets.len / AUDIT_TAG_LEN;
		ptrdiff_t at = view.tag_octets.ptr - (char *)octets;

		n += count && forget(octets + at, count, tag, &view.tags);
	}
	return is < 0 ? -1 : n;
}

uint64_t audit_token_tag(const uint8_t *jti, size_t len)
{
	uint64_t tag;

	memcpy(&tag, jti + len - AUDIT_TAG_LEN, AUDIT_TAG_LEN);
	return tag;
}

void audit_network_text(const struct ip *network,
			char out[AUDIT_NETWORK_TEXT_MAX])
{
	unsigned bits = network->family == 4 ? AUDIT_NET4_BITS :
					       AUDIT_NET6_BITS;
	struct ip prefix = ip_prefix(network, bits);
	char text[IP_TEXT_MAX];

	out[0] = '\0';
	if (!network->family)
		return;
	ip_text(&prefix, text);
	snprintf(out, AUDIT_NETWORK_TEXT_MAX, "%s/%u", text, bits);
}

static void add_tag(struct buf *out, const char *name, uint64_t tag)
{
	char text[2 * AUDIT_TAG_LEN + 1];

	if (!tag)
		return;
	snprintf(text, sizeof(text), "%016llx", (unsigned long long)tag);
	json_add_member(out, name, str_from(text));
}

void audit_record_json(const struct audit_record *r, struct buf *out)
{
	char network[AUDIT_NETWORK_TEXT_MAX];

	buf_addc(out, '{');
	json_add_member_int(out, "id", r->id);
	json_add_member(out, "request_id", r->request_id);
	json_add_member_int(out, "time_ms", r->time_ms);
	json_add_member(out, "tenant", r->tenant);
	audit_network_text(&r->network, network);
	json_add_member(out, "network", str_from(network));
	add_tag(out, "person", r->tags.person);
	add_tag(out, "subject", r->tags.subject);
	add_tag(out, "token", r->tags.token);
	json_add_member_int(out, "status", r->status);
	json_add_member(out, "code", r->code);
	json_add_member_raw(out, "trail", r->trail);
}
