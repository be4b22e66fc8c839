/*
 * jwks-keys: the public keys of the RFCs as JWKs (RFC 7515 A.2, A.3, RFC 8037
 * A.4), without their braces, and one that is too short.
 */
#ifndef TESTS_UNIT_CRYPTO_JWKS_KEYS_H
#define TESTS_UNIT_CRYPTO_JWKS_KEYS_H

#define JWK_N \
	"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHm" \
	"fHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_" \
	"YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5" \
	"z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uD" \
	"Zlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9ia" \
	"GNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"

#define JWK_N_1024 \
	"3ctJIpSjGbxV0BXmNqTuCEigMzB10opB_ldp_HAwLcLMKVyLZv9iNwHzpedi" \
	"6UyGtofCJoOP_hVVKlejXoJj4uKbltJh00ukQ95BbkO4jJ413wjX6GMkYEWS" \
	"HGtrT-88ttY2YWY9HDOvRLPfbcmIaqJ9Nhw9IY4iKW38ZSSz0tU"

#define JWK_X \
	"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"

#define JWK_Y \
	"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"

#define JWK_ED \
	"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"

#define JWK_RSA "\"kty\":\"RSA\",\"n\":\"" JWK_N "\",\"e\":\"AQAB\""
#define JWK_EC "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" JWK_X \
	"\",\"y\":\"" JWK_Y "\""
#define JWK_OKP "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" JWK_ED "\""
#define JWK_KID(kid) ",\"kid\":\"" kid "\""
#define JWKS(keys) "{\"keys\":[" keys "]}"

#endif
