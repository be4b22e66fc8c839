#include "handoff/page.h"

#include "base/random.h"
#include "codec/html.h"
#include "codec/json.h"

static const char reload_script[] =
	"addEventListener('pageshow',function(e){"
	"if(e.persisted)location.reload()});";

const struct tenant *page_owner(const struct exchange *ex)
{
	const struct host *host = ex->host;

	if (ex->tenant || !host || host->is_gateway || host->tenant_count != 1)
		return ex->tenant;
	return host->tenants[0];
}

/* What the partner said of them. */
static enum language posted_language(struct exchange *ex)
{
	struct fields fields;

	if (!ex->attributes.len)
		return LANGUAGE_NONE;
	fields_init(&fields, ex->pool);
	if (json_parse_text(ex->attributes, &fields, NULL))
		return LANGUAGE_NONE;
	return language_find(fields_value(&fields, STR("locale")));
}

struct texts page_texts(struct exchange *ex)
{
	const struct tenant *tenant = page_owner(ex);
	struct texts texts = { .language = posted_language(ex) };
	struct str accepts;

	if (texts.language == LANGUAGE_NONE &&
	    request_header(&ex->request, "Accept-Language", &accepts) == 1)
		texts.language = language_accepted(accepts);
	if (texts.language == LANGUAGE_NONE)
		texts.language = tenant ? tenant->language : LANGUAGE_EN;
	if (tenant)
		texts.own = tenant->texts[texts.language];
	return texts;
}

const char *page_text(struct exchange *ex, enum text text)
{
	struct texts texts = page_texts(ex);

	return texts_get(&texts, text);
}

bool page_begin(struct page *page)
{
	const size_t fixed = page->style.len + page->theme.len +
			     page->script.len + page->title.len * 6 + 1024;
	unsigned char rnd[PAGE_NONCE_SIZE];
	struct buf *out = &page->out;

	page->texts = page_texts(page->ex);
	if (page->lang)
		page->texts = (struct texts){
			.language = language_find(str_from(page->lang)),
		};
	if (random_bytes(rnd, sizeof(rnd)))
		return false;
	base64url_encode(page->nonce, rnd, sizeof(rnd));
	page->nonce[PAGE_NONCE_LEN] = '\0';
	buf_init_pool(out, page->ex->pool, page->max ? page->max : PAGE_MAX);
	if (!buf_reserve(out, page->size + fixed))
		return false;
	buf_printf(out, "<!doctype html>\n<html lang=\"%s\"%s>\n<head>\n"
		   "<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
		   "content=\"width=device-width, initial-scale=1\">\n"
		   "<meta name=\"robots\" content=\"noindex\">\n",
		   language_tag(page->texts.language),
		   language_is_rtl(page->texts.language) ? " dir=\"rtl\"" : "");
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
	answer_for_own(ex);
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
	answer_header(ex, "Content-Language",
		      str_from(language_tag(page->texts.language)));
	answer_vary(ex, STR("Accept-Language"));
	add_isolation(ex, page->place);
	return true;
}

struct str page_theme(struct exchange *ex, const struct tenant *tenant)
{
	if (!tenant || str_is_null(tenant->accent))
		return STR_NULL;
	return pool_printf(ex->pool,
			   ":root{--accent:%.*s;--on-accent:%.*s}\n",
			   STR_ARG(tenant->accent),
			   STR_ARG(tenant->accent_ink));
}
