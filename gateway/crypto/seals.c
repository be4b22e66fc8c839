#include "crypto/seals.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/num.h"

#define HEADER "usher-seals 1"
#define COUNT_TEXT 20			/* digits */

_Static_assert(sizeof(HEADER) + KEYRING_KEYS_MAX *
	       (KEYRING_KID_MAX + 1 + COUNT_TEXT + 1) <= SEALS_FILE_MAX,
	       "a full ring fits");

struct seals {
	_Atomic uint64_t taken;
	uint64_t saved;			/* what the file has; under the lock */
	unsigned holders;		/* under the lock */
	unsigned kid_len;		/* 0: a free place */
	char kid[KEYRING_KID_MAX];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct seals all[SEALS_KIDS_MAX];

/* Under the lock. NULL: it is not known. */
static struct seals *find(struct str kid)
{
	for (unsigned i = 0; i < SEALS_KIDS_MAX; i++) {
		const struct str have = { all[i].kid, all[i].kid_len };

		if (have.len && str_eq(have, kid))
			return &all[i];
	}
	return NULL;
}

/* A place that nobody has, else one that nobody holds. Under the lock. */
static struct seals *find_place(void)
{
	struct seals *place = NULL;

	for (unsigned i = 0; i < SEALS_KIDS_MAX; i++) {
		if (!all[i].kid_len)
			return &all[i];
		if (!all[i].holders && !place)
			place = &all[i];
	}
	return place;
}

static struct seals *find_or_make(struct str kid)
{
	struct seals *seals = find(kid);

	if (seals || kid.len == 0 || kid.len > KEYRING_KID_MAX)
		return seals;
	seals = find_place();
	if (!seals)
		return NULL;
	*seals = (struct seals){ .kid_len = (unsigned)kid.len };
	memcpy(seals->kid, kid.ptr, kid.len);
	return seals;
}

struct seals *seals_hold(struct str kid)
{
	struct seals *seals;

	pthread_mutex_lock(&lock);
	seals = find_or_make(kid);
	if (seals)
		seals->holders++;
	pthread_mutex_unlock(&lock);
	return seals;
}

void seals_let_go(struct seals *seals)
{
	if (!seals)
		return;
	pthread_mutex_lock(&lock);
	seals->holders--;
	pthread_mutex_unlock(&lock);
}

bool seals_take(struct seals *seals)
{
	return atomic_fetch_add_explicit(&seals->taken, 1,
					 memory_order_relaxed) < SEALS_MAX;
}

uint64_t seals_taken(const struct seals *seals)
{
	return atomic_load_explicit(&seals->taken, memory_order_relaxed);
}

uint64_t seals_of(struct str kid)
{
	const struct seals *seals;
	uint64_t n;

	pthread_mutex_lock(&lock);
	seals = find(kid);
	n = seals ? seals_taken(seals) : 0;
	pthread_mutex_unlock(&lock);
	return n;
}

/* Others may be counting meanwhile. */
static void raise_to(struct seals *seals, uint64_t count)
{
	uint64_t have = atomic_load(&seals->taken);

	while (have < count &&
	       !atomic_compare_exchange_weak(&seals->taken, &have, count))
		;
}

void seals_at_least(struct str kid, uint64_t count)
{
	struct seals *seals;

	pthread_mutex_lock(&lock);
	seals = find_or_make(kid);
	if (seals)
		raise_to(seals, count);
	pthread_mutex_unlock(&lock);
}

/* ---- the file ----------------------------------------------------------- */

static bool has_kid(const struct keyring *ring, struct str kid)
{
	for (unsigned i = 0; i < keyring_count(ring); i++)
		if (str_eq(keyring_kid(ring, i), kid))
			return true;
	return false;
}

/* Lines of keys that the ring no longer has are passed over. */
/* Has the file, which is well-formed, a line of that key? */
static bool knows(struct str text, struct str kid)
{
	while (text.len) {
		struct str line = str_cut(text, '\n', &text), rest;

		if (str_eq(str_cut(line, ' ', &rest), kid) &&
		    !str_is_null(rest))
			return true;
	}
	return false;
}

/* A key that the file says nothing of, though it had the time to. */
static enum err check_unknown(const struct keyring *ring, struct str text)
{
	int64_t now_s = clock_wall_s();
	enum err err = ERR_OK;

	for (unsigned i = 0; i < keyring_count(ring); i++) {
		struct str kid = keyring_kid(ring, i);
		int64_t age_s = now_s - keyring_created_s(ring, i);

		if (knows(text, kid) || (age_s >= 0 && age_s <= SEALS_NEW_S))
			continue;
		seals_at_least(kid, SEALS_ROTATE);
		err = ERR_CONFLICT;
	}
	return err;
}

static enum err parse(struct str text, const struct keyring *ring)
{
	struct str line = str_cut(text, '\n', &text), kid, digits;
	struct seals *seals;
	uint64_t count;

	if (!str_eq(line, STR(HEADER)))
		return ERR_SYNTAX;
	while (text.len) {
		line = str_cut(text, '\n', &text);
		kid = str_cut(line, ' ', &digits);
		if (str_is_null(text) || str_is_null(digits) ||
		    num_u64(digits, 0, INT64_MAX, &count))
			return ERR_SYNTAX;
		if (!has_kid(ring, kid))
			continue;
		seals_at_least(kid, count);
		pthread_mutex_lock(&lock);
		seals = find(kid);
		if (seals)
			seals->saved = count;
		pthread_mutex_unlock(&lock);
	}
	return ERR_OK;
}

static enum err read_file(const char *path, struct buf *out)
{
	char part[512];
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	do {
		n = read(fd, part, sizeof(part));
		if (n > 0)
			buf_add(out, part, (size_t)n);
	} while ((n > 0 && buf_is_ok(out)) || (n < 0 && errno == EINTR));
	close(fd);
	if (n < 0)
		return ERR_IO;
	return buf_is_ok(out) ? ERR_OK : ERR_LIMIT;
}

enum err seals_load(const char *path, const struct keyring *ring)
{
	char text[SEALS_FILE_MAX + 1];
	struct buf buf;
	enum err err;

	buf_init_fixed(&buf, text, sizeof(text));
	err = read_file(path, &buf);
	if (!err)
		err = parse(buf_str(&buf), ring);
	if (!err || err == ERR_NOT_FOUND)
		return check_unknown(ring, err ? STR_NULL : buf_str(&buf)) ?
			ERR_CONFLICT : err;
	for (unsigned i = 0; i < keyring_count(ring); i++)
		seals_at_least(keyring_kid(ring, i), SEALS_ROTATE);
	return err;
}

bool seals_is_due(const struct keyring *ring)
{
	bool is_due = false;

	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < keyring_count(ring); i++) {
		const struct seals *seals = find(keyring_kid(ring, i));

		if (seals && seals_taken(seals) + SEALS_AHEAD / 2 >
			     seals->saved)
			is_due = true;
	}
	pthread_mutex_unlock(&lock);
	return is_due;
}

enum err seals_save(const char *path, const struct keyring *ring,
		    uint64_t ahead)
{
	uint64_t counts[KEYRING_KEYS_MAX];
	char text[SEALS_FILE_MAX + 1];
	struct file_draft draft = { .fd = -1 };
	struct buf buf;
	enum err err;

	buf_init_fixed(&buf, text, sizeof(text));
	buf_puts(&buf, HEADER "\n");
	for (unsigned i = 0; i < keyring_count(ring); i++) {
		struct str kid = keyring_kid(ring, i);

		counts[i] = seals_of(kid) + ahead;
		buf_adds(&buf, kid);
		buf_printf(&buf, " %llu\n", (unsigned long long)counts[i]);
	}
	err = buf_is_ok(&buf) ? file_draft_begin(&draft, path) : ERR_INTERNAL;
	if (!err)
		err = file_draft_write(&draft, buf.ptr, buf.len);
	if (!err)
		err = file_draft_commit(&draft, true);
	file_draft_abort(&draft);
	if (err)
		return err;
	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < keyring_count(ring); i++) {
		struct seals *seals = find(keyring_kid(ring, i));

		if (seals)
			seals->saved = counts[i];
	}
	pthread_mutex_unlock(&lock);
	return ERR_OK;
}
