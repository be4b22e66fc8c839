/*
 * What happens when the crypto library or the kernel says no?  Every call that
 * this room makes of them fails in turn: there must be an error, no output,
 * and afterwards all must work as before.
 */
#include "unit/unit.h"

#include <dlfcn.h>
#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sys/random.h>

#include "crypto/digest.h"
#include "crypto/jwe.h"
#include "crypto/jws.h"
#include "unit/crypto/jws-keys.h"
#include "unit/crypto/ring.h"

/* ---- calls that fail on demand ------------------------------------------ */

enum call {
	MAC_FETCH, MD_FETCH, CIPHER_FETCH, MD_NEW, MAC_NEW, CIPHER_NEW,
	MAC_PARAMS, MD_INIT, MD_UPDATE, MD_FINAL, MAC_INIT, MAC_UPDATE,
	MAC_FINAL, CIPHER_INIT, CIPHER_UPDATE, SEAL_UPDATE, SEAL_FINAL,
	OPEN_UPDATE, OPEN_FINAL, CTRL, VERIFY_INIT, MD_COPY, VERIFY, RANDOM,
	CALLS
};

static enum call failing = CALLS;	/* CALLS: none */
static int countdown;			/* to the one call that fails */

static bool fails(enum call call)
{
	return call == failing && --countdown == 0;
}

/* The real one behind ours. */
static void *real(const char *name)
{
	void *f = dlsym(RTLD_NEXT, name);

	if (!f)
		abort();
	return f;
}

#define PASS(call, no, type, name, params, args)			\
	type name params						\
	{								\
		type (*f) params;					\
									\
		if (fails(call))					\
			return no;					\
		*(void **)&f = real(#name);				\
		return f args;						\
	}

PASS(MD_FETCH, NULL, EVP_MD *, EVP_MD_fetch,
     (OSSL_LIB_CTX *a, const char *b, const char *c), (a, b, c))
PASS(MAC_FETCH, NULL, EVP_MAC *, EVP_MAC_fetch,
     (OSSL_LIB_CTX *a, const char *b, const char *c), (a, b, c))
PASS(CIPHER_FETCH, NULL, EVP_CIPHER *, EVP_CIPHER_fetch,
     (OSSL_LIB_CTX *a, const char *b, const char *c), (a, b, c))
PASS(MD_NEW, NULL, EVP_MD_CTX *, EVP_MD_CTX_new, (void), ())
PASS(MAC_NEW, NULL, EVP_MAC_CTX *, EVP_MAC_CTX_new, (EVP_MAC *a), (a))
PASS(CIPHER_NEW, NULL, EVP_CIPHER_CTX *, EVP_CIPHER_CTX_new, (void), ())
PASS(MAC_PARAMS, 0, int, EVP_MAC_CTX_set_params,
     (EVP_MAC_CTX *a, const OSSL_PARAM b[]), (a, b))
PASS(MD_INIT, 0, int, EVP_DigestInit_ex2,
     (EVP_MD_CTX *a, const EVP_MD *b, const OSSL_PARAM c[]), (a, b, c))
PASS(MD_UPDATE, 0, int, EVP_DigestUpdate,
     (EVP_MD_CTX *a, const void *b, size_t c), (a, b, c))
PASS(MD_FINAL, 0, int, EVP_DigestFinal_ex,
     (EVP_MD_CTX *a, unsigned char *b, unsigned int *c), (a, b, c))
PASS(MAC_INIT, 0, int, EVP_MAC_init,
     (EVP_MAC_CTX *a, const unsigned char *b, size_t c,
      const OSSL_PARAM d[]), (a, b, c, d))
PASS(MAC_UPDATE, 0, int, EVP_MAC_update,
     (EVP_MAC_CTX *a, const unsigned char *b, size_t c), (a, b, c))
PASS(MAC_FINAL, 0, int, EVP_MAC_final,
     (EVP_MAC_CTX *a, unsigned char *b, size_t *c, size_t d), (a, b, c, d))
PASS(CIPHER_INIT, 0, int, EVP_CipherInit_ex2,
     (EVP_CIPHER_CTX *a, const EVP_CIPHER *b, const unsigned char *c,
      const unsigned char *d, int e, const OSSL_PARAM f_[]),
     (a, b, c, d, e, f_))
PASS(CIPHER_UPDATE, 0, int, EVP_CipherUpdate,
     (EVP_CIPHER_CTX *a, unsigned char *b, int *c, const unsigned char *d,
      int e), (a, b, c, d, e))
PASS(SEAL_UPDATE, 0, int, EVP_EncryptUpdate,
     (EVP_CIPHER_CTX *a, unsigned char *b, int *c, const unsigned char *d,
      int e), (a, b, c, d, e))
PASS(SEAL_FINAL, 0, int, EVP_EncryptFinal_ex,
     (EVP_CIPHER_CTX *a, unsigned char *b, int *c), (a, b, c))
PASS(OPEN_UPDATE, 0, int, EVP_DecryptUpdate,
     (EVP_CIPHER_CTX *a, unsigned char *b, int *c, const unsigned char *d,
      int e), (a, b, c, d, e))
PASS(OPEN_FINAL, 0, int, EVP_DecryptFinal_ex,
     (EVP_CIPHER_CTX *a, unsigned char *b, int *c), (a, b, c))
PASS(CTRL, 0, int, EVP_CIPHER_CTX_ctrl,
     (EVP_CIPHER_CTX *a, int b, int c, void *d), (a, b, c, d))
PASS(VERIFY_INIT, 0, int, EVP_DigestVerifyInit_ex,
     (EVP_MD_CTX *a, EVP_PKEY_CTX **b, const char *c, OSSL_LIB_CTX *d,
      const char *e, EVP_PKEY *f_, const OSSL_PARAM g[]),
     (a, b, c, d, e, f_, g))
PASS(MD_COPY, 0, int, EVP_MD_CTX_copy_ex,
     (EVP_MD_CTX *a, const EVP_MD_CTX *b), (a, b))
PASS(VERIFY, -1, int, EVP_DigestVerify,
     (EVP_MD_CTX *a, const unsigned char *b, size_t c,
      const unsigned char *d, size_t e), (a, b, c, d, e))
PASS(RANDOM, (errno = ENOSYS, -1), ssize_t, getrandom,
     (void *a, size_t b, unsigned c), (a, b, c))

/* ---- the story ---------------------------------------------------------- */

#define TEXT "{\"sub\":\"42\"}"

static struct keyring *ring;

/* RFC 8037, appendix A.4 */
#define SIGNED								\
	"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."	\
	"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5B" \
	"hVsPt9g7sVvpAr_MuM0KAg"

static enum err verify_story(struct pool *pool)
{
	struct jws_key *key = NULL;
	struct jws jws;
	enum err err;

	err = jws_key_new(JWS_EDDSA, STR(RFC8037_A4_PUBLIC), &key);
	ck_assert_int_eq(err != ERR_OK, key == NULL);
	if (err)
		return err;
	ck_assert_int_eq(jws_parse(STR(SIGNED), pool, &jws), 0);
	err = jws_verify(key, &jws);
	jws_key_free(key);
	return err;
}

/*
 * Everything the room does, once.  Each step that fails must have left its
 * output alone.  Returns the first error.
 */
static enum err whole_story(void)
{
	static const uint8_t mark[DIGEST_SIZE] = "untouched";
	uint8_t md[DIGEST_SIZE];
	struct pool *pool = pool_new(1 << 16);
	struct jwe_keys *keys = NULL;
	struct str text = STR_NULL;
	struct buf out;
	enum err err;

	buf_init(&out, JWE_TOKEN_MAX);
	memcpy(md, mark, sizeof(md));
	err = digest_sha256("abc", 3, md);
	ck_assert_int_eq(err != ERR_OK, !memcmp(md, mark, sizeof(md)));
	if (err)
		goto out;
	memcpy(md, mark, sizeof(md));
	err = digest_hkdf_sha256("k", 1, NULL, 0, "i", 1, md, sizeof(md));
	ck_assert_int_eq(err != ERR_OK, !memcmp(md, mark, sizeof(md)));
	if (err)
		goto out;
	keys = jwe_keys_new(ring, STR("acme"), STR("handoff"));
	if (!keys) {
		err = ERR_NOMEM;
		goto out;
	}
	/* Twice: with a key to be set, and with one that is. */
	for (int i = 0; !err && i < 2; i++) {
		buf_clear(&out);
		text = STR_NULL;
		err = jwe_seal(keys, STR(TEXT), &out);
		ck_assert_int_eq(err != ERR_OK, out.len == 0);
		if (err)
			break;
		err = jwe_open(keys, buf_str(&out), pool, &text);
		ck_assert_int_eq(err != ERR_OK, str_is_null(text));
		if (!err)
			ck_str_is(text, TEXT);
	}
	if (!err)
		err = verify_story(pool);
out:
	jwe_keys_free(keys);
	buf_done(&out);
	pool_free(pool);
	return err;
}

/* In a thread of its own, whose contexts are made anew. */
static void *in_thread(void *arg)
{
	*(enum err *)arg = whole_story();
	return NULL;
}

static enum err story(enum call call, int which)
{
	pthread_t thread;
	enum err err = ERR_INTERNAL;

	failing = call;
	countdown = which;
	ck_assert_int_eq(pthread_create(&thread, NULL, in_thread, &err), 0);
	pthread_join(thread, NULL);
	failing = CALLS;
	return err;
}

START_TEST(every_call_may_fail)
{
	ring = ring_of("new old");
	/* What is fetched stays: so these in their order, and before all. */
	for (int call = MAC_FETCH; call <= CIPHER_FETCH; call++)
		ck_assert_int_eq(story((enum call)call, 1), ERR_NOMEM);
	ck_assert_int_eq(story(CALLS, 0), 0);
	for (int call = MD_NEW; call < CALLS; call++) {
		int outcomes = 0;

		for (int which = 1;; which++) {
			enum err err = story((enum call)call, which);

			if (!err)
				break;
			outcomes++;
			ck_assert(err == ERR_NOMEM || err == ERR_INTERNAL ||
				  err == ERR_IO || err == ERR_AUTH);
			if (call == RANDOM)
				ck_assert_int_eq(err, ERR_IO);
			if (call == OPEN_FINAL)
				ck_assert_int_eq(err, ERR_AUTH);
		}
		/* No call is left out: each one's failing was seen. */
		ck_assert_msg(outcomes > 0, "call %d was never made",
			      call);
		ck_assert_int_eq(story(CALLS, 0), 0);
	}
	keyring_free(ring);
}
END_TEST

/* In one thread: what a failure leaves in the contexts must do no harm. */
START_TEST(contexts_recover)
{
	ring = ring_of("new old");
	ck_assert_int_eq(whole_story(), 0);
	for (int call = MD_INIT; call < RANDOM; call++) {
		for (int which = 1;; which++) {
			enum err err;

			failing = (enum call)call;
			countdown = which;
			err = whole_story();
			failing = CALLS;
			ck_assert_int_eq(whole_story(), 0);
			if (!err)
				break;
		}
	}
	keyring_free(ring);
}
END_TEST

/* In a thread of its own, which has no random bytes in stock. */
static void *make_rings(void *arg)
{
	failing = RANDOM;
	countdown = 1;
	ck_assert_ptr_null(keyring_new_throwaway());
	countdown = 1;
	ck_assert_int_ne(keyring_create(arg), 0);
	failing = CALLS;
	return NULL;
}

START_TEST(no_ring_without_random_bytes)
{
	char path[PATH_MAX + 32];
	pthread_t thread;

	snprintf(path, sizeof(path), "%s/ring", unit_dir());
	ck_assert_int_eq(pthread_create(&thread, NULL, make_rings, path), 0);
	pthread_join(thread, NULL);
	ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

static void fault_tests(TCase *tc)
{
	tcase_add_test(tc, every_call_may_fail);
	tcase_add_test(tc, contexts_recover);
	tcase_add_test(tc, no_ring_without_random_bytes);
}

UNIT_MAIN("fault", fault_tests)
