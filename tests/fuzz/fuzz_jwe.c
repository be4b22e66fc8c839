/*
 * A token, opened and peeked into with fixed keys; and, after the byte 's', a
 * plaintext that is sealed, opened, and spoilt.
 */
#include "base/pool.h"
#include "codec/base64url.h"
#include "crypto/gcm-private.h"
#include "crypto/jwe.h"
#include "crypto/keyring-private.h"
#include "fuzz/fuzz.h"

#define RING								\
	"usher-keyring 1\n"						\
	"new 2026-11-22T18:11:00Z "					\
	"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"			\
	"old 2026-11-21T18:11:00Z "					\
	"AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"

static struct jwe_keys *keys, *others;
static struct pool *pool;

static void set_up(void)
{
	struct keyring *ring = NULL;

	fuzz_assert(keyring_parse(STR(RING), &ring, NULL, 0) == ERR_OK);
	keys = jwe_keys_new(ring, STR("acme"), STR("handoff"));
	others = jwe_keys_new(ring, STR("acme"), STR("other"));
	pool = pool_new(1 << 16);
	fuzz_assert(keys && others && pool);
	keyring_free(ring);
}

/* The token that these would be, sealed by hand. */
static void add_token(struct buf *out, struct str kid, struct str aud,
		      const uint8_t *key, const uint8_t *iv, struct str text)
{
	struct gcm_key content = { .serial = gcm_serial() };
	uint8_t sealed[JWE_TOKEN_MAX], tag[GCM_TAG_SIZE];
	char json[512];
	int n;

	n = snprintf(json, sizeof(json), "{\"alg\":\"dir\",\"enc\":"
		     "\"A256GCM\",\"kid\":\"%.*s\",\"aud\":\"%.*s\"}",
		     STR_ARG(kid), STR_ARG(aud));
	base64url_add(out, json, (size_t)n);
	if (!key)
		return;
	memcpy(content.bytes, key, sizeof(content.bytes));
	fuzz_assert(text.len <= sizeof(sealed));
	fuzz_assert(!gcm_seal(&content, iv, buf_str(out), text.ptr, text.len,
			      sealed, tag));
	buf_puts(out, "..");
	base64url_add(out, iv, GCM_IV_SIZE);
	buf_addc(out, '.');
	base64url_add(out, sealed, text.len);
	buf_addc(out, '.');
	base64url_add(out, tag, sizeof(tag));
}

/* What opened is what we would have sealed, to the byte. */
static void check_opened(struct str token, struct str kid, struct str text)
{
	struct str rest = token, own = STR_NULL;
	uint8_t key[JWE_KEY_SIZE], iv[JWE_IV_SIZE];
	unsigned i = 0;
	struct buf out;
	size_t len;

	fuzz_assert(text.ptr[text.len] == '\0');
	while (!str_eq(own, kid))
		fuzz_assert(!jwe_keys_export(keys, i++, &own, key));
	str_cut(rest, '.', &rest);
	str_cut(rest, '.', &rest);
	fuzz_assert(!base64url_decode(str_cut(rest, '.', &rest), iv,
				      sizeof(iv), &len));
	buf_init(&out, JWE_TOKEN_MAX);
	add_token(&out, kid, STR("acme"), key, iv, text);
	fuzz_assert(buf_is_ok(&out));
	fuzz_assert(str_eq(buf_str(&out), token));
	buf_done(&out);
}

static void try_token(struct str token)
{
	struct str kid = STR_NULL, aud = STR_NULL, text = STR_NULL, rest;
	enum err peeked, opened;
	struct buf out;

	peeked = jwe_peek(token, pool, &kid, &aud);
	opened = jwe_open(keys, token, pool, &text);
	fuzz_assert((opened == ERR_OK) == (text.ptr != NULL));
	fuzz_assert((peeked == ERR_OK) == (kid.ptr && aud.ptr));
	fuzz_assert(jwe_open(others, token, pool, &rest) != ERR_OK ||
		    opened != ERR_OK);
	if (!peeked) {
		/* The header has one spelling. */
		buf_init(&out, JWE_TOKEN_MAX);
		add_token(&out, kid, aud, NULL, NULL, STR_NULL);
		fuzz_assert(str_eq(buf_str(&out), str_cut(token, '.',
							  &rest)));
		buf_done(&out);
	}
	if (!opened) {
		fuzz_assert(!peeked && str_eq(aud, STR("acme")));
		check_opened(token, kid, text);
	}
}

static void try_plaintext(struct str text)
{
	struct str back = STR_NULL;
	struct buf out;
	enum err err;
	size_t at;

	buf_init(&out, JWE_TOKEN_MAX);
	err = jwe_seal(keys, text, &out);
	fuzz_assert(!err || text.len > JWE_PLAINTEXT_MAX);
	if (err)
		goto out;
	fuzz_assert(out.len <= JWE_TOKEN_MAX);
	fuzz_assert(!jwe_open(keys, buf_str(&out), pool, &back));
	fuzz_assert(str_eq(back, text));
	try_token(buf_str(&out));
	/* Where the text says, spoil it as the text says. */
	at = text.len > 2 ? ((uint8_t)text.ptr[0] << 8 |
			     (uint8_t)text.ptr[1]) % out.len : 0;
	out.ptr[at] ^= (char)(text.len > 2 && text.ptr[2] ? text.ptr[2] : 1);
	fuzz_assert(jwe_open(keys, buf_str(&out), pool, &back) != ERR_OK);
	try_token(buf_str(&out));
out:
	buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!keys)
		set_up();
	if (size && data[0] == 's')
		try_plaintext(fuzz_str(data + 1, size - 1));
	else
		try_token(fuzz_str(data, size));
	pool_reset(pool);
	return 0;
}
