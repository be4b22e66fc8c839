#include "admin/socket-private.h"

#include "base/clock.h"
#include "base/list.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_HEAD_MAX 4096	/* bytes of an answer's first line */

int socket_address(const char *path, struct sockaddr_un *sa, char *why,
		   size_t size)
{
	size_t len = strlen(path);

	*sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (len >= sizeof(sa->sun_path)) {
		snprintf(why, size,
			 "the socket's path is %zu bytes long and may have "
			 "%zu: choose a shorter state directory, or set "
			 "admin = \"unix:/run/...\"",
			 len, sizeof(sa->sun_path) - 1);
		return -1;
	}
	memcpy(sa->sun_path, path, len);
	return 0;
}

static bool is_answered(const struct sockaddr_un *sa)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool answered = fd >= 0 &&
		connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0;

	if (fd >= 0)
		close(fd);
	return answered;
}

/* What a daemon that was killed left behind; never anything else. */
static int remove_stale(const char *path, char *why, size_t size)
{
	struct stat st;

	if (lstat(path, &st))
		return 0;
	if (!S_ISSOCK(st.st_mode)) {
		snprintf(why, size, "%s is there and is no socket", path);
		return -1;
	}
	unlink(path);
	return 0;
}

int socket_listen(const char *path, char *why, size_t size)
{
	struct sockaddr_un sa;
	mode_t mask;
	int fd, bound;

	if (socket_address(path, &sa, why, size))
		return -1;
	if (is_answered(&sa)) {
		snprintf(why, size, "somebody answers at %s already", path);
		return -1;
	}
	if (remove_stale(path, why, size))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		snprintf(why, size, "socket: %s", strerror(errno));
		return -1;
	}
	mask = umask(0177);
	bound = bind(fd, (struct sockaddr *)&sa, sizeof(sa));
	umask(mask);
	if (bound || listen(fd, 16)) {
		snprintf(why, size, "cannot listen at %s: %s", path,
			 strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

const char socket_flawed[] = "flawed";
const char socket_later[] = "later";

struct client {
	struct list node;		/* the oldest first */
	int fd;
	int64_t end_ms;			/* cut by then; monotonic */
	uint64_t ticket;
	bool waits;			/* for socket_server_answer() */
	struct socket_request request;
	struct buf out;			/* the answer; len 0: none yet */
	size_t sent;
};

struct socket_server {
	int epoll, listener, timer;
	socket_command_fn *run;
	void *ctx;
	struct list clients;
	unsigned count;
	uint64_t served;
	uint64_t tickets;		/* given so far: the last is the one of
					 * the client whose command runs */
	int64_t patience_ms;
};

static void drop(struct socket_server *s, struct client *c)
{
	list_del(&c->node);
	s->count--;
	s->served++;
	close(c->fd);
	free(c->request.texts);
	buf_done(&c->out);
	free(c);
}

/* False: the client has all of it, or will never have it. */
static bool send_some(struct client *c)
{
	while (c->sent < c->out.len) {
		ssize_t n = send(c->fd, c->out.ptr + c->sent,
				 c->out.len - c->sent,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0)
			return false;
		c->sent += (size_t)n;
	}
	return false;
}

static void write_head(struct buf *out, const char *trouble, size_t body)
{
	const char *head = trouble == socket_flawed ? "flawed" : "ok";

	if (trouble && trouble != socket_flawed)
		buf_printf(out, "error %.*s\n", SOCKET_HEAD_MAX - 16, trouble);
	else
		buf_printf(out, "%s %zu\n", head, body);
}

/* Into c->out. */
static void write_answer(struct socket_server *s, struct client *c,
			 const char *trouble, const struct buf *body)
{
	bool has_body = !trouble || trouble == socket_flawed;

	if (has_body && !buf_is_ok(body)) {
		trouble = "the answer is too long";
		has_body = false;
	}
	write_head(&c->out, trouble, body->len);
	if (has_body)
		buf_adds(&c->out, buf_str(body));
	c->waits = false;
	c->end_ms = clock_mono_ms() + s->patience_ms;
}

/* Run the command; its answer stands in c->out, unless it comes later. */
static void answer(struct socket_server *s, struct client *c)
{
	struct socket_request *r = &c->request;
	const char *trouble = r->trouble;
	struct buf body;

	buf_init(&body, SOCKET_BODY_MAX);
	c->ticket = ++s->tickets;
	if (!trouble)
		trouble = s->run(s->ctx, r->words, r->count, &body);
	if (trouble == socket_later) {
		c->waits = true;
		c->end_ms = INT64_MAX;
	} else {
		write_answer(s, c, trouble, &body);
	}
	buf_done(&body);
}

static bool wait_for(struct socket_server *s, int op, int fd, uint32_t events,
		     void *who)
{
	struct epoll_event event = { .events = events, .data.ptr = who };

	return epoll_ctl(s->epoll, op, fd, &event) == 0;
}

static void send_answer(struct socket_server *s, struct client *c)
{
	if (!buf_is_ok(&c->out) || !send_some(c) ||
	    !wait_for(s, EPOLL_CTL_MOD, c->fd, EPOLLOUT, c))
		drop(s, c);
}

/* Something came, or can be sent, or a client that waits has gone. */
static void go_on(struct socket_server *s, struct client *c)
{
	enum socket_progress progress;

	if (c->waits) {
		drop(s, c);
		return;
	}
	if (!c->out.len) {
		progress = socket_request_read(c->fd, &c->request);
		if (progress == SOCKET_MORE)
			return;
		if (progress == SOCKET_READY)
			answer(s, c);
	}
	/* From now on only its end is news. */
	if (c->waits) {
		if (!wait_for(s, EPOLL_CTL_MOD, c->fd, 0, c))
			drop(s, c);
		return;
	}
	send_answer(s, c);
}

/* Until there is none to be cut. */
static void set_timer(struct socket_server *s)
{
	struct itimerspec at = { { 0, 0 }, { 0, 0 } };
	int64_t first_ms = INT64_MAX;
	struct list *pos, *safe;

	list_each(pos, safe, &s->clients) {
		struct client *c = list_entry(pos, struct client, node);

		if (c->end_ms < first_ms)
			first_ms = c->end_ms;
	}
	if (first_ms != INT64_MAX) {
		at.it_value.tv_sec = first_ms / 1000;
		at.it_value.tv_nsec = first_ms % 1000 * 1000000 + 1;
	}
	timerfd_settime(s->timer, TFD_TIMER_ABSTIME, &at, NULL);
}

static void cut_late(struct socket_server *s)
{
	int64_t now_ms = clock_mono_ms();
	struct list *pos, *safe;
	uint64_t times;

	if (read(s->timer, &times, sizeof(times)) < 0)
		return;
	list_each(pos, safe, &s->clients) {
		struct client *c = list_entry(pos, struct client, node);

		if (c->end_ms <= now_ms)
			drop(s, c);
	}
}

/* The one that has been here longest, and waits for nothing of ours. */
static void make_room(struct socket_server *s)
{
	struct list *pos, *safe;

	list_each(pos, safe, &s->clients) {
		struct client *c = list_entry(pos, struct client, node);

		if (c->waits)
			continue;
		drop(s, c);
		return;
	}
}

static void admit(struct socket_server *s)
{
	int fd = accept4(s->listener, NULL, NULL,
			 SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *c;

	if (fd < 0)
		return;
	c = calloc(1, sizeof(*c));
	if (!c) {
		close(fd);
		return;
	}
	if (s->count >= SOCKET_CLIENTS_MAX)
		make_room(s);
	c->fd = fd;
	c->end_ms = clock_mono_ms() + s->patience_ms;
	buf_init(&c->out, SOCKET_BODY_MAX + SOCKET_HEAD_MAX);
	list_add(&s->clients, &c->node);
	s->count++;
	if (!wait_for(s, EPOLL_CTL_ADD, fd, EPOLLIN, c))
		drop(s, c);
}

/*
 * One event at a time: what it does may end the client that another one of the
 * same look was for.
 */
void socket_server_run(struct socket_server *s)
{
	struct epoll_event event;

	for (unsigned i = 0; i < 2 * SOCKET_CLIENTS_MAX; i++) {
		if (epoll_wait(s->epoll, &event, 1, 0) != 1)
			break;
		if (event.data.ptr == &s->listener)
			admit(s);
		else if (event.data.ptr == &s->timer)
			cut_late(s);
		else
			go_on(s, event.data.ptr);
	}
	set_timer(s);
}

struct socket_server *socket_server_new(const char *path,
					socket_command_fn *run, void *ctx,
					char *why, size_t size)
{
	struct socket_server *s = calloc(1, sizeof(*s));

	if (!s) {
		snprintf(why, size, "no memory for the socket");
		return NULL;
	}
	s->run = run;
	s->ctx = ctx;
	s->patience_ms = SOCKET_PATIENCE_MS;
	list_init(&s->clients);
	s->epoll = s->timer = -1;
	s->listener = socket_listen(path, why, size);
	if (s->listener < 0)
		goto out;
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (s->epoll >= 0 && s->timer >= 0 &&
	    wait_for(s, EPOLL_CTL_ADD, s->listener, EPOLLIN, &s->listener) &&
	    wait_for(s, EPOLL_CTL_ADD, s->timer, EPOLLIN, &s->timer))
		return s;
	snprintf(why, size, "no descriptors for the socket: %s",
		 strerror(errno));
out:
	socket_server_free(s);
	return NULL;
}

void socket_server_be_patient(struct socket_server *s, int64_t ms)
{
	s->patience_ms = ms;
}

int socket_server_fd(const struct socket_server *s)
{
	return s ? s->epoll : -1;
}

uint64_t socket_server_ticket(const struct socket_server *s)
{
	return s->tickets;
}

void socket_server_answer(struct socket_server *s, uint64_t ticket,
			  const char *trouble, const struct buf *body)
{
	struct list *pos, *safe;

	list_each(pos, safe, &s->clients) {
		struct client *c = list_entry(pos, struct client, node);

		if (!c->waits || c->ticket != ticket)
			continue;
		write_answer(s, c, trouble, body);
		send_answer(s, c);
		set_timer(s);
		return;
	}
}

uint64_t socket_server_served(const struct socket_server *s)
{
	return s->served;
}

void socket_server_free(struct socket_server *s)
{
	struct list *pos, *safe;

	if (!s)
		return;
	list_each(pos, safe, &s->clients)
		drop(s, list_entry(pos, struct client, node));
	if (s->listener >= 0)
		close(s->listener);
	if (s->epoll >= 0)
		close(s->epoll);
	if (s->timer >= 0)
		close(s->timer);
	free(s);
}
