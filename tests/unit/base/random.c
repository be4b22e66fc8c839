#include "base/random.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/unit.h"

#define DRAWS 1000

static int by_value(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

static void ck_all_differ(unsigned char draws[][16], size_t count)
{
	qsort(draws, count, 16, by_value);
	for (size_t i = 1; i < count; i++)
		ck_assert_mem_ne(draws[i - 1], draws[i], 16);
}

START_TEST(test_no_draw_comes_twice)
{
	static unsigned char draws[DRAWS][16];

	for (int i = 0; i < DRAWS; i++)
		ck_assert_int_eq(random_bytes(draws[i], 16), ERR_OK);
	ck_all_differ(draws, DRAWS);
}
END_TEST

static void *draw(void *out)
{
	unsigned char (*draws)[16] = out;

	for (int i = 0; i < DRAWS; i++)
		if (random_bytes(draws[i], 16))
			return out;
	return NULL;
}

START_TEST(test_threads_draw_at_once)
{
	static unsigned char draws[2 * DRAWS][16];
	void *failed = draws;
	pthread_t other;

	ck_assert_int_eq(pthread_create(&other, NULL, draw, draws), 0);
	ck_assert_ptr_null(draw(draws + DRAWS));
	ck_assert_int_eq(pthread_join(other, &failed), 0);
	ck_assert_ptr_null(failed);
	ck_all_differ(draws, 2 * DRAWS);
}
END_TEST

/* What two copies of a process draw, and the process itself. */
struct copies {
	unsigned char draws[3 * DRAWS][16];
	_Atomic int failed;
};

/*
 * A fork copies a process as a snapshot of its machine does: whatever it had
 * drawn ahead, both copies would hand out.
 */
START_TEST(test_copies_of_a_process_draw_apart)
{
	struct copies *shared = mmap(NULL, sizeof(*shared),
				     PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned char warm[16];
	pid_t pids[2];
	int status;

	ck_assert_ptr_ne(shared, MAP_FAILED);
	ck_assert_int_eq(random_bytes(warm, sizeof(warm)), ERR_OK);
	for (int i = 0; i < 2; i++) {
		pids[i] = fork();
		ck_assert_int_ge(pids[i], 0);
		if (pids[i] == 0) {
			shared->failed += !!draw(shared->draws + i * DRAWS);
			_exit(0);
		}
	}
	ck_assert_ptr_null(draw(shared->draws + 2 * DRAWS));
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
		ck_assert_int_eq(status, 0);
	}
	ck_assert_int_eq(shared->failed, 0);
	ck_all_differ(shared->draws, 3 * DRAWS);
	munmap(shared, sizeof(*shared));
}
END_TEST

/* Each byte of a draw is written, and nothing beside it. */
START_TEST(test_a_draw_fills_exactly_what_was_asked)
{
	for (size_t len = 0; len < 600; len += 37) {
		unsigned char out[602], seen[600] = { 0 };

		/* All zero 30 times over: a chance of 2^-240 a byte. */
		for (int i = 0; i < 30; i++) {
			memset(out, 0, sizeof(out));
			out[0] = out[len + 1] = 0xa5;
			ck_assert_int_eq(random_bytes(out + 1, len), ERR_OK);
			ck_assert_uint_eq(out[0], 0xa5);
			ck_assert_uint_eq(out[len + 1], 0xa5);
			for (size_t j = 0; j < len; j++)
				seen[j] |= out[j + 1];
		}
		for (size_t j = 0; j < len; j++)
			ck_assert_uint_ne(seen[j], 0);
	}
}
END_TEST

static void random_tests(TCase *t)
{
	tcase_add_test(t, test_no_draw_comes_twice);
	tcase_add_test(t, test_threads_draw_at_once);
	tcase_add_test(t, test_copies_of_a_process_draw_apart);
	tcase_add_test(t, test_a_draw_fills_exactly_what_was_asked);
}

UNIT_MAIN("random", random_tests)
