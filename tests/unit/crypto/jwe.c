#include "unit/unit.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "codec/base64url.h"
#include "crypto/digest.h"
#include "crypto/gcm-private.h"
#include "crypto/jwe.h"
#include "crypto/seals.h"
#include "unit/crypto/ring.h"

/* Made with node's crypto module from a master key of zeros. */
#define FOREIGN_TOKEN \
	"eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwia2lkIjoiazEiLCJhdWQiOiJhY21l" \
	"In0..AAECAwQFBgcICQoL.zcNJqx-WicC2eS8.TPMDIiH201gEhJKUw7wn0A"

#define CLAIMS "{\"iss\":\"https://tickets.example.com\",\"sub\":\"42\"}"

static struct pool *pool;
static struct keyring *ring;
static struct jwe_keys *keys;
static char token[JWE_TOKEN_MAX + 64];
static size_t token_len;

static struct jwe_keys *keys_for(const struct keyring *from,
				 const char *tenant, const char *purpose)
{
	struct jwe_keys *k = jwe_keys_new(from, str_from(tenant),
					  str_from(purpose));

	ck_assert_ptr_nonnull(k);
	return k;
}

static void seal(const struct jwe_keys *with, struct str text)
{
	struct buf out;

	buf_init_fixed(&out, token, sizeof(token));
	/* no assertion where it went well: a million go through here */
	if (jwe_seal(with, text, &out) || !buf_is_ok(&out))
		ck_abort_msg("it was not sealed");
	token_len = out.len;
}

static enum err open_with(const struct jwe_keys *with, struct str sealed)
{
	static const struct str untouched = { "untouched", 9 };
	struct str text = untouched;
	enum err err = jwe_open(with, sealed, pool, &text);

	if (err)
		ck_assert_ptr_eq(text.ptr, untouched.ptr);
	return err;
}

static enum err open_token(void)
{
	return open_with(keys, (struct str){ token, token_len });
}

static void set_up(void)
{
	pool = pool_new(1 << 20);
	ring = ring_of("new old");
	keys = keys_for(ring, "acme", "handoff");
	seal(keys, STR(CLAIMS));
}

static void tear_down(void)
{
	jwe_keys_free(keys);
	keyring_free(ring);
	pool_free(pool);
}

START_TEST(what_was_sealed_opens)
{
	char text[JWE_PLAINTEXT_MAX];

	for (size_t len = 0; len <= sizeof(text); len += len < 70 ? 1 : 257) {
		struct str back;

		memset(text, 'a' + (int)(len % 26), len);
		seal(keys, (struct str){ text, len });
		ck_assert_int_eq(jwe_open(keys,
					  (struct str){ token, token_len },
					  pool, &back), 0);
		ck_assert_uint_eq(back.len, len);
		ck_assert_mem_eq(back.ptr, text, len);
		ck_assert_int_eq(back.ptr[len], '\0');
		pool_reset(pool);
	}
}
END_TEST

START_TEST(the_header_says_what_the_manual_says)
{
	struct str rest = { token, token_len }, header;
	char json[JWE_HEADER_MAX + 1] = "";
	size_t len;

	header = str_cut(rest, '.', &rest);
	ck_assert_int_eq(base64url_decode(header, json, sizeof(json), &len),
			 0);
	ck_assert_str_eq(json, "{\"alg\":\"dir\",\"enc\":\"A256GCM\","
			 "\"kid\":\"new\",\"aud\":\"acme\"}");
	/* An empty encrypted key, 12, some and 16 bytes. */
	ck_assert_uint_eq(str_cut(rest, '.', &rest).len, 0);
	ck_assert_uint_eq(str_cut(rest, '.', &rest).len, 16);
	ck_assert_uint_eq(str_cut(rest, '.', &rest).len,
			  BASE64URL_LEN(sizeof(CLAIMS) - 1));
	ck_assert_uint_eq(rest.len, 22);
}
END_TEST

/* The derivation is a promise to other implementations: spelled out here. */
START_TEST(keys_are_derived_as_the_manual_says)
{
	static const char info[] = "\x05usher\x01" "1\x07handoff\x04" "acme";
	uint8_t want[32], got[32];
	struct str kid;

	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(digest_hkdf_sha256(keyring_key(ring, i), 32,
						    JWE_SALT,
						    strlen(JWE_SALT), info,
						    sizeof(info) - 1, want,
						    32), 0);
		ck_assert_int_eq(jwe_keys_export(keys, i, &kid, got), 0);
		ck_assert_mem_eq(got, want, 32);
		ck_str_is(kid, i ? "old" : "new");
	}
	ck_assert_uint_eq(jwe_keys_count(keys), 2);
	ck_assert_int_eq(jwe_keys_export(keys, 2, &kid, got), ERR_NOT_FOUND);
}
END_TEST

START_TEST(a_token_of_another_implementation_opens)
{
	struct keyring *zeros = ring_of_key("k1", 0);
	struct jwe_keys *k = keys_for(zeros, "acme", "handoff");
	struct str text;

	ck_assert_int_eq(jwe_open(k, STR(FOREIGN_TOKEN), pool, &text), 0);
	ck_str_is(text, "{\"sub\":\"1\"}");
	jwe_keys_free(k);
	keyring_free(zeros);
}
END_TEST

START_TEST(no_bit_of_a_token_may_differ)
{
	ck_assert_int_eq(open_token(), 0);
	for (size_t bit = 0; bit < token_len * 8; bit++) {
		token[bit / 8] ^= (char)(1 << bit % 8);
		ck_assert_int_ne(open_token(), 0);
		token[bit / 8] ^= (char)(1 << bit % 8);
	}
	ck_assert_int_eq(open_token(), 0);
}
END_TEST

START_TEST(no_character_may_be_missing_added_or_doubled)
{
	char copy[sizeof(token)];
	struct str whole = { token, token_len };

	for (size_t i = 0; i <= token_len; i++) {
		if (i < token_len)
			ck_assert_int_ne(open_with(keys, (struct str){ token,
								       i }),
					 0);
		for (const char *c = ".A=_ \n"; *c; c++) {
			memcpy(copy, token, i);
			copy[i] = *c;
			memcpy(copy + i + 1, token + i, token_len - i);
			ck_assert_int_ne(open_with(keys, (struct str){
				copy, token_len + 1 }), 0);
		}
		if (i == token_len)
			break;
		memcpy(copy, token, i);
		memcpy(copy + i, token + i + 1, token_len - i - 1);
		ck_assert_int_ne(open_with(keys, (struct str){
			copy, token_len - 1 }), 0);
	}
	ck_assert_int_eq(open_with(keys, whole), 0);
	ck_assert_int_ne(open_with(keys, STR_NULL), 0);
	ck_assert_int_ne(open_with(keys, STR("....")), 0);
}
END_TEST

/* OpenSSL would take a tag of one byte, which is forged in 256 tries. */
START_TEST(only_whole_tags_are_looked_at)
{
	uint8_t tag[JWE_TAG_SIZE + 4] = { 0 };
	size_t head = token_len - 22, len;

	ck_assert_int_eq(base64url_decode((struct str){ token + head, 22 },
					  tag, sizeof(tag), &len), 0);
	for (len = 0; len <= sizeof(tag); len++) {
		base64url_encode(token + head, tag, len);
		token_len = head + BASE64URL_LEN(len);
		ck_assert_int_eq(open_token(), len == JWE_TAG_SIZE ?
				 ERR_OK : ERR_SYNTAX);
	}
}
END_TEST

/* The last character of a 16-byte tag has four bits that mean nothing. */
START_TEST(each_value_has_one_spelling)
{
	char last = token[token_len - 1];
	int opened = 0;

	for (int c = 0; c < 256; c++) {
		token[token_len - 1] = (char)c;
		if (open_token() == ERR_OK) {
			ck_assert_int_eq((char)c, last);
			opened++;
		}
	}
	ck_assert_int_eq(opened, 1);
}
END_TEST

START_TEST(a_token_opens_for_nobody_else)
{
	struct keyring *same = ring_of("new old");
	struct keyring *other = ring_of_key("new", 7);
	struct jwe_keys *k;

	/* The same ring read again is the same keys. */
	k = keys_for(same, "acme", "handoff");
	ck_assert_int_eq(open_with(k, (struct str){ token, token_len }), 0);
	jwe_keys_free(k);

	k = keys_for(ring, "acme2", "handoff");
	ck_assert_int_eq(open_with(k, (struct str){ token, token_len }),
			 ERR_NOT_FOUND);
	jwe_keys_free(k);
	/* The header is the same: here it is the key that differs. */
	k = keys_for(ring, "acme", "other");
	ck_assert_int_eq(open_with(k, (struct str){ token, token_len }),
			 ERR_AUTH);
	jwe_keys_free(k);
	/* The same kid with another master key. */
	k = keys_for(other, "acme", "handoff");
	ck_assert_int_eq(open_with(k, (struct str){ token, token_len }),
			 ERR_AUTH);
	jwe_keys_free(k);
	keyring_free(same);
	keyring_free(other);
}
END_TEST

/* A token whose header was exchanged for another of our own. */
START_TEST(headers_cannot_be_exchanged)
{
	struct keyring *swapped = ring_of("old new");
	struct jwe_keys *k = keys_for(swapped, "acme", "handoff");
	char first[sizeof(token)];
	size_t head = strcspn(token, ".");

	memcpy(first, token, token_len);
	seal(k, STR(CLAIMS));		/* with "old" */
	ck_assert_uint_eq(strcspn(token, "."), head);
	ck_assert_int_eq(open_token(), 0);
	memcpy(token, first, head);
	ck_assert_int_eq(open_token(), ERR_AUTH);
	jwe_keys_free(k);
	keyring_free(swapped);
}
END_TEST

START_TEST(old_keys_open_what_they_sealed)
{
	struct keyring *before = ring_of("old older");
	struct jwe_keys *k = keys_for(before, "acme", "handoff");

	seal(k, STR(CLAIMS));
	ck_assert_int_eq(open_token(), 0);
	/* And tokens of a key that has been retired do not open. */
	seal(keys, STR(CLAIMS));
	ck_assert_int_eq(open_with(k, (struct str){ token, token_len }),
			 ERR_NOT_FOUND);
	jwe_keys_free(k);
	keyring_free(before);
}
END_TEST

/*
 * Tokens of the right key but another shape: well sealed, and still refused.
 */
static const struct {
	const char *header;
	enum err peek;
} foreign[] = {
	{ "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"aud\":\"acme\","
	  "\"kid\":\"new\"}", ERR_UNSUPPORTED },
	{ "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"new\"}",
	  ERR_UNSUPPORTED },
	{ "{\"alg\": \"dir\",\"enc\":\"A256GCM\",\"kid\":\"new\","
	  "\"aud\":\"acme\"}", ERR_UNSUPPORTED },
	{ "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"new\","
	  "\"aud\":\"acme\",\"zip\":\"DEF\"}", ERR_UNSUPPORTED },
	{ "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"new\","
	  "\"aud\":\"acme\"} ", ERR_UNSUPPORTED },
	{ "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"n\\u0065w\","
	  "\"aud\":\"acme\"}", ERR_UNSUPPORTED },
	{ "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"\","
	  "\"aud\":\"acme\"}", ERR_UNSUPPORTED },
	{ "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"new\","
	  "\"aud\":\"\"}", ERR_UNSUPPORTED },
	{ "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"new",
	  ERR_UNSUPPORTED },
	{ "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"new\","
	  "\"aud\":\"acme", ERR_UNSUPPORTED },
	{ "{\"alg\":\"none\",\"kid\":\"new\",\"aud\":\"acme\"}",
	  ERR_UNSUPPORTED },
	{ "", ERR_UNSUPPORTED },
	/* Good shapes that are not ours. */
	{ "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"neww\","
	  "\"aud\":\"acme\"}", ERR_OK },
	{ "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"new\","
	  "\"aud\":\"acm\"}", ERR_OK },
};

/* Seal by hand, with keys' own key and any header. */
static void seal_by_hand(const char *header)
{
	static const uint8_t iv[JWE_IV_SIZE] = { 1 };
	struct gcm_key key = { .serial = gcm_serial() };
	uint8_t tag[JWE_TAG_SIZE], text[2];
	struct str kid;
	struct buf out;

	ck_assert_int_eq(jwe_keys_export(keys, 0, &kid, key.bytes), 0);
	buf_init_fixed(&out, token, sizeof(token));
	base64url_add(&out, header, strlen(header));
	ck_assert_int_eq(gcm_seal(&key, iv, buf_str(&out), "{}", 2, text, tag),
			 0);
	buf_puts(&out, "..");
	base64url_add(&out, iv, sizeof(iv));
	buf_addc(&out, '.');
	base64url_add(&out, text, sizeof(text));
	buf_addc(&out, '.');
	base64url_add(&out, tag, sizeof(tag));
	ck_assert(buf_is_ok(&out));
	token_len = out.len;
}

START_TEST(well_sealed_under_another_header_is_refused)
{
	struct str kid, aud;

	seal_by_hand(foreign[_i].header);
	ck_assert_int_eq(open_token(), ERR_NOT_FOUND);
	ck_assert_int_eq(jwe_peek((struct str){ token, token_len }, pool, &kid,
				  &aud), foreign[_i].peek);
}
END_TEST

START_TEST(by_hand_with_our_header_opens)
{
	seal_by_hand("{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"new\","
		     "\"aud\":\"acme\"}");
	ck_assert_int_eq(open_token(), 0);
}
END_TEST

START_TEST(peeking_tells_kid_and_tenant)
{
	struct str kid, aud;

	ck_assert_int_eq(jwe_peek((struct str){ token, token_len }, pool, &kid,
				  &aud), 0);
	ck_str_is(kid, "new");
	ck_str_is(aud, "acme");
	ck_assert_int_eq(kid.ptr[kid.len], '\0');
	ck_assert_int_eq(aud.ptr[aud.len], '\0');
}
END_TEST

START_TEST(peeking_refuses_what_is_no_token)
{
	static const char *const bad[] = {
		"", ".", "....", "a.b.c", "eyJ..a.b.c",
		"eyJhbGciOiJub25lIn0.e30.",
		"!!!!..AAAAAAAAAAAAAAAA.AA.AAAAAAAAAAAAAAAAAAAAAA",
	};
	static char big[JWE_TOKEN_MAX + 1];
	struct str kid = STR_NULL, aud = STR_NULL;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(jwe_peek(str_from(bad[i]), pool, &kid, &aud),
				 ERR_SYNTAX);
	memset(big, 'A', sizeof(big));
	ck_assert_int_eq(jwe_peek((struct str){ big, sizeof(big) }, pool, &kid,
				  &aud), ERR_LIMIT);
	ck_assert_int_eq(open_with(keys, (struct str){ big, sizeof(big) }),
			 ERR_LIMIT);
	/* A header longer than any of ours. */
	memcpy(big + 300, "..AAAAAAAAAAAAAAAA.AA.AAAAAAAAAAAAAAAAAAAAAA", 44);
	ck_assert_int_eq(jwe_peek((struct str){ big, 344 }, pool, &kid, &aud),
			 ERR_UNSUPPORTED);
	ck_assert_ptr_null(kid.ptr);
	ck_assert_ptr_null(aud.ptr);
}
END_TEST

START_TEST(a_token_has_a_longest_length)
{
	static char text[JWE_TOKEN_MAX + 1];
	char tenant[JWE_TENANT_MAX + 1] = "";
	struct keyring *long_ring =
		ring_of("12345678901234567890123456789012");
	struct jwe_keys *k;
	struct buf out;

	memset(tenant, 't', JWE_TENANT_MAX);
	k = keys_for(long_ring, tenant, "handoff");
	seal(k, (struct str){ text, JWE_PLAINTEXT_MAX });
	ck_assert_uint_le(token_len, JWE_TOKEN_MAX);
	ck_assert_int_eq(open_with(k, (struct str){ token, token_len }), 0);
	buf_init(&out, 2 * JWE_TOKEN_MAX);
	for (size_t len = JWE_PLAINTEXT_MAX + 1; len <= sizeof(text);
	     len += 50) {
		ck_assert_int_eq(jwe_seal(k, (struct str){ text, len }, &out),
				 ERR_LIMIT);
		ck_assert_uint_eq(out.len, 0);
	}
	buf_done(&out);
	jwe_keys_free(k);
	keyring_free(long_ring);
}
END_TEST

START_TEST(a_small_buffer_stays_as_it_was)
{
	char room[100];
	struct buf out;

	buf_init_fixed(&out, room, sizeof(room));
	buf_puts(&out, "Location: ");
	ck_assert_int_eq(jwe_seal(keys, STR(CLAIMS), &out), ERR_LIMIT);
	ck_str_is(buf_str(&out), "Location: ");
	ck_assert(!buf_is_ok(&out));
}
END_TEST

START_TEST(a_pool_without_room_opens_nothing)
{
	struct pool *small = pool_new(sizeof(CLAIMS) - 2);
	struct str kid, aud, text;

	ck_assert_int_eq(jwe_open(keys, (struct str){ token, token_len },
				  small, &text), ERR_NOMEM);
	pool_free(small);
	small = pool_new(4);
	ck_assert_int_eq(jwe_peek((struct str){ token, token_len }, small,
				  &kid, &aud), ERR_NOMEM);
	pool_free(small);
}
END_TEST

START_TEST(names_have_a_grammar)
{
	static const char long_name[] = "12345678901234567890123456789012"
					"123456789012345678901234567890123";
	static const struct str bad[] = {
		STR(""), STR("a b"), STR("a\"b"), STR("a\\b"), STR("\xc3\xa9"),
		STR("a\0b"), { long_name, 65 }, STR("a/b"), STR("a,"),
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_ptr_null(jwe_keys_new(ring, bad[i], STR("handoff")));
		ck_assert_ptr_null(jwe_keys_new(ring, STR("acme"), bad[i]));
	}
	ck_assert_ptr_null(jwe_keys_new(ring, STR("acme"),
					(struct str){ long_name, 33 }));
	jwe_keys_free(jwe_keys_new(ring, (struct str){ long_name, 64 },
				   (struct str){ long_name, 32 }));
	jwe_keys_free(NULL);
}
END_TEST

/* Tenant and purpose must not run into each other: "ab"+"c" is not "a"+"bc". */
START_TEST(names_do_not_run_together)
{
	struct jwe_keys *a = keys_for(ring, "bc", "a");
	struct jwe_keys *b = keys_for(ring, "c", "ab");
	uint8_t ka[32], kb[32];
	struct str kid;

	ck_assert_int_eq(jwe_keys_export(a, 0, &kid, ka), 0);
	ck_assert_int_eq(jwe_keys_export(b, 0, &kid, kb), 0);
	ck_assert_mem_ne(ka, kb, 32);
	jwe_keys_free(a);
	jwe_keys_free(b);
}
END_TEST

static int compare_iv(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

#define IVS 1000000

START_TEST(a_million_ivs_are_a_million)
{
	char (*ivs)[16] = malloc((size_t)IVS * 16);
	size_t head = strcspn(token, ".") + 2;
	unsigned twice = 0;

	ck_assert_ptr_nonnull(ivs);
	for (int i = 0; i < IVS; i++) {
		seal(keys, STR("x"));
		memcpy(ivs[i], token + head, 16);
	}
	qsort(ivs, IVS, 16, compare_iv);
	for (int i = 1; i < IVS; i++)
		twice += memcmp(ivs[i - 1], ivs[i], 16) == 0;
	free(ivs);
	ck_assert_uint_eq(twice, 0);
	/* One was sealed by the fixture. */
	ck_assert_uint_eq(jwe_keys_sealed(keys), IVS + 1);
}
END_TEST

#define COPIES 2
#define COPY_IVS 1000

/* In a copy of this process: seal, and leave the IVs in `out`. */
static void seal_in_copy(char (*out)[16])
{
	size_t head = strcspn(token, ".") + 2;

	for (int i = 0; i < COPY_IVS; i++) {
		seal(keys, STR("x"));
		memcpy(out[i], token + head, 16);
	}
}

/*
 * What a snapshot of the machine that is restored twice does to a gateway, a
 * fork does to a process: the same memory, the same key, twice.
 */
START_TEST(copies_of_a_process_never_share_an_iv)
{
	const size_t size = (size_t)COPIES * COPY_IVS * 16;
	char (*ivs)[16] = mmap(NULL, size, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pids[COPIES];
	int status;

	ck_assert_ptr_ne(ivs, MAP_FAILED);
	for (int i = 0; i < COPIES; i++) {
		pids[i] = fork();
		ck_assert_int_ge(pids[i], 0);
		if (pids[i] == 0) {
			seal_in_copy(ivs + i * COPY_IVS);
			_exit(0);
		}
	}
	for (int i = 0; i < COPIES; i++) {
		ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
		ck_assert_int_eq(status, 0);
	}
	qsort(ivs, COPIES * COPY_IVS, 16, compare_iv);
	for (int i = 1; i < COPIES * COPY_IVS; i++)
		ck_assert(memcmp(ivs[i - 1], ivs[i], 16) != 0);
	munmap(ivs, size);
}
END_TEST

/* A reload derives the keys anew, a rotation puts another in front. */
START_TEST(seals_are_counted_over_reloads_and_rotations)
{
	struct jwe_keys *again = keys_for(ring, "acme", "handoff");
	struct keyring *turned = ring_of("newest new old");
	struct jwe_keys *next = keys_for(turned, "acme", "handoff");

	ck_assert_uint_eq(jwe_keys_sealed(again), 1);
	seal(again, STR("x"));
	seal(keys, STR("x"));
	ck_assert_uint_eq(jwe_keys_sealed(again), 3);
	ck_assert_uint_eq(jwe_keys_sealed(next), 0);
	seal(next, STR("x"));
	jwe_keys_free(again);
	jwe_keys_free(next);
	/* And when nobody has it in use any more. */
	jwe_keys_free(keys);
	keys = keys_for(ring, "acme", "handoff");
	ck_assert_uint_eq(jwe_keys_sealed(keys), 3);
	ck_assert_uint_eq(seals_of(STR("newest")), 1);
	keyring_free(turned);
}
END_TEST

START_TEST(a_worn_out_key_seals_no_more)
{
	struct keyring *turned = ring_of("newest new old");
	struct jwe_keys *next = keys_for(turned, "acme", "handoff");
	struct buf out;

	seals_at_least(STR("new"), SEALS_MAX - 1);
	seal(keys, STR("x"));
	buf_init_fixed(&out, token, sizeof(token));
	ck_assert_int_eq(jwe_seal(keys, STR("x"), &out), ERR_LIMIT);
	ck_assert_uint_eq(out.len, 0);
	/* Nor does any other tenant's, but the next key does. */
	jwe_keys_free(keys);
	keys = keys_for(ring, "other", "handoff");
	ck_assert_int_eq(jwe_seal(keys, STR("x"), &out), ERR_LIMIT);
	seal(next, STR("x"));
	jwe_keys_free(next);
	keyring_free(turned);
}
END_TEST

START_TEST(a_token_does_not_outlive_its_epoch)
{
	struct jwe_keys *epochs[3];

	for (unsigned i = 0; i < 3; i++) {
		epochs[i] = jwe_keys_of_epoch(ring, STR("acme"),
					      STR("handoff"), i);
		ck_assert_ptr_nonnull(epochs[i]);
	}
	for (unsigned i = 0; i < 3; i++) {
		seal(epochs[i], STR(CLAIMS));
		for (unsigned j = 0; j < 3; j++)
			ck_assert_int_eq(open_with(epochs[j], (struct str){
				token, token_len }), i == j ? 0 : ERR_AUTH);
	}
	/* The first one is the one without a number. */
	seal(epochs[0], STR(CLAIMS));
	ck_assert_int_eq(open_token(), 0);
	for (unsigned i = 0; i < 3; i++)
		jwe_keys_free(epochs[i]);
}
END_TEST

struct job {
	struct jwe_keys *keys[3];
	int wrong;
};

/* Each thread seals and opens with three tenants' keys in turn. */
static void *seal_and_open(void *arg)
{
	struct job *job = arg;
	struct pool *mine = pool_new(1 << 16);
	char room[512];

	for (int i = 0; i < 3000; i++) {
		const struct jwe_keys *k = job->keys[i % 3];
		const struct jwe_keys *other = job->keys[(i + 1) % 3];
		struct str text;
		struct buf out;

		buf_init_fixed(&out, room, sizeof(room));
		if (jwe_seal(k, STR(CLAIMS), &out) ||
		    jwe_open(k, buf_str(&out), mine, &text) ||
		    !str_eq(text, STR(CLAIMS)) ||
		    jwe_open(other, buf_str(&out), mine, &text) !=
			    ERR_NOT_FOUND)
			job->wrong++;
		pool_reset(mine);
	}
	pool_free(mine);
	return NULL;
}

START_TEST(threads_share_keys)
{
	struct job jobs[4] = { 0 };
	pthread_t threads[4];
	struct jwe_keys *shared[3] = {
		keys_for(ring, "a", "handoff"), keys_for(ring, "b", "handoff"),
		keys_for(ring, "c", "handoff"),
	};

	for (int i = 0; i < 4; i++) {
		memcpy(jobs[i].keys, shared, sizeof(shared));
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
						seal_and_open, &jobs[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_int_eq(jobs[i].wrong, 0);
	}
	/* And one of the fixture's: all tenants count together. */
	ck_assert_uint_eq(jwe_keys_sealed(shared[0]), 4 * 3000 + 1);
	for (int i = 0; i < 3; i++)
		jwe_keys_free(shared[i]);
}
END_TEST

static void jwe_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, what_was_sealed_opens);
	tcase_add_test(tc, the_header_says_what_the_manual_says);
	tcase_add_test(tc, keys_are_derived_as_the_manual_says);
	tcase_add_test(tc, a_token_of_another_implementation_opens);
	tcase_add_test(tc, no_bit_of_a_token_may_differ);
	tcase_add_test(tc, no_character_may_be_missing_added_or_doubled);
	tcase_add_test(tc, only_whole_tags_are_looked_at);
	tcase_add_test(tc, each_value_has_one_spelling);
	tcase_add_test(tc, a_token_opens_for_nobody_else);
	tcase_add_test(tc, headers_cannot_be_exchanged);
	tcase_add_test(tc, old_keys_open_what_they_sealed);
	tcase_add_test(tc, copies_of_a_process_never_share_an_iv);
	tcase_add_test(tc, seals_are_counted_over_reloads_and_rotations);
	tcase_add_test(tc, a_worn_out_key_seals_no_more);
	tcase_add_test(tc, a_token_does_not_outlive_its_epoch);
	tcase_add_loop_test(tc, well_sealed_under_another_header_is_refused, 0,
			    (int)(sizeof(foreign) / sizeof(foreign[0])));
	tcase_add_test(tc, by_hand_with_our_header_opens);
	tcase_add_test(tc, peeking_tells_kid_and_tenant);
	tcase_add_test(tc, peeking_refuses_what_is_no_token);
	tcase_add_test(tc, a_token_has_a_longest_length);
	tcase_add_test(tc, a_small_buffer_stays_as_it_was);
	tcase_add_test(tc, a_pool_without_room_opens_nothing);
	tcase_add_test(tc, names_have_a_grammar);
	tcase_add_test(tc, names_do_not_run_together);
	tcase_add_test(tc, a_million_ivs_are_a_million);
	tcase_add_test(tc, threads_share_keys);
}

UNIT_MAIN("jwe", jwe_tests)
