/*
 * The pages: whole, escaped, and under a policy that lets nothing else in.
 */
#include "handoff/page.h"

#include "unit/unit.h"

#define EVIL "\"><script>alert(1)</script>'&"
#define EVIL_ESCAPED "&lt;script&gt;alert(1)&lt;/script&gt;"

static struct exchange ex;
static struct tenant tenant;
static const struct steps in_a_tab = { .name = "test" };
static const struct steps in_a_frame = { .name = "test", .is_embedded = true };

static void setup(void)
{
	ex = (struct exchange){ .pool = pool_new(EXCHANGE_POOL_MAX),
				.steps = &in_a_tab };
	memcpy(ex.id, "01ARZ3NDEKTSV4RRFFQ69G5FAV", REQUEST_ID_LEN);
	tenant = (struct tenant){
		.slug = STR("acme"), .name = STR("Acme " EVIL),
		.home = STR("https://acme.test:8443/shop?a=1&b=2"),
	};
	ex.tenant = &tenant;
}

static void teardown(void)
{
	pool_free(ex.pool);
}

static struct str header(const char *name)
{
	struct str value = STR_NULL;
	unsigned i, n = 0;

	for (i = 0; i < ex.answer.header_count; i++)
		if (str_ieq(ex.answer.headers[i].name, str_from(name))) {
			value = ex.answer.headers[i].value;
			n++;
		}
	ck_assert_uint_le(n, 1);
	return value;
}

static bool body_has(const char *text)
{
	return memmem(ex.answer.body.ptr, ex.answer.body.len, text,
		      strlen(text)) != NULL;
}

static unsigned count(const char *text)
{
	const char *at = ex.answer.body.ptr;
	const char *end = at + ex.answer.body.len;
	unsigned n = 0;

	while ((at = memmem(at, (size_t)(end - at), text, strlen(text)))) {
		at += strlen(text);
		n++;
	}
	return n;
}

/* What holds for all of them; `forms` is what form-action says. */
static void check_page(int status, const char *forms)
{
	struct str csp = header("Content-Security-Policy");
	char nonce[64], want[512];

	ck_assert_int_eq(ex.answer.status, status);
	ck_str_is(header("Content-Type"), "text/html; charset=utf-8");
	ck_str_is(header("Cross-Origin-Opener-Policy"), "same-origin");
	ck_str_is(header("Cross-Origin-Resource-Policy"), "same-origin");
	ck_assert_int_eq(sscanf(csp.ptr, "default-src 'none'; style-src "
				"'nonce-%22[A-Za-z0-9_-]'", nonce), 1);
	ck_assert_uint_eq(strlen(nonce), 22);
	snprintf(want, sizeof(want), "default-src 'none'; "
		 "style-src 'nonce-%s'; script-src 'nonce-%s'; "
		 "base-uri 'none'; form-action %s; frame-ancestors 'none'",
		 nonce, nonce, forms);
	ck_str_is(csp, want);
	snprintf(want, sizeof(want), "<style nonce=\"%s\">", nonce);
	ck_assert(body_has(want));
	snprintf(want, sizeof(want), "<script nonce=\"%s\">", nonce);
	ck_assert_uint_eq(count("<script"), count(want));
	ck_assert_uint_eq(count("<style"), 1);
	ck_assert(body_has("name=\"viewport\""));
	ck_assert(body_has("prefers-color-scheme:dark"));
	/* Nothing from elsewhere, nothing inline beside the nonces. */
	ck_assert(!body_has(" src="));
	ck_assert(!body_has("<link"));
	ck_assert(!body_has("url("));
	ck_assert(!body_has("@import"));
	ck_assert(!body_has(" style=\""));
	ck_assert(!body_has("<script>"));
	ck_assert_uint_eq(count("<html"), 1);
	ck_assert_uint_eq(count("</html>"), 1);
}

START_TEST(an_error_says_what_why_and_where_to_go)
{
	ex.code = "token_used";
	ck_assert(page_error(&ex, 410, "For programs."));
	check_page(410, "'none'");
	ck_assert(body_has("This sign-in link was used already"));
	ck_assert(body_has("click its button again"));
	ck_assert(body_has("Error 410: Token used &middot; request<br>"));
	ck_assert(body_has("<code>01ARZ3NDEKTSV4RRFFQ69G5FAV</code>"));
	ck_assert(body_has("href=\"https://acme.test:8443/shop?a=1&amp;b=2\""));
	ck_assert(!body_has("id=\"again\""));
	ck_assert(!body_has("class=\"wait\""));
}
END_TEST

START_TEST(what_only_the_answer_knows_is_told_escaped)
{
	ex.code = "not_a_customer";
	ck_assert(page_error(&ex, 403, "You are none. " EVIL));
	check_page(403, "'none'");
	ck_assert(body_has("Not allowed"));
	ck_assert(body_has("You are none. &quot;&gt;" EVIL_ESCAPED) ||
		  body_has("You are none. &#34;&gt;" EVIL_ESCAPED));
}
END_TEST

/* What was asked with GET may be asked again; a form may not. */
START_TEST(what_passes_can_be_tried_again_when_it_is_time)
{
	ex.code = "busy";
	answer_header(&ex, "Retry-After", STR("7"));
	ck_assert(page_error(&ex, 503, "Busy."));
	check_page(503, "'none'");
	ck_assert(body_has("data-seconds=\"7\">You can try again in "
			   "7 seconds."));
	ck_assert(body_has("id=\"again\" href=\"\""));

	ex.answer = (struct answer){ 0 };
	ex.request.method = METHOD_POST;
	ex.code = "too_many_requests";
	answer_header(&ex, "Retry-After", STR("601"));
	ck_assert(page_error(&ex, 429, "Too many requests."));
	ck_assert(body_has("data-seconds=\"601\">You can try again in "
			   "11 minutes."));
	ck_assert(!body_has("id=\"again\""));
}
END_TEST

START_TEST(a_tenants_colour_is_on_its_pages)
{
	tenant.accent = STR("#ffd400");
	tenant.accent_ink = STR("#000000");
	ck_assert(page_error(&ex, 404, "Nothing."));
	check_page(404, "'none'");
	ck_assert(body_has(":root{--accent:#ffd400;--on-accent:#000000}"));
	ex.answer = (struct answer){ 0 };
	ex.tenant = NULL;
	ck_assert(page_error(&ex, 404, "Nothing."));
	ck_assert(!body_has("#ffd400"));
}
END_TEST

START_TEST(an_error_of_nobody_has_no_way_back)
{
	ex.tenant = NULL;
	ck_assert(page_error(&ex, 404, "Tenant not found."));
	check_page(404, "'none'");
	ck_assert(!body_has("<a "));
}
END_TEST

START_TEST(a_host_of_one_tenant_says_whose_it_is)
{
	const struct tenant *both[] = { &tenant, &tenant };
	struct host host = { .tenants = both, .tenant_count = 1 };

	ex.tenant = NULL;
	ex.host = &host;
	ck_assert(page_error(&ex, 404, "Nothing."));
	ck_assert(body_has("href=\"https://acme.test:8443/shop"));
	ex.answer = (struct answer){ 0 };
	host.tenant_count = 2;
	ck_assert(page_error(&ex, 404, "Nothing."));
	ck_assert(!body_has("<a "));
	ex.answer = (struct answer){ 0 };
	host.tenant_count = 1;
	host.is_gateway = true;
	ck_assert(page_error(&ex, 404, "Nothing."));
	ck_assert(!body_has("<a "));
}
END_TEST

/* The partner's page cannot look into its frame, whatever its origin. */
START_TEST(an_error_in_a_frame_is_seen_there_and_told)
{
	struct str csp;

	ex.steps = &in_a_frame;
	ex.code = "tenant_not_found";
	ck_assert(page_error(&ex, 404, "Tenant not found. " EVIL));
	csp = header("Content-Security-Policy");
	ck_assert_ptr_nonnull(strstr(csp.ptr, "; frame-ancestors *"));
	ck_str_is(header("Cross-Origin-Embedder-Policy"), "require-corp");
	ck_str_is(header("Cross-Origin-Resource-Policy"), "cross-origin");
	ck_assert_ptr_null(header("Cross-Origin-Opener-Policy").ptr);
	ck_assert(body_has("data-status=\"404\" "
			   "data-code=\"tenant_not_found\""));
	ck_assert_uint_eq(count("<script"), 1);
	ck_assert(!body_has("<a "));
	ck_assert(!body_has("<script>"));
}
END_TEST

static const struct page_button button = {
	.token = { "tok.en\"x", 8 },
	.targets = { { "https://shop.test", 17 } },
	.target_count = 1,
};

START_TEST(who_may_be_a_program_learns_of_nobody_and_finds_a_button)
{
	ck_assert(page_arrive(&ex, &button));
	check_page(200, "'self' https://shop.test");
	ck_assert_uint_eq(count("<form method=\"post\" "
				"action=\"/auth/callback\">"), 1);
	ck_assert_uint_eq(count("<button"), 1);
	ck_assert(body_has("value=\"tok.en&quot;x\"") ||
		  body_has("value=\"tok.en&#34;x\""));
	ck_assert(body_has("<meta name=\"referrer\" "
			   "content=\"strict-origin\">"));
	/* the second click of a double one is none */
	ck_assert(body_has("e.preventDefault()"));
}
END_TEST

START_TEST(the_question_has_one_button_and_the_token_in_it)
{
	struct page_person now = { STR("Ann " EVIL), STR("ann@example.com"),
				   ex.tenant };
	struct page_person next = { STR("Bob " EVIL), STR("bob@example.com"),
				    ex.tenant };

	ck_assert(page_confirm(&ex, now, next, &button,
			       STR("https://ticket.acme.test/dashboard")));
	check_page(200, "'self' https://shop.test");
	ck_assert_uint_eq(count("<form method=\"post\" "
				"action=\"/auth/callback\">"), 1);
	ck_assert_uint_eq(count("<button"), 1);
	ck_assert(body_has("value=\"tok.en&quot;x\"") ||
		  body_has("value=\"tok.en&#34;x\""));
	ck_assert(body_has("ann@example.com"));
	ck_assert(body_has("bob@example.com"));
	/* a name may turn the direction of what follows it */
	ck_assert(body_has("Go on as <bdi>"));
	ck_assert(body_has("No, stay <bdi>"));
	ck_assert_uint_eq(count("<b dir=\"auto\">"), 2);
	ck_assert_uint_eq(count("<span dir=\"auto\">"), 3);
	ck_assert(body_has("href=\"https://ticket.acme.test/dashboard\""));
	ck_assert(!body_has("<script>alert"));
	/* Without it the POST would arrive with `Origin: null`. */
	ck_assert(body_has("<meta name=\"referrer\" "
			   "content=\"strict-origin\">"));
}
END_TEST

START_TEST(a_form_that_posts_itself_names_its_target_alone)
{
	struct adapter_error fields[] = {
		{ STR("jwt"), STR("ey.J" EVIL) },
		{ STR("submit" EVIL), STR("") },
	};

	ck_assert(page_post(&ex, STR("https://acme.zendesk.test/jwt?a=1&b=2"),
			    STR("https://acme.zendesk.test"), fields, 2));
	check_page(200, "https://acme.zendesk.test");
	ck_assert(body_has("action=\"https://acme.zendesk.test/jwt?"
			   "a=1&amp;b=2\""));
	ck_assert_uint_eq(count("<input type=\"hidden\""), 2);
	ck_assert(!body_has("<script>alert"));
	/* A field named "submit" hides form.submit(). */
	ck_assert(body_has("HTMLFormElement.prototype.submit.call("));
	/* It leads elsewhere: nothing of this page's URL goes with it. */
	ck_assert(!body_has("name=\"referrer\""));
}
END_TEST

START_TEST(a_page_that_does_not_fit_sets_nothing)
{
	static char huge[8192];
	struct adapter_error fields[32];
	unsigned i;

	memset(huge, '"', sizeof(huge));
	for (i = 0; i < 32; i++)
		fields[i] = (struct adapter_error){
			STR("f"), { huge, sizeof(huge) }
		};
	ck_assert(!page_post(&ex, STR("https://x.test/"), STR("https://x.test"),
			     fields, 32));
	ck_assert_int_eq(ex.answer.status, 0);
	ck_assert_uint_eq(ex.answer.header_count, 0);
}
END_TEST

START_TEST(no_two_pages_share_a_nonce)
{
	struct str first;

	ck_assert(page_notice(&ex, "Signed out", "You are signed out."));
	check_page(200, "'none'");
	first = header("Content-Security-Policy");
	ex.answer = (struct answer){ 0 };
	ck_assert(page_notice(&ex, "Signed out", "You are signed out."));
	ck_assert(!str_eq(first, header("Content-Security-Policy")));
}
END_TEST

/* A document of somebody else's, in a frame or not. */
static struct page document(enum page_place place)
{
	return (struct page){
		.ex = &ex, .title = STR("Tickets " EVIL), .lang = "de",
		.place = place, .style = STR("b{margin:0}"),
		.theme = STR(":root{--accent:#123456}"),
		.script = STR("start()"), .connect = STR("'self'"),
		.images = STR("data:"), .forms = STR("'self'"),
		.posts_here = true, .is_personal = true,
		.ancestors = STR("https://shop.test https://www.shop.test"),
	};
}

START_TEST(a_document_of_ones_own_says_what_it_needs)
{
	struct page page = document(PAGE_ALONE);
	char want[512];

	page.ancestors = STR_NULL;
	ck_assert(page_begin(&page));
	buf_puts(&page.out, "<p>Hello</p>\n");
	ck_assert(page_end(&page, 203));
	ck_assert_int_eq(ex.answer.status, 203);
	snprintf(want, sizeof(want), "default-src 'none'; "
		 "style-src 'nonce-%s'; script-src 'nonce-%s'; "
		 "connect-src 'self'; img-src data:; base-uri 'none'; "
		 "form-action 'self'; frame-ancestors 'none'",
		 page.nonce, page.nonce);
	ck_str_is(header("Content-Security-Policy"), want);
	ck_str_is(header("Cross-Origin-Opener-Policy"), "same-origin");
	ck_str_is(header("Cross-Origin-Resource-Policy"), "same-origin");
	ck_assert(!header("Cross-Origin-Embedder-Policy").ptr);
	ck_assert(body_has("<html lang=\"de\">"));
	ck_assert(body_has("<title>Tickets &quot;&gt;" EVIL_ESCAPED) ||
		  body_has("<title>Tickets &#34;&gt;" EVIL_ESCAPED));
	snprintf(want, sizeof(want), "<style nonce=\"%s\">b{margin:0}"
		 ":root{--accent:#123456}</style>", page.nonce);
	ck_assert(body_has(want));
	snprintf(want, sizeof(want), "<body>\n<p>Hello</p>\n"
		 "<script nonce=\"%s\">", page.nonce);
	ck_assert(body_has(want));
	ck_assert(body_has("start()</script>\n</body>"));
	/* Back, after signing out, shows nobody. */
	ck_assert(body_has("addEventListener('pageshow'"));
	ck_assert(body_has("e.persisted"));
	ck_assert(body_has("content=\"strict-origin\""));
}
END_TEST

START_TEST(a_frame_may_stand_in_the_pages_it_names)
{
	struct page page = document(PAGE_FRAMED);
	struct str csp;

	ck_assert(page_begin(&page));
	ck_assert(page_end(&page, 200));
	csp = header("Content-Security-Policy");
	ck_assert(str_icontains(csp, STR("; frame-ancestors "
					 "https://shop.test "
					 "https://www.shop.test")));
	ck_str_is(header("Cross-Origin-Embedder-Policy"), "require-corp");
	ck_str_is(header("Cross-Origin-Resource-Policy"), "cross-origin");
	ck_assert(!header("Cross-Origin-Opener-Policy").ptr);
}
END_TEST

START_TEST(a_document_past_its_maximum_sets_nothing)
{
	struct page page = document(PAGE_ALONE);

	page.max = 1024;
	ck_assert(!page_begin(&page) || !page_end(&page, 200));
	ck_assert_int_eq(ex.answer.status, 0);
	ck_assert_uint_eq(ex.answer.header_count, 0);
}
END_TEST

static void page_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, an_error_says_what_why_and_where_to_go);
	tcase_add_test(tcase, what_only_the_answer_knows_is_told_escaped);
	tcase_add_test(tcase, what_passes_can_be_tried_again_when_it_is_time);
	tcase_add_test(tcase, a_tenants_colour_is_on_its_pages);
	tcase_add_test(tcase, an_error_of_nobody_has_no_way_back);
	tcase_add_test(tcase, a_host_of_one_tenant_says_whose_it_is);
	tcase_add_test(tcase, an_error_in_a_frame_is_seen_there_and_told);
	tcase_add_test(tcase,
		who_may_be_a_program_learns_of_nobody_and_finds_a_button);
	tcase_add_test(tcase, the_question_has_one_button_and_the_token_in_it);
	tcase_add_test(tcase, a_form_that_posts_itself_names_its_target_alone);
	tcase_add_test(tcase, a_page_that_does_not_fit_sets_nothing);
	tcase_add_test(tcase, no_two_pages_share_a_nonce);
	tcase_add_test(tcase, a_document_of_ones_own_says_what_it_needs);
	tcase_add_test(tcase, a_frame_may_stand_in_the_pages_it_names);
	tcase_add_test(tcase, a_document_past_its_maximum_sets_nothing);
}

UNIT_MAIN("page", page_tests)
