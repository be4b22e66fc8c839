/*
 * finding: what was found out about an adapter, for people and for programs.
 *
 * A finding is a fault; a note is something to know that is none.  What was
 * found before is only counted, so that one cause is one finding however
 * many requests show it.
 */
#ifndef WORKBENCH_FINDING_H
#define WORKBENCH_FINDING_H

#include "base/pool.h"
#include "base/str.h"

#define FINDINGS_MAX 64		/* different ones */
#define FINDING_TEXT_MAX 1024

struct finding {
	/*
	 * For programs; constant:
	 *	load		it cannot be loaded
	 *	exports imports flags	how it was linked
	 *	expectation	a fixture does not hold
	 *	crash hang forbidden protocol	what became of its process
	 *	refused		an output that the gateway does not take
	 *	result		a hook returned what is no result
	 *	failed		a hook said that it could not do its work
	 *	state		what one user sent came back for another
	 *	memory		it keeps more with every call
	 *	time		slow
	 */
	const char *kind;
	bool is_note;
	struct str text;	/* a sentence without a full stop */
	struct str where;	/* the request that showed it first; absent */
	unsigned times;
};

struct findings {
	struct pool *pool;
	struct finding v[FINDINGS_MAX];
	unsigned count;
	unsigned faults_past;	/* faults that found no place in `v`, each
				 * time that one was found */
};

void findings_init(struct findings *findings, struct pool *pool);
void findings_add(struct findings *findings, const char *kind, struct str where,
		  const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void findings_note(struct findings *findings, const char *kind,
		   struct str where, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* Faults, the notes left out; where there was no place for them too, so that no
 * adapter with one is called fit. */
unsigned findings_faults(const struct findings *findings);

#endif
