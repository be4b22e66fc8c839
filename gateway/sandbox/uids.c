#include "sandbox/uids.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"

#define MAP_MAX 16384		/* octets of a map: 340 lines at most */

/* In the order of preference. */
static const struct {
	struct uid_range all;
	unsigned blocks;
	off_t at;			/* of the first lock in the file */
} ranges[] = {
	{ { 0x7d000000, 128 * UIDS_MAX }, 128, 0 },
	{ { 0xf000, 2048 }, 8, 128 },
};

#define RANGES (N_ELEMENTS(ranges))

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

struct uid_range uids_range_of(struct str uid_map, struct str gid_map,
			       unsigned *blocks_r)
{
	for (size_t i = 0; i < RANGES; i++)
		if (has(uid_map, ranges[i].all) &&
		    has(gid_map, ranges[i].all)) {
			*blocks_r = ranges[i].blocks;
			return ranges[i].all;
		}
	*blocks_r = 0;
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

/* -1: *problem gained a phrase. */
static int open_locks(struct buf *problem)
{
	int fd = open(UIDS_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK |
		      O_CLOEXEC, 0600);
	struct stat st;
	char text[128];

	if (fd < 0) {
		buf_printf(problem, UIDS_FILE ", by which gateways share the "
			   "ids of adapters, cannot be opened: %s",
			   strerror_r(errno, text, sizeof(text)));
		return -1;
	}
	/* Whoever may open it may hold all locks. */
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_uid != 0 ||
	    st.st_mode & 077) {
		buf_puts(problem, UIDS_FILE " is not a file of root's alone; "
			 "remove it");
		close(fd);
		return -1;
	}
	return fd;
}

/* The first block that nobody has; `blocks`: none. */
static unsigned lock_one(int fd, off_t at, unsigned blocks)
{
	unsigned i = 0;

	while (i < blocks) {
		struct flock lock = {
			.l_type = F_WRLCK, .l_whence = SEEK_SET,
			.l_start = at + i, .l_len = 1,
		};

		if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
			break;
		i++;
	}
	return i;
}

int uids_claim(struct uid_range *range_r, struct buf *problem)
{
	char uids[MAP_MAX], gids[MAP_MAX];
	unsigned blocks, block;
	struct uid_range all;
	int fd;

	*range_r = (struct uid_range){ 0, 0 };
	all = uids_range_of(read_map("/proc/self/uid_map", uids, sizeof(uids)),
			    read_map("/proc/self/gid_map", gids, sizeof(gids)),
			    &blocks);
	if (!blocks) {
		buf_puts(problem, "this user namespace has no ids for "
			 "adapters to have one each; map those that usherd(8) "
			 "names");
		return -1;
	}
	fd = open_locks(problem);
	if (fd < 0)
		return -1;
	block = lock_one(fd, all.first == ranges[0].all.first ?
			 ranges[0].at : ranges[1].at, blocks);
	if (block == blocks) {
		buf_printf(problem, "%u gateways run on this machine, and "
			   "there are ids for the adapters of no more", blocks);
		close(fd);
		return -1;
	}
	range_r->count = all.count / blocks;
	range_r->first = all.first + block * range_r->count;
	return fd;
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
