#include "codec/domain.h"
#include "codec/email.h"
#include "codec/utf8.h"
#include "fuzz/fuzz.h"

#define POOL_MAX (64 * 1024)

static void check_email(struct pool *pool, struct str in,
			const struct email *email)
{
	struct str local, domain, more;
	struct email again;
	enum err err;

	fuzz_assert(str_eq(email->shown, in));
	fuzz_assert(email->shown.ptr[in.len] == '\0');
	fuzz_assert(in.len <= EMAIL_MAX && email->key.len <= EMAIL_KEY_MAX);
	fuzz_assert(!utf8_check_text(email->key, NULL));
	fuzz_assert(email->local.len && email->local.len <= EMAIL_LOCAL_MAX);
	fuzz_assert(in.ptr[email->local.len] == '@');

	local = str_cut(email->key, '@', &domain);
	fuzz_assert(local.len);
	str_cut(domain, '@', &more);
	fuzz_assert(str_is_null(more));
	fuzz_assert(!domain_check(domain));
	for (size_t i = 0; i < email->key.len; i++)
		fuzz_assert(ascii_lower(email->key.ptr[i]) ==
			    email->key.ptr[i]);

	/* A key may be longer than an address, but means only itself. */
	err = email_parse(pool, email->key, &again);
	fuzz_assert(!err || err == ERR_LIMIT);
	fuzz_assert(err || str_eq(again.key, email->key));
}

/* Letter case never makes another user, nor an address good or bad. */
static void check_case(struct pool *pool, struct str in, enum err err,
		       const struct email *email)
{
	char *upper = pool_strndup(pool, in.ptr, in.len);
	struct email other;

	fuzz_assert(upper);
	for (size_t i = 0; i < in.len; i++)
		if (upper[i] >= 'a' && upper[i] <= 'z')
			upper[i] &= ~0x20;
	fuzz_assert(email_parse(pool, (struct str){ upper, in.len }, &other) ==
		    err);
	fuzz_assert(err || str_eq(other.key, email->key));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pool *pool = pool_new(POOL_MAX);
	struct str in = fuzz_str(data, size);
	struct email email;
	enum err err = email_parse(pool, in, &email);

	if (err)
		fuzz_assert(err == ERR_SYNTAX || err == ERR_LIMIT ||
			    err == ERR_UTF8 || err == ERR_CONTROL);
	else
		check_email(pool, in, &email);
	if (in.len <= EMAIL_MAX)
		check_case(pool, in, err, &email);
	pool_free(pool);
	return 0;
}
