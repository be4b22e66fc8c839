/*
 * spawner-private: what the two ends of a spawner's channel say, both of one
 * build.
 */
#ifndef SANDBOX_SPAWNER_PRIVATE_H
#define SANDBOX_SPAWNER_PRIVATE_H

#include <stdint.h>

#include "sandbox/spawner.h"

/* What it is born with, besides 0, 1 and 2 (/dev/null). */
#define SPAWNER_CHANNEL_FD 3
#define SPAWNER_HOST_FD 4
#define SPAWNER_FILTER_FD 5
#define SPAWNER_LOCK_FD 6	/* on its range, held until its end */

enum spawner_verb {
	SPAWNER_HELLO = 0x75737230,
	SPAWNER_START,
	SPAWNER_KILL,
	SPAWNER_REAP,
};

/* Of a HELLO: what could not be given up. */
enum spawner_step {
	SPAWNER_STEP_DESCRIPTORS,
	SPAWNER_STEP_USER,
	SPAWNER_STEP_CAPABILITIES,
	SPAWNER_STEP_PRIVILEGES,
	SPAWNER_STEP_FILTER,
	SPAWNER_STEPS,
};

struct spawner_request {
	uint32_t verb;
	uint32_t uid;
};

struct spawner_reply {
	uint32_t verb;		/* the request's */
	int32_t error;
	int32_t pid;		/* START */
	int32_t code;		/* REAP: si_code; HELLO: the step */
	int32_t status;		/* REAP: si_status */
};

#endif
