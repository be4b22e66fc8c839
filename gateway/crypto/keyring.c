#include "crypto/keyring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "codec/base64url.h"
#include "crypto/digest.h"
#include "crypto/keyring-private.h"

#define HEADER "usher-keyring 1"
#define TIME_LEN 20			/* "2026-11-22T18:11:00Z" */
#define KEY_TEXT BASE64URL_LEN(KEYRING_KEY_SIZE)
#define KID_BYTES 6			/* 8 characters: rings are small */

_Static_assert(sizeof(HEADER) + KEYRING_KEYS_MAX *
	       (KEYRING_KID_MAX + 1 + TIME_LEN + 1 + KEY_TEXT + 1) <=
	       KEYRING_FILE_MAX, "a full ring fits");

struct master {
	uint8_t key[KEYRING_KEY_SIZE];
	int64_t created_s;
	uint8_t kid_len;
	char kid[KEYRING_KID_MAX + 1];
};

struct keyring {
	unsigned count;
	struct master keys[KEYRING_KEYS_MAX];
};

/* Where an error is told. */
struct why {
	char *text;
	size_t size;
	unsigned line;		/* 0: not about a line */
};

static enum err say(struct why *why, enum err err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static enum err say(struct why *why, enum err err, const char *fmt, ...)
{
	struct buf buf;
	va_list ap;

	if (!why->size)
		return err;
	buf_init_fixed(&buf, why->text, why->size);
	if (why->line)
		buf_printf(&buf, "line %u: ", why->line);
	va_start(ap, fmt);
	buf_vprintf(&buf, fmt, ap);
	va_end(ap);
	return err;
}

/* ---- in memory ---------------------------------------------------------- */

static struct keyring *ring_new(void)
{
	struct keyring *ring = mmap(NULL, sizeof(*ring),
				    PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (ring == MAP_FAILED)
		return NULL;
	/* A second line of defence, both: what the limits forbid is let be */
	(void)madvise(ring, sizeof(*ring), MADV_DONTDUMP);
	(void)mlock(ring, sizeof(*ring));
	return ring;
}

struct keyring *keyring_copy(const struct keyring *ring)
{
	struct keyring *copy = ring_new();

	if (copy)
		*copy = *ring;
	return copy;
}

void keyring_free(struct keyring *ring)
{
	if (!ring)
		return;
	explicit_bzero(ring, sizeof(*ring));
	munmap(ring, sizeof(*ring));
}

unsigned keyring_count(const struct keyring *ring)
{
	return ring->count;
}

struct str keyring_kid(const struct keyring *ring, unsigned i)
{
	return (struct str){ ring->keys[i].kid, ring->keys[i].kid_len };
}

int64_t keyring_created_s(const struct keyring *ring, unsigned i)
{
	return ring->keys[i].created_s;
}

int64_t keyring_superseded_s(const struct keyring *ring, unsigned i)
{
	return ring->keys[i - 1].created_s;
}

bool keyring_is_same(const struct keyring *a, const struct keyring *b)
{
	if (a->count != b->count)
		return false;
	for (unsigned i = 0; i < a->count; i++) {
		if (!str_eq(keyring_kid(a, i), keyring_kid(b, i)) ||
		    !digest_equal(a->keys[i].key, b->keys[i].key,
				  KEYRING_KEY_SIZE))
			return false;
	}
	return true;
}

bool keyring_is_behind(const struct keyring *ring, const struct keyring *of)
{
	for (unsigned i = 1; i < of->count; i++)
		if (str_eq(keyring_kid(of, i), keyring_kid(ring, 0)) &&
		    digest_equal(of->keys[i].key, ring->keys[0].key,
				 KEYRING_KEY_SIZE))
			return true;
	return false;
}

const uint8_t *keyring_key(const struct keyring *ring, unsigned i)
{
	return ring->keys[i].key;
}

static bool has_kid(const struct keyring *ring, struct str kid)
{
	for (unsigned i = 0; i < ring->count; i++) {
		if (str_eq(keyring_kid(ring, i), kid))
			return true;
	}
	return false;
}

static bool has_key(const struct keyring *ring, const uint8_t *key)
{
	for (unsigned i = 0; i < ring->count; i++) {
		if (digest_equal(ring->keys[i].key, key, KEYRING_KEY_SIZE))
			return true;
	}
	return false;
}

/* A fresh key that seals from now on. The ring has room. */
static enum err ring_push(struct keyring *ring)
{
	uint8_t id[KID_BYTES];
	struct master fresh = { .created_s = clock_wall_s() };
	enum err err;

	fresh.kid_len = BASE64URL_LEN(KID_BYTES);
	do {
		err = random_bytes(id, sizeof(id));
		if (err)
			return err;
		base64url_encode(fresh.kid, id, sizeof(id));
		/* one with a '-' first would be an option to `key retire` */
	} while (fresh.kid[0] == '-' ||
		 has_kid(ring, (struct str){ fresh.kid, fresh.kid_len }));
	err = random_bytes(fresh.key, sizeof(fresh.key));
	if (err)
		return err;
	memmove(&ring->keys[1], &ring->keys[0],
		ring->count * sizeof(ring->keys[0]));
	ring->keys[0] = fresh;
	ring->count++;
	explicit_bzero(&fresh, sizeof(fresh));
	return ERR_OK;
}

/* Take key `i` out. */
static void ring_drop(struct keyring *ring, unsigned i)
{
	ring->count--;
	memmove(&ring->keys[i], &ring->keys[i + 1],
		(ring->count - i) * sizeof(ring->keys[0]));
	explicit_bzero(&ring->keys[ring->count], sizeof(ring->keys[0]));
}

struct keyring *keyring_new_throwaway(void)
{
	struct keyring *ring = ring_new();

	if (ring && ring_push(ring)) {
		keyring_free(ring);
		return NULL;
	}
	return ring;
}

/* ---- text --------------------------------------------------------------- */

static void time_text(int64_t created_s, char out[CLOCK_TEXT_MAX])
{
	clock_text(created_s * 1000, out);
	out[TIME_LEN - 1] = 'Z';	/* in place of the milliseconds */
	out[TIME_LEN] = '\0';
}

static int number(const char *p, size_t digits)
{
	int n = 0;

	for (size_t i = 0; i < digits; i++)
		n = n * 10 + (p[i] - '0');
	return n;
}

/* Right when it reads back as it was written: no 31st of April then. */
static bool parse_time(struct str s, int64_t *out_r)
{
	static const char shape[] = "0000-00-00T00:00:00Z";
	char back[CLOCK_TEXT_MAX];
	struct tm tm = { 0 };
	int64_t t;

	if (s.len != TIME_LEN)
		return false;
	for (size_t i = 0; i < TIME_LEN; i++) {
		if (shape[i] == '0' ? !ascii_is_digit(s.ptr[i]) :
				      s.ptr[i] != shape[i])
			return false;
	}
	tm.tm_year = number(s.ptr, 4) - 1900;
	tm.tm_mon = number(s.ptr + 5, 2) - 1;
	tm.tm_mday = number(s.ptr + 8, 2);
	tm.tm_hour = number(s.ptr + 11, 2);
	tm.tm_min = number(s.ptr + 14, 2);
	tm.tm_sec = number(s.ptr + 17, 2);
	t = timegm(&tm);
	if (t < 0)
		return false;
	time_text(t, back);
	if (!str_eq(s, str_from(back)))
		return false;
	*out_r = t;
	return true;
}

static bool is_kid(struct str s)
{
	if (s.len == 0 || s.len > KEYRING_KID_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (!ascii_is_alpha(c) && !ascii_is_digit(c) && c != '_' &&
		    c != '-')
			return false;
	}
	return true;
}

static enum err parse_line(struct keyring *ring, struct str line,
			   struct why *why)
{
	struct master *m = &ring->keys[ring->count];
	struct str kid, created, key = STR_NULL;
	size_t len;

	if (ring->count == KEYRING_KEYS_MAX)
		return say(why, ERR_LIMIT, "more than %d keys",
			   KEYRING_KEYS_MAX);
	kid = str_cut(line, ' ', &line);
	created = str_cut(line, ' ', &key);
	if (!is_kid(kid))
		return say(why, ERR_SYNTAX, "the key id is not 1 to %d of "
			   "A-Z a-z 0-9 _ -", KEYRING_KID_MAX);
	if (!parse_time(created, &m->created_s))
		return say(why, ERR_SYNTAX, "the time is not like "
			   "2026-11-22T18:11:00Z");
	if (key.len != KEY_TEXT ||
	    base64url_decode(key, m->key, sizeof(m->key), &len))
		return say(why, ERR_SYNTAX, "the key is not %d bytes in "
			   "base64url without padding", KEYRING_KEY_SIZE);
	if (has_kid(ring, kid))
		return say(why, ERR_DUPLICATE, "the key id stands in an "
			   "earlier line too");
	if (has_key(ring, m->key))
		return say(why, ERR_DUPLICATE, "the key stands in an earlier "
			   "line too");
	memcpy(m->kid, kid.ptr, kid.len);
	m->kid[kid.len] = '\0';
	m->kid_len = (uint8_t)kid.len;
	ring->count++;
	return ERR_OK;
}

static enum err ring_parse(struct keyring *ring, struct str text,
			   struct why *why)
{
	struct str line;
	enum err err;

	why->line = 1;
	line = str_cut(text, '\n', &text);
	if (!str_eq(line, STR(HEADER)))
		return say(why, ERR_SYNTAX, "not a key ring: it does not "
			   "begin with \"" HEADER "\"");
	while (text.len) {
		why->line++;
		line = str_cut(text, '\n', &text);
		if (str_is_null(text))
			return say(why, ERR_SYNTAX, "the line is cut short");
		err = parse_line(ring, line, why);
		if (err)
			return err;
	}
	if (!ring->count)
		return say(why, ERR_SYNTAX, "there is no key");
	why->line = 0;
	return ERR_OK;
}

void keyring_print(const struct keyring *ring, struct buf *out)
{
	char text[CLOCK_TEXT_MAX];

	buf_puts(out, HEADER "\n");
	for (unsigned i = 0; i < ring->count; i++) {
		const struct master *m = &ring->keys[i];

		time_text(m->created_s, text);
		buf_adds(out, keyring_kid(ring, i));
		buf_addc(out, ' ');
		buf_puts(out, text);
		buf_addc(out, ' ');
		base64url_add(out, m->key, sizeof(m->key));
		buf_addc(out, '\n');
	}
}

enum err keyring_parse(struct str text, struct keyring **out_r, char *why,
		       size_t size)
{
	struct why reason = { why, size, 0 };
	struct keyring *ring = ring_new();
	enum err err;

	if (!ring)
		return say(&reason, ERR_NOMEM, "no memory");
	err = ring_parse(ring, text, &reason);
	if (err) {
		keyring_free(ring);
		return err;
	}
	*out_r = ring;
	return ERR_OK;
}

/* ---- files -------------------------------------------------------------- */

/* Is this a file that only its owner, who is us, could have read? */
static enum err check_access(const struct stat *st, struct why *why)
{
	uid_t me = geteuid();

	if (!S_ISREG(st->st_mode))
		return say(why, ERR_IO, "not a regular file");
	if (st->st_uid != me && me != 0)
		return say(why, ERR_IO, "it belongs to user %lu, not to us "
			   "(%lu)", (unsigned long)st->st_uid,
			   (unsigned long)me);
	if (st->st_mode & 077)
		return say(why, ERR_IO, "its mode is %04o: the group or "
			   "others may use it; make it 0600",
			   (unsigned)(st->st_mode & 07777));
	return ERR_OK;
}

static enum err read_all(int fd, struct buf *out, struct why *why)
{
	char part[512];
	enum err err = ERR_OK;
	ssize_t n;

	do {
		n = read(fd, part, sizeof(part));
		if (n > 0)
			buf_add(out, part, (size_t)n);
	} while ((n > 0 && buf_is_ok(out)) || (n < 0 && errno == EINTR));
	if (n < 0)
		err = say(why, ERR_IO, "cannot be read: %s", strerror(errno));
	else if (!buf_is_ok(out))
		err = say(why, ERR_LIMIT, "longer than %d bytes",
			  KEYRING_FILE_MAX);
	explicit_bzero(part, sizeof(part));
	return err;
}

static enum err ring_read(struct keyring *ring, const char *path,
			  struct stat *st, struct why *why)
{
	char text[KEYRING_FILE_MAX + 1];
	struct buf buf;
	enum err err;
	int fd;

	/* A FIFO must not make us wait for its writer. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return say(why, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
			   "cannot be opened: %s", strerror(errno));
	buf_init_fixed(&buf, text, sizeof(text));
	if (fstat(fd, st))
		err = say(why, ERR_IO, "cannot be examined: %s",
			  strerror(errno));
	else
		err = check_access(st, why);
	if (!err)
		err = read_all(fd, &buf, why);
	if (!err)
		err = ring_parse(ring, buf_str(&buf), why);
	close(fd);
	buf_done(&buf);
	return err;
}

enum err keyring_load(const char *path, struct keyring **out_r, char *why,
		      size_t size)
{
	struct why reason = { why, size, 0 };
	struct keyring *ring = ring_new();
	struct stat st;
	enum err err;

	if (!ring)
		return say(&reason, ERR_NOMEM, "no memory");
	err = ring_read(ring, path, &st, &reason);
	if (err) {
		keyring_free(ring);
		return err;
	}
	*out_r = ring;
	return ERR_OK;
}

/* Write the ring into a draft that has begun, and end the draft. */
static enum err ring_write(const struct keyring *ring,
			   struct file_draft *draft, bool replace)
{
	char text[KEYRING_FILE_MAX + 1];
	struct buf buf;
	enum err err;

	buf_init_fixed(&buf, text, sizeof(text));
	keyring_print(ring, &buf);
	err = buf_is_ok(&buf) ? file_draft_write(draft, buf.ptr, buf.len) :
				ERR_INTERNAL;
	buf_done(&buf);
	if (err) {
		file_draft_abort(draft);
		return err;
	}
	return file_draft_commit(draft, replace);
}

/* Root may make the ring of the user that the gateway becomes: whose the
 * directory is, it has the ring. */
static enum err give_to_owner(const struct file_draft *draft, const char *path)
{
	const char *end = strrchr(path, '/');
	char dir[PATH_MAX];
	struct stat st;

	if (geteuid() != 0)
		return ERR_OK;
	snprintf(dir, sizeof(dir), "%.*s", end ? (int)(end - path + 1) : 1,
		 end ? path : ".");
	return stat(dir, &st) || fchown(draft->fd, st.st_uid, st.st_gid) ?
		ERR_IO : ERR_OK;
}

static enum err make(const char *path, bool replace)
{
	struct keyring *ring = keyring_new_throwaway();
	struct file_draft draft = { .fd = -1 };
	enum err err;

	if (!ring)
		return ERR_NOMEM;
	err = file_draft_begin(&draft, path);
	if (!err)
		err = give_to_owner(&draft, path);
	if (!err)
		err = ring_write(ring, &draft, replace);
	file_draft_abort(&draft);
	keyring_free(ring);
	return err;
}

enum err keyring_create(const char *path)
{
	return make(path, false);
}

enum err keyring_replace(const char *path)
{
	return make(path, true);
}

/* Root may turn the ring of the user that the gateway becomes. */
static enum err keep_owner(const struct file_draft *draft,
			   const struct stat *was, struct why *why)
{
	if (was->st_uid == geteuid())
		return ERR_OK;
	if (fchown(draft->fd, was->st_uid, was->st_gid))
		return say(why, ERR_IO, "cannot be given to user %lu: %s",
			   (unsigned long)was->st_uid, strerror(errno));
	return ERR_OK;
}

/* A change to a ring. ERR_OK: it is to be written. */
typedef enum err change_fn(struct keyring *ring, void *ctx, struct why *why);

/* Not an error of anybody's: there is nothing to write. */
#define UNCHANGED ERR_USED

static enum err ring_change(const char *path, change_fn *change, void *ctx,
			    struct why *why)
{
	struct keyring *ring = ring_new();
	struct file_draft draft = { .fd = -1 };
	struct stat st;
	enum err err;

	if (!ring)
		return say(why, ERR_NOMEM, "no memory");
	/* The draft is the lock: it is held from before we read. */
	err = file_draft_begin(&draft, path);
	if (err) {
		say(why, err, "cannot write beside it: %s",
		    err == ERR_IO ? strerror(errno) : err_text(err));
		goto out;
	}
	err = ring_read(ring, path, &st, why);
	if (!err)
		err = change(ring, ctx, why);
	if (!err)
		err = keep_owner(&draft, &st, why);
	if (err)
		goto out;
	err = ring_write(ring, &draft, true);
	if (err)
		say(why, err, "cannot be written: %s",
		    err == ERR_IO ? strerror(errno) : err_text(err));
out:
	file_draft_abort(&draft);
	keyring_free(ring);
	return err;
}

static enum err turn(struct keyring *ring, void *ctx, struct why *why)
{
	(void)ctx;
	if (ring->count == KEYRING_KEYS_MAX)
		return say(why, ERR_LIMIT, "it holds %d keys already, the most "
			   "there can be: the gateway drops each an hour after "
			   "the next one took over, or take one out now with "
			   "usherctl key retire %s (what it sealed ends)",
			   KEYRING_KEYS_MAX,
			   ring->keys[ring->count - 1].kid);
	if (ring_push(ring))
		return say(why, ERR_IO, "the system gives no random bytes");
	return ERR_OK;
}

enum err keyring_rotate(const char *path, char *why, size_t size)
{
	struct why reason = { why, size, 0 };

	return ring_change(path, turn, NULL, &reason);
}

static enum err retire(struct keyring *ring, void *ctx, struct why *why)
{
	const struct str *kid = ctx;
	unsigned i = 0;

	while (i < ring->count && !str_eq(keyring_kid(ring, i), *kid))
		i++;
	if (i == ring->count)
		return say(why, ERR_NOT_FOUND, "it has no key of that id: see "
			   "usherctl key list");
	if (i == 0)
		return say(why, ERR_CONFLICT, "this key is the one that seals: "
			   "put another in front of it first with usherctl "
			   "key rotate");
	ring_drop(ring, i);
	return ERR_OK;
}

enum err keyring_retire(const char *path, struct str kid, char *why,
			size_t size)
{
	struct why reason = { why, size, 0 };

	return ring_change(path, retire, &kid, &reason);
}

struct pruning {
	bool (*may_go)(void *ctx, struct str kid, int64_t superseded_s);
	void *ctx;
	unsigned dropped;
};

/* From the oldest: until it goes, a key tells when the one below stopped. */
static enum err prune(struct keyring *ring, void *ctx, struct why *why)
{
	struct pruning *p = ctx;

	(void)why;
	for (unsigned i = ring->count; i-- > 1;) {
		if (!p->may_go(p->ctx, keyring_kid(ring, i),
			       keyring_superseded_s(ring, i)))
			continue;
		ring_drop(ring, i);
		p->dropped++;
	}
	return p->dropped ? ERR_OK : UNCHANGED;
}

enum err keyring_prune(const char *path,
		       bool (*may_go)(void *ctx, struct str kid,
				      int64_t superseded_s),
		       void *ctx, unsigned *dropped_r, char *why, size_t size)
{
	struct why reason = { why, size, 0 };
	struct pruning pruning = { may_go, ctx, 0 };
	enum err err = ring_change(path, prune, &pruning, &reason);

	if (err && err != UNCHANGED)
		return err;
	*dropped_r = pruning.dropped;
	return ERR_OK;
}
