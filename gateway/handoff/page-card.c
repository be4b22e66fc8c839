/* The pages of the gateway itself. */
#include "handoff/page-private.h"

#include "base/num.h"
#include "codec/html.h"
#include "handoff/error-text.h"
#include "handoff/session.h"

#define RETRY_S_MAX (366 * 24 * 3600)

/* A constant array of text. */
#define TEXT_OF(array) ((struct str){ (array), sizeof(array) - 1 })

static const char card_style[] =
	":root{color-scheme:light dark;--bg:#f5f6f8;--card:#fff;"
	"--sunken:#f0f2f5;--ink:#1a1e24;--soft:#57606c;--line:#dde1e7;"
	"--edge:#828b98;--accent:#0b57d0;--on-accent:#fff}"
	"@media(prefers-color-scheme:dark){:root{--bg:#121519;--card:#1b2026;"
	"--sunken:#242a32;--ink:#e9ecef;--soft:#a7b0bb;--line:#323943;"
	"--edge:#77818e;--accent:#8ab4f8;--on-accent:#0d1117}}"
	"*{box-sizing:border-box}[hidden]{display:none!important}"
	"body{margin:0;min-height:100vh;display:grid;place-items:center;"
	"padding:1.25rem;background:var(--bg);color:var(--ink);"
	"overflow-wrap:anywhere;font:1rem/1.55 system-ui,-apple-system,"
	"\"Segoe UI\",Roboto,\"Liberation Sans\",sans-serif}"
	"main{width:100%;max-width:30rem;padding:2rem 1.75rem;"
	"background:var(--card);border:1px solid var(--line);"
	"border-radius:.9rem}"
	".org{display:flex;align-items:center;gap:.6rem;margin:0 0 1.5rem;"
	"font-weight:600;line-height:1.3}"
	".org::before{content:attr(data-mark);content:attr(data-mark)/\"\";"
	"text-transform:uppercase;flex:none;display:grid;place-items:center;"
	"width:2rem;height:2rem;border-radius:.55rem;"
	"background:var(--accent);color:var(--on-accent);"
	"border:1px solid rgb(128 128 128/.25)}"
	"h1{margin:0 0 .75rem;font-size:1.45rem;line-height:1.25;"
	"letter-spacing:-.015em;text-wrap:balance}"
	"[dir=rtl] h1{letter-spacing:0}"
	"p{margin:0 0 1rem;text-wrap:pretty}"
	"main>:last-child{margin-bottom:0}"
	".soft,.who span,small{color:var(--soft)}"
	".who{margin:0 0 1.25rem;padding:.75rem 1rem;"
	"border:1px solid var(--line);border-radius:.6rem}"
	".who b,.who span{display:block;text-align:match-parent}"
	".wait{padding:.65rem 1rem;background:var(--sunken);"
	"border-radius:.6rem}"
	"form{margin:0 0 1rem}"
	".actions{display:flex;flex-wrap:wrap;gap:.6rem;margin:1.5rem 0}"
	"button,.button{display:block;flex:1 1 auto;width:100%;font:inherit;"
	"font-weight:600;line-height:1.35;padding:.7rem 1rem;"
	"text-align:center;text-decoration:none;cursor:pointer;"
	"border:1px solid rgb(128 128 128/.25);border-radius:.6rem;"
	"background:var(--accent);color:var(--on-accent)}"
	".actions .button{width:auto}"
	".quiet{background:none;color:var(--ink);border-color:var(--edge)}"
	".quiet:hover{background:var(--sunken)}"
	"a{color:inherit;text-underline-offset:.2em}"
	"small{display:block;padding-top:1rem;font-size:.8125rem;"
	"border-top:1px solid var(--line)}"
	"code{font:.95em ui-monospace,\"DejaVu Sans Mono\",monospace;"
	"user-select:all}"
	".copy{display:inline;width:auto;padding:.05rem .5rem;"
	"font-size:.75rem;font-weight:400;"
	"background:none;color:inherit;border-color:var(--edge)}"
	":focus-visible{outline:2px solid var(--ink);outline-offset:2px}"
	"@media(forced-colors:active){.button,button{border-color:"
	"currentColor}}";

/* What helps on the page of an error: its number by one click, and the time
 * until another try counted down. */
static const char help_script[] =
	"(function(T){var d=document,c=d.querySelector('code'),"
	"w=d.querySelector('.wait'),a=d.getElementById('again'),b,t;"
	"if(navigator.clipboard){b=d.createElement('button');b.type='button';"
	"b.className='copy';b.textContent=T.copy;b.onclick=function(){"
	"navigator.clipboard.writeText(c.textContent).then(function(){"
	"b.textContent=T.copied})};c.after(' ',b)}"
	"if(!w)return;t=Date.now()+w.dataset.seconds*1000;"
	"(function tick(){var s=Math.ceil((t-Date.now())/1000);"
	"if(a)a.hidden=s>0;"
	"if(s>0){w.textContent=T.retry_in.replace('{time}',(s<60?T.span_s:"
	"T.span_min.replace('{min}',Math.floor(s/60))).replace('{s}',s%60)"
	".replace(/ /g,'\\xa0'));"
	"setTimeout(tick,1000)}"
	"else{w.setAttribute('role','status');"
	"w.textContent=T.retry_now}})()})(";

/* The page around a frame cannot see why this one did not come. */
static const char tell_script[] =
	"var d=document.querySelector('main').lastElementChild.dataset;"
	"if(parent!==window)parent.postMessage({usher:'refused',"
	"status:+d.status,code:d.code},'*')";

/* The second click of a double one is none. */
static const char once_script[] =
	"(function(){var t=0;document.forms[0].addEventListener('submit',"
	"function(e){if(Date.now()-t<2000)e.preventDefault();"
	"else t=Date.now()})})();";

/* The session ends first, then the other tabs are told, who look for themselves:
 * as desk/assets/desk.js does. */
static const char leave_script[] =
	"(function(){var f=document.forms[0],b=false;f.addEventListener("
	"'submit',function(e){e.preventDefault();if(b)return;b=true;"
	"fetch(f.action,{method:'POST',headers:{Accept:'application/json'}})"
	".then(function(r){if(!r.ok)throw 0;try{new BroadcastChannel('usher')"
	".postMessage('signed-out')}catch(x){}"
	"if(f.dataset.exit)location.assign(f.dataset.exit);else f.submit()})"
	".catch(function(){f.submit()})})})();";

/* A field named "submit" would hide the form's own method. */
static const char submit_script[] =
	"HTMLFormElement.prototype.submit.call(document.forms[0])";

void page_add(struct page *page, const char *before, struct str text,
	      const char *after)
{
	buf_puts(&page->out, before);
	html_add(&page->out, text);
	buf_puts(&page->out, after);
}

/* Of a name, for its mark. */
static struct str first_letter(struct str name)
{
	size_t len = 1;

	while (len < name.len && ((unsigned char)name.ptr[len] & 0xc0) == 0x80)
		len++;
	return (struct str){ name.ptr, len };
}

/* The pages of the gateway look alike: a card, under the tenant's name. */
bool page_open_card(struct page *page, const struct tenant *tenant,
		    const char *title)
{
	struct str colours = page_theme(page->ex, tenant);

	page->style = TEXT_OF(card_style);
	page->theme = pool_printf(page->ex->pool, "%.*s%.*s",
				  STR_ARG(page->theme), STR_ARG(colours));
	if (!page_begin(page))
		return false;
	buf_puts(&page->out, "<main>\n");
	if (tenant && tenant->name.len) {
		page_add(page, "<p class=\"org\" data-mark=\"",
			    first_letter(tenant->name), "\">");
		page_add(page, "<span dir=\"auto\">", tenant->name,
			    "</span></p>\n");
	}
	page_add(page, "<h1>", str_from(title), "</h1>\n");
	return true;
}

bool page_close_card(struct page *page, int status)
{
	buf_puts(&page->out, "</main>\n");
	return page_end(page, status);
}

/*
 * What people are called is theirs to write, and may turn the direction of all
 * that follows (U+202E): it stands in an element that isolates, which `dir` and
 * <bdi> do (HTML standard, section 15.3.5).
 */
static void add_person(struct page *page, struct page_person person)
{
	page_add(page, "<p class=\"who\"><b dir=\"auto\">", person.name,
		    "</b>");
	page_add(page, "<span dir=\"auto\">", person.email,
		    "</span></p>\n");
}

/* What stands for a {placeholder}: text, between two constants. */
struct filling {
	const char *name;
	struct str text;
	const char *before, *after;
	struct str more;		/* in parentheses behind it */
};

/* A text of the page's language. */
static void say(struct page *page, enum text text,
		const struct filling *fillings, unsigned count)
{
	struct str rest = str_from(texts_get(&page->texts, text)), piece, name;

	while (texts_piece(&rest, &piece, &name)) {
		html_add(&page->out, piece);
		for (unsigned i = 0; i < count; i++)
			if (str_eq(name, str_from(fillings[i].name))) {
				page_add(page, fillings[i].before,
					 fillings[i].text, fillings[i].after);
				if (fillings[i].more.len)
					page_add(page, " (", fillings[i].more,
						 ")");
			}
	}
}

static void say_plain(struct page *page, const char *before, enum text text,
		      const char *after)
{
	page_add(page, before, str_from(texts_get(&page->texts, text)), after);
}

static void say_name(struct page *page, enum text text, const char *name,
		     struct str value)
{
	say(page, text, &(struct filling){ name, value, "<bdi>", "</bdi>",
					   STR_NULL }, 1);
}

static void add_link(struct page *page, const struct tenant *tenant,
		     const char *link, enum text text)
{
	page_add(page, link, tenant->home, "\">");
	say_name(page, text, "tenant",
		 tenant->name.len ? tenant->name : tenant->home);
	buf_puts(&page->out, "</a>");
}

static void add_home(struct page *page, const struct tenant *tenant,
		     const char *link)
{
	add_link(page, tenant, link, TEXT_both_back_to);
	buf_addc(&page->out, '\n');
}

static void add_way_back(struct page *page, const struct tenant *tenant)
{
	if (tenant && tenant->home.len)
		add_home(page, tenant, "<a class=\"button quiet\" href=\"");
}

/* Seconds that the answer asks to wait; 0: it names none. */
static int64_t retry_after(const struct exchange *ex)
{
	const struct answer *answer = &ex->answer;
	uint64_t s;
	unsigned i;

	for (i = 0; i < answer->header_count; i++)
		if (str_ieq(answer->headers[i].name, STR("Retry-After")) &&
		    !num_u64(answer->headers[i].value, 0, RETRY_S_MAX, &s))
			return (int64_t)s;
	return 0;
}

static void add_wait(struct page *page, int64_t seconds)
{
	bool is_long = seconds >= 120;
	int64_t n = is_long ? (seconds + 59) / 60 : seconds;
	enum text text = is_long ? TEXT_page_wait_minutes
				 : TEXT_page_wait_seconds;
	struct str rest = texts_form(page->texts.language,
				     texts_get(&page->texts, text),
				     (uint64_t)n), piece, name;

	if (!seconds)
		return;
	buf_printf(&page->out, "<p class=\"wait\" data-seconds=\"%lld\">",
		   (long long)seconds);
	while (texts_piece(&rest, &piece, &name)) {
		html_add(&page->out, piece);
		if (name.ptr)
			buf_printf(&page->out, "%lld", (long long)n);
	}
	buf_puts(&page->out, "</p>\n");
}

/* What a form posted can be posted again, but by its own page only. */
static void add_actions(struct page *page, bool is_passing)
{
	const struct tenant *tenant = page_owner(page->ex);
	bool has_home = tenant && tenant->home.len;

	if (page->ex->request.method != METHOD_GET)
		is_passing = false;
	if (!has_home && !is_passing)
		return;
	buf_puts(&page->out, "<p class=\"actions\">");
	if (has_home)
		add_home(page, tenant, "<a class=\"button\" href=\"");
	if (is_passing)
		say_plain(page, "<a class=\"button quiet\" id=\"again\" "
			  "href=\"\">", TEXT_both_try_again, "</a>");
	buf_puts(&page->out, "</p>\n");
}

/* The code as words, which the guide and the programs' answers use too: "Token
 * expired". */
static void add_code(struct buf *out, const char *code)
{
	size_t i;

	for (i = 0; code[i]; i++)
		buf_addc(out, code[i] == '_' ? ' ' :
			 !i && code[i] >= 'a' && code[i] <= 'z' ?
			 (char)(code[i] - 'a' + 'A') : code[i]);
}

static void add_number(struct page *page, int status)
{
	struct exchange *ex = page->ex;
	const char *code = ex->code ? ex->code : "";
	bool is_english = page->texts.language == LANGUAGE_EN;
	char number[16];

	buf_printf(&page->out, "<small data-status=\"%d\" data-code=\"%s\">"
		   "", status, code);
	snprintf(number, sizeof(number), "%d", status);
	say(page, TEXT_page_error,
	    &(struct filling){ "status", str_from(number), "", "", STR_NULL },
	    1);
	if (*code)
		buf_puts(&page->out, is_english ? ": " :
			 ": <bdi lang=\"en\">");
	add_code(&page->out, code);
	if (*code && !is_english)
		buf_puts(&page->out, "</bdi>");
	say_plain(page, " &middot; ", TEXT_page_request, "<br><code>");
	buf_printf(&page->out, "%s</code></small>\n", ex->id);
}

/* The script that helps, with its words. */
static struct str help_with(struct exchange *ex, const struct texts *texts)
{
	struct buf out;

	buf_init_pool(&out, ex->pool, PAGE_MAX);
	buf_reserve(&out, sizeof(help_script) + 2048);
	buf_adds(&out, TEXT_OF(help_script));
	buf_addc(&out, '{');
	texts_add_members(&out, texts, "help_");
	texts_add_members(&out, texts, "both_");
	buf_puts(&out, "});");
	return buf_is_ok(&out) ? buf_str(&out) : STR_NULL;
}

/* What was written for a program or by an adapter: whatever its language. */
static void add_foreign(struct page *page, const char *before, struct str text)
{
	bool is_english = page->texts.language == LANGUAGE_EN;

	buf_puts(&page->out, before);
	page_add(page, is_english ? "" : "<span dir=\"auto\">", text,
		 is_english ? "</p>\n" : "</span></p>\n");
}

bool page_error(struct exchange *ex, int status, const char *message)
{
	const struct error_text *text = error_text_for(status, ex->code);
	const struct texts texts = page_texts(ex);
	const char *title = texts_get(&texts, text->title);
	struct page page = { .ex = ex, .title = str_from(title),
			     .size = strlen(message) * 6 + 2048 };

	if (ex->steps->is_embedded) {
		page.place = PAGE_FRAMED;
		page.ancestors = STR("*");
		page.script = TEXT_OF(tell_script);
	} else {
		page.script = help_with(ex, &texts);
	}
	if (!page_open_card(&page, page_owner(ex), title))
		return false;
	if (text->what)
		say_plain(&page, "<p>", text->what, "</p>\n");
	else
		add_foreign(&page, "<p>", str_from(message));
	say_plain(&page, "<p>", text->todo, "</p>\n");
	if (ex->hint.len) {
		say_plain(&page, "<p class=\"soft\">", TEXT_page_for_maker,
			  " ");
		add_foreign(&page, "", ex->hint);
	}
	if (page.place == PAGE_ALONE) {
		add_wait(&page, retry_after(ex));
		add_actions(&page, text->is_passing);
	}
	add_number(&page, status);
	return page_close_card(&page, status);
}

bool page_notice(struct exchange *ex, const char *title, const char *message)
{
	struct page page = { .ex = ex, .title = str_from(title),
			     .size = 1536 };

	if (!page_open_card(&page, ex->tenant, title))
		return false;
	page_add(&page, "<p>", str_from(message), "</p>\n");
	add_way_back(&page, ex->tenant);
	return page_close_card(&page, 200);
}

bool page_login(struct exchange *ex)
{
	const struct tenant *tenant = ex->tenant;
	const char *title = page_text(ex, TEXT_page_login_title);
	struct page page = { .ex = ex, .title = str_from(title),
			     .size = 1536 };

	if (!page_open_card(&page, tenant, title))
		return false;
	buf_puts(&page.out, "<p>");
	say_name(&page, TEXT_page_login, "tenant", tenant->name);
	buf_puts(&page.out, "</p>\n");
	if (tenant->home.len) {
		add_link(&page, tenant, "<p class=\"actions\"><a "
			 "class=\"button\" href=\"", TEXT_both_go_to);
		buf_puts(&page.out, "</p>\n");
	}
	return page_close_card(&page, 200);
}

/* A card whose form may lead where the button's redirects do. */
static bool open_question(struct page *page, const struct page_button *button,
			  const char *title)
{
	struct buf forms;

	page->title = str_from(title);
	page->script = TEXT_OF(once_script);
	page->posts_here = true;
	page->size = button->token.len + 3072;
	buf_init_pool(&forms, page->ex->pool, PAGE_CSP_MAX);
	buf_puts(&forms, "'self'");
	for (unsigned i = 0; i < button->target_count; i++) {
		buf_addc(&forms, ' ');
		buf_adds(&forms, button->targets[i]);
	}
	page->forms = buf_str(&forms);
	return buf_is_ok(&forms) && page_open_card(page, page->ex->tenant, title);
}

/* Up to its label, and from there on. */
static void begin_button(struct page *page, const struct page_button *button)
{
	page_add(page, "<form method=\"post\" action=\"/auth/callback\">\n"
		    "<input type=\"hidden\" name=\"token\" value=\"",
		    button->token, "\">\n<button>");
}

static void end_button(struct page *page)
{
	buf_puts(&page->out, "</button>\n</form>\n");
}

/* `other` is whom it must not be taken for: names are anybody's to choose. */
static void say_tenant(struct page *page, enum text text,
		       const struct tenant *tenant, const struct tenant *other)
{
	say(page, text, &(struct filling){
		"tenant", tenant->name, "<b><bdi>", "</bdi></b>",
		str_eq(tenant->name, other->name) ? tenant->slug : STR_NULL },
	    1);
}

/* One and the same person may be at both tenants. */
static void add_choice(struct page *page, enum text person, enum text place,
		       struct page_person who, struct page_person other)
{
	if (who.tenant == other.tenant)
		say_name(page, person, "name", who.name);
	else
		say_tenant(page, place, who.tenant, other.tenant);
}

/* A question's part: who it is about, and where there are two, at which. */
static void add_part(struct page *page, enum text person, enum text place,
		     struct page_person who, struct page_person other)
{
	buf_puts(&page->out, "<p>");
	if (who.tenant == other.tenant)
		say_plain(page, "", person, "");
	else
		say_tenant(page, place, who.tenant, other.tenant);
	buf_puts(&page->out, "</p>\n");
	add_person(page, who);
}

bool page_confirm(struct exchange *ex, struct page_person now,
		  struct page_person next, const struct page_button *button,
		  struct str stay)
{
	struct page page = { .ex = ex, .is_personal = true };

	if (!open_question(&page, button,
			   page_text(ex, TEXT_page_switch_title)))
		return false;
	add_part(&page, TEXT_page_switch_now, TEXT_page_switch_now_at, now,
		 next);
	add_part(&page, TEXT_page_switch_next, TEXT_page_switch_next_at, next,
		 now);
	if (now.tenant != next.tenant) {
		buf_puts(&page.out, "<p>");
		say_tenant(&page, TEXT_page_switch_ends, now.tenant,
			   next.tenant);
		buf_puts(&page.out, "</p>\n");
	}
	begin_button(&page, button);
	add_choice(&page, TEXT_page_switch_go, TEXT_page_switch_go_at, next,
		   now);
	end_button(&page);
	page_add(&page, "<a class=\"button quiet\" href=\"", stay, "\">");
	add_choice(&page, TEXT_page_switch_stay, TEXT_page_switch_stay_at, now,
		   next);
	buf_puts(&page.out, "</a>\n");
	return page_close_card(&page, 200);
}

bool page_sign_out(struct exchange *ex, struct page_person person)
{
	const char *title = page_text(ex, TEXT_page_sign_out_title);
	struct page page = { .ex = ex, .title = str_from(title),
			     .script = TEXT_OF(leave_script),
			     .forms = session_exit_forms(ex),
			     .connect = STR("'self'"), .posts_here = true,
			     .is_personal = true, .size = 2048 };

	if (!page_open_card(&page, ex->tenant, title))
		return false;
	say_plain(&page, "<p>", TEXT_page_switch_now, "</p>\n");
	add_person(&page, person);
	page_add(&page, "<form method=\"post\" action=\"/auth/logout\" "
		    "data-exit=\"", session_exit(ex->tenant), "\">\n");
	say_plain(&page, "<button>", TEXT_both_sign_out,
		  "</button>\n</form>\n");
	return page_close_card(&page, 200);
}

bool page_arrive(struct exchange *ex, const struct page_button *button)
{
	struct page page = { .ex = ex };

	if (!open_question(&page, button,
			   page_text(ex, TEXT_page_arrive_title)))
		return false;
	say_plain(&page, "<p>", TEXT_page_arrive, "</p>\n");
	begin_button(&page, button);
	say_plain(&page, "", TEXT_both_sign_in, "");
	end_button(&page);
	add_way_back(&page, ex->tenant);
	return page_close_card(&page, 200);
}

bool page_post(struct exchange *ex, struct str url, struct str forms,
	       const struct adapter_error *fields, unsigned count)
{
	const char *title = page_text(ex, TEXT_page_post_title);
	struct page page = { .ex = ex, .title = str_from(title),
			     .script = TEXT_OF(submit_script),
			     .forms = forms, .size = url.len + 2048 };
	unsigned i;

	for (i = 0; i < count; i++)
		page.size += fields[i].field.len + fields[i].text.len + 64;
	if (!page_open_card(&page, ex->tenant,
			    page_text(ex, TEXT_both_signing_in)))
		return false;
	page_add(&page, "<form method=\"post\" action=\"", url, "\">\n");
	for (i = 0; i < count; i++) {
		page_add(&page, "<input type=\"hidden\" name=\"",
			    fields[i].field, "\"");
		page_add(&page, " value=\"", fields[i].text, "\">\n");
	}
	say_plain(&page, "<button>", TEXT_page_post_go, "</button>\n</form>\n");
	return page_close_card(&page, 200);
}
