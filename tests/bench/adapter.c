/*
 * adapter: what an adapter costs in this process and in one of its own, beside
 * what a bare process costs that does nothing.
 *
 *	bench/adapter MODULE
 */
#include <pthread.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapter/adapter.h"
#include "adapter/supervisor.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/num.h"

#define CALLS 20000
#define PROCESSES 100
#define TOGETHER 64		/* calls of one turn */
#define DATAGRAM 300		/* octets, as a small call has */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t answered = PTHREAD_COND_INITIALIZER;
static unsigned done_count;

static const struct adapter_services services = { 0 };

static void done(struct adapter_call *call)
{
	(void)call;
	pthread_mutex_lock(&lock);
	done_count++;
	pthread_cond_signal(&answered);
	pthread_mutex_unlock(&lock);
}

static int order(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

struct request {
	struct pool *pool;
	struct fields fields;
	struct adapter_call call;
};

static void begin(struct request *r)
{
	r->pool = pool_new(256 * 1024);
	r->call = (struct adapter_call){ .pool = r->pool,
					 .fields = &r->fields,
					 .may_supply = true };
	fields_init(&r->fields, r->pool);
	fields_set(&r->fields, STR("email"), STR("a@b.example"), FIELD_TEXT);
	fields_set(&r->fields, STR("plan"), STR("pro"), FIELD_TEXT);
}

/* `count` calls, as a worker makes them in one turn; how long they took. */
static int64_t call_together(struct adapter *adapter, unsigned count)
{
	static struct request requests[TOGETHER];
	unsigned waiting = 0;
	int64_t start;

	for (unsigned i = 0; i < count; i++)
		begin(&requests[i]);
	done_count = 0;
	start = clock_mono_ns();
	for (unsigned i = 0; i < count; i++)
		waiting += adapter_handoff(adapter, 0, &requests[i].call,
					   done) == ADAPTER_WAITING;
	isolated_flush();
	pthread_mutex_lock(&lock);
	while (done_count < waiting)
		pthread_cond_wait(&answered, &lock);
	pthread_mutex_unlock(&lock);
	start = clock_mono_ns() - start;
	for (unsigned i = 0; i < count; i++) {
		if (requests[i].call.result != ADAPTER_OK)
			fprintf(stderr, "%s\n", requests[i].call.problem);
		pool_free(requests[i].pool);
	}
	return start;
}

static void tell(const char *what, int64_t *took, unsigned each)
{
	qsort(took, CALLS, sizeof(took[0]), order);
	printf("%-32s p50 %7.2f us  p99 %7.2f us\n", what,
	       (double)took[CALLS / 2] / 1e3 / each,
	       (double)took[CALLS * 99 / 100] / 1e3 / each);
}

static int64_t took[CALLS];

static void time_calls(struct adapter *adapter, const char *what)
{
	for (int i = 0; i < CALLS; i++)
		took[i] = call_together(adapter, 1);
	tell(what, took, 1);
}

static void time_many(struct adapter *adapter)
{
	isolated_promise_flush();
	for (int i = 0; i < CALLS; i++)
		took[i] = i % TOGETHER ? took[i - 1] :
			call_together(adapter, TOGETHER);
	tell("  64 of them together, each", took, TOGETHER);
}

/* A datagram to another process and back: no call can be quicker. */
static void time_datagrams(void)
{
	char data[DATAGRAM] = { 0 };
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair))
		return;
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		while (recv(pair[1], data, sizeof(data), 0) > 0)
			if (send(pair[1], data, sizeof(data), 0) < 0)
				break;
		_exit(0);
	}
	close(pair[1]);
	for (int i = 0; i < CALLS; i++) {
		took[i] = -clock_mono_ns();
		if (send(pair[0], data, sizeof(data), 0) < 0 ||
		    recv(pair[0], data, sizeof(data), 0) < 0)
			break;
		took[i] += clock_mono_ns();
	}
	close(pair[0]);
	waitpid(pid, NULL, 0);
	tell("a datagram there and back", took, 1);
}

/* A program that does nothing, from spawn to its end. */
static void time_processes(void)
{
	char program[] = "/bin/true";
	char *const argv[] = { program, NULL }, *const none[] = { NULL };
	int64_t start = clock_mono_ns();
	pid_t pid;

	for (int i = 0; i < PROCESSES; i++)
		if (!posix_spawn(&pid, program, NULL, NULL, argv, none))
			waitpid(pid, NULL, 0);
	printf("%-32s %.2f ms\n", "/bin/true takes",
	       (double)(clock_mono_ns() - start) / 1e6 / PROCESSES);
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
	time_calls(inside, "a call in this process");
	time_datagrams();
	time_processes();
	options.isolation = ADAPTER_OWN_PROCESS;
	start = clock_mono_ns();
	for (int i = 0; i < PROCESSES; i++)
		if (adapter_load(&options, &services, NULL, &many[i],
				 &problem))
			goto out;
	start = clock_mono_ns() - start;
	printf("%-32s %.2f ms, %.0f of them a second\n",
	       "a process is ready in", (double)start / 1e6 / PROCESSES,
	       PROCESSES * 1e9 / (double)start);
	printf("%-32s %ld KiB (of %d)\n", "PSS of a process",
	       pss_of_children() / PROCESSES, PROCESSES);
	time_calls(many[0], "a call in one of its own");
	time_many(many[0]);
out:
	if (text[0])
		fprintf(stderr, "%s\n", text);
	for (int i = 0; i < PROCESSES; i++)
		adapter_unref(many[i]);
	adapter_unref(inside);
	supervisor_free(options.supervisor);
	return text[0] ? 1 : 0;
}
