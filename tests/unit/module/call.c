#include "module/call.h"

#include "base/clock.h"
#include "unit/adapter/adapters.h"

static struct adapter_setting settings[] = {
	SETTING("company.from", "company_name"),
	SETTING("limits.0", "10"),
};

static struct adapter_secret secrets[] = {
	{ STR("desk"), STR("key") },
};

static struct adapter_env env;
static struct pool *pool, *scratch;
static struct fields fields, attributes;
static struct adapter_call call;
static struct call_mark mark;
static const struct usher_host *host;
static struct usher_call *public;

static void setup(void)
{
	env = (struct adapter_env){
		.services = &test_services,
		.tenant = STR("acme"),
		.name = STR("test"),
		.settings = settings,
		.setting_count = COUNT(settings),
		.secrets = secrets,
		.secret_count = COUNT(secrets),
		.deadline_ms = 50,
	};
	pool = pool_new(1024 * 1024);
	scratch = pool_new(CALL_SCRATCH_MAX);
	fields_init(&fields, pool);
	fields_init(&attributes, pool);
	call = (struct adapter_call){ .pool = pool, .fields = &fields,
				      .attributes = &attributes,
				      .may_supply = true };
	call_begin(&call, &env, scratch);
	public = &call.public;
	host = public->host;
}

static void teardown(void)
{
	pool_free(scratch);
	pool_free(pool);
	clock_hold(0);
}

static void enter(enum adapter_phase phase)
{
	mark = call_enter(&call, phase);
}

static enum adapter_result leave(int returned)
{
	bool goes_on = call_leave(&call, &mark, returned);

	ck_assert_int_eq(goes_on, call.result == ADAPTER_OK);
	return call.result;
}

static int set(const char *name, const char *value)
{
	return host->set_attribute(public, name, value, strlen(value));
}

static void add(struct fields *to, const char *name, const char *value,
		enum field_kind kind)
{
	ck_assert_int_eq(fields_set(to, str_from(name), str_from(value), kind),
			 ERR_OK);
}

static const char *got(int kind, const char *name)
{
	struct usher_str value;

	if (host->get(public, kind, name, &value))
		return NULL;
	ck_assert_uint_eq(strlen(value.ptr), value.len);
	return value.ptr;
}

START_TEST(the_table_says_its_size_and_is_complete)
{
	const char *bytes = (const char *)host;

	ck_assert_uint_eq(host->struct_size, sizeof(*host));
	ck_assert_uint_eq(host->abi_major, USHER_ABI_MAJOR);
	ck_assert_str_eq(host->name, "usher");
	for (size_t at = offsetof(struct usher_host, name);
	     at < sizeof(*host); at += sizeof(void *)) {
		void *member;

		memcpy(&member, bytes + at, sizeof(member));
		ck_assert_ptr_nonnull(member);
	}
	ck_assert(USHER_HAS(host, emit));
}
END_TEST

START_TEST(fields_attributes_and_infos_are_seen_terminated_and_by_index)
{
	char raw[] = "plan=pro&x";
	struct usher_str name, value;

	/* Slices of a request are not terminated. */
	ck_assert_int_eq(fields_add(&fields, (struct str){ raw, 4 },
				    (struct str){ raw + 5, 3 }, FIELD_TEXT),
			 ERR_OK);
	add(&fields, "tags", "[1]", FIELD_JSON);
	add(&attributes, "plan", "free", FIELD_TEXT);
	call.info.tenant_slug = STR("acme");
	call.info.user_email = (struct str){ raw, 2 };
	enter(ADAPTER_PHASE_MAP_FIELDS);
	ck_assert_str_eq(got(USHER_FIELD, "plan"), "pro");
	ck_assert_str_eq(got(USHER_ATTRIBUTE, "plan"), "free");
	ck_assert_str_eq(got(USHER_INFO, "tenant.slug"), "acme");
	ck_assert_str_eq(got(USHER_INFO, "user.email"), "pl");
	ck_assert_ptr_null(got(USHER_INFO, "user.id"));
	ck_assert_ptr_null(got(USHER_FIELD, "nothing"));
	ck_assert_ptr_null(got(7, "plan"));
	ck_assert_int_eq(host->type(public, USHER_FIELD, "plan"), USHER_TEXT);
	ck_assert_int_eq(host->type(public, USHER_FIELD, "tags"), USHER_JSON);
	ck_assert_int_eq(host->type(public, USHER_FIELD, "no"),
			 USHER_E_NOTFOUND);
	ck_assert_int_eq(host->at(public, USHER_FIELD, 1, &name, &value), 0);
	ck_assert_str_eq(name.ptr, "tags");
	ck_assert_str_eq(value.ptr, "[1]");
	ck_assert_int_eq(host->at(public, USHER_FIELD, 2, &name, &value),
			 USHER_E_NOTFOUND);
	ck_assert_int_eq(host->at(public, USHER_INFO, 0xffffffff, &name,
				  &value), USHER_E_NOTFOUND);
	ck_assert_int_eq(host->get(public, USHER_FIELD, NULL, &value),
			 USHER_E_INVAL);
	ck_assert_int_eq(leave(USHER_OK), ADAPTER_OK);
}
END_TEST

START_TEST(claims_are_apart_from_what_was_only_posted)
{
	struct usher_str name, value;
	struct fields claims;

	fields_init(&claims, pool);
	add(&claims, "plan", "pro", FIELD_TEXT);
	add(&claims, "groups", "[\"a\"]", FIELD_JSON);
	add(&fields, "plan", "pro", FIELD_TEXT);
	add(&fields, "role", "admin", FIELD_TEXT);
	enter(ADAPTER_PHASE_MAP_FIELDS);
	ck_assert_ptr_null(got(USHER_CLAIM, "plan"));
	ck_assert_int_eq(host->at(public, USHER_CLAIM, 0, &name, &value),
			 USHER_E_NOTFOUND);
	leave(USHER_OK);

	call.claims = &claims;
	call_begin(&call, &env, scratch);
	enter(ADAPTER_PHASE_MAP_FIELDS);
	/* What the adapter does changes none of them. */
	ck_assert_int_eq(set("plan", "free"), 0);
	ck_assert_str_eq(got(USHER_CLAIM, "plan"), "pro");
	ck_assert_ptr_null(got(USHER_CLAIM, "role"));
	ck_assert_int_eq(host->type(public, USHER_CLAIM, "groups"),
			 USHER_JSON);
	ck_assert_int_eq(host->at(public, USHER_CLAIM, 1, &name, &value), 0);
	ck_assert_str_eq(name.ptr, "groups");
	leave(USHER_OK);
}
END_TEST

START_TEST(changes_are_seen_at_once_and_kept_in_their_order)
{
	static const struct {
		const char *name, *value;	/* NULL: removed */
	} want[] = {
		{ "plan", "pro" }, { "new", "1" }, { "old", NULL },
		{ "new", "2" }, { "gone", "x" }, { "gone", NULL },
		{ "empty", "" },
	};
	struct usher_str name, value;
	uint32_t n = 0;

	add(&attributes, "plan", "free", FIELD_TEXT);
	add(&attributes, "old", "x", FIELD_TEXT);
	add(&attributes, "rest", "stays", FIELD_TEXT);
	enter(ADAPTER_PHASE_MAP_FIELDS);
	ck_assert_int_eq(set("plan", "pro"), 0);
	ck_assert_int_eq(set("new", "1"), 0);
	ck_assert_int_eq(host->del_attribute(public, "old"), 0);
	ck_assert_int_eq(host->del_attribute(public, "old"),
			 USHER_E_NOTFOUND);
	ck_assert_int_eq(set("new", "2"), 0);
	ck_assert_int_eq(set("gone", "x"), 0);
	ck_assert_int_eq(host->del_attribute(public, "gone"), 0);
	ck_assert_int_eq(set("empty", ""), 0);
	ck_assert_int_eq(leave(USHER_OK), ADAPTER_OK);
	enter(ADAPTER_PHASE_SYNC_USER);
	ck_assert_str_eq(got(USHER_ATTRIBUTE, "plan"), "pro");
	ck_assert_str_eq(got(USHER_ATTRIBUTE, "new"), "2");
	ck_assert_str_eq(got(USHER_ATTRIBUTE, "empty"), "");
	ck_assert_ptr_null(got(USHER_ATTRIBUTE, "old"));
	ck_assert_ptr_null(got(USHER_ATTRIBUTE, "gone"));
	while (!host->at(public, USHER_ATTRIBUTE, n, &name, &value))
		n++;
	ck_assert_uint_eq(n, 4);
	ck_assert_int_eq(leave(USHER_OK), ADAPTER_OK);

	ck_assert_uint_eq(call.change_count, COUNT(want));
	for (unsigned i = 0; i < COUNT(want); i++) {
		ck_str_is(call.changes[i].name, want[i].name);
		ck_assert_int_eq(str_is_null(call.changes[i].value),
				 want[i].value == NULL);
		ck_str_is(call.changes[i].value, want[i].value);
	}
}
END_TEST

START_TEST(what_an_unknown_user_may_have_is_removed_unseen)
{
	enter(ADAPTER_PHASE_MAP_FIELDS);
	ck_assert_int_eq(host->del_attribute(public, "phone"),
			 USHER_E_NOTFOUND);
	ck_assert_int_eq(host->del_attribute(public, "phone"),
			 USHER_E_NOTFOUND);
	ck_assert_int_eq(leave(USHER_OK), ADAPTER_OK);
	ck_assert_uint_eq(call.change_count, 1);
	ck_str_is(call.changes[0].name, "phone");
	ck_assert(str_is_null(call.changes[0].value));
	/* Of a known one all that is stored is to be seen. */
	call.info.user_id = STR("7");
	enter(ADAPTER_PHASE_SYNC_USER);
	ck_assert_int_eq(host->del_attribute(public, "other"),
			 USHER_E_NOTFOUND);
	ck_assert_int_eq(leave(USHER_OK), ADAPTER_OK);
	ck_assert_uint_eq(call.change_count, 1);
}
END_TEST

START_TEST(a_hook_that_declines_leaves_no_trace)
{
	enter(ADAPTER_PHASE_MAP_FIELDS);
	ck_assert_int_eq(set("kept", "1"), 0);
	ck_assert_int_eq(host->emit(public, "one", "{}", 2), 0);
	ck_assert_int_eq(leave(USHER_OK), ADAPTER_OK);
	enter(ADAPTER_PHASE_SYNC_USER);
	ck_assert_int_eq(set("kept", "2"), 0);
	ck_assert_int_eq(set("dropped", "1"), 0);
	ck_assert_int_eq(host->emit(public, "two", "{}", 2), 0);
	ck_assert_int_eq(leave(USHER_DECLINE), ADAPTER_OK);
	enter(ADAPTER_PHASE_CHOOSE_REDIRECT);
	ck_assert_str_eq(got(USHER_ATTRIBUTE, "kept"), "1");
	ck_assert_ptr_null(got(USHER_ATTRIBUTE, "dropped"));
	ck_assert_int_eq(host->set_redirect(public, "https://a.example/", 18),
			 0);
	ck_assert_int_eq(leave(USHER_DECLINE), ADAPTER_OK);
	ck_assert_uint_eq(call.change_count, 1);
	ck_assert_uint_eq(call.event_count, 1);
	ck_str_is(call.events[0].name, "adapter.one");
	ck_assert(str_is_null(call.redirect));
}
END_TEST

START_TEST(email_and_name_are_supplied_only_where_they_were_left_out)
{
	struct usher_str name, value;

	add(&fields, "user_email", "a@b.example", FIELD_TEXT);
	add(&fields, "name", "  ", FIELD_TEXT);
	enter(ADAPTER_PHASE_MAP_FIELDS);
	ck_assert_int_eq(host->set_field(public, "email", "a@b.example", 11),
			 0);
	ck_assert_int_eq(host->set_field(public, "name", "A", 1), 0);
	ck_assert_str_eq(got(USHER_FIELD, "email"), "a@b.example");
	ck_assert_str_eq(got(USHER_FIELD, "name"), "A");
	ck_assert_int_eq(host->at(public, USHER_FIELD, 2, &name, &value), 0);
	ck_assert_str_eq(name.ptr, "email");
	ck_assert_int_eq(leave(USHER_OK), ADAPTER_OK);
	ck_str_is(call.email, "a@b.example");
	ck_str_is(call.name, "A");
}
END_TEST

START_TEST(who_was_posted_or_signed_stays)
{
	add(&fields, "email", "posted@b.example", FIELD_TEXT);
	enter(ADAPTER_PHASE_MAP_FIELDS);
	ck_assert_int_eq(host->set_field(public, "email", "e@vil.example", 13),
			 USHER_E_EXISTS);
	ck_assert_int_eq(leave(USHER_OK), ADAPTER_OK);
	ck_assert(str_is_null(call.email));
	call.may_supply = false;
	enter(ADAPTER_PHASE_MAP_FIELDS);
	ck_assert_int_eq(host->set_field(public, "name", "A", 1),
			 USHER_E_EXISTS);
	ck_assert_int_eq(leave(USHER_OK), ADAPTER_OK);
	/* Never the external id. */
	enter(ADAPTER_PHASE_MAP_FIELDS);
	ck_assert_int_eq(host->set_field(public, "sub", "1", 1),
			 USHER_E_INVAL);
	ck_assert_int_eq(leave(USHER_OK), ADAPTER_FAILED);
}
END_TEST

/* ---- outputs that are refused -------------------------------------------- */

enum function { FIELD, ATTRIBUTE, DELETE, REDIRECT, POST, ERROR, DENY, EMIT };

static char big[USHER_VALUE_MAX + 2];

static int give(enum function function, const char *name, const char *value)
{
	struct usher_pair pair = { { value, strlen(value) }, { "x", 1 } };
	size_t len = strlen(value);

	switch (function) {
	case FIELD:
		return host->set_field(public, name, value, len);
	case ATTRIBUTE:
		return host->set_attribute(public, name, value, len);
	case DELETE:
		return host->del_attribute(public, name);
	case REDIRECT:
		return host->set_redirect(public, value, len);
	case POST:
		return host->set_post(public, name, strlen(name), &pair, 1);
	case ERROR:
		return host->set_error(public, name, value, len);
	case DENY:
		return host->set_deny(public, name, value, len);
	default:
		return host->emit(public, name, value, len);
	}
}

static const struct {
	enum adapter_phase phase;
	enum function function;
	const char *name, *value;
	int error;
} lies[] = {
#define MAP ADAPTER_PHASE_MAP_FIELDS
#define SYNC ADAPTER_PHASE_SYNC_USER
#define CHOOSE ADAPTER_PHASE_CHOOSE_REDIRECT
#define DELIVER ADAPTER_PHASE_DELIVER
	{ MAP, ATTRIBUTE, "a", "\xff", USHER_E_INVAL },
	{ MAP, ATTRIBUTE, "a", "\xed\xa0\x80", USHER_E_INVAL },
	{ MAP, ATTRIBUTE, "a", "x\ny", USHER_E_INVAL },
	{ MAP, ATTRIBUTE, "a", "\xc2\x85", USHER_E_INVAL },
	{ MAP, ATTRIBUTE, "a", big, USHER_E_LIMIT },
	{ MAP, ATTRIBUTE, "", "x", USHER_E_INVAL },
	{ MAP, ATTRIBUTE, "__proto__", "x", USHER_E_INVAL },
	{ MAP, ATTRIBUTE, "1a", "x", USHER_E_INVAL },
	{ MAP, ATTRIBUTE, "a b", "x", USHER_E_INVAL },
	{ MAP, ATTRIBUTE, "a\n", "x", USHER_E_INVAL },
	{ MAP, ATTRIBUTE, big, "x", USHER_E_LIMIT },
	{ MAP, ATTRIBUTE, NULL, "x", USHER_E_INVAL },
	{ MAP, DELETE, "\xff", "", USHER_E_INVAL },
	{ MAP, DELETE, NULL, "", USHER_E_INVAL },
	{ MAP, FIELD, "email", "\x01", USHER_E_INVAL },
	{ MAP, FIELD, "email", big, USHER_E_LIMIT },
	{ MAP, FIELD, "plan", "x", USHER_E_INVAL },
	{ MAP, FIELD, NULL, "x", USHER_E_INVAL },
	{ CHOOSE, REDIRECT, "", "/relative", USHER_E_INVAL },
	{ CHOOSE, REDIRECT, "", "//b.example/", USHER_E_INVAL },
	{ CHOOSE, REDIRECT, "", "javascript:alert(1)", USHER_E_INVAL },
	{ CHOOSE, REDIRECT, "", "https://a.example\\@b.example/",
	  USHER_E_INVAL },
	{ CHOOSE, REDIRECT, "", "https://a.example/\r\nX: y", USHER_E_INVAL },
	{ CHOOSE, REDIRECT, "", "", USHER_E_INVAL },
	{ CHOOSE, REDIRECT, "", big, USHER_E_LIMIT },
	{ DELIVER, POST, "ftp://a.example/", "x", USHER_E_INVAL },
	{ DELIVER, POST, "https://a.example/", "", USHER_E_INVAL },
	{ DELIVER, POST, "https://a.example/", "a\tb", USHER_E_INVAL },
	{ DELIVER, POST, "https://a.example/", big, USHER_E_LIMIT },
	{ SYNC, EMIT, "Upper", "{}", USHER_E_INVAL },
	{ SYNC, EMIT, "", "{}", USHER_E_INVAL },
	{ SYNC, EMIT, NULL, "{}", USHER_E_INVAL },
	{ SYNC, EMIT, big, "{}", USHER_E_LIMIT },
	{ SYNC, EMIT, "a", "", USHER_E_INVAL },
	{ SYNC, EMIT, "a", "[1]", USHER_E_INVAL },
	{ SYNC, EMIT, "a", "{} {}", USHER_E_INVAL },
	{ SYNC, EMIT, "a", "{\"a\":1,\"a\":2}", USHER_E_INVAL },
	{ SYNC, EMIT, "a", "{\"a\":\"\xff\"}", USHER_E_INVAL },
	{ SYNC, EMIT, "a", big, USHER_E_LIMIT },
	/* in the wrong hook */
	{ SYNC, FIELD, "email", "a@b.example", USHER_E_PHASE },
	{ CHOOSE, ATTRIBUTE, "a", "x", USHER_E_PHASE },
	{ DELIVER, ATTRIBUTE, "a", "x", USHER_E_PHASE },
	{ DELIVER, DELETE, "a", "", USHER_E_PHASE },
	{ MAP, REDIRECT, "", "https://a.example/", USHER_E_PHASE },
	{ SYNC, REDIRECT, "", "https://a.example/", USHER_E_PHASE },
	{ CHOOSE, POST, "https://a.example/", "x", USHER_E_PHASE },
	{ ADAPTER_PHASE_INIT, ATTRIBUTE, "a", "x", USHER_E_PHASE },
	{ ADAPTER_PHASE_INIT, EMIT, "a", "{}", USHER_E_PHASE },
	/* a refusal that would be lost */
	{ MAP, ERROR, "", "Wrong.", USHER_E_INVAL },
	{ MAP, ERROR, NULL, "Wrong.", USHER_E_INVAL },
	{ MAP, ERROR, "plan", "", USHER_E_INVAL },
	{ MAP, ERROR, "plan", "\xff", USHER_E_INVAL },
	{ MAP, ERROR, "plan", big, USHER_E_LIMIT },
	{ DELIVER, ERROR, "plan", "Wrong.", USHER_E_PHASE },
	{ ADAPTER_PHASE_INIT, DENY, "a", "x", USHER_E_PHASE },
};

START_TEST(a_refused_output_fails_the_call_even_when_the_hook_says_ok)
{
	memset(big, 'a', sizeof(big) - 1);
	for (unsigned i = 0; i < COUNT(lies); i++) {
		teardown();
		setup();
		enter(lies[i].phase);
		ck_assert_msg(give(lies[i].function, lies[i].name,
				   lies[i].value) == lies[i].error,
			      "case %u", i);
		ck_assert_msg(leave(USHER_OK) == ADAPTER_FAILED, "case %u", i);
		ck_assert_msg(strstr(call.problem,
				     lies[i].error == USHER_E_PHASE ?
				     ", which only " : "refused") != NULL,
			      "case %u: '%s'", i, call.problem);
		ck_assert_uint_eq(call.change_count, 0);
		ck_assert_uint_eq(call.event_count, 0);
		ck_assert(str_is_null(call.redirect));
		ck_assert(str_is_null(call.post_url));
	}
}
END_TEST

/* The wrong hook is told with the right ones, whatever it returns then. */
START_TEST(the_right_hook_is_named)
{
	static const struct {
		enum adapter_phase phase;
		enum function function;
		const char *problem;
	} cases[] = {
		{ SYNC, FIELD, "sync_user called set_field(), which only "
		  "map_fields may" },
		{ CHOOSE, ATTRIBUTE, "choose_redirect called set_attribute(), "
		  "which only map_fields and sync_user may" },
		{ SYNC, DELETE, NULL },
		{ DELIVER, DELETE, "deliver called del_attribute(), which only "
		  "map_fields and sync_user may" },
		{ MAP, REDIRECT, "map_fields called set_redirect(), which only "
		  "choose_redirect and deliver may" },
		{ CHOOSE, POST, "choose_redirect called set_post(), which only "
		  "deliver may" },
		{ DELIVER, ERROR, "deliver called set_error(), which only "
		  "init, map_fields, sync_user and choose_redirect may" },
		{ ADAPTER_PHASE_INIT, DENY, "init called set_deny(), which "
		  "only map_fields, sync_user, choose_redirect and deliver "
		  "may" },
		{ ADAPTER_PHASE_INIT, EMIT, "init called emit(), which only "
		  "map_fields, sync_user, choose_redirect and deliver may" },
	};

	for (unsigned i = 0; i < 2 * COUNT(cases); i++) {
		unsigned n = i / 2;

		teardown();
		setup();
		enter(cases[n].phase);
		give(cases[n].function, "a", "https://a.example/");
		if (cases[n].problem) {
			ck_assert_int_eq(leave(i % 2 ? USHER_OK : USHER_FAIL),
					 ADAPTER_FAILED);
			ck_assert_str_eq(call.problem, cases[n].problem);
		} else {
			leave(USHER_OK);
			ck_assert_ptr_null(strstr(call.problem, ", which only"));
		}
	}
}
END_TEST

/* It may look at what there is; an init that cannot do without fails by it. */
START_TEST(an_init_that_asks_for_a_user_is_told_when)
{
	struct usher_str value;

	enter(ADAPTER_PHASE_INIT);
	ck_assert_int_eq(host->get(public, USHER_FIELD, "email", &value),
			 USHER_E_PHASE);
	ck_assert_int_eq(host->type(public, USHER_FIELD, "email"),
			 USHER_E_PHASE);
	ck_assert_int_eq(leave(USHER_FAIL), ADAPTER_FAILED);
	ck_assert_str_eq(call.problem, "init called get(), which only "
			 "map_fields, sync_user, choose_redirect and deliver "
			 "may");
	teardown();
	setup();
	enter(ADAPTER_PHASE_INIT);
	ck_assert_int_eq(host->at(public, USHER_INFO, 0, &value, &value),
			 USHER_E_PHASE);
	ck_assert_int_eq(leave(USHER_OK), ADAPTER_OK);
	ck_assert_str_eq(call.problem, "");
}
END_TEST

START_TEST(a_refused_output_and_then_a_refusal_is_a_refusal)
{
	enter(ADAPTER_PHASE_MAP_FIELDS);
	ck_assert_int_eq(set("a", "\xff"), USHER_E_INVAL);
	ck_assert_int_eq(host->set_error(public, "a", "Not text.", 9), 0);
	ck_assert_int_eq(leave(USHER_OK), ADAPTER_INVALID);
	ck_assert_str_eq(call.problem, "");
	ck_str_is(call.errors[0].field, "a");
	ck_str_is(call.errors[0].text, "Not text.");
	/* But not one that lost another refusal on the way. */
	enter(ADAPTER_PHASE_MAP_FIELDS);
	ck_assert_int_ne(host->set_error(public, "b", "\xff", 1), 0);
	ck_assert_int_eq(leave(USHER_OK), ADAPTER_FAILED);
	ck_assert_uint_eq(call.error_count, 0);
}
END_TEST

START_TEST(every_count_and_the_sum_of_outputs_have_a_limit)
{
	char name[16];
	unsigned n;

	memset(big, 'a', sizeof(big) - 1);
	enter(ADAPTER_PHASE_MAP_FIELDS);
	for (n = 0; n < 1000; n++) {
		snprintf(name, sizeof(name), "a%u", n);
		if (set(name, "x"))
			break;
	}
	ck_assert_uint_eq(n, USHER_ATTRIBUTES_MAX);
	for (n = 0; n < 1000; n++)
		if (host->emit(public, "e", "{}", 2))
			break;
	ck_assert_uint_eq(n, USHER_EVENTS_MAX);
	ck_assert_int_eq(leave(USHER_OK), ADAPTER_FAILED);

	teardown();
	setup();
	enter(ADAPTER_PHASE_MAP_FIELDS);
	for (n = 0; n < 1000; n++)
		if (host->set_attribute(public, "a", big, USHER_VALUE_MAX))
			break;
	ck_assert_uint_eq(n, USHER_OUTPUT_MAX / (USHER_VALUE_MAX + 1));
	ck_assert_int_eq(leave(USHER_OK), ADAPTER_FAILED);

	teardown();
	setup();
	enter(ADAPTER_PHASE_SYNC_USER);
	for (n = 0; n < 1000; n++)
		if (host->set_error(public, "plan", "No.", 3))
			break;
	ck_assert_uint_eq(n, USHER_ERRORS_MAX);
	/* Nothing is lost: enough errors are there. */
	ck_assert_int_eq(leave(USHER_OK), ADAPTER_INVALID);
	ck_assert_uint_eq(call.error_count, USHER_ERRORS_MAX);
}
END_TEST

START_TEST(a_form_replaces_a_redirect_and_the_other_way_round)
{
	struct usher_pair pairs[USHER_POST_FIELDS_MAX + 1];

	for (unsigned i = 0; i < COUNT(pairs); i++)
		pairs[i] = (struct usher_pair){ { "jwt", 3 }, { "a.b.c", 5 } };
	enter(ADAPTER_PHASE_DELIVER);
	ck_assert_int_eq(host->set_redirect(public, "https://a.example/x", 19),
			 0);
	ck_assert_int_eq(host->set_post(public, "https://b.example/y", 19,
					pairs, 2), 0);
	ck_assert_int_eq(leave(USHER_OK), ADAPTER_OK);
	ck_assert(str_is_null(call.redirect));
	ck_str_is(call.post_url, "https://b.example/y");
	ck_assert_uint_eq(call.post_field_count, 2);
	ck_str_is(call.post_fields[1].field, "jwt");
	ck_str_is(call.post_fields[1].text, "a.b.c");
	enter(ADAPTER_PHASE_DELIVER);
	ck_assert_int_eq(host->set_redirect(public, "https://a.example/x", 19),
			 0);
	ck_assert_int_eq(leave(USHER_OK), ADAPTER_OK);
	ck_str_is(call.redirect, "https://a.example/x");
	ck_assert(str_is_null(call.post_url));
	enter(ADAPTER_PHASE_DELIVER);
	ck_assert_int_eq(host->set_post(public, "https://b.example/y", 19,
					pairs, COUNT(pairs)), USHER_E_LIMIT);
	ck_assert_int_eq(leave(USHER_OK), ADAPTER_FAILED);
}
END_TEST

/* ---- verdicts ------------------------------------------------------------ */

START_TEST(what_a_hook_returns_decides)
{
	static const struct {
		int returned;
		enum adapter_result result;
		const char *problem;
	} cases[] = {
		{ USHER_OK, ADAPTER_OK, "" },
		{ USHER_DECLINE, ADAPTER_OK, "" },
		{ USHER_DENY, ADAPTER_DENIED, "" },
		{ USHER_FAIL, ADAPTER_FAILED, "sync_user returned USHER_FAIL" },
		{ 3, ADAPTER_FAILED,
		  "sync_user returned 3, which is no result of a hook" },
		{ -2, ADAPTER_FAILED,
		  "sync_user returned -2, which is no result of a hook" },
		{ 0x7fffffff, ADAPTER_FAILED, NULL },
	};

	for (unsigned i = 0; i < COUNT(cases); i++) {
		enter(ADAPTER_PHASE_SYNC_USER);
		set("a", "b");
		ck_assert_int_eq(leave(cases[i].returned), cases[i].result);
		if (cases[i].problem)
			ck_assert_str_eq(call.problem, cases[i].problem);
		if (cases[i].result != ADAPTER_OK)
			ck_assert_uint_eq(call.change_count, 0);
		call_begin(&call, &env, scratch);
	}
}
END_TEST

START_TEST(a_denial_stands_whatever_the_hook_returns)
{
	static const int returned[] = { USHER_OK, USHER_DECLINE, USHER_DENY,
					USHER_FAIL, 99 };

	for (unsigned i = 0; i < COUNT(returned); i++) {
		call_begin(&call, &env, scratch);
		enter(ADAPTER_PHASE_MAP_FIELDS);
		set("a", "\xff");
		host->set_error(public, "plan", "Bad.", 4);
		ck_assert_int_eq(host->set_deny(public, "not_member",
						"Members only.", 13), 0);
		ck_assert_int_eq(host->set_deny(public, "second", "x", 1), 0);
		ck_assert_int_eq(leave(returned[i]), ADAPTER_DENIED);
		ck_str_is(call.deny_code, "not_member");
		ck_str_is(call.deny_reason, "Members only.");
		ck_assert_uint_eq(call.error_count, 0);
	}
}
END_TEST

START_TEST(a_denial_in_bad_words_is_a_denial_in_ours)
{
	static const struct {
		const char *code, *reason;
	} cases[] = {
		{ "Bad Code", "x" }, { NULL, "x" }, { "", "x" }, { "a.b", "x" },
		{ "ok", "\xff" }, { "ok", "a\nb" },
	};

	for (unsigned i = 0; i < COUNT(cases); i++) {
		call_begin(&call, &env, scratch);
		enter(ADAPTER_PHASE_DELIVER);
		ck_assert_int_ne(host->set_deny(public, cases[i].code,
						cases[i].reason,
						strlen(cases[i].reason)), 0);
		ck_assert_int_eq(leave(USHER_OK), ADAPTER_DENIED);
		ck_str_is(call.deny_code, "denied");
		ck_str_is(call.deny_reason, "Access was refused.");
	}
}
END_TEST

/* ---- the rest of the table ---------------------------------------------- */

START_TEST(settings_are_found_by_key_and_by_index)
{
	struct usher_str key, value;

	enter(ADAPTER_PHASE_INIT);
	ck_assert_int_eq(host->config(public, "limits.0", &value), 0);
	ck_assert_str_eq(value.ptr, "10");
	ck_assert_int_eq(host->config(public, "limits", &value),
			 USHER_E_NOTFOUND);
	ck_assert_int_eq(host->config(public, NULL, &value), USHER_E_INVAL);
	ck_assert_int_eq(host->config_at(public, 0, &key, &value), 0);
	ck_assert_str_eq(key.ptr, "company.from");
	ck_assert_str_eq(value.ptr, "company_name");
	ck_assert_int_eq(host->config_at(public, 2, &key, &value),
			 USHER_E_NOTFOUND);
	ck_assert_int_eq(leave(USHER_OK), ADAPTER_OK);
}
END_TEST

START_TEST(the_arena_is_zeroed_aligned_bounded_and_gone_after_the_hook)
{
	size_t total = 0;
	char *memory;

	enter(ADAPTER_PHASE_MAP_FIELDS);
	while ((memory = host->alloc(public, 1000))) {
		ck_assert_uint_eq((uintptr_t)memory % _Alignof(max_align_t), 0);
		for (unsigned i = 0; i < 1000; i++)
			ck_assert_int_eq(memory[i], 0);
		memset(memory, 'x', 1000);
		total += 1000;
	}
	ck_assert_uint_eq(total, USHER_ALLOC_MAX / 1000 * 1000);
	ck_assert_ptr_null(host->alloc(public, SIZE_MAX));
	leave(USHER_OK);
	ck_assert_ptr_null(host->alloc(public, 1));
	enter(ADAPTER_PHASE_SYNC_USER);
	ck_assert_ptr_nonnull(host->alloc(public, USHER_ALLOC_MAX));
	ck_assert_ptr_null(host->alloc(public, 1));
	leave(USHER_OK);
}
END_TEST

START_TEST(time_stands_still_during_a_call_and_the_deadline_does_not)
{
	clock_hold(1234567);
	call_begin(&call, &env, scratch);
	enter(ADAPTER_PHASE_MAP_FIELDS);
	clock_hold(7654321);
	ck_assert_int_eq(host->now(public), 1234567);
	ck_assert_int_le(host->deadline(public), 50);
	call.start_mono_ms -= 1000;
	ck_assert_int_lt(host->deadline(public), 0);
	leave(USHER_OK);
}
END_TEST

START_TEST(macs_are_of_the_named_secret_only)
{
	/* RFC 2104 over "The quick brown fox ..." with the key "key". */
	static const unsigned char want[] = {
		0xf7, 0xbc, 0x83, 0xf4, 0x30, 0x53, 0x84, 0x24,
		0xb1, 0x32, 0x98, 0xe6, 0xaa, 0x6f, 0xb1, 0x43,
		0xef, 0x4d, 0x59, 0xa1, 0x49, 0x46, 0x17, 0x59,
		0x97, 0x47, 0x9d, 0xbc, 0x2d, 0x1a, 0x3c, 0xd8,
	};
	static const char text[] =
		"The quick brown fox jumps over the lazy dog";
	unsigned char mac[USHER_MAC_LEN] = { 0 };

	enter(ADAPTER_PHASE_DELIVER);
	ck_assert_int_eq(host->hmac_sha256(public, "desk", text,
					   sizeof(text) - 1, mac), 0);
	ck_assert_mem_eq(mac, want, sizeof(want));
	memset(mac, 0, sizeof(mac));
	ck_assert_int_eq(host->hmac_sha256(public, "other", text, 1, mac),
			 USHER_E_NOTFOUND);
	ck_assert_int_eq(host->hmac_sha256(public, NULL, text, 1, mac),
			 USHER_E_INVAL);
	ck_assert_int_eq(host->hmac_sha256(public, "desk", NULL, 1, mac),
			 USHER_E_INVAL);
	ck_assert_int_eq(mac[0], 0);
	leave(USHER_OK);
}
END_TEST

/* The key, or "" for what is refused. */
static const char *key_of(const char *text, bool is_email)
{
	struct usher_str key = { "", 0 };
	int rc = is_email ?
		host->email_key(public, text, strlen(text), &key) :
		host->domain_key(public, text, strlen(text), &key);

	ck_assert(!rc || rc == USHER_E_INVAL);
	ck_assert_uint_eq(strlen(key.ptr), key.len);
	return key.ptr;
}

START_TEST(addresses_and_host_names_are_compared_by_their_keys)
{
	static const struct {
		const char *text, *key;
		bool is_email;
	} cases[] = {
		{ "Example.COM", "example.com", false },
		{ " example.com\xc2\xa0", "example.com", false },
		{ "B\xc3\x9c" "cher.Example", "xn--bcher-kva.example", false },
		{ "XN--BCHER-KVA.example", "xn--bcher-kva.example", false },
		/* Look-alikes are refused rather than read. */
		{ "example\xe3\x80\x82" "com", "", false },
		{ "\xef\xbd\x85xample.com", "", false },
		{ "example..com", "", false },
		{ "", "", false },
		{ "a b", "", false },
		{ "\xff", "", false },
		{ " Ann@B\xc3\xbc" "cher.example ",
		  "ann@xn--bcher-kva.example", true },
		{ "ann@a@b.example", "", true },
		{ "\"ann\"@b.example", "", true },
		{ "ann", "", true },
		{ "@b.example", "", true },
	};
	struct usher_str key;
	unsigned n = 0;

	enter(ADAPTER_PHASE_INIT);
	for (unsigned i = 0; i < COUNT(cases); i++)
		ck_assert_msg(!strcmp(key_of(cases[i].text, cases[i].is_email),
				      cases[i].key), "case %u", i);
	ck_assert_int_eq(host->domain_key(public, NULL, 1, &key),
			 USHER_E_INVAL);
	ck_assert_int_eq(host->email_key(public, NULL, 1, &key),
			 USHER_E_INVAL);
	/* It is the arena that they are in. */
	while (!host->email_key(public, "a@b.example", 11, &key))
		n++;
	ck_assert_uint_gt(n, 256);
	ck_assert_uint_le(call.alloc_used, USHER_ALLOC_MAX);
	leave(USHER_OK);
	ck_assert_int_eq(host->domain_key(public, "a", 1, &key),
			 USHER_E_PHASE);
	ck_assert_int_eq(host->email_key(public, "a@b", 3, &key),
			 USHER_E_PHASE);
}
END_TEST

START_TEST(random_bytes_differ_and_are_bounded)
{
	unsigned char a[16] = { 0 }, b[16] = { 0 };
	unsigned char many[USHER_RANDOM_MAX + 1];

	enter(ADAPTER_PHASE_MAP_FIELDS);
	ck_assert_int_eq(host->random_bytes(public, a, 16), 0);
	ck_assert_int_eq(host->random_bytes(public, b, 16), 0);
	ck_assert_mem_ne(a, b, 16);
	ck_assert_int_eq(host->random_bytes(public, many, sizeof(many)),
			 USHER_E_LIMIT);
	ck_assert_int_eq(host->random_bytes(public, many, 0), USHER_E_LIMIT);
	ck_assert_int_eq(host->random_bytes(public, NULL, 1), USHER_E_INVAL);
	leave(USHER_OK);
}
END_TEST

START_TEST(who_writes_past_what_it_was_given_fails)
{
	char *first, *second;

	enter(ADAPTER_PHASE_MAP_FIELDS);
	first = host->alloc(public, 10);
	second = host->alloc(public, 3);
	ck_assert_uint_eq((uintptr_t)first % _Alignof(max_align_t), 0);
	ck_assert_uint_eq((uintptr_t)second % _Alignof(max_align_t), 0);
	memset(first, 'x', 10);
	memset(second, 'x', 3);
	ck_assert_int_eq(set("a", "b"), 0);
	ck_assert_int_eq(leave(USHER_OK), ADAPTER_OK);
	/* One byte, of what was given last or before; then a good deal. */
	for (unsigned i = 0; i < 3; i++) {
		call_begin(&call, &env, scratch);
		enter(ADAPTER_PHASE_SYNC_USER);
		first = host->alloc(public, 10);
		second = host->alloc(public, 3);
		ck_assert_int_eq(set("a", "b"), 0);
		memset(i == 1 ? second : first, 'x',
		       i == 0 ? 11 : i == 1 ? 4 : 40);
		ck_assert_int_eq(leave(USHER_OK), ADAPTER_FAILED);
		ck_assert_str_eq(call.problem, "sync_user wrote past the end "
				 "of what alloc() gave it");
		ck_assert_uint_eq(call.change_count, 0);
	}
}
END_TEST

static unsigned looks;
static enum err look_result;

static enum err look(struct adapter_call *c)
{
	ck_assert_ptr_eq(c, &call);
	looks++;
	call.info.user_id = STR("7");
	add(&attributes, "plan", "gold", FIELD_TEXT);
	call.attributes = &attributes;
	return look_result;
}

static void enter_lookable(enum err result)
{
	looks = 0;
	look_result = result;
	call.attributes = NULL;
	call.look = look;
	call.info.tenant_slug = STR("acme");
	call_begin(&call, &env, scratch);
	enter(ADAPTER_PHASE_MAP_FIELDS);
}

START_TEST(what_is_stored_is_fetched_for_who_asks)
{
	struct usher_str name, value;

	add(&fields, "plan", "pro", FIELD_TEXT);
	enter_lookable(ERR_OK);
	ck_assert_str_eq(got(USHER_FIELD, "plan"), "pro");
	ck_assert_str_eq(got(USHER_INFO, "tenant.slug"), "acme");
	ck_assert_int_eq(set("a", "b"), 0);
	ck_assert_uint_eq(looks, 0);
	/* The infos were seen without the user, and are seen with one now. */
	ck_assert_str_eq(got(USHER_INFO, "user.id"), "7");
	ck_assert_str_eq(got(USHER_ATTRIBUTE, "plan"), "gold");
	ck_assert_str_eq(got(USHER_ATTRIBUTE, "a"), "b");
	ck_assert_str_eq(got(USHER_INFO, "tenant.slug"), "acme");
	ck_assert_uint_eq(looks, 1);
	leave(USHER_OK);
	/* So does who goes through all, or removes one. */
	enter_lookable(ERR_OK);
	ck_assert_int_eq(host->at(public, USHER_INFO, 0, &name, &value), 0);
	ck_assert_uint_eq(looks, 1);
	leave(USHER_OK);
	enter_lookable(ERR_OK);
	ck_assert_int_eq(host->del_attribute(public, "plan"), 0);
	ck_assert_uint_eq(looks, 1);
	leave(USHER_OK);
}
END_TEST

START_TEST(what_cannot_be_fetched_is_a_failure_once)
{
	struct usher_str value;

	enter_lookable(ERR_IO);
	ck_assert_int_eq(host->get(public, USHER_ATTRIBUTE, "plan", &value),
			 USHER_E_FAILED);
	ck_assert_int_eq(host->get(public, USHER_INFO, "request.id", &value),
			 USHER_E_NOTFOUND);
	ck_assert_uint_eq(looks, 1);
	leave(USHER_OK);
}
END_TEST

START_TEST(log_lines_are_cut_counted_and_named)
{
	static char flood[5000];

	memset(flood, 'f', sizeof(flood));
	enter(ADAPTER_PHASE_MAP_FIELDS);
	log_count = 0;
	host->log(public, USHER_LOG_WARN, "careful", 7);
	ck_assert_str_eq(last_log, "2 acme test careful");
	host->log(public, 1000, "x", 1);
	ck_assert_str_eq(last_log, "3 acme test x");
	host->log(public, -1000, "x", 1);
	ck_assert_str_eq(last_log, "0 acme test x");
	host->log(public, USHER_LOG_INFO, flood, sizeof(flood));
	ck_assert_uint_eq(strlen(last_log),
			  strlen("1 acme test ") + USHER_LOG_MAX);
	for (int i = 0; i < 1000; i++)
		host->log(public, USHER_LOG_INFO, "x", 1);
	ck_assert_uint_eq(log_count, USHER_LOG_LINES_MAX);
	host->log(public, USHER_LOG_INFO, NULL, 5);
	leave(USHER_OK);
}
END_TEST

START_TEST(a_call_that_is_kept_is_of_no_use_after_the_hook)
{
	struct usher_str value;
	unsigned char byte = 0;

	add(&fields, "plan", "pro", FIELD_TEXT);
	enter(ADAPTER_PHASE_MAP_FIELDS);
	leave(USHER_OK);
	ck_assert_int_eq(host->get(public, USHER_FIELD, "plan", &value),
			 USHER_E_PHASE);
	ck_assert_int_eq(host->config(public, "limits.0", &value),
			 USHER_E_PHASE);
	ck_assert_int_eq(host->random_bytes(public, &byte, 1), USHER_E_PHASE);
	ck_assert_int_eq(set("a", "b"), USHER_E_PHASE);
	ck_assert_int_eq(host->emit(public, "a", "{}", 2), USHER_E_PHASE);
	log_count = 0;
	host->log(public, USHER_LOG_INFO, "x", 1);
	ck_assert_uint_eq(log_count, 0);
	ck_assert_uint_eq(call.change_count, 0);
}
END_TEST

START_TEST(a_full_pool_fails_the_call)
{
	struct pool *small = pool_new(256);

	call.pool = small;
	call_begin(&call, &env, scratch);
	for (int i = 0; i < 20; i++)
		add(&fields, (char[]){ (char)('a' + i), 0 }, "value",
		    FIELD_TEXT);
	enter(ADAPTER_PHASE_MAP_FIELDS);
	ck_assert_ptr_null(got(USHER_FIELD, "a"));
	ck_assert_int_eq(set("a", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
			     "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"),
			 USHER_E_NOMEM);
	ck_assert_int_eq(leave(USHER_OK), ADAPTER_FAILED);
	pool_free(small);
}
END_TEST

static void add_tests(TCase *t)
{
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_table_says_its_size_and_is_complete);
	tcase_add_test(t,
		fields_attributes_and_infos_are_seen_terminated_and_by_index);
	tcase_add_test(t, claims_are_apart_from_what_was_only_posted);
	tcase_add_test(t,
		addresses_and_host_names_are_compared_by_their_keys);
	tcase_add_test(t,
		       changes_are_seen_at_once_and_kept_in_their_order);
	tcase_add_test(t, a_hook_that_declines_leaves_no_trace);
	tcase_add_test(t,
		       what_an_unknown_user_may_have_is_removed_unseen);
	tcase_add_test(t,
		email_and_name_are_supplied_only_where_they_were_left_out);
	tcase_add_test(t, who_was_posted_or_signed_stays);
	tcase_add_test(t,
		a_refused_output_fails_the_call_even_when_the_hook_says_ok);
	tcase_add_test(t, the_right_hook_is_named);
	tcase_add_test(t, an_init_that_asks_for_a_user_is_told_when);
	tcase_add_test(t, a_refused_output_and_then_a_refusal_is_a_refusal);
	tcase_add_test(t, every_count_and_the_sum_of_outputs_have_a_limit);
	tcase_add_test(t, a_form_replaces_a_redirect_and_the_other_way_round);
	tcase_add_test(t, what_a_hook_returns_decides);
	tcase_add_test(t, a_denial_stands_whatever_the_hook_returns);
	tcase_add_test(t, a_denial_in_bad_words_is_a_denial_in_ours);
	tcase_add_test(t, settings_are_found_by_key_and_by_index);
	tcase_add_test(t,
		the_arena_is_zeroed_aligned_bounded_and_gone_after_the_hook);
	tcase_add_test(t,
		time_stands_still_during_a_call_and_the_deadline_does_not);
	tcase_add_test(t, macs_are_of_the_named_secret_only);
	tcase_add_test(t, random_bytes_differ_and_are_bounded);
	tcase_add_test(t, who_writes_past_what_it_was_given_fails);
	tcase_add_test(t, what_is_stored_is_fetched_for_who_asks);
	tcase_add_test(t, what_cannot_be_fetched_is_a_failure_once);
	tcase_add_test(t, log_lines_are_cut_counted_and_named);
	tcase_add_test(t, a_call_that_is_kept_is_of_no_use_after_the_hook);
	tcase_add_test(t, a_full_pool_fails_the_call);
}

UNIT_MAIN("call", add_tests)
