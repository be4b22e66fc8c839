/*
 * A token's claims, sealed with a fixed key as they stand; and, after the byte
 * 'p', what was parked with one: the sum of it stands in the token, so that
 * the reader is what is tried, not SHA-256.
 */
#include "base/hash.h"
#include "base/pool.h"
#include "crypto/keyring-private.h"
#include "fuzz/fuzz.h"
#include "handoff/token.h"

#define RING								\
	"usher-keyring 1\n"						\
	"new 2026-11-22T18:11:00Z "					\
	"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
#define ISSUER STR("https://tickets.test")
#define NOW_S 1000

static struct tenant acme;
static struct pool *pool;

static void set_up(void)
{
	struct keyring *ring = NULL;

	hash_init();
	acme = (struct tenant){
		.slug = STR("acme"), .origin = STR("https://ticket.acme.test"),
		.state = TENANT_SERVING,
	};
	fuzz_assert(keyring_parse(STR(RING), &ring, NULL, 0) == ERR_OK);
	acme.token_keys = jwe_keys_new(ring, acme.slug, STR("handoff"));
	pool = pool_new(1 << 20);
	fuzz_assert(acme.token_keys && pool);
	keyring_free(ring);
}

/* What was read is what would be written: minted again it opens the same. */
static void check_again(struct token token)
{
	struct token again;
	struct str location, parked = STR_NULL, text;
	size_t skip = acme.origin.len +
		      sizeof(TOKEN_CALLBACK_PATH "?token=") - 1;

	if (token_mint(&acme, ISSUER, NOW_S * 1000, &token, pool, &location,
		       &parked))
		return;
	text = (struct str){ location.ptr + skip, location.len - skip };
	fuzz_assert(!token_open(&acme, ISSUER, text, NOW_S, pool, &again));
	fuzz_assert(again.is_parked == (parked.ptr != NULL));
	if (parked.ptr)
		fuzz_assert(!token_unpark(&again, parked, pool));
	fuzz_assert(str_eq(again.name, token.name));
	fuzz_assert(str_eq(again.redirect_url, token.redirect_url));
	fuzz_assert(again.set.count == token.set.count);
	fuzz_assert(again.unset_count == token.unset_count);
	fuzz_assert(again.event_count == token.event_count);
	for (unsigned i = 0; i < token.event_count; i++)
		fuzz_assert(str_eq(again.events[i].body,
				   token.events[i].body));
}

static void try_claims(struct str claims)
{
	struct token token;
	struct buf text;

	buf_init_pool(&text, pool, JWE_TOKEN_MAX + 1);
	if (jwe_seal(acme.token_keys, claims, &text))
		return;
	if (!token_open(&acme, ISSUER, buf_str(&text), NOW_S, pool, &token) &&
	    !token.is_parked)
		check_again(token);
}

static void try_parked(struct str content)
{
	struct token token = { .is_parked = true, .email = STR("a@b"),
			       .rid = STR("R") };

	fields_init(&token.set, pool);
	fuzz_assert(!digest_sha256(content.ptr, content.len, token.park_sum));
	if (!token_unpark(&token, content, pool))
		check_again(token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!pool)
		set_up();
	if (size && data[0] == 'p')
		try_parked(fuzz_str(data + 1, size - 1));
	else
		try_claims(fuzz_str(data, size));
	pool_reset(pool);
	return 0;
}
