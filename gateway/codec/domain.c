#include "codec/domain.h"

#include <idn2.h>

#include "codec/lower.h"

/* Room for a name before IDNA shortens it: no label of 63 octets takes more
 * than 4 octets of UTF-8 for each. */
#define UTF8_NAME_MAX (DOMAIN_MAX * 4)

/* Labels of letters, digits and inner hyphens, in one pass. */
static bool is_ldh(struct str name)
{
	size_t label = 0;
	char c = '.';

	if (!name.len || name.len > DOMAIN_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char before = c;

		c = name.ptr[i];
		if (c == '.') {
			if (!label || before == '-')
				return false;
			label = 0;
			continue;
		}
		if (c == '-' ? !label :
			       !ascii_is_digit(c) && !ascii_is_alpha(c))
			return false;
		if (++label > DOMAIN_LABEL_MAX)
			return false;
	}
	return label && c != '-';
}

/* RFC 5891 section 4.2.3.1, which libidn2 leaves to UTS 46. */
static bool has_outer_hyphen(struct str name)
{
	struct str rest = name;

	while (!str_is_null(rest)) {
		struct str label = str_cut(rest, '.', &rest);

		if (label.len && (label.ptr[0] == '-' ||
				  label.ptr[label.len - 1] == '-'))
			return true;
	}
	return false;
}

/* What ASCII rules alone cannot judge. */
static bool needs_idna(struct str name)
{
	return !str_is_ascii(name) || str_icontains(name, STR("xn--"));
}

/*
 * By IDNA 2008 as such, not by the mappings of UTS 46: those turn U+3002 into
 * a dot and U+FF45 into an 'e'.  Letter case is the one thing mapped.
 */
static enum err idna_lookup(struct str name, char out[DOMAIN_MAX + 1])
{
	char text[UTF8_NAME_MAX + 1];
	uint8_t *ascii = NULL;
	enum err err = ERR_SYNTAX;
	struct buf lower;
	size_t len;
	int rc;

	if (has_outer_hyphen(name))
		return ERR_SYNTAX;
	buf_init_fixed(&lower, text, sizeof(text));
	lower_add(&lower, name);
	if (!buf_is_ok(&lower))
		return ERR_SYNTAX;
	rc = idn2_lookup_u8((const uint8_t *)text, &ascii,
			    IDN2_NO_TR46 | IDN2_NFC_INPUT);
	if (rc != IDN2_OK) {
		err = rc == IDN2_MALLOC ? ERR_NOMEM : ERR_SYNTAX;
		goto out;
	}
	len = strlen((const char *)ascii);
	if (!is_ldh((struct str){ (const char *)ascii, len }))
		goto out;
	memcpy(out, ascii, len + 1);
	err = ERR_OK;
out:
	idn2_free(ascii);
	return err;
}

enum err domain_check(struct str name)
{
	char ascii[DOMAIN_MAX + 1];

	if (!is_ldh(name))
		return ERR_SYNTAX;
	return needs_idna(name) ? idna_lookup(name, ascii) : ERR_OK;
}

enum err domain_to_ascii(struct pool *pool, struct str name,
			 struct str *ascii_r)
{
	char ascii[DOMAIN_MAX + 1], *copy;
	struct str from = name;
	enum err err;

	if (needs_idna(name)) {
		err = idna_lookup(name, ascii);
		if (err)
			return err;
		from = str_from(ascii);
	} else if (!is_ldh(name)) {
		return ERR_SYNTAX;
	}
	copy = pool_strndup(pool, from.ptr, from.len);
	if (!copy)
		return ERR_NOMEM;
	for (size_t i = 0; i < from.len; i++)
		copy[i] = ascii_lower(copy[i]);
	*ascii_r = (struct str){ copy, from.len };
	return ERR_OK;
}
