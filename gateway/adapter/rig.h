/*
 * rig: an adapter on the bench: loaded by the code that the gateway loads it
 * with, run with made-up requests, one at a time.
 *
 * With a supervisor it is in a process of its own, in the sandbox; without one
 * in this process, where it can do whatever it wants.  At most one rig at a
 * time, and one thread that uses it.
 */
#ifndef ADAPTER_RIG_H
#define ADAPTER_RIG_H

#include "adapter/adapter.h"
#include "adapter/specimen.h"

/*
 * Of a call, wall clock: generous, for a busy machine is not the adapter's
 * fault.  What the adapter gets to see is RIG_SHOWN_MS, the gateway's default.
 */
#define RIG_DEADLINE_MS 3000
#define RIG_SHOWN_MS 50
#define RIG_LINES_MAX 128	/* kept of one run */

struct rig_options {
	const char *path;
	struct supervisor *supervisor;	/* NULL: in this process */
	const struct adapter_services *services;	/* its hmac_sha256 */
	const struct adapter_setting *settings;
	unsigned setting_count;
	const struct adapter_secret *secrets;
	unsigned secret_count;
};

struct rig_line {
	enum log_level level;
	bool is_stray;		/* it came over standard error */
	struct str text;
};

struct rig;

/* All of the options is copied but for `supervisor` and `services`.  On
 * failure *problem gained a sentence.  Errors as adapter_load(). */
enum err rig_new(const struct rig_options *options, struct rig **rig_r,
		 struct buf *problem);
/* Accepts NULL. */
void rig_free(struct rig *rig);
/* A new process (or new states), as after the death of the old one. */
enum err rig_restart(struct rig *rig, struct buf *problem);

const struct adapter *rig_adapter(const struct rig *rig);
bool rig_is_isolated(const struct rig *rig);

/* Run it and wait: outputs, trace and time are in the specimen, until it is
 * run again. */
void rig_run(struct rig *rig, struct specimen *s);
/* What was logged since the last run began (or the loading); borrowed until
 * the next one. How many. */
unsigned rig_lines(const struct rig *rig, const struct rig_line **lines_r);
/* "; it wrote: ..." with the last of them that came over standard error (the
 * last that speaks of an error, if one does), what is not printable ASCII as
 * '?'; nothing where there is none. */
void rig_last_words(const struct rig *rig, struct buf *out);
/* Octets of writable memory that its process has mapped; 0: not known. */
uint64_t rig_memory(const struct rig *rig);

#endif
