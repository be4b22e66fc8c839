/*
 * mint: callback paths with fresh tokens, as many as asked for, sealed with a
 * running gateway's own keys: what the callback's benchmark spends.
 *
 *	mint CONFIG_DIR PLUGINS_DIR TENANT USERS COUNT
 *
 * The users are user1@example.com to userUSERS@example.com.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/num.h"
#include "config/snapshot.h"
#include "crypto/keyring.h"
#include "handoff/token.h"

static int mint(const struct tenant *tenant, struct str issuer,
		int64_t user_id, struct pool *pool)
{
	struct token token = {
		.email = pool_printf(pool, "user%lld@example.com",
				     (long long)user_id),
		.name = STR("John Q. Doe"),
		.redirect_url = tenant->dashboard,
		.rid = STR("01JD5ZC2T0ABCDEFGHJKMNPQRS"),
	};
	struct str location, parked;

	if (token_mint(tenant, issuer, clock_wall_ms(), &token, pool,
		       &location, &parked) || parked.ptr)
		return -1;
	printf("%s\n", location.ptr + tenant->origin.len);
	pool_reset(pool);
	return 0;
}

int main(int argc, char **argv)
{
	struct snapshot_options options = { .workers = 1 };
	struct snapshot *bare, *snapshot;
	const struct tenant *tenant;
	struct keyring *keyring;
	struct report report;
	uint64_t users, count;
	char path[4096], why[KEYRING_WHY_MAX];
	struct pool *pool = pool_new(64 * 1024);

	if (argc != 6 || num_u64(str_from(argv[4]), 1, 1u << 30, &users) ||
	    num_u64(str_from(argv[5]), 1, 1u << 30, &count) ||
	    report_init(&report) || !pool)
		return 2;
	hash_init();
	options.config_dir = argv[1];
	options.plugins_override = argv[2];
	bare = snapshot_load_gateway(&options, &report);
	if (!bare)
		return 1;
	snprintf(path, sizeof(path), "%s/keyring", bare->gateway.state.ptr);
	if (keyring_load(path, &keyring, why, sizeof(why)))
		return 1;
	options.keyring = keyring;
	snapshot = snapshot_load(&options, NULL, &report);
	tenant = snapshot ? snapshot_tenant(snapshot, str_from(argv[3])) : NULL;
	if (!tenant)
		return 1;
	for (uint64_t i = 0; i < count; i++)
		if (mint(tenant, snapshot->gateway.public_origin,
			 (int64_t)(1 + i % users), pool))
			return 1;
	snapshot_unref(snapshot);
	snapshot_unref(bare);
	keyring_free(keyring);
	report_done(&report);
	pool_free(pool);
	return 0;
}
