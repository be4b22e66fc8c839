#include "store/schema.h"

#include "store/db-private.h"

/*
 * users: ids are made by users_new_id(); the table is AUTOINCREMENT because it
 * keeps the highest one ever, so that none is given twice.  Three partial
 * indexes are the three ways to be keyed (see users.h), the fourth finds whose
 * address it is among those with an external id; queries must repeat their
 * WHERE to use them.
 *
 * sessions: no foreign key on user_id, because it would need an index that
 * costs a random page per sign-in; the table in memory knows each user's
 * sessions, and rows without a user are dropped when it is loaded.  The id is
 * AUTOINCREMENT so that ids grow across restarts even when the clock does not.
 *
 * tickets: numbered per tenant, so that no number tells how many tickets others
 * have; a number is never given twice.  `key` is the
 * client's, by which a repeated request is known (store/tickets.h).
 * A list of all is merged from that of the open and that of the closed ones, so
 * that no filter ever reads rows in vain.  The id is AUTOINCREMENT, so that who
 * reads a thread while it is erased never reads the next one's.  `turns` counts
 * what its user closed and opened in the hour from `turned_ms` on.
 *
 * ticket_messages: the id is the ticket's times 1024 and the message's place,
 * so that a thread lies together and in order.  The first one has an empty
 * key: its ticket has one.  The index on user_id is for the hourly limits, and
 * so is steady_ms (as is tickets.turned_ms): created_ms is for people.
 *
 * outbox: created_ms is of the steady clock.  `message` is random, the name
 * that an event has for those it is sent to: an id would tell how many events
 * others have, and be another event's in a database that was restored.
 *
 * endpoint, delivery: see store/deliveries.h.  state 0 is to be sent, 1 stands
 * behind such a one of its user, 2 is dead.  One partial index finds what is
 * due, the other a lane; queries must repeat their WHERE to use them.
 *
 * epochs: see store/epochs.h.  Without a name it is a slug of a time before
 * there were epochs: its next owner is taken for the one who had it.  Sessions
 * up to last_session belong to an epoch that ended.
 *
 * redemptions: the jti is in the order of time, so the table grows at its right
 * edge and is swept from its left one: there is no index beside it.
 *
 * marks: numbers that the store keeps for itself.  redemptions_swept_ms is the
 * latest time of a jti that the sweep forgot; probe is counted up to see
 * whether anything can be written; the tombstone_ ones are the key of
 * store/tombstones.h.
 *
 * tombstones: the id is AUTOINCREMENT, so that the order of ids is that of
 * time.
 *
 * outbox_tenants: what each tenant has in the outbox, kept in the transactions
 * that change it; see store/outbox.h.
 *
 * erasures: erased people whose events still have their texts, up to `after`.
 *
 * parked: person and external are tags of whom it was parked for, as those of
 * tombstones: a row alone does not name anybody, and is to be found all the
 * same when they are erased.
 *
 * user_keys: see store/user-keys-private.h.  The mark of that name is 1 when
 * the table is complete.
 *
 * trails, refusals: rows of packed records of the audit, see
 * store/audit-private.h.  Ids are in the order of commits, and so nearly are
 * times: no index.  The table audit was that of schema 4; it is read still.
 */
#define AUDIT_TABLE(name)						\
	"CREATE TABLE " name "("					\
	"	id INTEGER PRIMARY KEY,"				\
	"	at_ms INTEGER NOT NULL,"				\
	"	first_ms INTEGER NOT NULL,"				\
	"	last_ms INTEGER NOT NULL,"				\
	"	records INTEGER NOT NULL,"				\
	"	octets INTEGER NOT NULL,"				\
	"	body BLOB NOT NULL"					\
	") STRICT;"

static const char *const steps[] = {
	/* 0 -> 1 */
	"CREATE TABLE users("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	tenant TEXT NOT NULL,"
	"	email_key TEXT NOT NULL,"
	"	email TEXT NOT NULL,"
	"	name TEXT NOT NULL,"
	"	external_id TEXT,"
	"	verified INTEGER NOT NULL DEFAULT 0,"
	"	blocked INTEGER NOT NULL DEFAULT 0,"
	"	created_s INTEGER NOT NULL,"
	"	updated_s INTEGER NOT NULL,"
	"	last_seen_s INTEGER NOT NULL,"
	"	attributes TEXT NOT NULL DEFAULT '{}',"
	"	CHECK (verified IN (0, 1) AND blocked IN (0, 1)),"
	"	CHECK (verified = 1 OR external_id IS NULL)"
	") STRICT;"
	"CREATE UNIQUE INDEX users_unsigned ON users(tenant, email_key)"
	"	WHERE verified = 0;"
	"CREATE UNIQUE INDEX users_signed ON users(tenant, email_key)"
	"	WHERE verified = 1 AND external_id IS NULL;"
	"CREATE UNIQUE INDEX users_external ON users(tenant, external_id)"
	"	WHERE external_id IS NOT NULL;"

	"CREATE TABLE sessions("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	hash BLOB NOT NULL CHECK (length(hash) = 32),"
	"	tenant TEXT NOT NULL,"
	"	host TEXT NOT NULL,"
	"	user_id INTEGER NOT NULL,"
	"	created_s INTEGER NOT NULL,"
	"	last_seen_s INTEGER NOT NULL,"
	"	idle_s INTEGER NOT NULL,"
	"	absolute_s INTEGER NOT NULL"
	") STRICT;"

	"CREATE TABLE redemptions("
	"	tenant TEXT NOT NULL,"
	"	jti BLOB NOT NULL CHECK (length(jti) = 16),"
	"	exp_s INTEGER NOT NULL,"
	"	session_id INTEGER NOT NULL,"
	"	PRIMARY KEY (tenant, jti)"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX redemptions_exp ON redemptions(exp_s);"

	"CREATE TABLE audit("
	"	id INTEGER PRIMARY KEY,"
	"	request_id TEXT NOT NULL,"
	"	time_ms INTEGER NOT NULL,"
	"	tenant TEXT,"
	"	status INTEGER NOT NULL,"
	"	code TEXT,"
	"	trail TEXT NOT NULL"
	") STRICT;"
	"CREATE INDEX audit_request ON audit(request_id);"

	"CREATE TABLE outbox("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	tenant TEXT NOT NULL,"
	"	user_id INTEGER NOT NULL,"
	"	event TEXT NOT NULL,"
	"	body TEXT NOT NULL,"
	"	created_ms INTEGER NOT NULL,"
	"	state INTEGER NOT NULL DEFAULT 0"	/* 0: to be delivered */
	") STRICT;",

	/* 1 -> 2 */
	"ALTER TABLE sessions ADD COLUMN"
	"	kind INTEGER NOT NULL DEFAULT 0 CHECK (kind IN (0, 1));"

	"CREATE TABLE ticket_numbers("
	"	tenant TEXT PRIMARY KEY,"
	"	last INTEGER NOT NULL"
	") STRICT, WITHOUT ROWID;"

	"CREATE TABLE tickets("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	tenant TEXT NOT NULL,"
	"	number INTEGER NOT NULL,"
	"	user_id INTEGER NOT NULL,"
	"	closed INTEGER NOT NULL DEFAULT 0 CHECK (closed IN (0, 1)),"
	"	messages INTEGER NOT NULL,"
	"	by_agent INTEGER NOT NULL,"	/* the last message */
	"	created_ms INTEGER NOT NULL,"
	"	updated_ms INTEGER NOT NULL,"
	"	turns INTEGER NOT NULL DEFAULT 0,"
	"	turned_ms INTEGER NOT NULL DEFAULT 0,"
	"	key TEXT NOT NULL,"
	"	subject TEXT NOT NULL,"
	"	category TEXT NOT NULL"
	") STRICT;"
	"CREATE UNIQUE INDEX tickets_number ON tickets(tenant, number);"
	"CREATE UNIQUE INDEX tickets_key ON tickets(user_id, key);"
	"CREATE INDEX tickets_user"
	"	ON tickets(user_id, closed, updated_ms, number);"
	"CREATE INDEX tickets_tenant"
	"	ON tickets(tenant, closed, updated_ms, number);"

	"CREATE TABLE ticket_messages("
	"	id INTEGER PRIMARY KEY,"
	"	ticket_id INTEGER NOT NULL,"
	"	user_id INTEGER NOT NULL,"	/* who wrote it; 0: an agent */
	"	created_ms INTEGER NOT NULL,"
	"	key TEXT NOT NULL,"
	"	name TEXT NOT NULL,"
	"	body TEXT NOT NULL"
	") STRICT;"
	"CREATE UNIQUE INDEX ticket_messages_key"
	"	ON ticket_messages(ticket_id, user_id, key);"
	"CREATE INDEX ticket_messages_user"
	"	ON ticket_messages(user_id, created_ms) WHERE user_id > 0;",

	/* 2 -> 3 */
	"CREATE TABLE epochs("
	"	tenant TEXT PRIMARY KEY,"
	"	number INTEGER NOT NULL DEFAULT 0,"
	"	is_gone INTEGER NOT NULL DEFAULT 0 CHECK (is_gone IN (0, 1)),"
	"	name TEXT,"
	"	url TEXT,"
	"	last_session INTEGER NOT NULL DEFAULT 0,"
	"	CHECK ((name IS NULL) = (url IS NULL))"
	") STRICT, WITHOUT ROWID;"
	"INSERT INTO epochs(tenant)"
	"	SELECT tenant FROM users UNION SELECT tenant FROM sessions;",

	/* 3 -> 4 */
	"CREATE TABLE marks("
	"	name TEXT PRIMARY KEY,"
	"	value INTEGER NOT NULL"
	") STRICT, WITHOUT ROWID;"
	"INSERT INTO marks VALUES('probe', 0), ('redemptions_swept', 0);",

	/* 4 -> 5 */
	"ALTER TABLE users ADD COLUMN minted_ms INTEGER NOT NULL DEFAULT 0;"

	"ALTER TABLE redemptions RENAME TO old_redemptions;"
	"DROP INDEX redemptions_exp;"
	"CREATE TABLE redemptions("
	"	jti BLOB NOT NULL CHECK (length(jti) = 16),"
	"	tenant TEXT NOT NULL,"
	"	session_id INTEGER NOT NULL,"
	"	PRIMARY KEY (jti, tenant)"
	") STRICT, WITHOUT ROWID;"
	"INSERT INTO redemptions SELECT jti, tenant, session_id"
	"	FROM old_redemptions;"
	"DROP TABLE old_redemptions;"
	/* tokens lived two minutes from their jti's time */
	"INSERT INTO marks SELECT 'redemptions_swept_ms',"
	"	max(0, (value - 120) * 1000) FROM marks"
	"	WHERE name = 'redemptions_swept';"
	"DELETE FROM marks WHERE name = 'redemptions_swept';"

	"CREATE TABLE tombstones("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	tag BLOB NOT NULL UNIQUE CHECK (length(tag) = 16),"
	"	ended_ms INTEGER NOT NULL"
	") STRICT;"
	"INSERT INTO marks VALUES"
	"	('tombstone_0_a', random()), ('tombstone_0_b', random()),"
	"	('tombstone_1_a', random()), ('tombstone_1_b', random());"

	"CREATE TABLE parked("
	"	id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),"
	"	tenant TEXT NOT NULL,"
	"	client TEXT NOT NULL,"
	"	exp_s INTEGER NOT NULL,"
	"	octets INTEGER NOT NULL,"
	"	content TEXT NOT NULL"
	") STRICT;"
	"CREATE INDEX parked_client ON parked(client, exp_s);"
	"CREATE INDEX parked_tenant ON parked(tenant, exp_s, octets);",

	/* 5 -> 6 */
	AUDIT_TABLE("trails") AUDIT_TABLE("refusals"),

	/* 6 -> 7 */
	"CREATE INDEX outbox_user ON outbox(user_id);"
	"CREATE TABLE outbox_tenants("
	"	tenant TEXT PRIMARY KEY,"
	"	events INTEGER NOT NULL,"
	"	octets INTEGER NOT NULL,"
	"	refused INTEGER NOT NULL DEFAULT 0,"
	"	expired INTEGER NOT NULL DEFAULT 0"
	") STRICT, WITHOUT ROWID;"
	"INSERT INTO outbox_tenants(tenant, events, octets)"
	"	SELECT tenant, count(*), sum(length(CAST(event AS BLOB)) +"
	"	length(CAST(body AS BLOB))) FROM outbox GROUP BY tenant;"
	"CREATE TABLE erasures("
	"	user_id INTEGER PRIMARY KEY,"
	"	after INTEGER NOT NULL DEFAULT 0"
	") STRICT;"
	/* who was erased when that did not reach their events */
	"INSERT INTO erasures(user_id) SELECT DISTINCT user_id FROM outbox"
	"	WHERE user_id NOT IN (SELECT id FROM users);",

	/* 7 -> 8 */
	"ALTER TABLE ticket_messages ADD COLUMN"
	"	steady_ms INTEGER NOT NULL DEFAULT 0;"
	/* what counts towards an hour's limits, and what is older does not */
	"UPDATE ticket_messages SET steady_ms = created_ms"
	"	WHERE created_ms > (SELECT max(created_ms) - 3600000"
	"		FROM ticket_messages);"
	"DROP INDEX ticket_messages_user;"
	"CREATE INDEX ticket_messages_user"
	"	ON ticket_messages(user_id, steady_ms) WHERE user_id > 0;",

	/* 8 -> 9 */
	"CREATE TABLE user_keys("
	"	tenant TEXT NOT NULL,"
	"	key TEXT NOT NULL,"
	"	verified INTEGER NOT NULL CHECK (verified IN (0, 1)),"
	"	user_id INTEGER NOT NULL,"
	"	PRIMARY KEY (tenant, key, verified, user_id)"
	") STRICT, WITHOUT ROWID;"
	"INSERT INTO marks"
	"	SELECT 'user_keys', NOT EXISTS (SELECT 1 FROM users);",

	/* 9 -> 10 */
	("CREATE INDEX users_external_email ON users(tenant, email_key)"
	 "	WHERE external_id IS NOT NULL;"),

	/* 10 -> 11 */
	"ALTER TABLE parked ADD COLUMN person BLOB;"
	"ALTER TABLE parked ADD COLUMN external BLOB;"
	"CREATE INDEX parked_person ON parked(person);"
	"CREATE INDEX parked_external ON parked(external)"
	"	WHERE external IS NOT NULL;",

	/* 11 -> 12 */
	"ALTER TABLE outbox ADD COLUMN message BLOB;"
	"CREATE TABLE endpoint("
	"	id INTEGER PRIMARY KEY,"
	"	tenant TEXT NOT NULL,"
	"	url TEXT NOT NULL,"
	"	state INTEGER NOT NULL DEFAULT 0"	/* 1: paused */
	"		CHECK (state IN (0, 1)),"
	"	UNIQUE (tenant, url)"
	") STRICT;"
	"CREATE TABLE delivery("
	"	outbox_id INTEGER NOT NULL,"
	"	endpoint INTEGER NOT NULL,"
	"	user_id INTEGER NOT NULL,"
	"	state INTEGER NOT NULL CHECK (state IN (0, 1, 2)),"
	"	attempts INTEGER NOT NULL DEFAULT 0,"
	"	next_ms INTEGER NOT NULL,"
	"	last_status INTEGER NOT NULL DEFAULT 0,"
	"	last_error TEXT NOT NULL DEFAULT '',"
	"	PRIMARY KEY (outbox_id, endpoint)"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX delivery_due ON delivery(endpoint, next_ms)"
	"	WHERE state = 0;"
	"CREATE INDEX delivery_lane ON delivery(endpoint, user_id, outbox_id)"
	"	WHERE state < 2;",
};

#define STEPS ((int)(N_ELEMENTS(steps)))

int schema_version(void)
{
	return STEPS;
}

/* One number that a PRAGMA gives. */
static enum err read_pragma(struct db *db, const char *sql, int *value_r)
{
	sqlite3_stmt *stmt = NULL;
	enum err err = ERR_OK;
	int rc = sqlite3_prepare_v2(db->handle, sql, -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*value_r = sqlite3_column_int(stmt, 0);
	else
		err = db_fail(db, rc);
	sqlite3_finalize(stmt);
	return err;
}

static enum err step_up(struct db *db, const char *sql, int version)
{
	char mark[96];
	enum err err = db_begin(db);

	if (err)
		return err;
	snprintf(mark, sizeof(mark),
		 "PRAGMA user_version = %d; PRAGMA application_id = %d",
		 version, SCHEMA_APPLICATION_ID);
	err = db_exec(db, sql);
	if (!err)
		err = db_exec(db, mark);
	if (!err)
		err = db_commit(db);
	if (err)
		db_rollback(db);
	return err;
}

/* Is it ours, and not from the future? */
static enum err check_version(struct db *db, int known, int *version_r,
			      struct buf *why)
{
	int version = 0, app = 0, tables = 0;
	enum err err = read_pragma(db, "PRAGMA user_version", &version);

	if (!err)
		err = read_pragma(db, "PRAGMA application_id", &app);
	if (!err)
		err = read_pragma(db, "SELECT count(*) FROM sqlite_schema",
				  &tables);
	if (err) {
		buf_printf(why, "cannot read the database: %s",
			   db_problem(db));
		return err;
	}
	if (app != SCHEMA_APPLICATION_ID && (app || version || tables)) {
		buf_puts(why, DB_FILE " is some other program's database");
		return ERR_UNSUPPORTED;
	}
	if (version < 0 || version > known) {
		buf_printf(why, "the database has schema %d, newer than the %d "
			   "that this program knows: run the newer program",
			   version, known);
		return ERR_UNSUPPORTED;
	}
	*version_r = version;
	return ERR_OK;
}

enum err schema_migrate_with(struct db *db, const char *const *list,
			     int count, struct buf *why)
{
	int version = 0;
	enum err err = check_version(db, count, &version, why);

	for (; !err && version < count; version++) {
		err = step_up(db, list[version], version + 1);
		if (err)
			buf_printf(why, "cannot bring the database from schema "
				   "%d to %d: %s", version, version + 1,
				   db_problem(db));
	}
	return err;
}

enum err schema_migrate(struct db *db, struct buf *why)
{
	return schema_migrate_with(db, steps, STEPS, why);
}
