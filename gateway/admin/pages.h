/*
 * pages: what the metrics listener answers: /healthz, /readyz, /metrics.
 *
 * Never on the public listener.  http/ serves them on a listener of its own.
 */
#ifndef ADMIN_PAGES_H
#define ADMIN_PAGES_H

#include "base/buf.h"
#include "handoff/exchange.h"

/*
 * Append the page's body to `out`, name its Content-Type in *type_r, return the
 * status: 200; 503 from /readyz while the gateway is starting or stopping, or
 * the store is in trouble (its body then says which, and what helps);
 * 404 for any other path.
 */
int pages_get(struct gateway *gateway, struct str path,
	      struct buf *out, const char **type_r);

#endif
