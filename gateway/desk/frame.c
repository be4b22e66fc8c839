#include "desk/frame.h"

#include "codec/html.h"
#include "codec/json.h"
#include "desk/assets.h"
#include "handoff/admit.h"
#include "handoff/embed.h"
#include "handoff/origin.h"
#include "handoff/page.h"

/* Octets of frame-ancestors: the header has more in it, and the head has
 * a limit (http/response.h). */
#define ANCESTORS_MAX 6144

/* A browser says where the page will be; old ones say nothing. */
static enum step_result check_place(struct exchange *ex)
{
	struct str dest;
	int n = request_header(&ex->request, "Sec-Fetch-Dest", &dest);

	if (!n || (n == 1 && (str_eq(dest, STR("iframe")) ||
			      str_eq(dest, STR("frame")))))
		return STEP_NEXT;
	ex->hint = STR("This address is for an iframe, which the SDK's method "
		       "\"embed\" makes.");
	return answer_error(ex, CODE_not_a_frame,
			    "This page works only inside another one.");
}

/*
 * The tenant's origins, as a policy and the script take them.  To a policy a
 * star is any number of labels, to the script one, exactly: who is let in by
 * the policy alone sees a page with nothing on it, which takes no word from
 * them.  The desk's own pages are shown by nobody but whom the script found
 * listed (desk/page.c).
 */
static enum step_result check_origins(struct exchange *ex)
{
	const struct cors *cors = &ex->tenant->cors;
	struct buf *list = pool_alloc(ex->pool, sizeof(*list));
	unsigned i;

	if (!cors->count) {
		ex->hint = STR("Have the desk add the page's origin to the "
			       "tenant's origins, or use the SDK's method "
			       "\"form\".");
		return answer_error(ex, CODE_embedding_off,
				    "This desk names no site that may embed "
				    "it.");
	}
	if (!list)
		return answer_failure(ex, ERR_NOMEM);
	buf_init_pool(list, ex->pool, ANCESTORS_MAX);
	for (i = 0; i < cors->count; i++) {
		if (i)
			buf_addc(list, ' ');
		buf_adds(list, cors->origins[i]);
	}
	if (!buf_is_ok(list)) {
		ex->hint = STR("Have the desk list fewer origins for the "
			       "tenant, or shorter ones; until then use the "
			       "SDK's method \"form\".");
		return answer_error(ex, CODE_too_many_origins,
				    "This desk names more sites than fit in an "
				    "answer.");
	}
	ex->work = list;
	return STEP_NEXT;
}

static enum step_result show_frame(struct exchange *ex)
{
	const struct buf *list = ex->work;
	struct page page = {
		.ex = ex,
		.title = ex->tenant->name,
		.place = PAGE_FRAMED,
		.style = asset_embed_css,
		.theme = page_theme(ex, ex->tenant),
		.script = asset_embed_js,
		.connect = STR("'self'"),
		.ancestors = buf_str(list),
		.size = list->len + 8192,
	};
	struct buf json;

	origin_note_framer(ex);
	if (!page_begin(&page))
		return answer_failure(ex, ERR_NOMEM);
	buf_puts(&page.out, "<main id=\"frame\" data-origins=\"");
	html_add(&page.out, page.ancestors);
	buf_init_pool(&json, ex->pool, PAGE_MAX);
	buf_addc(&json, '{');
	json_add_member(&json, "lang",
			str_from(language_tag(page.texts.language)));
	texts_add_members(&json, &page.texts, "frame_");
	texts_add_members(&json, &page.texts, "both_");
	buf_addc(&json, '}');
	if (!buf_is_ok(&json))
		return answer_failure(ex, ERR_NOMEM);
	buf_printf(&page.out, "\" data-desk=\"%s\" data-texts=\"",
		   embed_has_desk(ex) ? "yes" : "no");
	html_add(&page.out, buf_str(&json));
	buf_puts(&page.out, "\">\n<p role=\"status\">");
	html_add(&page.out, str_from(texts_get(&page.texts,
					       TEXT_frame_moment)));
	buf_puts(&page.out, "</p>\n<button type=\"button\" hidden></button>\n"
		 "</main>\n");
	return page_end(&page, 200) ? STEP_ANSWER
				    : answer_failure(ex, ERR_NOMEM);
}

static const struct step frame_list[] = {
	{ "find_tenant", admit_find_tenant, NULL },
	{ "check_place", check_place, NULL },
	{ "check_origins", check_origins, NULL },
	{ "show_frame", show_frame, NULL },
	{ NULL, NULL, NULL }
};

const struct steps steps_frame = {
	.name = "frame",
	.list = frame_list,
	.is_embedded = true,
};
