#include "handoff/page.h"

#include "base/random.h"
#include "codec/html.h"

/* A constant array of text. */
#define TEXT_OF(array) ((struct str){ (array), sizeof(array) - 1 })

static const char card_style[] =
	":root{color-scheme:light dark;--bg:#f5f6f8;--card:#fff;--ink:#1a1e24;"
	"--soft:#58616d;--line:#dde1e7;--accent:#0b57d0;--on:#fff}"
	"@media(prefers-color-scheme:dark){:root{--bg:#121519;--card:#1b2026;"
	"--ink:#e9ecef;--soft:#a4adb8;--line:#323943;--accent:#8ab4f8;"
	"--on:#0d1117}}"
	"*{box-sizing:border-box}"
	"body{margin:0;min-height:100vh;display:grid;place-items:center;"
	"padding:1.25rem;background:var(--bg);color:var(--ink);"
	"font:1rem/1.55 system-ui,-apple-system,\"Segoe UI\",Roboto,sans-serif}"
	"main{width:100%;max-width:28rem;padding:2rem 1.75rem;"
	"background:var(--card);border:1px solid var(--line);"
	"border-radius:.9rem}"
	".org{margin:0 0 .35rem;color:var(--soft);font-size:.9rem}"
	"h1{margin:0 0 .6rem;font-size:1.4rem;line-height:1.25;"
	"letter-spacing:-.015em}"
	"p{margin:0 0 1rem}"
	"main>:last-child{margin-bottom:0}"
	".who{margin:0 0 1.25rem;padding:.75rem 1rem;"
	"border:1px solid var(--line);border-radius:.6rem}"
	".who b,.who span{display:block;overflow-wrap:anywhere}"
	".who span,small{color:var(--soft)}"
	"small{display:block;font-size:.8rem;overflow-wrap:anywhere}"
	"form{margin:0 0 1rem}"
	"button{font:inherit;font-weight:600;width:100%;padding:.7rem 1rem;"
	"border:0;border-radius:.6rem;background:var(--accent);"
	"color:var(--on);cursor:pointer;overflow-wrap:anywhere}"
	"button.quiet{background:none;color:var(--accent);"
	"border:1px solid var(--line)}"
	"a{color:var(--accent)}"
	":focus-visible{outline:3px solid var(--accent);outline-offset:2px}";

static const char reload_script[] =
	"addEventListener('pageshow',function(e){"
	"if(e.persisted)location.reload()});";

/* The page around a frame cannot see why this one did not come. */
static const char tell_script[] =
	"var d=document.querySelector('main').lastElementChild.dataset;"
	"if(parent!==window)parent.postMessage({usher:'refused',"
	"status:+d.status,code:d.code},'*')";

/* A field named "submit" would hide the form's own method. */
static const char submit_script[] =
	"HTMLFormElement.prototype.submit.call(document.forms[0])";

bool page_begin(struct page *page)
{
	const size_t fixed = page->style.len + page->theme.len +
			     page->script.len + page->title.len * 6 + 1024;
	unsigned char rnd[PAGE_NONCE_SIZE];
	struct buf *out = &page->out;

	if (random_bytes(rnd, sizeof(rnd)))
		return false;
	base64url_encode(page->nonce, rnd, sizeof(rnd));
	page->nonce[PAGE_NONCE_LEN] = '\0';
	buf_init_pool(out, page->ex->pool, page->max ? page->max : PAGE_MAX);
	if (!buf_reserve(out, page->size + fixed))
		return false;
	buf_printf(out, "<!doctype html>\n<html lang=\"%s\">\n<head>\n"
		   "<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
		   "content=\"width=device-width, initial-scale=1\">\n"
		   "<meta name=\"robots\" content=\"noindex\">\n",
		   page->lang ? page->lang : "en");
	if (page->posts_here)
		buf_puts(out, "<meta name=\"referrer\" "
			 "content=\"strict-origin\">\n");
	buf_puts(out, "<title>");
	html_add(out, page->title);
	buf_printf(out, "</title>\n<style nonce=\"%s\">", page->nonce);
	buf_adds(out, page->style);
	buf_adds(out, page->theme);
	buf_puts(out, "</style>\n</head>\n<body>\n");
	return true;
}

static void add_sources(struct buf *csp, const char *name, struct str sources)
{
	buf_puts(csp, name);
	buf_adds(csp, sources.len ? sources : STR("'none'"));
}

static bool make_policy(const struct page *page, struct buf *csp)
{
	buf_init_pool(csp, page->ex->pool, PAGE_CSP_MAX);
	buf_reserve(csp, 512);
	buf_printf(csp, "default-src 'none'; style-src 'nonce-%s'; "
		   "script-src 'nonce-%s'; ", page->nonce, page->nonce);
	if (page->connect.len) {
		add_sources(csp, "connect-src ", page->connect);
		buf_puts(csp, "; ");
	}
	if (page->images.len) {
		add_sources(csp, "img-src ", page->images);
		buf_puts(csp, "; ");
	}
	add_sources(csp, "base-uri 'none'; form-action ", page->forms);
	add_sources(csp, "; frame-ancestors ", page->ancestors);
	return buf_is_ok(csp);
}

static void add_isolation(struct exchange *ex, enum page_place place)
{
	if (place == PAGE_FRAMED) {
		answer_header(ex, "Cross-Origin-Embedder-Policy",
			      STR("require-corp"));
		answer_header(ex, "Cross-Origin-Resource-Policy",
			      STR("cross-origin"));
		return;
	}
	answer_header(ex, "Cross-Origin-Opener-Policy", STR("same-origin"));
	answer_header(ex, "Cross-Origin-Resource-Policy", STR("same-origin"));
}

bool page_end(struct page *page, int status)
{
	struct exchange *ex = page->ex;
	struct buf csp;

	if (page->script.len || page->is_personal) {
		buf_printf(&page->out, "<script nonce=\"%s\">%s", page->nonce,
			   page->is_personal ? reload_script : "");
		buf_adds(&page->out, page->script);
		buf_puts(&page->out, "</script>\n");
	}
	buf_puts(&page->out, "</body>\n</html>\n");
	if (!buf_is_ok(&page->out) || !make_policy(page, &csp))
		return false;
	ex->answer.status = status;
	ex->answer.body = buf_str(&page->out);
	answer_header(ex, "Content-Type", STR("text/html; charset=utf-8"));
	answer_header(ex, "Content-Security-Policy", buf_str(&csp));
	add_isolation(ex, page->place);
	return true;
}

/* The pages of the gateway look alike. */
static bool open_card(struct page *page)
{
	page->style = TEXT_OF(card_style);
	if (!page_begin(page))
		return false;
	buf_puts(&page->out, "<main>\n");
	return true;
}

static bool close_card(struct page *page, int status)
{
	buf_puts(&page->out, "</main>\n");
	return page_end(page, status);
}

static void add_escaped(struct page *page, const char *before, struct str text,
			const char *after)
{
	buf_puts(&page->out, before);
	html_add(&page->out, text);
	buf_puts(&page->out, after);
}

static void add_heading(struct page *page, const struct tenant *tenant,
			const char *title)
{
	if (tenant && tenant->name.len)
		add_escaped(page, "<p class=\"org\">", tenant->name, "</p>\n");
	add_escaped(page, "<h1>", str_from(title), "</h1>\n");
}

static void add_person(struct page *page, struct page_person person)
{
	add_escaped(page, "<p class=\"who\"><b>", person.name, "</b>");
	add_escaped(page, "<span>", person.email, "</span></p>\n");
}

static void add_way_back(struct page *page, const struct tenant *tenant)
{
	if (!tenant || !tenant->home.len)
		return;
	add_escaped(page, "<p><a href=\"", tenant->home, "\">Back to ");
	add_escaped(page, "", tenant->name.len ? tenant->name : tenant->home,
		    "</a></p>\n");
}

static const char *status_title(int status)
{
	switch (status) {
	case 400:
	case 413:
	case 415:
	case 422:
		return "That did not work";
	case 401:
		return "Please sign in again";
	case 403:
		return "Not allowed";
	case 404:
	case 421:
		return "Not found";
	case 405:
		return "Not possible here";
	case 410:
		return "This link was used already";
	case 429:
		return "One moment, please";
	default:
		return status >= 500 ? "Something went wrong"
				     : "That did not work";
	}
}

bool page_error(struct exchange *ex, int status, const char *message)
{
	const char *title = status_title(status);
	struct page page = { .ex = ex, .title = str_from(title),
			     .size = strlen(message) * 6 + 1024 };

	if (ex->steps->is_embedded) {
		page.place = PAGE_FRAMED;
		page.ancestors = STR("*");
		page.script = TEXT_OF(tell_script);
	}
	if (!open_card(&page))
		return false;
	add_heading(&page, ex->tenant, title);
	add_escaped(&page, "<p>", str_from(message), "</p>\n");
	if (page.place == PAGE_ALONE)
		add_way_back(&page, ex->tenant);
	buf_printf(&page.out, "<small data-status=\"%d\" data-code=\"%s\">"
		   "Error %d &middot; request %s</small>\n",
		   status, ex->code ? ex->code : "", status, ex->id);
	return close_card(&page, status);
}

bool page_notice(struct exchange *ex, const char *title, const char *message)
{
	struct page page = { .ex = ex, .title = str_from(title),
			     .size = 1536 };

	if (!open_card(&page))
		return false;
	add_heading(&page, ex->tenant, title);
	add_escaped(&page, "<p>", str_from(message), "</p>\n");
	add_way_back(&page, ex->tenant);
	return close_card(&page, 200);
}

bool page_confirm(struct exchange *ex, struct page_person now,
		  struct page_person next, struct str token,
		  const struct str *targets, unsigned target_count,
		  struct str stay)
{
	struct page page = { .ex = ex, .title = STR("Switch user?"),
			     .posts_here = true, .is_personal = true,
			     .size = token.len + 2048 };
	struct buf forms;
	unsigned i;

	buf_init_pool(&forms, ex->pool, PAGE_CSP_MAX);
	buf_puts(&forms, "'self'");
	for (i = 0; i < target_count; i++) {
		buf_addc(&forms, ' ');
		buf_adds(&forms, targets[i]);
	}
	page.forms = buf_str(&forms);
	if (!buf_is_ok(&forms) || !open_card(&page))
		return false;
	add_heading(&page, ex->tenant, "Switch user?");
	buf_puts(&page.out, "<p>In this browser you are signed in as</p>\n");
	add_person(&page, now);
	buf_puts(&page.out, "<p>Do you want to go on as</p>\n");
	add_person(&page, next);
	add_escaped(&page, "<form method=\"post\" action=\"/auth/callback\">\n"
		    "<input type=\"hidden\" name=\"token\" value=\"", token,
		    "\">\n");
	add_escaped(&page, "<button>Go on as ", next.name,
		    "</button>\n</form>\n");
	add_escaped(&page, "<p><a href=\"", stay, "\">No, stay signed in as ");
	add_escaped(&page, "", now.name, "</a></p>\n");
	return close_card(&page, 200);
}

/* Signing out ends at the tenant's home, on another host: browsers
 * apply form-action to each redirect on the way there. */
static struct str logout_forms(struct exchange *ex, const struct tenant *tenant)
{
	struct url home;
	struct buf out;

	buf_init_pool(&out, ex->pool, URL_MAX);
	buf_puts(&out, "'self'");
	if (tenant->home.len &&
	    !url_parse(ex->pool, tenant->home, &home, NULL)) {
		buf_addc(&out, ' ');
		url_add_origin(&out, &home);
	}
	return buf_is_ok(&out) ? buf_str(&out) : STR("'self'");
}

bool page_signed_in(struct exchange *ex, const struct tenant *tenant,
		    struct page_person person)
{
	struct page page = { .ex = ex, .title = STR("Signed in"),
			     .is_personal = true,
			     .forms = logout_forms(ex, tenant),
			     .posts_here = true, .size = 2048 };

	if (!open_card(&page))
		return false;
	add_heading(&page, tenant, "You are signed in");
	add_person(&page, person);
	buf_puts(&page.out, "<form method=\"post\" action=\"/auth/logout\">\n"
		 "<button class=\"quiet\">Sign out</button>\n</form>\n");
	add_way_back(&page, tenant);
	return close_card(&page, 200);
}

bool page_post(struct exchange *ex, struct str url, struct str forms,
	       const struct adapter_error *fields, unsigned count)
{
	struct page page = { .ex = ex, .title = STR("Signing in"),
			     .script = TEXT_OF(submit_script),
			     .forms = forms, .size = url.len + 2048 };
	unsigned i;

	for (i = 0; i < count; i++)
		page.size += fields[i].field.len + fields[i].text.len + 64;
	if (!open_card(&page))
		return false;
	add_heading(&page, ex->tenant, "Signing you in\xe2\x80\xa6");
	add_escaped(&page, "<form method=\"post\" action=\"", url, "\">\n");
	for (i = 0; i < count; i++) {
		add_escaped(&page, "<input type=\"hidden\" name=\"",
			    fields[i].field, "\"");
		add_escaped(&page, " value=\"", fields[i].text, "\">\n");
	}
	buf_puts(&page.out, "<button>Continue</button>\n</form>\n");
	return close_card(&page, 200);
}
