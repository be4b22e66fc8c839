/* The next configuration beside the running one. */
#include <pthread.h>

#include "config/schema.h"
#include "crypto/jwe.h"
#include "unit/config/rig.h"

/* A gateway and two tenants, each in its file. */
static struct snapshot *begin(void)
{
	rig_begin();
	rig_write("gateway.conf", GATEWAY);
	rig_write("a.conf", TENANT("a", "name = \"First\";"));
	rig_write("b.conf", TENANT("b", ""));
	return rig_load_good(NULL);
}

static void end(struct snapshot *s)
{
	snapshot_unref(s);
	rig_end();
}

static struct snapshot *reload(struct snapshot *running)
{
	struct snapshot *next = rig_load(running);

	ck_assert_ptr_nonnull(next);
	ck_assert_uint_eq(next->generation, running->generation + 1);
	snapshot_unref(running);
	return next;
}

static bool serves(const struct snapshot *s, const char *slug,
		   const char *name)
{
	const struct tenant *t = snapshot_tenant(s, str_from(slug));

	return t && t->state == TENANT_SERVING &&
		str_eq(t->name, str_from(name)) && t->token_keys;
}

START_TEST(a_change_is_taken_up)
{
	struct snapshot *s = begin();

	rig_write("a.conf", TENANT("a", "name = \"Second\";"));
	rig_write("c.conf", TENANT("c", ""));
	s = reload(s);
	ck_assert(serves(s, "a", "Second"));
	ck_assert(serves(s, "b", "b"));
	ck_assert(serves(s, "c", "c"));
	end(s);
}
END_TEST

/* Break a.conf in this way: the last good form serves on, reload after
 * reload, until the file is mended. */
static void check_kept(const char *broken)
{
	struct snapshot *s = begin();
	unsigned i;

	for (i = 0; i < 3; i++) {
		rig_write("a.conf", broken);
		s = reload(s);
		ck_assert_msg(serves(s, "a", "First"), "%s", broken);
		ck_assert(serves(s, "b", "b"));
		ck_assert_int_eq(report_worst(&rig_report), REPORT_TENANT);
		ck_assert(rig_found("goes on in its last good form"));
	}
	ck_assert_uint_eq(s->tenant_count, 2);
	rig_write("a.conf", TENANT("a", "name = \"Second\";"));
	s = reload(s);
	ck_assert(serves(s, "a", "Second"));
	ck_assert_int_eq(report_worst(&rig_report), REPORT_WARNING);
	end(s);
}

START_TEST(a_broken_file_keeps_its_last_good_tenant)
{
	check_kept("tenant = { slug = \"a\"");
	check_kept("tenant = { name = 010; };");
	check_kept("\xff");
	check_kept("tenant = { };");
	check_kept("tenent = { slug = \"a\"; };");
	check_kept("tenant = { slug = \"A\"; identity = \"unsigned\"; };");
	check_kept(TENANT("a", "desk = 1;"));
	check_kept(TENANT("a", "redeem_secret_file = \"gone\";"));
	check_kept(TENANT("a", "dashboard = \"https://x.example/\";"));
	check_kept(TENANT("a", "") TENANT("a", ""));
	check_kept("tenants = ( { slug = \"a\"; identity = \"unsigned\"; },\n"
		   "{ slug = \"a\"; identity = \"unsigned\"; } );");
	check_kept(TENANT("b", ""));
}
END_TEST

START_TEST(an_unreadable_file_keeps_its_tenant_a_deleted_one_does_not)
{
	struct snapshot *s = begin();

	rig_delete("a.conf");
	ck_assert_int_eq(symlink("gone", rig_path("a.conf")), 0);
	s = reload(s);
	ck_assert(serves(s, "a", "First"));
	rig_delete("a.conf");
	ck_assert_int_eq(mkdir(rig_path("a.conf"), 0700), 0);
	s = reload(s);
	ck_assert(serves(s, "a", "First"));
	ck_assert_int_eq(rmdir(rig_path("a.conf")), 0);
	s = reload(s);
	ck_assert_ptr_null(snapshot_tenant(s, STR("a")));
	ck_assert(serves(s, "b", "b"));
	ck_assert_int_eq(report_worst(&rig_report), REPORT_WARNING);
	end(s);
}
END_TEST

START_TEST(a_tenant_may_move_to_another_file)
{
	struct snapshot *s = begin();

	/* Its old file is broken for another reason. */
	rig_write("a.conf", "tenant = {");
	rig_write("z.conf", TENANT("a", "name = \"Moved\";"));
	s = reload(s);
	ck_assert(serves(s, "a", "Moved"));
	ck_assert(str_icontains(rig_tenant(s, "a")->file, STR("/z.conf")));
	end(s);
}
END_TEST

START_TEST(who_is_switched_off_is_not_kept)
{
	struct snapshot *s = begin();

	/* Off, though the file has another mistake. */
	rig_write("a.conf", TENANT("a", "enabled = false; desk = 1;"));
	s = reload(s);
	ck_assert_int_eq(rig_tenant(s, "a")->state, TENANT_DISABLED);
	rig_write("a.conf", TENANT("a", "enabled = false;"));
	s = reload(s);
	ck_assert_int_eq(rig_tenant(s, "a")->state, TENANT_DISABLED);
	/* Its last good form is an off one. */
	rig_write("a.conf", TENANT("a", "desk = 1;"));
	s = reload(s);
	ck_assert_int_eq(rig_tenant(s, "a")->state, TENANT_DISABLED);
	end(s);
}
END_TEST

START_TEST(a_broken_tenant_that_never_was_good_stays_broken)
{
	struct snapshot *s = begin();
	unsigned i;

	for (i = 0; i < 2; i++) {
		rig_write("c.conf", TENANT("c", "desk = 1;"));
		s = reload(s);
		ck_assert_int_eq(rig_tenant(s, "c")->state, TENANT_BROKEN);
	}
	rig_write("c.conf", TENANT("c", ""));
	s = reload(s);
	ck_assert(serves(s, "c", "c"));
	end(s);
}
END_TEST

/* Seal with the keys of one, open with those of the other. */
static enum err passes(const struct snapshot *from, const struct snapshot *to,
		       const char *slug)
{
	char room[JWE_TOKEN_MAX + 1];
	struct pool *pool = pool_new(1 << 16);
	struct buf token;
	struct str text;
	enum err err;

	buf_init_fixed(&token, room, sizeof(room));
	ck_assert_int_eq(jwe_seal(rig_tenant(from, slug)->token_keys,
				  STR("x"), &token), ERR_OK);
	err = jwe_open(rig_tenant(to, slug)->token_keys, buf_str(&token), pool,
		       &text);
	pool_free(pool);
	return err;
}

/* Other keys, and the same in everything else, whatever the files say now. */
START_TEST(keys_are_exchanged_without_a_look_at_the_files)
{
	struct snapshot *s = begin(), *first = snapshot_ref(s), *turned;
	const struct tenant *before = rig_tenant(s, "a"), *after;
	struct keyring *other = keyring_new_throwaway();
	unsigned tenants = s->tenant_count;

	rig_write("a.conf", "tenant = {");
	rig_write("new.conf", TENANT("new", ""));
	/* A row of them: none holds on to more than the first. */
	for (unsigned i = 0; i < 3; i++) {
		turned = snapshot_rekey(s, i == 2 ? other : rig_keys);
		ck_assert_ptr_nonnull(turned);
		ck_assert_uint_eq(turned->generation, s->generation + 1);
		snapshot_unref(s);
		s = turned;
	}
	ck_assert_uint_eq(s->tenant_count, tenants);
	ck_assert(serves(s, "a", "First"));
	ck_assert_ptr_null(snapshot_tenant(s, STR("new")));
	after = rig_tenant(s, "a");
	ck_assert_ptr_ne(after, before);
	ck_assert_ptr_eq(after->redirects.own, &after->url);
	ck_assert_ptr_eq(after->adapter, before->adapter);
	ck_str_is(after->dashboard, before->dashboard.ptr);
	ck_assert_int_eq(passes(s, s, "a"), ERR_OK);
	ck_assert_int_eq(passes(first, s, "a"), ERR_NOT_FOUND);
	/* Who lives where is who lives there now. */
	ck_assert_ptr_eq(snapshot_host(s, after->url.host)->tenants[0], after);
	snapshot_unref(first);
	/* And it can be what the next load falls back on. */
	s = reload(s);
	ck_assert(serves(s, "a", "First"));
	ck_assert(serves(s, "new", "new"));
	keyring_free(other);
	end(s);
}
END_TEST

static uint64_t epoch_of(void *ctx, struct str slug, struct str name,
			 struct str origin)
{
	ck_assert_ptr_eq(ctx, &rig_options);
	ck_assert(str_has_prefix(origin, STR("https://")));
	return str_eq(slug, STR("a")) && str_eq(name, STR("First")) ? 7 : 0;
}

START_TEST(a_token_does_not_pass_into_another_epoch)
{
	struct snapshot *first = begin(), *s = snapshot_ref(first), *turned;

	rig_options.epoch_of = epoch_of;
	rig_options.epoch_ctx = &rig_options;
	s = reload(s);
	ck_assert_uint_eq(rig_tenant(s, "a")->epoch, 7);
	ck_assert_uint_eq(rig_tenant(s, "b")->epoch, 0);
	ck_assert_int_eq(passes(first, s, "a"), ERR_AUTH);
	ck_assert_int_eq(passes(first, s, "b"), ERR_OK);
	/* New keys leave the epoch as it is. */
	turned = snapshot_rekey(s, rig_keys);
	ck_assert_uint_eq(rig_tenant(turned, "a")->epoch, 7);
	ck_assert_int_eq(passes(s, turned, "a"), ERR_OK);
	snapshot_unref(turned);
	snapshot_unref(first);
	end(s);
}
END_TEST

/* A file that is there, but tells not even whose it is. */
START_TEST(a_file_without_a_readable_slug_is_noted)
{
	struct snapshot *s = begin();

	ck_assert(!s->is_partial);
	rig_write("c.conf", "tenant = { slug = \"c\"; oops");
	s = reload(s);
	ck_assert(!s->is_partial);
	ck_assert(rig_tenant(s, "c")->is_formless);
	ck_assert(!rig_tenant(s, "a")->is_formless);
	rig_write("c.conf", "oops {");
	s = reload(s);
	ck_assert(s->is_partial);
	rig_delete("c.conf");
	s = reload(s);
	ck_assert(!s->is_partial);
	/* Somebody is about to write it: the tenant that it held goes on. */
	rig_write("a.conf", "");
	s = reload(s);
	ck_assert(s->is_partial);
	ck_assert_ptr_nonnull(rig_tenant(s, "a"));
	ck_assert(rig_found("is empty"));
	end(s);
}
END_TEST

START_TEST(a_broken_gateway_changes_nothing)
{
	struct snapshot *s = begin();

	rig_write("gateway.conf", "gateway = { };");
	ck_assert_ptr_null(rig_load(s));
	ck_assert(serves(s, "a", "First"));
	end(s);
}
END_TEST

START_TEST(a_kept_tenant_lives_where_the_gateway_is_now)
{
	struct snapshot *s = begin();

	rig_write("gateway.conf", "gateway = { "
		  "public_url = \"https://new.example\";\n"
		  "listen = ( { url = \"http://127.0.0.1:8080\"; } ); };");
	rig_write("a.conf", "tenant = {");
	s = reload(s);
	ck_assert(serves(s, "a", "First"));
	ck_str_is(rig_tenant(s, "a")->origin, "https://new.example");
	ck_str_is(rig_tenant(s, "a")->dashboard,
		  "https://new.example/dashboard");
	ck_assert_ptr_null(snapshot_host(s, STR("tickets.example")));
	ck_assert_uint_eq(snapshot_host(s, STR("new.example"))->tenant_count,
			  2);
	end(s);
}
END_TEST

START_TEST(tokens_outlive_a_reload)
{
	struct snapshot *s = begin(), *next;
	struct pool *pool = pool_new(1 << 16);
	struct str text = STR_NULL;
	struct buf token;

	buf_init(&token, JWE_TOKEN_MAX);
	ck_assert_int_eq(jwe_seal(rig_tenant(s, "a")->token_keys,
				  STR("claims"), &token), ERR_OK);
	rig_write("a.conf", "tenant = {");	/* kept */
	next = reload(s);
	ck_assert_int_eq(jwe_open(rig_tenant(next, "a")->token_keys,
				  buf_str(&token), pool, &text), ERR_OK);
	ck_str_is(text, "claims");
	ck_assert_int_ne(jwe_open(rig_tenant(next, "b")->token_keys,
				  buf_str(&token), pool, &text), ERR_OK);
	buf_done(&token);
	pool_free(pool);
	end(next);
}
END_TEST

START_TEST(a_pinned_snapshot_stays_whole)
{
	struct snapshot *s = begin(), *pinned = snapshot_ref(s), *next;
	const struct tenant *a = rig_tenant(pinned, "a");
	struct snapshot_slot *slot = snapshot_slot_new(s);

	ck_assert_ptr_nonnull(slot);
	rig_delete("a.conf");
	rig_write("b.conf", "tenant = {");
	next = rig_load(s);
	snapshot_slot_set(slot, next);
	s = snapshot_slot_get(slot);
	ck_assert_ptr_eq(s, next);
	ck_assert_ptr_null(snapshot_tenant(s, STR("a")));
	snapshot_unref(s);
	/* Every part of the old one can still be read. */
	ck_str_is(a->name, "First");
	ck_str_is(a->dashboard, "https://tickets.example/dashboard");
	ck_assert_uint_eq(jwe_keys_count(a->token_keys), 1);
	ck_str_is(snapshot_host(pinned, STR("tickets.example"))
		  ->tenants[0]->slug, "a");
	snapshot_unref(pinned);

	/* And so can b, which came from there. */
	s = snapshot_slot_get(slot);
	ck_assert(serves(s, "b", "b"));
	snapshot_unref(s);
	snapshot_slot_free(slot);
	rig_end();
}
END_TEST

#define READERS 3
#define SWAPS 50

static struct snapshot_slot *slot;
static _Atomic bool is_over;
static _Atomic unsigned long reads;

static void *read_on(void *arg)
{
	uint64_t last = 0;

	(void)arg;
	do {
		struct snapshot *s = snapshot_slot_get(slot);
		const struct tenant *t = snapshot_tenant(s, STR("a"));

		/* Never an older one than before, never half of one. */
		if (s->generation < last || !t || !str_eq(t->name,
							  STR("First")))
			abort();
		last = s->generation;
		snapshot_unref(s);
		reads++;
	} while (!is_over);
	return NULL;
}

START_TEST(readers_never_notice_a_swap)
{
	struct snapshot *s = begin(), *next;
	pthread_t threads[READERS];
	unsigned i;

	slot = snapshot_slot_new(s);
	is_over = false;
	for (i = 0; i < READERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, read_on,
						NULL), 0);
	for (i = 0; i < SWAPS; i++) {
		/* Kept and fresh in turn, so that drafts are shared. */
		rig_write("a.conf", i % 2 ? TENANT("a", "name = \"First\";") :
			  "tenant = {");
		s = snapshot_slot_get(slot);
		next = rig_load(s);
		snapshot_unref(s);
		ck_assert_ptr_nonnull(next);
		snapshot_slot_set(slot, next);
	}
	is_over = true;
	for (i = 0; i < READERS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_uint_ge(reads, READERS);
	s = snapshot_slot_get(slot);
	ck_assert_uint_eq(s->generation, SWAPS + 1);
	snapshot_unref(s);
	snapshot_slot_free(slot);
	rig_end();
}
END_TEST

#define BASE "public_url = \"https://tickets.example\";"
#define LISTEN "listen = ( { url = \"http://127.0.0.1:8080\"; } );"

START_TEST(what_needs_a_restart_is_named)
{
	static const struct {
		const char *text, *needed;
	} cases[] = {
		{ BASE LISTEN, "" },
		{ "public_url = \"https://other.example\";" LISTEN, "" },
		{ BASE LISTEN "rate_limit = { requests = 1; };", "" },
		{ BASE LISTEN "trusted_proxies = [ \"10.0.0.0/8\" ];", "" },
		{ BASE LISTEN "plugins = \"/x\"; development = true;", "" },
		{ BASE "listen = ( { url = \"http://127.0.0.1:81\"; } );",
		  "listen" },
		{ BASE "listen = ( { url = \"http://127.0.0.1:8080\"; "
		  "close_always = true; } );", "listen" },
		{ BASE "listen = ( { url = \"http://127.0.0.1:8080\"; }, "
		  "{ url = \"http://127.0.0.1:1\"; } );", "listen" },
		{ BASE LISTEN "metrics = \"http://127.0.0.1:1\";", "metrics" },
		{ BASE LISTEN "admin = \"unix:/x\";", "admin" },
		{ BASE LISTEN "state = \"/x\";", "admin, state" },
		{ BASE LISTEN "user = \"x\"; watch = true;", "user, watch" },
		{ BASE LISTEN "log = { level = \"warn\"; format = \"text\"; "
		  "}; adapter_log = 5;", "" },
		{ BASE LISTEN "log = { file = \"/x\"; };", "log.file" },
		{ BASE LISTEN "workers = 1; request_deadline = 1; "
		  "connections_max = 64;",
		  "workers, request_deadline, connections_max" },
	};
	struct snapshot *s = begin(), *next;
	char text[1024], array[256];
	struct buf needed;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), "gateway = { %s };",
			 cases[i].text);
		rig_write("gateway.conf", text);
		next = rig_load(s);
		ck_assert_msg(next != NULL, "%s", text);
		buf_init_fixed(&needed, array, sizeof(array));
		snapshot_restart_needed(s, next, &needed);
		ck_assert_msg(str_eq(buf_str(&needed),
				     str_from(cases[i].needed)), "%s: %s",
			      text, array);
		snapshot_unref(next);
	}
	end(s);
}
END_TEST

/* Each setting that the table says is read at a start only is one that is
 * compared, and there are no others. */
START_TEST(the_table_says_what_needs_a_restart)
{
	/* all of them */
	static const char text[] = "gateway = { "
		"public_url = \"https://x.example\"; "
		"listen = ( { url = \"http://127.0.0.1:81\"; } ); "
		"admin = \"unix:/x\"; metrics = \"http://127.0.0.1:1\"; "
		"state = \"/x\"; plugins = \"/x\"; "
		"rate_limit = { requests = 1; per = 1; }; "
		"metrics_hosts = [ \"x\" ]; "
		"trusted_proxies = [ \"10.0.0.0/8\" ]; user = \"x\"; "
		"client_header = \"X-Real-IP\"; "
		"connections_per_client = 8; "
		"development = true; watch = true; "
		"log = { level = \"warn\"; format = \"text\"; "
		"file = \"/x\"; }; adapter_log = 1; workers = 1; "
		"request_deadline = 1; adapter_start = 1; "
		"connections_max = 64; outbox_max = 1; "
		"retention = { outbox = 60; }; };";
	struct snapshot *s = begin(), *next;
	char array[512], want[512];
	struct buf needed, flagged;

	rig_write("gateway.conf", text);
	next = rig_load(s);
	ck_assert_ptr_nonnull(next);
	buf_init_fixed(&needed, array, sizeof(array));
	snapshot_restart_needed(s, next, &needed);
	buf_init_fixed(&flagged, want, sizeof(want));
	for (const struct setting *t = schema_gateway; t->name; t++) {
		const struct setting *m = t->members;

		ck_assert_msg(strstr(text, t->name) != NULL, "%s", t->name);
		if (t->is_at_start)
			buf_printf(&flagged, "%s%s", flagged.len ? ", " : "",
				   t->name);
		for (; !t->is_at_start && m && m->name; m++)
			if (m->is_at_start)
				buf_printf(&flagged, "%s%s.%s",
					   flagged.len ? ", " : "", t->name,
					   m->name);
	}
	ck_assert_str_eq(array, want);
	snapshot_unref(next);
	end(s);
}
END_TEST

static void reload_tests(TCase *tcase)
{
	tcase_add_test(tcase, a_change_is_taken_up);
	tcase_add_test(tcase, a_broken_file_keeps_its_last_good_tenant);
	tcase_add_test(tcase,
		an_unreadable_file_keeps_its_tenant_a_deleted_one_does_not);
	tcase_add_test(tcase, a_tenant_may_move_to_another_file);
	tcase_add_test(tcase, who_is_switched_off_is_not_kept);
	tcase_add_test(tcase,
		       a_broken_tenant_that_never_was_good_stays_broken);
	tcase_add_test(tcase, keys_are_exchanged_without_a_look_at_the_files);
	tcase_add_test(tcase, a_token_does_not_pass_into_another_epoch);
	tcase_add_test(tcase, a_file_without_a_readable_slug_is_noted);
	tcase_add_test(tcase, a_broken_gateway_changes_nothing);
	tcase_add_test(tcase, a_kept_tenant_lives_where_the_gateway_is_now);
	tcase_add_test(tcase, tokens_outlive_a_reload);
	tcase_add_test(tcase, a_pinned_snapshot_stays_whole);
	tcase_add_test(tcase, readers_never_notice_a_swap);
	tcase_add_test(tcase, what_needs_a_restart_is_named);
	tcase_add_test(tcase, the_table_says_what_needs_a_restart);
}

UNIT_MAIN("reload", reload_tests)
