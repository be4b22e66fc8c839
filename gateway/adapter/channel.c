/*
 * What goes over an adapter's channel.  Towards the child:
 *
 *	spawned                                 is_told
 *	   +--> CONFIG ... CONFIG, START ---------> the probe, then calls
 *	        put_settings(), the thread          channel_send(), any thread
 *	                                            under the lock
 *
 *	          sendmsg() takes it
 *	            +------+
 *	            v      |        it is full: want_room()
 *	          is_full = false ------------------> is_full = true
 *	                 ^                               |
 *	                 +------- EPOLLOUT: -------------+
 *	                          channel_room()
 *
 * An answer that a hook waits for goes first, then as many calls as the window
 * has room for, in one datagram.  What does not go waits where it was.
 *
 * From the child: channel_receive() takes CHANNEL_BATCH datagrams at a time, up
 * to its caller's bound, and hears each frame, as long as it starts or serves.
 * An end of file, or an error, kills the child; its pidfd tells the rest.
 */
#include "adapter/supervisor-private.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

/* Room for one descriptor. */
union passed {
	char room[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

/* Octets of settings in a frame, about. */
#define SETTINGS_FRAME 32768

int channel_watch(struct isolated *iso, enum source_kind kind, int fd)
{
	struct epoll_event event = { .events = EPOLLIN,
				     .data.ptr = &iso->sources[kind] };

	return epoll_ctl(iso->supervisor->epoll, EPOLL_CTL_ADD, fd, &event);
}

void channel_unwatch(struct isolated *iso, int fd)
{
	epoll_ctl(iso->supervisor->epoll, EPOLL_CTL_DEL, fd, NULL);
}

/* ---- sending ------------------------------------------------------------- */

/* Be told what we want to know. Under the lock. */
static void watch_again(struct isolated *iso)
{
	struct epoll_event event = {
		.events = (iso->is_hushed ? 0 : EPOLLIN) |
			  (iso->is_full ? EPOLLOUT : 0),
		.data.ptr = &iso->sources[SOURCE_CHANNEL],
	};

	epoll_ctl(iso->supervisor->epoll, EPOLL_CTL_MOD, iso->child.channel,
		  &event);
}

/* Be told when there is room. */
static void want_room(struct isolated *iso, bool wanted)
{
	iso->is_full = wanted;
	watch_again(iso);
}

/* A datagram. Under the lock.  One that takes nothing more has ended, and its
 * pidfd will say so. */
static bool put(struct isolated *iso, struct iovec *pieces, unsigned count)
{
	const struct msghdr message = { .msg_iov = pieces,
					.msg_iovlen = count };
	ssize_t n;

	if (iso->is_full)
		return false;
	do
		n = sendmsg(iso->child.channel, &message,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		want_room(iso, true);
	return n >= 0;
}

static bool put_frame(struct isolated *iso, const struct buf *frame)
{
	uint32_t size = (uint32_t)frame->len;
	struct iovec pieces[2] = { { &size, sizeof(size) },
				   { frame->ptr, frame->len } };

	return put(iso, pieces, 2);
}

/* From now on it should make progress. */
static void expect_progress(struct isolated *iso)
{
	atomic_store_explicit(&iso->progress_ns, clock_mono_ns(),
			      memory_order_relaxed);
}

void channel_send(struct isolated *iso)
{
	struct iovec pieces[2 * CALLS_WINDOW];
	unsigned count;

	if (iso->life != LIFE_SERVING && iso->life != LIFE_STARTING)
		return;
	if (iso->answer.len) {
		if (!put_frame(iso, &iso->answer))
			return;
		buf_done(&iso->answer);
		expect_progress(iso);
	}
	while ((count = calls_gather(&iso->calls, pieces)) > 0 &&
	       put(iso, pieces, 2 * count)) {
		if (!iso->calls.sent)
			expect_progress(iso);
		calls_sent(&iso->calls, count);
	}
}

/* The next CONFIG frame, or START behind the last setting. */
static bool put_settings(struct isolated *iso)
{
	const struct adapter_env *env = iso->env;
	struct buf *out = &iso->supervisor->out;
	unsigned i = iso->settings_sent;
	bool is_start = i == env->setting_count;

	wire_begin(out, (struct wire_head){ is_start ? WIRE_START : WIRE_CONFIG,
					    iso->generation, 0 });
	if (is_start) {
		wire_add_text(out, WIRE_TENANT, env->tenant);
		wire_add_number(out, WIRE_DEADLINE, env->deadline_ms);
		wire_add_if(out, WIRE_HIDDEN, 0, env->directory);
	}
	for (; i < env->setting_count && out->len < SETTINGS_FRAME; i++)
		wire_add(out, WIRE_SETTING, 0, env->settings[i].key,
			 env->settings[i].value);
	if (!buf_is_ok(out) || !put_frame(iso, out))
		return false;
	iso->settings_sent = i;
	iso->is_told = is_start;
	return true;
}

void channel_flush(struct isolated *iso)
{
	bool is_going = iso->life == LIFE_STARTING ||
			iso->life == LIFE_SERVING;

	pthread_mutex_lock(&iso->lock);
	while (is_going && !iso->is_told)
		is_going = put_settings(iso);
	if (is_going)
		channel_send(iso);
	pthread_mutex_unlock(&iso->lock);
}

void channel_room(struct isolated *iso)
{
	pthread_mutex_lock(&iso->lock);
	want_room(iso, false);
	pthread_mutex_unlock(&iso->lock);
	channel_flush(iso);
}

/* ---- receiving ----------------------------------------------------------- */

void channel_listen(struct isolated *iso, bool wanted)
{
	pthread_mutex_lock(&iso->lock);
	iso->is_hushed = !wanted;
	watch_again(iso);
	/* While we did not listen it could not be heard. */
	if (wanted)
		expect_progress(iso);
	pthread_mutex_unlock(&iso->lock);
}

static bool is_listened_to(const struct isolated *iso)
{
	return iso->life == LIFE_STARTING || iso->life == LIFE_SERVING;
}

static void inbound_datagram(struct isolated *iso, struct str datagram)
{
	unsigned count = 0;
	struct str frame;
	int more = 1;

	iso->supervisor->now_ns = clock_mono_ns();
	atomic_store_explicit(&iso->progress_ns, iso->supervisor->now_ns,
			      memory_order_relaxed);
	while (is_listened_to(iso) && more > 0) {
		more = wire_next(&datagram, &frame);
		/* A process of ours never has more to say at once. */
		if (more > 0 && ++count > HOST_WINDOW)
			lifecycle_end(iso, "it sent too many frames at once");
		else if (more > 0)
			inbound_frame(iso, frame);
		else if (more < 0)
			lifecycle_end(iso, "it sent a malformed frame");
	}
}

/* A descriptor comes with the greeting; once. */
static void take_descriptor(struct isolated *iso, struct msghdr *msg)
{
	int fd = child_descriptor_of(msg);

	if (iso->greeting == GREETING_NONE && iso->child.status < 0)
		iso->child.status = fd;
	else if (fd >= 0)
		close(fd);
}

/* How many came; -1: there is nobody any more. */
static int take(struct isolated *iso, struct mmsghdr *messages,
		union passed *passed, unsigned most)
{
	struct supervisor *s = iso->supervisor;
	struct iovec pieces[CHANNEL_BATCH];
	int n;

	for (unsigned i = 0; i < most; i++) {
		pieces[i] = (struct iovec){ s->in[i], sizeof(s->in[i]) };
		messages[i] = (struct mmsghdr){
			.msg_hdr = { .msg_iov = &pieces[i], .msg_iovlen = 1,
				     .msg_control = &passed[i],
				     .msg_controllen = sizeof(passed[i]) },
		};
	}
	do
		n = recvmmsg(iso->child.channel, messages, most,
			     MSG_DONTWAIT | MSG_CMSG_CLOEXEC, NULL);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	for (int i = 0; i < n; i++)
		take_descriptor(iso, &messages[i].msg_hdr);
	return n > 0 ? n : -1;
}

/* How many of these `count` were heard; -1: the last one was the end. */
static int hear(struct isolated *iso, const struct mmsghdr *messages, int count)
{
	for (int i = 0; i < count && is_listened_to(iso); i++) {
		size_t len = messages[i].msg_len;

		if (messages[i].msg_hdr.msg_flags & MSG_TRUNC)
			lifecycle_end(iso, "it sent a frame that is too long");
		else if (len)
			inbound_datagram(iso, (struct str){
				iso->supervisor->in[i], len });
		else
			return -1;
	}
	return count;
}

static void receive(struct isolated *iso, unsigned most, bool is_last)
{
	struct mmsghdr messages[CHANNEL_BATCH];
	union passed passed[CHANNEL_BATCH];
	bool is_spent = false;
	int n = CHANNEL_BATCH;

	while (is_listened_to(iso) && most && n == CHANNEL_BATCH && !is_spent) {
		n = take(iso, messages, passed, CHANNEL_BATCH);
		n = hear(iso, messages, n);
		most -= most < CHANNEL_BATCH ? most : CHANNEL_BATCH;
		is_spent = !is_last && share_is_spent(&iso->share,
						      clock_mono_ns());
	}
	if (n < 0 && is_listened_to(iso)) {
		/* Its own end is more telling, if that is why. */
		channel_unwatch(iso, iso->child.channel);
		child_kill(&iso->child);
	} else if (is_spent && is_listened_to(iso)) {
		lifecycle_hush(iso);
	}
	channel_flush(iso);
}

void channel_receive(struct isolated *iso)
{
	receive(iso, CHANNEL_TURN, false);
}

void channel_last_words(struct isolated *iso)
{
	receive(iso, CALLS_MAX, true);
}
