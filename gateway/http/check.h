/*
 * check: what a start would say of a configuration, without one.
 *
 * `usherd --check` and `usherctl check` are these, around loading it; a start
 * and a reload ask the same functions (admin/inspect.h, http/server.h), so what
 * one of them refuses the others do.  Nothing is written; ports are bound for
 * the blink of an eye.  One that is in use is a note, and none where the
 * gateway that answers at the socket listens there (admin/running.h); so is a
 * state directory.
 */
#ifndef HTTP_CHECK_H
#define HTTP_CHECK_H

#include "config/snapshot.h"

/* Before root's rights go: the place, the user, the ports. `socket` is where a
 * gateway that runs is asked; NULL: where the configuration has it. */
void check_place(const struct gateway_config *config, const char *socket,
		 struct report *report);
/* After: certificates and the key ring, as the gateway's user reads them. */
void check_files(const struct snapshot *snapshot, struct report *report);

#endif
