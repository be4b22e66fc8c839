/*
 * sandbox: a process gives up, for good, all that an adapter does not need.
 *
 * Two steps, in the order of their use, each of which closes completely or
 * fails; the caller ends the process on a failure: no sandbox, no adapter.
 * Called in the child, which has one thread.  The programs are filter.h's.
 */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include <stdint.h>
#include <sys/types.h>

#include "sandbox/filter.h"
#include "base/buf.h"
#include "base/error.h"

#define SANDBOX_ADDRESS_SPACE (256u * 1024 * 1024)	/* bytes */
#define SANDBOX_STACK (1024u * 1024)
#define SANDBOX_FILES 16	/* open ones, while it loads; then 0 */
/*
 * So much nicer than the gateway: where there is less processor time than
 * work, an adapter that burns it takes it from other adapters before it takes
 * it from those who have none.  One that has little to do is served as soon.
 */
#define SANDBOX_NICE 10

/* Programs that the two steps add, by the kernel's count: what is its own, the
 * load phase's, the steady phase's. */
#define SANDBOX_FILTERS 3

/* The file of filter.h, where it has to be, for good; NULL: errno says why. */
const struct filter_head *sandbox_map(int fd, size_t *size_r);

/*
 * Before foreign code is loaded: limits, priority; the user `uid` (0:
 * nobody's), which the spawner has made it already, or which it becomes where
 * it may; no new privileges, no core, no ptrace, death with the parent's
 * thread; Landlock without the directory `hidden` (landlock.h; may be NULL).
 * One of own user and Landlock is demanded.  Then the first program, which is
 * the boundary: what foreign code does from here on, it cannot undo it or add
 * to it but by the second step.  ERR_UNSUPPORTED; *problem gained a sentence.
 */
enum err sandbox_enter(const struct filter_head *filters, size_t size,
		       uid_t uid, const char *hidden, struct buf *problem);
/*
 * After it was loaded: no file can be opened, and the second program.
 * `filters` are sandbox_map()'s.  That this came to pass is not ours to say, as
 * foreign code is in the process: the gateway asks the kernel (attest.h).
 */
enum err sandbox_close(const struct filter_head *filters, size_t size,
		       struct buf *problem);

/* Load one of the programs, for good; -1: errno says why. Needs the right to,
 * or no new privileges. */
int sandbox_filter(const struct filter_head *filters, size_t size,
		   enum filter_phase phase);

#endif
