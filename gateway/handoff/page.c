#include "handoff/page.h"

#include "base/random.h"
#include "codec/base64url.h"
#include "codec/html.h"

#define NONCE_SIZE 16
#define NONCE_LEN BASE64URL_LEN(NONCE_SIZE)
#define CSP_MAX 8192

static const char style[] =
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

/* no-store does not keep a page out of the back/forward cache: after signing
 * out, Back would show who was here. */
static const char reload_script[] =
	"addEventListener('pageshow',function(e){"
	"if(e.persisted)location.reload()})";

/* A field named "submit" would hide the form's own method. */
static const char submit_script[] =
	"HTMLFormElement.prototype.submit.call(document.forms[0])";

struct page {
	struct exchange *ex;
	struct buf out;
	char nonce[NONCE_LEN + 1];
	const char *script;		/* NULL: none */
};

static bool page_open(struct page *page, struct exchange *ex, size_t reserve,
		      const char *title, bool posts_here)
{
	unsigned char rnd[NONCE_SIZE];
	struct buf *out = &page->out;

	page->ex = ex;
	page->script = NULL;
	if (random_bytes(rnd, sizeof(rnd)))
		return false;
	base64url_encode(page->nonce, rnd, sizeof(rnd));
	page->nonce[NONCE_LEN] = '\0';
	buf_init_pool(out, ex->pool, PAGE_MAX);
	if (!buf_reserve(out, reserve + sizeof(style) + 2048))
		return false;
	buf_puts(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n"
		 "<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
		 "content=\"width=device-width, initial-scale=1\">\n"
		 "<meta name=\"robots\" content=\"noindex\">\n");
	if (posts_here)
		buf_puts(out, "<meta name=\"referrer\" "
			 "content=\"strict-origin\">\n");
	buf_printf(out, "<title>%s</title>\n<style nonce=\"%s\">%s</style>\n"
		   "</head>\n<body>\n<main>\n", title, page->nonce, style);
	return true;
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

/* `forms`: the sources of form-action, "" for none. */
static bool page_close(struct page *page, int status, struct str forms)
{
	struct exchange *ex = page->ex;
	struct str csp;

	buf_puts(&page->out, "</main>\n");
	if (page->script)
		buf_printf(&page->out, "<script nonce=\"%s\">%s</script>\n",
			   page->nonce, page->script);
	buf_puts(&page->out, "</body>\n</html>\n");
	csp = pool_printf(ex->pool, "default-src 'none'; "
			  "style-src 'nonce-%s'; script-src 'nonce-%s'; "
			  "base-uri 'none'; form-action %.*s; "
			  "frame-ancestors 'none'",
			  page->nonce, page->nonce, STR_ARG(forms));
	if (!buf_is_ok(&page->out) || !csp.ptr)
		return false;
	ex->answer.status = status;
	ex->answer.body = buf_str(&page->out);
	answer_header(ex, "Content-Type", STR("text/html; charset=utf-8"));
	answer_header(ex, "Content-Security-Policy", csp);
	answer_header(ex, "Cross-Origin-Opener-Policy", STR("same-origin"));
	answer_header(ex, "Cross-Origin-Resource-Policy", STR("same-origin"));
	return true;
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
	struct page page;

	if (!page_open(&page, ex, strlen(message) * 6, title, false))
		return false;
	add_heading(&page, ex->tenant, title);
	add_escaped(&page, "<p>", str_from(message), "</p>\n");
	add_way_back(&page, ex->tenant);
	buf_printf(&page.out, "<small>Error %d &middot; request %s</small>\n",
		   status, ex->id);
	return page_close(&page, status, STR("'none'"));
}

bool page_notice(struct exchange *ex, const char *title, const char *message)
{
	struct page page;

	if (!page_open(&page, ex, 512, title, false))
		return false;
	add_heading(&page, ex->tenant, title);
	add_escaped(&page, "<p>", str_from(message), "</p>\n");
	add_way_back(&page, ex->tenant);
	return page_close(&page, 200, STR("'none'"));
}

bool page_confirm(struct exchange *ex, struct page_person now,
		  struct page_person next, struct str token,
		  const struct str *targets, unsigned target_count,
		  struct str stay)
{
	struct page page;
	struct buf forms;
	unsigned i;

	buf_init_pool(&forms, ex->pool, CSP_MAX);
	buf_puts(&forms, "'self'");
	for (i = 0; i < target_count; i++) {
		buf_addc(&forms, ' ');
		buf_adds(&forms, targets[i]);
	}
	if (!buf_is_ok(&forms) ||
	    !page_open(&page, ex, token.len, "Switch user?", true))
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
	page.script = reload_script;
	return page_close(&page, 200, buf_str(&forms));
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
	struct page page;

	if (!page_open(&page, ex, 0, "Signed in", true))
		return false;
	add_heading(&page, tenant, "You are signed in");
	add_person(&page, person);
	buf_puts(&page.out, "<form method=\"post\" action=\"/auth/logout\">\n"
		 "<button class=\"quiet\">Sign out</button>\n</form>\n");
	add_way_back(&page, tenant);
	page.script = reload_script;
	return page_close(&page, 200, logout_forms(ex, tenant));
}

bool page_post(struct exchange *ex, struct str url, struct str origin,
	       const struct adapter_error *fields, unsigned count)
{
	struct page page;
	size_t reserve = url.len;
	unsigned i;

	for (i = 0; i < count; i++)
		reserve += fields[i].field.len + fields[i].text.len + 64;
	if (!page_open(&page, ex, reserve, "Signing in", false))
		return false;
	add_heading(&page, ex->tenant, "Signing you in\xe2\x80\xa6");
	add_escaped(&page, "<form method=\"post\" action=\"", url, "\">\n");
	for (i = 0; i < count; i++) {
		add_escaped(&page, "<input type=\"hidden\" name=\"",
			    fields[i].field, "\"");
		add_escaped(&page, " value=\"", fields[i].text, "\">\n");
	}
	buf_puts(&page.out, "<button>Continue</button>\n</form>\n");
	page.script = submit_script;
	return page_close(&page, 200, origin);
}
