/*
 * fall-watch: the child's end of fall.h: watches the signals that code brings
 * upon itself, finds out where, and tells.
 *
 * What runs here runs in a signal handler, and takes neither locks nor memory.
 * It is no boundary: foreign code may have changed it, as all of its process,
 * and then nothing is told.  That a system call is not made, and that the
 * process ends by it, is the kernel's doing: see sigsys.h.
 */
#ifndef SANDBOX_FALL_WATCH_H
#define SANDBOX_FALL_WATCH_H

#include <signal.h>

#include "sandbox/fall.h"

/*
 * From now on.  `tell` sends what is known; it is called in the handler, once
 * or twice, and sets nothing in motion but that.  With a sanitizer, which has
 * a report of its own, system calls alone are told.  -1: errno.
 */
int fall_watch(void (*tell)(struct fall *fall));
/* As a FELL frame. Async-signal-safe on a buf of a fixed size. */
void fall_write(const struct fall *fall, struct wire_head head,
		struct buf *out);
/* Of sigsys.c: a system call that is not let. */
void fall_by_call(const siginfo_t *info, void *context, uint64_t argument);
/*
 * Then end by SIGSYS.  It is blocked while its handler runs, and one that is
 * forced then is not to be caught.  It does not return; it is not said to the
 * compiler, as AddressSanitizer calls sigaltstack(2) before such functions,
 * which no adapter may.
 */
void fall_end(void);

#endif
