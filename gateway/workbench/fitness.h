/*
 * fitness: everything that can be found out about an adapter before it meets a
 * user.
 *
 * Reads how it is linked, holds it against the fixtures, then runs it over
 * requests that are hostile or odd (hostile.h), over two users one after the
 * other, and some thousand times over the same ones, to see what it keeps.
 * What a machine's load could bring about is no finding.
 */
#ifndef WORKBENCH_FITNESS_H
#define WORKBENCH_FITNESS_H

#include "workbench/linkage.h"
#include "workbench/fixture.h"

#define FITNESS_FIXTURES_MAX 64
#define FITNESS_CASES_MAX 192	/* requests that are run again and again */
#define FITNESS_LOSSES_MAX 12	/* processes; then it is enough */
#define FITNESS_HANGS_MAX 2
#define FITNESS_ROUNDS 8		/* to see whether memory grows */
#define FITNESS_ROUND_CALLS 1000	/* of one round, at least */
#define FITNESS_NAMES_MAX 64

struct fitness_fixture {
	struct str name, text;
};

struct fitness_options {
	struct fixture_options trial; /* its callbacks are not used */
	const struct fitness_fixture *fixtures;
	unsigned fixture_count; /* at most FITNESS_FIXTURES_MAX */
};

struct fitness_verdict {
	struct str name;
	unsigned runs, expectations, failures;
	bool was_read;		/* to its end */
};

struct fitness_times { /* ns; 0: there was no call */
	unsigned count;
	int64_t median, worst;
};

struct fitness {
	struct pool *pool;
	struct findings findings;
	struct linkage linkage;
	bool is_linked;			/* linkage counts */
	/* Once it was loaded. */
	bool is_loaded, is_isolated;
	struct str name, version;
	struct adapter_facts facts;
	struct buf transcript;		/* what the fixtures' runs gave */
	struct fitness_verdict fixtures[FITNESS_FIXTURES_MAX];
	unsigned fixture_count;
	unsigned results[ADAPTER_UNAVAILABLE + 1];	/* of the hostile */
	unsigned tried, losses;
	/* What it set and where it sent, the fixtures' requests and the
	 * hostile ones together. */
	struct str attributes[FITNESS_NAMES_MAX], redirects[FITNESS_NAMES_MAX];
	struct str events[FITNESS_NAMES_MAX];
	unsigned attribute_count, redirect_count, event_count;
	struct fitness_times in_hooks, round_trip;
	unsigned rounds_calls;		/* of the rounds together; 0: none */
	uint64_t heap, growth;		/* octets at the end; a call, if any */
};

/* NULL: no memory.  Whatever else goes wrong is a finding. */
struct fitness *fitness_run(const struct fitness_options *options);
/* Accepts NULL. */
void fitness_free(struct fitness *fitness);

#endif
