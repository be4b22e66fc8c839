#include "crypto/jws-mistake.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/num.h"
#include "codec/base64url.h"
#include "codec/placeholder.h"
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
	[JWS_MISTAKE_FIRST_LINE] = { "first_line",
		"The first line of the secret alone was used, but the tenant's "
		"secret_file has several, which are all one secret. Leave that "
		"line alone in the file." },
	[JWS_MISTAKE_LAST_LINE] = { "last_line",
		"The last line of the secret alone was used, but the tenant's "
		"secret_file has several, which are all one secret. Leave that "
		"line alone in the file." },
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
	[JWS_MISTAKE_BEARER] = { "bearer",
		"\"Bearer\" stands before it, as in a header. Send the token "
		"alone." },
	[JWS_MISTAKE_QUOTES] = { "quotes",
		"Quotes stand around it. Send the token as it is, without "
		"encoding it as JSON once more." },
	[JWS_MISTAKE_WORD] = { "no_value",
		"It is what a script writes where there is no text (undefined, "
		"null, [object Object]): the page had none when it posted. Of "
		"[object Promise] an await is missing." },
	[JWS_MISTAKE_TEMPLATE] = { "template",
		"It is a template's mark that nobody filled in." },
	[JWS_MISTAKE_JSON] = { "json",
		"It is JSON, not a token. Send the three parts in base64url "
		"(RFC 7515 section 7.1), not the claims or the server's whole "
		"answer." },
	[JWS_MISTAKE_PERCENT] = { "percent",
		"It is percent-encoded still, so it was encoded twice. Send it "
		"as it is: a form and URLSearchParams encode by themselves." },
	[JWS_MISTAKE_LINES] = { "lines",
		"White space or a line end stands within it. Take out what the "
		"base64 encoder put in (base64 -w0); where it was a +, which "
		"a form reads as a space, write - in its place." },
	[JWS_MISTAKE_PADDING] = { "padding",
		"It has base64's padding. Take the = out: base64url in a token "
		"has none (PHP: rtrim(..., '='))." },
	[JWS_MISTAKE_ALPHABET] = { "alphabet",
		"It is plain base64, with + and /. Write - and _ in their "
		"place (PHP: strtr(..., '+/', '-_'), Node: \"base64url\")." },
	[JWS_MISTAKE_ENCRYPTED] = { "encrypted",
		"It has five parts, so it is encrypted (JWE). Send a signed "
		"one, of three (JWS)." },
	[JWS_MISTAKE_CUT_OFF] = { "cut_off",
		"It is not whole: a part of the three, or the end of one, is "
		"missing. See whether a column, a cookie or a limit cuts it "
		"off." },
	[JWS_MISTAKE_HEADER] = { "header",
		"Its first part is not base64url of one flat JSON object of "
		"strings that has alg. Encode the header as JSON, once." },
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

/* A shorter line is no secret, but a guess, which nobody is helped with. */
#define LINE_MIN 16

/* The first or the last of several lines. */
static bool add_line(struct buf *out, struct str secret, bool is_first)
{
	struct str s = str_trim(secret, " \t\r\n");
	size_t at = is_first ? 0 : s.len;

	while (is_first ? at < s.len && s.ptr[at] != '\n' :
			  at && s.ptr[at - 1] != '\n')
		at += is_first ? 1 : (size_t)-1;
	if (at == (is_first ? s.len : 0))
		return false;	/* there is one */
	s = is_first ? (struct str){ s.ptr, at } :
		       (struct str){ s.ptr + at, s.len - at };
	s = str_trim(s, " \t\r\n");
	buf_adds(out, s);
	return s.len >= LINE_MIN;
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
	case 9:
		return add_line(out, secret, true) ? JWS_MISTAKE_FIRST_LINE :
						     JWS_MISTAKE_NONE;
	case 10:
		return add_line(out, secret, false) ? JWS_MISTAKE_LAST_LINE :
						      JWS_MISTAKE_NONE;
	default:
		return JWS_MISTAKE_COUNT;
	}
}

/* Is this the MAC in hex digits? */
static bool is_hex_mac(struct str secret, const struct jws *jws,
		       struct str digits)
{
	char array[DIGEST_SIZE + 1];
	struct buf mac;

	buf_init_fixed(&mac, array, sizeof(array));
	return digits.len == (size_t)2 * DIGEST_SIZE &&
	       add_hex_decoded(&mac, digits) &&
	       is_mac(secret, jws, buf_str(&mac));
}

/* As it was sent, where it may be the digits themselves: they are of
 * base64url's alphabet too, and decode to 48 octets. */
static struct str signature_text(const struct jws *jws,
				 char text[2 * DIGEST_SIZE])
{
	if (BASE64URL_LEN(jws->signature.len) != (size_t)2 * DIGEST_SIZE)
		return STR_NULL;
	base64url_encode(text, jws->signature.ptr, jws->signature.len);
	return (struct str){ text, (size_t)2 * DIGEST_SIZE };
}

static enum jws_mistake of_secret(struct str secret, const struct jws *jws)
{
	enum jws_mistake mistake = JWS_MISTAKE_NONE;
	char text[2 * DIGEST_SIZE];
	struct buf spelling;

	if (is_hex_mac(secret, jws, jws->signature) ||
	    is_hex_mac(secret, jws, signature_text(jws, text)))
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

/* ---- what is no token at all --------------------------------------------- */

static bool has_any(struct str text, const char *which)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] && strchr(which, text.ptr[i]))
			return true;
	return false;
}

static bool is_quoted(struct str text)
{
	char first = text.len ? text.ptr[0] : 0;

	return text.len > 1 && (first == '"' || first == '\'') &&
	       text.ptr[text.len - 1] == first;
}

static unsigned count_dots(struct str text)
{
	unsigned count = 0;

	for (size_t i = 0; i < text.len; i++)
		count += text.ptr[i] == '.';
	return count;
}

/* Of the alphabet by now: a part that decodes to no octets ends too soon. */
static bool is_cut(struct str text)
{
	char octets[JWS_MAX];
	struct str part, rest = text;
	size_t len;

	while (!str_is_null(rest)) {
		part = str_cut(rest, '.', &rest);
		if (!part.len ||
		    base64url_decode(part, octets, sizeof(octets), &len))
			return true;
	}
	return false;
}

static bool is_of_alphabet(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (!ascii_is_alpha(c) && !ascii_is_digit(c) && c != '-' &&
		    c != '_' && c != '.')
			return false;
	}
	return true;
}

enum jws_mistake jws_mistake_form(struct str text)
{
	static const struct str bearer = STR("Bearer ");
	unsigned dots = count_dots(text);

	if (text.len >= bearer.len &&
	    str_ieq((struct str){ text.ptr, bearer.len }, bearer))
		return JWS_MISTAKE_BEARER;
	if (is_quoted(text))
		return JWS_MISTAKE_QUOTES;
	if (placeholder_is_word(text))
		return JWS_MISTAKE_WORD;
	if (placeholder_is_template(text))
		return JWS_MISTAKE_TEMPLATE;
	if (str_has_prefix(text, STR("{")) || str_has_prefix(text, STR("[")))
		return JWS_MISTAKE_JSON;
	if (has_any(text, "%"))
		return JWS_MISTAKE_PERCENT;
	if (has_any(text, " \t\r\n"))
		return JWS_MISTAKE_LINES;
	if (has_any(text, "="))
		return JWS_MISTAKE_PADDING;
	if (has_any(text, "+/"))
		return JWS_MISTAKE_ALPHABET;
	if (!is_of_alphabet(text))
		return JWS_MISTAKE_NONE;
	if (dots == 4)
		return JWS_MISTAKE_ENCRYPTED;
	if (dots < 2 || is_cut(text))
		return JWS_MISTAKE_CUT_OFF;
	return dots == 2 ? JWS_MISTAKE_HEADER : JWS_MISTAKE_NONE;
}
