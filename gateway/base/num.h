/*
 * num: numbers from text, strictly: the whole slice, ASCII digits, no sign
 * but a leading '-' for signed ones, no leading zeros, no spaces.
 */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

/* ERR_SYNTAX, or ERR_RANGE outside [min, max]. */
enum err num_u64(struct str s, uint64_t min, uint64_t max, uint64_t *out_r);
enum err num_i64(struct str s, int64_t min, int64_t max, int64_t *out_r);
/* One hexadecimal digit, or -1. */
int num_hex(char c);

#endif
