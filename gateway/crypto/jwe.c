#include "crypto/jwe.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "codec/base64url.h"
#include "crypto/digest.h"
#include "crypto/gcm-private.h"
#include "crypto/seals.h"

#define IV_TEXT BASE64URL_LEN(JWE_IV_SIZE)
#define TAG_TEXT BASE64URL_LEN(JWE_TAG_SIZE)
/* What stands around the ciphertext besides the header: "..IV." and ".TAG". */
#define FRAME (2 + IV_TEXT + 1 + 1 + TAG_TEXT)

#define HEAD_KID "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\""
#define HEAD_AUD "\",\"aud\":\""
#define HEAD_END "\"}"

_Static_assert(JWE_IV_SIZE == GCM_IV_SIZE && JWE_TAG_SIZE == GCM_TAG_SIZE &&
	       JWE_KEY_SIZE == GCM_KEY_SIZE, "A256GCM");
_Static_assert(JWE_HEADER_TEXT_MAX + FRAME +
	       BASE64URL_LEN(JWE_PLAINTEXT_MAX) <= JWE_TOKEN_MAX,
	       "JWE_PLAINTEXT_MAX fits");

struct jwe_key {
	struct gcm_key content;
	struct str kid, header;		/* into the arrays below */
	char kid_text[KEYRING_KID_MAX + 1];
	char header_text[JWE_HEADER_TEXT_MAX + 1];	/* base64url */
};

struct jwe_keys {
	struct seals *seals;	/* of key 0; the one thing that changes */
	unsigned count;
	struct jwe_key keys[];
};

/* What needs no escaping in JSON and cannot be taken for anything else. */
static bool is_name(struct str s, size_t max)
{
	if (s.len == 0 || s.len > max)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (!ascii_is_alpha(c) && !ascii_is_digit(c) && c != '.' &&
		    c != '_' && c != '-')
			return false;
	}
	return true;
}

/* L(s): what makes the parts of `info` unmistakable. */
static void add_part(struct buf *info, struct str s)
{
	buf_addc(info, (char)s.len);
	buf_adds(info, s);
}

static enum err derive(const uint8_t *master, struct str tenant,
		       struct str purpose, uint64_t epoch,
		       uint8_t out[JWE_KEY_SIZE])
{
	char text[8 + 2 + 1 + JWE_PURPOSE_MAX + 1 + JWE_TENANT_MAX + 1 + 21];
	char digits[21];
	struct buf info;

	buf_init_fixed(&info, text, sizeof(text));
	add_part(&info, STR("usher"));
	add_part(&info, STR("1"));
	add_part(&info, purpose);
	add_part(&info, tenant);
	if (epoch) {
		snprintf(digits, sizeof(digits), "%llu",
			 (unsigned long long)epoch);
		add_part(&info, str_from(digits));
	}
	if (!buf_is_ok(&info))
		return ERR_INTERNAL;
	return digest_hkdf_sha256(master, KEYRING_KEY_SIZE, JWE_SALT,
				  sizeof(JWE_SALT) - 1, info.ptr, info.len,
				  out, JWE_KEY_SIZE);
}

static void render_header(struct jwe_key *key, struct str kid,
			  struct str tenant)
{
	char json[JWE_HEADER_MAX + 1];
	struct buf buf;

	memcpy(key->kid_text, kid.ptr, kid.len);
	key->kid = (struct str){ key->kid_text, kid.len };
	buf_init_fixed(&buf, json, sizeof(json));
	buf_adds(&buf, STR(HEAD_KID));
	buf_adds(&buf, kid);
	buf_adds(&buf, STR(HEAD_AUD));
	buf_adds(&buf, tenant);
	buf_adds(&buf, STR(HEAD_END));
	base64url_encode(key->header_text, buf.ptr, buf.len);
	key->header = (struct str){ key->header_text,
				    BASE64URL_LEN(buf.len) };
}

struct jwe_keys *jwe_keys_of_epoch(const struct keyring *ring,
				   struct str tenant, struct str purpose,
				   uint64_t epoch)
{
	unsigned count = keyring_count(ring);
	struct jwe_keys *keys;

	if (!is_name(tenant, JWE_TENANT_MAX) ||
	    !is_name(purpose, JWE_PURPOSE_MAX))
		return NULL;
	keys = calloc(1, sizeof(*keys) + count * sizeof(keys->keys[0]));
	if (!keys)
		return NULL;
	keys->count = count;
	keys->seals = seals_hold(keyring_kid(ring, 0));
	if (!keys->seals) {
		jwe_keys_free(keys);
		return NULL;
	}
	for (unsigned i = 0; i < count; i++) {
		struct jwe_key *key = &keys->keys[i];

		key->content.serial = gcm_serial();
		render_header(key, keyring_kid(ring, i), tenant);
		if (derive(keyring_key(ring, i), tenant, purpose, epoch,
			   key->content.bytes)) {
			jwe_keys_free(keys);
			return NULL;
		}
	}
	return keys;
}

struct jwe_keys *jwe_keys_new(const struct keyring *ring, struct str tenant,
			      struct str purpose)
{
	return jwe_keys_of_epoch(ring, tenant, purpose, 0);
}

void jwe_keys_free(struct jwe_keys *keys)
{
	if (!keys)
		return;
	seals_let_go(keys->seals);
	explicit_bzero(keys->keys, keys->count * sizeof(keys->keys[0]));
	free(keys);
}

unsigned jwe_keys_count(const struct jwe_keys *keys)
{
	return keys->count;
}

enum err jwe_keys_export(const struct jwe_keys *keys, unsigned i,
			 struct str *kid_r, uint8_t key_r[JWE_KEY_SIZE])
{
	if (i >= keys->count)
		return ERR_NOT_FOUND;
	*kid_r = keys->keys[i].kid;
	memcpy(key_r, keys->keys[i].content.bytes, JWE_KEY_SIZE);
	return ERR_OK;
}

uint64_t jwe_keys_sealed(const struct jwe_keys *keys)
{
	return seals_taken(keys->seals);
}

static char *put(char *p, const void *data, size_t len)
{
	base64url_encode(p, data, len);
	return p + BASE64URL_LEN(len);
}

enum err jwe_seal(const struct jwe_keys *keys, struct str plaintext,
		  struct buf *out)
{
	const struct jwe_key *key = &keys->keys[0];
	uint8_t text[JWE_TOKEN_MAX], iv[JWE_IV_SIZE], tag[JWE_TAG_SIZE];
	size_t len;
	enum err err;
	char *p;

	if (plaintext.len > sizeof(text))
		return ERR_LIMIT;
	len = key->header.len + FRAME + BASE64URL_LEN(plaintext.len);
	if (len > JWE_TOKEN_MAX || !seals_take(keys->seals))
		return ERR_LIMIT;
	err = random_bytes(iv, sizeof(iv));
	if (err)
		return err;
	err = gcm_seal(&key->content, iv, key->header, plaintext.ptr,
		       plaintext.len, text, tag);
	if (err)
		return err;
	if (!buf_reserve(out, len))
		return ERR_LIMIT;
	p = out->ptr + out->len;
	memcpy(p, key->header.ptr, key->header.len);
	p += key->header.len;
	*p++ = '.';
	*p++ = '.';
	p = put(p, iv, sizeof(iv));
	*p++ = '.';
	p = put(p, text, plaintext.len);
	*p++ = '.';
	p = put(p, tag, sizeof(tag));
	*p = '\0';
	out->len += len;
	return ERR_OK;
}

/* The five parts of a token, in base64url; the encrypted key is empty. */
struct parts {
	struct str header, iv, text, tag;
};

/* By place alone: what stands in the parts is looked at by who needs it. */
static enum err split(struct str token, struct parts *out)
{
	struct str rest = token, encrypted_key;

	if (token.len > JWE_TOKEN_MAX)
		return ERR_LIMIT;
	out->header = str_cut(rest, '.', &rest);
	if (str_is_null(rest))
		return ERR_SYNTAX;
	encrypted_key = str_cut(rest, '.', &rest);
	if (str_is_null(rest) || encrypted_key.len)
		return ERR_SYNTAX;
	out->iv = str_cut(rest, '.', &rest);
	if (str_is_null(rest) || out->iv.len != IV_TEXT)
		return ERR_SYNTAX;
	out->text = str_cut(rest, '.', &rest);
	/* The tag takes the rest: one more dot is not in the alphabet. */
	if (str_is_null(rest) || rest.len != TAG_TEXT)
		return ERR_SYNTAX;
	out->tag = rest;
	return ERR_OK;
}

/* Exactly `size` bytes. */
static enum err decode(struct str in, void *out, size_t size)
{
	size_t len;
	enum err err = base64url_decode(in, out, size, &len);

	if (err)
		return ERR_SYNTAX;
	return len == size ? ERR_OK : ERR_SYNTAX;
}

static const struct jwe_key *find_key(const struct jwe_keys *keys,
				      struct str header)
{
	for (unsigned i = 0; i < keys->count; i++) {
		if (str_eq(keys->keys[i].header, header))
			return &keys->keys[i];
	}
	return NULL;
}

enum err jwe_open(const struct jwe_keys *keys, struct str token,
		  struct pool *pool, struct str *plaintext_r)
{
	uint8_t iv[JWE_IV_SIZE], tag[JWE_TAG_SIZE];
	const struct jwe_key *key;
	struct parts parts;
	size_t len;
	enum err err;
	char *text;

	err = split(token, &parts);
	if (err)
		return err;
	key = find_key(keys, parts.header);
	if (!key)
		return ERR_NOT_FOUND;
	if (decode(parts.iv, iv, sizeof(iv)) ||
	    decode(parts.tag, tag, sizeof(tag)))
		return ERR_SYNTAX;
	/* The pool gives zeros: the byte after the text ends it. */
	len = parts.text.len * 3 / 4;
	text = pool_alloc(pool, len + 1);
	if (!text)
		return ERR_NOMEM;
	err = decode(parts.text, text, len);
	if (err)
		return err;
	err = gcm_open(&key->content, iv, key->header, text, len, text, tag);
	if (err)
		return err;
	*plaintext_r = (struct str){ text, len };
	return ERR_OK;
}

/* Take `head` off the front of *rest. */
static bool eat(struct str *rest, struct str head)
{
	if (!str_has_prefix(*rest, head))
		return false;
	rest->ptr += head.len;
	rest->len -= head.len;
	return true;
}

enum err jwe_peek(struct str token, struct pool *pool, struct str *kid_r,
		  struct str *aud_r)
{
	char json[JWE_HEADER_MAX];
	struct str rest = { json, 0 }, kid, aud;
	struct parts parts;
	enum err err;

	err = split(token, &parts);
	if (err)
		return err;
	err = base64url_decode(parts.header, json, sizeof(json), &rest.len);
	if (err)
		return err == ERR_LIMIT ? ERR_UNSUPPORTED : ERR_SYNTAX;
	/* The names hold no '"', so each ends where its quote stands. */
	if (!eat(&rest, STR(HEAD_KID)))
		return ERR_UNSUPPORTED;
	kid = str_cut(rest, '"', &rest);
	if (!is_name(kid, KEYRING_KID_MAX) || str_is_null(rest))
		return ERR_UNSUPPORTED;
	if (!eat(&rest, STR(",\"aud\":\"")))
		return ERR_UNSUPPORTED;
	aud = str_cut(rest, '"', &rest);
	if (!is_name(aud, JWE_TENANT_MAX) || !str_eq(rest, STR("}")))
		return ERR_UNSUPPORTED;
	kid = pool_str(pool, kid);
	aud = pool_str(pool, aud);
	if (!kid.ptr || !aud.ptr)
		return ERR_NOMEM;
	*kid_r = kid;
	*aud_r = aud;
	return ERR_OK;
}
