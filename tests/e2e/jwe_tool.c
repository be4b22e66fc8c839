/*
 * jwe_tool: the gateway's tokens, for other programs to try.
 *
 *	jwe_tool create RING			a new key ring
 *	jwe_tool rotate RING
 *	jwe_tool keys RING TENANT PURPOSE	derived keys: a JSON list of
 *						{"kid", "k" (base64url)}
 *	jwe_tool seal RING TENANT PURPOSE	standard input -> a token
 *	jwe_tool open RING TENANT PURPOSE	a token -> what it carries
 *	jwe_tool peek				a token -> {"kid", "aud"}
 *
 * Exits 0; 1 with a reason on standard error; 2 when called wrongly.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"
#include "codec/base64url.h"
#include "crypto/jwe.h"
#include "crypto/keyring.h"

#define INPUT_MAX (64 * 1024)

static int fail(enum err err, const char *why)
{
	fprintf(stderr, "%s%s%s\n", err_text(err), *why ? ": " : "", why);
	return EXIT_FAILURE;
}

static struct str read_input(struct pool *pool)
{
	char part[4096];
	struct buf in;
	ssize_t n;

	buf_init_pool(&in, pool, INPUT_MAX);
	while ((n = read(STDIN_FILENO, part, sizeof(part))) > 0)
		buf_add(&in, part, (size_t)n);
	return n == 0 && buf_is_ok(&in) ? buf_str(&in) : STR_NULL;
}

static int print(struct str s)
{
	return fwrite(s.ptr, 1, s.len, stdout) == s.len &&
	       fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int print_keys(const struct jwe_keys *keys, struct buf *out)
{
	buf_addc(out, '[');
	for (unsigned i = 0; i < jwe_keys_count(keys); i++) {
		uint8_t key[JWE_KEY_SIZE];
		struct str kid;

		if (jwe_keys_export(keys, i, &kid, key))
			return EXIT_FAILURE;
		buf_printf(out, "%s{\"kid\":\"%.*s\",\"k\":\"", i ? "," : "",
			   STR_ARG(kid));
		base64url_add(out, key, sizeof(key));
		buf_puts(out, "\"}");
	}
	buf_addc(out, ']');
	return print(buf_str(out));
}

static int with_keys(const char *verb, const struct jwe_keys *keys,
		     struct pool *pool)
{
	struct str in, text;
	struct buf out;
	enum err err;

	buf_init_pool(&out, pool, INPUT_MAX);
	if (!strcmp(verb, "keys"))
		return print_keys(keys, &out);
	in = read_input(pool);
	if (str_is_null(in))
		return fail(ERR_LIMIT, "the input");
	if (!strcmp(verb, "seal")) {
		err = jwe_seal(keys, in, &out);
		text = buf_str(&out);
	} else {
		err = jwe_open(keys, in, pool, &text);
	}
	return err ? fail(err, "") : print(text);
}

static int peek(struct pool *pool)
{
	struct str in = read_input(pool), kid, aud;
	enum err err = jwe_peek(in, pool, &kid, &aud);

	if (err)
		return fail(err, "");
	printf("{\"kid\":\"%s\",\"aud\":\"%s\"}", kid.ptr, aud.ptr);
	return EXIT_SUCCESS;
}

static int run(int argc, char **argv, struct pool *pool)
{
	const char *verb = argc > 1 ? argv[1] : "";
	char why[KEYRING_WHY_MAX] = "";
	struct keyring *ring;
	struct jwe_keys *keys;
	enum err err;
	int rc;

	if (argc == 2 && !strcmp(verb, "peek"))
		return peek(pool);
	if (argc == 3 && !strcmp(verb, "create")) {
		err = keyring_create(argv[2]);
		return err ? fail(err, "") : EXIT_SUCCESS;
	}
	if (argc == 3 && !strcmp(verb, "rotate")) {
		err = keyring_rotate(argv[2], why, sizeof(why));
		return err ? fail(err, why) : EXIT_SUCCESS;
	}
	if (argc != 5 || (strcmp(verb, "keys") && strcmp(verb, "seal") &&
			  strcmp(verb, "open"))) {
		fprintf(stderr, "jwe_tool: see the head of jwe_tool.c\n");
		return 2;
	}
	err = keyring_load(argv[2], &ring, why, sizeof(why));
	if (err)
		return fail(err, why);
	keys = jwe_keys_new(ring, str_from(argv[3]), str_from(argv[4]));
	keyring_free(ring);
	rc = keys ? with_keys(verb, keys, pool) :
		    fail(ERR_SYNTAX, "tenant or purpose");
	jwe_keys_free(keys);
	return rc;
}

int main(int argc, char **argv)
{
	struct pool *pool = pool_new(4 * INPUT_MAX);
	int rc;

	hash_init();
	rc = pool ? run(argc, argv, pool) : fail(ERR_NOMEM, "");
	pool_free(pool);
	return rc;
}
