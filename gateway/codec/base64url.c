#include "codec/base64url.h"

#include <stdint.h>

static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The value of a character, or 255, whose high bits no value has. */
#define BAD 0xff
static const uint8_t values[256] = {
	255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
	255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
	255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
	255, 255, 255, 255, 255, 255, 255, 255, 255,  62, 255, 255,
	 52,  53,  54,  55,  56,  57,  58,  59,  60,  61, 255, 255,
	255, 255, 255, 255, 255,   0,   1,   2,   3,   4,   5,   6,
	  7,   8,   9,  10,  11,  12,  13,  14,  15,  16,  17,  18,
	 19,  20,  21,  22,  23,  24,  25, 255, 255, 255, 255,  63,
	255,  26,  27,  28,  29,  30,  31,  32,  33,  34,  35,  36,
	 37,  38,  39,  40,  41,  42,  43,  44,  45,  46,  47,  48,
	 49,  50,  51, 255, 255, 255, 255, 255, 255, 255, 255, 255,
	255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
	255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
	255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
	255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
	255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
	255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
	255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
	255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
	255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
	255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
	255, 255, 255, 255,
};

void base64url_encode(char *out, const void *data, size_t len)
{
	const uint8_t *in = data;

	for (; len >= 3; len -= 3, in += 3) {
		uint32_t n = (uint32_t)in[0] << 16 | in[1] << 8 | in[2];

		*out++ = alphabet[n >> 18];
		*out++ = alphabet[n >> 12 & 63];
		*out++ = alphabet[n >> 6 & 63];
		*out++ = alphabet[n & 63];
	}
	if (len == 2) {
		*out++ = alphabet[in[0] >> 2];
		*out++ = alphabet[(in[0] << 4 | in[1] >> 4) & 63];
		*out++ = alphabet[in[1] << 2 & 63];
	} else if (len == 1) {
		*out++ = alphabet[in[0] >> 2];
		*out++ = alphabet[in[0] << 4 & 63];
	}
}

void base64url_add(struct buf *out, const void *data, size_t len)
{
	size_t n;

	if (__builtin_mul_overflow(len, 4, &n))
		n = SIZE_MAX;	/* buf_reserve() will say no */
	else
		n = BASE64URL_LEN(len);
	if (!buf_reserve(out, n))
		return;
	base64url_encode(out->ptr + out->len, data, len);
	out->len += n;
	out->ptr[out->len] = '\0';
}

/* Two or three characters make one or two bytes; the rest must be zero. */
static unsigned decode_tail(const uint8_t *in, size_t len, uint8_t *out)
{
	uint32_t a = values[in[0]], b = values[in[1]], c;

	out[0] = (uint8_t)(a << 2 | b >> 4);
	if (len == 2)
		return a | b | (b & 0x0f ? BAD : 0);
	c = values[in[2]];
	out[1] = (uint8_t)(b << 4 | c >> 2);
	return a | b | c | (c & 0x03 ? BAD : 0);
}

enum err base64url_decode(struct str in, void *out, size_t size, size_t *len_r)
{
	const uint8_t *p = (const uint8_t *)in.ptr;
	size_t tail = in.len % 4, len;
	uint8_t *to = out;
	unsigned bad = 0;

	if (tail == 1)
		return ERR_SYNTAX;
	len = in.len / 4 * 3 + (tail ? tail - 1 : 0);
	if (len > size)
		return ERR_LIMIT;
	for (size_t i = in.len / 4; i; i--, p += 4, to += 3) {
		uint32_t a = values[p[0]], b = values[p[1]];
		uint32_t c = values[p[2]], d = values[p[3]];
		uint32_t n = a << 18 | b << 12 | c << 6 | d;

		bad |= a | b | c | d;
		to[0] = (uint8_t)(n >> 16);
		to[1] = (uint8_t)(n >> 8);
		to[2] = (uint8_t)n;
	}
	if (tail)
		bad |= decode_tail(p, tail, to);
	if (bad & 0xc0) {
		if (len)
			explicit_bzero(out, len);
		return ERR_SYNTAX;
	}
	*len_r = len;
	return ERR_OK;
}
