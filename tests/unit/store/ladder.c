/* From unsigned to signed: who takes over which row, and whose an address is
 * that two have had. */
#include "store/db-private.h"
#include "unit/store/rig.h"

#define NOW_MS INT64_C(1700000000000)

static unsigned tokens;

/* Somebody posts. */
static struct redemption posted(struct rig *rig, const char *email)
{
	struct redemption r = rig_token(rig, ++tokens, 0);

	r.sync.email = r.sync.email_key = str_from(email);
	r.sync.name = STR("Posted");
	return r;
}

/* Somebody is vouched for; `sub` NULL: by their address alone. */
static struct redemption vouched(struct rig *rig, const char *email,
				 const char *sub)
{
	struct redemption r = posted(rig, email);

	r.sync.name = STR("Vouched");
	r.sync.is_vouched = true;
	r.sync.issued_ms = r.sync.minted_ms;
	if (sub)
		r.sync.external_id = str_from(sub);
	return r;
}

static struct redemption adopting(struct rig *rig, const char *email,
				  const char *sub)
{
	struct redemption r = vouched(rig, email, sub);

	r.sync.adopts_unsigned = true;
	return r;
}

static struct redemption settling(struct rig *rig, const char *email,
				  const char *sub, enum on_conflict how)
{
	struct redemption r = vouched(rig, email, sub);

	r.sync.on_conflict = how;
	return r;
}

static bool is_open(struct rig *rig, const struct redemption *r)
{
	struct session s;

	return !rig_find(rig, r, clock_steady_s(), &s);
}

static struct user user_of(struct rig *rig, int64_t id)
{
	struct user user = { 0 };

	ck_assert_int_eq(users_get(store_reader(rig->store, 0), id, rig->pool,
				   &user), ERR_OK);
	return user;
}

/* All that a refusal must leave alone. */
static int64_t writes(const struct rig *rig)
{
	return rig_sql(rig, "SELECT (SELECT count(*) FROM users) * 1000000 +"
		" (SELECT count(*) FROM sessions) * 10000 +"
		" (SELECT count(*) FROM redemptions) * 100 +"
		" (SELECT count(*) FROM tombstones)");
}

static void open_ticket(struct rig *rig, int64_t user)
{
	struct ticket_new n = {
		.job.done = rig_done, .tenant = STR("acme"), .user_id = user,
		.subject = STR("S"), .category = STR(""), .body = STR("B"),
		.key = STR("k") };

	ck_assert_int_eq(tickets_create(store_tickets(rig->store), &n), 0);
	rig_wait(1);
	ck_assert_int_eq(n.job.result, ERR_OK);
}

static void start(struct rig *rig)
{
	tokens = 0;
	clock_hold(NOW_MS);
	rig_open(rig);
}

START_TEST(the_first_signed_arrival_takes_the_unsigned_row_over)
{
	static const char *const subs[] = { NULL, "42" };

	for (size_t i = 0; i < N_ELEMENTS(subs); i++) {
		struct redemption old, under_way, own, again;
		struct fields fields;
		struct user user;
		struct rig rig;

		start(&rig);
		fields_init(&fields, rig.pool);
		fields_add(&fields, STR("role"), STR("admin"), FIELD_TEXT);
		old = posted(&rig, "a@b");
		old.sync.set = &fields;
		ck_assert_int_eq(rig_redeem(&rig, &old), ERR_OK);
		open_ticket(&rig, old.user.id);
		under_way = posted(&rig, "a@b");
		clock_hold(NOW_MS + 1000);
		own = adopting(&rig, "a@b", subs[i]);
		ck_assert_int_eq(rig_redeem(&rig, &own), ERR_OK);
		ck_assert_int_eq(own.user.id, old.user.id);
		ck_assert(own.user.is_verified);
		user = user_of(&rig, old.user.id);
		ck_assert(user.view.is_verified);
		ck_assert_msg(!subs[i] || str_eq(user.view.external_id,
						 str_from(subs[i])), "its id");
		ck_str_is(user.view.name, "Vouched");
		/* what nobody vouched for is not vouched for now */
		ck_str_is(user.view.attributes, "{}");
		ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM users"),
				 1);
		ck_assert_int_eq(rig_sql(&rig, "SELECT user_id FROM tickets"),
				 old.user.id);
		/* theirs alone is open, in memory and in the file */
		ck_assert(!is_open(&rig, &old) && is_open(&rig, &own));
		ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM sessions"),
				 1);
		ck_assert_int_eq(rig_redeem(&rig, &under_way), ERR_NOT_FOUND);
		ck_assert_int_eq(under_way.note, REDEMPTION_ENDED);
		again = adopting(&rig, "a@b", subs[i]);
		ck_assert_int_eq(rig_redeem(&rig, &again), ERR_OK);
		ck_assert_int_eq(again.user.id, old.user.id);
		ck_assert(is_open(&rig, &own));
		rig_close(&rig);
	}
}
END_TEST

START_TEST(it_takes_nothing_over_unasked_or_twice)
{
	struct redemption old, own, later;
	struct rig rig;

	start(&rig);
	old = posted(&rig, "a@b");
	ck_assert_int_eq(rig_redeem(&rig, &old), ERR_OK);
	own = vouched(&rig, "a@b", "1");
	ck_assert_int_eq(rig_redeem(&rig, &own), ERR_OK);
	ck_assert_int_ne(own.user.id, old.user.id);
	/* only the first signed sign-in does */
	later = adopting(&rig, "a@b", "1");
	ck_assert_int_eq(rig_redeem(&rig, &later), ERR_OK);
	ck_assert_int_eq(later.user.id, own.user.id);
	ck_assert(is_open(&rig, &old));
	/* nor does one at another's address, or of another tenant */
	later = adopting(&rig, "a@b", "2");
	ck_assert_int_eq(rig_redeem(&rig, &later), ERR_NOT_FOUND);
	ck_assert_int_eq(later.note, REDEMPTION_CONFLICT);
	later = adopting(&rig, "a@b", "2");
	later.sync.tenant = STR("blue");
	ck_assert_int_eq(rig_redeem(&rig, &later), ERR_OK);
	ck_assert_int_ne(later.user.id, old.user.id);
	rig_close(&rig);
}
END_TEST

START_TEST(a_blocked_row_is_not_taken_over)
{
	struct redemption old, own;
	struct rig rig;
	int64_t before;

	start(&rig);
	old = posted(&rig, "a@b");
	ck_assert_int_eq(rig_redeem(&rig, &old), ERR_OK);
	ck_assert_int_eq(rig_block_id(&rig, old.user.id, true), ERR_OK);
	before = writes(&rig);
	own = adopting(&rig, "a@b", "1");
	ck_assert_int_eq(rig_redeem(&rig, &own), ERR_AUTH);
	ck_assert_int_eq(writes(&rig), before);
	ck_assert(!user_of(&rig, old.user.id).view.is_verified);
	rig_close(&rig);
}
END_TEST

/* A session that the same transaction opens is one of the old row's, too. */
START_TEST(who_arrives_unsigned_beside_it_ends_with_the_row)
{
	struct redemption old, beside, own;
	struct rig_gate gate;
	struct rig rig;

	start(&rig);
	old = posted(&rig, "a@b");
	ck_assert_int_eq(rig_redeem(&rig, &old), ERR_OK);
	beside = posted(&rig, "a@b");
	own = adopting(&rig, "a@b", "1");
	rig_gate_close(&gate, store_writer(rig.store));
	ck_assert_int_eq(redemptions_submit(store_redemptions(rig.store),
					    &beside), ERR_OK);
	ck_assert_int_eq(redemptions_submit(store_redemptions(rig.store),
					    &own), ERR_OK);
	rig_gate_open(&gate);
	rig_wait(3);
	ck_assert_int_eq(beside.job.result, ERR_OK);
	ck_assert_int_eq(own.job.result, ERR_OK);
	ck_assert_int_eq(own.user.id, old.user.id);
	ck_assert(!is_open(&rig, &beside) && is_open(&rig, &own));
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM sessions"), 1);
	rig_close(&rig);
}
END_TEST

/* Two at once: one gets the row, the other is decided anew. */
START_TEST(of_two_one_takes_it_over)
{
	static const char *const others[] = { "1", "2" };

	for (size_t i = 0; i < N_ELEMENTS(others); i++) {
		struct redemption old, one, other;
		struct rig_gate gate;
		struct rig rig;

		start(&rig);
		old = posted(&rig, "a@b");
		ck_assert_int_eq(rig_redeem(&rig, &old), ERR_OK);
		one = adopting(&rig, "a@b", "1");
		other = adopting(&rig, "a@b", others[i]);
		/* both adapters were shown it */
		one.shown_id = other.shown_id = old.user.id;
		rig_gate_close(&gate, store_writer(rig.store));
		ck_assert_int_eq(redemptions_submit(
			store_redemptions(rig.store), &one), ERR_OK);
		ck_assert_int_eq(redemptions_submit(
			store_redemptions(rig.store), &other), ERR_OK);
		rig_gate_open(&gate);
		rig_wait(3);
		ck_assert_int_eq(one.job.result, ERR_OK);
		ck_assert_int_eq(one.user.id, old.user.id);
		ck_assert(is_open(&rig, &one));
		if (i) {
			ck_assert_int_eq(other.job.result, ERR_NOT_FOUND);
			ck_assert_int_eq(other.note, REDEMPTION_CONFLICT);
		} else {
			ck_assert_int_eq(other.job.result, ERR_OK);
			ck_assert_int_eq(other.user.id, old.user.id);
			ck_assert(is_open(&rig, &other));
		}
		rig_close(&rig);
	}
}
END_TEST

/* What an adapter is shown is what the commit makes of them. */
START_TEST(the_plan_tells_who_they_will_be)
{
	struct redemption old, own, new;
	struct user_plan plan;
	struct db *reader;
	struct rig rig;

	start(&rig);
	reader = store_reader(rig.store, 0);
	old = posted(&rig, "a@b");
	ck_assert_int_eq(rig_redeem(&rig, &old), ERR_OK);
	own = adopting(&rig, "a@b", "1");
	ck_assert_int_eq(users_plan(reader, &own.sync, rig.pool, &plan),
			 ERR_OK);
	ck_assert(plan.is_adopted && !plan.is_new && plan.is_changed);
	ck_assert(plan.view.is_verified);
	ck_assert_int_eq(plan.view.id, old.user.id);
	own.shown_id = plan.view.id;
	ck_assert_int_eq(rig_redeem(&rig, &own), ERR_OK);
	/* shown somebody new, and there is an unsigned one by now */
	new = adopting(&rig, "c@d", "2");
	new.shown_id = users_new_id(store_users(rig.store));
	new.is_shown_new = true;
	rig_user(&rig, "c@d", "C");
	ck_assert_int_eq(rig_redeem(&rig, &new), ERR_NOT_FOUND);
	ck_assert_int_eq(new.note, REDEMPTION_OTHER_ID);
	rig_close(&rig);
}
END_TEST

/* One row of the table in users.h. */
struct row {
	const char *sub;		/* of the arrival; NULL: none */
	bool is_known;			/* it has a row, at own@b */
	const char *other;		/* of who has the address */
	enum on_conflict how;
	enum { NO, KEEPS, GETS } want;
};

static void check_row(const struct row *row)
{
	struct redemption own, other, r;
	struct user user;
	struct rig rig;
	int64_t before;

	start(&rig);
	other = vouched(&rig, "a@b", row->other);
	ck_assert_int_eq(rig_redeem(&rig, &other), ERR_OK);
	own = vouched(&rig, "own@b", row->sub);
	if (row->is_known)
		ck_assert_int_eq(rig_redeem(&rig, &own), ERR_OK);
	before = writes(&rig);
	clock_hold(NOW_MS + 1000);
	r = settling(&rig, "a@b", row->sub, row->how);
	ck_assert_int_eq(rig_redeem(&rig, &r), row->want == NO ?
			 ERR_NOT_FOUND : ERR_OK);
	user = user_of(&rig, other.user.id);
	if (row->want == NO) {
		ck_assert_int_eq(r.note, REDEMPTION_CONFLICT);
		ck_assert_int_eq(writes(&rig), before);
	} else {
		ck_assert_msg(!row->is_known || r.user.id == own.user.id,
			      "they are who they were");
		/* nobody gets into the other one's row */
		ck_assert_int_ne(r.user.id, other.user.id);
		ck_str_is(r.user.email, row->want == GETS ? "a@b" : "own@b");
		ck_assert(is_open(&rig, &r));
	}
	ck_assert_int_eq(is_open(&rig, &other), row->want != GETS);
	ck_str_is(user.view.email, row->want == GETS ? "" : "a@b");
	ck_assert_msg(str_eq(user.view.external_id, row->other ?
			     str_from(row->other) : STR_NULL), "their id");
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM users"
				 " WHERE email_key = 'a@b'"), 1);
	rig_close(&rig);
}

START_TEST(an_address_is_one_persons)
{
	static const struct row rows[] = {
		{ "1", true, "2", ON_CONFLICT_REJECT, NO },
		{ "1", true, "2", ON_CONFLICT_LINK, KEEPS },
		{ "1", true, "2", ON_CONFLICT_UPDATE, GETS },
		{ "1", true, NULL, ON_CONFLICT_REJECT, NO },
		{ "1", true, NULL, ON_CONFLICT_LINK, KEEPS },
		{ "1", true, NULL, ON_CONFLICT_UPDATE, KEEPS },
		{ "1", false, "2", ON_CONFLICT_REJECT, NO },
		{ "1", false, "2", ON_CONFLICT_LINK, NO },
		{ "1", false, "2", ON_CONFLICT_UPDATE, GETS },
		{ NULL, false, "2", ON_CONFLICT_REJECT, NO },
		{ NULL, false, "2", ON_CONFLICT_LINK, NO },
		{ NULL, false, "2", ON_CONFLICT_UPDATE, NO },
	};

	for (size_t i = 0; i < N_ELEMENTS(rows); i++)
		check_row(&rows[i]);
}
END_TEST

START_TEST(who_lost_an_address_brings_another)
{
	struct redemption first, under_way, second, back;
	struct rig rig;

	start(&rig);
	first = vouched(&rig, "a@b", "1");
	ck_assert_int_eq(rig_redeem(&rig, &first), ERR_OK);
	under_way = vouched(&rig, "a@b", "1");
	under_way.sync.on_conflict = ON_CONFLICT_UPDATE;
	clock_hold(NOW_MS + 1000);
	second = settling(&rig, "a@b", "2", ON_CONFLICT_UPDATE);
	ck_assert_int_eq(rig_redeem(&rig, &second), ERR_OK);
	/* what named the address before does so no more */
	ck_assert_int_eq(rig_redeem(&rig, &under_way), ERR_NOT_FOUND);
	ck_assert_int_eq(under_way.note, REDEMPTION_ENDED);
	/* without an address there is nothing to keep */
	clock_hold(NOW_MS + 2000);
	back = settling(&rig, "a@b", "1", ON_CONFLICT_LINK);
	ck_assert_int_eq(rig_redeem(&rig, &back), ERR_NOT_FOUND);
	ck_assert_int_eq(back.note, REDEMPTION_CONFLICT);
	back = settling(&rig, "new@b", "1", ON_CONFLICT_LINK);
	ck_assert_int_eq(rig_redeem(&rig, &back), ERR_OK);
	ck_assert_int_eq(back.user.id, first.user.id);
	ck_str_is(back.user.email, "new@b");
	rig_close(&rig);
}
END_TEST

START_TEST(of_two_arrivals_the_later_word_has_the_address)
{
	struct redemption late, first, new;
	struct rig rig;

	start(&rig);
	late = settling(&rig, "a@b", "2", ON_CONFLICT_UPDATE);
	clock_hold(NOW_MS + 1000);
	first = vouched(&rig, "a@b", "1");
	ck_assert_int_eq(rig_redeem(&rig, &first), ERR_OK);
	ck_assert_int_eq(rig_redeem(&rig, &late), ERR_NOT_FOUND);
	ck_assert_int_eq(late.note, REDEMPTION_CONFLICT);
	ck_assert(is_open(&rig, &first));
	clock_hold(NOW_MS + 2000);
	new = settling(&rig, "a@b", "2", ON_CONFLICT_UPDATE);
	ck_assert_int_eq(rig_redeem(&rig, &new), ERR_OK);
	ck_assert(!is_open(&rig, &first));
	rig_close(&rig);
}
END_TEST

/* A page that was rendered before, and is posted now. */
START_TEST(a_later_post_is_no_later_word)
{
	struct redemption first, again, old, other;
	struct rig rig;

	start(&rig);
	old = settling(&rig, "a@b", "2", ON_CONFLICT_UPDATE);
	clock_hold(NOW_MS + 600000);
	first = vouched(&rig, "a@b", "1");
	first.sync.name = STR("New");
	ck_assert_int_eq(rig_redeem(&rig, &first), ERR_OK);
	clock_hold(NOW_MS + 601000);
	old.sync.minted_ms = NOW_MS + 601000;
	ck_assert_int_eq(rig_redeem(&rig, &old), ERR_NOT_FOUND);
	ck_assert_int_eq(old.note, REDEMPTION_CONFLICT);
	ck_assert(is_open(&rig, &first));
	/* nor does it bring back what they were called */
	again = vouched(&rig, "a@b", "1");
	again.sync.name = STR("Old");
	again.sync.issued_ms = NOW_MS;
	ck_assert_int_eq(rig_redeem(&rig, &again), ERR_OK);
	ck_str_is(again.user.name, "New");
	ck_assert(is_open(&rig, &again));
	/* issued in one second, by a token that was minted later */
	other = vouched(&rig, "a@b", "1");
	other.sync.name = STR("Newest");
	other.sync.issued_ms = NOW_MS + 600000;
	ck_assert_int_eq(rig_redeem(&rig, &other), ERR_OK);
	ck_str_is(other.user.name, "Newest");
	rig_close(&rig);
}
END_TEST

/* Ahead or behind: what was issued before the address was another's ends, and
 * what came after it does not. */
START_TEST(what_named_the_address_ends_by_the_partners_own_clock)
{
	const int64_t off_ms = _i ? -50000 : 50000;
	struct redemption first, page, second, later;
	struct rig rig;

	start(&rig);
	first = vouched(&rig, "a@b", "1");
	first.sync.issued_ms = NOW_MS + off_ms - 1000;
	ck_assert_int_eq(rig_redeem(&rig, &first), ERR_OK);
	page = settling(&rig, "a@b", "1", ON_CONFLICT_UPDATE);
	page.sync.issued_ms = NOW_MS + off_ms;
	clock_hold(NOW_MS + 1000);
	second = settling(&rig, "a@b", "2", ON_CONFLICT_UPDATE);
	second.sync.issued_ms = NOW_MS + off_ms + 1000;
	ck_assert_int_eq(rig_redeem(&rig, &second), ERR_OK);
	clock_hold(NOW_MS + 2000);
	page.sync.minted_ms = NOW_MS + 2000;
	ck_assert_int_eq(rig_redeem(&rig, &page), ERR_NOT_FOUND);
	ck_assert_int_eq(page.note, REDEMPTION_ENDED);
	ck_assert(is_open(&rig, &second));
	later = settling(&rig, "other@b", "1", ON_CONFLICT_UPDATE);
	later.sync.issued_ms = NOW_MS + off_ms + 2000;
	ck_assert_int_eq(rig_redeem(&rig, &later), ERR_OK);
	rig_close(&rig);
}
END_TEST

START_TEST(a_blocked_ones_address_is_nobody_elses)
{
	struct redemption other, own, r;
	struct rig rig;
	int64_t before;

	start(&rig);
	other = vouched(&rig, "a@b", "2");
	ck_assert_int_eq(rig_redeem(&rig, &other), ERR_OK);
	own = vouched(&rig, "own@b", "1");
	ck_assert_int_eq(rig_redeem(&rig, &own), ERR_OK);
	ck_assert_int_eq(rig_block_id(&rig, other.user.id, true), ERR_OK);
	before = writes(&rig);
	for (int how = ON_CONFLICT_LINK; how <= ON_CONFLICT_UPDATE; how++) {
		r = settling(&rig, "a@b", "1", (enum on_conflict)how);
		ck_assert_int_eq(rig_redeem(&rig, &r), ERR_AUTH);
		r = settling(&rig, "a@b", "3", ON_CONFLICT_UPDATE);
		ck_assert_int_eq(rig_redeem(&rig, &r), ERR_AUTH);
	}
	ck_assert_int_eq(writes(&rig), before);
	rig_close(&rig);
}
END_TEST

static enum err refuse(const void *ctx, struct str email, struct pool *pool)
{
	(void)pool;
	return str_eq(email, str_from(ctx)) ? ERR_CONFLICT : ERR_OK;
}

START_TEST(what_they_keep_must_be_allowed)
{
	static const char *const kept[] = { "own@b", "else@b" };
	struct redemption r;
	struct rig rig;

	start(&rig);
	r = vouched(&rig, "a@b", "2");
	ck_assert_int_eq(rig_redeem(&rig, &r), ERR_OK);
	r = vouched(&rig, "own@b", "1");
	ck_assert_int_eq(rig_redeem(&rig, &r), ERR_OK);
	for (size_t i = 0; i < N_ELEMENTS(kept); i++) {
		r = settling(&rig, "a@b", "1", ON_CONFLICT_LINK);
		r.sync.may_have = refuse;
		r.sync.ctx = kept[i];
		ck_assert_int_eq(rig_redeem(&rig, &r), i ? ERR_OK :
							   ERR_NOT_FOUND);
	}
	rig_close(&rig);
}
END_TEST

/* It says no, and nothing failed: those beside it need no second run. */
START_TEST(a_conflict_is_no_failure_of_the_store)
{
	struct writer_stats stats;
	struct redemption r;
	struct rig rig;

	start(&rig);
	r = vouched(&rig, "a@b", "1");
	ck_assert_int_eq(rig_redeem(&rig, &r), ERR_OK);
	r = vouched(&rig, "a@b", "2");
	ck_assert_int_eq(rig_redeem(&rig, &r), ERR_NOT_FOUND);
	writer_stats(store_writer(rig.store), &stats);
	ck_assert_uint_eq(stats.failed, 0);
	ck_assert_uint_eq(stats.rerun, 0);
	rig_close(&rig);
}
END_TEST

/* The row of an older release has another key of the same address. */
START_TEST(a_row_with_an_older_key_is_taken_over_whole)
{
	struct redemption own, again;
	struct rig rig;

	start(&rig);
	rig_sql(&rig, "INSERT INTO users(id, tenant, email_key, email, name,"
		" created_s, updated_s, last_seen_s) VALUES"
		" (7, 'acme', 'jose\xcc\x81@b', 'Jose\xcc\x81@b', 'J', 1, 1,"
		" 0)");
	rig_sql(&rig, "INSERT INTO user_keys VALUES('acme', 'josé@b', 0, 7)");
	own = adopting(&rig, "josé@b", "1");
	ck_assert_int_eq(rig_redeem(&rig, &own), ERR_OK);
	ck_assert_int_eq(own.user.id, 7);
	ck_str_is(user_of(&rig, 7).email_key, "josé@b");
	ck_assert_int_eq(rig_sql(&rig, "SELECT count(*) FROM user_keys"), 0);
	again = posted(&rig, "josé@b");
	clock_hold(NOW_MS + 1000);
	again.sync.minted_ms = NOW_MS + 1000;
	ck_assert_int_eq(rig_redeem(&rig, &again), ERR_OK);
	ck_assert_int_ne(again.user.id, 7);
	rig_close(&rig);
}
END_TEST

/* All that a crash or another start could lose. */
START_TEST(it_is_so_after_a_start)
{
	struct redemption old, own, under_way;
	struct rig rig;

	start(&rig);
	old = posted(&rig, "a@b");
	ck_assert_int_eq(rig_redeem(&rig, &old), ERR_OK);
	under_way = posted(&rig, "a@b");
	own = adopting(&rig, "a@b", "1");
	ck_assert_int_eq(rig_redeem(&rig, &own), ERR_OK);
	rig_stop(&rig);
	rig_start(&rig);
	ck_assert(!is_open(&rig, &old) && is_open(&rig, &own));
	ck_assert_int_eq(rig_redeem(&rig, &under_way), ERR_NOT_FOUND);
	rig_close(&rig);
}
END_TEST

START_TEST(what_is_on_record_tells_of_it)
{
	const struct audit_step steps[] = { { "open_token", "next", NULL, 1 },
					    { "redeem", "stored", NULL, 2 } };
	struct audit_record audit = { .request_id = STR("01REQUEST"),
		.time_ms = 5, .tenant = STR("acme"), .status = 302,
		.steps = steps, .step_count = 2 }, found;
	struct redemption old, own;
	struct rig rig;

	start(&rig);
	old = posted(&rig, "a@b");
	ck_assert_int_eq(rig_redeem(&rig, &old), ERR_OK);
	own = adopting(&rig, "a@b", "1");
	own.audit = &audit;
	ck_assert_int_eq(rig_redeem(&rig, &own), ERR_OK);
	ck_assert_int_eq(audit_find(store_reader(rig.store, 0),
				    STR("01REQUEST"), rig.pool, &found),
			 ERR_OK);
	ck_assert_msg(str_icontains(found.trail,
				    STR("\"verdict\":\"unsigned_adopted\"")) &&
		      !str_icontains(found.trail, STR("a@b")),
		      "%.*s", STR_ARG(found.trail));
	rig_close(&rig);
}
END_TEST

static void ladder_tests(TCase *tc)
{
	tcase_set_timeout(tc, UNIT_PATIENCE_S);
	tcase_add_test(tc,
		the_first_signed_arrival_takes_the_unsigned_row_over);
	tcase_add_test(tc, it_takes_nothing_over_unasked_or_twice);
	tcase_add_test(tc, a_blocked_row_is_not_taken_over);
	tcase_add_test(tc, who_arrives_unsigned_beside_it_ends_with_the_row);
	tcase_add_test(tc, of_two_one_takes_it_over);
	tcase_add_test(tc, the_plan_tells_who_they_will_be);
	tcase_add_test(tc, an_address_is_one_persons);
	tcase_add_test(tc, who_lost_an_address_brings_another);
	tcase_add_test(tc, of_two_arrivals_the_later_word_has_the_address);
	tcase_add_test(tc, a_later_post_is_no_later_word);
	tcase_add_loop_test(tc,
		what_named_the_address_ends_by_the_partners_own_clock, 0, 2);
	tcase_add_test(tc, a_blocked_ones_address_is_nobody_elses);
	tcase_add_test(tc, what_they_keep_must_be_allowed);
	tcase_add_test(tc, a_conflict_is_no_failure_of_the_store);
	tcase_add_test(tc, a_row_with_an_older_key_is_taken_over_whole);
	tcase_add_test(tc, it_is_so_after_a_start);
	tcase_add_test(tc, what_is_on_record_tells_of_it);
}

UNIT_MAIN("ladder", ladder_tests)
