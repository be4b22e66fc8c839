/* A key ring file. */
#include "crypto/keyring-private.h"
#include "fuzz/fuzz.h"

/* A ring that was taken has one spelling: the one it was read from. */
static void check_taken(const struct keyring *ring, struct str in)
{
	struct buf out;

	fuzz_assert(keyring_count(ring) >= 1);
	fuzz_assert(keyring_count(ring) <= KEYRING_KEYS_MAX);
	for (unsigned i = 0; i < keyring_count(ring); i++) {
		struct str kid = keyring_kid(ring, i);

		fuzz_assert(kid.len >= 1 && kid.len <= KEYRING_KID_MAX);
		fuzz_assert(strlen(kid.ptr) == kid.len);
		fuzz_assert(keyring_created_s(ring, i) >= 0);
		for (unsigned k = 0; k < i; k++) {
			fuzz_assert(!str_eq(kid, keyring_kid(ring, k)));
			fuzz_assert(memcmp(keyring_key(ring, i),
					   keyring_key(ring, k),
					   KEYRING_KEY_SIZE));
		}
	}
	buf_init(&out, KEYRING_FILE_MAX);
	keyring_print(ring, &out);
	fuzz_assert(buf_is_ok(&out));
	fuzz_assert(str_eq(buf_str(&out), in));
	buf_done(&out);
}

/* A reason is one line, and names the line that it is about. */
static void check_told(const char *why)
{
	fuzz_assert(strlen(why) > 0 && strlen(why) < KEYRING_WHY_MAX - 1);
	fuzz_assert(!strchr(why, '\n'));
	fuzz_assert(!strncmp(why, "line ", 5));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct keyring *ring = NULL;
	char why[KEYRING_WHY_MAX] = "";
	enum err err = keyring_parse(fuzz_str(data, size), &ring, why,
				     sizeof(why));

	fuzz_assert((err == ERR_OK) == (ring != NULL));
	if (ring)
		check_taken(ring, fuzz_str(data, size));
	else
		check_told(why);
	keyring_free(ring);
	return 0;
}
