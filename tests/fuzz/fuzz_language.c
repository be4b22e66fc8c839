#include "base/buf.h"
#include "fuzz/fuzz.h"
#include "policy/language.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = fuzz_str(data, size);
	enum language language = language_accepted(in);
	char array[LANGUAGE_ACCEPT_MAX + 8];
	struct buf out;

	language_find(in);
	fuzz_assert(language <= LANGUAGE_NONE);
	if (language == LANGUAGE_NONE)
		return 0;
	fuzz_assert(str_icontains(in, str_from(language_tag(language))));
	/* what comes first is not liked less than before */
	buf_init_fixed(&out, array, sizeof(array));
	buf_printf(&out, "%s, ", language_tag(language));
	buf_adds(&out, in);
	if (buf_is_ok(&out) && out.len <= LANGUAGE_ACCEPT_MAX) {
		enum language again = language_accepted(buf_str(&out));

		fuzz_assert(again == language || again == LANGUAGE_NONE);
	}
	return 0;
}
