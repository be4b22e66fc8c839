/* base64url and signed tokens of <usher/sdk.h>. */
#include <usher/sdk.h>

#include <string.h>

#define HEADER_SIZE 256
#define ENCODED(len) (((len) * 4 + 2) / 3)

void usher_base64url(struct usher_buf *buf, const void *data, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789-_";
	const unsigned char *in = (const unsigned char *)data;

	while (len) {
		size_t n = len < 3 ? len : 3;
		uint32_t bits = (uint32_t)in[0] << 16;
		char out[4];

		if (n > 1)
			bits |= (uint32_t)in[1] << 8;
		if (n > 2)
			bits |= in[2];
		out[0] = digits[bits >> 18];
		out[1] = digits[bits >> 12 & 63];
		out[2] = digits[bits >> 6 & 63];
		out[3] = digits[bits & 63];
		usher_buf_add(buf, out, n + 1);
		in += n;
		len -= n;
	}
}

static int make_header(char *array, const char *kid, struct usher_str *header)
{
	struct usher_buf buf;

	usher_buf_init_array(&buf, array, HEADER_SIZE);
	usher_json_open(&buf, '{');
	usher_json_member(&buf, "alg", usher_str_from("HS256"));
	usher_json_member(&buf, "typ", usher_str_from("JWT"));
	if (kid)
		usher_json_member(&buf, "kid", usher_str_from(kid));
	usher_buf_puts(&buf, "}");
	return usher_buf_end(&buf, header);
}

int usher_jwt_hs256(struct usher_call *call, const char *secret,
		    const char *kid, struct usher_str claims,
		    struct usher_str *token)
{
	unsigned char mac[USHER_MAC_LEN];
	char array[HEADER_SIZE];
	struct usher_str header;
	struct usher_buf buf;
	int rc = make_header(array, kid, &header);

	if (rc)
		return rc;
	if (claims.len > USHER_ALLOC_MAX)
		return USHER_E_LIMIT;
	usher_buf_init(&buf, call, ENCODED(header.len) + ENCODED(claims.len) +
		       ENCODED(sizeof(mac)) + 3);
	if (buf.failed)
		return USHER_E_NOMEM;
	usher_base64url(&buf, header.ptr, header.len);
	usher_buf_puts(&buf, ".");
	usher_base64url(&buf, claims.ptr, claims.len);
	rc = call->host->hmac_sha256(call, secret, buf.ptr, buf.len, mac);
	if (rc)
		return rc;
	usher_buf_puts(&buf, ".");
	usher_base64url(&buf, mac, sizeof(mac));
	return usher_buf_end(&buf, token);
}
