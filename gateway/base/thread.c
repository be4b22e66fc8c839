#include "base/thread.h"

#include <signal.h>

#include "base/str.h"

int thread_start(pthread_t *thread_r, void *(*run)(void *), void *arg)
{
	static const int faults[] = {
		SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS, SIGABRT, SIGTRAP,
	};
	sigset_t others, before;
	int rc;

	sigfillset(&others);
	for (unsigned i = 0; i < N_ELEMENTS(faults); i++)
		sigdelset(&others, faults[i]);
	pthread_sigmask(SIG_SETMASK, &others, &before);
	rc = pthread_create(thread_r, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}
