#include "base/signals.h"

#include "base/str.h"

#include <signal.h>

void signals_ignore_strays(void)
{
	static const int strays[] = {
		SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGPIPE,
		SIGIO, SIGPWR, SIGXCPU, SIGXFSZ, SIGTTOU,
#ifdef SIGSTKFLT
		SIGSTKFLT,
#endif
	};

	for (unsigned i = 0; i < N_ELEMENTS(strays); i++)
		signal(strays[i], SIG_IGN);
	for (int i = SIGRTMIN; i <= SIGRTMAX; i++)
		signal(i, SIG_IGN);
}
