#include "base/random.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define STOCK 2048

static _Thread_local unsigned char stock[STOCK];
static _Thread_local size_t left;	/* bytes at the end of stock */

static enum err draw(unsigned char *out, size_t len)
{
	while (len) {
		ssize_t n = getrandom(out, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return ERR_IO;
		out += n;
		len -= (size_t)n;
	}
	return ERR_OK;
}

enum err random_bytes(void *out, size_t len)
{
	if (len > STOCK / 8)
		return draw(out, len);
	if (len > left) {
		enum err err = draw(stock, STOCK);

		if (err)
			return err;
		left = STOCK;
	}
	memcpy(out, stock + STOCK - left, len);
	explicit_bzero(stock + STOCK - left, len);
	left -= len;
	return ERR_OK;
}
