/*
 * hostile: requests that a partner's page could send and no author of an
 * adapter thought of.
 *
 * Nothing here is made up beyond what the gateway lets through to an adapter:
 * text without control characters, names and values within their limits, at
 * most FIELDS_MAX of them, no more than a body holds.
 */
#ifndef WORKBENCH_HOSTILE_H
#define WORKBENCH_HOSTILE_H

#include "workbench/sample.h"

#define HOSTILE_NAME_MAX 160
#define HOSTILE_WORDS_MAX 128
#define HOSTILE_BODY_MAX 15360		/* octets of names and values */
/* In every value of hostile_mark(). */
#define HOSTILE_MARK "usher-mark-7c1e4d"

/* Names that the adapter may ask for, and which of them may hold JSON. */
struct hostile_words {
	struct str v[HOSTILE_WORDS_MAX];
	unsigned count;
	struct str json[16];
	unsigned json_count;
};

/* Known ones are passed over, and those past the last place. */
void hostile_add_word(struct hostile_words *words, struct str word);

/*
 * The index'th request, from 0: 1, with its name for people (terminated) in
 * `name`; 0 when there are no more; -1: no memory.  `sample` was not
 * initialised, and is sample_done()'s then.
 */
int hostile_make(const struct hostile_words *words, unsigned index,
		 bool has_deliver, struct sample *sample,
		 char name[HOSTILE_NAME_MAX]);

/* A request in which every word has the mark.  ERR_NOMEM. */
enum err hostile_mark(const struct hostile_words *words,
		      struct sample *sample);
/* The index'th request of another user, from 0, without the mark: as
 * hostile_make(). */
int hostile_other(const struct hostile_words *words, unsigned index,
		  struct sample *sample);
/* Does the mark stand in what came out?  Where, as a constant; NULL: no. */
const char *hostile_find_mark(const struct adapter_call *call);

#endif
