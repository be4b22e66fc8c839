/*
 * resolver: names into addresses, by a few threads of our own.
 *
 * getaddrinfo(3) cannot be told to stop, and takes as long as a name server
 * likes.  So nobody waits for it but these threads: who asked looks whether it
 * is answered, or drops the question, and a thread that hangs is left to hang.
 * With all of them hanging, questions wait in line until whoever asked has
 * enough.
 *
 * A resolver and its questions belong to one thread; only `wake` is called from
 * others.
 */
#ifndef FETCH_RESOLVER_H
#define FETCH_RESOLVER_H

#include <netdb.h>

#include "codec/ip.h"

#define RESOLVER_THREADS 4
#define RESOLVER_ADDRESSES_MAX 16	/* of a name; those behind are not used */

struct resolver;

struct resolved {
	struct ip ip[RESOLVER_ADDRESSES_MAX];
	unsigned count;			/* 0: see `problem` */
	const char *problem;		/* in words, constant */
};

/* As getaddrinfo(3), which it is but in tests. */
typedef int resolver_fn(const char *host, const char *service,
			const struct addrinfo *hints, struct addrinfo **list_r);

/*
 * `wake` is called when a question was answered, by a thread that holds the
 * resolver's lock: it may not call back.  NULL: no memory.  Threads are started
 * as they are needed.
 */
struct resolver *resolver_new(resolver_fn *lookup, void (*wake)(void *ctx),
			      void *ctx);
/*
 * From here on `wake` is not called.  All questions were dropped.  Accepts NULL.
 * False: a thread hangs in the C library, and the process has to end by
 * _exit(2), for exit(3) may take away what it uses.
 */
bool resolver_free(struct resolver *resolver);

struct question;
/* `host` is terminated, and copied.  NULL: no memory, or no thread. */
struct question *resolver_ask(struct resolver *resolver, const char *host);
/* Is it answered?  Then with what. */
bool resolver_is_answered(struct resolver *resolver, struct question *question,
			  struct resolved *out_r);
/* Done with it, answered or not.  Accepts NULL. */
void resolver_drop(struct resolver *resolver, struct question *question);

#endif
