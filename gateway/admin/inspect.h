/*
 * inspect: the place where a gateway is to serve: its user, its state
 * directory, its key ring, and where its socket and its log go.
 *
 * A check, a start and a reload ask here, so that they say the same in the same
 * words; a start refuses what a check calls an error.  Nothing is written or
 * made.  Certificates and ports: http/server.h.
 */
#ifndef ADMIN_INSPECT_H
#define ADMIN_INSPECT_H

#include "config/report.h"
#include "config/snapshot.h"
#include "crypto/keyring.h"

/*
 * What a start would not get past is an error (REPORT_FATAL), and a warning
 * where `is_running`: it does not end a gateway that is up, but the next start.
 * Warnings are what serves and should be mended.
 *
 * To be called before root's rights go, if they do: it looks with the eyes of
 * the user that the configuration names, and knows that the state directory
 * will be theirs.  Reads the database of users.
 */
void inspect_place(const struct gateway_config *config, bool is_running,
		   struct report *report);

/*
 * keyring_load(), whose failure is a REPORT_FATAL finding.  *ring_r is the
 * caller's to free.
 */
enum err inspect_keyring(const char *path, struct keyring **ring_r,
			 struct report *report);
/* The same for a check, which needs no ring: where there is none a first start
 * makes it, unless there are users in the state directory `dir`. */
void inspect_first_keyring(const char *dir, struct report *report);

/* A ring that is gone, and no first start; for a start's own word too. */
#define INSPECT_NO_RING							\
	"it is not there, but the usher.db beside it has users or sessions"
#define INSPECT_NO_RING_REMEDY						\
	"restore the key ring from its backup; where it is lost: usherctl "\
	"key new --replace (sign-ins under way end, sessions stay)"

#endif
