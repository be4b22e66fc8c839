#include "crypto/jws-mistake.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/num.h"
#include "codec/base64url.h"
#include "crypto/digest.h"
#include "crypto/jws-private.h"

#define SPELLING_MAX (2 * JWS_KEY_TEXT_MAX + 2)	/* of a secret */

static const struct {
	const char *name, *text;
} mistakes[JWS_MISTAKE_COUNT] = {
	[JWS_MISTAKE_NONE] = { "none", "None of the usual mistakes." },
	[JWS_MISTAKE_LINE_END] = { "line_end",
		"The secret was used with the line end that stands behind it "
		"in its file. Trim it before signing." },
	[JWS_MISTAKE_WHITE_SPACE] = { "white_space",
		"The secret was trimmed before signing, but the tenant's "
		"secret_file has white space around it. Take it out there." },
	[JWS_MISTAKE_BASE64_DECODED] = { "base64_decoded",
		"The secret was base64-decoded before signing. Use its text "
		"as it is." },
	[JWS_MISTAKE_BASE64_ENCODED] = { "base64_encoded",
		"The secret was base64-encoded before signing. Use its octets "
		"as they are." },
	[JWS_MISTAKE_HEX_DECODED] = { "hex_decoded",
		"The secret was hex-decoded before signing. Use its text as "
		"it is." },
	[JWS_MISTAKE_HEX_ENCODED] = { "hex_encoded",
		"The secret was hex-encoded before signing. Use its octets as "
		"they are." },
	[JWS_MISTAKE_HEX_SIGNATURE] = { "hex_signature",
		"The signature is the HMAC in hex digits. Encode its 32 octets "
		"(PHP: hash_hmac(..., true))." },
	[JWS_MISTAKE_PEM_SECRET] = { "pem_secret",
		"The public key's PEM was used as a secret for HS256. Sign "
		"with the private key, and the algorithm that it is for." },
	[JWS_MISTAKE_DER_SIGNATURE] = { "der_signature",
		"The signature is in DER. ES256 has r and s, 32 octets each "
		"(Node: dsaEncoding \"ieee-p1363\")." },
};

const char *jws_mistake_name(enum jws_mistake mistake)
{
	return mistakes[mistake].name;
}

const char *jws_mistake_text(enum jws_mistake mistake)
{
	return mistakes[mistake].text;
}

/* Is this the MAC under that secret? */
static bool is_mac(struct str secret, const struct jws *jws, struct str mac)
{
	uint8_t right[DIGEST_SIZE];
	bool is_right;

	is_right = mac.len == sizeof(right) &&
		   !digest_hmac_sha256(secret.ptr, secret.len,
				       jws->signing_input.ptr,
				       jws->signing_input.len, right) &&
		   digest_equal(right, mac.ptr, sizeof(right));
	explicit_bzero(right, sizeof(right));
	return is_right;
}

/* ---- other spellings of a secret ---------------------------------------- */

static bool add_hex_decoded(struct buf *out, struct str s)
{
	if (s.len % 2)
		return false;
	for (size_t i = 0; i < s.len; i += 2) {
		int high = num_hex(s.ptr[i]), low = num_hex(s.ptr[i + 1]);

		if (high < 0 || low < 0)
			return false;
		buf_addc(out, (char)(high << 4 | low));
	}
	return true;
}

static void add_hex(struct buf *out, struct str s, const char *digits)
{
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = (uint8_t)s.ptr[i];

		buf_addc(out, digits[c >> 4]);
		buf_addc(out, digits[c & 15]);
	}
}

/* Between the alphabets of RFC 4648, sections 4 and 5. */
static void swap_alphabet(struct buf *text, const char *from, const char *to)
{
	for (size_t i = 0; i < text->len; i++) {
		const char *which = memchr(from, text->ptr[i], 2);

		if (which)
			text->ptr[i] = to[which - from];
	}
}

static bool add_base64_decoded(struct buf *out, struct str s)
{
	char octets[JWS_KEY_TEXT_MAX];
	bool is_base64;
	size_t len;

	while (s.len && s.ptr[s.len - 1] == '=')
		s.len--;
	buf_adds(out, s);
	swap_alphabet(out, "+/", "-_");
	is_base64 = !base64url_decode(buf_str(out), octets, sizeof(octets),
				      &len);
	buf_clear(out);
	if (is_base64) {
		buf_add(out, octets, len);
		explicit_bzero(octets, len);
	}
	return is_base64;
}

static void add_base64(struct buf *out, struct str s)
{
	base64url_add(out, s.ptr, s.len);
	swap_alphabet(out, "-_", "+/");
	while (out->len % 4)
		buf_addc(out, '=');
}

/* The n-th other spelling, and what it would come from; NONE: no such thing
 * of this secret. COUNT: there are no more. */
static enum jws_mistake spell(unsigned n, struct str secret, struct buf *out)
{
	struct str trimmed = str_trim(secret, " \t\r\n");

	switch (n) {
	case 0:
	case 1:
		buf_adds(out, secret);
		buf_puts(out, n ? "\r\n" : "\n");
		return JWS_MISTAKE_LINE_END;
	case 2:
		buf_adds(out, trimmed);
		return trimmed.len < secret.len ? JWS_MISTAKE_WHITE_SPACE :
						  JWS_MISTAKE_NONE;
	case 3:
		return add_base64_decoded(out, trimmed) ?
			       JWS_MISTAKE_BASE64_DECODED : JWS_MISTAKE_NONE;
	case 4:
		add_base64(out, secret);
		return JWS_MISTAKE_BASE64_ENCODED;
	case 5:
		base64url_add(out, secret.ptr, secret.len);
		return JWS_MISTAKE_BASE64_ENCODED;
	case 6:
		return add_hex_decoded(out, trimmed) ?
			       JWS_MISTAKE_HEX_DECODED : JWS_MISTAKE_NONE;
	case 7:
	case 8:
		add_hex(out, secret, n == 7 ? "0123456789abcdef" :
					      "0123456789ABCDEF");
		return JWS_MISTAKE_HEX_ENCODED;
	default:
		return JWS_MISTAKE_COUNT;
	}
}

static enum jws_mistake of_secret(struct str secret, const struct jws *jws)
{
	enum jws_mistake mistake = JWS_MISTAKE_NONE;
	char array[2 * DIGEST_SIZE + 1];
	struct buf spelling, mac;

	buf_init_fixed(&mac, array, sizeof(array));
	if (jws->signature.len == (size_t)2 * DIGEST_SIZE &&
	    add_hex_decoded(&mac, jws->signature) &&
	    is_mac(secret, jws, buf_str(&mac)))
		return JWS_MISTAKE_HEX_SIGNATURE;
	buf_init(&spelling, SPELLING_MAX);
	for (unsigned n = 0; mistake != JWS_MISTAKE_COUNT; n++) {
		buf_clear(&spelling);
		mistake = spell(n, secret, &spelling);
		if (mistake != JWS_MISTAKE_NONE &&
		    mistake != JWS_MISTAKE_COUNT && buf_is_ok(&spelling) &&
		    is_mac(buf_str(&spelling), jws, jws->signature))
			break;
	}
	buf_done(&spelling);
	return mistake == JWS_MISTAKE_COUNT ? JWS_MISTAKE_NONE : mistake;
}

/* ---- public keys -------------------------------------------------------- */

/* Everybody has it: who takes it for a secret can be anybody. */
static bool is_signed_with_pem(const struct jws_key *key,
			       const struct jws *jws)
{
	EVP_PKEY_CTX *ctx = EVP_MD_CTX_get_pkey_ctx(key->prepared);
	EVP_PKEY *pkey = ctx ? EVP_PKEY_CTX_get0_pkey(ctx) : NULL;
	BIO *bio = BIO_new(BIO_s_mem());
	bool is_signed = false;
	struct str pem;
	char *text;
	long len;

	if (pkey && bio && PEM_write_bio_PUBKEY(bio, pkey) > 0) {
		len = BIO_get_mem_data(bio, &text);
		pem = (struct str){ text, (size_t)len };
		is_signed = is_mac(pem, jws, jws->signature) ||
			    is_mac(str_trim(pem, "\n"), jws, jws->signature);
	}
	BIO_free(bio);
	ERR_clear_error();
	return is_signed;
}

enum jws_mistake jws_mistake_find(const struct jws_key *key,
				  const struct jws *jws)
{
	if (key->algorithm == JWS_HS256)
		return of_secret(jws_key_secret(key), jws);
	if (is_signed_with_pem(key, jws))
		return JWS_MISTAKE_PEM_SECRET;
	if (key->algorithm == JWS_ES256 &&
	    !jws_verify_public(key, jws->signing_input, jws->signature))
		return JWS_MISTAKE_DER_SIGNATURE;
	return JWS_MISTAKE_NONE;
}
