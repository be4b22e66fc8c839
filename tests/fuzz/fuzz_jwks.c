/* A key set: what is taken of it holds to what its header says. */
#include "codec/utf8.h"
#include "crypto/jwks.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = fuzz_str(data, size);
	char why[JWKS_WHY_MAX] = "?";
	struct jwks *set = NULL;
	enum err err = jwks_parse(text, &set, why);

	if (err) {
		fuzz_assert(!set && why[0]);
		fuzz_assert(!utf8_check_text(str_from(why), NULL));
		return 0;
	}
	fuzz_assert(set && !why[0] && size <= JWKS_MAX);
	fuzz_assert(jwks_count(set) >= 1 && jwks_count(set) <= JWKS_KEYS_MAX);
	for (unsigned i = 0; i < jwks_count(set); i++) {
		struct str kid = jwks_kid(set, i);

		fuzz_assert(kid.len && kid.len <= JWS_KID_MAX);
		fuzz_assert(!utf8_check_text(kid, NULL));
		fuzz_assert(jws_key_algorithm(jwks_key(set, i)) != JWS_HS256);
		for (unsigned j = 0; j < i; j++)
			fuzz_assert(!str_eq(kid, jwks_kid(set, j)));
	}
	jwks_unref(set);
	return 0;
}
