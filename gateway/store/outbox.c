#include "store/outbox.h"

#include "base/clock.h"
#include "store/db-private.h"

enum err outbox_check(const struct outbox_event *events, unsigned count)
{
	enum err err = count > OUTBOX_EVENTS_MAX ? ERR_LIMIT : ERR_OK;

	for (unsigned i = 0; !err && i < count; i++) {
		err = text_check(events[i].name, OUTBOX_EVENT_MAX);
		if (!err)
			err = text_check(events[i].body, OUTBOX_BODY_MAX);
		if (!err && (!events[i].name.ptr || !events[i].body.ptr))
			err = ERR_SYNTAX;
	}
	return err;
}

enum err outbox_append(struct db *db, struct str tenant, int64_t user_id,
		       const struct outbox_event *events, unsigned count)
{
	int64_t now_ms = count ? clock_wall_ms() : 0;
	enum err err = ERR_OK;
	sqlite3_stmt *q;

	for (unsigned i = 0; !err && i < count; i++) {
		err = query_begin(db, SQL_OUTBOX_INSERT,
			"INSERT INTO outbox(tenant, user_id, event, body,"
			" created_ms) VALUES(?1, ?2, ?3, ?4, ?5)", &q);
		if (err)
			break;
		query_bind_str(q, 1, tenant);
		sqlite3_bind_int64(q, 2, user_id);
		query_bind_str(q, 3, events[i].name);
		query_bind_str(q, 4, events[i].body);
		sqlite3_bind_int64(q, 5, now_ms);
		err = query_run(db, q);
	}
	return err;
}
