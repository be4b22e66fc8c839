/*
 * examine: certificates that hold, and still keep browsers away: they have
 * expired, soon will, or are for other hosts.  Warnings, at the line that names
 * the certificate or the host.
 */
#ifndef HTTP_EXAMINE_H
#define HTTP_EXAMINE_H

#include "http/tls.h"

/* A set, and what it was loaded for. */
struct examine {
	const struct tls_set *set;
	const struct listener *listeners;
	unsigned count;
	const struct snapshot *snapshot;
};

/* At that time of the wall clock; the findings are .is_of_now. From memory. */
void examine_dates(const struct examine *examine, int64_t now_s,
		   struct report *report);
/*
 * Each host of an https address gets a certificate that covers it, on whichever
 * listener it is asked for.  Where no listener has TLS nothing is said: it ends
 * in front of the gateway.
 */
void examine_hosts(const struct examine *examine, struct report *report);

#endif
