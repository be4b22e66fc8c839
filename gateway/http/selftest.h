/*
 * selftest: does this libmicrohttpd treat its buffer as http/guard knows it?
 *
 * The guard's proof leans on the library's insides.  Before anything is
 * served, heads that must pass and heads that must not are fed to a real
 * daemon, over socket pairs and without a thread: a few milliseconds.
 */
#ifndef HTTP_SELFTEST_H
#define HTTP_SELFTEST_H

#include "base/error.h"

/*
 * ERR_UNSUPPORTED: a head was judged wrongly, *which_r names it (constant
 * text): do not serve.  ERR_IO: there was no daemon or no socket to ask.
 */
enum err selftest_guard(const char **which_r);

#endif
