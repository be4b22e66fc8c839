#include "codec/media.h"

#include "unit/unit.h"

/* What each part of a media type reads as; NULL: absent. */
static const struct {
	const char *in, *type, *subtype, *charset, *boundary;
} good[] = {
	{ "application/x-www-form-urlencoded", "application",
	  "x-www-form-urlencoded", NULL, NULL },
	{ "application/x-www-form-urlencoded;charset=UTF-8", "application",
	  "x-www-form-urlencoded", "utf-8", NULL },
	{ "Application/JSON; Charset=\"utf-8\"", "application", "json",
	  "utf-8", NULL },
	{ "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
	  "multipart", "form-data", NULL,
	  "----WebKitFormBoundary7MA4YWxkTrZu0gW" },
	{ "multipart/form-data; boundary=---------------------------735323031399963166993862150",
	  "multipart", "form-data", NULL,
	  "---------------------------735323031399963166993862150" },
	{ "multipart/form-data;\tboundary=\"a b:\\\"c\\\\\" ; x=y;charset=\"\"",
	  "multipart", "form-data", "", "a b:\"c\\" },
	{ " text/html ; ;; ", "text", "html", NULL, NULL },
	{ "text/html;level=1;q=\"a;b\"", "text", "html", NULL, NULL },
};

static void check_part(struct str got, const char *want)
{
	ck_assert(str_is_null(got) == !want);
	ck_str_is(got, want);
}

START_TEST(test_a_content_type_is_taken_apart)
{
	struct pool *pool = pool_new(4096);
	struct media m;

	ck_assert_int_eq(media_parse(pool, str_from(good[_i].in), &m), ERR_OK);
	ck_assert(media_is(&m, good[_i].type, good[_i].subtype));
	ck_assert(!media_is(&m, good[_i].type, "plain"));
	ck_assert(!media_is(&m, "image", good[_i].subtype));
	check_part(m.charset, good[_i].charset);
	check_part(m.boundary, good[_i].boundary);
	pool_free(pool);
}
END_TEST

static const struct {
	const char *in;
	enum err err;
} bad[] = {
	{ "", ERR_SYNTAX },
	{ "text", ERR_SYNTAX },
	{ "text/", ERR_SYNTAX },
	{ "/html", ERR_SYNTAX },
	{ "text /html", ERR_SYNTAX },
	{ "text/ html", ERR_SYNTAX },
	{ "text/html, text/plain", ERR_SYNTAX },
	{ "text/html charset=utf-8", ERR_SYNTAX },
	{ "text/html; charset", ERR_SYNTAX },
	{ "text/html; charset=", ERR_SYNTAX },
	{ "text/html; charset =utf-8", ERR_SYNTAX },
	{ "text/html; charset= utf-8", ERR_SYNTAX },
	{ "text/html; =utf-8", ERR_SYNTAX },
	{ "text/html; charset=\"utf-8", ERR_SYNTAX },
	{ "text/html; charset=\"utf-8\\", ERR_SYNTAX },
	{ "text/html; charset=\"utf-8\"x", ERR_SYNTAX },
	{ "text/html; charset=\"a\nb\"", ERR_SYNTAX },
	{ "text/html; charset=\"a\tb\"; x", ERR_SYNTAX },
	{ "text/html; charset=\"a\x7f\"", ERR_SYNTAX },
	{ "text/html; charset=\"\xc3\xa9\"", ERR_SYNTAX },
	{ "text/html; charset=\"\\\x01\"", ERR_SYNTAX },
	{ "text/html; a=b\nc", ERR_SYNTAX },
	{ "multipart/form-data; boundary=A:B", ERR_SYNTAX },
	{ "multipart/form-data; boundary=AB; Boundary=CD", ERR_DUPLICATE },
	{ "text/html; x=1; charset=a; X=2", ERR_DUPLICATE },
	{ "a/b;a=1;b=1;c=1;d=1;e=1;f=1;g=1;h=1;i=1", ERR_LIMIT },
};

START_TEST(test_a_malformed_content_type_is_refused)
{
	struct pool *pool = pool_new(4096);
	struct media m = { .type = STR("untouched") };

	ck_assert_int_eq(media_parse(pool, str_from(bad[_i].in), &m),
			 bad[_i].err);
	ck_str_is(m.type, "untouched");
	pool_free(pool);
}
END_TEST

START_TEST(test_length_and_memory_are_bounded)
{
	struct str in = STR("multipart/form-data;boundary=x;charset=y");
	char long_[MEDIA_MAX + 1];
	struct media m;

	memset(long_, 'a', sizeof(long_));
	long_[4] = '/';
	for (size_t limit = 0; limit < 64; limit += 16) {
		struct pool *pool = pool_new(limit);

		ck_assert_int_eq(media_parse(pool, in, &m), ERR_NOMEM);
		ck_assert_int_eq(media_parse(pool, (struct str){
			long_, sizeof(long_) }, &m), ERR_LIMIT);
		pool_free(pool);
	}
}
END_TEST

static const struct {
	const char *accept;
	bool html;
} preferences[] = {
	/* navigations: Chromium, Firefox, Safari */
	{ "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,"
	  "image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;"
	  "q=0.7", true },
	{ "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
	  true },
	{ "TEXT/HTML", true },
	{ " , text/html;level=1 , ,", true },
	{ "application/json;q=0.5, text/html;q=0.501", true },
	{ "application/json;q=0, */*, text/html;q=0.1", true },
	{ "application/*;q=0.2, */*;q=0.9, text/html;q=0.3", true },
	{ "text/html;q=0.2, text/html;q=1.000, */*;q=0.9", true },
	{ "text/html, text/html;q=0.2, */x, */*;q=0.9", true },
	/* programs: fetch(), curl, axios, and those that ask for both */
	{ NULL, false },
	{ "", false },
	{ "*/*", false },
	{ "text/*", false },
	{ "text/html;q=0", false },
	{ "application/json, text/plain, */*", false },
	{ "application/json", false },
	{ "text/html, application/json", false },
	{ "text/html, */*", false },
	{ "text/html;q=0.8, application/*;q=0.9", false },
	{ "text/html;q=0.5, application/json;q=0.6, */*;q=0.1", false },
	{ "text/htmlx", false },
	/* malformed ones */
	{ "text/html text/plain", false },
	{ "text/html;q=", false },
	{ "text/html;q=2", false },
	{ "text/html;q=10", false },
	{ "text/html;q=1;q=1", false },
	{ "text/html;q=1.5", false },
	{ "text/html;q=0.1234", false },
	{ "text/html;q=.9", false },
	{ "text/html;q=0x9", false },
	{ "text/html;q=0.x", false },
	{ "text/html;q=-1", false },
	{ "text/html;q=\"1\"", false },
	{ "text/html, nonsense", false },
	{ "text/html\x01", false },
};

START_TEST(test_only_who_asks_for_html_first_gets_it)
{
	struct str accept = str_from(preferences[_i].accept);

	ck_assert_msg(media_prefers_html(accept) == preferences[_i].html,
		      "Accept: %.*s", STR_ARG(accept));
}
END_TEST

static void media_tests(TCase *t)
{
	tcase_add_loop_test(t, test_a_content_type_is_taken_apart, 0,
			    sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(t, test_a_malformed_content_type_is_refused, 0,
			    sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(t, test_length_and_memory_are_bounded);
	tcase_add_loop_test(t, test_only_who_asks_for_html_first_gets_it, 0,
			    sizeof(preferences) / sizeof(preferences[0]));
}

UNIT_MAIN("media", media_tests)
