/*
 * rate: how long answers take at a fixed rate of requests.
 *
 *	rate PORT CONNECTIONS RATE SECONDS FILE
 *
 * FILE holds whole requests, each with a NUL behind it; they are sent in turn,
 * RATE a second, over keep-alive connections to 127.0.0.1.  A request's time
 * counts from when it was due, not from when a connection was free for it: a
 * server that stops for a while is charged with all that had to wait (what
 * "coordinated omission" leaves out).
 *
 * Prints {"sent":N,"bad":N,"p50":ms,"p99":ms,"max":ms}; bad: answers of 400 and
 * above, and connections that broke.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 4096
#define ANSWER_MAX 65536
#define BILLION 1000000000u

struct connection {
	int fd;
	uint64_t due;		/* of what it waits for; 0: it is free */
	size_t got;
	char answer[ANSWER_MAX];
};

struct request {
	const char *text;
	size_t len;
};

static struct connection *connections, **idle;
static unsigned connection_count, idle_count;
static struct request *requests;
static size_t request_count;
static uint64_t *times;		/* ns, of all answers */
static size_t answered, bad;
static struct sockaddr_in address = { .sin_family = AF_INET };
static int events;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * BILLION + (uint64_t)t.tv_nsec;
}

static void reach(struct connection *c)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
	const int on = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	c->due = 0;
	c->got = 0;
	if (c->fd < 0 ||
	    connect(c->fd, (struct sockaddr *)&address, sizeof(address)) ||
	    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ||
	    epoll_ctl(events, EPOLL_CTL_ADD, c->fd, &event))
		die("connection");
	idle[idle_count++] = c;
}

static void read_requests(const char *path)
{
	FILE *f = fopen(path, "r");
	size_t size = 0, used = 0, n, i;
	char *text = NULL, *at;

	if (!f)
		die(path);
	do {
		if (used == size) {
			size = size ? 2 * size : 1 << 20;
			text = realloc(text, size);
			if (!text)
				die("memory");
		}
		n = fread(text + used, 1, size - used, f);
		used += n;
	} while (n);
	fclose(f);
	for (i = 0; i < used; i++)
		request_count += text[i] == '\0';
	requests = calloc(request_count + 1, sizeof(*requests));
	if (!request_count || !requests)
		die("requests");
	for (i = 0, at = text; i < request_count; i++) {
		requests[i] = (struct request){ at, strlen(at) };
		at += requests[i].len + 1;
	}
}

/* How long the answer in `c` is; 0: it is not whole. */
static size_t whole(const struct connection *c)
{
	const char *end = memmem(c->answer, c->got, "\r\n\r\n", 4), *line;
	size_t head, body = 0;

	if (!end)
		return 0;
	head = (size_t)(end - c->answer) + 4;
	for (line = c->answer; line < end;
	     line = (const char *)memchr(line, '\n',
					 (size_t)(end + 4 - line)) + 1)
		if (!strncasecmp(line, "Content-Length:", 15))
			body = strtoul(line + 15, NULL, 10);
	return c->got >= head + body ? head + body : 0;
}

static void renew(struct connection *c)
{
	bad += c->due != 0;
	close(c->fd);
	if (!c->due)	/* it stands among the idle */
		for (unsigned i = 0; i < idle_count; i++)
			if (idle[i] == c)
				idle[i--] = idle[--idle_count];
	reach(c);
}

static void hear(struct connection *c)
{
	ssize_t n = recv(c->fd, c->answer + c->got, ANSWER_MAX - c->got,
			 MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || !c->due) {
		renew(c);
		return;
	}
	c->got += (size_t)n;
	if (!whole(c)) {
		if (c->got == ANSWER_MAX)
			renew(c);
		return;
	}
	times[answered++] = now() - c->due;
	bad += c->got < 10 || c->answer[9] > '3';
	c->due = 0;
	c->got = 0;
	idle[idle_count++] = c;
}

static void send_due(uint64_t due, size_t n)
{
	const struct request *r = &requests[n % request_count];
	struct connection *c = idle[--idle_count];

	c->due = due;
	if (send(c->fd, r->text, r->len, MSG_NOSIGNAL) != (ssize_t)r->len)
		renew(c);
}

static int by_size(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Wake up when the next one is due, or something comes. */
static void wait_until(int timer, uint64_t due)
{
	const struct itimerspec at = { .it_value = {
		(time_t)(due / BILLION), (long)(due % BILLION) } };
	struct epoll_event got[256];
	uint64_t times_up;
	int n;

	timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
	n = epoll_wait(events, got, 256, -1);
	for (int i = 0; i < n; i++) {
		if (got[i].data.ptr)
			hear(got[i].data.ptr);
		else if (read(timer, &times_up, sizeof(times_up)) < 0)
			continue;
	}
}

static void run(uint64_t step, size_t total)
{
	struct epoll_event tick = { .events = EPOLLIN };
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	uint64_t start = now() + BILLION / 100;
	uint64_t end = start + total * step + 10ull * BILLION;
	size_t sent = 0;

	if (timer < 0 || epoll_ctl(events, EPOLL_CTL_ADD, timer, &tick))
		die("timer");
	while ((sent < total || idle_count < connection_count) && now() < end) {
		uint64_t due = start + sent * step;

		if (sent < total && idle_count && now() >= due)
			send_due(due, sent++);
		else
			wait_until(timer, sent < total && idle_count ? due :
				   now() + BILLION / 100);
	}
	bad += connection_count - idle_count;
	qsort(times, answered, sizeof(*times), by_size);
	printf("{\"sent\":%zu,\"bad\":%zu,\"p50\":%.3f,\"p99\":%.3f,"
	       "\"max\":%.3f}\n", sent, bad,
	       (double)times[answered / 2] / 1e6,
	       (double)times[answered * 99 / 100] / 1e6,
	       (double)times[answered ? answered - 1 : 0] / 1e6);
}

int main(int argc, char **argv)
{
	unsigned long rate, seconds;

	if (argc != 6) {
		fputs("usage: rate PORT CONNECTIONS RATE SECONDS FILE\n",
		      stderr);
		return 2;
	}
	address.sin_port = htons((uint16_t)atoi(argv[1]));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	connection_count = (unsigned)atoi(argv[2]);
	rate = strtoul(argv[3], NULL, 10);
	seconds = strtoul(argv[4], NULL, 10);
	if (!connection_count || connection_count > CONNECTIONS_MAX || !rate ||
	    rate > 10000000 || !seconds || seconds > 3600)
		return 2;
	read_requests(argv[5]);
	connections = calloc(connection_count, sizeof(*connections));
	idle = calloc(connection_count, sizeof(struct connection *));
	times = calloc(rate * seconds + 1, sizeof(*times));
	events = epoll_create1(EPOLL_CLOEXEC);
	if (!connections || !idle || !times || events < 0)
		die("memory");
	for (unsigned i = 0; i < connection_count; i++)
		reach(&connections[i]);
	run(BILLION / rate, rate * seconds);
	return 0;
}
