#include "codec/email.h"

#include "codec/domain.h"
#include "codec/fold.h"
#include "codec/lower.h"
#include "codec/utf8.h"

_Static_assert(EMAIL_LOCAL_MAX * FOLD_GROWTH + 1 + DOMAIN_MAX ==
	       EMAIL_KEY_MAX, "a key's longest local part and domain");
_Static_assert(EMAIL_LOCAL_MAX * LOWER_GROWTH <= EMAIL_LOCAL_MAX * FOLD_GROWTH,
	       "an older release's key has room, too");

/* Not in a local part, see the header; ordered. */
static const struct {
	int32_t first, last;
} refused[] = {
	{ 0x00a0, 0x00a0 }, { 0x00ad, 0x00ad }, { 0x061c, 0x061c },
	{ 0x1680, 0x1680 }, { 0x180e, 0x180e }, { 0x2000, 0x200f },
	{ 0x2028, 0x202f }, { 0x205f, 0x206f }, { 0x3000, 0x3000 },
	{ 0xfdd0, 0xfdef }, { 0xfe50, 0xfe6f }, { 0xfeff, 0xfeff },
	{ 0xff00, 0xff65 }, { 0xfff0, 0xffff }, { 0xe0000, 0xe0fff },
};

/* RFC 5321 section 4.1.2, RFC 6531 section 3.3: atext. */
static bool is_atext(int32_t c)
{
	if (c < 0x80)
		return ascii_is_digit((char)c) || ascii_is_alpha((char)c) ||
		       (c && strchr("!#$%&'*+-/=?^_`{|}~", (int)c));
	for (size_t i = 0; i < N_ELEMENTS(refused); i++)
		if (c >= refused[i].first && c <= refused[i].last)
			return false;
	return true;
}

static bool is_dot_atom(struct str s)
{
	bool after_atext = false;
	size_t at = 0;
	int32_t c;

	while ((c = utf8_next(s, &at)) >= 0) {
		if (c == '.' ? !after_atext : !is_atext(c))
			return false;
		after_atext = c != '.';
	}
	return after_atext;
}

static enum err make_key(struct pool *pool, struct str local,
			 struct str domain, struct str *key_r)
{
	struct str ascii;
	struct buf key;
	enum err err;

	err = domain_to_ascii(pool, domain, &ascii);
	if (err)
		return err;
	buf_init_pool(&key, pool, EMAIL_KEY_MAX);
	err = fold_add(&key, local);
	buf_addc(&key, '@');
	buf_adds(&key, ascii);
	if (err || !buf_is_ok(&key))
		return err ? err : ERR_NOMEM;
	*key_r = buf_str(&key);
	return ERR_OK;
}

enum err email_parse(struct pool *pool, struct str in, struct email *out_r)
{
	struct email email;
	struct str domain, local;
	enum err err;

	if (in.len > EMAIL_MAX)
		return ERR_LIMIT;
	err = utf8_check_text(in, NULL);
	if (err)
		return err;
	local = str_cut(in, '@', &domain);
	if (str_is_null(domain))
		return ERR_SYNTAX;
	if (local.len > EMAIL_LOCAL_MAX)
		return ERR_LIMIT;
	if (!is_dot_atom(local))
		return ERR_SYNTAX;
	err = make_key(pool, local, domain, &email.key);
	if (err)
		return err;
	email.shown = pool_str(pool, in);
	if (str_is_null(email.shown))
		return ERR_NOMEM;
	email.local = (struct str){ email.shown.ptr, local.len };
	*out_r = email;
	return ERR_OK;
}

/* The domain of a key is ASCII. */
enum err email_add_key(struct buf *out, struct str old_key)
{
	return fold_add(out, old_key);
}

void email_add_old_key(struct buf *out, struct str shown, struct str key)
{
	struct str domain;

	str_cut(key, '@', &domain);
	lower_add(out, str_cut(shown, '@', &shown));
	buf_addc(out, '@');
	buf_adds(out, domain);
}
