/*
 * show: configurations and keys as text for people or JSON for programs.
 */
#ifndef ADMIN_SHOW_H
#define ADMIN_SHOW_H

#include <stdio.h>

#include "config/report.h"
#include "config/snapshot.h"
#include "crypto/keyring.h"

/*
 * What checking a configuration found, and whether it holds. `snapshot` is NULL
 * where nothing could be built. Returns the worst level found.
 */
enum report_level show_report(const struct snapshot *snapshot,
			      const struct report *report, bool json,
			      FILE *out);
/* Ids and ages, newest first; never the keys. */
void show_keys(const struct keyring *ring, bool json, FILE *out);

/* Each tenant: slug, state, address, and why it is broken. */
void show_tenants(const struct snapshot *snapshot, bool json,
		  struct buf *out);

#endif
