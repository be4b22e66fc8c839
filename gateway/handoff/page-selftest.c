/* The self-test, for people. */
#include "handoff/page-private.h"
#include "handoff/selftest.h"

#define MINUTE_S 60

static const char style[] =
	"body{place-items:start center}main{max-width:46rem}"
	"h2{font-size:1.1rem;margin:1.75rem 0 .5rem}"
	".checks{list-style:none;margin:0 0 1rem;padding:0}"
	".checks li{padding:.6rem .9rem;margin:0 0 .4rem;"
	"border:1px solid var(--line);border-inline-start-width:.35rem;"
	"border-radius:.5rem}"
	".checks p{margin:.2rem 0 0}"
	".good{border-inline-start-color:#2f8f4e!important}"
	".bad{border-inline-start-color:#c5221f!important}"
	".would{border-inline-start-color:#b06000!important}"
	".say{float:right;font-weight:600;padding-left:.75rem}"
	"label{display:block;font-weight:600;margin:.75rem 0 .25rem}"
	"input,textarea{width:100%;font:inherit;padding:.5rem .6rem;"
	"color:inherit;background:var(--sunken);"
	"border:1px solid var(--edge);border-radius:.5rem}"
	"textarea{min-height:6rem;font:.9em ui-monospace,\"DejaVu Sans "
	"Mono\",monospace}form button{margin-top:1rem}"
	"code{overflow-wrap:anywhere}";

static const struct { const char *class, *words; } verdicts[] = {
	[SELFTEST_GOOD] = { "good", "good" },
	[SELFTEST_REFUSED] = { "bad", "refused" },
	[SELFTEST_WOULD] = { "would", "passes, but" },
	[SELFTEST_UNSEEN] = { "unseen", "not looked at" },
};

static void add_row(struct page *page, const struct selftest_row *row)
{
	buf_printf(&page->out, "<li class=\"%s\"><span class=\"say\">%s</span>",
		   verdicts[row->verdict].class, verdicts[row->verdict].words);
	page_add(page, "<b>", str_from(row->name), "</b>");
	if (row->refusal.len)
		page_add(page, " <code>", row->refusal, "</code>");
	if (row->what.len)
		page_add(page, "\n<p dir=\"auto\">", row->what, "</p>");
	if (row->remedy.len)
		page_add(page, "\n<p class=\"soft\">What helps: ", row->remedy,
			 "</p>");
	buf_puts(&page->out, "</li>\n");
}

static void add_result(struct page *page, const struct selftest *test)
{
	if (test->status == 302) {
		page_add(page, "<p class=\"wait\"><b>This sign-in would "
			 "pass.</b> The handoff answers 302, and after the "
			 "callback the user stands at <bdi>", test->target,
			 "</bdi>.</p>\n");
	} else if (!test->status) {
		buf_puts(&page->out, "<p class=\"wait\"><b>Nothing here refuses "
			 "this sign-in.</b> The tenant's adapter, which has a "
			 "say in it, was not asked.</p>\n");
	} else {
		buf_printf(&page->out, "<p class=\"wait\"><b>This sign-in "
			   "would be refused.</b> The handoff answers %d, ",
			   test->status);
		page_add(page, "<code>", test->refusal, "</code>.</p>\n");
	}
	buf_puts(&page->out, "<p>Nothing was written, and nobody was signed "
		 "in. The checks, in the handoff's order:</p>\n"
		 "<ol class=\"checks\">\n");
	for (unsigned i = 0; i < test->count; i++)
		add_row(page, &test->rows[i]);
	buf_puts(&page->out, "</ol>\n<h2>Once more</h2>\n");
}

static void add_field(struct page *page, const char *name, const char *label)
{
	buf_printf(&page->out, "<label for=\"%s\">%s</label>\n"
		   "<input id=\"%s\" name=\"%s\" autocomplete=\"off\">\n",
		   name, label, name, name);
}

static void add_form(struct page *page, struct str url)
{
	bool is_unsigned = page->ex->tenant->identity == IDENTITY_UNSIGNED;

	page_add(page, "<form method=\"post\" action=\"", url, "\">\n");
	add_field(page, "email", "email");
	add_field(page, "name", "name");
	add_field(page, "redirect_url", "redirect_url (may be empty)");
	buf_printf(&page->out, "<label for=\"assertion\">assertion%s</label>\n"
		   "<textarea id=\"assertion\" name=\"assertion\" "
		   "autocomplete=\"off\" spellcheck=\"false\"></textarea>\n"
		   "<button>Try it</button>\n</form>\n",
		   is_unsigned ? " (this tenant takes none)" : "");
}

static void add_way(struct page *page, struct str url)
{
	const struct tenant *tenant = page->ex->tenant;
	int64_t left_s = selftest_left_s(page->ex);

	page_add(page, "<p>For who makes the partner's page. Have the page, or "
		 "your server, post here what it posts to <code>",
		 tenant->handoff_url, "</code>:</p>\n");
	page_add(page, "<p><code>", url, "</code></p>\n");
	buf_puts(&page->out, "<p>A form, multipart or JSON: the same checks as "
		 "of a real sign-in are made, and each one's verdict is shown. "
		 "Programs that send no <code>Accept: text/html</code> get "
		 "JSON. Nothing is written, and nobody is signed in.</p>\n");
	buf_printf(&page->out, "<p>This link works for %lld more minutes, for "
		   "this tenant alone.</p>\n<h2>Or by hand</h2>\n",
		   (long long)((left_s + MINUTE_S - 1) / MINUTE_S));
}

bool page_selftest(struct exchange *ex)
{
	struct page page = {
		.ex = ex, .title = STR("Self-test"), .lang = "en",
		.theme = (struct str){ style, sizeof(style) - 1 },
		.forms = STR("'self'"), .posts_here = true, .size = 16384,
	};
	struct str url = selftest_url(ex);

	if (!url.ptr ||
	    !page_open_card(&page, ex->tenant, ex->rehearsal->count ?
			    "Self-test of a sign-in" : "Self-test"))
		return false;
	if (ex->rehearsal->count)
		add_result(&page, ex->rehearsal);
	else
		add_way(&page, url);
	add_form(&page, url);
	return page_close_card(&page, 200);
}
