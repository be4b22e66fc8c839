/*
 * A request's head, through the library and the guard: what is let through
 * must be what a strict reader reads, and whatever that one takes for a
 * request must be let through.
 *
 * The input's first octet says after how many octets the head comes in two
 * pieces; 0: in one.
 */
#include "unit/http/heads.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool is_started;
	struct reading reading;
	struct str head;
	bool is_valid;

	if (!is_started)
		heads_start();
	is_started = true;
	if (size < 2 || size > HEAD_MAX)
		return 0;
	head = fuzz_str(data + 1, size - 1);
	is_valid = heads_read(head, &reading);
	if (heads_accepts(head.ptr, head.len, data[0] ? data[0] : SIZE_MAX)) {
		fuzz_assert(is_valid);
		heads_check_same(&reading);
	} else {
		fuzz_assert(!is_valid || reading.is_ours_to_refuse);
	}
	return 0;
}
