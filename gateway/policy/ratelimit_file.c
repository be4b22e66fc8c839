/*
 * The limiter's state on disk.  All numbers are little-endian.
 *
 *	magic   16 bytes, "usher-ratelimit1"
 *	key     16 bytes, of the keyed hash
 *	sum      8 bytes
 *	blocks:  count (4 bytes), that many entries, sum (8 bytes)
 *	entry:   hash of scope and client (8 bytes), full_at (8 bytes)
 *	a block of no entries ends the file
 *
 * Each sum is the keyed hash of the sum before and of what it follows, so a
 * file that was cut, mixed or bent is noticed; it is no protection from
 * somebody who writes such files on purpose, who has the key.
 */
#include "policy/ratelimit.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/hash.h"
#include "policy/ratelimit-private.h"

#define MAGIC "usher-ratelimit1"
#define MAGIC_FAMILY 15		/* bytes of it that all versions share */
#define ENTRY 16
/* What the largest limiter there may be can hold. */
#define CLIENTS_MAX ((uint64_t)RATELIMIT_SHARDS_MAX * RATELIMIT_SHARD_CLIENTS)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

_Static_assert(sizeof(MAGIC) - 1 == 16, "the magic has 16 bytes");

/* A block as it stands in the file, but for the sum before it in front. */
#define BEFORE 0
#define COUNT 8
#define ENTRIES 12
#define BLOCK_MAX (ENTRIES + RATELIMIT_SHARD_CLIENTS * ENTRY + 8)

struct head {
	uint8_t magic[16];
	uint8_t key[RATELIMIT_KEY_SIZE];
	uint8_t sum[8];
};

static void put64(uint8_t *out, uint64_t n)
{
	n = htole64(n);
	memcpy(out, &n, sizeof(n));
}

static uint64_t get64(const uint8_t *in)
{
	uint64_t n;

	memcpy(&n, in, sizeof(n));
	return le64toh(n);
}

static void put32(uint8_t *out, uint32_t n)
{
	n = htole32(n);
	memcpy(out, &n, sizeof(n));
}

static uint32_t get32(const uint8_t *in)
{
	uint32_t n;

	memcpy(&n, in, sizeof(n));
	return le32toh(n);
}

static uint64_t head_sum(const struct head *head)
{
	return hash_keyed(head->key, head, offsetof(struct head, sum));
}

/* Where the sum of a block of so many entries stands: after all it is of. */
static size_t sum_at(uint32_t count)
{
	return ENTRIES + (size_t)count * ENTRY;
}

/* ---- save --------------------------------------------------------------- */

/* Copy what the shard has; the lock is held for that and no longer. */
static uint32_t copy_shard(struct ratelimit_shard *shard, int64_t now,
			   uint8_t *block)
{
	uint8_t *out = block + ENTRIES;

	pthread_mutex_lock(&shard->lock);
	for (uint32_t i = 0; i < shard->slot_count; i++) {
		const struct ratelimit_slot *slot = &shard->slots[i];

		if (!slot->key || slot->full_at <= now)
			continue;
		put64(out, slot->key);
		put64(out + 8, (uint64_t)slot->full_at);
		out += ENTRY;
	}
	pthread_mutex_unlock(&shard->lock);
	return (uint32_t)((out - block - ENTRIES) / ENTRY);
}

static enum err write_block(const struct ratelimit *limiter,
			    struct file_draft *draft, uint8_t *block,
			    uint32_t count)
{
	size_t at = sum_at(count);
	uint64_t sum;

	put32(block + COUNT, count);
	sum = hash_keyed(limiter->key, block, at);
	put64(block + at, sum);
	put64(block + BEFORE, sum);
	return file_draft_write(draft, block + COUNT, at + 8 - COUNT);
}

static enum err write_all(const struct ratelimit *limiter,
			  struct file_draft *draft, uint8_t *block,
			  int64_t now)
{
	struct head head = { .magic = MAGIC };
	enum err err;

	memcpy(head.key, limiter->key, sizeof(head.key));
	put64(head.sum, head_sum(&head));
	memcpy(block + BEFORE, head.sum, 8);
	err = file_draft_write(draft, &head, sizeof(head));
	for (uint32_t i = 0; !err && i < limiter->shard_count; i++) {
		uint32_t n = copy_shard(&limiter->shards[i], now, block);

		if (n)
			err = write_block(limiter, draft, block, n);
	}
	return err ? err : write_block(limiter, draft, block, 0);
}

enum err ratelimit_save(const struct ratelimit *limiter, const char *path,
			int64_t now_ms)
{
	uint8_t *block = malloc(BLOCK_MAX);
	struct file_draft draft;
	enum err err;
	int saved;

	if (!block)
		return ERR_NOMEM;
	err = file_draft_begin(&draft, path);
	if (!err)
		err = write_all(limiter, &draft, block, now_ms * NS_PER_MS);
	if (!err)
		err = file_draft_commit(&draft, true);
	saved = errno;
	file_draft_abort(&draft);
	free(block);
	errno = saved;
	return err;
}

/* ---- load --------------------------------------------------------------- */

struct loading {
	int fd;
	struct head head;
	uint8_t *block;
	char *why;
	size_t why_size;
};

static enum err say(struct loading *l, enum err err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static enum err say(struct loading *l, enum err err, const char *fmt, ...)
{
	struct buf buf;
	va_list ap;

	if (!l->why_size)
		return err;
	buf_init_fixed(&buf, l->why, l->why_size);
	va_start(ap, fmt);
	buf_vprintf(&buf, fmt, ap);
	va_end(ap);
	return err;
}

static enum err read_exactly(struct loading *l, void *out, size_t len)
{
	uint8_t *p = out;

	while (len) {
		ssize_t n = read(l->fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return say(l, ERR_IO, "cannot be read: %s",
				   strerror(errno));
		if (n == 0)
			return say(l, ERR_SYNTAX, "it is cut short");
		p += n;
		len -= (size_t)n;
	}
	return ERR_OK;
}

static enum err read_head(struct loading *l)
{
	enum err err = read_exactly(l, &l->head, sizeof(l->head));

	if (err)
		return err;
	if (memcmp(l->head.magic, MAGIC, MAGIC_FAMILY))
		return say(l, ERR_SYNTAX, "not a rate limiter's state");
	if (memcmp(l->head.magic, MAGIC, sizeof(l->head.magic)))
		return say(l, ERR_UNSUPPORTED, "of another version");
	if (get64(l->head.sum) != head_sum(&l->head))
		return say(l, ERR_SYNTAX, "its head is damaged");
	memcpy(l->block + BEFORE, l->head.sum, 8);
	return ERR_OK;
}

/* *count_r is 0 for the last block. */
static enum err read_block(struct loading *l, uint32_t *count_r)
{
	uint8_t *block = l->block;
	uint32_t count;
	uint64_t sum;
	enum err err;

	err = read_exactly(l, block + COUNT, ENTRIES - COUNT);
	if (err)
		return err;
	count = get32(block + COUNT);
	if (count > RATELIMIT_SHARD_CLIENTS)
		return say(l, ERR_SYNTAX, "a block is damaged");
	err = read_exactly(l, block + ENTRIES, sum_at(count) + 8 - ENTRIES);
	if (err)
		return err;
	sum = hash_keyed(l->head.key, block, sum_at(count));
	if (get64(block + sum_at(count)) != sum)
		return say(l, ERR_SYNTAX, "a block is damaged");
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *entry = block + ENTRIES + (size_t)i * ENTRY;

		if (get64(entry) == 0 || get64(entry + 8) > INT64_MAX)
			return say(l, ERR_SYNTAX, "an entry is impossible");
	}
	put64(block + BEFORE, sum);
	*count_r = count;
	return ERR_OK;
}

/* Take up one block. False: no memory. */
static bool take_up(const struct loading *l, uint32_t count,
		    struct ratelimit *limiter, int64_t now)
{
	int64_t latest = now + RATELIMIT_PER_S_MAX * NS_PER_S;

	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *entry = l->block + ENTRIES + (size_t)i * ENTRY;
		uint64_t key = get64(entry);
		int64_t at = (int64_t)get64(entry + 8);

		if (at > now && !ratelimit_restore(limiter, key,
						   at < latest ? at : latest,
						   now))
			return false;
	}
	return true;
}

/* Read through the whole file; with a limiter, take up what it says. */
static enum err pass(struct loading *l, struct ratelimit *limiter,
		     int64_t now)
{
	uint64_t total = 0;
	uint32_t count = 0;
	enum err err;
	char more;

	if (lseek(l->fd, 0, SEEK_SET) < 0)
		return say(l, ERR_IO, "cannot be read: %s", strerror(errno));
	err = read_head(l);
	if (err)
		return err;
	if (limiter)
		memcpy(limiter->key, l->head.key, sizeof(limiter->key));
	while (!(err = read_block(l, &count)) && count) {
		total += count;
		if (total > CLIENTS_MAX)
			return say(l, ERR_LIMIT, "too many clients");
		if (limiter && !take_up(l, count, limiter, now))
			return say(l, ERR_NOMEM, "no memory");
	}
	if (!err && read(l->fd, &more, 1) != 0)
		return say(l, ERR_SYNTAX, "something follows its end");
	return err;
}

enum err ratelimit_load(struct ratelimit *limiter, const char *path,
			int64_t now_ms, char *why, size_t size)
{
	struct loading l = { .why = why, .why_size = size };
	int64_t now = now_ms * NS_PER_MS;
	struct stat st;
	enum err err;

	l.block = malloc(BLOCK_MAX);
	if (!l.block)
		return say(&l, ERR_NOMEM, "no memory");
	l.fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (l.fd < 0) {
		err = say(&l, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
			  "cannot be opened: %s", strerror(errno));
		goto out;
	}
	if (fstat(l.fd, &st) || !S_ISREG(st.st_mode)) {
		err = say(&l, ERR_IO, "not a regular file");
		goto out;
	}
	/* All of it is looked at before any of it is believed. */
	err = pass(&l, NULL, now);
	if (!err)
		err = pass(&l, limiter, now);
out:
	if (l.fd >= 0)
		close(l.fd);
	explicit_bzero(l.head.key, sizeof(l.head.key));
	free(l.block);
	return err;
}
