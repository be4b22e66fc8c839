/*
 * marshal: a call of an adapter that runs in another process, as frames.
 *
 * The gateway writes the call and takes the reply; the child takes the call
 * and writes the reply.  A reply is taken by doing once more, through the very
 * functions that the host lends to adapters, what it says was done: so all
 * that they check is checked again, on the gateway's side.
 */
#ifndef SANDBOX_MARSHAL_H
#define SANDBOX_MARSHAL_H

#include "module/call.h"
#include "sandbox/wire.h"

/* Gateway, after call_begin(). ERR_LIMIT: does not fit in a frame. */
enum err marshal_write_call(struct adapter_call *call, enum wire_call_kind kind,
			    struct wire_head head, struct buf *out);
/* What a call brings along by name. */
struct marshal_lists {
	struct fields fields, attributes, claims;
};

/*
 * Child: *call gets its inputs, which point into the frame, `pool` and *lists.
 * ERR_SYNTAX, ERR_NOMEM.
 */
enum err marshal_read_call(const struct wire_frame *frame, struct pool *pool,
			   struct marshal_lists *lists,
			   struct adapter_call *call);
/* Child: what the frame says of the times, after call_begin(). */
void marshal_read_times(const struct wire_frame *frame,
			struct adapter_call *call);

/*
 * The same for what is about the user: the gateway, once call->look() ran
 * (NULL: nobody looks on any more); and the child, which copies it into
 * `pool`, *lists and *call.  ERR_LIMIT; ERR_SYNTAX, ERR_NOMEM.
 */
enum err marshal_write_user(struct adapter_call *call, struct wire_head head,
			    struct buf *out);
enum err marshal_read_user(const struct wire_frame *frame, struct pool *pool,
			   struct marshal_lists *lists,
			   struct adapter_call *call);

/* Child: a step that begins, or is over. */
void marshal_write_step(const struct adapter_step *step, struct wire_head head,
			struct buf *out);
/* Gateway: one line more, or the end of the last one.  ERR_SYNTAX for what
 * comes out of turn or in part. */
enum err marshal_read_step(const struct wire_frame *frame,
			   struct adapter_trace *trace);

/* Child, after the hooks ran. ERR_LIMIT. */
enum err marshal_write_reply(const struct adapter_call *call,
			     struct wire_head head, struct buf *out);
/*
 * Gateway: outputs and result of a call that call_begin() prepared.
 * `scratch` is the calling thread's.  ERR_SYNTAX for what no honest child
 * sends, ERR_NOMEM; the call is then as after call_begin().
 */
enum err marshal_read_reply(const struct wire_frame *frame, bool is_deliver,
			    struct pool *scratch, struct adapter_call *call);

#endif
