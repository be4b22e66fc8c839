/* The only part of <usher/sdk.h> that calls malloc(3): a file of its own, so
 * that it comes with nobody who does without. */
#include <usher/sdk.h>

#include <stdlib.h>
#include <string.h>

char *usher_str_keep(struct usher_str s)
{
	char *to = s.len < SIZE_MAX ? (char *)malloc(s.len + 1) : NULL;

	if (!to)
		return NULL;
	if (s.len)
		memcpy(to, s.ptr, s.len);
	to[s.len] = '\0';
	return to;
}
