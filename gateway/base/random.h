/*
 * random: unpredictable bytes from the kernel (getrandom(2)).
 *
 * Drawn through a small buffer per thread, because a token needs three short
 * draws and a system call costs as much as sealing it.  Bytes are wiped from
 * the buffer as they are handed out.  The process must not fork a copy of
 * itself that goes on drawing (it never does: children are spawned).
 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>

#include "base/error.h"

/* ERR_IO where the kernel gives none: the caller refuses, never guesses. */
enum err random_bytes(void *out, size_t len);

#endif
