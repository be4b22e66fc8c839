/*
 * tls: certificates for the listeners, and for tenants by SNI (RFC 6066
 * section 3), exchanged while running.
 *
 * A set of certificates is immutable and counted.  A connection pins the set
 * that it began with until its handshake is done (freeing one under a
 * handshake would crash in GnuTLS), so a replaced set goes away by itself when
 * its last handshake has ended.  A certificate whose files did not change is
 * shared by the old set and the new one and not read again.
 */
#ifndef HTTP_TLS_H
#define HTTP_TLS_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>

#include "base/error.h"
#include "config/snapshot.h"

/* TLS 1.2 and 1.3, forward secrecy and AEAD only. */
#define TLS_PRIORITIES                                                     \
	"SECURE192:SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:"    \
	"-DHE-RSA:-AES-128-CBC:-AES-256-CBC:-AES-128-CCM:-AES-256-CCM:"    \
	"-MAC-ALL:+AEAD:%SERVER_PRECEDENCE"

struct cert;
struct tls_set;

/*
 * Read what the https ones of `listeners` and the snapshot's tenants name.
 * `previous` (NULL at first) lends what did not change.  *report says what does
 * not hold, where it is named, and what to do.  A listener's bad files fail it
 * all (REPORT_FATAL); with a tenant's (REPORT_TENANT) it keeps its last good
 * certificate, or else gets the listener's.  See http/examine.h for what there
 * is to say of certificates that hold.
 */
enum err tls_set_load(const struct listener *listeners, unsigned count,
		      const struct snapshot *snapshot,
		      const struct tls_set *previous, struct tls_set **set_r,
		      struct report *report);
/* Accepts NULL. */
void tls_set_unref(struct tls_set *set);
/* In the place of a listener: for a name, or nothing. */
#define TLS_NO_LISTENER CONFIG_LISTENERS_MAX

/*
 * For a client that names `host` (any letter case; empty: none) on listener
 * number `listener`; NULL only where that is no https listener.
 */
const struct cert *tls_set_find(const struct tls_set *set,
				    unsigned listener, struct str host);

/* The running set: any thread may get it or replace it. */
struct tls_slot;
struct tls_slot *tls_slot_new(void);
void tls_slot_free(struct tls_slot *slot);
/* With a reference of the caller's own; NULL before the first set. */
struct tls_set *tls_slot_get(struct tls_slot *slot);
/* Takes `set`. */
void tls_slot_put(struct tls_slot *slot, struct tls_set *set);

/*
 * What a session needs until its handshake is done; kept by the connection
 * and known to the session, so it must not move.
 */
struct tls_session {
	struct tls_set *set;	/* NULL: none, or done with */
	unsigned listener;
};

/*
 * Before the handshake: pin the running set, hand out tickets (RFC 8446 section
 * 4.6.1, RFC 5077) under the slot's key, which GnuTLS rotates.
 */
void tls_session_begin(struct tls_session *session, struct tls_slot *slot,
		       unsigned listener, gnutls_session_t gnutls);
/* The handshake is done, or there will be none. May be called again. */
void tls_session_end(struct tls_session *session);

/* What MHD_OPTION_HTTPS_CERT_CALLBACK2 wants. */
int tls_retrieve(gnutls_session_t gnutls,
		 const struct gnutls_cert_retr_st *info,
		 gnutls_pcert_st **chain, unsigned *chain_len,
		 gnutls_ocsp_data_st **ocsp, unsigned *ocsp_len,
		 gnutls_privkey_t *key, unsigned *flags);

#endif
