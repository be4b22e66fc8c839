#include "admin/usercmd.h"

#include <stdlib.h>

#include "admin/job-wait.h"
#include "admin/laddercmd.h"
#include "admin/sanitize.h"
#include "base/clock.h"
#include "base/num.h"
#include "codec/email.h"
#include "codec/json.h"

#define POOL_MAX (32 * 1024 * 1024)

/* See users_can_find(). */
static const char still_looking[] = "since the upgrade it is still being "
	"looked which addresses beyond ASCII are the same: try again in a "
	"minute";

/* ---- who is meant ---- */

/* All whom these two words name, in the pool; perhaps nobody. NULL, or what is
 * wrong. */
static const char *find(struct status *status, const struct str *words,
			struct pool *pool, struct user *users,
			unsigned *count_r)
{
	struct email email;
	unsigned count = 0;
	enum err err;
	int64_t id;

	if (!num_i64(words[1], 1, INT64_MAX, &id)) {
		err = users_get(status->reader, id, pool, &users[0]);
		if (!err && !str_eq(users[0].tenant, words[0]))
			err = ERR_NOT_FOUND;
		count = 1;
	} else if (email_parse(pool, words[1], &email)) {
		return "a user is named by address or by id";
	} else {
		err = users_find_all(status->reader, words[0], email.key,
				     pool, users, &count);
	}
	if (err == ERR_BUSY)
		return still_looking;
	if (err && err != ERR_NOT_FOUND)
		return err_text(err);
	*count_r = err ? 0 : count;
	return NULL;
}

static const char *say_none(struct status *status, const struct str *words,
			    struct buf *body)
{
	return status_none(status, "there is no such user of ", words[0],
			   body);
}

/* Who was never here: what is done to them holds for their arrival.  Their
 * number is 0. */
static const char *expect(struct status *status, const struct str *words,
			  struct pool *pool, struct user *user_r,
			  struct buf *body)
{
	const char *trouble;
	struct email email;

	if (email_parse(pool, words[1], &email))
		return say_none(status, words, body);	/* named by number */
	trouble = status_check_tenant(status, words[0], body);
	if (trouble)
		return trouble;
	*user_r = (struct user){ .tenant = words[0], .email_key = email.key,
				 .view.email = email.shown };
	return NULL;
}

/* The one whom they name; `may_come`: that may be somebody who was never
 * here. */
static const char *find_one(struct status *status, const struct str *words,
			    bool may_come, struct pool *pool,
			    struct user *user_r, struct buf *body)
{
	struct user users[USERS_OF_ADDRESS_MAX];
	unsigned count = 0;
	const char *trouble = find(status, words, pool, users, &count);

	if (!trouble && !count)
		return may_come ? expect(status, words, pool, user_r, body) :
				  say_none(status, words, body);
	if (!trouble && count > 1)
		trouble = "that address is more than one user's: name them by "
			  "id, which usherctl users show tells";
	if (!trouble)
		*user_r = users[0];
	return trouble;
}

/* ---- show ---- */

static void add_time(struct buf *out, const char *name, int64_t s)
{
	char text[CLOCK_TEXT_MAX];

	clock_text(s * 1000, text);
	json_add_member(out, name, str_from(text));
}

static void user_json(const struct user *u, struct buf *out)
{
	buf_addc(out, '{');
	json_add_member_int(out, "id", u->view.id);
	json_add_member(out, "tenant", u->tenant);
	json_add_member(out, "email", u->view.email);
	json_add_member(out, "name", u->view.name);
	json_add_member_bool(out, "verified", u->view.is_verified);
	if (u->view.external_id.ptr)
		json_add_member(out, "external_id",
				u->view.external_id);
	json_add_member_bool(out, "blocked", u->is_blocked);
	add_time(out, "created_at", u->created_s);
	add_time(out, "updated_at", u->updated_s);
	/* who was blocked before they ever came was never seen */
	if (u->last_seen_s)
		add_time(out, "last_seen_at", u->last_seen_s);
	else
		json_add_member_raw(out, "last_seen_at", STR("null"));
	json_add_member_raw(out, "attributes", u->view.attributes);
	buf_addc(out, '}');
}

static void add_line(struct buf *out, const char *label, struct str value)
{
	buf_printf(out, "  %-12s", label);
	sanitize_add(out, value);
	buf_addc(out, '\n');
}

static void add_when(struct buf *out, const char *label, int64_t s)
{
	buf_printf(out, "  %-12s", label);
	sanitize_time(out, s * 1000);
	buf_addc(out, '\n');
}

static void user_text(const struct user *u, struct buf *out)
{
	buf_printf(out, "user %lld of ", (long long)u->view.id);
	sanitize_add(out, u->tenant);
	buf_puts(out, u->is_blocked ? ", blocked\n" : "\n");
	add_line(out, "name", u->view.name);
	add_line(out, "address", u->view.email);
	add_line(out, "verified", u->view.is_verified ? STR("yes") :
							STR("no"));
	if (u->view.external_id.ptr)
		add_line(out, "external id", u->view.external_id);
	add_when(out, "created", u->created_s);
	add_when(out, "changed", u->updated_s);
	if (u->last_seen_s)
		add_when(out, "last seen", u->last_seen_s);
	else
		add_line(out, "last seen", STR("never"));
	add_line(out, "attributes", u->view.attributes);
}

const char *command_users_show(struct status *status, const struct str *words,
			       bool json, struct buf *body)
{
	struct user users[USERS_OF_ADDRESS_MAX];
	struct pool *pool = pool_new(POOL_MAX);
	unsigned count = 0;
	const char *trouble = !pool ? "no memory" :
		find(status, words, pool, users, &count);

	if (!trouble && !count)
		trouble = say_none(status, words, body);
	if (!trouble && json)
		buf_puts(body, "{\"users\":[");
	for (unsigned i = 0; !trouble && i < count; i++) {
		if (i)
			buf_addc(body, json ? ',' : '\n');
		(json ? user_json : user_text)(&users[i], body);
	}
	if (!trouble && json)
		buf_puts(body, "]}\n");
	pool_free(pool);
	return trouble;
}

/* ---- export ---- */

/* JSON in any case. */
const char *command_users_export(struct status *status,
				 const struct str *words, bool json,
				 struct buf *body)
{
	struct pool *pool = pool_new(POOL_MAX);
	struct user user = { 0 };
	const char *trouble = !pool ? "no memory" :
		find_one(status, words, true, pool, &user, body);
	enum err err;

	(void)json;
	if (!trouble) {
		err = users_export(store_users(status->gateway->store),
				   status->reader, &user, pool, body);
		trouble = err == ERR_NOMEM ? "that is too much for one answer" :
			  err ? err_text(err) : NULL;
	}
	pool_free(pool);
	return trouble;
}

/* ---- conflicts ---- */

static void conflicts_json(const struct user_conflict *list, unsigned count,
			   bool is_more, struct buf *out)
{
	buf_puts(out, "\"conflicts\":[");
	for (unsigned i = 0; i < count; i++) {
		if (users_conflict_goes_on(list, i)) {
			buf_addc(out, ',');
		} else {
			buf_puts(out, i ? "]},{" : "{");
			json_add_member(out, "tenant", list[i].user.tenant);
			json_add_member(out, "email_key", list[i].key);
			buf_puts(out, ",\"users\":[");
		}
		user_json(&list[i].user, out);
	}
	buf_puts(out, count ? "]}]" : "]");
	json_add_member_bool(out, "more", is_more);
}

static void conflicts_text(const struct user_conflict *list, unsigned count,
			   bool is_more, struct buf *out)
{
	if (!count)
		buf_puts(out, "no address is more than one user's\n");
	for (unsigned i = 0; i < count; i++) {
		const struct user *u = &list[i].user;
		bool is_found = !users_conflict_goes_on(list, i);

		if (is_found) {
			sanitize_add(out, u->tenant);
			buf_puts(out, ": ");
			sanitize_add(out, list[i].key);
			buf_addc(out, '\n');
		}
		buf_printf(out, "  %-17lld %-9s ", (long long)u->view.id,
			   is_found ? "in use" : "passed by");
		sanitize_add(out, u->view.email);
		buf_puts(out, u->is_blocked ? ", blocked, last seen " :
					      ", last seen ");
		if (u->last_seen_s)
			sanitize_time(out, u->last_seen_s * 1000);
		else
			buf_puts(out, "never");
		buf_addc(out, '\n');
	}
	if (is_more)
		buf_puts(out, "and more: erase some of these, or name a "
			 "tenant\n");
}

static const char *add_conflicts(struct status *status, struct str tenant,
				 bool json, struct buf *body)
{
	struct pool *pool = pool_new(POOL_MAX);
	struct user_conflict *list = NULL;
	const char *trouble = NULL;
	unsigned count = 0;
	bool is_more = false;
	enum err err;

	err = pool ? users_conflicts(status->reader, tenant, pool, &list,
				     &count, &is_more) : ERR_NOMEM;
	if (err)
		trouble = err == ERR_BUSY ? still_looking : err_text(err);
	else if (!count && !str_is_null(tenant))
		trouble = status_check_tenant(status, tenant, body);
	if (!trouble)
		(json ? conflicts_json : conflicts_text)(list, count, is_more,
							 body);
	pool_free(pool);
	return trouble;
}

const char *command_users_conflicts(struct status *status,
				    const struct str *words, bool json,
				    struct buf *body)
{
	const char *trouble = NULL;

	if (json)
		buf_addc(body, '{');
	/* what has a way to go on has been told the rest */
	if (!words[1].len)
		trouble = add_conflicts(status, words[0], json, body);
	if (!trouble && words[0].ptr) {
		if (json)
			buf_printf(body, "%s\"ladder\":",
				   words[1].len ? "" : ",");
		trouble = ladder_add(status, words[0], words[1], json, body);
	}
	if (!trouble && json)
		buf_puts(body, "}\n");
	return trouble;
}

/* ---- what changes ---- */

enum deed { BLOCK, UNBLOCK, ERASE, END };

static const struct {
	struct str code;
	const char *what;
} deeds[] = {
	[BLOCK] = { STR("user_blocked"), "blocked user" },
	[UNBLOCK] = { STR("user_unblocked"), "unblocked user" },
	[ERASE] = { STR("user_erased"), "erased user" },
	[END] = { STR("session_ended"), "ended session" },
};

/* Whom a deed is done to: a session by its number alone, a user also by address
 * (number 0). */
static enum err submit(struct status *status, struct job_wait *e,
		       enum deed deed, const struct user *user)
{
	struct store *store = status->gateway->store;

	job_wait_send(e);
	switch (deed) {
	case BLOCK:
	case UNBLOCK:
		e->block.user_id = user->view.id;
		e->block.tenant = pool_str(e->pool, user->tenant);
		e->block.email = pool_str(e->pool, user->view.email);
		e->block.email_key = pool_str(e->pool, user->email_key);
		e->block.is_blocked = deed == BLOCK;
		e->block.audit = &e->audit;
		return users_block(store_users(store), &e->block);
	case ERASE:
		e->erase.user_id = user->view.id;
		e->erase.tenant = pool_str(e->pool, user->tenant);
		e->erase.email_key = pool_str(e->pool, user->email_key);
		e->erase.audit = &e->audit;
		return users_erase(store_users(store), &e->erase);
	default:
		e->end.session_id = user->view.id;
		e->end.audit = &e->audit;
		return sessions_end(store_sessions(store), &e->end);
	}
}

/* Who was blocked by address has a number now. */
static int64_t number_of(const struct job_wait *e, enum deed deed)
{
	return deed == END ? e->end.session_id :
	       deed == ERASE ? e->erase.user_id : e->block.user_id;
}

static void tell(const struct job_wait *e, enum deed deed, bool json,
		 struct buf *body)
{
	int64_t id = number_of(e, deed);
	char text[24];

	if (!json && !id) {
		buf_puts(body, "nobody of that address is stored; sign-ins of "
			 "theirs that were under way are ended\n");
		return;
	}
	if (!json) {
		buf_printf(body, "%s %lld\n", deeds[deed].what, (long long)id);
		return;
	}
	snprintf(text, sizeof(text), "%lld", (long long)id);
	buf_addc(body, '{');
	if (deed == END)
		json_add_member(body, "id", str_from(text));
	else if (id)
		json_add_member_int(body, "id", id);
	else
		json_add_member_raw(body, "id", STR("null"));
	json_add_member(body, "done", deeds[deed].code);
	json_add_member(body, "request_id", e->audit.request_id);
	buf_puts(body, "}\n");
}

/* All of these may be asked for twice without harm. */
static const char *perform(struct status *status, enum deed deed,
			   const struct user *user, bool json,
			   struct buf *body)
{
	struct job_wait *e = job_wait_new();
	const char *trouble = NULL;
	enum err err = ERR_NOMEM;

	if (e && job_wait_audit(e, user->tenant, deeds[deed].code,
				user->view.id ?
				pool_printf(e->pool, "%s %lld",
					    deeds[deed].what,
					    (long long)user->view.id) :
				pool_printf(e->pool, "%s, by address",
					    deeds[deed].what),
				STR(""))) {
		err = submit(status, e, deed, user);
		if (err)
			job_wait_unsend(e);
		else if (job_wait_for(e))
			err = e->job.result;
		else
			trouble = "not confirmed in time, and perhaps yet to "
				  "be written: run it again";
	}
	if (err)
		trouble = err == ERR_BUSY ? "the writer is busy: try again" :
			  err == ERR_NOT_FOUND ? "they are there no more" :
			  err_text(err);
	else if (!trouble)
		tell(e, deed, json, body);
	job_wait_free(e);
	return trouble;
}

static const char *change(struct status *status, enum deed deed,
			  const struct str *words, bool json,
			  struct buf *body)
{
	struct pool *pool = pool_new(POOL_MAX);
	struct user user = { 0 };
	const char *trouble = !pool ? "no memory" :
		find_one(status, words, deed != UNBLOCK, pool, &user, body);

	if (!trouble)
		trouble = perform(status, deed, &user, json, body);
	pool_free(pool);
	return trouble;
}

const char *command_users_block(struct status *status, const struct str *words,
				bool json, struct buf *body)
{
	return change(status, BLOCK, words, json, body);
}

const char *command_users_unblock(struct status *status,
				  const struct str *words, bool json,
				  struct buf *body)
{
	return change(status, UNBLOCK, words, json, body);
}

const char *command_users_erase(struct status *status, const struct str *words,
				bool json, struct buf *body)
{
	return change(status, ERASE, words, json, body);
}

/* ---- sessions ---- */

static int compare(const void *a, const void *b)
{
	const struct session *left = a, *right = b;

	/* ids are in the order of their opening */
	return left->id < right->id ? 1 : left->id > right->id ? -1 : 0;
}

/* The id as text: many a program keeps numbers as doubles. */
static void session_json(const struct session *s, struct buf *out)
{
	char id[24];

	snprintf(id, sizeof(id), "%lld", (long long)s->id);
	buf_addc(out, '{');
	json_add_member(out, "id", str_from(id));
	json_add_member(out, "kind", s->kind == SESSION_EMBEDDED ?
				     STR("embedded") : STR("top"));
	json_add_member(out, "host", s->host);
	add_time(out, "opened_at", s->created_s + clock_ahead_ms() / 1000);
	add_time(out, "expires_at", s->expires_s + clock_ahead_ms() / 1000);
	buf_puts(out, ",\"user\":{");
	json_add_member_int(out, "id", s->user.id);
	json_add_member(out, "email", s->user.email);
	json_add_member(out, "name", s->user.name);
	json_add_member_bool(out, "verified", s->user.is_verified);
	buf_puts(out, "}}");
}

static void sessions_json(const struct session *list, unsigned count,
			  unsigned total, struct buf *out)
{
	buf_puts(out, "{\"sessions\":[");
	for (unsigned i = 0; i < count; i++) {
		if (i)
			buf_addc(out, ',');
		session_json(&list[i], out);
	}
	buf_puts(out, "]");
	json_add_member_int(out, "total", total);
	buf_puts(out, "}\n");
}

static void sessions_text(const struct session *list, unsigned count,
			  unsigned total, struct buf *out)
{
	if (!count) {
		buf_puts(out, "no sessions\n");
		return;
	}
	buf_printf(out, "%-19s  %-5s  %-*s  %-*s  %s\n", "ID", "KIND",
		   SANITIZE_TIME_WIDTH, "OPENED", SANITIZE_TIME_WIDTH, "ENDS",
		   "USER");
	for (unsigned i = 0; i < count; i++) {
		const struct session *s = &list[i];

		buf_printf(out, "%-19lld  %-5s  ", (long long)s->id,
			   s->kind == SESSION_EMBEDDED ? "frame" : "tab");
		sanitize_time(out, s->created_s * 1000 + clock_ahead_ms());
		buf_puts(out, "  ");
		sanitize_time(out, s->expires_s * 1000 + clock_ahead_ms());
		buf_puts(out, "  ");
		sanitize_add(out, s->user.email);
		buf_printf(out, " (%lld)\n", (long long)s->user.id);
	}
	if (total > count)
		buf_printf(out, "and %u more: name a user to see theirs\n",
			   total - count);
}

const char *command_sessions(struct status *status, const struct str *words,
			     bool json, struct buf *body)
{
	struct pool *pool = pool_new(POOL_MAX);
	struct session *list = NULL;
	unsigned count = 0, total = 0;
	struct user user = { .view.id = 0 };
	const char *trouble = pool ? NULL : "no memory";
	enum err err;

	if (!trouble && !str_eq(words[1], STR("-")))
		trouble = find_one(status, words, false, pool, &user, body);
	if (!trouble) {
		err = sessions_list(store_sessions(status->gateway->store),
				    words[0], user.view.id, clock_steady_s(),
				    USERCMD_SESSIONS_MAX, pool, &list, &count,
				    &total);
		trouble = err ? err_text(err) : NULL;
	}
	if (!trouble && !count)
		trouble = status_check_tenant(status, words[0], body);
	if (!trouble) {
		if (count)
			qsort(list, count, sizeof(*list), compare);
		(json ? sessions_json : sessions_text)(list, count, total,
						       body);
	}
	pool_free(pool);
	return trouble;
}

const char *command_session_end(struct status *status, const struct str *words,
				bool json, struct buf *body)
{
	struct sessions *table = store_sessions(status->gateway->store);
	int64_t id;

	if (num_i64(words[0], 1, INT64_MAX, &id))
		return "a session's id is a number, which usherctl sessions "
		       "tells";
	if (!sessions_is_open(table, id))
		return "there is no such session";
	return perform(status, END, &(struct user){
		.view.id = id, .tenant = STR("") }, json, body);
}
