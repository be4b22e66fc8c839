#include "policy/identity.h"

static const char *const names[IDENTITY_COUNT] = {
	[IDENTITY_UNSIGNED] = "unsigned",
	[IDENTITY_OBSERVE] = "observe",
	[IDENTITY_SIGNED] = "signed",
};

enum err identity_mode_parse(struct str text, enum identity_mode *out_r)
{
	for (unsigned i = 0; i < IDENTITY_COUNT; i++) {
		if (!str_eq(text, str_from(names[i])))
			continue;
		*out_r = (enum identity_mode)i;
		return ERR_OK;
	}
	return ERR_NOT_FOUND;
}

const char *identity_mode_text(enum identity_mode mode)
{
	return (unsigned)mode < IDENTITY_COUNT ? names[mode] : "unknown";
}
