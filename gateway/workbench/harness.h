/*
 * harness: an adapter on the bench: loaded by the code that the gateway loads it
 * with, run with made-up requests, one at a time.
 *
 * With a supervisor it is in a process of its own, in the sandbox; without one
 * in this process, where it can do whatever it wants.  At most one harness at a
 * time, and one thread that uses it.
 */
#ifndef WORKBENCH_HARNESS_H
#define WORKBENCH_HARNESS_H

#include "adapter/adapter.h"
#include "workbench/sample.h"

/*
 * Of a call, wall clock: generous, for a busy machine is not the adapter's
 * fault.  What the adapter gets to see is HARNESS_SHOWN_MS, the gateway's default.
 */
#define HARNESS_DEADLINE_MS 3000
#define HARNESS_SHOWN_MS 50
#define HARNESS_LINES_MAX 128	/* kept of one run */

struct harness_options {
	const char *path;
	struct supervisor *supervisor;	/* NULL: in this process */
	const struct adapter_services *services;	/* its hmac_sha256 */
	const struct adapter_setting *settings;
	unsigned setting_count;
	const struct adapter_secret *secrets;
	unsigned secret_count;
};

struct harness_line {
	enum log_level level;
	bool is_stray;		/* it came over standard error */
	struct str text;
};

struct harness;

/* All of the options is copied but for `supervisor` and `services`.  On
 * failure *problem gained a sentence.  Errors as adapter_load(). */
enum err harness_new(const struct harness_options *options,
		     struct harness **harness_r, struct buf *problem);
/* Accepts NULL. */
void harness_free(struct harness *harness);
/* A new process (or new states), as after the death of the old one. */
enum err harness_restart(struct harness *harness, struct buf *problem);

const struct adapter *harness_adapter(const struct harness *harness);
bool harness_is_isolated(const struct harness *harness);

/* Run it and wait: outputs, trace and time are in the sample, until it is
 * run again. */
void harness_run(struct harness *harness, struct sample *s);
/* What was logged since the last run began (or the loading); borrowed until
 * the next one. How many. */
unsigned harness_lines(const struct harness *harness,
		       const struct harness_line **lines_r);
/* "; it wrote: ..." with the last of them that came over standard error (the
 * last that speaks of an error, if one does), what is not printable ASCII as
 * '?'; nothing where there is none. */
void harness_last_words(const struct harness *harness, struct buf *out);
/* Octets of writable memory that its process has mapped; 0: not known. */
uint64_t harness_memory(const struct harness *harness);

#endif
