/*
 * trialshow-private: what trialshow's two halves share.
 */
#ifndef CONSOLE_TRIALSHOW_PRIVATE_H
#define CONSOLE_TRIALSHOW_PRIVATE_H

#include "console/trialshow.h"

#define TRIALSHOW_INDENT 14	/* columns before the second column */

/* "2.1 us", "14 ms" */
void trialshow_time(struct buf *out, int64_t ns);
/* `"name":[` */
void trialshow_array(struct buf *out, const char *name);
/* A comma, unless it is the first. */
void trialshow_comma(struct buf *out);

#endif
