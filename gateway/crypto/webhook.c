#include "crypto/webhook.h"

#include "codec/base64url.h"
#include "crypto/digest.h"

#define PREFIX STR("whsec_")
#define TEXT_MAX 88		/* characters of the longest secret */
#define SIGNED_HEAD_MAX 128	/* of an id and a timestamp */

/* Base64 is base64url with two other letters, and padded. */
static char other_alphabet(char c, bool is_to_url)
{
	const char *from = is_to_url ? "+/" : "-_";
	const char *to = is_to_url ? "-_" : "+/";

	return c == from[0] ? to[0] : c == from[1] ? to[1] : c;
}

static enum err decode(struct str text, uint8_t out[WEBHOOK_SECRET_MAX],
		       size_t *len_r)
{
	char url[TEXT_MAX];
	size_t n = text.len;
	enum err err;

	if (!n || n % 4 || n > sizeof(url))
		return ERR_SYNTAX;
	for (unsigned pads = 0; pads < 2 && text.ptr[n - 1] == '='; pads++)
		n--;
	for (size_t i = 0; i < n; i++) {
		/* these are of the other alphabet, and none of ours */
		if (text.ptr[i] == '-' || text.ptr[i] == '_')
			return ERR_SYNTAX;
		url[i] = other_alphabet(text.ptr[i], true);
	}
	err = base64url_decode((struct str){ url, n }, out, WEBHOOK_SECRET_MAX,
			       len_r);
	explicit_bzero(url, sizeof(url));
	if (err || *len_r < WEBHOOK_SECRET_MIN)
		return ERR_SYNTAX;
	return ERR_OK;
}

static void encode(struct buf *out, const uint8_t tag[DIGEST_SIZE])
{
	char text[BASE64URL_LEN(DIGEST_SIZE)];

	base64url_encode(text, tag, DIGEST_SIZE);
	for (size_t i = 0; i < sizeof(text); i++)
		buf_addc(out, other_alphabet(text[i], false));
	for (size_t i = sizeof(text); i % 4; i++)
		buf_addc(out, '=');
}

enum err webhook_secrets_parse(struct str text, struct webhook_secrets *out_r)
{
	struct webhook_secrets list = { .count = 0 };
	enum err err = ERR_OK;

	while (!err && text.len) {
		struct str rest, line = str_cut(text, '\n', &rest);

		text = str_is_null(rest) ? STR("") : rest;
		line = str_trim(line, " \t\r");
		if (!line.len)
			continue;
		if (list.count == WEBHOOK_SECRETS_MAX) {
			err = ERR_LIMIT;
			break;
		}
		if (!str_has_prefix(line, PREFIX)) {
			err = ERR_SYNTAX;
			break;
		}
		line.ptr += PREFIX.len;
		line.len -= PREFIX.len;
		err = decode(line, list.list[list.count].octets,
			     &list.list[list.count].len);
		list.count++;
	}
	if (!err && !list.count)
		err = ERR_SYNTAX;
	if (!err)
		*out_r = list;
	explicit_bzero(&list, sizeof(list));
	return err;
}

enum err webhook_sign(const struct webhook_secrets *secrets, struct str id,
		      int64_t timestamp_s, struct str body, struct buf *out)
{
	enum err err = ERR_OK;
	struct buf signed_text;

	buf_init(&signed_text, body.len + SIGNED_HEAD_MAX);
	buf_printf(&signed_text, "%.*s.%lld.", STR_ARG(id),
		   (long long)timestamp_s);
	buf_adds(&signed_text, body);
	if (!buf_is_ok(&signed_text))
		err = ERR_NOMEM;
	for (unsigned i = 0; !err && i < secrets->count; i++) {
		uint8_t tag[DIGEST_SIZE];

		err = digest_hmac_sha256(secrets->list[i].octets,
					 secrets->list[i].len, signed_text.ptr,
					 signed_text.len, tag);
		if (err)
			break;
		buf_puts(out, i ? " v1," : "v1,");
		encode(out, tag);
	}
	buf_done(&signed_text);
	return err ? err : buf_is_ok(out) ? ERR_OK : ERR_LIMIT;
}
