#include "admin/identity.h"

#include "admin/sanitize.h"
#include "base/clock.h"
#include "base/codes.h"
#include "base/num.h"
#include "codec/json.h"
#include "handoff/vouch.h"

#define ORIGIN_WIDTH 40

/* What is known of one tenant. */
struct identity_report {
	const struct tenant *tenant;
	int64_t since_ms;		/* wall clock */
	uint64_t good, refused;		/* sign-ins; `refused` by "signed", or
					 * as signed would have */
	uint64_t by_code[CODES];	/* of `refused` */
	uint64_t repeated;		/* of `good`: with another one's jti */
	struct stranger pages[STRANGERS_KEPT];
	unsigned page_count;
};

/* In tenths of a percent, rounded down: what is not all of it is no 100%. */
static unsigned share(const struct identity_report *report)
{
	uint64_t all = report->good + report->refused;

	return all ? (unsigned)(report->good * 1000 / all) : 0;
}

static bool is_safe(const struct identity_report *report)
{
	return report->good && !report->refused;
}

static void add_share(const struct identity_report *report, struct buf *out)
{
	unsigned tenths = share(report);

	buf_printf(out, "%u.%u%% of %llu signed; ", tenths / 10, tenths % 10,
		   (unsigned long long)(report->good + report->refused));
}

static void add_verdict(const struct identity_report *report, struct buf *out)
{
	enum identity_mode mode = report->tenant->identity;

	if (mode == IDENTITY_UNSIGNED) {
		buf_puts(out, "identity is \"unsigned\", so no assertion is "
			 "looked at: give the tenant keys, and set identity = "
			 "\"observe\"\n");
		return;
	}
	if (!report->good && !report->refused) {
		buf_puts(out, "nobody came since then: no verdict\n");
		return;
	}
	add_share(report, out);
	if (mode == IDENTITY_SIGNED)
		buf_puts(out, is_safe(report) ? "nobody was refused\n" :
			 "the others were refused\n");
	else
		buf_puts(out, is_safe(report) ?
			 "safe to enforce: set identity = \"signed\"\n" :
			 "not yet safe to enforce\n");
}

static void add_page(const struct stranger *page, struct buf *out)
{
	sanitize_pad(out, str_from(page->origin), ORIGIN_WIDTH);
	buf_printf(out, " %6llu  ", (unsigned long long)page->count);
	sanitize_time(out, page->last_ms + clock_ahead_ms());
	buf_puts(out, page->kinds == VOUCH_LACKING ? "  no assertion\n" :
		 page->kinds == VOUCH_REFUSED ? "  one that does not hold\n" :
		 "  none, or one that does not hold\n");
}

/* Where keys by URL come from, and how that goes. */
static void add_source(const struct tenant *tenant, struct buf *out)
{
	struct key_source_report keys;

	if (!tenant->key_source)
		return;
	key_source_report(tenant->key_source, &keys);
	buf_puts(out, "keys of ");
	sanitize_add(out, keys.url);
	buf_printf(out, ": %u, fetched ", keys.keys);
	if (keys.fetched_ms) {
		sanitize_time(out, keys.fetched_ms);
		buf_printf(out, " (%lld s ago)\n",
			   (long long)((clock_wall_ms() - keys.fetched_ms) /
				       1000));
	} else {
		buf_puts(out, "never\n");
	}
	if (!keys.failures)
		return;
	buf_printf(out, "KEYS COULD NOT BE FETCHED, %u time%s since, last ",
		   keys.failures, keys.failures == 1 ? "" : "s");
	sanitize_time(out, keys.failed_ms);
	buf_puts(out, ": ");
	sanitize_add(out, str_from(keys.problem));
	buf_puts(out, keys.keys ? "; those of before serve on\n" : "\n");
}

static void add_source_json(const struct tenant *tenant, struct buf *out)
{
	struct key_source_report keys;

	if (!tenant->key_source)
		return;
	key_source_report(tenant->key_source, &keys);
	buf_puts(out, ",\"jwks\":{");
	json_add_member(out, "url", keys.url);
	json_add_member_int(out, "keys", keys.keys);
	json_add_member_int(out, "fetched_ms", keys.fetched_ms);
	json_add_member_int(out, "failed_ms", keys.failed_ms);
	json_add_member_int(out, "failures", keys.failures);
	json_add_member(out, "problem", str_from(keys.problem));
	buf_addc(out, '}');
}

static void add_text(const struct identity_report *report, struct buf *out)
{
	const struct tenant *tenant = report->tenant;
	uint64_t told = 0;

	buf_adds(out, tenant->slug);
	buf_printf(out, ": identity = \"%s\" (",
		   identity_mode_text(tenant->identity));
	sanitize_add(out, tenant->file);
	buf_puts(out, "), since ");
	sanitize_time(out, report->since_ms);
	buf_addc(out, '\n');
	add_source(tenant, out);
	for (unsigned i = 0; i < CODES; i++)
		if (report->by_code[i])
			buf_printf(out, "%8llu  %s\n",
				   (unsigned long long)report->by_code[i],
				   code_table[i].name);
	for (unsigned i = 0; i < report->page_count; i++) {
		add_page(&report->pages[i], out);
		told += report->pages[i].count;
	}
	if (report->refused > told)
		buf_printf(out, "%llu more, of pages that are not kept\n",
			   (unsigned long long)(report->refused - told));
	if (report->repeated)
		buf_printf(out, "%8llu  good, with a jti that another assertion "
			   "had: the signing code has to draw one for each\n",
			   (unsigned long long)report->repeated);
	add_verdict(report, out);
}

static void add_json(const struct identity_report *report, struct buf *out)
{
	const struct tenant *tenant = report->tenant;

	buf_addc(out, '{');
	json_add_member(out, "tenant", tenant->slug);
	json_add_member(out, "identity",
			str_from(identity_mode_text(tenant->identity)));
	json_add_member_int(out, "since_ms", report->since_ms);
	json_add_member_int(out, "good", (int64_t)report->good);
	json_add_member_int(out, "refused", (int64_t)report->refused);
	json_add_member_int(out, "repeated_jti", (int64_t)report->repeated);
	json_add_member_bool(out, "safe", is_safe(report));
	add_source_json(tenant, out);
	buf_puts(out, ",\"by_code\":{");
	for (unsigned i = 0; i < CODES; i++)
		if (report->by_code[i])
			json_add_member_int(out, code_table[i].name,
					    (int64_t)report->by_code[i]);
	buf_puts(out, "},\"pages\":[");
	for (unsigned i = 0; i < report->page_count; i++) {
		const struct stranger *page = &report->pages[i];

		buf_puts(out, i ? ",{" : "{");
		json_add_member(out, "origin", str_from(page->origin));
		json_add_member_int(out, "count", (int64_t)page->count);
		json_add_member_int(out, "last_ms",
				    page->last_ms + clock_ahead_ms());
		json_add_member_bool(out, "lacking",
				     page->kinds & VOUCH_LACKING);
		json_add_member_bool(out, "refused",
				     page->kinds & VOUCH_REFUSED);
		buf_addc(out, '}');
	}
	buf_puts(out, "]}\n");
}

static void count(struct tally *tally, unsigned hours,
		  struct identity_report *report)
{
	const struct tenant *tenant = report->tenant;
	struct tally_sum sum;

	tally_sum(tally, tenant->slug, tenant->identity_stamp, hours,
		  clock_steady_ms(), &sum);
	report->since_ms = sum.since_ms + clock_ahead_ms();
	report->good = sum.counts[VOUCH_GOOD];
	report->repeated = sum.counts[VOUCH_REPEATED];
	for (enum code i = CODE_assertion_missing; i <= CODE_assertion_subject;
	     i++) {
		report->by_code[i] = sum.counts[vouch_kind(i)];
		report->refused += report->by_code[i];
	}
}

/* Those that came since then; a page that goes on is told with all of its. */
static void list_pages(struct strangers *unvouched,
		       struct identity_report *report)
{
	struct stranger all[STRANGERS_KEPT];
	uint64_t total;
	unsigned n = strangers_list(unvouched, report->tenant->slug, all,
				    &total);

	for (unsigned i = 0; i < n; i++)
		if (all[i].last_ms + clock_ahead_ms() >= report->since_ms)
			report->pages[report->page_count++] = all[i];
}

/* The second word, where there is one: 0, or it is none of these. */
static int take_window(struct str word, unsigned *hours_r, bool *resets_r)
{
	int64_t hours = TALLY_HOURS;

	*resets_r = str_eq(word, STR("reset"));
	if (word.len && !*resets_r && num_i64(word, 1, TALLY_HOURS, &hours))
		return -1;
	*hours_r = (unsigned)hours;
	return 0;
}

static void report_tenant(struct gateway *gateway, unsigned hours, bool resets,
			  struct identity_report *report)
{
	const struct tenant *tenant = report->tenant;

	if (gateway->tally && resets)
		tally_reset(gateway->tally, tenant->slug,
			    tenant->identity_stamp, clock_steady_ms());
	if (gateway->tally)
		count(gateway->tally, hours, report);
	if (gateway->unvouched)
		list_pages(gateway->unvouched, report);
}

const char *command_identity(struct status *status, const struct str *words,
			     bool json, struct buf *body)
{
	struct gateway *gateway = status->gateway;
	struct snapshot *snapshot = snapshot_slot_get(gateway->snapshots);
	struct identity_report report = {
		.tenant = snapshot_tenant(snapshot, words[0]),
		.since_ms = status->start_ms,
	};
	const char *trouble = NULL;
	unsigned hours;
	bool resets;

	if (take_window(words[1], &hours, &resets)) {
		trouble = status_say(body, "HOURS is 1 to 24, or reset: ",
				     words[1]);
	} else if (!report.tenant || report.tenant->is_formless) {
		trouble = status_no_tenant(snapshot, words[0], body);
	} else {
		report_tenant(gateway, hours, resets, &report);
		(json ? add_json : add_text)(&report, body);
	}
	snapshot_unref(snapshot);
	return trouble;
}
