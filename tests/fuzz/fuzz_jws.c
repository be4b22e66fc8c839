/*
 * A signed text, taken apart and verified with fixed keys; after the byte 'h'
 * a header, signed before that; after 'k' the text of a key.
 */
#include "base/pool.h"
#include "codec/base64url.h"
#include "codec/utf8.h"
#include "crypto/digest.h"
#include "crypto/jws.h"
#include "fuzz/fuzz.h"
#include "unit/crypto/jws-keys.h"

#define SECRET "a secret of thirty-two octets, or"

/* All that was ever signed with the private halves of the keys below. */
#define JOE "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leG" \
	"FtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

static const struct {
	const char *text, *input;
} sources[JWS_ALGORITHM_COUNT] = {
	[JWS_HS256] = { SECRET, NULL },
	[JWS_RS256] = { RFC7515_A2_PUBLIC, "eyJhbGciOiJSUzI1NiJ9." JOE },
	[JWS_ES256] = { RFC7515_A3_PUBLIC, "eyJhbGciOiJFUzI1NiJ9." JOE },
	[JWS_EDDSA] = { RFC8037_A4_PUBLIC, "eyJhbGciOiJFZERTQSJ9."
			"RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc" },
};

static struct jws_key *keys[JWS_ALGORITHM_COUNT];
static struct pool *pool;

static void set_up(void)
{
	for (int i = 0; i < JWS_ALGORITHM_COUNT; i++)
		fuzz_assert(!jws_key_new((enum jws_algorithm)i,
					 str_from(sources[i].text), &keys[i]));
	pool = pool_new(1 << 18);
	fuzz_assert(pool);
}

static void add_mac(struct buf *out)
{
	uint8_t mac[DIGEST_SIZE];

	fuzz_assert(!digest_hmac_sha256(SECRET, strlen(SECRET), out->ptr,
					out->len, mac));
	buf_addc(out, '.');
	base64url_add(out, mac, sizeof(mac));
}

/* What was taken apart is put together again: to the octet. */
static void check_parts(struct str text, const struct jws *jws)
{
	struct str payload = jws->signing_input;
	struct buf out;

	str_cut(payload, '.', &payload);
	fuzz_assert(!str_is_null(jws->alg) && !str_is_null(payload));
	fuzz_assert(jws->kid.len <= JWS_KID_MAX);
	fuzz_assert(!utf8_check_text(jws->alg, NULL) &&
		    !utf8_check_text(jws->kid, NULL) &&
		    !utf8_check_text(jws->typ, NULL));
	buf_init(&out, JWS_MAX);
	base64url_add(&out, jws->payload.ptr, jws->payload.len);
	fuzz_assert(str_eq(buf_str(&out), payload));
	buf_clear(&out);
	buf_adds(&out, jws->signing_input);
	buf_addc(&out, '.');
	base64url_add(&out, jws->signature.ptr, jws->signature.len);
	fuzz_assert(buf_is_ok(&out) && str_eq(buf_str(&out), text));
	buf_done(&out);
}

static void check_genuine(enum jws_algorithm algorithm, struct str text,
			  const struct jws *jws)
{
	struct buf out;

	fuzz_assert(str_eq(jws->alg,
			   str_from(jws_algorithm_text(algorithm))));
	if (sources[algorithm].input) {
		fuzz_assert(str_eq(jws->signing_input,
				   str_from(sources[algorithm].input)));
		return;
	}
	buf_init(&out, JWS_MAX);
	buf_adds(&out, jws->signing_input);
	add_mac(&out);
	fuzz_assert(str_eq(buf_str(&out), text));
	buf_done(&out);
}

static enum err try_text(struct str text)
{
	struct jws jws = { 0 };
	enum err parsed = jws_parse(text, pool, &jws);
	unsigned good = 0;

	if (parsed) {
		fuzz_assert(str_is_null(jws.alg));
		return parsed;
	}
	check_parts(text, &jws);
	for (int i = 0; i < JWS_ALGORITHM_COUNT; i++) {
		enum err err = jws_verify(keys[i], &jws);

		fuzz_assert(err == ERR_OK || err == ERR_AUTH ||
			    err == ERR_UNSUPPORTED);
		if (err)
			continue;
		good++;
		check_genuine((enum jws_algorithm)i, text, &jws);
	}
	fuzz_assert(good <= 1);
	return good ? ERR_OK : ERR_AUTH;
}

static void try_header(struct str header)
{
	struct buf out;

	buf_init(&out, 2 * JWS_MAX);
	base64url_add(&out, header.ptr, header.len);
	buf_puts(&out, ".e30");
	if (buf_is_ok(&out))
		add_mac(&out);
	if (buf_is_ok(&out) && !try_text(buf_str(&out))) {
		fuzz_assert(header.len <= JWS_HEADER_MAX);
		out.ptr[out.len - 2] ^= 1;
		fuzz_assert(try_text(buf_str(&out)) != ERR_OK);
	}
	buf_done(&out);
}

static void try_key(struct str text)
{
	unsigned good = 0;

	for (int i = 0; i < JWS_ALGORITHM_COUNT; i++) {
		struct jws_key *key = NULL;
		enum err err = jws_key_new((enum jws_algorithm)i, text, &key);

		fuzz_assert((err == ERR_OK) == (key != NULL));
		good += err == ERR_OK;
		jws_key_free(key);
	}
	/* Never a secret and a public key. */
	fuzz_assert(good <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!pool)
		set_up();
	if (size && data[0] == 'h')
		try_header(fuzz_str(data + 1, size - 1));
	else if (size && data[0] == 'k')
		try_key(fuzz_str(data + 1, size - 1));
	else
		try_text(fuzz_str(data, size));
	pool_reset(pool);
	return 0;
}
