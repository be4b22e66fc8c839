/*
 * host: the life of a process that runs one isolated adapter.
 *
 * It is born with five descriptors and no environment, shuts itself in, and
 * only then loads what it was given:
 *
 *	0, 1	/dev/null		3	the channel (wire.h)
 *	2	the log pipe		4	the module, sealed
 *					5	the programs of filter.h
 *
 * It ends when the gateway does, when it is told to, or when anything is not
 * as it should be; nothing waits for a child that is in doubt.
 */
#ifndef SANDBOX_HOST_H
#define SANDBOX_HOST_H

#include <sys/types.h>

#define HOST_LOG_FD 2
#define HOST_CHANNEL_FD 3
#define HOST_MODULE_FD 4
#define HOST_FILTERS_FD 5

/* Calls that may wait in its channel; the gateway keeps to it. */
#define HOST_WINDOW 16

/* Exit statuses, for the gateway's message. */
enum host_exit {
	HOST_DONE = 0,		/* the channel was closed */
	HOST_REFUSED = 70,	/* a REFUSED frame says why */
	HOST_BAD_FRAME = 71,
	HOST_NO_MEMORY = 72,
	HOST_NO_CHANNEL = 73,
};

/* `uid`: to become, 0 to stay. Does not return. */
_Noreturn void host_run(uid_t uid);

#endif
