/*
 * The page: one document, with the first data in it.
 */
#include "desk/desk.h"

#include "codec/html.h"
#include "codec/json.h"
#include "codec/query.h"
#include "desk/assets.h"
#include "desk/listing.h"
#include "desk/visit.h"
#include "handoff/login.h"
#include "handoff/page.h"
#include "handoff/session.h"

/* What a list and a thread can take at their longest, and the rest. */
#define DESK_PAGE_MAX (192 * 1024)
/* Of a thread inside the page; the API gives the rest. */
#define THREAD_MAX (16 * 1024)
#define SKELETON_USUAL 16384
#define PATH_LONGEST 160

/* What is shown. */
struct view {
	struct exchange *ex;
	const struct visit *visit;
	struct listing list, thread;	/* thread.json absent: no ticket */
	bool is_framed;
	char base[PATH_LONGEST];	/* of the page's paths: ends in '/' */
	char logout[PATH_LONGEST + sizeof("logout")];
};

static enum err fetch(struct view *view)
{
	const struct visit *visit = view->visit;
	const struct input_query query = { .limit = LISTING_PAGE };
	enum err err = ERR_OK;

	if (visit->number)
		err = listing_thread(view->ex, visit->session.user.id,
				     visit->number, 0, THREAD_MAX,
				     &view->thread);
	if (!err)
		err = listing_tickets(view->ex, visit->session.user.id, &query,
				      &view->list);
	return err;
}

/* null for what is absent. */
static void add_setting(struct buf *out, const char *name, struct str value)
{
	if (str_is_null(value))
		json_add_member_raw(out, name, STR("null"));
	else
		json_add_member(out, name, value);
}

static void add_tenant(struct buf *out, const struct tenant *tenant)
{
	unsigned i;

	json_add_member_raw(out, "tenant", STR("{"));
	json_add_member(out, "slug", tenant->slug);
	json_add_member(out, "name", tenant->name);
	add_setting(out, "home", tenant->home);
	add_setting(out, "accent", tenant->accent);
	json_add_member_raw(out, "categories", STR("["));
	for (i = 0; i < tenant->category_count; i++) {
		if (i)
			buf_addc(out, ',');
		json_add_str(out, tenant->categories[i]);
	}
	buf_addc(out, ']');
	add_setting(out, "terms", tenant->terms);
	add_setting(out, "attribution", tenant->attribution);
	buf_addc(out, '}');
}

/* Everything is escaped so that nothing can end the element. */
static void add_data(const struct view *view, const char *csrf,
		     struct page *page)
{
	struct buf *out = &page->out;
	const struct user_view *user = &view->visit->session.user;
	struct str base = str_from(view->base), thread = view->thread.json;

	buf_printf(out, "<script type=\"application/json\" id=\"data\" "
		   "nonce=\"%s\">{", page->nonce);
	add_tenant(out, view->ex->tenant);
	json_add_member_raw(out, "user", STR("{"));
	json_add_member(out, "name", user->name);
	json_add_member(out, "email", user->email);
	buf_addc(out, '}');
	json_add_member(out, "csrf", str_from(csrf));
	buf_printf(out, ",\"api\":\"%sapi/tickets\"", view->base);
	json_add_member(out, "base", base);
	buf_addc(out, ',');
	buf_adds(out, view->list.json);
	json_add_member_raw(out, "ticket",
			    thread.ptr ? thread : STR("null"));
	json_add_member(out, "logout", str_from(view->logout));
	add_setting(out, "exit", session_exit(view->ex->tenant));
	if (view->ex->tenant->login_keys)
		json_add_member(out, "login", login_path(view->ex));
	if (view->is_framed)
		buf_puts(out, ",\"embedded\":true");
	buf_puts(out, ",\"texts\":{");
	json_add_member(out, "lang",
			str_from(language_tag(page->texts.language)));
	texts_add_members(out, &page->texts, "desk_");
	texts_add_members(out, &page->texts, "both_");
	buf_addc(out, '}');
	buf_puts(out, "}</script>\n");
}

/* What the script fills, and what there is where none runs. */
static void add_skeleton(const struct view *view, struct page *page)
{
	const struct user_view *user = &view->visit->session.user;
	struct str rest = str_from(texts_get(&page->texts,
					     TEXT_page_no_script)), piece, name;
	struct buf *out = &page->out;

	buf_puts(out, "<div id=\"desk\"></div>\n<noscript>\n<main>\n<h1>");
	html_add(out, view->ex->tenant->name);
	buf_puts(out, "</h1>\n<p>");
	while (texts_piece(&rest, &piece, &name)) {
		bool is_name = str_eq(name, STR("name"));

		html_add(out, piece);
		if (!name.ptr)
			continue;
		buf_puts(out, is_name ? "<b><bdi>" : "<bdi>");
		html_add(out, is_name ? user->name : user->email);
		buf_puts(out, is_name ? "</bdi></b>" : "</bdi>");
	}
	buf_printf(out, "</p>\n<form method=\"post\" action=\"%s\">"
		   "<button>", view->logout);
	html_add(out, str_from(texts_get(&page->texts, TEXT_both_sign_out)));
	buf_puts(out, "</button></form>\n</main>\n</noscript>\n");
}

/* Whose page is around, as the frame's script found it: ?in=ORIGIN; absent: it
 * says none, or one that is not listed. */
static struct str page_around(struct exchange *ex)
{
	struct str origin = STR_NULL;
	struct fields fields;

	fields_init(&fields, ex->pool);
	if (!query_parse(ex->request.query, &fields, NULL))
		origin = fields_value(&fields, STR("in"));
	return cors_is_listed(&ex->tenant->cors, origin) ? origin : STR_NULL;
}

/*
 * The pages that may frame this one; absent: none.  A policy takes a star for
 * any number of labels, and somebody signed in stands on this page: it names
 * whose page is around instead.  Whoever says that it is another's is refused
 * by the browser, which knows.
 */
static struct str ancestors(const struct view *view)
{
	const struct cors *cors = &view->ex->tenant->cors;
	bool has_wildcard = false;
	struct buf out;
	unsigned i;

	if (!view->is_framed)
		return STR_NULL;
	buf_init_pool(&out, view->ex->pool, PAGE_CSP_MAX);
	for (i = 0; i < cors->count; i++) {
		if (cors_is_wildcard(cors->origins[i])) {
			has_wildcard = true;
			continue;
		}
		if (out.len)
			buf_addc(&out, ' ');
		buf_adds(&out, cors->origins[i]);
	}
	if (has_wildcard) {
		if (out.len)
			buf_addc(&out, ' ');
		buf_adds(&out, page_around(view->ex));
	}
	return out.len && buf_is_ok(&out) ? buf_str(&out) : STR_NULL;
}

static bool write_page(const struct view *view, const char *csrf)
{
	struct page page = {
		.ex = view->ex,
		.title = view->ex->tenant->name,
		.place = view->is_framed ? PAGE_FRAMED : PAGE_ALONE,
		.style = asset_desk_css,
		.theme = page_theme(view->ex, view->ex->tenant),
		.script = asset_desk_js,
		.forms = session_exit_forms(view->ex), .connect = STR("'self'"),
		.images = STR("data:"), .ancestors = ancestors(view),
		.posts_here = true, .is_personal = true,
		.size = view->list.json.len + view->thread.json.len +
			SKELETON_USUAL,
		.max = DESK_PAGE_MAX,
	};

	if (!page_begin(&page))
		return false;
	add_skeleton(view, &page);
	add_data(view, csrf, &page);
	return page_end(&page, 200);
}

static enum step_result show_desk(struct exchange *ex)
{
	struct view view = { .ex = ex, .visit = ex->work,
			     .is_framed = ex->steps->is_embedded, .base = "/",
			     .logout = "/auth/logout" };
	char csrf[SESSION_CSRF_LEN + 1];
	enum err err;

	if (view.is_framed) {
		snprintf(view.base, sizeof(view.base), "/embed/%.*s/",
			 STR_ARG(ex->tenant->slug));
		snprintf(view.logout, sizeof(view.logout), "%slogout",
			 view.base);
	}
	err = session_csrf(ex, csrf);
	if (!err)
		err = fetch(&view);
	if (!err && !write_page(&view, csrf))
		err = ERR_NOMEM;
	listing_done(&view.list);
	listing_done(&view.thread);
	explicit_bzero(csrf, sizeof(csrf));
	if (err == ERR_NOT_FOUND)
		return visit_refuse_ticket(ex);
	return err ? answer_failure(ex, err) : STEP_ANSWER;
}

/* Nobody is signed in: on to where that can be mended, and back. */
static enum step_result find_session(struct exchange *ex)
{
	struct answer before = ex->answer;
	enum step_result result = visit_begin(ex);

	if (result != STEP_ANSWER || ex->steps->is_embedded ||
	    ex->code != code_table[CODE_not_signed_in].name ||
	    !login_may_begin(ex))
		return result;
	ex->answer = before;
	return login_begin(ex);
}

static const struct step page_list[] = {
	{ "find_session", find_session, NULL },
	{ "show_desk", show_desk, NULL },
	{ NULL, NULL, NULL }
};

const struct steps steps_desk_page = {
	.name = "desk_page",
	.list = page_list,
};
const struct steps steps_frame_desk_page = {
	.name = "frame_desk_page",
	.list = page_list,
	.is_embedded = true,
};
