/*
 * saver: something that is saved now and then, by a thread of its own.
 *
 * Whoever asks for it waits neither for the disk nor for whatever else the
 * saving needs.
 */
#ifndef ADMIN_SAVER_H
#define ADMIN_SAVER_H

#include <stdbool.h>
#include <stdint.h>

struct saver;

/* NULL: no memory, or no thread. `save` is called in the saver's thread. */
struct saver *saver_new(void (*save)(void *ctx), void *ctx);
/* Save soon.  Asked for while one is under way, another one follows. */
void saver_ask(struct saver *saver);
/*
 * Save once more and end, within `ms` milliseconds.  False: the thread is
 * still at it, and uses `ctx`; the saver stays.  Accepts NULL.
 */
bool saver_free(struct saver *saver, int64_t ms);

#endif
