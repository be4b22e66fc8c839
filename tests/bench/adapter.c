/*
 * adapter: what an adapter costs in this process and in one of its own.
 *
 *	bench/adapter MODULE
 */
#include <pthread.h>
#include <unistd.h>

#include "adapter/adapter.h"
#include "adapter/supervisor.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/num.h"

#define CALLS 20000
#define PROCESSES 50

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t answered = PTHREAD_COND_INITIALIZER;
static bool is_done;

static const struct adapter_services services = { 0 };

static void done(struct adapter_call *call)
{
	(void)call;
	pthread_mutex_lock(&lock);
	is_done = true;
	pthread_cond_signal(&answered);
	pthread_mutex_unlock(&lock);
}

static int order(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int64_t one_call(struct adapter *adapter)
{
	struct pool *pool = pool_new(256 * 1024);
	struct fields fields;
	struct adapter_call call = { .pool = pool, .fields = &fields,
				     .may_supply = true };
	int64_t start;

	fields_init(&fields, pool);
	fields_set(&fields, STR("email"), STR("a@b.example"), FIELD_TEXT);
	fields_set(&fields, STR("plan"), STR("pro"), FIELD_TEXT);
	is_done = false;
	start = clock_mono_ns();
	if (adapter_handoff(adapter, 0, &call, done) == ADAPTER_WAITING) {
		pthread_mutex_lock(&lock);
		while (!is_done)
			pthread_cond_wait(&answered, &lock);
		pthread_mutex_unlock(&lock);
	}
	start = clock_mono_ns() - start;
	pool_free(pool);
	return start;
}

static void time_calls(struct adapter *adapter, const char *what)
{
	static int64_t took[CALLS];

	for (int i = 0; i < CALLS; i++)
		took[i] = one_call(adapter);
	qsort(took, CALLS, sizeof(took[0]), order);
	printf("%-24s p50 %7.2f us  p99 %7.2f us\n", what,
	       (double)took[CALLS / 2] / 1e3,
	       (double)took[CALLS * 99 / 100] / 1e3);
}

/* Proportional set sizes of our children, in KiB. */
static long pss_of(pid_t pid)
{
	char path[64], line[256];
	long kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		struct str rest, name = str_cut(str_from(line), ':', &rest);
		uint64_t n;

		rest = str_trim(rest, " \tkB\n");
		if (str_eq(name, STR("Pss")) &&
		    !num_u64(rest, 0, UINT32_MAX, &n))
			kib = (long)n;
	}
	if (f)
		fclose(f);
	return kib;
}

static long pss_of_children(void)
{
	char path[64];
	long sum = 0;
	FILE *f;
	int pid;

	/* The supervisor's thread is the parent: ask each of ours. */
	for (int tid = getpid(); tid < getpid() + 8; tid++) {
		snprintf(path, sizeof(path), "/proc/self/task/%d/children",
			 tid);
		f = fopen(path, "re");
		while (f && fscanf(f, "%d", &pid) == 1)
			sum += pss_of(pid);
		if (f)
			fclose(f);
	}
	return sum;
}

int main(int argc, char **argv)
{
	struct adapter *inside = NULL, *many[PROCESSES] = { NULL };
	struct adapter_options options = {
		.tenant = STR("bench"), .path = argv[1], .deadline_ms = 1000,
		.workers = 1,
	};
	char text[1024];
	struct buf problem;
	int64_t start;

	if (argc != 2)
		return 2;
	hash_init();
	buf_init_fixed(&problem, text, sizeof(text));
	if (supervisor_new(NULL, &options.supervisor, &problem) ||
	    adapter_load(&options, &services, NULL, &inside, &problem))
		goto out;
	time_calls(inside, "in this process");
	options.isolation = ADAPTER_OWN_PROCESS;
	start = clock_mono_ns();
	for (int i = 0; i < PROCESSES; i++)
		if (adapter_load(&options, &services, NULL, &many[i],
				 &problem))
			goto out;
	printf("%-24s %.2f ms\n", "a process is ready in",
	       (double)(clock_mono_ns() - start) / 1e6 / PROCESSES);
	printf("%-24s %ld KiB (of %d)\n", "PSS of a process",
	       pss_of_children() / PROCESSES, PROCESSES);
	time_calls(many[0], "in one of its own");
out:
	if (text[0])
		fprintf(stderr, "%s\n", text);
	for (int i = 0; i < PROCESSES; i++)
		adapter_unref(many[i]);
	adapter_unref(inside);
	supervisor_free(options.supervisor);
	return text[0] ? 1 : 0;
}
