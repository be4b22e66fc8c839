/*
 * What a child may say, and when.  Anything else ends it (lifecycle_end()).
 *
 * While it starts (enum greeting):
 *
 *	       HELLO           READY           REPLY to the probe
 *	NONE ---------> HELLO ---------> READY - - - - - - - - -> it serves
 *	                 |  ^
 *	                 |  +-- LOG, SIGN of its init (id 0)
 *	                 v
 *	              REFUSED: it says why, and is ended
 *	              (any time until it serves)
 *
 * READY counts once the kernel has said that the filters stand (attest.h).  What
 * it calls itself, and why it refuses, is shown to operators: a name that no
 * descriptor may have, or a reason that is no text, goes no further.
 *
 * While a call runs, which is the oldest one that was sent:
 *
 *	           +-- LOG, STEP --+
 *	           |               v
 *	sent ----> its hooks run --------- REPLY ----> answered, the next runs
 *	             |         ^
 *	     SIGN or |         | SIGNED or
 *	        LOOK v         | USER
 *	           it waits for us
 *
 * FELL may come at any time, twice, and changes nothing: the process ends by a
 * signal of its own making, and says where it was.
 *
 * SIGN is answered here; LOOK by the thread that made the call, in
 * isolated_resume().  Each kind is counted, and LOOK may come once.  While it
 * waits it may neither ask nor answer.
 */
#include "adapter/supervisor-private.h"

#include <unistd.h>

#include "codec/utf8.h"
#include "module/descriptor.h"
#include "sandbox/attest.h"
#include "sandbox/marshal.h"
#include "sandbox/sandbox.h"

#ifndef USHER_VERSION
#define USHER_VERSION "0"
#endif

/* ---- a start ------------------------------------------------------------- */

static bool is_version(const struct wire_item *name)
{
	return str_eq(name->a, STR("usher")) &&
	       str_eq(name->b, STR(USHER_VERSION));
}

static void on_hello(struct isolated *iso, const struct wire_frame *frame)
{
	if (iso->life != LIFE_STARTING || iso->greeting != GREETING_NONE ||
	    frame->head.generation) {
		lifecycle_end(iso, "it greeted twice");
	} else if (!is_version(wire_find(frame, WIRE_NAME))) {
		lifecycle_end(iso,
			      "usher-adapter-host is of another version than "
			      "the gateway; install both from one build");
	} else {
		iso->child.filters = (unsigned)
			wire_find(frame, WIRE_FILTERS)->number;
		iso->greeting = GREETING_HELLO;
	}
}

/*
 * Code of the adapter may have said READY in the host's name, or kept it from
 * the last step: what counts is what the kernel says.
 */
static bool has_closed(struct isolated *iso)
{
	struct child *child = &iso->child;
	char text[256];
	struct buf problem;
	enum err err;

	buf_init_fixed(&problem, text, sizeof(text));
	err = attest_check(child->status, child->filters + SANDBOX_FILTERS,
			   &problem);
	if (child->status >= 0)
		close(child->status);
	child->status = -1;
	if (err)
		lifecycle_end(iso, text);
	return !err;
}

/* Operators read them, so they are not taken on its host's word. */
static int keep_name(struct isolated *iso, const struct wire_frame *frame)
{
	const struct wire_item *name = wire_find(frame, WIRE_NAME);

	if (!descriptor_is_name(name->a.ptr) ||
	    !descriptor_is_version(name->b.ptr))
		return -1;
	snprintf(iso->name, sizeof(iso->name), "%s", name->a.ptr);
	snprintf(iso->version, sizeof(iso->version), "%s", name->b.ptr);
	iso->hooks = (unsigned)wire_find(frame, WIRE_HOOKS)->number;
	iso->abi = (unsigned)wire_find(frame, WIRE_ABI)->number;
	return 0;
}

static void on_ready(struct isolated *iso, const struct wire_frame *frame)
{
	if (iso->life != LIFE_STARTING || iso->greeting != GREETING_HELLO) {
		lifecycle_end(iso, "it was ready twice");
		return;
	}
	if (!has_closed(iso))
		return;
	if (!iso->name[0] && keep_name(iso, frame)) {
		lifecycle_end(iso, "it was ready under a name or a version "
			      "that no adapter has");
		return;
	}
	iso->greeting = GREETING_READY;
}

static void on_refused(struct isolated *iso, const struct wire_frame *frame)
{
	const struct str why = wire_find(frame, WIRE_PROBLEM)->a;

	if (iso->life != LIFE_STARTING)
		lifecycle_end(iso, "it refused to start, having started");
	else if (utf8_check_text(why, NULL))
		lifecycle_end(iso, "it refused to start, and why is no text");
	else
		lifecycle_end(iso, why.ptr);
}

/* ---- while a hook runs --------------------------------------------------- */

/* May the frame speak for what runs now?  *entry_r: NULL while it starts. */
static bool is_of_now(struct isolated *iso, const struct wire_frame *frame,
		      struct call_entry **entry_r)
{
	if (!frame->head.id) {
		*entry_r = NULL;
		return iso->greeting == GREETING_HELLO;
	}
	pthread_mutex_lock(&iso->lock);
	*entry_r = calls_running(&iso->calls, frame->head.id);
	pthread_mutex_unlock(&iso->lock);
	return *entry_r && iso->greeting == GREETING_READY;
}

static void on_log(struct isolated *iso, const struct wire_frame *frame)
{
	const struct wire_item *line = wire_find(frame, WIRE_LINE);
	const struct adapter_env *env = iso->env;
	struct call_entry *entry;
	unsigned *lines;

	if (!is_of_now(iso, frame, &entry)) {
		lifecycle_end(iso, "it logged for a call that is not its");
		return;
	}
	lines = entry ? &entry->lines : &iso->start_lines;
	if (++*lines > USHER_LOG_LINES_MAX)
		lifecycle_end(iso, "it logged more lines than a call may have");
	else if (env->services->log)
		env->services->log((enum log_level)line->number, env->tenant,
				   str_from(iso->name[0] ? iso->name :
					    "starting"), line->a);
}

/* Of a call that was given up nobody looks on any more. */
static void on_step(struct isolated *iso, const struct wire_frame *frame)
{
	struct call_entry *entry;

	if (!is_of_now(iso, frame, &entry) || !entry || entry->is_probe ||
	    ++entry->steps > WIRE_STEPS_MAX)
		lifecycle_end(iso, "it told of a step out of turn");
	else if (entry->is_watched ? marshal_read_step(frame, &entry->trace) :
		 entry->call && (!entry->call->trace ||
				 marshal_read_step(frame, entry->call->trace)))
		lifecycle_end(iso, "it told of a step that nobody asked for");
}

static int sign(const struct adapter_env *env, const struct wire_item *data,
		unsigned char mac[USHER_MAC_LEN])
{
	for (unsigned i = 0; i < env->secret_count; i++)
		if (str_eq(env->secrets[i].name, data->a))
			return env->services->hmac_sha256(
				env->secrets[i].value, data->b.ptr,
				data->b.len, mac) ? USHER_E_FAILED : 0;
	return USHER_E_NOTFOUND;
}

/* Its hook has asked something else, and waits: one thing at a time. */
static bool is_answering(struct isolated *iso, const struct call_entry *entry)
{
	bool answering;

	pthread_mutex_lock(&iso->lock);
	answering = iso->answer.len || (entry && entry->is_looking);
	pthread_mutex_unlock(&iso->lock);
	return answering;
}

/* Sent when all that came was heard. */
static void answer(struct isolated *iso, struct buf *frame)
{
	if (!buf_is_ok(frame)) {
		buf_done(frame);
		lifecycle_end(iso, "out of memory");
		return;
	}
	pthread_mutex_lock(&iso->lock);
	iso->answer = *frame;
	pthread_mutex_unlock(&iso->lock);
}

static void on_sign(struct isolated *iso, const struct wire_frame *frame)
{
	unsigned char mac[USHER_MAC_LEN];
	struct call_entry *entry;
	unsigned *signs;
	struct buf out;
	int rc;

	if (!is_of_now(iso, frame, &entry) || is_answering(iso, entry)) {
		lifecycle_end(iso, "it asked for a signature out of turn");
		return;
	}
	signs = entry ? &entry->signs : &iso->start_signs;
	if (++*signs > WIRE_SIGNS_MAX) {
		lifecycle_end(iso, entry ? "it asked for more signatures than "
			      "a call may have" : "it asked for more "
			      "signatures than a start may have");
		return;
	}
	rc = sign(iso->env, wire_find(frame, WIRE_DATA), mac);
	buf_init(&out, WIRE_FRAME_MAX);
	wire_begin(&out, (struct wire_head){ WIRE_SIGNED, iso->generation,
					     frame->head.id });
	wire_add(&out, WIRE_MAC, rc, rc ? STR_NULL :
		 (struct str){ (const char *)mac, sizeof(mac) }, STR_NULL);
	answer(iso, &out);
}

/*
 * What is stored is fetched by the thread that made the call, which owns a
 * reader: it is called back, and comes to isolated_resume().
 */
static void on_look(struct isolated *iso, const struct wire_frame *frame)
{
	struct adapter_call *call = NULL;
	struct call_entry *entry;
	struct buf nothing;

	if (!is_of_now(iso, frame, &entry) || !entry || !entry->is_lookable ||
	    is_answering(iso, entry) || entry->looks++) {
		lifecycle_end(iso, "it asked about a user out of turn");
		return;
	}
	atomic_store_explicit(&iso->lookers, ISOLATED_LOOKERS,
			      memory_order_relaxed);
	pthread_mutex_lock(&iso->lock);
	if (entry->call) {
		call = entry->call;
		call->look_id = entry->id;
		entry->call = NULL;
		entry->is_looking = true;
	}
	pthread_mutex_unlock(&iso->lock);
	if (call) {
		supervisor_finish(iso->supervisor, call);
		return;
	}
	/* It is late, and nobody listens. */
	buf_init(&nothing, WIRE_FRAME_MAX);
	marshal_write_user(
		NULL,
		(struct wire_head){WIRE_USER, iso->generation, frame->head.id},
		&nothing);
	answer(iso, &nothing);
}

/* ---- replies ------------------------------------------------------------- */

static void on_probe_reply(struct isolated *iso, struct call_entry *entry,
			   const struct wire_frame *frame)
{
	pthread_mutex_lock(&iso->lock);
	calls_drop(&iso->calls, entry);
	pthread_mutex_unlock(&iso->lock);
	if (frame->count != 1 ||
	    wire_find(frame, WIRE_RESULT)->number != ADAPTER_OK)
		lifecycle_end(iso, "it did not pass the test of a call");
	else
		lifecycle_serve(iso);
}

/* It is done with that call, and its caller has what there is. */
static void count_answer(struct isolated *iso, struct call_entry *entry)
{
	bool closed;

	/* One that might have asked did not: the next ones may, too. */
	if (entry->is_scout && !entry->looks)
		atomic_store_explicit(&iso->lookers, 0, memory_order_relaxed);
	pthread_mutex_lock(&iso->lock);
	calls_drop(&iso->calls, entry);
	closed = breaker_answer(&iso->breaker);
	pthread_mutex_unlock(&iso->lock);
	if (!closed)
		return;
	metric_set(iso->metrics.open, 0);
	lifecycle_tell(iso, LOG_LEVEL_INFO, LOG_EVENT(adapter_breaker_closed),
		       iso->name);
}

/* What it said is no answer, and nothing that it says is taken any more. */
static void forswear(struct isolated *iso, struct call_entry *entry)
{
	pthread_mutex_lock(&iso->lock);
	calls_drop(&iso->calls, entry);
	pthread_mutex_unlock(&iso->lock);
	lifecycle_end(iso, "its reply was malformed");
}

/* Nobody but this thread takes a call out, so its entry stays meanwhile. */
static void on_reply(struct isolated *iso, const struct wire_frame *frame)
{
	struct call_entry *entry;
	struct adapter_call *call;
	enum err err = ERR_OK;

	if (!frame->head.id || !is_of_now(iso, frame, &entry) ||
	    is_answering(iso, entry)) {
		lifecycle_end(iso, "it answered a call that is not under way");
		return;
	}
	if (entry->is_probe) {
		on_probe_reply(iso, entry, frame);
		return;
	}
	call = entry->call;
	if (call)
		err = marshal_read_reply(frame, entry->is_deliver,
					 iso->supervisor->scratch, call);
	if (err)
		isolated_call_fail(call, ADAPTER_FAILED, err == ERR_NOMEM ?
				   "out of memory" :
				   "its reply was malformed");
	if (call) {
		metric_observe_ns(iso->metrics.seconds,
				  iso->supervisor->now_ns - entry->start_ns);
		supervisor_finish(iso->supervisor, call);
	}
	if (err && err != ERR_NOMEM)
		forswear(iso, entry);
	else
		count_answer(iso, entry);
}

/* Its end follows, which the pidfd tells; what it says of it is kept. */
static void on_fell(struct isolated *iso, const struct wire_frame *frame)
{
	if (++iso->falls > FALL_FRAMES_MAX) {
		lifecycle_end(iso, "it told of its end more often than twice");
		return;
	}
	fall_read(frame, &iso->fall);
}

void inbound_frame(struct isolated *iso, struct str data)
{
	static void (*const handlers[WIRE_TYPES])(
		struct isolated *, const struct wire_frame *) = {
		[WIRE_HELLO] = on_hello, [WIRE_READY] = on_ready,
		[WIRE_REFUSED] = on_refused, [WIRE_REPLY] = on_reply,
		[WIRE_LOG] = on_log, [WIRE_SIGN] = on_sign,
		[WIRE_STEP] = on_step, [WIRE_LOOK] = on_look,
		[WIRE_FELL] = on_fell,
	};
	struct wire_frame *frame = &iso->supervisor->frame;
	enum wire_type type;

	if (wire_read(data.ptr, data.len, true, frame)) {
		lifecycle_end(iso, "it sent a malformed frame");
		return;
	}
	type = frame->head.type;
	share_take(&iso->share, type, data.len, iso->supervisor->now_ns);
	if (type != WIRE_HELLO && frame->head.generation != iso->generation) {
		lifecycle_end(iso, "it sent a frame of another process");
		return;
	}
	handlers[type](iso, frame);
}
