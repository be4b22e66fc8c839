/*
 * invariant: what cannot be, checked always.
 *
 * Two kinds, told apart as in varnish's vas.h, because they send whoever reads
 * them to different places:
 *
 *	invariant(turn->pending > 0);		our own logic is broken
 *	promise(!pthread_mutex_lock(&lock));	the system broke its word
 *
 * Not for input, not for a full disk and not for lack of memory: those are
 * answers.  Where one of these does not hold, the process ends with a line
 * that says which (crash.h), rather than go on with a wrong answer; nothing
 * that was acknowledged is lost by it.  They are never compiled out, so the
 * condition may have effects.
 *
 * Objects that go from thread to thread carry a magic word, first member, set
 * when made and cleared when freed:
 *
 *	struct job { uint32_t magic; ... };
 *	#define JOB_MAGIC 0x6a6f6231u
 *	invariant_is(job, JOB_MAGIC);
 */
#ifndef BASE_INVARIANT_H
#define BASE_INVARIANT_H

#include "base/crash.h"

#define invariant(cond) INVARIANT_("invariant", cond)
#define promise(cond) INVARIANT_("promise", cond)
/* The object is there, alive, and what it is taken for. */
#define invariant_is(object, word)					\
	invariant((object) && (object)->magic == (word))

#define INVARIANT_(kind, cond)						\
	do {								\
		if (__builtin_expect(!(cond), 0))			\
			crash_because(kind, __FILE__, __LINE__,		\
				      __func__, #cond);			\
	} while (0)

#endif
