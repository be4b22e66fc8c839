#include "unit/unit.h"

#include <pthread.h>

#include "crypto/digest.h"

/* FIPS 180-4's examples. */
static const struct {
	const char *text, *want;
} sha256[] = {
	{ "", "e3b0c44298fc1c149afbf4c8996fb924"
	      "27ae41e4649b934ca495991b7852b855" },
	{ "abc", "ba7816bf8f01cfea414140de5dae2223"
		 "b00361a396177a9cb410ff61f20015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	  "248d6a61d20638b8e5c026930c3e6039"
	  "a33ce45964ff2167f6ecedd419db06c1" },
};

START_TEST(sha256_of_the_standard)
{
	uint8_t want[DIGEST_SIZE], got[DIGEST_SIZE];

	unit_hex(sha256[_i].want, want, sizeof(want));
	/* Twice: the second time the context has been used before. */
	for (int i = 0; i < 2; i++) {
		memset(got, 0, sizeof(got));
		ck_assert_int_eq(digest_sha256(sha256[_i].text,
					       strlen(sha256[_i].text), got),
				 0);
		ck_assert_mem_eq(got, want, DIGEST_SIZE);
	}
}
END_TEST

/* The same standard's, section C of its examples. */
START_TEST(sha384_of_the_standard)
{
	uint8_t want[DIGEST_384_SIZE], got[DIGEST_384_SIZE];

	unit_hex("cb00753f45a35e8bb5a03d699ac65007272c32ab0eded163"
		 "1a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
		 want, sizeof(want));
	/* SHA-256 in between: one context serves both. */
	for (int i = 0; i < 2; i++) {
		uint8_t other[DIGEST_SIZE];

		memset(got, 0, sizeof(got));
		ck_assert_int_eq(digest_sha384("abc", 3, got), 0);
		ck_assert_mem_eq(got, want, DIGEST_384_SIZE);
		ck_assert_int_eq(digest_sha256("abc", 3, other), 0);
	}
}
END_TEST

START_TEST(nothing_may_be_null)
{
	uint8_t want[DIGEST_SIZE], got[DIGEST_SIZE];

	unit_hex(sha256[0].want, want, sizeof(want));
	ck_assert_int_eq(digest_sha256(NULL, 0, got), 0);
	ck_assert_mem_eq(got, want, DIGEST_SIZE);
	ck_assert_int_eq(digest_hmac_sha256(NULL, 0, NULL, 0, got), 0);
	unit_hex("b613679a0814d9ec772f95d778c35fc5"
		 "ff1697c493715653c6c712144292c5ad", want, sizeof(want));
	ck_assert_mem_eq(got, want, DIGEST_SIZE);
}
END_TEST

/* RFC 4231 section 4, cases 1, 2, 3, 4, 6, 7. */
static const struct {
	const char *key, *data, *want;
} hmac[] = {
	{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
	  "b0344c61d8db38535ca8afceaf0bf12b"
	  "881dc200c9833da726e9376c2e32cff7" },
	{ "4a656665",
	  "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	  "5bdcc146bf60754e6a042426089575c7"
	  "5a003f089d2739839dec58b964ec3843" },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	  "dddddddddddddddddddddddddddddddddddddddddddddddddd"
	  "dddddddddddddddddddddddddddddddddddddddddddddddddd",
	  "773ea91e36800e46854db8ebd09181a7"
	  "2959098b3ef8c122d9635514ced565fe" },
	{ "0102030405060708090a0b0c0d0e0f10111213141516171819",
	  "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
	  "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
	  "82558a389a443c0ea4cc819899f2083a"
	  "85f0faa3e578f8077a2e3ff46729665b" },
};

START_TEST(hmac_of_the_rfc)
{
	uint8_t key[64], data[64], want[DIGEST_SIZE], got[DIGEST_SIZE];
	size_t key_len = unit_hex(hmac[_i].key, key, sizeof(key));
	size_t len = unit_hex(hmac[_i].data, data, sizeof(data));

	unit_hex(hmac[_i].want, want, sizeof(want));
	ck_assert_int_eq(digest_hmac_sha256(key, key_len, data, len, got), 0);
	ck_assert_mem_eq(got, want, DIGEST_SIZE);
}
END_TEST

/* Cases 6: a key longer than a block. */
START_TEST(hmac_with_a_long_key)
{
	static const char text[] =
		"Test Using Larger Than Block-Size Key - Hash Key First";
	uint8_t key[131], want[DIGEST_SIZE], got[DIGEST_SIZE];

	memset(key, 0xaa, sizeof(key));
	unit_hex("60e431591ee0b67f0d8a26aacbf5b77f"
		 "8e0bc6213728c5140546040f0ee37f54", want, sizeof(want));
	ck_assert_int_eq(digest_hmac_sha256(key, sizeof(key), text,
					    sizeof(text) - 1, got), 0);
	ck_assert_mem_eq(got, want, DIGEST_SIZE);
}
END_TEST

/* An empty key must not mean "the key of the last call", as to OpenSSL. */
START_TEST(an_empty_key_is_a_key)
{
	uint8_t first[DIGEST_SIZE], got[DIGEST_SIZE];

	ck_assert_int_eq(digest_hmac_sha256("", 0, "x", 1, first), 0);
	ck_assert_int_eq(digest_hmac_sha256("secret", 6, "x", 1, got), 0);
	ck_assert_mem_ne(got, first, DIGEST_SIZE);
	ck_assert_int_eq(digest_hmac_sha256(NULL, 0, "x", 1, got), 0);
	ck_assert_mem_eq(got, first, DIGEST_SIZE);
}
END_TEST

/* RFC 5869 appendix A, the cases with SHA-256. */
static const struct {
	const char *ikm, *salt, *info, *okm;
} hkdf[] = {
	{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
	  "000102030405060708090a0b0c",
	  "f0f1f2f3f4f5f6f7f8f9",
	  "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
	  "34007208d5b887185865" },
	{ "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	  "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
	  "404142434445464748494a4b4c4d4e4f",
	  "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"
	  "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
	  "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
	  "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecf"
	  "d0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeef"
	  "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
	  "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
	  "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
	  "cc30c58179ec3e87c14c01d5c1f3434f1d87" },
	{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
	  "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
	  "9d201395faa4b61a96c8" },
};

START_TEST(hkdf_of_the_rfc)
{
	uint8_t ikm[96], salt[96], info[96], want[96], got[96];
	size_t ikm_len = unit_hex(hkdf[_i].ikm, ikm, sizeof(ikm));
	size_t salt_len = unit_hex(hkdf[_i].salt, salt, sizeof(salt));
	size_t info_len = unit_hex(hkdf[_i].info, info, sizeof(info));
	size_t len = unit_hex(hkdf[_i].okm, want, sizeof(want));

	ck_assert_int_eq(digest_hkdf_sha256(ikm, ikm_len, salt, salt_len, info,
					    info_len, got, len), 0);
	ck_assert_mem_eq(got, want, len);
	/* A shorter output is the beginning of a longer one. */
	ck_assert_int_eq(digest_hkdf_sha256(ikm, ikm_len, salt, salt_len, info,
					    info_len, got + 40, 33), 0);
	ck_assert_mem_eq(got + 40, want, 33);
}
END_TEST

START_TEST(hkdf_has_limits_and_keeps_the_output_then)
{
	static uint8_t out[DIGEST_HKDF_MAX + 1];
	static const char info[DIGEST_HKDF_INFO_MAX + 1];

	out[0] = 7;
	ck_assert_int_eq(digest_hkdf_sha256("k", 1, "s", 1, "i", 1, out,
					    sizeof(out)), ERR_LIMIT);
	ck_assert_int_eq(digest_hkdf_sha256("k", 1, "s", 1, info, sizeof(info),
					    out, 32), ERR_LIMIT);
	ck_assert_uint_eq(out[0], 7);
	ck_assert_int_eq(digest_hkdf_sha256("k", 1, "s", 1, info,
					    sizeof(info) - 1, out,
					    DIGEST_HKDF_MAX), 0);
}
END_TEST

START_TEST(equality)
{
	ck_assert(digest_equal("abc", "abc", 3));
	ck_assert(!digest_equal("abc", "abd", 3));
	ck_assert(!digest_equal("abc", "bbc", 3));
	ck_assert(digest_equal("abc", "abd", 2));
	ck_assert(digest_equal(NULL, NULL, 0));
}
END_TEST

static void *hash_many(void *arg)
{
	uint8_t want[DIGEST_SIZE], got[DIGEST_SIZE];
	int *wrong = arg;

	unit_hex(sha256[1].want, want, sizeof(want));
	for (int i = 0; i < 2000; i++) {
		uint8_t mac[DIGEST_SIZE];

		if (digest_sha256("abc", 3, got) ||
		    memcmp(got, want, DIGEST_SIZE) ||
		    digest_hmac_sha256(got, 32, got, 32, mac))
			++*wrong;
	}
	return NULL;
}

START_TEST(threads_do_not_disturb_each_other)
{
	pthread_t threads[4];
	int wrong[4] = { 0 };

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, hash_many,
						&wrong[i]), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_int_eq(wrong[i], 0);
	}
}
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

static void digest_tests(TCase *tc)
{
	tcase_add_loop_test(tc, sha256_of_the_standard, 0, COUNT(sha256));
	tcase_add_test(tc, sha384_of_the_standard);
	tcase_add_test(tc, nothing_may_be_null);
	tcase_add_loop_test(tc, hmac_of_the_rfc, 0, COUNT(hmac));
	tcase_add_test(tc, hmac_with_a_long_key);
	tcase_add_test(tc, an_empty_key_is_a_key);
	tcase_add_loop_test(tc, hkdf_of_the_rfc, 0, COUNT(hkdf));
	tcase_add_test(tc, hkdf_has_limits_and_keeps_the_output_then);
	tcase_add_test(tc, equality);
	tcase_add_test(tc, threads_do_not_disturb_each_other);
}

UNIT_MAIN("digest", digest_tests)
