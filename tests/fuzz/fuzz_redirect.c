#include "base/num.h"
#include "fuzz/fuzz.h"
#include "policy/redirect.h"

#define POOL_MAX (512 * 1024)
#define OWN "https://ticket.example"
#define LIST "https://shop.example:8443/support"

/* Percent-decoded as often as it goes, in place. */
static struct str decode_all(char *s, size_t len)
{
	for (size_t i = 0; i + 2 < len; i++) {
		int high = num_hex(s[i + 1]), low = num_hex(s[i + 2]);

		if (s[i] != '%' || high < 0 || low < 0)
			continue;
		s[i] = (char)(high << 4 | low);
		memmove(s + i + 1, s + i + 3, len - i - 3);
		len -= 2;
		/* What was made may be the end of one more. */
		i = i > 2 ? i - 3 : (size_t)-1;
	}
	return (struct str){ s, len };
}

static void check_not_reserved(struct str path)
{
	static const char *const names[] = { "auth", "api", "embed", "sdk" };

	while (path.len && strchr("/\\", path.ptr[0])) {
		path.ptr++;
		path.len--;
	}
	for (size_t i = 0; i < 4; i++) {
		struct str name = str_from(names[i]);

		if (path.len < name.len ||
		    !str_ieq((struct str){ path.ptr, name.len }, name))
			continue;
		fuzz_assert(path.len > name.len &&
			    !strchr("/\\;", path.ptr[name.len]));
	}
}

static void check_target(struct pool *pool,
			 const struct redirect_policy *policy,
			 struct str target)
{
	struct str again = STR_NULL, path;
	struct url url;
	char *copy;

	fuzz_assert(target.ptr[target.len] == '\0');
	fuzz_assert(!redirect_check(policy, pool, target, &again, NULL));
	fuzz_assert(str_eq(target, again));
	for (size_t i = 0; i < target.len; i++)
		fuzz_assert(target.ptr[i] > ' ' && target.ptr[i] < 0x7f &&
			    target.ptr[i] != '\\');
	fuzz_assert(!url_parse(pool, target, &url, NULL));
	fuzz_assert(url.is_https);
	copy = pool_strndup(pool, url.path.ptr, url.path.len);
	fuzz_assert(copy);
	path = decode_all(copy, url.path.len);
	check_not_reserved(path);
	if (str_has_prefix(target, STR(OWN "/")))
		return;
	fuzz_assert(str_has_prefix(target, STR(LIST)));
	fuzz_assert(target.len == sizeof(LIST) - 1 ||
		    strchr("/?#", target.ptr[sizeof(LIST) - 1]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pool *pool = pool_new(POOL_MAX);
	struct str in = fuzz_str(data, size), target;
	struct fault fault = { 0 };
	struct redirect_entry entry, listed;
	struct redirect_policy policy;
	struct url own;
	enum err err;

	fuzz_assert(!url_parse(pool, STR(OWN), &own, NULL));
	fuzz_assert(!redirect_entry_parse(pool, STR(LIST), &listed, NULL));
	policy = (struct redirect_policy){ .own = &own, .own_count = 1,
					   .entries = &listed,
					   .entry_count = 1 };
	err = redirect_check(&policy, pool, in, &target, &fault);
	if (err)
		fuzz_assert(err != ERR_NOMEM && fault.err == err &&
			    fault.detail);
	else
		check_target(pool, &policy, target);
	if (!redirect_resolve_path(&policy, pool, in, &target, NULL)) {
		fuzz_assert(str_has_prefix(target, STR(OWN "/")));
		check_target(pool, &policy, target);
	}
	if (!redirect_entry_parse(pool, in, &entry, NULL)) {
		policy.entries = &entry;
		policy.allow_http_loopback = true;
		fuzz_assert(!redirect_check(&policy, pool, in, &target, NULL));
	}
	pool_free(pool);
	return 0;
}
