#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

static uint64_t k0, k1;

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotl(uint64_t x, int b)
{
	return x << b | x >> (64 - b);
}

static inline uint64_t load64(const unsigned char *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

static inline void rounds(struct sip *s, int n)
{
	while (n--) {
		s->v0 += s->v1;
		s->v1 = rotl(s->v1, 13) ^ s->v0;
		s->v0 = rotl(s->v0, 32);
		s->v2 += s->v3;
		s->v3 = rotl(s->v3, 16) ^ s->v2;
		s->v0 += s->v3;
		s->v3 = rotl(s->v3, 21) ^ s->v0;
		s->v2 += s->v1;
		s->v1 = rotl(s->v1, 17) ^ s->v2;
		s->v2 = rotl(s->v2, 32);
	}
}

/* Absorb all of the data; `wide` selects the 128-bit variant. */
static struct sip absorb(uint64_t a, uint64_t b, const unsigned char *p,
			 size_t len, bool wide)
{
	struct sip s = { a ^ 0x736f6d6570736575, b ^ 0x646f72616e646f6d,
			 a ^ 0x6c7967656e657261, b ^ 0x7465646279746573 };
	uint64_t last = (uint64_t)len << 56;
	size_t tail = len & 7;

	if (wide)
		s.v1 ^= 0xee;
	if (!len)
		p = (const unsigned char *)"";	/* it may be absent */
	for (const unsigned char *end = p + len - tail; p < end; p += 8) {
		uint64_t m = load64(p);

		s.v3 ^= m;
		rounds(&s, 2);
		s.v0 ^= m;
	}
	for (size_t i = 0; i < tail; i++)
		last |= (uint64_t)p[i] << (8 * i);
	s.v3 ^= last;
	rounds(&s, 2);
	s.v0 ^= last;
	s.v2 ^= wide ? 0xee : 0xff;
	rounds(&s, 4);
	return s;
}

static uint64_t fold(const struct sip *s)
{
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

void hash_init(void)
{
	uint64_t key[2];

	if (random_bytes(key, sizeof(key))) {
		fputs("usher: the kernel gives no random bytes\n", stderr);
		abort();
	}
	k0 = key[0];
	k1 = key[1];
}

uint64_t hash_bytes(const void *data, size_t len)
{
	struct sip s = absorb(k0, k1, data, len, false);

	return fold(&s);
}

uint64_t hash_str(struct str s)
{
	return hash_bytes(s.ptr, s.len);
}

struct hash128 hash_wide(const void *data, size_t len)
{
	struct sip s = absorb(k0, k1, data, len, true);
	struct hash128 h = { .a = fold(&s) };

	s.v1 ^= 0xdd;
	rounds(&s, 4);
	h.b = fold(&s);
	return h;
}

uint64_t hash_keyed(const unsigned char key[16], const void *data, size_t len)
{
	struct sip s = absorb(load64(key), load64(key + 8), data, len, false);

	return fold(&s);
}
