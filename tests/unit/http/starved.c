/*
 * The edge without memory: whichever allocation of the serving thread fails, the
 * client gets its answer, a 503 that says so, or a connection that ends before a
 * word of one; and the next client is served.
 */
#include <stdatomic.h>

#include "unit/http/edge.h"

#include "base/sanitized.h"
#include "handoff/steps.h"

/* A sanitizer has an allocator of its own. */
#if !IS_SANITIZED

#define HOST "Host: acme.localhost\r\n"

/* Of the thread that serves: how many allocations still succeed; afterwards
 * `failures` of them fail. */
static atomic_int to_go = -1, failures;

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static bool serves(void)
{
	static _Thread_local int answer;	/* 1: yes, -1: no */
	char name[16];

	if (!answer)
		answer = !pthread_getname_np(pthread_self(), name,
					     sizeof(name)) &&
			 !strncmp(name, "usher-http", 10) ? 1 : -1;
	return answer == 1;
}

static bool fails(void)
{
	if (atomic_load(&to_go) < 0 || !serves())
		return false;
	if (atomic_load(&to_go) > 0) {
		atomic_fetch_sub(&to_go, 1);
		return false;
	}
	if (atomic_load(&failures) == 0)
		return false;
	atomic_fetch_sub(&failures, 1);
	return true;
}

void *malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	return fails() ? NULL : __libc_realloc(old, size);
}

static enum step_result hello(struct exchange *ex)
{
	return answer_json(ex, 200, STR("{\"hello\":true}"));
}

static const struct step hello_list[] = { { "hello", hello, NULL }, { 0 } };
static const struct steps hello_steps = { .name = "hello",
					  .list = hello_list };
static const struct route routes[] = {
	{ "/hello", METHOD_GET, ROUTE_ANY, &hello_steps },
	{ "/hello", METHOD_POST, ROUTE_ANY, &hello_steps },
	{ 0 },
};

static void start(void)
{
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	edge_configure("{ url = \"http://127.0.0.1:0\"; }", "", "");
	edge_start(routes, 1);
}

static void stop(void)
{
	edge_stop(EDGE_PATIENCE_MS);
	edge_free();
}

#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"
#define POST "POST /hello HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nbody"

/* Where all of them fail there is no memory for a 503 either, and what is refused
 * before the library sees it (http/tap.h) needs none. */
static const struct {
	const char *request;
	int failures;
	bool says_busy;
} cases[] = {
	{ GET("/hello"), 1, true },
	{ GET("/hello"), 1000, false },
	{ POST, 1, true },
	{ POST, 1000, false },
	{ GET("/nowhere"), 1, true },
	{ GET("/nowhere"), 1000, false },
	{ "GET /hello HTTP/1.1\r\n\r\n", 1, false },
	{ "GET /hello HTTP/1.1\r\n\r\n", 1000, false },
};

START_TEST(an_answer_is_whole_and_honest_or_none)
{
	const char *request = cases[_i].request;
	struct edge_answer answer;
	unsigned busy = 0;
	int fd = edge_connect(0), usual = edge_ask(fd, request, &answer);
	int status = 0, others = 0;

	close(fd);
	for (int n = 0; n < 500 && others < 5; n++) {
		/* the connection is there already, but for odd turns */
		fd = edge_connect(0);
		if (n % 2)
			ck_assert_int_eq(edge_ask(fd, "GET /hello HTTP/1.1\r\n"
						  HOST "\r\n", &answer), 200);
		atomic_store(&failures, cases[_i].failures);
		atomic_store(&to_go, n / 2);
		status = edge_ask(fd, request, &answer);
		/* how many were asked for: past them all is as ever */
		others = atomic_load(&to_go) > 0 ? others + 1 : 0;
		atomic_store(&to_go, -1);
		ck_assert_msg(status == 0 || status == 503 || status == usual,
			      "%d: %d", n, status);
		if (status == 0)
			ck_assert_uint_eq(answer.len, 0);
		if (status == 503) {
			ck_assert_msg(strstr(answer.body, "busy") != NULL,
				      "%d: %s", n, answer.text);
			busy++;
		}
		close(fd);
		fd = edge_connect(0);
		ck_assert_int_eq(edge_ask(fd, "GET /hello HTTP/1.1\r\n" HOST
					  "\r\n", &answer), 200);
		close(fd);
	}
	ck_assert_int_eq(others, 5);
	ck_assert_int_eq(status, usual);
	ck_assert(busy > 0 || !cases[_i].says_busy);
}
END_TEST

static void starved_tests(TCase *tcase)
{
	tcase_set_timeout(tcase, 300);
	tcase_add_checked_fixture(tcase, start, stop);
	tcase_add_loop_test(tcase, an_answer_is_whole_and_honest_or_none, 0,
			    N_ELEMENTS(cases));
}

UNIT_MAIN("starved", starved_tests)

#else

int main(void)
{
	puts("a sanitizer has an allocator of its own");
	return 77;
}

#endif
