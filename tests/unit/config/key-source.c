/* Keys by URL: what a source asks for, and what it keeps on the disk. */
#include "config/key-source.h"

#include <sys/stat.h>
#include <unistd.h>

#include "unit/crypto/jwks-keys.h"
#include "unit/unit.h"

#define SET "{\"keys\":[{" JWK_EC ",\"kid\":\"a\"}]}"
#define PLACE "https://keys.example/jwks"

static struct key_source *source;
static char path[PATH_MAX + 32];
static int64_t now_ms;

static struct key_source *new_source(void)
{
	struct pool *pool = pool_new(1 << 16);
	struct key_source *made;
	struct url url;

	ck_assert_int_eq(url_parse(pool, STR(PLACE), &url, NULL), ERR_OK);
	made = key_source_new(&url, STR_NULL, false);
	ck_assert_ptr_nonnull(made);
	pool_free(pool);
	return made;
}

static void set_up(void)
{
	snprintf(path, sizeof(path), "%s/keys", unit_dir());
	rmdir(path);
	unlink(path);
	now_ms = 1000;
	source = new_source();
}

static void tear_down(void)
{
	key_source_unref(source);
	rmdir(path);
	unlink(path);
}

/* The ETag that it asks with, once its time has come. */
static const char *asked(void)
{
	struct fetch_request request;

	now_ms += (KEYS_TTL_MAX_S + 1) * INT64_C(1000);
	ck_assert(key_source_begin(source, now_ms, &request));
	return request.etag ? request.etag : "";
}

static enum key_news answer(unsigned status, const char *body)
{
	const struct fetch_answer a = { .why = "", .status = status,
		.body = str_from(body), .etag = "\"1\"", .max_age_s = -1 };

	return key_source_settle(source, &a, now_ms);
}

START_TEST(what_was_saved_is_asked_for_by_its_etag)
{
	struct key_source *next;

	ck_assert_str_eq(asked(), "");
	ck_assert_int_eq(answer(200, SET), KEYS_NEW);
	ck_assert_int_eq(key_source_save(source, path, STR(SET), false), 0);
	ck_assert_str_eq(asked(), "\"1\"");
	ck_assert_int_eq(answer(304, ""), KEYS_SAME);
	ck_assert_int_eq(key_source_save(source, path, STR(""), true), 0);
	ck_assert_str_eq(asked(), "\"1\"");
	next = new_source();
	ck_assert_int_eq(key_source_load(next, path), 0);
	key_source_unref(next);
}
END_TEST

/* Else a later 304 would call fresh what lies there, which may be withdrawn. */
START_TEST(what_could_not_be_saved_is_asked_for_whole)
{
	ck_assert_int_eq(mkdir(path, 0700), 0);
	asked();
	ck_assert_int_eq(answer(200, SET), KEYS_NEW);
	ck_assert_int_ne(key_source_save(source, path, STR(SET), false), 0);
	ck_assert_str_eq(asked(), "");
	ck_assert_int_eq(answer(200, SET), KEYS_NEW);
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(key_source_save(source, path, STR(SET), false), 0);
	ck_assert_str_eq(asked(), "\"1\"");
	/* and what somebody deleted */
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(answer(304, ""), KEYS_SAME);
	ck_assert_int_eq(key_source_save(source, path, STR(""), true), 0);
	ck_assert_str_eq(asked(), "");
}
END_TEST

static void key_source_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, what_was_saved_is_asked_for_by_its_etag);
	tcase_add_test(tc, what_could_not_be_saved_is_asked_for_whole);
}

UNIT_MAIN("key-source", key_source_tests)
