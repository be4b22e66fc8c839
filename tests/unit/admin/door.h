/*
 * door: the admin socket's commands on a real store, without a socket.
 */
#ifndef TESTS_UNIT_ADMIN_DOOR_H
#define TESTS_UNIT_ADMIN_DOOR_H

#include <stdarg.h>
#include <time.h>

#include "admin/status.h"
#include "config/snapshot-private.h"
#include "unit/store/rig.h"

struct door {
	struct rig rig;
	struct tenant acme, blue;
	struct tenant *tenants[2];
	struct snapshot_private private;
	struct snapshot snapshot;	/* of these two */
	struct gateway gateway;
	struct status status;
	struct buf body;
};

static void door_open(struct door *d)
{
	setenv("TZ", "UTC0", 1);
	tzset();
	memset(d, 0, sizeof(*d));
	rig_open(&d->rig);
	d->gateway.store = d->rig.store;
	d->acme = (struct tenant){ .slug = STR("acme") };
	d->blue = (struct tenant){ .slug = STR("blue") };
	d->tenants[0] = &d->acme;
	d->tenants[1] = &d->blue;
	d->private = (struct snapshot_private){ .refs = 2 };	/* one is ours */
	d->snapshot = (struct snapshot){ .tenants = d->tenants,
					 .tenant_count = 2,
					 .private = &d->private };
	d->gateway.snapshots = snapshot_slot_new(&d->snapshot);
	d->status = (struct status){
		.gateway = &d->gateway,
		.reader = store_reader(d->rig.store, 0),
	};
	buf_init(&d->body, 1 << 20);
}

static void door_close(struct door *d)
{
	buf_done(&d->body);
	snapshot_slot_free(d->gateway.snapshots);
	rig_close(&d->rig);
}

/* Words up to a NULL. What was wrong, or NULL. */
__attribute__((unused))
static const char *ask(struct door *d, ...)
{
	struct str words[SOCKET_WORDS_MAX];
	unsigned count = 0;
	const char *word;
	va_list ap;

	va_start(ap, d);
	while ((word = va_arg(ap, const char *)))
		words[count++] = str_from(word);
	va_end(ap);
	buf_clear(&d->body);
	return status_command(&d->status, words, count, &d->body);
}

#define ask_ok(...)							\
	do {								\
		const char *why_ = ask(__VA_ARGS__, NULL);		\
		ck_assert_msg(!why_, "%s", why_);			\
	} while (0)

#define ask_no(part, ...)						\
	do {								\
		const char *why_ = ask(__VA_ARGS__, NULL);		\
		ck_assert_msg(why_ && strstr(why_, part), "%s", why_);	\
	} while (0)

#define said(d, part)							\
	ck_assert_msg(strstr((d)->body.ptr, part), "%s", (d)->body.ptr)

#endif
