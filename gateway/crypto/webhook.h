/*
 * webhook: signatures of events, as Standard Webhooks has them
 * (https://www.standardwebhooks.com, symmetric ones, "v1").
 *
 * What is signed is "ID.TIMESTAMP.BODY", with HMAC-SHA-256 (RFC 2104).  A
 * secret is written "whsec_" and base64 (RFC 4648 section 4, padded) of 24 to
 * 64 octets.  Several secrets give several signatures, of which a receiver
 * needs one: so a secret is changed without a gap.
 */
#ifndef CRYPTO_WEBHOOK_H
#define CRYPTO_WEBHOOK_H

#include "base/buf.h"
#include "base/error.h"

#define WEBHOOK_SECRET_MIN 24	/* octets, decoded */
#define WEBHOOK_SECRET_MAX 64
#define WEBHOOK_SECRETS_MAX 4

/* Plain data; all zero is none. The owner wipes it. */
struct webhook_secrets {
	struct {
		uint8_t octets[WEBHOOK_SECRET_MAX];
		size_t len;
	} list[WEBHOOK_SECRETS_MAX];
	unsigned count;
};

/* A secret a line; empty lines are none.  ERR_SYNTAX: a line is none, or there
 * is none at all; ERR_LIMIT: too many.  *out_r is then untouched. */
enum err webhook_secrets_parse(struct str text, struct webhook_secrets *out_r);
/* The value of webhook-signature: "v1,... v1,...". ERR_NOMEM, ERR_INTERNAL;
 * ERR_LIMIT: it does not fit. */
enum err webhook_sign(const struct webhook_secrets *secrets, struct str id,
		      int64_t timestamp_s, struct str body, struct buf *out);

#endif
