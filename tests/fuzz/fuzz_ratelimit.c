/*
 * A rate limiter's state file: as it is, and with its sums put right so that
 * the search gets past them.
 */
#include <endian.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/hash.h"
#include "fuzz/fuzz.h"
#include "policy/ratelimit.h"

#define INPUT_MAX 65536
#define NOW INT64_C(1795371060000)
#define HEAD 40			/* magic, key, sum */

static void put_sum(uint8_t *at, uint64_t sum)
{
	sum = htole64(sum);
	memcpy(at, &sum, sizeof(sum));
}

/* Each block's sum is of the sum before, the count and the entries. */
static void repair(uint8_t *data, size_t size)
{
	static uint8_t block[8 + 4 + 384 * 16];
	const uint8_t *key = data + 16;
	size_t at = HEAD;

	if (size < HEAD)
		return;
	put_sum(data + 32, hash_keyed(key, data, 32));
	memcpy(block, data + 32, 8);
	while (at + 4 + 8 <= size) {
		uint32_t count;
		size_t len;

		memcpy(&count, data + at, sizeof(count));
		count = le32toh(count);
		len = 4 + (size_t)count * 16;
		if (count > 384 || at + len + 8 > size)
			return;
		memcpy(block + 8, data + at, len);
		put_sum(block, hash_keyed(key, block, 8 + len));
		memcpy(data + at + len, block, 8);
		at += len + 8;
	}
}

static int file_of(const uint8_t *data, size_t size, char path[32])
{
	int fd = memfd_create("state", MFD_CLOEXEC);

	fuzz_assert(fd >= 0);
	fuzz_assert(write(fd, data, size) == (ssize_t)size);
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	return fd;
}

/* What was taken up works, within its bounds. */
static void check_taken(struct ratelimit *limiter, size_t size)
{
	static const struct ratelimit_rule rule = { 60, 3600 };
	struct ratelimit_stats stats = ratelimit_stats(limiter);
	struct ip from = { .family = 6, .bytes = { 0x20, 1 } };
	struct ratelimit_verdict v;

	fuzz_assert(stats.clients <= stats.clients_max);
	fuzz_assert(stats.clients <= size / 16);
	v = ratelimit_check(limiter, STR("x"), rule, &from, NOW);
	fuzz_assert(v.limit == 60 && v.remaining < 60);
	fuzz_assert(v.allowed == (v.retry_after_s == 0));
	/* Whatever it said, in the longest of periods it is forgotten. */
	ratelimit_sweep(limiter, NOW + RATELIMIT_PER_S_MAX * INT64_C(1000));
	fuzz_assert(ratelimit_stats(limiter).clients == 0);
}

static void try_file(const uint8_t *data, size_t size)
{
	struct ratelimit *limiter = ratelimit_new(1000);
	char path[32], why[RATELIMIT_WHY_MAX] = "";
	int fd = file_of(data, size, path);
	enum err err;

	fuzz_assert(limiter);
	err = ratelimit_load(limiter, path, NOW, why, sizeof(why));
	if (err) {
		fuzz_assert(why[0] && !strchr(why, '\n'));
		fuzz_assert(ratelimit_stats(limiter).clients == 0);
	} else {
		check_taken(limiter, size);
	}
	ratelimit_free(limiter);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t copy[INPUT_MAX];

	if (size > sizeof(copy))
		return 0;
	try_file(data, size);
	memcpy(copy, data, size);
	repair(copy, size);
	try_file(copy, size);
	return 0;
}
