/*
 * thread: how threads are started here.
 *
 * What is sent to the process is for the main thread, which waits for it
 * (signalfd(2)), so all others block every signal.  But for those of a fault of
 * their own: a fault whose signal is blocked ends the process without its
 * handler, and so without the line that says where (base/crash.h).
 */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>

/* 0, or the errno of pthread_create(3). */
int thread_start(pthread_t *thread_r, void *(*run)(void *), void *arg);

#endif
