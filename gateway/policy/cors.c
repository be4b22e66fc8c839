#include "policy/cors.h"

#define LABEL_MAX 63

/* Where the star stands; 0: the entry has none. */
static size_t find_star(struct str entry)
{
	static const size_t places[] = { sizeof("https://") - 1,
					 sizeof("http://") - 1 };

	for (size_t i = 0; i < N_ELEMENTS(places); i++)
		if (entry.len > places[i] && entry.ptr[places[i]] == '*')
			return places[i];
	return 0;
}

bool cors_is_wildcard(struct str entry)
{
	return find_star(entry) != 0;
}

static bool is_label(const char *label, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!((label[i] >= 'a' && label[i] <= 'z') ||
		      ascii_is_digit(label[i]) || label[i] == '-' ||
		      label[i] == '_'))
			return false;
	return len > 0 && len <= LABEL_MAX;
}

/* What is before the star and what is behind it, byte by byte, and a label. */
static bool is_matched(struct str entry, size_t star, struct str origin)
{
	size_t tail = entry.len - star - 1, label;

	if (origin.len <= star + tail)
		return false;
	label = origin.len - star - tail;
	return !memcmp(origin.ptr, entry.ptr, star) &&
	       !memcmp(origin.ptr + star + label, entry.ptr + star + 1, tail) &&
	       is_label(origin.ptr + star, label);
}

static bool is_entry(struct str entry, struct str origin)
{
	size_t star = find_star(entry);

	return star ? is_matched(entry, star, origin) : str_eq(entry, origin);
}

bool cors_is_listed(const struct cors *cors, struct str origin)
{
	/* Whatever a list says, these stand for anybody. */
	if (!origin.len || str_eq(origin, STR("null")))
		return false;
	for (unsigned i = 0; i < cors->count; i++)
		if (is_entry(cors->origins[i], origin))
			return true;
	return false;
}

enum cors_verdict cors_judge(const struct cors *cors, struct str origin,
			     unsigned headers, struct str *echo_r)
{
	bool listed = headers == 1 && cors_is_listed(cors, origin);

	*echo_r = listed ? origin : STR_NULL;
	if (headers > 1)
		return CORS_REFUSED;
	if (!cors->require_origin || listed)
		return CORS_ALLOWED;
	if (headers == 1 && cors->allow_null_origin &&
	    str_eq(origin, STR("null")))
		return CORS_ALLOWED;
	return CORS_REFUSED;
}
