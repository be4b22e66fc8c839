/*
 * banned: calls that have no safe use here.
 *
 * Included by base/str.h and so by nearly everything; calling one of these is
 * a compile error that says what to use instead.  The idea is git's.
 */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#undef strcpy
#undef strcat
#undef strncpy
#undef strncat
#undef stpcpy
#undef sprintf
#undef vsprintf
#undef strtok
#undef strtok_r
#undef atoi
#undef atol
#undef atoll
#undef atof
#undef gmtime
#undef localtime
#undef ctime
#undef asctime
#undef rand
#undef srand
#undef random
#undef rand_r
#undef drand48
#undef lrand48
#undef mrand48
#undef arc4random
#undef arc4random_buf
#undef arc4random_uniform
#undef RAND_bytes
#undef RAND_bytes_ex
#undef RAND_priv_bytes
#undef RAND_priv_bytes_ex
#undef alloca

#define strcpy(...) banned_use_buf_or_pool_instead_of_strcpy
#define strcat(...) banned_use_buf_instead_of_strcat
#define strncpy(...) banned_use_buf_or_pool_instead_of_strncpy
#define strncat(...) banned_use_buf_instead_of_strncat
#define stpcpy(...) banned_use_buf_instead_of_stpcpy
#define sprintf(...) banned_use_buf_printf_or_snprintf
#define vsprintf(...) banned_use_buf_vprintf
#define strtok(...) banned_use_str_cut
#define strtok_r(...) banned_use_str_cut
#define atoi(...) banned_use_num_i64
#define atol(...) banned_use_num_i64
#define atoll(...) banned_use_num_i64
#define atof(...) banned_numbers_are_parsed_strictly
#define gmtime(...) banned_use_gmtime_r
#define localtime(...) banned_use_clock_text
#define ctime(...) banned_use_clock_text
#define asctime(...) banned_use_clock_text
#define rand(...) banned_use_random_bytes
#define srand(...) banned_use_random_bytes
#define random(...) banned_use_random_bytes
/* And stocks that a snapshot would copy: see base/random.h. */
#define rand_r(...) banned_use_random_bytes
#define drand48(...) banned_use_random_bytes
#define lrand48(...) banned_use_random_bytes
#define mrand48(...) banned_use_random_bytes
#define arc4random(...) banned_use_random_bytes
#define arc4random_buf(...) banned_use_random_bytes
#define arc4random_uniform(...) banned_use_random_bytes
#define RAND_bytes(...) banned_use_random_bytes
#define RAND_bytes_ex(...) banned_use_random_bytes
#define RAND_priv_bytes(...) banned_use_random_bytes
#define RAND_priv_bytes_ex(...) banned_use_random_bytes
#define alloca(...) banned_use_pool_alloc

#endif
