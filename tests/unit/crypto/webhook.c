/* Signatures of webhooks: the specification's example, HMAC by hand, and what
 * is a secret at all. */
#include "crypto/webhook.h"

#include "unit/unit.h"

/* whsec_ and the example of the specification, with 24 octets. */
#define SPEC "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
/* base64 of the octets 0 to 23 */
#define COUNTED "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"

START_TEST(the_examples_of_the_specification)
{
	struct webhook_secrets secrets;
	char text[256];
	struct buf out;

	ck_assert_int_eq(webhook_secrets_parse(STR(SPEC), &secrets), ERR_OK);
	buf_init_fixed(&out, text, sizeof(text));
	ck_assert_int_eq(webhook_sign(&secrets,
		STR("msg_p5jXN8AQM9LWM0D4loKWxJek"), 1614265330,
		STR("{\"test\": 2432232314}"), &out), ERR_OK);
	ck_assert_str_eq(text,
		"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}
END_TEST

START_TEST(each_secret_signs)
{
	struct webhook_secrets secrets;
	char text[256], one[256];
	struct buf out;

	ck_assert_int_eq(webhook_secrets_parse(STR(COUNTED), &secrets), ERR_OK);
	buf_init_fixed(&out, one, sizeof(one));
	ck_assert_int_eq(webhook_sign(&secrets, STR("m"), 1, STR("{}"), &out),
			 ERR_OK);
	ck_assert_int_eq(webhook_secrets_parse(
		STR("\n" COUNTED "\r\n\n  " SPEC "\n"), &secrets), ERR_OK);
	ck_assert_uint_eq(secrets.count, 2);
	buf_init_fixed(&out, text, sizeof(text));
	ck_assert_int_eq(webhook_sign(&secrets, STR("m"), 1, STR("{}"), &out),
			 ERR_OK);
	ck_assert(str_has_prefix(str_from(text), str_from(one)));
	ck_assert_uint_eq(strlen(text), 2 * strlen(one) + 1);
	ck_assert_int_eq(text[strlen(one)], ' ');
	/* there is no half of a signature */
	buf_init_fixed(&out, text, 60);
	ck_assert_int_eq(webhook_sign(&secrets, STR("m"), 1, STR("{}"), &out),
			 ERR_LIMIT);
}
END_TEST

static const char *const bad[] = {
	"", "\n", "whsec_", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX",
	"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFQ==",	/* 22 octets */
	"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA",	/* not padded */
	"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRY-",	/* base64url */
	"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRY_",
	"whsec_AAECAwQFBgcICQoL DA0ODxAREhMUFRYX",
	"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGB==",	/* stray bits */
	"whsec_====", "WHSEC_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX",
	COUNTED "\nnone",
	/* 66 octets */
	("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	 "AAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
};

START_TEST(anything_else_is_none)
{
	struct webhook_secrets secrets = { .count = 7 };

	for (size_t i = 0; i < N_ELEMENTS(bad); i++)
		ck_assert_msg(webhook_secrets_parse(str_from(bad[i]),
						    &secrets) == ERR_SYNTAX,
			      "%s", bad[i]);
	ck_assert_int_eq(webhook_secrets_parse(
		STR(SPEC "\n" SPEC "\n" SPEC "\n" SPEC "\n" SPEC), &secrets),
		ERR_LIMIT);
	ck_assert_uint_eq(secrets.count, 7);
}
END_TEST

static void webhook_tests(TCase *tcase)
{
	tcase_add_test(tcase, the_examples_of_the_specification);
	tcase_add_test(tcase, each_secret_signs);
	tcase_add_test(tcase, anything_else_is_none);
}

UNIT_MAIN("webhook", webhook_tests)
