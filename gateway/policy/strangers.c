#include "policy/strangers.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLUG_MAX 64
#define FIRST_TENANTS 16

struct place {
	char *origin;			/* NULL: free */
	struct ip client;		/* who showed it first */
	uint64_t count;
	int64_t last_ms;
	unsigned kinds;
	bool is_shared;
	char header[STRANGERS_HEADER_MAX + 1];
};

struct book {
	char slug[SLUG_MAX];
	struct place places[STRANGERS_KEPT];
	uint64_t total;
	int64_t last_ms;
};

struct strangers {
	pthread_mutex_t lock;
	struct book **books;		/* by slug */
	unsigned count, room;
};

static bool is_word(struct str s, const char *more)
{
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_digit(s.ptr[i]) && !ascii_is_alpha(s.ptr[i]) &&
		    str_find(str_from(more), s.ptr[i]) < 0)
			return false;
	return s.len != 0;
}

/* Nothing that stands before '@' or behind '/' is in it. */
static bool is_origin(struct str s)
{
	ptrdiff_t at = str_find(s, ':');

	return at > 0 && s.len > (size_t)at + 3 &&
	       !memcmp(s.ptr + at, "://", 3) &&
	       is_word((struct str){ s.ptr, (size_t)at }, "+-.") &&
	       is_word((struct str){ s.ptr + at + 3, s.len - (size_t)at - 3 },
		       "-._:[]");
}

struct str stranger_shown(struct str origin, unsigned headers)
{
	if (!headers)
		return STR(STRANGER_NONE);
	if (headers > 1)
		return STR(STRANGER_SEVERAL);
	if (str_eq(origin, STR("null")))
		return origin;
	return origin.len <= STRANGERS_ORIGIN_MAX && is_origin(origin) ?
	       origin : STR(STRANGER_MALFORMED);
}

struct strangers *strangers_new(void)
{
	struct strangers *s = calloc(1, sizeof(*s));

	if (s && pthread_mutex_init(&s->lock, NULL)) {
		free(s);
		return NULL;
	}
	return s;
}

static void book_free(struct book *book)
{
	for (unsigned i = 0; i < STRANGERS_KEPT; i++)
		free(book->places[i].origin);
	free(book);
}

void strangers_free(struct strangers *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->count; i++)
		book_free(s->books[i]);
	free(s->books);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* Where the tenant's book is, or would be. */
static unsigned book_at(const struct strangers *s, struct str slug)
{
	unsigned low = 0, high = s->count;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (str_cmp(str_from(s->books[middle]->slug), slug) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct book *find_book(const struct strangers *s, struct str slug)
{
	unsigned at = book_at(s, slug);

	return at < s->count && str_eq(str_from(s->books[at]->slug), slug) ?
	       s->books[at] : NULL;
}

static void take_out(struct strangers *s, unsigned at)
{
	book_free(s->books[at]);
	s->count--;
	memmove(s->books + at, s->books + at + 1,
		(s->count - at) * sizeof(struct book *));
}

/* Tenants go and come: the one that was refused nothing for longest. */
static void take_out_oldest(struct strangers *s)
{
	unsigned oldest = 0;

	for (unsigned i = 1; i < s->count; i++)
		if (s->books[i]->last_ms < s->books[oldest]->last_ms)
			oldest = i;
	take_out(s, oldest);
}

static bool make_room(struct strangers *s)
{
	unsigned room = s->room ? 2 * s->room : FIRST_TENANTS;
	struct book **books;

	if (s->count == STRANGERS_TENANTS_MAX)
		take_out_oldest(s);
	if (s->count < s->room)
		return true;
	books = reallocarray(s->books, room, sizeof(struct book *));
	if (!books)
		return false;
	s->books = books;
	s->room = room;
	return true;
}

static struct book *get_book(struct strangers *s, struct str slug)
{
	struct book *book = find_book(s, slug);
	unsigned at;

	if (book || !slug.len || slug.len >= SLUG_MAX)
		return book;
	book = calloc(1, sizeof(*book));
	if (!book || !make_room(s)) {
		free(book);
		return NULL;
	}
	memcpy(book->slug, slug.ptr, slug.len);
	at = book_at(s, slug);
	memmove(s->books + at + 1, s->books + at,
		(s->count - at) * sizeof(struct book *));
	s->books[at] = book;
	s->count++;
	return book;
}

static struct place *find_place(struct book *book, struct str shown)
{
	for (unsigned i = 0; i < STRANGERS_KEPT; i++)
		if (book->places[i].origin &&
		    str_eq(str_from(book->places[i].origin), shown))
			return &book->places[i];
	return NULL;
}

/* May a second client's word make it one that stays? */
static void share(struct book *book, struct place *place, int64_t now_ms)
{
	struct place *stale = NULL;
	unsigned shared = 0;

	for (unsigned i = 0; i < STRANGERS_KEPT; i++) {
		struct place *p = &book->places[i];

		if (!p->origin || !p->is_shared)
			continue;
		shared++;
		if (now_ms - p->last_ms >= STRANGERS_STALE_MS &&
		    (!stale || p->last_ms < stale->last_ms))
			stale = p;
	}
	if (shared >= STRANGERS_SHARED && !stale)
		return;
	if (shared >= STRANGERS_SHARED)
		stale->is_shared = false;
	place->is_shared = true;
}

/* Whose place a newcomer of this client takes; NULL: none. */
static struct place *choose_place(struct book *book, const struct ip *client)
{
	struct place *own = NULL, *oldest = NULL, *vacant = NULL;
	unsigned owned = 0;

	for (unsigned i = 0; i < STRANGERS_KEPT; i++) {
		struct place *p = &book->places[i];
		bool is_own = p->origin && ip_eq(&p->client, client);

		owned += is_own;
		if (!p->origin)
			vacant = p;
		else if (p->is_shared)
			continue;
		else if (!oldest || p->last_ms < oldest->last_ms)
			oldest = p;
		if (is_own && (!own || p->last_ms < own->last_ms))
			own = p;
	}
	if (owned >= STRANGERS_OF_CLIENT)
		return own;
	return vacant ? vacant : oldest;
}

static struct place *get_place(struct book *book, struct str shown,
			       const struct ip *client, int64_t now_ms)
{
	struct place *place = find_place(book, shown);
	char *origin;

	if (place) {
		if (!place->is_shared && !ip_eq(&place->client, client))
			share(book, place, now_ms);
		return place;
	}
	place = choose_place(book, client);
	origin = place ? strndup(shown.ptr, shown.len) : NULL;
	if (!origin)
		return NULL;
	free(place->origin);
	*place = (struct place){ .origin = origin, .client = *client };
	return place;
}

static void note(struct strangers *s, struct str tenant, struct str shown,
		 unsigned kind, struct str header, const struct ip *client,
		 int64_t now_ms)
{
	const struct ip who = ip_prefix(client, client->family == 6 ? 64 : 32);
	struct place *place;
	struct book *book;

	if (shown.len > STRANGERS_ORIGIN_MAX)
		return;
	pthread_mutex_lock(&s->lock);
	book = get_book(s, tenant);
	if (book) {
		book->total++;
		book->last_ms = now_ms;
		place = get_place(book, shown, &who, now_ms);
		if (place) {
			place->count++;
			place->last_ms = now_ms;
			place->kinds |= kind;
			if (header.len)
				snprintf(place->header, sizeof(place->header),
					 "%.*s", STR_ARG(header));
		}
	}
	pthread_mutex_unlock(&s->lock);
}

void strangers_note(struct strangers *s, struct str tenant, struct str shown,
		    unsigned kind, const struct ip *client, int64_t now_ms)
{
	note(s, tenant, shown, kind, STR_NULL, client, now_ms);
}

void strangers_note_header(struct strangers *s, struct str tenant,
			   struct str shown, struct str header,
			   const struct ip *client, int64_t now_ms)
{
	note(s, tenant, shown, STRANGER_HEADER, header, client, now_ms);
}

static int compare_last(const void *a, const void *b)
{
	const struct stranger *one = a, *two = b;

	if (one->last_ms != two->last_ms)
		return one->last_ms < two->last_ms ? 1 : -1;
	return strcmp(one->origin, two->origin);
}

unsigned strangers_list(struct strangers *s, struct str tenant,
			struct stranger out[STRANGERS_KEPT], uint64_t *total_r)
{
	const struct book *book;
	unsigned n = 0;

	pthread_mutex_lock(&s->lock);
	book = find_book(s, tenant);
	*total_r = book ? book->total : 0;
	for (unsigned i = 0; book && i < STRANGERS_KEPT; i++) {
		const struct place *p = &book->places[i];

		if (!p->origin)
			continue;
		out[n] = (struct stranger){
			.count = p->count, .last_ms = p->last_ms,
			.kinds = p->kinds, .is_shared = p->is_shared,
		};
		memcpy(out[n].origin, p->origin, strlen(p->origin));
		memcpy(out[n].header, p->header, sizeof(p->header));
		n++;
	}
	pthread_mutex_unlock(&s->lock);
	qsort(out, n, sizeof(*out), compare_last);
	return n;
}
