/*
 * random: unpredictable bytes, each drawn from the kernel (getrandom(2)) when
 * it is asked for.
 *
 * Nothing is kept in stock, and no other generator is asked.  Bytes drawn
 * ahead are copied by whatever copies the process: a snapshot of a virtual
 * machine that is restored twice makes two gateways that draw the same IVs, and
 * AES-GCM with one IV under one key twice gives its authentication key away; a
 * fork does the same on a smaller scale.  A library's generator (OpenSSL's
 * DRBG, arc4random with a buffer) is such a stock too, hence base/banned.h
 * names them.  The kernel knows better: where the hypervisor has a generation
 * id (vmgenid) it reseeds at the restore, before this process runs again.
 *
 * A draw of 16 bytes costs a system call, about 0.3 us where sealing a token
 * costs 1.5.  Where the C library maps the kernel's generator into the process
 * (vDSO) it is cheaper, and the kernel takes what is mapped back at a fork or
 * a restore.
 *
 * Any thread, any process, at any time.
 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>

#include "base/error.h"

/*
 * ERR_IO where the kernel gives none: the caller refuses, never guesses.  Then
 * nothing of `out` is to be used.
 */
enum err random_bytes(void *out, size_t len);

#endif
