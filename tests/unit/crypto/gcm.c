#include "unit/unit.h"

#include "codec/base64url.h"
#include "crypto/gcm-private.h"

/*
 * AES-256 with a 96-bit IV: cases 13 to 16 of "The Galois/Counter Mode of
 * Operation" (McGrew, Viega), and two of NIST's gcmEncryptExtIV256.rsp.
 */
static const struct {
	const char *key, *iv, *aad, *plain, *sealed, *tag;
} vectors[] = {
	{ "00000000000000000000000000000000"
	  "00000000000000000000000000000000",
	  "000000000000000000000000", "", "", "",
	  "530f8afbc74536b9a963b4f1c4cb738b" },
	{ "00000000000000000000000000000000"
	  "00000000000000000000000000000000",
	  "000000000000000000000000", "",
	  "00000000000000000000000000000000",
	  "cea7403d4d606b6e074ec5d3baf39d18",
	  "d0d1c8a799996bf0265b98b5d48ab919" },
	{ "feffe9928665731c6d6a8f9467308308"
	  "feffe9928665731c6d6a8f9467308308",
	  "cafebabefacedbaddecaf888", "",
	  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
	  "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
	  "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
	  "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad",
	  "b094dac5d93471bdec1a502270e3cc6c" },
	{ "feffe9928665731c6d6a8f9467308308"
	  "feffe9928665731c6d6a8f9467308308",
	  "cafebabefacedbaddecaf888",
	  "feedfacedeadbeeffeedfacedeadbeefabaddad2",
	  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
	  "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
	  "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
	  "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
	  "76fc6ece0f4e1768cddf8853bb2d551b" },
	{ "b52c505a37d78eda5dd34f20c22540ea"
	  "1b58963cf8e5bf8ffa85f9f2492505b4",
	  "516c33929df5a3284ff463d7", "", "", "",
	  "bdc1ac884d332457a1d2664f168c76f0" },
	{ "83688deb4af8007f9b713b47cfa6c73e"
	  "35ea7a3aa4ecdb414dded03bf7a0fd3a",
	  "0b459724904e010a46901cf3",
	  "794a14ccd178c8ebfd1379dc704c5e208f9d8424",
	  "33d893a2114ce06fc15d55e454cf90c3",
	  "cc66bee423e3fcd4c0865715e9586696",
	  "0fb291bd3dba94a1dfd8b286cfb97ac5" },
};

struct sample {
	struct gcm_key key;
	uint8_t iv[GCM_IV_SIZE], aad[64], plain[64], sealed[64];
	uint8_t tag[GCM_TAG_SIZE];
	struct str aad_str;
	size_t len;
};

static struct sample sample(int i)
{
	struct sample s = { .key.serial = gcm_serial() };

	unit_hex(vectors[i].key, s.key.bytes, sizeof(s.key.bytes));
	unit_hex(vectors[i].iv, s.iv, sizeof(s.iv));
	s.aad_str.len = unit_hex(vectors[i].aad, s.aad, sizeof(s.aad));
	s.len = unit_hex(vectors[i].plain, s.plain, sizeof(s.plain));
	unit_hex(vectors[i].sealed, s.sealed, sizeof(s.sealed));
	unit_hex(vectors[i].tag, s.tag, sizeof(s.tag));
	return s;
}

START_TEST(published_vectors)
{
	struct sample s = sample(_i);
	uint8_t out[64], tag[GCM_TAG_SIZE];

	s.aad_str.ptr = (const char *)s.aad;
	/* The second round goes without setting the key again. */
	for (int round = 0; round < 2; round++) {
		ck_assert_int_eq(gcm_seal(&s.key, s.iv, s.aad_str, s.plain,
					  s.len, out, tag), 0);
		ck_assert_mem_eq(out, s.sealed, s.len);
		ck_assert_mem_eq(tag, s.tag, GCM_TAG_SIZE);
		/* In place. */
		ck_assert_int_eq(gcm_open(&s.key, s.iv, s.aad_str, out, s.len,
					  out, tag), 0);
		ck_assert_mem_eq(out, s.plain, s.len);
	}
}
END_TEST

START_TEST(nothing_may_differ_by_one_bit)
{
	struct sample good = sample(3);
	struct sample bad;
	static const uint8_t zeros[64];
	struct {
		uint8_t *bytes;
		size_t len;
	} part[] = {
		{ bad.iv, GCM_IV_SIZE },
		{ bad.aad, good.aad_str.len },
		{ bad.sealed, good.len },
		{ bad.tag, GCM_TAG_SIZE },
		{ bad.key.bytes, GCM_KEY_SIZE },
	};

	for (size_t p = 0; p < sizeof(part) / sizeof(part[0]); p++) {
		for (size_t bit = 0; bit < part[p].len * 8; bit++) {
			uint8_t out[64];

			memset(out, 0xee, sizeof(out));
			bad = good;
			bad.key.serial = gcm_serial();
			part[p].bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			bad.aad_str.ptr = (const char *)bad.aad;
			ck_assert_int_eq(gcm_open(&bad.key, bad.iv,
						  bad.aad_str, bad.sealed,
						  bad.len, out, bad.tag),
					 ERR_AUTH);
			ck_assert_mem_eq(out, zeros, bad.len);
		}
	}
}
END_TEST

START_TEST(contexts_follow_the_key)
{
	struct sample a = sample(4), b = sample(0);
	uint8_t tag[GCM_TAG_SIZE], out[1];

	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(gcm_seal(&a.key, a.iv, STR_NULL, NULL, 0,
					  NULL, tag), 0);
		ck_assert_mem_eq(tag, a.tag, GCM_TAG_SIZE);
		ck_assert_int_eq(gcm_seal(&b.key, b.iv, STR_NULL, NULL, 0,
					  NULL, tag), 0);
		ck_assert_mem_eq(tag, b.tag, GCM_TAG_SIZE);
		ck_assert_int_eq(gcm_open(&a.key, a.iv, STR_NULL, NULL, 0,
					  out, b.tag), ERR_AUTH);
		ck_assert_int_eq(gcm_open(&b.key, b.iv, STR_NULL, NULL, 0,
					  out, b.tag), 0);
	}
}
END_TEST

/*
 * RFC 7516 appendix A.1: its content encryption is A256GCM, with the key, the
 * IV and the protected header given.
 */
START_TEST(the_content_encryption_of_rfc7516_a1)
{
	static const char header[] =
		"eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ";
	static const char plain[] =
		"The true sign of intelligence is not knowledge but "
		"imagination.";
	struct gcm_key key = { .serial = gcm_serial(), .bytes = {
		177, 161, 244, 128, 84, 143, 225, 115, 63, 180, 3, 255, 107,
		154, 212, 246, 138, 7, 110, 91, 112, 46, 34, 105, 47, 130,
		203, 46, 122, 234, 64, 252 } };
	static const uint8_t iv[] = { 227, 197, 117, 252, 2, 219, 233, 68,
				      180, 225, 77, 219 };
	uint8_t out[sizeof(plain)], tag[GCM_TAG_SIZE];
	struct buf text;

	ck_assert_int_eq(gcm_seal(&key, iv, str_from(header), plain,
				  sizeof(plain) - 1, out, tag), 0);
	buf_init(&text, 256);
	base64url_add(&text, iv, sizeof(iv));
	buf_addc(&text, '.');
	base64url_add(&text, out, sizeof(plain) - 1);
	buf_addc(&text, '.');
	base64url_add(&text, tag, sizeof(tag));
	ck_str_is(buf_str(&text),
		  "48V1_ALb6US04U3b."
		  "5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j"
		  "6jiSdiwkIr3ajwQzaBtQD_A."
		  "XFBoMYUZodetZdvTiFvSkQ");
	buf_done(&text);
}
END_TEST

START_TEST(too_much_at_once_is_refused)
{
	struct sample s = sample(0);
	struct str much = { "", (size_t)GCM_TEXT_MAX + 1 };
	uint8_t tag[GCM_TAG_SIZE] = { 9 };

	ck_assert_int_eq(gcm_seal(&s.key, s.iv, much, "", 0, NULL, tag),
			 ERR_LIMIT);
	ck_assert_int_eq(gcm_seal(&s.key, s.iv, STR_NULL, "", much.len, NULL,
				  tag), ERR_LIMIT);
	ck_assert_int_eq(gcm_open(&s.key, s.iv, STR_NULL, "", much.len, NULL,
				  tag), ERR_LIMIT);
	ck_assert_uint_eq(tag[0], 9);
}
END_TEST

static void gcm_tests(TCase *tc)
{
	tcase_add_loop_test(tc, published_vectors, 0,
			    (int)(sizeof(vectors) / sizeof(vectors[0])));
	tcase_add_test(tc, nothing_may_differ_by_one_bit);
	tcase_add_test(tc, contexts_follow_the_key);
	tcase_add_test(tc, the_content_encryption_of_rfc7516_a1);
	tcase_add_test(tc, too_much_at_once_is_refused);
}

UNIT_MAIN("gcm", gcm_tests)
