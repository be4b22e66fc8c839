#include "sandbox/uids.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"

#define MAP_MAX 16384		/* octets of a map: 340 lines at most */

/* In the order of preference. */
static const struct uid_range ranges[] = {
	{ 0x7d000000, UIDS_MAX },
	{ 0xf000, 2048 },
};

/* The next number of a line, between blanks. */
static int next_number(struct str *line, uint64_t *number_r)
{
	size_t i = 0, from;

	while (i < line->len && line->ptr[i] == ' ')
		i++;
	for (from = i; i < line->len && line->ptr[i] != ' ';)
		i++;
	if (num_u64((struct str){ line->ptr + from, i - from }, 0, UINT32_MAX,
		    number_r))
		return -1;
	line->ptr += i;
	line->len -= i;
	return 0;
}

/* Does one line of the map have all of the range? */
static bool has(struct str map, struct uid_range range)
{
	while (map.len) {
		struct str line = str_cut(map, '\n', &map);
		uint64_t inside, outside, count;

		if (next_number(&line, &inside) ||
		    next_number(&line, &outside) || next_number(&line, &count))
			continue;
		if (inside <= range.first &&
		    inside + count >= (uint64_t)range.first + range.count)
			return true;
	}
	return false;
}

struct uid_range uids_range_of(struct str uid_map, struct str gid_map)
{
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (has(uid_map, ranges[i]) && has(gid_map, ranges[i]))
			return ranges[i];
	return (struct uid_range){ 0, 0 };
}

static struct str read_map(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 1;

	while (fd >= 0 && n > 0 && len < size) {
		n = read(fd, text + len, size - len);
		len += n > 0 ? (size_t)n : 0;
	}
	if (fd >= 0)
		close(fd);
	return (struct str){ text, n < 0 ? 0 : len };
}

struct uid_range uids_range(void)
{
	char uids[MAP_MAX], gids[MAP_MAX];

	return uids_range_of(read_map("/proc/self/uid_map", uids, sizeof(uids)),
			     read_map("/proc/self/gid_map", gids,
				      sizeof(gids)));
}

void uids_init(struct uids *uids, struct uid_range range)
{
	memset(uids, 0, sizeof(*uids));
	uids->range = range;
	uids->taken[0] = 1;
}

int uids_take(struct uids *uids, uid_t *uid_r)
{
	const unsigned count = uids->range.count;

	for (unsigned i = 0; i < count; i++) {
		unsigned n = (uids->next + i) % count;
		uint8_t bit = (uint8_t)(1u << n % 8);

		if (uids->taken[n / 8] & bit)
			continue;
		uids->taken[n / 8] |= bit;
		uids->next = n + 1;
		*uid_r = uids->range.first + n;
		return 1;
	}
	return 0;
}

void uids_give_back(struct uids *uids, uid_t uid)
{
	unsigned n = uid - uids->range.first;

	if (uid < uids->range.first || !n || n >= uids->range.count)
		return;
	uids->taken[n / 8] &= (uint8_t)~(1u << n % 8);
}
