/*
 * filter: the two lists of system calls that an isolated adapter's process may
 * make, as programs for the kernel (seccomp(2)).
 *
 * Made once by the gateway, so that a child needs neither libseccomp nor the
 * time that it takes.  They stand behind each other in a memory file:
 *
 *	struct filter_head, the load phase's program, the steady phase's
 *
 * What a steady child may do: recvfrom and sendto on descriptor 3, write and
 * writev on 2, memory that is not executable, futex and the clocks, random
 * bytes, its own ids, SIGABRT, and its end.  While it loads, also what
 * ld.so needs.  Processes, foreign memory, signals, namespaces and the
 * like end it; clone3 is ENOSYS, all else EPERM.
 */
#ifndef SANDBOX_FILTER_H
#define SANDBOX_FILTER_H

#include <stdint.h>

#include "sandbox/uids.h"
#include "base/buf.h"
#include "base/error.h"

#define FILTER_PHASES 2
#define FILTER_INSTRUCTIONS_MAX 4096	/* the kernel's own limit */
#define FILTER_INSTRUCTION_SIZE 8	/* struct sock_filter */

enum filter_phase { FILTER_LOAD, FILTER_STEADY };

struct filter_head {
	uint32_t count[FILTER_PHASES];	/* instructions, in enum's order */
};

/*
 * A sealed memory file, close-on-exec.  ERR_IO, ERR_NOMEM, ERR_UNSUPPORTED;
 * *problem then gained a sentence.
 */
enum err filter_new(int *fd_r, struct buf *problem);

/*
 * The program of the spawner (spawner.h), which what it starts has too: it may
 * become nobody outside of `range`, signals nothing but SIGKILL, and has no
 * part in sockets, namespaces, foreign memory, modules and the like.  It
 * stands where FILTER_LOAD's does; there is no other.
 */
enum err filter_new_spawner(struct uid_range range, int *fd_r,
			    struct buf *problem);

#endif
