/*
 * attest: what the kernel says about the sandbox of a process.
 *
 * A process that has foreign code in it can say that it closed its sandbox and
 * not have done it.  So its word is not taken.  While nothing foreign is in it
 * yet, it opens its own status file (proc(5)), counts the filters that it was
 * born with, and passes both to the gateway with its HELLO.  After its READY
 * the gateway reads the file: it is about that process and no later one of the
 * same number, and is open to the gateway however /proc is mounted.
 *
 * As no filter can be put into the process but the sandbox's own (filter.h),
 * and none can be taken out, the number alone says which ones stand.
 */
#ifndef SANDBOX_ATTEST_H
#define SANDBOX_ATTEST_H

#include "base/buf.h"
#include "base/error.h"

#define ATTEST_FILTERS_MAX 1024		/* that one may be born with */

/*
 * In the process: its status file, close-on-exec, and its filters now.
 * ERR_IO, ERR_UNSUPPORTED (Linux before 5.9 does not count them); *problem
 * gained a sentence, *fd_r is -1.
 */
enum err attest_open(int *fd_r, unsigned *filters_r, struct buf *problem);

/*
 * In the gateway: are there exactly so many filters?  Does not wait.
 * ERR_UNSUPPORTED: no, or nobody knows; *problem gained a sentence.
 */
enum err attest_check(int fd, unsigned filters, struct buf *problem);

#endif
