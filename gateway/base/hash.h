/*
 * hash: SipHash-2-4 (Aumasson, Bernstein 2012), keyed once per process.
 *
 * For hash tables whose keys an attacker may choose.  Values never leave the
 * process and change with every start; they are no digest and no signature.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct hash128 {
	uint64_t a, b;
};

/* Draw the key. Ends the process where the kernel gives no random bytes. */
void hash_init(void);
uint64_t hash_bytes(const void *data, size_t len);
uint64_t hash_str(struct str s);
/* 128 bits, for "is this the same as last time" without keeping the thing. */
struct hash128 hash_wide(const void *data, size_t len);
/* With a key of the caller's: the reference form, for tests and saved state. */
uint64_t hash_keyed(const unsigned char key[16], const void *data, size_t len);

#endif
