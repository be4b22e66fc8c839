/* Which pages were refused, and what an operator does about it. */
#include "admin/origins.h"

#include "config/snapshot-private.h"
#include "handoff/origin.h"
#include "policy/validate.h"
#include "unit/admin/door.h"

#define ID "01ARZ3NDEKTSV4RRFFQ69G5FAV"
#define ACME "https://www.acme.test"

static struct door d;
static struct metric *metric;
static struct str listed[] = { STR("https://shop.acme.test") };
static struct tenant acme;
static struct tenant *list[] = { &acme };
static struct snapshot_private private = { .refs = 2 };	/* one is ours */
static struct snapshot snapshot;
static char remedy[ORIGINS_REMEDY_MAX];

static void set_up(void)
{
	door_open(&d);
	metric = metric_get(usher_origin_refused_total, "tenant=\"acme\"");
	acme = (struct tenant){
		.slug = STR("acme"), .file = STR("/etc/usher/conf.d/acme.conf"),
		.cors = { .origins = listed, .count = 1,
			  .require_origin = true },
		.origins_line = 12, .require_origin_line = 13,
		.allow_null_line = 14, .redirects_line = 15,
		.decode_html_line = 16,
		.origin_refused = metric,
	};
	snapshot = (struct snapshot){ .tenants = list, .tenant_count = 1,
				      .private = &private };
	snapshot_slot_set(d.gateway.snapshots, &snapshot);
	d.gateway.strangers = strangers_new();
	ck_assert_ptr_nonnull(d.gateway.strangers);
}

static void tear_down(void)
{
	strangers_free(d.gateway.strangers);
	door_close(&d);
}

static const char *remedy_for(const char *shown, unsigned kinds)
{
	struct buf out;

	buf_init_fixed(&out, remedy, sizeof(remedy));
	origins_remedy(&snapshot, &acme, str_from(shown), kinds,
		       STR("authorization"), &out);
	buf_addc(&out, '\0');
	ck_assert(buf_is_ok(&out));
	return remedy;
}

#define has(text, part) \
	ck_assert_msg(strstr(text, part) != NULL, "%s", text)

START_TEST(the_remedy_names_file_and_line)
{
	ck_assert_str_eq(remedy_for(ACME, STRANGER_POST), ACME " is not in "
			 "origins of acme (acme.conf:12); add it");
	/* it was mended meanwhile */
	has(remedy_for("https://shop.acme.test", STRANGER_READ),
	    "is in origins of acme (acme.conf:12) by now");
	has(remedy_for("http://www.acme.test", STRANGER_READ),
	    "Serve the page over https://");
	snapshot.gateway.development = true;
	has(remedy_for("http://www.acme.test", STRANGER_READ), "; add it");
	has(remedy_for("capacitor://localhost", STRANGER_READ),
	    "no http(s) address");
	acme.cors.count = 0;
	has(remedy_for(ACME, STRANGER_FRAME),
	    "acme, which lists none (acme.conf:12); add it");
	has(remedy_for(ACME, STRANGER_OWN), "gateway's own pages");
	acme.origin_refused = NULL;
	has(remedy_for(ACME, STRANGER_POST), "usherctl tenants");
}
END_TEST

/* What the page says about referrers, and what the tenant says about null. */
START_TEST(a_null_or_missing_origin_has_its_remedies)
{
	has(remedy_for("null", STRANGER_POST), "Origin: null came");
	has(remedy, "Referrer-Policy: strict-origin-when-cross-origin, or");
	has(remedy, "allow_null_origin = true for acme (acme.conf:14)");
	has(remedy_for("null", STRANGER_PREFLIGHT), "can never read answers");
	ck_assert_ptr_null(strstr(remedy, "allow_null_origin"));
	has(remedy_for(STRANGER_NONE, STRANGER_POST), "no Origin came");
	has(remedy, "require_origin (acme.conf:13)");
	has(remedy, "no proxy takes it away");
	has(remedy, "leave require_origin out");
	has(remedy_for(STRANGER_NONE, STRANGER_FRAME), "around the frame");
	acme.cors.allow_null_origin = true;
	has(remedy_for("null", STRANGER_POST), "takes such posts by now");
	acme.cors.require_origin = false;
	has(remedy_for(STRANGER_NONE, STRANGER_POST), "such posts by now");
	has(remedy_for(STRANGER_SEVERAL, STRANGER_POST), "several Origin");
	has(remedy_for(STRANGER_MALFORMED, STRANGER_POST), "is no origin");
}
END_TEST

static void note(const char *origin, enum stranger_kind kind, int64_t at_ms)
{
	struct ip ip = { .family = 4 };

	strangers_note(d.gateway.strangers, acme.slug, str_from(origin), kind,
		       &ip, at_ms);
}

START_TEST(who_was_refused_is_listed_the_last_first)
{
	ask_ok(&d, "origins", "acme");
	said(&d, "no page was refused since");
	ask_no("there is no tenant nobody", &d, "origins", "nobody");
	ask_no("there is no tenant acmee; did you mean acme?", &d, "origins",
	       "acmee");
	note("null", STRANGER_POST, 1795370000000);
	note(ACME, STRANGER_PREFLIGHT, 1795370001000);
	note(ACME, STRANGER_POST, 1795370002000);
	ask_ok(&d, "origins", "acme");
	ck_assert_ptr_eq(strstr(d.body.ptr, ACME), d.body.ptr);
	said(&d, " 2  2026-11-");
	said(&d, "post preflight\n    " ACME " is not in origins of acme "
		 "(acme.conf:12); add it\nnull ");
	ask_ok(&d, "origins", "acme", "--json");
	said(&d, "{\"tenant\":\"acme\",\"refused\":3,\"origins\":[{"
		 "\"origin\":\"" ACME "\",\"count\":2,\"last_ms\":");
	said(&d, ",\"at\":[\"post\",\"preflight\"],\"remedy\":\"" ACME
		 " is not in origins of acme (acme.conf:12); add it\"},{"
		 "\"origin\":\"null\",\"count\":1,");
	strangers_note_header(d.gateway.strangers, acme.slug, listed[0],
			      STR("authorization"),
			      &(struct ip){ .family = 4 }, 1795370002500);
	ask_ok(&d, "origins", "acme");
	said(&d, " header\n    a script of https://shop.acme.test adds the "
		 "header authorization to its post, which browsers");
	ask_ok(&d, "origins", "acme", "--json");
	said(&d, ",\"at\":[\"header\"],\"header\":\"authorization\",");
	has(remedy_for(ACME, STRANGER_HEADER | STRANGER_POST), ". Also: " ACME
	    " is not in origins");
	/* what finds no place is counted */
	for (unsigned i = 0; i < 9; i++) {
		char origin[32];

		snprintf(origin, sizeof(origin), "https://o%u.test", i);
		note(origin, STRANGER_POST, 1795370003000 + i);
	}
	ask_ok(&d, "origins", "acme");
	said(&d, " more, of pages that are not kept\n");
}
END_TEST

/* Of a post, a preflight, an answer that no script could read, a frame. */
START_TEST(explain_knows_the_remedy)
{
	static const struct {
		const char *step, *verdict, *code, *origin, *remedy;
		int status;
	} cases[] = {
		{ "check_origin", "origin_refused", "origin_refused", ACME,
		  "remedy:  " ACME " is not in origins of acme "
		  "(acme.conf:12); add it\n", 403 },
		{ "check_origin", "origin_refused", "origin_refused", "null",
		  "allow_null_origin = true for acme (acme.conf:14)", 403 },
		{ "answer_preflight", "origin_refused", "origin_refused", ACME,
		  "meaning: The request's Origin is not one", 204 },
		{ "answer_preflight", "origin_refused", "origin_refused",
		  "null", "can never read answers", 204 },
		{ "check_origin", "unreadable", NULL, ACME,
		  "remedy:  " ACME " is not in origins of acme", 302 },
		{ "check_embedder", "embedder_refused", "embedder_refused",
		  ACME, "remedy:  " ACME " is not in origins of acme", 403 },
		{ "check_frame", "origin_refused", "origin_refused", ACME,
		  "remedy:  only the gateway's own pages", 403 },
		/* an adapter's words are none of ours */
		{ "ask_adapter", "denied", "denied", ACME, "adapter", 403 },
	};
	char why[64], id[32];

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		const struct audit_step steps[] = {
			{ "find_tenant", "next", NULL, 12 },
			{ cases[i].step, cases[i].verdict, why, 3 },
		};
		struct audit_record r = {
			.time_ms = 1469918176385, .tenant = STR("acme"),
			.status = cases[i].status, .steps = steps,
			.code = cases[i].code ? str_from(cases[i].code) :
						STR_NULL,
			.step_count = N_ELEMENTS(steps),
		};

		snprintf(id, sizeof(id), "%.25s%zu", ID, i);
		r.request_id = str_from(id);
		ck_assert_int_eq(ip_parse(STR("198.51.100.7"), &r.network),
				 ERR_OK);
		snprintf(why, sizeof(why), ORIGIN_WHY "%s", cases[i].origin);
		ck_assert_int_eq(audit_write(store_writer(d.rig.store), &r),
				 ERR_OK);
		rig_flush(store_writer(d.rig.store));
		ask_ok(&d, "explain", id);
		said(&d, cases[i].remedy);
		said(&d, "client:  of 198.51.100.0/24\n");
		ask_ok(&d, "explain", id, "--json");
		said(&d, "\"network\":\"198.51.100.0/24\"");
	}
	ck_assert_ptr_null(strstr(d.body.ptr, "is not in origins"));
}
END_TEST

START_TEST(explain_knows_the_header_that_a_script_may_not_add)
{
	const struct audit_step step = { "answer_preflight",
		ORIGIN_HEADER_REFUSED, ORIGIN_HEADER_WHY "authorization"
		ORIGIN_HEADER_OF ACME, 3 };
	const struct audit_record r = {
		.request_id = STR(ID), .time_ms = 1469918176385,
		.tenant = STR("acme"), .status = 204, .is_refusal = true,
		.steps = &step, .step_count = 1,
	};

	ck_assert_int_eq(audit_write(store_writer(d.rig.store), &r), ERR_OK);
	rig_flush(store_writer(d.rig.store));
	ask_ok(&d, "explain", ID);
	said(&d, "remedy:  a script of " ACME " adds the header authorization "
		 "to its post");
}
END_TEST

/* As far as it was known; else what the code's line says. */
START_TEST(explain_knows_why_the_store_refused)
{
	static const struct { const char *why, *remedy; } cases[] = {
		{ "store disk_full: database or disk is full",
		  "remedy:  make room in the state directory" },
		{ "store stuck: for 7 s", "remedy:  look at the state" },
		{ "store nonsense: x", "remedy:  Try again after Retry-After" },
		{ "out of memory", "remedy:  Try again after Retry-After" },
	};
	char id[32];

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		const struct audit_step step = {
			"check_store", "unavailable", cases[i].why, 3 };
		const struct audit_record r = {
			.time_ms = 1469918176385, .status = 503,
			.code = STR("unavailable"), .steps = &step,
			.step_count = 1, .request_id = { id, 26 },
		};

		snprintf(id, sizeof(id), "%.25s%zu", ID, i);
		ck_assert_int_eq(audit_write(store_writer(d.rig.store), &r),
				 ERR_OK);
		rig_flush(store_writer(d.rig.store));
		ask_ok(&d, "explain", id);
		said(&d, cases[i].remedy);
		said(&d, cases[i].why);
	}
}
END_TEST

/* What the answer said is in the trail; where a setting would do, its place. */
START_TEST(explain_knows_the_setting_of_a_422)
{
	static const struct { const char *why, *remedy; } cases[] = {
		{ "email: missing, redirect_url: " VALIDATE_NO_PLACE,
		  "a place that redirects of acme (acme.conf:15) allows" },
		{ "email: " VALIDATE_ESCAPED,
		  "set decode_html = true for acme (acme.conf:16)\n" },
		{ "email: missing; there is a field mail",
		  "remedy:  Mend each of them" },
	};
	char id[32];

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		const struct audit_step step = {
			"validate", "validation_failed", cases[i].why, 3 };
		const struct audit_record r = {
			.time_ms = 1469918176385, .tenant = STR("acme"),
			.status = 422, .code = STR("validation_failed"),
			.steps = &step, .step_count = 1,
			.request_id = { id, 26 },
		};

		snprintf(id, sizeof(id), "%.25s%zu", ID, i);
		ck_assert_int_eq(audit_write(store_writer(d.rig.store), &r),
				 ERR_OK);
		rig_flush(store_writer(d.rig.store));
		ask_ok(&d, "explain", id);
		said(&d, cases[i].remedy);
		said(&d, cases[i].why);
	}
}
END_TEST

static void origins_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, the_remedy_names_file_and_line);
	tcase_add_test(tcase, a_null_or_missing_origin_has_its_remedies);
	tcase_add_test(tcase, who_was_refused_is_listed_the_last_first);
	tcase_add_test(tcase, explain_knows_the_remedy);
	tcase_add_test(tcase,
		       explain_knows_the_header_that_a_script_may_not_add);
	tcase_add_test(tcase, explain_knows_why_the_store_refused);
	tcase_add_test(tcase, explain_knows_the_setting_of_a_422);
}

UNIT_MAIN("origins", origins_tests)
