/* Keeps a hundred octets with every request. */
#include <stdlib.h>
#include <string.h>

#include <usher/adapter.h>

struct kept {
	struct kept *next;
	char data[92];
};

static int map(void *state, struct usher_call *call)
{
	static struct kept *all;
	struct kept *more = malloc(sizeof(*more));

	(void)state;
	(void)call;
	if (!more)
		return USHER_FAIL;
	memset(more->data, 'k', sizeof(more->data));
	more->next = all;
	all = more;
	return USHER_OK;
}

USHER_ADAPTER_DEFINE(.name = "leaks", .version = "0", .map_fields = map)
