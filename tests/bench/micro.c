/*
 * micro: what single operations cost, in ns.
 *
 *	micro [ROUNDS [PART]]
 *
 * Each figure is the median of ROUNDS (default 7) rounds, with the fastest
 * beside it; PART: of a PARTth of all that, to see that it runs.  Figures depend
 * on the machine: compare them within one run.
 */
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/num.h"
#include "base/pool.h"
#include "crypto/digest.h"
#include "crypto/jwe.h"
#include "crypto/jws.h"
#include "handoff/vouch.h"
#include "policy/ratelimit.h"
#include "unit/crypto/jws-keys.h"

#define ROUNDS_MAX 99u
#define TENANTS 100
#define CLIENTS 1000000u

static unsigned rounds = 7;
static uint32_t part = 1;

static void die(const char *what)
{
	fprintf(stderr, "micro: %s failed\n", what);
	exit(EXIT_FAILURE);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Run `op` `count` times a round; it is told which time it is. */
static void measure(const char *name, uint32_t count,
		    void (*op)(void *arg, uint32_t i), void *arg)
{
	double ns[ROUNDS_MAX];

	count = count / part ? count / part : 1;
	for (unsigned r = 0; r < rounds; r++) {
		int64_t start = clock_mono_ns();

		for (uint32_t i = 0; i < count; i++)
			op(arg, i);
		ns[r] = (double)(clock_mono_ns() - start) / count;
	}
	qsort(ns, rounds, sizeof(ns[0]), by_size);
	printf("%-44s %8.0f ns/op   fastest %8.0f\n", name, ns[rounds / 2],
	       ns[0]);
	fflush(stdout);
}

/* ---- tokens ------------------------------------------------------------- */

static const char claims_text[] =
	"{\"iss\":\"https://tickets.example.com\",\"aud\":\"yourcompany\","
	"\"sub\":\"123456\",\"jti\":\"AZqq0000000000000000aa\","
	"\"iat\":1700000000,\"exp\":1700000120,"
	"\"redirect_url\":\"https://ticket.example.com/tickets/new\"}";
static const struct str claims = { claims_text, sizeof(claims_text) - 1 };

struct tokens {
	struct jwe_keys *keys[TENANTS];
	unsigned tenants;		/* taken in turn */
	char text[TENANTS][JWE_TOKEN_MAX];
	size_t len[TENANTS];
	struct pool *pool;
};

static void seal_one(void *arg, uint32_t i)
{
	struct tokens *t = arg;
	unsigned n = i % t->tenants;
	struct buf out;

	buf_init_fixed(&out, t->text[n], sizeof(t->text[n]));
	if (jwe_seal(t->keys[n], claims, &out))
		die("jwe_seal");
	t->len[n] = out.len;
}

static void open_one(void *arg, uint32_t i)
{
	struct tokens *t = arg;
	unsigned n = i % t->tenants;
	struct str text;

	if (jwe_open(t->keys[n], (struct str){ t->text[n], t->len[n] },
		     t->pool, &text))
		die("jwe_open");
	pool_reset(t->pool);
}

static void peek_one(void *arg, uint32_t i)
{
	struct tokens *t = arg;
	unsigned n = i % t->tenants;
	struct str kid, aud;

	if (jwe_peek((struct str){ t->text[n], t->len[n] }, t->pool, &kid,
		     &aud))
		die("jwe_peek");
	pool_reset(t->pool);
}

static void derive_one(void *arg, uint32_t i)
{
	(void)i;
	jwe_keys_free(jwe_keys_new(arg, STR("yourcompany"), STR("handoff")));
}

static void digest_one(void *arg, uint32_t i)
{
	uint8_t out[DIGEST_SIZE];

	(void)i;
	if (digest_sha256(arg, 32, out))
		die("digest_sha256");
}

static void bench_tokens(void)
{
	struct keyring *ring = keyring_new_throwaway();
	struct tokens *t = calloc(1, sizeof(*t));

	if (!ring || !t)
		die("setting up");
	t->pool = pool_new(1 << 16);
	for (unsigned i = 0; i < TENANTS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "tenant-%u", i);
		t->keys[i] = jwe_keys_new(ring, str_from(name),
					  STR("handoff"));
		if (!t->keys[i] || !t->pool)
			die("jwe_keys_new");
	}
	t->tenants = TENANTS;
	measure("jwe_seal, another tenant each time", 200000, seal_one, t);
	measure("jwe_open, another tenant each time", 200000, open_one, t);
	t->tenants = 1;
	measure("jwe_seal, one tenant", 200000, seal_one, t);
	printf("%-44s %8zu bytes\n", "  the token", t->len[0]);
	measure("jwe_open, one tenant", 200000, open_one, t);
	measure("jwe_peek", 200000, peek_one, t);
	measure("jwe_keys_new and _free, one master key", 20000, derive_one,
		ring);
	measure("digest_sha256 of 32 bytes", 200000, digest_one, t->text[0]);
	for (unsigned i = 0; i < TENANTS; i++)
		jwe_keys_free(t->keys[i]);
	pool_free(t->pool);
	free(t);
	keyring_free(ring);
}

/* ---- signed texts ------------------------------------------------------- */

#define SECRET "a secret of thirty-two octets, or"

static const char assertion_text[] =
	"{\"iss\":\"https://yourcompany.com\",\"aud\":\"yourcompany\","
	"\"sub\":\"123456\",\"email\":\"user@example.com\","
	"\"name\":\"John Doe\",\"jti\":\"0193a1f6c2b47c7e9d1f\","
	"\"iat\":1700000000,\"exp\":1700000300,\"plan\":\"gold\"}";

struct signed_text {
	struct jws_key *key;
	struct str text;
	struct jws jws;			/* of the text */
	struct pool *pool;
	struct tenant_key named;
	struct tenant tenant;		/* with that key */
	/* the floor */
	EVP_PKEY *pkey;
	EVP_PKEY_CTX *prepared;		/* NULL: Ed25519 */
	EVP_MD_CTX *md;
	uint8_t digest[DIGEST_SIZE];
	uint8_t der[80];		/* of ES256 */
	size_t der_len;
};

static void verify_one(void *arg, uint32_t i)
{
	struct signed_text *a = arg;
	struct jws jws;

	(void)i;
	if (jws_parse(a->text, a->pool, &jws) || jws_verify(a->key, &jws))
		die("jws_verify");
	pool_reset(a->pool);
}

/* All that an assertion adds to a handoff: its claims read and judged, too. */
static void vouch_one(void *arg, uint32_t i)
{
	struct signed_text *a = arg;
	struct vouch vouch;

	(void)i;
	if (vouch_read(&a->tenant, a->text, 1700000010, a->pool, &vouch))
		die("vouch_read");
	pool_reset(a->pool);
}

static void mac_one(void *arg, uint32_t i)
{
	struct signed_text *a = arg;
	uint8_t mac[DIGEST_SIZE];

	(void)i;
	if (digest_hmac_sha256(SECRET, strlen(SECRET),
			       a->jws.signing_input.ptr,
			       a->jws.signing_input.len, mac))
		die("digest_hmac_sha256");
}

/* Nothing but the arithmetic: neither a digest nor anything prepared. */
static void bare_one(void *arg, uint32_t i)
{
	struct signed_text *a = arg;
	const uint8_t *signature = (const uint8_t *)a->jws.signature.ptr;
	size_t len = a->jws.signature.len;

	(void)i;
	if (a->der_len) {
		signature = a->der;
		len = a->der_len;
	}
	if (EVP_PKEY_verify(a->prepared, signature, len, a->digest,
			    sizeof(a->digest)) != 1)
		die("EVP_PKEY_verify");
}

static void bare_ed25519_one(void *arg, uint32_t i)
{
	struct signed_text *a = arg;

	(void)i;
	if (EVP_DigestVerifyInit_ex(a->md, NULL, NULL, NULL, NULL, a->pkey,
				    NULL) != 1 ||
	    EVP_DigestVerify(a->md, (const uint8_t *)a->jws.signature.ptr,
			     a->jws.signature.len,
			     (const uint8_t *)a->jws.signing_input.ptr,
			     a->jws.signing_input.len) != 1)
		die("EVP_DigestVerify");
}

static void prepare_floor(struct signed_text *a, enum jws_algorithm algorithm,
			  const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);

	a->pkey = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
	BIO_free(bio);
	a->md = EVP_MD_CTX_new();
	if (!a->pkey || !a->md ||
	    digest_sha256(a->jws.signing_input.ptr, a->jws.signing_input.len,
			  a->digest))
		die("setting up");
	if (algorithm == JWS_EDDSA)
		return;
	a->prepared = EVP_PKEY_CTX_new_from_pkey(NULL, a->pkey, NULL);
	if (!a->prepared || EVP_PKEY_verify_init(a->prepared) != 1 ||
	    (algorithm == JWS_RS256 &&
	     EVP_PKEY_CTX_set_signature_md(a->prepared, EVP_sha256()) != 1))
		die("setting up");
	if (algorithm == JWS_ES256) {
		ECDSA_SIG *numbers = ECDSA_SIG_new();
		const uint8_t *raw = (const uint8_t *)a->jws.signature.ptr;
		uint8_t *at = a->der;

		if (!numbers ||
		    !ECDSA_SIG_set0(numbers, BN_bin2bn(raw, 32, NULL),
				    BN_bin2bn(raw + 32, 32, NULL)))
			die("setting up");
		a->der_len = (size_t)i2d_ECDSA_SIG(numbers, &at);
		ECDSA_SIG_free(numbers);
	}
}

static void bench_signed(enum jws_algorithm algorithm, const char *private,
			 const char *public, uint32_t count)
{
	struct signed_text a = { .pool = pool_new(1 << 16) };
	struct pool *pool = pool_new(1 << 16);
	char name[64];
	struct buf text;

	buf_init(&text, JWS_MAX);
	if (!a.pool || !pool ||
	    jws_key_new(algorithm, str_from(public), &a.key) ||
	    jws_sign(algorithm, str_from(private), STR("2026-11"),
		     (struct str){ assertion_text,
				   sizeof(assertion_text) - 1 }, &text))
		die("setting up");
	a.text = buf_str(&text);
	if (jws_parse(a.text, pool, &a.jws))
		die("jws_parse");
	if (algorithm != JWS_HS256)
		prepare_floor(&a, algorithm, public);
	snprintf(name, sizeof(name), "jws_parse and _verify, %s",
		 jws_algorithm_text(algorithm));
	measure(name, count, verify_one, &a);
	a.named = (struct tenant_key){ STR("2026-11"), a.key };
	a.tenant = (struct tenant){ .slug = STR("yourcompany"),
		.keys = &a.named, .key_count = 1,
		.assertion_max_age_s = 300 };
	measure("  and its claims: vouch_read", count, vouch_one, &a);
	measure("  the arithmetic alone", count,
		algorithm == JWS_HS256 ? mac_one :
		algorithm == JWS_EDDSA ? bare_ed25519_one : bare_one, &a);
	EVP_PKEY_CTX_free(a.prepared);
	EVP_MD_CTX_free(a.md);
	EVP_PKEY_free(a.pkey);
	buf_done(&text);
	pool_free(a.pool);
	pool_free(pool);
	jws_key_free(a.key);
}

static void bench_jws(void)
{
	bench_signed(JWS_HS256, SECRET, SECRET, 100000);
	bench_signed(JWS_RS256, JWS_RSA_PRIVATE, JWS_RSA_PUBLIC, 10000);
	bench_signed(JWS_ES256, JWS_EC_PRIVATE, JWS_EC_PUBLIC, 4000);
	bench_signed(JWS_EDDSA, JWS_ED_PRIVATE, JWS_ED_PUBLIC, 3000);
}

/* ---- the rate limit ----------------------------------------------------- */

struct clients {
	struct ratelimit *limiter;
	int64_t now;
	uint64_t random;
	uint8_t family;
};

static void check_one(void *arg, uint32_t i)
{
	static const struct ratelimit_rule rule = { 60, 3600 };
	struct clients *c = arg;
	struct ip from = { .family = c->family };

	memcpy(from.bytes, &i, sizeof(i));
	ratelimit_check(c->limiter, STR(""), rule, &from, c->now);
}

static void check_random(void *arg, uint32_t i)
{
	struct clients *c = arg;

	(void)i;
	c->random ^= c->random << 13;
	c->random ^= c->random >> 7;
	c->random ^= c->random << 17;
	check_one(c, (uint32_t)(c->random % CLIENTS));
}

static void check_new(void *arg, uint32_t i)
{
	struct clients *c = arg;

	check_one(c, CLIENTS + (uint32_t)c->random++ + i);
}

/* How long did the slowest checks take while the table grew to `count`? */
static void bench_growth(struct clients *c, uint32_t count)
{
	int64_t start = clock_mono_ns(), last = start, worst = 0;
	uint32_t over[3] = { 0 };	/* 10 us, 100 us, 1 ms */

	for (uint32_t i = 0; i < count; i++) {
		int64_t now, took;

		check_one(c, i);
		now = clock_mono_ns();
		took = now - last;
		last = now;
		if (took > worst)
			worst = took;
		over[0] += took > 10000;
		over[1] += took > 100000;
		over[2] += took > 1000000;
	}
	printf("%-44s %8.0f ns/op\n", "ratelimit_check, new clients, growing",
	       (double)(last - start) / count);
	printf("%-44s %8.3f ms      over 10 us: %" PRIu32 ", 100 us: %" PRIu32
	       ", 1 ms: %" PRIu32 "\n", "  worst single check while growing",
	       (double)worst / 1e6, over[0], over[1], over[2]);
}

static void bench_file(struct clients *c)
{
	char path[64];
	int64_t start;
	struct ratelimit *other = ratelimit_new(0);

	snprintf(path, sizeof(path), "/tmp/usher-micro-%ld", (long)getpid());
	start = clock_mono_ns();
	if (!other || ratelimit_save(c->limiter, path, c->now))
		die("ratelimit_save");
	printf("%-44s %8.1f ms\n", "ratelimit_save, 1M clients",
	       (double)(clock_mono_ns() - start) / 1e6);
	start = clock_mono_ns();
	if (ratelimit_load(other, path, c->now, NULL, 0))
		die("ratelimit_load");
	printf("%-44s %8.1f ms\n", "ratelimit_load, 1M clients",
	       (double)(clock_mono_ns() - start) / 1e6);
	unlink(path);
	start = clock_mono_ns();
	ratelimit_sweep(other, c->now + 30000);
	printf("%-44s %8.1f ms\n", "ratelimit_sweep, 1M clients",
	       (double)(clock_mono_ns() - start) / 1e6);
	ratelimit_free(other);
}

static void bench_ratelimit(void)
{
	struct clients c = { .now = clock_wall_ms(), .family = 4,
			     .random = 88172645463325252 };
	struct ratelimit_stats stats;

	c.limiter = ratelimit_new(0);
	if (!c.limiter)
		die("ratelimit_new");
	bench_growth(&c, CLIENTS / part);
	stats = ratelimit_stats(c.limiter);
	printf("%-44s %8.1f bytes a client\n", "  memory at 1M clients",
	       (double)stats.bytes / stats.clients);
	measure("ratelimit_check, known, 1M clients", CLIENTS, check_random,
		&c);
	bench_file(&c);
	c.random = 0;
	for (uint32_t i = 0; i < 2 * RATELIMIT_CLIENTS_MAX / part; i++)
		check_new(&c, i);
	measure("ratelimit_check, new, full table", 200000, check_new, &c);
	stats = ratelimit_stats(c.limiter);
	printf("%-44s %8.1f bytes a client, %" PRIu32 " clients\n",
	       "  memory of the full table",
	       (double)stats.bytes / stats.clients, stats.clients);
	ratelimit_free(c.limiter);

	c = (struct clients){ .now = c.now, .family = 6, .random = 1 };
	c.limiter = ratelimit_new(0);
	if (!c.limiter)
		die("ratelimit_new");
	measure("ratelimit_check, IPv6, 500k /48s", 500000, check_one, &c);
	ratelimit_free(c.limiter);
}

int main(int argc, char **argv)
{
	uint64_t n = rounds, of = part;

	if (argc > 3 ||
	    (argc > 1 && num_u64(str_from(argv[1]), 1, ROUNDS_MAX, &n)) ||
	    (argc > 2 && num_u64(str_from(argv[2]), 1, CLIENTS, &of))) {
		fprintf(stderr, "usage: micro [ROUNDS [PART]]   (ROUNDS: 1 to "
			"%u)\n", ROUNDS_MAX);
		return EXIT_FAILURE;
	}
	rounds = (unsigned)n;
	part = (uint32_t)of;
	hash_init();
	bench_tokens();
	bench_jws();
	bench_ratelimit();
	return EXIT_SUCCESS;
}
