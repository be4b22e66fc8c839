/* keyring-private: the file's text, without the file. For crypto/'s tests. */
#ifndef CRYPTO_KEYRING_PRIVATE_H
#define CRYPTO_KEYRING_PRIVATE_H

#include "base/buf.h"
#include "crypto/keyring.h"

/* For tests: as keyring_load(), from memory. */
enum err keyring_parse(struct str text, struct keyring **out_r, char *why,
		       size_t size);
/* Append the whole file. What was parsed prints as it was. */
void keyring_print(const struct keyring *ring, struct buf *out);

#endif
