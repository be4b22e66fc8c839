/*
 * signals: those that would end a process although nothing is wrong with it.
 */
#ifndef BASE_SIGNALS_H
#define BASE_SIGNALS_H

/*
 * Ignore whatever ends a process by default and says neither that it is at
 * fault (SIGSEGV and its like, SIGSYS, SIGABRT, SIGTRAP), nor is told to end
 * (SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGKILL): SIGUSR1 and SIGUSR2, timers,
 * limits, pipes, power, real-time signals; and SIGTTOU, which would stop a job
 * in the background that writes to its terminal.  The two that the C library
 * keeps to itself stay as they are.  A program that is run inherits this:
 * the one who starts a child resets it (child_start()).
 */
void signals_ignore_strays(void);

#endif
