/*
 * fall: what the process of an adapter says of itself as it falls, by a signal
 * of its own making or because of a system call that no adapter may make.
 *
 * The child watches the signals (fall-watch.h) and sends one or two FELL
 * frames; the gateway keeps the last, and believes it where the kernel says
 * that this very signal ended the process.  Foreign code may have written it
 * all the same: it can lie about its own end, in the words below and no others.
 * Numbers are named by the gateway, names of files have letters, digits and
 * "._+-" and are short.
 *
 *	: clone (56), which is how pthread_create() starts a thread,
 *	 at acme.so+0x11b8, in init
 *	 at acme.so+0x1a3 in map_fields
 *	 in libc.so.6+0x9d2f7, called at acme.so+0x11b8, in sync_user
 */
#ifndef SANDBOX_FALL_H
#define SANDBOX_FALL_H

#include "module/call.h"
#include "sandbox/wire.h"

#define FALL_OBJECT_MAX 64	/* octets of an object's name */
#define FALL_FRAMES_MAX 2	/* of one process */
#define FALL_PLACES_MAX 2

struct fall_place {
	bool is_module;		/* the adapter's file, whatever `object` says */
	char object[FALL_OBJECT_MAX + 1];
	uint64_t offset;
};

struct fall {
	int signal;
	bool has_call;		/* SIGSYS: */
	uint32_t call;		/* its number, */
	uint64_t argument;	/* and its first argument */
	enum adapter_phase phase;	/* ADAPTER_PHASE_NONE: in no hook */
	struct fall_place places[FALL_PLACES_MAX];	/* where it was, then
					 * where it came from in its module */
	unsigned place_count;
};

/* A FELL frame that wire_read() took. */
void fall_read(const struct wire_frame *frame, struct fall *fall_r);
/*
 * What follows "was ended by signal 11 (Segmentation fault)", as above; `file`
 * is what the module is called.
 */
void fall_say(const struct fall *fall, struct str file, struct buf *out);

#endif
