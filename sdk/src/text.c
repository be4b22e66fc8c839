/* Slices and buffers of <usher/sdk.h>. */
#include <usher/sdk.h>

#include <string.h>

struct usher_str usher_str_from(const char *text)
{
	struct usher_str s = { text ? text : "", text ? strlen(text) : 0 };

	return s;
}

int usher_str_eq(struct usher_str a, struct usher_str b)
{
	return a.len == b.len && (!a.len || !memcmp(a.ptr, b.ptr, a.len));
}

int usher_str_is(struct usher_str a, const char *text)
{
	return usher_str_eq(a, usher_str_from(text));
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

int usher_str_ieq(struct usher_str a, struct usher_str b)
{
	size_t i;

	if (a.len != b.len)
		return 0;
	for (i = 0; i < a.len; i++)
		if (lower(a.ptr[i]) != lower(b.ptr[i]))
			return 0;
	return 1;
}

int usher_str_has_prefix(struct usher_str s, const char *prefix)
{
	size_t len = strlen(prefix);

	return s.len >= len && (!len || !memcmp(s.ptr, prefix, len));
}

int usher_str_has_suffix(struct usher_str s, const char *suffix)
{
	size_t len = strlen(suffix);

	return s.len >= len &&
	       (!len || !memcmp(s.ptr + s.len - len, suffix, len));
}

static int is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct usher_str usher_str_trim(struct usher_str s)
{
	while (s.len && is_blank(s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	while (s.len && is_blank(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

struct usher_str usher_str_cut(struct usher_str s, char separator,
			       struct usher_str *rest)
{
	const char *at = s.len ?
		(const char *)memchr(s.ptr, separator, s.len) : NULL;

	rest->ptr = NULL;
	rest->len = 0;
	if (!at)
		return s;
	rest->ptr = at + 1;
	rest->len = s.len - (size_t)(at - s.ptr) - 1;
	s.len = (size_t)(at - s.ptr);
	return s;
}

size_t usher_str_chars(struct usher_str s)
{
	size_t i, count = 0;

	/* Every byte that does not go on with a character begins one. */
	for (i = 0; i < s.len; i++)
		count += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
	return count;
}

int usher_str_number(struct usher_str s, int64_t min, int64_t max,
		     int64_t *number)
{
	int is_negative = s.len && s.ptr[0] == '-';
	size_t i = is_negative ? 1 : 0;
	uint64_t n = 0, most = (uint64_t)INT64_MAX + (is_negative ? 1 : 0);
	int64_t value;

	if (i == s.len || (s.ptr[i] == '0' && (s.len > i + 1 || is_negative)))
		return USHER_E_INVAL;
	for (; i < s.len; i++) {
		unsigned digit = (unsigned)(s.ptr[i] - '0');

		if (s.ptr[i] < '0' || digit > 9)
			return USHER_E_INVAL;
		if (n > (most - digit) / 10)
			return USHER_E_LIMIT;
		n = n * 10 + digit;
	}
	/* -(n - 1) - 1: the smallest has no positive counterpart. */
	value = is_negative ? -(int64_t)(n - 1) - 1 : (int64_t)n;
	if (value < min || value > max)
		return USHER_E_LIMIT;
	*number = value;
	return 0;
}

int usher_str_copy(struct usher_call *call, struct usher_str s,
		   struct usher_str *copy)
{
	char *to = s.len < SIZE_MAX ?
		(char *)call->host->alloc(call, s.len + 1) : NULL;

	if (!to)
		return USHER_E_NOMEM;
	if (s.len)
		memcpy(to, s.ptr, s.len);
	to[s.len] = '\0';
	copy->ptr = to;
	copy->len = s.len;
	return 0;
}

int usher_str_lower(struct usher_call *call, struct usher_str s,
		    struct usher_str *copy)
{
	char *to = s.len < SIZE_MAX ?
		(char *)call->host->alloc(call, s.len + 1) : NULL;
	size_t i;

	if (!to)
		return USHER_E_NOMEM;
	for (i = 0; i < s.len; i++)
		to[i] = lower(s.ptr[i]);
	to[s.len] = '\0';
	copy->ptr = to;
	copy->len = s.len;
	return 0;
}

void usher_buf_init_array(struct usher_buf *buf, char *array, size_t size)
{
	buf->ptr = array;
	buf->len = 0;
	buf->size = size;
	buf->failed = !array || !size;
}

void usher_buf_init(struct usher_buf *buf, struct usher_call *call,
		    size_t size)
{
	usher_buf_init_array(buf, (char *)call->host->alloc(call, size), size);
}

void usher_buf_add(struct usher_buf *buf, const void *data, size_t len)
{
	/* One byte stays for the terminator. */
	if (buf->failed || len > buf->size - buf->len - 1) {
		buf->failed = 1;
		return;
	}
	if (len)
		memcpy(buf->ptr + buf->len, data, len);
	buf->len += len;
}

void usher_buf_puts(struct usher_buf *buf, const char *text)
{
	usher_buf_add(buf, text, strlen(text));
}

void usher_buf_str(struct usher_buf *buf, struct usher_str s)
{
	usher_buf_add(buf, s.ptr, s.len);
}

void usher_buf_int(struct usher_buf *buf, int64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);
	uint64_t n = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	if (number < 0)
		digits[--at] = '-';
	usher_buf_add(buf, digits + at, sizeof(digits) - at);
}

void usher_buf_percent(struct usher_buf *buf, struct usher_str s)
{
	static const char hex[] = "0123456789ABCDEF";
	static const char plain[] = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz";
	size_t i;

	for (i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		char text[3] = { '%', hex[c >> 4], hex[c & 15] };

		if (c && strchr(plain, c))
			usher_buf_add(buf, s.ptr + i, 1);
		else
			usher_buf_add(buf, text, sizeof(text));
	}
}

int usher_buf_end(struct usher_buf *buf, struct usher_str *text)
{
	if (buf->failed)
		return USHER_E_LIMIT;
	buf->ptr[buf->len] = '\0';
	text->ptr = buf->ptr;
	text->len = buf->len;
	return 0;
}
