/* ring: key rings with known keys, for the suites of this room. */
#ifndef TESTS_UNIT_CRYPTO_RING_H
#define TESTS_UNIT_CRYPTO_RING_H

#include "unit/unit.h"

#include "codec/base64url.h"
#include "crypto/keyring-private.h"

/* The ring that this text spells. */
__attribute__((unused))
static struct keyring *ring_of_text(const char *text, size_t len)
{
	char why[KEYRING_WHY_MAX] = "";
	struct keyring *ring = NULL;
	enum err err = keyring_parse((struct str){ text, len }, &ring, why,
				     sizeof(why));

	ck_assert_msg(err == ERR_OK, "%s: %s", err_text(err), why);
	return ring;
}

static void ring_line(struct buf *out, struct str kid,
		      const uint8_t key[KEYRING_KEY_SIZE])
{
	buf_adds(out, kid);
	buf_puts(out, " 2026-11-22T18:11:00Z ");
	base64url_add(out, key, KEYRING_KEY_SIZE);
	buf_addc(out, '\n');
}

/*
 * One key for each kid of `kids` (separated by single spaces), the first one
 * newest.  A kid's key is the kid itself and zeros.
 */
__attribute__((unused))
static struct keyring *ring_of(const char *kids)
{
	struct str rest = str_from(kids), kid;
	struct buf text;
	struct keyring *ring;

	buf_init(&text, KEYRING_FILE_MAX);
	buf_puts(&text, "usher-keyring 1\n");
	while (!str_is_null(rest)) {
		uint8_t key[KEYRING_KEY_SIZE] = { 0 };

		kid = str_cut(rest, ' ', &rest);
		memcpy(key, kid.ptr, kid.len);
		ring_line(&text, kid, key);
	}
	ck_assert(buf_is_ok(&text));
	ring = ring_of_text(text.ptr, text.len);
	buf_done(&text);
	return ring;
}

/* One key: 32 times `byte`. */
__attribute__((unused))
static struct keyring *ring_of_key(const char *kid, uint8_t byte)
{
	uint8_t key[KEYRING_KEY_SIZE];
	struct buf text;
	struct keyring *ring;

	memset(key, byte, sizeof(key));
	buf_init(&text, KEYRING_FILE_MAX);
	buf_puts(&text, "usher-keyring 1\n");
	ring_line(&text, str_from(kid), key);
	ring = ring_of_text(text.ptr, text.len);
	buf_done(&text);
	return ring;
}

#endif
