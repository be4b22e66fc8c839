#include "store/person-private.h"

#include "base/clock.h"
#include "codec/json.h"
#include "store/db-private.h"
#include "store/outbox-private.h"
#include "store/sessions-private.h"
#include "store/tickets-private.h"
#include "store/user-keys-private.h"

/* ---- taken away --------------------------------------------------------- */

static enum err erase_row(struct db *db, const struct person *p)
{
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_USER_ERASE,
		"DELETE FROM users WHERE id = ?1", &q);

	if (err)
		return err;
	sqlite3_bind_int64(q, 1, p->user->view.id);
	return query_run(db, q);
}

static enum err erase_keys(struct db *db, const struct person *p)
{
	return user_keys_forget(db, p->user);
}

static enum err erase_sessions(struct db *db, const struct person *p)
{
	return sessions_delete_of(p->sessions, db, p->user->view.id);
}

static enum err erase_tickets(struct db *db, const struct person *p)
{
	return tickets_delete_of(db, p->user->view.id);
}

/* The fact stays, the person goes. */
static enum err erase_events(struct db *db, const struct person *p)
{
	return outbox_erase(db, p->user->view.id);
}

static void bind_tags(sqlite3_stmt *q, const struct person *p,
		      uint8_t tags[2][TOMBSTONE_TAG_LEN])
{
	for (unsigned i = 0; i < p->name_count; i++) {
		bool is_external = p->names[i].kind == TOMBSTONE_EXTERNAL;

		tombstone_tag(p->tombstones, p->user->tenant, p->names[i].kind,
			      p->names[i].name, tags[i]);
		sqlite3_bind_blob(q, is_external ? 3 : 1 + (int)i, tags[i],
				  TOMBSTONE_TAG_LEN, SQLITE_STATIC);
	}
}

/* Who has an external id is found by that: their address may stand in another's
 * row, who came with it and was to get it, or not (`on_conflict`). */
#define PARKED							\
	"parked WHERE external = ?3 OR (person IN (?1, ?2)"	\
	" AND (?3 IS NULL OR external IS NULL))"

static enum err erase_parked(struct db *db, const struct person *p)
{
	uint8_t tags[2][TOMBSTONE_TAG_LEN];
	sqlite3_stmt *q;
	enum err err = query_begin(db, SQL_PERSON_PARKED_ERASE,
				   "DELETE FROM " PARKED, &q);

	if (err)
		return err;
	bind_tags(q, p, tags);
	return query_run(db, q);
}

/* ---- the audit's records ---- */

/* By their address, and where they have one by their external id. */
static void add_tags(const struct person *p, uint64_t *person_r,
		     uint64_t *subject_r)
{
	*person_r = tombstone_trail_tag(p->tombstones, p->user->tenant,
					TRAIL_PERSON, p->key);
	*subject_r = 0;
	if (p->user->view.external_id.len)
		*subject_r = tombstone_trail_tag(p->tombstones,
						 p->user->tenant, TRAIL_SUBJECT,
						 p->user->view.external_id);
}

/* A number below 0: see erase_some() in store/outbox.c. */
static enum err erase_trail(struct db *db, const struct person *p)
{
	uint64_t tags[2];
	enum err err = ERR_OK;

	add_tags(p, &tags[0], &tags[1]);
	for (unsigned i = 0; i < 2 && !err; i++)
		if (tags[i])
			err = outbox_erase(db, -(int64_t)tags[i]);
	return err;
}

struct showing {
	struct buf *out;
	unsigned count;
};

static bool show_record(void *ctx, const struct audit_record *r)
{
	struct showing *s = ctx;

	buf_puts(s->out, s->count++ ? ",\n " : "\n ");
	audit_record_json(r, s->out);
	buf_addc(s->out, '}');
	return buf_is_ok(s->out);
}

static enum err show_trail(struct db *db, const struct person *p,
			   struct buf *out)
{
	struct showing showing = { .out = out };
	uint64_t subject;
	struct audit_query query = {
		.subjects = &subject, .is_strict = true, .to_ms = INT64_MAX };

	add_tags(p, &query.person, &subject);
	query.subject_count = subject != 0;
	return audit_search(db, &query, show_record, &showing);
}

/* ---- shown -------------------------------------------------------------- */

/* SQLite's own JSON: it quotes what is text, and takes JSON for what it is. */
#define SHOW_BOOL(column) "json(iif(" column ", 'true', 'false'))"
#define SHOW_USER							\
	"SELECT json_object('id', id, 'tenant', tenant,"			\
	" 'email', email,"						\
	" 'email_key', email_key, 'name', name,"				\
	" 'external_id', external_id,"					\
	" 'verified', " SHOW_BOOL("verified") ","			\
	" 'blocked', " SHOW_BOOL("blocked") ","				\
	" 'created_s', created_s, 'updated_s', updated_s,"		\
	" 'last_seen_s', last_seen_s, 'minted_ms', minted_ms,"		\
	" 'attributes', json(attributes)) FROM users WHERE id = ?1"
#define SHOW_KEYS							\
	"SELECT json_object('tenant', tenant, 'key', key)"		\
	" FROM user_keys WHERE tenant = ?2 AND key = ?3 AND user_id = ?1"
/* not its hash; the id as text, since many a program keeps numbers as doubles */
#define SHOW_SESSIONS							\
	"SELECT json_object('id', CAST(id AS TEXT), 'host', host,"	\
	" 'kind', iif(kind, 'embedded', 'top'), 'created_s', created_s,"	\
	" 'last_seen_s', last_seen_s, 'idle_s', idle_s,"		\
	" 'absolute_s', absolute_s) FROM sessions WHERE user_id = ?1"	\
	" ORDER BY id"
#define SHOW_TICKETS							\
	"SELECT json_object('number', number, 'subject', subject,"	\
	" 'category', category, 'closed', " SHOW_BOOL("closed") ","	\
	" 'messages', messages, 'created_ms', created_ms,"		\
	" 'updated_ms', updated_ms)"					\
	" FROM tickets INDEXED BY tickets_user WHERE user_id = ?1 ORDER BY number"
#define SHOW_MESSAGES							\
	"SELECT json_object('ticket', t.number, 'id', m.id % 1024,"	\
	" 'author', iif(m.user_id, 'user', 'agent'), 'name', m.name,"	\
	" 'text', m.body, 'created_ms', m.created_ms)"			\
	" FROM tickets t INDEXED BY tickets_user"			\
	" CROSS JOIN ticket_messages m INDEXED BY ticket_messages_key ON m.ticket_id = t.id"		\
	" WHERE t.user_id = ?1 ORDER BY t.number, m.id"
#define SHOW_EVENTS							\
	"SELECT json_object('id', id, 'event', event, 'body',"		\
	" json(iif(json_valid(body), body, json_quote(body))),"			\
	" 'created_ms', created_ms) FROM outbox WHERE user_id = ?1"	\
	" ORDER BY id"
#define SHOW_PARKED							\
	"SELECT json_object('expires_s', exp_s, 'client', client,"	\
	" 'content', content) FROM " PARKED
_Static_assert(TICKET_PLACES == 1024, "a message's number in SHOW_MESSAGES");

/* ---- the places --------------------------------------------------------- */

static const struct place {
	const char *table;
	/* there is nothing of anybody in it, because; NULL: there is */
	const char *why;
	/* how it is taken away; NULL: with the place before */
	enum err (*erase)(struct db *db, const struct person *p);
	const char *name;	/* as a member of what is shown */
	enum sql slot;
	const char *show;	/* a JSON object a row; ?1 is the id of who is
				 * stored, ?2 their tenant, ?3 their key */
	bool has_tags;		/* ... or tags: bind_tags() */
	/* where no statement can */
	enum err (*show_by)(struct db *db, const struct person *p,
			    struct buf *out);
} places[] = {
	{ "sessions", NULL, erase_sessions, "sessions", SQL_PERSON_SESSIONS,
	  SHOW_SESSIONS, false, NULL },
	{ "tickets", NULL, erase_tickets, "tickets", SQL_PERSON_TICKETS,
	  SHOW_TICKETS, false, NULL },
	{ "ticket_messages", NULL, NULL, "messages", SQL_PERSON_MESSAGES,
	  SHOW_MESSAGES, false, NULL },
	{ "outbox", NULL, erase_events, "events", SQL_PERSON_EVENTS,
	  SHOW_EVENTS, false, NULL },
	{ "user_keys", NULL, erase_keys, "keys", SQL_PERSON_KEYS, SHOW_KEYS,
	  false, NULL },
	{ "users", NULL, erase_row, "users", SQL_PERSON_USER, SHOW_USER,
	  false, NULL },
	{ "parked", NULL, erase_parked, "parked", SQL_PERSON_PARKED,
	  SHOW_PARKED, true, NULL },
	{ "tombstones", "keyed hashes, for minutes", .erase = NULL },
	{ "trails", NULL, erase_trail, "requests", .has_tags = true,
	  .show_by = show_trail },
	{ "refusals", NULL, NULL, NULL, .has_tags = true },
	{ "erasures", "numbers of who is gone, and tags until they are",
	  .erase = NULL },
	{ "redemptions", "random, and the number of a session", .erase = NULL },
	{ "audit", "names no user: of older releases", .erase = NULL },
	{ "delivery", "numbers, of events: see outbox", .erase = NULL },
	{ "endpoint", "of tenants", .erase = NULL },
	{ "outbox_tenants", "figures", .erase = NULL },
	{ "ticket_numbers", "figures", .erase = NULL },
	{ "epochs", "of tenants", .erase = NULL },
	{ "marks", "figures", .erase = NULL },
};

const char *person_table(unsigned i, const char **why_r)
{
	if (i >= N_ELEMENTS(places))
		return NULL;
	*why_r = places[i].why;
	return places[i].table;
}

/* One who was vouched for is ended by that, and the other stays.  Who has an
 * external id may be under way with another address.  Of who is not stored
 * nobody knows which they are. */
static void add_names(struct person *p)
{
	const struct user_view *view = &p->user->view;

	p->names[p->name_count++] = (struct person_name){
		view->is_verified ? TOMBSTONE_SIGNED : TOMBSTONE_UNSIGNED,
		p->key };
	if (!view->id)
		p->names[p->name_count++] = (struct person_name){
			TOMBSTONE_SIGNED, p->key };
	else if (view->external_id.ptr)
		p->names[p->name_count++] = (struct person_name){
			TOMBSTONE_EXTERNAL, view->external_id };
}

/* By today's key, as tokens are: an older row may have another one. */
enum err person_init(struct person *p, const struct user *user,
		     struct sessions *sessions, struct tombstones *tombstones,
		     struct pool *pool)
{
	struct buf key;
	enum err err;

	*p = (struct person){ .user = user, .sessions = sessions,
			      .tombstones = tombstones };
	buf_init_pool(&key, pool, USER_EMAIL_MAX);
	err = user->view.id ? user_key_today(user, &key) : ERR_OK;
	if (err)
		return err;
	/* of who is not stored it is today's */
	p->key = user->view.id ? buf_str(&key) : user->email_key;
	add_names(p);
	return ERR_OK;
}

enum err person_end(struct db *db, const struct person *p, int64_t until_ms)
{
	const int64_t now_ms = clock_steady_ms();
	enum err err = ERR_OK;

	for (unsigned i = 0; i < p->name_count && !err; i++)
		err = tombstone_write_until(p->tombstones, db, p->user->tenant,
					    p->names[i].kind, p->names[i].name,
					    p->names[i].kind ==
					    TOMBSTONE_UNSIGNED ? now_ms :
								 until_ms);
	return err;
}

enum err person_erase(struct db *db, const struct person *p)
{
	enum err err = ERR_OK;

	for (size_t i = 0; i < N_ELEMENTS(places) && !err; i++)
		if (places[i].erase && (p->user->view.id ||
					places[i].has_tags))
			err = places[i].erase(db, p);
	return err ? err : person_end(db, p, clock_steady_ms() +
				      TOMBSTONE_SKEW_MS);
}

static enum err show_place(struct db *db, const struct place *place,
			   const struct person *p, struct buf *out)
{
	uint8_t tags[2][TOMBSTONE_TAG_LEN];
	enum err err = ERR_OK;
	unsigned n = 0;
	sqlite3_stmt *q;

	if (place->show_by)
		return place->show_by(db, p, out);
	err = query_begin(db, place->slot, place->show, &q);
	if (err)
		return err;
	if (place->has_tags) {
		bind_tags(q, p, tags);
	} else {
		sqlite3_bind_int64(q, 1, p->user->view.id);
		/* user_keys alone has no other way */
		if (sqlite3_bind_parameter_count(q) == 3) {
			query_bind_str(q, 2, p->user->tenant);
			query_bind_str(q, 3, p->key);
		}
	}
	while (buf_is_ok(out) && query_step(db, q, &err) > 0) {
		buf_puts(out, n++ ? ",\n " : "\n ");
		buf_adds(out, query_str(q, 0));
	}
	query_end(q);
	return err || buf_is_ok(out) ? err : ERR_NOMEM;
}

enum err person_show(struct db *db, const struct person *p, struct buf *out)
{
	enum err err = query_do(db, SQL_PERSON_BEGIN, "BEGIN");
	char between = '{';

	if (err)
		return err;
	for (size_t i = 0; i < N_ELEMENTS(places) && !err; i++) {
		if (!places[i].name)
			continue;
		buf_printf(out, "%c\"%s\":[", between, places[i].name);
		err = show_place(db, &places[i], p, out);
		buf_puts(out, "]");
		between = ',';
	}
	buf_puts(out, "}\n");
	db_rollback(db);
	return err;
}
