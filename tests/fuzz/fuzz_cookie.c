#include "codec/cookie.h"
#include "fuzz/fuzz.h"

#define NAME STR("__Host-usher")

static struct str from(struct str s, size_t at)
{
	return (struct str){ s.ptr + at, s.len - at };
}

/*
 * The same answer, asked in another way: where in the whole header can the
 * name begin, and what may follow it?
 */
static int find_naively(struct str header, struct str *value_r)
{
	struct str s = str_trim(header, " \t"), value = STR_NULL;
	unsigned pairs = 1, found = 0;

	for (size_t i = 0; i < s.len; i++) {
		pairs += s.ptr[i] == ';';
		if (i && (i < 2 || s.ptr[i - 1] != ' ' || s.ptr[i - 2] != ';'))
			continue;
		if (!str_has_prefix(from(s, i), STR("__Host-usher=")))
			continue;
		value = from(s, i + NAME.len + 1);
		found++;
	}
	if (pairs > COOKIE_PAIRS_MAX || found > 1)
		return -1;
	if (!found)
		return 0;
	for (size_t i = 0; i < value.len; i++) {
		if (value.ptr[i] == ';')
			value.len = i;
		else if (value.ptr[i] <= ' ' || value.ptr[i] == 0x7f ||
			 strchr("\",\\", value.ptr[i]))
			return -1;
	}
	*value_r = value;
	return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = fuzz_str(data, size), value = STR("untouched");
	struct str other = STR_NULL;
	int found = cookie_find(in, NAME, &value);

	fuzz_assert(found == find_naively(in, &other));
	if (found == 1) {
		fuzz_assert(value.ptr >= in.ptr);
		fuzz_assert(value.ptr + value.len <= in.ptr + in.len);
		fuzz_assert(value.ptr == other.ptr && value.len == other.len);
	} else {
		fuzz_assert(str_eq(value, STR("untouched")));
	}
	return 0;
}
