/*
 * calls: those of one adapter that are under way, in the order of their
 * coming, which is also that of their deadlines.
 *
 * A call waits until the window has room for it, is then with the child,
 * and is taken out when the child answered it.  One that is late before it was
 * sent is taken out at once; one that is late with the child keeps its place,
 * without its caller, until the child is done with it: so the window is
 * always what the child really has before it.
 *
 * Not locked; what is in it belongs to the holder of its owner's lock, but
 * only one thread takes calls out.
 */
#ifndef ADAPTER_CALLS_PRIVATE_H
#define ADAPTER_CALLS_PRIVATE_H

#include <sys/uio.h>

#include "module/call.h"
#include "sandbox/host.h"
#include "base/list.h"

#define CALLS_MAX 256		/* under way, of one adapter */
#define CALLS_WINDOW HOST_WINDOW	/* with the child */
/* Frames go together in a datagram up to about so many octets. */
#define CALLS_DATAGRAM 32768

struct call_entry {
	struct list node;
	uint64_t id;
	struct adapter_call *call;	/* NULL: the probe, or answered */
	const struct adapter_call *late;	/* whose that was: an address */
	bool is_deliver, is_probe, is_sent;
	bool is_lookable;		/* it may ask about the user */
	bool is_looking;		/* the caller has it, see LOOK */
	bool is_scout;			/* does the adapter still look? */
	bool is_watched;		/* its steps are told to `trace` */
	struct adapter_trace trace;
	int64_t start_ns, deadline_ns;	/* the latter: INT64_MAX for none */
	unsigned lines, signs, steps, looks; /* that the child sent for it */
	uint32_t len;			/* of the frame, as wire_next() has it */
	struct buf frame;		/* gone when it was sent */
};

struct calls {
	struct list entries;
	unsigned count, sent;
	uint64_t last_id;
};

void calls_init(struct calls *calls);

/* Behind all others, with an id of its own; takes over the frame's memory.
 * NULL: no memory; the frame is then the caller's still. */
struct call_entry *calls_add(struct calls *calls, struct buf *frame);
/* The oldest, or NULL. */
struct call_entry *calls_head(const struct calls *calls);
/* The same, if it is with the child and has that id. */
struct call_entry *calls_running(const struct calls *calls, uint64_t id);
/* Out of it, and free.  Its caller is told by others. */
void calls_drop(struct calls *calls, struct call_entry *entry);

/*
 * The next ones that may be sent, as pieces of one datagram: how many of
 * them, each two pieces long.  Then, if the datagram went: those are sent.
 */
unsigned calls_gather(const struct calls *calls,
		      struct iovec pieces_r[2 * CALLS_WINDOW]);
void calls_sent(struct calls *calls, unsigned count);

/*
 * The caller of the oldest call that is late, who is to be told: its entry
 * knows it no more.  NULL: nobody is late.
 */
struct adapter_call *calls_late(struct calls *calls, int64_t now_ns);
/* When the next one is late. */
int64_t calls_deadline(const struct calls *calls);

#endif
