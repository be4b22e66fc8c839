/*
 * The channel's codec, from both ends.  The first octet chooses who speaks;
 * the rest is one frame, and by the way a datagram.  What is read can be written, and is then the same
 * to the octet; a reply is also taken, as the gateway takes it.
 */
#include "sandbox/fall.h"
#include "sandbox/marshal.h"
#include "sandbox/wire.h"
#include "base/hash.h"
#include "fuzz/fuzz.h"

static enum err no_hmac(struct str key, const void *data, size_t len,
			unsigned char mac_r[32])
{
	(void)key;
	(void)data;
	(void)len;
	memset(mac_r, 0, 32);
	return ERR_OK;
}

static const struct adapter_services services = { .hmac_sha256 = no_hmac };
static const struct adapter_env env = {
	.services = &services, .tenant = { "t", 1 }, .name = { "n", 1 },
	.deadline_ms = 50,
};
static struct wire_frame frame;

static void check_text(struct str s, size_t max)
{
	if (str_is_null(s))
		return;
	fuzz_assert(s.len <= max);
	fuzz_assert(s.ptr[s.len] == '\0');
}

static void check_outputs(const struct adapter_call *call)
{
	fuzz_assert(call->result <= ADAPTER_FAILED);
	fuzz_assert(call->change_count <= USHER_ATTRIBUTES_MAX);
	fuzz_assert(call->event_count <= USHER_EVENTS_MAX);
	fuzz_assert(call->error_count <= USHER_ERRORS_MAX);
	check_text(call->email, USHER_VALUE_MAX);
	check_text(call->redirect, USHER_URL_MAX);
	check_text(call->post_url, USHER_URL_MAX);
	for (unsigned i = 0; i < call->change_count; i++)
		check_text(call->changes[i].value, USHER_VALUE_MAX);
	if (call->result == ADAPTER_INVALID)
		fuzz_assert(call->error_count > 0);
	if (call->result == ADAPTER_DENIED)
		fuzz_assert(call->deny_code.len > 0);
	if (call->result != ADAPTER_OK)
		fuzz_assert(!call->change_count && !call->event_count);
}

static void take_reply(bool is_deliver)
{
	struct pool *pool = pool_new(256 * 1024);
	struct pool *scratch = pool_new(CALL_SCRATCH_MAX);
	struct fields attributes;
	struct adapter_call call = { .pool = pool, .attributes = &attributes,
				     .may_supply = true };
	enum err err;

	fields_init(&attributes, pool);
	fields_set(&attributes, STR("plan"), STR("free"), FIELD_TEXT);
	call_begin(&call, &env, NULL);
	err = marshal_read_reply(&frame, is_deliver, scratch, &call);
	fuzz_assert(call.phase == ADAPTER_PHASE_NONE);
	if (!err)
		check_outputs(&call);
	pool_free(scratch);
	pool_free(pool);
}

/* What is said of it is short, and is printable ASCII whatever it said. */
static void take_fall(void)
{
	char text[512];
	struct fall fall;
	struct buf said;

	fall_read(&frame, &fall);
	buf_init_fixed(&said, text, sizeof(text));
	fall_say(&fall, STR("a.so"), &said);
	fuzz_assert(said.len > 0 && buf_is_ok(&said));
	for (size_t i = 0; i < said.len; i++)
		fuzz_assert(text[i] >= ' ' && text[i] <= '~');
}

/* As the end of a hook that runs, and as the beginning of the next. */
static void take_step(void)
{
	struct adapter_trace trace = { 0 };

	for (unsigned phase = 0; phase <= ADAPTER_PHASE_DELIVER; phase++) {
		trace = (struct adapter_trace){
			{ { .phase = (enum adapter_phase)phase } }, 1
		};
		if (marshal_read_step(&frame, &trace))
			fuzz_assert(!trace.steps[0].is_over);
		else
			fuzz_assert(trace.count == 1 && trace.steps[0].is_over);
		trace.steps[0].is_over = true;
		if (!marshal_read_step(&frame, &trace))
			fuzz_assert(trace.count == 2 &&
				    !trace.steps[1].is_over);
	}
}

static void take_call(void)
{
	struct pool *pool = pool_new(512 * 1024);
	struct marshal_lists lists;
	struct adapter_call call;

	if (!marshal_read_call(&frame, pool, &lists, &call)) {
		fuzz_assert(lists.fields.count <= USHER_FIELDS_MAX);
		fuzz_assert(lists.claims.count <= USHER_FIELDS_MAX);
		marshal_read_times(&frame, &call);
	}
	pool_free(pool);
}

static void take_user(void)
{
	struct pool *pool = pool_new(512 * 1024);
	struct adapter_call call = { .pool = pool };
	struct marshal_lists lists;

	fields_init(&lists.attributes, pool);
	if (!marshal_read_user(&frame, pool, &lists, &call))
		fuzz_assert(lists.attributes.count <= USHER_FIELDS_MAX);
	pool_free(pool);
}

/* Frames tile it, each behind its length. */
static void take_datagram(struct str datagram)
{
	const char *at = datagram.ptr, *end = at + datagram.len;
	struct str part;
	int more;

	while ((more = wire_next(&datagram, &part)) > 0) {
		fuzz_assert(part.len && part.ptr == at + WIRE_LENGTH_SIZE);
		at = part.ptr + part.len;
		fuzz_assert(at <= end && datagram.ptr == at &&
			    datagram.len == (size_t)(end - at));
	}
	fuzz_assert((more == 0) == (at == end));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool from_child = size && data[0] & 1;
	struct buf again;

	if (!size)
		return 0;
	hash_init();
	take_datagram(fuzz_str(data + 1, size - 1));
	if (wire_read(data + 1, size - 1, from_child, &frame))
		return 0;
	buf_init(&again, WIRE_FRAME_MAX);
	wire_begin(&again, frame.head);
	for (unsigned i = 0; i < frame.count; i++)
		wire_add(&again, frame.items[i].tag, frame.items[i].number,
			 frame.items[i].a, frame.items[i].b);
	fuzz_assert(buf_is_ok(&again));
	fuzz_assert(str_eq(buf_str(&again), fuzz_str(data + 1, size - 1)));
	buf_done(&again);
	if (frame.head.type == WIRE_REPLY)
		take_reply(data[0] & 2);
	if (frame.head.type == WIRE_STEP)
		take_step();
	if (frame.head.type == WIRE_FELL)
		take_fall();
	if (frame.head.type == WIRE_CALL)
		take_call();
	if (frame.head.type == WIRE_USER)
		take_user();
	return 0;
}
