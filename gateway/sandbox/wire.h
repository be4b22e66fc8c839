/*
 * wire: what the gateway and the process of an isolated adapter say to each
 * other.
 *
 * A datagram of a SOCK_SEQPACKET pair is one frame or several, each behind its
 * length.  A frame is a header, then items that fill the rest exactly.  An
 * item is a tag, a number and two slices, and each kind of frame has its own
 * list of tags, with how often each may stand.
 * Both ends are of one build on one machine: numbers are in its byte order,
 * and another WIRE_VERSION is refused.
 *
 * The child's end is hostile: wire_read() takes nothing on trust, looks at
 * every length, and accepts exactly what wire_* can write.  It does not say
 * whether text is text; who uses it does.
 *
 *	child				gateway
 *	HELLO	who it is, with its status file (attest.h)
 *					CONFIG*	settings
 *					START	load, init
 *	READY or REFUSED
 *					CALL	(several may wait)
 *	LOG*, STEP*, SIGN and SIGNED, LOOK and USER, then REPLY, in the order
 *	of the calls
 *	FELL	instead of all that, at most twice: its last words
 */
#ifndef SANDBOX_WIRE_H
#define SANDBOX_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include <usher/adapter.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

#define WIRE_VERSION 1
#define WIRE_FRAME_MAX 131072	/* octets */
#define WIRE_LENGTH_SIZE 4	/* a uint32_t before each frame */
#define WIRE_DATAGRAM_MAX (WIRE_FRAME_MAX + WIRE_LENGTH_SIZE)
#define WIRE_ITEMS_MAX 896	/* of one frame */
#define WIRE_SIGN_MAX 65536	/* octets that hmac_sha256() takes */
#define WIRE_SIGNS_MAX 256	/* SIGN frames of one call */
#define WIRE_STEPS_MAX 6	/* STEP frames of one call */

enum wire_type {
	WIRE_HELLO = 1,		/* child */
	WIRE_CONFIG,		/* gateway */
	WIRE_START,		/* gateway */
	WIRE_READY,		/* child */
	WIRE_REFUSED,		/* child */
	WIRE_CALL,		/* gateway */
	WIRE_REPLY,		/* child */
	WIRE_LOG,		/* child; id 0: during init */
	WIRE_SIGN,		/* child; likewise */
	WIRE_SIGNED,		/* gateway */
	WIRE_STEP,		/* child: of a call with WIRE_TRACED */
	WIRE_LOOK,		/* child: of a call with WIRE_LOOKABLE */
	WIRE_USER,		/* gateway: what there is to see */
	WIRE_FELL,		/* child: as it ends by its own doing (fall.h) */
	WIRE_TYPES
};

enum wire_tag {
	WIRE_NAME = 1,		/* a: name, b: version */
	WIRE_SETTING,		/* a: key, b: value */
	WIRE_TENANT,		/* a: slug */
	WIRE_DEADLINE,		/* number: ms */
	WIRE_HOOKS,		/* number: 1 << enum adapter_phase, and
				 * WIRE_FINI, WIRE_ADVISORY */
	WIRE_PROBLEM,		/* a: for people */
	WIRE_KIND,		/* number: enum wire_call_kind */
	WIRE_NOW,		/* number: wall clock, ms */
	WIRE_SINCE,		/* number: monotonic clock at its start, ms */
	WIRE_MAY_SUPPLY,	/* number: 0 or 1 */
	WIRE_INFO,		/* number: index of its name, a: value */
	WIRE_FIELD,		/* number: enum field_kind, a: name, b: value */
	WIRE_ATTRIBUTE,		/* the same */
	WIRE_RESULT,		/* number: enum adapter_result */
	WIRE_SUPPLIED,		/* a: name, b: value */
	WIRE_CHANGE,		/* a: name, b: value; absent: removed */
	WIRE_REDIRECT,		/* a: URL */
	WIRE_POST,		/* a: URL */
	WIRE_POSTED,		/* a: name, b: value */
	WIRE_ERROR,		/* a: field, b: text */
	WIRE_DENY,		/* a: code, b: reason */
	WIRE_EVENT,		/* a: name, without its prefix, b: JSON */
	WIRE_LINE,		/* number: level, a: text */
	WIRE_DATA,		/* a: name of the secret, b: what to sign */
	WIRE_MAC,		/* number: what hmac_sha256() returns, a: the
				 * code, absent with a number other than 0 */
	WIRE_CLAIM,		/* as WIRE_FIELD */
	WIRE_ABI,		/* number: major << 16 | minor */
	WIRE_TRACED,		/* number: 1; tell each step */
	WIRE_PHASE,		/* number: enum adapter_phase; alone: begins */
	WIRE_RETURNED,		/* number: what the hook returned */
	WIRE_TOOK,		/* number: ns */
	WIRE_CHANGES,		/* number: it made, and so on */
	WIRE_EVENTS,
	WIRE_ERRORS,
	WIRE_LINES,
	WIRE_HEAP,		/* number: octets */
	WIRE_LOOKABLE,		/* number: 1; the user is told to who asks */
	WIRE_FILTERS,		/* number: of system calls, that it was born
				 * with; its status file comes along */
	WIRE_HIDDEN,		/* a: directory that it is not to read */
	WIRE_SIGNAL,		/* number */
	WIRE_SYSCALL,		/* number: its own */
	WIRE_ARGUMENT,		/* number: the first, without its sign */
	WIRE_HOOK,		/* number: enum adapter_phase, also init */
	WIRE_PLACE,		/* number: offset, a: the object's name; absent:
				 * the adapter's file */
	WIRE_TAGS
};

enum wire_call_kind {
	WIRE_PROBE,		/* no hook: is anybody there? */
	WIRE_HANDOFF,
	WIRE_DELIVER,
};

/* Among WIRE_HOOKS. */
#define WIRE_FINI 1		/* it has fini */
#define WIRE_ADVISORY 64	/* USHER_ADVISORY */

struct wire_head {
	enum wire_type type;
	uint32_t generation;	/* of the child; HELLO: 0 */
	uint64_t id;		/* of the call; 0: none */
};

/* `a` and `b` are absent where their tag has none; else terminated. */
struct wire_item {
	enum wire_tag tag;
	int64_t number;
	struct str a, b;
};

/* A frame that was read; the slices point into its bytes. */
struct wire_frame {
	struct wire_head head;
	unsigned count;
	struct wire_item items[WIRE_ITEMS_MAX];
};

/*
 * Cut the next frame off a datagram.  1: *frame_r; 0: there are no more; -1:
 * the rest is not what a datagram is made of.
 */
int wire_next(struct str *datagram, struct str *frame_r);

/*
 * Read one frame.  `from_child` says which end spoke: frames that are the
 * other's to send are refused.  ERR_SYNTAX, ERR_LIMIT (too many items),
 * ERR_UNSUPPORTED (another version).  *frame_r is then undefined.
 */
enum err wire_read(const void *data, size_t len, bool from_child,
		   struct wire_frame *frame_r);

/* The first item with that tag, or NULL. */
const struct wire_item *wire_find(const struct wire_frame *frame,
				  enum wire_tag tag);

/*
 * Write one: begin on an empty buf, add items, ask buf_is_ok() in the end.
 * The buf's own maximum should be WIRE_FRAME_MAX.
 */
void wire_begin(struct buf *out, struct wire_head head);
void wire_add(struct buf *out, enum wire_tag tag, int64_t number, struct str a,
	      struct str b);
void wire_add_number(struct buf *out, enum wire_tag tag, int64_t number);
void wire_add_text(struct buf *out, enum wire_tag tag, struct str a);
/* Does nothing with an absent `a`. */
void wire_add_if(struct buf *out, enum wire_tag tag, int64_t number,
		 struct str a);
/* Into a frame that was written: what was not known then. */
void wire_address(struct buf *frame, uint32_t generation, uint64_t id);

#endif
