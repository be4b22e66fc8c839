#include "config/suggest.h"

static char fold(char c)
{
	return c == '-' ? '_' : ascii_lower(c);
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

unsigned suggest_distance(struct str a, struct str b)
{
	/* Three rows of the table are enough: a swap looks two back. */
	unsigned rows[3][SUGGEST_WORD_MAX + 1];
	unsigned *two = rows[0], *one = rows[1], *now = rows[2], *spare;
	size_t i, j;

	if (a.len > SUGGEST_WORD_MAX || b.len > SUGGEST_WORD_MAX)
		return SUGGEST_WORD_MAX + 1;
	for (j = 0; j <= b.len; j++)
		one[j] = (unsigned)j;
	for (i = 1; i <= a.len; i++) {
		now[0] = (unsigned)i;
		for (j = 1; j <= b.len; j++) {
			char x = fold(a.ptr[i - 1]), y = fold(b.ptr[j - 1]);

			now[j] = least(one[j] + 1, now[j - 1] + 1,
				       one[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == fold(b.ptr[j - 2]) &&
			    y == fold(a.ptr[i - 2]) && two[j - 2] + 1 < now[j])
				now[j] = two[j - 2] + 1;
		}
		spare = two;
		two = one;
		one = now;
		now = spare;
	}
	return one[b.len];
}

const char *suggest_nearest(struct str word, const char *const *known,
			    unsigned count)
{
	unsigned i, distance, best = (unsigned)((word.len + 2) / 3);
	const char *found = NULL;

	for (i = 0; i < count; i++) {
		distance = suggest_distance(word, str_from(known[i]));
		if (distance < best || (distance == best && !found)) {
			best = distance;
			found = known[i];
		}
	}
	for (i = 0; !found && word.len >= SUGGEST_PREFIX_MIN && i < count; i++)
		if (str_has_prefix(str_from(known[i]), word))
			found = known[i];
	return found;
}
