/*
 * redirect_tool: the gateway's judgement of redirect targets, for other
 * programs to try.
 *
 *	redirect_tool [own=ORIGIN | allow=ENTRY | http-loopback]...
 *
 * The arguments are the policy.  Standard input has one candidate a line, in
 * base64url, since a hostile one may hold any octet.  For each line comes one
 * back: "+ URL", the URL as it would be used, or "- REASON".
 *
 * Exits 0; 1 when it could not go on; 2 when called wrongly.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "codec/base64url.h"
#include "policy/redirect.h"

#define POLICY_POOL (1024 * 1024)
#define CANDIDATE_POOL (512 * 1024)
#define LINE_MAX_OCTETS (64 * 1024)

struct setup {
	struct url own[REDIRECT_ENTRIES_MAX];
	struct redirect_entry entries[REDIRECT_ENTRIES_MAX];
	struct redirect_policy policy;
};

static enum err take_argument(struct setup *setup, struct pool *pool,
			      struct str argument, struct fault *fault)
{
	struct redirect_policy *policy = &setup->policy;
	struct str value;
	struct str name = str_cut(argument, '=', &value);

	if (str_eq(argument, STR("http-loopback"))) {
		policy->allow_http_loopback = true;
		return ERR_OK;
	}
	if (str_eq(name, STR("own")) &&
	    policy->own_count < REDIRECT_ENTRIES_MAX)
		return url_parse_origin(pool, value,
					&setup->own[policy->own_count++],
					fault);
	if (str_eq(name, STR("allow")) &&
	    policy->entry_count < REDIRECT_ENTRIES_MAX)
		return redirect_entry_parse(
			pool, value, &setup->entries[policy->entry_count++],
			fault);
	return fault_set(fault, ERR_UNSUPPORTED, 0, "no such argument");
}

static enum err judge(const struct redirect_policy *policy, struct str line)
{
	static char candidate[LINE_MAX_OCTETS];
	struct pool *pool;
	struct fault fault = { 0 };
	struct str url;
	size_t len;
	enum err err;

	err = base64url_decode(line, candidate, sizeof(candidate), &len);
	if (err)
		return err;
	pool = pool_new(CANDIDATE_POOL);
	if (!pool)
		return ERR_NOMEM;
	if (!redirect_check(policy, pool, (struct str){ candidate, len }, &url,
			    &fault))
		printf("+ %.*s\n", STR_ARG(url));
	else
		printf("- %s: %s\n", err_text(fault.err), fault.detail);
	pool_free(pool);
	return ERR_OK;
}

static enum err judge_all(const struct redirect_policy *policy)
{
	static char line[LINE_MAX_OCTETS];
	enum err err = ERR_OK;

	while (!err && fgets(line, sizeof(line), stdin)) {
		size_t len = strlen(line);

		if (!len || line[len - 1] != '\n')
			return ERR_LIMIT;
		err = judge(policy, (struct str){ line, len - 1 });
	}
	if (!err && (ferror(stdin) || fflush(stdout)))
		err = ERR_IO;
	return err;
}

int main(int argc, char **argv)
{
	static struct setup setup;
	struct pool *pool = pool_new(POLICY_POOL);
	enum err err;

	hash_init();
	if (!pool)
		return EXIT_FAILURE;
	setup.policy.own = setup.own;
	setup.policy.entries = setup.entries;
	for (int i = 1; i < argc; i++) {
		struct fault fault = { 0 };

		if (take_argument(&setup, pool, str_from(argv[i]), &fault)) {
			fprintf(stderr, "redirect_tool: %s: %s\n", argv[i],
				fault.detail);
			pool_free(pool);
			return 2;
		}
	}
	err = judge_all(&setup.policy);
	if (err)
		fprintf(stderr, "redirect_tool: %s\n", err_text(err));
	pool_free(pool);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
