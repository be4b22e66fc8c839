/*
 * Loaded into the gateway itself it waits, in its constructor, until somebody
 * outside lowers the process's soft limit of open files below what it was: so
 * a test says when it becomes ready, and no clock does; its thread is called "at
 * the gate" meanwhile.  In a process of its
 * own, where that limit is a low one, it waits for nothing: there the test holds
 * the host program.  "gate-two" is another content.
 */
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <usher/adapter.h>

#include "sandbox/sandbox.h"

#ifndef GATE_VERSION
#define GATE_VERSION "1"
#endif

static rlim_t limit(void)
{
	struct rlimit l;

	return getrlimit(RLIMIT_NOFILE, &l) ? 0 : l.rlim_cur;
}

__attribute__((constructor)) static void wait_outside(void)
{
	const rlim_t first = limit();

	if (first <= SANDBOX_FILES)
		return;
	prctl(PR_SET_NAME, "at the gate");
	while (limit() >= first)
		sched_yield();
	prctl(PR_SET_NAME, "past the gate");
}

static int map_fields(void *state, struct usher_call *call)
{
	(void)state;
	return call->host->set_attribute(call, "gate", GATE_VERSION, 1) ?
		USHER_FAIL : USHER_OK;
}

USHER_ADAPTER_DEFINE(.name = "gate", .version = GATE_VERSION,
		     .map_fields = map_fields)
