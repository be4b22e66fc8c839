#include "base/num.h"

enum err num_u64(struct str s, uint64_t min, uint64_t max, uint64_t *out_r)
{
	uint64_t n = 0;

	if (!s.len || (s.len > 1 && s.ptr[0] == '0'))
		return ERR_SYNTAX;
	for (size_t i = 0; i < s.len; i++) {
		if (!ascii_is_digit(s.ptr[i]))
			return ERR_SYNTAX;
	}
	for (size_t i = 0; i < s.len; i++) {
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(s.ptr[i] - '0'), &n))
			return ERR_RANGE;
	}
	if (n < min || n > max)
		return ERR_RANGE;
	*out_r = n;
	return ERR_OK;
}

enum err num_i64(struct str s, int64_t min, int64_t max, int64_t *out_r)
{
	bool negative = s.len && s.ptr[0] == '-';
	uint64_t n;
	int64_t v;
	enum err err;

	if (negative) {
		s.ptr++;
		s.len--;
	}
	err = num_u64(s, 0, (uint64_t)INT64_MAX + negative, &n);
	if (err)
		return err;
	if (negative && n == 0)
		return ERR_SYNTAX;	/* "-0" */
	v = negative ? (int64_t)-n : (int64_t)n;
	if (v < min || v > max)
		return ERR_RANGE;
	*out_r = v;
	return ERR_OK;
}

int num_hex(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
